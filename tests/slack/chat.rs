//! Messages: post, update, delete, ephemeral, and the URL that an interaction may answer to.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State as With};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::Shared;
use super::api::{Answer, Args, Refused, refuse, refuse_with, scoped};
use super::limits::{Check, Place};
use super::workspace::ChannelKind;
use super::world::{Message, State};

/// What may be in one message.
const TEXT: usize = 40_000;
/// `chat.update` is stricter, and counts bytes after escaping (seen by GitLab, merge request 258898).
const UPDATED_TEXT: usize = 4_000;
/// Undocumented: all blocks together, about this many characters (bolt-js issue 2509). Counted here as compact JSON.
const ALL_BLOCKS: usize = 13_200;
/// `event_payload` and its name, as JSON.
const METADATA: usize = 8_000;

pub(super) struct Content {
    text: Option<String>,
    blocks: Option<Vec<Value>>,
    metadata: Option<Value>,
}

impl State {
    fn check(&self) -> Check {
        let complete = self.files.values().filter(|file| file.complete).map(|file| file.id.clone()).collect();
        Check::new(Place::Message, self.switches.charts, complete)
    }

    /// Reads and judges what a message shall say.
    pub(super) fn content(&self, args: &Args) -> Result<Content, Refused> {
        if args.0.contains_key("attachments") {
            return refuse_with("invalid_attachments", vec!["[ERROR] this fake knows no attachments".to_owned()]);
        }
        let text = args.text("text").filter(|text| !text.is_empty()).map(str::to_owned);
        let mut blocks = match args.json("blocks")? {
            None => None,
            Some(Value::Array(blocks)) => Some(blocks),
            Some(_) => return refuse("invalid_blocks_format"),
        };
        if let Some(markdown) = args.text("markdown_text") {
            if text.is_some() || blocks.is_some() {
                return refuse("markdown_text_conflict");
            }
            blocks = Some(vec![json!({ "type": "markdown", "text": markdown })]);
        }
        if text.as_ref().is_some_and(|text| text.chars().count() > TEXT) {
            return refuse("msg_too_long");
        }
        if let Some(blocks) = &mut blocks {
            let problems = self.check().message(blocks);
            if !problems.is_empty() {
                return refuse_with("invalid_blocks", problems);
            }
            if json!(blocks).to_string().chars().count() > ALL_BLOCKS {
                return refuse("msg_blocks_too_long");
            }
        }
        Ok(Content { text, blocks, metadata: metadata(args)? })
    }

    /// Where the bot may write: by id, by `#name`, or a person's id for the direct message.
    pub(super) fn writable(&mut self, to: &str) -> Result<String, Refused> {
        if self.users.get(to).is_some_and(|user| !user.deleted && to != self.app.bot_user) {
            return Ok(self.im(to));
        }
        let named = to.strip_prefix('#');
        let channel = self.channels.values().find(|channel| match named {
            Some(name) => channel.name == name && channel.kind == ChannelKind::Public,
            None => channel.id == to,
        });
        let Some(channel) = channel else { return refuse("channel_not_found") };
        if !self.bot_is_in(channel) {
            return match channel.kind {
                ChannelKind::Public if self.app.scopes.contains("chat:write.public") => Ok(channel.id.clone()),
                ChannelKind::Public => refuse("not_in_channel"),
                ChannelKind::Private | ChannelKind::Im { .. } => refuse("channel_not_found"),
            };
        }
        if channel.archived {
            return refuse("is_archived");
        }
        Ok(channel.id.clone())
    }

    pub(super) fn store(&mut self, message: Message) -> Message {
        self.messages.push(message.clone());
        message
    }

    fn posted_by_bot(&mut self, channel: String, content: Content) -> Message {
        Message {
            channel,
            ts: self.ts(),
            user: self.app.bot_user.clone(),
            by_bot: true,
            text: content.text.unwrap_or_default(),
            blocks: content.blocks.unwrap_or_default(),
            metadata: content.metadata,
            ..Message::default()
        }
    }

    /// An answer to a command or through a response URL: a message to one or to all.
    pub(super) fn answer(&mut self, user: &str, channel: &str, said: &Value) -> Result<Message, String> {
        let said = said.as_str().map_or_else(|| said.clone(), |text| json!({ "text": text }));
        let Value::Object(object) = said else { return Err("invalid_payload".to_owned()) };
        let args = Args(object);
        let content = self.content(&args).map_err(|refused| format!("{refused:?}"))?;
        if content.text.is_none() && content.blocks.as_ref().is_none_or(Vec::is_empty) {
            return Err("no_text".to_owned());
        }
        let open = args.text("response_type") == Some("in_channel");
        let mut message = self.posted_by_bot(channel.to_owned(), content);
        message.only_for = (!open).then(|| user.to_owned());
        message.thread = args.text("thread_ts").map(str::to_owned);
        Ok(self.store(message))
    }
}

