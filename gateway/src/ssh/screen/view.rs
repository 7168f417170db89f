//! The terminal as the target draws it, kept within bounds.

use std::time::Duration;

use avt::parser::{DecMode, Function, State};
use avt::{Anchor, Parser, Position, ScreenKind, Terminal};

use super::decode::{Utf8, has_no_width};
use crate::ssh::paint::paint;

/// The largest terminal that is followed: two screens of it take a few megabytes. A larger one is cut, and doubted.
const COLUMNS: usize = 500;
const ROWS: usize = 200;
/// What a terminal without a size gets.
const UNKNOWN: (usize, usize) = (80, 24);
/// How many cells may be redrawn at once, and again for each millisecond. Four bytes clear a whole screen: without a bound a
/// megabyte of them takes a minute. A program that draws sixty times a second stays far below.
const BURST: usize = 16 << 20;
const REFILL: usize = 16 << 10;
/// How much of the end of what was printed since the last line is remembered, in bytes.
const PRINTED: usize = 1024;

/// A cell, from the top left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) row: usize,
    pub(super) column: usize,
}

/// The text from a place to the end of what is shown.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Rows that go on at the margin are joined, others are separated by a line break.
    pub(super) text: String,
    /// The part before the cursor.
    pub(super) before: String,
    /// A row is full, and nothing says that the next one goes on.
    pub(super) margin: bool,
}

/// What was printed since the last line was submitted.
#[derive(Debug, Default)]
pub(super) struct Printed {
    /// The end of its text.
    pub(super) text: String,
    /// The cursor went to a new row.
    pub(super) fed: bool,
    /// There were characters without a width.
    pub(super) joined: bool,
    /// The alternate screen came or went.
    pub(super) switched: bool,
}

/// The emulator.
pub(super) struct View {
    terminal: Terminal,
    parser: Parser,
    utf8: Utf8,
    budget: usize,
    refilled: Duration,
    pub(super) printed: Printed,
    pub(super) cut: bool,
    pub(super) flooded: bool,
}

impl View {
    pub(super) fn new(columns: u32, rows: u32) -> Result<Self, avt::InvalidSize> {
        let ((columns, rows), cut) = bounded(columns, rows);
        Ok(Self {
            terminal: Terminal::with_scrollback(columns, rows, Some(0))?,
            parser: Parser::new(),
            utf8: Utf8::default(),
            budget: BURST,
            refilled: Duration::ZERO,
            printed: Printed::default(),
            cut,
            flooded: false,
        })
    }

    pub(super) fn resize(&mut self, columns: u32, rows: u32) {
        let ((columns, rows), cut) = bounded(columns, rows);
        self.cut = cut;
        let (old_columns, old_rows) = self.terminal.size();
        if self.pay(columns * rows + old_columns * old_rows) {
            self.terminal.resize(columns, rows);
        }
    }

    /// What the target printed.
    pub(super) fn feed(&mut self, bytes: &[u8], now: Duration) {
        let passed = now.saturating_sub(self.refilled).as_millis();
        self.refilled = now;
        let refill = usize::try_from(passed).unwrap_or(BURST).saturating_mul(REFILL);
        self.budget = self.budget.saturating_add(refill).min(BURST);
        let mut chars = Vec::new();
        for byte in bytes {
            self.utf8.push(*byte, &mut |char| chars.push(char));
            for char in chars.drain(..) {
                self.char(char);
            }
        }
    }

    fn char(&mut self, char: char) {
        // Eight-bit controls: hardly a terminal obeys them in UTF-8, the emulator would.
        if has_no_width(char) || matches!(char, '\u{80}'..='\u{9f}') {
            self.printed.joined = true;
            return;
        }
        let Some(mut function) = self.parser.feed(char) else { return };
        let (columns, rows) = self.terminal.size();
        if let Function::Rep(times) = &mut function {
            *times = (*times).min(u16::try_from(columns).unwrap_or(u16::MAX));
        }
        let switches = switches(&function);
        let cost = if let Function::Rep(times) = &function {
            usize::from(*times)
        } else if matches!(&function, Function::Decaln) {
            columns * rows * 8
        } else if switches || is_wide(&function) {
            columns * rows
        } else {
            0
        };
        if !self.pay(cost) {
            return;
        }
        if let Function::Print(char) = &function {
            self.remember(*char);
        }
        if matches!(&function, Function::Lf | Function::Nel) {
            self.printed.fed = true;
            self.remember('\n');
        }
        self.printed.switched |= switches;
        self.terminal.execute(function);
    }

