//! The weekly digest, as it goes over the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::digest::{self as engine, Of, Review};
use workflows::engine::GivenDigest;
use workflows::id::DigestId;

use super::Moment;

/// A digest as it is filed: once for each manager and week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FiledDigest {
    /// Its id.
    #[schema(value_type = String, example = "dig_01JD8Z0000000000000000000A")]
    pub id: DigestId,
    /// For whom.
    pub manager: String,
    /// Of which week.
    #[schema(example = "2026-W47")]
    pub week: String,
    /// When it was made.
    pub made: Moment,
    /// `not_needed`, `owed`, `overdue` or `done`.
    pub review: String,
    /// Until when it has to be reviewed, where it has to.
    pub due: Option<Moment>,
    /// Since when it is overdue, where it is.
    pub overdue: Option<Moment>,
    /// To whom it went when nobody reviewed it in time.
    pub escalated_to: Vec<String>,
    /// When it was reviewed.
    pub reviewed: Option<Moment>,
    /// By whom.
    pub reviewed_by: Option<String>,
}

impl From<&engine::Filed> for FiledDigest {
    fn from(filed: &engine::Filed) -> Self {
        let document = Self {
            id: filed.id,
            manager: filed.manager.clone(),
            week: filed.week.to_string(),
            made: Moment(filed.made),
            review: String::new(),
            due: None,
            overdue: None,
            escalated_to: filed.escalated_to.iter().map(ToString::to_string).collect(),
            reviewed: None,
            reviewed_by: None,
        };
        match &filed.review {
            Review::NotNeeded => Self { review: "not_needed".to_owned(), ..document },
            Review::Owed { until } => Self { review: "owed".to_owned(), due: Some(Moment(*until)), ..document },
            Review::Overdue { since } => {
                Self { review: "overdue".to_owned(), overdue: Some(Moment(*since)), ..document }
            }
            Review::Done { at, by } => Self {
                review: "done".to_owned(),
                reviewed: Some(Moment(*at)),
                reviewed_by: Some(by.clone()),
                ..document
            },
        }
    }
}

/// Digests, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DigestList {
    /// One for each digest.
    pub digests: Vec<FiledDigest>,
}

/// Part of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Selection {
    /// `/v1/requests`, `/v1/grants` or `/v1/sessions`.
    pub path: String,
    /// Of one person; of all of the digest's people if left out.
    pub person: Option<String>,
    /// At one target; at all if left out.
    pub target: Option<String>,
    /// From which moment.
    pub since: Moment,
    /// Until which moment; it is outside.
    pub until: Moment,
}

/// A number, and what it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Count {
    /// How many.
    pub n: u64,
    /// All of them, by id; empty where there are too many.
    pub ids: Vec<String>,
    /// Where they stand, where there are too many.
    pub list: Option<Selection>,
}

impl From<&engine::Count> for Count {
    fn from(count: &engine::Count) -> Self {
        match &count.of {
            Of::Ids(ids) => Self { n: count.n, ids: ids.clone(), list: None },
            Of::Filter(filter) => {
                let path = match filter.of {
                    engine::Listing::Requests => "/v1/requests",
                    engine::Listing::Grants => "/v1/grants",
                    engine::Listing::Sessions => "/v1/sessions",
                };
                let list = Selection {
                    path: path.to_owned(),
                    person: filter.person.clone(),
                    target: filter.target.as_ref().map(ToString::to_string),
                    since: Moment(filter.since),
                    until: Moment(filter.until),
                };
                Self { n: count.n, ids: Vec::new(), list: Some(list) }
            }
        }
    }
}

/// One thing to take away or to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Action {
    /// `review`, `revoke`, `propose_read` or `propose_removal`.
    pub verb: String,
    /// With what: `req_…`, `grt_…`, or the name of an access entry or a target.
    pub about: String,
    /// Whose access it is.
    pub person: String,
    /// At which target; nothing where an entry covers several.
    pub target: Option<String>,
    /// The whole sentence.
    pub words: String,
}

/// One number against the week before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// `requests`, `denied`, `held`, `grants`, `emergencies` or `sessions`.
    pub measure: String,
    /// In this week.
    pub now: Count,
    /// In the week before.
    pub before: Count,
    /// The same in a sentence.
    pub words: String,
}

/// One person at one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// Who.
    pub person: String,
    /// Where.
    pub target: String,
    /// How long they held a grant in the week, in seconds.
    pub held_seconds: u64,
    /// How long they were connected in the week, in seconds.
    pub session_seconds: u64,
    /// Sessions that were open in the week.
    pub sessions: Count,
    /// Operations of the sessions that ended in the week.
    pub operations: u64,
    /// Rows that they saw in these.
    pub rows: u64,
    /// How many things here need a decision.
    pub decide: u64,
    /// What these are.
    pub words: String,
}

/// Who was asked, how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AskedMost {
    /// `group:…`, `oncall:…` or a person's name.
    pub who: String,
    /// The requests.
    pub count: Count,
}

/// How long people waited for a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waits {
    /// What was decided.
    pub decided: Count,
    /// Half of it within this many seconds; nothing where nothing was decided.
    pub p50_seconds: Option<u64>,
    /// Nine in ten within this many.
    pub p90_seconds: Option<u64>,
    /// Who was asked most, at most three.
    pub asked: Vec<AskedMost>,
    /// The same in a sentence.
    pub words: String,
}

