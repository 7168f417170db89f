//! PostgreSQL: from the first byte of a connection to the last.

mod binding;
pub mod cancel;
mod catalog;
mod cells;
mod copy;
mod dial_error;
mod extended;
pub mod greeting;
mod link;
mod masking;
mod preview;
pub mod refusal;
mod reply;
mod serve;
pub mod settings;
mod side;
mod signin;
pub mod startup;
mod talk;
mod turn;
pub mod upstream;
mod wire;

pub(crate) use catalog::Catalogs;
pub(crate) use serve::{Shared, serve};

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
