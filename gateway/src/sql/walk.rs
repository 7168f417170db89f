//! The walk over a statement's tree: relations, functions and data changes at any depth.
//!
//! One rule makes it safe: a node is either understood here, or has all its fields walked by [`children`], or is
//! unknown and makes the statement opaque. What each kind of statement *is* stands in `statement.rs`.

use pg_query::NodeRef;
use pg_query::protobuf::{CmdType, SelectStmt, UpdateStmt, WithClause};
use pg_query::protobuf::{
    DeleteStmt, FuncCall, InsertStmt, LockClauseStrength, MergeMatchKind, MergeStmt, OnConflictAction, RangeVar,
};
use workflows::operation::{Act, Kind};

use super::canon::Target;
use super::children::{children, node, nodes};
use super::functions::{self, Effect};
use super::narrow;
use super::objects::{self, Facts, scalar, strings};
use super::settings;
use super::stores;

/// What statements do to the session's own names, for the gateway to follow.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) executes: Vec<String>,
    pub(super) deallocates: Vec<String>,
    pub(super) sets: Vec<(String, Option<String>)>,
}

/// The walk over one top-level statement.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// What was found so far.
    pub(super) facts: Facts,
    /// Data changes below the top: each is judged by its own name as well.
    pub(super) hidden: Vec<Facts>,
    /// Names that later statements or the caller must know.
    pub(super) names: Names,
    /// Names of WITH queries that are in sight.
    pub(super) scope: Vec<String>,
    /// A query was entered: only the first data change or query is the statement itself.
    pub(super) entered: bool,
    /// The statement wraps another one (PREPARE, DECLARE, COPY, EXPLAIN ANALYZE): a data change in it is hidden.
    pub(super) wrapped: bool,
    /// The text of a CREATE FUNCTION, for the parser of its body.
    pub(super) source: String,
    /// Inside a definition or a plain EXPLAIN: nothing of it runs now.
    pub(super) inert: bool,
    /// How many texts inside texts were opened.
    pub(super) nested: u8,
}

impl Walk {
    /// A walk over something that a statement holds and runs as a statement of its own.
    pub(super) fn inner(&self) -> Self {
        Self { entered: true, inert: self.inert, nested: self.nested + 1, ..Self::default() }
    }

    /// Takes over what an inner walk found.
    pub(super) fn absorb(&mut self, inner: Self) {
        if inner.facts.act.is_none() {
            self.facts.opaque("it holds a statement of an unknown kind");
        }
        self.facts.join(inner.facts);
        self.hidden.extend(inner.hidden);
        self.names.executes.extend(inner.names.executes);
        self.names.deallocates.extend(inner.names.deallocates);
        self.names.sets.extend(inner.names.sets);
    }

    /// Walks a node.
    #[expect(clippy::wildcard_enum_match_arm, reason = "other nodes are walked by their table")]
    pub(super) fn visit(&mut self, node: NodeRef<'_>) {
        if self.statement(node) {
            return;
        }
        match node {
            NodeRef::RangeVar(range) => self.relation(range, false),
            NodeRef::FuncCall(call) => self.call(call),
            NodeRef::ColumnRef(column) => self.attribute(&strings(&column.fields)),
            NodeRef::AIndirection(expr) => {
                self.attribute(&[String::new()].into_iter().chain(strings(&expr.indirection)).collect::<Vec<_>>());
                self.below(node);
            }
            _ => self.below(node),
        }
    }

    /// Walks whatever is below a node.
    pub(super) fn below(&mut self, node: NodeRef<'_>) {
        if !children(node, &mut |child| self.visit(child)) {
            self.facts.opaque("it holds a kind of expression that is not known");
        }
    }

    /// Notes a relation, unless the name is that of a WITH query in sight.
    pub(super) fn relation(&mut self, range: &RangeVar, written: bool) {
        let local = range.schemaname.is_empty() && self.scope.contains(&range.relname);
        if written || !local {
            self.facts.touch(Kind::Relation, &objects::relation(range), written);
        }
        if written && range.relname == "pg_settings" {
            // The view has a rule that calls set_config for each row.
            self.facts.act(Act::Administer);
            self.facts.undoes = true;
            if !self.inert {
                self.names.sets.push(("all".to_owned(), None));
            }
        }
    }

