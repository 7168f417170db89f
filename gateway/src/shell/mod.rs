//! Reading command lines: what a shell would be told to do becomes operations for the judge, one for each program that
//! would run.
//!
//! Three rules hold everything here together. What cannot be read is [`Act::Opaque`], never "probably harmless". A program
//! is looked through as far as its arguments tell what it runs in turn, and each program on the way is an operation of its
//! own. And a program that nobody listed is taken for one that writes.
//!
//! Nothing here reads a file, a clock or the environment.
//!
//! [`Act::Opaque`]: workflows::operation::Act::Opaque

mod ansi;
mod arg;
mod assign;
mod braces;
mod exec;
mod facts;
mod interpret;
mod know;
mod options;
mod plain;
mod read;
mod redirect;
mod run;
mod secrets;
mod shape;
mod test;
mod walk;
mod word;
mod wrap;

#[cfg(test)]
mod tests;

pub use exec::{Exec, classify_exec};
pub use read::{Login, MAX_TEXT, Shell, classify};
pub(crate) use secrets::find as secrets_in;
pub use shape::{Shape, shape, shape_exec};
