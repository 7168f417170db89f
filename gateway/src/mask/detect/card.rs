//! Payment cards: 13 to 19 digits of a known issuer whose check digit holds.

use std::ops::{Range, RangeInclusive};

use super::{Detector, Found, last_of, text};

/// Text with fewer digits holds no card.
pub(in super::super) const LEAST_DIGITS: usize = 13;
const MOST_DIGITS: usize = 19;

/// The first six digits and the lengths that an issuer uses. Without it a tenth of all order numbers would pass the check digit.
const ISSUERS: &[(RangeInclusive<u32>, &[usize])] = &[
    // Visa
    (400_000..=499_999, &[13, 16, 19]),
    // Mastercard, old and new
    (510_000..=559_999, &[16]),
    (222_100..=272_099, &[16]),
    // American Express
    (340_000..=349_999, &[15]),
    (370_000..=379_999, &[15]),
    // Discover
    (601_100..=601_199, &[16, 19]),
    (644_000..=659_999, &[16, 19]),
    // JCB
    (352_800..=358_999, &[16, 17, 18, 19]),
    // Diners Club
    (300_000..=305_999, &[14, 16]),
    (360_000..=369_999, &[14, 16]),
    (380_000..=399_999, &[14, 16]),
    // Maestro
    (501_800..=501_899, &[13, 14, 15, 16, 17, 18, 19]),
    (502_000..=502_099, &[13, 14, 15, 16, 17, 18, 19]),
    (503_800..=503_899, &[13, 14, 15, 16, 17, 18, 19]),
    (589_300..=589_399, &[13, 14, 15, 16, 17, 18, 19]),
    (630_400..=630_499, &[13, 14, 15, 16, 17, 18, 19]),
    (675_900..=675_999, &[13, 14, 15, 16, 17, 18, 19]),
    (676_100..=676_399, &[13, 14, 15, 16, 17, 18, 19]),
    // UnionPay
    (620_000..=629_999, &[16, 17, 18, 19]),
    (810_000..=817_199, &[16, 17, 18, 19]),
];

/// Reports the cards of a text; the last four digits and the separators stay.
pub(in super::super) fn find(text: &[u8], found: &mut Found) {
    let mut at = 0;
    while let Some(skipped) = text.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit)) {
        let start = at + skipped;
        let Some(card) = longest(text, start) else {
            at = start + text::run(text, start, |byte| byte.is_ascii_digit());
            continue;
        };
        at = card.end;
        let hidden = card.start..last_of(text, card, 4, |byte| byte.is_ascii_digit());
        found.report(Detector::Card, text, hidden, |byte| byte.is_ascii_digit());
    }
}

/// The longest card whose first group of digits starts here.
///
/// A row of a table may go on with more groups, so every end is tried and the groups behind it are no objection.
fn longest(text: &[u8], start: usize) -> Option<Range<usize>> {
    let mut number = Number::default();
    let mut end = start;
    let mut separator = None;
    let mut card = None;
    loop {
        let group = text::run(text, end, |byte| byte.is_ascii_digit());
        // The groups that issuers print have four digits or more, the last one aside.
        let last = group < 4;
        if group == 0 || !number.extend(text.get(end..end + group)?) {
            break;
        }
        end += group;
        if number.is_card() && stands_alone(text, start..end, separator) {
            card = Some(start..end);
        }
        let next = text.get(end).copied().filter(|byte| matches!(byte, b' ' | b'-'));
        if last || next.is_none() || separator.is_some() && separator != next {
            break;
        }
        separator = next;
        end += 1;
    }
    card
}

/// Whether the digits are no piece of a decimal number, a hash or a longer hyphenated one.
fn stands_alone(text: &[u8], card: Range<usize>, separator: Option<u8>) -> bool {
    let joins = |mark: Option<u8>, beyond: Option<u8>| {
        let glue = mark == Some(b'.') || separator == Some(b'-') && mark == Some(b'-');
        glue && beyond.is_some_and(|byte| byte.is_ascii_digit())
    };
    let back = card.start.saturating_sub(1);
    if joins(text::before(text, card.start), text::before(text, back)) {
        return false;
    }
    if joins(text.get(card.end).copied(), text.get(card.end + 1).copied()) {
        return false;
    }
    !is_in_hash(text, card)
}

