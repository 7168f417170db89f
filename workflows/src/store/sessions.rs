//! Sessions, and the nodes that carry them.

use super::db::{Db, Row, StoreError, Tx, args, statements};
use super::json;
use crate::clock::Timestamp;
use crate::id::{IdentityId, NodeId, SessionId};
use crate::identity::Identity;
use crate::session::{Ending, Session, Totals};

statements! {
    ADD = "INSERT INTO sessions (id, identity, grant_id, target, access, client, application, begins, totals, recording, node) \
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    ONE = "SELECT s.id, s.identity, i.name, s.grant_id, s.target, s.access, s.client, s.application, s.begins, s.ended, \
           s.ending, s.totals, s.recording, s.uninspected FROM sessions s JOIN identities i ON i.id = s.identity WHERE s.id = $1";
    LATEST = "SELECT s.id, s.identity, i.name, s.grant_id, s.target, s.access, s.client, s.application, s.begins, s.ended, \
              s.ending, s.totals, s.recording, s.uninspected FROM sessions s JOIN identities i ON i.id = s.identity \
              ORDER BY s.begins DESC LIMIT $1";
    OPEN = "SELECT s.id, s.identity, i.name, s.grant_id, s.target, s.access, s.client, s.application, s.begins, s.ended, \
            s.ending, s.totals, s.recording, s.uninspected FROM sessions s JOIN identities i ON i.id = s.identity \
            WHERE s.ended IS NULL ORDER BY s.begins DESC LIMIT $1";
    /// Sessions behind one in the list, of one identity, to one target, of one name: an empty text is anybody, anything.
    SOME = "SELECT s.id, s.identity, i.name, s.grant_id, s.target, s.access, s.client, s.application, s.begins, s.ended, \
            s.ending, s.totals, s.recording, s.uninspected FROM sessions s JOIN identities i ON i.id = s.identity \
            WHERE (s.begins < $1 OR (s.begins = $1 AND s.id < $2)) AND ($3 = '' OR s.identity = $3) \
            AND ($4 = '' OR s.target = $4) AND ($5 = '' OR i.name = $5) AND s.begins <= $6 \
            AND (s.ended IS NULL OR s.ended >= $7) ORDER BY s.begins DESC, s.id DESC LIMIT $8";
    END = "UPDATE sessions SET ended = $2, ending = $3, totals = $4, uninspected = $5 WHERE id = $1 AND ended IS NULL";
    END_ABANDONED = "UPDATE sessions SET ended = $2, ending = $3, totals = $4, uninspected = $5 \
                     WHERE id = $1 AND ending = $6";
    ASK_TO_END = "UPDATE sessions SET asked_to_end = $2 WHERE id = $1 AND ended IS NULL AND asked_to_end IS NULL";
    ASKED_TO_END = "SELECT id FROM sessions WHERE ended IS NULL AND asked_to_end IS NOT NULL AND node = $1";
    ADD_NODE = "INSERT INTO nodes (id, started, seen) VALUES ($1, $2, $2)";
    SEE_NODE = "UPDATE nodes SET seen = $2 WHERE id = $1";
    LOST = "SELECT s.id FROM sessions s JOIN nodes n ON n.id = s.node WHERE s.ended IS NULL AND n.seen < $1 LIMIT $2";
    OF_NODE = "SELECT id FROM sessions WHERE ended IS NULL AND node = $1";
    LIVE_COUNT = "SELECT COUNT(*) AS live FROM sessions WHERE ended IS NULL";
}

pub(super) fn session(row: &Row) -> Result<Session, StoreError> {
    let ended = match (row.maybe_int("ended")?, row.maybe_text("ending")?) {
        (Some(at), Some(_)) => Some((Timestamp::from_micros(at), row.json::<Ending>("ending")?)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(StoreError::Unknown { column: "ending", value: "half an ending".to_owned() });
        }
    };
    Ok(Session {
        id: row.parsed("id")?,
        by: Identity { id: row.parsed("identity")?, name: row.text("name")?.to_owned() },
        target: row.parsed("target")?,
        access: row.parsed("access")?,
        grant: row.parsed("grant_id")?,
        client: row.text("client")?.to_owned(),
        application: row.text("application")?.to_owned(),
        from: Timestamp::from_micros(row.int("begins")?),
        ended,
        totals: row.json("totals")?,
        recording: row.text("recording")?.to_owned(),
        uninspected: row.maybe_text("uninspected")?.map(str::to_owned),
    })
}

