//! Who was a full member a moment ago, so that a crowd of clicks asks a platform once for each person.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// For so long somebody passes as a member without being asked about again (G10).
const KEPT: Duration = Duration::from_mins(1);
/// So many people are kept in mind.
const MOST: usize = 10_000;

/// Those who are known to be members. Nothing else is kept: whoever is none is asked about each time.
#[derive(Debug, Default)]
pub(crate) struct Members(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    until: HashMap<String, Instant>,
    /// How often somebody was to be forgotten.
    forgotten: u64,
}

/// A question about somebody that is on its way to the platform.
#[derive(Debug)]
pub(crate) struct Asked {
    at: Instant,
    forgotten: u64,
}

impl Members {
    /// Nothing if somebody is known to be a member; else the platform has to be asked.
    pub(crate) fn ask(&self, user: &str) -> Option<Asked> {
        self.ask_at(user, Instant::now())
    }

    fn ask_at(&self, user: &str, at: Instant) -> Option<Asked> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.until.retain(|_, until| *until > at);
        (!known.until.contains_key(user)).then_some(Asked { at, forgotten: known.forgotten })
    }

    /// The platform said that somebody is one. It counts from when it was asked; and not at all if somebody was to be
    /// forgotten meanwhile, since the answer may be older than that.
    pub(crate) fn keep(&self, user: &str, asked: &Asked) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.forgotten == asked.forgotten && known.until.len() < MOST {
            known.until.insert(user.to_owned(), asked.at + KEPT);
        }
    }

    /// Something changed about somebody: the next time the platform is asked.
    pub(crate) fn forget(&self, user: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.forgotten += 1;
        known.until.remove(user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g10_a_member_is_asked_about_again_after_a_minute_and_after_every_change() {
        let (members, start) = (Members::default(), Instant::now());
        let ask = |user, second| members.ask_at(user, start + Duration::from_secs(second));
        members.keep("ada", &ask("ada", 0).expect("unknown"));
        assert!(ask("ada", 59).is_none() && ask("grace", 59).is_some());
        let asked = ask("ada", 60).expect("a minute after the question, whenever it was answered");
        members.keep("ada", &asked);
        members.forget("ada");
        let asked = ask("ada", 61).expect("she has changed");
        members.forget("ada");
        members.keep("ada", &asked);
        assert!(ask("ada", 62).is_some(), "the answer may be older than the change");
    }
}
