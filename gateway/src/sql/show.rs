//! The text of a statement for people: everything that was sent, and nothing that hides or reorders it.
//!
//! What an approver reads must be what runs, so the text is never shortened here. Characters that are not seen, or
//! that move others around on the screen, are written out as `\u{202e}`. (A statement that holds that very text in
//! plain letters looks the same; that costs a second look, not a wrong decision.)

use std::fmt::Write as _;

/// The exact text between two byte offsets, without white space around it; a length of zero means to the end.
///
/// Offsets come from the parser. Should they not fit the text, all of the text is shown.
pub fn slice(text: &str, start: usize, length: usize) -> &str {
    let end = if length == 0 { text.len() } else { start.saturating_add(length) };
    text.get(start..end).unwrap_or(text).trim()
}

/// The text with characters that do not show, or that obey instead of showing, made visible.
pub fn visible(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if hides(c) {
            // Writing into a String cannot fail.
            let _ = write!(shown, "\\u{{{:x}}}", c as u32);
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A shortened text on one line, for a table: at most `n` characters, ending with `…` where something is missing.
pub fn brief(shown: &str, n: usize) -> String {
    let mut words = String::new();
    for word in shown.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
        // One character beyond is enough to know that something is missing.
        if words.chars().nth(n).is_some() {
            let mut short: String = words.chars().take(n.saturating_sub(1)).collect();
            short.push('…');
            return short;
        }
    }
    words
}

/// Control, bidirectional, zero-width and other characters that a reader would not see.
fn hides(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        c if c.is_control() => true,
        // Soft hyphen, combining grapheme joiner, Arabic letter mark, Hangul and Khmer fillers.
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}'
        | '\u{ffa0}' => true,
        // Mongolian separators, zero-width characters, marks, embeddings, overrides, isolates.
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        // Spaces that are not the space bar: the parser takes them for letters.
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{2800}' => true,
        // Variation selectors, byte order mark, annotations, tags, private use.
        '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' => true,
        '\u{e0000}'..='\u{e0fff}' | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_show_is_written_out() {
        assert_eq!(visible("a\u{202e}b\u{200b}c\r\0"), r"a\u{202e}b\u{200b}c\u{d}\u{0}");
        assert_eq!(visible("SELECT 1\n\t-- grüße, 東京"), "SELECT 1\n\t-- grüße, 東京");
        assert_eq!(visible("\u{1b}[2K"), r"\u{1b}[2K");
        assert_eq!(visible("a\rd\ne"), "a\\u{d}d\ne");
        // Letters that nobody sees, spaces that are none, and what changes the letter before it.
        assert_eq!(visible("a\u{3164}b\u{a0}c\u{fe0f}d\u{e000}"), r"a\u{3164}b\u{a0}c\u{fe0f}d\u{e000}");
        assert_eq!(visible("Grüße 🎉"), "Grüße 🎉");
    }

    #[test]
    fn a_slice_is_exact_and_never_fails() {
        assert_eq!(slice("SELECT 1; DELETE FROM t", 9, 0), "DELETE FROM t");
        assert_eq!(slice("SELECT 1; DELETE FROM t", 0, 8), "SELECT 1");
        assert_eq!(slice("é", 1, 0), "é");
        assert_eq!(slice("x", 99, 5), "x");
    }

    #[test]
    fn a_brief_says_that_it_is_short() {
        assert_eq!(brief("SELECT  1", 20), "SELECT 1");
        assert_eq!(brief("SELECT  abcdef", 8), "SELECT …");
        assert_eq!(brief("12345678", 8), "12345678");
    }
}
