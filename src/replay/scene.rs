//! What a reader of a recording sees, record by record.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::tz::TimeZone;
use workflows::clock::Timestamp;
use workflows::evidence::recording::{Event, Record};

use super::grid::{Grid, hex};
use super::lines::{Lines, Shown};
use super::story::{Protocol, Story, Window};
use super::wire::{Message, Report, Wire};
use crate::plain;

/// Where the text of a line begins that has no time of its own.
const INDENT: &str = "          ";
/// So much of what COPY gave out is shown for one operation, in bytes.
const MOST_COPIED: usize = 64 * 1024;

/// An operation whose output is being put together.
#[derive(Debug, Default)]
struct Running {
    wire: Wire,
    grid: Option<Grid>,
    copied: usize,
    /// Whether the output itself said how it ended.
    told: bool,
}

/// A session on the stage.
#[derive(Debug)]
pub struct Scene {
    zone: TimeZone,
    prompt: String,
    running: BTreeMap<u32, Running>,
    story: Story,
    /// What is printed as text, where it is.
    lines: Option<Lines>,
    input: Input,
    /// The file whose first piece was shown last.
    file: u32,
    ended: bool,
}

/// What becomes of what was typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Input {
    /// It is left out: most of it stands in the output.
    #[default]
    Left,
    /// It is shown as well.
    Shown,
}

impl Scene {
    /// An empty stage.
    pub fn new(zone: TimeZone) -> Self {
        let (running, story) = (BTreeMap::new(), Story::default());
        let (lines, input) = (None, Input::Left);
        Self { zone, prompt: String::new(), running, story, lines, input, file: 0, ended: false }
    }

    /// With what was typed, or without.
    #[must_use]
    pub fn with(self, input: Input) -> Self {
        Self { input, ..self }
    }

    /// What a record adds.
    pub fn show(&mut self, record: &Record) -> String {
        let resized = match (self.story.read(record), &mut self.lines) {
            (Some(Window::Resizes(size)), Some(lines)) => lines.resize(size),
            (Some(Window::Opens(_) | Window::Resizes(_)) | None, _) => None,
        };
        let before = match &record.what {
            Event::Output { .. } | Event::Typed { .. } => None,
            Event::Begin { .. }
            | Event::Intent { .. }
            | Event::Hold { .. }
            | Event::Settled { .. }
            | Event::Outcome { .. }
            | Event::Note { .. }
            | Event::Masked { .. }
            | Event::File { .. }
            | Event::End { .. } => self.lines.as_mut().and_then(Lines::flush),
        };
        let before: String = resized.into_iter().chain(before).map(printed).collect();
        before + &self.step(record)
    }

    fn step(&mut self, record: &Record) -> String {
        let at = Timestamp::from_micros(record.at_us).to_jiff().to_zoned(self.zone.clone());
        let time = at.strftime("%H:%M:%S").to_string();
        match &record.what {
            Event::Begin { json } => {
                let date = at.strftime("%Y-%m-%d %H:%M:%S %Z");
                let facts = facts(json);
                self.prompt = find(&facts, "target").unwrap_or_default();
                format!("{date}  session began\n{}", listed(&facts))
            }
            Event::Intent { text, params, verdict, detail, .. } => self.intent(&time, text, params, *verdict, detail),
            Event::Hold { request, rule, .. } => {
                format!("{INDENT}held by rule `{}` ({})\n", plain::line(rule), plain::line(request))
            }
            Event::Settled { outcome, by, because, .. } => {
                let by = if by.is_empty() { String::new() } else { format!(" by {}", plain::line(by)) };
                let why = if because.is_empty() { String::new() } else { format!(": \"{}\"", plain::line(because)) };
                format!("{time}  {}{by}{why}\n", plain::line(outcome))
            }
            Event::Output { bytes, .. } if self.story.protocol == Protocol::Ssh => {
                let size = self.story.size;
                let lines = self.lines.get_or_insert_with(|| Lines::new(size));
                lines.feed(record.at_us, bytes).into_iter().map(printed).collect()
            }
            Event::Output { op, bytes } => self.running.entry(*op).or_default().output(bytes),
            Event::Outcome { op, tag, rows, bytes, micros, error } => {
                let mut text = self.running.remove(op).map_or_else(String::new, |mut running| {
                    let rest = running.close();
                    if running.told { rest } else { rest + &untold(tag, error.as_deref()) }
                });
                let is_text = self.story.protocol == Protocol::Ssh;
                if text.is_empty() && (is_text || (self.running.is_empty() && *bytes == 0)) {
                    text = untold(tag, error.as_deref());
                }
                let (whole, part) = (micros / 1000, micros % 1000 / 100);
                let rows = if is_text { String::new() } else { format!("{rows} rows, ") };
                let _written = writeln!(text, "{INDENT}{rows}{bytes} bytes, {whole}.{part} ms");
                text
            }
            Event::Note { text } => format!("{INDENT}note: {}\n", plain::line(text)),
            Event::Masked { what, count, .. } => format!("{INDENT}masked {count} of {}\n", plain::line(what)),
            Event::Typed { text, .. } => match self.input {
                Input::Left => String::new(),
                Input::Shown => format!("{INDENT}typed: {}\n", plain::line(text.trim_end_matches('\r'))),
            },
            Event::File { number, name, size, .. } => {
                if std::mem::replace(&mut self.file, *number) == *number {
                    return String::new();
                }
                format!("{INDENT}kept as file {number}: {} ({size} bytes)\n", plain::line(name))
            }
            Event::End { json } => {
                self.ended = true;
                format!("{time}  session ended\n{}", listed(&facts(json)))
            }
        }
    }

