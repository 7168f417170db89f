//! What the kernel tells about a thread, read with bounds.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use crate::wire::{PATH_MOST, WORDS_BYTES, WORDS_MOST};

/// Which file it is, and which state of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Identity {
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let data = std::fs::metadata(path)?;
        Ok(Self {
            device: data.dev(),
            inode: data.ino(),
            size: data.size(),
            changed: (data.ctime(), data.ctime_nsec()),
        })
    }

    /// The same folder or file, whatever its state.
    pub(crate) fn same_place(self, other: Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// Numbers of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) process: u32,
    pub(crate) parent: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Why something of a process could not be read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The kernel does not let this guard look.
    Closed,
    /// An address that leads nowhere: the kernel would have said EFAULT itself.
    Fault,
    /// Beyond a bound.
    TooLong,
}

/// A folder of /proc.
#[derive(Debug)]
pub(crate) struct Thread {
    folder: String,
}

impl Thread {
    pub(crate) fn of(tid: i32) -> Self {
        Self { folder: format!("/proc/{tid}") }
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        Path::new(&self.folder).join(name)
    }

    pub(crate) fn link(&self, name: &str) -> io::Result<Vec<u8>> {
        Ok(std::fs::read_link(self.path(name))?.as_os_str().as_bytes().to_vec())
    }

    pub(crate) fn person(&self) -> Option<Person> {
        let status = self.text("status").ok()?;
        let field = |name: &str, index: usize| -> Option<u32> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().nth(index)?.parse().ok()
        };
        Some(Person {
            process: field("Tgid:", 0)?,
            parent: field("PPid:", 0)?,
            uid: field("Uid:", 1)?,
            gid: field("Gid:", 1)?,
        })
    }

    /// The terminal's name, or what numbers it has; empty where there is none.
    pub(crate) fn terminal(&self) -> Vec<u8> {
        let Ok(stat) = self.text("stat") else { return Vec::new() };
        let number = after_name(&stat).and_then(|rest| rest.split_whitespace().nth(4)?.parse::<i32>().ok());
        match number.map_or((0, 0), |number| ((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xfff_ff00)))
        {
            (0, 0) => Vec::new(),
            (major @ 136..=143, minor) => format!("/dev/pts/{}", (major - 136) * 256 + minor).into_bytes(),
            (4, minor) => format!("/dev/tty{minor}").into_bytes(),
            (major, minor) => format!("{major}:{minor}").into_bytes(),
        }
    }

    fn text(&self, name: &str) -> io::Result<String> {
        let mut text = Vec::new();
        File::open(self.path(name))?.take(16 << 10).read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// A whole file of at most `most` bytes.
    pub(crate) fn bytes(&self, name: &str, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path(name))?.take(most as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
    }

    pub(crate) fn memory(&self) -> Result<Memory, Unread> {
        File::open(self.path("mem")).map(Memory).map_err(|_| Unread::Closed)
    }
}

/// What stands behind the name in parentheses of a `stat` file: the name may hold anything.
pub(crate) fn after_name(stat: &str) -> Option<&str> {
    stat.rsplit_once(')').map(|(_, rest)| rest)
}

/// Memory of another process. What is read can change right after, so it is only ever a first look.
#[derive(Debug)]
pub(crate) struct Memory(File);

impl Memory {
    fn some(&self, into: &mut [u8], at: u64) -> Result<usize, Unread> {
        if at > i64::MAX as u64 {
            return Err(Unread::Fault);
        }
        match self.0.read_at(into, at) {
            Ok(0) => Err(Unread::Fault),
            Ok(count) => Ok(count),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(Unread::Closed),
            Err(_) => Err(Unread::Fault),
        }
    }

    /// A string up to its zero, of at most `most` bytes.
    pub(crate) fn string(&self, mut at: u64, most: usize) -> Result<Vec<u8>, Unread> {
        let mut string = Vec::new();
        let mut piece = [0; 512];
        loop {
            let count = self.some(&mut piece, at)?;
            let piece = piece.get(..count).unwrap_or_default();
            if let Some(end) = piece.iter().position(|byte| *byte == 0) {
                string.extend_from_slice(piece.get(..end).unwrap_or_default());
                return if string.len() > most { Err(Unread::TooLong) } else { Ok(string) };
            }
            string.extend_from_slice(piece);
            if string.len() > most {
                return Err(Unread::TooLong);
            }
            at = at.checked_add(count as u64).ok_or(Unread::Fault)?;
        }
    }

    pub(crate) fn path(&self, at: u64) -> Result<Vec<u8>, Unread> {
        self.string(at, PATH_MOST - 1)
    }

    /// A list of strings up to its null pointer. A null list is an empty one, as it is to the kernel.
    pub(crate) fn strings(&self, mut at: u64) -> Result<Vec<Vec<u8>>, Unread> {
        let mut list = Vec::new();
        let mut left = WORDS_BYTES;
        if at == 0 {
            return Ok(list);
        }
        loop {
            let mut pointer = [0; 8];
            if self.some(&mut pointer, at)? < 8 {
                return Err(Unread::Fault);
            }
            match u64::from_ne_bytes(pointer) {
                0 => return Ok(list),
                _ if list.len() == WORDS_MOST => return Err(Unread::TooLong),
                pointer => {
                    let word = self.string(pointer, left.saturating_sub(1))?;
                    left = left.checked_sub(word.len() + 1).ok_or(Unread::TooLong)?;
                    list.push(word);
                }
            }
            at = at.checked_add(8).ok_or(Unread::Fault)?;
        }
    }
}

/// A list as the kernel lays it down: each word with its zero.
pub(crate) fn laid_down(words: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(words.iter().map(|word| word.len() + 1).sum());
    for word in words {
        bytes.extend_from_slice(word);
        bytes.push(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_read_as_it_is() {
        let me = Thread::of(std::process::id() as i32);
        let person = me.person().unwrap();
        assert_eq!(person.process, std::process::id());
        assert_eq!(person.uid, rustix::process::geteuid().as_raw());
        let words = [b"one\0".as_slice(), b"\0", b"three\0"];
        let pointers: Vec<u64> = words.iter().map(|word| word.as_ptr() as u64).chain([0]).collect();
        let memory = me.memory().unwrap();
        let read = memory.strings(pointers.as_ptr() as u64).unwrap();
        assert_eq!(read, [b"one".to_vec(), Vec::new(), b"three".to_vec()]);
        assert!(memory.strings(0).unwrap().is_empty());
        assert!(matches!(memory.string(8, 10), Err(Unread::Fault)));
        assert!(matches!(memory.string(u64::MAX, 10), Err(Unread::Fault)));
        assert!(matches!(memory.string(words[2].as_ptr() as u64, 4), Err(Unread::TooLong)));
    }

    #[test]
    fn a_name_with_parentheses_does_not_move_the_fields() {
        assert_eq!(after_name("7 (a) S) R 1 2 3"), Some(" R 1 2 3"));
    }
}
