//! Rows by person, so that five hundred digests read each row a few times and not five hundred times.

use std::collections::HashMap;

use super::rows::{Frame, HeldGrant, Rows, Team};
use crate::clock::Timestamp;
use crate::grant::{Ended, Grant};
use crate::id::GrantId;
use crate::request::{Request, State};
use crate::session::Session;

/// One person's rows.
#[derive(Debug, Default)]
pub(super) struct Mine<'r> {
    pub(super) requests: Vec<&'r Request>,
    /// Requests of others that they decided on.
    pub(super) decided: Vec<&'r Request>,
    pub(super) reviews: Vec<&'r Request>,
    pub(super) grants: Vec<&'r HeldGrant>,
    pub(super) sessions: Vec<&'r Session>,
}

/// The rows of a week, by person.
#[derive(Debug)]
pub struct ByPerson<'r> {
    pub(super) rows: &'r Rows,
    of: HashMap<&'r str, Mine<'r>>,
    under: HashMap<GrantId, Vec<&'r Session>>,
}

impl<'r> ByPerson<'r> {
    /// Sorts the rows.
    pub fn of(rows: &'r Rows) -> Self {
        let mut of: HashMap<&str, Mine<'_>> = HashMap::new();
        let mut under: HashMap<GrantId, Vec<&Session>> = HashMap::new();
        for request in &rows.requests {
            of.entry(&request.by.name).or_default().requests.push(request);
            for (name, _) in Decision::of(request).iter().flat_map(|decision| &decision.by) {
                let decided = &mut of.entry(name).or_default().decided;
                // A person counts once, however often they voted.
                if decided.last().is_none_or(|last| last.id != request.id) {
                    decided.push(request);
                }
            }
        }
        for request in &rows.reviews {
            of.entry(&request.by.name).or_default().reviews.push(request);
        }
        for held in &rows.grants {
            of.entry(&held.grant.to.name).or_default().grants.push(held);
        }
        for session in &rows.sessions {
            of.entry(&session.by.name).or_default().sessions.push(session);
            under.entry(session.grant).or_default().push(session);
        }
        Self { rows, of, under }
    }

    pub(super) fn mine(&self, name: &str) -> Option<&Mine<'r>> {
        self.of.get(name)
    }

    /// The sessions under a grant.
    pub(super) fn under(&self, grant: GrantId) -> &[&'r Session] {
        self.under.get(&grant).map(Vec::as_slice).unwrap_or_default()
    }
}

/// All that one digest looks at.
#[derive(Debug)]
pub(super) struct View<'v> {
    pub(super) rows: &'v ByPerson<'v>,
    pub(super) team: &'v Team,
    pub(super) frame: &'v Frame,
    pub(super) now: Timestamp,
}

impl<'v> View<'v> {
    /// The people whom it is about, with their rows. Never the manager, whatever the team says.
    pub(super) fn people(&self) -> impl Iterator<Item = (&'v str, &'v Mine<'v>)> + '_ {
        let names = self.team.members.keys().filter(|name| **name != self.team.manager);
        names.filter_map(|name| self.rows.mine(name).map(|mine| (name.as_str(), mine)))
    }

    pub(super) fn requests(&self) -> impl Iterator<Item = &'v Request> + '_ {
        self.people().flat_map(|(_, mine)| mine.requests.iter().copied())
    }

    pub(super) fn grants(&self) -> impl Iterator<Item = &'v HeldGrant> + '_ {
        self.people().flat_map(|(_, mine)| mine.grants.iter().copied())
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = &'v Session> + '_ {
        self.people().flat_map(|(_, mine)| mine.sessions.iter().copied())
    }

    /// When the week ends, or now where it goes on.
    pub(super) fn end(&self) -> Timestamp {
        self.frame.until.min(self.now)
    }

    /// The part of a time that lies in the week, in microseconds; nothing where none does.
    pub(super) fn inside(&self, from: Timestamp, until: Timestamp) -> Option<(i64, i64)> {
        let (from, until) = (from.max(self.frame.since), until.min(self.end()));
        (from < until).then(|| (from.micros(), until.micros()))
    }
}

/// When a grant ended or will end.
pub(super) fn end_of(grant: &Grant) -> Timestamp {
    match &grant.ended {
        None => grant.until,
        Some(Ended::Expired { at } | Ended::Revoked { at, .. }) => grant.until.min(*at),
    }
}

impl Request {
    /// Who decided on it, by name; nobody yet, or nobody at all, where no decision was made.
    pub(crate) fn decided_by(&self) -> impl Iterator<Item = &str> {
        Decision::of(self).into_iter().flat_map(|decision| decision.by).map(|(name, _)| name)
    }
}

/// What somebody decided.
#[derive(Debug)]
pub(super) struct Decision<'r> {
    /// When it was enough, or refused.
    pub(super) at: Timestamp,
    /// Who decided, each with the moment.
    pub(super) by: Vec<(&'r str, Timestamp)>,
    pub(super) yes: bool,
}

impl<'r> Decision<'r> {
    /// The decision on a request, if people made one. Break-glass is nobody's decision.
    pub(super) fn of(request: &'r Request) -> Option<Self> {
        match &request.state {
            State::Approved { votes, .. } | State::Spent { votes, .. } => {
                let by: Vec<_> = votes.list().iter().map(|vote| (vote.by.name.as_str(), vote.at)).collect();
                // "Spent" is when it was used; the last vote is when the waiting ended.
                let at = by.iter().map(|(_, at)| *at).max()?;
                Some(Self { at, by, yes: true })
            }
            State::Denied { at, by, .. } => Some(Self { at: *at, by: vec![(by.name.as_str(), *at)], yes: false }),
            State::Pending { .. } | State::Withdrawn { .. } | State::Lapsed { .. } => None,
        }
    }
}
