//! What people must be told: the outbox. Whoever renders notices claims them, posts, and marks them done.

use serde::{Deserialize, Serialize};

use crate::approval::Who;
use crate::clock::Timestamp;
use crate::id::{DigestId, GrantId, NoticeId, QuestionId, RequestId};

/// What a notice is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// People are asked to decide.
    Asked {
        /// On this.
        request: RequestId,
    },
    /// The first people did not answer; these are asked as well.
    Escalated {
        /// On this.
        request: RequestId,
    },
    /// A request changed: its cards must be rewritten.
    Changed {
        /// Which.
        request: RequestId,
    },
    /// Somebody who decides asks the requester something back.
    Question {
        /// About this.
        request: RequestId,
        /// What.
        question: QuestionId,
    },
    /// The requester answered.
    Answered {
        /// About this.
        request: RequestId,
        /// What.
        question: QuestionId,
    },
    /// The requester reminds those who were asked.
    Nudged {
        /// Of this.
        request: RequestId,
    },
    /// A grant began, or got more time.
    Granted {
        /// Which.
        grant: GrantId,
    },
    /// A grant ends soon.
    EndsSoon {
        /// Which.
        grant: GrantId,
    },
    /// A grant ended.
    Ended {
        /// Which.
        grant: GrantId,
    },
    /// Somebody broke the glass.
    Emergency {
        /// The grant that they took.
        grant: GrantId,
    },
    /// A review is overdue.
    ReviewOverdue {
        /// The request for it.
        request: RequestId,
    },
    /// A manager's digest was made.
    Digest {
        /// Which.
        digest: DigestId,
    },
    /// A digest was not reviewed in time; it goes to the manager's manager.
    DigestOverdue {
        /// Which.
        digest: DigestId,
    },
    /// A digest was reviewed: its cards must be rewritten.
    DigestReviewed {
        /// Which.
        digest: DigestId,
    },
}

impl Kind {
    /// The name in rows.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Asked { .. } => "asked",
            Self::Escalated { .. } => "escalated",
            Self::Changed { .. } => "changed",
            Self::Question { .. } => "question",
            Self::Answered { .. } => "answered",
            Self::Nudged { .. } => "nudged",
            Self::Granted { .. } => "granted",
            Self::EndsSoon { .. } => "ends_soon",
            Self::Ended { .. } => "ended",
            Self::Emergency { .. } => "emergency",
            Self::ReviewOverdue { .. } => "review_overdue",
            Self::Digest { .. } => "digest",
            Self::DigestOverdue { .. } => "digest_overdue",
            Self::DigestReviewed { .. } => "digest_reviewed",
        }
    }
}

/// Something that people must be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its id.
    pub id: NoticeId,
    /// What about.
    pub about: Kind,
    /// Whom.
    pub to: Vec<Who>,
    /// Since when it is due.
    pub at: Timestamp,
}
