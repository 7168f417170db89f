use proptest::prelude::*;

use super::*;
use crate::postgres::wire::frame;

fn made(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame(&mut out, tag, |to| to.extend_from_slice(body));
    out
}

fn shapes(bytes: &[u8]) -> Vec<Cut> {
    let (mut all, mut at, mut scanned) = (Vec::new(), 0, 0);
    loop {
        let found = cut(&bytes[at..], &mut scanned).unwrap();
        match found {
            Cut::Need(_) | Cut::Goodbye => return [all, vec![found]].concat(),
            Cut::Turn(len, _) | Cut::Stray(len) => at += len,
        }
        all.push(found);
    }
}

#[test]
fn a_turn_is_a_query_or_everything_up_to_sync_or_flush() {
    let (parse, sync, flush) = (made(b'P', b"\0x\0\0\0"), made(b'S', b""), made(b'H', b""));
    let query = made(b'Q', b"SELECT 1\0");
    let all = [&parse[..], &parse, &sync, &query, &parse, &flush, &parse, &query, &made(b'X', b"")].concat();
    let (p, q) = (parse.len(), query.len());
    let expected = [
        Cut::Turn(2 * p + 5, Shape::Synced),
        Cut::Turn(q, Shape::Query),
        Cut::Turn(p + 5, Shape::Open),
        // A query ends a batch that nobody ended.
        Cut::Turn(p, Shape::Open),
        Cut::Turn(q, Shape::Query),
        Cut::Goodbye,
    ];
    assert_eq!(shapes(&all), expected);
}

#[test]
fn copy_data_out_of_place_is_a_stray_and_never_gathered() {
    let mut scanned = 0;
    assert!(matches!(cut(b"d\x10\0\0\0", &mut scanned), Ok(Cut::Stray(len)) if len > 1 << 28));
    assert!(matches!(cut(&made(b'c', b""), &mut scanned), Ok(Cut::Stray(5))));
}

#[test]
fn what_no_client_sends_is_refused_and_so_is_too_much() {
    for bad in [&b"?\0\0\0\x04"[..], b"p\0\0\0\x04", b"Q\0\0\0\x01", b"Q\x03\0\0\0", b"P\x01\x80\0\0"] {
        assert!(cut(bad, &mut 0).is_err(), "{bad:?}");
    }
}

#[test]
fn large_objects_by_oid_are_read_and_written_and_the_rest_is_opaque() {
    for (oid, act) in [(954, Act::Read), (955, Act::Write), (964, Act::Write), (1598, Act::Opaque)] {
        let classified = call(oid);
        assert_eq!(classified.operations[0].act, act, "{oid}");
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same_turns(
        tags in proptest::collection::vec(proptest::sample::select(&b"QPBDECSHF"[..]), 1..20),
        cuts in proptest::collection::vec(1..20usize, 1..50),
    ) {
        let mut all: Vec<u8> = tags.iter().flat_map(|tag| made(*tag, b"abc\0")).collect();
        all.extend(made(b'X', b""));
        let whole = shapes(&all);
        let (mut found, mut held, mut from, mut scanned) = (Vec::new(), Vec::new(), 0, 0);
        for step in cuts.iter().cycle() {
            let to = (from + step).min(all.len());
            held.extend_from_slice(&all[from..to]);
            from = to;
            loop {
                match cut(&held, &mut scanned).unwrap() {
                    Cut::Need(_) => break,
                    Cut::Goodbye => {
                        // It may be seen before its last byte is there.
                        found.extend((from == all.len()).then_some(Cut::Goodbye));
                        break;
                    }
                    turn @ (Cut::Turn(len, _) | Cut::Stray(len)) => {
                        held.drain(..len);
                        found.push(turn);
                    }
                }
            }
            if from == all.len() {
                break;
            }
        }
        prop_assert_eq!(found, whole);
    }
}
