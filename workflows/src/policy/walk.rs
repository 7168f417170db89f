//! Walks through a condition before it is ever used: every name must be known, every comparison must make sense, and
//! it must be possible for it to be true.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use cel::common::ast::operators as op;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr};
use cel::{Context, Env, IdedExpr, Program, Value};

use super::condition::{Place, reason};
use super::facts::{ACTS, FACTS, Fact, Kind, WEEKDAYS};
use super::mistake::{Notes, nearest, suggest};
use super::term::{Path, conjuncts, contradiction, kind, looks_at_anything, text};

/// The names of the file that conditions may compare facts with.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) labels: BTreeMap<String, BTreeSet<String>>,
    pub(super) targets: BTreeSet<String>,
    pub(super) groups: BTreeSet<String>,
    pub(super) rotations: BTreeSet<String>,
}

/// What conditions may call, besides operators.
const FUNCTIONS: [&str; 13] = [
    "bool",
    "bytes",
    "contains",
    "double",
    "dyn",
    "endsWith",
    "int",
    "matches",
    "size",
    "startsWith",
    "string",
    "type",
    "uint",
];
const ORDERINGS: [&str; 4] = [op::LESS, op::LESS_EQUALS, op::GREATER, op::GREATER_EQUALS];

/// The walk through one condition.
pub(super) struct Walk<'w, 's> {
    program: &'w Program,
    env: &'w Arc<Env>,
    names: &'w Names,
    place: &'w Place,
    notes: &'w mut Notes<'s>,
    locals: Vec<String>,
    looks_at: Vec<&'static Fact>,
    wrong: bool,
}

impl<'w, 's> Walk<'w, 's> {
    pub(super) fn new(
        program: &'w Program,
        env: &'w Arc<Env>,
        names: &'w Names,
        place: &'w Place,
        notes: &'w mut Notes<'s>,
    ) -> Self {
        Self { program, env, names, place, notes, locals: Vec::new(), looks_at: Vec::new(), wrong: false }
    }

