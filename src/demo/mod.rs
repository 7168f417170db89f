//! `countersign demo`: a whole world in a temporary folder, to try by hand or to watch.

mod script;
mod stage;

use std::process::ExitCode;

pub use stage::Stage;

use crate::screen::Screen;

/// Plays the story by itself. Success only if each step did what it says.
pub async fn play(screen: &Screen) -> anyhow::Result<ExitCode> {
    screen.print("starting PostgreSQL and Countersign…\n")?;
    let stage = Stage::build().await?;
    let played = script::play(&stage, screen).await;
    // What was played is what counts; the closing is reported as well.
    let closed = stage.close().await;
    played?;
    closed?;
    Ok(ExitCode::SUCCESS)
}

/// Keeps the world until Ctrl-C, and says what can be tried in it.
pub async fn stay(screen: &Screen) -> anyhow::Result<ExitCode> {
    screen.print("starting PostgreSQL and Countersign…\n")?;
    let mut stage = Stage::build().await?;
    screen.print(&invitation(&stage)?)?;
    let ended = tokio::select! {
        ended = stage.ended() => ended,
        _interrupted = tokio::signal::ctrl_c() => Ok(()),
    };
    screen.print("\ncleaning up\n")?;
    stage.close().await?;
    ended.map(|()| ExitCode::SUCCESS)
}

fn invitation(stage: &Stage) -> anyhow::Result<String> {
    let binary = std::env::current_exe()?.display().to_string();
    let who = |person: &str| format!("{binary} --credentials {}", stage.credentials(person).display());
    let (ada, grace, audrey) = (who("ada"), who("grace"), who("audrey"));
    let psql = stage.psql().display().to_string();
    Ok(format!(
        "
It runs. Ada is an engineer, Grace and Linus decide, Audrey is the auditor. In another terminal:

  # Ada asks
  {ada} request orders-prod --level write --for 1h --because INC-42

  # Grace sees it, and agrees
  {grace} requests
  {grace} approve REQUEST

  # Ada's own psql gets in; look at what is masked, then try: DELETE FROM orders;
  {ada} connect orders-prod -- {psql}

  # Grace sees the held statement whole, with what it would touch
  {grace} requests
  {grace} requests show REQUEST
  {grace} approve REQUEST

  # Audrey looks at it all
  {audrey} sessions --all
  {audrey} sessions replay SESSION
  {audrey} audit
  {binary} audit verify --config {config}

The policy is {config}: edit it and see what `{binary} check --config …` says.
Ctrl-C ends the demo and removes everything.
",
        config = stage.config().display()
    ))
}