    /// SELECT, VALUES, TABLE and set operations.
    #[expect(clippy::wildcard_enum_match_arm, reason = "other nodes are walked by their table")]
    pub(super) fn select(&mut self, select: &SelectStmt) {
        let first = !std::mem::replace(&mut self.entered, true);
        let lock = nodes(&select.locking_clause).find_map(|clause| match clause {
            NodeRef::LockingClause(clause) => Some(match clause.strength() {
                LockClauseStrength::LcsForkeyshare => "SELECT FOR KEY SHARE",
                LockClauseStrength::LcsForshare => "SELECT FOR SHARE",
                LockClauseStrength::LcsFornokeyupdate => "SELECT FOR NO KEY UPDATE",
                LockClauseStrength::LcsForupdate | LockClauseStrength::LcsNone | LockClauseStrength::Undefined => {
                    "SELECT FOR UPDATE"
                }
            }),
            _ => None,
        });
        if let Some(into) = stores::into(select) {
            self.facts.stores.extend(stores::by_query(select, into.rel.as_ref(), &into.col_names));
        }
        self.facts.act(Act::Read);
        // A row lock changes no data, but the server counts it as a write and refuses it in a read-only transaction.
        self.facts.writes |= lock.is_some();
        if first {
            self.facts.bounded &= narrow::bounded(select);
        }
        if let Some(into) = &select.into_clause {
            self.facts.verb("SELECT INTO");
            self.facts.act(Act::Define);
            if let Some(range) = &into.rel {
                self.relation(range, true);
            }
        }
        self.facts.verb(lock.unwrap_or("SELECT"));
        let scope = self.enter(select.with_clause.as_ref());
        children(NodeRef::SelectStmt(select), &mut |child| match child {
            // The names in FOR UPDATE OF are aliases of relations that FROM names.
            NodeRef::WithClause(_) | NodeRef::IntoClause(_) | NodeRef::LockingClause(_) => {}
            other => self.visit(other),
        });
        self.scope.truncate(scope);
    }

    /// Walks the WITH queries and brings their names in sight; the caller truncates the scope to the result.
    fn enter(&mut self, with: Option<&WithClause>) -> usize {
        let before = self.scope.len();
        let Some(with) = with else { return before };
        let tables = || {
            nodes(&with.ctes)
                .filter_map(|node| if let NodeRef::CommonTableExpr(table) = node { Some(table) } else { None })
        };
        if with.recursive {
            self.scope.extend(tables().map(|table| table.ctename.clone()));
        }
        for table in tables() {
            self.below(NodeRef::CommonTableExpr(table));
            // Without RECURSIVE a query sees only those before it: the same name inside it is the real table.
            if !with.recursive {
                self.scope.push(table.ctename.clone());
            }
        }
        before
    }

    /// A data change: the statement itself, or hidden in one.
    fn change(&mut self, verb: &str, work: impl FnOnce(&mut Self)) {
        let first = !std::mem::replace(&mut self.entered, true) && !self.wrapped;
        if first {
            self.facts.verb(verb);
            self.facts.act(Act::Write);
            work(self);
            return;
        }
        self.facts.verb(verb);
        let outer = std::mem::take(&mut self.facts);
        self.facts.verb(verb);
        self.facts.act(Act::Write);
        work(self);
        let own = std::mem::replace(&mut self.facts, outer);
        if !self.inert {
            self.hidden.push(own.clone());
        }
        self.facts.join(own);
    }

