//! The oracle: a real server must agree that what is classed as reading can run in a read-only transaction.

use std::io::Write as _;
use std::process::{Command, Stdio};

use sandbox::{Postgres, Setup};

use super::*;

/// What the corpus names, so that statements fail for being writes and not for missing tables.
const SCHEMA: &str = "
    CREATE TABLE t (id int PRIMARY KEY, x int, y int, name text, active bool, balance int, customer_id int, created timestamptz,
        deleted_at timestamptz);
    CREATE TABLE u (id int PRIMARY KEY, x int);
    CREATE TABLE customers (id int PRIMARY KEY, name text, email text);
    CREATE TABLE orders (id int PRIMARY KEY, customer_id int, total int, email text);
    CREATE SEQUENCE s;
    CREATE SCHEMA \"Order\"; CREATE TABLE \"Order\".\"Items\" (id int);
    CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
    CREATE ROLE admin; CREATE ROLE bob;
    INSERT INTO t (id, x) SELECT g, g FROM generate_series(1, 5) g;";

/// Runs statements, each in a message of its own; what came out and the errors.
fn psql(server: &Postgres, script: &str) -> (String, String) {
    let mut child = Command::new(server.program("psql"))
        .args(["-X", "-q", "-U", "postgres", "-d", "postgres", "-h"])
        .arg(server.socket())
        .args(["-p", &server.port().to_string(), "-v", "VERBOSITY=verbose", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn what_is_classed_as_reading_runs_in_a_read_only_transaction() {
    let setup = Setup { settings: "statement_timeout = '5s'".to_owned(), ..Setup::default() };
    let server = match Postgres::start_with(&setup) {
        Ok(server) => server,
        Err(why) => {
            eprintln!("skipped: {why}");
            return;
        }
    };
    let (_, errors) = psql(&server, SCHEMA);
    assert!(!errors.contains("ERROR"), "{errors}");
    let mut wrong = String::new();
    let (mut asked, mut ran) = (0, 0);
    for case in corpus() {
        let sql = case.sql.clone();
        let operations = deep(move || read(&sql, None).classified.operations.clone());
        let reads = operations.iter().all(|operation| {
            matches!(operation.act, Act::Read | Act::Session | Act::Transaction)
                && !operation.writes
                && !operation.undoes_read_only
                && operation.opaque.is_none()
        });
        // Ending the transaction leaves it; parameters need a client; COPY reads from psql's own input.
        let leaves = operations.iter().any(|operation| operation.act == Act::Transaction);
        if !reads || leaves || case.sql.contains('$') && case.sql.contains("$1") {
            continue;
        }
        asked += 1;
        let (_, errors) = psql(
            &server,
            &format!("\\set ON_ERROR_STOP on\nBEGIN READ ONLY;\nPREPARE p AS SELECT 1;\n{}\n;ROLLBACK;\n", case.sql),
        );
        ran += usize::from(!errors.contains("ERROR"));
        if errors.contains("25006") {
            writeln!(wrong, "{}: {}\n  {errors}", case.place, case.sql).unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(asked > 80, "only {asked} lines were asked about");
    eprintln!("the server agrees on {asked} lines; {ran} of them ran without any error");
}
