//! One command line, read: from bytes to operations.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use brush_parser::{ParserOptions, Token, TokenizerOptions, parse_tokens, uncached_tokenize_str};
use workflows::operation::Operation;
use workflows::shown::visible;

use super::arg::Feed;
use super::facts::{Facts, Found};
use super::plain;
use super::word::{DEEPEST, Doubt};
use crate::seams::Classified;

/// The longest text that is read, in bytes.
pub const MAX_TEXT: usize = 64 * 1024;
/// The most commands, words and texts within texts.
const MAX_NODES: usize = 4_096;
/// The most letters that are read, texts within texts included.
const MAX_LETTERS: usize = 16 * MAX_TEXT;
/// The most tokens of one text.
const MAX_TOKENS: usize = 16_384;
/// The most words that could open something in the grammar, which recurses for each.
const MAX_OPENERS: usize = 64;
/// The most here-documents of one text: the tokenizer's time is their square.
const MAX_DOCUMENTS: usize = 64;
/// What surely suffices for texts within those bounds.
pub(super) const STACK: usize = 16 * 1024 * 1024;

/// A login's shell: it decides what a text means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shell {
    /// bash.
    #[default]
    Bash,
    /// `/bin/sh`: dash, ash, or bash under that name. What these read differently is doubt.
    Sh,
    /// zsh, fish, csh and whatever else: only what all shells read alike is read.
    Other,
}

impl Shell {
    /// The shell at a path, as in `/etc/passwd`.
    pub fn at(path: &str) -> Self {
        match path.rsplit('/').next().unwrap_or(path) {
            "bash" | "rbash" => Self::Bash,
            "sh" | "dash" | "ash" | "busybox" => Self::Sh,
            _ => Self::Other,
        }
    }
}

/// Where a command line is going to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// The shell that reads it.
    pub shell: Shell,
    /// Whether it gets a terminal: pagers start there, and programs can be started from them.
    pub terminal: bool,
    /// Whether the shell is interactive: it knows aliases and a history then.
    pub interactive: bool,
}

/// What surrounds a command.
#[derive(Clone, Debug, Default)]
pub(super) struct Spot {
    pub(super) posix: bool,
    pub(super) terminal: bool,
    pub(super) privileged: bool,
    pub(super) user: Option<String>,
    pub(super) elsewhere: bool,
    /// Its standard input.
    pub(super) feed: Feed,
    /// How many texts, groups and programs lie around it.
    pub(super) depth: usize,
}

/// One reading: what was found so far, and what may still be spent.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) found: Vec<Found>,
    nodes: usize,
    letters: usize,
    /// Names that the text sets; false where the value might not be a plain word.
    pub(super) values: BTreeMap<String, bool>,
    /// Names that arithmetic evaluates.
    pub(super) counted: BTreeSet<String>,
    /// Functions that the text defines.
    pub(super) functions: BTreeSet<String>,
    /// Files that the text itself makes.
    pub(super) made: BTreeMap<String, Feed>,
}

/// Reads a command line as the login's shell would. It never fails, and it panics never.
pub fn classify(text: &[u8], login: Login) -> Arc<Classified> {
    Arc::new(match check(text, login) {
        Ok(text) => {
            let read = || stacker::maybe_grow(STACK / 4, STACK, || Reader::default().all(text, login));
            let read = catch_unwind(AssertUnwindSafe(read));
            read.unwrap_or_else(|_| opaque(text, "the parser failed"))
        }
        Err(why) => opaque(&String::from_utf8_lossy(text), why),
    })
}

pub(super) fn opaque(text: &str, why: impl Into<String>) -> Classified {
    Classified { operations: vec![Operation::opaque(visible(text), why)], statements: 1, ..Classified::default() }
}

/// What is refused before any parser sees it.
fn check(text: &[u8], login: Login) -> Result<&str, Doubt> {
    if text.len() > MAX_TEXT {
        return Err("longer than 64 KiB".to_owned());
    }
    let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
    if text.contains('\0') {
        return Err("it holds a NUL byte".to_owned());
    }
    if login.interactive && text.contains('!') {
        return Err("an interactive shell may replace what stands behind `!`".to_owned());
    }
    if login.shell == Shell::Other {
        plain::check(text)?;
    }
    Ok(text)
}

