//! A whole world for a test: a real PostgreSQL, the real `serve()`, real clients. Everything is gone when it is dropped.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use countersign::config::Config;
use countersign::serve::{Parts, Ready, serve};
use sandbox::Postgres;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use workflows::Workflows;
use workflows::approval::Terms;
use workflows::clock::{Clock, ManualClock, Span, Timestamp};
use workflows::engine::{AccessAsk, Choice, Filter};
use workflows::evidence::recording::Event;
use workflows::id::{GrantId, RequestId};
use workflows::identity::Authenticated;
use workflows::request::{Request, State, What};
use workflows::secret::Secret;
use workflows::target::Access;

/// How long anything may take on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// In every stored credential, so that a search finds it wherever it should not be (G15).
pub const CANARY: &str = "canary-7c1f";

pub const POLICY: &str = r#"
auditors = ["audrey"]
administrators = ["root"]

[store]
url = "@STORE@"
[keys]
path = "@FOLDER@/keys"
[recordings]
path = "@FOLDER@/recordings"
[gateway]
postgres = "127.0.0.1:0"
@GATEWAY@
[console]
listen = "127.0.0.1:0"

[[target]]
name = "orders-prod"
protocol = "postgres"
address = "@ADDRESS@"
database = "orders"
labels = { env = "prod", team = "orders" }
tls = "off"
login.read = { user = "cs_read", password = "file:@FOLDER@/read" }
login.write = { user = "cs_write", password = "file:@FOLDER@/write" }

[group]
orders = ["ada", "alan", "edsger", "grace"]
dba = ["grace", "linus"]

[[access]]
name = "orders"
who = "group:orders"
targets = { team = "orders" }
levels = ["read", "write"]
at_most = "4h"
approval = { from = "group:dba", people = 1, within = "15m" }

[[rule]]
name = "bulk write"
targets = { env = "prod" }
when = 'op.writes && !op.bounded'
do = "hold"
approval = { from = "group:dba", people = 1, within = "10m" }

[[rule]]
name = "unreadable"
targets = { env = "prod" }
when = 'op.opaque'
do = "hold"
approval = { from = "group:dba", people = 1, within = "10m" }

[[rule]]
name = "schema"
targets = { env = "prod" }
when = 'op.ddl && op.verb != "CREATE TEMP TABLE"'
do = "deny"
because = "schema changes go through migrations"

[[rule]]
name = "secret table"
targets = { env = "prod" }
when = '"vault" in op.objects'
do = "deny"
because = "nobody reads the vault by hand"

[[mask]]
name = "personal data"
targets = { env = "prod" }
columns = ["*.email", "customers.phone", "customers.born"]
detect = ["card", "email", "iban", "secrets"]
"#;

const DATA: &str = "
CREATE TABLE customers (id INT PRIMARY KEY, name TEXT, email TEXT, phone TEXT, card TEXT, born DATE, note JSONB);
INSERT INTO customers VALUES
    (1, 'Mira Weber', 'mira.weber@example.com', '+49 30 1234567', '4111-1111-1111-1111', '1980-02-03', '{\"mail\": \"m@example.org\"}'),
    (2, 'Jonas Novak', 'jonas@example.org', '+49 30 7654321', '5500-0000-0000-0004', '1991-12-24', NULL),
    (3, 'Aylin Kaya', 'aylin.kaya@example.net', NULL, NULL, NULL, NULL);
CREATE TABLE orders (id INT PRIMARY KEY, customer INT REFERENCES customers (id), total NUMERIC);
INSERT INTO orders VALUES (1, 1, 10), (2, 1, 20), (3, 2, 30);
CREATE TABLE order_items (order_id INT REFERENCES orders (id) ON DELETE CASCADE, line INT);
INSERT INTO order_items VALUES (1, 1), (1, 2), (2, 1);
CREATE TABLE vault (secret TEXT);
INSERT INTO vault VALUES ('open sesame');
CREATE VIEW contacts AS SELECT id, email AS address FROM customers;
CREATE VIEW reach AS SELECT id, address AS way, length(address) AS size FROM contacts;
GRANT USAGE ON SCHEMA public TO cs_read, cs_write;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO cs_read, cs_write;
GRANT INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO cs_write;
GRANT TEMPORARY ON DATABASE orders TO cs_read, cs_write;
";