fn metadata(args: &Args) -> Result<Option<Value>, Refused> {
    let Some(value) = args.json("metadata")? else { return Ok(None) };
    let empty = value.as_object().is_some_and(Map::is_empty);
    let named = value["event_type"].as_str().is_some_and(|name| !name.is_empty() && name.chars().count() <= 255);
    let flat = value["event_payload"].as_object().is_some_and(|payload| payload.values().all(|v| !v.is_object()));
    if !(empty || (named && flat)) {
        return refuse("invalid_metadata_format");
    }
    if value.to_string().len() > METADATA {
        return refuse("metadata_too_large");
    }
    Ok(Some(value))
}

impl Message {
    /// As the API returns it. `whole` tells the metadata's payload, too.
    pub(super) fn json(&self, state: &State, whole: bool) -> Value {
        let mut value = json!({ "type": "message", "user": self.user, "text": self.text, "ts": self.ts });
        if self.by_bot {
            value["bot_id"] = json!(state.app.bot_id);
            value["app_id"] = json!(state.app.id);
            value["team"] = json!(super::TEAM);
        }
        if !self.blocks.is_empty() {
            value["blocks"] = json!(self.blocks);
        }
        if self.edits > 0 {
            value["edited"] = json!({ "user": self.user, "ts": self.ts });
        }
        let replies = state.messages.iter().filter(|other| {
            other.channel == self.channel && other.thread.as_ref() == Some(&self.ts) && other.only_for.is_none()
        });
        let replies = replies.count();
        if replies > 0 {
            value["reply_count"] = json!(replies);
        }
        if let Some(thread) = self.thread.as_ref().or((replies > 0).then_some(&self.ts)) {
            value["thread_ts"] = json!(thread);
        }
        if let Some(metadata) =
            self.metadata.as_ref().filter(|value| value.as_object().is_some_and(|v| !v.is_empty()))
        {
            value["metadata"] =
                if whole { metadata.clone() } else { json!({ "event_type": metadata["event_type"] }) };
        }
        if !self.files.is_empty() {
            value["files"] = self.files.iter().map(|id| json!({ "id": id })).collect();
        }
        value
    }
}

pub(super) fn post(state: &mut State, args: &Args) -> Answer {
    let channel = args.need("channel").or_else(|_| refuse("channel_not_found"))?.to_owned();
    if ["username", "icon_emoji", "icon_url"].iter().any(|key| args.0.contains_key(*key)) {
        scoped(&state.app.scopes, "chat:write.customize")?;
    }
    let channel = state.writable(&channel)?;
    let content = state.content(args)?;
    if content.text.is_none() && content.blocks.as_ref().is_none_or(Vec::is_empty) {
        return refuse("no_text");
    }
    let thread = args.text("thread_ts").map(str::to_owned);
    if thread.as_ref().is_some_and(|ts| state.message(&channel, ts).is_none_or(|root| root.only_for.is_some())) {
        return refuse("thread_not_found");
    }
    let mut message = state.posted_by_bot(channel, content);
    message.broadcast = thread.is_some() && args.flag("reply_broadcast");
    message.thread = thread;
    let message = state.store(message);
    Ok(json!({ "channel": message.channel, "ts": message.ts, "message": message.json(state, true) }))
}

pub(super) fn post_ephemeral(state: &mut State, args: &Args) -> Answer {
    let to = args.need("channel").or_else(|_| refuse("channel_not_found"))?.to_owned();
    let channel = state.writable(&to)?;
    let user = args.need("user")?.to_owned();
    if !state.channel(&channel).members.contains(&user) {
        return refuse("user_not_in_channel");
    }
    let content = state.content(args)?;
    if content.text.is_none() && content.blocks.as_ref().is_none_or(Vec::is_empty) {
        return refuse("no_text");
    }
    let mut message = state.posted_by_bot(channel, content);
    message.only_for = Some(user);
    message.thread = args.text("thread_ts").map(str::to_owned);
    let message = state.store(message);
    Ok(json!({ "message_ts": message.ts }))
}

