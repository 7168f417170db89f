//! Hides values where they lie: in rows and in COPY data. Nothing grows here; a value becomes stars of its own length, or NULL.

use workflows::verdict::Mask;

use crate::mask::Scanner;
use crate::postgres::wire::{Cells, HEAD, Malformed};

mod stars;

use stars::{json, nested, star};

/// What happens to a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hide {
    /// Nothing.
    Pass,
    /// The detectors look at the bytes, and stars replace what they find.
    Scan,
    /// A number as text: NULL if the detectors find something.
    Number,
    /// The same for a binary `int8`.
    Int8,
    /// The same for a binary `numeric`.
    Numeric,
    /// Stars.
    Star,
    /// Stars in the places of an array or a composite, which stays one.
    Nested,
    /// Stars that are still JSON; a binary `jsonb` keeps its first byte.
    Json { binary: bool },
    /// NULL.
    Null,
}

/// What a type is to the mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Text,
    Json,
    Jsonb,
    /// Text inside a structure: arrays, composites, and types that the server does not bring along.
    Nested,
    /// Documents inside an array.
    Documents,
    Int8,
    Numeric,
    /// Anything that holds no text.
    Other,
}

fn sort(kind: u32) -> Sort {
    match kind {
        // name, text, unknown, bpchar, varchar, refcursor, cstring, xml
        19 | 25 | 705 | 1042 | 1043 | 1790 | 2275 | 142 => Sort::Text,
        114 => Sort::Json,
        3802 => Sort::Jsonb,
        // Arrays of the above, record, record[], tsvector, tsvector[], jsonpath
        1002 | 1003 | 1009 | 1014 | 1015 | 1263 | 143 | 2249 | 2287 | 3614 | 3643 | 4072 | 4073 | 0 => Sort::Nested,
        // json[], jsonb[]
        199 | 3807 => Sort::Documents,
        20 => Sort::Int8,
        1700 => Sort::Numeric,
        kind if kind >= 16_384 => Sort::Nested,
        _ => Sort::Other,
    }
}

impl Hide {
    /// For a column of this type, whether its name is masked, and whether detectors look at the rest.
    pub(super) fn choose(kind: u32, binary: bool, masked: bool, detect: bool) -> Self {
        match (sort(kind), masked, detect) {
            (_, false, false) => Self::Pass,
            (Sort::Text, true, _) => Self::Star,
            (Sort::Json, true, _) => Self::Json { binary: false },
            (Sort::Jsonb, true, _) => Self::Json { binary },
            (Sort::Nested, true, _) if !binary => Self::Nested,
            // Stars inside a binary structure would be no structure any more, and in an array of documents no documents.
            (Sort::Nested | Sort::Documents | Sort::Int8 | Sort::Numeric | Sort::Other, true, _) => Self::Null,
            (Sort::Text | Sort::Json | Sort::Jsonb | Sort::Nested | Sort::Documents, false, true) => Self::Scan,
            (Sort::Int8, false, true) if binary => Self::Int8,
            (Sort::Numeric, false, true) if binary => Self::Numeric,
            (Sort::Int8 | Sort::Numeric, false, true) => Self::Number,
            (Sort::Other, false, true) => Self::Pass,
        }
    }

    /// Hides one value in place. False if it must become NULL.
    fn value(self, value: &mut [u8], scanner: Option<&Scanner>, hidden: &mut u64) -> bool {
        let keep = match self {
            Self::Pass => return true,
            Self::Scan => {
                *hidden += scanner.map_or(0, |scanner| scanner.mask(value).total());
                return true;
            }
            Self::Number => !found(value, scanner),
            Self::Int8 => match <[u8; 8]>::try_from(&*value) {
                Ok(bytes) => !found(i64::from_be_bytes(bytes).unsigned_abs().to_string().as_bytes(), scanner),
                Err(_) => false,
            },
            Self::Numeric => numeric(value).is_some_and(|digits| !found(&digits, scanner)),
            Self::Star => {
                star(value);
                *hidden += 1;
                return true;
            }
            Self::Nested => {
                nested(value);
                *hidden += 1;
                return true;
            }
            Self::Json { binary } => {
                json(value.get_mut(usize::from(binary)..).unwrap_or_default());
                *hidden += 1;
                return true;
            }
            Self::Null => false,
        };
        *hidden += u64::from(!keep);
        keep
    }
}

/// Whether detectors find something in a number. It is looked at in a copy: stars in a number would be no number.
fn found(digits: &[u8], scanner: Option<&Scanner>) -> bool {
    let mut room = [0; 64];
    let Some(copy) = room.get_mut(..digits.len()) else { return false };
    copy.copy_from_slice(digits);
    scanner.is_some_and(|scanner| !scanner.mask(copy).is_empty())
}

