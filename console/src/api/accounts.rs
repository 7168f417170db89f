//! Chat accounts: linking one to oneself, and taking it away.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use workflows::id::{AccountId, LinkId};

use super::Answer;
use crate::auth::Caller;
use crate::documents::{Account, AccountList, BegunLink, ChatAccount, CodeBody, LinkBody, Moment};
use crate::extract::{Body, Id};
use crate::problem::Problem;
use crate::routes::App;

/// How somebody proves an account at a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By signing in there: this is the address.
    SignIn(String),
    /// By writing this to the bot there, where the platform says whose message it is.
    Say(String),
    /// Not at all: the file does not name the platform, or not where browsers reach us.
    Missing(String),
}

/// The caller's linked accounts.
#[utoipa::path(get, path = "/v1/accounts", tag = "people", responses((status = 200, body = AccountList)))]
pub(crate) async fn list(State(app): State<App>, Caller(who): Caller) -> Answer<AccountList> {
    let rows = app.workflows.accounts(&who).await.map_err(Problem::from)?;
    Ok(Json(AccountList { accounts: rows.iter().map(Account::from).collect() }))
}

/// Begins to link an account at a platform to the caller. Nothing is linked before the code is sent that the platform's
/// side shows.
#[utoipa::path(post, path = "/v1/links", tag = "people", request_body = LinkBody,
    responses((status = 200, body = BegunLink)))]
pub(crate) async fn begin(
    State(app): State<App>,
    Caller(who): Caller,
    Body(body): Body<LinkBody>,
) -> Answer<BegunLink> {
    let chat = body.chat;
    let begun = app.workflows.begin_link(&who, chat).await?;
    let state = begun.state.reveal();
    let proof = app.proof.as_ref().map_or_else(
        || Proof::Missing(format!("`{chat}` is not in the file")),
        |proof| proof(chat, state, &begun.nonce),
    );
    let (url, say) = match proof {
        Proof::SignIn(url) => (Some(url), None),
        Proof::Say(words) => (None, Some(words)),
        Proof::Missing(why) => return Err(Problem::new(StatusCode::CONFLICT, why, None::<&str>)),
    };
    Ok(Json(BegunLink { id: begun.id, url, say, until: Moment(begun.until) }))
}

/// Finishes a linking that the caller began.
#[utoipa::path(post, path = "/v1/links/{id}/finish", tag = "people", request_body = CodeBody,
    params(("id" = String, Path, description = "`lnk_…`")), responses((status = 200, body = ChatAccount)))]
pub(crate) async fn finish(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<LinkId>,
    Body(body): Body<CodeBody>,
) -> Answer<ChatAccount> {
    let at = app.workflows.finish_link(&who, id, &body.code).await?;
    Ok(Json(ChatAccount::from(&at)))
}

/// Takes one of the caller's accounts away, at once.
#[utoipa::path(post, path = "/v1/accounts/{id}/remove", tag = "people",
    params(("id" = String, Path, description = "`acc_…`")), responses((status = 204)))]
pub(crate) async fn remove(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<AccountId>,
) -> Result<StatusCode, Problem> {
    app.workflows.unlink(&who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
