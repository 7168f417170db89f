//! The stage: what is there when a test begins, and how tests change it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::FakeDiscord;
use super::oauth::Consents;
use super::rates::Rates;
use super::socket::Out;
use super::world::{
    App, COMMANDS, Channel, GROUP_DM, Guild, HISTORY, Member, Role, SEND, TEXT, THREAD, USUAL, User, VIEW, World,
};

/// What a member may do where nothing else was said.
const ORDINARY: u64 = VIEW | SEND | HISTORY | COMMANDS;

pub fn world(base: String, socket_url: String) -> World {
    let token = format!("test-{}", super::random());
    let app = App { id: 0, token, client_secret: super::random(), redirects: Vec::new(), message_content: false };
    let mut world = World {
        base,
        socket_url,
        app,
        key: super::new_key(),
        home: 0,
        guilds: BTreeMap::new(),
        users: BTreeMap::new(),
        channels: BTreeMap::new(),
        messages: Vec::new(),
        files: HashMap::new(),
        commands: Vec::new(),
        interactions: Vec::new(),
        sessions: Vec::new(),
        heartbeat: Duration::from_millis(41_250),
        acks: true,
        heartbeats: 0,
        consents: Consents::default(),
        rates: Rates::default(),
        down: false,
        skew: 0,
        latency: Duration::ZERO,
        log: Vec::new(),
        failures: Vec::new(),
        endpoint: None,
        deliveries: Vec::new(),
        last_id: 0,
    };
    world.app.id = world.id();
    let bot = world.app.id;
    world.users.insert(bot, account(bot, "countersign", true));
    world.home = add_guild(&mut world, "Orders Inc", true);
    let home = world.home;
    for name in ["ada", "grace", "linus", "edsger"] {
        add_person(&mut world, name, Some(home));
    }
    add_person(&mut world, "mallory", None);
    for name in ["approvals", "general"] {
        add_channel(&mut world, name, TEXT, Some(home), Vec::new());
    }
    world
}

fn account(id: u64, name: &str, bot: bool) -> User {
    let mut capital = name.to_owned();
    if let Some(first) = capital.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    User { id, username: name.to_owned(), global_name: Some(capital), bot, closed: false, locale: "en-US".to_owned() }
}

fn add_guild(world: &mut World, name: &str, has_bot: bool) -> u64 {
    let id = world.id();
    // The role of everybody has the id of the guild.
    let roles = BTreeMap::from([(id, Role { name: "@everyone".to_owned(), mentionable: false })]);
    world.guilds.insert(id, Guild { name: name.to_owned(), has_bot, members: BTreeMap::new(), roles });
    if has_bot {
        let (bot, member) = (world.bot(), Member { permissions: USUAL, ..Member::default() });
        world.guilds.get_mut(&id).expect("just made").members.insert(bot, member);
    }
    id
}

fn add_person(world: &mut World, name: &str, guild: Option<u64>) -> u64 {
    let id = world.id();
    world.users.insert(id, account(id, name, false));
    if let Some(guild) = guild {
        let member = Member { permissions: ORDINARY, ..Member::default() };
        world.guilds.get_mut(&guild).expect("a guild").members.insert(id, member);
    }
    id
}

fn add_channel(world: &mut World, name: &str, kind: u8, guild: Option<u64>, people: Vec<u64>) -> u64 {
    let id = world.id();
    let name = name.to_owned();
    let channel = Channel { id, kind, guild, name, parent: None, people, archived: false, locked: false, bot: USUAL };
    world.channels.insert(id, channel);
    id
}

impl FakeDiscord {
    pub fn app_id(&self) -> u64 {
        self.read(|world| world.app.id)
    }

    /// The bot's token, without the word `Bot`.
    pub fn bot_token(&self) -> String {
        self.read(|world| world.app.token.clone())
    }

    pub fn client_secret(&self) -> String {
        self.read(|world| world.app.client_secret.clone())
    }

    /// With which deliveries are signed, as the portal shows it.
    pub fn public_key(&self) -> String {
        self.read(World::endpoint_key)
    }

    pub fn guild(&self) -> u64 {
        self.read(|world| world.home)
    }

    pub fn user(&self, name: &str) -> u64 {
        let found = self.read(|world| world.users.values().find(|one| one.username == name).map(|one| one.id));
        found.unwrap_or_else(|| panic!("nobody is called {name}"))
    }

    pub fn channel(&self, name: &str) -> u64 {
        let found = self.read(|world| {
            world.channels.values().find(|one| one.name == name && one.guild.is_some()).map(|one| one.id)
        });
        found.unwrap_or_else(|| panic!("no channel is called {name}"))
    }

    /// A new account, a member of the guild.
    pub fn add_member(&self, name: &str) -> u64 {
        self.change(|world| add_person(world, name, Some(world.home)))
    }

    /// A new account, in no guild.
    pub fn add_stranger(&self, name: &str) -> u64 {
        self.change(|world| add_person(world, name, None))
    }

    pub fn change_user(&self, user: u64, act: impl FnOnce(&mut User)) {
        self.change(|world| act(world.users.get_mut(&user).expect("a user")));
    }

    /// Changes somebody as a member of the guild, whom it makes one.
    pub fn change_member(&self, user: u64, act: impl FnOnce(&mut Member)) {
        self.change(|world| {
            let home = world.home;
            act(world.guilds.get_mut(&home).expect("a guild").members.entry(user).or_default());
        });
    }

