//! Texts that land in logs, ours and those of targets: ASCII without spaces, so that none ends its line or its field.

/// The first `limit` characters of what stands between colons. All but a name's (letters, digits, `.`, `_`, `-`, `+`,
/// `@`) become `_`. Never empty, so that fields can be counted.
pub(super) fn field(text: &str, limit: usize) -> String {
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '@');
    if text.is_empty() { "_".to_owned() } else { cleaned(text, limit, of_a_name) }
}

/// The first `limit` characters of a text from elsewhere.
pub(super) fn word(text: &str, limit: usize) -> String {
    cleaned(text, limit, |c| c.is_ascii_graphic())
}

fn cleaned(text: &str, limit: usize, keeps: impl Fn(char) -> bool) -> String {
    text.chars().take(limit).map(|c| if keeps(c) { c } else { '_' }).collect()
}
