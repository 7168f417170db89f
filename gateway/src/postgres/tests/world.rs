//! A server, a gateway in front of it, and clients.

use std::future::poll_fn;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use workflows::Workflows;
use workflows::approval::Terms;
use workflows::clock::{Clock, Span};
use workflows::engine::{AccessAsk, Choice, Filter};
use workflows::evidence::recording::{Event, Reader};
use workflows::id::{GrantId, RequestId, SessionId};
use workflows::identity::Authenticated;
use workflows::policy::Policy;
use workflows::request::Request;
use workflows::session::Ending;
use workflows::target::Access;

use crate::{Config, Gateway};

pub(super) fn open() -> String {
    String::new()
}

pub(super) fn closed_for(verb: &'static str) -> String {
    format!(
        "[[rule]]\nname = \"no {verb}\"\nwhen = 'op.verb == \"{verb}\"'\ndo = \"deny\"\nbecause = \"never here\"\n"
    )
}

pub(super) fn held_for(verb: &'static str) -> String {
    format!(
        "[[rule]]\nname = \"held {verb}\"\nwhen = 'op.verb == \"{verb}\"'\ndo = \"hold\"\napproval = {{ from = \"group:dba\", people = 1, within = \"10m\" }}\n"
    )
}

pub(super) fn mask(columns: &[&str], detect: &[&str]) -> String {
    format!("[[mask]]\nname = \"personal data\"\ncolumns = {columns:?}\ndetect = {detect:?}\n")
}

/// A server that lets everybody in, of the world's own: a shared one would outlive its tests.
fn server() -> sandbox::Postgres {
    let sign_in = Some("local all all trust\nhost all all all trust\n".to_owned());
    sandbox::Postgres::start_with(&sandbox::Setup { sign_in, ..sandbox::Setup::default() }).unwrap()
}

#[derive(Debug)]
pub(super) struct Said {
    pub(super) out: String,
    pub(super) err: String,
}

pub(super) struct World {
    port: u16,
    server: u16,
    _own: sandbox::Postgres,
    database: String,
    pub(super) workflows: Workflows,
    token: String,
    grant: GrantId,
    who: Authenticated,
    folder: tempfile::TempDir,
    _stop: tokio_util::sync::DropGuard,
    _tasks: JoinSet<()>,
}

const BASE: &str = r#"
[[target]]
name = "orders-prod"
protocol = "postgres"
address = "127.0.0.1:PORT"
database = "DATABASE"
labels = { env = "prod" }
tls = "off"
login.read = { user = "postgres", password = "file:PASSWORD" }
login.write = { user = "postgres", password = "file:PASSWORD" }
login.admin = { user = "postgres", password = "file:PASSWORD" }

[group]
dba = ["grace", "linus"]

[[access]]
name = "everybody"
who = "group:people"
targets = { env = "prod" }
levels = ["read", "write", "admin"]
at_most = "4h"
approval = { from = "group:dba", people = 1, within = "15m" }
"#;

impl World {
    pub(super) async fn start(rules: String) -> Self {
        Self::start_with(rules, String::new()).await
    }

    pub(super) async fn start_with(rules: String, mask: String) -> Self {
        Self::start_at(Access::Admin, rules, mask).await
    }

