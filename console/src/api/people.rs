//! Who one is, and one's tokens.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use workflows::id::TokenId;

use super::Answer;
use crate::auth::Caller;
use crate::documents::{Token, TokenList, WhoAmI};
use crate::extract::Id;
use crate::problem::Problem;
use crate::routes::App;

/// Who is signed in.
#[utoipa::path(get, path = "/v1/whoami", tag = "people", responses((status = 200, body = WhoAmI)))]
pub(crate) async fn whoami(Caller(who): Caller) -> Answer<WhoAmI> {
    Ok(Json(WhoAmI::from(&who)))
}

/// The caller's own tokens, without their secrets.
#[utoipa::path(get, path = "/v1/tokens", tag = "people", responses((status = 200, body = TokenList)))]
pub(crate) async fn tokens(State(app): State<App>, Caller(who): Caller) -> Answer<TokenList> {
    let rows = app.workflows.tokens(&who).await?;
    Ok(Json(TokenList { tokens: rows.iter().map(Token::from).collect() }))
}

/// Revokes one of the caller's own tokens, at once.
#[utoipa::path(post, path = "/v1/tokens/{id}/revoke", tag = "people",
    params(("id" = String, Path, description = "`tok_…`")), responses((status = 204)))]
pub(crate) async fn revoke_token(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<TokenId>,
) -> Result<StatusCode, Problem> {
    app.workflows.revoke_own_token(&who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
