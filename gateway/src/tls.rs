//! TLS for both legs, from files, with errors that say which file and what to do.
//!
//! The provider (ring) is passed by hand each time, so that nothing depends on which crate installed a default first.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, ClientConfig, RootCertStore, ServerConfig};

/// The name of PostgreSQL's protocol in TLS (ALPN). Direct TLS without it is refused, as the server does since 17.
pub const ALPN: &[u8] = b"postgresql";

/// Why TLS could not be set up from its files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file can't be read.
    #[error("`{path}` could not be read: {}", source.kind())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No certificate in it, or a broken one.
    #[error("`{0}` holds no certificate; it should have a block `-----BEGIN CERTIFICATE-----`")]
    NoCertificate(PathBuf),
    /// No private key in it, or a broken one.
    #[error("`{0}` holds no private key; it should have a block `-----BEGIN PRIVATE KEY-----`")]
    NoKey(PathBuf),
    /// Both are read, and do not go together.
    #[error("the key in `{key}` can't be used with the certificate in `{certificate}`")]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What the library says.
        #[source]
        source: rustls::Error,
    },
    /// An authority that can't be one.
    #[error("a certificate in `{0}` can't be used as an authority")]
    Authority(PathBuf),
    /// The system trusts nobody.
    #[error("this system has no trusted authorities; install `ca-certificates`, or name a file as the target's `ca`")]
    NoRoots,
    /// The library refuses its own defaults.
    #[error("TLS can't be used")]
    Library(#[source] rustls::Error),
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    found.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| TlsError::NoCertificate(path.to_owned()))
}

/// The server's side, from PEM files: the certificate first, then those that signed it. Reads both files.
pub fn server_config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(certificate)?;
    let secret = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| TlsError::NoKey(key.to_owned()))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Library)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|source| TlsError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned(), source })?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // No client of this protocol resumes sessions, so that tickets would be bytes and CPU for nothing.
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The client's side. It trusts the authorities in `ca`, or the system's; never both. Blocking: it reads files, the
/// system's hundreds of them.
pub fn client_config(ca: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca {
        for authority in certificates(path)? {
            roots.add(authority).map_err(|_| TlsError::Authority(path.to_owned()))?;
        }
    } else {
        // A broken file among the system's is passed over, as every other client does; none at all is an error.
        let (added, _unusable) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if added == 0 {
            return Err(TlsError::NoRoots);
        }
    }
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Library)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// What is wrong with the other end's certificate, in words; `None` if the error is about something else.
pub fn certificate_fault(error: &io::Error) -> Option<&'static str> {
    let inner = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let rustls::Error::InvalidCertificate(fault) = inner else { return None };
    Some(words(fault))
}

fn words(fault: &CertificateError) -> &'static str {
    use CertificateError as E;
    if matches!(fault, E::Expired | E::ExpiredContext { .. }) {
        "it has expired"
    } else if matches!(fault, E::NotValidYet | E::NotValidYetContext { .. }) {
        "it is not valid yet"
    } else if matches!(fault, E::NotValidForName | E::NotValidForNameContext { .. }) {
        "it was made for another host name"
    } else if matches!(fault, E::UnknownIssuer | E::BadSignature) {
        "it was not signed by an authority that the gateway trusts"
    } else if matches!(fault, E::Revoked) {
        "it was revoked"
    } else {
        "it can't be verified"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::testing::Authority;

    #[test]
    fn each_mistake_in_the_files_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let ca = Authority::new();
        let (chain, secret) = ca.issue(&["localhost"]);
        let (_, other) = ca.issue(&["localhost"]);
        let (cert, key, other) = (put("a.pem", &chain), put("a.key", &secret), put("b.key", &other));
        assert!(server_config(&cert, &key).is_ok());
        let told = |cert: &Path, key: &Path| server_config(cert, key).unwrap_err().to_string();
        assert!(told(&cert, &other).contains("b.key` can't be used with the certificate"), "{}", told(&cert, &other));
        assert!(told(&key, &key).contains("a.key` holds no certificate"));
        assert!(told(&cert, &cert).contains("a.pem` holds no private key"));
        assert!(told(Path::new("/nowhere"), &key).contains("`/nowhere` could not be read"));
        assert!(client_config(Some(&cert)).is_ok());
        assert!(client_config(Some(&key)).is_err());
    }
}
