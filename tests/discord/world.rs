//! What there is: people, guilds, channels, messages. Changed by tests, by the REST API, and by what people do.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::endpoint::Delivery;
use super::interactions::Interaction;
use super::oauth::Consents;
use super::rates::Rates;
use super::socket::Session;

/// Discord's ids count milliseconds from here.
const EPOCH: i64 = 1_420_070_400_000;

pub const VIEW: u64 = 1 << 10;
pub const SEND: u64 = 1 << 11;
pub const MANAGE_MESSAGES: u64 = 1 << 13;
pub const EMBED: u64 = 1 << 14;
pub const ATTACH: u64 = 1 << 15;
pub const HISTORY: u64 = 1 << 16;
pub const EVERYONE: u64 = 1 << 17;
pub const COMMANDS: u64 = 1 << 31;
pub const THREADS: u64 = 1 << 35;
pub const SEND_IN_THREADS: u64 = 1 << 38;

/// What the bot may do where nothing else was said.
pub const USUAL: u64 = VIEW | SEND | EMBED | ATTACH | HISTORY | COMMANDS | THREADS | SEND_IN_THREADS;

/// Kinds of channels.
pub const TEXT: u8 = 0;
pub const DM: u8 = 1;
pub const VOICE: u8 = 2;
pub const GROUP_DM: u8 = 3;
pub const THREAD: u8 = 11;

/// Only the person who was answered sees it.
pub const EPHEMERAL: u64 = 1 << 6;
/// "The bot is thinking…"
pub const LOADING: u64 = 1 << 7;

#[derive(Clone, Debug)]
pub struct User {
    pub id: u64,
    pub username: String,
    pub global_name: Option<String>,
    pub bot: bool,
    /// Takes no private messages from this bot.
    pub closed: bool,
    pub locale: String,
}

#[derive(Clone, Debug, Default)]
pub struct Member {
    pub nick: Option<String>,
    pub roles: Vec<u64>,
    pub permissions: u64,
}

#[derive(Clone, Debug)]
pub struct Role {
    pub name: String,
    pub mentionable: bool,
}

#[derive(Clone, Debug)]
pub struct Guild {
    pub name: String,
    /// The bot was invited and not thrown out.
    pub has_bot: bool,
    pub members: BTreeMap<u64, Member>,
    pub roles: BTreeMap<u64, Role>,
}

#[derive(Clone, Debug)]
pub struct Channel {
    pub id: u64,
    pub kind: u8,
    pub guild: Option<u64>,
    pub name: String,
    /// Of a thread: where it hangs.
    pub parent: Option<u64>,
    /// Of a private channel: who is in it, beside the bot where it is the bot's.
    pub people: Vec<u64>,
    pub archived: bool,
    pub locked: bool,
    /// What the bot may do here.
    pub bot: u64,
}

/// The application, as its page in the developer portal shows it.
#[derive(Clone, Debug)]
pub struct App {
    pub id: u64,
    pub token: String,
    pub client_secret: String,
    pub redirects: Vec<String>,
    /// The privileged intent to read what people write.
    pub message_content: bool,
}

/// A message as it is stored: what the API shows, and what only Discord knows.
#[derive(Clone, Debug)]
pub struct Stored {
    pub json: Value,
    /// The only person who sees it.
    pub only: Option<u64>,
    /// Which mentions the sender allowed; everything where nothing was said.
    pub allowed: Option<Value>,
    /// The interaction whose token may edit it.
    pub of: Option<u64>,
    /// How it looked before each edit.
    pub before: Vec<Value>,
    pub born: Instant,
    pub deleted: bool,
}

/// A file that was attached.
#[derive(Clone, Debug)]
pub struct File {
    pub name: String,
    pub kind: String,
    pub bytes: Vec<u8>,
}

/// A request as it came, and how it was answered.
#[derive(Clone, Debug)]
pub struct Logged {
    pub route: String,
    pub path: String,
    pub body: Value,
    pub status: u16,
    pub answer: Value,
}

