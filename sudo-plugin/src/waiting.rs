//! The wait for the gateway's word, inside sudo's process: no threads, no runtime, one poll.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use guard::wire::{FRAME_MOST, Fingerprint, Frame, Nonce, Question, Verdict};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::termios::LocalModes;
use rustix::time::{ClockId, clock_gettime};

use crate::asking::Refused;
use crate::process::{Interrupts, as_user};
use crate::settings::{Gateway, User};

/// Ctrl-C, where the terminal does not make a signal of it.
const INTERRUPT: u8 = 3;
const SECOND: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

pub(crate) fn wait(
    gateway: &Gateway,
    socket: &Path,
    user: &User,
    question: Question,
    say: &dyn Fn(&str),
) -> Result<(), Refused> {
    let session = question.session.clone();
    let asked = (question.nonce, question.fingerprint());
    let interrupts = Interrupts::take();
    let stream =
        as_user(user.uid, user.gid, || connect(socket)).and_then(|stream| stream).map_err(Refused::NoSocket)?;
    let mut wait = Waiting {
        stream,
        arrived: Vec::new(),
        keyboard: raw_keyboard(),
        _until_it_ends: interrupts,
        until: now() + gateway.wait.as_secs(),
    };
    wait.send(&Frame::Question(Box::new(question)).encode())?;
    loop {
        match wait.next() {
            Ok(Frame::Answer(answer)) => {
                let checked = answer.check(&gateway.key, &session, asked).map_err(Refused::Forged)?;
                match checked.verdict {
                    Verdict::Go => return Ok(()),
                    Verdict::Deny => return Err(Refused::Denied(checked.text)),
                    Verdict::Hold => say(&checked.text),
                }
            }
            // Ends of guards are none of a plugin's.
            Ok(_) => return Err(Refused::Lost),
            Err(refused) => {
                wait.withdraw(asked);
                return Err(refused);
            }
        }
    }
}

/// Never blocks: the socket is the user's, and may belong to anything.
fn connect(path: &Path) -> io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(UnixStream::from(socket))
}

/// The keyboard, if sudo has switched it to hand over every key: then nobody else makes a signal of Ctrl-C.
fn raw_keyboard() -> Option<std::fs::File> {
    let keyboard = std::fs::File::open("/dev/tty").ok()?;
    let modes = rustix::termios::tcgetattr(&keyboard).ok()?;
    let foreground = rustix::termios::tcgetpgrp(&keyboard).ok()? == rustix::process::getpgrp();
    (foreground && !modes.local_modes.contains(LocalModes::ISIG)).then_some(keyboard)
}

fn now() -> u64 {
    clock_gettime(ClockId::Monotonic).tv_sec as u64
}

struct Waiting {
    stream: UnixStream,
    arrived: Vec<u8>,
    keyboard: Option<std::fs::File>,
    _until_it_ends: Interrupts,
    until: u64,
}

impl Waiting {
    fn next(&mut self) -> Result<Frame, Refused> {
        let mut piece = [0; 4_096];
        loop {
            match Frame::decode(&self.arrived) {
                Ok(Some((frame, length))) => {
                    self.arrived.drain(..length);
                    return Ok(frame);
                }
                Ok(None) if self.arrived.len() <= 4 + FRAME_MOST => {}
                Ok(None) | Err(_) => return Err(Refused::Lost),
            }
            self.ready(PollFlags::IN)?;
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(Refused::Lost),
                Ok(count) => self.arrived.extend_from_slice(piece.get(..count).unwrap_or_default()),
                Err(error) if is_nothing(&error) => {}
                Err(_) => return Err(Refused::Lost),
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) if is_nothing(&error) => self.ready(PollFlags::OUT)?,
                Err(_) => return Err(Refused::Lost),
            }
        }
        Ok(())
    }

    /// Until the stream is ready; an error when the person or the clock ends the wait. Other keys than Ctrl-C are dropped.
    fn ready(&mut self, flags: PollFlags) -> Result<(), Refused> {
        loop {
            if Interrupts::wanted() {
                return Err(Refused::Interrupted);
            }
            if now() >= self.until {
                return Err(Refused::TooLate);
            }
            let stream = self.stream.as_fd();
            let mut fds = vec![PollFd::from_borrowed_fd(stream, flags)];
            if let Some(keyboard) = &self.keyboard {
                fds.push(PollFd::from_borrowed_fd(keyboard.as_fd(), PollFlags::IN));
            }
            let _interrupted_is_seen_above = poll(&mut fds, Some(&SECOND));
            let any: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
            if any.get(1) == Some(&true) {
                let mut keys = [0; 64];
                match self.keyboard.as_mut().map(|keyboard| keyboard.read(&mut keys)) {
                    Some(Ok(count)) if count > 0 => {
                        if keys.get(..count).is_some_and(|keys| keys.contains(&INTERRUPT)) {
                            return Err(Refused::Interrupted);
                        }
                    }
                    _ => self.keyboard = None,
                }
            }
            if any.first() == Some(&true) {
                return Ok(());
            }
        }
    }

    fn withdraw(&mut self, (nonce, _): (Nonce, Fingerprint)) {
        let _may_be_gone = self.stream.write(&Frame::Withdrawn(nonce).encode());
    }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
