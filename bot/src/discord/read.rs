//! What Discord sent, as an event.
//!
//! Looked at as plain JSON, field by field: Discord adds fields, and no press may be lost to that.

#[cfg(test)]
#[path = "tests/letters.rs"]
mod tests;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use workflows::identity::{Chat, ChatUser};

use super::components::named;
use crate::card::Verb;
use crate::event::{Action, Back, Event, MessageRef, Place};
use crate::form::{FormName, Values};
use crate::platform::Unreadable;

/// The workspace of whoever does not act in our guild; no guild has this id.
const ELSEWHERE: &str = "elsewhere";
/// Seen by one person alone, so nobody can write it anew later.
const EPHEMERAL: u64 = 1 << 6;

/// What is answered at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// Discord asks whether we are there.
    Pong,
    /// What was typed so far, by whom.
    Suggest {
        /// Who.
        who: ChatUser,
        /// What.
        typed: String,
    },
    /// "Is thinking…", for that person alone.
    DeferReply,
    /// Nothing to be seen; the message stays as it is.
    DeferUpdate,
    /// A form, which can only be opened as the first answer.
    Form,
    /// Nothing is due.
    None,
}

fn word<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(Value::as_u64).unwrap_or_default()
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn yes(value: &Value, path: &str) -> bool {
    value.pointer(path) == Some(&Value::Bool(true))
}

/// The event's name and what it holds; an interaction that came over HTTP has no cover.
fn opened(payload: &Value) -> (&str, &Value) {
    match (payload.get("t").and_then(Value::as_str), payload.get("d")) {
        (Some(name), Some(inner)) => (name, inner),
        _ => ("INTERACTION_CREATE", payload),
    }
}

/// What a stored letter says; nothing where it is of no interest.
pub(super) fn read(letter: &str, guild: &str, application: &str) -> Result<Option<Event>, Unreadable> {
    let letter: Value = serde_json::from_str(letter).map_err(|error| Unreadable(format!("no JSON: {error}")))?;
    let (name, inner) = opened(&letter);
    Ok(match name {
        "INTERACTION_CREATE" => interaction(inner, guild, application),
        "MESSAGE_CREATE" => written(inner, guild, application),
        "CHANNEL_UPDATE" | "CHANNEL_DELETE" if word(inner, "/guild_id") == guild => {
            some(word(inner, "/id")).map(Place).map(|place| Event {
                back: Back { place: Some(place.clone()), ..nobody(guild, "") },
                what: Action::PlaceChanged { place },
            })
        }
        "GUILD_MEMBER_REMOVE" if word(inner, "/guild_id") == guild => some(word(inner, "/user/id"))
            .map(|user| Event { back: nobody(guild, &user), what: Action::PersonChanged }),
        _ => None,
    })
}

fn person(workspace: &str, user: &str) -> ChatUser {
    ChatUser { chat: Chat::Discord, workspace: workspace.to_owned(), user: user.to_owned() }
}

fn nobody(guild: &str, user: &str) -> Back {
    Back { who: person(guild, user), place: None, message: None, trigger: None, token: None, id: None, view: None }
}

/// The conversation of one person with the bot.
const WITH_US: u64 = 1;

/// Who acted. Of our workspace is a member who acts within our own guild, or in the conversation with us, where our cards
/// are too; whether that one is still a member is asked before anything is done. An app can be carried elsewhere as well,
/// and what comes from there counts for nothing.
fn actor(it: &Value, guild: &str) -> ChatUser {
    let member = word(it, "/member/user/id");
    if carried(it) {
        return person(ELSEWHERE, if member.is_empty() { word(it, "/user/id") } else { member });
    }
    let ours = !guild.is_empty() && word(it, "/guild_id") == guild;
    if ours && number(it, "/context") == 0 && !member.is_empty() && !yes(it, "/member/user/bot") {
        return person(guild, member);
    }
    let user = if member.is_empty() { word(it, "/user/id") } else { member };
    let with_us = member.is_empty() && word(it, "/guild_id").is_empty() && number(it, "/context") == WITH_US;
    if with_us && !user.is_empty() && !yes(it, "/user/bot") {
        return person(guild, user);
    }
    person(ELSEWHERE, user)
}

