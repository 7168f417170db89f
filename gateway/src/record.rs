//! What a session does, on its way to the recording: numbers the operations, counts, and cuts long results short.
//!
//! No record, no pass: every failure here ends the session.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use tokio::time::Instant;
use workflows::session::Totals;

use crate::dialect::Broken;
use crate::seams::{EventRef, Outcome, Tape, visible};

/// A statement beyond this is recorded by its beginning and its hash; a recorder takes no single record above 3 MiB.
const MAX_TEXT: usize = 1 << 20;
/// The same for one bound value.
const MAX_VALUE: usize = 16 << 10;
/// And for all of them together.
const MAX_VALUES: usize = 1 << 20;

/// A file's content goes on the tape in pieces of this size, in bytes.
const PIECE: usize = 256 << 10;

/// A session's book: it outlives each [`Record`].
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) totals: Totals,
    /// The number of the operation that comes next.
    next: u32,
    /// How many files were kept.
    files: u32,
    /// How many bytes of each result are kept.
    keep: u64,
    /// What became of the operations since [`Self::watch`].
    seen: Option<Outcome>,
}

impl Book {
    pub(crate) fn new(keep: u64) -> Self {
        Self { totals: Totals::default(), next: 1, files: 0, keep, seen: None }
    }

    /// Adds up what becomes of the operations from here on, for those who agreed to them.
    pub(crate) fn watch(&mut self) {
        self.seen = Some(Outcome { rows: 0, micros: 0, error: None });
    }

    /// What became of them; nothing where nothing was watched.
    pub(crate) fn watched(&mut self) -> Option<Outcome> {
        self.seen.take()
    }
}

/// An operation on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    op: u32,
    since: Instant,
    rows: u64,
    bytes: u64,
    masked: u64,
    kept: u64,
    /// All of it is kept, whatever the setting says.
    whole: bool,
}

impl Running {
    pub(crate) const fn new(op: u32, since: Instant) -> Self {
        Self { op, since, rows: 0, bytes: 0, masked: 0, kept: 0, whole: false }
    }

    /// The same of a terminal: a film is kept from its beginning to its end.
    pub(crate) const fn film(op: u32, since: Instant) -> Self {
        Self { whole: true, ..Self::new(op, since) }
    }

    /// The command itself tells of rows that it changed; none of them went to the client.
    pub(crate) fn changed(&mut self, rows: u64) {
        if self.rows == 0 {
            self.rows = rows;
        }
    }

    /// Bytes went to the client of which only the number is kept.
    pub(crate) fn passed(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// The next statement of the same text begins: what was counted belongs to the one before.
    pub(crate) fn next_statement(&mut self) {
        *self = Self { kept: self.kept, whole: self.whole, ..Self::new(self.op, Instant::now()) };
    }
}

/// Writes to one session's tape. Made anew for each step, since the tape belongs to the session.
pub(crate) struct Record<'a> {
    tape: &'a mut Tape,
    book: &'a mut Book,
}

impl std::fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").field("book", &self.book).finish_non_exhaustive()
    }
}

impl<'a> Record<'a> {
    pub(crate) fn new(tape: &'a mut Tape, book: &'a mut Book) -> Self {
        Self { tape, book }
    }

    fn put(&mut self, event: EventRef<'_>) -> Result<(), Broken> {
        self.tape.put(event).map_err(|_| Broken::NotRecorded)
    }

    pub(crate) fn totals(&mut self) -> &mut Totals {
        &mut self.book.totals
    }

    /// The number that the next intent gets.
    pub(crate) fn next_op(&self) -> u32 {
        self.book.next
    }

    /// An operation was asked for and judged; gives it its number.
    pub(crate) fn intent(
        &mut self,
        text: &[u8],
        params: &[Option<&[u8]>],
        verdict: u8,
        detail: &str,
    ) -> Result<u32, Broken> {
        let op = self.book.next;
        self.book.next = op.saturating_add(1);
        let size: usize = params.iter().flatten().map(|value| value.len()).sum();
        if text.len() <= MAX_TEXT && size <= MAX_VALUE {
            self.put(EventRef::Intent { op, text, params, verdict, detail })?;
            return Ok(op);
        }
        self.long_intent(op, text, params, (verdict, detail))?;
        Ok(op)
    }

