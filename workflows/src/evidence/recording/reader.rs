//! The records of a recording, read back.

use std::fmt;
use std::path::Path;

use zstd::bulk::Decompressor;

use super::codec::Decoder;
use super::event::{Event, Record};
use super::format::{Header, Kind, MAX_BATCH, Totals};
use super::frames::{Ending, Found, Frames, ReadError};
use super::seal::Sealer;
use crate::evidence::Head;

/// Reads the records of one recording, oldest first, also while it is being written.
///
/// Iterate to the end, then ask for [`Reader::ending`]: records alone do not say whether something is missing.
pub struct Reader {
    frames: Frames,
    header: Header,
    sealer: Option<Sealer>,
    zstd: Decompressor<'static>,
    batch: Decoder,
    /// Of the batch that is given out now.
    frame: u64,
    totals: Totals,
    closed: bool,
    ending: Option<Ending>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Reader");
        f.field("header", &self.header).finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens a recording. `identity` is the text of an age identity file (`AGE-SECRET-KEY-1…`, comments allowed);
    /// it is not needed, and not looked at, if the recording is not sealed.
    ///
    /// # Errors
    ///
    /// If the file is no recording, or sealed to someone else.
    pub fn open(path: &Path, identity: Option<&str>) -> Result<Self, ReadError> {
        let (frames, header) = Frames::open(path)?;
        let sealer = match (&header.sealed, identity) {
            (None, _) => None,
            (Some(sealed), None) => return Err(ReadError::Sealed(sealed.recipients.join(" or "))),
            (Some(sealed), Some(identity)) => Some(Sealer::unwrap(sealed, identity).map_err(ReadError::Unseal)?),
        };
        let zstd = Decompressor::new().map_err(|source| ReadError::File { path: path.to_owned(), source })?;
        Ok(Self {
            frames,
            header,
            sealer,
            zstd,
            batch: Decoder::default(),
            frame: 0,
            totals: Totals::default(),
            closed: false,
            ending: None,
        })
    }

    /// The plain beginning of the file.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How the recording ends; `None` until the records were read to the end.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// The chain as far as it was read and found sound.
    #[must_use]
    pub fn head(&self) -> Head {
        self.frames.head
    }

    /// Reads one frame; `None` if it is sound and there may be more.
    fn advance(&mut self) -> Result<Option<Ending>, ReadError> {
        let (kind, before) = match self.frames.next()? {
            Found::Frame(kind, before) => (kind, before),
            Found::Ended(ending) => return Ok(Some(ending)),
        };
        self.frame = before.seq.unsigned_abs() + 1;
        let sound = match kind {
            Kind::Batch => self.unpack(&before),
            Kind::End => self.unseal(kind, &before).filter(|()| {
                let said = Totals::read(&self.frames.payload);
                self.closed && said == Some(self.totals)
            }),
        };
        Ok(sound.is_none().then(|| self.tampered()))
    }

    fn unseal(&mut self, kind: Kind, before: &Head) -> Option<()> {
        match &self.sealer {
            Some(sealer) => sealer.open(before, kind, &mut self.frames.payload),
            None => Some(()),
        }
    }

    fn unpack(&mut self, before: &Head) -> Option<()> {
        self.unseal(Kind::Batch, before)?;
        let batch = self.zstd.decompress(&self.frames.payload, MAX_BATCH).ok()?;
        self.totals.batches += 1;
        self.totals.bytes += batch.len() as u64;
        self.batch = Decoder::new(batch);
        Some(())
    }

    fn tampered(&self) -> Ending {
        Ending::Tampered { frame: self.frame }
    }
}

impl Iterator for Reader {
    type Item = Result<Record, ReadError>;

    /// An error means that the disk could not be read; it ends the iteration, and `ending` stays `None`.
    fn next(&mut self) -> Option<Self::Item> {
        while self.ending.is_none() {
            match self.batch.next() {
                Some(Ok(record)) => {
                    self.totals.records += 1;
                    self.closed = matches!(record.what, Event::End { .. });
                    return Some(Ok(record));
                }
                Some(Err(_)) => self.ending = Some(self.tampered()),
                None => match self.advance() {
                    Ok(ending) => self.ending = ending,
                    Err(error) => return Some(Err(error)),
                },
            }
        }
        None
    }
}
