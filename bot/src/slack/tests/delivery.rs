//! HTTP delivery: what is signed, and what is not.

use std::fmt::Write as _;

use axum::Router;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use workflows::Faults;
use workflows::clock::Clock;

use super::{By, SIGNING, World};
use crate::platform::Platform as _;

/// Nothing is asked of Slack here.
const NOWHERE: &str = "http://127.0.0.1:9/api";

/// HMAC-SHA256, written a second time (RFC 2104).
fn sign(secret: &str, moment: &str, body: &str) -> String {
    let mut key = [0_u8; 64];
    key[..secret.len()].copy_from_slice(secret.as_bytes());
    let pad = |with: u8| key.map(|byte| byte ^ with);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(format!("v0:{moment}:{body}")).finalize();
    let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
    outer.iter().fold("v0=".to_owned(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// A server with the routes, and a client.
struct Door {
    world: World,
    base: String,
    client: reqwest::Client,
    serving: tokio::task::JoinSet<()>,
}

impl Door {
    async fn new() -> Self {
        Self::of(World::new(NOWHERE, By::Http).await).await
    }

    async fn of(world: World) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut door = Self { base: String::new(), client, serving: tokio::task::JoinSet::new(), world };
        let world = &door.world;
        let router = world.slack.hooks(world.inbox.clone());
        door.listen(router).await;
        door
    }

    /// Serves the routes of another adapter.
    async fn serve(&mut self, world: &World) {
        self.listen(world.slack.hooks(world.inbox.clone())).await;
    }

    async fn listen(&mut self, router: Router) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.base = format!("http://{}", listener.local_addr().unwrap());
        self.serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
    }

    async fn send(&self, path: &str, body: &str, moment: &str, signature: Option<&str>) -> (u16, String) {
        let mut request =
            self.client.post(format!("{}{path}", self.base)).header("x-slack-request-timestamp", moment);
        if let Some(signature) = signature {
            request = request.header("x-slack-signature", signature);
        }
        let response = request.body(body.to_owned()).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn signed(&self, path: &str, body: &str) -> (u16, String) {
        let moment = seconds(0);
        self.send(path, body, &moment, Some(&sign(SIGNING, &moment, body))).await
    }
}

fn seconds(off: i64) -> String {
    (Clock::System.now().micros() / 1_000_000 + off).to_string()
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn command(text: &str) -> String {
    let fields = [
        ("command", "/access"),
        ("text", text),
        ("team_id", "T1"),
        ("user_id", "U1"),
        ("trigger_id", "1.2"),
        ("api_app_id", "A1"),
    ];
    form(&fields)
}

#[tokio::test]
async fn only_what_slack_has_signed_within_five_minutes_is_taken() {
    let door = Door::new().await;
    let body = command("orders 1h");
    let (now, stale, future) = (seconds(0), seconds(-310), seconds(310));
    let good = sign(SIGNING, &now, &body);
    let upper = good.to_uppercase();
    for (what, path, body, moment, signature) in [
        ("tampered", "/slack/commands", command("orders 9h").as_str(), now.as_str(), Some(good.as_str())),
        ("other secret", "/slack/commands", &body, &now, Some(sign("other", &now, &body).as_str())),
        ("stale", "/slack/commands", &body, &stale, Some(sign(SIGNING, &stale, &body).as_str())),
        ("future", "/slack/commands", &body, &future, Some(sign(SIGNING, &future, &body).as_str())),
        ("moved in time", "/slack/commands", &body, &seconds(-1), Some(good.as_str())),
        ("unsigned", "/slack/commands", &body, &now, None),
        ("empty", "/slack/commands", &body, &now, Some("")),
        ("shouted", "/slack/commands", &body, &now, Some(upper.as_str())),
        ("no moment", "/slack/commands", &body, "soon", Some(sign(SIGNING, "soon", &body).as_str())),
        ("unsigned event", "/slack/events", "{}", &now, None),
        ("unsigned challenge", "/slack/events", r#"{"type":"url_verification","challenge":"c"}"#, &now, None),
        ("unsigned click", "/slack/interactions", "payload=%7B%7D", &now, None),
    ] {
        let (status, answer) = door.send(path, body, moment, signature).await;
        assert_eq!((status, answer.as_str()), (401, ""), "{what}");
    }
    assert_eq!(door.world.letters().await, Vec::<String>::new());
    assert_eq!(door.send("/slack/commands", &body, &now, Some(&good)).await, (200, String::new()));
    // The same again is the same.
    assert_eq!(door.send("/slack/commands", &body, &now, Some(&good)).await, (200, String::new()));
    let letters = door.world.letters().await;
    assert_eq!(letters.len(), 1);
    let read = door.world.slack.read(&letters[0]).unwrap().unwrap();
    assert!(format!("{:?}", read.what).contains("access orders 1h"));
}

#[tokio::test]
async fn events_and_clicks_are_stored_and_a_challenge_is_answered() {
    let door = Door::new().await;
    let challenge = json!({ "type": "url_verification", "challenge": "c0ffee" }).to_string();
    assert_eq!(door.signed("/slack/events", &challenge).await, (200, "c0ffee".to_owned()));
    let click = json!({
        "type": "block_actions", "api_app_id": "A1", "user": { "id": "U1", "team_id": "T1" }, "team": null,
        "container": { "message_ts": "1.1", "channel_id": "C1" },
        "actions": [{ "action_id": "approve", "value": "crd_1|", "action_ts": "2.2" }],
    });
    let body = form(&[("payload", &click.to_string())]);
    assert_eq!(door.signed("/slack/interactions", &body).await, (200, String::new()));
    assert_eq!(door.world.letters().await, [click.to_string()]);
    // Another app's, now that ours is known.
    let mut other = click;
    other["api_app_id"] = json!("A2");
    other["actions"][0]["action_ts"] = json!("2.3");
    let body = form(&[("payload", &other.to_string())]);
    assert_eq!(door.signed("/slack/interactions", &body).await, (200, String::new()));
    assert_eq!(door.world.letters().await, Vec::<String>::new());
    assert_eq!(door.signed("/slack/interactions", "payload=no").await.0, 400);
    assert_eq!(door.signed("/slack/events", "no").await.0, 400);
    assert_eq!(door.signed("/slack/events", &"x".repeat((1 << 20) + 1)).await.0, 413);
}

fn submission(values: Value) -> String {
    let blocks = json!([{ "type": "input", "block_id": "because", "element": { "type": "plain_text_input", "action_id": "because" } }]);
    let view = json!({ "id": "V1", "type": "modal", "callback_id": "deny", "private_metadata": "crd_1", "blocks": blocks, "state": { "values": values } });
    let payload = json!({ "type": "view_submission", "api_app_id": "A1", "user": { "id": "U1", "team_id": "T1" }, "view": view });
    form(&[("payload", &payload.to_string())])
}

#[tokio::test]
async fn a_form_with_mistakes_is_answered_and_not_stored() {
    let door = Door::new().await;
    let (status, answer) = door.signed("/slack/interactions", &submission(json!({}))).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(status, 200);
    assert_eq!(answer["response_action"], "errors");
    assert!(answer["errors"]["because"].is_string(), "{answer}");
    assert_eq!(door.world.letters().await, Vec::<String>::new());
    let good = submission(json!({ "because": { "because": { "type": "plain_text_input", "value": "no" } } }));
    assert_eq!(door.signed("/slack/interactions", &good).await, (200, String::new()));
    assert_eq!(door.world.letters().await.len(), 1);
}

#[tokio::test]
async fn type_ahead_is_answered_at_once_and_tells_a_stranger_nothing() {
    let door = Door::new().await;
    let payload = json!({ "type": "block_suggestion", "user": { "id": "U9", "team_id": "T9" }, "action_id": "target", "block_id": "target", "value": "o" });
    let answer = door.signed("/slack/interactions", &form(&[("payload", &payload.to_string())])).await;
    assert_eq!(answer, (200, r#"{"options":[]}"#.to_owned()));
}

#[tokio::test]
async fn what_can_not_be_stored_is_said_to_whoever_did_it() {
    for nth in 1..40 {
        let Some(world) = World::with(NOWHERE, By::Http, Faults::nth_commit(nth, false)).await else { continue };
        let door = Door::of(world).await;
        let (status, answer) = door.signed("/slack/commands", &command("orders 1h")).await;
        assert_eq!(status, 200);
        if answer.is_empty() {
            // That commit was one of the start, or comes later.
            continue;
        }
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["response_type"], "ephemeral");
        assert!(!answer["text"].as_str().unwrap().is_empty());
        assert_eq!(door.world.letters().await, Vec::<String>::new());
        return;
    }
    panic!("no commit failed");
}

#[tokio::test]
async fn without_a_signing_secret_there_is_no_door() {
    let mut door = Door::new().await;
    let world = World::new(NOWHERE, By::Socket).await;
    door.serve(&world).await;
    assert_eq!(door.signed("/slack/events", "{}").await.0, 404);
}
