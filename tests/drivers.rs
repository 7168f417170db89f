//! Programs: a driver that does much more on the wire than psql, through the whole product; and vendors' own clients, which
//! read what the product sends to chat.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
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
    let mut python = Command::new(PYTHON);
    python
        .arg("-B")
        .arg(script("with_psycopg.py"))
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", world.ready.postgres.port().to_string());
    python.env("PGUSER", "ada").env("PGDATABASE", "orders-prod").env("PGPASSWORD", world.token("ada").await.reveal());
    let mut child = python.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("python3");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    assert_eq!(lines.next_line().await.expect("a line").as_deref(), Some("holding"), "see its traceback above");
    world.approve("linus", world.held().await.id).await;
    assert_eq!(lines.next_line().await.expect("a line").as_deref(), Some("done"), "see its traceback above");
    assert!(child.wait().await.expect("an end").success());
}

/// The Python that has what PyPI has, if this module is there; else it says so.
pub async fn python(module: &str) -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/drivers/bin/python");
    let import = Command::new(&python).args(["-c", &format!("import {module}")]).stderr(Stdio::null()).status().await;
    if import.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    eprintln!("skipped: there is no {module} in target/drivers; `.ci/setup drivers` brings it");
    None
}

/// Where a program of `tests/drivers` lies.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/drivers").join(name)
}

/// Has a program in `tests/drivers` read something; nothing where its module is not there, and then it says so.
pub async fn read_by(name: &str, module: &str, asked: &Value) -> Option<Value> {
    let python = python(module).await?;
    let mut command = Command::new(&python);
    let command = command.arg("-B").arg(script(name));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("python");
    let mut input = child.stdin.take().expect("its input");
    // It may end before it has read all of it; its own words then say why.
    drop(input.write_all(format!("{asked}\n").as_bytes()).await);
    drop(input);
    let output = child.wait_with_output().await.expect("an end");
    assert!(output.status.success(), "see its traceback above");
    Some(serde_json::from_slice(&output.stdout).expect("what was read"))
}
