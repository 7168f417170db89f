//! What a client may do on its connection: sign in, and open session channels. All the rest is refused.

use russh::keys::{Algorithm, ssh_key};
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, Response, Session};
use russh::{Channel, ChannelId, ChannelOpenFailure, Pty};
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use workflows::secret::Secret;
use workflows::target::{Protocol, TargetName};

use super::certify::Certifier;
use super::channel::Connection;
use super::signin::{self, Named, SignedIn, Unproved};
use crate::seams::Workflows;

/// The port that a jump leads to.
const SSH: u32 = 22;

/// How many offers of keys are taken.
const OFFERS: u32 = 2;

/// What the connection's own task hears of.
pub(super) enum News {
    /// Somebody signed in.
    SignedIn,
    /// They want a channel.
    Channel(Channel<Msg>, SignedIn, OwnedSemaphorePermit),
    /// They want to speak with another target inside this connection.
    Jump(Channel<Msg>, SignedIn, OwnedSemaphorePermit),
    /// They want a port that leads through the target to `host:port`.
    Port(Channel<Msg>, Box<ChannelOpenHandle>, String, SignedIn, OwnedSemaphorePermit),
}

/// One client's door.
pub(super) struct Door {
    workflows: Workflows,
    certifier: Certifier,
    peer: IpAddr,
    /// Who signed in outside, where this is a connection inside another, and the target that they jump to.
    outside: Option<SignedIn>,
    /// How many keys were offered. An offer of a certificate looks like one of its key, so that the first ones are taken though nobody
    /// bound them; whoever has many keys is asked for a token before their attempts are used up.
    offers: u32,
    /// INVARIANT: who proved themselves in the last try, and nobody from an earlier one.
    signed_in: Option<SignedIn>,
    news: mpsc::Sender<News>,
    /// One for each channel that is open.
    places: Arc<Semaphore>,
}

impl Door {
    pub(super) fn new(
        connection: &Connection,
        peer: IpAddr,
        outside: Option<SignedIn>,
        news: mpsc::Sender<News>,
    ) -> Self {
        let Connection { shared, places, .. } = connection;
        let (workflows, certifier) = (shared.workflows.clone(), shared.certifier.clone());
        Self { workflows, certifier, peer, outside, offers: 0, signed_in: None, news, places: Arc::clone(places) }
    }

    /// `unknown` is what is said where it could not be found out whose token it is.
    async fn try_token(&mut self, user: &str, token: Secret<String>, unknown: fn(String) -> Auth) -> Auth {
        self.signed_in = None;
        match signin::prove(&self.workflows, user, token).await {
            Ok(proved) => self.settle(user, Some(proved)),
            Err(Unproved::Wrong) => signin::no(),
            Err(Unproved::Unknown(words)) => unknown(words),
        }
    }

    /// Takes the outcome of a try. Inside another connection the target is the one that was jumped to.
    fn settle(&mut self, user: &str, proved: Option<SignedIn>) -> Auth {
        self.signed_in = match (&self.outside, proved) {
            (Some(outside), Some(proved)) => Named::read(user).inside(&proved, &outside.target),
            (None, proved) => proved,
            (Some(_), None) => None,
        };
        if self.signed_in.is_some() { Auth::Accept } else { signin::no() }
    }

    /// Who a client is at the target that it jumps to, if a jump is what it wants: to the port of SSH at a target that it may ask for, or
    /// from a place that is no target for it. What else exists makes no difference.
    fn jump(&self, who: &SignedIn, (host, port): (&str, u32)) -> Option<SignedIn> {
        let may_ask = self.workflows.policy().may_ask(&who.who.identity().name, self.workflows.clock().now());
        let sees = |name: &str| {
            may_ask.iter().any(|may| may.target.protocol == Protocol::Ssh && may.target.name.as_str() == name)
        };
        let is_one = self.outside.is_none() && port == SSH && host.parse::<TargetName>().is_ok();
        if is_one && (sees(host) || !sees(&who.target)) { who.at(host) } else { None }
    }
}

