//! What a shape may stand for: against a fresh reading of the very text, for every statement that we have.

use super::*;
use crate::sql::read::read;
use crate::sql::tests::{corpus, deep};

/// What pgbench, psql's users and object mappers write, and values in every place that is looked at.
const TEXTS: &[&str] = &[
    "SELECT abalance FROM pgbench_accounts WHERE aid = 17;",
    "UPDATE pgbench_accounts SET abalance = abalance + -2001 WHERE aid = 4;",
    "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 2, 3, -4, CURRENT_TIMESTAMP);",
    "DELETE FROM orders WHERE id = 5 AND state = 'open'",
    "SELECT email || '' FROM customers WHERE id = 5",
    "SELECT o.email FROM orders o JOIN customers c ON c.id = o.customer WHERE o.id IN (1, 2, 3) LIMIT 10 OFFSET 20",
    "SELECT * FROM \"Odd 1\" WHERE total BETWEEN 5 AND 9 AND name = 'x'",
    "UPDATE t SET a = 1, b = 'x' FROM u WHERE t.id = 5 AND u.id = t.u",
    "DELETE FROM t WHERE total > 5",
    "DELETE FROM t WHERE id > 5",
    "DELETE FROM t WHERE id <> 5",
    "DELETE FROM t WHERE id = 5 OR id <> 5",
    "DELETE FROM t WHERE NOT (id = 5)",
    "DELETE FROM t WHERE 5 = 5",
    "DELETE FROM t WHERE 5",
    "DELETE FROM t WHERE name LIKE 'x'",
    "DELETE FROM t WHERE name ~ 'x'",
    "DELETE FROM t WHERE coalesce(a, 5) = 5",
    "DELETE FROM t WHERE CASE WHEN 1 = 5 THEN a = 1 END",
    "SELECT set_config('search_path', 'x', false)",
    "SELECT * FROM pg_read_file('x')",
    "SELECT query_to_xml('SELECT 1', true, true, 'x')",
    "SELECT lo_get(5)",
    "SELECT nextval('x')",
    "SELECT 'customers'::regclass",
    "SET statement_timeout = 5",
    "SET search_path = 'x'",
    "PREPARE p AS SELECT * FROM t WHERE id = 5",
    "COPY (SELECT * FROM t WHERE id = 5) TO STDOUT",
    "DECLARE c CURSOR FOR SELECT * FROM t WHERE id = 5",
    "EXPLAIN ANALYZE DELETE FROM t WHERE id = 5",
    "SELECT 1; SELECT 2",
    "WITH d AS (DELETE FROM t WHERE id = 5 RETURNING *) SELECT * FROM d WHERE id = 6",
    "SELECT a FROM t WHERE id = 5 UNION SELECT b FROM u WHERE id = 6",
    "SELECT a FROM t ORDER BY 1 LIMIT 5 FOR UPDATE",
    "  ;; SELECT a FROM t WHERE id = 5 ; ",
    "INSERT INTO t VALUES (5) ON CONFLICT (id) DO UPDATE SET a = 5 WHERE t.id > 5",
    "MERGE INTO t USING u ON t.id = u.id AND u.a = 5 WHEN MATCHED THEN DELETE",
    "SELECT a FROM t WHERE b = E'x'",
    "SELECT a FROM t WHERE b = 'x'\n'y'",
    "SELECT a FROM t WHERE b = date 'x'",
    "SELECT a FROM t WHERE b = - 5",
];

const NUMBERS: &[&str] = &["0", "1", "5", "007", "999999999"];
const WORDS: &[&str] = &["", "x", "%", "on", "true", "0", "-1", "customers", "SELECT 1", "DELETE FROM t", "--", "/*"];

