//! The writing side as a session sees it: a [`Tape`] that events are put on.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::anchor::Anchor;
use super::codec::{self, Bracket};
use super::event::EventRef;
use super::session::{Batch, RecordError, Session};
use super::thread::{Ask, Reply};
use super::writer::Owner;
use crate::evidence::Head;

/// A batch this large goes to the thread at once, in bytes.
const BATCH: usize = 32 * 1024;
/// Largest single record, in bytes: with a batch before it, it still fits a frame.
pub(super) const MAX_RECORD: usize = 3 * 1024 * 1024;
/// An output beyond this is cut into several records, in bytes.
const PIECE: usize = 256 * 1024;
/// Largest output that one `put` takes, in bytes.
const MAX_OUTPUT: usize = 16 * 1024 * 1024;

/// The recording of one session. If it is dropped and not closed, what was put is still written, and the file
/// reads as torn.
pub struct Tape {
    owner: Arc<Owner>,
    session: Arc<Session>,
    path: PathBuf,
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Tape");
        f.field("head", &self.head()).finish_non_exhaustive()
    }
}

impl Tape {
    pub(super) fn new(owner: Arc<Owner>, session: Arc<Session>, path: PathBuf) -> Self {
        Self { owner, session, path }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A handle for whoever binds the recording to the audit log while it goes on.
    #[must_use]
    pub fn anchor(&self) -> Anchor {
        Anchor::new(&self.owner, &self.session)
    }

    /// Records an event with the time of now. Never waits, never drops: it copies into memory, and the thread
    /// writes within `flush_every`. Before bulk (each [`EventRef::Output`]), wait for [`Tape::ready`].
    ///
    /// # Errors
    ///
    /// Any error means: end the session. Once a write failed ([`RecordError::Full`], [`RecordError::Io`]), every
    /// later `put` of this session fails, and that of all others until a recording can be begun again.
    pub fn put(&mut self, event: EventRef<'_>) -> Result<(), RecordError> {
        if let EventRef::Output { op, bytes } = event
            && bytes.len() > PIECE
        {
            if bytes.len() > MAX_OUTPUT {
                return Err(RecordError::TooLarge(bytes.len()));
            }
            let mut pieces = bytes.chunks(PIECE);
            return pieces.try_for_each(|bytes| self.put_one(EventRef::Output { op, bytes }));
        }
        self.put_one(event)
    }

    fn put_one(&mut self, event: EventRef<'_>) -> Result<(), RecordError> {
        let size = codec::bound(&event);
        if size > MAX_RECORD {
            return Err(RecordError::TooLarge(size));
        }
        self.owner.shared.sound()?;
        self.append(|to, since, at| codec::encode(to, since, at, &event))
    }

    fn append(&mut self, encode: impl FnOnce(&mut Vec<u8>, i64, i64)) -> Result<(), RecordError> {
        let shared = &self.owner.shared;
        let at = (shared.now)();
        let mut batch = self.session.batch.lock();
        if let Some(error) = &batch.failed {
            return Err(error.clone());
        }
        if batch.waiting >= shared.limit.saturating_add(MAX_OUTPUT) {
            return Err(RecordError::Behind(batch.waiting));
        }
        let batch = &mut *batch;
        if batch.open.bytes.capacity() == 0 {
            let listed = std::mem::replace(&mut batch.dirty, true);
            batch.open.bytes = shared.begin_batch(&self.session, listed);
        }
        let before = batch.open.bytes.len();
        encode(&mut batch.open.bytes, batch.since, at);
        batch.since = at;
        batch.open.records += 1;
        let size = batch.open.bytes.len() - before;
        batch.waiting += size;
        shared.add(size);
        if batch.open.bytes.len() >= BATCH {
            return self.hand_over(batch);
        }
        Ok(())
    }

    fn hand_over(&self, batch: &mut Batch) -> Result<(), RecordError> {
        batch.full.push(std::mem::take(&mut batch.open));
        batch.since = 0;
        self.urge(batch)
    }

    fn urge(&self, batch: &mut Batch) -> Result<(), RecordError> {
        if std::mem::replace(&mut batch.urgent, true) {
            return Ok(());
        }
        self.owner.shared.ask(&self.session, Ask::Write)
    }

    /// Waits until there is room for bulk: less than `queue_bytes` of all sessions wait for the disk. Required
    /// before each [`EventRef::Output`], since it is what keeps memory bounded. Cancel-safe.
    ///
    /// # Errors
    ///
    /// If this session or the recorder has failed.
    pub async fn ready(&mut self) -> Result<(), RecordError> {
        self.owner.shared.room().await?;
        let failed = self.session.batch.lock().failed.clone();
        failed.map_or(Ok(()), Err)
    }

    /// Asks the thread to write what was put without waiting for the next sweep. Does not wait itself.
    ///
    /// # Errors
    ///
    /// If the thread is gone.
    pub fn flush_soon(&mut self) -> Result<(), RecordError> {
        let mut batch = self.session.batch.lock();
        self.urge(&mut batch)
    }

    /// Resolves when everything put so far is on the disk (fdatasync). Wait for it before a held statement is
    /// released. The head that it gives is fit to be anchored in the audit log. Cancel-safe: the write happens.
    ///
    /// # Errors
    ///
    /// If any of it could not be written; then the session has failed.
    pub async fn flush(&mut self) -> Result<Head, RecordError> {
        self.ask(Ask::Sync).await
    }

    /// The chain as of the last write. It may not have reached the disk: anchor what [`Tape::flush`] gives.
    #[must_use]
    pub fn head(&self) -> Head {
        self.session.batch.lock().head
    }

    /// Ends the recording in order: `End` with `json`, the frame of totals, fdatasync. Gives the last head.
    ///
    /// # Errors
    ///
    /// If any of it could not be written; the file then reads as torn.
    pub async fn close(mut self, json: &str) -> Result<Head, RecordError> {
        if json.len() > MAX_RECORD {
            return Err(RecordError::TooLarge(json.len()));
        }
        self.append(|to, since, at| codec::encode_bracket(to, since, at, Bracket::End, json))?;
        self.ask(Ask::Close).await
    }

    async fn ask(&self, ask: impl FnOnce(Reply) -> Ask) -> Result<Head, RecordError> {
        let (reply, answer) = oneshot::channel();
        self.owner.shared.ask(&self.session, ask(reply))?;
        answer.await.unwrap_or(Err(RecordError::Stopped))
    }
}

#[cfg(test)]
impl Tape {
    /// Keeps the thread from this session's file while the guard lives.
    pub(super) fn hold_up(&self) -> HeldUp {
        let session = Arc::clone(&self.session);
        let (release, released) = std::sync::mpsc::channel::<()>();
        let (ready, is_ready) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let _sink = session.sink.lock();
            let _ = ready.send(());
            let _ = released.recv();
        });
        let _ = is_ready.recv();
        HeldUp(release)
    }

    /// Memory that waits in this session's batch, in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        let batch = self.session.batch.lock();
        batch.open.bytes.capacity() + batch.full.len()
    }
}

/// See [`Tape::hold_up`].
#[cfg(test)]
pub(super) struct HeldUp(#[expect(dead_code, reason = "released when it is dropped")] std::sync::mpsc::Sender<()>);
