//! The key of a recording: one per file, wrapped to age recipients, used for ChaCha20-Poly1305.

use std::fmt;
use std::io::{Read, Write};

use age::secrecy::zeroize::Zeroizing;
use age::x25519;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::{AeadInPlace, ChaCha20Poly1305, Key, KeyInit, Nonce, Tag};

use super::format::{Kind, Sealed};
use crate::evidence::Head;

/// Bytes that sealing adds to a payload.
pub(super) const TAG: usize = 16;
/// So many wrapped keys fit the header's 64 KiB; see the test.
const MAX_RECIPIENTS: usize = 64;

/// A recording's key could not be made, wrapped or opened. No variant holds a key or part of one.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Not an age X25519 recipient.
    #[error("`{0}` is not an age recipient (age1…)")]
    Recipient(String),
    /// So many recipients that the header would be too large.
    #[error("a recording cannot be sealed to {0} recipients: 64 are the most")]
    TooMany(usize),
    /// The text holds no age X25519 identity.
    #[error("this is not an age identity (AGE-SECRET-KEY-1…)")]
    Identity,
    /// The system gave no random bytes.
    #[error("the system gives no random numbers")]
    Random(#[source] getrandom::Error),
    /// age could not wrap the key.
    #[error("the recording's key cannot be wrapped")]
    Wrap(#[source] age::EncryptError),
    /// The wrapped key was made for another identity.
    #[error("this identity does not open the recording")]
    NotForThis(#[source] age::DecryptError),
    /// The wrapped key is damaged.
    #[error("the recording's wrapped key is damaged")]
    Damaged,
}

/// Whom recordings are sealed to; empty means that they are not sealed.
pub(super) struct Recipients(Vec<x25519::Recipient>);

impl Recipients {
    pub(super) fn parse(recipients: &[String]) -> Result<Self, SealError> {
        if recipients.len() > MAX_RECIPIENTS {
            return Err(SealError::TooMany(recipients.len()));
        }
        let parse = |text: &String| text.parse().map_err(|_| SealError::Recipient(text.to_owned()));
        recipients.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// A new key for one file, and its wrapped form for the header; `None` if nothing is sealed.
    pub(super) fn new_key(&self) -> Result<Option<(Sealer, Sealed)>, SealError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut()).map_err(SealError::Random)?;
        let sealed = Sealed {
            key: STANDARD.encode(self.wrap(&key).map_err(SealError::Wrap)?),
            recipients: self.0.iter().map(ToString::to_string).collect(),
        };
        Ok(Some((Sealer::new(&key), sealed)))
    }

    fn wrap(&self, key: &[u8; 32]) -> Result<Vec<u8>, age::EncryptError> {
        let recipients = self.0.iter().map(|one| one as &dyn age::Recipient);
        let mut wrapped = Vec::new();
        let mut writer = age::Encryptor::with_recipients(recipients)?.wrap_output(&mut wrapped)?;
        writer.write_all(key)?;
        writer.finish()?;
        Ok(wrapped)
    }
}

/// Seals or opens the payloads of one file, in the order of its frames.
pub(super) struct Sealer {
    cipher: ChaCha20Poly1305,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    fn new(key: &[u8; 32]) -> Self {
        Self { cipher: ChaCha20Poly1305::new(Key::from_slice(key)) }
    }

    /// Opens a header's wrapped key. `identity` is the text of an age identity file: one or several
    /// `AGE-SECRET-KEY-1…` lines, comments allowed.
    pub(super) fn unwrap(sealed: &Sealed, identity: &str) -> Result<Self, SealError> {
        let lines = identity.lines().map(str::trim);
        let keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let identities = keys
            .map(str::parse::<x25519::Identity>)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| SealError::Identity)?;
        if identities.is_empty() {
            return Err(SealError::Identity);
        }
        let wrapped = STANDARD.decode(&sealed.key).map_err(|_| SealError::Damaged)?;
        let plain = age::Decryptor::new_buffered(wrapped.as_slice())
            .and_then(|age| age.decrypt(identities.iter().map(|one| one as &dyn age::Identity)))
            .map_err(SealError::NotForThis)?;
        let mut key = Zeroizing::new(Vec::with_capacity(33));
        plain.take(33).read_to_end(&mut key).map_err(|_| SealError::Damaged)?;
        let key: &[u8; 32] = key.as_slice().try_into().map_err(|_| SealError::Damaged)?;
        Ok(Self::new(key))
    }

    /// Seals in place and appends the tag. `head` is the chain before this frame.
    pub(super) fn seal(&self, head: &Head, kind: Kind, payload: &mut Vec<u8>) -> Option<()> {
        let tag = self.cipher.encrypt_in_place_detached(&nonce(head), &context(head, kind), payload).ok()?;
        payload.extend_from_slice(&tag);
        Some(())
    }

    /// Opens in place and takes the tag away; `None` if it was not sealed by this key at this place.
    pub(super) fn open(&self, head: &Head, kind: Kind, payload: &mut Vec<u8>) -> Option<()> {
        let size = payload.len().checked_sub(TAG)?;
        let tag = Tag::clone_from_slice(payload.get(size..)?);
        payload.truncate(size);
        self.cipher.decrypt_in_place_detached(&nonce(head), &context(head, kind), payload, &tag).ok()
    }
}

// INVARIANT: a nonce is used once per key. The head only moves forward, and after a failed write the file gets
// no further frame; see `Sink::frame`.
fn nonce(head: &Head) -> Nonce {
    let mut nonce = [0; 12];
    for (to, from) in nonce.iter_mut().rev().zip(head.seq.to_le_bytes()) {
        *to = from;
    }
    nonce.into()
}

fn context(head: &Head, kind: Kind) -> [u8; 33] {
    let mut context = [kind.byte(); 33];
    for (to, from) in context.iter_mut().zip(head.hash.as_bytes()) {
        *to = *from;
    }
    context
}
