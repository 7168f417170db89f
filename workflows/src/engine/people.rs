//! Signing in, and the tokens that people sign in with.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Workflows, transact};
use crate::clock::{Span, Timestamp};
use crate::id::{self, TokenId};
use crate::identity::{Account, Authenticated, Identity, is_name};
use crate::secret::Secret;
use crate::store::StoreError;
use crate::store::audit::{self, Note};
use crate::store::people::{self, TokenRow};
use crate::told::{Fault, Told};

/// A token as it was made. The secret is shown here and never again.
#[derive(Debug)]
pub struct Issued {
    /// Its id, for lists and for revoking it.
    pub id: TokenId,
    /// What the person signs in with.
    pub token: Secret<String>,
    /// Until when it works.
    pub until: Timestamp,
}

/// A token in a list.
#[derive(Clone, Debug)]
pub struct TokenView {
    /// Its id.
    pub id: TokenId,
    /// Whose it is.
    pub of: Identity,
    /// What its owner calls it.
    pub label: String,
    /// Since when it exists.
    pub made: Timestamp,
    /// Until when it works.
    pub until: Timestamp,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// When it was last used, to the hour.
    pub used: Option<Timestamp>,
}

/// Why nobody was signed in. The person is told the same words for each.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// It is not of a token's form, or no such token was made.
    #[error("the token is not known")]
    Unknown,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// It was taken back.
    #[error("the token was revoked")]
    Revoked,
    /// Its owner may not sign in.
    #[error("the identity is suspended")]
    Suspended,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Told for AuthenticateError {
    fn told(&self) -> String {
        match self {
            Self::Unknown | Self::Expired | Self::Revoked | Self::Suspended => {
                "the token is not known, has expired, or was revoked; ask for a new one".to_owned()
            }
            Self::Store(error) => error.told(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Unknown | Self::Expired | Self::Revoked | Self::Suspended => Fault::Refused,
            Self::Store(_) => Fault::Ours,
        }
    }
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The name can't be one.
    #[error("`{0}` is not a name; use letters, digits, `.`, `_`, `-`, `+` and `@`, at most 128")]
    Name(String),
    /// Longer than a token may live.
    #[error("a token lives at most 366 days")]
    Span,
    /// The label is too long.
    #[error("a label has at most 100 characters")]
    Label,
    /// No randomness to be had.
    #[error("the operating system gives no random numbers")]
    Random,
    /// There is no such token, or it is somebody else's.
    #[error("there is no such token")]
    Missing,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Told for IssueError {
    fn told(&self) -> String {
        match self {
            Self::Store(error) => error.told(),
            Self::Name(_) | Self::Span | Self::Label | Self::Random | Self::Missing => self.to_string(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Name(_) | Self::Span | Self::Label => Fault::Asker,
            Self::Missing => Fault::Missing,
            Self::Random | Self::Store(_) => Fault::Ours,
        }
    }
}

/// Why nobody was suspended or restored.
#[derive(Debug, thiserror::Error)]
pub enum SuspendError {
    /// There is nobody of that name, or they are so already.
    #[error("`{0}` is not known, or is so already")]
    Missing(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const PREFIX: &str = "cst_";
/// `cst_`, 26 digits of the id, 52 of the secret.
const ID_DIGITS: usize = 26;

impl Workflows {
    /// The keyed hash under which a token is stored: whoever can write to the database cannot make one.
    fn token_hash(&self, token: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new(self.inner.keys.tokens.reveal().into());
        mac.update(token.as_bytes());
        mac
    }

    /// Makes a token, and the identity if it is new. `by` is who did it, for the audit log.
    pub async fn issue(&self, by: &str, name: &str, span: Span, label: &str) -> Result<Issued, IssueError> {
        if !is_name(name) {
            return Err(IssueError::Name(name.to_owned()));
        }
        if span > Span::hours(366 * 24) {
            return Err(IssueError::Span);
        }
        if label.chars().count() > 100 {
            return Err(IssueError::Label);
        }
        let id = TokenId::new();
        let mut secret = [0_u8; 32];
        getrandom::fill(&mut secret).map_err(|_| IssueError::Random)?;
        let (high, low) = secret.split_at(16);
        let half = |bytes: &[u8]| id::encode(bytes.iter().fold(0_u128, |all, byte| (all << 8) | u128::from(*byte)));
        let digits = id.to_string().trim_start_matches("tok_").to_owned();
        let token = format!("{PREFIX}{digits}{}{}", half(high), half(low));
        let hash = hex(&self.token_hash(&token).finalize().into_bytes());
        let now = self.now();
        let until = now.plus(span);
        transact!(self, IssueError, |tx| {
            let of = match people::find(tx, name).await? {
                Some((identity, _)) => identity,
                None => people::add(tx, name, now).await?,
            };
            let row = TokenRow {
                id,
                of: of.clone(),
                suspended: false,
                hash: hash.clone(),
                label: label.to_owned(),
                made: now,
                until,
                revoked: None,
                used: None,
            };
            people::add_token(tx, &row).await?;
            let detail = serde_json::json!({ "for": of.name, "label": label, "until": until.to_string() });
            audit::append(tx, Note { actor: by, verb: "issue", about: id.to_string(), detail }, now).await?;
            Ok(())
        })?;
        Ok(Issued { id, token: Secret::new(token), until })
    }

    /// Signs in with a token.
    pub async fn authenticate(&self, token: &Secret<String>) -> Result<Authenticated, AuthenticateError> {
        let text = token.reveal();
        let digits = text.strip_prefix(PREFIX).and_then(|rest| rest.get(..ID_DIGITS));
        let id: TokenId =
            digits.and_then(|digits| format!("tok_{digits}").parse().ok()).ok_or(AuthenticateError::Unknown)?;
        let row = people::find_token(self.db(), id).await?.ok_or(AuthenticateError::Unknown)?;
        let stored = unhex(&row.hash).ok_or(AuthenticateError::Unknown)?;
        // Constant time, so that a hash can't be guessed byte by byte.
        self.token_hash(text).verify_slice(&stored).map_err(|_| AuthenticateError::Unknown)?;
        self.admit_token(row).await
    }

    /// Signs in with what was made of a token: a certificate that says so, and whose signature was checked. It is as good as
    /// that token, at every moment.
    pub async fn authenticate_certified(&self, of: &str, token: &str) -> Result<Authenticated, AuthenticateError> {
        let id: TokenId = token.parse().map_err(|_| AuthenticateError::Unknown)?;
        let row = people::find_token(self.db(), id).await?.ok_or(AuthenticateError::Unknown)?;
        if row.of.id.to_string() != of {
            return Err(AuthenticateError::Unknown);
        }
        self.admit_token(row).await
    }

    /// Whether what somebody signed in with is still good.
    pub async fn still(&self, who: &Authenticated) -> Result<(), AuthenticateError> {
        match who.account() {
            Account::Token(id) => {
                let row = people::find_token(self.db(), *id).await?.ok_or(AuthenticateError::Unknown)?;
                self.admit_token(row).await.map(drop)
            }
            Account::Key(id) => self.key_still(*id).await,
            // The platform is asked with each message.
            Account::Chat(_) => Ok(()),
        }
    }

    /// Whether a token that was shown is good now.
    async fn admit_token(&self, row: TokenRow) -> Result<Authenticated, AuthenticateError> {
        let now = self.now();
        if row.revoked.is_some() {
            return Err(AuthenticateError::Revoked);
        }
        if now >= row.until {
            return Err(AuthenticateError::Expired);
        }
        if row.suspended {
            return Err(AuthenticateError::Suspended);
        }
        self.note_use(&row, now).await?;
        Ok(Authenticated::new(row.of, Account::Token(row.id)))
    }

    /// Remembers that a token is in use, to the hour: a write for each sign-in would cost more than it tells.
    async fn note_use(&self, row: &TokenRow, now: Timestamp) -> Result<(), StoreError> {
        let hour = Span::hours(1);
        if row.used.is_some_and(|used| now.since(used) < hour) {
            return Ok(());
        }
        let before = Timestamp::from_micros(now.micros().saturating_sub(hour.micros()));
        let mut tx = self.begin_transaction().await?;
        people::used(&mut tx, row.id, now, before).await?;
        tx.commit_quietly().await
    }

    /// Somebody's own tokens.
    pub async fn tokens(&self, who: &Authenticated) -> Result<Vec<TokenView>, IssueError> {
        self.tokens_of(&who.identity().name).await
    }

    /// The tokens of a name. For the local administrator, who can read the store anyway.
    pub async fn tokens_of(&self, name: &str) -> Result<Vec<TokenView>, IssueError> {
        let rows = people::tokens_of(self.db(), name).await?;
        let view = |row: TokenRow| TokenView {
            id: row.id,
            of: row.of,
            label: row.label,
            made: row.made,
            until: row.until,
            revoked: row.revoked,
            used: row.used,
        };
        Ok(rows.into_iter().map(view).collect())
    }

    /// Takes back one's own token.
    pub async fn revoke_own_token(&self, who: &Authenticated, id: TokenId) -> Result<(), IssueError> {
        let row = people::find_token(self.db(), id).await?.ok_or(IssueError::Missing)?;
        if row.of.id != who.identity().id {
            return Err(IssueError::Missing);
        }
        self.revoke_token(&who.identity().name, id).await
    }

    /// Takes back a token, whosever it is. For the local administrator.
    pub async fn revoke_token(&self, by: &str, id: TokenId) -> Result<(), IssueError> {
        let now = self.now();
        transact!(self, IssueError, |tx| {
            if !people::revoke_token(tx, id, now).await? {
                return Err(IssueError::Missing);
            }
            let detail = serde_json::json!({});
            audit::append(tx, Note { actor: by, verb: "revoke token", about: id.to_string(), detail }, now).await?;
            Ok(())
        })
    }

    /// Suspends an identity, or restores it: its tokens stop working and its live sessions end. For the local
    /// administrator.
    pub async fn suspend(&self, by: &str, name: &str, suspended: bool) -> Result<(), SuspendError> {
        let now = self.now();
        transact!(self, SuspendError, |tx| {
            let missing = || SuspendError::Missing(name.to_owned());
            let (identity, _) = people::find(tx, name).await?.ok_or_else(missing)?;
            if !people::suspend(tx, identity.id, suspended.then_some(now)).await? {
                return Err(missing());
            }
            let verb = if suspended { "suspend" } else { "restore" };
            let note =
                Note { actor: by, verb, about: identity.id.to_string(), detail: serde_json::json!({ "name": name }) };
            audit::append(tx, note, now).await?;
            Ok(())
        })
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String does not fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pair = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    text.len().is_multiple_of(2).then(|| (0..text.len()).step_by(2).map(pair).collect())?
}
