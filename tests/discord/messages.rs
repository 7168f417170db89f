//! Messages and the channels that hold them, as the bot reaches them with its token.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::api::{Asked, Outcome};
use super::form::Form;
use super::limits::{self, Place};
use super::refusal::{Faults, Refusal};
use super::seen;
use super::world::{
    ATTACH, Channel, DM, EMBED, EVERYONE, GROUP_DM, HISTORY, MANAGE_MESSAGES, SEND, SEND_IN_THREADS, Stored, TEXT,
    THREAD, THREADS, USUAL, VIEW, VOICE, World, id_of, iso, text_of,
};

/// For how long a nonce is remembered.
const NONCE: std::time::Duration = std::time::Duration::from_secs(300);

/// What is special about a message beside its body.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    pub only: Option<u64>,
    pub of: Option<u64>,
    /// Keys to add, such as `interaction_metadata`.
    pub more: Value,
}

impl World {
    /// The channel, where the bot may look into it.
    pub fn open(&self, channel: u64) -> Result<&Channel, Refusal> {
        let found = self.channels.get(&channel).ok_or_else(|| Refusal::of(10_003))?;
        let inside = found.guild.is_none_or(|guild| self.guilds[&guild].has_bot);
        if !inside || found.kind == GROUP_DM || found.bot & VIEW == 0 {
            return Err(Refusal::of(50_001));
        }
        Ok(found)
    }

    /// Whether the bot may write there, with what it wants to write.
    fn may_send(&self, channel: u64, form: &Form) -> Result<(), Refusal> {
        let found = self.open(channel)?;
        if ![TEXT, DM, VOICE, THREAD].contains(&found.kind) {
            return Err(Refusal::of(50_008));
        }
        if found.kind == DM {
            let to = found.people[0];
            let shared = self.guilds.values().any(|guild| guild.has_bot && guild.members.contains_key(&to));
            return if self.users[&to].closed || !shared { Err(Refusal::of(50_007)) } else { Ok(()) };
        }
        let mut needed = if found.kind == THREAD { SEND_IN_THREADS } else { SEND };
        needed |= if form.json["embeds"].as_array().is_some_and(|list| !list.is_empty()) { EMBED } else { 0 };
        needed |= if form.files.is_empty() { 0 } else { ATTACH };
        if found.bot & needed != needed {
            return Err(Refusal::of(50_013));
        }
        if found.locked { Err(Refusal::of(50_083)) } else { Ok(()) }
    }

    /// Writes a message down. Everything about it was checked before.
    pub fn post(&mut self, channel: u64, author: u64, body: &Value, form: &Form, manner: Manner) -> Value {
        let id = self.id();
        let content = body["content"].as_str().unwrap_or_default().trim().to_owned();
        let attachments = self.attach(channel, body, form, Vec::new());
        let allowed = Some(body["allowed_mentions"].clone()).filter(|allowed| !allowed.is_null());
        let mut json = json!({
            "id": text_of(id), "channel_id": text_of(channel), "author": self.user_json(author), "content": content,
            "timestamp": iso(jiff::Timestamp::now()), "edited_timestamp": null, "tts": false, "pinned": false, "type": 0,
            "attachments": attachments, "embeds": limits::kept_embeds(body), "components": limits::kept_components(body),
            "flags": body["flags"].as_u64().unwrap_or_default(),
        });
        for key in ["nonce", "message_reference"] {
            if !body[key].is_null() {
                json[key] = body[key].clone();
            }
        }
        for (key, value) in manner.more.as_object().into_iter().flatten() {
            json[key] = value.clone();
        }
        self.notify(channel, author, &mut json, allowed.as_ref());
        let Manner { only, of, .. } = manner;
        let stored = Stored {
            json: json.clone(),
            only,
            allowed,
            of,
            before: Vec::new(),
            born: Instant::now(),
            deleted: false,
        };
        self.messages.push(stored);
        if only.is_none() {
            self.tell_message("MESSAGE_CREATE", channel, &json);
        }
        json
    }

