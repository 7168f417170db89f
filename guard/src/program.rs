//! Which file the kernel would run for a path, and with which arguments: symbolic links and `#!` lines are followed as
//! the kernel follows them, so that the outcome can be compared with what it really did.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::proc::Identity;

/// How much of a file the kernel looks at to find out what it is.
const HEAD: usize = 256;
/// How many interpreters may read each other before the kernel gives up.
const CHAIN: usize = 5;

/// What will run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// The file that was named, after symbolic links.
    pub(crate) path: Vec<u8>,
    /// The program that reads it if it is a script; else empty.
    pub(crate) interpreter: Vec<u8>,
    /// The file whose code will run.
    pub(crate) runs: Identity,
    /// The arguments that it will find.
    pub(crate) argv: Vec<Vec<u8>>,
    /// Each script on the way, by the name that it will be opened by.
    pub(crate) scripts: Vec<(Vec<u8>, Identity)>,
    /// The user may change what runs.
    pub(crate) writable: bool,
    /// The file has no name.
    pub(crate) nameless: bool,
}

/// Why nothing will run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Not {
    /// The kernel would say so itself: many programs try names until one exists.
    Errno(i32),
    /// It could run, but must not, for this reason.
    Refused(&'static str),
}

impl From<Errno> for Not {
    fn from(error: Errno) -> Self {
        Self::Errno(error.raw_os_error())
    }
}

/// How a file was named.
#[derive(Debug)]
pub(crate) struct Named<'a> {
    /// The thread that named it, as a folder of /proc.
    pub(crate) folder: &'a Path,
    /// Its working directory.
    pub(crate) base: &'a OwnedFd,
    /// From which folder: a descriptor of that thread, or `AT_FDCWD` for the working directory.
    pub(crate) at: i32,
    /// The path as it was given.
    pub(crate) path: &'a [u8],
    /// `AT_EMPTY_PATH` and `AT_SYMLINK_NOFOLLOW`.
    pub(crate) flags: i32,
}

impl Named<'_> {
    /// Follows the name to what the kernel would run.
    pub(crate) fn find(&self, argv: &[Vec<u8>]) -> Result<Program, Not> {
        let file = self.open()?;
        let path = place(&file)?;
        let mut program = Program {
            writable: may_change(&path),
            nameless: path.ends_with(b" (deleted)") || path.starts_with(b"/memfd:") || !path.starts_with(b"/"),
            path: path.clone(),
            interpreter: Vec::new(),
            runs: identity(&file)?,
            argv: if argv.is_empty() { vec![Vec::new()] } else { argv.to_vec() },
            scripts: Vec::new(),
        };
        let mut name = self.seen_as();
        let mut head = read_head(&file)?;
        for _ in 0..CHAIN {
            let Some(line) = head.strip_prefix(b"#!") else {
                return native(&head).map(|()| program);
            };
            let (interpreter, argument) = hash_bang(line).ok_or(Not::Errno(libc::ENOEXEC))?;
            let rest = program.argv.drain(..).skip(1).collect::<Vec<_>>();
            program.scripts.push((name.clone(), program.runs));
            program.argv =
                [Some(interpreter.clone()), argument, Some(name)].into_iter().flatten().chain(rest).collect();
            let next = Named { at: libc::AT_FDCWD, path: &interpreter, flags: 0, ..*self }.open()?;
            let path = place(&next)?;
            program.writable |= may_change(&path);
            program.runs = identity(&next)?;
            program.interpreter = path;
            head = read_head(&next)?;
            name = interpreter;
        }
        Err(Not::Errno(libc::ELOOP))
    }

    /// Which file the name leads to now.
    pub(crate) fn identity(&self) -> Result<Identity, Not> {
        identity(&self.open()?)
    }

    /// What a script sees as its own name.
    fn seen_as(&self) -> Vec<u8> {
        match (self.at, self.path) {
            (libc::AT_FDCWD, path) => path.to_vec(),
            (_, path) if path.starts_with(b"/") => path.to_vec(),
            (at, b"") => format!("/dev/fd/{at}").into_bytes(),
            (at, path) => [format!("/dev/fd/{at}/").as_bytes(), path].concat(),
        }
    }

    /// The file, as a name only: nothing of it is read or run by opening it so.
    fn open(&self) -> Result<OwnedFd, Not> {
        let folder = |name: &str| self.folder.join(name);
        let file = if self.path.is_empty() {
            if self.flags & libc::AT_EMPTY_PATH == 0 {
                return Err(Not::Errno(libc::ENOENT));
            }
            if self.at == libc::AT_FDCWD {
                return Err(Not::Errno(libc::EACCES));
            }
            let descriptor = folder(&format!("fd/{}", self.at));
            rustix::fs::open(&descriptor, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(bad_descriptor)?
        } else if let Some(path) = self.own_view() {
            rustix::fs::open(&path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?
        } else {
            let absolute = self.path.starts_with(b"/");
            let other = if absolute || self.at == libc::AT_FDCWD {
                None
            } else {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                Some(
                    rustix::fs::open(folder(&format!("fd/{}", self.at)), flags, Mode::empty())
                        .map_err(bad_descriptor)?,
                )
            };
            let last = if self.flags & libc::AT_SYMLINK_NOFOLLOW == 0 { OFlags::empty() } else { OFlags::NOFOLLOW };
            let flags = OFlags::PATH | OFlags::CLOEXEC | last;
            let path = OsStr::from_bytes(self.path);
            // Links like /proc/self/exe would lead to the guard's own.
            let follow = ResolveFlags::NO_MAGICLINKS;
            rustix::fs::openat2(other.as_ref().unwrap_or(self.base), path, flags, Mode::empty(), follow)?
        };
        let kind = rustix::fs::fstat(&file)?;
        let kind = rustix::fs::FileType::from_raw_mode(kind.st_mode);
        if !kind.is_file() {
            return Err(Not::Errno(if kind.is_symlink() { libc::ELOOP } else { libc::EACCES }));
        }
        rustix::fs::access(through(&file), Access::EXEC_OK)?;
        Ok(file)
    }

    /// `/proc/self/…` and `/dev/fd/…` mean the caller, not the guard.
    fn own_view(&self) -> Option<PathBuf> {
        let below = |prefix: &[u8], name: &str| {
            let rest = self.path.strip_prefix(prefix)?;
            Some(self.folder.join(name).join(OsStr::from_bytes(rest)))
        };
        below(b"/proc/self/", "").or_else(|| below(b"/proc/thread-self/", "")).or_else(|| below(b"/dev/fd/", "fd"))
    }
}

/// A folder, with its path and identity taken from one descriptor.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) file: OwnedFd,
    pub(crate) path: Vec<u8>,
    pub(crate) is: Identity,
}

