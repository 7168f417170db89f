//! Signals during the wait, and being the user while connecting.
#![expect(unsafe_code, reason = "signal handlers and effective ids have no safe form")]

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// A signal that wants the wait to end has arrived.
static WANTED: AtomicBool = AtomicBool::new(false);

const SIGNALS: [i32; 4] = [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGHUP];

extern "C" fn note(_signal: i32) {
    WANTED.store(true, Ordering::Relaxed);
}

/// While it lives, signals that would end sudo end the wait instead. Then sudo's own way is back.
#[derive(Debug)]
pub(crate) struct Interrupts {
    before: Vec<(i32, libc::sigaction)>,
}

impl Interrupts {
    pub(crate) fn take() -> Self {
        WANTED.store(false, Ordering::Relaxed);
        let mut before = Vec::new();
        for signal in SIGNALS {
            let mut old = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
            // SAFETY: all zeroes is a valid value: the default action, an empty mask, no flags.
            let mut new = unsafe { std::mem::MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
            new.sa_sigaction = note as *const () as usize;
            // SAFETY: both places are valid; the handler only stores to an atomic. No SA_RESTART: polls must return.
            if unsafe { libc::sigaction(signal, &raw const new, old.as_mut_ptr()) } == 0 {
                // SAFETY: written by the call.
                before.push((signal, unsafe { old.assume_init() }));
            }
        }
        Self { before }
    }

    /// Whether one of them has come since.
    pub(crate) fn wanted() -> bool {
        WANTED.load(Ordering::Relaxed)
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        for (signal, old) in &self.before {
            // SAFETY: what the kernel gave is given back.
            unsafe { libc::sigaction(*signal, &raw const *old, std::ptr::null_mut()) };
        }
    }
}

/// Does something with the user's rights. The socket's path comes from the user, and root must not be lent to reach
/// sockets that the user cannot: the other side would see root as its peer.
pub(crate) fn as_user<T>(uid: u32, gid: u32, act: impl FnOnce() -> T) -> io::Result<T> {
    // SAFETY: take nothing.
    let own_gid = unsafe { libc::getegid() };
    // SAFETY: as above.
    let own_uid = unsafe { libc::geteuid() };
    // SAFETY: takes a number.
    if unsafe { libc::setegid(gid) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: takes a number.
    let became = unsafe { libc::seteuid(uid) } == 0;
    let outcome = if became { Ok(act()) } else { Err(io::Error::last_os_error()) };
    // SAFETY: takes a number.
    let back = unsafe { libc::seteuid(own_uid) } == 0;
    // SAFETY: takes a number.
    if !back || unsafe { libc::setegid(own_gid) } != 0 {
        // Going on as neither the one nor the other would be worse than no sudo.
        std::process::abort();
    }
    outcome
}
