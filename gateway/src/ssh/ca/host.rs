//! What shows clients that this is the gateway, and what shows the gateway that a target is itself.

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Certificate, PrivateKey, PublicKey};

use super::check::{Refused, is, shown, signed};
use super::draft::{IssueError, begin, name};
use super::key::fit;
use super::visible::field;

/// Seconds that a certificate of the gateway lasts. It is made anew on every start and daily.
const LIFETIME: u64 = 7 * 24 * 60 * 60;
/// Seconds by which a client's clock may be behind: a laptop's more than a server's, and it harms nobody.
const SKEW: u64 = 60 * 60;

/// Says to clients which host is the gateway.
#[derive(Debug)]
pub(crate) struct HostCa {
    pub(super) key: PrivateKey,
}

impl HostCa {
    /// Signs the gateway's host key, for the names and addresses that clients reach it by, without ports. Valid for 7
    /// days from `now`, in Unix seconds, and an hour before.
    pub(crate) fn issue(&self, key: &PublicKey, names: &[&str], now: u64) -> Result<Certificate, IssueError> {
        let names = hosts(names)?;
        let valid = now.saturating_sub(SKEW)..now.saturating_add(LIFETIME);
        let mut draft = begin(CertType::Host, key, &valid)?;
        draft.key_id(format!("countersign:gateway:{}", field(names.first().map_or("", String::as_str), 128)))?;
        for host in &names {
            name(&mut draft, host)?;
        }
        Ok(draft.sign(&self.key)?)
    }

    /// The line for clients' `known_hosts`: whoever this authority vouches for is the gateway, at these names and this
    /// port.
    pub(crate) fn known_hosts_line(&self, names: &[&str], port: u16) -> Result<String, IssueError> {
        let at = |name: String| if port == 22 { name } else { format!("[{name}]:{port}") };
        let names: Vec<String> = hosts(names)?.into_iter().map(at).collect();
        Ok(format!("@cert-authority {} {}", names.join(","), self.key.public_key().to_openssh()?))
    }
}

/// Whether a target's certificate shows that it is one of `names`: signed by one of the authorities `pinned` for it, at
/// `now` in Unix seconds. Names are compared whole; `*` in a certificate is no name.
pub(crate) fn check_host(
    certificate: &Certificate,
    pinned: &[PublicKey],
    names: &[&str],
    now: u64,
) -> Result<(), Refused> {
    signed(certificate, pinned, now)?;
    is(certificate, CertType::Host)?;
    fit(certificate.public_key())?;
    let theirs = certificate.valid_principals();
    let Some(first) = theirs.first() else { return Err(Refused::Nobody) };
    if !theirs.iter().any(|one| names.iter().any(|name| !name.is_empty() && one.eq_ignore_ascii_case(name))) {
        return Err(Refused::Foreign(shown(first)));
    }
    // There is none for hosts.
    certificate.critical_options().keys().next().map_or(Ok(()), |option| Err(Refused::Option(shown(option))))
}

/// Names and addresses as clients look them up, of which there must be some. Nothing that is a pattern or ends a field
/// of `known_hosts`.
fn hosts(names: &[&str]) -> Result<Vec<String>, IssueError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    if names.is_empty() {
        return Err(IssueError::Principal(String::new()));
    }
    let host = |name: &&str| {
        let whole = !name.is_empty() && name.bytes().all(fits);
        if whole { Ok(name.to_ascii_lowercase()) } else { Err(IssueError::Principal(shown(name))) }
    };
    names.iter().map(host).collect()
}
