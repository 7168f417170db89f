//! A small world on each engine: a store, a clock that the test turns, and a policy.

use std::sync::Arc;
use std::time::Duration;

use sandbox::Postgres;
use tempfile::TempDir;

use super::super::*;
use crate::approval::Terms;
use crate::clock::{ManualClock, Span};
use crate::id::GrantId;
use crate::identity::Authenticated;
use crate::operation::Fingerprint;
use crate::request::{Exactness, Request, Shape};
use crate::secret::Secret;
use crate::store::StoreError;
use crate::target::Access;

pub(super) const POLICY: &str = r#"
administrators = ["group:admins"]
auditors = ["group:auditors"]

[[target]]
name = "orders-prod"
protocol = "postgres"
address = "127.0.0.1:5432"
database = "orders"
labels = { env = "prod", team = "orders" }
tls = "off"
login.read = { user = "r", password = "env:R" }
login.write = { user = "w", password = "env:W" }

[[target]]
name = "orders-prod-admin"
protocol = "postgres"
address = "127.0.0.1:5432"
database = "orders"
labels = { env = "prod", team = "admin" }
tls = "off"
login.write = { user = "w", password = "env:W" }

[group]
orders = ["ada", "alan", "grace"]
dba = ["grace", "linus", "mary"]
seniors = ["mary", "edsger", "group:dba"]
admins = ["root"]
auditors = ["audrey"]

[[access]]
name = "orders"
who = "group:orders"
targets = { team = "orders" }
levels = ["read", "write"]
at_most = "4h"
approval = { from = "group:dba", people = 1, within = "15m", then = "group:seniors" }

[[access]]
name = "admin"
who = "group:orders"
targets = { team = "admin" }
levels = ["write"]
at_most = "1h"
approval = { from = "group:dba", people = 2, within = "15m" }

[[emergency]]
name = "break glass"
who = "group:orders"
targets = { team = "orders" }
levels = ["write"]
at_most = "30m"
review = { from = "group:seniors", people = 1, within = "24h" }

[[rule]]
name = "bulk write"
targets = { env = "prod" }
when = 'op.writes && !op.bounded'
do = "hold"
approval = { from = "group:dba", people = 1, within = "10m" }
"#;

/// Which engine a test runs on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Engine {
    Sqlite,
    Postgres,
}

/// A server of the world's own: a shared one would outlive its tests, since statics are never dropped.
async fn server() -> Option<Postgres> {
    match tokio::task::spawn_blocking(Postgres::start).await.unwrap() {
        Ok(server) => Some(server),
        Err(error) => {
            println!("skipped on PostgreSQL: {error}");
            None
        }
    }
}

pub(super) struct World {
    pub(super) workflows: Workflows,
    pub(super) hand: ManualClock,
    pub(super) clock: Clock,
    folder: TempDir,
    url: String,
    _server: Option<Postgres>,
}

