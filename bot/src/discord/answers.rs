//! First responses: Discord takes one, within three seconds, and nothing before it.
//!
//! INVARIANT: who got [`Turn::Ours`] for an interaction is alone in answering it, until it is given back.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// When somebody is told that it took too long, if nothing else was said. Discord gives three seconds.
pub(super) const GUARD: Duration = Duration::from_millis(2_500);
/// How long Discord waits for a first response.
const FIRST: Duration = Duration::from_secs(3);
/// For how long an interaction is remembered: nobody can be first for longer than a moment.
const REMEMBERED: Duration = Duration::from_mins(1);

/// What has become of an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Whoever comes first answers.
    Open,
    /// We are acknowledging it ourselves; answers follow.
    Acknowledging,
    /// It was answered.
    Answered,
    /// Nobody answered in time, and the person was told so.
    Told,
}

/// Whether somebody may be the first to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// They may, and nobody else.
    Ours,
    /// It was answered; more may follow.
    Over,
    /// The person knows already that it took too long.
    Told,
    /// It did not come to this process.
    Unknown,
}

/// The interactions of the last moments.
#[derive(Debug, Default)]
pub(super) struct Answers {
    all: Mutex<HashMap<String, (State, Instant)>>,
    settled: Notify,
}

impl Answers {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, (State, Instant)>) -> T) -> T {
        act(&mut self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn begin(&self, id: &str, state: State, since: Instant) {
        self.with(|all| {
            all.retain(|_, (_, born)| born.elapsed() < REMEMBERED);
            // What is delivered again stays what it is.
            all.entry(id.to_owned()).or_insert((state, since));
        });
    }

    /// Something came that a form may answer.
    pub(super) fn open(&self, id: &str, since: Instant) {
        self.begin(id, State::Open, since);
    }

    /// Something came that is acknowledged at once.
    pub(super) fn acknowledging(&self, id: &str, since: Instant) {
        self.begin(id, State::Acknowledging, since);
    }

    /// It is acknowledged: what waited for that may follow.
    pub(super) fn acknowledged(&self, id: &str) {
        self.change(id, State::Acknowledging, State::Answered);
        self.settled.notify_waiters();
    }

    /// Wants to be the first.
    pub(super) fn take(&self, id: &str) -> Turn {
        self.with(|all| match all.get_mut(id) {
            None => Turn::Unknown,
            Some((State::Told, _)) => Turn::Told,
            Some((State::Acknowledging | State::Answered, _)) => Turn::Over,
            Some((state @ State::Open, _)) => {
                *state = State::Answered;
                Turn::Ours
            }
        })
    }

    /// The answer did not arrive: somebody else may try.
    pub(super) fn give_back(&self, id: &str) {
        self.change(id, State::Answered, State::Open);
    }

    /// Nobody answered in time: whether whoever asks is to say so.
    pub(super) fn too_late(&self, id: &str) -> bool {
        self.change(id, State::Open, State::Told)
    }

    fn change(&self, id: &str, from: State, to: State) -> bool {
        self.with(|all| match all.get_mut(id) {
            Some((state, _)) if *state == from => {
                *state = to;
                true
            }
            Some(_) | None => false,
        })
    }

    /// Waits until something is acknowledged, for as long as that may take.
    pub(super) async fn settle(&self, id: &str) {
        let waiting = async {
            loop {
                let mut settled = std::pin::pin!(self.settled.notified());
                settled.as_mut().enable();
                let state = self.with(|all| all.get(id).map(|(state, _)| *state));
                if state != Some(State::Acknowledging) {
                    return;
                }
                settled.await;
            }
        };
        let _settled = timeout(FIRST, waiting).await;
    }

    /// Whether something is so young that its acknowledgement may still be on its way.
    pub(super) fn is_young(&self, id: &str) -> bool {
        self.with(|all| all.get(id).is_some_and(|(_, born)| born.elapsed() < FIRST))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn there_is_one_first_response() {
        let (answers, now) = (Answers::default(), Instant::now());
        assert_eq!(answers.take("1"), Turn::Unknown);
        answers.open("1", now);
        assert_eq!(answers.take("1"), Turn::Ours);
        assert_eq!(answers.take("1"), Turn::Over);
        assert!(!answers.too_late("1"));
        // Delivered again.
        answers.open("1", now);
        assert_eq!(answers.take("1"), Turn::Over);
        answers.give_back("1");
        assert!(answers.too_late("1"));
        assert!(!answers.too_late("1"));
        assert_eq!(answers.take("1"), Turn::Told);
        answers.give_back("1");
        assert_eq!(answers.take("1"), Turn::Told);
        // What is long over is forgotten.
        answers.open("2", now.checked_sub(REMEMBERED).unwrap());
        answers.open("3", now);
        assert_eq!(answers.take("2"), Turn::Unknown);
    }

    #[tokio::test]
    async fn of_many_one_is_first() {
        let answers = Arc::new(Answers::default());
        answers.open("1", Instant::now());
        let mut racing = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let answers = Arc::clone(&answers);
            racing.spawn(async move { answers.take("1") == Turn::Ours });
        }
        let firsts = racing.join_all().await.into_iter().filter(|first| *first).count();
        assert_eq!(firsts, 1);
    }

    #[tokio::test]
    async fn what_follows_waits_for_the_acknowledgement() {
        let answers = Arc::new(Answers::default());
        let began = Instant::now();
        answers.acknowledging("1", began);
        assert_eq!(answers.take("1"), Turn::Over);
        let mut waiting = tokio::task::JoinSet::new();
        let other = Arc::clone(&answers);
        waiting.spawn(async move { other.settle("1").await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(waiting.try_join_next().is_none());
        answers.acknowledged("1");
        waiting.join_next().await.unwrap().unwrap();
        assert!(answers.is_young("1"));
        // What nobody knows of is not waited for.
        answers.settle("2").await;
        answers.acknowledging("3", began.checked_sub(FIRST).unwrap());
        assert!(!answers.is_young("3"));
    }
}
