//! A request and its state machine: pure, with time as an argument.
//!
//! A hold is a request that a session waits on, so access, held operations and reviews share this one machine.

use serde::{Deserialize, Serialize};

use crate::approval::{Needs, Terms, Vote, Votes, Who};
use crate::clock::{Span, Timestamp};
use crate::id::{GrantId, RequestId, SessionId};
use crate::identity::Identity;
use crate::target::{Access, TargetName};

pub use pause::Pause;
pub use repeat::{Again, AgainError, Exactness, Shape};
pub use state::State;

mod pause;
mod repeat;
mod state;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A grant, or more time on one.
    Access {
        /// To which target.
        target: TargetName,
        /// At which level.
        access: Access,
        /// For how long.
        span: Span,
        /// The grant that gets more time, where that is what is asked.
        extends: Option<GrantId>,
        /// Break-glass: granted at once, reviewed afterwards.
        emergency: bool,
    },
    /// That one held operation passes, once.
    Operation {
        /// At which target.
        target: TargetName,
        /// The session that waits.
        session: SessionId,
        /// The hash of what passes, as 64 hex digits.
        fingerprint: String,
        /// The whole text, control characters made visible.
        shown: String,
        /// What it would touch, as far as the preview could tell.
        impact: Vec<String>,
        /// What of it stays the same where its operands change; none where that can't be said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shape: Option<Shape>,
        /// How much of what it does the fingerprint tells.
        #[serde(default, skip_serializing_if = "Exactness::is_whole")]
        exact: Exactness,
    },
    /// That somebody looks at what was done under a break-glass grant.
    Review {
        /// At which target.
        target: TargetName,
        /// The grant to review.
        grant: GrantId,
    },
}

impl What {
    /// The target that it is about.
    pub const fn target(&self) -> &TargetName {
        match self {
            Self::Access { target, .. } | Self::Operation { target, .. } | Self::Review { target, .. } => target,
        }
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its id.
    pub id: RequestId,
    /// Who asked.
    pub by: Identity,
    /// When.
    pub at: Timestamp,
    /// For what.
    pub what: What,
    /// Why, in the requester's words.
    pub why: String,
    /// Who must agree, as the policy said when it was asked.
    pub needs: Needs,
    /// Where it stands.
    pub state: State,
    /// Who asked, by name, where it was somebody else for them.
    #[serde(default)]
    pub asked_by: Option<String>,
    /// What its requester asked for instead (G7).
    #[serde(default)]
    pub replaced: Option<RequestId>,
    /// What became of the operation that was let through.
    #[serde(default)]
    pub outcome: Option<Outcome>,
}

/// What became of an operation that was let through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How many rows it touched or gave.
    pub rows: u64,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// What the target said instead, made safe to show.
    pub error: Option<String>,
}

/// How long an approved operation may wait for its session before the approval is void.
const USE_WITHIN: Span = Span::minutes(2);

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Event {
    /// Somebody agrees. Whether they may is the policy's to say: `Vote::serves` holds its answer.
    Approve(Vote),
    /// Somebody agrees, and it would be enough by the policy of the request; the policy of now wants more (G6). The vote
    /// counts, and people are still asked.
    AgreeFurther(Vote),
    /// Somebody says no.
    Deny {
        /// Who.
        by: Identity,
        /// Why.
        because: String,
    },
    /// The requester, or the session that waited, gave up.
    Withdraw,
    /// The session takes the approval up, for exactly these bytes.
    Spend {
        /// The session.
        session: SessionId,
        /// The hash of what it is about to send, as 64 hex digits.
        fingerprint: String,
    },
    /// Somebody who decides asked something back.
    Question,
    /// No question waits for an answer any more.
    Answered,
    /// Somebody wants the next people to be asked now.
    Escalate,
    /// Time went by.
    Tick,
}

/// What has to be done, in the transaction that stores the new state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make a grant, or give one more time.
    Grant {
        /// At this level.
        access: Access,
        /// For this long, from now.
        span: Span,
    },
    /// The break-glass grant has been reviewed.
    Reviewed(GrantId),
    /// Ask these people as well.
    Ask(Vec<Who>),
}

/// A step that a request took.
#[derive(Clone, Debug)]
pub struct Step {
    /// The request afterwards.
    pub request: Request,
    /// What has to be done.
    pub effects: Vec<Effect>,
}

