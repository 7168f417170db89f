//! What people want to reach, and how the gateway signs in there.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// The name of a target, as people type it: lower-case letters, digits, `-`, `_`, `.`; at most 63 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct TargetName(String);

impl TargetName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no name of a target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a target's name; use lower-case letters, digits, `-`, `_` and `.`, at most 63")]
pub struct TargetNameError(pub String);

impl FromStr for TargetName {
    type Err = TargetNameError;

    fn from_str(text: &str) -> Result<Self, TargetNameError> {
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'_' | b'.');
        if text.is_empty() || text.len() > 63 || !text.bytes().all(allowed) {
            return Err(TargetNameError(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for TargetName {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The protocols that the gateway speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// PostgreSQL's frontend/backend protocol 3.0.
    Postgres,
    /// SSH 2 (RFC 4251 to 4254).
    Ssh,
}

impl Protocol {
    /// The name in the file and in rules.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Ssh => "ssh",
        }
    }
}

/// Why a text is no protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a protocol; write `postgres` or `ssh`")]
pub struct ProtocolError(pub String);

impl FromStr for Protocol {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        match text {
            "postgres" => Ok(Self::Postgres),
            "ssh" => Ok(Self::Ssh),
            _ => Err(ProtocolError(text.to_owned())),
        }
    }
}

/// How much a grant allows. Each level includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Look, change nothing.
    Read,
    /// Change data.
    Write,
    /// Change everything that the target's login may change.
    Admin,
}

impl Access {
    /// The name in the file, on the command line and in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is no access level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an access level; write `read`, `write` or `admin`")]
pub struct AccessError(pub String);

impl FromStr for Access {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Self, AccessError> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "admin" => Ok(Self::Admin),
            _ => Err(AccessError(text.to_owned())),
        }
    }
}

/// Where a secret lies: `env:NAME` or `file:PATH`. The secret itself is read when it is needed, and kept nowhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum SecretRef {
    /// A variable of the environment.
    Env(String),
    /// A file; one trailing newline is not part of the secret.
    File(PathBuf),
}

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Neither `env:` nor `file:`. The text is not repeated: it may be the secret itself.
    #[error("a secret is written as `env:NAME` or `file:PATH`, never in the file itself")]
    Form,
    /// The variable is not set.
    #[error("the environment variable `{0}` is not set")]
    Env(String),
    /// The file could not be read.
    #[error("the secret file `{path}` could not be read")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Nothing in it.
    #[error("the secret at `{0}` is empty")]
    Empty(String),
}

impl FromStr for SecretRef {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(PathBuf::from(path))),
            _ => Err(SecretError::Form),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl SecretRef {
    /// Reads the secret. Blocking, but from a variable or a small file only.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads secrets from the environment")]
    pub fn read(&self) -> Result<Secret<String>, SecretError> {
        let text = match self {
            Self::Env(name) => std::env::var(name).map_err(|_| SecretError::Env(name.clone()))?,
            Self::File(path) => {
                std::fs::read_to_string(path).map_err(|source| SecretError::File { path: path.clone(), source })?
            }
        };
        let text = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
        if text.is_empty() {
            return Err(SecretError::Empty(self.to_string()));
        }
        Ok(Secret::new(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// How the gateway protects its connection to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// The certificate must be valid for the target's host name.
    VerifyFull,
    /// No TLS. For a socket on the same machine or a network that is trusted already.
    Off,
}

/// How the gateway signs in at one access level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The user at the target.
    pub user: String,
    /// What proves it.
    pub credential: Credential,
    /// The path of its shell at an SSH target: it decides what a command line means. Where it is not said, only what all
    /// shells read alike is read.
    pub shell: Option<String>,
    /// Whether every program of an SSH session is stopped before it runs, and where what stops it is.
    pub guard: Option<Guarding>,
    /// Whether the lines of an SSH shell are read off its terminal and judged. Advisory: a program can show what it likes.
    pub watch: bool,
    /// Where `countersign-guard` is at an SSH target whose sudo has Countersign's plugin: what runs under sudo is asked about, and
    /// nothing else is stopped. Not together with `guard`, under which sudo does not work.
    pub sudo: Option<String>,
    /// Where an SSH session's ports may lead to, each as `host:port` or `host:*`, as the target itself would reach it. Nowhere where
    /// it is empty.
    pub forward: Vec<String>,
    /// Whether an SSH session may use its person's agent (`ssh -A`).
    pub agent: bool,
}

impl Login {
    /// Whether ports may lead to `host:port`.
    pub fn forwards(&self, destination: &str) -> bool {
        let Some((host, _)) = destination.rsplit_once(':') else { return false };
        self.forward.iter().any(|allowed| {
            let any = allowed.strip_suffix(":*").is_some_and(|allowed| allowed.eq_ignore_ascii_case(host));
            any || allowed.eq_ignore_ascii_case(destination)
        })
    }
}

/// What a host key begins with that vouches for others, as in `known_hosts`.
pub const AUTHORITY: &str = "@cert-authority ";

/// Where `countersign-guard` is at a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guarding {
    /// At this path.
    Path(String),
    /// It is the login's shell.
    LoginShell,
}

/// What the gateway proves a login with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// Where the password lies.
    Password(SecretRef),
    /// Where the private key lies, in OpenSSH's format and without a passphrase. SSH only.
    Key(SecretRef),
    /// A certificate that is made for each session, by an authority that the target trusts. SSH only.
    Certificate,
}

/// A target, as the file describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    /// What people call it.
    pub name: TargetName,
    /// What it speaks.
    pub protocol: Protocol,
    /// Host and port. Comes from the file alone.
    pub address: String,
    /// The database at the target; empty where the protocol has none.
    pub database: String,
    /// The keys by which an SSH target is known, each as `known_hosts` has it: `ssh-ed25519 AAAA…`, or an authority's
    /// behind [`AUTHORITY`].
    pub host_keys: Vec<String>,
    /// What rules select it by.
    pub labels: BTreeMap<String, String>,
    /// How the way there is protected.
    pub tls: Tls,
    /// A PEM file of authorities to trust instead of the system's.
    pub ca: Option<PathBuf>,
    /// How much of each file that is transferred over SFTP is kept in the recording, in bytes; 0 is nothing.
    pub keep_files: u64,
    /// The logins, by level.
    pub logins: BTreeMap<Access, Login>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_leads_to_what_is_written_and_nowhere_that_looks_like_it() {
        let login = Login {
            user: "deploy".to_owned(),
            credential: Credential::Certificate,
            shell: None,
            guard: None,
            watch: false,
            sudo: None,
            forward: vec!["db.internal:5432".to_owned(), "cache:*".to_owned(), "[::1]:80".to_owned()],
            agent: false,
        };
        for to in ["db.internal:5432", "DB.internal:5432", "cache:1", "cache:65535", "[::1]:80"] {
            assert!(login.forwards(to), "{to}");
        }
        for to in [
            "db.internal:54321",
            "db.internal:543",
            "xdb.internal:5432",
            "cache",
            "cache2:1",
            "cache:x:1",
            "",
            "[::1]:81",
        ] {
            assert!(!login.forwards(to), "{to}");
        }
    }
}
