//! Texts that differ in plain values only: `… WHERE aid = 17` and `… WHERE aid = 42` are read once.
//!
//! A client of the simple protocol writes its values into the text, so that every text is new and would be parsed anew.
//! Two things make it right to read only the first one:
//!
//! 1. *The parser sees the same statement.* The values that are cut out here are runs of digits, and what stands between
//!    two quotes. When a text is read, each of them must be found in the parser's tree, at its place and with its value; so
//!    the server's own lexer has agreed on where they begin and end. A text that is the same byte for byte around them has
//!    the same tokens there, and other digits or other letters between the same quotes make no other token.
//! 2. *Nobody looks at the value.* Only those places count in which neither the walk nor the masks read a constant: a
//!    column's partner in a plain comparison, what is stored into a column or only given back, a LIMIT. `id <> 5` is not among them, since
//!    whether it narrows hangs on the value. A value in any other place makes the text one of its own.

use std::sync::Arc;

use pg_query::protobuf::{AConst, AExpr, AExprKind, BoolExprType, SelectStmt, a_const::Val};
use pg_query::{Node, NodeRef};
use sha2::{Digest, Sha256};
use workflows::operation::{Act, Operation};

use super::cache::Key;
use super::canon;
use super::children::{node, nodes};
use super::objects::strings;
use super::read::Classified;
use super::show::visible;

/// Longer texts are rarely sent twice with other values.
const LONGEST: usize = 4096;
/// A text of more values is most likely a list, and the next list has another length.
const MOST: usize = 48;
/// Digits that the lexer takes for an integer, whichever they are: 999,999,999 fits 32 bits.
const DIGITS: usize = 9;

/// Where one value stands, in bytes. A text's quotes are not part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
    quoted: bool,
}

/// A text's values, as far as they are plain.
#[derive(Debug)]
pub(super) struct Shape {
    spans: Vec<Span>,
}

impl Shape {
    /// Finds the values; nothing where the text has none, or holds something that could shift where they end: comments,
    /// backslashes, dollars, quotes inside quotes, numbers that are more than digits, letters beyond ASCII.
    pub(super) fn of(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() > LONGEST {
            return None;
        }
        let at = |index: usize| bytes.get(index).copied().unwrap_or(b' ');
        let mut spans = Vec::new();
        let mut here = 0;
        while let Some(byte) = bytes.get(here).copied() {
            let run = |more: fn(u8) -> bool| bytes.iter().skip(here).take_while(|byte| more(**byte)).count();
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => here += run(|c| c.is_ascii_alphanumeric() || c == b'_'),
                b'0'..=b'9' => {
                    let end = here + run(|c| c.is_ascii_digit());
                    let joined = |c: u8| c.is_ascii_alphabetic() || matches!(c, b'_' | b'.');
                    if end - here > DIGITS || joined(at(end)) || (here > 0 && at(here - 1) == b'.') {
                        return None;
                    }
                    spans.push(Span { start: here, end, quoted: false });
                    here = end;
                }
                b'\'' => {
                    let end = here + 1 + bytes.iter().skip(here + 1).position(|byte| *byte == b'\'')?;
                    let inside = bytes.get(here + 1..end)?;
                    if at(end + 1) == b'\'' || !inside.iter().all(|c| matches!(c, b' '..=b'~') && *c != b'\\') {
                        return None;
                    }
                    spans.push(Span { start: here + 1, end, quoted: true });
                    here = end + 1;
                }
                b'"' => here += 2 + bytes.iter().skip(here + 1).position(|byte| *byte == b'"')?,
                b'-' if at(here + 1) == b'-' => return None,
                b'/' if at(here + 1) == b'*' => return None,
                b'$' | b'\\' => return None,
                b' '..=b'~' | b'\n' | b'\t' | b'\r' => here += 1,
                _ => return None,
            }
            if spans.len() > MOST {
                return None;
            }
        }
        (!spans.is_empty()).then_some(Self { spans })
    }

    /// What all texts of this shape have in common, as a key.
    pub(super) fn key(&self, text: &str) -> Key {
        let mut hash = Sha256::new();
        let mut from = 0;
        for span in &self.spans {
            hash.update(text.get(from..span.start).unwrap_or_default());
            // No text holds a NUL, so it stands for a value and for nothing else.
            hash.update([0]);
            from = span.end;
        }
        hash.update(text.get(from..).unwrap_or_default());
        hash.finalize().into()
    }

    /// Whether every value was found by the parser as well, in a place where nobody looks at it.
    fn is_blind(&self, text: &str, found: &Constants<'_>) -> bool {
        self.spans.iter().all(|span| {
            let written = text.get(span.start..span.end).unwrap_or_default();
            // A sign is part of the constant.
            let signed = span.start > 0 && text.as_bytes().get(span.start - 1) == Some(&b'-');
            let begins = |constant: &AConst| match usize::try_from(constant.location) {
                Ok(at) if span.quoted => at + 1 == span.start,
                Ok(at) => at == span.start || (signed && at + 1 == span.start),
                Err(_) => false,
            };
            let says = |constant: &AConst| match &constant.val {
                Some(Val::Sval(text)) => span.quoted && text.sval == written,
                Some(Val::Ival(number)) => {
                    !span.quoted && written.parse() == Ok(u64::from(number.ival.unsigned_abs()))
                }
                // A missing value is the number zero on the wire.
                None => !span.quoted && !constant.isnull && written.parse() == Ok(0_u64),
                _ => false,
            };
            found.0.iter().any(|constant| begins(constant) && says(constant))
        })
    }
}

