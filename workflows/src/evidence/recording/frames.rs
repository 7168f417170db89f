//! A file, frame by frame, with the chain checked.
//!
//! Nothing that is read here is trusted: sizes are compared with their bound and with the file before anything is
//! allocated, and no payload is given out before the hash of its frame was found right.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::format::{
    FORMAT, FRAME_HASH, FRAME_HEAD, Header, Kind, MAGIC, MAX_HEADER, MAX_PAYLOAD, PREAMBLE, first_head, step,
};
use super::seal::SealError;
use crate::evidence::{Hash, Head};

/// A recording cannot be read at all. What is wrong further on is an [`Ending`].
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("`{path}` cannot be read", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file does not begin like a recording, or is cut off within its header.
    #[error("`{path}` is not a recording, or its beginning is damaged", path = .0.display())]
    NotARecording(PathBuf),
    /// The content is sealed and no identity was given.
    #[error("the recording is sealed: an identity of {0} is needed")]
    Sealed(String),
    /// The identity does not open it.
    #[error("the recording cannot be unsealed")]
    Unseal(#[source] SealError),
}

/// How a recording ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The session was closed in order, and everything is there.
    Complete,
    /// The writer was stopped, or the end was cut off. Everything before is sound.
    Torn {
        /// First byte that does not belong to a whole frame.
        at_byte: u64,
    },
    /// A frame is not what the writer wrote. Everything before it is sound, nothing after it is known.
    Tampered {
        /// Number of the frame; the first is 1.
        frame: u64,
    },
}

pub(super) enum Found {
    /// A sound frame, its payload in `Frames::payload`; the chain before it.
    Frame(Kind, Head),
    Ended(Ending),
}

/// Cuts a file into frames and checks their chain.
pub(super) struct Frames {
    pub(super) path: PathBuf,
    from: BufReader<File>,
    pub(super) size: u64,
    at: u64,
    pub(super) head: Head,
    pub(super) payload: Vec<u8>,
    ended: bool,
}

impl Frames {
    pub(super) fn open(path: &Path) -> Result<(Self, Header), ReadError> {
        let failed = |source| ReadError::File { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let mut from = BufReader::with_capacity(64 * 1024, file);
        let opening = read_opening(&mut from).map_err(|error| {
            let damaged = [io::ErrorKind::UnexpectedEof, io::ErrorKind::InvalidData];
            if damaged.contains(&error.kind()) { ReadError::NotARecording(path.to_owned()) } else { failed(error) }
        })?;
        let header = opening
            .get(PREAMBLE..)
            .and_then(|json| serde_json::from_slice(json).ok())
            .filter(|header: &Header| (1..=FORMAT).contains(&header.format))
            .ok_or_else(|| ReadError::NotARecording(path.to_owned()))?;
        let frames = Self {
            path: path.to_owned(),
            from,
            size,
            at: opening.len() as u64,
            head: first_head(&opening),
            payload: Vec::new(),
            ended: false,
        };
        Ok((frames, header))
    }

    pub(super) fn next(&mut self) -> Result<Found, ReadError> {
        match self.read() {
            Ok(found) => Ok(found),
            // The file became shorter while it was read.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Ok(Found::Ended(Ending::Torn { at_byte: self.at }))
            }
            Err(source) => Err(ReadError::File { path: self.path.clone(), source }),
        }
    }

    fn read(&mut self) -> io::Result<Found> {
        let torn = Found::Ended(Ending::Torn { at_byte: self.at });
        let left = self.size.saturating_sub(self.at);
        if self.ended {
            return Ok(Found::Ended(match left {
                0 => Ending::Complete,
                _ => self.tampered(),
            }));
        }
        if left < (FRAME_HEAD + FRAME_HASH) as u64 {
            return Ok(torn);
        }
        let mut front = [0; FRAME_HEAD];
        self.from.read_exact(&mut front)?;
        let [a, b, c, d, kind] = front;
        let len = u32::from_be_bytes([a, b, c, d]) as usize;
        if len > MAX_PAYLOAD {
            return Ok(Found::Ended(self.tampered()));
        }
        let whole = (FRAME_HEAD + len + FRAME_HASH) as u64;
        if whole > left {
            return Ok(torn);
        }
        self.payload.clear();
        self.payload.extend_from_slice(&front);
        self.payload.resize(FRAME_HEAD + len, 0);
        if let Some(payload) = self.payload.get_mut(FRAME_HEAD..) {
            self.from.read_exact(payload)?;
        }
        let mut hash = [0; FRAME_HASH];
        self.from.read_exact(&mut hash)?;
        let before = self.head;
        let after = step(&before, &self.payload);
        match Kind::read(kind) {
            Some(kind) if after.hash == Hash::from(hash) => {
                self.payload.drain(..FRAME_HEAD);
                self.head = after;
                self.at += whole;
                self.ended = kind == Kind::End;
                Ok(Found::Frame(kind, before))
            }
            // After a power cut a file may have its length and not its bytes: zeros from somewhere to the end.
            // Whoever makes such an end on purpose gains nothing: cutting it off reads as torn as well.
            Some(_) | None if hash.ends_with(&[0]) && self.only_zeros()? => Ok(torn),
            Some(_) | None => Ok(Found::Ended(self.tampered())),
        }
    }

    pub(super) fn tampered(&self) -> Ending {
        Ending::Tampered { frame: self.head.seq.unsigned_abs() + 1 }
    }

    fn only_zeros(&mut self) -> io::Result<bool> {
        let mut block = [0; 4096];
        loop {
            let size = self.from.read(&mut block)?;
            if size == 0 {
                return Ok(true);
            }
            if block.iter().take(size).any(|byte| *byte != 0) {
                return Ok(false);
            }
        }
    }
}

fn read_opening(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut magic = [0; MAGIC.len()];
    from.read_exact(&mut magic)?;
    let mut size = [0; 4];
    from.read_exact(&mut size)?;
    let len = u32::from_be_bytes(size) as usize;
    if magic != MAGIC || len > MAX_HEADER {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut opening = [&magic[..], &size[..]].concat();
    opening.resize(PREAMBLE + len, 0);
    if let Some(json) = opening.get_mut(PREAMBLE..) {
        from.read_exact(json)?;
    }
    Ok(opening)
}
