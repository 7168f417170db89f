//! JSON web tokens: base64url segments whose first is a JSON object.

use std::ops::Range;

use super::{Detector, Found, text};

/// How `{"` followed by a letter reads in base64.
pub(super) const KEY: &str = "eyJ";

/// Encrypted tokens have five segments, signed ones three.
const MOST_SEGMENTS: usize = 5;

/// Reports the token that starts at the key word, if it is one.
pub(super) fn judge(text: &[u8], key: Range<usize>, found: &mut Found) {
    let start = key.start;
    if found.has_judged(Detector::Jwt, start) || !opens_object(text, start) {
        return;
    }
    let header = segment(text, start);
    // Another key word inside this header would end at the same place.
    found.judge_to(Detector::Jwt, header);
    let Some(payload) = next_segment(text, header).filter(|end| end - header > 2) else {
        return;
    };
    // The signature may be empty: an unsigned token tells as much.
    let Some(mut end) = next_segment(text, payload) else {
        return;
    };
    for _ in 3..MOST_SEGMENTS {
        match next_segment(text, end) {
            Some(next) if next > end + 1 => end = next,
            _ => break,
        }
    }
    found.judge_to(Detector::Jwt, end);
    found.report(Detector::Jwt, text, start..end, |_| true);
}

/// Whether the first bytes decode to `{"`; the automaton ignored case and base64 must not.
fn opens_object(text: &[u8], start: usize) -> bool {
    let sextets = text.get(start..).unwrap_or_default().iter().take(4).map_while(|byte| sextet(*byte));
    let bits = sextets.fold(0_u32, |bits, sextet| bits << 6 | u32::from(sextet));
    bits >> 8 == u32::from(u16::from_be_bytes(*b"{\""))
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

fn segment(text: &[u8], at: usize) -> usize {
    at + text::run(text, at, |byte| sextet(byte).is_some())
}

/// The end of the segment behind the dot at this place.
fn next_segment(text: &[u8], at: usize) -> Option<usize> {
    (text.get(at) == Some(&b'.')).then(|| segment(text, at + 1))
}

#[cfg(test)]
mod tests {
    use super::super::{Detector, assert_leaves, assert_masks, variety};

    const ALPHABET: &[u8] = b"AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_";

    fn token(segments: usize) -> String {
        let header = format!("{}{}", "eyJ", variety(ALPHABET, 17));
        let rest = (1..segments).map(|more| variety(ALPHABET, 20 + more));
        [header].into_iter().chain(rest).collect::<Vec<_>>().join(".")
    }

    #[test]
    fn tokens_are_starred_whole() {
        let (signed, encrypted) = (token(3), token(5));
        let stars = |token: &str| "*".repeat(token.len());
        assert_masks(
            Detector::Jwt,
            &[
                (&signed, &stars(&signed)),
                (&encrypted, &stars(&encrypted)),
                (&format!("Bearer {signed}, {signed}"), &format!("Bearer {0}, {0}", stars(&signed))),
                (&format!(r#"{{"a":"\n{signed}"}}"#), &format!(r#"{{"a":"\n{}"}}"#, stars(&signed))),
                (&format!("{}.", token(2)), &stars(&format!("{}.", token(2)))),
            ],
        );
    }

    #[test]
    fn other_dotted_words_stay() {
        assert_leaves(
            Detector::Jwt,
            &[
                "eyJ",
                "eyJ.a.b",
                "EYJhbGci.abcdef.ghijkl",
                &token(2),
                &token(1),
                "eyJabc eyJdef",
                "key.eyJoy.",
                "eyJeyJeyJ",
            ],
        );
    }
}
