//! A gateway for tests: a socket, a rule for questions, and what was asked.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine;
use ed25519_dalek::SigningKey;
use guard::wire::{Answer, Frame, Nonce, Outcome, Question, Verdict};
use tempfile::TempDir;

pub const NOBODY: u32 = 65_534;

/// What the gateway does about a question.
pub enum Reply {
    Go,
    Deny(&'static str),
    /// Says that it is held, waits, and then lets it go.
    HoldThenGo(Duration),
    /// Never anything.
    Nothing,
    /// As if allowed, but with another key.
    Forged,
    /// Bytes that are no frame.
    Rubbish,
    /// Ends the session.
    End,
    /// Closes the stream.
    Close,
}

pub type Rule = Box<dyn FnMut(&Question) -> Reply + Send>;

#[derive(Default)]
pub struct Seen {
    pub asked: Vec<Question>,
    pub followed: Vec<(Nonce, Outcome)>,
    pub withdrawn: Vec<Nonce>,
    pub refused: Vec<String>,
    pub ended: Option<u32>,
}

impl Seen {
    /// The programs that were asked about, by the last part of their path.
    pub fn names(&self) -> Vec<String> {
        self.asked.iter().map(name).collect()
    }

    pub fn outcomes(&self) -> HashMap<&'static str, usize> {
        let mut count = HashMap::new();
        for (_, outcome) in &self.followed {
            *count.entry(word(*outcome)).or_default() += 1;
        }
        count
    }
}

pub fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Started => "started",
        Outcome::Failed => "failed",
        Outcome::Altered => "altered",
        Outcome::Gone => "gone",
    }
}

pub fn name(question: &Question) -> String {
    let path = String::from_utf8_lossy(&question.program).into_owned();
    path.rsplit('/').next().unwrap().to_owned()
}

pub fn key() -> SigningKey {
    SigningKey::from_bytes(&[11; 32])
}

pub fn public_key() -> String {
    base64::engine::general_purpose::STANDARD.encode(key().verifying_key().to_bytes())
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// True, with a word about it, where the kernel cannot do what is tested.
pub fn left_out() -> bool {
    let known = fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
    if known.contains("user_notif") {
        return false;
    }
    eprintln!("LEFT OUT: this kernel has no seccomp user notification, so no session can be guarded on it");
    true
}

/// A folder that the session's user owns, and the programs of the tests in it.
pub fn folder(uid: u32) -> TempDir {
    let folder = tempfile::Builder::new().prefix("guarded").tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    if is_root() {
        std::os::unix::fs::chown(folder.path(), Some(uid), Some(uid)).unwrap();
    }
    folder
}

/// The guard, where the session's user can start it: the folder that it was built in may be closed to others.
fn guard(folder: &TempDir) -> PathBuf {
    let (built, here) = (env!("CARGO_BIN_EXE_countersign-guard"), folder.path().join("countersign-guard"));
    fs::hard_link(built, &here).or_else(|_| fs::copy(built, &here).map(drop)).unwrap();
    here
}

pub fn compile(folder: &Path, program: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/programs/{program}.c"));
    let out = folder.join(program);
    let compiler = Command::new("cc").args(["-O1", "-pthread", "-o"]).arg(&out).arg(source).output().unwrap();
    assert!(compiler.status.success(), "{}", String::from_utf8_lossy(&compiler.stderr));
    out
}

/// A session under the guard.
pub struct World {
    pub folder: TempDir,
    pub child: Child,
    pub seen: Arc<Mutex<Seen>>,
    gateway: JoinHandle<()>,
}

pub struct Ended {
    pub status: i32,
    pub out: String,
    pub err: String,
    pub seen: Seen,
}

/// Whose session, and how it is started.
pub struct Way<'a> {
    pub uid: u32,
    pub folder: TempDir,
    pub argv: &'a [&'a str],
    pub silence: u32,
}

pub fn bash(line: &str) -> [&str; 3] {
    ["/bin/bash", "-c", line]
}

impl World {
    /// As whoever runs the tests.
    pub fn start(argv: &[&str], rule: Rule) -> Self {
        let uid = rustix::process::geteuid().as_raw();
        Self::start_as(Way { uid, folder: folder(uid), argv, silence: 15 }, rule)
    }

    pub fn start_as(way: Way<'_>, rule: Rule) -> Self {
        Self::start_with(way, rule, |guard| guard)
    }

