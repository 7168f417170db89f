//! The real bash as an oracle: what it rejects must not be readable here, and what it runs must have been named.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tempfile::TempDir;

use super::{corpus, read};
use crate::seams::Classified;

/// Whether bash can read a text.
fn parses(text: &str) -> bool {
    let bash = Command::new("bash")
        .args(["--norc", "-n", "-c", "--", text])
        .env_clear()
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .status();
    bash.unwrap().success()
}

fn is_readable(classified: &Classified) -> bool {
    classified.operations.iter().all(|operation| operation.opaque.is_none())
}

#[test]
fn what_bash_rejects_is_not_readable() {
    let wrong: Vec<String> =
        corpus().into_iter().map(|case| case.line).filter(|line| is_readable(&read(line)) && !parses(line)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Programs that run what they are told, so that the reader's looking through them is put to the test. They find nothing but
/// stubs.
const REAL: &[&str] = &["env", "nice", "nohup", "timeout", "setsid", "stdbuf", "xargs", "sh", "bash", "find"];
/// Programs that write a line with their name, and do nothing.
const STUBS: &[&str] = &[
    "rm", "ls", "df", "ps", "cat", "grep", "mv", "cp", "tee", "date", "sudo", "su", "awk", "sed", "sort", "curl",
    "mkfs", "a", "b", "x", "y", "time", "watch", "flock", "git", "tar", "stat", "basename", "wc", "head", "tail",
    "touch", "seq", "sleep", "hostname", "uptime", "{", "}", "if", "then", "fi", "case", "in", "esac", "do", "done",
    "for", "E", "EOF", "[[", "]]", "echo", "foo", "1", "true",
];

/// A world in which nothing can be broken.
struct World {
    folder: TempDir,
    runs: Cell<usize>,
}

/// A stub tells from the way it was called which run it belongs to: one that comes late must not count for the next.
const STUB: &str = "#!/bin/sh\nrun=${0%/*}\nprintf '%s\\n' \"${0##*/}\" >> \"${run%/*}/log\"\n";

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for stub in STUBS {
            let path = bin.join(stub);
            fs::write(&path, STUB).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for real in REAL {
            let from = ["/bin", "/usr/bin"].iter().map(|dir| Path::new(dir).join(real)).find(|path| path.exists());
            symlink(from.unwrap(), bin.join(real)).unwrap();
        }
        Self { folder, runs: Cell::new(0) }
    }

    /// The names of the programs that bash started for a text.
    fn run(&self, text: &str) -> BTreeSet<String> {
        self.runs.set(self.runs.get() + 1);
        let here = self.folder.path().join(format!("run-{}", self.runs.get()));
        let (log, work, bin) = (here.join("log"), here.join("work"), here.join("bin"));
        fs::create_dir_all(&work).unwrap();
        symlink(self.folder.path().join("bin"), &bin).unwrap();
        fs::write(&log, "").unwrap();
        let missing = format!("() {{ printf '%s\\n' \"$1\" >> {}; return 127; }}", log.display());
        let status = Command::new("timeout")
            .args(["-s", "KILL", "2", "bash", "--norc", "-c", "--", text])
            .env_clear()
            .env("PATH", &bin)
            .env("HOME", &work)
            .env("BASH_FUNC_command_not_found_handle%%", missing)
            .current_dir(&work)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.unwrap();
        let ran = fs::read_to_string(&log).unwrap();
        ran.lines().map(str::to_owned).collect()
    }
}

/// Whether running a text can touch nothing but the world that was made for it.
fn is_safe(text: &str, classified: &Classified) -> bool {
    let outside = text.replace("/dev/null", "").contains(['/', '~']);
    let own = ["kill", "suspend", "fg", "bg", "ulimit", "wait", "exit", "return"];
    let words = [
        "while",
        "until",
        "command -p",
        "-lc",
        "for ((",
        "-p",
        "coproc",
        "-delete",
        "trap",
        "logout",
        "-fprint",
        "-fls",
    ];
    !outside
        && !words.iter().any(|word| text.contains(word))
        && classified.operations.iter().all(|operation| {
            operation.run.as_ref().is_none_or(|run| !own.contains(&run.program.as_str()) && !run.elsewhere)
        })
}

/// Names that were run and not named.
fn unnamed(world: &World, text: &str, classified: &Classified) -> Vec<String> {
    let named = classified.operations.iter().filter_map(|operation| operation.run.as_ref());
    let named: BTreeSet<&str> = named.map(|run| run.program.as_str()).collect();
    world.run(text).into_iter().filter(|ran| !named.contains(ran.as_str())).collect()
}

#[test]
fn what_bash_runs_was_named() {
    let world = World::new();
    assert_eq!(
        world.run("r''m x; nosuch y; env sed z"),
        ["nosuch", "rm", "sed"].map(str::to_owned).into(),
        "the oracle sees"
    );
    let (mut wrong, mut tried) = (String::new(), 0);
    for case in corpus() {
        let classified = read(&case.line);
        if is_readable(&classified) && is_safe(&case.line, &classified) {
            tried += 1;
            let unnamed = unnamed(&world, &case.line, &classified);
            if !unnamed.is_empty() {
                writeln!(wrong, "{}: {unnamed:?} in {}", case.place, case.line).unwrap();
            }
        }
    }
    assert!(tried >= 300, "only {tried} lines were tried");
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Lines out of pieces that matter to the grammar.
fn lines() -> impl Strategy<Value = String> {
    let pieces = [
        "ls",
        "rm",
        "x",
        "a",
        "'b c'",
        "\"d\"",
        "\"$(rm x)\"",
        "`ls`",
        "$(",
        ")",
        "(",
        "{ ",
        " }",
        ";",
        "; ",
        "&&",
        "||",
        "|",
        "\n",
        " ",
        " ",
        " ",
        "'",
        "\"",
        "\\",
        "#",
        " #",
        "$x",
        "x=1",
        "x=1 ",
        "$'",
        "$((1))",
        "((",
        "))",
        "[[ ",
        " ]]",
        "if ",
        "then ",
        "fi",
        "case x in ",
        "x)",
        ";;",
        "esac",
        "for a in b",
        "do ",
        "done",
        "<<E\n",
        "E\n",
        "<<'E'\n",
        "\nE\n",
        "<<-E\n\tE\n",
        ">f",
        "2>&1",
        "<f",
        "<<<x",
        "<(ls)",
        "{a,b}",
        "!",
        "! ",
        "time ",
        "env ",
        "nice ",
        "sh -c ",
        "'rm x'",
        "eval ",
        "exec ",
        "xargs ",
        "f() ",
        "function f ",
        "${x:-",
        "}",
        "&",
        "\\\n",
        "=",
        "+=",
        "$",
        "-",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 1..14).prop_map(|pieces| pieces.concat())
}

#[test]
fn bash_agrees_on_lines_that_nobody_wrote() {
    let world = World::new();
    let mut runner = TestRunner::new(Config { cases: 4_000, failure_persistence: None, ..Config::default() });
    let tried = Cell::new(0);
    let outcome = runner.run(&lines(), |line| {
        let classified = read(&line);
        if !is_readable(&classified) {
            return Ok(());
        }
        tried.set(tried.get() + 1);
        prop_assert!(parses(&line), "bash rejects {line:?}");
        if is_safe(&line, &classified) {
            let unnamed = unnamed(&world, &line, &classified);
            prop_assert!(unnamed.is_empty(), "{unnamed:?} ran in {line:?}");
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(tried.get() >= 100, "only {} of the lines could be read", tried.get());
}
