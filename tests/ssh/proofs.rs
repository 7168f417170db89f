//! SECURITY.md's promises for SSH, by name: what is shown and kept, what doubt does, and what is in no evidence.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use workflows::clock::Span;
use workflows::engine::{AccessAsk, Choice, Filter};
use workflows::evidence::recording::Reader;
use workflows::request::What;
use workflows::session::Session;
use workflows::target::Access;

use super::apart::{Apart, held};
use super::certificates::countersign;
use super::watched::Terminal;
use super::{Host, runs, said, until};
use crate::outage::Small;
use crate::world::{CANARY, PATIENCE, files};

const ALL: Filter = Filter { open_only: false, limit: 100 };

async fn ends(child: Child) -> (String, String, Option<i32>) {
    said(tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ran"))
}

/// Ada's sessions once they are over, the newest first.
async fn over(host: &Host, count: usize) -> Vec<Session> {
    let ada = host.world.person("ada").await;
    for _try in 0..400 {
        let sessions = host.world.workflows().sessions(&ada, ALL).await.expect("sessions");
        if sessions.len() == count && sessions.iter().all(|one| one.ended.is_some()) {
            return sessions;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", host.world.workflows().sessions(&ada, ALL).await);
}

/// Nothing that a terminal would obey.
fn plain(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
        && !text.contains(['\u{202e}', '\u{200b}'])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_what_hides_in_a_command_is_shown_to_everybody_and_obeyed_by_nobody() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let line = "rm /nowhere/a\u{1b}]0;owned\u{7}\u{202e}b\u{200b}c\rd";
    let child = host.ssh(&[], &[line]).await.spawn().expect("ssh");
    let request = held(&host, 1).await.remove(0);
    let What::Operation { shown, impact, .. } = &request.what else { panic!("an operation") };
    assert_eq!(shown, r"rm /nowhere/a\u{1b}]0;owned\u{7}\u{202e}b\u{200b}c\u{d}d");
    assert!(plain(&impact.join("\n")));
    // What an approver writes reaches the terminal of whoever waits.
    let because = "no\u{1b}[2J\u{202e}\rOK".to_owned();
    let linus = host.world.person("linus").await;
    // It may be refused as well.
    let voted = host.world.workflows().vote(&linus, request.id, Choice::Deny { because }).await;
    if voted.is_err() {
        host.world.deny("linus", request.id).await;
    }
    let (_, told, code) = ends(child).await;
    assert!(code == Some(126) && plain(&told) && told.contains("denied by linus"), "{told:?}");
    for args in [["requests", "--all"], ["requests", "show"]] {
        let id = request.id.to_string();
        let args = if args[1] == "show" { vec!["requests", "show", &id] } else { args.to_vec() };
        let (out, told, code) = countersign(&host, &args).await;
        assert!(code == Some(0) && plain(&out) && out.contains("owned"), "{args:?} {out:?} {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_a_recording_is_listed_without_being_obeyed() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let (out, told, code) = host.run("printf '\\033]0;owned\\007\\033[2Jshown\\n'; ls /nowhere/$'\\x1b[2J'").await;
    assert!(
        out.contains("\u{1b}]0;owned") && code != Some(0),
        "a terminal is the client's own business: {out} {told}"
    );
    let session = over(&host, 1).await.remove(0);
    let id = session.id.to_string();
    for args in [&["sessions", "--all"][..], &["sessions", "show", &id], &["sessions", "replay", &id, "--text"]] {
        let (out, told, code) = countersign(&host, args).await;
        assert_eq!(code, Some(0), "{args:?} {told}");
        assert!(plain(&out), "{args:?} {out:?}");
    }
    let (out, _, _) = countersign(&host, &["sessions", "replay", &id, "--text"]).await;
    assert!(out.contains("owned") && out.contains("shown"), "{out:?}");
}

/// A name in a transfer is a person's, or a host's: both are strangers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_names_of_files_are_shown_and_not_obeyed() {
    let rule = "\n[[rule]]\nname = \"files\"\ntargets = { name = \"web-1\" }\nwhen = 'op.verb == \"SFTP MKDIR\"'\ndo = \"deny\"\n\
                because = \"no\"\n\n[[mask]]\n";
    let host = Host::edited(&[("\n[[mask]]\n", rule)]).await;
    host.grant(Span::hours(1)).await;
    let (here, there) = (host.world.folder.path(), host.place());
    let name = "a\u{1b}[2J\u{202e}b";
    std::fs::write(here.join(name), "x").expect("a file");
    let wrapper = host.wrapper().await;
    let mut sftp = Command::new("sftp");
    sftp.arg("-S").arg(wrapper).arg("web-1@127.0.0.1").kill_on_drop(true).env("LC_ALL", "C");
    let lines = here.join("lines");
    let text = format!("put \"{0}/{name}\" \"{1}/{name}\"\nmkdir \"{1}/{name}2\"\n", here.display(), there.display());
    std::fs::write(&lines, text).expect("a file");
    sftp.stdin(std::fs::File::open(&lines).expect("a file")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (_, told, _) = ends(sftp.spawn().expect("sftp")).await;
    let ours: Vec<&str> = told.lines().filter(|line| line.starts_with("countersign: ")).collect();
    assert!(!ours.is_empty() && ours.iter().all(|line| plain(line)), "{told:?}");
    until("it is recorded", || host.world.recorded().contains("put ")).await;
    over(&host, 1).await;
    let recorded = host.world.recorded();
    assert!(recorded.contains(r"a\u{1b}[2J\u{202e}b") && plain(&recorded), "{recorded:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g12_without_a_recording_nothing_starts_and_the_reason_is_said() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let file = host.victim();
    let recordings = host.world.folder.path().join("recordings");
    std::fs::remove_dir_all(&recordings).expect("gone");
    std::fs::write(&recordings, "not a folder").expect("a file");
    let (out, told, code) = host.run(&format!("echo out; echo ran >> {}", file.display())).await;
    assert_eq!((out.as_str(), code), ("", Some(126)), "{told}");
    assert!(told.contains("record"), "{told}");
    assert_eq!(std::fs::read_to_string(file).expect("a file"), "x", "nothing ran");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g12_a_full_disk_under_the_recordings_ends_what_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(small) = Small::mount(&folder.path().join("small")) else { return };
    let host = Host::edited(&[("@FOLDER@/recordings", &small.0.display().to_string())]).await;
    host.grant(Span::hours(1)).await;
    let mark = format!("sleep 92{}", host.sshd.port());
    // Random text does not compress; the rest of it would go on by itself.
    let line = format!("{mark} & head -c 3000000 /dev/urandom | base64; wait");
    let (_, told, code) = host.run(&line).await;
    assert!(code != Some(0) && told.contains("the recording could not be written"), "{told}");
    until("it is gone", || !runs(&format!("^{mark}"))).await;
    let (out, told, code) = host.run("echo in").await;
    assert_eq!((out.as_str(), code), ("", Some(126)), "{told}");
    assert!(told.contains("record"), "{told}");
}

/// The file as it is served, for commands that read it.
fn file_of(host: &Host) -> std::path::PathBuf {
    let path = host.world.folder.path().join("countersign.toml");
    std::fs::write(&path, host.world.text()).expect("a file");
    path
}

fn verify(file: &Path) -> (bool, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"));
    let output = command.args(["audit", "verify", "--config"]).arg(file).output().expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g13_the_audit_log_vouches_for_recordings_of_ssh() {
    let mut host = Host::edited(&[("@GUARD@", ", watch = true")]).await;
    host.grant(Span::hours(1)).await;
    host.run("echo one").await;
    let held_one = host.ssh(&[], &["rm /nowhere/x"]).await.spawn().expect("ssh");
    host.world.approve("linus", held(&host, 1).await.remove(0).id).await;
    ends(held_one).await;
    let mut shell = Terminal::ready(&host).await;
    shell.types("exit\r").await;
    over(&host, 3).await;
    host.world.close().await;
    let file = file_of(&host);
    let (sound, told) = verify(&file);
    assert!(sound && told.contains("3 recordings are what the log says"), "{told}");
    // Each of these leaves a file that is sound by itself, or none.
    let paths = files(&host.world.folder.path().join("recordings"));
    let texts: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).expect("a recording")).collect();
    let again = || paths.iter().zip(&texts).for_each(|(path, text)| std::fs::write(path, text).expect("a file"));
    let mut flipped = texts[0].clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    std::fs::write(&paths[0], &flipped).expect("a file");
    assert!(!verify(&file).0, "a bit was turned");
    again();
    std::fs::write(&paths[0], &texts[1]).expect("a file");
    let (sound, told) = verify(&file);
    assert!(!sound && told.contains("is that of"), "exchanged: {told}");
    again();
    std::fs::write(&paths[2], &texts[2][..texts[2].len() - 30]).expect("a file");
    assert!(!verify(&file).0, "the end was cut off");
    again();
    std::fs::remove_file(&paths[1]).expect("gone");
    let (sound, told) = verify(&file);
    assert!(!sound && told.contains("is missing"), "{told}");
    again();
    assert!(verify(&file).0, "and now it is sound again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g14_break_glass_is_loud_recorded_before_it_acts_and_reviewed() {
    let glass = "[[emergency]]\nname = \"glass\"\nwho = \"group:orders\"\ntargets = { team = \"orders\" }\nlevels = [\"write\"]\n\
                 at_most = \"30m\"\nreview = { from = \"group:dba\", people = 1, within = \"24h\" }\n\n[[rule]]\nname = \"bulk write\"";
    let host = Host::edited(&[("[[rule]]\nname = \"bulk write\"", glass)]).await;
    let ada = host.world.person("ada").await;
    let (_, told, code) = host.run("echo in").await;
    assert_eq!(code, Some(126), "{told}");
    let ask = |span| AccessAsk {
        target: "web-1".parse().expect("a name"),
        access: Access::Write,
        span,
        why: "the shop is down".to_owned(),
        emergency: true,
    };
    assert!(host.world.workflows().request(&ada, ask(Span::hours(1))).await.is_err(), "its maximum is short");
    let asked = host.world.workflows().request(&ada, ask(Span::minutes(20))).await.expect("at once");
    let (out, told, code) = host.run("echo in").await;
    assert_eq!((out.as_str(), code), ("in\n", Some(0)), "{told}");
    // Strict: what is about to run is on the disk before it does, and so it is while it runs.
    let mark = format!("sleep 91{}", host.sshd.port());
    let child = host.ssh(&[], &[&mark]).await.spawn().expect("ssh");
    until("it runs", || runs(&format!("^{mark}"))).await;
    assert!(host.world.recorded().contains(&mark), "it ran before it was on the disk");
    // A rule holds here as well: the glass opens the door and nothing else.
    let mut second = host.ssh(&[], &["rm /nowhere/x"]).await.spawn().expect("ssh");
    host.world.deny("linus", held(&host, 1).await.remove(0).id).await;
    second.wait().await.expect("an end");
    // A review is owed by somebody else, and nobody has a second before it is done.
    let linus = host.world.person("linus").await;
    let grants = host.world.workflows().grants(&ada, ALL).await.expect("grants");
    let grant = grants.iter().find(|grant| grant.request == asked.request.id).expect("a grant");
    assert!(grant.emergency && grant.until.since(grant.from) == Span::minutes(20), "{grant:?}");
    assert!(host.world.workflows().request(&ada, ask(Span::minutes(5))).await.is_err(), "a second one");
    host.world.workflows().revoke(&linus, grant.id, "enough").await.expect("revoked");
    let (_, told, _) = ends(child).await;
    assert!(told.contains("was revoked"), "{told}");
    let review = host.world.workflows().requests(&linus, ALL).await.expect("requests");
    let review = review.into_iter().find(|one| matches!(one.what, What::Review { .. })).expect("a review is owed");
    assert!(host.world.workflows().request(&ada, ask(Span::minutes(5))).await.is_err(), "not before the review");
    let yes = || Choice::Approve { terms: workflows::approval::Terms::default(), note: Some("seen".to_owned()) };
    assert!(host.world.workflows().vote(&ada, review.id, yes()).await.is_err(), "not by oneself");
    host.world.workflows().vote(&linus, review.id, yes()).await.expect("reviewed");
}

/// Every credential carries something by which it is found; nothing that was written or said holds it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g15_no_stored_secret_is_in_anything_that_was_written_or_said() {
    let host = Host::edited(&[(
        "login.read = { user = \"@USER@\", key = \"file:@LOGIN@\"",
        "login.read = { user = \"@USER@\", password = \"file:@FOLDER@/read\"",
    )])
    .await;
    // A level with a password, which this host does not take; and one with a key.
    host.grant_at(Access::Read, Span::minutes(30)).await;
    let key = std::fs::read_to_string(host.sshd.login_key()).expect("a key");
    let key = key.lines().nth(2).expect("a line of it").to_owned();
    let apart = Apart::start(host).await;
    let host = &apart.host;
    let (out, mut heard, code) = host.run("echo in").await;
    assert_eq!((out.as_str(), code), ("", Some(126)), "{heard}");
    assert!(heard.contains("the target refused the login"), "{heard}");
    host.grant(Span::hours(1)).await;
    for line in ["echo in", "exit 7", "ls /nowhere", "printf '%s' \"$SSH_CONNECTION\""] {
        let (out, told, _) = host.run(line).await;
        heard = heard + &out + &told;
    }
    // A wrong token that holds the right one, a certificate, and a login whose key is broken.
    let token = host.world.token("ada").await;
    let (out, told, _) = countersign(host, &["connect", "web-1", "--certificate"]).await;
    heard = heard + &out + &told;
    std::fs::write(host.sshd.login_key(), format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{key}\n")).expect("a file");
    let (_, told, code) = host.run("echo in").await;
    assert_eq!(code, Some(126), "{told}");
    heard += &told;
    apart.server.signal("-TERM");
    until("it has stopped", || std::net::TcpStream::connect(host.world.ready.ssh.expect("SSH")).is_err()).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let log = apart.server.logged();
    assert!(log.contains("no way to the target"), "{log}");
    let secrets = [
        ("the login's key", key.as_bytes()),
        ("the password", CANARY.as_bytes()),
        ("a token", token.reveal().as_bytes()),
    ];
    let holds =
        |bytes: &[u8]| secrets.iter().find(|(_, secret)| bytes.windows(secret.len()).any(|part| part == *secret));
    for (name, text) in [("what was said", &heard), ("the log", &log)] {
        assert_eq!(holds(text.as_bytes()), None, "{name}");
    }
    for path in files(host.world.folder.path()) {
        // The secrets' own places: the logins' passwords, and what a person's clients keep.
        if ["read", "write", "askpass", "credentials.toml"].iter().any(|name| path.ends_with(name)) {
            continue;
        }
        assert_eq!(holds(&std::fs::read(&path).expect("a file")), None, "{}", path.display());
    }
    for path in files(&host.world.folder.path().join("recordings")) {
        let records: Vec<_> =
            Reader::open(&path, None).expect("a recording").map(|one| one.expect("a record")).collect();
        let text: String = records.iter().map(|one| crate::world::spoken(&one.what)).collect();
        assert_eq!(holds(text.as_bytes()), None, "unpacked: {}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g17_a_shell_that_nobody_watches_is_marked_once_it_is_let_through() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    // What was read leaves no mark.
    host.run("echo in").await;
    assert_eq!(over(&host, 1).await[0].uninspected, None);
    let mut ssh = host.ssh(&["-tt"], &[]).await;
    let mut child = ssh.stdin(Stdio::piped()).spawn().expect("ssh");
    let mut keys = child.stdin.take().expect("its input");
    keys.write_all(b"exit\n").await.expect("typed");
    host.world.approve("linus", held(&host, 1).await.remove(0).id).await;
    ends(child).await;
    let session = over(&host, 2).await.remove(0);
    let mark = session.uninspected.expect("a mark");
    assert!(mark.contains("could not be read"), "{mark}");
    let (out, told, code) = countersign(&host, &["sessions", "show", &session.id.to_string()]).await;
    assert!(code == Some(0) && out.contains("could not be read"), "{out} {told}");
    // It is in the evidence: in the audit log and at the end of the recording.
    let page = host.world.workflows().audit_page(0, 1_000).await.expect("the log");
    let mut ends = page.entries.iter().filter(|entry| entry.verb == "end");
    assert!(ends.any(|entry| entry.detail.contains(&mark)), "the log");
    assert!(host.world.recorded().contains(&mark), "the recording");
}

/// Each line of a watched shell is read; what could be read leaves no mark.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g17_a_watched_shell_is_marked_only_for_what_could_not_be_read() {
    let host = Host::edited(&[("@GUARD@", ", watch = true")]).await;
    host.grant(Span::hours(1)).await;
    let mut shell = Terminal::ready(&host).await;
    shell.types("echo $((6*7))\r").await;
    shell.shows("42\r\n").await;
    shell.types("exit\r").await;
    assert_eq!(over(&host, 1).await[0].uninspected, None);
    drop(shell);
    let mut shell = Terminal::ready(&host).await;
    shell.types("x=echo; $x $((6*7))\r").await;
    host.world.approve("linus", held(&host, 1).await.remove(0).id).await;
    shell.shows("42\r\n").await;
    shell.types("exit\r").await;
    let session = over(&host, 2).await.remove(0);
    assert!(session.uninspected.is_some_and(|mark| mark.contains("could not be read")));
}
