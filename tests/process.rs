//! The binary as operators run it: SIGHUP, SIGKILL, SIGTERM.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use workflows::clock::Span;

use crate::world::{PATIENCE, Psql, World};

/// `countersign serve`, its log line by line.
pub struct Server {
    child: Child,
    log: Receiver<String>,
}

impl Server {
    pub fn start(config: &std::path::Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["serve", "--config"])
            .arg(config)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, log) = channel();
        let errors = child.stderr.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, log }
    }

    pub fn until(&self, text: &str) -> String {
        loop {
            let line = self.log.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("the log never said `{text}`"));
            if line.contains(text) {
                return line;
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged since the last line that was waited for.
    pub fn logged(&self) -> String {
        self.log.try_iter().fold(String::new(), |all, line| all + &line + "\n")
    }

    pub fn signal(&self, name: &str) {
        let done = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(done.unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A world whose own server is stopped, and its file on fixed ports for a process of its own.
async fn prepared() -> (World, std::path::PathBuf, u16) {
    let mut world = World::start().await;
    let (postgres, api) = (sandbox::free_port().unwrap(), sandbox::free_port().unwrap());
    let text = world.text().replace("postgres = \"127.0.0.1:0\"", &format!("postgres = \"127.0.0.1:{postgres}\""));
    let text = text.replace("listen = \"127.0.0.1:0\"", &format!("listen = \"127.0.0.1:{api}\""));
    let path = world.folder.path().join("countersign.toml");
    std::fs::write(&path, text).unwrap();
    world.close().await;
    (world, path, postgres)
}

async fn psql(world: &World, port: u16) -> Psql {
    let token = world.token("ada").await;
    let mut command = tokio::process::Command::new(world.postgres.program("psql"));
    command.args(["-X", "-d", &format!("host=127.0.0.1 port={port} user=ada dbname=orders-prod")]);
    command.env("PGPASSWORD", token.reveal());
    Psql::start(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_takes_a_right_file_and_refuses_a_broken_one() {
    let (world, path, port) = prepared().await;
    world.grant("ada", workflows::target::Access::Write, Span::hours(1)).await;
    let server = Server::start(&path);
    server.until("PostgreSQL on");
    let mut psql = psql(&world, port).await;
    psql.ask("UPDATE orders SET total = 1 WHERE id = 1;", "UPDATE 1").await;
    let right = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, right.replace("do = \"hold\"", "do = \"hodl\"")).unwrap();
    server.signal("-HUP");
    server.until("the old policy stays");
    psql.ask("UPDATE orders SET total = 2 WHERE id = 1;", "UPDATE 1").await;
    let stricter = right.replace("'op.writes && !op.bounded'", "'op.writes'");
    std::fs::write(&path, &stricter).unwrap();
    server.signal("-HUP");
    server.until("the policy was reloaded");
    psql.ask("UPDATE orders SET total = 3 WHERE id = 1;", "held by rule").await;
    assert_eq!(world.server("SELECT total FROM orders WHERE id = 1"), "2");
    server.signal("-TERM");
    psql.until("shutting down").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_sigkill_nothing_flagged_has_passed_and_the_evidence_is_whole() {
    let (world, path, port) = prepared().await;
    world.grant("ada", workflows::target::Access::Write, Span::hours(1)).await;
    {
        let server = Server::start(&path);
        server.until("PostgreSQL on");
        let mut psql = psql(&world, port).await;
        psql.ask("SELECT 41 + 1 AS answer;", "42").await;
        psql.ask("DELETE FROM orders;", "held by rule").await;
        server.signal("-KILL");
        psql.until("server closed the connection").await;
    }
    world.until_server("SELECT count(*) FROM pg_stat_activity WHERE usename = 'cs_write'", "0").await;
    let server = Server::start(&path);
    server.until("PostgreSQL on");
    let held = world.held().await;
    let yes = workflows::engine::Choice::Approve { terms: workflows::approval::Terms::default(), note: None };
    drop(world.workflows().vote(&world.person("grace").await, held.id, yes).await);
    let mut again = psql(&world, port).await;
    again.ask("SELECT 41 + 1 AS answer;", "42").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.server("SELECT count(*) FROM orders"), "3", "no held statement runs by itself");
    assert!(world.recorded().contains("DELETE FROM orders"), "the intent was on the disk before anybody was asked");
    let verified = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["audit", "verify", "--config"])
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stdout);
    assert!(verified.status.success(), "{said}");
    // The session that was killed is told of as far as the log knows of it.
    assert!(said.contains("recordings are what the log says; 2 without an end"), "{said}");
    let recording = crate::world::files(&world.folder.path().join("recordings")).pop().unwrap();
    std::fs::remove_file(recording).unwrap();
    let verified =
        Command::new(env!("CARGO_BIN_EXE_countersign")).args(["audit", "verify", "--config"]).arg(&path).output();
    let verified = verified.unwrap();
    let said = String::from_utf8_lossy(&verified.stdout);
    assert!(!verified.status.success() && said.contains("is missing: "), "{said}");
}
