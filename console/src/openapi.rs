//! The OpenAPI document, made from the handlers; what holds for all guarded routes is added to each here.

use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, ResponseBuilder};

use crate::api::{
    accounts, certificates, digest, evidence, grants, people, requests, search, sessions, ssh_keys, system,
};
use crate::page;
use crate::problem::Problem;
use crate::routes::{Guard, inventory};

#[derive(OpenApi)]
#[openapi(
    info(title = "Countersign", description = "Just-in-time access with approvals: the API of the console."),
    paths(
        system::healthz,
        system::openapi,
        system::metrics,
        people::whoami,
        people::tokens,
        people::revoke_token,
        accounts::list,
        accounts::begin,
        accounts::finish,
        accounts::remove,
        grants::targets,
        grants::list,
        grants::extend,
        grants::revoke,
        requests::ask,
        requests::list,
        requests::show,
        requests::approve,
        requests::deny,
        requests::withdraw,
        certificates::make,
        ssh_keys::list,
        ssh_keys::bind,
        ssh_keys::revoke,
        sessions::list,
        search::search,
        sessions::show,
        sessions::end,
        sessions::recording,
        digest::list,
        digest::show,
        digest::csv,
        digest::review,
        page::digest::show,
        page::digest::review,
        page::sign::sign_in,
        page::sign::sign_out,
        page::style,
        evidence::audit,
        evidence::explain,
    ),
    components(schemas(Problem))
)]
struct Api;

const SCHEME: &str = "token";
const COOKIE: &str = "cookie";

/// The whole document.
pub fn document() -> Document {
    let mut document = Api::openapi();
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A token of Countersign, `cst_…`, as `countersign token new` prints it."))
        .build();
    let components = document.components.get_or_insert_default();
    components.security_schemes.insert(SCHEME.to_owned(), SecurityScheme::Http(scheme).into());
    let words = "What the form for signing in leaves in a browser. Without TLS its name has no `__Host-`.";
    let cookie = ApiKey::Cookie(ApiKeyValue::with_description("__Host-countersign", words));
    components.security_schemes.insert(COOKIE.to_owned(), SecurityScheme::ApiKey(cookie).into());
    for entry in inventory() {
        let Some(item) = document.paths.paths.get_mut(entry.path) else { continue };
        let operation = if entry.method == "GET" { item.get.as_mut() } else { item.post.as_mut() };
        if let Some(operation) = operation {
            describe(operation, entry.guard);
        }
    }
    document
}

fn describe(operation: &mut Operation, guard: Guard) {
    let json =
        ("application/problem+json", ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build());
    let html = ("text/html", ContentBuilder::new().build());
    let is_page = operation.tags.iter().flatten().any(|tag| tag == "page");
    let (kind, content) = if is_page { html } else { json };
    let problem = |words: &str| {
        let response = ResponseBuilder::new().description(words);
        RefOr::T(response.content(kind, content.clone()).build())
    };
    let responses = &mut operation.responses.responses;
    responses.insert(
        "default".to_owned(),
        problem(if is_page {
            "It was not done; the page says why, and what to do."
        } else {
            "It was not done; `detail` says why, `hint` what to do."
        }),
    );
    let scheme = match guard {
        Guard::Open => return,
        Guard::Person => SCHEME,
        Guard::Page => COOKIE,
    };
    responses.insert("401".to_owned(), problem("Nobody is signed in."));
    operation.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], _>(scheme, [])]);
}
