//! The way to a target: its address, its pinned host key, the login of the access level. One connection for each channel
//! of a client, so that a slow or held one stops nobody, and the end of a session is the end of its connection.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use russh::client::{self, AuthResult, ChannelOpenHandle, Handle, Msg, Session};
use russh::keys::PublicKeyOrCertificate;
use russh::keys::{Algorithm, Certificate, EcdsaCurve, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use russh::{Channel, Disconnect};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use workflows::secret::Secret;
use workflows::target::{AUTHORITY, Access, Credential, Login, SecretError, SecretRef, Target};

use super::agents::Asking;
use super::ca::{ForSession, Permit, check_host};
use super::certify::Certifier;
use super::cut::Cut;
use super::preferred;
use crate::dialect::Broken;

/// What a host's certificate may certify.
const CERTIFIED: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// How often to look whether a target that has no channel yet is still there.
const LOOK: Duration = Duration::from_millis(500);

/// Why a target did not let us in.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("the target has no login for the level `{0}`")]
    NoLogin(Access),
    #[error("the target can't be reached")]
    Unreachable(#[source] std::io::Error),
    #[error("the target did not let us in in time")]
    Late,
    #[error("the target's host key {0} is not the one in the file")]
    HostKey(String, Option<String>),
    #[error("the login's secret can't be read")]
    Secret(#[source] SecretError),
    #[error("the login's private key is not in OpenSSH's format, or has a passphrase")]
    Key,
    #[error("no certificate could be made for the login: {0}")]
    Certificate(String),
    #[error("the target refused the login")]
    Login,
    #[error("the target broke the protocol")]
    Protocol(#[source] russh::Error),
}

impl DialError {
    /// For the person: what they can do. The operators' log has the rest.
    pub(super) fn told(&self, target: &Target) -> String {
        match self {
            Self::HostKey(_, Some(key)) => format!(
                "{self}: somebody may be in between, or the host was made anew. If it was, and shows this fingerprint at its \
                 own console, whoever keeps the file writes at target `{}`: host_key = \"{key}\"",
                target.name
            ),
            Self::HostKey(_, None) => {
                format!("{self}: somebody may be in between, or the host was made anew; tell who runs Countersign")
            }
            Self::NoLogin(_)
            | Self::Unreachable(_)
            | Self::Late
            | Self::Secret(_)
            | Self::Key
            | Self::Certificate(_)
            | Self::Login
            | Self::Protocol(_) => format!("{self}; tell who runs Countersign"),
        }
    }
}

/// A connection that is signed in at a target.
pub(super) struct Upstream {
    pub(super) handle: Handle<Host>,
    /// What asks for the client's agent, until somebody takes it.
    asking: Mutex<Option<mpsc::Receiver<Asking>>>,
    /// Ends it, whatever the library is doing.
    pub(super) cut: CancellationToken,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.cut.cancel();
    }
}

impl Upstream {
    /// What asks for the client's agent, for the one session that it is lent to.
    pub(super) fn take_asking(&self) -> Option<mpsc::Receiver<Asking>> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A port behind the target, as the target reaches it.
    pub(super) async fn port(&self, to: &str) -> Result<Channel<Msg>, Broken> {
        let no = |why: &str| Broken::refused(format!("{to} was not reached from the target: {why}"));
        let split = to.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let Some((host, port)) = split else { return Err(no("that is no host and port")) };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        // Whoever asked is not told to the target: it is the gateway's connection.
        let opened = self.handle.channel_open_direct_tcpip(host, port, "127.0.0.1", 0).await;
        opened.map_err(|error| {
            if let russh::Error::ChannelOpenFailure(reason) = error {
                no(reason.description())
            } else {
                Broken::TargetGone
            }
        })
    }

    /// Resolves when the target is gone. Cancel-safe. The library tells of it to whoever has a channel, and says nothing where
    /// there is none yet.
    pub(super) async fn gone(&self) {
        while !self.handle.is_closed() {
            sleep(LOOK).await;
        }
    }

    /// Goodbye, for as long as somebody listens to it; then the connection is cut.
    pub(super) async fn close(&self, within: Duration) {
        let _gone = timeout(within, self.handle.disconnect(Disconnect::ByApplication, "", "")).await;
    }
}

/// Connects with the login of exactly this level, which is read now and dropped again.
pub(super) async fn connect(
    (target, access): (&Target, Access),
    visitor: Visitor<'_>,
    within: Duration,
) -> Result<Upstream, DialError> {
    timeout(within, dial(target, access, visitor)).await.unwrap_or(Err(DialError::Late))
}

/// Who comes, for a target that reads it in a certificate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visitor<'a> {
    pub(super) certifier: &'a Certifier,
    /// Their name.
    pub(super) person: &'a str,
    /// The grant that lets them in.
    pub(super) grant: &'a str,
    /// In Unix seconds.
    pub(super) now: u64,
}

impl Visitor<'_> {
    fn certificate(self, login: &Login) -> Result<(PrivateKey, Certificate), DialError> {
        let Self { certifier, person, grant, now } = self;
        let until = now.saturating_add(24 * 60 * 60);
        // What the file does not allow, the target shall not either.
        let permits: &[Permit] =
            if login.forward.is_empty() { &[Permit::Pty] } else { &[Permit::Pty, Permit::Ports] };
        let wanted = ForSession { principal: &login.user, person, session: grant, now, until, from: &[], permits };
        certifier.0.target.issue(&wanted).map_err(|error| DialError::Certificate(error.to_string()))
    }
}

