//! Starting: keys, store, recorder; and reloading the policy.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::watch;
use tracing::info;

use super::live::Live;
use super::{Inner, Workflows, transact};
use crate::bell::Bell;
use crate::clock::Clock;
use crate::evidence::recording::{self, Recorder, RecorderConfig};
use crate::evidence::{HeadsError, HeadsFile, KeyError, SigningKey};
use crate::id::NodeId;
use crate::oncall::Board;
use crate::policy::Policy;
use crate::secret::Secret;
use crate::store::audit::{self, Note};
use crate::store::{Db, Faults, StoreError, sessions};
use crate::target::{SecretError, SecretRef};

/// `[store]`: where rows live.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// `sqlite:FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`; may be `env:NAME` or `file:PATH`.
    #[serde(default = "StoreConfig::default_url")]
    pub url: String,
}

impl StoreConfig {
    fn default_url() -> String {
        "sqlite:countersign.db".to_owned()
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { url: Self::default_url() }
    }
}

/// `[keys]`: where the keys lie that are not in the database.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// A folder; the keys are made there on the first start. Several nodes share them.
    #[serde(default = "KeysConfig::default_path")]
    pub path: PathBuf,
}

impl KeysConfig {
    fn default_path() -> PathBuf {
        PathBuf::from("keys")
    }
}

impl Default for KeysConfig {
    fn default() -> Self {
        Self { path: Self::default_path() }
    }
}

/// `[recordings]`: where sessions are recorded, and for whose eyes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordingsConfig {
    /// A folder.
    #[serde(default = "RecordingsConfig::default_path")]
    pub path: PathBuf,
    /// Public keys (`age1…`); with one or more, recordings are encrypted and only their owners can read them.
    #[serde(default)]
    pub recipients: Vec<String>,
    /// Where the private key lies with which this process may search sealed recordings: `env:NAME` or `file:PATH`.
    #[serde(default)]
    pub identity: Option<SecretRef>,
    /// How many bytes of each operation's result are kept. Default 1 MiB. Of a terminal everything is.
    #[serde(default = "RecordingsConfig::default_output")]
    pub output: u64,
}

impl RecordingsConfig {
    fn default_path() -> PathBuf {
        PathBuf::from("recordings")
    }

    const fn default_output() -> u64 {
        1024 * 1024
    }
}

impl Default for RecordingsConfig {
    fn default() -> Self {
        Self { path: Self::default_path(), recipients: Vec::new(), identity: None, output: Self::default_output() }
    }
}

