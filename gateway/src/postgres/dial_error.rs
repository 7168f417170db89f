//! Why a target could not be reached, twice: with all details for the operator's log, and in words for the client, which
//! name neither the target's address nor the gateway's user there.

use std::io;

use workflows::target::{Access, SecretError};
use workflows::told::{Fault, Told};

use super::refusal::{Code, Refusal, quoted};
use crate::tls::TlsError;

/// Whom to tell about what a client can't mend.
const PLATFORM: &str = "tell the platform team; the gateway's log says more";

/// Why there is no connection to a target. `Display` and its sources are for the log alone.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The file has no login of this level for the target.
    #[error("the target has no login for `{0}`")]
    NoLogin(Access),
    /// A setting that may not be given at the start.
    #[error("the client asked for the setting `{0}`")]
    Setting(String),
    /// An encoding in which statements can't be judged.
    #[error("the client asked for the encoding `{0}`")]
    Encoding(String),
    /// Its address is none, or leads nowhere.
    #[error("the target can't be reached")]
    Down(#[source] io::Error),
    /// It took too long.
    #[error("the target took too long")]
    Timeout,
    /// TLS is asked for by the file, and the target has none.
    #[error("the target does not offer TLS, and the file says `tls = \"verify-full\"`")]
    NoTls,
    /// The authorities to trust could not be read.
    #[error("the authorities for the target can't be used")]
    Authorities(#[source] TlsError),
    /// The target is not who it should be.
    #[error("the target's certificate was refused: {0}")]
    Certificate(&'static str, #[source] io::Error),
    /// TLS failed for another reason.
    #[error("the TLS handshake with the target failed")]
    Tls(#[source] io::Error),
    /// The password could not be had.
    #[error("the password for the target can't be read")]
    Secret(#[source] SecretError),
    /// The target wants the password in a form that would give it away.
    #[error("the target asks for the password by `{0}`, which would give it away; use scram-sha-256 there")]
    Method(&'static str),
    /// The target does not know the gateway's user, or not with that password.
    #[error("the target refused the gateway's login ({code}): {message}")]
    LoginRefused {
        /// The SQLSTATE.
        code: String,
        /// The target's words.
        message: String,
    },
    /// The target did not show that it knows the password: it may be somebody else.
    #[error("the target could not prove that it knows the password")]
    NotProved(#[source] Option<io::Error>),
    /// The target refused for another reason.
    #[error("the target refused the connection ({code}): {message}")]
    Refused {
        /// The SQLSTATE.
        code: String,
        /// The target's words.
        message: String,
    },
    /// It speaks no PostgreSQL, or breaks its rules.
    #[error("the target broke the protocol: {0}")]
    Protocol(&'static str),
    /// The connection broke.
    #[error("the connection to the target broke")]
    Io(#[source] io::Error),
}

impl From<io::Error> for DialError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl DialError {
    /// What the client is told. `target` is the name it asked for.
    pub fn refusal(&self, target: &str) -> Refusal {
        let target = quoted(target);
        match self {
            Self::NoLogin(access) => Refusal::new(
                Code::InvalidAuthorization,
                format!("target `{target}` has no login for the level `{access}`"),
            )
            .hint(format!("ask for another level, or have `login.{access}` added to the target")),
            Self::Setting(name) => {
                Refusal::new(Code::NotAllowed, format!("`{}` may not be set at the start of a session", quoted(name)))
                    .hint("leave it out of `options`, and use SET afterwards, where the rules can judge it")
            }
            Self::Encoding(name) => Refusal::new(
                Code::NotAllowed,
                format!("statements in the encoding `{}` can't be judged", quoted(name)),
            )
            .hint("use client_encoding=UTF8"),
            Self::Down(_) | Self::Io(_) => unreachable(format!("target `{target}` can't be reached"))
                .hint(format!("try again in a minute; if it stays so, {PLATFORM}")),
            Self::Timeout => unreachable(format!("target `{target}` did not answer in time"))
                .hint(format!("try again in a minute; if it stays so, {PLATFORM}")),
            Self::NoTls => {
                unreachable(format!("target `{target}` offers no TLS, which the gateway insists on")).hint(PLATFORM)
            }
            Self::Certificate(why, _) => {
                unreachable(format!("the certificate of target `{target}` was refused: {why}")).hint(PLATFORM)
            }
            Self::Tls(_) | Self::Authorities(_) => {
                unreachable(format!("no TLS connection to target `{target}` came about")).hint(PLATFORM)
            }
            Self::Secret(_) | Self::LoginRefused { .. } | Self::Method(_) => {
                Refusal::new(Code::Unreachable, format!("the gateway's own login at target `{target}` was refused"))
                    .detail("Your token is right; this is about the gateway.")
                    .hint(PLATFORM)
            }
            Self::NotProved(_) => {
                unreachable(format!("target `{target}` could not prove that it is the right server")).hint(PLATFORM)
            }
            Self::Protocol(_) => {
                unreachable(format!("target `{target}` does not answer as PostgreSQL does")).hint(PLATFORM)
            }
            Self::Refused { code, .. } => refused(code, &target),
        }
    }
}

fn unreachable(message: String) -> Refusal {
    Refusal::new(Code::Unreachable, message)
}

/// Words of our own for a target's SQLSTATE: its message may name its users and its insides.
fn refused(code: &str, target: &str) -> Refusal {
    match code {
        "53300" => Refusal::new(Code::TooMany, format!("target `{target}` has no free connection"))
            .hint("close some, or try again in a minute"),
        "57P03" => Refusal::new(Code::NotReady, format!("target `{target}` is starting up or shutting down"))
            .hint("try again in a minute"),
        "3D000" => Refusal::new(Code::Unreachable, format!("target `{target}` lacks the database that it is set to"))
            .hint(PLATFORM),
        "22023" | "42704" => {
            Refusal::new(Code::BadValue, format!("target `{target}` did not take a startup setting"))
                .hint("check the time zone, the encoding, and what else your client sets when it connects")
        }
        _ => unreachable(format!("target `{target}` refused the connection ({})", quoted(code))).hint(PLATFORM),
    }
}

impl Told for DialError {
    fn told(&self) -> String {
        let refusal = self.refusal("it");
        match refusal.hint {
            Some(hint) => format!("{}; {hint}", refusal.message),
            None => refusal.message,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::NoLogin(_) | Self::Setting(_) | Self::Encoding(_) => Fault::Refused,
            Self::Down(_)
            | Self::Timeout
            | Self::NoTls
            | Self::Authorities(_)
            | Self::Certificate(..)
            | Self::Tls(_)
            | Self::Secret(_)
            | Self::Method(_)
            | Self::LoginRefused { .. }
            | Self::NotProved(_)
            | Self::Refused { .. }
            | Self::Protocol(_)
            | Self::Io(_) => Fault::Ours,
        }
    }
}
