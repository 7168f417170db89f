//! What a search in recordings is asked, and what it finds.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::id::SessionId;

use super::{Moment, Person};

/// Where in a recording a text was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In a command: what was asked for and judged.
    Command,
    /// In what the person saw, masked.
    Output,
    /// In what was typed into a terminal and shown there.
    Typed,
    /// In a remark of the gateway: a file that was transferred, who agreed to what.
    Note,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Command, Self::Output, Self::Typed, Self::Note];

    /// The name in the API and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Output => "output",
            Self::Typed => "typed",
            Self::Note => "note",
        }
    }
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|place| place.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is not `command`, `output`, `typed` or `note`"))
    }
}

/// A line in which the text was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hit {
    /// In which session.
    #[schema(value_type = String, example = "ses_01JD8Z0000000000000000000A")]
    pub session: SessionId,
    /// Whose.
    pub by: Person,
    /// At which target.
    pub target: String,
    /// When.
    pub at: Moment,
    /// How far into the recording, in microseconds.
    pub offset: i64,
    /// The number of the operation, where it belongs to one.
    pub operation: Option<u32>,
    /// Where.
    pub place: Place,
    /// The line, or the part of it around the text. Control characters are written out.
    pub line: String,
}

/// A recording that was not looked through, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unread {
    /// Of which session.
    #[schema(value_type = String)]
    pub session: SessionId,
    /// It is sealed: whoever has the key looks through it.
    pub sealed: bool,
    /// Why, in words.
    pub why: String,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SearchResult {
    /// The lines: the newest session first, each from its beginning.
    pub hits: Vec<Hit>,
    /// How many recordings were looked through.
    pub looked: u64,
    /// Those that were not, or not to their end.
    pub unread: Vec<Unread>,
    /// There may be lines in older sessions: call again with this as `behind`. Further lines of this session itself don't come
    /// then; where there are any, `unread` says so.
    #[schema(value_type = Option<String>)]
    pub next: Option<SessionId>,
}
