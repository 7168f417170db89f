//! The services that know who is on call, and what the file says of them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::approval::Who;
use crate::target::SecretRef;

/// A service that knows who is on call. A closed set: a new one lists its own to-do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provider {
    /// PagerDuty.
    PagerDuty,
    /// Opsgenie.
    Opsgenie,
}

impl Provider {
    /// Every provider.
    pub const ALL: [Self; 2] = [Self::PagerDuty, Self::Opsgenie];

    /// The name in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PagerDuty => "pagerduty",
            Self::Opsgenie => "opsgenie",
        }
    }

    /// The name that people read.
    pub const fn title(self) -> &'static str {
        match self {
            Self::PagerDuty => "PagerDuty",
            Self::Opsgenie => "Opsgenie",
        }
    }

    /// Where it is asked unless the file says otherwise.
    pub const fn api(self) -> &'static str {
        match self {
            Self::PagerDuty => "https://api.pagerduty.com",
            Self::Opsgenie => "https://api.opsgenie.com",
        }
    }

    /// Whether a text may be what the provider calls a schedule. Opsgenie's becomes a part of an address, so neither `.`
    /// nor `..` is one; and to PagerDuty `null` would mean those who are always on call.
    pub fn is_schedule(self, text: &str) -> bool {
        match self {
            Self::PagerDuty => {
                let plain = text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
                plain && (1..=32).contains(&text.len())
            }
            Self::Opsgenie => {
                let shown = text.trim() == text && !text.chars().any(char::is_control);
                shown && (1..=100).contains(&text.chars().count()) && !matches!(text, "." | "..")
            }
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// There is no such provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an on-call provider; write `pagerduty` or `opsgenie`")]
pub struct ProviderError(pub String);

impl FromStr for Provider {
    type Err = ProviderError;

    fn from_str(text: &str) -> Result<Self, ProviderError> {
        let found = Self::ALL.into_iter().find(|provider| provider.as_str() == text);
        found.ok_or_else(|| ProviderError(text.to_owned()))
    }
}

/// Which schedule is asked for, and how. What is on the [`Board`](super::Board) is filed under all of it: a rotation
/// that is pointed at another schedule must not go on with the people of the old one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Who is asked.
    pub provider: Provider,
    /// What the provider calls the schedule.
    pub schedule: String,
    /// Where the provider is; [`is_api`] holds, and there is no slash at its end.
    pub api: String,
    /// Where the token lies.
    pub token: SecretRef,
}

/// A rotation whose people a provider names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provided {
    /// Where the shift comes from.
    pub source: Source,
    /// Who is asked while the provider does not answer, or names nobody whom the file knows. Never a rotation.
    pub fallback: Who,
}

/// Whether a text is the address of an API that a token may be sent to: `https`, or `http` on this machine.
///
/// Only plain characters pass, so that no other reader of addresses could see another host in it.
pub fn is_api(text: &str) -> bool {
    let (encrypted, rest) = match text.split_once("://") {
        Some(("https", rest)) => (true, rest),
        Some(("http", rest)) => (false, rest),
        _ => return false,
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~');
    if !path.chars().all(plain) || path.split('/').any(|part| matches!(part, "." | "..")) {
        return false;
    }
    let bracketed = authority.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, port) = match bracketed {
        Some((inner, after)) if inner.parse::<Ipv6Addr>().is_ok() => (inner, after),
        Some(_) => return false,
        None => match authority.find(':').and_then(|at| authority.split_at_checked(at)) {
            Some(parts) => parts,
            None => (authority, ""),
        },
    };
    let port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    let named = bracketed.is_some() || host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    port && named && !host.is_empty() && (encrypted || here)
}

fn is_port(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_over_tls_or_not_off_this_machine() {
        for good in [
            "https://api.pagerduty.com",
            "https://api.eu.opsgenie.com/",
            "https://proxy.example.com:8443/opsgenie",
            "https://[2001:db8::1]:443",
            "http://127.0.0.1:8080",
            "http://localhost:1",
            "http://[::1]:65535/x",
        ] {
            assert!(is_api(good), "{good}");
        }
        for bad in [
            "",
            "api.pagerduty.com",
            "ftp://api.pagerduty.com",
            "HTTPS://api.pagerduty.com",
            "https://",
            "https://:443",
            "https:///oncalls",
            "https://user@api.pagerduty.com",
            "https://api.pagerduty.com:0",
            "https://api.pagerduty.com:",
            "https://api.pagerduty.com:+443",
            "https://api.pagerduty.com:65536",
            "https://api.pagerduty.com?x=1",
            "https://api.pagerduty.com/#x",
            "https://api.pagerduty.com/../x",
            "https://api.pagerduty.com\\@evil.example",
            "https://[::1",
            "https://[api]",
            "https://[::1]x",
            "http://api.pagerduty.com",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "http://127.1",
            "http://10.0.0.1",
        ] {
            assert!(!is_api(bad), "{bad}");
        }
    }

    #[test]
    fn a_schedule_is_called_as_its_provider_calls_it() {
        let (pagerduty, opsgenie) = (Provider::PagerDuty, Provider::Opsgenie);
        assert!(pagerduty.is_schedule("PABC123") && opsgenie.is_schedule("Orders / first line"));
        for bad in ["", "null", "PABC-123", "P ABC", "PABC123&x=1", "P".repeat(33).as_str()] {
            assert!(!pagerduty.is_schedule(bad), "{bad}");
        }
        for bad in ["", ".", "..", " orders", "or\nders", "o".repeat(101).as_str()] {
            assert!(!opsgenie.is_schedule(bad), "{bad}");
        }
    }

    #[test]
    fn a_provider_reads_back_its_name() {
        for provider in Provider::ALL {
            assert_eq!(provider.as_str().parse(), Ok(provider));
            assert!(is_api(provider.api()));
        }
        assert!("PagerDuty".parse::<Provider>().is_err());
    }
}
