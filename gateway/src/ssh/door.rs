//! What a client may do on its connection: sign in, and open session channels. All the rest is refused.

use russh::keys::{Algorithm, ssh_key};
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, Response, Session};
use russh::{Channel, ChannelId, ChannelOpenFailure, Pty};
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use workflows::secret::Secret;

use super::certify::Certifier;
use super::signin::{self, SignedIn};
use crate::seams::Workflows;

/// How many channels a connection may have at once; OpenSSH's own server has 10.
const CHANNELS: usize = 64;

/// How many offers of keys are taken.
const OFFERS: u32 = 2;

/// What the connection's own task hears of.
pub(super) enum News {
    /// Somebody signed in.
    SignedIn,
    /// They want a channel.
    Channel(Channel<Msg>, SignedIn, OwnedSemaphorePermit),
}

/// One client's door.
pub(super) struct Door {
    workflows: Workflows,
    certifier: Certifier,
    peer: IpAddr,
    /// How many keys were offered. An offer of a certificate looks like one of its key, so that the first ones are taken; whoever
    /// has many keys is asked for a token before their attempts are used up.
    offers: u32,
    /// INVARIANT: who proved themselves in the last try, and nobody from an earlier one.
    signed_in: Option<SignedIn>,
    news: mpsc::Sender<News>,
    /// One for each channel that is open.
    places: Arc<Semaphore>,
}

impl Door {
    pub(super) fn new(workflows: Workflows, certifier: Certifier, peer: IpAddr, news: mpsc::Sender<News>) -> Self {
        let places = Arc::new(Semaphore::new(CHANNELS));
        Self { workflows, certifier, peer, offers: 0, signed_in: None, news, places }
    }

    async fn try_token(&mut self, user: &str, token: Secret<String>) -> Auth {
        self.signed_in = signin::prove(&self.workflows, user, token).await;
        if self.signed_in.is_some() { Auth::Accept } else { signin::no() }
    }
}

impl Handler for Door {
    type Error = russh::Error;

    async fn auth_none(&mut self, _user: &str) -> Result<Auth, russh::Error> {
        self.signed_in = None;
        Ok(signin::no())
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        Ok(self.try_token(user, Secret::new(password.to_owned())).await)
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
            Some(token) => Ok(self.try_token(user, token).await),
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
        let weak = matches!(offer.algorithm, Algorithm::Rsa { hash: None });
        Ok(if self.offers <= OFFERS && !weak { Auth::Accept } else { signin::no() })
    }

    async fn auth_publickey(
        &mut self,
        _user: &str,
        _key: russh::server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        self.signed_in = None;
        Ok(signin::no())
    }

    async fn auth_openssh_certificate(
        &mut self,
        user: &str,
        certificate: &ssh_key::Certificate,
    ) -> Result<Auth, russh::Error> {
        let seams = (&self.workflows, &self.certifier);
        self.signed_in = signin::certified(seams, user, certificate, self.peer).await;
        Ok(if self.signed_in.is_some() { Auth::Accept } else { signin::no() })
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
        Ok(false)
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
