//! What a session is started with.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use ed25519_dalek::VerifyingKey;

/// A session to guard.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its name, as the gateway knows it.
    pub session: String,
    /// The gateway's public key: only answers that it signed count.
    pub key: VerifyingKey,
    /// The socket that leads to the gateway, see [`crate::relay`].
    pub socket: PathBuf,
    /// How long the gateway may be silent before the session ends.
    pub silence: Duration,
    /// The program to start, by its path.
    pub program: PathBuf,
    /// Its arguments, with its own name first.
    pub argv: Vec<OsString>,
}

/// Why a session was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failed {
    /// Linux 5.19 or newer with seccomp is needed.
    #[error("this kernel cannot ask about programs: user notification is missing")]
    Kernel,
    /// Yama forbids to look at programs.
    #[error("`kernel.yama.ptrace_scope` is {0}: the guard may not look at the programs that it starts")]
    Yama(u32),
    /// The way to the gateway is not there.
    #[error("the gateway cannot be reached through `{path}`", path = .0.display())]
    Socket(PathBuf, #[source] std::io::Error),
    /// A call of the kernel failed.
    #[error("{0}")]
    Step(&'static str, #[source] std::io::Error),
}