async fn dial(target: &Target, access: Access, visitor: Visitor<'_>) -> Result<Upstream, DialError> {
    let login = target.logins.get(&access).ok_or(DialError::NoLogin(access))?;
    let tcp = TcpStream::connect(&target.address).await.map_err(DialError::Unreachable)?;
    crate::stream::prepare(&tcp).map_err(DialError::Unreachable)?;
    let cut = CancellationToken::new();
    let seen = Arc::new(OnceLock::new());
    let (authorities, pinned): (Vec<&str>, Vec<&str>) =
        target.host_keys.iter().map(String::as_str).partition(|line| line.starts_with(AUTHORITY));
    let keys =
        |lines: Vec<&str>| lines.iter().filter_map(|line| line.trim_start_matches(AUTHORITY).parse().ok()).collect();
    let (authorities, pinned): (Vec<PublicKey>, Vec<PublicKey>) = (keys(authorities), keys(pinned));
    let certified = !authorities.is_empty();
    let name = target.address.rsplit_once(':').map_or(target.address.as_str(), |(host, _)| host).to_owned();
    let (tell, asking) = mpsc::channel(1);
    let (agent, asking) = if login.agent { (Some(tell), Some(asking)) } else { (None, None) };
    let host = Host { pinned, authorities, name, now: visitor.now, seen: Arc::clone(&seen), agent };
    let mut preferred = preferred(true);
    if certified {
        // A host that has one shows it in the place of its key, so that it is asked for only where it can be checked.
        preferred.host_key_certificates = Cow::Borrowed(CERTIFIED);
    }
    let config = Arc::new(client::Config {
        preferred,
        keepalive_interval: Some(Duration::from_secs(15)),
        ..client::Config::default()
    });
    let connected = client::connect_stream(config, Cut::new(tcp, &cut), host).await;
    let handle = connected.map_err(|error| match seen.get() {
        Some((shown, key)) => DialError::HostKey(shown.clone(), key.clone()),
        None => DialError::Protocol(error),
    })?;
    let mut upstream = Upstream { handle, asking: Mutex::new(asking), cut };
    let proved = match &login.credential {
        Credential::Password(from) => {
            let password = read(from).await?;
            upstream.handle.authenticate_password(&login.user, password.reveal()).await
        }
        Credential::Key(from) => {
            let key = Arc::new(key(&read(from).await?)?);
            // SHA-1 is never signed with; which of the two others does not matter to any server that still runs.
            let hash = key.algorithm().is_rsa().then_some(HashAlg::Sha512);
            upstream.handle.authenticate_publickey(&login.user, PrivateKeyWithHashAlg::new(key, hash)).await
        }
        Credential::Certificate => {
            let (key, certificate) = visitor.certificate(login)?;
            upstream.handle.authenticate_openssh_cert(&login.user, Arc::new(key), certificate).await
        }
    };
    match proved.map_err(DialError::Protocol)? {
        AuthResult::Success => Ok(upstream),
        AuthResult::Failure { .. } => Err(DialError::Login),
    }
}

/// A file may lie on a slow disk.
async fn read(from: &SecretRef) -> Result<Secret<String>, DialError> {
    let from = from.clone();
    let read = tokio::task::spawn_blocking(move || from.read()).await;
    read.map_err(|_| DialError::Key)?.map_err(DialError::Secret)
}

fn key(text: &Secret<String>) -> Result<PrivateKey, DialError> {
    PrivateKey::from_openssh(text.reveal()).ok().filter(|key| !key.is_encrypted()).ok_or(DialError::Key)
}

/// What a target may do to us: prove that it is itself. Channels that it opens are refused.
pub(super) struct Host {
    pinned: Vec<PublicKey>,
    /// Who may vouch for it.
    authorities: Vec<PublicKey>,
    /// What it is called in the file.
    name: String,
    /// In Unix seconds.
    now: u64,
    /// A key that was refused: its fingerprint, and its line in the file.
    seen: Arc<OnceLock<(String, Option<String>)>>,
    /// Where a channel to the client's agent goes, if the file lets it.
    agent: Option<mpsc::Sender<Asking>>,
}

impl client::Handler for Host {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let (known, shown, line) = match key {
            PublicKeyOrCertificate::PublicKey { key, .. } => (
                self.pinned.iter().any(|pinned| pinned.key_data() == key.key_data()),
                Cow::Owned(key.fingerprint(HashAlg::Sha256).to_string()),
                // Without a comment, which would be the host's own words.
                PublicKey::from(key.key_data().clone()).to_openssh().ok(),
            ),
            PublicKeyOrCertificate::Certificate(certificate) => {
                let name = self.name.trim_start_matches('[').trim_end_matches(']');
                match check_host(certificate, &self.authorities, &[name], self.now) {
                    Ok(()) => (true, Cow::Borrowed(""), None),
                    Err(refused) => (false, Cow::Owned(format!("in a certificate ({refused})")), None),
                }
            }
        };
        if !known {
            let _first = self.seen.set((shown.into_owned(), line));
        }
        Ok(known)
    }

    // The library accepts whatever a target opens unless it is told otherwise; a handle that is dropped is a refusal.

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        if let Some(agent) = &self.agent {
            // Whoever asks while nobody listens is refused.
            let _full = agent.try_send((channel, reply));
        }
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }
}
