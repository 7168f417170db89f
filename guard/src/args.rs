//! The guard's own command line.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::VerifyingKey;

use crate::options::Options;

/// Where the gateway's key is if the guard is a login's shell: whoever signs in there must not be able to name another.
pub const KEY_FILE: &str = "/etc/countersign/gateway.pub";
/// The first word of what the gateway asks sshd to run.
pub const NAME: &str = "countersign-guard";

/// What the command line asks for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Asked {
    /// Guard a session.
    Session(Box<Options>),
    /// Carry frames between a socket in this folder and standard input and output.
    Relay {
        /// The folder.
        folder: PathBuf,
        /// Part of the socket's path.
        name: String,
        /// Whether there is no guard, whose end would be the end of the relay.
        only_sudo: bool,
    },
    /// Become a program that knows where a sudo below it asks, and stop nothing.
    Named {
        /// The session's name.
        session: String,
        /// The socket that leads to the gateway.
        socket: PathBuf,
        /// The program and its arguments, with its own path first.
        argv: Vec<OsString>,
    },
}

/// What is wrong with the command line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Wrong {
    /// No way of calling it.
    #[error(
        "usage: countersign-guard --session NAME --key KEY --socket PATH [--silence SECONDS] [--line BASE64] -- PROGRAM [ARGUMENT...]\n       countersign-guard --relay FOLDER --session NAME [--only sudo]\n       countersign-guard --only sudo --session NAME --socket PATH [--line BASE64] -- PROGRAM [ARGUMENT...]"
    )]
    Usage,
    /// Signed in without the gateway.
    #[error("this login is open through Countersign only")]
    Closed,
    /// The key is no key.
    #[error("the gateway's key is not 32 bytes in base64")]
    Key,
    /// A file with the key must be root's alone.
    #[error("`{KEY_FILE}` cannot be read, or can be written by somebody else than root")]
    KeyFile,
    /// A name that would not be one part of a path.
    #[error("a session's name has letters, digits, `-` and `_` only")]
    Name,
}

/// Reads a key, as base64 of its 32 bytes.
pub fn read_key(text: &str) -> Result<VerifyingKey, Wrong> {
    let bytes = STANDARD.decode(text.trim()).map_err(|_| Wrong::Key)?;
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| Wrong::Key)?;
    VerifyingKey::from_bytes(&bytes).map_err(|_| Wrong::Key)
}

/// Reads the command line, with the program's own name first.
///
/// As a login's shell it is called with `-c` and what the gateway wanted to run, or with a name that begins with `-`; then
/// the key comes from [`KEY_FILE`], and anything but the gateway's own call is refused.
pub fn read(args: &[OsString]) -> Result<Asked, Wrong> {
    let (name, rest) = args.split_first().ok_or(Wrong::Usage)?;
    let is_login = name.as_bytes().starts_with(b"-");
    match rest {
        [flag, line] if flag == "-c" => {
            let words = line.to_str().ok_or(Wrong::Closed)?;
            let words: Vec<OsString> = words.split_ascii_whitespace().map(OsString::from).collect();
            let (first, words) = words.split_first().ok_or(Wrong::Closed)?;
            if first != NAME {
                return Err(Wrong::Closed);
            }
            options(words, Some(key_file))
        }
        _ if is_login => Err(Wrong::Closed),
        words => options(words, None),
    }
}

fn key_file() -> Result<VerifyingKey, Wrong> {
    use std::os::unix::fs::MetadataExt;
    for path in [KEY_FILE, "/etc/countersign"] {
        let data = std::fs::metadata(path).map_err(|_| Wrong::KeyFile)?;
        if data.uid() != 0 || data.mode() & 0o022 != 0 {
            return Err(Wrong::KeyFile);
        }
    }
    read_key(&std::fs::read_to_string(KEY_FILE).map_err(|_| Wrong::KeyFile)?)
}

