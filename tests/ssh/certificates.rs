//! Signing in with a certificate, and the certificate that a target reads.

use std::process::Stdio;
use std::time::Duration;

use sandbox::Sshd;
use tokio::process::Command;
use workflows::clock::Span;

use super::{Host, said};
use crate::world::PATIENCE;

/// The command line, signed in as ada on this machine.
pub(super) async fn countersign(host: &Host, args: &[&str]) -> (String, String, Option<i32>) {
    countersign_as(host, "ada", args).await
}

/// The same, signed in as somebody.
pub(super) async fn countersign_as(host: &Host, name: &str, args: &[&str]) -> (String, String, Option<i32>) {
    let folder = host.world.folder.path();
    let credentials = folder.join(format!("{name}.toml"));
    let token = host.world.token(name).await;
    let text = format!("url = \"http://{}\"\ntoken = \"{}\"\n", host.world.ready.console, token.reveal());
    std::fs::write(&credentials, text).expect("a file");
    std::fs::set_permissions(&credentials, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.arg("--credentials").arg(&credentials).args(args).env_remove("SSH_AUTH_SOCK");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    said(tokio::time::timeout(PATIENCE, command.output()).await.expect("in time").expect("ran"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connect_starts_ssh_with_a_certificate_and_asks_for_nothing() {
    let host = Host::start().await;
    let (_, told, code) = countersign(&host, &["connect", "web-1", "--", "ssh", "web-1", "echo in"]).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("you hold no grant on web-1"), "{told}");
    let grant = host.grant(Span::hours(1)).await;
    let (out, told, code) =
        countersign(&host, &["connect", "web-1", "--", "ssh", "-v", "web-1", "echo in; exit 4"]).await;
    assert_eq!((out.as_str(), code), ("in\n", Some(4)), "{told}");
    assert!(told.contains("Host 'countersign' is known and matches the ED25519-CERT host certificate"), "{told}");
    // The grant ends, and the certificate opens nothing, though its time is not over.
    let linus = host.world.person("linus").await;
    host.world.workflows().revoke(&linus, grant, "test").await.expect("revoked");
    let config = host.world.folder.path().join("ssh/web-1.conf");
    let mut ssh = Command::new("ssh");
    ssh.arg("-F").arg(&config).args(["-o", "BatchMode=yes", "web-1", "echo in"]).env_remove("SSH_AUTH_SOCK");
    let (out, told, code) = said(tokio::time::timeout(PATIENCE, ssh.output()).await.expect("in time").expect("ran"));
    assert_eq!((out.as_str(), code), ("", Some(126)), "{told}");
    assert!(told.contains("countersign request web-1"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_two_lines_make_plain_ssh_work() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let (lines, told, code) = countersign(&host, &["connect", "web-1", "--ssh-config"]).await;
    assert_eq!((lines.lines().count(), code), (2, Some(0)), "{lines} {told}");
    let folder = host.world.folder.path();
    let config = folder.join("config");
    std::fs::write(&config, &lines).expect("a file");
    // `countersign` is found where people have it: in the path.
    let bin =
        std::path::Path::new(env!("CARGO_BIN_EXE_countersign")).parent().expect("a folder").display().to_string();
    let path = format!("{bin}:{}", std::env::var_os("PATH").expect("a path").to_string_lossy());
    let mut ssh = Command::new("ssh");
    ssh.arg("-F").arg(&config).args(["-o", "BatchMode=yes", "web-1", "echo in"]).env("PATH", path);
    let (out, told, code) = said(tokio::time::timeout(PATIENCE, ssh.output()).await.expect("in time").expect("ran"));
    assert_eq!((out.as_str(), code), ("in\n", Some(0)), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_dies_with_the_token_that_it_was_made_of() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let (_, told, code) = countersign(&host, &["connect", "web-1", "--certificate"]).await;
    assert_eq!(code, Some(0), "{told}");
    let ada = host.world.person("ada").await;
    for token in host.world.workflows().tokens(&ada).await.expect("tokens") {
        let _may_be_gone = host.world.workflows().revoke_token("root", token.id).await;
    }
    let config = host.world.folder.path().join("ssh/web-1.conf");
    let mut ssh = Command::new("ssh");
    ssh.arg("-F").arg(&config).args(["-o", "BatchMode=yes", "web-1", "echo in"]);
    let (out, told, code) = said(tokio::time::timeout(PATIENCE, ssh.output()).await.expect("in time").expect("ran"));
    assert_eq!((out.as_str(), code), ("", Some(255)), "{told}");
    assert!(told.contains("Permission denied"), "{told}");
}

/// A host that trusts the gateway's authority, and takes nothing else for this login.
async fn certified(login: &str) -> (Host, tempfile::TempDir) {
    // The authority is made by the first start, and the target is told to trust it.
    let keys = tempfile::tempdir().expect("a folder");
    let authority = gateway::ssh::Certifier::open(&keys.path().join("ssh")).expect("an authority");
    let line = keys.path().join("ca.pub");
    std::fs::write(&line, authority.target_line().expect("a line")).expect("a file");
    std::fs::set_permissions(keys.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a folder");
    let more = format!("TrustedUserCAKeys {}", line.display());
    let sshd = tokio::task::spawn_blocking(move || Sshd::start(&more)).await.expect("a thread").expect("sshd");
    let path = format!("[keys]\npath = \"{}\"", keys.path().display());
    let login = format!("login.write = {{ user = \"@USER@\", certificate = true{login}");
    let edits = [
        ("[keys]\npath = \"@FOLDER@/keys\"", path.as_str()),
        ("login.write = { user = \"@USER@\", key = \"file:@LOGIN@\"", login.as_str()),
    ];
    (Host::with(sshd, false, &edits).await, keys)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_leads_through_a_target_that_takes_certificates() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let to = listener.local_addr().expect("an address").to_string();
    let (host, _keys) = certified(&format!(", forward = [\"{to}\"]")).await;
    host.grant(Span::hours(1)).await;
    let mut ssh = host.ssh(&["-W", &to], &[]).await;
    let mut child = ssh.stdin(Stdio::piped()).spawn().expect("ssh");
    let held = host.world.held().await;
    host.world.approve("linus", held.id).await;
    let reached = tokio::time::timeout(PATIENCE, listener.accept()).await;
    assert!(reached.is_ok_and(|reached| reached.is_ok()), "the port leads there");
    child.kill().await.expect("killed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_reads_in_its_log_who_came() {
    let (host, _keys) = certified("").await;
    host.grant(Span::hours(1)).await;
    let (out, told, code) = host.run("echo in").await;
    assert_eq!((out.as_str(), code), ("in\n", Some(0)), "{told}");
    for _try in 0..100 {
        if host.sshd.log().contains("ID countersign:ada:grt_") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{}", host.sshd.log());
}
