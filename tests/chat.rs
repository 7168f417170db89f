//! Chat, end to end: people in a strict Slack on one side, real psql and PostgreSQL on the other.

mod chart;
mod discord;
mod doctor;
mod expiry;
mod guild;
mod killed;
mod long;
mod matrix;
mod office;
mod promises;
mod races;
mod repeat;
mod sign_in;
mod speed;
mod threads;
mod trouble;
mod vendors;
mod ways;

use std::time::Duration;

use crate::slack::Submitted;
use office::{CHANNEL, Office, user};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_agreed_held_countersigned_and_done_in_slack() {
    let office = Office::open().await;
    let mut psql = office.session().await;
    psql.ask("SELECT email FROM customers WHERE id = 1;", "m***").await;
    psql.ask("DELETE FROM order_items WHERE true;", "held by rule `bulk write`").await;
    let card = office.card("held command").await;
    let seen = card.seen();
    assert!(seen.text.contains("DELETE FROM order_items WHERE true;"), "{}", seen.text);
    office.press("linus", &card, "Run once").await;
    psql.until("approved by linus").await;
    psql.has("DELETE 3").await;
    let card = office.changed(&card, "rows in").await;
    assert!(card.buttons().is_empty(), "{:?}", card.buttons());
    let held = office.slack.until_dm(&user("ada"), |message| message.says("countersign connect orders-prod")).await;
    office.press("ada", &held, "I'm done").await;
    office.changed(&held, "was ended by you").await;
    psql.ask("SELECT 1;", "access to orders-prod was revoked").await;
    assert_eq!(office.slack.errors().len(), 0, "{:?}", office.slack.errors());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denial_says_why_on_the_card_in_psql_and_to_whoever_asked() {
    let office = Office::open().await;
    let mut psql = office.session().await;
    psql.ask("DELETE FROM order_items;", "held by rule `bulk write`").await;
    let card = office.card("held command").await;
    office.press("linus", &card, "Deny…").await;
    let form = office.slack.until_view(&user("linus"), |view| view.title() == "Deny").await;
    let sent = office.slack.submit(&user("linus"), &form, &[("because", "not on a Friday")]).await;
    assert!(matches!(sent, Submitted::Closed), "{sent:?}");
    psql.until("denied by linus: not on a Friday").await;
    office.changed(&card, "not on a Friday").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g10_nobody_decides_alone_or_unlinked_or_as_a_guest() {
    let office = Office::open().await;
    office.slack.slash(&user("grace"), CHANNEL, "/access", "orders-prod read 1h because INC-1").await;
    let card = office.card("grace wants READ").await;
    // Her own request: she is a dba, and that helps nothing (G16).
    office.press("grace", &card, "Approve 1h").await;
    office.slack.until_ephemeral(&user("grace"), |message| message.says("nobody decides on their own request")).await;
    // Not linked.
    office.press("mallory", &card, "Approve 1h").await;
    office.slack.until_ephemeral(&user("mallory"), |message| message.says("countersign link slack")).await;
    // Linked, and not asked.
    office.press("ada", &card, "Approve 1h").await;
    office.slack.until_ephemeral(&user("ada"), |message| message.says("not")).await;
    // Asked, and a guest by now (G10).
    office.slack.change_user(&user("linus"), |user| *user = user.clone().guest());
    office.press("linus", &card, "Approve 1h").await;
    office.slack.until_ephemeral(&user("linus"), |message| message.says("guests can't")).await;
    let still = office.slack.current(&card).expect("the card is there");
    assert!(still.says("asked group:dba"), "{:?}", still.seen());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_clicks_at_once_make_one_grant() {
    let office = Office::open().await;
    office.slack.slash(&user("ada"), CHANNEL, "/access", "orders-prod write 1h because INC-42").await;
    let card = office.card("ada wants WRITE").await;
    let mut clicks = tokio::task::JoinSet::new();
    let action = card.buttons().first().expect("a button").action_id.clone();
    for at in 0..20 {
        let (slack, card, action) = (office.slack.clone(), card.clone(), action.clone());
        let who = user(if at % 2 == 0 { "linus" } else { "grace" });
        clicks.spawn(async move { slack.click(&who, &card, &action).await });
    }
    while let Some(click) = clicks.join_next().await {
        let click = click.expect("no panic");
        assert!(click.is_acked() && click.delay < Duration::from_secs(3), "{click:?}");
    }
    office.changed(&card, "Approved by").await;
    let ada = office.world.person("ada").await;
    let all = workflows::engine::Filter { open_only: false, limit: 100 };
    let grants = office.world.workflows().grants(&ada, all).await.expect("grants");
    assert_eq!(grants.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g8_a_long_statement_is_approved_only_where_all_of_it_was_read() {
    let office = Office::open().await;
    let mut psql = office.session().await;
    let long = format!("DELETE FROM order_items /* {} */;", "x y ".repeat(3_000));
    psql.ask(&long, "held by rule `bulk write`").await;
    let card = office.card("held command").await;
    let labels: Vec<String> = card.buttons().into_iter().map(|button| button.label).collect();
    assert!(!labels.iter().any(|label| label == "Run once"), "{labels:?}");
    office.press("linus", &card, "Open the full text").await;
    let first = office.slack.until_view(&user("linus"), |view| view.says("Page 1 of 2")).await;
    let next = first.seen().buttons.into_iter().find(|button| button.label == "Next page").expect("a next page");
    office.slack.click_view(&user("linus"), &first, &next.action_id).await;
    let last = office.slack.until_view(&user("linus"), |view| view.says("Page 2 of 2")).await;
    let run = last.seen().buttons.into_iter().find(|button| button.label == "Run once").expect("a way to agree");
    office.slack.click_view(&user("linus"), &last, &run.action_id).await;
    psql.has("DELETE 3").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_allowed_for_the_session_passes_again_and_nothing_else_does() {
    let office = Office::open().await;
    let mut psql = office.session().await;
    psql.ask("DELETE FROM order_items;", "held by rule `bulk write`").await;
    let card = office.card("held command").await;
    office.press("linus", &card, "Allow for 1h").await;
    psql.has("DELETE 3").await;
    psql.ask("DELETE FROM order_items;", "allowed by linus, again for exactly this until").await;
    psql.has("DELETE 0").await;
    psql.ask("DELETE FROM  order_items;", "held by rule `bulk write`").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slack_is_away_for_a_while_and_everything_catches_up() {
    let office = Office::open().await;
    office.slack.unavailable();
    let ada = office.world.person("ada").await;
    let ask = workflows::engine::AccessAsk {
        target: "orders-prod".parse().expect("a name"),
        access: workflows::target::Access::Write,
        span: workflows::clock::Span::hours(1),
        why: "INC-42".to_owned(),
        emergency: false,
    };
    let asked = office.world.workflows().request(&ada, ask).await.expect("asked");
    // Another surface works meanwhile.
    office.world.approve("linus", asked.request.id).await;
    office.slack.up().await;
    let card = office.card("Approved by linus").await;
    assert!(card.buttons().is_empty());
}
