//! The page to which a platform sends a browser back: it shows the code that finishes a linking, and links nothing itself.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use workflows::Workflows;
use workflows::identity::Chat;
use workflows::told::Told as _;

use crate::courier::Post;

#[derive(Clone, Debug)]
struct Door {
    workflows: Workflows,
    posts: Arc<[Post]>,
    public: Option<Arc<str>>,
}

/// The page's route.
pub(crate) fn hooks(workflows: Workflows, posts: Arc<[Post]>, public: Option<Arc<str>>) -> Router {
    Router::new().route("/link/{chat}", get(back)).with_state(Door { workflows, posts, public })
}

/// The address that a platform sends a browser back to.
pub(crate) fn redirect(public: &str, chat: Chat) -> String {
    format!("{}/link/{chat}", public.trim_end_matches('/'))
}

async fn back(
    State(door): State<Door>,
    Path(chat): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let failed = |words: &str| page(StatusCode::BAD_REQUEST, "This did not work", words);
    let post = chat.parse::<Chat>().ok().and_then(|chat| door.posts.iter().find(|post| post.platform.chat() == chat));
    let (Some(post), Some(public)) = (post, &door.public) else {
        return failed("Countersign is not connected with that platform.");
    };
    if let Some(error) = query.get("error") {
        return failed(&format!("The platform says: {error}. Begin again with `countersign link`."));
    }
    let (Some(code), Some(state)) = (query.get("code"), query.get("state")) else {
        return failed("The address is not complete. Begin again with `countersign link`.");
    };
    let link = match door.workflows.open_link(state).await {
        Ok(link) if link.chat == post.platform.chat() => link,
        Ok(_) => return failed("That was begun for another platform. Begin again with `countersign link`."),
        Err(error) => return failed(&error.told()),
    };
    let redirect = redirect(public, link.chat);
    let user = match post.platform.signed_in(&redirect, code, &link.nonce).await {
        Ok(user) => user,
        Err(error) => {
            tracing::warn!("a sign-in at {} came to nothing: {error}", link.chat);
            return failed("The platform did not confirm the sign-in. Begin again with `countersign link`.");
        }
    };
    match door.workflows.prove_link(state, &user).await {
        Ok(code) => {
            let code = code.reveal();
            let (one, two) = code.split_at_checked(4).unwrap_or((code, ""));
            let words = format!(
                "{} has confirmed the account {}. To link it to {}, type this code where you ran `countersign link`. If you \
                 did not run it, somebody else wants your account: close this page, and nothing is linked.",
                link.chat.title(),
                user.user,
                link.name
            );
            page(StatusCode::OK, &format!("{one} {two}"), &words)
        }
        Err(error) => failed(&error.told()),
    }
}

/// Text that is nothing but text in a page.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in workflows::shown::visible(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

fn page(status: StatusCode, title: &str, words: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Countersign</title><style>body{{font:18px/1.5 system-ui,sans-serif;max-width:34rem;margin:12vh auto;\
         padding:0 1rem;color:#1a1a1a;background:#fff}}h1{{font:600 2.4rem/1.2 ui-monospace,monospace;letter-spacing:.08em}}\
         @media(prefers-color-scheme:dark){{body{{color:#eee;background:#111}}}}</style>\
         <p>Countersign</p><h1>{}</h1><p>{}</p></html>",
        escape(title),
        escape(words)
    );
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(
                "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; form-action 'none'",
            ),
        ),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, html).into_response()
}
