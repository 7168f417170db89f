//! The far end of the gateway's second channel: a socket of the user's, joined with standard input and output.
//!
//! It carries frames and believes none of them: answers are signed, and whoever alters or drops one can only refuse.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, poll};

use crate::link::{Link, Lost};
use crate::options::Failed;
use crate::sys;
use crate::wire::{FRAME_MOST, Frame, Nonce};

/// Connections at once: the guard, and one for each `sudo` that waits.
const CONNECTIONS: usize = 16;

/// Makes the socket, tells its path on standard output as one line, and carries frames until either side ends.
///
/// The first connection is the guard's: when it ends, so does everything. `only_sudo`: there is no guard, and every connection
/// is a sudo's.
pub fn relay(folder: &Path, name: &str, only_sudo: bool) -> Result<(), Failed> {
    let step = |words| move |error: io::Error| Failed::Step(words, error);
    sys::become_unreachable().map_err(step("the relay cannot shut itself off"))?;
    let socket = Socket::make(folder, name).map_err(step("the socket cannot be made"))?;
    let mut out = io::stdout();
    let line = format!("countersign-guard 1 {}\n", socket.path.display());
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).map_err(step("the gateway is gone"))?;
    let mut relay =
        Relay { guard: None, only_sudo, others: HashMap::new(), next: 0, asked: HashMap::new(), arrived: Vec::new() };
    relay.carry(&socket.listener).map_err(step("the connection ended"))
}

/// A socket that goes away with the relay.
struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    fn make(folder: &Path, name: &str) -> io::Result<Self> {
        let own = folder.join(format!("countersign-{name}"));
        std::fs::DirBuilder::new().mode(0o700).create(&own)?;
        let path = own.join("socket");
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, path })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _may_be_gone = std::fs::remove_file(&self.path);
        if let Some(folder) = self.path.parent() {
            let _may_be_gone = std::fs::remove_dir(folder);
        }
    }
}

struct Relay {
    guard: Option<u64>,
    only_sudo: bool,
    others: HashMap<u64, Link>,
    next: u64,
    /// Who asked what.
    asked: HashMap<Nonce, u64>,
    arrived: Vec<u8>,
}

impl Relay {
    fn carry(&mut self, listener: &UnixListener) -> io::Result<()> {
        let mut input = io::stdin();
        loop {
            let numbers: Vec<u64> = self.others.keys().copied().collect();
            let (from_gateway, knocked, spoke) = {
                let mut fds = vec![PollFd::new(&input, PollFlags::IN), PollFd::new(listener, PollFlags::IN)];
                for link in numbers.iter().filter_map(|number| self.others.get(number)) {
                    let out = if link.has_waiting() { PollFlags::OUT } else { PollFlags::empty() };
                    fds.push(PollFd::new(link, PollFlags::IN | out));
                }
                poll(&mut fds, None)?;
                let any: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
                let spoke: Vec<u64> =
                    numbers.iter().zip(any.iter().skip(2)).filter(|(_, any)| **any).map(|(n, _)| *n).collect();
                (any.first() == Some(&true), any.get(1) == Some(&true), spoke)
            };
            if from_gateway && !self.gateway_spoke(&mut input)? {
                return Ok(());
            }
            if knocked && let Ok((stream, _)) = listener.accept() {
                self.add(stream)?;
            }
            for number in spoke {
                if !self.session_spoke(number)? && self.guard == Some(number) {
                    return Ok(());
                }
            }
        }
    }

    fn add(&mut self, stream: UnixStream) -> io::Result<()> {
        if self.others.len() < CONNECTIONS {
            self.others.insert(self.next, Link::new(stream)?);
            if !self.only_sudo {
                self.guard.get_or_insert(self.next);
            }
            self.next += 1;
        }
        Ok(())
    }

    /// False: the gateway has gone.
    fn gateway_spoke(&mut self, input: &mut io::Stdin) -> io::Result<bool> {
        let mut piece = [0; 16 << 10];
        let count = input.read(&mut piece)?;
        self.arrived.extend_from_slice(piece.get(..count).unwrap_or_default());
        while let Some((frame, length)) = Frame::decode(&self.arrived).map_err(io::Error::other)? {
            self.arrived.drain(..length);
            if self.only_sudo && matches!(frame, Frame::End(_)) {
                return Ok(false);
            }
            let to = match &frame {
                Frame::Answer(answer) if answer.is_last() => self.asked.remove(&answer.nonce()),
                Frame::Answer(answer) => self.asked.get(&answer.nonce()).copied(),
                Frame::Pong(_) | Frame::End(_) => self.guard,
                Frame::Hello { .. }
                | Frame::Question(_)
                | Frame::Withdrawn(_)
                | Frame::Followed(..)
                | Frame::Refused { .. }
                | Frame::Ended(_)
                | Frame::Ping(_) => None,
            };
            if let Some(link) = to.and_then(|number| self.others.get_mut(&number)) {
                let _found_out_when_read = link.send(&frame);
            }
        }
        Ok(count > 0 && self.arrived.len() <= 4 + FRAME_MOST)
    }

    /// False: this connection has ended, and what it waited for was withdrawn.
    fn session_spoke(&mut self, number: u64) -> io::Result<bool> {
        let Some(link) = self.others.get_mut(&number) else { return Ok(true) };
        let frames = link.flush().and_then(|()| link.take());
        let mut out = Vec::new();
        let alive = match frames {
            Ok(frames) => {
                for frame in frames {
                    if self.passes(number, &frame) {
                        out.extend(frame.encode());
                    }
                }
                true
            }
            Err(Lost::Closed | Lost::Failed(_) | Lost::Broken(_)) => {
                self.others.remove(&number);
                let gone = self.asked.extract_if(|_, by| *by == number).map(|(nonce, _)| nonce);
                out.extend(gone.flat_map(|nonce| Frame::Withdrawn(nonce).encode()));
                false
            }
        };
        let mut stdout = io::stdout();
        stdout.write_all(&out)?;
        stdout.flush()?;
        Ok(alive)
    }

    /// Only who asked takes a question back; only the guard speaks for the session; answers come from the gateway alone.
    fn passes(&mut self, number: u64, frame: &Frame) -> bool {
        match frame {
            Frame::Question(question) => match self.asked.entry(question.nonce) {
                Entry::Vacant(place) => {
                    place.insert(number);
                    true
                }
                Entry::Occupied(_) => false,
            },
            Frame::Withdrawn(nonce) => self.asked.get(nonce) == Some(&number) && self.asked.remove(nonce).is_some(),
            Frame::Hello { .. } | Frame::Followed(..) | Frame::Refused { .. } | Frame::Ended(_) | Frame::Ping(_) => {
                self.guard == Some(number)
            }
            Frame::Pong(_) | Frame::Answer(_) | Frame::End(_) => false,
        }
    }
}
