//! Chat accounts, and the steps of linking one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::engine::ChatAccount as EngineAccount;
use workflows::id::{AccountId, LinkId};
use workflows::identity::{Chat, ChatUser};

use super::Moment;

/// An account at a chat platform, by the platform's own ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatAccount {
    /// `slack`, `discord` or `matrix`.
    #[schema(value_type = String)]
    pub chat: Chat,
    /// The workspace: Slack's team, Discord's guild, Matrix' server.
    pub workspace: String,
    /// The account there.
    pub account: String,
}

impl From<&ChatUser> for ChatAccount {
    fn from(at: &ChatUser) -> Self {
        Self { chat: at.chat, workspace: at.workspace.clone(), account: at.user.clone() }
    }
}

/// A linked account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// Its id.
    #[schema(value_type = String)]
    pub id: AccountId,
    /// Which.
    pub at: ChatAccount,
    /// Since when.
    pub linked: Moment,
}

impl From<&EngineAccount> for Account {
    fn from(account: &EngineAccount) -> Self {
        Self { id: account.id, at: ChatAccount::from(&account.at), linked: Moment(account.made) }
    }
}

/// Somebody's linked accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountList {
    /// In the order in which they were linked.
    pub accounts: Vec<Account>,
}

/// Where an account is to be linked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkBody {
    /// `slack`, `discord` or `matrix`.
    #[schema(value_type = String)]
    pub chat: Chat,
}

/// A linking that was begun. Either `url` or `say` is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BegunLink {
    /// Its id.
    #[schema(value_type = String)]
    pub id: LinkId,
    /// Where to sign in at the platform, in a browser.
    pub url: Option<String>,
    /// What to write to the bot at the platform.
    pub say: Option<String>,
    /// Until when it has to be finished.
    pub until: Moment,
}

/// The code that the platform's side showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeBody {
    /// Eight letters and digits; spaces, dashes and case do not matter.
    pub code: String,
}
