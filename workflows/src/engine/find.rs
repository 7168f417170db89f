//! Looking: lists and single things, each only for those who may know of them.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::Workflows;
use crate::clock::Timestamp;
use crate::grant::Grant;
use crate::id::{GrantId, RequestId, SessionId};
use crate::identity::{Authenticated, Identity};
use crate::policy::{MayAsk, Policy};
use crate::request::Request;
use crate::session::Session;
use crate::store::{StoreError, grants, requests, sessions};
use crate::target::{Target, TargetName};
use crate::told::{Fault, Told};

/// Which part of a list.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// Only what is not settled or over.
    pub open_only: bool,
    /// At most this many, the newest; at most 1,000.
    pub limit: u32,
}

/// Which recordings are wanted; what is left out is any.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Of sessions at this target.
    pub target: Option<TargetName>,
    /// Of this person, by name.
    pub by: Option<String>,
    /// Of sessions that had not ended by then.
    pub since: Option<Timestamp>,
    /// Of sessions that had begun by then.
    pub until: Option<Timestamp>,
    /// Behind this session in the list, which has the newest first.
    pub behind: Option<SessionId>,
}

/// What somebody may ask for, and holds, at one target.
#[derive(Clone, Debug)]
pub struct TargetView {
    /// The target. Its address and logins are not for the person's eyes.
    pub target: Arc<Target>,
    /// What may be asked for.
    pub may_ask: Vec<MayAsk>,
    /// The live grants.
    pub grants: Vec<Grant>,
}

