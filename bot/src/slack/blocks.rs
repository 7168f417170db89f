//! A card as blocks.
//!
//! Whatever is in a card, Slack takes what comes out of here; `tests/blocks.rs` reads it back and looks for anything that
//! a requester's text could have added.

use serde_json::{Value, json};

use super::buttons::{Names, actions};
use super::page::{Look, Page, Surface, small, weight};
use super::quote::{Plan, plan};
use super::rich;
use crate::card::{Button, Card, Part, Text, Tone};

/// What is put aside for the words about what did not fit.
const SPARE: usize = 300;
/// What the buttons of a message get at most.
const BUTTONS: usize = 6_000;

/// The sign before a headline. The headline says the same in words.
const fn sign(tone: Tone) -> &'static str {
    match tone {
        Tone::Asking => "🔔 ",
        Tone::Good => "✅ ",
        Tone::Bad => "⛔ ",
        Tone::Over => "",
        Tone::Loud => "🚨 ",
    }
}

/// The headline: large where it is short and plain.
fn title(card: &Card) -> Value {
    let sign = sign(card.tone);
    let words = format!("{sign}{}", card.title.words());
    if rich::is_plain(&card.title) && words.chars().count() <= 150 && rich::line(&words, 200).chars().count() <= 150 {
        return json!({ "type": "header", "text": rich::plain(&words, 150) });
    }
    let mut elements = rich::inline(&Text::plain(sign), 10);
    elements.extend(rich::inline(&card.title, 600));
    for element in &mut elements {
        let plain = element.get("style").is_none();
        if let (true, Some(object)) = (plain, element.as_object_mut()) {
            object.insert("style".to_owned(), json!({ "bold": true }));
        }
    }
    rich::block(&[rich::section(&elements)])
}

/// What is between headline and buttons.
fn parts(page: &mut Page<'_>, parts: &[Part], plan: &Plan, offered: Offered, names: &mut Names) {
    for (part, quoted) in parts.iter().zip(&plan.quotes) {
        match part {
            Part::Fact(name, text) => page.say(Some(name), text),
            Part::Say(text) => page.say(None, text),
            Part::Quote(..) => match quoted {
                Some(quoted) => page.quote(quoted),
                None => page.omit(),
            },
            Part::Note(text) => page.note(text),
            Part::Table(rows) => page.table(rows),
            Part::Chart(chart) => page.chart(chart),
            Part::Rule => page.push(json!({ "type": "divider" })),
            Part::Buttons(buttons) => page.buttons(&offered.of(buttons), &[], names),
        }
    }
}

/// Which buttons are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offered {
    /// All of them.
    All,
    /// None that agrees: a text is not shown whole (G8).
    NoAgreement,
}

impl Offered {
    fn of(self, buttons: &[Button]) -> Vec<&Button> {
        buttons.iter().filter(|button| self == Self::All || !button.verb.agrees()).collect()
    }
}

/// A card's blocks for a message or a view.
pub(super) fn blocks(card: &Card, look: Look<'_>) -> Vec<Value> {
    let headline = title(card);
    let below = [card.buttons.as_slice(), card.more.as_slice()];
    let mut blocks = vec![headline.clone()];
    blocks.extend(body(&card.parts, below, weight(&headline) + 30, look));
    blocks
}

/// Parts and the buttons below them, where `taken` of the room is taken already.
pub(super) fn body(all: &[Part], below: [&[Button]; 2], taken: usize, look: Look<'_>) -> Vec<Value> {
    let room = look.room().saturating_sub(taken + SPARE);
    let share = if look.surface == Surface::Message { BUTTONS.min(room) } else { room / 4 };
    let [shown, more] = below;
    let mut plain = Names::default();
    let (all_buttons, _) = actions(&Offered::All.of(shown), &Offered::All.of(more), share, &mut plain);
    let for_buttons = all_buttons.as_ref().map_or(0, |block| weight(block) + 30);
    let plan = plan(all, room.saturating_sub(for_buttons), look.blocks());
    let offered = if plan.whole { Offered::All } else { Offered::NoAgreement };
    let mut names = Names::default();
    let (buttons, lost) = actions(&offered.of(shown), &offered.of(more), share, &mut names);
    let left = room.saturating_sub(for_buttons + plan.weight);
    let mut page = Page::new(look, look.blocks().saturating_sub(plan.blocks), left);
    parts(&mut page, all, &plan, offered, &mut names);
    let (mut blocks, omitted) = page.finish();
    if omitted + lost > 0 || !plan.whole {
        blocks.push(small(&missing(omitted + lost, offered)));
    }
    blocks.extend(buttons);
    blocks
}

/// What did not fit, in words.
fn missing(count: usize, offered: Offered) -> String {
    let left_out = match count {
        0 => String::new(),
        1 => "One more thing does not fit here. ".to_owned(),
        count => format!("{count} more things do not fit here. "),
    };
    let agree = match offered {
        Offered::All => "",
        Offered::NoAgreement => "Not all of the text fits here, so agreeing is not offered here.",
    };
    format!("{left_out}{agree}")
}
