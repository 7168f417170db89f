//! Each message of a server, with its bytes by hand, and what we say in its place.

use super::*;

#[test]
fn a_server_greets() {
    let packet = framed(b"\x02\0\0\0\x03\0\0\0\x18posix-rename@openssh.com\0\0\0\x011");
    assert_eq!(Reply::read(&packet), Ok(Reply::Version(3)));
    assert_eq!(Reply::Version(3).id(), None);
    assert_eq!(Reply::read(&framed(b"\x02\0\0\0\x03\0\0\0\x18posix")), Err(Malformed::Fields));
}

#[test]
fn each_answer_is_read() {
    let id = 7;
    assert_eq!(
        Reply::read(&framed(b"\x65\0\0\0\x07\0\0\0\x02\0\0\0\x0cNo such file\0\0\0\0")),
        Ok(Reply::Status { id, code: Code(2), message: b"No such file" })
    );
    let bare = framed(b"\x65\0\0\0\x07\0\0\0\x01");
    assert_eq!(Reply::read(&bare), Ok(Reply::Status { id, code: Code::EOF, message: b"" }), "as of old");
    assert_eq!(
        Reply::read(&framed(b"\x66\0\0\0\x07\0\0\0\x04\0\0\0\x01")),
        Ok(Reply::Handle { id, handle: b"\0\0\0\x01" })
    );
    assert_eq!(Reply::read(&framed(b"\x67\0\0\0\x07\0\0\0\x02hi")), Ok(Reply::Data { id, data: b"hi" }));
    assert_eq!(
        Reply::read(&framed(b"\x68\0\0\0\x07\0\0\0\x01\0\0\0\x09/home/ada\0\0\0\x09/home/ada\0\0\0\0")),
        Ok(Reply::Names { id, count: 1, first: Some(b"/home/ada") })
    );
    assert_eq!(Reply::read(&framed(b"\x68\0\0\0\x07\0\0\0\0")), Ok(Reply::Names { id, count: 0, first: None }));
    let attrs = b"\x69\0\0\0\x07\0\0\0\x0d\0\0\0\0\0\0\x10\0\0\0\x81\xa4\0\0\0\x01\0\0\0\x02";
    assert_eq!(Reply::read(&framed(attrs)), Ok(Reply::Attrs { id, size: Some(4096) }));
    let attrs = b"\x69\0\0\0\x07\0\0\0\x04\0\0\x81\xa4";
    assert_eq!(Reply::read(&framed(attrs)), Ok(Reply::Attrs { id, size: None }));
    assert_eq!(Reply::read(&framed(b"\xc9\0\0\0\x07abc")), Ok(Reply::Extended { id, data: b"abc" }));
    assert_eq!(Reply::read(&framed(b"\xc9\0\0\0\x07abc")).unwrap().id(), Some(7));
}

#[test]
fn an_answer_whose_fields_do_not_fill_it_is_malformed() {
    for body in [
        b"\x65\0\0\0\x07\0\0\0".as_slice(),
        b"\x65\0\0\0\x07\0\0\0\x02\0\0\0\x0cNo such",
        b"\x66\0\0\0\x07\0\0\0\x04\0\0\0",
        b"\x66\0\0\0\x07\0\0\0\x01h\0",
        b"\x67\0\0\0\x07\0\0\0\x02h",
        b"\x67\0\0\0\x07\0\0\0\x01hi",
        b"\x67\0\0\0\x07\xff\xff\xff\xffhi",
        b"\x68\0\0\0\x07\0\0\0\x01\0\0\0\x09/home",
        b"\x69\0\0\0\x07\0\0\0\x01\0\0\0\0",
    ] {
        assert_eq!(Reply::read(&framed(body)), Err(Malformed::Fields), "{body:?}");
    }
    assert_eq!(Reply::read(&framed(b"\x03\0\0\0\x07\0\0\0\0")), Err(Malformed::Kind(3)));
    let long = packet(102, 7, &[&text(&[0; 257])]);
    assert_eq!(Reply::read(&long), Err(Malformed::Handle));
}

#[test]
fn we_answer_in_the_targets_place() {
    let answer = status(7, Code::DENIED, "no");
    assert_eq!(answer, b"\0\0\0\x13\x65\0\0\0\x07\0\0\0\x03\0\0\0\x02no\0\0\0\0");
    assert_eq!(Reply::read(&answer), Ok(Reply::Status { id: 7, code: Code::DENIED, message: b"no" }));
    assert_eq!(ask_home(7), packet(16, 7, &[&text(b".")]));
    let long = "ä".repeat(4000);
    let answer = status(7, Code::FAILURE, &long);
    let Ok(Reply::Status { message, .. }) = Reply::read(&answer) else { panic!("{answer:?}") };
    assert_eq!(message, "ä".repeat(512).as_bytes(), "cut between two letters");
}