pub struct World {
    pub base: String,
    pub socket_url: String,
    pub app: App,
    /// Signs what goes to the application's own address.
    pub key: SigningKey,
    pub home: u64,
    pub guilds: BTreeMap<u64, Guild>,
    pub users: BTreeMap<u64, User>,
    pub channels: BTreeMap<u64, Channel>,
    pub messages: Vec<Stored>,
    pub files: HashMap<u64, File>,
    /// Registered commands; the guild where they are a guild's.
    pub commands: Vec<(Option<u64>, Value)>,
    pub interactions: Vec<Interaction>,
    pub sessions: Vec<Session>,
    pub heartbeat: Duration,
    /// Whether heartbeats are answered; a mute socket is a dead one.
    pub acks: bool,
    pub heartbeats: u64,
    pub consents: Consents,
    pub rates: Rates,
    pub down: bool,
    /// So many seconds is Discord's clock before the machine's.
    pub skew: i64,
    pub latency: Duration,
    pub log: Vec<Logged>,
    /// What people were told when the application failed them.
    pub failures: Vec<(u64, String)>,
    /// Where interactions go instead of the socket.
    pub endpoint: Option<String>,
    pub deliveries: Vec<Delivery>,
    pub last_id: u64,
}

/// A moment as Discord writes it.
pub fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string()
}

pub fn text_of(id: u64) -> String {
    id.to_string()
}

/// Reads a snowflake, which is a string; numbers are taken too, as Discord does.
pub fn id_of(value: &Value) -> Option<u64> {
    value.as_str().map_or_else(|| value.as_u64(), |text| text.parse().ok())
}

impl World {
    /// A new snowflake, later than all before.
    pub fn id(&mut self) -> u64 {
        let now = ((Timestamp::now().as_millisecond() - EPOCH) as u64) << 22;
        self.last_id = now.max(self.last_id + 1);
        self.last_id
    }

    pub fn bot(&self) -> u64 {
        // A bot made today has the id of its application.
        self.app.id
    }

