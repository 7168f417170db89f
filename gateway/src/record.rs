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

/// So much of a terminal's output is kept in a session, in bytes: days of work, and minutes of a command that never ends.
const FILM: u64 = 256 << 20;

/// A file's content goes on the tape in pieces of this size, in bytes.
const PIECE: usize = 256 << 10;

/// Bytes of a file that passed, in order from its beginning.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) bytes: Vec<u8>,
    /// How much of the file they are.
    pub(crate) extent: Extent,
}

/// How much of a file something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// A part, as far as anybody knows: the end of it was not seen, or something else is in it as well.
    #[default]
    Part,
}

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
    most: Most,
    /// A film's end was told.
    ended: bool,
}

/// How much of an output is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Most {
    /// As much as the setting says.
    Setting,
    /// A film: so many bytes, whatever the setting says, and its end is told.
    Film(u64),
}

impl Running {
    pub(crate) const fn new(op: u32, since: Instant) -> Self {
        Self { op, since, rows: 0, bytes: 0, masked: 0, kept: 0, most: Most::Setting, ended: false }
    }

    /// The same of a terminal: a film is kept whatever the setting says, up to 256 MiB.
    pub(crate) const fn film(op: u32, since: Instant) -> Self {
        Self { most: Most::Film(FILM), ..Self::new(op, since) }
    }

    /// Counts output, and says how many bytes of it are kept where the setting is `keep`, and whether a film ends with them.
    fn takes(&mut self, len: usize, keep: u64) -> (usize, bool) {
        let (most, film) = match self.most {
            Most::Setting => (keep, false),
            Most::Film(most) => (most, true),
        };
        let len = len as u64;
        let kept = len.min(most.saturating_sub(self.kept));
        self.kept += kept;
        self.bytes += len;
        // Once: where something is left out for the first time.
        let ends = film && kept < len && !std::mem::replace(&mut self.ended, true);
        (usize::try_from(kept).unwrap_or(usize::MAX), ends)
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
        *self = Self { kept: self.kept, most: self.most, ended: self.ended, ..Self::new(self.op, Instant::now()) };
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
        let (kept, ends) = running.takes(bytes.len(), self.book.keep);
        let bytes = bytes.get(..kept).unwrap_or(bytes);
        if !bytes.is_empty() {
            self.put(EventRef::Output { op: running.op, bytes })?;
        }
        if ends {
            self.note(&format!(
                "the film ends here: it has {} MiB, and what is shown later is not kept",
                FILM >> 20
            ))?;
        }
        Ok(())
    }

    /// Somebody typed a line that the terminal has shown.
    pub(crate) fn typed(&mut self, running: &Running, text: &str) -> Result<(), Broken> {
        self.put(EventRef::Typed { op: running.op, text })
    }

    /// Something to know that is no operation.
    pub(crate) fn note(&mut self, text: &str) -> Result<(), Broken> {
        self.put(EventRef::Note { text })
    }

    /// What is in a file that passed: all of it, or a part under a name that says so.
    pub(crate) fn file(&mut self, name: &str, kept: &Kept) -> Result<(), Broken> {
        let name = match kept.extent {
            Extent::Whole => name.to_owned(),
            Extent::Part => format!("part of {name}"),
        };
        let (name, bytes) = (name.as_str(), kept.bytes.as_slice());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_film_ends_once_and_says_so() {
        let mut film = Running { most: Most::Film(10), ..Running::film(1, Instant::now()) };
        let taken: Vec<(usize, bool)> = [4, 6, 5, 5].into_iter().map(|len| film.takes(len, 0)).collect();
        assert_eq!(taken, [(4, false), (6, false), (0, true), (0, false)], "filled to the last byte");
        let mut film = Running { most: Most::Film(10), ..Running::film(1, Instant::now()) };
        let taken: Vec<(usize, bool)> = [4, 7, 1].into_iter().map(|len| film.takes(len, 0)).collect();
        assert_eq!(taken, [(4, false), (6, true), (0, false)], "cut in the middle");
        film.next_statement();
        assert_eq!((film.takes(1, 0), film.bytes), ((0, false), 1), "the bound is of the session");
    }

    #[test]
    fn other_output_is_kept_up_to_the_setting_and_nothing_is_said() {
        let mut running = Running::new(1, Instant::now());
        assert_eq!(
            [running.takes(8, 10), running.takes(8, 10), running.takes(8, 10)],
            [(8, false), (2, false), (0, false)]
        );
        assert_eq!((running.bytes, running.kept), (24, 10));
        assert_eq!(Running::film(1, Instant::now()).takes(8, 0), (8, false), "a film, whatever the setting says");
    }
}
