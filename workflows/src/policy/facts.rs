//! What a condition may look at: one list, from which conditions are checked, values are made and the manual is written.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use cel::Value;
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;

use crate::operation::{Act, Circumstances, Object, Operation, Run};
use crate::target::{Access, Target};
use crate::verdict::Mask;

/// What kind of value a fact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Flag,
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// A list of texts.
    Texts,
    /// Texts by name.
    Labels,
}

impl Kind {
    /// The kind in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "true or false",
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Texts => "a list of texts",
            Self::Labels => "texts by name",
        }
    }
}

/// Something that a condition may look at, as `root.field`.
#[derive(Debug)]
pub struct Fact {
    /// What it belongs to: `op`, `message`, `session`, `person`, `target` or `time`.
    pub root: &'static str,
    /// Its name there.
    pub field: &'static str,
    /// What kind of value it is.
    pub kind: Kind,
    /// What it means, for the manual.
    pub says: &'static str,
    /// Whether it may differ between two runs of the same statement in one session.
    pub moves: bool,
    of: fn(&Scene<'_>) -> Value,
}

impl Fact {
    /// The fact of that name.
    pub fn find(root: &str, field: &str) -> Option<&'static Self> {
        FACTS.iter().find(|fact| fact.root == root && fact.field == field)
    }
}

/// Who sits at the other end of a session, as the policy sees them.
#[derive(Clone, Debug)]
pub(super) struct Sitter {
    pub(super) by: String,
    pub(super) groups: BTreeSet<String>,
    pub(super) target: Arc<Target>,
    pub(super) access: Access,
    pub(super) emergency: bool,
    pub(super) application: String,
    pub(super) client: String,
}

/// Everything that facts are read from.
pub(super) struct Scene<'a> {
    pub(super) op: &'a Operation,
    pub(super) around: &'a Circumstances,
    pub(super) sitter: &'a Sitter,
    pub(super) mask: &'a Mask,
    pub(super) on_call: BTreeSet<String>,
    pub(super) now: jiff::Zoned,
}

/// The facts that some conditions look at, as values.
pub(super) struct Facts(BTreeMap<&'static str, Box<dyn Val>>);

impl Facts {
    /// For conditions that look at nothing.
    pub(super) fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// Only what is looked at is made: a statement may be large.
    pub(super) fn of(scene: &Scene<'_>, looked_at: &[&'static Fact]) -> Self {
        let mut roots: BTreeMap<&'static str, HashMap<&'static str, Value>> = BTreeMap::new();
        for fact in looked_at {
            roots.entry(fact.root).or_default().insert(fact.field, (fact.of)(scene));
        }
        let value = |(root, fields): (&'static str, HashMap<&'static str, Value>)| {
            // A fact that could not be made is missing, and a condition that misses a fact fails, which counts against.
            Box::<dyn Val>::try_from(Value::from(fields)).ok().map(|value| (root, value))
        };
        Self(roots.into_iter().filter_map(value).collect())
    }
}

impl VariableResolver for Facts {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        self.0.get(variable).map(|value| CowVal::Borrowed(value.as_ref()))
    }
}

/// The names of objects as conditions see them: as written and, where a schema was written, without it too, so that
/// `public.orders` is no way around a rule about `orders`.
fn names<'o>(objects: impl Iterator<Item = &'o Object>) -> Value {
    let names: BTreeSet<String> = objects.flat_map(|object| [object.path(), object.name.clone()]).collect();
    Value::from(names.into_iter().collect::<Vec<_>>())
}

/// A fact of the program that runs; its empty value where none does.
fn run<T: Default + Into<Value>>(scene: &Scene<'_>, fact: impl FnOnce(&Run) -> T) -> Value {
    scene.op.run.as_deref().map(fact).unwrap_or_default().into()
}

fn number(number: impl TryInto<i64>) -> Value {
    Value::Int(number.try_into().unwrap_or(i64::MAX))
}

fn statements(scene: &Scene<'_>) -> Value {
    number(scene.around.statements)
}

fn params(scene: &Scene<'_>) -> Value {
    Value::from(scene.around.params.clone())
}