/// The bot's own message at this place, for a change.
fn own<'a>(state: &'a mut State, args: &Args, denied: &str) -> Result<&'a mut Message, Refused> {
    let channel = args.need("channel").or_else(|_| refuse("channel_not_found"))?.to_owned();
    let ts = args.need("ts")?.to_owned();
    if !channel.starts_with(['C', 'D', 'G']) {
        return refuse("channel_not_found");
    }
    state.writable(&channel)?;
    let bot = state.app.bot_user.clone();
    let found = state.messages.iter_mut().find(|message| message.channel == channel && message.ts == ts);
    match found {
        Some(message) if message.only_for.is_some() => refuse("message_not_found"),
        Some(message) if message.user != bot => refuse(denied),
        Some(message) => Ok(message),
        None => refuse("message_not_found"),
    }
}

pub(super) fn update(state: &mut State, args: &Args) -> Answer {
    own(state, args, "cant_update_message")?;
    let content = state.content(args)?;
    let escaped = |text: &String| {
        text.chars()
            .map(|c| {
                if c == '&' {
                    5
                } else if matches!(c, '<' | '>') {
                    4
                } else {
                    c.len_utf8()
                }
            })
            .sum::<usize>()
    };
    if content.text.as_ref().map_or(0, escaped) > UPDATED_TEXT {
        return refuse("msg_too_long");
    }
    if content.text.is_none() && content.blocks.is_none() && content.metadata.is_none() {
        return refuse("no_text");
    }
    let message = own(state, args, "cant_update_message")?;
    // Text alone takes the blocks away; blocks alone keep the text.
    match (content.text, content.blocks) {
        (Some(text), blocks) => {
            message.text = text;
            message.blocks = blocks.unwrap_or_default();
        }
        (None, Some(blocks)) => message.blocks = blocks,
        (None, None) => {}
    }
    if let Some(metadata) = content.metadata {
        message.metadata = Some(metadata);
    }
    message.edits += 1;
    let message = message.clone();
    let shown = message.json(state, true);
    Ok(json!({ "channel": message.channel, "ts": message.ts, "text": message.text, "message": shown }))
}

pub(super) fn delete(state: &mut State, args: &Args) -> Answer {
    let (channel, ts) = {
        let message = own(state, args, "cant_delete_message")?;
        (message.channel.clone(), message.ts.clone())
    };
    state.messages.retain(|message| message.channel != channel || message.ts != ts);
    Ok(json!({ "channel": channel, "ts": ts }))
}

pub(super) fn permalink(state: &mut State, args: &Args) -> Answer {
    let channel = args.need("channel").or_else(|_| refuse("channel_not_found"))?;
    let ts = args.need("message_ts")?;
    if state.channels.get(channel).is_none_or(|found| !found.shows_to(&state.app.bot_user)) {
        return refuse("channel_not_found");
    }
    if state.message(channel, ts).is_none_or(|message| message.only_for.is_some()) {
        return refuse("message_not_found");
    }
    let link = format!("https://example.slack.com/archives/{channel}/p{}", ts.replace('.', ""));
    Ok(json!({ "channel": channel, "permalink": link }))
}

/// POST to a response URL: five times, for thirty minutes.
pub(super) async fn respond(With(shared): With<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Response {
    let said = serde_json::from_slice::<Value>(&body).unwrap_or(Value::Null);
    if shared.stops_at("an answer arrives") {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let done = shared.edit(|state| {
        let now = state.now();
        let Some(hook) = state.hooks.get_mut(&id) else { return Err("used_url".to_owned()) };
        if hook.until <= now {
            return Err("expired_url".to_owned());
        }
        if hook.uses >= 5 {
            return Err("used_url".to_owned());
        }
        hook.uses += 1;
        let (user, channel, clicked) = (hook.user.clone(), hook.channel.clone(), hook.message.clone());
        let flag = |key: &str| said[key] == json!(true) || said[key] == json!("true");
        let at = state.messages.iter().position(|m| m.channel == channel && Some(&m.ts) == clicked.as_ref());
        if flag("delete_original") {
            state.messages.retain(|message| message.channel != channel || Some(&message.ts) != clicked.as_ref());
            return Ok(());
        }
        let mut made = state.answer(&user, &channel, &said)?;
        if let (Some(at), true) = (at, flag("replace_original")) {
            state.messages.pop();
            let old = &state.messages[at];
            made = Message { ts: old.ts.clone(), only_for: old.only_for.clone(), edits: old.edits + 1, ..made };
            state.messages[at] = made;
        }
        Ok(())
    });
    if shared.stops_at("an answer is done") {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    match done {
        Ok(()) => (StatusCode::OK, "ok").into_response(),
        Err(error) => (StatusCode::NOT_FOUND, error).into_response(),
    }
}
