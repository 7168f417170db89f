//! What tests hold in their hands: messages, modals, choices, and how an application reacted.

use std::time::Duration;

use serde_json::Value;

use super::world::{Stored, id_of};

/// A message as it was when it was looked at.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: u64,
    pub channel: u64,
    pub author: u64,
    pub content: String,
    pub json: Value,
    /// The only person who sees it.
    pub only: Option<u64>,
    pub allowed: Option<Value>,
}

/// A button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    pub label: String,
    /// Empty for a link.
    pub custom_id: String,
    /// 1 to 4; 5 is a link.
    pub style: u64,
    pub url: Option<String>,
    pub disabled: bool,
}

/// A list to choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    pub custom_id: String,
    pub placeholder: String,
    /// Labels and values.
    pub options: Vec<(String, String)>,
    pub disabled: bool,
}

/// A modal that a person has before him.
#[derive(Clone, Debug)]
pub struct Modal {
    /// The interaction that opened it.
    pub opened_by: u64,
    pub user: u64,
    pub title: String,
    pub custom_id: String,
    pub fields: Vec<Field>,
    pub json: Value,
}

#[derive(Clone, Debug)]
pub struct Field {
    pub custom_id: String,
    pub label: String,
    pub value: String,
    pub required: bool,
    pub least: usize,
    pub most: usize,
}

/// What autocomplete offers.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub name: String,
    pub value: Value,
}

/// What a person sees first after doing something.
#[derive(Clone, Debug)]
pub enum Shown {
    Message(Message),
    /// "The bot is thinking…"
    Thinking,
    /// Nothing new; the message may change later.
    Nothing,
    Updated(Message),
    Choices(Vec<Choice>),
    Modal(Modal),
    Failed(String),
}

/// How the application reacted.
#[derive(Clone, Debug)]
pub struct Reply {
    pub shown: Shown,
    /// After which time.
    pub after: Duration,
    pub interaction: u64,
    pub token: String,
}

impl Reply {
    /// The message, new or changed.
    pub fn message(&self) -> &Message {
        match &self.shown {
            Shown::Message(message) | Shown::Updated(message) => message,
            other @ (Shown::Thinking | Shown::Nothing | Shown::Choices(_) | Shown::Modal(_) | Shown::Failed(_)) => {
                panic!("no message but {other:?}")
            }
        }
    }

    pub fn modal(&self) -> &Modal {
        let Shown::Modal(modal) = &self.shown else { panic!("no modal but {:?}", self.shown) };
        modal
    }

    pub fn choices(&self) -> &[Choice] {
        let Shown::Choices(choices) = &self.shown else { panic!("no choices but {:?}", self.shown) };
        choices
    }

    pub fn failed(&self) -> bool {
        matches!(self.shown, Shown::Failed(_))
    }

    /// Only the person who asked sees it.
    pub fn is_private(&self) -> bool {
        self.message().only.is_some()
    }
}

fn word(json: &Value, key: &str) -> String {
    json[key].as_str().unwrap_or_default().to_owned()
}

impl Message {
    pub fn of(stored: &Stored) -> Self {
        let json = stored.json.clone();
        let id = |value: &Value| id_of(value).expect("an id");
        Self {
            id: id(&json["id"]),
            channel: id(&json["channel_id"]),
            author: id(&json["author"]["id"]),
            content: word(&json, "content"),
            only: stored.only,
            allowed: stored.allowed.clone(),
            json,
        }
    }

    pub(super) fn parts(&self) -> Vec<Value> {
        let rows = self.json["components"].as_array().into_iter().flatten();
        rows.filter_map(|row| row["components"].as_array()).flatten().cloned().collect()
    }

    pub fn buttons(&self) -> Vec<Button> {
        let parts = self.parts();
        let buttons = parts.iter().filter(|part| part["type"] == 2).map(|part| Button {
            label: word(part, "label"),
            custom_id: word(part, "custom_id"),
            style: part["style"].as_u64().unwrap_or_default(),
            url: part["url"].as_str().map(str::to_owned),
            disabled: part["disabled"] == true,
        });
        buttons.collect()
    }

    pub fn selects(&self) -> Vec<Select> {
        let parts = self.parts();
        let selects = parts.iter().filter(|part| part["type"] == 3).map(|part| Select {
            custom_id: word(part, "custom_id"),
            placeholder: word(part, "placeholder"),
            options: part["options"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|one| (word(one, "label"), word(one, "value")))
                .collect(),
            disabled: part["disabled"] == true,
        });
        selects.collect()
    }

    /// The id behind the button whose label holds these words.
    pub fn button(&self, label: &str) -> String {
        let buttons = self.buttons();
        let found = buttons.iter().find(|button| button.label.contains(label) && button.url.is_none());
        found.unwrap_or_else(|| panic!("no button `{label}` in {buttons:?}")).custom_id.clone()
    }

    pub fn embeds(&self) -> Vec<Value> {
        self.json["embeds"].as_array().cloned().unwrap_or_default()
    }

    /// Still "is thinking…".
    pub fn is_loading(&self) -> bool {
        self.json["flags"].as_u64().is_some_and(|flags| flags & super::world::LOADING != 0)
    }
}

impl Modal {
    pub fn of(opened_by: u64, user: u64, json: &Value) -> Self {
        let rows = json["components"].as_array().into_iter().flatten();
        let fields = rows.filter_map(|row| row["components"].get(0)).map(|field| Field {
            custom_id: word(field, "custom_id"),
            label: word(field, "label"),
            value: word(field, "value"),
            required: field["required"] != false,
            least: field["min_length"].as_u64().unwrap_or(0) as usize,
            most: field["max_length"].as_u64().unwrap_or(4000) as usize,
        });
        let fields = fields.collect();
        let (title, custom_id) = (word(json, "title"), word(json, "custom_id"));
        Self { opened_by, user, title, custom_id, fields, json: json.clone() }
    }
}
