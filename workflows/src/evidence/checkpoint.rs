//! Signed heads: "at this moment the log had this many entries and this hash".
//!
//! # Format
//!
//! A C2SP signed note whose text is a checkpoint with the time as an extension line:
//!
//! ```text
//! countersign.example.com/audit
//! 4711
//! q6LCFpcBhb3N3uDDmcBqYHMTgW0pNVBqKZ5l4nKX8jM=
//! 1793615000000000
//!
//! — countersign.example.com/audit <base64(key id || Ed25519 signature)>
//! ```
//!
//! The second line counts entries, the third is the last one's hash, the fourth is in microseconds since 1970.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::chain::{Hash, Head};
use super::key::{SigningKey, VerifyingKey};

/// No signed note is longer, in bytes.
pub(super) const MAX_NOTE: usize = 4096;

/// A statement about the log at one moment; worth something once it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log; equals the name of the key that signs.
    pub origin: String,
    /// Number of the last entry.
    pub seq: i64,
    /// Hash of the last entry.
    pub hash: Hash,
    /// When, in microseconds since 1970 (UTC).
    pub at: i64,
}

/// The text of a signed note. Having one does not mean that its signature is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote(String);

impl SignedNote {
    /// Takes a text as it is; [`Checkpoint::parse_and_verify`] judges it.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, last newline included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no head signed by the key at hand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not a signed note, or one that is longer than 4 KiB.
    #[error("it is not a signed note")]
    NotANote,
    /// Signed, but not by this key.
    #[error("it is not signed by `{0}`")]
    NotSigned(String),
    /// The signature names this key and does not fit the text.
    #[error("the signature of `{0}` does not fit the text")]
    BadSignature(String),
    /// Signed, but the text does not read as a head.
    #[error("the signed text is not the head of a log")]
    NotAHead,
    /// Signed for a log with another name.
    #[error("it is the head of another log, `{0}`")]
    OtherLog(String),
}

impl Checkpoint {
    /// A checkpoint for the head of the log that `key` signs.
    #[must_use]
    pub fn of(head: &Head, at: i64, key: &SigningKey) -> Self {
        Self { origin: key.verifying_key().name().to_owned(), seq: head.seq, hash: head.hash, at }
    }

    /// The signed form.
    ///
    /// `origin` must be the key's name; a note with another one is refused by [`Checkpoint::parse_and_verify`].
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> SignedNote {
        let text = self.text();
        let line = key.signature_line(&text);
        SignedNote(format!("{text}\n{line}"))
    }

    /// The head that this is about.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }

    /// Reads a signed note and believes it only if `key` signed it for its own log.
    ///
    /// Signatures of other keys (witnesses) are passed over; one by this key that does not fit is an error.
    ///
    /// # Errors
    ///
    /// See [`CheckpointError`]; the text is limited to 4 KiB.
    pub fn parse_and_verify(text: &str, key: &VerifyingKey) -> Result<Self, CheckpointError> {
        if text.len() > MAX_NOTE {
            return Err(CheckpointError::NotANote);
        }
        let (body, signatures) = split(text).ok_or(CheckpointError::NotANote)?;
        let mut signed = false;
        for line in signatures.lines() {
            let line = line.strip_prefix("— ").ok_or(CheckpointError::NotANote)?;
            match key.accepts(body, line) {
                Some(true) => signed = true,
                Some(false) => return Err(CheckpointError::BadSignature(key.name().to_owned())),
                None => {}
            }
        }
        if !signed {
            return Err(CheckpointError::NotSigned(key.name().to_owned()));
        }
        let checkpoint = Self::read(body).ok_or(CheckpointError::NotAHead)?;
        if checkpoint.origin == key.name() {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::OtherLog(checkpoint.origin))
        }
    }

    fn text(&self) -> String {
        let hash = STANDARD.encode(self.hash.as_bytes());
        format!("{}\n{}\n{hash}\n{}\n", self.origin, self.seq, self.at)
    }

    fn read(body: &str) -> Option<Self> {
        let mut lines = body.lines();
        let origin = lines.next()?.to_owned();
        let seq = lines.next()?.parse().ok()?;
        let hash: [u8; 32] = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        let checkpoint = Self { origin, seq, hash: hash.into(), at: lines.next()?.parse().ok()? };
        // Only the one text that we would write ourselves: no leading zeros, no further lines.
        (checkpoint.seq >= 0 && checkpoint.text() == body).then_some(checkpoint)
    }
}

/// The text (its last newline included) and the signature lines of a note.
fn split(note: &str) -> Option<(&str, &str)> {
    let (before, signatures) = note.rsplit_once("\n\n")?;
    let body = note.get(..before.len() + 1)?;
    let whole = signatures.ends_with('\n') && signatures.len() > 1;
    whole.then_some((body, signatures))
}
