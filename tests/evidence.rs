//! What happened can be shown, and nothing secret is in it.

use std::time::Duration;

use workflows::clock::Span;
use workflows::evidence::Anchors;
use workflows::evidence::recording::{Ending, Event, Reader};
use workflows::target::Access;

use crate::world::{CANARY, World, files, spoken};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_recorded_with_verdicts_approvers_and_outcomes() {
    let world = World::start().await;
    let mut psql = world.psql("ada").await;
    psql.ask("SELECT id FROM orders ORDER BY id;", "(3 rows)").await;
    psql.send("DELETE FROM orders;").await;
    psql.until("held by rule").await;
    world.approve("grace", world.held().await.id).await;
    psql.until("DELETE 3").await;
    psql.ask("DROP TABLE orders;", "ERROR").await;
    psql.quit().await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let path = files(&world.folder.path().join("recordings")).pop().expect("a recording");
    let mut reader = Reader::open(&path, None).unwrap();
    let records: Vec<Event> = reader.by_ref().map(|record| record.unwrap().what).collect();
    assert_eq!(reader.ending(), Some(Ending::Complete));
    let text: String = records.iter().map(spoken).collect();
    for part in ["\"who\":\"ada\"", "bulk write", "approved", "grace", "DELETE 3", "left"] {
        assert!(text.contains(part), "the recording lacks {part}: {text}");
    }
    assert!(records.iter().any(|event| matches!(event, Event::Intent { verdict: 2, .. })), "the refusal");
    assert!(records.iter().any(|event| matches!(event, Event::Outcome { rows: 3, .. })), "the rows");
}