/// What a world is started with, where the usual does not serve.
pub struct Start {
    /// Changes of the file: what stands there, and what stands there instead.
    pub edits: Vec<(String, String)>,
    /// The clock; the machine's where there is none.
    pub clock: Clock,
    /// Where the target is; the world's own PostgreSQL where there is none.
    pub address: Option<String>,
    /// The store's URL; SQLite in the world's folder where there is none.
    pub store: Option<String>,
    /// Secrets in the world's folder: name and content.
    pub files: Vec<(&'static str, &'static str)>,
}

impl Default for Start {
    fn default() -> Self {
        Self { edits: Vec::new(), clock: Clock::System, address: None, store: None, files: Vec::new() }
    }
}

pub struct World {
    pub postgres: Postgres,
    pub ready: Ready,
    pub folder: TempDir,
    text: String,
    stop: CancellationToken,
    serving: JoinSet<anyhow::Result<()>>,
    tokens: Mutex<HashMap<String, String>>,
}

impl World {
    /// The usual world. Where PostgreSQL is not installed there is none, and the test says so.
    pub async fn start() -> Self {
        Self::start_with(Start::default()).await
    }

    /// A world whose clock the test turns.
    pub async fn with_clock() -> (Self, ManualClock) {
        let (clock, hand) = Clock::manual(Timestamp::from_micros(1_800_000_000_000_000));
        (Self::start_with(Start { clock, ..Start::default() }).await, hand)
    }

    pub async fn edited(from: &str, to: &str) -> Self {
        Self::start_with(Start { edits: vec![(from.to_owned(), to.to_owned())], ..Start::default() }).await
    }

