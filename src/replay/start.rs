//! Where a replay begins, and what one can jump to.

use std::collections::BTreeMap;

use serde::Serialize;
use workflows::evidence::recording::{Event, Record};

use super::moment;
use super::story::Story;
use crate::failure::Failure;
use crate::plain;

/// So many operations that were asked for at once are remembered.
const AT_ONCE: usize = 1_000;

/// The first step that is played at its own pace; all before it is played at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// The first one.
    #[default]
    Beginning,
    /// The first after so many microseconds.
    At(i64),
    /// The operation of this number.
    Operation(u32),
    /// The hold of this number, from 1.
    Held(u32),
}

/// Looks for the place where a replay begins.
#[derive(Debug)]
pub(super) struct Finder {
    start: Start,
    holds: u32,
    operations: u32,
    found: bool,
}

impl Finder {
    pub(super) const fn new(start: Start) -> Self {
        Self { start, holds: 0, operations: 0, found: matches!(start, Start::Beginning) }
    }

    /// Whether the place has come, with this record.
    pub(super) fn reached(&mut self, record: &Record, offset: i64) -> bool {
        match &record.what {
            Event::Hold { .. } => {
                self.holds = self.holds.saturating_add(1);
                self.found |= self.start == Start::Held(self.holds);
            }
            Event::Intent { op, .. } => {
                self.operations = *op;
                self.found |= matches!(self.start, Start::Operation(wanted) if wanted <= *op);
            }
            // Whatever lies behind the end: the last picture.
            Event::End { .. } => self.found |= matches!(self.start, Start::At(_)),
            Event::Begin { .. }
            | Event::Settled { .. }
            | Event::Output { .. }
            | Event::Outcome { .. }
            | Event::Note { .. }
            | Event::Masked { .. }
            | Event::Typed { .. }
            | Event::File { .. } => {}
        }
        self.found |= matches!(self.start, Start::At(at) if offset > at);
        self.found
    }

    /// At the end: why the place never came, if it did not.
    pub(super) fn missed(&self) -> Result<(), Failure> {
        let Self { holds, operations, .. } = self;
        let words = match self.start {
            _ if self.found => return Ok(()),
            Start::Beginning | Start::At(_) => return Ok(()),
            Start::Operation(wanted) => format!("there is no operation {wanted}: the recording has {operations}"),
            Start::Held(wanted) => format!("there is no hold {wanted}: the recording has {holds}"),
        };
        Err(Failure::new(words).hint("`countersign sessions replay ID --holds` lists what was held"))
    }
}

/// A command that waited for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Its number among the holds, from 1: `--held=N`.
    pub number: u32,
    /// How far into the recording: `--at`.
    pub at: String,
    /// Number of the operation: `--op`.
    pub operation: u32,
    /// The command.
    pub command: String,
    /// The rule that held it.
    pub rule: String,
    /// The request.
    pub request: String,
    /// What became of it; nothing if the recording does not say.
    pub outcome: String,
}

/// What was held in a recording, in order.
pub fn holds(records: impl Iterator<Item = Result<Record, Failure>>) -> Result<Vec<Held>, Failure> {
    let (mut story, mut commands, mut held) = (Story::default(), BTreeMap::new(), Vec::<Held>::new());
    for record in records {
        let record = record?;
        story.read(&record);
        match record.what {
            Event::Intent { op, text, .. } => {
                // A hold is told after all operations that were asked for at once, by the number of the first.
                if commands.len() >= AT_ONCE {
                    commands.pop_first();
                }
                commands.insert(op, plain::line(String::from_utf8_lossy(&text).trim_end()).into_owned());
            }
            Event::Hold { op, request, rule } => held.push(Held {
                number: u32::try_from(held.len()).unwrap_or(u32::MAX).saturating_add(1),
                at: moment::shown(story.offset(record.at_us)),
                operation: op,
                command: commands.get(&op).cloned().unwrap_or_default(),
                rule,
                request,
                outcome: String::new(),
            }),
            Event::Settled { op, outcome, by, because } => {
                if let Some(one) = held.iter_mut().rev().find(|one| one.operation == op) {
                    let by = if by.is_empty() { by } else { format!(" by {by}") };
                    let why = if because.is_empty() { because } else { format!(": {because}") };
                    one.outcome = format!("{outcome}{by}{why}");
                }
            }
            Event::Begin { .. }
            | Event::Output { .. }
            | Event::Outcome { .. }
            | Event::Note { .. }
            | Event::Masked { .. }
            | Event::Typed { .. }
            | Event::File { .. }
            | Event::End { .. } => {}
        }
    }
    Ok(held)
}
