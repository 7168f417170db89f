//! What all certificates have in common until they are signed.

use std::ops::Range;

use russh::keys::PublicKey;
use russh::keys::key::safe_rng;
use russh::keys::ssh_key;
use russh::keys::ssh_key::certificate::{Builder, CertType};

use super::key::{Unfit, acceptable};

/// Seconds by which the clock of a target or a client may be behind ours.
pub(super) const SKEW: u64 = 30;
/// Bytes of a principal: a host's name may have 253.
const PRINCIPAL: usize = 255;

/// What a certificate may permit beyond a command without a terminal. Extensions: who does not know one ignores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permit {
    /// A terminal.
    Pty,
    /// TCP and socket forwarding, both ways.
    Ports,
    /// The client's agent.
    Agent,
}

impl Permit {
    /// Every permission.
    pub(crate) const ALL: [Self; 3] = [Self::Pty, Self::Ports, Self::Agent];

    /// OpenSSH's name for it.
    pub(super) const fn extension(self) -> &'static str {
        match self {
            Self::Pty => "permit-pty",
            Self::Ports => "permit-port-forwarding",
            Self::Agent => "permit-agent-forwarding",
        }
    }
}

/// Why a certificate was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    /// The key that it would be for.
    #[error(transparent)]
    Key(#[from] Unfit),
    /// It would be valid at no moment, or for longer than its kind may be. In Unix seconds.
    #[error("a certificate can't be valid from {from} until {until}")]
    Window {
        /// Its first second.
        from: u64,
        /// The second after its last.
        until: u64,
    },
    /// It would be for nobody, or for more than one.
    #[error("`{0}` can't be who or what a certificate is for")]
    Principal(String),
    /// Signing failed.
    #[error("the certificate can't be made")]
    Library(#[from] ssh_key::Error),
}

/// Begins one for `subject`. `valid` is in Unix seconds, without its end.
pub(super) fn begin(kind: CertType, subject: &PublicKey, valid: &Range<u64>) -> Result<Builder, IssueError> {
    acceptable(subject)?;
    if valid.is_empty() {
        return Err(IssueError::Window { from: valid.start, until: valid.end });
    }
    let mut draft = Builder::new_with_random_nonce(&mut safe_rng(), subject, valid.start, valid.end)?;
    draft.cert_type(kind)?;
    Ok(draft)
}

/// Adds a terminal, and what was asked for.
pub(super) fn permit(draft: &mut Builder, more: &[Permit]) -> Result<(), IssueError> {
    for permit in Permit::ALL {
        if permit == Permit::Pty || more.contains(&permit) {
            draft.extension(permit.extension(), "")?;
        }
    }
    Ok(())
}

/// Adds whom it is for, if that is one word: OpenSSH's tools and files have commas and spaces between principals.
pub(super) fn name(draft: &mut Builder, principal: &str) -> Result<(), IssueError> {
    let whole = !principal.is_empty() && principal.len() <= PRINCIPAL;
    if !whole || !principal.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',') {
        return Err(IssueError::Principal(super::visible::word(principal, PRINCIPAL)));
    }
    draft.valid_principal(principal)?;
    Ok(())
}
