//! Lines for the person, on the session's own terminal or error stream. They may be lost; they never wait.

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write, stderr};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::SendFlags;

use crate::judge::visible;

/// Where lines go.
#[derive(Debug)]
pub(crate) struct Screen {
    own: Option<File>,
    terminal: bool,
}

impl Screen {
    /// A way of its own to the error stream: making that one non-blocking would change it for the session as well.
    pub(crate) fn open() -> Self {
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
        let own = OpenOptions::new().append(true).custom_flags(flags).open("/proc/self/fd/2").ok();
        Self { own, terminal: stderr().is_terminal() }
    }

    /// One line. What could act on a terminal is shown, not sent.
    pub(crate) fn say(&self, words: &str) {
        let text: String = words.chars().flat_map(visible).collect();
        let line =
            if self.terminal { format!("\rcountersign: {text}\r\n") } else { format!("countersign: {text}\n") };
        if let Some(mut own) = self.own.as_ref() {
            let _may_be_lost = own.write(line.as_bytes());
        } else {
            // What cannot be opened anew is a socket, closed, or somebody else's.
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            let sent = rustix::net::send(stderr(), line.as_bytes(), flags);
            if sent == Err(Errno::NOTSOCK) {
                write_if_there_is_room(&line);
            }
        }
    }

    /// Makes this group the one that reads the terminal, if there is one.
    pub(crate) fn give_to(&self, group: rustix::process::Pid) {
        if let (true, Some(own)) = (self.terminal, self.own.as_ref()) {
            let _gone = rustix::termios::tcsetpgrp(own.as_fd(), group);
        }
    }
}

/// A pipe that can be written to at all takes a line as short as this without a wait.
fn write_if_there_is_room(line: &str) {
    let stderr = stderr();
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    if poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], Some(&now)) == Ok(1) {
        let _may_be_lost = rustix::io::write(&stderr, line.as_bytes());
    }
}
