//! Tokens that their issuers mark with a prefix, and passwords inside URLs.
//!
//! The table is data of our own, from the issuers' documents: a prefix, what may follow it and how much of it. Expressions of
//! larger rule sets were left out: they cost a hundred times more and find what `entropy` finds by its name.

use std::ops::{Range, RangeInclusive};

use super::{Detector, Found, text};

/// One kind of token.
#[derive(Debug)]
pub(in super::super) struct Shape {
    /// How it starts; also the key word.
    pub(super) prefix: &'static str,
    alphabet: Alphabet,
    length: RangeInclusive<usize>,
    trust: Trust,
}

/// What a token is written in.
#[derive(Debug, Clone, Copy)]
enum Alphabet {
    Hex,
    Upper,
    Alnum,
    Url,
    Dotted,
    Base64,
}

/// How much the prefix says by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// The prefix is enough.
    Prefix,
    /// The prefix is also a piece of words: upper and lower case and digits must follow.
    Mixed,
    /// The prefix is a name, and stays readable.
    Name,
}

impl Alphabet {
    fn holds(self, byte: u8) -> bool {
        match self {
            Self::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::Upper => matches!(byte, b'0'..=b'9' | b'A'..=b'Z'),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
            Self::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
        }
    }
}

/// A token whose prefix is enough; `least` bytes follow it.
const fn open(prefix: &'static str, alphabet: Alphabet, least: usize) -> Shape {
    Shape { prefix, alphabet, length: least..=usize::MAX, trust: Trust::Prefix }
}

/// A token of one length.
const fn exact(prefix: &'static str, alphabet: Alphabet, length: usize) -> Shape {
    Shape { prefix, alphabet, length: length..=length, trust: Trust::Prefix }
}

const fn mixed(prefix: &'static str, alphabet: Alphabet, least: usize) -> Shape {
    Shape { prefix, alphabet, length: least..=usize::MAX, trust: Trust::Mixed }
}

const fn named(prefix: &'static str, alphabet: Alphabet, least: usize) -> Shape {
    Shape { prefix, alphabet, length: least..=usize::MAX, trust: Trust::Name }
}

/// Every token that is known by its prefix.
pub(super) static SHAPES: &[Shape] = &[
    // Ours
    open("cst_", Alphabet::Url, 16),
    // Clouds
    exact("AKIA", Alphabet::Upper, 16),
    exact("ASIA", Alphabet::Upper, 16),
    exact("ABIA", Alphabet::Upper, 16),
    exact("AIza", Alphabet::Url, 35),
    open("GOCSPX-", Alphabet::Url, 24),
    open("ya29.", Alphabet::Dotted, 24),
    named("AccountKey=", Alphabet::Base64, 40),
    named("SharedAccessKey=", Alphabet::Base64, 40),
    open("dop_v1_", Alphabet::Hex, 60),
    open("doo_v1_", Alphabet::Hex, 60),
    open("dor_v1_", Alphabet::Hex, 60),
    open("dapi", Alphabet::Hex, 32),
    open("hvs.", Alphabet::Url, 24),
    open("hvb.", Alphabet::Url, 24),
    open("pul-", Alphabet::Hex, 40),
    open("dp.pt.", Alphabet::Alnum, 40),
    open("tskey-", Alphabet::Url, 20),
    // Code and packages
    open("ghp_", Alphabet::Alnum, 30),
    open("gho_", Alphabet::Alnum, 30),
    open("ghu_", Alphabet::Alnum, 30),
    open("ghs_", Alphabet::Dotted, 30),
    open("ghr_", Alphabet::Alnum, 30),
    open("github_pat_", Alphabet::Url, 40),
    open("glpat-", Alphabet::Dotted, 18),
    open("gldt-", Alphabet::Dotted, 18),
    open("glrt-", Alphabet::Dotted, 18),
    open("npm_", Alphabet::Alnum, 36),
    open("pypi-", Alphabet::Url, 50),
    open("rubygems_", Alphabet::Hex, 48),
    open("dckr_pat_", Alphabet::Url, 20),
    // Chat, mail and telephone
    open("xoxa-", Alphabet::Url, 20),
    open("xoxb-", Alphabet::Url, 20),
    open("xoxc-", Alphabet::Url, 20),
    open("xoxd-", Alphabet::Url, 20),
    open("xoxe-", Alphabet::Url, 20),
    open("xoxp-", Alphabet::Url, 20),
    open("xoxr-", Alphabet::Url, 20),
    open("xoxs-", Alphabet::Url, 20),
    open("xapp-", Alphabet::Url, 20),
    named("hooks.slack.com/services/", Alphabet::Base64, 24),
    mixed("SG.", Alphabet::Dotted, 40),
    exact("SK", Alphabet::Hex, 32),
    // Money
    open("sk_live_", Alphabet::Alnum, 16),
    open("rk_live_", Alphabet::Alnum, 16),
    open("sk_test_", Alphabet::Alnum, 16),
    open("rk_test_", Alphabet::Alnum, 16),
    open("whsec_", Alphabet::Base64, 24),
    open("shpat_", Alphabet::Hex, 32),
    // Models
    open("sk-ant-", Alphabet::Url, 24),
    open("sk-proj-", Alphabet::Url, 24),
    mixed("sk-", Alphabet::Url, 32),
    open("hf_", Alphabet::Alnum, 30),
    // Keys
    exact("AGE-SECRET-KEY-1", Alphabet::Upper, 58),
];

