//! A rule's `when`: compiled once, computed for every operation that the rule is about.

use std::ops::Range;
use std::sync::Arc;

use cel::{Context, Env, ExecutionError, Program, Value};

use super::facts::{Fact, Facts};
use super::mistake::Notes;
use super::read::At;
use super::term::depth;
use super::walk::{Names, Walk};

/// More than anybody can read at a glance.
const LONGEST: usize = 2_000;
/// What surely fits on the stack of a thread that serves a session.
const DEEPEST: usize = 32;

/// A condition that may be computed.
#[derive(Debug)]
pub(super) struct Condition {
    program: Program,
    text: String,
    looks_at: Vec<&'static Fact>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Yes,
    No,
    /// It could not be computed, for this reason.
    Failed(String),
}

impl Condition {
    /// Compiles a condition and looks for what can't be meant.
    pub(super) fn compile(text: &At<String>, env: &Arc<Env>, names: &Names, notes: &mut Notes<'_>) -> Option<Self> {
        let place = Place::of(text, notes.source());
        // Conditions are parsed and walked by recursion, so their length bounds the stack.
        if text.get_ref().len() > LONGEST {
            let what = format!("the condition is longer than {LONGEST} letters");
            notes.wrong(&place.whole(), what, "make several rules of it");
            return None;
        }
        let program = match env.compile(text.get_ref()) {
            Ok(program) => program,
            Err(errors) => {
                unreadable(text.get_ref(), &errors, &place, notes);
                return None;
            }
        };
        if depth(program.expression()) > DEEPEST {
            notes.wrong(&place.whole(), "the condition is nested too deeply", "make several rules of it");
            return None;
        }
        let looks_at = Walk::new(&program, env, names, &place, notes).all();
        Some(Self { program, text: text.get_ref().clone(), looks_at })
    }

    /// The condition as it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The facts that it looks at.
    pub(super) fn looks_at(&self) -> &[&'static Fact] {
        &self.looks_at
    }

    /// Whether it holds.
    pub(super) fn holds(&self, env: &Arc<Env>, facts: &Facts) -> Outcome {
        let mut context = Context::with_env(Arc::clone(env));
        context.set_variable_resolver(facts);
        match self.program.execute(&context) {
            Ok(Value::Bool(true)) => Outcome::Yes,
            Ok(Value::Bool(false)) => Outcome::No,
            Ok(_) => Outcome::Failed("it gave neither true nor false".to_owned()),
            Err(error) => Outcome::Failed(reason(&error)),
        }
    }
}

/// Why it failed. Values are left out: they may be what somebody is not to see.
pub(super) fn reason(error: &ExecutionError) -> String {
    if let ExecutionError::NoSuchKey(key) = error {
        return format!("there is no `{key}` here");
    }
    if let ExecutionError::UndeclaredReference(name) = error {
        return format!("`{name}` is not known");
    }
    if let ExecutionError::NoSuchOverload(overload) = error {
        return format!("`{}` can't be used on {}", overload.function(), overload.argument_types().join(" and "));
    }
    "it could not be computed".to_owned()
}

/// Where the condition stands in the file, so that a part of it can be pointed at.
pub(super) struct Place {
    whole: Range<usize>,
    /// Where its first letter stands; none where the text and what it says differ in length.
    begins: Option<usize>,
}

impl Place {
    fn of(text: &At<String>, source: &str) -> Self {
        let whole = text.span();
        let raw = source.get(whole.clone()).unwrap_or_default();
        let quotes = if raw.starts_with("'''") || raw.starts_with("\"\"\"") { 3 } else { 1 };
        let inner = raw.get(quotes..).unwrap_or_default();
        let newline = if quotes == 3 { inner.len() - inner.trim_start_matches(['\r', '\n']).len() } else { 0 };
        let straight = text.get_ref().is_ascii()
            && inner.get(newline..).is_some_and(|inner| inner.starts_with(text.get_ref().as_str()));
        Self { begins: straight.then_some(whole.start + quotes + newline), whole }
    }

    /// The bytes of the file for a part of the condition.
    pub(super) fn part(&self, part: Range<usize>) -> Range<usize> {
        let Some(begins) = self.begins else { return self.whole.clone() };
        let start = (begins + part.start).min(self.whole.end);
        start..(begins + part.end).clamp(start, self.whole.end)
    }

    /// All of it.
    pub(super) fn whole(&self) -> Range<usize> {
        self.whole.clone()
    }
}

/// Says where and why a condition could not be read.
fn unreadable(text: &str, errors: &cel::ParseErrors, place: &Place, notes: &mut Notes<'_>) {
    let first = errors.errors.first();
    let words = first.map(|error| error.msg.as_str()).unwrap_or_default();
    let words = words.strip_prefix("Syntax error: ").unwrap_or(words);
    let words = words.split(" expecting").next().unwrap_or_default().replace("'<EOF>'", "its end");
    let at = first.map_or(0, |error| offset(text, error.pos)).min(text.len().saturating_sub(1));
    // Some messages are the parser's own values, printed: they help nobody.
    let words =
        if words.contains('{') { "it is nested too deeply, or it is no expression".to_owned() } else { words };
    let span = place.part(at..at + 1);
    notes.wrong(&span, format!("the condition can't be read: {}", words.to_lowercase()), hint(text));
}

/// From line and column, both from 1, to bytes.
fn offset(text: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line - 1).unwrap_or(0);
    let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    before + usize::try_from(column - 1).unwrap_or(0)
}

fn hint(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let has = |word: &str| words.iter().any(|found| found.eq_ignore_ascii_case(word));
    for (wrong, right) in [("and", "&&"), ("or", "||"), ("not", "!"), ("=", "=="), ("<>", "!=")] {
        if has(wrong) {
            return format!("write `{right}` instead of `{wrong}`");
        }
    }
    "write it like `op.writes && !op.bounded`".to_owned()
}
