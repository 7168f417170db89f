//! What people do: type commands, press buttons, choose, fill in modals, write. Each waits for the first response.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::form::Form;
use super::interactions::{
    AUTOCOMPLETE, CHOICES, COMMAND, COMPONENT, DEFER, FIRST, First, Interaction, MESSAGE, MODAL, OPEN_MODAL, UPDATE,
};
use super::messages::Manner;
use super::views::{Choice, Message, Modal, Reply, Shown};
use super::world::{DM, USUAL, World, id_of, text_of};
use super::{FakeDiscord, PATIENCE};

/// Changes a payload into what the same person sends where he installed the application for himself alone.
pub fn user_installed(payload: &mut Value) {
    let user = if payload["member"].is_null() {
        payload["user"]["id"].clone()
    } else {
        payload["member"]["user"]["id"].clone()
    };
    payload["authorizing_integration_owners"] = json!({ "1": user });
}

/// The modal that an interaction opened.
pub fn modal_from(it: &Interaction) -> Option<Modal> {
    let first = it.first.as_ref().filter(|first| first.kind == OPEN_MODAL)?;
    Some(Modal::of(it.id, it.user, &first.data))
}

/// What an interaction is about.
struct Act<'a> {
    kind: u8,
    user: u64,
    channel: u64,
    data: Value,
    source: Option<&'a Message>,
    option: u64,
    /// `interaction_metadata` of what led here.
    cause: Value,
}

impl FakeDiscord {
    /// Types a command: `access`, or `access ask` for a subcommand. Options are given as they are typed.
    pub async fn command(&self, user: u64, channel: u64, name: &str, options: &[(&str, &str)]) -> Reply {
        self.command_with(user, channel, name, options, |_| {}).await
    }

    /// The same, with a payload that was changed on its way.
    pub async fn command_with(
        &self,
        user: u64,
        channel: u64,
        name: &str,
        options: &[(&str, &str)],
        twist: impl FnOnce(&mut Value),
    ) -> Reply {
        let act = self.typed(user, channel, name, options, None);
        self.go(&act, twist).await
    }

    /// Types so far into one option of a command, and looks at what is offered.
    pub async fn autocomplete(&self, user: u64, channel: u64, name: &str, option: &str, typed: &str) -> Vec<Choice> {
        self.autocomplete_among(user, channel, name, &[], option, typed).await.choices().to_vec()
    }

    /// The same when other options are filled in already, and without asking that it works.
    pub async fn autocomplete_among(
        &self,
        user: u64,
        channel: u64,
        name: &str,
        filled: &[(&str, &str)],
        option: &str,
        typed: &str,
    ) -> Reply {
        let options = [filled, &[(option, typed)]].concat();
        let act = self.typed(user, channel, name, &options, Some(option));
        self.go(&act, |_| {}).await
    }

    /// Presses a button. Where it has gone from the message meanwhile, Discord itself says that this failed.
    pub async fn click(&self, user: u64, message: &Message, custom_id: &str) -> Reply {
        self.click_with(user, message, custom_id, |_| {}).await
    }

    /// The same, with a payload that was changed on its way.
    pub async fn click_with(
        &self,
        user: u64,
        message: &Message,
        custom_id: &str,
        twist: impl FnOnce(&mut Value),
    ) -> Reply {
        self.touch(user, message, custom_id, None, twist).await
    }

    /// Chooses one value from a list.
    pub async fn select(&self, user: u64, message: &Message, custom_id: &str, value: &str) -> Reply {
        self.touch(user, message, custom_id, Some(value), |_| {}).await
    }