    /// Walks, and says which facts the condition looks at.
    pub(super) fn all(mut self) -> Vec<&'static Fact> {
        let program = self.program;
        let whole = program.expression();
        self.expr(whole);
        self.must_be_flag(whole);
        // Names that are not known explain the rest; saying it twice would not help.
        if !self.wrong {
            self.may_be_true(whole);
        }
        self.looks_at
    }

    fn say(&mut self, span: &Range<usize>, what: String, instead: impl Into<String>) {
        self.wrong = true;
        self.notes.wrong(span, what, instead);
    }

    /// Where an expression stands; for `a.b` that is `b`.
    fn span(&self, expr: &IdedExpr) -> Range<usize> {
        if let Expr::Call(call) = &expr.expr
            && let (op::INDEX, [_, index]) = (call.func_name.as_str(), call.args.as_slice())
        {
            return self.span(index);
        }
        let Some((start, stop)) = self.program.source_info().offset_for(expr.id) else { return self.place.whole() };
        let (mut start, mut stop) = (start as usize, stop as usize + 1);
        if let Expr::Select(select) = &expr.expr {
            // The place of a selection is its dot, or the parenthesis of `has(`; the field's name comes after either.
            let after = self.program.source_info().source.get(start..).unwrap_or_default();
            start += after.find(&format!(".{}", select.field)).map_or(0, |dot| dot + 1);
            stop = start + select.field.len();
        }
        // A call is known by its parenthesis; its name stands before it.
        if let Expr::Call(call) = &expr.expr {
            let before = self.program.source_info().source.get(..start).unwrap_or_default();
            start = before.strip_suffix(call.func_name.as_str()).map_or(start, str::len);
        }
        self.place.part(start..stop.max(start + 1))
    }

    fn expr(&mut self, expr: &IdedExpr) {
        if let Some(path) = Path::of(&expr.expr)
            && !self.is_local(&path)
        {
            return self.path(expr, &path);
        }
        match &expr.expr {
            Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
            Expr::Select(select) => match Path::of(&select.operand.expr) {
                Some(path) if select.test && !self.is_local(&path) => self.path(expr, &path.then(&select.field)),
                Some(_) | None => self.expr(&select.operand),
            },
            Expr::Call(call) => self.call(expr, call),
            Expr::Comprehension(inner) => self.comprehension(inner),
            Expr::List(list) => list.elements.iter().for_each(|element| self.expr(element)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(_) => {
                let span = self.span(expr);
                self.say(&span, "conditions have no types of their own".to_owned(), "compare the facts one by one");
            }
        }
    }

    /// Whether a path begins at a variable of `exists`, `all` and the like.
    fn is_local(&self, path: &Path) -> bool {
        self.locals.iter().any(|local| local == path.parts().0)
    }

    fn entry(&mut self, entry: &EntryExpr) {
        match entry {
            EntryExpr::StructField(field) => self.expr(&field.value),
            EntryExpr::MapEntry(entry) => {
                self.expr(&entry.key);
                self.expr(&entry.value);
            }
        }
    }

    fn comprehension(&mut self, inner: &ComprehensionExpr) {
        self.expr(&inner.iter_range);
        self.expr(&inner.accu_init);
        if FACTS.iter().any(|fact| fact.root == inner.iter_var) {
            let what = format!("`{}` is the name of facts already", inner.iter_var);
            self.say(&self.place.whole(), what, "call the variable otherwise");
        }
        let before = self.locals.len();
        self.locals.extend([inner.iter_var.clone(), inner.accu_var.clone()]);
        self.locals.extend(inner.iter_var2.clone());
        self.expr(&inner.loop_cond);
        self.expr(&inner.loop_step);
        self.expr(&inner.result);
        self.locals.truncate(before);
    }

    fn path(&mut self, expr: &IdedExpr, path: &Path) {
        let (root, field, rest) = path.parts();
        let fields: Vec<&str> = FACTS.iter().filter(|fact| fact.root == root).map(|fact| fact.field).collect();
        let (what, instead) = match (path.fact(), field) {
            (Some(fact), _) => {
                self.looks_at.push(fact);
                return self.deeper(expr, path, fact, rest);
            }
            (None, None) if !fields.is_empty() => (
                format!("`{root}` alone is not a value"),
                format!("write a fact of it, like `{root}.{}`", fields.join("`, `")),
            ),
            (None, Some(field)) if !fields.is_empty() => {
                let near = nearest(field, fields.iter().copied()).map(|near| format!("write `{root}.{near}`"));
                let instead = near.unwrap_or_else(|| elsewhere(field, &fields));
                (format!("`{root}` has no `{field}`"), instead)
            }
            (None, _) => {
                let roots: BTreeSet<&str> = FACTS.iter().map(|fact| fact.root).collect();
                let near = nearest(root, roots.iter().copied()).map(|near| format!("write `{near}`"));
                let all: Vec<&str> = roots.into_iter().collect();
                (format!("`{root}` is not known"), near.unwrap_or_else(|| elsewhere(root, &all)))
            }
        };
        let span = self.innermost(expr, if fields.is_empty() { 1 } else { 2 });
        self.say(&span, what, instead);
    }

    /// Where the first `parts` parts of a path end.
    fn innermost(&self, expr: &IdedExpr, parts: usize) -> Range<usize> {
        match &expr.expr {
            Expr::Select(select) if Path::of(&expr.expr).is_some_and(|path| path.0.len() > parts) => {
                self.innermost(&select.operand, parts)
            }
            Expr::Unspecified
            | Expr::Call(_)
            | Expr::Comprehension(_)
            | Expr::Ident(_)
            | Expr::List(_)
            | Expr::Literal(_)
            | Expr::Map(_)
            | Expr::Select(_)
            | Expr::Struct(_) => self.span(expr),
        }
    }

    /// What follows a fact: only labels have names below them.
    fn deeper(&mut self, expr: &IdedExpr, path: &Path, fact: &'static Fact, rest: Option<&str>) {
        let Some(rest) = rest else { return };
        let span = self.innermost(expr, 3);
        if fact.kind != Kind::Labels || path.0.len() > 3 {
            let what = format!("`{}.{}` is {} and has nothing below it", fact.root, fact.field, fact.kind.as_str());
            return self.say(&span, what, format!("write `{}.{}`", fact.root, fact.field));
        }
        if !self.names.labels.contains_key(rest) {
            let names = self.names;
            let instead = suggest(rest, names.labels.keys().map(String::as_str));
            self.say(&span, format!("no target has a label `{rest}`"), instead);
        }
    }

    fn call(&mut self, expr: &IdedExpr, call: &CallExpr) {
        let name = call.func_name.as_str();
        let operator = !name.starts_with(|c: char| c.is_ascii_alphabetic());
        if !operator && !FUNCTIONS.contains(&name) {
            let span = self.span(expr);
            self.say(&span, format!("`{name}` is not a function"), suggest(name, FUNCTIONS));
        }
        call.target.iter().for_each(|target| self.expr(target));
        call.args.iter().for_each(|arg| self.expr(arg));
        match (name, call.args.as_slice()) {
            (op::EQUALS | op::NOT_EQUALS, [one, two]) => {
                self.compare(one, two);
                self.compare(two, one);
            }
            (op::IN, [one, list]) => self.contained(one, list),
            (ordering, [one, two]) if ORDERINGS.contains(&ordering) => {
                self.same_kind(one, two);
                self.same_kind(two, one);
            }
            (op::LOGICAL_AND | op::LOGICAL_OR, [one, two]) => {
                self.must_be_flag(one);
                self.must_be_flag(two);
            }
            (op::LOGICAL_NOT, [one]) => self.must_be_flag(one),
            ("matches", [pattern]) => self.pattern(pattern),
            ("matches", [_, pattern]) => self.pattern(pattern),
            _ => {}
        }
    }

    /// A pattern that is no regular expression would fail on every operation.
    fn pattern(&mut self, pattern: &IdedExpr) {
        let Some(text) = text(&pattern.expr) else { return };
        let mut context = Context::with_env(Arc::clone(self.env));
        context.add_variable_from_value("pattern", text);
        let tried = self.env.compile("''.matches(pattern)").map(|program| program.execute(&context).is_ok());
        if !tried.unwrap_or(false) {
            let span = self.span(pattern);
            self.say(&span, "this is not a regular expression".to_owned(), "write it like `^tmp_[a-z]+$`");
        }
    }

    fn must_be_flag(&mut self, expr: &IdedExpr) {
        if let Some(found) = kind(&expr.expr).filter(|found| *found != Kind::Flag) {
            let span = self.span(expr);
            let what = format!("this is {}, where true or false is needed", found.as_str());
            self.say(&span, what, "compare it with something, like `op.act == \"write\"`");
        }
    }

    fn same_kind(&mut self, fact: &IdedExpr, literal: &IdedExpr) {
        let (Some(path), Expr::Literal(_)) = (Path::of(&fact.expr), &literal.expr) else { return };
        if let (Some(one), Some(two)) = (path.kind(), kind(&literal.expr))
            && one != two
        {
            let span = self.span(literal);
            let what = format!("`{}` is {}, and this is {}", path.shown(), one.as_str(), two.as_str());
            let instead = match one {
                Kind::Flag => format!("write `{0}` or `!{0}`", path.shown()),
                Kind::Texts => format!("write `\"…\" in {}`", path.shown()),
                Kind::Text | Kind::Number | Kind::Labels => format!("compare it with {}", one.as_str()),
            };
            self.say(&span, what, instead);
        }
    }

    /// A fact and a text that it is compared with: the text must be one that the fact can be.
    fn compare(&mut self, fact: &IdedExpr, literal: &IdedExpr) {
        self.same_kind(fact, literal);
        if let (Some(path), Some(text)) = (Path::of(&fact.expr), text(&literal.expr))
            && path.kind() == Some(Kind::Text)
        {
            self.possible(&path, literal, &text);
        }
    }

    fn contained(&mut self, one: &IdedExpr, list: &IdedExpr) {
        if let (Some(path), Some(text)) = (Path::of(&list.expr), text(&one.expr)) {
            self.possible(&path, one, &text);
        }
        if let Expr::List(list) = &list.expr {
            list.elements.iter().for_each(|element| self.compare(one, element));
        }
    }

    fn possible(&mut self, path: &Path, literal: &IdedExpr, text: &str) {
        let (root, field, rest) = path.parts();
        let names = self.names;
        let set = |set: &'w BTreeSet<String>| Some(set.iter().map(String::as_str).collect::<Vec<_>>());
        let known: Option<Vec<&str>> = match (root, field.unwrap_or_default(), rest) {
            ("op", "act", None) => Some(ACTS.to_vec()),
            ("session", "access", None) => Some(vec!["read", "write", "admin"]),
            ("time", "weekday", None) => Some(WEEKDAYS.to_vec()),
            ("target", "protocol", None) => Some(vec!["postgres", "ssh"]),
            ("target", "name", None) => set(&names.targets),
            ("target", "labels", Some(label)) => names.labels.get(label).and_then(set),
            ("person", "groups", None) => set(&names.groups),
            ("person", "on_call", None) => set(&names.rotations),
            _ => None,
        };
        let span = self.span(literal);
        let shown = path.shown();
        if path.0 == ["op", "verb"] && text != text.to_uppercase() {
            let instead = format!("write `{}`", text.to_uppercase());
            return self.say(&span, format!("`op.verb` is in upper case, so it is never `{text}`"), instead);
        }
        if let Some(known) = known.filter(|known| !known.contains(&text)) {
            let verb = if path.kind() == Some(Kind::Texts) { "never holds" } else { "is never" };
            self.say(&span, format!("`{shown}` {verb} `{text}`"), suggest(text, known));
        }
    }

    /// A condition that can't be true is a rule that does not exist.
    fn may_be_true(&mut self, whole: &IdedExpr) {
        let instead = "leave the rule out, or write what was meant";
        if let Some(why) = self.never(whole) {
            return self.say(&self.place.whole(), format!("this can never be true: {why}"), instead);
        }
        match self.constant(whole) {
            None | Some(Ok(false)) => {}
            Some(Ok(true)) => {
                let what = "this is always true".to_owned();
                self.notes.warn(&self.place.whole(), what, "leave `when` out if every operation is meant");
            }
            Some(Err(why)) => self.say(&self.place.whole(), format!("this fails always: {why}"), instead),
        }
    }

    /// What an expression without facts is.
    fn constant(&self, expr: &IdedExpr) -> Option<Result<bool, String>> {
        if expr.expr != Expr::Unspecified && !looks_at_anything(expr) {
            let context = Context::with_env(Arc::clone(self.env));
            return Some(match Value::resolve(expr, &context) {
                Ok(Value::Bool(value)) => Ok(value),
                Ok(_) => Err("it is neither true nor false".to_owned()),
                Err(error) => Err(reason(&error)),
            });
        }
        None
    }

    /// Why an expression can't be true, as far as can be told without running it.
    fn never(&self, expr: &IdedExpr) -> Option<String> {
        if self.constant(expr) == Some(Ok(false)) {
            return Some("it is always false".to_owned());
        }
        let Expr::Call(call) = &expr.expr else { return None };
        match (call.func_name.as_str(), call.args.as_slice()) {
            (op::LOGICAL_OR, [one, two]) => self.never(one).and_then(|_| self.never(two)),
            (op::LOGICAL_AND, _) => {
                let mut parts = Vec::new();
                conjuncts(expr, &mut parts);
                parts.iter().find_map(|part| self.never(part)).or_else(|| contradiction(&parts))
            }
            _ => None,
        }
    }
}

/// Where else a name that is no fact here may be found.
fn elsewhere(name: &str, known: &[&str]) -> String {
    let fact = FACTS.iter().find(|fact| fact.field == name);
    let near =
        || nearest(name, FACTS.iter().map(|fact| fact.field)).and_then(|near| FACTS.iter().find(|f| f.field == near));
    fact.or_else(near)
        .map_or_else(|| suggest(name, known.iter().copied()), |fact| format!("write `{}.{}`", fact.root, fact.field))
}
