//! What a message may hold. The numbers are Discord's published ones; lengths are counted in characters.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::refusal::Faults;
use super::world::{EPHEMERAL, id_of};

/// Where a message is about to stand: that decides which flags it may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Channel,
    Interaction,
    Edit,
}

/// Hides the pictures of links; sends without a sound.
const QUIET_FLAGS: u64 = (1 << 2) | (1 << 12);

/// All that is checked of a message, wherever it is sent from. `files` are the names of what came along or stays.
pub fn message(faults: &mut Faults, body: &Value, place: Place, files: &[String]) {
    faults.text(body, "content", 0, 2000);
    embeds(faults, body, files);
    components(faults, body);
    mentions(faults, body);
    flags(faults, body, place);
    for unknown in ["poll", "sticker_ids"] {
        let value = &body[unknown];
        if !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()) {
            faults.at(unknown, "NOT_IN_THE_FAKE", "the fake of Discord does not know this");
        }
    }
    let nonce = &body["nonce"];
    if nonce.as_str().is_some_and(|text| text.chars().count() > 25) {
        faults.at("nonce", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.");
    } else if !nonce.is_null() && !nonce.is_string() && nonce.as_i64().is_none() {
        faults.at("nonce", "NONCE_TYPE_INVALID", "The nonce is neither an integer nor a string.");
    }
}

fn flags(faults: &mut Faults, body: &Value, place: Place) {
    let value = &body["flags"];
    if value.is_null() {
        return;
    }
    let Some(flags) = value.as_u64() else {
        return faults.at("flags", "NUMBER_TYPE_COERCE", &format!("Value \"{value}\" is not int."));
    };
    let allowed = match place {
        Place::Channel => QUIET_FLAGS,
        Place::Interaction => QUIET_FLAGS | EPHEMERAL,
        Place::Edit => 1 << 2,
    };
    // Discord leaves such a flag out without a word, and a private answer becomes a public one. Here it is refused.
    if flags & !allowed != 0 {
        faults.at("flags", "MESSAGE_FLAGS_INVALID", &format!("the flags {flags} may not be set here"));
    }
}

fn embeds(faults: &mut Faults, body: &Value, files: &[String]) {
    let list = faults.list(body, "embeds", 0, 10).to_vec();
    let mut total = 0;
    faults.within("embeds", |faults| {
        for (number, embed) in list.iter().enumerate() {
            faults.within(number, |faults| total += one_embed(faults, embed, files));
        }
        if total > 6000 {
            faults.add("MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000");
        }
    });
}

/// Checks one embed; gives how many of the 6000 characters it takes.
fn one_embed(faults: &mut Faults, embed: &Value, files: &[String]) -> usize {
    if !embed.is_object() {
        faults.add("MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType");
        return 0;
    }
    let long = |text: Option<String>| text.map_or(0, |text| text.chars().count());
    let mut size = long(faults.text(embed, "title", 0, 256)) + long(faults.text(embed, "description", 0, 4096));
    faults.url(embed, "url", &["http", "https"]);
    for (part, name, most) in [("footer", "text", 2048), ("author", "name", 256)] {
        if !embed[part].is_null() {
            faults.within(part, |faults| {
                size += long(faults.text(&embed[part], name, 1, most));
                faults.url(&embed[part], "icon_url", &["http", "https", "attachment"]);
            });
        }
    }
    let fields = faults.list(embed, "fields", 0, 25).to_vec();
    faults.within("fields", |faults| {
        for (number, field) in fields.iter().enumerate() {
            faults.within(number, |faults| {
                size += long(faults.text(field, "name", 1, 256)) + long(faults.text(field, "value", 1, 1024));
            });
        }
    });
    for picture in ["image", "thumbnail"] {
        if embed[picture].is_null() {
            continue;
        }
        faults.within(picture, |faults| {
            faults.url(&embed[picture], "url", &["http", "https", "attachment"]);
            let named = embed[picture]["url"].as_str().and_then(|url| url.strip_prefix("attachment://"));
            // Discord shows an empty frame for a file that did not come along.
            if named.is_some_and(|name| !files.iter().any(|file| file == name)) {
                faults.at("url", "ATTACHMENT_NOT_FOUND", "no file of this name comes with the message");
            }
        });
    }
    if let Some(when) = embed["timestamp"].as_str()
        && when.parse::<jiff::Timestamp>().is_err()
    {
        faults.at("timestamp", "DATE_TIME_TYPE_PARSE", &format!("Could not parse {when}. Should be ISO8601."));
    }
    if !embed["color"].is_null() && embed["color"].as_u64().is_none_or(|colour| colour > 0xFF_FF_FF) {
        faults.at("color", "NUMBER_TYPE_MAX", "int value should be less than or equal to 16777215.");
    }
    size
}

