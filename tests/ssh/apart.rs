//! What a test needs beside the real `ssh`: programs of `tests/drivers`, and the gateway as a process whose memory shows.

use std::net::SocketAddr;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use workflows::engine::Filter;
use workflows::request::{Request, What};

use super::{Host, until};
use crate::drivers::{python, script};
use crate::process::Server;
use crate::world::PATIENCE;

/// A program of `tests/drivers`, line by line.
pub(super) struct Script {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    input: ChildStdin,
}

impl Script {
    /// Nothing where its module is not there, and then it says so.
    pub(super) async fn start(module: &str, name: &str, args: &[&str], settings: &[(&str, String)]) -> Option<Self> {
        let mut command = Command::new(python(module).await?);
        command.arg("-B").arg(script(name)).args(args).envs(settings.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("python");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let input = child.stdin.take().expect("its input");
        Some(Self { child, lines, input })
    }

    /// What it says next. Hostile work takes its time.
    pub(super) async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE * 8, self.lines.next_line()).await.expect("a line in time");
        line.expect("its output").expect("a line: see its traceback above")
    }

    pub(super) async fn says(&mut self, words: &str) {
        assert_eq!(self.line().await, words, "see its traceback above");
    }

    /// What came of it.
    pub(super) async fn result(&mut self) -> Value {
        serde_json::from_str(&self.line().await).expect("JSON")
    }

    /// It may go on.
    pub(super) async fn go(&mut self) {
        self.input.write_all(b"\n").await.expect("it reads");
    }

    pub(super) async fn ends(mut self) {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("in time").expect("an end");
        assert!(ended.success(), "see its traceback above");
    }
}

/// What scripts are told of a host: where, and who ada is.
pub(super) async fn settings(host: &Host) -> Vec<(&'static str, String)> {
    let port = host.world.ready.ssh.expect("SSH is served").port();
    let here = host.world.folder.path();
    vec![
        ("SSH_PORT", port.to_string()),
        ("SSH_TOKEN", host.world.token("ada").await.reveal().clone()),
        ("OTHER_TOKEN", host.world.token("linus").await.reveal().clone()),
        ("PLACE", host.place().display().to_string()),
        ("HERE", here.display().to_string()),
        ("KEY", here.join("ssh/web-1").display().to_string()),
    ]
}

/// What is held now.
pub(super) async fn operations(host: &Host) -> Vec<Request> {
    let linus = host.world.person("linus").await;
    let open = Filter { open_only: true, limit: 1_000 };
    let all = host.world.workflows().requests(&linus, open).await.expect("requests");
    all.into_iter()
        .filter(|one| matches!(one.what, What::Operation { .. }) && one.state.as_str() == "pending")
        .collect()
}

/// Waits until so many are held.
pub(super) async fn held(host: &Host, count: usize) -> Vec<Request> {
    for _try in 0..600 {
        let all = operations(host).await;
        if all.len() == count {
            return all;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{} are held, not {count}", operations(host).await.len());
}

/// A host whose gateway is a process of its own: what it takes of memory is its alone.
pub(super) struct Apart {
    pub(super) host: Host,
    pub(super) server: Server,
}

impl Apart {
    pub(super) async fn start(mut host: Host) -> Self {
        let [postgres, ssh, api] = [(); 3].map(|()| sandbox::free_port().expect("a port"));
        let text =
            host.world.text().replace("postgres = \"127.0.0.1:0\"", &format!("postgres = \"127.0.0.1:{postgres}\""));
        let text = text.replace("ssh = \"127.0.0.1:0\"", &format!("ssh = \"127.0.0.1:{ssh}\""));
        let text = text.replace("listen = \"127.0.0.1:0\"", &format!("listen = \"127.0.0.1:{api}\""));
        let path = host.world.folder.path().join("countersign.toml");
        std::fs::write(&path, text).expect("a file");
        host.world.close().await;
        let server = Server::start(&path);
        let address = SocketAddr::from(([127, 0, 0, 1], ssh));
        host.world.ready.ssh = Some(address);
        until("it listens", || std::net::TcpStream::connect(address).is_ok()).await;
        Self { host, server }
    }

    /// The most memory that it ever had, in MiB.
    pub(super) fn peak(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.server.pid())).expect("it lives");
        let line = text.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") / 1_024
    }

    /// Others are served as if nothing was.
    pub(super) async fn serves(&self) {
        let (out, told, code) = self.host.run("echo in").await;
        assert_eq!((out.as_str(), code), ("in\n", Some(0)), "{told}");
    }
}
