//! How fast chat is. Nothing here fails on a slow machine but what the platform itself would refuse: an answer after 3 s.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use workflows::clock::Span;
use workflows::engine::{AccessAsk, Filter};
use workflows::target::Access;

use super::office::{CHANNEL, Office, user};

fn at(sorted: &[Duration], share: f64) -> Duration {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_click_to_the_resumed_command() {
    let office = Office::open().await;
    office.world.grant("ada", Access::Write, Span::hours(1)).await;
    let (client, _driving) = office.world.client("ada").await;
    let client = std::sync::Arc::new(client);
    let mut took = Vec::new();
    for round in 0..60 {
        let mut running = JoinSet::new();
        let (client, sql) = (client.clone(), format!("DELETE FROM order_items WHERE true /* {round} */"));
        running.spawn(async move { client.batch_execute(&sql).await });
        let card = office.card(&format!("/* {round} */")).await;
        let action = card.buttons()[0].action_id.clone();
        let clicked = Instant::now();
        let (slack, who) = (office.slack.clone(), user("linus"));
        running.spawn(async move {
            slack.click(&who, &card, &action).await;
            Ok(())
        });
        running.join_next().await.expect("one ends").expect("no panic").expect("it ran");
        running.join_next().await.expect("the other ends").expect("no panic").expect("it ran");
        took.push(clicked.elapsed());
    }
    took.sort();
    println!("click to resumed command: p50 {:?}, p99 {:?}", at(&took, 0.5), at(&took, 0.99));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_wait_and_two_hundred_clicks_a_second_are_answered_in_time() {
    const WAITING: usize = 1_000;
    let names: Vec<String> = (0..WAITING).map(|at| format!("p{at}")).collect();
    let all: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let group = "orders = [\"ada\", \"alan\", \"edsger\", \"grace\"]";
    let office = Office::open_with(vec![(group.to_owned(), format!("orders = [{}]", all.join(", ")))]).await;
    for name in &names {
        let who = office.world.person(name).await;
        let target = "orders-prod".parse().expect("a name");
        let ask =
            AccessAsk { target, access: Access::Read, span: Span::hours(1), why: name.clone(), emergency: false };
        office.world.workflows().request(&who, ask).await.expect("asked");
    }
    office
        .slack
        .until("all cards", |state| {
            (state.messages.iter().filter(|message| message.channel == CHANNEL).count() >= WAITING).then_some(())
        })
        .await;
    let cards = office.slack.messages(CHANNEL);
    let mut clicks = JoinSet::new();
    let began = Instant::now();
    for (count, card) in cards.into_iter().enumerate() {
        let slack = office.slack.clone();
        let action = card.buttons()[0].action_id.clone();
        tokio::time::sleep_until(began + Duration::from_millis(5 * count as u64)).await;
        clicks.spawn(async move { slack.click(&user("linus"), &card, &action).await });
    }
    let mut delays = Vec::new();
    while let Some(click) = clicks.join_next().await {
        let click = click.expect("no panic");
        assert!(click.is_acked(), "{click:?}");
        delays.push(click.delay);
    }
    let sent = began.elapsed();
    delays.sort();
    let root = office.world.person("root").await;
    let open = Filter { open_only: true, limit: 1_000 };
    for _try in 0..600 {
        if office.world.workflows().requests(&root, open).await.expect("requests").is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let left = office.world.workflows().requests(&root, open).await.expect("requests").len();
    println!(
        "{WAITING} clicks in {sent:?}: acknowledged p50 {:?}, p99 {:?}, latest {:?}; all decided after {:?}",
        at(&delays, 0.5),
        at(&delays, 0.99),
        at(&delays, 1.0),
        began.elapsed()
    );
    assert_eq!(left, 0, "every click counted");
}
