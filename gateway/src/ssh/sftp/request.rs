//! What a client asks.

use super::extended;
use super::wire::{Attrs, Cursor, Malformed, kind};

/// A packet of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request<'a> {
    /// The greeting, and the latest version that it can speak. It has no id, and is answered by a version.
    Init(u32),
    /// Something to do.
    Call {
        /// The answer has it, too.
        id: u32,
        /// What.
        call: Call<'a>,
    },
}

impl<'a> Request<'a> {
    /// Reads a whole packet.
    pub(crate) fn read(packet: &'a [u8]) -> Result<Self, Malformed> {
        let (kind, mut fields) = Cursor::of(packet)?;
        if kind == kind::INIT {
            let version = fields.u32()?;
            while !fields.is_done() {
                fields.string()?;
                fields.string()?;
            }
            return Ok(Self::Init(version));
        }
        let id = fields.u32()?;
        let call = if kind == kind::EXTENDED { extended::read(&mut fields) } else { Call::read(kind, &mut fields) }?;
        fields.end()?;
        Ok(Self::Call { id, call })
    }

    /// Its id; the greeting has none.
    pub(crate) const fn id(&self) -> Option<u32> {
        match self {
            Self::Init(_) => None,
            Self::Call { id, .. } => Some(*id),
        }
    }
}

/// How a file is to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flags(pub(crate) u32);

impl Flags {
    const READ: u32 = 0x01;
    const WRITE: u32 = 0x02;
    const APPEND: u32 = 0x04;
    const CREATE: u32 = 0x08;
    const TRUNCATE: u32 = 0x10;
    const EXCLUSIVE: u32 = 0x20;
    const ALL: u32 = 0x3f;

