//! The plugin in the real sudo, with a `sudo.conf` and a `sudoers` of its own in a mount namespace of its own.
#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::allow_attributes,
    reason = "tests may"
)]

mod world;

use std::time::{Duration, Instant};

use guard::wire::{Origin, Verdict};
use world::{NOBODY, Say, World, left_out};

#[test]
fn a_command_is_asked_about_and_runs_when_it_may() {
    if left_out() {
        return;
    }
    let world = World::new("");
    let ran = world.sudo(&["id", "-u"], Box::new(|_, _| Say::Answer(Verdict::Go, "")));
    assert_eq!((ran.code, ran.out.as_str()), (0, "0\n"), "{}", ran.err);
    let question = &ran.asked[0];
    assert_eq!(ran.asked.len(), 1);
    assert_eq!(question.origin, Origin::Sudo);
    assert_eq!(question.program, b"/usr/bin/id");
    assert_eq!(question.argv, [b"id".to_vec(), b"-u".to_vec()]);
    assert_eq!((question.by, question.uid, question.gid), (NOBODY, 0, 0));
    assert_eq!(question.cwd, world.folder().as_os_str().as_encoded_bytes());
    assert_eq!(question.session, "ses-1");
    assert!(!question.doubts.writable);
    assert!(question.pid > 1);
    assert_eq!(ran.peers, [NOBODY], "the connection is made with the user's rights, not root's");
}

#[test]
fn a_denied_command_does_not_run_and_the_reason_is_read() {
    if left_out() {
        return;
    }
    let ran =
        World::new("").sudo(&["id"], Box::new(|_, _| Say::Answer(Verdict::Deny, "rule `no-root` says no\x1b[2J")));
    assert_ne!(ran.code, 0);
    assert!(!ran.out.contains("uid="), "{}", ran.out);
    assert!(ran.err.contains("countersign: refused: rule `no-root` says no"), "{}", ran.err);
    assert!(!ran.err.contains('\x1b'), "{:?}", ran.err);
}

#[test]
fn a_held_command_says_so_waits_and_runs() {
    if left_out() {
        return;
    }
    let begin = Instant::now();
    let ran = World::new("").sudo(&["id"], Box::new(|_, _| Say::HoldThen(Duration::from_millis(600), Verdict::Go)));
    assert!(ran.out.contains("uid=0"), "{} {}", ran.out, ran.err);
    assert!(ran.err.contains("countersign: held for grace"), "{}", ran.err);
    assert!(begin.elapsed() >= Duration::from_millis(600));
}

#[test]
fn answers_that_are_not_the_gateways_are_refused() {
    if left_out() {
        return;
    }
    for (what, says, words) in [
        ("another key", (|_: usize| Say::Forged) as fn(usize) -> Say, "not signed by the gateway"),
        ("another session", |_| Say::OtherSession, "not signed by the gateway"),
        ("another command", |_| Say::OtherCommand, "another question"),
        ("a forged hold", |_| Say::ForgedHold, "not signed by the gateway"),
        ("rubbish", |_| Say::Rubbish, "connection to the gateway ended"),
        ("nothing more", |_| Say::Close, "connection to the gateway ended"),
        ("a guard's word", |_| Say::GuardsWord, "connection to the gateway ended"),
    ] {
        let ran = World::new("").sudo(&["id"], Box::new(move |_, number| says(number)));
        assert_ne!(ran.code, 0, "{what}");
        assert!(!ran.out.contains("uid="), "{what}: {}", ran.out);
        assert!(ran.err.contains(words), "{what}: {}", ran.err);
        assert_eq!(ran.asked.len(), 1, "{what}");
    }
}

#[test]
fn an_answer_counts_once() {
    if left_out() {
        return;
    }
    let world = World::new("");
    let first = world.sudo(&["id", "-u"], Box::new(|_, _| Say::Answer(Verdict::Go, "")));
    assert_eq!(first.out, "0\n");
    let recorded = first.answers[0].clone();
    let again = world.sudo(&["id", "-u"], Box::new(move |_, _| Say::Bytes(recorded.clone())));
    assert_ne!(again.code, 0);
    assert!(!again.out.contains('0'), "{}", again.out);
    assert!(again.err.contains("another question"), "{}", again.err);
    assert_ne!(first.asked[0].nonce, again.asked[0].nonce);
}

