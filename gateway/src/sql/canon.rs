//! Looking at expressions without their positions: which columns they name, and whether two are the same.

use std::collections::BTreeSet;

use pg_query::NodeRef;
use pg_query::protobuf::{AExprKind, BoolExprType, ColumnRef, NullTestType, RangeVar, SelectStmt};

use super::children::{children, node, nodes};
use super::objects::{relation, scalar, strings};

/// The relation whose rows a condition is to narrow.
#[derive(Debug)]
pub(super) struct Target {
    /// How columns of it are qualified; `None` where any column counts.
    alias: Option<String>,
    /// The relation itself, to find it again in sub-selects.
    name: Vec<String>,
    /// How the other relations of the statement are qualified.
    others: BTreeSet<String>,
    /// Whether the target itself stands among them: then comparing columns of the two leaves nothing out.
    twin: bool,
}

/// Whether a relation of this name stands anywhere below.
#[expect(clippy::wildcard_enum_match_arm, reason = "all else is looked through")]
fn names(item: NodeRef<'_>, name: Option<&String>) -> bool {
    match item {
        NodeRef::RangeVar(range) => relation(range).last() == name,
        other => {
            let mut found = false;
            children(other, &mut |child| found |= names(child, name));
            found
        }
    }
}

impl Target {
    /// The target of an UPDATE or DELETE, and what stands beside it in FROM or USING.
    pub(super) fn of<'a>(range: &RangeVar, others: impl Iterator<Item = NodeRef<'a>>) -> Self {
        let mut others_names = BTreeSet::new();
        let (name, mut twin) = (relation(range), false);
        others.for_each(|item| {
            aliases(item, &mut others_names);
            twin |= names(item, name.last());
        });
        Self { alias: Some(alias(range)), name, others: others_names, twin }
    }

    /// Any relation: for a SELECT, where a condition on any of them narrows.
    pub(super) fn any() -> Self {
        Self { alias: None, name: Vec::new(), others: BTreeSet::new(), twin: false }
    }

    /// Whether the target is joined with itself.
    pub(super) const fn has_twin(&self) -> bool {
        self.twin
    }

    /// Whether an expression looks at a column of the target.
    pub(super) fn seen_in(&self, expr: NodeRef<'_>) -> bool {
        self.seen(expr, false)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "only what is simple is compared")]
    fn seen(&self, expr: NodeRef<'_>, inner: bool) -> bool {
        match expr {
            NodeRef::ColumnRef(column) => self.owns(column, inner),
            NodeRef::SelectStmt(select) => {
                let mut shadows = BTreeSet::new();
                nodes(&select.from_clause).for_each(|item| aliases(item, &mut shadows));
                if self.alias.as_ref().is_some_and(|alias| shadows.contains(alias)) {
                    return false;
                }
                // An unqualified name in a sub-select with a FROM is most likely its own.
                self.seen_below(expr, inner || !select.from_clause.is_empty())
            }
            _ => self.seen_below(expr, inner),
        }
    }

    fn seen_below(&self, expr: NodeRef<'_>, inner: bool) -> bool {
        let mut found = false;
        children(expr, &mut |child| found = found || self.seen(child, inner));
        found
    }

    fn owns(&self, column: &ColumnRef, inner: bool) -> bool {
        let fields = strings(&column.fields);
        let Some(alias) = &self.alias else { return !inner };
        match fields.as_slice() {
            [] => false,
            [name] => !inner && !self.others.contains(name),
            [.., qualifier, _] => qualifier == alias,
        }
    }

    /// A column's name, without the qualifier if that only says "of the target".
    fn own_name(&self, column: &ColumnRef) -> String {
        let fields = strings(&column.fields);
        match fields.as_slice() {
            [.., qualifier, name] if Some(qualifier) == self.alias.as_ref() => name.clone(),
            _ => fields.join("."),
        }
    }

    /// Whether this is the target as a whole row: `t IS NOT NULL`.
    pub(super) fn whole_row(&self, expr: NodeRef<'_>) -> bool {
        matches!(expr, NodeRef::ColumnRef(column) if strings(&column.fields).last() == self.alias.as_ref()
            && column.fields.len() == 1)
    }
}

