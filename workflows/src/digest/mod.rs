//! The weekly digest: who had access to what, how much of it was used, what was odd, what to take away. Computed from
//! rows and from nothing else, so that it can be computed again; it knows no platform, and every renderer shows the same.
//!
//! `words` are ours and hold names, numbers and times only. What people wrote stands in `quote`, cut to one line's
//! length and otherwise as they wrote it: whoever renders it must escape it.

mod access;
mod actions;
mod asking;
mod compute;
mod csv;
mod filed;
mod index;
mod rows;
mod schedule;
mod table;
mod week;
mod words;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::approval::Who;
use crate::clock::Timestamp;
use crate::target::TargetName;

pub use compute::compute;
pub use csv::csv;
pub use filed::{Filed, Review};
pub use index::ByPerson;
pub(crate) use rows::IDLE;
pub use rows::{Before, Entry, Frame, HeldGrant, Rows, Team};
pub use schedule::{MONDAY_MORNING, Schedule, ScheduleError};
pub use week::{Week, WeekError};

/// At most this many actions are proposed at once.
pub const MOST_ACTIONS: usize = 5;
/// At most this many things stand in one section, and this many ids behind one number.
pub const MOST_ITEMS: usize = 50;
/// At most this many lines stand in the table.
pub const MOST_LINES: usize = 500;

/// What a number counts: for a link to the list of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// How many.
    pub n: u64,
    /// Of what.
    pub of: Of,
}

/// Where what was counted can be found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// These, all of them.
    Ids(Vec<String>),
    /// Too many to name: whatever a listing gives for this.
    Filter(Filter),
}

/// Part of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Which listing.
    pub of: Listing,
    /// Of one person; of all of the digest's people where there is none.
    pub person: Option<String>,
    /// At one target; at all where there is none.
    pub target: Option<TargetName>,
    /// From which moment.
    pub since: Timestamp,
    /// Until which moment; it is outside.
    pub until: Timestamp,
}

/// A listing of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listing {
    /// `/v1/requests`
    Requests,
    /// `/v1/grants`
    Grants,
    /// `/v1/sessions`
    Sessions,
}

/// What a manager is asked to do with one click.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// See to it that a break-glass access is reviewed; about a request.
    Review,
    /// Take back a grant that nobody uses; about a grant.
    Revoke,
    /// Propose that somebody asks for read instead of write; about an access entry or a target.
    ProposeRead,
    /// Propose that somebody leaves an access entry that they don't use; about that entry.
    ProposeRemoval,
}

impl Verb {
    /// The name in rows and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::Revoke => "revoke",
            Self::ProposeRead => "propose_read",
            Self::ProposeRemoval => "propose_removal",
        }
    }
}

/// One thing to take away or to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// What to do.
    pub verb: Verb,
    /// With what: `req_…`, `grt_…`, or the name of an access entry or a target.
    pub about: String,
    /// Whose access it is.
    pub person: String,
    /// At which target; none where an entry covers several.
    pub target: Option<TargetName>,
    /// The whole sentence.
    pub words: String,
}

/// What is compared with the week before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Requests for access, break-glass left out.
    Requests,
    /// Requests that somebody denied, held commands among them.
    Denied,
    /// Commands that were held.
    Held,
    /// Grants that began, break-glass among them.
    Grants,
    /// Break-glass grants.
    Emergencies,
    /// Sessions that began.
    Sessions,
}

impl Measure {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Denied => "denied",
            Self::Held => "held",
            Self::Grants => "grants",
            Self::Emergencies => "emergencies",
            Self::Sessions => "sessions",
        }
    }
}

/// One number against the week before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Of what.
    pub measure: Measure,
    /// In this week.
    pub now: Count,
    /// In the week before.
    pub before: Count,
    /// "14 requests for access, 3 more than the week before".
    pub words: String,
}

/// One person at one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Who.
    pub person: String,
    /// Where.
    pub target: TargetName,
    /// How long they held a grant in the week, in seconds; grants at the same time count once.
    pub held_seconds: u64,
    /// How long they were connected in the week, in seconds; sessions at the same time count once.
    pub session_seconds: u64,
    /// Sessions that were open in the week.
    pub sessions: Count,
    /// Operations of the sessions that ended in the week: a session that goes on is not counted yet.
    pub operations: u64,
    /// Rows that they saw in these.
    pub rows: u64,
    /// How many things here need a decision.
    pub decide: u64,
    /// What these are; empty where there are none.
    pub words: String,
}

