//! The filter's listener: notifications out, answers in.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::done;

/// Asked by `SECCOMP_GET_ACTION_AVAIL`.
const GET_ACTION_AVAIL: libc::c_ulong = 2;
/// A caller that waits for its answer wakes for deadly signals only (Linux 5.19). Without it each SIGCHLD would cancel the
/// question and ask it again.
const WAIT_KILLABLE_RECV: libc::c_ulong = 1 << 5;

/// Whether this kernel can ask user space about a system call.
pub(crate) fn supported() -> bool {
    let action = libc::SECCOMP_RET_USER_NOTIF;
    // SAFETY: the kernel reads four bytes from a valid place.
    unsafe { libc::syscall(libc::SYS_seccomp, GET_ACTION_AVAIL, 0_u64, &raw const action) == 0 }
}

/// Puts this process, and all that it will start, under the filter.
pub(crate) fn install(filter: &[libc::sock_filter]) -> io::Result<OwnedFd> {
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | WAIT_KILLABLE_RECV;
    // SAFETY: the program points to `filter`, which outlives the call; the kernel only reads it.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    let fd = done(result)?;
    // SAFETY: the call has just made it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// One system call that waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Notice {
    /// The kernel's number for it.
    pub(crate) id: u64,
    /// The thread.
    pub(crate) tid: i32,
    /// Which call.
    pub(crate) call: i64,
    /// Its arguments.
    pub(crate) args: [u64; 6],
}

/// The guard's end of the filter.
#[derive(Debug)]
pub(crate) struct Listener(pub(crate) OwnedFd);

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Listener {
    /// The next call that waits. `None`: its caller was killed in the meantime.
    pub(crate) fn next(&self) -> io::Result<Option<Notice>> {
        let mut raw = std::mem::MaybeUninit::<libc::seccomp_notif>::zeroed();
        // SAFETY: the kernel writes at most the size that the request's number carries, which is this type's.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, raw.as_mut_ptr()) };
        match done(result.into()) {
            Ok(_) => {
                // SAFETY: all of it is numbers, zeroed and then written by the kernel.
                let raw = unsafe { raw.assume_init() };
                let (tid, call) = (raw.pid as i32, raw.data.nr.into());
                Ok(Some(Notice { id: raw.id, tid, call, args: raw.data.args }))
            }
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the caller still waits. What was read from its process before is its own if so.
    pub(crate) fn waits(&self, id: u64) -> bool {
        // SAFETY: the kernel reads eight bytes from a valid place.
        unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw const id) == 0 }
    }

    /// The call fails with this error.
    pub(crate) fn fail(&self, id: u64, errno: i32) -> io::Result<()> {
        self.send(libc::seccomp_notif_resp { id, val: 0, error: -errno.max(1), flags: 0 })
    }

    /// The kernel does the call. Whoever calls this has made sure that the outcome will be looked at.
    pub(crate) fn go_on(&self, id: u64) -> io::Result<()> {
        let flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
        self.send(libc::seccomp_notif_resp { id, val: 0, error: 0, flags })
    }

    fn send(&self, mut answer: libc::seccomp_notif_resp) -> io::Result<()> {
        // SAFETY: the kernel reads the structure.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer) };
        done(result.into()).map(drop)
    }
}
