//! What is in a file that passes, kept where the policy wants it: from its beginning and in order, a part marked as one, and never more than there is room for.

use std::fmt;

use crate::record::{Extent, Kept};

/// So much is held for all open files together, in bytes, until they are closed.
/// It may all go on the tape at once, which takes 16 MiB.
pub(super) const ROOM: u64 = 12 << 20;

/// What became of one file's content, on one way.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nobody wants it.
    #[default]
    Unwanted,
    /// These are the bytes that passed, in order from the beginning of the file.
    Kept(Kept),
    /// It is larger than what is kept, which is so many bytes.
    TooLarge(u64),
    /// Too many files are open at once.
    NoRoom,
    /// It did not come in order, or was not taken.
    Jumbled,
}

// What is in files must not reach a log by way of `{:?}`.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unwanted => f.write_str("Unwanted"),
            Self::Kept(kept) => write!(f, "Kept({} bytes, {:?})", kept.bytes.len(), kept.extent),
            Self::TooLarge(most) => write!(f, "TooLarge({most})"),
            Self::NoRoom => f.write_str("NoRoom"),
            Self::Jumbled => f.write_str("Jumbled"),
        }
    }
}

impl Content {
    /// A file of which so much is kept at most; nothing is 0.
    pub(super) fn up_to(most: u64) -> Self {
        if most == 0 { Self::Unwanted } else { Self::Kept(Kept::default()) }
    }

    /// More of it came, in order.
    pub(super) fn take(&mut self, data: &[u8], most: u64) {
        let Self::Kept(kept) = self else { return };
        if u64::try_from(kept.bytes.len() + data.len()).is_ok_and(|size| size <= most) {
            kept.bytes.extend_from_slice(data);
        } else {
            *self = Self::TooLarge(most);
        }
    }

    /// This is how much of the file it is.
    pub(super) fn of(mut self, whole: bool) -> Self {
        if let Self::Kept(kept) = &mut self {
            kept.extent = if whole { Extent::Whole } else { Extent::Part };
        }
        self
    }

    /// It can't be told any more what is in the file.
    pub(super) fn spoiled(self) -> Self {
        if matches!(self, Self::Kept(_)) { Self::Jumbled } else { self }
    }

    /// There is no room for it.
    pub(super) fn drop_it(&mut self) {
        if matches!(self, Self::Kept(_)) {
            *self = Self::NoRoom;
        }
    }

    /// How many bytes are held.
    pub(super) fn held(&self) -> u64 {
        match self {
            Self::Kept(kept) => u64::try_from(kept.bytes.len()).unwrap_or(u64::MAX),
            Self::Unwanted | Self::TooLarge(_) | Self::NoRoom | Self::Jumbled => 0,
        }
    }

    /// Why it is not kept though it was wanted.
    pub(crate) fn why_not(&self) -> Option<String> {
        match self {
            Self::Unwanted | Self::Kept(_) => None,
            Self::TooLarge(most) => Some(format!("it is larger than {most} bytes")),
            Self::NoRoom => Some("too many files are open at once".to_owned()),
            Self::Jumbled => Some("it did not pass whole, from its beginning and in order".to_owned()),
        }
    }
}
