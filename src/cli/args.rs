//! What each command takes.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::Shell;
use workflows::clock::Span;
use workflows::digest::Week;
use workflows::identity::Chat;
use workflows::request::Again;
use workflows::target::{Access, TargetName};

/// `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The file
    #[arg(long, value_name = "FILE", default_value = "countersign.toml")]
    pub config: PathBuf,
}

/// `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Play the whole story, and exit with 0 only if each step did what it says
    #[arg(long)]
    pub script: bool,
}

/// `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The file
    #[arg(long, value_name = "FILE", default_value = "countersign.toml")]
    pub config: PathBuf,
}

/// `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// For whom; yourself if left out
    #[arg(long = "as", value_name = "PERSON")]
    pub person: Option<String>,
    /// Ask a file instead of the server
    #[arg(long, value_name = "FILE", requires = "person")]
    pub config: Option<PathBuf>,
    /// At which target
    pub target: TargetName,
    /// Of which statement; it is not run
    #[arg(allow_hyphen_values = true)]
    pub sql: String,
}

/// `login`.
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// The address of the API
    #[arg(value_name = "URL", default_value = crate::credentials::DEFAULT_URL, env = "COUNTERSIGN_URL")]
    pub url: String,
    /// Read the token from a file; without it from a prompt, or from the standard input
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// `request`.
#[derive(Debug, Args)]
pub struct RequestArgs {
    /// To which target
    pub target: TargetName,
    /// At which level: read, write or admin
    #[arg(long, default_value = "read")]
    pub level: Access,
    /// For how long, like 45m, 1h30m or 2d
    #[arg(long = "for", value_name = "TIME")]
    pub span: Span,
    /// Why
    #[arg(long, value_name = "REASON")]
    pub because: String,
    /// Break the glass: at once; everyone is told, and somebody else reviews it within a day
    #[arg(long)]
    pub emergency: bool,
    /// Wait until it is decided
    #[arg(long)]
    pub wait: bool,
}

/// `requests`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct RequestsArgs {
    /// One of them
    #[command(subcommand)]
    pub command: Option<RequestsCommand>,
    /// Those that are decided as well
    #[arg(long)]
    pub all: bool,
    /// Stay, and show each change
    #[arg(long)]
    pub watch: bool,
}

/// `requests …`.
#[derive(Debug, Subcommand)]
pub enum RequestsCommand {
    /// One request: the whole statement, its impact, who is asked, the votes
    #[command(after_help = "Example:
  countersign requests show req_4XK29QPA")]
    Show(IdArgs),
}

/// An id, and nothing else.
#[derive(Debug, Args)]
pub struct IdArgs {
    /// Its id, or at least 6 characters of its beginning or end
    pub id: String,
}

/// An id and a reason.
#[derive(Debug, Args)]
pub struct BecauseArgs {
    /// Its id, or at least 6 characters of its beginning or end
    pub id: String,
    /// Why
    #[arg(long, value_name = "REASON")]
    pub because: String,
}

/// `approve`.
#[derive(Debug, Args)]
pub struct ApproveArgs {
    /// Its id, or at least 6 characters of its beginning or end
    pub id: String,
    /// For no longer than this; with --repeat, the time in which it may run again
    #[arg(long = "for", value_name = "TIME")]
    pub span: Option<Span>,
    /// A held command, and again in its session: exactly this, or its shape, which is the same with other operands
    #[arg(long, value_name = "exact|shape")]
    pub repeat: Option<Again>,
    /// At no more than this level
    #[arg(long)]
    pub level: Option<Access>,
    /// Something for the requester to read
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Do not ask back after showing a held statement on a terminal
    #[arg(long)]
    pub yes: bool,
}

/// A listing.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Those that are over as well
    #[arg(long)]
    pub all: bool,
}

/// `extend`.
#[derive(Debug, Args)]
pub struct ExtendArgs {
    /// Its id, or at least 6 characters of its beginning or end
    pub id: String,
    /// For how long from now, like 45m
    #[arg(long = "for", value_name = "TIME")]
    pub span: Span,
    /// Why
    #[arg(long, value_name = "REASON")]
    pub because: String,
}

/// `connect`.
#[derive(Debug, Args)]
pub struct ConnectArgs {
    /// To which target
    pub target: TargetName,
    /// Without a command: the local port; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// For a host: print the two lines for ~/.ssh/config, with which plain `ssh TARGET` works
    #[arg(long, conflicts_with_all = ["port", "client", "certificate"])]
    pub ssh_config: bool,
    /// For a host: get a certificate, and write down how to use it
    #[arg(long, conflicts_with_all = ["port", "client"])]
    pub certificate: bool,
    /// The client to start, and what it takes
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "port")]
    pub client: Vec<OsString>,
}

/// `guard`. Read before this is, by the guard itself; here for its help.
#[derive(Debug, Args)]
pub struct GuardArgs {
    /// What the gateway says
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    pub arguments: Vec<OsString>,
}

/// `digest`.
#[derive(Debug, Args)]
pub struct DigestArgs {
    /// Of which week, like 2026-W47; the last whole one if left out
    #[arg(long, value_name = "WEEK")]
    pub week: Option<Week>,
    /// Whose; yours if left out
    #[arg(long, value_name = "NAME")]
    pub manager: Option<String>,
    /// For a spreadsheet
    #[arg(long, conflicts_with_all = ["json", "reviewed"])]
    pub csv: bool,
    /// Say that you have reviewed it
    #[arg(long)]
    pub reviewed: bool,
}

