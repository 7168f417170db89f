//! A result as psql shows it.

use super::wire::{Column, Value};
use crate::plain;

/// So many rows of one result are shown; the rest is counted.
const MOST_ROWS: usize = 1000;
/// So much of one value is shown.
const MOST_CHARS: usize = 500;

/// A result that is being put together.
#[derive(Clone, Debug, Default)]
pub(super) struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
    more: usize,
}

impl Grid {
    pub(super) fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new(), more: 0 }
    }

    pub(super) fn push(&mut self, row: &[Value]) {
        if self.rows.len() >= MOST_ROWS {
            self.more += 1;
            return;
        }
        // Rows without a description are those of a prepared statement that was described before.
        while self.columns.len() < row.len() {
            let name = format!("column{}", self.columns.len() + 1);
            self.columns.push(Column { name, type_oid: 0, binary: false });
        }
        self.rows.push(row.iter().zip(&self.columns).map(|(value, column)| cell(value.as_deref(), column)).collect());
    }

    /// The table with its header, its rows and their number.
    pub(super) fn render(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|column| plain::line(&column.name).into_owned()).collect();
        let mut widths: Vec<usize> = names.iter().map(|name| width(name)).collect();
        for row in &self.rows {
            for (widest, value) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(value));
            }
        }
        let mut text = String::new();
        line(&mut text, names.iter().zip(&widths).map(|(name, widest)| centred(name, *widest)), " | ");
        line(&mut text, widths.iter().map(|widest| "-".repeat(*widest)), "-+-");
        for row in &self.rows {
            let aligned = row.iter().zip(&widths).zip(&self.columns).map(|((value, widest), column)| {
                let gap = " ".repeat(widest - width(value).min(*widest));
                if is_number(column.type_oid) { format!("{gap}{value}") } else { format!("{value}{gap}") }
            });
            line(&mut text, aligned, " | ");
        }
        let count = self.rows.len() + self.more;
        let rows = if count == 1 { "row" } else { "rows" };
        let shown = if self.more > 0 { format!(", the first {MOST_ROWS} shown") } else { String::new() };
        text + &format!("({count} {rows}{shown})\n")
    }
}

fn line(text: &mut String, cells: impl Iterator<Item = String>, between: &str) {
    let edge = if between.starts_with('-') { "-" } else { " " };
    let cells: Vec<String> = cells.collect();
    let joined = format!("{edge}{}{edge}", cells.join(between));
    text.push_str(joined.trim_end());
    text.push('\n');
}

fn centred(name: &str, widest: usize) -> String {
    let gap = widest - width(name).min(widest);
    format!("{}{name}{}", " ".repeat(gap / 2), " ".repeat(gap - gap / 2))
}

/// The types that psql puts to the right.
const fn is_number(type_oid: u32) -> bool {
    matches!(type_oid, 20 | 21 | 23 | 26 | 28 | 700 | 701 | 790 | 1700)
}

/// How many places of a terminal a text takes. East Asian and pictorial characters take two.
fn width(text: &str) -> usize {
    let wide = |c: char| {
        matches!(u32::from(c), 0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff
            | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1f64f | 0x1f900..=0x1f9ff
            | 0x20000..=0x3fffd)
    };
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

fn cell(value: Option<&[u8]>, column: &Column) -> String {
    let Some(bytes) = value else { return String::new() };
    let decoded = if column.binary {
        binary(bytes, column.type_oid)
    } else {
        std::str::from_utf8(bytes).ok().map(str::to_owned)
    };
    let text = decoded.unwrap_or_else(|| hex(bytes));
    match text.char_indices().nth(MOST_CHARS) {
        Some((at, _)) => format!("{}…", plain::line(text.get(..at).unwrap_or_default())),
        None => plain::line(&text).into_owned(),
    }
}

/// The binary forms of the commonest types; nothing for the others, which are shown as hexadecimal digits.
fn binary(bytes: &[u8], type_oid: u32) -> Option<String> {
    match type_oid {
        16 => bytes.first().map(|byte| if *byte == 0 { "f" } else { "t" }.to_owned()),
        20 => bytes.try_into().ok().map(|bytes| i64::from_be_bytes(bytes).to_string()),
        21 => bytes.try_into().ok().map(|bytes| i16::from_be_bytes(bytes).to_string()),
        23 => bytes.try_into().ok().map(|bytes| i32::from_be_bytes(bytes).to_string()),
        26 => bytes.try_into().ok().map(|bytes| u32::from_be_bytes(bytes).to_string()),
        700 => bytes.try_into().ok().map(|bytes| f32::from_be_bytes(bytes).to_string()),
        701 => bytes.try_into().ok().map(|bytes| f64::from_be_bytes(bytes).to_string()),
        // char, name, text, json, xml, bpchar, varchar, and what has no type yet
        18 | 19 | 25 | 114 | 142 | 705 | 1042 | 1043 => std::str::from_utf8(bytes).ok().map(str::to_owned),
        _ => None,
    }
}

/// Bytes as PostgreSQL writes `bytea`.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().take(MOST_CHARS).map(|byte| format!("{byte:02x}"));
    format!("\\x{}", digits.collect::<String>())
}
