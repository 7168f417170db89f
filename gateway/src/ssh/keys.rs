//! The key that answers to guards are signed with.

use std::path::Path;

use ed25519_dalek::SigningKey;

use super::ca::{KeepError, keep};

/// Reads it, or makes it. Of its own: it must open no connection.
pub fn guard_key(folder: &Path) -> Result<SigningKey, KeepError> {
    let name = "guard_ed25519_key";
    let key = keep(folder, name, "countersign guard")?;
    let pair = key.key_data().ed25519().ok_or_else(|| KeepError::Form(folder.join(name)))?;
    Ok(SigningKey::from_bytes(&pair.private.to_bytes()))
}
