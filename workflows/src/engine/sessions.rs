//! Entering, holding, passing, leaving.

mod errors;

pub use errors::{AdmitError, BeginError, EndError, HoldError, SpendError};

use std::time::Duration;

use serde_json::json;
use tracing::{info, warn};

use super::live::Carried;
use super::{Admission, LiveSession, Workflows, transact};
use crate::approval::{Needs, Vote};
use crate::id::{RequestId, SessionId};
use crate::identity::Authenticated;
use crate::notice::Kind;
use crate::operation::Fingerprint;
use crate::request::{Again, Event, Exactness, Outcome, Refused, Request, Shape, State, What};
use crate::session::{Ending, Session, Totals};
use crate::store::audit::{self, Note};
use crate::store::{StoreError, grants, notices, people, requests, sessions};
use crate::target::TargetName;
use crate::verdict::Gate;

/// How often a request that is waited for is looked at, though no bell rings.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// Where a client comes from.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its address.
    pub address: String,
    /// What it calls itself.
    pub application: String,
}

/// An operation that has to wait for people.
#[derive(Clone, Debug)]
pub struct Held {
    /// The hash of exactly what waits.
    pub fingerprint: Fingerprint,
    /// The whole text, control characters made visible.
    pub shown: String,
    /// What it would touch, a line each.
    pub impact: Vec<String>,
    /// What of it stays the same where its operands change; none where that can't be said.
    pub shape: Option<Shape>,
    /// How much of what it does the fingerprint tells.
    pub exact: Exactness,
    /// Which rules hold it.
    pub why: String,
    /// Who must agree.
    pub needs: Needs,
}

impl Workflows {
    /// Lets somebody in who holds a live grant for exactly this target. With several, the one of the highest level
    /// that the policy still permits.
    pub async fn admit(&self, who: &Authenticated, target: &str) -> Result<Admission, AdmitError> {
        let (policy, now) = (self.policy(), self.now());
        let no_grant = || AdmitError::NoGrant(target.chars().take(63).filter(|c| !c.is_control()).collect());
        let name: TargetName = target.parse().map_err(|_| no_grant())?;
        let known = policy.target(&name).cloned().ok_or_else(no_grant)?;
        self.trust_clock()?;
        let held = grants::live_of(self.db(), who.identity().id, &name, now).await?;
        let held_any = !held.is_empty();
        let permitted = held.into_iter().filter(|grant| {
            grant.is_live(now) && policy.permits(&who.identity().name, &name, grant.access, grant.emergency, now)
        });
        let Some(grant) = permitted.max_by_key(|grant| (grant.access, grant.until)) else {
            return Err(if held_any { AdmitError::PolicyChanged(name) } else { no_grant() });
        };
        Ok(Admission {
            identity: who.identity().clone(),
            target: known,
            grant: grant.id,
            access: grant.access,
            emergency: grant.emergency,
            until: grant.until,
        })
    }

    /// Begins a session: its recording is open and its row is written before the first byte passes.
    pub async fn begin(&self, admission: Admission, client: Client) -> Result<LiveSession, BeginError> {
        let (now, id) = (self.now(), SessionId::new());
        // The picture may be older than a grant of a moment ago.
        if !self.inner.live.borrow().has(admission.grant) {
            self.refresh_live().await?;
        }
        let who = json!({
            "session": id, "who": admission.identity.name, "identity": admission.identity.id,
            "target": admission.target.name, "protocol": admission.target.protocol, "database": admission.target.database, "access": admission.access,
            "grant": admission.grant, "emergency": admission.emergency, "client": client.address,
            "application": client.application, "from": now.to_string(), "policy": self.policy().hash(),
        });
        let tape = self.inner.recordings.recorder.open(&id.to_string(), &who.to_string())?;
        let row = Session {
            id,
            by: admission.identity.clone(),
            target: admission.target.name.clone(),
            access: admission.access,
            grant: admission.grant,
            client: client.address.clone(),
            application: client.application.clone(),
            from: now,
            ended: None,
            totals: Totals::default(),
            recording: self.below_recordings(tape.path()),
            uninspected: None,
        };
        let node = self.inner.node;
        // Before the row: when this is dropped in the middle, the sweep finds a row that nobody carries.
        let carried = Carried::new(self, id, &tape);
        let outcome: Result<(), BeginError> = transact!(self, BeginError, |tx| {
            let found = grants::get(tx, row.grant).await?.ok_or(BeginError::Over)?;
            if !found.grant.is_live(self.now()) {
                return Err(BeginError::Over);
            }
            sessions::add(tx, &row, node).await?;
            let detail = json!({ "target": row.target, "access": row.access, "grant": row.grant, "client": row.client, "recording": row.recording });
            let note = Note { actor: &row.by.name, verb: "begin", about: id.to_string(), detail };
            audit::append(tx, note, now).await?;
            Ok(())
        });
        outcome?;
        info!(session.id = %id, "session `{id}` began");
        Ok(LiveSession::new(self, carried, admission, client, tape))
    }

