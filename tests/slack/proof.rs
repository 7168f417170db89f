//! Proof that the fake refuses what Slack refuses, and that clients which nobody here wrote get along with it.

mod clients;
mod stories;

use std::time::Duration;

use serde_json::{Value, json};

use super::{Channel, FakeSlack, Mishap, User, problems};

fn text(kind: &str, count: usize) -> Value {
    json!({ "type": kind, "text": "x".repeat(count) })
}

fn button(id: &str) -> Value {
    json!({ "type": "button", "action_id": id, "text": text("plain_text", 5), "value": "v" })
}

fn with(mut value: Value, key: &str, field: Value) -> Value {
    value[key] = field;
    value
}

fn option(text_length: usize, value_length: usize) -> Value {
    json!({ "text": text("plain_text", text_length), "value": "v".repeat(value_length) })
}

fn select(options: Vec<Value>) -> Value {
    json!({ "type": "static_select", "action_id": "s", "options": options })
}

fn actions(elements: &[Value]) -> Value {
    json!({ "type": "actions", "elements": elements })
}

fn confirm(title: usize, body: usize, yes: usize) -> Value {
    json!({
        "title": text("plain_text", title), "text": text("plain_text", body), "confirm": text("plain_text", yes),
        "deny": text("plain_text", 2),
    })
}

fn rich(kind: &str, elements: &Value) -> Value {
    json!({ "type": "rich_text", "elements": [{ "type": kind, "elements": elements }] })
}

/// Blocks at their limits, which Slack takes.
fn good() -> Vec<Value> {
    let chart = json!({
        "type": "data_visualization", "title": "t", "chart": { "type": "bar",
            "series": [{ "name": "s", "data": [{ "label": "a", "value": 1 }] }], "axis_config": { "categories": ["a"] } },
    });
    vec![
        json!({ "type": "section", "text": text("mrkdwn", 3000), "fields": vec![text("mrkdwn", 2000); 10] }),
        json!({ "type": "header", "text": text("plain_text", 150) }),
        json!({ "type": "divider", "block_id": "b".repeat(255) }),
        json!({ "type": "context", "elements": vec![text("mrkdwn", 10); 10] }),
        actions(&(0..25).map(|at| button(&format!("a{at}"))).collect::<Vec<_>>()),
        actions(&[with(button("a"), "value", json!("v".repeat(2000)))]),
        actions(&[with(button("a"), "text", text("plain_text", 75))]),
        actions(&[with(button("a"), "confirm", confirm(100, 300, 30))]),
        actions(&[select(vec![option(75, 150); 100])]),
        json!({ "type": "markdown", "text": "m".repeat(12_000) }),
        json!({ "type": "table", "rows": vec![vec![json!({ "type": "raw_text", "text": "c" }); 20]; 100] }),
        rich("rich_text_preformatted", &json!([{ "type": "text", "text": "SELECT <@U1> & <http://x|y>" }])),
        rich(
            "rich_text_section",
            &json!([{ "type": "user", "user_id": "U1" }, { "type": "link", "url": "https://x.test" }]),
        ),
        chart,
    ]
}

