//! Real sessions of real programs under the real guard: what is asked, what happens after each answer, and how it ends.
#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::allow_attributes,
    reason = "tests may"
)]

mod answers;
mod ends;
mod inside;
mod oracle;
mod races;
mod relay;
mod speed;
mod ways;
mod world;
