//! What Slack sent, as an event.
//!
//! Looked at as plain JSON, field by field: Slack adds fields and turns others into `null` (an org-wide install sends
//! `"team": null`), and no click may be lost to that.

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use workflows::identity::{Chat, ChatUser};

use super::buttons::verb;
use super::words::{link_to, mentions, without};
use crate::event::{Action, Back, Event, MessageRef, Place};
use crate::form::{FormName, Values};
use crate::platform::Unreadable;

/// The text at a path, or nothing.
pub(super) fn word<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// The first of several texts that is there.
fn first<'a>(value: &'a Value, paths: &[&str]) -> &'a str {
    paths.iter().map(|path| word(value, path)).find(|text| !text.is_empty()).unwrap_or_default()
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// What was sent, out of the envelope in which a socket delivers it.
pub(super) fn payload(letter: &Value) -> &Value {
    match (letter.get("envelope_id"), letter.get("payload")) {
        (Some(_), Some(payload)) => payload,
        _ => letter,
    }
}

/// What a stored letter says. `ours` is our app's id, once it is known.
pub(super) fn letter(text: &str, ours: Option<&str>) -> Result<Option<Event>, Unreadable> {
    let letter: Value = serde_json::from_str(text).map_err(|error| Unreadable(format!("no JSON: {error}")))?;
    Ok(event(payload(&letter), ours))
}

/// What a payload says; nothing where it is of no interest.
pub(super) fn event(payload: &Value, ours: Option<&str>) -> Option<Event> {
    let app = word(payload, "/api_app_id");
    if ours.is_some_and(|ours| !app.is_empty() && app != ours) {
        return None;
    }
    match word(payload, "/type") {
        "block_actions" => pressed(payload),
        "view_submission" => submitted(payload),
        "message_action" => about(payload),
        // The shortcut that is offered everywhere: asking for access.
        "shortcut" => Some(Event { back: back(payload), what: Action::Said { text: "access".to_owned() } }),
        "event_callback" => happened(payload),
        "" if !word(payload, "/command").is_empty() => Some(commanded(payload)),
        _ => None,
    }
}

fn person(workspace: &str, user: &str) -> ChatUser {
    ChatUser { chat: Chat::Slack, workspace: workspace.to_owned(), user: user.to_owned() }
}

/// Who acted: the workspace is their own, so that whoever comes from a connected one is not taken for one of ours.
pub(super) fn actor(payload: &Value) -> ChatUser {
    let workspace =
        first(payload, &["/user/team_id", "/team/id", "/user/enterprise_user/enterprise_id", "/enterprise/id"]);
    person(workspace, word(payload, "/user/id"))
}

fn place(id: &str) -> Option<Place> {
    some(id).map(Place)
}

fn message(place: &str, ts: &str) -> Option<MessageRef> {
    (!place.is_empty() && !ts.is_empty())
        .then(|| MessageRef { place: Place(place.to_owned()), message: ts.to_owned() })
}

/// The way back to whoever pressed, sent or chose something.
fn back(payload: &Value) -> Back {
    let at = first(payload, &["/channel/id", "/container/channel_id"]);
    let ts = first(payload, &["/container/message_ts", "/message/ts", "/message_ts"]);
    let seen_by_all = payload.pointer("/container/is_ephemeral") != Some(&Value::Bool(true));
    // A page can't be replaced by a form, a form can.
    let view = (word(payload, "/view/type") == "modal").then(|| word(payload, "/view/id")).and_then(some);
    Back {
        who: actor(payload),
        place: place(at),
        message: message(at, ts).filter(|_| seen_by_all),
        trigger: some(word(payload, "/trigger_id")),
        token: some(word(payload, "/response_url")),
        id: None,
        view,
    }
}

fn pressed(payload: &Value) -> Option<Event> {
    // A copy of a card that another app has posted.
    let (app, author) = (word(payload, "/api_app_id"), word(payload, "/message/app_id"));
    if !author.is_empty() && !app.is_empty() && author != app {
        return None;
    }
    let action = payload.pointer("/actions/0")?;
    let chosen = word(action, "/selected_option/value");
    let (name, value) = if chosen.is_empty() {
        (word(action, "/action_id"), word(action, "/value"))
    } else {
        // An entry of a menu says its verb itself.
        chosen.split_once('|')?
    };
    let (key, choice) = value.split_once('|')?;
    let what = Action::Pressed { verb: verb(name)?, key: key.to_owned(), choice: choice.to_owned() };
    Some(Event { back: back(payload), what })
}

fn submitted(payload: &Value) -> Option<Event> {
    let form = FormName::parse(word(payload, "/view/callback_id"))?;
    let key = word(payload, "/view/private_metadata").to_owned();
    let mut values = Values::new();
    let blocks = payload.pointer("/view/state/values").and_then(Value::as_object).into_iter().flatten();
    for (name, field) in blocks.filter_map(|(_, block)| block.as_object()).flatten() {
        let value = first(field, &["/value", "/selected_option/value", "/selected_user"]);
        if !value.trim().is_empty() {
            values.insert(name.clone(), value.to_owned());
        }
    }
    // It closes when it is acknowledged, so it can't be replaced any more.
    let back = Back { view: None, ..back(payload) };
    Some(Event { back, what: Action::Submitted { form, key, values } })
}

