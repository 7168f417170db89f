//! People at their clients: they type commands, press buttons, fill in modals, and see what comes of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::FakeSlack;
use super::forms::{self, Submitted};
use super::limits::Place;
use super::socket::Kind;
use super::workspace::ChannelKind;
use super::world::{Message, View};

/// How an envelope ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub envelope: String,
    /// What the app answered with.
    pub payload: Option<Value>,
    pub delay: Duration,
    /// What Slack shows instead, `operation_timeout` for instance.
    pub error: Option<String>,
}

impl Outcome {
    pub(super) fn failed(error: &str) -> Self {
        Self { envelope: String::new(), payload: None, delay: Duration::ZERO, error: Some(error.to_owned()) }
    }

    /// The text of the answer.
    pub fn text(&self) -> &str {
        match &self.payload {
            Some(Value::String(text)) => text,
            Some(value) => value["text"].as_str().unwrap_or_default(),
            None => "",
        }
    }

    pub fn is_acked(&self) -> bool {
        self.error.is_none()
    }
}

impl FakeSlack {
    /// Types a slash command. An answer in the acknowledgement is shown, a missing one is complained about.
    pub async fn slash(&self, user: &str, channel: &str, command: &str, text: &str) -> Outcome {
        let payload = self.slash_payload(user, channel, command, text);
        let mut outcome = self.deliver(Kind::Slash, payload).await;
        self.change(|state| {
            if let (None, Some(said)) = (&outcome.error, outcome.payload.as_ref().filter(|said| **said != json!({})))
            {
                outcome.error = state.answer(user, channel, said).err();
            }
            if let Some(error) = &outcome.error {
                state.complaints.push((user.to_owned(), format!("{command} failed with the error \"{error}\"")));
            }
        });
        outcome
    }

    /// Writes a message as it goes over the wire (`<@U…>` for people). The app hears of it where it subscribed.
    pub async fn say(&self, user: &str, channel: &str, text: &str) -> (Message, Option<Outcome>) {
        self.say_in(user, channel, None, text).await
    }

    /// The same, in a thread.
    pub async fn say_in(
        &self,
        user: &str,
        channel: &str,
        thread: Option<&str>,
        text: &str,
    ) -> (Message, Option<Outcome>) {
        let (message, event) = self.change(|state| {
            let mut message = Message { channel: channel.to_owned(), ts: state.ts(), ..Message::default() };
            message.user = user.to_owned();
            message.text = text.to_owned();
            message.thread = thread.map(str::to_owned);
            state.store(message.clone());
            let place = state.channel(channel).clone();
            let mut event = message.json(state, false);
            event["channel"] = json!(channel);
            event["event_ts"] = json!(message.ts);
            event["team"] = json!(state.user(user).team);
            event["client_msg_id"] = json!(state.id("msg"));
            let bot = format!("<@{}>", state.app.bot_user);
            let (mut kind, mut name, letters) = match place.kind {
                ChannelKind::Im { .. } => ("message", "message.im", "im"),
                ChannelKind::Public => ("message", "message.channels", "channel"),
                ChannelKind::Private => ("message", "message.groups", "group"),
            };
            if letters != "im" && text.contains(&bot) {
                (kind, name) = ("app_mention", "app_mention");
            }
            event["type"] = json!(kind);
            if kind == "message" {
                event["channel_type"] = json!(letters);
            }
            let told = state.app.events.contains(name) && state.bot_is_in(&place);
            (message, told.then_some(event))
        });
        let outcome = match event {
            Some(event) => Some(self.event(event).await),
            None => None,
        };
        (message, outcome)
    }

    /// Mentions the bot, then says this.
    pub async fn mention(&self, user: &str, channel: &str, text: &str) -> Outcome {
        let bot = self.read(|state| state.app.bot_user.clone());
        let (_, outcome) = self.say(user, channel, &format!("<@{bot}> {text}")).await;
        outcome.unwrap_or_else(|| Outcome::failed("not subscribed, or the bot is not there"))
    }

