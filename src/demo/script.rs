//! The story, played by real processes: the command line as ada, grace and audrey would use it, and psql itself. Each
//! step is checked; the first that does not do what it says ends the play.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::stage::Stage;
use crate::screen::Screen;

/// How long any one step may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The transcript, and the means to act.
struct Play<'a> {
    stage: &'a Stage,
    screen: &'a Screen,
    since: Instant,
}

/// What a command said.
struct Said {
    text: String,
    worked: bool,
}

/// Plays the story. An error names the step that failed.
pub(super) async fn play(stage: &Stage, screen: &Screen) -> anyhow::Result<()> {
    let play = Play { stage, screen, since: Instant::now() };
    play.nobody_gets_in_without_a_grant().await?;
    let request = play.ada_asks().await?;
    play.grace_agrees(&request).await?;
    play.personal_data_is_masked().await?;
    let session = play.a_dangerous_statement_is_held().await?;
    play.a_schema_change_is_refused().await?;
    play.the_session_is_replayed(&session).await?;
    play.a_grant_ends_and_the_connection_is_cut().await?;
    play.the_audit_log_verifies().await?;
    play.heading("That was the whole story. Each step did what it says.")
}

impl Play<'_> {
    fn heading(&self, words: &str) -> anyhow::Result<()> {
        Ok(self.screen.print(&format!("\n{:7.2} s  {words}\n", self.since.elapsed().as_secs_f64()))?)
    }

    fn line(&self, who: &str, words: &str) -> anyhow::Result<()> {
        Ok(self.screen.print(&format!("           {who:>6} | {words}\n"))?)
    }

    fn command(&self, person: &str, args: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--credentials").arg(self.stage.credentials(person)).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Ok(command)
    }

    /// Runs `countersign …` as somebody, without showing it.
    async fn quietly(&self, person: &str, args: &[&str]) -> anyhow::Result<Said> {
        let output = timeout(PATIENCE, self.command(person, args)?.output()).await??;
        let text = [output.stdout, output.stderr].concat();
        Ok(Said { text: String::from_utf8_lossy(&text).into_owned(), worked: output.status.success() })
    }

    /// Runs `countersign …` as somebody, and shows it.
    async fn cli(&self, person: &str, args: &[&str]) -> anyhow::Result<Said> {
        let words = args.iter().map(|arg| quoted(arg)).collect::<Vec<_>>().join(" ");
        self.line(person, &format!("$ countersign {words}"))?;
        let said = self.quietly(person, args).await?;
        for line in said.text.lines() {
            self.line("", line)?;
        }
        Ok(said)
    }

    /// The newest open request that somebody sees, as JSON.
    async fn open_request(&self, person: &str) -> anyhow::Result<serde_json::Value> {
        let listed = self.quietly(person, &["--json", "requests"]).await?;
        ensure!(listed.worked, "the requests can't be listed: {}", listed.text);
        let all: Vec<serde_json::Value> = serde_json::from_str(&listed.text).context("a list of requests")?;
        all.into_iter().next().context("a request is open")
    }

    async fn psql(&self, person: &str, sql: &str) -> anyhow::Result<Said> {
        let psql = self.stage.psql().display().to_string();
        self.line(person, &format!("$ countersign connect orders-prod -- psql -c {}", quoted(sql)))?;
        let said = self.quietly(person, &["connect", "orders-prod", "--", &psql, "-X", "-c", sql]).await?;
        for line in said.text.lines() {
            self.line("", line)?;
        }
        Ok(said)
    }

    async fn nobody_gets_in_without_a_grant(&self) -> anyhow::Result<()> {
        self.heading("Without a grant, nobody gets in.")?;
        let said = self.psql("ada", "SELECT 1").await?;
        ensure!(!said.worked, "ada got in without a grant");
        Ok(())
    }

    async fn ada_asks(&self) -> anyhow::Result<String> {
        self.heading("Ada asks. Grace and Linus are asked to decide.")?;
        let args = ["request", "orders-prod", "--level", "write", "--for", "1h", "--because", "INC-42"];
        let said = self.cli("ada", &args).await?;
        ensure!(said.worked, "the request was not made");
        let request = self.open_request("grace").await?;
        let id = request.get("id").and_then(|id| id.as_str()).context("the request has an id")?;
        Ok(id.to_owned())
    }

    async fn grace_agrees(&self, id: &str) -> anyhow::Result<()> {
        self.heading("Nobody agrees to their own request; Grace agrees.")?;
        let own = self.cli("ada", &["approve", id]).await?;
        ensure!(!own.worked, "ada approved her own request");
        let said = self.cli("grace", &["approve", id, "--note", "good luck"]).await?;
        ensure!(said.worked, "grace could not approve");
        let grants = self.cli("ada", &["grants"]).await?;
        ensure!(grants.text.contains("orders-prod"), "ada holds no grant");
        Ok(())
    }

    async fn personal_data_is_masked(&self) -> anyhow::Result<()> {
        self.heading("Her own psql gets in, without any password of the database. Personal data comes back masked.")?;
        let said = self.psql("ada", "SELECT id, name, email, card FROM customers ORDER BY id LIMIT 3").await?;
        ensure!(said.worked, "psql did not get in");
        ensure!(said.text.contains("@*******.") && said.text.contains("****-****-****-"), "nothing was masked");
        let real = self.stage.postgres.sql("orders", "SELECT email FROM customers WHERE id = 1")?;
        ensure!(!said.text.contains(&real), "an address got through");
        Ok(())
    }

    async fn a_dangerous_statement_is_held(&self) -> anyhow::Result<String> {
        self.heading("DELETE FROM orders stops in mid-session. The approver sees what it would touch.")?;
        let mut psql = Psql::start(self, "ada")?;
        psql.send("SELECT count(*) AS before FROM orders;").await?;
        psql.until("12430").await?;
        psql.send("DELETE FROM orders;").await?;
        psql.until("held by rule").await?;
        let left = self.stage.postgres.sql("orders", "SELECT count(*) FROM orders")?;
        ensure!(left == "12430", "rows are gone while the statement is held");
        let request = self.open_request("grace").await?;
        let id = request.get("id").and_then(|id| id.as_str()).context("the hold has an id")?.to_owned();
        let shown = self.cli("grace", &["requests", "show", &id]).await?;
        ensure!(shown.text.contains("DELETE FROM orders"), "the statement is not shown");
        ensure!(shown.text.contains("12430") && shown.text.contains("order_items"), "the impact is not shown");
        let said = self.cli("grace", &["approve", &id, "--yes", "--note", "after the 14:00 backup"]).await?;
        ensure!(said.worked, "grace could not approve");
        psql.until("approved by grace@example.com").await?;
        psql.until("DELETE 12430").await?;
        self.heading("The same connection goes on.")?;
        psql.send("SELECT count(*) AS after FROM orders;").await?;
        psql.until("     0").await?;
        let left = self.stage.postgres.sql("orders", "SELECT count(*) FROM orders")?;
        ensure!(left == "0", "the server still has {left} orders");
        let listed = self.quietly("ada", &["--json", "sessions"]).await?;
        let all: Vec<serde_json::Value> = serde_json::from_str(&listed.text).context("a list of sessions")?;
        let session =
            all.first().and_then(|one| one.get("id")).and_then(|id| id.as_str()).context("a live session")?;
        psql.quit().await?;
        Ok(session.to_owned())
    }

    async fn a_schema_change_is_refused(&self) -> anyhow::Result<()> {
        self.heading("What is forbidden is refused, and the refusal says why.")?;
        let said = self.psql("ada", "SELECT 1; DROP TABLE customers").await?;
        ensure!(!said.worked && said.text.contains("schema changes go through migrations"), "it was not refused");
        let there = self.stage.postgres.sql("orders", "SELECT count(*) > 0 FROM customers")?;
        ensure!(there == "t", "the table is gone");
        Ok(())
    }

    async fn the_session_is_replayed(&self, session: &str) -> anyhow::Result<()> {
        self.heading("An auditor replays the session.")?;
        let said = self.cli("audrey", &["sessions", "replay", session, "--text"]).await?;
        ensure!(said.worked, "the session could not be replayed");
        for part in ["DELETE FROM orders", "grace@example.com", "DELETE 12430"] {
            ensure!(said.text.contains(part), "the replay lacks `{part}`");
        }
        Ok(())
    }

    async fn a_grant_ends_and_the_connection_is_cut(&self) -> anyhow::Result<()> {
        self.heading(
            "A grant ends at its moment, in the middle of a transaction: the backend is gone on the server.",
        )?;
        let args = ["request", "orders-prod", "--for", "5s", "--because", "a quick look"];
        let said = self.cli("alan", &args).await?;
        ensure!(said.worked, "the request was not made");
        let request = self.open_request("grace").await?;
        let id = request.get("id").and_then(|id| id.as_str()).context("an id")?;
        let said = self.cli("grace", &["approve", id]).await?;
        ensure!(said.worked, "grace could not approve");
        let mut psql = Psql::start(self, "alan")?;
        psql.send("BEGIN;").await?;
        psql.until("BEGIN").await?;
        psql.send("SELECT pg_sleep(60);").await?;
        psql.until("access to orders-prod ended").await?;
        let alive = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'cs_read'";
        for _try in 0..100 {
            if self.stage.postgres.sql("orders", alive)? == "0" {
                return self.line("server", "no backend of the session is left in pg_stat_activity");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("the backend is still there")
    }

    async fn the_audit_log_verifies(&self) -> anyhow::Result<()> {
        self.heading("The audit log verifies, offline.")?;
        // The head is signed once a second.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let config = self.stage.config().display().to_string();
        let said = self.cli("audrey", &["audit", "verify", "--config", &config]).await?;
        ensure!(said.worked, "the audit log does not verify");
        Ok(())
    }
}

/// A psql that stays connected, driven through its standard input.
struct Psql<'a> {
    play: &'a Play<'a>,
    person: String,
    child: Child,
    input: ChildStdin,
    lines: mpsc::Receiver<String>,
    _readers: JoinSet<()>,
}

