//! One program that was stopped in the kernel: its file and its arguments, as they are, with no shell in between.
//!
//! What it starts in turn is stopped as well and judged then. So of a shell's code, which is all that can be read of it, only
//! what the shell does itself counts here: its own commands and its redirections.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use workflows::operation::{Act, Operation, Run};
use workflows::shown::{visible, visible_bytes};

use super::arg::Arg;
use super::interpret::is_shell;
use super::read::{Reader, STACK, Spot, opaque};
use super::run::Call;
use crate::seams::Classified;

/// A program that wants to run.
#[derive(Clone, Copy, Debug)]
pub struct Exec<'a> {
    /// Its file, after symbolic links.
    pub program: &'a [u8],
    /// For a script, the program that reads it; else empty.
    pub interpreter: &'a [u8],
    /// Its arguments, with the name that it was called by first.
    pub argv: &'a [Vec<u8>],
    /// Whether it runs as somebody else than the login.
    pub privileged: bool,
    /// The user may change the file: it can be another program a moment later.
    pub writable: bool,
    /// The file has no name.
    pub nameless: bool,
}

/// What a shell does itself, so that no program is stopped for it. Without a name: assignments and redirections.
const BUILTINS: &[&str] = &[
    "",
    ".",
    ":",
    "[",
    "alias",
    "bg",
    "bind",
    "break",
    "builtin",
    "caller",
    "cd",
    "command",
    "compgen",
    "complete",
    "compopt",
    "continue",
    "declare",
    "dirs",
    "disown",
    "echo",
    "enable",
    "eval",
    "exit",
    "export",
    "false",
    "fc",
    "fg",
    "getopts",
    "hash",
    "help",
    "history",
    "jobs",
    "kill",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "printf",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    "test",
    "times",
    "trap",
    "true",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "wait",
];

/// What the program does, as far as its name and its arguments tell. It never fails, and it panics never.
pub fn classify_exec(exec: Exec<'_>) -> Arc<Classified> {
    let shown = shown(exec);
    let Some(words) = words(exec) else {
        return Arc::new(opaque(&shown, "its name or an argument is not UTF-8"));
    };
    let read = || stacker::maybe_grow(STACK / 4, STACK, || operations(exec, words, &shown));
    let operations = catch_unwind(AssertUnwindSafe(read));
    Arc::new(match operations {
        Ok(operations) => Classified { operations, statements: 1, ..Classified::default() },
        Err(_) => opaque(&shown, "the parser failed"),
    })
}

fn operations(exec: Exec<'_>, words: Vec<String>, shown: &str) -> Vec<Operation> {
    let mut all = one(exec, &words, shown);
    // A program of many names does what the name says that it was called by.
    let called = exec.argv.first().and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default();
    let called = base(called.trim_start_matches('-'));
    if let Some((file, rest)) = words.split_first()
        && !called.is_empty()
        && called != base(file)
    {
        let other: Vec<String> = std::iter::once(called.to_owned()).chain(rest.iter().cloned()).collect();
        all.extend(one(exec, &other, shown).into_iter().filter(|other| !all.contains(other)).collect::<Vec<_>>());
    }
    all
}

fn one(exec: Exec<'_>, words: &[String], shown: &str) -> Vec<Operation> {
    let mut reader = Reader::default();
    let spot = Spot { privileged: exec.privileged, ..Spot::default() };
    let call =
        Call { words: words.iter().map(Arg::fixed).collect(), shown: shown.to_owned(), spot, ..Call::default() };
    reader.run(call);
    let shell = words.first().is_some_and(|word| is_shell(base(word)));
    let mut operations = Vec::new();
    for (at, found) in reader.found.into_iter().enumerate() {
        let mut operation = found.operation;
        if at == 0 {
            if shell && exec.interpreter.is_empty() {
                started(&mut operation);
            }
            doubt(exec, &mut operation);
            operations.push(operation);
            continue;
        }
        let Some(run) = &operation.run else { continue };
        if run.elsewhere || BUILTINS.contains(&run.program.as_str()) {
            operations.push(operation);
        } else if !run.redirects.is_empty() {
            operations.push(redirected(&operation, run));
        }
    }
    if operations.is_empty() {
        operations.push(Operation::opaque(visible(shown), "nothing was read of it"));
    }
    operations
}

/// A shell by itself does nothing; whatever it runs is stopped.
fn started(operation: &mut Operation) {
    operation.act = Act::Session;
    operation.opaque = None;
    operation.writes = false;
    operation.bounded = true;
    operation.undoes_read_only = operation.run.as_ref().is_some_and(|run| run.privileged);
}

/// The files that the shell opens for a program, which is stopped and judged by itself.
fn redirected(operation: &Operation, run: &Run) -> Operation {
    let written = |name: &str| run.redirects.iter().any(|file| file == name);
    Operation {
        act: Act::Write,
        verb: "REDIRECT".to_owned(),
        on: operation.on.iter().filter(|on| on.written && written(&on.name)).cloned().collect(),
        writes: true,
        bounded: true,
        undoes_read_only: false,
        opaque: None,
        run: Some(Box::new(Run { redirects: run.redirects.clone(), privileged: run.privileged, ..Run::default() })),
        ..operation.clone()
    }
}

fn doubt(exec: Exec<'_>, operation: &mut Operation) {
    if exec.nameless {
        *operation = Operation {
            run: operation.run.take(),
            ..Operation::opaque(
                operation.shown.clone(),
                "the program's file has no name: it is in memory, or deleted",
            )
        };
    }
    if let Some(run) = &mut operation.run
        && exec.writable
        && exec.interpreter.is_empty()
    {
        run.foreign_code.get_or_insert_with(|| "a file that its user can change".to_owned());
        operation.act = operation.act.max(Act::Execute);
        operation.writes = true;
    }
}

/// The program and its arguments as words: for a script its interpreter comes first, as the kernel puts it.
fn words(exec: Exec<'_>) -> Option<Vec<String>> {
    let file = [exec.interpreter, exec.program].into_iter().filter(|part| !part.is_empty());
    let rest = exec.argv.iter().skip(1).map(Vec::as_slice);
    file.chain(rest).map(|word| std::str::from_utf8(word).ok().map(str::to_owned)).collect()
}

/// As one could type it.
fn shown(exec: Exec<'_>) -> String {
    let words = std::iter::once(exec.program).chain(exec.argv.iter().skip(1).map(Vec::as_slice));
    let text = |word: &[u8]| std::str::from_utf8(word).map_or_else(|_| visible_bytes(word), str::to_owned);
    let quoted: Vec<String> = words.map(|word| quoted(&text(word))).collect();
    quoted.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+=,-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
