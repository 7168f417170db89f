//! Other ways through the gateway: a jump to a target, and ports that lead through one.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use workflows::clock::Span;
use workflows::engine::Filter;
use workflows::request::What;

use super::{Host, program, said};
use crate::world::PATIENCE;

/// OpenSSH's configuration for a jump through the gateway as ada, whose token is given where it is asked for.
async fn jumping(host: &Host) -> std::path::PathBuf {
    let folder = host.world.folder.path();
    let token = host.world.token("ada").await;
    program(&folder.join("askpass"), &format!("echo {}", token.reveal()));
    let port = host.world.ready.ssh.expect("SSH is served").port();
    let (config, known) = (folder.join("jump.conf"), folder.join("known"));
    let authority = std::fs::read_to_string(folder.join("authority")).unwrap_or_default();
    std::fs::write(&known, authority).expect("a file");
    let text = format!(
        "Host *\n UserKnownHostsFile {known}\n GlobalKnownHostsFile none\n StrictHostKeyChecking yes\n LogLevel ERROR\n \
         NumberOfPasswordPrompts 1\nHost gate\n HostName 127.0.0.1\n Port {port}\n User ada\n HostKeyAlias countersign\n",
        known = known.display()
    );
    std::fs::write(&config, text).expect("a file");
    config
}

/// Lets clients know the gateway's authority for these names, as a line in `known_hosts` does.
fn trust(host: &Host) {
    let folder = host.world.folder.path();
    let authority = gateway::ssh::Certifier::open(&folder.join("keys/ssh")).expect("an authority");
    let line = authority.known_hosts().expect("a line").replacen("countersign", "countersign,web-1,web-2", 1);
    std::fs::write(folder.join("authority"), format!("{line}\n")).expect("a file");
}

fn client(host: &Host, config: &Path) -> Command {
    let mut ssh = Command::new("ssh");
    ssh.arg("-F").arg(config).env_remove("SSH_AUTH_SOCK").kill_on_drop(true);
    ssh.env("SSH_ASKPASS", host.world.folder.path().join("askpass")).env("SSH_ASKPASS_REQUIRE", "force");
    ssh.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    ssh
}