fn about(payload: &Value) -> Option<Event> {
    let text = super::words::said(word(payload, "/message/text"));
    let link = link_to(
        word(payload, "/team/domain"),
        word(payload, "/channel/id"),
        first(payload, &["/message/ts", "/message_ts"]),
        word(payload, "/message/thread_ts"),
    );
    // The message is somebody's, and not one of ours that could be written anew.
    let back = Back { message: None, ..back(payload) };
    (!back.who.user.is_empty()).then_some(Event { back, what: Action::About { text, link } })
}

fn commanded(payload: &Value) -> Event {
    let name = word(payload, "/command").trim_start_matches('/');
    let text = format!("{name} {}", super::words::said(word(payload, "/text"))).trim().to_owned();
    let back = Back {
        who: person(first(payload, &["/team_id", "/enterprise_id"]), word(payload, "/user_id")),
        place: place(word(payload, "/channel_id")),
        message: None,
        trigger: some(word(payload, "/trigger_id")),
        token: some(word(payload, "/response_url")),
        id: None,
        view: None,
    };
    Event { back, what: Action::Said { text } }
}

/// The bot's own account, as the cover of each event names it.
fn bot(payload: &Value) -> &str {
    let all = payload.pointer("/authorizations").and_then(Value::as_array);
    let ours = all.into_iter().flatten().find(|one| one.pointer("/is_bot") == Some(&Value::Bool(true)));
    ours.map_or("", |one| word(one, "/user_id"))
}

/// An event. Most are of no interest, and are not even stored.
fn happened(payload: &Value) -> Option<Event> {
    let event = payload.pointer("/event")?;
    let channel = first(event, &["/channel", "/channel/id", "/old_channel_id"]);
    let user = first(event, &["/user", "/user/id", "/actor_id"]);
    let team = first(event, &["/user_team", "/user/team_id", "/team"]);
    let team = if team.is_empty() { word(payload, "/team_id") } else { team };
    let back = Back {
        who: person(team, user),
        place: place(channel),
        message: message(channel, word(event, "/thread_ts")),
        trigger: None,
        token: None,
        id: None,
        view: None,
    };
    let changed = || Some(Action::PlaceChanged { place: Place(some(channel)?) });
    let what = match word(event, "/type") {
        "app_mention" | "message" => Action::Said { text: said(payload, event, user)? },
        "app_home_opened" if first(event, &["/tab"]) != "messages" => Action::Home,
        "channel_shared" | "channel_unshared" | "channel_archive" | "channel_unarchive" | "channel_deleted"
        | "channel_left" | "channel_id_changed" | "group_archive" | "group_unarchive" | "group_deleted"
        | "group_left" => changed()?,
        "member_left_channel" if user == bot(payload) => changed()?,
        "user_change" if event.pointer("/user/deleted") == Some(&Value::Bool(true)) => Action::PersonChanged,
        _ => return None,
    };
    Some(Event { back, what })
}

/// What a person wrote to us; nothing where a program wrote it, or it was meant for others.
fn said(payload: &Value, event: &Value, user: &str) -> Option<String> {
    let bot = bot(payload);
    let program = !word(event, "/bot_id").is_empty() || user.is_empty() || user == bot || user == "USLACKBOT";
    // Changes, deletions and the like have a subtype; so have messages with files, and those are somebody's words.
    let kind = word(event, "/subtype");
    let words = matches!(kind, "" | "file_share" | "thread_broadcast" | "me_message");
    let text = word(event, "/text");
    let alone = word(event, "/channel_type") == "im";
    let meant = alone || word(event, "/type") == "app_mention" || mentions(text, bot);
    (!program && words && meant).then(|| without(text, bot))
}

/// The same for every delivery of the same thing, and different otherwise.
pub(super) fn key(payload: &Value) -> String {
    let of = |paths: &[&str]| paths.iter().map(|path| word(payload, path)).collect::<Vec<_>>();
    let team = first(payload, &["/user/team_id", "/team/id", "/team_id"]);
    let (kind, parts) = match word(payload, "/type") {
        "block_actions" => {
            let action = of(&["/user/id", "/actions/0/action_ts", "/actions/0/action_id"]);
            let at = first(payload, &["/container/message_ts", "/message/ts", "/container/view_id", "/view/id"]);
            ("pressed", [action, vec![at]].concat())
        }
        // A form goes away with the first sending that is taken, so each is sent once.
        "view_submission" => ("submitted", of(&["/user/id", "/view/id"])),
        "message_action" | "shortcut" => ("shortcut", of(&["/user/id", "/trigger_id"])),
        "event_callback" => match word(payload, "/event/type") {
            // A mention may come twice: as a mention, and as a message of the channel.
            "app_mention" | "message" => ("said", of(&["/event/channel", "/event/ts"])),
            _ => ("event", of(&["/event_id"])),
        },
        _ => ("command", of(&["/user_id", "/trigger_id"])),
    };
    if parts.iter().any(|part| part.is_empty()) {
        let hash = Sha256::digest(payload.to_string().as_bytes());
        let hex: Vec<String> = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        return format!("{kind}|{}", hex.concat());
    }
    format!("{kind}|{team}|{}", parts.join("|"))
}
