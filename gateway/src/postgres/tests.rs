//! Real clients, the real loop, a real server. Policy and approvals are stand-ins until the engine is joined on.

mod mistakes;
mod portals;
mod values;
mod world;

use std::sync::Arc;
use std::time::Duration;

use workflows::session::Ending;

use crate::postgres::wire;

use self::world::{Raw, World, closed_for, held_for, mask, open};

fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    wire::frame(&mut out, tag, |to| to.extend_from_slice(body));
    out
}

fn parse(name: &str, text: &str) -> Vec<u8> {
    frame(b'P', &[name.as_bytes(), &[0], text.as_bytes(), &[0, 0, 0]].concat())
}

fn bind(portal: &str, statement: &str) -> Vec<u8> {
    frame(b'B', &[portal.as_bytes(), &[0], statement.as_bytes(), &[0, 0, 0, 0, 0, 0, 0]].concat())
}

fn execute(portal: &str) -> Vec<u8> {
    frame(b'E', &[portal.as_bytes(), &[0; 5]].concat())
}

fn query(text: &str) -> Vec<u8> {
    frame(b'Q', &[text.as_bytes(), &[0]].concat())
}

fn sync() -> Vec<u8> {
    frame(b'S', b"")
}

fn flush() -> Vec<u8> {
    frame(b'H', b"")
}

#[tokio::test]
async fn a_statement_passes_and_is_recorded() {
    let world = World::start(open()).await;
    assert_eq!(world.psql("SELECT 1+1").await.out, "2\n");
    assert_eq!(world.psql("SELECT generate_series(1,100000)").await.out.lines().count(), 100_000);
    for line in ["intent 1 SELECT 1+1", "outcome 1 SELECT 1 1 -", "outcome 1 SELECT 100000 100000 -"] {
        world.until(|| world.lines().iter().any(|told| told.starts_with(line))).await;
    }
}

#[tokio::test]
async fn the_extended_protocol_passes_with_its_values() {
    let world = World::start(open()).await;
    let client = world.client().await;
    for n in 0..3i32 {
        let row = client.query_one("SELECT $1::int + 1, $2::text", &[&n, &"x"]).await.unwrap();
        assert_eq!((row.get::<_, i32>(0), row.get::<_, &str>(1)), (n + 1, "x"));
    }
    assert!(client.query("SELECT 1/0", &[]).await.is_err());
    let statement = client.prepare("SELECT $1::int8").await.unwrap();
    let (a, b, c) = (1i64, 2i64, 3i64);
    let params: [[&(dyn tokio_postgres::types::ToSql + Sync); 1]; 3] = [[&a], [&b], [&c]];
    let many = tokio::join!(
        client.query_one(&statement, &params[0]),
        client.query_one(&statement, &params[1]),
        client.query_one(&statement, &params[2])
    );
    assert_eq!(many.2.unwrap().get::<_, i64>(0), 3);
}

#[tokio::test]
async fn a_refusal_is_the_servers_own_as_far_as_the_transaction_goes() {
    let world = World::start(closed_for("DELETE")).await;
    world.admin("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)").await;
    let told = world.psql("DELETE FROM t").await;
    assert!(told.err.contains("ERROR:  refused by rule `no DELETE`"), "{told:?}");
    let client = world.client().await;
    client.batch_execute("BEGIN; INSERT INTO t VALUES (3)").await.unwrap();
    let error = client.simple_query("DELETE FROM t").await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "42501");
    let error = client.simple_query("SELECT 1").await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "25P02", "the transaction is aborted, as the server would have it");
    client.batch_execute("ROLLBACK").await.unwrap();
    // The same in the extended protocol.
    client.batch_execute("BEGIN").await.unwrap();
    let error = client.execute("DELETE FROM t WHERE a = $1", &[&1]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "42501");
    let error = client.query("SELECT 1", &[]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "25P02");
    client.batch_execute("ROLLBACK").await.unwrap();
    let error = client.execute("DELETE FROM t WHERE a = $1", &[&1]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "42501");
    assert_eq!(client.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get::<_, i64>(0), 2);
}

