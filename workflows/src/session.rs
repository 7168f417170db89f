//! A session: one connection of one person to one target, and how it ended.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{GrantId, SessionId};
use crate::identity::Identity;
use crate::target::{Access, TargetName};

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The client left.
    Left,
    /// The grant's time was over.
    Expired,
    /// The grant was revoked.
    Revoked,
    /// Somebody ended this session.
    Ended,
    /// The target closed the connection.
    TargetGone,
    /// The recording could not be written.
    NotRecorded,
    /// The store could not be reached for too long.
    Blind,
    /// Client or target broke the protocol.
    Broken,
    /// Countersign was stopped.
    Stopped,
    /// The process that carried it died.
    Abandoned,
}

impl Ending {
    /// The name in rows and on pages.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Ended => "ended",
            Self::TargetGone => "target_gone",
            Self::NotRecorded => "not_recorded",
            Self::Blind => "blind",
            Self::Broken => "broken",
            Self::Stopped => "stopped",
            Self::Abandoned => "abandoned",
        }
    }
}

/// What a session did, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Operations that were let through.
    pub operations: u64,
    /// Of these, how many write.
    pub writes: u64,
    /// Operations that were held.
    pub held: u64,
    /// Operations that were refused.
    pub refused: u64,
    /// Rows that the person saw.
    pub rows: u64,
    /// Values that were masked.
    pub masked: u64,
    /// Bytes from the person.
    pub bytes_in: u64,
    /// Bytes to the person.
    pub bytes_out: u64,
    /// Files whose content is in the recording. Rows from before have none.
    #[serde(default)]
    pub kept: u64,
}

/// A session, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Who is connected.
    pub by: Identity,
    /// To which target.
    pub target: TargetName,
    /// At which level.
    pub access: Access,
    /// Under which grant.
    pub grant: GrantId,
    /// The client's address.
    pub client: String,
    /// What the client calls itself.
    pub application: String,
    /// Since when.
    pub from: Timestamp,
    /// Until when, and how it ended; nothing while it lives.
    pub ended: Option<(Timestamp, Ending)>,
    /// What it did.
    pub totals: Totals,
    /// The recording's path, under the recordings' folder.
    pub recording: String,
    /// What could not be inspected, if anything (G17).
    pub uninspected: Option<String>,
}