/// The digits of a binary `numeric` before the point. `None` if it is none.
fn numeric(value: &[u8]) -> Option<Vec<u8>> {
    let fields: Vec<u16> =
        value.chunks_exact(2).map(|pair| pair.iter().fold(0, |all, b| all << 8 | u16::from(*b))).collect();
    let (weight, groups) = (*fields.get(1)? as i16, fields.get(4..)?);
    let mut digits = Vec::new();
    // Beyond 64 digits nothing that a detector knows can be in it.
    for at in 0..=weight.clamp(-1, 16) {
        digits.extend_from_slice(format!("{:04}", groups.get(at as usize).copied().unwrap_or(0)).as_bytes());
    }
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.drain(..zeros);
    digits.truncate(64);
    Some(digits)
}

/// Hides the cells of a row that begins with its count at `at`. Everything moves down to `to`; gives where it ends there
/// and where the row ended. `None` for a choice means that nothing is known, and so nothing is shown.
pub(super) fn row(
    bytes: &mut [u8],
    (at, to): (usize, usize),
    hide: Option<&[Hide]>,
    scanner: Option<&Scanner>,
    hidden: &mut u64,
) -> Result<(usize, usize), Malformed> {
    let mut cells = Cells::of(bytes, at)?;
    bytes.copy_within(at..at + 2, to);
    let (mut write, mut column) = (to + 2, 0);
    while let Some(cell) = cells.next(bytes)? {
        let choice = hide.and_then(|hide| hide.get(column)).copied().unwrap_or(Hide::Null);
        column += 1;
        let kept = match cell.range() {
            None => None,
            Some(range) => {
                let len = range.len();
                let value = bytes.get_mut(range).ok_or(Malformed::Fields)?;
                choice.value(value, scanner, hidden).then_some(len)
            }
        };
        match kept {
            Some(len) if cell.at == write => write += 4 + len,
            Some(len) => {
                bytes.copy_within(cell.at..cell.at + 4 + len, write);
                write += 4 + len;
            }
            None => {
                bytes.get_mut(write..write + 4).ok_or(Malformed::Fields)?.fill(0xff);
                write += 4;
            }
        }
    }
    Ok((write, cells.end()))
}

/// Hides the cells of a whole DataRow frame; gives its new length.
pub(super) fn data_row(
    frame: &mut [u8],
    hide: Option<&[Hide]>,
    scanner: Option<&Scanner>,
    hidden: &mut u64,
) -> Result<usize, Malformed> {
    let (end, read) = row(frame, (HEAD, HEAD), hide, scanner, hidden)?;
    if read != frame.len() {
        return Err(Malformed::Fields);
    }
    set_length(frame, end);
    Ok(end)
}

/// Writes the length into a frame that became shorter.
pub(super) fn set_length(frame: &mut [u8], whole: usize) {
    if let Some(field) = frame.get_mut(1..HEAD) {
        field.copy_from_slice(&((whole - 1) as u32).to_be_bytes());
    }
}

/// Hides values that an error or a notice repeats. Any error that comes while a statement runs may quote what a masked
/// column holds, so under a column mask its words are hidden, except where they can only be the client's own: a mistake in
/// the text, which the server points at, a name that the client wrote (`texts`), and what has nothing to do with data.
pub(super) fn error<'a>(
    frame: &mut [u8],
    mask: &Mask,
    texts: impl Iterator<Item = &'a [u8]>,
    scanner: Option<&Scanner>,
) -> u64 {
    let mut hidden = 0;
    let words = if mask.columns.is_empty() { Words::Shown } else { words_of(frame) };
    let texts: Vec<&[u8]> = if matches!(words, Words::Names | Words::Quoted) { texts.collect() } else { Vec::new() };
    let body = frame.get_mut(HEAD..).unwrap_or_default();
    for field in body.split_mut(|byte| *byte == 0) {
        let Some((letter, text)) = field.split_first_mut() else { continue };
        if !matches!(letter, b'M' | b'D' | b'H' | b'W' | b'q') {
            continue;
        }
        hidden += scanner.map_or(0, |scanner| scanner.mask(text).total());
        let whole = match words {
            Words::Shown => false,
            // The message names constraint, table and column; the detail shows the row.
            Words::Message => *letter != b'M',
            Words::Names => *letter != b'M' || !only_own_names(text, &texts),
            Words::Quoted => {
                hidden += quoted(text, &texts);
                false
            }
            Words::Hidden => true,
        };
        if whole {
            text.iter_mut().filter(|byte| **byte != b' ').for_each(|byte| *byte = b'*');
            hidden += 1;
        }
    }
    hidden
}

