//! What is asked about a program that wants to run, and the hash that stands for all of it.

use sha2::{Digest, Sha256};

use super::bytes::{Reader, Writer};
use super::{Broken, ENV_MOST, Fingerprint, Nonce, PATH_MOST, SESSION_MOST, WORDS_BYTES, WORDS_MOST};

/// Who stopped the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The guard, at an `execve` of the session.
    Guard,
    /// The approval plugin, for what was typed after `sudo`.
    Sudo,
    /// The approval plugin, for a program that a command under `sudo` starts.
    SudoInside,
}

impl Origin {
    const fn code(self) -> u8 {
        match self {
            Self::Guard => 1,
            Self::Sudo => 2,
            Self::SudoInside => 3,
        }
    }

    const fn of(code: u8) -> Result<Self, Broken> {
        match code {
            1 => Ok(Self::Guard),
            2 => Ok(Self::Sudo),
            3 => Ok(Self::SudoInside),
            _ => Err(Broken::Unknown),
        }
    }
}

/// What makes a program's name say less than it seems to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Doubts {
    /// The user may write to the file, or to a folder above it: it can be another program a moment later.
    pub writable: bool,
    /// The file has no name: memory, or deleted.
    pub nameless: bool,
}

/// One program that wants to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Made anew for each question.
    pub nonce: Nonce,
    /// Who asks.
    pub origin: Origin,
    /// The session, as the gateway named it when it started the guard.
    pub session: String,
    /// The process that will be the program.
    pub pid: u32,
    /// Its parent.
    pub ppid: u32,
    /// Who asked for it.
    pub by: u32,
    /// As whom it will run.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// The file, after symbolic links. For a script it is the script.
    pub program: Vec<u8>,
    /// For a script, the program that will read it; else empty.
    pub interpreter: Vec<u8>,
    /// What to doubt about the two.
    pub doubts: Doubts,
    /// The arguments as the caller gave them, all of them, uncut.
    pub argv: Vec<Vec<u8>>,
    /// The working directory.
    pub cwd: Vec<u8>,
    /// The terminal, or empty.
    pub tty: Vec<u8>,
    /// Variables that change what programs do, as `NAME=value`, in their order.
    pub env: Vec<Vec<u8>>,
    /// The hash of the whole environment, `NAME=value` with a zero after each.
    pub env_hash: [u8; 32],
}

impl Question {
    /// The hash over all of it but the nonce.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut body = Writer::default();
        self.write(&mut body);
        let mut hash = Sha256::new();
        hash.update(b"countersign question 1\0");
        hash.update(body.into_body());
        Fingerprint(hash.finalize().into())
    }

    /// The hash of an environment.
    pub fn hash_env<T: AsRef<[u8]>>(env: &[T]) -> [u8; 32] {
        let mut hash = Sha256::new();
        for entry in env {
            hash.update(entry.as_ref());
            hash.update([0]);
        }
        hash.finalize().into()
    }

    /// Whether it fits into a frame. What does not is refused, never cut.
    pub fn fits(&self) -> bool {
        let within = |list: &[Vec<u8>], bytes: usize| {
            list.len() <= WORDS_MOST && list.iter().map(|word| word.len() + 1).sum::<usize>() <= bytes
        };
        let paths = [&self.program, &self.interpreter, &self.cwd, &self.tty];
        within(&self.argv, WORDS_BYTES)
            && within(&self.env, ENV_MOST)
            && paths.iter().all(|path| path.len() <= PATH_MOST)
            && self.session.len() <= SESSION_MOST
    }

    pub(super) fn write(&self, into: &mut Writer) {
        let doubts = u8::from(self.doubts.writable) | u8::from(self.doubts.nameless) << 1;
        into.byte(self.origin.code()).byte(doubts).text(self.session.as_bytes());
        for number in [self.pid, self.ppid, self.by, self.uid, self.gid] {
            into.number(number);
        }
        for path in [&self.program, &self.interpreter, &self.cwd, &self.tty] {
            into.text(path);
        }
        for list in [&self.argv, &self.env] {
            into.number(list.len() as u32);
            for word in list {
                into.text(word);
            }
        }
        into.raw(&self.env_hash);
    }

    pub(super) fn read(nonce: Nonce, from: &mut Reader<'_>) -> Result<Self, Broken> {
        let origin = Origin::of(from.byte()?)?;
        let doubts = match from.byte()? {
            bits @ 0..=3 => Doubts { writable: bits & 1 != 0, nameless: bits & 2 != 0 },
            _ => return Err(Broken::Unknown),
        };
        let session = from.words(SESSION_MOST)?;
        let [pid, ppid, by, uid, gid] =
            [from.number()?, from.number()?, from.number()?, from.number()?, from.number()?];
        let program = from.text(PATH_MOST)?.to_vec();
        let interpreter = from.text(PATH_MOST)?.to_vec();
        let cwd = from.text(PATH_MOST)?.to_vec();
        let tty = from.text(PATH_MOST)?.to_vec();
        let argv = words(from, WORDS_BYTES)?;
        let env = words(from, ENV_MOST)?;
        let env_hash = from.array()?;
        Ok(Self {
            nonce,
            origin,
            session,
            pid,
            ppid,
            by,
            uid,
            gid,
            program,
            interpreter,
            doubts,
            argv,
            cwd,
            tty,
            env,
            env_hash,
        })
    }
}

fn words(from: &mut Reader<'_>, bytes: usize) -> Result<Vec<Vec<u8>>, Broken> {
    let count = from.count(WORDS_MOST, 4)?;
    let mut left = bytes;
    let mut list = Vec::with_capacity(count);
    for _ in 0..count {
        let word = from.text(left)?;
        left = left.checked_sub(word.len() + 1).ok_or(Broken::TooLong)?;
        list.push(word.to_vec());
    }
    Ok(list)
}

/// Whether the judge should see this variable: it makes a program load code, run another one or look elsewhere.
pub fn matters(entry: &[u8]) -> bool {
    const PREFIXES: [&[u8]; 6] = [b"LD_", b"BASH_FUNC_", b"GIT_CONFIG_", b"PYTHON", b"PERL", b"RUBY"];
    const NAMES: [&[u8]; 38] = [
        b"PATH",
        b"HOME",
        b"IFS",
        b"ENV",
        b"BASH_ENV",
        b"SHELLOPTS",
        b"BASHOPTS",
        b"PS4",
        b"PROMPT_COMMAND",
        b"GLOBIGNORE",
        b"CDPATH",
        b"ZDOTDIR",
        b"SHELL",
        b"GLIBC_TUNABLES",
        b"GCONV_PATH",
        b"LOCPATH",
        b"MALLOC_CHECK_",
        b"NODE_OPTIONS",
        b"NODE_PATH",
        b"JAVA_TOOL_OPTIONS",
        b"_JAVA_OPTIONS",
        b"CLASSPATH",
        b"GIT_SSH",
        b"GIT_SSH_COMMAND",
        b"GIT_PAGER",
        b"GIT_EDITOR",
        b"GIT_EXTERNAL_DIFF",
        b"GIT_ASKPASS",
        b"GIT_EXEC_PATH",
        b"SSH_ASKPASS",
        b"PAGER",
        b"MANPAGER",
        b"EDITOR",
        b"VISUAL",
        b"LESSOPEN",
        b"LESSCLOSE",
        b"RSYNC_RSH",
        b"TAR_OPTIONS",
    ];
    let name = entry.split(|byte| *byte == b'=').next().unwrap_or(entry);
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}
