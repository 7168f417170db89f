//! More than once: what may run again, and for how long, chosen in chat.

use workflows::approval::{Needs, Quorum, Repeat, Who};
use workflows::clock::Span;
use workflows::engine::{Client, Held, LiveSession};
use workflows::operation::Fingerprint;
use workflows::request::{Again, Exactness, Request, Shape};
use workflows::target::Access;
use workflows::verdict::Gate;

use super::guild::Guild;
use super::office::{Office, user};
use crate::world::World;

const PRINT: &[u8] = b"rm -r /var/cache/app";

/// A session of Ada's that waits with a command that has a shape, as one at a server does.
async fn waits(world: &World, most: Span) -> (LiveSession, Request) {
    world.grant("ada", Access::Write, Span::hours(1)).await;
    let ada = world.person("ada").await;
    let admission = world.workflows().admit(&ada, "orders-prod").await.expect("admitted");
    let client = Client { address: "127.0.0.1:1".to_owned(), application: "test".to_owned() };
    let session = world.workflows().begin(admission, client).await.expect("begun");
    let quorum = Quorum {
        rule: "removals".to_owned(),
        from: Who::Group("dba".to_owned()),
        people: 1,
        within: Span::minutes(10),
        then: None,
        pause: Span::ZERO,
        repeat: most,
    };
    let held = Held {
        fingerprint: Fingerprint::of([PRINT]),
        shown: "rm -r /var/cache/app".to_owned(),
        impact: Vec::new(),
        shape: Some(Shape { fingerprint: "77aa".repeat(16), shown: "rm -r …".to_owned() }),
        exact: Exactness::Whole,
        why: "removals".to_owned(),
        needs: Needs::one(quorum),
    };
    let request = world.workflows().hold(&session, held).await.expect("held");
    (session, request)
}

/// What linus chose, and what passes again by it once the command has run.
async fn chosen(world: &World, session: &LiveSession, request: &Request) -> (Repeat, Option<Again>) {
    let settled = world.workflows().settled(request.id).await.expect("settled");
    let gate = Gate::Hold(request.needs.clone());
    let spent = world.workflows().spend(session, request.id, &Fingerprint::of([PRINT]), &gate).await.expect("spent");
    assert_eq!(settled.terms(), spent.terms());
    (spent.terms().repeat, spent.repeats_until().map(|(again, _)| again))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shape_is_allowed_for_ten_minutes_in_slack() {
    let office = Office::open().await;
    let (session, request) = waits(&office.world, Span::minutes(30)).await;
    let card = office.card("held command").await;
    assert!(card.says("rm -r …") && card.says("the same command with other operands"), "{:?}", card.seen());
    office.press("linus", &card, "Allow again…").await;
    let form = office.slack.until_view(&user("linus"), |view| view.title() == "Allow again").await;
    assert!(form.says("This shape: rm -r …") && form.says("30m, the longest that the policy lets"), "{form:?}");
    office.slack.submit(&user("linus"), &form, &[("what", "shape"), ("span", "10m"), ("note", "these only")]).await;
    office.changed(&card, "Approved by linus").await;
    let ten = Repeat::Shape { within: Some(Span::minutes(10)) };
    assert_eq!(chosen(&office.world, &session, &request).await, (ten, Some(Again::Shape)));
    office.changed(&card, "again for this shape until").await;
    assert_eq!(office.slack.errors().len(), 0, "{:?}", office.slack.errors());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_this_is_allowed_for_ten_minutes_in_discord() {
    let guild = Guild::open().await;
    let (session, request) = waits(&guild.world, Span::minutes(30)).await;
    let card = guild.card("held command").await;
    guild.press("linus", &card, "Allow again…").await;
    let asked = guild.told("linus", "What may run again in its session").await;
    let seen = guild.discord.seen(&asked);
    let labels: Vec<&str> = seen.buttons.iter().map(|button| button.label.as_str()).collect();
    assert_eq!(labels, ["Exactly this, 10m", "Exactly this, 30m", "This shape, 10m", "This shape, 30m"]);
    assert!(guild.says(&card, "rm -r …"), "{:?}", guild.discord.seen(&card));
    guild.press("linus", &asked, "Exactly this, 10m").await;
    let ten = Repeat::Exact { within: Some(Span::minutes(10)) };
    assert_eq!(chosen(&guild.world, &session, &request).await, (ten, Some(Again::Exact)));
    guild.discord.until_edited(&card, |message| guild.says(message, "again for exactly this until")).await;
    assert!(guild.discord.refused().is_empty(), "{:?}", guild.discord.refused());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shape_is_allowed_for_half_an_hour_in_discord() {
    let guild = Guild::open().await;
    let (session, request) = waits(&guild.world, Span::minutes(30)).await;
    let card = guild.card("held command").await;
    guild.press("linus", &card, "Allow again…").await;
    let asked = guild.told("linus", "What may run again in its session").await;
    guild.press("linus", &asked, "This shape, 30m").await;
    let half = Repeat::Shape { within: Some(Span::minutes(30)) };
    assert_eq!(chosen(&guild.world, &session, &request).await, (half, Some(Again::Shape)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_shape_is_not_offered_by_it_and_a_forged_choice_is_refused() {
    let office = Office::open().await;
    let mut psql = office.session().await;
    psql.ask("DELETE FROM order_items;", "held by rule `bulk write`").await;
    let card = office.card("held command").await;
    assert!(!card.says("Its shape"), "{:?}", card.seen());
    office.press("linus", &card, "Allow again…").await;
    let form = office.slack.until_view(&user("linus"), |view| view.title() == "Allow again").await;
    assert!(form.says("Exactly this command") && !form.says("This shape"), "{form:?}");
    let held = office.world.held().await;
    // A client of one's own can send what no form offers; a command that is typed says the same.
    office.types("linus", "/access", &format!("approve {} shape 10m", held.id)).await;
    office.told("linus", "can't be allowed by its shape").await;
    office.types("linus", "/access", &format!("approve {} exact 2h", held.id)).await;
    office.told("linus", "longer than the policy lets anything pass again").await;
    office.slack.submit(&user("linus"), &form, &[("what", "exact"), ("span", "10m")]).await;
    psql.has("DELETE 3").await;
    psql.ask("DELETE FROM order_items;", "allowed by linus, again for exactly this until").await;
    psql.has("DELETE 0").await;
}
