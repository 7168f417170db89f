//! What happened, in rows. SQL on top of each file, functions below; one text serves both engines.

pub(crate) mod audit;
pub(crate) mod chat;
pub(crate) mod db;
pub(crate) mod digests;
pub(crate) mod grants;
pub(crate) mod notices;
pub(crate) mod people;
pub(crate) mod remarks;
pub(crate) mod requests;
pub(crate) mod sessions;
pub(crate) mod ssh_keys;

pub(crate) use db::{Db, Tx};
pub use db::{Faults, StoreError};

/// JSON for a column that no query looks into.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Unknown { column: "json", value: error.to_string() })
}
