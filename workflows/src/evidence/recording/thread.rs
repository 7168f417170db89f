//! The one thread that writes all recordings, and the list of work that sessions leave for it.
//!
//! No session has a timer. A session that wrote its first record since the last sweep puts itself on a *dirty*
//! list; the first one on an empty list wakes the thread, which sweeps the whole list `flush_every` later. So an
//! idle gateway wakes nobody, and a busy one pays one wake-up per sweep. Full batches and flushes are *jobs*:
//! they wake the thread at once, and go before what is left of a sweep.
//!
//! Lock order: a session's batch, then the queue. The thread takes them one at a time.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::lock::Locked;
use super::session::{Chunk, Press, RecordError, Session};
use super::writer::Now;
use crate::evidence::Head;

/// Sessions of a sweep that are written before jobs are looked at again.
const SLICE: usize = 64;
/// Buffers that are kept for the next batches, and the largest that is kept, in bytes.
const SPARES: usize = 64;
const MAX_SPARE: usize = 64 * 1024;

pub(super) type Reply = oneshot::Sender<Result<Head, RecordError>>;

/// What a session wants from the thread now.
pub(super) enum Ask {
    Write,
    Sync(Reply),
    Close(Reply),
}

struct Job {
    session: Arc<Session>,
    ask: Ask,
}

#[derive(Default)]
struct Queue {
    dirty: Vec<Arc<Session>>,
    jobs: Vec<Job>,
    settle: Vec<oneshot::Sender<()>>,
    spare: Vec<Vec<u8>>,
    /// When the dirty list is to be swept; set by the thread.
    due: Option<Instant>,
    /// Sweep now.
    hurry: bool,
    /// The thread waits and must be woken.
    asleep: bool,
    /// No handle is left: write what there is, then end.
    stop: bool,
    /// The thread is gone.
    dead: bool,
    trouble: Option<RecordError>,
}

/// What the recorder, its tapes and the thread share.
pub(super) struct Shared {
    queue: Locked<Queue>,
    bell: Condvar,
    room: Notify,
    pending: AtomicUsize,
    troubled: AtomicBool,
    pub(super) limit: usize,
    pub(super) now: Now,
    flush_every: Duration,
}

impl Shared {
    pub(super) fn new(limit: usize, flush_every: Duration, now: Now) -> Self {
        Self {
            queue: Locked::default(),
            bell: Condvar::new(),
            room: Notify::new(),
            pending: AtomicUsize::new(0),
            troubled: AtomicBool::new(false),
            limit,
            now,
            flush_every,
        }
    }

    /// An empty buffer for a batch, and the session onto the list of the next sweep unless it is there already.
    pub(super) fn begin_batch(&self, session: &Arc<Session>, listed: bool) -> Vec<u8> {
        let mut queue = self.queue.lock();
        if !listed {
            queue.dirty.push(Arc::clone(session));
            if queue.due.is_none() {
                self.wake(&mut queue);
            }
        }
        queue.spare.pop().unwrap_or_else(|| Vec::with_capacity(512))
    }

    /// Leaves a job. Fails once the thread is gone, since nobody would answer.
    pub(super) fn ask(&self, session: &Arc<Session>, ask: Ask) -> Result<(), RecordError> {
        let mut queue = self.queue.lock();
        if queue.dead {
            return Err(RecordError::Stopped);
        }
        queue.jobs.push(Job { session: Arc::clone(session), ask });
        self.wake(&mut queue);
        Ok(())
    }

    /// Resolves when everything that was put before is written (not synced); at once if the thread is gone.
    pub(super) fn settle(&self) -> oneshot::Receiver<()> {
        let (reply, settled) = oneshot::channel();
        let mut queue = self.queue.lock();
        if !queue.dead {
            queue.settle.push(reply);
            self.wake(&mut queue);
        }
        settled
    }

    pub(super) fn stop(&self) {
        let mut queue = self.queue.lock();
        queue.stop = true;
        self.wake(&mut queue);
    }

