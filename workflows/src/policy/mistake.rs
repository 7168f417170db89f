//! A mistake in the file: where it is, what is wrong, and what to write instead.
//!
//! A line of the file may hold a secret that somebody wrote there by mistake, so no line is shown as it stands (G15).

use std::fmt;
use std::ops::Range;

use serde::Serialize;

/// Whether a file with such a mistake may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file works, and surely not as it was meant.
    Warning,
}

/// Something that is wrong in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// How bad it is.
    pub severity: Severity,
    /// The line, from 1.
    pub line: usize,
    /// The character within the line, from 1.
    pub column: usize,
    /// The bytes of the file that are meant.
    pub span: Range<usize>,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub instead: String,
    /// The line as it may be shown: without secrets, control characters made visible.
    pub source_line: String,
    /// Where the caret begins under `source_line`, and how long it is.
    caret: (usize, usize),
}

impl Mistake {
    /// What another reader of the same file found wrong in it. Its own words are kept; the line may be shown only as far
    /// as no secret stands there.
    pub fn of_toml(text: &str, error: &toml::de::Error) -> Self {
        let mut notes = Notes::new(text);
        if let Ok(root) = toml::de::DeTable::parse(text) {
            super::secrets::scan(root.get_ref(), &mut notes);
        }
        let message = error.message().lines().next().unwrap_or_default();
        let (what, instead) = message.split_once(", expected ").unwrap_or((message, ""));
        let instead = if instead.is_empty() { String::new() } else { format!("write {instead} here") };
        let what = what.to_lowercase();
        notes.wrong(&error.span().unwrap_or(0..0), what.clone(), instead);
        let found = notes.into_list().into_iter().find(|mistake| mistake.what == what);
        found.unwrap_or_else(|| Self::nowhere(message))
    }

    fn nowhere(what: &str) -> Self {
        Self {
            severity: Severity::Error,
            line: 1,
            column: 1,
            span: 0..0,
            what: what.to_owned(),
            instead: String::new(),
            source_line: String::new(),
            caret: (0, 1),
        }
    }

    /// The mistake as text, with the line and a caret: `countersign.toml:12:5: …`.
    pub fn render(&self, file: &str) -> String {
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let (start, length) = self.caret;
        let kind = match self.severity {
            Severity::Error => "",
            Severity::Warning => "warning: ",
        };
        let instead = if self.instead.is_empty() { String::new() } else { format!("{gutter} = {}\n", self.instead) };
        format!(
            "{file}:{}:{}: {kind}{}\n{gutter} |\n{number} | {}\n{gutter} | {}{}\n{instead}",
            self.line,
            self.column,
            self.what,
            self.source_line,
            " ".repeat(start),
            "^".repeat(length),
        )
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.what)?;
        if self.instead.is_empty() { Ok(()) } else { write!(f, "; {}", self.instead) }
    }
}

/// The mistakes found so far, and the text that they are in.
#[derive(Debug)]
pub(super) struct Notes<'s> {
    source: &'s str,
    secrets: Vec<Range<usize>>,
    list: Vec<Mistake>,
}

impl<'s> Notes<'s> {
    /// No mistakes yet.
    pub(super) fn new(source: &'s str) -> Self {
        Self { source, secrets: Vec::new(), list: Vec::new() }
    }

    /// The text that is read.
    pub(super) const fn source(&self) -> &'s str {
        self.source
    }

    /// From now on these bytes are shown to nobody.
    pub(super) fn hide(&mut self, span: Range<usize>) {
        self.secrets.push(span);
    }

    /// Notes an error.
    pub(super) fn wrong(&mut self, span: &Range<usize>, what: impl Into<String>, instead: impl Into<String>) {
        self.note(Severity::Error, span, what.into(), instead.into());
    }

    /// Notes a warning.
    pub(super) fn warn(&mut self, span: &Range<usize>, what: impl Into<String>, instead: impl Into<String>) {
        self.note(Severity::Warning, span, what.into(), instead.into());
    }

    /// Whether the file must be refused.
    pub(super) fn refuses(&self) -> bool {
        self.list.iter().any(|mistake| mistake.severity == Severity::Error)
    }

    /// All mistakes in the order of the file.
    pub(super) fn into_list(self) -> Vec<Mistake> {
        let mut list = self.list;
        list.sort_by_key(|mistake| (mistake.span.start, mistake.severity));
        list.dedup();
        list
    }

    fn note(&mut self, severity: Severity, span: &Range<usize>, what: String, instead: String) {
        let start = floor(self.source, span.start);
        let before = self.source.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_text = self.source.get(line_start..).and_then(|rest| rest.split('\n').next()).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = self.source.get(line_start..start).unwrap_or_default().chars().count() + 1;
        let mut secrets: Vec<Range<usize>> = self.secrets.clone();
        secrets.extend(bare_secret(line_text).map(|found| found.start + line_start..found.end + line_start));
        let (source_line, caret) = shown(line_text, line_start, &secrets, &(start..span.end.max(start)));
        self.list.push(Mistake { severity, line, column, span: span.clone(), what, instead, source_line, caret });
    }
}