/// Who was asked, how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedMost {
    /// A group, a rotation or a person.
    pub who: Who,
    /// The requests.
    pub count: Count,
}

/// How long people waited for a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// Requests for access and held commands that were decided.
    pub decided: Count,
    /// Half of them were decided within this many seconds; none where nothing was decided.
    pub p50_seconds: Option<u64>,
    /// Nine in ten within this many.
    pub p90_seconds: Option<u64>,
    /// Who was asked most, at most three.
    pub asked: Vec<AskedMost>,
    /// The same in a sentence.
    pub words: String,
}

/// What a section is about, in the order in which they matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// Break-glass, and the reviews that are owed for it.
    Emergencies,
    /// Sessions of which something is missing in the evidence.
    Gaps,
    /// Grants that nobody used.
    Unused,
    /// Write was asked for, and only reads ran.
    OnlyRead,
    /// Decisions made faster than anybody reads.
    Hasty,
    /// One approver for nearly all that one person asks.
    OneApprover,
    /// Commands that were held.
    Held,
    /// What was denied, and why.
    Denials,
    /// Grants that got more time.
    Extended,
    /// Grants that end in the coming seven days.
    Ends,
    /// Access entries that somebody did not use for 30 days.
    Standing,
}

impl About {
    /// The name in rows and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Emergencies => "emergencies",
            Self::Gaps => "gaps",
            Self::Unused => "unused",
            Self::OnlyRead => "only_read",
            Self::Hasty => "hasty",
            Self::OneApprover => "one_approver",
            Self::Held => "held",
            Self::Denials => "denials",
            Self::Extended => "extended",
            Self::Ends => "ends",
            Self::Standing => "standing",
        }
    }

    /// The heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Emergencies => "Break-glass and reviews",
            Self::Gaps => "Gaps in the evidence",
            Self::Unused => "Granted, never used",
            Self::OnlyRead => "Asked for write, only read",
            Self::Hasty => "Decided in under 5 s",
            Self::OneApprover => "One approver for one person",
            Self::Held => "Held commands",
            Self::Denials => "Denied",
            Self::Extended => "More time",
            Self::Ends => "Ends in the coming 7 days",
            Self::Standing => "Access not used for 30 days",
        }
    }
}

/// One thing in a section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// In a sentence of ours.
    pub words: String,
    /// What somebody wrote: a reason, a command. Not ours: to be escaped.
    pub quote: Option<String>,
    /// The one thing that it is about, where it is one.
    pub id: Option<String>,
    /// Whose access.
    pub person: String,
    /// At which target.
    pub target: Option<TargetName>,
    /// What it counts.
    pub count: Count,
}

/// Part of a digest. Sections without anything in them are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// What about.
    pub about: About,
    /// The heading.
    pub title: String,
    /// The section in a sentence.
    pub words: String,
    /// How many things.
    pub count: Count,
    /// The first of them, at most [`MOST_ITEMS`], those that need a decision first.
    pub items: Vec<Item>,
}

/// The weekly report for one manager, about the people whom they manage and never about themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Which week.
    pub week: Week,
    /// For whom.
    pub manager: String,
    /// About whose access, by name.
    pub people: Vec<String>,
    /// When the week began, in the digest's zone.
    pub since: Timestamp,
    /// When it ended; the moment itself is outside.
    pub until: Timestamp,
    /// The zone, by its IANA name.
    pub zone: String,
    /// When it was computed: what is live, owed or ends soon is so at this moment.
    pub made: Timestamp,
    /// All of it in one sentence.
    pub summary: String,
    /// What to do, at most [`MOST_ACTIONS`].
    pub actions: Vec<Action>,
    /// How many more there would be.
    pub more_actions: u64,
    /// Against the week before.
    pub changes: Vec<Change>,
    /// Person by target, what needs a decision first; at most [`MOST_LINES`].
    pub table: Vec<Line>,
    /// How many lines the table would have.
    pub lines: u64,
    /// How long people waited.
    pub waits: Waits,
    /// Everything else.
    pub sections: Vec<Section>,
}

impl Digest {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.sections.is_empty()
            && self.table.is_empty()
            && self.actions.is_empty()
            && self.changes.iter().all(|change| change.now.n == 0)
    }

    /// A section, if there is anything in it.
    pub fn section(&self, about: About) -> Option<&Section> {
        self.sections.iter().find(|section| section.about == about)
    }
}
