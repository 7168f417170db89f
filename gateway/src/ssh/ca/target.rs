//! What a session signs in with at its target: a key that lives in memory, and a certificate that names the session.

use std::net::IpAddr;

use russh::keys::key::safe_rng;
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Algorithm, Certificate, PrivateKey};

use super::draft::{IssueError, Permit, SKEW, begin, name, permit};
use super::source;
use super::visible::field;

/// Seconds in which a session must have signed in. How long it lasts is the gateway's to enforce: a target's sshd looks
/// at the certificate once.
const LIFETIME: u64 = 5 * 60;

/// A certificate that is to be made.
#[derive(Clone, Debug)]
pub(crate) struct ForSession<'a> {
    /// The login at the target, or another principal that its sshd maps to one.
    pub(crate) principal: &'a str,
    /// Who it is for, for the target's log.
    pub(crate) person: &'a str,
    /// The id of the session, for the target's log.
    pub(crate) session: &'a str,
    /// By the store's clock, in Unix seconds.
    pub(crate) now: u64,
    /// When the grant ends, in Unix seconds.
    pub(crate) until: u64,
    /// The gateway's addresses as the target sees them. None: from wherever.
    pub(crate) from: &'a [IpAddr],
    /// Beyond a terminal.
    pub(crate) permits: &'a [Permit],
}

/// Says to targets who a session is for.
#[derive(Debug)]
pub(crate) struct TargetCa {
    pub(super) key: PrivateKey,
}

impl TargetCa {
    /// Makes a key and signs a certificate for it, with the key id `countersign:<person>:<session>`.
    pub(crate) fn issue(&self, wanted: &ForSession<'_>) -> Result<(PrivateKey, Certificate), IssueError> {
        let until = wanted.until.min(wanted.now.saturating_add(LIFETIME));
        if until <= wanted.now {
            return Err(IssueError::Window { from: wanted.now, until });
        }
        let key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519)?;
        let valid = wanted.now.saturating_sub(SKEW)..until;
        let mut draft = begin(CertType::User, key.public_key(), &valid)?;
        name(&mut draft, wanted.principal)?;
        draft.key_id(format!("countersign:{}:{}", field(wanted.person, 128), field(wanted.session, 64)))?;
        if !wanted.from.is_empty() {
            draft.critical_option("source-address", source::list(wanted.from))?;
        }
        permit(&mut draft, wanted.permits)?;
        let certificate = draft.sign(&self.key)?;
        Ok((key, certificate))
    }

    /// The line for the file that a target's `TrustedUserCAKeys` names.
    pub(crate) fn line(&self) -> Result<String, IssueError> {
        Ok(self.key.public_key().to_openssh()?)
    }
}
