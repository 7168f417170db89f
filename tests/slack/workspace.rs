//! Who and where: people, channels, and the installed app.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// The workspace.
pub const TEAM: &str = "T0EXAMPLE";
/// The company on the other side of Slack Connect.
pub const OTHER_TEAM: &str = "T0STRANGER";

#[derive(Clone, Debug)]
pub struct User {
    pub id: String,
    pub team: String,
    /// The handle; people may change it.
    pub name: String,
    /// What others see; people may change it to anything, also to somebody else's.
    pub display: String,
    pub email: Option<String>,
    pub email_confirmed: bool,
    pub is_restricted: bool,
    pub is_ultra_restricted: bool,
    pub is_bot: bool,
    pub is_stranger: bool,
    pub deleted: bool,
    pub tz: String,
    pub locale: String,
}

impl User {
    pub fn member(id: &str, display: &str, email: &str) -> Self {
        Self {
            id: id.to_owned(),
            team: TEAM.to_owned(),
            name: display.to_lowercase().replace(' ', "."),
            display: display.to_owned(),
            email: Some(email.to_owned()),
            email_confirmed: true,
            is_restricted: false,
            is_ultra_restricted: false,
            is_bot: false,
            is_stranger: false,
            deleted: false,
            tz: "Europe/Berlin".to_owned(),
            locale: "en-US".to_owned(),
        }
    }

    /// A guest in several channels.
    pub fn guest(self) -> Self {
        Self { is_restricted: true, ..self }
    }

    /// A guest in one channel.
    pub fn single_channel_guest(self) -> Self {
        Self { is_restricted: true, is_ultra_restricted: true, ..self }
    }

    /// Somebody of another company, through Slack Connect.
    pub fn stranger(self) -> Self {
        Self { is_stranger: true, team: OTHER_TEAM.to_owned(), ..self }
    }

    pub fn bot(self) -> Self {
        Self { is_bot: true, email: None, ..self }
    }

    pub fn deactivated(self) -> Self {
        Self { deleted: true, ..self }
    }

    /// Wears the name and handle of somebody else.
    pub fn clone_display_name(self, of: &User) -> Self {
        Self { display: of.display.clone(), name: of.name.clone(), ..self }
    }

    /// As `users.info` tells it. The address is there only with the scope for it.
    pub(super) fn json(&self, with_email: bool) -> Value {
        let mut profile = json!({
            "display_name": self.display, "display_name_normalized": self.display,
            "real_name": self.display, "real_name_normalized": self.display,
            "team": self.team, "status_text": "", "status_emoji": "", "phone": "",
        });
        if let (true, Some(email)) = (with_email, &self.email) {
            profile["email"] = json!(email);
        }
        let mut user = json!({
            "id": self.id, "team_id": self.team, "name": self.name, "real_name": self.display, "deleted": self.deleted,
            "color": "9f69e7", "tz": self.tz, "tz_label": "Central European Time", "tz_offset": 3600, "updated": 1_700_000_000,
            "profile": profile, "is_email_confirmed": self.email_confirmed, "is_admin": false, "is_owner": false,
            "is_primary_owner": false, "is_restricted": self.is_restricted, "is_app_user": false,
            "is_ultra_restricted": self.is_ultra_restricted, "is_bot": self.is_bot, "locale": self.locale,
        });
        if self.is_stranger {
            user["is_stranger"] = json!(true);
        }
        user
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    Public,
    Private,
    Im { with: String },
}

#[derive(Clone, Debug)]
pub struct Channel {
    pub id: String,
    pub name: String,
    pub kind: ChannelKind,
    pub archived: bool,
    pub members: BTreeSet<String>,
    pub is_ext_shared: bool,
    pub is_pending_ext_shared: bool,
}

impl Channel {
    /// A public channel. The bot is in it only if it is named as a member.
    pub fn public(id: &str, name: &str, members: &[&str]) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            kind: ChannelKind::Public,
            archived: false,
            members: members.iter().map(|&member| member.to_owned()).collect(),
            is_ext_shared: false,
            is_pending_ext_shared: false,
        }
    }

    pub fn private(id: &str, name: &str, members: &[&str]) -> Self {
        Self { kind: ChannelKind::Private, ..Self::public(id, name, members) }
    }

    /// Whether this person finds what is posted here.
    pub(super) fn shows_to(&self, user: &str) -> bool {
        self.kind == ChannelKind::Public || self.members.contains(user)
    }
}

#[derive(Clone, Debug)]
pub struct App {
    pub id: String,
    pub name: String,
    pub bot_user: String,
    pub bot_id: String,
    pub bot_token: String,
    pub app_token: String,
    pub scopes: BTreeSet<String>,
    pub app_scopes: BTreeSet<String>,
    pub signing_secret: String,
    pub client_id: String,
    pub client_secret: String,
    /// Where Sign in with Slack may send a browser.
    pub redirects: BTreeSet<String>,
    /// The events it subscribed to.
    pub events: BTreeSet<String>,
    /// Uninstalled: every token is `token_revoked`.
    pub revoked: bool,
}

impl App {
    pub(super) fn installed() -> Self {
        let set = |words: &str| words.split_whitespace().map(str::to_owned).collect();
        Self {
            id: "A0EXAMPLE".to_owned(),
            name: "gate".to_owned(),
            bot_user: "U0BOT".to_owned(),
            bot_id: "B0BOT".to_owned(),
            bot_token: "xoxb-test-bot-token".to_owned(),
            app_token: "xapp-test-app-token".to_owned(),
            scopes: set(
                "app_mentions:read channels:history channels:read chat:write commands files:write groups:history \
                 groups:read im:history im:read im:write users:read users:read.email",
            ),
            app_scopes: set("connections:write"),
            signing_secret: "test-signing-secret".to_owned(),
            client_id: "1111.2222".to_owned(),
            client_secret: "test-client-secret".to_owned(),
            redirects: BTreeSet::new(),
            events: set(
                "app_mention app_home_opened message.im channel_archive channel_shared channel_left member_left_channel \
                 user_change app_uninstalled tokens_revoked",
            ),
            revoked: false,
        }
    }
}
