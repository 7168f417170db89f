//! Private keys in PEM armour, in files, in terminals and inside JSON strings.

use std::ops::Range;

use super::{Detector, Found, text};

/// How the armour starts.
pub(super) const KEY: &str = "-----BEGIN ";

/// The longest label is `PGP PRIVATE KEY BLOCK`, with room for those to come.
const LONGEST_LABEL: usize = 48;

/// Reports the body of the key that starts at the key word; the BEGIN and END lines and line breaks stay.
pub(super) fn judge(text: &[u8], key: Range<usize>, found: &mut Found) {
    if found.has_judged(Detector::PrivateKey, key.start) || !text::follows(text, key.start, KEY.as_bytes()) {
        return;
    }
    let Some(body) = body_start(text, key.end) else {
        return;
    };
    let end = body_end(text, body);
    found.judge_to(Detector::PrivateKey, end);
    found.report(Detector::PrivateKey, text, body..end, |byte| !matches!(byte, b'\r' | b'\n'));
}

/// Where the BEGIN line ends, if its label is a private key's.
fn body_start(text: &[u8], label: usize) -> Option<usize> {
    let length = text::run(text, label, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
    let name = text.get(label..label + length).filter(|name| name.len() <= LONGEST_LABEL)?;
    let private = name.ends_with(b"PRIVATE KEY") || name.ends_with(b"PRIVATE KEY BLOCK");
    (private && text::follows(text, label + length, b"-----")).then_some(label + length + 5)
}

/// Where the END line starts, or else where the bytes stop looking like a key.
///
/// The search also ends at the next BEGIN, so that a text full of them costs no square.
fn body_end(text: &[u8], body: usize) -> usize {
    let rest = text.get(body..).unwrap_or_default();
    let armour = rest.windows(8).position(|bytes| bytes == b"-----END" || bytes == b"-----BEG");
    let inner = armour.and_then(|end| rest.get(..end)).unwrap_or(rest);
    let closed = text::follows(text, body + inner.len(), b"-----END");
    // The string may end before the armour does: what follows is other data, and painting it would break the JSON.
    body + match closing_quote(inner) {
        Some(quote) if closed => quote,
        None if closed => inner.len(),
        _ => unclosed(inner),
    }
}

/// The first quotation mark that no backslash escapes, if it is on the BEGIN line: no JSON string reaches over a line break, and a
/// comment inside of PGP armour may well hold a quotation.
fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    let line = text.iter().take_while(|byte| !matches!(byte, b'\r' | b'\n'));
    line.enumerate().find_map(|(at, byte)| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes.then_some(at)
    })
}

/// The length of what may still be base64, headers such as `Proc-Type: 4,ENCRYPTED`, white space or an escaped line break.
fn unclosed(text: &[u8]) -> usize {
    let is_body =
        |byte: u8| byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=-:,.()".contains(&byte);
    let mut end = 0;
    loop {
        end += text::run(text, end, is_body);
        let slashes = text::run(text, end, |byte| byte == b'\\');
        let breaks = matches!(text.get(end + slashes), Some(b'n' | b'r' | b't' | b'/'));
        if slashes == 0 || !breaks {
            return end;
        }
        end += slashes + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Detector, assert_leaves, assert_masks, variety};

    const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    fn line(edge: &str, kind: &str) -> String {
        format!("-----{edge} {kind}-----")
    }

    #[test]
    fn every_kind_of_key_is_starred_between_its_lines() {
        let body = variety(BASE64, 64);
        for kind in [
            "RSA PRIVATE KEY",
            "EC PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
            "PGP PRIVATE KEY BLOCK",
            "PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
        ] {
            let armoured =
                |body: &str| format!("x\n{}\n{body}\n{body}\n{}\ny", line("BEGIN", kind), line("END", kind));
            assert_masks(Detector::PrivateKey, &[(&armoured(&body), &armoured(&"*".repeat(64)))]);
        }
    }

    #[test]
    fn keys_inside_json_leave_it_json() {
        let (begin, end) = (line("BEGIN", "PRIVATE KEY"), line("END", "PRIVATE KEY"));
        let body = variety(BASE64, 40);
        let stars = "*".repeat(44);
        assert_masks(
            Detector::PrivateKey,
            &[
                (
                    &format!(r#"{{"k":"{begin}\n{body}\n{end}\n","b":1}}"#),
                    &format!(r#"{{"k":"{begin}{stars}{end}\n","b":1}}"#),
                ),
                (&format!(r#"{{"k":"{begin}\n{body}\n","b":1}}"#), &format!(r#"{{"k":"{begin}{stars}","b":1}}"#)),
                (
                    &format!(r#"{{"k":"{begin}\n{body}\n","b":"{end}"}}"#),
                    &format!(r#"{{"k":"{begin}{stars}","b":"{end}"}}"#),
                ),
                (
                    &format!(r#"{{"k":"key: {begin}\n{body}\n\u00e9"}}"#),
                    &format!(r#"{{"k":"key: {begin}{stars}\u00e9"}}"#),
                ),
            ],
        );
    }

    #[test]
    fn quotations_in_comments_end_no_key() {
        let (begin, end) = (line("BEGIN", "PGP PRIVATE KEY BLOCK"), line("END", "PGP PRIVATE KEY BLOCK"));
        let given = format!("{begin}\nComment: \"é\"\n{}\n{end}", variety(BASE64, 64));
        let wanted = format!("{begin}\n{}\n{}\n{end}", "*".repeat(13), "*".repeat(64));
        assert_masks(Detector::PrivateKey, &[(&given, &wanted)]);
    }

    #[test]
    fn unterminated_keys_are_starred_to_their_end() {
        let (begin, body) = (line("BEGIN", "RSA PRIVATE KEY"), variety(BASE64, 40));
        let stars = "*".repeat(40);
        assert_masks(
            Detector::PrivateKey,
            &[
                (&format!("{begin}\n{body}"), &format!("{begin}\n{stars}")),
                (&format!("{begin}\n{body}\n{begin}\n{body}"), &format!("{begin}\n{stars}\n{begin}\n{stars}")),
                (&format!("{begin}\n{body}<b>"), &format!("{begin}\n{stars}<b>")),
            ],
        );
    }

    #[test]
    fn public_things_stay() {
        let public = |kind: &str| format!("{}\n{}\n{}", line("BEGIN", kind), variety(BASE64, 64), line("END", kind));
        assert_leaves(
            Detector::PrivateKey,
            &[
                &public("CERTIFICATE"),
                &public("PUBLIC KEY"),
                &public("private key"),
                "-----BEGIN ",
                &line("BEGIN", "PRIVATE KEY"),
            ],
        );
    }
}
