//! A text in a recording: in what was asked, in what was seen, in what was typed.

use std::collections::BTreeMap;
use std::path::Path;

use console::documents::Place;
use console::{Find, Looked, Query, Stopped};
use workflows::clock::{Span, Timestamp};
use workflows::evidence::recording::{Ending, Event, ReadError, Reader, Record};

use super::lines::{Lines, Shown};
use super::story::{Protocol, Story, Window};
use super::wire::{Message, Wire};
use crate::plain;

/// So many characters of a line are shown around what was found.
const AROUND: usize = 160;
/// So many operations' outputs are put together at the same time.
const AT_ONCE: usize = 64;

/// Looks through one recording, from its beginning until `stop`. Blocks.
pub fn look(path: &Path, identity: Option<&str>, query: &Query, stop: &dyn Fn() -> bool) -> Looked {
    let mut reader = match Reader::open(path, identity) {
        Ok(reader) => reader,
        Err(ReadError::Sealed(_)) => return (Vec::new(), Some(Stopped::Sealed)),
        Err(error) => return (Vec::new(), Some(broken(&error))),
    };
    let mut search = Search::new(query);
    for record in reader.by_ref() {
        match record {
            Ok(record) => search.read(&record),
            Err(error) => return (search.finds, Some(broken(&error))),
        }
        if search.is_full() {
            return (search.done(), Some(Stopped::Full));
        }
        if stop() {
            return (search.finds, Some(Stopped::Told));
        }
    }
    search.finish();
    if search.is_full() {
        return (search.done(), Some(Stopped::Full));
    }
    let damage = match reader.ending() {
        Some(Ending::Tampered { frame }) => Some(Stopped::Broken(format!(
            "frame {frame} is not what the gateway wrote; the rest was not looked through"
        ))),
        Some(Ending::Torn { .. }) => Some(Stopped::Cut),
        Some(Ending::Complete) | None => None,
    };
    (search.done(), damage)
}

/// In words of ours: the system's own may name where files lie.
fn broken(error: &ReadError) -> Stopped {
    Stopped::Broken(match error {
        ReadError::File { source, .. } => format!("its file can't be read: {}", source.kind()),
        ReadError::NotARecording(_) => "its file is no recording".to_owned(),
        ReadError::Sealed(_) => "it is sealed".to_owned(),
        ReadError::Unseal(_) => "it is sealed to somebody else".to_owned(),
    })
}

struct Search<'a> {
    query: &'a Query,
    /// The text in small letters, where those count the same.
    folded: String,
    story: Story,
    lines: Option<Lines>,
    /// The operation of the terminal.
    shell: Option<u32>,
    wires: BTreeMap<u32, Wire>,
    /// The operation whose output told an error last.
    told: Option<u32>,
    finds: Vec<Find>,
}

impl<'a> Search<'a> {
    fn new(query: &'a Query) -> Self {
        let folded = query.text.to_lowercase();
        let (lines, shell, wires, told) = (None, None, BTreeMap::new(), None);
        Self { query, folded, story: Story::default(), lines, shell, wires, told, finds: Vec::new() }
    }

    fn read(&mut self, record: &Record) {
        let at = record.at_us;
        if let (Some(Window::Resizes(size)), Some(lines)) = (self.story.read(record), &mut self.lines) {
            let shown = lines.resize(size);
            self.shown(shown);
        }
        match &record.what {
            Event::Intent { op, text, params, .. } => {
                self.text(at, Some(*op), Place::Command, &String::from_utf8_lossy(text));
                for value in params.iter().flatten() {
                    self.text(at, Some(*op), Place::Command, &String::from_utf8_lossy(value));
                }
            }
            Event::Output { .. } if !self.wants(Place::Output) => {}
            Event::Output { op, bytes } => match self.story.protocol {
                Protocol::Postgres => self.messages(at, *op, bytes),
                Protocol::Ssh => {
                    let size = self.story.size;
                    self.shell = Some(*op);
                    let shown = self.lines.get_or_insert_with(|| Lines::new(size)).feed(at, bytes);
                    self.shown(shown);
                }
            },
            Event::Outcome { op, error, .. } => {
                self.wires.remove(op);
                // Unless the output itself has told it.
                if let (Some(error), true) = (error, self.told.take() != Some(*op)) {
                    self.text(at, Some(*op), Place::Output, error);
                }
            }
            Event::Typed { op, text } => self.text(at, Some(*op), Place::Typed, text.trim_end_matches('\r')),
            Event::Note { text } => self.text(at, None, Place::Note, text),
            Event::Hold { op, request, rule } => {
                self.text(at, Some(*op), Place::Note, &format!("held by rule `{rule}` ({request})"));
            }
            Event::Settled { op, outcome, by, because } => {
                self.text(at, Some(*op), Place::Note, format!("{outcome} {by} {because}").trim());
            }
            Event::Begin { .. } | Event::Masked { .. } | Event::File { .. } | Event::End { .. } => {}
        }
    }

