//! Requests. A change is a compare-and-swap on `version`.

use super::db::{Db, Row, StoreError, Tx, args, statements};
use super::json;
use crate::clock::Timestamp;
use crate::id::{IdentityId, RequestId, SessionId};
use crate::identity::Identity;
use crate::request::{Outcome, Request, State, What};

statements! {
    ADD = "INSERT INTO requests (id, version, identity, made, kind, target, what, why, needs, state, detail, due, session, asked_by) \
           VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    ONE = "SELECT r.id, r.version, r.identity, i.name, r.made, r.what, r.why, r.needs, r.state, r.detail, r.asked_by, r.replaced, r.outcome \
           FROM requests r JOIN identities i ON i.id = r.identity WHERE r.id = $1";
    LATEST = "SELECT r.id, r.version, r.identity, i.name, r.made, r.what, r.why, r.needs, r.state, r.detail, r.asked_by, r.replaced, r.outcome \
              FROM requests r JOIN identities i ON i.id = r.identity ORDER BY r.made DESC LIMIT $1";
    OF = "SELECT r.id, r.version, r.identity, i.name, r.made, r.what, r.why, r.needs, r.state, r.detail, r.asked_by, r.replaced, r.outcome \
          FROM requests r JOIN identities i ON i.id = r.identity WHERE r.identity = $1 ORDER BY r.made DESC LIMIT $2";
    OPEN = "SELECT r.id, r.version, r.identity, i.name, r.made, r.what, r.why, r.needs, r.state, r.detail, r.asked_by, r.replaced, r.outcome \
            FROM requests r JOIN identities i ON i.id = r.identity WHERE r.due IS NOT NULL ORDER BY r.made DESC LIMIT $1";
    DUE = "SELECT id FROM requests WHERE due <= $1 ORDER BY due LIMIT $2";
    NEXT_DUE = "SELECT MIN(due) AS due FROM requests WHERE due IS NOT NULL";
    OF_SESSION = "SELECT id FROM requests WHERE session = $1 AND due IS NOT NULL";
    REPLACED = "UPDATE requests SET version = version + 1, replaced = $2 WHERE id = $1 AND replaced IS NULL";
    OUTCOME = "UPDATE requests SET version = version + 1, outcome = $2 WHERE id = $1 AND outcome IS NULL";
    CHANGE = "UPDATE requests SET version = version + 1, state = $3, detail = $4, due = $5 WHERE id = $1 AND version = $2";
}

/// A request and the version that was read.
#[derive(Clone, Debug)]
pub(crate) struct Versioned {
    pub(crate) request: Request,
    pub(crate) version: i64,
}

const fn kind(what: &What) -> &'static str {
    match what {
        What::Access { .. } => "access",
        What::Operation { .. } => "operation",
        What::Review { .. } => "review",
    }
}

pub(super) fn request(row: &Row) -> Result<Versioned, StoreError> {
    let state: State = row.json("detail")?;
    // The name that queries use and the state itself are written together; if they differ, somebody edited the row.
    if row.text("state")? != state.as_str() {
        return Err(StoreError::Unknown { column: "state", value: row.text("state")?.to_owned() });
    }
    let request = Request {
        id: row.parsed("id")?,
        by: Identity { id: row.parsed("identity")?, name: row.text("name")?.to_owned() },
        at: Timestamp::from_micros(row.int("made")?),
        what: row.json("what")?,
        why: row.text("why")?.to_owned(),
        needs: row.json("needs")?,
        state,
        asked_by: row.maybe_text("asked_by")?.map(str::to_owned),
        replaced: row.maybe_text("replaced")?.map(|_| row.parsed("replaced")).transpose()?,
        outcome: row.maybe_text("outcome")?.map(|_| row.json("outcome")).transpose()?,
    };
    Ok(Versioned { request, version: row.int("version")? })
}

pub(crate) async fn add(tx: &mut Tx, request: &Request) -> Result<(), StoreError> {
    let session = match &request.what {
        What::Operation { session, .. } => Some(session.to_string()),
        What::Access { .. } | What::Review { .. } => None,
    };
    let values = args![
        request.id.to_string(),
        request.by.id.to_string(),
        request.at.micros(),
        kind(&request.what),
        request.what.target().as_str(),
        json(&request.what)?,
        request.why.as_str(),
        json(&request.needs)?,
        request.state.as_str(),
        json(&request.state)?,
        request.state.due().map(Timestamp::micros),
        session,
        request.asked_by.clone(),
    ];
    tx.one(ADD, values).await
}

pub(crate) async fn get(tx: &mut Tx, id: RequestId) -> Result<Option<Versioned>, StoreError> {
    tx.first(ONE, args![id.to_string()]).await?.as_ref().map(request).transpose()
}

pub(crate) async fn find(db: &Db, id: RequestId) -> Result<Option<Request>, StoreError> {
    let row = db.first(ONE, args![id.to_string()]).await?;
    row.as_ref().map(|row| request(row).map(|found| found.request)).transpose()
}

/// The latest requests, newest first; only unsettled ones with `open`.
pub(crate) async fn latest(db: &Db, open: bool, limit: i64) -> Result<Vec<Request>, StoreError> {
    let rows = db.all(if open { OPEN } else { LATEST }, args![limit]).await?;
    rows.iter().map(|row| request(row).map(|found| found.request)).collect()
}

/// The latest requests of one person, newest first.
pub(crate) async fn of(db: &Db, who: IdentityId, limit: i64) -> Result<Vec<Request>, StoreError> {
    let rows = db.all(OF, args![who.to_string(), limit]).await?;
    rows.iter().map(|row| request(row).map(|found| found.request)).collect()
}

pub(crate) async fn due(db: &Db, now: Timestamp, limit: i64) -> Result<Vec<RequestId>, StoreError> {
    db.all(DUE, args![now.micros(), limit]).await?.iter().map(|row| row.parsed("id")).collect()
}

pub(crate) async fn next_due(db: &Db) -> Result<Option<Timestamp>, StoreError> {
    let row = db.first(NEXT_DUE, args![]).await?;
    Ok(row.map(|row| row.maybe_int("due")).transpose()?.flatten().map(Timestamp::from_micros))
}

pub(crate) async fn open_of_session(db: &Db, session: SessionId) -> Result<Vec<RequestId>, StoreError> {
    db.all(OF_SESSION, args![session.to_string()]).await?.iter().map(|row| row.parsed("id")).collect()
}

/// Stores a new state over the version that was read; somebody faster makes it [`StoreError::Raced`].
pub(crate) async fn change(tx: &mut Tx, request: &Request, version: i64) -> Result<(), StoreError> {
    let values = args![
        request.id.to_string(),
        version,
        request.state.as_str(),
        json(&request.state)?,
        request.state.due().map(Timestamp::micros),
    ];
    tx.one(CHANGE, values).await
}

/// Notes what was asked for instead.
pub(crate) async fn replaced(tx: &mut Tx, id: RequestId, by: RequestId) -> Result<(), StoreError> {
    tx.one(REPLACED, args![id.to_string(), by.to_string()]).await
}

/// Notes what became of an operation; false where it was noted before.
pub(crate) async fn outcome(tx: &mut Tx, id: RequestId, outcome: &Outcome) -> Result<bool, StoreError> {
    Ok(tx.run(OUTCOME, args![id.to_string(), json(outcome)?]).await? == 1)
}
