//! HTTP delivery: every request is verified before anything of it is looked at (G11).

use std::fmt;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::Value;
use serenity::interactions_endpoint::Verifier;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::warn;
use workflows::clock::Clock;

use super::Discord;
use super::intake::Due;
use super::people::word;
use crate::inbox::Inbox;

/// The longest request that is read.
const LONGEST: usize = 1 << 20;
/// A request may be so old, or so far ahead, in seconds.
const AGE: u64 = 300;

/// The application's public key.
#[derive(Clone)]
pub(super) struct Key(Verifier, String);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.1).finish()
    }
}

impl Key {
    /// Reads 64 hex digits.
    pub(super) fn parse(hex: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Verifier::try_new(bytes).ok().map(|verifier| Self(verifier, hex.to_ascii_lowercase()))
    }

    /// The key in hex.
    pub(super) fn hex(&self) -> &str {
        &self.1
    }

    /// Whether a body bears the signature in its headers, and was signed at about `now` (in seconds). The crate looks at
    /// no time.
    fn verifies(&self, headers: &HeaderMap, body: &[u8], now: i64) -> bool {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (Some(signature), Some(moment)) = (header("x-signature-ed25519"), header("x-signature-timestamp")) else {
            return false;
        };
        let fresh = moment.parse::<i64>().is_ok_and(|moment| moment.abs_diff(now) <= AGE);
        fresh && self.0.verify(signature, moment, body).is_ok()
    }
}

/// What the route has.
#[derive(Clone)]
struct Door {
    discord: Discord,
    inbox: Inbox,
    key: Key,
    after: TaskTracker,
}

/// A body that Discord has signed within the last five minutes. The route takes nothing else.
struct Signed(String);

impl FromRequest<Door> for Signed {
    type Rejection = Response;

    async fn from_request(request: Request, door: &Door) -> Result<Self, Response> {
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, door).await.map_err(axum::response::IntoResponse::into_response)?;
        let now = Clock::System.now().micros() / 1_000_000;
        let signed = door.key.verifies(&headers, &body, now).then(|| String::from_utf8(body.to_vec()).ok()).flatten();
        signed.map(Self).ok_or_else(|| {
            warn!("a request that Discord has not signed was refused");
            StatusCode::UNAUTHORIZED.into_response()
        })
    }
}

/// The route; none where Discord delivers by its socket.
pub(super) fn hooks(discord: Discord, inbox: Inbox, key: Option<&Key>) -> Router {
    let Some(key) = key.cloned() else { return Router::new() };
    let door = Door { discord, inbox, key, after: TaskTracker::new() };
    Router::new()
        .route("/discord/interactions", post(interactions))
        .layer(DefaultBodyLimit::max(LONGEST))
        .with_state(door)
}

async fn interactions(State(door): State<Door>, Signed(letter): Signed) -> Response {
    let since = Instant::now();
    let Ok(payload) = serde_json::from_str::<Value>(&letter) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    // Only the socket has covers; one here could pass for another kind of letter.
    if payload.get("t").is_some() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    match door.discord.take(&door.inbox, &payload, &letter, since).await {
        Due::Response(response) => {
            door.discord.answers().acknowledged(word(&payload, "/id"));
            ([(header::CONTENT_TYPE, "application/json")], response.to_string()).into_response()
        }
        // An empty 202 says that the first response comes over the API.
        Due::Later => {
            let discord = door.discord.clone();
            door.after.spawn(async move { discord.guard(&payload, since).await });
            StatusCode::ACCEPTED.into_response()
        }
        Due::Nothing => StatusCode::ACCEPTED.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with the key whose seed is 32 times 7, over "1795757654" and the body.
    const KEY: &str = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";
    const SIGNATURE: &str = "723a10ba238fd31783213b1fc3774db59f6dfc9655ee0397eb670977dc0b0546\
        88c65b50c70a1fbfc971a53f81c51eec72e4752943af1ec46e0f7e00ca0ffe04";
    const MOMENT: &str = "1795757654";
    const BODY: &str = "{\"type\":1}";

    fn headers(signature: &str, moment: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-signature-ed25519", signature.parse().unwrap());
        headers.insert("x-signature-timestamp", moment.parse().unwrap());
        headers
    }

    #[test]
    fn only_what_discord_signed_just_now_is_taken() {
        let (key, now) = (Key::parse(KEY).unwrap(), 1_795_757_654);
        let signature = SIGNATURE;
        let good = headers(signature, MOMENT);
        for (off, expected) in [(0, true), (300, true), (-300, true), (301, false), (-301, false)] {
            assert_eq!(key.verifies(&good, BODY.as_bytes(), now + off), expected, "{off} s");
        }
        let other = format!("00{}", signature.split_at(2).1);
        for (headers, body) in [
            (good.clone(), "{\"type\":2}"),
            (headers(signature, "1795757655"), BODY),
            (headers(signature, "+1795757654"), BODY),
            (headers("", MOMENT), BODY),
            (headers("no signature", MOMENT), BODY),
            (headers(&other, MOMENT), BODY),
            (HeaderMap::new(), BODY),
        ] {
            assert!(!key.verifies(&headers, body.as_bytes(), now), "{headers:?} {body}");
        }
    }

    #[test]
    fn a_key_is_64_hex_digits_of_a_point() {
        assert_eq!(Key::parse(&KEY.to_uppercase()).unwrap().hex(), KEY);
        for key in ["", "abc", &"x".repeat(64), &"ä".repeat(32), &format!("{}+f", "0".repeat(62))] {
            assert!(Key::parse(key).is_none(), "{key}");
        }
    }
}
