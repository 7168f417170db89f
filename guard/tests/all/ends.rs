//! However a session ends, nothing of it is left.

use std::time::{Duration, Instant};

use crate::world::{Reply, Way, World, alive, bash, folder, left_out, name, until};

/// A shell with children of every kind: one in the background, one in a session of its own, one whose parent is gone and
/// that ignores hang-ups. Their numbers go to a file.
const FAMILY: &str = "sleep 1000 & echo $! >> pids
setsid sleep 1000 & echo $! >> pids
(trap '' HUP TERM INT; exec setsid bash -c 'trap \"\" HUP TERM; echo $$ >> pids; exec sleep 1000' </dev/null >/dev/null 2>&1 &)
python3 -c 'import os,time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(\"pids\", \"a\").write(f\"{os.getpid()}\\n\")
        time.sleep(1000)
    os._exit(0)'
while [ $(wc -l < pids) -lt 4 ]; do sleep 0.05; done
echo $$ >> pids; touch ready; ";

fn family(world: &World) -> Vec<u32> {
    let folder = world.folder.path().to_owned();
    until("the family", || folder.join("ready").exists().then_some(()));
    let pids = std::fs::read_to_string(folder.join("pids")).unwrap();
    let pids: Vec<u32> = pids.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(pids.len(), 5);
    assert!(pids.iter().all(|pid| alive(*pid)), "{pids:?}");
    pids
}

fn gone_within_a_second(pids: &[u32], what: &str) {
    let begin = Instant::now();
    until(what, || pids.iter().all(|pid| !alive(*pid)).then_some(()));
    assert!(begin.elapsed() < Duration::from_secs(1), "{what}: {:?}", begin.elapsed());
}

fn kill(pid: u32, signal: rustix::process::Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
}

fn start(rest: &str) -> World {
    World::start(&bash(&format!("{FAMILY}{rest}")), Box::new(|_| Reply::Go))
}

#[test]
fn a_killed_guard_takes_everything_with_it() {
    if left_out() {
        return;
    }
    for watch in [false, true] {
        let world = start("sleep 1000");
        let mut pids = family(&world);
        let guard = world.guard();
        pids.extend([guard, world.child.id()]);
        kill(if watch { world.child.id() } else { guard }, rustix::process::Signal::KILL);
        gone_within_a_second(&pids[..6], "the end after the guard's");
        world.end();
    }
}

#[test]
fn a_killed_guard_in_the_middle_of_a_hold_lets_nothing_run() {
    if left_out() {
        return;
    }
    let rule = |question: &guard::wire::Question| if name(question) == "id" { Reply::Nothing } else { Reply::Go };
    let world = World::start(&bash("id; echo $?; id; echo $?"), Box::new(rule));
    until("the hold", || world.seen.lock().unwrap().names().contains(&"id".to_owned()).then_some(()));
    kill(world.guard(), rustix::process::Signal::KILL);
    let begin = Instant::now();
    let ended = world.end();
    assert!(begin.elapsed() < Duration::from_secs(1));
    assert!(!ended.out.contains("uid="), "{}", ended.out);
}

