//! Messages out: cards posted, rewritten, whispered; forms opened; files attached.

use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde_json::{Value, json};
use tracing::{debug, info};

use super::api::Nothing;
use super::blocks::blocks;
use super::page::{Charts, Look, Tables};
use super::{Slack, rich, views};
use crate::card::{Card, Chart, Part};
use crate::event::{Back, MessageRef, Place};
use crate::form::Form;
use crate::platform::PlatformError;

/// The name under which a card's mark goes with it.
const MARK: &str = "countersign_card";
/// How many messages are looked through for a mark: so many pages of so many.
const PAGES: usize = 3;
const PAGE: &str = "200";

#[derive(Debug, Deserialize)]
struct Posted {
    channel: String,
    ts: String,
}

#[derive(Debug, Deserialize)]
struct Opened {
    channel: Conversation,
}

#[derive(Debug, Deserialize)]
struct Conversation {
    id: String,
}

#[derive(Debug, Deserialize)]
struct History {
    #[serde(default)]
    messages: Vec<Value>,
    #[serde(default)]
    response_metadata: Option<Cursor>,
}

#[derive(Debug, Default, Deserialize)]
struct Cursor {
    #[serde(default)]
    next_cursor: String,
}

/// A card as the content of a message.
pub(super) fn content(card: &Card, look: Look<'_>) -> Value {
    json!({
        "text": rich::summary(&card.summary), "blocks": blocks(card, look), "unfurl_links": false, "unfurl_media": false,
        "link_names": false, "parse": "none", "mrkdwn": false,
    })
}

fn with<const N: usize>(mut body: Value, fields: [(&str, Value); N]) -> Value {
    if let Some(object) = body.as_object_mut() {
        object.extend(fields.into_iter().map(|(key, value)| (key.to_owned(), value)));
    }
    body
}

fn marked(fields: Value, mark: &str) -> Value {
    if mark.is_empty() {
        return fields;
    }
    // Texts only: other values make readers of messages fail.
    with(fields, [("metadata", json!({ "event_type": MARK, "event_payload": { "mark": mark } }))])
}

fn chart(part: &Part) -> Option<&Chart> {
    match part {
        Part::Chart(chart) => Some(chart),
        Part::Fact(..)
        | Part::Say(_)
        | Part::Quote(..)
        | Part::Note(_)
        | Part::Table(_)
        | Part::Rule
        | Part::Buttons(_) => None,
    }
}

/// Where a message goes, beside what it says.
struct To<'a> {
    method: &'a str,
    place: &'a str,
    fields: Value,
}

