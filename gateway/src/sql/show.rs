//! The text of a statement for people: everything that was sent, and nothing that hides or reorders it.
//!
//! What an approver reads must be what runs, so the text is never shortened here, and what does not show is written out
//! ([`visible`]).

pub use workflows::shown::visible;

/// The exact text between two byte offsets, without white space around it; a length of zero means to the end.
///
/// Offsets come from the parser. Should they not fit the text, all of the text is shown.
pub fn slice(text: &str, start: usize, length: usize) -> &str {
    let end = if length == 0 { text.len() } else { start.saturating_add(length) };
    text.get(start..end).unwrap_or(text).trim()
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

#[cfg(test)]
mod tests {
    use super::*;

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
