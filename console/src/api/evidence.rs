//! The audit log, and what the policy would say.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Answer, MOST};
use crate::auth::Caller;
use crate::documents::{AuditPage, ExplainBody, Explanation};
use crate::extract::{Args, Body};
use crate::problem::Problem;
use crate::routes::App;
use crate::seam;

/// Which part of the log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct From {
    /// The first entry's number; 1 if left out.
    from: Option<i64>,
    /// At most this many; 100 if left out, 1000 at the most.
    limit: Option<u32>,
}

/// A part of the audit log, oldest first.
#[utoipa::path(get, path = "/v1/audit", tag = "evidence", params(From), responses((status = 200, body = AuditPage)))]
pub(crate) async fn audit(State(app): State<App>, Caller(who): Caller, Args(args): Args<From>) -> Answer<AuditPage> {
    let from = args.from.unwrap_or(1).max(1);
    let limit = args.limit.unwrap_or(100).clamp(1, MOST);
    Ok(Json(seam::audit(&app.workflows, &who, from, limit).await?))
}

/// What would happen to a text, and why. Nothing is run.
#[utoipa::path(post, path = "/v1/explain", tag = "evidence", request_body = ExplainBody,
    responses((status = 200, body = Explanation)))]
pub(crate) async fn explain(
    State(app): State<App>,
    Caller(who): Caller,
    Body(body): Body<ExplainBody>,
) -> Answer<Explanation> {
    let (policy, now) = (app.workflows.policy(), app.workflows.clock().now());
    let own = who.identity().name.as_str();
    let person = body.person.as_deref().unwrap_or(own);
    if !policy.oversees(own, now) {
        if person != own {
            let detail = "what would happen to others is for auditors and administrators to ask";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail, Some("leave out `as` to ask for yourself")));
        }
        // Nor is the policy of a target explained to whoever may not know of it.
        let known = seam::targets(&app.workflows, &who, now).await?;
        if !known.iter().any(|(_, target)| target.name == body.target.as_str()) {
            return Err(Problem::missing(format!("there is no target `{}` that you may ask for", body.target)));
        }
    }
    let Some(explain) = app.explain.clone() else {
        return Err(Problem::ours("this server explains nothing"));
    };
    let (person, target, sql) = (person.to_owned(), body.target, body.sql);
    // The parser may take its time, so it runs where waiting is allowed.
    let explained = tokio::task::spawn_blocking(move || explain(&policy, &person, &target, &sql, now)).await;
    explained.map(Json).map_err(|_| Problem::ours("the text could not be explained"))
}
