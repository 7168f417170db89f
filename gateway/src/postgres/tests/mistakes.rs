//! A slip of the pen is told at once, in the server's own words. Nobody is asked about it, and nothing of it runs.

use super::world::{Raw, World, closed_for};
use super::{bind, execute, parse, query, sync};

/// The rule that ships: what can't be read is held.
const HELD: &str = "[[rule]]\nname = \"unreadable\"\nwhen = 'op.opaque'\ndo = \"hold\"\napproval = { from = \"group:dba\", people = 1, within = \"10m\" }\n";

#[tokio::test]
async fn a_typo_is_answered_by_the_server_and_by_nobody_else() {
    let world = World::start(HELD.to_owned()).await;
    world.admin("CREATE TABLE t (a int); INSERT INTO t VALUES (1)").await;
    let told = world.psql("DELETE FRM t").await;
    assert_eq!(told.err, "ERROR:  syntax error at or near \"FRM\"\nLINE 1: DELETE FRM t\n               ^\n");
    // What stands before the mistake does not run either, as with the server itself.
    let told = world.psql("DELETE FROM t; SELECT 1 +").await;
    assert!(told.err.contains("syntax error at end of input"), "{told:?}");
    assert_eq!(world.psql("SELECT count(*) FROM t").await.out, "1\n");
    world.until(|| world.lines().iter().any(|line| line.starts_with("settled 1 refused  syntax error"))).await;
    assert!(!world.lines().iter().any(|line| line.starts_with("hold ")), "{:?}", world.lines());
}

#[tokio::test]
async fn a_typo_in_a_transaction_aborts_it_as_the_server_would() {
    let world = World::start(HELD.to_owned()).await;
    world.admin("CREATE TABLE t (a int)").await;
    let client = world.client().await;
    client.batch_execute("BEGIN; INSERT INTO t VALUES (1)").await.unwrap();
    let error = client.simple_query("SELEC 1").await.unwrap_err();
    let error = error.as_db_error().unwrap();
    assert_eq!((error.code().code(), error.message()), ("42601", "syntax error at or near \"SELEC\""));
    assert_eq!(error.position(), Some(&tokio_postgres::error::ErrorPosition::Original(1)));
    let error = client.simple_query("SELECT 1").await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "25P02");
    client.batch_execute("ROLLBACK").await.unwrap();
    let error = client.prepare("SELEC 1").await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "42601");
    // Parse, Bind and Execute in one batch, as most drivers send them: inside a transaction and outside.
    let mut raw = Raw::connect(&world).await;
    for (before, status) in [("SELECT 1", b'I'), ("BEGIN", b'E')] {
        raw.send(&query(before)).await;
        raw.until(b'Z').await;
        raw.send(&[parse("", "SELEC 1"), bind("", ""), execute(""), sync()].concat()).await;
        let all = raw.until(b'Z').await;
        let error = all.iter().find(|(tag, _)| *tag == b'E').unwrap();
        let words = String::from_utf8_lossy(&error.1).replace('\0', " ");
        assert!(words.contains("C42601 Msyntax error at or near \"SELEC\" P1"), "{words}");
        assert_eq!(all.last().unwrap().1, [status], "after {before}");
    }
    assert_eq!(client.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn what_only_the_server_can_read_is_still_held() {
    let world = World::start(HELD.to_owned()).await;
    let version: u32 = world.psql("SHOW server_version_num").await.out.trim().parse().unwrap();
    if version >= 170_000 {
        eprintln!("skipped: no text is known that server version {version} can read and our parser can't");
        return;
    }
    // Since version 17 this is a word of the language with one argument; before it is the name of any function.
    world.admin("CREATE FUNCTION json_scalar(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a + b'").await;
    let text = "SELECT json_scalar(20, 22)";
    let (told, ()) = tokio::join!(world.psql(text), async {
        let request = world.pending().await;
        world.approve(&request).await;
    });
    assert_eq!(told.out, "42\n", "{told:?}");
    // Several statements, one of which only the server can read.
    let twice = format!("{text}; {text}");
    let (told, ()) = tokio::join!(world.psql(&twice), async {
        let request = world.pending().await;
        world.deny(&request).await;
    });
    assert!(told.err.contains("denied by linus: no"), "{told:?}");
}

#[tokio::test]
async fn a_refusal_by_rule_says_so_whatever_the_text() {
    let rule = "[[rule]]\nname = \"never\"\nwhen = 'op.opaque'\ndo = \"deny\"\nbecause = \"no\"\n";
    let world = World::start(format!("{rule}{}", closed_for("DELETE"))).await;
    let told = world.psql("DELETE FRM t").await;
    assert!(told.err.contains("refused by rule `never`"), "{told:?}");
}
