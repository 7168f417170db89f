//! Random-looking values beside a word that announces a secret.
//!
//! Randomness alone says little: identifiers and digests are random too. Only beside a name like `api_key` is it evidence.

use std::ops::Range;

use super::{Detector, Found, text};

/// The names of secrets; case does not matter.
pub(super) const KEYS: [&str; 17] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "accesskey",
    "access_key",
    "access-key",
    "private_key",
    "private-key",
    "credential",
    "authorization",
    "bearer",
];

/// How far behind its name the `=` or `:` may stand.
const REACH: usize = 24;
/// Shorter values are too often words.
const LEAST_LENGTH: usize = 16;
/// How much of a value is weighed; the rest follows its verdict.
const SAMPLE: usize = 256;
/// Bits a byte that words do not reach, by alphabet.
const LEAST_BITS: f64 = 3.5;
const LEAST_HEX_BITS: f64 = 3.0;

/// Reports the value that the key word announces, if it looks random.
pub(super) fn judge(text: &[u8], key: Range<usize>, found: &mut Found) {
    let is_bearer = text.get(key.clone()).is_some_and(|word| word.eq_ignore_ascii_case(b"bearer"));
    let announced = separator(text, key.end).or_else(|| is_bearer.then_some(key.end));
    let Some(start) = announced.map(|end| value_start(text, end)) else {
        return;
    };
    if found.has_judged(Detector::Entropy, start) {
        return;
    }
    let rest = text.get(start..).unwrap_or_default();
    let sample = rest.get(..SAMPLE).unwrap_or(rest);
    let length = text::run(sample, 0, is_value);
    if !sample.get(..length).is_some_and(is_random) {
        return;
    }
    let end = value_end(text, start);
    found.judge_to(Detector::Entropy, end);
    found.report(Detector::Entropy, text, start..end, |_| true);
}

/// Where the `=` or `:` behind the name ends; quotes and the rest of a longer name may come before it.
fn separator(text: &[u8], at: usize) -> Option<usize> {
    let between = |byte: u8| byte.is_ascii_alphanumeric() || b"_-. \t\"'`\\[])".contains(&byte);
    let reach = text.get(at..).map(|rest| rest.get(..REACH).unwrap_or(rest))?;
    let gap = text::run(reach, 0, between);
    let marks = text::run(text, at + gap, |byte| matches!(byte, b'=' | b':'));
    // `=>` and `:=` are the same in other languages.
    let arrow = usize::from(text.get(at + gap + marks) == Some(&b'>'));
    (1..=2).contains(&marks).then_some(at + gap + marks + arrow)
}

/// Where the value starts, behind spaces, quotes and the scheme of an `Authorization` header.
fn value_start(text: &[u8], at: usize) -> usize {
    let skip = |at| at + text::run(text, at, |byte| b" \t\"'`\\".contains(&byte));
    let start = skip(at);
    let schemes: [&[u8]; 4] = [b"bearer ", b"basic ", b"token ", b"apikey "];
    let named =
        |scheme: &&[u8]| text.get(start..start + scheme.len()).is_some_and(|word| word.eq_ignore_ascii_case(scheme));
    let scheme = schemes.into_iter().find(named).map_or(0, <[u8]>::len);
    // An escape before the value (`"\nabc"`) keeps its letter.
    text::past_escape(text, skip(start + scheme))
}

fn is_value(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-')
}

/// Where the value ends; a believed value may go on behind a dot, as tokens of several parts do.
fn value_end(text: &[u8], start: usize) -> usize {
    let mut end = start + text::run(text, start, is_value);
    while matches!(text.get(end), Some(b'.' | b'~')) && text.get(end + 1).copied().is_some_and(is_value) {
        end += 1 + text::run(text, end + 1, is_value);
    }
    end
}

fn is_random(value: &[u8]) -> bool {
    let is_hex = value.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    let least = if is_hex { LEAST_HEX_BITS } else { LEAST_BITS };
    value.len() >= LEAST_LENGTH && !is_words(value) && bits(value) >= least
}

/// Whether the value has no letters, or no digits and the letter runs of words.
fn is_words(value: &[u8]) -> bool {
    let has_digit = value.iter().any(u8::is_ascii_digit);
    let has_letter = value.iter().any(u8::is_ascii_alphabetic);
    // Four small letters in a row are rare in base64 and the rule in words, camel case included.
    let has_word = value.windows(4).any(|run| run.iter().all(u8::is_ascii_lowercase));
    let has_both = value.iter().any(u8::is_ascii_lowercase) && value.iter().any(u8::is_ascii_uppercase);
    !has_letter || !has_digit && (has_word || !has_both)
}

/// Shannon's entropy in bits a byte.
fn bits(value: &[u8]) -> f64 {
    let mut counts = [0_u16; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let length = value.len() as f64;
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / length);
    shares.map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::super::{Detector, assert_leaves, assert_masks, variety};

    const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const HEX: &[u8] = b"0123456789abcdef";

    #[test]
    fn announced_random_values_are_starred() {
        let value = variety(BASE64, 32);
        let stars = "*".repeat(32);
        let hex = variety(HEX, 32);
        for frame in [
            "password=@",
            "DB_PASSWORD: '@'",
            r#"{"api_key": "@", "b": 1}"#,
            r#"{"a":"{\"secret\":\"@\"}"}"#,
            "aws_secret_access_key = @\n",
            "Authorization: Bearer @",
            "curl -H 'authorization: Basic @'",
            "sent bearer @ to it",
            "ACCESS-KEY=@;x",
            "token => @",
            r#"["credentials"] = "@""#,
        ] {
            for value in [&value, &hex] {
                assert_masks(Detector::Entropy, &[(&frame.replace('@', value), &frame.replace('@', &stars))]);
            }
        }
        let parts = format!("token={value}.{value}.");
        assert_masks(Detector::Entropy, &[(&parts, &format!("token={stars}*{stars}."))]);
    }

    #[test]
    fn words_placeholders_and_unannounced_values_stay() {
        let value = variety(BASE64, 32);
        assert_leaves(
            Detector::Entropy,
            &[
                &value,
                &format!("digest={value}"),
                &format!("password is {value}"),
                &format!("token{}={value}", " ".repeat(25)),
                "password=changeme",
                "password=****************",
                "password: xxxxxxxxxxxxxxxxxxxxxxxx",
                "secret: correct-horse-battery-staple",
                "token = getTokenFromTheVaultService()",
                "token_url: https://auth.example.com/oauth2/v2/authorize",
                "token_id=1234567890123456",
                "api_key=abc123",
                "token",
                "password:",
            ],
        );
    }

    #[test]
    fn one_value_is_one_hit() {
        let scanner = crate::mask::Scanner::new([Detector::Entropy].into_iter().collect()).unwrap();
        let mut text = format!("secret_access_key_token={}", variety(BASE64, 40)).into_bytes();
        assert_eq!(scanner.mask(&mut text).total(), 1);
    }
}
