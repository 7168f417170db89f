//! `countersign demo`. Exits with 0 only if each step of the script did what it says.

use std::process::ExitCode;

use crate::cli::DemoArgs;
use crate::demo;
use crate::failure::Failure;
use crate::screen::Screen;

pub(super) async fn run(args: DemoArgs, screen: &Screen) -> Result<ExitCode, Failure> {
    let done = if args.script { demo::play(screen).await } else { demo::stay(screen).await };
    done.map_err(|error| Failure::new(format!("{error:#}")))
}
