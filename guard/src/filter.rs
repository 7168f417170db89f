//! The seccomp filter, as instructions: which calls are asked about, which are refused, which pass.
//!
//! Arguments that are numbers sit in registers, so a filter may compare them without a race; what a pointer points to it
//! cannot see.

use libc::sock_filter;

/// The processes that the session must not be able to stop: the guard, and whoever watches it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Untouchable {
    pub(crate) watch: u32,
    pub(crate) guard: u32,
    /// The group that both are in.
    pub(crate) group: u32,
}

#[cfg(target_arch = "x86_64")]
const ARCH: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCH: u32 = 0xc000_00b7;
/// The bit that makes an x86-64 call one of the x32 ABI: the same numbers would mean other calls.
#[cfg(target_arch = "x86_64")]
const X32: u32 = 0x4000_0000;

const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
/// The lower half of an argument; both architectures are little-endian.
const fn argument(index: u32) -> u32 {
    16 + 8 * index
}

const LOAD: u16 = 0x20;
const EQUAL: u16 = 0x15;
#[cfg(target_arch = "x86_64")]
const AT_LEAST: u16 = 0x35;
const ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const ASK: u32 = libc::SECCOMP_RET_USER_NOTIF;
const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
const UNKNOWN: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;

const fn op(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}

/// Skips `over` instructions unless the test holds.
const fn unless(code: u16, k: u32, over: u8) -> sock_filter {
    sock_filter { code, jt: 0, jf: over, k }
}

/// New user, mount or process namespaces: in them names and numbers would mean other things than they do to the guard.
const NAMESPACES: u32 = (libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID) as u32;

/// The whole filter.
pub(crate) fn build(untouchable: Untouchable) -> Vec<sock_filter> {
    let mut filter =
        vec![op(LOAD, ARCHITECTURE), sock_filter { code: EQUAL, jt: 1, jf: 0, k: ARCH }, op(RETURN, KILL)];
    filter.push(op(LOAD, NUMBER));
    #[cfg(target_arch = "x86_64")]
    filter.extend([unless(AT_LEAST, X32, 1), op(RETURN, UNKNOWN)]);

    for call in [libc::SYS_execve, libc::SYS_execveat] {
        filter.extend([unless(EQUAL, call as u32, 1), op(RETURN, ASK)]);
    }
    for call in [
        // Would change a program after it was judged, or read on behalf of the guard.
        libc::SYS_ptrace,
        libc::SYS_process_vm_writev,
        libc::SYS_process_madvise,
        libc::SYS_pidfd_getfd,
        // Would let a page of arguments keep the guard waiting while it reads them.
        libc::SYS_userfaultfd,
        libc::SYS_setns,
        // Does work that no filter sees.
        libc::SYS_io_uring_setup,
    ] {
        filter.extend([unless(EQUAL, call as u32, 1), op(RETURN, REFUSE)]);
    }
    // Programs have another way for these two: `clone` and `kill`, whose arguments a filter can see.
    for call in [libc::SYS_clone3, libc::SYS_pidfd_send_signal] {
        filter.extend([unless(EQUAL, call as u32, 1), op(RETURN, UNKNOWN)]);
    }
    forbid_bits(&mut filter, libc::SYS_seccomp, 1, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER as u32);
    forbid_bits(&mut filter, libc::SYS_unshare, 0, NAMESPACES);
    clone(&mut filter);
    signals(&mut filter, untouchable);
    filter.push(op(RETURN, ALLOW));
    filter
}

/// Refuses the call when any of the bits is set in the argument.
fn forbid_bits(filter: &mut Vec<sock_filter>, call: libc::c_long, index: u32, bits: u32) {
    filter.extend([
        unless(EQUAL, call as u32, 4),
        op(LOAD, argument(index)),
        unless(ANY_BIT, bits, 1),
        op(RETURN, REFUSE),
        op(RETURN, ALLOW),
    ]);
}

/// A process that shares its working directory with another (but for threads of one) could be judged in one folder and
/// run in the other's choice of one.
fn clone(filter: &mut Vec<sock_filter>) {
    filter.extend([
        unless(EQUAL, libc::SYS_clone as u32, 8),
        op(LOAD, argument(0)),
        unless(ANY_BIT, NAMESPACES, 1),
        op(RETURN, REFUSE),
        unless(ANY_BIT, libc::CLONE_FS as u32, 3),
        sock_filter { code: ANY_BIT, jt: 1, jf: 0, k: libc::CLONE_THREAD as u32 },
        op(RETURN, REFUSE),
        op(RETURN, ALLOW),
        op(RETURN, ALLOW),
    ]);
}

/// Whatever could end or stop the guard by its number.
fn signals(filter: &mut Vec<sock_filter>, untouchable: Untouchable) {
    let Untouchable { watch, guard, group } = untouchable;
    let all = u32::MAX;
    let numbers = [watch, guard, group.wrapping_neg(), all];
    forbid_values(filter, libc::SYS_kill, 0, &numbers);
    let numbers = [watch, guard];
    for call in [libc::SYS_tkill, libc::SYS_rt_sigqueueinfo, libc::SYS_pidfd_open, libc::SYS_prlimit64] {
        forbid_values(filter, call, 0, &numbers);
    }
    for call in [libc::SYS_tgkill, libc::SYS_rt_tgsigqueueinfo] {
        forbid_values(filter, call, 1, &numbers);
    }
    // Joining the guard's group, and then `kill(0, …)`.
    forbid_values(filter, libc::SYS_setpgid, 1, &[watch, guard, group]);
    // Signals that a descriptor sends: to whom is behind a pointer in some of the forms, so those are refused.
    const F_SETOWN: u32 = 8;
    const F_SETOWN_EX: u32 = 15;
    forbid_values(filter, libc::SYS_ioctl, 1, &[0x8901, 0x8902]);
    let owners = [watch, guard, group.wrapping_neg()];
    let length = 2 + 2 * owners.len() as u8;
    filter.extend([
        unless(EQUAL, libc::SYS_fcntl as u32, length + 5),
        op(LOAD, argument(1)),
        unless(EQUAL, F_SETOWN_EX, 1),
        op(RETURN, REFUSE),
        unless(EQUAL, F_SETOWN, length),
        op(LOAD, argument(2)),
    ]);
    for owner in owners {
        filter.extend([unless(EQUAL, owner, 1), op(RETURN, REFUSE)]);
    }
    filter.extend([op(RETURN, ALLOW), op(RETURN, ALLOW)]);
}

/// Refuses the call when the argument is one of the values.
fn forbid_values(filter: &mut Vec<sock_filter>, call: libc::c_long, index: u32, values: &[u32]) {
    filter.extend([unless(EQUAL, call as u32, 2 + 2 * values.len() as u8), op(LOAD, argument(index))]);
    for value in values {
        filter.extend([unless(EQUAL, *value, 1), op(RETURN, REFUSE)]);
    }
    filter.push(op(RETURN, ALLOW));
}

#[cfg(test)]
mod tests;
