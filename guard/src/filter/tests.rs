//! A small machine that runs the filter, so that every rule is tried without touching this process.

use super::*;

fn run(filter: &[sock_filter], arch: u32, call: i64, args: [u64; 6]) -> u32 {
    let mut data = Vec::new();
    data.extend((call as u32).to_le_bytes());
    data.extend(arch.to_le_bytes());
    data.extend([0; 8]);
    data.extend(args.iter().flat_map(|arg| arg.to_le_bytes()));
    let (mut at, mut held) = (0, 0_u32);
    loop {
        let step = filter[at];
        at += 1;
        let holds = match step.code {
            LOAD => {
                held = u32::from_le_bytes(data[step.k as usize..][..4].try_into().unwrap());
                continue;
            }
            RETURN => return step.k,
            EQUAL => held == step.k,
            0x35 => held >= step.k,
            ANY_BIT => held & step.k != 0,
            other => panic!("instruction {other:#x}"),
        };
        at += usize::from(if holds { step.jt } else { step.jf });
    }
}

fn filter() -> Vec<sock_filter> {
    build(Untouchable { watch: 100, guard: 101, group: 90 })
}

fn verdict(call: i64, args: &[u64]) -> u32 {
    let mut all = [0; 6];
    all[..args.len()].copy_from_slice(args);
    run(&filter(), ARCH, call, all)
}

/// The signal that a fork ends with.
const CHILD: u64 = libc::SIGCHLD as u64;
const MINUS: fn(u64) -> u64 = |number| number.wrapping_neg();

#[test]
fn every_exec_is_asked_about() {
    assert_eq!(verdict(libc::SYS_execve, &[]), ASK);
    assert_eq!(verdict(libc::SYS_execveat, &[]), ASK);
}

#[test]
fn another_abi_is_not_let_in() {
    for arch in [0x4000_0003, 0, 0xc000_00b7 ^ 0xc000_003e ^ ARCH] {
        assert_eq!(run(&filter(), arch, libc::SYS_execve, [0; 6]), KILL);
        assert_eq!(run(&filter(), arch, 11, [0; 6]), KILL, "execve of i386");
    }
    #[cfg(target_arch = "x86_64")]
    for call in [520, 545, libc::SYS_execve, libc::SYS_getpid] {
        assert_eq!(verdict(call | i64::from(X32), &[]), UNKNOWN, "x32");
    }
}

#[test]
fn what_would_reach_into_a_judged_program_is_refused() {
    for call in [
        libc::SYS_ptrace,
        libc::SYS_process_vm_writev,
        libc::SYS_process_madvise,
        libc::SYS_pidfd_getfd,
        libc::SYS_userfaultfd,
        libc::SYS_setns,
        libc::SYS_io_uring_setup,
    ] {
        assert_eq!(verdict(call, &[]), REFUSE, "call {call}");
    }
    assert_eq!(verdict(libc::SYS_seccomp, &[1, 1 << 3]), REFUSE, "a listener of its own");
    assert_eq!(verdict(libc::SYS_seccomp, &[1, (1 << 3) | (1 << 5)]), REFUSE);
    assert_eq!(verdict(libc::SYS_seccomp, &[1, 0]), ALLOW, "a stricter filter does no harm");
}

#[test]
fn namespaces_and_shared_folders_are_refused_and_threads_are_not() {
    for bit in [libc::CLONE_NEWUSER, libc::CLONE_NEWNS, libc::CLONE_NEWPID] {
        assert_eq!(verdict(libc::SYS_unshare, &[bit as u64]), REFUSE);
        assert_eq!(verdict(libc::SYS_clone, &[bit as u64 | CHILD]), REFUSE);
    }
    assert_eq!(verdict(libc::SYS_unshare, &[libc::CLONE_NEWNET as u64]), ALLOW);
    let thread =
        (libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SIGHAND | libc::CLONE_THREAD) as u64;
    assert_eq!(verdict(libc::SYS_clone, &[thread]), ALLOW);
    assert_eq!(verdict(libc::SYS_clone, &[17]), ALLOW, "fork");
    assert_eq!(verdict(libc::SYS_clone, &[(libc::CLONE_VM | libc::CLONE_VFORK) as u64 | CHILD]), ALLOW, "vfork");
    assert_eq!(verdict(libc::SYS_clone, &[libc::CLONE_FS as u64 | CHILD]), REFUSE);
    assert_eq!(verdict(libc::SYS_clone3, &[]), UNKNOWN);
}

#[test]
fn the_guard_is_out_of_reach_and_everybody_else_is_not() {
    for call in
        [libc::SYS_kill, libc::SYS_tkill, libc::SYS_rt_sigqueueinfo, libc::SYS_pidfd_open, libc::SYS_prlimit64]
    {
        assert_eq!(verdict(call, &[100, 9]), REFUSE, "call {call}");
        assert_eq!(verdict(call, &[101, 9]), REFUSE, "call {call}");
        assert_eq!(verdict(call, &[102, 9]), ALLOW, "call {call}");
        assert_eq!(verdict(call, &[0x7_0000_0064, 9]), REFUSE, "the kernel looks at the lower half too");
    }
    for target in [90, 1] {
        assert_eq!(verdict(libc::SYS_kill, &[MINUS(target), 9]), REFUSE, "-{target}");
    }
    assert_eq!(verdict(libc::SYS_kill, &[MINUS(91), 9]), ALLOW);
    assert_eq!(verdict(libc::SYS_kill, &[0, 9]), ALLOW, "its own group");
    for call in [libc::SYS_tgkill, libc::SYS_rt_tgsigqueueinfo] {
        assert_eq!(verdict(call, &[100, 100, 9]), REFUSE);
        assert_eq!(verdict(call, &[5, 101, 9]), REFUSE);
        assert_eq!(verdict(call, &[5, 5, 9]), ALLOW);
    }
    for group in [100, 101, 90] {
        assert_eq!(verdict(libc::SYS_setpgid, &[0, group]), REFUSE, "{group}");
    }
    assert_eq!(verdict(libc::SYS_setpgid, &[0, 0]), ALLOW);
    assert_eq!(verdict(libc::SYS_pidfd_send_signal, &[3, 9]), UNKNOWN);
    for owner in [100, 101, MINUS(90)] {
        assert_eq!(verdict(libc::SYS_fcntl, &[3, 8, owner]), REFUSE, "F_SETOWN {owner}");
    }
    assert_eq!(verdict(libc::SYS_fcntl, &[3, 8, 555]), ALLOW);
    assert_eq!(verdict(libc::SYS_fcntl, &[3, 15, 0]), REFUSE, "F_SETOWN_EX");
    assert_eq!(verdict(libc::SYS_fcntl, &[3, 2, 100]), ALLOW, "F_SETFD");
    assert_eq!(verdict(libc::SYS_ioctl, &[3, 0x8901]), REFUSE, "FIOSETOWN");
    assert_eq!(verdict(libc::SYS_ioctl, &[3, 0x5401]), ALLOW, "TCGETS");
}

#[test]
fn everything_else_passes() {
    for call in [libc::SYS_read, libc::SYS_openat, libc::SYS_socket, libc::SYS_wait4, libc::SYS_prctl] {
        assert_eq!(verdict(call, &[]), ALLOW, "call {call}");
    }
    assert!(filter().len() < 200);
}
