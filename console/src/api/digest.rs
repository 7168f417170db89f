//! The weekly digest.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use workflows::digest::Week;
use workflows::engine::GivenDigest;
use workflows::id::DigestId;
use workflows::identity::Authenticated;

use super::Answer;
use crate::auth::Caller;
use crate::documents::{Digest, DigestList, FiledDigest};
use crate::extract::{Args, Id};
use crate::problem::Problem;
use crate::routes::App;

/// Whose digest, of which week.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// As `2026-W47`; the last whole week if left out.
    #[param(value_type = Option<String>, example = "2026-W47")]
    week: Option<Week>,
    /// The caller if left out. Somebody else's is for auditors, administrators, and those to whom it went.
    manager: Option<String>,
}

async fn find(app: &App, who: &Authenticated, which: Which) -> Result<GivenDigest, Problem> {
    Ok(app.workflows.digest(who, which.manager.as_deref(), which.week).await?)
}

/// The digests that were made for the caller or went to them, newest first; for auditors and administrators everybody's.
#[utoipa::path(get, path = "/v1/digests", tag = "digest", responses((status = 200, body = DigestList)))]
pub(crate) async fn list(State(app): State<App>, Caller(who): Caller) -> Answer<DigestList> {
    let filed = app.workflows.digests(&who).await?;
    Ok(Json(DigestList { digests: filed.iter().map(FiledDigest::from).collect() }))
}

/// One digest: as it was filed, or computed now for a week of which none was.
#[utoipa::path(get, path = "/v1/digest", tag = "digest", params(Which), responses((status = 200, body = Digest)))]
pub(crate) async fn show(State(app): State<App>, Caller(who): Caller, Args(args): Args<Which>) -> Answer<Digest> {
    Ok(Json(Digest::from(&find(&app, &who, args).await?)))
}

/// The same for a spreadsheet. No cell begins like a formula.
#[utoipa::path(get, path = "/v1/digest.csv", tag = "digest", params(Which),
    responses((status = 200, content_type = "text/csv", body = String)))]
pub(crate) async fn csv(
    State(app): State<App>,
    Caller(who): Caller,
    Args(args): Args<Which>,
) -> Result<Response, Problem> {
    let given = find(&app, &who, args).await?;
    let name = format!("attachment; filename=\"digest-{}.csv\"", given.digest.week);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, workflows::digest::csv(&given.digest)).into_response())
}

/// "I have reviewed this": for the manager it was made for, or those to whom it went. It is kept as evidence.
#[utoipa::path(post, path = "/v1/digests/{id}/review", tag = "digest",
    params(("id" = String, Path, description = "`dig_…`")), responses((status = 200, body = FiledDigest)))]
pub(crate) async fn review(State(app): State<App>, Caller(who): Caller, Id(id): Id<DigestId>) -> Answer<FiledDigest> {
    Ok(Json((&app.workflows.review_digest(&who, id).await?).into()))
}
