//! PostgreSQL's frames: bytes in, frames out. It knows neither sockets nor people, so that a fuzzer can own it.
//!
//! Nothing is copied: a reader borrows from the bytes that arrived. Lengths are checked before anybody makes room
//! for them, and text stays bytes, since its encoding is the session's business.

#[path = "wire/encode.rs"]
mod encode;

pub(crate) use encode::*;

/// The longest message that a client may send, COPY data apart.
pub(crate) const MAX_FRONTEND: usize = 64 << 20;
/// The longest message of the protocol as servers make it. Such a message is streamed, never gathered.
pub(crate) const MAX_BACKEND: usize = 1 << 30;
/// Tag and length.
pub(crate) const HEAD: usize = 5;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// A length below four, or above what this side may send.
    #[error("a message of {0} bytes")]
    Length(u32),
    /// A message ends before its fields do, or goes on after them.
    #[error("a message whose fields do not fill it")]
    Fields,
    /// A name of a statement or portal that the server would not keep as it is.
    #[error("a name of a statement or portal has at most 63 letters, digits and signs of ASCII")]
    Name,
    /// A tag that this side never sends here.
    #[error("an unknown message {0:#04x}")]
    Tag(u8),
}

/// `NAMEDATALEN` less one.
const LONGEST_NAME: usize = 63;

/// A frame's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Which message.
    pub(crate) tag: u8,
    /// The whole frame in bytes, tag included.
    pub(crate) len: usize,
}

fn head(bytes: &[u8], most: usize) -> Result<Option<Head>, Malformed> {
    let Some((head, _)) = bytes.split_first_chunk::<HEAD>() else { return Ok(None) };
    let [tag, a, b, c, d] = *head;
    let length = u32::from_be_bytes([a, b, c, d]);
    let len = length as usize;
    if len < 4 || len > most {
        return Err(Malformed::Length(length));
    }
    Ok(Some(Head { tag, len: len + 1 }))
}

/// The head of a client's frame, once five bytes of it are there. COPY data may be as long as a server's.
pub(crate) fn frontend(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    let most = if bytes.first() == Some(&b'd') { MAX_BACKEND } else { MAX_FRONTEND };
    head(bytes, most)
}

/// The head of a server's frame.
pub(crate) fn backend(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    head(bytes, MAX_BACKEND)
}

/// Reads fields one after the other; never beyond the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// At the first field of a frame: behind tag and length.
    pub(crate) fn of(frame: &'a [u8]) -> Self {
        Self(frame.get(HEAD..).unwrap_or_default())
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        let (byte, rest) = self.0.split_first().ok_or(Malformed::Fields)?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        let (field, rest) = self.0.split_first_chunk().ok_or(Malformed::Fields)?;
        self.0 = rest;
        Ok(u16::from_be_bytes(*field))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        let (field, rest) = self.0.split_first_chunk().ok_or(Malformed::Fields)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*field))
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (field, rest) = self.0.split_at_checked(count).ok_or(Malformed::Fields)?;
        self.0 = rest;
        Ok(field)
    }

    /// A text that ends with a zero byte.
    pub(crate) fn text(&mut self) -> Result<&'a [u8], Malformed> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or(Malformed::Fields)?;
        let text = self.bytes(end)?;
        self.u8()?;
        Ok(text)
    }

    /// The name of a statement or portal. The server cuts names at 63 bytes and recodes what is not ASCII: two names that
    /// differ to us could be one to the server, so such names are not taken.
    pub(crate) fn name(&mut self) -> Result<&'a [u8], Malformed> {
        let name = self.text()?;
        if name.len() <= LONGEST_NAME && name.is_ascii() { Ok(name) } else { Err(Malformed::Name) }
    }

    /// A value: a length, or -1 for NULL, then so many bytes.
    pub(crate) fn value(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.u32()? {
            u32::MAX => Ok(None),
            len if len <= MAX_BACKEND as u32 => Ok(Some(self.bytes(len as usize)?)),
            len => Err(Malformed::Length(len)),
        }
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }

    fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed::Fields) }
    }
}

/// Result or parameter formats: none given, one for all, or one each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Formats<'a>(&'a [u8]);

