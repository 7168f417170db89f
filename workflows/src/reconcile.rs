//! The one sweep: what time alone changes is noted here. No promise depends on it; it is bookkeeping, it takes no
//! input, any number of nodes may run it, and running it twice changes nothing more.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::approval::Who;
use crate::clock::{Clock, Span, Timestamp};
use crate::engine::{EndError, RevokeError, VoteError, Workflows, transact};
use crate::grant;
use crate::id::{GrantId, RequestId, SessionId};
use crate::notice::Kind;
use crate::request::{Event, State};
use crate::session::Ending;
use crate::store::audit::{self, Note};
use crate::store::{StoreError, grants, notices, requests, sessions};

/// How many rows one sweep takes at a time.
const BATCH: i64 = 200;
/// How long before its end a grant's holder is told.
pub const REMIND_BEFORE: Span = Span::minutes(5);
/// A node that was not seen for this long is taken for dead.
const NODE_LOST: Span = Span::seconds(60);
/// How often a node that lives says so.
const SEE_EVERY: Span = Span::seconds(10);
/// How often the recordings of sessions that go on are bound to the audit log.
pub const ANCHOR_EVERY: Span = Span::minutes(5);
/// The longest pause between two sweeps.
const PAUSE: Duration = Duration::from_secs(10);

impl Workflows {
    /// Runs until stopped: the sweep, the picture of what is live, the bell's relay, the signed heads and the anchors.
    pub async fn run(&self, stop: CancellationToken) {
        let mut jobs = JoinSet::new();
        self.spawn(&mut jobs, &stop);
        while jobs.join_next().await.is_some() {}
    }

    /// The same as tasks of a set, each of which gives its name when it ends: whoever waits on the set learns when one
    /// of them dies, and the others go on meanwhile.
    pub fn spawn(&self, jobs: &mut JoinSet<&'static str>, stop: &CancellationToken) {
        let (engine, until) = (self.clone(), stop.clone());
        jobs.spawn(async move {
            engine.watch_live(until).await;
            "the picture of what is live"
        });
        let (engine, until) = (self.clone(), stop.clone());
        jobs.spawn(async move {
            engine.relay_bell(until).await;
            "the bell's relay"
        });
        let (engine, until) = (self.clone(), stop.clone());
        jobs.spawn(async move {
            engine.sweep(until).await;
            "the sweep"
        });
        let (engine, until) = (self.clone(), stop.clone());
        jobs.spawn(async move {
            engine.sign_heads(until).await;
            "the signed heads"
        });
        let (engine, until) = (self.clone(), stop.clone());
        jobs.spawn(async move {
            engine.anchor_all(until).await;
            "the anchors of recordings"
        });
        let (engine, until) = (self.clone(), stop.clone());
        jobs.spawn(async move {
            engine.keep_digests(until).await;
            "the weekly digests"
        });
    }

    /// A task of its own: five hundred digests take seconds, and a sweep that waits for them would let this node pass
    /// for dead.
    async fn keep_digests(&self, stop: CancellationToken) {
        loop {
            let swept = tokio::select! {
                () = stop.cancelled() => return,
                swept = self.sweep_digests() => swept,
            };
            let pause = match swept {
                Ok(()) => PAUSE,
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, "the digests could not be made");
                    Duration::from_mins(1)
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn anchor_all(&self, stop: CancellationToken) {
        let mut done = BTreeMap::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock().sleep_until(self.now().plus(ANCHOR_EVERY)) => {}
            }
            let bound = tokio::select! {
                () = stop.cancelled() => return,
                bound = self.anchor_recordings(&mut done) => bound,
            };
            if let Err(error) = bound {
                warn!(error = &error as &dyn std::error::Error, "recordings could not be bound to the audit log");
            }
        }
    }

