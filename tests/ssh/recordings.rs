//! Recordings are searched, and played from where one wants.

use std::time::Duration;

use age::secrecy::ExposeSecret;
use workflows::clock::Span;
use workflows::engine::Filter;

use super::certificates::{countersign, countersign_as};
use super::watched::Terminal;
use super::{Host, until};
use crate::world::files;

/// The session that began last.
pub(super) async fn latest(host: &Host) -> String {
    let ada = host.world.person("ada").await;
    let filter = Filter { open_only: false, limit: 1 };
    host.world.workflows().sessions(&ada, filter).await.expect("sessions").remove(0).id.to_string()
}

/// Waits until so many sessions are closed.
async fn over(host: &Host, count: usize) {
    until("they are over", || host.world.recorded().matches("\"ending\"").count() == count).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_is_found_in_commands_and_in_what_was_seen() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    // The word is nowhere in one piece: neither in the command nor in the bytes that come back.
    let (out, told, code) = host.run("printf 'the nee'; sleep .3; printf '\\033[31md\\033[0mle is here\\n'").await;
    assert_eq!((out.as_str(), code), ("the nee\u{1b}[31md\u{1b}[0mle is here\n", Some(0)), "{told}");
    let (_, told, code) = host.run("true marker-one").await;
    assert_eq!(code, Some(0), "{told}");
    over(&host, 2).await;
    let id = latest(&host).await;
    let (out, told, code) = countersign(&host, &["sessions", "search", "needle is here"]).await;
    assert_eq!(code, Some(0), "{out} {told}");
    assert_eq!(out.lines().count(), 2, "{out}");
    for part in ["ada", "web-1", "output", "the needle is here"] {
        assert!(out.contains(part), "{part} in {out}");
    }
    assert!(!out.contains('\u{1b}'));
    let (out, _, code) = countersign(&host, &["--json", "sessions", "search", "MARKER-ONE", "-i"]).await;
    assert_eq!(code, Some(0), "{out}");
    let found: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let hit = &found["hits"][0];
    assert_eq!(
        (&hit["session"], &hit["place"], &hit["line"]),
        (&id.as_str().into(), &"command".into(), &"true marker-one".into())
    );
    assert_eq!((&hit["operation"], &found["looked"]), (&1.into(), &2.into()));
    // Where it is not: another place, target, person or time.
    for more in [["--in", "output"], ["--target", "orders-prod"], ["--by", "grace"], ["--until", "2020-01-01"]] {
        let (out, told, code) = countersign(&host, &["sessions", "search", "marker-one", more[0], more[1]]).await;
        assert_eq!((out.as_str(), code), ("", Some(1)), "{more:?} {told}");
        assert!(told.starts_with("nothing found in "), "{told}");
    }
    for more in [["--in", "command"], ["--target", "web-1"], ["--by", "ada"], ["--since", "1h"]] {
        let (out, told, code) = countersign(&host, &["sessions", "search", "marker-one", more[0], more[1]]).await;
        assert_eq!(code, Some(0), "{more:?} {out} {told}");
    }
    let (_, told, code) = countersign(&host, &["sessions", "search", "x", "--since", "yesterday"]).await;
    assert_eq!(code, Some(2), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_may_play_a_recording_finds_something_in_it() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    host.run("true marker-two").await;
    over(&host, 1).await;
    for (who, code) in [("ada", 0), ("audrey", 0), ("alan", 1), ("grace", 1)] {
        let (out, told, got) = countersign_as(&host, who, &["sessions", "search", "marker-two"]).await;
        assert_eq!(got, Some(code), "{who} {out} {told}");
    }
    let page = host.world.workflows().audit_page(0, 1_000).await.expect("the log");
    let looks = |actor: &str, verb: &str| {
        page.entries.iter().filter(|entry| entry.actor == actor && entry.verb == verb).count()
    };
    assert_eq!((looks("audrey", "search recordings"), looks("audrey", "look at recording")), (1, 1));
    assert_eq!((looks("alan", "search recordings"), looks("alan", "look at recording")), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_file_is_told_and_the_others_are_searched() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    for number in 0..4 {
        host.run(&format!("true marker-three {number}")).await;
        over(&host, number + 1).await;
    }
    let paths = files(&host.world.folder.path().join("recordings"));
    let [one, two, three, _four] = paths.as_slice() else { panic!("four recordings: {paths:?}") };
    std::fs::remove_file(one).expect("gone");
    std::fs::write(two, b"nothing").expect("written");
    let whole = std::fs::read(three).expect("a recording");
    std::fs::write(three, whole.get(..whole.len() - 20).expect("a part")).expect("written");
    let (out, told, code) = countersign(&host, &["sessions", "search", "marker-three"]).await;
    assert_eq!(code, Some(0), "{out} {told}");
    assert_eq!(out.matches("true marker-three").count(), 2, "{out}");
    for why in ["its file can't be read", "its file is no recording", "its end is missing"] {
        assert_eq!(told.matches(why).count(), 1, "{why} in {told}");
    }
    assert!(!told.contains(&host.world.folder.path().display().to_string()), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sealed_recordings_are_searched_by_who_has_the_key() {
    let identity = age::x25519::Identity::generate();
    let recipient = format!("path = \"@FOLDER@/recordings\"\nrecipients = [\"{}\"]", identity.to_public());
    let host = Host::edited(&[("path = \"@FOLDER@/recordings\"", &recipient)]).await;
    host.grant(Span::hours(1)).await;
    host.run("true marker-four").await;
    let ada = host.world.person("ada").await;
    for _try in 0..100 {
        let all =
            host.world.workflows().sessions(&ada, Filter { open_only: false, limit: 9 }).await.expect("sessions");
        if all.iter().all(|session| session.ended.is_some()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (out, told, code) = countersign(&host, &["sessions", "search", "marker-four"]).await;
    assert_eq!((out.as_str(), code), ("", Some(1)), "{told}");
    assert!(told.contains("it is sealed") && told.contains("--identity FILE"), "{told}");
    let key = host.world.folder.path().join("key");
    std::fs::write(&key, identity.to_string().expose_secret()).expect("written");
    let key = key.display().to_string();
    let (out, told, code) = countersign(&host, &["sessions", "search", "marker-four", "--identity", &key]).await;
    assert_eq!(code, Some(0), "{out} {told}");
    assert!(out.contains("true marker-four") && !told.contains("sealed"), "{out} {told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_given_the_key_searches_sealed_recordings() {
    let identity = age::x25519::Identity::generate();
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    std::fs::write(&key, identity.to_string().expose_secret()).expect("written");
    let sealed = format!(
        "path = \"@FOLDER@/recordings\"\nrecipients = [\"{}\"]\nidentity = \"file:{}\"",
        identity.to_public(),
        key.display()
    );
    let host = Host::edited(&[("path = \"@FOLDER@/recordings\"", &sealed)]).await;
    host.grant(Span::hours(1)).await;
    host.run("true marker-five").await;
    let (mut out, mut told, mut code) = (String::new(), String::new(), None);
    for _try in 0..100 {
        (out, told, code) = countersign(&host, &["sessions", "search", "marker-five"]).await;
        if code == Some(0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(code, Some(0), "{out} {told}");
    assert!(out.contains("true marker-five"), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_begins_at_a_held_command() {
    let host = super::watched::watched().await;
    let victim = host.victim();
    let mut terminal = Terminal::ready(&host).await;
    terminal.types("echo $((6*7))-before\r").await;
    terminal.shows("42-before\r\n").await;
    terminal.types(&format!("rm {}\r", victim.display())).await;
    let held = host.world.held().await;
    host.world.approve("linus", held.id).await;
    until("it ran", || !victim.exists()).await;
    terminal.types("echo $((6*8))-behind\r").await;
    terminal.shows("48-behind\r\n").await;
    terminal.types("exit\r").await;
    over(&host, 1).await;
    let id = latest(&host).await;
    let (out, told, code) = countersign(&host, &["--json", "sessions", "replay", &id, "--holds"]).await;
    assert_eq!(code, Some(0), "{out} {told}");
    let holds: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let hold = &holds[0];
    assert_eq!(holds.as_array().map(Vec::len), Some(1), "{out}");
    assert_eq!((&hold["rule"], &hold["number"]), (&"commands".into(), &1.into()), "{out}");
    assert!(hold["command"].as_str().expect("a command").starts_with("rm /"), "{out}");
    assert!(hold["outcome"].as_str().expect("an outcome").contains("approved by linus"), "{out}");
    let number = hold["operation"].to_string();
    let at = hold["at"].as_str().expect("a place").to_owned();
    for from in [["--held=1", "--text"], ["--op", &number], ["--at", &at]] {
        let mut args = vec!["sessions", "replay", id.as_str(), "--text"];
        args.extend(from.into_iter().filter(|word| *word != "--text"));
        let (out, told, code) = countersign(&host, &args).await;
        assert_eq!(code, Some(0), "{out} {told}");
        assert!(out.contains("48-behind") && !out.contains("42-before"), "{from:?}: {out}");
    }
    let (out, told, code) = countersign(&host, &["sessions", "search", "--in", "output", "48-behind"]).await;
    assert_eq!((out.lines().count(), code), (2, Some(0)), "{out} {told}");
    let (_, told, code) = countersign(&host, &["sessions", "replay", &id, "--text", "--held=2"]).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("there is no hold 2: the recording has 1"), "{told}");
    // On a terminal it is a film: the picture of that moment is drawn at once, with what was held below it.
    let film = picture(&host, &id, &["--held", "--speed", "100"]).await;
    for part in ["42-before", "held by rule `commands`", "approved linus", "48-behind", "session ended"] {
        assert!(film.contains(part), "{part} in {film:?}");
    }
    let begun = film.find("held by rule").expect("there");
    assert!(film.find("42-before").expect("there") < begun, "the screen is there before");
}

/// What a person sees who plays a session on a terminal of 120 columns.
async fn picture(host: &Host, id: &str, more: &[&str]) -> String {
    let credentials = host.world.folder.path().join("ada.toml");
    let line = format!(
        "stty rows 40 cols 120; {} --credentials {} sessions replay {id} {}",
        env!("CARGO_BIN_EXE_countersign"),
        credentials.display(),
        more.join(" ")
    );
    let mut command = tokio::process::Command::new("script");
    command.args(["-qefc", &line, "/dev/null"]).stdin(std::process::Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(crate::world::PATIENCE, command.output()).await.expect("in time").expect("ran");
    assert!(output.status.success());
    String::from_utf8_lossy(&output.stdout).into_owned()
}
