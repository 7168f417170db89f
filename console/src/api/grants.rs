//! What one may ask for, and what one holds.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use workflows::id::GrantId;
use workflows::target::Protocol;

use super::{Answer, Listing};
use crate::auth::Caller;
use crate::documents::{Asked, BecauseBody, ExtendBody, Grant, GrantList, Target, TargetList};
use crate::extract::{Args, Body, Id};
use crate::problem::Problem;
use crate::routes::App;
use crate::seam;

/// What the caller may ask for, what they hold, and where to connect.
#[utoipa::path(get, path = "/v1/targets", tag = "grants", responses((status = 200, body = TargetList)))]
pub(crate) async fn targets(State(app): State<App>, Caller(who): Caller) -> Answer<TargetList> {
    let found = seam::targets(&app.workflows, &who, app.workflows.clock().now()).await?;
    let here = |(protocol, target): (Protocol, Target)| {
        let gateway = match protocol {
            Protocol::Postgres => app.postgres.clone(),
            Protocol::Ssh => app.ssh.clone(),
        };
        Target { gateway, ..target }
    };
    Ok(Json(TargetList { targets: found.into_iter().map(here).collect() }))
}

/// Grants that the caller may see.
#[utoipa::path(get, path = "/v1/grants", tag = "grants", params(Listing), responses((status = 200, body = GrantList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
    Args(args): Args<Listing>,
) -> Answer<GrantList> {
    let rows = app.workflows.grants(&who, args.filter()).await?;
    let now = app.workflows.clock().now();
    Ok(Json(GrantList { grants: rows.iter().map(|grant| Grant::at(grant, now)).collect() }))
}

/// Asks for more time on one's own grant.
#[utoipa::path(post, path = "/v1/grants/{id}/extend", tag = "grants", request_body = ExtendBody,
    params(("id" = String, Path, description = "`grt_…`")), responses((status = 201, body = Asked)))]
pub(crate) async fn extend(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<GrantId>,
    Body(body): Body<ExtendBody>,
) -> Result<(StatusCode, Json<Asked>), Problem> {
    let asked = app.workflows.extend(&who, id, body.span, &body.because).await?;
    Ok((StatusCode::CREATED, Json(super::requests::document(&app, &asked))))
}

/// Takes a grant back. Its sessions end at once.
#[utoipa::path(post, path = "/v1/grants/{id}/revoke", tag = "grants", request_body = BecauseBody,
    params(("id" = String, Path, description = "`grt_…`")), responses((status = 200, body = Grant)))]
pub(crate) async fn revoke(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<GrantId>,
    Body(body): Body<BecauseBody>,
) -> Answer<Grant> {
    let grant = app.workflows.revoke(&who, id, &body.because).await?;
    Ok(Json(Grant::at(&grant, app.workflows.clock().now())))
}
