//! What can be said at once, while somebody types: which targets fit, and what is wrong with a form.

use workflows::Workflows;
use workflows::clock::Span;
use workflows::identity::ChatUser;

use crate::form::{FormName, Values};

/// The most that a platform shows.
const MOST: usize = 25;

/// The targets that fit what somebody typed, among those that they may ask for.
pub(crate) async fn targets(workflows: &Workflows, who: &ChatUser, typed: &str) -> Vec<(String, String)> {
    let Ok(known) = workflows.authenticate_chat(who).await else { return Vec::new() };
    let typed = typed.trim().to_lowercase();
    let may = workflows.policy().may_ask(&known.identity().name, workflows.clock().now());
    let fits = may.into_iter().filter(|one| !one.emergency && one.target.name.as_str().contains(&typed));
    let words = |one: workflows::policy::MayAsk| {
        let levels: Vec<&str> = one.levels.iter().map(|level| level.as_str()).collect();
        let name = one.target.name.to_string();
        let words = format!("{name} ({}, at most {})", levels.join("/"), one.at_most);
        (name, words.chars().take(75).collect())
    };
    fits.map(words).take(MOST).collect()
}

/// What is wrong with what was filled in.
pub(crate) fn mistakes(form: FormName, values: &Values) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    let filled = |name: &str| values.get(name).is_some_and(|value| !value.trim().is_empty());
    let mut need = |name: &'static str, words: &str| {
        if !filled(name) {
            wrong.push((name, words.to_owned()));
        }
    };
    match form {
        FormName::Request | FormName::Emergency => {
            need("target", "say to what");
            need("span", "say for how long, like 45m");
            need("because", "say why");
        }
        FormName::Extend => need("span", "say for how long, like 45m"),
        FormName::Question | FormName::Answer => need("text", "write something"),
        FormName::Deny | FormName::Revoke => need("because", "say why; it is shown to them"),
        FormName::Delegate => need("person", "choose somebody"),
        FormName::Again => need("what", "say what may run again"),
        FormName::Less | FormName::Read => {}
    }
    if let Some(span) = values.get("span").filter(|span| !span.trim().is_empty())
        && let Err(error) = span.parse::<Span>()
    {
        wrong.push(("span", error.to_string()));
    }
    wrong
}
