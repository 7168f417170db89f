//! Targets that are down, go away or attack whoever comes: people are told, and others are served.

use std::time::Duration;

use tokio::process::Child;
use workflows::clock::Span;

use super::apart::{Apart, Script, held};
use super::{Host, said};
use crate::world::PATIENCE;

/// A host of the usual policy whose place a program of `tests/drivers` takes.
async fn instead(mode: &str) -> Option<(Host, Script)> {
    let mut script = Script::start("cryptography", "hostile_target.py", &[mode], &[]).await?;
    let listens = script.result().await;
    let address = format!("127.0.0.1:{}", listens["port"]);
    let key = format!("host_key = \"{}\"", listens["key"].as_str().expect("a key"));
    let host = Host::edited(&[("127.0.0.1:@PORT@", &address), ("host_key = \"@KEY@\"", &key)]).await;
    host.grant(Span::hours(1)).await;
    Some((host, script))
}

async fn ends(child: Child) -> (String, String, Option<i32>) {
    said(tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ran"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_is_down_is_said_without_its_address() {
    let port = sandbox::free_port().expect("a port").to_string();
    let host = Host::edited(&[("127.0.0.1:@PORT@", &format!("127.0.0.1:{port}"))]).await;
    host.grant(Span::hours(1)).await;
    let (out, told, code) = host.run("echo in").await;
    assert_eq!((out.as_str(), code), ("", Some(126)), "{told}");
    assert!(told.contains("the target can't be reached; tell who runs Countersign"), "{told}");
    assert!(!told.contains(&port), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_was_made_anew_is_refused_with_what_to_add() {
    let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGmZ3o0D1m3Cw2Lq6C6p9mDqf2mE0m1m3y0g0dQm0Qm1";
    let host = Host::edited(&[("host_key = \"", &format!("host_key = \"{other}\" # \""))]).await;
    host.grant(Span::hours(1)).await;
    let (_, told, code) = host.run("id").await;
    assert_eq!(code, Some(126), "{told}");
    // The fingerprint, to be compared at the host; and the line as it would stand in the file.
    let folder = host.world.folder.path().join("host.pub");
    std::fs::write(&folder, host.sshd.host_key()).expect("a file");
    let print = std::process::Command::new("ssh-keygen").arg("-lf").arg(&folder).output().expect("ssh-keygen");
    let print = String::from_utf8_lossy(&print.stdout).split(' ').nth(1).expect("a fingerprint").to_owned();
    let key: Vec<&str> = host.sshd.host_key().split(' ').take(2).collect();
    assert!(told.contains(&print), "{print} in {told}");
    assert!(told.contains(&format!("host_key = \"{}\"", key.join(" "))), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_speaks_no_protocol_is_given_up() {
    for mode in ["rubbish", "length", "babbles", "one_line", "silent"] {
        let Some((host, _script)) = instead(mode).await else { return };
        let apart = Apart::start(host).await;
        let before = apart.peak();
        let (out, told, code) = apart.host.run("echo in").await;
        assert_eq!((out.as_str(), code), ("", Some(126)), "{mode}: {told}");
        assert!(told.contains("the target") && told.contains("tell who runs Countersign"), "{mode}: {told}");
        let after = apart.peak();
        eprintln!("{mode}: the peak went from {before} to {after} MiB; {}", told.trim());
        assert!(after < before + 100, "{mode} took {} MiB", after - before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn megabytes_of_words_before_the_sign_in_are_not_kept() {
    let Some((host, _script)) = instead("banners").await else { return };
    let apart = Apart::start(host).await;
    let before = apart.peak();
    let (out, told, _) = apart.host.run("echo in").await;
    let after = apart.peak();
    // Whether it is given up or waited out, nobody has to read it.
    assert!(told.len() < 1_000 && (out == "after the banners\n" || told.contains("the target")), "{out} {told}");
    eprintln!("banners: the peak went from {before} to {after} MiB; {}", told.trim());
    assert!(after < before + 100, "it took {} MiB", after - before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rubbish_in_the_middle_of_a_command_ends_the_session() {
    let Some((host, _script)) = instead("late_rubbish").await else { return };
    let (out, told, code) = host.run("echo in").await;
    assert_eq!((out.as_str(), code), ("", Some(126)), "{told}");
    assert!(told.contains("the target"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn channels_that_a_target_opens_are_refused() {
    let Some((host, _script)) = instead("channels").await else { return };
    let (out, told, code) = host.run("echo in").await;
    assert_eq!(code, Some(0), "{out} {told}");
    assert_eq!(out.matches(" refused\n").count(), 7, "{out}");
    assert_eq!(out.matches(" open").count(), 0, "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_from_a_target_fills_no_memory() {
    for (mode, words) in [("thousands", "0 open\n"), ("nothing", "in\n"), ("beyond", "")] {
        let Some((host, _script)) = instead(mode).await else { return };
        let apart = Apart::start(host).await;
        let before = apart.peak();
        // A client that stops reading, so that nothing is taken on its way.
        let mut child = apart.host.ssh(&[], &["echo in"]).await.spawn().expect("ssh");
        let pid = child.id().expect("it runs").to_string();
        if mode == "beyond" {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let stopped = std::process::Command::new("kill").args(["-STOP", &pid]).status().expect("kill");
            assert!(stopped.success());
            tokio::time::sleep(Duration::from_secs(4)).await;
            child.kill().await.expect("killed");
        } else {
            let (out, told, code) = ends(child).await;
            assert_eq!((out.as_str(), code), (words, Some(0)), "{mode}: {told}");
        }
        let after = apart.peak();
        eprintln!("{mode}: the peak went from {before} to {after} MiB");
        assert!(after < before + 160, "{mode} took {} MiB", after - before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_goes_while_people_are_asked_is_told_and_the_request_withdrawn() {
    let Some((host, mut script)) = instead("leaves").await else { return };
    let child = host.ssh(&[], &["rm /nowhere/x"]).await.spawn().expect("ssh");
    script.says("in").await;
    let request = held(&host, 1).await.remove(0);
    script.go().await;
    let (out, told, code) = ends(child).await;
    assert_eq!((out.as_str(), code), ("", Some(126)), "{told}");
    assert!(told.contains("held by rule `commands`") && told.contains("the target closed"), "{told}");
    let linus = host.world.person("linus").await;
    let mut state = String::new();
    for _try in 0..200 {
        let request = host.world.workflows().show_request(&linus, request.id).await.expect("the request");
        request.state.as_str().clone_into(&mut state);
        if state == "withdrawn" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the request is {state}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_what_a_target_says_of_itself_is_shown_and_not_obeyed() {
    let Some((host, _script)) = instead("escapes").await else { return };
    let (out, told, _) = host.run("echo in").await;
    assert!(!out.contains('\u{1b}') && !told.contains('\u{1b}'), "{out:?} {told:?}");
    // And a guard that is none.
    let guard = host.tools.path().join("not-a-guard");
    super::program(&guard, "printf '\\033]0;owned\\007\\033[2J\\n' >&2; exit 1");
    let named = format!(", guard = \"{}\"", guard.display());
    let other = Host::edited(&[("@GUARD@", &named)]).await;
    other.grant(Span::hours(1)).await;
    let (out, told, code) = other.run("echo in").await;
    assert_eq!((out.as_str(), code), ("", Some(126)), "{told}");
    assert!(told.contains("the guard did not start at the target: \\u{1b}]0;owned\\u{7}\\u{1b}[2J"), "{told:?}");
}
