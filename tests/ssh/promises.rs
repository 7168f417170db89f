//! SECURITY.md's promises for SSH, by name: the end of access, and what an approval is good for. The others are in `proofs.rs`.

use std::path::PathBuf;
use std::time::Duration;

use sandbox::Sshd;
use tokio::io::AsyncWriteExt;
use tokio::process::Child;
use tokio::task::JoinSet;
use tokio::time::Instant;
use workflows::approval::Terms;
use workflows::clock::Span;
use workflows::engine::Choice;
use workflows::policy::Policy;
use workflows::request::{Request, What};

use super::apart::{held, operations};
use super::watched::Terminal;
use super::{Host, runs, said, until};
use crate::outage::store_of_its_own;
use crate::world::{PATIENCE, Start, going_clock};

async fn ends(child: Child) -> (String, String, Option<i32>) {
    said(tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ran"))
}

/// A server that takes many connections at once.
async fn busy(more: &str, start: Start) -> Host {
    let sshd = tokio::task::spawn_blocking(|| Sshd::start("MaxStartups 500")).await.expect("a thread").expect("sshd");
    Host::on(sshd, false, &[("@GUARD@", more)], start).await
}

/// What a card shows of a held command: its text, and what is said beside it.
fn card(request: &Request) -> (String, String) {
    let What::Operation { shown, impact, .. } = &request.what else { panic!("an operation") };
    (shown.clone(), impact.join("\n"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g1_the_last_moment_of_a_grant_ends_commands_shells_and_transfers() {
    let (clock, hand, _going) = going_clock();
    let host = busy(", watch = true", Start { clock, ..Start::default() }).await;
    host.grant(Span::hours(1)).await;
    let port = host.sshd.port();
    let (command, typed) = (format!("sleep 96{port}"), format!("sleep 95{port}"));
    let running = host.ssh(&[], &[&command]).await.spawn().expect("ssh");
    let mut shell = Terminal::ready(&host).await;
    shell.types(&format!("{typed}\r")).await;
    let (here, there) = (host.world.folder.path().join("huge"), host.place().join("huge"));
    std::fs::File::create(&here).and_then(|file| file.set_len(400_000_000)).expect("a file");
    let wrapper = host.wrapper().await;
    let mut put = tokio::process::Command::new("sftp");
    put.arg("-S").arg(wrapper).args(["-l", "80000", "web-1@127.0.0.1"]).kill_on_drop(true);
    put.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut put = put.spawn().expect("sftp");
    let mut lines = put.stdin.take().expect("its input");
    lines.write_all(format!("put {} {}\n", here.display(), there.display()).as_bytes()).await.expect("written");
    until("both run", || runs(&format!("^{command}")) && runs(&format!("^{typed}"))).await;
    until("it moves", || std::fs::metadata(&there).is_ok_and(|file| file.len() > 100_000)).await;
    // Two seconds before the end everything still goes on.
    hand.advance(Span::seconds(3_598 - 60));
    assert!(runs(&format!("^{command}")) && runs(&format!("^{typed}")));
    hand.advance(Span::minutes(2));
    until("both are gone", || !runs(&format!("^{command}")) && !runs(&format!("^{typed}"))).await;
    drop(lines);
    for child in [running, put] {
        let (_, told, code) = ends(child).await;
        assert!(told.contains("access to web-1 ended") && code != Some(0), "{told}");
    }
    shell.shows("access to web-1 ended").await;
    let size = std::fs::metadata(&there).expect("the part stays").len();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(std::fs::metadata(&there).expect("the part stays").len(), size, "it still grows");
    let (_, told, code) = host.run("echo in").await;
    assert!(code == Some(126) && told.contains("countersign request web-1"), "{told}");
}

/// So many commands that run, as the host's own process list has them.
async fn sessions(host: &Host, count: usize, mark: &str) -> JoinSet<(Instant, String)> {
    let mut running = JoinSet::new();
    // One command line is started many times: each makes a connection of its own.
    let mut ssh = host.ssh(&[], &[mark]).await;
    for _session in 0..count {
        let child = ssh.spawn().expect("ssh");
        running.spawn(async move {
            let output = child.wait_with_output().await.expect("ran");
            (Instant::now(), String::from_utf8_lossy(&output.stderr).into_owned())
        });
    }
    until("all run", || live(mark) == count).await;
    running
}

fn live(mark: &str) -> usize {
    let found = std::process::Command::new("pgrep").args(["-fc", &format!("^{mark}")]).output().expect("pgrep");
    String::from_utf8_lossy(&found.stdout).trim().parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g2_a_revocation_cuts_dozens_of_live_sessions() {
    let host = busy("", Start::default()).await;
    let grant = host.grant(Span::hours(1)).await;
    let mark = format!("sleep 94{}", host.sshd.port());
    let mut running = sessions(&host, 36, &mark).await;
    let linus = host.world.person("linus").await;
    let since = Instant::now();
    host.world.workflows().revoke(&linus, grant, "suspicious").await.expect("revoked");
    until("none is left at the host", || live(&mark) == 0).await;
    let gone = since.elapsed();
    let mut cut = Vec::new();
    while let Some(ended) = tokio::time::timeout(PATIENCE, running.join_next()).await.expect("in time") {
        let (at, told) = ended.expect("no panic");
        assert!(told.contains("was revoked"), "{told}");
        cut.push(at.duration_since(since));
    }
    cut.sort();
    eprintln!(
        "36 sessions: clients cut after p50 {:?}, the last {:?}; processes gone after {gone:?}",
        cut[18], cut[35]
    );
    // Generous, for slow machines; what it is on a quiet one stands in the line above.
    assert!(
        cut.len() == 36 && cut[35] < Duration::from_secs(8) && gone < Duration::from_secs(8),
        "{cut:?}, {gone:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g2_and_g12_a_node_that_is_cut_off_from_its_store_ends_its_sessions_and_lets_nobody_in() {
    let (url, mut store) = store_of_its_own().await;
    let host = busy("", Start { store: Some(url), ..Start::default() }).await;
    host.grant(Span::hours(1)).await;
    let (mark, file) = (format!("sleep 93{}", host.sshd.port()), host.victim());
    let mut running = sessions(&host, 12, &mark).await;
    // Somebody who is signed in already, and a command that waits for people.
    let control = format!("ControlPath={}", host.world.folder.path().join("control").display());
    let mut master = host.ssh(&["-N", "-o", "ControlMaster=yes", "-o", &control], &[]).await.spawn().expect("ssh");
    let known = host.world.folder.path().join("control");
    until("the connection is there", || known.exists()).await;
    let waiting = host.ssh(&[], &[&format!("rm {}", file.display())]).await.spawn().expect("ssh");
    host.world.held().await;
    let (mut late, mut more) =
        (host.ssh(&["-v"], &["echo in"]).await, host.ssh(&["-o", &control], &["echo in"]).await);
    let since = Instant::now();
    store.stop();
    let (out, told, code) = said(late.output().await.expect("ran"));
    assert_eq!((out.as_str(), code), ("", Some(255)), "nobody enters: {told}");
    assert!(told.contains("can't reach its store"), "the reason is said: {told}");
    let (out, told, code) = said(more.output().await.expect("ran"));
    assert_eq!((out.as_str(), code), ("", Some(126)), "no session begins: {told}");
    assert!(told.contains("store"), "the reason is said: {told}");
    let (out, told, code) = ends(waiting).await;
    assert_eq!((out.as_str(), code), ("", Some(126)), "{told}");
    assert!(told.contains("could not be read") || told.contains("store"), "the reason is said: {told}");
    // A node that can't learn of a revocation ends its sessions.
    until("none is left at the host", || live(&mark) == 0).await;
    eprintln!("cut off: the last of 12 sessions was gone after {:?}", since.elapsed());
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    while let Some(ended) = tokio::time::timeout(PATIENCE, running.join_next()).await.expect("in time") {
        let (_, told) = ended.expect("no panic");
        assert!(told.contains("can't reach its store"), "the reason is said: {told}");
    }
    assert!(file.exists(), "what was held did not run");
    master.kill().await.expect("killed");
    store.restart().expect("it starts again");
    for _try in 0..100 {
        let (out, _, _) = said(late.output().await.expect("ran"));
        if out == "in\n" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("it did not come back after the store did");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g5_one_approval_of_many_equal_commands_lets_one_pass_once() {
    let host = busy("", Start::default()).await;
    host.grant(Span::hours(1)).await;
    let file = host.victim();
    let line = format!("rm -f {}/none; echo ran >> {}", host.place().display(), file.display());
    let mut ssh = host.ssh(&[], &[&line]).await;
    let mut children: JoinSet<_> = (0..8)
        .map(|_| ssh.spawn().expect("ssh"))
        .map(|child| async move { said(child.wait_with_output().await.expect("ran")) })
        .collect();
    let mut waiting = held(&host, 8).await;
    let ran = || std::fs::read_to_string(&file).expect("a file").matches("ran").count();
    assert_eq!(ran(), 0);
    let first = waiting.remove(0);
    host.world.approve("linus", first.id).await;
    let (_, told, code) = children.join_next().await.expect("one").expect("no panic");
    assert_eq!(code, Some(0), "{told}");
    held(&host, 7).await;
    assert_eq!(ran(), 1);
    // Both of those who may decide agree to one of the others, many times at once; and to the first again.
    let (linus, grace) = (host.world.person("linus").await, host.world.person("grace").await);
    let mut racers = JoinSet::new();
    for (number, id) in [first.id, waiting[0].id].into_iter().cycle().take(32).enumerate() {
        let (workflows, who) =
            (host.world.workflows().clone(), if number % 4 < 2 { linus.clone() } else { grace.clone() });
        racers.spawn(async move {
            workflows.vote(&who, id, Choice::Approve { terms: Terms::default(), note: None }).await.is_ok()
        });
    }
    let voted = racers.join_all().await;
    assert_eq!(voted.iter().filter(|voted| **voted).count(), 1, "a vote that counts: {voted:?}");
    let (_, told, code) = children.join_next().await.expect("one").expect("no panic");
    assert_eq!(code, Some(0), "{told}");
    for request in held(&host, 6).await {
        host.world.deny("linus", request.id).await;
    }
    while let Some(ended) = children.join_next().await {
        assert_eq!(ended.expect("no panic").2, Some(126));
    }
    assert_eq!(ran(), 2);
}

/// Puts another policy in force: the same file with one part exchanged.
async fn reload(host: &Host, from: &str, to: &str) {
    assert!(host.world.text().contains(from), "the policy holds `{from}`");
    let policy = Policy::parse(&host.world.text().replace(from, to));
    let policy = policy.unwrap_or_else(|mistakes| panic!("{}", mistakes[0].render("x")));
    host.world.workflows().reload(policy).await.expect("reloaded");
}

async fn waits(host: &Host) -> (PathBuf, Child, Request) {
    host.grant(Span::hours(1)).await;
    let file = host.victim();
    let child = host.ssh(&[], &[&format!("rm {}", file.display())]).await.spawn().expect("ssh");
    let request = held(host, 1).await.remove(0);
    (file, child, request)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g6_a_rule_that_denies_meanwhile_wins_over_the_vote() {
    let host = Host::start().await;
    let (file, child, request) = waits(&host).await;
    let rule = "do = \"hold\"\napproval = { from = \"group:dba\", people = 1, within = \"10m\" }\n\n[[mask]]";
    reload(&host, rule, "do = \"deny\"\nbecause = \"not any more\"\n\n[[mask]]").await;
    let linus = host.world.person("linus").await;
    let yes = Choice::Approve { terms: Terms::default(), note: None };
    // The vote itself may be refused already; then the one who waits goes on waiting, and is let go by Ctrl-C or the deadline.
    if host.world.workflows().vote(&linus, request.id, yes).await.is_ok() {
        let (_, told, code) = ends(child).await;
        assert_eq!(code, Some(126), "{told}");
        assert!(told.contains("not any more"), "{told}");
    }
    let (_, told, code) = host.run(&format!("rm {}", file.display())).await;
    assert!(code == Some(126) && told.contains("not any more"), "{told}");
    assert!(file.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g6_a_vote_of_somebody_who_left_the_group_since_does_not_count() {
    let two = "when = 'op.program == \"rm\" || op.opaque'\ndo = \"hold\"\napproval = { from = \"group:dba\", people = 2, within = \"10m\" }";
    let one = two.replace("people = 2", "people = 1");
    let host = Host::edited(&[(one.as_str(), two)]).await;
    let (file, child, request) = waits(&host).await;
    host.world.approve("grace", request.id).await;
    let now = "dba = [\"linus\", \"root\"]";
    reload(&host, "dba = [\"grace\", \"linus\"]", now).await;
    host.world.approve("linus", request.id).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(file.exists(), "one vote of two is left");
    host.world.approve("root", request.id).await;
    let (_, told, code) = ends(child).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(!file.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g6_whoever_is_suspended_while_people_decide_runs_nothing() {
    let host = Host::start().await;
    let (file, child, request) = waits(&host).await;
    host.world.workflows().suspend("root", "ada", true).await.expect("suspended");
    let linus = host.world.person("linus").await;
    let yes = Choice::Approve { terms: Terms::default(), note: None };
    let _too_late = host.world.workflows().vote(&linus, request.id, yes).await;
    let (_, told, code) = ends(child).await;
    assert_eq!(code, Some(126), "{told}");
    assert!(file.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g8_a_command_line_of_100_kilobytes_is_shown_whole_and_runs_whole() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let file = host.victim();
    let long = (0..14_000).fold(String::new(), |all, number| all + &format!("{number:06} "));
    let line = format!("rm {} && printf %s '{long}the end' | sha256sum", file.display());
    assert!(line.len() > 98_000);
    let child = host.ssh(&[], &[&line]).await.spawn().expect("ssh");
    let request = held(&host, 1).await.remove(0);
    assert_eq!(card(&request).0, line);
    host.world.approve("linus", request.id).await;
    let (out, told, code) = ends(child).await;
    assert_eq!(code, Some(0), "{told}");
    let mut sum = std::process::Command::new("sh");
    let sum = sum.args(["-c", &format!("printf %s '{long}the end' | sha256sum")]).output().expect("sh");
    assert_eq!(out.as_bytes(), sum.stdout, "not a byte is lost or added");
    assert!(!file.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g8_the_card_of_a_command_shows_its_bytes_its_terminal_and_its_variables() {
    use std::os::unix::ffi::OsStrExt;
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let mut cards = Vec::new();
    // Two lines that differ in bytes that are no text.
    for byte in [0xfe_u8, 0xff] {
        let line = [b"rm /nowhere/".as_slice(), &[byte], b"\r\x1b[2K"].concat();
        let mut ssh = host.ssh(&["-tt", "-o", "SetEnv=LC_ALL=tr_TR.UTF-8"], &[]).await;
        let child = ssh.arg(std::ffi::OsStr::from_bytes(&line)).spawn().expect("ssh");
        let request = held(&host, 1).await.remove(0);
        cards.push(card(&request));
        host.world.deny("linus", request.id).await;
        ends(child).await;
    }
    assert_eq!(cards[0].0, "rm /nowhere/\\xfe\\u{d}\\u{1b}[2K");
    assert_eq!(cards[1].0, "rm /nowhere/\\xff\\u{d}\\u{1b}[2K");
    assert!(cards[0].1.contains("with LC_ALL=tr_TR.UTF-8") && cards[0].1.contains("on a terminal"), "{cards:?}");
}

/// Inside a guarded session: what is told apart, and what the card says of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g8_a_program_in_another_folder_or_environment_is_another_request() {
    let host = Host::guarded(&[]).await;
    host.grant(Span::hours(1)).await;
    let place = host.place();
    for folder in ["one", "two"] {
        std::fs::create_dir(place.join(folder)).expect("a folder");
    }
    let line = format!(
        "cd {0}/one; rm -f x; rm -f x; cd {0}/two; rm -f x; cd {0}/one; LD_PRELOAD={0}/none.so rm -f x; rm -f y; exit 3",
        place.display()
    );
    let child = host.ssh(&[], &[&line]).await.spawn().expect("ssh");
    let mut seen = Vec::new();
    for _program in 0..5 {
        let request = held(&host, 1).await.remove(0);
        let What::Operation { fingerprint, .. } = &request.what else { panic!("an operation") };
        seen.push((fingerprint.clone(), card(&request).1));
        host.world.approve("linus", request.id).await;
        let id = request.id;
        for _try in 0..600 {
            if operations(&host).await.iter().all(|one| one.id != id) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let (_, told, code) = ends(child).await;
    assert_eq!(code, Some(3), "{told}");
    let [first, again, folder, environment, other] = seen.as_slice() else { panic!("five") };
    assert_eq!(first.0, again.0, "the same thing is the same");
    for (name, one) in [("folder", folder), ("environment", environment), ("argument", other)] {
        assert_ne!(first.0, one.0, "another {name}");
    }
    assert!(first.1.contains("/one, as user") && folder.1.contains("/two, as user"), "{seen:?}");
    assert!(environment.1.contains("with LD_PRELOAD=") && environment.1.contains("none.so"), "{}", environment.1);
}
