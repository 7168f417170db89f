//! Whether a condition narrows: `DELETE … WHERE 1=1` deletes everything, however the `1=1` is spelled.
//!
//! This is constant folding that errs to one side: a condition counts as narrowing only if it compares something
//! of the target's rows with something else. What cannot be told is [`Keeps::Unknown`] and counts as not narrowing.

use pg_query::NodeRef;
use pg_query::protobuf::{
    AExpr, AExprKind, BoolExpr, BoolExprType, BoolTestType, NullTestType, RangeVar, SelectStmt,
};
use pg_query::protobuf::{CaseExpr, SubLink, SubLinkType, a_const::Val};

use super::canon::{self, Target, canon};
use super::children::{node, nodes};
use super::functions::AGGREGATES;
use super::objects::{boolean, scalar, strings};

/// How many of the target's rows a condition keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    /// Every one: `true`, `id = id`.
    All,
    /// None: `false`, `NULL`.
    Nothing,
    /// Some, as its columns decide.
    Fewer,
    /// Perhaps all: it does not look at the target's rows.
    Unknown,
}

impl Keeps {
    /// Whether rows are left out for a reason that lies in the rows.
    pub(super) fn narrows(self) -> bool {
        matches!(self, Self::Fewer | Self::Nothing)
    }

    fn negated(self) -> Self {
        match self {
            Self::All => Self::Nothing,
            Self::Nothing => Self::All,
            Self::Fewer | Self::Unknown => self,
        }
    }

    fn constant(truth: bool) -> Self {
        if truth { Self::All } else { Self::Nothing }
    }
}

/// Whether a WHERE narrows what happens to `relation`; `others` are the rest of FROM or USING.
pub(super) fn narrows<'a>(
    condition: Option<NodeRef<'a>>,
    relation: &RangeVar,
    others: impl Iterator<Item = NodeRef<'a>>,
) -> bool {
    let target = Target::of(relation, others);
    condition.is_some_and(|condition| keeps(condition, &target).narrows())
}

/// How many rows of `target` a condition keeps.
#[expect(clippy::wildcard_enum_match_arm, reason = "other expressions narrow if they look at the target's columns")]
pub(super) fn keeps(condition: NodeRef<'_>, target: &Target) -> Keeps {
    match condition {
        NodeRef::BoolExpr(expr) => boolean_expr(expr, target),
        NodeRef::AExpr(expr) => comparison(expr, target),
        NodeRef::NullTest(test) => null_test(node(test.arg.as_deref()), test.nulltesttype(), target),
        NodeRef::BooleanTest(test) => boolean_test(node(test.arg.as_deref()), test.booltesttype(), target),
        NodeRef::SubLink(link) => sub_link(link, target),
        NodeRef::CaseExpr(case) => case_expr(case, target),
        NodeRef::CoalesceExpr(expr) => {
            let all: Vec<Keeps> = nodes(&expr.args).map(|arg| keeps(arg, target)).collect();
            if all.iter().all(|keeps| keeps.narrows()) { any(all) } else { Keeps::Unknown }
        }
        NodeRef::AConst(constant) => match (&constant.val, constant.isnull) {
            (_, true) => Keeps::Nothing,
            (Some(Val::Ival(number)), false) => Keeps::constant(number.ival != 0),
            (Some(_), false) => {
                scalar(condition).and_then(|text| boolean(&text)).map_or(Keeps::Unknown, Keeps::constant)
            }
            // A missing value is the number zero on the wire.
            (None, false) => Keeps::Nothing,
        },
        NodeRef::TypeCast(cast) => node(cast.arg.as_deref()).map_or(Keeps::Unknown, |arg| keeps(arg, target)),
        NodeRef::CurrentOfExpr(_) => Keeps::Fewer,
        other => atom(other, target),
    }
}

