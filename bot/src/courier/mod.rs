//! News out: claims notices, renders cards, posts or rewrites them, and says so.
//!
//! A notice is claimed with a lease, so that whoever dies with it loses it to the next; a card is planned before it is
//! posted and carries its id as a mark, so that nothing is posted twice. What a card says is read from the store when it
//! is written, never from the notice: two that overtake each other write the same.

mod post;
pub(crate) mod roles;
mod subject;
mod tell;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use workflows::Workflows;
use workflows::clock::Span;
use workflows::notice::Notice;

use crate::event::Place;
use crate::platform::{Platform, PlatformError};

/// A claim is given up after this: longer than a notice takes, shorter than anybody would wait for one. Should one take
/// longer all the same, the cards themselves are taken, so that nothing is posted twice.
const LEASE: Span = Span::seconds(15);
/// What a platform did not take is tried again after this.
const AGAIN: Span = Span::seconds(2);
/// How many notices are worked on at once.
const AT_ONCE: usize = 16;
/// Notices are looked for when no bell rings.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A platform, and where cards go there.
#[derive(Clone, Debug)]
pub struct Post {
    /// The platform.
    pub platform: Arc<dyn Platform>,
    /// The channel for cards; without one each person who is asked gets their own.
    pub channel: Option<Place>,
    /// Where alarms go beside the people concerned.
    pub alarms: Option<Place>,
}

/// Why a notice was not told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TellError {
    /// The platform.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// The store.
    #[error(transparent)]
    Store(#[from] workflows::StoreError),
    /// Somebody else is posting the same card.
    #[error("the card is being posted")]
    Busy,
}

/// Tells what happened. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Courier {
    pub(crate) workflows: Workflows,
    pub(crate) posts: Arc<[Post]>,
}

impl Courier {
    /// A courier for these platforms.
    pub fn new(workflows: Workflows, posts: Arc<[Post]>) -> Self {
        Self { workflows, posts }
    }

    /// Tells what is to be told, until stopped. What is under way then is finished, or claimed by another later.
    pub async fn run(self, stop: CancellationToken) {
        let mut bell = self.workflows.bell();
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut work: JoinSet<()> = JoinSet::new();
        loop {
            bell.mark_unchanged();
            let free = places.available_permits();
            let claimed =
                if free == 0 { Ok(Vec::new()) } else { self.workflows.claim_notices(LEASE, free as u32).await };
            let notices = claimed.unwrap_or_else(|error| {
                warn!(error = &error as &dyn std::error::Error, "notices could not be claimed");
                Vec::new()
            });
            let more = !notices.is_empty();
            for notice in notices {
                let (courier, place) = (self.clone(), Arc::clone(&places));
                work.spawn(async move {
                    // The semaphore is never closed.
                    let _place = place.acquire_owned().await;
                    courier.take(notice).await;
                });
            }
            while work.try_join_next().is_some() {}
            if more && places.available_permits() > 0 {
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => break,
                _rung = bell.changed() => {}
                _ended = work.join_next(), if !work.is_empty() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        let rest = async { while work.join_next().await.is_some() {} };
        // What does not end in time is claimed again later, here or elsewhere.
        let _in_time = tokio::time::timeout(Duration::from_secs(5), rest).await;
    }

    /// Tells one notice on every platform. One that fails for a while is tried again when its lease is over.
    async fn take(&self, notice: Notice) {
        let mut again = false;
        for post in self.posts.iter() {
            match self.tell(post, &notice).await {
                Ok(()) => {}
                Err(TellError::Platform(error)) if !error.passes() => {
                    warn!(notice.id = %notice.id, "{} could not be told of {}: {error}", post.platform.chat(), notice.about.as_str());
                }
                Err(error) => {
                    again = true;
                    warn!(notice.id = %notice.id, "{} is told of {} later: {error}", post.platform.chat(), notice.about.as_str());
                }
            }
        }
        let noted = if again {
            self.workflows.notice_later(notice.id, AGAIN).await
        } else {
            self.workflows.notice_told(notice.id).await.map(drop)
        };
        if let Err(error) = noted {
            warn!(error = &error as &dyn std::error::Error, "that `{}` was told could not be noted", notice.id);
        }
    }
}
