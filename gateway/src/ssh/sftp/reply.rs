//! What a target answers, as far as we need it. The rest is the client's business.

use super::request::Answer;
use super::wire::{Attrs, Code, Cursor, Malformed, kind};

/// A packet of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply<'a> {
    /// The greeting: the version that is spoken from here on.
    Version(u32),
    /// How it went. Some servers leave the message out.
    Status { id: u32, code: Code, message: &'a [u8] },
    /// The handle of what was opened.
    Handle { id: u32, handle: &'a [u8] },
    /// Bytes of a file.
    Data { id: u32, data: &'a [u8] },
    /// Names: how many, and the first.
    Names { id: u32, count: u32, first: Option<&'a [u8]> },
    /// Attributes of a file.
    Attrs { id: u32, size: Option<u64> },
    /// Whatever an extension answers.
    Extended { id: u32, data: &'a [u8] },
}

impl<'a> Reply<'a> {
    /// Reads a whole packet.
    pub(crate) fn read(packet: &'a [u8]) -> Result<Self, Malformed> {
        let (kind, mut fields) = Cursor::of(packet)?;
        // An id, but for the greeting.
        let id = fields.u32()?;
        match kind {
            kind::VERSION => {
                while !fields.is_done() {
                    fields.string()?;
                    fields.string()?;
                }
                Ok(Self::Version(id))
            }
            kind::STATUS => {
                let code = Code(fields.u32()?);
                let message = if fields.is_done() { b"" } else { fields.string()? };
                Ok(Self::Status { id, code, message })
            }
            kind::HANDLE => {
                let handle = fields.handle()?;
                fields.end().map(|()| Self::Handle { id, handle })
            }
            kind::DATA => {
                let data = fields.string()?;
                fields.end().map(|()| Self::Data { id, data })
            }
            kind::NAME => {
                let count = fields.u32()?;
                let first = (count > 0).then(|| fields.string()).transpose()?;
                Ok(Self::Names { id, count, first })
            }
            kind::ATTRS => Attrs::size(fields).map(|size| Self::Attrs { id, size }),
            kind::EXTENDED_REPLY => Ok(Self::Extended { id, data: fields.rest() }),
            other => Err(Malformed::Kind(other)),
        }
    }

    /// The request that it answers; the greeting answers none that has an id.
    pub(crate) const fn id(&self) -> Option<u32> {
        match self {
            Self::Version(_) => None,
            Self::Status { id, .. }
            | Self::Handle { id, .. }
            | Self::Data { id, .. }
            | Self::Names { id, .. }
            | Self::Attrs { id, .. }
            | Self::Extended { id, .. } => Some(*id),
        }
    }

    /// Whether a request that is answered so when it goes well may have this answer.
    pub(super) fn fits(&self, answer: Answer) -> bool {
        let kind = match self {
            Self::Version(_) => return false,
            Self::Status { .. } => return true,
            Self::Handle { .. } => Answer::Handle,
            Self::Data { .. } => Answer::Data,
            Self::Names { .. } => Answer::Names,
            Self::Attrs { .. } => Answer::Attrs,
            Self::Extended { .. } => Answer::Extended,
        };
        answer == kind || answer == Answer::Anything
    }
}
