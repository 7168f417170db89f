//! One connection from its first byte to its last: keys are exchanged, somebody signs in, their channels are served.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use russh::keys::PrivateKey;
use russh::server::{self, Msg, RunningSession};
use russh::{Channel, Disconnect, SshId};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use workflows::clock::{Span, Timestamp};

use super::certify::Certifier;
use super::channel::Connection;
use super::cut::Cut;
use super::door::{Door, News};
use super::signin::SignedIn;
use super::{channel, preferred, signin, spare};
use crate::listen::Accepted;
use crate::observe::Observer;
use crate::seams::Workflows;

/// How long a client may take to hear goodbye.
pub(super) const GOODBYE: Duration = Duration::from_secs(1);
/// How long the answer to a failed attempt takes. A token can't be guessed; a key that is not the right one is an everyday thing.
const REJECTION: Duration = Duration::from_millis(200);
/// Failed attempts until the connection is closed.
const ATTEMPTS: usize = 6;

/// So many channels of one connection sign in at their target at once. OpenSSH's server turns strangers away at random once ten of them
/// are there that have not signed in (`MaxStartups`).
const DIALS: usize = 4;
/// How many channels a client may have at once, those inside its jumps included; OpenSSH's own server has 10.
const CHANNELS: usize = 64;

/// What all connections share. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) workflows: Workflows,
    pub(crate) config: Arc<Doorplate>,
    pub(crate) certifier: Certifier,
    /// What answers to guards are signed with.
    pub(crate) guard_key: Arc<SigningKey>,
    /// How long a client may take up to its token.
    pub(crate) handshake: Duration,
    pub(crate) stop: CancellationToken,
    pub(crate) observer: Arc<dyn Observer>,
}

/// What the gateway shows of itself: its host key, and a certificate for it that is made anew each day.
#[derive(Debug)]
pub(crate) struct Doorplate {
    key: PrivateKey,
    made: Mutex<Option<(Timestamp, Arc<server::Config>)>>,
}

/// How long a certificate of the host is shown.
const DAY: Span = Span::hours(24);

impl Doorplate {
    pub(crate) fn new(key: PrivateKey) -> Arc<Self> {
        Arc::new(Self { key, made: Mutex::default() })
    }

    /// What the library is told where the client looks for this target, inside another connection.
    fn inside(&self, certifier: &Certifier, target: &str, now: Timestamp) -> Arc<server::Config> {
        Arc::new(self.shown(certifier, &[super::HOST, target], now))
    }

    /// What the library is told.
    fn config(&self, certifier: &Certifier, now: Timestamp) -> Arc<server::Config> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, config)) = made.as_ref().filter(|(at, _)| now.since(*at) < DAY && now >= *at) {
            tracing::trace!(at = at.micros(), "the certificate of the host is still good");
            return Arc::clone(config);
        }
        let config = Arc::new(self.shown(certifier, &[super::HOST], now));
        *made = Some((now, Arc::clone(&config)));
        config
    }

    fn shown(&self, certifier: &Certifier, names: &[&str], now: Timestamp) -> server::Config {
        let seconds = u64::try_from(now.micros() / 1_000_000).unwrap_or_default();
        let certificate = certifier.0.host.issue(self.key.public_key(), names, seconds);
        let certificates = certificate.map_err(|error| tracing::error!(%error, "the host key has no certificate"));
        server::Config {
            server_id: SshId::Standard("SSH-2.0-Countersign".into()),
            methods: signin::methods(),
            // The first try of every client is none at all, to hear what it may try.
            auth_rejection_time_initial: Some(Duration::ZERO),
            auth_rejection_time: REJECTION,
            keys: vec![self.key.clone()],
            certificates: certificates.into_iter().collect(),
            preferred: preferred(false),
            max_auth_attempts: ATTEMPTS,
            inactivity_timeout: None,
            keepalive_interval: Some(Duration::from_secs(30)),
            ..server::Config::default()
        }
    }
}