    /// What time it is here, as a header says it.
    pub fn date(&self) -> String {
        let now = Timestamp::from_second(Timestamp::now().as_second() + self.skew).expect("a moment");
        now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    pub fn home(&self) -> &Guild {
        &self.guilds[&self.home]
    }

    pub fn user_json(&self, id: u64) -> Value {
        let user = &self.users[&id];
        let mut json = json!({
            "id": text_of(user.id), "username": user.username, "discriminator": "0", "global_name": user.global_name,
            "avatar": null, "public_flags": 0, "flags": 0, "banner": null, "accent_color": null,
            "avatar_decoration_data": null,
        });
        if user.bot {
            json["bot"] = json!(true);
        }
        json
    }

    /// A member of a guild. Only interactions carry what somebody may do there.
    pub fn member_json(&self, guild: u64, user: u64) -> Option<Value> {
        let member = self.guilds.get(&guild)?.members.get(&user)?;
        let roles = member.roles.iter().copied().map(text_of).collect::<Vec<_>>();
        Some(json!({
            "user": self.user_json(user), "nick": member.nick, "avatar": null, "banner": null, "roles": roles,
            "joined_at": "2024-01-02T03:04:05.000000+00:00", "premium_since": null, "deaf": false, "mute": false,
            "flags": 0, "pending": false, "communication_disabled_until": null,
        }))
    }

    pub fn role_json(&self, guild: u64, role: u64) -> Value {
        let found = &self.guilds[&guild].roles[&role];
        json!({
            "id": text_of(role), "name": found.name, "color": 0, "hoist": false, "icon": null, "unicode_emoji": null,
            "colors": { "primary_color": 0, "secondary_color": null, "tertiary_color": null },
            "position": 0, "permissions": USUAL.to_string(), "managed": false, "mentionable": found.mentionable,
            "flags": 0,
        })
    }

    pub fn guild_json(&self, id: u64) -> Value {
        let guild = &self.guilds[&id];
        let roles = guild.roles.keys().map(|role| self.role_json(id, *role)).collect::<Vec<_>>();
        // A bot owns no guild that people made.
        let owner = guild.members.keys().copied().find(|one| *one != self.bot()).unwrap_or_default();
        json!({
            "id": text_of(id), "name": guild.name, "icon": null, "description": null, "splash": null,
            "discovery_splash": null, "banner": null, "owner_id": text_of(owner), "application_id": null,
            "region": "deprecated", "afk_channel_id": null, "afk_timeout": 300, "system_channel_id": null,
            "system_channel_flags": 0, "widget_enabled": false, "widget_channel_id": null, "verification_level": 1,
            "roles": roles, "default_message_notifications": 1, "mfa_level": 0, "explicit_content_filter": 0,
            "max_presences": null, "max_members": 500_000, "vanity_url_code": null, "premium_tier": 0,
            "premium_subscription_count": 0, "preferred_locale": "en-US", "rules_channel_id": null,
            "public_updates_channel_id": null, "safety_alerts_channel_id": null, "nsfw": false, "nsfw_level": 0,
            "emojis": [], "stickers": [], "features": [], "premium_progress_bar_enabled": false,
            "max_video_channel_users": 25, "max_stage_video_channel_users": 50,
        })
    }

    pub fn channel_json(&self, id: u64) -> Value {
        let channel = &self.channels[&id];
        let last =
            self.messages.iter().rev().find(|one| one.only.is_none() && id_of(&one.json["channel_id"]) == Some(id));
        let mut json = json!({
            "id": text_of(id), "type": channel.kind, "flags": 0,
            "last_message_id": last.map_or(Value::Null, |one| one.json["id"].clone()),
        });
        if [DM, GROUP_DM].contains(&channel.kind) {
            let people = channel.people.iter().map(|user| self.user_json(*user)).collect::<Vec<_>>();
            json["recipients"] = json!(people);
            return json;
        }
        json["guild_id"] = json!(channel.guild.map(text_of));
        json["name"] = json!(channel.name);
        json["parent_id"] = json!(channel.parent.map(text_of));
        json["rate_limit_per_user"] = json!(0);
        if channel.kind == THREAD {
            json["owner_id"] = json!(text_of(self.bot()));
            json["message_count"] = json!(0);
            json["member_count"] = json!(1);
            json["thread_metadata"] = json!({
                "archived": channel.archived, "auto_archive_duration": 1440, "locked": channel.locked,
                "archive_timestamp": "2026-01-02T03:04:05.000000+00:00", "create_timestamp": null,
            });
        } else {
            json["position"] = json!(0);
            let rule = json!({
                "id": text_of(self.bot()), "type": 1, "allow": (channel.bot & !USUAL).to_string(),
                "deny": (USUAL & !channel.bot).to_string(),
            });
            json["permission_overwrites"] = if channel.bot == USUAL { json!([]) } else { json!([rule]) };
            json["topic"] = Value::Null;
            json["nsfw"] = json!(false);
        }
        json
    }

    /// A message somebody may look up: neither deleted, nor for somebody else's eyes only.
    pub fn stored(&self, channel: u64, message: u64) -> Option<&Stored> {
        self.find(message).filter(|one| one.only.is_none() && id_of(&one.json["channel_id"]) == Some(channel))
    }

    pub fn find(&self, message: u64) -> Option<&Stored> {
        self.messages.iter().find(|one| !one.deleted && id_of(&one.json["id"]) == Some(message))
    }

    pub fn find_mut(&mut self, message: u64) -> Option<&mut Stored> {
        self.messages.iter_mut().find(|one| !one.deleted && id_of(&one.json["id"]) == Some(message))
    }

    /// The channel in which the bot and somebody speak alone, made where there was none.
    pub fn private(&mut self, user: u64) -> u64 {
        let found = self.channels.values().find(|one| one.kind == DM && one.people == [user]);
        if let Some(channel) = found {
            return channel.id;
        }
        let id = self.id();
        let name = self.users[&user].username.clone();
        self.channels.insert(
            id,
            Channel {
                id,
                kind: DM,
                guild: None,
                name,
                parent: None,
                people: vec![user],
                archived: false,
                locked: false,
                bot: USUAL,
            },
        );
        id
    }

    /// Whether somebody sees a channel at all.
    pub fn sees(&self, user: u64, channel: u64) -> bool {
        self.channels.get(&channel).is_some_and(|channel| match channel.guild {
            Some(guild) => self.guilds[&guild].members.contains_key(&user),
            None => channel.people.contains(&user),
        })
    }

    /// How a person is called where a message stands.
    pub fn called(&self, guild: Option<u64>, user: u64) -> String {
        let nick = guild.and_then(|guild| self.guilds.get(&guild)?.members.get(&user)?.nick.clone());
        let user = self.users.get(&user);
        nick.or_else(|| user?.global_name.clone())
            .or_else(|| Some(user?.username.clone()))
            .unwrap_or("unknown-user".into())
    }
}
