//! What of a command stays the same where its operands change: its shape.
//!
//! Somebody who allows a shape has seen one command of it and lets the others pass unseen. So a shape is only told of commands
//! whose operands are known to be names of files and nothing else: programs of a list, with options of a list, and every fact
//! that rules look at is part of the shape. All else has none. What was forgotten here is asked about as before.

use std::fmt::Write as _;

use brush_parser::ast::{
    AndOr, AndOrList, Command, CommandPrefixOrSuffixItem as Item, CompoundListItem, IoFileRedirectKind as Kind,
    IoFileRedirectTarget as Target, IoRedirect, Pipeline, SeparatorOperator, SimpleCommand, Word,
};
use brush_parser::{ParserOptions, TokenizerOptions, parse_tokens, uncached_tokenize_str};
use workflows::operation::{Fingerprint, Operation};
use workflows::request::Shape as Shown;

use super::arg::Arg;
use super::exec::{Exec, classify_exec};
use super::read::{Login, Reader, STACK, Shell, Spot, classify};
use super::redirect::is_sink;
use super::run::trusted;

mod operand;
mod programs;

use operand::{Path, operand};
use programs::{SUDO, program};

/// The longest command that has a shape, in bytes: what is longer nobody compares in their head.
const LONGEST: usize = 4 << 10;
/// What stands for an operand, where people read a shape.
const ANY: &str = "…";

/// What of a command stays the same where its operands change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its hash: two commands with the same one differ in the text of their operands alone.
    pub digest: Fingerprint,
    /// For people: `sudo rm -r …`.
    pub shown: String,
}

/// The shape of a command line, as the login's shell would read it, if it has one. `folder` is where it would run, where that
/// is known; without it, only absolute paths are operands. Nothing here reads a file, a clock or the environment.
pub fn shape(text: &[u8], login: Login, folder: Option<&str>) -> Option<Shape> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= LONGEST && is_plain(text))?;
    // What the judge can't read has no shape, and what it refuses before it parses is not parsed here either.
    let read = classify(text.as_bytes(), login);
    let mut draft = Draft::of(&read.operations, folder)?;
    stacker::maybe_grow(STACK / 4, STACK, || draft.text(text, login))?;
    draft.finish()
}

/// The shape of one program that was stopped in the kernel, in a folder, if it has one.
pub fn shape_exec(exec: Exec<'_>, folder: &str) -> Option<Shape> {
    let (called, rest) = exec.argv.split_first()?;
    let words = std::iter::once(exec.program).chain(rest.iter().map(Vec::as_slice));
    let words: Option<Vec<&str>> =
        words.map(|word| std::str::from_utf8(word).ok().filter(|word| is_plain(word))).collect();
    let words = words.filter(|words| words.iter().map(|word| word.len()).sum::<usize>() <= LONGEST)?;
    let name = words.first().and_then(|path| path.rsplit('/').next())?;
    // Neither a script nor a program of many names: what it does is what its file's name says.
    if exec.nameless || exec.writable || !exec.interpreter.is_empty() || called.as_slice() != name.as_bytes() {
        return None;
    }
    let read = classify_exec(exec);
    let mut draft = Draft::of(&read.operations, Some(folder))?;
    draft.command(&words)?;
    draft.finish()
}

/// Letters that look like what they are.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

/// A shape that is being drawn.
#[derive(Debug)]
struct Draft<'a> {
    folder: Option<&'a str>,
    /// Something that can't be bounded by its text happens to the operands.
    broad: bool,
    parts: Vec<String>,
    shown: String,
    operands: usize,
}

