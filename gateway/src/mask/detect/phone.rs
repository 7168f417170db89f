//! Telephone numbers: international ones behind a `+`, and national ones whose punctuation leaves no doubt.
//!
//! Ten bare digits are an order number as often as a telephone, so they stay: mask such a column by its name.

use std::ops::Range;

use super::{Detector, Found, last_of, text};

/// Text with fewer digits holds no telephone number.
pub(in super::super) const LEAST_DIGITS: usize = 8;
const MOST_DIGITS: usize = 15;

/// Reports the telephone numbers of a text; the last two digits and the punctuation stay.
pub(in super::super) fn find(text: &[u8], found: &mut Found) {
    let mut at = 0;
    let starts = |byte: &u8| matches!(byte, b'+' | b'(' | b'0'..=b'9');
    while let Some(skipped) = text.get(at..).and_then(|rest| rest.iter().position(starts)) {
        let start = at + skipped;
        let national = |end: &usize| stands_alone(text, start..*end);
        let number = match text.get(start) {
            Some(b'+') => international(text, start),
            Some(b'(') => bracketed(text, start).filter(national),
            _ => american(text, start).or_else(|| paired(text, start)).filter(national),
        };
        let Some(end) = number else {
            // The digits that follow were looked at together; each run gets one look as a start of its own.
            at = start + text::run(text, start, |byte| byte.is_ascii_digit()).max(1);
            continue;
        };
        at = end;
        let hidden = start..last_of(text, start..end, 2, |byte| byte.is_ascii_digit());
        found.report(Detector::Phone, text, hidden, |byte| byte.is_ascii_digit());
    }
}

/// Whether nothing beside a national number makes it part of a date, address, decimal or identifier.
fn stands_alone(text: &[u8], number: Range<usize>) -> bool {
    let glued = text::before(text, number.start).is_some_and(|byte| matches!(byte, b'-' | b'.' | b'/' | b'+' | b'_'));
    let marked = text.get(number.end).is_some_and(|byte| matches!(byte, b'-' | b'.' | b'/' | b':'));
    let goes_on = marked && text.get(number.end + 1).is_some_and(u8::is_ascii_digit);
    !glued && !goes_on && text::starts_word(text, number.start) && text::ends_word(text, number.end)
}

/// `+` and 8 to 15 digits, in groups that one or two marks keep apart. The `+` is evidence enough to ignore what follows.
fn international(text: &[u8], start: usize) -> Option<usize> {
    let adds = text::before(text, start) == Some(b'+') || !text::starts_word(text, start);
    if adds || !matches!(text.get(start + 1), Some(b'1'..=b'9')) {
        return None;
    }
    let (mut at, mut digits, mut marks, mut end) = (start + 1, 0, 0, None);
    loop {
        let group = text::run(text, at, |byte| byte.is_ascii_digit());
        digits += group;
        if group == 0 || digits > MOST_DIGITS {
            break;
        }
        at += group;
        if digits >= LEAST_DIGITS {
            end = Some(at);
        }
        let mark = text::run(text, at, |byte| matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')'));
        // A group that is a number by itself ends there: what follows is the table's next column.
        if !(1..=2).contains(&mark) || group >= LEAST_DIGITS {
            break;
        }
        marks += 1;
        at += mark;
    }
    let end = end?;
    // A dot as the only mark, before or behind the end, makes a decimal number.
    let dotted = text.get(start..end)?.contains(&b'.') && marks == 1;
    let behind = marks == 0 && text.get(end) == Some(&b'.') && text.get(end + 1).is_some_and(u8::is_ascii_digit);
    (!behind && !dotted).then_some(end)
}

/// `(212) 555-0187`, `(020) 7946 0958`.
fn bracketed(text: &[u8], start: usize) -> Option<usize> {
    let at = digits(text, start + 1, 2..6)?;
    let at = mark(text, at, b")")?;
    let at = mark(text, at, b" ").unwrap_or(at);
    let at = digits(text, at, 3..5)?;
    digits(text, mark(text, at, b"-. ")?, 4..5)
}

