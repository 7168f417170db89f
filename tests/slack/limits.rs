//! Judges blocks and views as strictly as Slack does, and fills in the ids that Slack fills in.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::rules;
use super::shapes::{Family, HOME, IN_MESSAGES, IN_VIEWS, Is, MODAL, Shape};

/// Where blocks stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Message,
    Modal,
    Home,
}

/// What Slack would say about these blocks of a message; nothing if it would take them.
pub fn problems(blocks: &Value) -> Vec<String> {
    let mut blocks = blocks.as_array().cloned().unwrap_or_else(|| vec![blocks.clone()]);
    Check::new(Place::Message, true, BTreeSet::new()).message(&mut blocks)
}

pub(super) struct Check {
    place: Place,
    charts: bool,
    files: BTreeSet<String>,
    problems: Vec<String>,
    made: usize,
}

impl Check {
    /// `files` are those that a `slack_file` may name.
    pub(super) fn new(place: Place, charts: bool, files: BTreeSet<String>) -> Self {
        Self { place, charts, files, problems: Vec::new(), made: 0 }
    }

    pub(super) fn message(mut self, blocks: &mut [Value]) -> Vec<String> {
        self.blocks(blocks, "/blocks");
        self.problems
    }

    pub(super) fn view(mut self, view: &mut Value) -> Vec<String> {
        let shape = if self.place == Place::Home { &HOME } else { &MODAL };
        self.fields(shape, view, "/view", &["type", "blocks"]);
        let has_submit = view.get("submit").is_some();
        match view.get_mut("blocks").and_then(Value::as_array_mut) {
            None => self.wrong("missing required field: blocks", "/view"),
            Some(blocks) if blocks.is_empty() => self.wrong("no fewer than 1 items allowed", "/view/blocks"),
            Some(blocks) => {
                self.blocks(blocks, "/view/blocks");
                let asks = blocks.iter().any(|block| block["type"] == json!("input"));
                if asks && self.place == Place::Modal && !has_submit {
                    self.wrong("must define submit to use an input block in modals", "/view");
                }
                let focused = blocks.iter().flat_map(rules::elements);
                if focused.filter(|element| element["focus_on_load"] == json!(true)).count() > 1 {
                    self.wrong("only one element may have focus_on_load", "/view/blocks");
                }
            }
        }
        self.problems
    }

    pub(super) fn wrong(&mut self, what: &str, at: &str) {
        self.problems.push(format!("[ERROR] {what} [json-pointer:{at}]"));
    }

    pub(super) fn at_most(&mut self, count: usize, most: usize, at: &str) {
        if count > most {
            self.wrong(&format!("must be less than {} characters", most + 1), at);
        }
    }

    fn blocks(&mut self, blocks: &mut [Value], at: &str) {
        let (most, family) = match self.place {
            Place::Message => (50, IN_MESSAGES),
            Place::Modal | Place::Home => (100, IN_VIEWS),
        };
        if blocks.len() > most {
            self.wrong(&format!("no more than {most} items allowed"), at);
        }
        let mut seen = BTreeSet::new();
        for (index, block) in blocks.iter_mut().enumerate() {
            let here = format!("{at}/{index}");
            if block["type"] == json!("data_visualization") && !self.charts {
                self.wrong("unsupported type: data_visualization", &format!("{here}/type"));
                continue;
            }
            self.tagged(family, block, &here);
            if let Some(object) = block.as_object_mut() {
                self.made += 1;
                let id = object.entry("block_id").or_insert_with(|| json!(format!("blk{}", self.made)));
                if !seen.insert(id.as_str().unwrap_or_default().to_owned()) {
                    self.wrong("block_id already exists", &format!("{here}/block_id"));
                }
            }
            self.actions(block, &here);
        }
        rules::of_all(self, blocks, at);
    }

    /// Every interactive element has an `action_id`, each its own within its block.
    fn actions(&mut self, block: &mut Value, at: &str) {
        let mut seen = BTreeSet::new();
        let mut count = 0;
        let mut twice = false;
        rules::each_element(block, |element| {
            count += 1;
            if let Some(object) = element.as_object_mut().filter(|object| rules::interactive(object)) {
                let id = object.entry("action_id").or_insert_with(|| json!(format!("act{count}")));
                twice |= !seen.insert(id.as_str().unwrap_or_default().to_owned());
            }
        });
        if twice {
            self.wrong("action_id already exists", &format!("{at}/elements"));
        }
    }

    /// An object whose `type` must be one of a family.
    fn tagged(&mut self, family: Family, value: &mut Value, at: &str) {
        let Some(kind) = value.get("type").and_then(Value::as_str).map(str::to_owned) else {
            return self.wrong("missing required field: type", at);
        };
        match family.iter().find(|shape| shape.kind == kind) {
            Some(shape) => {
                self.fields(shape, value, at, &["type"]);
                rules::of_one(self, &kind, value, at);
            }
            None => self.wrong(&format!("unsupported type: {kind}"), &format!("{at}/type")),
        }
    }

