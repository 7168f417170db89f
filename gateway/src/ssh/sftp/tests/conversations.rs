//! Whole conversations, and what was moved.

use super::*;

/// Write, create, truncate: as `put` opens.
const PUT: u32 = 0x1a;
const GET: u32 = 0x01;

fn all_of(bytes: &[u8]) -> Moved {
    Moved { bytes: bytes.len() as u64, sha256: Some(sha256(bytes)), whole: true }
}

fn part(bytes: u64, of: Option<&[u8]>) -> Moved {
    Moved { bytes, sha256: of.map(sha256), whole: false }
}

#[test]
fn an_upload_is_told_when_it_is_closed() {
    let mut talk = Talk::greeted();
    talk.open(1, b"/srv/app/x", PUT, b"h");
    talk.write(2, b"h", 0, b"hello ");
    talk.write(3, b"h", 6, b"world");
    // The answers may come in any order.
    assert_eq!(talk.status(3, Code::OK), []);
    assert_eq!(talk.status(2, Code::OK), []);
    let done = talk.close(4, b"h");
    assert_eq!(
        done,
        Transfer {
            path: b"/srv/app/x".to_vec(),
            got: None,
            put: Some(all_of(b"hello world")),
            content: [Content::Unwanted, Content::Unwanted]
        }
    );
    let hash = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
    assert_eq!(done.to_string(), format!("put /srv/app/x (11 bytes, sha256 {hash})"));
    assert_eq!(talk.0.end(), []);
}

#[test]
fn a_download_is_told_when_it_is_closed() {
    let mut talk = Talk::greeted();
    talk.open(1, b"a b", GET, b"h");
    for (id, offset) in [(2, 0), (3, 4), (4, 8), (5, 12)] {
        talk.read(id, b"h", offset, 4);
    }
    talk.data(2, b"abcd");
    talk.data(3, b"efgh");
    talk.data(4, b"ij");
    assert_eq!(talk.status(5, Code::EOF), [], "the end, as read ahead sees it");
    talk.read(6, b"h", 10, 2);
    assert_eq!(talk.status(6, Code::EOF), []);
    let done = talk.close(7, b"h");
    assert_eq!(
        done,
        Transfer {
            path: b"a b".to_vec(),
            got: Some(all_of(b"abcdefghij")),
            put: None,
            content: [Content::Unwanted, Content::Unwanted]
        }
    );
    assert!(done.to_string().starts_with("get \"a b\" (10 bytes, sha256 72399361da6a"), "{done}");
}

#[test]
fn the_first_end_of_a_file_that_is_told_counts() {
    let mut talk = Talk::greeted();
    talk.open(1, b"x", GET, b"h");
    for (id, offset) in [(2, 0), (3, 4), (4, 8)] {
        talk.read(id, b"h", offset, 4);
    }
    talk.data(2, b"abcd");
    talk.status(3, Code::EOF);
    talk.status(4, Code::EOF);
    assert_eq!(talk.close(5, b"h").got, Some(all_of(b"abcd")));
}

#[test]
fn an_empty_file_is_whole() {
    let mut talk = Talk::greeted();
    talk.open(1, b"x", GET, b"h");
    talk.read(2, b"h", 0, 32768);
    talk.status(2, Code::EOF);
    assert_eq!(talk.close(3, b"h").got, Some(all_of(b"")));
    talk.open(1, b"x", PUT, b"h");
    assert_eq!(talk.close(3, b"h").put, Some(all_of(b"")));
    talk.open(1, b"x", 0x02, b"h");
    let done = talk.close(3, b"h");
    assert_eq!(done.put, Some(part(0, None)), "nothing was written into something");
    assert_eq!(done.to_string(), "put x (0 bytes, may not be all of it)");
}

