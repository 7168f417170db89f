//! What holds for every text and every set of detectors.

use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::{Detector, Detectors, Scanner, parse};

fn scanner(detectors: impl IntoIterator<Item = Detector>) -> Scanner {
    Scanner::new(detectors.into_iter().collect()).unwrap()
}

/// Text dense with the pieces that detectors look for, so that finds overlap and touch. `KEY!` spares this file a key's armour.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "4012888888881881",
            "4012-8888-8888-1881",
            "4012 8888",
            "1881",
            "GB82WEST12345698765432",
            "DE89 3704 0044 0532 0130 00",
            "jane@example.com",
            "@",
            "@x.org",
            "é@ü.de",
            "+1 212 555 0187",
            "(212) 555-0187",
            "212-555-0187",
            "01.23.45.67.89",
            "+",
            "eyJhbGciOi",
            ".",
            "..",
            "-----BEGIN KEY!",
            "-----BEGIN ",
            "-----END KEY!",
            "-----",
            "\\n",
            "\\u4012",
            "\\u00e9",
            "\\\\",
            "\"",
            "\n",
            " ",
            ",",
            "*",
            "**",
            "password=",
            "token: ",
            "bearer ",
            "secret",
            "sk-",
            "sk-ant-",
            "SG.",
            "AKIA",
            "cst_",
            "AccountKey=",
            "://",
            "u:p@h",
            ":\\/\\/",
            "aB3xK9fQ2mZ7pL5w",
            "0123456789abcdef",
            "ZYXWVUTSRQ234567",
            "-",
            "_",
            "é",
            "例",
        ])
        .prop_map(|piece| piece.replace("KEY!", "PRIVATE KEY-----")),
        "[0-9a-zA-Z@.+ ()=:*-]{0,12}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn sets() -> impl Strategy<Value = Detectors> {
    prop::collection::vec(prop::sample::select(Detector::ALL.to_vec()), 1..9)
        .prop_map(|set| set.into_iter().collect())
}

proptest! {
    #[test]
    fn masking_keeps_length_and_utf8_and_is_done_after_once(text in pieces(), set in sets()) {
        let scanner = Scanner::new(set).unwrap();
        let mut once = text.clone().into_bytes();
        let hits = scanner.mask(&mut once);
        prop_assert_eq!(once.len(), text.len());
        prop_assert!(str::from_utf8(&once).is_ok());
        prop_assert_eq!(hits.is_empty(), once == text.as_bytes());
        prop_assert!(once.iter().zip(text.as_bytes()).all(|(now, then)| now == then || *now == b'*'));
        let mut twice = once.clone();
        prop_assert!(scanner.mask(&mut twice).is_empty());
        prop_assert_eq!(twice, once);
    }

    #[test]
    fn masking_any_bytes_is_done_after_once(text in prop::collection::vec(any::<u8>(), 0..200), tail in pieces()) {
        let scanner = scanner(Detector::ALL);
        let mut once = [text.as_slice(), tail.as_bytes()].concat();
        scanner.mask(&mut once);
        let mut twice = once.clone();
        prop_assert!(scanner.mask(&mut twice).is_empty());
        prop_assert_eq!(twice, once);
    }

    #[test]
    fn masking_leaves_json_strings_closed(value in pieces(), after in pieces()) {
        let quoted = |text: &str| text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n").replace(char::is_control, " ");
        let mut text = format!(r#"{{"a":"{}","b":"{}"}}"#, quoted(&value), quoted(&after)).into_bytes();
        scanner(Detector::ALL).mask(&mut text);
        prop_assert!(is_flat_json(&text), "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn text_without_digits_signs_and_key_words_stays(text in "[g-jln-oq-rv-zG-JÀ-ÿ .,;\\n]{0,200}") {
        let mut masked = text.clone().into_bytes();
        prop_assert!(scanner(Detector::ALL).mask(&mut masked).is_empty());
        prop_assert_eq!(masked, text.into_bytes());
    }
}

/// Whether the bytes are still an object of two strings, every escape whole.
fn is_flat_json(text: &[u8]) -> bool {
    let mut outside = String::new();
    let mut bytes = text.iter().copied();
    let mut inside = false;
    while let Some(byte) = bytes.next() {
        match (inside, byte) {
            (_, b'"') => inside = !inside,
            (true, b'\\') => match bytes.next() {
                Some(b'u') if bytes.by_ref().take(4).filter(u8::is_ascii_hexdigit).count() == 4 => {}
                Some(b'n' | b'r' | b't' | b'b' | b'f' | b'"' | b'/' | b'\\') => {}
                _ => return false,
            },
            (true, _) => {}
            (false, byte) => outside.push(char::from(byte)),
        }
    }
    outside == "{:,:}"
}

#[test]
fn overlapping_finds_are_united() {
    // The value is a card for one detector and part of a longer secret for another: no digit of it stays.
    let secret = format!("{}{}", "aB3xK9fQ2mZ7pL5w/", "4012888888881881/q");
    let mut text = format!("password={secret}").into_bytes();
    let hits = scanner(Detector::ALL).mask(&mut text);
    assert_eq!(text, format!("password={}", "*".repeat(secret.len())).into_bytes());
    assert_eq!(hits.iter().collect::<Vec<_>>(), [(Detector::Card, 1), (Detector::Entropy, 1)]);
}

#[test]
fn finds_are_counted_by_detector() {
    let mut text = b"7|jane@acme1.com|4012-8888-8888-1881|bob@x.de|+12125550187".to_vec();
    let hits = scanner(Detector::ALL).mask(&mut text);
    assert_eq!(text, b"7|j***@*****.com|****-****-****-1881|b**@*.de|+*********87");
    assert_eq!(hits.iter().collect::<Vec<_>>(), [(Detector::Card, 1), (Detector::Email, 2), (Detector::Phone, 1)]);
    assert_eq!((hits.total(), hits.of(Detector::Jwt)), (4, 0));
}

#[test]
fn bytes_that_are_not_utf8_are_masked_too() {
    let mut text = b"\xff\xfe\x004012888888881881\xff".to_vec();
    scanner([Detector::Card]).mask(&mut text);
    assert_eq!(text, b"\xff\xfe\x00************1881\xff");
}

#[test]
fn only_chosen_detectors_look() {
    let given = b"jane@acme1.com 4012888888881881".to_vec();
    for set in [Detectors::default(), parse("secrets").unwrap()] {
        let mut text = given.clone();
        assert!(Scanner::new(set).unwrap().mask(&mut text).is_empty());
        assert_eq!(text, given);
    }
}

#[test]
fn scanners_are_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    shared(&scanner(Detector::ALL));
}
