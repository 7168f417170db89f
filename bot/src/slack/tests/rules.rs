//! Slack's rules for blocks and views, written down from its documentation, and what of a message is active.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use slack_morphism::prelude::SlackBlock;

/// What can be used or names somebody, as a reader of the JSON finds it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Active {
    pub(super) links: Vec<String>,
    pub(super) people: Vec<String>,
    /// Broadcasts, channels, groups, emoji, colours, pictures from elsewhere: nothing of ours makes any.
    pub(super) others: Vec<String>,
    /// The verb and the value of each button and entry.
    pub(super) buttons: Vec<(String, String)>,
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Goes through everything, wherever it is.
pub(super) fn active(value: &Value, found: &mut Active) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| active(one, found)),
        Value::Object(object) => {
            match text(value, "type") {
                "link" => found.links.push(text(value, "url").to_owned()),
                "user" => found.people.push(text(value, "user_id").to_owned()),
                "button" => {
                    let verb = text(value, "action_id").split(':').next().unwrap().to_owned();
                    found.buttons.push((verb, text(value, "value").to_owned()));
                    assert!(value.get("url").is_none());
                }
                "overflow" => {
                    for option in value["options"].as_array().unwrap() {
                        let (verb, rest) = text(option, "value").split_once('|').unwrap();
                        found.buttons.push((verb.to_owned(), rest.to_owned()));
                        assert!(option.get("url").is_none());
                    }
                }
                "mrkdwn" | "markdown" | "broadcast" | "channel" | "usergroup" | "emoji" | "color"
                | "message_mention" => {
                    found.others.push(value.to_string());
                }
                _ => {}
            }
            if value.get("image_url").is_some() || value["emoji"] == json!(true) {
                found.others.push(value.to_string());
            }
            // A value goes back to us, and nobody sees it.
            object.iter().filter(|(key, _)| *key != "value").for_each(|(_, one)| active(one, found));
        }
        Value::String(text) => {
            let hidden = |c: char| {
                (c.is_control() && c != '\n' && c != '\t')
                    || ('\u{202a}'..='\u{202e}').contains(&c)
                    || ('\u{2066}'..='\u{2069}').contains(&c)
            };
            assert!(!text.chars().any(hidden), "{text:?} hides something");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether the top-level text could name or link anything once Slack has read it as markup.
pub(super) fn is_inert(text: &str) -> bool {
    let brackets = text.contains(['<', '>']);
    let entities =
        text.split('&').skip(1).all(|rest| ["amp;", "lt;", "gt;"].iter().any(|known| rest.starts_with(known)));
    let lower = text.to_lowercase();
    let mut before: Vec<&str> = lower.split("://").collect();
    before.pop();
    let scheme = before.iter().any(|before| before.ends_with(char::is_alphanumeric));
    let named = ["mailto:", "www.", "@here", "@channel", "@everyone"].iter().any(|word| lower.contains(word));
    let linked = scheme || named;
    !brackets && entities && !linked && !text.contains('\n')
}

struct Rules {
    wrong: Vec<String>,
}

impl Rules {
    fn holds(&mut self, holds: bool, what: &str, at: &Value) {
        if !holds {
            let at: String = at.to_string().chars().take(200).collect();
            self.wrong.push(format!("{what}: {at}"));
        }
    }

    fn plain(&mut self, value: &Value, most: usize) {
        let long = text(value, "text").chars().count();
        self.holds(
            text(value, "type") == "plain_text" && (1..=most).contains(&long),
            &format!("plain text of 1 to {most}"),
            value,
        );
        self.holds(!text(value, "text").trim().is_empty(), "text that is seen", value);
    }

    fn option(&mut self, value: &Value) {
        self.plain(&value["text"], 75);
        self.holds((1..=150).contains(&text(value, "value").chars().count()), "a value of 1 to 150", value);
    }

    fn element(&mut self, value: &Value) {
        let long = |key: &str| text(value, key).chars().count();
        self.holds((1..=255).contains(&long("action_id")), "an action id", value);
        match text(value, "type") {
            "button" => {
                self.plain(&value["text"], 75);
                self.holds((1..=2000).contains(&long("value")), "a value of 1 to 2000", value);
                self.holds(
                    value.get("accessibility_label").is_none_or(|_| (1..=75).contains(&long("accessibility_label"))),
                    "a spoken label",
                    value,
                );
                if let Some(confirm) = value.get("confirm") {
                    self.plain(&confirm["title"], 100);
                    self.plain(&confirm["text"], 300);
                    self.plain(&confirm["confirm"], 30);
                    self.plain(&confirm["deny"], 30);
                }
            }
            "overflow" => {
                let options = value["options"].as_array().unwrap();
                self.holds((1..=5).contains(&options.len()), "1 to 5 entries", value);
                for option in options {
                    self.option(option);
                }
            }
            "radio_buttons" | "static_select" => {
                let options = value["options"].as_array().unwrap();
                let most = if text(value, "type") == "radio_buttons" { 10 } else { 100 };
                self.holds((1..=most).contains(&options.len()), "so many options", value);
                for option in options {
                    self.option(option);
                }
                self.holds(
                    value.get("initial_option").is_none_or(|first| options.contains(first)),
                    "one of the options first",
                    value,
                );
            }
            "external_select" => {
                if let Some(first) = value.get("initial_option") {
                    self.option(first);
                }
            }
            "users_select" => {}
            "plain_text_input" => {
                let most = value["max_length"].as_u64().unwrap() as usize;
                self.holds(
                    (1..=3000).contains(&most) && long("initial_value") <= most,
                    "a first value that fits",
                    value,
                );
                self.holds(
                    value["multiline"] == json!(true) || !text(value, "initial_value").contains('\n'),
                    "one line",
                    value,
                );
            }
            other => self.wrong.push(format!("an element `{other}`")),
        }
    }

    /// A block of rich text: its words are not empty, and not too long.
    fn rich(&mut self, block: &Value) {
        for part in block["elements"].as_array().unwrap() {
            let kinds: &[&str] = match text(part, "type") {
                "rich_text_section" => &["text", "link", "user", "date"],
                "rich_text_preformatted" => &["text"],
                other => panic!("a part `{other}`"),
            };
            let elements = part["elements"].as_array().unwrap();
            self.holds(!elements.is_empty(), "elements", part);
            let mut long = 0;
            for element in elements {
                self.holds(kinds.contains(&text(element, "type")), "an element that may be here", element);
                self.holds(text(element, "type") != "text" || !text(element, "text").is_empty(), "a text", element);
                long += text(element, "text").chars().count();
            }
            self.holds(long <= 3_000 + 300, "a text of at most 3000", part);
        }
    }

    fn block(&mut self, block: &Value) {
        match text(block, "type") {
            "header" => self.plain(&block["text"], 150),
            "section" => self.plain(&block["text"], 3000),
            "divider" => {}
            "context" => self.plain(&block["elements"][0], 2000),
            "rich_text" => self.rich(block),
            "actions" => {
                let elements = block["elements"].as_array().unwrap();
                self.holds((1..=25).contains(&elements.len()), "1 to 25 elements", block);
                for element in elements {
                    self.element(element);
                }
            }
            "input" => {
                self.plain(&block["label"], 2000);
                if let Some(hint) = block.get("hint") {
                    self.plain(hint, 2000);
                }
                self.element(&block["element"]);
            }
            "table" => {
                let rows = block["rows"].as_array().unwrap();
                let width = rows[0].as_array().unwrap().len();
                self.holds(
                    (1..=100).contains(&rows.len()) && (1..=20).contains(&width),
                    "so many rows and columns",
                    block,
                );
                for row in rows {
                    let cells = row.as_array().unwrap();
                    self.holds(
                        cells.len() == width && cells.iter().all(|cell| !text(cell, "text").is_empty()),
                        "cells",
                        row,
                    );
                }
            }
            "data_visualization" => self.chart(block),
            other => self.wrong.push(format!("a block `{other}`")),
        }
        let model: SlackBlock = serde_json::from_value(block.clone()).unwrap();
        self.holds(!matches!(model, SlackBlock::Unknown(_)), "a block that slack-morphism knows", block);
    }

    fn chart(&mut self, block: &Value) {
        let short =
            |text: &Value, most: usize| text.as_str().is_some_and(|text| (1..=most).contains(&text.chars().count()));
        let axes = &block["chart"]["axis_config"];
        let names = axes["categories"].as_array().unwrap();
        let series = block["chart"]["series"].as_array().unwrap();
        let fits = short(&block["title"], 50)
            && (1..=20).contains(&names.len())
            && names.iter().all(|name| short(name, 20))
            && (1..=6).contains(&series.len())
            && series.iter().all(|one| short(&one["name"], 20));
        self.holds(fits, "a chart within its limits", block);
        let unique =
            |all: Vec<&Value>| all.iter().map(ToString::to_string).collect::<BTreeSet<_>>().len() == all.len();
        self.holds(
            unique(names.iter().collect()) && unique(series.iter().map(|one| &one["name"]).collect()),
            "names of their own",
            block,
        );
        for one in series {
            let labels: Vec<&Value> = one["data"].as_array().unwrap().iter().map(|point| &point["label"]).collect();
            self.holds(labels == names.iter().collect::<Vec<_>>(), "a number for each name", one);
        }
    }

    fn names(&mut self, blocks: &[Value]) {
        let elements = blocks
            .iter()
            .filter(|block| text(block, "type") == "actions")
            .flat_map(|block| block["elements"].as_array().unwrap());
        let mut seen = BTreeSet::new();
        for element in elements {
            self.holds(seen.insert(text(element, "action_id").to_owned()), "a name of its own", element);
        }
    }
}

/// What is wrong with a message's blocks.
pub(super) fn of_message(blocks: &[Value]) -> Vec<String> {
    let mut rules = Rules { wrong: Vec::new() };
    rules.holds((1..=50).contains(&blocks.len()), "1 to 50 blocks", &json!(blocks.len()));
    for block in blocks {
        rules.block(block);
    }
    rules.names(blocks);
    let count = |kind: &str| blocks.iter().filter(|block| text(block, "type") == kind).count();
    rules.holds(
        count("table") <= 1 && count("data_visualization") <= 2 && count("input") == 0,
        "so many of each",
        &json!(null),
    );
    // Slack counts the ids that it adds, too.
    let all = json!(blocks).to_string().chars().count() + blocks.len() * r#""block_id":"blk12","#.len();
    rules.holds(all <= 13_200, "at most 13200 characters in all", &json!(all));
    rules.wrong
}

/// What is wrong with a view.
pub(super) fn of_view(view: &Value) -> Vec<String> {
    let mut rules = Rules { wrong: Vec::new() };
    let blocks = view["blocks"].as_array().unwrap();
    rules.holds((1..=100).contains(&blocks.len()), "1 to 100 blocks", &json!(blocks.len()));
    for block in blocks {
        rules.block(block);
    }
    rules.names(blocks);
    rules.holds(
        blocks.iter().all(|block| !["table", "data_visualization"].contains(&text(block, "type"))),
        "no tables",
        &json!(null),
    );
    rules.holds(view.to_string().len() <= 250_000, "at most 250000 bytes", &json!(view.to_string().len()));
    if text(view, "type") == "modal" {
        rules.plain(&view["title"], 24);
        for key in ["submit", "close"] {
            if let Some(label) = view.get(key) {
                rules.plain(label, 24);
            }
        }
        rules.holds(
            text(view, "private_metadata").chars().count() <= 3000,
            "short metadata",
            &view["private_metadata"],
        );
        let asks = blocks.iter().any(|block| text(block, "type") == "input");
        rules.holds(!asks || view.get("submit").is_some(), "a way to send it", &json!(null));
    }
    rules.wrong
}

/// What stands in fixed width, one after the other.
pub(super) fn fixed(blocks: &[Value]) -> String {
    let parts = blocks
        .iter()
        .filter(|block| text(block, "type") == "rich_text")
        .flat_map(|block| block["elements"].as_array().unwrap());
    let fixed = parts.filter(|part| text(part, "type") == "rich_text_preformatted");
    fixed.flat_map(|part| part["elements"].as_array().unwrap()).map(|element| text(element, "text")).collect()
}