    fn remember(&mut self, char: char) {
        let text = &mut self.printed.text;
        if text.len() > 2 * PRINTED {
            let kept = text.ceil_char_boundary(PRINTED);
            text.drain(..kept);
        }
        text.push(char);
    }

    /// Whether there is enough left. What isn't drawn makes the screen wrong for good.
    fn pay(&mut self, cost: usize) -> bool {
        let left = self.budget.checked_sub(cost);
        self.budget = left.unwrap_or(0);
        self.flooded |= left.is_none();
        left.is_some()
    }

    /// Whether the alternate screen is shown.
    pub(super) fn is_alternate(&self) -> bool {
        self.terminal.active_screen_kind() == ScreenKind::Alternate
    }

    /// The size, where a program has the whole screen, all of it is known, and nothing that was printed is in the middle of a sequence.
    pub(super) fn whole(&self) -> Option<(usize, usize)> {
        let still = self.parser.state == State::Ground && !self.utf8.is_inside();
        (self.is_alternate() && still && !self.cut && !self.flooded).then(|| self.terminal.size())
    }

    /// All rows as text, without the blanks at their ends.
    #[cfg(test)]
    pub(super) fn rows(&self) -> Vec<String> {
        let rows = self.terminal.screen().visible_lines();
        rows.map(|row| visible(row.cells().iter()).trim_end().to_owned()).collect()
    }

    /// The last row, with its colours.
    pub(super) fn last_row(&self, columns: usize) -> String {
        let row = self.terminal.screen().visible_lines().last();
        row.map(|row| paint(row, columns, |char| char)).unwrap_or_default()
    }

    pub(super) fn cursor(&self) -> Place {
        let cursor = self.terminal.cursor();
        Place { row: cursor.row, column: cursor.col }
    }

    /// A mark that follows a cell when rows scroll and are broken anew.
    pub(super) fn mark(&mut self, place: Place) -> Option<Anchor> {
        let row = isize::try_from(place.row).ok()?;
        self.terminal.anchor_at(Position { screen: ScreenKind::Primary, col: place.column, row })
    }

    /// Where a mark is now, if it is still shown.
    pub(super) fn resolve(&self, mark: &Anchor) -> Option<Place> {
        let position = self.terminal.resolve(mark).filter(|position| position.screen == ScreenKind::Primary)?;
        Some(Place { row: usize::try_from(position.row).ok()?, column: position.col })
    }

    /// The text of a row before a column, with its blanks. Rows above that go on in it are not looked at.
    pub(super) fn left_of(&self, place: Place) -> String {
        let row = self.terminal.screen().line(place.row);
        row.map(|row| visible(row.cells().iter().take(place.column))).unwrap_or_default()
    }

    /// Whether there is text from a place on.
    pub(super) fn is_blank_from(&self, place: Place) -> bool {
        let mut rows = self.terminal.screen().visible_lines().skip(place.row);
        let first =
            rows.next().is_none_or(|row| row.cells().iter().skip(place.column).all(|cell| cell.char() == ' '));
        first && rows.all(|row| row.cells().iter().all(|cell| cell.char() == ' '))
    }

    /// The first row of those that are one line with `row`.
    pub(super) fn head(&self, row: usize) -> usize {
        let wraps: Vec<bool> = self.terminal.screen().visible_lines().map(avt::Line::is_wrapped).collect();
        (0..row).rev().take_while(|above| wraps.get(*above).is_some_and(|wraps| *wraps)).last().unwrap_or(row)
    }

