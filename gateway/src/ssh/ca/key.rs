//! Public keys: which ones may stand for somebody, and what they are called.

use russh::keys::ssh_key::public::KeyData;
use russh::keys::{HashAlg, PublicKey};

/// The sizes of an RSA modulus, in bits: what is safe, and what the library can check.
const RSA: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Why a public key may stand for nobody. The words are for whoever brought the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    /// It can be broken.
    #[error("DSA keys are not safe; make one with `ssh-keygen -t ed25519`")]
    Dsa,
    /// It can be broken, or can't be checked.
    #[error("an RSA key of {0} bits is not accepted; make one with `ssh-keygen -t ed25519`")]
    Rsa(usize),
    /// What is in a certificate counts only when it comes as one, with its authority checked.
    #[error("that is a certificate, not a key")]
    Certificate,
    /// Its signatures can't be checked.
    #[error("keys of this kind are not known; make one with `ssh-keygen -t ed25519`")]
    Unknown,
}

/// Whether a key may be bound to somebody, or be certified.
pub(crate) fn acceptable(key: &PublicKey) -> Result<(), Unfit> {
    fit(key.key_data())
}

/// The key's name: `SHA256:` and 43 characters of base64, as `ssh-keygen -l` shows it.
pub(crate) fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// As `acceptable`, for a key that stands in a certificate.
pub(super) fn fit(key: &KeyData) -> Result<(), Unfit> {
    match key {
        KeyData::Ed25519(_) | KeyData::Ecdsa(_) | KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_) => Ok(()),
        KeyData::Rsa(rsa) => match bits(rsa.n().as_bytes()) {
            size if RSA.contains(&size) => Ok(()),
            size => Err(Unfit::Rsa(size)),
        },
        KeyData::Dsa(_) => Err(Unfit::Dsa),
        KeyData::Certificate(_) => Err(Unfit::Certificate),
        KeyData::Other(_) | _ => Err(Unfit::Unknown),
    }
}

/// How many bits a number has. The library's own answer is in whole bytes, and takes 2,041 for 2,048.
fn bits(number: &[u8]) -> usize {
    let mut rest = number.iter().copied().skip_while(|byte| *byte == 0);
    let first = rest.next().map_or(0, |byte| (1..=8).rev().find(|bit| byte >> (bit - 1) != 0).unwrap_or(0));
    first + 8 * rest.count()
}