/// Blocks that Slack refuses, each with words of the complaint.
fn bad() -> Vec<(&'static str, Value)> {
    let preformatted_user = rich("rich_text_preformatted", &json!([{ "type": "user", "user_id": "U1" }]));
    vec![
        ("less than 3001", json!({ "type": "section", "text": text("mrkdwn", 3001) })),
        ("more than 0", json!({ "type": "section", "text": text("mrkdwn", 0) })),
        ("either text or fields", json!({ "type": "section" })),
        ("no more than 10", json!({ "type": "section", "fields": vec![text("mrkdwn", 5); 11] })),
        ("less than 2001", json!({ "type": "section", "fields": [text("mrkdwn", 2001)] })),
        ("unsupported type: html", json!({ "type": "section", "text": text("html", 5) })),
        ("additional property: colour", json!({ "type": "section", "text": text("mrkdwn", 5), "colour": "red" })),
        ("less than 151", json!({ "type": "header", "text": text("plain_text", 151) })),
        ("unsupported type: mrkdwn", json!({ "type": "header", "text": text("mrkdwn", 5) })),
        ("no more than 10", json!({ "type": "context", "elements": vec![text("mrkdwn", 5); 11] })),
        ("unsupported type: button", json!({ "type": "context", "elements": [button("a")] })),
        ("no more than 25", actions(&(0..26).map(|at| button(&format!("a{at}"))).collect::<Vec<_>>())),
        ("no fewer than 1", actions(&[])),
        ("action_id already exists", actions(&[button("a"), button("a")])),
        ("less than 76", actions(&[with(button("a"), "text", text("plain_text", 76))])),
        ("unsupported type: mrkdwn", actions(&[with(button("a"), "text", text("mrkdwn", 5))])),
        ("more than 0", actions(&[with(button("a"), "text", text("plain_text", 0))])),
        ("less than 2001", actions(&[with(button("a"), "value", json!("v".repeat(2001)))])),
        ("less than 256", actions(&[button(&"a".repeat(256))])),
        ("one of primary, danger", actions(&[with(button("a"), "style", json!("green"))])),
        ("less than 76", actions(&[with(button("a"), "accessibility_label", json!("l".repeat(76)))])),
        ("valid URL", actions(&[with(button("a"), "url", json!("not a url"))])),
        ("less than 101", actions(&[with(button("a"), "confirm", confirm(101, 5, 5))])),
        ("less than 301", actions(&[with(button("a"), "confirm", confirm(5, 301, 5))])),
        ("less than 31", actions(&[with(button("a"), "confirm", confirm(5, 5, 31))])),
        ("less than 256", json!({ "type": "divider", "block_id": "b".repeat(256) })),
        ("no more than 100", actions(&[select(vec![option(5, 5); 101])])),
        ("less than 76", actions(&[select(vec![option(76, 5)])])),
        ("less than 151", actions(&[select(vec![option(5, 151)])])),
        ("no fewer than 1", actions(&[select(vec![])])),
        ("must exactly match", actions(&[with(select(vec![option(5, 5)]), "initial_option", option(4, 4))])),
        ("either options or", actions(&[json!({ "type": "static_select", "action_id": "s" })])),
        ("unsupported type: hologram", json!({ "type": "hologram" })),
        ("missing required field: type", json!({ "text": text("mrkdwn", 5) })),
        (
            "unsupported type: input",
            json!({ "type": "input", "label": text("plain_text", 5), "element":
            { "type": "plain_text_input", "action_id": "i" } }),
        ),
        ("less than 12001", json!({ "type": "markdown", "text": "m".repeat(12_001) })),
        (
            "no more than 20",
            json!({ "type": "table", "rows": [vec![json!({ "type": "raw_text", "text": "c" }); 21]] }),
        ),
        ("unsupported type: user", preformatted_user),
        ("more than 0", rich("rich_text_section", &json!([{ "type": "text", "text": "" }]))),
        ("missing required field: url", rich("rich_text_section", &json!([{ "type": "link" }]))),
        ("unsupported type: rich_text_box", rich("rich_text_box", &json!([{ "type": "text", "text": "x" }]))),
        ("invalid slack file", json!({ "type": "image", "alt_text": "a", "slack_file": { "id": "F1" } })),
        ("either image_url or", json!({ "type": "image", "alt_text": "a" })),
        ("missing required field: alt_text", json!({ "type": "image", "image_url": "https://x.test/a.png" })),
    ]
}

#[test]
fn blocks_at_their_limits_are_taken() {
    for block in good() {
        assert_eq!(problems(&block), Vec::<String>::new(), "{block}");
    }
}

#[test]
fn blocks_beyond_a_limit_are_refused_with_a_pointer() {
    for (words, block) in bad() {
        let found = problems(&block).join("\n");
        assert!(found.contains(words) && found.contains("[json-pointer:/blocks/0"), "{words}: {found}");
    }
    assert!(problems(&json!(vec![json!({ "type": "divider" }); 51])).join("").contains("no more than 50"));
    let twice = json!([{ "type": "divider", "block_id": "b" }, { "type": "divider", "block_id": "b" }]);
    assert!(problems(&twice).join("").contains("block_id already exists"));
}

/// A workspace with two people and a channel.
async fn workspace() -> FakeSlack {
    let slack = FakeSlack::start().await;
    slack.add_user(User::member("U1", "Ada", "ada@example.com"));
    slack.add_user(User::member("U2", "Linus", "linus@example.com"));
    slack.add_channel(Channel::public("C1", "approvals", &["U0BOT", "U1", "U2"]));
    slack
}

