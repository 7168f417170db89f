//! `approve`, `deny`, `withdraw`.

use std::io::IsTerminal;

use console::documents::{ApproveBody, BecauseBody, Request, Subject};
use workflows::id::RequestId;
use workflows::request::Again;

use super::{Desk, view};
use crate::cli::{ApproveArgs, BecauseArgs};
use crate::client::Client;
use crate::failure::Failure;
use crate::ids::short;
use crate::{plain, prompt};

pub(super) async fn approve(desk: &Desk<'_>, args: ApproveArgs) -> Result<(), Failure> {
    let client = desk.client()?;
    let id = client.request_id(&args.id).await?;
    if !args.yes {
        read_first(desk, &client, id, args.repeat).await?;
    }
    let body = ApproveBody { span: args.span, level: args.level, repeat: args.repeat, note: args.note };
    decided(desk, &client.post(&format!("/v1/requests/{id}/approve"), &body).await?)
}

/// Nobody approves a statement that was not shown to them in full (G8).
async fn read_first(desk: &Desk<'_>, client: &Client, id: RequestId, again: Option<Again>) -> Result<(), Failure> {
    let request = client.request(id).await?;
    match &request.what {
        Subject::Operation { .. } if request.state.is_pending() => {}
        Subject::Operation { .. } | Subject::Access { .. } | Subject::Review { .. } => return Ok(()),
    }
    desk.screen.say(&view::request(desk.screen, &request));
    // A program that approves has nobody to ask.
    let asks = std::io::stdin().is_terminal() && desk.screen.shows_progress();
    let question = match again {
        None => "Approve exactly this, once?",
        Some(Again::Exact) => "Approve exactly this, now and again in its session?",
        Some(Again::Shape) => "Approve this, and its shape with other operands in its session?",
    };
    if asks && !prompt::agreed(desk.screen, question)? {
        return Err(
            Failure::new("not approved").hint(format!("to refuse it: countersign deny {} --because …", short(&id)))
        );
    }
    Ok(())
}

pub(super) async fn deny(desk: &Desk<'_>, args: BecauseArgs) -> Result<(), Failure> {
    let client = desk.client()?;
    let id = client.request_id(&args.id).await?;
    let body = BecauseBody { because: args.because };
    decided(desk, &client.post(&format!("/v1/requests/{id}/deny"), &body).await?)
}

pub(super) async fn withdraw(desk: &Desk<'_>, given: &str) -> Result<(), Failure> {
    let client = desk.client()?;
    let id = client.request_id(given).await?;
    decided(desk, &client.post(&format!("/v1/requests/{id}/withdraw"), &serde_json::json!({})).await?)
}

fn decided(desk: &Desk<'_>, request: &Request) -> Result<(), Failure> {
    desk.screen
        .show(request, || format!("{}: {}\n", short(&request.id), plain::line(&view::state(desk.screen, request))))
}
