//! Three processes: the watch, which only looks whether the guard is alive; the guard; and the session's first program.
//! If either of the first two ends, the other kills everything below.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, getpgrp, getpid};

use crate::filter::{Untouchable, build};
use crate::link::Link;
use crate::options::{Failed, Options};
use crate::screen::Screen;
use crate::session::{Parts, Session};
use crate::sys::{self, Ends, Forked, Listener};
use crate::tree;

/// The status of a session that was never started.
pub const NOT_STARTED: u8 = 125;
/// The status of a session that was ended from outside.
pub const CUT_OFF: u8 = 124;

/// How often the guard shows that it is alive, and for how long it may fail to.
pub(crate) const BEAT: Duration = Duration::from_millis(500);
const NO_BEAT: Duration = Duration::from_secs(8);
/// How long the guard may take to end a session before the watch does.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a process may take from closing its files to its end.
const LEAVING: Duration = Duration::from_millis(200);
const STEP: Duration = Duration::from_millis(1);

/// Guards a session until it has ended; the answer is its status. The process must have one thread.
pub fn run(options: &Options) -> Result<u8, Failed> {
    if !sys::supported() {
        return Err(Failed::Kernel);
    }
    let scope = ptrace_scope();
    if scope > 2 || (scope == 2 && !rustix::process::geteuid().is_root()) {
        return Err(Failed::Yama(scope));
    }
    let step = |words| move |error: io::Error| Failed::Step(words, error);
    let ends = sys::signals().map_err(step("signals cannot be taken"))?;
    sys::become_unreachable().map_err(step("the guard cannot shut itself off"))?;
    sys::keep_orphans().map_err(step("orphans cannot be kept"))?;
    let stream =
        UnixStream::connect(&options.socket).map_err(|error| Failed::Socket(options.socket.clone(), error))?;
    let pipe = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK);
    let (watched, beat) = pipe.map_err(|error| Failed::Step("there is no pipe", error.into()))?;
    let watch = getpid();
    match sys::fork().map_err(step("the guard cannot be started"))? {
        Forked::Parent(guard) => {
            drop((stream, beat));
            let_go_of_input();
            Ok(keep_watch(guard, &watched, &ends))
        }
        Forked::Child => {
            drop(watched);
            let status = guard(options, watch, stream, beat, ends).unwrap_or_else(|failed| {
                Screen::open().say(&said(&failed));
                tree::end();
                NOT_STARTED
            });
            std::process::exit(status.into());
        }
    }
}

/// Becomes a program of a session that is not guarded, whose `sudo` learns from its environment where to ask. Returns only if that
/// failed. Nothing of the environment is believed: it says where to ask, and answers are signed.
pub fn named(session: &str, socket: &Path, argv: &[OsString]) -> Failed {
    let Some((program, rest)) = argv.split_first() else {
        return Failed::Step("there is no program to start", io::ErrorKind::InvalidInput.into());
    };
    let mut command = Command::new(program);
    command.args(rest).env("COUNTERSIGN_SESSION", session).env("COUNTERSIGN_SOCKET", socket);
    Failed::Step("the program cannot be started", command.exec())
}

/// Yama's rule about who may trace whom; 0 without it.
pub(crate) fn ptrace_scope() -> u32 {
    let text = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// An error with what is behind it.
pub fn said(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        words = format!("{words}: {source}");
        next = source.source();
    }
    words
}