/// G15: every credential carries a canary; nothing that Countersign wrote or said holds it.
#[tokio::test(flavor = "multi_thread")]
async fn no_stored_secret_is_in_anything_that_was_written() {
    let mut world = World::start().await;
    let token = world.token("ada").await;
    let mut psql = world.psql("ada").await;
    psql.ask("SELECT 41 + 1 AS answer;", "42").await;
    psql.ask("SELECT 1/0;", "division by zero").await;
    psql.quit().await;
    world.close().await;
    for path in files(world.folder.path()) {
        if ["read", "write"].iter().any(|name| path.ends_with(name)) {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for secret in [CANARY.as_bytes(), token.reveal().as_bytes()] {
            let found = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "{} holds a secret", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_can_be_read_after_a_kill() {
    let mut world = World::start().await;
    let mut psql = world.psql("ada").await;
    psql.ask("SELECT 41 + 1 AS answer;", "42").await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let path = files(&world.folder.path().join("recordings")).pop().expect("a recording");
    // What a kill -9 leaves: the file as it is at this moment.
    let copy = world.folder.path().join("copy.csr");
    std::fs::copy(&path, &copy).unwrap();
    let reader = Reader::open(&copy, None).unwrap();
    let text: Vec<String> = reader.map(|record| spoken(&record.unwrap().what)).collect();
    assert!(text.iter().any(|line| line.starts_with("outcome")), "{text:?}");
    world.close().await;
}

/// G12: what can't be recorded does not pass.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_recording_nobody_enters() {
    let world = World::start().await;
    world.grant("ada", Access::Read, Span::hours(1)).await;
    let recordings = world.folder.path().join("recordings");
    std::fs::remove_dir_all(&recordings).unwrap();
    std::fs::write(&recordings, "not a folder").unwrap();
    let (said, worked) = world.run("ada", &["-c", "SELECT 1"]).await;
    assert!(!worked && said.contains("record"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_tells_the_story_and_verifies() {
    let world = World::start().await;
    let mut psql = world.psql("ada").await;
    psql.ask("SELECT 41 + 1 AS answer;", "42").await;
    psql.quit().await;
    tokio::time::sleep(Duration::from_millis(1_800)).await;
    let page = world.workflows().audit_page(0, 1_000).await.unwrap();
    let verbs: Vec<&str> = page.entries.iter().map(|entry| entry.verb.as_str()).collect();
    for verb in ["start", "issue", "request", "approve", "begin", "end"] {
        assert!(verbs.contains(&verb), "{verbs:?}");
    }
    let entries = page.entries.into_iter().map(Ok::<_, std::convert::Infallible>);
    let report = workflows::evidence::verify(entries, &page.heads, world.workflows().audit_key()).unwrap();
    assert_eq!(report.unsigned, 0, "{report:?}");
}

/// The log says what each recording is, while its session goes on and at its end; whoever makes one anew is found.
#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_says_what_each_recording_is() {
    let (world, hand) = World::with_clock().await;
    let recordings = world.folder.path().join("recordings");
    let mut ended = world.psql("ada").await;
    ended.ask("SELECT 41 + 1 AS answer;", "42").await;
    ended.quit().await;
    let mut open = world.psql("alan").await;
    open.ask("SELECT 43 + 1 AS answer;", "44").await;
    let anchors = async || {
        let mut anchors = Anchors::default();
        let page = world.workflows().audit_page(0, 10_000).await.unwrap();
        page.entries.iter().for_each(|entry| anchors.note(entry));
        (anchors, page.entries.iter().filter(|entry| entry.verb == "anchor").count())
    };
    let (so_far, none) = anchors().await;
    let compared = so_far.compare(std::slice::from_ref(&recordings));
    assert_eq!((compared.sound, compared.open, compared.faults.as_slice(), none), (2, 1, &[][..], 0));
    // Five minutes later the open one is bound as well, and again only when something was added.
    for wanted in [1, 1, 2] {
        if wanted == 2 {
            open.ask("SELECT 44 + 1 AS answer;", "45").await;
            tokio::time::sleep(Duration::from_millis(600)).await;
        }
        hand.advance(Span::minutes(5));
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(anchors().await.1, wanted);
    }
    let (all, _) = anchors().await;
    let compared = all.compare(std::slice::from_ref(&recordings));
    assert_eq!((compared.sound, compared.open, compared.faults.len()), (2, 1, 0), "{compared:?}");
    // Each of these leaves files that are sound by themselves.
    let paths = files(&recordings);
    let [one, other] = paths.as_slice() else { panic!("two recordings: {paths:?}") };
    let (first, second) = (std::fs::read(one).unwrap(), std::fs::read(other).unwrap());
    let fault = |what: &str| {
        let compared = all.compare(std::slice::from_ref(&recordings));
        assert!(compared.faults.iter().any(|fault| fault.contains(what)), "{what}: {compared:?}");
    };
    std::fs::write(one, &second).unwrap();
    fault("is that of");
    std::fs::write(one, first.get(..first.len() - 20).unwrap()).unwrap();
    fault("is not what was recorded");
    std::fs::remove_file(one).unwrap();
    fault("is missing");
    // A sound copy anywhere is enough.
    let archive = world.folder.path().join("archive");
    let copy = archive.join(one.strip_prefix(&recordings).unwrap());
    std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
    std::fs::write(copy, &first).unwrap();
    assert!(all.compare(&[recordings.clone(), archive]).faults.is_empty());
    fault("is missing");
}

/// However the file writes the folder's path, the log says where in the folder a recording is.
#[tokio::test(flavor = "multi_thread")]
async fn recordings_are_found_by_whatever_path_their_folder_is_named() {
    let world = World::edited("@FOLDER@/recordings", "@FOLDER@/elsewhere/../recordings").await;
    let mut psql = world.psql("ada").await;
    psql.ask("SELECT 41 + 1 AS answer;", "42").await;
    psql.quit().await;
    let mut anchors = Anchors::default();
    for _try in 0..50 {
        let page = world.workflows().audit_page(0, 10_000).await.unwrap();
        if page.entries.iter().any(|entry| entry.verb == "end") {
            page.entries.iter().for_each(|entry| anchors.note(entry));
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let compared = anchors.compare(&[world.folder.path().join("recordings")]);
    assert_eq!((compared.sound, compared.open, compared.faults.as_slice()), (1, 0, &[][..]));
    let mut psql = world.connect("ada").await;
    psql.ask("SELECT 1;", "1").await;
}

/// What a person saw is found, as they saw it: what was masked is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_found_in_a_recording_and_what_was_masked_is_not() {
    let world = World::start().await;
    let mut psql = world.psql("ada").await;
    psql.ask("SELECT name, email FROM customers WHERE id = 1;", "(1 row)").await;
    psql.ask("SELECT 1/0;", "division by zero").await;
    psql.quit().await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let path = files(&world.folder.path().join("recordings")).pop().expect("a recording");
    let found = |text: &str, ignore_case: bool| {
        let (places, since, until) = (Vec::new(), None, None);
        let query = console::Query { text: text.to_owned(), ignore_case, places, since, until, most: 10 };
        let (finds, stopped) = countersign::replay::find::look(&path, None, &query, &|| false);
        assert_eq!(stopped, None);
        finds.into_iter().map(|find| (find.place, find.line)).collect::<Vec<_>>()
    };
    let [(place, line)] = &found("Mira Weber", false)[..] else { panic!("{:?}", found("Mira Weber", false)) };
    assert_eq!(*place, console::documents::Place::Output);
    assert!(line.starts_with("Mira Weber | ") && !line.contains("mira.weber@"), "{line}");
    assert!(found("mira.weber@example.com", false).is_empty());
    assert_eq!(found("DIVISION BY ZERO", true).len(), 1);
    let [(place, _)] = &found("from customers", true)[..] else { panic!("{:?}", found("from customers", true)) };
    assert_eq!(*place, console::documents::Place::Command);
}
