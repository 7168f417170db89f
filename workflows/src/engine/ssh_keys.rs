//! Public keys that people sign in with over SSH: bound, used, taken back. That the caller holds the private half is checked where
//! signatures can be read, before any of this.

use super::{AuthenticateError, Workflows, transact};
use crate::clock::{Span, Timestamp};
use crate::id::KeyId;
use crate::identity::{Account, Authenticated};
use crate::store::StoreError;
use crate::store::audit::{self, Note};
use crate::store::ssh_keys::{self, KeyRow};
use crate::told::{Fault, Told};

/// The longest time that a key is bound for.
pub const LONGEST_KEY: Span = Span::hours(366 * 24);
/// How many keys somebody may hold.
const MOST: i64 = 32;

/// A key that was just bound.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Its id.
    pub id: KeyId,
    /// Until when it signs in.
    pub until: Timestamp,
}

/// A key in a list.
#[derive(Clone, Debug)]
pub struct KeyView {
    /// Its id.
    pub id: KeyId,
    /// `SHA256:…`, as OpenSSH writes it.
    pub fingerprint: String,
    /// What its owner calls it.
    pub label: String,
    /// Since when it is bound.
    pub made: Timestamp,
    /// Until when it signs in.
    pub until: Timestamp,
    /// When it was taken back.
    pub revoked: Option<Timestamp>,
    /// When it was last used, to the hour.
    pub used: Option<Timestamp>,
}

/// Why a key was not bound or taken back.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else signs in with it.
    #[error("that key is bound to somebody else; a key is one person's")]
    Taken,
    /// More than anybody needs.
    #[error("you hold 32 keys; take one back: countersign ssh-key revoke …")]
    Full,
    /// Longer than a key may be bound.
    #[error("a key is bound for at most 366 days")]
    Span,
    /// The label is too long.
    #[error("a label has at most 100 characters")]
    Label,
    /// What was signed in with may not bind keys.
    #[error("a key is bound by whoever signed in with a token")]
    Token,
    /// There is no such key, or it is somebody else's.
    #[error("there is no such key")]
    Missing,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Told for BindError {
    fn told(&self) -> String {
        match self {
            Self::Store(error) => error.told(),
            Self::Taken | Self::Full | Self::Span | Self::Label | Self::Token | Self::Missing => self.to_string(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Span | Self::Label => Fault::Asker,
            Self::Taken | Self::Full => Fault::Conflict,
            Self::Token => Fault::Refused,
            Self::Missing => Fault::Missing,
            Self::Store(_) => Fault::Ours,
        }
    }
}

impl Workflows {
    /// Binds a public key, by its fingerprint, to whoever signed in with a token, or binds it anew for another time. The caller has
    /// checked a signature of theirs. The key outlives the token's time, but not its revocation.
    pub async fn bind_key(
        &self,
        who: &Authenticated,
        fingerprint: &str,
        span: Span,
        label: &str,
    ) -> Result<Bound, BindError> {
        // A key that could bind keys would outlive its own end.
        let Account::Token(token) = who.account() else { return Err(BindError::Token) };
        if span > LONGEST_KEY {
            return Err(BindError::Span);
        }
        if label.chars().count() > 100 {
            return Err(BindError::Label);
        }
        let now = self.now();
        let row = KeyRow {
            id: KeyId::new(),
            of: who.identity().clone(),
            suspended: false,
            token: (*token, false),
            fingerprint: fingerprint.to_owned(),
            label: label.to_owned(),
            made: now,
            until: now.plus(span),
            revoked: None,
            used: None,
        };
        transact!(self, BindError, |tx| {
            if ssh_keys::held(tx, &row.of, now).await? >= MOST {
                return Err(BindError::Full);
            }
            if !ssh_keys::add(tx, &row).await? {
                return Err(BindError::Taken);
            }
            let detail = serde_json::json!({ "key": fingerprint, "label": label, "until": row.until.to_string() });
            let note = Note { actor: &row.of.name, verb: "bind key", about: row.id.to_string(), detail };
            audit::append(tx, note, now).await?;
            Ok(())
        })?;
        Ok(Bound { id: row.id, until: row.until })
    }

    /// Signs in with a bound key. The caller has checked that whoever shows it holds the private half.
    pub async fn authenticate_key(&self, fingerprint: &str) -> Result<Authenticated, AuthenticateError> {
        let row = ssh_keys::by_fingerprint(self.db(), fingerprint).await?.ok_or(AuthenticateError::Unknown)?;
        let now = self.now();
        check(&row, now)?;
        let hour = Span::hours(1);
        if row.used.is_none_or(|used| now.since(used) >= hour) {
            let before = Timestamp::from_micros(now.micros().saturating_sub(hour.micros()));
            let mut tx = self.begin_transaction().await?;
            ssh_keys::used(&mut tx, row.id, now, before).await?;
            tx.commit_quietly().await?;
        }
        Ok(Authenticated::new(row.of, Account::Key(row.id)))
    }

    /// Whether a key would sign somebody in, for a client that asks before it signs.
    pub async fn knows_key(&self, fingerprint: &str) -> Result<bool, StoreError> {
        let row = ssh_keys::by_fingerprint(self.db(), fingerprint).await?;
        Ok(row.is_some_and(|row| check(&row, self.now()).is_ok()))
    }

    /// Whether a key is still good that somebody signed in with.
    pub(super) async fn key_still(&self, id: KeyId) -> Result<(), AuthenticateError> {
        let row = ssh_keys::find(self.db(), id).await?.ok_or(AuthenticateError::Unknown)?;
        check(&row, self.now())
    }

    /// Somebody's own keys, also those that serve no longer.
    pub async fn keys(&self, who: &Authenticated) -> Result<Vec<KeyView>, BindError> {
        let rows = ssh_keys::of(self.db(), &who.identity().name).await?;
        let view = |row: KeyRow| KeyView {
            id: row.id,
            fingerprint: row.fingerprint,
            label: row.label,
            made: row.made,
            until: row.until,
            revoked: row.revoked,
            used: row.used,
        };
        Ok(rows.into_iter().map(view).collect())
    }

    /// Takes back one's own key. What it signed in before ends with its grant; new channels are not opened.
    pub async fn revoke_key(&self, who: &Authenticated, id: KeyId) -> Result<(), BindError> {
        let row = ssh_keys::find(self.db(), id).await?.ok_or(BindError::Missing)?;
        if row.of.id != who.identity().id {
            return Err(BindError::Missing);
        }
        let now = self.now();
        transact!(self, BindError, |tx| {
            if !ssh_keys::revoke(tx, id, now).await? {
                return Err(BindError::Missing);
            }
            let (actor, detail) = (who.identity().name.as_str(), serde_json::json!({ "key": row.fingerprint }));
            audit::append(tx, Note { actor, verb: "revoke key", about: id.to_string(), detail }, now).await?;
            Ok(())
        })
    }
}

fn check(row: &KeyRow, now: Timestamp) -> Result<(), AuthenticateError> {
    // Whoever had the token for a moment shall not keep what they made of it.
    if row.revoked.is_some() || row.token.1 {
        return Err(AuthenticateError::Revoked);
    }
    if now >= row.until {
        return Err(AuthenticateError::Expired);
    }
    if row.suspended {
        return Err(AuthenticateError::Suspended);
    }
    Ok(())
}
