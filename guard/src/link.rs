//! The stream to the gateway: frames in and out, and never a wait.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use crate::wire::{Broken, FRAME_MOST, Frame};

/// Beyond this many bytes that the gateway has not taken, nothing new is asked.
const BACKLOG: usize = 2 * FRAME_MOST;

/// One end of the stream.
#[derive(Debug)]
pub(crate) struct Link {
    stream: UnixStream,
    arrived: Vec<u8>,
    waiting: Vec<u8>,
}

/// Why nothing more will come.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    #[error("the connection to the gateway ended")]
    Closed,
    #[error("the connection to the gateway failed")]
    Failed(#[from] io::Error),
    #[error("the gateway sent something that is no message")]
    Broken(#[from] Broken),
}

impl Link {
    pub(crate) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, arrived: Vec::new(), waiting: Vec::new() })
    }

    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < BACKLOG
    }

    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Queues a frame, and sends what the stream takes.
    pub(crate) fn send(&mut self, frame: &Frame) -> Result<(), Lost> {
        self.waiting.extend(frame.encode());
        self.flush()
    }

    pub(crate) fn flush(&mut self) -> Result<(), Lost> {
        while !self.waiting.is_empty() {
            match self.stream.write(&self.waiting) {
                Ok(0) => return Err(Lost::Closed),
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The frames that have arrived in full. Those before the end come first; the end is told by the next call.
    pub(crate) fn take(&mut self) -> Result<Vec<Frame>, Lost> {
        let mut piece = [0; 16 << 10];
        let mut closed = false;
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => {
                    closed = true;
                    break;
                }
                Ok(count) => self.arrived.extend_from_slice(piece.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            }
            if self.arrived.len() > FRAME_MOST {
                break;
            }
        }
        let mut frames = Vec::new();
        let mut used = 0;
        while let Some((frame, length)) = Frame::decode(self.arrived.get(used..).unwrap_or_default())? {
            frames.push(frame);
            used += length;
        }
        self.arrived.drain(..used);
        if closed && frames.is_empty() { Err(Lost::Closed) } else { Ok(frames) }
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