    /// Somebody leaves the guild, or is thrown out.
    pub fn leave(&self, user: u64) {
        self.change(|world| {
            let home = world.home;
            world.guilds.get_mut(&home).expect("a guild").members.remove(&user);
        });
    }

    /// A role of the guild, which nobody has yet.
    pub fn add_role(&self, name: &str, mentionable: bool) -> u64 {
        self.change(|world| {
            let (id, home) = (world.id(), world.home);
            let role = Role { name: name.to_owned(), mentionable };
            world.guilds.get_mut(&home).expect("a guild").roles.insert(id, role);
            id
        })
    }

    /// Another guild, with a channel of its own and these people in it.
    pub fn add_guild(&self, name: &str, has_bot: bool, people: &[u64]) -> (u64, u64) {
        self.change(|world| {
            let id = add_guild(world, name, has_bot);
            for user in people {
                let member = Member { permissions: ORDINARY, ..Member::default() };
                world.guilds.get_mut(&id).expect("just made").members.insert(*user, member);
            }
            (id, add_channel(world, &format!("{name}-general"), TEXT, Some(id), Vec::new()))
        })
    }

    /// The bot is thrown out of the guild, or comes back.
    pub fn invite(&self, inside: bool) {
        self.change(|world| {
            let home = world.home;
            world.guilds.get_mut(&home).expect("a guild").has_bot = inside;
        });
    }

    pub fn add_channel(&self, name: &str) -> u64 {
        self.change(|world| add_channel(world, name, TEXT, Some(world.home), Vec::new()))
    }

    pub fn add_thread(&self, name: &str, parent: u64) -> u64 {
        self.change(|world| {
            let id = add_channel(world, name, THREAD, Some(world.home), Vec::new());
            world.channels.get_mut(&id).expect("just made").parent = Some(parent);
            id
        })
    }

    /// A private channel of these people, in which the bot is not.
    pub fn add_group(&self, people: &[u64]) -> u64 {
        self.change(|world| add_channel(world, "group", GROUP_DM, None, people.to_vec()))
    }

    /// Where the bot and somebody speak alone.
    pub fn dm_channel(&self, user: u64) -> u64 {
        self.change(|world| world.private(user))
    }

    /// Archives, locks, takes permissions away.
    pub fn change_channel(&self, channel: u64, act: impl FnOnce(&mut Channel)) {
        self.change(|world| act(world.channels.get_mut(&channel).expect("a channel")));
    }

    /// A channel is gone, with all that was in it.
    pub fn delete_channel(&self, channel: u64) {
        self.change(|world| {
            world.messages.retain(|one| super::world::id_of(&one.json["channel_id"]) != Some(channel));
            world.channels.remove(&channel);
        });
    }

    /// A moderator deletes a message.
    pub fn delete_message(&self, message: u64) {
        self.change(|world| world.erase(message));
    }

    /// Every token of every interaction so far is older than fifteen minutes.
    pub fn expire_tokens(&self) {
        self.change(|world| world.interactions.iter_mut().for_each(|one| one.expired = true));
    }

    /// Every nonce is forgotten, as after some minutes.
    pub fn forget_nonces(&self) {
        self.change(|world| world.messages.iter_mut().for_each(|one| one.json["nonce"] = serde_json::Value::Null));
    }

    /// Everything answers 503, and sockets are cut and refused; or everything works again.
    pub fn set_down(&self, down: bool) {
        self.change(|world| {
            world.down = down;
            if down {
                world.links(|| Out::Cut);
                world.sessions.iter_mut().for_each(|session| session.link = None);
            }
        });
    }

    /// Every request waits so long before anything happens.
    pub fn set_latency(&self, latency: Duration) {
        self.change(|world| world.latency = latency);
    }

    /// Discord's clock is before the machine's by so many seconds.
    pub fn set_skew(&self, seconds: i64) {
        self.change(|world| world.skew = seconds);
    }

    /// What HELLO asks for, on connections to come.
    pub fn set_heartbeat(&self, every: Duration) {
        self.change(|world| world.heartbeat = every);
    }

    /// Whether heartbeats are answered.
    pub fn set_acks(&self, acks: bool) {
        self.change(|world| world.acks = acks);
    }

    /// Whether buckets and the global limit are enforced.
    pub fn set_rate_limits(&self, strict: bool) {
        self.change(|world| world.rates.strict = strict);
    }

    /// 429 on a route, `POST /channels/{id}/messages`, for a time.
    pub fn limit_route(&self, route: &str, wait: Duration) {
        self.change(|world| world.rates.close(route, wait));
    }

    /// 429 on everything but interactions, for a time.
    pub fn limit_all(&self, wait: Duration) {
        self.change(|world| world.rates.close("", wait));
    }

    /// How many requests were told 429, and how many of them had been told to wait before.
    pub fn limited(&self) -> (u32, u32) {
        self.read(|world| (world.rates.refused, world.rates.impatient))
    }

    /// An address to which OAuth2 may send people back.
    pub fn register_redirect(&self, address: &str) {
        self.change(|world| world.app.redirects.push(address.to_owned()));
    }

    /// Who sits before the browser, and whether he agrees.
    pub fn visit(&self, user: Option<u64>, agrees: bool) {
        self.change(|world| {
            world.consents.visitor = user;
            world.consents.declines = !agrees;
        });
    }

    /// Every access token of OAuth2 ends.
    pub fn revoke_access(&self) {
        self.change(|world| world.consents.revoke());
    }
}