    /// Keeps the beginning of what is too long, and the hash of the whole, so that the evidence still names the bytes.
    fn long_intent(
        &mut self,
        op: u32,
        text: &[u8],
        params: &[Option<&[u8]>],
        (verdict, detail): (u8, &str),
    ) -> Result<(), Broken> {
        let mut left = MAX_VALUES;
        let mut note = String::new();
        let mut cut = |what: &str, bytes: &[u8], most: usize| {
            if bytes.len() > most {
                let hash = Sha256::digest(bytes);
                // Writing to a String cannot fail.
                let _infallible = write!(note, "operation {op}: {what} has {} bytes, sha256 ", bytes.len());
                for byte in hash {
                    let _infallible = write!(note, "{byte:02x}");
                }
                note.push('\n');
            }
        };
        cut("the text", text, MAX_TEXT);
        let short: Vec<Option<&[u8]>> = params
            .iter()
            .enumerate()
            .map(|(at, value)| {
                let value = (*value)?;
                let most = MAX_VALUE.min(left);
                cut(&format!("value {}", at + 1), value, most);
                left -= most.min(value.len());
                Some(value.get(..most).unwrap_or(value))
            })
            .collect();
        let text = text.get(..MAX_TEXT).unwrap_or(text);
        self.put(EventRef::Intent { op, text, params: &short, verdict, detail })?;
        for piece in note.as_bytes().chunks(MAX_TEXT) {
            self.note(&String::from_utf8_lossy(piece))?;
        }
        Ok(())
    }

    /// It waits for people.
    pub(crate) fn hold(&mut self, op: u32, request: &str, rule: &str) -> Result<(), Broken> {
        self.put(EventRef::Hold { op, request, rule })
    }

    /// What was counted as held turned out to be nothing to ask about.
    pub(crate) fn not_held(&mut self) {
        self.book.totals.held = self.book.totals.held.saturating_sub(1);
        self.book.totals.refused += 1;
    }

    /// The hold came to an end.
    pub(crate) fn settled(&mut self, op: u32, outcome: &str, by: &str, because: &str) -> Result<(), Broken> {
        self.put(EventRef::Settled { op, outcome, by, because })
    }

    /// Bytes go to the client, masked.
    pub(crate) fn output(&mut self, running: &mut Running, bytes: &[u8]) -> Result<(), Broken> {
        let room = if running.whole { u64::MAX } else { self.book.keep.saturating_sub(running.kept) };
        running.bytes += bytes.len() as u64;
        if room == 0 || bytes.is_empty() {
            return Ok(());
        }
        let bytes = bytes.get(..usize::try_from(room).unwrap_or(usize::MAX)).unwrap_or(bytes);
        running.kept += bytes.len() as u64;
        self.put(EventRef::Output { op: running.op, bytes })
    }

    /// Somebody typed a line that the terminal has shown.
    pub(crate) fn typed(&mut self, running: &Running, text: &str) -> Result<(), Broken> {
        self.put(EventRef::Typed { op: running.op, text })
    }

    /// Something to know that is no operation.
    pub(crate) fn note(&mut self, text: &str) -> Result<(), Broken> {
        self.put(EventRef::Note { text })
    }

    /// What is in a file that passed, all of it.
    pub(crate) fn file(&mut self, name: &str, bytes: &[u8]) -> Result<(), Broken> {
        self.book.files = self.book.files.saturating_add(1);
        self.book.totals.kept += 1;
        let (number, size) = (self.book.files, bytes.len() as u64);
        let mut pieces = bytes.chunks(PIECE);
        // An empty file has one piece, so that it is there.
        let first = pieces.next().unwrap_or_default();
        std::iter::once(first)
            .chain(pieces)
            .try_for_each(|bytes| self.put(EventRef::File { number, name, size, bytes }))
    }

    /// Values were hidden.
    pub(crate) fn masked(&mut self, running: &mut Running, count: u64) {
        running.masked += count;
        self.book.totals.masked += count;
    }

    /// Rows went to the client.
    pub(crate) fn rows(&mut self, running: &mut Running, rows: u64) {
        running.rows += rows;
        self.book.totals.rows += rows;
    }

    /// The operation ended.
    pub(crate) fn outcome(&mut self, running: &Running, tag: &[u8], error: Option<&[u8]>) -> Result<(), Broken> {
        let op = running.op;
        if running.masked > 0 {
            self.put(EventRef::Masked { op, what: "values", count: running.masked })?;
        }
        let error = error.map(String::from_utf8_lossy);
        let micros = running.since.elapsed().as_micros() as u64;
        let (tag, rows, bytes) = (String::from_utf8_lossy(tag), running.rows, running.bytes);
        if let Some(seen) = &mut self.book.seen {
            seen.rows += rows;
            seen.micros += micros;
            if let Some(error) = &error {
                seen.error.get_or_insert_with(|| visible(error));
            }
        }
        self.put(EventRef::Outcome { op, tag: &tag, rows, bytes, micros, error: error.as_deref() })
    }

    /// Everything so far is on the disk when this returns.
    pub(crate) async fn flush(&mut self) -> Result<(), Broken> {
        self.tape.flush().await.map(drop).map_err(|_| Broken::NotRecorded)
    }

    /// Waits until the recorder has room. Cancel-safe.
    pub(crate) async fn ready(&mut self) -> Result<(), Broken> {
        self.tape.ready().await.map_err(|_| Broken::NotRecorded)
    }
}
