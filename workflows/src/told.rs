//! Words that are safe for the person who caused an error, and whose fault it is.

/// Whose fault an error is: it chooses the exit code, the HTTP status and the log level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What was asked makes no sense.
    Asker,
    /// It is understood and not allowed.
    Refused,
    /// There is no such thing, or the person may not know of it.
    Missing,
    /// Somebody was faster, or it is already so.
    Conflict,
    /// We can't, now: the store, a target, a disk.
    Ours,
}

/// An error that a person may read.
pub trait Told: std::error::Error {
    /// What the person reads: what was wrong, and what to do. Written by us; never a chain of causes.
    fn told(&self) -> String;
    /// Whose fault it is.
    fn fault(&self) -> Fault;
}
