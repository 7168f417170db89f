//! The weekly digest as a card: short, and ordered by what needs a decision.

use workflows::digest::{Digest, Filed, Item, Line, Review, Section, Verb as Does};
use workflows::shown::visible;

use super::{brief, button};
use crate::card::{Button, Card, Chart, Part, Text, Tone, Verb, Weight};

/// So many lines of the table stand on a card; the page and the command have the others.
const LINES: usize = 8;
/// So many things of a section.
const ITEMS: usize = 4;
/// So many bars.
const BARS: usize = 8;

/// The card of a manager.
pub fn digest(digest: &Digest, filed: &Filed, key: &str) -> Card {
    let week = digest.week.to_string();
    let title = Text::default().strong(format!("Access digest {week}"));
    let mut card =
        Card { title, ..Card::saying(Tone::Asking, format!("Access digest {week}. {}", visible(&digest.summary))) };
    card.parts.push(Part::Say(Text::plain(visible(&digest.summary))));
    for (at, action) in digest.actions.iter().enumerate() {
        card.parts.push(Part::Fact("To decide", Text::plain(visible(&action.words))));
        if let Review::Done { .. } = filed.review {
            continue;
        }
        let label = match action.verb {
            Does::Review => "Remind them",
            Does::Revoke => "Revoke",
            Does::ProposeRead => "Propose read",
            Does::ProposeRemoval => "Propose removal",
        };
        let act = Button { choice: at.to_string(), ..button(Verb::Act, label, &action.words, key) };
        let act = match action.verb {
            Does::Revoke => Button { weight: Weight::Danger, confirm: Some(brief(&action.words, 200)), ..act },
            Does::Review | Does::ProposeRead | Does::ProposeRemoval => act,
        };
        card.parts.push(Part::Buttons(vec![act]));
    }
    if digest.more_actions > 0 {
        card.parts.push(Part::Note(Text::plain(format!("{} more in `countersign digest`", digest.more_actions))));
    }
    let changes: Vec<String> = digest.changes.iter().map(|change| visible(&change.words)).collect();
    card.parts.push(Part::Fact("Against last week", Text::plain(changes.join("; "))));
    card.parts.push(Part::Fact("Waits", Text::plain(visible(&digest.waits.words))));
    if !digest.table.is_empty() {
        card.parts.push(Part::Rule);
        if let Some(chart) = chart(&digest.table) {
            card.parts.push(Part::Chart(chart));
        }
        card.parts.push(table(digest));
    }
    for section in &digest.sections {
        card.parts.extend(items(section));
    }
    finish(digest, filed, key, card)
}

fn finish(digest: &Digest, filed: &Filed, key: &str, mut card: Card) -> Card {
    card.parts.push(Part::Rule);
    match &filed.review {
        Review::NotNeeded => card.tone = Tone::Over,
        Review::Owed { until } => {
            card.parts.push(Part::Fact("Review", Text::plain("owed until ").moment(*until)));
        }
        Review::Overdue { since } => {
            card.parts
                .push(Part::Fact("Review", Text::plain("overdue; it went to the manager's manager ").moment(*since)));
        }
        Review::Done { at, by } => {
            card.tone = Tone::Good;
            card.parts.push(Part::Fact("Review", Text::plain(format!("reviewed by {} ", visible(by))).moment(*at)));
        }
    }
    card.parts.push(Part::Note(Text::plain(format!(
        "{} · for {} · countersign digest --week {}",
        filed.id,
        visible(&digest.manager),
        digest.week
    ))));
    if let Review::Owed { .. } | Review::Overdue { .. } = filed.review {
        let done = button(Verb::Reviewed, "I have reviewed this", "Note that you have reviewed this digest", key);
        card.buttons.push(Button { weight: Weight::Primary, ..done });
    }
    card
}

/// Seconds as hours, to a tenth.
fn hours(seconds: u64) -> String {
    let tenths = seconds / 360;
    format!("{}.{} h", tenths / 10, tenths % 10)
}

fn table(digest: &Digest) -> Part {
    let head = ["Who", "Target", "Held", "Used", "Sessions", "Rows"].map(str::to_owned).to_vec();
    let line = |line: &Line| {
        vec![
            visible(&line.person),
            line.target.to_string(),
            hours(line.held_seconds),
            hours(line.session_seconds),
            line.sessions.n.to_string(),
            line.rows.to_string(),
        ]
    };
    Part::Table(std::iter::once(head).chain(digest.table.iter().take(LINES).map(line)).collect())
}

/// Hours held and hours used, for each person; whoever held most comes first.
fn chart(lines: &[Line]) -> Option<Chart> {
    let mut people: Vec<(String, u64, u64)> = Vec::new();
    for line in lines {
        match people.iter_mut().find(|one| one.0 == line.person) {
            Some(one) => {
                one.1 += line.held_seconds;
                one.2 += line.session_seconds;
            }
            None => people.push((line.person.clone(), line.held_seconds, line.session_seconds)),
        }
    }
    people.sort_by_key(|one| std::cmp::Reverse(one.1));
    let tenth = |seconds: u64| i64::try_from(seconds.div_ceil(3_600)).unwrap_or(i64::MAX);
    let bars: Vec<(String, Vec<i64>)> = people
        .iter()
        .take(BARS)
        .map(|(name, held, used)| (brief(name, 20), vec![tenth(*held), tenth(*used)]))
        .collect();
    (!bars.is_empty()).then(|| Chart {
        title: "Access held and used".to_owned(),
        unit: "hours, rounded up".to_owned(),
        bars,
        series: vec!["held".to_owned(), "used".to_owned()],
    })
}

/// A section: its heading and sentence, and the first of its things.
fn items(section: &Section) -> Vec<Part> {
    let heading = Text::default().strong(visible(&section.title)).say(format!(" · {}", visible(&section.words)));
    let mut lines: Vec<String> = section.items.iter().take(ITEMS).map(line).collect();
    let more = section.count.n.saturating_sub(lines.len() as u64);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    vec![Part::Say(heading), Part::Quote("", lines.join("\n"))]
}

fn line(item: &Item) -> String {
    let words = brief(&item.words, 200);
    match &item.quote {
        Some(quote) => format!("· {words}: \"{}\"", brief(quote, 120)),
        None => format!("· {words}"),
    }
}
