//! Who must agree, and who has.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::clock::{Span, Timestamp};
use crate::id::IdentityId;
use crate::identity::{Identity, is_name};
use crate::target::Access;

mod repeat;

pub use repeat::{Repeat, RepeatError};

/// Somebody that the file names: `group:dba`, `oncall:orders-primary` or a person's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// Everyone in a group, nested groups included.
    Group(String),
    /// Whoever is on call in a rotation now.
    OnCall(String),
    /// One person.
    Person(String),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(name) => write!(f, "group:{name}"),
            Self::OnCall(name) => write!(f, "oncall:{name}"),
            Self::Person(name) => f.write_str(name),
        }
    }
}

/// Why a text names nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names nobody; write `group:NAME`, `oncall:NAME` or a person's name")]
pub struct WhoError(pub String);

impl FromStr for Who {
    type Err = WhoError;

    fn from_str(text: &str) -> Result<Self, WhoError> {
        match text.split_once(':') {
            Some(("group", name)) if is_name(name) => Ok(Self::Group(name.to_owned())),
            Some(("oncall", name)) if is_name(name) => Ok(Self::OnCall(name.to_owned())),
            None if is_name(text) => Ok(Self::Person(text.to_owned())),
            _ => Err(WhoError(text.to_owned())),
        }
    }
}

impl Serialize for Who {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Who {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// How many people, from whom, within what time; and who is asked when that time is over.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Quorum {
    /// Which rule wants it, by name.
    pub rule: String,
    /// Who is asked first.
    pub from: Who,
    /// How many distinct people must agree; at least 1.
    pub people: u8,
    /// How long each group is given.
    pub within: Span,
    /// Who is asked as well when the first did not answer in time.
    pub then: Option<Who>,
    /// How far an unanswered question may move the deadline, in all; not at all where it is zero.
    #[serde(default = "no_pause", skip_serializing_if = "is_no_pause")]
    pub pause: Span,
    /// For how long at most what was approved may pass again, where those who agree let it.
    #[serde(default = "usual_repeat", skip_serializing_if = "is_usual_repeat")]
    pub repeat: Span,
}

impl Quorum {
    /// For how long something may pass again, where the policy says nothing of it.
    pub const REPEAT: Span = Span::hours(1);
}

const fn usual_repeat() -> Span {
    Quorum::REPEAT
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_usual_repeat(repeat: &Span) -> bool {
    *repeat == Quorum::REPEAT
}

const fn no_pause() -> Span {
    Span::ZERO
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_no_pause(pause: &Span) -> bool {
    *pause == Span::ZERO
}

/// Every quorum that has to be met; one person counts once in each that they belong to. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs(Vec<Quorum>);

impl Needs {
    /// Needs of one quorum.
    pub fn one(quorum: Quorum) -> Self {
        Self(vec![quorum])
    }

    /// Both needs: whatever either asks for. Commutative, associative, idempotent.
    pub fn join(self, other: Self) -> Self {
        let all: BTreeSet<Quorum> = self.0.into_iter().chain(other.0).collect();
        Self(all.into_iter().collect())
    }

    /// The quorums, in a fixed order.
    pub fn quorums(&self) -> &[Quorum] {
        &self.0
    }

    /// The shortest time that any quorum gives.
    pub fn within(&self) -> Span {
        self.0.iter().map(|quorum| quorum.within).min().unwrap_or(Span::ZERO)
    }

    /// How far an unanswered question may move the deadline: as far as every quorum lets it.
    pub fn pause(&self) -> Span {
        self.0.iter().map(|quorum| quorum.pause).min().unwrap_or(Span::ZERO)
    }

    /// For how long at most what was approved may pass again: no longer than any quorum lets it.
    pub fn repeat(&self) -> Span {
        self.0.iter().map(|quorum| quorum.repeat).min().unwrap_or(Span::ZERO)
    }

    /// Whether there is somebody else to ask when the time is over.
    pub fn can_escalate(&self) -> bool {
        self.0.iter().any(|quorum| quorum.then.is_some())
    }

    /// Everybody that is asked, in order, without doubles.
    pub fn asked(&self, escalated: bool) -> Vec<Who> {
        let mut all: Vec<Who> = Vec::new();
        let later = |quorum: &Quorum| if escalated { quorum.then.clone() } else { None };
        for who in self.0.iter().flat_map(|quorum| std::iter::once(quorum.from.clone()).chain(later(quorum))) {
            if !all.contains(&who) {
                all.push(who);
            }
        }
        all
    }
}

/// What an approver agrees to, where it is less than what was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// No longer than this.
    pub span: Option<Span>,
    /// No more than this level.
    pub access: Option<Access>,
    /// How often, where an operation is held.
    #[serde(default)]
    pub repeat: Repeat,
}

impl Terms {
    /// The lesser of both, part by part.
    pub fn least(self, other: Self) -> Self {
        fn least<T: Ord>(one: Option<T>, two: Option<T>) -> Option<T> {
            match (one, two) {
                (Some(one), Some(two)) => Some(one.min(two)),
                (one, two) => one.or(two),
            }
        }
        Self {
            span: least(self.span, other.span),
            access: least(self.access, other.access),
            repeat: self.repeat.least(other.repeat),
        }
    }
}

/// One person's approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Who agreed.
    pub by: Identity,
    /// When.
    pub at: Timestamp,
    /// To what.
    pub terms: Terms,
    /// What they wrote with it.
    pub note: Option<String>,
    /// Which quorums they count for, by position in [`Needs::quorums`].
    pub serves: Vec<usize>,
}

/// The approvals so far, one a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Votes(Vec<Vote>);

impl Votes {
    /// Adds an approval. A second one of the same person takes the place of the first.
    pub fn add(&mut self, vote: Vote) {
        self.0.retain(|earlier| earlier.by.id != vote.by.id);
        self.0.push(vote);
    }

