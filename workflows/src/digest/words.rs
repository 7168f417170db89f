//! Numbers and times as people read them, and counts that say what they count.

use std::fmt::Display;

use super::rows::Frame;
use super::{About, Count, Filter, Item, Listing, MOST_ITEMS, Of, Section};
use crate::clock::Timestamp;
use crate::shown::visible;
use crate::target::TargetName;

/// Longest that is repeated of what somebody wrote, in characters.
const LONGEST_QUOTE: usize = 200;

/// "1 request", "2 requests".
pub(super) fn many(n: u64, one: &str, more: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {more}") }
}

/// A time as people say it: "45 s", "4 min", "2 h 10 min", "3 d 4 h".
pub(super) fn spell(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let two = |large: u64, unit: &str, small: u64, part: &str| {
        if small == 0 { format!("{large} {unit}") } else { format!("{large} {unit} {small} {part}") }
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min"),
        3_600..86_400 => two(hours, "h", minutes % 60, "min"),
        _ => two(days, "d", hours % 24, "h"),
    }
}

/// A moment in the digest's zone: "Mon 16 Nov 14:20 CET".
pub(super) fn when(at: Timestamp, frame: &Frame) -> String {
    at.to_jiff().to_zoned(frame.zone.clone()).strftime("%a %-d %b %H:%M %Z").to_string()
}

/// What somebody wrote, on one line and not too long; what would not show is written out.
pub(super) fn quote(text: &str) -> Option<String> {
    let mut line = visible(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    if let Some((at, _)) = line.char_indices().nth(LONGEST_QUOTE) {
        line.truncate(at);
        line.push('…');
    }
    (!line.is_empty()).then_some(line)
}

/// Seconds, rounded down; a time is never negative.
pub(super) fn seconds(micros: i64) -> u64 {
    u64::try_from(micros / 1_000_000).unwrap_or(0)
}

pub(super) fn size(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl Frame {
    /// What a listing holds of this week.
    pub(super) fn list(&self, of: Listing, person: Option<&str>, target: Option<&TargetName>) -> Filter {
        Filter {
            of,
            person: person.map(str::to_owned),
            target: target.cloned(),
            since: self.since,
            until: self.until,
        }
    }
}

impl Count {
    /// These things, by id; beyond [`MOST_ITEMS`] the list where they stand.
    pub(super) fn of<T: Display>(ids: impl IntoIterator<Item = T>, list: impl FnOnce() -> Filter) -> Self {
        let (mut n, mut named) = (0_u64, Vec::new());
        for id in ids {
            n += 1;
            if named.len() < MOST_ITEMS {
                named.push(id.to_string());
            }
        }
        let of = if n > size(named.len()) { Of::Filter(list()) } else { Of::Ids(named) };
        Self { n, of }
    }

    pub(super) fn one(id: impl Display) -> Self {
        Self { n: 1, of: Of::Ids(vec![id.to_string()]) }
    }
}

impl Section {
    /// A section of these items, in their order; nothing where there are none. `list` is where more of them stand.
    pub(super) fn of(about: About, words: String, items: Vec<Item>, list: Filter) -> Option<Self> {
        if items.is_empty() {
            return None;
        }
        let named = items.iter().map(|item| item.id.as_ref().unwrap_or(&item.person));
        let count = Count::of(named, || list);
        let items = items.into_iter().take(MOST_ITEMS).collect();
        Some(Self { about, title: about.title().to_owned(), words, count, items })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_people_say_them() {
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min"),
            (3_600, "1 h"),
            (7_800, "2 h 10 min"),
            (86_400, "1 d"),
            (273_600, "3 d 4 h"),
        ] {
            assert_eq!(spell(seconds), words);
        }
    }

    #[test]
    fn a_quote_is_one_line_and_has_an_end() {
        assert_eq!(quote("INC-42\n\n  again"), Some("INC-42 again".to_owned()));
        assert_eq!(quote(" \n "), None);
        let long = quote(&"ü".repeat(5_000)).expect("text");
        assert_eq!(long.chars().count(), LONGEST_QUOTE + 1);
    }

    #[test]
    fn a_number_names_what_it_counts_until_that_is_too_much() {
        let list = || Filter {
            of: Listing::Sessions,
            person: None,
            target: None,
            since: Timestamp::from_micros(0),
            until: Timestamp::from_micros(1),
        };
        assert_eq!(Count::of(["a", "b"], list).of, Of::Ids(vec!["a".to_owned(), "b".to_owned()]));
        let many = Count::of(0..=MOST_ITEMS, list);
        assert_eq!((many.n, many.of), (size(MOST_ITEMS) + 1, Of::Filter(list())));
    }
}
