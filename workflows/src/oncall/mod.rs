//! Who is on call now: counted from the file, or named by a provider.
//!
//! Nothing here opens a socket. Whoever asks a provider writes what it said on the [`Board`], and the policy reads there.

mod board;
mod provider;
mod rotation;

pub use board::{Board, FRESH, Failure, Posted, Shift};
pub use provider::{Provided, Provider, ProviderError, Source, is_api};
pub use rotation::{HandOver, HandOverError, Rotation};

/// How a rotation comes by its shift.
#[derive(Clone, Debug, PartialEq)]
pub enum Turns {
    /// Its people take turns, counted from the file.
    Counted(Rotation),
    /// A provider names them.
    Provided(Provided),
}
