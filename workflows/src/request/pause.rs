//! How a question that waits for its answer stops the time of a request.

use serde::{Deserialize, Serialize};

use super::{Refused, Request, State, Step};
use crate::clock::{Span, Timestamp};

/// The pause of a pending request whose policy allows one.
///
/// INVARIANT: a deadline is moved by the time waited and never past `latest`, whoever asks and however often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when time stands still; nothing while it runs.
    pub since: Option<Timestamp>,
    /// The deadline never moves past this moment.
    pub latest: Timestamp,
}

impl Pause {
    /// What a deadline may be moved by, if it may be moved at all.
    pub(super) fn of(until: Timestamp, most: Span) -> Option<Self> {
        (most > Span::ZERO).then(|| Self { since: None, latest: until.plus(most) })
    }

    /// Time stands still from now on, if it ran and anything is left to wait with.
    pub(super) const fn stop(self, until: Timestamp, now: Timestamp) -> Self {
        match self.since {
            None if self.left(until).micros() > 0 => Self { since: Some(now), ..self },
            None | Some(_) => self,
        }
    }

    /// The deadline when time runs again from `now` on, and the pause that is left.
    pub(super) fn run(self, until: Timestamp, now: Timestamp) -> (Timestamp, Self) {
        let waited = self.since.map_or(Span::ZERO, |since| now.since(since));
        (until.plus(waited.min(self.left(until))), Self { since: None, ..self })
    }

    /// The same pause for a new deadline: what was used up stays used up, and a question that is open stays open.
    pub(super) fn renew(self, until: Timestamp, renewed: Timestamp, now: Timestamp) -> Self {
        let (until, rest) = self.run(until, now);
        let rest = Self { latest: renewed.plus(rest.left(until)), ..rest };
        if self.since.is_some() { rest.stop(renewed, now) } else { rest }
    }

    /// When time runs again though nobody answered.
    pub(super) const fn ends(self, until: Timestamp) -> Option<Timestamp> {
        match self.since {
            Some(since) => Some(since.plus(self.left(until))),
            None => None,
        }
    }

    const fn left(self, until: Timestamp) -> Span {
        self.latest.since(until)
    }
}

impl Request {
    /// A question stops the time of a pending request, where the policy lets it.
    pub(super) fn stop(self, now: Timestamp) -> Result<Step, Refused> {
        let State::Pending { until, escalated, votes, pause } = self.state.clone() else {
            return Err(Refused::Settled(self.state.as_str()));
        };
        let pause = pause.filter(|_| !self.waits_for_ever()).map(|pause| pause.stop(until, now));
        Ok(self.becomes(State::Pending { until, escalated, votes, pause }, Vec::new()))
    }

    /// Time runs again, and what was waited is added to the deadline.
    pub(super) fn run(self, now: Timestamp) -> Step {
        match self.state.clone() {
            State::Pending { until, escalated, votes, pause: Some(pause) } => {
                let (until, pause) = pause.run(until, now);
                self.becomes(State::Pending { until, escalated, votes, pause: Some(pause) }, Vec::new())
            }
            State::Pending { pause: None, .. }
            | State::Approved { .. }
            | State::Spent { .. }
            | State::Denied { .. }
            | State::Withdrawn { .. }
            | State::Lapsed { .. } => self.unchanged(),
        }
    }

    /// A question that nobody answered stops time no longer than the policy lets it, whoever noticed.
    pub(super) fn pause_is_over(self, now: Timestamp) -> Self {
        match self.state.due().filter(|due| now >= *due && self.state.stopped().is_some()) {
            Some(_) => self.run(now).request,
            None => self,
        }
    }
}
