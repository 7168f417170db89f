//! Where a digest is filed, and whether somebody has reviewed it.

use serde::{Deserialize, Serialize};

use super::week::Week;
use crate::approval::Who;
use crate::clock::Timestamp;
use crate::id::DigestId;

/// Whether somebody has read a digest, and said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Review {
    /// There is nothing in it.
    NotNeeded,
    /// The manager has to.
    Owed {
        /// Until when; then it goes to their manager.
        until: Timestamp,
    },
    /// The manager did not; it went to others.
    Overdue {
        /// When it went.
        since: Timestamp,
    },
    /// Somebody did.
    Done {
        /// When.
        at: Timestamp,
        /// Who, by name.
        by: String,
    },
}

/// A digest as it is filed: once for each manager and week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filed {
    /// Its id.
    pub id: DigestId,
    /// For whom.
    pub manager: String,
    /// Of which week.
    pub week: Week,
    /// When it was made.
    pub made: Timestamp,
    /// Whether it was reviewed.
    pub review: Review,
    /// To whom it went when it was not reviewed in time.
    pub escalated_to: Vec<Who>,
}
