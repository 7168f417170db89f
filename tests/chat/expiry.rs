//! What time alone ends: access while psql is connected, a held command, a request that nobody answers; and the clock that
//! stands still while a question waits. Each is told in chat, and nothing is left there that could be pressed.

use tokio::task::JoinSet;
use workflows::clock::{ManualClock, Span};
use workflows::engine::Filter;
use workflows::grant::Ended;

use super::guild::Guild;
use super::office::{CHANNEL, Office, user};
use crate::slack::Message;
use crate::world::{Start, going_clock};

const BACKENDS: &str = "SELECT count(*) FROM pg_stat_activity WHERE usename IN ('cs_read', 'cs_write')";
const ALL: Filter = Filter { open_only: false, limit: 1_000 };

async fn office(edits: Vec<(String, String)>) -> (Office, ManualClock, JoinSet<()>) {
    let (clock, hand, going) = going_clock();
    (Office::begin(Start { edits, clock, ..Start::default() }).await, hand, going)
}

/// The buttons that ada and whoever reads the channel could press now.
fn live(office: &Office) -> Vec<String> {
    let all = office.slack.messages(CHANNEL).into_iter().chain(office.slack.dm(&user("ada")));
    all.flat_map(|message| message.buttons()).map(|button| button.label).collect()
}

