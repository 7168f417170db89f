//! The end of everything below a process: no descendant is left.

use std::collections::HashMap;
use std::time::Duration;

use crate::proc::after_name;
use crate::sys::{tell, wait_any};

/// How long those who are told to go may take.
const GRACE: Duration = Duration::from_millis(300);
const STEP: Duration = Duration::from_millis(5);

/// Asks them to go, then makes them. Orphans come to this process, which has asked the kernel for them; so whoever
/// starts another one while this runs only makes the next round longer, and a process that is being killed starts none.
pub(crate) fn end_gently() {
    for pid in below_me() {
        tell(pid, libc::SIGHUP);
        tell(pid, libc::SIGCONT);
    }
    let mut left = GRACE;
    while !reaped_all() && !left.is_zero() {
        std::thread::sleep(STEP);
        left = left.saturating_sub(STEP);
    }
    end();
}

/// Kills every descendant, until there is none.
pub(crate) fn end() {
    loop {
        let all = below_me();
        for pid in &all {
            tell(*pid, libc::SIGKILL);
        }
        if reaped_all() {
            return;
        }
        std::thread::sleep(STEP);
    }
}

/// Collects whoever has ended. True when no child is left.
fn reaped_all() -> bool {
    while wait_any().is_some() {}
    own_children().is_empty()
}

fn own_children() -> Vec<i32> {
    let me = rustix::process::getpid().as_raw_pid();
    let text = std::fs::read_to_string(format!("/proc/{me}/task/{me}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Every descendant that /proc shows, and in any case the children.
fn below_me() -> Vec<i32> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Ok(stat) = std::fs::read(entry.path().join("stat")) else { continue };
        let stat = String::from_utf8_lossy(&stat).into_owned();
        let parent = after_name(&stat).and_then(|rest| rest.split_whitespace().nth(1)?.parse().ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut all = own_children();
    let mut at = 0;
    while let Some(pid) = all.get(at).copied() {
        for child in children.remove(&pid).unwrap_or_default() {
            if !all.contains(&child) {
                all.push(child);
            }
        }
        at += 1;
    }
    all
}
