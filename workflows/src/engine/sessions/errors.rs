//! What can go wrong with a session, in the words of whoever hears of it.

use crate::evidence::recording::RecordError;
use crate::id::{RequestId, SessionId};
use crate::request::Refused;
use crate::store::StoreError;
use crate::target::TargetName;
use crate::told::{Fault, Told};

/// Why nobody was let in.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// No such target, or no live grant for it: the two are not told apart.
    #[error(
        "you have no access to `{0}` at the moment; ask for it with `countersign request {0} --for 1h --because …`"
    )]
    NoGrant(String),
    /// The policy has changed since the grant was made (G6).
    #[error("the policy no longer permits your access to `{0}`")]
    PolicyChanged(TargetName),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Told for AdmitError {
    fn told(&self) -> String {
        match self {
            Self::Store(error) => error.told(),
            Self::NoGrant(_) | Self::PolicyChanged(_) => self.to_string(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::NoGrant(_) | Self::PolicyChanged(_) => Fault::Refused,
            Self::Store(_) => Fault::Ours,
        }
    }
}

/// Why a session did not begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// It can't be recorded: no record, no pass.
    #[error("the session can't be recorded, so it can't begin")]
    Record(#[from] RecordError),
    /// The grant ended in between.
    #[error("your access ended a moment ago")]
    Over,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Told for BeginError {
    fn told(&self) -> String {
        match self {
            Self::Record(_) => {
                "Countersign can't record the session, so it can't begin; tell the platform team".to_owned()
            }
            Self::Over => self.to_string(),
            Self::Store(error) => error.told(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Record(_) | Self::Store(_) => Fault::Ours,
            Self::Over => Fault::Refused,
        }
    }
}

/// Why nobody could be asked about an operation.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Told for HoldError {
    fn told(&self) -> String {
        match self {
            Self::Store(error) => error.told(),
        }
    }

    fn fault(&self) -> Fault {
        Fault::Ours
    }
}

/// Why an approval was not used.
#[derive(Debug, thiserror::Error)]
pub enum SpendError {
    /// There is no such request.
    #[error("there is no request `{0}`")]
    Missing(RequestId),
    /// The state machine says no.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The policy now forbids it, or asks for more than was agreed (G6).
    #[error("the policy changed after the approval, and now asks for more; ask again")]
    PolicyChanged,
    /// The grant ended in between.
    #[error("the access that it was approved under has ended")]
    Over,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Told for SpendError {
    fn told(&self) -> String {
        match self {
            Self::Store(error) => error.told(),
            Self::Missing(_) | Self::Refused(_) | Self::PolicyChanged | Self::Over => self.to_string(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Missing(_) => Fault::Missing,
            Self::Refused(_) | Self::PolicyChanged | Self::Over => Fault::Refused,
            Self::Store(_) => Fault::Ours,
        }
    }
}

/// Why a session was not ended.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// There is none, it is over, or they may not know of it.
    #[error("there is no live session `{0}`, or you may not end it")]
    Missing(SessionId),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Told for EndError {
    fn told(&self) -> String {
        match self {
            Self::Store(error) => error.told(),
            Self::Missing(_) => self.to_string(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Missing(_) => Fault::Missing,
            Self::Store(_) => Fault::Ours,
        }
    }
}
