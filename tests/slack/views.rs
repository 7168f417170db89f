//! Modals and the Home tab.

use serde_json::{Map, Value, json};

use super::TEAM;
use super::api::{Answer, Args, Refused, refuse, refuse_with};
use super::limits::{Check, Place};
use super::world::{State, View};

/// How many modals may lie on each other.
const STACK: usize = 3;
/// A view as JSON.
const SIZE: usize = 250_000;

impl State {
    /// Reads and judges a view.
    pub(super) fn judged(&self, mut view: Value, want: Place) -> Result<Value, Refused> {
        let kind = if want == Place::Home { "home" } else { "modal" };
        if view["type"] != json!(kind) {
            let wrong = format!("[ERROR] must be of type {kind} [json-pointer:/view/type]");
            return refuse_with("invalid_arguments", vec![wrong]);
        }
        if view.to_string().len() > SIZE {
            return refuse("view_too_large");
        }
        let complete = self.files.values().filter(|file| file.complete).map(|file| file.id.clone()).collect();
        let problems = Check::new(want, self.switches.charts, complete).view(&mut view);
        if problems.is_empty() { Ok(view) } else { refuse_with("invalid_arguments", problems) }
    }

    fn fresh(&mut self, user: &str, content: Value) -> View {
        let id = self.id("V");
        View {
            root: id.clone(),
            hash: format!("{}.{}", self.seconds(), self.id("h")),
            id,
            user: user.to_owned(),
            content,
            previous: None,
            answers: Map::new(),
        }
    }

    /// Takes the trigger, or says why not. It is used up.
    fn spend(&mut self, args: &Args) -> Result<(String, Option<String>), Refused> {
        let now = self.now();
        let Ok(id) = args.need("trigger_id") else { return refuse("invalid_trigger_id") };
        let Some(trigger) = self.triggers.get_mut(id) else { return refuse("invalid_trigger_id") };
        if trigger.until <= now {
            return refuse("expired_trigger_id");
        }
        if std::mem::replace(&mut trigger.used, true) {
            return refuse("exchanged_trigger_id");
        }
        Ok((trigger.user.clone(), trigger.from_view.clone()))
    }

    /// `external_id` is one of a kind among the views that are there.
    fn unique(&self, content: &Value, but: Option<&str>) -> Result<(), Refused> {
        let Some(name) = content["external_id"].as_str().filter(|name| !name.is_empty()) else { return Ok(()) };
        let same = |view: &&View| view.content["external_id"] == json!(name) && Some(view.id.as_str()) != but;
        if self.views.values().any(|view| same(&view)) { refuse("duplicate_external_ID") } else { Ok(()) }
    }

    /// Puts a modal upon what this person has open.
    pub(super) fn push_view(&mut self, user: &str, content: Value) -> Result<View, Refused> {
        let stack = self.stacks.get(user).cloned().unwrap_or_default();
        if stack.len() >= STACK {
            return refuse("push_limit_reached");
        }
        self.unique(&content, None)?;
        let mut view = self.fresh(user, content);
        if let Some(below) = stack.last() {
            view.previous = Some(below.clone());
            view.root.clone_from(&self.views[below].root);
        }
        self.views.insert(view.id.clone(), view.clone());
        self.stacks.entry(user.to_owned()).or_default().push(view.id.clone());
        Ok(view)
    }

    /// Replaces what a view says. Answers to questions that stay are kept.
    pub(super) fn replace_view(&mut self, id: &str, content: Value) -> View {
        let hash = format!("{}.{}", self.seconds(), self.id("h"));
        let view = self.views.get_mut(id).expect("a view");
        view.content = content;
        view.hash = hash;
        view.clone()
    }

    /// Takes all modals from before this person.
    pub(super) fn clear_stack(&mut self, user: &str) {
        for id in self.stacks.remove(user).unwrap_or_default() {
            self.views.remove(&id);
        }
    }

