//! A held statement: nothing passes until somebody countersigns it, then exactly it passes, once.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use workflows::clock::Span;
use workflows::engine::Filter;
use workflows::policy::Policy;
use workflows::request::What;
use workflows::target::Access;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_held_statement_waits_and_the_same_connection_goes_on() {
    let world = World::start().await;
    let mut psql = world.psql("ada").await;
    psql.send("DELETE FROM orders;").await;
    let notice = psql.until("held by rule").await;
    assert!(notice.contains("bulk write") && notice.contains("group:dba") && notice.contains("until"), "{notice}");
    assert_eq!(world.server("SELECT count(*) FROM orders"), "3", "nothing went upstream");
    let held = world.held().await;
    assert!(notice.contains(&held.id.to_string()), "{notice}");
    world.approve("grace", held.id).await;
    psql.until("approved by grace").await;
    psql.until("DELETE 3").await;
    psql.ask("SELECT 41 + 1 AS answer;", "42").await;
    assert_eq!(world.server("SELECT count(*) FROM orders"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_approver_sees_the_whole_statement_and_what_it_would_touch() {
    let world = World::start().await;
    world.server("ANALYZE");
    let mut psql = world.psql("ada").await;
    psql.send("DELETE FROM orders /* \u{202e}\u{3164} */ WHERE true;").await;
    psql.until("held by rule").await;
    let What::Operation { shown, impact, .. } = world.held().await.what else { panic!("an operation") };
    assert!(shown.contains("DELETE FROM orders") && shown.contains("WHERE true"), "{shown}");
    assert!(shown.contains("\\u{202e}\\u{3164}"), "shown, not obeyed: {shown}");
    assert!(!shown.contains(['\u{202e}', '\u{3164}']), "shown, not obeyed: {shown}");
    let impact = impact.join("\n");
    assert!(impact.contains("3 rows of orders") || impact.contains("about 3 rows"), "{impact}");
    assert!(impact.contains("order_items"), "{impact}");
    assert_eq!(world.server("SELECT count(*) FROM orders"), "3", "the preview ran nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_an_error_with_its_reason_and_the_connection_goes_on() {
    let world = World::start().await;
    let mut psql = world.psql("ada").await;
    psql.send("\\set VERBOSITY verbose\nDELETE FROM orders;").await;
    psql.until("held by rule").await;
    let held = world.held().await;
    world.deny("grace", held.id).await;
    let error = psql.until("ERROR").await;
    assert!(error.contains("42501") && error.contains("not on a Friday"), "{error}");
    psql.until(&held.id.to_string()).await;
    psql.ask("SELECT 41 + 1 AS answer;", "42").await;
    assert_eq!(world.server("SELECT count(*) FROM orders"), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_inside_a_transaction_aborts_it_as_the_server_would() {
    let world = World::start().await;
    let mut psql = world.psql("ada").await;
    psql.ask("BEGIN;", "BEGIN").await;
    psql.ask("UPDATE orders SET total = 0 WHERE id = 1;", "UPDATE 1").await;
    psql.ask("DROP TABLE orders;", "ERROR").await;
    psql.ask("SELECT 1;", "current transaction is aborted").await;
    psql.ask("ROLLBACK;", "ROLLBACK").await;
    psql.ask("SELECT 41 + 1 AS answer;", "42").await;
    assert_eq!(world.server("SELECT total FROM orders WHERE id = 1"), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_hold_in_a_savepoint_can_be_rolled_back_to_it() {
    let world = World::start().await;
    let mut psql = world.psql("ada").await;
    psql.ask("BEGIN; SAVEPOINT here;", "SAVEPOINT").await;
    psql.send("DELETE FROM orders;").await;
    psql.until("held by rule").await;
    world.deny("grace", world.held().await.id).await;
    psql.until("ERROR").await;
    psql.ask("ROLLBACK TO here;", "ROLLBACK").await;
    psql.ask("UPDATE orders SET total = 1 WHERE id = 1;", "UPDATE 1").await;
    psql.ask("COMMIT;", "COMMIT").await;
    assert_eq!(world.server("SELECT total FROM orders WHERE id = 1"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_withdraws_a_hold() {
    let world = World::start().await;
    let mut psql = world.psql("ada").await;
    psql.send("DELETE FROM orders;").await;
    psql.until("held by rule").await;
    let held = world.held().await;
    psql.interrupt();
    let error = psql.until("ERROR").await;
    assert!(error.contains("withdrawn"), "{error}");
    let linus = world.person("linus").await;
    let request = world.workflows().show_request(&linus, held.id).await.unwrap();
    assert_eq!(request.state.as_str(), "withdrawn");
    assert_eq!(world.server("SELECT count(*) FROM orders"), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_goes_on_after_a_withdrawn_hold() {
    let world = World::start().await;
    world.grant("ada", Access::Write, Span::hours(1)).await;
    let (client, _driving) = world.client("ada").await;
    let cancel = client.cancel_token();
    let work = client.execute("DELETE FROM orders", &[]);
    let (done, ()) = tokio::join!(work, async {
        world.held().await;
        cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
    });
    let error = done.expect_err("withdrawn");
    assert_eq!(error.code().map(tokio_postgres::error::SqlState::code), Some("57014"));
    assert_eq!(client.query("SELECT 1", &[]).await.expect("the connection goes on").len(), 1);
    assert_eq!(world.server("SELECT count(*) FROM orders"), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_withdraws_its_hold() {
    let world = World::start().await;
    let mut psql = world.psql("ada").await;
    psql.send("DELETE FROM orders;").await;
    psql.until("held by rule").await;
    let held = world.held().await;
    psql.kill().await;
    let linus = world.person("linus").await;
    for _try in 0..200 {
        let request = world.workflows().show_request(&linus, held.id).await.unwrap();
        if request.state.as_str() == "withdrawn" {
            assert_eq!(world.server("SELECT count(*) FROM orders"), "3");
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the hold was not withdrawn");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_nobody_answers_lapses() {
    let world = World::edited(r#"people = 1, within = "10m""#, r#"people = 1, within = "1s""#).await;
    let mut psql = world.psql("ada").await;
    psql.send("DELETE FROM orders;").await;
    psql.until("held by rule").await;
    let error = psql.until("ERROR").await;
    assert!(error.contains("nobody agreed"), "{error}");
    assert_eq!(world.server("SELECT count(*) FROM orders"), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_extended_protocol_is_held_with_its_values() {
    let world = World::start().await;
    world.grant("ada", Access::Write, Span::hours(1)).await;
    let (client, _driving) = world.client("ada").await;
    let work = async { client.execute("DELETE FROM orders WHERE $1::int = $1", &[&7_i32]).await };
    let decide = async {
        let held = world.held().await;
        let What::Operation { shown, .. } = &held.what else { panic!("an operation") };
        assert!(shown.contains("$1 = "), "{shown}");
        assert_eq!(world.server("SELECT count(*) FROM orders"), "3");
        world.approve("grace", held.id).await;
    };
    let (done, ()) = tokio::join!(work, decide);
    assert_eq!(done.expect("released"), 3);
    // The same text needs a new approval.
    let again = client.execute("DELETE FROM orders WHERE $1::int = $1", &[&7_i32]);
    let deny = async { world.deny("linus", world.held().await.id).await };
    let (again, ()) = tokio::join!(again, deny);
    let error = again.expect_err("denied");
    assert_eq!(error.code().map(tokio_postgres::error::SqlState::code), Some("42501"));
    let rows = client.query("SELECT 1", &[]).await.expect("the connection goes on");
    assert_eq!(rows.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_in_the_extended_protocol_aborts_its_transaction() {
    let world = World::start().await;
    world.grant("ada", Access::Write, Span::hours(1)).await;
    let (mut client, _driving) = world.client("ada").await;
    let transaction = client.transaction().await.unwrap();
    transaction.execute("UPDATE orders SET total = 0 WHERE id = 1", &[]).await.unwrap();
    let refused = transaction.execute("DROP TABLE orders", &[]).await.expect_err("refused");
    assert_eq!(refused.code().map(tokio_postgres::error::SqlState::code), Some("42501"));
    let aborted = transaction.query("SELECT 1", &[]).await.expect_err("aborted");
    assert_eq!(aborted.code().map(tokio_postgres::error::SqlState::code), Some("25P02"));
    transaction.rollback().await.unwrap();
    client.query("SELECT 1", &[]).await.expect("the connection goes on");
    assert_eq!(world.server("SELECT total FROM orders WHERE id = 1"), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_statement_hidden_behind_an_allowed_one_is_still_denied() {
    let world = World::start().await;
    world.grant("ada", Access::Write, Span::hours(1)).await;
    for hidden in [
        "SELECT 1; DROP TABLE orders",
        "/* harmless */ DROP TABLE orders",
        "WITH gone AS (DELETE FROM vault RETURNING *) SELECT 1",
        "EXPLAIN ANALYZE SELECT * FROM vault",
        "PREPARE p AS SELECT * FROM vault",
        "SELECT * FROM orders UNION SELECT 1, 1, length(secret) FROM vault",
        "COPY vault TO STDOUT",
        "COPY (SELECT * FROM vault) TO STDOUT",
        "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM vault",
        "SELECT * FROM public.\"vault\"",
    ] {
        let (said, worked) = world.run("ada", &["-c", hidden]).await;
        assert!(!worked && said.contains("ERROR"), "{hidden}: {said}");
        assert!(!said.contains("sesame"), "{hidden}: {said}");
    }
    assert_eq!(world.server("SELECT count(*) FROM vault"), "1");
    assert_eq!(world.server("SELECT count(*) FROM orders"), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_held() {
    let world = World::start().await;
    let mut psql = world.psql("ada").await;
    psql.send("DO $$ BEGIN EXECUTE 'DELETE' || ' FROM orders'; END $$;").await;
    psql.until("held by rule").await;
    assert_eq!(world.server("SELECT count(*) FROM orders"), "3");
    world.deny("grace", world.held().await.id).await;
    psql.until("ERROR").await;
    // G17: once somebody lets such a statement through, the session's evidence says that nobody could read it.
    psql.send("DO $$ BEGIN EXECUTE 'DELETE' || ' FROM orders'; END $$;").await;
    psql.until("held by rule").await;
    world.approve("grace", world.held().await.id).await;
    psql.ask("SELECT 41 + 1 AS answer;", "42").await;
    psql.quit().await;
    let ada = world.person("ada").await;
    let all = Filter { open_only: false, limit: 10 };
    for _try in 0..100 {
        let sessions = world.workflows().sessions(&ada, all).await.unwrap();
        if let Some(mark) = sessions.iter().find_map(|session| session.uninspected.as_deref()) {
            assert!(mark.contains("could not be read"), "{mark}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the session is not marked");
}

/// G6: the policy is asked again at the release.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_was_made_stricter_after_the_approval_wins() {
    let world = World::start().await;
    let mut psql = world.psql("ada").await;
    psql.send("DELETE FROM orders;").await;
    psql.until("held by rule").await;
    let held = world.held().await;
    let (rule, rest) = world.text().split_once("name = \"bulk write\"").unwrap();
    let (_, rest) = rest.split_once("[[rule]]").unwrap();
    let stricter = format!(
        "{rule}name = \"bulk write\"\ntargets = {{ env = \"prod\" }}\nwhen = 'op.writes && !op.bounded'\ndo = \"deny\"\n\n[[rule]]{rest}"
    );
    let policy = Policy::parse(&stricter).unwrap_or_else(|mistakes| panic!("{}", mistakes[0].render("x")));
    world.workflows().reload(policy).await.unwrap();
    // Nobody serves a rule that now denies, so the vote itself may already be refused; either way nothing passes.
    let grace = world.person("grace").await;
    let yes = workflows::engine::Choice::Approve { terms: workflows::approval::Terms::default(), note: None };
    let voted = world.workflows().vote(&grace, held.id, yes).await;
    if voted.is_ok() {
        psql.until("ERROR").await;
    }
    assert_eq!(world.server("SELECT count(*) FROM orders"), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_no_held_statement_runs_by_itself() {
    let mut world = World::start().await;
    let mut psql = world.psql("ada").await;
    psql.send("DELETE FROM orders;").await;
    psql.until("held by rule").await;
    let held = world.held().await;
    world.crash_and_restart().await;
    let grace = world.person("grace").await;
    let yes = workflows::engine::Choice::Approve { terms: workflows::approval::Terms::default(), note: None };
    drop(world.workflows().vote(&grace, held.id, yes).await);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(world.server("SELECT count(*) FROM orders"), "3");
    world.connect("ada").await.ask("SELECT 41 + 1 AS answer;", "42").await;
}

/// G8: a long statement is shown in full to whoever decides.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_of_100_kilobytes_is_shown_whole() {
    let world = World::start().await;
    let mut psql = world.psql("ada").await;
    let long = format!("DELETE FROM orders WHERE id >= 0 OR '{}' = 'the end';", "x".repeat(100_000));
    let long = long.replace("id >= 0", "true");
    psql.send(&long).await;
    psql.until("held by rule").await;
    let What::Operation { shown, .. } = world.held().await.what else { panic!("an operation") };
    assert!(shown.len() > 100_000 && shown.contains("'the end'"), "{} bytes", shown.len());
}

/// A client that speaks bytes, for what no driver would send.
struct Raw(TcpStream);

impl Raw {
    async fn connect(world: &World, name: &str) -> Self {
        let token = world.token(name).await;
        let mut raw = Self(TcpStream::connect(world.ready.postgres).await.unwrap());
        let body = format!("user\0{name}\0database\0orders-prod\0\0");
        let mut startup = (body.len() as u32 + 8).to_be_bytes().to_vec();
        startup.extend_from_slice(&196_608_u32.to_be_bytes());
        startup.extend_from_slice(body.as_bytes());
        raw.0.write_all(&startup).await.unwrap();
        raw.send(&[message(b'p', format!("{}\0", token.reveal()).as_bytes())]).await;
        raw.until(b'Z').await;
        raw
    }

    async fn send(&mut self, messages: &[Vec<u8>]) {
        self.0.write_all(&messages.concat()).await.unwrap();
    }

    /// Reads frames until one of this kind; gives all of them as text.
    async fn until(&mut self, tag: u8) -> String {
        let read = async {
            let mut all = String::new();
            loop {
                let mut head = [0; 5];
                self.0.read_exact(&mut head).await.unwrap();
                let len = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4;
                let mut body = vec![0; len];
                self.0.read_exact(&mut body).await.unwrap();
                all = all + &char::from(head[0]).to_string() + " " + &String::from_utf8_lossy(&body) + "\n";
                if head[0] == tag {
                    return all;
                }
            }
        };
        tokio::time::timeout(crate::world::PATIENCE, read).await.expect("the frame came")
    }
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut all = vec![tag];
    all.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    all.extend_from_slice(body);
    all
}

/// Parse, Bind of text values, Execute: all unnamed.
fn run(sql: &str, values: &[&str]) -> Vec<u8> {
    let mut bind = b"\0\0\0\0".to_vec();
    bind.extend_from_slice(&(values.len() as u16).to_be_bytes());
    for value in values {
        bind.extend_from_slice(&(value.len() as u32).to_be_bytes());
        bind.extend_from_slice(value.as_bytes());
    }
    bind.extend_from_slice(&[0, 0]);
    let parse = [b"\0", sql.as_bytes(), b"\0\0\0"].concat();
    [message(b'P', &parse), message(b'B', &bind), message(b'E', &[0, 0, 0, 0, 0])].concat()
}

/// The target tells of a changed encoding only with its next ReadyForQuery: until then no text that hangs on it is read.
#[tokio::test(flavor = "multi_thread")]
async fn an_encoding_that_was_switched_a_moment_ago_hides_no_statement() {
    let world = World::start().await;
    world.grant("ada", Access::Write, Span::hours(1)).await;
    let mut raw = Raw::connect(&world, "ada").await;
    let switch = run("SELECT set_config('client_encoding', $1, false)", &["SJIS"]);
    let hidden = message(b'Q', "SELECT E'\u{c1}\\'; DELETE FROM orders; --'\0".as_bytes());
    raw.send(&[switch, message(b'H', &[]), hidden]).await;
    let said = raw.until(b'N').await;
    assert!(said.contains("held by rule"), "{said}");
    assert_eq!(world.server("SELECT count(*) FROM orders"), "3");
    world.deny("grace", world.held().await.id).await;
    raw.until(b'E').await;
    assert_eq!(world.server("SELECT count(*) FROM orders"), "3");
}

/// A batch that fails while a later part of it is held: the held part never runs, and the session goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_in_a_batch_that_failed_meanwhile_runs_nothing() {
    let world = World::start().await;
    world.grant("ada", Access::Write, Span::hours(1)).await;
    let mut raw = Raw::connect(&world, "ada").await;
    let fails = run("SELECT pg_sleep(1), 1 / (SELECT 0)", &[]);
    let held = run("DELETE FROM orders", &[]);
    raw.send(&[fails, message(b'H', &[]), held, message(b'H', &[])]).await;
    world
        .approve("grace", {
            let held = world.held().await;
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            held.id
        })
        .await;
    raw.send(&[message(b'S', &[])]).await;
    raw.until(b'Z').await;
    assert_eq!(world.server("SELECT count(*) FROM orders"), "3");
    raw.send(&[message(b'Q', b"SELECT 41 + 1\0")]).await;
    assert!(raw.until(b'Z').await.contains("42"));
}

fn parse(name: &str, sql: &str) -> Vec<u8> {
    message(b'P', &[name.as_bytes(), b"\0", sql.as_bytes(), b"\0\0\0"].concat())
}

fn bind(portal: &str, statement: &str) -> Vec<u8> {
    message(b'B', &[portal.as_bytes(), b"\0", statement.as_bytes(), b"\0\0\0\0\0\0\0"].concat())
}

fn execute(portal: &str) -> Vec<u8> {
    message(b'E', &[portal.as_bytes(), b"\0\0\0\0\0"].concat())
}

/// The server cuts names at 63 bytes and recodes the others: two names of ours would be one of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_the_server_would_change_is_not_taken() {
    let world = World::start().await;
    world.grant("ada", Access::Write, Span::hours(1)).await;
    let long = "x".repeat(63);
    for (one, two) in [(format!("{long}a"), format!("{long}b")), ("\u{e9}".to_owned(), "\u{c3}\u{a9}".to_owned())] {
        let mut raw = Raw::connect(&world, "ada").await;
        let close = message(b'C', &[b"S", two.as_bytes(), b"\0"].concat());
        let sync = message(b'S', &[]);
        let first = [parse(&one, "SELECT 1"), sync.clone(), close, parse(&two, "DELETE FROM orders"), sync.clone()];
        raw.send(&first).await;
        raw.send(&[bind("", &one), execute(""), sync]).await;
        let said = raw.until(b'E').await;
        assert!(said.contains("08P01"), "{said}");
        assert_eq!(world.server("SELECT count(*) FROM orders"), "3");
    }
}

/// A portal of the protocol can be run by SQL: it is judged by what it runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_bound_statement_that_is_fetched_by_sql_is_held() {
    let world = World::start().await;
    world.grant("ada", Access::Write, Span::hours(1)).await;
    let mut raw = Raw::connect(&world, "ada").await;
    let bound = [parse("s", "DELETE FROM orders RETURNING id"), bind("p", "s"), message(b'H', &[])];
    raw.send(&bound).await;
    raw.send(&[message(b'Q', b"MOVE ALL FROM p\0")]).await;
    let said = raw.until(b'N').await;
    assert!(said.contains("held by rule"), "{said}");
    assert_eq!(world.server("SELECT count(*) FROM orders"), "3");
}
