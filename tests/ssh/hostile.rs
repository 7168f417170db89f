//! Clients that keep to no rule: who they are is what they proved last, and what they send is bounded before it is kept.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use workflows::clock::Span;
use workflows::engine::Filter;

use super::apart::{Apart, Script, settings};
use super::certificates::countersign;
use super::{Host, runs, until};

/// So much may hostile work add to the gateway's memory, in MiB. A single length that was believed would be 4,096.
const ROOM: u64 = 160;

/// A script's work, beside a gateway whose memory shows.
async fn beside(mode: &str, more: &[(&str, &str)]) -> Option<(Apart, Value)> {
    let host = Host::edited(more).await;
    host.grant(Span::hours(1)).await;
    let apart = Apart::start(host).await;
    apart.serves().await;
    let before = apart.peak();
    let mut settings = settings(&apart.host).await;
    settings.push(("LINE", long(&apart.host)));
    let mut script = Script::start("cryptography", "hostile_client.py", &[mode], &settings).await?;
    let result = script.result().await;
    script.ends().await;
    apart.serves().await;
    let after = apart.peak();
    eprintln!("{mode}: the peak went from {before} to {after} MiB; {result}");
    assert!(after < before + ROOM, "it took {} MiB", after - before);
    Some((apart, result))
}

