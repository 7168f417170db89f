//! The first bytes of a client: TLS or not, a login or a cancel ("Message Flow: Start-up", "Cancelling Requests").
//!
//! Nothing is read beyond the message at hand, so that no byte can be taken for something that it is not after the
//! change to TLS, and none is lost to the phase that follows. Every length is checked before anything is allocated.

use std::io;
use std::sync::Arc;
use std::task::Poll;

use bytes::{BufMut, BytesMut};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::refusal::{Code, Refusal};
use crate::stream::Stream;
use crate::tls::ALPN;

/// The longest startup packet in bytes, as the server has it (`MAX_STARTUP_PACKET_LENGTH`).
pub const MAX_STARTUP: usize = 10_000;
const CANCEL: u32 = 80_877_102;
const TLS: u32 = 80_877_103;
const GSS: u32 = 80_877_104;
/// Protocol 3.0, the one that is spoken behind the greeting.
const VERSION: u32 = 3 << 16;
/// The first byte of a TLS handshake.
const CLIENT_HELLO: u8 = 0x16;
/// The secret of a cancel request, in bytes: 4 in protocol 3.0, up to 256 in 3.2.
const CANCEL_SECRET: std::ops::RangeInclusive<usize> = 4..=256;

/// What a client came for.
#[derive(Debug)]
pub enum Greeting {
    /// It wants a session.
    Login(Hello),
    /// It wants a running statement of another connection to be cancelled, and gets no answer.
    Cancel {
        /// The process id that it was given at login.
        pid: i32,
        /// The secret that it was given at login; not yet compared.
        secret: Vec<u8>,
    },
}

/// A client that wants a session. Nothing of it is proved yet.
#[derive(Debug)]
pub struct Hello {
    /// The connection, at the place where the server asks for a password.
    pub stream: Stream,
    /// Who it claims to be.
    pub user: String,
    /// The target that it asks for; the user's name if it named none, as the server does.
    pub database: String,
    /// What it calls itself; empty if it did not say.
    pub application_name: String,
    /// All its parameters but `user`, `database` and `replication`, in its order and with `application_name`.
    pub params: Vec<(String, String)>,
    /// Whether the connection is TLS.
    pub encrypted: bool,
}

/// Why a greeting came to nothing. The client has been told already, where it could be.
#[derive(Debug, thiserror::Error)]
pub enum GreetError {
    /// It left. Health checks do.
    #[error("the client left")]
    Gone,
    /// It took too long.
    #[error("the client took too long")]
    Slow,
    /// The network.
    #[error("the connection broke")]
    Io(#[source] io::Error),
    /// TLS did not come about.
    #[error("the TLS handshake failed")]
    Tls(#[source] io::Error),
    /// These are not the bytes of a PostgreSQL client, or not of an honest one.
    #[error("{0}")]
    Protocol(&'static str),
    /// A version that nobody speaks any more, or not yet.
    #[error("protocol version {0}.{1} is not served")]
    Version(u32, u32),
    /// Replication passes by everything that judges statements.
    #[error("replication was asked for")]
    Replication,
    /// No user.
    #[error("no user was named")]
    NoUser,
}

impl GreetError {
    fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Gone | Self::Io(_) | Self::Tls(_) => None,
            Self::Slow => {
                Some(Refusal::new(Code::Protocol, "the connection took too long to start").hint("connect again"))
            }
            Self::Protocol(what) => {
                Some(Refusal::new(Code::Protocol, *what).hint("connect here with a PostgreSQL client"))
            }
            Self::Version(..) => Some(
                Refusal::new(Code::NotSupported, format!("{self}")).hint("use a client of PostgreSQL 7.4 or later"),
            ),
            Self::Replication => Some(
                Refusal::new(Code::InvalidAuthorization, "replication is not served, since it could not be judged")
                    .hint("leave out `replication`, or dump with pg_dump"),
            ),
            Self::NoUser => Some(
                Refusal::new(Code::InvalidAuthorization, "the connection names no user")
                    .hint("give your name as the user, and a token as the password"),
            ),
        }
    }
}

impl From<io::Error> for GreetError {
    fn from(error: io::Error) -> Self {
        if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) {
            Self::Gone
        } else {
            Self::Io(error)
        }
    }
}

