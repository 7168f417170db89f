//! Where the columns of a result may come from, for results whose origin the server does not name.
//!
//! The server names the table and column of a plain reference. For an expression it names nothing, and a mask by
//! column would be evaded by `email || ''`. This module answers from the text, and where the text is not simple it
//! answers for the whole statement: **data can only reach a result by a column's name, a star, or a whole row, and all
//! of these stand somewhere in the statement.** So a statement that mentions no masked column, no star and no row of a
//! masked relation is clean, whatever it does; any other is clean only column by column, where that can be seen.

use std::collections::BTreeSet;

use pg_query::NodeRef;
use pg_query::protobuf::{ColumnRef, FuncCall, RangeVar, ResTarget, ReturningClause, SelectStmt};

use super::canon::alias;
use super::children::{children, node, nodes};
use super::functions::{self, COUNTS, Effect};
use super::objects::strings;
use workflows::operation::Act;

/// What one column of a result may carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nothing of any column: constants, `now()`, `count(*)`.
    Clean,
    /// Something of these columns: the relation, where it can be told, and the column.
    Names(Vec<(Option<String>, String)>),
    /// Anything that the statement mentions.
    Unknown,
}

/// Everything that a statement mentions, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    /// Names of columns (and of functions, which can be columns in another notation).
    pub columns: BTreeSet<String>,
    /// Names of relations, without their schema.
    pub relations: BTreeSet<String>,
    /// Whether a whole row stands for its columns, or columns are renamed by position.
    pub whole_rows: bool,
    /// Whether there is a `*`.
    pub stars: bool,
    /// Whether it runs something that is not in the text: nothing can be ruled out.
    pub everything: bool,
}

/// The result of one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rows {
    /// Column by column, where positions are known.
    columns: Option<Vec<Source>>,
    mentions: Mentions,
}

/// Where the columns of a message's results may come from. With several results the strictest answer counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    results: Vec<Rows>,
}

impl Lineage {
    /// Of a result about which nothing is known.
    pub(super) fn anything() -> Self {
        let mentions = Mentions { everything: true, ..Mentions::default() };
        Self { results: vec![Rows { columns: None, mentions }] }
    }

    /// Whether column `index` of a result of `of` columns may carry masked data although the server names no origin.
    ///
    /// `masked` is asked with the relation (where it can be told) and the column; without a relation it must say
    /// whether *any* relation has a masked column of that name. `masked_relations` is asked whether a relation has any
    /// masked column at all. A result that no statement of the text gives is tainted.
    pub fn taints(
        &self,
        index: usize,
        of: usize,
        masked: &dyn Fn(Option<&str>, &str) -> bool,
        masked_relations: &dyn Fn(&str) -> bool,
    ) -> bool {
        self.results.is_empty() || self.results.iter().any(|rows| rows.taints(index, of, masked, masked_relations))
    }

    /// Adds the result of a statement, if it gives one.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "other statements give no rows, and rows from them are tainted"
    )]
    pub(super) fn add(&mut self, statement: NodeRef<'_>) {
        let columns = match statement {
            NodeRef::SelectStmt(select) if select.into_clause.is_none() => of_select(select, &[]),
            NodeRef::InsertStmt(insert) => match &insert.returning_clause {
                Some(returning) => returned(returning, insert.relation.iter(), [].iter()),
                None => return,
            },
            NodeRef::UpdateStmt(update) => match &update.returning_clause {
                Some(returning) => returned(returning, update.relation.iter(), update.from_clause.iter()),
                None => return,
            },
            NodeRef::DeleteStmt(delete) => match &delete.returning_clause {
                Some(returning) => returned(returning, delete.relation.iter(), delete.using_clause.iter()),
                None => return,
            },
            NodeRef::MergeStmt(merge) => match &merge.returning_clause {
                Some(returning) => {
                    returned(returning, merge.relation.iter(), merge.source_relation.iter().map(|n| &**n))
                }
                None => return,
            },
            // Plans and settings hold no rows of tables.
            NodeRef::ExplainStmt(_) | NodeRef::VariableShowStmt(_) => {
                self.results.push(Rows { columns: None, mentions: Mentions::default() });
                return;
            }
            NodeRef::FetchStmt(_) | NodeRef::ExecuteStmt(_) | NodeRef::CallStmt(_) => {
                self.results.extend(Self::anything().results);
                return;
            }
            _ => return,
        };
        self.results.push(Rows { columns, mentions: Mentions::of(statement) });
    }
}

impl Rows {
    fn taints(
        &self,
        index: usize,
        of: usize,
        masked: &dyn Fn(Option<&str>, &str) -> bool,
        masked_relations: &dyn Fn(&str) -> bool,
    ) -> bool {
        let known = self.columns.as_ref().filter(|columns| columns.len() == of);
        match known.and_then(|columns| columns.get(index)) {
            Some(Source::Clean) => false,
            Some(Source::Names(names)) => names.iter().any(|(relation, column)| masked(relation.as_deref(), column)),
            Some(Source::Unknown) | None => self.mentions.taint(masked, masked_relations),
        }
    }
}

