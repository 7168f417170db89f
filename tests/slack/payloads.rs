//! The shapes of what Slack sends. Public: tests may build one, change it, and send it themselves.

use serde_json::{Value, json};

use super::forms;
use super::world::{Hook, Message, State, Trigger, View};
use super::{FakeSlack, TEAM, TRIGGER};

const HALF_AN_HOUR: i64 = 1_800_000_000;

impl State {
    pub(super) fn trigger(&mut self, user: &str, from_view: Option<&str>) -> String {
        let id = format!("{}.{}", self.seconds(), self.id("t"));
        let until = self.now() + TRIGGER;
        let from_view = from_view.map(str::to_owned);
        self.triggers.insert(id.clone(), Trigger { user: user.to_owned(), until, used: false, from_view });
        id
    }

    fn hook(&mut self, base: &str, user: &str, channel: &str, message: Option<&str>) -> String {
        let id = self.id("hook");
        let until = self.now() + HALF_AN_HOUR;
        let message = message.map(str::to_owned);
        self.hooks
            .insert(id.clone(), Hook { user: user.to_owned(), channel: channel.to_owned(), message, until, uses: 0 });
        format!("{base}/hook/{id}")
    }

    fn basics(&self, kind: &str, user: &str) -> Value {
        let who = self.user(user);
        json!({
            "type": kind, "token": "legacy", "api_app_id": self.app.id, "enterprise": null, "is_enterprise_install": false,
            "team": { "id": TEAM, "domain": "example" },
            "user": { "id": who.id, "username": who.name, "name": who.name, "team_id": who.team },
        })
    }

    fn place(&self, channel: &str) -> Value {
        let channel = self.channel(channel);
        let name = if channel.name.is_empty() { "directmessage" } else { &channel.name };
        json!({ "id": channel.id, "name": name })
    }

    /// One entry of `actions`, and the element's new value where it has one.
    fn action(
        &mut self,
        blocks: &Value,
        name: &str,
        typed: Option<&str>,
        offered: &[Value],
    ) -> (Value, Option<Value>) {
        let (block_id, element) = forms::find(blocks, name)
            .unwrap_or_else(|| panic!("nobody can use `{name}`: it is not there in {blocks:#}"));
        let mut action = json!({
            "type": element["type"], "action_id": element["action_id"], "block_id": block_id, "action_ts": self.ts(),
        });
        for key in ["text", "value", "style", "placeholder", "accessibility_label"] {
            if let Some(value) = element.get(key) {
                action[key] = value.clone();
            }
        }
        let entered = typed.map(|typed| {
            let entered = forms::answer(element, typed, offered).unwrap_or_else(|why| panic!("`{name}`: {why}"));
            for (key, value) in entered.as_object().into_iter().flatten() {
                action[key] = value.clone();
            }
            entered
        });
        (action, entered)
    }
}

impl FakeSlack {
    /// A slash command as it is sent.
    pub fn slash_payload(&self, user: &str, channel: &str, command: &str, text: &str) -> Value {
        let base = self.shared.base();
        self.change(|state| {
            let (trigger, hook) = (state.trigger(user, None), state.hook(&base, user, channel, None));
            let (who, place) = (state.user(user), state.place(channel));
            json!({
                "token": "legacy", "team_id": TEAM, "team_domain": "example", "channel_id": channel,
                "channel_name": place["name"], "user_id": user, "user_name": who.name, "command": command, "text": text,
                "api_app_id": state.app.id, "is_enterprise_install": "false", "response_url": hook, "trigger_id": trigger,
            })
        })
    }

    /// A click, or with `typed` a choice, in a message.
    pub fn click_payload(&self, user: &str, message: &Message, action_id: &str, typed: Option<&str>) -> Value {
        let base = self.shared.base();
        self.change(|state| {
            let channel = state.channel(&message.channel);
            let sees = message.only_for.as_ref().map_or(channel.shows_to(user), |only| only == user);
            assert!(sees, "{user} does not see that message");
            let offered =
                state.suggested.get(&(message.ts.clone(), action_id.to_owned())).cloned().unwrap_or_default();
            let (action, entered) = state.action(&json!(message.blocks), action_id, typed, &offered);
            let stored = state.messages.iter_mut().find(|m| m.channel == message.channel && m.ts == message.ts);
            if let (Some(stored), Some(entered)) = (stored, entered) {
                note(&mut stored.chosen, &action, entered);
            }
            // What is stored now, unless the button is gone: then it was pressed in the moment before.
            let current = state
                .message(&message.channel, &message.ts)
                .filter(|now| forms::find(&json!(now.blocks), action_id).is_some());
            let shown = current.unwrap_or(message).clone();
            let mut payload = state.basics("block_actions", user);
            payload["container"] = json!({
                "type": "message", "message_ts": message.ts, "channel_id": message.channel,
                "is_ephemeral": message.only_for.is_some(),
            });
            payload["channel"] = state.place(&message.channel);
            // The content of an ephemeral message is not told.
            if message.only_for.is_none() {
                payload["message"] = shown.json(state, true);
            }
            payload["state"] = json!({ "values": forms::values(&json!(shown.blocks), &shown.chosen) });
            payload["trigger_id"] = json!(state.trigger(user, None));
            payload["response_url"] = json!(state.hook(&base, user, &message.channel, Some(&message.ts)));
            payload["actions"] = json!([action]);
            payload
        })
    }

