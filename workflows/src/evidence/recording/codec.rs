//! Records to bytes and back. `event.rs` has the format; what does not fit it is [`Malformed`], never a guess.

use super::event::{Event, EventRef, Record};

const BEGIN: u8 = 1;
const INTENT: u8 = 2;
const HOLD: u8 = 3;
const SETTLED: u8 = 4;
const OUTPUT: u8 = 5;
const OUTCOME: u8 = 6;
const NOTE: u8 = 7;
const MASKED: u8 = 8;
const END: u8 = 9;
const TYPED: u8 = 10;
const FILE: u8 = 11;

/// More than any record needs besides its texts: tag, time, numbers and lengths.
const FIXED: usize = 96;

/// The two events that only the writer itself makes.
#[derive(Clone, Copy)]
pub(super) enum Bracket {
    Begin,
    End,
}

/// Upper bound of an event's encoded size, in bytes.
pub(super) fn bound(event: &EventRef<'_>) -> usize {
    FIXED
        + match *event {
            EventRef::Intent { text, params, detail, .. } => {
                let values = params.iter().map(|p| 11 + p.map_or(0, <[u8]>::len));
                text.len() + detail.len() + values.sum::<usize>()
            }
            EventRef::Hold { request, rule, .. } => request.len() + rule.len(),
            EventRef::Settled { outcome, by, because, .. } => outcome.len() + by.len() + because.len(),
            EventRef::Output { bytes, .. } => bytes.len(),
            EventRef::Outcome { tag, error, .. } => tag.len() + error.map_or(0, str::len),
            EventRef::Note { text } => text.len(),
            EventRef::Masked { what, .. } => what.len(),
            EventRef::Typed { text, .. } => text.len(),
            EventRef::File { name, bytes, .. } => name.len() + bytes.len(),
        }
}

/// Appends a record. `since` is the time of the one before in the batch, 0 for the first.
pub(super) fn encode(to: &mut Vec<u8>, since: i64, at: i64, event: &EventRef<'_>) {
    time(to, since, at);
    match *event {
        EventRef::Intent { op, text, params, verdict, detail } => {
            tagged(to, INTENT, op);
            bytes(to, text);
            values(to, params);
            to.push(verdict);
            bytes(to, detail.as_bytes());
        }
        EventRef::Hold { op, request, rule } => {
            tagged(to, HOLD, op);
            texts(to, [request, rule]);
        }
        EventRef::Settled { op, outcome, by, because } => {
            tagged(to, SETTLED, op);
            texts(to, [outcome, by, because]);
        }
        EventRef::Output { op, bytes: output } => {
            tagged(to, OUTPUT, op);
            bytes(to, output);
        }
        EventRef::Outcome { op, tag, rows, bytes: size, micros, error } => {
            tagged(to, OUTCOME, op);
            bytes(to, tag.as_bytes());
            for value in [rows, size, micros] {
                number(to, value);
            }
            option(to, error.map(str::as_bytes));
        }
        EventRef::Note { text } => {
            to.push(NOTE);
            bytes(to, text.as_bytes());
        }
        EventRef::Masked { op, what, count } => {
            tagged(to, MASKED, op);
            bytes(to, what.as_bytes());
            number(to, count);
        }
        EventRef::Typed { op, text } => {
            tagged(to, TYPED, op);
            bytes(to, text.as_bytes());
        }
        EventRef::File { number: file, name, size, bytes: piece } => {
            tagged(to, FILE, file);
            bytes(to, name.as_bytes());
            number(to, size);
            bytes(to, piece);
        }
    }
}

/// Appends the first or the last record of a session.
pub(super) fn encode_bracket(to: &mut Vec<u8>, since: i64, at: i64, which: Bracket, json: &str) {
    time(to, since, at);
    to.push(match which {
        Bracket::Begin => BEGIN,
        Bracket::End => END,
    });
    bytes(to, json.as_bytes());
}

fn time(to: &mut Vec<u8>, since: i64, at: i64) {
    let delta = at.wrapping_sub(since);
    number(to, (delta << 1 ^ delta >> 63) as u64);
}

fn tagged(to: &mut Vec<u8>, tag: u8, op: u32) {
    to.push(tag);
    number(to, u64::from(op));
}

