//! The kernel's calls that Rust has no safe form for, each behind a function that is safe to call. Nothing is decided here.
#![expect(unsafe_code, reason = "fork, seccomp, ptrace and ioctl have no safe form; this folder is the only place")]

mod process;
mod seccomp;
mod trace;

pub(crate) use process::{
    Ends, Forked, Status, become_reachable, become_unreachable, fork, keep_orphans, kill_with_parent,
    refuse_new_rights, restore_signals, signals, tell, wait_any,
};
pub(crate) use seccomp::{Listener, Notice, install, supported};
pub(crate) use trace::{detach, event_message, interrupt, seize};

use std::io;

/// The outcome of a call that returns -1 and sets `errno`.
fn done(result: libc::c_long) -> io::Result<libc::c_long> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
