//! Calls of the REST API: bounded in time and size, with errors as [`PlatformError`]. Addresses hold tokens, so none is
//! ever part of an error or of a log.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, Url};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep_until, timeout_at};
use workflows::secret::Secret;

use super::DiscordError;
use super::pace::{EVERYTHING, Pace, route};
use super::refused::{Failed, Refusal};
use crate::config::unsafe_address;
use crate::platform::PlatformError;

/// How long one call may take, waiting for its turn included.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read.
const LONGEST: usize = 4 << 20;
/// Discord lets only clients through that say so.
const AGENT: &str = concat!("DiscordBot (https://countersign.example, ", env!("CARGO_PKG_VERSION"), ")");

pub(super) type Answer<T> = Result<T, Failed>;

/// A file: its name, and what is in it.
pub(super) type File = (String, Vec<u8>);

/// For whom a call is made.
#[derive(Clone, Copy, Debug)]
enum As<'a> {
    /// The bot.
    Bot,
    /// Somebody who signs in, by their token.
    Person(&'a str),
    /// Nobody: the address itself says who may.
    Nobody,
}

/// What a call brings along.
#[derive(Clone, Copy, Debug)]
enum Body<'a> {
    Nothing,
    Json(&'a Value, &'a [File]),
    Form(&'a str),
}

/// The way to Discord. The token is shown by none of its parts.
#[derive(Debug)]
pub(super) struct Api {
    client: Client,
    base: Url,
    bot: HeaderValue,
    pace: Pace,
}

/// An address below the API's: each part is one segment, whatever is in it.
fn address(base: &Url, parts: &[&str]) -> Answer<Url> {
    let bad = || Failed::Other(PlatformError::Invalid("an id that can't stand in an address".to_owned()));
    // A segment of dots would lead out of the path.
    if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
        return Err(bad());
    }
    let mut url = base.clone();
    url.path_segments_mut().map_err(|()| bad())?.pop_if_empty().extend(parts);
    Ok(url)
}

impl Api {
    /// Nothing is sent yet.
    pub(super) fn new(base: &str, token: &Secret<String>) -> Result<Self, DiscordError> {
        let base = Url::parse(base).map_err(|_| DiscordError::Address)?;
        if base.cannot_be_a_base() || unsafe_address("[discord] api", base.as_str()).is_some() {
            return Err(DiscordError::Address);
        }
        let mut bot =
            HeaderValue::try_from(format!("Bot {}", token.reveal())).map_err(|_| DiscordError::TokenForm)?;
        bot.set_sensitive(true);
        // A redirect could carry the token to another server.
        let client =
            Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE).user_agent(AGENT);
        let client = if base.scheme() == "http" { client.no_proxy() } else { client.https_only(true) };
        let client = client.build().map_err(|_| DiscordError::Client)?;
        Ok(Self { client, base, bot, pace: Pace::default() })
    }

    /// Where the API is.
    pub(super) const fn base(&self) -> &Url {
        &self.base
    }

    /// Reads something.
    pub(super) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Answer<Value> {
        self.call(As::Bot, &Method::GET, path, query, Body::Nothing).await.map(|(_, body)| body)
    }

    /// Reads something, and what stands above the answer.
    pub(super) async fn look(&self, path: &[&str]) -> Answer<(HeaderMap, Value)> {
        self.call(As::Bot, &Method::GET, path, &[], Body::Nothing).await
    }

    /// Writes something, as the bot.
    pub(super) async fn write(&self, method: Method, path: &[&str], body: &Value, files: &[File]) -> Answer<Value> {
        self.call(As::Bot, &method, path, &[], Body::Json(body, files)).await.map(|(_, body)| body)
    }

    /// Answers somebody: the address says who may, and no token of ours goes along.
    pub(super) async fn answer(&self, path: &[&str], body: &Value, files: &[File]) -> Answer<()> {
        self.call(As::Nobody, &Method::POST, path, &[], Body::Json(body, files)).await.map(|_| ())
    }

    /// Sends a form without a token.
    pub(super) async fn form(&self, path: &[&str], fields: &[(&str, &str)]) -> Answer<Value> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.call(As::Nobody, &Method::POST, path, &[], Body::Form(&body)).await.map(|(_, body)| body)
    }

    /// Whose a token is.
    pub(super) async fn whose(&self, token: &str) -> Answer<Value> {
        self.call(As::Person(token), &Method::GET, &["users", "@me"], &[], Body::Nothing).await.map(|(_, body)| body)
    }

    /// One call within [`PATIENCE`]. Where Discord asks us to wait, and there is time for that, it is made again.
    async fn call(
        &self,
        who: As<'_>,
        method: &Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Body<'_>,
    ) -> Answer<(HeaderMap, Value)> {
        let url = address(&self.base, path)?;
        let route = route(method.as_str(), path);
        let until = Instant::now() + PATIENCE;
        loop {
            let now = Instant::now();
            if let Some(open) = self.pace.open(&route, now) {
                if open >= until {
                    return Err(Failed::Other(PlatformError::Limited(open - now)));
                }
                sleep_until(open).await;
            }
            let request = self.client.request(method.clone(), url.clone()).query(query);
            let request = match who {
                As::Bot => request.header(AUTHORIZATION, self.bot.clone()),
                As::Person(token) => request.bearer_auth(token),
                As::Nobody => request,
            };
            let answered = timeout_at(until, ask(with(request, body))).await;
            let silent = || PlatformError::Down(format!("no answer within {} s", PATIENCE.as_secs()));
            let (status, headers, body) = answered.map_err(|_elapsed| Failed::Other(silent()))??;
            self.pace.heed(&route, &headers, Instant::now());
            if (200..300).contains(&status) {
                let body = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&body) };
                let odd = || Failed::Other(PlatformError::Down("its answer can't be understood".to_owned()));
                return body.map(|body| (headers, body)).map_err(|_| odd());
            }
            let refusal = Refusal::read(status, &headers, &serde_json::from_slice(&body).unwrap_or(Value::Null));
            let Some(wait) = refusal.wait else { return Err(Failed::Said(refusal)) };
            self.pace.close(if refusal.everywhere { EVERYTHING } else { &route }, wait, Instant::now());
        }
    }
}

