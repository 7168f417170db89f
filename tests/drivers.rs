//! Programs: a driver that does much more on the wire than psql, through the whole product.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use workflows::clock::Span;
use workflows::target::Access;

use crate::world::World;

/// The distribution's own Python, which has the distribution's packages.
const PYTHON: &str = "/usr/bin/python3";

async fn has_psycopg() -> bool {
    let import = Command::new(PYTHON).args(["-c", "import psycopg"]).stderr(Stdio::null()).status().await;
    import.is_ok_and(|status| status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_with_psycopg_sees_what_postgresql_would_say() {
    if !has_psycopg().await {
        eprintln!("skipped: this distribution has no package python3-psycopg");
        return;
    }
    let world = World::start().await;
    world.grant("ada", Access::Write, Span::hours(1)).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/drivers/with_psycopg.py");
    let mut python = Command::new(PYTHON);
    python.arg("-B").arg(script).env("PGHOST", "127.0.0.1").env("PGPORT", world.ready.postgres.port().to_string());
    python.env("PGUSER", "ada").env("PGDATABASE", "orders-prod").env("PGPASSWORD", world.token("ada").await.reveal());
    let mut child = python.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("python3");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    assert_eq!(lines.next_line().await.expect("a line").as_deref(), Some("holding"), "see its traceback above");
    world.approve("linus", world.held().await.id).await;
    assert_eq!(lines.next_line().await.expect("a line").as_deref(), Some("done"), "see its traceback above");
    assert!(child.wait().await.expect("an end").success());
}