impl<'a> Psql<'a> {
    fn start(play: &'a Play<'a>, person: &str) -> anyhow::Result<Self> {
        let psql = play.stage.psql().display().to_string();
        play.line(person, "$ countersign connect orders-prod -- psql")?;
        let args = ["connect", "orders-prod", "--", psql.as_str(), "-X"];
        let mut child = play.command(person, &args)?.stdin(Stdio::piped()).spawn()?;
        let input = child.stdin.take().context("a way in")?;
        let (tell, lines) = mpsc::channel(1_000);
        let mut readers = JoinSet::new();
        readers.spawn(read(child.stdout.take().context("a way out")?, tell.clone()));
        readers.spawn(read(child.stderr.take().context("a way out")?, tell));
        Ok(Self { play, person: person.to_owned(), child, input, lines, _readers: readers })
    }

    async fn send(&mut self, sql: &str) -> anyhow::Result<()> {
        self.play.line(&self.person, &format!("orders=> {sql}"))?;
        self.input.write_all(format!("{sql}\n").as_bytes()).await?;
        Ok(self.input.flush().await?)
    }

    /// Shows what psql prints until a line holds a text.
    async fn until(&mut self, text: &str) -> anyhow::Result<()> {
        loop {
            let line =
                timeout(PATIENCE, self.lines.recv()).await.with_context(|| format!("psql never said `{text}`"))?;
            let line = line.with_context(|| format!("psql ended before it said `{text}`"))?;
            self.play.line("", &line)?;
            if line.contains(text) {
                return Ok(());
            }
        }
    }

    async fn quit(mut self) -> anyhow::Result<()> {
        drop(self.input);
        timeout(PATIENCE, self.child.wait()).await??;
        Ok(())
    }
}

async fn read(from: impl AsyncRead + Unpin, tell: mpsc::Sender<String>) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if tell.send(line).await.is_err() {
            return;
        }
    }
}

/// A word as a shell would want it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
