#![doc = include_str!("../README.md")]

pub mod approval;
pub mod clock;
pub mod grant;
pub mod id;
pub mod identity;
pub mod notice;
pub mod operation;
pub mod request;
pub mod secret;
pub mod session;
pub mod target;
pub mod told;
pub mod verdict;
pub mod engine;