    async fn sign_heads(&self, stop: CancellationToken) {
        let mut bell = self.bell();
        let mut last = 0;
        loop {
            match self.sign_head(last).await {
                Ok(seq) => last = seq,
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, "the audit log's head could not be signed");
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                // At most one signature a second, however busy the log is.
                _rung = async { tokio::time::sleep(Duration::from_secs(1)).await; bell.changed().await } => {}
            }
        }
        // What happened during the shutdown is signed as well.
        if let Err(error) = self.sign_head(last).await {
            warn!(error = &error as &dyn std::error::Error, "the audit log's last head could not be signed");
        }
    }

    async fn sweep(&self, stop: CancellationToken) {
        let mut bell = self.bell();
        loop {
            bell.mark_unchanged();
            if let Err(error) = self.reconcile().await {
                warn!(error = &error as &dyn std::error::Error, "the sweep could not be finished");
            }
            let next = self.next_due().await.unwrap_or(None);
            let due = async {
                match next {
                    Some(at) => self.clock().sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                _rung = bell.changed() => {}
                () = due => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
            // A failing store must not be asked in a circle.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let request = requests::next_due(self.db()).await?;
        let grant = grants::next_due(self.db()).await?;
        Ok(request.into_iter().chain(grant).min())
    }

    /// One sweep. Idempotent.
    pub async fn reconcile(&self) -> Result<(), StoreError> {
        let now = self.clock().now();
        self.measure_skew().await?;
        if self.see_node(now).await? {
            self.abandon_own().await?;
        }
        for id in requests::due(self.db(), now, BATCH).await? {
            self.tick_request(id).await?;
        }
        for id in grants::due(self.db(), now, BATCH).await? {
            self.tick_grant(id, grant::Event::Tick).await?;
        }
        for id in grants::to_remind(self.db(), now, now.plus(REMIND_BEFORE), BATCH).await? {
            self.tick_grant(id, grant::Event::Reminded).await?;
        }
        let before = Timestamp::from_micros(now.micros().saturating_sub(NODE_LOST.micros()));
        for id in sessions::lost(self.db(), before, BATCH).await? {
            self.abandon(id).await?;
        }
        Ok(())
    }

    /// Compares this machine's clock with the store's (G3). A clock that is turned by hand is its own store's.
    pub(crate) async fn measure_skew(&self) -> Result<(), StoreError> {
        let Clock::System = self.clock() else { return Ok(()) };
        let before = self.clock().now();
        if let Some(store) = self.db().time().await? {
            self.set_skew(apart(before.micros(), store, self.clock().now().micros()));
        }
        Ok(())
    }

    /// Ends the rows of this node that nobody in it carries: their tasks were stopped before they could do so.
    async fn abandon_own(&self) -> Result<(), StoreError> {
        for id in sessions::of_node(self.db(), self.node()).await? {
            if !self.carries(id) {
                self.abandon(id).await?;
            }
        }
        Ok(())
    }

    /// Notes that this node lives; not at every ring of the bell. True when it was time to.
    async fn see_node(&self, now: Timestamp) -> Result<bool, StoreError> {
        let last = self.seen().load(Ordering::Relaxed);
        if now.micros().saturating_sub(last).saturating_abs() < SEE_EVERY.micros() {
            return Ok(false);
        }
        let mut tx = self.begin_transaction().await?;
        sessions::see_node(&mut tx, self.node(), now).await?;
        tx.commit_quietly().await?;
        self.seen().store(now.micros(), Ordering::Relaxed);
        Ok(true)
    }

    /// Lapses or escalates one request, if it is due.
    pub(crate) async fn tick_request(&self, id: RequestId) -> Result<(), StoreError> {
        let outcome: Result<(), VoteError> = transact!(self, VoteError, |tx| {
            let (policy, now) = (self.policy(), self.clock().now());
            let Some(found) = requests::get(tx, id).await? else { return Ok(()) };
            let before = found.request.clone();
            let step = found.request.step(Event::Tick, now)?;
            if step.request == before {
                return Ok(());
            }
            requests::change(tx, &step.request, found.version).await?;
            let nobody_new = step.effects.is_empty();
            self.carry_out(tx, &policy, &step.request, step.effects, now).await?;
            notices::add(tx, &Kind::Changed { request: id }, &step.request.needs.asked(true), now).await?;
            let verb = match step.request.state {
                State::Lapsed { .. } => "lapse",
                // A question was not answered for as long as the policy waits.
                State::Pending { .. } if before.state.stopped().is_some() && nobody_new => "go on",
                State::Pending { .. }
                | State::Approved { .. }
                | State::Spent { .. }
                | State::Denied { .. }
                | State::Withdrawn { .. } => "escalate",
            };
            let note = Note { actor: "countersign", verb, about: id.to_string(), detail: json!({}) };
            audit::append(tx, note, now).await?;
            Ok(())
        });
        settle(outcome)
    }

    async fn tick_grant(&self, id: GrantId, event: grant::Event) -> Result<(), StoreError> {
        let outcome: Result<(), RevokeError> = transact!(self, RevokeError, |tx| {
            let now = self.clock().now();
            let Some(found) = grants::get(tx, id).await? else { return Ok(()) };
            let before = found.grant.clone();
            let after = found.grant.step(event.clone(), now)?;
            if after == before {
                return Ok(());
            }
            grants::change(tx, &after, found.version).await?;
            let holder = [Who::Person(after.to.name.clone())];
            let over = after.ended.is_some();
            let about = if over { Kind::Ended { grant: id } } else { Kind::EndsSoon { grant: id } };
            notices::add(tx, &about, &holder, now).await?;
            if over {
                let detail = json!({ "of": after.to.name, "target": after.target });
                let note = Note { actor: "countersign", verb: "expire", about: id.to_string(), detail };
                audit::append(tx, note, now).await?;
            }
            Ok(())
        });
        match outcome {
            Ok(()) | Err(RevokeError::Over(_) | RevokeError::Missing(_) | RevokeError::Because) => Ok(()),
            Err(RevokeError::Store(error)) => Err(error),
        }
    }

    /// A session whose process died, or whose task did: it is over, and so is whatever it waited for.
    async fn abandon(&self, id: SessionId) -> Result<(), StoreError> {
        self.void_holds("countersign", id).await?;
        let outcome: Result<(), EndError> = transact!(self, EndError, |tx| {
            let now = self.clock().now();
            if sessions::end(tx, id, now, &Ending::Abandoned, None, None).await? {
                let note = Note { actor: "countersign", verb: "abandon", about: id.to_string(), detail: json!({}) };
                audit::append(tx, note, now).await?;
            }
            Ok(())
        });
        match outcome {
            Ok(()) | Err(EndError::Missing(_)) => Ok(()),
            Err(EndError::Store(error)) => Err(error),
        }
    }

    pub(crate) fn set_skew(&self, micros: i64) {
        let before = self.clock_is_right();
        self.skew().store(micros, Ordering::Relaxed);
        let after = self.clock_is_right();
        if before && !after {
            let off = micros / 1_000;
            error!("this machine's clock is {off} ms off: nobody is let in here, and live sessions end");
        }
        if before != after {
            self.publish_clock();
        }
    }
}

/// How far a clock is ahead of another (or behind, below zero) that was read between two looks at the first. As far as is
/// certain: an answer that took long says little, and live sessions hang on it.
const fn apart(before: i64, other: i64, after: i64) -> i64 {
    if other < before {
        before.saturating_sub(other)
    } else if other > after {
        after.saturating_sub(other)
    } else {
        0
    }
}

/// What a sweep could not change because somebody else had is no failure.
fn settle(outcome: Result<(), VoteError>) -> Result<(), StoreError> {
    match outcome {
        Err(VoteError::Store(error)) => Err(error),
        Ok(())
        | Err(
            VoteError::Missing(_)
            | VoteError::Refused(_)
            | VoteError::Because
            | VoteError::PolicyChanged
            | VoteError::MoreThanAsked(_)
            | VoteError::Level(_)
            | VoteError::StillOpen(_)
            | VoteError::NoShape
            | VoteError::OnlyOnce
            | VoteError::RepeatTooLong(..)
            | VoteError::NothingAgain
            | VoteError::Suspended(_)
            | VoteError::Clock,
        ) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_answer_is_not_taken_for_a_wrong_clock() {
        assert_eq!(apart(0, 100, 10_000_000), 0, "asked at once, told late");
        assert_eq!(apart(0, 9_999_999, 10_000_000), 0, "asked late");
        assert_eq!(apart(5_000_000, 1_000_000, 5_001_000), 4_000_000);
        assert_eq!(apart(1_000_000, 5_000_000, 1_001_000), -3_999_000);
    }
}
