//! The gateway signs in at a target: startup, SCRAM, parameters, ready ("SASL Authentication", RFC 5802, RFC 7677).
//!
//! The target may be hostile: every message is bounded before it is read, all of them together are, and the password
//! is used for SCRAM alone, which gives nothing away and proves the target at the same time.

use bytes::{Buf, Bytes, BytesMut};
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use workflows::target::SecretRef;

use super::dial_error::DialError;
use super::settings::is_safe_encoding;
use super::upstream::BackendKey;
use crate::stream::Stream;

/// The longest message of this phase, in bytes.
const MAX_MESSAGE: usize = 64 * 1024;
/// All messages of this phase together, in bytes.
const MAX_ALL: usize = 512 * 1024;
/// How many messages this phase may have. A server sends about twenty.
const MAX_MESSAGES: usize = 256;

/// What a target said of itself until it was ready.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) parameters: Vec<(String, String)>,
    pub(super) key: Option<BackendKey>,
    pub(super) pending: Bytes,
}

/// Signs in on a connection that is encrypted already, if it has to be. `binding` is the hash of the certificate.
pub(super) async fn sign_in(
    stream: &mut Stream,
    parameters: &[(&str, &str)],
    secret: &SecretRef,
    binding: Option<Vec<u8>>,
) -> Result<Ready, DialError> {
    let mut out = BytesMut::new();
    frontend::startup_message(parameters.iter().copied(), &mut out)?;
    stream.write_all(&out).await?;
    let mut wire = Wire { stream, input: BytesMut::new(), messages: 0, bytes: 0 };
    authenticate(&mut wire, secret, binding).await?;
    wire.ready().await
}

async fn authenticate(wire: &mut Wire<'_>, secret: &SecretRef, binding: Option<Vec<u8>>) -> Result<(), DialError> {
    let mechanisms = match wire.authentication().await? {
        // `trust`: the target asks for no password, and gets none.
        (0, _) => return Ok(()),
        (10, mechanisms) => mechanisms,
        (2, _) => return Err(DialError::Method("kerberos")),
        (3, _) => return Err(DialError::Method("password")),
        (5, _) => return Err(DialError::Method("md5")),
        (7, _) => return Err(DialError::Method("gss")),
        (9, _) => return Err(DialError::Method("sspi")),
        _ => return Err(DialError::Method("a method that is not known")),
    };
    let (mechanism, channel) = choose(&mechanisms, binding)?;
    let from = secret.clone();
    // A file may lie on a slow disk, and 4,096 rounds of HMAC take a millisecond or more: neither belongs on a thread
    // that serves thousands of sessions. The password lives within the two closures and in `scram` until `update`.
    let mut scram = tokio::task::spawn_blocking(move || {
        from.read().map(|password| ScramSha256::new(password.reveal().as_bytes(), channel))
    })
    .await
    .map_err(|_| DialError::NotProved(None))?
    .map_err(DialError::Secret)?;

    let mut out = BytesMut::new();
    frontend::sasl_initial_response(mechanism, scram.message(), &mut out)?;
    wire.stream.write_all(&out).await?;
    let (11, challenge) = wire.authentication().await? else { return Err(OUT_OF_TURN) };
    let scram = tokio::task::spawn_blocking(move || scram.update(&challenge).map(|()| scram));
    let mut scram =
        scram.await.map_err(|_| DialError::NotProved(None))?.map_err(|error| DialError::NotProved(Some(error)))?;

    out.clear();
    frontend::sasl_response(scram.message(), &mut out)?;
    wire.stream.write_all(&out).await?;
    // An Ok in place of the signature is what an impostor would send.
    let (12, proof) = wire.authentication().await? else { return Err(DialError::NotProved(None)) };
    scram.finish(&proof).map_err(|error| DialError::NotProved(Some(error)))?;
    let (0, _) = wire.authentication().await? else { return Err(OUT_OF_TURN) };
    Ok(())
}

const OUT_OF_TURN: DialError = DialError::Protocol("a message out of turn");

