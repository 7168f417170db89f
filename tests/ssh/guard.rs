//! Guarded sessions: every program stops in the kernel until it was judged.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use workflows::clock::Span;

use super::{Host, runs, said, until};
use crate::world::PATIENCE;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_under_guard_runs_and_each_program_is_recorded() {
    let host = Host::guarded(&[]).await;
    host.grant(Span::hours(1)).await;
    let (out, told, code) = host.run("echo one; ls -d / ; env true; exit 3").await;
    assert_eq!((out.as_str(), code), ("one\n/\n", Some(3)), "{told}");
    for part in ["/usr/bin/ls -d /", "/usr/bin/env true", "/usr/bin/true", "exit 3"] {
        until(part, || host.world.recorded().contains(part)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_inside_a_script_is_held_and_goes_on_when_people_agree() {
    let host = Host::guarded(&[]).await;
    host.grant(Span::hours(1)).await;
    let (victim, script) = (host.victim(), host.place().join("script"));
    super::program(&script, &format!("echo before; rm {}; echo after $?", victim.display()));
    let child = host.ssh(&[], &[&format!("sh {}", script.display())]).await.spawn().expect("ssh");
    let held = host.world.held().await;
    let shown = format!("{:?}", held.what);
    assert!(shown.contains("bin/rm") && shown.contains("victim"), "{shown}");
    assert!(victim.exists(), "nothing ran yet");
    host.world.approve("linus", held.id).await;
    let (out, told, code) =
        said(tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ran"));
    assert_eq!((out.as_str(), code), ("before\nafter 0\n", Some(0)), "{told}");
    assert!(!victim.exists(), "it ran");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denied_program_fails_and_the_session_goes_on() {
    let host = Host::guarded(&[]).await;
    host.grant(Span::hours(1)).await;
    let victim = host.victim();
    let line = format!("rm {}; echo after $?", victim.display());
    let child = host.ssh(&[], &[&line]).await.spawn().expect("ssh");
    let held = host.world.held().await;
    host.world.deny("linus", held.id).await;
    let (out, told, code) =
        said(tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ran"));
    assert_eq!((out.as_str(), code), ("after 126\n", Some(0)), "{told}");
    assert!(victim.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shell_on_a_terminal_is_guarded_and_says_what_waits() {
    let host = Host::guarded(&[]).await;
    host.grant(Span::hours(1)).await;
    let victim = host.victim();
    let mut ssh = host.ssh(&["-tt"], &[]).await;
    let mut child = ssh.stdin(Stdio::piped()).spawn().expect("ssh");
    let mut keys = child.stdin.take().expect("its input");
    keys.write_all(format!("find {} -exec rm {{}} ';'\n", victim.display()).as_bytes()).await.expect("typed");
    let held = host.world.held().await;
    assert!(victim.exists(), "nothing ran yet");
    let shown = format!("{:?}", held.what);
    assert!(shown.contains("bin/rm"), "{shown}");
    host.world.approve("linus", held.id).await;
    until("it ran", || !victim.exists()).await;
    keys.write_all(b"exit 5\n").await.expect("typed");
    let (out, told, code) =
        said(tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ran"));
    assert_eq!(code, Some(5), "{out} {told}");
    assert!(out.contains("held by rule `commands`"), "{out} {told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_wait_beside_each_other_and_are_answered_in_any_order() {
    let host = Host::guarded(&[]).await;
    host.grant(Span::hours(1)).await;
    let victims: Vec<_> = ["one", "two", "three"].iter().map(|name| host.place().join(name)).collect();
    for victim in &victims {
        std::fs::write(victim, "x").expect("a file");
        std::fs::set_permissions(victim, std::os::unix::fs::PermissionsExt::from_mode(0o666)).expect("a file");
    }
    let jobs: Vec<String> = victims.iter().map(|victim| format!("rm {} &", victim.display())).collect();
    let jobs = jobs.join(" ");
    // In a script: a line of a shell is judged for what is written in it.
    let script = host.place().join("script");
    let line = format!("{jobs} sleep 1; ls -d /; for job in $(jobs -p); do wait $job; echo status $?; done");
    super::program(&script, &line);
    let mut child = host.ssh(&[], &[&format!("bash {}", script.display())]).await.spawn().expect("ssh");
    let mut out = child.stdout.take().expect("its output");
    // What is not held runs, though three others wait.
    let mut first = [0; 2];
    tokio::time::timeout(PATIENCE, out.read_exact(&mut first)).await.expect("in time").expect("read");
    assert_eq!(&first, b"/\n");
    let waits = host.world.all_held(3).await;
    let of = |victim: &std::path::Path| {
        let name = victim.display().to_string();
        waits.iter().find(|request| format!("{:?}", request.what).contains(&name)).expect("a request").id
    };
    assert!(victims.iter().all(|victim| victim.exists()), "nothing ran yet");
    host.world.approve("linus", of(&victims[2])).await;
    until("the last one ran", || !victims[2].exists()).await;
    assert!(victims[0].exists() && victims[1].exists());
    host.world.deny("linus", of(&victims[0])).await;
    host.world.approve("linus", of(&victims[1])).await;
    let mut rest = String::new();
    tokio::time::timeout(PATIENCE, out.read_to_string(&mut rest)).await.expect("in time").expect("read");
    assert_eq!(rest, "status 126\nstatus 0\nstatus 0\n");
    assert!(victims[0].exists() && !victims[1].exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_is_killed_while_it_waits_is_asked_about_no_more() {
    let host = Host::guarded(&[]).await;
    host.grant(Span::hours(1)).await;
    let victim = host.victim();
    let script = host.place().join("script");
    super::program(
        &script,
        &format!("rm {} & sleep 2; kill -9 $!; wait $!; echo status $?; sleep 60", victim.display()),
    );
    let mut child = host.ssh(&[], &[&format!("bash {}", script.display())]).await.spawn().expect("ssh");
    let held = host.world.held().await;
    host.world.until_withdrawn("linus", held.id).await;
    let mut out = child.stdout.take().expect("its output");
    let mut line = [0; 11];
    tokio::time::timeout(PATIENCE, out.read_exact(&mut line)).await.expect("in time").expect("read");
    assert_eq!(&line, b"status 137\n");
    assert!(victim.exists());
}

/// What a terminal of 100 columns and 30 rows shows after all of this, row by row, as an emulator of others draws it.
fn drawn(bytes: &str) -> Vec<String> {
    let (mut terminal, mut parser) = (avt::Terminal::new(100, 30).expect("a size"), avt::Parser::new());
    bytes.chars().filter_map(|char| parser.feed(char)).for_each(|function| terminal.execute(function));
    let row = |row: &avt::Line| row.cells().iter().map(avt::Cell::char).collect::<String>().trim_end().to_owned();
    terminal.screen().visible_lines().map(row).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_screen_is_as_before_once_it_is_decided() {
    let host = Host::guarded(&[]).await;
    host.grant(Span::hours(1)).await;
    let (victim, script) = (host.victim(), host.place().join("script"));
    // As an editor does: the whole screen, and a program that it starts.
    super::program(
        &script,
        &format!(
            "printf '\\033[?1049h\\033[H\\033[2Jfirst\\033[30;1H-- INSERT --\\033[2;3H'; rm {}; read key; printf '\\033[?1049l'",
            victim.display()
        ),
    );
    let mut terminal = super::watched::Terminal::ready(&host).await;
    terminal.types(&format!("sh {}\r", script.display())).await;
    let held = host.world.held().await;
    terminal.shows("held by rule `commands`").await;
    let rows = drawn(&terminal.text());
    assert_eq!(rows[0], "first");
    assert!(rows[29].starts_with("countersign: held by rule `commands`"), "{rows:?}");
    host.world.approve("linus", held.id).await;
    until("it ran", || !victim.exists()).await;
    until("the screen is as before", || drawn(&terminal.text())[29] == "-- INSERT --").await;
    let rows = drawn(&terminal.text());
    assert_eq!(rows[0], "first");
    assert!(rows[1..29].iter().all(String::is_empty), "{rows:?}");
    terminal.types("\r").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_withdraws_a_held_program() {
    let host = Host::guarded(&[]).await;
    host.grant(Span::hours(1)).await;
    let victim = host.victim();
    let mut ssh = host.ssh(&["-tt"], &[]).await;
    let mut child = ssh.stdin(Stdio::piped()).spawn().expect("ssh");
    let mut keys = child.stdin.take().expect("its input");
    keys.write_all(format!("rm {}\n", victim.display()).as_bytes()).await.expect("typed");
    host.world.held().await;
    keys.write_all(b"\x03").await.expect("typed");
    tokio::time::sleep(Duration::from_millis(300)).await;
    keys.write_all(b"exit 6\n").await.expect("typed");
    let (out, told, code) =
        said(tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ran"));
    assert_eq!(code, Some(6), "{out} {told}");
    assert!(victim.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g1_the_end_of_a_grant_ends_everything_under_the_guard() {
    let host = Host::guarded(&[]).await;
    let grant = host.grant(Span::hours(1)).await;
    let mark = format!("sleep 97{}", host.sshd.port());
    let line = format!("(setsid {mark} >/dev/null 2>&1 &) ; {mark}");
    host.ends_with_the_grant(grant, &line, &mark).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_at_the_target_nothing_starts() {
    let host = Host::guarded(&[("countersign-guard\"", "no-such-guard\"")]).await;
    host.grant(Span::hours(1)).await;
    let (out, told, code) = host.run("echo out").await;
    assert_eq!(out, "");
    assert!(told.contains("the guard did not start at the target"), "{told}");
    assert_eq!(code, Some(126));
}

/// One of its processes, the other, or all of them at once, as whoever is root at the host could.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_that_is_killed_takes_its_session_with_it() {
    let host = Host::guarded(&[]).await;
    host.grant(Span::hours(1)).await;
    let mark = format!("sleep 89{}", host.sshd.port());
    let guard = format!("^{}.* --line ", host.tools.path().join("countersign").display());
    for which in [&["-o"][..], &["-n"], &[]] {
        let child = host.ssh(&[], &[&format!("{mark} & {mark}")]).await.spawn().expect("ssh");
        until("it runs", || runs(&format!("^{mark}"))).await;
        let killed = std::process::Command::new("pkill").args(which).args(["-KILL", "-f", &guard]).status();
        assert!(killed.expect("pkill").success(), "there was one");
        let (_, told, code) =
            said(tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ran"));
        assert!(code != Some(0), "{which:?}: {code:?} {told}");
        until("it is gone", || !runs(&format!("^{mark}"))).await;
    }
}
