//! Grants. A change is a compare-and-swap on `version`.

use super::db::{Db, Row, StoreError, Tx, args, statements};
use super::json;
use crate::clock::Timestamp;
use crate::grant::{Ended, Grant};
use crate::id::{GrantId, IdentityId};
use crate::identity::Identity;
use crate::target::TargetName;

statements! {
    ADD = "INSERT INTO grants (id, version, request, identity, target, access, begins, until, emergency, reminded) \
           VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9)";
    ONE = "SELECT g.id, g.version, g.request, g.identity, i.name, g.target, g.access, g.begins, g.until, g.emergency, \
           g.reminded, g.ending FROM grants g JOIN identities i ON i.id = g.identity WHERE g.id = $1";
    LIVE_OF = "SELECT g.id, g.version, g.request, g.identity, i.name, g.target, g.access, g.begins, g.until, \
               g.emergency, g.reminded, g.ending FROM grants g JOIN identities i ON i.id = g.identity \
               WHERE g.identity = $1 AND g.target = $2 AND g.ended IS NULL AND g.until > $3";
    LATEST = "SELECT g.id, g.version, g.request, g.identity, i.name, g.target, g.access, g.begins, g.until, g.emergency, \
              g.reminded, g.ending FROM grants g JOIN identities i ON i.id = g.identity ORDER BY g.begins DESC LIMIT $1";
    OPEN = "SELECT g.id, g.version, g.request, g.identity, i.name, g.target, g.access, g.begins, g.until, g.emergency, \
            g.reminded, g.ending FROM grants g JOIN identities i ON i.id = g.identity WHERE g.ended IS NULL \
            ORDER BY g.begins DESC LIMIT $1";
    LIVE = "SELECT g.id, g.until FROM grants g JOIN identities i ON i.id = g.identity \
            WHERE g.ended IS NULL AND g.until > $1 AND i.suspended IS NULL";
    DUE = "SELECT id FROM grants WHERE ended IS NULL AND until <= $1 ORDER BY until LIMIT $2";
    TO_REMIND = "SELECT id FROM grants WHERE ended IS NULL AND reminded = 0 AND until > $1 AND until <= $2 LIMIT $3";
    NEXT_DUE = "SELECT MIN(until) AS due FROM grants WHERE ended IS NULL";
    CHANGE = "UPDATE grants SET version = version + 1, until = $3, reminded = $4, ended = $5, ending = $6 \
              WHERE id = $1 AND version = $2";
    REVIEWED = "UPDATE grants SET reviewed = $2 WHERE id = $1 AND reviewed IS NULL";
    OWED = "SELECT COUNT(*) AS owed FROM grants WHERE identity = $1 AND emergency = 1 \
            AND (reviewed IS NULL OR (ended IS NULL AND until > $2))";
}

/// A grant and the version that was read.
#[derive(Clone, Debug)]
pub(crate) struct Versioned {
    pub(crate) grant: Grant,
    pub(crate) version: i64,
}

pub(super) fn grant(row: &Row) -> Result<Versioned, StoreError> {
    let ended: Option<Ended> = match row.maybe_text("ending")? {
        Some(_) => Some(row.json("ending")?),
        None => None,
    };
    let grant = Grant {
        id: row.parsed("id")?,
        request: row.parsed("request")?,
        to: Identity { id: row.parsed("identity")?, name: row.text("name")?.to_owned() },
        target: row.parsed("target")?,
        access: row.parsed("access")?,
        from: Timestamp::from_micros(row.int("begins")?),
        until: Timestamp::from_micros(row.int("until")?),
        emergency: row.int("emergency")? != 0,
        reminded: row.int("reminded")? != 0,
        ended,
    };
    Ok(Versioned { grant, version: row.int("version")? })
}

pub(crate) async fn add(tx: &mut Tx, grant: &Grant) -> Result<(), StoreError> {
    let values = args![
        grant.id.to_string(),
        grant.request.to_string(),
        grant.to.id.to_string(),
        grant.target.as_str(),
        grant.access.as_str(),
        grant.from.micros(),
        grant.until.micros(),
        i64::from(grant.emergency),
        i64::from(grant.reminded),
    ];
    tx.one(ADD, values).await
}

