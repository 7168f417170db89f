//! `request` and `requests`: asking, and watching what comes of it.

use std::process::ExitCode;
use std::time::Duration;

use console::documents::{AccessBody, Asked, Request, State};
use tokio::time::Instant;

use super::{Desk, view};
use crate::cli::RequestArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::ids::short;
use crate::{plain, progress};

pub(super) async fn ask(desk: &Desk<'_>, args: RequestArgs) -> Result<ExitCode, Failure> {
    let client = desk.client()?;
    let RequestArgs { target, level, span, because, emergency, wait } = args;
    let body = AccessBody { target: target.clone(), level: Some(level), span, because, emergency };
    let asked: Asked = client.post("/v1/requests", &body).await?;
    let words = plain::line(&view::asked(desk.screen, &asked)).into_owned();
    if asked.grant.is_some() || !wait {
        desk.screen.show(&asked, || format!("{}: {words}\n", short(&asked.request.id)))?;
        let next = if asked.grant.is_some() {
            format!("now: countersign connect {target} -- psql\n")
        } else {
            format!("to watch it: countersign requests show {}\n", short(&asked.request.id))
        };
        if desk.screen.is_terminal() {
            desk.screen.say(&next);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let request = settled(desk, &client, asked.request, &asked.people).await?;
    desk.screen.show(&request, || {
        format!("{}: {}\n", short(&request.id), plain::line(&view::state(desk.screen, &request)))
    })?;
    Ok(outcome(&request))
}

/// 0 if people agreed, 1 if they did not.
fn outcome(request: &Request) -> ExitCode {
    match &request.state {
        State::Approved { .. } | State::Spent { .. } => ExitCode::SUCCESS,
        State::Pending { .. } | State::Denied { .. } | State::Withdrawn { .. } | State::Lapsed { .. } => {
            ExitCode::from(1)
        }
    }
}

/// Waits until people have decided. Ctrl-C leaves the request as it is.
async fn settled(
    desk: &Desk<'_>,
    client: &Client,
    mut request: Request,
    people: &[String],
) -> Result<Request, Failure> {
    let since = Instant::now();
    // The people are those of the first group; after an escalation the groups themselves are shown.
    let mut people = people;
    while request.state.is_pending() {
        let words = view::waiting(desk.screen, &request, people);
        let next = progress::during(desk.screen, since, &words, after(client, &request));
        tokio::select! {
            next = next => {
                let next = next?;
                if next.asked != request.asked {
                    people = &[];
                }
                request = next;
            }
            _ = tokio::signal::ctrl_c() => {
                return Err(Failure::new(format!("the request stays: {words}"))
                    .hint(format!("to take it back: countersign withdraw {}", short(&request.id))));
            }
        }
    }
    Ok(request)
}

/// How long a server may be away while somebody waits.
const AWAY: Duration = Duration::from_mins(1);

/// The request after its next change. A server that restarts meanwhile is waited for: the request is in its store.
async fn after(client: &Client, request: &Request) -> Result<Request, Failure> {
    let since = Instant::now();
    loop {
        match client.request_after(request).await {
            Err(failure) if failure.is_passing() && since.elapsed() < AWAY => {
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            outcome => return outcome,
        }
    }
}

pub(super) async fn list(desk: &Desk<'_>, all: bool) -> Result<(), Failure> {
    let requests = desk.client()?.requests(all).await?;
    desk.screen.show(&requests, || view::requests(desk.screen, &requests))
}

pub(super) async fn show(desk: &Desk<'_>, given: &str) -> Result<(), Failure> {
    let client = desk.client()?;
    let request = client.request(client.request_id(given).await?).await?;
    desk.screen.show(&request, || view::request(desk.screen, &request))
}

/// Shows the listing again whenever it has changed, until Ctrl-C.
pub(super) async fn watch(desk: &Desk<'_>, all: bool) -> Result<(), Failure> {
    let client = desk.client()?;
    let (since, mut shown) = (Instant::now(), None);
    loop {
        let requests = client.requests(all).await?;
        if shown.as_ref() != Some(&requests) {
            desk.screen.show(&requests, || {
                // Only a terminal is cleared; in a pipe the listings follow each other.
                let clear = if desk.screen.is_terminal() { "\u{1b}[H\u{1b}[2J" } else { "" };
                format!("{clear}{}", view::requests(desk.screen, &requests))
            })?;
            shown = Some(requests);
        }
        let pause = tokio::time::sleep(Duration::from_secs(2));
        tokio::select! {
            () = progress::during(desk.screen, since, "watching; Ctrl-C ends it", pause) => {}
            _ = tokio::signal::ctrl_c() => {
                desk.screen.say("\n");
                return Ok(());
            }
        }
    }
}
