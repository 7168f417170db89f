//! sudo with a configuration of the test's own, and a gateway that says what the test wants.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use ed25519_dalek::SigningKey;
use guard::wire::{Answer, Fingerprint, Frame, Nonce, Question, Verdict};
use tempfile::TempDir;

pub const NOBODY: u32 = 65_534;

pub enum Say {
    Answer(Verdict, &'static str),
    HoldThen(Duration, Verdict),
    Forged,
    ForgedHold,
    OtherSession,
    OtherCommand,
    GuardsWord,
    Rubbish,
    Bytes(Vec<u8>),
    Close,
    Nothing,
    /// Sends an interrupt to the sudo that asks.
    InterruptIt,
}

/// What is said to the question of this number.
pub type Rule = Box<Says>;
type Says = dyn Fn(&Question, usize) -> Say + Send + Sync;

#[derive(Default)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
    pub asked: Vec<Question>,
    pub answers: Vec<Vec<u8>>,
    pub withdrawn: Vec<Nonce>,
    pub peers: Vec<u32>,
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[21; 32])
}

/// True, with a word about it, where this cannot be tried.
pub fn left_out() -> bool {
    if !rustix::process::geteuid().is_root() {
        eprintln!("LEFT OUT: giving sudo a configuration of its own takes root");
        return true;
    }
    let there = Command::new("sudo").arg("--version").output();
    let known = there.is_ok_and(|told| String::from_utf8_lossy(&told.stdout).starts_with("Sudo version 1.9"));
    if !known {
        eprintln!("LEFT OUT: sudo 1.9 is not installed");
    }
    !known
}

/// The plugin as cargo has just built it.
fn plugin() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let path = here.parent().unwrap().join("libcountersign_sudo.so");
    assert!(path.exists(), "{} is not built", path.display());
    path
}

pub struct World {
    folder: TempDir,
}

impl World {
    pub fn new(options: &str) -> Self {
        Self::start(options, "Defaults !use_pty")
    }

    pub fn with_intercept() -> Self {
        Self::start("", "Defaults intercept, intercept_verify, intercept_type=trace, !use_pty")
    }

    fn start(options: &str, defaults: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("sudo").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let own = folder.path().join("countersign_sudo.so");
        fs::copy(plugin(), &own).unwrap();
        fs::set_permissions(&own, fs::Permissions::from_mode(0o644)).unwrap();
        let key = base64::engine::general_purpose::STANDARD.encode(key().verifying_key().to_bytes());
        let key = if options.starts_with("key=") { String::new() } else { format!("key={key}") };
        let conf = format!(
            "Plugin sudoers_policy sudoers.so\nPlugin sudoers_io sudoers.so\nPlugin countersign_approval {} {key} {options}\n",
            own.display()
        );
        let sudoers = format!("Defaults !lecture, !fqdn, env_reset\n{defaults}\n#{NOBODY} ALL=(ALL) NOPASSWD: ALL\n");
        fs::write(folder.path().join("sudo.conf"), conf).unwrap();
        fs::write(folder.path().join("sudoers"), sudoers).unwrap();
        fs::set_permissions(folder.path().join("sudoers"), fs::Permissions::from_mode(0o440)).unwrap();
        let world = Self { folder };
        // Bound once, so that a test may change who reaches it.
        drop(UnixListener::bind(world.socket()).unwrap());
        fs::set_permissions(world.socket(), fs::Permissions::from_mode(0o666)).unwrap();
        world
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    pub fn sudo(&self, args: &[&str], rule: Rule) -> Ran {
        self.sudo_typing(args, "", rule)
    }

    pub fn sudo_typing(&self, args: &[&str], typed: &str, rule: Rule) -> Ran {
        let socket = format!("COUNTERSIGN_SOCKET={}", self.socket().display());
        self.run(args, &["COUNTERSIGN_SESSION=ses-1", &socket], typed, rule)
    }

    pub fn sudo_with(&self, args: &[&str], env: &[&str], rule: Rule) -> Ran {
        self.run(args, env, "", rule)
    }

    fn run(&self, args: &[&str], env: &[&str], typed: &str, rule: Rule) -> Ran {
        let mode = fs::metadata(self.socket()).unwrap().permissions();
        fs::remove_file(self.socket()).unwrap();
        let listener = UnixListener::bind(self.socket()).unwrap();
        fs::set_permissions(self.socket(), mode).unwrap();
        let seen = Arc::new(Mutex::new(Ran::default()));
        let into = Arc::clone(&seen);
        let rule: Arc<Says> = Arc::from(rule);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (rule, into) = (Arc::clone(&rule), Arc::clone(&into));
                std::thread::spawn(move || serve(stream.unwrap(), &rule, &into));
            }
        });
        // A mount namespace of its own: the machine's sudo.conf and sudoers stay as they are for everybody else.
        let script = "touch /etc/sudo.conf /etc/sudoers && mount --bind sudo.conf /etc/sudo.conf && \
                      mount --bind sudoers /etc/sudoers && \
                      exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "/bin/sh", "-c", script, "sh", "env", "-i"]);
        command.args(["PATH=/usr/bin:/bin:/usr/sbin:/sbin", "SHELL=/bin/bash"]).args(env).arg("sudo").args(args);
        command.current_dir(self.folder()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let _may_not_read = input.write_all(typed.as_bytes());
        drop(input);
        let out = child.wait_with_output().unwrap();
        // What was withdrawn arrives with the end of the connection, at the latest.
        std::thread::sleep(Duration::from_millis(50));
        let mut ran = std::mem::take(&mut *seen.lock().unwrap());
        ran.code = out.status.code().unwrap_or(-1);
        ran.out = String::from_utf8_lossy(&out.stdout).into_owned();
        ran.err = String::from_utf8_lossy(&out.stderr).into_owned();
        ran
    }
}

