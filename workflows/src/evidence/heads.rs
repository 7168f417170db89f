//! The witness of the audit log: its signed heads in a file outside the database.
//!
//! Whoever restores an old copy of the database, or cuts off its end, would have to cut this file as well; keep
//! it where the database's owner cannot write (another volume, another user, shipped off the machine).
//!
//! # Format
//!
//! Signed notes one after another, each followed by an empty line. A note holds one empty line itself, so a note
//! ends at every second empty line. What follows the last one is a note that a crash cut off: it was never
//! reported as written, so nothing is lost with it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::checkpoint::{MAX_NOTE, SignedNote};
use super::key::sync_folder;

/// No heads file is read beyond this size, in bytes (some five million heads).
const MAX_FILE: u64 = 1 << 30;

/// The heads file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum HeadsError {
    /// It could not be read or written.
    #[error("the file of signed heads `{path}` cannot be used", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is larger than 1 GiB.
    #[error("the file of signed heads `{path}` is too large", path = .0.display())]
    TooLarge(PathBuf),
    /// The note does not have the form of a signed note, or is longer than 4 KiB.
    #[error("this is not a signed head")]
    NotANote,
}

/// What a heads file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heads {
    /// Every whole note, oldest first; not yet verified.
    pub notes: Vec<SignedNote>,
    /// Where a last, cut-off note begins, in bytes from the start of the file; `None` if the file ends well.
    pub torn: Option<u64>,
}

/// An open heads file, to which notes are only ever appended.
#[derive(Debug)]
pub struct HeadsFile {
    path: PathBuf,
    file: File,
}

impl HeadsFile {
    /// Opens or creates (mode 0600) the file, and takes away a note that a crash cut off.
    ///
    /// Only one process may have it open; another one's half-written note would look cut off.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, is larger than 1 GiB, or its torn end cannot be taken away.
    pub fn open(path: &Path) -> Result<Self, HeadsError> {
        let failed = |source| file_error(path, source);
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path).map_err(failed)?;
        sync_folder(path).map_err(failed)?;
        if let Some(torn) = read(path, &mut file)?.torn {
            tracing::warn!(at = torn, "the last signed head in `{}` was cut off by a crash; removed", path.display());
            file.set_len(torn).and_then(|()| file.sync_all()).map_err(failed)?;
        }
        Ok(Self { path: path.to_owned(), file })
    }

    /// Appends a note; when this returns, it has reached the disk. Blocks for the time of an fsync.
    ///
    /// # Errors
    ///
    /// If it is no signed note or cannot be written. After a failed write the file is cut back to where it was.
    pub fn append(&mut self, note: &SignedNote) -> Result<(), HeadsError> {
        let text = note.as_str();
        let stored = format!("{text}\n");
        if text.len() > MAX_NOTE || note_size(stored.as_bytes()) != Some(text.len()) {
            return Err(HeadsError::NotANote);
        }
        let before = self.file.seek(SeekFrom::End(0)).map_err(|source| file_error(&self.path, source))?;
        let written = self.file.write_all(stored.as_bytes()).and_then(|()| self.file.sync_all());
        written.map_err(|source| {
            // If this fails as well, the next `open` finds the torn end.
            let _ = self.file.set_len(before);
            file_error(&self.path, source)
        })
    }

    /// Reads every note, changing nothing; works offline on a copy.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is larger than 1 GiB. A torn end is no error: see [`Heads::torn`].
    pub fn read_all(path: &Path) -> Result<Heads, HeadsError> {
        let mut file = File::open(path).map_err(|source| file_error(path, source))?;
        read(path, &mut file)
    }
}

fn read(path: &Path, file: &mut File) -> Result<Heads, HeadsError> {
    let failed = |source| file_error(path, source);
    if file.metadata().map_err(failed)?.len() > MAX_FILE {
        return Err(HeadsError::TooLarge(path.to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes).map_err(failed)?;
    Ok(split(&bytes))
}

fn split(mut rest: &[u8]) -> Heads {
    let mut heads = Heads::default();
    let mut at = 0;
    while let Some(size) = note_size(rest) {
        let (note, after) = rest.split_at(size + 1);
        // Bytes that are not text cannot verify, so what replaces them does not matter.
        let note = note.strip_suffix(b"\n").unwrap_or(note);
        heads.notes.push(SignedNote::new(String::from_utf8_lossy(note)));
        at += size as u64 + 1;
        rest = after;
    }
    heads.torn = (!rest.is_empty()).then_some(at);
    heads
}

/// Bytes up to the end of the first note, without the empty line that follows it.
fn note_size(bytes: &[u8]) -> Option<usize> {
    let mut blank = bytes.windows(2).enumerate().filter(|(_, pair)| pair == b"\n\n");
    let (_body, _) = blank.next()?;
    let (end, _) = blank.next()?;
    Some(end + 1)
}

fn file_error(path: &Path, source: io::Error) -> HeadsError {
    HeadsError::File { path: path.to_owned(), source }
}