/// The same text with other values: the n-th of the list at each place, or at one place only.
fn others(text: &str, shape: &Shape) -> Vec<String> {
    let with = |value: &dyn Fn(usize, &Span) -> String| {
        let (mut out, mut from) = (String::new(), 0);
        for (at, span) in shape.spans.iter().enumerate() {
            out.push_str(text.get(from..span.start).unwrap());
            out.push_str(&value(at, span));
            from = span.end;
        }
        out + text.get(from..).unwrap()
    };
    let of = |span: &Span, n: usize| {
        let list = if span.quoted { WORDS } else { NUMBERS };
        list[n % list.len()].to_owned()
    };
    let all = (0..WORDS.len()).map(|n| with(&|_, span| of(span, n)));
    let mixed = (0..WORDS.len()).map(|n| with(&|at, span| of(span, n + 3 * at)));
    all.chain(mixed).collect()
}

fn fresh(text: &str) -> Classified {
    Arc::unwrap_or_clone(read(text, None).classified)
}

#[test]
fn what_stands_for_others_says_what_they_say() {
    let texts: Vec<String> =
        TEXTS.iter().map(|text| (*text).to_owned()).chain(corpus().into_iter().map(|case| case.sql)).collect();
    let (shared, compared) = deep(move || {
        let (mut shared, mut compared) = (0, 0);
        for text in texts {
            let Some(shape) = Shape::of(&text) else { continue };
            let variants = others(&text, &shape);
            // Whichever of them comes first, it must not speak for another that means something else.
            for first in [&text].into_iter().chain(&variants) {
                let own = Shape::of(first).unwrap_or_else(|| panic!("no shape: {first}"));
                let Some(pattern) = read(first, Some(&own)).pattern else { continue };
                shared += 1;
                for other in &variants {
                    assert_eq!(own.key(first), Shape::of(other).unwrap().key(other), "{first}\n{other}");
                    let mut said = pattern.read(other).unwrap();
                    assert!(said.alike.take().is_some());
                    assert_eq!(said, fresh(other), "{first}\nspoke for\n{other}");
                    compared += 1;
                }
            }
        }
        (shared, compared)
    });
    assert!(shared > 200 && compared > 5_000, "only {shared} texts stood for {compared} others");
}

#[test]
fn only_values_at_which_nobody_looks_are_shared() {
    let shared = |text: &str| Shape::of(text).is_some_and(|shape| read(text, Some(&shape)).pattern.is_some());
    for text in TEXTS.iter().take(9) {
        assert!(shared(text), "{text}");
    }
    for text in TEXTS.iter().skip(9).filter(|text| !text.starts_with(' ')) {
        assert!(!shared(text), "{text}");
    }
}

#[test]
fn texts_that_differ_elsewhere_have_keys_of_their_own() {
    let key = |text: &str| Shape::of(text).map(|shape| shape.key(text));
    let one = key("SELECT a FROM t WHERE b = 5").unwrap();
    assert_eq!(Some(one), key("SELECT a FROM t WHERE b = 77"));
    for other in [
        "SELECT a FROM t WHERE b = '5'",
        "SELECT a FROM t WHERE b = -5",
        "SELECT a FROM t WHERE b =5",
        "SELECT a FROM t1 WHERE b = 5",
        "SELECT a FROM \"t\" WHERE b = 5",
        "SELECT a FROM t WHERE b = 5;",
        "SELECT a FROM t WHERE b = 5 5",
    ] {
        assert_ne!(Some(one), key(other), "{other}");
    }
    // Names are never values.
    assert_ne!(key("SELECT a FROM \"1\" WHERE b = 5"), key("SELECT a FROM \"2\" WHERE b = 5"));
    assert_ne!(key("SELECT a1 FROM t WHERE b = 5"), key("SELECT a2 FROM t WHERE b = 5"));
    for none in [
        "SELECT a FROM t",
        "SELECT 1.5",
        "SELECT .5",
        "SELECT 1e5",
        "SELECT 0x1f",
        "SELECT 1_000",
        "SELECT 1000000000",
        "SELECT $1, 5",
        "SELECT $$a$$, 5",
        "SELECT 'a''b'",
        "SELECT ''''",
        "SELECT 'a\\'",
        "SELECT 'é'",
        "SELECT 5 -- a",
        "SELECT 5 /* a */",
        "SELECT 'a",
        "SELECT \"a",
        "SELECT 5, '\u{0}'",
    ] {
        assert_eq!(key(none), None, "{none}");
    }
}
