//! The composition root: the only place where the crates meet. Bind first, run later; the first failure stops all.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use bot::Bot;
use console::{Certify, Console, Gate, Gauges, Proof, Prove, Query, Wish, documents};
use gateway::Gateway;
use gateway::observe::Observer;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};
use workflows::clock::{Clock, Timestamp};
use workflows::identity::Chat;
use workflows::policy::Policy;
use workflows::target::{SecretRef, TargetName};
use workflows::{Faults, Workflows};

use crate::config::Config;
use crate::judge::{self, Judge};
use crate::replay::find;

/// How long sessions are given to end when Countersign is stopped.
const DRAIN: Duration = Duration::from_secs(10);

/// What tests put in place of the real thing, and what they want to know.
#[derive(Debug)]
pub struct Parts {
    /// Where time comes from.
    pub clock: Clock,
    /// Which commit fails, for crash tests.
    pub faults: Faults,
    /// Told once everything listens.
    pub ready: Option<oneshot::Sender<Ready>>,
}

impl Parts {
    /// The real thing.
    pub fn real() -> Self {
        Self { clock: Clock::System, faults: Faults::default(), ready: None }
    }
}

/// The gateway's news, as the console counts them.
#[derive(Debug)]
struct Counted(Gauges);

impl Observer for Counted {
    fn session_began(&self) {
        self.0.session_began();
    }

    fn session_ended(&self, masked: u64) {
        self.0.session_ended();
        self.0.masked(masked);
    }

    fn passed(&self) {
        self.0.operation(Gate::Open);
    }

    fn refused(&self) {
        self.0.operation(Gate::Shut);
    }

    fn hold_began(&self) {
        self.0.operation(Gate::Hold);
        self.0.hold_began();
    }

    fn hold_ended(&self) {
        self.0.hold_ended();
    }

    fn released(&self, after: Duration) {
        self.0.released(after);
    }

    fn recording_failed(&self) {
        self.0.recording_failed();
    }

    fn store_failed(&self) {
        self.0.store_failed();
    }
}

/// Where everything listens.
#[derive(Debug)]
pub struct Ready {
    /// PostgreSQL clients.
    pub postgres: SocketAddr,
    /// SSH clients, where they are served.
    pub ssh: Option<SocketAddr>,
    /// The API.
    pub console: SocketAddr,
    /// The engine, for whoever runs in the same process.
    pub workflows: Workflows,
}

/// Runs everything until `stop`, or until one part fails.
pub async fn serve(config: Config, parts: Parts, stop: CancellationToken) -> anyhow::Result<()> {
    let keys = config.keys.path.clone();
    let identity = config.recordings.identity.as_ref().map(SecretRef::read).transpose();
    let identity = identity.context("`identity` of [recordings] can't be read")?;
    let engine = workflows::Config {
        store: config.store,
        keys: config.keys,
        recordings: config.recordings,
        policy: config.policy,
        faults: parts.faults,
    };
    let workflows = Workflows::start(engine, parts.clock).await.context("the engine could not be started")?;
    let encrypted = config.gateway.tls.is_some();
    let ssh_keys = keys.join("ssh");
    let gauges = Gauges::new();
    let observer = Arc::new(Counted(gauges.clone()));
    let gateway = Gateway::bind(config.gateway, &ssh_keys, workflows.clone(), observer)
        .await
        .context("the gateway can't listen")?;
    let (postgres, ssh, certifier) = (gateway.postgres_addr(), gateway.ssh_addr(), gateway.certifier());
    let judge = Judge::start().context("the parser's threads could not be started")?;
    let explain = move |policy: &Policy, person: &str, target: &TargetName, sql: &str, now: Timestamp| {
        judge::document(&judge.explain(policy, person, target, sql, now))
    };
    let bot = Bot::connect(config.bot, workflows.clone()).context("the bot can't be connected")?;
    let console = Console::bind(config.console, workflows.clone(), gauges)
        .await
        .context("the console can't listen")?
        .with_hooks(bot.hooks())
        .with_proof(prover(bot.clone()))
        .with_postgres(documents::Gateway { address: postgres.to_string(), tls: encrypted })
        .with_ssh(ssh.map(|address| documents::Gateway { address: address.to_string(), tls: true }))
        .with_explain(Arc::new(explain))
        .with_search(Arc::new(move |path: &Path, query: &Query, stop: &dyn Fn() -> bool| {
            find::look(path, identity.as_ref().map(|identity| identity.reveal().as_str()), query, stop)
        }))
        .with_certify(certifier.map(|certifier| Arc::new(Signs(certifier)) as Arc<dyn Certify>));
    let api = console.local_addr();
    info!("PostgreSQL on {postgres}, API on http://{api}");
    if let Some(ssh) = ssh {
        info!("SSH on {ssh}");
    }

    let mut tasks = JoinSet::new();
    // The engine stops last: what ends during the drain is still noted and signed.
    let engine_stop = CancellationToken::new();
    let mut engine = JoinSet::new();
    workflows.spawn(&mut engine, &engine_stop);
    let (gateway_stop, console_stop, bot_stop) = (stop.clone(), stop.clone(), stop.clone());
    tasks.spawn(async move {
        gateway.run(gateway_stop).await;
        Ok(())
    });
    tasks.spawn(async move { console.run(console_stop).await.map_err(anyhow::Error::from) });
    tasks.spawn(async move {
        bot.run(bot_stop).await;
        Ok(())
    });
    if let Some(ready) = parts.ready {
        // A test that no longer waits is no reason to stop.
        let _unheard = ready.send(Ready { postgres, ssh, console: api, workflows });
    }
    drain(tasks, stop, engine, engine_stop).await
}

