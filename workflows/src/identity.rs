//! Who somebody is, and the proof that they showed it.

use serde::{Deserialize, Serialize};

use crate::id::{IdentityId, TokenId};

/// A person or a machine. The name is what the file calls them, by custom an e-mail address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// The id that rows refer to.
    pub id: IdentityId,
    /// The unique name, as groups and rules write it.
    pub name: String,
}

/// How somebody signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// With a token of Countersign.
    Token(TokenId),
}

/// Proof that somebody signed in. Only [`crate::Workflows::authenticate`] makes one.
#[must_use]
#[derive(Clone, Debug)]
pub struct Authenticated {
    identity: Identity,
    account: Account,
}

impl Authenticated {
    pub(crate) const fn new(identity: Identity, account: Account) -> Self {
        Self { identity, account }
    }

    /// Who signed in.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How they signed in.
    pub const fn account(&self) -> &Account {
        &self.account
    }
}

/// What a person's name may look like: 1 to 128 visible characters without space, colon or quotes, so that a name is
/// never mistaken for `group:…` and never breaks a line of a log.
pub fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '@');
    !text.is_empty() && text.len() <= 128 && text.chars().all(allowed)
}
