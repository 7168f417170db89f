#![doc = include_str!("../README.md")]

pub mod approval;
mod bell;
pub mod clock;
pub mod digest;
pub mod engine;
pub mod evidence;
pub mod grant;
pub mod id;
pub mod identity;
pub mod notice;
pub mod oncall;
pub mod operation;
pub mod policy;
pub mod reconcile;
pub mod request;
pub mod secret;
pub mod session;
pub mod shown;
mod store;
pub mod target;
pub mod told;
pub mod verdict;

pub use engine::{Config, Workflows};
pub use store::{Faults, StoreError};
