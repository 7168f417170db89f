//! What people sign in with at the gateway, in the place of a token.

use std::net::IpAddr;
use std::ops::Range;
use std::slice;

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Certificate, PrivateKey, PublicKey};

use super::check::{Refused, is, named, shown, signed};
use super::draft::{IssueError, Permit, begin, name, permit};
use super::key::fit;
use super::source;
use super::visible::{field, word};

/// Seconds from the first to the last of a certificate's validity.
const LIFETIME: u64 = 24 * 60 * 60;
/// A critical option of ours: the one target that a certificate is for. Another sshd does not know it, and so lets
/// nobody in with it.
const TARGET: &str = "target@countersign";

/// A certificate that is to be made.
#[derive(Clone, Debug)]
pub(crate) struct ForPerson<'a> {
    /// The key that the person holds.
    pub(crate) subject: &'a PublicKey,
    /// The id of the identity, `idn_…`: the certificate's one principal.
    pub(crate) identity: &'a str,
    /// Their name, for logs.
    pub(crate) person: &'a str,
    /// The token or the issue that it came from, for logs.
    pub(crate) issue: &'a str,
    /// The one target that it opens; none for all that the person may use.
    pub(crate) target: Option<&'a str>,
    /// Unix seconds, at most 24 hours of them. The end is not in it.
    pub(crate) valid: Range<u64>,
    /// Names it in the store, where it can be revoked.
    pub(crate) serial: u64,
    /// Beyond a terminal.
    pub(crate) permits: &'a [Permit],
}

/// When, from where and to what somebody comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit<'a> {
    /// By the store's clock, in Unix seconds.
    pub(crate) now: u64,
    /// The other end of the connection.
    pub(crate) peer: IpAddr,
    /// The target that they named.
    pub(crate) target: &'a str,
}

/// Somebody whose certificate counts, for the visit that it was shown on. Not yet: that its serial is not revoked, and
/// that the identity exists, is active, and is the one that the user name speaks of.
#[derive(Debug)]
#[must_use]
pub(crate) struct Proved {
    identity: String,
    serial: u64,
    key_id: String,
    permits: Vec<Permit>,
}

impl Proved {
    /// The id of the identity, `idn_…`.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// Which certificate it was.
    pub(crate) const fn serial(&self) -> u64 {
        self.serial
    }

    /// What it says of where it came from, for logs.
    pub(crate) fn key_id(&self) -> &str {
        &self.key_id
    }

    /// What it permits.
    pub(crate) fn permits(&self) -> &[Permit] {
        &self.permits
    }
}

/// Says who somebody is, to the gateway alone.
#[derive(Debug)]
pub(crate) struct UserCa {
    pub(super) key: PrivateKey,
}

impl UserCa {
    /// Signs one.
    pub(crate) fn issue(&self, wanted: &ForPerson<'_>) -> Result<Certificate, IssueError> {
        let Range { start: from, end: until } = wanted.valid;
        if until.saturating_sub(from) > LIFETIME {
            return Err(IssueError::Window { from, until });
        }
        if !is_identity(wanted.identity) {
            return Err(IssueError::Principal(shown(wanted.identity)));
        }
        let mut draft = begin(CertType::User, wanted.subject, &wanted.valid)?;
        name(&mut draft, wanted.identity)?;
        draft.serial(wanted.serial)?;
        draft.key_id(format!("countersign:{}:{}", field(wanted.person, 128), field(wanted.issue, 64)))?;
        if let Some(target) = wanted.target {
            if target.is_empty() {
                return Err(IssueError::Principal(String::new()));
            }
            draft.critical_option(TARGET, target)?;
        }
        permit(&mut draft, wanted.permits)?;
        Ok(draft.sign(&self.key)?)
    }

    /// Whose certificate it is. The library has checked that they hold its key, and that it is signed by the authority
    /// that it names itself; all the rest is asked here.
    pub(crate) fn check(&self, certificate: &Certificate, visit: Visit<'_>) -> Result<Proved, Refused> {
        signed(certificate, slice::from_ref(self.key.public_key()), visit.now)?;
        is(certificate, CertType::User)?;
        fit(certificate.public_key())?;
        let identity = named(certificate)?;
        if !is_identity(identity) {
            return Err(Refused::Foreign(shown(identity)));
        }
        for (option, value) in certificate.critical_options().iter() {
            limit(option, value, visit)?;
        }
        let lifetime = certificate.valid_before().saturating_sub(certificate.valid_after());
        if lifetime > LIFETIME {
            return Err(Refused::Lifetime(lifetime));
        }
        let has = |permit: &Permit| certificate.extensions().contains_key(permit.extension());
        Ok(Proved {
            identity: identity.to_owned(),
            serial: certificate.serial(),
            key_id: word(certificate.key_id(), 256),
            permits: Permit::ALL.into_iter().filter(has).collect(),
        })
    }
}

/// Keeps one critical option. Unknown ones are limits as well, so that they can't be ignored.
fn limit(option: &str, value: &str, visit: Visit<'_>) -> Result<(), Refused> {
    match option {
        "source-address" => match source::contains(value, visit.peer) {
            Some(true) => Ok(()),
            Some(false) => Err(Refused::Elsewhere(visit.peer)),
            None => Err(Refused::Source),
        },
        TARGET if value == visit.target => Ok(()),
        TARGET => Err(Refused::Target(shown(value))),
        unknown => Err(Refused::Option(shown(unknown))),
    }
}

/// An id as the store writes them: `idn_` and 26 digits of base 32. No login and no host is called like that.
fn is_identity(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    text.strip_prefix("idn_").is_some_and(|digits| digits.len() == 26 && digits.bytes().all(digit))
}
