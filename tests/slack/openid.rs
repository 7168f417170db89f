//! Sign in with Slack: the page in the browser, the exchange of its code, and what the tokens say.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State as With};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::api::{Answer, Args, refuse};
use super::world::State;
use super::{FakeSlack, Shared};

/// How long a code may be exchanged, in microseconds.
const CODE: i64 = 600_000_000;

struct Code {
    user: String,
    redirect: String,
    nonce: Option<String>,
    until: i64,
    used: bool,
}

#[derive(Default)]
pub(super) struct OpenId {
    /// Who sits before the browser.
    signed_in: Option<String>,
    codes: HashMap<String, Code>,
    tokens: HashMap<String, String>,
}

impl FakeSlack {
    /// This person sits before every browser that comes to the authorize page, and agrees; nobody: declines.
    pub fn sign_in_as(&self, user: Option<&str>) {
        self.change(|state| state.openid.signed_in = user.map(str::to_owned));
    }

    /// Registers a redirect URI at the app.
    pub fn allow_redirect(&self, uri: &str) {
        self.change(|state| state.app.redirects.insert(uri.to_owned()));
    }
}

/// https anywhere, or http on this machine.
fn is_safe(uri: &str) -> bool {
    let Ok(uri) = url::Url::parse(uri) else { return false };
    let loopback = matches!(uri.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    uri.fragment().is_none() && (uri.scheme() == "https" || (uri.scheme() == "http" && loopback))
}

pub(super) async fn authorize(
    With(shared): With<Arc<Shared>>,
    Query(asked): Query<HashMap<String, String>>,
) -> Response {
    let word = |key: &str| asked.get(key).map(String::as_str).unwrap_or_default();
    let sent = shared.edit(|state| {
        if word("client_id") != state.app.client_id {
            return Err("invalid client_id");
        }
        let redirect = word("redirect_uri");
        if !state.app.redirects.contains(redirect) || !is_safe(redirect) {
            return Err("redirect_uri did not match any configured URIs");
        }
        if word("response_type") != "code" {
            return Err("invalid response_type");
        }
        let scopes: Vec<&str> = word("scope").split([' ', ',']).collect();
        if !scopes.contains(&"openid") || scopes.iter().any(|scope| !["openid", "email", "profile"].contains(scope)) {
            return Err("invalid_scope");
        }
        if asked.get("team").is_some_and(|team| team != super::TEAM) {
            return Err("invalid_team_for_non_distributed_app");
        }
        let mut back = url::Url::parse(redirect).expect("looked at above");
        match state.openid.signed_in.clone() {
            None => {
                back.query_pairs_mut().append_pair("error", "access_denied");
            }
            Some(user) => {
                let (code, until) = (state.id("code-"), state.now() + CODE);
                let nonce = asked.get("nonce").cloned();
                let redirect = redirect.to_owned();
                state.openid.codes.insert(code.clone(), Code { user, redirect, nonce, until, used: false });
                back.query_pairs_mut().append_pair("code", &code);
            }
        }
        if let Some(given) = asked.get("state") {
            back.query_pairs_mut().append_pair("state", given);
        }
        Ok(back.to_string())
    });
    match sent {
        Ok(back) => (StatusCode::FOUND, [(header::LOCATION, back)]).into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, why).into_response(),
    }
}

pub(super) fn token(state: &mut State, args: &Args, headers: &HeaderMap) -> Answer {
    let basic = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let basic = basic.and_then(|value| value.strip_prefix("Basic ")).and_then(|text| STANDARD.decode(text).ok());
    let basic = basic.and_then(|bytes| String::from_utf8(bytes).ok());
    let (id, secret) = match basic.as_deref().and_then(|text| text.split_once(':')) {
        Some((id, secret)) => (id, secret),
        None => (args.text("client_id").unwrap_or_default(), args.text("client_secret").unwrap_or_default()),
    };
    if id != state.app.client_id {
        return refuse("invalid_client_id");
    }
    if secret != state.app.client_secret {
        return refuse("bad_client_secret");
    }
    if args.text("grant_type").is_some_and(|kind| kind != "authorization_code") {
        return refuse("invalid_grant_type");
    }
    let now = state.now();
    let Some(code) = args.text("code").and_then(|code| state.openid.codes.get_mut(code)) else {
        return refuse("invalid_code");
    };
    if code.until <= now {
        return refuse("code_expired");
    }
    if args.text("redirect_uri") != Some(&code.redirect) {
        return refuse("bad_redirect_uri");
    }
    if std::mem::replace(&mut code.used, true) {
        return refuse("code_already_used");
    }
    let (user, nonce) = (code.user.clone(), code.nonce.clone());
    let access = state.id("xoxp-test-");
    state.openid.tokens.insert(access.clone(), user.clone());
    let mut claims = claims(state, &user);
    let seconds = state.seconds();
    claims["iss"] = json!("https://slack.com");
    claims["aud"] = json!(state.app.client_id);
    claims["iat"] = json!(seconds);
    claims["exp"] = json!(seconds + 300);
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    let id_token = jwt(&claims);
    Ok(json!({ "access_token": access, "token_type": "Bearer", "id_token": id_token, "state": "" }))
}

fn claims(state: &State, user: &str) -> Value {
    let who = state.user(user);
    let mut claims = json!({
        "sub": who.id, "https://slack.com/user_id": who.id, "https://slack.com/team_id": who.team,
        "https://slack.com/team_domain": "example", "https://slack.com/team_name": "Example", "name": who.display,
        "given_name": who.display, "locale": who.locale,
    });
    if let Some(email) = &who.email {
        claims["email"] = json!(email);
        claims["email_verified"] = json!(who.email_confirmed);
    }
    claims
}

/// Three parts, signed with a key that nobody needs to know: the token comes straight from the token endpoint.
fn jwt(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = json!({ "alg": "HS256", "typ": "JWT", "kid": "test" });
    let signed = format!("{}.{}", part(&head), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(b"test-id-token-key").expect("any length");
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

pub(super) fn user_info(state: &mut State, token: Option<&str>) -> Answer {
    let Some(token) = token else { return refuse("not_authed") };
    match state.openid.tokens.get(token) {
        Some(user) => Ok(claims(state, user)),
        None => refuse("invalid_auth"),
    }
}
