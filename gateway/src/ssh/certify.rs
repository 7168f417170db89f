//! The authorities, for the rest of the house: what signs certificates for people, and what shows clients the gateway.

use std::path::Path;
use std::sync::Arc;

use russh::keys::Algorithm;
use russh::keys::ssh_key::SshSig;
use russh::keys::{PrivateKey, PublicKey};

use super::ca::{Authorities, ForPerson, KeepError, acceptable, fingerprint, keep};

/// The one name that clients know the gateway by, whatever its address is (`HostKeyAlias`).
pub const HOST: &str = "countersign";

/// Signs certificates for people. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Certifier(pub(super) Arc<Authorities>);

/// A certificate that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The public key that it is for, as `ssh-keygen` writes it.
    pub key: &'a str,
    /// The identity's id.
    pub identity: &'a str,
    /// Its name, for logs.
    pub person: &'a str,
    /// The id of the token that it is made of.
    pub token: &'a str,
    /// The one target that it opens.
    pub target: &'a str,
    /// From when, in Unix seconds.
    pub from: u64,
    /// To when, in Unix seconds; at most a day later.
    pub until: u64,
}

impl Certifier {
    /// Reads the authorities' keys in `folder`, or makes them.
    pub fn open(folder: &Path) -> Result<Self, KeepError> {
        Authorities::open(folder).map(|all| Self(Arc::new(all)))
    }

    /// The fingerprint of a public key, or why it can't be certified.
    pub fn fingerprint(&self, key: &str) -> Result<String, String> {
        public(key).map(|key| fingerprint(&key))
    }

    /// The fingerprint of a public key whose private half signed `words`, as `ssh-keygen -Y sign` does, or why it was not so.
    /// Format: <https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig>.
    pub fn proved(&self, key: &str, words: &str, signature: &str) -> Result<String, String> {
        let key = public(key)?;
        let no = || "the signature is not one of that key over these words".to_owned();
        let signature: SshSig = signature.parse().map_err(|_| no())?;
        if matches!(signature.signature().algorithm(), Algorithm::Rsa { hash: None }) {
            return Err(no());
        }
        key.verify(HOST, words.as_bytes(), &signature).map_err(|_| no())?;
        Ok(fingerprint(&key))
    }

    /// The certificate, as OpenSSH reads it from a file that ends in `-cert.pub`.
    pub fn sign(&self, wanted: &Wanted<'_>) -> Result<String, String> {
        let subject = public(wanted.key)?;
        let certificate = self.0.user.issue(&ForPerson {
            subject: &subject,
            identity: wanted.identity,
            person: wanted.person,
            issue: wanted.token,
            target: Some(wanted.target),
            valid: wanted.from..wanted.until,
            // Which one it is: told by the token that it names, and by its moment.
            serial: wanted.from,
            permits: &[super::ca::Permit::Pty],
        });
        certificate.map_err(|error| error.to_string())?.to_openssh().map_err(|error| error.to_string())
    }

    /// The line for clients' `known_hosts`, for the name [`HOST`].
    pub fn known_hosts(&self) -> Result<String, String> {
        self.0.host.known_hosts_line(&[HOST], 22).map_err(|error| error.to_string())
    }

    /// The line for what `TrustedUserCAKeys` names at targets that take certificates.
    pub fn target_line(&self) -> Result<String, String> {
        self.0.target.line().map_err(|error| error.to_string())
    }
}

/// The gateway's host key, made on the first start.
pub(crate) fn host_key(folder: &Path) -> Result<PrivateKey, KeepError> {
    keep(folder, "ssh_host_ed25519_key", "countersign")
}

fn public(text: &str) -> Result<PublicKey, String> {
    let key: PublicKey = text.trim().parse().map_err(|_| "that is no public key in OpenSSH's format".to_owned())?;
    acceptable(&key).map_err(|error| error.to_string())?;
    Ok(key)
}