    /// A click, or with `typed` a choice, in a modal or on the Home tab.
    pub fn click_view_payload(&self, user: &str, view: &View, action_id: &str, typed: Option<&str>) -> Value {
        self.change(|state| {
            assert_eq!(view.user, user, "somebody else's view");
            let offered = state.suggested.get(&(view.id.clone(), action_id.to_owned())).cloned().unwrap_or_default();
            let (action, entered) = state.action(&view.content["blocks"], action_id, typed, &offered);
            if let (Some(stored), Some(entered)) = (state.views.get_mut(&view.id), entered) {
                note(&mut stored.answers, &action, entered);
            }
            let shown = state.views.get(&view.id).unwrap_or(view).json(state);
            let mut payload = state.basics("block_actions", user);
            payload["container"] = json!({ "type": "view", "view_id": view.id });
            payload["state"] = shown["state"].clone();
            payload["view"] = shown;
            let from = (view.content["type"] == json!("modal")).then_some(view.id.as_str());
            payload["trigger_id"] = json!(state.trigger(user, from));
            payload["actions"] = json!([action]);
            payload
        })
    }

    /// `view_submission` with what stands in the view now.
    pub fn submit_payload(&self, user: &str, view: &View) -> Value {
        self.change(|state| {
            let mut payload = state.basics("view_submission", user);
            payload["view"] = state.views.get(&view.id).unwrap_or(view).json(state);
            payload["trigger_id"] = json!(state.trigger(user, Some(&view.id)));
            payload["response_urls"] = json!([]);
            payload
        })
    }

    pub fn close_payload(&self, user: &str, view: &View, is_cleared: bool) -> Value {
        self.change(|state| {
            let mut payload = state.basics("view_closed", user);
            payload["view"] = view.json(state);
            payload["is_cleared"] = json!(is_cleared);
            payload
        })
    }

    /// `block_suggestion`: what was typed into an external select of a view.
    pub fn suggest_payload(&self, user: &str, view: &View, action_id: &str, typed: &str) -> Value {
        self.change(|state| {
            let found = forms::find(&view.content["blocks"], action_id);
            let (block_id, element) = found.unwrap_or_else(|| panic!("no element `{action_id}`"));
            assert!(element["type"].as_str().is_some_and(|kind| kind.ends_with("external_select")), "not external");
            let mut payload = state.basics("block_suggestion", user);
            payload["action_id"] = json!(action_id);
            payload["block_id"] = json!(block_id);
            payload["value"] = json!(typed);
            payload["container"] = json!({ "type": "view", "view_id": view.id });
            payload["view"] = view.json(state);
            payload
        })
    }

    /// A message shortcut.
    pub fn shortcut_payload(&self, user: &str, message: &Message, callback_id: &str) -> Value {
        let base = self.shared.base();
        self.change(|state| {
            let mut payload = state.basics("message_action", user);
            payload["callback_id"] = json!(callback_id);
            payload["channel"] = state.place(&message.channel);
            payload["message"] = message.json(state, false);
            payload["message_ts"] = json!(message.ts);
            payload["action_ts"] = json!(state.ts());
            payload["trigger_id"] = json!(state.trigger(user, None));
            payload["response_url"] = json!(state.hook(&base, user, &message.channel, None));
            payload
        })
    }

    /// The cover around an event.
    pub fn event_payload(&self, event: &Value) -> Value {
        self.change(|state| {
            json!({
                "token": "legacy", "team_id": TEAM, "api_app_id": state.app.id, "event": event, "type": "event_callback",
                "event_id": state.id("Ev"), "event_time": state.seconds(), "is_ext_shared_channel": false,
                "event_context": state.id("4-"), "context_team_id": TEAM, "context_enterprise_id": null,
                "authorizations": [{
                    "enterprise_id": null, "team_id": TEAM, "user_id": state.app.bot_user, "is_bot": true,
                    "is_enterprise_install": false,
                }],
            })
        })
    }
}

/// Remembers what was entered, by block and action.
fn note(answers: &mut serde_json::Map<String, Value>, action: &Value, entered: Value) {
    let word = |key: &str| action[key].as_str().unwrap_or_default().to_owned();
    answers.entry(word("block_id")).or_insert_with(|| json!({}))[word("action_id")] = entered;
}
