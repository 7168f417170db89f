//! Reading SQL: a message's text becomes operations for the judge, lineage for the masks, and text for people.
//!
//! Three rules hold everything here together. What cannot be read is [`Act::Opaque`], never "probably harmless". A
//! statement is judged by the strongest thing that it does at any depth. And the parser, which recurses, runs on
//! threads of its own with large stacks, so that no text can end the process.
//!
//! [`Act::Opaque`]: workflows::operation::Act::Opaque

mod cache;
mod canon;
mod children;
mod classify;
mod copy;
mod define;
mod depth;
mod functions;
mod lineage;
mod names;
mod narrow;
mod objects;
mod plpgsql;
mod read;
mod settings;
mod shape;
mod show;
mod statement;
mod stores;
mod walk;

#[cfg(test)]
mod tests;

pub use classify::Classifier;
pub use copy::{CopyFormat, CopyOut, CopyTable};
pub use lineage::{Lineage, Mentions, Source};
pub use read::{Classified, MAX_TEXT};
pub use show::{brief, slice, visible};
