//! From what sudo is about to run to a question, and to yes or no.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use guard::wire::{Doubts, Forged, Nonce, Origin, Question, matters};

use crate::lists::Words;
use crate::settings::Opened;
use crate::waiting::wait;

/// Why a command does not run.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The gateway said so, with these words.
    Denied(String),
    Outside,
    Unclear(&'static str),
    TooLong,
    NoSocket(std::io::Error),
    Lost,
    Forged(Forged),
    TooLate,
    Interrupted,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Denied(reason) => f.write_str(reason),
            Self::Outside => f.write_str("sudo works in sessions through Countersign only"),
            Self::Unclear(what) => write!(f, "sudo does not say {what}"),
            Self::TooLong => f.write_str("the command is longer than what can be shown"),
            Self::NoSocket(error) => write!(f, "the gateway cannot be reached: {error}"),
            Self::Lost => f.write_str("the connection to the gateway ended"),
            Self::Forged(forged) => write!(f, "{forged}"),
            Self::TooLate => f.write_str("nobody answered in time"),
            Self::Interrupted => f.write_str("interrupted, the request was withdrawn"),
        }
    }
}

/// Asks about one command. Anything but the gateway's signed yes is a no.
pub(crate) fn ask(
    opened: &Opened,
    info: &Words,
    argv: &Words,
    env: &Words,
    inside: bool,
    say: &dyn Fn(&str),
) -> Result<(), Refused> {
    let gateway = opened.gateway.as_ref().ok_or(Refused::Outside)?;
    let Some((session, socket)) = &gateway.session else {
        return if opened.free_outside { Ok(()) } else { Err(Refused::Outside) };
    };
    if !argv.is_whole() || !env.is_whole() || !info.is_whole() {
        return Err(Refused::TooLong);
    }
    let program = info.value("command").ok_or(Refused::Unclear("which program"))?.to_vec();
    let cwd = info.value("cwd").or_else(|| info.value("runcwd")).unwrap_or(&opened.user.cwd).to_vec();
    let uid = info.number("runas_euid").or_else(|| info.number("runas_uid")).ok_or(Refused::Unclear("as whom"))?;
    let gid =
        info.number("runas_egid").or_else(|| info.number("runas_gid")).ok_or(Refused::Unclear("as which group"))?;
    let question = Question {
        nonce: Nonce::fresh().map_err(|_| Refused::Unclear("anything that can be told apart"))?,
        origin: if inside { Origin::SudoInside } else { Origin::Sudo },
        session: session.clone(),
        pid: opened.user.pid,
        ppid: opened.user.ppid,
        by: opened.user.uid,
        uid,
        gid,
        doubts: Doubts { writable: may_change(&program), nameless: !program.starts_with(b"/") },
        program,
        interpreter: Vec::new(),
        argv: argv.all().to_vec(),
        cwd,
        tty: opened.user.tty.clone(),
        env: env.all().iter().filter(|entry| matters(entry)).cloned().collect(),
        env_hash: Question::hash_env(env.all()),
    };
    if !question.fits() {
        return Err(Refused::TooLong);
    }
    wait(gateway, socket, &opened.user, question, say)
}

/// Whether somebody else than root may write the file, or put another in its place.
fn may_change(program: &[u8]) -> bool {
    let path = Path::new(std::ffi::OsStr::from_bytes(program));
    path.ancestors()
        .filter(|step| !step.as_os_str().is_empty())
        .any(|step| std::fs::metadata(step).map_or(true, |data| data.uid() != 0 || data.mode() & 0o022 != 0))
}
