//! Messages of a PostgreSQL server, cut out of recorded bytes. Pure: bytes in, messages out, whatever the split.

/// Longest message that is put together, in bytes.
const MAX_MESSAGE: usize = 64 * 1024 * 1024;

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) type_oid: u32,
    pub(super) binary: bool,
}

/// A value; `None` is NULL.
pub(super) type Value = Option<Vec<u8>>;

/// What an error or a notice says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) severity: String,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) detail: Option<String>,
    pub(super) hint: Option<String>,
}

/// A message that a replay shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Columns(Vec<Column>),
    Row(Vec<Value>),
    Done(String),
    Error(Report),
    Notice(Report),
    Copied(Vec<u8>),
    /// Of no interest to a reader: ParseComplete, ReadyForQuery and the like.
    Silent,
    /// The bytes are no messages; nothing after this can be read.
    Lost,
}

/// Cuts messages.
#[derive(Clone, Debug, Default)]
pub(super) struct Wire {
    rest: Vec<u8>,
    lost: bool,
}

impl Wire {
    /// Takes more bytes, and gives the messages that are whole by now.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Message> {
        let mut messages = Vec::new();
        if self.lost {
            return messages;
        }
        self.rest.extend_from_slice(bytes);
        let mut left = self.rest.as_slice();
        loop {
            match cut(left) {
                Cut::Whole(kind, body, after) => {
                    messages.push(read(kind, body).unwrap_or(Message::Lost));
                    left = after;
                }
                Cut::More => break,
                Cut::Wrong => {
                    self.lost = true;
                    messages.push(Message::Lost);
                    break;
                }
            }
        }
        self.rest = if self.lost { Vec::new() } else { left.to_vec() };
        messages
    }

    /// Whether a message began and never ended: the recording was cut there.
    pub(super) fn is_cut(&self) -> bool {
        !self.rest.is_empty()
    }
}

enum Cut<'a> {
    Whole(u8, &'a [u8], &'a [u8]),
    More,
    Wrong,
}

fn cut(bytes: &[u8]) -> Cut<'_> {
    let Some((&[kind, a, b, c, d], after)) = bytes.split_first_chunk::<5>() else { return Cut::More };
    // The length counts itself.
    let size = u32::from_be_bytes([a, b, c, d]) as usize;
    let Some(size) = size.checked_sub(4).filter(|size| *size <= MAX_MESSAGE) else { return Cut::Wrong };
    after.split_at_checked(size).map_or(Cut::More, |(body, after)| Cut::Whole(kind, body, after))
}

fn read(kind: u8, body: &[u8]) -> Option<Message> {
    let mut from = Cursor(body);
    Some(match kind {
        b'T' => Message::Columns(from.columns()?),
        b'D' => Message::Row(from.row()?),
        b'C' => Message::Done(from.text()?),
        b'E' => Message::Error(from.report()?),
        b'N' => Message::Notice(from.report()?),
        b'd' => Message::Copied(body.to_vec()),
        _ => Message::Silent,
    })
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn count(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let (text, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.get(1..)?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    fn columns(&mut self) -> Option<Vec<Column>> {
        let count = self.count()?;
        let column = |from: &mut Self| {
            let name = from.text()?;
            let _table_and_attribute: [u8; 6] = from.take()?;
            let type_oid = u32::from_be_bytes(from.take()?);
            let _size_and_modifier: [u8; 6] = from.take()?;
            Some(Column { name, type_oid, binary: from.count()? == 1 })
        };
        (0..count).map(|_| column(self)).collect()
    }

    fn row(&mut self) -> Option<Vec<Value>> {
        let count = self.count()?;
        (0..count).map(|_| self.value()).collect()
    }

    fn value(&mut self) -> Option<Value> {
        match i32::from_be_bytes(self.take()?) {
            -1 => Some(None),
            size => {
                let (value, rest) = self.0.split_at_checked(usize::try_from(size).ok()?)?;
                self.0 = rest;
                Some(Some(value.to_vec()))
            }
        }
    }

    fn report(&mut self) -> Option<Report> {
        let mut report = Report::default();
        loop {
            let [field] = self.take()?;
            if field == 0 {
                return Some(report);
            }
            let text = self.text()?;
            match field {
                // `V` is never translated, and comes after `S`.
                b'S' | b'V' => report.severity = text,
                b'C' => report.code = text,
                b'M' => report.message = text,
                b'D' => report.detail = Some(text),
                b'H' => report.hint = Some(text),
                _ => {}
            }
        }
    }
}
