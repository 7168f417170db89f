//! What operators read, on the standard error. `RUST_LOG` chooses what; it is `info` if unset.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts it. Only long-running commands do: the others speak through their output.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colour = std::io::stderr().is_terminal();
    // A second start, as in tests, keeps the first.
    let _started_before =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour).try_init();
}
