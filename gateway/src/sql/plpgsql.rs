//! Bodies in PL/pgSQL: every statement and expression in them is classified like any other.
//!
//! The parser hands a body over as JSON. The tree is searched for expressions wherever they stand, so that a kind of
//! statement that we do not know still gives up its SQL. SQL that is put together while the block runs cannot be
//! judged: the block is opaque.

use std::collections::BTreeMap;
use std::fmt;

use pg_query::protobuf::{self, DoStmt};
use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};
use workflows::operation::Act;

use super::children::node;
use super::depth;
use super::objects::{definitions, option, string};
use super::walk::Walk;

/// Fields that hold SQL made at run time.
const DYNAMIC: &[&str] = &["PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors", "dynquery"];

impl Walk {
    /// A DO block.
    pub(super) fn do_block(&mut self, block: &DoStmt) {
        self.facts.verb("DO");
        self.facts.act(Act::Read);
        let mut language = "plpgsql".to_owned();
        let mut body = String::new();
        for element in definitions(&block.args) {
            match element.defname.as_str() {
                "language" => language = option(element).unwrap_or_default().to_ascii_lowercase(),
                _ => body = node(element.arg.as_deref()).and_then(string).unwrap_or_default(),
            }
        }
        if language != "plpgsql" {
            self.facts.opaque(format!("a block in the language `{language}`"));
            return;
        }
        let mut tag = "$body$".to_owned();
        while body.contains(&tag) {
            tag.insert(1, '_');
        }
        self.plpgsql(&format!("DO {tag}{body}{tag}"), &body);
    }

    /// A function in PL/pgSQL. It does not run now, so what cannot be read in it is no reason to hold it.
    pub(super) fn plpgsql_function(&mut self) {
        let source = std::mem::take(&mut self.source);
        let mut inner = Self { inert: true, ..self.inner() };
        inner.facts.act(Act::Session);
        inner.plpgsql(&source, &source);
        inner.facts.opaque = None;
        self.absorb(inner);
    }

    fn plpgsql(&mut self, source: &str, body: &str) {
        if depth::too_deep(source) {
            self.facts.opaque("the block is nested too deeply");
            return;
        }
        let Ok(parsed) = pg_query::parse_plpgsql(source) else {
            self.facts.opaque("the block could not be read");
            return;
        };
        let Ok(tree) = Json::deserialize(parsed) else {
            self.facts.opaque("the block could not be read");
            return;
        };
        let mut found = Found::default();
        found.search(&tree);
        if found.dynamic {
            self.facts.opaque("the block runs SQL that it makes while it runs");
        }
        // The parser forgets the default value of a record variable.
        if found.records.iter().any(|name| has_default(body, name)) {
            self.facts.opaque("a record variable of the block has a default value that cannot be seen");
        }
        if found.expressions.is_empty() && found.statements == 0 {
            self.facts.opaque("the block could not be read");
        }
        for (query, mode) in found.expressions {
            self.expression(&query, mode);
        }
    }

    fn expression(&mut self, query: &str, mode: i32) {
        if depth::too_deep(query) {
            self.facts.opaque("the block is nested too deeply");
            return;
        }
        let Ok(parsed) = pg_query::parse(query, mode) else {
            self.facts.opaque("a statement in the block could not be read");
            return;
        };
        for statement in parsed.protobuf.stmts.iter().filter_map(|raw: &protobuf::RawStmt| node(raw.stmt.as_deref()))
        {
            let mut inner = self.inner();
            inner.visit(statement);
            self.absorb(inner);
        }
    }
}

/// What a block holds.
#[derive(Debug, Default)]
struct Found {
    expressions: Vec<(String, i32)>,
    records: Vec<String>,
    statements: usize,
    dynamic: bool,
}

impl Found {
    fn search(&mut self, tree: &Json) {
        match tree {
            Json::Map(map) => {
                for (key, value) in map {
                    self.dynamic |= DYNAMIC.contains(&key.as_str());
                    self.statements += usize::from(key.starts_with("PLpgSQL_stmt_"));
                    match key.as_str() {
                        "PLpgSQL_expr" => self.expressions.extend(value.expression()),
                        "PLpgSQL_rec" => self.records.extend(value.text("refname")),
                        _ => {}
                    }
                    self.search(value);
                }
            }
            Json::List(list) => list.iter().for_each(|value| self.search(value)),
            Json::Text(_) | Json::Number(_) | Json::Other => {}
        }
    }
}

/// Whether a body declares this variable with a default: `r record := …;`.
fn has_default(body: &str, name: &str) -> bool {
    use protobuf::Token;
    // The scanner also reads the outer statement of a function; its body is one string there.
    let Ok(tokens) = pg_query::scan_tokens(body) else { return true };
    let text = |token: &protobuf::ScanToken| body.get(token.start as usize..token.end as usize).unwrap_or_default();
    let mut declares = false;
    let mut before: Option<&protobuf::ScanToken> = None;
    for token in tokens.iter().filter(|token| !matches!(token.token(), Token::SqlComment | Token::CComment)) {
        let starts = before.is_none_or(|token| text(token) == ";" || text(token).eq_ignore_ascii_case("declare"));
        if starts {
            declares = text(token).trim_matches('"').eq_ignore_ascii_case(name);
        } else if declares && before.is_some_and(|before| text(before).trim_matches('"').eq_ignore_ascii_case(name)) {
            // `r := …` and `r.x := …` are assignments, and those are not forgotten.
            declares = !matches!(text(token), ":=" | "=" | "." | "[");
        } else if declares && (matches!(text(token), ":=" | "=") || text(token).eq_ignore_ascii_case("default")) {
            return true;
        }
        before = Some(token);
    }
    false
}

/// JSON as far as it is needed: the crate that made it is not a dependency of ours.
#[derive(Debug)]
enum Json {
    Map(BTreeMap<String, Json>),
    List(Vec<Json>),
    Text(String),
    Number(i32),
    Other,
}

impl Json {
    fn text(&self, key: &str) -> Option<String> {
        match self {
            Self::Map(map) => match map.get(key) {
                Some(Self::Text(text)) => Some(text.clone()),
                _ => None,
            },
            Self::List(_) | Self::Text(_) | Self::Number(_) | Self::Other => None,
        }
    }

    /// The SQL of an expression and how it is to be parsed.
    fn expression(&self) -> Option<(String, i32)> {
        let Self::Map(map) = self else { return None };
        let mode = match map.get("parseMode") {
            Some(Self::Number(mode)) => *mode,
            _ => 0,
        };
        Some((self.text("query")?, mode))
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(i32::try_from(number).map_or(Json::Other, Json::Number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(i32::try_from(number).map_or(Json::Other, Json::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some((key, value)) = map.next_entry()? {
            entries.insert(key, value);
        }
        Ok(Json::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_is_told_from_an_assignment() {
        assert!(has_default("declare r record := f(); begin end", "r"));
        assert!(has_default("declare x int; R record default f(); begin end", "r"));
        assert!(!has_default("declare r record; begin r := f(); end", "r"));
        assert!(!has_default(
            "declare r record; x int := 5; begin for r in select 1 where a = b loop null; end loop; end",
            "r"
        ));
    }
}
