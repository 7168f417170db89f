//! Three certificate authorities (OpenSSH's PROTOCOL.certkeys): one says who signs in here, one that this is the
//! gateway, one who signs in at a target. Each has a key and a type of its own, so that none can stand in for another.

mod check;
mod draft;
mod host;
mod keep;
mod key;
mod source;
mod target;
#[cfg(test)]
mod tests;
mod user;
mod visible;

use std::path::Path;

use russh::keys::PrivateKey;

pub(crate) use draft::Permit;
pub(crate) use host::{HostCa, check_host};
pub use keep::KeepError;
pub(crate) use keep::keep;
pub(crate) use key::{acceptable, fingerprint};
pub(crate) use target::{ForSession, TargetCa};
pub(crate) use user::{ForPerson, UserCa, Visit};

/// All three.
#[derive(Debug)]
pub(crate) struct Authorities {
    /// Signs what people sign in with at the gateway.
    pub(crate) user: UserCa,
    /// Signs the gateway's own host key.
    pub(crate) host: HostCa,
    /// Signs what a session signs in with at its target.
    pub(crate) target: TargetCa,
}

impl Authorities {
    /// Reads the three keys in `folder`, or makes there what is missing. Refuses two that are the same: a certificate
    /// for a target would then open the gateway.
    pub(crate) fn open(folder: &Path) -> Result<Self, KeepError> {
        let [user, host, target] = ["user", "host", "target"].map(|what| {
            let key = keep(folder, &format!("ssh_{what}_ca_ed25519_key"), &format!("countersign {what} CA"))?;
            Ok::<PrivateKey, KeepError>(key)
        });
        let (user, host, target) = (user?, host?, target?);
        let same =
            |one: &PrivateKey, other: &PrivateKey| one.public_key().key_data() == other.public_key().key_data();
        if same(&user, &host) || same(&host, &target) || same(&target, &user) {
            return Err(KeepError::Same(folder.to_owned()));
        }
        Ok(Self { user: UserCa { key: user }, host: HostCa { key: host }, target: TargetCa { key: target } })
    }
}
