//! The policy's tests: a small world, and tables of cases over it.

mod examining;
mod judging;
mod managing;
mod mistakes;
mod oncall;
mod routing;

use super::*;
use crate::clock::Span;
use crate::operation::{Act, Circumstances, Kind as Thing, Object, Operation};
use crate::target::Access;

/// A file with everything in it.
const WORLD: &str = r#"
zone = "Europe/Berlin"

[store]
url = "sqlite:countersign.db"

[[target]]
name = "orders-prod"
protocol = "postgres"
address = "10.0.0.5:5432"
database = "orders"
labels = { env = "prod", team = "orders" }
login.read = { user = "cs_read", password = "env:ORDERS_READ" }
login.write = { user = "cs_write", password = "file:/run/secrets/orders_write" }
login.admin = { user = "cs_admin", password = "env:ORDERS_ADMIN" }

[[target]]
name = "orders-test"
protocol = "postgres"
address = "[::1]:5432"
database = "orders"
labels = { env = "test", team = "orders" }
tls = "off"
login.read = { user = "cs", password = "env:TEST" }
login.write = { user = "cs", password = "env:TEST" }

[group]
dba = ["grace@example.com", "linus@example.com"]
orders = ["ada@example.com", "group:interns"]
interns = ["bob@example.com"]
privacy = ["grace@example.com"]
leads = ["eve@example.com", "group:dba"]

[rotation.primary]
members = ["grace@example.com", "linus@example.com"]
hands_over = "monday 09:00 Europe/Berlin"
starts = "2026-01-05"

[[access]]
name = "orders, on call"
who = "group:orders"
targets = { team = "orders", env = "prod" }
levels = ["read", "write"]
at_most = "4h"
approval = { from = "oncall:primary", people = 1, within = "15m", then = "group:leads" }

[[access]]
name = "databases"
who = "group:dba"
targets = { env = "prod" }
levels = ["admin"]
at_most = "1h"
approval = { from = "group:leads", people = 2, within = "15m" }

[[emergency]]
name = "fire"
who = "group:orders"
targets = { env = "prod" }
levels = ["write"]
at_most = "30m"
review = { from = "group:dba", within = "24h" }

[[rule]]
name = "bulk write"
targets = { env = "prod" }
when = 'op.act == "write" && !op.bounded'
do = "hold"
approval = { from = "group:dba", people = 1, within = "10m" }
[[rule.test]]
sql = "DELETE FROM orders"
expect = "hold"

[[rule]]
name = "no ledger"
when = '"ledger" in op.written'
do = "deny"
because = "the ledger is written by the bank's own job"

[[rule]]
name = "scratch"
when = 'op.written == ["scratch"]'
do = "allow"
over = ["bulk write"]

[[mask]]
name = "personal data"
targets = { env = "prod" }
columns = ["*.email", "customers.phone"]
detect = ["card"]
unless = "group:privacy"
"#;

/// A Tuesday morning on which grace is on call.
fn now() -> Timestamp {
    at("2026-01-06T10:00:00Z")
}

fn at(text: &str) -> Timestamp {
    let moment: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_micros(moment.as_microsecond())
}

fn policy(text: &str) -> Policy {
    Policy::parse(text).unwrap_or_else(|list| {
        let shown: Vec<String> = list.iter().map(|mistake| mistake.render("t")).collect();
        panic!("{}", shown.join("\n"))
    })
}

fn name(text: &str) -> TargetName {
    text.parse().unwrap()
}

/// A classifier for tests: just enough to tell the first words apart.
fn classified(sql: &str) -> Operation {
    let words: Vec<&str> = sql.split_whitespace().collect();
    let after = |word: &str| {
        let at = words.iter().position(|found| found.eq_ignore_ascii_case(word));
        at.and_then(|at| words.get(at + 1)).map(|name| name.to_lowercase())
    };
    let (act, table) = match words[0] {
        "SELECT" => (Act::Read, after("FROM")),
        "DELETE" => (Act::Write, after("FROM")),
        "UPDATE" => (Act::Write, after("UPDATE")),
        "INSERT" => (Act::Write, after("INTO")),
        "CREATE" | "DROP" | "ALTER" => (Act::Define, after("TABLE")),
        "GRANT" => (Act::Administer, after("ON")),
        "COPY" => (Act::Execute, after("COPY")),
        "SET" => (Act::Session, None),
        _ => return Operation::opaque(sql, "it is too clever"),
    };
    let writes = !matches!(act, Act::Read | Act::Session);
    let object = table.map(|table| match table.split_once('.') {
        Some((schema, name)) => (Some(schema.to_owned()), name.to_owned()),
        None => (None, table),
    });
    let on = object.map(|(schema, name)| Object { kind: Thing::Relation, schema, name, written: writes });
    Operation {
        act,
        verb: words[0].to_owned(),
        on: on.into_iter().collect(),
        functions: Vec::new(),
        writes,
        bounded: !writes || sql.contains("WHERE") || sql.starts_with("INSERT"),
        undoes_read_only: sql.contains("transaction_read_only"),
        opaque: None,
        stores: Vec::new(),
        run: None,
        shown: sql.to_owned(),
    }
}

fn around() -> Circumstances {
    Circumstances { statements: 1, params: Vec::new(), in_transaction: false }
}

fn seat<'a>(by: &'a str, target: &'a TargetName, access: Access) -> Seat<'a> {
    Seat { by, target, access, emergency: false, application: "psql", client: "10.1.1.1" }
}

#[test]
fn a_policy_can_be_shared_and_says_who_it_is() {
    fn shared<T: Send + Sync + Clone>(value: &T) -> T {
        value.clone()
    }
    let policy = shared(&policy(WORLD));
    assert_eq!(policy.hash().len(), 64);
    assert_eq!(policy.targets().count(), 2);
    assert!(policy.warnings().is_empty(), "{:?}", policy.warnings());
    assert!(policy.target(&name("orders-prod")).is_some());
    assert!(policy.target(&name("orders")).is_none(), "a prefix is another name");
    assert!(!format!("{policy:?}").contains("ORDERS_READ"));
}

#[test]
fn groups_of_groups_are_resolved_and_a_prefix_is_another_group() {
    let policy = policy(WORLD);
    let groups: Vec<String> = policy.groups_of("bob@example.com").into_iter().collect();
    assert_eq!(groups, ["interns", "orders"]);
    let who = |text: &str| text.parse::<Who>().unwrap();
    assert!(policy.is(&who("group:leads"), "linus@example.com", now()));
    assert!(!policy.is(&who("group:lead"), "linus@example.com", now()));
    assert!(policy.is(&who("oncall:primary"), "grace@example.com", now()));
    assert!(!policy.is(&who("oncall:primary"), "linus@example.com", now()));
    assert_eq!(policy.people(&who("group:leads"), now()).len(), 3);
}
