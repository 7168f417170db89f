//! What is moved through one open file, and what is told of it in the end.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::content::Content;
use super::name::shown;
use super::request::Flags;

/// What went one way through a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    /// How many bytes: of those written, the ones that the target took.
    pub(crate) bytes: u64,
    /// The hash of those bytes, if they came in order from the beginning of the file and none was refused.
    pub(crate) sha256: Option<[u8; 32]>,
    /// Whether those bytes are all of the file, as far as it was changed through this handle.
    pub(crate) whole: bool,
}

/// A file that was opened and is closed, or that was open when the session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transfer {
    /// As it was written when it was opened.
    pub(crate) path: Vec<u8>,
    /// What was read, if it was opened for reading.
    pub(crate) got: Option<Moved>,
    /// What was written, if it was opened for writing.
    pub(crate) put: Option<Moved>,
    /// What is in it, as it was read and as it was written.
    pub(crate) content: [Content; 2],
}

impl Moved {
    fn line(&self, f: &mut fmt::Formatter<'_>, word: &str, path: &str) -> fmt::Result {
        write!(f, "{word} {path} ({} bytes", self.bytes)?;
        match self.sha256 {
            Some(hash) => {
                f.write_str(", sha256 ")?;
                hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
            }
            None if self.bytes > 0 => f.write_str(", no sha256")?,
            None => {}
        }
        f.write_str(if self.whole { ")" } else { ", may not be all of it)" })
    }
}

impl fmt::Display for Transfer {
    /// One line, such as `put /srv/app/x (12 bytes, sha256 …)`. A way that nothing went is left out if something went
    /// the other way.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = shown(&self.path);
        let (got, put) = match (&self.got, &self.put) {
            (Some(got), Some(put)) if got.bytes == 0 => (None, Some(put)),
            (Some(got), Some(put)) if put.bytes == 0 => (Some(got), None),
            (got, put) => (got.as_ref(), put.as_ref()),
        };
        if let Some(got) = got {
            got.line(f, "get", &path)?;
        }
        if got.is_some() && put.is_some() {
            f.write_str("; ")?;
        }
        put.map_or(Ok(()), |put| put.line(f, "put", &path))
    }
}

/// Bytes that are hashed while they come in order. Nothing is kept back to put them in order.
#[derive(Clone, Debug)]
struct Stream {
    next: u64,
    hash: Option<Sha256>,
    content: Content,
    /// So much of it is kept at most, in bytes.
    most: u64,
}

impl Stream {
    fn new(hash: Option<Sha256>, most: u64) -> Self {
        Self { next: 0, hash, content: Content::up_to(most), most }
    }

    fn take(&mut self, offset: u64, data: &[u8]) {
        match (&mut self.hash, offset.checked_add(length(data))) {
            (Some(hash), Some(end)) if offset == self.next => {
                hash.update(data);
                self.content.take(data, self.most);
                self.next = end;
            }
            (Some(_) | None, _) => self.hash = None,
        }
    }
}

/// What was read so far.
#[derive(Clone, Debug)]
struct Got {
    stream: Stream,
    bytes: u64,
    /// Where the target said that the file ends.
    end: Option<u64>,
}

/// What was written so far.
#[derive(Clone, Debug)]
struct Put {
    stream: Stream,
    /// What the target took.
    bytes: u64,
    /// What it has not answered yet.
    waiting: u64,
    /// The file was empty, and nothing else than what is written here came into it.
    alone: bool,
    /// How often it was to get a size.
    sized: u64,
}

/// An open file or folder.
#[derive(Clone, Debug)]
pub(super) struct Open {
    /// As it was written.
    pub(super) name: Vec<u8>,
    what: What,
    /// Requests that are not answered yet.
    pub(super) busy: u32,
    /// The client gave the handle back.
    pub(super) closing: bool,
    /// The target said that it closed it. What was written may be lost where it did not.
    pub(super) closed: bool,
}

#[derive(Clone, Debug)]
enum What {
    Folder,
    File(Box<File>),
}

/// The ways for which a file was opened.
#[derive(Clone, Debug)]
struct File {
    got: Option<Got>,
    put: Option<Put>,
}

/// What a request needs of the handle that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// That it is open.
    Any,
    /// That it is a folder.
    Folder,
    /// That it was opened for reading.
    Read,
    /// That it was opened for writing.
    Write,
}

impl Open {
    /// A folder, of which nothing is told.
    pub(super) fn folder(name: &[u8]) -> Self {
        Self { name: name.to_vec(), what: What::Folder, busy: 0, closing: false, closed: false }
    }

    /// A file, opened for what these flags say.
    pub(super) fn file(name: &[u8], flags: Flags, most: u64) -> Self {
        let got = flags.reads().then(|| Got { stream: Stream::new(Some(Sha256::new()), most), bytes: 0, end: None });
        let put = flags.writes().then(|| Put {
            // Where appended bytes land, no offset tells.
            stream: Stream::new((!flags.appends()).then(Sha256::new), most),
            bytes: 0,
            waiting: 0,
            alone: flags.starts_empty(),
            sized: 0,
        });
        Self { what: What::File(Box::new(File { got, put })), ..Self::folder(name) }
    }

