//! Processes: fork, wait, signals, and what a process is to its parent and to others.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use super::done;

/// Which side of a fork this is.
#[derive(Debug)]
pub(crate) enum Forked {
    Child,
    Parent(i32),
}

/// Forks. Only a process of one thread may go on after that as if nothing had happened.
pub(crate) fn fork() -> io::Result<Forked> {
    let threads = std::fs::read_dir("/proc/self/task")?.count();
    if threads != 1 {
        return Err(io::Error::other(format!("the guard must be alone in its process, and has {threads} threads")));
    }
    // SAFETY: no other thread exists, so no lock is held by one that the child would not have.
    match done(unsafe { libc::fork() }.into())? {
        0 => Ok(Forked::Child),
        pid => Ok(Forked::Parent(pid as i32)),
    }
}

/// What `waitpid` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It ended by itself, with this status.
    Exited(u32),
    /// This signal ended it.
    Killed(u32),
    /// It stopped, because of this signal and with this event of ptrace (0: the signal itself).
    Stopped { signal: i32, event: i32 },
}

impl Status {
    /// What a shell would call it, once it has ended.
    pub(crate) fn at_end(self) -> Option<u32> {
        match self {
            Self::Exited(status) => Some(status),
            Self::Killed(signal) => Some(128 + signal),
            Self::Stopped { .. } => None,
        }
    }
}

/// The next child or traced process that has something to tell. `None`: there is none now, or none at all.
pub(crate) fn wait_any() -> Option<(i32, Status)> {
    loop {
        let mut raw = 0;
        // SAFETY: `raw` is a valid place for the status.
        let pid = unsafe { libc::waitpid(-1, &raw mut raw, libc::__WALL | libc::WNOHANG) };
        if pid == -1 && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted {
            continue;
        }
        if pid <= 0 {
            return None;
        }
        if libc::WIFEXITED(raw) {
            return Some((pid, Status::Exited(libc::WEXITSTATUS(raw) as u32)));
        }
        if libc::WIFSIGNALED(raw) {
            return Some((pid, Status::Killed(libc::WTERMSIG(raw) as u32)));
        }
        if libc::WIFSTOPPED(raw) {
            return Some((pid, Status::Stopped { signal: libc::WSTOPSIG(raw), event: raw >> 16 }));
        }
    }
}

/// Sends a signal; to a process that is gone it does nothing.
pub(crate) fn tell(pid: i32, signal: i32) {
    if pid > 0 {
        // SAFETY: takes two numbers.
        unsafe { libc::kill(pid, signal) };
    }
}

fn prctl(option: libc::c_int, value: libc::c_ulong) -> io::Result<()> {
    // SAFETY: the options used here take one number and touch no memory.
    done(unsafe { libc::prctl(option, value, 0, 0, 0) }.into()).map(drop)
}

/// Others of the same user may neither trace this process nor read or write its memory.
pub(crate) fn become_unreachable() -> io::Result<()> {
    prctl(libc::PR_SET_DUMPABLE, 0)
}

/// The guard may read this process's memory, also where the guard is not root.
pub(crate) fn become_reachable() -> io::Result<()> {
    prctl(libc::PR_SET_DUMPABLE, 1)
}

/// Descendants whose parent ends become children of this process.
pub(crate) fn keep_orphans() -> io::Result<()> {
    prctl(libc::PR_SET_CHILD_SUBREAPER, 1)
}

/// No program that is started from here on gains rights by being started.
pub(crate) fn refuse_new_rights() -> io::Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1)
}

/// The kernel kills this process when its parent ends. Fails if the parent has ended already.
pub(crate) fn kill_with_parent(parent: i32) -> io::Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong)?;
    // SAFETY: takes nothing.
    if unsafe { libc::getppid() } == parent { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
}

/// Signals that arrive as reads, and what the signal mask was before.
#[derive(Debug)]
pub(crate) struct Ends {
    fd: OwnedFd,
    before: libc::sigset_t,
}

impl Ends {
    /// The signals that arrived, each once.
    pub(crate) fn take(&self) -> Vec<i32> {
        let mut seen = Vec::new();
        let mut info = [0_u8; size_of::<libc::signalfd_siginfo>()];
        while rustix::io::read(&self.fd, &mut info) == Ok(info.len()) {
            if let Some(number) = info.first_chunk::<4>() {
                seen.push(i32::from_ne_bytes(*number));
            }
        }
        seen
    }

    pub(crate) fn fd(&self) -> &OwnedFd {
        &self.fd
    }
}

/// Turns what a terminal or a parent may send into reads. Stop signals are kept away as well: a guard that stops would
/// hold everything, and a guard in the background must be able to write to the terminal.
pub(crate) fn signals() -> io::Result<Ends> {
    let mut set = empty();
    for signal in [
        libc::SIGCHLD,
        libc::SIGHUP,
        libc::SIGTERM,
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGPIPE,
        libc::SIGTSTP,
        libc::SIGTTIN,
        libc::SIGTTOU,
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGALRM,
    ] {
        // SAFETY: `set` was initialised, and the number is a signal's.
        unsafe { libc::sigaddset(&raw mut set, signal) };
    }
    let mut before = empty();
    // SAFETY: both sets are initialised.
    done(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, &raw mut before) }.into())?;
    // SAFETY: `set` is initialised; -1 asks for a new descriptor.
    let fd = done(unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) }.into())?;
    // SAFETY: the call has just made it, and nobody else knows it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    Ok(Ends { fd, before })
}

/// A child's way back to what the guard's own parent had set. The signal for broken pipes is not part of the mask.
pub(crate) fn restore_signals(ends: &Ends) -> io::Result<()> {
    default_pipe_signal();
    // SAFETY: the set came from the kernel.
    let result = unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const ends.before, std::ptr::null_mut()) };
    done(result.into()).map(drop)
}

/// Rust's start-up ignores it, and an ignored signal would be inherited by every program of the session.
fn default_pipe_signal() {
    // SAFETY: sets the default action, no handler.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

fn empty() -> libc::sigset_t {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: writes the whole set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: written by the line before.
    unsafe { set.assume_init() }
}
