//! The demo plays the whole story with real processes; here it is one test. And the command line, as a newcomer meets it.

use std::process::{Command, Stdio};

const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

fn run(args: &[&str]) -> (String, i32) {
    let output = Command::new(BINARY).args(args).stdin(Stdio::null()).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&text).into_owned(), output.status.code().unwrap_or(-1))
}

#[test]
fn the_demo_plays_its_story() {
    let (said, code) = run(&["demo", "--script"]);
    assert_eq!(code, 0, "{said}");
    for part in
        ["held by rule", "DELETE 12430", "****-****-****-", "access to orders-prod ended", "the audit log is sound"]
    {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn wrong_use_is_2_and_failure_is_1() {
    assert_eq!(run(&["nonsense"]).1, 2);
    assert_eq!(run(&["check", "--config", "/nowhere/countersign.toml"]).1, 1);
    let (said, code) = run(&["--help"]);
    assert_eq!(code, 0);
    for command in ["serve", "demo", "check", "explain", "request", "approve", "connect", "sessions", "audit"] {
        assert!(said.contains(command), "{said}");
    }
}

#[test]
fn what_is_to_be_verified_must_be_there() {
    for (args, words) in [
        (["--recordings", "/nowhere/recordings"], "the folder of recordings `/nowhere/recordings` can't be read"),
        (["/nowhere/audit.jsonl", "--without-recordings"], "`/nowhere/audit.jsonl` can't be read"),
    ] {
        let (said, code) = run(&[&["audit", "verify"], &args[..]].concat());
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn completions_are_written_for_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let (said, code) = run(&["completions", shell]);
        assert_eq!(code, 0);
        assert!(said.contains("countersign"), "{shell}");
    }
}
