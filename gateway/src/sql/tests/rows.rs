//! Lineage, COPY, names of the session, hostile inputs, and how long it takes.

use super::*;
use crate::sql::{CopyFormat, Lineage, Source};

fn classified(sql: &str) -> Classified {
    let sql = sql.to_owned();
    deep(move || Arc::unwrap_or_clone(read(&sql, None).classified))
}

/// Which of a result's columns are tainted when `customers.email` is masked, as a string of `x` and `.`.
fn taint(lineage: &Lineage, of: usize) -> String {
    let masked =
        |relation: Option<&str>, column: &str| column == "email" && relation.is_none_or(|name| name == "customers");
    let relations = |relation: &str| relation == "customers";
    (0..of).map(|index| if lineage.taints(index, of, &masked, &relations) { 'x' } else { '.' }).collect()
}

#[test]
fn masked_columns_are_followed_through_expressions() {
    let cases = [
        // Clean columns stay clean.
        ("SELECT 1, now(), 'email'", "..."),
        ("SELECT count(*), count(email), count(DISTINCT email) FROM customers", "..."),
        ("SELECT id + 1, name || '' FROM customers", ".."),
        ("SELECT id, email FROM orders", ".."),
        ("SELECT o.email || '' FROM orders o JOIN customers c ON o.id = c.id", "."),
        ("SHOW search_path", "."),
        ("EXPLAIN SELECT email FROM customers", "."),
        ("SELECT count(*) FROM (SELECT email FROM customers) c", "."),
        ("SELECT sum(total) FROM (SELECT total FROM orders) o", "."),
        ("INSERT INTO orders (id) VALUES (1) RETURNING id + 1", "."),
        ("VALUES (1, 'a'), (2, 'b')", ".."),
        // Expressions, casts, functions, aggregates, windows.
        ("SELECT id + 1, email || '' FROM customers", ".x"),
        ("SELECT upper(email), email::bytea, email COLLATE \"C\", substr(c.email, 1, 1) FROM customers c", "xxxx"),
        ("SELECT string_agg(email, ','), array_agg(email), min(email), json_agg(email) FROM customers", "xxxx"),
        ("SELECT lag(email) OVER (ORDER BY id), first_value(email) OVER w FROM customers WINDOW w AS ()", "xx"),
        ("SELECT CASE WHEN email LIKE 'a%' THEN 1 END, email = 'x', email IS NULL FROM customers", "xxx"),
        (
            "SELECT count(CASE WHEN email LIKE 'a%' THEN 1 END), count(*) FILTER (WHERE email LIKE 'a%') FROM customers",
            "xx",
        ),
        (
            "SELECT coalesce(email, ''), nullif(email, ''), greatest(email, ''), ARRAY[email], ROW(email) FROM customers",
            "xxxxx",
        ),
        ("SELECT xmlelement(name a, email), xmlforest(email AS b), json_object('a': email) FROM customers", "xxx"),
        ("SELECT U&\"\\0065mail\" || '', \"email\" || '' FROM customers", "xx"),
        // Whole rows in all their notations.
        ("SELECT c FROM customers c", "x"),
        ("SELECT customers FROM customers", "x"),
        ("SELECT public.customers FROM public.customers", "x"),
        ("SELECT to_json(c), row_to_json(c.*), c::text, array_agg(c), md5(c::text) FROM customers c", "xxxxx"),
        ("SELECT (c).email || '', (c.*).email || '', email(c) || '' FROM customers c", "xxx"),
        ("SELECT ROW(c.*) FROM customers c", "x"),
        ("SELECT t::text FROM (SELECT * FROM customers) t", "x"),
        // Renaming.
        ("SELECT e || '' FROM customers AS c (i, e)", "x"),
        ("SELECT e || '' FROM (SELECT email AS e FROM customers) s", "x"),
        ("SELECT e || '' FROM (SELECT * FROM customers) s (i, e)", "x"),
        ("WITH s (i, e) AS (SELECT * FROM customers) SELECT e || '' FROM s", "x"),
        ("WITH s AS (SELECT email AS e FROM customers) SELECT e || '', 1 FROM s", "x."),
        ("SELECT j.e || '' FROM (customers c JOIN orders o ON true) AS j (i, e)", "x"),
        ("WITH orders AS (SELECT id, email AS total FROM customers) SELECT total || '' FROM orders", "x"),
        // Sub-selects, set operations, VALUES, lateral, functions in FROM.
        ("SELECT (SELECT email FROM customers LIMIT 1), 1", "x."),
        ("SELECT ARRAY(SELECT email FROM customers)", "x"),
        ("SELECT '' UNION SELECT email FROM customers", "x"),
        ("SELECT 1, email FROM customers UNION ALL SELECT 2, 'a'", ".x"),
        ("(SELECT 'a' EXCEPT SELECT 'b') UNION SELECT email FROM customers", "x"),
        ("VALUES (1, (SELECT email FROM customers LIMIT 1))", ".x"),
        ("SELECT l.x FROM customers c, LATERAL (SELECT c.email || '' AS x) l", "x"),
        ("SELECT x FROM customers c, LATERAL unnest(ARRAY[c.email]) x", "x"),
        ("SELECT x FROM customers c, LATERAL row_to_json(c) x", "x"),
        ("SELECT value FROM customers c, jsonb_each_text(to_jsonb(c))", "x"),
        ("SELECT EXISTS (SELECT 1 FROM customers WHERE email LIKE 'a%')", "x"),
        ("TABLE customers UNION TABLE customers", "xx"),
        ("SELECT * FROM customers FULL JOIN orders USING (email)", "xx"),
        ("SELECT email FROM customers FULL JOIN orders USING (email)", "x"),
        // Returned rows, and what runs elsewhere.
        ("UPDATE customers SET id = 1 WHERE id = 1 RETURNING id + 0, email || ''", ".x"),
        ("UPDATE customers SET id = 1 WHERE id = 1 RETURNING old.email || '', new.email || ''", "xx"),
        ("DELETE FROM orders USING customers c WHERE c.id = orders.id RETURNING c.email || ''", "x"),
        ("DELETE FROM customers RETURNING customers::text", "x"),
        // What is stored elsewhere and read from there is not followed: that is a write, and judged as one.
        ("INSERT INTO orders SELECT * FROM customers RETURNING total || ''", "."),
        ("WITH gone AS (DELETE FROM customers RETURNING *) SELECT name || '' FROM gone", "x"),
        ("SELECT query_to_xml('SELECT * FROM customers', true, true, '')", "x"),
        ("SELECT table_to_xml('customers', true, true, '')", "x"),
        ("EXECUTE p", "x"),
        ("FETCH ALL FROM c", "x"),
        ("DO $$ BEGIN NULL; END $$", "x"),
        ("not sql", "x"),
    ];
    for (sql, expected) in cases {
        assert_eq!(taint(&classified(sql).lineage, expected.len()), expected, "{sql}");
    }
}