/// How much of an error may be shown under a column mask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    /// All of it.
    Shown,
    /// The message itself.
    Message,
    /// The message, if it quotes nothing but names that the client wrote.
    Names,
    /// All but what it quotes and the client did not write: notices.
    Quoted,
    /// Nothing of it.
    Hidden,
}

fn words_of(frame: &[u8]) -> Words {
    let field = |letter| crate::postgres::wire::error_field(frame, letter);
    let code = field(b'C').unwrap_or_default();
    let is = |classes: &[&[u8]]| classes.iter().any(|class| code.starts_with(class));
    let notice = frame.first() == Some(&b'N');
    // With a context it came from inside something that ran, and the position is one in a value.
    let of_text = is(&[b"42"]) && field(b'P').is_some() && field(b'W').is_none();
    let dataless =
        is(&[b"25", b"26", b"34", b"3B", b"40", b"53", b"54", b"55", b"57", b"58", b"08", b"42501", b"22012"]);
    if notice {
        Words::Quoted
    } else if of_text || dataless {
        Words::Shown
    } else if is(&[b"42"]) {
        Words::Names
    } else if is(&[b"23"]) {
        Words::Message
    } else {
        Words::Hidden
    }
}

/// What the server itself says between two names that it quotes.
const BETWEEN: [&[u8]; 8] = [
    b" of relation ",
    b" of table ",
    b" of type ",
    b" in table ",
    b" in relation ",
    b" for relation ",
    b" on table ",
    b" for table ",
];

/// Stars what stands between quotes and in none of the texts. A value may hold quotes itself, so that only names which the
/// client wrote, with nothing of another kind between them, stay: everything from the first quote to the last one goes else.
fn quoted(text: &mut [u8], texts: &[&[u8]]) -> u64 {
    let Some(first) = text.iter().position(|byte| *byte == b'"') else { return 0 };
    let last = text.iter().rposition(|byte| *byte == b'"').filter(|last| *last > first).unwrap_or(text.len());
    let inner = text.get_mut(first + 1..last).unwrap_or_default();
    if all_wrote(inner, texts) {
        return 0;
    }
    inner.iter_mut().filter(|byte| **byte != b'"').for_each(|byte| *byte = b'*');
    1
}

/// Whether a message quotes something, and nothing but what the client wrote.
fn only_own_names(text: &[u8], texts: &[&[u8]]) -> bool {
    let Some(first) = text.iter().position(|byte| *byte == b'"') else { return false };
    let Some(last) = text.iter().rposition(|byte| *byte == b'"').filter(|last| *last > first) else { return false };
    all_wrote(text.get(first + 1..last).unwrap_or_default(), texts)
}

fn all_wrote(inner: &[u8], texts: &[&[u8]]) -> bool {
    let wrote = |part: &[u8]| !part.is_empty() && texts.iter().any(|whole| holds(whole, part));
    inner
        .split(|byte| *byte == b'"')
        .enumerate()
        .all(|(at, part)| if at % 2 == 0 { wrote(part) } else { BETWEEN.contains(&part) })
}

/// Whether a word stands in a text, and not inside a longer one.
fn holds(whole: &[u8], word: &[u8]) -> bool {
    let ends = |at: Option<&u8>| at.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    whole.windows(word.len().max(1)).enumerate().any(|(at, part)| {
        let before = at.checked_sub(1).and_then(|at| whole.get(at));
        part.eq_ignore_ascii_case(word) && ends(before) && ends(whole.get(at + word.len()))
    })
}

/// Hides what a notification carries: all of it where columns are masked, since nobody knows which one it is from.
/// What the client itself wrote a moment ago stays.
pub(super) fn payload<'a>(
    frame: &mut [u8],
    mask: &Mask,
    mut texts: impl Iterator<Item = &'a [u8]>,
    scanner: Option<&Scanner>,
) -> u64 {
    // The process, the channel, and the payload, which ends in a zero.
    let rest = frame.get_mut(HEAD + 4..).unwrap_or_default();
    let Some(from) = rest.iter().position(|byte| *byte == 0) else { return 0 };
    let payload = rest.get_mut(from + 1..).and_then(<[u8]>::split_last_mut).map(|(_, payload)| payload);
    let payload = payload.unwrap_or_default();
    if mask.columns.is_empty() || texts.any(|whole| holds(whole, payload)) {
        return scanner.map_or(0, |scanner| scanner.mask(payload).total());
    }
    payload.fill(b'*');
    u64::from(!payload.is_empty())
}

#[cfg(test)]
#[path = "cells_tests.rs"]
mod tests;