/// Serves one connection.
pub(crate) async fn serve(accepted: Accepted, shared: Shared) {
    let Accepted { tcp, peer, handshake, place } = accepted;
    if place.is_none() {
        return;
    }
    let cut = CancellationToken::new();
    let _end = cut.clone().drop_guard();
    let deadline = Instant::now() + shared.handshake;
    let (tell, mut news) = mpsc::channel(16);
    let connection = Connection {
        client: peer.to_string(),
        places: Arc::new(Semaphore::new(CHANNELS)),
        dials: Arc::new(Semaphore::new(DIALS)),
        client_handle: None,
        spare: Arc::default(),
        gone: CancellationToken::new(),
        shared: shared.clone(),
    };
    let door = Door::new(&connection, peer.ip(), None, tell);
    let config = shared.config.config(&shared.certifier, shared.workflows.clock().now());
    let shaken = handshake.guard(timeout_at(deadline, shake(config, Cut::new(tcp, &cut), door, &mut news)));
    let Some(Ok(Some(running))) = shaken.await else {
        tracing::debug!(%peer, "an SSH connection came to nothing");
        return;
    };
    drop(handshake);
    attend(running, news, peer.ip(), connection).await;
}

/// Serves a connection inside a channel of another one, as `ssh -J` opens it: whoever signed in outside speaks with a target, whose name
/// and judge are the same as if they had named it at once. Boxed, since a connection contains this again.
fn inside(
    channel: Channel<Msg>,
    who: SignedIn,
    peer: IpAddr,
    outside: Connection,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let cut = CancellationToken::new();
        let _end = cut.clone().drop_guard();
        let (tell, mut news) = mpsc::channel(16);
        let shared = &outside.shared;
        let config = shared.config.inside(&shared.certifier, &who.target, shared.workflows.clock().now());
        // Its channels take the places of the connection around it: one client is one client.
        let connection = Connection { gone: outside.gone.child_token(), spare: Arc::default(), ..outside.clone() };
        let door = Door::new(&connection, peer, Some(who), tell);
        let stream = Cut::new(channel.into_stream(), &cut);
        let shaken = timeout(shared.handshake, shake(config, stream, door, &mut news));
        let Ok(Some(running)) = shaken.await else {
            tracing::debug!(%peer, "an SSH connection inside another came to nothing");
            return;
        };
        attend(running, news, peer, connection).await;
    })
}

/// Exchanges keys, and waits until somebody has signed in.
async fn shake<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    config: Arc<server::Config>,
    stream: Cut<S>,
    door: Door,
    news: &mut mpsc::Receiver<News>,
) -> Option<RunningSession<Door>> {
    let running = server::run_stream(config, stream, door).await.ok()?;
    matches!(news.recv().await, Some(News::SignedIn)).then_some(running)
}

/// Serves the channels of somebody who signed in, until the connection or the process ends.
async fn attend(
    mut running: RunningSession<Door>,
    mut news: mpsc::Receiver<News>,
    peer: IpAddr,
    mut connection: Connection,
) {
    let handle = running.handle();
    connection.client_handle = Some(running.handle());
    let over = connection.gone.clone().drop_guard();
    let mut channels = JoinSet::new();
    loop {
        let keeps = connection.spare.look();
        tokio::select! {
            biased;
            // Each channel hears of it as well, and says so to its client.
            () = connection.shared.stop.cancelled() => break,
            Some(_) = channels.join_next() => {}
            more = news.recv() => {
                let connection = connection.clone();
                match more {
                    Some(News::Channel(channel, who, place)) => channels.spawn(async move {
                        channel::serve(channel, who, connection).await;
                        drop(place);
                    }),
                    Some(News::Jump(channel, who, place)) => {
                        let inside = inside(channel, who, peer, connection);
                        channels.spawn(async move {
                            inside.await;
                            drop(place);
                        })
                    }
                    Some(News::Port(channel, reply, to, who, place)) => channels.spawn(async move {
                        channel::forward((channel, *reply), to, who, connection).await;
                        drop(place);
                    }),
                    Some(News::SignedIn) => continue,
                    None => break,
                };
            }
            _ = &mut running => break,
            () = sleep(spare::LOOK), if keeps => {}
        }
    }
    drop(over);
    while channels.join_next().await.is_some() {}
    let _gone = timeout(GOODBYE, handle.disconnect(Disconnect::ByApplication, String::new(), String::new())).await;
}
