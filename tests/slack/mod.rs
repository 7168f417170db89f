//! A strict Slack for tests: it speaks the Web API, Socket Mode, signed HTTP delivery and Sign in with Slack, refuses what
//! Slack refuses, and is driven the way people drive it. Nothing here knows the product.

#![allow(dead_code, unused_imports, clippy::pedantic, reason = "a fake is wider than the tests that use it today")]

mod admin;
mod api;
mod chat;
mod conversations;
mod elements;
mod files;
mod forms;
mod limits;
mod openid;
mod payloads;
mod people;
mod proof;
mod rules;
mod seen;
mod shapes;
mod socket;
mod views;
mod waiting;
mod wire;
mod workspace;
mod world;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use api::Mishap;
pub use forms::Submitted;
pub use limits::{Place, problems};
pub use people::Outcome;
pub use seen::{Button, Link, Seen};
pub use socket::{Envelope, Kind};
pub use wire::Signed;
pub use workspace::{App, Channel, ChannelKind, TEAM, User};
pub use world::{Call, File, Message, State, View};

/// How long Slack waits for the answer to whatever it sends.
pub const ACK: Duration = Duration::from_secs(3);
/// How long a trigger lives, in microseconds.
pub const TRIGGER: i64 = 3_000_000;

/// Is told each step by name; where it says so, the world stops there: what comes is not heard, what was done is not
/// answered.
type Witness = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// A running Slack. Clones are the same one; it ends with the last of them.
#[derive(Clone)]
pub struct FakeSlack {
    shared: Arc<Shared>,
    running: Arc<Running>,
}

/// What handlers, sockets and tests share.
struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    tasks: TaskTracker,
    stop: CancellationToken,
    web: SocketAddr,
    wire: SocketAddr,
    http: reqwest::Client,
    witness: OnceLock<Witness>,
}

impl Shared {
    /// Whether the world stops at this step.
    fn stops_at(&self, step: &str) -> bool {
        self.witness.get().is_some_and(|witness| witness(step))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked while it read must not hide behind a second panic.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Changes the world and wakes whoever waits for that.
    fn edit<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let made = change(&mut self.lock());
        self.changed.send_modify(|count| *count += 1);
        made
    }

    fn base(&self) -> String {
        format!("http://{}", self.web)
    }
}

/// The tasks of one Slack; they hold `Shared`, so the handle must end them.
struct Running {
    stop: CancellationToken,
    web: tokio::sync::Mutex<Front>,
}

/// The web server of the moment. It is replaced when the platform goes down and comes back.
#[derive(Default)]
struct Front {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl FakeSlack {
    /// A workspace with one installed app and nobody in it.
    pub async fn start() -> Self {
        let web = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let wire = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        // reqwest was built without a TLS provider; whoever comes second finds one installed.
        let _already_there = rustls::crypto::ring::default_provider().install_default();
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new()),
            changed: watch::Sender::new(0),
            tasks: TaskTracker::new(),
            stop: stop.clone(),
            web: web.local_addr().expect("an address"),
            wire: wire.local_addr().expect("an address"),
            http: reqwest::Client::builder().no_proxy().build().expect("a client"),
            witness: OnceLock::new(),
        });
        shared.tasks.spawn(socket::serve(Arc::clone(&shared), wire));
        let running = Arc::new(Running { stop, web: tokio::sync::Mutex::new(Front::default()) });
        let slack = Self { shared, running };
        slack.front(web).await;
        slack
    }

    /// Serves the web side on this listener.
    async fn front(&self, listener: TcpListener) {
        let mut front = self.running.web.lock().await;
        let stop = self.shared.stop.child_token();
        let asked = stop.clone();
        let serve = axum::serve(listener, api::router(Arc::clone(&self.shared)))
            .with_graceful_shutdown(async move { asked.cancelled().await });
        front.stop = stop;
        front.tasks.spawn(async move { serve.await.expect("a server") });
    }

    /// What the client is pointed at: `http://127.0.0.1:port/api`.
    pub fn api(&self) -> String {
        format!("{}/api", self.shared.base())
    }

    /// Where the browser goes for Sign in with Slack.
    pub fn authorize(&self) -> String {
        format!("{}/openid/connect/authorize", self.shared.base())
    }

    /// Changes anything in the world, and wakes who waits for it.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.shared.edit(change)
    }

    /// Reads anything in the world.
    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.shared.lock())
    }

    /// Slack's own clock goes on: triggers, response URLs, tickets, codes and rate limits grow older, the machine does not.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).expect("a short time");
        self.change(|state| state.skew += micros);
    }

    /// Nobody may open a modal with the triggers given out so far.
    pub fn expire_triggers(&self) {
        self.change(|state| state.triggers.values_mut().for_each(|trigger| trigger.until = 0));
    }

    /// The Web API answers 503 until `up`; sockets stay.
    pub fn unavailable(&self) {
        self.change(|state| state.switches.unavailable = true);
    }

    /// Nothing listens any more: connections are refused, sockets are torn.
    pub async fn vanish(&self) {
        self.drop_sockets();
        self.change(|state| state.switches.gone = true);
        {
            let front = self.running.web.lock().await;
            front.stop.cancel();
        }
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while tokio::net::TcpStream::connect(self.shared.web).await.is_ok() {
            assert!(tokio::time::Instant::now() < deadline, "the web server did not stop listening");
            tokio::task::yield_now().await;
        }
    }

    /// Everything works again, at the same address.
    pub async fn up(&self) {
        let was_gone = self.change(|state| {
            state.switches.unavailable = false;
            std::mem::take(&mut state.switches.gone)
        });
        if was_gone {
            let listener = TcpListener::bind(self.shared.web).await.expect("the same port");
            self.front(listener).await;
        }
    }

    /// From now on each step is told before it happens (`… arrives`) and after it did (`… is done`).
    pub fn witness(&self, witness: impl Fn(&str) -> bool + Send + Sync + 'static) {
        assert!(self.shared.witness.set(Box::new(witness)).is_ok(), "there is one already");
    }

    /// Each answer of the Web API comes this much later.
    pub fn set_latency(&self, latency: Duration) {
        self.change(|state| state.switches.latency = latency);
    }

    /// One message a second and channel, and the tiers of the methods: 429 with Retry-After beyond them.
    pub fn set_rate_limits(&self, on: bool) {
        self.change(|state| state.switches.rate_limits = on);
    }

    /// Whether `data_visualization` blocks are known here; Slack rolled them out in steps.
    pub fn set_charts(&self, on: bool) {
        self.change(|state| state.switches.charts = on);
    }

    /// The next calls of this method go wrong, one mishap each.
    pub fn mishap(&self, method: &str, mishaps: impl IntoIterator<Item = Mishap>) {
        self.change(|state| state.mishaps.entry(method.to_owned()).or_default().extend(mishaps));
    }

    /// Every call of the Web API so far.
    pub fn calls(&self, method: &str) -> Vec<Call> {
        self.read(|state| state.calls.iter().filter(|call| call.method == method).cloned().collect())
    }

    /// The answers of the Web API that were errors: a test of the happy path wants none.
    pub fn errors(&self) -> Vec<Call> {
        self.read(|state| state.calls.iter().filter(|call| call.error.is_some()).cloned().collect())
    }
}
