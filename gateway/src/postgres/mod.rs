//! PostgreSQL.

mod binding;
pub mod cancel;
mod dial_error;
pub mod greeting;
pub mod refusal;
pub mod settings;
mod signin;
pub mod startup;
pub mod upstream;

#[cfg(test)]
pub(crate) mod testing;
