//! Recordings: what went over a session, in one file each (`*.csr`).
//!
//! A recording is written before the act it tells about is let through: no record, no pass. The writing is the
//! work of one thread for all sessions ([`Recorder`]); a session holds a [`Tape`] and pays for a copy into a
//! buffer, nothing more. What is in the file can be read up to the last whole frame, whatever happened to the
//! process ([`Reader`]), and [`verify`] shows a change without any key. See `format.rs` for every byte.
//!
//! The hash chain of a file has no secret in it, so whoever can replace the whole file can make a new, sound one.
//! That is what anchors are for: store the [`Head`](super::Head) that `open`, [`Tape::flush`] and [`Tape::close`]
//! give in the audit log, and compare with [`verify_against`]. An [`Anchor`] is for those who do it while the session goes on.

mod anchor;
mod check;
mod codec;
mod event;
mod format;
mod frames;
mod lock;
mod reader;
mod seal;
mod session;
mod tape;
mod thread;
mod writer;

pub use anchor::Anchor;
pub use check::{Checked, Index, Recording, verify, verify_against};
pub use event::{Event, EventRef, Record};
pub use format::{Header, Sealed};
pub use frames::{Ending, ReadError};
pub use reader::Reader;
pub use seal::SealError;
pub use session::RecordError;
pub use tape::Tape;
pub use writer::{Now, Recorder, RecorderConfig, StartError};

#[cfg(test)]
mod tests;
