//! E-mail addresses, found from their `@` outwards.
//!
//! From the `@` outwards and not by an expression from the left: the walk to either side ends at the next `@`, so that the cost is
//! linear in any text, and overlapping addresses (`a@b.com@c.org`) are each seen whole.

use super::{Detector, Found, text};

/// Reports the addresses of a text; the first character, the `@` and the top-level domain stay.
pub(in super::super) fn find(text: &[u8], found: &mut Found) {
    let signs = text.iter().enumerate().filter(|(_, byte)| **byte == b'@').map(|(at, _)| at);
    for sign in signs {
        let start = local(text, sign);
        if start < sign
            && let Some(top) = top_level(text, sign + 1)
        {
            let shown = first_character(text, start).min(sign);
            found.report_both(Detector::Email, text, shown..sign, sign + 1..top);
        }
    }
}

/// What a local part may hold: the marks that people use. `=`, `/` and braces would swallow the text around the address, and a star
/// would find masked addresses again.
fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"._%+-'!#$&^~".contains(&byte)
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii() || byte == b'-'
}

/// Where the local part before the sign starts.
fn local(text: &[u8], sign: usize) -> usize {
    let mut start = sign;
    while let Some(earlier) = start.checked_sub(1) {
        match text.get(earlier) {
            Some(byte) if is_local(*byte) => start = earlier,
            // JSON may write a letter beyond ASCII as an escape, and it is part of the name then.
            Some(b'\\') if text::unicode_escape(text, earlier).is_some_and(|letter| letter >= 0x80) => {
                start = earlier;
            }
            _ => break,
        }
    }
    let start = text::past_escape(text, start).min(sign);
    start + text::run(text, start, |byte| byte.is_ascii_punctuation() && !matches!(byte, b'_' | b'\\' | b'@'))
}

/// Where the first character of the local part ends: escapes and characters of several bytes stay whole.
fn first_character(text: &[u8], start: usize) -> usize {
    match text.get(start) {
        Some(b'\\') => start + 6,
        Some(byte) if byte.is_ascii() => start + 1,
        _ => start + 1 + text::run(text, start + 1, |byte| matches!(byte, 0x80..=0xBF)),
    }
}

/// Where the dot of the domain's last believable top level stands.
fn top_level(text: &[u8], start: usize) -> Option<usize> {
    let mut label = start;
    let mut dot = None;
    loop {
        let length = text::run(text, label, is_domain);
        let bytes = text.get(label..label + length)?;
        if label > start && is_top_level(bytes) {
            dot = Some(label - 1);
        }
        if length == 0 || text.get(label + length) != Some(&b'.') {
            return dot;
        }
        label += length + 1;
    }
}

/// Letters of one script: a version (`left-pad@1.3.0`) has no top level. Text without spaces may follow Latin letters.
fn is_top_level(label: &[u8]) -> bool {
    let latin = text::run(label, 0, |byte| byte.is_ascii_alphabetic());
    let other = text::run(label, 0, |byte| !byte.is_ascii());
    label.starts_with(b"xn--") || latin >= 2 && text::ends_word(label, latin) || other >= 4 && other == label.len()
}

#[cfg(test)]
mod tests {
    use super::super::{Detector, assert_leaves, assert_masks};

    #[test]
    fn addresses_keep_first_letter_and_top_level() {
        assert_masks(
            Detector::Email,
            &[
                ("jane@acme1.com", "j***@*****.com"),
                ("j@x.org", "j@*.org"),
                (
                    "Jane Doe <jane.doe+x@mail.example.co.uk>, bob@b.de.",
                    "Jane Doe <j*********@***************.uk>, b**@*.de.",
                ),
                ("o'brien@example.com", "o******@*******.com"),
                ("'jane@example.com'", "'j***@*******.com'"),
                ("email=jane@example.com&x", "email=j***@*******.com&x"),
                ("jörg@müller.de", "j****@*******.de"),
                ("øla@例え.テスト", "ø**@******.テスト"),
                (r#"{"a":"\njane@x.com"}"#, r#"{"a":"\nj***@*.com"}"#),
                (r#"{"a":"jos\u00e9@x.com"}"#, r#"{"a":"j********@*.com"}"#),
                (r#"{"a":"\u00e9ric@x.com"}"#, r#"{"a":"\u00e9***@*.com"}"#),
                (r#"{"a":"\\u00e9ric@x.com"}"#, r#"{"a":"\\u*******@*.com"}"#),
                ("a@b.com@c.org", "a@*****@*.org"),
                ("jane@example.com谢谢", "j***@*******.com谢谢"),
                ("jane@xn--e1afmkfd.xn--p1ai", "j***@************.xn--p1ai"),
            ],
        );
    }

    #[test]
    fn other_signs_stay() {
        assert_leaves(
            Detector::Email,
            &[
                "@",
                "@example.com",
                "jane@",
                "jane@localhost",
                "left-pad@1.3.0",
                "root@10.0.0.5",
                "a @ b.com",
                "jane@.com",
                "@@@",
                "x@y.z",
            ],
        );
    }
}