    /// A recording's path below the recordings' folder, as rows keep it.
    fn below_recordings(&self, path: &std::path::Path) -> String {
        let below = path.strip_prefix(self.inner.recordings.recorder.folder()).unwrap_or(path);
        below.to_string_lossy().into_owned()
    }

    /// Asks people about an operation that waits.
    pub async fn hold(&self, session: &LiveSession, held: Held) -> Result<Request, HoldError> {
        let now = self.now();
        let what = What::Operation {
            target: session.admission.target.name.clone(),
            session: session.id(),
            fingerprint: held.fingerprint.to_string(),
            shown: held.shown,
            impact: held.impact,
            shape: held.shape,
            exact: held.exact,
        };
        let request = Request::new(session.admission.identity.clone(), what, held.why, held.needs, now);
        let policy = self.policy();
        transact!(self, HoldError, |tx| {
            requests::add(tx, &request).await?;
            notices::add(tx, &Kind::Asked { request: request.id }, &request.asked(), now).await?;
            let detail = json!({
                "session": session.id(), "fingerprint": held.fingerprint.to_string(), "rules": request.why,
                "asked": request.needs.asked(true), "policy": policy.hash(),
            });
            let note = Note { actor: &request.by.name, verb: "hold", about: request.id.to_string(), detail };
            audit::append(tx, note, now).await?;
            Ok(())
        })?;
        info!(request.id = %request.id, session.id = %session.id(), "an operation is held as `{}`", request.id);
        Ok(request)
    }

    /// Who is asked about a request at this moment, by name.
    pub fn people_asked(&self, request: &Request) -> Vec<String> {
        super::requests::people_asked(&self.policy(), request, self.now())
    }

