//! A recording as a film: asciicast v3, which asciinema's player plays
//! (<https://docs.asciinema.org/manual/asciicast/v3/>).
//!
//! One JSON value a line: a header, then `[seconds since the event before, kind, data]`. Output is what the person saw, masks
//! and all. What was held and what became of it are markers, so that one can jump there. What was typed is in it on request.

use std::io::{self, Write};

use serde_json::json;
use workflows::evidence::recording::{Event, Record};

use super::scene::Input;
use super::story::size;
use super::terminal::SIZE;
use super::text::Text;
use crate::failure::Failure;

/// Pauses longer than this are played as this long, in seconds; the file keeps their true length.
const IDLE: u32 = 3;

/// Writes a recording as a film.
pub fn write(
    records: impl Iterator<Item = Result<Record, Failure>>,
    input: Input,
    to: &mut impl Write,
) -> Result<(), Failure> {
    let mut film = Film { to, begun: None, before: 0, size: SIZE, text: Text::default(), input };
    for record in records {
        film.add(&record?)?;
    }
    Ok(film.finish()?)
}

struct Film<'a, W> {
    to: &'a mut W,
    /// The header, until it is written: with the terminal's size, which comes after the beginning.
    begun: Option<(i64, String)>,
    /// Microseconds of the event before, as far as milliseconds tell: what is rounded off is carried on.
    before: i64,
    size: (u32, u32),
    text: Text,
    input: Input,
}

impl<W: Write> Film<'_, W> {
    fn add(&mut self, record: &Record) -> io::Result<()> {
        let at = record.at_us;
        match &record.what {
            Event::Begin { json } => self.begun = Some((at, title(json))),
            Event::Note { text } => match size(text) {
                Some(size) if self.begun.is_some() => self.size = size,
                Some((columns, rows)) => self.event(at, "r", &format!("{columns}x{rows}"))?,
                None => self.event(at, "m", text)?,
            },
            Event::Hold { request, rule, .. } => self.event(at, "m", &format!("held by {rule} ({request})"))?,
            Event::Settled { outcome, by, .. } => self.event(at, "m", format!("{outcome} {by}").trim())?,
            Event::Output { bytes, .. } => {
                let text = self.text.read(bytes);
                self.event(at, "o", &text)?;
            }
            Event::Outcome { op: 1, tag, .. } => {
                if let Some(status) = tag.strip_prefix("exit ") {
                    self.event(at, "x", status)?;
                }
            }
            Event::Typed { text, .. } if self.input == Input::Shown => self.event(at, "i", text)?,
            Event::File { .. } | Event::Typed { .. } => {}
            Event::Intent { .. } | Event::Outcome { .. } | Event::Masked { .. } | Event::End { .. } => {}
        }
        Ok(())
    }

    fn event(&mut self, at: i64, kind: &str, data: &str) -> io::Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        self.header()?;
        let millis = (at - self.before).max(0) / 1_000;
        self.before += millis * 1_000;
        let seconds = format!("{}.{:03}", millis / 1_000, millis % 1_000);
        writeln!(self.to, "[{seconds}, {}, {}]", json!(kind), json!(data))
    }

    fn header(&mut self) -> io::Result<()> {
        let Some((at, title)) = self.begun.take() else { return Ok(()) };
        self.before = at;
        let (columns, rows) = self.size;
        let header = json!({
            "version": 3,
            "term": { "cols": columns, "rows": rows },
            "timestamp": at / 1_000_000,
            "idle_time_limit": IDLE,
            "title": title,
        });
        writeln!(self.to, "{header}")
    }

    fn finish(mut self) -> io::Result<()> {
        self.header()?;
        self.to.flush()
    }
}

/// Who, and where: the film's title.
fn title(json: &str) -> String {
    let begin: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let word = |key: &str| begin.get(key).and_then(serde_json::Value::as_str).unwrap_or("?").to_owned();
    format!("{} on {} ({})", word("who"), word("target"), word("session"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(events: Vec<(i64, Event)>) -> Vec<serde_json::Value> {
        let mut out = Vec::new();
        let records = events.into_iter().map(|(at_us, what)| Ok(Record { at_us, what }));
        write(records, Input::Left, &mut out).expect("written");
        String::from_utf8(out).expect("text").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    fn output(text: &[u8]) -> Event {
        Event::Output { op: 1, bytes: text.to_vec() }
    }

    fn begin() -> Event {
        Event::Begin { json: r#"{"who":"ada","target":"web-1","session":"ses_1"}"#.to_owned() }
    }

    #[test]
    fn a_session_becomes_a_header_and_events_with_the_time_since_the_one_before() {
        let lines = film(vec![
            (5_000_000, begin()),
            (5_000_100, Event::Note { text: "terminal 100x30 xterm".to_owned() }),
            (5_250_900, output(b"$ rm x\r\n")),
            (5_251_700, Event::Hold { op: 2, request: "req_1".to_owned(), rule: "deletes".to_owned() }),
            (9_251_700, Event::Note { text: "terminal 90x20".to_owned() }),
            (
                9_252_000,
                Event::Outcome { op: 1, tag: "exit 3".to_owned(), rows: 0, bytes: 0, micros: 0, error: None },
            ),
        ]);
        assert_eq!(lines[0]["version"], 3);
        assert_eq!(lines[0]["term"], json!({ "cols": 100, "rows": 30 }));
        assert_eq!((&lines[0]["timestamp"], &lines[0]["title"]), (&json!(5), &json!("ada on web-1 (ses_1)")));
        assert_eq!(lines[1], json!([0.25, "o", "$ rm x\r\n"]));
        // Half milliseconds are not lost: 0.9 ms were left, and 0.8 more make one.
        assert_eq!(lines[2], json!([0.001, "m", "held by deletes (req_1)"]));
        assert_eq!(lines[3], json!([4.0, "r", "90x20"]));
        assert_eq!(lines[4], json!([0.001, "x", "3"]));
        assert_eq!(lines.len(), 5);
    }

    #[test]
    fn a_character_that_is_cut_waits_for_its_rest_and_rubbish_does_not() {
        let text = "a€b".as_bytes();
        let lines = film(vec![
            (0, begin()),
            (0, output(&text[..2])),
            (0, output(&text[2..])),
            (0, output(b"\xff\xfe.\x1b[1m")),
        ]);
        let all: String = lines.iter().skip(1).map(|line| line[2].as_str().expect("text").to_owned()).collect();
        assert_eq!(all, "a€b\u{fffd}\u{fffd}.\u{1b}[1m");
    }

    #[test]
    fn an_empty_session_is_a_header() {
        assert_eq!(film(vec![(7_000_000, begin())]).len(), 1);
    }
}
