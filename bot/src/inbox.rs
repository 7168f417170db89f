//! What platforms send: stored first, acknowledged then, worked on by whoever claims it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tracing::warn;
use workflows::Workflows;
use workflows::identity::{Chat, ChatUser};
use workflows::told::Told as _;

use crate::form::{FormName, Values};

/// A platform gives us three seconds; this leaves time for the way back.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is stored and will be worked on, whatever happens to this process.
    New,
    /// It was stored before: the platform delivered it again, or somebody replayed it.
    Known,
}

/// The message could not be stored. It must be acknowledged all the same, with these words for the person who caused it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotStored(pub String);

/// Takes in what platforms send. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Inbox {
    workflows: Workflows,
    rung: Arc<Notify>,
}

impl Inbox {
    /// An inbox in the engine's store.
    pub fn new(workflows: Workflows) -> Self {
        Self { workflows, rung: Arc::new(Notify::new()) }
    }

    /// Stores a message. `key` is the same whenever the platform delivers the same thing again, and different otherwise.
    /// Answers within [`ANSWER_WITHIN`], whatever the store does.
    pub async fn receive(&self, chat: Chat, key: &str, letter: &str) -> Result<Received, NotStored> {
        let stored = tokio::time::timeout(ANSWER_WITHIN, self.workflows.receive(chat, key, letter)).await;
        match stored {
            Ok(Ok(new)) => {
                self.rung.notify_one();
                Ok(if new { Received::New } else { Received::Known })
            }
            Ok(Err(error)) => {
                warn!(error = &error as &dyn std::error::Error, "a message of {chat} could not be stored");
                Err(NotStored(error.told()))
            }
            Err(_elapsed) => {
                warn!("a message of {chat} could not be stored in time");
                Err(NotStored(
                    "Countersign can't reach its store at the moment, so nothing was done; try again in a minute"
                        .to_owned(),
                ))
            }
        }
    }

    /// Resolves when something may have come. Cancel-safe.
    pub(crate) async fn rung(&self) {
        self.rung.notified().await;
    }

    /// What fits what somebody has typed into a field of kind [`crate::form::FieldKind::Search`], as value and words; at
    /// most 25, and only what this person may know of. Answers within [`ANSWER_WITHIN`]; nothing where it can't.
    pub async fn suggest(&self, who: &ChatUser, typed: &str) -> Vec<(String, String)> {
        let found = tokio::time::timeout(ANSWER_WITHIN, crate::suggest::targets(&self.workflows, who, typed)).await;
        found.unwrap_or_default()
    }

    /// What is wrong with what was filled in, by field, so far as it can be told at once. Without waiting.
    pub fn check(&self, form: FormName, values: &Values) -> Vec<(&'static str, String)> {
        crate::suggest::mistakes(form, values)
    }
}