fn number(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    number(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

fn texts<const N: usize>(to: &mut Vec<u8>, texts: [&str; N]) {
    for text in texts {
        bytes(to, text.as_bytes());
    }
}

fn values(to: &mut Vec<u8>, values: &[Option<&[u8]>]) {
    number(to, values.len() as u64);
    for value in values {
        option(to, *value);
    }
}

fn option(to: &mut Vec<u8>, value: Option<&[u8]>) {
    to.push(u8::from(value.is_some()));
    if let Some(value) = value {
        bytes(to, value);
    }
}

/// Bytes that are no record.
#[derive(Debug)]
pub(super) struct Malformed;

/// Takes records from a batch, one after another.
#[derive(Default)]
pub(super) struct Decoder {
    batch: Vec<u8>,
    at: usize,
    since: i64,
}

impl Decoder {
    pub(super) fn new(batch: Vec<u8>) -> Self {
        Self { batch, at: 0, since: 0 }
    }

    /// The next record; `None` at the end. After an error there is no more.
    pub(super) fn next(&mut self) -> Option<Result<Record, Malformed>> {
        let rest = self.batch.get(self.at..).filter(|rest| !rest.is_empty())?;
        let mut cursor = Cursor(rest);
        let record = record(&mut cursor, self.since);
        self.at = self.batch.len() - cursor.0.len();
        if let Ok(record) = &record {
            self.since = record.at_us;
        } else {
            self.at = self.batch.len();
        }
        Some(record)
    }
}

fn record(from: &mut Cursor<'_>, since: i64) -> Result<Record, Malformed> {
    let zigzag = from.number()?;
    let delta = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
    let at_us = since.wrapping_add(delta);
    let what = match from.byte()? {
        BEGIN => Event::Begin { json: from.text()? },
        INTENT => Event::Intent {
            op: from.op()?,
            text: from.bytes()?,
            params: from.list()?,
            verdict: from.byte()?,
            detail: from.text()?,
        },
        HOLD => Event::Hold { op: from.op()?, request: from.text()?, rule: from.text()? },
        SETTLED => Event::Settled { op: from.op()?, outcome: from.text()?, by: from.text()?, because: from.text()? },
        OUTPUT => Event::Output { op: from.op()?, bytes: from.bytes()? },
        OUTCOME => Event::Outcome {
            op: from.op()?,
            tag: from.text()?,
            rows: from.number()?,
            bytes: from.number()?,
            micros: from.number()?,
            error: match from.option()? {
                Some(error) => Some(String::from_utf8(error).map_err(|_| Malformed)?),
                None => None,
            },
        },
        NOTE => Event::Note { text: from.text()? },
        MASKED => Event::Masked { op: from.op()?, what: from.text()?, count: from.number()? },
        TYPED => Event::Typed { op: from.op()?, text: from.text()? },
        FILE => Event::File { number: from.op()?, name: from.text()?, size: from.number()?, bytes: from.bytes()? },
        END => Event::End { json: from.text()? },
        _ => return Err(Malformed),
    };
    Ok(Record { at_us, what })
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn byte(&mut self) -> Result<u8, Malformed> {
        let (&first, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(first)
    }

    fn number(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(Malformed);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    fn op(&mut self) -> Result<u32, Malformed> {
        self.number()?.try_into().map_err(|_| Malformed)
    }

    /// Copies only what is there: a length beyond the batch allocates nothing.
    fn bytes(&mut self) -> Result<Vec<u8>, Malformed> {
        let size = self.number()? as usize;
        let (bytes, rest) = self.0.split_at_checked(size).ok_or(Malformed)?;
        self.0 = rest;
        Ok(bytes.to_vec())
    }

    fn text(&mut self) -> Result<String, Malformed> {
        String::from_utf8(self.bytes()?).map_err(|_| Malformed)
    }

    fn option(&mut self) -> Result<Option<Vec<u8>>, Malformed> {
        match self.byte()? {
            0 => Ok(None),
            1 => self.bytes().map(Some),
            _ => Err(Malformed),
        }
    }

    fn list(&mut self) -> Result<Vec<Option<Vec<u8>>>, Malformed> {
        let count = self.number()? as usize;
        // Each value takes a byte at least, so a false count allocates nothing.
        if count > self.0.len() {
            return Err(Malformed);
        }
        (0..count).map(|_| self.option()).collect()
    }
}
