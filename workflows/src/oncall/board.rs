//! What the on-call providers said last. One writer asks them; every policy in force reads here, without waiting.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::watch;

use super::provider::{Provider, Source};
use crate::clock::{Span, Timestamp};

/// How long a provider's word counts. After that nobody is on call by it: who may agree to something must not hang on a
/// shift that may be over.
pub const FRESH: Span = Span::seconds(60);

/// Whom a provider named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// Their e-mails at the provider, each once.
    pub people: Vec<String>,
    /// When the provider was asked, which is before it answered.
    pub taken: Timestamp,
    /// Who said so.
    pub from: Provider,
}

impl Shift {
    /// Whether it still counts. One that lies ahead by as much does not either: the clock was set back.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.since(self.taken) <= FRESH && self.taken.since(now) <= FRESH
    }
}

/// Why a provider names nobody at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When asking first failed; it has ever since.
    pub since: Timestamp,
    /// Why it failed last, in words of ours.
    pub why: String,
}

/// What is known of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Posted {
    /// The last answer, however old.
    pub shift: Option<Arc<Shift>>,
    /// What went wrong since then, if anything.
    pub failure: Option<Arc<Failure>>,
}

/// The last word of each source. Cheap to clone; all clones are the same board, and it outlives reloads of the policy.
#[derive(Clone, Debug, Default)]
pub struct Board(watch::Sender<BTreeMap<Source, Posted>>);

impl Board {
    /// What is known of a source.
    pub fn posted(&self, source: &Source) -> Posted {
        self.0.borrow().get(source).cloned().unwrap_or_default()
    }

    /// A source was asked at `taken`, and named these people.
    pub fn took(&self, source: &Source, people: Vec<String>, taken: Timestamp) {
        let mut seen = BTreeSet::new();
        let people = people.into_iter().filter(|email| seen.insert(email.clone())).collect();
        let shift = Arc::new(Shift { people, taken, from: source.provider });
        self.0.send_modify(|all| {
            all.insert(source.clone(), Posted { shift: Some(shift), failure: None });
        });
    }

    /// A source did not say who is on call. What it said before stands, and grows old.
    pub fn failed(&self, source: &Source, why: impl Into<String>, now: Timestamp) {
        let why = why.into();
        self.0.send_modify(|all| {
            let posted = all.entry(source.clone()).or_default();
            let since = posted.failure.as_ref().map_or(now, |failure| failure.since);
            posted.failure = Some(Arc::new(Failure { since, why }));
        });
    }

    /// Forgets every source but these.
    pub fn keep(&self, sources: &BTreeSet<Source>) {
        self.0.send_if_modified(|all| {
            let before = all.len();
            all.retain(|source, _| sources.contains(source));
            all.len() != before
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::target::SecretRef;

    fn source(schedule: &str) -> Source {
        Source {
            provider: Provider::PagerDuty,
            schedule: schedule.to_owned(),
            api: Provider::PagerDuty.api().to_owned(),
            token: SecretRef::Env("TOKEN".to_owned()),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000).plus(Span::seconds(seconds))
    }

    #[test]
    fn a_failure_keeps_the_last_answer_and_an_answer_ends_the_failure() {
        let (board, pabc) = (Board::default(), source("PABC"));
        assert_eq!(board.posted(&pabc), Posted::default());
        board.clone().took(&pabc, vec!["grace".to_owned(), "grace".to_owned()], at(0));
        board.failed(&pabc, "it is down", at(30));
        board.failed(&pabc, "it is still down", at(60));
        let posted = board.posted(&pabc);
        assert_eq!(posted.shift.unwrap().people, ["grace"]);
        assert_eq!(*posted.failure.unwrap(), Failure { since: at(30), why: "it is still down".to_owned() });
        board.took(&pabc, Vec::new(), at(90));
        assert_eq!(board.posted(&pabc).failure, None);
        assert_eq!(board.posted(&source("PXYZ")), Posted::default(), "another schedule is another source");
        let other = Source { token: SecretRef::Env("OTHER".to_owned()), ..pabc.clone() };
        assert_eq!(board.posted(&other), Posted::default(), "another token may see another account");
        board.keep(&BTreeSet::from([other]));
        assert_eq!(board.posted(&pabc), Posted::default());
    }

    #[test]
    fn a_word_counts_for_a_minute_in_either_direction() {
        let shift = Shift { people: Vec::new(), taken: at(100), from: Provider::Opsgenie };
        for (now, fresh) in [(100, true), (160, true), (161, false), (40, true), (39, false)] {
            assert_eq!(shift.is_fresh(at(now)), fresh, "{now}");
        }
    }

    proptest! {
        /// Whatever happened in whatever order: the last answer is what counts, and never for more than a minute.
        #[test]
        fn the_board_shows_the_last_answer(told in prop::collection::vec((0..3_usize, prop::option::of("[a-c]")), 1..40)) {
            let (board, sources) = (Board::default(), ["A", "B", "C"].map(source));
            let mut last = BTreeMap::new();
            for (moment, (which, answer)) in told.iter().enumerate() {
                let (source, now) = (&sources[*which], at(moment as i64 * 20));
                match answer {
                    Some(name) => {
                        board.took(source, vec![name.clone()], now);
                        last.insert(source.clone(), (name.clone(), now));
                    }
                    None => board.failed(source, "it is down", now),
                }
            }
            let now = at(told.len() as i64 * 20);
            for source in &sources {
                let shown = board.posted(source).shift.map(|shift| (shift.people[0].clone(), shift.taken));
                prop_assert_eq!(shown.as_ref(), last.get(source));
                if let Some(shift) = board.posted(source).shift {
                    prop_assert_eq!(shift.is_fresh(now), now.micros() - shift.taken.micros() <= 60_000_000);
                }
            }
        }
    }
}
