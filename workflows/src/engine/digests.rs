//! The weekly digest: made once for each manager and week, read by whoever may, and reviewed by the manager, or by those
//! to whom it went when the manager did not.

use std::collections::BTreeSet;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use tracing::info;

use super::{Workflows, transact};
use crate::approval::Who;
use crate::clock::{Span, Timestamp};
use crate::digest::{ByPerson, Digest, Filed, Frame, Review, Team, Week, compute};
use crate::id::DigestId;
use crate::identity::Authenticated;
use crate::notice::Kind;
use crate::policy::Policy;
use crate::store::audit::{self, Note};
use crate::store::{StoreError, digests, json as text, notices};
use crate::told::{Fault, Told};

/// How long a manager is given to review a digest.
pub const REVIEW_WITHIN: Span = Span::hours(7 * 24);
/// How many overdue digests one sweep takes.
const BATCH: i64 = 200;
/// The most that are listed.
const LISTED: i64 = 1_000;

/// A digest, and where it is filed. One that was computed just now, for a week that nobody was sent one of, is not.
#[derive(Clone, Debug)]
pub struct GivenDigest {
    /// Its id and whether it was reviewed.
    pub filed: Option<Filed>,
    /// What it says.
    pub digest: Digest,
}

/// Why there is no digest, or it was not reviewed.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// There is none, or they may not know of it.
    #[error("there is no digest `{0}`, or it is not for you to see")]
    Missing(String),
    /// They manage nobody.
    #[error("`{0}` manages nobody, so there is no digest for them, or it is not for you to see")]
    NoTeam(String),
    /// The week has not begun.
    #[error("the week {0} has not begun")]
    Early(Week),
    /// Somebody was faster.
    #[error("it was reviewed already, by {0}")]
    Reviewed(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Told for DigestError {
    fn told(&self) -> String {
        match self {
            Self::Store(error) => error.told(),
            Self::Missing(_) | Self::NoTeam(_) | Self::Early(_) | Self::Reviewed(_) => self.to_string(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Missing(_) | Self::NoTeam(_) => Fault::Missing,
            Self::Early(_) => Fault::Asker,
            Self::Reviewed(_) => Fault::Conflict,
            Self::Store(_) => Fault::Ours,
        }
    }
}

impl Workflows {
    /// The digest of a week: one's own as a manager; overseers may name any manager, and so may those to whom that digest
    /// went. The last whole week where none is named.
    ///
    /// A week of which a digest was made gives exactly that one. Any other is computed as it looks now.
    pub async fn digest(
        &self,
        who: &Authenticated,
        manager: Option<&str>,
        week: Option<Week>,
    ) -> Result<GivenDigest, DigestError> {
        let (policy, now) = (self.policy(), self.now());
        let name = who.identity().name.as_str();
        let manager = manager.unwrap_or(name);
        let zone = policy.digest().map_or_else(|| policy.zone(), |schedule| schedule.zone()).clone();
        let week = week.unwrap_or_else(|| Week::at(now, &zone).before());
        let no_team = || DigestError::NoTeam(manager.to_owned());
        let found = digests::of_week(self.db(), manager, week).await?;
        let sees = manager == name
            || policy.oversees(name, now)
            || found.as_ref().is_some_and(|(filed, _)| is_any(&policy, &filed.escalated_to, name, now));
        if !sees {
            return Err(no_team());
        }
        let given = if let Some((filed, digest)) = found {
            GivenDigest { filed: Some(filed), digest }
        } else {
            let team = policy.team(manager, now).ok_or_else(no_team)?;
            let frame = Frame::of(week, &zone);
            if frame.since > now {
                return Err(DigestError::Early(week));
            }
            let rows = digests::rows(self.db(), &frame, &team.members.keys().cloned().collect()).await?;
            GivenDigest { filed: None, digest: compute(&ByPerson::of(&rows), &team, &frame, now) }
        };
        let about = given.filed.as_ref().map_or_else(|| format!("{manager} {week}"), |filed| filed.id.to_string());
        self.note_look(who.identity(), "look at digest", &about).await?;
        Ok(given)
    }

    /// One digest that is filed, by its id: for the same people.
    pub async fn show_digest(&self, who: &Authenticated, id: DigestId) -> Result<GivenDigest, DigestError> {
        let missing = || DigestError::Missing(id.to_string());
        let (filed, digest) = digests::find(self.db(), id).await?.ok_or_else(missing)?;
        let (policy, now, name) = (self.policy(), self.now(), &who.identity().name);
        if filed.manager != *name && !policy.oversees(name, now) && !is_any(&policy, &filed.escalated_to, name, now) {
            return Err(missing());
        }
        self.note_look(who.identity(), "look at digest", &id.to_string()).await?;
        Ok(GivenDigest { filed: Some(filed), digest })
    }

    /// One digest that is filed, for whoever posts notices of it to those whom they are for. Nothing where there is none.
    pub async fn digest_to_post(&self, id: DigestId) -> Result<Option<(Filed, Digest)>, StoreError> {
        digests::find(self.db(), id).await
    }

    /// The digests that were made for somebody or went to them, newest first; for overseers everybody's. At most 1,000.
    pub async fn digests(&self, who: &Authenticated) -> Result<Vec<Filed>, DigestError> {
        let (policy, now, name) = (self.policy(), self.now(), &who.identity().name);
        if policy.oversees(name, now) {
            return Ok(digests::latest(self.db(), LISTED).await?);
        }
        let mut all = digests::latest_of(self.db(), name, LISTED).await?;
        let others = digests::latest_escalated(self.db(), LISTED).await?;
        let came = |filed: &Filed| filed.manager != *name && is_any(&policy, &filed.escalated_to, name, now);
        all.extend(others.into_iter().filter(came));
        all.sort_by(|one, two| (two.week, &one.manager).cmp(&(one.week, &two.manager)));
        Ok(all)
    }

    /// "I have reviewed this": evidence. Only the manager it was made for, or those to whom it went; never somebody whose
    /// own access it is about.
    pub async fn review_digest(&self, who: &Authenticated, id: DigestId) -> Result<Filed, DigestError> {
        let name = &who.identity().name;
        let filed = transact!(self, DigestError, |tx| {
            let (policy, now) = (self.policy(), self.now());
            let missing = || DigestError::Missing(id.to_string());
            let (filed, digest) = digests::get(tx, id).await?.ok_or_else(missing)?;
            let asked = filed.manager == *name || is_any(&policy, &filed.escalated_to, name, now);
            if !asked || digest.people.contains(name) {
                return Err(missing());
            }
            if let Review::Done { by, .. } = filed.review {
                return Err(DigestError::Reviewed(by));
            }
            if !digests::review(tx, id, name, now).await? {
                return Err(StoreError::Raced.into());
            }
            let manager = Who::Person(filed.manager.clone());
            let told: Vec<Who> = std::iter::once(manager).chain(filed.escalated_to.clone()).collect();
            notices::add(tx, &Kind::DigestReviewed { digest: id }, &told, now).await?;
            let detail = json!({ "manager": filed.manager, "week": filed.week, "content": hash(&digest)? });
            audit::append(tx, Note { actor: name, verb: "review digest", about: id.to_string(), detail }, now)
                .await?;
            Ok(Filed { review: Review::Done { at: now, by: name.clone() }, ..filed })
        })?;
        info!(digest.id = %id, "digest `{id}` was reviewed");
        Ok(filed)
    }

    /// Makes the digests that are due, and passes on those that nobody reviewed. Idempotent, on any number of nodes.
    ///
    /// Cancel-safe: each digest is filed in a transaction of its own, and the next sweep makes the others.
    pub async fn sweep_digests(&self) -> Result<(), StoreError> {
        self.make_due_digests().await?;
        for id in digests::overdue(self.db(), self.now(), BATCH).await? {
            self.escalate_digest(id).await?;
        }
        Ok(())
    }

    async fn make_due_digests(&self) -> Result<(), StoreError> {
        let (policy, now) = (self.policy(), self.now());
        let Some(schedule) = policy.digest() else { return Ok(()) };
        let Some(week) = schedule.due(now) else { return Ok(()) };
        if policy.managers().next().is_none() {
            return Ok(());
        }
        let made = digests::made(self.db(), week).await?;
        let missing = policy.managers().filter(|manager| !made.contains(*manager));
        let teams: Vec<Team> = missing.filter_map(|manager| policy.team(manager, now)).collect();
        if teams.is_empty() {
            return Ok(());
        }
        // The week is read once, however many managers there are.
        let frame = Frame::of(week, schedule.zone());
        let people: BTreeSet<String> = teams.iter().flat_map(|team| team.members.keys().cloned()).collect();
        let rows = digests::rows(self.db(), &frame, &people).await?;
        let by_person = ByPerson::of(&rows);
        let mut count = 0_u64;
        for team in &teams {
            let digest = compute(&by_person, team, &frame, now);
            if self.file_digest(&digest, first_of_month(&frame)).await? {
                count += 1;
            }
        }
        info!("{count} digests of week {week} were made");
        Ok(())
    }

    /// Files a digest and tells the manager; false where another node was faster.
    async fn file_digest(&self, digest: &Digest, tell_nothing: TellNothing) -> Result<bool, StoreError> {
        let id = DigestId::new();
        let review = (!digest.is_empty()).then_some(REVIEW_WITHIN);
        let outcome: Result<bool, DigestError> = transact!(self, DigestError, |tx| {
            if !digests::add(tx, id, digest, review).await? {
                return Ok(false);
            }
            // A digest without anything in it is no news; once a month it says that it is still made.
            if review.is_some() || tell_nothing == TellNothing::Yes {
                let to = [Who::Person(digest.manager.clone())];
                notices::add(tx, &Kind::Digest { digest: id }, &to, digest.made).await?;
            }
            let detail = json!({
                "manager": digest.manager,
                "week": digest.week,
                "people": digest.people.len(),
                "actions": digest.actions.len(),
                "content": hash(digest)?,
            });
            let note = Note { actor: "countersign", verb: "digest", about: id.to_string(), detail };
            audit::append(tx, note, digest.made).await?;
            Ok(true)
        });
        settle(outcome)
    }

    /// Sends a digest that nobody reviewed to the manager's manager, once; to the overseers where there is none.
    async fn escalate_digest(&self, id: DigestId) -> Result<(), StoreError> {
        let outcome: Result<bool, DigestError> = transact!(self, DigestError, |tx| {
            let (policy, now) = (self.policy(), self.now());
            let Some((filed, _)) = digests::get(tx, id).await? else { return Ok(false) };
            let above: Vec<Who> = policy.managers_of(&filed.manager).into_iter().map(Who::Person).collect();
            let to = if above.is_empty() { policy.overseers() } else { above };
            if !digests::escalate(tx, id, &to, now).await? {
                return Ok(false);
            }
            if !to.is_empty() {
                notices::add(tx, &Kind::DigestOverdue { digest: id }, &to, now).await?;
            }
            let detail = json!({ "manager": filed.manager, "week": filed.week, "to": to });
            let note = Note { actor: "countersign", verb: "escalate digest", about: id.to_string(), detail };
            audit::append(tx, note, now).await?;
            Ok(true)
        });
        settle(outcome).map(|_| ())
    }
}

/// Whether a digest without anything in it is told all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TellNothing {
    Yes,
    No,
}

/// The first week that is over in a month is told whatever is in it.
fn first_of_month(frame: &Frame) -> TellNothing {
    if frame.week.after().monday().day() <= 7 { TellNothing::Yes } else { TellNothing::No }
}

fn is_any(policy: &Policy, who: &[Who], name: &str, now: Timestamp) -> bool {
    who.iter().any(|who| policy.is(who, name, now))
}

/// The SHA-256 of what is filed, for the audit log: a digest that was changed afterwards is found.
fn hash(digest: &Digest) -> Result<String, StoreError> {
    Ok(super::people::hex(&Sha256::digest(text(digest)?.as_bytes())))
}

fn settle(outcome: Result<bool, DigestError>) -> Result<bool, StoreError> {
    match outcome {
        Ok(changed) => Ok(changed),
        Err(DigestError::Store(error)) => Err(error),
        Err(DigestError::Missing(_) | DigestError::NoTeam(_) | DigestError::Early(_) | DigestError::Reviewed(_)) => {
            Ok(false)
        }
    }
}