    async fn touch(
        &self,
        user: u64,
        message: &Message,
        custom_id: &str,
        value: Option<&str>,
        twist: impl FnOnce(&mut Value),
    ) -> Reply {
        assert!(message.only.is_none_or(|only| only == user), "nobody else sees this message");
        let is_it =
            |part: &Value| part["custom_id"] == custom_id && part["type"] == if value.is_some() { 3 } else { 2 };
        let known = message.parts().into_iter().find(is_it);
        let now = self.now(message);
        let part = now.as_ref().and_then(|now| now.parts().into_iter().find(is_it));
        assert!(known.is_some() || part.is_some(), "there is no `{custom_id}` on {}", message.json);
        let Some((now, part)) = now.zip(part).filter(|(_, part)| part["disabled"] != true) else {
            let words = "This interaction failed".to_owned();
            self.change(|world| world.failures.push((user, words.clone())));
            let after = std::time::Duration::ZERO;
            return Reply { shown: Shown::Failed(words), after, interaction: 0, token: String::new() };
        };
        let mut data = json!({ "custom_id": custom_id, "component_type": part["type"], "id": part["id"] });
        if let Some(value) = value {
            let options = part["options"].as_array().cloned().unwrap_or_default();
            assert!(options.iter().any(|option| option["value"] == value), "`{value}` is not offered");
            data["values"] = json!([value]);
        }
        let (channel, cause) = (now.channel, Value::Null);
        let act = Act { kind: COMPONENT, user, channel, data, source: Some(&now), option: 0, cause };
        self.go(&act, twist).await
    }

    /// Fills in a modal and sends it off. What is not named stays as it was proposed.
    pub async fn submit(&self, user: u64, modal: &Modal, values: &[(&str, &str)]) -> Reply {
        assert_eq!(modal.user, user, "only who opened a modal can send it");
        for (key, _) in values {
            assert!(modal.fields.iter().any(|field| field.custom_id == *key), "the modal has no `{key}`");
        }
        let mut rows = Vec::new();
        for (number, field) in modal.fields.iter().enumerate() {
            let named = values.iter().find(|(key, _)| *key == field.custom_id);
            let value = named.map_or(field.value.as_str(), |(_, value)| value);
            let length = value.chars().count();
            assert!(!(field.required && value.is_empty()), "`{}` must be filled in", field.label);
            assert!(
                value.is_empty() || (field.least..=field.most).contains(&length),
                "`{}` is {length} long",
                field.label
            );
            let id = number * 2;
            let field = json!({ "type": 4, "id": id + 2, "custom_id": field.custom_id, "value": value });
            rows.push(json!({ "type": 1, "id": id + 1, "components": [field] }));
        }
        let data = json!({ "custom_id": modal.custom_id, "components": rows });
        let opener = self.change(|world| {
            let it = world.interactions.iter_mut().find(|one| one.id == modal.opened_by).expect("it was opened");
            it.submitted = true;
            it.clone()
        });
        let source = self.read(|world| opener.source.and_then(|id| world.find(id)).map(Message::of));
        let (channel, cause) = (opener.channel, opener.meta);
        let act = Act { kind: MODAL, user, channel, data, source: source.as_ref(), option: 0, cause };
        self.go(&act, |_| {}).await
    }

    /// Writes a message.
    pub fn say(&self, user: u64, channel: u64, text: &str) -> Message {
        assert!(text.chars().count() <= 2000, "nobody can write that much");
        self.change(|world| {
            assert!(world.sees(user, channel), "this person is not in the channel");
            let body = json!({ "content": text });
            let posted = world.post(channel, user, &body, &Form::default(), Manner::default());
            Message::of(world.find(id_of(&posted["id"]).expect("an id")).expect("just written"))
        })
    }

    /// A command as it is sent, registered as an interaction but not delivered: to be forged by tests.
    pub fn payload_of_command(&self, user: u64, channel: u64, name: &str, options: &[(&str, &str)]) -> Value {
        let act = self.typed(user, channel, name, options, None);
        self.change(|world| payload(world, &act)).1
    }

    fn typed(&self, user: u64, channel: u64, name: &str, options: &[(&str, &str)], focus: Option<&str>) -> Act<'_> {
        self.read(|world| {
            let (data, option) = command_data(world, channel, name, options, focus);
            let kind = if focus.is_some() { AUTOCOMPLETE } else { COMMAND };
            Act { kind, user, channel, data, source: None, option, cause: Value::Null }
        })
    }

    async fn go(&self, act: &Act<'_>, twist: impl FnOnce(&mut Value)) -> Reply {
        let (at, payload, endpoint) = self.change(|world| {
            let (at, mut payload) = payload(world, act);
            twist(&mut payload);
            if world.endpoint.is_none() {
                world.tell("INTERACTION_CREATE", 0, &payload);
            }
            (at, payload, world.endpoint.clone())
        });
        if let Some(url) = endpoint {
            self.spawn(self.clone().deliver_to(url, at, payload));
        }
        let mut changes = self.shared.changed.subscribe();
        let deadline = self.read(|world| world.interactions[at].born + FIRST);
        loop {
            changes.mark_unchanged();
            let (first, failed) =
                self.read(|world| (world.interactions[at].first.clone(), world.interactions[at].failed));
            if failed || first.is_some() {
                return self.read(|world| reply(world, at, first.as_ref()));
            }
            if tokio::time::timeout_at(deadline, changes.changed()).await.is_err() {
                self.change(|world| world.fail(at));
            }
        }
    }
}