#[test]
fn several_results_and_surprising_widths_take_the_stricter_answer() {
    let two = classified("SELECT 1; SELECT email || '' FROM customers").lineage;
    assert_eq!(taint(&two, 1), "x");
    let narrow = classified("SELECT 1, email FROM customers").lineage;
    assert_eq!(taint(&narrow, 2), ".x");
    assert_eq!(taint(&narrow, 3), "xxx");
    assert_eq!(taint(&Lineage::default(), 1), "x");
    // The sum of a public column stays readable next to a star over another table.
    assert_eq!(taint(&classified("SELECT *, 1 + 1 FROM orders").lineage, 3), "...");
    assert_ne!(Source::Clean, Source::Unknown);
}

#[test]
fn a_copy_stream_is_described() {
    let copy = |sql: &str| classified(sql).copies.pop();
    let table = copy(
        "COPY public.customers (id, email) TO STDOUT WITH (FORMAT csv, HEADER, DELIMITER ';', NULL 'n', QUOTE '!')",
    )
    .unwrap();
    let relation = table.relation.unwrap();
    assert_eq!((relation.schema.as_deref(), relation.name.as_str()), (Some("public"), "customers"));
    assert_eq!(relation.columns, ["id", "email"]);
    assert_eq!((table.format, table.header), (CopyFormat::Csv, true));
    assert_eq!(
        (table.delimiter.as_str(), table.null.as_str(), table.quote.as_str(), table.escape.as_str()),
        (";", "n", "!", "!")
    );
    let query = copy("COPY /* ( */ (SELECT ')', email FROM customers WHERE (id = 1)) TO STDOUT").unwrap();
    assert_eq!(query.query.as_deref(), Some("SELECT ')', email FROM customers WHERE (id = 1)"));
    assert_eq!((query.format, query.delimiter.as_str(), query.null.as_str()), (CopyFormat::Text, "\t", "\\N"));
    assert_eq!(copy("COPY t TO STDOUT BINARY").unwrap().format, CopyFormat::Binary);
    assert!(copy("COPY t TO STDOUT CSV HEADER").unwrap().header);
    assert_eq!(copy("COPY t FROM STDIN"), None);
    assert_eq!(copy("COPY t TO PROGRAM 'x'"), None);
}

