//! The corpus: command lines with the facts that are expected of them, and what must not end the process.

use std::fmt::Write as _;
use std::path::PathBuf;

use workflows::operation::{Kind, Operation};

use super::{Login, classify};
use crate::seams::Classified;

mod bash;
mod hostile;
mod shells;

/// One line of the corpus.
pub(crate) struct Case {
    pub(crate) place: String,
    pub(crate) expected: String,
    pub(crate) line: String,
}

/// All lines of `tests/corpora/shell/*.txt`.
pub(crate) fn corpus() -> Vec<Case> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/corpora/shell");
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
            let (expected, line) = line.split_once(" => ").unwrap_or_else(|| panic!("{place}: no ` => `"));
            cases.push(Case { place, expected: expected.trim().to_owned(), line: unescape(line) });
        }
    }
    cases
}

/// `\n`, `\t`, `\r`, `\\` and `\u{…}`; any other backslash is one.
pub(crate) fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        out.push_str(before);
        let mut letters = behind.chars();
        let c = match letters.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('\\') => '\\',
            Some('u') if behind.starts_with("u{") => {
                let code: String = letters.by_ref().skip(1).take_while(|c| *c != '}').collect();
                char::from_u32(u32::from_str_radix(&code, 16).unwrap()).unwrap()
            }
            _ => {
                letters = behind.chars();
                '\\'
            }
        };
        out.push(c);
        rest = letters.as_str();
    }
    out.push_str(rest);
    out
}

/// What bash would make of a text.
pub(crate) fn read(text: &str) -> std::sync::Arc<Classified> {
    classify(text.as_bytes(), Login::default())
}

/// The facts of a text as the corpus writes them.
pub(crate) fn facts(classified: &Classified) -> String {
    classified.operations.iter().map(operation).collect::<Vec<_>>().join(" + ")
}

fn operation(operation: &Operation) -> String {
    let run = operation.run.as_deref().cloned().unwrap_or_default();
    let mut flags = String::new();
    for (set, flag) in [
        (operation.writes, 'w'),
        (operation.bounded, 'b'),
        (operation.undoes_read_only, 'u'),
        (operation.opaque.is_some(), 'o'),
        (run.privileged, 'p'),
        (run.network, 'n'),
        (run.elsewhere, 'e'),
        (run.loose, 'l'),
        (run.destroys.is_some(), 'd'),
        (run.foreign_code.is_some(), 'c'),
        (run.abuse.is_some(), 'a'),
    ] {
        if set {
            flags.push(flag);
        }
    }
    let written = operation.on.iter().filter(|on| on.written && on.kind == Kind::File);
    let written: Vec<&str> = written.map(|on| on.name.as_str()).collect();
    let plain = |text: String| text.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect::<String>();
    let or = |text: String| if text.is_empty() { "-".to_owned() } else { plain(text) };
    let mut line = String::new();
    write!(line, "{} {} {}", operation.act, or(run.program), or(flags)).unwrap();
    write!(line, " {} {}", or(written.join(",")), or(run.secrets.join(","))).unwrap();
    line
}

#[test]
fn every_line_of_the_corpus_gives_its_facts() {
    let cases = corpus();
    assert!(cases.len() >= 1_000, "the corpus shrank to {}", cases.len());
    let mut wrong = String::new();
    for case in &cases {
        let actual = facts(&read(&case.line));
        if actual != case.expected {
            writeln!(wrong, "{}\n  expected {}\n  actual   {actual}\n  {}", case.place, case.expected, case.line)
                .unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_reading_has_an_operation_and_every_opaque_one_a_reason() {
    for case in corpus() {
        let classified = read(&case.line);
        assert!(!classified.operations.is_empty(), "{}", case.place);
        for operation in &classified.operations {
            let opaque = operation.act == workflows::operation::Act::Opaque;
            assert_eq!(opaque, operation.opaque.is_some(), "{}: {operation:?}", case.place);
            assert!(!opaque || operation.writes && !operation.bounded, "{}: {operation:?}", case.place);
        }
    }
}
