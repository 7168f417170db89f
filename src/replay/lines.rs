//! What a person saw on a terminal, line by line: whatever was shown when the cursor left it, or before it was wiped away.

use super::terminal::{Step, Terminal};

/// A longer line is handed out in pieces, where no more is followed than its characters.
const LONGEST: usize = 64 << 10;

/// A line, and when its last character came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// Microseconds since 1970.
    pub(super) at_us: i64,
    pub(super) text: String,
}

/// A terminal whose lines are collected.
#[derive(Debug)]
pub(super) struct Lines {
    terminal: Terminal,
    /// When something was printed that was not handed out yet.
    since: Option<i64>,
    /// How many characters were printed since then.
    printed: usize,
    /// The characters of a line on a terminal that can't be followed any more.
    flood: String,
}

impl Lines {
    /// On a terminal of a size, or without one.
    pub(super) fn new(size: Option<(u32, u32)>) -> Self {
        Self { terminal: Terminal::new(size), since: None, printed: 0, flood: String::new() }
    }

    /// The window has another size.
    pub(super) fn resize(&mut self, size: (u32, u32)) -> Option<Shown> {
        let shown = self.flush();
        self.terminal.resize(size);
        shown
    }

    /// The lines that are over by this output.
    pub(super) fn feed(&mut self, at_us: i64, bytes: &[u8]) -> Vec<Shown> {
        let Self { terminal, since, printed, flood } = self;
        let (columns, rows) = terminal.size();
        // A line that is higher than the screen loses its beginning: it is handed out before.
        let most = columns * rows / 2;
        let mut all = Vec::new();
        terminal.feed(bytes, &mut |step, terminal| {
            match step {
                Step::Prints => {
                    *since = Some(at_us);
                    *printed += 1;
                    if *printed < most {
                        return;
                    }
                }
                Step::Leaves => {}
                Step::Stays => return,
            }
            *printed = 0;
            if let Some(at_us) = since.take() {
                all.push(Shown { at_us, text: terminal.line() });
            }
        });
        if terminal.is_flooded() {
            all.extend(flooded(flood, at_us, bytes));
        }
        all.retain(|shown| !shown.text.is_empty());
        all
    }

    /// The line that is not over yet.
    pub(super) fn flush(&mut self) -> Option<Shown> {
        self.printed = 0;
        let at_us = self.since.take()?;
        Some(Shown { at_us, text: self.terminal.line() }).filter(|shown| !shown.text.is_empty())
    }
}

/// A screen that is drawn without end is not followed; its characters are still looked at.
fn flooded(flood: &mut String, at_us: i64, bytes: &[u8]) -> Vec<Shown> {
    let mut parser = avt::Parser::new();
    let mut all = Vec::new();
    for char in String::from_utf8_lossy(bytes).chars() {
        let Some(function) = parser.feed(char) else { continue };
        if let avt::parser::Function::Print(char) = function {
            flood.push(char);
        }
        let ends = matches!(function, avt::parser::Function::Lf) || flood.len() >= LONGEST;
        if ends && !flood.trim().is_empty() {
            all.push(Shown { at_us, text: std::mem::take(flood) });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(size: Option<(u32, u32)>, pieces: &[&str]) -> Vec<String> {
        let mut lines = Lines::new(size);
        let mut all: Vec<Shown> = pieces.iter().flat_map(|piece| lines.feed(0, piece.as_bytes())).collect();
        all.extend(lines.flush());
        all.into_iter().map(|shown| shown.text).collect()
    }

    #[test]
    fn blanks_cost_what_letters_cost() {
        let (mut lines, size) = (Lines::new(Some((500, 200))), 500 * 199);
        lines.feed(0, " ".repeat(size).as_bytes());
        assert!(!lines.terminal.is_flooded());
        // Four bytes that have the whole screen looked at, and find nothing on it.
        lines.feed(0, " \u{1b}[H".repeat(1_000).as_bytes());
        assert!(lines.terminal.is_flooded());
    }

    #[test]
    fn escapes_and_borders_inside_words_are_nothing() {
        let shown = lines(Some((80, 24)), &["se\u{1b}[1", ";31mcr", "\u{1b}[0m\u{1b}]0;title\u{7}et\r\n", "$ "]);
        assert_eq!(shown, ["secret", "$"]);
    }

    #[test]
    fn a_line_that_is_edited_is_the_line_as_it_was_left() {
        let shown = lines(Some((80, 24)), &["$ lss\u{8}\u{1b}[K -l\u{8}\u{8}\u{8}\u{1b}[1@h\r\n"]);
        assert_eq!(shown.last().map(String::as_str), Some("$ lsh -l"));
    }

    #[test]
    fn a_word_over_the_margin_is_one_and_a_long_line_loses_nothing() {
        assert_eq!(lines(Some((20, 8)), &["0123456789012345 needle in it\r\n"]), ["0123456789012345 needle in it"]);
        let long = (0..2000).map(|number| format!("w{number} ")).collect::<Vec<_>>().concat();
        let all = lines(Some((20, 8)), &[&long]).join("\n");
        for number in [0, 7, 99, 1000, 1999] {
            assert!(all.contains(&format!("w{number} ")) || all.ends_with(&format!("w{number}")), "{number}");
        }
    }

    #[test]
    fn what_is_wiped_away_at_once_was_shown() {
        let shown = lines(Some((80, 24)), &["one\u{1b}[2J\u{1b}[Htwo\u{1b}[?1049h\u{1b}[Hthree\u{1b}[?1049l"]);
        assert_eq!(shown, ["one", "two", "three"]);
    }

    #[test]
    fn a_program_that_skips_what_is_there_already_is_read_off_the_screen() {
        let shown = lines(Some((80, 24)), &["\u{1b}[5;1Hxxx key xxx", "\u{1b}[5;1Hmon\u{1b}[5;5Hkey\u{1b}[1;1H"]);
        assert!(shown.iter().any(|line| line == "mon key xxx"), "{shown:?}");
    }

    #[test]
    fn without_a_terminal_lines_are_lines() {
        assert_eq!(lines(None, &["one\n\ttwo\nthr", "ee"]), ["one", "        two", "three"]);
    }

    #[test]
    fn a_flood_costs_little_and_its_text_is_still_there() {
        let begun = tokio::time::Instant::now();
        let flood = "a\u{1b}[2J".repeat(200_000) + "\r\nneedle\r\n";
        let shown = lines(Some((500, 200)), &[&flood]);
        assert!(shown.iter().any(|line| line.contains("needle")), "{} lines", shown.len());
        assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
    }
}