#[test]
fn a_file_is_whole_at_the_size_that_the_target_told() {
    let mut talk = Talk::greeted();
    talk.open(1, b"x", GET, b"h");
    assert_eq!(talk.ask(&packet(8, 2, &[&text(b"h")])), Ok(Look::Pass));
    assert_eq!(talk.answer(&packet(105, 2, &[&[0, 0, 0, 1], &4u64.to_be_bytes()])), Ok(vec![]));
    talk.read(3, b"h", 0, 4);
    talk.data(3, b"abcd");
    assert_eq!(talk.close(4, b"h").got, Some(all_of(b"abcd")));
    // One that grows is whole at its new end only.
    talk.open(1, b"x", GET, b"h");
    talk.read(2, b"h", 0, 4);
    talk.data(2, b"abcd");
    talk.read(3, b"h", 4, 4);
    talk.status(3, Code::EOF);
    talk.read(4, b"h", 4, 4);
    talk.data(4, b"ef");
    assert_eq!(talk.close(5, b"h").got, Some(part(6, Some(b"abcdef"))));
    talk.open(1, b"x", GET, b"h");
    talk.read(2, b"h", 0, 4);
    talk.status(2, Code::EOF);
    talk.read(3, b"h", 0, 4);
    talk.data(3, b"abcd");
    talk.read(4, b"h", 4, 4);
    talk.status(4, Code::EOF);
    assert_eq!(talk.close(5, b"h").got, Some(all_of(b"abcd")));
}

#[test]
fn what_does_not_come_in_order_has_no_hash() {
    let mut talk = Talk::greeted();
    talk.open(1, b"x", GET, b"h");
    talk.read(2, b"h", 0, 4);
    talk.read(3, b"h", 4, 4);
    talk.data(3, b"efgh");
    talk.data(2, b"abcd");
    talk.read(4, b"h", 8, 4);
    talk.status(4, Code::EOF);
    let done = talk.close(5, b"h");
    assert_eq!(done.got, Some(part(8, None)));
    assert_eq!(done.to_string(), "get x (8 bytes, no sha256, may not be all of it)");

    talk.open(1, b"x", PUT, b"h");
    talk.write(2, b"h", 4, b"efgh");
    talk.write(3, b"h", 0, b"abcd");
    talk.status(2, Code::OK);
    talk.status(3, Code::OK);
    assert_eq!(talk.close(4, b"h").put, Some(part(8, None)));

    talk.open(1, b"x", PUT, b"h");
    talk.write(2, b"h", u64::MAX, b"far out");
    talk.status(2, Code::FAILURE);
    assert_eq!(talk.close(4, b"h").put, Some(part(0, None)));
}

#[test]
fn what_the_target_did_not_take_is_not_told_as_written() {
    let mut talk = Talk::greeted();
    talk.open(1, b"x", PUT, b"h");
    talk.write(2, b"h", 0, b"abcd");
    talk.status(2, Code::OK);
    talk.write(3, b"h", 4, b"efgh");
    talk.status(3, Code::FAILURE);
    assert_eq!(talk.close(4, b"h").put, Some(part(4, None)));
    // A full disk may show only when the file is closed.
    talk.open(1, b"x", PUT, b"h");
    talk.write(2, b"h", 0, b"abcd");
    talk.status(2, Code::OK);
    talk.ask(&packet(4, 3, &[&text(b"h")])).unwrap();
    assert_eq!(talk.status(3, Code::FAILURE)[0].put, Some(part(4, Some(b"abcd"))));
}

#[test]
fn a_file_that_had_something_else_in_it_is_not_whole() {
    for flags in [0x02, 0x0a, 0x22] {
        let mut talk = Talk::greeted();
        talk.open(1, b"x", flags, b"h");
        talk.write(2, b"h", 0, b"abcd");
        talk.status(2, Code::OK);
        assert_eq!(talk.close(3, b"h").put, Some(part(4, Some(b"abcd"))), "{flags:#x}");
    }
    let mut talk = Talk::greeted();
    talk.open(1, b"x", 0x2a, b"h");
    talk.write(2, b"h", 0, b"abcd");
    talk.status(2, Code::OK);
    assert_eq!(talk.close(3, b"h").put, Some(all_of(b"abcd")), "it was made by this open");
    talk.open(1, b"x", 0x1e, b"h");
    talk.write(2, b"h", 0, b"abcd");
    talk.status(2, Code::OK);
    assert_eq!(talk.close(3, b"h").put, Some(part(4, None)), "appended bytes land where they land");
}

