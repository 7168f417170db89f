//! Where the engine's own types become what the documents are made of. When the engine changes, this file does.

use std::path::PathBuf;

use workflows::Workflows;
use workflows::clock::Timestamp;
use workflows::engine::{AuditError, FindError, Wanted};
use workflows::id::SessionId;
use workflows::identity::Authenticated;
use workflows::policy::MayAsk;
use workflows::session::Session;
use workflows::target::Protocol;

use crate::documents::{AuditEntry, AuditPage, Grant, Moment, Offer, Target};

/// What `who` may ask for, and what they hold. Addresses and logins of targets stay behind.
pub(crate) async fn targets(
    workflows: &Workflows,
    who: &Authenticated,
    now: Timestamp,
) -> Result<Vec<(Protocol, Target)>, FindError> {
    let views = workflows.targets(who).await?;
    let document = |view: workflows::engine::TargetView| {
        let target = &view.target;
        let document = Target {
            name: target.name.to_string(),
            protocol: target.protocol.as_str().to_owned(),
            labels: target.labels.clone(),
            offers: view.may_ask.iter().flat_map(offers).collect(),
            grants: view.grants.iter().map(|grant| Grant::at(grant, now)).collect(),
            gateway: None,
        };
        (target.protocol, document)
    };
    Ok(views.into_iter().map(document).collect())
}

fn offers(may: &MayAsk) -> impl Iterator<Item = Offer> + '_ {
    may.levels.iter().map(|level| Offer {
        level: level.to_string(),
        at_most: may.at_most.to_string(),
        emergency: may.emergency,
    })
}

/// The file of a session's recording, for those who may read it.
pub(crate) async fn recording(
    workflows: &Workflows,
    who: &Authenticated,
    id: SessionId,
) -> Result<PathBuf, FindError> {
    workflows.recording(who, id).await
}

/// The recordings that `who` may read.
pub(crate) async fn recordings(
    workflows: &Workflows,
    who: &Authenticated,
    wanted: &Wanted,
    limit: u32,
) -> Result<Vec<(Session, PathBuf)>, FindError> {
    workflows.recordings(who, wanted, limit).await
}

/// Entries from `from` on, oldest first, at most `limit`, with the heads that were signed among them.
pub(crate) async fn audit(
    workflows: &Workflows,
    who: &Authenticated,
    from: i64,
    limit: u32,
) -> Result<AuditPage, AuditError> {
    let page = workflows.audit(who, from, limit).await?;
    let full = page.entries.len() >= limit as usize;
    let next = page.entries.last().filter(|_| full).map(|last| last.seq.saturating_add(1));
    let entry = |entry: workflows::evidence::Entry| AuditEntry {
        seq: entry.seq,
        at: Moment(Timestamp::from_micros(entry.at)),
        actor: entry.actor,
        verb: entry.verb,
        about: entry.about,
        detail: entry.detail,
        prev: entry.prev.to_string(),
        hash: entry.hash.to_string(),
    };
    let heads = page.heads.iter().map(|head| head.as_str().to_owned()).collect();
    Ok(AuditPage { entries: page.entries.into_iter().map(entry).collect(), heads, next })
}