/// Calls a method as the bot.
async fn call(slack: &FakeSlack, method: &str, args: &Value) -> Value {
    let token = slack.read(|state| {
        let app = &state.app;
        if method.starts_with("apps.") { app.app_token.clone() } else { app.bot_token.clone() }
    });
    call_with(slack, &token, method, args).await.1
}

async fn call_with(slack: &FakeSlack, token: &str, method: &str, args: &Value) -> (u16, Value) {
    let url = format!("{}/{method}", slack.api());
    let request = slack.shared.http.post(url).bearer_auth(token);
    let request = request.header("content-type", "application/json; charset=utf-8").body(args.to_string());
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or(Value::Null))
}

async fn error(slack: &FakeSlack, method: &str, args: Value) -> String {
    call(slack, method, &args).await["error"].as_str().unwrap_or("none").to_owned()
}

#[tokio::test]
async fn the_web_api_refuses_what_slack_refuses() {
    let slack = workspace().await;
    slack.add_channel(Channel::public("C2", "other", &["U1"]));
    slack.add_channel(Channel::private("C3", "secret", &["U1"]));
    slack.add_channel(Channel { archived: true, ..Channel::public("C4", "old", &["U0BOT"]) });
    let (theirs, _) = slack.say("U1", "C1", "hello").await;
    let divider = json!([{ "type": "divider" }]);
    for (method, args, wanted) in [
        ("chat.postMessage", json!({ "channel": "C9", "text": "x" }), "channel_not_found"),
        ("chat.postMessage", json!({ "channel": "C2", "text": "x" }), "not_in_channel"),
        ("chat.postMessage", json!({ "channel": "C3", "text": "x" }), "channel_not_found"),
        ("chat.postMessage", json!({ "channel": "C4", "text": "x" }), "is_archived"),
        ("chat.postMessage", json!({ "channel": "C1" }), "no_text"),
        ("chat.postMessage", json!({ "channel": "C1", "text": "x".repeat(40_001) }), "msg_too_long"),
        ("chat.postMessage", json!({ "channel": "C1", "blocks": { "type": "divider" } }), "invalid_blocks_format"),
        ("chat.postMessage", json!({ "channel": "C1", "text": "x", "username": "root" }), "missing_scope"),
        ("chat.postMessage", json!({ "channel": "C1", "text": "x", "thread_ts": "1.2" }), "thread_not_found"),
        (
            "chat.postMessage",
            json!({ "channel": "C1", "text": "x", "metadata": { "event_type": "a" } }),
            "invalid_metadata_format",
        ),
        ("chat.update", json!({ "channel": "C1", "ts": theirs.ts, "blocks": divider }), "cant_update_message"),
        ("chat.update", json!({ "channel": "C1", "ts": "1.2", "blocks": divider }), "message_not_found"),
        ("chat.delete", json!({ "channel": "C1", "ts": theirs.ts }), "cant_delete_message"),
        ("chat.postEphemeral", json!({ "channel": "C1", "text": "x", "user": "U9" }), "user_not_in_channel"),
        // A method that reads no JSON does not find its argument in it.
        ("users.info", json!({ "user": "U1" }), "user_not_found"),
        ("views.open", json!({ "trigger_id": "t", "view": { "type": "modal" } }), "invalid_arguments"),
        ("no.such", json!({}), "unknown_method"),
    ] {
        assert_eq!(error(&slack, method, args.clone()).await, wanted, "{method} {args}");
    }
    for (token, wanted) in [("xoxb-test-other", "invalid_auth"), ("xapp-test-app-token", "not_allowed_token_type")] {
        assert_eq!(call_with(&slack, token, "auth.test", &json!({})).await.1["error"], wanted);
    }
    slack.change(|state| state.app.scopes.remove("chat:write"));
    let scope = call(&slack, "chat.postMessage", &json!({ "channel": "C1", "text": "x" })).await;
    assert_eq!((&scope["error"], &scope["needed"]), (&json!("missing_scope"), &json!("chat:write")));
    slack.change(|state| state.app.revoked = true);
    assert_eq!(error(&slack, "auth.test", json!({})).await, "token_revoked");
}

