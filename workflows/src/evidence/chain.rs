//! The audit chain: entries that each carry the hash of the one before.
//!
//! # Format
//!
//! ```text
//! genesis = SHA-256( "countersign audit origin v1\n" || text(origin) )
//! hash    = SHA-256( "countersign audit entry v1\n" || prev (32 bytes) || seq (i64 BE) || at (i64 BE)
//!                    || text(actor) || text(verb) || text(about) || text(detail) )
//! text(t) = length of t in bytes (u64 BE) || t in UTF-8
//! ```
//!
//! The first line keeps these hashes apart from every other hash that we make, and the lengths keep
//! `("ab", "c")` apart from `("a", "bc")`. `detail` is hashed as the text that it is: whoever stores it must
//! give back the same bytes, so it is stored as TEXT and never as a database's own JSON type.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const ORIGIN_DOMAIN: &[u8] = b"countersign audit origin v1\n";
const ENTRY_DOMAIN: &[u8] = b"countersign audit entry v1\n";

/// A SHA-256 hash; 64 lower-case hexadecimal digits as text and in JSON.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Finishes a hasher.
    pub(crate) fn finish(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a `Hash`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 64 lower-case hexadecimal digits")]
pub struct ParseHashError;

impl FromStr for Hash {
    type Err = ParseHashError;

    /// Strict: only the text that `Display` writes.
    fn from_str(text: &str) -> Result<Self, ParseHashError> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let pairs: &[[u8; 2]; 32] = pairs.try_into().map_err(|_| ParseHashError)?;
        if !rest.is_empty() {
            return Err(ParseHashError);
        }
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(bytes))
    }
}

fn digit(c: u8) -> Result<u8, ParseHashError> {
    match c {
        b'0'..=b'9' => Ok(c - b'0'),
        b'a'..=b'f' => Ok(c - b'a' + 10),
        _ => Err(ParseHashError),
    }
}

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How far a chain has come: the number of its links and the hash of the last one.
///
/// Used for the audit chain (`seq` counts entries) and for recordings (`seq` counts frames).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Number of the last link; 0 before the first.
    pub seq: i64,
    /// Hash of the last link; the genesis hash before the first.
    pub hash: Hash,
}

impl Head {
    /// The head of an empty audit chain. `origin` names the log, e.g. `countersign.example.com/audit`.
    #[must_use]
    pub fn genesis(origin: &str) -> Self {
        let mut hasher = Sha256::new_with_prefix(ORIGIN_DOMAIN);
        text(&mut hasher, origin);
        Self { seq: 0, hash: Hash::finish(hasher) }
    }
}

/// One entry of the audit log.
///
/// In JSON it is one object with these names; that is a line of the exported log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its number; the first is 1 and none is left out.
    pub seq: i64,
    /// When, in microseconds since 1970 (UTC), by the store's clock.
    pub at: i64,
    /// Who did it.
    pub actor: String,
    /// What was done.
    pub verb: String,
    /// Id of what it concerns.
    pub about: String,
    /// More about it: canonical JSON text. Its bytes are hashed, so keep it as text.
    pub detail: String,
    /// Hash of the entry before, or the genesis hash.
    pub prev: Hash,
    /// Hash over all of the above.
    pub hash: Hash,
}

impl Entry {
    /// The head of a chain that ends with this entry.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }

    /// The hash that this entry's other fields give. It differs from `hash` if any of them was changed.
    #[must_use]
    pub fn recount(&self) -> Hash {
        let mut hasher = Sha256::new_with_prefix(ENTRY_DOMAIN);
        hasher.update(self.prev.as_bytes());
        hasher.update(self.seq.to_be_bytes());
        hasher.update(self.at.to_be_bytes());
        for field in [&self.actor, &self.verb, &self.about, &self.detail] {
            text(&mut hasher, field);
        }
        Hash::finish(hasher)
    }
}

/// Makes the entry that follows `prev`. Pure: the caller stores it, in the transaction of what it tells about.
///
/// `at` is in microseconds since 1970 (UTC); `detail` is JSON text in one fixed form.
#[must_use]
pub fn link(
    prev: &Head,
    at: i64,
    actor: impl Into<String>,
    verb: impl Into<String>,
    about: impl Into<String>,
    detail: impl Into<String>,
) -> Entry {
    let mut entry = Entry {
        seq: prev.seq.saturating_add(1),
        at,
        actor: actor.into(),
        verb: verb.into(),
        about: about.into(),
        detail: detail.into(),
        prev: prev.hash,
        hash: prev.hash,
    };
    entry.hash = entry.recount();
    entry
}

fn text(hasher: &mut Sha256, text: &str) {
    hasher.update((text.len() as u64).to_be_bytes());
    hasher.update(text.as_bytes());
}
