//! What administrators do: make and change people and channels, and remove the app.

use serde_json::json;

use super::FakeSlack;
use super::people::Outcome;
use super::workspace::{Channel, OTHER_TEAM, TEAM, User};

impl FakeSlack {
    pub fn add_user(&self, user: User) -> User {
        self.change(|state| state.users.insert(user.id.clone(), user.clone()));
        user
    }

    pub fn add_channel(&self, channel: Channel) -> Channel {
        self.change(|state| state.channels.insert(channel.id.clone(), channel.clone()));
        channel
    }

    /// Changes a person, without telling the app.
    pub fn change_user(&self, id: &str, change: impl FnOnce(&mut User)) {
        self.change(|state| change(state.users.get_mut(id).expect("a user")));
    }

    /// Changes a channel, without telling the app.
    pub fn change_channel(&self, id: &str, change: impl FnOnce(&mut Channel)) {
        self.change(|state| change(state.channels.get_mut(id).expect("a channel")));
    }

    /// Archives a channel and tells the app.
    pub async fn archive(&self, channel: &str, by: &str) -> Outcome {
        self.change_channel(channel, |channel| channel.archived = true);
        self.event(json!({ "type": "channel_archive", "channel": channel, "user": by, "is_moved": 0 })).await
    }

    /// Shares a channel with another company and tells the app.
    pub async fn share(&self, channel: &str) -> Outcome {
        self.change_channel(channel, |channel| channel.is_ext_shared = true);
        self.event(json!({ "type": "channel_shared", "channel": channel, "connected_team_id": OTHER_TEAM })).await
    }

    /// Removes the bot from a channel and tells the app.
    pub async fn kick_bot(&self, channel: &str) -> Outcome {
        let bot = self.read(|state| state.app.bot_user.clone());
        self.change_channel(channel, |channel| {
            channel.members.remove(&bot);
        });
        self.event(json!({ "type": "channel_left", "channel": channel, "actor_id": "U0ADMIN" })).await
    }

    /// Deactivates a person and tells the app.
    pub async fn deactivate(&self, user: &str) -> Outcome {
        self.change_user(user, |user| user.deleted = true);
        let who = self.read(|state| state.user(user).json(true));
        self.event(json!({ "type": "user_change", "user": who, "cache_ts": 0 })).await
    }

    /// Uninstalls the app: its tokens are revoked, and it is told so.
    pub async fn uninstall(&self) -> Outcome {
        let bot = self.change(|state| {
            state.app.revoked = true;
            state.app.bot_user.clone()
        });
        self.event(json!({ "type": "tokens_revoked", "tokens": { "oauth": [], "bot": [bot] }, "team_id": TEAM }))
            .await;
        self.event(json!({ "type": "app_uninstalled" })).await
    }
}
