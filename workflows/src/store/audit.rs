//! The audit log's rows. Each entry is written by the transaction that it tells of.

use super::db::{Db, Row, StoreError, Tx, args, statements};
use crate::clock::Timestamp;
use crate::evidence::{Entry, Head, link};

statements! {
    // Taking the head first makes writers queue here, so that the chain never forks.
    TAKE = "UPDATE audit_head SET seq = seq WHERE id = 1 RETURNING seq, hash";
    BEGIN = "INSERT INTO audit_head (id, seq, hash) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING";
    MOVE = "UPDATE audit_head SET seq = $1, hash = $2 WHERE id = 1 AND seq = $3 AND hash = $4";
    ADD = "INSERT INTO audit (seq, made, actor, verb, about, detail, prev, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    PAGE = "SELECT seq, made, actor, verb, about, detail, prev, hash FROM audit WHERE seq >= $1 ORDER BY seq LIMIT $2";
    HEAD = "SELECT seq, hash FROM audit_head WHERE id = 1";
    SIGN = "INSERT INTO audit_signed (seq, made, note) VALUES ($1, $2, $3) ON CONFLICT (seq) DO NOTHING";
    SIGNED = "SELECT seq, note FROM audit_signed WHERE seq >= $1 ORDER BY seq LIMIT $2";
}

/// The name of every log that Countersign writes, and of the key that signs it; part of its first hash.
pub(crate) const ORIGIN: &str = "countersign";

/// What an entry says.
#[derive(Debug)]
pub(crate) struct Note<'a> {
    pub(crate) actor: &'a str,
    pub(crate) verb: &'static str,
    pub(crate) about: String,
    pub(crate) detail: serde_json::Value,
}

fn head(row: &Row) -> Result<Head, StoreError> {
    Ok(Head { seq: row.int("seq")?, hash: row.parsed("hash")? })
}

fn entry(row: &Row) -> Result<Entry, StoreError> {
    Ok(Entry {
        seq: row.int("seq")?,
        at: row.int("made")?,
        actor: row.text("actor")?.to_owned(),
        verb: row.text("verb")?.to_owned(),
        about: row.text("about")?.to_owned(),
        detail: row.text("detail")?.to_owned(),
        prev: row.parsed("prev")?,
        hash: row.parsed("hash")?,
    })
}

/// Appends an entry. It has to be the last thing that a transaction does: every other writer waits for the head.
pub(crate) async fn append(tx: &mut Tx, note: Note<'_>, now: Timestamp) -> Result<(), StoreError> {
    let row = if let Some(row) = tx.first(TAKE, args![]).await? {
        row
    } else {
        let genesis = Head::genesis(ORIGIN);
        tx.run(BEGIN, args![genesis.seq, genesis.hash.to_string()]).await?;
        tx.first(TAKE, args![]).await?.ok_or(StoreError::Raced)?
    };
    let before = head(&row)?;
    let entry = link(&before, now.micros(), note.actor, note.verb, &note.about, note.detail.to_string());
    let values = args![
        entry.seq,
        entry.at,
        entry.actor.as_str(),
        entry.verb.as_str(),
        entry.about.as_str(),
        entry.detail.as_str(),
        entry.prev.to_string(),
        entry.hash.to_string(),
    ];
    tx.one(ADD, values).await?;
    tx.one(MOVE, args![entry.seq, entry.hash.to_string(), before.seq, before.hash.to_string()]).await
}

/// Entries from a sequence number on, in order.
pub(crate) async fn page(db: &Db, from: i64, limit: i64) -> Result<Vec<Entry>, StoreError> {
    db.all(PAGE, args![from, limit]).await?.iter().map(entry).collect()
}

/// The last entry's number and hash; nothing while the log is empty.
pub(crate) async fn last(db: &Db) -> Result<Option<Head>, StoreError> {
    db.first(HEAD, args![]).await?.as_ref().map(head).transpose()
}

/// Stores a signed head.
pub(crate) async fn sign(tx: &mut Tx, seq: i64, note: &str, now: Timestamp) -> Result<(), StoreError> {
    tx.run(SIGN, args![seq, now.micros(), note]).await.map(|_| ())
}

/// Signed heads from a sequence number on, in order.
pub(crate) async fn signed(db: &Db, from: i64, limit: i64) -> Result<Vec<String>, StoreError> {
    let rows = db.all(SIGNED, args![from, limit]).await?;
    rows.iter().map(|row| row.text("note").map(str::to_owned)).collect()
}
