//! The rules of Block Kit that no table holds: one of two fields, choices that must be among the options, sums.

use serde_json::{Map, Value, json};

use super::limits::Check;

/// Visits the elements of a block: the accessory, the input's element, or the list.
pub(super) fn each_element(block: &mut Value, mut visit: impl FnMut(&mut Value)) {
    if let Some(object) = block.as_object_mut() {
        for name in ["accessory", "element"] {
            if let Some(element) = object.get_mut(name) {
                visit(element);
            }
        }
        if let Some(Value::Array(elements)) = object.get_mut("elements") {
            elements.iter_mut().for_each(visit);
        }
    }
}

/// The same, for reading.
pub(super) fn elements(block: &Value) -> Vec<&Value> {
    let alone = ["accessory", "element"].into_iter().filter_map(|name| block.get(name));
    alone.chain(block.get("elements").and_then(Value::as_array).into_iter().flatten()).collect()
}

/// Whether people can do something with an element.
pub(super) fn interactive(element: &Map<String, Value>) -> bool {
    let kind = element.get("type").and_then(Value::as_str).unwrap_or_default();
    ["button", "overflow", "radio_buttons", "checkboxes", "datepicker", "timepicker", "datetimepicker"]
        .contains(&kind)
        || kind.ends_with("_select")
        || kind.ends_with("_input")
}

/// The options of a select, out of their groups.
pub(super) fn options(element: &Value) -> Vec<&Value> {
    let grouped = list(element, "option_groups").iter().flat_map(|group| list(group, "options"));
    list(element, "options").iter().chain(grouped).collect()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// What one block or element must keep beyond its table.
pub(super) fn of_one(check: &mut Check, kind: &str, value: &Value, at: &str) {
    let has = |key: &str| value.get(key).is_some();
    match kind {
        "section" if !has("text") && !has("fields") => check.wrong("must define either text or fields", at),
        "image" if has("image_url") == has("slack_file") => {
            check.wrong("must define either image_url or slack_file, not both", at);
        }
        "static_select" | "multi_static_select" if has("options") == has("option_groups") => {
            check.wrong("must define either options or option_groups, not both", at);
        }
        "plain_text_input" => {
            let (least, most) = (value["min_length"].as_u64(), value["max_length"].as_u64());
            if least.zip(most).is_some_and(|(least, most)| least > most) {
                check.wrong("min_length must not be more than max_length", at);
            }
            let first = value["initial_value"].as_str().map_or(0, |text| text.chars().count());
            if most.is_some_and(|most| first as u64 > most) {
                check.wrong("initial_value is longer than max_length", at);
            }
        }
        "datepicker" => form(check, value, "initial_date", "0000-00-00", at),
        "timepicker" => form(check, value, "initial_time", "00:00", at),
        _ => {}
    }
    if ["static_select", "multi_static_select", "radio_buttons", "checkboxes"].contains(&kind) {
        let all = options(value);
        let first = value.get("initial_option").into_iter();
        for chosen in first.chain(value.get("initial_options").and_then(Value::as_array).into_iter().flatten()) {
            if !all.contains(&chosen) {
                check.wrong("initial option must exactly match one of the options", at);
            }
        }
    }
}

/// A date or a time: digits where the pattern has zeros.
fn form(check: &mut Check, value: &Value, key: &str, pattern: &str, at: &str) {
    let Some(text) = value[key].as_str() else { return };
    let fits = text.len() == pattern.len()
        && text
            .bytes()
            .zip(pattern.bytes())
            .all(|(c, want)| if want == b'0' { c.is_ascii_digit() } else { c == want });
    if !fits {
        check.wrong("must match the pattern", &format!("{at}/{key}"));
    }
}

/// What all blocks of a message or view must keep together.
pub(super) fn of_all(check: &mut Check, blocks: &[Value], at: &str) {
    let of = |kind: &str| blocks.iter().filter(|block| block["type"] == json!(kind)).collect::<Vec<_>>();
    if of("table").len() > 1 {
        check.wrong("only_one_table_allowed", at);
    }
    let markdown: usize =
        of("markdown").iter().map(|block| block["text"].as_str().unwrap_or_default().chars().count()).sum();
    check.at_most(markdown, 12_000, at);
}