impl Mentions {
    fn taint(&self, masked: &dyn Fn(Option<&str>, &str) -> bool, masked_relations: &dyn Fn(&str) -> bool) -> bool {
        self.everything
            || self.columns.iter().any(|column| masked(None, column))
            || ((self.stars || self.whole_rows) && self.relations.iter().any(|relation| masked_relations(relation)))
    }

    pub(super) fn of(statement: NodeRef<'_>) -> Self {
        let mut mentions = Self::default();
        let mut rows = BTreeSet::new();
        mentions.collect(statement, &mut rows);
        // A name that is both a column and a relation in sight may be the whole row.
        mentions.whole_rows |= mentions.columns.iter().any(|column| rows.contains(column));
        mentions
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "other nodes mention through what is below them")]
    fn collect(&mut self, node: NodeRef<'_>, rows: &mut BTreeSet<String>) {
        match node {
            NodeRef::ColumnRef(column) => self.columns.extend(strings(&column.fields)),
            NodeRef::AStar(_) => self.stars = true,
            NodeRef::AIndirection(expr) => self.columns.extend(strings(&expr.indirection)),
            NodeRef::FuncCall(call) => {
                self.columns.extend(strings(&call.funcname).pop());
                self.everything |= runs_unseen(call);
            }
            NodeRef::RangeVar(range) => {
                self.relations.insert(range.relname.clone());
                rows.insert(range.relname.clone());
                rows.insert(alias(range));
                self.whole_rows |= renames(range);
            }
            NodeRef::JoinExpr(join) => {
                self.columns.extend(strings(&join.using_clause));
                for alias in [&join.alias, &join.join_using_alias].into_iter().flatten() {
                    rows.insert(alias.aliasname.clone());
                    self.whole_rows |= !alias.colnames.is_empty();
                }
            }
            NodeRef::RangeSubselect(sub) => rows.extend(sub.alias.iter().map(|alias| alias.aliasname.clone())),
            NodeRef::RangeFunction(function) => {
                rows.extend(function.alias.iter().map(|alias| alias.aliasname.clone()));
            }
            _ => {}
        }
        // A kind that is not known may mention anything.
        if !children(node, &mut |child| self.collect(child, rows)) {
            self.everything = true;
        }
    }
}

/// `customers AS c (a, b)`: names that the catalog does not have.
fn renames(range: &RangeVar) -> bool {
    range.alias.as_ref().is_some_and(|alias| !alias.colnames.is_empty())
}

/// Whether a function's result comes from SQL, files or machines that the text does not show.
fn runs_unseen(call: &FuncCall) -> bool {
    match functions::effect(&strings(&call.funcname)) {
        Some(Effect::RunsText(_) | Effect::ReadsRelation(_) | Effect::Hidden | Effect::Does(Act::Execute)) => true,
        Some(Effect::Does(_) | Effect::LargeObject | Effect::ReadsLargeObject | Effect::Setting) | None => false,
    }
}

/// The relations in sight of an expression.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// How each is qualified, and its name.
    relations: Vec<(String, String)>,
    /// Whether there is something else: sub-selects, WITH queries, functions, renamed columns.
    mixed: bool,
}

