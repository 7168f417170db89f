//! What requests would do, and how people see it.

use super::*;

/// What a request would do, after the target told that its home is `/home/ada`.
fn fact(packet: &[u8]) -> Fact {
    let mut talk = at_home();
    match talk.ask(packet) {
        Ok(Look::Judge(fact)) => fact,
        other => panic!("{packet:?} is {other:?}"),
    }
}

fn at_home() -> Talk {
    let mut talk = Talk::greeted();
    assert!(matches!(talk.ask(&ask_home(1)), Ok(Look::Judge(_))));
    let name = text(b"/home/ada");
    assert_eq!(talk.answer(&packet(104, 1, &[&[0, 0, 0, 1], &name, &name, &[0; 4]])), Ok(vec![]));
    assert_eq!(talk.0.home(), Some(b"/home/ada".as_slice()));
    talk
}

fn extended(name: &[u8], fields: &[&[u8]]) -> Vec<u8> {
    packet(200, 7, &[&text(name), &fields.concat()])
}

/// The paths of a fact from the root, and what happens to each.
fn effects(fact: &Fact) -> Vec<(&str, &[Effect])> {
    let paths = fact.paths.iter();
    paths.map(|path| (std::str::from_utf8(path.absolute.as_ref().unwrap()).unwrap(), &path.effects[..])).collect()
}

#[test]
fn an_open_says_what_it_does() {
    use Effect::{Append, Create, Read, Truncate, Write};
    let open =
        |flags: u32| fact(&packet(3, 7, &[&text(b"x"), &flags.to_be_bytes(), &[0, 0, 0, 4, 0, 0, 0x81, 0xa4]]));
    for (flags, does) in [
        (0x01, &[Read][..]),
        (0x02, &[Write]),
        (0x03, &[Read, Write]),
        (0x1a, &[Write, Create, Truncate]),
        (0x06, &[Write, Append]),
        (0x2a, &[Write, Create]),
        // OpenSSH opens for reading what is opened for nothing, and Linux truncates all the same.
        (0x00, &[Read]),
        (0x10, &[Read, Truncate]),
        (0x08, &[Read, Create]),
    ] {
        let fact = open(flags);
        assert_eq!(effects(&fact), [("/home/ada/x", does)], "{flags:#x}");
        assert_eq!(fact.opaque, None);
        assert_eq!(fact.paths[0].written(), does != [Read]);
    }
    assert_eq!(open(0x1a).to_string(), "open x (write, create, truncate, mode 0644)");
    assert!(open(0x41).opaque.is_some(), "a flag of a later version");
}

