//! Every end-to-end test: real PostgreSQL and real clients through the real `serve()`. One binary, to build it once.
#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::allow_attributes,
    reason = "tests may"
)]

mod architecture;
mod chat;
mod discord;
mod drivers;
mod evidence;
mod expiry;
mod holds;
mod input;
mod masking;
mod outage;
mod postgres;
mod process;
mod slack;
mod ssh;
mod story;
mod world;
