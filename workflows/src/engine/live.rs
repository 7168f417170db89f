//! What is live at this moment, as this process knows it: how sessions learn that they must end.
//!
//! One reader refreshes the picture whenever the bell rings, and every few seconds; sessions only compare. A process
//! that can't read the store for too long is blind and ends its sessions, since it could not learn of a revocation (G2).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::Workflows;
use crate::clock::{Clock, Span, Timestamp};
use crate::evidence::recording::Tape;
use crate::id::{GrantId, SessionId};
use crate::identity::Identity;
use crate::policy::{Policy, Scope, Seat};
use crate::session::Ending;
use crate::store::{StoreError, grants, sessions};
use crate::target::{Access, Target};

/// How often the store is read when no bell rings.
const EVERY: Duration = Duration::from_secs(3);
/// A read that takes longer counts as failed.
const PATIENCE: Duration = Duration::from_secs(3);
/// Blind after this long without a picture. With `EVERY` and `PATIENCE` a cut-off node ends its sessions within 15 s.
const BLIND_AFTER: Duration = Duration::from_secs(9);

/// A picture of what is live.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// Live grants, and when each ends.
    grants: HashMap<GrantId, Timestamp>,
    /// Sessions of this node that somebody asked to end.
    ending: HashSet<SessionId>,
    /// Nothing is known any more.
    blind: bool,
}

impl Live {
    pub(super) fn has(&self, grant: GrantId) -> bool {
        self.grants.contains_key(&grant)
    }
}

impl Workflows {
    /// Reads the picture anew.
    pub(crate) async fn refresh_live(&self) -> Result<(), StoreError> {
        let _turn = self.inner.refreshing.lock().await;
        let grants = grants::live(self.db(), self.now()).await?.into_iter().collect();
        let ending = sessions::asked_to_end(self.db(), self.inner.node).await?.into_iter().collect();
        self.inner.live.send_replace(Arc::new(Live { grants, ending, blind: false }));
        Ok(())
    }

    /// Keeps the picture fresh until stopped.
    pub(crate) async fn watch_live(&self, stop: CancellationToken) {
        let mut bell = self.bell();
        let mut seen = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _rung = bell.changed() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
            bell.mark_unchanged();
            match tokio::time::timeout(PATIENCE, self.refresh_live()).await {
                Ok(Ok(())) => seen = Instant::now(),
                Ok(Err(error)) => warn!(error = &error as &dyn std::error::Error, "the store could not be read"),
                Err(_elapsed) => warn!("the store does not answer"),
            }
            if seen.elapsed() >= BLIND_AFTER && !self.inner.live.borrow().blind {
                error!("the store has not answered for too long: live sessions end");
                self.inner.live.send_replace(Arc::new(Live { blind: true, ..Live::default() }));
            }
        }
    }
}

/// Proof that the holder of a live grant may enter. Only [`Workflows::admit`] makes one.
#[must_use]
#[derive(Debug)]
pub struct Admission {
    pub(super) identity: Identity,
    pub(super) target: Arc<Target>,
    pub(super) grant: GrantId,
    pub(super) access: Access,
    pub(super) emergency: bool,
    pub(super) until: Timestamp,
}

impl Admission {
    /// Who enters.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What they enter.
    pub const fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// Under which grant.
    pub const fn grant(&self) -> GrantId {
        self.grant
    }

    /// At which level.
    pub const fn access(&self) -> Access {
        self.access
    }

    /// Whether it is a break-glass grant.
    pub const fn emergency(&self) -> bool {
        self.emergency
    }
}

/// A session that this process carries. Only [`Workflows::begin`] makes one.
#[derive(Debug)]
pub struct LiveSession {
    pub(super) id: SessionId,
    pub(super) admission: Admission,
    pub(super) client: String,
    pub(super) application: String,
    pub(super) clock: Clock,
    pub(super) live: watch::Receiver<Arc<Live>>,
    pub(super) policy: watch::Receiver<Arc<Policy>>,
    pub(super) scope: Option<Scope>,
    pub(super) tape: Tape,
    /// What could not be inspected, for the evidence (G17).
    pub(super) uninspected: Option<String>,
}