#[test]
fn a_size_that_is_set_or_a_copy_makes_it_something_else() {
    for (size, put) in [(4, all_of(b"abcd")), (2, part(4, Some(b"abcd"))), (9, part(4, Some(b"abcd")))] {
        let mut talk = Talk::greeted();
        talk.open(1, b"x", PUT, b"h");
        talk.write(2, b"h", 0, b"abcd");
        talk.status(2, Code::OK);
        talk.ask(&packet(10, 3, &[&text(b"h"), &[0, 0, 0, 1], &u64::to_be_bytes(size)])).unwrap();
        talk.status(3, Code::OK);
        assert_eq!(talk.close(4, b"h").put, Some(put), "{size}");
    }
    // As `scp` does it: over what is there, and then cut off.
    for (code, put) in [(Code::OK, all_of(b"abcd")), (Code::FAILURE, part(4, Some(b"abcd")))] {
        let mut talk = Talk::greeted();
        talk.open(1, b"x", 0x0a, b"h");
        talk.write(2, b"h", 0, b"abcd");
        talk.status(2, Code::OK);
        talk.ask(&packet(10, 3, &[&text(b"h"), &[0, 0, 0, 1], &4u64.to_be_bytes()])).unwrap();
        talk.status(3, code);
        assert_eq!(talk.close(4, b"h").put, Some(put), "{code:?}");
    }
    // The last size counts, whichever answer comes last.
    let mut talk = Talk::greeted();
    talk.open(1, b"x", 0x0a, b"h");
    talk.write(2, b"h", 0, b"abcd");
    talk.status(2, Code::OK);
    for (id, size) in [(3, 4), (4, 9)] {
        talk.ask(&packet(10, id, &[&text(b"h"), &[0, 0, 0, 1], &u64::to_be_bytes(size)])).unwrap();
    }
    talk.status(4, Code::OK);
    talk.status(3, Code::OK);
    assert_eq!(talk.close(4, b"h").put, Some(part(4, Some(b"abcd"))));
    let mut talk = Talk::greeted();
    talk.open(1, b"y", GET, b"f");
    talk.open(2, b"x", PUT, b"h");
    talk.ask(&packet(200, 3, &[&text(b"copy-data"), &text(b"f"), &[0; 16], &text(b"h"), &[0; 8]])).unwrap();
    talk.status(3, Code::OK);
    assert_eq!(talk.close(4, b"h").put, Some(part(0, None)));
    assert_eq!(talk.close(5, b"f").got, Some(part(0, None)));
}

#[test]
fn both_ways_through_one_handle_are_told_apart() {
    let mut talk = Talk::greeted();
    talk.open(1, b"x", 0x03, b"h");
    talk.read(2, b"h", 0, 4);
    talk.data(2, b"abcd");
    talk.write(3, b"h", 0, b"efg");
    talk.status(3, Code::OK);
    let done = talk.close(4, b"h");
    assert_eq!((done.got, done.put), (Some(part(4, Some(b"abcd"))), Some(part(3, Some(b"efg")))));
    let line = done.to_string();
    assert!(line.starts_with("get x (4 bytes, sha256 ") && line.contains("; put x (3 bytes, sha256 "), "{line}");
    talk.open(1, b"x", 0x03, b"h");
    talk.write(3, b"h", 0, b"efg");
    talk.status(3, Code::OK);
    assert!(talk.close(4, b"h").to_string().starts_with("put x (3 bytes"), "nothing was read");
}

