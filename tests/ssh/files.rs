//! Files: sftp, scp in both protocols, rsync and git, through the gateway to a real sshd.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use workflows::clock::Span;

use super::{Host, said, until};
use crate::world::PATIENCE;

/// A command of OpenSSH's family that uses our `ssh`.
async fn with(host: &Host, program: &str, args: &[&str]) -> (String, String, Option<i32>) {
    let ssh = host.wrapper().await;
    let mut command = Command::new(program);
    match program {
        "rsync" => command.args(["-e", &ssh.display().to_string()]),
        "git" => command.env("GIT_SSH_COMMAND", ssh.display().to_string()),
        _ => command.args(["-S", &ssh.display().to_string()]),
    };
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    said(tokio::time::timeout(PATIENCE, command.output()).await.expect("in time").expect("ran"))
}

pub(super) fn files(host: &Host) -> (PathBuf, PathBuf) {
    let (here, there) = (host.world.folder.path().join("here"), host.place());
    std::fs::create_dir_all(&here).expect("a folder");
    std::fs::write(here.join("big"), vec![7; 3_000_000]).expect("a file");
    std::fs::write(there.join("old"), "old").expect("a file");
    std::fs::set_permissions(there.join("old"), PermissionsExt::from_mode(0o666)).expect("a file");
    (here, there)
}

