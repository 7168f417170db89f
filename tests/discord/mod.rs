//! A strict fake of Discord: its REST API, its gateway socket, its signed deliveries and its OAuth2, on ports of this
//! machine. It refuses what Discord refuses, and lets tests do what people do. See `proof.rs` for what it is worth.
#![allow(dead_code, unused_imports, clippy::pedantic, reason = "each test uses what it needs of it")]

mod api;
mod commands;
mod endpoint;
mod form;
mod interactions;
mod limits;
mod messages;
mod oauth;
mod people;
mod proof;
mod proof_client;
mod proof_people;
mod proof_socket;
mod rates;
mod refusal;
mod seen;
mod setting;
mod socket;
mod views;
mod world;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use ed25519_dalek::SigningKey;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use endpoint::{Delivery, Forgery};
pub use people::user_installed;
pub use seen::Seen;
pub use views::{Button, Choice, Field, Message, Modal, Reply, Select, Shown};
pub use world::{App, Channel, Guild, Logged, Member, User, World};

use socket::Out;
use world::id_of;

/// How long a test waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Told of each step; true where the world stops there.
type Witness = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// What the servers and the tests share.
pub struct Shared {
    world: Mutex<World>,
    changed: watch::Sender<u64>,
    witness: OnceLock<Witness>,
}

impl Shared {
    /// Whether the world stops at this step.
    fn stops_at(&self, step: &str) -> bool {
        self.witness.get().is_some_and(|witness| witness(step))
    }

    pub fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.world.lock().expect("no panic"))
    }

    /// Changes the world, and wakes whoever waits for that.
    pub fn change<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let done = act(&mut self.world.lock().expect("no panic"));
        self.changed.send_modify(|count| *count += 1);
        done
    }
}

/// Discord. Clones are the same one; the last to go ends it.
#[derive(Clone)]
pub struct FakeDiscord {
    shared: Arc<Shared>,
    tasks: Arc<Mutex<JoinSet<()>>>,
}

/// A text that nobody guesses.
fn random() -> String {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).expect("randomness");
    endpoint::hex(&bytes)
}

fn new_key() -> SigningKey {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("randomness");
    SigningKey::from_bytes(&seed)
}

impl FakeDiscord {
    /// Starts with one guild, "Orders Inc", which has the bot, the channels `approvals` and `general`, and the people
    /// ada, grace, linus and edsger. mallory has an account, and is in no guild.
    pub async fn start() -> Self {
        let rest = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let gateway = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", rest.local_addr().expect("bound"));
        let socket_url = format!("ws://{}", gateway.local_addr().expect("bound"));
        let world = Mutex::new(setting::world(base, socket_url));
        let shared = Arc::new(Shared { world, changed: watch::Sender::new(0), witness: OnceLock::new() });
        let mut tasks = JoinSet::new();
        let router = Router::new().fallback(api::answer).with_state(Arc::clone(&shared));
        tasks.spawn(async move { drop(axum::serve(rest, router).await) });
        tasks.spawn(socket::serve(Arc::clone(&shared), gateway));
        Self { shared, tasks: Arc::new(Mutex::new(tasks)) }
    }

