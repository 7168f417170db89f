//! Takes in what Slack delivers, by socket or by HTTP: stored first, acknowledged then.

use serde_json::{Map, Value, json};
use tracing::debug;
use workflows::identity::Chat;

use super::{Slack, read, rich, views};
use crate::card::{Card, Tone};
use crate::event::{Action, Back, Event};
use crate::form::FormName;
use crate::inbox::{Inbox, NotStored};

/// What is told to somebody after the acknowledgement, which can't say it itself.
#[derive(Clone, Debug)]
pub(super) struct Tell {
    back: Back,
    words: String,
}

/// An acknowledgement.
#[derive(Clone, Debug, Default)]
pub(super) struct Ack {
    /// What is in it; mostly nothing.
    pub(super) payload: Option<Value>,
    /// What follows it.
    pub(super) tell: Option<Tell>,
}

impl Ack {
    fn saying(payload: Value) -> Self {
        Self { payload: Some(payload), tell: None }
    }
}

impl Slack {
    /// Takes in one payload; `letter` is the text in which it came. Answers well within Slack's three seconds.
    pub(super) async fn take(&self, inbox: &Inbox, payload: &Value, letter: &str) -> Ack {
        if read::word(payload, "/type") == "block_suggestion" {
            return self.suggest(inbox, payload).await;
        }
        // Whatever changed about somebody, it is asked for anew.
        if read::word(payload, "/event/type") == "user_change" {
            self.forget_standing(read::word(payload, "/event/user/id"));
        }
        let Some(event) = read::event(payload, self.app_id()) else {
            debug!("something that Slack sent is of no interest");
            return Ack::default();
        };
        if let Action::Submitted { form, values, .. } = &event.what {
            let wrong = complaints(payload, &inbox.check(*form, values));
            if !wrong.is_empty() {
                return Ack::saying(json!({ "response_action": "errors", "errors": wrong }));
            }
        }
        match inbox.receive(Chat::Slack, &read::key(payload), letter).await {
            Ok(_stored) => Ack::default(),
            Err(NotStored(words)) => sorry(payload, event, words),
        }
    }

    /// Type-ahead, answered at once.
    async fn suggest(&self, inbox: &Inbox, payload: &Value) -> Ack {
        let found = inbox.suggest(&read::actor(payload), read::word(payload, "/value")).await;
        let options: Vec<Value> =
            found.iter().filter_map(|(value, words)| views::option(value, words)).take(100).collect();
        Ack::saying(json!({ "options": options }))
    }

    /// Says what the acknowledgement could not.
    pub(super) async fn tell(&self, tell: Tell) {
        let card = Card::saying(Tone::Bad, tell.words);
        if let Err(error) = self.whisper_to(&tell.back, &card).await {
            debug!("Slack did not take an answer: {error}");
        }
    }
}

/// The blocks in which something is filled in.
fn fields(payload: &Value) -> Vec<&str> {
    let blocks = payload.pointer("/view/blocks").and_then(Value::as_array).into_iter().flatten();
    blocks.filter(|block| read::word(block, "/type") == "input").map(|block| read::word(block, "/block_id")).collect()
}

/// What is wrong with a form, by block. Slack takes complaints about blocks of the form alone.
fn complaints(payload: &Value, wrong: &[(&'static str, String)]) -> Map<String, Value> {
    let fields = fields(payload);
    let mut complaints = Map::new();
    for (name, words) in wrong {
        let at = fields.iter().find(|field| *field == name).or(fields.first());
        if let Some(at) = at {
            complaints.entry((*at).to_owned()).or_insert_with(|| json!(rich::line(words, 300)));
        }
    }
    complaints
}

/// The acknowledgement of what could not be stored: it says so to whoever did it, and to nobody else.
fn sorry(payload: &Value, event: Event, words: String) -> Ack {
    match &event.what {
        Action::Submitted { form, .. } => {
            let wrong = complaints(payload, &[("", words.clone())]);
            if !wrong.is_empty() {
                return Ack::saying(json!({ "response_action": "errors", "errors": wrong }));
            }
            Ack::saying(json!({ "response_action": "update", "view": views::saying(title(*form), &words) }))
        }
        Action::Said { .. } if !read::word(payload, "/command").is_empty() => {
            Ack::saying(json!({ "response_type": "ephemeral", "text": rich::summary(&words) }))
        }
        Action::Said { .. } | Action::Pressed { .. } | Action::About { .. } => {
            Ack { payload: None, tell: Some(Tell { back: event.back, words }) }
        }
        // Nobody waits for these.
        Action::Home | Action::PlaceChanged { .. } | Action::PersonChanged => Ack::default(),
    }
}

const fn title(form: FormName) -> &'static str {
    match form {
        FormName::Read => "The held command",
        FormName::Request
        | FormName::Less
        | FormName::Again
        | FormName::Question
        | FormName::Answer
        | FormName::Deny
        | FormName::Revoke
        | FormName::Extend
        | FormName::Delegate
        | FormName::Emergency => "Not sent",
    }
}
