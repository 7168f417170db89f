//! Who may ask for what, and whose agreement counts, by the policy as it is now.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Policy;
use super::rule::{Effect, Way};
use crate::approval::{Needs, Quorum, Vote};
use crate::clock::{Span, Timestamp};
use crate::request::{Request, State, What};
use crate::target::{Access, Target, TargetName};
use crate::told::{Fault, Told};

/// A wish for access.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Whose.
    pub by: &'a str,
    /// To what.
    pub target: &'a TargetName,
    /// At which level.
    pub access: Access,
    /// For how long.
    pub span: Span,
    /// Whether the glass is broken: access at once, a review afterwards.
    pub emergency: bool,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The rule that allows it, by name.
    pub rule: String,
    /// Who must agree; for break-glass, who must review.
    pub needs: Needs,
    /// The longest that this rule gives.
    pub at_most: Span,
}

impl Route {
    fn of(way: &Way) -> Self {
        Self { rule: way.name.clone(), needs: way.needs.clone(), at_most: way.at_most }
    }
}

/// Why nobody is even asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such target, or none that this person may know of.
    #[error("there is no target `{0}` that you may ask for")]
    Unknown(TargetName),
    /// The person may ask for the target, at other levels.
    #[error("`{access}` access to `{target}` can't be asked for")]
    Level {
        /// The target.
        target: TargetName,
        /// What was asked.
        access: Access,
        /// What may be asked.
        levels: Vec<Access>,
    },
    /// It is for too long.
    #[error("`{target}` is given for at most {at_most}")]
    TooLong {
        /// The target.
        target: TargetName,
        /// The longest that may be asked.
        at_most: Span,
    },
    /// Nobody may break the glass here, or not this person.
    #[error("break-glass access to `{0}` is not yours to take")]
    NoEmergency(TargetName),
}

impl Told for Refusal {
    fn told(&self) -> String {
        match self {
            Self::Unknown(_) => format!("{self}; `countersign targets` lists yours"),
            Self::Level { levels, .. } => {
                let levels: Vec<String> = levels.iter().map(|level| format!("`{level}`")).collect();
                format!("{self}; ask for {}", levels.join(" or "))
            }
            Self::TooLong { at_most, .. } => format!("{self}; ask for {at_most} or less, and extend it later"),
            Self::NoEmergency(_) => format!("{self}; ask for access as usual"),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Unknown(_) => Fault::Missing,
            Self::Level { .. } | Self::TooLong { .. } | Self::NoEmergency(_) => Fault::Refused,
        }
    }
}

/// A target that somebody may ask for.
///
/// Not for serialising: the target holds its address and where its passwords lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MayAsk {
    /// The target.
    pub target: Arc<Target>,
    /// At which levels, in rising order.
    pub levels: Vec<Access>,
    /// The longest that any of them is given for.
    pub at_most: Span,
    /// Whether this is a right to break the glass.
    pub emergency: bool,
}

impl Policy {
    /// Where a request goes: the first entry of the file that gives this person this level for that long.
    pub fn route(&self, ask: &Ask<'_>, now: Timestamp) -> Result<Route, Refusal> {
        let fitting = self.fitting(ask, now)?;
        let too_long = || {
            let at_most = fitting.iter().map(|way| way.at_most).max().unwrap_or(Span::ZERO);
            Refusal::TooLong { target: ask.target.clone(), at_most }
        };
        let way = fitting.iter().find(|way| ask.span <= way.at_most).ok_or_else(too_long)?;
        Ok(Route::of(way))
    }

    /// Where a request that was made already goes by the policy as it is now (G6). The same entry as [`Self::route`]
    /// gives; where none gives that long any more, the one that gives longest, since a grant is cut to its time.
    pub fn route_again(&self, ask: &Ask<'_>, now: Timestamp) -> Result<Route, Refusal> {
        let fitting = self.fitting(ask, now)?;
        let first = fitting.iter().find(|way| ask.span <= way.at_most);
        let way = first.or_else(|| fitting.iter().min_by_key(|way| Reverse(way.at_most)));
        way.map(|way| Route::of(way)).ok_or_else(|| Refusal::Unknown(ask.target.clone()))
    }

