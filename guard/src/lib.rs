#![doc = include_str!("../README.md")]

pub mod wire;

#[cfg(target_os = "linux")]
mod args;
#[cfg(target_os = "linux")]
mod filter;
#[cfg(target_os = "linux")]
mod judge;
#[cfg(target_os = "linux")]
mod link;
#[cfg(target_os = "linux")]
mod options;
#[cfg(target_os = "linux")]
mod proc;
#[cfg(target_os = "linux")]
mod program;
#[cfg(target_os = "linux")]
mod relay;
#[cfg(target_os = "linux")]
mod screen;
#[cfg(target_os = "linux")]
mod session;
#[cfg(target_os = "linux")]
mod start;
#[cfg(target_os = "linux")]
mod sys;
#[cfg(target_os = "linux")]
mod tree;

#[cfg(target_os = "linux")]
pub use judge::visible;
#[cfg(target_os = "linux")]
pub use {
    args::{Asked, KEY_FILE, NAME, Wrong, read, read_key},
    options::{Failed, Options},
    relay::relay,
    start::{CUT_OFF, NOT_STARTED, named, run, said},
};

#[cfg(target_os = "linux")]
/// One call, as `countersign guard` and the program of this crate make it. Nothing else may run in the process.
pub fn main(args: &[std::ffi::OsString]) -> u8 {
    let outcome = match read(args) {
        Ok(Asked::Session(options)) => run(&options),
        Ok(Asked::Relay { folder, name, only_sudo }) => relay(&folder, &name, only_sudo).map(|()| 0),
        Ok(Asked::Named { session, socket, argv }) => Err(named(&session, &socket, &argv)),
        Err(wrong) => {
            eprintln!("countersign: {wrong}");
            return NOT_STARTED;
        }
    };
    outcome.unwrap_or_else(|failed| {
        eprintln!("countersign: {}", said(&failed));
        NOT_STARTED
    })
}
