//! What a client is told when it is turned away: the protocol's ErrorResponse with the product's words in it.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::stream::Stream;

/// How long a client may take to receive its refusal and to hang up.
const PARTING: Duration = Duration::from_secs(1);
/// How much of what a refused client still sends is read away, in bytes.
const LEFTOVERS: usize = 64 * 1024;
/// How much of a client's own text is repeated to it, in characters.
const QUOTED: usize = 64;

/// The SQLSTATEs of this phase (appendix A of PostgreSQL's manual).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// `28P01`: the token is wrong.
    InvalidPassword,
    /// `28000`: who or how it connects is not allowed.
    InvalidAuthorization,
    /// `3D000`: no such target.
    NoSuchDatabase,
    /// `42501`: a setting that may not be given here.
    NotAllowed,
    /// `53300`: all places are taken.
    TooMany,
    /// `57P01`: the gateway or the grant has ended.
    Ended,
    /// `57P03`: the target is not ready yet.
    NotReady,
    /// `08P01`: no PostgreSQL client, or a broken one.
    Protocol,
    /// `08006`: the target can't be reached.
    Unreachable,
    /// `0A000`: a part of the protocol that is not served here.
    NotSupported,
    /// `22023`: the target does not take a setting's value.
    BadValue,
}

impl Code {
    /// As five characters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidPassword => "28P01",
            Self::InvalidAuthorization => "28000",
            Self::NoSuchDatabase => "3D000",
            Self::NotAllowed => "42501",
            Self::TooMany => "53300",
            Self::Ended => "57P01",
            Self::NotReady => "57P03",
            Self::Protocol => "08P01",
            Self::Unreachable => "08006",
            Self::NotSupported => "0A000",
            Self::BadValue => "22023",
        }
    }
}

/// A last word. Every one of them says what to do, in its message or its hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The SQLSTATE that drivers act on.
    pub code: Code,
    /// What was wrong.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl Refusal {
    /// Without detail and hint.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), detail: None, hint: None }
    }

    /// With more about it.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The token opened nothing. Says the same for every reason, so that a guess learns nothing.
    pub fn bad_token() -> Self {
        Self::new(Code::InvalidPassword, "the token is not known, or has expired or was revoked")
            .hint("make one with `countersign token`, and give it as the password")
    }

    /// The token is somebody else's.
    pub fn other_user(user: &str) -> Self {
        Self::new(Code::InvalidAuthorization, format!("the token does not belong to `{}`", quoted(user)))
            .hint("connect as the user that the token was made for; `countersign whoami` says who that is")
    }

    /// No such target, or none that this person may know of.
    pub fn no_target(database: &str) -> Self {
        Self::new(Code::NoSuchDatabase, format!("target `{}` is not known", quoted(database)))
            .hint("give a target's name as the database; `countersign targets` lists them")
    }

    /// The person has no grant at this moment.
    pub fn no_grant(target: &str) -> Self {
        Self::new(Code::InvalidAuthorization, format!("you have no access to `{}` now", quoted(target)))
            .hint(format!("ask for it: countersign request {} --for 1h --because …", quoted(target)))
    }

    /// All places are taken.
    pub fn too_many() -> Self {
        Self::new(Code::TooMany, "the gateway serves as many connections as it may")
            .hint("close some, or raise `[gateway] max_connections`")
    }

    /// The gateway stops.
    pub fn stopping() -> Self {
        Self::new(Code::Ended, "the gateway is being stopped").hint("connect again in a minute")
    }

    /// A token would cross the network in clear.
    pub fn in_clear() -> Self {
        Self::new(Code::InvalidAuthorization, "this gateway takes a token over TLS only")
            .hint("connect with sslmode=require, or better sslmode=verify-full")
    }

    /// As an ErrorResponse of severity FATAL ("Error and Notice Message Fields").
    pub fn encode(&self, out: &mut BytesMut) {
        let mut body = BytesMut::new();
        field(&mut body, b'S', "FATAL");
        field(&mut body, b'V', "FATAL");
        field(&mut body, b'C', self.code.as_str());
        field(&mut body, b'M', &self.message);
        if let Some(detail) = &self.detail {
            field(&mut body, b'D', detail);
        }
        if let Some(hint) = &self.hint {
            field(&mut body, b'H', hint);
        }
        body.put_u8(0);
        out.put_u8(b'E');
        out.put_u32(body.len() as u32 + 4);
        out.extend_from_slice(&body);
    }

    /// Sends it and closes the connection, within about a second. What the client still sends is read away for a
    /// moment: a socket that is closed with unread bytes is reset, and the words would be lost.
    pub async fn send(&self, mut stream: Stream) {
        let mut out = BytesMut::new();
        self.encode(&mut out);
        let parting = async {
            stream.write_all(&out).await?;
            stream.shutdown().await?;
            let mut left = LEFTOVERS;
            let mut scrap = [0; 1024];
            while left > 0 {
                match stream.read(&mut scrap).await? {
                    0 => break,
                    read => left = left.saturating_sub(read),
                }
            }
            std::io::Result::Ok(())
        };
        // A client that is gone, or does not listen, has chosen not to know.
        let _unheard = timeout(PARTING, parting).await;
    }
}

/// Writes one field; a zero inside would end it early and is left out.
fn field(out: &mut BytesMut, tag: u8, text: &str) {
    out.put_u8(tag);
    out.extend(text.bytes().filter(|byte| *byte != 0));
    out.put_u8(0);
}

/// A client's own text, fit to be repeated: control characters are spelled out, and it is cut where it gets long.
pub fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(QUOTED).flat_map(char::escape_debug).collect();
    if text.chars().nth(QUOTED).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_well_formed_message_whatever_is_in_it() {
        let mut out = BytesMut::new();
        Refusal::new(Code::Protocol, "a\0b").detail("d").hint("h").encode(&mut out);
        assert_eq!(&out[..], b"E\0\0\0\x24SFATAL\0VFATAL\0C08P01\0Mab\0Dd\0Hh\0\0");
    }

    #[test]
    fn a_clients_own_text_is_shown_and_not_obeyed() {
        assert_eq!(quoted("ada"), "ada");
        assert_eq!(quoted("a\u{1b}[2J\n\u{202e}"), "a\\u{1b}[2J\\n\\u{202e}");
        assert_eq!(quoted(&"x".repeat(100)).chars().count(), QUOTED + 1);
    }

    #[test]
    fn every_refusal_says_what_to_do() {
        for refusal in [
            Refusal::bad_token(),
            Refusal::other_user("ada"),
            Refusal::no_target("orders"),
            Refusal::no_grant("orders"),
            Refusal::too_many(),
            Refusal::stopping(),
            Refusal::in_clear(),
        ] {
            assert!(refusal.hint.is_some(), "{refusal:?}");
        }
    }
}
