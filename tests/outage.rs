//! G2 and G12: what the gateway can't read, ask or record does not pass, and a node that is cut off ends its sessions.

use std::process::Command;
use std::time::Duration;

use sandbox::Postgres;
use tokio::time::Instant;
use workflows::clock::Span;
use workflows::target::Access;

use crate::world::{Start, World};

const BACKENDS: &str = "SELECT count(*) FROM pg_stat_activity WHERE usename IN ('cs_read', 'cs_write')";

/// A PostgreSQL for the store alone, and its URL.
pub async fn store_of_its_own() -> (String, Postgres) {
    let setup = sandbox::Setup { settings: "synchronous_commit = on".to_owned(), ..sandbox::Setup::default() };
    let store = tokio::task::spawn_blocking(move || Postgres::start_with(&setup)).await.unwrap().unwrap();
    store.sql("postgres", "CREATE ROLE cs LOGIN SUPERUSER PASSWORD 'cs'").unwrap();
    store.sql("postgres", "CREATE DATABASE countersign").unwrap();
    let url = format!("postgres://cs:cs@127.0.0.1:{}/countersign", store.port());
    (url, store)
}

async fn with_a_store_of_its_own() -> (World, Postgres) {
    let (url, store) = store_of_its_own().await;
    (World::start_with(Start { store: Some(url), ..Start::default() }).await, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_gone_nothing_flagged_passes_and_nobody_enters() {
    let (world, mut store) = with_a_store_of_its_own().await;
    let mut psql = world.psql("ada").await;
    psql.ask("SELECT 41 + 1 AS answer;", "42").await;
    let command = world.command("ada").await;
    let since = Instant::now();
    store.stop();
    psql.send("DELETE FROM orders;").await;
    psql.until("ERROR").await;
    let mut late = command;
    let output = late.args(["-c", "SELECT 1"]).output().await.unwrap();
    assert!(!output.status.success(), "nobody enters");
    // A node that can't learn of a revocation ends its sessions.
    world.until_server(BACKENDS, "0").await;
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    assert_eq!(world.server("SELECT count(*) FROM orders"), "3");
    store.restart().unwrap();
    let mut last = String::new();
    for _try in 0..100 {
        let mut again = world.command_with_known_token("ada");
        let output = again.args(["-c", "SELECT 41 + 1"]).output().await.unwrap();
        if output.status.success() {
            return;
        }
        last = String::from_utf8_lossy(&output.stderr).into_owned();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("it did not come back after the store did: {last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_on_a_postgresql_store_is_released_by_a_vote_from_another_node() {
    let (world, _store) = with_a_store_of_its_own().await;
    let mut psql = world.psql("ada").await;
    psql.send("DELETE FROM orders;").await;
    psql.until("held by rule").await;
    let held = world.held().await;
    // The other node: the same file on other ports.
    let other = World::beside(&world).await;
    let linus = other.1.authenticate(&world.token("linus").await).await.unwrap();
    let yes = workflows::engine::Choice::Approve { terms: workflows::approval::Terms::default(), note: None };
    other.1.vote(&linus, held.id, yes).await.unwrap();
    psql.until("DELETE 3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_cuts_forty_sessions() {
    let world = World::start().await;
    let grant = world.grant("ada", Access::Read, Span::hours(1)).await;
    let mut sessions = Vec::new();
    for _session in 0..40 {
        sessions.push(world.client("ada").await);
    }
    world.until_server(BACKENDS, "40").await;
    let root = world.person("root").await;
    let since = Instant::now();
    world.workflows().revoke(&root, grant, "suspicious").await.unwrap();
    world.until_server(BACKENDS, "0").await;
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    for (client, _driving) in sessions {
        assert!(client.query("SELECT 1", &[]).await.is_err());
    }
}

/// A folder that holds little, where the machine lets us have one.
pub struct Small(pub std::path::PathBuf);

impl Small {
    pub fn mount(at: &std::path::Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", "size=128k", "tmpfs"]).arg(at).output();
        if done.is_ok_and(|output| output.status.success()) {
            return Some(Self(at.to_owned()));
        }
        eprintln!("skipped: a small file system can be mounted by root only");
        None
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).output());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_the_recordings_ends_the_session() {
    let folder = tempfile::tempdir().unwrap();
    let Some(small) = Small::mount(&folder.path().join("small")) else { return };
    let world = World::edited("@FOLDER@/recordings", &small.0.display().to_string()).await;
    let mut psql = world.psql("ada").await;
    psql.ask("SELECT 41 + 1 AS answer;", "42").await;
    // Random text does not compress.
    for _much in 0..40 {
        psql.send("SELECT string_agg(md5(random()::text), '') AS x FROM generate_series(1, 500);").await;
    }
    psql.until("record").await;
    world.until_server(BACKENDS, "0").await;
    let (said, worked) = world.run("ada", &["-c", "SELECT 1"]).await;
    assert!(!worked && said.contains("record"), "{said}");
}
