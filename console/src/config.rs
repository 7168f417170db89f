//! The `[console]` table of the file.

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;

/// Where the API listens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port of the API. Port 0 takes a free one. Default: `127.0.0.1:8420`.
    pub listen: SocketAddr,
    /// Set it when a reverse proxy in front of the API speaks TLS with the clients. Without it only a loopback address
    /// is listened on, because tokens would travel in clear. Default: `false`.
    pub behind_tls_proxy: bool,
    /// Where people's browsers and chat platforms reach the API: `https://countersign.example.com`. For linking chat
    /// accounts and for webhooks; without it neither is there. Default: none.
    pub public: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8420)), behind_tls_proxy: false, public: None }
    }
}

impl Config {
    /// What is wrong with it, each in a sentence that says what to write. Empty if all is well.
    pub fn check(&self) -> Vec<String> {
        // `::ffff:127.0.0.1` is loopback too, but only after it was unwrapped.
        if self.listen.ip().to_canonical().is_loopback() || self.behind_tls_proxy {
            return Vec::new();
        }
        vec![format!(
            "`[console] listen` = `{}` is reachable from the network, and tokens would travel in clear; listen on \
             127.0.0.1, or put a reverse proxy with TLS in front and write behind_tls_proxy = true",
            self.listen
        )]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(listen: &str, behind_tls_proxy: bool) -> Vec<String> {
        Config { listen: listen.parse().expect("an address"), behind_tls_proxy, public: None }.check()
    }

    #[test]
    fn a_network_address_is_refused_unless_a_proxy_speaks_tls() {
        assert_eq!(Config::default().check(), Vec::<String>::new());
        assert!(read("[::1]:8420", false).is_empty());
        assert!(read("[::ffff:127.0.0.1]:8420", false).is_empty());
        for open in ["0.0.0.0:8420", "[::]:8420", "10.0.0.5:80", "[::ffff:10.0.0.5]:80"] {
            let words = read(open, false).concat();
            assert!(words.contains("in clear") && words.contains("behind_tls_proxy = true"), "{words}");
            assert!(read(open, true).is_empty());
        }
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let known: Config = serde_json::from_str(r#"{"listen": "127.0.0.1:1"}"#).expect("read");
        assert_eq!(known.listen.port(), 1);
        assert!(serde_json::from_str::<Config>(r#"{"lisen": "127.0.0.1:1"}"#).is_err());
    }
}