    /// The fields of an object: those that must be, those that may be, and no others.
    fn fields(&mut self, shape: &Shape, value: &mut Value, at: &str, also: &[&str]) {
        let Some(object) = value.as_object_mut() else { return self.wrong("must be an object", at) };
        for (name, _) in shape.must {
            if !object.contains_key(*name) {
                self.wrong(&format!("missing required field: {name}"), at);
            }
        }
        for (name, field) in object.iter_mut() {
            let known = shape.must.iter().chain(shape.may).find(|(known, _)| known == name);
            match known {
                Some((_, is)) => self.is(is, field, &format!("{at}/{name}")),
                None if also.contains(&name.as_str()) => {}
                None => self.wrong(&format!("invalid additional property: {name}"), at),
            }
        }
    }

    fn is(&mut self, is: &Is, value: &mut Value, at: &str) {
        match is {
            Is::Plain(most) => self.text(value, *most, &["plain_text"], at),
            Is::Text(most) => self.text(value, *most, &["plain_text", "mrkdwn"], at),
            Is::Str(most) => self.string(value, 1, *most, at),
            Is::Blank(most) => self.string(value, 0, *most, at),
            Is::Bool => self.must(value.is_boolean(), "must be a boolean", at),
            Is::Number => self.must(value.is_number(), "must be a number", at),
            Is::Int(least, most) => {
                let fits = value.as_i64().is_some_and(|number| (*least..=*most).contains(&number));
                self.must(fits, &format!("must be a whole number from {least} to {most}"), at);
            }
            Is::OneOf(words) => {
                let fits = value.as_str().is_some_and(|word| words.contains(&word));
                self.must(fits, &format!("must be one of {}", words.join(", ")), at);
            }
            Is::Url => {
                let url = value.as_str().unwrap_or_default();
                let fits = url::Url::parse(url)
                    .is_ok_and(|url| matches!(url.scheme(), "http" | "https" | "mailto" | "slack" | "tel"));
                self.must(fits, "must be a valid URL", at);
                self.at_most(url.chars().count(), 3000, at);
            }
            Is::SlackFile => {
                let id = value.get("id").and_then(Value::as_str);
                let known = id.is_some_and(|id| self.files.contains(id));
                self.must(known, "invalid slack file", at);
            }
            Is::Many(most, each) => self.many(value, *most, each, at),
            Is::Like(shape) | Is::Choice(shape) => self.fields(shape, value, at, &[]),
            Is::Tagged(family) => self.tagged(family, value, at),
        }
    }

    fn must(&mut self, holds: bool, what: &str, at: &str) {
        if !holds {
            self.wrong(what, at);
        }
    }

    fn many(&mut self, value: &mut Value, most: usize, each: &Is, at: &str) {
        let Some(items) = value.as_array_mut() else { return self.wrong("must be an array", at) };
        if items.is_empty() {
            self.wrong("no fewer than 1 items allowed", at);
        }
        if items.len() > most {
            self.wrong(&format!("no more than {most} items allowed"), at);
        }
        for (index, item) in items.iter_mut().enumerate() {
            self.is(each, item, &format!("{at}/{index}"));
        }
    }

    fn string(&mut self, value: &Value, least: usize, most: usize, at: &str) {
        let Some(text) = value.as_str() else { return self.wrong("must be a string", at) };
        let count = text.chars().count();
        if count < least {
            self.wrong(&format!("must be more than {} characters", least - 1), at);
        }
        self.at_most(count, most, at);
    }

    fn text(&mut self, value: &mut Value, most: usize, kinds: &[&str], at: &str) {
        let kind = value.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(object) = value.as_object_mut() else { return self.wrong("must be an object", at) };
        if !kinds.contains(&kind.as_str()) {
            return self.wrong(&format!("unsupported type: {kind}"), &format!("{at}/type"));
        }
        let flag = if kind == "plain_text" { "emoji" } else { "verbatim" };
        if object.keys().any(|key| !["type", "text", flag].contains(&key.as_str())) {
            self.wrong("invalid additional property", at);
        }
        if !object.get(flag).is_none_or(Value::is_boolean) {
            self.wrong("must be a boolean", &format!("{at}/{flag}"));
        }
        match object.get("text").cloned() {
            None => self.wrong("missing required field: text", at),
            Some(text) => self.string(&text, 1, most, &format!("{at}/text")),
        }
        // Slack writes its own defaults into what it stores.
        object.entry(flag).or_insert(json!(kind == "plain_text"));
    }
}
