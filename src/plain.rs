//! Text of others, as it is: control, bidirectional and invisible characters are shown, never obeyed (G9).

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal would do something else with it than show it.
fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn shown(text: &str, keep: fn(char) -> bool) -> Cow<'_, str> {
    let obeyed = |c: char| is_treacherous(c) && !keep(c);
    if !text.chars().any(obeyed) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !obeyed(c) => safe.push(c),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            // Writing to a String cannot fail.
            c => drop(write!(safe, "\\u{{{:x}}}", u32::from(c))),
        }
    }
    Cow::Owned(safe)
}

/// Text for one line: line ends are shown as well.
pub fn line(text: &str) -> Cow<'_, str> {
    shown(text, |_| false)
}

/// Text of several lines, such as a statement: line ends and tabs stay, a carriage return does not.
pub fn block(text: &str) -> Cow<'_, str> {
    shown(text, |c| c == '\n' || c == '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        for (text, expected) in [
            ("plain, Grüße, 日本", "plain, Grüße, 日本"),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("DELETE\rSELECT", "DELETE\\rSELECT"),
            ("a\u{202e}b\u{2066}c", "a\\u{202e}b\\u{2066}c"),
            ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            ("two\nlines\t", "two\\nlines\\t"),
        ] {
            assert_eq!(line(text), expected);
        }
    }

    #[test]
    fn a_block_keeps_its_lines_and_nothing_else() {
        assert_eq!(block("SELECT\n\t1\r\n\u{7}"), "SELECT\n\t1\\r\n\\u{7}");
    }
}
