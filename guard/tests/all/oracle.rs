//! The kernel's own list of programs that were started, compared with what the guard asked about.

use std::collections::{BTreeMap, HashSet};
use std::os::fd::OwnedFd;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::world::{Reply, World, bash, is_root, left_out};

const FORK: u32 = 1;
const EXEC: u32 = 2;

/// Asks the kernel for the events of all processes (the proc connector).
fn subscribe() -> OwnedFd {
    let protocol = rustix::net::Protocol::from_raw(11.try_into().unwrap());
    let socket =
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(protocol))
            .unwrap();
    rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, 32 << 20).unwrap();
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, 1)).unwrap();
    let mut message = Vec::new();
    message.extend(40_u32.to_ne_bytes()); // length of all
    message.extend(3_u16.to_ne_bytes()); // NLMSG_DONE
    message.extend([0; 10]);
    message.extend(1_u32.to_ne_bytes()); // CN_IDX_PROC
    message.extend(1_u32.to_ne_bytes()); // CN_VAL_PROC
    message.extend([0; 8]);
    message.extend(4_u16.to_ne_bytes());
    message.extend([0; 2]);
    message.extend(1_u32.to_ne_bytes()); // PROC_CN_MCAST_LISTEN
    rustix::net::send(&socket, &message, SendFlags::empty()).unwrap();
    socket
}

/// Every exec among the descendants of `root`, by process.
fn execs(socket: &OwnedFd, root: u32) -> BTreeMap<u32, usize> {
    let mut family = HashSet::from([root]);
    let mut execs = BTreeMap::new();
    let mut message = [0; 4_096];
    while let Ok((count, _)) = rustix::net::recv(socket, &mut message, RecvFlags::DONTWAIT) {
        let event = &message[36..count];
        let number = |at: usize| u32::from_ne_bytes(event[at..at + 4].try_into().unwrap());
        match number(0) {
            // parent's thread and process, child's thread and process
            FORK if family.contains(&number(20)) => drop(family.insert(number(28))),
            EXEC if family.contains(&number(20)) => *execs.entry(number(20)).or_default() += 1,
            _ => {}
        }
    }
    execs
}

#[test]
fn every_exec_that_the_kernel_saw_was_asked_about() {
    if left_out() {
        return;
    }
    if !is_root() {
        eprintln!("LEFT OUT: the kernel tells about all processes to root only");
        return;
    }
    let socket = subscribe();
    let line = "for i in 1 2 3 4 5 6 7 8; do (ls / | wc -l; find / -maxdepth 1 -exec basename {} ';' | xargs -n 2 echo; \
                sh -c 'id; date' & python3 -c 'import os; os.system(\"uname -a\"); os.execv(\"/bin/true\", [\"true\"])') & done; wait; \
                (setsid nohup sh -c 'sleep 0.1; id' &); sleep 0.5";
    let world = World::start(&bash(line), Box::new(|_| Reply::Go));
    let root = world.child.id();
    let ended = world.end();
    let mut kernel = execs(&socket, root);
    // The guard's own start, which nobody can ask about.
    assert_eq!(kernel.remove(&root), Some(1));
    let pid_of: BTreeMap<_, _> = ended.seen.asked.iter().map(|question| (question.nonce, question.pid)).collect();
    let mut ours: BTreeMap<u32, usize> = BTreeMap::new();
    for (nonce, outcome) in &ended.seen.followed {
        if *outcome == guard::wire::Outcome::Started {
            *ours.entry(pid_of[nonce]).or_default() += 1;
        }
    }
    let total: usize = kernel.values().sum();
    println!("{total} programs started, {} questions", ended.seen.asked.len());
    assert!(total > 100, "{total}: {}", ended.err);
    assert_eq!(ours, kernel);
}