#[test]
fn names_of_the_session_are_followed() {
    let prepare = classified(
        "/* AS */ PREPARE \"a b\" (int) AS /* x */ DELETE FROM t WHERE id = $1; EXECUTE \"a b\" (1); DEALLOCATE ALL",
    );
    assert_eq!(prepare.prepares, [("a b".to_owned(), "/* x */ DELETE FROM t WHERE id = $1".to_owned())]);
    assert_eq!(prepare.executes, ["a b"]);
    assert_eq!(prepare.deallocates, [""]);
    assert_eq!(prepare.statements, 3);
    let cursor = classified("DECLARE c CURSOR FOR SELECT email || '' FROM customers; FETCH 1 FROM c; MOVE 1 IN d");
    assert_eq!(cursor.cursors.len(), 1);
    assert_eq!(taint(&cursor.cursors[0].1, 1), "x");
    assert_eq!(cursor.fetches, ["c", "d"]);
    let sets =
        classified("SET search_path = a, b; RESET ALL; SELECT set_config('Role', 'x', true); BEGIN READ WRITE").sets;
    let sets: Vec<_> = sets.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
    assert_eq!(
        sets,
        [("search_path", Some("a, b")), ("all", None), ("role", Some("x")), ("transaction_read_only", Some("0"))]
    );
    assert_eq!(classified("EXPLAIN ANALYZE EXECUTE p").executes, ["p"]);
    assert_eq!(classified("CREATE TABLE z AS EXECUTE p").executes, ["p"]);
    assert!(classified("EXPLAIN EXECUTE p").executes.is_empty());
}

#[test]
fn what_is_shown_is_each_statement_in_full() {
    let long = format!("SELECT '{}'", "x".repeat(100_000));
    let both = classified(&format!("{long}; /* why */ DELETE FROM t -- \u{202e}all"));
    assert_eq!(both.operations[0].shown, long);
    assert_eq!(both.operations[1].shown, "/* why */ DELETE FROM t -- \\u{202e}all");
    assert_eq!(classified("SELECT 'é'; SELECT 'ü'").operations[1].shown, "SELECT 'ü'");
}

#[test]
fn hostile_texts_end_in_an_answer() {
    let texts = [
        format!("SELECT {}", vec!["1"; 100_000].join("+")),
        format!("SELECT {}", vec!["x"; 50_000].join("||")),
        format!("SELECT 1 WHERE {}", vec!["a"; 40_000].join(" OR ")),
        format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000)),
        format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("SELECT {}", "(".repeat(200_000)),
        format!("SELECT {}1", "NOT ".repeat(60_000)),
        format!("SELECT {}1", "- ".repeat(2_000)),
        format!("SELECT {}1", "- ".repeat(100_000)),
        format!("SELECT 1{}", "::int".repeat(50_000)),
        format!("SELECT ARRAY{}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("SELECT {}1{}", "(SELECT ".repeat(20_000), ")".repeat(20_000)),
        format!("SELECT {}1{}", "(SELECT ".repeat(340), ")".repeat(340)),
        format!("SELECT {}", vec!["1"; 690].join("+")),
        format!("SELECT ARRAY{}1{}", "[".repeat(690), "]".repeat(690)),
        format!("SELECT 1 WHERE {}a", "NOT ".repeat(690)),
        format!("SELECT {}1{}", "f(".repeat(690), ")".repeat(690)),
        format!("{}SELECT 1{}", "WITH a AS (".repeat(230), ") SELECT 1".repeat(230)),
        format!("DELETE FROM t WHERE {}true{}", "x IN (SELECT x FROM t WHERE ".repeat(130), ")".repeat(130)),
        format!("DELETE FROM t WHERE {}x{}", "CASE WHEN x THEN ".repeat(130), " END".repeat(130)),
        vec!["SELECT 1, 2"; 340].join(" UNION "),
        format!("SELECT {}1{}", "f(".repeat(50_000), ")".repeat(50_000)),
        format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(10_000), " END".repeat(10_000)),
        vec!["SELECT 1, 2"; 15_000].join(" UNION "),
        format!("SELECT * FROM t {}", "JOIN t USING (id) ".repeat(5_000)),
        format!("{}SELECT 1{}", "WITH a AS (".repeat(15_000), ") SELECT 1".repeat(15_000)),
        format!("EXPLAIN {}", "EXPLAIN ".repeat(20_000)),
        vec!["SELECT 1"; 20_000].join(";"),
        format!("DO $$ BEGIN {} NULL; {} END $$", "IF true THEN ".repeat(5_000), "END IF; ".repeat(5_000)),
        "/*".repeat(100_000),
        "$$".to_owned(),
        "x".repeat(300_000),
        "\0".to_owned(),
    ];
    for text in texts {
        let start = Instant::now();
        let result = classified(&text);
        assert!(!result.operations.is_empty());
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{} took {:?}",
            text.get(..40).unwrap_or_default(),
            start.elapsed()
        );
    }
}

