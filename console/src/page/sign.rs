//! Signing in and out with a browser. The token is the same as everywhere; the browser keeps it in a cookie, and each
//! call asks anew whether it still serves.

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use workflows::secret::Secret;

use super::browser::{FromUs, is_from_elsewhere};
use super::digest::{self, Which};
use super::html::html;
use super::{page, wrong};
use crate::auth;
use crate::extract::Args;
use crate::problem::Problem;
use crate::routes::App;

/// The page that asks for a token. `which` is the digest that comes after it.
pub(crate) fn ask(headers: &HeaderMap, which: &Which, words: Option<&str>) -> Response {
    // Whoever follows a link in chat may have a cookie that the browser keeps back, the link being another site's. Loaded
    // once more, now by this page, it is sent.
    let again = is_from_elsewhere(headers)
        .then(|| html!("<meta http-equiv=\"refresh\" content=\"0; url=/digest" {which.query()} "\">\n"));
    let words = words.map(|words| html!("<p class=\"wrong\" role=\"alert\">" {words} "</p>\n"));
    let body = html!(
        "<main class=\"narrow\">\n<p class=\"mark\">Countersign</p>\n<h1>Sign in</h1>\n"
        {words}
        "<form method=\"post\" action=\"/digest/sign-in" {which.query()} "\">\n"
        "<label for=\"token\">Your token</label>\n"
        "<input id=\"token\" name=\"token\" type=\"password\" required maxlength=\"260\" "
        "autocomplete=\"current-password\" autocapitalize=\"off\" spellcheck=\"false\" placeholder=\"cst_…\">\n"
        "<button class=\"main\">Sign in</button>\n</form>\n"
        "<p class=\"small\">The token that <code>countersign login</code> takes. This browser keeps it for at most 8 "
        "hours, and it opens nothing once it has ended or was revoked.</p>\n</main>\n"
    );
    let mut response = page(StatusCode::UNAUTHORIZED, "Sign in", again, body);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, auth::CHALLENGE);
    response
}

/// The page that asks for a token, in place of the one that was called.
pub(crate) fn instead(headers: &HeaderMap, which: &Which, problem: &Problem, came: Came) -> Response {
    if problem.status != StatusCode::UNAUTHORIZED.as_u16() {
        return wrong(problem, None);
    }
    let words = match came {
        Came::WithNothing => None,
        Came::WithToken => Some(problem.detail.as_str()),
    };
    ask(headers, which, words)
}

/// What somebody who was not signed in had with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    WithNothing,
    WithToken,
}

/// What the form holds.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    /// `cst_…`
    token: String,
}

/// Signs a browser in: it keeps the token in a cookie, and is sent to the page that it wanted.
#[utoipa::path(post, path = "/digest/sign-in", tag = "page", params(Which),
    request_body(content = SignIn, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303, description = "To the page, with the cookie."),
        (status = 401, description = "The form again.", content_type = "text/html", body = String)))]
pub(crate) async fn sign_in(
    _: FromUs,
    State(app): State<App>,
    headers: HeaderMap,
    which: Result<Args<Which>, Problem>,
    form: Result<Form<SignIn>, FormRejection>,
) -> Response {
    let which = match digest::asked(which) {
        Ok(which) => which,
        Err(problem) => return wrong(&problem, None),
    };
    let Ok(Form(SignIn { token })) = form else {
        return wrong(&Problem::new(StatusCode::BAD_REQUEST, "the form cannot be read", None), None);
    };
    let token = Secret::new(token.trim().to_owned());
    match auth::authenticate(&app, &token).await {
        Ok(_) => {
            let cookie = [(header::SET_COOKIE, app.browser.keep(token.reveal()))];
            (cookie, Redirect::to(&format!("/digest{}", which.query()))).into_response()
        }
        Err(problem) => instead(&headers, &which, &problem, Came::WithToken),
    }
}

/// Signs a browser out: it forgets the token, which serves elsewhere as before.
#[utoipa::path(post, path = "/digest/sign-out", tag = "page",
    responses((status = 303, description = "To the form for signing in, without the cookie.")))]
pub(crate) async fn sign_out(_: FromUs, State(app): State<App>) -> Response {
    ([(header::SET_COOKIE, app.browser.forget())], Redirect::to("/digest")).into_response()
}