/// Whether somebody brought the application along for himself alone: it is there by no guild's leave.
fn carried(it: &Value) -> bool {
    let owners = it.get("authorizing_integration_owners").and_then(Value::as_object);
    owners.is_some_and(|owners| owners.contains_key("1") && !owners.contains_key("0"))
}

fn back(it: &Value, guild: &str) -> Back {
    let place = [word(it, "/channel_id"), word(it, "/channel/id")].into_iter().find_map(some).map(Place);
    let seen_by_all = number(it, "/message/flags") & EPHEMERAL == 0;
    let message = some(word(it, "/message/id")).filter(|_| seen_by_all);
    let message = place.clone().zip(message).map(|(place, message)| MessageRef { place, message });
    Back {
        who: actor(it, guild),
        place,
        message,
        trigger: (due(it) == First::Form).then(|| "modal".to_owned()),
        token: some(word(it, "/token")),
        id: some(word(it, "/id")),
        view: None,
    }
}

fn interaction(it: &Value, guild: &str, application: &str) -> Option<Event> {
    let app = word(it, "/application_id");
    if !app.is_empty() && !application.is_empty() && app != application {
        return None;
    }
    let what = match number(it, "/type") {
        2 => commanded(it)?,
        3 => {
            let (verb, key, choice) = pressed(it)?;
            Action::Pressed { verb, key, choice }
        }
        5 => submitted(it)?,
        _ => return None,
    };
    let back = back(it, guild);
    (!back.who.user.is_empty()).then_some(Event { back, what })
}

/// The button that was pressed, or the entry of a menu that was chosen: each has the same kind of name.
fn pressed(it: &Value) -> Option<(Verb, String, String)> {
    let chosen = word(it, "/data/values/0");
    named(if chosen.is_empty() { word(it, "/data/custom_id") } else { chosen })
}

fn options(it: &Value) -> impl Iterator<Item = &Value> {
    it.pointer("/data/options").and_then(Value::as_array).into_iter().flatten()
}

