//! Buttons and menus. What they carry is an opaque key; what they do is told by their name.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::page::weight;
use super::rich::{cut, plain};
use crate::card::{Button, Verb, Weight};

/// Elements in one block of actions.
const IN_BLOCK: usize = 25;
/// Entries of one menu.
const IN_MENU: usize = 5;
/// The longest value of a menu's entry.
const ENTRY: usize = 150;
/// The longest value of a button.
const VALUE: usize = 2_000;
/// The name of a menu.
pub(super) const MENU: &str = "more";

/// Gives every button of a message a name of its own.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<&'static str, usize>);

impl Names {
    /// `approve`, and `approve:2` for the second.
    fn next(&mut self, name: &'static str) -> String {
        let count = self.0.entry(name).or_default();
        *count += 1;
        if *count == 1 { name.to_owned() } else { format!("{name}:{count}") }
    }
}

/// The verb of a button's name.
pub(super) fn verb(name: &str) -> Option<Verb> {
    Verb::parse(name.split_once(':').map_or(name, |(verb, _)| verb))
}

fn value(button: &Button) -> String {
    format!("{}|{}", button.key, button.choice)
}

/// The value of a menu's entry, which has no name of its own.
fn entry(button: &Button) -> String {
    format!("{}|{}", button.verb.as_str(), value(button))
}

fn label(button: &Button, most: usize) -> Value {
    let words = if button.label.trim().is_empty() { button.verb.as_str() } else { &button.label };
    plain(words, most)
}

fn button(button: &Button, names: &mut Names) -> Option<Value> {
    let value = value(button);
    if value.chars().count() > VALUE {
        return None;
    }
    let mut element = json!({
        "type": "button", "action_id": names.next(button.verb.as_str()), "text": label(button, 75), "value": value,
    });
    let object = element.as_object_mut()?;
    if !button.spoken.trim().is_empty() {
        object.insert("accessibility_label".to_owned(), json!(cut(button.spoken.trim(), 75)));
    }
    let style = match button.weight {
        Weight::Primary => Some("primary"),
        Weight::Danger => Some("danger"),
        Weight::Normal => None,
    };
    if let Some(style) = style {
        object.insert("style".to_owned(), json!(style));
    }
    if let Some(confirm) = &button.confirm {
        let mut asked = json!({
            "title": plain("Are you sure?", 100), "text": plain(confirm, 300), "confirm": label(button, 30),
            "deny": plain("Cancel", 30),
        });
        if let (Some(style), Some(asked)) = (style, asked.as_object_mut()) {
            asked.insert("style".to_owned(), json!(style));
        }
        object.insert("confirm".to_owned(), asked);
    }
    Some(element)
}

fn menu(entries: &[&Button], names: &mut Names) -> Value {
    let options: Vec<Value> =
        entries.iter().map(|button| json!({ "text": label(button, 75), "value": entry(button) })).collect();
    json!({ "type": "overflow", "action_id": names.next(MENU), "options": options })
}

/// A block of actions with those that fit into `room`, and how many do not.
pub(super) fn actions(shown: &[&Button], more: &[&Button], room: usize, names: &mut Names) -> (Option<Value>, usize) {
    // A menu asks back for all of its entries or for none, so what asks back is a button.
    let fits_menu = |button: &&&Button| button.confirm.is_none() && entry(button).chars().count() <= ENTRY;
    let (hidden, open): (Vec<&Button>, Vec<&Button>) = more.iter().partition(|button| fits_menu(button));
    let mut elements = Vec::new();
    let (mut left, mut omitted) = (room.saturating_sub(100), 0);
    let mut add = |element: Option<Value>, count: usize| match element {
        Some(element) if elements.len() < IN_BLOCK && weight(&element) <= left => {
            left -= weight(&element);
            elements.push(element);
        }
        Some(_) | None => omitted += count,
    };
    for one in shown.iter().chain(&open) {
        add(button(one, names), 1);
    }
    for entries in hidden.chunks(IN_MENU) {
        add(Some(menu(entries, names)), entries.len());
    }
    let block = (!elements.is_empty()).then(|| json!({ "type": "actions", "elements": elements }));
    (block, omitted)
}
