//! The parts, as tables.

use super::*;

#[test]
fn prompts_are_known_again_in_another_directory() {
    let cases = [
        ("ada@web-1:~$ ", "ada@web-1:/var/log$ ", true),
        ("[ada@web-1 ~]$ ", "[ada@web-1 src]$ ", true),
        ("~ $ ", "/tmp $ ", true),
        ("(main) ada@web-1:~$ ", "(feature/x) ada@web-1:~$ ", true),
        ("$ ", "$ ", true),
        ("ada@web-1:~$ ", "ada@db-2:~$ ", false),
        ("ada@web-1:~$ ", "root@web-1:~# ", false),
        ("ada@web-1:~$ ", ">>> ", false),
        ("# ", "postgres=# ", false),
        ("$ ", "mysql $ ", false),
        ("ada@web-1:~$ ", "ada@web-1:~$ rm x; echo $ ", false),
        ("ada@web-1:~$ ", "Password: ", false),
    ];
    for (known, prompt, same) in cases {
        assert_eq!(prompt::resembles(known, prompt), same, "{known:?} and {prompt:?}");
    }
}

#[test]
fn commands_that_go_on_are_told_from_those_that_end() {
    let open = [
        "echo 'a",
        "echo \"a",
        "echo a\\",
        "a |",
        "a &&",
        "a ||",
        "a && ",
        "for i in 1",
        "for i in 1; do",
        "if true; then",
        "while :; do if x; then y; fi",
        "case x in",
        "f() {",
        "(a",
        "cat <<EOF",
        "cat <<-'EOF'\nx",
        "echo $(date",
        "a <<A <<B\nA",
    ];
    for text in open {
        assert!(syntax::is_open(text), "{text:?}");
    }
    let whole = [
        "",
        "echo a",
        "echo 'it''s' \"x\\\"\"",
        "a | b",
        "a &",
        "for i in 1; do x; done",
        "if a; then b; else c; fi",
        "case x in x) y;; esac",
        "f() { x; }",
        "(a; b)",
        "cat <<EOF\nx'\nEOF",
        "cat <<< x",
        "echo for if",
        "echo # 'a",
        "a\\\nb",
        "echo \\'",
        "cat <<-E\n\tx\n\tE",
        "true && \\\nfalse",
    ];
    for text in whole {
        assert!(!syntax::is_open(text), "{text:?}");
    }
}

#[test]
fn lines_that_the_shell_rewrites_are_known() {
    for line in ["!!", "echo !$", "!-2", "echo \"!x\"", "^a^b^", "echo \\\\!x", "echo 'a'!b", "a;!b"] {
        assert!(syntax::expands(line, false), "{line}");
    }
    for line in ["echo hi!", "[ ! -f x ]", "a != b", "echo '!x'", "echo \\!x", "echo \"hi!\"", "!(a)", "x ^a"] {
        assert!(!syntax::expands(line, false), "{line}");
    }
    assert!(syntax::expands("'!x'", true), "where the line before left a quote open");
}

#[test]
fn bytes_are_characters_over_any_split() {
    let text = "aé漢👍\u{7f}\u{80}".as_bytes().to_vec();
    let bad = [
        b"\xff".as_slice(),
        b"\xc3(",
        b"\xe0\x80\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf0\x9f",
        b"\xc0\xaf",
    ];
    for bytes in bad.into_iter().map(<[u8]>::to_vec).chain([text]) {
        let (mut utf8, mut out) = (decode::Utf8::default(), String::new());
        for byte in bytes.iter().chain(b"xx") {
            utf8.push(*byte, &mut |char| out.push(char));
        }
        let whole = [bytes.as_slice(), b"xx"].concat();
        assert_eq!(out, String::from_utf8_lossy(&whole), "{bytes:x?}");
    }
}

#[test]
fn doubts_have_words() {
    assert_eq!(Doubt::Mismatch.as_str(), "what was typed is not what is shown");
}

/// A generator that is the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

#[test]
fn nothing_that_comes_makes_it_panic() {
    let pieces = [
        "a",
        " ",
        "漢",
        "\r",
        "\n",
        "\t",
        "\x08",
        "\x1b[",
        "\x1b]",
        "\x1b",
        "m",
        "H",
        "J",
        "K",
        "P",
        "@",
        "L",
        "M",
        "S",
        "T",
        "X",
        "b",
        "1",
        "9",
        ";",
        "?",
        "1049h",
        "1049l",
        "\x1b[2J",
        "\x1b[5;3r",
        "\x1b[?6h",
        "\x1b[4h",
        "\x1b[?7l",
        "\x1bM",
        "\x1bD",
        "\x1b7",
        "\x1b8",
        "\x1bc",
        "\x1b#8",
        "\x1b(0",
        "\u{301}",
        "\u{9b}",
        "ada@web-1:~$ ",
        "\x03",
        "\x12",
        "\x7f",
        "\x15",
    ];
    let mut dice = Dice(7);
    for _ in 0..300 {
        let size = |dice: &mut Dice| u32::try_from(1 + dice.roll(9)).unwrap();
        let mut screen = Screen::new(size(&mut dice), size(&mut dice)).unwrap();
        for step in 0..300 {
            let now = at(step * 7);
            let piece = pieces[dice.roll(pieces.len())].as_bytes();
            let piece = &piece[..=dice.roll(piece.len())];
            match dice.roll(12) {
                0 => screen.resize(size(&mut dice), size(&mut dice)),
                1..4 => {
                    if screen.input(piece, now).held.is_some() {
                        let _wait = screen.wait(now);
                        let reading = screen.read(now);
                        if dice.roll(2) == 0 { screen.passed(&reading, now) } else { screen.refused() }
                    }
                }
                _ => screen.output(piece, now),
            }
        }
    }
}
