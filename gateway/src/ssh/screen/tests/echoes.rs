//! What is typed is kept only where it was shown.

use super::super::echo::Echo;

/// `>` is typed, `<` is printed.
fn kept(story: &[&str]) -> Vec<String> {
    let mut echo = Echo::default();
    for step in story {
        match step.split_at(1) {
            (">", keys) => echo.typed(keys.as_bytes()),
            ("<", shown) => echo.printed(shown.as_bytes()),
            other => panic!("{other:?}"),
        }
        assert!(echo.is_counted(), "{story:?}");
    }
    echo.take()
}

#[test]
fn lines_that_are_shown_are_kept() {
    let cases: [(&[&str], &[&str]); 9] = [
        // Key by key, and another person's bell in between.
        (&["<$ ", ">l", "<l", ">s", "<\x07s", ">\r", "<\r\n"], &["ls\r"]),
        // At once, with the mode of pastes switched off by the shell.
        (&[">ls -l\r", "<ls -l\x1b[?2004l\r\n", "<total 0\r\n"], &["ls -l\r"]),
        (&[">ls -l\r", "<ls", "< -l", "<\r\n"], &["ls -l\r"]),
        // Taken back: what counts is the line as it was entered.
        (&[">a", "<a", ">x", "<x", ">\x7f", "<\x08 \x08", ">b", "<b", ">\r"], &["ab\r"]),
        // Filled in by the shell.
        (&[">l", "<l", ">\t", "<s /var/", ">x", "<x", ">\r"], &["l\tx\r"]),
        // Given up.
        (&[">r", "<r", ">\x03", "<^C\r\n$ "], &["r"]),
        (&[">gr\u{fc}n\r", "<gr\u{fc}n\r\n"], &["gr\u{fc}n\r"]),
        // Two lines ahead, both shown.
        (&[">a\rb\r", "<a\r\n", "<b\r\n"], &["a\r", "b\r"]),
        // Colours between the characters.
        (&[">ls", "<\x1b[32ml\x1b[1ms\x1b[0m", ">\r"], &["ls\r"]),
    ];
    for (story, expected) in cases {
        assert_eq!(kept(story), expected, "{story:?}");
    }
}

#[test]
fn what_is_not_shown_is_not_kept() {
    let cases: [&[&str]; 14] = [
        // A prompt without echo, key by key and pasted, with and without a new line after it.
        &["<Password: ", ">s", ">e", ">c", ">\r", "<\r\nok\r\n$ "],
        &["<Password: ", ">sec\r", "<\r\nWelcome sec\r\n"],
        &["<Password: ", ">sec\r", "<sincerely\r\n"],
        // Stars, and something that only begins alike.
        &["<Password: ", ">s", "<*", ">e", "<*", ">\r", "<\r\n"],
        &["<Password: ", ">se\r", "<secret is wrong\r\n"],
        // Output of others in between.
        &[">s", "<news: ", "<s", ">e", "<e", ">\r", "<\r\n"],
        // Typed ahead: the line is shown, the password after it is not.
        &[">x\x7f\rsec\r", "<x\x08 \x08\r\n", "<Password: ", "<\r\n"],
        // Not whole: the end was never shown.
        &["<$ ", ">s", "<s", ">e", ">c", ">\r", "<\r\n"],
        // Moved about in, from the history, as vi's commands.
        &[">b", "<b", ">\x1b[D", "<\x08", ">a", "<ab\x08", ">\r", "<\r\n"],
        &[">\x1b[A", "<ls", ">\r", "<\r\n"],
        &[">\x12", "<(i-search)", ">l", "<l", ">\r"],
        // Nothing.
        &[">\r", "<\r\n", ">\x04", ">\t\r"],
        // Never answered at all.
        &[">sec\r"],
        &[">sec"],
    ];
    for story in cases {
        assert_eq!(kept(story), Vec::<String>::new(), "{story:?}");
    }
}

#[test]
fn after_a_password_lines_are_kept_again() {
    let story = ["<Password: ", ">sec\r", "<\r\n$ ", ">i", "<i", ">d", "<d", ">\r", "<\r\nuid=0\r\n"];
    assert_eq!(kept(&story), ["id\r"]);
}

#[test]
fn a_line_without_end_is_forgotten_and_the_next_one_is_not() {
    let long = "x".repeat(20_000);
    let (typed, shown) = (format!(">{long}\r"), format!("<{long}\r\n$ "));
    assert_eq!(kept(&[&typed, &shown, ">i", "<i", ">d", "<d", ">\r"]), ["id\r"]);
}
