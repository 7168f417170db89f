//! What Discord says of people and places at this moment (G10). An error is an error: nobody passes because of one.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Discord;
use crate::event::Place;
use crate::platform::{Fitness, PlatformError, Standing};

/// Kinds of channels that matter here.
pub(super) const PRIVATE: u64 = 1;
const GROUP: u64 = 3;

/// A text within an answer; empty where there is none.
pub(super) fn word<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn odd() -> PlatformError {
    PlatformError::Down("its answer can't be understood".to_owned())
}

#[derive(Debug, Deserialize)]
struct Account {
    id: String,
    bot: Option<bool>,
    system: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Member {
    user: Account,
    pending: Option<bool>,
}

impl Member {
    fn standing(&self) -> Standing {
        let is = |flag: Option<bool>| flag == Some(true);
        if is(self.user.bot) || is(self.user.system) {
            Standing::Bot
        } else if is(self.pending) {
            // They have not agreed to the server's rules.
            Standing::Guest
        } else {
            Standing::Member
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Channel {
    #[serde(rename = "type")]
    kind: u64,
    guild_id: Option<String>,
    thread_metadata: Option<Thread>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Thread {
    archived: Option<bool>,
}

impl Channel {
    fn fitness(&self, guild: &str) -> Fitness {
        let ours = match &self.guild_id {
            Some(other) => other == guild,
            None => self.kind == PRIVATE,
        };
        let archived = self.thread_metadata.as_ref().is_some_and(|thread| thread.archived == Some(true));
        if !ours || self.kind == GROUP {
            Fitness::Shared
        } else if archived {
            Fitness::Archived
        } else {
            Fitness::Fit
        }
    }
}

impl Discord {
    /// What somebody is in our guild at this moment.
    pub(super) async fn ask_standing(&self, user: &str) -> Result<Standing, PlatformError> {
        let Some(asked) = self.0.members.ask(user) else { return Ok(Standing::Member) };
        let answer = match self.api().get(&["guilds", self.guild(), "members", user], &[]).await {
            Ok(answer) => answer,
            Err(failed) if matches!(failed.code(), 10_007 | 10_013) => return Ok(Standing::Gone),
            Err(failed) => return Err(failed.of(self.guild())),
        };
        let member: Member = serde_json::from_value(answer).map_err(|_| odd())?;
        if member.user.id != user {
            return Err(odd());
        }
        let standing = member.standing();
        if standing == Standing::Member {
            self.0.members.keep(user, &asked);
        }
        Ok(standing)
    }

    /// Asks anew the next time.
    pub(super) fn forget_standing(&self, user: &str) {
        self.0.members.forget(user);
    }

    /// The conversation with somebody.
    pub(super) async fn dm(&self, user: &str) -> Result<Place, PlatformError> {
        let body = json!({ "recipient_id": user });
        let answer = self.api().write(Method::POST, &["users", "@me", "channels"], &body, &[]).await;
        let answer = answer.map_err(|failed| {
            // The only thing that can be wrong with the body is the person.
            let error = failed.of("");
            if let PlatformError::Invalid(why) = error { PlatformError::PersonGone(why) } else { error }
        })?;
        match word(&answer, "/id") {
            "" => Err(odd()),
            id => Ok(Place(id.to_owned())),
        }
    }

    /// Whether a place may be posted in. Never remembered: it may change from one moment to the next.
    pub(super) async fn look_at(&self, place: &Place) -> Result<Fitness, PlatformError> {
        match self.api().get(&["channels", &place.0], &[]).await {
            Ok(answer) => {
                let channel: Channel = serde_json::from_value(answer).map_err(|_| odd())?;
                Ok(channel.fitness(self.guild()))
            }
            Err(failed) if matches!(failed.code(), 10_003 | 50_001) => Ok(Fitness::NotThere),
            Err(failed) => Err(failed.of(&place.0)),
        }
    }

    /// The bot's own account.
    pub(super) async fn me(&self) -> Result<&str, PlatformError> {
        let ask = || async {
            let answer = self.api().get(&["users", "@me"], &[]).await.map_err(|failed| failed.of(""))?;
            match word(&answer, "/id") {
                "" => Err(odd()),
                id => Ok(id.to_owned()),
            }
        };
        self.0.me.get_or_try_init(ask).await.map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_member_is_one() {
        for (member, expected) in [
            (json!({ "user": { "id": "1" } }), Standing::Member),
            (json!({ "user": { "id": "1", "bot": false }, "pending": false }), Standing::Member),
            (json!({ "user": { "id": "1", "bot": true } }), Standing::Bot),
            (json!({ "user": { "id": "1", "system": true } }), Standing::Bot),
            (json!({ "user": { "id": "1" }, "pending": true }), Standing::Guest),
        ] {
            assert_eq!(serde_json::from_value::<Member>(member.clone()).unwrap().standing(), expected, "{member}");
        }
    }

    #[test]
    fn a_place_that_others_read_is_not_fit() {
        for (channel, expected) in [
            (json!({ "type": 0, "guild_id": "7" }), Fitness::Fit),
            (json!({ "type": 1 }), Fitness::Fit),
            (json!({ "type": 3 }), Fitness::Shared),
            (json!({ "type": 0 }), Fitness::Shared),
            (json!({ "type": 0, "guild_id": "8" }), Fitness::Shared),
            (json!({ "type": 11, "guild_id": "7", "thread_metadata": { "archived": true } }), Fitness::Archived),
            (json!({ "type": 11, "guild_id": "7", "thread_metadata": { "archived": false } }), Fitness::Fit),
        ] {
            let read: Channel = serde_json::from_value(channel.clone()).unwrap();
            assert_eq!(read.fitness("7"), expected, "{channel}");
        }
    }
}
