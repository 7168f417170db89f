//! How often an approved operation may pass: once, exactly this again, or its shape again, perhaps for some time only.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::Span;

/// How often an approved operation may pass. Its text is what rows hold: `once`, `in_session`, `in_session 10m`, `shape`,
/// `shape 10m`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Repeat {
    /// Once.
    #[default]
    Once,
    /// Exactly this, again and again, in its session.
    Exact {
        /// For no longer than this from the moment when it first passes; else as long as the policy lets it.
        within: Option<Span>,
    },
    /// The same programs with the same options and other operands, again and again, in its session.
    Shape {
        /// For no longer than this from the moment when it first passes; else as long as the policy lets it.
        within: Option<Span>,
    },
}

impl Repeat {
    /// How much it lets pass, and for how long.
    const fn parts(self) -> (u8, Option<Span>) {
        match self {
            Self::Once => (0, None),
            Self::Exact { within } => (1, within),
            Self::Shape { within } => (2, within),
        }
    }

    /// For no longer than this, where somebody said so.
    pub const fn within(self) -> Option<Span> {
        self.parts().1
    }

    /// What both agree to: the narrower of the two, for the shorter time. Commutative, associative, idempotent.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        let ((one, first), (two, second)) = (self.parts(), other.parts());
        let within = match (first, second) {
            (Some(first), Some(second)) => Some(first.min(second)),
            (first, second) => first.or(second),
        };
        match one.min(two) {
            0 => Self::Once,
            1 => Self::Exact { within },
            _ => Self::Shape { within },
        }
    }
}

impl fmt::Display for Repeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, within) = match self {
            Self::Once => ("once", None),
            Self::Exact { within } => ("in_session", *within),
            Self::Shape { within } => ("shape", *within),
        };
        f.write_str(word)?;
        within.map_or(Ok(()), |within| write!(f, " {within}"))
    }
}

/// Why a text does not say how often.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` does not say how often; write `once`, `in_session`, `shape`, or one of the last two and a time like `10m`"
)]
pub struct RepeatError(pub String);

impl FromStr for Repeat {
    type Err = RepeatError;

    fn from_str(text: &str) -> Result<Self, RepeatError> {
        let wrong = || RepeatError(text.to_owned());
        let (word, within) = match text.split_once(' ') {
            Some((word, span)) => (word, Some(span.parse::<Span>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let read = match word {
            "once" if within.is_none() => Self::Once,
            "in_session" => Self::Exact { within },
            "shape" => Self::Shape { within },
            _ => return Err(wrong()),
        };
        // A row that was not written by us is an error, even where its meaning could be guessed.
        if read.to_string() == text { Ok(read) } else { Err(wrong()) }
    }
}

impl Serialize for Repeat {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Repeat {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::approval::Terms;

    fn repeats() -> impl Strategy<Value = Repeat> {
        let within = || proptest::option::of((1..90i64).prop_map(Span::minutes));
        prop_oneof![
            Just(Repeat::Once),
            within().prop_map(|within| Repeat::Exact { within }),
            within().prop_map(|within| Repeat::Shape { within }),
        ]
    }

    proptest! {
        #[test]
        fn the_least_of_several_is_the_same_in_any_order_and_never_more_than_one_of_them(
            a in repeats(), b in repeats(), c in repeats(),
        ) {
            prop_assert_eq!(a.least(b), b.least(a));
            prop_assert_eq!(a.least(b).least(c), a.least(b.least(c)));
            prop_assert_eq!(a.least(a), a);
            let least = a.least(b);
            for one in [a, b] {
                prop_assert!(least.parts().0 <= one.parts().0);
                if let (Some(least), Some(within)) = (least.within(), one.within()) {
                    prop_assert!(least <= within);
                }
                prop_assert!(least == Repeat::Once || one.within().is_none() || least.within().is_some());
            }
        }

        #[test]
        fn a_text_is_read_as_it_was_written(repeat in repeats()) {
            prop_assert_eq!(repeat.to_string().parse::<Repeat>().expect("read"), repeat);
        }
    }

    #[test]
    fn rows_of_before_mean_what_they_meant_and_others_are_refused() {
        let read = |text: &str| serde_json::from_str::<Terms>(text).map(|terms| terms.repeat);
        assert_eq!(read(r#"{"span":null,"access":null}"#).expect("the oldest"), Repeat::Once);
        assert_eq!(read(r#"{"span":null,"access":null,"repeat":"once"}"#).expect("older"), Repeat::Once);
        let session = r#"{"span":null,"access":null,"repeat":"in_session"}"#;
        assert_eq!(read(session).expect("older"), Repeat::Exact { within: None });
        let exact = Terms { repeat: Repeat::Exact { within: None }, ..Terms::default() };
        assert_eq!(serde_json::to_string(&exact).expect("written"), session, "and is written as before");
        for wrong in
            ["", "Once", "once 10m", "shape 0m", "shape 10", "shape  10m", "shape 600s", "shape 10m 10m", "all"]
        {
            assert!(read(&format!(r#"{{"span":null,"access":null,"repeat":"{wrong}"}}"#)).is_err(), "{wrong}");
        }
        assert!(read(r#"{"span":null,"access":null,"repeat":{"shape":null}}"#).is_err());
    }
}