impl<'a> Draft<'a> {
    /// Begins with all facts of what runs but the operands. Nothing where a fact is of a kind that operands decide.
    fn of(operations: &[Operation], folder: Option<&'a str>) -> Option<Self> {
        let mut parts = Vec::with_capacity(operations.len());
        let mut broad = false;
        for operation in operations {
            let run = operation.run.as_ref()?;
            let clean = operation.opaque.is_none()
                && operation.functions.is_empty()
                && operation.stores.is_empty()
                && !(run.program.is_empty() || run.loose || run.elsewhere || run.network)
                && run.env.is_empty()
                && run.secrets.is_empty()
                && run.foreign_code.is_none()
                && run.abuse.is_none();
            if !clean {
                return None;
            }
            broad |= !operation.bounded;
            let mut on: Vec<String> = operation.on.iter().map(|on| format!("{:?} {}", on.kind, on.written)).collect();
            on.sort();
            parts.push(format!(
                "{} {} writes={} bounded={} undoes={} {} {} privileged={} user={:?} destroys={:?} redirects={} on={on:?}",
                operation.act,
                operation.verb,
                operation.writes,
                operation.bounded,
                operation.undoes_read_only,
                run.program,
                run.path,
                run.privileged,
                run.user,
                run.destroys,
                run.redirects.len(),
            ));
        }
        (!parts.is_empty()).then(|| Self { folder, broad, parts, shown: String::new(), operands: 0 })
    }

    fn finish(self) -> Option<Shape> {
        // Without an operand nothing may differ; and what is too long to be shown whole to whoever decides is not offered.
        (self.operands > 0 && self.shown.chars().count() <= Shown::LONGEST).then(|| Shape {
            digest: Fingerprint::of(
                std::iter::once(b"shape 1".as_slice()).chain(self.parts.iter().map(String::as_bytes)),
            ),
            shown: self.shown,
        })
    }

    /// What has to be the same in every command of this shape.
    fn fixed(&mut self, kind: &str, text: &str) {
        self.parts.push(format!("{kind} {text}"));
        self.show(text);
    }

    fn show(&mut self, text: &str) {
        let gap = if self.shown.is_empty() || text == ";" { "" } else { " " };
        // Writing to a String cannot fail.
        let _infallible = write!(self.shown, "{gap}{text}");
    }

    /// What may differ.
    fn operand(&mut self, text: &str, broad: bool) -> Option<()> {
        let Path { absolute, folder } = operand(text, self.folder, broad || self.broad)?;
        self.parts.push(format!("operand absolute={absolute} folder={folder}"));
        self.operands += 1;
        self.show(ANY);
        Some(())
    }

    fn text(&mut self, text: &str, login: Login) -> Option<()> {
        let options = TokenizerOptions { enable_extended_globbing: false, posix_mode: false, sh_mode: false };
        let tokens = uncached_tokenize_str(text, &options).ok()?;
        let program = parse_tokens(&tokens, &ParserOptions::default()).ok()?;
        let source: Vec<char> = text.chars().collect();
        let spot = Spot { posix: login.shell != Shell::Bash, ..Spot::default() };
        for CompoundListItem(AndOrList { first, additional }, separator) in
            program.complete_commands.iter().flat_map(|list| &list.0)
        {
            self.pipeline(first, &source, &spot)?;
            for next in additional {
                let (sign, next) = match next {
                    AndOr::And(next) => ("&&", next),
                    AndOr::Or(next) => ("||", next),
                };
                self.fixed("sign", sign);
                self.pipeline(next, &source, &spot)?;
            }
            self.fixed(
                "sign",
                match separator {
                    SeparatorOperator::Async => "&",
                    SeparatorOperator::Sequence => ";",
                },
            );
        }
        self.shown.truncate(self.shown.trim_end_matches(';').len());
        Some(())
    }

    fn pipeline(&mut self, pipeline: &Pipeline, source: &[char], spot: &Spot) -> Option<()> {
        if pipeline.timed.is_some() || pipeline.bang {
            return None;
        }
        for (at, command) in pipeline.seq.iter().enumerate() {
            if at > 0 {
                self.fixed("sign", "|");
            }
            match command {
                Command::Simple(simple) => self.simple(simple, source, spot)?,
                // Loops, groups, functions: what runs how often is more than a shape can say.
                Command::Compound(..) | Command::Function(_) | Command::ExtendedTest(..) => return None,
            }
        }
        Some(())
    }

