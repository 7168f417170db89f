//! How much access words mean.

use workflows::target::Access;

use super::words::Word;

/// The level that these words begin with, and how many of them say it.
pub(super) fn read(words: &[Word]) -> Option<(Access, usize)> {
    let name = |at: usize| words.get(at).map_or("", |word| word.name.as_str());
    let key = words.first().map_or("", Word::key);
    match [key, name(1), name(2)] {
        ["level", "read", _] => Some((Access::Read, 2)),
        ["level", "write", _] => Some((Access::Write, 2)),
        ["level", "admin", _] => Some((Access::Admin, 2)),
        ["read", "and" | "&" | "+", "write"] => Some((Access::Write, 3)),
        ["read", "only", _] => Some((Access::Read, 2)),
        ["read" | "read-only" | "readonly" | "ro", ..] => Some((Access::Read, 1)),
        ["write" | "read-write" | "read/write" | "readwrite" | "rw", ..] => Some((Access::Write, 1)),
        ["admin", ..] => Some((Access::Admin, 1)),
        _ => None,
    }
}
