//! What passes again without anybody being asked: in the session that it was approved for, and for some time only.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Request, State, What};
use crate::approval::Repeat;
use crate::clock::{Span, Timestamp};
use crate::id::SessionId;

/// What of a held operation stays the same where its operands change. Two operations of one shape differ in nothing that
/// rules look at but the operands' own text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Its hash, and that of all that gives it its meaning, as 64 hex digits.
    pub fingerprint: String,
    /// For people: `rm -r …`.
    pub shown: String,
}

impl Shape {
    /// The longest words of a shape that may be allowed, in characters: every card and form shows so many whole. One that was
    /// cut would end in what reads as any operand.
    pub const LONGEST: usize = 60;

    /// Whether its words are shown whole wherever somebody decides.
    pub fn is_short(&self) -> bool {
        self.shown.chars().count() <= Self::LONGEST
    }
}

/// How much of what an operation does its hash tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exactness {
    /// All of it: what has the same hash does the same.
    #[default]
    Whole,
    /// Its text alone: the same words may do something else in another folder, or with other variables.
    Text,
}

impl Exactness {
    /// Whether the hash tells all of it.
    pub const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole)
    }
}

/// As what an operation passes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Again {
    /// It is exactly what was approved.
    Exact,
    /// It has the shape of what was approved.
    Shape,
}

impl Again {
    /// The name in the log, on the command line and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Shape => "shape",
        }
    }

    /// What an approver chooses with it: for so long, or as long as the policy lets it.
    pub const fn repeat(self, within: Option<Span>) -> Repeat {
        match self {
            Self::Exact => Repeat::Exact { within },
            Self::Shape => Repeat::Shape { within },
        }
    }

    /// In the middle of a sentence.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Exact => "again for exactly this",
            Self::Shape => "again for this shape",
        }
    }
}

/// Why a text does not say as what something may pass again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is nothing that can pass again; write `exact` or `shape`")]
pub struct AgainError(pub String);

impl FromStr for Again {
    type Err = AgainError;

    fn from_str(text: &str) -> Result<Self, AgainError> {
        [Self::Exact, Self::Shape]
            .into_iter()
            .find(|one| one.as_str() == text)
            .ok_or_else(|| AgainError(text.to_owned()))
    }
}

impl What {
    /// As what people may allow it again at all, the least first.
    pub fn repeats_as(&self) -> &'static [Again] {
        let Self::Operation { shape, exact, .. } = self else { return &[] };
        match (shape, exact) {
            (Some(shape), _) if shape.is_short() => &[Again::Exact, Again::Shape],
            // What has a shape is written out in full, so that the same words do the same.
            (Some(_), _) | (None, Exactness::Whole) => &[Again::Exact],
            (None, Exactness::Text) => &[],
        }
    }
}

impl Request {
    /// As what people may allow it again at all, the least first.
    pub fn repeats_as(&self) -> &'static [Again] {
        self.what.repeats_as()
    }

    /// What of it passes again, and until when, its session lasting as long: the least that all who agreed chose, and no
    /// longer than the policy lets it. Nothing before it has passed once.
    pub fn repeats_until(&self) -> Option<(Again, Timestamp)> {
        let (at, votes) = match &self.state {
            State::Spent { at, votes } => (*at, votes),
            State::Pending { .. }
            | State::Approved { .. }
            | State::Denied { .. }
            | State::Withdrawn { .. }
            | State::Lapsed { .. } => return None,
        };
        let repeat = votes.terms().repeat;
        let again = match repeat {
            Repeat::Once => return None,
            Repeat::Exact { .. } => Again::Exact,
            Repeat::Shape { .. } => Again::Shape,
        };
        let most = self.needs.repeat();
        Some((again, at.plus(repeat.within().map_or(most, |within| within.min(most)))))
    }

    /// As what an operation may pass again, if it may: in the same session, in time, by its own hash or by its shape's.
    ///
    /// INVARIANT: what was approved exactly never passes by its shape.
    pub fn repeats(&self, by: SessionId, hash: &str, of_shape: Option<&str>, now: Timestamp) -> Option<Again> {
        let (most, until) = self.repeats_until()?;
        let What::Operation { session, fingerprint, shape, .. } = &self.what else { return None };
        if *session != by || now >= until || self.repeats_as().is_empty() {
            return None;
        }
        if fingerprint == hash {
            return Some(Again::Exact);
        }
        let same = matches!((shape, of_shape), (Some(shape), Some(other)) if shape.fingerprint == other);
        (most == Again::Shape && same && self.repeats_as().contains(&most)).then_some(Again::Shape)
    }
}

#[cfg(test)]
mod tests;