    /// Names who is notified.
    fn notify(&self, channel: u64, author: u64, json: &mut Value, allowed: Option<&Value>) {
        let guild = self.channels[&channel].guild;
        let pings = seen::pings(json["content"].as_str().unwrap_or_default(), allowed);
        let users = pings.users.iter().filter(|id| self.users.contains_key(id)).map(|id| self.user_json(*id));
        json["mentions"] = json!(users.collect::<Vec<_>>());
        let power = author != self.bot() || self.channels[&channel].bot & EVERYONE != 0;
        let role = |id: &u64| guild.and_then(|guild| self.guilds[&guild].roles.get(id));
        let roles = pings.roles.iter().filter(|id| role(id).is_some_and(|role| role.mentionable || power));
        json["mention_roles"] = json!(roles.copied().map(text_of).collect::<Vec<_>>());
        json["mention_everyone"] = json!(pings.everyone && power && guild.is_some());
    }

    /// The files of a message: those that stay, and those that came.
    fn attach(&mut self, channel: u64, body: &Value, form: &Form, mut kept: Vec<Value>) -> Vec<Value> {
        let said = body["attachments"].as_array().cloned();
        if let Some(said) = &said {
            kept.retain(|one| said.iter().any(|other| id_of(&other["id"]) == id_of(&one["id"])));
        }
        for (number, file) in &form.files {
            let id = self.id();
            let meta = said.iter().flatten().find(|one| id_of(&one["id"]) == Some(*number));
            let url = format!("{}/attachments/{channel}/{id}/{}", self.base, file.name);
            let mut json = json!({
                "id": text_of(id), "filename": file.name, "size": file.bytes.len(), "url": url, "proxy_url": url,
                "content_type": file.kind,
            });
            if let Some(words) = meta.and_then(|meta| meta["description"].as_str()) {
                json["description"] = json!(words);
            }
            self.files.insert(id, file.clone());
            kept.push(json);
        }
        kept
    }

    /// Checks a change of a message; gives what it will then be, to be stored by [`World::store_edit`].
    pub fn check_edit(&self, faults: &mut Faults, old: &Value, body: &Value, form: &Form, place: Place) {
        let attached = old["attachments"].as_array().cloned().unwrap_or_default();
        let ids = attached.iter().filter_map(|one| id_of(&one["id"])).collect::<Vec<_>>();
        let mut names = form.names();
        names.extend(attached.iter().filter_map(|one| one["filename"].as_str().map(str::to_owned)));
        limits::message(faults, body, place, &names);
        form.check(faults, body, &ids);
    }

    /// Changes a message; a key that is absent stays as it was.
    pub fn store_edit(&mut self, message: u64, body: &Value, form: &Form) -> Result<Value, Refusal> {
        let Some(old) = self.find(message).map(|one| one.json.clone()) else { return Err(Refusal::of(10_008)) };
        let channel = id_of(&old["channel_id"]).expect("every message has one");
        let mut json = old.clone();
        if body.get("content").is_some() {
            json["content"] = json!(body["content"].as_str().unwrap_or_default().trim());
        }
        if body.get("embeds").is_some() {
            json["embeds"] = json!(limits::kept_embeds(body));
        }
        if body.get("components").is_some() {
            json["components"] = json!(limits::kept_components(body));
        }
        let kept = old["attachments"].as_array().cloned().unwrap_or_default();
        json["attachments"] = json!(self.attach(channel, body, form, kept));
        if is_empty(&json) {
            return Err(Refusal::of(50_006));
        }
        // An edit shows its mentions anew, by the rules that came with it.
        let allowed = Some(body["allowed_mentions"].clone()).filter(|allowed| !allowed.is_null());
        if body.get("content").is_some() {
            let author = id_of(&json["author"]["id"]).expect("every message has one");
            self.notify(channel, author, &mut json, allowed.as_ref());
        }
        json["edited_timestamp"] = json!(iso(jiff::Timestamp::now()));
        let stored = self.find_mut(message).expect("found above");
        stored.before.push(std::mem::replace(&mut stored.json, json.clone()));
        if body.get("content").is_some() {
            stored.allowed = allowed;
        }
        if stored.only.is_none() {
            self.tell_message("MESSAGE_UPDATE", channel, &json);
        }
        Ok(json)
    }

