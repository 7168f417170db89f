//! What the file says, looked up and ready to be applied.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::condition::Condition;
use super::file::Word;
use crate::approval::{Needs, Who};
use crate::clock::{Span, Timestamp};
use crate::oncall::{Board, Turns};
use crate::target::{Access, Target};
use crate::verdict::Mask;

/// Whom and what an entry is about. Whatever is empty means all.
#[derive(Clone, Debug, Default)]
pub(super) struct Select {
    pub(super) who: Vec<Who>,
    pub(super) targets: BTreeMap<String, String>,
    pub(super) levels: BTreeSet<Access>,
}

impl Select {
    /// Whether it is about this target.
    pub(super) fn covers(&self, target: &Target) -> bool {
        self.targets.iter().all(|(key, value)| attribute(target, key) == Some(value))
    }

    /// Whether it is about this level.
    pub(super) fn at(&self, access: Access) -> bool {
        self.levels.is_empty() || self.levels.contains(&access)
    }
}

/// What a target has under a key of `targets = { … }`.
pub(super) fn attribute<'t>(target: &'t Target, key: &str) -> Option<&'t str> {
    match key {
        "name" => Some(target.name.as_str()),
        "protocol" => Some(target.protocol.as_str()),
        label => target.labels.get(label).map(String::as_str),
    }
}

/// A way to a grant: `[[access]]`, or `[[emergency]]` where `emergency` is set.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) name: String,
    pub(super) select: Select,
    pub(super) at_most: Span,
    pub(super) needs: Needs,
    pub(super) emergency: bool,
}

/// What a rule does when it matches.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    /// Lifts the hold rules of these names.
    Allow { over: BTreeSet<String> },
    /// Asks people.
    Hold(Needs),
    /// Refuses.
    Deny { because: Option<String> },
}

impl Effect {
    pub(super) const fn word(&self) -> Word {
        match self {
            Self::Allow { .. } => Word::Allow,
            Self::Hold(_) => Word::Hold,
            Self::Deny { .. } => Word::Deny,
        }
    }
}

/// `[[rule]]`.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) select: Select,
    pub(super) when: Option<Condition>,
    pub(super) effect: Effect,
}

/// `[[mask]]`.
#[derive(Clone, Debug)]
pub(super) struct MaskRule {
    pub(super) name: String,
    pub(super) select: Select,
    pub(super) mask: Mask,
    pub(super) unless: Vec<Who>,
}

/// `[[rule.test]]`, with the rule that it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Test {
    pub(super) rule: Arc<Rule>,
    pub(super) sql: String,
    pub(super) expect: Word,
    pub(super) person: Option<String>,
    pub(super) level: Option<Access>,
    pub(super) target: Option<String>,
    pub(super) at: Option<jiff::civil::DateTime>,
    pub(super) span: Range<usize>,
}

/// Groups with everybody in them, and rotations.
#[derive(Clone, Debug, Default)]
pub(super) struct People {
    /// Groups of groups resolved: only people are left.
    pub(super) groups: BTreeMap<String, BTreeSet<String>>,
    pub(super) rotations: BTreeMap<String, Turns>,
    /// Whom an on-call provider may name: the e-mail in lower case, and the name in the file.
    pub(super) by_email: BTreeMap<String, String>,
    /// What the providers said; an empty one until the policy is put in force.
    pub(super) board: Board,
}

impl People {
    /// Who is meant, now.
    pub(super) fn of(&self, who: &Who, now: Timestamp) -> BTreeSet<String> {
        match who {
            Who::Group(group) => self.groups.get(group).cloned().unwrap_or_default(),
            Who::OnCall(rotation) => self.on_call(rotation, now),
            Who::Person(name) => BTreeSet::from([name.clone()]),
        }
    }

    /// Whether somebody is meant, now.
    pub(super) fn is(&self, who: &Who, name: &str, now: Timestamp) -> bool {
        match who {
            Who::Group(group) => self.groups.get(group).is_some_and(|people| people.contains(name)),
            Who::OnCall(rotation) => self.is_on_call(rotation, name, now),
            Who::Person(person) => person == name,
        }
    }

    /// Whether somebody is one of these; an empty list means everybody.
    pub(super) fn is_any(&self, who: &[Who], name: &str, now: Timestamp) -> bool {
        who.is_empty() || who.iter().any(|who| self.is(who, name, now))
    }

    /// The groups that somebody is in, directly or through another group.
    pub(super) fn groups_of(&self, name: &str) -> BTreeSet<String> {
        let inside = self.groups.iter().filter(|(_, people)| people.contains(name));
        inside.map(|(group, _)| group.clone()).collect()
    }

    /// The rotations in which somebody is on call now.
    pub(super) fn on_call_in(&self, name: &str, now: Timestamp) -> BTreeSet<String> {
        let on_call = self.rotations.keys().filter(|rotation| self.is_on_call(rotation, name, now));
        on_call.cloned().collect()
    }

    /// When one of these may next mean somebody else.
    pub(super) fn next_change<'w>(&self, who: impl Iterator<Item = &'w Who>, now: Timestamp) -> Option<Timestamp> {
        let rotation = |who: &Who| match who {
            Who::OnCall(name) => self.next_shift(name, now),
            Who::Group(_) | Who::Person(_) => None,
        };
        who.filter_map(rotation).min()
    }
}
