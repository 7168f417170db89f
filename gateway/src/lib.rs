#![doc = include_str!("../README.md")]

pub mod config;
pub mod listen;
pub mod mask;
pub mod postgres;
pub mod sql;
pub mod stream;
pub mod tls;
