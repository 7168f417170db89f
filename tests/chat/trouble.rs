//! What goes wrong at the platform: tokens, rights, channels, people, hours of silence, clocks; and what people send wrongly.

use std::time::Duration;

use workflows::clock::{Span, Timestamp};
use workflows::engine::{AccessAsk, Filter};
use workflows::request::State;
use workflows::target::Access;

use super::office::{CHANNEL, Office, user};
use crate::slack::Submitted;

const ALL: Filter = Filter { open_only: false, limit: 1_000 };

/// Asks as another surface does.
async fn asks(office: &Office, name: &str, access: Access, why: &str) -> workflows::id::RequestId {
    let target = "orders-prod".parse().expect("a name");
    let ask = AccessAsk { target, access, span: Span::hours(1), why: why.to_owned(), emergency: false };
    let who = office.world.person(name).await;
    office.world.workflows().request(&who, ask).await.expect("asked").request.id
}

async fn grants(office: &Office, name: &str) -> usize {
    let who = office.world.person(name).await;
    office.world.workflows().grants(&who, ALL).await.expect("grants").len()
}

/// Until everybody was told, or could not be.
async fn all_told(office: &Office) {
    for _try in 0..300 {
        if office.world.workflows().counts().await.expect("an answer").1 == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("notices stay open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_are_revoked_in_mid_run_open_nothing_and_lose_nothing() {
    let office = Office::open().await;
    let mut psql = office.session().await;
    office.slack.change(|state| state.app.revoked = true);
    psql.ask("DELETE FROM order_items;", "held by rule `bulk write`").await;
    let request = asks(&office, "edsger", Access::Read, "INC-43").await;
    office.world.approve("grace", request).await;
    assert_eq!(grants(&office, "edsger").await, 1, "other ways work");
    assert_eq!(office.world.server("SELECT count(*) FROM order_items"), "3");
    office.slack.change(|state| state.app.revoked = false);
    let held = office.card("held command").await;
    assert!(office.card("edsger wants READ").await.says("Approved by grace"));
    office.press("linus", &held, "Run once").await;
    psql.has("DELETE 3").await;
    all_told(&office).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_scope_is_named_to_whoever_acts_and_nothing_is_decided() {
    let office = Office::open().await;
    office.types("ada", "/access", "orders-prod write 1h because INC-42").await;
    let card = office.card("ada wants WRITE").await;
    office.slack.change(|state| state.app.scopes.remove("users:read"));
    office.press("linus", &card, "Approve 1h").await;
    office.told("linus", "lacks the right `users:read`").await;
    assert_eq!(grants(&office, "ada").await, 0);
    office.slack.change(|state| state.app.scopes.insert("users:read".to_owned()));
    // What can't be posted waits until it can.
    office.slack.change(|state| state.app.scopes.remove("chat:write"));
    office.press("linus", &card, "Approve 1h").await;
    office.told("linus", "Approved").await;
    assert!(!office.slack.current(&card).expect("there").says("Approved"));
    office.slack.change(|state| state.app.scopes.insert("chat:write".to_owned()));
    office.changed(&card, "Approved by linus").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_channel_is_archived_or_the_bot_thrown_out_people_are_written_to() {
    let office = Office::open().await;
    let before = asks(&office, "edsger", Access::Read, "INC-43").await;
    office.card("edsger wants READ").await;
    office.slack.archive(CHANNEL, "U0ADMIN").await;
    // Its card can't be written anew, and that keeps nobody from anything.
    office.world.approve("grace", before).await;
    office.dm("edsger", "countersign connect orders-prod").await;
    office.types("ada", "/access", "orders-prod write 1h because INC-44").await;
    let card = office.dm("linus", "INC-44").await;
    office.press("linus", &card, "Approve 1h").await;
    office.dm("ada", "countersign connect orders-prod").await;
    office.slack.change_channel(CHANNEL, |channel| channel.archived = false);
    office.slack.kick_bot(CHANNEL).await;
    office.types("grace", "/access", "orders-prod read 1h because INC-45").await;
    let card = office.dm("linus", "INC-45").await;
    office.press("linus", &card, "Approve 1h").await;
    office.dm("grace", "countersign connect orders-prod").await;
    assert!(!office.slack.messages(CHANNEL).iter().any(|one| one.says("INC-44") || one.says("INC-45")));
    all_told(&office).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_becomes_shared_in_mid_request_says_no_more_of_it() {
    let office = Office::open().await;
    let request = asks(&office, "ada", Access::Write, "the merger").await;
    let card = office.card("the merger").await;
    office.slack.share(CHANNEL).await;
    let linus = office.world.person("linus").await;
    office.world.workflows().question(&linus, request, "which secret table?").await.expect("asked back");
    let emptied = office.changed(&card, "shared with another company").await;
    assert!(!emptied.says("the merger") && emptied.buttons().is_empty(), "{:?}", emptied.seen());
    let own = office.dm("linus", "the merger").await;
    office.dm("ada", "which secret table?").await;
    office.press("linus", &own, "Approve 1h").await;
    office.dm("ada", "countersign connect orders-prod").await;
    all_told(&office).await;
    let heard = office.slack.messages(CHANNEL);
    assert!(!heard.iter().any(|one| one.says("secret") || one.says("merger")), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_requester_who_is_deactivated_in_mid_request_stops_nobody() {
    let office = Office::open().await;
    office.types("ada", "/access", "orders-prod write 1h because INC-42").await;
    let card = office.card("ada wants WRITE").await;
    let own = office.dm("ada", "for 1h").await;
    office.slack.deactivate(&user("ada")).await;
    // She does nothing more here.
    let cancel = own.buttons().into_iter().find(|button| button.label == "Cancel").expect("a button");
    office.slack.click(&user("ada"), &own, &cancel.action_id).await;
    office.told("ada", "not an active member").await;
    office.press("linus", &card, "Deny…").await;
    let form = office.slack.until_view(&user("linus"), |view| view.title() == "Deny").await;
    office.slack.submit(&user("linus"), &form, &[("because", "she has left")]).await;
    assert!(office.changed(&card, "she has left").await.buttons().is_empty());
    all_told(&office).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_hour_without_slack_every_card_tells_the_truth() {
    let now = Timestamp::from_micros(1_800_000_000_000_000);
    let (office, hand) = Office::open_at(now, Vec::new()).await;
    let waits = asks(&office, "grace", Access::Read, "INC-41").await;
    let card = office.card("grace wants READ").await;
    office.slack.vanish().await;
    let granted = asks(&office, "ada", Access::Write, "INC-42").await;
    office.world.approve("linus", granted).await;
    let forgotten = asks(&office, "edsger", Access::Read, "INC-43").await;
    for _minutes in 0..6 {
        hand.advance(Span::minutes(10));
        office.world.workflows().reconcile().await.expect("swept");
    }
    let linus = office.world.person("linus").await;
    for id in [waits, forgotten] {
        let request = office.world.workflows().show_request(&linus, id).await.expect("there");
        assert!(matches!(request.state, State::Lapsed { .. }), "{request:?}");
    }
    office.slack.up().await;
    let truth = [
        (card.ts.clone(), "INC-41", "Lapsed"),
        (String::new(), "INC-42", "Approved by linus"),
        (String::new(), "INC-43", "Lapsed"),
    ];
    for (ts, why, words) in truth {
        let deadline = tokio::time::Instant::now() + crate::world::PATIENCE;
        loop {
            let cards = office.slack.messages(CHANNEL);
            let mut about = cards.iter().filter(|one| one.says(why));
            let (first, second) = (about.next(), about.next());
            if let Some(card) = first.filter(|card| card.says(words)) {
                assert!(second.is_none() && card.buttons().is_empty(), "{why}: {:?}", card.seen());
                assert!(ts.is_empty() || card.ts == ts, "written anew, where it was");
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "{why}: {:?}", first.map(crate::slack::Message::seen));
            // The leases go by the world's clock.
            hand.advance(Span::seconds(1));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    office.slack.until_connected(1).await;
    office.types("edsger", "/access", "orders-prod read 1h because INC-44").await;
    let card = office.card("INC-44").await;
    office.press("linus", &card, "Approve 1h").await;
    office.changed(&card, "Approved by linus").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_a_clock_that_is_an_hour_off_at_slack_nothing_goes_wrong() {
    let office = Office::open().await;
    office.slack.advance(Duration::from_hours(1));
    let mut psql = office.session().await;
    psql.ask("DELETE FROM order_items;", "held by rule `bulk write`").await;
    let held = office.card("held command").await;
    office.press("linus", &held, "Run once").await;
    psql.has("DELETE 3").await;
    let ada = office.world.person("ada").await;
    let grant = office.world.workflows().grants(&ada, ALL).await.expect("grants").remove(0);
    assert_eq!(grant.until.since(grant.from), Span::hours(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_fits_nothing_or_three_targets_asks_for_nothing() {
    let first = "[[target]]\nname = \"orders-prod\"";
    let like = |name: &str| {
        format!(
            "[[target]]\nname = \"{name}\"\nprotocol = \"postgres\"\naddress = \"127.0.0.1:1\"\ndatabase = \"orders\"\n\
             labels = {{ team = \"orders\" }}\ntls = \"off\"\n\
             login.read = {{ user = \"cs_read\", password = \"file:@FOLDER@/read\" }}\n\
             login.write = {{ user = \"cs_write\", password = \"file:@FOLDER@/write\" }}\n\n"
        )
    };
    let three = format!("{}{}{first}", like("orders-dev"), like("orders-test"));
    let office = Office::open_with(vec![(first.to_owned(), three)]).await;
    office.types("ada", "/access", "payroll read 1h because INC-1").await;
    let told = office.told("ada", "there is no target `payroll`").await;
    assert!(told.says("orders-dev") && told.says("orders-prod"), "what there is: {:?}", told.seen());
    office.types("ada", "/access", "orders read 1h because INC-1").await;
    let told = office.told("ada", "several targets fit").await;
    assert!(["orders-dev", "orders-prod", "orders-test"].iter().all(|one| told.says(one)), "{:?}", told.seen());
    for span in ["1x", "-1h", "0m", "99999999999h", "1h30x"] {
        office.types("ada", "/access", &format!("orders-prod read {span} because INC-1")).await;
        office.told("ada", &format!("`{span}`")).await;
    }
    let ada = office.world.person("ada").await;
    assert!(office.world.workflows().requests(&ada, ALL).await.expect("requests").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_is_sent_twice_asks_once() {
    let office = Office::open().await;
    office.types("ada", "/access", "").await;
    let form = office.slack.until_view(&user("ada"), |view| view.title() == "Ask for access").await;
    office.slack.suggest(&user("ada"), &form, "target", "orders").await;
    office.slack.send_next_twice();
    let values = [("target", "orders-prod"), ("level", "read"), ("span", "45m"), ("because", "INC-7")];
    assert!(matches!(office.slack.submit(&user("ada"), &form, &values).await, Submitted::Closed));
    office.card("INC-7").await;
    all_told(&office).await;
    let ada = office.world.person("ada").await;
    assert_eq!(office.world.workflows().requests(&ada, ALL).await.expect("requests").len(), 1);
    // The second sending was known: it is not even told that this was asked already.
    office.types("ada", "/access", "mine").await;
    office.told("ada", "of yours waiting").await;
    let told = office.slack.read(|state| state.messages.iter().filter(|one| one.says("you already asked")).count());
    assert_eq!(told, 0);
}