/// Where a URL's authority starts, as written and as PHP and others escape it.
pub(super) const URL_KEYS: [&str; 2] = ["://", r":\/\/"];

/// How much of a token is looked at before it is believed: a bound, so that hostile repetitions cost no square.
const SAMPLE: usize = 128;

/// Reports the token that starts at the key word, if it is one.
pub(super) fn judge(shape: &Shape, text: &[u8], key: Range<usize>, found: &mut Found) {
    let Range { start, end: body } = key;
    let judged = found.has_judged(Detector::Vendor, start);
    if judged || !text::follows(text, start, shape.prefix.as_bytes()) || !text::starts_word(text, start) {
        return;
    }
    let ahead = text.get(body..).unwrap_or_default();
    let sample = ahead.get(..SAMPLE).unwrap_or(ahead);
    let length = text::run(sample, 0, |byte| shape.alphabet.holds(byte));
    let believed = match shape.trust {
        Trust::Prefix | Trust::Name => true,
        Trust::Mixed => is_mixed(sample.get(..length).unwrap_or_default()),
    };
    if !believed || !shape.length.contains(&length) {
        return;
    }
    let end = body + text::run(text, body, |byte| shape.alphabet.holds(byte));
    if shape.length.start() == shape.length.end() && !text::ends_word(text, end) {
        return;
    }
    found.judge_to(Detector::Vendor, end);
    let hidden = if shape.trust == Trust::Name { body } else { start };
    found.report(Detector::Vendor, text, hidden..end, |_| true);
}

fn is_mixed(token: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| token.iter().any(test);
    has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase)
}

/// Reports the password of `scheme://user:password@host`; the rest of the URL stays.
pub(super) fn judge_url(text: &[u8], key: Range<usize>, found: &mut Found) {
    let is_authority =
        |byte: u8| !byte.is_ascii_whitespace() && !byte.is_ascii_control() && !b"/?#\"'<>`\\,;".contains(&byte);
    let length = text::run(text, key.end, is_authority);
    let authority = text.get(key.end..key.end + length).unwrap_or_default();
    let colon = authority.iter().position(|byte| *byte == b':');
    // The last sign: people forget to escape the one in their password.
    let sign = authority.iter().rposition(|byte| *byte == b'@');
    if let (Some(colon), Some(sign)) = (colon, sign)
        && colon < sign
    {
        found.report(Detector::Vendor, text, key.end + colon + 1..key.end + sign, |_| true);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Detector, assert_leaves, assert_masks, variety};
    use super::{Alphabet, SHAPES, Trust};

    fn letters(alphabet: Alphabet) -> Vec<u8> {
        (0..=127).filter(|byte| alphabet.holds(*byte) && byte.is_ascii_alphanumeric()).collect()
    }

    #[test]
    fn every_shape_is_found_and_no_shorter_one() {
        for shape in SHAPES {
            let letters = letters(shape.alphabet);
            let body = variety(&letters, *shape.length.start());
            let shown =
                if shape.trust == Trust::Name { shape.prefix.to_owned() } else { "*".repeat(shape.prefix.len()) };
            let stars = "*".repeat(body.len());
            let prefix = shape.prefix;
            assert_masks(
                Detector::Vendor,
                &[
                    (&format!("{prefix}{body}"), &format!("{shown}{stars}")),
                    (&format!(r#"{{"a":"\n{prefix}{body}"}}"#), &format!(r#"{{"a":"\n{shown}{stars}"}}"#)),
                    (&format!("{prefix}{body} {prefix}{body}"), &format!("{shown}{stars} {shown}{stars}")),
                ],
            );
            let short = variety(&letters, shape.length.start() - 1);
            assert_leaves(Detector::Vendor, &[&format!("{prefix}{short}"), &format!("x{prefix}{body}")]);
        }
    }

    #[test]
    fn passwords_leave_urls() {
        assert_masks(
            Detector::Vendor,
            &[
                ("postgres://ada:hunter2@db/orders", "postgres://ada:*******@db/orders"),
                ("mysql://ada:p@ss@db:3306/x amqp://:pw@mq", "mysql://ada:****@db:3306/x amqp://:**@mq"),
                (r#"{"url":"redis:\/\/u:geheim@h\/0"}"#, r#"{"url":"redis:\/\/u:******@h\/0"}"#),
                ("mongodb+srv://u:pässe@h", "mongodb+srv://u:******@h"),
            ],
        );
    }

    #[test]
    fn ordinary_words_and_urls_stay() {
        assert_leaves(
            Detector::Vendor,
            &[
                "risk-management-and-compliance-team-2026",
                "sk-learn-extra-something-long-and-2-lower",
                "task SKU skill",
                "https://example.com:8080/a@b",
                "ssh://git@example.com/x",
                "://",
                "https://example.com/a:b@c",
                "npm_config_registry",
                "hf_transformers",
                "AKIA",
            ],
        );
    }
}