    pub async fn start_with(start: Start) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let postgres = tokio::task::spawn_blocking(Postgres::start).await.expect("a thread").expect("PostgreSQL");
        let roles = format!(
            "CREATE ROLE cs_read LOGIN PASSWORD '{CANARY}-read'; CREATE ROLE cs_write LOGIN PASSWORD '{CANARY}-write'"
        );
        postgres.sql("postgres", &roles).expect("roles");
        postgres.sql("postgres", "CREATE DATABASE orders").expect("a database");
        postgres.sql("orders", DATA).expect("data");
        fs::write(folder.path().join("read"), format!("{CANARY}-read")).expect("a secret");
        fs::write(folder.path().join("write"), format!("{CANARY}-write")).expect("a secret");
        for (name, content) in &start.files {
            fs::write(folder.path().join(name), content).expect("a secret");
        }
        let address = start.address.unwrap_or_else(|| format!("127.0.0.1:{}", postgres.port()));
        let at = folder.path().display().to_string();
        let mut text = POLICY.to_owned();
        for (from, to) in &start.edits {
            assert!(text.contains(from.as_str()), "the policy holds `{from}`");
            text = text.replace(from.as_str(), to);
        }
        let text = text
            .replace("@STORE@", start.store.as_deref().unwrap_or("sqlite:@FOLDER@/store.db"))
            .replace("@GATEWAY@", "")
            .replace("@ADDRESS@", &address)
            .replace("@FOLDER@", &at);
        let (ready, stop, serving) = run(&text, start.clock).await;
        Self { postgres, ready, folder, text, stop, serving, tokens: Mutex::default() }
    }

    pub fn workflows(&self) -> &Workflows {
        &self.ready.workflows
    }

    /// The file's text, for tests that change it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Stops everything at once, as a kill would: nothing is drained. Then starts again on the same store.
    pub async fn crash_and_restart(&mut self) {
        self.serving.abort_all();
        while self.serving.join_next().await.is_some() {}
        let (ready, stop, serving) = run(&self.text, Clock::System).await;
        (self.ready, self.stop, self.serving) = (ready, stop, serving);
    }

    /// Stops in order, and waits.
    pub async fn close(&mut self) {
        self.stop.cancel();
        while let Some(ended) = self.serving.join_next().await {
            ended.expect("no panic").expect("no failure");
        }
    }

    pub async fn token(&self, name: &str) -> Secret<String> {
        let token = self.workflows().issue("test", name, Span::hours(24 * 300), "test").await.expect("a token").token;
        self.tokens.lock().expect("no panic").insert(name.to_owned(), token.reveal().clone());
        token
    }

    pub async fn person(&self, name: &str) -> Authenticated {
        self.workflows().authenticate(&self.token(name).await).await.expect("signed in")
    }

    /// Gives somebody a grant, asked for and approved.
    pub async fn grant(&self, name: &str, access: Access, span: Span) -> GrantId {
        let who = self.person(name).await;
        let target = "orders-prod".parse().expect("a name");
        let ask = AccessAsk { target, access, span, why: "test".to_owned(), emergency: false };
        let asked = self.workflows().request(&who, ask).await.expect("asked");
        self.approve("linus", asked.request.id).await;
        let open = Filter { open_only: true, limit: 1_000 };
        let grants = self.workflows().grants(&who, open).await.expect("grants");
        grants.into_iter().find(|grant| grant.request == asked.request.id).expect("a grant").id
    }

    pub async fn approve(&self, by: &str, id: RequestId) {
        let choice = Choice::Approve { terms: Terms::default(), note: Some("after the backup".to_owned()) };
        self.workflows().vote(&self.person(by).await, id, choice).await.expect("approved");
    }

    pub async fn deny(&self, by: &str, id: RequestId) {
        let choice = Choice::Deny { because: "not on a Friday".to_owned() };
        self.workflows().vote(&self.person(by).await, id, choice).await.expect("denied");
    }

    /// The one operation that is held now.
    pub async fn held(&self) -> Request {
        self.all_held(1).await.remove(0)
    }

    /// The operations that are held now, once there are so many.
    pub async fn all_held(&self, count: usize) -> Vec<Request> {
        let linus = self.person("linus").await;
        for _try in 0..600 {
            let open = Filter { open_only: true, limit: 1_000 };
            let all = self.workflows().requests(&linus, open).await.expect("requests");
            let held: Vec<_> = all.into_iter().filter(|one| matches!(one.what, What::Operation { .. })).collect();
            if held.len() >= count {
                return held;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("fewer than {count} were held");
    }

    /// Waits until nobody is asked this any more, since whoever asked has gone.
    pub async fn until_withdrawn(&self, by: &str, id: RequestId) {
        let by = self.person(by).await;
        for _try in 0..600 {
            let seen = self.workflows().show_request(&by, id).await.expect("a request");
            if matches!(seen.state, State::Withdrawn { .. }) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{id} is still asked");
    }

    /// psql with a write grant of an hour.
    pub async fn psql(&self, name: &str) -> Psql {
        self.grant(name, Access::Write, Span::hours(1)).await;
        self.connect(name).await
    }

    /// psql with whatever grant there is.
    pub async fn connect(&self, name: &str) -> Psql {
        Psql::start(self.command(name).await)
    }

    /// The command that connects somebody's psql.
    pub async fn command(&self, name: &str) -> Command {
        let token = self.token(name).await;
        let mut psql = Command::new(self.postgres.program("psql"));
        let way = format!("host=127.0.0.1 port={} user={name} dbname=orders-prod", self.ready.postgres.port());
        psql.args(["-X", "-d", &way]).env("PGPASSWORD", token.reveal()).env("LC_ALL", "C.UTF-8");
        psql
    }

    /// The same with the last token that was made for somebody, while the store is away.
    pub fn command_with_known_token(&self, name: &str) -> Command {
        let mut psql = Command::new(self.postgres.program("psql"));
        let way = format!("host=127.0.0.1 port={} user={name} dbname=orders-prod", self.ready.postgres.port());
        let tokens = self.tokens.lock().expect("no panic");
        psql.args(["-X", "-d", &way]).env("PGPASSWORD", tokens.get(name).expect("a token")).env("LC_ALL", "C.UTF-8");
        psql
    }

    /// Another node on the same file and store, with ports of its own.
    pub async fn beside(first: &Self) -> (JoinSet<anyhow::Result<()>>, Workflows) {
        Self::beside_at(first, Clock::System).await
    }

    /// The same by a clock that both share.
    pub async fn beside_at(first: &Self, clock: Clock) -> (JoinSet<anyhow::Result<()>>, Workflows) {
        let (serving, ready) = Self::node_beside(first, clock).await;
        (serving, ready.workflows)
    }

    /// The same, and where it listens.
    pub async fn node_beside(first: &Self, clock: Clock) -> (JoinSet<anyhow::Result<()>>, Ready) {
        let port = format!("listen = \"{}\"", first.ready.console);
        let text = first.text().replace(&port, "listen = \"127.0.0.1:0\"");
        let (ready, _stop, serving) = run(&text, clock).await;
        (serving, ready)
    }

    /// Runs one psql to its end; gives what it printed, and whether it worked.
    pub async fn run(&self, name: &str, args: &[&str]) -> (String, bool) {
        let mut command = self.command(name).await;
        let output = command.args(args).stdin(Stdio::null()).output();
        let output = tokio::time::timeout(PATIENCE, output).await.expect("psql ended in time").expect("psql ran");
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8_lossy(&text).into_owned(), output.status.success())
    }

    /// A client that speaks the extended protocol.
    pub async fn client(&self, name: &str) -> (tokio_postgres::Client, JoinSet<()>) {
        let token = self.token(name).await;
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.ready.postgres.port()).user(name).dbname("orders-prod");
        config.password(token.reveal());
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.expect("connected");
        let mut driving = JoinSet::new();
        driving.spawn(async move { drop(connection.await) });
        (client, driving)
    }

    /// Asks the server itself, as its superuser.
    pub fn server(&self, sql: &str) -> String {
        self.postgres.sql("orders", sql).expect("an answer")
    }

    /// Waits until the server itself answers so.
    pub async fn until_server(&self, sql: &str, wanted: &str) {
        for _try in 0..400 {
            if self.server(sql) == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("`{sql}` never gave `{wanted}`, but `{}`", self.server(sql));
    }

    /// Every recording, opened and written out as text.
    pub fn recorded(&self) -> String {
        let mut text = String::new();
        for path in files(&self.folder.path().join("recordings")) {
            let reader = workflows::evidence::recording::Reader::open(&path, None).expect("a recording");
            for record in reader {
                text.push_str(&spoken(&record.expect("a record").what));
            }
        }
        text
    }
}

/// A record as text. Its own `Debug` says nothing of what it holds.
pub fn spoken(event: &Event) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match event {
        Event::Begin { json } | Event::End { json } => format!("{json}\n"),
        Event::Intent { op, text: said, verdict, detail, .. } => {
            format!("intent {op} {verdict} {detail}: {}\n", text(said))
        }
        Event::Hold { op, request, rule } => format!("hold {op} {request} {rule}\n"),
        Event::Settled { op, outcome, by, because } => format!("settled {op} {outcome} {by} {because}\n"),
        Event::Output { op, bytes } => format!("output {op} {}\n", text(bytes)),
        Event::Outcome { op, tag, rows, error, .. } => format!("outcome {op} {tag} {rows} {error:?}\n"),
        Event::Note { text } => format!("note {text}\n"),
        Event::Masked { op, what, count } => format!("masked {op} {what} {count}\n"),
        Event::Typed { op, text } => format!("typed {op} {text}\n"),
        Event::File { number, name, size, bytes } => format!("file {number} {name} {size} {}\n", text(bytes)),
    }
}