    /// Takes the top modal away.
    pub(super) fn pop_view(&mut self, user: &str) {
        let top = self.stacks.get_mut(user).and_then(Vec::pop);
        if let Some(id) = top {
            self.views.remove(&id);
        }
    }
}

impl View {
    /// As the API and payloads have it.
    pub(super) fn json(&self, state: &State) -> Value {
        let mut value = self.content.clone();
        for (key, usual) in [
            ("private_metadata", json!("")),
            ("callback_id", json!("")),
            ("external_id", json!("")),
            ("clear_on_close", json!(false)),
            ("notify_on_close", json!(false)),
            ("close", Value::Null),
            ("submit", Value::Null),
        ] {
            if value.get(key).is_none() {
                value[key] = usual;
            }
        }
        value["id"] = json!(self.id);
        value["team_id"] = json!(TEAM);
        value["app_id"] = json!(state.app.id);
        value["app_installed_team_id"] = json!(TEAM);
        value["bot_id"] = json!(state.app.bot_id);
        value["hash"] = json!(self.hash);
        value["root_view_id"] = json!(self.root);
        value["previous_view_id"] = json!(self.previous);
        value["state"] = json!({ "values": super::forms::values(&self.content["blocks"], &self.answers) });
        value
    }
}

fn wanted(args: &Args) -> Result<Value, Refused> {
    match args.json("view")? {
        Some(view @ Value::Object(_)) => Ok(view),
        _ => refuse_with("invalid_arguments", vec!["[ERROR] missing required field: view".to_owned()]),
    }
}

pub(super) fn open(state: &mut State, args: &Args) -> Answer {
    let content = state.judged(wanted(args)?, Place::Modal)?;
    let (user, _) = state.spend(args)?;
    // A modal that is opened takes the place of whatever lay there.
    state.clear_stack(&user);
    let view = state.push_view(&user, content)?;
    Ok(json!({ "view": view.json(state) }))
}

pub(super) fn push(state: &mut State, args: &Args) -> Answer {
    let content = state.judged(wanted(args)?, Place::Modal)?;
    let (user, from) = state.spend(args)?;
    if from.is_none_or(|id| !state.views.contains_key(&id)) {
        return refuse("not_found");
    }
    let view = state.push_view(&user, content)?;
    Ok(json!({ "view": view.json(state) }))
}

pub(super) fn update(state: &mut State, args: &Args) -> Answer {
    let known = match (args.text("view_id"), args.text("external_id")) {
        (Some(_), Some(_)) | (None, None) => {
            return refuse_with("invalid_arguments", vec!["[ERROR] one of view_id and external_id".to_owned()]);
        }
        (Some(id), None) => state.views.get(id),
        (None, Some(name)) => state.views.values().find(|view| view.content["external_id"] == json!(name)),
    };
    let Some(known) = known.cloned() else { return refuse("not_found") };
    let place = if known.content["type"] == json!("home") { Place::Home } else { Place::Modal };
    let content = state.judged(wanted(args)?, place)?;
    if args.text("hash").is_some_and(|hash| hash != known.hash) {
        return refuse("hash_conflict");
    }
    state.unique(&content, Some(&known.id))?;
    let view = state.replace_view(&known.id, content);
    Ok(json!({ "view": view.json(state) }))
}

pub(super) fn publish(state: &mut State, args: &Args) -> Answer {
    let user = args.need("user_id")?.to_owned();
    if !state.users.contains_key(&user) {
        return refuse("user_not_found");
    }
    let content = state.judged(wanted(args)?, Place::Home)?;
    let known = state.homes.get(&user).cloned();
    if let (Some(hash), Some(id)) = (args.text("hash"), &known)
        && hash != state.views[id].hash
    {
        return refuse("hash_conflict");
    }
    state.unique(&content, known.as_deref())?;
    let view = if let Some(id) = known {
        state.replace_view(&id, content)
    } else {
        let view = state.fresh(&user, content);
        state.views.insert(view.id.clone(), view.clone());
        state.homes.insert(user, view.id.clone());
        view
    };
    Ok(json!({ "view": view.json(state) }))
}
