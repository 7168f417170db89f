//! Clients work through the gateway as they do directly; who may not enter does not.

use std::process::Stdio;
use std::time::Duration;

use tokio_postgres::SimpleQueryMessage;
use workflows::clock::Span;
use workflows::target::Access;

use crate::world::{CANARY, World};

#[tokio::test(flavor = "multi_thread")]
async fn psql_works_as_it_does_directly() {
    let world = World::start().await;
    let mut psql = world.psql("ada").await;
    psql.ask("\\d orders", "customer").await;
    psql.ask("SELECT 1/0;", "division by zero").await;
    psql.ask("BEGIN; INSERT INTO orders VALUES (9, 1, 90); ROLLBACK;", "ROLLBACK").await;
    psql.ask("SELECT count(*) AS n FROM orders; SELECT 'two' AS n;", "two").await;
    psql.ask("\\echo :ERROR", "false").await;
    psql.ask("LISTEN news; NOTIFY news, 'hello';", "hello").await;
    psql.ask("SET application_name = 'x'; SHOW application_name;", "x").await;
    psql.ask("DO $$ BEGIN RAISE NOTICE 'seen'; END $$;", "seen").await;
    assert_eq!(world.server("SELECT count(*) FROM orders"), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_extended_protocol_prepared_statements_and_portals_work() {
    let world = World::start().await;
    world.grant("ada", Access::Write, Span::hours(1)).await;
    let (mut client, _driving) = world.client("ada").await;
    let statement = client.prepare("SELECT id, total::text FROM orders WHERE id >= $1 ORDER BY id").await.unwrap();
    for from in 1..=3_i32 {
        let rows = client.query(&statement, &[&from]).await.unwrap();
        assert_eq!(rows.len(), 4 - from as usize);
    }
    // A portal that is fetched in pieces.
    let transaction = client.transaction().await.unwrap();
    let portal = transaction.bind("SELECT generate_series(1, 25)", &[]).await.unwrap();
    let pieces = [10, 10, 5, 0];
    for piece in pieces {
        assert_eq!(transaction.query_portal(&portal, 10).await.unwrap().len(), piece);
    }
    transaction.commit().await.unwrap();
    let error = client.query("SELECT nothing", &[]).await.unwrap_err();
    assert_eq!(error.code().map(tokio_postgres::error::SqlState::code), Some("42703"));
    let answers = client.simple_query("SELECT 1; SELECT 2, 3").await.unwrap();
    let rows = answers.iter().filter(|answer| matches!(answer, SimpleQueryMessage::Row(_))).count();
    assert_eq!(rows, 2);
    // Pipelined: tokio-postgres sends all three before it reads.
    let (a, b, c) = tokio::join!(
        client.query("SELECT 1", &[]),
        client.query("SELECT count(*) FROM orders", &[]),
        client.query("SELECT 3 WHERE false", &[])
    );
    assert_eq!((a.unwrap().len(), b.unwrap().len(), c.unwrap().len()), (1, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_goes_in_and_out() {
    let world = World::start().await;
    let mut psql = world.psql("ada").await;
    psql.ask("COPY orders FROM STDIN;\n4\t1\t40\n5\t2\t50\n\\.", "COPY 2").await;
    psql.ask("COPY (SELECT id, total FROM orders ORDER BY id) TO STDOUT;", "5\t50").await;
    psql.ask("COPY orders FROM STDIN;\n4\t1\t40\n\\.", "duplicate key").await;
    psql.ask("SELECT count(*) AS n FROM orders;", "5").await;
    psql.ask("\\copy orders to stdout csv", "5,2,50").await;
    assert_eq!(world.server("SELECT count(*) FROM orders"), "5");
}

#[tokio::test(flavor = "multi_thread")]
async fn pgbench_runs_in_every_mode() {
    let world = World::start().await;
    world.postgres.sql("orders", "CREATE TABLE pgbench_dummy ()").unwrap();
    let mut init = std::process::Command::new(world.postgres.program("pgbench"));
    init.args(["-i", "-q", "-s", "1", "-U", "postgres", "-h"]).arg(world.postgres.socket());
    init.args(["-p", &world.postgres.port().to_string(), "orders"]).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(init.status().unwrap().success());
    world.server("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO cs_write");
    world.grant("ada", Access::Write, Span::hours(1)).await;
    let token = world.token("ada").await;
    let script = world.folder.path().join("pipeline.sql");
    std::fs::write(&script, "\\startpipeline\nSELECT 1;\nSELECT abalance FROM pgbench_accounts WHERE aid = 7;\nSELECT 2;\n\\endpipeline\n").unwrap();
    for (mode, more) in [
        ("simple", vec!["-b", "tpcb-like"]),
        ("extended", vec!["-S"]),
        ("prepared", vec!["-S"]),
        ("extended", vec!["-f", script.to_str().unwrap()]),
    ] {
        let mut bench = tokio::process::Command::new(world.postgres.program("pgbench"));
        bench.args(["-n", "-c", "2", "-t", "50", "-M", mode]).args(more);
        bench.args(["-h", "127.0.0.1", "-p", &world.ready.postgres.port().to_string(), "-U", "ada", "orders-prod"]);
        bench.env("PGPASSWORD", token.reveal());
        let output = tokio::time::timeout(crate::world::PATIENCE, bench.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{mode}: {said}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("actually processed: 100/100"), "{mode}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_reaches_the_statement_and_nothing_else() {
    let world = World::start().await;
    let mut psql = world.psql("ada").await;
    psql.send("SELECT pg_sleep(600);").await;
    world
        .until_server(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND usename = 'cs_write'",
            "1",
        )
        .await;
    psql.interrupt();
    psql.until("canceling statement").await;
    let (client, _driving) = world.client("ada").await;
    let cancel = client.cancel_token();
    let (done, ()) = tokio::join!(client.execute("SELECT pg_sleep(600)", &[]), async {
        world.until_server("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active' AND usename = 'cs_write'", "1").await;
        cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
    });
    assert_eq!(done.expect_err("cancelled").code().map(tokio_postgres::error::SqlState::code), Some("57014"));
    // A cancel that comes while nothing runs hits nothing later. It has no answer, so it is given time to arrive.
    cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(client.query("SELECT pg_sleep(0.2)", &[]).await.expect("the connection goes on").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_grant_reads_and_cannot_be_talked_out_of_it() {
    let world = World::start().await;
    world.grant("ada", Access::Read, Span::hours(1)).await;
    let (said, worked) =
        world.run("ada", &["-c", "SELECT current_user, current_setting('transaction_read_only')"]).await;
    assert!(worked && said.contains("cs_read") && said.contains("on"), "{said}");
    for sql in [
        "UPDATE orders SET total = 0 WHERE id = 1",
        "SET default_transaction_read_only = off",
        "SET transaction_read_only = off",
        "BEGIN READ WRITE",
        "START TRANSACTION READ WRITE",
        "SET TRANSACTION READ WRITE",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "SELECT set_config('default_trans' || 'action_read_only', 'off', false)",
        "SET ROLE cs_write",
        "SET SESSION AUTHORIZATION cs_write",
        "DO $$ BEGIN PERFORM 1; EXECUTE 'SET transaction_read_only = off'; END $$",
        "UPDATE pg_settings SET setting = 'off' WHERE name = 'default_transaction_read_only'",
        "COPY orders FROM STDIN",
        "COPY orders TO PROGRAM 'cat'",
        "PREPARE TRANSACTION 'x'",
    ] {
        let (said, worked) = world.run("ada", &["-c", sql]).await;
        assert!(!worked && said.contains("ERROR"), "{sql}: {said}");
    }
    assert_eq!(world.server("SELECT total FROM orders WHERE id = 1"), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn startup_options_do_not_undo_it_either() {
    let world = World::start().await;
    world.grant("ada", Access::Read, Span::hours(1)).await;
    let mut command = world.command("ada").await;
    command.env("PGOPTIONS", "-c default_transaction_read_only=off");
    let output = command.args(["-c", "UPDATE orders SET total = 0 WHERE id = 1"]).output().await.unwrap();
    assert!(!output.status.success());
    assert_eq!(world.server("SELECT total FROM orders WHERE id = 1"), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_right_person_with_a_live_token_and_grant_enters() {
    let world = World::start().await;
    let (said, worked) = world.run("ada", &["-c", "SELECT 1"]).await;
    assert!(!worked && said.contains("no access to `orders-prod`"), "no grant: {said}");
    world.grant("ada", Access::Read, Span::hours(1)).await;
    // Somebody else's token under ada's name.
    let alan = world.token("alan").await;
    let mut command = world.command("ada").await;
    let output = command.env("PGPASSWORD", alan.reveal()).args(["-c", "SELECT 1"]).output().await.unwrap();
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    // Wrong, revoked and expired tokens are told the same.
    let issued = world.workflows().issue("test", "ada", Span::hours(1), "x").await.unwrap();
    world.workflows().revoke_token("test", issued.id).await.unwrap();
    let short = world.workflows().issue("test", "ada", Span::seconds(1), "x").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    for wrong in ["", "password", CANARY, issued.token.reveal(), short.token.reveal()] {
        let mut command = world.command("ada").await;
        let output = command.env("PGPASSWORD", wrong).args(["-w", "-c", "SELECT 1"]).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "`{wrong}` got in");
        assert!(!said.contains("cs_read") && !said.contains(CANARY), "{said}");
    }
    // A target whose name only begins alike.
    let token = world.token("ada").await;
    for other in ["orders-pro", "orders-prod2", "orders", "postgres", "orders-prod'--"] {
        let way = format!(
            "host=127.0.0.1 port={} user=ada dbname={}",
            world.ready.postgres.port(),
            other.replace('\'', "\\'")
        );
        let mut psql = tokio::process::Command::new(world.postgres.program("psql"));
        let output =
            psql.args(["-X", "-d", &way, "-c", "SELECT 1"]).env("PGPASSWORD", token.reveal()).output().await.unwrap();
        assert!(!output.status.success(), "{other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_objects_work_over_function_calls() {
    let world = World::start().await;
    let file = world.folder.path().join("object");
    std::fs::write(&file, "large").unwrap();
    let mut psql = world.psql("ada").await;
    psql.ask(&format!("\\lo_import {}", file.display()), "lo_import").await;
    psql.ask("SELECT count(*) AS n FROM pg_largeobject_metadata;", "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_rows_pass_unchanged() {
    let world = World::start().await;
    world.grant("ada", Access::Read, Span::hours(1)).await;
    let sql = "SELECT md5(string_agg(n::text, ',')) FROM (SELECT generate_series(1, 100000) AS n) s";
    let expected = world.server(sql);
    let (client, _driving) = world.client("ada").await;
    let rows = client.query("SELECT generate_series(1, 100000)", &[]).await.unwrap();
    let all: Vec<String> = rows.iter().map(|row| row.get::<_, i32>(0).to_string()).collect();
    let check = "SELECT md5($1::text)";
    let row = client.query_one(check, &[&all.join(",")]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), expected);
}
