//! The parser's tree, walked: every command at any depth, whatever surrounds it.

use brush_parser::SourceSpan;
use brush_parser::ast::{
    AndOr, AndOrList, Command, CommandPrefixOrSuffixItem as Item, CompoundCommand, CompoundList, CompoundListItem,
    DoGroupCommand, FunctionDefinition, Pipeline, ProcessSubstitutionKind, SimpleCommand, SubshellCommand, Word,
};

use super::arg::{Arg, Feed, args, one};
use super::assign::{declares, is_number};
use super::facts::Found;
use super::read::{Reader, Spot};
use super::redirect::Redirects;
use super::run::{Call, is_risky};
use super::word::{DEEPEST, Doubt, Scan, arithmetic, ends_word, word};

impl Spot {
    /// One level further in.
    pub(super) fn within(&self) -> Result<Self, Doubt> {
        if self.depth >= DEEPEST {
            return Err("nested too deeply".to_owned());
        }
        Ok(Self { depth: self.depth + 1, ..self.clone() })
    }

    /// Refuses what only bash knows, where the shell may be another one.
    pub(super) fn bash_only(&self, what: &str) -> Result<(), Doubt> {
        if self.posix { Err(format!("{what} are read differently by different shells")) } else { Ok(()) }
    }
}

impl Reader {
    pub(super) fn list(&mut self, list: &CompoundList, source: &[char], spot: &Spot) -> Result<(), Doubt> {
        for CompoundListItem(commands, _) in &list.0 {
            let AndOrList { first, additional } = commands;
            self.pipeline(first, source, spot)?;
            for next in additional {
                let (AndOr::And(next) | AndOr::Or(next)) = next;
                self.pipeline(next, source, spot)?;
            }
        }
        Ok(())
    }

    fn pipeline(&mut self, pipeline: &Pipeline, source: &[char], spot: &Spot) -> Result<(), Doubt> {
        if pipeline.timed.is_some() {
            spot.bash_only("timed pipelines")?;
        }
        let Some(last) = pipeline.seq.len().checked_sub(1) else { return Err("a pipeline of nothing".to_owned()) };
        let mut feed = spot.feed.clone();
        for (at, command) in pipeline.seq.iter().enumerate() {
            let begin = self.found.len();
            let inner = Spot { feed: feed.clone(), terminal: spot.terminal && at == last, ..spot.clone() };
            self.command(command, source, &inner)?;
            // What came over a network stays that, whoever hands it on.
            let made = self.output(begin);
            feed = if feed.foreign().is_some() { feed.max(made) } else { made };
        }
        Ok(())
    }

    /// What the commands since `begin` print.
    pub(super) fn output(&self, begin: usize) -> Feed {
        let since = self.found.get(begin..).unwrap_or_default();
        match since {
            [] => Feed::Text(String::new()),
            [only] => only.prints.clone(),
            several => {
                let of = |found: &Found| match &found.prints {
                    Feed::Text(_) | Feed::Client => Feed::Program,
                    other @ (Feed::File | Feed::Program | Feed::Decoded | Feed::Network) => other.clone(),
                };
                several.iter().map(of).max().unwrap_or_default()
            }
        }
    }

    fn command(&mut self, command: &Command, source: &[char], spot: &Spot) -> Result<(), Doubt> {
        self.node()?;
        match command {
            Command::Simple(simple) => self.simple(simple, source, spot),
            Command::Compound(compound, redirects) => {
                let spot = self.group(redirects.as_ref().map_or(&[], |list| &list.0), source, spot)?;
                self.compound(compound, source, &spot)
            }
            Command::Function(function) => self.function(function, source, spot),
            Command::ExtendedTest(test, redirects) => {
                let spot = self.group(redirects.as_ref().map_or(&[], |list| &list.0), source, spot)?;
                spot.bash_only("tests in `[[`")?;
                self.test(&test.expr, source, &spot)
            }
        }
    }