#[test]
fn each_verb_names_its_paths() {
    use Effect::{Change, Create, Delete, Link, Look, Move, Replace, Truncate};
    let (a, b, none) = (text(b"/a"), text(b"b"), [0; 4]);
    type Does = [(&'static str, &'static [Effect])];
    let cases: [(Vec<u8>, &str, &Does); 19] = [
        (packet(11, 7, &[&a]), "opendir /a", &[("/a", &[Look])]),
        (packet(7, 7, &[&a]), "stat /a", &[("/a", &[Look])]),
        (packet(17, 7, &[&b]), "stat b", &[("/home/ada/b", &[Look])]),
        (packet(16, 7, &[&b]), "realpath b", &[("/home/ada/b", &[Look])]),
        (packet(19, 7, &[&a]), "readlink /a", &[("/a", &[Look])]),
        (packet(13, 7, &[&a]), "remove /a", &[("/a", &[Delete])]),
        (packet(15, 7, &[&a]), "rmdir /a", &[("/a", &[Delete])]),
        (packet(14, 7, &[&a, &[0, 0, 0, 4], &[0, 0, 1, 0xff]]), "mkdir /a (mode 0777)", &[("/a", &[Create])]),
        (
            packet(9, 7, &[&a, &[0, 0, 0, 5], &[0; 8], &[0, 0, 1, 0xed]]),
            "setstat /a (mode 0755, size 0)",
            &[("/a", &[Change, Truncate])],
        ),
        (packet(9, 7, &[&a, &[0, 0, 0, 2], &[0; 8]]), "setstat /a (owner 0:0)", &[("/a", &[Change])]),
        (packet(18, 7, &[&a, &b]), "rename /a -> b", &[("/a", &[Move]), ("/home/ada/b", &[Create, Replace])]),
        (
            extended(b"posix-rename@openssh.com", &[&b, &a]),
            "rename b -> /a",
            &[("/home/ada/b", &[Move]), ("/a", &[Create, Replace])],
        ),
        (
            extended(b"hardlink@openssh.com", &[&a, &b]),
            "hardlink /a as b",
            &[("/a", &[Link]), ("/home/ada/b", &[Create])],
        ),
        (
            packet(20, 7, &[&text(b"../etc/passwd"), &text(b"/srv/app/x")]),
            "symlink ../etc/passwd as /srv/app/x",
            &[("/srv/etc/passwd", &[Link]), ("/srv/app/x", &[Create])],
        ),
        (
            extended(b"lsetstat@openssh.com", &[&a, &[0, 0, 0, 8], &[0; 8]]),
            "setstat /a (times)",
            &[("/a", &[Change])],
        ),
        (extended(b"statvfs@openssh.com", &[&a]), "statvfs /a", &[("/a", &[Look])]),
        (extended(b"expand-path@openssh.com", &[&a]), "realpath /a", &[("/a", &[Look])]),
        (extended(b"home-directory", &[&text(b"ada")]), "users ada", &[]),
        (extended(b"users-groups-by-id@openssh.com", &[&none, &none]), "users", &[]),
    ];
    for (packet, line, does) in cases {
        let fact = fact(&packet);
        assert_eq!(fact.to_string(), line);
        assert_eq!(effects(&fact), does, "{line}");
        assert_eq!(fact.opaque, None, "{line}");
    }
    let setstat = fact(&packet(9, 7, &[&a, &[0, 0, 0, 1], &[0; 8], &none[..0]]));
    assert!(setstat.paths[0].effects.iter().any(|effect| effect.destroys()), "no size, no content");
    let strange = fact(&packet(9, 7, &[&a, &[0x80, 0, 0, 0], &[0, 0, 0, 1], &text(b"acl"), &text(b"x")]));
    assert!(strange.opaque.is_some());
}

#[test]
fn an_extension_that_is_not_known_is_opaque() {
    let fact = fact(&extended(b"check\x1bfile", &[b"whatever"]));
    assert_eq!(fact.verb, Verb::Extended);
    assert_eq!(fact.to_string(), r"extended check\u{1b}file (an extension that is not known)");
    assert!(fact.opaque.is_some() && fact.paths.is_empty());
    let select = extended(b"version-select", &[&text(b"6")]);
    assert!(matches!(Talk::greeted().ask(&select), Ok(Look::Refuse(Code::UNSUPPORTED, _))));
}

#[test]
fn attributes_of_an_open_file_are_judged_by_its_path() {
    let mut talk = at_home();
    talk.open(7, b"x", 2, b"h");
    let Ok(Look::Judge(fact)) = talk.ask(&packet(10, 8, &[&text(b"h"), &[0, 0, 0, 1], &[0; 8]])) else { panic!() };
    assert_eq!(fact.to_string(), "setstat x (size 0)");
    assert!(fact.on_open);
    assert_eq!(effects(&fact), [("/home/ada/x", &[Effect::Change, Effect::Truncate][..])]);
}

