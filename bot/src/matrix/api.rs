//! The endpoints of the client-server API that are used, and no more. Nothing that the server writes becomes part of an
//! error but its error code.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, Url};
use serde_json::{Value, json};
use workflows::target::SecretError;

use super::read::text;
use crate::config;
use crate::platform::PlatformError;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the server keeps a question for news open.
const NEWS_WITHIN: Duration = Duration::from_secs(25);
/// The longest answer that is read.
const LONGEST: usize = 32 << 20;
/// How long we wait where the server does not say how long.
const WAIT: Duration = Duration::from_secs(5);
/// So many of the latest messages are looked through.
const LATEST: u32 = 100;

/// Why there is no way to the homeserver.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The token can't be read.
    #[error(transparent)]
    Token(#[from] SecretError),
    /// The token is none that can be sent.
    #[error("the token has characters in it that can't be sent")]
    TokenForm,
    /// The address.
    #[error("`[matrix] homeserver` is no address; write https://…")]
    Address,
    /// TLS has no roots to go by, or the like.
    #[error("no connection can be made from here")]
    Client,
}

/// What the server says instead of an answer.
#[derive(Debug)]
pub(super) enum Failed {
    /// There is no such thing.
    Missing,
    /// We may not.
    Forbidden,
    /// Anything else.
    Other(PlatformError),
}

impl Failed {
    /// For a place.
    pub(super) fn of_place(self, room: &str) -> PlatformError {
        match self {
            Self::Missing => PlatformError::PlaceGone(room.to_owned(), "there is no such room".to_owned()),
            Self::Forbidden => PlatformError::PlaceGone(room.to_owned(), "the bot may not do that there".to_owned()),
            Self::Other(error) => error,
        }
    }

    /// For what is there in every homeserver.
    pub(super) fn of_server(self) -> PlatformError {
        match self {
            Self::Missing => PlatformError::Down("this is no Matrix homeserver".to_owned()),
            Self::Forbidden => PlatformError::Invalid("M_FORBIDDEN".to_owned()),
            Self::Other(error) => error,
        }
    }
}

pub(super) type Answer<T> = Result<T, Failed>;

/// The homeserver, as the bot.
#[derive(Clone, Debug)]
pub(super) struct Api {
    client: Client,
    base: Url,
    token: HeaderValue,
}

/// An address below the server's: each part is one segment, whatever is in it.
pub(super) fn address(base: &Url, parts: &[&str]) -> Answer<Url> {
    let bad = || Failed::Other(PlatformError::Invalid("an id that can't stand in an address".to_owned()));
    // A segment of dots would lead out of the path.
    if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
        return Err(bad());
    }
    let mut url = base.clone();
    url.path_segments_mut().map_err(|()| bad())?.pop_if_empty().extend(parts);
    Ok(url)
}

const V3: [&str; 3] = ["_matrix", "client", "v3"];

impl Api {
    /// Nothing is sent yet.
    pub(super) fn new(config: &config::Matrix) -> Result<Self, ConnectError> {
        let base = Url::parse(&config.homeserver).map_err(|_| ConnectError::Address)?;
        if base.cannot_be_a_base() || config::unsafe_address("[matrix] homeserver", &config.homeserver).is_some() {
            return Err(ConnectError::Address);
        }
        let token = format!("Bearer {}", config.token.read()?.reveal());
        let mut token = HeaderValue::try_from(token).map_err(|_| ConnectError::TokenForm)?;
        token.set_sensitive(true);
        // A redirect could carry the token to another server.
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")));
        let client = if base.scheme() == "http" { client.no_proxy() } else { client.https_only(true) };
        Ok(Self { client: client.build().map_err(|_| ConnectError::Client)?, base, token })
    }

    fn request(&self, method: Method, parts: &[&str]) -> Answer<RequestBuilder> {
        let all: Vec<&str> = V3.iter().chain(parts).copied().collect();
        let url = address(&self.base, &all)?;
        Ok(self.client.request(method, url).header(AUTHORIZATION, self.token.clone()))
    }

