//! Rows of an emulated terminal as bytes for a real one.

use std::fmt::Write;

use avt::{Cell, Color, Line, Pen};

/// A row with its colours, as far as `columns`; `safe` says what stands for a character. Blanks at its end that nobody sees are left
/// out.
pub fn paint(row: &Line, columns: usize, safe: impl Fn(char) -> char) -> String {
    let blank = |cell: &Cell| cell.char() == ' ' && cell.pen().background().is_none() && !cell.pen().is_inverse();
    let cells = row.cells();
    let used = cells.iter().rposition(|cell| !blank(cell)).map_or(0, |last| last + 1);
    let (mut text, mut pen) = (String::new(), None);
    for cell in cells.iter().take(used.min(columns)).filter(|cell| cell.width() != 0) {
        if pen != Some(*cell.pen()) {
            pen = Some(*cell.pen());
            text.push_str(&dipped(cell.pen()));
        }
        text.push(safe(cell.char()));
    }
    text
}

/// The sequence that sets a pen.
fn dipped(pen: &Pen) -> String {
    let set = [
        (pen.is_bold(), 1),
        (pen.is_faint(), 2),
        (pen.is_italic(), 3),
        (pen.is_underline(), 4),
        (pen.is_blink(), 5),
        (pen.is_inverse(), 7),
        (pen.is_strikethrough(), 9),
    ];
    let mut text = String::from("\u{1b}[0");
    for (is, number) in set {
        if is {
            let _infallible = write!(text, ";{number}");
        }
    }
    for (colour, layer) in [(pen.foreground(), 38), (pen.background(), 48)] {
        let _infallible = match colour {
            Some(Color::Indexed(index)) => write!(text, ";{layer};5;{index}"),
            Some(Color::RGB(rgb)) => write!(text, ";{layer};2;{};{};{}", rgb.r, rgb.g, rgb.b),
            None => Ok(()),
        };
    }
    text + "m"
}