#[test]
fn deep_but_harmless_texts_are_read() {
    let texts = [
        format!("SELECT {}", vec!["x"; 600].join("||")),
        format!("SELECT * FROM t {}", "JOIN t ON t.id = t.id ".repeat(60)),
        format!("SELECT * FROM t WHERE id IN ({})", vec!["1"; 30_000].join(",")),
        format!("INSERT INTO t VALUES {}", vec!["(1, 'a', now(), $1)"; 10_000].join(",")),
        format!("SELECT {}1{}", "(SELECT ".repeat(60), ")".repeat(60)),
        format!("SELECT 1 WHERE {}", vec!["a = 1"; 1_000].join(" OR ")),
    ];
    for text in texts {
        assert_eq!(classified(&text).operations[0].opaque, None, "{}", text.get(..60).unwrap_or_default());
    }
}

#[tokio::test]
async fn the_classifier_answers_and_remembers() {
    let classifier = Classifier::start().unwrap();
    let text = "SELECT * FROM t";
    let first = classifier.classify(text, true).await;
    assert!(Arc::ptr_eq(&first, &classifier.classify(text, true).await));
    assert_eq!(classifier.classify("SELECT 1\0", true).await.operations[0].act, Act::Opaque);
    assert_eq!(classifier.classify_bytes(b"SELECT '\xff'", true).await.operations[0].act, Act::Opaque);
    assert_eq!(
        classifier.classify(&" ".repeat(300_000), true).await.operations[0].opaque.as_deref(),
        Some("longer than 256 KiB")
    );
    let trick = r"SELECT '\'; DELETE FROM t; --'";
    assert_eq!(classifier.classify(trick, true).await.operations.len(), 2);
    assert_eq!(classifier.classify(trick, false).await.operations[0].act, Act::Opaque);
    assert_eq!(classifier.classify("SELECT 'a'", false).await.operations[0].act, Act::Read);
}

#[tokio::test]
async fn what_was_asked_last_is_told_as_if_it_were_asked_first() {
    let session = Classifier::start().unwrap();
    for case in corpus() {
        for strings in [true, false, true] {
            let fresh = session.clone();
            let first = facts(&*fresh.classify(&case.sql, strings).await);
            let (again, others) = (session.classify(&case.sql, strings).await, "SELECT other FROM t WHERE id = 1");
            assert_eq!(facts(&again), first, "{} with {strings}", case.place);
            assert_eq!(facts(&*session.classify(&case.sql, strings).await), first, "{} with {strings}", case.place);
            if again.operations.len() == 1 {
                assert_eq!(again.operations[0].shown, fresh.classify(&case.sql, strings).await.operations[0].shown);
            }
            session.classify(others, strings).await;
        }
    }
    let text = "SELECT * FROM t WHERE id = 9";
    let first = session.classify(text, true).await;
    assert!(Arc::ptr_eq(&first, &session.classify(text, true).await), "it was looked up again");
}

#[tokio::test]
async fn one_value_is_read_for_all_and_shown_for_itself() {
    let classifier = Classifier::start().unwrap();
    let (seven, eight) = ("DELETE FROM t WHERE id = 7", " DELETE FROM t WHERE id = 7 ;");
    let first = classifier.classify(seven, true).await;
    let other = classifier.classify("DELETE FROM t WHERE id = 8", true).await;
    assert!(Arc::ptr_eq(other.identity(), first.identity()));
    assert_eq!(other.operations[0].shown, "DELETE FROM t WHERE id = 8");
    let spaced = classifier.classify(eight, true).await;
    assert!(!Arc::ptr_eq(spaced.identity(), first.identity()));
    assert_eq!(spaced.operations[0].shown, seven);
    let again = classifier.classify(" DELETE FROM t WHERE id = 123456789 ;", true).await;
    assert!(Arc::ptr_eq(again.identity(), spaced.identity()));
    assert_eq!(again.operations[0].shown, "DELETE FROM t WHERE id = 123456789");
}

#[tokio::test]
async fn how_long_it_takes() {
    let classifier = Classifier::start().unwrap();
    let text = "SELECT id, total FROM orders WHERE id = $1";
    classifier.classify(text, true).await;
    let start = Instant::now();
    for _ in 0..20_000 {
        classifier.classify(text, true).await;
    }
    let cached = start.elapsed() / 20_000;
    let fresh: Vec<String> = (0..2_000).map(|n| format!("SELECT id, total FROM orders WHERE id <> {n}")).collect();
    let start = Instant::now();
    for text in &fresh {
        classifier.classify(text, true).await;
    }
    let through = start.elapsed() / 2_000;
    let alone = deep(move || {
        let start = Instant::now();
        for text in &fresh {
            read(text, None);
        }
        start.elapsed() / 2_000
    });
    eprintln!("cached {cached:?}, fresh through the threads {through:?}, fresh on one thread {alone:?}");
}