#[tokio::test]
async fn each_answer_says_what_the_token_may_do_and_what_time_it_is() {
    let slack = workspace().await;
    let said = async |token: &str, method: &str, name: &str| {
        let sent = slack.shared.http.post(format!("{}/{method}", slack.api())).bearer_auth(token).send().await;
        let headers = sent.expect("an answer").headers().clone();
        headers.get(name).map(|value| value.to_str().expect("text").to_owned())
    };
    let bot = "xoxb-test-bot-token";
    let scopes = said(bot, "auth.test", "x-oauth-scopes").await.expect("there");
    assert!(scopes.split(',').any(|scope| scope == "chat:write"), "{scopes}");
    assert_eq!(said(bot, "auth.test", "x-accepted-oauth-scopes").await, None, "it needs none");
    // Also where the call itself is refused.
    assert_eq!(said(bot, "chat.postMessage", "x-accepted-oauth-scopes").await.as_deref(), Some("chat:write"));
    let app = said("xapp-test-app-token", "apps.connections.open", "x-oauth-scopes").await;
    assert_eq!(app.as_deref(), Some("connections:write"));
    assert_eq!(said("xoxb-another", "auth.test", "x-oauth-scopes").await, None);
    let date = async || {
        let date = said(bot, "auth.test", "date").await.expect("there");
        jiff::fmt::rfc2822::parse(&date).expect("a date").timestamp().as_second()
    };
    let before = date().await;
    slack.advance(Duration::from_secs(1_000));
    assert!((1_000..1_030).contains(&(date().await - before)));
    slack.change(|state| state.app.revoked = true);
    assert_eq!(said(bot, "auth.test", "x-oauth-scopes").await, None);
}

#[tokio::test]
async fn text_alone_takes_the_blocks_of_a_message_away() {
    let slack = workspace().await;
    let posted = call(
        &slack,
        "chat.postMessage",
        &json!({ "channel": "C1", "text": "t", "blocks": [actions(&[button("a")])] }),
    )
    .await;
    let first = slack.until_message("C1", |message| message.buttons().len() == 1).await;
    let ts = &posted["ts"];
    call(&slack, "chat.update", &json!({ "channel": "C1", "ts": ts, "text": "done" })).await;
    let now = slack.current(&first).expect("there");
    assert!(now.buttons().is_empty() && now.says("done") && now.edits == 1);
}

#[tokio::test]
async fn limits_slow_a_bot_down_and_mishaps_happen_when_asked() {
    let slack = workspace().await;
    let post = json!({ "channel": "C1", "text": "x" });
    slack.set_rate_limits(true);
    assert_eq!(call(&slack, "chat.postMessage", &post).await["ok"], true);
    let bot = slack.read(|state| state.app.bot_token.clone());
    // A minute back, so that a slow machine does not let the second pass.
    slack.change(|state| state.skew -= 60_000_000);
    assert_eq!(call_with(&slack, &bot, "chat.postMessage", &post).await.0, 429);
    slack.advance(Duration::from_secs(61));
    assert_eq!(call(&slack, "chat.postMessage", &post).await["ok"], true);
    slack.set_rate_limits(false);
    slack.mishap("chat.postMessage", [Mishap::Error("fatal_error"), Mishap::Lost]);
    assert_eq!(error(&slack, "chat.postMessage", post.clone()).await, "fatal_error");
    assert_eq!(call_with(&slack, &bot, "chat.postMessage", &post).await.0, 502);
    assert_eq!(slack.messages("C1").len(), 3, "the lost one was posted");
    slack.unavailable();
    assert_eq!(call_with(&slack, &bot, "chat.postMessage", &post).await.0, 503);
    slack.vanish().await;
    assert!(slack.shared.http.post(slack.api()).send().await.is_err());
    slack.up().await;
    assert_eq!(call(&slack, "chat.postMessage", &post).await["ok"], true);
}

fn modal(blocks: &Value) -> Value {
    json!({
        "type": "modal", "title": text("plain_text", 24), "submit": text("plain_text", 4), "blocks": blocks,
    })
}

fn fields() -> Value {
    let input = |id: &str, element: Value| json!({ "type": "input", "block_id": id, "label": text("plain_text", 5), "element": element });
    json!([
        input("why", json!({ "type": "plain_text_input", "action_id": "why", "min_length": 10 })),
        input("what", json!({ "type": "external_select", "action_id": "what", "min_query_length": 0 })),
        input(
            "level",
            json!({ "type": "radio_buttons", "action_id": "level", "options": [option(4, 4), option(5, 5)] })
        ),
    ])
}
