//! Taking grants back.

use serde_json::json;
use tracing::info;

use super::requests::is_text;
use super::{Workflows, transact};
use crate::approval::Who;
use crate::grant::{Event, Grant, Over};
use crate::id::GrantId;
use crate::identity::{Authenticated, Identity};
use crate::notice::Kind;
use crate::policy::Policy;
use crate::store::audit::{self, Note};
use crate::store::{StoreError, grants, notices, requests};
use crate::told::{Fault, Told};

/// Why a grant was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// There is none, or they may not know of it.
    #[error("there is no grant `{0}`, or you may not revoke it")]
    Missing(GrantId),
    /// It has ended.
    #[error(transparent)]
    Over(#[from] Over),
    /// No reason, or too long a one.
    #[error("say why in 1 to 1,000 characters")]
    Because,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Told for RevokeError {
    fn told(&self) -> String {
        match self {
            Self::Store(error) => error.told(),
            Self::Missing(_) | Self::Over(_) | Self::Because => self.to_string(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Missing(_) => Fault::Missing,
            Self::Over(_) => Fault::Conflict,
            Self::Because => Fault::Asker,
            Self::Store(_) => Fault::Ours,
        }
    }
}

impl Workflows {
    /// Whether somebody may end what this grant allows: its holder, their manager, those who decide on such requests,
    /// administrators.
    pub(super) async fn may_end(&self, policy: &Policy, who: &Identity, grant: &Grant) -> Result<bool, StoreError> {
        let now = self.now();
        if grant.to == *who || policy.manages(&who.name, &grant.to.name) || policy.is_administrator(&who.name, now) {
            return Ok(true);
        }
        let request = requests::find(self.db(), grant.request).await?;
        let asked = request.map(|request| request.needs.asked(true)).unwrap_or_default();
        Ok(asked.iter().any(|group| policy.is(group, &who.name, now)))
    }

    /// Takes a grant back. Its live sessions are cut.
    pub async fn revoke(&self, who: &Authenticated, id: GrantId, because: &str) -> Result<Grant, RevokeError> {
        if !is_text(because) {
            return Err(RevokeError::Because);
        }
        let by = who.identity();
        let policy = self.policy();
        let known = grants::find(self.db(), id).await?.ok_or(RevokeError::Missing(id))?;
        if !self.may_end(&policy, by, &known).await? {
            return Err(RevokeError::Missing(id));
        }
        let grant = transact!(self, RevokeError, |tx| {
            let now = self.now();
            let found = grants::get(tx, id).await?.ok_or(RevokeError::Missing(id))?;
            let event = Event::Revoke { by: by.clone(), because: because.to_owned() };
            let grant = found.grant.step(event, now)?;
            grants::change(tx, &grant, found.version).await?;
            notices::add(tx, &Kind::Ended { grant: id }, &[Who::Person(grant.to.name.clone())], now).await?;
            let detail = json!({ "because": because, "of": grant.to.name, "target": grant.target });
            audit::append(tx, Note { actor: &by.name, verb: "revoke", about: id.to_string(), detail }, now).await?;
            Ok(grant)
        })?;
        info!(grant.id = %id, "grant `{id}` was revoked");
        self.refresh_live().await?;
        Ok(grant)
    }
}
