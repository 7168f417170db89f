//! Certificates that people sign in with over SSH.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::target::TargetName;

use super::Moment;

/// Asks for a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateBody {
    /// The one target that it opens.
    #[schema(value_type = String, example = "web-1")]
    pub target: TargetName,
    /// The public key that it is for, as `ssh-keygen` writes it. The private one never leaves its owner.
    #[schema(example = "ssh-ed25519 AAAA… ada@laptop")]
    pub public_key: String,
}

/// A certificate, and what shows that the other side is the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// As OpenSSH reads it from a file that ends in `-cert.pub`.
    pub certificate: String,
    /// The authority behind the gateway's host key, as a line of `known_hosts` for the name `countersign`.
    pub known_hosts: String,
    /// Until when it opens anything.
    pub until: Moment,
}