impl World {
    /// A world on one engine; nothing where the engine is not installed.
    pub(super) async fn on(engine: Engine) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut server = None;
        let url = match engine {
            Engine::Sqlite => format!("sqlite:{}", folder.path().join("store.db").display()),
            Engine::Postgres => {
                let own = self::server().await?;
                own.sql("postgres", "CREATE ROLE cs LOGIN SUPERUSER PASSWORD 'cs'").unwrap();
                own.sql("postgres", "CREATE DATABASE store").unwrap();
                let url = format!("postgres://cs:cs@127.0.0.1:{}/store", own.port());
                server = Some(own);
                url
            }
        };
        let (clock, hand) = Clock::manual(crate::clock::Timestamp::from_micros(1_800_000_000_000_000));
        let workflows = start(&folder, &url, &clock, Faults::default()).await.unwrap();
        Some(Self { workflows, hand, clock, folder, url, _server: server })
    }

    /// Another process on the same store.
    pub(super) async fn node(&self, faults: Faults) -> Result<Workflows, StartError> {
        start(&self.folder, &self.url, &self.clock, faults).await
    }

    pub(super) async fn person(&self, name: &str) -> Authenticated {
        let issued = self.workflows.issue("test", name, Span::hours(24 * 300), "test").await.unwrap();
        self.workflows.authenticate(&issued.token).await.unwrap()
    }

    pub(super) async fn ask(&self, who: &Authenticated) -> Request {
        self.workflows.request(who, ask("orders-prod")).await.unwrap().request
    }

    /// Somebody with a live grant.
    pub(super) async fn granted(&self, who: &Authenticated) -> GrantId {
        let request = self.ask(who).await;
        let grace = self.person("grace").await;
        self.workflows.vote(&grace, request.id, yes()).await.unwrap();
        let grants = self.workflows.grants(who, open()).await.unwrap();
        grants.into_iter().find(|grant| grant.request == request.id).unwrap().id
    }

    pub(super) async fn session(&self, who: &Authenticated) -> LiveSession {
        let admission = self.workflows.admit(who, "orders-prod").await.unwrap();
        let client = Client { address: "127.0.0.1:1".to_owned(), application: "test".to_owned() };
        self.workflows.begin(admission, client).await.unwrap()
    }

    pub(super) async fn held(&self, session: &LiveSession) -> (Request, Fingerprint) {
        self.held_as(session, None).await
    }

    pub(super) async fn held_as(&self, session: &LiveSession, shape: Option<Shape>) -> (Request, Fingerprint) {
        let fingerprint = Fingerprint::of([b"DELETE FROM orders".as_slice()]);
        let needs = self.workflows.policy().route(
            &crate::policy::Ask {
                by: "ada",
                target: &"orders-prod".parse().unwrap(),
                access: Access::Write,
                span: Span::hours(1),
                emergency: false,
            },
            self.clock.now(),
        );
        let held = Held {
            fingerprint,
            shown: "DELETE FROM orders".to_owned(),
            impact: Vec::new(),
            shape,
            exact: Exactness::Whole,
            why: "bulk write".to_owned(),
            needs: needs.unwrap().needs,
        };
        (self.workflows.hold(session, held).await.unwrap(), fingerprint)
    }

    pub(super) fn policy_without(from: &str, to: &str) -> Policy {
        assert!(POLICY.contains(from), "the policy holds `{from}`");
        Policy::parse(&POLICY.replace(from, to)).unwrap_or_else(|mistakes| {
            panic!("{}", mistakes.iter().map(|one| one.render("policy")).collect::<Vec<_>>().join("\n"))
        })
    }

    /// Runs SQL behind the engine's back, as somebody with the database would.
    pub(super) async fn tamper(&self, sql: &'static str) {
        let mut tx = self.workflows.begin_transaction().await.unwrap();
        tx.run(sql, Vec::new()).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(super) async fn count(&self, sql: &'static str) -> i64 {
        self.workflows.db().first(sql, Vec::new()).await.unwrap().unwrap().int("n").unwrap()
    }

    pub(super) fn keys(&self) -> std::path::PathBuf {
        self.folder.path().join("keys")
    }

    pub(super) fn everything_written(&self) -> Vec<(std::path::PathBuf, Vec<u8>)> {
        fn walk(folder: &std::path::Path, into: &mut Vec<(std::path::PathBuf, Vec<u8>)>) {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                if entry.path().is_dir() {
                    walk(&entry.path(), into);
                } else {
                    into.push((entry.path(), std::fs::read(entry.path()).unwrap()));
                }
            }
        }
        let mut all = Vec::new();
        walk(self.folder.path(), &mut all);
        all
    }
}

async fn start(folder: &TempDir, url: &str, clock: &Clock, faults: Faults) -> Result<Workflows, StartError> {
    let config = Config {
        store: StoreConfig { url: url.to_owned() },
        keys: KeysConfig { path: folder.path().join("keys") },
        recordings: RecordingsConfig { path: folder.path().join("recordings"), ..RecordingsConfig::default() },
        policy: Policy::parse(POLICY).unwrap_or_else(|mistakes| {
            panic!("{}", mistakes.iter().map(|one| one.render("policy")).collect::<Vec<_>>().join("\n"))
        }),
        faults,
    };
    Workflows::start(config, clock.clone()).await
}

pub(super) fn ask(target: &str) -> AccessAsk {
    AccessAsk {
        target: target.parse().unwrap(),
        access: Access::Write,
        span: Span::hours(1),
        why: "INC-42".to_owned(),
        emergency: false,
    }
}

pub(super) fn yes() -> Choice {
    Choice::Approve { terms: Terms::default(), note: None }
}

pub(super) fn no() -> Choice {
    Choice::Deny { because: "not now".to_owned() }
}

pub(super) fn open() -> Filter {
    Filter { open_only: true, limit: 1_000 }
}

pub(super) fn all() -> Filter {
    Filter { open_only: false, limit: 1_000 }
}

pub(super) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("it happened in time")
}

pub(super) fn unknown_token() -> Secret<String> {
    Secret::new(format!("cst_{}", "0".repeat(78)))
}

pub(super) type Shared = Arc<World>;
pub(super) type Stored<T> = Result<T, StoreError>;
