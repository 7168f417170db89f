//! Who is on call by the file and by the board, and the warning where the board has nothing that counts.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::rule::People;
use super::{Inner, Policy};
use crate::approval::{Quorum, Who};
use crate::clock::{Span, Timestamp};
use crate::identity::is_name;
use crate::oncall::{Board, FRESH, Posted, Provided, Turns};

/// How long a scope may go by a fallback before the board is looked at again.
const LOOK_AGAIN: Span = Span::seconds(30);
/// How many strangers a note names.
const NAMED: usize = 3;

/// Who is on call, for people to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnCallView {
    /// Who is meant now. Where the provider names nobody who counts, these are the fallback's people.
    pub people: BTreeSet<String>,
    /// When the provider said so; none where the people come from the file.
    pub as_of: Option<Timestamp>,
    /// What is wrong, and who is asked instead.
    pub note: Option<String>,
}

/// What a provider said last, sorted by whom the file knows.
#[derive(Debug, Default)]
struct Said {
    known: BTreeSet<String>,
    strangers: Vec<String>,
    /// When it was said, where it still counts.
    as_of: Option<Timestamp>,
    posted: Posted,
}

impl People {
    /// Everybody who is on call in a rotation now.
    pub(super) fn on_call(&self, rotation: &str, now: Timestamp) -> BTreeSet<String> {
        match self.rotations.get(rotation) {
            None => BTreeSet::new(),
            Some(Turns::Counted(rotation)) => rotation.on_call(now).map(str::to_owned).into_iter().collect(),
            Some(Turns::Provided(provided)) => {
                let known = self.said(provided, now).known;
                if known.is_empty() { self.fixed(&provided.fallback) } else { known }
            }
        }
    }

    /// Whether somebody is on call in a rotation now.
    pub(super) fn is_on_call(&self, rotation: &str, name: &str, now: Timestamp) -> bool {
        match self.rotations.get(rotation) {
            Some(Turns::Counted(rotation)) => rotation.on_call(now) == Some(name),
            Some(Turns::Provided(_)) => self.on_call(rotation, now).contains(name),
            None => false,
        }
    }

    /// When a rotation may next mean somebody else; always after `now`.
    pub(super) fn next_shift(&self, rotation: &str, now: Timestamp) -> Option<Timestamp> {
        self.rotations.get(rotation).map(|turns| match turns {
            Turns::Counted(rotation) => rotation.next_hand_over(now),
            // A provider does not say when a shift ends: its answer is read again when it no longer counts.
            Turns::Provided(provided) => match self.said(provided, now).as_of {
                Some(taken) => taken.plus(FRESH).min(now.plus(FRESH)).max(now.plus(Span::seconds(1))),
                None => now.plus(LOOK_AGAIN),
            },
        })
    }

    /// What a provider's answer comes to.
    ///
    /// INVARIANT: whom the file does not name is never on call, whatever a provider says. Whoever can change a schedule
    /// must not be able to appoint an approver whom nobody here has ever heard of.
    fn said(&self, provided: &Provided, now: Timestamp) -> Said {
        let posted = self.board.posted(&provided.source);
        let Some(shift) = posted.shift.clone().filter(|shift| shift.is_fresh(now)) else {
            return Said { posted, ..Said::default() };
        };
        let mut said = Said { as_of: Some(shift.taken), posted, ..Said::default() };
        for email in &shift.people {
            match self.by_email.get(&email.to_lowercase()) {
                Some(name) => {
                    said.known.insert(name.clone());
                }
                None => said.strangers.push(email.clone()),
            }
        }
        said
    }

    /// Who is always meant, at whatever hour. A fallback is never a rotation.
    fn fixed(&self, who: &Who) -> BTreeSet<String> {
        match who {
            Who::Group(group) => self.groups.get(group).cloned().unwrap_or_default(),
            Who::Person(name) => BTreeSet::from([name.clone()]),
            Who::OnCall(_) => BTreeSet::new(),
        }
    }
}

