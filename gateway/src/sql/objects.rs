//! Names and facts: what one statement touches, gathered while its tree is walked.

use std::collections::BTreeSet;

use pg_query::protobuf::{DefElem, RangeVar, RoleSpec, RoleSpecType, a_const::Val};
use pg_query::{Node, NodeRef};
use workflows::operation::{Act, Kind, Object, Operation, Stored};

use super::children::{node, nodes};

/// What is known about one statement so far. Facts only grow: nothing that was found is taken back.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// `None` until a statement was recognised: what nobody recognises is held.
    pub(super) act: Option<Act>,
    pub(super) verb: String,
    pub(super) on: BTreeSet<Object>,
    pub(super) functions: BTreeSet<String>,
    pub(super) writes: bool,
    pub(super) bounded: bool,
    pub(super) undoes: bool,
    pub(super) opaque: Option<String>,
    pub(super) stores: BTreeSet<Stored>,
    /// It calls a function that writes what it is given somewhere else.
    pub(super) writes_out: bool,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            act: None,
            verb: String::new(),
            on: BTreeSet::new(),
            functions: BTreeSet::new(),
            writes: false,
            bounded: true,
            undoes: false,
            opaque: None,
            stores: BTreeSet::new(),
            writes_out: false,
        }
    }
}

impl Facts {
    /// The statement does at least this.
    pub(super) fn act(&mut self, act: Act) {
        self.act = self.act.max(Some(act));
        self.writes |= matches!(act, Act::Write | Act::Define | Act::Administer | Act::Execute | Act::Opaque);
    }

    /// Names the statement; the outermost name stays.
    pub(super) fn verb(&mut self, verb: impl Into<String>) {
        if self.verb.is_empty() {
            self.verb = verb.into();
        }
    }

    /// Nobody can say what this does; the first reason is the one that is shown.
    pub(super) fn opaque(&mut self, why: impl Into<String>) {
        self.opaque.get_or_insert_with(|| why.into());
    }

    /// Notes a thing that is touched.
    pub(super) fn touch(&mut self, kind: Kind, name: &[String], written: bool) {
        let Some((last, before)) = name.split_last() else { return };
        // `SELECT … FROM t` inside `DELETE FROM t` leaves one object, the written one.
        let mut object = Object { kind, schema: before.last().cloned(), name: last.clone(), written: true };
        if !written && !self.on.contains(&object) {
            object.written = false;
        } else if written {
            object.written = false;
            self.on.remove(&object);
            object.written = true;
        }
        self.on.insert(object);
    }

    /// Adds what an inner statement does to what the outer one does.
    pub(super) fn join(&mut self, inner: Self) {
        self.act = self.act.max(inner.act);
        for object in inner.on {
            let name: Vec<String> = object.schema.into_iter().chain([object.name]).collect();
            self.touch(object.kind, &name, object.written);
        }
        self.functions.extend(inner.functions);
        self.stores.extend(inner.stores);
        self.writes_out |= inner.writes_out;
        self.writes |= inner.writes;
        self.bounded &= inner.bounded;
        self.undoes |= inner.undoes;
        if let Some(why) = inner.opaque {
            self.opaque(why);
        }
    }

    /// The finished operation.
    pub(super) fn operation(self, shown: &str) -> Operation {
        let Some(act) = self.act else {
            return Operation::opaque(
                shown,
                self.opaque.unwrap_or_else(|| "a statement of an unknown kind".to_owned()),
            );
        };
        let hidden = self.opaque.is_some();
        Operation {
            act: if hidden { Act::Opaque } else { act },
            verb: self.verb,
            on: self.on.into_iter().collect(),
            functions: self.functions.into_iter().collect(),
            writes: self.writes || hidden,
            bounded: self.bounded && !hidden,
            undoes_read_only: self.undoes || hidden,
            opaque: self.opaque,
            stores: self.stores.into_iter().collect(),
            run: None,
            shown: shown.to_owned(),
        }
    }
}

/// The parts of a relation's name, outermost first.
pub(super) fn relation(range: &RangeVar) -> Vec<String> {
    [&range.catalogname, &range.schemaname, &range.relname]
        .into_iter()
        .filter(|part| !part.is_empty())
        .cloned()
        .collect()
}

/// The strings in a list, as in a dotted name.
pub(super) fn strings(list: &[Node]) -> Vec<String> {
    nodes(list).filter_map(string).collect()
}

