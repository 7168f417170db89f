//! Texts that are made to break a parser: each is answered, and soon.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::super::{Login, MAX_TEXT, Shell, classify};
use super::{corpus, read};

/// Reads a text and holds that it did not take long: the shortest of three tries, since the machine has other things to do.
fn soon(text: &[u8], most: Duration) {
    let login = Login::default();
    let tries = (0..3).map(|_| {
        let since = Instant::now();
        let classified = classify(text, login);
        assert!(!classified.operations.is_empty());
        since.elapsed()
    });
    let best = tries.into_iter().find(|took| *took < most);
    assert!(best.is_some(), "longer than {most:?}: {}", String::from_utf8_lossy(&text[..text.len().min(80)]));
}

/// How long a text of the largest size may take; the parser is not optimised in tests.
const LONG: Duration = if cfg!(debug_assertions) { Duration::from_secs(2) } else { Duration::from_millis(50) };

#[test]
fn texts_that_hung_or_ended_the_parser_are_answered() {
    for text in [
        "<<E$[\t\t",
        "<<E",
        "<<E\n",
        "<<A <<B $(",
        "echo 99999999999>x",
        "echo ~99999999999999999999",
        "echo ~-9",
        "echo {1..99999999999999999999}",
        "echo {-9223372036854775808..1..-9223372036854775808}",
        "echo {a..z..0}",
        "echo {1..2..2147483648}",
        "$((((((((",
        "((((((((((((((((((((((",
        "[[ ((((((((((( a",
        "[[ a =~ (((((((((((((((((((( b ]]",
        "a[[[[[[[[[[[[[[[[[[[[[=1",
    ] {
        soon(text.as_bytes(), Duration::from_millis(50));
    }
}

#[test]
fn nesting_of_any_kind_takes_no_time_that_doubles() {
    for (open, middle, close) in [
        ("case x in a) ", "ls", ""),
        ("case x in a) ", "ls", ";; esac"),
        ("echo \"x$(", "ls", ")\""),
        ("echo $(", "ls", ")"),
        ("echo ${x:-", "y", "}"),
        ("echo \"${x:-", "y", "}\""),
        ("(", "ls", ")"),
        ("((", "1", "))"),
        ("{ ", "ls", ";}"),
        ("if ls; then ", "ls", "; fi"),
        ("if ", "ls", ""),
        ("while ls; do ", "ls", "; done"),
        ("f() { ", "ls", ";}"),
        ("coproc ", "ls", ""),
        ("! ", "ls", ""),
        ("[[ ! ", "a", " ]]"),
        ("[[ ( ", "a", " ) ]]"),
        ("ls <(", "ls", ")"),
        ("echo {a,", "b", "}"),
        ("sudo ", "ls", ""),
        ("env ", "ls", ""),
        ("sh -c '", "ls", "'"),
        ("eval ", "ls", ""),
        ("xargs ", "ls", ""),
        ("`", "ls", "`"),
        ("$'", "a", "'"),
        ("<<E ", "a", "\nE\n"),
    ] {
        for depth in [8, 20, 60, 1_000] {
            let text = open.repeat(depth) + middle + &close.repeat(depth);
            soon(text.as_bytes(), Duration::from_millis(50) * if cfg!(debug_assertions) { 4 } else { 1 });
        }
        let depth = MAX_TEXT / (open.len() + close.len()) - 2;
        soon((open.repeat(depth) + middle + &close.repeat(depth)).as_bytes(), LONG);
    }
}

#[test]
fn the_longest_texts_are_answered() {
    for piece in [
        "a",
        "a ",
        "ls;",
        "'",
        "\"",
        "\\",
        "\n",
        "#",
        ">",
        "<<",
        "$",
        "`",
        "|",
        "&",
        "{",
        "}",
        "a=1 ",
        "\u{1f600}",
        "*",
        "~",
    ] {
        soon(piece.repeat(MAX_TEXT / piece.len()).as_bytes(), LONG);
    }
    let beyond = classify("a".repeat(MAX_TEXT + 1).as_bytes(), Login::default());
    assert_eq!(beyond.operations[0].opaque.as_deref(), Some("longer than 64 KiB"));
}

#[test]
fn bytes_that_are_no_text_are_opaque() {
    for (bytes, why) in [(&b"ls \xff"[..], "it is not UTF-8"), (b"ls\0", "it holds a NUL byte")] {
        let classified = classify(bytes, Login { shell: Shell::Sh, ..Login::default() });
        assert_eq!(classified.operations[0].opaque.as_deref(), Some(why));
    }
}

/// Pieces that have a meaning, glued together in every way.
fn pieces() -> impl Strategy<Value = String> {
    let known: Vec<String> = corpus().into_iter().map(|case| case.line).collect();
    let signs = [
        " ", "\n", ";", "&", "|", "&&", "||", "(", ")", "{", "}", "'", "\"", "\\", "`", "$(", "${", "$((", "))",
        "$'", "<<E\n", "E\n", "<<<", "<(", ">", "2>&1", "#", "!", "[[", "]]", "((", "if", "then", "fi", "case", "in",
        "esac", ";;", "for", "do", "done", "*", "~", "=", "x=", "{a,b}", "{1..9}", "-c", "-exec", "sh", "sudo",
        "env", "xargs", "find", "eval", "ls", "rm", "\t", "\u{456}",
    ];
    let piece = prop_oneof![
        6 => proptest::sample::select(signs.to_vec()).prop_map(str::to_owned),
        2 => proptest::sample::select(known),
        1 => "[ -~]{0,6}",
    ];
    proptest::collection::vec(piece, 1..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        soon(&bytes, Duration::from_millis(50));
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}") {
        soon(text.as_bytes(), Duration::from_millis(50));
    }

    #[test]
    fn pieces_of_the_corpus_are_answered(text in pieces()) {
        soon(text.as_bytes(), Duration::from_millis(50) * if cfg!(debug_assertions) { 4 } else { 1 });
    }

    #[test]
    fn a_line_of_the_corpus_with_a_letter_changed_is_answered(
        case in proptest::sample::select(corpus().into_iter().map(|case| case.line).collect::<Vec<_>>()),
        at in any::<prop::sample::Index>(),
        with in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = case.into_bytes();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = with;
            if cut {
                bytes.truncate(at);
            }
        }
        soon(&bytes, Duration::from_millis(50));
    }

    /// What is hidden in a line stays hidden nowhere: behind any line that can be read, a second command is still seen.
    #[test]
    fn a_command_behind_a_readable_line_is_seen(
        case in proptest::sample::select(corpus().into_iter().map(|case| case.line).collect::<Vec<_>>()),
    ) {
        prop_assume!(read(&case).operations.iter().all(|operation| operation.opaque.is_none()));
        let both = format!("{case}\nmkfs /dev/sda");
        let classified = read(&both);
        let seen = classified.operations.iter().any(|operation| {
            operation.opaque.is_some() || operation.run.as_ref().is_some_and(|run| run.program == "mkfs")
        });
        prop_assert!(seen, "{both}");
    }
}
