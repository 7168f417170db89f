//! The `[gateway]` part of the file.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use serde::{Deserialize, Deserializer, Serialize};
use workflows::clock::Span;

use crate::listen::{BindError, Limits, Listener};
use crate::tls::{self, TlsError};

/// Where the gateway listens, and how many it serves at once.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where PostgreSQL clients connect: an IP address and a port. Default `127.0.0.1:6432`.
    #[serde(deserialize_with = "address")]
    pub postgres: SocketAddr,
    /// Where SSH clients connect: an IP address and a port. Default: nowhere.
    #[serde(deserialize_with = "perhaps_address")]
    pub ssh: Option<SocketAddr>,
    /// The certificate that clients see. Needed for every address but a loopback one. Default: none.
    pub tls: Option<Certificate>,
    /// How long a client may take from its first byte to its token. Default `10s`.
    pub handshake_timeout: Span,
    /// How many connections are served at once. The next one is told so. Default 10000.
    pub max_connections: usize,
    /// How many clients may be signing in at once. When one more comes, the oldest of them has to go. Default 512.
    pub max_handshakes: usize,
}

/// A certificate and its key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The certificate, followed by those that signed it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            postgres: SocketAddr::from(([127, 0, 0, 1], 6432)),
            ssh: None,
            tls: None,
            handshake_timeout: Span::seconds(10),
            max_connections: 10_000,
            max_handshakes: 512,
        }
    }
}

fn address<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
    text.parse().map_err(|_| {
        serde::de::Error::custom(format!(
            "`{text}` is not an address to listen on; write an IP address and a port, like `127.0.0.1:6432`"
        ))
    })
}

fn perhaps_address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    address(from).map(Some)
}

/// Why the gateway does not listen.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Tokens would cross a network in clear.
    #[error("{0}")]
    InClear(String),
    /// The certificate can't be used.
    #[error("`[gateway] tls`: {0}")]
    Tls(TlsError),
    /// The address can't be had.
    #[error("{0}")]
    Bind(BindError),
}

impl Config {
    /// Binds the address, with the certificate if there is one. The one way to a listener that can't forget to ask
    /// whether it is safe. Reads the certificate; needs a runtime.
    pub fn open(&self) -> Result<(Listener, Option<Arc<ServerConfig>>), OpenError> {
        if let Some(words) = self.in_clear() {
            return Err(OpenError::InClear(words));
        }
        let tls = self.tls.as_ref().map(|Certificate { certificate, key }| tls::server_config(certificate, key));
        let tls = tls.transpose().map_err(OpenError::Tls)?;
        Ok((Listener::bind(self.postgres, "postgres").map_err(OpenError::Bind)?, tls))
    }

    /// What [`Listener::run`] is given.
    pub const fn limits(&self, drain: Duration) -> Limits {
        Limits { connections: self.max_connections, handshakes: self.max_handshakes, drain }
    }

    /// What is wrong with it, each in a sentence that says what to write. Empty if all is well. Reads the certificate.
    pub fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        wrong.extend(self.in_clear());
        if let Some(Certificate { certificate, key }) = &self.tls
            && let Err(error) = tls::server_config(certificate, key)
        {
            wrong.push(format!("`[gateway] tls`: {error}"));
        }
        for (key, value) in [("max_connections", self.max_connections), ("max_handshakes", self.max_handshakes)] {
            if value == 0 {
                wrong.push(format!(
                    "`[gateway] {key}` is 0, so that nobody could connect; leave it out or write more"
                ));
            }
        }
        wrong
    }

    /// Why tokens would cross a network in clear, if they would. Asked by [`Config::check`] and [`Config::open`].
    pub fn in_clear(&self) -> Option<String> {
        let local = self.postgres.ip().to_canonical().is_loopback();
        (self.tls.is_none() && !local).then(|| {
            format!(
                "`[gateway] postgres` listens on `{}`, where tokens would cross the network in clear; add `tls = {{ \
                 certificate = \"gateway.pem\", key = \"gateway.key\" }}`, or listen on `127.0.0.1:{}`",
                self.postgres,
                self.postgres.port()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use serde::de::value::{Error, MapDeserializer};

    use super::*;

    fn read(keys: &[(&str, &str)]) -> Result<Config, Error> {
        Config::deserialize(MapDeserializer::new(keys.iter().copied()))
    }

    #[test]
    fn an_empty_part_means_the_defaults_and_they_are_right() {
        assert_eq!(read(&[]), Ok(Config::default()));
        assert_eq!(Config::default().check(), Vec::<String>::new());
    }

    #[test]
    fn a_key_or_an_address_that_is_not_known_is_refused_with_what_to_write() {
        assert!(read(&[("postgress", "127.0.0.1:1")]).unwrap_err().to_string().contains("postgress"));
        for text in ["", "6432", "localhost:6432", "127.0.0.1", "127.0.0.1:99999", ":6432"] {
            let told = read(&[("postgres", text)]).unwrap_err().to_string();
            assert!(told.contains("like `127.0.0.1:6432`"), "{told}");
        }
        assert_eq!(read(&[("handshake_timeout", "3s")]).unwrap().handshake_timeout, Span::seconds(3));
    }

    #[test]
    fn tokens_never_cross_a_network_in_clear() {
        for (address, safe) in [
            ("127.0.0.1:1", true),
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("10.0.0.5:1", false),
            ("[::ffff:10.0.0.5]:1", false),
        ] {
            let wrong = read(&[("postgres", address)]).unwrap().check();
            assert_eq!(wrong.is_empty(), safe, "{address}: {wrong:?}");
        }
        let open = read(&[("postgres", "0.0.0.0:0")]).unwrap().open();
        assert!(matches!(open, Err(OpenError::InClear(_))), "{open:?}");
    }

    #[test]
    fn a_certificate_that_is_not_there_is_named() {
        let tls = Certificate { certificate: "/nowhere/a.pem".into(), key: "/nowhere/a.key".into() };
        let wrong = Config { tls: Some(tls), max_handshakes: 0, ..Config::default() }.check();
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong[0].contains("/nowhere/a.pem"), "{wrong:?}");
    }
}