async fn ended(mut ssh: Command) -> (String, String, Option<i32>) {
    said(tokio::time::timeout(PATIENCE, ssh.output()).await.expect("in time").expect("ran"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jump_leads_to_a_target_and_is_judged_like_any_other_way() {
    let host = Host::start().await;
    trust(&host);
    let config = jumping(&host).await;
    let jump = |user: &str, line: &str| {
        let mut ssh = client(&host, &config);
        ssh.args(["-J", "gate", user, line]);
        ended(ssh)
    };
    let (out, told, code) = jump("web-1", "echo in").await;
    assert!(code == Some(126) && told.contains("countersign request web-1"), "{out} {told}");
    host.grant(Span::hours(1)).await;
    // The host is known by the gateway's authority under the target's own name, and the name of a login does not matter.
    for user in ["web-1", "root@web-1", "ada+web-1@web-1"] {
        let (out, told, code) = jump(user, "echo in; exit 3").await;
        assert_eq!((out.as_str(), code), ("in\n", Some(3)), "{user} {told}");
    }
    // Nobody becomes somebody else on the way.
    for user in ["grace+web-1@web-1", "ada+web-2@web-1"] {
        let (out, told, code) = jump(user, "echo in").await;
        assert!(code == Some(255) && told.contains("Permission denied"), "{user} {out} {told}");
    }
    let (out, told, code) = jump("web-2", "echo in").await;
    assert!(code == Some(126) && told.contains("you have no access to `web-2`"), "{out} {told}");
    // Held, as it would be without a jump.
    let victim = host.victim();
    let mut ssh = client(&host, &config);
    ssh.args(["-J", "gate", "web-1", &format!("rm {}", victim.display())]);
    let mut running = JoinSet::new();
    running.spawn(ended(ssh));
    let asked = host.world.held().await;
    assert!(victim.exists());
    host.world.approve("linus", asked.id).await;
    let (out, told, code) = running.join_next().await.expect("a task").expect("ended");
    assert_eq!((out.as_str(), code, victim.exists()), ("", Some(0), false), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_for_one_target_leads_to_no_other_by_a_jump() {
    let host = Host::start().await;
    trust(&host);
    host.grant(Span::hours(1)).await;
    let (_, told, code) = super::certificates::countersign(&host, &["connect", "web-1", "--certificate"]).await;
    assert_eq!(code, Some(0), "{told}");
    let folder = host.world.folder.path();
    let (key, port) = (folder.join("ssh/web-1"), host.world.ready.ssh.expect("SSH is served").port());
    // No token is at hand: what opens anything is the certificate, which lies beside its key.
    let config = folder.join("certified.conf");
    let text = format!(
        "Host *\n UserKnownHostsFile {known}\n GlobalKnownHostsFile none\n StrictHostKeyChecking yes\n LogLevel ERROR\n \
         BatchMode yes\n IdentitiesOnly yes\n IdentityFile {key}\n CertificateFile {key}-cert.pub\nHost gate\n \
         HostName 127.0.0.1\n Port {port}\n User ada+web-1\n HostKeyAlias countersign\n",
        known = folder.join("authority").display(),
        key = key.display()
    );
    std::fs::write(&config, text).expect("a file");
    let jump = |to: &str| {
        let mut ssh = client(&host, &config);
        ssh.args(["-J", "gate", to, "echo in"]);
        ended(ssh)
    };
    let (out, told, code) = jump("web-1").await;
    assert_eq!((out.as_str(), code), ("in\n", Some(0)), "{told}");
    for to in ["web-2", "ada+web-2@web-2", "web-1@web-2"] {
        let (out, told, code) = jump(to).await;
        assert!(out.is_empty() && code == Some(255), "{to}: {out} {told}");
        assert!(!told.contains("you have no access"), "{to}: it got as far as asking for a grant: {told}");
    }
}

/// An agent of OpenSSH's own with one key, and where it is. It ends with the value.
async fn agent(host: &Host) -> (Child, String) {
    let folder = host.world.folder.path();
    let (socket, key) = (folder.join("agent").display().to_string(), folder.join("lent"));
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "lent-key", "-f"]).arg(&key);
    assert!(keygen.status().await.expect("ssh-keygen").success());
    let mut agent = Command::new("ssh-agent");
    agent.args(["-D", "-a", &socket]).stdout(Stdio::null()).kill_on_drop(true);
    let agent = agent.spawn().expect("ssh-agent");
    super::until("the agent listens", || Path::new(&socket).exists()).await;
    let mut add = Command::new("ssh-add");
    add.arg("-q").arg(&key).env("SSH_AUTH_SOCK", &socket);
    assert!(add.status().await.expect("ssh-add").success());
    (agent, socket)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_is_lent_only_where_the_file_says_so_and_as_long_as_the_grant() {
    for lent in [false, true] {
        let login = if lent { "agent = true, shell = \"/bin/bash\"@GUARD@" } else { "shell = \"/bin/bash\"@GUARD@" };
        let host = Host::edited(&[("shell = \"/bin/bash\"@GUARD@", login)]).await;
        let grant = host.grant(Span::hours(1)).await;
        let (_agent, socket) = agent(&host).await;
        let mut ssh = host.ssh(&["-A"], &["ssh-add -l"]).await;
        ssh.env("SSH_AUTH_SOCK", &socket);
        let (out, told, code) = ended(ssh).await;
        assert_eq!((out.contains("lent-key"), code == Some(0)), (lent, lent), "{out} {told}");
        if !lent {
            assert!(told.contains("Could not open a connection to your authentication agent"), "{told}");
            continue;
        }
        // Without -A nothing is lent, and each time is in the recording.
        let (out, told, code) = host.run("ssh-add -l").await;
        assert!(code != Some(0) && out.is_empty(), "{out} {told}");
        super::until("it is recorded", || host.world.recorded().contains("the person's agent was asked")).await;
        let mut ssh = host.ssh(&["-A"], &["echo $SSH_AUTH_SOCK; sleep 600"]).await;
        let mut child = ssh.env("SSH_AUTH_SOCK", &socket).spawn().expect("ssh");
        let mut line = String::new();
        let mut out = tokio::io::BufReader::new(child.stdout.take().expect("its output"));
        out.read_line(&mut line).await.expect("a line");
        assert!(Path::new(line.trim()).exists(), "{line}");
        let linus = host.world.person("linus").await;
        host.world.workflows().revoke(&linus, grant, "test").await.expect("revoked");
        super::until("its socket is gone", || !Path::new(line.trim()).exists()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_is_lent_on_a_connection_that_a_session_without_one_has_left() {
    let login = "agent = true, shell = \"/bin/bash\"@GUARD@";
    let host = Host::edited(&[("shell = \"/bin/bash\"@GUARD@", login)]).await;
    host.grant(Span::hours(1)).await;
    let (_agent, socket) = agent(&host).await;
    let place = host.world.folder.path().join("control");
    let control = format!("ControlPath={}", place.display());
    let mut master = host.ssh(&["-A", "-N", "-o", "ControlMaster=yes", "-o", &control], &[]).await;
    let _master = master.env("SSH_AUTH_SOCK", &socket).spawn().expect("ssh");
    super::until("the master is there", || place.exists()).await;
    for (options, lent) in [(["-a", "-o"], false), (["-A", "-o"], true), (["-a", "-o"], false), (["-A", "-o"], true)]
    {
        let mut ssh = host.ssh(&[options[0], options[1], &control], &["ssh-add -l"]).await;
        ssh.env("SSH_AUTH_SOCK", &socket);
        let (out, told, _) = ended(ssh).await;
        assert_eq!(out.contains("lent-key"), lent, "{options:?}: {out} {told}");
    }
}

/// A port through the target, on the client's own input and output.
async fn port(host: &Host, to: u16) -> Child {
    let mut ssh = host.ssh(&["-o", "LogLevel=INFO", "-W", &format!("127.0.0.1:{to}")], &[]).await;
    ssh.stdin(Stdio::piped()).spawn().expect("started")
}

async fn through(mut ssh: Child) -> (String, String, Option<i32>) {
    let mut input = ssh.stdin.take().expect("its input");
    input.write_all(b"hello").await.expect("sent");
    drop(input);
    said(tokio::time::timeout(PATIENCE, ssh.wait_with_output()).await.expect("in time").expect("ran"))
}

/// Says everything back, on this port and as long as the tasks live.
async fn echo() -> (u16, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut streams = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            streams.spawn(async move {
                let (mut read, mut write) = stream.split();
                let _gone = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    (port, serving)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_leads_where_the_file_says_once_somebody_agreed() {
    let ((open, _echo), (shut, _other)) = (echo().await, echo().await);
    let login = format!("forward = [\"127.0.0.1:{open}\"], shell = \"/bin/bash\"@GUARD@");
    let host = Host::edited(&[("shell = \"/bin/bash\"@GUARD@", &login)]).await;
    host.grant(Span::hours(1)).await;
    let (out, told, code) = through(port(&host, shut).await).await;
    assert!(out.is_empty() && code != Some(0), "{out} {code:?}");
    assert!(told.contains(&format!("no port leads through web-1 to 127.0.0.1:{shut} at write access")), "{told}");
    // What passes is nobody's to read, so that it is held like all that is opaque.
    let mut waits = JoinSet::new();
    waits.spawn(through(port(&host, open).await));
    let asked = host.world.held().await;
    let What::Operation { shown, .. } = &asked.what else { panic!("{asked:?}") };
    assert_eq!(shown, &format!("a port to 127.0.0.1:{open}"));
    host.world.deny("linus", asked.id).await;
    let (out, told, _) = waits.join_next().await.expect("a task").expect("ended");
    assert!(out.is_empty() && told.contains("not on a Friday"), "{out} {told}");
    waits.spawn(through(port(&host, open).await));
    let asked = host.world.held().await;
    host.world.approve("linus", asked.id).await;
    assert_eq!(waits.join_next().await.expect("a task").expect("ended").0, "hello");
    // A client that goes away while people are asked takes its question with it.
    let mut goes = port(&host, open).await;
    let asked = host.world.held().await;
    goes.kill().await.expect("killed");
    host.world.until_withdrawn("linus", asked.id).await;
    let ada = host.world.person("ada").await;
    let filter = Filter { open_only: false, limit: 10 };
    let sessions = host.world.workflows().sessions(&ada, filter).await.expect("sessions");
    let ports: Vec<_> = sessions.iter().filter(|session| session.application == "port").collect();
    assert!(ports.iter().any(|session| session.uninspected.is_some()), "{ports:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g1_a_port_ends_with_the_grant() {
    let (to, _echo) = echo().await;
    let login = "forward = [\"127.0.0.1:*\"], shell = \"/bin/bash\"@GUARD@";
    let no_hold = ("when = 'op.program == \"rm\" || op.opaque'", "when = 'op.program == \"rm\"'");
    let host = Host::edited(&[("shell = \"/bin/bash\"@GUARD@", login), no_hold]).await;
    let grant = host.grant(Span::hours(1)).await;
    let mut ssh = port(&host, to).await;
    let (mut input, mut output) = (ssh.stdin.take().expect("input"), ssh.stdout.take().expect("output"));
    input.write_all(b"hello").await.expect("sent");
    let mut answer = [0; 5];
    tokio::time::timeout(PATIENCE, output.read_exact(&mut answer)).await.expect("in time").expect("an answer");
    assert_eq!(&answer, b"hello");
    let linus = host.world.person("linus").await;
    host.world.workflows().revoke(&linus, grant, "test").await.expect("revoked");
    let mut rest = Vec::new();
    let _cut = tokio::time::timeout(PATIENCE, output.read_to_end(&mut rest)).await.expect("it ends");
    assert_eq!(rest, b"");
}
