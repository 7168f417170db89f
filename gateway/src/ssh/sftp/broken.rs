//! Why a conversation can't go on.

use std::fmt;

use super::wire::Malformed;

/// Why the session ends: from here on, what one side says would mean something else to us than to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Bytes that are no message.
    Malformed(Malformed),
    /// The greeting is missing, or comes a second time.
    Greeting,
    /// The target speaks another version, whose messages look different.
    Version(u32),
    /// A request takes the id of one that is not answered yet.
    Twice(u32),
    /// An answer to nothing.
    Nobody(u32),
    /// An answer that this request can't have.
    Answer(u32),
    /// More requests wait for an answer than anybody needs.
    Outstanding,
    /// More files are open than anybody needs.
    Handles,
    /// The target gives a handle that is still in use.
    Reused,
    /// A request that should have been refused was let through.
    Unknown(u32),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => why.fmt(f),
            Self::Greeting => f.write_str("a greeting that is missing or comes twice"),
            Self::Version(version) => write!(f, "version {version} of SFTP, where 3 was asked for"),
            Self::Twice(id) => write!(f, "the id {id} of a request that still waits for its answer"),
            Self::Nobody(id) => write!(f, "an answer to the request {id}, which nobody made"),
            Self::Answer(id) => write!(f, "an answer to the request {id} that it can't have"),
            Self::Outstanding => f.write_str("too many requests that wait for an answer"),
            Self::Handles => f.write_str("too many open files"),
            Self::Reused => f.write_str("a handle that is still in use"),
            Self::Unknown(id) => write!(f, "the request {id} on a handle that is not open"),
        }
    }
}

impl std::error::Error for Broken {}

impl From<Malformed> for Broken {
    fn from(why: Malformed) -> Self {
        Self::Malformed(why)
    }
}