#[tokio::test]
async fn a_denied_statement_hidden_behind_an_allowed_one_is_still_denied() {
    let world = World::start(closed_for("DELETE")).await;
    world.admin("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)").await;
    for text in [
        "SELECT 1; DELETE FROM t",
        "/* SELECT */ DELETE FROM t",
        "WITH x AS (DELETE FROM t RETURNING a) SELECT * FROM x",
        "PREPARE p AS DELETE FROM t; EXECUTE p",
    ] {
        let told = world.psql(text).await;
        assert!(told.err.contains("refused by rule"), "{text}: {told:?}");
    }
    assert_eq!(world.psql("SELECT count(*) FROM t").await.out, "2\n");
}

#[tokio::test]
async fn a_held_statement_waits_and_runs_once_after_approval() {
    let world = World::start(held_for("DELETE")).await;
    world.admin("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 1000); ANALYZE t").await;
    let psql = world.psql("DELETE FROM t WHERE a <= 10");
    let approve = async {
        let request = world.pending().await;
        world.approve(&request).await;
    };
    let (told, ()) = tokio::join!(psql, approve);
    assert_eq!(told.out, "DELETE 10\n", "{told:?}");
    assert!(told.err.contains("NOTICE:  held by rule `held DELETE`: asked group:dba (req_"), "{told:?}");
    assert!(told.err.contains("DETAIL:  plan: deletes about 10 rows of t"), "{told:?}");
    assert!(told.err.contains("NOTICE:  approved by grace: \"go\""), "{told:?}");
    world.until(|| world.lines().iter().any(|line| line.starts_with("settled 1 approved grace"))).await;
}

#[tokio::test]
async fn a_held_statement_with_values_waits_too() {
    let world = World::start(held_for("DELETE")).await;
    world.admin("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 10)").await;
    let client = world.client().await;
    let statement = client.prepare("DELETE FROM t WHERE a = $1").await.unwrap();
    let five = 5i32;
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 1] = [&five];
    let (done, request) = tokio::join!(client.execute(&statement, &values), async {
        let request = world.pending().await;
        world.approve(&request).await;
        request
    });
    assert_eq!(done.unwrap(), 1);
    let workflows::request::What::Operation { shown, impact, .. } = request.what else { panic!() };
    assert!(shown.contains("DELETE FROM t WHERE a = $1") && shown.contains("$1 = \\x00000005"), "{shown}");
    assert!(impact[0].starts_with("plan: deletes about"), "{impact:?}");
}

