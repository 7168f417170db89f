#![doc = include_str!("../README.md")]

mod bot;
pub mod card;
pub mod chart;
pub mod command;
pub mod config;
pub mod courier;
pub mod desk;
pub mod discord;
mod doctor;
pub mod event;
pub mod form;
pub mod inbox;
mod link;
pub mod matrix;
mod members;
pub mod oncall;
pub mod platform;
pub mod render;
#[cfg(test)]
mod samples;
pub mod slack;
mod suggest;

pub use bot::{Bot, BotError};
pub use config::Config;
pub use inbox::Inbox;
pub use platform::Platform;
