//! The one lock of the recorder. tokio's is wrong here: the other side is a thread, and nobody waits under it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A mutex that outlives a panic of its holder: what it guards is only ever appended to or taken whole.
#[derive(Default)]
pub(super) struct Locked<T>(Mutex<T>);

impl<T> Locked<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