    /// The last row between two that begins with a prompt, and where the prompt ends.
    pub(super) fn find(&self, prompt: &str, rows: std::ops::RangeInclusive<usize>) -> Option<Place> {
        let lines: Vec<&avt::Line> = self.terminal.screen().visible_lines().collect();
        rows.rev().find_map(|row| {
            let goes_on =
                row.checked_sub(1).and_then(|above| lines.get(above)).is_some_and(|above| above.is_wrapped());
            let column = prompt_end(lines.get(row)?, prompt)?;
            (!goes_on).then_some(Place { row, column })
        })
    }

    /// The text from `begin` to the last row with text, or with the cursor.
    pub(super) fn text(&self, begin: Place) -> Shown {
        let cursor = self.cursor();
        let lines: Vec<&avt::Line> = self.terminal.screen().visible_lines().collect();
        let used =
            |row: &avt::Line| row.cells().iter().rposition(|cell| cell.char() != ' ').map_or(0, |last| last + 1);
        let last = lines.iter().rposition(|row| used(row) > 0).unwrap_or(0).max(cursor.row);
        let mut shown = Shown::default();
        for (at, row) in lines.iter().enumerate().take(last + 1).skip(begin.row) {
            let from = if at == begin.row { begin.column } else { 0 };
            let here = if at == cursor.row { cursor.column } else { 0 };
            let next = lines.get(at + 1).and_then(|next| next.cells().first());
            let mut end = if row.is_wrapped() { row.len() } else { used(row).max(here) };
            // A wide character that had no room at the margin leaves a blank there.
            let moved = next.is_some_and(|cell| cell.width() == 2);
            if row.is_wrapped() && moved && row.cells().last().is_some_and(|cell| cell.char() == ' ') {
                end -= 1;
            }
            let part = |end: usize| visible(row.cells().iter().take(end).skip(from));
            if at == cursor.row {
                shown.before = format!("{}{}", shown.text, part(here));
            }
            shown.text.push_str(&part(end));
            if !row.is_wrapped() && at < last {
                if used(row) == row.len() { shown.margin = true } else { shown.text.push('\n') }
            }
        }
        shown
    }
}

/// Where a row's prompt ends, if the row begins with it.
fn prompt_end(row: &avt::Line, prompt: &str) -> Option<usize> {
    let mut rest = prompt.chars().peekable();
    let mut column = 0;
    for cell in row.cells() {
        if rest.peek().is_none() && cell.width() != 0 {
            break;
        }
        if cell.width() != 0 && rest.next() != Some(cell.char()) {
            return None;
        }
        column += 1;
    }
    rest.next().is_none().then_some(column)
}

/// Cells as text; the second half of a wide character is none.
fn visible<'a>(cells: impl Iterator<Item = &'a avt::Cell>) -> String {
    cells.filter(|cell| cell.width() != 0).map(avt::Cell::char).collect()
}

/// A size within bounds, and whether it is another one than the target has.
fn bounded(columns: u32, rows: u32) -> ((usize, usize), bool) {
    if columns == 0 || rows == 0 {
        return (UNKNOWN, true);
    }
    let least = |size: u32, most: usize| usize::try_from(size).map_or(most, |size| size.min(most));
    let size = (least(columns, COLUMNS), least(rows, ROWS));
    (size, usize::try_from(columns) != Ok(size.0) || usize::try_from(rows) != Ok(size.1))
}

/// Whether it changes the screen for the other one.
fn switches(function: &Function) -> bool {
    let (Function::Decset(modes) | Function::Decrst(modes)) = function else { return false };
    modes.as_slice().iter().any(|mode| matches!(mode, DecMode::AltScreenBuffer | DecMode::SaveCursorAltScreenBuffer))
}

/// Whether it may touch every cell.
fn is_wide(function: &Function) -> bool {
    matches!(
        function,
        Function::Ed(_) | Function::Ris | Function::Il(_) | Function::Dl(_) | Function::Su(_) | Function::Sd(_)
    )
}
