//! SIGKILL between any two steps of one request's life: nothing lost, nothing twice, no stale button.
//!
//! The strict Slack is where the world stops. At the n-th call, answer or acknowledgement it kills the real process: once
//! when the thing arrives and is not done, once when it is done and nobody hears of it. Then the process is started again,
//! people go on as people do, and what stands in Slack in the end is compared with the store. The same with a commit of the
//! store that fails, before or after it was made; there the process lives on and has to come to the same end.

mod check;
mod guild;
mod story;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign::config::Config;
use countersign::serve::{Parts, serve};
use tempfile::TempDir;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use workflows::clock::Clock;
use workflows::engine::Filter;
use workflows::identity::{Chat, ChatUser};
use workflows::secret::Secret;
use workflows::{Faults, Workflows};

use super::office::{CHANNEL, user};
use crate::slack::{Channel, FakeSlack, TEAM, User};
use crate::world::World;

const PEOPLE: [&str; 3] = ["ada", "grace", "linus"];
const ALL: Filter = Filter { open_only: false, limit: 1_000 };
/// How long one thing may take: a claim of the dead ends after 15 s, a card's after 20 s, and the machine is busy.
const PATIENCE: Duration = Duration::from_mins(1);
/// After this everything that the dead process had claimed was taken up again, and whatever comes twice has come.
const TAKEN_UP: Duration = Duration::from_secs(25);
/// How many lives are lived at once.
const AT_ONCE: usize = 80;
/// A commit that is never made.
const NEVER: i64 = 1_000_000;
/// What changes nothing at the platform: after it is as before it.
const READS: [&str; 5] =
    ["auth.test", "users.info", "conversations.info", "conversations.open", "conversations.history"];

/// Where the world stops.
#[derive(Clone, Copy, Debug)]
enum Stop {
    Nowhere,
    At(usize),
    Commit(i64, bool),
}

/// What every life begins with: a target, and a store with people whose accounts are linked.
struct Beginning {
    world: World,
    token: Secret<String>,
}

impl Beginning {
    async fn make(lives: usize) -> Self {
        let mut world = World::start().await;
        for name in PEOPLE {
            let (who, workflows) = (world.person(name).await, world.workflows());
            let begun = workflows.begin_link(&who, Chat::Slack).await.unwrap();
            let at = ChatUser { chat: Chat::Slack, workspace: TEAM.to_owned(), user: user(name) };
            let code = workflows.prove_link(begun.state.reveal(), &at).await.unwrap();
            workflows.finish_link(&who, begun.id, code.reveal()).await.unwrap();
        }
        let token = world.token("ada").await;
        world.close().await;
        let tables =
            (0..lives).map(|life| format!("CREATE TABLE life_{life} (n INT); INSERT INTO life_{life} VALUES (0);"));
        let rights = "GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO cs_write;";
        world.server(&tables.chain([rights.to_owned()]).collect::<String>());
        Self { world, token }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let into = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &into);
        } else {
            fs::copy(entry.path(), &into).unwrap();
        }
    }
}

/// What runs at the moment, and what the fake saw of it.
#[derive(Default)]
struct Seen {
    child: Mutex<Option<Child>>,
    counts: AtomicBool,
    steps: Mutex<Vec<String>>,
    killed: Mutex<Option<Instant>>,
    ended: Notify,
}

impl Seen {
    /// Whether the world stops at this step.
    fn step(&self, step: &str, stop: Stop) -> bool {
        let reads = step.starts_with("GET ") || READS.iter().any(|read| step.starts_with(read));
        let idle = reads && step.ends_with("is done");
        if idle || !self.counts.load(Ordering::Relaxed) {
            return false;
        }
        let mut steps = self.steps.lock().unwrap();
        steps.push(step.to_owned());
        if !matches!(stop, Stop::At(at) if at == steps.len()) {
            return false;
        }
        let mut child = self.child.lock().unwrap().take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
        *self.killed.lock().unwrap() = Some(Instant::now());
        self.ended.notify_one();
        true
    }
}

