//! Countersign, put together: the command line, the composition root, and what they share.

pub mod cli;
pub mod client;
pub mod commands;
pub mod config;
pub mod credentials;
pub mod demo;
pub mod failure;
pub mod ids;
pub mod judge;
pub mod plain;
pub mod progress;
pub mod prompt;
pub mod relay;
pub mod replay;
pub mod screen;
pub mod serve;
pub mod trace;
