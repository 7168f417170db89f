//! What is right between us and Slack and what is not, in words that say what to do.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::json;
use workflows::clock::Clock;

use super::Slack;
use super::api::{As, PATIENCE};
use super::manifest::scopes;
use crate::doctor::{clock, good, warning, wrong};
use crate::event::Place;
use crate::platform::{Finding, Fitness, PlatformError};

#[derive(Debug, Deserialize)]
struct Test {
    #[serde(default)]
    ok: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    team: String,
    #[serde(default)]
    user: String,
}

/// Everything, from the token to the socket.
pub(super) async fn examine(slack: &Slack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (headers, test) = match ask(slack).await {
        Ok(answer) => answer,
        Err(why) => {
            let fix = format!(
                "Look whether this machine reaches {}: name, proxy, firewall, certificates.",
                slack.api().base()
            );
            return vec![wrong(format!("Slack can't be reached: {why}"), fix)];
        }
    };
    findings.push(clock("Slack", &headers, Clock::System.now().micros() / 1_000_000));
    if !test.ok {
        findings.push(wrong(
            format!("Slack refuses the bot's token: {}", test.error),
            "Copy the token that begins with `xoxb-` from the app's page \"OAuth & Permissions\" to where `[slack] bot_token` points; install the app anew if there is none.",
        ));
        return findings;
    }
    findings.push(good(format!("the bot is `{}` in the workspace `{}`", test.user, test.team)));
    findings.extend(rights(&headers));
    findings.extend(places(slack).await);
    findings.push(delivery(slack).await);
    findings.push(if slack.0.client.is_some() {
        good("people can link their accounts by signing in with Slack")
    } else {
        warning(
            "nobody can link an account: `[slack]` has no `client_id`",
            "Copy the client id and secret from the app's page \"Basic Information\" into `client_id` and `client_secret`.",
        )
    });
    findings
}

/// `auth.test`, with the headers that the crate keeps to itself.
async fn ask(slack: &Slack) -> Result<(HeaderMap, Test), &'static str> {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE);
    // In clear this is for this machine alone, and a proxy would read the token.
    let local = slack.api().base().starts_with("http://");
    let client = if local { client.no_proxy() } else { client.https_only(true) };
    let client = client.build().map_err(|_| "no connection can be made from here")?;
    let request = client.post(format!("{}/auth.test", slack.api().base())).bearer_auth(slack.api().bot_token());
    // The error's own words hold the address.
    let response = request
        .send()
        .await
        .map_err(|error| if error.is_timeout() { "it does not answer" } else { "no way there" })?;
    let headers = response.headers().clone();
    let test = response.json().await.map_err(|_| "its answer can't be understood")?;
    Ok((headers, test))
}

/// The rights that the token has, against those that are needed.
fn rights(headers: &HeaderMap) -> Vec<Finding> {
    let Some(has) = headers.get("x-oauth-scopes").and_then(|list| list.to_str().ok()) else {
        return vec![warning(
            "Slack did not say which rights the token has",
            "Compare the app with `countersign slack manifest`.",
        )];
    };
    let has: Vec<&str> = has.split(',').map(str::trim).collect();
    let missing = scopes().iter().filter(|(scope, _)| !has.contains(scope));
    let told = |(scope, why): &(&str, &str)| {
        wrong(
            format!("the token lacks the right `{scope}`: {why}"),
            format!(
                "Add `{scope}` to the bot's scopes on the app's page \"OAuth & Permissions\", and install the app anew."
            ),
        )
    };
    let missing: Vec<Finding> = missing.map(told).collect();
    if missing.is_empty() { vec![good("the token has every right that is needed")] } else { missing }
}

/// The channels of the configuration.
async fn places(slack: &Slack) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, id) in [("channel", &slack.0.channel), ("alarms", &slack.0.alarms)] {
        let Some(id) = id else { continue };
        let named = format!("`[slack] {key}` = `{id}`");
        findings.push(match slack.look_at(&Place(id.clone())).await {
            Ok(Fitness::Fit) => good(format!("{named} can be posted in")),
            Ok(Fitness::Shared) => wrong(
                format!("{named} is shared with another company, so nothing is posted there"),
                "Name a channel that only your own people read.",
            ),
            Ok(Fitness::Archived) => wrong(format!("{named} is archived"), "Unarchive it, or name another channel."),
            Ok(Fitness::NotThere) => wrong(
                format!("{named} is not there, or the bot is not in it"),
                "Write the channel's id (`C…`, at the end of its details), and invite the bot there with `/invite`.",
            ),
            Err(error) => wrong(format!("{named} can't be looked at: {error}"), "See the findings above."),
        });
    }
    findings
}

/// The way in which Slack delivers.
async fn delivery(slack: &Slack) -> Finding {
    if !slack.api().has_app_token() {
        return good("Slack delivers over HTTP to /slack/events, /slack/interactions and /slack/commands");
    }
    let opened: Result<super::api::Nothing, _> =
        slack.api().post_as(As::App, "apps.connections.open", &json!({}), "").await;
    match opened {
        Ok(_ticket) => good("a socket can be opened"),
        Err(PlatformError::Limited(wait)) => {
            let minutes = wait.max(Duration::from_mins(1)).as_secs().div_ceil(60);
            warning("sockets were opened too often to try another", format!("Look again in {minutes} min."))
        }
        Err(PlatformError::Scope(scope)) => wrong(
            format!("the app's token lacks the right `{scope}`"),
            "Make an app-level token with `connections:write` on the app's page \"Basic Information\".",
        ),
        Err(PlatformError::Token(why)) => wrong(
            format!("Slack refuses the app's token: {why}"),
            "Copy the token that begins with `xapp-` from the app's page \"Basic Information\" to where `[slack] app_token` points.",
        ),
        Err(error) => wrong(
            format!("no socket can be opened: {error}"),
            "Switch Socket Mode on, on the app's page \"Socket Mode\".",
        ),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;
    use crate::platform::Grade;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn every_missing_right_is_named_with_what_it_is_for() {
        let all: Vec<&str> = scopes().iter().map(|(scope, _)| *scope).collect();
        assert_eq!(
            rights(&headers(&[("x-oauth-scopes", &all.join(","))])),
            vec![good("the token has every right that is needed")]
        );
        let few = rights(&headers(&[("x-oauth-scopes", "chat:write, commands,users:read")]));
        assert_eq!(few.len(), scopes().len() - 3);
        assert!(few.iter().all(|one| one.grade == Grade::Wrong && !one.fix.is_empty()));
        assert!(few.iter().any(|one| one.what.contains("`im:write`: write to people")));
        assert_eq!(rights(&headers(&[]))[0].grade, Grade::Warning);
    }
}