/// A life that failed leaves no process behind.
impl Drop for Seen {
    fn drop(&mut self) {
        if let Some(child) = self.child.get_mut().unwrap_or_else(PoisonError::into_inner) {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// The real process of one life.
struct Server {
    config: PathBuf,
    seen: Arc<Seen>,
    port: watch::Sender<u16>,
    end: CancellationToken,
}

impl Server {
    fn new(config: PathBuf, seen: Arc<Seen>) -> Self {
        Self { config, seen, port: watch::Sender::new(0), end: CancellationToken::new() }
    }

    /// Runs until it was killed, or its life ends.
    async fn process(&self) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["serve", "--config"])
            .arg(&self.config)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, mut log) = mpsc::unbounded_channel();
        let errors = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || errors.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        *self.seen.child.lock().unwrap() = Some(child);
        let port = loop {
            let line = timeout(PATIENCE, log.recv()).await.expect("it starts").expect("it starts");
            if let Some((_, rest)) = line.split_once("PostgreSQL on 127.0.0.1:") {
                break rest.split(',').next().unwrap().parse().unwrap();
            }
        };
        self.port.send_replace(port);
        tokio::select! {
            () = self.seen.ended.notified() => return,
            () = self.end.cancelled() => {}
        }
        let Some(mut child) = self.seen.child.lock().unwrap().take() else { return };
        drop(Command::new("kill").args(["-TERM", &child.id().to_string()]).status());
        let ended = tokio::task::spawn_blocking(move || child.wait());
        timeout(PATIENCE, ended).await.expect("it ends").unwrap().unwrap();
    }

    /// Its store, with nothing around.
    async fn store(&self, clock: Clock) -> Workflows {
        let config = Config::load(&self.config).unwrap_or_else(|error| panic!("{error}"));
        let engine = workflows::Config {
            store: config.store,
            keys: config.keys,
            recordings: config.recordings,
            policy: config.policy,
            faults: Faults::default(),
        };
        Workflows::open(engine, clock).await.unwrap()
    }

    fn verify(&self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        let verified = command.args(["audit", "verify", "--config"]).arg(&self.config).output().unwrap();
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    }
}

struct Life {
    number: usize,
    stop: Stop,
    _folder: TempDir,
    slack: FakeSlack,
    server: Server,
    faults: Faults,
}

impl Life {
    async fn begin(from: &Beginning, number: usize, stop: Stop) -> Self {
        let slack = FakeSlack::start().await;
        let mut members = vec!["U0BOT".to_owned()];
        for name in PEOPLE {
            slack.add_user(User::member(&user(name), name, &format!("{name}@example.com")));
            members.push(user(name));
        }
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        slack.add_channel(Channel::private(CHANNEL, "approvals", &members));
        let folder = tempfile::tempdir().unwrap();
        copy(from.world.folder.path(), folder.path());
        let here = folder.path().display().to_string();
        fs::write(folder.path().join("bot"), "xoxb-test-bot-token").unwrap();
        fs::write(folder.path().join("app"), "xapp-test-app-token").unwrap();
        let table = format!(
            "[console]\nlisten = \"127.0.0.1:0\"\n[slack]\nbot_token = \"file:{here}/bot\"\napp_token = \"file:{here}/app\"\n\
             channel = \"{CHANNEL}\"\napi = \"{}\"\n",
            slack.api()
        );
        let text = from.world.text().replace(&from.world.folder.path().display().to_string(), &here);
        let text = text.replace("[console]\nlisten = \"127.0.0.1:0\"\n", &table);
        let config = folder.path().join("countersign.toml");
        fs::write(&config, text).unwrap();
        let seen = Arc::new(Seen::default());
        // The fake outlives this life for a moment, and must not keep its process.
        let witness = Arc::downgrade(&seen);
        slack.witness(move |step| witness.upgrade().is_some_and(|seen| seen.step(step, stop)));
        let faults = match stop {
            Stop::Commit(n, after) => Faults::nth_commit(n, after),
            Stop::Nowhere | Stop::At(_) => Faults::default(),
        };
        Self { number, stop, _folder: folder, slack, server: Server::new(config, seen), faults }
    }

    /// Runs the server, and again whenever it ended, until the end of this life.
    async fn serve(&self) {
        let mut faults = self.faults.clone();
        while !self.server.end.is_cancelled() {
            match self.stop {
                Stop::Commit(..) => self.inside(std::mem::take(&mut faults)).await,
                Stop::Nowhere | Stop::At(_) => self.server.process().await,
            }
        }
    }

    async fn inside(&self, faults: Faults) {
        let config = Config::load(&self.server.config).unwrap_or_else(|error| panic!("{error}"));
        let (tell, told) = oneshot::channel();
        let parts = Parts { faults, ready: Some(tell), ..Parts::real() };
        let mut serving = JoinSet::new();
        serving.spawn(serve(config, parts, self.server.end.clone()));
        if let Ok(ready) = told.await {
            self.server.port.send_replace(ready.postgres.port());
        }
        // A start that failed, or a part that gave up, is started again by whatever looks after services.
        drop(serving.join_next().await);
    }