/// An expression that is not looked into: it narrows if it looks at the target's columns.
fn atom(expr: NodeRef<'_>, target: &Target) -> Keeps {
    if target.seen_in(expr) && !reads_all_of_target(expr, target) { Keeps::Fewer } else { Keeps::Unknown }
}

fn boolean_expr(expr: &BoolExpr, target: &Target) -> Keeps {
    let arms = || nodes(&expr.args).map(|arg| keeps(arg, target));
    match expr.boolop() {
        BoolExprType::AndExpr => all(arms()),
        BoolExprType::OrExpr if complementary(expr, target) => Keeps::All,
        BoolExprType::OrExpr => any(arms().collect()),
        BoolExprType::NotExpr => arms().next().map_or(Keeps::Unknown, Keeps::negated),
        BoolExprType::Undefined => Keeps::Unknown,
    }
}

fn all(arms: impl Iterator<Item = Keeps>) -> Keeps {
    arms.fold(Keeps::All, |so_far, arm| match (so_far, arm) {
        (Keeps::Nothing, _) | (_, Keeps::Nothing) => Keeps::Nothing,
        (Keeps::Fewer, _) | (_, Keeps::Fewer) => Keeps::Fewer,
        (Keeps::Unknown, _) | (_, Keeps::Unknown) => Keeps::Unknown,
        (Keeps::All, Keeps::All) => Keeps::All,
    })
}

fn any(arms: Vec<Keeps>) -> Keeps {
    arms.into_iter().fold(Keeps::Nothing, |so_far, arm| match (so_far, arm) {
        (Keeps::All, _) | (_, Keeps::All) => Keeps::All,
        (Keeps::Unknown, _) | (_, Keeps::Unknown) => Keeps::Unknown,
        (Keeps::Fewer, _) | (_, Keeps::Fewer) => Keeps::Fewer,
        (Keeps::Nothing, Keeps::Nothing) => Keeps::Nothing,
    })
}

/// `a IS NULL OR a IS NOT NULL`, `a < 5 OR a >= 5`, `f OR NOT f`: one arm is true where the other is not.
#[expect(clippy::wildcard_enum_match_arm, reason = "what is not understood does not narrow")]
fn complementary(expr: &BoolExpr, target: &Target) -> bool {
    let mut tests: Vec<canon::Test> = Vec::new();
    let mut open: Vec<NodeRef<'_>> = nodes(&expr.args).collect();
    while let Some(arm) = open.pop() {
        match arm {
            NodeRef::BoolExpr(inner) if inner.boolop() == BoolExprType::OrExpr => open.extend(nodes(&inner.args)),
            other => tests.extend(canon::test(other, target)),
        }
        // A list of a thousand arms is a list of values, and comparing all pairs would take a second.
        if tests.len() > 64 {
            return false;
        }
    }
    tests.iter().enumerate().any(|(at, one)| tests.iter().skip(at + 1).any(|other| one.completes(other)))
}

fn comparison(expr: &AExpr, target: &Target) -> Keeps {
    let (left, right) = (node(expr.lexpr.as_deref()), node(expr.rexpr.as_deref()));
    let (Some(left), Some(right)) = (left, right) else { return atom(NodeRef::AExpr(expr), target) };
    let operator = strings(&expr.name).pop().unwrap_or_default();
    let same = canon(left, target).is_some_and(|left| Some(left) == canon(right, target));
    match expr.kind() {
        AExprKind::AexprOp => match compare_constants(left, right, &operator) {
            Some(keeps) => keeps,
            None if same => itself(&operator),
            None => pair(left, right, &operator, target),
        },
        AExprKind::AexprDistinct if same => Keeps::Nothing,
        AExprKind::AexprNotDistinct if same => Keeps::All,
        AExprKind::AexprLike | AExprKind::AexprIlike | AExprKind::AexprSimilar => {
            like(left, right, &operator, target)
        }
        AExprKind::AexprIn | AExprKind::AexprOpAny => member(left, right, expr, target),
        AExprKind::AexprBetween | AExprKind::AexprBetweenSym if member_of(left, right, target) => Keeps::Unknown,
        AExprKind::AexprDistinct
        | AExprKind::AexprNotDistinct
        | AExprKind::AexprBetween
        | AExprKind::AexprBetweenSym
        | AExprKind::AexprNotBetween
        | AExprKind::AexprNotBetweenSym
        | AExprKind::AexprOpAll
        | AExprKind::AexprNullif
        | AExprKind::Undefined => pair(left, right, "", target),
    }
}

