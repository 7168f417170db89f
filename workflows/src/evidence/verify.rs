//! Finds what was done to the audit log after the fact.
//!
//! One pass, constant memory besides the signed heads. The hashes show a changed entry, a gap and a wrong
//! order; the signed heads show what whoever owns the database could otherwise hide by computing all hashes
//! anew: a shortened log and a second history.

use std::collections::BTreeMap;

use super::chain::{Entry, Head};
use super::checkpoint::{Checkpoint, CheckpointError, SignedNote};
use super::key::VerifyingKey;

/// What is wrong with an audit log, in words for an auditor. Each names the entry where it shows.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// An entry's own hash does not fit its fields.
    #[error("entry {seq} was changed after it was written")]
    Changed {
        /// The entry.
        seq: i64,
    },
    /// The entry is sound in itself, but was made to follow something else.
    #[error("entry {seq} does not follow the entry before it: one of the two was replaced")]
    Replaced {
        /// The later one of the two.
        seq: i64,
    },
    /// Entries are gone from the middle or from the start.
    #[error("entries {first} to {last} are missing")]
    Missing {
        /// First that is gone.
        first: i64,
        /// Last that is gone.
        last: i64,
    },
    /// All entries may be there, but not in the order in which they were written.
    #[error("entry {found} stands where entry {seq} belongs: entries were reordered or repeated")]
    Reordered {
        /// The entry that belongs there.
        seq: i64,
        /// The entry that is there.
        found: i64,
    },
    /// A signed head knows of entries that are no longer there.
    #[error("the log ends at entry {last}, but a signed head says that it had {signed}: its end was cut off")]
    Truncated {
        /// Last entry that is there.
        last: i64,
        /// Number of entries that the newest head speaks of.
        signed: i64,
    },
    /// Two heads, both well signed, contradict each other.
    #[error("two signed heads tell different histories up to entry {seq}: the log was forked")]
    ForkedHeads {
        /// The entry that both speak of.
        seq: i64,
    },
    /// A well signed head contradicts the log.
    #[error("the log up to entry {seq} is not the one that was signed then: its history was rewritten")]
    ForkedLog {
        /// The entry that the head speaks of.
        seq: i64,
    },
    /// A head cannot be believed.
    #[error("signed head number {nth} cannot be trusted")]
    BadHead {
        /// Its place in the list; the first is 1.
        nth: usize,
        /// Why.
        #[source]
        source: CheckpointError,
    },
    /// The entries could not be read to the end.
    #[error("the entry after entry {after} cannot be read")]
    Unreadable {
        /// Last entry that was read; 0 if none was.
        after: i64,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What a sound log looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The log's name.
    pub origin: String,
    /// Number and hash of the last entry.
    pub head: Head,
    /// Time of the first entry, in microseconds since 1970 (UTC); none in an empty log.
    pub first_at: Option<i64>,
    /// Time of the last entry, in microseconds since 1970 (UTC); none in an empty log.
    pub last_at: Option<i64>,
    /// How many signed heads were compared.
    pub heads: usize,
    /// Entries behind the newest signed head: their order and content hang together, but that none was cut off
    /// or computed anew is not proven.
    pub unsigned: i64,
}

/// Checks a whole log, from entry 1 on, against every signed head that is known.
///
/// The name of `key` is the log's origin. Heads may come in any order. An empty list of heads is accepted, and
/// [`Report::unsigned`] then counts every entry.
///
/// # Errors
///
/// The first [`Fault`] found. Heads are compared with each other before the entries are read.
pub fn verify<E>(
    entries: impl IntoIterator<Item = Result<Entry, E>>,
    heads: &[SignedNote],
    key: &VerifyingKey,
) -> Result<Report, Fault>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let signed = believe(heads, key)?;
    let mut at = Head::genesis(key.name());
    compare(&at, &signed)?;
    let (mut first_at, mut last_at) = (None, None);
    let mut entries = entries.into_iter();
    while let Some(entry) = entries.next() {
        let entry = readable(entry, at.seq)?;
        if at.seq.checked_add(1) != Some(entry.seq) {
            return Err(misplaced(at.seq, entry.seq, entries));
        }
        if entry.recount() != entry.hash {
            return Err(Fault::Changed { seq: entry.seq });
        }
        if entry.prev != at.hash {
            return Err(Fault::Replaced { seq: entry.seq });
        }
        at = entry.head();
        compare(&at, &signed)?;
        first_at = first_at.or(Some(entry.at));
        last_at = Some(entry.at);
    }
    let newest = signed.last_key_value().map_or(0, |(seq, _)| *seq);
    if newest > at.seq {
        return Err(Fault::Truncated { last: at.seq, signed: newest });
    }
    Ok(Report {
        origin: key.name().to_owned(),
        head: at,
        first_at,
        last_at,
        heads: heads.len(),
        unsigned: at.seq - newest,
    })
}

/// Heads by entry number, once all signatures are checked and none contradicts another.
fn believe(heads: &[SignedNote], key: &VerifyingKey) -> Result<BTreeMap<i64, Head>, Fault> {
    let mut signed = BTreeMap::new();
    for (index, note) in heads.iter().enumerate() {
        let head = Checkpoint::parse_and_verify(note.as_str(), key)
            .map_err(|source| Fault::BadHead { nth: index + 1, source })?
            .head();
        if *signed.entry(head.seq).or_insert(head) != head {
            return Err(Fault::ForkedHeads { seq: head.seq });
        }
    }
    Ok(signed)
}

fn compare(at: &Head, signed: &BTreeMap<i64, Head>) -> Result<(), Fault> {
    match signed.get(&at.seq) {
        Some(head) if head.hash != at.hash => Err(Fault::ForkedLog { seq: at.seq }),
        Some(_) | None => Ok(()),
    }
}

fn readable<E>(entry: Result<Entry, E>, after: i64) -> Result<Entry, Fault>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    entry.map_err(|error| Fault::Unreadable { after, source: error.into() })
}

/// Deleted, or only moved? The rest of the log tells.
fn misplaced<E>(last: i64, found: i64, mut rest: impl Iterator<Item = Result<Entry, E>>) -> Fault {
    let seq = last.saturating_add(1);
    let moved = rest.any(|entry| entry.is_ok_and(|entry| entry.seq == seq));
    if found <= last || moved {
        Fault::Reordered { seq, found }
    } else {
        Fault::Missing { first: seq, last: found.saturating_sub(1) }
    }
}
