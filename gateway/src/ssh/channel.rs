//! One session channel: admit, dial, begin, run, end.

use std::sync::Arc;
use std::time::Duration;

use russh::Channel;
use russh::server::{ChannelOpenHandle, Handle, Msg};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use workflows::engine::Client;
use workflows::target::Protocol;
use workflows::told::Told as _;

use super::agents::Agents;
use super::judge::Ways;
use super::pipe::{Pipe, Port};
use super::serve::{GOODBYE, Shared};
use super::signin::SignedIn;
use super::spare::{Lease, Spare};
use super::start::{self, Start, What};
use super::talk::{Left, Talk};
use super::upstream::{self, Upstream, Visitor};
use crate::seams::LiveSession;
use crate::session;

/// How long a target may take to let us in.
const DIAL: Duration = Duration::from_secs(10);
/// How long a client may leave a channel open without wanting anything of it.
const IDLE: Duration = Duration::from_mins(1);
/// The exit status where nothing was started.
pub(super) const NOT_STARTED: u32 = 126;

/// What the channels of a client's connection share, and of those inside it.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) shared: Shared,
    /// Where the client is.
    pub(super) client: String,
    /// One for each channel that is open.
    pub(super) places: Arc<Semaphore>,
    /// One for each that is just signing in at a target.
    pub(super) dials: Arc<Semaphore>,
    /// How channels are opened towards the client, once it has signed in.
    pub(super) client_handle: Option<Handle>,
    /// What its last session has left for its next.
    pub(super) spare: Arc<Spare>,
    /// It is gone. A channel that waits for something else does not hear of it otherwise.
    pub(super) gone: CancellationToken,
}

/// Serves a channel to its end. Whatever goes wrong is told on its standard error.
pub(super) async fn serve(channel: Channel<Msg>, who: SignedIn, connection: Connection) {
    let (mut read, write) = channel.split();
    let start = tokio::select! {
        () = connection.shared.stop.cancelled() => None,
        read = timeout(IDLE, start::read(&mut read)) => read.ok().flatten(),
    };
    let Some(start) = start else {
        let _gone = timeout(GOODBYE, write.close()).await;
        return;
    };
    run(Pipe::new(read, write, connection.gone.clone(), None), start, who, connection).await;
}

/// Serves a port that leads through the target. It is open for the client once it is open at the other end.
pub(super) async fn forward(
    (channel, reply): (Channel<Msg>, ChannelOpenHandle),
    to: String,
    who: SignedIn,
    connection: Connection,
) {
    let (read, write) = channel.split();
    let start = Start { what: What::Port(to), terminal: None, variables: Vec::new(), agent: false };
    let pipe = Pipe::new(read, write, connection.gone.clone(), Some(Port::new(reply)));
    run(pipe, Ok(start), who, connection).await;
}

async fn run(mut pipe: Pipe, start: Result<Start, &'static str>, who: SignedIn, connection: Connection) {
    let shared = &connection.shared;
    let admitted = match start {
        Ok(start) => Box::pin(admit(&who, &start, &connection)).await.map(|ways| (start, ways)),
        Err(words) => Err(words.to_owned()),
    };
    match admitted {
        // INVARIANT: from here on the session is ended by `Workflows::end`, whatever happens.
        Ok((mut start, (session, upstream, ways, lease))) => {
            // Left where it is for a later session on the same connection, which may lend one.
            let asking = if start.agent { upstream.take_asking() } else { None };
            let agents = asking.zip(connection.client_handle.clone());
            start.agent = agents.is_some();
            let agents = agents.map(|(asking, client)| Box::new(Agents::new(asking, client)));
            // An agent hangs on its connection.
            let may_stay = agents.is_none() && ways.guard.is_none();
            let left =
                may_stay.then(|| Left { spare: Arc::clone(&connection.spare), lease, life: session.life().clone() });
            let talk = Talk::new(pipe, (upstream, left), start, ways, agents);
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
    SignedIn { who, target, .. }: &SignedIn,
    start: &Start,
    Connection { shared, client, dials, gone, spare, .. }: &Connection,
) -> Result<(LiveSession, Arc<Upstream>, Ways, Lease), String> {
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
    let lease = Lease { target: Arc::clone(&target), access, grant: grant.clone() };
    let kept = spare.take(&lease);
    let dialed = async {
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let _place = dials.acquire().await;
        upstream::connect((&target, access), visitor, DIAL).await.map(Arc::new)
    };
    let dialed = tokio::select! {
        biased;
        () = gone.cancelled() => return Err("the client has left".to_owned()),
        () = shared.stop.cancelled() => return Err("the gateway stops".to_owned()),
        dialed = dialed => dialed,
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
    let client = Client { address: client.clone(), application: application.to_owned() };
    let session = Box::pin(workflows.begin(admission, client)).await.map_err(|error| error.told())?;
    let ways = Ways::new(session.id().to_string(), &target, access, &shared.guard_key);
    Ok((session, upstream, ways, lease))
}
