//! What the policy says of an operation. Verdicts fold with [`Verdict::strictest`]; nobody assigns one over another.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use crate::approval::Needs;
use crate::operation::Stored;

/// Why something is refused: the rule, and the words for the person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Denial {
    /// The rule's name.
    pub rule: String,
    /// Why, and how to get it allowed.
    pub because: String,
}

/// Whether an operation may pass. `Open` < `Hold` < `Shut`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It passes.
    Open,
    /// It waits until people agree.
    Hold(Needs),
    /// It does not pass.
    Shut(Denial),
}

/// What must not be seen in a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    /// Columns whose values are hidden: `table.column`, `schema.table.column`, or `*` in place of a part.
    pub columns: BTreeSet<ColumnPattern>,
    /// Names of detectors that look at every value.
    pub detect: BTreeSet<String>,
}

impl Mask {
    /// Whether nothing is hidden.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty() && self.detect.is_empty()
    }

    /// Whether it would no longer hide a value that is stored like this: a hidden column goes into one that is not.
    pub fn is_undone_by(&self, stored: &Stored) -> bool {
        let (schema, relation) = (stored.schema.as_deref(), stored.relation.as_deref());
        // Here doubt does not hide: a pattern with a schema is about this column only if the text says the same schema, or
        // if the value stays in its row.
        let sure = |pattern: &ColumnPattern| pattern.schema.is_none() || schema.is_some() || stored.in_place;
        let hides = |column| self.columns.iter().any(|one| sure(one) && one.matches(schema, relation, column));
        let into = stored.column.as_deref().is_some_and(hides);
        let of = |relation: &String| {
            self.columns
                .iter()
                .any(|pattern| pattern.table.as_ref().is_none_or(|table| *table == relation.to_lowercase()))
        };
        let from = stored.from.iter().any(|(relation, column)| self.names(relation.as_deref(), column));
        !into && (from || stored.all_of.iter().any(of) || (stored.anything && !self.columns.is_empty()))
    }

    fn names(&self, relation: Option<&str>, column: &str) -> bool {
        self.columns.iter().any(|pattern| pattern.matches(None, relation, column))
    }

    /// What either hides.
    pub fn union(&self, other: &Self) -> Self {
        Self {
            columns: self.columns.union(&other.columns).cloned().collect(),
            detect: self.detect.union(&other.detect).cloned().collect(),
        }
    }
}

/// A column by name; `None` is `*`. Names are compared without regard to case, so that quoting hides nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColumnPattern {
    /// The schema, where the pattern names one.
    pub schema: Option<String>,
    /// The table.
    pub table: Option<String>,
    /// The column.
    pub column: Option<String>,
}

impl ColumnPattern {
    /// Reads `column`, `table.column` or `schema.table.column`, each part a name or `*`.
    pub fn parse(text: &str) -> Option<Self> {
        let part = |text: &str| (text != "*").then(|| text.to_lowercase());
        let parts: Vec<&str> = text.split('.').collect();
        let (schema, table, column) = match parts.as_slice() {
            [column] => ("*", "*", *column),
            [table, column] => ("*", *table, *column),
            [schema, table, column] => (*schema, *table, *column),
            _ => return None,
        };
        if [schema, table, column].iter().any(|part| part.is_empty()) {
            return None;
        }
        Some(Self { schema: part(schema), table: part(table), column: part(column) })
    }

    /// Whether it names this column. What is not known of a column (`None`) matches: doubt hides.
    pub fn matches(&self, schema: Option<&str>, table: Option<&str>, column: &str) -> bool {
        let agrees = |pattern: &Option<String>, name: Option<&str>| match (pattern, name) {
            (Some(pattern), Some(name)) => *pattern == name.to_lowercase(),
            (None, _) | (_, None) => true,
        };
        agrees(&self.schema, schema) && agrees(&self.table, table) && agrees(&self.column, Some(column))
    }
}

/// A gate and a mask. The mask outlives a hold.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it passes.
    pub gate: Gate,
    /// What is hidden when it has passed.
    pub mask: Arc<Mask>,
}

impl Verdict {
    /// Passes, and hides nothing.
    pub fn open() -> Self {
        Self { gate: Gate::Open, mask: Arc::default() }
    }

    /// The stricter gate and both masks. Commutative, associative, idempotent.
    pub fn strictest(self, other: Self) -> Self {
        let gate = match (self.gate, other.gate) {
            (Gate::Shut(one), Gate::Shut(two)) => Gate::Shut(one.min(two)),
            (Gate::Shut(denial), Gate::Open | Gate::Hold(_)) | (Gate::Open | Gate::Hold(_), Gate::Shut(denial)) => {
                Gate::Shut(denial)
            }
            (Gate::Hold(one), Gate::Hold(two)) => Gate::Hold(one.join(two)),
            (Gate::Hold(needs), Gate::Open) | (Gate::Open, Gate::Hold(needs)) => Gate::Hold(needs),
            (Gate::Open, Gate::Open) => Gate::Open,
        };
        let mask = if self.mask == other.mask { self.mask } else { Arc::new(self.mask.union(&other.mask)) };
        Self { gate, mask }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::approval::{Quorum, Who};
    use crate::clock::Span;

    fn gates() -> impl Strategy<Value = Gate> {
        let quorum = ("[ab]", 1..3u8, 1..3i64).prop_map(|(name, people, minutes)| Quorum {
            rule: name.clone(),
            from: Who::Group(name),
            people,
            within: Span::minutes(minutes),
            then: None,
            pause: Span::ZERO,
            repeat: Quorum::REPEAT,
        });
        prop_oneof![
            Just(Gate::Open),
            quorum.prop_map(|quorum| Gate::Hold(Needs::one(quorum))),
            "[a-c]".prop_map(|rule| Gate::Shut(Denial { rule, because: String::new() })),
        ]
    }

    fn verdicts() -> impl Strategy<Value = Verdict> {
        (gates(), proptest::collection::btree_set("[a-c]", 0..3))
            .prop_map(|(gate, detect)| Verdict { gate, mask: Arc::new(Mask { columns: BTreeSet::new(), detect }) })
    }

    proptest! {
        #[test]
        fn verdicts_form_a_lattice(a in verdicts(), b in verdicts(), c in verdicts()) {
            prop_assert_eq!(a.clone().strictest(b.clone()), b.clone().strictest(a.clone()));
            prop_assert_eq!(
                a.clone().strictest(b.clone()).strictest(c.clone()),
                a.clone().strictest(b.strictest(c))
            );
            prop_assert_eq!(a.clone().strictest(a.clone()), a.clone());
            prop_assert_eq!(a.clone().strictest(Verdict::open()), a);
        }
    }

    #[test]
    fn a_column_pattern_names_what_it_says() {
        let any = ColumnPattern::parse("*.email").expect("a pattern");
        assert!(any.matches(Some("public"), Some("customers"), "EMAIL"));
        let one = ColumnPattern::parse("customers.phone").expect("a pattern");
        assert!(!one.matches(None, Some("suppliers"), "phone"));
        assert!(one.matches(None, None, "phone"), "an unknown table is no excuse");
        assert!(ColumnPattern::parse("a..b").is_none());
        assert!(ColumnPattern::parse("a.b.c.d").is_none());
    }
}