/// Why a step was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// G16.
    #[error("nobody decides on their own request")]
    Own,
    /// The voter is in none of the groups that were asked.
    #[error("this voter was not asked")]
    NotAsked,
    /// Everybody was asked already.
    #[error("there is nobody else to ask")]
    NobodyElse,
    /// It is settled.
    #[error("the request is {0} already")]
    Settled(&'static str),
    /// There is no approval to use yet.
    #[error("the request is still {0}")]
    NotApproved(&'static str),
    /// The bytes or the session differ from what was approved.
    #[error("the operation is not the one that was approved")]
    Differs,
}

impl Request {
    /// A new request, pending from `now`.
    pub fn new(by: Identity, what: What, why: String, needs: Needs, now: Timestamp) -> Self {
        let until = now.plus(needs.within());
        let pause = Pause::of(until, needs.pause());
        let state = State::Pending { until, escalated: false, votes: Votes::default(), pause };
        Self {
            id: RequestId::new(),
            by,
            at: now,
            what,
            why,
            needs,
            state,
            asked_by: None,
            replaced: None,
            outcome: None,
        }
    }

    /// Who is asked at this moment.
    pub fn asked(&self) -> Vec<Who> {
        match self.state {
            State::Pending { escalated, .. } => self.needs.asked(escalated),
            State::Approved { .. } => self.needs.asked(true),
            State::Spent { .. } | State::Denied { .. } | State::Withdrawn { .. } | State::Lapsed { .. } => Vec::new(),
        }
    }

    /// The same request with each vote counted only for the quorums that its voter may still serve: people who left a
    /// group after they agreed no longer count (G6).
    pub fn recount(self, serves: impl Fn(&str, &Self) -> Vec<usize>) -> Self {
        let state = match self.state.clone() {
            State::Pending { until, escalated, votes, pause } => {
                let votes = votes.recount(|vote| serves(&vote.by.name, &self));
                State::Pending { until, escalated, votes, pause }
            }
            State::Approved { at, until, votes } => {
                State::Approved { at, until, votes: votes.recount(|vote| serves(&vote.by.name, &self)) }
            }
            settled @ (State::Spent { .. }
            | State::Denied { .. }
            | State::Withdrawn { .. }
            | State::Lapsed { .. }) => settled,
        };
        Self { state, ..self }
    }

    /// Takes a step, or says why not. A refused event changes nothing.
    pub fn step(self, event: Event, now: Timestamp) -> Result<Step, Refused> {
        // Time is told first, so that a late vote meets a request that has lapsed, whoever noticed.
        let told = self.pause_is_over(now);
        let due = told.state.due().is_some_and(|due| now >= due);
        match event {
            Event::Tick if due => Ok(told.overdue(now)),
            Event::Tick => Ok(told.unchanged()),
            Event::Approve(_) | Event::AgreeFurther(_) | Event::Deny { .. } | Event::Question | Event::Escalate
                if due && !told.still_open() =>
            {
                Err(Refused::Settled("lapsed"))
            }
            Event::Approve(vote) => told.approve(vote, now),
            Event::AgreeFurther(vote) => told.agree(vote),
            Event::Deny { by, because } => told.deny(by, because, now),
            Event::Withdraw => told.withdraw(now),
            // Whoever is asked next is asked in time, whatever is asked back at that moment.
            Event::Question if due => Ok(told.unchanged()),
            Event::Question => told.stop(now),
            Event::Answered => Ok(told.run(now)),
            Event::Escalate => told.escalate(now),
            Event::Spend { .. } if due => Err(Refused::Settled("lapsed")),
            Event::Spend { session, fingerprint } => told.spend(session, &fingerprint, now),
        }
    }

    /// Whether being overdue only means that more people are asked.
    fn still_open(&self) -> bool {
        match self.state {
            State::Pending { escalated, .. } => self.waits_for_ever() || (!escalated && self.needs.can_escalate()),
            State::Approved { .. }
            | State::Spent { .. }
            | State::Denied { .. }
            | State::Withdrawn { .. }
            | State::Lapsed { .. } => false,
        }
    }

    /// A review is owed until it is done.
    fn waits_for_ever(&self) -> bool {
        matches!(self.what, What::Review { .. })
    }

    fn unchanged(self) -> Step {
        Step { request: self, effects: Vec::new() }
    }

    fn becomes(mut self, state: State, effects: Vec<Effect>) -> Step {
        self.state = state;
        Step { request: self, effects }
    }

    fn overdue(self, now: Timestamp) -> Step {
        if !self.still_open() {
            return self.becomes(State::Lapsed { at: now }, Vec::new());
        }
        let until = now.plus(self.needs.within());
        let State::Pending { until: before, escalated, votes, pause } = self.state.clone() else {
            return self.unchanged();
        };
        let pause = pause.map(|pause| pause.renew(before, until, now));
        let ask = if escalated { Vec::new() } else { vec![Effect::Ask(self.needs.asked(true))] };
        self.becomes(State::Pending { until, escalated: true, votes, pause }, ask)
    }

    fn escalate(self, now: Timestamp) -> Result<Step, Refused> {
        match self.state {
            State::Pending { escalated: false, .. } if self.needs.can_escalate() => Ok(self.overdue(now)),
            State::Pending { .. } => Err(Refused::NobodyElse),
            State::Approved { .. }
            | State::Spent { .. }
            | State::Denied { .. }
            | State::Withdrawn { .. }
            | State::Lapsed { .. } => Err(Refused::Settled(self.state.as_str())),
        }
    }

    /// Counts a vote; what follows from it is not looked at.
    fn agree(self, vote: Vote) -> Result<Step, Refused> {
        if vote.by.id == self.by.id {
            return Err(Refused::Own);
        }
        if vote.serves.is_empty() {
            return Err(Refused::NotAsked);
        }
        let State::Pending { until, escalated, mut votes, pause } = self.state.clone() else {
            return Err(Refused::Settled(self.state.as_str()));
        };
        votes.add(vote);
        Ok(self.becomes(State::Pending { until, escalated, votes, pause }, Vec::new()))
    }

    fn approve(self, vote: Vote, now: Timestamp) -> Result<Step, Refused> {
        let Step { request, effects } = self.agree(vote)?;
        match request.state.clone() {
            State::Pending { votes, .. } if votes.meet(&request.needs) => Ok(request.enough(votes, now)),
            State::Pending { .. }
            | State::Approved { .. }
            | State::Spent { .. }
            | State::Denied { .. }
            | State::Withdrawn { .. }
            | State::Lapsed { .. } => Ok(Step { request, effects }),
        }
    }

    fn enough(self, votes: Votes, now: Timestamp) -> Step {
        match self.what.clone() {
            What::Access { access, span, .. } => {
                let terms = votes.terms();
                let effect = Effect::Grant {
                    access: terms.access.map_or(access, |least| least.min(access)),
                    span: terms.span.map_or(span, |least| least.min(span)),
                };
                self.becomes(State::Spent { at: now, votes }, vec![effect])
            }
            What::Operation { .. } => {
                self.becomes(State::Approved { at: now, until: now.plus(USE_WITHIN), votes }, Vec::new())
            }
            What::Review { grant, .. } => {
                self.becomes(State::Spent { at: now, votes }, vec![Effect::Reviewed(grant)])
            }
        }
    }

    // INVARIANT: a denial wins over an approval that was not used yet (G4).
    fn deny(self, by: Identity, because: String, now: Timestamp) -> Result<Step, Refused> {
        if by.id == self.by.id {
            return Err(Refused::Own);
        }
        if self.state.is_final() {
            return Err(Refused::Settled(self.state.as_str()));
        }
        // A review that finds fault is done all the same: what follows from it is for people to decide.
        let effects = match self.what {
            What::Review { grant, .. } => vec![Effect::Reviewed(grant)],
            What::Access { .. } | What::Operation { .. } => Vec::new(),
        };
        Ok(self.becomes(State::Denied { at: now, by, because }, effects))
    }

    fn withdraw(self, now: Timestamp) -> Result<Step, Refused> {
        // Whoever owes a review cannot take the question back.
        if self.state.is_final() || self.waits_for_ever() {
            return Err(Refused::Settled(self.state.as_str()));
        }
        Ok(self.becomes(State::Withdrawn { at: now }, Vec::new()))
    }

    // INVARIANT: a spent approval is never pending again, and passes only the bytes that it was given for (G5, G8).
    fn spend(self, by: SessionId, hash: &str, now: Timestamp) -> Result<Step, Refused> {
        let State::Approved { votes, .. } = self.state.clone() else {
            return Err(if self.state.is_final() {
                Refused::Settled(self.state.as_str())
            } else {
                Refused::NotApproved(self.state.as_str())
            });
        };
        match &self.what {
            What::Operation { session, fingerprint, .. } if *session == by && fingerprint == hash => {
                Ok(self.becomes(State::Spent { at: now, votes }, Vec::new()))
            }
            What::Operation { .. } | What::Access { .. } | What::Review { .. } => Err(Refused::Differs),
        }
    }

    /// What an approver agreed to, for the outcome's words.
    pub fn terms(&self) -> Terms {
        match &self.state {
            State::Pending { votes, .. } | State::Approved { votes, .. } | State::Spent { votes, .. } => {
                votes.terms()
            }
            State::Denied { .. } | State::Withdrawn { .. } | State::Lapsed { .. } => Terms::default(),
        }
    }
}

#[cfg(test)]
mod tests;