/// SHA-1, which RSA may still be asked to sign with.
fn is_weak(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Rsa { hash: None })
}

impl Handler for Door {
    type Error = russh::Error;

    async fn auth_none(&mut self, user: &str) -> Result<Auth, russh::Error> {
        // Whoever jumps has proved who they are, to us and on this very connection.
        let proved = self.outside.clone();
        Ok(self.settle(user, proved))
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        Ok(self.try_token(user, Secret::new(password.to_owned()), |_| signin::no()).await)
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        self.signed_in = None;
        if response.is_none() {
            return Ok(signin::question());
        }
        match signin::answer(response) {
            Some(token) => Ok(self.try_token(user, token, signin::words).await),
            None => Ok(signin::no()),
        }
    }

    // The library accepts an offer unless it is told otherwise.
    async fn auth_publickey_offered(
        &mut self,
        _user: &str,
        offer: russh::server::PublicKeyOffer<'_>,
    ) -> Result<Auth, russh::Error> {
        // An offer proves nothing yet.
        self.signed_in = None;
        self.offers = self.offers.saturating_add(1);
        // Here alone the algorithm of a certificate is told, and SHA-1 is not good enough.
        let taken = !is_weak(offer.algorithm)
            && (self.offers <= OFFERS || signin::is_known(&self.workflows, offer.public_key).await);
        Ok(if taken { Auth::Accept } else { signin::no() })
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: russh::server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        let weak = is_weak(key.algorithm);
        let proved = if weak { None } else { signin::keyed(&self.workflows, user, key.public_key).await };
        Ok(self.settle(user, proved))
    }

    async fn auth_openssh_certificate(
        &mut self,
        user: &str,
        certificate: &ssh_key::Certificate,
    ) -> Result<Auth, russh::Error> {
        let seams = (&self.workflows, &self.certifier);
        let proved = signin::certified(seams, user, certificate, self.peer).await;
        Ok(self.settle(user, proved))
    }

    async fn auth_succeeded(&mut self, _session: &mut Session) -> Result<(), russh::Error> {
        if self.signed_in.is_none() || self.news.send(News::SignedIn).await.is_err() {
            return Err(russh::Error::Disconnect);
        }
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        let Some(who) = self.signed_in.clone() else { return Err(russh::Error::Disconnect) };
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        };
        reply.accept().await;
        self.news.send(News::Channel(channel, who, place)).await.map_err(|_| russh::Error::Disconnect)
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _from: &str,
        _from_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        let Some(who) = self.signed_in.clone() else { return Err(russh::Error::Disconnect) };
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        };
        let news = if let Some(who) = self.jump(&who, (host, port)) {
            reply.accept().await;
            News::Jump(channel, who, place)
        } else {
            let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
            News::Port(channel, Box::new(reply), format!("{host}:{port}"), who, place)
        };
        self.news.send(news).await.map_err(|_| russh::Error::Disconnect)
    }

    // Answers are given here and in order, since the library keeps one flag for a channel and a client sends the next
    // request before it has the answer to the last. What becomes of a command is told by its exit status.

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        _value: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        if super::start::may_be_set(name) {
            session.channel_success(channel)
        } else {
            session.channel_failure(channel)
        }
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _data: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        if super::start::is_subsystem(name) {
            session.channel_success(channel)
        } else {
            session.channel_failure(channel)
        }
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _single: bool,
        _protocol: &str,
        _cookie: &str,
        _screen: u32,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(channel)
    }

    async fn agent_request(&mut self, _channel: ChannelId, _session: &mut Session) -> Result<bool, russh::Error> {
        let Some(who) = &self.signed_in else { return Err(russh::Error::Disconnect) };
        // At which level they come is not known yet; where it is another one, nothing is lent.
        let policy = self.workflows.policy();
        let target = who.target.parse().ok().and_then(|name: TargetName| policy.target(&name));
        Ok(target.is_some_and(|target| target.logins.values().any(|login| login.agent)))
    }

    async fn channel_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        _want_reply: bool,
        _data: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        if name == super::start::BREAK { session.channel_success(channel) } else { session.channel_failure(channel) }
    }
}
