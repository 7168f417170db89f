//! `countersign serve`: everything, until it is told to stop. SIGHUP reads the file again.

use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use workflows::Workflows;

use crate::cli::ServeArgs;
use crate::config::Config;
use crate::failure::Failure;
use crate::judge::Judge;
use crate::serve::{Parts, serve};

pub(super) async fn run(args: ServeArgs) -> Result<(), Failure> {
    crate::trace::start();
    // The folder of the file is entered below, and SIGHUP must find the file all the same.
    let path = std::path::absolute(&args.config).unwrap_or(args.config);
    let config = super::load(&path)?;
    for warning in config.policy.warnings() {
        warn!("{}", warning.render(&path.display().to_string()));
    }
    let stop = CancellationToken::new();
    let (tell, told) = oneshot::channel();
    let parts = Parts { ready: Some(tell), ..Parts::real() };
    let follow = async {
        match told.await {
            Ok(ready) => follow_signals(&path, &ready.workflows, &stop).await,
            // It did not start; `serve` says why.
            Err(_) => Ok(()),
        }
    };
    let (served, followed) = tokio::join!(serve(config, parts, stop.clone()), follow);
    served.map_err(|error| Failure::new(format!("{error:#}")))?;
    followed
}

/// Reads the file again on SIGHUP; stops on SIGTERM and SIGINT.
async fn follow_signals(path: &Path, workflows: &Workflows, stop: &CancellationToken) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("signals can't be received: {error}"));
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _told = terminate.recv() => break,
            _told = interrupt.recv() => break,
            _told = hangup.recv() => reload(path, workflows).await,
        }
    }
    info!("stopping");
    stop.cancel();
    Ok(())
}

/// Puts the file's policy in force. A broken file is refused as a whole, and the old policy stays.
async fn reload(path: &Path, workflows: &Workflows) {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(mistakes) => {
            error!("the file was not taken, and the old policy stays in force:\n{mistakes}");
            return;
        }
    };
    let policy = config.policy.clone();
    let failures = tokio::task::spawn_blocking(move || Judge::start().map(|judge| judge.examine(&policy))).await;
    match failures {
        Ok(Ok(failures)) if failures.is_empty() => {}
        Ok(Ok(failures)) => {
            let name = path.display().to_string();
            let all: Vec<String> = failures.iter().map(|one| one.render(&name)).collect();
            error!(
                "the file was not taken, since tests of its rules fail; the old policy stays:\n{}",
                all.join("\n")
            );
            return;
        }
        Ok(Err(error)) => {
            error!("the file was not taken, since its rules could not be tested: {error}");
            return;
        }
        Err(error) => {
            error!("the file was not taken, since its rules could not be tested: {error}");
            return;
        }
    }
    if let Err(error) = workflows.reload(config.policy).await {
        warn!("the policy was reloaded, but the audit log could not be told: {error}");
    }
    info!("changes outside of the policy, such as addresses, take a restart");
}
