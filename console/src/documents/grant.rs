//! Targets and grants: what one may ask for, and what one holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::clock::{Span, Timestamp};
use workflows::grant::{Ended as EngineEnded, Grant as EngineGrant};
use workflows::id::{GrantId, RequestId};

use super::{Moment, Person};

/// How a grant ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Ended {
    /// Its time was over.
    Expired {
        /// When.
        at: Moment,
    },
    /// Somebody took it back.
    Revoked {
        /// When.
        at: Moment,
        /// Who.
        by: Person,
        /// Why.
        because: String,
    },
}

/// A right to use a target until a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    /// Its id.
    #[schema(value_type = String, example = "grt_01JD8Z0000000000000000000A")]
    pub id: GrantId,
    /// The request that it came from.
    #[schema(value_type = String)]
    pub request: RequestId,
    /// Who may.
    pub to: Person,
    /// Use what.
    pub target: String,
    /// At which level.
    pub level: String,
    /// From when.
    pub from: Moment,
    /// Until when; the moment itself is outside.
    pub until: Moment,
    /// Whether it may be used now.
    pub live: bool,
    /// Break-glass: nobody agreed beforehand.
    pub emergency: bool,
    /// Whether and how it ended.
    pub ended: Option<Ended>,
}

impl Grant {
    /// The grant as it stands at a moment.
    pub fn at(grant: &EngineGrant, now: Timestamp) -> Self {
        let ended = grant.ended.as_ref().map(|ended| match ended {
            EngineEnded::Expired { at } => Ended::Expired { at: Moment(*at) },
            EngineEnded::Revoked { at, by, because } => {
                Ended::Revoked { at: Moment(*at), by: by.into(), because: because.clone() }
            }
        });
        Self {
            id: grant.id,
            request: grant.request,
            to: (&grant.to).into(),
            target: grant.target.to_string(),
            level: grant.access.to_string(),
            from: Moment(grant.from),
            until: Moment(grant.until),
            live: grant.is_live(now),
            emergency: grant.emergency,
            ended,
        }
    }
}

/// Grants, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrantList {
    /// One for each grant.
    pub grants: Vec<Grant>,
}

/// What one may ask for at a target, at one level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Offer {
    /// `read`, `write` or `admin`.
    pub level: String,
    /// The longest time, as `4h`.
    pub at_most: String,
    /// Whether this is a right to break the glass.
    pub emergency: bool,
}

/// Where clients of the gateway connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gateway {
    /// Host and port.
    #[schema(example = "127.0.0.1:6432")]
    pub address: String,
    /// Whether it speaks TLS.
    pub tls: bool,
}

/// Something that the caller may ask for, or holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Target {
    /// What people call it.
    pub name: String,
    /// What it speaks: `postgres`.
    pub protocol: String,
    /// What rules select it by.
    pub labels: BTreeMap<String, String>,
    /// What the caller may ask for.
    pub offers: Vec<Offer>,
    /// What the caller holds now.
    pub grants: Vec<Grant>,
    /// Where to connect; nothing if this process runs no gateway for the protocol.
    pub gateway: Option<Gateway>,
}

/// Targets, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TargetList {
    /// One for each target.
    pub targets: Vec<Target>,
}

/// Asking for more time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtendBody {
    /// How long, from now.
    #[serde(rename = "for")]
    #[schema(value_type = String, example = "1h")]
    pub span: Span,
    /// Why.
    pub because: String,
}
