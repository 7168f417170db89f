//! The Web API's door: who may call what, in which form, how often; then the method itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State as With};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use super::world::{Call, State};
use super::{Shared, chat, conversations, files, openid, views};

/// How the next call of a method goes wrong.
#[derive(Clone, Debug)]
pub enum Mishap {
    /// Refused with this error; nothing happened.
    Error(&'static str),
    /// 429 with these seconds in Retry-After; nothing happened.
    Slow(u64),
    /// It was done, but the answer is lost behind a proxy's 502.
    Lost,
    /// 500 with no JSON; nothing happened.
    Broken,
    /// It arrives, and is done only once this is told: calls overtake each other on the way.
    Late(Arc<tokio::sync::Notify>),
}

/// Why a call is refused.
#[derive(Debug)]
pub(super) enum Refused {
    Error { error: String, messages: Vec<String>, more: Map<String, Value> },
    Slow(u64),
}

pub(super) type Answer = Result<Value, Refused>;

pub(super) fn refuse<T>(error: &str) -> Result<T, Refused> {
    refuse_with(error, Vec::new())
}

pub(super) fn refuse_with<T>(error: &str, messages: Vec<String>) -> Result<T, Refused> {
    Err(Refused::Error { error: error.to_owned(), messages, more: Map::new() })
}

/// The arguments of a call, whatever form they came in.
pub(super) struct Args(pub(super) Map<String, Value>);

impl Args {
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }

    pub(super) fn need(&self, key: &str) -> Result<&str, Refused> {
        match self.text(key) {
            Some(text) if !text.is_empty() => Ok(text),
            _ => refuse_with("invalid_arguments", vec![format!("[ERROR] missing required field: {key}")]),
        }
    }

    /// A structured argument: JSON as it is, or JSON in a string as forms have it.
    pub(super) fn json(&self, key: &str) -> Result<Option<Value>, Refused> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => match serde_json::from_str(text) {
                Ok(value) => Ok(Some(value)),
                Err(_) if key == "blocks" => refuse("invalid_blocks_format"),
                Err(_) => refuse_with("invalid_arguments", vec![format!("[ERROR] invalid JSON in {key}")]),
            },
            Some(value) => Ok(Some(value.clone())),
        }
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        match self.0.get(key) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => matches!(text.as_str(), "true" | "1" | "True"),
            Some(Value::Number(number)) => number.as_i64() == Some(1),
            _ => false,
        }
    }

    pub(super) fn number(&self, key: &str) -> Option<usize> {
        match self.0.get(key) {
            Some(Value::Number(number)) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
            Some(Value::String(text)) => text.parse().ok(),
            _ => None,
        }
    }
}

/// Whose token a method wants, which scope, whether JSON bodies are read, and how many calls a minute are allowed.
struct Terms {
    token: Token,
    scope: Option<&'static str>,
    json: bool,
    a_minute: usize,
}

#[derive(PartialEq)]
enum Token {
    Bot,
    App,
    /// The method looks itself.
    Own,
}

fn terms(method: &str) -> Option<Terms> {
    let terms = |token, scope, json, a_minute| Some(Terms { token, scope, json, a_minute });
    match method {
        "auth.test" => terms(Token::Bot, None, true, 600),
        "apps.connections.open" => terms(Token::App, Some("connections:write"), true, 1),
        "chat.postMessage" => terms(Token::Bot, Some("chat:write"), true, 600),
        "chat.postEphemeral" => terms(Token::Bot, Some("chat:write"), true, 100),
        "chat.update" | "chat.delete" => terms(Token::Bot, Some("chat:write"), true, 50),
        "chat.getPermalink" => terms(Token::Bot, None, false, 600),
        "conversations.open" => terms(Token::Bot, Some("im:write"), true, 50),
        // What these need depends on the kind of channel; they ask for it themselves.
        "conversations.info" | "conversations.history" | "conversations.replies" | "users.conversations" => {
            terms(Token::Bot, None, false, 50)
        }
        "users.info" => terms(Token::Bot, Some("users:read"), false, 100),
        "views.open" | "views.update" | "views.push" | "views.publish" => terms(Token::Bot, None, true, 100),
        "files.getUploadURLExternal" => terms(Token::Bot, Some("files:write"), false, 100),
        "files.completeUploadExternal" => terms(Token::Bot, Some("files:write"), true, 100),
        "openid.connect.token" | "openid.connect.userInfo" => terms(Token::Own, None, false, 100),
        _ => None,
    }
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/api/{method}", any(called))
        .route("/upload/{id}", post(files::upload))
        .route("/hook/{id}", post(chat::respond))
        .route("/openid/connect/authorize", get(openid::authorize))
        .layer(DefaultBodyLimit::max(32 << 20))
        .with_state(shared)
}

