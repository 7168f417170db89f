//! What ends a session.

use super::*;

/// As `get` opens.
const GET: u32 = 0x01;

#[test]
fn an_id_belongs_to_one_request_at_a_time() {
    let mut talk = Talk::greeted();
    let stat = packet(17, 7, &[&text(b"/")]);
    assert!(talk.ask(&stat).is_ok());
    assert_eq!(talk.ask(&stat), Err(Broken::Twice(7)));
    talk.answer(&packet(105, 7, &[&[0; 4]])).unwrap();
    assert!(talk.ask(&stat).is_ok(), "free again");
}

#[test]
fn an_answer_belongs_to_its_request() {
    let mut talk = Talk::greeted();
    assert_eq!(talk.answer(&status(7, Code::OK, "")), Err(Broken::Nobody(7)));
    let stat = packet(17, 7, &[&text(b"/")]);
    for answer in [
        packet(102, 7, &[&text(b"h")]),
        packet(103, 7, &[&text(b"data")]),
        packet(104, 7, &[&[0; 4]]),
        packet(201, 7, &[]),
    ] {
        assert!(talk.ask(&stat).is_ok());
        assert_eq!(talk.answer(&answer), Err(Broken::Answer(7)), "{answer:?}");
    }
    talk.open(1, b"x", GET, b"h");
    talk.read(2, b"h", 0, 4);
    assert_eq!(talk.answer(&packet(103, 2, &[&text(b"abcde")])), Err(Broken::Answer(2)), "more than was asked for");
    let odd = packet(200, 3, &[&text(b"something@else")]);
    assert!(talk.ask(&odd).is_ok());
    assert_eq!(talk.answer(&packet(102, 3, &[&text(b"i")])), Ok(vec![]), "nobody knows what it answers with");
    let look = talk.ask(&packet(5, 4, &[&text(b"i"), &[0; 8], &[0, 0, 0, 4]]));
    assert!(matches!(look, Ok(Look::Refuse(..))), "but what it opened was not judged");
}

#[test]
fn both_sides_greet_once_and_first() {
    let version = |version| framed(&[2, 0, 0, 0, version]);
    let stat = packet(17, 7, &[&text(b"/")]);
    assert_eq!(Talk::default().ask(&stat), Err(Broken::Greeting));
    assert_eq!(Talk::default().answer(&version(3)), Err(Broken::Greeting));
    let mut talk = Talk::default();
    assert_eq!(talk.ask(&INIT), Ok(Look::Pass));
    assert_eq!(talk.ask(&INIT), Err(Broken::Greeting));
    assert_eq!(talk.ask(&stat), Err(Broken::Greeting), "the version is not known yet");
    assert_eq!(talk.answer(&version(6)), Err(Broken::Version(6)));
    let mut talk = Talk::greeted();
    assert_eq!(talk.ask(&INIT), Err(Broken::Greeting));
    assert_eq!(talk.answer(&version(3)), Err(Broken::Greeting));
}

#[test]
fn what_waits_and_what_is_open_is_bounded() {
    let mut talk = Talk::greeted();
    for id in 0..4096 {
        assert!(!talk.0.is_full());
        assert!(talk.ask(&packet(17, id, &[&text(b"/")])).is_ok());
    }
    assert!(talk.0.is_full());
    assert_eq!(talk.ask(&packet(17, 4096, &[&text(b"/")])), Err(Broken::Outstanding));
    let mut talk = Talk::greeted();
    for handle in 0..1024u32 {
        talk.open(1, b"x", GET, &handle.to_be_bytes());
    }
    let open = packet(3, 1, &[&text(b"x"), &GET.to_be_bytes(), &[0; 4]]);
    assert!(talk.ask(&open).is_ok());
    assert_eq!(talk.answer(&packet(102, 1, &[&text(b"one more")])), Err(Broken::Handles));
    let mut talk = Talk::greeted();
    talk.open(1, b"x", GET, b"h");
    assert!(talk.ask(&open).is_ok());
    assert_eq!(talk.answer(&packet(102, 1, &[&text(b"h")])), Err(Broken::Reused));
}

#[test]
fn words_for_the_log_name_what_was_wrong() {
    assert_eq!(Broken::from(Malformed::Length(u32::MAX)).to_string(), "a packet of 4294967295 bytes");
    assert_eq!(Broken::Twice(7).to_string(), "the id 7 of a request that still waits for its answer");
    assert_eq!(Broken::Version(6).to_string(), "version 6 of SFTP, where 3 was asked for");
}