    pub(super) fn insert(&mut self, insert: &InsertStmt) {
        self.change("INSERT", |walk| {
            if let Some(conflict) = &insert.on_conflict_clause
                && conflict.action() == OnConflictAction::OnconflictUpdate
                && conflict.where_clause.is_none()
            {
                // What a SELECT gives may meet every row that is there, and change it.
                walk.facts.bounded &= match node(insert.select_stmt.as_deref()) {
                    Some(NodeRef::SelectStmt(source)) => !source.values_lists.is_empty() || narrow::bounded(source),
                    _ => true,
                };
            }
            walk.facts.stores.extend(stores::by_insert(insert, &walk.scope));
            walk.with_target(insert.with_clause.as_ref(), insert.relation.as_ref(), NodeRef::InsertStmt(insert));
        });
    }

    pub(super) fn update(&mut self, update: &UpdateStmt) {
        self.change("UPDATE", |walk| {
            if let Some(relation) = &update.relation {
                let condition = node(update.where_clause.as_deref());
                walk.facts.bounded &= narrow::narrows(condition, relation, nodes(&update.from_clause));
            }
            walk.facts.stores.extend(stores::by_update(update, &walk.scope));
            walk.with_target(update.with_clause.as_ref(), update.relation.as_ref(), NodeRef::UpdateStmt(update));
        });
    }

