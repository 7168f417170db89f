//! What is live at this moment, as this process knows it: how sessions learn that they must end.
//!
//! One reader refreshes the picture whenever the bell rings, and every few seconds; sessions only compare. A process
//! that can't read the store for too long is blind and ends its sessions, since it could not learn of a revocation (G2).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::Workflows;
use crate::clock::{Clock, Steady, Timestamp};
use crate::evidence::recording::{Anchor, Tape};
use crate::id::{GrantId, SessionId};
use crate::identity::Identity;
use crate::policy::{Policy, Scope, Seat};
use crate::session::Ending;
use crate::store::{Db, StoreError, grants, sessions};
use crate::target::{Access, Target, TargetName};

/// How often the store is read when no bell rings.
const EVERY: Duration = Duration::from_secs(3);
/// A read that takes longer counts as failed.
const PATIENCE: Duration = Duration::from_secs(3);
/// Blind after this long without a picture. With `EVERY` and `PATIENCE` a cut-off node ends its sessions within 15 s.
const BLIND_AFTER: Duration = Duration::from_secs(9);
/// A picture that is older than this is not believed, whatever became of the task that should have drawn a newer one.
const STALE_AFTER: Duration = Duration::from_secs(12);

/// A picture of what is live.
#[derive(Clone, Debug, Default)]
pub(super) struct Live {
    /// Live grants, and when each ends.
    grants: HashMap<GrantId, Timestamp>,
    /// Sessions of this node that somebody asked to end.
    ending: HashSet<SessionId>,
    /// Nothing is known any more.
    blind: bool,
    /// This machine's clock can't say what has ended (G1, G3).
    clock_off: bool,
    /// Until when it may be believed: while the task that draws it anew is at work. Without that task it is drawn when
    /// it is needed, as in tests and in the local administrator's commands.
    good_until: Option<Instant>,
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
        let good_until = self.inner.watching.load(Ordering::Relaxed).then(|| Instant::now() + STALE_AFTER);
        self.inner.live.send_modify(|live| {
            // Looked at inside, so that a clock that is found wrong meanwhile is not painted over.
            let clock_off = !self.clock_is_right();
            *live = Arc::new(Live { grants, ending, blind: false, clock_off, good_until });
        });
        Ok(())
    }

    /// Puts into the picture whether the clock is right.
    pub(crate) fn publish_clock(&self) {
        self.inner.live.send_modify(|live| {
            *live = Arc::new(Live { clock_off: !self.clock_is_right(), ..Live::clone(live) });
        });
    }

    /// Makes the picture as old as if nobody had drawn it for long.
    #[cfg(test)]
    pub(super) fn neglect_live(&self) {
        self.inner.live.send_modify(|live| {
            *live =
                Arc::new(Live { good_until: Some(Instant::now() + Duration::from_millis(100)), ..Live::clone(live) });
        });
    }

    /// Looks for a step of the clock backward. With a store of its own time, the difference to that counts instead.
    async fn watch_clock(&self, steady: &mut Steady) {
        let Clock::System = self.clock() else { return };
        let behind = steady.behind(self.now(), Instant::now());
        match self.db() {
            Db::Sqlite { .. } => self.set_skew(behind),
            Db::Postgres(_) if behind > 0 => match tokio::time::timeout(PATIENCE, self.measure_skew()).await {
                Ok(Ok(())) => *steady = Steady::new(self.now(), Instant::now()),
                Ok(Err(_)) | Err(_) => self.set_skew(behind),
            },
            Db::Postgres(_) => {}
        }
    }

    /// Keeps the picture fresh until stopped.
    pub(crate) async fn watch_live(&self, stop: CancellationToken) {
        let mut bell = self.bell();
        let mut seen = Instant::now();
        let mut steady = Steady::new(self.now(), seen);
        self.inner.watching.store(matches!(self.clock(), Clock::System), Ordering::Relaxed);
        loop {
            bell.mark_unchanged();
            self.watch_clock(&mut steady).await;
            match tokio::time::timeout(PATIENCE, self.refresh_live()).await {
                Ok(Ok(())) => seen = Instant::now(),
                Ok(Err(error)) => warn!(error = &error as &dyn std::error::Error, "the store could not be read"),
                Err(_elapsed) => warn!("the store does not answer"),
            }
            if seen.elapsed() >= BLIND_AFTER && !self.inner.live.borrow().blind {
                error!("the store has not answered for too long: live sessions end");
                self.inner.live.send_modify(|live| {
                    *live = Arc::new(Live { blind: true, clock_off: live.clock_off, ..Live::default() });
                });
            }
            tokio::select! {
                () = stop.cancelled() => return,
                _rung = bell.changed() => {}
                () = tokio::time::sleep(EVERY) => {}
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

/// What of a session may be watched while the session itself is at work. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Life {
    session: SessionId,
    target: TargetName,
    grant: GrantId,
    /// The end as it was at admission: what is true when the picture no longer shows the grant.
    until: Timestamp,
    clock: Clock,
    live: watch::Receiver<Arc<Live>>,
    policy: watch::Receiver<Arc<Policy>>,
}

impl Life {
    /// The moment that it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The grant's end as it stands now: an extension moves it.
    pub fn until(&self) -> Timestamp {
        self.live.borrow().grants.get(&self.grant).copied().unwrap_or(self.until)
    }

    /// Whether the session may go on at this moment. Cheap: no lock that anybody waits on, no store.
    pub fn still(&self) -> Result<(), Ending> {
        let now = self.clock.now();
        let live = self.live.borrow();
        let stale = live.good_until.is_some_and(|until| Instant::now() >= until);
        if live.blind || live.clock_off || stale {
            return Err(Ending::Blind);
        }
        if live.ending.contains(&self.session) {
            return Err(Ending::Ended);
        }
        match live.grants.get(&self.grant) {
            Some(until) if now < *until => Ok(()),
            Some(_) => Err(Ending::Expired),
            None if now >= self.until => Err(Ending::Expired),
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
            let good_until = live.borrow().good_until;
            let stale = async {
                match good_until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stale => {}
                changed = live.changed() => {
                    if changed.is_err() {
                        return Ending::Stopped;
                    }
                }
                () = self.clock.sleep_until(self.until()) => {}
            }
        }
    }

    /// The words with which the client is sent away: "access to orders-prod ended at 15:00 CET".
    pub fn farewell(&self, ending: &Ending) -> String {
        let (target, now) = (&self.target, self.clock.now());
        let at = |moment: Timestamp| moment.local(now, self.policy.borrow().zone());
        match ending {
            Ending::Expired => format!("access to {target} ended at {}", at(self.until().min(now))),
            Ending::Revoked => format!("access to {target} was revoked at {}", at(now)),
            Ending::Ended => format!("this session was ended by an approver or administrator at {}", at(now)),
            Ending::NotRecorded => "this session can't be recorded any more, so it ends".to_owned(),
            Ending::Blind if self.live.borrow().clock_off => {
                "the clock of Countersign's machine is wrong, so this session ends".to_owned()
            }
            Ending::Blind => "Countersign can't reach its store, so this session ends".to_owned(),
            Ending::Stopped => "Countersign is shutting down".to_owned(),
            Ending::TargetGone => format!("{target} closed the connection"),
            Ending::Broken => "the protocol was broken, so this session ends".to_owned(),
            Ending::Left | Ending::Abandoned => "the session is over".to_owned(),
        }
    }
}

/// Its session's place among those that this process carries; gone with it, however the session comes to its end.
#[derive(Debug)]
pub(super) struct Carried {
    session: SessionId,
    among: watch::Sender<BTreeMap<SessionId, Anchor>>,
}

impl Carried {
    pub(super) fn new(workflows: &Workflows, session: SessionId, tape: &Tape) -> Self {
        let among = workflows.inner.carried.clone();
        among.send_modify(|all| {
            all.insert(session, tape.anchor());
        });
        Self { session, among }
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.among.send_modify(|all| {
            all.remove(&self.session);
        });
    }
}

/// A session that this process carries. Only [`Workflows::begin`] makes one.
#[derive(Debug)]
pub struct LiveSession {
    pub(super) admission: Admission,
    pub(super) client: String,
    pub(super) application: String,
    pub(super) life: Life,
    pub(super) scope: Option<Scope>,
    pub(super) generation: u64,
    pub(super) tape: Tape,
    /// What could not be inspected, for the evidence (G17).
    pub(super) uninspected: Option<String>,
    pub(super) carried: Carried,
}

impl LiveSession {
    pub(super) fn new(
        workflows: &Workflows,
        carried: Carried,
        admission: Admission,
        client: super::Client,
        tape: Tape,
    ) -> Self {
        let life = Life {
            session: carried.session,
            target: admission.target.name.clone(),
            grant: admission.grant,
            until: admission.until,
            clock: workflows.clock().clone(),
            live: workflows.inner.live.subscribe(),
            policy: workflows.inner.policy.subscribe(),
        };
        let super::Client { address: client, application } = client;
        let mut session = Self {
            admission,
            client,
            application,
            life,
            scope: None,
            generation: 0,
            tape,
            uninspected: None,
            carried,
        };
        session.read_policy();
        session
    }

    /// Its id.
    pub const fn id(&self) -> SessionId {
        self.life.session
    }

    /// Who is connected.
    pub const fn identity(&self) -> &Identity {
        &self.admission.identity
    }

    /// To what.
    pub const fn target(&self) -> &Arc<Target> {
        &self.admission.target
    }

    /// Under which grant.
    pub const fn grant(&self) -> GrantId {
        self.admission.grant
    }

    /// At which level.
    pub const fn access(&self) -> Access {
        self.admission.access
    }

    /// Break-glass: every operation is on the disk before it passes.
    pub const fn is_strict(&self) -> bool {
        self.admission.emergency
    }

    /// What may be watched while the session is at work.
    pub const fn life(&self) -> &Life {
        &self.life
    }

    /// The policy's rules for this session, as they are now; nothing when the policy no longer permits the session.
    pub fn scope(&mut self) -> Option<&Scope> {
        self.refresh();
        self.scope.as_ref()
    }

    /// Changes whenever [`Self::scope`] may give other rules: whoever remembers verdicts forgets them then.
    pub fn generation(&mut self) -> u64 {
        self.refresh();
        self.generation
    }

    fn refresh(&mut self) {
        let over = self.scope.as_ref().and_then(Scope::valid_until).is_some_and(|until| self.life.now() >= until);
        if over || self.life.policy.has_changed().unwrap_or(false) {
            self.generation += 1;
            self.read_policy();
        }
    }

    fn read_policy(&mut self) {
        let policy = self.life.policy.borrow_and_update().clone();
        self.scope = policy.scope(&self.admission.seat(&self.client, &self.application), self.life.now());
    }

    /// The recording.
    pub const fn tape(&mut self) -> &mut Tape {
        &mut self.tape
    }

    /// Marks the session as one that carried what the gateway could not inspect (G17).
    pub fn mark_uninspected(&mut self, what: &str) {
        self.uninspected.get_or_insert_with(|| what.to_owned());
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