fn in_transaction(scene: &Scene<'_>) -> Value {
    scene.around.in_transaction.into()
}

fn weekday(scene: &Scene<'_>) -> Value {
    let day = usize::try_from(scene.now.weekday().to_monday_zero_offset()).unwrap_or(0);
    Value::from(WEEKDAYS.get(day).copied().unwrap_or("monday"))
}

const fn fixed(
    root: &'static str,
    field: &'static str,
    kind: Kind,
    of: fn(&Scene<'_>) -> Value,
    says: &'static str,
) -> Fact {
    Fact { root, field, kind, says, moves: false, of }
}

const fn moving(
    root: &'static str,
    field: &'static str,
    kind: Kind,
    of: fn(&Scene<'_>) -> Value,
    says: &'static str,
) -> Fact {
    Fact { root, field, kind, says, moves: true, of }
}

/// The days of the week, as `time.weekday` calls them.
pub(super) const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// What `op.act` may be.
pub(super) const ACTS: [&str; 8] = [
    Act::Transaction.as_str(),
    Act::Session.as_str(),
    Act::Read.as_str(),
    Act::Write.as_str(),
    Act::Define.as_str(),
    Act::Administer.as_str(),
    Act::Execute.as_str(),
    Act::Opaque.as_str(),
];

use Kind::{Flag, Labels, Number, Text, Texts};

/// All facts, in the order of the manual.
pub const FACTS: &[Fact] = &[
    fixed(
        "op",
        "act",
        Text,
        |s| s.op.act.as_str().into(),
        "what it does: transaction, session, read, write, define, administer, execute or opaque",
    ),
    fixed(
        "op",
        "verb",
        Text,
        |s| s.op.verb.clone().into(),
        "the command's name in upper case, like DELETE or CREATE TABLE",
    ),
    fixed(
        "op",
        "objects",
        Texts,
        |s| names(s.op.on.iter()),
        "what it touches: each name as written, and without its schema",
    ),
    fixed("op", "written", Texts, |s| names(s.op.on.iter().filter(|on| on.written)), "of these, what it changes"),
    fixed("op", "read", Texts, |s| names(s.op.on.iter().filter(|on| !on.written)), "of these, what it only looks at"),
    fixed("op", "functions", Texts, |s| s.op.functions.clone().into(), "the functions that it calls, as written"),
    fixed("op", "writes", Flag, |s| s.op.writes.into(), "whether it changes anything, as far as its text tells"),
    fixed(
        "op",
        "bounded",
        Flag,
        |s| s.op.bounded.into(),
        "false for an UPDATE or DELETE without a WHERE that narrows it, and for whatever is opaque",
    ),
    fixed("op", "ddl", Flag, |s| s.op.ddl().into(), "whether it changes the schema"),
    fixed(
        "op",
        "opaque",
        Flag,
        |s| (s.op.act == Act::Opaque || s.op.opaque.is_some()).into(),
        "whether it could not be read",
    ),
    fixed(
        "op",
        "copies_hidden",
        Flag,
        |s| s.op.stores.iter().any(|stored| s.mask.is_undone_by(stored)).into(),
        "whether it stores what a mask hides by column where no mask would hide it, as far as names tell",
    ),
    fixed("op", "text", Text, |s| s.op.shown.clone().into(), "the statement's own text"),
    fixed(
        "op",
        "program",
        Text,
        |s| run(s, |run| run.program.clone()),
        "the program that a shell starts, without its folder",
    ),
    fixed("op", "args", Texts, |s| run(s, |run| run.args.clone()), "its arguments, after quoting"),
    fixed(
        "op",
        "loose",
        Flag,
        |s| run(s, |run| run.loose),
        "whether an argument is a variable, a substitution or a pattern: its value is not in the text",
    ),
    fixed("op", "env", Texts, |s| run(s, |run| run.env.clone()), "the names of variables that are set for it"),
    fixed(
        "op",
        "privileged",
        Flag,
        |s| run(s, |run| run.privileged),
        "whether it runs with other rights than the login's: below sudo, su, chroot and their like",
    ),
    fixed(
        "op",
        "as_user",
        Text,
        |s| run(s, |run| run.user.clone().unwrap_or_default()),
        "whom it runs as, where that is said; else empty",
    ),
    fixed(
        "op",
        "elsewhere",
        Flag,
        |s| run(s, |run| run.elsewhere),
        "whether it runs on a host behind this one, or in a container",
    ),
    fixed("op", "network", Flag, |s| run(s, |run| run.network), "whether it talks over a network"),
    fixed(
        "op",
        "secrets",
        Texts,
        |s| run(s, |run| run.secrets.clone()),
        "files among what it is given that hold secrets, like /etc/shadow",
    ),
    fixed(
        "op",
        "foreign_code",
        Flag,
        |s| run(s, |run| run.foreign_code.is_some()),
        "whether its code comes from a network, a decoder or a file that the same text makes",
    ),
    fixed(
        "op",
        "abuse",
        Text,
        |s| run(s, |run| run.abuse.clone().unwrap_or_default()),
        "the form of its arguments that makes it run or write something else; else empty",
    ),
    fixed(
        "op",
        "redirects",
        Texts,
        |s| run(s, |run| run.redirects.clone()),
        "the files that its output goes to by redirection",
    ),
    fixed(
        "op",
        "destructive",
        Flag,
        |s| run(s, |run| run.destroys.is_some()),
        "whether it deletes, overwrites, stops or cuts off something",
    ),
    moving("op", "statements", Number, statements, "the same as message.statements"),
    moving("op", "params", Texts, params, "the same as message.params"),
    moving("op", "in_transaction", Flag, in_transaction, "the same as message.in_transaction"),
    moving("message", "statements", Number, statements, "how many statements came in one message"),
    moving("message", "params", Texts, params, "the bound parameters as texts; null is NULL"),
    moving("message", "in_transaction", Flag, in_transaction, "whether the session is inside a transaction block"),
    fixed("session", "access", Text, |s| s.sitter.access.as_str().into(), "the grant's level: read, write or admin"),
    fixed(
        "session",
        "application",
        Text,
        |s| s.sitter.application.clone().into(),
        "what the client calls itself; anybody may claim anything",
    ),
    fixed("session", "client", Text, |s| s.sitter.client.clone().into(), "the client's address"),
    fixed("session", "emergency", Flag, |s| s.sitter.emergency.into(), "whether somebody broke the glass"),
    fixed("person", "name", Text, |s| s.sitter.by.clone().into(), "who is connected"),
    fixed(
        "person",
        "groups",
        Texts,
        |s| s.sitter.groups.iter().cloned().collect::<Vec<_>>().into(),
        "their groups, groups of groups included",
    ),
    moving(
        "person",
        "on_call",
        Texts,
        |s| s.on_call.iter().cloned().collect::<Vec<_>>().into(),
        "the rotations in which they are on call now",
    ),
    fixed("target", "name", Text, |s| s.sitter.target.name.as_str().into(), "the target's name"),
    fixed(
        "target",
        "protocol",
        Text,
        |s| s.sitter.target.protocol.as_str().into(),
        "what it speaks: postgres or ssh",
    ),
    fixed("target", "database", Text, |s| s.sitter.target.database.clone().into(), "its database"),
    fixed(
        "target",
        "labels",
        Labels,
        |s| s.sitter.target.labels.iter().map(|(k, v)| (k.clone(), v.clone())).collect::<HashMap<_, _>>().into(),
        "its labels, as target.labels.NAME",
    ),
    moving("time", "hour", Number, |s| number(s.now.hour()), "the hour, 0 to 23, in the policy's zone"),
    moving("time", "minute", Number, |s| number(s.now.minute()), "the minute, 0 to 59"),
    moving("time", "weekday", Text, weekday, "monday to sunday"),
    moving("time", "date", Text, |s| s.now.date().to_string().into(), "the date, like 2026-01-05"),
    moving("time", "unix", Number, |s| number(s.now.timestamp().as_second()), "seconds since 1970-01-01 UTC"),
];
