//! Bytes by hand from the draft, whole conversations, recordings of OpenSSH, and noise.

mod captured;
mod contents;
mod conversations;
mod facts;
mod fuzz;
mod limits;
mod replies;
mod requests;

use super::broken::Broken;
use super::name::{absolute, shown};
use super::request::{Call, Flags};
use super::transfer::Moved;
use super::wire::{Attrs, Malformed};
use super::*;

/// A packet from its bytes behind the length.
fn framed(body: &[u8]) -> Vec<u8> {
    let mut packet = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    packet.extend_from_slice(body);
    packet
}

/// A packet of a kind, an id and fields.
fn packet(kind: u8, id: u32, fields: &[&[u8]]) -> Vec<u8> {
    let mut body = vec![kind];
    body.extend(id.to_be_bytes());
    body.extend(fields.concat());
    framed(&body)
}

/// A field with its length.
fn text(bytes: &[u8]) -> Vec<u8> {
    framed(bytes)
}

/// A conversation of which each step is done at once: what is looked at is sent.
#[derive(Default)]
struct Talk(Transfers);

impl Talk {
    /// After both greetings.
    fn greeted() -> Self {
        let mut talk = Self::default();
        assert_eq!(talk.ask(&INIT), Ok(Look::Pass));
        assert_eq!(talk.answer(&framed(b"\x02\0\0\0\x03")), Ok(vec![]));
        talk
    }

    fn ask(&mut self, packet: &[u8]) -> Result<Look, Broken> {
        let request = Request::read(packet)?;
        let look = self.0.look(&request)?;
        if !matches!(look, Look::Refuse(..)) {
            self.0.sent(&request)?;
        }
        Ok(look)
    }

    fn answer(&mut self, packet: &[u8]) -> Result<Vec<Transfer>, Broken> {
        self.0.reply(&Reply::read(packet)?)
    }

    /// Opens a file; the target gives it this handle.
    fn open(&mut self, id: u32, path: &[u8], flags: u32, handle: &[u8]) {
        let asked = self.ask(&packet(3, id, &[&text(path), &flags.to_be_bytes(), &[0; 4]])).unwrap();
        assert!(matches!(asked, Look::Judge(_)), "{asked:?}");
        assert_eq!(self.answer(&packet(102, id, &[&text(handle)])), Ok(vec![]));
    }

    fn write(&mut self, id: u32, handle: &[u8], offset: u64, data: &[u8]) {
        assert_eq!(self.ask(&packet(6, id, &[&text(handle), &offset.to_be_bytes(), &text(data)])), Ok(Look::Pass));
    }

    fn read(&mut self, id: u32, handle: &[u8], offset: u64, len: u32) {
        let asked = self.ask(&packet(5, id, &[&text(handle), &offset.to_be_bytes(), &len.to_be_bytes()]));
        assert_eq!(asked, Ok(Look::Pass));
    }

    fn data(&mut self, id: u32, data: &[u8]) {
        assert_eq!(self.answer(&packet(103, id, &[&text(data)])), Ok(vec![]));
    }

    fn status(&mut self, id: u32, code: Code) -> Vec<Transfer> {
        self.answer(&status(id, code, "")).unwrap()
    }

    /// Closes a handle, and hands back what was moved.
    fn close(&mut self, id: u32, handle: &[u8]) -> Transfer {
        assert_eq!(self.ask(&packet(4, id, &[&text(handle)])), Ok(Look::Pass));
        let mut done = self.status(id, Code::OK);
        assert_eq!(done.len(), 1, "{done:?}");
        done.remove(0)
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}