async fn called(
    With(shared): With<Arc<Shared>>,
    Path(method): Path<String>,
    verb: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (latency, down) = {
        let state = shared.lock();
        (state.switches.latency, state.switches.unavailable)
    };
    tokio::time::sleep(latency).await;
    if down || shared.stops_at(&format!("{method} arrives")) {
        return (StatusCode::SERVICE_UNAVAILABLE, "the service is down").into_response();
    }
    let mishap = shared.lock().mishaps.get_mut(&method).and_then(std::collections::VecDeque::pop_front);
    if let Some(Mishap::Broken) = mishap {
        return (StatusCode::INTERNAL_SERVER_ERROR, "<html>").into_response();
    }
    if let Some(Mishap::Late(go)) = &mishap {
        shared.edit(|state| state.waiting += 1);
        go.notified().await;
        shared.edit(|state| state.waiting -= 1);
    }
    let base = shared.base();
    let wire = shared.wire.to_string();
    let (answer, along, lost) = shared.edit(|state| {
        let (args, found) = match read(&method, &verb, &uri, &headers, &body) {
            Ok(args) => (args.0.clone(), Ok(args)),
            Err(refused) => (Map::new(), Err(refused)),
        };
        let along = along(state, &method, found.as_ref().ok().and_then(|args| bearer(&headers, args)));
        let answer = found.and_then(|args| match mishap {
            Some(Mishap::Error(error)) => refuse(error),
            Some(Mishap::Slow(seconds)) => Err(Refused::Slow(seconds)),
            _ => run(state, &method, &args, &headers, &base, &wire),
        });
        let (error, messages) = match &answer {
            Ok(_) => (None, Vec::new()),
            Err(Refused::Error { error, messages, .. }) => (Some(error.clone()), messages.clone()),
            Err(Refused::Slow(_)) => (Some("ratelimited".to_owned()), Vec::new()),
        };
        state.calls.push(Call { method: method.clone(), args: Value::Object(args), error, messages });
        (answer, along, matches!(mishap, Some(Mishap::Lost)))
    });
    if lost {
        return (StatusCode::BAD_GATEWAY, "<html>").into_response();
    }
    let no_charset = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    let mut response = match answer {
        Ok(mut value) => {
            value["ok"] = json!(true);
            if no_charset && verb == Method::POST {
                value["warning"] = json!("missing_charset");
            }
            Json(value).into_response()
        }
        Err(refused) => refused.into_response(),
    };
    response.headers_mut().extend(along);
    response
}

/// What Slack says beside its answer: what time it is, what the token may do, and what of that the method wants.
fn along(state: &State, method: &str, token: Option<&str>) -> HeaderMap {
    let now = jiff::Timestamp::from_second(state.seconds()).expect("a moment");
    let mut along = HeaderMap::new();
    let mut say = |name: &'static str, value: &str| along.insert(name, value.parse().expect("plain text"));
    say("date", &now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    let scopes = match token {
        Some(token) if token == state.app.bot_token => &state.app.scopes,
        Some(token) if token == state.app.app_token => &state.app.app_scopes,
        Some(_) | None => return along,
    };
    if !state.app.revoked {
        say("x-oauth-scopes", &scopes.iter().map(String::as_str).collect::<Vec<_>>().join(","));
        if let Some(scope) = terms(method).and_then(|terms| terms.scope) {
            say("x-accepted-oauth-scopes", scope);
        }
    }
    along
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Error { error, messages, more } => {
                let mut value = Value::Object(more);
                value["ok"] = json!(false);
                value["error"] = json!(error);
                if !messages.is_empty() {
                    let bare: Vec<&str> = messages.iter().map(|text| text.trim_start_matches("[ERROR] ")).collect();
                    value["errors"] = json!(bare);
                    value["response_metadata"] = json!({ "messages": messages });
                }
                Json(value).into_response()
            }
            Self::Slow(seconds) => {
                let body = Json(json!({ "ok": false, "error": "ratelimited" }));
                (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds.to_string())], body).into_response()
            }
        }
    }
}

