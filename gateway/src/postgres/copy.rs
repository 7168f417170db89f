//! Hides values in COPY data. A server sends one row in one message; data that does not come so ends the session, since
//! a column could not be told from its neighbour.

use crate::mask::Scanner;
use crate::postgres::cells::{self, Hide};
use crate::postgres::wire::{HEAD, Malformed};
use crate::seams::{CopyFormat, CopyOut};

/// What binary COPY begins with.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// How the columns of a COPY are treated.
#[derive(Clone, Debug)]
pub(super) struct CopyColumns {
    /// Per column, and what happens to all where there are none; `None`: nothing is known, so everything is hidden.
    hide: Option<(Box<[Hide]>, Hide)>,
    format: CopyFormat,
    delimiter: u8,
    null: Box<[u8]>,
    quote: u8,
    escape: u8,
    /// The next row is the header.
    header: bool,
}

impl CopyColumns {
    /// `hide` is empty where no name is masked, and absent where nothing is known.
    pub(super) fn new(copy: &CopyOut, hide: Option<Box<[Hide]>>, detect: bool) -> Self {
        let one = |text: &str, other: u8| text.as_bytes().first().copied().unwrap_or(other);
        Self {
            hide: hide.map(|hide| (hide, if detect { Hide::Scan } else { Hide::Pass })),
            format: copy.format,
            delimiter: one(&copy.delimiter, b'\t'),
            null: copy.null.as_bytes().into(),
            quote: one(&copy.quote, b'"'),
            escape: one(&copy.escape, b'"'),
            header: copy.header,
        }
    }

    /// For a COPY that could not be read, or one of several statements: nothing of it is shown.
    pub(super) fn unknown() -> Self {
        Self {
            hide: None,
            format: CopyFormat::Text,
            delimiter: b'\t',
            null: b"\\N"[..].into(),
            quote: b'"',
            escape: b'"',
            header: false,
        }
    }

    /// The target says how many columns there are and whether they are binary; if that is not what was looked up, then
    /// nobody knows which column is which.
    pub(super) fn agree(&mut self, response: &[u8]) -> Result<(), Malformed> {
        let body = response.get(HEAD..).unwrap_or_default();
        let Some(([binary, count @ ..], _)) = body.split_first_chunk::<3>() else { return Err(Malformed::Fields) };
        let fits = |hide: &[Hide]| hide.is_empty() || hide.len() == usize::from(u16::from_be_bytes(*count));
        if !self.hide.as_ref().is_some_and(|(hide, _)| fits(hide)) {
            self.hide = None;
        }
        if (*binary == 1) != (self.format == CopyFormat::Binary) {
            *self = Self::unknown();
        }
        Ok(())
    }

    /// What happens to a column.
    fn choice(&self, column: usize) -> Hide {
        match &self.hide {
            None => Hide::Star,
            Some((hide, rest)) if hide.is_empty() => *rest,
            Some((hide, _)) => hide.get(column).copied().unwrap_or(Hide::Star),
        }
    }

    /// Hides the values of one CopyData frame; gives its new length.
    pub(super) fn data(
        &mut self,
        frame: &mut [u8],
        scanner: Option<&Scanner>,
        hidden: &mut u64,
    ) -> Result<usize, Malformed> {
        if self.format == CopyFormat::Binary {
            return self.binary(frame, scanner, hidden);
        }
        let len = frame.len();
        let body = frame.get_mut(HEAD..).unwrap_or_default();
        if body.last() != Some(&b'\n') {
            return Err(Malformed::Fields);
        }
        if std::mem::take(&mut self.header) {
            return Ok(len);
        }
        let mut at = 0;
        let mut column = 0;
        while at < body.len() {
            let (inner, next) = if self.format == CopyFormat::Csv { self.csv(body, at) } else { self.text(body, at) };
            let ends_row = matches!(next.checked_sub(1).and_then(|end| body.get(end)), Some(b'\n'));
            let value = body.get_mut(inner).unwrap_or_default();
            if *value != *self.null {
                Self::value(self.choice(column), value, scanner, hidden);
            }
            at = next;
            column = if ends_row { 0 } else { column + 1 };
        }
        Ok(len)
    }

