//! Each message of a client, with its bytes by hand.

use super::*;

/// What a packet with these bytes behind its length asks for; its id is 7.
fn call(body: &'static [u8]) -> Call<'static> {
    let packet: &'static [u8] = framed(body).leak();
    match Request::read(packet) {
        Ok(Request::Call { id: 7, call }) => call,
        other => panic!("{body:?} is {other:?}"),
    }
}

#[test]
fn a_packet_is_cut_once_all_of_it_is_there() {
    let packet = b"\0\0\0\x05\x01\0\0\0\x03\0\0";
    for len in 0..9 {
        assert_eq!(cut(&packet[..len]), Ok(None), "{len}");
    }
    for len in 9..=packet.len() {
        assert_eq!(cut(&packet[..len]), Ok(Some(9)), "{len}");
    }
    let longest = framed(&vec![0; 257 << 10]);
    assert_eq!(cut(&longest), Ok(Some(longest.len())));
}

#[test]
fn a_length_that_no_packet_has_is_known_from_its_four_bytes() {
    for length in [0, 4, (257 << 10) + 1, 1 << 31, u32::MAX] {
        assert_eq!(cut(&length.to_be_bytes()), Err(Malformed::Length(length)));
        let mut packet = length.to_be_bytes().to_vec();
        packet.extend(b"\x01\0\0\0\x03");
        assert_eq!(Request::read(&packet), Err(Malformed::Length(length)));
        assert_eq!(Reply::read(&packet), Err(Malformed::Length(length)));
    }
}

#[test]
fn a_greeting_has_no_id() {
    assert_eq!(Request::read(b"\0\0\0\x05\x01\0\0\0\x03"), Ok(Request::Init(3)));
    assert_eq!(Request::read(&INIT), Ok(Request::Init(3)));
    assert_eq!(Request::Init(3).id(), None);
    let extensions = framed(b"\x01\0\0\0\x06\0\0\0\x03new\0\0\0\x011");
    assert_eq!(Request::read(&extensions), Ok(Request::Init(6)));
    let short = framed(b"\x01\0\0\0\x06\0\0\0\x03new");
    assert_eq!(Request::read(&short), Err(Malformed::Fields));
    assert_eq!(Request::read(&framed(b"\x05\0\0\0\x07\0\0\0\x01h\0\0\0\0\0\0\0\0\0\0\0\x01")).unwrap().id(), Some(7));
}

#[test]
fn a_file_is_opened() {
    assert_eq!(
        call(b"\x03\0\0\0\x07\0\0\0\x02/x\0\0\0\x1a\0\0\0\x04\0\0\x81\xa4"),
        Call::Open { path: b"/x", flags: Flags(0x1a), attrs: Attrs { mode: Some(0o100_644), ..Attrs::default() } }
    );
    let attrs =
        Attrs { size: Some(1 << 32), owner: Some((1000, 1001)), mode: Some(0o600), times: Some((1, 2)), extended: 1 };
    assert_eq!(
        call(
            b"\x03\0\0\0\x07\0\0\0\x01x\0\0\0\x01\x80\0\0\x0f\0\0\0\x01\0\0\0\0\0\0\x03\xe8\0\0\x03\xe9\0\0\x01\x80\
              \0\0\0\x01\0\0\0\x02\0\0\0\x01\0\0\0\x01a\0\0\0\x01b"
        ),
        Call::Open { path: b"x", flags: Flags(1), attrs }
    );
}

#[test]
fn what_works_on_a_handle_is_read() {
    let handle = b"\0\0\0\0";
    assert_eq!(call(b"\x04\0\0\0\x07\0\0\0\x04\0\0\0\0"), Call::Close { handle });
    assert_eq!(
        call(b"\x05\0\0\0\x07\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\x80\0\0\0\x80\0"),
        Call::Read { handle, offset: 0x8000, len: 0x8000 }
    );
    assert_eq!(
        call(b"\x06\0\0\0\x07\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0\x02hi"),
        Call::Write { handle, offset: 5, data: b"hi" }
    );
    assert_eq!(call(b"\x08\0\0\0\x07\0\0\0\x04\0\0\0\0"), Call::Fstat { handle });
    assert_eq!(
        call(b"\x0a\0\0\0\x07\0\0\0\x04\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0"),
        Call::Fsetstat { handle, attrs: Attrs { size: Some(0), ..Attrs::default() } }
    );
    assert_eq!(call(b"\x0c\0\0\0\x07\0\0\0\x04\0\0\0\0"), Call::Readdir { handle });
}

#[test]
fn what_works_on_a_path_is_read() {
    assert_eq!(call(b"\x07\0\0\0\x07\0\0\0\x02/a"), Call::Lstat { path: b"/a" });
    assert_eq!(
        call(b"\x09\0\0\0\x07\0\0\0\x02/a\0\0\0\x04\0\0\x01\xed"),
        Call::Setstat { path: b"/a", attrs: Attrs { mode: Some(0o755), ..Attrs::default() } }
    );
    assert_eq!(call(b"\x0b\0\0\0\x07\0\0\0\x02/a"), Call::Opendir { path: b"/a" });
    assert_eq!(call(b"\x0d\0\0\0\x07\0\0\0\x02/a"), Call::Remove { path: b"/a" });
    assert_eq!(call(b"\x0e\0\0\0\x07\0\0\0\x02/a\0\0\0\0"), Call::Mkdir { path: b"/a", attrs: Attrs::default() });
    assert_eq!(call(b"\x0f\0\0\0\x07\0\0\0\x02/a"), Call::Rmdir { path: b"/a" });
    assert_eq!(call(b"\x10\0\0\0\x07\0\0\0\x01."), Call::Realpath { path: b"." });
    assert_eq!(call(b"\x11\0\0\0\x07\0\0\0\x02/a"), Call::Stat { path: b"/a" });
    assert_eq!(call(b"\x12\0\0\0\x07\0\0\0\x01a\0\0\0\x01b"), Call::Rename { from: b"a", to: b"b" });
    assert_eq!(call(b"\x13\0\0\0\x07\0\0\0\x02/a"), Call::Readlink { path: b"/a" });
    assert_eq!(call(b"\x11\0\0\0\x07\0\0\0\x03\xff\x1b\n"), Call::Stat { path: b"\xff\x1b\n" }, "names are bytes");
}

#[test]
fn the_target_of_a_link_comes_first_as_openssh_has_it() {
    let read = call(b"\x14\0\0\0\x07\0\0\0\x06target\0\0\0\x04link");
    assert_eq!(read, Call::Symlink { target: b"target", link: b"link" });
}

#[test]
fn extensions_are_read_by_their_names() {
    assert_eq!(
        call(b"\xc8\0\0\0\x07\0\0\0\x18posix-rename@openssh.com\0\0\0\x01a\0\0\0\x01b"),
        Call::PosixRename { from: b"a", to: b"b" }
    );
    assert_eq!(
        call(b"\xc8\0\0\0\x07\0\0\0\x14hardlink@openssh.com\0\0\0\x01a\0\0\0\x01b"),
        Call::Hardlink { from: b"a", to: b"b" }
    );
    assert_eq!(call(b"\xc8\0\0\0\x07\0\0\0\x11fsync@openssh.com\0\0\0\x01h"), Call::Fsync { handle: b"h" });
    assert_eq!(call(b"\xc8\0\0\0\x07\0\0\0\x13statvfs@openssh.com\0\0\0\x01/"), Call::Statvfs { path: b"/" });
    assert_eq!(call(b"\xc8\0\0\0\x07\0\0\0\x14fstatvfs@openssh.com\0\0\0\x01h"), Call::Fstatvfs { handle: b"h" });
    assert_eq!(
        call(b"\xc8\0\0\0\x07\0\0\0\x14lsetstat@openssh.com\0\0\0\x01a\0\0\0\x08\0\0\0\x01\0\0\0\x02"),
        Call::Lsetstat { path: b"a", attrs: Attrs { times: Some((1, 2)), ..Attrs::default() } }
    );
    assert_eq!(call(b"\xc8\0\0\0\x07\0\0\0\x12limits@openssh.com"), Call::Limits);
    assert_eq!(call(b"\xc8\0\0\0\x07\0\0\0\x17expand-path@openssh.com\0\0\0\x01~"), Call::ExpandPath { path: b"~" });
    assert_eq!(
        call(
            b"\xc8\0\0\0\x07\0\0\0\x09copy-data\0\0\0\x01f\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\x01t\
              \0\0\0\0\0\0\0\x03"
        ),
        Call::CopyData { from: b"f", offset: 1, len: 2, to: b"t", to_offset: 3 }
    );
    assert_eq!(call(b"\xc8\0\0\0\x07\0\0\0\x0ehome-directory\0\0\0\x03ada"), Call::HomeDirectory { user: b"ada" });
    assert_eq!(
        call(
            b"\xc8\0\0\0\x07\0\0\0\x1eusers-groups-by-id@openssh.com\0\0\0\x08\0\0\0\0\0\0\x03\xe8\0\0\0\x04\0\0\0\0"
        ),
        Call::UsersGroups { users: 2, groups: 1 }
    );
    assert_eq!(
        call(b"\xc8\0\0\0\x07\0\0\0\x0acheck-file\0\0\0\x01h"),
        Call::Unknown { name: b"check-file", data: b"\0\0\0\x01h" }
    );
}

/// A packet of each kind; those of extensions have their own fields.
fn one_of_each() -> Vec<Vec<u8>> {
    let (path, attrs, offset) = (text(b"/srv/x"), 0u32.to_be_bytes(), 9u64.to_be_bytes());
    let extended = |name: &[u8], fields: &[&[u8]]| packet(200, 7, &[&text(name), &fields.concat()]);
    let mut all: Vec<_> = [4, 7, 8, 11, 12, 13, 15, 16, 17, 19].map(|kind| packet(kind, 7, &[&path])).into();
    all.extend([9, 10, 14].map(|kind| packet(kind, 7, &[&path, &attrs])));
    all.extend([18, 20].map(|kind| packet(kind, 7, &[&path, &path])));
    all.push(packet(3, 7, &[&path, &[0, 0, 0, 1], &[0, 0, 0, 8], &[0; 8]]));
    all.push(packet(5, 7, &[&path, &offset, &[0, 0, 1, 0]]));
    all.push(packet(6, 7, &[&path, &offset, &text(b"data")]));
    for name in ["fsync@openssh.com", "statvfs@openssh.com", "fstatvfs@openssh.com", "expand-path@openssh.com"] {
        all.push(extended(name.as_bytes(), &[&path]));
    }
    all.push(extended(b"home-directory", &[&path]));
    all.push(extended(b"limits@openssh.com", &[]));
    all.push(extended(b"posix-rename@openssh.com", &[&path, &path]));
    all.push(extended(b"hardlink@openssh.com", &[&path, &path]));
    all.push(extended(b"lsetstat@openssh.com", &[&path, &attrs]));
    all.push(extended(b"copy-data", &[&path, &offset, &offset, &path, &offset]));
    all.push(extended(b"users-groups-by-id@openssh.com", &[&text(&[0; 4]), &text(&[0; 8])]));
    all
}

#[test]
fn a_message_that_is_short_or_long_is_malformed() {
    for packet in one_of_each() {
        let body = &packet[4..];
        assert!(Request::read(&packet).is_ok(), "{packet:?}");
        for len in 5..body.len() {
            assert!(Request::read(&framed(&body[..len])).is_err(), "{len} of {packet:?}");
        }
        let long = framed(&[body, b"\0"].concat());
        assert_eq!(Request::read(&long), Err(Malformed::Fields), "{packet:?}");
        assert_eq!(Request::read(&packet[..packet.len() - 1]), Err(Malformed::Fields), "{packet:?}");
        assert_eq!(Request::read(&[&packet[..], b"\0"].concat()), Err(Malformed::Fields), "{packet:?}");
    }
}

#[test]
fn what_some_servers_would_read_in_another_way_is_malformed() {
    let stat = |path: &[u8]| Request::read(&packet(17, 7, &[&text(path)])).map(drop);
    assert_eq!(stat(b"/srv/x\0/../etc/passwd"), Err(Malformed::Name), "C stops at the zero");
    assert_eq!(stat(b"/srv/x\0"), Err(Malformed::Name), "OpenSSH cuts this one off");
    assert_eq!(stat(&[b'x'; 4096]), Ok(()));
    assert_eq!(stat(&[b'x'; 4097]), Err(Malformed::Name));
    let close = |len| Request::read(&packet(4, 7, &[&text(&vec![0; len])])).map(drop);
    assert_eq!(close(256), Ok(()));
    assert_eq!(close(257), Err(Malformed::Handle));
    let later = packet(9, 7, &[&text(b"x"), &[0, 0, 0, 0x10], &[0; 8]]);
    assert_eq!(Request::read(&later), Err(Malformed::Attributes(0x10)));
    for kind in [0, 2, 21, 22, 101, 199, 201, 255] {
        assert_eq!(Request::read(&packet(kind, 7, &[&text(b"x")])), Err(Malformed::Kind(kind)));
    }
    let many = packet(9, 7, &[&text(b"x"), &[0x80, 0, 0, 0], &[0xff; 4]]);
    assert_eq!(Request::read(&many), Err(Malformed::Fields), "four billion attributes");
    let odd = packet(200, 7, &[&text(b"users-groups-by-id@openssh.com"), &text(&[0; 3]), &text(&[])]);
    assert_eq!(Request::read(&odd), Err(Malformed::Fields), "an id has four bytes");
}
