//! A handle on a recording for whoever binds it to the audit log while its session goes on.

use std::sync::{Arc, Weak};

use tokio::sync::oneshot;

use super::session::{RecordError, Session};
use super::thread::Ask;
use super::writer::Owner;
use crate::evidence::Head;

/// Keeps neither the recording nor its recorder alive.
#[derive(Clone)]
pub struct Anchor {
    owner: Weak<Owner>,
    session: Weak<Session>,
}

impl std::fmt::Debug for Anchor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Anchor").field("seq", &self.seq()).finish_non_exhaustive()
    }
}

impl Anchor {
    pub(super) fn new(owner: &Arc<Owner>, session: &Arc<Session>) -> Self {
        Self { owner: Arc::downgrade(owner), session: Arc::downgrade(session) }
    }

    /// How many frames were written; nothing once the recording was closed.
    pub fn seq(&self) -> Option<i64> {
        self.session.upgrade().map(|session| session.batch.lock().head.seq)
    }

    /// As [`Tape::flush`](super::Tape::flush); nothing once the recording was closed. Cancel-safe.
    ///
    /// # Errors
    ///
    /// If any of it could not be written; then the session has failed.
    pub async fn flush(&self) -> Option<Result<Head, RecordError>> {
        let (reply, answer) = oneshot::channel();
        let (owner, session) = (self.owner.upgrade()?, self.session.upgrade()?);
        if let Err(error) = owner.shared.ask(&session, Ask::Sync(reply)) {
            return Some(Err(error));
        }
        // Not held over the wait: a session that ends meanwhile ends as it would without us.
        drop((owner, session));
        Some(answer.await.unwrap_or(Err(RecordError::Stopped)))
    }
}