/// Whether the word around the digits is written in hexadecimal; a few bytes on either side tell.
fn is_in_hash(text: &[u8], card: Range<usize>) -> bool {
    let ahead = text.get(..card.start).unwrap_or_default().iter().rev();
    let behind = text.get(card.end..).unwrap_or_default().iter();
    let near = |byte: &&u8| byte.is_ascii_alphanumeric();
    let mut word = ahead.take(8).take_while(near).chain(behind.take(8).take_while(near)).peekable();
    let escaped = text::starts_word(text, card.start) && text::ends_word(text, card.end);
    !escaped && word.peek().is_some() && word.all(u8::is_ascii_hexdigit)
}

/// Digits collected so far.
#[derive(Default)]
struct Number {
    digits: [u8; MOST_DIGITS],
    length: usize,
}

impl Number {
    /// Adds a group; false where the number would be longer than any card.
    fn extend(&mut self, group: &[u8]) -> bool {
        let end = self.length + group.len();
        let Some(free) = self.digits.get_mut(self.length..end) else {
            return false;
        };
        for (digit, byte) in free.iter_mut().zip(group) {
            *digit = byte - b'0';
        }
        self.length = end;
        true
    }

    fn is_card(&self) -> bool {
        if self.length < LEAST_DIGITS {
            return false;
        }
        let issuer = self.digits.iter().take(6).fold(0, |sum, digit| sum * 10 + u32::from(*digit));
        let issued = ISSUERS.iter().any(|(range, lengths)| range.contains(&issuer) && lengths.contains(&self.length));
        issued && self.checks()
    }

    /// Luhn's check: every second digit from the right counts double.
    fn checks(&self) -> bool {
        let digits = self.digits.iter().take(self.length).rev().map(|digit| u32::from(*digit));
        let weighed = digits.enumerate().map(|(place, digit)| match (place % 2, digit) {
            (0, digit) => digit,
            (_, digit @ 0..5) => digit * 2,
            (_, digit) => digit * 2 - 9,
        });
        weighed.sum::<u32>().is_multiple_of(10)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Detector, assert_leaves, assert_masks};

    #[test]
    fn cards_keep_their_last_digits_and_separators() {
        assert_masks(
            Detector::Card,
            &[
                ("4012-8888-8888-1881", "****-****-****-1881"),
                ("4012888888881881", "************1881"),
                ("4012 8888 8888 1881", "**** **** **** 1881"),
                ("4222222222222", "*********2222"),
                ("5555555555554444", "************4444"),
                ("2223003122003222", "************3222"),
                ("3782-822463-10005", "****-******-*0005"),
                ("6011111111111117", "************1117"),
                ("3530111333300000", "************0000"),
                ("30569309025904", "**********5904"),
                ("6759649826438453", "************8453"),
                ("6200000000000005", "************0005"),
                ("7,4012888888881881,x", "7,************1881,x"),
                ("7 4012 8888 8888 1881 25", "7 **** **** **** 1881 25"),
                (r#"{"a":"\n4012888888881881"}"#, r#"{"a":"\n************1881"}"#),
                ("VISA4012888888881881.", "VISA************1881."),
                ("4012888888881881 5555555555554444", "************1881 ************4444"),
            ],
        );
    }

    #[test]
    fn other_digits_stay() {
        assert_leaves(
            Detector::Card,
            &[
                "",
                "4012888888881882",
                "1234567812345670",
                "40128888888818810000000",
                "0.4012888888881881",
                "4012888888881881.25",
                "1732362656000000000",
                "a4012888888881881f",
                "9999-4012-8888-8888-1881",
                "4012--8888-8888-1881",
                "4012-8888 8888-1881",
                "2026-11-23 11:50:56.123456",
                "550e8400-e29b-41d4-a716-446655440000",
            ],
        );
    }
}
