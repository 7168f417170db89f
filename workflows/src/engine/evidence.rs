//! The audit log as people read it, its signed heads, and the outbox.

use std::collections::BTreeMap;

use serde_json::json;
use tracing::warn;

use super::{Workflows, transact};
use crate::clock::{Span, Timestamp};
use crate::evidence::{Checkpoint, Entry, SignedNote, VerifyingKey};
use crate::id::{NoticeId, SessionId};
use crate::identity::{Authenticated, Identity};
use crate::notice::Notice;
use crate::store::audit::{self, Note};
use crate::store::{StoreError, notices};
use crate::told::{Fault, Told};

/// Why the audit log was not shown.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Only auditors and administrators read it.
    #[error("the audit log is for auditors; `auditors` in the file names them")]
    NotForYou,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Told for AuditError {
    fn told(&self) -> String {
        match self {
            Self::Store(error) => error.told(),
            Self::NotForYou => self.to_string(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::NotForYou => Fault::Refused,
            Self::Store(_) => Fault::Ours,
        }
    }
}

/// A part of the audit log.
#[derive(Clone, Debug)]
pub struct AuditPage {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// Signed heads from the first entry's number on.
    pub heads: Vec<SignedNote>,
}

impl Workflows {
    /// A part of the audit log, from a sequence number on; at most 10,000 entries.
    pub async fn audit(&self, who: &Authenticated, from: i64, limit: u32) -> Result<AuditPage, AuditError> {
        if !self.policy().oversees(&who.identity().name, self.now()) {
            return Err(AuditError::NotForYou);
        }
        Ok(self.audit_page(from, limit).await?)
    }

    /// The same for the local administrator, who can read the store anyway.
    pub async fn audit_page(&self, from: i64, limit: u32) -> Result<AuditPage, StoreError> {
        let limit = i64::from(limit.clamp(1, 10_000));
        // Heads first: one that is signed in between must not speak of an entry that was not read any more.
        let heads = audit::signed(self.db(), from, limit).await?.into_iter().map(SignedNote::new).collect();
        let entries = audit::page(self.db(), from, limit).await?;
        Ok(AuditPage { entries, heads })
    }

    /// The public key that verifies the signed heads.
    pub fn audit_key(&self) -> &VerifyingKey {
        self.inner.keys.signing.verifying_key()
    }

    /// Signs the head of the audit log, if it moved since `last`; gives the number that is signed now.
    pub(crate) async fn sign_head(&self, last: i64) -> Result<i64, StoreError> {
        let Some(head) = audit::last(self.db()).await?.filter(|head| head.seq > last) else { return Ok(last) };
        let now = self.now();
        let note = Checkpoint::of(&head, now.micros(), &self.inner.keys.signing).sign(&self.inner.keys.signing);
        let mut tx = self.begin_transaction().await?;
        audit::sign(&mut tx, head.seq, note.as_str(), now).await?;
        tx.commit_quietly().await?;
        self.witness(note).await;
        Ok(head.seq)
    }

    /// Writes a signed head outside of the database: whoever cuts the log short would have to cut this file too.
    async fn witness(&self, note: SignedNote) {
        let mut slot = self.inner.keys.heads.lock().await;
        let Some(mut heads) = slot.take() else { return };
        // It waits for the disk, so not on a thread that carries sessions.
        let written = tokio::task::spawn_blocking(move || {
            let outcome = heads.append(&note);
            (heads, outcome)
        });
        match written.await {
            Ok((heads, outcome)) => {
                *slot = Some(heads);
                if let Err(error) = outcome {
                    warn!(error = &error as &dyn std::error::Error, "the file of signed heads could not be written");
                }
            }
            Err(error) => warn!(error = &error as &dyn std::error::Error, "the file of signed heads was lost"),
        }
    }

    /// Binds the recordings of this process's sessions to the log as far as they have come, so that what was recorded can
    /// be shown to be unchanged before its session is over. `done` says how far they were bound before.
    pub(crate) async fn anchor_recordings(&self, done: &mut BTreeMap<SessionId, i64>) -> Result<(), StoreError> {
        let carried = self.inner.carried.borrow().clone();
        done.retain(|session, _| carried.contains_key(session));
        let mut heads = Vec::new();
        for (session, anchor) in carried {
            if anchor.seq().is_none_or(|seq| done.get(&session).is_some_and(|done| *done >= seq)) {
                continue;
            }
            // Where there is no head it has ended, or ends now because of this.
            if let Some(Ok(head)) = anchor.flush().await {
                heads.push((session, head));
            }
        }
        for some in heads.chunks(100) {
            let outcome: Result<(), AuditError> = transact!(self, AuditError, |tx| {
                let now = self.now();
                for (session, head) in some {
                    let (about, detail) = (session.to_string(), json!({ "head": head }));
                    audit::append(tx, Note { actor: "countersign", verb: "anchor", about, detail }, now).await?;
                }
                Ok(())
            });
            match outcome {
                Ok(()) | Err(AuditError::NotForYou) => {}
                Err(AuditError::Store(error)) => return Err(error),
            }
            done.extend(some.iter().map(|(session, head)| (*session, head.seq)));
        }
        Ok(())
    }

    /// Notes that somebody looked at evidence.
    pub(super) async fn note_look(&self, who: &Identity, verb: &'static str, about: &str) -> Result<(), StoreError> {
        let now = self.now();
        let outcome: Result<(), AuditError> = transact!(self, AuditError, |tx| {
            let note = Note { actor: &who.name, verb, about: about.to_owned(), detail: json!({}) };
            audit::append(tx, note, now).await?;
            Ok(())
        });
        match outcome {
            Ok(()) | Err(AuditError::NotForYou) => Ok(()),
            Err(AuditError::Store(error)) => Err(error),
        }
    }

    /// Claims notices that are due, for `lease`: whoever renders them marks them done before that, or another gets them.
    pub async fn claim_notices(&self, lease: Span, limit: u32) -> Result<Vec<Notice>, StoreError> {
        let now = self.now();
        if !notices::due(self.db(), now).await? {
            return Ok(Vec::new());
        }
        let mut tx = self.begin_transaction().await?;
        let until: Timestamp = now.plus(lease);
        let claimed = notices::claim(&mut tx, self.inner.node, now, until, i64::from(limit.clamp(1, 1_000))).await?;
        tx.commit_quietly().await?;
        Ok(claimed)
    }

    /// Gives a claimed notice back: it could not be told now, and may be claimed again after this time.
    pub async fn notice_later(&self, id: NoticeId, after: Span) -> Result<(), StoreError> {
        let from = self.now().plus(after);
        let mut tx = self.begin_transaction().await?;
        notices::later(&mut tx, id, self.inner.node, from).await?;
        tx.commit_quietly().await
    }

    /// Marks a claimed notice as told; false where the claim was lost to somebody else.
    pub async fn notice_told(&self, id: NoticeId) -> Result<bool, StoreError> {
        let mut tx = self.begin_transaction().await?;
        let told = notices::done(&mut tx, id, self.inner.node, self.now()).await?;
        tx.commit_quietly().await?;
        Ok(told)
    }
}
