//! Packets and their fields: lengths are checked before anybody makes room for them, and nothing is copied.

use std::fmt;

/// The longest packet of either side. OpenSSH takes 256 KiB; the rest is for whoever counts the data alone.
const LONGEST: u32 = (256 << 10) + (1 << 10);
/// A kind, and an id or a version.
const SHORTEST: u32 = 5;
/// Linux takes no longer path. The bound is also what 4,096 waiting requests may hold of our memory.
const LONGEST_NAME: usize = 4096;
/// What the draft allows.
const LONGEST_HANDLE: usize = 256;
/// The longest reason that we tell.
const LONGEST_MESSAGE: usize = 1024;

/// The greeting that goes to the target in the place of the client's: a target that could speak a later version would
/// answer with it, and its messages look different.
pub(crate) const INIT: [u8; 9] = [0, 0, 0, 5, kind::INIT, 0, 0, 0, 3];

/// What a packet is: the numbers of the draft.
pub(super) mod kind {
    pub(in super::super) const INIT: u8 = 1;
    pub(in super::super) const VERSION: u8 = 2;
    pub(in super::super) const OPEN: u8 = 3;
    pub(in super::super) const CLOSE: u8 = 4;
    pub(in super::super) const READ: u8 = 5;
    pub(in super::super) const WRITE: u8 = 6;
    pub(in super::super) const LSTAT: u8 = 7;
    pub(in super::super) const FSTAT: u8 = 8;
    pub(in super::super) const SETSTAT: u8 = 9;
    pub(in super::super) const FSETSTAT: u8 = 10;
    pub(in super::super) const OPENDIR: u8 = 11;
    pub(in super::super) const READDIR: u8 = 12;
    pub(in super::super) const REMOVE: u8 = 13;
    pub(in super::super) const MKDIR: u8 = 14;
    pub(in super::super) const RMDIR: u8 = 15;
    pub(in super::super) const REALPATH: u8 = 16;
    pub(in super::super) const STAT: u8 = 17;
    pub(in super::super) const RENAME: u8 = 18;
    pub(in super::super) const READLINK: u8 = 19;
    pub(in super::super) const SYMLINK: u8 = 20;
    pub(in super::super) const STATUS: u8 = 101;
    pub(in super::super) const HANDLE: u8 = 102;
    pub(in super::super) const DATA: u8 = 103;
    pub(in super::super) const NAME: u8 = 104;
    pub(in super::super) const ATTRS: u8 = 105;
    pub(in super::super) const EXTENDED: u8 = 200;
    pub(in super::super) const EXTENDED_REPLY: u8 = 201;
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// A length that no packet has.
    Length(u32),
    /// A packet ends before its fields do, or goes on after them.
    Fields,
    /// A kind that this side never sends.
    Kind(u8),
    /// A name with a zero byte, where some servers would stop reading, or one that no target could open.
    Name,
    /// A handle that is longer than handles may be.
    Handle,
    /// Attributes of a later version: what follows them can't be told.
    Attributes(u32),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => write!(f, "a packet of {length} bytes"),
            Self::Fields => f.write_str("a packet whose fields do not fill it"),
            Self::Kind(kind) => write!(f, "a packet of the unknown kind {kind}"),
            Self::Name => write!(f, "a name with a zero byte, or of more than {LONGEST_NAME} bytes"),
            Self::Handle => write!(f, "a handle of more than {LONGEST_HANDLE} bytes"),
            Self::Attributes(flags) => write!(f, "attributes with the unknown flags {flags:#x}"),
        }
    }
}

impl std::error::Error for Malformed {}

/// How many bytes the first packet has, its length field included; `None` until all of it is there.
pub(crate) fn cut(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let Some((head, rest)) = bytes.split_first_chunk() else { return Ok(None) };
    let length = u32::from_be_bytes(*head);
    if !(SHORTEST..=LONGEST).contains(&length) {
        return Err(Malformed::Length(length));
    }
    let len = usize::try_from(length).map_err(|_| Malformed::Length(length))?;
    Ok((rest.len() >= len).then(|| head.len().saturating_add(len)))
}

/// Reads fields one after the other; never beyond the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// The kind of a whole packet, and its fields.
    pub(super) fn of(packet: &'a [u8]) -> Result<(u8, Self), Malformed> {
        if cut(packet)? != Some(packet.len()) {
            return Err(Malformed::Fields);
        }
        let [_, _, _, _, kind, fields @ ..] = packet else { return Err(Malformed::Fields) };
        Ok((*kind, Self(fields)))
    }

    /// A number of four bytes.
    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        let (field, rest) = self.0.split_first_chunk().ok_or(Malformed::Fields)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*field))
    }

    /// A number of eight bytes.
    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        let (field, rest) = self.0.split_first_chunk().ok_or(Malformed::Fields)?;
        self.0 = rest;
        Ok(u64::from_be_bytes(*field))
    }

    /// A length and so many bytes.
    pub(super) fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let len = usize::try_from(self.u32()?).map_err(|_| Malformed::Fields)?;
        let (field, rest) = self.0.split_at_checked(len).ok_or(Malformed::Fields)?;
        self.0 = rest;
        Ok(field)
    }

    /// A name that every target reads as we do.
    pub(super) fn name(&mut self) -> Result<&'a [u8], Malformed> {
        let name = self.string()?;
        if is_name(name) { Ok(name) } else { Err(Malformed::Name) }
    }

    /// A handle.
    pub(super) fn handle(&mut self) -> Result<&'a [u8], Malformed> {
        let handle = self.string()?;
        if handle.len() <= LONGEST_HANDLE { Ok(handle) } else { Err(Malformed::Handle) }
    }

    /// Whether there is nothing more.
    pub(super) const fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    /// All that follows.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// That there is nothing more.
    pub(super) fn end(self) -> Result<(), Malformed> {
        if self.is_done() { Ok(()) } else { Err(Malformed::Fields) }
    }
}