impl Scope {
    /// One in which no column is told apart.
    pub(super) fn mixed() -> Self {
        Self { mixed: true, ..Self::default() }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not understood may carry anything")]
    pub(super) fn add(&mut self, item: NodeRef<'_>, local: &[&str]) {
        match item {
            NodeRef::RangeVar(range) => {
                self.mixed |=
                    renames(range) || (range.schemaname.is_empty() && local.contains(&range.relname.as_str()));
                self.relations.push((alias(range), range.relname.clone()));
            }
            NodeRef::JoinExpr(join) => {
                self.mixed |= join.alias.is_some() || join.join_using_alias.is_some();
                for side in [&join.larg, &join.rarg] {
                    if let Some(side) = node(side.as_deref()) {
                        self.add(side, local);
                    }
                }
            }
            _ => self.mixed = true,
        }
    }

    /// What an expression may carry.
    pub(super) fn source(&self, expr: NodeRef<'_>) -> Source {
        let mut names = Vec::new();
        if !self.gather(expr, &mut names) {
            return Source::Unknown;
        }
        match (names.is_empty(), self.mixed) {
            (true, _) => Source::Clean,
            (false, true) => Source::Unknown,
            (false, false) => Source::Names(names),
        }
    }

    /// Collects the columns of an expression; false if it may carry something else as well.
    #[expect(clippy::wildcard_enum_match_arm, reason = "other nodes carry what is below them")]
    fn gather(&self, expr: NodeRef<'_>, names: &mut Vec<(Option<String>, String)>) -> bool {
        match expr {
            NodeRef::SubLink(_) | NodeRef::SelectStmt(_) | NodeRef::AStar(_) => return false,
            NodeRef::ColumnRef(column) => return self.column(column, names),
            NodeRef::AIndirection(access) if !strings(&access.indirection).is_empty() => return false,
            NodeRef::FuncCall(call) if runs_unseen(call) => return false,
            NodeRef::FuncCall(call) if counts(call) => return true,
            _ => {}
        }
        let mut plain = true;
        let known = children(expr, &mut |child| plain = plain && self.gather(child, names));
        known && plain
    }

    fn column(&self, column: &ColumnRef, names: &mut Vec<(Option<String>, String)>) -> bool {
        let fields = strings(&column.fields);
        let Some((name, before)) = fields.split_last() else { return false };
        let row = |name: &String| self.relations.iter().any(|(alias, relation)| alias == name || relation == name);
        if fields.len() != column.fields.len() || row(name) {
            return false;
        }
        let relation = match (before.last(), self.relations.as_slice()) {
            (Some(qualifier), relations) => {
                relations.iter().find(|(alias, _)| alias == qualifier).map(|(_, name)| name)
            }
            (None, [(_, only)]) => Some(only),
            (None, _) => None,
        };
        names.push((relation.cloned(), name.clone()));
        true
    }
}

/// `count(*)` and `count(column)`: a number that says nothing about any value. A condition inside is another matter.
fn counts(call: &FuncCall) -> bool {
    let simple = call.agg_star || nodes(&call.args).all(|arg| matches!(arg, NodeRef::ColumnRef(_)));
    let name = strings(&call.funcname);
    let built_in = match name.as_slice() {
        [name] => COUNTS.contains(&name.as_str()),
        [schema, name] => schema == "pg_catalog" && COUNTS.contains(&name.as_str()),
        _ => false,
    };
    built_in && simple && call.agg_filter.is_none()
}

/// The columns of a SELECT, by position; `None` where a star hides how many there are.
#[expect(clippy::wildcard_enum_match_arm, reason = "what is not understood may carry anything")]
pub(super) fn of_select(select: &SelectStmt, outer: &[&str]) -> Option<Vec<Source>> {
    let mut local = outer.to_vec();
    for table in select.with_clause.iter().flat_map(|with| nodes(&with.ctes)) {
        if let NodeRef::CommonTableExpr(table) = table {
            local.push(&table.ctename);
        }
    }
    if let (Some(left), Some(right)) = (&select.larg, &select.rarg) {
        return both(of_select(left, &local)?, of_select(right, &local)?);
    }
    let mut scope = Scope::default();
    nodes(&select.from_clause).for_each(|item| scope.add(item, &local));
    if select.values_lists.is_empty() {
        return targets(nodes(&select.target_list), &scope);
    }
    let mut rows = nodes(&select.values_lists).map(|row| match row {
        NodeRef::List(list) => Some(nodes(&list.items).map(|item| scope.source(item)).collect::<Vec<_>>()),
        _ => None,
    });
    let first = rows.next()??;
    rows.try_fold(first, |so_far, row| both(so_far, row?))
}

fn returned<'a>(
    returning: &ReturningClause,
    relation: impl Iterator<Item = &'a RangeVar>,
    others: impl Iterator<Item = &'a pg_query::Node>,
) -> Option<Vec<Source>> {
    let mut scope = Scope::default();
    relation.for_each(|range| scope.add(NodeRef::RangeVar(range), &[]));
    // A WITH query among the others is not told apart from a relation: its columns go by name alone.
    others.for_each(|item| {
        scope.mixed = true;
        if let Some(item) = node(Some(item)) {
            scope.add(item, &[]);
        }
    });
    targets(nodes(&returning.exprs), &scope)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what is not understood may carry anything")]
fn targets<'a>(list: impl Iterator<Item = NodeRef<'a>>, scope: &Scope) -> Option<Vec<Source>> {
    list.map(|target| match target {
        NodeRef::ResTarget(target) => position(target, scope),
        _ => None,
    })
    .collect()
}

/// What one entry of a target list carries; `None` if it is a star, which is any number of columns.
#[expect(clippy::wildcard_enum_match_arm, reason = "only references and accesses can end in a star")]
fn position(target: &ResTarget, scope: &Scope) -> Option<Source> {
    let value = node(target.val.as_deref())?;
    let fields = match value {
        NodeRef::ColumnRef(column) => &column.fields,
        NodeRef::AIndirection(access) => &access.indirection,
        _ => return Some(scope.source(value)),
    };
    if nodes(fields).any(|field| matches!(field, NodeRef::AStar(_))) { None } else { Some(scope.source(value)) }
}

/// Two lists of columns on top of each other, as in UNION and VALUES.
fn both(left: Vec<Source>, right: Vec<Source>) -> Option<Vec<Source>> {
    if left.len() != right.len() {
        return None;
    }
    let pair = |(left, right)| match (left, right) {
        (Source::Unknown, _) | (_, Source::Unknown) => Source::Unknown,
        (Source::Clean, other) | (other, Source::Clean) => other,
        (Source::Names(left), Source::Names(right)) => Source::Names(left.into_iter().chain(right).collect()),
    };
    Some(left.into_iter().zip(right).map(pair).collect())
}
