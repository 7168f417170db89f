//! A real engine on a store of its own, a served console, and people: ada asks, grace and linus approve, mallory may
//! nothing, and audrey reads the audit log.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use console::{Config, Console, Gauges};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use workflows::approval::Terms;
use workflows::clock::{Clock, Span};
use workflows::engine::{self, AccessAsk, Choice, Client, KeysConfig, LiveSession, RecordingsConfig, StoreConfig};
use workflows::identity::{Chat, ChatUser};
use workflows::policy::Policy;
use workflows::target::Access;
use workflows::{Faults, Workflows};

const POLICY: &str = r#"
auditors = ["audrey@example.com"]

[[target]]
name = "orders-prod"
protocol = "postgres"
address = "10.0.0.5:5432"
database = "orders"
labels = { env = "prod" }
tls = "off"
login.read = { user = "cs_read", password = "env:CANARY_READ" }
login.write = { user = "cs_write", password = "env:CANARY_WRITE" }

[group]
orders = ["ada@example.com", "grace@example.com", "linus@example.com"]
dba = ["grace@example.com", "linus@example.com"]

[digest]
schedule = "0 0 0 * * * *"
[manages]
"ada@example.com" = ["linus@example.com"]

[[access]]
name = "orders"
who = "group:orders"
targets = { env = "prod" }
levels = ["read", "write"]
at_most = "4h"
approval = { from = "group:dba", people = 1, within = "15m" }
"#;

pub(crate) struct World {
    pub(crate) workflows: Workflows,
    at: SocketAddr,
    stop: CancellationToken,
    serving: JoinSet<()>,
    tokens: BTreeMap<&'static str, String>,
    ids: BTreeMap<&'static str, String>,
    _session: LiveSession,
    _folder: TempDir,
}

/// Signs nothing: only whether somebody may have a certificate is asked here. The gateway's tests sign.
struct Signer;

impl console::Certify for Signer {
    fn fingerprint(&self, key: &str) -> Result<String, String> {
        if key.starts_with("ssh-ed25519 ") {
            Ok("SHA256:0".to_owned())
        } else {
            Err("that is no public key".to_owned())
        }
    }

    fn sign(&self, wish: &console::Wish<'_>) -> Result<String, String> {
        Ok(format!("a certificate for {} on {}", wish.person, wish.target))
    }

    fn proved(&self, key: &str, words: &str, signature: &str) -> Result<String, String> {
        let signed = words.starts_with("countersign: this key signs in idn_") && signature == "theirs";
        if signed { self.fingerprint(key) } else { Err("that was not signed with this key".to_owned()) }
    }

    fn known_hosts(&self) -> Result<String, String> {
        Ok("@cert-authority countersign ssh-ed25519 AAAA".to_owned())
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Clock::System, Config { listen: "127.0.0.1:0".parse().expect("an address"), ..Config::default() })
            .await
    }

    pub(crate) async fn with(clock: Clock, config: Config) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let workflows = engine(&folder, clock).await;
        let (mut tokens, mut people, mut ids) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for name in ["ada", "grace", "linus", "mallory", "audrey"] {
            let full = format!("{name}@example.com");
            let issued = workflows.issue("test", &full, Span::hours(14 * 24), "test").await.expect("a token");
            if name == "ada" {
                ids.insert("tok", issued.id.to_string());
            }
            people.insert(name, workflows.authenticate(&issued.token).await.expect("signed in"));
            tokens.insert(name, issued.token.reveal().clone());
        }
        let key = workflows.bind_key(&people["ada"], "SHA256:ada", Span::hours(1), "test").await.expect("a key");
        ids.insert("key", key.id.to_string());
        let session = session_of_ada(&workflows, &people["ada"], &people["grace"], &mut ids).await;
        let console = Console::bind(config, workflows.clone(), Gauges::new()).await.expect("bound");
        let console =
            console.with_proof(std::sync::Arc::new(|_, state: &str, _| console::Proof::Say(state.to_owned())));
        let nothing = |_: &std::path::Path, _: &console::Query, _: &dyn Fn() -> bool| (Vec::new(), None);
        let console = console.with_search(std::sync::Arc::new(nothing));
        let console = console.with_certify(Some(std::sync::Arc::new(Signer)));
        let (at, stop) = (console.local_addr(), CancellationToken::new());
        let mut serving = JoinSet::new();
        let stopped = stop.clone();
        serving.spawn(async move { console.run(stopped).await.expect("served") });
        Self { workflows, at, stop, serving, tokens, ids, _session: session, _folder: folder }
    }

    pub(crate) fn token(&self, who: &str) -> String {
        self.tokens[who].clone()
    }

    /// An id of something of ada's, by its prefix; empty where a route takes none.
    pub(crate) fn id_of_ada(&self, prefix: &str) -> String {
        self.ids.get(prefix).cloned().unwrap_or_default()
    }

    /// Sends raw HTTP, so that nothing between the test and the server is polite.
    pub(crate) async fn call(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.at).await.expect("connected");
        let size = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}");
        let kind = if is_page(path) { "application/x-www-form-urlencoded" } else { "application/json" };
        let request = format!("{head}Content-Type: {kind}\r\nContent-Length: {size}\r\n\r\n{body}");
        // The server may answer and hang up before it has read a body that is too long.
        let _hung_up = stream.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let _reset = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        (status.unwrap_or_else(|| panic!("no status for {method} {path} in {answer:?}")), answer)
    }

    /// Calls as a program does, or for a page as a browser that is signed in.
    pub(crate) async fn call_as(&self, who: &str, method: &str, path: &str, body: &str) -> (u16, String) {
        let token = &self.tokens[who];
        let headers = if is_page(path) {
            format!("Cookie: countersign={token}\r\nOrigin: http://localhost\r\n")
        } else {
            format!("Authorization: Bearer {token}\r\n")
        };
        self.call(method, path, &headers, body).await
    }

    pub(crate) async fn json_as(&self, who: &str, method: &str, path: &str, body: &str) -> (u16, serde_json::Value) {
        let (status, answer) = self.call_as(who, method, path, body).await;
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        (status, serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON in {answer}")))
    }

    /// All that ada has, as she sees it.
    pub(crate) async fn snapshot(&self) -> Vec<serde_json::Value> {
        let mut all = Vec::new();
        for path in ["/v1/requests?all=true", "/v1/grants?all=true", "/v1/sessions?all=true", "/v1/tokens"] {
            all.push(self.json_as("ada", "GET", path, "").await.1);
        }
        all
    }

    pub(crate) async fn end(mut self) {
        self.stop.cancel();
        while let Some(done) = self.serving.join_next().await {
            done.expect("it ended in order");
        }
    }
}

