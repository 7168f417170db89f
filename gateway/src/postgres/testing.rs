//! Real servers and certificates for tests.

use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use sandbox::{Certificate, Setup};

/// Who signs in how; a line each of `pg_hba.conf`.
const RULES: &str = "local all all trust
host all md5er all md5
host all plain all password
host all truster all trust
host all all all scram-sha-256
";
const ROLES: &str = "SET password_encryption = 'scram-sha-256';
CREATE ROLE cs_read LOGIN PASSWORD 'read-word';
CREATE ROLE cs_write LOGIN PASSWORD 'write-word' CONNECTION LIMIT 50;
CREATE ROLE plain LOGIN PASSWORD 'plain-word';
CREATE ROLE truster LOGIN;
CREATE ROLE full_up LOGIN PASSWORD 'full-word' CONNECTION LIMIT 0;
SET password_encryption = 'md5';
CREATE ROLE md5er LOGIN PASSWORD 'md5-word';
";

/// An authority of its own.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new one.
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "An authority of the tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate, as PEM.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for these names, and its key, as PEM.
    pub(crate) fn issue(&self, names: &[&str]) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        // The default name is the same as the authority's, which OpenSSL takes for a certificate that signed itself.
        let mut params = CertificateParams::new(names.clone()).unwrap();
        params.distinguished_name.push(DnType::CommonName, names.join(" "));
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// A PostgreSQL server with the roles above and the database `postgres`, on a port of its own; gone when dropped.
pub(crate) struct Postgres {
    server: sandbox::Postgres,
    pub(crate) port: u16,
}

impl Postgres {
    /// Starts one; `tls` is its certificate and key, as PEM.
    pub(crate) fn start(tls: Option<(String, String)>) -> Self {
        let tls = tls.map(|(certificate, key)| Certificate { certificate, key });
        let setup = Setup { sign_in: Some(RULES.to_owned()), tls, ..Setup::default() };
        let server = sandbox::Postgres::start_with(&setup).unwrap();
        server.sql("postgres", ROLES).unwrap();
        Self { port: server.port(), server }
    }

    /// Runs statements as the superuser, over the socket; what psql prints without decoration.
    pub(crate) fn sql(&self, statements: &str) -> String {
        self.server.sql("postgres", statements).unwrap()
    }

    /// Waits until a query answers `t`.
    pub(crate) fn until(&self, query: &str) {
        for _ in 0..200 {
            if self.sql(query) == "t" {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("never true: {query}");
    }
}