/// Rows of buttons and selects.
fn components(faults: &mut Faults, body: &Value) {
    if body["components"].as_array().is_some_and(Vec::is_empty) {
        return;
    }
    let rows = faults.list(body, "components", 0, 5).to_vec();
    let mut seen = BTreeSet::new();
    faults.within("components", |faults| {
        for (number, row) in rows.iter().enumerate() {
            faults.within(number, |faults| {
                if row["type"] != 1 {
                    return faults.at("type", "UNION_TYPE_CHOICES", "Value of field \"type\" must be one of (1,).");
                }
                let parts = faults.list(row, "components", 1, 5).to_vec();
                let mut width = 0;
                faults.within("components", |faults| {
                    for (place, part) in parts.iter().enumerate() {
                        faults.within(place, |faults| {
                            width += if part["type"] == 2 { 1 } else { 5 };
                            if width > 5 {
                                let words = "The specified component exceeds the maximum width";
                                faults.add("COMPONENT_LAYOUT_WIDTH_EXCEEDED", words);
                            }
                            component(faults, part, &mut seen);
                        });
                    }
                });
            });
        }
    });
}

fn component(faults: &mut Faults, part: &Value, seen: &mut BTreeSet<String>) {
    match part["type"].as_u64() {
        Some(2) => button(faults, part, seen),
        Some(3) => select(faults, part, seen),
        Some(5..=8) => {
            custom_id(faults, part, seen);
            faults.text(part, "placeholder", 0, 150);
        }
        Some(_) | None => {
            faults.at("type", "UNION_TYPE_CHOICES", "Value of field \"type\" must be one of (2, 3, 5, 6, 7, 8).");
        }
    }
}

/// Discord refuses the same id twice, disabled or not.
pub fn custom_id(faults: &mut Faults, part: &Value, seen: &mut BTreeSet<String>) {
    if let Some(id) = faults.text(part, "custom_id", 1, 100)
        && !id.is_empty()
        && !seen.insert(id)
    {
        faults.at("custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated");
    }
}

