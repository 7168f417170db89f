//! Where words begin and escapes end, in bytes that may be JSON, a table's field or a terminal's line.

/// The byte before a position.
pub(super) fn before(text: &[u8], at: usize) -> Option<u8> {
    at.checked_sub(1).and_then(|index| text.get(index)).copied()
}

/// The length of the run of bytes at a position that satisfy a test.
pub(super) fn run(text: &[u8], at: usize, test: impl Fn(u8) -> bool) -> usize {
    text.get(at..).unwrap_or_default().iter().take_while(|byte| test(**byte)).count()
}

/// Whether the bytes at a position are these.
pub(super) fn follows(text: &[u8], at: usize, word: &[u8]) -> bool {
    text.get(at..).is_some_and(|rest| rest.starts_with(word))
}

/// Whether no letter or digit stands before a position, where the `n` of a JSON `\n` is no letter.
pub(super) fn starts_word(text: &[u8], at: usize) -> bool {
    !before(text, at).is_some_and(|byte| byte.is_ascii_alphanumeric()) || escape_near(text, at) == Some(at)
}

/// Whether no letter or digit stands at a position.
pub(super) fn ends_word(text: &[u8], at: usize) -> bool {
    !text.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

/// The position itself, or the end of the JSON escape that it lies in.
pub(super) fn past_escape(text: &[u8], at: usize) -> usize {
    escape_near(text, at).map_or(at, |end| end.max(at))
}

/// The value of the `\uXXXX` that starts at a backslash.
pub(super) fn unicode_escape(text: &[u8], slash: usize) -> Option<u16> {
    let digits = text.get(slash..)?.strip_prefix(b"\\u")?.get(..4)?;
    let digits = str::from_utf8(digits).ok().filter(|_| is_escaping(text, slash))?;
    // A sign would parse and is no digit.
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

/// The end of the escape whose backslash is one of the six bytes before a position.
fn escape_near(text: &[u8], at: usize) -> Option<usize> {
    let from = at.saturating_sub(6);
    let slash = from + text.get(from..at)?.iter().rposition(|byte| *byte == b'\\')?;
    match text.get(slash + 1)? {
        b'n' | b'r' | b't' | b'b' | b'f' | b'"' | b'/' if is_escaping(text, slash) => Some(slash + 2),
        b'u' => unicode_escape(text, slash).map(|_| slash + 6),
        _ => None,
    }
}

/// Whether a backslash is not itself escaped by the one before it.
fn is_escaping(text: &[u8], slash: usize) -> bool {
    let earlier = text.get(..slash).unwrap_or_default();
    earlier.iter().rev().take_while(|byte| **byte == b'\\').count().is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::{ends_word, past_escape, starts_word};

    #[test]
    fn words_start_after_an_escape_but_not_after_a_letter() {
        assert!(starts_word(b"x", 0));
        assert!(starts_word(b" x", 1));
        assert!(starts_word(br"\nx", 2));
        assert!(starts_word(br"\u00e9x", 6));
        assert!(!starts_word(b"nx", 1));
        assert!(!starts_word(br"\\nx", 3), "a backslash and the letter n");
        assert!(ends_word(b"x", 1) && !ends_word(b"xy", 1));
    }

    #[test]
    fn spans_never_start_inside_an_escape() {
        assert_eq!(past_escape(br"\u4111", 2), 6);
        assert_eq!(past_escape(br"\n1", 1), 2);
        assert_eq!(past_escape(br"\\u4111", 3), 3);
        assert_eq!(past_escape(b"1", 0), 0);
    }
}
