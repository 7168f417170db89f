//! Lengths of time, as people write them: `1h30m`, "an hour and a half", "1,5 h", "forty-five minutes".

use workflows::clock::Span;

use super::clip;
use super::words::Word;

/// What some words say about time.
pub(super) enum Reading {
    /// So long, in so many words.
    Span(Span, usize),
    /// It begins like a length of time and is none; with the words for why.
    Bad(String),
}

/// No length of time takes more words: "one hour and forty five minutes and a half".
const MOST_WORDS: usize = 9;
/// One, in the millionths that fractions are counted in.
const ONE: i64 = 1_000_000;
/// The longest that can be asked for at all.
const LONGEST: i64 = 366 * 86_400;

/// A piece of a word.
enum Piece {
    /// A number, in millionths.
    Number(i64),
    Letters(String),
    /// Anything else.
    Other,
}

struct Atom {
    piece: Piece,
    /// In which word.
    word: usize,
}

/// Reads the length of time that these words begin with; none if they do not begin like one.
pub(super) fn read(words: &[Word]) -> Option<Reading> {
    let first = words.first()?;
    let digits = first.name.trim_start_matches(['-', '+', '.']).starts_with(|c: char| c.is_ascii_digit());
    let begins = digits || first.name.starts_with(['½', '¼', '¾']) || counts(&first.name);
    if !begins {
        return None;
    }
    let cut = |(at, word): (usize, &Word)| pieces(&word.name).into_iter().map(move |piece| Atom { piece, word: at });
    let atoms: Vec<Atom> = words.iter().take(MOST_WORDS).enumerate().flat_map(cut).collect();
    let mut cursor = Cursor { atoms: &atoms, at: 0 };
    match cursor.terms() {
        Some(seconds) => {
            let used = cursor.used();
            let ends = cursor.at == 0 || cursor.word_at(cursor.at) != cursor.word_at(cursor.at.saturating_sub(1));
            if !ends {
                return Some(Reading::Bad(not_a_span(first)));
            }
            if (1..=LONGEST).contains(&seconds) {
                return Some(Reading::Span(Span::seconds(seconds), used));
            }
            let said: Vec<&str> = words.iter().take(used).map(|word| word.cased.as_str()).collect();
            let said = clip(&said.join(" "), 40);
            Some(Reading::Bad(format!("`{said}` is too short or too long; write more than zero and at most 366d")))
        }
        // Words are only words ("the one in Berlin"), a number is a mistake.
        None => digits.then(|| Reading::Bad(not_a_span(first))),
    }
}

fn not_a_span(word: &Word) -> String {
    let said = clip(&word.cased, 40);
    if word.name.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("`{said}` has no unit; write `{said}m` or `{said}h`");
    }
    format!("`{said}` is not a length of time; write it like `45m`, `1h30m` or `2d`")
}

/// Whether a word can begin a length of time.
fn counts(word: &str) -> bool {
    let first = word.split('-').next().unwrap_or(word);
    matches!(first, "a" | "an" | "half" | "quarter") || small(first).is_some() || tens(first).is_some()
}

fn small(word: &str) -> Option<i64> {
    const NAMES: [&str; 19] = [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    NAMES.iter().zip(1..).find_map(|(name, number)| (*name == word).then_some(number))
}

fn tens(word: &str) -> Option<i64> {
    const NAMES: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    NAMES.iter().zip(2..).find_map(|(name, number)| (*name == word).then_some(number * 10))
}

/// Seconds of a unit.
fn unit(word: &str) -> Option<i64> {
    match word {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1),
        "m" | "min" | "mins" | "minute" | "minutes" => Some(60),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(3_600),
        "d" | "day" | "days" => Some(86_400),
        "w" | "wk" | "wks" | "week" | "weeks" => Some(604_800),
        _ => None,
    }
}

/// Cuts a word where numbers and letters meet: `1h30m`, `30-min`, `1½h`.
fn pieces(word: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = word;
    while let Some(c) = rest.chars().next() {
        let point = c == '.' && rest.trim_start_matches('.').starts_with(|c: char| c.is_ascii_digit());
        if c.is_ascii_digit() || point {
            let length =
                rest.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',' | '/')).unwrap_or(rest.len());
            let (number, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
            pieces.push(number_of(number).map_or(Piece::Other, Piece::Number));
            rest = behind;
            continue;
        }
        let part = match c {
            '½' => Some(ONE / 2),
            '¼' => Some(ONE / 4),
            '¾' => Some(ONE / 4 * 3),
            _ => None,
        };
        let length = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        match (part, pieces.last_mut()) {
            (Some(part), Some(Piece::Number(whole))) if *whole % ONE == 0 => *whole += part,
            (Some(part), _) => pieces.push(Piece::Number(part)),
            (None, _) if length > 0 => {
                let letters = rest.chars().take_while(|c| c.is_alphabetic());
                pieces.push(Piece::Letters(letters.collect()));
            }
            (None, Some(Piece::Number(_) | Piece::Letters(_))) if c == '-' => {}
            (None, _) => pieces.push(Piece::Other),
        }
        rest = rest.split_at_checked(length.max(c.len_utf8())).map_or("", |(_, behind)| behind);
    }
    pieces
}

