//! An upper bound for how deep a text's tree can be, before anything recurses over it.
//!
//! The parser, the decoder of its tree and our own walk all recurse. Their stack is 64 MiB, which is enough for
//! [`DEEPEST`] levels; a text that might need more is not parsed at all. The bound comes from counting tokens, which
//! does not recurse.

use pg_query::protobuf::{KeywordKind, Token};

/// Texts up to this length cannot nest deeper than their characters, and need no counting.
const SHORT: usize = 1024;

/// The deepest tree that is parsed. In a debug build a level takes up to 80 KiB of stack, in a release build far less;
/// `hostile_texts_end_in_an_answer` goes up to this bound with every kind of nesting.
const DEEPEST: usize = 700;

/// The longest run of operator characters that is read. The scanner takes such a run as a whole and gives most of it
/// back where it holds a comment, so that `/*/*/*…` takes the square of its length: a minute for 200 KiB.
const LONGEST_RUN: usize = 1024;

/// What is known of one pair of brackets.
#[derive(Clone, Copy, Default)]
struct Level {
    /// Set operations, joins and CASE nest across commas, AND and OR.
    chained: usize,
    /// Tokens since the last comma that may each add a level.
    segment: usize,
    longest: usize,
    deepest_child: usize,
}

impl Level {
    fn close(self) -> usize {
        1 + self.chained + self.longest.max(self.segment) + self.deepest_child
    }
}

/// Whether a text might nest deeper than the stack allows.
pub(super) fn too_deep(text: &str) -> bool {
    text.len() > SHORT && (long_run(text) || estimate(text).is_none_or(|depth| depth > DEEPEST))
}

/// Texts up to this length may be parsed on the thread that they arrive on.
const AT_ONCE: usize = 4096;

/// The deepest tree that is parsed there.
const SHALLOW: usize = 48;

/// What a level may take of the stack, in bytes, with room to spare.
const LEVEL: usize = if cfg!(debug_assertions) { 100 << 10 } else { 32 << 10 };

/// How much stack a short and shallow text needs at most, in bytes; nothing where it is neither.
pub(super) fn stack_at_once(text: &str) -> Option<usize> {
    if text.len() > AT_ONCE || long_run(text) {
        return None;
    }
    let depth = estimate(text).filter(|depth| *depth <= SHALLOW)?;
    Some((depth + 4) * LEVEL)
}

fn long_run(text: &str) -> bool {
    text.split(|c: char| !"~!@#^&|`?+-*/%<>=".contains(c)).any(|run| run.len() > LONGEST_RUN)
}

/// An upper bound for the depth; `None` if the text has no tokens that the scanner knows.
#[expect(clippy::wildcard_enum_match_arm, reason = "every other token may add a level")]
fn estimate(text: &str) -> Option<usize> {
    let tokens = pg_query::scan_tokens(text).ok()?;
    let mut open: Vec<Level> = Vec::new();
    let mut level = Level::default();
    for token in &tokens {
        match token.token() {
            // ( and [
            Token::Ascii40 | Token::Ascii91 => open.push(std::mem::take(&mut level)),
            // ) and ]
            Token::Ascii41 | Token::Ascii93 => {
                let depth = level.close();
                level = open.pop().unwrap_or_default();
                level.deepest_child = level.deepest_child.max(depth);
            }
            // , and ; and the two operators whose chains the grammar makes flat
            Token::Ascii44 | Token::Ascii59 | Token::And | Token::Or => {
                level.longest = level.longest.max(level.segment);
                level.segment = 0;
            }
            Token::Union | Token::Intersect | Token::Except | Token::Join | Token::Case => level.chained += 1,
            Token::SqlComment | Token::CComment => {}
            // A constant, a name or a parameter is a leaf: what nests is the operator or the word beside it.
            Token::Iconst | Token::Fconst | Token::Sconst | Token::Param => {}
            // A dot, and words between the parts of one level.
            Token::Ascii46 | Token::As | Token::On | Token::Using | Token::Asc | Token::Desc => {}
            Token::Ident if token.keyword_kind() == KeywordKind::NoKeyword => {}
            _ => level.segment += 1,
        }
    }
    // Brackets that stay open cannot be parsed, but the parser must reach the end to find out.
    let unclosed = open.into_iter().rev().fold(level.close(), |depth, mut level| {
        level.deepest_child = level.deepest_child.max(depth);
        level.close()
    });
    Some(unclosed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_flat_and_chains_are_deep() {
        let list = format!("SELECT {} FROM t", vec!["a"; 5_000].join(", "));
        assert!(estimate(&list).unwrap() < 10);
        let rows = format!("INSERT INTO t VALUES {}", vec!["(1, 'a', now())"; 5_000].join(", "));
        assert!(estimate(&rows).unwrap() < 20);
        let chain = format!("SELECT {}", vec!["1"; 5_000].join("+"));
        assert!(estimate(&chain).unwrap() >= 4_999);
        let parens = format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000));
        assert!(estimate(&parens).unwrap() >= 5_000);
        let unions = vec!["SELECT 1, 2"; 5_000].join(" UNION ");
        assert!(estimate(&unions).unwrap() >= 4_999);
    }

    #[test]
    fn brackets_that_do_not_match_do_not_lower_the_bound() {
        assert!(estimate(&"(".repeat(5_000)).unwrap() >= 5_000);
        assert!(estimate(&format!("{}{}", ")".repeat(5_000), "(".repeat(5_000))).unwrap() >= 5_000);
    }
}
