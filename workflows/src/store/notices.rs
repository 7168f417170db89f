//! The outbox. A claim is a lease: whoever dies with it loses it to the next.

use super::db::{Db, Row, StoreError, Tx, args, statements};
use super::json;
use crate::approval::Who;
use crate::clock::Timestamp;
use crate::id::{NodeId, NoticeId};
use crate::notice::{Kind, Notice};

statements! {
    ADD = "INSERT INTO notices (id, kind, about, told, made, lease) VALUES ($1, $2, $3, $4, $5, 0)";
    CLAIM = "UPDATE notices SET lease = $1, claimed = $2 WHERE id IN \
             (SELECT id FROM notices WHERE done IS NULL AND lease < $3 ORDER BY made LIMIT $4) \
             AND done IS NULL AND lease < $3 RETURNING id, about, told, made";
    DONE = "UPDATE notices SET done = $3 WHERE id = $1 AND claimed = $2 AND done IS NULL";
    DUE = "SELECT id FROM notices WHERE done IS NULL AND lease < $1 LIMIT 1";
    LATER = "UPDATE notices SET lease = $3 WHERE id = $1 AND claimed = $2 AND done IS NULL";
    OPEN = "SELECT COUNT(*) AS open FROM notices WHERE done IS NULL";
}

fn notice(row: &Row) -> Result<Notice, StoreError> {
    Ok(Notice {
        id: row.parsed("id")?,
        about: row.json("about")?,
        to: row.json("told")?,
        at: Timestamp::from_micros(row.int("made")?),
    })
}

pub(crate) async fn add(tx: &mut Tx, about: &Kind, to: &[Who], now: Timestamp) -> Result<(), StoreError> {
    let values = args![NoticeId::new().to_string(), about.as_str(), json(about)?, json(&to)?, now.micros()];
    tx.one(ADD, values).await
}

/// Whether there is anything to claim. Reads only, so that looking costs writers nothing.
pub(crate) async fn due(db: &Db, now: Timestamp) -> Result<bool, StoreError> {
    Ok(db.first(DUE, args![now.micros()]).await?.is_some())
}

/// Claims up to `limit` notices until `lease`; nobody else is given them before that.
pub(crate) async fn claim(
    tx: &mut Tx,
    by: NodeId,
    now: Timestamp,
    lease: Timestamp,
    limit: i64,
) -> Result<Vec<Notice>, StoreError> {
    let rows = tx.all(CLAIM, args![lease.micros(), by.to_string(), now.micros(), limit]).await?;
    let mut claimed: Vec<Notice> = rows.iter().map(notice).collect::<Result<_, _>>()?;
    claimed.sort_by_key(|notice| (notice.at, notice.id));
    Ok(claimed)
}

/// Marks a claimed notice as told; false where the claim was lost.
pub(crate) async fn done(tx: &mut Tx, id: NoticeId, by: NodeId, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.run(DONE, args![id.to_string(), by.to_string(), now.micros()]).await? == 1)
}

/// Gives a claimed notice back, to be claimed again from a moment on.
pub(crate) async fn later(tx: &mut Tx, id: NoticeId, by: NodeId, from: Timestamp) -> Result<(), StoreError> {
    tx.run(LATER, args![id.to_string(), by.to_string(), from.micros()]).await.map(drop)
}

pub(crate) async fn open(db: &Db) -> Result<i64, StoreError> {
    let row = db.first(OPEN, args![]).await?;
    Ok(row.map(|row| row.int("open")).transpose()?.unwrap_or(0))
}
