//! ptrace, as far as it is needed to look at a program before its first instruction.

use std::io;

use super::done;

fn ptrace(request: libc::c_uint, pid: i32, data: libc::c_ulong) -> io::Result<()> {
    // SAFETY: the requests used here take numbers only.
    done(unsafe { libc::ptrace(request, pid, 0_usize, data) }).map(drop)
}

/// Attaches without stopping it. It will stop when it has become another program, and dies if the guard does first. It may not
/// stop at its exit as well: one that is killed together with the guard would wait there for a tracer that is gone.
pub(crate) fn seize(tid: i32) -> io::Result<()> {
    ptrace(libc::PTRACE_SEIZE, tid, (libc::PTRACE_O_TRACEEXEC | libc::PTRACE_O_EXITKILL) as libc::c_ulong)
}

/// Makes it stop on its way out of the kernel, if it has not stopped as another program before.
pub(crate) fn interrupt(tid: i32) -> io::Result<()> {
    ptrace(libc::PTRACE_INTERRUPT, tid, 0)
}

/// Lets a stopped one go for good, with the signal that it stopped for, or 0.
pub(crate) fn detach(tid: i32, signal: i32) -> io::Result<()> {
    ptrace(libc::PTRACE_DETACH, tid, signal as libc::c_ulong)
}

/// At the stop of an exec: the thread that called it, which then took the process's own number.
pub(crate) fn event_message(tid: i32) -> io::Result<i32> {
    let mut message: libc::c_ulong = 0;
    // SAFETY: the kernel writes one long to a valid place.
    done(unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, tid, 0_usize, &raw mut message) })?;
    Ok(message as i32)
}
