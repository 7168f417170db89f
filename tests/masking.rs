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