#[test]
fn a_guard_that_stopped_working_is_noticed() {
    if left_out() {
        return;
    }
    let world = start("sleep 1000");
    let pids = family(&world);
    let guard = world.guard();
    kill(guard, rustix::process::Signal::STOP);
    let begin = Instant::now();
    while pids.iter().any(|pid| alive(*pid)) {
        assert!(begin.elapsed() < Duration::from_secs(12));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(world.end().status, 124);
}

#[test]
fn the_gateways_end_is_the_sessions_end() {
    if left_out() {
        return;
    }
    for reply in [(|| Reply::Close) as fn() -> Reply, || Reply::End] {
        let rule = move |question: &guard::wire::Question| if name(question) == "id" { reply() } else { Reply::Go };
        let world = World::start(&bash(&format!("{FAMILY} id; sleep 1000")), Box::new(rule));
        let folder = world.folder.path().to_owned();
        until("the family", || folder.join("ready").exists().then_some(()));
        let pids = std::fs::read_to_string(folder.join("pids")).unwrap();
        let pids: Vec<u32> = pids.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
        gone_within_a_second(&pids, "the end after the gateway's");
        assert_eq!(world.end().status, 124);
    }
}

#[test]
fn hanging_up_ends_everything() {
    if left_out() {
        return;
    }
    let world = start("sleep 1000");
    let pids = family(&world);
    kill(world.child.id(), rustix::process::Signal::HUP);
    gone_within_a_second(&pids, "the end after a hang-up");
    world.end();
}

#[test]
fn what_the_shell_leaves_behind_ends_with_it() {
    if left_out() {
        return;
    }
    let world = start("exit 7");
    let folder = world.folder.path().to_owned();
    until("the family", || folder.join("ready").exists().then_some(()));
    let pids = std::fs::read_to_string(folder.join("pids")).unwrap();
    let ended = world.end();
    assert_eq!((ended.status, ended.seen.ended), (7, Some(7)));
    for pid in pids.split_whitespace().map(|pid| pid.parse::<u32>().unwrap()) {
        assert!(!alive(pid), "{pid} is left");
    }
}

#[test]
fn a_child_whose_parents_are_gone_is_still_asked_about() {
    if left_out() {
        return;
    }
    let rule = |question: &guard::wire::Question| match name(question).as_str() {
        "id" => Reply::Deny("not even now"),
        _ => Reply::Go,
    };
    let line = "(setsid bash -c 'sleep 0.4; echo $PPID; id || echo refused' &) ; sleep 1; true";
    let world = World::start(&bash(line), Box::new(rule));
    let guard = world.guard();
    let ended = world.end();
    assert_eq!(ended.out, format!("{guard}\nrefused\n"), "orphans come to the guard: {}", ended.err);
}

#[test]
fn the_status_is_the_shells_own() {
    if left_out() {
        return;
    }
    for (line, status) in [("exit 3", 3), ("true", 0), ("kill -TERM $$", 143), ("/no/such", 127)] {
        assert_eq!(World::start(&bash(line), Box::new(|_| Reply::Go)).end().status, status, "{line}");
    }
}

#[test]
fn a_session_that_may_not_start_does_not() {
    if left_out() {
        return;
    }
    let ended = World::start(&bash("echo never"), Box::new(|_| Reply::Deny("no sessions now"))).end();
    assert_eq!((ended.status, ended.out.as_str()), (125, ""));
    assert!(ended.err.contains("no sessions now"), "{}", ended.err);
}

#[test]
fn without_a_gateway_nothing_starts() {
    if left_out() {
        return;
    }
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_countersign-guard"))
        .args(["--session", "s", "--key", &crate::world::public_key(), "--socket", "/no/such/socket"])
        .args(["--", "/bin/echo", "never"])
        .output()
        .unwrap();
    assert_eq!((out.status.code(), out.stdout.as_slice()), (Some(125), b"".as_slice()));
}

#[test]
fn input_and_signals_reach_the_session() {
    if left_out() {
        return;
    }
    use std::io::Write;
    let uid = rustix::process::geteuid().as_raw();
    let argv = [
        "/bin/sh",
        "-c",
        "trap 'echo stopped; exit 5' INT; read a; echo got $a; touch ready; while :; do sleep 0.05; done",
    ];
    let mut world =
        World::start_as(Way { uid, folder: folder(uid), argv: &argv, silence: 15 }, Box::new(|_| Reply::Go));
    world.child.stdin.take().unwrap().write_all(b"words\n").unwrap();
    let ready = world.folder.path().join("ready");
    until("the input", || ready.exists().then_some(()));
    kill(world.guard(), rustix::process::Signal::INT);
    let ended = world.end();
    assert_eq!((ended.status, ended.out.as_str()), (5, "got words\nstopped\n"));
}

#[test]
fn on_a_terminal_the_shell_has_its_jobs_and_the_person_reads_why() {
    if left_out() {
        return;
    }
    let uid = rustix::process::geteuid().as_raw();
    let rule = |question: &guard::wire::Question| match name(question).as_str() {
        "id" => Reply::Deny("not here"),
        _ => Reply::Go,
    };
    let shell = ["/bin/bash", "--norc", "-i"];
    let folder = folder(uid);
    let mut world = World::on_terminal(folder, &shell, Box::new(rule));
    use std::io::Write;
    let mut input = world.child.stdin.take().unwrap();
    input.write_all(b"sleep 30 &\njobs -l; kill %1; wait\nid; echo code $?; tty\nexit 4\n").unwrap();
    let ended = world.end();
    assert_eq!(ended.status, 4, "{}", ended.out);
    for words in ["Running", "countersign: refused: ", "not here", "code 126", "/dev/pts/"] {
        assert!(ended.out.contains(words), "{words}: {}", ended.out);
    }
    assert!(!ended.out.contains("no job control"), "{}", ended.out);
    let question = ended.seen.asked.iter().find(|question| name(question) == "id").unwrap();
    assert!(question.tty.starts_with(b"/dev/pts/"), "{:?}", question.tty);
}
