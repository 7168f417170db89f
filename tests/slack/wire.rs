//! HTTP delivery instead of sockets: signed requests, and forged ones.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::time::{Instant, timeout};

use super::people::Outcome;
use super::socket::{Envelope, Kind};
use super::{ACK, FakeSlack};

/// Where the app listens.
#[derive(Clone, Debug)]
pub(super) struct Endpoints {
    events: String,
    interactive: String,
    commands: String,
}

/// A request as it would be sent; a test may change any part of it.
#[derive(Clone, Debug)]
pub struct Signed {
    pub url: String,
    pub content_type: &'static str,
    pub timestamp: Option<String>,
    pub signature: Option<String>,
    pub retry: Option<u32>,
    pub body: String,
}

impl Signed {
    /// Another body under the same signature.
    pub fn tampered(self, from: &str, to: &str) -> Self {
        let body = self.body.replace(from, to);
        assert_ne!(body, self.body, "nothing was tampered with");
        Self { body, ..self }
    }

    /// Without a signature.
    pub fn unsigned(self) -> Self {
        Self { signature: None, ..self }
    }
}

/// `v0=` and the keyed hash over version, time and body.
pub fn signature(secret: &str, timestamp: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(format!("v0:{timestamp}:{body}").as_bytes());
    let mut signature = "v0=".to_owned();
    for byte in mac.finalize().into_bytes() {
        write!(signature, "{byte:02x}").expect("a string takes it");
    }
    signature
}

fn form<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

impl FakeSlack {
    /// From now on everything is posted to this URL instead of sent over sockets.
    pub fn deliver_by_http(&self, url: &str) {
        self.deliver_by_http_to(url, url, url);
    }

    /// The same, with a URL for each kind.
    pub fn deliver_by_http_to(&self, events: &str, interactive: &str, commands: &str) {
        let (events, interactive, commands) = (events.to_owned(), interactive.to_owned(), commands.to_owned());
        self.change(|state| state.endpoints = Some(Endpoints { events, interactive, commands }));
    }

    /// Back to sockets.
    pub fn deliver_by_socket(&self) {
        self.change(|state| state.endpoints = None);
    }

    /// A request with this payload, signed now.
    pub fn signed(&self, kind: Kind, payload: &Value) -> Signed {
        self.signed_at(kind, payload, 0)
    }

    /// Signed so many seconds ago (negative: in the future), with the right secret.
    pub fn signed_at(&self, kind: Kind, payload: &Value, seconds_ago: i64) -> Signed {
        let secret = self.read(|state| state.app.signing_secret.clone());
        self.signed_with(&secret, kind, payload, seconds_ago)
    }

    /// Signed with any secret.
    pub fn signed_with(&self, secret: &str, kind: Kind, payload: &Value, seconds_ago: i64) -> Signed {
        let (endpoints, now) = self.read(|state| (state.endpoints.clone(), state.seconds()));
        let endpoints = endpoints.expect("deliver_by_http came before");
        let text = payload.to_string();
        let (url, content_type, body) = match kind {
            Kind::Event => (endpoints.events, "application/json", text),
            Kind::Interactive => {
                (endpoints.interactive, "application/x-www-form-urlencoded", form([("payload", text.as_str())]))
            }
            Kind::Slash => {
                let pairs = payload.as_object().expect("fields");
                let pairs = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()));
                (endpoints.commands, "application/x-www-form-urlencoded", form(pairs))
            }
        };
        let timestamp = (now - seconds_ago).to_string();
        let signature = Some(signature(secret, &timestamp, &body));
        Signed { url, content_type, timestamp: Some(timestamp), signature, retry: None, body }
    }

    /// Sends a request and says what came back: the status and the body. Sent twice, it is a replay.
    pub async fn send(&self, signed: &Signed) -> Result<(u16, String), String> {
        let mut request = self.shared.http.post(&signed.url).header("content-type", signed.content_type);
        request = request.header("user-agent", "Slackbot 1.0 (+https://api.slack.com/robots)");
        if let Some(timestamp) = &signed.timestamp {
            request = request.header("x-slack-request-timestamp", timestamp);
        }
        if let Some(signature) = &signed.signature {
            request = request.header("x-slack-signature", signature);
        }
        if let Some(retry) = signed.retry {
            request = request.header("x-slack-retry-num", retry).header("x-slack-retry-reason", "http_timeout");
        }
        let response = request.body(signed.body.clone()).send().await.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        Ok((status, response.text().await.map_err(|error| error.to_string())?))
    }

    /// What Slack does when a request URL is entered: the app must say the challenge.
    pub async fn verify_url(&self) -> bool {
        let challenge = self.change(|state| state.id("challenge"));
        let asked = json!({ "token": "legacy", "type": "url_verification", "challenge": challenge });
        let answer = self.send(&self.signed(Kind::Event, &asked)).await;
        answer.is_ok_and(|(status, body)| {
            let value: Value = serde_json::from_str(&body).unwrap_or(json!({ "challenge": body }));
            status == 200 && value["challenge"] == json!(challenge)
        })
    }

    pub(super) async fn over_http(&self, kind: Kind, payload: &Value, attempt: u32) -> Outcome {
        let mut signed = self.signed(kind, payload);
        signed.retry = (attempt > 0).then_some(attempt);
        let id = self.change(|state| state.id("http-"));
        let mut envelope = Envelope::new(&id, kind, payload.clone(), attempt);
        let start = Instant::now();
        let answer = timeout(ACK, self.send(&signed)).await;
        let delay = start.elapsed();
        let answer = match answer {
            Err(_) => Err("operation_timeout".to_owned()),
            Ok(Err(_)) => Err("dispatch_failed".to_owned()),
            Ok(Ok((200, body))) => Ok(body),
            Ok(Ok((status, _))) => Err(format!("dispatch_failed: http status {status}")),
        };
        envelope.acked = answer.is_ok().then_some(delay);
        envelope.error = answer.as_ref().err().cloned();
        self.change(|state| state.sockets.record(envelope));
        let error = answer.as_ref().err().cloned();
        let said = answer.ok().filter(|body| !body.is_empty());
        // A command may be answered with bare text.
        let payload = said.map(|body| serde_json::from_str(&body).unwrap_or(Value::String(body)));
        Outcome { envelope: id, payload, delay, error }
    }
}
