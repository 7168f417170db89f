//! Which target a word means.

use workflows::target::TargetName;

use super::words::Word;

/// The target of exactly this name.
pub(super) fn exact<'n>(word: &Word, names: &'n [TargetName]) -> Option<&'n TargetName> {
    let named = |text: &str| names.iter().find(|name| name.as_str() == text);
    // A name may begin or end with a dot, so that the whole word counts first.
    named(&word.full).or_else(|| named(&word.name))
}

/// The targets that a word begins, else those that hold it.
pub(super) fn fits<'n>(word: &str, names: &'n [TargetName]) -> Vec<&'n TargetName> {
    let begun: Vec<_> = names.iter().filter(|name| name.as_str().starts_with(word)).collect();
    if begun.is_empty() { names.iter().filter(|name| name.as_str().contains(word)).collect() } else { begun }
}

/// The targets of which a word is a slip of the finger.
pub(super) fn near<'n>(word: &str, names: &'n [TargetName]) -> Vec<&'n TargetName> {
    let most = match word.len() {
        0..=3 => return Vec::new(),
        4 | 5 => 1,
        _ => 2,
    };
    // `shard-12` is not a slip for `shard-13`: a wrong number is another target, which nobody notices on a card.
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let close = |name: &&TargetName| {
        let name = name.as_str();
        name.len().abs_diff(word.len()) <= most && digits(name) == digits(word) && distance(name, word) <= most
    };
    names.iter().filter(close).collect()
}

/// How many letters are to be added, left out or changed to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (down, from) in one.bytes().enumerate() {
        let mut corner = down;
        let mut left = down + 1;
        let mut next = vec![left];
        for (to, above) in other.bytes().zip(row.iter().skip(1)) {
            left = (corner + usize::from(from != to)).min(left + 1).min(above + 1);
            corner = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
