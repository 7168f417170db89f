//! Forms as modals, and the page of each person.

use serde_json::{Value, json};

use super::blocks::{blocks, body};
use super::page::{Look, small};
use super::rich::{cut, is_person, line, plain};
use crate::card::Card;
use crate::form::{Field, FieldKind, Form, Need};

/// The longest line that can be filled in.
const LINE: usize = 250;
/// The longest text that can be filled in.
const LINES: usize = 1_000;
/// So many options stand as radio buttons, all of them seen at once; more go into a menu.
const RADIO: usize = 5;
/// The options of a menu.
const OPTIONS: usize = 100;

/// A form as a modal.
pub(super) fn modal(form: &Form) -> Value {
    let mut all = body(&form.parts, [&form.buttons, &[]], 2_000, Look::VIEW);
    all.truncate(100 - form.fields.len().min(50));
    let buttons = all.last().filter(|block| block.get("type") == Some(&json!("actions"))).cloned();
    if buttons.is_some() {
        all.pop();
    }
    all.extend(form.fields.iter().take(50).map(input));
    all.extend(buttons);
    if all.is_empty() {
        all.push(small("There is nothing to fill in."));
    }
    let sends = form.submit.is_some() || !form.fields.is_empty();
    let mut view = json!({
        "type": "modal", "callback_id": form.name.as_str(), "title": plain(&form.title, 24),
        "close": plain(if sends { "Cancel" } else { "Close" }, 24), "blocks": all,
    });
    if let (true, Some(object)) = (sends, view.as_object_mut()) {
        // Slack takes no fields without a button that sends them.
        object.insert("submit".to_owned(), plain(form.submit.as_deref().unwrap_or("Send"), 24));
    }
    with(view, "private_metadata", (!form.key.is_empty()).then(|| json!(form.key)))
}

/// A modal that says one thing, for who has sent a form that could not be stored.
pub(super) fn saying(title: &str, words: &str) -> Value {
    json!({
        "type": "modal", "title": plain(title, 24), "close": plain("Close", 24),
        "blocks": [{ "type": "section", "text": plain(words, 2_900) }],
    })
}

/// Somebody's page.
pub(super) fn home(card: &Card) -> Value {
    json!({ "type": "home", "blocks": blocks(card, Look::VIEW) })
}

fn input(field: &Field) -> Value {
    let mut block = json!({
        "type": "input", "block_id": field.name, "label": plain(&field.label, 150), "element": element(field),
        "optional": field.need == Need::Optional,
    });
    if let (false, Some(object)) = (field.hint.trim().is_empty(), block.as_object_mut()) {
        object.insert("hint".to_owned(), plain(&field.hint, 300));
    }
    block
}

fn element(field: &Field) -> Value {
    match &field.kind {
        FieldKind::Choice(options) => choice(field, options),
        FieldKind::Line => written(field, LINE),
        FieldKind::Lines => written(field, LINES),
        FieldKind::Search => {
            let search = json!({
                "type": "external_select", "action_id": field.name, "min_query_length": 0,
                "placeholder": plain("Type to search", 150),
            });
            let first = (!field.value.trim().is_empty()).then(|| option(&field.value, &field.value));
            with(search, "initial_option", first.flatten())
        }
        FieldKind::Person => {
            let select = json!({ "type": "users_select", "action_id": field.name });
            with(select, "initial_user", is_person(&field.value).then(|| json!(field.value)))
        }
    }
}

fn with(mut element: Value, key: &str, value: Option<Value>) -> Value {
    if let (Some(object), Some(value)) = (element.as_object_mut(), value) {
        object.insert(key.to_owned(), value);
    }
    element
}

/// An option; none where its value is nothing that could come back.
pub(super) fn option(value: &str, words: &str) -> Option<Value> {
    let fits = !value.is_empty() && value.chars().count() <= 150;
    fits.then(|| json!({ "text": plain(words, 75), "value": value }))
}

fn choice(field: &Field, options: &[(String, String)]) -> Value {
    let all = || options.iter().filter_map(|(value, words)| Some((value, option(value, words)?)));
    let first = all().find(|(value, _)| **value == field.value).map(|(_, option)| option);
    let all: Vec<Value> = all().map(|(_, option)| option).take(OPTIONS).collect();
    // Slack takes no choice of nothing.
    if all.is_empty() {
        return written(field, LINE);
    }
    // A radio button can't be unset.
    let radio = all.len() <= RADIO && field.need == Need::Required;
    let kind = if radio { "radio_buttons" } else { "static_select" };
    let first = first.filter(|first| all.contains(first));
    with(json!({ "type": kind, "action_id": field.name, "options": all }), "initial_option", first)
}

fn written(field: &Field, most: usize) -> Value {
    let several = most > LINE;
    let input = json!({
        "type": "plain_text_input", "action_id": field.name, "multiline": several, "max_length": most,
    });
    let value = field.value.trim();
    let value = if several { cut(value, most) } else { line(value, most) };
    with(input, "initial_value", (!field.value.trim().is_empty()).then(|| json!(value)))
}