    fn wants(&self, place: Place) -> bool {
        self.query.places.is_empty() || self.query.places.contains(&place)
    }

    /// Whether there are more lines than were asked for: one more is looked for, so that this is known.
    const fn is_full(&self) -> bool {
        self.finds.len() > self.query.most
    }

    fn done(mut self) -> Vec<Find> {
        self.finds.truncate(self.query.most);
        self.finds
    }

    /// What stands on the terminal at the end.
    fn finish(&mut self) {
        let shown = self.lines.as_mut().and_then(Lines::flush);
        self.shown(shown);
    }

    fn shown(&mut self, shown: impl IntoIterator<Item = Shown>) {
        for Shown { at_us, text } in shown {
            self.line(at_us, self.shell, Place::Output, &text);
        }
    }

    fn messages(&mut self, at: i64, op: u32, bytes: &[u8]) {
        // Results are streamed one after another; a recording that says else is not followed without end.
        if self.wires.len() >= AT_ONCE && !self.wires.contains_key(&op) {
            self.wires.pop_first();
        }
        for message in self.wires.entry(op).or_default().feed(bytes) {
            let text = match message {
                Message::Columns(columns) => {
                    columns.into_iter().map(|column| column.name).collect::<Vec<_>>().join(" | ")
                }
                Message::Row(values) => {
                    let value = |value: Option<Vec<u8>>| {
                        value.map_or_else(String::new, |value| String::from_utf8_lossy(&value).into_owned())
                    };
                    values.into_iter().map(value).collect::<Vec<_>>().join(" | ")
                }
                Message::Done(tag) => tag,
                Message::Error(report) | Message::Notice(report) => {
                    self.told = Some(op);
                    let more = [report.detail, report.hint];
                    let words = more.into_iter().flatten().fold(report.message, |words, more| words + "\n" + &more);
                    format!("{}: {words}", report.severity)
                }
                Message::Copied(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Message::Silent | Message::Lost => continue,
            };
            self.text(at, Some(op), Place::Output, &text);
        }
    }

    fn text(&mut self, at: i64, operation: Option<u32>, place: Place, text: &str) {
        for line in text.lines() {
            self.line(at, operation, place, line);
        }
    }

    fn line(&mut self, at_us: i64, operation: Option<u32>, place: Place, line: &str) {
        let at = Timestamp::from_micros(at_us);
        let outside =
            self.query.since.is_some_and(|since| at < since) || self.query.until.is_some_and(|until| at > until);
        if outside || !self.wants(place) || self.is_full() {
            return;
        }
        let Some(line) = self.excerpt(line) else { return };
        // A line that is drawn again and again is one.
        let again = |find: &&Find| find.place == place && find.operation == operation && find.line == line;
        if self.finds.last().as_ref().is_some_and(again) {
            return;
        }
        let offset = Span::from_micros(self.story.offset(at_us));
        self.finds.push(Find { at, offset, operation, place, line });
    }

    /// The part of a line around the text, if it is there.
    fn excerpt(&self, line: &str) -> Option<String> {
        let at = if self.query.ignore_case {
            // Small letters may be longer: the place is counted in characters, of which there are seldom more.
            let small = line.to_lowercase();
            let at = small.find(&self.folded)?;
            small.get(..at).map_or(0, |before| before.chars().count())
        } else {
            let at = line.find(&self.query.text)?;
            line.get(..at).map_or(0, |before| before.chars().count())
        };
        let from = at.saturating_sub(AROUND);
        let most = 2 * AROUND + self.query.text.chars().count();
        let part: String = line.chars().skip(from).take(most).collect();
        let (before, after) =
            (if from > 0 { "…" } else { "" }, if line.chars().count() > from + most { "…" } else { "" });
        Some(format!("{before}{}{after}", plain::line(part.trim())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        let (since, until) = (None, None);
        Query { text: text.to_owned(), ignore_case: false, places: Vec::new(), since, until, most: 10 }
    }

    fn found(query: &Query, events: Vec<Event>) -> Vec<(Place, Option<u32>, String)> {
        let mut search = Search::new(query);
        for (at, what) in events.into_iter().enumerate() {
            search.read(&Record { at_us: 1_000_000 * i64::try_from(at).expect("few"), what });
        }
        search.finish();
        search.done().into_iter().map(|find| (find.place, find.operation, find.line)).collect()
    }

    fn ssh() -> Vec<Event> {
        let intent = |op, text: &str| {
            let (text, params, detail) = (text.as_bytes().to_vec(), Vec::new(), String::new());
            Event::Intent { op, text, params, verdict: 0, detail }
        };
        let output = |bytes: &[u8]| Event::Output { op: 1, bytes: bytes.to_vec() };
        vec![
            Event::Begin { json: r#"{"protocol":"ssh"}"#.to_owned() },
            intent(1, "shell"),
            Event::Note { text: "terminal 80x24 xterm".to_owned() },
            output(b"$ cat se"),
            output(b"cret\r\nthe nee\x1b[1"),
            output(b"mdle is\x1b]0;needle\x07 here\r\n"),
            intent(2, "cat secret"),
            Event::Typed { op: 1, text: "cat secret\r".to_owned() },
            Event::Note { text: "get /needle (12 bytes)".to_owned() },
            output(b"GR\xc3\x9cN\r\n"),
        ]
    }

    #[test]
    fn commands_output_typed_lines_and_notes_are_found() {
        let all = found(&query("needle"), ssh());
        assert_eq!(
            all,
            [
                (Place::Output, Some(1), "the needle is here".to_owned()),
                (Place::Note, None, "get /needle (12 bytes)".to_owned())
            ]
        );
        let all: Vec<Place> = found(&query("cat secret"), ssh()).into_iter().map(|(place, _, _)| place).collect();
        assert_eq!(all, [Place::Output, Place::Command, Place::Typed]);
        let only = Query { places: vec![Place::Typed], ..query("cat secret") };
        assert_eq!(found(&only, ssh()).len(), 1);
    }

    #[test]
    fn no_terminal_is_drawn_where_nobody_asks_what_was_seen() {
        for (places, drawn) in [(vec![Place::Typed], false), (vec![Place::Output], true), (Vec::new(), true)] {
            let query = Query { places, ..query("cat secret") };
            let mut search = Search::new(&query);
            for what in ssh() {
                search.read(&Record { at_us: 0, what });
            }
            assert_eq!(search.lines.is_some(), drawn);
        }
    }

    #[test]
    fn it_is_known_whether_there_are_more_lines_than_were_asked_for() {
        for (most, full) in [(2, false), (1, true), (0, true)] {
            let query = Query { most, ..query("needle") };
            let mut search = Search::new(&query);
            for what in ssh() {
                search.read(&Record { at_us: 0, what });
            }
            search.finish();
            assert_eq!((search.is_full(), search.done().len()), (full, most));
        }
    }

    #[test]
    fn letters_count_as_they_are_written_unless_one_says_so() {
        assert_eq!(found(&query("grün"), ssh()), []);
        let any = Query { ignore_case: true, ..query("grün") };
        assert_eq!(found(&any, ssh()), [(Place::Output, Some(1), "GRÜN".to_owned())]);
    }

    #[test]
    fn times_and_numbers_are_bounds() {
        let at = |seconds: i64| Some(Timestamp::from_micros(seconds * 1_000_000));
        let late = Query { since: at(6), ..query("needle") };
        assert_eq!(found(&late, ssh()).len(), 1);
        let early = Query { until: at(7), ..query("needle") };
        assert_eq!(found(&early, ssh()).len(), 1);
        let one = Query { most: 1, ..query("e") };
        assert_eq!(found(&one, ssh()).len(), 1);
    }

    #[test]
    fn a_long_line_is_cut_around_the_text_and_nothing_in_it_is_obeyed() {
        let text = format!("{}needle\u{1b}[2J{}", "a".repeat(5_000), "b".repeat(5_000));
        let all = found(&query("needle"), vec![Event::Note { text }]);
        let line = &all.first().expect("found").2;
        assert!(line.contains("needle\\u{1b}[2J") && line.chars().count() < 400, "{line}");
        assert!(line.starts_with('…') && line.ends_with('…'));
    }
}
