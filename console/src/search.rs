//! Searching in recordings, as the composition root gives it: how a protocol's output reads is not the console's to know.

use std::path::Path;
use std::sync::Arc;

use workflows::clock::{Span, Timestamp};

use crate::documents::Place;

/// What is looked for in one recording.
#[derive(Clone, Debug)]
pub struct Query {
    /// The text, as it is written.
    pub text: String,
    /// Large and small letters are the same.
    pub ignore_case: bool,
    /// Where; everywhere if it names none.
    pub places: Vec<Place>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
    /// At most so many lines.
    pub most: usize,
}

/// A line in a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Find {
    /// When.
    pub at: Timestamp,
    /// How far into the recording.
    pub offset: Span,
    /// The number of the operation.
    pub operation: Option<u32>,
    /// Where.
    pub place: Place,
    /// The line, safe to print.
    pub line: String,
}

/// Said of a recording whose further lines were not asked for.
pub const MORE: &str = "it has more lines than were asked for";

/// Why a recording was not looked through to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It is sealed, and the key is elsewhere.
    Sealed,
    /// It can't be read: why, in words.
    Broken(String),
    /// It has no end: its session is live, or something is missing.
    Cut,
    /// Whoever asked said to stop.
    Told,
    /// There are more lines than were asked for.
    Full,
}

/// What was found in a recording, and why there may be more.
pub type Looked = (Vec<Find>, Option<Stopped>);

/// Looks through one recording. It blocks, and asks now and then whether to stop.
pub type Look = Arc<dyn Fn(&Path, &Query, &dyn Fn() -> bool) -> Looked + Send + Sync>;
