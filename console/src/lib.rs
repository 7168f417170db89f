#![doc = include_str!("../README.md")]

mod api;
mod auth;
mod config;
mod connection;
pub mod documents;
mod extract;
mod gauges;
mod openapi;
mod page;
mod problem;
mod routes;
mod seam;
mod search;
mod server;

pub use config::Config;
pub use gauges::{Gate, Gauges};
pub use openapi::document;
pub use problem::Problem;
pub use routes::{Certify, Entry, Explain, Guard, Proof, Prove, Wish, inventory};
pub use search::{Find, Look, Looked, MORE, Query, Stopped};
pub use server::{BindError, Console, RunError};