/// Why nothing was found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// There is none, or they may not know of it.
    #[error("there is no `{0}`, or it is not for you to see")]
    Missing(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Told for FindError {
    fn told(&self) -> String {
        match self {
            Self::Store(error) => error.told(),
            Self::Missing(_) => self.to_string(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Missing(_) => Fault::Missing,
            Self::Store(_) => Fault::Ours,
        }
    }
}

impl Filter {
    fn limit(self) -> i64 {
        i64::from(self.limit.clamp(1, 1_000))
    }
}

/// How many rows are read to fill a list of what one person may see.
const WINDOW: i64 = 5_000;

impl Workflows {
    pub(super) fn sees_request(&self, policy: &Policy, who: &Identity, request: &Request) -> bool {
        let now = self.now();
        request.by == *who
            || policy.manages(&who.name, &request.by.name)
            || policy.oversees(&who.name, now)
            || request.needs.asked(true).iter().any(|group| policy.is(group, &who.name, now))
    }

    /// The requests that somebody made, is or was asked about, or oversees, and those of whom they manage; newest first.
    pub async fn requests(&self, who: &Authenticated, filter: Filter) -> Result<Vec<Request>, FindError> {
        let policy = self.policy();
        let rows = requests::latest(self.db(), filter.open_only, WINDOW).await?;
        let seen = rows.into_iter().filter(|request| self.sees_request(&policy, who.identity(), request));
        Ok(seen.take(filter.limit() as usize).collect())
    }

    /// One request.
    pub async fn show_request(&self, who: &Authenticated, id: RequestId) -> Result<Request, FindError> {
        let missing = || FindError::Missing(id.to_string());
        let request = requests::find(self.db(), id).await?.ok_or_else(missing)?;
        if self.sees_request(&self.policy(), who.identity(), &request) { Ok(request) } else { Err(missing()) }
    }

    /// The grants that somebody holds, may end (those of whom they manage too), or oversees; newest first.
    pub async fn grants(&self, who: &Authenticated, filter: Filter) -> Result<Vec<Grant>, FindError> {
        let (policy, now) = (self.policy(), self.now());
        let oversees = policy.oversees(&who.identity().name, now);
        let rows = grants::latest(self.db(), filter.open_only, WINDOW).await?;
        // Whoever decides on such requests may take the grant back, and so has to find it.
        let asked = |request: &Request| {
            request.needs.asked(true).iter().any(|group| policy.is(group, &who.identity().name, now))
        };
        let requests = requests::latest(self.db(), false, WINDOW).await?;
        let mine: HashSet<RequestId> = requests.iter().filter(|one| asked(one)).map(|one| one.id).collect();
        let manages = |grant: &Grant| policy.manages(&who.identity().name, &grant.to.name);
        let seen = rows.into_iter().filter(|grant| {
            oversees || grant.to == *who.identity() || manages(grant) || mine.contains(&grant.request)
        });
        Ok(seen.take(filter.limit() as usize).collect())
    }

    /// One grant: for its holder, those who may end it, and overseers.
    pub async fn show_grant(&self, who: &Authenticated, id: GrantId) -> Result<Grant, FindError> {
        let missing = || FindError::Missing(id.to_string());
        let grant = grants::find(self.db(), id).await?.ok_or_else(missing)?;
        let policy = self.policy();
        let sees = policy.oversees(&who.identity().name, self.now())
            || self.may_end(&policy, who.identity(), &grant).await?;
        if sees { Ok(grant) } else { Err(missing()) }
    }

    /// The sessions that somebody had or oversees; newest first.
    pub async fn sessions(&self, who: &Authenticated, filter: Filter) -> Result<Vec<Session>, FindError> {
        let oversees = self.policy().oversees(&who.identity().name, self.now());
        let rows = sessions::latest(self.db(), filter.open_only, WINDOW).await?;
        let seen = rows.into_iter().filter(|session| oversees || session.by == *who.identity());
        Ok(seen.take(filter.limit() as usize).collect())
    }

    /// One session.
    pub async fn show_session(&self, who: &Authenticated, id: SessionId) -> Result<Session, FindError> {
        let missing = || FindError::Missing(id.to_string());
        let session = sessions::find(self.db(), id).await?.ok_or_else(missing)?;
        let oversees = self.policy().oversees(&who.identity().name, self.now());
        if oversees || session.by == *who.identity() { Ok(session) } else { Err(missing()) }
    }

    /// Where a session's recording lies. For those who may see the session; that it was looked at is evidence too.
    pub async fn recording(&self, who: &Authenticated, id: SessionId) -> Result<PathBuf, FindError> {
        let session = self.show_session(who, id).await?;
        self.note_look(who.identity(), "look at recording", &id.to_string()).await?;
        Ok(self.inner.recordings.config.path.join(session.recording))
    }

    /// The recordings that somebody may read, newest session first, at most `limit`: those that [`Self::recording`] gives
    /// them one by one. That they are searched is evidence.
    pub async fn recordings(
        &self,
        who: &Authenticated,
        wanted: &Wanted,
        limit: u32,
    ) -> Result<Vec<(Session, PathBuf)>, FindError> {
        let behind = match wanted.behind {
            Some(id) => Some((self.show_session(who, id).await?.from, id)),
            None => None,
        };
        let oversees = self.policy().oversees(&who.identity().name, self.now());
        let chosen = sessions::Chosen {
            behind,
            by: (!oversees).then_some(who.identity().id),
            name: wanted.by.as_deref().unwrap_or_default(),
            target: wanted.target.as_ref().map_or("", TargetName::as_str),
            since: wanted.since.unwrap_or(Timestamp::from_micros(i64::MIN)),
            until: wanted.until.unwrap_or(Timestamp::from_micros(i64::MAX)),
        };
        let rows = sessions::some(self.db(), &chosen, i64::from(limit.clamp(1, 1_000))).await?;
        self.note_look(who.identity(), "search recordings", wanted.by.as_deref().unwrap_or("everybody")).await?;
        let folder = &self.inner.recordings.config.path;
        let placed = |row: Session| {
            let path = folder.join(&row.recording);
            (row, path)
        };
        Ok(rows.into_iter().map(placed).collect())
    }

    /// Notes that something of these sessions' recordings is shown to somebody.
    pub async fn note_looks(&self, who: &Authenticated, of: &[SessionId]) -> Result<(), FindError> {
        for id in of {
            self.note_look(who.identity(), "look at recording", &id.to_string()).await?;
        }
        Ok(())
    }

    /// What somebody may ask for, and holds.
    pub async fn targets(&self, who: &Authenticated) -> Result<Vec<TargetView>, FindError> {
        let (policy, now) = (self.policy(), self.now());
        let may_ask = policy.may_ask(&who.identity().name, now);
        let mut views = Vec::new();
        for target in policy.targets() {
            let may_ask: Vec<MayAsk> = may_ask.iter().filter(|may| may.target.name == target.name).cloned().collect();
            let grants = grants::live_of(self.db(), who.identity().id, &target.name, now).await?;
            if !may_ask.is_empty() || !grants.is_empty() {
                views.push(TargetView { target: target.clone(), may_ask, grants });
            }
        }
        Ok(views)
    }

    /// Whether the store answers and the node sees what is live.
    pub async fn healthy(&self) -> Result<(), FindError> {
        sessions::live_count(self.db()).await?;
        Ok(())
    }

    /// Live sessions, and notices that nobody has told yet: for the metrics.
    pub async fn counts(&self) -> Result<(i64, i64), FindError> {
        Ok((sessions::live_count(self.db()).await?, crate::store::notices::open(self.db()).await?))
    }
}
