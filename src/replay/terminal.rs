//! A terminal that a recording is played on. Whatever was printed, the work that it takes is bounded.

use avt::parser::{DecMode, Function};
use avt::{Line, Parser, Terminal as Emulator};

use super::text::Text;
use crate::plain;

/// The smallest and the largest terminal that is followed.
const COLUMNS: (usize, usize) = (20, 500);
const ROWS: (usize, usize) = (8, 200);
/// The size of a terminal that said none.
pub(super) const SIZE: (u32, u32) = (80, 24);
/// How many cells may be drawn anew at first, and again for each byte: four bytes clear a whole screen, and a megabyte of
/// them would take minutes.
const BURST: usize = 16 << 20;
const REFILL: usize = 256;

/// What becomes of a function before it is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A character is printed at the cursor.
    Prints,
    /// The row stays, and its text with it.
    Stays,
    /// The cursor may leave its row, or text may go.
    Leaves,
}

/// The terminal.
pub(super) struct Terminal {
    emulator: Emulator,
    parser: Parser,
    text: Text,
    budget: usize,
    /// More was drawn than can be followed: the screen is wrong from here on.
    flooded: bool,
    /// Without a terminal, a line feed returns the carriage as well.
    plain: bool,
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal").field("size", &self.emulator.size()).finish_non_exhaustive()
    }
}

impl Terminal {
    /// A terminal of a size, or what takes its place where there was none.
    #[expect(
        clippy::expect_used,
        reason = "the emulator refuses only a size of nothing, and this one is at least 20 by 8"
    )]
    pub(super) fn new(size: Option<(u32, u32)>) -> Self {
        let (columns, rows) = bounded(size.unwrap_or(SIZE));
        let emulator = Emulator::new(columns, rows).expect("a size");
        let (parser, text) = (Parser::new(), Text::default());
        Self { emulator, parser, text, budget: BURST, flooded: false, plain: size.is_none() }
    }

    /// The window has another size.
    pub(super) fn resize(&mut self, size: (u32, u32)) {
        let (columns, rows) = bounded(size);
        if self.pay(2 * columns * rows) {
            self.emulator.resize(columns, rows);
        }
    }

    /// Plays what was printed. `each` is asked before a step that may lose text, and after one that adds some.
    pub(super) fn feed(&mut self, bytes: &[u8], each: &mut impl FnMut(Step, &mut Self)) {
        self.budget = self.budget.saturating_add(bytes.len() * REFILL).min(BURST);
        for char in self.text.read(bytes).chars() {
            // Eight-bit controls: hardly a terminal obeys them in UTF-8, the emulator would.
            if matches!(char, '\u{80}'..='\u{9f}') {
                continue;
            }
            if let Some(function) = self.parser.feed(char) {
                self.run(function, each);
            }
        }
    }

    fn run(&mut self, mut function: Function, each: &mut impl FnMut(Step, &mut Self)) {
        let (columns, rows) = self.emulator.size();
        if let Function::Rep(times) = &mut function {
            *times = (*times).min(u16::try_from(columns).unwrap_or(u16::MAX));
        }
        let step = step(&function);
        if step == Step::Leaves {
            each(step, self);
        }
        let cost = if is_wide(&function) { columns * rows } else { 1 };
        if !self.pay(cost) {
            return;
        }
        let feeds = matches!(function, Function::Lf) && self.plain;
        self.emulator.execute(function);
        if feeds {
            self.emulator.execute(Function::Cr);
        }
        if step == Step::Prints {
            each(step, self);
        }
    }

    /// Whether so much more may be done.
    pub(super) fn pay(&mut self, cost: usize) -> bool {
        let left = self.budget.checked_sub(cost);
        self.budget = left.unwrap_or(0);
        self.flooded |= left.is_none();
        left.is_some()
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> (usize, usize) {
        self.emulator.size()
    }

    /// Column and row of the cursor, from 0; whether it shows.
    pub(super) fn cursor(&self) -> (usize, usize, bool) {
        let cursor = self.emulator.cursor();
        (cursor.col, cursor.row, cursor.visible)
    }

    /// The rows that are shown.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Line> {
        self.emulator.screen().visible_lines()
    }

    /// Whether more was drawn than can be followed.
    pub(super) fn is_flooded(&self) -> bool {
        self.flooded
    }

    /// The line that the cursor is in: its rows joined where they go on at the margin. Its cells are paid for, blank or not;
    /// nothing where that can't be done any more.
    pub(super) fn line(&mut self) -> String {
        let (columns, _) = self.emulator.size();
        let rows: Vec<&Line> = self.rows().collect();
        let cursor = self.emulator.cursor().row;
        let goes_on = |row: &usize| rows.get(*row).is_some_and(|row| row.is_wrapped());
        let head = (0..cursor).rev().take_while(goes_on).last().unwrap_or(cursor);
        let last = (cursor..rows.len()).find(|row| !goes_on(row)).unwrap_or(cursor);
        let mut text = String::new();
        // What stands there when it comes to that is still handed out.
        let was_flooded = self.flooded;
        let cells = columns * (last + 1 - head);
        if was_flooded && self.budget < cells {
            return text;
        }
        text.extend(rows.iter().take(last + 1).skip(head).flat_map(|row| row.chars()));
        self.pay(cells);
        text.truncate(text.trim_end().len());
        text
    }
}

/// A character as it may be shown: one that a terminal would obey, or nobody would see, has another in its place.
pub(super) fn safe(char: char) -> char {
    let mut text = [0; 4];
    if plain::line(char.encode_utf8(&mut text)).chars().eq([char]) { char } else { char::REPLACEMENT_CHARACTER }
}

fn bounded((columns, rows): (u32, u32)) -> (usize, usize) {
    let within = |size: u32, (least, most): (usize, usize)| usize::try_from(size).unwrap_or(most).clamp(least, most);
    (within(columns, COLUMNS), within(rows, ROWS))
}

fn step(function: &Function) -> Step {
    if matches!(function, Function::Print(_) | Function::Rep(_)) {
        return Step::Prints;
    }
    let stays = matches!(
        function,
        Function::Sgr(_)
            | Function::Bs
            | Function::Ht
            | Function::Cuf(_)
            | Function::Cub(_)
            | Function::Ich(_)
            | Function::Dch(_)
            | Function::Osc(_)
            | Function::Sm(_)
            | Function::Rm(_)
            | Function::Si
            | Function::So
            | Function::Gzd4(_)
            | Function::G1d4(_)
    );
    if stays { Step::Stays } else { Step::Leaves }
}

/// Whether it may touch every cell.
fn is_wide(function: &Function) -> bool {
    if let Function::Decset(modes) | Function::Decrst(modes) = function {
        let other = |mode: &DecMode| matches!(mode, DecMode::AltScreenBuffer | DecMode::SaveCursorAltScreenBuffer);
        return modes.as_slice().iter().any(other);
    }
    matches!(
        function,
        Function::Decaln
            | Function::Ed(_)
            | Function::Ris
            | Function::Il(_)
            | Function::Dl(_)
            | Function::Su(_)
            | Function::Sd(_)
    )
}
