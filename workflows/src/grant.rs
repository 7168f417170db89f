//! A grant: who may use what, from when until when. Its end is one absolute moment (G1).

use serde::{Deserialize, Serialize};

use crate::clock::{Span, Timestamp};
use crate::id::{GrantId, RequestId};
use crate::identity::Identity;
use crate::target::{Access, TargetName};

/// How a grant ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Ended {
    /// Its time was over.
    Expired {
        /// When.
        at: Timestamp,
    },
    /// Somebody took it back.
    Revoked {
        /// When.
        at: Timestamp,
        /// Who.
        by: Identity,
        /// Why.
        because: String,
    },
}

/// A right to use a target until a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// The request that it came from.
    pub request: RequestId,
    /// Who may.
    pub to: Identity,
    /// Use what.
    pub target: TargetName,
    /// At which level.
    pub access: Access,
    /// From when.
    pub from: Timestamp,
    /// Until when; the moment itself is outside.
    pub until: Timestamp,
    /// Break-glass: nobody agreed beforehand.
    pub emergency: bool,
    /// Whether the holder was told that it ends soon.
    pub reminded: bool,
    /// Whether and how it ended.
    pub ended: Option<Ended>,
}

/// What happens to a grant.
#[derive(Clone, Debug)]
pub enum Event {
    /// It gets more time, from now.
    Extend(Span),
    /// Somebody takes it back.
    Revoke {
        /// Who.
        by: Identity,
        /// Why.
        because: String,
    },
    /// Its holder was told that it ends soon.
    Reminded,
    /// Time went by.
    Tick,
}

/// The grant has ended already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the grant has ended already")]
pub struct Over;

impl Grant {
    /// Whether it may be used at this moment.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ended.is_none() && self.from <= now && now < self.until
    }

    /// Takes a step, or says that it is over. `Tick` on an ended grant changes nothing.
    pub fn step(mut self, event: Event, now: Timestamp) -> Result<Self, Over> {
        match event {
            Event::Tick if self.ended.is_none() && now >= self.until => {
                self.ended = Some(Ended::Expired { at: self.until });
            }
            Event::Tick => {}
            Event::Extend(_) | Event::Revoke { .. } | Event::Reminded if !self.is_live(now) => return Err(Over),
            Event::Extend(span) => {
                // More time never means less.
                self.until = self.until.max(now.plus(span));
                self.reminded = false;
            }
            Event::Revoke { by, because } => self.ended = Some(Ended::Revoked { at: now, by, because }),
            Event::Reminded => self.reminded = true,
        }
        Ok(self)
    }
}
