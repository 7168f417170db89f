//! One session channel: admit, dial, begin, run, end.

use std::sync::Arc;
use std::time::Duration;

use russh::Channel;
use russh::server::Msg;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use workflows::engine::Client;
use workflows::target::Protocol;
use workflows::told::Told as _;

use super::judge::Ways;
use super::pipe::{Pipe, Port};
use super::serve::{GOODBYE, Shared};
use super::signin::SignedIn;
use super::start::{self, Start, What};
use super::talk::Talk;
use super::upstream::{self, Upstream, Visitor};
use crate::seams::LiveSession;
use crate::session;

/// How long a target may take to let us in.
const DIAL: Duration = Duration::from_secs(10);
/// How long a client may leave a channel open without wanting anything of it.
const IDLE: Duration = Duration::from_mins(1);
/// The exit status where nothing was started.
pub(super) const NOT_STARTED: u32 = 126;

/// Serves a channel to its end. Whatever goes wrong is told on its standard error. `dials` are the places of its connection for whoever
/// signs in at a target.
pub(super) async fn serve(channel: Channel<Msg>, who: SignedIn, client: String, shared: Shared, dials: &Semaphore) {
    let (mut read, write) = channel.split();
    let start = tokio::select! {
        () = shared.stop.cancelled() => None,
        read = timeout(IDLE, start::read(&mut read)) => read.ok().flatten(),
    };
    let Some(start) = start else {
        let _gone = timeout(GOODBYE, write.close()).await;
        return;
    };
    run(Pipe::new(read, write, None), start, who, client, (&shared, dials)).await;
}

/// Serves a port that leads through the target. It is open for the client once it is open at the other end.
pub(super) async fn forward(
    (channel, port): (Channel<Msg>, Port),
    to: String,
    who: SignedIn,
    client: String,
    shared: (&Shared, &Semaphore),
) {
    let (read, write) = channel.split();
    let start = Start { what: What::Port(to), terminal: None, variables: Vec::new() };
    run(Pipe::new(read, write, Some(port)), Ok(start), who, client, shared).await;
}

async fn run(
    mut pipe: Pipe,
    start: Result<Start, &'static str>,
    who: SignedIn,
    client: String,
    (shared, dials): (&Shared, &Semaphore),
) {
    let admitted = match start {
        Ok(start) => Box::pin(admit(&who, &start, client, shared, dials)).await.map(|ways| (start, ways)),
        Err(words) => Err(words.to_owned()),
    };
    match admitted {
        // INVARIANT: from here on the session is ended by `Workflows::end`, whatever happens.
        Ok((start, (session, upstream, ways))) => {
            let talk = Talk::new(pipe, upstream, start, ways);
            session::serve(talk, session, &shared.workflows, &shared.stop, &shared.observer).await;
        }
        Err(words) => {
            pipe.say(&words);
            pipe.finish(NOT_STARTED);
            let _gone = timeout(GOODBYE, pipe.flush(true)).await;
        }
    }
}

/// A session with a way to its target, or the words with which the client is sent away.
async fn admit(
    SignedIn { who, target }: &SignedIn,
    start: &Start,
    client: String,
    shared: &Shared,
    dials: &Semaphore,
) -> Result<(LiveSession, Upstream, Ways), String> {
    let workflows = &shared.workflows;
    // A connection may be older than what was revoked meanwhile.
    workflows.still(who).await.map_err(|error| error.told())?;
    let admission = Box::pin(workflows.admit(who, target)).await.map_err(|error| error.told())?;
    let (target, access) = (Arc::clone(admission.target()), admission.access());
    if target.protocol != Protocol::Ssh {
        return Err(format!("{} is reached over {}, not over ssh", target.name, target.protocol.as_str()));
    }
    let grant = admission.grant().to_string();
    let visitor = Visitor {
        certifier: &shared.certifier,
        person: &who.identity().name,
        grant: &grant,
        now: u64::try_from(workflows.clock().now().micros() / 1_000_000).unwrap_or_default(),
    };
    let dialed = {
        let _place = dials.acquire().await;
        upstream::connect((&target, access), visitor, DIAL).await
    };
    let upstream = dialed.map_err(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, target.name = %target.name, "no way to the target");
        error.told(&target)
    })?;
    let application = match &start.what {
        What::Shell => "shell",
        What::Exec(_) => "exec",
        What::Subsystem(name) => name,
        What::Port(_) => "port",
    };
    let client = Client { address: client, application: application.to_owned() };
    let session = Box::pin(workflows.begin(admission, client)).await.map_err(|error| error.told())?;
    let ways = Ways::new(session.id().to_string(), &target, access, &shared.guard_key);
    Ok((session, upstream, ways))
}
