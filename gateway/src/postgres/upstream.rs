//! The way to a target: address, TLS, the login of the access level; and the request to cancel what runs there.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use postgres_protocol::message::frontend;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use workflows::target::{Access, Credential, Target, Tls};

use super::binding::end_point;
pub use super::dial_error::DialError;
use super::settings::Settings;
use super::signin::{Ready, sign_in};
use crate::stream::Stream;
use crate::tls;

/// How long a set of authorities is used before its files are read again, so that a new one counts within a minute.
const FRESH: Duration = Duration::from_mins(1);
/// Of several addresses of one name, each gets at least this long.
const TRY: Duration = Duration::from_secs(1);

/// The key that a target gave for cancelling. Never shown to a client.
#[derive(Clone, PartialEq, Eq)]
pub struct BackendKey {
    /// The process id at the target.
    pub pid: i32,
    /// The secret that goes with it: 4 bytes, up to 256 from protocol 3.2 on.
    pub secret: Vec<u8>,
}

impl BackendKey {
    pub(super) const fn new(pid: i32, secret: Vec<u8>) -> Self {
        Self { pid, secret }
    }
}

impl fmt::Debug for BackendKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendKey").field("pid", &self.pid).finish_non_exhaustive()
    }
}

/// A session at a target that is ready for its first statement.
#[derive(Debug)]
pub struct Upstream {
    /// The connection.
    pub stream: Stream,
    /// Its ParameterStatus messages, in order.
    pub parameters: Vec<(String, String)>,
    /// Its key for cancelling; a few poolers give none.
    pub key: Option<BackendKey>,
    /// The address that was used, of those that the target's name has.
    pub address: SocketAddr,
    /// The status in its ReadyForQuery: always `I`, idle.
    pub status: u8,
    /// Bytes that came behind ReadyForQuery. Nearly always none; they come before everything that is read from `stream`.
    pub pending: Bytes,
    /// Names of parameters that the client gave and that were not passed on.
    pub dropped: Vec<String>,
    secure: Option<Secure>,
}

impl Upstream {
    /// What it takes to cancel the statement that runs in this session; `None` if the target gave no key.
    pub fn cancel_key(&self) -> Option<CancelKey> {
        let key = self.key.clone()?;
        Some(CancelKey { address: self.address, secure: self.secure.clone(), key })
    }
}

/// How to reach a session's server again and which of its processes to stop. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CancelKey {
    address: SocketAddr,
    secure: Option<Secure>,
    key: BackendKey,
}

impl CancelKey {
    /// The number of the server's process.
    pub const fn pid(&self) -> i32 {
        self.key.pid
    }
}

/// TLS towards one target.
#[derive(Clone)]
struct Secure {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl fmt::Debug for Secure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secure").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A running statement looks once a second whether we are still there: a gateway that was killed leaves no work behind.
const WATCHED: (&str, &str) = ("client_connection_check_interval", "1000");
/// What a server says that does not know it: undefined object, invalid value, unsupported, protocol violation.
const UNKNOWN_SETTING: [&str; 4] = ["42704", "22023", "0A000", "08P01"];

type Authorities = HashMap<Option<PathBuf>, (Instant, Arc<ClientConfig>)>;

/// Connects to targets. Holds the authorities that were read lately, since the system's are hundreds of files; holds no
/// secret. Cheap to clone; a gateway has one.
#[derive(Clone, Default)]
pub struct Dialer(Arc<Mutex<Authorities>>);

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dialer(…)")
    }
}

impl Dialer {
    /// Connects with the login of exactly this level, which is read now and dropped again. Of `client_params`, those that
    /// may be set pass (see [`Settings`]); with `read_only`, transactions begin as READ ONLY. `within` bounds it all.
    /// Not cancel-safe; nothing is left behind when it is dropped.
    pub async fn connect(
        &self,
        target: &Target,
        access: Access,
        client_params: &[(String, String)],
        read_only: bool,
        within: Duration,
    ) -> Result<Upstream, DialError> {
        let settings = Settings::choose(client_params, read_only)?;
        let watched = self.dial(target, access, &settings, Some(WATCHED), within).await;
        match watched {
            // Servers before 14, and poolers that know few settings, say so; there only the goodbye ends a backend.
            Err(DialError::Refused { code, .. }) if UNKNOWN_SETTING.contains(&code.as_str()) => {
                tracing::warn!(target.name = %target.name, "the target does not watch whether its client is there");
                self.dial(target, access, &settings, None, within).await
            }
            watched => watched,
        }
    }

