//! One session's recording as the writer sees it: a batch that fills up, and the file that it goes to.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use zstd::bulk::Compressor;

use super::format::{FRAME_HASH, FRAME_HEAD, Kind, MAX_PAYLOAD, Totals, frame_head, step};
use super::lock::Locked;
use super::seal::{SealError, Sealer, TAG};
use crate::evidence::Head;

/// Something could not be recorded. Whoever gets one of these ends the session: no record, no pass.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecordError {
    /// No space is left, or a quota is used up.
    #[error("the disk for recordings is full")]
    Full,
    /// The disk or the file failed otherwise.
    #[error("the recording cannot be written ({0})")]
    Io(io::ErrorKind),
    /// One record is larger than 3 MiB, or one output larger than 16 MiB. Nothing of it was recorded.
    #[error("a record of {0} bytes is too large")]
    TooLarge(usize),
    /// More than `queue_bytes` + 16 MiB of this session wait for the disk: [`Tape::ready`](super::Tape::ready) was
    /// not waited for. Nothing of the record was taken.
    #[error("the recorder is behind: {0} bytes of this session wait for the disk")]
    Behind(usize),
    /// The writer's thread is gone.
    #[error("the recorder has stopped")]
    Stopped,
    /// The session id cannot be a file name: 1 to 64 letters, digits, `_` and `-`.
    #[error("`{0}` cannot name a recording")]
    Name(String),
    /// There is a recording of this session already.
    #[error("the session `{0}` has a recording already")]
    Exists(String),
    /// The file's key could not be made or wrapped.
    #[error("the recording cannot be sealed")]
    Seal(#[source] Arc<SealError>),
}

impl From<io::Error> for RecordError {
    fn from(error: io::Error) -> Self {
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        if full.contains(&error.kind()) { Self::Full } else { Self::Io(error.kind()) }
    }
}

/// Encoded records that make one frame.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) records: u64,
}

/// What waits for the thread. Holds no memory while the session is idle.
pub(super) struct Batch {
    /// Fills up now.
    pub(super) open: Chunk,
    /// Time of the last record in `open`; 0 if there is none.
    pub(super) since: i64,
    /// Full ones, oldest first.
    pub(super) full: Vec<Chunk>,
    /// Bytes in all of them and in the thread's hands.
    pub(super) waiting: usize,
    /// Is in the thread's list of sessions to be swept.
    pub(super) dirty: bool,
    /// Is in the thread's list of sessions to be written at once.
    pub(super) urgent: bool,
    /// Chain as of the last write.
    pub(super) head: Head,
    /// Once set, nothing of this session is written any more.
    pub(super) failed: Option<RecordError>,
}

/// A session, shared by its tape and the thread. The tape never touches `sink`.
pub(super) struct Session {
    pub(super) batch: Locked<Batch>,
    pub(super) sink: Locked<Sink>,
}

impl Session {
    pub(super) fn new(sink: Sink) -> Self {
        let batch = Batch {
            open: Chunk::default(),
            since: 0,
            full: Vec::new(),
            waiting: 0,
            dirty: false,
            urgent: false,
            head: sink.head,
            failed: None,
        };
        Self { batch: Locked::new(batch), sink: Locked::new(sink) }
    }

    pub(super) fn fail(&self, error: RecordError) {
        self.batch.lock().failed.get_or_insert(error);
    }
}

/// What is needed to make frames, reused from one to the next.
pub(super) struct Press {
    zstd: Compressor<'static>,
    payload: Vec<u8>,
    frame: Vec<u8>,
}

impl Press {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { zstd: Compressor::new(1)?, payload: Vec::new(), frame: Vec::new() })
    }

    /// Gives back what an unusually large batch needed.
    pub(super) fn relax(&mut self) {
        const KEEP: usize = 256 * 1024;
        self.payload.clear();
        self.payload.shrink_to(KEEP);
        self.frame.clear();
        self.frame.shrink_to(KEEP);
    }
}

/// The file of a session and its chain.
pub(super) struct Sink {
    file: File,
    /// The folder, until the file's name in it has reached the disk.
    folder: Option<Arc<File>>,
    sealer: Option<Sealer>,
    pub(super) head: Head,
    totals: Totals,
    unsynced: bool,
    broken: bool,
}

impl Sink {
    /// `file` holds the header and nothing after it; `head` is the chain up to there.
    pub(super) fn new(file: File, folder: Option<Arc<File>>, sealer: Option<Sealer>, head: Head) -> Self {
        Self { file, folder, sealer, head, totals: Totals::default(), unsynced: true, broken: false }
    }

    /// Appends a batch.
    pub(super) fn batch(&mut self, chunk: &Chunk, press: &mut Press) -> Result<(), RecordError> {
        let Press { zstd, payload, .. } = press;
        payload.clear();
        payload.reserve(zstd::compress_bound(chunk.bytes.len()) + TAG);
        zstd.compress_to_buffer(&chunk.bytes, payload)?;
        self.frame(Kind::Batch, press)?;
        self.totals.records += chunk.records;
        self.totals.batches += 1;
        self.totals.bytes += chunk.bytes.len() as u64;
        Ok(())
    }

    /// Appends the last frame; anything after it would be taken for tampering.
    pub(super) fn end(&mut self, press: &mut Press) -> Result<(), RecordError> {
        press.payload.clear();
        press.payload.extend_from_slice(&self.totals.write());
        self.frame(Kind::End, press)?;
        self.broken = true;
        Ok(())
    }

    /// Waits until everything is on the disk.
    pub(super) fn sync(&mut self) -> Result<Head, RecordError> {
        if self.unsynced {
            self.file.sync_data()?;
            if let Some(folder) = &self.folder {
                folder.sync_all()?;
            }
            self.folder = None;
            self.unsynced = false;
        }
        Ok(self.head)
    }

    /// Writes `press.payload` as one frame.
    ///
    /// INVARIANT: after a failure no further frame follows. Half a frame may be in the file, and the sealer's
    /// nonce may be used.
    fn frame(&mut self, kind: Kind, press: &mut Press) -> Result<(), RecordError> {
        let Press { payload, frame, .. } = press;
        if self.broken {
            return Err(RecordError::Io(io::ErrorKind::BrokenPipe));
        }
        self.broken = true;
        if let Some(sealer) = &self.sealer {
            sealer.seal(&self.head, kind, payload).ok_or(RecordError::TooLarge(payload.len()))?;
        }
        if payload.len() > MAX_PAYLOAD {
            return Err(RecordError::TooLarge(payload.len()));
        }
        frame.clear();
        frame.reserve(FRAME_HEAD + payload.len() + FRAME_HASH);
        frame.extend_from_slice(&frame_head(payload.len(), kind));
        frame.extend_from_slice(payload);
        let head = step(&self.head, frame);
        frame.extend_from_slice(head.hash.as_bytes());
        self.file.write_all(frame)?;
        self.head = head;
        self.unsynced = true;
        self.broken = false;
        Ok(())
    }
}
