//! Public keys that people sign in with over SSH.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use workflows::id::KeyId;

use super::Answer;
use crate::auth::Caller;
use crate::documents::{BindBody, BoundKey, Moment, SshKey, SshKeyList};
use crate::extract::{Body, Id};
use crate::problem::Problem;
use crate::routes::App;

/// The caller's own keys.
#[utoipa::path(get, path = "/v1/ssh-keys", tag = "people", responses((status = 200, body = SshKeyList)))]
pub(crate) async fn list(State(app): State<App>, Caller(who): Caller) -> Answer<SshKeyList> {
    let rows = app.workflows.keys(&who).await?;
    Ok(Json(SshKeyList { keys: rows.iter().map(SshKey::from).collect() }))
}

/// Binds a public key to the caller, who signs in with it over SSH from then on. A signature proves that it is theirs.
#[utoipa::path(post, path = "/v1/ssh-keys", tag = "people", request_body = BindBody,
    responses((status = 200, body = BoundKey)))]
pub(crate) async fn bind(
    State(app): State<App>,
    Caller(who): Caller,
    Body(body): Body<BindBody>,
) -> Answer<BoundKey> {
    let authority = app.authority()?;
    let words = BindBody::words(who.identity().id);
    let fingerprint = authority.proved(&body.public_key, &words, &body.signature).map_err(Problem::bad)?;
    let bound = app.workflows.bind_key(&who, &fingerprint, body.span, &body.label).await?;
    Ok(Json(BoundKey { id: bound.id, fingerprint, until: Moment(bound.until) }))
}

/// Takes one of the caller's own keys back, at once.
#[utoipa::path(post, path = "/v1/ssh-keys/{id}/revoke", tag = "people",
    params(("id" = String, Path, description = "`key_…`")), responses((status = 204)))]
pub(crate) async fn revoke(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<KeyId>,
) -> Result<StatusCode, Problem> {
    app.workflows.revoke_key(&who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
