//! Requests: what is asked, who must agree, and where it stands.

use std::hash::{DefaultHasher, Hasher};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::approval::{Quorum as EngineQuorum, Repeat, Vote as EngineVote, Votes};
use workflows::clock::Span;
use workflows::id::{GrantId, RequestId, SessionId};
use workflows::request::{Again, Request as EngineRequest, State as EngineState, What};
use workflows::target::{Access, TargetName};

use super::{Grant, Moment, Person};

/// How much of a held statement a listing shows. The request itself always has it whole.
const SHOWN_IN_LISTS: usize = 200;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Subject {
    /// A grant, or more time on one.
    Access {
        /// To which target.
        target: String,
        /// At which level: `read`, `write` or `admin`.
        level: String,
        /// For how long, as `1h30m`.
        span: String,
        /// The grant that gets more time, where that is what is asked.
        #[schema(value_type = Option<String>)]
        extends: Option<GrantId>,
        /// Break-glass: granted at once, reviewed afterwards.
        emergency: bool,
    },
    /// That one held operation passes, once.
    Operation {
        /// At which target.
        target: String,
        /// The session that waits.
        #[schema(value_type = String)]
        session: SessionId,
        /// The hash of the exact bytes that pass.
        fingerprint: String,
        /// The statement, control characters made visible. Whole, unless `cut` says otherwise.
        shown: String,
        /// Whether `shown` is only the beginning: in lists. Read the request itself before deciding.
        cut: bool,
        /// What it would touch, as far as the preview could tell.
        impact: Vec<String>,
        /// What of it stays the same where its operands change, as `rm -r …`; none where it can't be allowed by its shape.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shape: Option<String>,
        /// As what it may be allowed again in its session: `exact`, `shape`; nothing where it runs once only, because the
        /// same words may do something else then.
        #[serde(default = "exactly")]
        #[schema(value_type = Vec<String>)]
        repeats: Vec<Again>,
    },
    /// That somebody looks at what was done under a break-glass grant.
    Review {
        /// At which target.
        target: String,
        /// The grant to review.
        #[schema(value_type = String)]
        grant: GrantId,
    },
}

impl Subject {
    /// The target that it is about.
    pub fn target(&self) -> &str {
        match self {
            Self::Access { target, .. } | Self::Operation { target, .. } | Self::Review { target, .. } => target,
        }
    }

    fn cut_for_lists(&mut self) {
        if let Self::Operation { shown, cut, .. } = self
            && let Some((at, _)) = shown.char_indices().nth(SHOWN_IN_LISTS)
        {
            shown.truncate(at);
            *cut = true;
        }
    }
}

impl From<&What> for Subject {
    fn from(what: &What) -> Self {
        match what {
            What::Access { target, access, span, extends, emergency } => Self::Access {
                target: target.to_string(),
                level: access.to_string(),
                span: span.to_string(),
                extends: *extends,
                emergency: *emergency,
            },
            What::Operation { target, session, fingerprint, shown, impact, shape, exact: _ } => Self::Operation {
                target: target.to_string(),
                session: *session,
                fingerprint: fingerprint.clone(),
                shown: shown.clone(),
                cut: false,
                impact: impact.clone(),
                shape: shape.as_ref().filter(|shape| shape.is_short()).map(|shape| shape.shown.clone()),
                repeats: what.repeats_as().to_vec(),
            },
            What::Review { target, grant } => Self::Review { target: target.to_string(), grant: *grant },
        }
    }
}

/// As what a held operation passes again where nothing else is said.
fn exactly() -> Vec<Again> {
    vec![Again::Exact]
}

/// Where a request stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum State {
    /// People are asked.
    Pending {
        /// When the next group is asked, or the request lapses.
        until: Moment,
        /// Whether the next group has been asked.
        escalated: bool,
        /// While a question to the requester stops the clock: the moment that `until` never moves past.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stopped: Option<Moment>,
    },
    /// Enough people agreed; the session has not taken it up yet.
    Approved {
        /// When.
        at: Moment,
        /// Until when it may be used.
        until: Moment,
    },
    /// The approval did its work: a grant exists, or the operation was let through.
    Spent {
        /// When.
        at: Moment,
    },
    /// Somebody said no.
    Denied {
        /// When.
        at: Moment,
        /// Who.
        by: Person,
        /// Why.
        because: String,
    },
    /// The requester gave up.
    Withdrawn {
        /// When.
        at: Moment,
    },
    /// Nobody answered in time, or the approval was not used in time.
    Lapsed {
        /// When.
        at: Moment,
    },
}

impl State {
    /// The name of the state.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Approved { .. } => "approved",
            Self::Spent { .. } => "spent",
            Self::Denied { .. } => "denied",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Lapsed { .. } => "lapsed",
        }
    }

    /// Whether people are still asked.
    pub const fn is_pending(&self) -> bool {
        matches!(self, Self::Pending { .. })
    }
}

impl From<&EngineState> for State {
    fn from(state: &EngineState) -> Self {
        match state {
            EngineState::Pending { until, escalated, .. } => {
                Self::Pending { until: Moment(*until), escalated: *escalated, stopped: state.stopped().map(Moment) }
            }
            EngineState::Approved { at, until, .. } => Self::Approved { at: Moment(*at), until: Moment(*until) },
            EngineState::Spent { at, .. } => Self::Spent { at: Moment(*at) },
            EngineState::Denied { at, by, because } => {
                Self::Denied { at: Moment(*at), by: by.into(), because: because.clone() }
            }
            EngineState::Withdrawn { at } => Self::Withdrawn { at: Moment(*at) },
            EngineState::Lapsed { at } => Self::Lapsed { at: Moment(*at) },
        }
    }
}