/// Reads a client's first messages up to the point where it would be asked for a password. Answers the requests for
/// encryption on the way, and tells the client what was wrong where it comes to nothing.
/// Not cancel-safe; the connection is closed when it is dropped.
pub async fn greet(
    tcp: TcpStream,
    tls: Option<&Arc<ServerConfig>>,
    deadline: Instant,
) -> Result<Greeting, GreetError> {
    let mut tcp = tcp;
    let knocked = timeout_at(deadline, knock(&mut tcp, tls)).await.unwrap_or(Err(GreetError::Slow));
    let (mut stream, packet) = match knocked {
        Ok(Knock::Packet(packet)) => (Stream::plain(tcp)?, Ok(packet)),
        Ok(Knock::Tls(how, acceptor)) => {
            let tls = timeout_at(deadline, encrypt(tcp, how, acceptor));
            let mut stream = tls.await.unwrap_or(Err(GreetError::Slow))?;
            let packet = timeout_at(deadline, packet(&mut stream)).await.unwrap_or(Err(GreetError::Slow));
            (stream, packet)
        }
        Err(error) => (Stream::plain(tcp)?, Err(error)),
    };
    let asked = packet.and_then(|packet| asked(&packet));
    let (asked, parley) = match asked {
        Ok(Asked::Cancel { pid, secret }) => return Ok(Greeting::Cancel { pid, secret }),
        Ok(Asked::Login(asked, parley)) => (asked, parley),
        Err(error) => {
            if let Some(refusal) = error.refusal() {
                refusal.send(stream).await;
            }
            return Err(error);
        }
    };
    if let Some(answer) = parley {
        timeout_at(deadline, stream.write_all(&answer)).await.map_err(|_| GreetError::Slow)??;
    }
    let Login { user, database, application_name, params } = asked;
    let encrypted = stream.is_encrypted();
    Ok(Greeting::Login(Hello { stream, user, database, application_name, params, encrypted }))
}

/// How far a client came before encryption.
enum Knock {
    Packet(Packet),
    Tls(Begun, TlsAcceptor),
}

/// How TLS began.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    /// With the client's first byte, as since PostgreSQL 17.
    Directly,
    /// By a request that was answered with `S`.
    OnRequest,
}

async fn knock(tcp: &mut TcpStream, tls: Option<&Arc<ServerConfig>>) -> Result<Knock, GreetError> {
    let acceptor = tls.map(|config| TlsAcceptor::from(Arc::clone(config)));
    let mut first = [0; 1];
    if tcp.peek(&mut first).await? == 1
        && first == [CLIENT_HELLO]
        && let Some(acceptor) = acceptor
    {
        return Ok(Knock::Tls(Begun::Directly, acceptor));
    }
    let (mut asked_tls, mut asked_gss) = (false, false);
    loop {
        let packet = packet(tcp).await?;
        let asked = match packet.code {
            TLS => &mut asked_tls,
            GSS => &mut asked_gss,
            _ => return Ok(Knock::Packet(packet)),
        };
        if std::mem::replace(asked, true) || !packet.body.is_empty() {
            return Err(GreetError::Protocol("encryption was asked for twice, or with something else"));
        }
        match &acceptor {
            Some(acceptor) if packet.code == TLS => {
                // Bytes that came with the request were written by somebody between us and the client, who wants them
                // to be read as if they had come through TLS (CVE-2021-23214, CVE-2021-23222).
                if more(tcp).await? {
                    return Err(GreetError::Protocol("bytes were sent in clear behind the request for TLS"));
                }
                tcp.write_all(b"S").await?;
                return Ok(Knock::Tls(Begun::OnRequest, acceptor.clone()));
            }
            Some(_) | None => tcp.write_all(b"N").await?,
        }
    }
}

/// Whether something has arrived already that was not read yet.
async fn more(tcp: &TcpStream) -> io::Result<bool> {
    std::future::poll_fn(|cx| {
        let mut byte = [0; 1];
        match tcp.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
            Poll::Ready(read) => Poll::Ready(read.map(|count| count > 0)),
            Poll::Pending => Poll::Ready(Ok(false)),
        }
    })
    .await
}

/// TLS on a socket whose next byte belongs to it. A client that began directly has to name the protocol (ALPN), so that
/// no browser can be led here; one that asked before has named it by asking.
async fn encrypt(tcp: TcpStream, begun: Begun, acceptor: TlsAcceptor) -> Result<Stream, GreetError> {
    let tls = acceptor.accept(tcp).await.map_err(GreetError::Tls)?;
    if begun == Begun::Directly && tls.get_ref().1.alpn_protocol() != Some(ALPN) {
        return Err(GreetError::Protocol("TLS without a request must name the protocol `postgresql`"));
    }
    Ok(Stream::Served(Box::new(tls)))
}

/// One message of the start: a length, a code, the rest.
#[derive(Debug)]
struct Packet {
    code: u32,
    body: Vec<u8>,
}

