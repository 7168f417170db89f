//! Between the greeting and the first statement: the token is asked for, and the session is opened.
//!
//! The token travels as the protocol's clear-text password, which every client can send; that is why the connection is
//! encrypted or does not leave the machine. (Rejected: SCRAM towards the client. It would have us keep something that is
//! as good as the token, per token, and costs a millisecond of CPU on every connection.)

use std::io;

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use workflows::secret::Secret;

use super::cancel::Registration;
use super::greeting::Hello;
use super::refusal::{Code, Refusal};
use crate::stream::Stream;

/// The longest token in bytes. Ours are short; those of an identity provider are a few thousand.
pub const MAX_TOKEN: usize = 8 * 1024;
/// AuthenticationCleartextPassword.
const ASK: [u8; 9] = [b'R', 0, 0, 0, 8, 0, 0, 0, 3];
/// AuthenticationOk.
const OK: [u8; 9] = [b'R', 0, 0, 0, 8, 0, 0, 0, 0];
/// ReadyForQuery, outside of a transaction.
const READY: [u8; 6] = [b'Z', 0, 0, 0, 5, b'I'];

/// Why no token came.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// The client left; psql does, to ask its user for the password and to come back.
    #[error("the client left before it gave a token")]
    Gone,
    /// It took too long.
    #[error("the client took too long to give a token")]
    Slow,
    /// The connection is in clear and comes over a network.
    #[error("a token would have crossed the network in clear")]
    InClear,
    /// Something else was sent than a password.
    #[error("{0}")]
    Protocol(&'static str),
    /// The network.
    #[error("the connection broke")]
    Io(#[source] io::Error),
}

impl StartupError {
    /// What the client is to be told; `None` where nobody is left to hear it.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Gone | Self::Io(_) => None,
            Self::Slow => {
                Some(Refusal::new(Code::InvalidPassword, "no token was given in time").hint("connect again"))
            }
            Self::InClear => Some(Refusal::in_clear()),
            Self::Protocol(what) => Some(Refusal::new(Code::Protocol, *what).hint("give the token as the password")),
        }
    }
}

impl From<io::Error> for StartupError {
    fn from(error: io::Error) -> Self {
        if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) {
            Self::Gone
        } else {
            Self::Io(error)
        }
    }
}

/// Asks for the token. Never asks over a network in clear, whatever the file says. Tells the client nothing on an error:
/// send [`StartupError::refusal`]. Not cancel-safe.
pub async fn password(hello: &mut Hello, deadline: Instant) -> Result<Secret<String>, StartupError> {
    let local = hello.stream.peer_addr()?.ip().to_canonical().is_loopback();
    if !hello.stream.is_encrypted() && !local {
        return Err(StartupError::InClear);
    }
    timeout_at(deadline, ask(&mut hello.stream)).await.map_err(|_| StartupError::Slow)?
}

async fn ask(stream: &mut Stream) -> Result<Secret<String>, StartupError> {
    stream.write_all(&ASK).await?;
    stream.flush().await?;
    match stream.read_u8().await? {
        b'p' => {}
        b'X' => return Err(StartupError::Gone),
        _ => return Err(StartupError::Protocol("a password was expected, and something else came")),
    }
    // The length counts itself; the zero at the end is not part of the token.
    let length = (stream.read_u32().await? as usize).checked_sub(5);
    let length = length.filter(|length| *length <= MAX_TOKEN);
    let length = length.ok_or(StartupError::Protocol("the password is longer than any token, or cut off"))?;
    let mut text = vec![0; length + 1];
    stream.read_exact(&mut text).await?;
    if text.pop() != Some(0) || text.contains(&0) {
        return Err(StartupError::Protocol("the password is not well-formed"));
    }
    let text = String::from_utf8(text).map_err(|_| StartupError::Protocol("the password is not a token"))?;
    Ok(Secret::new(text))
}

/// The token opened the door for `identity`: is that who the client said it was? The user is compared as it is written.
pub fn same_user(hello: &Hello, identity: &str) -> Result<(), Refusal> {
    if hello.user == identity { Ok(()) } else { Err(Refusal::other_user(&hello.user)) }
}

/// Opens the session in one write: AuthenticationOk, the target's ParameterStatus, `notices` (whole NoticeResponse
/// messages), the key of *our* registration and ReadyForQuery. The target's own key is never shown.
pub async fn finish(
    stream: &mut Stream,
    parameters: &[(String, String)],
    registration: &Registration,
    notices: &[u8],
) -> io::Result<()> {
    let mut out = BytesMut::with_capacity(1024);
    out.put_slice(&OK);
    for (name, value) in parameters {
        out.put_u8(b'S');
        out.put_u32((name.len() + value.len() + 6) as u32);
        for text in [name, value] {
            out.put_slice(text.as_bytes());
            out.put_u8(0);
        }
    }
    out.put_slice(notices);
    out.put_u8(b'K');
    out.put_u32(12);
    out.put_i32(registration.pid());
    out.put_slice(&registration.secret());
    out.put_slice(&READY);
    stream.write_all(&out).await?;
    stream.flush().await
}

/// A NoticeResponse of severity NOTICE, for [`finish`].
pub fn notice(message: &str, out: &mut BytesMut) {
    let mut body = BytesMut::new();
    for (tag, text) in [(b'S', "NOTICE"), (b'V', "NOTICE"), (b'C', "00000"), (b'M', message)] {
        body.put_u8(tag);
        body.extend(text.bytes().filter(|byte| *byte != 0));
        body.put_u8(0);
    }
    body.put_u8(0);
    out.put_u8(b'N');
    out.put_u32(body.len() as u32 + 4);
    out.extend_from_slice(&body);
}

#[cfg(test)]
#[path = "startup_tests.rs"]
mod tests;