/// A thing compared with itself.
fn itself(operator: &str) -> Keeps {
    match operator {
        "=" | "<=" | ">=" | "~~" | "@>" | "<@" | "&&" => Keeps::All,
        "<>" | "<" | ">" => Keeps::Nothing,
        _ => Keeps::Unknown,
    }
}

/// Two different things compared.
fn pair(left: NodeRef<'_>, right: NodeRef<'_>, operator: &str, target: &Target) -> Keeps {
    let (of_left, of_right) = (canon::columns(left, target), canon::columns(right, target));
    // `x = coalesce($1, x)`, `id + 0 = id`: the same columns on both sides leave nothing to compare with.
    if !of_left.is_empty() && of_left == of_right {
        return Keeps::Unknown;
    }
    // A row always finds itself: `DELETE FROM t USING t z WHERE z.id = t.id` takes them all.
    let column = |side: NodeRef<'_>| matches!(side, NodeRef::ColumnRef(_));
    if target.has_twin() && column(left) && column(right) {
        return Keeps::Unknown;
    }
    let constant = |side| scalar(side).and_then(|text| text.parse::<f64>().ok());
    let floor = match operator {
        ">" | ">=" | "<>" => canon::is_key(left) && constant(right).is_some_and(|floor| floor <= 0.0),
        "<" | "<=" => canon::is_key(right) && constant(left).is_some_and(|floor| floor <= 0.0),
        "~" | "~*" => {
            scalar(right).is_some_and(|pattern| pattern.chars().all(|c| "^$.*?()+".contains(c)) && pattern != "^$")
        }
        "^@" => scalar(right).is_some_and(|prefix| prefix.is_empty()),
        _ => false,
    };
    let sees = target.seen_in(left) || target.seen_in(right);
    let whole = reads_all_of_target(left, target) || reads_all_of_target(right, target);
    if floor || !sees || whole { Keeps::Unknown } else { Keeps::Fewer }
}

