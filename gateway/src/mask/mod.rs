//! Hides what nobody needs to see: card numbers, addresses and secrets inside the bytes that flow to a person.
//!
//! Masking happens in place and keeps every length, so that frames, columns and recordings need no new sizes and text that was
//! valid UTF-8 or JSON stays so. Detectors only report; [`Scanner`] unites their spans over the untouched text and paints them
//! together, for otherwise a detector could hide a secret's first half from the detector that knows the whole.

mod detect;
mod found;
mod hits;
pub mod stream;
mod text;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

pub use detect::{Detector, Detectors, UnknownDetector, parse};
use detect::{Key, card, email, iban, phone};
use found::Found;
pub use hits::Hits;

/// Painted text may show a new find (`a` was part of a longer word, its neighbour is stars now), so passes repeat until nothing is
/// found. Two are the rule; the bound keeps hostile text from costing more than a small multiple of its length.
const PASSES: usize = 8;

/// The key words of the chosen detectors could not be made into an automaton.
#[derive(Debug, thiserror::Error)]
#[error("the detectors' key words cannot be compiled")]
pub struct Uncompiled(#[source] aho_corasick::BuildError);

/// A set of detectors, compiled once and shared by every session that masks with it.
#[derive(Debug, Clone)]
pub struct Scanner {
    detectors: Detectors,
    /// `None` where no detector with key words is chosen.
    automaton: Option<AhoCorasick>,
    /// What the automaton's patterns mean, by pattern number.
    keys: Vec<Key>,
}

impl Scanner {
    /// Compiles the detectors; costly, so once per set and never per session.
    pub fn new(detectors: Detectors) -> Result<Self, Uncompiled> {
        let (words, keys): (Vec<&str>, Vec<Key>) = detect::keys(detectors).unzip();
        let automaton = if words.is_empty() {
            None
        } else {
            // Ignoring case costs states and no time. A detector that minds the case looks again.
            let built = AhoCorasick::builder()
                .kind(Some(AhoCorasickKind::DFA))
                .ascii_case_insensitive(true)
                .build(words)
                .map_err(Uncompiled)?;
            Some(built)
        };
        Ok(Self { detectors, automaton, keys })
    }

    /// The detectors of these names; nothing where there are none. A name that nobody knows stands for all of them: doubt hides.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a String>) -> Option<Self> {
        let every = || Detector::ALL.into_iter().collect::<Detectors>();
        let all = names.into_iter().map(|name| parse(name).unwrap_or_else(every));
        let all = all.fold(Detectors::default(), Detectors::union);
        if all.is_empty() { None } else { Self::new(all).ok() }
    }

    /// The detectors that were compiled.
    pub fn detectors(&self) -> Detectors {
        self.detectors
    }

    /// Overwrites what the detectors find with `*`, in place and without changing the length, and counts it.
    ///
    /// A value cut in two by the caller is not found: give whole fields or whole lines. Allocates nothing unless something is found.
    pub fn mask(&self, text: &mut [u8]) -> Hits {
        let mut hits = Hits::default();
        for _ in 0..PASSES {
            let found = self.find(text);
            if found.is_empty() {
                break;
            }
            hits += found.paint(text);
            if !may_hold_more(text) {
                break;
            }
        }
        hits
    }

    fn find(&self, text: &[u8]) -> Found {
        let mut found = Found::default();
        let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
        self.find_shapes(text, digits, &mut found);
        // A key word has letters, and a number has none.
        if digits == text.len() {
            return found;
        }
        // Whether there is a key word is known faster than which ones there are.
        if let Some(automaton) = &self.automaton
            && automaton.is_match(text)
        {
            // Overlapping, because key words contain each other: `sk-` and `sk-ant-`, `secret` and `secret_token`.
            for key in automaton.find_overlapping_iter(text) {
                if let Some(kind) = self.keys.get(key.pattern().as_usize()) {
                    kind.judge(text, key.range(), &mut found);
                }
            }
        }
        found
    }

    /// The detectors without key words: a count of digits and a search for `@`, both vectorised, excuse them from most text.
    fn find_shapes(&self, text: &[u8], digits: usize, found: &mut Found) {
        let wants = |detector| self.detectors.contains(detector);
        let letters = digits < text.len();
        if letters && wants(Detector::Email) && text.contains(&b'@') {
            email::find(text, found);
        }
        if wants(Detector::Card) && digits >= card::LEAST_DIGITS {
            card::find(text, found);
        }
        if letters && wants(Detector::Iban) && digits >= iban::LEAST_DIGITS {
            iban::find(text, found);
        }
        if wants(Detector::Phone) && digits >= phone::LEAST_DIGITS {
            phone::find(text, found);
        }
    }
}

/// Whether something may still be found in a painted text. A find lies between two stars: no detector looks past one. The shortest
/// is an address of four letters, then a key word with a value of five; what is left of a painted value mostly has less.
fn may_hold_more(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'*').any(|run| {
        let letters = run.iter().filter(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii()).count();
        letters > 4 || letters == 4 && run.contains(&b'@')
    })
}

#[cfg(test)]
mod tests;
