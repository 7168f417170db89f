//! The bytes of a recording.
//!
//! ```text
//! file     = "CSREC\r\n" | version u8 = 1 | size u32 BE | header (JSON, `size` bytes) | frame*
//! frame    = len u32 BE | kind u8 | payload (`len` bytes) | hash (32 bytes)
//! hash_0   = SHA-256( "countersign recording v1\n" | everything up to the first frame )
//! hash_i   = SHA-256( hash_{i-1} | len | kind | payload )
//! kind 1   = batch: zstd( record* )
//! kind 2   = end, the last frame: records u64 BE | batches u64 BE | plain bytes u64 BE
//! sealed   = if the header has `sealed`, each payload is ChaCha20-Poly1305( as above ), tag last;
//!            nonce = 0u32 | number of the frame u64 BE (from 0), associated data = hash_{i-1} | kind
//! record   = see `event.rs`
//! ```
//!
//! The file's 32-byte key is new for each file, so that a counter is a safe nonce; the header holds it wrapped as
//! an age file. The hashes go over what is in the file, sealed or not: the chain can be checked without the key.
//!
//! Bounds: header 64 KiB, payload 4 MiB, batch 16 MiB once decompressed. A reader checks them, then allocates.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::evidence::{Hash, Head};

/// What every recording begins with; the last byte is the version. The line end shows a transfer "as text".
pub(super) const MAGIC: [u8; 8] = *b"CSREC\r\n\x01";
/// The version that is written. In 2 there are lines that were typed and the content of files, which a reader of 1 does not
/// know; the bytes are the same.
pub(super) const FORMAT: u32 = 2;
/// Bytes before the header: magic, version, size.
pub(super) const PREAMBLE: usize = 12;
/// Largest header, in bytes.
pub(super) const MAX_HEADER: usize = 64 * 1024;
/// Largest payload of a frame, in bytes.
pub(super) const MAX_PAYLOAD: usize = 4 * 1024 * 1024;
/// Largest batch once decompressed, in bytes.
pub(super) const MAX_BATCH: usize = 16 * 1024 * 1024;
/// Bytes of a frame before its payload.
pub(super) const FRAME_HEAD: usize = 5;
/// Bytes of a frame after its payload.
pub(super) const FRAME_HASH: usize = 32;

const DOMAIN: &[u8] = b"countersign recording v1\n";

/// The plain beginning of a recording: readable without a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Version of what is in it: 1 or 2.
    pub format: u32,
    /// Id of the session.
    pub session: String,
    /// When the recording began, in microseconds since 1970 (UTC).
    pub started: i64,
    /// How the content is sealed; absent if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Sealed>,
}

/// How a recording's content is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The file's key, as an age file for one or several X25519 recipients, in base64.
    pub key: String,
    /// The recipients, so that one knows which identity opens it.
    pub recipients: Vec<String>,
}

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Batch,
    End,
}

impl Kind {
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Batch => 1,
            Self::End => 2,
        }
    }

    pub(super) fn read(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Batch),
            2 => Some(Self::End),
            _ => None,
        }
    }
}

/// Magic, size and header, ready to be written.
pub(super) fn opening(header: &Header) -> Result<Vec<u8>, serde_json::Error> {
    let json = serde_json::to_vec(header)?;
    let mut bytes = Vec::with_capacity(PREAMBLE + json.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&(json.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&json);
    Ok(bytes)
}

/// The head of a recording that has no frames yet; `opening` is everything before them.
pub(super) fn first_head(opening: &[u8]) -> Head {
    let hash = Hash::finish(Sha256::new_with_prefix(DOMAIN).chain_update(opening));
    Head { seq: 0, hash }
}

/// The head after one more frame; `frame` is length, kind and payload.
pub(super) fn step(head: &Head, frame: &[u8]) -> Head {
    let hasher = Sha256::new_with_prefix(head.hash.as_bytes()).chain_update(frame);
    Head { seq: head.seq.saturating_add(1), hash: Hash::finish(hasher) }
}

/// Length and kind of a frame.
pub(super) fn frame_head(len: usize, kind: Kind) -> [u8; FRAME_HEAD] {
    let [a, b, c, d] = (len as u32).to_be_bytes();
    [a, b, c, d, kind.byte()]
}

/// What the last frame says about all the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) records: u64,
    pub(super) batches: u64,
    pub(super) bytes: u64,
}

impl Totals {
    pub(super) fn write(self) -> Vec<u8> {
        [self.records, self.batches, self.bytes].map(u64::to_be_bytes).concat()
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let &[records, batches, bytes] = words else {
            return None;
        };
        rest.is_empty().then_some(Self {
            records: u64::from_be_bytes(records),
            batches: u64::from_be_bytes(batches),
            bytes: u64::from_be_bytes(bytes),
        })
    }
}
