//! Interactions: what people pressed or typed, and the one first response that is due within three seconds.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::api::{Asked, Outcome};
use super::commands;
use super::form::Form;
use super::limits::{self, Place};
use super::messages::{Manner, is_empty};
use super::refusal::{Faults, Refusal};
use super::world::{EPHEMERAL, LOADING, World, text_of};

/// How long Discord waits for the first response.
pub const FIRST: Duration = Duration::from_secs(3);
/// How long the token lives.
const TOKEN: Duration = Duration::from_secs(15 * 60);

/// Kinds of interactions.
pub const COMMAND: u8 = 2;
pub const COMPONENT: u8 = 3;
pub const AUTOCOMPLETE: u8 = 4;
pub const MODAL: u8 = 5;

/// Kinds of first responses.
pub const MESSAGE: u64 = 4;
pub const DEFER: u64 = 5;
pub const DEFER_UPDATE: u64 = 6;
pub const UPDATE: u64 = 7;
pub const CHOICES: u64 = 8;
pub const OPEN_MODAL: u64 = 9;

/// Something that a person did, and what became of it.
#[derive(Clone, Debug)]
pub struct Interaction {
    pub id: u64,
    pub token: String,
    pub kind: u8,
    pub user: u64,
    pub channel: u64,
    /// The message that was pressed, or from which the modal was opened.
    pub source: Option<u64>,
    /// `interaction_metadata` of the messages that answer.
    pub meta: Value,
    /// Of autocomplete: the type of the option.
    pub option: u64,
    pub born: Instant,
    pub first: Option<First>,
    pub failed: bool,
    /// The message that `@original` means.
    pub original: Option<u64>,
    pub expired: bool,
    /// Of an opened modal: it was sent off.
    pub submitted: bool,
}

/// The first response.
#[derive(Clone, Debug)]
pub struct First {
    pub kind: u64,
    pub data: Value,
    pub after: Duration,
}

impl World {
    /// Tells the person that the application failed, once.
    pub fn fail(&mut self, at: usize) {
        let it = &mut self.interactions[at];
        if !it.failed && it.first.is_none() {
            it.failed = true;
            self.failures.push((it.user, "The application did not respond".to_owned()));
        }
    }
}

/// The REST route of the first response.
pub fn callback(world: &mut World, id: u64, token: &str, asked: &Asked) -> Outcome {
    let Some(at) = world.interactions.iter().position(|one| one.id == id && one.token == token) else {
        return Err(Refusal::of(10_062));
    };
    let message = respond(world, at, &asked.form)?;
    if asked.query.get("with_response").is_none_or(|value| !["1", "true"].contains(&value.as_str())) {
        return Ok((204, Value::Null));
    }
    let it = &world.interactions[at];
    let kind = it.first.as_ref().map(|first| first.kind);
    let mut answer =
        json!({ "interaction": { "id": text_of(it.id), "type": it.kind }, "resource": { "type": kind } });
    if let Some(message) = message {
        answer["interaction"]["response_message_id"] = message["id"].clone();
        answer["interaction"]["response_message_loading"] = json!(flags(&message) & LOADING != 0);
        answer["interaction"]["response_message_ephemeral"] = json!(flags(&message) & EPHEMERAL != 0);
        answer["resource"]["message"] = message;
    }
    Ok((200, answer))
}

/// Takes the first response, from either way. Gives the message that it made or changed.
pub fn respond(world: &mut World, at: usize, form: &Form) -> Result<Option<Value>, Refusal> {
    let it = world.interactions[at].clone();
    if it.failed || it.born.elapsed() > FIRST {
        if it.first.is_some() {
            return Err(Refusal::of(40_060));
        }
        world.fail(at);
        return Err(Refusal::of(10_062));
    }
    if it.first.is_some() {
        return Err(Refusal::of(40_060));
    }
    let kind = form.json["type"].as_u64().unwrap_or_default();
    let data = form.json["data"].clone();
    let data = if data.is_null() { json!({}) } else { data };
    check(world, &it, kind, &data, form)?;
    let message = match kind {
        MESSAGE | DEFER => Some(answer_with(world, &it, &data, form, if kind == DEFER { LOADING } else { 0 })),
        UPDATE => Some(world.store_edit(it.source.expect("checked"), &data, form)?),
        _ => None,
    };
    let original = match kind {
        MESSAGE | DEFER => message.as_ref().and_then(|message| super::world::id_of(&message["id"])),
        UPDATE | DEFER_UPDATE => it.source,
        _ => None,
    };
    let it = &mut world.interactions[at];
    it.original = original;
    it.first = Some(First { kind, data, after: it.born.elapsed() });
    Ok(message)
}

