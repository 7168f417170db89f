//! Promises of SECURITY.md that people meet in chat, each through chat. Others of these names are beside what they extend.

use std::time::Duration;

use serde_json::json;
use workflows::clock::Clock;
use workflows::engine::{AccessAsk, Filter, LinkError};
use workflows::identity::{Chat, ChatUser};
use workflows::request::State;
use workflows::target::Access;

use super::guild::Guild;
use super::office::{CHANNEL, Office, user};
use crate::slack::{Kind, Message, Mishap, TEAM, User};
use crate::world::World;

const ALL: Filter = Filter { open_only: false, limit: 1_000 };
const ROUTE: &str = "approval = { from = \"group:dba\", people = 1, within = \"15m\" }";

async fn grants(world: &World, name: &str) -> usize {
    let who = world.person(name).await;
    world.workflows().grants(&who, ALL).await.expect("grants").len()
}

/// Somebody who is in the workspace and reads the channel.
fn joins(office: &Office, newcomer: User) {
    let id = newcomer.id.clone();
    office.slack.add_user(newcomer);
    office.slack.change_channel(CHANNEL, |channel| {
        channel.members.insert(id);
    });
}

/// Presses a button by the platform's id of whoever does it.
async fn presses(office: &Office, id: &str, card: &Message, label: &str) {
    let button = card.buttons().into_iter().find(|button| button.label == label).expect("a button");
    assert!(office.slack.click(id, card, &button.action_id).await.is_acked());
}