pub(crate) async fn get(tx: &mut Tx, id: GrantId) -> Result<Option<Versioned>, StoreError> {
    tx.first(ONE, args![id.to_string()]).await?.as_ref().map(grant).transpose()
}

pub(crate) async fn find(db: &Db, id: GrantId) -> Result<Option<Grant>, StoreError> {
    let row = db.first(ONE, args![id.to_string()]).await?;
    row.as_ref().map(|row| grant(row).map(|found| found.grant)).transpose()
}

/// The grants of one person for exactly one target that may be used at this moment.
pub(crate) async fn live_of(
    db: &Db,
    identity: IdentityId,
    target: &TargetName,
    now: Timestamp,
) -> Result<Vec<Grant>, StoreError> {
    let rows = db.all(LIVE_OF, args![identity.to_string(), target.as_str(), now.micros()]).await?;
    rows.iter().map(|row| grant(row).map(|found| found.grant)).collect()
}

/// The latest grants, newest first; only those that have not ended with `open`.
pub(crate) async fn latest(db: &Db, open: bool, limit: i64) -> Result<Vec<Grant>, StoreError> {
    let rows = db.all(if open { OPEN } else { LATEST }, args![limit]).await?;
    rows.iter().map(|row| grant(row).map(|found| found.grant)).collect()
}

/// Every grant that may be used now, and until when. Those of suspended people are not among them.
pub(crate) async fn live(db: &Db, now: Timestamp) -> Result<Vec<(GrantId, Timestamp)>, StoreError> {
    let rows = db.all(LIVE, args![now.micros()]).await?;
    rows.iter().map(|row| Ok((row.parsed("id")?, Timestamp::from_micros(row.int("until")?)))).collect()
}

pub(crate) async fn due(db: &Db, now: Timestamp, limit: i64) -> Result<Vec<GrantId>, StoreError> {
    db.all(DUE, args![now.micros(), limit]).await?.iter().map(|row| row.parsed("id")).collect()
}

pub(crate) async fn to_remind(
    db: &Db,
    now: Timestamp,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<GrantId>, StoreError> {
    let rows = db.all(TO_REMIND, args![now.micros(), before.micros(), limit]).await?;
    rows.iter().map(|row| row.parsed("id")).collect()
}

pub(crate) async fn next_due(db: &Db) -> Result<Option<Timestamp>, StoreError> {
    let row = db.first(NEXT_DUE, args![]).await?;
    Ok(row.map(|row| row.maybe_int("due")).transpose()?.flatten().map(Timestamp::from_micros))
}

/// Stores a grant over the version that was read; somebody faster makes it [`StoreError::Raced`].
pub(crate) async fn change(tx: &mut Tx, grant: &Grant, version: i64) -> Result<(), StoreError> {
    let ended = grant.ended.as_ref().map(|ended| match ended {
        Ended::Expired { at } | Ended::Revoked { at, .. } => at.micros(),
    });
    let values = args![
        grant.id.to_string(),
        version,
        grant.until.micros(),
        i64::from(grant.reminded),
        ended,
        grant.ended.as_ref().map(json).transpose()?,
    ];
    tx.one(CHANGE, values).await
}

pub(crate) async fn reviewed(tx: &mut Tx, id: GrantId, now: Timestamp) -> Result<(), StoreError> {
    tx.one(REVIEWED, args![id.to_string(), now.micros()]).await
}

/// Whether a review of this person's break-glass is still owed, or that access is still open.
pub(crate) async fn owes_review(tx: &mut Tx, identity: IdentityId, now: Timestamp) -> Result<bool, StoreError> {
    let row = tx.first(OWED, args![identity.to_string(), now.micros()]).await?;
    Ok(row.map(|row| row.int("owed")).transpose()?.unwrap_or(0) > 0)
}