/// How many people must agree, of whom, within what time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quorum {
    /// Which rule wants it.
    pub rule: String,
    /// Who is asked first: `group:…`, `oncall:…` or a name.
    pub from: String,
    /// How many distinct people.
    pub people: u8,
    /// How long each group is given, as `15m`.
    pub within: String,
    /// Who is asked as well when the first did not answer in time.
    pub then: Option<String>,
}

impl From<&EngineQuorum> for Quorum {
    fn from(quorum: &EngineQuorum) -> Self {
        Self {
            rule: quorum.rule.clone(),
            from: quorum.from.to_string(),
            people: quorum.people,
            within: quorum.within.to_string(),
            then: quorum.then.as_ref().map(ToString::to_string),
        }
    }
}

/// What an approver agreed to, where it is less than what was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Terms {
    /// No longer than this, as `30m`.
    pub span: Option<String>,
    /// No more than this level.
    pub level: Option<String>,
    /// What of a held operation may pass again in its session, and for how long: `in_session`, `shape`, or one of them and a
    /// time like `10m`; none where it passes once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<String>,
}

/// One person's approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Vote {
    /// Who agreed.
    pub by: Person,
    /// When.
    pub at: Moment,
    /// To what.
    pub terms: Terms,
    /// What they wrote with it.
    pub note: Option<String>,
}

impl From<&EngineVote> for Vote {
    fn from(vote: &EngineVote) -> Self {
        let terms = Terms {
            span: vote.terms.span.map(|span| span.to_string()),
            level: vote.terms.access.map(|access| access.to_string()),
            repeat: (vote.terms.repeat != Repeat::Once).then(|| vote.terms.repeat.to_string()),
        };
        Self { by: (&vote.by).into(), at: Moment(vote.at), terms, note: vote.note.clone() }
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Request {
    /// Its id.
    #[schema(value_type = String, example = "req_01JD8Z0000000000000000000A")]
    pub id: RequestId,
    /// Who asked.
    pub by: Person,
    /// When.
    pub at: Moment,
    /// For what.
    pub what: Subject,
    /// Why, in the requester's words.
    pub why: String,
    /// Who must agree.
    pub needs: Vec<Quorum>,
    /// Who is asked now: `group:…`, `oncall:…` or a name.
    pub asked: Vec<String>,
    /// The approvals so far.
    pub votes: Vec<Vote>,
    /// Where it stands.
    pub state: State,
    /// Differs after each change. Give it as `seen` to wait for the next one.
    pub revision: String,
}

fn votes(state: &EngineState) -> &[EngineVote] {
    match state {
        EngineState::Pending { votes, .. }
        | EngineState::Approved { votes, .. }
        | EngineState::Spent { votes, .. } => Votes::list(votes),
        EngineState::Denied { .. } | EngineState::Withdrawn { .. } | EngineState::Lapsed { .. } => &[],
    }
}

/// A hash of the state. Two versions of Countersign may count differently, which ends one wait early and no more.
fn revision(request: &EngineRequest) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(&serde_json::to_vec(&request.state).unwrap_or_default());
    format!("{:016x}", hasher.finish())
}

impl From<&EngineRequest> for Request {
    fn from(request: &EngineRequest) -> Self {
        Self {
            id: request.id,
            by: (&request.by).into(),
            at: Moment(request.at),
            what: (&request.what).into(),
            why: request.why.clone(),
            needs: request.needs.quorums().iter().map(Quorum::from).collect(),
            asked: request.asked().iter().map(ToString::to_string).collect(),
            votes: votes(&request.state).iter().map(Vote::from).collect(),
            state: (&request.state).into(),
            revision: revision(request),
        }
    }
}

/// Requests, newest first. Long statements are cut: see `cut`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestList {
    /// One for each request.
    pub requests: Vec<Request>,
}

impl RequestList {
    /// The listing of these requests.
    pub fn of(requests: &[EngineRequest]) -> Self {
        let mut requests: Vec<Request> = requests.iter().map(Request::from).collect();
        for request in &mut requests {
            request.what.cut_for_lists();
        }
        Self { requests }
    }
}

/// A request as it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Asked {
    /// The request.
    pub request: Request,
    /// The grant, if nobody had to agree first.
    pub grant: Option<Grant>,
    /// Who is asked now, by name.
    pub people: Vec<String>,
}

/// Asking for access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessBody {
    /// To which target.
    #[schema(value_type = String, example = "orders-prod")]
    pub target: TargetName,
    /// At which level; `read` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "write")]
    pub level: Option<Access>,
    /// For how long.
    #[serde(rename = "for")]
    #[schema(value_type = String, example = "1h")]
    pub span: Span,
    /// Why.
    #[schema(example = "INC-42")]
    pub because: String,
    /// Break-glass: at once, with everyone told and a review owed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub emergency: bool,
}

/// Agreeing, perhaps to less than what was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveBody {
    /// No longer than this: the access, or with `repeat` the time in which it passes again.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "30m")]
    pub span: Option<Span>,
    /// No more than this level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "read")]
    pub level: Option<Access>,
    /// A held operation, and again in its session `exact`ly this, or by its `shape`: the same with other operands. Without
    /// `for`, as long as the policy lets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "shape")]
    pub repeat: Option<Again>,
    /// What the requester reads with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BecauseBody {
    /// Why.
    #[schema(example = "not during the backup")]
    pub because: String,
}
