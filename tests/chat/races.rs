//! Several people decide at the same moment, time runs out and whoever asked gives up: one end, at most one grant, an answer
//! for everybody, and a card that says how it ended. On one node, on two of one store, and with each click sent to both.

use std::collections::BTreeMap;
use std::time::Duration;

use sandbox::Postgres;
use tokio::task::JoinSet;
use tokio::time::sleep;
use workflows::Workflows;
use workflows::clock::{ManualClock, Span};
use workflows::engine::Filter;
use workflows::request::{Request, State};

use super::office::{CHANNEL, Office, user};
use crate::slack::{ChannelKind, Message, Submitted, View};
use crate::world::{Start, World, going_clock};

const ALL: Filter = Filter { open_only: false, limit: 1_000 };
/// Whoever decides, and how often each of them is heard from in a round.
const DECIDERS: [(&str, usize); 3] = [("linus", 3), ("grace", 2), ("edsger", 2)];

/// An office in which edsger decides as well, by a clock that the test puts forward.
async fn office(store: Option<String>) -> (Office, workflows::clock::Clock, ManualClock, JoinSet<()>) {
    let (clock, hand, going) = going_clock();
    let edits =
        vec![("dba = [\"grace\", \"linus\"]".to_owned(), "dba = [\"edsger\", \"grace\", \"linus\"]".to_owned())];
    (Office::begin(Start { store, edits, clock: clock.clone(), ..Start::default() }).await, clock, hand, going)
}

/// What only this person was told so far: behind a button, or in the conversation with them.
async fn heard(office: &Office, name: &str, wanted: usize) -> usize {
    let who = user(name);
    office
        .slack
        .until(&format!("{wanted} answers for {name}"), |state| {
            let with = ChannelKind::Im { with: who.clone() };
            let own = state.channels.values().find(|channel| channel.kind == with).map(|channel| &channel.id);
            let told = |message: &&Message| {
                message.only_for.as_ref() == Some(&who)
                    || (name != "ada" && message.only_for.is_none() && Some(&message.channel) == own)
            };
            let count = state.messages.iter().filter(told).count();
            (count >= wanted).then_some(count)
        })
        .await
}

/// A form to deny with, open before somebody.
async fn about_to_deny(office: &Office, name: &str, card: &Message) -> View {
    office.press(name, card, "Deny…").await;
    office.slack.until_view(&user(name), |view| view.title() == "Deny").await
}

fn ended(request: &Request) -> (&'static str, &'static str) {
    match &request.state {
        State::Spent { .. } => ("spent", "Approved by"),
        State::Denied { .. } => ("denied", "Denied by"),
        State::Withdrawn { .. } => ("withdrawn", "Withdrawn"),
        State::Lapsed { .. } => ("lapsed", "Lapsed"),
        State::Pending { .. } | State::Approved { .. } => panic!("it has not ended: {:?}", request.state),
    }
}

