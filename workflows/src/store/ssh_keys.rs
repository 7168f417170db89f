//! Public keys that are bound to people.

use super::db::{Db, Row, StoreError, Tx, args, statements};
use crate::clock::Timestamp;
use crate::id::{KeyId, TokenId};
use crate::identity::Identity;

statements! {
    ADD = "INSERT INTO ssh_keys (id, identity, token, fingerprint, label, made, until) \
           VALUES ($1, $2, $3, $4, $5, $6, $7) \
           ON CONFLICT (fingerprint) WHERE revoked IS NULL DO NOTHING";
    KEY = "SELECT k.id, k.fingerprint, k.label, k.made, k.until, k.revoked, k.used, k.identity, i.name, i.suspended, k.token, t.revoked AS gone \
           FROM ssh_keys k JOIN identities i ON i.id = k.identity JOIN tokens t ON t.id = k.token WHERE k.id = $1";
    BY_FINGERPRINT = "SELECT k.id, k.fingerprint, k.label, k.made, k.until, k.revoked, k.used, k.identity, i.name, i.suspended, k.token, t.revoked AS gone \
                      FROM ssh_keys k JOIN identities i ON i.id = k.identity JOIN tokens t ON t.id = k.token \
                      WHERE k.fingerprint = $1 AND k.revoked IS NULL";
    KEYS = "SELECT k.id, k.fingerprint, k.label, k.made, k.until, k.revoked, k.used, k.identity, i.name, i.suspended, k.token, t.revoked AS gone \
            FROM ssh_keys k JOIN identities i ON i.id = k.identity JOIN tokens t ON t.id = k.token WHERE i.name = $1 ORDER BY k.made DESC";
    MAKE_ROOM = "UPDATE ssh_keys SET revoked = $3 WHERE fingerprint = $1 AND revoked IS NULL \
                 AND (identity = $2 OR until <= $3)";
    HELD = "SELECT COUNT(*) AS held FROM ssh_keys WHERE identity = $1 AND revoked IS NULL AND until > $2";
    REVOKE = "UPDATE ssh_keys SET revoked = $2 WHERE id = $1 AND revoked IS NULL";
    USED = "UPDATE ssh_keys SET used = $2 WHERE id = $1 AND (used IS NULL OR used < $3)";
}

/// A key's row.
#[derive(Clone, Debug)]
pub(crate) struct KeyRow {
    pub(crate) id: KeyId,
    pub(crate) of: Identity,
    pub(crate) suspended: bool,
    /// What it was bound with, and whether that was revoked.
    pub(crate) token: (TokenId, bool),
    /// `SHA256:…`, as OpenSSH writes it.
    pub(crate) fingerprint: String,
    pub(crate) label: String,
    pub(crate) made: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) revoked: Option<Timestamp>,
    pub(crate) used: Option<Timestamp>,
}

fn key(row: &Row) -> Result<KeyRow, StoreError> {
    Ok(KeyRow {
        id: row.parsed("id")?,
        of: Identity { id: row.parsed("identity")?, name: row.text("name")?.to_owned() },
        suspended: row.maybe_int("suspended")?.is_some(),
        token: (row.parsed("token")?, row.maybe_int("gone")?.is_some()),
        fingerprint: row.text("fingerprint")?.to_owned(),
        label: row.text("label")?.to_owned(),
        made: Timestamp::from_micros(row.int("made")?),
        until: Timestamp::from_micros(row.int("until")?),
        revoked: row.maybe_int("revoked")?.map(Timestamp::from_micros),
        used: row.maybe_int("used")?.map(Timestamp::from_micros),
    })
}

/// Adds one; false where somebody else holds that key. An older binding of the same person's is replaced.
pub(crate) async fn add(tx: &mut Tx, key: &KeyRow) -> Result<bool, StoreError> {
    let old = args![key.fingerprint.as_str(), key.of.id.to_string(), key.made.micros()];
    tx.run(MAKE_ROOM, old).await?;
    let values = args![
        key.id.to_string(),
        key.of.id.to_string(),
        key.token.0.to_string(),
        key.fingerprint.as_str(),
        key.label.as_str(),
        key.made.micros(),
        key.until.micros(),
    ];
    Ok(tx.run(ADD, values).await? == 1)
}

/// How many keys somebody holds.
pub(crate) async fn held(tx: &mut Tx, of: &Identity, now: Timestamp) -> Result<i64, StoreError> {
    tx.first(HELD, args![of.id.to_string(), now.micros()]).await?.map_or(Ok(0), |row| row.int("held"))
}

pub(crate) async fn find(db: &Db, id: KeyId) -> Result<Option<KeyRow>, StoreError> {
    db.first(KEY, args![id.to_string()]).await?.as_ref().map(key).transpose()
}

/// The one that is bound now.
pub(crate) async fn by_fingerprint(db: &Db, fingerprint: &str) -> Result<Option<KeyRow>, StoreError> {
    db.first(BY_FINGERPRINT, args![fingerprint]).await?.as_ref().map(key).transpose()
}

pub(crate) async fn of(db: &Db, name: &str) -> Result<Vec<KeyRow>, StoreError> {
    db.all(KEYS, args![name]).await?.iter().map(key).collect()
}

/// Revokes; false where it was revoked already.
pub(crate) async fn revoke(tx: &mut Tx, id: KeyId, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.run(REVOKE, args![id.to_string(), now.micros()]).await? == 1)
}

/// Notes that a key was used, unless it was since `before`.
pub(crate) async fn used(tx: &mut Tx, id: KeyId, now: Timestamp, before: Timestamp) -> Result<(), StoreError> {
    tx.run(USED, args![id.to_string(), now.micros(), before.micros()]).await.map(|_| ())
}
