//! What a digest is computed from.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use super::week::Week;
use crate::clock::{Span, Timestamp};
use crate::grant::Grant;
use crate::request::Request;
use crate::session::Session;
use crate::target::TargetName;

/// An access entry that was not used for this long is proposed for removal.
pub(crate) const IDLE: Span = Span::hours(30 * 24);

/// A grant, and whether any session was ever opened under it.
#[derive(Clone, Debug)]
pub struct HeldGrant {
    /// The grant.
    pub grant: Grant,
    /// Whether it was used.
    pub used: bool,
}

/// What somebody did in the week before, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// Requests for access that they made, break-glass among them.
    pub requests: u64,
    /// Requests of theirs that were denied.
    pub denied: u64,
    /// Commands of theirs that were held.
    pub held: u64,
    /// Grants of theirs that began.
    pub grants: u64,
    /// Of these, break-glass.
    pub emergencies: u64,
    /// Sessions of theirs that began.
    pub sessions: u64,
}

/// Everybody's rows of one week. Read once; each manager's digest takes its people's.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Requests that were made in the week, their texts cut.
    pub requests: Vec<Request>,
    /// Reviews that are owed now, whenever they were asked for.
    pub reviews: Vec<Request>,
    /// Grants that covered some of the week, and those that are live now.
    pub grants: Vec<HeldGrant>,
    /// Sessions that were open in some of the week, and those that are open now. Where from and by which client is left
    /// out.
    pub sessions: Vec<Session>,
    /// The week before, by person.
    pub before: BTreeMap<String, Before>,
    /// Who had a grant for which target in the 30 days before the week's end.
    pub used: BTreeSet<(String, TargetName)>,
    /// Since when each person is known.
    pub known: BTreeMap<String, Timestamp>,
}

/// An access entry of the file that names somebody, break-glass and rotations left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// The targets that it opens.
    pub targets: BTreeSet<TargetName>,
}

/// A manager, and the people whom they manage: never themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// The manager, by name.
    pub manager: String,
    /// The people, by name, with the access entries that name them.
    pub members: BTreeMap<String, Vec<Entry>>,
}

/// The week that is looked at.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Which.
    pub week: Week,
    /// When it began.
    pub since: Timestamp,
    /// When it ends; the moment itself is outside.
    pub until: Timestamp,
    /// The zone of both, in which times are told.
    pub zone: TimeZone,
}

impl Frame {
    /// A week in a zone.
    pub fn of(week: Week, zone: &TimeZone) -> Self {
        let (since, until) = week.bounds(zone);
        Self { week, since, until, zone: zone.clone() }
    }

    /// Whether a moment lies in it.
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        self.since <= at && at < self.until
    }
}
