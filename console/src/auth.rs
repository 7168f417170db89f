//! Who is calling. Asked on each call, because a token can be revoked at any moment; nothing is remembered.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderValue;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use workflows::identity::Authenticated;
use workflows::secret::Secret;
use workflows::told::{Fault, Told};

use crate::page::digest::Which;
use crate::page::sign::{self, Came};
use crate::problem::Problem;
use crate::routes::App;

/// What a 401 asks for.
pub(crate) const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"countersign\"");

/// The person who is calling. A handler that takes one cannot run for nobody.
pub(crate) struct Caller(pub(crate) Authenticated);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // The guard put it there. A route that was mounted without the guard refuses everybody.
        let who = parts.extensions.get::<Authenticated>().cloned();
        who.map(Self).ok_or_else(|| Problem::unauthorized("nobody is signed in"))
    }
}

/// Stands before every route of the API that is not open to all.
pub(crate) async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Result<Response, Problem> {
    let token = bearer(&request)?;
    let who = app.workflows.authenticate(&token).await.map_err(refused)?;
    request.extensions_mut().insert(who);
    Ok(next.run(request).await)
}

/// Stands before every page. Only the cookie counts, and whoever has none that serves is shown the form for signing in.
pub(crate) async fn guard_page(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let kept = app.browser.kept(request.headers()).map(|token| Secret::new(token.to_owned()));
    let (came, found) = match kept {
        None => (Came::WithNothing, Err(Problem::unauthorized("nobody is signed in"))),
        Some(token) => (Came::WithToken, authenticate(&app, &token).await),
    };
    match found {
        Ok(who) => {
            request.extensions_mut().insert(who);
            next.run(request).await
        }
        Err(problem) => sign::instead(request.headers(), &Which::among(request.uri()), &problem, came),
    }
}

/// Whose token it is, at this moment.
pub(crate) async fn authenticate(app: &App, token: &Secret<String>) -> Result<Authenticated, Problem> {
    if !is_token(token.reveal()) {
        return Err(Problem::unauthorized("that is no token of Countersign"));
    }
    app.workflows.authenticate(token).await.map_err(refused)
}

fn bearer(request: &Request) -> Result<Secret<String>, Problem> {
    let mut values = request.headers().get_all(AUTHORIZATION).iter();
    // Two headers could be read differently by a proxy in front and by us.
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Problem::unauthorized("this call needs exactly one Authorization header"));
    };
    let text = value.to_str().map_err(|_| Problem::unauthorized("the Authorization header is not text"))?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && is_token(token) => {
            Ok(Secret::new(token.to_owned()))
        }
        _ => Err(Problem::unauthorized("the Authorization header holds no token of Countersign")),
    }
}

/// The form only; whether it is a token of ours is for the engine to say.
fn is_token(text: &str) -> bool {
    let body = text.strip_prefix("cst_").unwrap_or_default();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (8..=256).contains(&body.len()) && body.bytes().all(allowed)
}

/// A token that does not serve is 401, whatever is wrong with it; only a store that is gone is our fault.
fn refused(error: impl Told) -> Problem {
    match error.fault() {
        Fault::Ours => Problem::from(error),
        Fault::Asker | Fault::Refused | Fault::Missing | Fault::Conflict => Problem::unauthorized(error.told()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_form_of_a_token_passes() {
        assert!(is_token("cst_0123456789abcdef"));
        for wrong in
            ["", "cst_", "cst_short", "ghp_0123456789abcdef", "cst_0123456789 abcdef", "cst_0123456\u{e9}789"]
        {
            assert!(!is_token(wrong), "{wrong}");
        }
        assert!(!is_token(&format!("cst_{}", "a".repeat(257))));
    }
}
