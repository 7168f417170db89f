//! Where a reason begins, and what may stand in it.

use super::words::Word;
use super::{Said, span};

/// What to write instead.
#[derive(Debug)]
pub(super) struct Wrong(pub(super) String);

/// Nothing that can be done, with what to write instead.
pub(super) fn wrong<T>(hint: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong(hint.into()))
}

/// The most characters of a reason.
const MOST: usize = 1_000;

/// A reason as it was typed; none if there is nothing in it.
pub(super) fn kept(text: &str) -> Result<Option<String>, Wrong> {
    let text = text.trim();
    if text.chars().nth(MOST).is_some() {
        return wrong(format!("the reason is longer than {MOST} characters; write it shorter"));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Cuts a text where its reason begins: the words before it, and the reason.
pub(super) fn split(said: Said<'_>) -> Result<(Said<'_>, Option<String>), Wrong> {
    let is_time = |at: &usize| said.words.get(*at..).is_some_and(time);
    // From the first time on, and after the last one, a dash or a colon can only begin a reason.
    let first = (0..said.words.len()).find(is_time);
    let last = first.and_then(|_| (0..said.words.len()).rev().find(is_time));
    for (at, word) in said.words.iter().enumerate() {
        let ahead = first.is_some_and(|first| at < first) && last.is_some_and(|last| at < last);
        if let Some((head, start)) = marker(said, at, word, if ahead { Time::Ahead } else { Time::Settled }) {
            let head = Said { words: said.words.get(..head).unwrap_or_default(), ..said };
            return Ok((head, kept(said.text.get(start..).unwrap_or_default())?));
        }
    }
    Ok((said, None))
}

/// The reason that follows, with or without a word that says so.
pub(super) fn rest(said: Said<'_>) -> Result<Option<String>, Wrong> {
    match said.words.first().and_then(|word| marker(said, 0, word, Time::Settled)) {
        Some((0, start)) => kept(said.text.get(start..).unwrap_or_default()),
        Some(_) | None => kept(said.from(0)),
    }
}

/// Whether a reason begins right here, marked as one.
pub(super) fn begins(said: Said<'_>) -> bool {
    said.words.first().and_then(|word| marker(said, 0, word, Time::Settled)).is_some_and(|(head, _)| head == 0)
}

/// Whether these words begin with a length of time.
fn time(words: &[Word]) -> bool {
    matches!(span::read(words), Some(span::Reading::Span(..)))
}

/// Where the length of time is said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    /// Later in the text.
    Ahead,
    /// Before, or nowhere.
    Settled,
}

/// The number of words before a reason, and where in the text it begins, if it begins at this word.
fn marker(said: Said<'_>, at: usize, word: &Word, span: Time) -> Option<(usize, usize)> {
    let of = |word: Option<&Word>| word.is_some_and(|word| word.name == "of");
    let marked = match word.key() {
        "because" | "bc" => true,
        "reason" => word.colon() || word.name.starts_with("--"),
        _ => false,
    };
    if marked {
        // "because of INC-42"
        let more = usize::from(of(said.words.get(at + 1)));
        return Some((at, said.words.get(at + more).map_or(word.end, |last| last.end)));
    }
    // `reason:INC-42`, without a space.
    let raw = said.raw(word);
    if let Some((name, why)) = raw.split_once([':', '：'])
        && matches!(name.to_ascii_lowercase().as_str(), "because" | "reason")
        && !word.name.is_empty()
    {
        return Some((at, word.end - why.len()));
    }
    let next = said.words.get(at + 1..).unwrap_or_default();
    // A dash or a colon before the time is punctuation: "orders-prod: 30m because INC-42".
    let settled = span == Time::Settled;
    match word.dashes() {
        Some(1) => settled.then_some((at, word.end)),
        Some(_) => (settled || !time(next)).then_some((at, word.end)),
        None if !word.colon() || next.is_empty() || !settled => None,
        None => Some((at + usize::from(!word.name.is_empty()), word.end)),
    }
}

/// A ticket, as a word names it: `INC-42`, `#123`, `team/app#7` or an address.
pub(super) fn ticket(word: &Word) -> bool {
    if ["http://", "https://"]
        .iter()
        .any(|scheme| word.name.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
    {
        return true;
    }
    let digits = |text: &str| (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((before, number)) = word.cased.rsplit_once('#') {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
        return digits(number) && before.bytes().all(plain);
    }
    // Capitals only: `db-1` is rather a target.
    let project = |text: &str| {
        (2..=12).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    word.cased.rsplit_once('-').is_some_and(|(before, number)| project(before) && digits(number))
}
