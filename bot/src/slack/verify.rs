//! HTTP delivery: every request is verified before anything of it is looked at (G11).

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::{Map, Value, json};
use slack_morphism::SlackSigningSecret;
use slack_morphism::signature_verifier::SlackEventSignatureVerifier;
use tokio_util::task::TaskTracker;
use tracing::warn;
use workflows::secret::Secret;

use super::intake::Ack;
use super::{Slack, read};
use crate::inbox::Inbox;

/// The longest request that is read.
const LONGEST: usize = 1 << 20;

/// What the routes have.
#[derive(Clone)]
struct Door {
    slack: Slack,
    inbox: Inbox,
    verifier: SlackEventSignatureVerifier,
    after: TaskTracker,
}

/// A body that Slack has signed within the last five minutes. The routes take nothing else, so none can forget to ask.
struct Signed(String);

impl FromRequest<Door> for Signed {
    type Rejection = Response;

    async fn from_request(request: Request, door: &Door) -> Result<Self, Response> {
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, door).await.map_err(axum::response::IntoResponse::into_response)?;
        let signed = signed(&door.verifier, &headers, &body);
        signed.map(|body| Self(body.to_owned())).ok_or_else(|| {
            warn!("a request that Slack has not signed was refused");
            StatusCode::UNAUTHORIZED.into_response()
        })
    }
}

/// The body, if it bears the signature in its headers: compared in constant time, at most five minutes old or ahead.
fn signed<'a>(verifier: &SlackEventSignatureVerifier, headers: &HeaderMap, body: &'a [u8]) -> Option<&'a str> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let signature = header(SlackEventSignatureVerifier::SLACK_SIGNED_HASH_HEADER)?;
    let moment = header(SlackEventSignatureVerifier::SLACK_SIGNED_TIMESTAMP)?;
    let body = std::str::from_utf8(body).ok()?;
    verifier.verify(signature, body, moment).ok().map(|()| body)
}

/// The routes; none where Slack delivers by sockets.
pub(super) fn hooks(slack: Slack, inbox: Inbox, secret: Option<&Secret<String>>) -> Router {
    let Some(secret) = secret else { return Router::new() };
    let verifier = SlackEventSignatureVerifier::new(&SlackSigningSecret(secret.reveal().clone()));
    let door = Door { slack, inbox, verifier, after: TaskTracker::new() };
    Router::new()
        .route("/slack/events", post(events))
        .route("/slack/interactions", post(interactions))
        .route("/slack/commands", post(commands))
        .layer(DefaultBodyLimit::max(LONGEST))
        .with_state(door)
}

async fn events(State(door): State<Door>, Signed(body): Signed) -> Response {
    let Ok(payload) = serde_json::from_str::<Value>(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    if read::word(&payload, "/type") == "url_verification" {
        let challenge = read::word(&payload, "/challenge").to_owned();
        return ([(header::CONTENT_TYPE, "text/plain")], challenge).into_response();
    }
    door.take(&payload, &body).await
}

async fn interactions(State(door): State<Door>, Signed(body): Signed) -> Response {
    let letter = fields(&body).remove("payload");
    let Some(letter) = letter.as_ref().and_then(Value::as_str) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match serde_json::from_str::<Value>(letter) {
        Ok(payload) => door.take(&payload, letter).await,
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn commands(State(door): State<Door>, Signed(body): Signed) -> Response {
    let payload = Value::Object(fields(&body));
    // Slack asks this of each address from time to time, with nothing to do.
    if read::word(&payload, "/ssl_check") == "1" {
        return StatusCode::OK.into_response();
    }
    let letter = payload.to_string();
    door.take(&payload, &letter).await
}

/// A form's fields.
fn fields(body: &str) -> Map<String, Value> {
    url::form_urlencoded::parse(body.as_bytes()).map(|(key, value)| (key.into_owned(), json!(value))).collect()
}

impl Door {
    async fn take(&self, payload: &Value, letter: &str) -> Response {
        // The signature is made with a secret of this app alone, so this is its id.
        self.slack.learn_app(read::word(payload, "/api_app_id"));
        let Ack { payload, tell } = self.slack.take(&self.inbox, payload, letter).await;
        if let Some(tell) = tell {
            let slack = self.slack.clone();
            self.after.spawn(async move { slack.tell(tell).await });
        }
        match payload {
            Some(payload) => {
                ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], payload.to_string()).into_response()
            }
            None => StatusCode::OK.into_response(),
        }
    }
}