impl<'a> Formats<'a> {
    fn read(from: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let count = usize::from(from.u16()?);
        Ok(Self(from.bytes(count * 2)?))
    }

    /// Formats as they were kept from an earlier message.
    pub(crate) const fn kept(raw: &'a [u8]) -> Self {
        Self(raw)
    }

    pub(crate) const fn raw(self) -> &'a [u8] {
        self.0
    }

    /// Whether the value at this place is binary.
    pub(crate) fn binary(self, at: usize) -> bool {
        let at = if self.0.len() == 2 { 0 } else { at };
        matches!(self.0.get(at * 2..at * 2 + 2), Some([0, 1]))
    }
}

/// `P`: a statement gets a name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parse<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) text: &'a [u8],
    /// Type oids, four bytes each.
    pub(crate) types: &'a [u8],
}

impl<'a> Parse<'a> {
    pub(crate) fn read(frame: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Cursor::of(frame);
        let (name, text) = (fields.name()?, fields.text()?);
        let count = usize::from(fields.u16()?);
        let types = fields.bytes(count * 4)?;
        fields.end()?;
        Ok(Self { name, text, types })
    }
}

/// `B`: a statement and values become a portal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bind<'a> {
    pub(crate) portal: &'a [u8],
    pub(crate) statement: &'a [u8],
    formats: Formats<'a>,
    count: usize,
    /// The values: each a length and its bytes.
    values: &'a [u8],
    pub(crate) results: Formats<'a>,
}

impl<'a> Bind<'a> {
    pub(crate) fn read(frame: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Cursor::of(frame);
        let (portal, statement) = (fields.name()?, fields.name()?);
        let formats = Formats::read(&mut fields)?;
        let count = usize::from(fields.u16()?);
        let before = fields.rest();
        for _ in 0..count {
            fields.value()?;
        }
        let values = before.get(..before.len() - fields.rest().len()).unwrap_or_default();
        let results = Formats::read(&mut fields)?;
        fields.end()?;
        Ok(Self { portal, statement, formats, count, values, results })
    }

    /// The values in order, and whether each is binary.
    pub(crate) fn values(&self) -> impl Iterator<Item = (Option<&'a [u8]>, bool)> + use<'a> {
        let (mut fields, formats) = (Cursor(self.values), self.formats);
        (0..self.count).map_while(move |at| Some((fields.value().ok()?, formats.binary(at))))
    }

    /// Formats and values as a Bind message carries them, for the same values bound once more.
    pub(crate) fn tail(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&(self.formats.0.len() as u16 / 2).to_be_bytes());
        to.extend_from_slice(self.formats.0);
        to.extend_from_slice(&(self.count as u16).to_be_bytes());
        to.extend_from_slice(self.values);
    }
}

/// `D` and `C` of a client: a statement (`S`) or a portal (`P`) by name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a> {
    pub(crate) portal: bool,
    pub(crate) name: &'a [u8],
}

impl<'a> Named<'a> {
    pub(crate) fn read(frame: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Cursor::of(frame);
        let portal = match fields.u8()? {
            b'S' => false,
            b'P' => true,
            _ => return Err(Malformed::Fields),
        };
        let name = fields.name()?;
        fields.end()?;
        Ok(Self { portal, name })
    }
}

/// `E` of a client: the portal to run. How many rows is left to the server.
pub(crate) fn execute(frame: &[u8]) -> Result<&[u8], Malformed> {
    let mut fields = Cursor::of(frame);
    let portal = fields.name()?;
    fields.u32()?;
    fields.end()?;
    Ok(portal)
}

/// `Q`: the text of a simple query.
pub(crate) fn query(frame: &[u8]) -> Result<&[u8], Malformed> {
    let mut fields = Cursor::of(frame);
    let text = fields.text()?;
    fields.end()?;
    Ok(text)
}

/// `F`: the function's oid. The arguments are checked for their form, too.
pub(crate) fn function_call(frame: &[u8]) -> Result<u32, Malformed> {
    let mut fields = Cursor::of(frame);
    let oid = fields.u32()?;
    Formats::read(&mut fields)?;
    for _ in 0..fields.u16()? {
        fields.value()?;
    }
    fields.u16()?;
    fields.end()?;
    Ok(oid)
}

