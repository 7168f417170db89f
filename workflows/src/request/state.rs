//! Where a request stands.

use serde::{Deserialize, Serialize};

use super::Pause;
use crate::approval::Votes;
use crate::clock::Timestamp;
use crate::identity::Identity;

/// Where a request stands. `Spent`, `Denied`, `Withdrawn` and `Lapsed` are final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum State {
    /// People are asked.
    Pending {
        /// When the next group is asked, or the request lapses.
        until: Timestamp,
        /// Whether the next group has been asked.
        escalated: bool,
        /// The approvals so far.
        votes: Votes,
        /// How a question stops the time, where the policy lets it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pause: Option<Pause>,
    },
    /// Enough people agreed; the session has not taken it up yet. Only held operations stop here.
    Approved {
        /// When.
        at: Timestamp,
        /// Until when it may be used.
        until: Timestamp,
        /// By whom.
        votes: Votes,
    },
    /// The approval did its work: a grant exists, or the operation was let through.
    Spent {
        /// When.
        at: Timestamp,
        /// By whom it was approved.
        votes: Votes,
    },
    /// Somebody said no.
    Denied {
        /// When.
        at: Timestamp,
        /// Who.
        by: Identity,
        /// Why.
        because: String,
    },
    /// The requester gave up.
    Withdrawn {
        /// When.
        at: Timestamp,
    },
    /// Nobody answered in time, or the approval was not used in time.
    Lapsed {
        /// When.
        at: Timestamp,
    },
}

impl State {
    /// The name in rows, on pages and on cards.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Approved { .. } => "approved",
            Self::Spent { .. } => "spent",
            Self::Denied { .. } => "denied",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Lapsed { .. } => "lapsed",
        }
    }

    /// Whether nothing can change it any more.
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Pending { .. } | Self::Approved { .. } => false,
            Self::Spent { .. } | Self::Denied { .. } | Self::Withdrawn { .. } | Self::Lapsed { .. } => true,
        }
    }

    /// When time alone changes it.
    pub fn due(&self) -> Option<Timestamp> {
        match self {
            Self::Pending { until, pause, .. } => pause.and_then(|pause| pause.ends(*until)).or(Some(*until)),
            Self::Approved { until, .. } => Some(*until),
            Self::Spent { .. } | Self::Denied { .. } | Self::Withdrawn { .. } | Self::Lapsed { .. } => None,
        }
    }

    /// While a question stops its time: the moment that its deadline never moves past.
    pub fn stopped(&self) -> Option<Timestamp> {
        match self {
            Self::Pending { pause, .. } => pause.filter(|pause| pause.since.is_some()).map(|pause| pause.latest),
            Self::Approved { .. }
            | Self::Spent { .. }
            | Self::Denied { .. }
            | Self::Withdrawn { .. }
            | Self::Lapsed { .. } => None,
        }
    }
}
