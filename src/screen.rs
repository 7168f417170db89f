//! Where output goes, and how much it may be dressed up there.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, Table, presets};
use jiff::tz::TimeZone;
use serde::Serialize;
use workflows::clock::{Clock, Timestamp};

use crate::failure::Failure;
use crate::plain;

/// How a listing looks: for people or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Tables and sentences.
    People,
    /// JSON.
    Programs,
}

/// What the output is written for.
#[derive(Clone, Debug)]
pub struct Screen {
    form: Form,
    /// Columns of the terminal; nothing in a pipe, where lines are as long as they are.
    width: Option<u16>,
    /// Its rows.
    height: Option<u16>,
    colour: bool,
    progress: bool,
    zone: TimeZone,
    clock: Clock,
}

impl Screen {
    /// As this process was started.
    pub fn of_process(json: bool) -> Self {
        let tty = io::stdout().is_terminal();
        let size = if tty { crossterm::terminal::size().ok() } else { None };
        let (width, height) = size.map(|(columns, rows)| (columns.max(40), rows)).unzip();
        // https://no-color.org: present and not empty, whatever it says.
        let plain = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        Self {
            form: if json { Form::Programs } else { Form::People },
            width,
            height,
            colour: tty && !plain,
            progress: io::stderr().is_terminal(),
            zone: TimeZone::system(),
            clock: Clock::System,
        }
    }

    /// For tests: a pipe or a terminal of a width, in UTC, at a moment.
    pub fn fixed(form: Form, width: Option<u16>, now: Timestamp) -> Self {
        let (clock, _) = Clock::manual(now);
        let height = width.map(|_| 30);
        Self { form, width, height, colour: false, progress: false, zone: TimeZone::UTC, clock }
    }

    /// Tables or JSON.
    pub const fn form(&self) -> Form {
        self.form
    }

    /// Whether somebody looks at the standard output.
    pub const fn is_terminal(&self) -> bool {
        self.width.is_some()
    }

    /// Columns and rows of the terminal, where the standard output is one.
    pub fn room(&self) -> Option<(usize, usize)> {
        self.width.zip(self.height).map(|(columns, rows)| (usize::from(columns), usize::from(rows)))
    }

    /// Whether somebody looks at the standard error, so that waiting may be shown there.
    pub const fn shows_progress(&self) -> bool {
        self.progress
    }

    /// The zone in which times are shown.
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The moment that it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A moment in local words, "14:32 CET".
    pub fn when(&self, at: Timestamp) -> String {
        at.local(self.now(), &self.zone)
    }

    /// Writes text to the standard output.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        Ok(())
    }

    /// Writes text, or the document for programs.
    pub fn show<T: Serialize>(&self, document: &T, text: impl FnOnce() -> String) -> Result<(), Failure> {
        match self.form {
            Form::People => self.print(&text()),
            Form::Programs => {
                let mut json = serde_json::to_string_pretty(document)
                    .map_err(|error| Failure::new(format!("the answer cannot be written as JSON: {error}")))?;
                json.push('\n');
                self.print(&json)
            }
        }
    }

    /// Says something beside the output. Nobody reading it is no error.
    pub fn say(&self, text: &str) {
        let mut err = io::stderr().lock();
        let _nobody_reads_it = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// Says why a command was not done, and gives its exit code.
    pub fn fail(&self, failure: &Failure) -> ExitCode {
        if !failure.is_silent() {
            self.say(&format!("error: {failure}\n"));
        }
        failure.code()
    }

    /// A table without lines: a header, and columns two spaces apart. On a terminal it keeps to the width.
    pub fn table(&self, header: &[&str], rows: Vec<Vec<String>>) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).force_no_tty();
        match self.width {
            Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        if self.colour {
            table.enforce_styling();
        }
        table.set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
        for row in rows {
            table.add_row(row.iter().map(|cell| plain::line(cell).into_owned()));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        // The first column is what one types next, so it is never broken.
        if let Some(first) = table.column_mut(0) {
            first.set_constraint(ColumnConstraint::ContentWidth);
        }
        let mut text = String::new();
        for line in table.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// Names and values below each other; empty values are left out. Values of several lines are indented.
    pub fn fields(&self, fields: &[(&str, String)]) -> String {
        let longest = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let mut text = String::new();
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
            let value = plain::block(value);
            for (at, line) in value.lines().enumerate() {
                let name = if at == 0 { *name } else { "" };
                text.push_str(format!("{name:<longest$}  {line}").trim_end());
                text.push('\n');
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(width: Option<u16>) -> Screen {
        Screen::fixed(Form::People, width, Timestamp::from_micros(1_764_000_000_000_000))
    }

    fn rows() -> Vec<Vec<String>> {
        vec![
            vec![
                "orders-prod".to_owned(),
                "a long reason that does not fit into the width of the terminal".to_owned(),
            ],
            vec!["x".to_owned(), "evil\u{1b}[2J\u{202e}".to_owned()],
        ]
    }

    #[test]
    fn a_table_in_a_pipe_has_one_line_a_row() {
        let text = screen(None).table(&["TARGET", "WHY"], rows());
        let expected = "TARGET       WHY\n\
                        orders-prod  a long reason that does not fit into the width of the terminal\n\
                        x            evil\\u{1b}[2J\\u{202e}\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_table_on_a_terminal_keeps_to_its_width() {
        let text = screen(Some(40)).table(&["TARGET", "WHY"], rows());
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        assert!(text.lines().count() > 3 && text.contains("\norders-prod  a long"), "{text}");
    }

    #[test]
    fn fields_leave_out_what_is_empty_and_indent_lines() {
        let fields =
            [("why", "INC-42".to_owned()), ("note", String::new()), ("statement", "DELETE\nFROM".to_owned())];
        assert_eq!(screen(None).fields(&fields), "why        INC-42\nstatement  DELETE\n           FROM\n");
    }

    #[test]
    fn times_are_local_with_their_zone() {
        let screen = screen(None);
        assert_eq!(screen.when(screen.now()), "16:00 UTC");
        assert_eq!(screen.when(Timestamp::from_micros(1_763_000_000_000_000)), "2025-11-13 02:13 UTC");
    }
}
