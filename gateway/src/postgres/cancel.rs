//! Requests to cancel: which session of this gateway is meant, and is the asker one who may know?
//!
//! The key that a client holds is ours and means nothing to the target. A request therefore never travels on; it wakes
//! the session, which asks the target with its own key ([`super::upstream::cancel`]) or withdraws what it waits for.

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures_util::task::AtomicWaker;

/// How often a free process id is looked for. Of two thousand million, the first one is free.
const TRIES: usize = 64;

type Sessions = HashMap<i32, ([u8; 4], Arc<Bell>)>;

/// Rung by whoever asks, heard by the one session. It is listened to with every byte that moves, so that listening enters
/// no list and takes no lock.
#[derive(Debug, Default)]
struct Bell {
    rung: AtomicBool,
    session: AtomicWaker,
}

/// The sessions of this gateway that can be cancelled. Cheap to clone.
#[derive(Clone, Default)]
pub struct Cancels(Arc<Mutex<Sessions>>);

/// No key could be made.
#[derive(Debug, thiserror::Error)]
#[error("the system gave no random numbers for a cancel key")]
pub struct RegisterError(#[source] Option<getrandom::Error>);

impl Cancels {
    /// Enters a session under a new random key. It leaves when the registration is dropped.
    pub fn register(&self) -> Result<(Registration, Watcher), RegisterError> {
        let mut sessions = self.sessions();
        for _ in 0..TRIES {
            let mut random = [0; 8];
            getrandom::fill(&mut random).map_err(|error| RegisterError(Some(error)))?;
            let [a, b, c, d, secret @ ..] = random;
            // Some clients take a process id below 1 for none.
            let pid = i32::from_be_bytes([a & 0x7f, b, c, d]).max(1);
            if let std::collections::hash_map::Entry::Vacant(free) = sessions.entry(pid) {
                let bell = Arc::new(Bell::default());
                free.insert((secret, Arc::clone(&bell)));
                drop(sessions);
                return Ok((Registration { cancels: self.clone(), pid, secret }, Watcher(bell)));
            }
        }
        Err(RegisterError(None))
    }

    /// A request has come. Wakes the session that it names, if the secret is right; says whether it did, for the log.
    /// The client is told nothing either way, as the protocol has it.
    pub fn request(&self, pid: i32, secret: &[u8]) -> bool {
        let sessions = self.sessions();
        let Some((right, bell)) = sessions.get(&pid) else { return false };
        let same = same(*right, secret);
        if same {
            bell.rung.store(true, Ordering::Release);
            bell.session.wake();
        }
        same
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        // Nothing in here can stop half-way, so that a poisoned lock guards whole data.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Compares without a hint at where the difference lies.
fn same(right: [u8; 4], given: &[u8]) -> bool {
    let Ok(given) = <&[u8; 4]>::try_from(given) else { return false };
    let differs = right.iter().zip(given).fold(0, |seen, (a, b)| std::hint::black_box(seen | (a ^ b)));
    std::hint::black_box(differs) == 0
}

impl fmt::Debug for Cancels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancels").field("sessions", &self.sessions().len()).finish_non_exhaustive()
    }
}

/// A session's place in [`Cancels`], and the key that its client is given.
#[must_use]
pub struct Registration {
    cancels: Cancels,
    pid: i32,
    secret: [u8; 4],
}

impl Registration {
    /// The process id that the client is told. Not that of any process.
    pub const fn pid(&self) -> i32 {
        self.pid
    }

    /// The secret that the client is told.
    pub const fn secret(&self) -> [u8; 4] {
        self.secret
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.cancels.sessions().remove(&self.pid);
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("pid", &self.pid).finish_non_exhaustive()
    }
}

/// Tells a session that its client asks for a cancel.
#[derive(Debug)]
pub struct Watcher(Arc<Bell>);

impl Watcher {
    /// Waits for the next request; one that came since the last [`Watcher::forget`] counts. Cancel-safe. Waits for ever
    /// once the registration is gone.
    pub async fn asked(&mut self) {
        poll_fn(|context| {
            // In this order: what is rung between the two wakes us.
            self.0.session.register(context.waker());
            if self.0.rung.load(Ordering::Acquire) {
                self.forget();
                return Poll::Ready(());
            }
            Poll::Pending
        })
        .await;
    }

    /// Forgets what came until now. For the beginning of a turn: a request that was late for the last statement must not
    /// hit the next one.
    pub fn forget(&mut self) {
        self.0.rung.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    async fn rung(watcher: &mut Watcher) -> bool {
        timeout(Duration::from_millis(20), watcher.asked()).await.is_ok()
    }

    #[tokio::test]
    async fn only_the_right_secret_wakes_only_its_own_session() {
        let cancels = Cancels::default();
        let (ada, mut of_ada) = cancels.register().unwrap();
        let (grace, mut of_grace) = cancels.register().unwrap();
        assert_ne!((ada.pid(), ada.secret()), (grace.pid(), grace.secret()));
        assert!(!cancels.request(ada.pid(), &grace.secret()));
        let mut near = ada.secret();
        near[3] ^= 1;
        for wrong in [&near[..], &ada.secret()[..3], &[], &[ada.secret(), [0; 4]].concat()] {
            assert!(!cancels.request(ada.pid(), wrong));
        }
        assert!(!rung(&mut of_ada).await);
        assert!(cancels.request(ada.pid(), &ada.secret()));
        assert!(rung(&mut of_ada).await);
        assert!(!rung(&mut of_ada).await && !rung(&mut of_grace).await);
    }

    #[tokio::test]
    async fn a_late_request_does_not_hit_the_next_statement() {
        let cancels = Cancels::default();
        let (ada, mut watcher) = cancels.register().unwrap();
        assert!(cancels.request(ada.pid(), &ada.secret()));
        watcher.forget();
        assert!(!rung(&mut watcher).await);
    }

    #[tokio::test]
    async fn a_session_that_ended_can_not_be_cancelled() {
        let cancels = Cancels::default();
        let (ada, mut watcher) = cancels.register().unwrap();
        let (pid, secret) = (ada.pid(), ada.secret());
        assert!(!format!("{ada:?} {cancels:?}").contains(&format!("{secret:?}")));
        drop(ada);
        assert!(!cancels.request(pid, &secret));
        assert!(!rung(&mut watcher).await);
    }
}