/// A clock that goes by itself and that the test puts forward: what is tried again after a while needs time to pass, and
/// nobody waits for the end of an hour.
pub fn going_clock() -> (Clock, ManualClock, JoinSet<()>) {
    let (clock, hand) = Clock::manual(Clock::System.now());
    let (mut going, turned) = (JoinSet::new(), hand.clone());
    going.spawn(async move {
        let mut last = tokio::time::Instant::now();
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let now = tokio::time::Instant::now();
            turned.advance(Span::from_micros(i64::try_from((now - last).as_micros()).expect("a short time")));
            last = now;
        }
    });
    (clock, hand, going)
}

/// Every file under a folder.
pub fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            all.extend(files(&entry.path()));
        } else {
            all.push(entry.path());
        }
    }
    all
}

async fn run(text: &str, clock: Clock) -> (Ready, CancellationToken, JoinSet<anyhow::Result<()>>) {
    // As `main` does, for every client of the process; the second time it is there already.
    let _there = rustls::crypto::ring::default_provider().install_default();
    let config = Config::parse(text, "test.toml").unwrap_or_else(|error| panic!("{error}"));
    let stop = CancellationToken::new();
    let (tell, told) = oneshot::channel();
    let parts = Parts { clock, ready: Some(tell), ..Parts::real() };
    let mut serving = JoinSet::new();
    serving.spawn(serve(config, parts, stop.clone()));
    let ready = tokio::select! {
        ready = told => ready.ok(),
        ended = serving.join_next() => panic!("it did not start: {ended:?}"),
    };
    (ready.expect("it started"), stop, serving)
}

