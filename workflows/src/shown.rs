//! Text for people: everything that was written, and nothing that hides or reorders it (G9).
//!
//! Characters that are not seen, or that move others around on the screen, are written out as `\u{202e}`. (A text that
//! holds that very spelling in plain letters looks the same; that costs a second look, not a wrong decision.)

use std::fmt::Write as _;

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

/// The same of bytes: those that are no text are written out as `\\xff`, so that two texts which differ look different.
pub fn visible_bytes(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        shown.push_str(&visible(chunk.valid()));
        for byte in chunk.invalid() {
            // Writing into a String cannot fail.
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
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
        assert_eq!(visible_bytes(b"a\xffb\xfe\x1b\xc3\xbc\xe2\x80"), "a\\xffb\\xfe\\u{1b}ü\\xe2\\x80");
        assert_eq!(visible_bytes("Grüße 🎉".as_bytes()), "Grüße 🎉");
    }
}