    async fn ask(&self, request: RequestBuilder) -> Answer<Value> {
        let response = request.send().await.map_err(|error| Failed::Other(unsent(&error)))?;
        let (status, wait) = (response.status(), asked_to_wait(&response));
        let body = body(response).await?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|_| odd());
        }
        Err(refused(status.as_u16(), wait, &serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    async fn get(&self, parts: &[&str], query: &[(&str, &str)]) -> Answer<Value> {
        self.ask(self.request(Method::GET, parts)?.query(query)).await
    }

    async fn put(&self, parts: &[&str], body: &Value) -> Answer<Value> {
        self.ask(self.request(Method::PUT, parts)?.json(body)).await
    }

    async fn post(&self, parts: &[&str], body: &Value) -> Answer<Value> {
        self.ask(self.request(Method::POST, parts)?.json(body)).await
    }

    /// The account that the token belongs to.
    pub(super) async fn whoami(&self) -> Answer<String> {
        let answer = self.get(&["account", "whoami"], &[]).await?;
        text(&answer, "/user_id").map(str::to_owned).ok_or_else(odd)
    }

    /// When the server thinks it is, in the form of HTTP's `Date`.
    pub(super) async fn date(&self) -> Answer<Option<String>> {
        let url = address(&self.base, &["_matrix", "client", "versions"])?;
        let response = self.client.get(url).send().await.map_err(|error| Failed::Other(unsent(&error)))?;
        if !response.status().is_success() {
            return Err(Failed::Missing);
        }
        Ok(response.headers().get("date").and_then(|date| date.to_str().ok()).map(str::to_owned))
    }

    /// What is new since a token; with none, the latest of every room.
    pub(super) async fn sync(&self, since: Option<&str>, filter: &str) -> Answer<Value> {
        let timeout = if since.is_some() { NEWS_WITHIN.as_millis().to_string() } else { "0".to_owned() };
        let mut query = vec![("filter", filter), ("timeout", timeout.as_str()), ("set_presence", "online")];
        query.extend(since.map(|since| ("since", since)));
        let request = self.request(Method::GET, &["sync"])?.query(&query);
        self.ask(request.timeout(NEWS_WITHIN + PATIENCE)).await
    }

    /// Sends an event; the same `once` in the same room sends it once.
    pub(super) async fn send(&self, room: &str, kind: &str, once: &str, content: &Value) -> Answer<String> {
        let answer = self.put(&["rooms", room, "send", kind, once], content).await?;
        text(&answer, "/event_id").map(str::to_owned).ok_or_else(odd)
    }

    /// One event.
    pub(super) async fn event(&self, room: &str, id: &str) -> Answer<Value> {
        self.get(&["rooms", room, "event", id], &[]).await
    }

    /// The latest messages that somebody sent in a room, the newest first.
    pub(super) async fn latest(&self, room: &str, by: &str) -> Answer<Vec<Value>> {
        let filter = json!({ "types": ["m.room.message"], "senders": [by] }).to_string();
        let limit = LATEST.to_string();
        let query = [("dir", "b"), ("limit", limit.as_str()), ("filter", filter.as_str())];
        let mut answer = self.get(&["rooms", room, "messages"], &query).await?;
        match answer.get_mut("chunk").map(Value::take) {
            Some(Value::Array(events)) => Ok(events),
            _ => Err(odd()),
        }
    }

    /// The state of a room, or nothing where there is none of this kind.
    pub(super) async fn state(&self, room: &str, kind: &str, key: &str) -> Answer<Option<Value>> {
        let mut parts = vec!["rooms", room, "state", kind];
        if !key.is_empty() {
            parts.push(key);
        }
        match self.get(&parts, &[]).await {
            Ok(state) => Ok(Some(state)),
            Err(Failed::Missing) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Everybody who is in a room or invited to it, and which.
    pub(super) async fn members(&self, room: &str) -> Answer<Vec<(String, String)>> {
        let answer = self.get(&["rooms", room, "members"], &[("not_membership", "leave")]).await?;
        let events = answer.get("chunk").and_then(Value::as_array).ok_or_else(odd)?;
        let member = |event: &Value| {
            Some((text(event, "/state_key")?.to_owned(), text(event, "/content/membership")?.to_owned()))
        };
        Ok(events.iter().filter_map(member).filter(|(_, is)| matches!(is.as_str(), "join" | "invite")).collect())
    }

    pub(super) async fn create_room(&self, wish: &Value) -> Answer<String> {
        let answer = self.post(&["createRoom"], wish).await?;
        text(&answer, "/room_id").map(str::to_owned).ok_or_else(odd)
    }

    pub(super) async fn join(&self, room: &str) -> Answer<()> {
        self.post(&["rooms", room, "join"], &json!({})).await.map(drop)
    }

    /// What the bot keeps about itself at the server.
    pub(super) async fn note(&self, me: &str, kind: &str) -> Answer<Value> {
        match self.get(&["user", me, "account_data", kind], &[]).await {
            Err(Failed::Missing) => Ok(json!({})),
            other => other,
        }
    }

    pub(super) async fn keep_note(&self, me: &str, kind: &str, note: &Value) -> Answer<()> {
        self.put(&["user", me, "account_data", kind], note).await.map(drop)
    }

    /// Uploads a file; the answer is its address in Matrix.
    pub(super) async fn upload(&self, name: &str, kind: &'static str, bytes: Vec<u8>) -> Answer<String> {
        let url = address(&self.base, &["_matrix", "media", "v3", "upload"])?;
        let request = self.client.post(url).header(AUTHORIZATION, self.token.clone()).query(&[("filename", name)]);
        let answer = self.ask(request.header(CONTENT_TYPE, HeaderValue::from_static(kind)).body(bytes)).await?;
        text(&answer, "/content_uri").map(str::to_owned).ok_or_else(odd)
    }
}

fn odd() -> Failed {
    Failed::Other(PlatformError::Down("its answer can't be understood".to_owned()))
}

/// The error's own words are dropped: they hold the address.
fn unsent(error: &reqwest::Error) -> PlatformError {
    let words = if error.is_timeout() { "it took too long" } else { "it can't be reached" };
    PlatformError::Down(words.to_owned())
}

async fn body(mut response: Response) -> Answer<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| Failed::Other(unsent(&error)))? {
        if body.len().saturating_add(part.len()) > LONGEST {
            return Err(odd());
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

fn asked_to_wait(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.trim().parse::<u32>().ok()?;
    Some(Duration::from_secs(seconds.into()))
}

/// What a refusal means.
pub(super) fn refused(status: u16, wait: Option<Duration>, body: &Value) -> Failed {
    let code: String = text(body, "/errcode").unwrap_or("no code").chars().take(60).collect();
    let code =
        if code.chars().all(|c| c.is_ascii_uppercase() || c == '_') { code } else { format!("status {status}") };
    let other = match (status, code.as_str()) {
        (401, _) | (_, "M_UNKNOWN_TOKEN" | "M_MISSING_TOKEN" | "M_USER_DEACTIVATED") => PlatformError::Token(code),
        (429, _) | (_, "M_LIMIT_EXCEEDED") => {
            let told = body.get("retry_after_ms").and_then(Value::as_u64).map(Duration::from_millis);
            let wait = wait.or(told).unwrap_or(WAIT);
            PlatformError::Limited(wait.clamp(Duration::from_millis(100), Duration::from_mins(15)))
        }
        (404, _) => return Failed::Missing,
        (403, _) => return Failed::Forbidden,
        (500.., _) => PlatformError::Down(code),
        _ => PlatformError::Invalid(code),
    };
    Failed::Other(other)
}
