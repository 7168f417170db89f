//! Certificates: who may have one, for what and until when. What signs them is the gateway's.

use super::find::{Filter, FindError};
use super::{Workflows, transact};
use crate::clock::{Span, Timestamp};
use crate::grant::Grant;
use crate::id::TokenId;
use crate::identity::{Account, Authenticated};
use crate::store::StoreError;
use crate::store::audit::{self, Note};
use crate::store::people;
use crate::target::TargetName;
use crate::told::{Fault, Told};

/// What a certificate may say.
#[derive(Clone, Copy, Debug)]
pub struct Certified {
    /// What it is made of.
    pub token: TokenId,
    /// From a little before now.
    pub from: Timestamp,
    /// To the end of the grant, or earlier.
    pub until: Timestamp,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertifyError {
    /// There is nothing to make it of.
    #[error("a certificate is made of a token; sign in with one")]
    Token,
    /// There is nothing to open.
    #[error("you hold no grant on {0}; ask for one: countersign request {0} --for 1h --because …")]
    Grant(TargetName),
    /// What there is could not be told.
    #[error(transparent)]
    Grants(Box<FindError>),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Told for CertifyError {
    fn told(&self) -> String {
        match self {
            Self::Token | Self::Grant(_) => self.to_string(),
            Self::Grants(error) => error.told(),
            Self::Store(error) => error.told(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Token | Self::Grant(_) => Fault::Refused,
            Self::Grants(error) => error.fault(),
            Self::Store(_) => Fault::Ours,
        }
    }
}

impl Workflows {
    /// Notes that somebody gets a certificate for a target, made of their token and for this key. It ends with the grant, with the
    /// token, and after a day.
    pub async fn certify(
        &self,
        who: &Authenticated,
        target: &TargetName,
        key: &str,
    ) -> Result<Certified, CertifyError> {
        let Account::Token(token) = who.account() else { return Err(CertifyError::Token) };
        let filter = Filter { open_only: true, limit: 1_000 };
        let now = self.now();
        let mine = |grant: &Grant| grant.to == *who.identity() && grant.target == *target && grant.is_live(now);
        let grants = self.grants(who, filter).await.map_err(|error| CertifyError::Grants(Box::new(error)))?;
        let until = grants.iter().filter(|grant| mine(grant)).map(|grant| grant.until).max();
        let until = until.ok_or_else(|| CertifyError::Grant(target.clone()))?;
        let row = people::find_token(self.db(), *token).await?.ok_or(CertifyError::Token)?;
        let until = until.min(row.until).min(now.plus(Span::hours(23)));
        let detail = serde_json::json!({ "token": token.to_string(), "key": key, "until": until.to_string() });
        let actor = who.identity().name.as_str();
        transact!(self, CertifyError, |tx| {
            let note = Note { actor, verb: "certify", about: target.to_string(), detail: detail.clone() };
            audit::append(tx, note, now).await?;
            Ok(())
        })?;
        // A node whose clock is a little behind must not find it early.
        let from = Timestamp::from_micros(now.micros() - Span::seconds(30).micros());
        Ok(Certified { token: *token, from, until })
    }
}
