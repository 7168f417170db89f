//! Holds, and answers that are not the gateway's.

use std::time::{Duration, Instant};

use crate::world::{Reply, World, alive, bash, left_out, name, until};

fn is(question: &guard::wire::Question, program: &str) -> bool {
    name(question) == program
}

#[test]
fn a_held_program_waits_says_so_and_then_runs() {
    if left_out() {
        return;
    }
    let rule = |question: &guard::wire::Question| {
        if is(question, "id") { Reply::HoldThenGo(Duration::from_millis(700)) } else { Reply::Go }
    };
    let ended =
        World::start(&bash("a=$EPOCHREALTIME; id; b=$EPOCHREALTIME; echo $((${b/./}-${a/./}))"), Box::new(rule))
            .end();
    assert!(ended.out.contains("uid="), "{}", ended.out);
    let waited: u64 = ended.out.lines().last().unwrap().parse().unwrap();
    assert!(waited >= 700_000, "{waited}");
    assert!(ended.err.contains("countersign: held until somebody agrees"), "{}", ended.err);
}

#[test]
fn signals_while_it_is_held_do_not_ask_again_and_others_go_on() {
    if left_out() {
        return;
    }
    let rule = |question: &guard::wire::Question| {
        if is(question, "id") { Reply::HoldThenGo(Duration::from_millis(600)) } else { Reply::Go }
    };
    let line = "id & p=$!; sleep 0.2; for i in 1 2 3; do kill -WINCH $p; kill -CHLD $p; done; date +others; wait $p";
    let ended = World::start(&bash(line), Box::new(rule)).end();
    assert!(ended.out.starts_with("others\nuid="), "{}", ended.out);
    assert_eq!(ended.seen.names().iter().filter(|name| *name == "id").count(), 1);
}

#[test]
fn a_hold_is_withdrawn_when_its_process_is_interrupted() {
    if left_out() {
        return;
    }
    let rule = |question: &guard::wire::Question| if is(question, "id") { Reply::Nothing } else { Reply::Go };
    let ended =
        World::start(&bash("id & p=$!; sleep 0.3; kill -TERM $p; wait $p; echo $?; sleep 0.4"), Box::new(rule)).end();
    assert_eq!(ended.out, "143\n", "{}", ended.err);
    let id = ended.seen.asked.iter().find(|question| is(question, "id")).unwrap();
    assert_eq!(ended.seen.withdrawn, [id.nonce]);
}

#[test]
fn an_answer_by_another_key_ends_the_session_and_lets_nothing_run() {
    if left_out() {
        return;
    }
    for reply in [(|| Reply::Forged) as fn() -> Reply, || Reply::Rubbish, || Reply::End, || Reply::Close] {
        let rule = move |question: &guard::wire::Question| if is(question, "id") { reply() } else { Reply::Go };
        let ended = World::start(&bash("id; echo went on"), Box::new(rule)).end();
        assert_eq!(ended.out, "", "{}", ended.err);
        assert_eq!(ended.status, 124);
        assert!(ended.err.contains("the session was ended"), "{}", ended.err);
    }
}

#[test]
fn what_the_gateway_says_does_not_act_on_the_terminal() {
    if left_out() {
        return;
    }
    let rule = |question: &guard::wire::Question| {
        if is(question, "id") { Reply::Deny("no\x1b[2J\rgone\u{202e}") } else { Reply::Go }
    };
    let ended = World::start(&bash("id; true"), Box::new(rule)).end();
    assert!(!ended.err.contains('\x1b') && !ended.err.contains('\u{202e}'), "{:?}", ended.err);
    assert!(ended.err.contains("\\u{1b}[2J"), "{:?}", ended.err);
}

#[test]
fn a_silent_gateway_ends_the_session() {
    if left_out() {
        return;
    }
    let uid = rustix::process::geteuid().as_raw();
    let folder = crate::world::folder(uid);
    let path = folder.path().join("quiet");
    let quiet = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let begin = Instant::now();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_countersign-guard"))
        .args(["--session", "ses-1", "--key", &crate::world::public_key(), "--silence", "1", "--socket"])
        .arg(&path)
        .args(["--", "/bin/sh", "-c", "echo never"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let (_kept_open, _) = quiet.accept().unwrap();
    let guard = until("the guard", || crate::world::children(child.id()).first().copied());
    assert_eq!(child.wait().unwrap().code(), Some(124));
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert!(!alive(guard));
    assert_eq!(std::io::read_to_string(child.stdout.unwrap()).unwrap(), "");
}
