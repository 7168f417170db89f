//! SSH, end to end: the real `ssh` through the real `serve()` to a real sshd.

mod apart;
mod certificates;
mod drivers;
mod exec;
mod files;
mod guard;
mod hostile;
mod kept;
mod keys;
mod promises;
mod proofs;
mod recordings;
mod repeat;
mod sudo;
mod targets;
mod typed;
mod watched;
mod ways;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use sandbox::Sshd;
use tempfile::TempDir;
use tokio::process::Command;
use workflows::clock::Span;
use workflows::engine::{AccessAsk, Filter};
use workflows::id::GrantId;
use workflows::target::Access;

use crate::world::{PATIENCE, Start, World};

const TARGET: &str = r#"
[[target]]
name = "web-1"
protocol = "ssh"
address = "127.0.0.1:@PORT@"
labels = { team = "orders", env = "test" }
host_key = "@KEY@"
login.read = { user = "@USER@", key = "file:@LOGIN@", shell = "/bin/bash" }
login.write = { user = "@USER@", key = "file:@LOGIN@", shell = "/bin/bash"@GUARD@ }

[group]
"#;

const HOLDS: &str = r#"
[[rule]]
name = "commands"
targets = { name = "web-1" }
when = 'op.program == "rm" || op.opaque'
do = "hold"
approval = { from = "group:dba", people = 1, within = "10m" }

[[mask]]
"#;

struct Host {
    world: World,
    sshd: Sshd,
    /// Where programs for the host lie.
    tools: TempDir,
}

impl Host {
    async fn start() -> Self {
        Self::edited(&[]).await
    }

    /// Every program is stopped before it runs.
    async fn guarded(more: &[(&str, &str)]) -> Self {
        Self::made(true, more).await
    }

    async fn edited(more: &[(&str, &str)]) -> Self {
        Self::made(false, more).await
    }

    async fn made(guarded: bool, more: &[(&str, &str)]) -> Self {
        let sshd = tokio::task::spawn_blocking(|| Sshd::start("")).await.expect("a thread").expect("sshd");
        Self::with(sshd, guarded, more).await
    }

    async fn with(sshd: Sshd, guarded: bool, more: &[(&str, &str)]) -> Self {
        Self::on(sshd, guarded, more, Start::default()).await
    }

    /// In a world that is started in another way.
    async fn on(sshd: Sshd, guarded: bool, more: &[(&str, &str)], start: Start) -> Self {
        let tools = TempDir::new().expect("a folder");
        let place = tools.path().join("place");
        std::fs::create_dir(&place).expect("a folder");
        for (path, mode) in [(tools.path(), 0o755), (&place, 0o777)] {
            std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("a folder");
        }
        let guard = tools.path().join("countersign-guard");
        if guarded {
            // Where the tests were built, the login may not be able to look.
            let (built, here) = (env!("CARGO_BIN_EXE_countersign"), tools.path().join("countersign"));
            std::fs::hard_link(built, &here).or_else(|_| std::fs::copy(built, &here).map(drop)).expect("the binary");
            program(&guard, &format!("exec {} guard \"$@\"", here.display()));
        }
        let guard = if guarded { format!(", guard = \"{}\"", guard.display()) } else { String::new() };
        let target = more.iter().fold(TARGET.to_owned(), |text, (from, to)| text.replace(from, to));
        let target = target
            .replace("@PORT@", &sshd.port().to_string())
            .replace("@KEY@", sshd.host_key())
            .replace("@GUARD@", &guard)
            .replace("@USER@", sshd.user())
            .replace("@LOGIN@", &sshd.login_key().display().to_string());
        let mut edits = vec![
            ("@GATEWAY@".to_owned(), "ssh = \"127.0.0.1:0\"".to_owned()),
            ("\n[group]\n".to_owned(), target),
            ("\n[[mask]]\n".to_owned(), HOLDS.to_owned()),
        ];
        let elsewhere = more.iter().filter(|(from, _)| !TARGET.contains(from));
        edits.extend(elsewhere.map(|(from, to)| ((*from).to_owned(), (*to).to_owned())));
        edits.extend(start.edits);
        let world = World::start_with(Start { edits, ..start }).await;
        Self { world, sshd, tools }
    }