/// The request of a round, once it is settled.
async fn settled(workflows: &Workflows, why: &str) -> Request {
    for _try in 0..600 {
        let found = find(workflows, why).await;
        if found.state.is_final() {
            return found;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("`{why}` was never settled");
}

async fn find(workflows: &Workflows, why: &str) -> Request {
    let token = workflows.issue("test", "ada", Span::hours(1), "test").await.expect("a token").token;
    let ada = workflows.authenticate(&token).await.expect("signed in");
    let all = workflows.requests(&ada, ALL).await.expect("requests");
    all.into_iter().find(|request| request.why == why).expect("it was asked")
}

/// One request, and everybody at once. Gives how it ended.
async fn round(office: &Office, hand: &ManualClock, number: usize) -> &'static str {
    let why = format!("INC-{number}");
    let answers = heard(office, "ada", 0).await;
    office.types("ada", "/access", &format!("orders-prod write 1h because {why}")).await;
    heard(office, "ada", answers + 1).await;
    let card = office.slack.until_message(CHANNEL, |one| one.says(&why) && !one.buttons().is_empty()).await;
    let own = office.slack.until_dm(&user("ada"), |one| one.says(&why) && !one.buttons().is_empty()).await;
    let forms = [
        ("linus", about_to_deny(office, "linus", &card).await),
        ("edsger", about_to_deny(office, "edsger", &card).await),
    ];
    // A moment before nobody answered in time.
    hand.advance(Span::minutes(14));
    hand.advance(Span::seconds(40));
    let mut before = Vec::new();
    for (name, often) in DECIDERS.into_iter().chain([("ada", 1)]) {
        before.push((name, often, heard(office, name, 0).await));
    }
    // One of the clicks comes twice, to both nodes where there are two.
    office.slack.send_next_twice();
    // Some milliseconds apart, in another order each round; and one way to end it is up to 20 ms ahead of the others.
    let late = |racer: usize| {
        let way = [0, 0, 0, 0, 0, 1, 1, 2, 3][racer];
        let behind = if number % 4 == way { 0 } else { (number / 4 % 6) * 4 };
        Duration::from_millis(((number * 7 + racer * 5) % 5 + behind) as u64)
    };
    let approve = card.buttons()[0].action_id.clone();
    let mut racers: JoinSet<bool> = JoinSet::new();
    for (racer, name) in ["linus", "grace", "edsger", "linus", "grace"].into_iter().enumerate() {
        let (slack, card, approve, wait) = (office.slack.clone(), card.clone(), approve.clone(), late(racer));
        racers.spawn(async move {
            sleep(wait).await;
            slack.click(&user(name), &card, &approve).await.is_acked()
        });
    }
    for (racer, (name, form)) in forms.into_iter().enumerate() {
        let (slack, wait) = (office.slack.clone(), late(5 + racer));
        racers.spawn(async move {
            sleep(wait).await;
            matches!(slack.submit(&user(name), &form, &[("because", "not on a Friday")]).await, Submitted::Closed)
        });
    }
    let cancel = own.buttons().into_iter().find(|button| button.label == "Cancel").expect("a way out").action_id;
    let (slack, mine, wait) = (office.slack.clone(), own.clone(), late(7) + Duration::from_millis(5));
    racers.spawn(async move {
        sleep(wait).await;
        slack.click(&user("ada"), &mine, &cancel).await.is_acked()
    });
    let (turned, wait) = (hand.clone(), late(8) + Duration::from_millis(3));
    racers.spawn(async move {
        sleep(wait).await;
        turned.advance(Span::seconds(20));
        true
    });
    while let Some(acked) = racers.join_next().await {
        assert!(acked.expect("no panic"), "everything was acknowledged in time");
    }

    for (name, often, count) in before {
        heard(office, name, count + often).await;
    }
    let request = settled(office.world.workflows(), &why).await;
    let (end, words) = ended(&request);
    for one in [&card, &own] {
        let over = office.changed(one, words).await;
        assert!(over.buttons().is_empty(), "{:?}", over.seen());
    }
    let ada = office.world.person("ada").await;
    let grants = office.world.workflows().grants(&ada, ALL).await.expect("grants");
    let made: Vec<_> = grants.into_iter().filter(|grant| grant.request == request.id).collect();
    assert_eq!(made.len(), usize::from(end == "spent"), "{end}");
    // Everybody was answered, so nothing is under way; and it is as it was.
    assert_eq!(find(office.world.workflows(), &why).await.state, request.state);
    for grant in made {
        office.world.workflows().revoke(&ada, grant.id, "the next round").await.expect("ended");
    }
    end
}

async fn rounds(office: &Office, hand: &ManualClock, count: usize) {
    let mut tally: BTreeMap<&str, usize> = BTreeMap::new();
    for number in 0..count {
        *tally.entry(round(office, hand, number).await).or_default() += 1;
    }
    eprintln!("{count} rounds: {tally:?}");
    assert!(tally.len() > 1, "the race was none: {tally:?}");
    let cards = office.slack.messages(CHANNEL);
    assert_eq!(cards.iter().filter(|card| card.says("ada wants WRITE")).count(), count, "one card a request");
}

/// How many ends the audit log tells of.
fn ends(store: &Postgres) -> usize {
    let sql = "SELECT count(*) FROM audit WHERE verb IN ('approve', 'deny', 'withdraw', 'lapse')";
    store.sql("countersign", sql).expect("an answer").trim().parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_decides_at_the_same_moment_a_request_ends_once() {
    let (office, _clock, hand, _going) = office(None).await;
    rounds(&office, &hand, 48).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_decides_at_the_same_moment_a_request_ends_once_on_two_nodes() {
    let (url, store) = crate::outage::store_of_its_own().await;
    let (office, clock, hand, _going) = office(Some(url)).await;
    let (_serving, _other) = World::beside_at(&office.world, clock).await;
    office.slack.until_connected(2).await;
    rounds(&office, &hand, 24).await;
    assert_eq!(ends(&store), 24, "the audit log tells of one end a request");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_click_that_comes_to_both_nodes_is_one_click() {
    let (url, store) = crate::outage::store_of_its_own().await;
    let (office, clock, _hand, _going) = office(Some(url)).await;
    let (_serving, other) = World::beside_at(&office.world, clock).await;
    office.slack.until_connected(2).await;
    let letters = || store.sql("countersign", "SELECT count(*) FROM letters").expect("an answer").trim().to_owned();
    for number in 0..8 {
        let why = format!("INC-{number}");
        office.types("ada", "/access", &format!("orders-prod write 1h because {why}")).await;
        let card = office.slack.until_message(CHANNEL, |one| one.says(&why) && !one.buttons().is_empty()).await;
        let before: usize = letters().parse().expect("a number");
        office.slack.send_next_twice();
        office.press("linus", &card, "Approve 1h").await;
        office.changed(&card, "Approved by linus").await;
        heard(&office, "linus", number + 1).await;
        assert_eq!(letters(), (before + 1).to_string(), "stored once, whoever took it in");
        let request = settled(&other, &why).await;
        let ada = office.world.person("ada").await;
        let grants = other.grants(&ada, ALL).await.expect("grants");
        let made: Vec<_> = grants.into_iter().filter(|grant| grant.request == request.id).collect();
        assert_eq!(made.len(), 1);
        office.world.workflows().revoke(&ada, made[0].id, "the next round").await.expect("ended");
    }
    assert_eq!(heard(&office, "linus", 8).await, 8, "answered once each");
    let sent = office.slack.envelopes();
    assert!(sent.iter().all(|envelope| envelope.error.is_none()), "{sent:?}");
    assert_eq!(ends(&store), 8);
}
