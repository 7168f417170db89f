//! A word after expansion: its text, and how much of it is really in the text.

use super::braces;
use super::word::{Atom, Doubt, Scan};

/// Where something that a program reads comes from; a later one is the worse one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Feed {
    /// What the client sends.
    #[default]
    Client,
    /// A text that stands in the command line.
    Text(String),
    /// A file.
    File,
    /// What another program prints.
    Program,
    /// What a decoder prints.
    Decoded,
    /// What comes over a network.
    Network,
}

impl Feed {
    /// The place in words, where code from it is code that nobody sees.
    pub(super) fn foreign(&self) -> Option<&'static str> {
        match self {
            Self::Client | Self::Text(_) | Self::File | Self::Program => None,
            Self::Decoded => Some("a decoder"),
            Self::Network => Some("the network"),
        }
    }
}

/// A word as a program would get it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arg {
    /// Its text; what only running can tell stands there as it was written.
    pub(super) text: String,
    /// All of it stands in the text.
    pub(super) fixed: bool,
    /// It, or a word that it becomes, may be an option, whatever its text looks like.
    pub(super) wild: bool,
    /// It may become several words, or none.
    pub(super) many: bool,
    /// Where the code in it gets its output from.
    pub(super) feed: Feed,
}

impl Arg {
    /// A word whose text is known.
    pub(super) fn fixed(text: impl Into<String>) -> Self {
        Self { text: text.into(), fixed: true, ..Self::default() }
    }

    /// Words that only running can tell.
    pub(super) fn unknown(shown: impl Into<String>) -> Self {
        Self { text: shown.into(), wild: true, many: true, ..Self::default() }
    }

    /// Its text, if all of it is known.
    pub(super) fn known(&self) -> Option<&str> {
        self.fixed.then_some(self.text.as_str())
    }

    /// Whether it is exactly this.
    pub(super) fn is(&self, text: &str) -> bool {
        self.known() == Some(text)
    }

    fn of(atoms: &[Atom]) -> Self {
        let mut arg = Self { fixed: true, ..Self::default() };
        let mut bracket = false;
        for (at, atom) in atoms.iter().enumerate() {
            match atom {
                Atom::Hole { shown, quoted } => {
                    arg.text.push_str(shown);
                    arg.fixed = false;
                    // Without quotes its value is split, and what comes second begins with anything.
                    arg.wild |= at == 0 || !quoted;
                    arg.many |= !quoted || shown.contains('@');
                }
                Atom::Char { c, quoted } => {
                    arg.text.push(*c);
                    let glob = !quoted && (matches!(c, '*' | '?') || (*c == ']' && bracket));
                    bracket |= !quoted && *c == '[';
                    arg.fixed &= !glob;
                    arg.many |= glob;
                    arg.wild |= glob && (at == 0 || arg.text.starts_with('['));
                }
            }
        }
        arg
    }
}

/// The words that a scanned word becomes.
pub(super) fn args(scan: &Scan, feed: &Feed, posix: bool) -> Result<Vec<Arg>, Doubt> {
    let words = braces::expand(scan.atoms.clone(), posix)?;
    let alone = words.len() == 1;
    let words = words.iter().filter(|atoms| alone || !atoms.is_empty());
    Ok(words.map(|atoms| Arg { feed: feed.clone(), ..Arg::of(atoms) }).collect())
}

/// A word where braces are letters: an assignment's value, a here-document, a pattern.
pub(super) fn one(scan: &Scan, feed: &Feed) -> Arg {
    Arg { feed: feed.clone(), ..Arg::of(&scan.atoms) }
}