fn reply(world: &World, at: usize, first: Option<&First>) -> Reply {
    let it = &world.interactions[at];
    let stored = |id: Option<u64>| id.and_then(|id| world.find(id)).map(Message::of);
    let shown = match first.map(|first| first.kind) {
        None => Shown::Failed("The application did not respond".to_owned()),
        Some(MESSAGE) => stored(it.original).map_or(Shown::Nothing, Shown::Message),
        Some(DEFER) => Shown::Thinking,
        Some(UPDATE) => stored(it.source).map_or(Shown::Nothing, Shown::Updated),
        Some(CHOICES) => {
            let list = first.expect("there is one").data["choices"].as_array().cloned().unwrap_or_default();
            let choice = |one: &Value| Choice {
                name: one["name"].as_str().unwrap_or_default().into(),
                value: one["value"].clone(),
            };
            Shown::Choices(list.iter().map(choice).collect())
        }
        Some(OPEN_MODAL) => Shown::Modal(modal_from(it).expect("it opened one")),
        Some(_) => Shown::Nothing,
    };
    let after = first.map_or(PATIENCE.min(FIRST), |first| first.after);
    Reply { shown, after, interaction: it.id, token: it.token.clone() }
}

/// Writes an interaction down and gives what is sent of it.
fn payload(world: &mut World, act: &Act<'_>) -> (usize, Value) {
    assert!(world.sees(act.user, act.channel), "this person does not see the channel");
    let (id, token) = (world.id(), super::random());
    let channel = world.channels[&act.channel].clone();
    let user = world.users[&act.user].clone();
    let owners = json!({ "0": channel.guild.map_or("0".to_owned(), text_of) });
    let mut meta = json!({
        "id": text_of(id), "type": act.kind, "user": world.user_json(act.user), "authorizing_integration_owners": owners,
    });
    if let Some(source) = act.source.filter(|_| act.kind == COMPONENT) {
        meta["interacted_message_id"] = json!(text_of(source.id));
    }
    if !act.cause.is_null() {
        meta["triggering_interaction_metadata"] = act.cause.clone();
    }
    let mut place = world.channel_json(act.channel);
    place["permissions"] = json!(USUAL.to_string());
    let mut json = json!({
        "id": text_of(id), "application_id": text_of(world.app.id), "type": act.kind, "token": token, "version": 1,
        "data": act.data, "channel": place, "channel_id": text_of(act.channel), "locale": user.locale,
        "app_permissions": channel.bot.to_string(), "entitlements": [], "attachment_size_limit": 10_485_760,
        "authorizing_integration_owners": owners,
        "context": if channel.guild.is_some() { 0 } else if channel.kind == DM { 1 } else { 2 },
    });
    if let Some(guild) = channel.guild {
        let mut member = world.member_json(guild, act.user).expect("seen above");
        member["permissions"] = json!(world.guilds[&guild].members[&act.user].permissions.to_string());
        json["member"] = member;
        json["guild_id"] = json!(text_of(guild));
        json["guild_locale"] = json!("en-US");
        json["guild"] = json!({ "id": text_of(guild), "features": [], "locale": "en-US" });
    } else {
        json["user"] = world.user_json(act.user);
    }
    if let Some(source) = act.source {
        json["message"] = source.json.clone();
    }
    let it = Interaction {
        id,
        token,
        kind: act.kind,
        user: act.user,
        channel: act.channel,
        source: act.source.map(|source| source.id),
        meta,
        option: act.option,
        born: Instant::now(),
        first: None,
        failed: false,
        original: None,
        expired: false,
        submitted: false,
    };
    world.interactions.push(it);
    (world.interactions.len() - 1, json)
}