    async fn dial(
        &self,
        target: &Target,
        access: Access,
        settings: &Settings,
        watched: Option<(&str, &str)>,
        within: Duration,
    ) -> Result<Upstream, DialError> {
        let login = target.logins.get(&access).ok_or(DialError::NoLogin(access))?;
        let work = async {
            let secure = self.secure(target).await?;
            let (tcp, address) = reach(&target.address, within).await?;
            let mut stream = encrypt(tcp, secure.as_ref()).await?;
            let binding = stream.peer_certificate().and_then(|certificate| end_point(certificate));
            let mut sent = vec![("user", login.user.as_str()), ("database", target.database.as_str())];
            sent.extend(settings.passed.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            sent.extend(watched);
            let Credential::Password(password) = &login.credential else { return Err(DialError::NoLogin(access)) };
            let ready = sign_in(&mut stream, &sent, password, binding).await?;
            let Ready { parameters, key, pending } = ready;
            Ok(Upstream {
                stream,
                parameters,
                key,
                address,
                status: b'I',
                pending,
                dropped: settings.dropped.clone(),
                secure,
            })
        };
        timeout(within, work).await.unwrap_or(Err(DialError::Timeout))
    }

    async fn secure(&self, target: &Target) -> Result<Option<Secure>, DialError> {
        match target.tls {
            Tls::Off => Ok(None),
            Tls::VerifyFull => {
                let name = host(&target.address).and_then(|host| ServerName::try_from(host).ok());
                let name = name.ok_or_else(|| DialError::Down(no_address()))?.to_owned();
                Ok(Some(Secure { config: self.authorities(target.ca.as_deref()).await?, name }))
            }
        }
    }

    async fn authorities(&self, ca: Option<&Path>) -> Result<Arc<ClientConfig>, DialError> {
        let path = ca.map(Path::to_owned);
        let known = self.cache().get(&path).cloned();
        if let Some((_, config)) = known.filter(|(read, _)| read.elapsed() < FRESH) {
            return Ok(config);
        }
        let from = path.clone();
        let read = tokio::task::spawn_blocking(move || tls::client_config(from.as_deref())).await;
        // A file that can't be read any more is an error; the old authorities would be a doubt that opens.
        let config = read.map_err(|_| DialError::Down(no_address()))?.map_err(DialError::Authorities)?;
        self.cache().insert(path, (Instant::now(), Arc::clone(&config)));
        Ok(config)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Authorities> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks a target to cancel the statement that runs in a session, over a connection of its own. That it returns `Ok` says
/// that the request was delivered, not that something was cancelled: the protocol has no answer.
pub async fn cancel(key: &CancelKey, within: Duration) -> Result<(), DialError> {
    let work = async {
        let mut stream =
            encrypt(TcpStream::connect(key.address).await.map_err(DialError::Down)?, key.secure.as_ref()).await?;
        let mut out = BytesMut::new();
        out.put_u32(key.key.secret.len() as u32 + 12);
        out.put_u32(80_877_102);
        out.put_i32(key.key.pid);
        out.put_slice(&key.key.secret);
        stream.write_all(&out).await?;
        stream.flush().await?;
        // The server closes once it has sent the signal; hanging up earlier could lose the request. A reset is a close.
        let _closed = stream.read(&mut [0; 1]).await;
        Ok(())
    };
    timeout(within, work).await.unwrap_or(Err(DialError::Timeout))
}

/// Connects to the first address of a name that answers.
async fn reach(address: &str, within: Duration) -> Result<(TcpStream, SocketAddr), DialError> {
    let found: Vec<SocketAddr> = lookup_host(address).await.map_err(DialError::Down)?.collect();
    let each = within.checked_div(found.len() as u32).unwrap_or(within).max(TRY);
    let mut last = DialError::Down(no_address());
    for one in found {
        match timeout(each, TcpStream::connect(one)).await {
            Ok(Ok(tcp)) => return Ok((tcp, one)),
            Ok(Err(error)) => last = DialError::Down(error),
            Err(_) => last = DialError::Timeout,
        }
    }
    Err(last)
}

/// Asks for TLS and begins it, if there is to be any ("SSL Session Encryption"). Exactly one byte is read in clear, so
/// that whatever somebody put behind it meets TLS and fails there (CVE-2021-23222).
async fn encrypt(tcp: TcpStream, secure: Option<&Secure>) -> Result<Stream, DialError> {
    let Some(Secure { config, name }) = secure else { return Ok(Stream::plain(tcp)?) };
    let mut tcp = tcp;
    crate::stream::prepare(&tcp)?;
    let mut out = BytesMut::new();
    frontend::ssl_request(&mut out);
    tcp.write_all(&out).await?;
    match tcp.read_u8().await? {
        b'S' => {}
        b'N' => return Err(DialError::NoTls),
        // An error in clear may come from anybody and is not repeated (CVE-2024-10977).
        b'E' => return Err(DialError::Protocol("an error in place of TLS")),
        _ => return Err(DialError::Protocol("no answer to the request for TLS")),
    }
    let tls = TlsConnector::from(Arc::clone(config)).connect(name.clone(), tcp).await;
    let tls = tls.map_err(|error| match tls::certificate_fault(&error) {
        Some(why) => DialError::Certificate(why, error),
        None => DialError::Tls(error),
    })?;
    Ok(Stream::Dialed(Box::new(tls)))
}

/// The host of `host:port`, without the brackets of an IPv6 address.
fn host(address: &str) -> Option<&str> {
    let (host, _port) = address.rsplit_once(':')?;
    Some(host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host))
}

fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the target's address is none")
}

#[cfg(test)]
#[path = "upstream_tests.rs"]
mod tests;