/// A command that runs for long, and that no other test runs.
fn long(host: &Host) -> String {
    format!("sleep 90{}", host.sshd.port())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_only_offers_keys_is_not_signed_in() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let (_, told, code) = countersign(&host, &["connect", "web-1", "--certificate"]).await;
    assert_eq!(code, Some(0), "{told}");
    let Some(mut script) =
        Script::start("cryptography", "hostile_client.py", &["probe"], &settings(&host).await).await
    else {
        return;
    };
    let result = script.result().await;
    for (name, said) in result.as_object().expect("by name") {
        let (answer, channel) = (said[0].as_str().expect("text"), said[1].as_str().expect("text"));
        if name == "the certificate" {
            assert_eq!((answer, channel), ("AUTH_SUCCESS", "in"), "else the others prove nothing");
        } else {
            assert!(answer != "AUTH_SUCCESS" && channel.starts_with("gone"), "{name}: {answer}, {channel}");
        }
    }
    assert_eq!(result.as_object().map(serde_json::Map::len), Some(10), "{result}");
    // An offer that is taken says no more than that it may be signed.
    assert_eq!(result["a certificate is offered"][0], "INFO_REQUEST", "{result}");
    script.ends().await;
    let root = host.world.person("audrey").await;
    let all = Filter { open_only: false, limit: 100 };
    assert_eq!(
        host.world.workflows().sessions(&root, all).await.expect("sessions").len(),
        1,
        "that of the certificate"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_changes_who_they_are_gets_what_the_last_proof_says() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let (_, told, code) = countersign(&host, &["connect", "web-1", "--certificate"]).await;
    assert_eq!(code, Some(0), "{told}");
    let Some(mut script) =
        Script::start("cryptography", "hostile_client.py", &["switch"], &settings(&host).await).await
    else {
        return;
    };
    let result = script.result().await;
    let of = |name: &str| result[name].as_array().unwrap_or_else(|| panic!("{name} in {result}")).clone();
    let last = |name: &str| of(name).pop().expect("what came of it").to_string();
    for name in ["linus fails, ada passes", "ada's certificate for another target, then ada"] {
        let said = of(name);
        assert_eq!(said, [json!("AUTH_FAILURE"), json!("AUTH_SUCCESS"), json!(["in\n", ""])], "{name}");
    }
    for name in [
        "the question was for linus",
        "the question was for linus, the answer comes after a try as ada",
        "ada's certificate as linus",
    ] {
        assert!(!of(name).contains(&json!("AUTH_SUCCESS")) && last(name).contains("gone"), "{name}: {result}");
    }
    // Linus may decide about web-1 and has no grant there; what ada proved or offered before is of no use to him.
    let name = "ada offers a key, linus passes";
    assert!(last(name).contains("countersign request web-1"), "{result}");
    let name = "linus is in, and ada tries";
    assert!(last(name).contains("countersign request web-1") || last(name).contains("gone"), "{result}");
    let name = "one target fails, another passes";
    assert!(last(name).contains("orders-prod"), "{result}");
    script.ends().await;
    let audrey = host.world.person("audrey").await;
    let all = Filter { open_only: false, limit: 100 };
    let sessions = host.world.workflows().sessions(&audrey, all).await.expect("sessions");
    let who: Vec<_> = sessions.iter().map(|one| (one.by.name.as_str(), one.target.as_str())).collect();
    assert_eq!(who, [("ada", "web-1"), ("ada", "web-1")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_length_of_4_gib_is_not_believed() {
    // So that it is not the deadline of the handshake that ends them.
    let Some((_apart, ended)) = beside("lengths", &[("ssh = \"127.0.0.1:0\"", PATIENT)]).await else { return };
    for (name, over) in ended.as_object().expect("by name") {
        assert_eq!(over, true, "{name} was not ended: {ended}");
    }
    assert_eq!(ended.as_object().map(serde_json::Map::len), Some(12 + 5 + 6), "{ended}");
}

const PATIENT: &str = "ssh = \"127.0.0.1:0\"\nhandshake_timeout = \"5m\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_fill_no_memory() {
    let Some((apart, result)) = beside("floods", &[]).await else { return };
    for name in ["beyond the window", "beyond the window, held"] {
        let end = result[name]["end"].as_str().expect("an end");
        assert!(end != "all", "320 MB went in: {result}");
    }
    assert_eq!(result["questions whose answers are not read"]["end"], "it takes no more", "{result}");
    // Whatever came of those connections, what they had started is over with them.
    until("all is over", || !runs(&format!("^{}", long(&apart.host)))).await;
    apart.serves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_channels_are_refused_and_others_are_served() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let apart = Apart::start(host).await;
    apart.serves().await;
    let before = apart.peak();
    let Some(mut script) =
        Script::start("cryptography", "hostile_client.py", &["channels"], &settings(&apart.host).await).await
    else {
        return;
    };
    script.says("now").await;
    apart.serves().await;
    script.go().await;
    let result = script.result().await;
    // RFC 4254: 4 is a shortage of resources.
    assert_eq!(result, json!({ "opened": 64, "refused": 9_936, "codes": [4], "again": "in" }));
    script.ends().await;
    let after = apart.peak();
    eprintln!("channels: the peak went from {before} to {after} MiB");
    assert!(after < before + ROOM, "it took {} MiB", after - before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_handshakes_keep_nobody_out() {
    let few = "ssh = \"127.0.0.1:0\"\nmax_handshakes = 20\nhandshake_timeout = \"5m\"";
    let host = Host::edited(&[("ssh = \"127.0.0.1:0\"", few)]).await;
    host.grant(Span::hours(1)).await;
    let address = host.world.ready.ssh.expect("SSH is served");
    let mut slow = Vec::new();
    for number in 0..100_usize {
        let mut socket = TcpStream::connect(address).await.expect("connected");
        // Each stops somewhere else: in its version, in a length, in a packet.
        let begun = b"SSH-2.0-slow\r\n\x00\x00\x01\x00\x04\x14";
        drop(socket.write_all(&begun[..number % begun.len()]).await);
        slow.push(socket);
    }
    // Some go on, a byte at a time.
    let dripping = async {
        loop {
            for socket in &mut slow {
                drop(socket.write_all(b"x").await);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let served = async {
        for _client in 0..3 {
            let (out, told, code) = host.run("echo in").await;
            assert_eq!((out.as_str(), code), ("in\n", Some(0)), "{told}");
        }
    };
    tokio::select! {
        () = served => {}
        () = dripping => {}
    }
}

/// A terminal of a size that nobody has, in one way of running a session. What is typed is held or refused, and never just run.
async fn terminal(host: Host, kind: &str, size: &str) {
    host.grant(Span::hours(1)).await;
    let victim = host.victim();
    let mut settings = settings(&host).await;
    settings.push(("TERMINAL", size.to_owned()));
    settings.push(("KIND", kind.to_owned()));
    let line =
        if kind == "exec" { "test -t 0 && echo in; exit 3".to_owned() } else { format!("rm {}", victim.display()) };
    settings.push(("LINE", line));
    let Some(mut script) = Script::start("cryptography", "hostile_client.py", &["terminal"], &settings).await else {
        return;
    };
    if kind == "shell" {
        script.says("now").await;
        // Read as it is, or in doubt; either way it has not run.
        assert!(victim.exists(), "it ran unseen");
        script.go().await;
    }
    let result = script.result().await;
    if kind == "exec" {
        let seen = result["seen"].as_str().expect("text");
        assert_eq!((seen.trim(), &result["status"]), ("in", &json!(3)), "{size}: {result}");
    }
    script.ends().await;
}

const SIZES: [&str; 3] = ["1x1", "0x0", "10000x10000"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_of_any_size_runs_a_command() {
    for size in SIZES {
        terminal(Host::start().await, "exec", size).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_of_any_size_is_watched() {
    for size in SIZES {
        terminal(Host::edited(&[("@GUARD@", ", watch = true")]).await, "shell", size).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_of_any_size_is_guarded() {
    for size in SIZES {
        terminal(Host::guarded(&[]).await, "shell", size).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_watched_terminal_takes_little_memory() {
    let host = Host::edited(&[("@GUARD@", ", watch = true")]).await;
    host.grant(Span::hours(1)).await;
    let apart = Apart::start(host).await;
    apart.serves().await;
    let before = apart.peak();
    let mut settings = settings(&apart.host).await;
    for (name, value) in [("TERMINAL", "10000x10000"), ("KIND", "shell"), ("LINE", "rm /nowhere/x")] {
        settings.push((name, value.to_owned()));
    }
    let Some(mut script) = Script::start("cryptography", "hostile_client.py", &["terminal"], &settings).await else {
        return;
    };
    script.says("now").await;
    script.go().await;
    script.result().await;
    script.ends().await;
    let after = apart.peak();
    eprintln!("a terminal of 10,000 by 10,000: the peak went from {before} to {after} MiB");
    assert!(after < before + ROOM, "it took {} MiB", after - before);
}
