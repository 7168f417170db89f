//! Turns that wait for people while their conversation goes on beside them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;
use workflows::id::RequestId;
use workflows::request::Request;

use super::Asked;
use crate::dialect::Told;
use crate::observe::Observer;
use crate::seams::{StoreError, Workflows};

/// So many turns may wait in one session. More are refused: nobody could keep them apart.
const MOST: usize = 64;
/// How often their senders are reminded.
const REMINDER: Duration = Duration::from_mins(1);

type Answer = (RequestId, Result<Request, StoreError>);

/// The turns of one session that wait.
pub(crate) struct Beside<T> {
    waiting: Vec<Asked<T>>,
    answers: FuturesUnordered<BoxFuture<'static, Answer>>,
    remind: Instant,
    observer: Arc<dyn Observer>,
}

impl<T> Drop for Beside<T> {
    fn drop(&mut self) {
        self.waiting.iter().for_each(|_| self.observer.hold_ended());
    }
}

impl<T> Beside<T> {
    pub(crate) fn new(observer: &Arc<dyn Observer>) -> Self {
        let (waiting, answers) = (Vec::new(), FuturesUnordered::new());
        Self { waiting, answers, remind: Instant::now(), observer: Arc::clone(observer) }
    }

    /// Whether none waits: all that the hot path asks.
    pub(crate) const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether one more may wait.
    pub(crate) const fn has_room(&self) -> bool {
        self.waiting.len() < MOST
    }

    /// Lets one wait.
    pub(crate) fn add(&mut self, asked: Asked<T>, workflows: &Workflows) {
        if self.waiting.is_empty() {
            self.remind = Instant::now() + REMINDER;
        }
        let (id, workflows) = (asked.id, workflows.clone());
        self.answers.push(Box::pin(async move { (id, workflows.settled(id).await) }));
        self.waiting.push(asked);
        self.observer.hold_began();
    }

    /// The next answer, with the turn that it is about; nothing where nobody waits for it any more. Cancel-safe.
    pub(crate) async fn answered(&mut self) -> Option<(Asked<T>, Result<Request, StoreError>)> {
        let Some((id, answer)) = self.answers.next().await else { return std::future::pending().await };
        let at = self.waiting.iter().position(|asked| asked.id == id)?;
        Some((self.out(at), answer))
    }

    /// Takes one out that nobody waits for any more.
    pub(crate) fn take(&mut self, mut is_given_up: impl FnMut(&T) -> bool) -> Option<Asked<T>> {
        let at = self.waiting.iter().position(|asked| is_given_up(&asked.waiting.turn))?;
        // Its answer is dropped when it comes.
        Some(self.out(at))
    }

    fn out(&mut self, at: usize) -> Asked<T> {
        self.observer.hold_ended();
        self.waiting.swap_remove(at)
    }

    /// When those who wait are reminded.
    pub(crate) const fn due(&self) -> Instant {
        self.remind
    }

    /// What each of them reads now.
    pub(crate) fn reminders(&mut self) -> impl Iterator<Item = (&T, &Told)> {
        self.remind = Instant::now() + REMINDER;
        self.waiting.iter().map(|asked| (&asked.waiting.turn, &asked.reminder))
    }
}