fn has(card: &Message, label: &str) -> bool {
    card.buttons().iter().any(|button| button.label == label)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_ends_by_its_time_and_slack_says_so() {
    let (office, hand, _going) = office(Vec::new()).await;
    office.types("ada", "/access", "orders-prod write 20m because INC-42").await;
    let asked = office.card("ada wants WRITE").await;
    office.press("linus", &asked, "Approve 20m").await;
    let held = office.dm("ada", "countersign connect orders-prod").await;
    let mut psql = office.world.connect("ada").await;
    psql.ask("BEGIN; UPDATE orders SET total = 0 WHERE id = 1;", "UPDATE 1").await;
    office.world.until_server(BACKENDS, "1").await;

    hand.advance(Span::minutes(16));
    let soon = office.dm("ada", "Your access to").await;
    assert!(has(&soon, "I'm done") && has(&held, "I'm done"), "{:?} {:?}", soon.seen(), held.seen());
    psql.ask("SELECT 41 + 1 AS answer;", "42").await;

    hand.advance(Span::minutes(4));
    office.world.until_server(BACKENDS, "0").await;
    psql.ask("SELECT 1;", "access to orders-prod ended").await;
    assert_eq!(office.world.server("SELECT total FROM orders WHERE id = 1"), "10", "rolled back");
    let over = office.changed(&held, "access to orders-prod ended at").await;
    assert!(over.buttons().is_empty(), "{:?}", over.seen());
    office.changed(&soon, "access to orders-prod ended at").await;
    assert_eq!(live(&office), Vec::<String>::new());

    // Pressed on a screen that did not hear of it yet: it changes nothing, and whoever pressed reads so.
    let done = held.buttons().into_iter().find(|button| button.label == "I'm done").expect("it had one");
    assert!(office.slack.click(&user("ada"), &held, &done.action_id).await.is_acked());
    office.told("ada", "the grant has ended already").await;
    let ada = office.world.person("ada").await;
    let grants = office.world.workflows().grants(&ada, ALL).await.expect("grants");
    assert_eq!(grants.len(), 1);
    assert!(matches!(grants[0].ended, Some(Ended::Expired { .. })), "{:?}", grants[0].ended);
    let (said, entered) = office.world.run("ada", &["-c", "SELECT 1"]).await;
    assert!(!entered && said.contains("FATAL"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_command_ends_with_its_access_and_its_card_says_so() {
    let (office, hand, _going) = office(Vec::new()).await;
    let mut psql = office.session().await;
    hand.advance(Span::minutes(58));
    psql.ask("DELETE FROM order_items;", "held by rule `bulk write`").await;
    let card = office.card("held command").await;
    assert!(has(&card, "Run once"), "{:?}", card.seen());
    hand.advance(Span::minutes(2));
    psql.until("access to orders-prod ended").await;
    office.world.until_server(BACKENDS, "0").await;
    office.changed(&card, "Withdrawn").await;
    let over = office.slack.until_dm(&user("ada"), |message| message.says("ended at")).await;
    assert!(over.buttons().is_empty(), "{:?}", over.seen());
    // Too late: nothing runs because of a click.
    let run = card.buttons().into_iter().find(|button| button.label == "Run once").expect("it had one");
    assert!(office.slack.click(&user("linus"), &card, &run.action_id).await.is_acked());
    office.told("linus", "it is too late: the request is withdrawn already").await;
    assert_eq!(office.world.server("SELECT count(*) FROM order_items"), "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_nobody_answers_lapses_on_its_card() {
    let (office, hand, _going) = office(Vec::new()).await;
    office.types("ada", "/access", "orders-prod write 1h because INC-42").await;
    let card = office.card("ada wants WRITE").await;
    let own = office.dm("ada", "for 1h").await;
    hand.advance(Span::minutes(15));
    for one in [&card, &own] {
        let over = office.changed(one, "Lapsed: nobody agreed in time").await;
        assert!(over.buttons().is_empty(), "{:?}", over.seen());
    }
    assert!(office.slack.click(&user("linus"), &card, &card.buttons()[0].action_id).await.is_acked());
    office.told("linus", "it is too late: the request is lapsed already").await;
    assert_eq!(live(&office), Vec::<String>::new());
}

/// Fifteen minutes to decide, and as long again for questions.
fn pausing() -> Vec<(String, String)> {
    vec![("within = \"15m\"".to_owned(), "within = \"15m\", pause_for_questions = true".to_owned())]
}

async fn ask_back(office: &Office, card: &Message) -> Message {
    office.press("linus", card, "Ask…").await;
    let form = office.slack.until_view(&user("linus"), |view| view.title() == "Ask back").await;
    office.slack.submit(&user("linus"), &form, &[("text", "which table?")]).await;
    office.dm("ada", "linus asks back").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_stands_still_on_the_card_while_a_question_waits() {
    let (office, hand, _going) = office(pausing()).await;
    office.types("ada", "/access", "orders-prod write 1h because INC-42").await;
    let card = office.card("ada wants WRITE").await;
    let own = office.dm("ada", "for 1h").await;
    hand.advance(Span::minutes(10));
    let question = ask_back(&office, &card).await;
    for one in [&card, &own] {
        office.changed(one, "clock stopped, waiting for ada").await;
    }
    // Beyond the first deadline, and still open.
    hand.advance(Span::minutes(9));
    office.press("ada", &question, "Answer…").await;
    let form = office.slack.until_view(&user("ada"), |view| view.title() == "Answer").await;
    office.slack.submit(&user("ada"), &form, &[("text", "orders, the May rows")]).await;
    let on = office.slack.until_changed(&card, |now| now.says("orders, the May rows")).await;
    assert!(!on.says("clock stopped") && !on.says("Lapsed"), "{:?}", on.seen());
    let answered = office.changed(&question, "orders, the May rows").await;
    assert!(answered.buttons().is_empty(), "{:?}", answered.seen());
    hand.advance(Span::minutes(4));
    office.press("linus", &card, "Approve 1h").await;
    office.changed(&card, "Approved by linus").await;
    office.dm("ada", "countersign connect orders-prod").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_nobody_answers_ends_with_its_request() {
    let (office, hand, _going) = office(pausing()).await;
    office.types("ada", "/access", "orders-prod write 1h because INC-42").await;
    let card = office.card("ada wants WRITE").await;
    let question = ask_back(&office, &card).await;
    office.changed(&card, "clock stopped, waiting for ada").await;
    hand.advance(Span::minutes(15));
    office.slack.until_changed(&card, |now| !now.says("clock stopped") && now.says("asked group:dba")).await;
    hand.advance(Span::minutes(15));
    office.changed(&card, "Lapsed: nobody agreed in time").await;
    office.slack.until_changed(&question, |now| now.buttons().is_empty()).await;
    assert_eq!(live(&office), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_ends_by_its_time_and_discord_says_so() {
    let (clock, hand, _going) = going_clock();
    let guild = Guild::open_at(clock).await;
    let (ada, channel) = (guild.discord.user("ada"), guild.discord.channel("general"));
    let options = [("target", "orders-prod"), ("duration", "20m"), ("level", "write"), ("because", "INC-42")];
    let reply = guild.discord.command(ada, channel, "access", &options).await;
    assert!(!reply.failed(), "{reply:?}");
    let asked = guild.card("wants WRITE").await;
    guild.press("linus", &asked, "Approve 20m").await;
    let held = guild.discord.until_dm(ada, |message| guild.says(message, "countersign connect orders-prod")).await;
    let mut psql = guild.world.connect("ada").await;
    psql.ask("BEGIN; UPDATE orders SET total = 0 WHERE id = 1;", "UPDATE 1").await;
    guild.world.until_server(BACKENDS, "1").await;

    hand.advance(Span::minutes(16));
    let soon = guild.discord.until_dm(ada, |message| guild.says(message, "Your access to")).await;
    let buttons = |message: &crate::discord::Message| {
        let now = guild.discord.now(message).expect("the card is there");
        let live = guild.discord.seen(&now).buttons.into_iter().filter(|button| !button.disabled);
        live.map(|button| button.label).collect::<Vec<_>>()
    };
    assert!(buttons(&soon).contains(&"I'm done".to_owned()) && buttons(&held).contains(&"I'm done".to_owned()));

    hand.advance(Span::minutes(4));
    guild.world.until_server(BACKENDS, "0").await;
    psql.ask("SELECT 1;", "access to orders-prod ended").await;
    assert_eq!(guild.world.server("SELECT total FROM orders WHERE id = 1"), "10", "rolled back");
    for one in [&held, &soon] {
        guild.discord.until_edited(one, |message| guild.says(message, "access to orders-prod ended at")).await;
    }
    let everything =
        guild.discord.messages(guild.discord.channel("approvals")).into_iter().chain(guild.discord.dm(ada));
    for message in everything {
        assert_eq!(buttons(&message), Vec::<String>::new(), "{:?}", guild.discord.seen(&message));
    }
}