    /// Whether the world has stopped where it was to.
    fn is_stopped(&self) -> bool {
        self.server.seen.killed.lock().unwrap().is_some() || self.faults.left().is_some_and(|left| left <= 0)
    }

    /// When it stopped.
    async fn stopped(&self) -> Instant {
        while !self.is_stopped() {
            sleep(Duration::from_millis(50)).await;
        }
        self.server.seen.killed.lock().unwrap().unwrap_or_else(Instant::now)
    }

    /// Looks until it is there.
    async fn look<T>(&self, what: &str, mut find: impl FnMut(&FakeSlack) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = find(&self.slack) {
                return found;
            }
            assert!(Instant::now() < until, "no {what}; {}", self.told());
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn told(&self) -> String {
        let steps = self.server.seen.steps.lock().unwrap();
        let at = match self.stop {
            Stop::At(at) => steps.get(at - 1).cloned().unwrap_or_default(),
            Stop::Nowhere | Stop::Commit(..) => String::new(),
        };
        let all = self.slack.read(|state| state.messages.clone());
        let lines: Vec<String> = all
            .iter()
            .map(|one| {
                let labels: Vec<String> = one.buttons().into_iter().map(|button| button.label).collect();
                format!("{} {:?} {} {labels:?}", one.channel, one.only_for, one.seen().text.replace('\n', " / "))
            })
            .collect();
        format!("stopped at {:?} `{at}`\n{}\n{}", self.stop, lines.join("\n"), steps.join(", "))
    }
}

/// What was seen of one life.
struct Told {
    steps: usize,
    commits: i64,
    stopped: bool,
}

/// Lives one life.
async fn live(from: &Beginning, number: usize, stop: Stop) -> Told {
    let life = Life::begin(from, number, stop).await;
    let told = async {
        life.slack.until_connected(1).await;
        life.server.seen.counts.store(true, Ordering::Relaxed);
        let story = life.story(from);
        tokio::pin!(story);
        let stopped = tokio::select! {
            () = &mut story => Instant::now(),
            stopped = life.stopped() => {
                story.await;
                stopped
            }
        };
        if life.is_stopped() {
            sleep_until(stopped + TAKEN_UP).await;
        }
        let store = life.store().await;
        let until = Instant::now() + PATIENCE;
        while store.counts().await.unwrap().1 > 0 {
            assert!(Instant::now() < until, "notices stay open; {}", life.told());
            sleep(Duration::from_millis(200)).await;
        }
        life.server.end.cancel();
    };
    tokio::join!(life.serve(), told);
    life.check(from).await;
    let left = life.faults.left().unwrap_or_default();
    let stopped = life.is_stopped();
    let steps = life.server.seen.steps.lock().unwrap().len();
    Told { steps, commits: NEVER - left, stopped }
}

/// Lives as many lives as there are stops, after the one that was the measure.
async fn live_all(from: Beginning, stops: Vec<Stop>) {
    let all = stops.len();
    let (from, places) = (Arc::new(from), Arc::new(Semaphore::new(AT_ONCE)));
    let mut lives = JoinSet::new();
    for (number, stop) in stops.into_iter().enumerate() {
        let (from, places) = (Arc::clone(&from), Arc::clone(&places));
        lives.spawn(async move {
            let _place = places.acquire_owned().await.unwrap();
            live(&from, number + 1, stop).await.stopped
        });
    }
    let mut stopped = 0;
    while let Some(ended) = lives.join_next().await {
        stopped += usize::from(ended.unwrap());
    }
    // No two lives are alike: some are over before the last steps of the measure.
    assert!(stopped * 5 >= all * 4, "only {stopped} of {all} were stopped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_step_nothing_is_lost_nothing_comes_twice_and_no_button_is_stale() {
    let from = Beginning::make(200).await;
    let steps = live(&from, 0, Stop::Nowhere).await.steps;
    assert!((20..199).contains(&steps), "{steps}");
    live_all(from, (1..=steps).map(Stop::At).collect()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_commit_fails_the_story_comes_to_the_same_end() {
    let from = Beginning::make(200).await;
    let commits = live(&from, 0, Stop::Commit(NEVER, false)).await.commits;
    assert!((20..199).contains(&commits), "{commits}");
    // Every other fails before it was made, the ones between after it.
    live_all(from, (1..=commits).map(|n| Stop::Commit(n, n % 2 == 0)).collect()).await;
}