fn options(words: &[OsString], fixed: Option<fn() -> Result<VerifyingKey, Wrong>>) -> Result<Asked, Wrong> {
    let (mut session, mut key, mut socket, mut folder, mut line) = (None, None, None, None, None);
    let mut silence = Duration::from_secs(15);
    let mut only_sudo = false;
    let mut words = words.iter();
    let mut command: Vec<OsString> = Vec::new();
    while let Some(word) = words.next() {
        if word == "--" {
            command = words.cloned().collect();
            break;
        }
        let value = words.next().ok_or(Wrong::Usage)?;
        match word.to_str() {
            Some("--session") => session = Some(value.to_str().ok_or(Wrong::Name)?.to_owned()),
            Some("--key") if fixed.is_none() => key = Some(read_key(value.to_str().ok_or(Wrong::Key)?)?),
            Some("--socket") => socket = Some(PathBuf::from(value)),
            Some("--line") => line = Some(STANDARD.decode(value.as_bytes()).map_err(|_| Wrong::Usage)?),
            Some("--relay") => folder = Some(PathBuf::from(value)),
            // A login whose shell is the guard is guarded, whatever is asked.
            Some("--only") if value == "sudo" && fixed.is_none() => only_sudo = true,
            Some("--silence") => silence = Duration::from_secs(seconds(value)?),
            _ => return Err(Wrong::Usage),
        }
    }
    let session = session.ok_or(Wrong::Usage)?;
    let plain = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_');
    if session.is_empty() || session.len() > 64 || !session.bytes().all(plain) {
        return Err(Wrong::Name);
    }
    if let Some(folder) = folder {
        return Ok(Asked::Relay { folder, name: session, only_sudo });
    }
    let program = command.first().map(PathBuf::from).ok_or(Wrong::Usage)?;
    if let Some(line) = line {
        command.extend([OsString::from("-c"), OsString::from_vec(line)]);
    }
    let socket = socket.ok_or(Wrong::Usage)?;
    if only_sudo {
        return Ok(Asked::Named { session, socket, argv: command });
    }
    let key = match fixed {
        Some(read) => read()?,
        None => key.ok_or(Wrong::Usage)?,
    };
    Ok(Asked::Session(Box::new(Options { session, key, socket, silence, program, argv: command })))
}

fn seconds(value: &OsStr) -> Result<u64, Wrong> {
    let seconds = value.to_str().and_then(|text| text.parse().ok()).filter(|seconds| (1..=3_600).contains(seconds));
    seconds.ok_or(Wrong::Usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_words(words: &[&str]) -> Result<Asked, Wrong> {
        read(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    fn key() -> String {
        let key = ed25519_dalek::SigningKey::from_bytes(&[5; 32]).verifying_key();
        STANDARD.encode(key.to_bytes())
    }

    #[test]
    fn a_session_and_a_relay_are_read() {
        let key = key();
        let words = ["guard", "--session", "s-1", "--key", &key, "--socket", "/s", "--", "/bin/sh", "-c", "a b"];
        let Ok(Asked::Session(options)) = read_words(&words) else { panic!("a session") };
        assert_eq!(options.argv, ["/bin/sh", "-c", "a b"]);
        assert_eq!(options.silence, Duration::from_secs(15));
        assert!(matches!(read_words(&["guard", "--relay", "/tmp", "--session", "x"]), Ok(Asked::Relay { .. })));
        let line = STANDARD.encode("echo 'a b'");
        let words = ["guard", "--only", "sudo", "--session", "s", "--socket", "/s", "--line", &line, "--", "/bin/sh"];
        let Ok(Asked::Named { argv, .. }) = read_words(&words) else { panic!("a session that only sudo asks for") };
        assert_eq!(argv, ["/bin/sh", "-c", "echo 'a b'"]);
        let words = ["guard", "--session", "s", "--key", &key, "--socket", "/s", "--line", &line, "--", "/bin/sh"];
        let Ok(Asked::Session(options)) = read_words(&words) else { panic!("a session") };
        assert_eq!(options.argv, ["/bin/sh", "-c", "echo 'a b'"]);
    }

    #[test]
    fn what_is_missing_or_odd_is_refused() {
        let key = key();
        for words in [
            vec!["guard"],
            vec!["guard", "--session", "s", "--key", &key, "--socket", "/s"],
            vec!["guard", "--session", "s", "--key", "AAAA", "--socket", "/s", "--", "sh"],
            vec!["guard", "--session", "../s", "--key", &key, "--socket", "/s", "--", "sh"],
            vec!["guard", "--session", "s", "--key", &key, "--socket", "/s", "--silence", "0", "--", "sh"],
            vec!["guard", "--relay", "/tmp", "--session", "a/b"],
            vec!["guard", "--only", "su", "--session", "s", "--socket", "/s", "--", "sh"],
            vec!["guard", "--only", "sudo", "--session", "s", "--socket", "/s"],
        ] {
            assert!(read_words(&words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn as_a_login_shell_it_takes_the_gateways_call_only_and_no_key_from_it() {
        let key = key();
        assert!(matches!(read_words(&["-countersign-guard"]), Err(Wrong::Closed)));
        assert!(matches!(read_words(&["countersign-guard", "-c", "id"]), Err(Wrong::Closed)));
        assert!(matches!(read_words(&["countersign-guard", "-c", ""]), Err(Wrong::Closed)));
        let line = format!("countersign-guard --session s --key {key} --socket /s -- sh");
        assert!(matches!(read_words(&["countersign-guard", "-c", &line]), Err(Wrong::Usage)));
        let line = "countersign-guard --relay /tmp --session s";
        assert!(matches!(read_words(&["countersign-guard", "-c", line]), Ok(Asked::Relay { .. })));
    }
}