/// How columns of a relation are qualified.
pub(super) fn alias(range: &RangeVar) -> String {
    range.alias.as_ref().map_or_else(|| range.relname.clone(), |alias| alias.aliasname.clone())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only what is simple is compared")]
fn aliases(item: NodeRef<'_>, into: &mut BTreeSet<String>) {
    match item {
        NodeRef::RangeVar(range) => {
            into.insert(alias(range));
        }
        NodeRef::JoinExpr(join) => {
            for side in [&join.larg, &join.rarg] {
                if let Some(side) = node(side.as_deref()) {
                    aliases(side, into);
                }
            }
        }
        NodeRef::RangeSubselect(sub) => into.extend(sub.alias.iter().map(|alias| alias.aliasname.clone())),
        NodeRef::RangeFunction(function) => into.extend(function.alias.iter().map(|alias| alias.aliasname.clone())),
        _ => {}
    }
}

/// Every SELECT inside an expression, outermost first.
pub(super) fn selects<'a>(expr: NodeRef<'a>, found: &mut dyn FnMut(&'a SelectStmt)) {
    if let NodeRef::SelectStmt(select) = expr {
        found(select);
    }
    children(expr, &mut |child| selects(child, found));
}

/// Whether a SELECT reads the target's own relation.
pub(super) fn reads(select: &SelectStmt, target: &Target) -> bool {
    let mut found = false;
    let mut look = |item: NodeRef<'_>| {
        if let NodeRef::RangeVar(range) = item {
            found |= relation(range).last() == target.name.last();
        }
    };
    for item in nodes(&select.from_clause) {
        look(item);
        children(item, &mut look);
    }
    found
}

/// `EXISTS (SELECT 1 FROM t x WHERE x.id = t.id)` on the target `t`: every row meets itself.
pub(super) fn meets_itself(select: &SelectStmt, target: &Target) -> bool {
    if !reads(select, target) {
        return false;
    }
    match node(select.where_clause.as_deref()) {
        Some(NodeRef::AExpr(expr)) if expr.kind() == AExprKind::AexprOp => {
            let side = |side| match node(side) {
                Some(NodeRef::ColumnRef(column)) => strings(&column.fields).pop(),
                _ => None,
            };
            let (left, right) = (side(expr.lexpr.as_deref()), side(expr.rexpr.as_deref()));
            left.is_some()
                && left == right
                && matches!(strings(&expr.name).last().map(String::as_str), Some("=" | "<=" | ">="))
        }
        _ => false,
    }
}

/// An expression as text without positions, casts and collations; `None` for kinds that are not compared.
///
/// Only the target's own qualifier is dropped: `t.id = u.id` stays a comparison of two things.
#[expect(clippy::wildcard_enum_match_arm, reason = "only simple expressions are compared")]
pub(super) fn canon(expr: NodeRef<'_>, target: &Target) -> Option<String> {
    match expr {
        NodeRef::ColumnRef(column) => Some(format!("c{}", target.own_name(column))),
        NodeRef::AConst(_) => Some(format!("k{}", scalar(expr)?)),
        NodeRef::ParamRef(param) => Some(format!("p{}", param.number)),
        NodeRef::TypeCast(cast) => canon(node(cast.arg.as_deref())?, target),
        NodeRef::CollateClause(clause) => canon(node(clause.arg.as_deref())?, target),
        NodeRef::FuncCall(call) => {
            let args: Option<Vec<String>> = nodes(&call.args).map(|arg| canon(arg, target)).collect();
            Some(format!("f{}({})", strings(&call.funcname).join("."), args?.join(",")))
        }
        NodeRef::RowExpr(row) => {
            let args: Option<Vec<String>> = nodes(&row.args).map(|arg| canon(arg, target)).collect();
            Some(format!("r({})", args?.join(",")))
        }
        NodeRef::AExpr(expr) if expr.kind() == AExprKind::AexprOp => {
            let left = node(expr.lexpr.as_deref()).map_or(Some(String::new()), |left| canon(left, target))?;
            let right = canon(node(expr.rexpr.as_deref())?, target)?;
            Some(format!("o({left}{}{right})", strings(&expr.name).join(".")))
        }
        _ => None,
    }
}

/// The columns that an expression names, without their qualifiers where these say nothing.
pub(super) fn columns(expr: NodeRef<'_>, target: &Target) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(expr, target, &mut found);
    found
}

fn collect(expr: NodeRef<'_>, target: &Target, found: &mut BTreeSet<String>) {
    if let NodeRef::ColumnRef(column) = expr {
        found.insert(target.own_name(column));
    }
    // What a sub-select compares is its own business, unless it has nothing but what it is given.
    if matches!(expr, NodeRef::SelectStmt(select) if !select.from_clause.is_empty()) {
        return;
    }
    children(expr, &mut |child| collect(child, target, found));
}