    /// Sends an event to the app, again and again as Slack does.
    pub async fn event(&self, event: Value) -> Outcome {
        let payload = self.event_payload(&event);
        self.deliver(Kind::Event, payload).await
    }

    /// Writes to the bot alone; the channel is made when needed.
    pub async fn write_to_bot(&self, user: &str, text: &str) -> Outcome {
        let channel = self.change(|state| state.im(user));
        let (_, outcome) = self.say(user, &channel, text).await;
        outcome.unwrap_or_else(|| Outcome::failed("not subscribed"))
    }

    /// Chooses a message shortcut.
    pub async fn shortcut(&self, user: &str, message: &Message, callback_id: &str) -> Outcome {
        let payload = self.shortcut_payload(user, message, callback_id);
        self.complained(user, self.deliver(Kind::Interactive, payload).await)
    }

    /// Presses a button of a message as this person saw it, which may be stale.
    pub async fn click(&self, user: &str, message: &Message, action_id: &str) -> Outcome {
        let payload = self.click_payload(user, message, action_id, None);
        self.complained(user, self.deliver(Kind::Interactive, payload).await)
    }

    /// Chooses in a message: an option by its value or text, a person by id.
    pub async fn select(&self, user: &str, message: &Message, action_id: &str, value: &str) -> Outcome {
        let payload = self.click_payload(user, message, action_id, Some(value));
        self.complained(user, self.deliver(Kind::Interactive, payload).await)
    }

    /// Presses a button of a modal or of the Home tab.
    pub async fn click_view(&self, user: &str, view: &View, action_id: &str) -> Outcome {
        let payload = self.click_view_payload(user, view, action_id, None);
        self.complained(user, self.deliver(Kind::Interactive, payload).await)
    }

    /// Chooses in a modal or on the Home tab.
    pub async fn select_view(&self, user: &str, view: &View, action_id: &str, value: &str) -> Outcome {
        let payload = self.click_view_payload(user, view, action_id, Some(value));
        self.complained(user, self.deliver(Kind::Interactive, payload).await)
    }

    fn complained(&self, user: &str, outcome: Outcome) -> Outcome {
        if let Some(error) = &outcome.error {
            self.change(|state| state.complaints.push((user.to_owned(), error.clone())));
        }
        outcome
    }

    /// Types into an external select: the options that the app offers, as (text, value).
    pub async fn suggest(&self, user: &str, view: &View, action_id: &str, typed: &str) -> Vec<(String, String)> {
        let payload = self.suggest_payload(user, view, action_id, typed);
        let outcome = self.complained(user, self.deliver(Kind::Interactive, payload).await);
        let mut given = outcome.payload.unwrap_or(Value::Null);
        if given["options"] == json!([]) {
            return Vec::new();
        }
        // The answer must be what a static select could hold.
        given["type"] = json!("static_select");
        let problems = super::problems(&json!([{ "type": "actions", "elements": [given.clone()] }]));
        if !problems.is_empty() {
            self.change(|state| state.complaints.push((user.to_owned(), problems.join("\n"))));
            return Vec::new();
        }
        let options: Vec<Value> = super::rules::options(&given).into_iter().cloned().collect();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let shown = options.iter().map(|option| (word(&option["text"]["text"]), word(&option["value"]))).collect();
        self.change(|state| state.suggested.insert((view.id.clone(), action_id.to_owned()), options));
        shown
    }