/// What was filled in for an option, as words on one line.
fn filled(option: &Value) -> Option<String> {
    let value = option.get("value")?;
    let words = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    some(&words.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// What a command says, in the words that can be typed as well.
fn commanded(it: &Value) -> Option<Action> {
    let name = word(it, "/data/name");
    let mut said = vec![name.to_owned()];
    match name {
        "access" | "breakglass" => {
            let of =
                |names: &[&str]| options(it).find(|option| names.contains(&word(option, "/name"))).and_then(filled);
            said.extend(of(&["target"]));
            said.extend(of(&["level"]));
            said.extend(of(&["duration", "for"]));
            let reason = of(&["reason", "because", "why"]);
            said.extend(reason.map(|why| format!("because {why}")));
            if name == "access" && said.len() == 1 {
                return Some(Action::Pressed { verb: Verb::Request, key: String::new(), choice: String::new() });
            }
        }
        "mine" | "who" | "done" | "digest" => said.extend(options(it).filter_map(filled)),
        _ => return None,
    }
    Some(Action::Said { text: said.join(" ") })
}

fn submitted(it: &Value) -> Option<Action> {
    let (name, key) = word(it, "/data/custom_id").split_once('|')?;
    let form = FormName::parse(name)?;
    let mut values = Values::new();
    let rows = it.pointer("/data/components").and_then(Value::as_array).into_iter().flatten();
    for field in rows.filter_map(|row| row.pointer("/components/0")) {
        let (name, value) = (word(field, "/custom_id"), word(field, "/value").trim());
        if !name.is_empty() && !value.is_empty() {
            values.insert(name.to_owned(), value.to_owned());
        }
    }
    Some(Action::Submitted { form, key: key.to_owned(), values })
}

/// A message that somebody wrote to us: in our conversation, or by our name in the guild.
fn written(message: &Value, guild: &str, application: &str) -> Option<Event> {
    let user = word(message, "/author/id");
    let program = yes(message, "/author/bot") || !word(message, "/webhook_id").is_empty() || user == application;
    // Others tell of what Discord did, such as that something was pinned.
    let answer = number(message, "/type") == 19;
    if user.is_empty() || program || !(answer || number(message, "/type") == 0) {
        return None;
    }
    let text = word(message, "/content");
    let text = match word(message, "/guild_id") {
        "" => without(text, application).unwrap_or_else(|| text.trim().to_owned()),
        here if here == guild => without(text, application)?,
        _ => return None,
    };
    let place = some(word(message, "/channel_id")).map(Place);
    let above = some(word(message, "/message_reference/message_id")).filter(|_| answer);
    let above = place.clone().zip(above).map(|(place, message)| MessageRef { place, message });
    let back = Back { place, message: above, ..nobody(guild, user) };
    Some(Event { back, what: Action::Said { text } })
}

/// What was typed, without our name; nothing where we are not named.
fn without(text: &str, application: &str) -> Option<String> {
    if application.is_empty() {
        return None;
    }
    let name =
        [format!("<@{application}>"), format!("<@!{application}>")].into_iter().find(|name| text.contains(name))?;
    let rest = text.replacen(&name, "", 1);
    Some(rest.trim().trim_start_matches([',', ':']).trim().to_owned())
}

/// The same for every delivery of the same thing, and different otherwise.
pub(super) fn key(payload: &Value) -> Option<String> {
    let (name, inner) = opened(payload);
    let id = some(word(inner, "/id"));
    match name {
        "INTERACTION_CREATE" => id.map(|id| format!("interaction:{id}")),
        "MESSAGE_CREATE" => id.map(|id| format!("message:{id}")),
        "CHANNEL_UPDATE" | "CHANNEL_DELETE" => id.map(|id| format!("channel:{id}:{}", digest(payload))),
        "GUILD_MEMBER_REMOVE" => {
            some(word(inner, "/user/id")).map(|user| format!("member:{user}:{}", digest(payload)))
        }
        _ => None,
    }
}

/// What tells changes apart that have no id of their own: all of it, with its number in the stream.
fn digest(payload: &Value) -> String {
    let hash = Sha256::digest(payload.to_string().as_bytes());
    let hex: Vec<String> = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    hex.concat()
}

/// What is due as the first answer.
pub(super) fn first(payload: &Value, guild: &str) -> First {
    let (name, it) = opened(payload);
    if name != "INTERACTION_CREATE" {
        return First::None;
    }
    if number(it, "/type") == 4 {
        let typed = options(it).find(|option| yes(option, "/focused")).and_then(filled).unwrap_or_default();
        return First::Suggest { who: actor(it, guild), typed };
    }
    due(it)
}

fn due(it: &Value) -> First {
    match number(it, "/type") {
        1 => First::Pong,
        2 => match commanded(it) {
            Some(Action::Pressed { .. }) => First::Form,
            // Breaking the glass without a word more asks for them.
            Some(Action::Said { text }) if text == "breakglass" => First::Form,
            Some(_) => First::DeferReply,
            None => First::None,
        },
        3 => match pressed(it) {
            Some((verb, _, choice)) if opens(verb, &choice) => First::Form,
            // A button of an old message that nobody knows any more does nothing, and says no error.
            Some(_) | None => First::DeferUpdate,
        },
        5 if submitted(it).is_some() => First::DeferReply,
        _ => First::None,
    }
}

/// Whether a press opens a form.
fn opens(verb: Verb, choice: &str) -> bool {
    match verb {
        Verb::Deny | Verb::Ask | Verb::Answer | Verb::Revoke | Verb::Delegate | Verb::Edit | Verb::Request => true,
        Verb::Extend => choice.is_empty(),
        Verb::Approve
        | Verb::ApproveForSession
        | Verb::ApproveAgain
        | Verb::ApproveLess
        | Verb::Open
        | Verb::Next
        | Verb::Claim
        | Verb::Escalate
        | Verb::Withdraw
        | Verb::Nudge
        | Verb::Send
        | Verb::Discard
        | Verb::Done
        | Verb::Connect
        | Verb::Mine
        | Verb::Reviewed
        | Verb::Act
        | Verb::Link => false,
    }
}