/// What was read of the first text of a shape.
#[derive(Debug)]
pub(super) struct Pattern {
    first: Arc<Classified>,
    /// Where the statement begins, in bytes, and how many stand behind it.
    around: (usize, usize),
}

impl Pattern {
    /// Keeps a reading for other texts of its shape, where it is right for all of them.
    pub(super) fn of(shape: &Shape, text: &str, statement: NodeRef<'_>, first: &Arc<Classified>) -> Option<Self> {
        let [operation, ..] = first.operations.as_slice() else { return None };
        let plain = Classified {
            operations: first.operations.clone(),
            lineage: Arc::clone(&first.lineage),
            statements: 1,
            ..Classified::default()
        };
        let known = |one: &Operation| matches!(one.act, Act::Read | Act::Write);
        // All else that a statement can leave behind hangs on its text.
        if plain != **first || !first.operations.iter().all(known) {
            return None;
        }
        let start = text.find(operation.shown.as_str())?;
        let around = (start, text.len() - start - operation.shown.len());
        let outside = |span: &Span| span.start < start || span.end > text.len() - around.1;
        let mut constants = Constants::default();
        constants.statement(statement);
        if shape.spans.iter().any(outside) || !shape.is_blind(text, &constants) {
            return None;
        }
        Some(Self { first: Arc::clone(first), around })
    }

    /// What another text of the same shape says.
    pub(super) fn read(&self, text: &str) -> Option<Classified> {
        let (start, behind) = self.around;
        let own = visible(text.get(start..text.len().checked_sub(behind)?)?);
        let mut operations = self.first.operations.clone();
        for operation in &mut operations {
            operation.shown.clone_from(&own);
        }
        Some(Classified {
            operations,
            lineage: Arc::clone(&self.first.lineage),
            statements: self.first.statements,
            alike: Some(Arc::clone(&self.first)),
            ..Classified::default()
        })
    }
}

/// Constants at which neither the walk nor the masks look.
#[derive(Debug, Default)]
struct Constants<'a>(Vec<&'a AConst>);

impl<'a> Constants<'a> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "in other statements every constant is looked at")]
    fn statement(&mut self, statement: NodeRef<'a>) {
        match statement {
            NodeRef::SelectStmt(select) => self.select(select),
            NodeRef::InsertStmt(insert) => {
                if let Some(NodeRef::SelectStmt(values)) = node(insert.select_stmt.as_deref()) {
                    for row in nodes(&values.values_lists) {
                        if let NodeRef::List(row) = row {
                            nodes(&row.items).for_each(|value| self.stored(value));
                        }
                    }
                }
            }
            NodeRef::UpdateStmt(update) => {
                self.targets(&update.target_list);
                self.condition(node(update.where_clause.as_deref()));
            }
            NodeRef::DeleteStmt(delete) => self.condition(node(delete.where_clause.as_deref())),
            _ => {}
        }
    }

    fn select(&mut self, select: &'a SelectStmt) {
        self.targets(&select.target_list);
        self.condition(node(select.where_clause.as_deref()));
        for bound in [&select.limit_count, &select.limit_offset] {
            if let Some(NodeRef::AConst(constant)) = node(bound.as_deref()) {
                self.0.push(constant);
            }
        }
    }

    fn targets(&mut self, list: &'a [Node]) {
        for target in nodes(list) {
            if let NodeRef::ResTarget(target) = target
                && target.indirection.is_empty()
                && let Some(value) = node(target.val.as_deref())
            {
                self.stored(value);
            }
        }
    }

    /// A value on its way into a column or out to the client: a constant, or sums of constants and columns.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not listed may look at its constants")]
    fn stored(&mut self, value: NodeRef<'a>) {
        match value {
            NodeRef::AConst(constant) => self.0.push(constant),
            NodeRef::AExpr(expr) if expr.kind() == AExprKind::AexprOp => {
                for side in [&expr.lexpr, &expr.rexpr].into_iter().filter_map(|side| node(side.as_deref())) {
                    self.stored(side);
                }
            }
            _ => {}
        }
    }

    /// The arms of a WHERE that are joined by AND. Below OR and NOT values are compared with each other.
    fn condition(&mut self, condition: Option<NodeRef<'a>>) {
        match condition {
            Some(NodeRef::BoolExpr(all)) if all.boolop() == BoolExprType::AndExpr => {
                nodes(&all.args).for_each(|arm| self.condition(Some(arm)));
            }
            Some(NodeRef::AExpr(comparison)) => self.comparison(comparison),
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not listed may look at its constants")]
    fn comparison(&mut self, comparison: &'a AExpr) {
        let operator = strings(&comparison.name);
        let [operator] = operator.as_slice() else { return };
        let (Some(left), Some(right)) = (node(comparison.lexpr.as_deref()), node(comparison.rexpr.as_deref())) else {
            return;
        };
        let NodeRef::ColumnRef(_) = left else { return };
        match (comparison.kind(), right) {
            (AExprKind::AexprOp, NodeRef::AConst(constant)) => {
                // `id > 0` narrows nothing, and so its value is looked at.
                let ordered = matches!(operator.as_str(), "<" | "<=" | ">" | ">=") && !canon::is_key(left);
                if operator == "=" || ordered {
                    self.0.push(constant);
                }
            }
            (AExprKind::AexprIn | AExprKind::AexprBetween, NodeRef::List(list)) => {
                let constants = nodes(&list.items).filter_map(|item| match item {
                    NodeRef::AConst(constant) => Some(constant),
                    _ => None,
                });
                self.0.extend(constants);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