    fn start_with(way: Way<'_>, rule: Rule, wrap: impl FnOnce(Command) -> Command) -> Self {
        let Way { uid, folder, argv, silence } = way;
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let into = Arc::clone(&seen);
        let gateway = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            serve(stream.try_clone().unwrap(), stream, &into, rule);
        });
        let mut command = Command::new(guard(&folder));
        command.args(["--session", "ses-1", "--key", &public_key(), "--silence", &silence.to_string()]);
        command.arg("--socket").arg(&path).arg("--").args(argv);
        let mut command = wrap(command);
        command.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if is_root() && uid != 0 {
            command.uid(uid).gid(uid);
        }
        let child = command.spawn().unwrap();
        Self { folder, child, seen, gateway }
    }

    /// The guard, below the watch.
    pub fn guard(&self) -> u32 {
        until("the guard", || children(self.child.id()).first().copied())
    }

    /// On a terminal of its own, by way of `script`; its input is what is typed.
    pub fn on_terminal(folder: TempDir, argv: &[&str], rule: Rule) -> Self {
        let uid = rustix::process::geteuid().as_raw();
        Self::start_with(Way { uid, folder, argv, silence: 15 }, rule, |guard| {
            let words: Vec<String> = std::iter::once(guard.get_program())
                .chain(guard.get_args())
                .map(|word| format!("'{}'", word.to_str().unwrap()))
                .collect();
            let mut script = Command::new("script");
            script.args(["-qec", &words.join(" "), "/dev/null"]);
            script
        })
    }

    pub fn end(self) -> Ended {
        let Output { status, stdout, stderr } = self.child.wait_with_output().unwrap();
        self.gateway.join().unwrap();
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ended { status: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr), seen }
    }
}

pub fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

pub fn alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// Waits for something, at most ten seconds.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..2_000 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{what} did not come within ten seconds");
}

/// The gateway's side of a stream, until it ends.
pub fn serve(mut from: impl Read, to: impl Write + Send + 'static, seen: &Mutex<Seen>, mut rule: Rule) {
    let to = Arc::new(Mutex::new(to));
    let say = |bytes: &[u8]| drop(to.lock().unwrap().write_all(bytes));
    let (mut bytes, mut piece) = (Vec::new(), vec![0; 65_536]);
    let mut later = Vec::new();
    'stream: while let Ok(count @ 1..) = from.read(&mut piece) {
        bytes.extend_from_slice(&piece[..count]);
        while let Some((frame, length)) = Frame::decode(&bytes).unwrap() {
            bytes.drain(..length);
            match frame {
                Frame::Question(question) => {
                    let reply = rule(&question);
                    let asked = (question.nonce, question.fingerprint());
                    seen.lock().unwrap().asked.push(*question);
                    let sign = |verdict, text: &str| {
                        Frame::Answer(Answer::sign(&key(), "ses-1", asked, verdict, text)).encode()
                    };
                    match reply {
                        Reply::Go => say(&sign(Verdict::Go, "")),
                        Reply::Deny(why) => say(&sign(Verdict::Deny, why)),
                        Reply::Nothing => {}
                        Reply::HoldThenGo(wait) => {
                            say(&sign(Verdict::Hold, "held until somebody agrees"));
                            let (go, to) = (sign(Verdict::Go, ""), Arc::clone(&to));
                            later.push(std::thread::spawn(move || {
                                std::thread::sleep(wait);
                                drop(to.lock().unwrap().write_all(&go));
                            }));
                        }
                        Reply::Forged => {
                            let other = SigningKey::from_bytes(&[12; 32]);
                            say(&Frame::Answer(Answer::sign(&other, "ses-1", asked, Verdict::Go, "")).encode());
                        }
                        Reply::Rubbish => say(&[0, 0, 0, 2, 0xee, 0xee]),
                        Reply::End => say(&Frame::End("access ended".into()).encode()),
                        Reply::Close => break 'stream,
                    }
                }
                Frame::Ping(number) => say(&Frame::Pong(number).encode()),
                Frame::Followed(nonce, outcome) => seen.lock().unwrap().followed.push((nonce, outcome)),
                Frame::Withdrawn(nonce) => seen.lock().unwrap().withdrawn.push(nonce),
                Frame::Refused { reason, .. } => seen.lock().unwrap().refused.push(reason),
                Frame::Ended(status) => seen.lock().unwrap().ended = Some(status),
                Frame::Hello { version, session, .. } => assert_eq!((version, &*session), (1, "ses-1")),
                Frame::Pong(_) | Frame::Answer(_) | Frame::End(_) => panic!("{frame:?} from a guard"),
            }
        }
    }
    for thread in later {
        thread.join().unwrap();
    }
}
