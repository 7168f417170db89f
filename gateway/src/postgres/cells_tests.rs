use super::*;
use crate::mask::{Detectors, parse};
use crate::postgres::wire::frame;

fn scanner() -> Scanner {
    Scanner::new(["card", "email"].iter().filter_map(|name| parse(name)).fold(Detectors::default(), Detectors::union))
        .unwrap()
}

fn hidden(kind: u32, binary: bool, masked: bool, value: &[u8]) -> Option<Vec<u8>> {
    let hide = Hide::choose(kind, binary, masked, true);
    let mut row = Vec::new();
    frame(&mut row, b'D', |to| {
        to.extend_from_slice(&[0, 2]);
        for value in [value, b"tail"] {
            to.extend_from_slice(&(value.len() as u32).to_be_bytes());
            to.extend_from_slice(value);
        }
    });
    let len = data_row(&mut row, Some(&[hide, Hide::Pass]), Some(&scanner()), &mut 0).unwrap();
    assert!(row[..len].ends_with(b"\0\0\0\x04tail"), "the neighbour is untouched");
    assert_eq!(u32::from_be_bytes(row[1..5].try_into().unwrap()) as usize + 1, len);
    let size = u32::from_be_bytes(row[7..11].try_into().unwrap());
    (size != u32::MAX).then(|| row[11..11 + size as usize].to_vec())
}

#[test]
fn a_masked_value_keeps_its_length_or_becomes_null() {
    let text = |kind, value: &str| hidden(kind, false, true, value.as_bytes()).map(|v| String::from_utf8(v).unwrap());
    assert_eq!(text(25, "secret").as_deref(), Some("******"));
    assert_eq!(text(25, "jane@example.com").as_deref(), Some("j***@*******.com"));
    assert_eq!(text(25, "a@b@c.com").as_deref(), Some("*********"));
    assert_eq!(text(1043, "Grüße").as_deref(), Some("*******"), "byte by byte");
    assert_eq!(text(114, "{\"a\":1}").as_deref(), Some("\"*****\""));
    assert_eq!(text(3802, "7").as_deref(), Some("0"));
    assert_eq!(hidden(3802, true, true, b"\x01{\"a\":1}"), Some(b"\x01\"*****\"".to_vec()));
    assert_eq!(text(1009, "{a,b}").as_deref(), Some("{*,*}"));
    assert_eq!(hidden(1009, true, true, b"\0\0\0\x01"), None);
    assert_eq!(text(23, "42"), None);
    assert_eq!(text(17, "\\x00"), None);
    assert_eq!(text(99_999, "enum").as_deref(), Some("****"));
}

#[test]
fn detectors_look_at_text_and_at_numbers() {
    assert_eq!(hidden(25, false, false, b"4111 1111 1111 1111"), Some(b"**** **** **** 1111".to_vec()));
    assert_eq!(hidden(20, false, false, b"4111111111111111"), None);
    assert_eq!(hidden(20, false, false, b"42"), Some(b"42".to_vec()));
    assert_eq!(hidden(20, true, false, &4_111_111_111_111_111_i64.to_be_bytes()), None);
    assert_eq!(hidden(1700, false, false, b"4111111111111111"), None);
    // 4111111111111111 as a binary numeric: four groups of four digits, weight 3.
    let numeric: Vec<u8> =
        [4u16, 3, 0, 0, 4111, 1111, 1111, 1111].iter().flat_map(|field| field.to_be_bytes()).collect();
    assert_eq!(hidden(1700, true, false, &numeric), None);
    assert_eq!(hidden(1700, true, false, b"\0\x01\0\0\0\0\0\0\0\x07"), Some(b"\0\x01\0\0\0\0\0\0\0\x07".to_vec()));
    assert_eq!(hidden(23, false, false, b"411111111"), Some(b"411111111".to_vec()));
}

#[test]
fn what_is_not_known_is_not_shown() {
    let mut row = Vec::new();
    frame(&mut row, b'D', |to| to.extend_from_slice(b"\0\x01\0\0\0\x02ab"));
    let len = data_row(&mut row, None, None, &mut 0).unwrap();
    assert_eq!(row[5..len], *b"\0\x01\xff\xff\xff\xff");
    let mut cut = b"D\0\0\0\x0a\0\x01\0\0\x10".to_vec();
    assert!(data_row(&mut cut, None, None, &mut 0).is_err());
}

#[test]
fn an_error_repeats_what_the_client_wrote_and_nothing_else() {
    let mask =
        Mask { columns: workflows::verdict::ColumnPattern::parse("t.a").into_iter().collect(), ..Mask::default() };
    let text: &[u8] = b"SELECT customers, x FROM t";
    let own = "column \"x\" of relation \"t\" does not exist";
    let hidden = |tag: u8, code: &str, said: &str, more: &str| {
        let head: &[u8] = &[tag, 0, 0, 0, 0];
        let mut frame = [head, format!("C{code}\0M{said}\0{more}\0").as_bytes()].concat();
        error(&mut frame, &mask, [text].into_iter(), None);
        String::from_utf8_lossy(&frame).into_owned()
    };
    // A notice hides what it quotes and the client did not write.
    for (said, shown) in [
        (own, own),
        ("no \"123\" here", "no \"***\" here"),
        ("no \"\"123\" here", "no \"\"***\" here"),
        ("no \"x\" 123 \"t\" here", "no \"*\"*****\"*\" here"),
        ("no \"customer\" here", "no \"********\" here"),
        ("no quotes", "no quotes"),
    ] {
        let whole = hidden(b'N', "00000", said, "");
        assert!(whole.contains(shown), "{said}: {whole}");
    }
    // An error is shown if it names only what the client wrote, or if the server points into the client's own text.
    assert!(hidden(b'E', "42P01", own, "").contains(own));
    assert!(hidden(b'E', "42P01", "no \"123\" here", "").contains("** ***** ****"));
    assert!(hidden(b'E', "42P01", "no quotes", "").contains("** ******"));
    assert!(hidden(b'E', "42601", "error at 123", "P8\0").contains("error at 123"));
    assert!(hidden(b'E', "42601", "error at 123", "P8\0Win \"123\"\0").contains("***** ** ***"));
    assert!(hidden(b'E', "22P02", own, "").contains("****** *** ** ********"));
    assert!(hidden(b'E', "57014", "cancelled", "").contains("cancelled"));
    let broken = hidden(b'E', "23505", "key \"t_pkey\"", "DKey (a)=(123)\0");
    assert!(broken.contains("t_pkey") && !broken.contains("123"), "{broken}");
}
