//! Public keys that people sign in with over SSH.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::clock::Span;
use workflows::engine::KeyView;
use workflows::id::{IdentityId, KeyId};

use super::Moment;

/// Binds a public key to the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BindBody {
    /// The public key, as `ssh-keygen` writes it.
    #[schema(example = "ssh-ed25519 AAAA… ada@laptop")]
    pub public_key: String,
    /// What `ssh-keygen -Y sign -n countersign` made of `countersign: this key signs in idn_…` and a line feed, with the caller's
    /// identity: it proves that they hold the private half.
    #[schema(example = "-----BEGIN SSH SIGNATURE----- …")]
    pub signature: String,
    /// For how long, from now; at most 366 days.
    #[serde(rename = "for")]
    #[schema(value_type = String, example = "90d")]
    pub span: Span,
    /// What the caller calls it, at most 100 characters.
    #[serde(default)]
    pub label: String,
}

impl BindBody {
    /// What is signed to bind a key to an identity.
    pub fn words(identity: IdentityId) -> String {
        format!("countersign: this key signs in {identity}\n")
    }
}

/// A key that was just bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BoundKey {
    /// Its id.
    #[schema(value_type = String)]
    pub id: KeyId,
    /// `SHA256:…`, as OpenSSH writes it.
    pub fingerprint: String,
    /// Until when it signs in.
    pub until: Moment,
}

/// A bound key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SshKey {
    /// Its id.
    #[schema(value_type = String)]
    pub id: KeyId,
    /// `SHA256:…`, as OpenSSH writes it.
    pub fingerprint: String,
    /// What its owner calls it.
    pub label: String,
    /// Since when.
    pub made: Moment,
    /// Until when it signs in.
    pub until: Moment,
    /// When it was taken back, if it was.
    pub revoked: Option<Moment>,
    /// When it was last used, to the hour.
    pub last_used: Option<Moment>,
}

impl From<&KeyView> for SshKey {
    fn from(row: &KeyView) -> Self {
        Self {
            id: row.id,
            fingerprint: row.fingerprint.clone(),
            label: row.label.clone(),
            made: row.made.into(),
            until: row.until.into(),
            revoked: row.revoked.map(Moment),
            last_used: row.used.map(Moment),
        }
    }
}

/// The caller's keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SshKeyList {
    /// One for each key, also those that serve no longer.
    pub keys: Vec<SshKey>,
}
