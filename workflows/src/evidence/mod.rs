//! What happened, in a form that can be shown to have not been changed since.
//!
//! Two kinds of evidence live here, and neither of them is logging. The *audit chain* ([`Entry`], [`link`]) is
//! one row per decision; every row carries the hash of the row before it, and its head is signed from time to
//! time ([`Checkpoint`]) into a file outside the database ([`HeadsFile`]). A *recording* ([`recording`]) is one
//! file per session with a hash chain of its own, whose heads are anchored in the audit chain.
//!
//! A chain of hashes alone only shows damage: whoever can rewrite the whole database can also compute every
//! hash anew. The signed heads close that door, so [`verify`] takes both. What it cannot see is a change behind
//! the newest signed head, which is why [`Report::unsigned`] counts those entries.
//!
//! Nothing in this folder speaks SQL or reads a clock; times are arguments, in microseconds since 1970 (UTC).

mod anchors;
mod chain;
mod checkpoint;
mod export;
mod heads;
mod key;
pub mod recording;
mod verify;

pub use anchors::{Anchors, Compared};
pub use chain::{Entry, Hash, Head, ParseHashError, link};
pub use checkpoint::{Checkpoint, CheckpointError, SignedNote};
pub use export::{Lines, ReadLineError, read_lines, to_line};
pub use heads::{Heads, HeadsError, HeadsFile};
pub use key::{KeyError, ParseVkeyError, SigningKey, VerifyingKey};
pub use verify::{Fault, Report, verify};

#[cfg(test)]
mod tests;