    /// What is left when there are no more records.
    pub fn finish(&mut self) -> String {
        let left = self.lines.as_mut().and_then(Lines::flush);
        let mut text: String = left.into_iter().map(printed).collect();
        text.extend(self.running.values_mut().map(Running::close));
        self.running.clear();
        if !self.ended {
            text.push_str("(the recording has no end: the session is live, or its gateway was killed)\n");
        }
        text
    }

    fn intent(&self, time: &str, sql: &[u8], params: &[Option<Vec<u8>>], verdict: u8, detail: &str) -> String {
        let sql = std::str::from_utf8(sql).map_or_else(|_| hex(sql), |sql| plain::block(sql.trim_end()).into_owned());
        let mut text =
            format!("\n{time}  {}=> {}\n", plain::line(&self.prompt), sql.replace('\n', &format!("\n{INDENT}")));
        for (at, value) in params.iter().enumerate() {
            let value = match value.as_deref().map(|bytes| (bytes, std::str::from_utf8(bytes))) {
                None => "NULL".to_owned(),
                Some((_, Ok(value))) => format!("'{}'", plain::line(value)),
                Some((bytes, Err(_))) => hex(bytes),
            };
            let _written = writeln!(text, "{INDENT}${} = {value}", at + 1);
        }
        let judged = match verdict {
            0 => return text,
            1 => "to be held",
            2 => "refused",
            _ => "judged",
        };
        let _written = writeln!(text, "{INDENT}{judged}: {}", plain::line(detail));
        text
    }
}

impl Running {
    fn output(&mut self, bytes: &[u8]) -> String {
        let messages = self.wire.feed(bytes);
        messages.into_iter().map(|message| self.message(message)).collect()
    }

    fn message(&mut self, message: Message) -> String {
        match message {
            Message::Columns(columns) => {
                let before = self.result();
                self.grid = Some(Grid::new(columns));
                before
            }
            Message::Row(row) => {
                self.grid.get_or_insert_default().push(&row);
                String::new()
            }
            Message::Done(tag) => {
                self.told = true;
                // psql counts the rows of a result instead of repeating the server's word.
                let shown = self.result();
                if shown.is_empty() { format!("{}\n", plain::line(&tag)) } else { shown }
            }
            Message::Error(report) => {
                self.told = true;
                self.result() + &said(&report)
            }
            Message::Notice(report) => said(&report),
            Message::Copied(bytes) => self.copy(&bytes),
            Message::Silent => String::new(),
            Message::Lost => format!("{INDENT}(the rest of the output cannot be read)\n"),
        }
    }

    fn copy(&mut self, bytes: &[u8]) -> String {
        let before = self.copied;
        self.copied = before.saturating_add(bytes.len());
        match (before >= MOST_COPIED, self.copied >= MOST_COPIED) {
            (true, _) => String::new(),
            (false, true) => format!("{INDENT}(more was copied out)\n"),
            (false, false) => plain::block(&String::from_utf8_lossy(bytes)).into_owned(),
        }
    }

    fn result(&mut self) -> String {
        self.grid.take().map_or_else(String::new, |grid| grid.render())
    }

    /// Shows what is there of an output that was cut.
    fn close(&mut self) -> String {
        let mut text = self.result();
        if self.wire.is_cut() {
            text.push_str(INDENT);
            text.push_str("(the output was recorded up to here)\n");
        }
        text
    }
}

/// A line of a terminal.
fn printed(shown: Shown) -> String {
    format!("{}\n", plain::line(&shown.text))
}

/// How an operation ended whose output was not recorded.
fn untold(tag: &str, error: Option<&str>) -> String {
    match error {
        Some(error) => format!("ERROR:  {}\n", plain::line(error)),
        None if tag.is_empty() => String::new(),
        None => format!("{}\n", plain::line(tag)),
    }
}

/// An error or a notice, as psql prints it.
fn said(report: &Report) -> String {
    let code = if report.code.is_empty() || report.code == "00000" {
        String::new()
    } else {
        format!(" ({})", plain::line(&report.code))
    };
    let mut text = format!("{}:  {}{code}\n", plain::line(&report.severity), plain::line(&report.message));
    for (name, more) in [("DETAIL", &report.detail), ("HINT", &report.hint)] {
        if let Some(more) = more {
            let _written = writeln!(text, "{name}:  {}", plain::line(more));
        }
    }
    text
}

/// The texts and numbers of a JSON object, one level deep, in its order. People are shown by their name.
fn facts(json: &str) -> Vec<(String, String)> {
    let Ok(serde_json::Value::Object(all)) = serde_json::from_str(json) else { return Vec::new() };
    let fact = |(name, value): (String, serde_json::Value)| {
        let value = match value {
            serde_json::Value::String(text) => text,
            serde_json::Value::Object(mut inner) => match inner.remove("name") {
                Some(serde_json::Value::String(name)) => name,
                Some(_) | None => serde_json::Value::Object(inner).to_string(),
            },
            serde_json::Value::Null => return None,
            other @ (serde_json::Value::Bool(_) | serde_json::Value::Number(_) | serde_json::Value::Array(_)) => {
                other.to_string()
            }
        };
        Some((name, value))
    };
    all.into_iter().filter_map(fact).collect()
}

fn find(facts: &[(String, String)], wanted: &str) -> Option<String> {
    facts.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
}

fn listed(facts: &[(String, String)]) -> String {
    let mut text = String::new();
    for (name, value) in facts {
        let _written = writeln!(text, "{INDENT}{}: {}", plain::line(name), plain::line(value));
    }
    text
}