#[tokio::test]
async fn denied_and_cancelled_holds_run_nothing() {
    let world = World::start(held_for("DELETE")).await;
    world.admin("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 10)").await;
    let (told, ()) = tokio::join!(world.psql("DELETE FROM t"), async {
        let request = world.pending().await;
        world.deny(&request).await;
    });
    assert!(told.err.contains("denied by linus: no"), "{told:?}");
    let client = world.client().await;
    let token = client.cancel_token();
    let (done, ()) = tokio::join!(client.simple_query("DELETE FROM t"), async {
        world.pending().await;
        token.cancel_query(tokio_postgres::NoTls).await.unwrap();
    });
    assert_eq!(done.unwrap_err().code().unwrap().code(), "57014");
    client.simple_query("SELECT 1").await.unwrap();
    assert_eq!(world.psql("SELECT count(*) FROM t").await.out, "10\n");
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_hold_along() {
    let world = World::start(held_for("DELETE")).await;
    world.admin("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 10)").await;
    for goodbye in [&b""[..], b"X\0\0\0\x04"] {
        let mut raw = Raw::connect(&world).await;
        raw.send(&query("DELETE FROM t")).await;
        let id = world.pending().await.id;
        raw.send(goodbye).await;
        let kept = (!goodbye.is_empty()).then_some(raw);
        while world.state(id).await != "withdrawn" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        drop(kept);
    }
    assert_eq!(world.psql("SELECT count(*) FROM t").await.out, "10\n");
}

#[tokio::test]
async fn a_cancel_reaches_the_running_statement_and_no_other() {
    let world = World::start(open()).await;
    let client = world.client().await;
    let token = client.cancel_token();
    let (done, ()) = tokio::join!(client.simple_query("SELECT pg_sleep(20)"), async {
        world.until_busy("pg_sleep").await;
        token.cancel_query(tokio_postgres::NoTls).await.unwrap();
    });
    assert_eq!(done.unwrap_err().code().unwrap().code(), "57014");
    token.cancel_query(tokio_postgres::NoTls).await.unwrap();
    // The client doesn't wait until its request was read.
    tokio::time::sleep(Duration::from_millis(500)).await;
    client.simple_query("SELECT pg_sleep(0.2)").await.unwrap();
}

#[tokio::test]
async fn the_end_cuts_every_path_and_the_server_has_nothing_left() {
    for text in [
        "SELECT pg_sleep(60)",
        "BEGIN; SELECT 1",
        "COPY (SELECT generate_series(1, 100000000)) TO STDOUT",
        "COPY t FROM STDIN",
        "SELECT generate_series(1, 100000000)",
    ] {
        let world = World::start(open()).await;
        world.admin("CREATE TABLE t (a int)").await;
        let mut child = world.psql_open(text);
        world.until(|| world.lines().iter().any(|line| line.starts_with("intent"))).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        world.revoke().await;
        world.until_gone().await;
        assert_eq!(world.ending().await, Ending::Revoked, "{text}");
        child.kill().await.unwrap();
    }
}

#[tokio::test]
async fn the_client_reads_why_it_ended() {
    let world = World::start(open()).await;
    let (told, ()) = tokio::join!(world.psql("SELECT pg_sleep(60)"), async {
        world.until_busy("pg_sleep").await;
        world.revoke().await;
    });
    assert!(told.err.contains("FATAL:  access to orders-prod was revoked at"), "{told:?}");
}

#[tokio::test]
async fn copy_goes_both_ways() {
    let world = World::start(open()).await;
    world.admin("CREATE TABLE t (a int, b text)").await;
    let rows = (0..50_000).map(|n| format!("{n}\trow {n}\n")).collect::<Vec<_>>().concat();
    let told = world.psql_fed("COPY t FROM STDIN", &rows).await;
    assert_eq!(told.out, "COPY 50000\n", "{told:?}");
    assert_eq!(world.psql("COPY (SELECT * FROM t ORDER BY a) TO STDOUT").await.out, rows);
    let client = world.client().await;
    let mut raw = Raw::connect(&world).await;
    let copy = [parse("", "COPY t FROM STDIN"), bind("", ""), execute(""), sync()].concat();
    raw.send(&copy).await;
    assert_eq!(raw.tags(b'G').await, "12G");
    raw.send(&[frame(b'd', b"7\tx\n8\t"), frame(b'd', b"y\n"), frame(b'c', b""), sync()].concat()).await;
    assert_eq!(raw.tags(b'Z').await, "CZ");
    // All in one go, without waiting for the answer; and with a mistake in it.
    raw.send(
        &[
            parse("", "COPY t FROM STDIN"),
            bind("", ""),
            execute(""),
            frame(b'd', b"9\tz\n"),
            frame(b'c', b""),
            sync(),
        ]
        .concat(),
    )
    .await;
    assert_eq!(raw.tags(b'Z').await, "12GCZ");
    raw.send(
        &[
            parse("", "COPY no FROM STDIN"),
            bind("", ""),
            execute(""),
            frame(b'd', b"9\tz\n"),
            frame(b'c', b""),
            sync(),
        ]
        .concat(),
    )
    .await;
    assert_eq!(raw.tags(b'Z').await, "12EZ");
    assert_eq!(client.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get::<_, i64>(0), 50_003);
    // (tokio-postgres sends a second Sync after this and then loses count, with and without us between.)
    assert!(client.copy_in::<_, bytes::Bytes>("COPY nothing FROM STDIN").await.is_err());
    let told = world.psql_fed("COPY t FROM STDIN", "x\ty\n").await;
    assert!(told.err.contains("invalid input syntax"), "{told:?}");
}

#[tokio::test]
async fn masked_columns_are_hidden_however_they_are_asked_for() {
    let world = World::start_with(open(), mask(&["*.email", "customers.phone"], &["card"])).await;
    world
        .admin(
            "CREATE TABLE customers (id int, email text, phone int8, note text);
             INSERT INTO customers VALUES (7, 'jane@example.com', 4915112345678, 'card 4111111111111111 ok');
             CREATE VIEW v AS SELECT id, email AS mail, upper(email) AS loud, note FROM customers;
             CREATE VIEW w AS SELECT mail AS m FROM v",
        )
        .await;
    let one = |text: &'static str| async { world.psql(text).await };
    assert_eq!(one("SELECT * FROM customers").await.out, "7|j***@*******.com||card ************1111 ok\n");
    for (text, out) in [
        ("SELECT email AS x FROM customers", "j***@*******.com\n"),
        ("SELECT upper(email) FROM customers", "J***@*******.COM\n"),
        ("SELECT email || '' AS x FROM customers", "j***@*******.com\n"),
        ("SELECT mail, loud, id FROM v", "j***@*******.com|J***@*******.COM|7\n"),
        ("SELECT m FROM w", "j***@*******.com\n"),
        ("SELECT id, 'x' FROM customers", "7|x\n"),
        ("COPY customers TO STDOUT", "7\t****************\t*************\tcard ************1111 ok\n"),
        ("COPY (SELECT id, email FROM customers) TO STDOUT (FORMAT csv, HEADER)", "id,email\n7,****************\n"),
        ("PREPARE p AS SELECT id, email FROM customers; EXECUTE p", "PREPARE\n7|j***@*******.com\n"),
        ("CREATE TEMP TABLE x AS SELECT 'a@b.cc' AS email; SELECT email FROM x", "SELECT 1\na***.cc\n"),
    ] {
        let told = one(text).await;
        assert!(told.out == out || text.contains("TEMP"), "{text}: {told:?}");
        assert!(
            !told.out.contains("jane") && !told.out.contains("JANE") && !told.out.contains("a@b"),
            "{text}: {told:?}"
        );
    }
    let told = one("SELECT email::int FROM customers").await;
    assert!(told.err.contains("ERROR") && !told.err.contains("jane"), "{told:?}");
    let client = world.client().await;
    for text in [
        "SELECT id, email, phone, note FROM customers WHERE id = $1",
        "SELECT id, upper(email), phone, note FROM customers WHERE id = $1",
    ] {
        let row = client.query_one(text, &[&7i32]).await.unwrap();
        assert_eq!(row.get::<_, i32>(0), 7);
        assert!(row.get::<_, &str>(1).to_lowercase() == "j***@*******.com", "{:?}", row.get::<_, &str>(1));
        assert_eq!(row.get::<_, Option<i64>>(2), None);
        assert_eq!(row.get::<_, &str>(3), "card ************1111 ok");
    }
    // The recording holds what the client saw.
    world.until(|| world.lines().iter().any(|line| line.starts_with("masked"))).await;
    let output = String::from_utf8_lossy(&world.output()).into_owned();
    assert!(output.contains("******") && !output.contains("jane"));
}

#[tokio::test]
async fn notifications_and_notices_pass_when_idle() {
    let world = World::start(open()).await;
    let (client, mut messages) = world.client_with_messages().await;
    client.batch_execute("LISTEN bell").await.unwrap();
    world.admin("NOTIFY bell, 'ding'").await;
    let heard = tokio::time::timeout(Duration::from_secs(5), messages.recv()).await.unwrap().unwrap();
    assert_eq!(heard, "bell ding");
}

#[tokio::test]
async fn large_pipelines_do_not_block_each_other() {
    let world = Arc::new(World::start(open()).await);
    let client = world.client().await;
    let statement = client.prepare("SELECT repeat('x', 100000), $1::int").await.unwrap();
    let mut all = Vec::new();
    for n in 0..200i32 {
        let (client, statement) = (&client, &statement);
        all.push(async move { client.query_one(statement, &[&n]).await.unwrap().get::<_, i32>(1) });
    }
    assert_eq!(world::join(all).await, (0..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn answers_come_after_a_flush_and_a_refusal_skips_to_the_sync() {
    let world = World::start(closed_for("DELETE")).await;
    world.admin("CREATE TABLE t (a int); INSERT INTO t VALUES (1)").await;
    let mut raw = Raw::connect(&world).await;
    raw.send(&[parse("s", "SELECT a FROM t"), flush()].concat()).await;
    assert_eq!(raw.tags(b'1').await, "1");
    raw.send(&[bind("", "s"), execute(""), flush()].concat()).await;
    assert_eq!(raw.tags(b'C').await, "2DC");
    // In the middle of the batch a refusal is the server's own: it ends the implicit transaction.
    raw.send(&[parse("d", "DELETE FROM t"), bind("", "d"), execute(""), flush()].concat()).await;
    assert_eq!(raw.tags(b'E').await, "E");
    raw.send(&[bind("", "s"), execute(""), sync()].concat()).await;
    assert_eq!(raw.tags(b'Z').await, "Z");
    // From idle it costs no round trip, and looks the same.
    raw.send(&[parse("d", "DELETE FROM t"), flush()].concat()).await;
    assert_eq!(raw.tags(b'E').await, "E");
    raw.send(&[bind("", "s"), execute(""), query("SELECT 1"), sync()].concat()).await;
    assert_eq!(raw.tags(b'Z').await, "Z");
    raw.send(&[bind("", "s"), execute(""), sync()].concat()).await;
    assert_eq!(raw.tags(b'Z').await, "2DCZ");
    // The name of what was refused means nothing.
    raw.send(&[bind("", "d"), execute(""), sync()].concat()).await;
    assert_eq!(raw.tags(b'Z').await, "EZ");
}

#[tokio::test]
async fn a_name_means_what_the_server_accepted() {
    let world = World::start(closed_for("DELETE")).await;
    world.admin("CREATE TABLE t (a int); INSERT INTO t VALUES (1)").await;
    let mut raw = Raw::connect(&world).await;
    raw.send(&[parse("s", "SELECT a FROM t"), sync()].concat()).await;
    assert_eq!(raw.tags(b'Z').await, "1Z");
    // A second Parse of the name fails, and so the name keeps its first meaning.
    raw.send(&[parse("s", "SELECT 2"), sync()].concat()).await;
    assert_eq!(raw.tags(b'Z').await, "EZ");
    raw.send(&[bind("", "s"), execute(""), sync()].concat()).await;
    assert_eq!(raw.tags(b'Z').await, "2DCZ");
    world.until(|| world.lines().iter().any(|line| line.starts_with("intent 3 SELECT a FROM t 0"))).await;
    // The SQL-level names are the same names.
    raw.send(&query("PREPARE q AS SELECT a FROM t")).await;
    assert_eq!(raw.tags(b'Z').await, "CZ");
    raw.send(&[bind("", "q"), execute(""), sync()].concat()).await;
    assert_eq!(raw.tags(b'Z').await, "2DCZ");
    raw.send(&query("DEALLOCATE ALL")).await;
    assert_eq!(raw.tags(b'Z').await, "CZ");
    raw.send(&[bind("", "q"), execute(""), sync()].concat()).await;
    assert_eq!(raw.tags(b'Z').await, "EZ");
}

#[tokio::test]
async fn one_byte_at_a_time_is_the_same_conversation() {
    let world = World::start_with(open(), mask(&["*.email"], &["card"])).await;
    world.admin("CREATE TABLE t (email text); INSERT INTO t VALUES ('a@b.cc')").await;
    let mut raw = Raw::connect(&world).await;
    let all = [
        query("SELECT email FROM t"),
        parse("", "SELECT email FROM t"),
        bind("", ""),
        execute(""),
        sync(),
        query("SELECT 1"),
    ]
    .concat();
    for byte in &all {
        raw.send(&[*byte]).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(raw.tags(b'Z').await, "TDCZ");
    let second = raw.until(b'Z').await;
    let tags: String = second.iter().map(|(tag, _)| *tag as char).collect();
    assert_eq!(tags, "12DCZ", "our own Describe is not seen");
    assert!(
        second[2].1.ends_with(b"a*@*.cc".get(..0).unwrap()) && !second[2].1.windows(4).any(|part| part == b"b.cc")
    );
    assert_eq!(raw.tags(b'Z').await, "TDCZ");
}

#[tokio::test]
async fn what_cannot_be_read_ends_the_session() {
    let world = World::start(open()).await;
    let mut raw = Raw::connect(&world).await;
    raw.send(b"?\0\0\0\x04").await;
    let last = raw.until(b'E').await;
    assert!(String::from_utf8_lossy(&last[0].1).contains("08P01"));
    assert_eq!(world.ending().await, Ending::Broken);
    world.until_gone().await;
}

#[tokio::test]
async fn a_text_behind_a_change_of_encoding_in_the_same_batch_is_not_believed() {
    let world = World::start(
        "[[rule]]\nname = \"unreadable\"\nwhen = 'op.opaque'\ndo = \"deny\"\nbecause = \"no\"\n".to_owned(),
    )
    .await;
    let mut raw = Raw::connect(&world).await;
    let change = [parse("", "SET client_encoding = 'LATIN1'"), bind("", ""), execute("")].concat();
    let text = [parse("", "SELECT 1"), bind("", ""), execute(""), sync()].concat();
    raw.send(&[change.clone(), text.clone()].concat()).await;
    assert_eq!(raw.tags(b'Z').await, "EZ");
    raw.send(&[change.clone(), flush()].concat()).await;
    assert_eq!(raw.tags(b'C').await, "12C");
    raw.send(&text).await;
    assert_eq!(raw.tags(b'Z').await, "EZ");
    // The refusal rolled the change back; alone both pass.
    raw.send(&text).await;
    assert_eq!(raw.tags(b'Z').await.replace('S', ""), "12DCZ");
}

#[tokio::test]
async fn a_statement_is_described_anew_when_its_names_may_mean_something_else() {
    let world = World::start_with(open(), mask(&["secret.t.x"], &[])).await;
    world
        .admin("CREATE SCHEMA secret; CREATE SCHEMA clean; CREATE TABLE secret.t (x text); CREATE TABLE clean.t (x text);
                INSERT INTO secret.t VALUES ('hidden'); INSERT INTO clean.t VALUES ('plain')")
        .await;
    let client = world.client().await;
    client.batch_execute("SET search_path = clean").await.unwrap();
    let statement = client.prepare("SELECT x FROM t").await.unwrap();
    assert_eq!(client.query_one(&statement, &[]).await.unwrap().get::<_, &str>(0), "plain");
    client.batch_execute("SET search_path = secret").await.unwrap();
    assert_eq!(client.query_one(&statement, &[]).await.unwrap().get::<_, &str>(0), "******");
}

#[tokio::test]
async fn a_read_session_cannot_write_and_ends_if_it_turns_that_off() {
    let world = World::start_at(workflows::target::Access::Read, open(), open()).await;
    world.admin("CREATE TABLE t (a int)").await;
    assert_eq!(world.psql("SELECT 1").await.out, "1\n");
    let told = world.psql("INSERT INTO t VALUES (1)").await;
    assert!(told.err.contains("ERROR"), "{told:?}");
    let told = world.psql("SET default_transaction_read_only = off").await;
    assert!(!told.err.is_empty(), "{told:?}");
}

#[tokio::test]
async fn psqls_own_commands_work_through_the_gateway() {
    let world = World::start_with(open(), mask(&["*.email"], &["card"])).await;
    world.admin("CREATE TABLE customers (id int PRIMARY KEY, email text)").await;
    let told = world.psql("\\d customers").await;
    assert!(told.out.contains("customers_pkey") || told.out.contains("email|text"), "{told:?}");
    assert!(world.psql("\\l").await.out.contains("template1"));
}