fn with(request: RequestBuilder, body: Body<'_>) -> RequestBuilder {
    match body {
        Body::Nothing => request,
        Body::Json(body, []) => request.json(body),
        Body::Json(body, files) => {
            let (kind, bytes) = parts(body, files);
            request.header(CONTENT_TYPE, kind).body(bytes)
        }
        Body::Form(body) => request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body.to_owned()),
    }
}

/// One answer, read whole.
async fn ask(request: RequestBuilder) -> Answer<(u16, HeaderMap, Vec<u8>)> {
    // The error's own words hold the address.
    let down = |why: &str| Failed::Other(PlatformError::Down(why.to_owned()));
    let sent = request.send().await;
    let mut response: Response =
        sent.map_err(|error| down(if error.is_timeout() { "it does not answer" } else { "it can't be reached" }))?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| down("its answer broke off"))? {
        if body.len() + chunk.len() > LONGEST {
            return Err(down("its answer is too long"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, headers, body))
}

/// A file's name, so that it can stand in a head.
pub(super) fn file_name(name: &str) -> String {
    let tame = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = name.chars().map(tame).take(100).collect();
    if name.trim_matches(['.', '_']).is_empty() { "file".to_owned() } else { name }
}

/// A body with files, and its type. What separates the parts is a hash of them, so none of them can hold it.
fn parts(body: &Value, files: &[File]) -> (String, Vec<u8>) {
    let json = json!(body).to_string();
    let mut hash = Sha256::new();
    hash.update(json.as_bytes());
    for (_, bytes) in files {
        hash.update(bytes);
    }
    let boundary = URL_SAFE_NO_PAD.encode(hash.finalize());
    let mut all = Vec::with_capacity(json.len() + files.iter().map(|(_, bytes)| bytes.len() + 300).sum::<usize>());
    let mut part = |head: &str, bytes: &[u8]| {
        all.extend_from_slice(format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes());
        all.extend_from_slice(bytes);
        all.extend_from_slice(b"\r\n");
    };
    part("name=\"payload_json\"\r\nContent-Type: application/json", json.as_bytes());
    for (at, (name, bytes)) in files.iter().enumerate() {
        let name = file_name(name);
        let path = std::path::Path::new(&name);
        let kind = match path.extension().and_then(|end| end.to_str()) {
            Some("png") => "image/png",
            Some("txt" | "sql" | "log") => "text/plain; charset=utf-8",
            Some("csv") => "text/csv; charset=utf-8",
            Some("json") => "application/json",
            _ => "application/octet-stream",
        };
        part(&format!("name=\"files[{at}]\"; filename=\"{name}\"\r\nContent-Type: {kind}"), bytes);
    }
    all.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_go_in_parts_and_their_names_can_not_break_a_head() {
        let files = [("a\"\r\nb.png".to_owned(), vec![0, 1, 2]), ("..".to_owned(), vec![])];
        let (kind, bytes) = parts(&json!({ "content": "x" }), &files);
        let text = String::from_utf8(bytes).unwrap();
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        assert_eq!(text.matches(&format!("--{boundary}\r\n")).count(), 3);
        assert!(text.ends_with(&format!("\r\n--{boundary}--\r\n")));
        assert!(text.contains(
            "name=\"files[0]\"; filename=\"a___b.png\"\r\nContent-Type: image/png\r\n\r\n\0\u{1}\u{2}\r\n"
        ));
        assert!(text.contains("filename=\"file\""));
        assert!(
            text.contains("name=\"payload_json\"\r\nContent-Type: application/json\r\n\r\n{\"content\":\"x\"}\r\n")
        );
    }

    #[test]
    fn an_id_can_not_lead_elsewhere() {
        let base = Url::parse("https://discord.com/api/v10").unwrap();
        for id in ["", ".", ".."] {
            assert!(address(&base, &["channels", id]).is_err());
        }
        let url = address(&base, &["channels", "1/../2?x#y"]).unwrap();
        assert_eq!(url.as_str(), "https://discord.com/api/v10/channels/1%2F..%2F2%3Fx%23y");
    }
}
