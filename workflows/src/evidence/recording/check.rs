//! What can be said of recordings without a key: whether they are sound, and which there are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::format::Header;
use super::frames::{Ending, Found, Frames, ReadError};
use crate::evidence::Head;

/// What a check without the key found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The plain beginning of the file.
    pub header: Header,
    /// The chain up to the last sound frame.
    pub head: Head,
    /// How it ends.
    pub ending: Ending,
}

/// Checks the chain of a recording, sealed or not, in constant memory. No key is needed.
///
/// This shows damage and clumsy changes. It does not show that the whole file was made anew: see
/// [`verify_against`].
///
/// # Errors
///
/// If the file cannot be read or is no recording.
pub fn verify(path: &Path) -> Result<Checked, ReadError> {
    verify_against(path, &[])
}

/// As [`verify`], and compares the chain with heads that the audit log has of this recording, in any order.
///
/// A head that differs, or that lies behind the last sound frame, makes the ending [`Ending::Tampered`] with the
/// frame from which on the file is not the one that was anchored.
///
/// # Errors
///
/// If the file cannot be read or is no recording.
pub fn verify_against(path: &Path, anchors: &[Head]) -> Result<Checked, ReadError> {
    let (mut frames, header) = Frames::open(path)?;
    let mut ending = None;
    let mut found = None;
    while found.is_none() {
        let here = anchors.iter().filter(|a| a.seq == frames.head.seq);
        if here.into_iter().any(|a| a.hash != frames.head.hash) && ending.is_none() {
            let frame = frames.head.seq.unsigned_abs();
            ending = Some(Ending::Tampered { frame });
        }
        if let Found::Ended(end) = frames.next()? {
            found = Some(end);
        }
    }
    let head = frames.head;
    if ending.is_none() && anchors.iter().any(|anchor| anchor.seq > head.seq) {
        ending = Some(frames.tampered());
    }
    Ok(Checked { header, head, ending: ending.or(found).unwrap_or(Ending::Torn { at_byte: 0 }) })
}

/// A recording in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its plain beginning; not verified.
    pub header: Header,
}

/// What a folder of recordings holds.
#[derive(Debug, Default)]
pub struct Index {
    /// Recordings, oldest day first, then by name.
    pub recordings: Vec<Recording>,
    /// Files named `*.csr` that do not read as one.
    pub unreadable: Vec<ReadError>,
}

impl Recording {
    /// Reads the plain beginning of one recording; no key is needed.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is no recording.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let (frames, header) = Frames::open(path)?;
        Ok(Self { path: frames.path, bytes: frames.size, header })
    }

    /// Lists the recordings in the folder that a [`Recorder`](super::Recorder) writes to. Symlinks are passed
    /// over. Opens each file; for a page of a large archive, ask the store instead.
    ///
    /// # Errors
    ///
    /// If the folder or one of its days cannot be listed.
    pub fn index(dir: &Path) -> io::Result<Index> {
        let mut index = Index::default();
        for day in sorted(dir, fs::FileType::is_dir)? {
            for path in sorted(&day, fs::FileType::is_file)? {
                if path.extension().is_some_and(|ext| ext == "csr") {
                    match Self::read(&path) {
                        Ok(recording) => index.recordings.push(recording),
                        Err(error) => index.unreadable.push(error),
                    }
                }
            }
        }
        Ok(index)
    }
}

fn sorted(dir: &Path, kind: impl Fn(&fs::FileType) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if kind(&entry.file_type()?) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}
