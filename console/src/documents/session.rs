//! Sessions: who was connected to what, and what they did, counted.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::id::{GrantId, SessionId};
use workflows::session::{Session as EngineSession, Totals as EngineTotals};

use super::{Moment, Person};

/// What a session did, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// Files whose content is in the recording.
    #[serde(default)]
    pub kept: u64,
}

impl From<EngineTotals> for Totals {
    fn from(totals: EngineTotals) -> Self {
        // Taken apart by name, so that a new count cannot be forgotten here.
        let EngineTotals { operations, writes, held, refused, rows, masked, bytes_in, bytes_out, kept } = totals;
        Self { operations, writes, held, refused, rows, masked, bytes_in, bytes_out, kept }
    }
}

/// When and how a session ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionEnd {
    /// When.
    pub at: Moment,
    /// How: `left`, `expired`, `revoked`, `ended`, `target_gone`, `not_recorded`, `blind`, `broken`, `stopped`,
    /// `abandoned`.
    pub how: String,
}

/// One connection of one person to one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Its id.
    #[schema(value_type = String, example = "ses_01JD8Z0000000000000000000A")]
    pub id: SessionId,
    /// Who is connected.
    pub by: Person,
    /// To which target.
    pub target: String,
    /// At which level.
    pub level: String,
    /// Under which grant.
    #[schema(value_type = String)]
    pub grant: GrantId,
    /// The client's address.
    pub client: String,
    /// What the client calls itself.
    pub application: String,
    /// Since when.
    pub from: Moment,
    /// When and how it ended; nothing while it lives.
    pub ended: Option<SessionEnd>,
    /// What it did.
    pub totals: Totals,
    /// What could not be inspected, if anything.
    pub uninspected: Option<String>,
}

impl From<&EngineSession> for Session {
    fn from(session: &EngineSession) -> Self {
        let end = |(at, how): &(_, workflows::session::Ending)| SessionEnd {
            at: Moment(*at),
            how: how.as_str().to_owned(),
        };
        Self {
            id: session.id,
            by: (&session.by).into(),
            target: session.target.to_string(),
            level: session.access.to_string(),
            grant: session.grant,
            client: session.client.clone(),
            application: session.application.clone(),
            from: Moment(session.from),
            ended: session.ended.as_ref().map(end),
            totals: session.totals.into(),
            uninspected: session.uninspected.clone(),
        }
    }
}

/// Sessions, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionList {
    /// One for each session.
    pub sessions: Vec<Session>,
}