/// The watch's whole life. It takes part in nothing, so that nothing can go wrong in it.
fn keep_watch(guard: i32, watched: &OwnedFd, ends: &Ends) -> u8 {
    let mut patience = NO_BEAT;
    loop {
        let mut fds = [PollFd::new(watched, PollFlags::IN), PollFd::new(ends.fd(), PollFlags::IN)];
        let timeout = Timespec::try_from(patience).unwrap_or_default();
        let ready = poll(&mut fds, Some(&timeout));
        let mut bytes = [0; 512];
        let alive = rustix::io::read(watched, &mut bytes);
        for signal in ends.take() {
            if matches!(signal, libc::SIGHUP | libc::SIGTERM) {
                sys::tell(guard, libc::SIGTERM);
                patience = PATIENCE;
            }
        }
        let mut left = if alive == Ok(0) { LEAVING } else { Duration::ZERO };
        loop {
            while let Some((pid, status)) = sys::wait_any() {
                if let (true, Some(status)) = (pid == guard, status.at_end()) {
                    tree::end();
                    return u8::try_from(status).unwrap_or(CUT_OFF);
                }
            }
            if left.is_zero() {
                break;
            }
            // It has let go of the pipe, and is about to end by itself.
            std::thread::sleep(STEP);
            left = left.saturating_sub(STEP);
        }
        if ready == Ok(0) || alive == Ok(0) {
            sys::tell(guard, libc::SIGKILL);
            tree::end();
            return CUT_OFF;
        }
    }
}

/// Neither of the two may keep the session's input and output open.
fn let_go_of_input() {
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        let _stays = rustix::stdio::dup2_stdin(&null);
        let _stays = rustix::stdio::dup2_stdout(&null);
    }
}

fn guard(options: &Options, watch: Pid, stream: UnixStream, beat: OwnedFd, ends: Ends) -> Result<u8, Failed> {
    let step = |words| move |error: io::Error| Failed::Step(words, error);
    sys::keep_orphans().map_err(step("orphans cannot be kept"))?;
    let (mine, theirs) = UnixStream::pair().map_err(step("there is no socket"))?;
    let untouchable = Untouchable {
        watch: watch.as_raw_pid() as u32,
        guard: getpid().as_raw_pid() as u32,
        group: getpgrp().as_raw_pid() as u32,
    };
    let guard = getpid().as_raw_pid();
    let shell = match sys::fork().map_err(step("the session cannot be started"))? {
        Forked::Parent(pid) => pid,
        Forked::Child => {
            drop((mine, stream, beat));
            let failed = become_session(options, guard, untouchable, theirs, &ends);
            Screen::open().say(&format!("the session cannot be started: {failed}"));
            std::process::exit(NOT_STARTED.into());
        }
    };
    drop(theirs);
    let_go_of_input();
    let listener = receive(&mine).map_err(step("the session could not be put under the filter"))?;
    let link = Link::new(stream).map_err(step("the connection to the gateway cannot be used"))?;
    let parts = Parts { listener, link, ends, beat, watch, shell };
    let status = Session::new(options, parts).map_err(step("the session cannot be looked after"))?.serve();
    Ok(u8::try_from(status).unwrap_or(CUT_OFF))
}

/// The child's way to the session's first program. It comes back only when that failed.
fn become_session(
    options: &Options,
    guard: i32,
    untouchable: Untouchable,
    to_guard: UnixStream,
    ends: &Ends,
) -> io::Error {
    let prepare = || -> io::Result<()> {
        sys::kill_with_parent(guard)?;
        rustix::process::setpgid(None, None)?;
        Screen::open().give_to(getpid());
        sys::refuse_new_rights()?;
        // The guard, if it is not root, has to read what this process asks to run.
        sys::become_reachable()?;
        let listener = sys::install(&build(untouchable))?;
        send(&to_guard, &listener)?;
        drop((listener, to_guard));
        sys::restore_signals(ends)
    };
    if let Err(error) = prepare() {
        return error;
    }
    let name = options.argv.first().map_or(OsStr::new(""), |name| name.as_os_str());
    Command::new(&options.program).arg0(name).args(options.argv.iter().skip(1)).exec()
}

fn send(to: &UnixStream, listener: &OwnedFd) -> io::Result<()> {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
    let fds = [listener.as_fd()];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&fds));
    rustix::net::sendmsg(to, &[io::IoSlice::new(b"l")], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

fn receive(from: &UnixStream) -> io::Result<Listener> {
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    rustix::net::recvmsg(from, &mut [io::IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(mut fds) = message
            && let Some(listener) = fds.next()
        {
            return Ok(Listener(listener));
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}