pub(crate) async fn add(tx: &mut Tx, session: &Session, node: NodeId) -> Result<(), StoreError> {
    let values = args![
        session.id.to_string(),
        session.by.id.to_string(),
        session.grant.to_string(),
        session.target.as_str(),
        session.access.as_str(),
        session.client.as_str(),
        session.application.as_str(),
        session.from.micros(),
        json(&session.totals)?,
        session.recording.as_str(),
        node.to_string(),
    ];
    tx.one(ADD, values).await
}

pub(crate) async fn find(db: &Db, id: SessionId) -> Result<Option<Session>, StoreError> {
    db.first(ONE, args![id.to_string()]).await?.as_ref().map(session).transpose()
}

/// The latest sessions, newest first; only live ones with `open`.
pub(crate) async fn latest(db: &Db, open: bool, limit: i64) -> Result<Vec<Session>, StoreError> {
    db.all(if open { OPEN } else { LATEST }, args![limit]).await?.iter().map(session).collect()
}

/// Which sessions.
#[derive(Clone, Debug)]
pub(crate) struct Chosen<'a> {
    /// Behind this one in the list, which has the newest first.
    pub(crate) behind: Option<(Timestamp, SessionId)>,
    pub(crate) by: Option<IdentityId>,
    pub(crate) name: &'a str,
    pub(crate) target: &'a str,
    /// That went on at some time between these.
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
}

/// Some sessions, newest first.
pub(crate) async fn some(db: &Db, some: &Chosen<'_>, limit: i64) -> Result<Vec<Session>, StoreError> {
    let (from, id) = some.behind.map_or((i64::MAX, String::new()), |(from, id)| (from.micros(), id.to_string()));
    let by = some.by.map(|by| by.to_string()).unwrap_or_default();
    let (since, until) = (some.since.micros(), some.until.micros());
    db.all(SOME, args![from, id, by, some.target, some.name, until, since, limit])
        .await?
        .iter()
        .map(session)
        .collect()
}

/// Ends a session; false where it had ended already.
pub(crate) async fn end(
    tx: &mut Tx,
    id: SessionId,
    now: Timestamp,
    ending: &Ending,
    totals: Option<&Totals>,
    uninspected: Option<String>,
) -> Result<bool, StoreError> {
    let totals = json(totals.unwrap_or(&Totals::default()))?;
    let values = args![id.to_string(), now.micros(), json(ending)?, totals, uninspected];
    Ok(tx.run(END, values).await? == 1)
}

/// Ends a session that was taken for abandoned, and was not; false where it was neither.
pub(crate) async fn end_abandoned(
    tx: &mut Tx,
    id: SessionId,
    now: Timestamp,
    ending: &Ending,
    totals: &Totals,
    uninspected: Option<String>,
) -> Result<bool, StoreError> {
    let abandoned = json(&Ending::Abandoned)?;
    let values = args![id.to_string(), now.micros(), json(ending)?, json(totals)?, uninspected, abandoned];
    Ok(tx.run(END_ABANDONED, values).await? == 1)
}

/// Asks the node that carries a session to end it; false where it is over or was asked already.
pub(crate) async fn ask_to_end(tx: &mut Tx, id: SessionId, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.run(ASK_TO_END, args![id.to_string(), now.micros()]).await? == 1)
}

pub(crate) async fn asked_to_end(db: &Db, node: NodeId) -> Result<Vec<SessionId>, StoreError> {
    db.all(ASKED_TO_END, args![node.to_string()]).await?.iter().map(|row| row.parsed("id")).collect()
}

pub(crate) async fn add_node(tx: &mut Tx, node: NodeId, now: Timestamp) -> Result<(), StoreError> {
    tx.one(ADD_NODE, args![node.to_string(), now.micros()]).await
}

pub(crate) async fn see_node(tx: &mut Tx, node: NodeId, now: Timestamp) -> Result<(), StoreError> {
    tx.one(SEE_NODE, args![node.to_string(), now.micros()]).await
}

/// Sessions whose node has not been heard of since `before`.
pub(crate) async fn lost(db: &Db, before: Timestamp, limit: i64) -> Result<Vec<SessionId>, StoreError> {
    db.all(LOST, args![before.micros(), limit]).await?.iter().map(|row| row.parsed("id")).collect()
}

/// The sessions of a node that have not ended.
pub(crate) async fn of_node(db: &Db, node: NodeId) -> Result<Vec<SessionId>, StoreError> {
    db.all(OF_NODE, args![node.to_string()]).await?.iter().map(|row| row.parsed("id")).collect()
}

pub(crate) async fn live_count(db: &Db) -> Result<i64, StoreError> {
    let row = db.first(LIVE_COUNT, args![]).await?;
    Ok(row.map(|row| row.int("live")).transpose()?.unwrap_or(0))
}