async fn packet<R: AsyncRead + Unpin>(from: &mut R) -> Result<Packet, GreetError> {
    let length = from.read_u32().await? as usize;
    if !(8..=MAX_STARTUP).contains(&length) {
        return Err(GreetError::Protocol("the length of the startup packet is not valid"));
    }
    let code = from.read_u32().await?;
    let mut body = vec![0; length.saturating_sub(8)];
    from.read_exact(&mut body).await?;
    Ok(Packet { code, body })
}

enum Asked {
    /// With the answer to what we don't speak, if it asked for any of that.
    Login(Login, Option<BytesMut>),
    Cancel {
        pid: i32,
        secret: Vec<u8>,
    },
}

/// A startup message, as told apart by its names.
struct Login {
    user: String,
    database: String,
    application_name: String,
    params: Vec<(String, String)>,
}

fn asked(packet: &Packet) -> Result<Asked, GreetError> {
    match (packet.code, packet.code >> 16, packet.code & 0xffff) {
        (CANCEL, ..) => {
            let (pid, secret) = packet.body.split_first_chunk().ok_or(GreetError::Protocol(BAD_CANCEL))?;
            if !CANCEL_SECRET.contains(&secret.len()) {
                return Err(GreetError::Protocol(BAD_CANCEL));
            }
            Ok(Asked::Cancel { pid: i32::from_be_bytes(*pid), secret: secret.to_vec() })
        }
        (TLS | GSS, ..) => Err(GreetError::Protocol("encryption was asked for within TLS")),
        (_, 3, minor) => {
            let (options, pairs): (Vec<_>, Vec<_>) =
                pairs(&packet.body)?.into_iter().partition(|(name, _)| name.starts_with("_pq_."));
            let parley = (minor > 0 || !options.is_empty()).then(|| parley(&options));
            Ok(Asked::Login(login(pairs)?, parley))
        }
        (_, major, minor) => Err(GreetError::Version(major, minor)),
    }
}

const BAD_CANCEL: &str = "the request to cancel is not well-formed";

/// NegotiateProtocolVersion: we go on with 3.0 and without these options. The version is the whole number, as the server
/// sends it and clients read it; the manual's "minor version" is a slip.
fn parley(options: &[(String, String)]) -> BytesMut {
    let names: usize = options.iter().map(|(name, _)| name.len() + 1).sum();
    let mut out = BytesMut::new();
    out.put_u8(b'v');
    out.put_u32(names as u32 + 12);
    out.put_u32(VERSION);
    out.put_u32(options.len() as u32);
    for (name, _) in options {
        out.put_slice(name.as_bytes());
        out.put_u8(0);
    }
    out
}

/// The pairs of a startup message. Names may come once only: of two users, one part of us might check the first and
/// another use the second.
fn pairs(body: &[u8]) -> Result<Vec<(String, String)>, GreetError> {
    let mut rest = body;
    let mut found: Vec<(String, String)> = Vec::new();
    loop {
        let name = text(&mut rest)?;
        if name.is_empty() {
            break;
        }
        if found.iter().any(|(before, _)| before.eq_ignore_ascii_case(name)) {
            return Err(GreetError::Protocol("a parameter of the startup packet is named twice"));
        }
        found.push((name.to_owned(), text(&mut rest)?.to_owned()));
    }
    if rest.is_empty() { Ok(found) } else { Err(GreetError::Protocol("the startup packet goes on behind its end")) }
}

/// Takes one text that ends with a zero.
fn text<'a>(rest: &mut &'a [u8]) -> Result<&'a str, GreetError> {
    let end = rest.iter().position(|byte| *byte == 0);
    let split = end.and_then(|end| Some((rest.get(..end)?, rest.get(end + 1..)?)));
    let (text, behind) = split.ok_or(GreetError::Protocol("the startup packet is cut off"))?;
    *rest = behind;
    std::str::from_utf8(text).map_err(|_| GreetError::Protocol("the startup packet is not UTF-8"))
}

fn login(pairs: Vec<(String, String)>) -> Result<Login, GreetError> {
    let mut login = Login {
        user: String::new(),
        database: String::new(),
        application_name: String::new(),
        params: Vec::with_capacity(pairs.len()),
    };
    for (name, value) in pairs {
        match name.as_str() {
            "user" => login.user = value,
            "database" => login.database = value,
            // Drivers that spell out "no replication" are let through.
            "replication" if matches!(value.as_str(), "false" | "off" | "no" | "0") => {}
            "replication" => return Err(GreetError::Replication),
            _ => {
                if name == "application_name" {
                    login.application_name.clone_from(&value);
                }
                login.params.push((name, value));
            }
        }
    }
    if login.user.is_empty() {
        return Err(GreetError::NoUser);
    }
    if login.database.is_empty() {
        login.database.clone_from(&login.user);
    }
    Ok(login)
}

#[cfg(test)]
#[path = "greeting_tests.rs"]
mod tests;
