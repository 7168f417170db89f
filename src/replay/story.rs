//! What a recording is of, as far as it was read: its beginning says who, where and by which protocol, a note the size of
//! its terminal.

use workflows::evidence::recording::{Event, Record};

/// What is known of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Story {
    /// When it began, in microseconds since 1970.
    pub(super) begun_us: Option<i64>,
    pub(super) protocol: Protocol,
    /// The terminal's size as it is now, where there is one.
    pub(super) size: Option<(u32, u32)>,
}

/// How what was printed is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Messages of a PostgreSQL server. Older recordings, which name no protocol, are of that one.
    #[default]
    Postgres,
    /// Text, of a terminal or not.
    Ssh,
}

/// What a note says of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Window {
    /// It is opened.
    Opens((u32, u32)),
    /// It has another size now.
    Resizes((u32, u32)),
}

impl Story {
    /// Reads on; says so where a record is about the terminal.
    pub(super) fn read(&mut self, record: &Record) -> Option<Window> {
        self.begun_us.get_or_insert(record.at_us);
        match &record.what {
            Event::Begin { json } => {
                let begin: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
                if begin.get("protocol").and_then(serde_json::Value::as_str) == Some("ssh") {
                    self.protocol = Protocol::Ssh;
                }
                None
            }
            Event::Note { text } => {
                let now = size(text)?;
                let window = if self.size.is_none() { Window::Opens(now) } else { Window::Resizes(now) };
                // Only a session of SSH has a terminal.
                self.protocol = Protocol::Ssh;
                self.size = Some(now);
                Some(window)
            }
            Event::Intent { .. }
            | Event::Hold { .. }
            | Event::Settled { .. }
            | Event::Output { .. }
            | Event::Outcome { .. }
            | Event::Masked { .. }
            | Event::Typed { .. }
            | Event::File { .. }
            | Event::End { .. } => None,
        }
    }

    /// How far into the session a moment is, in microseconds.
    pub(super) fn offset(&self, at_us: i64) -> i64 {
        at_us.saturating_sub(self.begun_us.unwrap_or(at_us)).max(0)
    }
}

/// The size in a note like `terminal 100x30`.
pub(super) fn size(note: &str) -> Option<(u32, u32)> {
    let (columns, rows) = note.strip_prefix("terminal ")?.split_whitespace().next()?.split_once('x')?;
    Some((columns.parse().ok()?, rows.parse().ok()?)).filter(|(columns, rows)| *columns > 0 && *rows > 0)
}