    fn wake(&self, queue: &mut Queue) {
        // The flag saves a system call per notice while the thread is at work anyway.
        if mem::take(&mut queue.asleep) {
            self.bell.notify_one();
        }
    }

    pub(super) fn add(&self, bytes: usize) {
        self.pending.fetch_add(bytes, Ordering::Relaxed);
    }

    fn subtract(&self, bytes: usize) {
        let before = self.pending.fetch_sub(bytes, Ordering::Relaxed);
        if before >= self.limit && before.saturating_sub(bytes) < self.limit {
            self.room.notify_waiters();
        }
    }

    /// Waits until less than the limit waits for the disk. Cancel-safe.
    pub(super) async fn room(&self) -> Result<(), RecordError> {
        // Nearly always there is room, and then nobody has to be woken.
        while !self.has_room()? {
            let room = self.room.notified();
            tokio::pin!(room);
            // Enabled before the second look, so that room made in between is not missed.
            room.as_mut().enable();
            if self.has_room()? {
                break;
            }
            {
                let mut queue = self.queue.lock();
                queue.hurry = true;
                self.wake(&mut queue);
            }
            room.await;
        }
        Ok(())
    }

    fn has_room(&self) -> Result<bool, RecordError> {
        self.sound()?;
        Ok(self.pending.load(Ordering::Relaxed) < self.limit)
    }

    /// Fails while the recorder is in trouble.
    pub(super) fn sound(&self) -> Result<(), RecordError> {
        if self.troubled.load(Ordering::Acquire) {
            let trouble = self.queue.lock().trouble.clone();
            return trouble.map_or(Ok(()), Err);
        }
        Ok(())
    }

    /// Makes every session's next record fail, until a new recording could be begun.
    pub(super) fn trouble(&self, error: &RecordError) {
        let mut queue = self.queue.lock();
        if queue.trouble.is_none() {
            tracing::error!("recordings cannot be written: {error}; sessions are being ended");
            queue.trouble = Some(error.clone());
        }
        self.troubled.store(true, Ordering::Release);
        drop(queue);
        self.room.notify_waiters();
    }

    /// A recording could be begun: the disk is well again. Sessions that failed stay failed.
    pub(super) fn recover(&self) {
        if !self.troubled.load(Ordering::Acquire) {
            return;
        }
        let mut queue = self.queue.lock();
        if !queue.dead {
            queue.trouble = None;
            self.troubled.store(false, Ordering::Release);
            tracing::info!("recordings can be written again");
        }
    }

    fn give_back(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= MAX_SPARE {
            buffer.clear();
            let mut queue = self.queue.lock();
            if queue.spare.len() < SPARES {
                queue.spare.push(buffer);
            }
        }
    }
}

/// The thread's own state.
pub(super) struct Desk {
    press: Press,
    jobs: Vec<Job>,
    sweep: VecDeque<Arc<Session>>,
    settle: Vec<oneshot::Sender<()>>,
    chunks: Vec<Chunk>,
}

impl Desk {
    pub(super) fn new(press: Press) -> Self {
        Self { press, jobs: Vec::new(), sweep: VecDeque::new(), settle: Vec::new(), chunks: Vec::new() }
    }

    /// The whole life of the thread.
    pub(super) fn run(mut self, shared: &Shared) {
        let _obituary = Obituary(shared);
        while self.fetch(shared) {
            let mut jobs = mem::take(&mut self.jobs);
            for job in &jobs {
                if matches!(job.ask, Ask::Write) {
                    job.session.batch.lock().urgent = false;
                }
                self.write(shared, &job.session);
            }
            // Everyone's bytes first, then the waiting for the disk.
            for job in jobs.drain(..) {
                self.answer(shared, job);
            }
            self.jobs = jobs;
            for _ in 0..SLICE {
                let Some(session) = self.sweep.pop_front() else {
                    break;
                };
                session.batch.lock().dirty = false;
                self.write(shared, &session);
            }
            if self.sweep.is_empty() {
                for settled in self.settle.drain(..) {
                    // Whoever asked may have gone.
                    let _ = settled.send(());
                }
            }
            self.press.relax();
        }
    }

