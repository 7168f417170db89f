//! Asking, agreeing, refusing, giving up; and waiting for any of it.

use std::pin::pin;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use workflows::approval::Terms;
use workflows::clock::Span;
use workflows::engine::{AccessAsk, Choice};
use workflows::id::RequestId;
use workflows::identity::Authenticated;
use workflows::target::Access;

use super::{Answer, Listing};
use crate::auth::Caller;
use crate::documents::{AccessBody, ApproveBody, Asked, BecauseBody, Grant, Request, RequestList};
use crate::extract::{Args, Body, Id};
use crate::problem::Problem;
use crate::routes::App;

/// No call waits longer; whoever wants to wait on asks again.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Asks for access.
#[utoipa::path(post, path = "/v1/requests", tag = "requests", request_body = AccessBody,
    responses((status = 201, body = Asked)))]
pub(crate) async fn ask(
    State(app): State<App>,
    Caller(who): Caller,
    Body(body): Body<AccessBody>,
) -> Result<(StatusCode, Json<Asked>), Problem> {
    let AccessBody { target, level, span, because, emergency } = body;
    let ask = AccessAsk { target, access: level.unwrap_or(Access::Read), span, why: because, emergency };
    let asked = app.workflows.request(&who, ask).await?;
    Ok((StatusCode::CREATED, Json(document(&app, &asked))))
}

pub(super) fn document(app: &App, asked: &workflows::engine::Asked) -> Asked {
    let now = app.workflows.clock().now();
    Asked {
        request: (&asked.request).into(),
        grant: asked.grant.as_ref().map(|grant| Grant::at(grant, now)),
        people: asked.people.clone(),
    }
}

/// Requests that the caller may see: their own, and those on which they are asked.
#[utoipa::path(get, path = "/v1/requests", tag = "requests", params(Listing),
    responses((status = 200, body = RequestList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
    Args(args): Args<Listing>,
) -> Answer<RequestList> {
    let rows = app.workflows.requests(&who, args.filter()).await?;
    Ok(Json(RequestList::of(&rows)))
}

/// Whether to wait for a change.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Waiting {
    /// Answer when the request changes, or after this time: `30s` at the most.
    #[param(value_type = Option<String>, example = "30s")]
    wait: Option<Span>,
    /// The `revision` that the caller has. If the request has another one already, the answer comes at once.
    seen: Option<String>,
}

/// One request, whole.
#[utoipa::path(get, path = "/v1/requests/{id}", tag = "requests",
    params(("id" = String, Path, description = "`req_…`"), Waiting), responses((status = 200, body = Request)))]
pub(crate) async fn show(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<RequestId>,
    Args(args): Args<Waiting>,
) -> Answer<Request> {
    match args.wait {
        None => read(&app, &who, id).await.map(Json),
        Some(span) => wait(&app, &who, id, span.to_std().min(LONGEST_WAIT), args.seen).await.map(Json),
    }
}

async fn read(app: &App, who: &Authenticated, id: RequestId) -> Result<Request, Problem> {
    Ok(Request::from(&app.workflows.show_request(who, id).await?))
}

async fn wait(
    app: &App,
    who: &Authenticated,
    id: RequestId,
    longest: Duration,
    seen: Option<String>,
) -> Result<Request, Problem> {
    // Subscribed before the first look, so that a change in between rings as well.
    let mut bell = app.workflows.bell();
    let mut enough = pin!(tokio::time::sleep(longest));
    let mut request = read(app, who, id).await?;
    let seen = seen.unwrap_or_else(|| request.revision.clone());
    while request.revision == seen {
        tokio::select! {
            () = &mut enough => break,
            () = app.stop.cancelled() => break,
            rung = bell.changed() => if rung.is_err() { break },
        }
        request = read(app, who, id).await?;
    }
    Ok(request)
}

/// Agrees, perhaps to less than what was asked.
#[utoipa::path(post, path = "/v1/requests/{id}/approve", tag = "requests", request_body = ApproveBody,
    params(("id" = String, Path, description = "`req_…`")), responses((status = 200, body = Request)))]
pub(crate) async fn approve(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<RequestId>,
    Body(body): Body<ApproveBody>,
) -> Answer<Request> {
    let terms = match body.repeat {
        Some(again) => Terms { access: body.level, repeat: again.repeat(body.span), ..Terms::default() },
        None => Terms { span: body.span, access: body.level, ..Terms::default() },
    };
    let choice = Choice::Approve { terms, note: body.note };
    Ok(Json((&app.workflows.vote(&who, id, choice).await?).into()))
}

/// Says no.
#[utoipa::path(post, path = "/v1/requests/{id}/deny", tag = "requests", request_body = BecauseBody,
    params(("id" = String, Path, description = "`req_…`")), responses((status = 200, body = Request)))]
pub(crate) async fn deny(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<RequestId>,
    Body(body): Body<BecauseBody>,
) -> Answer<Request> {
    let choice = Choice::Deny { because: body.because };
    Ok(Json((&app.workflows.vote(&who, id, choice).await?).into()))
}

/// Takes one's own request back.
#[utoipa::path(post, path = "/v1/requests/{id}/withdraw", tag = "requests",
    params(("id" = String, Path, description = "`req_…`")), responses((status = 200, body = Request)))]
pub(crate) async fn withdraw(State(app): State<App>, Caller(who): Caller, Id(id): Id<RequestId>) -> Answer<Request> {
    Ok(Json((&app.workflows.withdraw(&who, id).await?).into()))
}