/// The mechanism, and how it is bound to the channel: `p` where both can, `y` where only we can (which the server takes
/// for an attack if it offered binding), `n` where we can't.
fn choose(mechanisms: &[u8], binding: Option<Vec<u8>>) -> Result<(&'static str, ChannelBinding), DialError> {
    let offers = |name: &str| mechanisms.split(|byte| *byte == 0).any(|offered| offered == name.as_bytes());
    match binding {
        Some(hash) if offers(SCRAM_SHA_256_PLUS) => {
            Ok((SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash)))
        }
        Some(_) if offers(SCRAM_SHA_256) => Ok((SCRAM_SHA_256, ChannelBinding::unrequested())),
        None if offers(SCRAM_SHA_256) => Ok((SCRAM_SHA_256, ChannelBinding::unsupported())),
        Some(_) | None => Err(DialError::Method("a SASL mechanism that is not known")),
    }
}

/// Reads messages within their bounds.
struct Wire<'a> {
    stream: &'a mut Stream,
    input: BytesMut,
    messages: usize,
    bytes: usize,
}

impl Wire<'_> {
    /// The next message: its type and its body.
    async fn next(&mut self) -> Result<(u8, Bytes), DialError> {
        self.messages += 1;
        if self.messages > MAX_MESSAGES {
            return Err(DialError::Protocol("too many messages before it was ready"));
        }
        self.fill(5).await?;
        let tag = self.input.get_u8();
        let length = (self.input.get_u32() as usize).checked_sub(4).filter(|length| *length <= MAX_MESSAGE);
        let length = length.ok_or(DialError::Protocol("a message of impossible length"))?;
        self.bytes += length;
        if self.bytes > MAX_ALL {
            return Err(DialError::Protocol("too much was sent before it was ready"));
        }
        self.fill(length).await?;
        Ok((tag, self.input.split_to(length).freeze()))
    }

    /// Reads until `least` bytes are there; never more than a buffer beyond.
    async fn fill(&mut self, least: usize) -> Result<(), DialError> {
        while self.input.len() < least {
            self.input.reserve(least.max(2048));
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(DialError::Io(std::io::ErrorKind::UnexpectedEof.into()));
            }
        }
        Ok(())
    }

    /// The next message, which has to be about authentication: its kind and what it carries.
    async fn authentication(&mut self) -> Result<(u32, Bytes), DialError> {
        loop {
            let (tag, mut body) = self.next().await?;
            match tag {
                b'R' if body.len() >= 4 => return Ok((body.get_u32(), body)),
                b'E' => return Err(error(&body)),
                b'N' => {}
                _ => return Err(DialError::Protocol("no authentication where it was due")),
            }
        }
    }

    /// Reads on until ReadyForQuery.
    async fn ready(mut self) -> Result<Ready, DialError> {
        let (mut parameters, mut key) = (Vec::new(), None);
        loop {
            let (tag, mut body) = self.next().await?;
            match tag {
                b'S' => parameters.push(parameter(&body)?),
                b'K' if (8..=260).contains(&body.len()) => {
                    key = Some(BackendKey::new(body.get_i32(), body.to_vec()));
                }
                b'N' => {}
                b'E' => return Err(error(&body)),
                b'Z' if *body == *b"I" => break,
                _ => return Err(OUT_OF_TURN),
            }
        }
        let encoding = parameters.iter().find(|(name, _)| name == "client_encoding");
        if let Some((_, encoding)) = encoding.filter(|(_, encoding)| !is_safe_encoding(encoding)) {
            return Err(DialError::Encoding(encoding.clone()));
        }
        Ok(Ready { parameters, key, pending: self.input.freeze() })
    }
}

/// A ParameterStatus: two texts, each with a zero behind it.
fn parameter(body: &[u8]) -> Result<(String, String), DialError> {
    let mut texts = body.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
    match (texts.next(), texts.next(), texts.next().as_deref(), texts.next()) {
        (Some(name), Some(value), Some(""), None) => Ok((name, value)),
        _ => Err(DialError::Protocol("a parameter that is not well-formed")),
    }
}

/// An ErrorResponse, sorted by its SQLSTATE.
fn error(body: &[u8]) -> DialError {
    let field = |tag: u8| {
        let found = body.split(|byte| *byte == 0).find_map(|field| field.strip_prefix(&[tag]));
        found.map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
    };
    let (code, message) = (field(b'C'), field(b'M'));
    match code.as_str() {
        "28P01" | "28000" => DialError::LoginRefused { code, message },
        _ => DialError::Refused { code, message },
    }
}
