//! Clients that others have written: paramiko, asyncssh and ansible, and what an editor at a distance does with `ssh`.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use workflows::clock::Span;
use workflows::target::Access;

use super::apart::{Script, held, settings};
use super::certificates::countersign;
use super::{Host, said, until};
use crate::drivers::python;
use crate::world::PATIENCE;

/// The rule of the tests' policy that holds, and one that holds nothing that is used here.
const RULE: &str = "when = 'op.program == \"rm\" || op.opaque'";
const NOTHING: &str = "when = 'op.program == \"shred\"'";

const RULES: &str = "[[rule]]\nname = \"bulk write\"";
const ADMIN: &str = r#"
[[access]]
name = "hosts"
who = "group:orders"
targets = { name = "web-1" }
levels = ["admin"]
at_most = "4h"
approval = { from = "group:dba", people = 1, within = "15m" }

"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_with_paramiko_sees_what_a_host_would_say() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    host.victim();
    let Some(mut script) = Script::start("paramiko", "with_paramiko.py", &[], &settings(&host).await).await else {
        return;
    };
    for wait in ["holding a command", "holding a shell"] {
        script.says(wait).await;
        let request = held(&host, 1).await.remove(0);
        host.world.approve("linus", request.id).await;
    }
    script.says("done").await;
    script.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_with_asyncssh_does_many_things_at_once() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    host.victim();
    let (_, told, code) = countersign(&host, &["connect", "web-1", "--certificate"]).await;
    assert_eq!(code, Some(0), "{told}");
    let Some(mut script) = Script::start("asyncssh", "with_asyncssh.py", &[], &settings(&host).await).await else {
        return;
    };
    script.says("holding a command").await;
    let request = held(&host, 1).await.remove(0);
    script.says("the others are through").await;
    host.world.approve("linus", request.id).await;
    script.says("holding a shell").await;
    host.world.approve("linus", held(&host, 1).await.remove(0).id).await;
    script.says("done").await;
    script.ends().await;
}

const PLAY: &str = r#"
- hosts: web-1
  gather_facts: true
  tasks:
    - ansible.builtin.ping:
    - ansible.builtin.copy: { src: "@HERE@/big", dest: "@PLACE@/copied", mode: "0644" }
    - ansible.builtin.command: sha256sum @PLACE@/copied
      register: sum
    - ansible.builtin.shell: echo $((6*7)) | tr 4 5
      register: shell
    - ansible.builtin.fetch: { src: "@PLACE@/copied", dest: "@HERE@/fetched", flat: true }
    - ansible.builtin.file: { path: "@PLACE@/copied", state: absent }
    - ansible.builtin.debug: { msg: "sum {{ sum.stdout[:64] }} shell {{ shell.stdout }} on {{ ansible_facts['system'] }}" }
"#;