/// `audit`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AuditArgs {
    /// Something else than reading it
    #[command(subcommand)]
    pub command: Option<AuditCommand>,
    /// From this entry on
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..))]
    pub from: i64,
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
}

/// `audit …`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Was anything deleted, changed, reordered or cut off, in the log or in a recording? Works offline
    #[command(after_help = "Examples:
  countersign audit verify                             the store of countersign.toml
  countersign audit verify audit.jsonl --heads heads.txt --key 'countersign+…' --recordings /mnt/archive")]
    Verify(VerifyArgs),
    /// Save the whole log, one entry a line
    #[command(after_help = "Example:
  countersign audit export --output audit.jsonl")]
    Export(OutputArgs),
}

/// `audit verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A file that `audit export` wrote; without it the store of the configuration
    pub file: Option<PathBuf>,
    /// The file of signed heads [default: the configuration's]
    #[arg(long, value_name = "FILE")]
    pub heads: Option<PathBuf>,
    /// Accept a log though no signed head outside of its store was compared
    #[arg(long)]
    pub without_witness: bool,
    /// The public key of the log [default: the configuration's]
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// A folder of recordings that are compared with the log, any number of times [default: the configuration's]
    #[arg(long, value_name = "FOLDER")]
    pub recordings: Vec<PathBuf>,
    /// Compare no recordings
    #[arg(long, conflicts_with = "recordings")]
    pub without_recordings: bool,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "countersign.toml")]
    pub config: PathBuf,
}

/// Where to.
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// Into which file; without it to the standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `token …`.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token, on the server, and print it once
    #[command(after_help = "Example:
  countersign token new ada@example.com --for 30d --label laptop --config /etc/countersign.toml")]
    New(TokenNewArgs),
    /// Your tokens, without their secrets
    #[command(after_help = "Example:
  countersign token list")]
    List,
    /// Revoke one of your tokens, at once
    #[command(after_help = "Example:
  countersign token revoke tok_4XK29QPA")]
    Revoke(IdArgs),
}

/// `token new`.
#[derive(Debug, Args)]
pub struct TokenNewArgs {
    /// For whom, as the file names them
    pub name: String,
    /// For how long, like 30d
    #[arg(long = "for", value_name = "TIME")]
    pub span: Span,
    /// What it is for
    #[arg(long, default_value = "")]
    pub label: String,
    /// The configuration, whose store the token goes into
    #[arg(long, value_name = "FILE", default_value = "countersign.toml")]
    pub config: PathBuf,
}

/// `ssh-key …`.
#[derive(Debug, Subcommand)]
pub enum SshKeyCommand {
    /// Bind one of your public keys to you: it signs you in over SSH, without a token
    #[command(after_help = "Example:
  countersign ssh-key add ~/.ssh/id_ed25519.pub")]
    Add(SshKeyAddArgs),
    /// Your keys
    #[command(after_help = "Example:
  countersign ssh-key list")]
    List,
    /// Take one of your keys back, at once
    #[command(after_help = "Example:
  countersign ssh-key revoke key_4XK29QPA")]
    Revoke(IdArgs),
}

/// `ssh-key add`.
#[derive(Debug, Args)]
pub struct SshKeyAddArgs {
    /// The key's file; the private half must be beside it, or in your agent
    #[arg(value_name = "FILE")]
    pub key: PathBuf,
    /// For how long, at most 366d
    #[arg(long = "for", value_name = "TIME", default_value = "90d")]
    pub span: Span,
    /// What you call it; the key's own comment if left out
    #[arg(long)]
    pub label: Option<String>,
}

/// `link`.
#[derive(Debug, Args)]
pub struct LinkArgs {
    /// At which platform: slack, discord or matrix; without it your accounts are listed
    pub chat: Option<Chat>,
    /// Take your account there away, at once
    #[arg(long, requires = "chat")]
    pub remove: bool,
}

/// `slack …`.
#[derive(Debug, Subcommand)]
pub enum SlackCommand {
    /// Print the manifest of the app, to paste where Slack makes apps
    #[command(after_help = "Example:
  countersign slack manifest --name Countersign > manifest.json")]
    Manifest(ManifestArgs),
}

/// `slack manifest`.
#[derive(Debug, Args)]
pub struct ManifestArgs {
    /// What the app is called
    #[arg(long, default_value = "Countersign")]
    pub name: String,
    /// Deliver to this address (https://…) instead of over Socket Mode, which needs none
    #[arg(long, value_name = "URL")]
    pub public: Option<String>,
}

/// `discord …`.
#[derive(Debug, Subcommand)]
pub enum DiscordCommand {
    /// Give the guild its commands; may be done again at any time
    #[command(after_help = "Example:
  countersign discord register --config /etc/countersign.toml")]
    Register(ConfigArgs),
}

/// The configuration, and nothing else.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The file
    #[arg(long, value_name = "FILE", default_value = "countersign.toml")]
    pub config: PathBuf,
}

/// `suspend` and `restore`.
#[derive(Debug, Args)]
pub struct PersonArgs {
    /// Whom, as the file names them
    pub name: String,
    /// The configuration, whose store knows them
    #[arg(long, value_name = "FILE", default_value = "countersign.toml")]
    pub config: PathBuf,
}

/// `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// For which shell
    pub shell: Shell,
}
