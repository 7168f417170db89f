//! Every route, in one table. The router is made from it and from nothing else, so what it does not list is not served,
//! and what it does not mark as open is guarded.

use axum::Router;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use workflows::Workflows;
use workflows::clock::Timestamp;
use workflows::identity::Chat;
use workflows::policy::Policy;
use workflows::target::TargetName;

pub use crate::api::accounts::Proof;
use crate::api::{
    accounts, certificates, digest, evidence, grants, people, requests, search, sessions, ssh_keys, system,
};
use crate::documents::{Explanation, Gateway};
use crate::gauges::Gauges;
use crate::page;
use crate::page::browser::Browser;
use crate::problem::Problem;
use crate::search::Look;

/// Says what `person` would meet with a text at a target, by this policy at this moment. The composition root gives it,
/// because reading SQL is the gateway's work and the two crates do not know each other. It may block.
pub type Explain = Arc<dyn Fn(&Policy, &str, &TargetName, &str, Timestamp) -> Explanation + Send + Sync>;

/// How somebody proves an account at a platform, given the linking's state and nonce. The composition root gives it: the
/// platforms are the bot's.
pub type Prove = Arc<dyn Fn(Chat, &str, &str) -> Proof + Send + Sync>;

/// A certificate that is wanted, for whom and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The public key.
    pub key: &'a str,
    /// The identity's id.
    pub identity: &'a str,
    /// Its name.
    pub person: &'a str,
    /// The id of the token that it is made of.
    pub token: &'a str,
    /// The one target that it opens.
    pub target: &'a str,
    /// From when.
    pub from: Timestamp,
    /// To when.
    pub until: Timestamp,
}

/// Signs certificates for SSH. The composition root gives it: the keys are the gateway's.
pub trait Certify: Send + Sync {
    /// The fingerprint of a public key, or why it will not do.
    fn fingerprint(&self, key: &str) -> Result<String, String>;
    /// The certificate.
    fn sign(&self, wish: &Wish<'_>) -> Result<String, String>;
    /// The fingerprint of a public key whose private half signed the words, or why that is not so.
    fn proved(&self, key: &str, words: &str, signature: &str) -> Result<String, String>;
    /// The line of `known_hosts`.
    fn known_hosts(&self) -> Result<String, String>;
}

/// What the handlers work with.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) workflows: Workflows,
    pub(crate) gauges: Gauges,
    pub(crate) browser: Browser,
    pub(crate) postgres: Option<Gateway>,
    pub(crate) ssh: Option<Gateway>,
    pub(crate) explain: Option<Explain>,
    pub(crate) proof: Option<Prove>,
    pub(crate) search: Option<Look>,
    pub(crate) searches: Arc<Semaphore>,
    pub(crate) certify: Option<Arc<dyn Certify>>,
    pub(crate) stop: CancellationToken,
}

impl App {
    /// What knows the keys of SSH, where a gateway for it runs.
    pub(crate) fn authority(&self) -> Result<&dyn Certify, Problem> {
        let hint = "tell who runs Countersign to set `ssh` under [gateway]";
        let missing = || Problem::new(StatusCode::CONFLICT, "this server runs no gateway for SSH", Some(hint));
        self.certify.as_deref().ok_or_else(missing)
    }
}

/// Who may call a route at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Everybody.
    Open,
    /// Whoever signed in. What they may see or do is the verb's to say.
    Person,
    /// The same for a browser: it is known by its cookie, and shown a form where it has none.
    Page,
}

/// A route: for tests that go through all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path, with `{id}` where an id stands.
    pub path: &'static str,
    /// Who may call it.
    pub guard: Guard,
}

type Row = (Entry, MethodRouter<App>);

fn row(method: &'static str, path: &'static str, guard: Guard, handler: MethodRouter<App>) -> Row {
    (Entry { method, path, guard }, handler)
}

