//! SSH 2 as a dialect (RFC 4251 to 4254): each session channel of a client is a session of its own, with its own judge,
//! its own recording and its own connection to the target.

mod agents;
mod ca;
mod certify;
mod channel;
mod cut;
mod door;
mod files;
mod guarded;
mod judge;
mod keys;
mod paint;
mod pipe;
mod programs;
mod screen;
mod serve;
mod sftp;
mod shapes;
mod signin;
mod spare;
mod start;
mod talk;
mod upstream;
mod veil;
mod watched;

use std::borrow::Cow;

use russh::{Preferred, cipher, kex};

pub use ca::KeepError;
pub(crate) use certify::host_key;
pub use certify::{Certifier, HOST, Wanted};
pub use judge::command as read;
pub use keys::guard_key;
pub use paint::paint;
pub(crate) use serve::{Doorplate, Shared, serve};

/// The algorithms for one side, the fastest first. Strict key exchange closes a prefix truncation (CVE-2023-48795), and
/// is only offered when it is named.
fn preferred(as_client: bool) -> Preferred {
    const CIPHERS: &[cipher::Name] =
        &[cipher::AES_128_GCM, cipher::AES_256_GCM, cipher::CHACHA20_POLY1305, cipher::AES_256_CTR];
    let extensions: &[kex::Name] = if as_client {
        &[kex::EXTENSION_SUPPORT_AS_CLIENT, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT]
    } else {
        &[kex::EXTENSION_SUPPORT_AS_SERVER, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER]
    };
    let exchanges = [kex::CURVE25519, kex::CURVE25519_PRE_RFC_8731, kex::DH_G16_SHA512];
    Preferred {
        kex: Cow::Owned(exchanges.iter().chain(extensions).copied().collect()),
        cipher: Cow::Borrowed(CIPHERS),
        compression: Cow::Borrowed(&[russh::compression::NONE]),
        ..Preferred::DEFAULT
    }
}
