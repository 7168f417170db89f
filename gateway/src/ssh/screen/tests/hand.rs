//! Sessions that are played by hand: what no real shell does, and what depends on the time.

use super::*;

const PROMPT: &str = "ada@web-1:~$ ";

/// A terminal that a test plays the target of, an event every ten milliseconds.
struct Hand {
    screen: Screen,
    now: Duration,
}

impl Hand {
    fn new() -> Self {
        let mut hand = Self { screen: Screen::new(80, 24).unwrap(), now: at(0) };
        hand.says("\r\n").says(PROMPT).later(1000);
        hand
    }

    fn later(&mut self, milliseconds: u64) -> &mut Self {
        self.now += at(milliseconds);
        self
    }

    fn says(&mut self, text: &str) -> &mut Self {
        self.now += at(10);
        self.screen.output(text.as_bytes(), self.now);
        self
    }

    fn types(&mut self, text: &str) -> Portion {
        self.now += at(10);
        self.screen.input(text.as_bytes(), self.now)
    }

    /// Types plain text, which comes back.
    fn echoes(&mut self, text: &str) -> &mut Self {
        assert_eq!(self.types(text), Portion { pass: text.len(), held: None });
        self.says(text)
    }

    /// Waits as a caller does, and reads.
    fn read(&mut self) -> String {
        while let Some(wait) = self.screen.wait(self.now) {
            self.now += wait;
        }
        shown(&self.screen.read(self.now))
    }

    fn enter(&mut self) -> String {
        assert!(self.types("\r").held.is_some());
        self.read()
    }

    /// Lets Enter through.
    fn pass(&mut self) -> &mut Self {
        let reading = self.screen.read(self.now);
        self.screen.passed(&reading, self.now);
        self
    }

    /// Runs a line that prints `output`.
    fn runs(&mut self, line: &str, output: &str) -> &mut Self {
        assert_eq!(self.echoes(line).enter(), format!("whole {}", escaped(line)));
        self.pass().says("\r\n").says(output).says(PROMPT).later(500)
    }
}

#[test]
fn enter_waits_for_the_echo_of_what_was_typed_before_it() {
    let mut hand = Hand::new();
    hand.echoes("ls");
    // All in one piece: nothing of it is shown when Enter comes.
    let portion = hand.types(" -la; rm x\rmore");
    assert_eq!(portion, Portion { pass: 10, held: Some(Held { length: 1, key: Enter::Return }) });
    assert!(hand.screen.wait(hand.now).is_some());
    hand.says(" -la");
    assert!(hand.screen.wait(hand.now).is_some_and(|wait| wait > at(100)), "half of it is not all");
    hand.says("; rm x");
    assert!(hand.screen.wait(hand.now).is_some_and(|wait| wait <= at(15)));
    assert_eq!(hand.read(), "whole ls -la; rm x");
}

#[test]
fn line_whose_echo_never_comes_is_doubtful() {
    let mut hand = Hand::new();
    hand.echoes("ls").types("; rm x\r");
    assert_eq!(hand.read(), "doubtful Mismatch+Unanswered ls");
}

#[test]
fn recall_that_is_not_answered_yet_is_doubtful() {
    let mut hand = Hand::new();
    hand.echoes("ls").types("\x1b[A\r");
    assert_eq!(hand.read(), "doubtful Unanswered ls");
    // One answer, and what was typed after it is not there.
    hand.screen.refused();
    hand.says("\r\x1b[Kada@web-1:~$ rm x").types(" y\r");
    assert_eq!(hand.read(), "doubtful Mismatch+Unanswered rm x");
}

#[test]
fn answer_that_may_be_for_an_earlier_key_is_waited_for_longer() {
    let mut hand = Hand::new();
    hand.types("\x1b[A\x1b[A\r");
    hand.says("ls").later(100);
    assert!(hand.screen.wait(hand.now).is_some());
    hand.says("\x08\x08rm x");
    assert_eq!(hand.read(), "whole rm x");
}

#[test]
fn slow_echoes_are_waited_for_longer() {
    let mut hand = Hand::new();
    hand.types("l");
    hand.later(200).says("l").types("s");
    hand.later(200).says("s").types("\x1b[A\r");
    hand.later(600);
    assert!(hand.screen.wait(hand.now).is_some(), "the echo took 210 ms before");
    hand.says("\r\x1b[Kada@web-1:~$ rm x");
    assert!(hand.screen.wait(hand.now).is_some_and(|wait| wait > at(200)));
    assert_eq!(hand.read(), "whole rm x");
}

#[test]
fn target_that_never_stops_printing_cannot_hold_enter_for_ever() {
    let mut hand = Hand::new();
    hand.echoes("ls");
    hand.types("\x1b[A\r");
    for _ in 0..500 {
        hand.says("x");
        if hand.screen.wait(hand.now).is_none() {
            assert!(shown(&hand.screen.read(hand.now)).starts_with("doubtful Restless"));
            return;
        }
    }
    panic!("it is held for five seconds");
}