impl Reader {
    fn all(mut self, text: &str, login: Login) -> Classified {
        let spot = Spot { posix: login.shell != Shell::Bash, terminal: login.terminal, ..Spot::default() };
        let statements = match self.parse(text, &spot) {
            Ok(statements) => statements,
            Err(why) => return Classified { mistaken: why.mistaken, ..opaque(text, why.words) },
        };
        let unknown = self.counted.iter().find(|name| !self.values.get(*name).copied().unwrap_or(false));
        if let Some(name) = unknown {
            let why = format!("arithmetic evaluates `{name}`, and what that holds is not in the text");
            self.found.push(Found::opaque(text, why));
        }
        if self.found.is_empty() {
            self.found.push(Facts::nothing(text));
        }
        let operations = self.found.into_iter().map(|found| found.operation).collect();
        Classified { operations, statements, ..Classified::default() }
    }

    /// Reads a text inside the text. What cannot be read becomes an operation like any other.
    pub(super) fn text(&mut self, text: &str, spot: &Spot) {
        if let Err(why) = self.parse(text, spot) {
            self.found.push(Found::opaque(text, why.words));
        }
    }

    fn parse(&mut self, text: &str, spot: &Spot) -> Result<usize, Unread> {
        self.node()?;
        self.letters += text.len();
        if self.letters > MAX_LETTERS {
            return Err("texts within texts are too long together".to_owned().into());
        }
        if spot.depth > DEEPEST {
            return Err("nested too deeply".to_owned().into());
        }
        if text.contains('\0') {
            return Err("it holds a NUL byte".to_owned().into());
        }
        if text.matches("<<").count() > MAX_DOCUMENTS {
            return Err(format!("more than {MAX_DOCUMENTS} here-documents").into());
        }
        let options = TokenizerOptions { enable_extended_globbing: false, posix_mode: false, sh_mode: false };
        let tokens = uncached_tokenize_str(text, &options).map_err(Unread::mistake)?;
        bounded(&tokens)?;
        let program = parse_tokens(&tokens, &ParserOptions::default()).map_err(Unread::mistake)?;
        let letters: Vec<char> = text.chars().collect();
        let mut statements = 0;
        for list in &program.complete_commands {
            statements += list.0.len();
            self.list(list, &letters, spot)?;
        }
        Ok(statements)
    }

    /// Counts one thing more.
    pub(super) fn node(&mut self) -> Result<(), Doubt> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(format!("more than {MAX_NODES} commands and words"));
        }
        Ok(())
    }
}

/// Why a text could not be read, and whether the shell would most likely say the same.
struct Unread {
    words: String,
    mistaken: bool,
}

impl Unread {
    fn mistake(why: impl std::fmt::Display) -> Self {
        Self { words: format!("not readable as a command line: {why}"), mistaken: true }
    }
}

impl From<Doubt> for Unread {
    fn from(words: Doubt) -> Self {
        Self { words, mistaken: false }
    }
}

/// Whether the grammar, which recurses, surely ends on the stack that it has.
fn bounded(tokens: &[Token]) -> Result<(), Doubt> {
    if tokens.len() > MAX_TOKENS {
        return Err(format!("more than {MAX_TOKENS} words and signs"));
    }
    let (mut open, mut openers) = (0_usize, 0_usize);
    for token in tokens {
        match token {
            Token::Operator(sign, _) if sign == "(" => open += 1,
            Token::Operator(sign, _) if sign == ")" => open = open.saturating_sub(1),
            Token::Operator(..) => {}
            Token::Word(word, _) => {
                let opens = ["{", "if", "elif", "while", "until", "for", "case", "[[", "!", "coproc", "function"];
                openers += usize::from(opens.contains(&word.as_str()));
            }
        }
        if open > DEEPEST || openers > MAX_OPENERS {
            return Err("nested too deeply".to_owned());
        }
    }
    Ok(())
}