    fn function(&mut self, function: &FunctionDefinition, source: &[char], spot: &Spot) -> Result<(), Doubt> {
        let name = &function.fname.value;
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)) {
            return Err("a function with an unusual name".to_owned());
        }
        self.functions.insert(name.clone());
        let redirects = function.body.1.as_ref().map_or(&[][..], |list| &list.0);
        let spot = self.group(redirects, source, spot)?;
        // What it reads is not known before somebody calls it.
        self.compound(&function.body.0, source, &Spot { feed: Feed::Program, ..spot })
    }

    fn compound(&mut self, compound: &CompoundCommand, source: &[char], spot: &Spot) -> Result<(), Doubt> {
        let spot = &spot.within()?;
        match compound {
            CompoundCommand::Arithmetic(sum) => {
                spot.bash_only("arithmetic commands")?;
                self.counted.extend(arithmetic(&sum.expr.value)?);
                Ok(())
            }
            CompoundCommand::ArithmeticForClause(each) => {
                spot.bash_only("arithmetic loops")?;
                for sum in [&each.initializer, &each.condition, &each.updater].into_iter().flatten() {
                    self.counted.extend(arithmetic(&sum.value)?);
                }
                if let Some((name, _)) = each.initializer.as_ref().and_then(|sum| sum.value.split_once('=')) {
                    self.values.entry(name.trim().to_owned()).or_insert(true);
                }
                self.list(&each.body.list, source, spot)
            }
            CompoundCommand::BraceGroup(group) => self.list(&group.list, source, spot),
            CompoundCommand::Subshell(SubshellCommand { list, .. }) => self.list(list, source, spot),
            CompoundCommand::ForClause(each) => {
                let mut plain = each.values.is_some();
                for value in each.values.iter().flatten() {
                    for arg in self.words(value, source, spot)? {
                        plain &= arg.known().is_some_and(is_number);
                        self.look(&arg, spot);
                    }
                }
                self.assign(&each.variable_name, plain)?;
                let DoGroupCommand { list, .. } = &each.body;
                self.list(list, source, spot)
            }
            CompoundCommand::CaseClause(case) => {
                self.words(&case.value, source, spot)?;
                for item in &case.cases {
                    for pattern in &item.patterns {
                        self.words(pattern, source, spot)?;
                    }
                    if let Some(list) = &item.cmd {
                        self.list(list, source, spot)?;
                    }
                }
                Ok(())
            }
            CompoundCommand::IfClause(choice) => {
                self.list(&choice.condition, source, spot)?;
                self.list(&choice.then, source, spot)?;
                for part in choice.elses.iter().flatten() {
                    if let Some(condition) = &part.condition {
                        self.list(condition, source, spot)?;
                    }
                    self.list(&part.body, source, spot)?;
                }
                Ok(())
            }
            CompoundCommand::WhileClause(each) | CompoundCommand::UntilClause(each) => {
                self.list(&each.0, source, spot)?;
                self.list(&each.1.list, source, spot)
            }
            CompoundCommand::Coprocess(side) => {
                spot.bash_only("coprocesses")?;
                self.command(&side.body, source, &Spot { feed: Feed::Program, ..spot.clone() })
            }
        }
    }

    fn simple(&mut self, simple: &SimpleCommand, source: &[char], spot: &Spot) -> Result<(), Doubt> {
        let mut call = Call { spot: spot.clone(), ..Call::default() };
        let mut place = Place::default();
        let mut redirects = Redirects::default();
        for item in simple.prefix.iter().flat_map(|prefix| &prefix.0) {
            match item {
                Item::AssignmentWord(_, word) => {
                    place.add(word);
                    let (name, value) = self.assignment(word, source, spot)?;
                    call.env.push((name, value));
                }
                Item::IoRedirect(redirect) => self.redirect(redirect, &mut redirects, &mut place, source, spot)?,
                Item::Word(_) | Item::ProcessSubstitution(..) => return Err("a word before a command".to_owned()),
            }
        }
        if let Some(word) = &simple.word_or_name {
            if word.value == "time" {
                return Err("`time` behind `!` or another `time`".to_owned());
            }
            place.add(word);
            call.words.extend(self.words(word, source, spot)?);
        }
        for item in simple.suffix.iter().flat_map(|suffix| &suffix.0) {
            match item {
                Item::Word(word) => {
                    place.add(word);
                    call.words.extend(self.words(word, source, spot)?);
                }
                Item::AssignmentWord(_, word) if word.value.ends_with(')') && word.value.contains("=(") => {
                    place.add(word);
                    if !declares(&call) {
                        return Err("an array among arguments".to_owned());
                    }
                    let (name, value) = self.assignment(word, source, spot)?;
                    call.words.push(Arg { text: format!("{name}={}", value.text), ..value });
                }
                Item::AssignmentWord(_, word) if declares(&call) && !spot.posix => {
                    place.add(word);
                    let (scan, feed) =
                        self.scan(letters(word, source).ok_or("an assignment without a place")?, spot)?;
                    // Here bash does not split the value.
                    call.words.push(Arg { wild: false, many: false, ..one(&scan, &feed) });
                }
                Item::AssignmentWord(_, word) => {
                    place.add(word);
                    call.words.extend(self.words(word, source, spot)?);
                }
                Item::ProcessSubstitution(kind, shell) => {
                    place.span(&shell.loc);
                    call.words.push(self.process(kind, shell, source, spot)?);
                }
                Item::IoRedirect(redirect) => self.redirect(redirect, &mut redirects, &mut place, source, spot)?,
            }
        }
        if !call.words.is_empty() {
            // Behind the command, they hold what they held before.
            let names: Vec<String> = call.env.iter().map(|(name, _)| name.clone()).collect();
            for name in names {
                self.assign(&name, false)?;
            }
        }
        call.shown = place.text(source);
        call.redirects = redirects;
        self.run(call);
        Ok(())
    }

    /// `<(…)` and `>(…)`.
    pub(super) fn process(
        &mut self,
        kind: &ProcessSubstitutionKind,
        shell: &SubshellCommand,
        source: &[char],
        spot: &Spot,
    ) -> Result<Arg, Doubt> {
        spot.bash_only("process substitutions")?;
        let (sign, behind) = (shell.loc.start.index.checked_sub(2), source.get(shell.loc.end.index));
        let apart = |c: Option<&char>| c.is_none_or(|c| ends_word(*c) && !matches!(c, '(' | '<' | '>'));
        if !apart(sign.and_then(|at| source.get(at))) || !apart(behind) {
            return Err("a process substitution that is part of a word".to_owned());
        }
        let begin = self.found.len();
        self.list(&shell.list, source, &Spot { feed: Feed::Program, ..spot.within()? })?;
        let (shown, feed) = match kind {
            ProcessSubstitutionKind::Read => ("<(…)", self.output(begin)),
            ProcessSubstitutionKind::Write => (">(…)", Feed::Program),
        };
        // It is a path of the shell's own making, and never an option.
        Ok(Arg { text: shown.to_owned(), feed, ..Arg::default() })
    }

    /// The words that a word becomes. Both readers must agree on where it ends.
    pub(super) fn words(&mut self, of: &Word, source: &[char], spot: &Spot) -> Result<Vec<Arg>, Doubt> {
        let own: Vec<char>;
        let letters = if let Some(letters) = letters(of, source) {
            letters
        } else {
            own = of.value.chars().collect();
            &own
        };
        let (scan, feed) = self.scan(letters, spot)?;
        args(&scan, &feed, spot.posix)
    }

    /// Scans all of a text as one word, and reads the code in it.
    pub(super) fn scan(&mut self, letters: &[char], spot: &Spot) -> Result<(Scan, Feed), Doubt> {
        self.node()?;
        let scan = word(letters, spot.posix)?;
        if scan.end != letters.len() {
            return Err("two readers disagree on where a word ends".to_owned());
        }
        let feed = self.codes(&scan, spot)?;
        Ok((scan, feed))
    }

    /// Reads what a word runs and notes what it sets; where its output comes from.
    pub(super) fn codes(&mut self, scan: &Scan, spot: &Spot) -> Result<Feed, Doubt> {
        let mut feed = Feed::Client;
        for code in &scan.codes {
            let begin = self.found.len();
            self.text(code, &Spot { terminal: false, ..spot.within()? });
            feed = feed.max(match self.output(begin) {
                Feed::Client | Feed::Text(_) => Feed::Program,
                other @ (Feed::File | Feed::Program | Feed::Decoded | Feed::Network) => other,
            });
        }
        self.counted.extend(scan.counted.iter().cloned());
        for name in &scan.sets {
            if is_risky(name) {
                return Err(format!("it sets `{name}`, which changes what later words run"));
            }
            self.assign(name, false)?;
        }
        Ok(feed)
    }
}

/// The letters of a word as they stand in the text.
pub(super) fn letters<'s>(word: &Word, source: &'s [char]) -> Option<&'s [char]> {
    let span = word.loc.as_ref()?;
    source.get(span.start.index..span.end.index)
}

/// Where a command stands in the text.
#[derive(Debug, Default)]
pub(super) struct Place(Option<(usize, usize)>);

impl Place {
    pub(super) fn add(&mut self, word: &Word) {
        if let Some(span) = &word.loc {
            self.span(span);
        }
    }

    fn span(&mut self, span: &SourceSpan) {
        let (from, to) = self.0.unwrap_or((span.start.index, span.end.index));
        self.0 = Some((from.min(span.start.index), to.max(span.end.index)));
    }

    pub(super) fn text(&self, source: &[char]) -> String {
        let (from, to) = self.0.unwrap_or((0, source.len()));
        source.get(from..to).unwrap_or(source).iter().collect()
    }
}
