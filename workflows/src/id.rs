//! Typed, prefixed ids: `req_01J9Z…`. A UUIDv7 in Crockford's base 32, so that ids sort by the time they were made.

/// Why a text is not an id of the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id of the form `{prefix}_…`")]
pub struct IdError {
    /// What was given.
    pub text: String,
    /// The prefix that was wanted.
    pub prefix: &'static str,
}

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 128 bits in 5-bit digits; the first digit carries only 3 bits.
const DIGITS: usize = 26;

pub(crate) fn encode(value: u128) -> String {
    (0..DIGITS)
        .rev()
        .map(|at| {
            let digit = (value >> (at * 5)) as usize & 31;
            char::from(ALPHABET.get(digit).copied().unwrap_or(b'0'))
        })
        .collect()
}

pub(crate) fn decode(text: &str) -> Option<u128> {
    if text.len() != DIGITS {
        return None;
    }
    let mut value: u128 = 0;
    for (at, byte) in text.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|known| *known == byte.to_ascii_uppercase())?;
        if at == 0 && digit > 7 {
            return None;
        }
        value = (value << 5) | digit as u128;
    }
    Some(value)
}

/// Declares an id type. Its text is the prefix, `_`, and 26 digits; parsing accepts nothing else, except lower case.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u128);

        impl $name {
            /// What the text starts with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id that no other node makes.
            #[must_use]
            #[expect(clippy::new_without_default, reason = "a default id would look like a known one")]
            pub fn new() -> Self {
                Self(uuid::Uuid::now_v7().as_u128())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}_{}", Self::PREFIX, $crate::id::encode(self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::id::IdError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then($crate::id::decode)
                    .map(Self)
                    .ok_or_else(|| $crate::id::IdError { text: text.to_owned(), prefix: Self::PREFIX })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(/** A person or a machine. */ IdentityId, "idn");
id!(/** A sign-in token (not the secret itself). */ TokenId, "tok");
id!(/** A public key that somebody signs in with over SSH. */ KeyId, "key");
id!(/** A request for access, for an operation, or for a review. */ RequestId, "req");
id!(/** A right to use a target until a moment. */ GrantId, "grt");
id!(/** One connection of one person to one target. */ SessionId, "ses");
id!(/** Something that people must be told. */ NoticeId, "ntc");
id!(/** One manager's digest of one week. */ DigestId, "dig");
id!(/** A running process of Countersign. */ NodeId, "nod");
id!(/** A chat account that is linked to an identity. */ AccountId, "acc");
id!(/** A linking that was begun. */ LinkId, "lnk");
id!(/** A message that a platform sent us. */ LetterId, "ltr");
id!(/** A card that was posted: what its buttons are about. */ CardId, "crd");
id!(/** A question about a request. */ QuestionId, "qst");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_wrote() {
        let id = RequestId::new();
        let text = id.to_string();
        assert_eq!(text.len(), 30);
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(text.to_lowercase().parse(), Ok(id));
    }

    #[test]
    fn an_id_of_another_type_or_length_is_refused() {
        let grant = GrantId::new().to_string();
        assert!(grant.parse::<RequestId>().is_err());
        let id = RequestId::new().to_string();
        assert!(format!("{id}0").parse::<RequestId>().is_err());
        assert!(id.replace("req_", "req_8").parse::<RequestId>().is_err());
        assert!("req_".parse::<RequestId>().is_err());
        assert!("req_ZZZZZZZZZZZZZZZZZZZZZZZZZZ".parse::<RequestId>().is_err());
        assert!("req_UUUUUUUUUUUUUUUUUUUUUUUUUU".parse::<RequestId>().is_err());
    }
}
