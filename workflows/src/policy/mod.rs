//! The policy: who may ask for what and who must agree, what happens to each operation, and what is hidden.
//!
//! It is made from the text of the file and is then only read. Nothing here waits, opens a file or looks at a clock.

mod check;
mod condition;
mod examine;
mod explain;
mod facts;
mod file;
mod manage;
mod mistake;
mod parse;
mod place;
mod provided;
mod read;
mod route;
mod rule;
mod scope;
mod secrets;
mod shift;
mod term;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use cel::Env;
use jiff::tz::TimeZone;

pub use explain::{Explanation, Question};
pub use facts::{FACTS, Fact, Kind};
pub use file::DETECTORS;
pub use mistake::{Mistake, Severity};
pub use route::{Ask, MayAsk, Refusal, Route};
pub use scope::{FORWARD, Judgement, Scope, Seat};
pub use shift::OnCallView;

use crate::approval::Who;
use crate::clock::Timestamp;
use crate::digest::Schedule;
use crate::target::{Target, TargetName};

/// Rules to begin with, each with its tests. They ask `group:dba`, and are about targets labelled `env = "prod"`.
pub const STARTER: &str = include_str!("starter.toml");

/// What may be, as the file says. Cheap to clone.
#[derive(Clone)]
pub struct Policy {
    inner: Arc<Inner>,
}

/// All that sessions and requests are judged by.
#[derive(Clone)]
struct Inner {
    hash: String,
    /// Kept for pointing at tests that fail; never printed as it is.
    text: String,
    zone: TimeZone,
    auditors: Vec<Who>,
    administrators: Vec<Who>,
    env: Arc<Env>,
    targets: BTreeMap<TargetName, Arc<Target>>,
    people: rule::People,
    ways: Vec<rule::Way>,
    rules: Vec<Arc<rule::Rule>>,
    masks: Vec<rule::MaskRule>,
    tests: Vec<rule::Test>,
    digest: Option<Schedule>,
    /// By manager; nobody is among their own people.
    manages: BTreeMap<String, BTreeSet<String>>,
    warnings: Vec<Mistake>,
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("hash", &self.inner.hash).finish_non_exhaustive()
    }
}

impl Policy {
    /// The SHA-256 of the file's text, as 64 hex digits.
    pub fn hash(&self) -> &str {
        &self.inner.hash
    }

    /// The zone in which times are shown and `time.…` is computed.
    pub fn zone(&self) -> &TimeZone {
        &self.inner.zone
    }

    /// What is most likely not meant, though the file can be used.
    pub fn warnings(&self) -> &[Mistake] {
        &self.inner.warnings
    }

    /// All targets, by name.
    pub fn targets(&self) -> impl Iterator<Item = &Arc<Target>> {
        self.inner.targets.values()
    }

    /// The target of exactly that name.
    pub fn target(&self, name: &TargetName) -> Option<&Arc<Target>> {
        self.inner.targets.get(name)
    }

    /// Whether somebody may see every session, recording and the audit log: auditors and administrators.
    pub fn oversees(&self, name: &str, now: Timestamp) -> bool {
        self.is_administrator(name, now) || self.inner.auditors.iter().any(|who| self.is(who, name, now))
    }

    /// Whether somebody may revoke every grant and end every session. Nobody may approve by that right.
    pub fn is_administrator(&self, name: &str, now: Timestamp) -> bool {
        self.inner.administrators.iter().any(|who| self.is(who, name, now))
    }

    /// Whom the file names as auditors and administrators.
    pub fn overseers(&self) -> Vec<Who> {
        self.inner.auditors.iter().chain(&self.inner.administrators).cloned().collect()
    }

    /// The groups that somebody is in, directly or through another group.
    pub fn groups_of(&self, name: &str) -> BTreeSet<String> {
        self.inner.people.groups_of(name)
    }

    /// Whether somebody is meant by `who`, now.
    pub fn is(&self, who: &Who, name: &str, now: Timestamp) -> bool {
        self.inner.people.is(who, name, now)
    }

    /// Everybody who is meant by `who`, now.
    pub fn people(&self, who: &Who, now: Timestamp) -> BTreeSet<String> {
        self.inner.people.of(who, now)
    }
}