/// All that the engine is started with.
#[derive(Debug)]
pub struct Config {
    /// `[store]`
    pub store: StoreConfig,
    /// `[keys]`
    pub keys: KeysConfig,
    /// `[recordings]`
    pub recordings: RecordingsConfig,
    /// What may be.
    pub policy: Policy,
    /// For crash tests; the default never fails.
    pub faults: Faults,
}

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key file.
    #[error("the key file `{path}` could not be read or made")]
    Key {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file of an SQLite store.
    #[error("the store's file `{path}` could not be made; `url` in [store] names it")]
    StoreFile {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The audit log's signing key.
    #[error("the audit log's signing key at `{path}` could not be read or made")]
    Signing {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// The file of signed heads.
    #[error(transparent)]
    Heads(#[from] HeadsError),
    /// The recordings' folder or keys.
    #[error("recordings can't be written to `{path}`")]
    Recordings {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<recording::StartError>,
    },
    /// The store's URL is in a secret that can't be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

#[derive(Debug)]
pub(super) struct Keys {
    pub(super) tokens: Secret<[u8; 64]>,
    pub(super) signing: SigningKey,
    folder: PathBuf,
    /// The witness outside of the database; open in a process that serves.
    pub(super) heads: tokio::sync::Mutex<Option<HeadsFile>>,
}

#[derive(Debug)]
pub(super) struct Recordings {
    pub(super) recorder: Recorder,
    pub(super) config: RecordingsConfig,
}

impl Keys {
    fn open(config: &KeysConfig) -> Result<Self, StartError> {
        let key = |source| StartError::Key { path: config.path.clone(), source };
        make_private_folder(&config.path).map_err(key)?;
        let tokens = config.path.join("tokens.key");
        let tokens = load_or_make(&tokens).map_err(|source| StartError::Key { path: tokens, source })?;
        let path = config.path.join("audit.key");
        let signing = SigningKey::load_or_create(&path, audit::ORIGIN)
            .map_err(|source| StartError::Signing { path, source })?;
        let public = config.path.join("audit.pub");
        std::fs::write(&public, format!("{}\n", signing.verifying_key())).map_err(key)?;
        let folder = config.path.clone();
        Ok(Self { tokens: Secret::new(tokens), signing, folder, heads: tokio::sync::Mutex::new(None) })
    }
}

fn make_private_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A new SQLite file is its owner's alone: it holds statements and reasons. Its log takes the same rights.
fn make_private_file(url: &str) -> Result<(), StartError> {
    use std::os::unix::fs::OpenOptionsExt;
    let Some(path) = url.strip_prefix("sqlite:").map(|path| path.trim_start_matches("//")) else { return Ok(()) };
    let path = path.split('?').next().unwrap_or(path);
    if path.is_empty() || path.starts_with(':') || Path::new(path).exists() {
        return Ok(());
    }
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|source| StartError::StoreFile { path: PathBuf::from(path), source })
}

/// Reads a 64-byte key (one block of the hash), or makes one that only its owner can read.
fn load_or_make(path: &Path) -> std::io::Result<[u8; 64]> {
    use std::os::unix::fs::OpenOptionsExt;
    let wrong = || std::io::Error::new(std::io::ErrorKind::InvalidData, "a key file holds exactly 64 bytes");
    match std::fs::read(path) {
        Ok(bytes) => bytes.try_into().map_err(|_| wrong()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut key = [0_u8; 64];
            getrandom::fill(&mut key).map_err(std::io::Error::other)?;
            // Written aside and linked in place: two nodes that start together agree on the first one's key.
            let aside = path.with_extension(format!("{}.new", std::process::id()));
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
            file.write_all(&key)?;
            file.sync_all()?;
            let linked = std::fs::hard_link(&aside, path);
            std::fs::remove_file(&aside)?;
            match linked {
                Ok(()) => Ok(key),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    std::fs::read(path)?.try_into().map_err(|_| wrong())
                }
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

impl Workflows {
    /// Opens the store, the keys and the recordings' folder, makes what is missing, and enters this process among the
    /// nodes.
    pub async fn start(config: Config, clock: Clock) -> Result<Self, StartError> {
        let workflows = Self::open(config, clock).await?;
        workflows.measure_skew().await?;
        workflows.enter().await?;
        workflows.refresh_live().await?;
        Ok(workflows)
    }

    /// The same without entering: for the local administrator's commands, beside a server that runs.
    pub async fn open(config: Config, clock: Clock) -> Result<Self, StartError> {
        let url = match config.store.url.split_once(':') {
            Some(("env" | "file", _)) => config.store.url.parse::<SecretRef>()?.read()?.reveal().clone(),
            _ => config.store.url.clone(),
        };
        make_private_file(&url)?;
        let db = Db::open(&url).await?;
        let keys = Keys::open(&config.keys)?;
        let recorder_clock = clock.clone();
        let recorder = Recorder::start(RecorderConfig {
            dir: config.recordings.path.clone(),
            recipients: config.recordings.recipients.clone(),
            flush_every: Duration::from_millis(200),
            queue_bytes: 64 * 1024 * 1024,
            now: Arc::new(move || recorder_clock.now().micros()),
        })
        .map_err(|source| StartError::Recordings {
            path: config.recordings.path.clone(),
            source: Box::new(source),
        })?;
        let board = Board::default();
        let inner = Inner {
            db,
            faults: config.faults,
            clock,
            policy: watch::Sender::new(Arc::new(config.policy.attached(&board))),
            board,
            bell: Bell::default(),
            live: watch::Sender::new(Arc::new(Live::default())),
            refreshing: tokio::sync::Mutex::new(()),
            node: NodeId::new(),
            keys,
            recordings: Recordings { recorder, config: config.recordings },
            skew: AtomicI64::new(0),
            carried: watch::Sender::default(),
            watching: AtomicBool::new(false),
            seen: AtomicI64::new(i64::MIN),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    async fn enter(&self) -> Result<(), StartError> {
        // Nodes may share the folder, but never a file: each host has its own.
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host: String = host.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')).collect();
        let heads = HeadsFile::open(&self.inner.keys.folder.join(format!("audit-{host}.heads")))?;
        *self.inner.keys.heads.lock().await = Some(heads);
        let now = self.now();
        let policy = self.policy();
        transact!(self, StartError, |tx| {
            sessions::add_node(tx, self.inner.node, now).await?;
            let detail = serde_json::json!({ "policy": policy.hash(), "version": env!("CARGO_PKG_VERSION") });
            let note = Note { actor: "countersign", verb: "start", about: self.inner.node.to_string(), detail };
            audit::append(tx, note, now).await?;
            Ok(())
        })
    }

    /// Puts another policy in force. Live sessions are judged by it from their next operation on.
    pub async fn reload(&self, policy: Policy) -> Result<(), StoreError> {
        let now = self.now();
        let (before, after) = (self.policy().hash().to_owned(), policy.hash().to_owned());
        let outcome: Result<(), StartError> = transact!(self, StartError, |tx| {
            let detail = serde_json::json!({ "before": before, "after": after });
            let note = Note { actor: "countersign", verb: "reload", about: self.inner.node.to_string(), detail };
            audit::append(tx, note, now).await?;
            Ok(())
        });
        // Evidence comes first, but a store that is down must not keep a stricter policy out.
        let outcome = match outcome {
            Ok(()) => Ok(()),
            Err(StartError::Store(error)) => Err(error),
            Err(
                StartError::Key { .. }
                | StartError::StoreFile { .. }
                | StartError::Signing { .. }
                | StartError::Heads(_)
                | StartError::Recordings { .. }
                | StartError::Secret(_),
            ) => Ok(()),
        };
        self.inner.policy.send_replace(Arc::new(policy.attached(&self.inner.board)));
        info!(policy.hash = %after, "the policy was reloaded");
        self.inner.bell.ring();
        outcome
    }
}
