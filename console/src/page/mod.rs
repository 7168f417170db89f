//! What browsers get: pages made here, without a script, from the same verbs and documents as the API. A page shows; what
//! changes something is a form that the person sends back from it ([`browser::FromUs`]).

mod bars;
pub(crate) mod browser;
pub(crate) mod digest;
pub(crate) mod html;
mod report;
pub(crate) mod sign;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;
use html::{Html, html};

/// Our stylesheet, pictures that stand in the page itself, and forms to us; nothing else, and no script at all.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'",
);

const KIND: [(HeaderName, HeaderValue); 2] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
    (header::CONTENT_SECURITY_POLICY, POLICY),
];

/// A whole page.
pub(crate) fn page(status: StatusCode, title: &str, head: Option<Html>, body: Html) -> Response {
    let page = html!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n"
        "<title>" {title} " · Countersign</title>\n"
        "<link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' "
        "viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='%23186a5b'/%3E"
        "%3Cpath d='M4.5 8.2l2.4 2.4 4.6-5' fill='none' stroke='%23fff' stroke-width='1.8'/%3E%3C/svg%3E\">\n"
        "<link rel=\"stylesheet\" href=\"/page.css\">\n"
        {head}
        "</head>\n<body>\n" {body} "</body>\n</html>\n"
    );
    (status, KIND, page.into_string()).into_response()
}

/// Why there is no such page, and what to do; `more` stands below.
pub(crate) fn wrong(problem: &Problem, more: Option<Html>) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let hint = problem.hint.as_ref().map(|hint| html!("<p>" {hint} "</p>\n"));
    let body = html!(
        "<main class=\"narrow\">\n<p class=\"mark\">Countersign</p>\n<h1>" {problem.title} "</h1>\n"
        "<p class=\"lead\">" {problem.detail} "</p>\n" {hint}
        "<p><a href=\"/digest\">To the last digest</a></p>\n" {more} "</main>\n"
    );
    page(status, &problem.title, None, body)
}

/// How pages look.
#[utoipa::path(get, path = "/page.css", tag = "page",
    responses((status = 200, content_type = "text/css", body = String)))]
pub(crate) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("page.css"))
}
