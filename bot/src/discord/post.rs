//! Sends what `components` and `modal` made: into places, and to one person alone.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::Discord;
use super::answers::Turn;
use super::api::File;
use super::components::{Message, message};
use super::modal::{modal, pages};
use super::people::{odd, word};
use crate::card::{Card, Tone};
use crate::event::{Back, MessageRef, Place};
use crate::form::Form;
use crate::platform::PlatformError;

/// Seen by whoever acted alone.
const ALONE: u64 = 1 << 6;
/// The longest nonce.
const NONCE: usize = 25;
/// So many of the latest messages are looked through.
const LATEST: &str = "50";
/// Before an answer is tried again whose acknowledgement is still on its way.
const AGAIN: Duration = Duration::from_millis(200);

/// What became of a first response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It arrived.
    Done,
    /// There was one already.
    Over,
    /// There was one already: that it took too long.
    Told,
}

pub(super) fn put(body: &mut Value, key: &str, value: Value) {
    if let Some(object) = body.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

/// The same for the eyes of one person.
fn alone(body: &Value) -> Value {
    let mut body = body.clone();
    let flags = body.get("flags").and_then(Value::as_u64).unwrap_or_default();
    put(&mut body, "flags", json!(flags | ALONE));
    body
}

/// A first response that one person sees, with plain words of ours.
pub(super) fn telling(words: &str) -> Value {
    json!({ "type": 4, "data": alone(&message(&Card::saying(Tone::Bad, words)).body) })
}

/// What goes with a message and nobody sees: the end of the mark, where marks differ.
fn nonce(mark: &str) -> String {
    let from = mark.chars().count().saturating_sub(NONCE);
    mark.chars().skip(from).collect()
}

pub(super) fn marked(body: &mut Value, mark: &str) {
    let nonce = nonce(mark);
    if !nonce.is_empty() {
        put(body, "nonce", json!(nonce));
        // Discord itself gives the first one back if it comes twice.
        put(body, "enforce_nonce", json!(true));
    }
}

impl Discord {
    /// Posts a message.
    pub(super) async fn write(
        &self,
        place: &Place,
        body: &Value,
        files: &[File],
    ) -> Result<MessageRef, PlatformError> {
        let posted = self.api().write(Method::POST, &["channels", &place.0, "messages"], body, files).await;
        let posted = posted.map_err(|failed| failed.of(&place.0))?;
        match word(&posted, "/id") {
            "" => Err(odd()),
            id => Ok(MessageRef { place: place.clone(), message: id.to_owned() }),
        }
    }

    pub(super) async fn post_card(
        &self,
        place: &Place,
        card: &Card,
        mark: &str,
    ) -> Result<MessageRef, PlatformError> {
        let Message { mut body, files } = message(card);
        marked(&mut body, mark);
        self.write(place, &body, &files).await
    }

    pub(super) async fn find_card(&self, place: &Place, mark: &str) -> Result<Option<MessageRef>, PlatformError> {
        let me = self.me().await?;
        let nonce = nonce(mark);
        let found = self.api().get(&["channels", &place.0, "messages"], &[("limit", LATEST)]).await;
        let found = found.map_err(|failed| failed.of(&place.0))?;
        let list = found.as_array().ok_or_else(odd)?;
        // Anybody can choose such a nonce; only we are we.
        let ours = |one: &&Value| word(one, "/nonce") == nonce && word(one, "/author/id") == me;
        let ours =
            list.iter().find(ours).map(|one| word(one, "/id")).filter(|id| !nonce.is_empty() && !id.is_empty());
        Ok(ours.map(|id| MessageRef { place: place.clone(), message: id.to_owned() }))
    }

    pub(super) async fn update_card(&self, at: &MessageRef, card: &Card) -> Result<(), PlatformError> {
        let Message { body, files } = message(card);
        let path = ["channels", &at.place.0, "messages", &at.message];
        let changed = self.api().write(Method::PATCH, &path, &body, &files).await;
        changed.map(|_| ()).map_err(|failed| failed.of(&at.place.0))
    }

    /// The first response to what somebody did.
    pub(super) async fn respond(
        &self,
        id: &str,
        token: &str,
        response: &Value,
        files: &[File],
    ) -> Result<(), PlatformError> {
        let path = ["interactions", id, token, "callback"];
        self.api().answer(&path, response, files).await.map_err(|failed| failed.of(""))
    }

    /// The same, if none was given yet.
    async fn first(&self, back: &Back, response: &Value, files: &[File]) -> Result<Outcome, PlatformError> {
        let (Some(id), Some(token), Some(_)) = (&back.id, &back.token, &back.trigger) else {
            return Ok(Outcome::Over);
        };
        match self.answers().take(id) {
            // Another process may have taken it in; Discord knows whether it was answered.
            Turn::Ours | Turn::Unknown => {}
            Turn::Over => return Ok(Outcome::Over),
            Turn::Told => return Ok(Outcome::Told),
        }
        match self.respond(id, token, response, files).await {
            Ok(()) => Ok(Outcome::Done),
            Err(PlatformError::TooLate) => Ok(Outcome::Over),
            Err(error) => {
                self.answers().give_back(id);
                Err(error)
            }
        }
    }

    /// One message more for whoever acted.
    async fn follow_up(&self, back: &Back, token: &str, body: &Value, files: &[File]) -> Result<(), PlatformError> {
        let id = back.id.as_deref().unwrap_or_default();
        self.answers().settle(id).await;
        loop {
            let path = ["webhooks", self.application(), token];
            let said = self.api().answer(&path, body, files).await.map_err(|failed| failed.of(""));
            // An acknowledgement over HTTP counts when Discord has read it, and nobody tells us when that is.
            let wait = said == Err(PlatformError::TooLate) && self.answers().is_young(id) && self.0.key.is_some();
            if !wait {
                return said;
            }
            sleep(AGAIN).await;
        }
    }

    /// Says something to whoever acted, where they did; or in our conversation, where that is not possible any more.
    pub(super) async fn say_alone(&self, back: &Back, what: Message) -> Result<(), PlatformError> {
        let Message { body, files } = what;
        let private = alone(&body);
        let response = json!({ "type": 4, "data": private });
        if self.first(back, &response, &files).await? == Outcome::Done {
            return Ok(());
        }
        if let Some(token) = &back.token {
            match self.follow_up(back, token, &private, &files).await {
                Err(PlatformError::TooLate) => {}
                other => return other,
            }
        }
        let place = self.dm(&back.who.user).await?;
        self.write(&place, &body, &files).await.map(|_message| ())
    }

    /// Says something in the conversation with somebody.
    pub(super) async fn say_to(&self, user: &str, card: &Card) -> Result<(), PlatformError> {
        let place = self.dm(user).await?;
        let Message { body, files } = message(card);
        self.write(&place, &body, &files).await.map(|_message| ())
    }

    pub(super) async fn open_form(&self, back: &Back, form: &Form) -> Result<(), PlatformError> {
        if form.fields.is_empty() {
            for page in pages(form) {
                self.say_alone(back, page).await?;
            }
            return Ok(());
        }
        match self.first(back, &json!({ "type": 9, "data": modal(form) }), &[]).await? {
            Outcome::Done | Outcome::Told => Ok(()),
            Outcome::Over => Err(PlatformError::TooLate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_the_end_of_the_mark() {
        assert_eq!(nonce("short"), "short");
        assert_eq!(nonce(""), "");
        assert_eq!(nonce(&format!("x{}", "ä".repeat(25))), "ä".repeat(25));
    }

    #[test]
    fn what_one_person_sees_keeps_its_other_flags() {
        assert_eq!(alone(&json!({ "flags": 4 })), json!({ "flags": 68 }));
        assert_eq!(alone(&json!({ "content": "x" })), json!({ "content": "x", "flags": 64 }));
        assert_eq!(telling("no")["type"], 4);
        assert_eq!(telling("no")["data"]["flags"], 64);
    }
}