fn compare_constants(left: NodeRef<'_>, right: NodeRef<'_>, operator: &str) -> Option<Keeps> {
    let (left, right) = (scalar(left)?, scalar(right)?);
    let order = match (left.parse::<f64>(), right.parse::<f64>()) {
        (Ok(left), Ok(right)) => left.partial_cmp(&right)?,
        _ => left.cmp(&right),
    };
    Some(match operator {
        "=" => Keeps::constant(order.is_eq()),
        "<>" => Keeps::constant(order.is_ne()),
        // How texts are ordered is the collation's business.
        "<" | ">" | "<=" | ">=" if left.parse::<f64>().is_err() => Keeps::Unknown,
        "<" => Keeps::constant(order.is_lt()),
        ">" => Keeps::constant(order.is_gt()),
        "<=" => Keeps::constant(order.is_le()),
        ">=" => Keeps::constant(order.is_ge()),
        _ => Keeps::Unknown,
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what is not understood does not narrow")]
fn like(left: NodeRef<'_>, right: NodeRef<'_>, operator: &str, target: &Target) -> Keeps {
    let pattern = match right {
        // SIMILAR TO and ESCAPE arrive as a call around the pattern.
        NodeRef::FuncCall(call) => nodes(&call.args).next().and_then(scalar),
        other => scalar(other),
    };
    let everything = pattern.is_some_and(|pattern| !pattern.is_empty() && pattern.chars().all(|c| c == '%'));
    match (everything, operator.starts_with('!')) {
        (true, false) => Keeps::All,
        (true, true) => Keeps::Nothing,
        (false, _) => pair(left, right, "", target),
    }
}

/// `x IN (…)` and `x = ANY (…)`.
fn member(left: NodeRef<'_>, right: NodeRef<'_>, expr: &AExpr, target: &Target) -> Keeps {
    if member_of(left, right, target) {
        let equal = strings(&expr.name).last().is_some_and(|name| name == "=");
        return if equal { Keeps::All } else { Keeps::Unknown };
    }
    if let (Some(_), NodeRef::List(list)) = (scalar(left), right) {
        let arms = nodes(&list.items).map(|item| compare_constants(left, item, "=").unwrap_or(Keeps::Unknown));
        return if any(arms.collect()) == Keeps::Nothing { Keeps::Nothing } else { Keeps::Unknown };
    }
    pair(left, right, "", target)
}

/// Whether a list or an array holds the very thing that is looked for.
#[expect(clippy::wildcard_enum_match_arm, reason = "what is not understood does not narrow")]
fn member_of(left: NodeRef<'_>, right: NodeRef<'_>, target: &Target) -> bool {
    let Some(left) = canon(left, target) else { return false };
    let items = match right {
        NodeRef::List(list) => &list.items,
        NodeRef::AArrayExpr(array) => &array.elements,
        _ => return false,
    };
    !left.starts_with('k') && nodes(items).any(|item| canon(item, target).as_ref() == Some(&left))
}

fn null_test(arg: Option<NodeRef<'_>>, test: NullTestType, target: &Target) -> Keeps {
    let Some(arg) = arg else { return Keeps::Unknown };
    let column = matches!(arg, NodeRef::ColumnRef(_)) && target.seen_in(arg) && !target.whole_row(arg);
    let keeps = if canon::is_never_null(arg) || (scalar(arg).is_some()) {
        Keeps::All
    } else if column {
        Keeps::Fewer
    } else {
        Keeps::Unknown
    };
    if test == NullTestType::IsNotNull { keeps } else { keeps.negated() }
}

fn boolean_test(arg: Option<NodeRef<'_>>, test: BoolTestType, target: &Target) -> Keeps {
    let Some(keeps) = arg.map(|arg| keeps(arg, target)) else { return Keeps::Unknown };
    match test {
        BoolTestType::IsTrue => keeps,
        // What is not true is false or NULL; both sides of that are folded alike.
        BoolTestType::IsNotTrue | BoolTestType::IsFalse => keeps.negated(),
        BoolTestType::IsNotFalse if keeps == Keeps::Nothing => Keeps::Unknown,
        BoolTestType::IsNotFalse => keeps,
        BoolTestType::IsUnknown if keeps == Keeps::Fewer => Keeps::Fewer,
        BoolTestType::IsUnknown | BoolTestType::IsNotUnknown | BoolTestType::Undefined => Keeps::Unknown,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what is not understood does not narrow")]
fn case_expr(case: &CaseExpr, target: &Target) -> Keeps {
    let otherwise = node(case.defresult.as_deref()).map_or(Keeps::Nothing, |result| keeps(result, target));
    let arms = nodes(&case.args).map(|arm| match arm {
        NodeRef::CaseWhen(when) => {
            let side = |side| node(side).map_or(Keeps::Unknown, |side| keeps(side, target));
            let test =
                if case.arg.is_some() { atom(NodeRef::CaseExpr(case), target) } else { side(when.expr.as_deref()) };
            all([test, side(when.result.as_deref())].into_iter())
        }
        _ => Keeps::Unknown,
    });
    let result = any(arms.chain([otherwise]).collect());
    if result == Keeps::All { Keeps::Unknown } else { result }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what is not understood does not narrow")]
fn sub_link(link: &SubLink, target: &Target) -> Keeps {
    let Some(NodeRef::SelectStmt(select)) = node(link.subselect.as_deref()) else { return Keeps::Unknown };
    match link.sub_link_type() {
        // Rows of the same table that equal this row in a column always include this row.
        SubLinkType::ExistsSublink if canon::meets_itself(select, target) => Keeps::Unknown,
        SubLinkType::ExistsSublink if target.seen_in(NodeRef::SelectStmt(select)) => Keeps::Fewer,
        SubLinkType::ExistsSublink => Keeps::Unknown,
        _ => atom(NodeRef::SubLink(link), target),
    }
}

/// Whether a sub-select in the expression goes over all rows of the target itself.
fn reads_all_of_target(expr: NodeRef<'_>, target: &Target) -> bool {
    let mut found = false;
    canon::selects(expr, &mut |select| {
        found |= canon::reads(select, target) && !bounded_from(select, &[]);
    });
    found
}

/// Whether a SELECT reads less than all of its relations: it has a LIMIT or a WHERE that narrows, reads no
/// relation, or only counts and sums. An approver of "unbounded reads" wants to know of dumps, not of `count(*)`.
#[expect(clippy::wildcard_enum_match_arm, reason = "what is not understood does not narrow")]
pub(super) fn bounded(select: &SelectStmt) -> bool {
    let group = select.group_clause.is_empty() && !select.target_list.is_empty();
    let only_aggregates = group
        && nodes(&select.target_list).all(|target| match target {
            NodeRef::ResTarget(target) => match node(target.val.as_deref()) {
                Some(NodeRef::FuncCall(call)) => {
                    call.over.is_none()
                        && strings(&call.funcname).last().is_some_and(|name| AGGREGATES.contains(&name.as_str()))
                }
                _ => false,
            },
            _ => false,
        });
    only_aggregates || bounded_from(select, &[])
}

fn bounded_from(select: &SelectStmt, outer: &[(&str, bool)]) -> bool {
    if let Some(limit) = node(select.limit_count.as_deref())
        && !matches!(limit, NodeRef::AConst(constant) if constant.isnull)
    {
        return true;
    }
    let mut tables = outer.to_vec();
    let with = select.with_clause.iter().flat_map(|with| nodes(&with.ctes));
    for expression in with {
        if let NodeRef::CommonTableExpr(table) = expression {
            let bounded = match node(table.ctequery.as_deref()) {
                Some(NodeRef::SelectStmt(inner)) => bounded_from(inner, &tables),
                Some(_) | None => true,
            };
            tables.push((&table.ctename, bounded));
        }
    }
    if let (Some(left), Some(right)) = (&select.larg, &select.rarg) {
        return bounded_from(left, &tables) && bounded_from(right, &tables);
    }
    let narrowed =
        node(select.where_clause.as_deref()).is_some_and(|condition| keeps(condition, &Target::any()).narrows());
    narrowed || nodes(&select.from_clause).all(|item| item_bounded(item, &tables))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "functions and the like make their own rows")]
fn item_bounded(item: NodeRef<'_>, tables: &[(&str, bool)]) -> bool {
    match item {
        NodeRef::RangeVar(range) => {
            let local = tables.iter().rev().find(|(name, _)| range.schemaname.is_empty() && *name == range.relname);
            local.is_some_and(|(_, bounded)| *bounded)
        }
        NodeRef::JoinExpr(join) => [&join.larg, &join.rarg]
            .into_iter()
            .filter_map(|side| node(side.as_deref()))
            .all(|side| item_bounded(side, tables)),
        NodeRef::RangeSubselect(sub) => match node(sub.subquery.as_deref()) {
            Some(NodeRef::SelectStmt(select)) => bounded_from(select, tables),
            _ => false,
        },
        NodeRef::RangeTableSample(sample) => {
            node(sample.relation.as_deref()).is_none_or(|item| item_bounded(item, tables))
        }
        _ => true,
    }
}