/// A number in millionths: `90`, `1.5`, `1,5`, `1/2`.
fn number_of(text: &str) -> Option<i64> {
    let digits =
        |text: &str, most: usize| (1..=most).contains(&text.len()).then(|| text.parse::<i64>().ok()).flatten();
    if let Some((above, below)) = text.split_once('/') {
        let (above, below) = (digits(above, 2)?, digits(below, 2).filter(|below| *below > 0)?);
        return Some(above * ONE / below);
    }
    let Some((whole, part)) = text.split_once(['.', ',']) else { return Some(digits(text, 9)? * ONE) };
    // `1,500` is one and a half for some, and fifteen hundred for others.
    if text.contains(',') && part.len() == 3 {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { digits(whole, 9)? };
    let scale = 10_i64.pow(6_u32.saturating_sub(part.len() as u32));
    Some(whole * ONE + digits(part, 6)? * scale)
}

struct Cursor<'a> {
    atoms: &'a [Atom],
    at: usize,
}

impl Cursor<'_> {
    fn letters(&self, ahead: usize) -> &str {
        match self.atoms.get(self.at + ahead).map(|atom| &atom.piece) {
            Some(Piece::Letters(word)) => word,
            Some(Piece::Number(_) | Piece::Other) | None => "",
        }
    }

    fn word_at(&self, at: usize) -> Option<usize> {
        self.atoms.get(at).map(|atom| atom.word)
    }

    /// How many words were read.
    fn used(&self) -> usize {
        self.word_at(self.at.saturating_sub(1)).map_or(0, |word| word + 1)
    }

    /// Steps over one of these words.
    fn skip(&mut self, words: &[&str]) {
        if words.contains(&self.letters(0)) {
            self.at += 1;
        }
    }

    /// "and a half", of something.
    fn and_a_half(&mut self) -> bool {
        let said = self.letters(0) == "and" && self.letters(1) == "a" && self.letters(2) == "half";
        self.at += if said { 3 } else { 0 };
        said
    }

    /// Amounts with units, from the largest to the smallest: seconds.
    fn terms(&mut self) -> Option<i64> {
        let (mut total, mut last) = self.term()?;
        loop {
            let before = self.at;
            self.skip(&["and"]);
            match self.term() {
                Some((seconds, unit)) if unit < last => {
                    total = total.saturating_add(seconds);
                    last = unit;
                }
                Some(_) | None => {
                    self.at = before;
                    break;
                }
            }
        }
        // `1h30` is ninety minutes.
        let same = self.word_at(self.at) == self.word_at(self.at.saturating_sub(1));
        if let Some(Piece::Number(minutes)) = self.atoms.get(self.at).map(|atom| &atom.piece)
            && same
            && last == 3_600
            && (0..60 * ONE).contains(minutes)
            && self.word_at(self.at + 1) != self.word_at(self.at)
        {
            self.at += 1;
            total = total.saturating_add(minutes / ONE * 60);
        }
        Some(total)
    }

    /// An amount with its unit: the seconds of it, and of the unit.
    fn term(&mut self) -> Option<(i64, i64)> {
        let digits = matches!(self.atoms.get(self.at)?.piece, Piece::Number(_));
        let amount = self.amount()?;
        let name = self.letters(0);
        let unit = unit(name)?;
        // "a second" is rather another one, and "a m" nothing.
        if !digits && (name.len() < 3 || unit == 1) {
            return None;
        }
        self.at += 1;
        let half = if self.and_a_half() { unit / 2 } else { 0 };
        Some(((amount.saturating_mul(unit) / ONE).saturating_add(half), unit))
    }

    /// How many, in millionths.
    fn amount(&mut self) -> Option<i64> {
        if let Piece::Number(number) = self.atoms.get(self.at)?.piece {
            self.at += 1;
            return Some(number + if self.and_a_half() { ONE / 2 } else { 0 });
        }
        let first = self.letters(0).to_owned();
        self.at += 1;
        let part = match (first.as_str(), self.letters(0)) {
            ("half", _) => Some(ONE / 2),
            ("quarter", _) => Some(ONE / 4),
            ("a" | "one", "half") => Some(ONE / 2),
            ("a" | "one", "quarter") => Some(ONE / 4),
            ("a", "couple") => Some(2 * ONE),
            ("three", "quarters") => Some(ONE / 4 * 3),
            _ => None,
        };
        if let Some(part) = part {
            self.skip(&["half", "quarter", "couple", "quarters"]);
            self.skip(&["of"]);
            self.skip(&["a", "an"]);
            return Some(part);
        }
        let number = match first.as_str() {
            "a" | "an" => 1,
            word => small(word).or_else(|| {
                let ten = tens(word)?;
                let one = small(self.letters(0)).filter(|one| *one < 10);
                self.at += usize::from(one.is_some());
                Some(ten + one.unwrap_or(0))
            })?,
        };
        Some(number * ONE + if self.and_a_half() { ONE / 2 } else { 0 })
    }
}
