//! What happened can be shown, and nothing secret is in it.

use std::time::Duration;

use workflows::clock::Span;
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
