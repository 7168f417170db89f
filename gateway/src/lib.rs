#![doc = include_str!("../README.md")]

mod checkpoint;
pub mod config;
mod dialect;
pub mod listen;
pub mod mask;
pub mod observe;
pub mod postgres;
mod record;
mod seams;
mod session;
pub mod shell;
pub mod sql;
pub mod ssh;
pub mod stream;
pub mod tls;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use workflows::Workflows;

pub use config::Config;
use listen::{BindError, Limits, Listener};
use observe::Observer;
use postgres::Shared;

/// How long sessions may take to say goodbye when the gateway stops.
const DRAIN: Duration = Duration::from_secs(8);

/// Why the gateway does not listen.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Tokens would cross a network in clear.
    #[error("{0}")]
    InClear(String),
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// The address.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The host key of SSH.
    #[error(transparent)]
    HostKey(#[from] ssh::KeepError),
    /// The threads that read SQL.
    #[error("the parser's threads could not be started")]
    Classifier(#[source] std::io::Error),
}

/// The gateway: bound, and serving nobody yet.
#[derive(Debug)]
pub struct Gateway {
    postgres: Listener,
    ssh: Option<(Listener, ssh::Shared)>,
    limits: Limits,
    shared: Shared,
}

impl Gateway {
    /// Binds every listener, so that a wrong address is known before anything runs. `keys` is the folder of host keys.
    #[expect(clippy::unused_async, reason = "binding needs the runtime, and later protocols may have to wait")]
    pub async fn bind(
        config: Config,
        keys: &Path,
        workflows: Workflows,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, GatewayError> {
        if let Some(why) = config.in_clear() {
            return Err(GatewayError::InClear(why));
        }
        let tls = match &config.tls {
            Some(pair) => Some(tls::server_config(&pair.certificate, &pair.key)?),
            None => None,
        };
        let ssh = match config.ssh {
            Some(address) => {
                let shared = ssh::Shared {
                    workflows: workflows.clone(),
                    config: ssh::Doorplate::new(ssh::host_key(keys)?),
                    certifier: ssh::Certifier::open(keys)?,
                    guard_key: Arc::new(ssh::guard_key(keys)?),
                    handshake: config.handshake_timeout.to_std(),
                    stop: CancellationToken::new(),
                    observer: Arc::clone(&observer),
                };
                Some((Listener::bind(address, "ssh")?, shared))
            }
            None => None,
        };
        let shared = Shared {
            workflows,
            classifier: sql::Classifier::start().map_err(GatewayError::Classifier)?,
            cancels: postgres::cancel::Cancels::default(),
            catalogs: postgres::Catalogs::default(),
            dialer: postgres::upstream::Dialer::default(),
            tls,
            handshake: config.handshake_timeout.to_std(),
            stop: CancellationToken::new(),
            observer,
        };
        let limits = Limits { connections: config.max_connections, handshakes: config.max_handshakes, drain: DRAIN };
        Ok(Self { postgres: Listener::bind(config.postgres, "postgres")?, ssh, limits, shared })
    }

    /// Where PostgreSQL clients connect, with the port that the system chose.
    pub const fn postgres_addr(&self) -> SocketAddr {
        self.postgres.local_addr()
    }

    /// What signs certificates for SSH, if that is served.
    pub fn certifier(&self) -> Option<ssh::Certifier> {
        self.ssh.as_ref().map(|(_, shared)| shared.certifier.clone())
    }

    /// Where SSH clients connect, if they can.
    pub fn ssh_addr(&self) -> Option<SocketAddr> {
        self.ssh.as_ref().map(|(listener, _)| listener.local_addr())
    }

    /// Serves until `stop`, and then until the sessions have ended.
    pub async fn run(self, stop: CancellationToken) {
        let shared = Shared { stop: stop.clone(), ..self.shared };
        // The one place that knows which protocol a listener speaks.
        let end = stop.clone();
        let postgres = self.postgres.run(self.limits, end, move |accepted| postgres::serve(accepted, shared.clone()));
        let ssh = async {
            if let Some((listener, shared)) = self.ssh {
                let shared = ssh::Shared { stop: stop.clone(), ..shared };
                listener.run(self.limits, stop, move |accepted| ssh::serve(accepted, shared.clone())).await;
            }
        };
        tokio::join!(postgres, ssh);
    }
}