    /// Waits until a request is no longer pending. A store that is away is waited for: the hold goes on meanwhile.
    /// Cancel-safe: it only reads, and notes lapses that are due anyway.
    pub async fn settled(&self, id: RequestId) -> Result<Request, StoreError> {
        let mut bell = self.bell();
        loop {
            bell.mark_unchanged();
            let due = match requests::find(self.db(), id).await {
                Ok(Some(request)) => match &request.state {
                    State::Pending { until, .. } => request.state.due().unwrap_or(*until),
                    State::Approved { .. }
                    | State::Spent { .. }
                    | State::Denied { .. }
                    | State::Withdrawn { .. }
                    | State::Lapsed { .. } => return Ok(request),
                },
                Ok(None) => return Err(StoreError::Raced),
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, "a hold waits for the store");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            tokio::select! {
                _rung = bell.changed() => {}
                // A ring may be lost.
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.inner.clock.sleep_until(due) => {
                    if let Err(error) = self.tick_request(id).await {
                        warn!(error = &error as &dyn std::error::Error, "a lapse could not be noted yet");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            }
        }
    }

    /// Takes an approval up, once, for exactly these bytes (G5, G8). `gate` is what the policy says of the same
    /// operation now: the approvals must satisfy that as well (G6).
    pub async fn spend(
        &self,
        session: &LiveSession,
        id: RequestId,
        fingerprint: &Fingerprint,
        gate: &Gate,
    ) -> Result<Request, SpendError> {
        transact!(self, SpendError, |tx| {
            let (policy, now) = (self.policy(), self.now());
            self.trust_clock()?;
            session.life().still().map_err(|_| SpendError::Over)?;
            let suspended = people::suspended(tx).await?;
            if suspended.contains(&session.identity().name) {
                return Err(SpendError::Over);
            }
            let found = requests::get(tx, id).await?.ok_or(SpendError::Missing(id))?;
            let holder = grants::get(tx, session.admission.grant).await?.ok_or(SpendError::Over)?;
            if !holder.grant.is_live(now) {
                return Err(SpendError::Over);
            }
            let request = found.request.recount(|name, request| {
                if suspended.contains(name) { Vec::new() } else { policy.serves(request, name, now) }
            });
            let agreed = match &request.state {
                State::Approved { votes, .. } => votes.clone(),
                State::Pending { .. } => return Err(Refused::NotApproved("pending").into()),
                State::Spent { .. } | State::Denied { .. } | State::Withdrawn { .. } | State::Lapsed { .. } => {
                    return Err(Refused::Settled(request.state.as_str()).into());
                }
            };
            let enough_now = match gate {
                Gate::Open => true,
                Gate::Shut(_) => false,
                Gate::Hold(needs) => agreed.recount(|vote| policy.counts_for(needs, vote, now)).meet(needs),
            };
            if !enough_now || !agreed.meet(&request.needs) {
                return Err(SpendError::PolicyChanged);
            }
            let event = Event::Spend { session: session.id(), fingerprint: fingerprint.to_string() };
            let step = request.step(event, now)?;
            requests::change(tx, &step.request, found.version).await?;
            notices::add(tx, &Kind::Changed { request: id }, &step.request.needs.asked(true), now).await?;
            let detail =
                json!({ "session": session.id(), "fingerprint": fingerprint.to_string(), "policy": policy.hash() });
            let note = Note { actor: &step.request.by.name, verb: "spend", about: id.to_string(), detail };
            audit::append(tx, note, now).await?;
            Ok(step.request)
        })
    }

    /// Lets an operation pass again, where everybody who agreed said that exactly this one may, or one of its shape, and the
    /// time that they gave it is not over. `of_shape` is the shape of what passes now, where it has one. The votes are counted
    /// anew by the policy of now (G6), and the log says so each time.
    pub async fn spend_again(
        &self,
        session: &LiveSession,
        id: RequestId,
        (fingerprint, of_shape): (&Fingerprint, Option<&Fingerprint>),
        gate: &Gate,
    ) -> Result<(Request, Again), SpendError> {
        let (exact, of_shape) = (fingerprint.to_string(), of_shape.map(ToString::to_string));
        transact!(self, SpendError, |tx| {
            let (policy, now) = (self.policy(), self.now());
            self.trust_clock()?;
            session.life().still().map_err(|_| SpendError::Over)?;
            let suspended = people::suspended(tx).await?;
            let request = requests::get(tx, id).await?.ok_or(SpendError::Missing(id))?.request;
            let holder = grants::get(tx, session.admission.grant).await?.ok_or(SpendError::Over)?;
            if suspended.contains(&session.identity().name) || !holder.grant.is_live(now) {
                return Err(SpendError::Over);
            }
            let again = request.repeats(session.id(), &exact, of_shape.as_deref(), now);
            let again = again.ok_or(Refused::Differs)?;
            let State::Spent { votes, .. } = &request.state else { return Err(Refused::Differs.into()) };
            let enough = match gate {
                Gate::Open => true,
                Gate::Shut(_) => false,
                Gate::Hold(needs) => {
                    let counts = |vote: &Vote| {
                        let gone = suspended.contains(&vote.by.name);
                        if gone { Vec::new() } else { policy.counts_for(needs, vote, now) }
                    };
                    votes.recount(counts).meet(needs)
                }
            };
            if !enough {
                return Err(SpendError::PolicyChanged);
            }
            let detail = json!({
                "session": session.id(), "fingerprint": exact, "by": again.as_str(),
                "shape": of_shape.as_ref().filter(|_| again == Again::Shape), "policy": policy.hash(),
            });
            let note = Note { actor: &request.by.name, verb: "spend again", about: id.to_string(), detail };
            audit::append(tx, note, now).await?;
            Ok((request, again))
        })
    }

    /// Notes what became of an operation that people agreed to, so that they see it.
    pub async fn operation_done(&self, id: RequestId, outcome: &Outcome) -> Result<(), StoreError> {
        let noted: Result<(), HoldError> = transact!(self, HoldError, |tx| {
            let now = self.now();
            let Some(found) = requests::get(tx, id).await? else { return Ok(()) };
            if requests::outcome(tx, id, outcome).await? {
                let asked = found.request.needs.asked(true);
                notices::add(tx, &Kind::Changed { request: id }, &asked, now).await?;
                let note = Note {
                    actor: &found.request.by.name,
                    verb: "outcome",
                    about: id.to_string(),
                    detail: json!(outcome),
                };
                audit::append(tx, note, now).await?;
            }
            Ok(())
        });
        noted.map_err(|HoldError::Store(error)| error)
    }

    /// The client gave up on a held operation, or left.
    pub async fn withdraw_hold(&self, session: &LiveSession, id: RequestId) -> Result<(), SpendError> {
        self.void_hold(session.admission.identity.name.as_str(), id).await
    }

    /// Voids every operation that a session waits for.
    pub(crate) async fn void_holds(&self, actor: &str, session: SessionId) -> Result<(), StoreError> {
        for request in requests::open_of_session(self.db(), session).await? {
            if let Err(error) = self.void_hold(actor, request).await {
                warn!(error = &error as &dyn std::error::Error, "hold `{request}` could not be voided");
            }
        }
        Ok(())
    }

    /// Voids a held operation that nobody waits for any more; settled ones stay as they are.
    pub(crate) async fn void_hold(&self, actor: &str, id: RequestId) -> Result<(), SpendError> {
        transact!(self, SpendError, |tx| {
            let now = self.now();
            let found = requests::get(tx, id).await?.ok_or(SpendError::Missing(id))?;
            if found.request.state.is_final() {
                return Ok(());
            }
            let step = found.request.step(Event::Withdraw, now)?;
            requests::change(tx, &step.request, found.version).await?;
            notices::add(tx, &Kind::Changed { request: id }, &step.request.needs.asked(true), now).await?;
            audit::append(tx, Note { actor, verb: "withdraw", about: id.to_string(), detail: json!({}) }, now)
                .await?;
            Ok(())
        })
    }

    /// Ends a session: closes its recording and anchors that in the audit log. What can't be written now is tried for
    /// a minute; after that the sweep finds the session abandoned.
    pub async fn end(&self, session: LiveSession, ending: Ending, totals: Totals) {
        let id = session.id();
        // Carried until the end is noted; if it can't be, the sweep sees to it.
        let LiveSession { admission, tape, uninspected, carried: _carried, .. } = session;
        let closing = json!({ "ending": ending, "totals": totals, "uninspected": uninspected });
        let head = match tape.close(&closing.to_string()).await {
            Ok(head) => Some(head),
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "recording of `{id}` could not be closed");
                None
            }
        };
        for _try in 0..60 {
            let outcome: Result<(), EndError> = transact!(self, EndError, |tx| {
                let now = self.now();
                let first = sessions::end(tx, id, now, &ending, Some(&totals), uninspected.clone()).await?;
                // Another node took this one for dead: the recording's head belongs into the log all the same.
                if !first && !sessions::end_abandoned(tx, id, now, &ending, &totals, uninspected.clone()).await? {
                    return Ok(());
                }
                let detail = json!({ "ending": ending, "totals": totals, "head": head, "uninspected": uninspected });
                let note = Note { actor: &admission.identity.name, verb: "end", about: id.to_string(), detail };
                audit::append(tx, note, now).await?;
                Ok(())
            });
            match outcome {
                Ok(()) => break,
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, "the end of `{id}` could not be noted yet");
                }
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        // Whatever was asked on its behalf, and whose asker was stopped before it could take it back.
        if let Err(error) = self.void_holds(&admission.identity.name, id).await {
            warn!(error = &error as &dyn std::error::Error, "what `{id}` waited for could not be looked up");
        }
        info!(session.id = %id, "session `{id}` ended: {}", ending.as_str());
    }

    /// Ends somebody's live session, wherever it runs. The grant stays.
    pub async fn end_session(&self, who: &Authenticated, id: SessionId, because: &str) -> Result<(), EndError> {
        let by = who.identity();
        let session = sessions::find(self.db(), id).await?.ok_or(EndError::Missing(id))?;
        let grant = grants::find(self.db(), session.grant).await?.ok_or(EndError::Missing(id))?;
        if !self.may_end(&self.policy(), by, &grant).await? {
            return Err(EndError::Missing(id));
        }
        transact!(self, EndError, |tx| {
            let now = self.now();
            if !sessions::ask_to_end(tx, id, now).await? {
                return Err(EndError::Missing(id));
            }
            let detail = json!({ "because": because, "of": session.by.name });
            audit::append(tx, Note { actor: &by.name, verb: "end session", about: id.to_string(), detail }, now)
                .await?;
            Ok(())
        })
    }
}
