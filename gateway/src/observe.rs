//! What operators count. The gateway knows no metrics library: whoever starts it gives it somebody to tell.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

/// Is told what happens, in counts only. Called on the hot path, so it must not wait.
pub trait Observer: Debug + Send + Sync {
    /// A session began.
    fn session_began(&self);
    /// A session ended; so many values were masked in it.
    fn session_ended(&self, masked: u64);
    /// A turn passed.
    fn passed(&self);
    /// A turn was refused.
    fn refused(&self);
    /// A turn waits for people.
    fn hold_began(&self);
    /// It waits no longer.
    fn hold_ended(&self);
    /// From the approval to the release of a held turn.
    fn released(&self, after: Duration);
    /// A session could not be recorded.
    fn recording_failed(&self);
    /// The store did not answer when it was needed.
    fn store_failed(&self);
}

/// A hold that is counted as open while this lives, whatever way it ends.
#[derive(Debug)]
pub(crate) struct Open<'a>(&'a Arc<dyn Observer>);

impl<'a> Open<'a> {
    pub(crate) fn new(observer: &'a Arc<dyn Observer>) -> Self {
        observer.hold_began();
        Self(observer)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.hold_ended();
    }
}

/// Tells nobody.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nobody;

#[cfg(test)]
impl Observer for Nobody {
    fn session_began(&self) {}
    fn session_ended(&self, _masked: u64) {}
    fn passed(&self) {}
    fn refused(&self) {}
    fn hold_began(&self) {}
    fn hold_ended(&self) {}
    fn released(&self, _after: Duration) {}
    fn recording_failed(&self) {}
    fn store_failed(&self) {}
}