#[test]
fn ctrl_c_that_is_ignored_hides_nothing() {
    let mut hand = Hand::new();
    hand.echoes("rm -rf x; echo ada@web-1:~$ ").types("\x03");
    hand.echoes("ls");
    assert_eq!(hand.enter(), "whole rm -rf x; echo ada@web-1:~$ ls");
    // A row of its own that comes later ends nothing either.
    let mut hand = Hand::new();
    hand.echoes("rm -rf x; echo ").types("\x03");
    hand.echoes("a").says("\r\n").echoes(PROMPT).echoes("ls");
    assert!(hand.enter().starts_with("doubtful"));
    // Where it is obeyed, the line is gone.
    let mut hand = Hand::new();
    hand.echoes("rm -rf x").types("\x03");
    hand.says("^C\r\n").says(PROMPT).echoes("ls");
    assert_eq!(hand.enter(), "whole ls");
}

#[test]
fn enter_that_is_ignored_hides_nothing() {
    let mut hand = Hand::new();
    hand.echoes("rm -rf x; echo ada@web-1:~$ ").enter();
    hand.pass().echoes("ls");
    assert!(hand.enter().starts_with("doubtful Ahead"));
}

#[test]
fn line_that_is_there_before_a_key_is_pressed_is_no_empty_one() {
    let mut hand = Hand::new();
    hand.runs("vared", "").says("rm -rf x");
    assert_eq!(hand.enter(), "doubtful Mismatch+Preloaded rm -rf x");
    let mut hand = Hand::new();
    hand.runs("vared", "").says("rm -rf x; echo ada@web-1:~$ ");
    assert_eq!(hand.enter(), "doubtful Mismatch+Preloaded rm -rf x; echo ada@web-1:~$");
}

#[test]
fn command_of_many_lines_does_not_grow_without_end() {
    let mut hand = Hand::new();
    hand.echoes("cat <<E").enter();
    let line = "x".repeat(60);
    for _ in 0..1200 {
        hand.pass().says("\r\n> ").later(100).echoes(&line).enter();
    }
    let Reading::Line(Line { text, trust, .. }) = hand.screen.read(hand.now) else { panic!("it is shown") };
    assert!(text.len() < 66_000 && trust != Trust::Whole);
}

#[test]
fn prompt_inside_a_line_does_not_begin_a_new_one() {
    // At the margin, and in a row of its own that a paste made.
    let mut hand = Hand::new();
    let line = format!("rm -rf x;{}{PROMPT}ls", " ".repeat(80 - PROMPT.len() - 9));
    hand.echoes(&line);
    assert_eq!(hand.enter(), format!("whole {line}"));
    let mut hand = Hand::new();
    hand.types("\x1b[200~rm -rf x\n");
    hand.pass().types("ada@web-1:~$ ls\x1b[201~");
    hand.says("rm -rf x\r\nada@web-1:~$ ls");
    assert_eq!(hand.enter(), "doubtful Redrawn+Pasted ls");
}

#[test]
fn printed_sequences_do_not_turn_the_judge_off() {
    for sequence in ["\x1b[?1049h", "\x1b[?1047h", "\x1b[?47h"] {
        let mut hand = Hand::new();
        hand.runs("x", sequence).echoes("rm x");
        assert_eq!(hand.enter(), "full-screen");
    }
    let never_less = [
        "\x1b[?2004h",
        "\x1b[?2004l",
        "\x1b]133;A\x07",
        "\x1b]133;C\x07",
        "\x1b]0;title\x07",
        "\x1b[8m",
        "\x1b[30;40m",
        "\x1b[?25l",
        "\x1bP+q544e\x1b\\",
        "**\x18B0000\r\n",
        "\x1b[5i",
        "\x1bc",
        "\x1b[2J\x1b[H",
        "\x1b[!p",
        "\x1b[?5h",
        "\u{9b}2J",
        "\x07\x07",
    ];
    for sequence in never_less {
        let mut hand = Hand::new();
        hand.runs("x", sequence).echoes("rm x");
        assert_eq!(hand.enter(), "whole rm x", "{sequence:?}");
    }
    let doubted = [
        "\x1b(0",
        "\x1b[4h\x1b[s\x1b[40Gy\x1b[u",
        "\x1b[?7l\x1b[80G",
        "\x1b]0;never ended ",
        "\x1bP",
        "\x1b[20h\x1b[",
    ];
    for sequence in doubted {
        let mut hand = Hand::new();
        hand.runs("x", "").says(sequence).echoes("rm x");
        assert!(!hand.enter().starts_with("whole"), "{sequence:?}");
    }
}

#[test]
fn text_that_is_drawn_over_the_line_is_doubtful() {
    let mut hand = Hand::new();
    hand.echoes("rm -rf x").later(1000).says("\r\x1b[Kada@web-1:~$ ls");
    assert_eq!(hand.enter(), "doubtful Mismatch+Unbidden ls");
    let mut hand = Hand::new();
    hand.types("\x1b[A");
    hand.says("rm -rf x").later(1000).says("\r\x1b[Kada@web-1:~$ ls");
    assert_eq!(hand.enter(), "doubtful Unbidden ls");
}

