//! Reading: who the bot is, channels, histories, people.

use serde_json::{Value, json};

use super::TEAM;
use super::api::{Answer, Args, Refused, refuse, scoped};
use super::workspace::{Channel, ChannelKind};
use super::world::State;

pub(super) fn auth_test(state: &State) -> Value {
    let app = &state.app;
    json!({
        "url": "https://example.slack.com/", "team": "Example", "user": app.name, "team_id": TEAM, "user_id": app.bot_user,
        "bot_id": app.bot_id, "is_enterprise_install": false,
    })
}

/// The letters that a kind of channel has in scopes.
fn family(channel: &Channel) -> &'static str {
    match channel.kind {
        ChannelKind::Public => "channels",
        ChannelKind::Private => "groups",
        ChannelKind::Im { .. } => "im",
    }
}

/// A channel that the bot can see, with the scope for its kind.
fn visible<'a>(state: &'a State, args: &Args, right: &str) -> Result<&'a Channel, Refused> {
    let id = args.need("channel").or_else(|_| refuse("channel_not_found"))?;
    let Some(channel) = state.channels.get(id).filter(|channel| channel.shows_to(&state.app.bot_user)) else {
        return refuse("channel_not_found");
    };
    scoped(&state.app.scopes, &format!("{}:{right}", family(channel)))?;
    Ok(channel)
}

fn channel_json(state: &State, channel: &Channel) -> Value {
    let bot = &state.app.bot_user;
    let mut value = json!({
        "id": channel.id, "created": 1_700_000_000, "is_archived": channel.archived, "is_im": false, "is_mpim": false,
        "is_channel": channel.kind == ChannelKind::Public, "is_group": channel.kind == ChannelKind::Private,
        "is_private": channel.kind != ChannelKind::Public, "is_member": channel.members.contains(bot),
        "is_shared": channel.is_ext_shared, "is_org_shared": false, "is_ext_shared": channel.is_ext_shared,
        "is_pending_ext_shared": channel.is_pending_ext_shared, "is_general": false, "creator": bot,
        "context_team_id": TEAM,
    });
    if let ChannelKind::Im { with } = &channel.kind {
        value["is_im"] = json!(true);
        value["user"] = json!(with);
        value["is_user_deleted"] = json!(state.users.get(with).is_some_and(|user| user.deleted));
    } else {
        value["name"] = json!(channel.name);
        value["name_normalized"] = json!(channel.name);
        value["topic"] = json!({ "value": "", "creator": "", "last_set": 0 });
        value["purpose"] = json!({ "value": "", "creator": "", "last_set": 0 });
    }
    value
}

pub(super) fn info(state: &State, args: &Args) -> Answer {
    let channel = visible(state, args, "read")?;
    let mut value = channel_json(state, channel);
    if args.flag("include_num_members") {
        value["num_members"] = json!(channel.members.len());
    }
    Ok(json!({ "channel": value }))
}

/// One page of messages by `oldest`, `latest`, `inclusive`, `limit` and `cursor`.
fn page(args: &Args, mut found: Vec<Value>, newest_first: bool) -> Answer {
    let limit = args.number("limit").unwrap_or(100);
    if !(1..=1000).contains(&limit) {
        return refuse("invalid_limit");
    }
    let inclusive = args.flag("inclusive");
    let ts = |value: &Value| value["ts"].as_str().unwrap_or_default().to_owned();
    // Time stamps have one length for the next two hundred years, so they compare as text.
    if let Some(oldest) = args.text("oldest") {
        found.retain(|value| *ts(value) > *oldest || (inclusive && ts(value) == oldest));
    }
    if let Some(latest) = args.text("latest") {
        found.retain(|value| *ts(value) < *latest || (inclusive && ts(value) == latest));
    }
    found.sort_by_key(ts);
    if newest_first {
        found.reverse();
    }
    let from = match args.text("cursor").filter(|cursor| !cursor.is_empty()) {
        None => 0,
        Some(cursor) => match cursor.strip_prefix("next:").and_then(|at| at.parse::<usize>().ok()) {
            Some(at) => at,
            None => return refuse("invalid_cursor"),
        },
    };
    let more = found.len() > from + limit;
    let messages: Vec<Value> = found.into_iter().skip(from).take(limit).collect();
    let mut answer = json!({ "messages": messages, "has_more": more, "pin_count": 0 });
    if more {
        answer["response_metadata"] = json!({ "next_cursor": format!("next:{}", from + limit) });
    }
    Ok(answer)
}

