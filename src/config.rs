//! The one file, read into each crate's own configuration.
//!
//! The file is read twice, on purpose: here for how Countersign runs, and by `workflows::policy` for what may be. Each
//! reader knows all top-level names, so that a misspelt one is refused by both.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;
use workflows::engine::{KeysConfig, RecordingsConfig, StoreConfig};
use workflows::policy::{Mistake, Policy, Severity};

/// How Countersign runs, and what may be.
#[derive(Debug)]
pub struct Config {
    /// `[store]`
    pub store: StoreConfig,
    /// `[keys]`
    pub keys: KeysConfig,
    /// `[recordings]`
    pub recordings: RecordingsConfig,
    /// `[gateway]`
    pub gateway: gateway::Config,
    /// `[console]`
    pub console: console::Config,
    /// `[slack]`, `[discord]`, `[matrix]`
    pub bot: bot::Config,
    /// Everything else.
    pub policy: Policy,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the policy's tables are named here so that only misspelt names are unknown")]
struct File {
    #[serde(default)]
    store: StoreConfig,
    #[serde(default)]
    keys: KeysConfig,
    #[serde(default)]
    recordings: RecordingsConfig,
    #[serde(default)]
    gateway: gateway::Config,
    #[serde(default)]
    console: console::Config,
    slack: Option<bot::config::Slack>,
    discord: Option<bot::config::Discord>,
    matrix: Option<bot::config::Matrix>,
    zone: Option<IgnoredAny>,
    auditors: Option<IgnoredAny>,
    administrators: Option<IgnoredAny>,
    target: Option<IgnoredAny>,
    group: Option<IgnoredAny>,
    rotation: Option<IgnoredAny>,
    people: Option<IgnoredAny>,
    access: Option<IgnoredAny>,
    emergency: Option<IgnoredAny>,
    rule: Option<IgnoredAny>,
    mask: Option<IgnoredAny>,
    digest: Option<IgnoredAny>,
    manages: Option<IgnoredAny>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("`{path}` could not be read; `--config FILE` names another")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is wrong. Every mistake with its line and what to write instead.
    #[error("{}", mistakes.iter().chain(warnings).map(String::as_str).collect::<Vec<_>>().join("\n"))]
    Mistakes {
        /// What must be mended.
        mistakes: Vec<String>,
        /// What should be looked at besides.
        warnings: Vec<String>,
    },
}

impl Config {
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads a text; `name` is what mistakes call the file.
    pub fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        let wrong = |notes: &[Mistake]| {
            let (mistakes, warnings): (Vec<&Mistake>, Vec<&Mistake>) =
                notes.iter().partition(|note| note.severity == Severity::Error);
            let shown = |list: Vec<&Mistake>| list.into_iter().map(|note| note.render(name)).collect();
            ConfigError::Mistakes { mistakes: shown(mistakes), warnings: shown(warnings) }
        };
        let policy = Policy::parse(text).map_err(|mistakes| wrong(&mistakes))?;
        let file: File = toml::from_str(text).map_err(|error| wrong(&[Mistake::of_toml(text, &error)]))?;
        let bot = bot::Config {
            slack: file.slack,
            discord: file.discord,
            matrix: file.matrix,
            public: file.console.public.clone(),
        };
        let unsafe_settings: Vec<String> =
            file.gateway.check().into_iter().chain(file.console.check()).chain(bot.check()).collect();
        if !unsafe_settings.is_empty() {
            let mistakes = unsafe_settings.into_iter().map(|what| format!("{name}: {what}")).collect();
            return Err(ConfigError::Mistakes { mistakes, warnings: Vec::new() });
        }
        Ok(Self {
            store: file.store,
            keys: file.keys,
            recordings: file.recordings,
            gateway: file.gateway,
            console: file.console,
            bot,
            policy,
        })
    }
}