    const fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }

    /// OpenSSH opens for reading, too, what is opened for nothing.
    pub(crate) const fn reads(self) -> bool {
        self.has(Self::READ) || !self.has(Self::WRITE)
    }

    /// Whether data may be written.
    pub(crate) const fn writes(self) -> bool {
        self.has(Self::WRITE)
    }

    /// Whether data lands behind what is there, whatever offset is named.
    pub(crate) const fn appends(self) -> bool {
        self.has(Self::APPEND)
    }

    /// Whether the file is made where there is none. Linux does so even for reading alone.
    pub(crate) const fn creates(self) -> bool {
        self.has(Self::CREATE)
    }

    /// Whether what is in the file is lost. Linux does so even for reading alone.
    pub(crate) const fn truncates(self) -> bool {
        self.has(Self::TRUNCATE)
    }

    /// Whether the file is empty once it is open.
    pub(crate) const fn starts_empty(self) -> bool {
        self.truncates() || (self.creates() && self.has(Self::EXCLUSIVE))
    }

    /// Whether there are flags of a later version.
    pub(crate) const fn unknown(self) -> bool {
        self.has(!Self::ALL)
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call<'a> {
    /// A file gets a handle.
    Open { path: &'a [u8], flags: Flags, attrs: Attrs },
    /// A handle is given back.
    Close { handle: &'a [u8] },
    /// Bytes of a file.
    Read { handle: &'a [u8], offset: u64, len: u32 },
    /// Bytes for a file.
    Write { handle: &'a [u8], offset: u64, data: &'a [u8] },
    /// Attributes; of a link itself.
    Lstat { path: &'a [u8] },
    /// Attributes of what is open.
    Fstat { handle: &'a [u8] },
    /// Sets attributes.
    Setstat { path: &'a [u8], attrs: Attrs },
    /// Sets attributes of what is open.
    Fsetstat { handle: &'a [u8], attrs: Attrs },
    /// A folder gets a handle.
    Opendir { path: &'a [u8] },
    /// Some more names of a folder.
    Readdir { handle: &'a [u8] },
    /// Deletes a file.
    Remove { path: &'a [u8] },
    /// Makes a folder.
    Mkdir { path: &'a [u8], attrs: Attrs },
    /// Deletes an empty folder.
    Rmdir { path: &'a [u8] },
    /// A path from the root, without links.
    Realpath { path: &'a [u8] },
    /// Attributes; of what a link leads to.
    Stat { path: &'a [u8] },
    /// Another name; whether it may replace what has that name is up to the server.
    Rename { from: &'a [u8], to: &'a [u8] },
    /// Where a link leads.
    Readlink { path: &'a [u8] },
    /// Makes a link.
    Symlink { target: &'a [u8], link: &'a [u8] },
    /// `posix-rename@openssh.com`: another name, in the place of whatever has it.
    PosixRename { from: &'a [u8], to: &'a [u8] },
    /// `hardlink@openssh.com`: a second name for a file.
    Hardlink { from: &'a [u8], to: &'a [u8] },
    /// `fsync@openssh.com`: what was written is to last.
    Fsync { handle: &'a [u8] },
    /// `statvfs@openssh.com`: the file system of a path.
    Statvfs { path: &'a [u8] },
    /// `fstatvfs@openssh.com`: the file system of what is open.
    Fstatvfs { handle: &'a [u8] },
    /// `lsetstat@openssh.com`: sets attributes; of a link itself.
    Lsetstat { path: &'a [u8], attrs: Attrs },
    /// `limits@openssh.com`: the longest messages of the server.
    Limits,
    /// `expand-path@openssh.com`: a path from the root; `~` and `~somebody` are homes.
    ExpandPath { path: &'a [u8] },
    /// `copy-data`: from one open file to another, on the server. A length of 0 is all that follows.
    CopyData { from: &'a [u8], offset: u64, len: u64, to: &'a [u8], to_offset: u64 },
    /// `home-directory`: somebody's home.
    HomeDirectory { user: &'a [u8] },
    /// `users-groups-by-id@openssh.com`: names for so many ids.
    UsersGroups { users: usize, groups: usize },
    /// An extension that is not known.
    Unknown { name: &'a [u8], data: &'a [u8] },
}

impl<'a> Call<'a> {
    /// Reads the fields of a call of this kind.
    fn read(kind: u8, from: &mut Cursor<'a>) -> Result<Self, Malformed> {
        Ok(match kind {
            kind::OPEN => Self::Open { path: from.name()?, flags: Flags(from.u32()?), attrs: Attrs::read(from)? },
            kind::CLOSE => Self::Close { handle: from.handle()? },
            kind::READ => Self::Read { handle: from.handle()?, offset: from.u64()?, len: from.u32()? },
            kind::WRITE => Self::Write { handle: from.handle()?, offset: from.u64()?, data: from.string()? },
            kind::LSTAT => Self::Lstat { path: from.name()? },
            kind::FSTAT => Self::Fstat { handle: from.handle()? },
            kind::SETSTAT => Self::Setstat { path: from.name()?, attrs: Attrs::read(from)? },
            kind::FSETSTAT => Self::Fsetstat { handle: from.handle()?, attrs: Attrs::read(from)? },
            kind::OPENDIR => Self::Opendir { path: from.name()? },
            kind::READDIR => Self::Readdir { handle: from.handle()? },
            kind::REMOVE => Self::Remove { path: from.name()? },
            kind::MKDIR => Self::Mkdir { path: from.name()?, attrs: Attrs::read(from)? },
            kind::RMDIR => Self::Rmdir { path: from.name()? },
            kind::REALPATH => Self::Realpath { path: from.name()? },
            kind::STAT => Self::Stat { path: from.name()? },
            kind::RENAME => Self::Rename { from: from.name()?, to: from.name()? },
            kind::READLINK => Self::Readlink { path: from.name()? },
            // The draft has the link first. OpenSSH's server took them the other way round, and everybody followed.
            kind::SYMLINK => Self::Symlink { target: from.name()?, link: from.name()? },
            other => return Err(Malformed::Kind(other)),
        })
    }

    /// What it is answered with when it goes well.
    pub(super) const fn answer(&self) -> Answer {
        match self {
            Self::Open { .. } | Self::Opendir { .. } => Answer::Handle,
            Self::Read { .. } => Answer::Data,
            Self::Lstat { .. } | Self::Fstat { .. } | Self::Stat { .. } => Answer::Attrs,
            Self::Readdir { .. }
            | Self::Realpath { .. }
            | Self::Readlink { .. }
            | Self::ExpandPath { .. }
            | Self::HomeDirectory { .. } => Answer::Names,
            Self::Statvfs { .. } | Self::Fstatvfs { .. } | Self::Limits | Self::UsersGroups { .. } => {
                Answer::Extended
            }
            Self::Unknown { .. } => Answer::Anything,
            Self::Close { .. }
            | Self::Write { .. }
            | Self::Setstat { .. }
            | Self::Fsetstat { .. }
            | Self::Lsetstat { .. }
            | Self::Remove { .. }
            | Self::Mkdir { .. }
            | Self::Rmdir { .. }
            | Self::Rename { .. }
            | Self::PosixRename { .. }
            | Self::Symlink { .. }
            | Self::Hardlink { .. }
            | Self::Fsync { .. }
            | Self::CopyData { .. } => Answer::Status,
        }
    }
}

/// Answers by their kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// How it went, and no more. Every request may be answered so.
    Status,
    /// A handle.
    Handle,
    /// Bytes of a file.
    Data,
    /// Names.
    Names,
    /// Attributes of a file.
    Attrs,
    /// What an extension has to tell.
    Extended,
    /// Whatever an extension that is not known is answered with.
    Anything,
}
