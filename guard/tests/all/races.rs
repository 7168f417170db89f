//! A second thread rewrites what is named between the answer and the start. Whatever runs must be what was judged.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use guard::wire::Question;

use crate::world::{Ended, NOBODY, Reply, Way, World, compile, folder, is_root, left_out, name};

const ROUNDS: usize = 500;

fn race(uid: u32, mode: &'static str) -> Ended {
    let folder = folder(uid);
    compile(folder.path(), "race");
    for word in ["good", "evil"] {
        let at = folder.path().join(word);
        fs::create_dir(&at).unwrap();
        fs::write(at.join("word"), format!("{word}\n")).unwrap();
        fs::write(at.join("program"), format!("#!/bin/sh\necho {word}\n")).unwrap();
        fs::set_permissions(at.join("program"), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let at = folder.path().to_str().unwrap().to_owned();
    let (good, evil) = match mode {
        "path" => (format!("{at}/good/program"), format!("{at}/evil/program")),
        "cwd" => (format!("{at}/good"), format!("{at}/evil")),
        _ => ("good".to_owned(), "evil".to_owned()),
    };
    let racer = format!("{at}/race");
    let rounds = ROUNDS.to_string();
    let argv = [racer.as_str(), mode, &rounds, &good, &evil];
    let rule = move |question: &Question| {
        let named = match mode {
            "path" => question.program.clone(),
            "cwd" => question.cwd.clone(),
            "env" => question.env_hash.to_vec(),
            _ => question.argv.last().cloned().unwrap_or_default(),
        };
        let is_evil = match mode {
            "env" => named == Question::hash_env(&[b"WORD=evil"]),
            _ => String::from_utf8_lossy(&named).contains("evil"),
        };
        if name(question) != "race" && is_evil { Reply::Deny("evil") } else { Reply::Go }
    };
    World::start_as(Way { uid, folder, argv: &argv, silence: 15 }, Box::new(rule)).end()
}

fn as_user(uid: u32) {
    let (mut rounds, mut altered, mut denied) = (0, 0, 0);
    for mode in ["arg", "pointer", "path", "cwd", "env"] {
        let ended = race(uid, mode);
        let count = |word: &str| ended.out.lines().filter(|line| *line == word).count();
        let caught = ended.seen.outcomes().get("altered").copied().unwrap_or_default();
        println!(
            "{mode} as {uid}: {} good, {} evil, {} refused, {} killed, {caught} caught after the answer",
            count("good"),
            count("evil"),
            count("refused"),
            count("killed"),
        );
        assert_eq!(count("evil"), 0, "{mode}: something ran that was not judged");
        assert_eq!(count("good") + count("refused") + count("killed"), ROUNDS, "{mode}: {}", ended.err);
        assert!(count("good") > 0, "{mode}: what may run runs");
        assert_eq!(caught, count("killed"), "{mode}: who was killed was caught, and nobody else");
        rounds += ROUNDS;
        altered += caught;
        denied += count("refused");
    }
    assert!(rounds >= 2_000);
    assert!(altered > 0 && denied > 0, "the race was really run: {altered} caught, {denied} denied");
}

#[test]
fn nothing_runs_that_was_changed_after_it_was_judged() {
    if left_out() {
        return;
    }
    as_user(rustix::process::geteuid().as_raw());
}

#[test]
fn a_guard_without_root_sees_it_as_well() {
    if left_out() {
        return;
    }
    if !is_root() {
        eprintln!("LEFT OUT: the tests do not run as root, so the other test was this one");
        return;
    }
    as_user(NOBODY);
}