    /// Text cannot shrink to NULL in place, so a number becomes stars here.
    fn value(choice: Hide, value: &mut [u8], scanner: Option<&Scanner>, hidden: &mut u64) {
        match choice {
            Hide::Pass => {}
            Hide::Scan | Hide::Number | Hide::Int8 | Hide::Numeric => {
                *hidden += scanner.map_or(0, |scanner| scanner.mask(value).total());
            }
            Hide::Star | Hide::Nested | Hide::Json { .. } | Hide::Null => {
                value.fill(b'*');
                *hidden += 1;
            }
        }
    }

    /// A field of the text format: up to a delimiter or a newline that no backslash precedes.
    fn text(&self, body: &[u8], from: usize) -> (std::ops::Range<usize>, usize) {
        let mut at = from;
        while let Some(byte) = body.get(at) {
            if *byte == b'\\' {
                at += 2;
                continue;
            }
            if *byte == self.delimiter || *byte == b'\n' {
                return (from..at, at + 1);
            }
            at += 1;
        }
        (from..body.len(), body.len())
    }

    /// A field of the CSV format. The quotes around it stay.
    fn csv(&self, body: &[u8], from: usize) -> (std::ops::Range<usize>, usize) {
        let mut at = from;
        let mut inner = None;
        if body.get(at) == Some(&self.quote) {
            at += 1;
            while let Some(byte) = body.get(at) {
                let next = body.get(at + 1).copied();
                if *byte == self.escape && next.is_some_and(|next| next == self.quote || next == self.escape) {
                    at += 2;
                } else if *byte == self.quote {
                    break;
                } else {
                    at += 1;
                }
            }
            inner = Some(from + 1..at.min(body.len()));
            at += 1;
        }
        while let Some(byte) = body.get(at) {
            if *byte == self.delimiter || *byte == b'\n' {
                break;
            }
            at += 1;
        }
        let end = at.min(body.len());
        let bare = if end > from && body.get(end - 1) == Some(&b'\r') { end - 1 } else { end };
        (inner.unwrap_or(from..bare), end + 1)
    }

