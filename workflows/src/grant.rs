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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::IdentityId;

    fn grant(until: i64) -> Grant {
        Grant {
            id: GrantId::new(),
            request: RequestId::new(),
            to: Identity { id: IdentityId::new(), name: "ada".to_owned() },
            target: "orders-prod".parse().expect("a name"),
            access: Access::Write,
            from: Timestamp::from_micros(0),
            until: Timestamp::from_micros(until),
            emergency: false,
            reminded: false,
            ended: None,
        }
    }

    fn events() -> impl Strategy<Value = Vec<(i64, u8)>> {
        proptest::collection::vec((0..400i64, 0..4u8), 0..30)
    }

    proptest! {
        #[test]
        fn an_ended_grant_stays_ended_and_its_end_never_moves_back(events in events()) {
            let mut grant = grant(1_000);
            let mut now = 0;
            for (later, what) in events {
                now += later;
                let at = Timestamp::from_micros(now);
                let event = match what {
                    0 => Event::Tick,
                    1 => Event::Extend(Span::from_micros(300)),
                    2 => Event::Reminded,
                    _ => Event::Revoke { by: grant.to.clone(), because: "x".to_owned() },
                };
                let before = grant.clone();
                let Ok(after) = grant.clone().step(event, at) else { continue };
                prop_assert!(before.ended.is_none() || after == before);
                prop_assert!(after.until >= before.until);
                prop_assert!(before.is_live(at) || !after.is_live(at), "nothing brings a grant back");
                prop_assert_eq!(after.clone().step(Event::Tick, at).map(|g| g.step(Event::Tick, at)).ok(),
                    after.clone().step(Event::Tick, at).map(Ok).ok());
                grant = after;
            }
        }
    }

    #[test]
    fn the_last_moment_is_outside() {
        let grant = grant(1_000);
        assert!(grant.is_live(Timestamp::from_micros(999)));
        assert!(!grant.is_live(Timestamp::from_micros(1_000)));
        assert!(grant.step(Event::Extend(Span::hours(1)), Timestamp::from_micros(1_000)).is_err());
    }
}