/// The nearest place at or before `at` where a character begins.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The line as it may be shown, and where the caret stands under it.
fn shown(line: &str, begins: usize, secrets: &[Range<usize>], span: &Range<usize>) -> (String, (usize, usize)) {
    let (mut text, mut start, mut end) = (String::new(), None, 0);
    let mut width = 0;
    let mut hidden = false;
    for (at, letter) in line.char_indices() {
        let at = begins + at;
        if at >= span.start && start.is_none() {
            start = Some(width);
        }
        let secret = secrets.iter().any(|secret| secret.contains(&at));
        if !(secret && hidden) {
            // Tabs would move the caret; anything else that moves things is not shown at all.
            text.push(match letter {
                _ if secret => '…',
                '\t' => ' ',
                '\r' => continue,
                letter if letter.is_control() || is_invisible(letter) => '\u{fffd}',
                letter => letter,
            });
            width += 1;
        }
        hidden = secret;
        if at < span.end {
            end = width;
        }
    }
    let start = start.unwrap_or(width);
    (text, (start, end.saturating_sub(start).max(1)))
}

/// Characters that change how the ones around them look.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Where a line seems to hold a secret: whatever follows `password =` and its like.
fn bare_secret(line: &str) -> Option<Range<usize>> {
    let lower = line.to_ascii_lowercase();
    let words = ["password", "passwd", "secret", "token", "private_key"];
    let ends = words.iter().flat_map(|word| lower.match_indices(word).map(|(at, word)| at + word.len()));
    let value = |end: usize| {
        // The rest of the key, a quote around it, and the sign: anything else is a word in passing.
        let key = lower.get(end..)?.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let sign = key.trim_start_matches(['"', '\'']).trim_start().strip_prefix('=')?;
        let value = sign.trim_start();
        let text = value.trim_start_matches(['"', '\'']);
        let harmless =
            sign.starts_with('=') || text.is_empty() || text.starts_with("env:") || text.starts_with("file:");
        (!harmless).then_some(line.len() - value.len()..line.len())
    };
    ends.filter_map(value).min_by_key(|found| found.start)
}

/// The known name that somebody most likely meant, if any is near enough.
pub(super) fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let allowed = (name.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// "write `x`" with the nearest name, else a list of all that may be written.
pub(super) fn suggest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(near) = nearest(name, known.iter().copied()) {
        return format!("write `{near}`");
    }
    let all: Vec<String> = known.iter().take(12).map(|name| format!("`{name}`")).collect();
    match all.as_slice() {
        [] => String::new(),
        [one] => format!("write {one}"),
        [most @ .., last] if known.len() <= 12 => format!("write one of {} and {last}", most.join(", ")),
        _ => format!("write one of {}, …", all.join(", ")),
    }
}

/// How many letters must be added, dropped, changed or swapped with their neighbour.
pub(super) fn distance(one: &str, two: &str) -> usize {
    let two: Vec<char> = two.chars().collect();
    let mut row: Vec<usize> = (0..=two.len()).collect();
    let (mut above, mut last): (Vec<usize>, Option<char>) = (Vec::new(), None);
    for (at, letter) in one.chars().enumerate() {
        let mut next = vec![at + 1];
        for (place, other) in two.iter().enumerate() {
            let get = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX / 2);
            let change = get(&row, place) + usize::from(letter != *other);
            let mut best = change.min(get(&row, place + 1) + 1).min(get(&next, place) + 1);
            if let Some(before) = place.checked_sub(1)
                && last == Some(*other)
                && two.get(before) == Some(&letter)
            {
                best = best.min(get(&above, before) + 1);
            }
            next.push(best);
        }
        above = std::mem::replace(&mut row, next);
        last = Some(letter);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("reed", "read"), 1);
        assert_eq!(distance("raed", "read"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(nearest("dbaa", ["ops", "dba"]), Some("dba"));
        assert_eq!(nearest("zebra", ["ops", "dba"]), None);
    }

    #[test]
    fn the_caret_stands_under_what_is_meant() {
        let text = "zone = \"x\"\n\tkey = \"höre\" # \u{202e}\n";
        let mut notes = Notes::new(text);
        let at = text.find("\"höre").unwrap();
        notes.wrong(&(at..at + 7), "bad", "write better");
        let list = notes.into_list();
        assert_eq!((list[0].line, list[0].column), (2, 8));
        let expected = "f:2:8: bad\n  |\n2 |  key = \"höre\" # \u{fffd}\n  |        ^^^^^^\n  = write better\n";
        assert_eq!(list[0].render("f"), expected);
    }

    #[test]
    fn a_secret_is_not_shown_and_the_caret_moves_with_it() {
        let text = "a = { password = \"hunter2\" }";
        let mut notes = Notes::new(text);
        notes.wrong(&(0..1), "bad", "");
        let shown = notes.into_list().remove(0).render("f");
        assert!(!shown.contains("hunter2"), "{shown}");
        let text = "x = \"canary\", y = 1";
        let mut notes = Notes::new(text);
        notes.hide(4..12);
        notes.wrong(&(14..15), "bad", "");
        let mistake = notes.into_list().remove(0);
        assert_eq!(mistake.source_line, "x = …, y = 1");
        assert_eq!((mistake.column, mistake.caret), (15, (7, 1)));
    }
}
