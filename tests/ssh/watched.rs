//! Watched shells: a line is read off the terminal, and Enter waits for the verdict.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinSet;
use workflows::clock::Span;

use super::{Host, until};

/// A person at a terminal of 100 columns.
pub(super) struct Terminal {
    _child: Child,
    _reading: JoinSet<()>,
    keys: ChildStdin,
    seen: Arc<Mutex<String>>,
}

impl Terminal {
    pub(super) async fn open(host: &Host) -> Self {
        let ssh = host.wrapper().await;
        let line = format!("stty rows 30 cols 100; {} -tt web-1@127.0.0.1", ssh.display());
        let mut command = Command::new("script");
        command
            .args(["-qefc", &line, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.kill_on_drop(true).spawn().expect("script");
        let (keys, mut screen) = (child.stdin.take().expect("keys"), child.stdout.take().expect("a screen"));
        let seen = Arc::new(Mutex::new(String::new()));
        let into = Arc::clone(&seen);
        let mut reading = JoinSet::new();
        reading.spawn(async move {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut piece).await {
                into.lock().expect("not poisoned").push_str(&String::from_utf8_lossy(&piece[..count]));
            }
        });
        Self { _child: child, _reading: reading, keys, seen }
    }

    pub(super) async fn ready(host: &Host) -> Self {
        let terminal = Self::open(host).await;
        terminal.shows("$ ").await;
        terminal
    }

    pub(super) fn text(&self) -> String {
        self.seen.lock().expect("not poisoned").clone()
    }

    pub(super) async fn shows(&self, words: &str) {
        for _try in 0..300 {
            if self.text().contains(words) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never shown: {words:?} in {:?}", self.text());
    }

    /// Types like a person: key by key.
    pub(super) async fn types(&mut self, keys: &str) {
        for key in keys.bytes() {
            self.keys.write_all(&[key]).await.expect("typed");
            self.keys.flush().await.expect("typed");
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }
}

pub(super) async fn watched() -> Host {
    let host = Host::edited(&[("@GUARD@", ", watch = true")]).await;
    host.grant(Span::hours(1)).await;
    host
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_are_read_as_they_are_shown_and_recorded() {
    let host = watched().await;
    let mut terminal = Terminal::ready(&host).await;
    // A slip of the pen, taken back; and the beginning of the line typed last.
    terminal.types("echo aXb\x7f\x7fb\x01\x05; echo $((6*7))\r").await;
    terminal.shows("42\r\n").await;
    // The line before, from the history.
    terminal.types("\x1b[A\r").await;
    until("both are recorded", || host.world.recorded().matches(": echo ab; echo $((6*7))").count() == 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_is_kept_as_a_film_of_its_size() {
    let host = watched().await;
    let mut terminal = Terminal::ready(&host).await;
    terminal.types("echo $((6*7))\r").await;
    terminal.shows("42\r\n").await;
    terminal.types("exit 3\r").await;
    until("it is over", || host.world.recorded().contains("exit 3 0")).await;
    let ada = host.world.person("ada").await;
    let filter = workflows::engine::Filter { open_only: false, limit: 10 };
    let session = host.world.workflows().sessions(&ada, filter).await.expect("sessions").remove(0).id.to_string();
    let film = host.world.folder.path().join("film.cast");
    let args = ["sessions", "export", &session, "--cast", "--output", &film.display().to_string()];
    let (_, told, code) = super::certificates::countersign(&host, &args).await;
    assert_eq!(code, Some(0), "{told}");
    let text = std::fs::read_to_string(&film).expect("a film");
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(
        (&lines[0]["version"], &lines[0]["term"]["cols"], &lines[0]["term"]["rows"]),
        (&3.into(), &100.into(), &30.into())
    );
    let shown: String =
        lines.iter().filter(|line| line[1] == "o").map(|line| line[2].as_str().expect("text")).collect();
    assert!(shown.contains("42\r\n"), "{shown:?}");
    assert_eq!(lines.last().map(|line| (&line[1], &line[2])), Some((&"x".into(), &"3".into())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_a_rule_holds_is_entered_when_people_agree() {
    let host = watched().await;
    let victim = host.victim();
    let mut terminal = Terminal::ready(&host).await;
    terminal.types(&format!("rm {}\r", victim.display())).await;
    let held = host.world.held().await;
    terminal.shows("held by rule `commands`").await;
    assert!(victim.exists(), "nothing ran yet");
    host.world.approve("linus", held.id).await;
    until("it ran", || !victim.exists()).await;
    terminal.types("echo $((6*7))\r").await;
    terminal.shows("42\r\n").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denied_line_is_not_entered_and_can_be_edited() {
    let host = watched().await;
    let victim = host.victim();
    let mut terminal = Terminal::ready(&host).await;
    terminal.types(&format!("rm {}\r", victim.display())).await;
    let held = host.world.held().await;
    host.world.deny("linus", held.id).await;
    terminal.shows("not on a Friday").await;
    terminal.types("\x15echo $((6*7))\r").await;
    terminal.shows("42\r\n").await;
    assert!(victim.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_takes_a_held_line_back() {
    let host = watched().await;
    let victim = host.victim();
    let mut terminal = Terminal::ready(&host).await;
    terminal.types(&format!("rm {}\r", victim.display())).await;
    host.world.held().await;
    terminal.types("\x03").await;
    terminal.shows("withdrawn").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    terminal.types("echo $((6*7))\r").await;
    terminal.shows("42\r\n").await;
    assert!(victim.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_printed_switches_the_judge_off() {
    let host = watched().await;
    let victim = host.victim();
    let mut terminal = Terminal::ready(&host).await;
    // A full screen that is none: what is typed into it is held, since it can't be read.
    terminal.types("printf '\\033[?1049h'\r").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    terminal.types(&format!("rm {}\r", victim.display())).await;
    let held = host.world.held().await;
    assert!(format!("{:?}", held.what).contains("full screen"), "{:?}", held.what);
    assert!(victim.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_typed_while_the_shell_is_held_is_judged_as_well() {
    let rules = r#"
[[rule]]
name = "shells"
targets = { name = "web-1" }
when = 'op.verb == "SHELL"'
do = "hold"
approval = { from = "group:dba", people = 1, within = "10m" }

[[mask]]
"#;
    let host = Host::edited(&[("@GUARD@", ", watch = true"), ("\n[[mask]]\n", rules)]).await;
    host.grant(Span::hours(1)).await;
    let victim = host.victim();
    let mut terminal = Terminal::open(&host).await;
    terminal.shows("held by rule `shells`").await;
    terminal.types(&format!("rm {}\r", victim.display())).await;
    let shell = host.world.held().await;
    host.world.approve("linus", shell.id).await;
    // It came before there was a prompt to read it by: it is in doubt, so it is refused or held, but never just entered.
    until("it was judged", || {
        let (text, rules) = (terminal.text(), ["held by rule `commands`", "refused by rule `access level`"]);
        rules.iter().any(|rule| text.contains(rule))
    })
    .await;
    assert!(victim.exists());
}
