//! People and their tokens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::engine::TokenView;
use workflows::id::{IdentityId, TokenId};
use workflows::identity::{Account, Authenticated, Identity};

use super::Moment;

/// A person or a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Person {
    /// Their id.
    #[schema(value_type = String, example = "idn_01JD8Z0000000000000000000A")]
    pub id: IdentityId,
    /// What the file calls them.
    #[schema(example = "jo@example.com")]
    pub name: String,
}

impl From<&Identity> for Person {
    fn from(who: &Identity) -> Self {
        Self { id: who.id, name: who.name.clone() }
    }
}

/// Who is signed in, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhoAmI {
    /// Who.
    pub person: Person,
    /// With which token; none where it was not a token.
    #[schema(value_type = Option<String>)]
    pub token: Option<TokenId>,
}

impl From<&Authenticated> for WhoAmI {
    fn from(who: &Authenticated) -> Self {
        let token = match who.account() {
            Account::Token(token) => Some(*token),
            Account::Chat(_) | Account::Key(_) => None,
        };
        Self { person: who.identity().into(), token }
    }
}

/// A sign-in token: what is known of it. The secret itself was shown once, when it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Its id.
    #[schema(value_type = String)]
    pub id: TokenId,
    /// Whose it is.
    pub of: Person,
    /// What it is for.
    pub label: String,
    /// Since when.
    pub made: Moment,
    /// Until when it serves.
    pub until: Moment,
    /// When it was revoked, if it was.
    pub revoked: Option<Moment>,
    /// When it was last used, to the hour.
    pub last_used: Option<Moment>,
}

impl From<&TokenView> for Token {
    fn from(row: &TokenView) -> Self {
        Self {
            id: row.id,
            of: (&row.of).into(),
            label: row.label.clone(),
            made: row.made.into(),
            until: row.until.into(),
            revoked: row.revoked.map(Moment),
            last_used: row.used.map(Moment),
        }
    }
}

/// The caller's tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// One for each token.
    pub tokens: Vec<Token>,
}