#[test]
fn what_is_open_when_the_session_ends_is_told_too() {
    let mut talk = Talk::greeted();
    talk.open(1, b"1", PUT, b"a");
    talk.open(2, b"2", GET, b"b");
    talk.open(3, b"3", PUT, b"c");
    talk.write(4, b"a", 0, b"abcd");
    talk.status(4, Code::OK);
    talk.write(5, b"c", 0, b"abcd");
    talk.status(5, Code::OK);
    talk.write(5, b"c", 4, b"efgh");
    let opened = talk.ask(&packet(11, 6, &[&text(b"/")])).unwrap();
    assert!(matches!(opened, Look::Judge(_)));
    talk.answer(&packet(102, 6, &[&text(b"d")])).unwrap();
    let all = talk.0.end();
    let puts: Vec<_> = all.iter().map(|done| (done.path.as_slice(), done.put)).collect();
    assert_eq!(puts, [(b"1".as_slice(), Some(part(4, Some(b"abcd")))), (b"2", None), (b"3", Some(part(4, None)))]);
}

#[test]
fn a_handle_may_be_given_again_before_the_answers_to_its_last_owner_are_there() {
    let mut talk = Talk::greeted();
    talk.open(1, b"old", GET, b"h");
    talk.read(2, b"h", 0, 4);
    talk.ask(&packet(4, 3, &[&text(b"h")])).unwrap();
    let later = talk.ask(&packet(5, 4, &[&text(b"h"), &[0; 8], &[0, 0, 0, 4]]));
    assert!(matches!(later, Ok(Look::Refuse(Code::FAILURE, _))), "closed is closed: {later:?}");
    talk.open(5, b"new", GET, b"h");
    assert_eq!(talk.status(3, Code::OK), [], "a read is on its way");
    let done = talk.answer(&packet(103, 2, &[&text(b"abcd")])).unwrap();
    assert_eq!((done[0].path.as_slice(), done[0].got), (b"old".as_slice(), Some(part(4, Some(b"abcd")))));
    assert_eq!(talk.close(6, b"h").path, b"new");
}

#[test]
fn a_handle_does_what_it_was_opened_for_and_no_more() {
    let mut talk = Talk::greeted();
    talk.open(1, b"x", GET, b"r");
    talk.open(2, b"y", PUT, b"w");
    talk.ask(&packet(11, 3, &[&text(b"/")])).unwrap();
    talk.answer(&packet(102, 3, &[&text(b"d")])).unwrap();
    let read = |handle: &[u8]| packet(5, 4, &[&text(handle), &[0; 8], &[0, 0, 0, 4]]);
    let write = |handle: &[u8]| packet(6, 4, &[&text(handle), &[0; 8], &text(b"x")]);
    let list = |handle: &[u8]| packet(12, 4, &[&text(handle)]);
    let set = |handle: &[u8]| packet(10, 4, &[&text(handle), &[0, 0, 0, 4], &[0, 0, 1, 0xa4]]);
    for refused in [read(b"w"), read(b"d"), write(b"r"), write(b"d"), list(b"r"), list(b"w"), set(b"r"), set(b"d")] {
        let look = talk.ask(&refused);
        assert!(matches!(look, Ok(Look::Refuse(Code::DENIED, _))), "{refused:?} is {look:?}");
    }
    for kind in [4, 8, 12] {
        let look = talk.ask(&packet(kind, 4, &[&text(b"?")]));
        assert!(matches!(look, Ok(Look::Refuse(Code::FAILURE, _))), "{kind} is {look:?}");
    }
    let request = read(b"w");
    assert_eq!(talk.0.sent(&Request::read(&request).unwrap()), Err(Broken::Unknown(4)), "let through all the same");
    assert_eq!(talk.ask(&list(b"d")), Ok(Look::Pass));
    assert_eq!(talk.answer(&packet(104, 4, &[&[0, 0, 0, 0]])), Ok(vec![]));
    talk.ask(&packet(4, 5, &[&text(b"d")])).unwrap();
    assert_eq!(talk.status(5, Code::OK), [], "nothing is moved through a folder");
}