impl LiveSession {
    /// Its id.
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// On what grounds it lives.
    pub const fn admission(&self) -> &Admission {
        &self.admission
    }

    /// The moment that it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The grant's end as it stands now: an extension moves it.
    pub fn until(&self) -> Timestamp {
        self.live.borrow().grants.get(&self.admission.grant).copied().unwrap_or(self.admission.until)
    }

    /// Whether the session may go on at this moment. Cheap: no lock that anybody waits on, no store.
    pub fn still(&self) -> Result<(), Ending> {
        let now = self.clock.now();
        let live = self.live.borrow();
        if live.blind {
            return Err(Ending::Blind);
        }
        if live.ending.contains(&self.id) {
            return Err(Ending::Ended);
        }
        match live.grants.get(&self.admission.grant) {
            Some(until) if now < *until => Ok(()),
            Some(_) => Err(Ending::Expired),
            None if now >= self.admission.until => Err(Ending::Expired),
            None => Err(Ending::Revoked),
        }
    }

    /// Resolves when the session must end. Cancel-safe: it only watches.
    pub async fn ended(&self) -> Ending {
        let mut live = self.live.clone();
        loop {
            live.mark_unchanged();
            if let Err(ending) = self.still() {
                return ending;
            }
            tokio::select! {
                changed = live.changed() => {
                    if changed.is_err() {
                        return Ending::Stopped;
                    }
                }
                () = self.clock.sleep_until(self.until()) => {}
            }
        }
    }

    /// Resolves when the grant is about to end: `before` its end, or at once if that is past. Cancel-safe.
    pub async fn ends_within(&self, before: Span) -> Timestamp {
        let mut live = self.live.clone();
        loop {
            live.mark_unchanged();
            let until = self.until();
            let at = Timestamp::from_micros(until.micros().saturating_sub(before.micros()));
            if self.clock.now() >= at {
                return until;
            }
            tokio::select! {
                _changed = live.changed() => {}
                () = self.clock.sleep_until(at) => {}
            }
        }
    }

    /// The policy's rules for this session, as they are now; nothing when the policy no longer permits the session.
    pub fn scope(&mut self) -> Option<&Scope> {
        if self.policy.has_changed().unwrap_or(false) {
            let policy = self.policy.borrow_and_update().clone();
            self.scope = policy.scope(&self.admission.seat(&self.client, &self.application), self.clock.now());
        }
        self.scope.as_ref()
    }

    /// The recording.
    pub const fn tape(&mut self) -> &mut Tape {
        &mut self.tape
    }

    /// Marks the session as one that carried what the gateway could not inspect (G17).
    pub fn mark_uninspected(&mut self, what: &str) {
        self.uninspected.get_or_insert_with(|| what.to_owned());
    }

    /// The words with which the client is sent away: "access to orders-prod ended at 15:00 CET".
    pub fn farewell(&self, ending: &Ending) -> String {
        let target = &self.admission.target.name;
        let now = self.clock.now();
        let at = |moment: Timestamp| moment.local(now, self.policy.borrow().zone());
        match ending {
            Ending::Expired => format!("access to {target} ended at {}", at(self.until().min(now))),
            Ending::Revoked => format!("access to {target} was revoked at {}", at(now)),
            Ending::Ended => format!("this session was ended by an approver or administrator at {}", at(now)),
            Ending::NotRecorded => "this session can't be recorded any more, so it ends".to_owned(),
            Ending::Blind => "Countersign can't reach its store, so this session ends".to_owned(),
            Ending::Stopped => "Countersign is shutting down".to_owned(),
            Ending::TargetGone => format!("{target} closed the connection"),
            Ending::Broken => "the protocol was broken, so this session ends".to_owned(),
            Ending::Left | Ending::Abandoned => "the session is over".to_owned(),
        }
    }
}

impl Admission {
    /// The facts of a session that the policy looks at.
    pub(super) fn seat<'a>(&'a self, client: &'a str, application: &'a str) -> Seat<'a> {
        Seat {
            by: &self.identity.name,
            target: &self.target.name,
            access: self.access,
            emergency: self.emergency,
            application,
            client,
        }
    }
}
