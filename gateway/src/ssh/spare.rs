//! A connection to a target that a session has left behind, for the next one of the same client: what a multiplexing client
//! starts one after the other shall not wait for a new sign-in each time.
//!
//! It is the same client connection, target, level and grant, and nothing of the last session is on it. It goes when it is not
//! taken within seconds, with the grant, with a change of the policy, and with its client.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use workflows::target::{Access, Target};

use super::upstream::Upstream;
use crate::seams::Life;

/// How long it is kept.
const KEPT: Duration = Duration::from_secs(15);
/// How often it is looked at.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// What has to be the same.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    pub(super) target: Arc<Target>,
    pub(super) access: Access,
    pub(super) grant: String,
}

impl Lease {
    /// The target by its address in memory: after a change of the policy it is another one, whatever is in it.
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.target, &other.target) && self.access == other.access && self.grant == other.grant
    }
}

/// A connection that waits for its next session.
struct Kept {
    lease: Lease,
    upstream: Arc<Upstream>,
    /// The grant's.
    life: Life,
    since: Instant,
}

impl Kept {
    fn is_good(&self) -> bool {
        self.since.elapsed() < KEPT && self.life.still().is_ok() && !self.upstream.handle.is_closed()
    }
}

/// The one that a client's connection may keep.
#[derive(Default)]
pub(super) struct Spare(Mutex<Option<Kept>>);

impl Spare {
    /// Takes it, if it is the same in all that matters and still good.
    pub(super) fn take(&self, wanted: &Lease) -> Option<Arc<Upstream>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        kept.filter(|kept| kept.lease.is(wanted) && kept.is_good()).map(|kept| kept.upstream)
    }

    /// Keeps it for the next one, in the place of another.
    pub(super) fn put(&self, lease: Lease, upstream: Arc<Upstream>, life: Life) {
        let kept = Kept { lease, upstream, life, since: Instant::now() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    }

    /// Whether there is one. One that is good no longer is dropped, which cuts it.
    pub(super) fn look(&self) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_some_and(|kept| !kept.is_good()) {
            *kept = None;
        }
        kept.is_some()
    }
}
