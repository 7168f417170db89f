//! A terminal's recording, played on a terminal. What was recorded is drawn here anew, character by character: no sequence of
//! the recording reaches the terminal of whoever watches.

use std::fmt::Write as _;

use super::terminal::{Terminal, safe};

/// What is drawn, and what is there already.
#[derive(Debug)]
pub(super) struct Film {
    terminal: Terminal,
    /// Columns and rows of whoever watches.
    room: (usize, usize),
    drawn: Vec<String>,
    /// Words of ours, on the last row.
    told: String,
    begun: bool,
}

impl Film {
    /// A film of a terminal, for a screen of so many columns and rows.
    pub(super) fn new(size: (u32, u32), room: (usize, usize)) -> Self {
        let terminal = Terminal::new(Some(size));
        Self { terminal, room, drawn: Vec::new(), told: String::new(), begun: false }
    }

    /// The target printed this.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.terminal.feed(bytes, &mut |_, _| {});
    }

    /// The window has another size.
    pub(super) fn resize(&mut self, size: (u32, u32)) {
        self.terminal.resize(size);
        self.drawn.clear();
        self.begun = false;
    }

    /// Says something below the picture.
    pub(super) fn tell(&mut self, words: &str) {
        self.told = words.chars().map(safe).collect();
    }

    /// What has to be written so that the screen shows what the terminal showed.
    pub(super) fn draw(&mut self) -> String {
        let mut text = String::new();
        if !std::mem::replace(&mut self.begun, true) {
            self.drawn.clear();
            text.push_str("\u{1b}[0m\u{1b}[2J");
        }
        let (columns, rows) = self.room;
        // The last row is ours.
        let mut now: Vec<String> = self
            .terminal
            .rows()
            .take(rows.saturating_sub(1))
            .map(|row| gateway::ssh::paint(row, columns, safe))
            .collect();
        now.resize(rows.saturating_sub(1), String::new());
        now.push(format!("\u{1b}[7m{}", self.told.chars().take(columns).collect::<String>()));
        for (row, line) in now.iter().enumerate() {
            if self.drawn.get(row) != Some(line) {
                // Writing to a String cannot fail.
                let _infallible = write!(text, "\u{1b}[{};1H\u{1b}[0m\u{1b}[K{line}\u{1b}[0m", row + 1);
            }
        }
        self.drawn = now;
        let (column, row, visible) = self.terminal.cursor();
        let shows = if visible { 'h' } else { 'l' };
        let (row, column) = (row.min(rows.saturating_sub(2)), column.min(columns.saturating_sub(1)));
        let _infallible = write!(text, "\u{1b}[{};{}H\u{1b}[?25{shows}", row + 1, column + 1);
        text
    }

    /// Leaves the picture where it is, and the cursor below it.
    pub(super) fn leave(&self) -> String {
        format!("\u{1b}[{};1H\u{1b}[0m\u{1b}[?25h\n", self.room.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_drawn_and_nothing_of_the_recording_is_obeyed() {
        let mut film = Film::new((80, 24), (100, 30));
        film.feed("one\r\n\u{1b}[31mred\u{1b}]52;c;aGk=\u{7}\u{1b}[c\u{202e}x".as_bytes());
        let text = film.draw();
        assert!(text.contains("one") && text.contains("\u{1b}[0;38;5;1mred\u{fffd}x"), "{text:?}");
        assert!(!text.contains("52;c") && !text.contains("\u{1b}[c"), "{text:?}");
        film.feed(b"\r\nthree");
        let text = film.draw();
        assert!(text.contains("three") && !text.contains("one"), "{text:?}");
    }

    #[test]
    fn a_small_screen_gets_the_part_that_it_has_room_for() {
        let mut film = Film::new((80, 24), (10, 3));
        film.feed(b"0123456789abc\r\ntwo\r\nthree");
        film.tell("held by rule");
        let text = film.draw();
        assert!(text.contains("0123456789\u{1b}") && text.contains("two") && !text.contains("three"), "{text:?}");
        assert!(text.contains("\u{1b}[3;1H") && text.contains("held by ru\u{1b}"), "{text:?}");
    }
}
