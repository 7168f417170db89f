//! OAuth2: the page on which a person says who he is, and the code that an application turns into that answer.

use std::collections::HashMap;

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Shared;
use super::api::{pairs, plain};
use super::world::Logged;

/// What a code stands for until it is used.
#[derive(Clone, Debug)]
struct Code {
    user: u64,
    redirect: String,
    scope: String,
    challenge: Option<String>,
}

/// Who sits before the browser, and what was agreed to.
#[derive(Debug, Default)]
pub struct Consents {
    /// The person in the browser; nobody is signed in where there is none.
    pub visitor: Option<u64>,
    /// He presses Cancel.
    pub declines: bool,
    codes: HashMap<String, Code>,
    tokens: HashMap<String, (u64, String)>,
}

impl Consents {
    /// Whose token this is, if it lets his name be seen.
    pub fn of_token(&self, token: &str) -> Option<u64> {
        self.tokens
            .get(token)
            .filter(|(_, scope)| scope.split(' ').any(|one| one == "identify"))
            .map(|(user, _)| *user)
    }

    /// Every access token ends.
    pub fn revoke(&mut self) {
        self.tokens.clear();
    }
}

/// The page. The person presses at once; what he presses was said before.
pub fn authorize(shared: &Shared, query: &HashMap<String, String>) -> Response {
    let get = |key: &str| query.get(key).map_or("", String::as_str);
    let told = shared.change(|world| {
        if get("client_id") != world.app.id.to_string() {
            return Err("Unknown Application");
        }
        // Shown to the person, never sent back: an address that nobody registered gets nothing.
        if !world.app.redirects.iter().any(|known| known == get("redirect_uri")) {
            return Err("Invalid OAuth2 redirect_uri");
        }
        if get("response_type") != "code" {
            return Err("Unsupported response type");
        }
        let known = ["identify", "email", "guilds", "guilds.members.read", "openid"];
        if get("scope").is_empty() || !get("scope").split(' ').all(|scope| known.contains(&scope)) {
            return Err("Invalid scope");
        }
        let mut back = url::Url::parse(get("redirect_uri")).map_err(|_| "Invalid OAuth2 redirect_uri")?;
        match world.consents.visitor.filter(|_| !world.consents.declines) {
            Some(user) => {
                let code = super::random();
                let challenge = Some(get("code_challenge").to_owned()).filter(|text| !text.is_empty());
                let known = Code {
                    user,
                    redirect: get("redirect_uri").to_owned(),
                    scope: get("scope").to_owned(),
                    challenge,
                };
                world.consents.codes.insert(code.clone(), known);
                back.query_pairs_mut().append_pair("code", &code);
            }
            None => {
                let words = "The resource owner or authorization server denied the request";
                back.query_pairs_mut().append_pair("error", "access_denied").append_pair("error_description", words);
            }
        }
        if !get("state").is_empty() {
            back.query_pairs_mut().append_pair("state", get("state"));
        }
        Ok(back.to_string())
    });
    match told {
        Ok(back) => plain(302, &[("location", back)], "".into()),
        Err(words) => plain(400, &[("content-type", "text/html".into())], format!("<html>{words}</html>").into()),
    }
}

/// Turns a code into an access token.
pub fn token(shared: &Shared, kind: &str, authorization: &str, body: &[u8]) -> Response {
    let form = pairs(body);
    let (status, answer) = shared.change(|world| {
        let got = (|| {
            if !kind.starts_with("application/x-www-form-urlencoded") {
                return Err((400, "invalid_request", "Only form bodies are taken"));
            }
            let basic = authorization.strip_prefix("Basic ").and_then(|text| STANDARD.decode(text).ok());
            let basic = basic.and_then(|bytes| String::from_utf8(bytes).ok());
            let get = |key: &str| form.get(key).map_or("", String::as_str);
            let (id, secret) = basic.as_deref().and_then(|text| text.split_once(':')).unwrap_or((get("client_id"), get("client_secret")));
            if id != world.app.id.to_string() || secret != world.app.client_secret {
                return Err((401, "invalid_client", ""));
            }
            if get("grant_type") != "authorization_code" {
                return Err((400, "unsupported_grant_type", "Grant type None is not supported"));
            }
            // A code is used up by the first try, good or bad.
            let code = world.consents.codes.remove(get("code"));
            let Some(code) = code else { return Err((400, "invalid_grant", "Invalid \"code\" in request.")) };
            if code.redirect != get("redirect_uri") {
                return Err((400, "invalid_grant", "Invalid \"redirect_uri\" in request."));
            }
            let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(get("code_verifier")));
            if code.challenge.as_ref().is_some_and(|challenge| *challenge != proof) {
                return Err((400, "invalid_grant", "Invalid \"code_verifier\" in request."));
            }
            let token = super::random();
            world.consents.tokens.insert(token.clone(), (code.user, code.scope.clone()));
            Ok(json!({
                "access_token": token, "token_type": "Bearer", "expires_in": 604_800, "refresh_token": super::random(),
                "scope": code.scope,
            }))
        })();
        let (status, answer) = match got {
            Ok(answer) => (200, answer),
            Err((status, error, "")) => (status, json!({ "error": error })),
            Err((status, error, words)) => (status, json!({ "error": error, "error_description": words })),
        };
        // Neither the secret nor the token is written down.
        let path = "api/v10/oauth2/token".to_owned();
        world.log.push(Logged { route: "POST /oauth2/token".into(), path, body: Value::Null, status, answer: Value::Null });
        (status, answer)
    });
    plain(status, &[("content-type", "application/json".into())], answer.to_string().into())
}