    /// Fills in fields by `action_id` (or block) and presses submit. What is not named stays as it is.
    pub async fn submit(&self, user: &str, view: &View, values: &[(&str, &str)]) -> Submitted {
        if let Err(why) = self.fill(user, view, values) {
            return Submitted::Blocked(why);
        }
        let payload = self.submit_payload(user, view);
        let outcome = self.deliver(Kind::Interactive, payload).await;
        let done = self.change(|state| {
            if let Some(error) = outcome.error {
                return Submitted::Trouble(error);
            }
            let answer = outcome.payload.unwrap_or(Value::Null);
            match answer["response_action"].as_str() {
                None if answer.is_null() || answer == json!({}) => {
                    state.pop_view(user);
                    Submitted::Closed
                }
                Some("clear") => {
                    state.clear_stack(user);
                    Submitted::Cleared
                }
                Some("errors") => errors(&answer["errors"], view),
                Some("update") => match state.judged(answer["view"].clone(), Place::Modal) {
                    Ok(content) => {
                        state.replace_view(&view.id, content);
                        Submitted::Updated
                    }
                    Err(refused) => Submitted::Trouble(format!("{refused:?}")),
                },
                Some("push") => {
                    let judged = state.judged(answer["view"].clone(), Place::Modal);
                    match judged.and_then(|content| state.push_view(user, content)) {
                        Ok(_) => Submitted::Pushed,
                        Err(refused) => Submitted::Trouble(format!("{refused:?}")),
                    }
                }
                _ => Submitted::Trouble(format!("not an answer to a submission: {answer}")),
            }
        });
        if let Submitted::Trouble(why) = &done {
            self.change(|state| state.complaints.push((user.to_owned(), why.clone())));
        }
        done
    }

    /// Enters values; the client's own checks may refuse them.
    fn fill(&self, user: &str, view: &View, values: &[(&str, &str)]) -> Result<(), String> {
        self.change(|state| {
            let top = state.stacks.get(user).and_then(|stack| stack.last());
            if top != Some(&view.id) {
                return Err("that view is not on top".to_owned());
            }
            let mut stored = state.views[&view.id].clone();
            for (name, typed) in values {
                let Some((block, element)) = forms::find(&stored.content["blocks"], name) else {
                    return Err(format!("no field `{name}`"));
                };
                let key = (view.id.clone(), element["action_id"].as_str().unwrap_or_default().to_owned());
                let offered = state.suggested.get(&key).map(Vec::as_slice).unwrap_or_default();
                let entered = forms::answer(element, typed, offered).map_err(|why| format!("`{name}`: {why}"))?;
                stored.answers.entry(block).or_insert_with(|| json!({}))[&key.1] = entered;
            }
            let answered = forms::values(&stored.content["blocks"], &stored.answers);
            let missing = forms::missing(&stored, &answered);
            state.views.insert(view.id.clone(), stored);
            missing.map_or(Ok(()), Err)
        })
    }

    /// Closes the top modal. The app hears of it only if it asked for that.
    pub async fn close(&self, user: &str, view: &View) -> Option<Outcome> {
        let told = view.content["notify_on_close"] == json!(true);
        let payload = self.close_payload(user, view, false);
        let all = view.content["clear_on_close"] == json!(true);
        self.change(|state| if all { state.clear_stack(user) } else { state.pop_view(user) });
        if told { Some(self.deliver(Kind::Interactive, payload).await) } else { None }
    }

    /// Opens the app's Home tab.
    pub async fn open_home(&self, user: &str) -> Outcome {
        let event = self.change(|state| {
            let channel = state.im(user);
            let mut event = json!({
                "type": "app_home_opened", "user": user, "channel": channel, "tab": "home", "event_ts": state.ts(),
            });
            if let Some(id) = state.homes.get(user) {
                event["view"] = state.views[id].json(state);
            }
            event
        });
        self.event(event).await
    }
}

/// The app's complaints, if they belong to fields of this view; to others Slack takes no complaint.
fn errors(given: &Value, view: &View) -> Submitted {
    let Some(given) = given.as_object().filter(|given| !given.is_empty()) else {
        return Submitted::Trouble("no errors".to_owned());
    };
    let blocks = view.content["blocks"].as_array().into_iter().flatten();
    let asked: Vec<&str> = blocks
        .filter(|block| block["type"] == json!("input"))
        .filter_map(|block| block["block_id"].as_str())
        .collect();
    match given.keys().find(|key| !asked.contains(&key.as_str())) {
        Some(key) => Submitted::Trouble(format!("`{key}` is not the block_id of an input")),
        None => {
            let word = |why: &Value| why.as_str().unwrap_or_default().to_owned();
            Submitted::Errors(given.iter().map(|(block, why)| (block.clone(), word(why))).collect())
        }
    }
}