#[test]
fn without_a_session_or_a_socket_sudo_is_closed() {
    if left_out() {
        return;
    }
    let world = World::new("");
    let ran = world.sudo_with(&["id"], &[], Box::new(|_, _| Say::Answer(Verdict::Go, "")));
    assert!(ran.code != 0 && ran.asked.is_empty() && !ran.out.contains("uid="), "{}", ran.out);
    assert!(ran.err.contains("in sessions through Countersign only"), "{}", ran.err);
    let env = ["COUNTERSIGN_SESSION=ses-1", "COUNTERSIGN_SOCKET=/no/such/socket"];
    let ran = world.sudo_with(&["id"], &env, Box::new(|_, _| Say::Answer(Verdict::Go, "")));
    assert!(ran.code != 0 && !ran.out.contains("uid="), "{}", ran.out);
    assert!(ran.err.contains("cannot be reached"), "{}", ran.err);
    // The file may leave the console open.
    let world = World::new("outside=allow");
    let ran = world.sudo_with(&["id", "-u"], &[], Box::new(|_, _| Say::Answer(Verdict::Deny, "")));
    assert_eq!(ran.out, "0\n", "{}", ran.err);
}

#[test]
fn a_socket_that_the_user_may_not_reach_is_not_reached_through_sudo() {
    if left_out() {
        return;
    }
    let world = World::new("");
    let mut settings = std::fs::metadata(world.socket()).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut settings, 0o600);
    std::fs::set_permissions(world.socket(), settings).unwrap();
    let ran = world.sudo(&["id"], Box::new(|_, _| Say::Answer(Verdict::Go, "")));
    assert!(ran.code != 0 && ran.peers.is_empty(), "{}", ran.out);
    assert!(ran.err.contains("Permission denied"), "{}", ran.err);
}

#[test]
fn silence_is_a_no() {
    if left_out() {
        return;
    }
    let ran = World::new("wait=1").sudo(&["id"], Box::new(|_, _| Say::Nothing));
    assert!(ran.code != 0 && !ran.out.contains("uid="), "{}", ran.out);
    assert!(ran.err.contains("nobody answered in time"), "{}", ran.err);
    assert_eq!(ran.withdrawn, [ran.asked[0].nonce]);
}

#[test]
fn an_interrupt_withdraws() {
    if left_out() {
        return;
    }
    let begin = Instant::now();
    let ran = World::new("").sudo(&["id"], Box::new(|_, _| Say::InterruptIt));
    assert!(ran.code != 0 && !ran.out.contains("uid="), "{}", ran.out);
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(ran.withdrawn, [ran.asked[0].nonce]);
    assert!(ran.err.contains("withdrawn"), "{}", ran.err);
}

#[test]
fn a_broken_sudo_conf_closes_sudo() {
    if left_out() {
        return;
    }
    for options in ["key=AAAA", "colour=red"] {
        let ran = World::new(options).sudo(&["id"], Box::new(|_, _| Say::Answer(Verdict::Go, "")));
        assert!(ran.code != 0 && ran.asked.is_empty() && !ran.out.contains("uid="), "{options}: {}", ran.out);
    }
}

#[test]
fn what_a_root_shell_starts_is_asked_about_as_well() {
    if left_out() {
        return;
    }
    let world = World::with_intercept();
    let rule = |question: &guard::wire::Question, _: usize| {
        if question.program.ends_with(b"/id") {
            Say::Answer(Verdict::Deny, "not even as root")
        } else {
            Say::Answer(Verdict::Go, "")
        }
    };
    let ran =
        world.sudo_typing(&["-s"], "uname\nid; echo code $?\nsh -c 'sh -c id'; date +%Y\nexit 3\n", Box::new(rule));
    let names: Vec<String> =
        ran.asked.iter().map(|question| String::from_utf8_lossy(&question.program).into_owned()).collect();
    assert_eq!(ran.asked[0].origin, Origin::Sudo, "{names:?} {}", ran.err);
    assert!(ran.asked[1..].iter().all(|question| question.origin == Origin::SudoInside));
    for name in ["uname", "id", "bash", "date"] {
        assert!(names.iter().any(|asked| asked.ends_with(name)), "{name}: {names:?} {}", ran.err);
    }
    // A shell that finds one of them refused tries the next folder of PATH, and that is asked about as well.
    assert!(names.iter().filter(|name| name.ends_with("/id")).count() >= 2, "{names:?}");
    assert!(!ran.out.contains("uid="), "{}", ran.out);
    assert!(ran.out.contains("Linux\ncode 126"), "{} {}", ran.out, ran.err);
    assert_eq!(ran.code, 3);
}