fn check(world: &World, it: &Interaction, kind: u64, data: &Value, form: &Form) -> Result<(), Refusal> {
    let mut faults = Faults::new();
    let possible: &[u64] = match it.kind {
        COMMAND => &[MESSAGE, DEFER, OPEN_MODAL],
        COMPONENT => &[MESSAGE, DEFER, DEFER_UPDATE, UPDATE, OPEN_MODAL],
        AUTOCOMPLETE => &[CHOICES],
        _ if it.source.is_some() => &[MESSAGE, DEFER, DEFER_UPDATE, UPDATE],
        _ => &[MESSAGE, DEFER],
    };
    if !possible.contains(&kind) {
        let names = possible.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        faults.choices("type", &names);
        return faults.end();
    }
    let source = it.source.and_then(|id| world.find(id));
    if kind == UPDATE && source.is_none() {
        return Err(Refusal::of(10_008));
    }
    faults.within("data", |faults| match kind {
        MESSAGE | DEFER => {
            limits::message(faults, data, Place::Interaction, &form.names());
            form.check(faults, data, &[]);
        }
        UPDATE => world.check_edit(faults, &source.expect("seen above").json, data, form, Place::Interaction),
        CHOICES => commands::choices(faults, data, it.option),
        OPEN_MODAL => commands::modal(faults, data),
        _ => {}
    });
    faults.end()?;
    if kind == MESSAGE && nothing(data, form) {
        return Err(Refusal::of(50_006));
    }
    Ok(())
}

fn nothing(data: &Value, form: &Form) -> bool {
    let shown = json!({
        "content": data["content"], "embeds": limits::kept_embeds(data), "components": data["components"],
    });
    is_empty(&shown) && form.files.is_empty()
}

/// A message in answer to somebody, for all or for his eyes only.
fn answer_with(world: &mut World, it: &Interaction, data: &Value, form: &Form, more: u64) -> Value {
    let flags = data["flags"].as_u64().unwrap_or_default();
    let app = text_of(world.app.id);
    let mut extra = json!({
        "flags": flags | more, "application_id": app, "webhook_id": app, "interaction_metadata": it.meta,
        "type": if it.kind == COMMAND { 20 } else { 0 },
    });
    if more & LOADING != 0 {
        extra["content"] = json!("");
    }
    let only = (flags & EPHEMERAL != 0).then_some(it.user);
    world.post(it.channel, world.bot(), data, form, Manner { only, of: Some(it.id), more: extra })
}

/// What the token of an interaction still allows: to answer more, to change the answers, to take them back.
pub fn webhook(world: &mut World, app: u64, token: &str, rest: &[&str], asked: &Asked) -> Outcome {
    let it = world.interactions.iter().find(|one| one.token == token).cloned();
    let Some(it) = it.filter(|_| app == world.app.id) else { return Err(Refusal::of(10_015)) };
    if it.expired || it.born.elapsed() > TOKEN {
        return Err(Refusal::of(50_027));
    }
    // Before the first response there is nothing to follow up.
    if it.first.as_ref().is_none_or(|first| [CHOICES, OPEN_MODAL].contains(&first.kind)) {
        return Err(Refusal::of(10_015));
    }
    if let ("POST", []) = (asked.method.as_str(), rest) {
        return follow_up(world, &it, asked);
    }
    let ["messages", which] = rest else { return Err(Refusal::not_found()) };
    let message = if *which == "@original" { it.original } else { which.parse().ok() };
    let stored = message.and_then(|id| world.find(id)).filter(|one| one.of == Some(it.id) || message == it.original);
    let Some(stored) = stored.cloned() else { return Err(Refusal::of(10_008)) };
    let message = message.expect("it was found by it");
    match asked.method.as_str() {
        "GET" => Ok((200, stored.json)),
        "PATCH" => Ok((200, change(world, message, asked)?)),
        "DELETE" => {
            world.erase(message);
            Ok((204, Value::Null))
        }
        _ => Err(Refusal::new(405, 0, "405: Method Not Allowed")),
    }
}

fn follow_up(world: &mut World, it: &Interaction, asked: &Asked) -> Outcome {
    let (body, form) = (&asked.form.json, &asked.form);
    let mut faults = Faults::new();
    limits::message(&mut faults, body, Place::Interaction, &form.names());
    form.check(&mut faults, body, &[]);
    faults.end()?;
    if nothing(body, form) {
        return Err(Refusal::of(50_006));
    }
    // The first one after "is thinking…" takes its place, and is as private as that was, whatever it says itself.
    let waiting = it.original.and_then(|id| world.find(id)).filter(|one| flags(&one.json) & LOADING != 0);
    if waiting.is_some() {
        return Ok((200, change(world, it.original.expect("it waits"), asked)?));
    }
    Ok((200, answer_with(world, it, body, form, 0)))
}

fn flags(json: &Value) -> u64 {
    json["flags"].as_u64().unwrap_or_default()
}

fn change(world: &mut World, message: u64, asked: &Asked) -> Result<Value, Refusal> {
    let (body, form) = (&asked.form.json, &asked.form);
    let stored = world.find_mut(message).ok_or_else(|| Refusal::of(10_008))?;
    let old = flags(&stored.json);
    let json = stored.json.clone();
    let mut faults = Faults::new();
    world.check_edit(&mut faults, &json, body, form, Place::Interaction);
    faults.end()?;
    let set =
        |world: &mut World, flags: u64| world.find_mut(message).expect("it was there").json["flags"] = json!(flags);
    set(world, old & !LOADING);
    let changed = world.store_edit(message, body, form);
    if changed.is_err() {
        set(world, old);
    }
    changed
}