fn is_page(path: &str) -> bool {
    path.starts_with("/digest")
}

async fn engine(folder: &TempDir, clock: Clock) -> Workflows {
    let at = |name: &str| folder.path().join(name);
    let config = engine::Config {
        store: StoreConfig { url: format!("sqlite:{}", at("store.db").display()) },
        keys: KeysConfig { path: at("keys") },
        recordings: RecordingsConfig { path: at("recordings"), ..RecordingsConfig::default() },
        policy: Policy::parse(POLICY).expect("a policy"),
        faults: Faults::default(),
    };
    Workflows::start(config, clock).await.expect("started")
}

/// Ada asks, grace agrees, ada connects: one of everything.
async fn session_of_ada(
    workflows: &Workflows,
    ada: &workflows::identity::Authenticated,
    grace: &workflows::identity::Authenticated,
    ids: &mut BTreeMap<&'static str, String>,
) -> LiveSession {
    let target = "orders-prod".parse().expect("a name");
    let ask =
        AccessAsk { target, access: Access::Write, span: Span::hours(1), why: "INC-1".to_owned(), emergency: false };
    let asked = workflows.request(ada, ask).await.expect("asked");
    let choice = Choice::Approve { terms: Terms::default(), note: None };
    workflows.vote(grace, asked.request.id, choice).await.expect("approved");
    let admission = workflows.admit(ada, "orders-prod").await.expect("admitted");
    let client = Client { address: "127.0.0.1:1".to_owned(), application: "psql".to_owned() };
    let session = workflows.begin(admission, client).await.expect("began");
    let filter = engine::Filter { open_only: false, limit: 10 };
    ids.insert("req", asked.request.id.to_string());
    ids.insert("grt", workflows.grants(ada, filter).await.expect("grants")[0].id.to_string());
    workflows.sweep_digests().await.expect("digests");
    ids.insert("dig", workflows.digests(ada).await.expect("digests")[0].id.to_string());
    let link = workflows.begin_link(ada, Chat::Slack).await.expect("begun");
    let at = ChatUser { chat: Chat::Slack, workspace: "T1".to_owned(), user: "U1".to_owned() };
    let code = workflows.prove_link(link.state.reveal(), &at).await.expect("proved");
    workflows.finish_link(ada, link.id, code.reveal()).await.expect("linked");
    ids.insert("acc", workflows.accounts(ada).await.expect("accounts")[0].id.to_string());
    // Begun and proved, so that only the code is wrong.
    let link = workflows.begin_link(ada, Chat::Discord).await.expect("begun");
    ids.insert("lnk", link.id.to_string());
    ids.insert("ses", workflows.sessions(ada, filter).await.expect("sessions")[0].id.to_string());
    session
}