#[test]
fn a_copy_reads_one_file_and_writes_another() {
    let mut talk = at_home();
    talk.open(7, b"/a", 1, b"f");
    talk.open(8, b"b", 2, b"t");
    let copy = |from: &[u8], to: &[u8]| extended(b"copy-data", &[&text(from), &[0; 16], &text(to), &[0; 8]]);
    let Ok(Look::Refuse(Code::DENIED, _)) = talk.ask(&copy(b"t", b"f")) else { panic!("the wrong way round") };
    let Ok(Look::Judge(fact)) = talk.ask(&copy(b"f", b"t")) else { panic!() };
    assert_eq!(fact.to_string(), "copy /a -> b");
    assert_eq!(effects(&fact), [("/a", &[Effect::Read][..]), ("/home/ada/b", &[Effect::Write][..])]);
}

#[test]
fn a_relative_path_is_nowhere_until_the_target_told_where_it_stands() {
    let mut talk = Talk::greeted();
    let Ok(Look::Judge(fact)) = talk.ask(&packet(13, 7, &[&text(b"x")])) else { panic!() };
    assert_eq!((fact.paths[0].name.as_slice(), &fact.paths[0].absolute), (b"x".as_slice(), &None));
    // Not a path from the root, more than one, or the answer to another question.
    for (id, asked, count, told) in [(8, "", 1, "home"), (9, ".", 2, "/tmp"), (10, "/srv", 1, "/srv")] {
        talk.ask(&packet(16, id, &[&text(asked.as_bytes())])).unwrap();
        let name = text(told.as_bytes());
        talk.answer(&packet(104, id, &[&[0, 0, 0, count], &name, &name, &[0; 4]])).unwrap();
        assert_eq!(talk.0.home(), None, "{asked}");
    }
    for (id, told) in [(11, "/home/ada"), (12, "/elsewhere")] {
        talk.ask(&packet(16, id, &[&text(b"")])).unwrap();
        let name = text(told.as_bytes());
        talk.answer(&packet(104, id, &[&[0, 0, 0, 1], &name, &name, &[0; 4]])).unwrap();
        assert_eq!(talk.0.home(), Some(b"/home/ada".as_slice()), "the first answer stays");
    }
}

#[test]
fn dots_are_resolved_in_the_text() {
    for (path, whole) in [
        ("x", "/home/ada/x"),
        ("", "/home/ada"),
        (".", "/home/ada"),
        ("..", "/home"),
        ("../../../..", "/"),
        ("./a//b/./../c/", "/home/ada/a/c"),
        ("/srv/app/../../etc/shadow", "/etc/shadow"),
        ("/", "/"),
        ("//", "/"),
        ("/..", "/"),
        ("...", "/home/ada/..."),
        ("~/x", "/home/ada/~/x"),
    ] {
        assert_eq!(absolute(b"/home/ada", path.as_bytes()), whole.as_bytes(), "{path}");
    }
    assert_eq!(absolute(b"/home/../srv", b"\xff"), b"/srv/\xff");
}

#[test]
fn a_name_harms_no_terminal_and_no_reader() {
    for (name, line) in [
        (b"/srv/app/x".as_slice(), "/srv/app/x"),
        ("/srv/größe/日本".as_bytes(), "/srv/größe/日本"),
        (b"", "\"\""),
        (b"a b", "\"a b\""),
        (b"a -> b", "\"a -> b\""),
        (b"it's", "it's"),
        (b"a\"b", r#""a\"b""#),
        (br"a\x1bb", r"a\\x1bb"),
        (b"\x1b]0;x\x07", r"\u{1b}]0;x\u{7}"),
        (b"a\r\nb\tc", r"a\r\nb\tc"),
        (b"\xff\xfe", r"\xff\xfe"),
        (b"caf\xe9", r"caf\xe9"),
        (b"\xc2\x9b31m", r"\u{9b}31m"),
        ("a\u{202e}b\u{200b}c\u{a0}d\u{2028}".as_bytes(), r"a\u{202e}b\u{200b}c\u{a0}d\u{2028}"),
    ] {
        assert_eq!(shown(name), line, "{name:?}");
    }
    let rename = fact(&packet(18, 7, &[&text(b"a -> b"), &text(b"\x1b[2J")]));
    assert_eq!(rename.to_string(), r#"rename "a -> b" -> \u{1b}[2J"#);
}
