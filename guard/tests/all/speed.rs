//! What a program's start costs with and without the guard. Printed, for the README; only absurd figures fail.

use std::process::Command;

use crate::world::{Reply, World, compile, folder, left_out};

fn quantiles(text: &str) -> (u64, u64) {
    let mut times: Vec<u64> = text.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(times.len(), 300);
    times.sort_unstable();
    (times[150], times[297])
}

#[test]
fn a_start_costs_little() {
    if left_out() {
        return;
    }
    let uid = rustix::process::geteuid().as_raw();
    let folder = folder(uid);
    let ways = compile(folder.path(), "ways");
    let free = Command::new(&ways).args(["time", "300"]).output().unwrap();
    let argv = [ways.to_str().unwrap(), "time", "300"];
    let guarded = World::start(&argv, Box::new(|_| Reply::Go)).end();
    assert_eq!(guarded.seen.outcomes().get("started"), Some(&301), "{}", guarded.err);
    let (free, guarded) = (quantiles(&String::from_utf8(free.stdout).unwrap()), quantiles(&guarded.out));
    println!(
        "fork, exec and wait, in µs: p50 {} p99 {} without the guard, p50 {} p99 {} with it",
        free.0, free.1, guarded.0, guarded.1
    );
    assert!(guarded.0 < free.0 + 50_000);
}