    /// The entries that give this person this level, for whatever time, in the order of the file; never none.
    fn fitting<'p>(&'p self, ask: &'p Ask<'p>, now: Timestamp) -> Result<Vec<&'p Way>, Refusal> {
        let unknown = || Refusal::Unknown(ask.target.clone());
        let target = self.target(ask.target).ok_or_else(unknown)?;
        let open: Vec<&Way> = self.open_ways(ask.by, target, now).collect();
        // Whoever may not ask at all learns no more than of a target that does not exist.
        if open.is_empty() {
            return Err(unknown());
        }
        let ways: Vec<&Way> = open.into_iter().filter(|way| way.emergency == ask.emergency).collect();
        if ways.is_empty() {
            return Err(if ask.emergency { Refusal::NoEmergency(ask.target.clone()) } else { unknown() });
        }
        let fitting: Vec<&Way> = ways.iter().copied().filter(|way| gives(way, target, ask.access)).collect();
        if fitting.is_empty() {
            let levels = [Access::Read, Access::Write, Access::Admin].into_iter();
            let levels = levels.filter(|level| ways.iter().any(|way| gives(way, target, *level))).collect();
            return Err(Refusal::Level { target: ask.target.clone(), access: ask.access, levels });
        }
        Ok(fitting)
    }

    /// Which of these quorums a vote counts for now, by position; none for a vote that serves nothing any more.
    pub fn counts_for(&self, needs: &Needs, vote: &Vote, now: Timestamp) -> Vec<usize> {
        if vote.serves.is_empty() { Vec::new() } else { self.asked_by(needs, &vote.by.name, now) }
    }

    /// Which of these quorums ask somebody now, by position. Whoever is asked later counts too: votes are looked at
    /// when they would let something through, and by then everybody may have been asked.
    fn asked_by(&self, needs: &Needs, voter: &str, now: Timestamp) -> Vec<usize> {
        let quorums = needs.quorums().iter().enumerate();
        quorums.filter(|(_, quorum)| self.asks(quorum, voter, true, now)).map(|(at, _)| at).collect()
    }

    /// What somebody may ask for, by target; rights to break the glass come after the others.
    pub fn may_ask(&self, by: &str, now: Timestamp) -> Vec<MayAsk> {
        let mut all: BTreeMap<(&TargetName, bool), MayAsk> = BTreeMap::new();
        for target in self.targets() {
            for way in self.open_ways(by, target, now) {
                let levels = [Access::Read, Access::Write, Access::Admin].into_iter();
                let levels: Vec<Access> = levels.filter(|level| gives(way, target, *level)).collect();
                if levels.is_empty() {
                    continue;
                }
                let entry = all.entry((&target.name, way.emergency)).or_insert_with(|| MayAsk {
                    target: Arc::clone(target),
                    levels: Vec::new(),
                    at_most: way.at_most,
                    emergency: way.emergency,
                });
                entry.levels.extend(levels);
                entry.levels.sort_unstable();
                entry.levels.dedup();
                entry.at_most = entry.at_most.max(way.at_most);
            }
        }
        all.into_values().collect()
    }

    /// Whether a grant is still within the policy (G6). A grant may be for less than what can be asked for, since an
    /// approver may agree to less.
    pub fn permits(&self, by: &str, target: &TargetName, access: Access, emergency: bool, now: Timestamp) -> bool {
        let Some(target) = self.target(target) else { return false };
        let higher = |way: &Way| {
            [Access::Read, Access::Write, Access::Admin]
                .into_iter()
                .any(|level| level >= access && gives(way, target, level))
        };
        target.logins.contains_key(&access)
            && self.open_ways(by, target, now).any(|way| way.emergency == emergency && higher(way))
    }

    /// Which quorums of a request somebody may count for now: by position in `request.needs.quorums()`.
    ///
    /// INVARIANT (G6): both the policy of the request and the policy of now must name the voter. The stricter wins.
    pub fn serves(&self, request: &Request, voter: &str, now: Timestamp) -> Vec<usize> {
        let escalated = match request.state {
            State::Pending { escalated, .. } => escalated,
            // Votes are looked at once more at the release; by then whoever was asked later had been asked.
            State::Approved { .. } => true,
            State::Spent { .. } | State::Denied { .. } | State::Withdrawn { .. } | State::Lapsed { .. } => {
                return Vec::new();
            }
        };
        // G16: nobody decides on their own request, by any path.
        if voter == request.by.name || request.asked_by.as_deref() == Some(voter) {
            return Vec::new();
        }
        let quorums = request.needs.quorums().iter().enumerate();
        quorums
            .filter(|(_, quorum)| self.asks(quorum, voter, escalated, now))
            .filter(|(_, quorum)| self.still_asks(request, quorum, voter, now))
            .map(|(at, _)| at)
            .collect()
    }

    /// Whether a quorum asks somebody.
    fn asks(&self, quorum: &Quorum, voter: &str, escalated: bool, now: Timestamp) -> bool {
        let later = quorum.then.as_ref().filter(|_| escalated);
        self.is(&quorum.from, voter, now) || later.is_some_and(|who| self.is(who, voter, now))
    }

    /// Whether the policy as it is now asks this voter for the same thing.
    fn still_asks(&self, request: &Request, quorum: &Quorum, voter: &str, now: Timestamp) -> bool {
        let by = request.by.name.as_str();
        match &request.what {
            What::Access { target, access, span, emergency, .. } => {
                let ask = Ask { by, target, access: *access, span: *span, emergency: *emergency };
                self.route_again(&ask, now).is_ok_and(|route| !self.asked_by(&route.needs, voter, now).is_empty())
            }
            What::Operation { target, .. } => {
                let known = self.target(target);
                let inside = known.is_some_and(|target| self.open_ways(by, target, now).next().is_some());
                inside && self.rule_still_asks(&quorum.rule, voter, now)
            }
            // A review is owed whatever has become of the right that it follows.
            What::Review { .. } => true,
        }
    }

    /// What has become of a hold rule. One that is gone asks nobody else, so the old quorum stands; the operation itself
    /// is judged again at the release.
    fn rule_still_asks(&self, name: &str, voter: &str, now: Timestamp) -> bool {
        let Some(rule) = self.inner.rules.iter().find(|rule| rule.name == name) else { return true };
        match &rule.effect {
            Effect::Hold(needs) => needs.quorums().iter().any(|quorum| self.asks(quorum, voter, true, now)),
            Effect::Allow { .. } => true,
            Effect::Deny { .. } => false,
        }
    }

    /// The entries that let somebody ask for a target, in the order of the file.
    pub(super) fn open_ways<'p>(
        &'p self,
        by: &'p str,
        target: &'p Target,
        now: Timestamp,
    ) -> impl Iterator<Item = &'p Way> {
        let people = &self.inner.people;
        // An entry without `who` is a mistake, so that "everybody" is never meant by accident.
        let open =
            move |way: &&Way| way.select.covers(target) && way.select.who.iter().any(|who| people.is(who, by, now));
        self.inner.ways.iter().filter(open)
    }
}

/// Whether an entry gives a level on a target.
pub(super) fn gives(way: &Way, target: &Target, access: Access) -> bool {
    way.select.levels.contains(&access) && target.logins.contains_key(&access)
}
