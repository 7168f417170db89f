//! What a statement stores of what it reads. A mask hides columns by name, so that a copy under another name would be
//! seen; whether one is made is for the judge, who knows the masks.
//!
//! As in `lineage.rs`: where the text is simple each column is told apart, and where it is not, anything that the statement
//! mentions may be in it.

use std::collections::BTreeSet;

use pg_query::protobuf::{InsertStmt, IntoClause, MergeStmt, RangeVar, SelectStmt, UpdateStmt, WithClause};
use pg_query::{Node, NodeRef};
use workflows::operation::Stored;

use super::children::{node, nodes};
use super::lineage::{Mentions, Scope, Source, of_select};

/// A statement that stores something, and where.
struct Writer<'a> {
    statement: NodeRef<'a>,
    relation: Option<&'a RangeVar>,
    /// It stands inside another statement's WITH: what it reads may be made there.
    inside: bool,
    /// What it stores comes from the very rows that it changes, as far as its columns are told apart.
    in_place: bool,
    stored: BTreeSet<Stored>,
}

impl<'a> Writer<'a> {
    fn new(statement: NodeRef<'a>, relation: Option<&'a RangeVar>) -> Self {
        Self { statement, relation, inside: false, in_place: false, stored: BTreeSet::new() }
    }

    fn store(&mut self, column: Option<&str>, source: Source) {
        let (from, all_of, anything) = match source {
            Source::Clean => return,
            Source::Names(names) => (names, Vec::new(), false),
            Source::Unknown => {
                let Mentions { columns, relations, whole_rows, stars, everything } = Mentions::of(self.statement);
                let rows = whole_rows || stars;
                let all_of = if rows { relations.into_iter().collect() } else { Vec::new() };
                (columns.into_iter().map(|column| (None, column)).collect(), all_of, everything || self.inside)
            }
        };
        let schema = self.relation.map(|range| range.schemaname.clone()).filter(|schema| !schema.is_empty());
        let relation = self.relation.map(|range| range.relname.clone());
        let (column, in_place) = (column.map(str::to_owned), self.in_place);
        self.stored.insert(Stored { schema, relation, column, from, all_of, anything, in_place });
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

/// The names of WITH queries, those around the statement as well: what comes out of them is not told apart.
fn with_names<'a>(with: Option<&'a WithClause>, around: &'a [String]) -> Vec<&'a str> {
    let own = with.iter().flat_map(|with| nodes(&with.ctes)).filter_map(|table| {
        if let NodeRef::CommonTableExpr(table) = table { Some(table.ctename.as_str()) } else { None }
    });
    around.iter().map(String::as_str).chain(own).collect()
}

fn names(targets: &[Node]) -> Vec<Option<String>> {
    nodes(targets)
        .map(|target| if let NodeRef::ResTarget(target) = target { Some(target.name.clone()) } else { None })
        .collect()
}

pub(super) fn by_insert(insert: &InsertStmt, around: &[String]) -> Vec<Stored> {
    let mut writer = Writer::new(NodeRef::InsertStmt(insert), insert.relation.as_ref());
    writer.inside = !around.is_empty();
    let with = with_names(insert.with_clause.as_ref(), around);
    if let Some(NodeRef::SelectStmt(select)) = node(insert.select_stmt.as_deref()) {
        writer.rows(select, &with, &names(&insert.cols));
    }
    if let Some(conflict) = &insert.on_conflict_clause {
        // `excluded` is what was to be inserted.
        writer.targets(&conflict.target_list, &Scope::mixed());
    }
    writer.done()
}

pub(super) fn by_update(update: &UpdateStmt, around: &[String]) -> Vec<Stored> {
    let mut writer = Writer::new(NodeRef::UpdateStmt(update), update.relation.as_ref());
    (writer.inside, writer.in_place) = (!around.is_empty(), update.from_clause.is_empty());
    let with = with_names(update.with_clause.as_ref(), around);
    let mut scope = Scope::default();
    update.relation.iter().for_each(|range| scope.add(NodeRef::RangeVar(range), &with));
    nodes(&update.from_clause).for_each(|item| scope.add(item, &with));
    writer.targets(&update.target_list, &scope);
    writer.done()
}

pub(super) fn by_merge(merge: &MergeStmt, around: &[String]) -> Vec<Stored> {
    let mut writer = Writer::new(NodeRef::MergeStmt(merge), merge.relation.as_ref());
    writer.inside = !around.is_empty();
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

/// A statement with a function that writes what it is given, such as a large object: anything that it mentions.
pub(super) fn by_function(statement: NodeRef<'_>) -> Vec<Stored> {
    let mut writer = Writer::new(statement, None);
    writer.store(None, Source::Unknown);
    writer.done()
}

/// CREATE TABLE AS of something that is not in the text.
pub(super) fn unseen() -> Stored {
    Stored { anything: true, ..Stored::default() }
}

/// The INTO of a SELECT; of a set operation the parser leaves it with the first arm.
pub(super) fn into(mut select: &SelectStmt) -> Option<&IntoClause> {
    while let Some(first) = &select.larg {
        select = first;
    }
    select.into_clause.as_deref()
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
