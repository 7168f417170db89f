//! sudo at the host, with Countersign's plugin: what runs as root is asked about over the session's own channel.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sandbox::Sshd;
use tempfile::TempDir;
use workflows::clock::Span;
use workflows::target::Access;

use super::{Host, program, said};
use crate::world::PATIENCE;

const ACCESS: &str = r#"
[[access]]
name = "root"
who = "group:orders"
targets = { name = "web-1" }
levels = ["admin"]
at_most = "4h"
approval = { from = "group:dba", people = 1, within = "15m" }

[[rule]]
name = "commands""#;

/// True, with a word about it, where this cannot be tried.
fn left_out() -> bool {
    if !sandbox::is_root() {
        eprintln!("LEFT OUT: giving sudo a configuration of its own takes root");
        return true;
    }
    let told = std::process::Command::new("sudo").arg("--version").output();
    let known = told.is_ok_and(|told| String::from_utf8_lossy(&told.stdout).starts_with("Sudo version 1.9"));
    if !known {
        eprintln!("LEFT OUT: sudo 1.9 is not installed");
    }
    !known
}

fn put(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).expect("a file");
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("a file");
}

/// A host whose sudo has the plugin, in a mount namespace of its own: the machine's sudo stays as it is. Its login may use sudo.
async fn host() -> (Host, TempDir) {
    let folder = tempfile::Builder::new().prefix("sudo-host").tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("a folder");
    let built =
        std::env::current_exe().expect("this test").parent().expect("a folder").join("libcountersign_sudo.so");
    let plugin = folder.path().join("countersign_sudo.so");
    std::fs::copy(&built, &plugin).expect("the plugin, which `cargo build --workspace` makes");
    std::fs::set_permissions(&plugin, PermissionsExt::from_mode(0o644)).expect("a file");
    let keys = folder.path().join("keys");
    let key = gateway::ssh::guard_key(&keys.join("ssh")).expect("a key");
    let conf = format!(
        "Plugin sudoers_policy sudoers.so\nPlugin sudoers_io sudoers.so\nPlugin countersign_approval {} key={}\n",
        plugin.display(),
        STANDARD.encode(key.verifying_key().to_bytes())
    );
    put(&folder.path().join("sudo.conf"), &conf, 0o644);
    let sudoers = "Defaults !lecture, !fqdn, env_reset, !use_pty\nDefaults intercept, intercept_verify, intercept_type=trace\n\
                   ALL ALL=(ALL) NOPASSWD: ALL\n";
    put(&folder.path().join("sudoers"), sudoers, 0o440);
    let script = format!(
        "cd {} && touch /etc/sudo.conf /etc/sudoers && mount --bind sudo.conf /etc/sudo.conf && \
         mount --bind sudoers /etc/sudoers && exec \"$@\"",
        folder.path().display()
    );
    let below = ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", &script, "sh"].map(str::to_owned);
    let sshd = tokio::task::spawn_blocking(move || Sshd::start_below(&below, "")).await;
    let sshd = sshd.expect("a thread").expect("sshd");
    let guard = format!("{}/countersign-guard", folder.path().display());
    program(Path::new(&guard), &format!("exec {} guard \"$@\"", here(folder.path()).display()));
    let path = format!("[keys]\npath = \"{}\"", keys.display());
    let login = "user = \"@USER@\", key = \"file:@LOGIN@\", shell = \"/bin/bash\"";
    let admin = format!("login.write = {{ {login} }}\nlogin.admin = {{ {login}, sudo = \"{guard}\" }}");
    let write = format!("login.write = {{ {login}@GUARD@ }}");
    let edits = [
        ("[keys]\npath = \"@FOLDER@/keys\"", path.as_str()),
        (write.as_str(), admin.as_str()),
        ("\n[[rule]]\nname = \"commands\"", ACCESS),
    ];
    (Host::with(sshd, false, &edits).await, folder)
}

/// The binary where the login can reach it.
fn here(folder: &Path) -> PathBuf {
    let here = folder.join("countersign");
    let built = env!("CARGO_BIN_EXE_countersign");
    std::fs::hard_link(built, &here).or_else(|_| std::fs::copy(built, &here).map(drop)).expect("the binary");
    here
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_script_runs_as_root_waits_for_people() {
    if left_out() {
        return;
    }
    let (host, _folder) = host().await;
    host.grant_at(Access::Admin, Span::hours(1)).await;
    let (victim, script) = (host.victim(), host.place().join("script"));
    // Not held by the line: nothing in it says what the script does.
    program(&script, &format!("echo before; sudo -n rm {}; echo after $?", victim.display()));
    for agreed in [false, true] {
        let child = host.ssh(&[], &[&script.display().to_string()]).await.spawn().expect("ssh");
        let held = host.world.held().await;
        let shown = format!("{:?}", held.what);
        assert!(shown.contains("bin/rm") && shown.contains("victim") && shown.contains("under sudo"), "{shown}");
        assert!(victim.exists(), "nothing ran yet");
        if agreed {
            host.world.approve("linus", held.id).await;
        } else {
            host.world.deny("linus", held.id).await;
        }
        let ended = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ran");
        let (out, told, code) = said(ended);
        let after = if agreed { "before\nafter 0\n" } else { "before\nafter 1\n" };
        assert_eq!((out.as_str(), code, victim.exists()), (after, Some(0), !agreed), "{told}");
        assert!(told.contains("held by rule `commands`"), "{told}");
        assert!(agreed || told.contains("not on a Friday"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_root_shell_starts_is_asked_about_as_well() {
    if left_out() {
        return;
    }
    let (host, _folder) = host().await;
    host.grant_at(Access::Admin, Span::hours(1)).await;
    let (victim, script) = (host.victim(), host.place().join("script"));
    // By its path: a shell that finds one refused tries the next folder of PATH, and that is asked about as well.
    program(&script, &format!("id -u; /usr/bin/rm {}; echo after $?", victim.display()));
    let line = format!("sudo -n {}", script.display());
    let child = host.ssh(&[], &[&line]).await.spawn().expect("ssh");
    let held = host.world.held().await;
    let shown = format!("{:?}", held.what);
    assert!(shown.contains("bin/rm") && shown.contains("as user 0"), "{shown}");
    host.world.deny("linus", held.id).await;
    let ended = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ran");
    let (out, told, _) = said(ended);
    assert!(out.starts_with("0\n") && !out.contains("after 0"), "{out} {told}");
    assert!(victim.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_session_of_ours_sudo_is_closed() {
    if left_out() {
        return;
    }
    let (host, _folder) = host().await;
    host.grant_at(Access::Admin, Span::hours(1)).await;
    // Whoever signs in past the gateway has no session, and a session that has ended answers nothing.
    let (out, told, code) = host.run("env -u COUNTERSIGN_SESSION sudo -n id -u").await;
    assert!(code != Some(0) && !out.contains('0'), "{out} {told}");
    let (out, told, code) = host.run("env COUNTERSIGN_SOCKET=/nowhere sudo -n id -u").await;
    assert!(code != Some(0) && !out.contains('0'), "{out} {told}");
    let (out, told, code) = host.run("sudo -n id -u").await;
    assert_eq!((out.as_str(), code), ("0\n", Some(0)), "{told}");
}
