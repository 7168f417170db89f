//! Where the gateway's heart meets its neighbours, by one name each.

pub(crate) use workflows::StoreError;
pub(crate) use workflows::engine::{Held, Life, LiveSession, Workflows};
pub(crate) use workflows::evidence::recording::{EventRef, Tape};
pub(crate) use workflows::policy::Scope;
pub(crate) use workflows::request::Outcome;

pub(crate) use crate::sql::{Classified, Classifier, CopyFormat, CopyOut, visible};
pub(crate) use crate::stream::Stream;