    fn binary(&self, frame: &mut [u8], scanner: Option<&Scanner>, hidden: &mut u64) -> Result<usize, Malformed> {
        let (len, mut at) = (frame.len(), HEAD);
        if frame.get(at..).is_some_and(|body| body.starts_with(SIGNATURE)) {
            let extension = frame.get(at + SIGNATURE.len() + 4..).and_then(|rest| rest.first_chunk());
            at += SIGNATURE.len() + 8 + u32::from_be_bytes(*extension.ok_or(Malformed::Fields)?) as usize;
        }
        let mut write = at;
        let all = [self.choice(0); 1664];
        let hide = match &self.hide {
            None => None,
            Some((hide, _)) if hide.is_empty() => Some(&all[..]),
            Some((hide, _)) => Some(hide.as_ref()),
        };
        while at < len {
            if frame.get(at..at + 2) == Some(&[0xff, 0xff]) {
                frame.copy_within(at..at + 2, write);
                (at, write) = (at + 2, write + 2);
                continue;
            }
            (write, at) = cells::row(frame, (at, write), hide, scanner, hidden)?;
        }
        cells::set_length(frame, write);
        Ok(write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(copy: &CopyOut, hide: Option<&[Hide]>, rows: &[&str]) -> String {
        let mut columns = CopyColumns::new(copy, hide.map(Into::into), false);
        let mut all = String::new();
        for row in rows {
            let mut frame = vec![b'd'];
            frame.extend_from_slice(&(row.len() as u32 + 4).to_be_bytes());
            frame.extend_from_slice(row.as_bytes());
            let len = columns.data(&mut frame, None, &mut 0).unwrap();
            all.push_str(std::str::from_utf8(&frame[HEAD..len]).unwrap());
        }
        all
    }

    fn copy(format: CopyFormat, header: bool) -> CopyOut {
        let (delimiter, null) = if format == CopyFormat::Csv { (",", "") } else { ("\t", "\\N") };
        let (delimiter, null, quote) = (delimiter.to_owned(), null.to_owned(), "\"".to_owned());
        CopyOut {
            relation: None,
            query: None,
            format,
            delimiter,
            null,
            header,
            escape: quote.clone(),
            quote,
            encoding: None,
        }
    }

    #[test]
    fn text_fields_end_at_delimiters_that_nobody_escaped() {
        let hide = [Hide::Pass, Hide::Star];
        let rows = ["1\ta\\tb\\\tc\n", "2\t\\N\n", "3\t\n"];
        assert_eq!(masked(&copy(CopyFormat::Text, false), Some(&hide), &rows), "1\t*******\n2\t\\N\n3\t\n");
    }

    #[test]
    fn csv_fields_keep_their_quotes_and_may_hold_anything() {
        let hide = [Hide::Star, Hide::Pass];
        let rows = ["\"a,\"\"b\"\"\n,c\",x\n", ",y\n", "abc,\"z\"\n"];
        assert_eq!(masked(&copy(CopyFormat::Csv, false), Some(&hide), &rows), "\"**********\",x\n,y\n***,\"z\"\n");
    }

    #[test]
    fn the_header_is_shown_and_what_is_unknown_is_not() {
        let rows = ["id,email\n", "1,a@b.c\n"];
        assert_eq!(masked(&copy(CopyFormat::Csv, true), None, &rows), "id,email\n*,*****\n");
    }

    #[test]
    fn a_list_that_is_not_as_long_as_the_targets_is_not_believed() {
        let hide = [Hide::Pass, Hide::Star];
        for (count, shown) in [(2, "1\t*\n"), (1, "*\t*\n"), (3, "*\t*\n")] {
            let mut columns = CopyColumns::new(&copy(CopyFormat::Text, false), Some(hide[..].into()), false);
            columns.agree(&[b'H', 0, 0, 0, 7, 0, 0, count]).unwrap();
            let mut frame = b"d\0\0\0\x081\t2\n".to_vec();
            columns.data(&mut frame, None, &mut 0).unwrap();
            assert_eq!(&frame[HEAD..], shown.as_bytes(), "{count} columns");
        }
    }

    #[test]
    fn data_that_is_not_row_by_row_is_not_guessed_at() {
        let mut columns = CopyColumns::new(&copy(CopyFormat::Text, false), None, false);
        assert!(columns.data(b"d\0\0\0\x06ab".to_vec().as_mut_slice(), None, &mut 0).is_err());
    }

    #[test]
    fn binary_rows_lose_what_is_masked() {
        let hide = [Hide::Pass, Hide::Null];
        let mut columns = CopyColumns::new(&copy(CopyFormat::Binary, false), Some(hide[..].into()), false);
        let mut body = SIGNATURE.to_vec();
        body.extend_from_slice(&[0; 8]);
        let row = [0, 2, 0, 0, 0, 1, b'x', 0, 0, 0, 2, b'y', b'y'];
        body.extend_from_slice(&row);
        body.extend_from_slice(&row);
        body.extend_from_slice(&[0xff, 0xff]);
        let mut frame = vec![b'd'];
        frame.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
        frame.extend_from_slice(&body);
        let mut hidden = 0;
        let len = columns.data(&mut frame, None, &mut hidden).unwrap();
        let short = [0, 2, 0, 0, 0, 1, b'x', 0xff, 0xff, 0xff, 0xff];
        assert_eq!(frame[HEAD + 19..len], [&short[..], &short, &[0xff, 0xff]].concat());
        assert_eq!((hidden, u32::from_be_bytes(frame[1..5].try_into().unwrap()) as usize), (2, len - 1));
    }
}
