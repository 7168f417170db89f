//! `countersign check`: prints each mistake with its line, runs the rules' own tests; exits with 1 if there is one.

use std::process::ExitCode;

use serde::Serialize;

use crate::cli::CheckArgs;
use crate::config::{Config, ConfigError};
use crate::failure::Failure;
use crate::judge::Judge;
use crate::screen::Screen;

#[derive(Serialize)]
struct Checked {
    right: bool,
    mistakes: Vec<String>,
    warnings: Vec<String>,
}

pub(super) fn run(args: CheckArgs, screen: &Screen) -> Result<ExitCode, Failure> {
    let name = args.config.display().to_string();
    let checked = match Config::load(&args.config) {
        Err(error @ ConfigError::Read { .. }) => return Err(Failure::new(error.to_string())),
        Err(ConfigError::Mistakes { mistakes, warnings }) => Checked { right: false, mistakes, warnings },
        Ok(config) => {
            let judge =
                Judge::start().map_err(|error| Failure::new(format!("the parser does not start: {error}")))?;
            let mistakes: Vec<String> = judge.examine(&config.policy).iter().map(|one| one.render(&name)).collect();
            let warnings = config.policy.warnings().iter().map(|one| one.render(&name)).collect();
            Checked { right: mistakes.is_empty(), mistakes, warnings }
        }
    };
    screen.show(&checked, || {
        let wrong = match checked.mistakes.len() {
            0 => "it is right".to_owned(),
            1 => "1 mistake".to_owned(),
            many => format!("{many} mistakes"),
        };
        let doubtful = match checked.warnings.len() {
            0 => String::new(),
            1 => ", 1 warning".to_owned(),
            many => format!(", {many} warnings"),
        };
        let notes = checked.mistakes.iter().chain(&checked.warnings).fold(String::new(), |all, one| all + one + "\n");
        format!("{notes}{name}: {wrong}{doubtful}\n")
    })?;
    Ok(if checked.right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
