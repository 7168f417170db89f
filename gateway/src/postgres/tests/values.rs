//! Texts that differ in their values only, one after the other in one session: what one is told, another is not.

use tokio_postgres::SimpleQueryMessage;
use workflows::request::What;

use super::world::{World, held_for, mask, open};

const TABLE: &str = "CREATE TABLE customers (id int, email text, note text);
     INSERT INTO customers SELECT n, 'person' || n || '@example.com', 'note ' || n FROM generate_series(1, 40) n";

#[tokio::test]
async fn a_rule_about_the_text_sees_each_text() {
    let rule = "[[rule]]\nname = \"no thirteen\"\nwhen = 'op.text.contains(\"13\")'\ndo = \"deny\"\nbecause = \"bad luck\"\n";
    let world = World::start(rule.to_owned()).await;
    world.admin(TABLE).await;
    let client = world.client().await;
    for round in 0..3 {
        for id in [12, 13, 14, 13, 12] {
            let done = client.simple_query(&format!("SELECT note FROM customers WHERE id = {id}")).await;
            assert_eq!(done.is_ok(), id != 13, "round {round}, {id}");
        }
    }
}

#[tokio::test]
async fn a_rule_about_what_narrows_sees_each_value() {
    let rule =
        "[[rule]]\nname = \"bulk\"\nwhen = 'op.writes && !op.bounded'\ndo = \"deny\"\nbecause = \"too much\"\n";
    let world = World::start(rule.to_owned()).await;
    world.admin(TABLE).await;
    let client = world.client().await;
    for (condition, passes) in [
        ("id > 39", true),
        ("id > 0", false),
        ("id > 38", true),
        ("id > -1", false),
        ("id = 1", true),
        ("id = 0", true),
        ("note LIKE 'note 1%'", true),
        ("note LIKE '%'", false),
        ("1 = 2", true),
        ("1 = 1", false),
    ] {
        let done = client.simple_query(&format!("DELETE FROM customers WHERE {condition}")).await;
        assert_eq!(done.is_ok(), passes, "{condition}: {done:?}");
    }
}

#[tokio::test]
async fn masks_and_the_recording_see_each_text() {
    let world = World::start_with(open(), mask(&["customers.email"], &[])).await;
    world.admin(TABLE).await;
    let client = world.client().await;
    let mut asked = Vec::new();
    for id in 1..=20 {
        for (column, hidden) in [("email || ''", true), ("note || ''", false)] {
            let text = format!("SELECT {column} FROM customers WHERE id = {id}");
            let rows = client.simple_query(&text).await.unwrap();
            let row =
                rows.iter().find_map(|row| if let SimpleQueryMessage::Row(row) = row { Some(row) } else { None });
            let shown = row.unwrap().get(0).unwrap();
            assert_eq!(!shown.contains(&id.to_string()), hidden, "{text}: {shown}");
            asked.push(text);
        }
    }
    drop(client);
    for (number, text) in asked.iter().enumerate() {
        let line = format!("intent {} {text}", number + 1);
        world.until(|| world.lines().iter().any(|told| told.starts_with(&line))).await;
    }
}

#[tokio::test]
async fn an_approval_is_bound_to_the_values_of_settings() {
    let world = World::start(held_for("DELETE")).await;
    world.admin(TABLE).await;
    let client = world.client().await;
    let ask = async || {
        let (done, print) = tokio::join!(client.simple_query("DELETE FROM customers"), async {
            let request = world.pending().await;
            world.deny(&request).await;
            let What::Operation { fingerprint, .. } = request.what else { panic!("not about an operation") };
            fingerprint
        });
        assert!(done.is_err());
        print
    };
    let mut prints = vec![ask().await];
    assert_eq!(prints, [ask().await], "nothing has changed");
    // The bytes of the text are the same each time; what is bound to it is not, where one value ends included.
    let statement = client.prepare("SELECT set_config($1, $2, false)").await.unwrap();
    for (name, value) in [("a.b", Some("c")), ("a.bc", Some("")), ("a.bc", None), ("a.b", Some("d"))] {
        client.query(&statement, &[&name, &value]).await.unwrap();
        let print = ask().await;
        assert!(!prints.contains(&print), "{name} = {value:?}");
        prints.push(print);
    }
}

#[tokio::test]
async fn only_a_setting_that_moves_names_hides_all_of_a_copy() {
    let world = World::start_with(open(), mask(&["customers.email"], &[])).await;
    world.admin(TABLE).await;
    for (set, shown) in [
        // What drivers send when they come.
        (
            "SET extra_float_digits = 3; SET application_name = 'x'; SET DateStyle = 'ISO'",
            "SET\nSET\nSET\n7\tnote 7\n",
        ),
        // Our own connection can't see what the name means now.
        ("SET search_path = public", "SET\n*\t******\n"),
        ("SET SCHEMA 'public'", "SET\n*\t******\n"),
        ("RESET ALL", "RESET\n*\t******\n"),
    ] {
        let text = format!("{set}; COPY (SELECT id, note FROM customers WHERE id = 7) TO STDOUT");
        assert_eq!(world.psql(&text).await.out, shown, "{set}");
    }
}

#[tokio::test]
async fn a_copy_of_what_is_hidden_can_be_refused() {
    let rule = "[[rule]]\nname = \"no copies\"\nwhen = 'op.copies_hidden'\ndo = \"deny\"\nbecause = \"it would be seen there\"\n";
    let world = World::start_with(rule.to_owned(), mask(&["customers.email"], &[])).await;
    world.admin(TABLE).await;
    let client = world.client().await;
    for (text, passes) in [
        ("UPDATE customers SET note = email", false),
        ("UPDATE customers SET note = 'called' WHERE email = 'person7@example.com'", true),
        ("CREATE TABLE mine AS SELECT id, email AS e FROM customers", false),
        ("UPDATE customers SET email = lower(email) WHERE id = 7", true),
    ] {
        assert_eq!(client.simple_query(text).await.is_ok(), passes, "{text}");
        // And with a batch, as drivers send it.
        assert_eq!(client.execute(text, &[]).await.is_ok(), passes, "{text}");
    }
    assert_eq!(world.psql("SELECT note FROM customers WHERE id = 7").await.out, "called\n");
}
