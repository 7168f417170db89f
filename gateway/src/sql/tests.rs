//! The corpus: lines of SQL with the facts that are expected of them, and what must not end the process.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use workflows::operation::{Act, Kind, Operation};

use super::read::read;
use super::{Classified, Classifier};

mod copies;
mod oracle;
mod rows;

/// One line of the corpus.
pub(super) struct Case {
    pub(super) place: String,
    pub(super) expected: String,
    pub(super) sql: String,
}

/// All lines of `tests/corpora/sql/*.txt`.
pub(super) fn corpus() -> Vec<Case> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/corpora/sql");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "txt")) {
        let text = std::fs::read_to_string(file).unwrap();
        for (number, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = format!("{}:{}", file.file_name().unwrap().to_string_lossy(), number + 1);
            let (expected, sql) = line.split_once(" => ").unwrap_or_else(|| panic!("{place}: no ` => `"));
            cases.push(Case { place, expected: expected.trim().to_owned(), sql: unescape(sql) });
        }
    }
    cases
}

/// `\n`, `\t`, `\r`, `\\` and `\u{…}` as in Rust.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next().unwrap() {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            '\\' => out.push('\\'),
            'u' => {
                let code: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                out.push(char::from_u32(u32::from_str_radix(&code, 16).unwrap()).unwrap());
            }
            other => panic!("unknown escape `\\{other}`"),
        }
    }
    out
}

/// The facts of a text as the corpus writes them.
pub(super) fn facts(classified: &Classified) -> String {
    classified.operations.iter().map(operation).collect::<Vec<_>>().join(" + ")
}

fn operation(operation: &Operation) -> String {
    let mut flags = String::new();
    for (set, flag) in [
        (operation.writes, 'w'),
        (operation.bounded, 'b'),
        (operation.undoes_read_only, 'u'),
        (operation.opaque.is_some(), 'o'),
    ] {
        if set {
            flags.push(flag);
        }
    }
    let mut on = String::new();
    for object in &operation.on {
        let kind = match object.kind {
            Kind::Relation => "",
            Kind::Function => "function:",
            Kind::Role => "role:",
            Kind::Setting => "setting:",
            Kind::File => "file:",
            Kind::LargeObject => "lo:",
            Kind::Other => "other:",
        };
        let written = if object.written { "!" } else { "" };
        let comma = if on.is_empty() { "" } else { "," };
        write!(on, "{comma}{kind}{}{written}", object.path().replace(' ', "_")).unwrap();
    }
    let or = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    format!(
        "{} {} {} {} | {}",
        operation.act,
        operation.verb.replace(' ', "_"),
        or(flags),
        or(on),
        or(operation.functions.join(",").replace(' ', "_"))
    )
}

/// Runs something on a stack like that of the classifier's threads.
pub(super) fn deep<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(64 * 1024 * 1024).spawn(work).unwrap().join().unwrap()
}

#[test]
fn every_line_of_the_corpus_gives_its_facts() {
    let cases = corpus();
    assert!(cases.len() >= 300, "the corpus shrank to {}", cases.len());
    let wrong = deep(move || {
        let mut wrong = String::new();
        for case in &cases {
            let actual = facts(&read(&case.sql, None).classified);
            if actual != case.expected {
                writeln!(wrong, "{}\n  expected {}\n  actual   {actual}\n  {}", case.place, case.expected, case.sql)
                    .unwrap();
            }
        }
        wrong
    });
    assert!(wrong.is_empty(), "\n{wrong}");
}
