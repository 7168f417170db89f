//! What the API takes and gives. The command line reads the same types, so the two cannot drift apart.
//!
//! What is asked refuses unknown fields; what is answered may grow, so readers ignore what they do not know.

mod account;
mod certificate;
mod digest;
mod evidence;
mod grant;
mod people;
mod request;
mod search;
mod session;
mod ssh_key;
mod words;

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::clock::Timestamp;

pub use account::{Account, AccountList, BegunLink, ChatAccount, CodeBody, LinkBody};
pub use certificate::{Certificate, CertificateBody};
pub use digest::{
    Action, AskedMost, Change, Count, Digest, DigestContent, DigestList, FiledDigest, Line, Section, SectionItem,
    Selection, Waits,
};
pub use evidence::{AuditEntry, AuditPage, ExplainBody, Explanation};
pub use grant::{Ended, ExtendBody, Gateway, Grant, GrantList, Offer, Target, TargetList};
pub use people::{Person, Token, TokenList, WhoAmI};
pub use request::{
    AccessBody, ApproveBody, Asked, BecauseBody, Quorum, Request, RequestList, State, Subject, Terms, Vote,
};
pub use search::{Hit, Place, SearchResult, Unread};
pub use session::{Session, SessionEnd, SessionList, Totals};
pub use ssh_key::{BindBody, BoundKey, SshKey, SshKeyList};
pub use words::{hours, short};

/// A moment: RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-11-23T13:32:00Z")]
pub struct Moment(pub Timestamp);

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.to_jiff(), f)
    }
}

impl Serialize for Moment {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // Every digit is kept: the audit log's hashes go over microseconds.
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let at: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Self(Timestamp::from_micros(at.as_microsecond())))
    }
}

#[cfg(test)]
mod tests;
