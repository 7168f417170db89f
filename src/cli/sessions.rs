//! What `sessions` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use console::documents::Place;
use workflows::target::TargetName;

use super::BecauseArgs;

/// `sessions`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SessionsArgs {
    /// One of them
    #[command(subcommand)]
    pub command: Option<SessionsCommand>,
    /// Those that are over as well
    #[arg(long)]
    pub all: bool,
}

/// `sessions …`.
#[derive(Debug, Subcommand)]
pub enum SessionsCommand {
    /// One session: who, what, from where, and its counts
    #[command(after_help = "Example:
  countersign sessions show ses_4XK29QPA")]
    Show(SessionArgs),
    /// Get a file out of a recording that was transferred and kept; `show` lists them
    #[command(after_help = "Example:
  countersign sessions file ses_4XK29QPA 1 --output app.conf")]
    File(FileArgs),
    /// Play a session, as its user saw it
    #[command(after_help = "Examples:
  countersign sessions replay ses_4XK29QPA             at its own pace; long pauses are cut to 3 s
  countersign sessions replay ses_4XK29QPA --speed 10
  countersign sessions replay ses_4XK29QPA --text      at once, with times
  countersign sessions replay ses_4XK29QPA --holds     what was held, and where
  countersign sessions replay ses_4XK29QPA --held=2    from the second of them on
  countersign sessions replay ses_4XK29QPA --at 12m30s
  countersign sessions replay ./ses.csr --text         a file from `sessions export`")]
    Replay(ReplayArgs),
    /// Find a text in recordings: in commands, in what was seen, in what was typed
    #[command(after_help = "Examples:
  countersign sessions search 'DROP TABLE'
  countersign sessions search --in output --target web-1 --since 7d 'Permission denied'
  countersign sessions search --by ada@example.com --since 2026-11-01 -i invoice
  countersign sessions replay ses_4XK29QPA --at 12m30s     where it was found

Exit codes: 0 found, 1 not found or failed, 2 wrong use.")]
    Search(SearchArgs),
    /// End a session at once; its grant stays
    #[command(after_help = "Example:
  countersign sessions end ses_4XK29QPA --because 'looks wrong'")]
    End(BecauseArgs),
    /// Save a session's recording to a file
    #[command(after_help = "Example:
  countersign sessions export ses_4XK29QPA --output ses.csr
  countersign sessions export ses_4XK29QPA --cast          a film: asciinema play ses_….cast")]
    Export(ExportArgs),
}

/// `sessions show`.
#[derive(Debug, Args)]
pub struct SessionArgs {
    /// Its id, or at least 6 characters of its beginning or end
    pub id: String,
    /// Also list the files that are kept in its recording, which is fetched for that
    #[arg(long)]
    pub files: bool,
    /// The age identity that opens a sealed recording, for --files
    #[arg(long, value_name = "FILE", requires = "files")]
    pub identity: Option<PathBuf>,
}

/// `sessions file`.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// The session's id, or at least 6 characters of its beginning or end
    pub id: String,
    /// The file's number, as `sessions show --files` lists it
    pub number: u32,
    /// Into which file; one that is there already is left alone
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// The age identity that opens sealed recordings
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
}

/// `sessions replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Its id, or at least 6 characters of its beginning or end; or a file that `sessions export` wrote
    pub id: String,
    /// How many times faster than it was
    #[arg(long, default_value_t = 1.0, value_parser = speed, conflicts_with = "text")]
    pub speed: f64,
    /// All at once, as text, with the time of each step
    #[arg(long)]
    pub text: bool,
    /// From here on, like 90s, 12m30s or 1:02:03; what lies before is there at once
    #[arg(long, value_name = "TIME", value_parser = crate::replay::moment::read, group = "from")]
    pub at: Option<i64>,
    /// From this operation on
    #[arg(long, value_name = "NUMBER", group = "from")]
    pub op: Option<u32>,
    /// From this held command on; the first if left out
    #[arg(long, value_name = "NUMBER", num_args = 0..=1, require_equals = true, default_missing_value = "1", group = "from",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub held: Option<u32>,
    /// List what was held, and play nothing
    #[arg(long, conflicts_with_all = ["from", "text", "speed"])]
    pub holds: bool,
    /// Show what was typed as well; only with text
    #[arg(long, requires = "text")]
    pub input: bool,
    /// The age identity that opens sealed recordings
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
}

/// `sessions search`.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// The text, as it is written; within one line
    pub text: String,
    /// Only in: command, output, typed or note
    #[arg(long = "in", value_name = "PLACE")]
    pub place: Option<Place>,
    /// Large and small letters are the same
    #[arg(long, short)]
    pub ignore_case: bool,
    /// Only at this target
    #[arg(long)]
    pub target: Option<TargetName>,
    /// Only of this person
    #[arg(long = "by", value_name = "PERSON")]
    pub person: Option<String>,
    /// Not before: a date, a date and time, or so long ago (7d)
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Not after
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// At most so many lines
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// The age identity that opens sealed recordings; they are fetched and looked through here
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.01..=10_000.0).contains(&speed) => Ok(speed),
        Ok(_) | Err(_) => Err("a speed lies between 0.01 and 10000; 2 is twice as fast".to_owned()),
    }
}

/// `sessions export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Its id, or at least 6 characters of its beginning or end
    pub id: String,
    /// Into which file [default: the session's id with .csr or .cast, in this folder]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// As a film of the terminal, for asciinema's player
    #[arg(long)]
    pub cast: bool,
    /// With what was typed and shown, as input events; only with --cast
    #[arg(long, requires = "cast")]
    pub input: bool,
    /// The age identity that opens sealed recordings; with --cast
    #[arg(long, value_name = "FILE", requires = "cast")]
    pub identity: Option<PathBuf>,
}
