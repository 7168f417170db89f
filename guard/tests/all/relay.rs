//! The second channel: a session whose gateway sits behind the relay's standard input and output.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use guard::wire::{Doubts, Frame, Nonce, Origin, Question};
use tempfile::TempDir;

use crate::world::{Reply, Rule, Seen, folder, left_out, name, public_key, serve, until};

struct Carried {
    _folder: TempDir,
    relay: Child,
    socket: PathBuf,
    seen: Arc<Mutex<Seen>>,
}

fn carry(rule: Rule) -> Carried {
    let folder = folder(rustix::process::geteuid().as_raw());
    let mut relay = Command::new(env!("CARGO_BIN_EXE_countersign-guard"))
        .arg("--relay")
        .arg(folder.path())
        .args(["--session", "ses-1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (to, mut from) = (relay.stdin.take().unwrap(), BufReader::new(relay.stdout.take().unwrap()));
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    let socket = PathBuf::from(line.trim().strip_prefix("countersign-guard 1 ").unwrap());
    let seen = Arc::new(Mutex::new(Seen::default()));
    let into = Arc::clone(&seen);
    std::thread::spawn(move || serve(from, to, &into, rule));
    Carried { _folder: folder, relay, socket, seen }
}

fn session(socket: &PathBuf, line: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_countersign-guard"))
        .args(["--session", "ses-1", "--key", &public_key(), "--socket"])
        .arg(socket)
        .args(["--", "/bin/bash", "-c", line])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn question(nonce: u8) -> Question {
    Question {
        nonce: Nonce([nonce; 32]),
        origin: Origin::Sudo,
        session: "ses-1".into(),
        pid: 1,
        ppid: 1,
        by: 1,
        uid: 0,
        gid: 0,
        program: b"/usr/bin/reboot".to_vec(),
        interpreter: Vec::new(),
        doubts: Doubts::default(),
        argv: vec![b"reboot".to_vec()],
        cwd: b"/".to_vec(),
        tty: Vec::new(),
        env: Vec::new(),
        env_hash: [0; 32],
    }
}

#[test]
fn a_session_and_a_sudo_are_carried_beside_each_other() {
    if left_out() {
        return;
    }
    let rule = |question: &Question| match name(question).as_str() {
        "id" => Reply::Deny("no"),
        "reboot" if question.nonce == Nonce([1; 32]) => Reply::Deny("later"),
        "reboot" => Reply::Nothing,
        _ => Reply::Go,
    };
    let mut carried = carry(Box::new(rule));
    let mode = std::fs::metadata(carried.socket.parent().unwrap()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let shell = session(&carried.socket, "id; date +on; sleep 2; date +off");
    until("the shell", || carried.seen.lock().unwrap().names().contains(&"sleep".to_owned()).then_some(()));

    let mut sudo = UnixStream::connect(&carried.socket).unwrap();
    sudo.write_all(&Frame::Question(Box::new(question(1))).encode()).unwrap();
    let mut answer = vec![0; 4_096];
    let length = sudo.read(&mut answer).unwrap();
    let Ok(Some((Frame::Answer(answer), _))) = Frame::decode(&answer[..length]) else { panic!("an answer") };
    assert_eq!(answer.nonce(), Nonce([1; 32]));

    // One that hangs up takes back what it asked, and nothing else.
    sudo.write_all(&Frame::Question(Box::new(question(2))).encode()).unwrap();
    until("the question", || {
        carried.seen.lock().unwrap().asked.iter().any(|asked| asked.nonce == Nonce([2; 32])).then_some(())
    });
    drop(sudo);
    until("the withdrawal", || carried.seen.lock().unwrap().withdrawn.contains(&Nonce([2; 32])).then_some(()));

    let out = shell.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout), "on\noff\n");
    assert!(carried.relay.wait().unwrap().success(), "the relay ends with the session");
    assert!(!carried.socket.exists() && !carried.socket.parent().unwrap().exists());
}

#[test]
fn rubbish_from_somebody_else_does_not_disturb_the_session() {
    if left_out() {
        return;
    }
    let mut carried = carry(Box::new(|_| Reply::Go));
    let shell = session(&carried.socket, "sleep 0.5; date +on");
    until("the shell", || carried.seen.lock().unwrap().names().contains(&"sleep".to_owned()).then_some(()));
    let mut other = UnixStream::connect(&carried.socket).unwrap();
    other.write_all(&[0xff; 64]).unwrap();
    let asked = carried.seen.lock().unwrap().asked[1].clone();
    let mut third = UnixStream::connect(&carried.socket).unwrap();
    // An answer on the session's own side is no answer, and taking back another's question does not lose its answer.
    third.write_all(&Frame::Withdrawn(asked.nonce).encode()).unwrap();
    let out = shell.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout), "on\n");
    assert!(carried.seen.lock().unwrap().withdrawn.is_empty());
    assert!(carried.relay.wait().unwrap().success());
}

#[test]
fn a_killed_relay_ends_the_session() {
    if left_out() {
        return;
    }
    let mut carried = carry(Box::new(|_| Reply::Go));
    let shell = session(&carried.socket, "sleep 1000; date +never");
    until("the shell", || carried.seen.lock().unwrap().names().contains(&"sleep".to_owned()).then_some(()));
    carried.relay.kill().unwrap();
    let out = shell.wait_with_output().unwrap();
    assert_eq!((out.status.code(), out.stdout.as_slice()), (Some(124), b"".as_slice()));
    carried.relay.wait().unwrap();
}
