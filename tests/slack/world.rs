//! What exists in this Slack: people, channels, messages, views, the app. Tests may change all of it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use serde_json::{Map, Value};
use workflows::clock::Clock;

use super::api::Mishap;
use super::socket::Sockets;
use super::wire::Endpoints;
use super::workspace::{App, Channel, ChannelKind, User};

#[derive(Clone, Debug, Default)]
pub struct Message {
    pub channel: String,
    pub ts: String,
    pub thread: Option<String>,
    pub user: String,
    pub by_bot: bool,
    pub text: String,
    pub blocks: Vec<Value>,
    pub metadata: Option<Value>,
    pub files: Vec<String>,
    /// Ephemeral: only this person sees it.
    pub only_for: Option<String>,
    pub edits: u32,
    /// The thread's reply was also sent to the channel.
    pub broadcast: bool,
    /// What people chose in its selects: block, action, value.
    pub chosen: Map<String, Value>,
}

#[derive(Clone, Debug)]
pub struct View {
    pub id: String,
    pub user: String,
    pub hash: String,
    /// As the app sent it, with the ids that Slack added.
    pub content: Value,
    pub previous: Option<String>,
    pub root: String,
    /// What was typed or chosen so far: block, action, value.
    pub answers: Map<String, Value>,
}

#[derive(Clone, Debug)]
pub struct File {
    pub id: String,
    pub name: String,
    pub title: String,
    pub alt: Option<String>,
    pub length: usize,
    pub bytes: Option<Vec<u8>>,
    pub complete: bool,
    pub channel: Option<String>,
}

/// One call of the Web API.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub args: Value,
    pub error: Option<String>,
    /// What Slack said is wrong, with pointers.
    pub messages: Vec<String>,
}

#[derive(Debug)]
pub struct Trigger {
    pub user: String,
    pub until: i64,
    pub used: bool,
    /// It came out of a modal, so a view may be pushed upon it.
    pub from_view: Option<String>,
}

#[derive(Debug)]
pub struct Hook {
    pub user: String,
    pub channel: String,
    /// The message that was clicked, if any.
    pub message: Option<String>,
    pub until: i64,
    pub uses: u8,
}

/// What a test can turn.
#[derive(Debug)]
pub struct Switches {
    pub latency: Duration,
    pub rate_limits: bool,
    pub unavailable: bool,
    pub gone: bool,
    pub charts: bool,
}

pub struct State {
    pub app: App,
    pub users: BTreeMap<String, User>,
    pub channels: BTreeMap<String, Channel>,
    pub messages: Vec<Message>,
    pub views: BTreeMap<String, View>,
    /// Which modals lie on each other before whom; the last is on top.
    pub stacks: HashMap<String, Vec<String>>,
    pub homes: HashMap<String, String>,
    pub triggers: HashMap<String, Trigger>,
    pub hooks: HashMap<String, Hook>,
    pub files: BTreeMap<String, File>,
    pub switches: Switches,
    pub mishaps: HashMap<String, VecDeque<Mishap>>,
    /// How many calls have arrived and are not done yet ([`Mishap::Late`]).
    pub waiting: usize,
    pub calls: Vec<Call>,
    /// What Slack itself told a person went wrong: (user, words).
    pub complaints: Vec<(String, String)>,
    pub(super) recent: HashMap<String, VecDeque<i64>>,
    pub(super) suggested: HashMap<(String, String), Vec<Value>>,
    pub(super) sockets: Sockets,
    pub(super) endpoints: Option<Endpoints>,
    pub(super) openid: super::openid::OpenId,
    pub(super) skew: i64,
    count: u64,
    last_ts: i64,
}

impl State {
    pub(super) fn new() -> Self {
        let app = App::installed();
        let bot = User::member(&app.bot_user, &app.name, "").bot();
        Self {
            users: BTreeMap::from([(bot.id.clone(), bot)]),
            app,
            channels: BTreeMap::new(),
            messages: Vec::new(),
            views: BTreeMap::new(),
            stacks: HashMap::new(),
            homes: HashMap::new(),
            triggers: HashMap::new(),
            hooks: HashMap::new(),
            files: BTreeMap::new(),
            switches: Switches {
                latency: Duration::ZERO,
                rate_limits: false,
                unavailable: false,
                gone: false,
                charts: true,
            },
            mishaps: HashMap::new(),
            waiting: 0,
            calls: Vec::new(),
            complaints: Vec::new(),
            recent: HashMap::new(),
            suggested: HashMap::new(),
            sockets: Sockets::default(),
            endpoints: None,
            openid: super::openid::OpenId::default(),
            skew: 0,
            count: 0,
            last_ts: 0,
        }
    }

    /// Slack's time in microseconds.
    pub fn now(&self) -> i64 {
        Clock::System.now().micros() + self.skew
    }

    pub fn seconds(&self) -> i64 {
        self.now() / 1_000_000
    }

    /// A new id with this letter in front.
    pub(super) fn id(&mut self, letter: &str) -> String {
        self.count += 1;
        format!("{letter}{:08}", self.count)
    }

    /// A time stamp that no other message has.
    pub(super) fn ts(&mut self) -> String {
        self.last_ts = self.now().max(self.last_ts + 1);
        format!("{}.{:06}", self.last_ts / 1_000_000, self.last_ts % 1_000_000)
    }

    /// The channel between the bot and this person; made when first needed.
    pub(super) fn im(&mut self, user: &str) -> String {
        let known = self.channels.values().find(|channel| channel.kind == ChannelKind::Im { with: user.to_owned() });
        if let Some(channel) = known {
            return channel.id.clone();
        }
        let id = self.id("D");
        let members = [user, &self.app.bot_user];
        let im = Channel { kind: ChannelKind::Im { with: user.to_owned() }, ..Channel::public(&id, "", &members) };
        self.channels.insert(id.clone(), im);
        id
    }

    pub(super) fn user(&self, id: &str) -> &User {
        self.users.get(id).unwrap_or_else(|| panic!("the test did not make a user {id}"))
    }

    pub(super) fn channel(&self, id: &str) -> &Channel {
        self.channels.get(id).unwrap_or_else(|| panic!("the test did not make a channel {id}"))
    }

    pub(super) fn bot_is_in(&self, channel: &Channel) -> bool {
        channel.members.contains(&self.app.bot_user)
    }

    pub(super) fn message(&self, channel: &str, ts: &str) -> Option<&Message> {
        self.messages.iter().find(|message| message.channel == channel && message.ts == ts)
    }
}
