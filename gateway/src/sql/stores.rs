//! What a statement stores of what it reads. A mask hides columns by name, so that a copy under another name would be
//! seen; whether one is made is for the judge, who knows the masks.
//!
//! As in `lineage.rs`: where the text is simple each column is told apart, and where it is not, anything that the statement
//! mentions may be in it.

use std::collections::BTreeSet;

use pg_query::protobuf::{FuncCall, InsertStmt, MergeStmt, RangeVar, SelectStmt, UpdateStmt, WithClause};
use pg_query::{Node, NodeRef};
use workflows::operation::Stored;

use super::children::{node, nodes};
use super::lineage::{Mentions, Scope, Source, of_select};

/// A statement that stores something, and where.
struct Writer<'a> {
    statement: NodeRef<'a>,
    relation: Option<&'a RangeVar>,
    stored: BTreeSet<Stored>,
}

impl<'a> Writer<'a> {
    fn new(statement: NodeRef<'a>, relation: Option<&'a RangeVar>) -> Self {
        Self { statement, relation, stored: BTreeSet::new() }
    }

    fn store(&mut self, column: Option<&str>, source: Source) {
        let (from, all_of, anything) = match source {
            Source::Clean => return,
            Source::Names(names) => (names, Vec::new(), false),
            Source::Unknown => {
                let Mentions { columns, relations, whole_rows, stars, everything } = Mentions::of(self.statement);
                let rows = whole_rows || stars;
                let all_of = if rows { relations.into_iter().collect() } else { Vec::new() };
                (columns.into_iter().map(|column| (None, column)).collect(), all_of, everything)
            }
        };
        let schema = self.relation.map(|range| range.schemaname.clone()).filter(|schema| !schema.is_empty());
        let relation = self.relation.map(|range| range.relname.clone());
        self.stored.insert(Stored { schema, relation, column: column.map(str::to_owned), from, all_of, anything });
    }

    /// What a SELECT gives, column by column; `None` for the name of a column that the text does not tell.
    fn rows(&mut self, select: &SelectStmt, with: &[&str], names: &[Option<String>]) {
        match of_select(select, with) {
            Some(sources) => sources.into_iter().enumerate().for_each(|(at, source)| {
                self.store(names.get(at).and_then(Option::as_deref), source);
            }),
            None => self.store(None, Source::Unknown),
        }
    }

    fn done(self) -> Vec<Stored> {
        self.stored.into_iter().collect()
    }
}

/// The names of WITH queries: what comes out of them is not told apart.
fn with_names(with: Option<&WithClause>) -> Vec<&str> {
    with.iter()
        .flat_map(|with| nodes(&with.ctes))
        .filter_map(
            |table| if let NodeRef::CommonTableExpr(table) = table { Some(table.ctename.as_str()) } else { None },
        )
        .collect()
}

fn names(targets: &[Node]) -> Vec<Option<String>> {
    nodes(targets)
        .map(|target| if let NodeRef::ResTarget(target) = target { Some(target.name.clone()) } else { None })
        .collect()
}

pub(super) fn by_insert(insert: &InsertStmt) -> Vec<Stored> {
    let mut writer = Writer::new(NodeRef::InsertStmt(insert), insert.relation.as_ref());
    let with = with_names(insert.with_clause.as_ref());
    if let Some(NodeRef::SelectStmt(select)) = node(insert.select_stmt.as_deref()) {
        writer.rows(select, &with, &names(&insert.cols));
    }
    if let Some(conflict) = &insert.on_conflict_clause {
        // `excluded` is what was to be inserted.
        writer.targets(&conflict.target_list, &Scope::mixed());
    }
    writer.done()
}

pub(super) fn by_update(update: &UpdateStmt) -> Vec<Stored> {
    let mut writer = Writer::new(NodeRef::UpdateStmt(update), update.relation.as_ref());
    let with = with_names(update.with_clause.as_ref());
    let mut scope = Scope::default();
    update.relation.iter().for_each(|range| scope.add(NodeRef::RangeVar(range), &with));
    nodes(&update.from_clause).for_each(|item| scope.add(item, &with));
    writer.targets(&update.target_list, &scope);
    writer.done()
}

pub(super) fn by_merge(merge: &MergeStmt) -> Vec<Stored> {
    let mut writer = Writer::new(NodeRef::MergeStmt(merge), merge.relation.as_ref());
    for clause in nodes(&merge.merge_when_clauses) {
        if let NodeRef::MergeWhenClause(when) = clause {
            writer.targets(&when.target_list, &Scope::mixed());
            for value in nodes(&when.values) {
                writer.store(None, Scope::mixed().source(value));
            }
        }
    }
    writer.done()
}

/// A function that writes what it is given: a large object.
pub(super) fn by_call(call: &FuncCall) -> Vec<Stored> {
    let mut writer = Writer::new(NodeRef::FuncCall(call), None);
    writer.store(None, Source::Unknown);
    writer.done()
}

/// CREATE TABLE AS, SELECT INTO and their kin: a column is called as the SELECT calls it, if not otherwise.
pub(super) fn by_query(select: &SelectStmt, relation: Option<&RangeVar>, called: &[Node]) -> Vec<Stored> {
    let mut writer = Writer::new(NodeRef::SelectStmt(select), relation);
    let mut own: Vec<Option<String>> = nodes(&select.target_list).map(output_name).collect();
    for (name, called) in own.iter_mut().zip(nodes(called)) {
        *name = super::objects::string(called);
    }
    writer.rows(select, &[], &own);
    writer.done()
}

/// How a column of a result is called, where that is plain.
fn output_name(target: NodeRef<'_>) -> Option<String> {
    let NodeRef::ResTarget(target) = target else { return None };
    if !target.name.is_empty() {
        return Some(target.name.clone());
    }
    match node(target.val.as_deref()) {
        Some(NodeRef::ColumnRef(column)) => super::objects::strings(&column.fields).pop(),
        _ => None,
    }
}

impl Writer<'_> {
    /// The right sides of SET and their columns.
    fn targets(&mut self, list: &[Node], scope: &Scope) {
        for target in nodes(list) {
            if let NodeRef::ResTarget(target) = target
                && let Some(value) = node(target.val.as_deref())
            {
                self.store(Some(&target.name), scope.source(value));
            }
        }
    }
}