/// `sftp`, which reads its commands from its input: with `-b` it would let nobody ask for a token.
pub(super) async fn sftp(host: &Host, options: &[&str], lines: &str) -> (String, String, Option<i32>) {
    let ssh = host.wrapper().await;
    let mut command = Command::new("sftp");
    command.arg("-S").arg(ssh).args(options).arg("web-1@127.0.0.1").kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("sftp");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(lines.as_bytes()).await.expect("written");
    drop(input);
    said(tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ran"))
}

fn same(a: &Path, b: &Path) -> bool {
    std::fs::read(a).expect("a file") == std::fs::read(b).expect("a file")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sftp_works_and_each_file_operation_is_an_operation() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let (here, there) = files(&host);
    let (h, t) = (here.display(), there.display());
    let lines = format!(
        "put {h}/big {t}/big\nget {t}/big {h}/back\nrename {t}/old {t}/new\nmkdir {t}/folder\nchmod 600 {t}/new\n\
         ls -l {t}\nln -s {t}/new {t}/link\nrmdir {t}/folder\n"
    );
    let (out, told, code) = sftp(&host, &[], &lines).await;
    assert_eq!(code, Some(0), "{out} {told}");
    assert!(same(&here.join("big"), &there.join("big")) && same(&here.join("big"), &here.join("back")));
    assert!(there.join("new").exists() && there.join("link").is_symlink() && !there.join("folder").exists());
    for part in [
        format!("put {t}/big (3000000 bytes, sha256 "),
        format!("get {t}/big (3000000 bytes, sha256 "),
        format!("sftp rename {t}/old -> {t}/new"),
        format!("sftp mkdir {t}/folder"),
        format!("sftp setstat {t}/new"),
        format!("sftp rmdir {t}/folder"),
    ] {
        until(&part, || host.world.recorded().contains(&part)).await;
    }
    let text = host.world.recorded();
    assert!(!text.contains(&"\u{7}".repeat(64)), "contents were kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_holds_and_refuses_single_file_operations() {
    let rules = r#"
[[rule]]
name = "no deleting"
targets = { name = "web-1" }
when = 'op.verb == "SFTP REMOVE"'
do = "deny"
because = "files stay"

[[rule]]
name = "configuration"
targets = { name = "web-1" }
when = 'op.program == "sftp" && op.writes && op.objects.exists(path, path.endsWith(".conf"))'
do = "hold"
approval = { from = "group:dba", people = 1, within = "10m" }

[[mask]]
"#;
    let host = Host::edited(&[("\n[[mask]]\n", rules)]).await;
    host.grant(Span::hours(1)).await;
    let (here, there) = files(&host);
    let (h, t) = (here.display(), there.display());
    let (out, told, code) = sftp(&host, &[], &format!("rm {t}/old\n")).await;
    assert_eq!(code, Some(0), "{out} {told}");
    assert!(
        told.contains("refused by rule `no deleting`") || out.contains("refused by rule `no deleting`"),
        "{out} {told}"
    );
    assert!(there.join("old").exists());
    let lines = format!("put {h}/big {t}/app.conf\n");
    let put = sftp(&host, &[], &lines);
    let agree = async {
        let held = host.world.held().await;
        assert!(!there.join("app.conf").exists(), "nothing was opened yet");
        host.world.approve("linus", held.id).await;
    };
    let ((out, told, code), ()) = tokio::join!(put, agree);
    assert_eq!(code, Some(0), "{out} {told}");
    assert!(same(&here.join("big"), &there.join("app.conf")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scp_in_both_protocols_rsync_and_git_work() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let (here, there) = files(&host);
    let (h, t) = (here.display().to_string(), there.display().to_string());
    for (protocol, name) in [("-s", "a"), ("-O", "b")] {
        let there = format!("web-1@127.0.0.1:{t}/{name}");
        let (out, told, code) = with(&host, "scp", &[protocol, "-p", &format!("{h}/big"), &there]).await;
        assert_eq!(code, Some(0), "{protocol} {out} {told}");
        let (out, told, code) = with(&host, "scp", &[protocol, &there, &format!("{h}/{name}")]).await;
        assert_eq!(code, Some(0), "{protocol} {out} {told}");
        assert!(same(Path::new(&format!("{h}/big")), Path::new(&format!("{h}/{name}"))), "{protocol}");
    }
    let (out, told, code) =
        with(&host, "rsync", &["-a", &format!("{h}/"), &format!("web-1@127.0.0.1:{t}/sync/")]).await;
    assert_eq!(code, Some(0), "{out} {told}");
    assert!(same(&here.join("big"), &there.join("sync/big")));
    let repository = there.join("repository");
    let git = |args: &[&str], folder: &Path| {
        let output = std::process::Command::new("git").args(args).current_dir(folder).output().expect("git");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    std::fs::create_dir(&repository).expect("a folder");
    git(&["init", "-q", "-b", "main"], &repository);
    std::fs::write(repository.join("mail"), "mira.weber@example.com\n").expect("a file");
    git(&["add", "mail"], &repository);
    git(&["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "-m", "one"], &repository);
    // Of whoever signs in there: git reads nobody else's.
    let owner = std::process::Command::new("chown").arg("-R").arg(host.sshd.user()).arg(&repository).status();
    assert!(owner.expect("chown").success());
    let clone = here.join("clone").display().to_string();
    let (out, told, code) =
        with(&host, "git", &["clone", "-q", &format!("ssh://web-1@127.0.0.1{}", repository.display()), &clone]).await;
    assert_eq!(code, Some(0), "{out} {told}");
    let text = std::fs::read_to_string(here.join("clone/mail")).expect("a file");
    assert_eq!(text, "mira.weber@example.com\n", "files are carried as they are");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_grant_in_the_middle_of_an_upload_says_what_is_left() {
    let host = Host::start().await;
    let grant = host.grant(Span::hours(1)).await;
    let (here, there) = files(&host);
    let (h, t) = (here.display(), there.display());
    std::fs::write(here.join("huge"), vec![1; 400_000_000]).expect("a file");
    let lines = format!("put {h}/huge {t}/huge\n");
    let put = sftp(&host, &["-l", "80000"], &lines);
    let end = async {
        until("it has begun", || std::fs::metadata(there.join("huge")).is_ok_and(|data| data.len() > 1_000_000))
            .await;
        let linus = host.world.person("linus").await;
        host.world.workflows().revoke(&linus, grant, "test").await.expect("revoked");
    };
    let ((out, told, code), ()) = tokio::join!(put, end);
    assert_ne!(code, Some(0), "{out} {told}");
    assert!(told.contains("was revoked") && told.contains(&format!("not finished: put {t}/huge")), "{out} {told}");
    let size = std::fs::metadata(there.join("huge")).expect("the part stays").len();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(std::fs::metadata(there.join("huge")).expect("the part stays").len(), size, "it still grows");
    until("it is recorded", || host.world.recorded().contains(&format!("not finished: put {t}/huge ("))).await;
}