impl Slack {
    /// Sends a card. Slack brings its charts and tables to workspaces one after the other: where it takes none, charts
    /// become pictures, and in the end words.
    async fn send<T>(&self, to: &To<'_>, card: &Card) -> Result<T, PlatformError>
    where
        T: for<'de> Deserialize<'de> + Send,
    {
        let charts: Vec<&Chart> = card.parts.iter().filter_map(chart).collect();
        let tables = card.parts.iter().any(|part| matches!(part, Part::Table(_)));
        let known = self.0.plain_charts.load(Ordering::Relaxed);
        if charts.is_empty() || !known {
            match self.send_as(to, card, Look::MESSAGE).await {
                Err(PlatformError::Invalid(why)) if tables || !charts.is_empty() => {
                    info!("Slack takes a card otherwise: {why}");
                }
                other => return other,
            }
        }
        if !charts.is_empty() {
            let files = self.pictures(&charts).await;
            let look = Look { charts: Charts::Pictures(&files), ..Look::MESSAGE };
            match self.send_as(to, card, look).await {
                Err(PlatformError::Invalid(why)) => info!("Slack takes a card otherwise: {why}"),
                sent => {
                    self.0.plain_charts.store(sent.is_ok() || known, Ordering::Relaxed);
                    return sent;
                }
            }
        }
        self.send_as(to, card, Look { tables: Tables::Text, ..Look::SIMPLE }).await
    }

    async fn send_as<T>(&self, to: &To<'_>, card: &Card, look: Look<'_>) -> Result<T, PlatformError>
    where
        T: for<'de> Deserialize<'de> + Send,
    {
        let mut body = content(card, look);
        if let (Some(body), Some(fields)) = (body.as_object_mut(), to.fields.as_object()) {
            body.extend(fields.clone());
        }
        self.api().post(to.method, &body, to.place).await
    }

    /// Uploads charts as pictures. One that can't be is told in words.
    async fn pictures(&self, charts: &[&Chart]) -> Vec<Option<String>> {
        let mut files = Vec::new();
        for chart in charts {
            let own = (*chart).clone();
            // Drawing takes a while, and others wait for this thread.
            let drawn = tokio::task::spawn_blocking(move || crate::chart::png(&own)).await;
            let file = match drawn.map_err(|error| error.to_string()).flatten() {
                Ok(bytes) => self.api().upload("chart.png", &bytes, &rich::line(&chart.words(), 900), None).await,
                Err(why) => Err(PlatformError::Invalid(why)),
            };
            if let Err(error) = &file {
                info!("a chart is told in words: {error}");
            }
            files.push(file.ok());
        }
        files
    }

    /// Posts a card, perhaps with a mark.
    pub(super) async fn post_card(
        &self,
        place: &Place,
        card: &Card,
        mark: &str,
    ) -> Result<MessageRef, PlatformError> {
        let fields = marked(json!({ "channel": place.0 }), mark);
        let posted: Posted = self.send(&To { method: "chat.postMessage", place: &place.0, fields }, card).await?;
        Ok(MessageRef { place: Place(posted.channel), message: posted.ts })
    }

    /// Writes a card anew.
    pub(super) async fn update_card(&self, at: &MessageRef, card: &Card) -> Result<(), PlatformError> {
        let place = at.place.0.as_str();
        let fields = json!({ "channel": place, "ts": at.message });
        self.send(&To { method: "chat.update", place, fields }, card).await.map(|Nothing {}| ())
    }

    /// Posts into a thread, perhaps with a mark.
    pub(super) async fn reply_card(
        &self,
        at: &MessageRef,
        card: &Card,
        mark: &str,
    ) -> Result<MessageRef, PlatformError> {
        let place = at.place.0.as_str();
        let fields = marked(json!({ "channel": place, "thread_ts": at.message }), mark);
        let posted: Posted = self.send(&To { method: "chat.postMessage", place, fields }, card).await?;
        Ok(MessageRef { place: Place(posted.channel), message: posted.ts })
    }

    /// Looks for a mark among our own latest messages. Another app could put the same mark on a message of its own.
    pub(super) async fn find_card(&self, place: &Place, mark: &str) -> Result<Option<MessageRef>, PlatformError> {
        self.find_among("conversations.history", place, &[], mark).await
    }

    /// The same in the thread of a message.
    pub(super) async fn find_reply(&self, at: &MessageRef, mark: &str) -> Result<Option<MessageRef>, PlatformError> {
        match self.find_among("conversations.replies", &at.place, &[("ts", &at.message)], mark).await {
            // There is no thread any more in which it could be.
            Err(PlatformError::MessageGone) => Ok(None),
            found => found,
        }
    }

    async fn find_among(
        &self,
        method: &str,
        place: &Place,
        of: &[(&str, &str)],
        mark: &str,
    ) -> Result<Option<MessageRef>, PlatformError> {
        let me = self.me().await?;
        let ours = |message: &Value| {
            let is = |path: &str, text: &str| message.pointer(path).and_then(Value::as_str) == Some(text);
            is("/metadata/event_payload/mark", mark) && is("/metadata/event_type", MARK) && is("/user", &me.user)
        };
        let mut cursor = String::new();
        for _page in 0..PAGES {
            let mut asked = vec![("channel", place.0.as_str()), ("limit", PAGE), ("include_all_metadata", "true")];
            asked.extend(of);
            if !cursor.is_empty() {
                asked.push(("cursor", &cursor));
            }
            let page: History = self.api().get(method, &asked, &place.0).await?;
            if let Some(found) = page.messages.iter().find(|message| ours(message)) {
                let ts = found.pointer("/ts").and_then(Value::as_str).unwrap_or_default().to_owned();
                return Ok(Some(MessageRef { place: place.clone(), message: ts }));
            }
            cursor = page.response_metadata.unwrap_or_default().next_cursor;
            if cursor.is_empty() {
                break;
            }
        }
        Ok(None)
    }

    /// The conversation with one person.
    pub(super) async fn dm(&self, user: &str) -> Result<Place, PlatformError> {
        let opened: Opened = self.api().post("conversations.open", &json!({ "users": user }), user).await?;
        Ok(Place(opened.channel.id))
    }

    /// Answers one person: where they acted if that can be, else in the conversation with them.
    pub(super) async fn whisper_to(&self, back: &Back, card: &Card) -> Result<(), PlatformError> {
        if let Some(url) = &back.token {
            let said = with(
                content(card, Look::SIMPLE),
                [
                    ("response_type", json!("ephemeral")),
                    // What was pressed stays: everybody else still needs it.
                    ("replace_original", json!(false)),
                ],
            );
            match self.api().answer(url, &said).await {
                Ok(()) => return Ok(()),
                Err(error) => debug!("an answer goes another way: {error}"),
            }
        }
        if let Some(place) = &back.place {
            match self.whisper_in(place, back, card).await {
                Ok(()) => return Ok(()),
                Err(error) if error.passes() => return Err(error),
                Err(error) => debug!("an answer goes into the conversation: {error}"),
            }
        }
        let place = self.dm(&back.who.user).await?;
        self.post_card(&place, card, "").await.map(|_posted| ())
    }

    async fn whisper_in(&self, place: &Place, back: &Back, card: &Card) -> Result<(), PlatformError> {
        // With a button pressed the message is the card, and no thread.
        let thread = back.message.as_ref().filter(|_| back.token.is_none());
        // What is only seen for a while is no use in a conversation that nobody else reads.
        if place.0.starts_with('D') {
            return match thread {
                Some(at) => self.reply_card(at, card, "").await.map(|_posted| ()),
                None => self.post_card(place, card, "").await.map(|_posted| ()),
            };
        }
        let mut fields = json!({ "channel": place.0, "user": back.who.user });
        if let Some(at) = thread {
            fields = with(fields, [("thread_ts", json!(at.message))]);
        }
        self.send(&To { method: "chat.postEphemeral", place: &place.0, fields }, card).await.map(|Nothing {}| ())
    }

    /// Opens a form, or puts it in the place of the one in which somebody acted.
    pub(super) async fn open_form(&self, back: &Back, form: &Form) -> Result<(), PlatformError> {
        let view = views::modal(form);
        if let Some(id) = &back.view {
            let replaced = self.api().post("views.update", &json!({ "view_id": id, "view": view }), "").await;
            match replaced {
                // It was closed meanwhile.
                Err(PlatformError::TooLate) => {}
                other => return other.map(|Nothing {}| ()),
            }
        }
        let Some(trigger) = &back.trigger else { return Err(PlatformError::TooLate) };
        let body = json!({ "trigger_id": trigger, "view": view });
        self.api().post("views.open", &body, "").await.map(|Nothing {}| ())
    }

    /// Writes somebody's page.
    pub(super) async fn publish(&self, user: &str, card: &Card) -> Result<(), PlatformError> {
        let body = json!({ "user_id": user, "view": views::home(card) });
        self.api().post("views.publish", &body, user).await.map(|Nothing {}| ())
    }
}
