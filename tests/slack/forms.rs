//! Filling in a modal: what people can enter, how payloads name it, and what the Slack client refuses before it asks the app.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::rules;
use super::world::View;

/// What a person sees after pressing the submit button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// The modal went away.
    Closed,
    /// All modals went away.
    Cleared,
    /// It says something else now.
    Updated,
    /// Another lies on it.
    Pushed,
    /// The app's words beside its fields, by block.
    Errors(BTreeMap<String, String>),
    /// The client did not even send it: something required is missing, too long, or not among the options.
    Blocked(String),
    /// "We had some trouble connecting": no answer in time, or an answer that Slack does not take.
    Trouble(String),
}

/// `state.values` of a view or message: what was entered, or what stood there from the start.
pub(super) fn values(blocks: &Value, answers: &Map<String, Value>) -> Value {
    let mut values = Map::new();
    for block in blocks.as_array().into_iter().flatten() {
        let Some(block_id) = block["block_id"].as_str() else { continue };
        for element in rules::elements(block) {
            let kind = element["type"].as_str().unwrap_or_default();
            let Some(action_id) = element["action_id"].as_str() else { continue };
            if matches!(kind, "button" | "overflow") {
                continue;
            }
            let given = answers.get(block_id).and_then(|block| block.get(action_id));
            // An answer to a question of another kind is an answer to another question.
            let given = given.filter(|value| value["type"] == json!(kind));
            let block = values.entry(block_id).or_insert_with(|| json!({}));
            block[action_id] = given.cloned().unwrap_or_else(|| initial(kind, element));
        }
    }
    Value::Object(values)
}

/// The key under which a kind of element keeps what was chosen, and where it starts from.
fn keys(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "static_select" | "external_select" | "radio_buttons" | "overflow" => ("selected_option", "initial_option"),
        "checkboxes" | "multi_static_select" | "multi_external_select" => ("selected_options", "initial_options"),
        "users_select" => ("selected_user", "initial_user"),
        "multi_users_select" => ("selected_users", "initial_users"),
        "conversations_select" => ("selected_conversation", "initial_conversation"),
        "channels_select" => ("selected_channel", "initial_channel"),
        "datepicker" => ("selected_date", "initial_date"),
        "timepicker" => ("selected_time", "initial_time"),
        "datetimepicker" => ("selected_date_time", "initial_date_time"),
        _ => ("value", "initial_value"),
    }
}

fn initial(kind: &str, element: &Value) -> Value {
    let (key, from) = keys(kind);
    let empty = if key.ends_with('s') && kind != "users_select" { json!([]) } else { Value::Null };
    json!({ "type": kind, key: element.get(from).cloned().unwrap_or(empty) })
}

/// An option as payloads have it: without what only the menu needs.
fn picked(option: &Value) -> Value {
    let mut option = option.clone();
    if let Some(object) = option.as_object_mut() {
        object.remove("url");
    }
    option
}

/// What entering `typed` makes of an element. Options are named by their value or their text, several by commas.
/// `offered` are the options that an external select got from the app.
pub(super) fn answer(element: &Value, typed: &str, offered: &[Value]) -> Result<Value, String> {
    let kind = element["type"].as_str().unwrap_or_default();
    let (key, _) = keys(kind);
    let own = rules::options(element);
    let find = |word: &str| {
        let all = own.iter().copied().chain(offered).chain(element.get("initial_option"));
        let found = all.into_iter().find(|o| o["value"] == json!(word) || o["text"]["text"] == json!(word));
        found.map(picked).ok_or_else(|| format!("`{word}` is not among the options"))
    };
    let count = typed.chars().count() as u64;
    let value = match key {
        "selected_option" => find(typed)?,
        "selected_options" if typed.is_empty() => json!([]),
        "selected_options" => typed.split(',').map(|word| find(word.trim())).collect::<Result<Value, _>>()?,
        "selected_users" => typed.split(',').map(str::trim).collect(),
        "selected_date_time" => json!(typed.parse::<i64>().map_err(|_| "not a moment".to_owned())?),
        "value" => {
            if count < element["min_length"].as_u64().unwrap_or(0) {
                return Err("too short".to_owned());
            }
            if count > element["max_length"].as_u64().unwrap_or(3000) {
                return Err("too long".to_owned());
            }
            if kind == "number_input" && typed.parse::<f64>().is_err() {
                return Err("not a number".to_owned());
            }
            if kind == "plain_text_input" && element["multiline"] != json!(true) && typed.contains('\n') {
                return Err("more than one line".to_owned());
            }
            if typed.is_empty() { Value::Null } else { json!(typed) }
        }
        _ => json!(typed),
    };
    Ok(json!({ "type": kind, key: value }))
}

/// An interactive element by its `action_id`, or by its block's id, with that id.
pub(super) fn find<'a>(blocks: &'a Value, name: &str) -> Option<(&'a str, &'a Value)> {
    let all = blocks.as_array().into_iter().flatten().flat_map(|block| {
        let id = block["block_id"].as_str().unwrap_or_default();
        rules::elements(block).into_iter().map(move |element| (id, element))
    });
    let all: Vec<_> = all.filter(|(_, element)| element.as_object().is_some_and(rules::interactive)).collect();
    let by_action = all.iter().find(|(_, element)| element["action_id"] == json!(name));
    by_action.or_else(|| all.iter().find(|(id, _)| *id == name)).copied()
}

/// What keeps the client from sending the form: a required field that is empty.
pub(super) fn missing(view: &View, values: &Value) -> Option<String> {
    let blocks = view.content["blocks"].as_array().into_iter().flatten();
    let required = blocks.filter(|block| block["type"] == json!("input") && block["optional"] != json!(true));
    for block in required {
        let (block_id, action_id) = (block["block_id"].as_str()?, block["element"]["action_id"].as_str()?);
        let value = &values[block_id][action_id];
        let (key, _) = keys(value["type"].as_str().unwrap_or_default());
        let given = &value[key];
        let blank = given.as_str().is_some_and(|text| text.trim().is_empty());
        if given.is_null() || blank || given.as_array().is_some_and(Vec::is_empty) {
            return Some(format!("`{action_id}` is required"));
        }
    }
    None
}
