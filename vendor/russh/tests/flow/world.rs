//! A server, a client and the pipe between them.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use russh::keys::{Algorithm, PrivateKey, PublicKeyOrCertificate, key::safe_rng};
use russh::{Channel, ChannelId, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Preferred, client, kex, server};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

pub const WINDOW: u32 = 256 * 1024;
pub const PIPE: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(90);

/// Fails instead of hanging.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// Lets in everyone and hands the channels to the test, which does the rest through them.
pub struct Desk {
    pub channels: mpsc::UnboundedSender<Channel<server::Msg>>,
}

impl server::Handler for Desk {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<server::Auth, Self::Error> {
        Ok(server::Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<server::Msg>,
        reply: server::ChannelOpenHandle,
        _: &mut server::Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        self.channels.send(channel).map_err(|_| russh::Error::SendError)
    }

    async fn channel_request(
        &mut self,
        _: ChannelId,
        _: &str,
        _: bool,
        _: &[u8],
        _: &mut server::Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Trusts every server, counts key exchanges and tells why the connection ended.
pub struct Guest {
    exchanges: Arc<AtomicUsize>,
    end: mpsc::UnboundedSender<String>,
}

impl client::Handler for Guest {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }

    async fn kex_done(
        &mut self,
        _: Option<&[u8]>,
        _: &russh::Names,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        self.exchanges.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn channel_request(
        &mut self,
        _: ChannelId,
        _: &str,
        _: bool,
        _: &[u8],
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn disconnected(&mut self, reason: client::DisconnectReason<Self::Error>) -> Result<(), Self::Error> {
        let reason = match reason {
            client::DisconnectReason::ReceivedDisconnect(told) => format!("told: {}", told.message),
            client::DisconnectReason::Error(error) => format!("own: {error}"),
        };
        self.end.send(reason).map_err(|_| russh::Error::SendError)
    }
}

/// One connection, seen from both ends.
pub struct World<S: server::Handler + Send + 'static> {
    pub server: server::RunningSession<S>,
    pub client: client::Handle<Guest>,
    pub exchanges: Arc<AtomicUsize>,
    pub end: mpsc::UnboundedReceiver<String>,
}

impl<S: server::Handler<Error = russh::Error> + Send + 'static> World<S> {
    pub async fn start(desk: S, server: server::Config, client: client::Config) -> Self {
        let (near, far) = tokio::io::duplex(PIPE);
        Self::start_over(desk, server, client, near, far).await
    }

    pub async fn start_over(
        desk: S,
        server: server::Config,
        client: client::Config,
        near: DuplexStream,
        far: DuplexStream,
    ) -> Self {
        let (end_sender, end) = mpsc::unbounded_channel();
        let exchanges = Arc::new(AtomicUsize::new(0));
        let guest = Guest { exchanges: exchanges.clone(), end: end_sender };
        let (server, client) = tokio::join!(
            server::run_stream(Arc::new(server), near, desk),
            client::connect_stream(Arc::new(client), far, guest),
        );
        let (server, mut client) = (server.unwrap(), client.unwrap());
        assert!(client.authenticate_none("ada").await.unwrap().success());
        Self { server, client, exchanges, end }
    }
}

pub fn desk() -> (Desk, mpsc::UnboundedReceiver<Channel<server::Msg>>) {
    let (channels, opened) = mpsc::unbounded_channel();
    (Desk { channels }, opened)
}

fn preferred() -> Preferred {
    let kex =
        [kex::CURVE25519, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER];
    Preferred { kex: Cow::Owned(kex.to_vec()), ..Preferred::DEFAULT }
}

pub fn server_config() -> server::Config {
    server::Config {
        keys: vec![PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap()],
        auth_rejection_time_initial: Some(Duration::ZERO),
        inactivity_timeout: None,
        window_size: WINDOW,
        preferred: preferred(),
        ..Default::default()
    }
}

pub fn client_config() -> client::Config {
    client::Config { window_size: WINDOW, preferred: preferred(), ..Default::default() }
}

/// Bytes that tell where they belong: no two places within 251 × 256 bytes look alike.
pub fn pattern(len: usize) -> Bytes {
    (0..len).map(|at| ((at % 251) ^ (at / 251)) as u8).collect::<Vec<_>>().into()
}

/// Everything up to the end of the data.
pub async fn read_all(reader: &mut ChannelReadHalf) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match reader.wait().await {
            Some(ChannelMsg::Data { data }) => all.extend_from_slice(&data),
            Some(ChannelMsg::Eof | ChannelMsg::Close) | None => return all,
            Some(_) => {}
        }
    }
}

/// Sends back what comes, until the data ends.
pub async fn echo<S>(mut reader: ChannelReadHalf, writer: ChannelWriteHalf<S>)
where
    S: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static,
{
    while let Some(msg) = reader.wait().await {
        match msg {
            ChannelMsg::Data { data } => writer.data_bytes(data).await.unwrap(),
            ChannelMsg::Eof => {
                writer.eof().await.unwrap();
                writer.close().await.unwrap();
            }
            ChannelMsg::Close => return,
            _ => {}
        }
    }
}
