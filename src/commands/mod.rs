//! One file for each family of commands. Each reads what it needs, calls the API, and shows the answer.

mod account;
mod audit;
mod chat;
mod check;
mod connect;
mod decide;
mod demo;
mod digest;
mod explain;
mod files;
mod grants;
mod keys;
mod recordings;
mod requests;
mod search;
mod serve;
mod sessions;
mod ssh;
mod ssh_keys;
mod tokens;
mod verify;
mod view;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::CommandFactory;
use workflows::clock::Clock;
use workflows::{Faults, Workflows};

use crate::cli::{
    AuditCommand, Cli, Command, DiscordCommand, RequestsCommand, SessionsCommand, SlackCommand, SshKeyCommand,
    TokenCommand,
};
use crate::client::Client;
use crate::config::{Config, ConfigError};
use crate::credentials::{self, Credentials};
use crate::failure::Failure;
use crate::screen::Screen;

/// What a command works with.
struct Desk<'a> {
    screen: &'a Screen,
    credentials: Option<PathBuf>,
}

impl Desk<'_> {
    fn path(&self) -> Result<PathBuf, Failure> {
        self.credentials.clone().map_or_else(credentials::default_path, Ok)
    }

    /// The API, as whoever signed in on this machine.
    fn client(&self) -> Result<Client, Failure> {
        Client::new(&Credentials::load(&self.path()?)?)
    }
}

/// The configuration, for commands that run on the server's own machine. Relative paths in it start at its folder.
fn load(path: &Path) -> Result<Config, Failure> {
    let config = Config::load(path).map_err(|error| match error {
        ConfigError::Read { .. } => {
            Failure::new(error.to_string()).hint("`countersign demo` shows a whole one at work")
        }
        ConfigError::Mistakes { .. } => {
            Failure::new(format!("`{}` is not right", path.display())).lines(error.to_string())
        }
    })?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let failed = |error| Failure::new(format!("`{}` can't be entered: {error}", folder.display()));
        std::env::set_current_dir(folder).map_err(failed)?;
    }
    Ok(config)
}

/// The engine on the configuration's store, beside a server that may be running.
async fn open(config: Config) -> Result<Workflows, Failure> {
    let Config { store, keys, recordings, policy, .. } = config;
    let engine = workflows::Config { store, keys, recordings, policy, faults: Faults::default() };
    Workflows::open(engine, Clock::System)
        .await
        .map_err(|error| Failure::new(format!("{:#}", anyhow::Error::from(error))))
}

/// Runs one command.
pub async fn run(cli: Cli, screen: &Screen) -> Result<ExitCode, Failure> {
    let desk = Desk { screen, credentials: cli.credentials };
    match cli.command {
        Command::Serve(args) => serve::run(args).await?,
        Command::Demo(args) => return demo::run(args, screen).await,
        Command::Check(args) => return check::run(args, screen),
        Command::Explain(args) => explain::run(&desk, args).await?,
        Command::Login(args) => account::login(&desk, args).await?,
        Command::Logout => account::logout(&desk)?,
        Command::Whoami => account::whoami(&desk).await?,
        Command::Targets => grants::targets(&desk).await?,
        Command::Request(args) => return requests::ask(&desk, args).await,
        Command::Requests(args) => match args.command {
            Some(RequestsCommand::Show(args)) => requests::show(&desk, &args.id).await?,
            None if args.watch => requests::watch(&desk, args.all).await?,
            None => requests::list(&desk, args.all).await?,
        },
        Command::Approve(args) => decide::approve(&desk, args).await?,
        Command::Deny(args) => decide::deny(&desk, args).await?,
        Command::Withdraw(args) => decide::withdraw(&desk, &args.id).await?,
        Command::Grants(args) => grants::list(&desk, args.all).await?,
        Command::Extend(args) => grants::extend(&desk, args).await?,
        Command::Revoke(args) => grants::revoke(&desk, args).await?,
        Command::Connect(args) => connect::run(&desk, args).await?,
        Command::Keys(args) => keys::show(&desk, &args.config)?,
        Command::Guard(_) => {
            return Err(Failure::new("the guard is started by the gateway, at a target that runs Linux"));
        }
        Command::Sessions(args) => match args.command {
            Some(SessionsCommand::Show(args)) => sessions::show(&desk, args).await?,
            Some(SessionsCommand::File(args)) => files::get(&desk, args).await?,
            Some(SessionsCommand::Search(args)) => return search::run(&desk, args).await,
            Some(SessionsCommand::End(args)) => sessions::end(&desk, args).await?,
            Some(SessionsCommand::Replay(args)) => recordings::replay(&desk, args).await?,
            Some(SessionsCommand::Export(args)) => recordings::export(&desk, args).await?,
            None => sessions::list(&desk, args.all).await?,
        },
        Command::Digest(args) => digest::run(&desk, args).await?,
        Command::Audit(args) => match args.command {
            Some(AuditCommand::Verify(args)) => return verify::run(args, &desk).await,
            Some(AuditCommand::Export(args)) => audit::export(&desk, args.output).await?,
            None => audit::list(&desk, args.from, args.limit).await?,
        },
        Command::SshKey(SshKeyCommand::Add(args)) => ssh_keys::add(&desk, args).await?,
        Command::SshKey(SshKeyCommand::List) => ssh_keys::list(&desk).await?,
        Command::SshKey(SshKeyCommand::Revoke(args)) => ssh_keys::revoke(&desk, &args.id).await?,
        Command::Token(TokenCommand::New(args)) => tokens::new(&desk, args).await?,
        Command::Token(TokenCommand::List) => tokens::list(&desk).await?,
        Command::Token(TokenCommand::Revoke(args)) => tokens::revoke(&desk, &args.id).await?,
        Command::Link(args) => chat::link(&desk, args).await?,
        Command::Doctor(args) => return chat::doctor(&desk, args).await,
        Command::Slack(SlackCommand::Manifest(args)) => chat::manifest(&desk, &args)?,
        Command::Discord(DiscordCommand::Register(args)) => chat::register(&desk, args).await?,
        Command::Suspend(args) => tokens::suspend(&desk, args).await?,
        Command::Restore(args) => tokens::restore(&desk, args).await?,
        Command::Completions(args) => {
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut Cli::command(), "countersign", &mut script);
            screen.print(&String::from_utf8_lossy(&script))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
