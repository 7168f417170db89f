//! The detectors by name: one file each, with the samples it must and must not find.

use std::{ops::Range, str::FromStr};

use super::{found::Found, text};

pub(super) mod card;
pub(super) mod email;
mod entropy;
pub(super) mod iban;
mod jwt;
pub(super) mod phone;
mod private_key;
mod vendor;

/// One kind of thing that can be found in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Detector {
    /// Payment card numbers.
    Card,
    /// International bank account numbers.
    Iban,
    /// E-mail addresses.
    Email,
    /// Telephone numbers.
    Phone,
    /// JSON web tokens.
    Jwt,
    /// Private keys in PEM armour.
    PrivateKey,
    /// Tokens whose issuer marks them with a prefix, and passwords inside URLs.
    Vendor,
    /// Random-looking values beside a word like `password`.
    Entropy,
}

/// A name that no detector has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("detector `{0}` is not known")]
pub struct UnknownDetector(String);

impl Detector {
    /// Every detector, in the order of their numbers.
    pub const ALL: [Self; 8] =
        [Self::Card, Self::Iban, Self::Email, Self::Phone, Self::Jwt, Self::PrivateKey, Self::Vendor, Self::Entropy];

    /// The name in the configuration and in recordings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Iban => "iban",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Jwt => "jwt",
            Self::PrivateKey => "private_key",
            Self::Vendor => "vendor",
            Self::Entropy => "entropy",
        }
    }
}

impl FromStr for Detector {
    type Err = UnknownDetector;

    fn from_str(name: &str) -> Result<Self, UnknownDetector> {
        let named = Self::ALL.into_iter().find(|detector| detector.as_str() == name);
        named.ok_or_else(|| UnknownDetector(name.to_owned()))
    }
}

/// A set of detectors.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Detectors(u8);

impl Detectors {
    /// Whether no detector is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The detectors of both sets.
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the detector is in the set.
    pub fn contains(self, detector: Detector) -> bool {
        self.0 & (1 << detector as u8) != 0
    }

    /// The detectors of the set.
    pub fn iter(self) -> impl Iterator<Item = Detector> {
        Detector::ALL.into_iter().filter(move |detector| self.contains(*detector))
    }
}

impl FromIterator<Detector> for Detectors {
    fn from_iter<I: IntoIterator<Item = Detector>>(detectors: I) -> Self {
        Self(detectors.into_iter().fold(0, |set, detector| set | 1 << detector as u8))
    }
}

/// The detectors behind a name in the configuration: one detector, or the group `secrets`.
pub fn parse(name: &str) -> Option<Detectors> {
    if name == "secrets" {
        let secrets = [Detector::Jwt, Detector::PrivateKey, Detector::Vendor, Detector::Entropy];
        return Some(secrets.into_iter().collect());
    }
    name.parse().ok().map(|detector: Detector| [detector].into_iter().collect())
}

/// What a key word announces.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key {
    Jwt,
    Armour,
    Token(&'static vendor::Shape),
    Url,
    Named,
}

impl Key {
    /// Lets the key word's detector look at the place.
    pub(super) fn judge(self, text: &[u8], key: Range<usize>, found: &mut Found) {
        match self {
            Self::Jwt => jwt::judge(text, key, found),
            Self::Armour => private_key::judge(text, key, found),
            Self::Token(shape) => vendor::judge(shape, text, key, found),
            Self::Url => vendor::judge_url(text, key, found),
            Self::Named => entropy::judge(text, key, found),
        }
    }
}

/// The key words of the chosen detectors.
pub(super) fn keys(chosen: Detectors) -> impl Iterator<Item = (&'static str, Key)> {
    let jwt = [(Detector::Jwt, jwt::KEY, Key::Jwt)];
    let private_key = [(Detector::PrivateKey, private_key::KEY, Key::Armour)];
    let tokens = vendor::SHAPES.iter().map(|shape| (Detector::Vendor, shape.prefix, Key::Token(shape)));
    let urls = vendor::URL_KEYS.into_iter().map(|key| (Detector::Vendor, key, Key::Url));
    let named = entropy::KEYS.into_iter().map(|key| (Detector::Entropy, key, Key::Named));
    let all = jwt.into_iter().chain(private_key).chain(tokens).chain(urls).chain(named);
    all.filter(move |(detector, ..)| chosen.contains(*detector)).map(|(_, word, key)| (word, key))
}

/// Where the last `count` bytes chosen by `test` begin.
fn last_of(text: &[u8], span: Range<usize>, count: usize, test: fn(u8) -> bool) -> usize {
    let end = span.end;
    let chosen = text.get(span).unwrap_or_default().iter().rev().enumerate().filter(|(_, byte)| test(**byte));
    chosen.take(count).last().map_or(end, |(back, _)| end - back - 1)
}

/// Masks the samples with one detector and compares.
#[cfg(test)]
fn assert_masks(detector: Detector, cases: &[(&str, &str)]) {
    let scanner = super::Scanner::new([detector].into_iter().collect()).unwrap();
    for (given, wanted) in cases {
        let mut text = given.as_bytes().to_vec();
        let hits = scanner.mask(&mut text);
        assert_eq!(str::from_utf8(&text).unwrap(), *wanted, "of {given}");
        assert_eq!(hits.of(detector) > 0, given != wanted, "hits of {given}");
        assert_eq!(hits.total(), u64::from(hits.of(detector)));
    }
}

/// Asserts that one detector leaves the samples alone.
#[cfg(test)]
fn assert_leaves(detector: Detector, samples: &[&str]) {
    let cases: Vec<_> = samples.iter().map(|sample| (*sample, *sample)).collect();
    assert_masks(detector, &cases);
}

/// A string of varied characters, so that no sample secret has to stand in the source.
#[cfg(test)]
fn variety(alphabet: &[u8], length: usize) -> String {
    let mut state = 7_usize;
    let mut next = || {
        state = (state * 1_103 + 12_345) % 65_521;
        alphabet.get(state % alphabet.len()).copied().map(char::from).unwrap_or_default()
    };
    (0..length).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::{Detector, Detectors, parse};

    #[test]
    fn every_detector_is_known_by_its_name() {
        for detector in Detector::ALL {
            assert_eq!(detector.as_str().parse(), Ok(detector));
            assert_eq!(parse(detector.as_str()), Some([detector].into_iter().collect()));
        }
        assert_eq!(
            "cards".parse::<Detector>().map_err(|error| error.to_string()),
            Err("detector `cards` is not known".into())
        );
        assert_eq!(parse("cards"), None);
    }

    #[test]
    fn secrets_are_four_detectors() {
        let secrets: Vec<_> = parse("secrets").unwrap_or_default().iter().map(Detector::as_str).collect();
        assert_eq!(secrets, ["jwt", "private_key", "vendor", "entropy"]);
    }

    #[test]
    fn sets_unite() {
        let card: Detectors = [Detector::Card].into_iter().collect();
        let both = card.union([Detector::Entropy].into_iter().collect());
        assert!(both.contains(Detector::Card) && both.contains(Detector::Entropy) && !both.contains(Detector::Jwt));
        assert!(Detectors::default().is_empty() && !both.is_empty());
    }
}
