//! What should not be seen is not seen: text and binary, simple and extended, results and COPY, however it is asked for.

use workflows::clock::Span;
use workflows::target::Access;

use crate::world::World;

/// What stands in the tables and must never get out.
const HIDDEN: [&str; 9] = [
    "mira.weber@example.com",
    "jonas@example.org",
    "aylin.kaya",
    "1234567",
    "7654321",
    "4111-1111-1111-1111",
    "5500-0000-0000-0004",
    "1980-02-03",
    "m@example.org",
];

fn assert_hidden(text: &str, what: &str) {
    for hidden in HIDDEN {
        assert!(!text.contains(hidden), "{what} shows {hidden}:\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_and_detectors_hide_in_a_plain_result() {
    let world = World::start().await;
    world.grant("ada", Access::Read, Span::hours(1)).await;
    let (said, worked) = world.run("ada", &["-c", "SELECT * FROM customers ORDER BY id"]).await;
    assert!(worked, "{said}");
    assert_hidden(&said, "SELECT *");
    assert!(said.contains("Mira Weber"), "names are not masked: {said}");
    assert!(said.contains("m*********@*******.com"), "{said}");
    assert!(said.contains("****-****-****-1111"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_way_of_asking_shows_a_masked_column() {
    let world = World::start().await;
    world.grant("ada", Access::Write, Span::hours(1)).await;
    for sql in [
        "SELECT email FROM customers",
        "SELECT email AS name FROM customers",
        "SELECT upper(phone), reverse(email) FROM customers",
        "SELECT substr(phone, 5) FROM customers",
        "SELECT phone || '' FROM customers",
        "SELECT c FROM customers c",
        "SELECT c::text FROM customers c",
        "SELECT row_to_json(c) FROM customers c",
        "SELECT to_jsonb(c) - 'name' FROM customers c",
        "SELECT array_agg(phone) FROM customers",
        "SELECT string_agg(phone, ',') FROM customers",
        "SELECT x FROM (SELECT phone AS x FROM customers) s",
        "SELECT x FROM (SELECT phone || '' AS x FROM customers) s",
        "WITH w AS (SELECT substr(phone, 1) AS x FROM customers) SELECT x FROM w",
        "SELECT phone FROM customers UNION SELECT 'x'",
        "SELECT address FROM contacts",
        "SELECT upper(address) FROM contacts",
        "SELECT way FROM reach",
        "SELECT reverse(way) || '!' FROM reach",
        "SELECT x FROM (SELECT lower(way) AS x FROM reach) s",
        "COPY (SELECT upper(way) FROM reach) TO STDOUT",
        "SELECT r FROM reach r",
        "SELECT born FROM customers",
        "SELECT born::text FROM customers",
        "SELECT max(born) FROM customers",
        "SELECT ROW(phone, email) FROM customers",
        "SELECT CASE WHEN true THEN phone END FROM customers",
        "TABLE customers",
        "VALUES ((SELECT phone FROM customers LIMIT 1))",
        "COPY customers TO STDOUT",
        "COPY customers (phone, email) TO STDOUT (FORMAT csv, HEADER)",
        "COPY (SELECT phone, email FROM customers) TO STDOUT",
        "COPY (SELECT reverse(phone) AS a, upper(email) AS b FROM customers) TO STDOUT (FORMAT csv)",
        "UPDATE customers SET note = NULL WHERE id = 3 RETURNING email, phone, born",
        "BEGIN; DECLARE c CURSOR FOR SELECT phone, email FROM customers; FETCH ALL FROM c; COMMIT",
        "PREPARE p AS SELECT phone FROM customers; EXECUTE p",
        "SELECT xmlforest(phone) FROM customers",
        "SELECT query_to_xml('SELECT phone FROM customers', false, false, '')",
        "SELECT json_agg(t) FROM customers t",
        "SELECT (t).phone FROM customers t",
        "SELECT unnest(ARRAY[phone]) FROM customers",
        "SELECT email::int FROM customers",
    ] {
        let (said, _) = world.run("ada", &["-c", sql]).await;
        assert_hidden(&said, sql);
        let turned: Vec<String> = HIDDEN.iter().map(|hidden| hidden.chars().rev().collect()).collect();
        for hidden in turned.iter().take(5) {
            assert!(!said.contains(hidden.as_str()), "{sql} shows {hidden} reversed:\n{said}");
        }
        assert!(!said.to_lowercase().contains("mira.weber@"), "{sql}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_personal_stays_readable() {
    let world = World::start().await;
    world.grant("ada", Access::Read, Span::hours(1)).await;
    for (sql, shown) in [
        ("SELECT count(*) FROM customers", "3"),
        ("SELECT id, total FROM orders ORDER BY id", "30"),
        ("SELECT name FROM customers WHERE id = 2", "Jonas Novak"),
        ("SELECT now() > '2020-01-01'", "t"),
        ("SELECT 'plain text'", "plain text"),
    ] {
        let (said, worked) = world.run("ada", &["-c", sql]).await;
        assert!(worked && said.contains(shown), "{sql}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_binary_format_is_masked_as_well() {
    let world = World::start().await;
    world.grant("ada", Access::Read, Span::hours(1)).await;
    let (client, _driving) = world.client("ada").await;
    // tokio-postgres asks for binary results.
    let rows = client
        .query("SELECT id, name, email, phone, card, born::text FROM customers ORDER BY id", &[])
        .await
        .unwrap();
    let row = rows.first().unwrap();
    assert_eq!(row.get::<_, i32>(0), 1);
    assert_eq!(row.get::<_, &str>(1), "Mira Weber");
    let email: &str = row.get(2);
    assert!(email.starts_with("m***") && email.contains(".com"), "{email}");
    assert!(!row.get::<_, &str>(3).contains("123"));
    assert_eq!(row.get::<_, &str>(4), "****-****-****-1111");
    let born: Option<&str> = row.get(5);
    assert!(born.is_none_or(|born| !born.contains("1980")), "{born:?}");
    let rows = client.query("SELECT array_agg(phone), array_agg(email) FROM customers", &[]).await.unwrap();
    let all: Option<Vec<Option<String>>> = rows.first().unwrap().get(0);
    assert_hidden(&format!("{all:?}"), "a binary array");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_statement_that_is_run_again_without_a_description_is_masked() {
    let world = World::start().await;
    world.grant("ada", Access::Read, Span::hours(1)).await;
    let (client, _driving) = world.client("ada").await;
    let statement = client.prepare("SELECT phone FROM customers WHERE id = $1").await.unwrap();
    for id in [1_i32, 2] {
        let row = client.query_one(&statement, &[&id]).await.unwrap();
        assert_hidden(row.get::<_, &str>(0), "a prepared statement");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recording_holds_what_the_person_saw() {
    let world = World::start().await;
    let mut psql = world.psql("ada").await;
    psql.ask("SELECT * FROM customers ORDER BY id;", "(3 rows)").await;
    psql.quit().await;
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    let recorded = world.recorded();
    assert!(recorded.contains("SELECT * FROM customers"), "{recorded}");
    for path in crate::world::files(&world.folder.path().join("recordings")) {
        for record in workflows::evidence::recording::Reader::open(&path, None).unwrap() {
            if let workflows::evidence::recording::Event::Output { bytes, .. } = record.unwrap().what {
                assert_hidden(&String::from_utf8_lossy(&bytes), "the recording");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_excepted_sees_it_all() {
    let world = World::edited(
        "detect = [\"card\", \"email\", \"iban\", \"secrets\"]",
        "detect = [\"card\", \"email\"]\nunless = \"alan\"",
    )
    .await;
    world.grant("alan", Access::Read, Span::hours(1)).await;
    let (said, _) = world.run("alan", &["-c", "SELECT * FROM customers"]).await;
    assert!(said.contains("mira.weber@example.com"), "{said}");
}

/// An error may quote any value; so may a setting that was made of one, and the plan of a held statement.
#[tokio::test(flavor = "multi_thread")]
async fn errors_settings_and_previews_show_no_masked_value() {
    let world = World::start().await;
    world.grant("ada", Access::Write, Span::hours(1)).await;
    for sql in [
        "SELECT phone::int FROM customers",
        "SELECT current_setting(string_agg(phone, ',')) FROM customers",
        "SELECT ('\"' || phone || '\"')::regclass FROM customers",
        "SELECT to_tsquery(phone || ' &') FROM customers",
        "SELECT xmlparse(document phone) FROM customers",
        "SELECT (phone || email)::jsonb FROM customers",
        "INSERT INTO customers (id, phone) SELECT id, phone FROM customers",
    ] {
        let (said, worked) = world.run("ada", &["-c", sql]).await;
        assert!(!worked, "{sql}: {said}");
        assert_hidden(&said, sql);
    }
    let mut psql = world.connect("ada").await;
    psql.send("SELECT set_config('a.b', string_agg(phone, ','), false) FROM customers;").await;
    psql.until("held by rule").await;
    world.deny("grace", world.held().await.id).await;
    psql.until("ERROR").await;
    psql.send(
        "DELETE FROM orders WHERE total > (table_to_xml('customers', true, false, '')::text)::numeric OR true;",
    )
    .await;
    psql.until("held by rule").await;
    let held = world.held().await;
    assert_hidden(&format!("{held:?}"), "the preview");
    world.deny("grace", held.id).await;
    psql.until("ERROR").await;
    assert_hidden(&psql.said.join("\n"), "the notices");
    // A mistake in the text is the person's own, and stays readable.
    let (said, _) = world.run("ada", &["-c", "SELECT phon FROM customers"]).await;
    assert!(said.contains("column \"phon\" does not exist"), "{said}");
}

async fn none_shows(world: &World, all: &[&str]) {
    for sql in all {
        let (said, _) = world.run("ada", &["-c", sql]).await;
        assert_hidden(&said, sql);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_a_view_or_of_a_child_is_masked_as_its_columns_are() {
    let world = World::start().await;
    let more = "CREATE VIEW calls AS SELECT id, phone AS address FROM customers;
        CREATE VIEW calls_again AS SELECT c AS whole FROM calls c;
        CREATE TABLE old_customers (left_on DATE) INHERITS (customers);
        CREATE VIEW old_calls AS SELECT phone AS number FROM old_customers;
        INSERT INTO old_customers (id, phone) VALUES (9, '+49 30 1234567');
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO cs_read";
    world.postgres.sql("orders", more).unwrap();
    world.grant("ada", Access::Read, Span::hours(1)).await;
    let all = [
        "SELECT v FROM calls v",
        "SELECT v::text FROM calls v",
        "SELECT whole FROM calls_again",
        "SELECT o FROM old_customers o",
        "SELECT o::text FROM old_customers o",
        "SELECT phone FROM old_customers",
        "SELECT phone || '' FROM old_customers",
        "SELECT x.phone || '' FROM old_customers x",
        "SELECT y FROM (SELECT phone || '' AS y FROM old_customers) s",
        "SELECT number || '' FROM old_calls",
        "SELECT to_jsonb(o) FROM old_calls o",
    ];
    none_shows(&world, &all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_planners_samples_are_masked() {
    let world = World::start().await;
    let more = "INSERT INTO customers (id, phone) SELECT n, '+49 30 1234567' || n FROM generate_series(10, 500) n;
        ANALYZE customers; CREATE VIEW samples AS SELECT tablename AS t, histogram_bounds::text AS h FROM pg_stats;
        GRANT SELECT ON samples TO cs_read";
    world.postgres.sql("orders", more).unwrap();
    world.grant("ada", Access::Read, Span::hours(1)).await;
    let plain =
        world.postgres.sql("orders", "SELECT histogram_bounds FROM pg_stats WHERE attname = 'phone'").unwrap();
    assert!(format!("{plain:?}").contains("1234567"), "there are samples: {plain:?}");
    let all = [
        "SELECT histogram_bounds FROM pg_stats WHERE tablename = 'customers' AND attname = 'phone'",
        "SELECT histogram_bounds::text FROM pg_catalog.pg_stats WHERE attname = 'phone'",
        "SELECT unnest(most_common_vals::text::text[]) FROM pg_stats WHERE tablename = 'customers'",
        "SELECT s FROM pg_stats s WHERE attname = 'phone'",
        "SELECT to_jsonb(s) FROM pg_stats s WHERE attname = 'phone'",
        "SELECT x FROM (SELECT histogram_bounds::text || '' AS x FROM pg_stats WHERE attname = 'phone') s",
        "SELECT h FROM samples WHERE t = 'customers'",
        "SELECT h || '' FROM samples WHERE t = 'customers'",
        "COPY (SELECT histogram_bounds FROM pg_stats WHERE attname = 'phone') TO STDOUT",
    ];
    none_shows(&world, &all).await;
    let (said, _) = world.run("ada", &["-c", "SELECT count(*) > 0 FROM pg_stats"]).await;
    assert!(said.contains('t'), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_masked_by_the_table_that_the_session_means() {
    let world = World::start().await;
    let more =
        "CREATE SCHEMA hr; CREATE TABLE hr.customers (phone TEXT, b TEXT, c TEXT, d TEXT, e TEXT, f TEXT, g TEXT);
        INSERT INTO hr.customers VALUES ('+49 30 1234567', 'shown', 'c', 'd', 'e', 'f', 'g');
        GRANT USAGE ON SCHEMA hr TO cs_read, cs_write; GRANT SELECT ON hr.customers TO cs_read, cs_write";
    world.postgres.sql("orders", more).unwrap();
    world.grant("ada", Access::Write, Span::hours(1)).await;
    let port = world.ready.postgres.port();
    let along = format!("host=127.0.0.1 port={port} user=ada dbname=orders-prod options='-c search_path=hr'");
    for sql in ["COPY customers TO STDOUT", "COPY (SELECT * FROM customers) TO STDOUT", "COPY hr.customers TO STDOUT"]
    {
        let (said, worked) = world.run("ada", &["-d", &along, "-c", sql]).await;
        assert!(worked, "{said}");
        assert_hidden(&said, sql);
        assert_eq!(said.contains("shown"), sql.contains("hr."), "what has a schema is found: {said}");
    }
    let shadow = "CREATE TEMP TABLE customers (phone TEXT, b TEXT, c TEXT, d TEXT, e TEXT, f TEXT, g TEXT)";
    let fill = "INSERT INTO customers SELECT * FROM hr.customers";
    let (said, worked) = world.run("ada", &["-c", shadow, "-c", fill, "-c", "COPY customers TO STDOUT"]).await;
    assert!(worked, "{said}");
    assert_hidden(&said, "COPY of a temporary table");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_leaves_generated_columns_out_and_other_encodings_are_hidden() {
    let world = World::start().await;
    let more = "CREATE TABLE people (id INT, twice INT GENERATED ALWAYS AS (id * 2) STORED, name TEXT, email TEXT, town TEXT);
        INSERT INTO people (id, name, email, town) VALUES (4, 'Mira', 'not an address', 'Jena');
        UPDATE customers SET name = 'ソ';
        GRANT SELECT ON people TO cs_read";
    world.postgres.sql("orders", more).unwrap();
    world.grant("ada", Access::Read, Span::hours(1)).await;
    for sql in ["COPY people TO STDOUT", "COPY people (id, name, email, town) TO STDOUT", "COPY people TO STDOUT CSV"]
    {
        let (said, worked) = world.run("ada", &["-c", sql]).await;
        assert!(
            worked && said.contains("Jena") && said.contains("Mira") && !said.contains("address"),
            "{sql}: {said}"
        );
    }
    for sql in [
        "COPY customers (name, phone, id) TO STDOUT (ENCODING 'SJIS')",
        "COPY customers (name, phone) TO STDOUT (ENCODING sjis, FORMAT csv)",
    ] {
        let (said, worked) = world.run("ada", &["-c", sql]).await;
        assert!(worked, "{said}");
        assert_hidden(&said, sql);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_notification_nor_an_error_tells_what_is_masked() {
    let world = World::start().await;
    world.grant("ada", Access::Read, Span::hours(1)).await;
    let notify = "SELECT count(pg_notify('x', phone || ' payload')) FROM customers";
    let (said, worked) = world.run("ada", &["-c", "LISTEN x", "-c", notify, "-c", "SELECT 1"]).await;
    assert!(worked && said.contains("notification \"x\""), "{said}");
    assert_hidden(&said, notify);
    let all = [
        "SELECT phone::regclass FROM customers",
        "SELECT phone::regtype FROM customers",
        "SELECT current_setting(phone) FROM customers",
        "SELECT to_tsquery(phone) FROM customers",
        "SELECT has_table_privilege(phone, 'SELECT') FROM customers",
        "SELECT encode('x'::bytea, phone) FROM customers",
        "SELECT current_setting('\"' || phone) FROM customers",
        "SELECT current_setting('customers\" ' || phone || ' \"customers') FROM customers",
    ];
    none_shows(&world, &all).await;
    let (said, _) = world.run("ada", &["-c", "SELECT phone FROM nowhere"]).await;
    assert!(said.contains("relation \"nowhere\" does not exist"), "what one wrote may be repeated: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_function_carries_a_masked_value_out() {
    let world = World::start().await;
    world.grant("ada", Access::Read, Span::hours(1)).await;
    for sql in [
        "SELECT encode(phone::bytea, 'hex') FROM customers",
        "SELECT ascii(substr(phone, 2, 1)) FROM customers",
        "SELECT regexp_split_to_table(phone, '') FROM customers",
        "SELECT translate(phone, '0123456789', 'abcdefghij') FROM customers",
    ] {
        let (said, worked) = world.run("ada", &["-At", "-c", sql]).await;
        assert!(worked, "{said}");
        let shown = said.chars().any(|one| one.is_ascii_alphanumeric());
        assert!(!shown, "{sql} shows {said}");
    }
}
