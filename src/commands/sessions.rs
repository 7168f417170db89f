//! `sessions`, `sessions show`, `sessions end`.

use console::documents::BecauseBody;

use super::{Desk, view};
use crate::cli::BecauseArgs;
use crate::failure::Failure;
use crate::ids::short;

pub(super) async fn list(desk: &Desk<'_>, all: bool) -> Result<(), Failure> {
    let sessions = desk.client()?.sessions(all).await?;
    desk.screen.show(&sessions, || view::sessions(desk.screen, &sessions))
}

pub(super) async fn show(desk: &Desk<'_>, given: &str) -> Result<(), Failure> {
    let client = desk.client()?;
    let session = client.session(client.session_id(given).await?).await?;
    desk.screen.show(&session, || view::session(desk.screen, &session))
}

pub(super) async fn end(desk: &Desk<'_>, args: BecauseArgs) -> Result<(), Failure> {
    let client = desk.client()?;
    let id = client.session_id(&args.id).await?;
    client.tell(&format!("/v1/sessions/{id}/end"), &BecauseBody { because: args.because }).await?;
    desk.screen.say(&format!("{} is told to end; its grant stays\n", short(&id)));
    Ok(())
}
