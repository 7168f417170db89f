//! The classifier: a cheap handle in front of a cache and of two threads with large stacks.
//!
//! The parser recurses, and a text of a few kilobytes could overflow the stack of the runtime's threads. So only what is
//! short and shallow is parsed at once, on a stack that is measured first; all else waits in bounded queues: a flood of
//! long texts slows its senders down and takes no memory.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::cache::{self, Cache};
use super::depth::stack_at_once;
use super::read::{Classified, MAX_TEXT, Reading, read};
use super::shape::{Pattern, Shape};

const THREADS: usize = 2;
/// Texts that wait per thread.
const QUEUE: usize = 32;
const STACK: usize = 64 * 1024 * 1024;

struct Job {
    text: String,
    reply: oneshot::Sender<Arc<Classified>>,
}

/// What was read before.
#[derive(Debug, Default)]
struct Memory {
    texts: Cache<Classified>,
    shapes: Cache<Pattern>,
}

/// The longest text that is remembered as the last one. Bytes; each session has one.
const LAST: usize = 512;

/// What one session asked last: programs repeat themselves, and to compare is cheaper than to look up.
#[derive(Debug, Default)]
struct Last(Mutex<Option<(String, Arc<Classified>)>>);

/// Turns texts into operations. Clones share the memory and the threads, which end with the last clone; the last text is
/// each clone's own.
#[derive(Clone, Debug)]
pub struct Classifier {
    last: Last,
    memory: Arc<Memory>,
    queues: Arc<[mpsc::Sender<Job>]>,
}

impl Classifier {
    /// Starts the threads.
    pub fn start() -> io::Result<Self> {
        let memory = Arc::new(Memory::default());
        let queues: io::Result<Vec<_>> = (0..THREADS)
            .map(|number| {
                let (queue, jobs) = mpsc::channel(QUEUE);
                let memory = Arc::clone(&memory);
                std::thread::Builder::new()
                    .name(format!("sql-{number}"))
                    .stack_size(STACK)
                    .spawn(move || work(jobs, &memory))
                    .map(|_| queue)
            })
            .collect();
        Ok(Self { last: Last::default(), memory, queues: queues?.into() })
    }

    /// Classifies a text as the server would read it.
    ///
    /// Cancel-safe: the work is finished and its result kept even if nobody waits for it.
    pub async fn classify(&self, text: &str, standard_conforming_strings: bool) -> Arc<Classified> {
        if let Some(known) = self.last.get(text) {
            return known;
        }
        // Refused without a turn on the threads: these need no parser.
        if text.len() > MAX_TEXT {
            return Arc::new(Classified::opaque(text, "longer than 256 KiB"));
        }
        if text.contains('\0') {
            return Arc::new(Classified::opaque(text, "it holds a NUL byte"));
        }
        if !standard_conforming_strings && text.contains('\\') {
            let why = "backslashes end strings differently while standard_conforming_strings is off";
            return Arc::new(Classified::opaque(text, why));
        }
        let shape = Shape::of(text);
        if let Some(known) = self.memory.find(text, shape.as_ref()) {
            self.last.put(text, &known);
            return known;
        }
        if let Some(needed) = stack_at_once(text) {
            // The way to a thread and back would cost several times what the parser takes.
            let reading = stacker::maybe_grow(needed, STACK, || parse(text, shape.as_ref()));
            return self.memory.keep(text, shape.as_ref(), reading);
        }
        self.queue(text).await.unwrap_or_else(|| Arc::new(Classified::opaque(text, "the parser is not running")))
    }

    /// Classifies bytes off the wire: what is not UTF-8 is opaque.
    pub async fn classify_bytes(&self, text: &[u8], standard_conforming_strings: bool) -> Arc<Classified> {
        match std::str::from_utf8(text) {
            Ok(text) => self.classify(text, standard_conforming_strings).await,
            Err(_) => Arc::new(Classified::opaque(&String::from_utf8_lossy(text), "it is not UTF-8")),
        }
    }

    async fn queue(&self, text: &str) -> Option<Arc<Classified>> {
        // The shorter queue, so that one huge text does not hold up everybody.
        let queue = self.queues.iter().max_by_key(|queue| queue.capacity())?;
        let (reply, answer) = oneshot::channel();
        queue.send(Job { text: text.to_owned(), reply }).await.ok()?;
        answer.await.ok()
    }
}

impl Clone for Last {
    /// A session of its own, which has not asked yet.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Last {
    fn get(&self, text: &str) -> Option<Arc<Classified>> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(known, _)| known == text).map(|(_, classified)| Arc::clone(classified))
    }

    /// INVARIANT: as for [`cache::key`], nothing with a backslash is kept, since its meaning hangs on a setting.
    fn put(&self, text: &str, classified: &Arc<Classified>) {
        if text.len() > LAST || text.contains('\\') {
            return;
        }
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, what) = last.get_or_insert_with(|| (String::new(), Arc::clone(classified)));
        known.clear();
        known.push_str(text);
        *what = Arc::clone(classified);
    }
}

impl Memory {
    /// What a text was read as before, or another one of its shape. Right for every session: a text whose meaning depends
    /// on the session's settings is never kept.
    fn find(&self, text: &str, shape: Option<&Shape>) -> Option<Arc<Classified>> {
        let pattern = shape.and_then(|shape| self.shapes.get(&shape.key(text)));
        match pattern.and_then(|pattern| pattern.read(text)) {
            Some(classified) => Some(Arc::new(classified)),
            None => self.texts.get(&cache::key(text.as_bytes())?),
        }
    }

    /// Keeps a reading for all texts of its shape, or else for this one.
    fn keep(&self, text: &str, shape: Option<&Shape>, Reading { classified, pattern }: Reading) -> Arc<Classified> {
        if let Some((shape, pattern)) = shape.zip(pattern) {
            self.shapes.put(shape.key(text), &Arc::new(pattern));
        } else if let Some(key) = cache::key(text.as_bytes()) {
            self.texts.put(key, &classified);
        }
        classified
    }
}

/// A panic costs one text its answer and not the thread its life.
fn parse(text: &str, shape: Option<&Shape>) -> Reading {
    let reading = catch_unwind(AssertUnwindSafe(|| read(text, shape)));
    reading.unwrap_or_else(|_| Classified::opaque(text, "the parser failed").into())
}

fn work(mut jobs: mpsc::Receiver<Job>, memory: &Memory) {
    while let Some(Job { text, reply }) = jobs.blocking_recv() {
        let classified = memory.keep(&text, None, parse(&text, None));
        // Whoever asked may be gone: the result is kept all the same.
        let _ = reply.send(classified);
    }
}