/// What is sent of a command, and the type of the option that is being typed.
fn command_data(
    world: &World,
    channel: u64,
    name: &str,
    options: &[(&str, &str)],
    focus: Option<&str>,
) -> (Value, u64) {
    let mut words = name.split(' ');
    let first = words.next().unwrap_or_default();
    let guild = world.channels[&channel].guild;
    // In another guild or a private channel nobody is offered the guild's commands; an application must not rely on it.
    let ranks = [guild, None, Some(world.home)];
    let find = |rank: &Option<u64>| {
        world.commands.iter().find(|(of, one)| of == rank && one["name"] == first && one["type"] == 1)
    };
    let (of, command) = ranks.iter().find_map(find).unwrap_or_else(|| panic!("there is no command `{first}`"));
    let mut path = Vec::new();
    let mut part = command;
    for word in words {
        let list = part["options"].as_array().into_iter().flatten();
        let sub = |one: &&Value| one["name"] == word && one["type"].as_u64().is_some_and(|kind| kind < 3);
        part = list.clone().find(sub).unwrap_or_else(|| panic!("`{name}` is no command"));
        path.push(part);
    }
    let known = part["options"].as_array().cloned().unwrap_or_default();
    let missing =
        known.iter().find(|one| one["required"] == true && options.iter().all(|(key, _)| one["name"] != *key));
    assert!(focus.is_some() || missing.is_none(), "{missing:?} must be filled in");
    let mut resolved = json!({});
    let mut option = 0;
    let mut filled = Vec::new();
    for (key, typed) in options {
        let one = known.iter().find(|one| one["name"] == *key).unwrap_or_else(|| panic!("`{name}` has no `{key}`"));
        let kind = one["type"].as_u64().unwrap_or_default();
        let mut json = json!({ "name": key, "type": kind });
        if focus == Some(*key) {
            assert!(one["autocomplete"] == true, "`{key}` does not offer anything");
            (option, json["focused"], json["value"]) = (kind, json!(true), json!(typed));
        } else {
            json["value"] = option_value(world, guild, one, typed, &mut resolved);
        }
        filled.push(json);
    }
    let mut inner = json!(filled);
    for part in path.iter().rev() {
        inner = json!([{ "name": part["name"], "type": part["type"], "options": inner }]);
    }
    let mut data = json!({ "id": command["id"], "name": first, "type": 1, "options": inner });
    if let Some(guild) = of {
        data["guild_id"] = json!(text_of(*guild));
    }
    if resolved != json!({}) {
        data["resolved"] = resolved;
    }
    (data, option)
}

/// What was typed, as the client sends it; it lets nobody send anything else.
fn option_value(world: &World, guild: Option<u64>, option: &Value, typed: &str, resolved: &mut Value) -> Value {
    let name = &option["name"];
    let choices = option["choices"].as_array().cloned().unwrap_or_default();
    if !choices.is_empty() {
        let found = choices.iter().find(|one| one["name"] == typed || one["value"] == typed);
        return found.unwrap_or_else(|| panic!("`{typed}` is not offered for {name}"))["value"].clone();
    }
    match option["type"].as_u64() {
        Some(3) => {
            let length = typed.chars().count() as u64;
            let (least, most) =
                (option["min_length"].as_u64().unwrap_or(0), option["max_length"].as_u64().unwrap_or(6000));
            assert!((least..=most).contains(&length), "{name} takes {least} to {most} characters");
            json!(typed)
        }
        Some(4) => json!(typed.parse::<i64>().expect("a whole number")),
        Some(5) => json!(typed.parse::<bool>().expect("true or false")),
        Some(10) => json!(typed.parse::<f64>().expect("a number")),
        Some(6) => {
            let user = typed.parse::<u64>().expect("the id of somebody");
            resolved["users"][typed] = world.user_json(user);
            if let Some(mut member) = guild.and_then(|guild| world.member_json(guild, user)) {
                member
                    .as_object_mut()
                    .expect("an object")
                    .retain(|key, _| !["user", "deaf", "mute"].contains(&key.as_str()));
                resolved["members"][typed] = member;
            }
            json!(typed)
        }
        Some(_) | None => panic!("the fake cannot fill in {option}"),
    }
}