fn serve(mut stream: UnixStream, rule: &Arc<Says>, seen: &Mutex<Ran>) {
    let peer = rustix::net::sockopt::socket_peercred(&stream).unwrap();
    seen.lock().unwrap().peers.push(peer.uid.as_raw());
    let (mut bytes, mut piece) = (Vec::new(), vec![0; 65_536]);
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        bytes.extend_from_slice(&piece[..count]);
        while let Some((frame, length)) = Frame::decode(&bytes).unwrap() {
            bytes.drain(..length);
            match frame {
                Frame::Question(question) => {
                    let number = seen.lock().unwrap().asked.len();
                    let say = rule(&question, number);
                    seen.lock().unwrap().asked.push((*question).clone());
                    if !answer(&mut stream, &question, say, seen) {
                        return;
                    }
                }
                Frame::Withdrawn(nonce) => seen.lock().unwrap().withdrawn.push(nonce),
                Frame::Hello { .. }
                | Frame::Followed(..)
                | Frame::Refused { .. }
                | Frame::Ended(_)
                | Frame::Ping(_)
                | Frame::Pong(_)
                | Frame::Answer(_)
                | Frame::End(_) => panic!("{frame:?} from a plugin"),
            }
        }
    }
}

/// False: the connection is closed.
fn answer(stream: &mut UnixStream, question: &Question, say: Say, seen: &Mutex<Ran>) -> bool {
    let asked = (question.nonce, question.fingerprint());
    let by = |key: &SigningKey, session: &str, verdict, words: &str| {
        Frame::Answer(Answer::sign(key, session, asked, verdict, words)).encode()
    };
    let other = SigningKey::from_bytes(&[22; 32]);
    let bytes = match say {
        Say::Answer(verdict, words) => by(&key(), "ses-1", verdict, words),
        Say::HoldThen(wait, verdict) => {
            stream.write_all(&by(&key(), "ses-1", Verdict::Hold, "held for grace")).unwrap();
            std::thread::sleep(wait);
            by(&key(), "ses-1", verdict, "")
        }
        Say::Forged => by(&other, "ses-1", Verdict::Go, ""),
        Say::ForgedHold => by(&other, "ses-1", Verdict::Hold, "please type your password"),
        Say::OtherSession => by(&key(), "ses-2", Verdict::Go, ""),
        Say::OtherCommand => {
            let asked = (question.nonce, Fingerprint([0; 32]));
            Frame::Answer(Answer::sign(&key(), "ses-1", asked, Verdict::Go, "")).encode()
        }
        Say::GuardsWord => Frame::Ping(1).encode(),
        Say::Rubbish => vec![0xff; 64],
        Say::Bytes(bytes) => bytes,
        Say::Close => return false,
        Say::Nothing => return true,
        Say::InterruptIt => {
            let pid = rustix::process::Pid::from_raw(question.pid as i32).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
            return true;
        }
    };
    seen.lock().unwrap().answers.push(bytes.clone());
    stream.write_all(&bytes).is_ok()
}
