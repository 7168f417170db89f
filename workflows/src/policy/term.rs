//! The parts of a condition: facts by path, literals, and what surely follows from them.

use std::collections::BTreeMap;

use cel::IdedExpr;
use cel::common::ast::operators as op;
use cel::common::ast::{EntryExpr, Expr, LiteralValue};

use super::facts::{Fact, Kind};

/// `root.field`, or `target.labels.NAME`: a fact as it is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Path(pub(super) Vec<String>);

impl Path {
    /// The path that an expression spells, `op["act"]` included.
    pub(super) fn of(expr: &Expr) -> Option<Self> {
        match expr {
            Expr::Ident(name) => Some(Self(vec![name.clone()])),
            // `has(op.act)` asks whether there is one, so it is no path to a value.
            Expr::Select(select) if select.test => None,
            Expr::Select(select) => Self::of(&select.operand.expr).map(|path| path.then(&select.field)),
            Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
                (op::INDEX, [of, index]) => Some(Self::of(&of.expr)?.then(&text(&index.expr)?)),
                _ => None,
            },
            Expr::Unspecified
            | Expr::Comprehension(_)
            | Expr::List(_)
            | Expr::Literal(_)
            | Expr::Map(_)
            | Expr::Struct(_) => None,
        }
    }

    pub(super) fn then(mut self, field: &str) -> Self {
        self.0.push(field.to_owned());
        self
    }

    pub(super) fn parts(&self) -> (&str, Option<&str>, Option<&str>) {
        let part = |at: usize| self.0.get(at).map(String::as_str);
        (part(0).unwrap_or_default(), part(1), part(2))
    }

    pub(super) fn fact(&self) -> Option<&'static Fact> {
        let (root, field, _) = self.parts();
        Fact::find(root, field?)
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        let fact = self.fact()?;
        match (fact.kind, self.0.len()) {
            (kind, 2) => Some(kind),
            (Kind::Labels, 3) => Some(Kind::Text),
            _ => None,
        }
    }

    pub(super) fn shown(&self) -> String {
        self.0.join(".")
    }
}

/// The text of a literal text.
pub(super) fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner().to_owned()),
        Expr::Unspecified
        | Expr::Call(_)
        | Expr::Comprehension(_)
        | Expr::Ident(_)
        | Expr::List(_)
        | Expr::Literal(_)
        | Expr::Map(_)
        | Expr::Select(_)
        | Expr::Struct(_) => None,
    }
}

/// What kind of value an expression surely gives.
pub(super) fn kind(expr: &Expr) -> Option<Kind> {
    if let Some(path) = Path::of(expr) {
        return path.kind();
    }
    match expr {
        Expr::Select(select) if select.test => Some(Kind::Flag),
        Expr::Literal(LiteralValue::Boolean(_)) => Some(Kind::Flag),
        Expr::Literal(LiteralValue::String(_)) => Some(Kind::Text),
        Expr::Literal(LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_)) => Some(Kind::Number),
        Expr::Call(call) if call.func_name == "size" => Some(Kind::Number),
        Expr::Unspecified
        | Expr::Call(_)
        | Expr::Comprehension(_)
        | Expr::Ident(_)
        | Expr::List(_)
        | Expr::Literal(_)
        | Expr::Map(_)
        | Expr::Select(_)
        | Expr::Struct(_) => None,
    }
}

/// Whether an expression looks at any fact, as far as can be told.
pub(super) fn looks_at_anything(expr: &IdedExpr) -> bool {
    // Comprehensions have variables of their own; they are left to run time.
    match &expr.expr {
        Expr::Ident(_) | Expr::Select(_) | Expr::Comprehension(_) | Expr::Struct(_) => true,
        Expr::Unspecified | Expr::Literal(_) => false,
        Expr::Call(call) => {
            call.target.iter().any(|t| looks_at_anything(t)) || call.args.iter().any(looks_at_anything)
        }
        Expr::List(list) => list.elements.iter().any(looks_at_anything),
        Expr::Map(map) => map.entries.iter().any(|entry| match &entry.expr {
            EntryExpr::StructField(field) => looks_at_anything(&field.value),
            EntryExpr::MapEntry(entry) => looks_at_anything(&entry.key) || looks_at_anything(&entry.value),
        }),
    }
}

/// How many expressions contain each other, at most.
pub(super) fn depth(expr: &IdedExpr) -> usize {
    let deepest = |all: &mut dyn Iterator<Item = &IdedExpr>| all.map(depth).max().unwrap_or(0);
    let inner = match &expr.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => 0,
        Expr::Select(select) => depth(&select.operand),
        Expr::Call(call) => deepest(&mut call.target.iter().map(AsRef::as_ref).chain(&call.args)),
        Expr::List(list) => deepest(&mut list.elements.iter()),
        Expr::Map(map) => map.entries.iter().map(|entry| entry_depth(&entry.expr)).max().unwrap_or(0),
        Expr::Struct(found) => found.entries.iter().map(|entry| entry_depth(&entry.expr)).max().unwrap_or(0),
        Expr::Comprehension(inner) => {
            let parts = [&inner.iter_range, &inner.accu_init, &inner.loop_cond, &inner.loop_step, &inner.result];
            deepest(&mut parts.into_iter())
        }
    };
    inner + 1
}

fn entry_depth(entry: &EntryExpr) -> usize {
    match entry {
        EntryExpr::StructField(field) => depth(&field.value),
        EntryExpr::MapEntry(entry) => depth(&entry.key).max(depth(&entry.value)),
    }
}

/// The parts that all have to be true.
pub(super) fn conjuncts<'e>(expr: &'e IdedExpr, parts: &mut Vec<&'e IdedExpr>) {
    match &expr.expr {
        Expr::Call(call) if call.func_name == op::LOGICAL_AND => {
            call.args.iter().for_each(|arg| conjuncts(arg, parts));
        }
        Expr::Unspecified
        | Expr::Call(_)
        | Expr::Comprehension(_)
        | Expr::Ident(_)
        | Expr::List(_)
        | Expr::Literal(_)
        | Expr::Map(_)
        | Expr::Select(_)
        | Expr::Struct(_) => parts.push(expr),
    }
}

/// Two parts that exclude each other.
pub(super) fn contradiction(parts: &[&IdedExpr]) -> Option<String> {
    let mut seen: BTreeMap<Path, String> = BTreeMap::new();
    for part in parts {
        let Some((path, value)) = claim(&part.expr) else { continue };
        let shown = path.shown();
        match seen.insert(path, value.clone()) {
            Some(earlier) if earlier != value => {
                return Some(format!("`{shown}` can't be both {earlier} and {value}"));
            }
            Some(_) | None => {}
        }
    }
    None
}

/// What a part says that a fact is.
fn claim(expr: &Expr) -> Option<(Path, String)> {
    if let Some(path) = Path::of(expr) {
        return Some((path, "true".to_owned()));
    }
    let Expr::Call(call) = expr else { return None };
    match (call.func_name.as_str(), call.args.as_slice()) {
        (op::LOGICAL_NOT, [one]) => Some((Path::of(&one.expr)?, "false".to_owned())),
        (op::EQUALS, [one, two]) => {
            let said = |fact: &Expr, value: &Expr| Some((Path::of(fact)?, format!("`{}`", text(value)?)));
            said(&one.expr, &two.expr).or_else(|| said(&two.expr, &one.expr))
        }
        _ => None,
    }
}
