//! The command line: its words, their help, and nothing else.

mod args;
mod sessions;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use args::{
    ApproveArgs, AuditArgs, AuditCommand, BecauseArgs, CheckArgs, CompletionsArgs, ConfigArgs, ConnectArgs, DemoArgs,
    DigestArgs, DiscordCommand, ExplainArgs, ExtendArgs, GuardArgs, IdArgs, LinkArgs, ListArgs, LoginArgs,
    ManifestArgs, OutputArgs, PersonArgs, RequestArgs, RequestsArgs, RequestsCommand, ServeArgs, SlackCommand,
    SshKeyAddArgs, SshKeyCommand, TokenCommand, TokenNewArgs, VerifyArgs,
};
pub use sessions::{ExportArgs, FileArgs, ReplayArgs, SearchArgs, SessionArgs, SessionsArgs, SessionsCommand};

/// Just-in-time access to production: ask, agree, connect, countersign.
#[derive(Debug, Parser)]
#[command(
    name = "countersign",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  countersign demo                                     try everything on this machine
  countersign request orders-prod --for 1h --because INC-42
  countersign connect orders-prod -- psql
  countersign requests                                 what waits for you

Exit codes: 0 done, 1 refused or failed, 2 wrong use."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Write JSON instead of tables and sentences.
    #[arg(long, global = true)]
    pub json: bool,
    /// Where address and token are kept [default: ~/.config/countersign/credentials.toml]
    #[arg(long, global = true, value_name = "FILE", env = "COUNTERSIGN_CREDENTIALS", hide_env_values = true)]
    pub credentials: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run everything: the gateway, the console, the jobs
    #[command(after_help = "Examples:
  countersign serve --config /etc/countersign.toml
  kill -HUP $(pidof countersign)                       read the file again")]
    Serve(ServeArgs),
    /// Start a whole world in a temporary folder, to try things
    #[command(after_help = "Examples:
  countersign demo                                     until Ctrl-C; prints commands to try
  countersign demo --script                            plays the story by itself, and checks it")]
    Demo(DemoArgs),
    /// Is the file right? Each mistake with its line, and what to write instead
    #[command(after_help = "Examples:
  countersign check
  countersign check --config staging.toml              also runs the rules' own tests")]
    Check(CheckArgs),
    /// What would happen to a statement, which rule says so, and who would be asked
    #[command(after_help = "Examples:
  countersign explain orders-prod 'DELETE FROM orders'
  countersign explain --as ada@example.com orders-prod 'SELECT * FROM customers'
  countersign explain --config countersign.toml --as ada@example.com orders-prod 'DROP TABLE orders'")]
    Explain(ExplainArgs),
    /// Sign in with a token
    #[command(after_help = "Examples:
  countersign login https://countersign.example.com    asks for the token, without showing it
  countersign login --token-file token.txt
  vault read -field=token … | countersign login")]
    Login(LoginArgs),
    /// Forget the token on this machine
    #[command(after_help = "Example:
  countersign logout                                   the token itself stays good: `countersign token revoke ID`")]
    Logout,
    /// Who am I?
    #[command(after_help = "Example:
  countersign whoami --json")]
    Whoami,
    /// What you may ask for, and what you hold
    #[command(after_help = "Example:
  countersign targets")]
    Targets,
    /// Ask for access
    #[command(after_help = "Examples:
  countersign request orders-prod --for 1h --because INC-42
  countersign request orders-prod --level write --for 30m --because 'fix order 7' --wait
  countersign request orders-prod --level admin --for 15m --because INC-43 --emergency")]
    Request(RequestArgs),
    /// Requests: yours, and those that wait for you
    #[command(after_help = "Examples:
  countersign requests
  countersign requests --watch
  countersign requests show req_4XK29QPA               the whole statement, its impact, and the votes")]
    Requests(RequestsArgs),
    /// Agree to a request
    #[command(after_help = "Examples:
  countersign approve req_4XK29QPA
  countersign approve req_4XK29QPA --for 30m --level read --note 'after the 14:00 backup'
  countersign approve req_4XK29QPA --repeat shape --for 10m")]
    Approve(ApproveArgs),
    /// Refuse a request
    #[command(after_help = "Example:
  countersign deny req_4XK29QPA --because 'not during the backup'")]
    Deny(BecauseArgs),
    /// Take your own request back
    #[command(after_help = "Example:
  countersign withdraw req_4XK29QPA")]
    Withdraw(IdArgs),
    /// Grants: who may use what, until when
    #[command(after_help = "Examples:
  countersign grants
  countersign grants --all --json")]
    Grants(ListArgs),
    /// Ask for more time on a grant
    #[command(after_help = "Example:
  countersign extend grt_4XK29QPA --for 30m --because 'restore still runs'")]
    Extend(ExtendArgs),
    /// Take a grant back; its sessions end at once
    #[command(after_help = "Example:
  countersign revoke grt_4XK29QPA --because 'laptop stolen'")]
    Revoke(BecauseArgs),
    /// Connect to a target: start a client that is already signed in, or open a local port
    #[command(after_help = "Examples:
  countersign connect orders-prod -- psql
  countersign connect orders-prod -- pg_dump -t orders
  countersign connect orders-prod --port 5433          for DBeaver and the like; until Ctrl-C
  countersign connect web-1 -- ssh web-1
  countersign connect web-1 --ssh-config >> ~/.ssh/config")]
    Connect(ConnectArgs),
    /// Sessions: who is connected, and what was done
    #[command(after_help = "Examples:
  countersign sessions --all
  countersign sessions replay ses_4XK29QPA --speed 4
  countersign sessions replay ses_4XK29QPA --text
  countersign sessions search 'rm -rf' --since 7d
  countersign sessions end ses_4XK29QPA --because 'looks wrong'")]
    Sessions(SessionsArgs),
    /// Your people's week: who had access to what, what was odd, what to take away
    #[command(after_help = "Examples:
  countersign digest
  countersign digest --week 2026-W47 --csv > week.csv
  countersign digest --week 2026-W47 --reviewed        \"I have reviewed this\", kept as evidence")]
    Digest(DigestArgs),
    /// The audit log: read it, verify it, take it away
    #[command(after_help = "Examples:
  countersign audit --from 120
  countersign audit export --output audit.jsonl
  countersign audit verify audit.jsonl                 offline")]
    Audit(AuditArgs),
    /// Tokens: make, list, revoke
    #[command(
        subcommand,
        after_help = "Examples:
  countersign token new ada@example.com --for 30d --label laptop
  countersign token list
  countersign token revoke tok_4XK29QPA"
    )]
    Token(TokenCommand),
    /// Your public keys for SSH: bind, list, revoke
    #[command(
        subcommand,
        after_help = "Examples:
  countersign ssh-key add ~/.ssh/id_ed25519.pub --for 90d
  countersign ssh-key list
  countersign ssh-key revoke key_4XK29QPA"
    )]
    SshKey(SshKeyCommand),
    /// Link your account at a chat platform to you, so that you can ask and decide there
    #[command(after_help = "Examples:
  countersign link                                     your linked accounts
  countersign link slack                               sign in at Slack, then type the code that the page shows
  countersign link slack --remove")]
    Link(LinkArgs),
    /// Look at what the chat platforms need, and say what to fix
    #[command(after_help = "Example:
  countersign doctor --config /etc/countersign.toml    on the server, where the secrets are")]
    Doctor(ConfigArgs),
    /// Set up Slack: the manifest of the app
    #[command(
        subcommand,
        after_help = "Example:
  countersign slack manifest > manifest.json"
    )]
    Slack(SlackCommand),
    /// Set up Discord: the guild's commands
    #[command(
        subcommand,
        after_help = "Example:
  countersign discord register --config /etc/countersign.toml"
    )]
    Discord(DiscordCommand),
    /// Suspend somebody, on the server: tokens, sessions and votes of theirs count no more
    #[command(after_help = "Example:
  countersign suspend ada@example.com --config /etc/countersign.toml")]
    Suspend(PersonArgs),
    /// Let somebody back in who was suspended, on the server
    #[command(after_help = "Example:
  countersign restore ada@example.com --config /etc/countersign.toml")]
    Restore(PersonArgs),
    /// What targets and clients of SSH have to trust, on the server
    #[command(after_help = "Example:
  countersign keys --config /etc/countersign.toml")]
    Keys(ConfigArgs),
    /// At a target, below sshd: stop every program of a session until it was judged
    #[command(after_help = "Example:
  countersign guard --session s1 --key BASE64 --socket /tmp/s1/socket -- /bin/bash -l

The gateway calls it by itself where a login has `guard` in the file. As a login's shell it has the name `countersign-guard`,
and its key in /etc/countersign/gateway.pub.")]
    Guard(GuardArgs),
    /// Completions for a shell
    #[command(after_help = "Examples:
  countersign completions bash > ~/.local/share/bash-completion/completions/countersign
  countersign completions fish > ~/.config/fish/completions/countersign.fish")]
    Completions(CompletionsArgs),
}

#[cfg(test)]
mod tests;
