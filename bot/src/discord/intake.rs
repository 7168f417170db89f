//! What comes from Discord, by socket or over HTTP: stored first, then answered.

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};
use workflows::identity::{Chat, ChatUser};

use super::Discord;
use super::answers::GUARD;
use super::people::word;
use super::post::telling;
use super::read::{First, first, key};
use crate::card::{Card, Tone};
use crate::inbox::Inbox;

/// What is due.
#[derive(Debug)]
pub(super) enum Due {
    /// This is the first response.
    Response(Value),
    /// Whoever works on it gives the first response; [`Discord::guard`] sees to it that there is one.
    Later,
    /// Nothing.
    Nothing,
}

/// An interaction within what was delivered: with a cover from the socket, without one over HTTP.
pub(super) fn inner(payload: &Value) -> &Value {
    payload.get("t").and(payload.get("d")).unwrap_or(payload)
}

impl Discord {
    /// Stores what came, and says what is due. `letter` is its text, `since` when it came.
    pub(super) async fn take(&self, inbox: &Inbox, payload: &Value, letter: &str, since: Instant) -> Due {
        let it = inner(payload);
        let id = word(it, "/id");
        match first(payload, self.guild()) {
            First::Pong => Due::Response(json!({ "type": 1 })),
            First::Suggest { who, typed } => suggest(inbox, &who, &typed).await,
            First::DeferReply => {
                let defer = json!({ "type": 5, "data": { "flags": 64 } });
                self.defer(inbox, payload, letter, since, defer).await
            }
            First::DeferUpdate => self.defer(inbox, payload, letter, since, json!({ "type": 6 })).await,
            First::Form => {
                // Before it is stored: whoever works on it may be faster than we are.
                self.answers().open(id, since);
                match self.store(inbox, payload, letter).await {
                    Ok(()) => Due::Later,
                    Err(words) if self.answers().too_late(id) => Due::Response(telling(&words)),
                    Err(_) => Due::Nothing,
                }
            }
            First::None if payload.get("t").is_none_or(|name| name == "INTERACTION_CREATE") => {
                Due::Response(telling("Countersign does not know this here; nothing was done"))
            }
            First::None => {
                if let Err(words) = self.store(inbox, payload, letter).await
                    && payload.get("t").is_some_and(|name| name == "MESSAGE_CREATE")
                    && let Err(error) = self.say_to(word(it, "/author/id"), &Card::saying(Tone::Bad, words)).await
                {
                    warn!("Discord did not take an answer: {error}");
                }
                Due::Nothing
            }
        }
    }

    async fn defer(&self, inbox: &Inbox, payload: &Value, letter: &str, since: Instant, defer: Value) -> Due {
        self.answers().acknowledging(word(inner(payload), "/id"), since);
        match self.store(inbox, payload, letter).await {
            Ok(()) => Due::Response(defer),
            Err(words) => Due::Response(telling(&words)),
        }
    }

    async fn store(&self, inbox: &Inbox, payload: &Value, letter: &str) -> Result<(), String> {
        let Some(key) = key(payload) else {
            return Err("Countersign does not know this here; nothing was done".to_owned());
        };
        inbox.receive(Chat::Discord, &key, letter).await.map(|_received| ()).map_err(|not| not.0)
    }

    /// Sees to it that something that is still open is answered in time, if only with an excuse.
    pub(super) async fn guard(&self, it: &Value, since: Instant) {
        sleep_until(since + GUARD).await;
        let (id, token) = (word(it, "/id"), word(it, "/token"));
        if !self.answers().too_late(id) {
            return;
        }
        let words = "That took too long; please do it again";
        match self.respond(id, token, &telling(words), &[]).await {
            Ok(()) => debug!("somebody was told that it took too long"),
            Err(error) => warn!("Discord did not take a first response: {error}"),
        }
    }
}

async fn suggest(inbox: &Inbox, who: &ChatUser, typed: &str) -> Due {
    let cut = |text: &str| text.chars().take(100).collect::<String>();
    let found = inbox.suggest(who, typed).await;
    let fits = |(value, words): &(String, String)| {
        !value.trim().is_empty() && !words.trim().is_empty() && value.chars().count() <= 100
    };
    let choices: Vec<Value> = found
        .iter()
        .filter(|choice| fits(choice))
        .take(25)
        .map(|(value, words)| json!({ "name": cut(words), "value": value }))
        .collect();
    Due::Response(json!({ "type": 8, "data": { "choices": choices } }))
}