impl Folder {
    pub(crate) fn of(link: &Path) -> Result<Self, Not> {
        let file = rustix::fs::open(link, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { path: place(&file)?, is: identity(&file)?, file })
    }
}

/// A descriptor that is not there is `EBADF`; one that the guard may not look at stays what it is.
fn bad_descriptor(error: Errno) -> Not {
    if error == Errno::NOENT { Not::Errno(libc::EBADF) } else { error.into() }
}

fn through(file: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn place(file: &OwnedFd) -> Result<Vec<u8>, Not> {
    let path = std::fs::read_link(through(file)).map_err(|_| Not::Refused("its name cannot be read"))?;
    Ok(path.into_os_string().into_vec())
}

fn identity(file: &OwnedFd) -> Result<Identity, Not> {
    Identity::of(&through(file)).map_err(|_| Not::Refused("the file cannot be looked at"))
}

fn read_head(file: &OwnedFd) -> Result<Vec<u8>, Not> {
    let mut head = Vec::with_capacity(HEAD);
    let file = File::open(through(file)).map_err(|_| Not::Refused("the guard cannot read the file"))?;
    file.take(HEAD as u64).read_to_end(&mut head).map_err(|_| Not::Refused("the guard cannot read the file"))?;
    Ok(head)
}

/// Whether somebody with the guard's rights, which are the session's, may write the file or put another in its place.
fn may_change(path: &[u8]) -> bool {
    let path = Path::new(OsStr::from_bytes(path));
    path.ancestors().any(|step| rustix::fs::access(step, Access::WRITE_OK).is_ok())
}

/// The interpreter and its one argument, as `load_script` of the kernel reads them.
fn hash_bang(line: &[u8]) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let cut = line.iter().position(|byte| matches!(byte, b'\n' | 0));
    let whole = cut.unwrap_or(line.len());
    let line = line.get(..whole)?;
    let start = line.iter().position(|byte| !blank(byte))?;
    let end = line.iter().rposition(|byte| !blank(byte))? + 1;
    let line = line.get(start..end)?;
    let (name, rest) = match line.iter().position(blank) {
        Some(at) => line.split_at(at),
        // Without an end in sight, the name may go on beyond what the kernel looks at.
        None if cut.is_none() && whole == HEAD - 2 => return None,
        None => (line, [].as_slice()),
    };
    let argument = rest.iter().position(|byte| !blank(byte)).and_then(|at| rest.get(at..));
    Some((name.to_vec(), argument.map(<[u8]>::to_vec)))
}

/// Only this machine's own 64-bit format: others bring calls that the filter does not know, or a handler that was not named.
fn native(head: &[u8]) -> Result<(), Not> {
    const MACHINE: u16 = if cfg!(target_arch = "x86_64") { 62 } else { 183 };
    if !head.starts_with(b"\x7fELF") {
        return Err(Not::Errno(libc::ENOEXEC));
    }
    let machine = head.get(18..20).and_then(|bytes| bytes.first_chunk::<2>()).map(|bytes| u16::from_le_bytes(*bytes));
    if head.get(4..6) == Some(&[2, 1]) && machine == Some(MACHINE) {
        Ok(())
    } else {
        Err(Not::Refused("it is built for another kind of processor"))
    }
}

#[cfg(test)]
mod tests;
