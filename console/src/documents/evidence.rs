//! The audit log, and what the policy would say.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::target::TargetName;

use super::Moment;

/// One entry of the audit log, with everything that its hash goes over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its number; the first is 1 and none is left out.
    pub seq: i64,
    /// When, to the microsecond.
    pub at: Moment,
    /// Who did it.
    pub actor: String,
    /// What was done.
    pub verb: String,
    /// Id of what it concerns.
    pub about: String,
    /// More about it: JSON as text, byte for byte as it was hashed.
    pub detail: String,
    /// Hash of the entry before, 64 hex digits.
    pub prev: String,
    /// Hash of this entry, 64 hex digits.
    pub hash: String,
}

/// A part of the audit log, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// The signed heads of these entries, as signed notes.
    pub heads: Vec<String>,
    /// Give it as `from` for the next part; nothing after the last one.
    pub next: Option<i64>,
}

/// What would happen?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainBody {
    /// For whom; the caller if left out. For somebody else only auditors and administrators may ask.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// At which target.
    #[schema(value_type = String, example = "orders-prod")]
    pub target: TargetName,
    /// Of what text.
    #[schema(example = "DELETE FROM orders")]
    pub sql: String,
}

/// What the policy would say of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// `open`, `hold` or `shut`.
    pub gate: String,
    /// Why, one line for each step of the judgement, in order.
    pub because: Vec<String>,
    /// Who would be asked, if it would be held.
    pub asked: Vec<String>,
    /// What would be hidden in its result.
    pub masked: Vec<String>,
}
