//! Identities and their tokens.

use std::collections::BTreeSet;

use super::db::{Db, Row, StoreError, Tx, args, statements};
use crate::clock::Timestamp;
use crate::id::{IdentityId, TokenId};
use crate::identity::Identity;

statements! {
    BY_NAME = "SELECT id, name, suspended FROM identities WHERE name = $1";
    ADD = "INSERT INTO identities (id, name, made) VALUES ($1, $2, $3)";
    SUSPEND = "UPDATE identities SET suspended = $2 WHERE id = $1 AND suspended IS NULL";
    RESTORE = "UPDATE identities SET suspended = NULL WHERE id = $1 AND suspended IS NOT NULL";
    SUSPENDED = "SELECT name FROM identities WHERE suspended IS NOT NULL";
    ADD_TOKEN = "INSERT INTO tokens (id, identity, hash, label, made, until) VALUES ($1, $2, $3, $4, $5, $6)";
    TOKEN = "SELECT t.id, t.hash, t.label, t.made, t.until, t.revoked, t.used, t.identity, i.name, i.suspended \
             FROM tokens t JOIN identities i ON i.id = t.identity WHERE t.id = $1";
    TOKENS = "SELECT t.id, t.hash, t.label, t.made, t.until, t.revoked, t.used, t.identity, i.name, i.suspended \
              FROM tokens t JOIN identities i ON i.id = t.identity WHERE i.name = $1 ORDER BY t.made DESC";
    REVOKE_TOKEN = "UPDATE tokens SET revoked = $2 WHERE id = $1 AND revoked IS NULL";
    USED = "UPDATE tokens SET used = $2 WHERE id = $1 AND (used IS NULL OR used < $3)";
}

/// A token's row; the hash, never the token.
#[derive(Clone, Debug)]
pub(crate) struct TokenRow {
    pub(crate) id: TokenId,
    pub(crate) of: Identity,
    pub(crate) suspended: bool,
    pub(crate) hash: String,
    pub(crate) label: String,
    pub(crate) made: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) revoked: Option<Timestamp>,
    pub(crate) used: Option<Timestamp>,
}

fn token(row: &Row) -> Result<TokenRow, StoreError> {
    Ok(TokenRow {
        id: row.parsed("id")?,
        of: Identity { id: row.parsed("identity")?, name: row.text("name")?.to_owned() },
        suspended: row.maybe_int("suspended")?.is_some(),
        hash: row.text("hash")?.to_owned(),
        label: row.text("label")?.to_owned(),
        made: Timestamp::from_micros(row.int("made")?),
        until: Timestamp::from_micros(row.int("until")?),
        revoked: row.maybe_int("revoked")?.map(Timestamp::from_micros),
        used: row.maybe_int("used")?.map(Timestamp::from_micros),
    })
}

/// The identity of a name, and whether it is suspended.
pub(crate) async fn find(tx: &mut Tx, name: &str) -> Result<Option<(Identity, bool)>, StoreError> {
    let row = tx.first(BY_NAME, args![name]).await?;
    row.map(|row| {
        let identity = Identity { id: row.parsed("id")?, name: row.text("name")?.to_owned() };
        Ok((identity, row.maybe_int("suspended")?.is_some()))
    })
    .transpose()
}

pub(crate) async fn add(tx: &mut Tx, name: &str, now: Timestamp) -> Result<Identity, StoreError> {
    let identity = Identity { id: IdentityId::new(), name: name.to_owned() };
    tx.one(ADD, args![identity.id.to_string(), name, now.micros()]).await?;
    Ok(identity)
}

/// Suspends or restores; false where it was so already.
pub(crate) async fn suspend(tx: &mut Tx, id: IdentityId, at: Option<Timestamp>) -> Result<bool, StoreError> {
    let changed = match at {
        Some(at) => tx.run(SUSPEND, args![id.to_string(), at.micros()]).await?,
        None => tx.run(RESTORE, args![id.to_string()]).await?,
    };
    Ok(changed == 1)
}

/// The names of everybody who is suspended.
pub(crate) async fn suspended(tx: &mut Tx) -> Result<BTreeSet<String>, StoreError> {
    tx.all(SUSPENDED, args![]).await?.iter().map(|row| row.text("name").map(str::to_owned)).collect()
}

pub(crate) async fn add_token(tx: &mut Tx, token: &TokenRow) -> Result<(), StoreError> {
    let values = args![
        token.id.to_string(),
        token.of.id.to_string(),
        token.hash.as_str(),
        token.label.as_str(),
        token.made.micros(),
        token.until.micros(),
    ];
    tx.one(ADD_TOKEN, values).await
}

pub(crate) async fn find_token(db: &Db, id: TokenId) -> Result<Option<TokenRow>, StoreError> {
    db.first(TOKEN, args![id.to_string()]).await?.as_ref().map(token).transpose()
}

pub(crate) async fn tokens_of(db: &Db, name: &str) -> Result<Vec<TokenRow>, StoreError> {
    db.all(TOKENS, args![name]).await?.iter().map(token).collect()
}

/// Revokes; false where it was revoked already.
pub(crate) async fn revoke_token(tx: &mut Tx, id: TokenId, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.run(REVOKE_TOKEN, args![id.to_string(), now.micros()]).await? == 1)
}

/// Notes that a token was used, at most once in `every`.
pub(crate) async fn used(tx: &mut Tx, id: TokenId, now: Timestamp, before: Timestamp) -> Result<(), StoreError> {
    tx.run(USED, args![id.to_string(), now.micros(), before.micros()]).await.map(|_| ())
}