    pub(super) async fn start_at(access: Access, rules: String, mask: String) -> Self {
        let own = tokio::task::spawn_blocking(server).await.unwrap();
        let server = own.port();
        let database = SessionId::new().to_string().to_lowercase();
        sql(server, "postgres", &format!("CREATE DATABASE {database}")).await;
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, "unused").unwrap();
        let base = BASE.replace("PORT", &server.to_string()).replace("DATABASE", &database);
        let base =
            base.replace("PASSWORD", password.to_str().unwrap()).replace("[group]", "[group]\npeople = [\"ada\"]");
        let policy = Policy::parse(&format!("{base}\n{rules}\n{mask}"))
            .unwrap_or_else(|wrong| panic!("{:?}", wrong.iter().map(ToString::to_string).collect::<Vec<_>>()));
        let mut config = workflows::Config {
            store: workflows::engine::StoreConfig { url: format!("sqlite:{}", folder.path().join("s.db").display()) },
            keys: workflows::engine::KeysConfig { path: folder.path().join("keys") },
            recordings: workflows::engine::RecordingsConfig::default(),
            policy,
            faults: workflows::Faults::default(),
        };
        config.recordings.path = folder.path().join("recordings");
        let workflows = Workflows::start(config, Clock::System).await.unwrap();
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let issued = workflows.issue("test", "ada", Span::hours(1), "test").await.unwrap();
        let who = workflows.authenticate(&issued.token).await.unwrap();
        let target = "orders-prod".parse().unwrap();
        let ask = AccessAsk { target, access, span: Span::hours(1), why: "test".to_owned(), emergency: false };
        let request = workflows.request(&who, ask).await.unwrap().request;
        let grace = person(&workflows, "grace").await;
        workflows.vote(&grace, request.id, Choice::Approve { terms: Terms::default(), note: None }).await.unwrap();
        let grants = workflows.grants(&who, Filter { open_only: true, limit: 1 }).await.unwrap();
        let (config, engine, engine_stop) = (listening(), workflows.clone(), stop.clone());
        tasks.spawn(async move { engine.run(engine_stop).await });
        let gateway = Gateway::bind(
            config,
            std::path::Path::new("/nowhere"),
            workflows.clone(),
            std::sync::Arc::new(crate::observe::Nobody),
        )
        .await
        .unwrap();
        let port = gateway.postgres_addr().port();
        tasks.spawn(gateway.run(stop.clone()));
        let token = issued.token.reveal().clone();
        Self {
            port,
            server,
            _own: own,
            database,
            workflows,
            token,
            grant: grants[0].id,
            who,
            folder,
            _stop: stop.drop_guard(),
            _tasks: tasks,
        }
    }

    pub(super) async fn admin(&self, text: &str) {
        sql(self.server, &self.database, text).await;
    }

    fn command(&self, text: &str) -> Command {
        let mut command = Command::new(sandbox::binaries().unwrap().join("psql"));
        let port = self.port.to_string();
        command.args([
            "-X",
            "-A",
            "-t",
            "-h",
            "127.0.0.1",
            "-U",
            "ada",
            "-d",
            "orders-prod",
            "-p",
            &port,
            "-c",
            text,
        ]);
        command
            .env("PGPASSWORD", &self.token)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub(super) async fn psql(&self, text: &str) -> Said {
        self.psql_fed(text, "").await
    }

    pub(super) async fn psql_fed(&self, text: &str, stdin: &str) -> Said {
        let mut child = self.command(text).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let feed = async move {
            let _gone = input.write_all(stdin.as_bytes()).await;
        };
        let ((), done) = tokio::join!(feed, tokio::time::timeout(Duration::from_secs(30), child.wait_with_output()));
        let done = done.unwrap_or_else(|_| panic!("psql hangs: {text}")).unwrap();
        Said {
            out: String::from_utf8_lossy(&done.stdout).into_owned(),
            err: String::from_utf8_lossy(&done.stderr).into_owned(),
        }
    }

    /// Starts psql and leaves it alone: its input stays open and its output is not read beyond what a pipe holds.
    pub(super) fn psql_open(&self, text: &str) -> Child {
        let mut child = self.command("SELECT 1");
        child.args(["-c", text, "-f", "-"]);
        child.spawn().unwrap()
    }

    fn config(&self) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.port).user("ada").password(&self.token).dbname("orders-prod");
        config
    }

    pub(super) async fn client(&self) -> tokio_postgres::Client {
        self.client_with_messages().await.0
    }

    pub(super) async fn client_with_messages(&self) -> (tokio_postgres::Client, mpsc::Receiver<String>) {
        let (client, mut connection) = self.config().connect(tokio_postgres::NoTls).await.unwrap();
        let (to, from) = mpsc::channel(10);
        #[expect(clippy::disallowed_methods, reason = "the client's own task")]
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                if let tokio_postgres::AsyncMessage::Notification(heard) = message {
                    let _gone = to.send(format!("{} {}", heard.channel(), heard.payload())).await;
                }
            }
        });
        (client, from)
    }

    /// The recordings of all sessions, event by event.
    pub(super) fn lines(&self) -> Vec<String> {
        self.events().iter().filter_map(told).collect()
    }

    pub(super) fn output(&self) -> Vec<u8> {
        self.events()
            .into_iter()
            .flat_map(|event| if let Event::Output { bytes, .. } = event { bytes } else { Vec::new() })
            .collect()
    }

    fn events(&self) -> Vec<Event> {
        let mut all = Vec::new();
        for day in std::fs::read_dir(self.folder.path().join("recordings")).unwrap() {
            let Ok(files) = std::fs::read_dir(day.unwrap().path()) else { continue };
            let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
            files.sort();
            for file in files {
                let Ok(reader) = Reader::open(&file, None) else { continue };
                all.extend(reader.map_while(Result::ok).map(|record| record.what));
            }
        }
        all
    }

    pub(super) async fn pending(&self) -> Request {
        let grace = person(&self.workflows, "grace").await;
        for _ in 0..800 {
            let all = self.workflows.requests(&grace, Filter { open_only: true, limit: 10 }).await.unwrap();
            if let Some(found) = all.into_iter().find(|request| request.state.as_str() == "pending") {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("nobody was asked: {:?}", self.lines());
    }

    pub(super) async fn state(&self, id: RequestId) -> String {
        self.workflows.show_request(&self.who, id).await.unwrap().state.as_str().to_owned()
    }

    pub(super) async fn approve(&self, request: &Request) {
        let grace = person(&self.workflows, "grace").await;
        let choice = Choice::Approve { terms: Terms::default(), note: Some("go".to_owned()) };
        self.workflows.vote(&grace, request.id, choice).await.unwrap();
    }

    pub(super) async fn deny(&self, request: &Request) {
        let linus = person(&self.workflows, "linus").await;
        self.workflows.vote(&linus, request.id, Choice::Deny { because: "no".to_owned() }).await.unwrap();
    }

    pub(super) async fn revoke(&self) {
        self.workflows.revoke(&self.who, self.grant, "enough").await.unwrap();
    }

    pub(super) async fn until(&self, condition: impl Fn() -> bool) {
        for _ in 0..400 {
            if condition() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("it did not come about: {:?}", self.lines());
    }

    /// How the oldest session ended.
    pub(super) async fn ending(&self) -> Ending {
        for _ in 0..400 {
            let all = self.workflows.sessions(&self.who, Filter { open_only: false, limit: 100 }).await.unwrap();
            if let Some((_, ending)) = all.last().and_then(|session| session.ended.clone()) {
                return ending;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("it does not end");
    }

    pub(super) async fn until_busy(&self, what: &str) {
        let text = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND state = 'active' AND query LIKE '%{what}%'",
            self.database
        );
        self.until_sql(&text, |count| count != "0").await;
    }

    pub(super) async fn until_gone(&self) {
        let text = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{}'", self.database);
        self.until_sql(&text, |count| count == "0").await;
    }

    async fn until_sql(&self, text: &str, wanted: impl Fn(&str) -> bool) {
        for _ in 0..200 {
            if wanted(sql(self.server, "postgres", text).await.trim()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never: {text}");
    }
}

async fn sql(port: u16, database: &str, text: &str) -> String {
    let port = port.to_string();
    let done = Command::new(sandbox::binaries().unwrap().join("psql"))
        .args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-d",
            database,
            "-p",
            &port,
            "-c",
            text,
        ])
        .output()
        .await
        .unwrap();
    assert!(done.status.success(), "{text}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

fn listening() -> Config {
    Config { postgres: ([127, 0, 0, 1], 0).into(), ..Config::default() }
}

async fn person(workflows: &Workflows, name: &str) -> Authenticated {
    let issued = workflows.issue("test", name, Span::hours(1), "test").await.unwrap();
    workflows.authenticate(&issued.token).await.unwrap()
}

/// An event in one line.
fn told(event: &Event) -> Option<String> {
    Some(match event {
        Event::Intent { op, text, params, verdict, detail } => {
            format!("intent {op} {} {} {verdict} {detail}", String::from_utf8_lossy(text), params.len())
        }
        Event::Hold { op, request, rule } => format!("hold {op} {request} {rule}"),
        Event::Settled { op, outcome, by, because } => format!("settled {op} {outcome} {by} {because}"),
        Event::Outcome { op, tag, rows, error, .. } => {
            format!("outcome {op} {tag} {rows} {}", error.as_deref().unwrap_or("-"))
        }
        Event::Note { text } => format!("note {text}"),
        Event::Masked { op, what, count } => format!("masked {op} {what} {count}"),
        Event::Typed { .. } | Event::File { .. } => "not of PostgreSQL".to_owned(),
        Event::Begin { .. } | Event::Output { .. } | Event::End { .. } => return None,
    })
}

/// Runs futures side by side, in one task.
pub(super) async fn join<F: Future>(all: Vec<F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.into_iter().map(|one| (Box::pin(one), None)).collect();
    poll_fn(move |cx| {
        let mut waits = false;
        for (one, done) in &mut all {
            if done.is_none() {
                match one.as_mut().poll(cx) {
                    std::task::Poll::Ready(value) => *done = Some(value),
                    std::task::Poll::Pending => waits = true,
                }
            }
        }
        if waits {
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(all.iter_mut().filter_map(|(_, done)| done.take()).collect())
    })
    .await
}

/// A client that speaks bytes.
pub(super) struct Raw(tokio::net::TcpStream, Vec<u8>);

impl Raw {
    pub(super) async fn connect(world: &World) -> Self {
        let mut tcp = tokio::net::TcpStream::connect(("127.0.0.1", world.port)).await.unwrap();
        let mut out = bytes::BytesMut::new();
        let params = [("user", "ada"), ("database", "orders-prod")];
        postgres_protocol::message::frontend::startup_message(params, &mut out).unwrap();
        tcp.write_all(&out).await.unwrap();
        let mut raw = Self(tcp, Vec::new());
        raw.until(b'R').await;
        raw.send(&super::frame(b'p', &[world.token.as_bytes(), &[0]].concat())).await;
        raw.until(b'Z').await;
        raw
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Reads frames up to this one, and gives their tags and bodies.
    pub(super) async fn until(&mut self, tag: u8) -> Vec<(u8, Vec<u8>)> {
        let mut all = Vec::new();
        loop {
            while let Some((head, _)) = self.1.split_first_chunk::<5>() {
                let len = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize + 1;
                if self.1.len() < len {
                    break;
                }
                let frame: Vec<u8> = self.1.drain(..len).collect();
                all.push((frame[0], frame[5..].to_vec()));
                if frame[0] == tag {
                    return all;
                }
            }
            let read = tokio::time::timeout(Duration::from_secs(10), self.0.read_buf(&mut self.1)).await;
            let tags: String = all.iter().map(|(tag, _)| *tag as char).collect();
            assert!(read.unwrap_or_else(|_| panic!("silence after {tags}")).unwrap() > 0, "closed after {tags}");
        }
    }

    /// The tags up to this one, as a text.
    pub(super) async fn tags(&mut self, tag: u8) -> String {
        self.until(tag).await.into_iter().map(|(tag, _)| tag as char).collect()
    }
}
