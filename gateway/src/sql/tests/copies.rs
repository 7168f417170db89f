//! Which statements would bring a hidden value to where nothing hides it.

use workflows::verdict::{ColumnPattern, Mask};

use super::*;

/// Hides `*.email`, `customers.phone` and `public.customers.born`.
fn mask() -> Mask {
    let columns = ["*.email", "customers.phone", "public.customers.born"]
        .into_iter()
        .filter_map(ColumnPattern::parse)
        .collect();
    Mask { columns, ..Mask::default() }
}

fn copies(sql: &str) -> bool {
    let sql = sql.to_owned();
    let classified = deep(move || read(&sql, None).classified);
    let mask = mask();
    classified.operations.iter().flat_map(|operation| &operation.stores).any(|stored| mask.is_undone_by(stored))
}

#[test]
fn a_hidden_value_that_goes_elsewhere_is_seen() {
    for sql in [
        "UPDATE customers SET note = email",
        "UPDATE customers SET note = 'to ' || upper(phone) WHERE id = 7",
        "UPDATE customers SET (name, note) = (name, phone)",
        "UPDATE orders SET note = c.phone FROM customers c WHERE c.id = customer",
        "UPDATE orders SET note = (SELECT email FROM customers WHERE id = customer)",
        "WITH x (y) AS (SELECT phone FROM customers) UPDATE orders SET note = y FROM x",
        "INSERT INTO notes SELECT id, email FROM customers",
        "INSERT INTO notes (id, body) SELECT id, phone FROM customers",
        "INSERT INTO notes SELECT * FROM customers",
        "INSERT INTO notes SELECT row_to_json(c) FROM customers c",
        "INSERT INTO notes (body) VALUES ((SELECT email FROM customers LIMIT 1))",
        "WITH x (y) AS (SELECT phone FROM customers) INSERT INTO notes (body) SELECT y FROM x",
        "INSERT INTO notes (body) SELECT y FROM (SELECT phone FROM customers) AS x (y)",
        "INSERT INTO customers (id, email) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET note = customers.email",
        "WITH x AS (UPDATE customers SET note = email RETURNING id) SELECT * FROM x",
        "MERGE INTO orders o USING customers c ON o.customer = c.id WHEN MATCHED THEN UPDATE SET note = c.phone",
        "MERGE INTO notes n USING customers c ON n.id = c.id WHEN NOT MATCHED THEN INSERT (body) VALUES (c.email)",
        "CREATE TABLE copy AS SELECT phone AS number FROM customers",
        "CREATE TABLE copy (number) AS SELECT phone FROM customers",
        "CREATE TEMP TABLE copy AS SELECT * FROM customers",
        "CREATE MATERIALIZED VIEW copy AS SELECT lower(email) AS e FROM customers",
        "SELECT phone INTO copy FROM customers",
        "EXPLAIN ANALYZE UPDATE customers SET note = email",
        "PREPARE p AS UPDATE customers SET note = email",
        "DO $$ BEGIN UPDATE customers SET note = email; END $$",
        "SELECT lo_from_bytea(0, phone::bytea) FROM customers",
        "SELECT 1; UPDATE customers SET note = email",
        "WITH a AS (SELECT phone AS y FROM customers), b AS (INSERT INTO notes (body) SELECT y FROM a) SELECT 1",
        "WITH a (y) AS (SELECT email FROM customers), b AS (UPDATE notes SET body = a.y FROM a) SELECT 1",
        "SELECT name INTO copy FROM customers UNION ALL SELECT phone FROM customers",
        "CREATE TABLE copy AS SELECT name FROM customers UNION ALL SELECT phone FROM customers",
        "PREPARE p AS SELECT phone AS n FROM customers; CREATE TABLE copy AS EXECUTE p",
        "SELECT lo_from_bytea(0, y) FROM (SELECT phone::bytea AS y FROM customers) s",
        "SELECT lo_from_bytea(0, c::text::bytea) FROM customers c",
        "CREATE TABLE customers AS SELECT born FROM public.customers",
        "INSERT INTO customers (born) SELECT born FROM public.customers",
        "INSERT INTO mine.customers (born) SELECT born FROM public.customers",
        "CREATE TABLE mine.customers AS SELECT born FROM customers",
    ] {
        assert!(copies(sql), "{sql}");
    }
}

#[test]
fn what_stays_hidden_or_never_was_is_no_copy() {
    for sql in [
        "UPDATE customers SET email = lower(email)",
        "UPDATE customers SET email = 'a@b.de', note = 'x' WHERE email = 'c@d.de'",
        "UPDATE customers SET phone = replace(phone, ' ', '')",
        "UPDATE customers SET note = name WHERE phone LIKE '+49%'",
        "UPDATE orders SET state = 'void' FROM customers c WHERE c.id = customer AND c.email = 'a@b.de'",
        "INSERT INTO customers (id, email, phone) VALUES (1, 'a@b.de', '+49')",
        "INSERT INTO archive (id, email) SELECT id, email FROM customers",
        "INSERT INTO orders (id, total) SELECT id, total * 2 FROM orders WHERE id = 7",
        "INSERT INTO counts SELECT count(email) FROM customers",
        "CREATE TABLE copy AS SELECT id, email FROM customers",
        "CREATE TABLE copy (a, email) AS SELECT id, email FROM customers",
        "UPDATE customers SET born = born + 1",
        "UPDATE public.customers SET born = born + 1",
        "DELETE FROM customers WHERE email = 'a@b.de'",
        "SELECT email FROM customers",
        "COPY customers FROM STDIN",
    ] {
        assert!(!copies(sql), "{sql}");
    }
}