/// A psql that stays connected.
pub struct Psql {
    pub child: Child,
    input: Option<ChildStdin>,
    lines: mpsc::UnboundedReceiver<String>,
    /// Everything that it printed so far.
    pub said: Vec<String>,
    _readers: JoinSet<()>,
}

impl Psql {
    pub fn start(mut command: Command) -> Self {
        // One pipe for results and notices: they are read in the order in which psql said them.
        let (reader, writer) = std::io::pipe().expect("a pipe");
        command.stderr(writer.try_clone().expect("a pipe")).stdout(writer);
        let mut child = command.stdin(Stdio::piped()).kill_on_drop(true).spawn().expect("psql");
        // It holds the writing end, which has to be psql's alone for the end to be seen.
        drop(command);
        let lines_of = pipe::Receiver::from_owned_fd(reader.into()).expect("a pipe");
        let input = child.stdin.take();
        let (tell, lines) = mpsc::unbounded_channel();
        let mut readers = JoinSet::new();
        readers.spawn(read(lines_of, tell));
        Self { child, input, lines, said: Vec::new(), _readers: readers }
    }

    pub async fn send(&mut self, sql: &str) {
        let input = self.input.as_mut().expect("psql still reads");
        input.write_all(format!("{sql}\n").as_bytes()).await.expect("psql reads");
        input.flush().await.expect("psql reads");
    }

    /// Reads until a line holds a text; gives that line.
    pub async fn until(&mut self, text: &str) -> String {
        loop {
            let line = tokio::time::timeout(PATIENCE, self.lines.recv()).await;
            let Ok(Some(line)) = line else { panic!("psql never said `{text}`; it said:\n{}", self.said.join("\n")) };
            self.said.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Reads until a line holds a text, unless one did.
    pub async fn has(&mut self, text: &str) {
        if !self.said.iter().any(|line| line.contains(text)) {
            self.until(text).await;
        }
    }

    /// Sends, and reads until a line holds a text.
    pub async fn ask(&mut self, sql: &str, text: &str) -> String {
        self.send(sql).await;
        self.until(text).await
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        let pid = self.child.id().expect("it runs").to_string();
        let done = std::process::Command::new("kill").args(["-INT", &pid]).status();
        assert!(done.is_ok_and(|status| status.success()));
    }

    pub async fn kill(&mut self) {
        self.child.kill().await.expect("killed");
    }

    pub async fn quit(mut self) {
        drop(self.input.take());
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("psql ended in time").expect("psql ended");
    }
}

async fn read(from: impl AsyncRead + Unpin, tell: mpsc::UnboundedSender<String>) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if tell.send(line).is_err() {
            return;
        }
    }
}
