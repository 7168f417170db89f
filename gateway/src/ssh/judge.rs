//! What is started on a channel, as operations.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use workflows::operation::{Act, Kind, Object, Operation};
use workflows::policy::FORWARD;
use workflows::shown::visible;
use workflows::target::{Access, Guarding, Target};

use super::guarded::Way;
use super::start::{Start, What};
use crate::seams::Classified;
use crate::shell::{self, Login, Shell};

/// The shell that reads command lines at a level of a target.
pub(super) fn shell_of(target: &Target, access: Access) -> Shell {
    let shell = target.logins.get(&access).and_then(|login| login.shell.as_deref());
    shell.map_or(Shell::Other, Shell::at)
}

/// A command line as operations, for whoever asks what would happen.
pub fn command(target: &Target, line: &str) -> Vec<Operation> {
    // The level is not known here; where two levels have different shells, only what both read alike is read.
    let mut shells = target.logins.keys().map(|access| shell_of(target, *access));
    let first = shells.next().unwrap_or(Shell::Other);
    let shell = if shells.all(|other| other == first) { first } else { Shell::Other };
    shell::classify(line.as_bytes(), Login { shell, ..Login::default() }).operations.clone()
}

/// What the file says about sessions at one level of a target, with what a session needs beside it.
#[derive(Clone, Debug)]
pub(super) struct Ways {
    /// The session's name.
    pub(super) session: String,
    /// What reads command lines.
    pub(super) shell: Shell,
    /// How every program, or what runs under sudo, is asked about, where the file wants that.
    pub(super) guard: Option<Way>,
    /// Whether a shell's lines are read off its terminal and judged.
    pub(super) watch: bool,
    /// How much of each transferred file is kept, in bytes.
    pub(super) keep_files: u64,
}

impl Ways {
    pub(super) fn new(session: String, target: &Target, access: Access, key: &Arc<SigningKey>) -> Self {
        let login = target.logins.get(&access);
        let shell = login.and_then(|login| login.shell.clone());
        let way = |path: Option<String>, only_sudo| Way {
            path,
            shell: shell.clone().unwrap_or_else(|| "/bin/sh".to_owned()),
            key: Arc::clone(key),
            only_sudo,
        };
        let guard = login.and_then(|login| login.guard.clone()).map(|guard| match guard {
            Guarding::Path(path) => way(Some(path), false),
            Guarding::LoginShell => way(None, false),
        });
        let sudo = login.and_then(|login| login.sudo.clone()).map(|path| way(Some(path), true));
        let guard = guard.or(sudo);
        let watch = login.is_some_and(|login| login.watch);
        Self { session, shell: shell_of(target, access), guard, watch, keep_files: target.keep_files }
    }
}

/// Reads what is started. A shell is opaque from the beginning, since whatever is typed into it runs; unless `inside`, where what
/// runs in it is asked about one by one.
pub(super) fn read(start: &Start, shell: Shell, inside: bool) -> Arc<Classified> {
    let terminal = start.terminal.is_some();
    match &start.what {
        What::Shell if inside => Arc::new(session_of("SHELL", "shell")),
        What::Exec(line) if inside => Arc::new(session_of("EXEC", &String::from_utf8_lossy(line))),
        What::Exec(line) => shell::classify(line, Login { shell, terminal, interactive: false }),
        What::Shell => Arc::new(Classified::opaque("shell", "an interactive shell runs whatever is typed into it")),
        What::Subsystem(name) => Arc::new(session_of("SUBSYSTEM", name)),
        What::Port(to) => Arc::new(port(to)),
    }
}

/// A port that leads to somewhere else. What passes through it is nobody's to read, so that it is opaque.
fn port(to: &str) -> Classified {
    let on = Object { kind: Kind::Other, schema: None, name: visible(to), written: true };
    let operation = Operation {
        verb: FORWARD.to_owned(),
        on: vec![on],
        ..Operation::opaque(format!("a port to {}", visible(to)), "what passes through a port is not read")
    };
    Classified { operations: vec![operation], statements: 1, ..Classified::default() }
}

/// A session in which each program, or each request, is an operation of its own.
fn session_of(verb: &str, shown: &str) -> Classified {
    let operation = Operation {
        act: Act::Session,
        verb: verb.to_owned(),
        writes: false,
        bounded: true,
        undoes_read_only: false,
        opaque: None,
        ..Operation::opaque(visible(shown), "")
    };
    Classified { operations: vec![operation], statements: 1, ..Classified::default() }
}

/// Programs whose output is files: hiding a value in it would damage them unseen.
const CARRIERS: &[&str] =
    &["scp", "rsync", "git-upload-pack", "git-receive-pack", "git-upload-archive", "sftp-server"];

/// A name of one's own making does not lift the masks.
fn is_of_the_system(path: &str) -> bool {
    !path.contains('/') || ["/usr/bin/", "/usr/lib/", "/usr/libexec/"].iter().any(|folder| path.starts_with(folder))
}

/// Whether what comes back are files and not lines for a person.
pub(super) fn carries_files(start: &Start, shell: Shell) -> bool {
    let carrier = |operation: &Operation| {
        operation
            .run
            .as_ref()
            .is_some_and(|run| CARRIERS.contains(&run.program.as_str()) && is_of_the_system(&run.path))
    };
    match &start.what {
        What::Subsystem(_) | What::Port(_) => true,
        What::Shell => false,
        What::Exec(line) => {
            let login = Login { shell, ..Login::default() };
            start.terminal.is_none() && shell::classify(line, login).operations.iter().all(carrier)
        }
    }
}
