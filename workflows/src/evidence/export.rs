//! The exported log: one entry a line, as JSON, so that `countersign audit verify FILE` needs no database.

use std::io::{self, BufRead, Read};

use super::chain::Entry;

/// No exported line is longer, in bytes.
const MAX_LINE: u64 = 4 * 1024 * 1024;

/// A line of an exported log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadLineError {
    /// The file could not be read.
    #[error("line {line} cannot be read")]
    Io {
        /// Number of the line; the first is 1.
        line: u64,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The line is longer than 4 MiB.
    #[error("line {0} is too long to be an entry")]
    TooLong(u64),
    /// The line is not an entry as JSON; a cut-off last line is one of those.
    #[error("line {line} is not an entry of the log")]
    NotAnEntry {
        /// Number of the line; the first is 1.
        line: u64,
        /// What does not fit.
        #[source]
        source: serde_json::Error,
    },
}

/// The exported form of an entry, newline included.
///
/// # Errors
///
/// None in practice: an entry holds nothing but numbers and text.
pub fn to_line(entry: &Entry) -> Result<String, serde_json::Error> {
    serde_json::to_string(entry).map(|mut line| {
        line.push('\n');
        line
    })
}

/// Reads an exported log line by line, in constant memory. Ends after the first error.
pub fn read_lines<R: BufRead>(from: R) -> Lines<R> {
    Lines { from, line: 0, failed: false, text: Vec::new() }
}

/// The entries of an exported log; made by [`read_lines`].
#[derive(Debug)]
pub struct Lines<R> {
    from: R,
    line: u64,
    failed: bool,
    text: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    fn read(&mut self) -> Result<Option<Entry>, ReadLineError> {
        self.line += 1;
        let line = self.line;
        self.text.clear();
        let size = self
            .from
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut self.text)
            .map_err(|source| ReadLineError::Io { line, source })?;
        if size == 0 {
            return Ok(None);
        }
        if size as u64 == MAX_LINE {
            return Err(ReadLineError::TooLong(line));
        }
        serde_json::from_slice(&self.text).map(Some).map_err(|source| ReadLineError::NotAnEntry { line, source })
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Entry, ReadLineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.read();
        self.failed = next.is_err();
        next.transpose()
    }
}
