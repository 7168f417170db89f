//! Commands as an application registers them, the modals it opens, and the choices it offers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::api::{Asked, Outcome};
use super::limits::custom_id;
use super::refusal::{Faults, Refusal};
use super::world::{World, text_of};

/// Replaces all commands of a guild, or all global ones.
pub fn replace(world: &mut World, guild: Option<u64>, asked: &Asked) -> Outcome {
    reach(world, guild)?;
    let Some(list) = asked.form.json.as_array() else {
        let mut faults = Faults::new();
        faults.add("LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
        faults.end()?;
        return Err(Refusal::of(50_109));
    };
    let mut faults = Faults::new();
    let mut names = BTreeSet::new();
    for (number, command) in list.iter().enumerate() {
        faults.within(number, |faults| {
            one_command(faults, command);
            let kind = command["type"].as_u64().unwrap_or(1);
            if !names.insert((kind, command["name"].as_str().unwrap_or_default().to_owned())) {
                let words = "Application command names must be unique";
                faults.at("name", "APPLICATION_COMMANDS_DUPLICATE_NAME", words);
            }
        });
    }
    faults.end()?;
    if list.len() > 100 {
        return Err(Refusal::of(30_032));
    }
    let known = std::mem::take(&mut world.commands);
    let (mut same, others): (Vec<_>, Vec<_>) = known.into_iter().partition(|(of, _)| *of == guild);
    world.commands = others;
    for command in list {
        // A command that keeps its name keeps its id.
        let old = same.iter().position(|(_, old)| old["name"] == command["name"] && old["type"] == kind_of(command));
        let id = old.map_or_else(|| json!(text_of(world.id())), |at| same.remove(at).1["id"].clone());
        let kept = kept(world, guild, id, command);
        world.commands.push((guild, kept));
    }
    list_of(world, guild)
}

fn kind_of(command: &Value) -> Value {
    json!(command["type"].as_u64().unwrap_or(1))
}

fn kept(world: &mut World, guild: Option<u64>, id: Value, command: &Value) -> Value {
    let mut kept = json!({
        "id": id, "application_id": text_of(world.app.id), "version": text_of(world.id()), "type": kind_of(command),
        "name": command["name"], "name_localizations": null, "description": command["description"],
        "description_localizations": null, "default_member_permissions": command["default_member_permissions"],
        "dm_permission": command["dm_permission"].as_bool().unwrap_or(true), "nsfw": false,
        "contexts": command["contexts"], "options": command["options"],
        "integration_types": command.get("integration_types").cloned().unwrap_or(json!([0])),
    });
    if kept["description"].is_null() {
        kept["description"] = json!("");
    }
    if let Some(guild) = guild {
        kept["guild_id"] = json!(text_of(guild));
    }
    kept
}

pub fn list_of(world: &World, guild: Option<u64>) -> Outcome {
    reach(world, guild)?;
    let list = world.commands.iter().filter(|(of, _)| *of == guild).map(|(_, command)| command).collect::<Vec<_>>();
    Ok((200, json!(list)))
}

fn reach(world: &World, guild: Option<u64>) -> Result<(), Refusal> {
    let inside = guild.is_none_or(|guild| world.guilds.get(&guild).is_some_and(|guild| guild.has_bot));
    if inside { Ok(()) } else { Err(Refusal::of(50_001)) }
}

/// 1 to 32 letters, digits, `-` and `_`, all of them small.
fn name(faults: &mut Faults, body: &Value) {
    let Some(text) = faults.text(body, "name", 1, 32) else { return };
    let known = |c: char| c.is_alphanumeric() || "-_'".contains(c);
    if text != body["name"] || !text.chars().all(known) || text.to_lowercase() != text {
        faults.at("name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid");
    }
}

fn one_command(faults: &mut Faults, command: &Value) {
    let kind = command["type"].as_u64().unwrap_or(1);
    if kind == 1 {
        name(faults, command);
        faults.text(command, "description", 1, 100);
        let mut size = 0;
        options(faults, command, 0, &mut size);
        if size > 8000 {
            let words = "Command exceeds maximum size of 8000";
            faults.add("APPLICATION_COMMAND_TOO_LARGE", words);
        }
        return;
    }
    if kind > 3 {
        return faults.choices("type", "1, 2, 3");
    }
    faults.text(command, "name", 1, 32);
    if !command["description"].as_str().unwrap_or_default().is_empty() {
        let words = "Context menu commands cannot have description";
        faults.at("description", "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION", words);
    }
}

/// Options of a command (depth 0), of a group (1), of a subcommand (2 or 1).
fn options(faults: &mut Faults, body: &Value, depth: u8, size: &mut usize) {
    let long = |value: &Value| value.as_str().map_or(0, |text| text.chars().count());
    *size += long(&body["name"]) + long(&body["description"]);
    let list = faults.list(body, "options", 0, 25).to_vec();
    let mut names = BTreeSet::new();
    let mut optional = false;
    let nested = list.iter().filter(|option| option["type"].as_u64().is_some_and(|kind| kind < 3)).count();
    faults.within("options", |faults| {
        if nested > 0 && nested < list.len() {
            let words = "Sub-command and sub-command group option types are mutually exclusive to all other types";
            faults.add("APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", words);
        }
        for (number, option) in list.iter().enumerate() {
            faults.within(number, |faults| {
                name(faults, option);
                faults.text(option, "description", 1, 100);
                if !names.insert(option["name"].to_string()) {
                    let words = "Application command option names must be unique";
                    faults.at("name", "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", words);
                }
                match option["type"].as_u64() {
                    Some(1) if depth < 2 => options(faults, option, 2, size),
                    Some(2) if depth == 0 => options(faults, option, 1, size),
                    Some(3..=11) => value_option(faults, option, size),
                    Some(_) | None => faults.choices("type", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"),
                }
                if option["required"] == true && optional {
                    let words = "Required options must be placed before non-required options";
                    faults.add("APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", words);
                }
                optional |= option["required"] != true;
            });
        }
    });
}

fn value_option(faults: &mut Faults, option: &Value, size: &mut usize) {
    let kind = option["type"].as_u64().unwrap_or_default();
    *size += option["name"].as_str().map_or(0, |text| text.chars().count());
    *size += option["description"].as_str().map_or(0, |text| text.chars().count());
    choices(faults, option, kind);
    let some = option["choices"].as_array().is_some_and(|list| !list.is_empty());
    if option["autocomplete"] == true && (some || ![3, 4, 10].contains(&kind)) {
        let words = "Choices and autocomplete are mutually exclusive";
        faults.at("autocomplete", "APPLICATION_COMMAND_OPTIONS_CHOICES_AUTOCOMPLETE", words);
    }
    for (key, most) in [("min_length", 6000), ("max_length", 6000)] {
        let value = &option[key];
        if !value.is_null() && (kind != 3 || value.as_u64().is_none_or(|length| length > most)) {
            faults.at(key, "NUMBER_TYPE_MAX", &format!("int value should be less than or equal to {most}."));
        }
    }
}

/// Fixed choices of an option, and those that autocomplete offers.
pub fn choices(faults: &mut Faults, body: &Value, kind: u64) {
    let list = faults.list(body, "choices", 0, 25).to_vec();
    faults.within("choices", |faults| {
        for (number, choice) in list.iter().enumerate() {
            faults.within(number, |faults| {
                faults.text(choice, "name", 1, 100);
                let value = &choice["value"];
                match kind {
                    4 if value.as_i64().is_none() => {
                        faults.at("value", "NUMBER_TYPE_COERCE", &format!("Value {value} is not int."));
                    }
                    10 if value.as_f64().is_none() => {
                        faults.at("value", "NUMBER_TYPE_COERCE", &format!("Value {value} is not float."));
                    }
                    3 => drop(faults.text(choice, "value", 1, 100)),
                    _ => {}
                }
            });
        }
    });
}

/// A modal: a title, and one to five rows of one text field each.
pub fn modal(faults: &mut Faults, body: &Value) {
    faults.text(body, "title", 1, 45);
    faults.text(body, "custom_id", 1, 100);
    let rows = faults.list(body, "components", 1, 5).to_vec();
    let mut seen = BTreeSet::new();
    faults.within("components", |faults| {
        for (number, row) in rows.iter().enumerate() {
            faults.within(number, |faults| {
                if row["type"] != 1 {
                    // Discord knows a newer form, with labels around the fields; serenity 0.12 cannot read its answers.
                    return faults.at("type", "UNION_TYPE_CHOICES", "Value of field \"type\" must be one of (1,).");
                }
                let fields = faults.list(row, "components", 1, 1).to_vec();
                faults.within("components", |faults| {
                    for (place, field) in fields.iter().enumerate() {
                        faults.within(place, |faults| text_field(faults, field, &mut seen));
                    }
                });
            });
        }
    });
}

fn text_field(faults: &mut Faults, field: &Value, seen: &mut BTreeSet<String>) {
    if field["type"] != 4 {
        return faults.at("type", "UNION_TYPE_CHOICES", "Value of field \"type\" must be one of (4,).");
    }
    custom_id(faults, field, seen);
    faults.text(field, "label", 1, 45);
    faults.text(field, "placeholder", 0, 100);
    if ![1, 2].contains(&field["style"].as_u64().unwrap_or_default()) {
        faults.choices("style", "1, 2");
    }
    let least = field["min_length"].as_u64().unwrap_or(0);
    let most = field["max_length"].as_u64().unwrap_or(4000);
    if least > 4000 || least > most {
        faults.at(
            "min_length",
            "NUMBER_TYPE_MAX",
            "int value should be less than or equal to 4000 and to max_length.",
        );
    }
    if !(1..=4000).contains(&most) {
        faults.at("max_length", "NUMBER_TYPE_MAX", "int value should be between 1 and 4000.");
    }
    faults.text(field, "value", 0, most.min(4000) as usize);
}