/// A program of ansible's, with the file that `countersign connect` wrote for clients of SSH.
fn ansible(host: &Host, python: &Path, name: &str) -> Command {
    let (here, there) = (host.world.folder.path(), host.place());
    let inventory = format!(
        "web-1 ansible_ssh_common_args=\"-F {}\" ansible_python_interpreter=/usr/bin/python3 ansible_remote_tmp={}/tmp\n",
        here.join("ssh/web-1.conf").display(),
        there.display()
    );
    std::fs::write(here.join("inventory"), inventory).expect("a file");
    let mut command = Command::new(python.with_file_name(name));
    command.arg("-i").arg(here.join("inventory")).env("ANSIBLE_HOME", here.join("ansible")).env("HOME", here);
    command
        .env("ANSIBLE_SSH_CONTROL_PATH_DIR", here.join("cp"))
        .env("ANSIBLE_NOCOLOR", "1")
        .env_remove("SSH_AUTH_SOCK");
    command.env("LC_ALL", "C.UTF-8").current_dir(here).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ansible_plays_a_book_with_and_without_pipelining() {
    let Some(python) = python("ansible").await else { return };
    // It sets modes, which is for the highest level.
    let host = Host::edited(&[
        (RULE, NOTHING),
        (
            "login.write = ",
            "login.admin = { user = \"@USER@\", key = \"file:@LOGIN@\", shell = \"/bin/bash\" }\nlogin.write = ",
        ),
        (RULES, &format!("{ADMIN}{RULES}")),
    ])
    .await;
    host.grant_at(Access::Admin, Span::hours(1)).await;
    let (_, told, code) = countersign(&host, &["connect", "web-1", "--certificate"]).await;
    assert_eq!(code, Some(0), "{told}");
    let (here, there) = (host.world.folder.path(), host.place());
    std::fs::write(here.join("big"), vec![b'7'; 1_000_000]).expect("a file");
    let play = PLAY.replace("@HERE@", &here.display().to_string()).replace("@PLACE@", &there.display().to_string());
    std::fs::write(here.join("play.yml"), play).expect("a file");
    for (pipelining, shared) in [("0", "no"), ("1", "auto")] {
        let mut command = ansible(&host, &python, "ansible-playbook");
        command.arg("play.yml").env("ANSIBLE_PIPELINING", pipelining);
        command.env("ANSIBLE_SSH_ARGS", format!("-o ControlMaster={shared} -o ControlPersist=5s"));
        let output = tokio::time::timeout(PATIENCE * 6, command.output()).await.expect("in time").expect("ran");
        let (out, told, code) = said(output);
        assert_eq!(code, Some(0), "pipelining {pipelining}: {out} {told}");
        // The hash of a million sevens; and 42, made 52.
        assert!(out.contains("sum 440d3d2923a64b50") && out.contains("shell 52 on Linux"), "{out} {told}");
        assert!(out.contains("failed=0") && out.contains("unreachable=0"), "{out} {told}");
        let fetched = std::fs::read(here.join("fetched")).expect("a file");
        assert!(fetched == vec![b'7'; 1_000_000] && !there.join("copied").exists());
        std::fs::remove_file(here.join("fetched")).expect("a file");
    }
    let recorded = host.world.recorded();
    assert!(
        recorded.contains("AnsiballZ_command.py") && recorded.contains("sftp open"),
        "what it did is there to be read"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_of_ansibles_waits_for_people_like_any_other() {
    let Some(python) = python("ansible").await else { return };
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let (_, told, code) = countersign(&host, &["connect", "web-1", "--certificate"]).await;
    assert_eq!(code, Some(0), "{told}");
    let victim = host.victim();
    let mut command = ansible(&host, &python, "ansible");
    command.args(["web-1", "-m", "ansible.builtin.raw", "-a", &format!("rm {}", victim.display())]);
    command.env("ANSIBLE_SSH_ARGS", "-o ControlMaster=no");
    let child = command.spawn().expect("ansible");
    let request = held(&host, 1).await.remove(0);
    assert!(victim.exists(), "nothing ran yet");
    host.world.approve("linus", request.id).await;
    let output = tokio::time::timeout(PATIENCE * 2, child.wait_with_output()).await.expect("in time").expect("ran");
    let (out, told, code) = said(output);
    assert_eq!(code, Some(0), "{out} {told}");
    assert!(!victim.exists(), "it ran");
}

/// What VS Code's Remote-SSH does with `ssh`, as far as that can be played without it (it was not run): one long-lived `ssh
/// -T` with a local port that forwards, a shell at its other end that is fed a long script and keeps running, more sessions
/// over the same connection. Its own traffic needs the forwarding, which no rule opens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shell_that_is_fed_a_script_keeps_running_beside_other_sessions() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let port = sandbox::free_port().expect("a port");
    let control = format!("ControlPath={}", host.world.folder.path().join("control").display());
    let forward = format!("127.0.0.1:{port}");
    let options = ["-T", "-D", &forward, "-o", "ControlMaster=yes", "-o", &control];
    let mut child = host.ssh(&options, &["bash"]).await.stdin(Stdio::piped()).spawn().expect("ssh");
    let mut input = child.stdin.take().expect("its input");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    // A shell that reads what to do from its input can't be read, so that the rule holds it, once.
    let request = held(&host, 1).await.remove(0);
    let script: String = (0..2_000).fold("step() { echo \"step $1 $$\"; }\n".to_owned(), |all, number| {
        all + &format!("# {}\nvalue_{number}={number}\n", "a long line of a script ".repeat(4))
    });
    input.write_all(format!("{script}step one\n").as_bytes()).await.expect("written");
    host.world.approve("linus", request.id).await;
    let mut says = async |input: &str, words: &str| {
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("in time").expect("a line");
        let line = line.unwrap_or_default();
        assert!(line.contains(words), "after `{input}`: {line}");
        line
    };
    let first = says("step one", "step one ").await;
    let pid = first.rsplit(' ').next().expect("a number").to_owned();
    // Others come and go on the same connection, and the shell is still the same one with what it knows.
    for number in 0..5 {
        let output = host.ssh(&["-o", &control], &[&format!("uname; echo {number}")]).await.output();
        let (out, told, code) = said(tokio::time::timeout(PATIENCE, output).await.expect("in time").expect("ran"));
        assert_eq!((out, code), (format!("Linux\n{number}\n"), Some(0)), "{told}");
        input.write_all(format!("step \"$value_{number}\"\n").as_bytes()).await.expect("written");
        let line = says("step", &format!("step {number} ")).await;
        assert!(line.ends_with(&pid), "{line}");
    }
    // The forwarded port takes connections, as it is the client's own, and carries none of them.
    let mut socks = TcpStream::connect(&forward).await.expect("it listens");
    let [high, low] = host.sshd.port().to_be_bytes();
    socks.write_all(&[5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, high, low]).await.expect("written");
    let mut answer = Vec::new();
    // Closed in order or not, it is over.
    let _over = tokio::time::timeout(PATIENCE, socks.read_to_end(&mut answer)).await.expect("in time");
    assert!(!answer.windows(4).any(|part| part == b"SSH-"), "{answer:?}");
    input.write_all(b"step last; exit 4\n").await.expect("written");
    says("step last", "step last ").await;
    let ended = tokio::time::timeout(PATIENCE, child.wait()).await.expect("in time").expect("an end");
    assert_eq!(ended.code(), Some(4));
    until("it is recorded", || host.world.recorded().contains("exit 4")).await;
}