    /// A folder that the login at the host can write.
    fn place(&self) -> PathBuf {
        self.tools.path().join("place")
    }

    /// A file of the login's.
    fn victim(&self) -> PathBuf {
        let path = self.place().join("victim");
        std::fs::write(&path, "x").expect("a file");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).expect("a file");
        path
    }

    async fn grant(&self, span: Span) -> GrantId {
        self.grant_at(Access::Write, span).await
    }

    /// A grant at another level.
    async fn grant_at(&self, access: Access, span: Span) -> GrantId {
        let who = self.world.person("ada").await;
        let target = "web-1".parse().expect("a name");
        let ask = AccessAsk { target, access, span, why: "test".to_owned(), emergency: false };
        let asked = self.world.workflows().request(&who, ask).await.expect("asked");
        self.world.approve("linus", asked.request.id).await;
        let grants =
            self.world.workflows().grants(&who, Filter { open_only: true, limit: 100 }).await.expect("grants");
        grants.into_iter().find(|grant| grant.request == asked.request.id).expect("a grant").id
    }

    /// The real client; its token comes from the program that it asks for passwords.
    async fn ssh(&self, options: &[&str], rest: &[&str]) -> Command {
        let token = self.world.token("ada").await;
        let folder = self.world.folder.path();
        let ask = folder.join("askpass");
        program(&ask, &format!("echo {}", token.reveal()));
        let port = self.world.ready.ssh.expect("SSH is served").port().to_string();
        let known = format!("UserKnownHostsFile={}", folder.join("known").display());
        let mut ssh = Command::new("ssh");
        // First: OpenSSH keeps the first value that it reads.
        ssh.args(options);
        ssh.args(["-F", "none", "-p", &port, "-o", &known, "-o", "StrictHostKeyChecking=accept-new"]);
        ssh.args(["-o", "NumberOfPasswordPrompts=1", "-o", "PubkeyAuthentication=no", "-o", "LogLevel=ERROR"]);
        ssh.arg("web-1@127.0.0.1").args(rest);
        ssh.env("SSH_ASKPASS", ask).env("SSH_ASKPASS_REQUIRE", "force").env("LC_ALL", "C.UTF-8").kill_on_drop(true);
        ssh.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        ssh
    }

    /// A program that is our `ssh`, for others that start one.
    async fn wrapper(&self) -> PathBuf {
        let ssh = self.ssh(&[], &[]).await;
        let ssh = ssh.as_std();
        let words: Vec<String> = ssh.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        // Without the last word, which is where to go.
        let words = words.get(..words.len() - 1).expect("words").join(" ");
        let settings: String = ssh
            .get_envs()
            .filter_map(|(name, value)| Some(format!("{}={} ", name.to_str()?, value?.to_str()?)))
            .collect();
        let path = self.world.folder.path().join("ssh-wrapper");
        program(&path, &format!("{settings} exec ssh {words} \"$@\""));
        path
    }

    async fn run(&self, line: &str) -> (String, String, Option<i32>) {
        said(
            tokio::time::timeout(PATIENCE, self.ssh(&[], &[line]).await.output())
                .await
                .expect("in time")
                .expect("ran"),
        )
    }

    /// Runs a line until what it starts is there, takes the grant back, and looks whether that is gone from the host.
    async fn ends_with_the_grant(&self, grant: GrantId, line: &str, mark: &str) {
        let child = self.ssh(&[], &[line]).await.spawn().expect("ssh");
        until("it runs", || runs(&format!("^{mark}"))).await;
        let linus = self.world.person("linus").await;
        self.world.workflows().revoke(&linus, grant, "test").await.expect("revoked");
        let ended = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ran");
        let (_, told, _) = said(ended);
        assert!(told.contains("was revoked"), "{told}");
        until("it is gone", || !runs(&format!("^{mark}"))).await;
    }
}

/// Whether a process with these words in its command line runs on the host.
fn runs(words: &str) -> bool {
    let found = std::process::Command::new("pgrep").args(["-f", words]).output().expect("pgrep");
    found.status.success()
}

fn program(path: &Path, code: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{code}\n")).expect("a program");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("a program");
}

fn said(output: Output) -> (String, String, Option<i32>) {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (text(output.stdout), text(output.stderr), output.status.code())
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    for _try in 0..600 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {what}");
}
