//! From a call that waits to a question, with what must be found when the program has been loaded.

use crate::proc::{Identity, Person, Thread, Unread, laid_down};
use crate::program::{Folder, Named, Not, Program};
use crate::sys::Notice;
use crate::wire::{Doubts, Fingerprint, Nonce, Origin, PATH_MOST, Question, WORDS_BYTES, matters};

/// `AT_EXECVE_CHECK` (Linux 6.14): asks whether a file could be run, and runs nothing.
const ONLY_CHECK: i32 = 0x1_0000;

/// What must be true of the new program before its first instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    runs: Identity,
    argv: Vec<u8>,
    env: Vec<u8>,
    cwd: Identity,
    person: Person,
    /// Scripts, as their interpreter will open them.
    scripts: Vec<(Vec<u8>, Identity)>,
}

/// What to do about a call.
#[derive(Debug)]
pub(crate) enum Judged {
    /// Ask.
    Ask(Box<Question>, Fingerprint, Box<Expected>),
    /// Let the call fail as the kernel would have it fail.
    Errno(i32),
    /// Let it fail with EPERM, and say why.
    Refuse { pid: u32, program: Vec<u8>, reason: &'static str },
    /// Nothing can run because of it.
    Harmless,
}

/// Where the guard itself is: programs elsewhere have names that mean something else.
#[derive(Debug)]
pub(crate) struct Here {
    root: Identity,
    mounts: Vec<u8>,
    session: String,
}

impl Here {
    pub(crate) fn new(session: &str) -> std::io::Result<Self> {
        let me = Thread::of(rustix::process::getpid().as_raw_pid());
        let root = Identity::of(&me.path("root"))?;
        Ok(Self { root, mounts: me.link("ns/mnt")?, session: session.to_owned() })
    }

    /// Reads everything about a call. Nothing of it is believed before `Expected::check`.
    pub(crate) fn judge(&self, notice: &Notice) -> Judged {
        let thread = Thread::of(notice.tid);
        let [first, second, third, fourth, fifth, _] = notice.args;
        let (at, path, argv, env, flags) = if notice.call == libc::SYS_execve {
            (libc::AT_FDCWD, first, second, third, 0)
        } else {
            (first as i32, second, third, fourth, fifth as i32)
        };
        if flags & ONLY_CHECK != 0 {
            return Judged::Harmless;
        }
        if flags & !(libc::AT_EMPTY_PATH | libc::AT_SYMLINK_NOFOLLOW) != 0 {
            return Judged::Errno(libc::EINVAL);
        }
        let mut named = Vec::new();
        let pid = notice.tid as u32;
        let refuse = |program: &[u8], reason| Judged::Refuse { pid, program: program.to_vec(), reason };
        let read = thread.memory().and_then(|memory| {
            named = memory.path(path)?;
            Ok((memory.strings(argv)?, memory.strings(env)?))
        });
        let (argv, env) = match read {
            Ok(read) => read,
            Err(Unread::Fault) => return Judged::Errno(libc::EFAULT),
            Err(Unread::TooLong) => return Judged::Errno(libc::E2BIG),
            Err(Unread::Closed) => return refuse(&named, "the guard cannot read the arguments"),
        };
        let Some(person) = thread.person() else { return refuse(&named, "the process cannot be looked at") };
        if !self.is_here(&thread) {
            return refuse(&named, "it is under another root or in other mounts than the guard");
        }
        // Held by one descriptor: another thread may move the process between two looks.
        let Ok(Folder { file: base, path: cwd, is: cwd_is }) = Folder::of(&thread.path("cwd")) else {
            return refuse(&named, "its working directory cannot be read");
        };
        let folder = thread.path("");
        match (Named { folder: &folder, base: &base, at, path: &named, flags }).find(&argv) {
            Ok(program) => {
                let terminal = thread.terminal();
                self.ask(program, Call { argv, env, cwd, cwd_is, person, terminal })
            }
            Err(Not::Errno(errno)) => Judged::Errno(errno),
            Err(Not::Refused(reason)) => refuse(&named, reason),
        }
    }

    fn is_here(&self, thread: &Thread) -> bool {
        let root = Identity::of(&thread.path("root")).is_ok_and(|root| root.same_place(self.root));
        root && thread.link("ns/mnt").is_ok_and(|mounts| mounts == self.mounts)
    }

    fn ask(&self, program: Program, call: Call) -> Judged {
        let Call { argv, env, cwd, cwd_is, person, terminal } = call;
        let expected = Expected {
            runs: program.runs,
            argv: laid_down(&program.argv),
            env: laid_down(&env),
            cwd: cwd_is,
            person,
            scripts: program.scripts,
        };
        let Ok(nonce) = Nonce::fresh() else {
            return Judged::Refuse { pid: person.process, program: program.path, reason: "there is no randomness" };
        };
        let question = Question {
            nonce,
            origin: Origin::Guard,
            session: self.session.clone(),
            pid: person.process,
            ppid: person.parent,
            by: person.uid,
            uid: person.uid,
            gid: person.gid,
            program: program.path,
            interpreter: program.interpreter,
            doubts: Doubts { writable: program.writable, nameless: program.nameless },
            argv,
            cwd,
            tty: terminal,
            env: env.iter().filter(|entry| matters(entry)).cloned().collect(),
            env_hash: Question::hash_env(&env),
        };
        if !question.fits() {
            return Judged::Errno(libc::E2BIG);
        }
        let fingerprint = question.fingerprint();
        Judged::Ask(Box::new(question), fingerprint, Box::new(expected))
    }
}

/// What a caller gave and is.
struct Call {
    argv: Vec<Vec<u8>>,
    env: Vec<Vec<u8>>,
    cwd: Vec<u8>,
    cwd_is: Identity,
    person: Person,
    terminal: Vec<u8>,
}

impl Expected {
    /// Compares a stopped program, none of whose instructions ran yet, with what was judged. Its memory is new and its own,
    /// and its other threads are gone: what is read here is what it will find.
    pub(crate) fn check(&self, pid: i32) -> bool {
        let thread = Thread::of(pid);
        let person =
            thread.person().is_some_and(|person| Person { parent: self.person.parent, ..person } == self.person);
        person
            && Identity::of(&thread.path("exe")).is_ok_and(|exe| exe == self.runs)
            && thread.bytes("cmdline", WORDS_BYTES + 4 * PATH_MOST).is_ok_and(|argv| argv == self.argv)
            && thread.bytes("environ", WORDS_BYTES).is_ok_and(|env| env == self.env)
            && Folder::of(&thread.path("cwd"))
                .is_ok_and(|cwd| cwd.is.same_place(self.cwd) && self.reads(&thread, &cwd))
    }

    /// Its scripts are still the files that were judged. What is in them later nobody can promise.
    fn reads(&self, thread: &Thread, cwd: &Folder) -> bool {
        let folder = thread.path("");
        self.scripts.iter().all(|(name, is)| {
            let named = Named { folder: &folder, base: &cwd.file, at: libc::AT_FDCWD, path: name, flags: 0 };
            named.identity() == Ok(*is)
        })
    }
}

/// As much of a path as a person should see.
pub(crate) fn shown(path: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(path).chars().flat_map(visible).collect();
    if text.is_empty() { "?".to_owned() } else { text.chars().take(200).collect() }
}

/// A character that acts on a terminal, or hides, becomes its code.
pub fn visible(character: char) -> Vec<char> {
    let hidden = matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    if character.is_control() || hidden { character.escape_unicode().collect() } else { vec![character] }
}
