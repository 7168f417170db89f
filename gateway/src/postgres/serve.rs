//! One connection from its first byte to its last: greet, sign in, admit, dial, begin, run, end.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use workflows::engine::{AdmitError, AuthenticateError, Client};
use workflows::identity::Authenticated;
use workflows::session::{Ending, Totals};
use workflows::target::{Access, Protocol};
use workflows::told::Told as _;

use crate::listen::{Accepted, Handshake};
use crate::observe::Observer;
use crate::postgres::cancel::Cancels;
use crate::postgres::catalog::Catalogs;
use crate::postgres::greeting::{Greeting, Hello, greet};
use crate::postgres::refusal::{Code, Refusal};
use crate::postgres::reply::Replies;
use crate::postgres::side::Way;
use crate::postgres::startup;
use crate::postgres::talk::{Parts, Talk};
use crate::postgres::upstream::Dialer;
use crate::seams::{Classifier, Workflows};
use crate::session;

/// How long a target may take to let us in.
const DIAL: Duration = Duration::from_secs(10);

/// What all connections share. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) workflows: Workflows,
    pub(crate) classifier: Classifier,
    pub(crate) cancels: Cancels,
    pub(crate) catalogs: Catalogs,
    pub(crate) dialer: Dialer,
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    /// How long a client may take up to its token.
    pub(crate) handshake: Duration,
    pub(crate) stop: CancellationToken,
    pub(crate) observer: Arc<dyn Observer>,
}

/// Serves one connection. Whatever goes wrong is told to the client, as far as it is there to hear it.
pub(crate) async fn serve(accepted: Accepted, shared: Shared) {
    let Accepted { tcp, peer, handshake, place } = accepted;
    let deadline = Instant::now() + shared.handshake;
    let greeting = Box::pin(handshake.guard(greet(tcp, shared.tls.as_ref(), deadline))).await;
    let hello = match greeting {
        Some(Ok(Greeting::Login(hello))) => hello,
        Some(Ok(Greeting::Cancel { pid, secret })) => {
            shared.cancels.request(pid, &secret);
            return;
        }
        Some(Err(error)) => {
            tracing::debug!(%error, "a connection came to nothing");
            return;
        }
        None => return,
    };
    if place.is_none() {
        return Refusal::too_many().send(hello.stream).await;
    }
    let mut hello = hello;
    match Box::pin(sign_in(&mut hello, &handshake, deadline, &shared)).await {
        Ok(who) => {
            drop(handshake);
            enter(hello, who, peer.to_string(), &shared).await;
        }
        Err(Some(refusal)) => refusal.send(hello.stream).await,
        Err(None) => {}
    }
}

/// The token, and whose it is. `Err(None)` where nobody is left to be told.
async fn sign_in(
    hello: &mut Hello,
    handshake: &Handshake,
    deadline: Instant,
    shared: &Shared,
) -> Result<Authenticated, Option<Refusal>> {
    let token = handshake.guard(startup::password(hello, deadline)).await.ok_or(None)?;
    let token = token.map_err(|error| error.refusal())?;
    let who = shared.workflows.authenticate(&token).await.map_err(|error| {
        Some(match error {
            AuthenticateError::Store(_) => down(&error.told()),
            AuthenticateError::Unknown
            | AuthenticateError::Expired
            | AuthenticateError::Revoked
            | AuthenticateError::Suspended => Refusal::bad_token(),
        })
    })?;
    startup::same_user(hello, &who.identity().name)?;
    Ok(who)
}

/// From a known person to the end of the session.
async fn enter(mut hello: Hello, who: Authenticated, client: String, shared: &Shared) {
    let workflows = &shared.workflows;
    let admission = match Box::pin(workflows.admit(&who, &hello.database)).await {
        Ok(admission) => admission,
        Err(error) => {
            let refusal = match &error {
                AdmitError::NoGrant(_) => Refusal::no_grant(&hello.database),
                AdmitError::PolicyChanged(_) => {
                    Refusal::new(Code::NotAllowed, error.told()).hint("ask for access again")
                }
                AdmitError::Store(_) => down(&error.told()),
            };
            return refusal.send(hello.stream).await;
        }
    };
    let (target, access) = (Arc::clone(admission.target()), admission.access());
    if target.protocol != Protocol::Postgres {
        let told = format!("{} is reached over {}, not over postgres", target.name, target.protocol.as_str());
        return Refusal::new(Code::NotAllowed, told).send(hello.stream).await;
    }
    let read_only = access == Access::Read;
    let dialed = Box::pin(shared.dialer.connect(&target, access, &hello.params, read_only, DIAL)).await;
    let upstream = match dialed {
        Ok(upstream) => upstream,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, target.name = %target.name, "no way to the target");
            return error.refusal(target.name.as_str()).send(hello.stream).await;
        }
    };
    let application = hello.application_name.clone();
    let session = match Box::pin(workflows.begin(admission, Client { address: client, application })).await {
        Ok(session) => session,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a session could not begin");
            return Refusal::new(Code::Ended, error.told()).send(hello.stream).await;
        }
    };
    // INVARIANT: from here on the session is ended by `Workflows::end`, whatever happens.
    let Ok((registration, watcher)) = shared.cancels.register() else {
        Box::pin(workflows.end(session, Ending::Broken, Totals::default())).await;
        return down("no cancel key could be made").send(hello.stream).await;
    };
    let mut notices = BytesMut::new();
    for name in &upstream.dropped {
        startup::notice(&format!("the setting `{name}` is not passed on by Countersign"), &mut notices);
    }
    if startup::finish(&mut hello.stream, &upstream.parameters, &registration, &notices).await.is_err() {
        return Box::pin(workflows.end(session, Ending::Left, Totals::default())).await;
    }
    let way = Way { dialer: shared.dialer.clone(), target, access };
    let cancel = upstream.cancel_key();
    let mut replies = Replies::new(shared.catalogs.of(way.clone()), read_only, &upstream.parameters);
    replies.note_startup(&hello.params);
    let talk = Talk::new(Parts {
        client: hello.stream,
        replies,
        upstream: upstream.stream,
        pending: upstream.pending.to_vec(),
        classifier: shared.classifier.clone(),
        cancel,
        watcher,
        way,
    });
    session::serve(talk, session, workflows, &shared.stop, &shared.observer).await;
    drop(registration);
}

fn down(told: &str) -> Refusal {
    Refusal::new(Code::NotReady, told).hint("try again in a minute")
}
