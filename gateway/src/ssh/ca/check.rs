//! What is asked of every certificate that somebody shows us.

use std::net::IpAddr;

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey};

use super::key::{Unfit, fit};
use super::visible::word;

/// Why a certificate does not count. For the log: whoever showed it is told nothing but no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// Whoever holds a certificate could make more of them.
    #[error("the certificate is signed by a certificate")]
    SignedByCertificate,
    /// Not by ours, or not by the one in the file.
    #[error("the certificate is signed by another authority, {0}")]
    Authority(String),
    /// SHA-1 can be forged.
    #[error("the certificate is signed with SHA-1")]
    Sha1,
    /// It was changed, or its authority never signed it.
    #[error("the certificate's signature is wrong")]
    Signature,
    /// In Unix seconds.
    #[error("the certificate is not valid before {0}")]
    Early(u64),
    /// In Unix seconds.
    #[error("the certificate was valid until {0}")]
    Late(u64),
    /// A host's in the place of a person's, or the other way round.
    #[error("the certificate is of the wrong type")]
    Type,
    /// The key that it is for, or that it is signed with.
    #[error(transparent)]
    Key(#[from] Unfit),
    /// OpenSSH took that for everybody until 10.3.
    #[error("the certificate names nobody")]
    Nobody,
    /// Ours name one.
    #[error("the certificate names {0} principals")]
    Several(usize),
    /// It is for somebody else.
    #[error("the certificate names `{0}`, which is none of ours")]
    Foreign(String),
    /// A limit that we could not keep.
    #[error("the certificate has the critical option `{0}`, which is not known here")]
    Option(String),
    /// A limit that can't be read.
    #[error("the certificate's source-address can't be read")]
    Source,
    /// It was shown from an address that it is not for.
    #[error("the certificate is not for {0}")]
    Elsewhere(IpAddr),
    /// It is for another target.
    #[error("the certificate is for the target `{0}`")]
    Target(String),
    /// In seconds.
    #[error("the certificate is valid for {0} seconds, which is too long")]
    Lifetime(u64),
}

/// Whether one of `authorities` signed it, and it is valid at `now`, in Unix seconds.
pub(super) fn signed(certificate: &Certificate, authorities: &[PublicKey], now: u64) -> Result<(), Refused> {
    let signer = certificate.signature_key();
    // The library has no way to verify such a one. Asked first all the same, so that it stays refused if it learns to.
    if signer.is_certificate() {
        return Err(Refused::SignedByCertificate);
    }
    let print = signer.fingerprint(HashAlg::Sha256);
    if !authorities.iter().any(|authority| authority.key_data() == signer) {
        return Err(Refused::Authority(print.to_string()));
    }
    fit(signer)?;
    if certificate.signature().algorithm() == (Algorithm::Rsa { hash: None }) {
        return Err(Refused::Sha1);
    }
    if certificate.validate_at(now, [&print]).is_ok() {
        return Ok(());
    }
    // That was the verdict; what follows finds the words, and believes no date whose signature is wrong.
    let (from, until) = (certificate.valid_after(), certificate.valid_before());
    match certificate.verify_signature() {
        Ok(()) if now < from => Err(Refused::Early(from)),
        Ok(()) if now >= until => Err(Refused::Late(until)),
        Ok(()) | Err(_) => Err(Refused::Signature),
    }
}

/// Whether it is for a person or for a host, as it should be.
pub(super) fn is(certificate: &Certificate, wanted: CertType) -> Result<(), Refused> {
    if certificate.cert_type() == wanted { Ok(()) } else { Err(Refused::Type) }
}

/// Its one principal.
pub(super) fn named(certificate: &Certificate) -> Result<&str, Refused> {
    match certificate.valid_principals() {
        [] => Err(Refused::Nobody),
        [one] => Ok(one),
        several => Err(Refused::Several(several.len())),
    }
}

/// Somebody else's words in a refusal.
pub(super) fn shown(text: &str) -> String {
    word(text, 64)
}