    /// Whether it was opened for that.
    pub(super) fn allows(&self, need: Need) -> bool {
        match (need, &self.what) {
            (Need::Any, _) | (Need::Folder, What::Folder) => true,
            (Need::Read, What::File(file)) => file.got.is_some(),
            (Need::Write, What::File(file)) => file.put.is_some(),
            (Need::Folder, What::File(_)) | (Need::Read | Need::Write, What::Folder) => false,
        }
    }

    fn got(&mut self) -> Option<&mut Got> {
        match &mut self.what {
            What::File(file) => file.got.as_mut(),
            What::Folder => None,
        }
    }

    fn put(&mut self) -> Option<&mut Put> {
        match &mut self.what {
            What::File(file) => file.put.as_mut(),
            What::Folder => None,
        }
    }

    /// The target sent bytes of it.
    pub(super) fn read(&mut self, offset: u64, data: &[u8]) {
        let Some(got) = self.got() else { return };
        let len = length(data);
        got.bytes = got.bytes.saturating_add(len);
        // It has grown since the target said where it ends.
        got.end = got.end.filter(|end| offset.saturating_add(len) <= *end);
        got.stream.take(offset, data);
    }

    /// The target said that it ends there, or before.
    pub(super) fn ends(&mut self, at: u64) {
        if let Some(got) = self.got() {
            // Reads that were sent ahead are told the end by their own offsets; the first is the true one.
            got.end = Some(got.end.map_or(at, |end| end.min(at)));
        }
    }

    /// Bytes for it are on their way.
    pub(super) fn write(&mut self, offset: u64, data: &[u8]) {
        let Some(put) = self.put() else { return };
        put.waiting = put.waiting.saturating_add(1);
        put.stream.take(offset, data);
    }

    /// The target took so many bytes, or did not.
    pub(super) fn written(&mut self, len: Option<u64>) {
        let Some(put) = self.put() else { return };
        put.waiting = put.waiting.saturating_sub(1);
        match len {
            Some(len) => put.bytes = put.bytes.saturating_add(len),
            None => put.stream.hash = None,
        }
    }

    /// It is to get a size: where that is not where the bytes end, they are not all of it, or not any more. Where it
    /// is, whatever else was in it will be cut off, which is how `scp` replaces a file; the number is for
    /// [`Self::cut_off`].
    pub(super) fn resize(&mut self, size: u64) -> Option<u64> {
        let put = self.put()?;
        put.sized = put.sized.saturating_add(1);
        let ends_there = size == put.stream.next;
        put.alone &= ends_there;
        ends_there.then_some(put.sized)
    }

    /// The target has cut off what lay behind the bytes; the last size counts.
    pub(super) fn cut_off(&mut self, nth: u64) {
        if let Some(put) = self.put() {
            put.alone |= put.sized == nth;
        }
    }

    /// The server itself writes into it, from another file.
    pub(super) fn copied(&mut self) {
        if let Some(put) = self.put() {
            put.alone = false;
            put.stream.hash = None;
        }
    }

    /// How many bytes of its content are held.
    pub(super) fn held(&self) -> u64 {
        let What::File(file) = &self.what else { return 0 };
        let (got, put) = (&file.got, &file.put);
        got.as_ref().map_or(0, |got| got.stream.content.held())
            + put.as_ref().map_or(0, |put| put.stream.content.held())
    }

    /// Its content is not kept, for want of room.
    pub(super) fn drop_content(&mut self) {
        if let Some(got) = self.got() {
            got.stream.content.drop_it();
        }
        if let Some(put) = self.put() {
            put.stream.content.drop_it();
        }
    }

    /// What is told of it in the end; nothing of a folder.
    pub(super) fn finish(self) -> Option<Transfer> {
        let What::File(file) = self.what else { return None };
        let File { got, put } = *file;
        let (got, read) = got
            .map(|got| {
                let whole = got.end == Some(got.stream.next);
                moved(got.bytes, got.stream, whole)
            })
            .unzip();
        let (put, written) = put
            .map(|mut put| {
                put.stream.hash = put.stream.hash.filter(|_| put.waiting == 0);
                moved(put.bytes, put.stream, put.alone && self.closed)
            })
            .unzip();
        let content = [read.unwrap_or_default(), written.unwrap_or_default()];
        Some(Transfer { path: self.name, got, put, content })
    }
}

/// A length as the protocol counts.
pub(super) fn length(data: &[u8]) -> u64 {
    u64::try_from(data.len()).unwrap_or(u64::MAX)
}

/// Without bytes, a hash says something of an empty file only.
fn moved(bytes: u64, mut stream: Stream, whole: bool) -> (Moved, Content) {
    let whole = whole && stream.hash.is_some();
    let sha256 = stream.hash.take_if(|_| bytes > 0 || whole).map(|hash| hash.finalize().into());
    let content = match (sha256, bytes) {
        (Some(_), _) => stream.content.of(whole),
        (None, 0) => Content::Unwanted,
        (None, _) => stream.content.spoiled(),
    };
    (Moved { bytes, sha256, whole }, content)
}