/// Whether this is a column that counts upwards from one in nearly every schema.
pub(super) fn is_key(expr: NodeRef<'_>) -> bool {
    column_name(expr).is_some_and(|name| name == "id" || name.ends_with("_id"))
}

/// Whether an expression is never NULL: a system column, a key by name, a test, `coalesce(…, 0)`.
#[expect(clippy::wildcard_enum_match_arm, reason = "what is not known may be NULL")]
pub(super) fn is_never_null(expr: NodeRef<'_>) -> bool {
    const SYSTEM: &[&str] = &["id", "oid", "ctid", "tableoid", "xmin", "xmax", "cmin", "cmax"];
    match expr {
        NodeRef::NullTest(_) | NodeRef::BooleanTest(_) => true,
        NodeRef::CoalesceExpr(expr) => nodes(&expr.args).any(|arg| scalar(arg).is_some() || is_never_null(arg)),
        NodeRef::TypeCast(cast) => node(cast.arg.as_deref()).is_some_and(is_never_null),
        other => column_name(other).is_some_and(|name| SYSTEM.contains(&name.as_str())),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only what is simple is compared")]
fn column_name(expr: NodeRef<'_>) -> Option<String> {
    match expr {
        NodeRef::ColumnRef(column) => strings(&column.fields).pop(),
        NodeRef::TypeCast(cast) => column_name(node(cast.arg.as_deref())?),
        _ => None,
    }
}

/// One test of something, to find the test that is true where this one is false.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Test {
    subject: String,
    asks: String,
}

impl Test {
    /// Whether this test or the other is true for every row (or as good as: NULL aside).
    pub(super) fn completes(&self, other: &Self) -> bool {
        const PAIRS: &[(&str, &str)] = &[
            ("=", "<>"),
            ("<", ">="),
            (">", "<="),
            ("<=", ">="),
            ("~~", "!~~"),
            ("~~*", "!~~*"),
            ("~", "!~"),
            ("null", "not null"),
            ("true", "not true"),
            ("in", "not in"),
        ];
        self.subject == other.subject
            && PAIRS.iter().any(|(one, two)| {
                (self.asks == *one && other.asks == *two) || (self.asks == *two && other.asks == *one)
            })
    }
}

/// What an arm of an OR tests, where it is simple enough to say.
#[expect(clippy::wildcard_enum_match_arm, reason = "only simple tests have an opposite that can be seen")]
pub(super) fn test(expr: NodeRef<'_>, target: &Target) -> Option<Test> {
    let test = |subject: String, asks: &str| Some(Test { subject, asks: asks.to_owned() });
    match expr {
        NodeRef::NullTest(null) => {
            let asks = if null.nulltesttype() == NullTestType::IsNull { "null" } else { "not null" };
            test(canon(node(null.arg.as_deref())?, target)?, asks)
        }
        NodeRef::BoolExpr(not) if not.boolop() == BoolExprType::NotExpr => {
            let inner = self::test(nodes(&not.args).next()?, target)?;
            let asks = match inner.asks.as_str() {
                "=" => "<>",
                "<>" => "=",
                "<" => ">=",
                ">=" => "<",
                ">" => "<=",
                "<=" => ">",
                "~~" => "!~~",
                "!~~" => "~~",
                "~" => "!~",
                "!~" => "~",
                "null" => "not null",
                "not null" => "null",
                "true" => "not true",
                "not true" => "true",
                "in" => "not in",
                "not in" => "in",
                _ => return None,
            };
            test(inner.subject, asks)
        }
        NodeRef::AExpr(expr) => {
            let left = canon(node(expr.lexpr.as_deref())?, target)?;
            let name = strings(&expr.name).pop()?;
            if expr.kind() == AExprKind::AexprIn {
                let NodeRef::List(list) = node(expr.rexpr.as_deref())? else { return None };
                let items: Option<Vec<String>> = nodes(&list.items).map(|arg| canon(arg, target)).collect();
                return test(format!("{left} {}", items?.join(",")), if name == "=" { "in" } else { "not in" });
            }
            test(format!("{left} {}", canon(node(expr.rexpr.as_deref())?, target)?), &name)
        }
        NodeRef::ColumnRef(_) | NodeRef::FuncCall(_) => test(canon(expr, target)?, "true"),
        _ => None,
    }
}
