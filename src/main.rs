//! The binary: reads the command line, runs one command, and turns its outcome into words and an exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use countersign::cli::Cli;
use countersign::commands;
use countersign::failure::Failure;
use countersign::screen::Screen;

fn main() -> ExitCode {
    if let Some(code) = guard() {
        return code;
    }
    // Wrong use ends here: clap prints it and exits with 2.
    let cli = Cli::parse();
    let screen = Screen::of_process(cli.json);
    match start(cli, &screen) {
        Ok(code) => code,
        Err(failure) => screen.fail(&failure),
    }
}

/// `countersign guard …`, at a target. First of all, since the guard forks: nothing else may run in its process.
fn guard() -> Option<ExitCode> {
    let args: Vec<OsString> = std::env::args_os().collect();
    let [_, word, rest @ ..] = args.as_slice() else { return None };
    if word != "guard" || rest.is_empty() || rest.iter().any(|word| word == "--help" || word == "-h") {
        return None;
    }
    #[cfg(target_os = "linux")]
    return Some(ExitCode::from(guard::main(&[&[guard::NAME.into()], rest].concat())));
    #[cfg(not(target_os = "linux"))]
    return None;
}

fn start(cli: Cli, screen: &Screen) -> Result<ExitCode, Failure> {
    // One provider for the whole process, before anything speaks TLS. A second call could only mean that it is there.
    let _already_there = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers()).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("the process cannot start its threads: {error}")))?;
    let outcome = runtime.block_on(commands::run(cli, screen));
    // A read of the terminal may still be blocked; it must not keep the process.
    runtime.shutdown_background();
    outcome
}

/// How many threads run the sessions: one less than the cores, since the kernel's share of the network, the recorder and
/// the store need room as well, and each more only wakes the others up.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() - 1).max(1)
}
