//! Options of programs: exact where a program is looked through, generous where only a hint is wanted.

use super::arg::Arg;
use super::word::Doubt;

/// Which options a program has that runs another one.
#[derive(Debug, Default)]
pub(super) struct Spec {
    /// Letters that stand alone.
    pub(super) flags: &'static str,
    /// Letters that take a value.
    pub(super) takes: &'static str,
    /// Letters whose value, if any, is in the same word.
    pub(super) glued: &'static str,
    /// Long names that stand alone, or have their value behind `=`.
    pub(super) long: &'static [&'static str],
    /// Long names that take a value.
    pub(super) long_takes: &'static [&'static str],
}

/// Options by name, with their values, and what stands behind them.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) options: Vec<(String, Option<Arg>)>,
    pub(super) rest: Vec<Arg>,
}

impl Parsed {
    /// Whether one of these options is given.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        self.options.iter().any(|(name, _)| names.contains(&name.as_str()))
    }

    /// The last value of one of these options.
    pub(super) fn value(&self, names: &[&str]) -> Option<&Arg> {
        self.options
            .iter()
            .rev()
            .find(|(name, _)| names.contains(&name.as_str()))
            .and_then(|(_, value)| value.as_ref())
    }
}

impl Spec {
    /// Splits words into options and what they are for. With `permute`, options may stand behind operands.
    pub(super) fn parse(&self, words: &[Arg], permute: bool) -> Result<Parsed, Doubt> {
        let mut parsed = Parsed::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word.wild {
                return Err("what it runs is not in the text".to_owned());
            }
            let text = word.text.as_str();
            if text == "--" {
                parsed.rest.extend(words.cloned());
                break;
            }
            if let Some(long) = text.strip_prefix("--") {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(Arg { text: value.to_owned(), ..word.clone() })),
                    None => (long, None),
                };
                let (name, takes) = self.named(name)?;
                let value = if takes && value.is_none() { next(&mut words)? } else { value };
                parsed.options.push((name.to_owned(), value));
            } else if let (Some(letters), true) = (text.strip_prefix('-'), text.len() > 1) {
                self.letters(letters, word, &mut words, &mut parsed)?;
            } else if permute {
                parsed.rest.push(word.clone());
            } else {
                parsed.rest.push(word.clone());
                parsed.rest.extend(words.cloned());
                break;
            }
        }
        Ok(parsed)
    }

    /// A long name, or the only one that begins like it.
    fn named(&self, given: &str) -> Result<(&'static str, bool), Doubt> {
        let all = self.long.iter().map(|name| (*name, false)).chain(self.long_takes.iter().map(|name| (*name, true)));
        let fitting: Vec<(&str, bool)> = all.filter(|(name, _)| name.starts_with(given)).collect();
        match fitting.iter().find(|(name, _)| *name == given).or(fitting.first()) {
            Some(found) if fitting.len() == 1 || found.0 == given => Ok(*found),
            _ => Err(format!("the option `--{given}` is not known")),
        }
    }

    fn letters(
        &self,
        letters: &str,
        word: &Arg,
        words: &mut std::slice::Iter<'_, Arg>,
        parsed: &mut Parsed,
    ) -> Result<(), Doubt> {
        let mut rest = letters.chars();
        while let Some(letter) = rest.next() {
            let name = letter.to_string();
            let glued = (!rest.as_str().is_empty()).then(|| Arg { text: rest.as_str().to_owned(), ..word.clone() });
            if self.takes.contains(letter) {
                let value = if glued.is_some() { glued } else { next(words)? };
                parsed.options.push((name, value));
                return Ok(());
            }
            if self.glued.contains(letter) {
                parsed.options.push((name, glued));
                return Ok(());
            }
            if !self.flags.contains(letter) {
                return Err(format!("the option `-{letter}` is not known"));
            }
            parsed.options.push((name, None));
        }
        Ok(())
    }
}

/// The value of an option, in a word of its own.
fn next(words: &mut std::slice::Iter<'_, Arg>) -> Result<Option<Arg>, Doubt> {
    match words.next() {
        Some(word) if word.many => Err("a value that may become several words".to_owned()),
        word => Ok(word.cloned()),
    }
}

/// The arguments of a program that is not looked through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Args<'a>(pub(super) &'a [Arg]);

impl<'a> Args<'a> {
    /// Whether an option of that letter may be there, alone or among others.
    pub(super) fn short(self, letter: char) -> bool {
        self.options().any(|text| !text.starts_with("--") && text.contains(letter))
    }

    /// Whether an option of that name may be there, in full or shortened.
    pub(super) fn long(self, name: &str) -> bool {
        self.options().any(|text| {
            let given = text.strip_prefix("--").map(|text| text.split('=').next().unwrap_or(text));
            given.is_some_and(|given| given.len() > 1 && name.starts_with(given))
        })
    }

    /// Whether any of these stands there as one word.
    pub(super) fn any(self, words: &[&str]) -> bool {
        self.0.iter().any(|arg| words.contains(&arg.text.as_str()))
    }

    /// Whether a word begins like this.
    pub(super) fn begins(self, start: &str) -> bool {
        self.0.iter().any(|arg| arg.text.starts_with(start))
    }

    /// Whether an argument may be an option without looking like one.
    pub(super) fn wild(self) -> bool {
        self.0.iter().any(|arg| arg.wild)
    }

    /// Where the first word stands that is neither an option nor the value of one of these.
    pub(super) fn command(self, takes: &[&str]) -> Option<usize> {
        let mut at = 0;
        while let Some(word) = self.0.get(at) {
            if !word.text.starts_with('-') {
                return Some(at);
            }
            at += if takes.contains(&word.text.as_str()) { 2 } else { 1 };
        }
        None
    }

    /// Words that are no options.
    pub(super) fn operands(self) -> impl Iterator<Item = &'a Arg> {
        let end = self.0.iter().position(|arg| arg.is("--")).unwrap_or(self.0.len());
        let (options, rest) = self.0.split_at(end);
        options.iter().filter(|arg| !arg.text.starts_with('-') || arg.text == "-").chain(rest.iter().skip(1))
    }

    /// The nth of them, as text.
    pub(super) fn operand(self, n: usize) -> &'a str {
        self.operands().nth(n).map_or("", |arg| arg.text.as_str())
    }

    fn options(self) -> impl Iterator<Item = &'a str> {
        let texts = self.0.iter().map(|arg| arg.text.as_str()).take_while(|text| *text != "--");
        texts.filter(|text| text.len() > 1 && text.starts_with('-'))
    }
}
