//! The verbs. Each is one transaction: the policy is asked, the state machine steps, and rows, notices and the audit
//! entry are written together; then the bell rings.

mod certify;
mod chat;
mod digests;
mod evidence;
mod find;
mod grants;
mod live;
mod people;
mod remarks;
mod requests;
mod sessions;
mod ssh_keys;
mod start;
mod votes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use crate::store::chat::{Account as ChatAccount, CardRow, Letter, Turn};
pub use crate::store::remarks::{Remark, RemarkKind};
pub use certify::{Certified, CertifyError};
pub use chat::{BegunLink, LinkError, OpenLink};
pub use digests::{DigestError, GivenDigest, REVIEW_WITHIN};
pub use evidence::{AuditError, AuditPage};
pub use find::{Filter, FindError, TargetView, Wanted};
pub use grants::RevokeError;
pub use live::{Admission, Life, LiveSession};
pub use people::{AuthenticateError, IssueError, Issued, SuspendError, TokenView};
pub use remarks::{History, RemarkError};
pub use requests::{AccessAsk, Asked, RequestError, WithdrawError};
pub use sessions::{AdmitError, BeginError, Client, EndError, Held, HoldError, SpendError};
pub use ssh_keys::{BindError, Bound, KeyView, LONGEST_KEY};
pub use start::{Config, KeysConfig, RecordingsConfig, StartError, StoreConfig};
pub use votes::{Choice, VoteError};

use crate::bell::Bell;
use crate::clock::{Clock, Timestamp};
use crate::evidence::recording::Anchor;
use crate::id::{NodeId, SessionId};
use crate::oncall::Board;
use crate::policy::Policy;
use crate::store::{Db, Faults, StoreError, Tx};
use live::Live;

/// Runs a verb in a transaction, again when somebody else was faster: `transact!(self, VoteError, |tx| { … Ok(value) })`.
/// The body may run several times, so it reads everything that it decides on inside the transaction.
macro_rules! transact {
    ($workflows:expr, $error:ident, |$tx:ident| $body:expr) => {{
        let mut tries = 0_u32;
        loop {
            let mut opened = match $workflows.begin_transaction().await {
                Ok(opened) => opened,
                Err(error) => break Err($error::from(error)),
            };
            let outcome: Result<_, $error> = {
                let $tx = &mut opened;
                async { $body }.await
            };
            tries += 1;
            match outcome {
                Ok(value) => match $workflows.commit(opened).await {
                    Ok(()) => break Ok(value),
                    Err($crate::store::StoreError::Raced) if tries < $crate::engine::TRIES => {}
                    Err(error) => break Err($error::from(error)),
                },
                Err($error::Store($crate::store::StoreError::Raced)) if tries < $crate::engine::TRIES => {}
                Err(error) => break Err(error),
            }
        }
    }};
}
pub(crate) use transact;

/// How often a transaction that lost a race is tried. Each try reads anew, so a lost race usually ends in "settled".
pub(crate) const TRIES: u32 = 64;

/// A clock that differs from the store's by more than this issues no grants (G3). Microseconds.
const MOST_SKEW: i64 = 2_000_000;

/// The engine. Cheap to clone; every crate holds one and calls its verbs.
#[derive(Clone, Debug)]
pub struct Workflows {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    db: Db,
    faults: Faults,
    clock: Clock,
    policy: watch::Sender<Arc<Policy>>,
    /// What the on-call providers said; every policy that is put in force reads it.
    board: Board,
    bell: Bell,
    live: watch::Sender<Arc<Live>>,
    /// One reader at a time, so that an older picture never replaces a newer one.
    refreshing: tokio::sync::Mutex<()>,
    node: NodeId,
    keys: start::Keys,
    recordings: start::Recordings,
    /// How far this machine's clock is from the store's, in microseconds.
    skew: AtomicI64,
    /// Whether a task keeps `live` fresh by the machine's clock, so that an old picture means that the task is gone.
    watching: AtomicBool,
    /// The sessions that this process carries: a row of this node that is not here belongs to nobody.
    carried: watch::Sender<BTreeMap<SessionId, Anchor>>,
    /// When this node was last noted as seen, in microseconds.
    seen: AtomicI64,
}

impl Workflows {
    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.inner.policy.borrow().clone()
    }

    /// Follows the policy through reloads.
    pub fn watch_policy(&self) -> watch::Receiver<Arc<Policy>> {
        self.inner.policy.subscribe()
    }

    /// What the on-call providers said last. Whoever asks them writes it here.
    pub fn board(&self) -> &Board {
        &self.inner.board
    }

    /// The clock that everything here goes by.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// Rings whenever something changed; carries no data.
    pub fn bell(&self) -> watch::Receiver<u64> {
        self.inner.bell.listen()
    }

    /// This process, as its rows name it.
    pub fn node(&self) -> NodeId {
        self.inner.node
    }

    /// How many bytes of each operation's result the file wants recorded.
    pub fn kept_output(&self) -> u64 {
        self.inner.recordings.config.output
    }

    /// The moment in local words of the policy's zone: "14:32 CET".
    pub fn local(&self, at: Timestamp) -> String {
        at.local(self.now(), self.policy().zone())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    pub(crate) fn db(&self) -> &Db {
        &self.inner.db
    }

    pub(crate) async fn begin_transaction(&self) -> Result<Tx, StoreError> {
        self.inner.db.begin(self.inner.faults.clone()).await
    }

    pub(crate) async fn commit(&self, tx: Tx) -> Result<(), StoreError> {
        tx.commit().await?;
        self.inner.bell.ring();
        Ok(())
    }

    pub(crate) fn skew(&self) -> &AtomicI64 {
        &self.inner.skew
    }

    pub(crate) fn carries(&self, session: SessionId) -> bool {
        self.inner.carried.borrow().contains_key(&session)
    }

    pub(crate) fn seen(&self) -> &AtomicI64 {
        &self.inner.seen
    }

    pub(crate) async fn relay_bell(&self, stop: CancellationToken) {
        self.inner.bell.clone().relay(self.inner.db.clone(), stop).await;
    }

    /// Refuses where this machine can't say which moment it is: what has ended might pass for open (G1).
    fn trust_clock(&self) -> Result<(), StoreError> {
        if self.clock_is_right() { Ok(()) } else { Err(StoreError::Clock) }
    }

    /// Whether this machine's clock agrees with the store's well enough to issue grants.
    pub(crate) fn clock_is_right(&self) -> bool {
        self.inner.skew.load(Ordering::Relaxed).abs() <= MOST_SKEW
    }
}

#[cfg(test)]
mod tests;