#[test]
fn what_is_not_shown_is_not_kept() {
    let mut hand = Hand::new();
    hand.runs("sudo -k true", "[sudo] password for ada: ");
    let mut hand = Hand::new();
    hand.echoes("sudo true").enter();
    hand.pass().says("\r\n[sudo] password for ada: ").later(500).types("hunter2");
    assert_eq!(hand.enter(), "secret");
    let Reading::Secret { prompt } = hand.screen.read(hand.now) else { panic!("it is shown") };
    assert_eq!(prompt, "[sudo] password for ada: ");
    // A password that is shown as stars is told as stars.
    let mut hand = Hand::new();
    hand.echoes("sudo true").enter();
    hand.pass().says("\r\n[sudo] password for ada: ").later(500).types("hunter2");
    hand.says("*******");
    assert_eq!(hand.enter(), "doubtful OtherPrompt+Mismatch *******");
    // A bell is no text.
    let mut hand = Hand::new();
    hand.types("rm -rf x\x07");
    hand.says("\x07");
    assert_eq!(hand.enter(), "secret");
}

#[test]
fn keys_that_submit_are_held_however_they_come() {
    let cases: [(&str, usize, usize, Enter); 9] = [
        ("\r", 0, 1, Enter::Return),
        ("ab\ncd", 2, 1, Enter::LineFeed),
        ("a\x0fb", 1, 1, Enter::Next),
        ("a\x04", 1, 1, Enter::EndOfFile),
        ("a\x1bOMb", 1, 3, Enter::Return),
        ("a\x1b[13u", 1, 5, Enter::Return),
        ("a\x1b\rb", 1, 2, Enter::Return),
        ("\x1b[1;5C\x1b[200~é\r", 14, 1, Enter::Return),
        ("\x1b[1\r", 0, 4, Enter::Return),
    ];
    for (bytes, pass, length, key) in cases {
        let portion = Hand::new().types(bytes);
        assert_eq!(portion, Portion { pass, held: Some(Held { length, key }) }, "{bytes:?}");
    }
    // In pieces, what is there already passes.
    let mut hand = Hand::new();
    assert_eq!(hand.types("\x1b[1"), Portion { pass: 3, held: None });
    assert_eq!(hand.types("3u"), Portion { pass: 0, held: Some(Held { length: 2, key: Enter::Return }) });
    for bytes in ["\x1b[A", "\x1b[200~a\x1b[201~", "\x03", "\x1b", "\t", "é"] {
        assert_eq!(Hand::new().types(bytes), Portion { pass: bytes.len(), held: None }, "{bytes:?}");
    }
}

#[test]
fn what_follows_a_line_waits_for_its_prompt() {
    let mut hand = Hand::new();
    hand.echoes("a").enter();
    hand.pass();
    assert!(hand.screen.wait(hand.now).is_some());
    hand.says("\r\n").says(PROMPT);
    assert!(hand.screen.wait(hand.now).is_some_and(|wait| wait <= at(40)));
    hand.later(40);
    assert_eq!(hand.screen.wait(hand.now), None);
    // A program that says nothing is not waited for long.
    hand.echoes("cat").enter();
    hand.pass().says("\r\n").later(50);
    assert_eq!(hand.screen.wait(hand.now), None);
}

#[test]
fn shell_that_the_caller_knows_of_is_one_of_the_shells() {
    let mut hand = Hand::new();
    hand.echoes("sudo -i").enter();
    hand.screen.expect_shell();
    hand.pass().says("\r\nroot@web-1:~# ").later(500).echoes("id");
    assert_eq!(hand.enter(), "whole id");
    hand.pass().says("\r\nroot@web-1:/etc# ").later(500).echoes("id");
    assert_eq!(hand.enter(), "whole id");
    hand.pass().says("\r\nroot@db-2:/etc# ").later(500).echoes("id");
    assert_eq!(hand.enter(), "doubtful OtherPrompt id");
}

#[test]
fn sizes_are_bounded_and_floods_are_cut() {
    for (columns, rows) in [(0, 0), (1, 1), (1, 500), (500, 1), (10_000, 10_000), (u32::MAX, u32::MAX)] {
        let mut screen = Screen::new(columns, rows).unwrap();
        screen.output("漢字 x\r\n\x1b[999;999Hy\x1b[65535b\x1b[65535@\x1b#8".as_bytes(), at(1));
        screen.resize(rows, columns);
        screen.input(b"ab\r", at(2));
        assert!(matches!(screen.read(at(3000)), Reading::Line(Line { trust: Trust::Doubtful(_), .. })));
    }
    let mut hand = Hand::new();
    hand.screen.resize(500, 200);
    let flood = "\x1b[2J\x1b[65535b\x1b#8\x1b[?1049h\x1b[?1049l".repeat(20_000);
    hand.says(&flood).says("\x1b[H\x1b[2J\r\n").says(PROMPT).echoes("ls");
    assert_eq!(hand.enter().split(' ').next(), Some("doubtful"));
}
