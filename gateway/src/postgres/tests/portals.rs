//! Names that come to mean another query: portals, cursors, prepared statements. And decisions that grow old.

use std::time::Duration;

use tokio::time::Instant;

use super::world::{Raw, World, mask, open};
use super::{bind, execute, flush, frame, parse, query, sync};

const PHONE: &str = "+49 30 1234567";

async fn start() -> World {
    let world = World::start_with(open(), mask(&["customers.phone"], &[])).await;
    world
        .admin(
            "CREATE TABLE customers (phone text); INSERT INTO customers VALUES ('+49 30 1234567'), ('+49 30 1234567');
             CREATE TABLE plain (name text); INSERT INTO plain VALUES ('shown'), ('shown');
             CREATE FUNCTION closer(r refcursor) RETURNS int LANGUAGE plpgsql AS 'BEGIN CLOSE r; RETURN 1; END'",
        )
        .await;
    world
}

fn describe(kind: u8, name: &str) -> Vec<u8> {
    frame(b'D', &[&[kind], name.as_bytes(), &[0]].concat())
}

fn close(kind: u8, name: &str) -> Vec<u8> {
    frame(b'C', &[&[kind], name.as_bytes(), &[0]].concat())
}

/// At most one row.
fn execute_one(portal: &str) -> Vec<u8> {
    frame(b'E', &[portal.as_bytes(), &[0, 0, 0, 0, 1]].concat())
}

async fn answer(raw: &mut Raw, frames: &[Vec<u8>], until: u8) -> (String, String) {
    raw.send(&frames.concat()).await;
    let all = raw.until(until).await;
    let tags = all.iter().map(|(tag, _)| *tag as char).collect();
    let rows = all.iter().filter(|(tag, _)| matches!(tag, b'D' | b'E'));
    (tags, rows.map(|(_, body)| String::from_utf8_lossy(body).into_owned()).collect())
}

#[tokio::test]
async fn a_portal_whose_name_got_another_query_shows_nothing_of_it() {
    let world = start().await;
    for (cursor, together) in [("phone", false), ("phone", true), ("phone || ''", false), ("phone || ''", true)] {
        let mut raw = Raw::connect(&world).await;
        answer(&mut raw, &[query("BEGIN")], b'Z').await;
        let again = format!("DECLARE p CURSOR FOR SELECT {cursor} FROM customers");
        let portal = [parse("", "SELECT 'x'"), bind("p", ""), describe(b'P', "p")];
        let (tags, rows) = if together {
            let text = |text: &str| [parse("", text), bind("", ""), execute("")].concat();
            let last = [text("CLOSE p"), text(&again), execute("p"), sync()];
            answer(&mut raw, &[&portal[..], &last].concat(), b'Z').await
        } else {
            let (tags, _) = answer(&mut raw, &[&portal[..], &[flush()]].concat(), b'T').await;
            assert_eq!(tags, "12T");
            raw.send(&sync()).await;
            raw.until(b'Z').await;
            answer(&mut raw, &[query(&format!("CLOSE p; {again}"))], b'Z').await;
            answer(&mut raw, &[execute("p"), sync()], b'Z').await
        };
        assert!(!rows.contains(PHONE), "{cursor}, {together}: {tags} {rows}");
        assert!(tags.contains('D'), "the rows come, hidden: {cursor}, {together}: {tags}");
    }
}

#[tokio::test]
async fn a_cursor_that_is_declared_anew_is_described_anew() {
    let world = start().await;
    for late in [false, true] {
        let mut raw = Raw::connect(&world).await;
        answer(&mut raw, &[query("BEGIN; DECLARE k CURSOR FOR SELECT name FROM plain")], b'Z').await;
        let fetch = [parse("f", "FETCH 1 FROM k"), describe(b'S', "f"), bind("", "f"), execute(""), sync()];
        let (_, rows) = answer(&mut raw, &fetch, b'Z').await;
        assert!(rows.contains("shown"), "{rows}");
        if late {
            answer(&mut raw, &[bind("late", "f"), describe(b'P', "late"), sync()], b'Z').await;
        }
        answer(&mut raw, &[query("CLOSE k; DECLARE k CURSOR FOR SELECT phone FROM customers")], b'Z').await;
        let frames = if late { vec![execute("late"), sync()] } else { vec![bind("", "f"), execute(""), sync()] };
        let (tags, rows) = answer(&mut raw, &frames, b'Z').await;
        assert!(!rows.contains(PHONE) && tags.contains('D'), "{tags} {rows}");
    }
}

#[tokio::test]
async fn a_prepared_statement_that_got_another_text_is_not_masked_as_the_first() {
    let world = start().await;
    let first = [parse("q", "SELECT phone FROM customers"), parse("e", "EXECUTE q"), bind("p", "e")];
    let second = [close(b'S', "q"), parse("q", "SELECT name FROM plain")];
    // Rows of the first are still in the portal when its name means the second, and the other way round.
    let mut raw = Raw::connect(&world).await;
    answer(&mut raw, &[query("BEGIN")], b'Z').await;
    let (_, rows) = answer(&mut raw, &[&first[..], &[execute_one("p"), sync()]].concat(), b'Z').await;
    assert!(!rows.contains(PHONE), "{rows}");
    let (tags, rows) = answer(&mut raw, &[&second[..], &[execute("p"), sync()]].concat(), b'Z').await;
    assert!(!rows.contains(PHONE) && tags.contains('D'), "{tags} {rows}");
    let mut raw = Raw::connect(&world).await;
    answer(&mut raw, &[query("BEGIN")], b'Z').await;
    let first = [parse("q", "SELECT name FROM plain"), parse("e", "EXECUTE q"), bind("p", "e"), describe(b'P', "p")];
    let second = [close(b'S', "q"), parse("q", "SELECT phone FROM customers"), execute("p"), sync()];
    let (tags, rows) = answer(&mut raw, &[&first[..], &second].concat(), b'Z').await;
    assert!(!rows.contains(PHONE) && tags.contains('D'), "{tags} {rows}");
}

#[tokio::test]
async fn an_error_on_a_description_of_ours_is_the_clients_to_read() {
    let world = start().await;
    let mut raw = Raw::connect(&world).await;
    answer(&mut raw, &[query("BEGIN")], b'Z').await;
    let gone = [parse("", "SELECT name FROM plain"), bind("p", ""), parse("c", "SELECT closer('p')"), bind("", "c")];
    let (tags, rows) = answer(&mut raw, &[&gone[..], &[execute(""), execute("p"), sync()]].concat(), b'Z').await;
    assert_eq!(tags, "1212DCEZ", "{rows}");
    assert!(rows.contains("34000"), "{rows}");
}

#[tokio::test]
async fn a_decision_does_not_outlive_what_it_rests_on() {
    let world = start().await;
    world.admin("CREATE VIEW v AS SELECT name AS x FROM plain").await;
    let client = world.client().await;
    let statement = client.prepare("SELECT x FROM v").await.unwrap();
    let rows = client.query(&statement, &[]).await.unwrap();
    assert_eq!(rows.first().unwrap().get::<_, &str>(0), "shown");
    world.admin("CREATE OR REPLACE VIEW v AS SELECT phone AS x FROM customers").await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while client.query(&statement, &[]).await.unwrap().first().unwrap().get::<_, &str>(0) == PHONE {
        assert!(Instant::now() < deadline, "it is looked up again after a while");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