fn table() -> Vec<Row> {
    use Guard::{Open, Page, Person};
    vec![
        row("GET", "/healthz", Open, get(system::healthz)),
        row("GET", "/openapi.json", Open, get(system::openapi)),
        row("GET", "/metrics", Open, get(system::metrics)),
        row("GET", "/v1/whoami", Person, get(people::whoami)),
        row("GET", "/v1/tokens", Person, get(people::tokens)),
        row("POST", "/v1/tokens/{id}/revoke", Person, post(people::revoke_token)),
        row("GET", "/v1/accounts", Person, get(accounts::list)),
        row("POST", "/v1/accounts/{id}/remove", Person, post(accounts::remove)),
        row("POST", "/v1/links", Person, post(accounts::begin)),
        row("POST", "/v1/links/{id}/finish", Person, post(accounts::finish)),
        row("GET", "/v1/targets", Person, get(grants::targets)),
        row("POST", "/v1/requests", Person, post(requests::ask)),
        row("GET", "/v1/requests", Person, get(requests::list)),
        row("GET", "/v1/requests/{id}", Person, get(requests::show)),
        row("POST", "/v1/requests/{id}/approve", Person, post(requests::approve)),
        row("POST", "/v1/requests/{id}/deny", Person, post(requests::deny)),
        row("POST", "/v1/requests/{id}/withdraw", Person, post(requests::withdraw)),
        row("GET", "/v1/grants", Person, get(grants::list)),
        row("POST", "/v1/grants/{id}/extend", Person, post(grants::extend)),
        row("POST", "/v1/grants/{id}/revoke", Person, post(grants::revoke)),
        row("POST", "/v1/certificates", Person, post(certificates::make)),
        row("GET", "/v1/ssh-keys", Person, get(ssh_keys::list)),
        row("POST", "/v1/ssh-keys", Person, post(ssh_keys::bind)),
        row("POST", "/v1/ssh-keys/{id}/revoke", Person, post(ssh_keys::revoke)),
        row("GET", "/v1/sessions", Person, get(sessions::list)),
        row("GET", "/v1/sessions/search", Person, get(search::search)),
        row("GET", "/v1/sessions/{id}", Person, get(sessions::show)),
        row("POST", "/v1/sessions/{id}/end", Person, post(sessions::end)),
        row("GET", "/v1/sessions/{id}/recording", Person, get(sessions::recording)),
        row("GET", "/v1/digests", Person, get(digest::list)),
        row("GET", "/v1/digest", Person, get(digest::show)),
        row("GET", "/v1/digest.csv", Person, get(digest::csv)),
        row("POST", "/v1/digests/{id}/review", Person, post(digest::review)),
        row("GET", "/digest", Page, get(page::digest::show)),
        row("POST", "/digest/{id}/review", Page, post(page::digest::review)),
        row("POST", "/digest/sign-in", Open, post(page::sign::sign_in)),
        row("POST", "/digest/sign-out", Open, post(page::sign::sign_out)),
        row("GET", "/page.css", Open, get(page::style)),
        row("GET", "/v1/audit", Person, get(evidence::audit)),
        row("POST", "/v1/explain", Person, post(evidence::explain)),
    ]
}

/// Every route that is served.
pub fn inventory() -> Vec<Entry> {
    table().into_iter().map(|(entry, _)| entry).collect()
}

/// Longest body of a call, in bytes.
const MAX_BODY: usize = 1024 * 1024;
/// Longest time until a call is answered; a long poll takes 30 s of it.
const LONGEST_CALL: std::time::Duration = std::time::Duration::from_mins(1);

pub(crate) fn router(app: App) -> Router {
    let (mut open, mut guarded, mut pages) = (Router::new(), Router::new(), Router::new());
    for (entry, handler) in table() {
        match entry.guard {
            Guard::Open => open = open.route(entry.path, handler),
            Guard::Person => guarded = guarded.route(entry.path, handler),
            Guard::Page => pages = pages.route(entry.path, handler),
        }
    }
    guarded
        .route_layer(middleware::from_fn_with_state(app.clone(), crate::auth::guard))
        .merge(pages.route_layer(middleware::from_fn_with_state(app.clone(), crate::auth::guard_page)))
        .merge(open)
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_like_this)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(in_time))
        .layer(middleware::map_response(cautious))
        .with_state(app)
}

async fn nothing_here(uri: Uri) -> Problem {
    let detail = format!("there is nothing at `{}`", uri.path());
    Problem::new(StatusCode::NOT_FOUND, detail, Some("see /openapi.json for what there is"))
}

async fn not_like_this(method: Method, uri: Uri) -> Problem {
    let detail = format!("`{}` does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail, Some("see /openapi.json for what there is"))
}

async fn in_time(request: axum::extract::Request, next: Next) -> Response {
    let answered = tokio::time::timeout(LONGEST_CALL, next.run(request)).await;
    answered.unwrap_or_else(|_| Problem::ours("the call took longer than 60 s and was given up").into_response())
}

/// Browsers shall neither keep, guess nor frame what is here, and show only the pages, which say themselves what may be in
/// them.
const CAUTION: [(HeaderName, HeaderValue); 5] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

async fn cautious(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in CAUTION {
        headers.entry(name).or_insert(value);
    }
    response
}