/// Reads the arguments out of the query and the body. A method that takes no JSON does not see what a JSON body says.
fn read(method: &str, verb: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Args, Refused> {
    let form = |text: &[u8]| url::form_urlencoded::parse(text).map(|(k, v)| (k.into_owned(), json!(v))).collect();
    let mut args: Map<String, Value> = form(uri.query().unwrap_or_default().as_bytes());
    if verb == Method::GET || body.is_empty() {
        return Ok(Args(args));
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    match kind {
        "application/x-www-form-urlencoded" => args.extend(form(body)),
        "application/json" => {
            let Ok(value) = serde_json::from_slice::<Value>(body) else { return refuse("invalid_json") };
            let Value::Object(object) = value else { return refuse("json_not_object") };
            if terms(method).is_none_or(|terms| terms.json) {
                args.extend(object.into_iter().filter(|(key, _)| key != "token"));
            }
        }
        _ => return refuse("invalid_post_type"),
    }
    Ok(Args(args))
}

fn bearer<'a>(headers: &'a HeaderMap, args: &'a Args) -> Option<&'a str> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    header.and_then(|value| value.strip_prefix("Bearer ")).or_else(|| args.text("token"))
}

fn run(state: &mut State, method: &str, args: &Args, headers: &HeaderMap, base: &str, wire: &str) -> Answer {
    let Some(terms) = terms(method) else { return refuse("unknown_method") };
    if terms.token != Token::Own {
        let Some(token) = bearer(headers, args) else { return refuse("not_authed") };
        let (right, other) = match terms.token {
            Token::App => (&state.app.app_token, &state.app.bot_token),
            Token::Bot | Token::Own => (&state.app.bot_token, &state.app.app_token),
        };
        if token == other {
            return refuse("not_allowed_token_type");
        }
        if token != right {
            return refuse("invalid_auth");
        }
        if state.app.revoked {
            return refuse("token_revoked");
        }
        let provided = if terms.token == Token::App { &state.app.app_scopes } else { &state.app.scopes };
        if let Some(scope) = terms.scope {
            scoped(provided, scope)?;
        }
    }
    if state.switches.rate_limits {
        paced(state, method, args, terms.a_minute)?;
    }
    match method {
        "auth.test" => Ok(conversations::auth_test(state)),
        "apps.connections.open" => Ok(state.ticket(wire)),
        "chat.postMessage" => chat::post(state, args),
        "chat.postEphemeral" => chat::post_ephemeral(state, args),
        "chat.update" => chat::update(state, args),
        "chat.delete" => chat::delete(state, args),
        "chat.getPermalink" => chat::permalink(state, args),
        "conversations.open" => conversations::open(state, args),
        "conversations.info" => conversations::info(state, args),
        "conversations.history" => conversations::history(state, args),
        "conversations.replies" => conversations::replies(state, args),
        "users.info" => conversations::user(state, args),
        "users.conversations" => conversations::of_user(state, args),
        "views.open" => views::open(state, args),
        "views.update" => views::update(state, args),
        "views.push" => views::push(state, args),
        "views.publish" => views::publish(state, args),
        "files.getUploadURLExternal" => files::upload_url(state, args, base),
        "files.completeUploadExternal" => files::complete(state, args),
        "openid.connect.token" => openid::token(state, args, headers),
        "openid.connect.userInfo" => openid::user_info(state, bearer(headers, args)),
        _ => refuse("unknown_method"),
    }
}

/// `missing_scope`, with what is needed and what there is.
pub(super) fn scoped(provided: &BTreeSet<String>, needed: &str) -> Result<(), Refused> {
    if provided.contains(needed) {
        return Ok(());
    }
    let provided = provided.iter().map(String::as_str).collect::<Vec<_>>().join(",");
    let mut more = Map::new();
    more.insert("needed".to_owned(), json!(needed));
    more.insert("provided".to_owned(), json!(provided));
    Err(Refused::Error { error: "missing_scope".to_owned(), messages: Vec::new(), more })
}

/// One message a second and channel, and so many calls of a method a minute.
fn paced(state: &mut State, method: &str, args: &Args, a_minute: usize) -> Result<(), Refused> {
    let channel = args.text("channel").filter(|_| method == "chat.postMessage");
    let limits = [
        Some((method.to_owned(), a_minute, 60_000_000)),
        channel.map(|channel| (format!("{method} {channel}"), 1, 1_000_000)),
    ];
    let now = state.now();
    let limits: Vec<_> = limits.into_iter().flatten().collect();
    for (key, most, window) in &limits {
        let recent = state.recent.entry(key.clone()).or_default();
        while recent.front().is_some_and(|at| at + window <= now) {
            recent.pop_front();
        }
        if recent.len() >= *most {
            let wait = recent.front().map_or(1, |at| at + window - now);
            return Err(Refused::Slow(u64::try_from(wait).unwrap_or(0).div_ceil(1_000_000).max(1)));
        }
    }
    for (key, ..) in limits {
        state.recent.entry(key).or_default().push_back(now);
    }
    Ok(())
}
