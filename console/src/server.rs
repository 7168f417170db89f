//! The listener: bound first, served later.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::info;
use workflows::Workflows;

use crate::config::Config;
use crate::connection::Door;
use crate::documents::Gateway;
use crate::gauges::Gauges;
use crate::page::browser::Browser;
use crate::routes::{App, Certify, Explain, Prove, router};
use crate::search::Look;

/// So many searches read recordings at the same time.
const SEARCHES: usize = 1;

/// Why the API cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Tokens would travel in clear.
    #[error("{0}")]
    Unsafe(String),
    /// The system refused.
    #[error("[console] listen = `{at}` cannot be listened on: {words}; choose another port, or stop what uses it")]
    Listen {
        /// Where.
        at: SocketAddr,
        /// The reason, in words.
        words: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

/// The listener failed while it served.
#[derive(Debug, thiserror::Error)]
#[error("the API stopped")]
pub struct RunError(#[source] io::Error);

/// The API, bound and not served yet.
pub struct Console {
    listener: TcpListener,
    at: SocketAddr,
    workflows: Workflows,
    gauges: Gauges,
    browser: Browser,
    postgres: Option<Gateway>,
    ssh: Option<Gateway>,
    explain: Option<Explain>,
    proof: Option<Prove>,
    search: Option<Look>,
    certify: Option<Arc<dyn Certify>>,
    hooks: Router,
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Console {
    /// Takes the port. Clients that connect from now on wait until [`Console::run`].
    pub async fn bind(config: Config, workflows: Workflows, gauges: Gauges) -> Result<Self, BindError> {
        if let Some(words) = config.check().into_iter().next() {
            return Err(BindError::Unsafe(words));
        }
        let failed = |source: io::Error| BindError::Listen { at: config.listen, words: words(&source), source };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let at = listener.local_addr().map_err(failed)?;
        let (browser, hooks) = (Browser::of(&config), Router::new());
        let (postgres, ssh, explain, proof, search, certify) = (None, None, None, None, None, None);
        Ok(Self { listener, at, workflows, gauges, browser, postgres, ssh, explain, proof, search, certify, hooks })
    }

    /// Says where the gateway for PostgreSQL listens, so that `countersign connect` finds it.
    #[must_use]
    pub fn with_postgres(mut self, gateway: Gateway) -> Self {
        self.postgres = Some(gateway);
        self
    }

    /// Says where SSH clients connect, if they can.
    #[must_use]
    pub fn with_ssh(mut self, gateway: Option<Gateway>) -> Self {
        self.ssh = gateway;
        self
    }

    /// Gives it what signs certificates, if anything does.
    #[must_use]
    pub fn with_certify(mut self, certify: Option<Arc<dyn Certify>>) -> Self {
        self.certify = certify;
        self
    }

    /// Gives it what `POST /v1/explain` answers with.
    #[must_use]
    pub fn with_explain(mut self, explain: Explain) -> Self {
        self.explain = Some(explain);
        self
    }

    /// Gives it what looks through recordings.
    #[must_use]
    pub fn with_search(mut self, search: Look) -> Self {
        self.search = Some(search);
        self
    }

    /// Gives it what linking an account begins with.
    #[must_use]
    pub fn with_proof(mut self, proof: Prove) -> Self {
        self.proof = Some(proof);
        self
    }

    /// Serves these routes as well: what chat platforms and browsers call, verified there.
    #[must_use]
    pub fn with_hooks(mut self, hooks: Router) -> Self {
        self.hooks = hooks;
        self
    }

    /// Where it listens; the port is the real one, also where 0 was configured.
    pub const fn local_addr(&self) -> SocketAddr {
        self.at
    }

    /// Serves until it is told to stop. Long polls are answered then; other calls are finished first.
    pub async fn run(self, stop: CancellationToken) -> Result<(), RunError> {
        info!(console.at = %self.at, "the API listens on {}", self.at);
        let Self { listener, workflows, gauges, browser, postgres, ssh, .. } = self;
        let Self { explain, proof, search, certify, hooks, .. } = self;
        let app = App {
            workflows,
            gauges,
            browser,
            postgres,
            ssh,
            explain,
            proof,
            search,
            searches: Arc::new(Semaphore::new(SEARCHES)),
            certify,
            stop: stop.clone(),
        };
        axum::serve(Door::new(listener), router(app).merge(hooks))
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
            .map_err(RunError)
    }
}

fn words(error: &io::Error) -> String {
    for (kind, words) in [
        (io::ErrorKind::AddrInUse, "the port is in use"),
        (io::ErrorKind::AddrNotAvailable, "this machine has no such address"),
        (io::ErrorKind::PermissionDenied, "that needs more rights"),
    ] {
        if error.kind() == kind {
            return words.to_owned();
        }
    }
    error.to_string()
}