    /// Without the privileged intent the bot reads only what is meant for it.
    pub fn shown(&self, json: &Value) -> Value {
        let mut json = json.clone();
        let bot = text_of(self.bot());
        let private = id_of(&json["channel_id"]).is_some_and(|id| self.channels[&id].kind == DM);
        let meant =
            json["mentions"].as_array().is_some_and(|list| list.iter().any(|user| user["id"] == bot.as_str()));
        if !(self.app.message_content || private || meant || json["author"]["id"] == bot.as_str()) {
            json["content"] = json!("");
            for key in ["embeds", "attachments", "components"] {
                json[key] = json!([]);
            }
        }
        json
    }
}

/// Nothing to see.
pub fn is_empty(json: &Value) -> bool {
    let none = |key: &str| json[key].as_array().is_none_or(Vec::is_empty);
    let words = json["content"].as_str().unwrap_or_default().trim();
    words.is_empty() && none("embeds") && none("attachments") && none("components") && none("sticker_ids")
}

pub fn create(world: &mut World, channel: u64, asked: &Asked) -> Outcome {
    let (body, form) = (&asked.form.json, &asked.form);
    world.may_send(channel, form)?;
    let mut faults = Faults::new();
    limits::message(&mut faults, body, Place::Channel, &form.names());
    form.check(&mut faults, body, &[]);
    let reference = id_of(&body["message_reference"]["message_id"]);
    if reference.is_some_and(|id| world.stored(channel, id).is_none())
        && body["message_reference"]["fail_if_not_exists"] != false
    {
        faults.at("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message");
    }
    faults.end()?;
    let embeds =
        json!({ "content": body["content"], "embeds": limits::kept_embeds(body), "components": body["components"] });
    if is_empty(&embeds) && form.files.is_empty() {
        return Err(Refusal::of(50_006));
    }
    if body["enforce_nonce"] == true && !body["nonce"].is_null() {
        let (nonce, bot) = (&body["nonce"], text_of(world.bot()));
        let young = |one: &&Stored| one.born.elapsed() < NONCE && !one.deleted;
        let same = |one: &&Stored| one.json["nonce"] == *nonce && one.json["author"]["id"] == bot.as_str();
        if let Some(first) = world.messages.iter().filter(young).find(same) {
            return Ok((200, first.json.clone()));
        }
    }
    let mut manner = Manner::default();
    if let Some(first) = reference.and_then(|id| world.stored(channel, id)) {
        manner.more = json!({ "type": 19, "referenced_message": first.json });
    }
    // A message wakes a thread that slept.
    world.channels.get_mut(&channel).expect("opened above").archived = false;
    Ok((200, world.post(channel, world.bot(), body, form, manner)))
}

pub fn edit(world: &mut World, channel: u64, message: u64, asked: &Asked) -> Outcome {
    let archived = world.open(channel)?.archived;
    let stored = world.stored(channel, message).ok_or_else(|| Refusal::of(10_008))?;
    if stored.json["author"]["id"] != text_of(world.bot()).as_str() {
        return Err(Refusal::of(50_005));
    }
    if archived {
        return Err(Refusal::of(50_083));
    }
    let mut faults = Faults::new();
    world.check_edit(&mut faults, &stored.json, &asked.form.json, &asked.form, Place::Edit);
    faults.end()?;
    Ok((200, world.store_edit(message, &asked.form.json, &asked.form)?))
}

pub fn read(world: &World, channel: u64, message: u64) -> Outcome {
    let open = world.open(channel)?;
    if open.bot & HISTORY == 0 {
        return Err(Refusal::of(50_013));
    }
    let stored = world.stored(channel, message).ok_or_else(|| Refusal::of(10_008))?;
    Ok((200, world.shown(&stored.json)))
}