/// Whether every target reads these bytes as the name that they are.
pub(super) fn is_name(bytes: &[u8]) -> bool {
    bytes.len() <= LONGEST_NAME && !bytes.contains(&0)
}

/// What a request sets of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attrs {
    /// What is beyond it is lost.
    pub(crate) size: Option<u64>,
    /// User and group.
    pub(crate) owner: Option<(u32, u32)>,
    /// Permissions; clients also send the kind of the file in it.
    pub(crate) mode: Option<u32>,
    /// Last access and last change.
    pub(crate) times: Option<(u32, u32)>,
    /// How many more that only some servers know.
    pub(crate) extended: u32,
}

const SIZE: u32 = 1;
const OWNER: u32 = 2;
const MODE: u32 = 4;
const TIMES: u32 = 8;
const EXTENDED: u32 = 1 << 31;

impl Attrs {
    /// Reads what a request sets.
    pub(super) fn read(from: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let flags = from.u32()?;
        if flags & !(SIZE | OWNER | MODE | TIMES | EXTENDED) != 0 {
            return Err(Malformed::Attributes(flags));
        }
        let has = |flag| flags & flag != 0;
        let size = has(SIZE).then(|| from.u64()).transpose()?;
        let owner = has(OWNER).then(|| Ok((from.u32()?, from.u32()?))).transpose()?;
        let mode = has(MODE).then(|| from.u32()).transpose()?;
        let times = has(TIMES).then(|| Ok((from.u32()?, from.u32()?))).transpose()?;
        let extended = if has(EXTENDED) { from.u32()? } else { 0 };
        for _ in 0..extended {
            from.string()?;
            from.string()?;
        }
        Ok(Self { size, owner, mode, times, extended })
    }

    /// The size in an answer. What else a server tells of a file is the client's business.
    pub(super) fn size(mut fields: Cursor<'_>) -> Result<Option<u64>, Malformed> {
        let flags = fields.u32()?;
        if flags & SIZE == 0 { Ok(None) } else { fields.u64().map(Some) }
    }
}

impl fmt::Display for Attrs {
    /// In words, such as `mode 0755, size 0`; nothing where nothing is set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            self.mode.map(|mode| format!("mode {:04o}", mode & 0o7777)),
            self.owner.map(|(user, group)| format!("owner {user}:{group}")),
            self.size.map(|size| format!("size {size}")),
            self.times.map(|_| "times".to_owned()),
            (self.extended > 0).then(|| format!("{} unknown attributes", self.extended)),
        ];
        f.write_str(&words.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// What a server says about how a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) u32);

impl Code {
    /// It is done.
    pub(crate) const OK: Self = Self(0);
    /// There is no more.
    pub(crate) const EOF: Self = Self(1);
    /// It may not be done.
    pub(crate) const DENIED: Self = Self(3);
    /// It went wrong.
    pub(crate) const FAILURE: Self = Self(4);
    /// Nobody here knows how.
    pub(crate) const UNSUPPORTED: Self = Self(8);
}

/// An answer in the target's place. Clients may show the message or not: OpenSSH's shows the code's own words only.
pub(crate) fn status(id: u32, code: Code, message: &str) -> Vec<u8> {
    let message = message.get(..message.floor_char_boundary(LONGEST_MESSAGE)).unwrap_or_default();
    let mut body = vec![kind::STATUS];
    body.extend(id.to_be_bytes());
    body.extend(code.0.to_be_bytes());
    put(&mut body, message.as_bytes());
    // The language of the message.
    put(&mut body, b"");
    let mut packet = Vec::new();
    put(&mut packet, &body);
    packet
}

/// The question where relative paths begin, for whoever does not wait for the client to ask it: `scp` never does.
pub(crate) fn ask_home(id: u32) -> Vec<u8> {
    let mut body = vec![kind::REALPATH];
    body.extend(id.to_be_bytes());
    put(&mut body, b".");
    let mut packet = Vec::new();
    put(&mut packet, &body);
    packet
}

/// A length and the bytes. INVARIANT: they are ours and short, so their length is told as it is.
fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    to.extend_from_slice(bytes);
}
