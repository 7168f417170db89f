//! What a protocol must explain to the loop: where a turn of its conversation begins and ends, what it would do, and
//! how to let it pass, refuse it, or keep its sender informed. Whether it passes is not a dialect's business.

use std::ops::Range;
use std::sync::Arc;

use workflows::request::Exactness;
use workflows::session::Ending;

use crate::checkpoint::Cleared;
use crate::record::Record;
use crate::seams::Classified;
use crate::shell::Shape;

/// What somebody is told, with the protocol's own code for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// The SQLSTATE.
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) detail: String,
    pub(crate) hint: String,
    /// Where in the statement the mistake is, in characters from 1, as the target counts; none elsewhere.
    pub(crate) position: Option<u32>,
}

/// Why a conversation cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// The client closed its connection.
    #[error("the client left")]
    Left,
    /// The target closed its connection.
    #[error("the target closed the connection")]
    TargetGone,
    /// What happened could not be recorded: no record, no pass.
    #[error("the recording could not be written")]
    NotRecorded,
    /// Somebody broke a rule of the protocol, or a bound of ours.
    #[error("{message}", message = .0.message)]
    Rules(Told),
}

impl Broken {
    /// A message that nobody can read.
    pub(crate) fn protocol(why: impl std::fmt::Display) -> Self {
        Self::Rules(Told { code: "08P01", message: format!("the protocol was broken: {why}"), ..Told::default() })
    }

    /// Something that has to be there is not.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::Rules(Told { code: "08004", message: message.into(), ..Told::default() })
    }

    /// More than we hold in memory for one session.
    pub(crate) fn too_large(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Rules(Told { code: "54000", message: message.into(), hint: hint.into(), ..Told::default() })
    }

    /// How it is written down.
    pub(crate) const fn ending(&self) -> Ending {
        match self {
            Self::Left => Ending::Left,
            Self::TargetGone => Ending::TargetGone,
            Self::NotRecorded => Ending::NotRecorded,
            Self::Rules(_) => Ending::Broken,
        }
    }

    /// What the client is told, as far as it is still there.
    pub(crate) fn told(&self) -> Told {
        match self {
            Self::Rules(told) => told.clone(),
            Self::Left | Self::TargetGone => Told { code: "08006", message: self.to_string(), ..Told::default() },
            Self::NotRecorded => Told {
                code: "58030",
                message: self.to_string(),
                hint: "nothing passes unrecorded; tell the operators of Countersign".to_owned(),
                ..Told::default()
            },
        }
    }
}

/// Why a wait on a hold ended on the client's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The client closed its connection.
    Left,
    /// The client cancelled what it had asked for.
    Withdrew,
}

/// Where the text of an operation is.
#[derive(Clone, Debug, Default)]
pub(crate) enum Text {
    /// It has none of its own.
    #[default]
    Nothing,
    /// In the turn's own bytes.
    Here(Range<usize>),
    /// Kept from an earlier message.
    Kept(Arc<[u8]>),
}

/// One thing that a turn asks for, as the classifier read it.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// What it says. Shared with the classifier, so that a known text costs nothing.
    pub(crate) classified: Arc<Classified>,
    /// What else runs with it: the statement behind an SQL-level EXECUTE.
    pub(crate) inner: Vec<Arc<Classified>>,
    /// False for a statement that only gets a name or a portal now. It is refused if it may never run, but never held.
    pub(crate) runs: bool,
    /// Its text.
    pub(crate) text: Text,
    /// The message that bound its values, if any did.
    pub(crate) bound: Option<Arc<[u8]>>,
    /// The types that were declared for them.
    pub(crate) types: Option<Arc<[u8]>>,
}

/// Reads the text of an ask and its bound values; `true` marks a binary one.
pub(crate) type Read<'a> = dyn FnMut(&[u8], &[(Option<&[u8]>, bool)]) + 'a;

/// A unit that passes or is refused as a whole.
pub(crate) trait Turn {
    /// What it asks for, in order. None where nothing runs, as with a lone Sync.
    fn asks(&self) -> impl Iterator<Item = &Ask>;
}

/// A protocol, seen from the loop. Static dispatch: this is the hot path, and the set is closed.
pub(crate) trait Dialect {
    /// The unit of its conversation.
    type Turn: Turn;

    /// The next turn; `None` when the client said goodbye. Cancel-safe: nothing is consumed before the turn is whole.
    async fn next_turn(&mut self, record: &mut Record<'_>) -> Result<Option<Self::Turn>, Broken>;

    /// Lets a turn pass and the answer come back. If it is dropped midway, only `close` may follow.
    async fn forward(&mut self, turn: Cleared<Self::Turn>, record: &mut Record<'_>) -> Result<(), Broken>;

    /// Answers in the target's place, and leaves everything as if the target itself had refused.
    async fn refuse(&mut self, turn: Self::Turn, told: &Told, record: &mut Record<'_>) -> Result<(), Broken>;

    /// Says something without answering. Cancel-safe.
    async fn tell(&mut self, told: &Told, record: &mut Record<'_>) -> Result<(), Broken>;

    /// Keeps a waiting client informed, `again` once a minute; resolves if it leaves or cancels. Cancel-safe.
    async fn held(&mut self, again: &Told, record: &mut Record<'_>) -> Result<Gone, Broken>;

    /// Whether the conversation goes on beside this turn while people are asked. Then it may also be [`about`](Self::about) another turn
    /// meanwhile, and [`held`](Self::held) is not called.
    fn goes_on(&self, _turn: &Self::Turn) -> bool {
        false
    }

    /// What is told from here on is about this turn.
    fn about(&mut self, _turn: &Self::Turn) {}

    /// Whether nobody waits any more for a turn beside which the conversation went on. A next turn, if only an empty one, follows when
    /// that changes.
    fn is_given_up(&mut self, _turn: &Self::Turn) -> bool {
        false
    }

    /// What the target itself says against a turn that nobody here could read, if it cannot read it either: then nobody
    /// has to be asked about a slip of the pen. Bounded in time, never runs the turn; in doubt it finds nothing.
    async fn mistake(&mut self, turn: &Self::Turn) -> Option<Told>;

    /// What the turn would touch, in lines for whoever decides. Bounded in time; never fails, never runs the turn.
    async fn preview(&mut self, turn: &Self::Turn) -> Vec<String>;

    /// The exact bytes of the turn.
    fn raw<'t>(&'t self, turn: &'t Self::Turn) -> &'t [u8];

    /// What gives the bytes their meaning: names behind them, settings, role. Part of the fingerprint.
    fn meaning(&self, turn: &Self::Turn, part: &mut dyn FnMut(&[u8]));

    /// What of the turn stays the same where its operands change, so that people may allow others like it. Nothing where that
    /// can't be said for certain, as of any SQL: there the text alone tells one statement from another.
    fn shape(&self, _turn: &Self::Turn) -> Option<Shape> {
        None
    }

    /// How much of what the turn does its bytes and their meaning tell, and with them its fingerprint.
    fn exactness(&self, _turn: &Self::Turn) -> Exactness {
        Exactness::Whole
    }

    /// Text and bound values of an ask, as they were sent.
    fn said(&self, turn: &Self::Turn, ask: &Ask, read: &mut Read<'_>);

    /// Whether the conversation is inside a transaction.
    fn in_transaction(&self) -> bool;

    /// What the recording should say of things that were on their way when it ended. After `close`.
    fn left_over(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Ends it on both sides: the target's work is cancelled, the client reads why, and both are closed.
    async fn close(&mut self, told: &Told);
}