/// A column of a result, as RowDescription tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a [u8],
    /// The table that it comes from; 0 where it is an expression.
    pub(crate) table: u32,
    pub(crate) column: u16,
    pub(crate) kind: u32,
    pub(crate) binary: bool,
}

/// `T`: the columns of a result.
pub(crate) fn row_description(frame: &[u8]) -> Result<Vec<Field<'_>>, Malformed> {
    let mut fields = Cursor::of(frame);
    let count = usize::from(fields.u16()?);
    // A field is at least 19 bytes: room is made for what can be there, not for what is claimed.
    let mut all = Vec::with_capacity(count.min(fields.rest().len() / 19));
    for _ in 0..count {
        let name = fields.text()?;
        let (table, column, kind) = (fields.u32()?, fields.u16()?, fields.u32()?);
        fields.bytes(6)?;
        let binary = fields.u16()? == 1;
        all.push(Field { name, table, column, kind, binary });
    }
    fields.end()?;
    Ok(all)
}

/// One cell of a row: where its length field lies in the frame, and how many bytes follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) at: usize,
    pub(crate) len: Option<usize>,
}

impl Cell {
    /// Where its bytes lie in the frame; nothing for NULL.
    pub(crate) fn range(self) -> Option<std::ops::Range<usize>> {
        self.len.map(|len| self.at + 4..self.at + 4 + len)
    }
}

/// Walks the cells of a DataRow frame, or of a binary COPY tuple that starts at `at` with its count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cells {
    left: u16,
    at: usize,
}

impl Cells {
    pub(crate) fn of(frame: &[u8], at: usize) -> Result<Self, Malformed> {
        let left = Cursor(frame.get(at..).ok_or(Malformed::Fields)?).u16()?;
        Ok(Self { left, at: at + 2 })
    }

    /// How many cells there are still.
    pub(crate) const fn left(&self) -> u16 {
        self.left
    }

    /// The next cell, `None` behind the last one.
    pub(crate) fn next(&mut self, frame: &[u8]) -> Result<Option<Cell>, Malformed> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut fields = Cursor(frame.get(self.at..).ok_or(Malformed::Fields)?);
        let cell = Cell { at: self.at, len: fields.value()?.map(<[u8]>::len) };
        self.left -= 1;
        self.at += 4 + cell.len.unwrap_or(0);
        Ok(Some(cell))
    }

    /// Where the cells end, once all are walked.
    pub(crate) const fn end(&self) -> usize {
        self.at
    }
}

/// `C` of a server: the command's tag.
pub(crate) fn command_complete(frame: &[u8]) -> Result<&[u8], Malformed> {
    query(frame)
}

/// The rows that a command tag tells of: its last number, if it has one.
pub(crate) fn rows_of(tag: &[u8]) -> u64 {
    let number = tag.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    number
        .iter()
        .try_fold(0u64, |all, digit| match digit {
            b'0'..=b'9' => all.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
            _ => None,
        })
        .unwrap_or(0)
}

/// `Z`: `I` idle, `T` in a transaction, `E` in a failed one.
pub(crate) fn ready_for_query(frame: &[u8]) -> Result<u8, Malformed> {
    let mut fields = Cursor::of(frame);
    let status = fields.u8()?;
    fields.end()?;
    if matches!(status, b'I' | b'T' | b'E') { Ok(status) } else { Err(Malformed::Fields) }
}

/// `S` of a server: a setting and its value.
pub(crate) fn parameter_status(frame: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let mut fields = Cursor::of(frame);
    let both = (fields.text()?, fields.text()?);
    fields.end()?;
    Ok(both)
}

/// A field of an error or a notice, by its letter.
pub(crate) fn error_field(frame: &[u8], letter: u8) -> Option<&[u8]> {
    let mut fields = Cursor::of(frame);
    loop {
        match fields.u8().ok()? {
            0 => return None,
            found if found == letter => return fields.text().ok(),
            _ => fields.text().ok()?,
        };
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