/// The gateway's keys, for the console.
struct Signs(gateway::ssh::Certifier);

impl Certify for Signs {
    fn fingerprint(&self, key: &str) -> Result<String, String> {
        self.0.fingerprint(key)
    }

    fn sign(&self, wish: &Wish<'_>) -> Result<String, String> {
        let seconds = |at: Timestamp| u64::try_from(at.micros() / 1_000_000).unwrap_or_default();
        let Wish { key, identity, person, token, target, from, until } = *wish;
        let (from, until) = (seconds(from), seconds(until));
        self.0.sign(&gateway::ssh::Wanted { key, identity, person, token, target, from, until })
    }

    fn proved(&self, key: &str, words: &str, signature: &str) -> Result<String, String> {
        self.0.proved(key, words, signature)
    }

    fn known_hosts(&self) -> Result<String, String> {
        self.0.known_hosts()
    }
}

/// How somebody proves a chat account: by signing in at the platform where it has that, else by writing to the bot.
fn prover(bot: Bot) -> Prove {
    Arc::new(move |chat, state: &str, nonce: &str| {
        let known = bot.platforms().any(|platform| platform.chat() == chat);
        if !known {
            return Proof::Missing(format!("Countersign is not connected with {}", chat.title()));
        }
        match (bot.sign_in(chat, state, nonce), chat) {
            (Some(url), _) => Proof::SignIn(url),
            (None, Chat::Matrix) => Proof::Say(format!("!link {state}")),
            (None, Chat::Slack | Chat::Discord) => Proof::Missing(format!(
                "the file does not say where browsers reach Countersign, or how {} knows it: `[console] public`, and \
                 `client_id` and `client_secret` in `[{chat}]`",
                chat.title()
            )),
        }
    })
}

/// Waits for every part. The first that ends stops the others; who does not stop in time is aborted. A job of the engine
/// that ends by itself stops all as well, since nobody would learn of a revocation any more.
async fn drain(
    mut tasks: JoinSet<anyhow::Result<()>>,
    stop: CancellationToken,
    mut engine: JoinSet<&'static str>,
    engine_stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut outcome = Ok(());
    let mut note = |ended: Result<anyhow::Result<()>, JoinError>| {
        let ended = ended.map_err(anyhow::Error::from).flatten();
        if let Err(failure) = ended {
            error!("a part failed: {failure:#}");
            if outcome.is_ok() {
                outcome = Err(failure);
            }
        }
    };
    tokio::select! {
        Some(ended) = tasks.join_next() => note(ended),
        Some(ended) = engine.join_next() => note(ended.map(|job| Err(anyhow!("{job} ended by itself")))),
        else => {}
    }
    stop.cancel();
    let rest = async {
        while let Some(ended) = tasks.join_next().await {
            note(ended);
        }
    };
    if tokio::time::timeout(DRAIN, rest).await.is_err() {
        tasks.abort_all();
    }
    engine_stop.cancel();
    let rest = async {
        while let Some(ended) = engine.join_next().await {
            note(ended.map(|_job| Ok(())));
        }
    };
    if tokio::time::timeout(DRAIN, rest).await.is_err() {
        engine.abort_all();
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_death_of_a_job_of_the_engine_stops_everything() {
        let (stop, engine_stop) = (CancellationToken::new(), CancellationToken::new());
        let (mut tasks, mut engine) = (JoinSet::new(), JoinSet::new());
        let (part, job) = (stop.clone(), engine_stop.clone());
        tasks.spawn(async move {
            part.cancelled().await;
            Ok(())
        });
        engine.spawn(async move {
            job.cancelled().await;
            "the sweep"
        });
        engine.spawn(async { panic!("a bug") });
        let all = drain(tasks, stop.clone(), engine, engine_stop.clone());
        let outcome = tokio::time::timeout(Duration::from_secs(5), all).await.expect("everything stopped");
        assert!(outcome.is_err() && stop.is_cancelled() && engine_stop.is_cancelled());
    }
}
