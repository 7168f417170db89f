#![doc = include_str!("../README.md")]

#[cfg(target_os = "linux")]
mod abi;
#[cfg(target_os = "linux")]
mod asking;
#[cfg(target_os = "linux")]
mod lists;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod settings;
#[cfg(target_os = "linux")]
mod waiting;