    /// Whether enough distinct people agreed, in every quorum. Where one rule has several, nobody counts in two of them:
    /// whoever writes "one of these and one of those" wants two people. Different rules may be met by the same.
    pub fn meet(&self, needs: &Needs) -> bool {
        let rules: BTreeSet<&str> = needs.0.iter().map(|quorum| quorum.rule.as_str()).collect();
        !rules.is_empty() && rules.into_iter().all(|rule| self.meet_rule(needs, rule))
    }

    /// Gives each place of a rule's quorums to a different person, if that can be done (augmenting paths).
    fn meet_rule(&self, needs: &Needs, rule: &str) -> bool {
        let mut taken: BTreeMap<IdentityId, usize> = BTreeMap::new();
        let of_rule = needs.0.iter().enumerate().filter(|(_, quorum)| quorum.rule == rule);
        let places: Vec<usize> =
            of_rule.flat_map(|(at, quorum)| std::iter::repeat_n(at, usize::from(quorum.people.max(1)))).collect();
        places.iter().enumerate().all(|(place, _)| self.seat(place, &places, &mut taken, &mut BTreeSet::new()))
    }

    /// Finds somebody for a place, moving others who can also sit elsewhere.
    fn seat(
        &self,
        place: usize,
        places: &[usize],
        taken: &mut BTreeMap<IdentityId, usize>,
        tried: &mut BTreeSet<IdentityId>,
    ) -> bool {
        let Some(quorum) = places.get(place) else { return false };
        for vote in self.0.iter().filter(|vote| vote.serves.contains(quorum)) {
            if !tried.insert(vote.by.id) {
                continue;
            }
            let before = taken.get(&vote.by.id).copied();
            if before.is_none_or(|before| self.seat(before, places, taken, tried)) {
                taken.insert(vote.by.id, place);
                return true;
            }
        }
        false
    }

    /// The same votes, each counted for the quorums that `serves` gives it.
    pub fn recount(&self, serves: impl Fn(&Vote) -> Vec<usize>) -> Self {
        Self(self.0.iter().map(|vote| Vote { serves: serves(vote), ..vote.clone() }).collect())
    }

    /// The least that all agreed to.
    pub fn terms(&self) -> Terms {
        self.0.iter().map(|vote| vote.terms).reduce(Terms::least).unwrap_or_default()
    }

    /// The approvals in the order in which they came.
    pub fn list(&self) -> &[Vote] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quorum(rule: &str, from: &str, people: u8) -> Needs {
        let (rule, from) = (rule.to_owned(), Who::Group(from.to_owned()));
        Needs::one(Quorum {
            rule,
            from,
            people,
            within: Span::minutes(10),
            then: None,
            pause: Span::ZERO,
            repeat: Quorum::REPEAT,
        })
    }

    fn votes(serves: &[&[usize]]) -> Votes {
        let mut votes = Votes::default();
        for (at, serves) in serves.iter().enumerate() {
            let by = Identity { id: IdentityId::new(), name: format!("p{at}") };
            let at = Timestamp::from_micros(0);
            votes.add(Vote { by, at, terms: Terms::default(), note: None, serves: serves.to_vec() });
        }
        votes
    }

    #[test]
    fn one_of_these_and_one_of_those_are_two_people() {
        let needs = quorum("bulk", "dba", 1).join(quorum("bulk", "security", 1));
        assert!(!votes(&[&[0, 1]]).meet(&needs), "one person in both groups");
        assert!(!votes(&[&[0], &[0]]).meet(&needs), "two of the same group");
        assert!(votes(&[&[0, 1], &[0]]).meet(&needs), "whoever can sit elsewhere does");
        assert!(votes(&[&[0], &[0, 1]]).meet(&needs));
        // What two rules want may be met by the same person.
        let needs = quorum("bulk", "dba", 1).join(quorum("night", "security", 1));
        assert!(votes(&[&[0, 1]]).meet(&needs));
        assert!(!Votes::default().meet(&needs));
    }

    proptest! {
        #[test]
        fn seats_are_given_as_if_all_ways_were_tried(
            wanted in proptest::collection::vec(1..3u8, 1..4),
            voters in proptest::collection::vec(proptest::collection::vec(any::<bool>(), 3), 0..6),
        ) {
            let groups = ["a", "b", "c"];
            let needs = wanted.iter().zip(groups).map(|(people, group)| quorum("rule", group, *people)).reduce(Needs::join);
            let needs = needs.expect("one at least");
            let serves: Vec<Vec<usize>> = voters.iter()
                .map(|can| (0..wanted.len()).filter(|at| can.get(*at).copied().unwrap_or(false)).collect()).collect();
            let slices: Vec<&[usize]> = serves.iter().map(Vec::as_slice).collect();
            // By force: every voter sits in one of their groups, or in none.
            fn force(left: &[Vec<usize>], open: Vec<i16>) -> bool {
                if open.iter().all(|open| *open <= 0) {
                    return true;
                }
                let Some((first, rest)) = left.split_first() else { return false };
                force(rest, open.clone()) || first.iter().any(|at| {
                    let mut open = open.clone();
                    open[*at] -= 1;
                    force(rest, open)
                })
            }
            let open = needs.quorums().iter().map(|quorum| i16::from(quorum.people)).collect();
            prop_assert_eq!(votes(&slices).meet(&needs), force(&serves, open));
        }
    }
}