    fn simple(&mut self, simple: &SimpleCommand, source: &[char], spot: &Spot) -> Option<()> {
        if simple.prefix.as_ref().is_some_and(|prefix| !prefix.0.is_empty()) {
            return None;
        }
        let mut words = vec![known(simple.word_or_name.as_ref()?, source, spot)?];
        let mut redirects = Vec::new();
        for item in simple.suffix.iter().flat_map(|suffix| &suffix.0) {
            match item {
                Item::Word(word) => words.push(known(word, source, spot)?),
                Item::IoRedirect(redirect) => redirects.push(redirect),
                Item::AssignmentWord(..) | Item::ProcessSubstitution(..) => return None,
            }
        }
        self.command(&words.iter().map(String::as_str).collect::<Vec<_>>())?;
        redirects.into_iter().try_for_each(|redirect| self.redirect(redirect, source, spot))
    }

    fn redirect(&mut self, redirect: &IoRedirect, source: &[char], spot: &Spot) -> Option<()> {
        let IoRedirect::File(fd, kind, target) = redirect else { return None };
        let sign = match kind {
            Kind::Read => "<",
            Kind::Write => ">",
            Kind::Append => ">>",
            Kind::ReadAndWrite => "<>",
            Kind::Clobber => ">|",
            Kind::DuplicateInput => "<&",
            Kind::DuplicateOutput => ">&",
        };
        let sign = fd.map_or_else(|| sign.to_owned(), |fd| format!("{fd}{sign}"));
        match target {
            Target::Filename(word) => {
                let file = known(word, source, spot)?;
                self.fixed("redirect", &sign);
                if is_sink(&file) {
                    self.fixed("sink", &file);
                    return Some(());
                }
                self.operand(&file, false)
            }
            Target::Duplicate(word) => {
                let number = known(word, source, spot)?;
                let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
                is_number.then(|| self.fixed("redirect", &format!("{sign}{number}")))
            }
            Target::Fd(_) | Target::ProcessSubstitution(..) => None,
        }
    }

    fn options(&mut self, options: &[&str]) {
        for option in options {
            self.fixed("option", option);
        }
    }

    /// A program and its arguments: options as they are, and operands behind them.
    fn command(&mut self, words: &[&str]) -> Option<()> {
        let (path, rest) = words.split_first()?;
        let name = trusted(path)?;
        self.fixed("program", path);
        if name == "sudo" {
            let (options, inner) = split(&SUDO, rest)?;
            self.options(options);
            // One program below it, and never another way to other rights.
            return if trusted(inner.first()?)? == "sudo" { None } else { self.command(inner) };
        }
        let known = program(name)?;
        let (options, operands) = split(&known.spec, rest)?;
        self.options(options);
        let broad = known.is_broad(options);
        for (at, word) in operands.iter().enumerate() {
            if word.starts_with(['-', '+']) {
                return None;
            }
            if at < known.fixed { self.fixed("word", word) } else { self.operand(word, broad)? }
        }
        Some(())
    }
}

/// The options as they stand there, their values with them, and what stands behind them.
fn split<'w>(spec: &super::options::Spec, words: &'w [&'w str]) -> Option<(&'w [&'w str], &'w [&'w str])> {
    let args: Vec<Arg> = words.iter().map(|word| Arg::fixed(*word)).collect();
    let behind = spec.parse(&args, false).ok()?.rest.len();
    words.split_at_checked(words.len().checked_sub(behind)?)
}

/// The one word that a word becomes, where all of it stands in the text.
fn known(word: &Word, source: &[char], spot: &Spot) -> Option<String> {
    let words = Reader::default().words(word, source, spot).ok()?;
    match words.as_slice() {
        [Arg { text, fixed: true, wild: false, many: false, .. }] => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
