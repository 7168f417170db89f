//! `sessions`, `sessions show`, `sessions end`.

use console::documents::{BecauseBody, Session};
use serde::Serialize;

use super::files::Kept;
use super::{Desk, files, view};
use crate::cli::{BecauseArgs, SessionArgs};
use crate::failure::Failure;
use crate::ids::short;

pub(super) async fn list(desk: &Desk<'_>, all: bool) -> Result<(), Failure> {
    let sessions = desk.client()?.sessions(all).await?;
    desk.screen.show(&sessions, || view::sessions(desk.screen, &sessions))
}

/// A session, with the files that are kept of it where they were asked for.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    session: Session,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<Kept>>,
}

pub(super) async fn show(desk: &Desk<'_>, args: SessionArgs) -> Result<(), Failure> {
    let client = desk.client()?;
    let session = client.session(client.session_id(&args.id).await?).await?;
    // Fetching the recording is looking at it, and in the log.
    let listed = if args.files { Some(files::list(desk, &session, args.identity.as_deref()).await) } else { None };
    let (files, unread) = match listed {
        None => (None, None),
        Some(Ok(files)) => (Some(files), None),
        Some(Err(failure)) => (None, Some(failure)),
    };
    let shown = Shown { session, files };
    desk.screen.show(&shown, || view::session(desk.screen, &shown.session, shown.files.as_deref()))?;
    if let Some(failure) = unread {
        desk.screen.say(&format!("the kept files can't be listed: {failure}\n"));
    }
    Ok(())
}

pub(super) async fn end(desk: &Desk<'_>, args: BecauseArgs) -> Result<(), Failure> {
    let client = desk.client()?;
    let id = client.session_id(&args.id).await?;
    client.tell(&format!("/v1/sessions/{id}/end"), &BecauseBody { because: args.because }).await?;
    desk.screen.say(&format!("{} is told to end; its grant stays\n", short(&id)));
    Ok(())
}