fn button(faults: &mut Faults, part: &Value, seen: &mut BTreeSet<String>) {
    let label = faults.text(part, "label", 0, 80).unwrap_or_default();
    if label.is_empty() && part["emoji"].is_null() {
        faults.at("label", "BUTTON_COMPONENT_LABEL_REQUIRED", "A label or an emoji is required");
    }
    match part["style"].as_u64() {
        Some(1..=4) if part["url"].is_null() => custom_id(faults, part, seen),
        Some(1..=4) => faults.at("url", "BUTTON_COMPONENT_INVALID_URL", "Only a link has a url"),
        Some(5) => {
            if !part["custom_id"].is_null() {
                faults.at("custom_id", "BUTTON_COMPONENT_INVALID_CUSTOM_ID", "A link has no custom id");
            }
            if part["url"].as_str().is_none_or(|url| url.len() > 512) {
                faults.at("url", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 512 in length.");
            }
            faults.url(part, "url", &["http", "https", "discord"]);
        }
        Some(_) | None => faults.choices("style", "1, 2, 3, 4, 5"),
    }
}

fn select(faults: &mut Faults, part: &Value, seen: &mut BTreeSet<String>) {
    custom_id(faults, part, seen);
    faults.text(part, "placeholder", 0, 150);
    let options = faults.list(part, "options", 1, 25).to_vec();
    let mut values = BTreeSet::new();
    let mut chosen = 0;
    faults.within("options", |faults| {
        for (number, option) in options.iter().enumerate() {
            faults.within(number, |faults| {
                faults.text(option, "label", 1, 100);
                faults.text(option, "description", 0, 100);
                chosen += u64::from(option["default"] == true);
                if faults.text(option, "value", 1, 100).is_some_and(|value| !values.insert(value)) {
                    let words = "The specified option value is already used";
                    faults.at("value", "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", words);
                }
            });
        }
    });
    let least = part["min_values"].as_u64().unwrap_or(1);
    let most = part["max_values"].as_u64().unwrap_or(1);
    if least > 25 || least > most {
        faults.at("min_values", "NUMBER_TYPE_MAX", "int value should be less than or equal to 25 and to max_values.");
    }
    if !(1..=25).contains(&most) || most > options.len() as u64 {
        faults.at("max_values", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and the number of options.");
    }
    if chosen > most {
        faults.at("options", "SELECT_COMPONENT_TOO_MANY_DEFAULTS", "More options are chosen than may be");
    }
}

/// Who may be notified.
fn mentions(faults: &mut Faults, body: &Value) {
    let allowed = &body["allowed_mentions"];
    if allowed.is_null() {
        return;
    }
    faults.within("allowed_mentions", |faults| {
        let parse = faults.list(allowed, "parse", 0, 3).to_vec();
        for (number, kind) in parse.iter().enumerate() {
            if !["everyone", "users", "roles"].contains(&kind.as_str().unwrap_or_default()) {
                faults.within("parse", |faults| faults.choices(number, "'users', 'roles', 'everyone'"));
            }
        }
        for kind in ["users", "roles"] {
            let named = faults.list(allowed, kind, 0, 100).to_vec();
            for (number, id) in named.iter().enumerate() {
                if id_of(id).is_none() {
                    let words = format!("Value {id} is not snowflake.");
                    faults.within(kind, |faults| faults.at(number, "NUMBER_TYPE_COERCE", &words));
                }
            }
            if !named.is_empty() && parse.iter().any(|one| one == kind) {
                let words = format!("parse:[\"{kind}\"] and {kind}: [ids...] are mutually exclusive.");
                faults.add("MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", &words);
            }
        }
    });
}

/// Embeds as Discord gives them back: without what is empty.
pub fn kept_embeds(body: &Value) -> Vec<Value> {
    fn tidy(value: &Value) -> Value {
        if let Some(text) = value.as_str() {
            return json!(text.trim());
        }
        if let Some(list) = value.as_array() {
            return json!(list.iter().map(tidy).collect::<Vec<_>>());
        }
        let Some(map) = value.as_object() else { return value.clone() };
        let full =
            |value: &Value| !value.is_null() && value != "" && value.as_array().is_none_or(|list| !list.is_empty());
        json!(
            map.iter()
                .filter(|(_, value)| full(value))
                .map(|(key, value)| (key.clone(), tidy(value)))
                .collect::<Map<_, _>>()
        )
    }
    let shown = ["title", "description", "fields", "author", "footer", "image", "thumbnail"];
    let list = body["embeds"].as_array().cloned().unwrap_or_default();
    let mut kept: Vec<Value> = list.iter().map(tidy).collect();
    kept.retain(|embed| shown.iter().any(|key| !embed[*key].is_null()));
    for embed in &mut kept {
        embed["type"] = json!("rich");
        for field in embed.get_mut("fields").and_then(Value::as_array_mut).into_iter().flatten() {
            let inline = field["inline"] == true;
            field["inline"] = json!(inline);
        }
    }
    kept
}

/// Components as Discord gives them back: every one has a number.
pub fn kept_components(body: &Value) -> Vec<Value> {
    let mut rows = body["components"].as_array().cloned().unwrap_or_default();
    let mut number = 0;
    for row in &mut rows {
        number += 1;
        row["id"] = json!(number);
        for part in row.get_mut("components").and_then(Value::as_array_mut).into_iter().flatten() {
            number += 1;
            part["id"] = json!(number);
            if let Some(part) = part.as_object_mut() {
                part.retain(|_, value| !value.is_null());
            }
        }
    }
    rows
}
