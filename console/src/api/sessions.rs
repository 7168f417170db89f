//! Sessions and their recordings.

use std::path::Path;

use axum::Json;
use axum::body::Body as HttpBody;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;
use tracing::error;
use workflows::id::SessionId;

use super::{Answer, Listing};
use crate::auth::Caller;
use crate::documents::{BecauseBody, Session, SessionList};
use crate::extract::{Args, Body, Id};
use crate::problem::Problem;
use crate::routes::App;
use crate::seam;

/// Sessions that the caller may see.
#[utoipa::path(get, path = "/v1/sessions", tag = "sessions", params(Listing),
    responses((status = 200, body = SessionList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
    Args(args): Args<Listing>,
) -> Answer<SessionList> {
    let rows = app.workflows.sessions(&who, args.filter()).await?;
    Ok(Json(SessionList { sessions: rows.iter().map(Session::from).collect() }))
}

/// One session.
#[utoipa::path(get, path = "/v1/sessions/{id}", tag = "sessions",
    params(("id" = String, Path, description = "`ses_…`")), responses((status = 200, body = Session)))]
pub(crate) async fn show(State(app): State<App>, Caller(who): Caller, Id(id): Id<SessionId>) -> Answer<Session> {
    Ok(Json((&app.workflows.show_session(&who, id).await?).into()))
}

/// Ends a session at once; its grant stays.
#[utoipa::path(post, path = "/v1/sessions/{id}/end", tag = "sessions", request_body = BecauseBody,
    params(("id" = String, Path, description = "`ses_…`")), responses((status = 204)))]
pub(crate) async fn end(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<SessionId>,
    Body(body): Body<BecauseBody>,
) -> Result<StatusCode, Problem> {
    app.workflows.end_session(&who, id, &body.because).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The recording, as it lies on the disk: sealed, if a key is configured. Of a live session, what was written so far.
#[utoipa::path(get, path = "/v1/sessions/{id}/recording", tag = "sessions",
    params(("id" = String, Path, description = "`ses_…`")),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>)))]
pub(crate) async fn recording(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<SessionId>,
) -> Result<Response, Problem> {
    let path = seam::recording(&app.workflows, &who, id).await?;
    let (file, size) = open(&path).await.map_err(|error| {
        error!(session.id = %id, error = %error, "a recording cannot be read");
        Problem::ours(format!("the recording of `{id}` cannot be read"))
    })?;
    // The file of a live session grows while it is sent: only what was there at first is promised and sent.
    let body = HttpBody::from_stream(ReaderStream::with_capacity(file.take(size), 64 * 1024));
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, size.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{id}.csr\"")),
    ];
    Ok((headers, body).into_response())
}

async fn open(path: &Path) -> std::io::Result<(File, u64)> {
    let file = File::open(path).await?;
    let size = file.metadata().await?.len();
    Ok((file, size))
}
