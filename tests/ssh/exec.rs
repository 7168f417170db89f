//! Commands: they pass, wait, are refused, and end with the grant.

use std::process::Stdio;

use sandbox::Sshd;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use workflows::clock::Span;
use workflows::engine::Filter;

use super::{Host, said, until};
use crate::world::PATIENCE;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_runs_with_a_grant_and_comes_back_whole() {
    let host = Host::start().await;
    let (_, told, code) = host.run("id").await;
    assert!(told.contains("countersign request web-1"), "{told}");
    assert_eq!(code, Some(126), "{told}");
    host.grant(Span::hours(1)).await;
    let (out, told, code) = host.run("echo out; echo err >&2; exit 7").await;
    assert_eq!((out.as_str(), told.as_str(), code), ("out\n", "err\n", Some(7)));
    until("it is in the host's log", || host.sshd.log().contains("Accepted publickey")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_command_waits_for_people_and_keeps_its_input() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let file = host.victim();
    let mut ssh = host.ssh(&[], &[&format!("rm {} && cat", file.display())]).await;
    let mut child: Child = ssh.stdin(Stdio::piped()).spawn().expect("ssh");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(b"kept\n").await.expect("written");
    let held = host.world.held().await;
    assert!(file.exists(), "nothing ran yet");
    host.world.approve("linus", held.id).await;
    drop(input);
    let (out, told, code) =
        said(tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ran"));
    assert_eq!((out.as_str(), code), ("kept\n", Some(0)), "{told}");
    assert!(told.contains("held by rule `commands`"), "{told}");
    assert!(!file.exists(), "it ran");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_grant_it_says_once_how_to_ask_for_one() {
    let host = Host::start().await;
    let (out, told, code) = host.run("true").await;
    assert_eq!((out.as_str(), code), ("", Some(126)));
    assert_eq!(told.matches("countersign request web-1").count(), 1, "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denied_command_never_runs() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let file = host.victim();
    let child = host.ssh(&[], &[&format!("rm {}", file.display())]).await.spawn().expect("ssh");
    let held = host.world.held().await;
    host.world.deny("linus", held.id).await;
    let (_, told, code) = said(child.wait_with_output().await.expect("ran"));
    assert!(told.contains("not on a Friday"), "{told}");
    assert_eq!(code, Some(126));
    assert!(file.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g1_the_end_of_a_grant_ends_what_runs_at_the_host() {
    let host = Host::start().await;
    let grant = host.grant(Span::hours(1)).await;
    let mark = format!("sleep 98{}", host.sshd.port());
    host.ends_with_the_grant(grant, &mark, &mark).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g1_the_end_of_a_grant_ends_what_does_not_hear_signals() {
    let host = Host::start().await;
    let grant = host.grant(Span::hours(1)).await;
    let mark = format!("sleep 97{}", host.sshd.port());
    let line = format!("trap '' HUP TERM; nohup {mark} >/dev/null 2>&1 & wait");
    host.ends_with_the_grant(grant, &line, &mark).await;
}

/// Without the guard this is no wall, but whoever only forgot a job in the background, in whatever session, leaves none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g1_the_end_of_a_grant_ends_what_made_a_session_of_its_own() {
    let host = Host::start().await;
    let grant = host.grant(Span::hours(1)).await;
    let mark = format!("sleep 87{}", host.sshd.port());
    let line = format!("setsid {mark} >/dev/null 2>&1 & sleep 60");
    host.ends_with_the_grant(grant, &line, &mark).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_impostor_of_the_host_is_told_by_its_key() {
    let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGmZ3o0D1m3Cw2Lq6C6p9mDqf2mE0m1m3y0g0dQm0Qm1";
    let host = Host::start().await;
    let pinned = host.sshd.host_key().to_owned();
    drop(host);
    let host = Host::edited(&[("host_key = \"", &format!("host_key = \"{other}\" # \""))]).await;
    host.grant(Span::hours(1)).await;
    let (_, told, code) = host.run("id").await;
    assert!(told.contains("is not the one in the file") && told.contains("SHA256:"), "{told} {pinned}");
    assert_eq!(code, Some(126));
    assert!(!host.sshd.log().contains("Accepted"), "{}", host.sshd.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_stream_passes_both_ways_unharmed() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let line = host.ssh(&[], &["cat"]).await;
    let program = line.as_std().get_program().to_string_lossy().into_owned();
    let args: Vec<String> = line.as_std().get_args().map(|arg| format!("'{}'", arg.to_string_lossy())).collect();
    let script = format!(
        "head -c 50000000 /dev/urandom > {0}/big && {program} {1} < {0}/big | cmp - {0}/big && echo same",
        host.world.folder.path().display(),
        args.join(" ")
    );
    let mut shell = Command::new("sh");
    for (name, value) in line.as_std().get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let (out, told, _) = said(
        tokio::time::timeout(PATIENCE, shell.args(["-c", &script]).output()).await.expect("in time").expect("ran"),
    );
    assert_eq!(out, "same\n", "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_recorded_with_its_command_output_and_end() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    host.run("echo to be kept").await;
    for part in ["echo to be kept\n", "output 1 to be kept\n", "outcome 1 exit 0"] {
        until(part, || host.world.recorded().contains(part)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_judged_is_not_opened() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    // A way to another port, of the host itself.
    let port = format!("127.0.0.1:{}", host.sshd.port());
    let output = host.ssh(&["-W", &port], &[]).await.output();
    let (out, told, code) = said(tokio::time::timeout(PATIENCE, output).await.expect("in time").expect("ran"));
    assert_eq!((out.as_str(), code), ("", Some(255)), "{told}");
    assert!(told.contains("forwarding failed"), "{told}");
    // A port that the host would open for others.
    let options = ["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1"];
    let output = host.ssh(&options, &["echo in"]).await.output();
    let (out, told, code) = said(tokio::time::timeout(PATIENCE, output).await.expect("in time").expect("ran"));
    assert_eq!((out.as_str(), code), ("", Some(255)), "{told}");
    // Another service than file transfers, and a variable that changes what programs do.
    let output = host.ssh(&["-s"], &["netconf"]).await.output();
    let (out, _, code) = said(tokio::time::timeout(PATIENCE, output).await.expect("in time").expect("ran"));
    assert_eq!((out.as_str(), code.is_some_and(|code| code != 0)), ("", true));
    let options = ["-o", "SetEnv=PATH=/nowhere", "-o", "SendEnv=LC_ALL"];
    let output = host.ssh(&options, &["echo $LC_ALL; command -v ls"]).await.output();
    let (out, told, _) = said(tokio::time::timeout(PATIENCE, output).await.expect("in time").expect("ran"));
    assert!(out.starts_with("C.UTF-8\n/") && out.ends_with("/ls\n"), "{out} {told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_channels_of_one_connection_are_sessions_of_their_own() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let control = host.world.folder.path().join("control").display().to_string();
    let path = format!("ControlPath={control}");
    let mut master = host.ssh(&["-o", "ControlMaster=yes", "-o", &path], &["sleep 30"]).await.spawn().expect("ssh");
    until("the connection is there", || std::path::Path::new(&control).exists()).await;
    let victim = host.victim();
    // One waits for people, and the others go on beside it.
    let line = format!("rm {}", victim.display());
    let held = host.ssh(&["-o", &path], &[&line]).await.spawn().expect("ssh");
    let request = host.world.held().await;
    for number in 0..5 {
        let output = host.ssh(&["-o", &path], &[&format!("echo {number}")]).await.output();
        let (out, told, code) = said(tokio::time::timeout(PATIENCE, output).await.expect("in time").expect("ran"));
        assert_eq!((out, code), (format!("{number}\n"), Some(0)), "{told}");
    }
    host.world.approve("linus", request.id).await;
    let (_, told, code) =
        said(tokio::time::timeout(PATIENCE, held.wait_with_output()).await.expect("in time").expect("ran"));
    assert_eq!(code, Some(0), "{told}");
    master.kill().await.expect("killed");
    let ada = host.world.person("ada").await;
    let filter = workflows::engine::Filter { open_only: false, limit: 100 };
    assert_eq!(host.world.workflows().sessions(&ada, filter).await.expect("sessions").len(), 7);
}

/// A server turns strangers away when too many come at once, and each channel comes as a stranger of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_channels_at_once_do_not_overrun_their_target() {
    let sshd = tokio::task::spawn_blocking(|| Sshd::start("MaxStartups 10")).await.expect("a thread").expect("sshd");
    let host = Host::with(sshd, false, &[]).await;
    host.grant(Span::hours(1)).await;
    let control = host.world.folder.path().join("control");
    let path = format!("ControlPath={}", control.display());
    let mut master = host.ssh(&["-N", "-o", "ControlMaster=yes", "-o", &path], &[]).await.spawn().expect("ssh");
    until("the connection is there", || control.exists()).await;
    let mut ssh = host.ssh(&["-o", &path], &["echo in"]).await;
    let children: Vec<Child> = (0..40).map(|_| ssh.spawn().expect("ssh")).collect();
    for child in children {
        let (out, told, code) =
            said(tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ran"));
        assert_eq!((out.as_str(), code), ("in\n", Some(0)), "{told}");
    }
    master.kill().await.expect("killed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g1_a_connection_that_a_session_left_serves_the_next_and_goes_with_the_grant() {
    let host = Host::start().await;
    let grant = host.grant(Span::hours(1)).await;
    let control = format!("ControlPath={}", host.world.folder.path().join("control").display());
    let options = ["-o", "ControlMaster=yes", "-o", control.as_str(), "-N"];
    let _master = host.ssh(&options, &[]).await.spawn().expect("ssh");
    until("the master is there", || host.world.folder.path().join("control").exists()).await;
    let once = || async {
        let mut ssh = host.ssh(&["-o", "ControlMaster=no", "-o", control.as_str()], &["echo in"]).await;
        said(tokio::time::timeout(PATIENCE, ssh.output()).await.expect("in time").expect("ran"))
    };
    for _time in 0..5 {
        let (out, told, code) = once().await;
        assert_eq!((out.as_str(), code), ("in\n", Some(0)), "{told}");
    }
    let entered = || host.sshd.log().matches("Accepted publickey").count();
    assert!(entered() < 5, "{}", host.sshd.log());
    // Each was a session of its own all the same.
    let ada = host.world.person("ada").await;
    let all = Filter { open_only: false, limit: 100 };
    let sessions = host.world.workflows().sessions(&ada, all).await.expect("sessions");
    assert_eq!(sessions.len(), 5, "{sessions:?}");
    let linus = host.world.person("linus").await;
    host.world.workflows().revoke(&linus, grant, "test").await.expect("revoked");
    let entered = entered();
    let left = || {
        host.sshd.log().matches("Connection closed by").count()
            + host.sshd.log().matches("Connection reset by").count()
    };
    until("the host has lost them all", || {
        left() + host.sshd.log().matches("Received disconnect").count() >= entered
    })
    .await;
    let (out, told, code) = once().await;
    assert_eq!((out.as_str(), code), ("", Some(126)), "{told}");
}