/// The text of a string node or of a string constant.
#[expect(clippy::wildcard_enum_match_arm, reason = "only nodes that hold text have any")]
pub(super) fn string(node: NodeRef<'_>) -> Option<String> {
    match node {
        NodeRef::String(text) => Some(text.sval.clone()),
        NodeRef::AConst(constant) => match &constant.val {
            Some(Val::Sval(text)) => Some(text.sval.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// A constant as a setting or an option would read it: a word, a number, a truth value.
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever is not a constant has no constant text")]
pub(super) fn scalar(node: NodeRef<'_>) -> Option<String> {
    match node {
        NodeRef::AConst(constant) => match constant.val.as_ref()? {
            Val::Sval(text) => Some(text.sval.clone()),
            Val::Ival(number) => Some(number.ival.to_string()),
            Val::Fval(number) => Some(number.fval.clone()),
            Val::Boolval(truth) => Some(if truth.boolval { "on" } else { "off" }.to_owned()),
            Val::Bsval(_) => None,
        },
        NodeRef::String(text) => Some(text.sval.clone()),
        NodeRef::Integer(number) => Some(number.ival.to_string()),
        NodeRef::Float(number) => Some(number.fval.clone()),
        NodeRef::Boolean(truth) => Some(if truth.boolval { "on" } else { "off" }.to_owned()),
        NodeRef::TypeName(name) => strings(&name.names).pop(),
        NodeRef::TypeCast(cast) => scalar(super::children::node(cast.arg.as_deref())?),
        _ => None,
    }
}

/// An option's constant value; `None` where it has none (`WITH (header)`).
pub(super) fn option(element: &DefElem) -> Option<String> {
    node(element.arg.as_deref()).and_then(scalar)
}

/// An option read the way the server reads a truth value; one without a value is on, nonsense is `None`.
pub(super) fn truth(element: &DefElem) -> Option<bool> {
    if element.arg.is_none() {
        return Some(true);
    }
    boolean(&option(element)?)
}

/// The server's spelling of truth values, in settings and in options.
pub(super) fn boolean(text: &str) -> Option<bool> {
    let text = text.trim().to_ascii_lowercase();
    let starts = |word: &str| !text.is_empty() && word.starts_with(&text);
    if starts("true") || starts("yes") || text == "on" || text == "1" {
        return Some(true);
    }
    (starts("false") || starts("no") || text == "of" || text == "off" || text == "0").then_some(false)
}

/// The definitions in a list of options.
pub(super) fn definitions(list: &[Node]) -> impl Iterator<Item = &DefElem> {
    nodes(list).filter_map(|node| if let NodeRef::DefElem(element) = node { Some(element) } else { None })
}

/// A role's name, or the word that stands for one.
pub(super) fn role(spec: &RoleSpec) -> String {
    match spec.roletype() {
        RoleSpecType::RolespecCstring => spec.rolename.clone(),
        RoleSpecType::RolespecCurrentRole | RoleSpecType::RolespecCurrentUser => "current_user".to_owned(),
        RoleSpecType::RolespecSessionUser => "session_user".to_owned(),
        RoleSpecType::RolespecPublic => "public".to_owned(),
        RoleSpecType::Undefined => String::new(),
    }
}

/// A name as it appears below DROP, COMMENT or ALTER: a dotted list, a type, a function with its arguments.
#[expect(clippy::wildcard_enum_match_arm, reason = "an object without a name is only left out of the list")]
pub(super) fn named(node: NodeRef<'_>) -> Vec<String> {
    match node {
        NodeRef::List(list) => nodes(&list.items).flat_map(named).collect(),
        NodeRef::TypeName(name) => strings(&name.names),
        NodeRef::ObjectWithArgs(object) => strings(&object.objname),
        NodeRef::RangeVar(range) => relation(range),
        NodeRef::RoleSpec(spec) => vec![role(spec)],
        NodeRef::AConst(_) | NodeRef::Integer(_) | NodeRef::Float(_) => scalar(node).into_iter().collect(),
        _ => string(node).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_object_swallows_the_read_one() {
        let mut facts = Facts::default();
        let name = ["public".to_owned(), "t".to_owned()];
        facts.touch(Kind::Relation, &name, false);
        facts.touch(Kind::Relation, &name, true);
        facts.touch(Kind::Relation, &name, false);
        assert_eq!(facts.on.len(), 1);
        assert!(facts.on.first().unwrap().written);
    }

    #[test]
    fn truth_is_spelled_as_the_server_spells_it() {
        for on in ["on", "TRUE", "t", "y", "1", "yes"] {
            assert_eq!(boolean(on), Some(true), "{on}");
        }
        for off in ["off", "f", "no", "0", "of"] {
            assert_eq!(boolean(off), Some(false), "{off}");
        }
        for nonsense in ["", "o", "maybe", "2"] {
            assert_eq!(boolean(nonsense), None, "{nonsense}");
        }
    }
}