pub fn list(world: &World, channel: u64, asked: &Asked) -> Outcome {
    let open = world.open(channel)?;
    let number = |key: &str| asked.query.get(key).and_then(|text| text.parse::<u64>().ok());
    let limit = number("limit").unwrap_or(50);
    if !(1..=100).contains(&limit) {
        let mut faults = Faults::new();
        faults.at("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.");
        faults.end()?;
    }
    if open.bot & HISTORY == 0 {
        return Ok((200, json!([])));
    }
    let before = number("before").unwrap_or(u64::MAX);
    let after = number("after").unwrap_or(0);
    let id = |one: &&Stored| id_of(&one.json["id"]).unwrap_or_default();
    let here =
        |one: &&Stored| !one.deleted && one.only.is_none() && one.json["channel_id"] == text_of(channel).as_str();
    let mut found =
        world.messages.iter().filter(here).filter(|one| (after + 1..before).contains(&id(one))).collect::<Vec<_>>();
    found.sort_by_key(|one| std::cmp::Reverse(id(one)));
    // After a message the oldest are wanted, else the newest; either way the newest stands first.
    if asked.query.contains_key("after") {
        found = found.split_off(found.len().saturating_sub(limit as usize));
    }
    found.truncate(limit as usize);
    Ok((200, json!(found.into_iter().map(|one| world.shown(&one.json)).collect::<Vec<_>>())))
}

pub fn delete(world: &mut World, channel: u64, message: u64) -> Outcome {
    let power = world.open(channel)?.bot & MANAGE_MESSAGES != 0;
    let stored = world.stored(channel, message).ok_or_else(|| Refusal::of(10_008))?;
    if stored.json["author"]["id"] != text_of(world.bot()).as_str() && !power {
        return Err(Refusal::of(50_013));
    }
    world.erase(message);
    Ok((204, Value::Null))
}

pub fn open_thread(world: &mut World, channel: u64, message: u64, asked: &Asked) -> Outcome {
    let parent = world.open(channel)?.clone();
    if parent.kind != TEXT {
        return Err(Refusal::of(50_024));
    }
    if parent.bot & THREADS == 0 {
        return Err(Refusal::of(50_013));
    }
    world.stored(channel, message).ok_or_else(|| Refusal::of(10_008))?;
    if world.channels.contains_key(&message) {
        return Err(Refusal::of(160_004));
    }
    let mut faults = Faults::new();
    let name = faults.text(&asked.form.json, "name", 1, 100).unwrap_or_default();
    let minutes = &asked.form.json["auto_archive_duration"];
    if !minutes.is_null() && ![60, 1440, 4320, 10_080].contains(&minutes.as_u64().unwrap_or_default()) {
        faults.choices("auto_archive_duration", "60, 1440, 4320, 10080");
    }
    faults.end()?;
    // A thread has the id of the message under which it hangs.
    let thread =
        Channel { id: message, kind: THREAD, name, parent: Some(channel), bot: USUAL & parent.bot, ..parent };
    world.channels.insert(message, thread);
    let json = world.channel_json(message);
    if let Some(stored) = world.find_mut(message) {
        stored.json["thread"] = json.clone();
        stored.json["flags"] = json!(stored.json["flags"].as_u64().unwrap_or_default() | (1 << 5));
    }
    Ok((201, json))
}

pub fn open_private(world: &mut World, asked: &Asked) -> Outcome {
    let to = id_of(&asked.form.json["recipient_id"]);
    let Some(to) = to.filter(|to| world.users.contains_key(to)) else {
        return Err(Refusal::new(400, 50_033, "Invalid Recipient(s)"));
    };
    if world.users[&to].bot {
        return Err(Refusal::of(50_007));
    }
    let channel = world.private(to);
    Ok((200, world.channel_json(channel)))
}