impl Policy {
    /// The same policy, which reads who is on call from this board. One that is on no board asks the fallbacks.
    pub fn attached(&self, board: &Board) -> Self {
        let people = People { board: board.clone(), ..self.inner.people.clone() };
        Self { inner: Arc::new(Inner { people, ..(*self.inner).clone() }) }
    }

    /// The rotations whose people a provider names, by name.
    pub fn provided(&self) -> impl Iterator<Item = (&str, &Provided)> {
        self.inner.people.rotations.iter().filter_map(|(name, turns)| match turns {
            Turns::Provided(provided) => Some((name.as_str(), provided)),
            Turns::Counted(_) => None,
        })
    }

    /// Who is on call in a rotation, since when that is known, and what is wrong. A rotation that the file does not know
    /// has nobody.
    pub fn on_call(&self, rotation: &str, now: Timestamp) -> OnCallView {
        let people = &self.inner.people;
        match people.rotations.get(rotation) {
            None | Some(Turns::Counted(_)) => {
                OnCallView { people: people.on_call(rotation, now), ..OnCallView::default() }
            }
            Some(Turns::Provided(provided)) => {
                let said = people.said(provided, now);
                let note = said.note(provided, now, &self.inner.zone);
                if said.known.is_empty() {
                    OnCallView { people: people.fixed(&provided.fallback), as_of: None, note }
                } else {
                    OnCallView { people: said.known, as_of: said.as_of, note }
                }
            }
        }
    }

    /// The warning that belongs beside a rotation, if there is one: "PagerDuty has not answered since 14:32 CET; group:dba
    /// is asked instead".
    pub fn on_call_note(&self, rotation: &str, now: Timestamp) -> Option<String> {
        self.on_call(rotation, now).note
    }

    /// The warnings about the rotations that a quorum asks.
    pub(super) fn on_call_notes(&self, quorum: &Quorum, now: Timestamp) -> Vec<String> {
        let note = |who: &Who| match who {
            Who::OnCall(rotation) => self.on_call_note(rotation, now),
            Who::Group(_) | Who::Person(_) => None,
        };
        std::iter::once(&quorum.from).chain(&quorum.then).filter_map(note).collect()
    }
}

impl Said {
    fn note(&self, provided: &Provided, now: Timestamp, zone: &TimeZone) -> Option<String> {
        let (title, fallback) = (provided.source.provider.title(), &provided.fallback);
        let instead = |what: String| Some(format!("{title} {what}; {fallback} is asked instead"));
        match (self.as_of, self.known.is_empty(), self.strangers.is_empty()) {
            (None, _, _) => match (&self.posted.shift, &self.posted.failure) {
                (Some(shift), _) => instead(format!("has not answered since {}", shift.taken.local(now, zone))),
                (None, Some(failure)) => {
                    instead(format!("was first asked at {} and has not answered", failure.since.local(now, zone)))
                }
                (None, None) => instead("has not been asked yet".to_owned()),
            },
            (Some(_), true, true) => instead("names nobody who is on call".to_owned()),
            (Some(_), true, false) => instead(format!("names {}, whom the file does not know", self.shown())),
            (Some(_), false, true) => None,
            (Some(_), false, false) => {
                Some(format!("{title} names {} too, whom the file does not know and who is not asked", self.shown()))
            }
        }
    }

    /// The strangers, as far as their e-mails are plain: they are the provider's text, and cards show the note.
    fn shown(&self) -> String {
        let plain: Vec<&str> = self.strangers.iter().map(String::as_str).filter(|email| is_name(email)).collect();
        let named = plain.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        match self.strangers.len().saturating_sub(plain.len().min(NAMED)) {
            0 => named,
            _ if named.is_empty() => "somebody".to_owned(),
            others => format!("{named} and {others} more"),
        }
    }
}