/// One thing in a section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SectionItem {
    /// In a sentence.
    pub words: String,
    /// What somebody wrote: a reason, a command. To be escaped.
    pub quote: Option<String>,
    /// The one thing that it is about, where it is one.
    pub id: Option<String>,
    /// Whose access.
    pub person: String,
    /// At which target.
    pub target: Option<String>,
    /// What it counts.
    pub count: Count,
}

/// Part of a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Section {
    /// `emergencies`, `gaps`, `unused`, `only_read`, `hasty`, `one_approver`, `held`, `denials`, `extended`, `ends` or
    /// `standing`.
    pub about: String,
    /// The heading.
    pub title: String,
    /// The section in a sentence.
    pub words: String,
    /// How many things.
    pub count: Count,
    /// The first of them, those that need a decision first.
    pub items: Vec<SectionItem>,
}

/// The weekly report for one manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DigestContent {
    /// Which week.
    #[schema(example = "2026-W47")]
    pub week: String,
    /// For whom.
    pub manager: String,
    /// About whose access.
    pub people: Vec<String>,
    /// When the week began.
    pub since: Moment,
    /// When it ended; the moment itself is outside.
    pub until: Moment,
    /// In which zone it is counted and times are told.
    #[schema(example = "Europe/Berlin")]
    pub zone: String,
    /// When it was computed.
    pub made: Moment,
    /// All of it in one sentence.
    pub summary: String,
    /// What to do, at most five.
    pub actions: Vec<Action>,
    /// How many more there would be.
    pub more_actions: u64,
    /// Against the week before.
    pub changes: Vec<Change>,
    /// Person by target, what needs a decision first; at most 500 lines.
    pub table: Vec<Line>,
    /// How many lines the table would have.
    pub lines: u64,
    /// How long people waited.
    pub waits: Waits,
    /// Everything else; sections without anything in them are left out.
    pub sections: Vec<Section>,
}

/// A digest, and where it is filed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Digest {
    /// Its id and whether it was reviewed; nothing where it was computed for this call.
    pub filed: Option<FiledDigest>,
    /// What it says.
    pub content: DigestContent,
}

impl From<&GivenDigest> for Digest {
    fn from(given: &GivenDigest) -> Self {
        Self { filed: given.filed.as_ref().map(FiledDigest::from), content: (&given.digest).into() }
    }
}

impl From<&engine::Digest> for DigestContent {
    fn from(digest: &engine::Digest) -> Self {
        Self {
            week: digest.week.to_string(),
            manager: digest.manager.clone(),
            people: digest.people.clone(),
            since: Moment(digest.since),
            until: Moment(digest.until),
            zone: digest.zone.clone(),
            made: Moment(digest.made),
            summary: digest.summary.clone(),
            actions: digest.actions.iter().map(Action::from).collect(),
            more_actions: digest.more_actions,
            changes: digest.changes.iter().map(Change::from).collect(),
            table: digest.table.iter().map(Line::from).collect(),
            lines: digest.lines,
            waits: (&digest.waits).into(),
            sections: digest.sections.iter().map(Section::from).collect(),
        }
    }
}

impl From<&engine::Action> for Action {
    fn from(action: &engine::Action) -> Self {
        Self {
            verb: action.verb.as_str().to_owned(),
            about: action.about.clone(),
            person: action.person.clone(),
            target: action.target.as_ref().map(ToString::to_string),
            words: action.words.clone(),
        }
    }
}

impl From<&engine::Change> for Change {
    fn from(change: &engine::Change) -> Self {
        Self {
            measure: change.measure.as_str().to_owned(),
            now: (&change.now).into(),
            before: (&change.before).into(),
            words: change.words.clone(),
        }
    }
}

impl From<&engine::Line> for Line {
    fn from(line: &engine::Line) -> Self {
        Self {
            person: line.person.clone(),
            target: line.target.to_string(),
            held_seconds: line.held_seconds,
            session_seconds: line.session_seconds,
            sessions: (&line.sessions).into(),
            operations: line.operations,
            rows: line.rows,
            decide: line.decide,
            words: line.words.clone(),
        }
    }
}

impl From<&engine::Waits> for Waits {
    fn from(waits: &engine::Waits) -> Self {
        let asked =
            |asked: &engine::AskedMost| AskedMost { who: asked.who.to_string(), count: (&asked.count).into() };
        Self {
            decided: (&waits.decided).into(),
            p50_seconds: waits.p50_seconds,
            p90_seconds: waits.p90_seconds,
            asked: waits.asked.iter().map(asked).collect(),
            words: waits.words.clone(),
        }
    }
}

impl From<&engine::Section> for Section {
    fn from(section: &engine::Section) -> Self {
        let item = |item: &engine::Item| SectionItem {
            words: item.words.clone(),
            quote: item.quote.clone(),
            id: item.id.clone(),
            person: item.person.clone(),
            target: item.target.as_ref().map(ToString::to_string),
            count: (&item.count).into(),
        };
        Self {
            about: section.about.as_str().to_owned(),
            title: section.title.clone(),
            words: section.words.clone(),
            count: (&section.count).into(),
            items: section.items.iter().map(item).collect(),
        }
    }
}