fn member_only(state: &State, channel: &Channel) -> Result<(), Refused> {
    if state.bot_is_in(channel) { Ok(()) } else { refuse("not_in_channel") }
}

pub(super) fn history(state: &State, args: &Args) -> Answer {
    let channel = visible(state, args, "history")?;
    member_only(state, channel)?;
    let whole = args.flag("include_all_metadata");
    let found = state.messages.iter().filter(|message| {
        message.channel == channel.id
            && message.only_for.is_none()
            && (message.thread.is_none() || message.broadcast || message.thread.as_ref() == Some(&message.ts))
    });
    page(args, found.map(|message| message.json(state, whole)).collect(), true)
}

pub(super) fn replies(state: &State, args: &Args) -> Answer {
    let channel = visible(state, args, "history")?;
    member_only(state, channel)?;
    let ts = args.need("ts")?;
    if state.message(&channel.id, ts).is_none_or(|root| root.only_for.is_some()) {
        return refuse("thread_not_found");
    }
    let whole = args.flag("include_all_metadata");
    let found = state.messages.iter().filter(|message| {
        message.channel == channel.id
            && message.only_for.is_none()
            && (message.ts == ts || message.thread.as_deref() == Some(ts))
    });
    page(args, found.map(|message| message.json(state, whole)).collect(), false)
}

pub(super) fn open(state: &mut State, args: &Args) -> Answer {
    // Documented as text with commas; a JSON body may hold a list, which is how slack-morphism sends it.
    let listed =
        args.0.get("users").and_then(Value::as_array).map(|list| list.iter().filter_map(Value::as_str).collect());
    let users: Vec<&str> = listed.unwrap_or_else(|| args.text("users").into_iter().collect());
    let users = users.join(",");
    if users.is_empty() {
        return refuse("users_list_not_supplied");
    }
    if users.contains(',') {
        return refuse("invalid_user_combination");
    }
    let Some(user) = state.users.get(&users) else { return refuse("user_not_found") };
    if user.deleted {
        return refuse("user_disabled");
    }
    if user.is_bot {
        return refuse("cannot_dm_bot");
    }
    let before = state.channels.len();
    let id = state.im(&users);
    let was_there = before == state.channels.len();
    let whole = args.flag("return_im");
    let channel = if whole { channel_json(state, state.channel(&id)) } else { json!({ "id": id }) };
    Ok(json!({ "channel": channel, "no_op": was_there, "already_open": was_there }))
}

pub(super) fn user(state: &State, args: &Args) -> Answer {
    let Ok(id) = args.need("user") else { return refuse("user_not_found") };
    let Some(user) = state.users.get(id) else { return refuse("user_not_found") };
    let mut value = user.json(state.app.scopes.contains("users:read.email"));
    if !args.flag("include_locale") {
        value.as_object_mut().expect("an object").remove("locale");
    }
    Ok(json!({ "user": value }))
}

pub(super) fn of_user(state: &State, args: &Args) -> Answer {
    let user = args.text("user").filter(|user| !user.is_empty()).unwrap_or(&state.app.bot_user);
    let types = args.text("types").unwrap_or("public_channel");
    let mut kinds = Vec::new();
    for kind in types.split(',') {
        let kind = match kind.trim() {
            "public_channel" => "channels",
            "private_channel" => "groups",
            "im" => "im",
            "mpim" => "mpim",
            _ => return refuse("invalid_types"),
        };
        scoped(&state.app.scopes, &format!("{kind}:read"))?;
        kinds.push(kind);
    }
    let found = state.channels.values().filter(|channel| {
        channel.members.contains(user)
            && channel.shows_to(&state.app.bot_user)
            && kinds.contains(&family(channel))
            && !(channel.archived && args.flag("exclude_archived"))
    });
    let channels: Vec<Value> = found.map(|channel| channel_json(state, channel)).collect();
    Ok(json!({ "channels": channels, "response_metadata": { "next_cursor": "" } }))
}