    /// Looks at everything. For what has no word of its own.
    pub fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        self.shared.read(look)
    }

    /// Changes anything. For what has no word of its own.
    pub fn change<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        self.shared.change(act)
    }

    /// From now on each call is told before it happens (`… arrives`) and after it did (`… is done`).
    pub fn witness(&self, witness: impl Fn(&str) -> bool + Send + Sync + 'static) {
        assert!(self.shared.witness.set(Box::new(witness)).is_ok(), "there is one already");
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.lock().expect("no panic").spawn(task);
    }

    /// Waits until the world shows something; never longer than half a minute. `look` must not ask the fake for more.
    pub async fn until<T>(&self, what: &str, look: impl Fn(&World) -> Option<T>) -> T {
        let mut changes = self.shared.changed.subscribe();
        let waiting = async {
            loop {
                changes.mark_unchanged();
                if let Some(found) = self.read(&look) {
                    return found;
                }
                changes.changed().await.expect("the world is there");
            }
        };
        let found = tokio::time::timeout(PATIENCE, waiting).await;
        found.unwrap_or_else(|_| panic!("{what} never came; the last requests were:\n{}", self.tail()))
    }

    fn tail(&self) -> String {
        let line = |one: &Logged| format!("{} {} {} -> {}", one.status, one.route, one.body, one.answer);
        self.read(|world| world.log.iter().rev().take(8).map(line).collect::<Vec<_>>().join("\n"))
    }

    /// Where the REST API is: `{base}/api/v10/...`.
    pub fn base(&self) -> String {
        self.read(|world| world.base.clone())
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Logged> {
        self.read(|world| world.log.clone())
    }

    /// Every request that was refused. Most tests want none.
    pub fn refused(&self) -> Vec<Logged> {
        self.read(|world| world.log.iter().filter(|one| one.status >= 400).cloned().collect())
    }

    /// What people were told when the application failed them.
    pub fn failures(&self) -> Vec<(u64, String)> {
        self.read(|world| world.failures.clone())
    }

    /// What anybody in a channel sees, oldest first.
    pub fn messages(&self, channel: u64) -> Vec<Message> {
        self.read(|world| in_channel(world, channel).filter(|one| one.only.is_none()).collect())
    }

    /// What the bot and somebody wrote to each other.
    pub fn dm(&self, user: u64) -> Vec<Message> {
        let channel = self.change(|world| world.private(user));
        self.messages(channel)
    }

    /// What somebody alone was shown, wherever that was.
    pub fn ephemerals(&self, user: u64) -> Vec<Message> {
        let mine = |one: &&world::Stored| !one.deleted && one.only == Some(user);
        self.read(|world| world.messages.iter().filter(mine).map(Message::of).collect())
    }

    /// A message as it is now.
    pub fn now(&self, message: &Message) -> Option<Message> {
        self.read(|world| world.find(message.id).map(Message::of))
    }

    /// How a message looked before each of its edits.
    pub fn before(&self, message: &Message) -> Vec<Value> {
        self.read(|world| world.find(message.id).map(|one| one.before.clone()).unwrap_or_default())
    }

    /// The bytes of a message's file.
    pub fn file(&self, message: &Message, name: &str) -> Option<Vec<u8>> {
        let list = message.json["attachments"].as_array()?;
        let id = id_of(&list.iter().find(|one| one["filename"] == name)?["id"])?;
        self.read(|world| world.files.get(&id).map(|file| file.bytes.clone()))
    }

    /// The modal that somebody has open: the last that was opened, and not sent off.
    pub fn modal_of(&self, user: u64) -> Option<Modal> {
        self.read(|world| {
            let mine = world.interactions.iter().rev().filter(|one| one.user == user && !one.submitted);
            mine.filter_map(people::modal_from).next()
        })
    }

    /// The commands of a guild, or the global ones.
    pub fn commands(&self, guild: Option<u64>) -> Vec<Value> {
        let of = |(at, command): &(Option<u64>, Value)| (*at == guild).then(|| command.clone());
        self.read(|world| world.commands.iter().filter_map(of).collect())
    }

    /// Waits for a message that is as wanted. The test looks while nothing is locked, so that it may ask for more.
    async fn until_one(
        &self,
        what: &str,
        all: impl Fn(&World) -> Vec<Message>,
        wanted: impl Fn(&Message) -> bool,
    ) -> Message {
        let mut known = HashMap::new();
        loop {
            let fresh = |world: &World| {
                let new = |one: &Message| known.get(&one.id) != Some(&one.json);
                Some(all(world).into_iter().filter(new).collect::<Vec<_>>()).filter(|list| !list.is_empty())
            };
            for message in self.until(what, fresh).await {
                if wanted(&message) {
                    return message;
                }
                known.insert(message.id, message.json);
            }
        }
    }

    /// Waits for a message in a channel that is as wanted, and is not private.
    pub async fn until_message(&self, channel: u64, wanted: impl Fn(&Message) -> bool) -> Message {
        let all = |world: &World| in_channel(world, channel).filter(|one| one.only.is_none()).collect();
        self.until_one("a message", all, wanted).await
    }

    /// The same among what the bot wrote to somebody privately.
    pub async fn until_dm(&self, user: u64, wanted: impl Fn(&Message) -> bool) -> Message {
        let channel = self.change(|world| world.private(user));
        self.until_message(channel, wanted).await
    }

    /// The same among what somebody alone is shown.
    pub async fn until_ephemeral(&self, user: u64, wanted: impl Fn(&Message) -> bool) -> Message {
        let mine = |one: &&world::Stored| !one.deleted && one.only == Some(user);
        let all = |world: &World| world.messages.iter().filter(mine).map(Message::of).collect();
        self.until_one("a private answer", all, wanted).await
    }

    /// Waits until a message has changed so.
    pub async fn until_edited(&self, message: &Message, wanted: impl Fn(&Message) -> bool) -> Message {
        let all = |world: &World| world.find(message.id).map(Message::of).into_iter().collect();
        self.until_one("an edit", all, wanted).await
    }

    /// Waits for the answer behind "is thinking…", or gives the one that came at once.
    pub async fn until_answered(&self, reply: &Reply) -> Message {
        let look = |world: &World| {
            let it = world.interactions.iter().find(|one| one.id == reply.interaction)?;
            world.find(it.original?).map(Message::of).filter(|one| !one.is_loading())
        };
        self.until("an answer", look).await
    }

    /// Waits until the bot's socket is ready to hear events.
    pub async fn until_connected(&self) {
        let look = |world: &World| world.sessions.iter().any(|session| session.link.is_some()).then_some(());
        self.until("the bot's socket", look).await;
    }

    pub async fn until_commands(&self, guild: Option<u64>) -> Vec<Value> {
        let look = |world: &World| world.commands.iter().any(|(of, _)| *of == guild).then_some(());
        self.until("commands", look).await;
        self.commands(guild)
    }

    /// Op 7: asks every connection to come again, and to resume.
    pub fn ask_to_reconnect(&self) {
        self.change(|world| {
            world.links(|| Out::Send(serde_json::json!({ "op": 7, "t": null, "s": null, "d": null })))
        });
    }

    /// Op 9: the session is not valid, now or ever.
    pub fn invalidate(&self, resumable: bool) {
        self.change(|world| {
            world.links(|| Out::Send(serde_json::json!({ "op": 9, "t": null, "s": null, "d": resumable })));
            if !resumable {
                world.sessions.clear();
            }
        });
    }

    /// Op 1: asks for a heartbeat at once.
    pub fn ask_heartbeat(&self) {
        self.change(|world| {
            world.links(|| Out::Send(serde_json::json!({ "op": 1, "t": null, "s": null, "d": null })))
        });
    }

    /// Cuts every connection without a word. The sessions stay, and count what they miss.
    pub fn cut_sockets(&self) {
        self.change(|world| {
            world.links(|| Out::Cut);
            world.sessions.iter_mut().for_each(|session| session.link = None);
        });
    }

    /// Closes every connection with a code.
    pub fn close_sockets(&self, code: u16) {
        self.change(|world| {
            world.links(|| Out::Close(code, "closed by the test"));
            world.sessions.iter_mut().for_each(|session| session.link = None);
        });
    }

    /// Sessions that are connected, and how often sessions were resumed.
    pub fn sockets(&self) -> (usize, u32) {
        self.read(|world| {
            let open = world.sessions.iter().filter(|session| session.link.is_some()).count();
            (open, world.sessions.iter().map(|session| session.resumes).sum())
        })
    }
}

fn in_channel(world: &World, channel: u64) -> impl Iterator<Item = Message> {
    let here = move |one: &&world::Stored| !one.deleted && id_of(&one.json["channel_id"]) == Some(channel);
    world.messages.iter().filter(here).map(Message::of)
}
