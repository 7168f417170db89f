//! What the adapter's tests need: a real homeserver, a real engine, and a bot between them.

mod homeserver;

use bot::matrix::Matrix;
use bot::{Inbox, config};
pub(crate) use homeserver::{Homeserver, PATIENCE, Person, SERVER, is_there, until};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use workflows::clock::{Clock, Span};
use workflows::engine::{self, KeysConfig, Letter, RecordingsConfig, StoreConfig};
use workflows::policy::Policy;
use workflows::{Faults, Workflows};

impl Homeserver {
    /// The bot, as the file would name it.
    pub(crate) fn bot(&self, as_person: &Person, channel: &str) -> Matrix {
        let file = self.folder.path().join("token");
        std::fs::write(&file, &as_person.token).expect("written");
        let token = format!("file:{}", file.display()).parse().expect("a reference");
        let channel = Some(channel.to_owned());
        Matrix::new(config::Matrix { homeserver: self.base.clone(), token, channel, alarms: None })
            .expect("connected")
    }
}

const POLICY: &str = r#"
[[target]]
name = "orders-prod"
protocol = "postgres"
address = "10.0.0.5:5432"
database = "orders"
labels = { env = "prod" }
tls = "off"
login.read = { user = "cs_read", password = "env:CANARY_READ" }

[group]
orders = ["ada@example.com"]
dba = ["linus@example.com"]

[[access]]
name = "orders"
who = "group:orders"
targets = { env = "prod" }
levels = ["read"]
at_most = "4h"
approval = { from = "group:dba", people = 1, within = "15m" }
"#;

/// A real engine on a store of its own.
pub(crate) struct Engine {
    pub(crate) workflows: Workflows,
    _folder: TempDir,
}

impl Engine {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let config = engine::Config {
            store: StoreConfig { url: format!("sqlite:{}", at("store.db").display()) },
            keys: KeysConfig { path: at("keys") },
            recordings: RecordingsConfig { path: at("recordings"), ..RecordingsConfig::default() },
            policy: Policy::parse(POLICY).expect("a policy"),
            faults: Faults::default(),
        };
        Self { workflows: Workflows::start(config, Clock::System).await.expect("started"), _folder: folder }
    }

    /// The letters that came since the last call, at least one.
    pub(crate) async fn letters(&self) -> Vec<Letter> {
        let claim = || async {
            let letters = self.workflows.claim_letters(Span::hours(1), 100).await.expect("claimed");
            (!letters.is_empty()).then_some(letters)
        };
        until("a letter", claim).await
    }
}

/// A bot that listens until it is stopped.
pub(crate) struct Listening {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Listening {
    pub(crate) fn start(matrix: Matrix, engine: &Engine) -> Self {
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let (inbox, stopped) = (Inbox::new(engine.workflows.clone()), stop.clone());
        tasks.spawn(async move { bot::Platform::listen(&matrix, inbox, stopped).await });
        Self { stop, tasks }
    }

    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        let ended = timeout(PATIENCE, self.tasks.join_next()).await.expect("in time");
        ended.expect("it ran").expect("it ended in order");
    }
}
