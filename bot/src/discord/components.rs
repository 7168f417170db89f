//! A card as a message: an embed, rows of buttons, and pictures.
//!
//! Whatever is in a card, Discord takes what comes out of here; lengths are counted after escaping.

mod embed;
#[cfg(test)]
#[path = "tests/cards.rs"]
mod tests;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::words::{Where, block, escape, fitted, fixed, is_id, line, long, markdown};
use crate::card::{Button, Card, Part, Piece, Ping, Text, Verb, Weight};

/// Buttons in a row, and in a message.
const IN_ROW: usize = 5;
const BUTTONS: usize = 25;
/// The longest name of a button.
const NAME: usize = 100;
/// What stands above the embed.
const CONTENT: usize = 2_000;
/// So many people are called by one message.
const CALLED: usize = 40;
/// The characters of a cell, and the columns of a table.
const CELL: usize = 40;
const COLUMNS: usize = 10;

/// A message as it is sent: what it says, and the files that go with it.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) body: Value,
    pub(super) files: Vec<(String, Vec<u8>)>,
}

/// Which buttons are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offered {
    /// All of them.
    All,
    /// None that agrees: a text is not shown whole (G8).
    NoAgreement,
}

/// A card as a message.
pub(super) fn message(card: &Card) -> Message {
    let offered = embed::offered(card);
    let inside = card.parts.iter().flat_map(|part| match part {
        Part::Buttons(buttons) => buttons.as_slice(),
        Part::Fact(..)
        | Part::Say(_)
        | Part::Quote(..)
        | Part::Note(_)
        | Part::Table(_)
        | Part::Chart(_)
        | Part::Rule => &[],
    });
    // What is last is what is left out first.
    let buttons: Vec<&Button> = card.buttons.iter().chain(inside).chain(&card.more).collect();
    let (rows, lost) = rows(&buttons, offered);
    let shown = embed::embed(card, lost);
    let called = called(card);
    let names: Vec<String> = called.iter().map(|id| format!("<@{id}> ")).collect();
    let mut content = names.concat();
    let summary = line(&card.summary, CONTENT);
    content.push_str(&fitted(&summary, CONTENT - long(&content), |text| escape(text, Where::Fresh)));
    let mut message = Message { body: body(&content, &called, &rows, &[shown.embed]), files: Vec::new() };
    let mut described = Vec::new();
    for (at, (png, words)) in shown.pictures.into_iter().enumerate() {
        let name = format!("chart-{}.png", at + 1);
        described.push(json!({ "id": at, "filename": name, "description": line(&words, 1_024) }));
        message.files.push((name, png));
    }
    if let Some(attachments) = message.body.get_mut("attachments") {
        *attachments = json!(described);
    }
    message
}

/// A message's body; nobody is notified but those who are named here.
pub(super) fn body(content: &str, called: &[String], rows: &[Value], embeds: &[Value]) -> Value {
    json!({
        "content": content, "embeds": embeds, "components": rows,
        "allowed_mentions": { "parse": [], "users": called }, "attachments": [],
    })
}

/// The texts of a card.
fn texts(card: &Card) -> impl Iterator<Item = &Text> {
    let inside = card.parts.iter().filter_map(|part| match part {
        Part::Fact(_, text) | Part::Say(text) | Part::Note(text) => Some(text),
        Part::Quote(..) | Part::Table(_) | Part::Chart(_) | Part::Rule | Part::Buttons(_) => None,
    });
    [&card.title].into_iter().chain(inside)
}

/// Whom a card calls: embeds notify nobody, so they are named above it.
fn called(card: &Card) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let pieces = texts(card).flat_map(|text| &text.0);
    let people = pieces.filter_map(|piece| match piece {
        Piece::Person(who, Ping::Loud) if is_id(&who.user) => Some(who.user.clone()),
        Piece::Plain(_)
        | Piece::Strong(_)
        | Piece::Code(_)
        | Piece::Moment(_)
        | Piece::Person(..)
        | Piece::Link { .. } => None,
    });
    people.filter(|id| seen.insert(id.clone())).take(CALLED).collect()
}

/// Rows of those buttons that are offered, and how many find no room.
pub(super) fn rows(all: &[&Button], offered: Offered) -> (Vec<Value>, usize) {
    let all: Vec<&Button> = all.iter().copied().filter(|one| offered == Offered::All || !one.verb.agrees()).collect();
    let count = all.len();
    let mut shown = Vec::new();
    for one in &all {
        // Two buttons that say the same stand side by side here, far from what they are about.
        let twice = all.iter().filter(|other| other.label == one.label).count() > 1;
        let words = if twice && !one.spoken.trim().is_empty() { &one.spoken } else { &one.label };
        if shown.len() < BUTTONS {
            shown.extend(button(one, words, shown.len()));
        }
    }
    let rows = shown.chunks(IN_ROW).map(|row| json!({ "type": 1, "components": row })).collect();
    (rows, count - shown.len())
}

fn button(button: &Button, words: &str, number: usize) -> Option<Value> {
    let name = format!("{}:{number}|{}|{}", button.verb.as_str(), button.key, button.choice);
    let style = match button.weight {
        Weight::Primary => 1,
        Weight::Normal => 2,
        Weight::Danger => 4,
    };
    let words = if words.trim().is_empty() { button.verb.as_str() } else { words };
    (long(&name) <= NAME).then(|| json!({ "type": 2, "style": style, "label": line(words, 80), "custom_id": name }))
}

/// The verb, key and choice in a button's name.
pub(super) fn named(name: &str) -> Option<(Verb, String, String)> {
    let (verb, rest) = name.split_once('|')?;
    let (key, choice) = rest.split_once('|')?;
    let verb = Verb::parse(verb.split_once(':').map_or(verb, |(verb, _)| verb))?;
    Some((verb, key.to_owned(), choice.to_owned()))
}

/// Something small, on one line.
pub(super) fn note(text: &Text, most: usize) -> String {
    let words = markdown(text, Where::Fresh, most.saturating_sub(3)).replace('\n', " ");
    if words.trim().is_empty() { String::new() } else { format!("-# {}", words.trim()) }
}

/// A table as a block of code with the rows that fit, and how many do not.
pub(super) fn table(rows: &[Vec<String>], room: usize) -> (String, usize) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default().min(COLUMNS);
    let cells = |row: &Vec<String>| -> Vec<String> {
        (0..columns).map(|at| line(row.get(at).map_or("", String::as_str), CELL)).collect()
    };
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let wide: Vec<usize> = (0..columns)
        .map(|at| rows.iter().filter_map(|row| row.get(at)).map(|cell| long(cell)).max().unwrap_or(0))
        .collect();
    let mut shown = String::new();
    let mut count = 0;
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(&wide).map(|(cell, wide)| format!("{cell:<wide$}")).collect();
        let next = format!("{}{}", if count > 0 { "\n" } else { "" }, fixed(cells.join("  ").trim_end()));
        if columns == 0 || long(&shown) + long(&next) + 8 > room {
            break;
        }
        shown.push_str(&next);
        count += 1;
    }
    let left_out = if columns == 0 { 0 } else { rows.len() - count };
    (if count == 0 { String::new() } else { block(&shown) }, left_out)
}