    pub(super) fn delete(&mut self, delete: &DeleteStmt) {
        self.change("DELETE", |walk| {
            if let Some(relation) = &delete.relation {
                let condition = node(delete.where_clause.as_deref());
                walk.facts.bounded &= narrow::narrows(condition, relation, nodes(&delete.using_clause));
            }
            walk.with_target(delete.with_clause.as_ref(), delete.relation.as_ref(), NodeRef::DeleteStmt(delete));
        });
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "other nodes are walked by their table")]
    pub(super) fn merge(&mut self, merge: &MergeStmt) {
        self.change("MERGE", |walk| {
            if let Some(relation) = &merge.relation {
                let target = Target::of(relation, node(merge.source_relation.as_deref()).into_iter());
                let narrows = |condition| node(condition).is_some_and(|c| narrow::keeps(c, &target).narrows());
                let joined = narrows(merge.join_condition.as_deref());
                walk.facts.bounded &= nodes(&merge.merge_when_clauses).all(|clause| match clause {
                    NodeRef::MergeWhenClause(when) => match (when.command_type(), when.match_kind()) {
                        (CmdType::CmdInsert | CmdType::CmdNothing, _) => true,
                        (_, MergeMatchKind::MergeWhenMatched) => joined || narrows(when.condition.as_deref()),
                        (_, _) => narrows(when.condition.as_deref()),
                    },
                    _ => false,
                });
            }
            walk.facts.stores.extend(stores::by_merge(merge, &walk.scope));
            walk.with_target(merge.with_clause.as_ref(), merge.relation.as_ref(), NodeRef::MergeStmt(merge));
        });
    }

    /// The rest of a data change: WITH first, its target as written, then everything below.
    #[expect(clippy::wildcard_enum_match_arm, reason = "other nodes are walked by their table")]
    fn with_target(&mut self, with: Option<&WithClause>, target: Option<&RangeVar>, statement: NodeRef<'_>) {
        let scope = self.enter(with);
        if let Some(range) = target {
            self.relation(range, true);
        }
        let mut target_seen = target.is_none();
        children(statement, &mut |child| match child {
            NodeRef::WithClause(_) => {}
            NodeRef::RangeVar(range) if !target_seen && Some(range) == target => target_seen = true,
            other => self.visit(other),
        });
        self.scope.truncate(scope);
    }

    /// A function call: its arguments, and what the function does beyond reading.
    fn call(&mut self, call: &FuncCall) {
        self.below(NodeRef::FuncCall(call));
        self.function(&strings(&call.funcname), call);
    }

    /// `(x).f` and `t.f` call the function `f` where there is no such column.
    fn attribute(&mut self, name: &[String]) {
        let Some((last, [_, ..])) = name.split_last() else { return };
        if functions::effect(std::slice::from_ref(last)).is_some() {
            self.function(std::slice::from_ref(last), &FuncCall::default());
        }
    }

    fn function(&mut self, name: &[String], call: &FuncCall) {
        let bare = match name {
            [schema, rest @ ..] if schema == "pg_catalog" && !rest.is_empty() => rest,
            all => all,
        };
        self.facts.functions.insert(bare.join("."));
        let shown = bare.join(".");
        // Named and VARIADIC arguments have no position that could be relied on.
        let plain = !call.func_variadic && !nodes(&call.args).any(|arg| matches!(arg, NodeRef::NamedArgExpr(_)));
        let constant = |at: usize| if plain { nodes(&call.args).nth(at).and_then(constant) } else { None };
        match functions::effect(bare) {
            None => {}
            Some(Effect::Does(act)) => self.facts.act(act),
            Some(Effect::LargeObject) => {
                self.facts.act(Act::Write);
                self.facts.writes_out = true;
                self.facts.touch(Kind::LargeObject, &[constant(0).unwrap_or_else(|| "?".to_owned())], true);
            }
            Some(Effect::ReadsLargeObject) => {
                self.facts.touch(Kind::LargeObject, &[constant(0).unwrap_or_else(|| "?".to_owned())], false);
            }
            Some(Effect::RunsText(at)) => match constant(at) {
                Some(text) => self.text(&text, &shown),
                None => self.facts.opaque(format!("`{shown}` runs SQL that is not in the text")),
            },
            Some(Effect::ReadsRelation(at)) => match constant(at).as_deref().and_then(dotted) {
                Some(name) => self.facts.touch(Kind::Relation, &name, false),
                None => self.facts.opaque(format!("`{shown}` reads a relation that the text does not name")),
            },
            Some(Effect::Hidden) => self.facts.opaque(format!("`{shown}` runs what its arguments say")),
            Some(Effect::Setting) => {
                // A setting is read back without a word about where its value came from.
                let value = nodes(&call.args).nth(1);
                if constant(1).is_none() && !value.is_some_and(is_parameter) {
                    self.facts.opaque("`set_config` of a value that the text does not show");
                }
                if let Some(setting) = constant(0) {
                    self.set(&setting, constant(1));
                } else {
                    self.facts.opaque("`set_config` of a setting that the text does not name");
                    if !self.inert {
                        // Any of them may change.
                        self.names.sets.push(("all".to_owned(), None));
                    }
                }
            }
        }
    }

    /// A setting changes, by SET or by `set_config`.
    pub(super) fn set(&mut self, name: &str, value: Option<String>) {
        let change = settings::change(name, value.as_deref());
        self.facts.act(change.act);
        self.facts.undoes |= change.undoes;
        self.facts.touch(Kind::Setting, &[name.to_ascii_lowercase()], change.act == Act::Administer);
        if let Some(why) = change.opaque {
            self.facts.opaque(why);
        }
        if !self.inert {
            self.names.sets.push((name.to_ascii_lowercase(), value));
        }
    }
}

/// A parameter of the client's, cast or not.
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else it is, it is no parameter")]
fn is_parameter(arg: NodeRef<'_>) -> bool {
    match arg {
        NodeRef::ParamRef(_) => true,
        NodeRef::TypeCast(cast) => node(cast.arg.as_deref()).is_some_and(is_parameter),
        _ => false,
    }
}

/// A constant argument; of casts only those to a kind of text, which leave it as it is.
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever is not a constant is not known")]
fn constant(arg: NodeRef<'_>) -> Option<String> {
    match arg {
        NodeRef::AConst(_) => scalar(arg),
        NodeRef::TypeCast(cast) => {
            let name = strings(&cast.type_name.as_ref()?.names).pop()?;
            matches!(name.as_str(), "text" | "varchar" | "regclass")
                .then(|| node(cast.arg.as_deref()).and_then(constant))?
        }
        _ => None,
    }
}

/// A relation's name inside a string, where it is plain; `None` for quoted names and numbers.
fn dotted(text: &str) -> Option<Vec<String>> {
    let plain = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let parts: Vec<String> = text.split('.').map(str::to_ascii_lowercase).collect();
    parts.iter().all(|part| plain(part)).then_some(parts)
}