async fn told(office: &Office, id: &str, words: &str) {
    office.slack.until_ephemeral(id, |message| message.says(words)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g7_a_click_on_the_card_of_a_changed_request_is_told_that_it_is_superseded() {
    let two = ROUTE.replace("people = 1", "people = 2");
    let office = Office::open_with(vec![(ROUTE.to_owned(), two)]).await;
    office.types("ada", "/access", "orders-prod write 2h because INC-42").await;
    let card = office.card("ada wants WRITE").await;
    office.press("linus", &card, "Approve 2h").await;
    office.changed(&card, "1 of 2: linus").await;
    let own = office.dm("ada", "for 2h").await;
    office.press("ada", &own, "Change…").await;
    let form = office.slack.until_view(&user("ada"), |view| view.title() == "Ask for something else").await;
    let values = [("target", "orders-prod"), ("level", "read"), ("span", "1h"), ("because", "only looking")];
    office.slack.submit(&user("ada"), &form, &values).await;
    assert!(office.changed(&card, "Superseded").await.buttons().is_empty());
    // The card as grace still has it on her screen.
    presses(&office, &user("grace"), &card, "Approve 2h").await;
    told(&office, &user("grace"), "superseded").await;
    let new = office.card("only looking").await;
    assert!(new.says("0 of 2"), "the old approval is void: {:?}", new.seen());
    office.press("grace", &new, "Approve 1h").await;
    office.changed(&new, "1 of 2: grace").await;
    assert_eq!(grants(&office.world, "ada").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g8_a_text_that_was_not_shown_is_agreed_to_neither_by_a_forged_button_nor_by_typing() {
    let office = Office::open().await;
    let mut psql = office.session().await;
    let long = format!("DELETE FROM order_items /* {} */;", "x y ".repeat(3_000));
    psql.ask(&long, "held by rule `bulk write`").await;
    let card = office.card("held command").await;
    assert!(!card.buttons().iter().any(|button| button.label == "Run once"), "{:?}", card.buttons());
    // The button of a short command, with the key of the long one.
    let key = card.buttons()[0].value.clone();
    let mut forged = card.clone();
    forged.blocks = vec![json!({ "type": "actions", "elements": [{
        "type": "button", "action_id": "approve", "text": { "type": "plain_text", "text": "Run once" }, "value": key,
    }] })];
    assert!(office.slack.click(&user("linus"), &forged, "approve").await.is_acked());
    office.told("linus", "open the full text first").await;
    let held = office.world.held().await;
    office.types("grace", "/access", &format!("approve {}", held.id)).await;
    office.told("grace", "open the full text first").await;
    let linus = office.world.person("linus").await;
    let still = office.world.workflows().show_request(&linus, held.id).await.expect("there");
    assert!(matches!(still.state, State::Pending { .. }), "{still:?}");
    assert_eq!(office.world.server("SELECT count(*) FROM order_items"), "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g8_a_last_page_that_did_not_arrive_counts_as_unread() {
    let office = Office::open().await;
    let mut psql = office.session().await;
    psql.ask(&format!("DELETE FROM order_items /* {} */;", "x y ".repeat(3_000)), "held by rule `bulk write`").await;
    let card = office.card("held command").await;
    let held = office.world.held().await;
    office.press("linus", &card, "Open the full text").await;
    let first = office.slack.until_view(&user("linus"), |view| view.says("Page 1 of 2")).await;
    let next = first.seen().buttons.into_iter().find(|button| button.label == "Next page").expect("a next page");
    office.slack.mishap("views.update", [Mishap::Error("invalid_arguments")]);
    office.slack.click_view(&user("linus"), &first, &next.action_id).await;
    for _try in 0..200 {
        if !office.slack.calls("views.update").is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(office.slack.calls("views.update").len(), 1, "the page was sent once");
    office.types("linus", "/access", &format!("approve {}", held.id)).await;
    office.told("linus", "open the full text first").await;
    assert_eq!(office.world.server("SELECT count(*) FROM order_items"), "3");
}

/// What obeys instead of showing, and how it has to be shown.
const HOSTILE: [(&str, &str); 8] = [
    ("\u{1b}[2K\u{1b}[31m", r"\u{1b}[2K\u{1b}[31m"),
    ("\u{202e}gnp.exe", r"\u{202e}gnp.exe"),
    ("\u{2066}x\u{2069}", r"\u{2066}x\u{2069}"),
    ("pro\u{200b}d", r"pro\u{200b}d"),
    ("safe\rdrop", r"safe\u{d}drop"),
    ("@everyone @here <!channel> <@U0GRACE>", "@everyone @here <!channel> <@U0GRACE>"),
    ("[click](https://evil.example) <https://evil.example|pay>", "evil.example"),
    ("``` `x` ```", "x"),
];

pub(super) fn hostile() -> String {
    HOSTILE.iter().map(|(text, _)| *text).collect::<Vec<_>>().join(" ; ")
}

pub(super) fn shows_all(text: &str) {
    for (raw, shown) in HOSTILE {
        assert!(text.contains(shown), "{raw:?} is shown as {shown:?} in {text:?}");
    }
    assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{text:?}");
    for c in ['\u{202e}', '\u{2066}', '\u{2069}', '\u{200b}'] {
        assert!(!text.contains(c), "{c:?} in {text:?}");
    }
}

pub(super) async fn ask(world: &World, why: String) {
    let target = "orders-prod".parse().expect("a name");
    let span = workflows::clock::Span::hours(1);
    let ask = AccessAsk { target, access: Access::Write, span, why, emergency: false };
    world.workflows().request(&world.person("ada").await, ask).await.expect("asked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_hostile_characters_are_shown_and_not_obeyed_in_slack() {
    let office = Office::open().await;
    ask(&office.world, hostile()).await;
    let seen = office.card("ada wants WRITE").await.seen();
    shows_all(&seen.text);
    assert!(seen.links.is_empty(), "{:?}", seen.links);
    let asked = [user("grace"), user("linus")];
    assert!(seen.mentions.iter().all(|one| asked.contains(one)), "{:?}", seen.mentions);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_hostile_characters_are_shown_and_not_obeyed_in_discord() {
    let guild = Guild::open().await;
    let why = hostile().replace("U0GRACE", &guild.discord.user("edsger").to_string());
    ask(&guild.world, why).await;
    let card = guild.card("wants WRITE").await;
    let seen = guild.discord.seen(&card);
    // A mark of our own keeps three backticks from ending the block in which they are quoted.
    let text = seen.text.replace("``\u{200b}`", "```");
    shows_all(&text.replace(&guild.discord.user("edsger").to_string(), "U0GRACE"));
    assert!(seen.links.is_empty(), "{:?}", seen.links);
    let edsger = guild.discord.user("edsger").to_string();
    let called = |one: &String| one.contains("everyone") || one.contains("here") || one.contains(&edsger);
    assert!(!seen.pings.iter().chain(&seen.mentions).any(called), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g10_a_cloned_name_and_the_same_address_in_another_workspace_decide_nothing() {
    let office = Office::open().await;
    let linus = User::member(&user("linus"), "linus", "linus@example.com");
    let twin = |id: &str| User { id: id.to_owned(), ..linus.clone() };
    joins(&office, User::member("U0CLONE", "mallory", "linus@example.com").clone_display_name(&linus));
    joins(&office, twin("U0FAR").stranger());
    // Of a workspace of the same organisation: no stranger, and not ours.
    joins(&office, User { team: "T0SISTER".to_owned(), ..twin("U0SISTER") });
    office.types("ada", "/access", "orders-prod write 1h because INC-42").await;
    let card = office.card("ada wants WRITE").await;
    for (id, words) in
        [("U0CLONE", "countersign link slack"), ("U0FAR", "only members of"), ("U0SISTER", "only members of")]
    {
        presses(&office, id, &card, "Approve 1h").await;
        told(&office, id, words).await;
    }
    // The very id of linus, said by another workspace.
    let action = card.buttons()[0].action_id.clone();
    let mut payload = office.slack.click_payload(&user("linus"), &card, &action, None);
    payload["user"]["team_id"] = json!("T0SISTER");
    assert!(office.slack.deliver(Kind::Interactive, payload).await.is_acked());
    office.told("linus", "only members of").await;
    assert_eq!(grants(&office.world, "ada").await, 0);
    office.press("linus", &card, "Approve 1h").await;
    office.changed(&card, "Approved by linus").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g10_guests_programs_and_the_deactivated_decide_nothing_though_they_are_linked() {
    let office = Office::open().await;
    office.types("ada", "/access", "orders-prod write 1h because INC-42").await;
    let card = office.card("ada wants WRITE").await;
    let member = office.slack.read(|state| state.users[&user("linus")].clone());
    for (as_what, words) in [
        (member.clone().guest(), "guests can't"),
        (member.clone().single_channel_guest(), "guests can't"),
        (member.clone().bot(), "programs can't"),
        (member.clone().deactivated(), "not an active member"),
        (User { is_stranger: true, ..member.clone() }, "members of a connected company can't"),
    ] {
        office.slack.change_user(&user("linus"), |user| *user = as_what);
        office.press("linus", &card, "Approve 1h").await;
        office.told("linus", words).await;
    }
    assert_eq!(grants(&office.world, "ada").await, 0);
    office.slack.change_user(&user("linus"), |user| *user = member);
    office.press("linus", &card, "Approve 1h").await;
    office.changed(&card, "Approved by linus").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g11_one_click_on_two_nodes_counts_once_and_an_old_one_revives_nothing() {
    let (url, _store) = crate::outage::store_of_its_own().await;
    let signed_only =
        ("app_token = \"file:@FOLDER@/app\"".to_owned(), "signing_secret = \"file:@FOLDER@/signing\"".to_owned());
    let office = Office::open_on(Some(url), vec![signed_only]).await;
    let (_serving, other) = World::node_beside(&office.world, Clock::System).await;
    let at = |path: &str| format!("{}/slack/{path}", office.public);
    office.slack.deliver_by_http_to(&at("events"), &at("interactions"), &at("commands"));
    office.types("ada", "/access", "orders-prod write 1h because INC-42").await;
    let card = office.card("ada wants WRITE").await;
    let action = card.buttons()[0].action_id.clone();
    let click = office.slack.click_payload(&user("linus"), &card, &action, None);
    let here = office.slack.signed(Kind::Interactive, &click);
    let mut there = here.clone();
    there.url = format!("http://{}/slack/interactions", other.console);
    let (first, second) = tokio::join!(office.slack.send(&here), office.slack.send(&there));
    assert_eq!((first.expect("answered").0, second.expect("answered").0), (200, 200));
    office.changed(&card, "Approved by linus").await;
    office.told("linus", "Approved").await;
    // The same once more, by either node: known.
    for again in [&there, &here] {
        assert_eq!(office.slack.send(again).await.expect("answered").0, 200);
    }
    // Out of order: what was pressed first comes after the request was taken back.
    office.types("ada", "/access", "orders-prod write 4h because INC-43").await;
    office.told("ada", "you already have").await;
    office.types("edsger", "/access", "orders-prod write 2h because INC-44").await;
    let card = office.card("edsger wants WRITE").await;
    let action = card.buttons()[0].action_id.clone();
    let late =
        office.slack.signed(Kind::Interactive, &office.slack.click_payload(&user("linus"), &card, &action, None));
    let own = office.dm("edsger", "for 2h").await;
    office.press("edsger", &own, "Cancel").await;
    office.changed(&card, "Withdrawn").await;
    assert_eq!(office.slack.send(&late).await.expect("answered").0, 200);
    office.told("linus", "it is too late").await;
    assert_eq!((grants(&office.world, "ada").await, grants(&office.world, "edsger").await), (1, 0));
    let answers = office.slack.ephemerals(&user("linus"));
    assert_eq!(answers.iter().filter(|one| one.says("Approved: ada")).count(), 1, "worked on once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g12_without_the_store_nothing_is_decided_and_whoever_acts_is_told() {
    let (url, mut store) = crate::outage::store_of_its_own().await;
    let office = Office::open_on(Some(url), Vec::new()).await;
    office.types("ada", "/access", "orders-prod write 1h because INC-42").await;
    let card = office.card("ada wants WRITE").await;
    store.stop();
    let typed = office.types("edsger", "/access", "orders-prod read 1h because INC-43").await;
    assert!(typed.is_acked() && !typed.text().is_empty(), "{typed:?}");
    office.press("linus", &card, "Approve 1h").await;
    office.told("linus", "store").await;
    let still = office.slack.current(&card).expect("there");
    assert!(!still.says("Approved"), "{:?}", still.seen());
    store.restart().expect("it starts");
    // What was told to have failed has failed: nothing of it comes back, and it can be done again.
    for _try in 0..100 {
        if office.world.workflows().healthy().await.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let asked = office.world.workflows().requests(&office.world.person("linus").await, ALL).await.expect("requests");
    assert_eq!(asked.len(), 1, "{asked:?}");
    office.press("linus", &card, "Approve 1h").await;
    office.changed(&card, "Approved by linus").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g12_without_chat_a_held_command_stays_held_and_other_ways_work() {
    let office = Office::open().await;
    let mut psql = office.session().await;
    office.slack.vanish().await;
    psql.ask("DELETE FROM order_items;", "held by rule `bulk write`").await;
    let held = office.world.held().await;
    assert_eq!(office.world.server("SELECT count(*) FROM order_items"), "3");
    office.world.approve("linus", held.id).await;
    psql.has("DELETE 3").await;
    psql.ask("DELETE FROM orders;", "held by rule `bulk write`").await;
    office.slack.up().await;
    let first = office.card("DELETE FROM order_items").await;
    office.changed(&first, "approved by linus").await;
    let second = office.card("DELETE FROM orders").await;
    assert_eq!(office.world.server("SELECT count(*) FROM orders"), "3", "it waited");
    office.slack.until_connected(1).await;
    office.press("grace", &second, "Run once").await;
    psql.until("DELETE 3").await;
    assert!(office.slack.current(&first).expect("there").buttons().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g16_nobody_approves_their_own_request_by_any_way_round() {
    let groups = "orders = [\"ada\", \"alan\", \"edsger\", \"grace\"]\ndba = [\"grace\", \"linus\"]";
    let with_root =
        "orders = [\"ada\", \"alan\", \"edsger\", \"grace\", \"root\"]\ndba = [\"grace\", \"linus\", \"root\"]";
    let office = Office::open_with(vec![(groups.to_owned(), with_root.to_owned())]).await;
    joins(&office, User::member(&user("root"), "root", "root@example.com"));
    office.link("root").await;
    // An administrator, who is among those who decide.
    office.types("root", "/access", "orders-prod read 1h because INC-1").await;
    let card = office.card("root wants READ").await;
    office.press("root", &card, "Approve 1h").await;
    office.told("root", "nobody decides on their own request").await;
    let request =
        office.world.workflows().requests(&office.world.person("root").await, ALL).await.expect("one")[0].id;
    office.types("root", "/access", &format!("approve {request}")).await;
    // Through the API, with a token.
    let token = office.world.token("root").await;
    let url = format!("{}/v1/requests/{request}/approve", office.public);
    let http = reqwest::Client::builder().build().expect("a client");
    let answer = http.post(url).bearer_auth(token.reveal()).json(&json!({})).send().await.expect("answered");
    assert_eq!(answer.status(), 403);
    // A second account of the same person.
    joins(&office, User::member("U0ROOT2", "root two", "root@example.com"));
    let (root, workflows) = (office.world.person("root").await, office.world.workflows());
    let begun = workflows.begin_link(&root, Chat::Slack).await.expect("begun");
    let second = ChatUser { chat: Chat::Slack, workspace: TEAM.to_owned(), user: "U0ROOT2".to_owned() };
    let code = workflows.prove_link(begun.state.reveal(), &second).await.expect("proved");
    let linked = workflows.finish_link(&root, begun.id, code.reveal()).await;
    assert!(matches!(linked, Err(LinkError::Taken)), "{linked:?}");
    presses(&office, "U0ROOT2", &card, "Approve 1h").await;
    told(&office, "U0ROOT2", "countersign link slack").await;
    // Handed over to whoever asked.
    office.types("linus", "/access", &format!("delegate {request} root")).await;
    office.press("root", &card, "Approve 1h").await;
    // Asked for by somebody else, who then decides.
    office.types("grace", "/access", "orders-prod write 1h for <@U0ADA> because INC-2").await;
    let for_ada = office.card("ada wants WRITE").await;
    office.press("grace", &for_ada, "Approve 1h").await;
    office.told("grace", "you are not among those who were asked").await;
    for (name, card) in [("root", &card), ("ada", &for_ada)] {
        assert_eq!(grants(&office.world, name).await, 0, "{name}");
        office.press("linus", card, "Approve 1h").await;
        office.changed(card, "Approved by linus").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g16_one_person_in_three_groups_counts_once() {
    let one = |group: &str| format!("{{ from = \"group:{group}\", people = 1, within = \"15m\" }}");
    let three = format!("approval = [{}, {}, {}]", one("dba"), one("sre"), one("leads"));
    let groups = "dba = [\"grace\", \"linus\"]\nsre = [\"edsger\", \"linus\"]\nleads = [\"grace\", \"linus\"]";
    let edits = vec![(ROUTE.to_owned(), three), ("dba = [\"grace\", \"linus\"]".to_owned(), groups.to_owned())];
    let office = Office::open_with(edits).await;
    office.types("ada", "/access", "orders-prod write 1h because INC-42").await;
    let card = office.card("ada wants WRITE").await;
    office.press("linus", &card, "Approve 1h").await;
    office.changed(&card, "1 of 3: linus").await;
    office.press("linus", &card, "Approve 1h").await;
    let answers = |count: usize| {
        office.slack.until("answers", move |state| {
            let his = |one: &&Message| one.only_for == Some(user("linus")) && one.says("more people have to agree");
            (state.messages.iter().filter(his).count() >= count).then_some(())
        })
    };
    answers(2).await;
    assert!(office.slack.current(&card).expect("there").says("1 of 3: linus"));
    office.press("grace", &card, "Approve 1h").await;
    office.changed(&card, "2 of 3").await;
    assert_eq!(grants(&office.world, "ada").await, 0);
    office.press("edsger", &card, "Approve 1h").await;
    office.changed(&card, "Approved by linus, grace, edsger").await;
    assert_eq!(grants(&office.world, "ada").await, 1);
}