    /// Takes work, waiting for it if there is none. False when there is none and none can come.
    fn fetch(&mut self, shared: &Shared) -> bool {
        let mut queue = shared.queue.lock();
        loop {
            // Looked at each time, so that a stream of jobs cannot put off a sweep.
            let now = Instant::now();
            let due = match (queue.dirty.is_empty(), queue.due) {
                (true, _) => None,
                (false, None) => Some(now + shared.flush_every),
                (false, due) => due,
            };
            queue.due = due;
            let asked = mem::take(&mut queue.hurry) || queue.stop || !queue.settle.is_empty();
            if asked || due.is_some_and(|due| now >= due) {
                queue.due = None;
                self.sweep.extend(queue.dirty.drain(..));
                self.settle.append(&mut queue.settle);
            }
            self.jobs.append(&mut queue.jobs);
            if !self.jobs.is_empty() || !self.sweep.is_empty() || !self.settle.is_empty() {
                return true;
            }
            if queue.stop {
                return false;
            }
            queue.asleep = true;
            queue = match due {
                None => shared.bell.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let waited = shared.bell.wait_timeout(queue, due - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            queue.asleep = false;
        }
    }

    /// Writes what a session has, or throws it away if the session has failed.
    fn write(&mut self, shared: &Shared, session: &Session) {
        let failed = {
            let mut batch = session.batch.lock();
            self.chunks.append(&mut batch.full);
            batch.full.shrink_to(8);
            if !batch.open.bytes.is_empty() {
                self.chunks.push(mem::take(&mut batch.open));
                batch.since = 0;
            }
            batch.failed.is_some()
        };
        if self.chunks.is_empty() {
            return;
        }
        let mut sink = session.sink.lock();
        let mut outcome = if failed { Err(RecordError::Stopped) } else { Ok(()) };
        let mut size = 0;
        for chunk in self.chunks.drain(..) {
            size += chunk.bytes.len();
            outcome = outcome.and_then(|()| sink.batch(&chunk, &mut self.press));
            shared.give_back(chunk.bytes);
        }
        {
            let mut batch = session.batch.lock();
            batch.head = sink.head;
            batch.waiting = batch.waiting.saturating_sub(size);
        }
        if let (Err(error), false) = (outcome, failed) {
            session.fail(error.clone());
            shared.trouble(&error);
        }
        shared.subtract(size);
    }

    fn answer(&mut self, shared: &Shared, job: Job) {
        let (reply, close) = match job.ask {
            Ask::Write => return,
            Ask::Sync(reply) => (reply, false),
            Ask::Close(reply) => (reply, true),
        };
        let failed = job.session.batch.lock().failed.clone();
        let outcome = if let Some(error) = failed {
            // An old failure says nothing about the disk of now.
            Err(error)
        } else {
            let settled = self.settle_disk(&job.session, close);
            match &settled {
                Ok(head) => job.session.batch.lock().head = *head,
                Err(error) => {
                    job.session.fail(error.clone());
                    shared.trouble(error);
                }
            }
            settled
        };
        // Whoever asked may have gone; the work is done all the same.
        let _ = reply.send(outcome);
    }

    fn settle_disk(&mut self, session: &Session, close: bool) -> Result<Head, RecordError> {
        let mut sink = session.sink.lock();
        if close {
            sink.end(&mut self.press)?;
        }
        sink.sync()
    }
}

/// Tells everyone when the thread ends, in order or by a bug: a flush must not wait for ever.
struct Obituary<'a>(&'a Shared);

impl Drop for Obituary<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock();
        queue.dead = true;
        queue.trouble.get_or_insert(RecordError::Stopped);
        self.0.troubled.store(true, Ordering::Release);
        let (jobs, settle) = (mem::take(&mut queue.jobs), mem::take(&mut queue.settle));
        queue.dirty.clear();
        drop(queue);
        drop((jobs, settle));
        self.0.room.notify_waiters();
    }
}
