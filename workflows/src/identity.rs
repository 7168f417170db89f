//! Who somebody is, and the proof that they showed it.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, IdentityId, KeyId, TokenId};

/// A person or a machine. The name is what the file calls them, by custom an e-mail address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// The id that rows refer to.
    pub id: IdentityId,
    /// The unique name, as groups and rules write it.
    pub name: String,
}

/// A chat platform. A closed set: a new one lists its own to-do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chat {
    /// Slack.
    Slack,
    /// Discord.
    Discord,
    /// Matrix.
    Matrix,
}

impl Chat {
    /// Every platform.
    pub const ALL: [Self; 3] = [Self::Slack, Self::Discord, Self::Matrix];

    /// The name in rows, in the file and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::Matrix => "matrix",
        }
    }

    /// The name that people read.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Slack => "Slack",
            Self::Discord => "Discord",
            Self::Matrix => "Matrix",
        }
    }
}

impl std::fmt::Display for Chat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No such platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a chat platform; write `slack`, `discord` or `matrix`")]
pub struct ChatError(pub String);

impl std::str::FromStr for Chat {
    type Err = ChatError;

    fn from_str(text: &str) -> Result<Self, ChatError> {
        Self::ALL.into_iter().find(|chat| chat.as_str() == text).ok_or_else(|| ChatError(text.to_owned()))
    }
}

/// An account at a chat platform: the platform's own ids, never a nick, a display name or an e-mail (G10).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChatUser {
    /// Where.
    pub chat: Chat,
    /// Slack's team id, Discord's guild id, Matrix' server name: an id of a user alone is not unique.
    pub workspace: String,
    /// Slack's `U…`, Discord's snowflake, Matrix' `@…:…`.
    pub user: String,
}

/// How somebody signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// With a token of Countersign.
    Token(TokenId),
    /// With a linked chat account.
    Chat(AccountId),
    /// With a bound public key, over SSH.
    Key(KeyId),
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