/// `212-555-0187`, `1-212-555-0187`, `212.555.0187`; area and exchange start above one, which most order numbers fail.
fn american(text: &[u8], start: usize) -> Option<usize> {
    let separator = |at| text.get(at).copied().filter(|byte| matches!(byte, b'-' | b'.'));
    let area = if text::follows(text, start, b"1-") || text::follows(text, start, b"1.") { start + 2 } else { start };
    let at = digits(text, area, 3..4)?;
    let between = [separator(at)?];
    let exchange = mark(text, at, &between)?;
    let line = mark(text, digits(text, exchange, 3..4)?, &between)?;
    let above_one = |at| matches!(text.get(at), Some(b'2'..=b'9'));
    digits(text, line, 4..5).filter(|_| above_one(area) && above_one(exchange))
}

/// `01.23.45.67.89`, `06-12-34-56-78`: five pairs, the first a French area.
fn paired(text: &[u8], start: usize) -> Option<usize> {
    if !matches!(text.get(start..start + 2), Some([b'0', b'1'..=b'9'])) {
        return None;
    }
    let between = [*text.get(start + 2).filter(|byte| matches!(byte, b'-' | b'.'))?];
    let first = digits(text, start, 2..3)?;
    (0..4).try_fold(first, |at, _| digits(text, mark(text, at, &between)?, 2..3))
}

/// The end of a run of digits of the wanted length.
fn digits(text: &[u8], at: usize, wanted: Range<usize>) -> Option<usize> {
    let length = text::run(text, at, |byte| byte.is_ascii_digit());
    wanted.contains(&length).then_some(at + length)
}

/// The end of one of the marks.
fn mark(text: &[u8], at: usize, marks: &[u8]) -> Option<usize> {
    text.get(at).filter(|byte| marks.contains(byte)).map(|_| at + 1)
}

#[cfg(test)]
mod tests {
    use super::super::{Detector, assert_leaves, assert_masks};

    #[test]
    fn numbers_keep_their_last_two_digits() {
        assert_masks(
            Detector::Phone,
            &[
                ("+12125550187", "+*********87"),
                ("+1 (212) 555-0187", "+* (***) ***-**87"),
                ("+44 20 7946 0958", "+** ** **** **58"),
                ("+49.30.901820", "+**.**.****20"),
                ("tel:(212) 555-0187.", "tel:(***) ***-**87."),
                ("tel:+12125550187,5", "tel:+*********87,5"),
                ("+12125550187-42", "+*********87-42"),
                ("+12125550187x42", "+*********87x42"),
                ("call (212) 555-0187.", "call (***) ***-**87."),
                ("(212)555-0187", "(***)***-**87"),
                ("212-555-0187", "***-***-**87"),
                ("1-212-555-0187", "*-***-***-**87"),
                ("212.555.0187", "***.***.**87"),
                ("01.23.45.67.89", "**.**.**.**.89"),
                ("+12125550187 2026-11-23", "+*********87 2026-11-23"),
                (r#"{"a":"\n+12125550187"}"#, r#"{"a":"\n+*********87"}"#),
                ("a,+12125550187,b;212-555-0187", "a,+*********87,b;***-***-**87"),
            ],
        );
    }

    #[test]
    fn dates_addresses_and_numbers_stay() {
        assert_leaves(
            Detector::Phone,
            &[
                "2026-11-23 11:50:56.123456+00",
                "2026-11-23T11:50:56+01:00",
                "20261123115056",
                "192.168.100.200",
                "10.0.0.5:5432",
                "3.14159265358979",
                "+12345678.90",
                "+1234.5678901",
                "550e8400-e29b-41d4-a716-446655440000",
                "112-3456789-1234567",
                "123-456-7890",
                "2125550187",
                "ORD-212-555-0187",
                "01-02-03-04-05-06",
                "+1234567",
                "+1234567890123456",
                "+0123456789",
                "1+12125550187",
                "(2024) 12345678",
            ],
        );
    }
}
