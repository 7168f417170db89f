//! What `sudo.conf` says, and what sudo tells about the person.

use std::path::PathBuf;
use std::time::Duration;

use ed25519_dalek::VerifyingKey;

use crate::lists::Words;

/// Everything that is known before a program is named.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    /// `None`: nothing may run.
    pub(crate) gateway: Option<Gateway>,
    pub(crate) user: User,
    /// A sudo outside every session may pass; the file says so.
    pub(crate) free_outside: bool,
}

/// Where answers come from.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    pub(crate) key: VerifyingKey,
    pub(crate) wait: Duration,
    /// The session and the socket, as the person's environment names them: nothing of it is believed.
    pub(crate) session: Option<(String, PathBuf)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) pid: u32,
    pub(crate) ppid: u32,
    pub(crate) tty: Vec<u8>,
    pub(crate) cwd: Vec<u8>,
}

/// A mistake in `sudo.conf`, or a sudo that does not say who asks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    Key,
    Option(String),
    User,
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key => f.write_str("countersign: sudo.conf needs key=… with the gateway's public key"),
            Self::Option(option) => write!(f, "countersign: sudo.conf has the unknown option `{option}`"),
            Self::User => f.write_str("countersign: sudo does not say who asks"),
        }
    }
}

impl Opened {
    /// Refuses everything.
    pub(crate) fn closed() -> Self {
        Self { gateway: None, user: User::default(), free_outside: false }
    }

    pub(crate) fn read(user: &Words, env: &Words, options: &Words) -> Result<Self, Mistake> {
        let (mut key, mut wait, mut socket, mut free_outside) = (None, Duration::from_mins(15), None, false);
        for option in options.all() {
            let option = String::from_utf8_lossy(option).into_owned();
            match option.split_once('=') {
                Some(("key", text)) => key = Some(guard::read_key(text).map_err(|_| Mistake::Key)?),
                Some(("socket", path)) => socket = Some(PathBuf::from(path)),
                Some(("outside", "refuse")) => free_outside = false,
                Some(("outside", "allow")) => free_outside = true,
                Some(("wait", seconds)) => {
                    let seconds = seconds.parse().ok().filter(|seconds| (1..=86_400).contains(seconds));
                    wait = Duration::from_secs(seconds.ok_or(Mistake::Option(option.clone()))?);
                }
                _ => return Err(Mistake::Option(option)),
            }
        }
        let session = env.text("COUNTERSIGN_SESSION").map(str::to_owned);
        let socket = socket.or_else(|| env.text("COUNTERSIGN_SOCKET").map(PathBuf::from));
        Ok(Self {
            gateway: Some(Gateway { key: key.ok_or(Mistake::Key)?, wait, session: session.zip(socket) }),
            user: User {
                uid: user.number("uid").ok_or(Mistake::User)?,
                gid: user.number("gid").ok_or(Mistake::User)?,
                pid: user.number("pid").ok_or(Mistake::User)?,
                ppid: user.number("ppid").unwrap_or_default(),
                tty: user.value("tty").unwrap_or_default().to_vec(),
                cwd: user.value("cwd").unwrap_or_default().to_vec(),
            },
            free_outside,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "key=bnoc3Smwt4/ROvTFWY/v9O8qlxZuPKby5Pv8zYBQW/E=";

    fn read(options: &[&str], env: &[&str]) -> Result<Opened, Mistake> {
        Opened::read(&Words::new(&["uid=5", "gid=6", "pid=7", "ppid=8"]), &Words::new(env), &Words::new(options))
    }

    #[test]
    fn without_a_key_or_with_a_misspelt_option_nothing_opens() {
        assert_eq!(read(&[], &[]).map(drop), Err(Mistake::Key));
        assert_eq!(read(&["key=AAAA"], &[]).map(drop), Err(Mistake::Key));
        for option in ["kye=x", "outside=yes", "wait=0", "wait=x", "key"] {
            assert!(matches!(read(&[option], &[]), Err(Mistake::Option(_))), "{option}");
        }
    }

    #[test]
    fn the_file_may_fix_the_socket_and_the_environment_only_names_a_session() {
        let opened = read(&[KEY], &["COUNTERSIGN_SESSION=s", "COUNTERSIGN_SOCKET=/mine"]).unwrap();
        assert_eq!(opened.gateway.unwrap().session, Some(("s".into(), "/mine".into())));
        let opened = read(&[KEY, "socket=/fixed"], &["COUNTERSIGN_SESSION=s", "COUNTERSIGN_SOCKET=/mine"]).unwrap();
        assert_eq!(opened.gateway.unwrap().session, Some(("s".into(), "/fixed".into())));
        let opened = read(&[KEY], &["COUNTERSIGN_SOCKET=/mine"]).unwrap();
        assert_eq!(opened.gateway.unwrap().session, None);
        assert!(!opened.free_outside);
    }
}
