//! The other ways through chat: forms, questions, edits, alarms, the own page, webhooks, linking; and what must not happen.

use std::sync::Arc;

use serde_json::json;
use workflows::clock::{Span, Timestamp};
use workflows::engine::Filter;
use workflows::target::Access;

use super::office::{CHANNEL, Office, user};
use crate::slack::{Kind, Mishap, State, Submitted};
use crate::world::World;

const ALL: Filter = Filter { open_only: false, limit: 1_000 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_form_finds_targets_checks_itself_and_asks() {
    let office = Office::open().await;
    office.types("ada", "/access", "").await;
    let form = office.slack.until_view(&user("ada"), |view| view.title() == "Ask for access").await;
    let found = office.slack.suggest(&user("ada"), &form, "target", "orders").await;
    assert_eq!(found.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["orders-prod"]);
    assert!(office.slack.suggest(&user("ada"), &form, "target", "vault").await.is_empty());
    let values = [("target", "orders-prod"), ("level", "read"), ("span", "1x"), ("because", "INC-7")];
    let Submitted::Errors(errors) = office.slack.submit(&user("ada"), &form, &values).await else {
        panic!("`1x` is no length of time");
    };
    assert!(errors.values().any(|words| words.contains("45m")), "{errors:?}");
    let values = [("target", "orders-prod"), ("level", "read"), ("span", "45m"), ("because", "INC-7")];
    assert!(matches!(office.slack.submit(&user("ada"), &form, &values).await, Submitted::Closed));
    let card = office.card("ada wants READ").await;
    assert!(card.says("for 45m") && card.says("INC-7"), "{:?}", card.seen());
    // Sent twice: the second is told that it waits already.
    office.types("ada", "/access", "orders-prod read 45m because INC-7").await;
    office.told("ada", "you already asked for that").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn less_is_approved_and_what_is_asked_back_is_answered() {
    let office = Office::open().await;
    office.types("ada", "/access", "orders-prod write 2h because INC-42").await;
    let card = office.card("ada wants WRITE").await;
    office.press("linus", &card, "Ask…").await;
    let form = office.slack.until_view(&user("linus"), |view| view.title() == "Ask back").await;
    office.slack.submit(&user("linus"), &form, &[("text", "which table?")]).await;
    let question = office.dm("ada", "linus asks back").await;
    office.press("ada", &question, "Answer…").await;
    let form = office.slack.until_view(&user("ada"), |view| view.title() == "Answer").await;
    office.slack.submit(&user("ada"), &form, &[("text", "orders, the May rows")]).await;
    let card = office.changed(&card, "orders, the May rows").await;
    office.press("linus", &card, "Approve less…").await;
    let form = office.slack.until_view(&user("linus"), |view| view.title() == "Approve less").await;
    office.slack.submit(&user("linus"), &form, &[("span", "30m"), ("level", "read"), ("note", "look only")]).await;
    office.changed(&card, "Approved by linus for 30m, read only").await;
    let ada = office.world.person("ada").await;
    let grant = office.world.workflows().grants(&ada, ALL).await.expect("grants").remove(0);
    assert_eq!((grant.access, grant.until.since(grant.from)), (Access::Read, Span::minutes(30)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_free_text_is_shown_before_it_is_asked() {
    let office = Office::open().await;
    office.slack.mention(&user("ada"), CHANNEL, "orders-prod for 30 min please, INC-9").await;
    let shown = office.told("ada", "Is this what you want to ask for?").await;
    let ada = office.world.person("ada").await;
    assert!(office.world.workflows().requests(&ada, ALL).await.expect("requests").is_empty(), "nothing is asked yet");
    office.press("ada", &shown, "Ask for it").await;
    office.card("ada wants READ").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn breaking_the_glass_is_loud_and_can_be_taken_back() {
    let emergency = "[[rule]]\nname = \"bulk write\"";
    let way = format!(
        "[[emergency]]\nname = \"glass\"\nwho = \"group:orders\"\ntargets = {{ team = \"orders\" }}\nlevels = [\"write\"]\n\
         at_most = \"30m\"\nreview = {{ from = \"group:dba\", people = 1, within = \"24h\" }}\n\n{emergency}"
    );
    let office = Office::open_with(vec![(emergency.to_owned(), way)]).await;
    office.types("ada", "/breakglass", "orders-prod write 30m because the shop is down").await;
    let shown = office.told("ada", "Break the glass?").await;
    office.press("ada", &shown, "Break the glass").await;
    let alarm = office.card("BREAK-GLASS").await;
    assert!(alarm.says("the shop is down"), "{:?}", alarm.seen());
    office.card("Review what").await;
    let mut psql = office.world.connect("ada").await;
    psql.ask("SELECT 1 AS one;", "one").await;
    office.press("linus", &alarm, "Revoke…").await;
    let form = office.slack.until_view(&user("linus"), |view| view.title() == "End this access").await;
    office.slack.submit(&user("linus"), &form, &[("because", "not agreed")]).await;
    office.changed(&alarm, "Revoked by linus").await;
    psql.ask("SELECT 1;", "access to orders-prod was revoked").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_own_page_shows_what_waits_and_what_one_has() {
    let office = Office::open().await;
    office.world.grant("ada", Access::Write, Span::hours(1)).await;
    office.slack.open_home(&user("ada")).await;
    let home = office.slack.until_home(&user("ada"), |view| view.says("access to 1")).await;
    office.press_in("ada", &home, "I'm done").await;
    office.slack.open_home(&user("ada")).await;
    office.slack.until_home(&user("ada"), |view| view.says("access to 0")).await;
    office.slack.open_home(&user("mallory")).await;
    office.slack.until_home(&user("mallory"), |view| view.says("countersign link slack")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_was_overtaken_does_not_stay() {
    let office = Office::open().await;
    office.world.grant("ada", Access::Write, Span::hours(1)).await;
    office.slack.open_home(&user("ada")).await;
    let home = office.slack.until_home(&user("ada"), |view| view.says("access to 1")).await;
    let go = Arc::new(tokio::sync::Notify::new());
    office.slack.mishap("views.publish", [Mishap::Late(Arc::clone(&go))]);
    office.slack.open_home(&user("ada")).await;
    office.slack.until("call on its way", |state| (state.waiting == 1).then_some(())).await;
    office.press_in("ada", &home, "I'm done").await;
    office.slack.until_home(&user("ada"), |view| view.says("access to 0")).await;
    go.notify_one();
    // The first page, the one that overtook, the one that was overtaken, and the one that puts it right.
    let published = |state: &State| state.calls.iter().filter(|call| call.method == "views.publish").count();
    office.slack.until("fourth page", |state| (published(state) == 4).then_some(())).await;
    office.slack.until_home(&user("ada"), |view| view.says("access to 0")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_linked_by_signing_in_and_typing_the_code() {
    let office = Office::open().await;
    let token = office.world.token("alan").await;
    let http = reqwest::Client::builder().build().expect("a client");
    let call = |path: &str, body: serde_json::Value| {
        let url = format!("{}{path}", office.public);
        http.post(url).bearer_auth(token.reveal()).json(&body).send()
    };
    let begun: serde_json::Value =
        call("/v1/links", json!({ "chat": "slack" })).await.expect("answered").json().await.expect("a document");
    office.slack.sign_in_as(Some(&user("alan")));
    let page = http.get(begun["url"].as_str().expect("an address")).send().await.expect("the browser came back");
    assert_eq!(page.status(), 200);
    let page = page.text().await.expect("a page");
    let shown = page.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next()).expect("a code");
    let id = begun["id"].as_str().expect("an id");
    let wrong = call(&format!("/v1/links/{id}/finish"), json!({ "code": "00000000" })).await.expect("answered");
    assert_eq!(wrong.status(), 403);
    office.types("alan", "/access", "mine").await;
    office.told("alan", "countersign link slack").await;
    let done = call(&format!("/v1/links/{id}/finish"), json!({ "code": shown })).await.expect("answered");
    assert_eq!(done.status(), 200, "{:?}", done.text().await);
    office.types("alan", "/access", "mine").await;
    office.told("alan", "waiting for you").await;
    // A page that is opened again, or with another state, links nothing.
    let again = http.get(begun["url"].as_str().expect("an address")).send().await.expect("answered");
    assert_eq!(again.status(), 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g11_webhooks_count_when_slack_signed_them_and_once() {
    let office = Office::open_with(vec![(
        "app_token = \"file:@FOLDER@/app\"".to_owned(),
        "signing_secret = \"file:@FOLDER@/signing\"".to_owned(),
    )])
    .await;
    let at = |path: &str| format!("{}/slack/{path}", office.public);
    office.slack.deliver_by_http_to(&at("events"), &at("interactions"), &at("commands"));
    assert!(office.slack.verify_url().await);
    let payload = office.slack.slash_payload(&user("ada"), CHANNEL, "/access", "orders-prod read 1h because INC-1");
    for forged in [
        office.slack.signed_with("another-secret", Kind::Slash, &payload, 0),
        office.slack.signed_at(Kind::Slash, &payload, 400),
        office.slack.signed_at(Kind::Slash, &payload, -400),
        office.slack.signed(Kind::Slash, &payload).tampered("read", "write"),
        office.slack.signed(Kind::Slash, &payload).unsigned(),
    ] {
        assert_eq!(office.slack.send(&forged).await.expect("answered").0, 401);
    }
    let signed = office.slack.signed(Kind::Slash, &payload);
    assert_eq!(office.slack.send(&signed).await.expect("answered").0, 200);
    let card = office.card("ada wants READ").await;
    // Replayed within five minutes: known, and not done again.
    assert_eq!(office.slack.send(&signed).await.expect("answered").0, 200);
    office.press("linus", &card, "Approve 1h").await;
    office.changed(&card, "Approved by linus").await;
    let ada = office.world.person("ada").await;
    assert_eq!(office.world.workflows().requests(&ada, ALL).await.expect("requests").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_what_a_requester_writes_is_shown_and_not_obeyed() {
    let office = Office::open().await;
    let nasty = "<!channel> <@U0LINUS> <https://evil.example|click> `x` *b* @here\u{202e}gnp.exe ``` </pre>";
    let mut psql = office.session().await;
    psql.ask(&format!("DELETE FROM order_items /* {nasty} */;"), "held by rule").await;
    let held = office.card("held command").await;
    let ada = office.world.person("ada").await;
    let ask = workflows::engine::AccessAsk {
        target: "orders-prod".parse().expect("a name"),
        access: Access::Write,
        span: Span::hours(2),
        why: nasty.to_owned(),
        emergency: false,
    };
    let grace = office.world.person("grace").await;
    drop(ada);
    office.world.workflows().request(&grace, ask).await.expect("asked");
    let asked = office.card("grace wants WRITE").await;
    for card in [held, asked] {
        let seen = card.seen();
        assert!(seen.links.is_empty(), "{:?}", seen.links);
        assert!(
            seen.mentions.iter().all(|one| one == &user("linus") || one == &user("grace")),
            "{:?}",
            seen.mentions
        );
        assert!(seen.text.contains("\\u{202e}"), "{}", seen.text);
        assert!(!seen.text.contains('\u{202e}'));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_loses_no_click_and_posts_nothing_twice() {
    let mut office = Office::open().await;
    office.types("ada", "/access", "orders-prod write 1h because INC-42").await;
    let card = office.card("ada wants WRITE").await;
    let action = card.buttons()[0].action_id.clone();
    let pressed = office.slack.click(&user("linus"), &card, &action).await;
    assert!(pressed.is_acked());
    // Acknowledged, and perhaps not worked on yet.
    office.world.crash_and_restart().await;
    office.changed(&card, "Approved by linus").await;
    office.dm("ada", "countersign connect orders-prod").await;
    let ours = |message: &crate::slack::Message| message.says("ada wants WRITE");
    assert_eq!(office.slack.messages(CHANNEL).iter().filter(|message| ours(message)).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_post_one_card_and_count_one_click() {
    let (url, _store) = crate::outage::store_of_its_own().await;
    let office = Office::open_on(Some(url), Vec::new()).await;
    let (_serving, _other) = World::beside(&office.world).await;
    office.slack.until_connected(2).await;
    for _round in 0..3 {
        office.types("ada", "/access", "orders-prod write 1h because INC-42").await;
        let card = office
            .slack
            .until_message(CHANNEL, |message| message.says("ada wants WRITE") && !message.buttons().is_empty())
            .await;
        office.press("linus", &card, "Approve 1h").await;
        office.changed(&card, "Approved by linus").await;
        let held = office
            .slack
            .until_dm(&user("ada"), |message| message.buttons().iter().any(|one| one.label == "I'm done"))
            .await;
        office.press("ada", &held, "I'm done").await;
        office.changed(&held, "was ended by you").await;
    }
    let cards = office.slack.messages(CHANNEL);
    assert_eq!(cards.iter().filter(|message| message.says("ada wants WRITE")).count(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_of_two_companies_hears_nothing() {
    let office = Office::open().await;
    office.slack.share(CHANNEL).await;
    office.types("ada", "/access", "orders-prod write 1h because secret matters").await;
    // Those who decide hear of it in person instead.
    office.dm("linus", "secret matters").await;
    assert!(!office.slack.messages(CHANNEL).iter().any(|message| message.says("secret matters")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_opens_the_week_takes_something_away_and_says_so() {
    let manages = "[manages]\n\"edsger\" = [\"ada\"]\n\n[group]\n";
    // A Wednesday.
    let now = Timestamp::from_micros(1_800_000_000_000_000);
    let (office, hand) = Office::open_at(now, vec![("[group]\n".to_owned(), manages.to_owned())]).await;
    office.world.grant("ada", Access::Write, Span::hours(2)).await;
    hand.advance(Span::hours(24 * 7));
    let workflows = office.world.workflows();
    // This week's: granted, not used, and still there.
    office.world.grant("ada", Access::Read, Span::hours(3)).await;
    workflows.sweep_digests().await.expect("swept");
    let card = office.dm("edsger", "Access digest").await;
    assert!(card.says("never used") && card.says("owed until"), "{:?}", card.seen());
    // Never to somebody whom it is about.
    assert!(!office.slack.dm(&user("ada")).iter().any(|message| message.says("Access digest")));
    office.press("edsger", &card, "I have reviewed this").await;
    office.changed(&card, "reviewed by edsger").await;
    let edsger = office.world.person("edsger").await;
    let filed = workflows.digests(&edsger).await.expect("digests");
    assert!(matches!(filed[0].review, workflows::digest::Review::Done { .. }), "{filed:?}");
    office.types("edsger", "/access", "digest").await;
    office.told("edsger", "Access digest").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_that_was_deleted_comes_back_when_it_has_something_to_say() {
    let office = Office::open().await;
    office.types("ada", "/access", "orders-prod write 1h because INC-42").await;
    let card = office.card("ada wants WRITE").await;
    office.slack.change(|state| state.messages.retain(|message| message.ts != card.ts));
    let ada = office.world.person("ada").await;
    let asked = office.world.workflows().requests(&ada, ALL).await.expect("requests").remove(0);
    office.world.approve("linus", asked.id).await;
    let again = office.card("Approved by linus").await;
    assert_ne!(again.ts, card.ts);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g10_somebody_who_is_deactivated_meanwhile_decides_nothing() {
    let office = Office::open().await;
    office.types("ada", "/access", "orders-prod write 1h because INC-42").await;
    let card = office.card("ada wants WRITE").await;
    office.slack.deactivate(&user("linus")).await;
    office.press("linus", &card, "Approve 1h").await;
    // Whoever is gone is not told; what counts is that nothing was given.
    office.press("grace", &card, "Approve 1h").await;
    let card = office.changed(&card, "Approved by grace").await;
    assert!(!card.says("Approved by linus"), "{:?}", card.seen());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_says_what_is_wrong_with_a_token_and_a_channel() {
    let office = Office::open().await;
    let config = countersign::config::Config::parse(office.world.text(), "test.toml").expect("a file");
    let slack = bot::slack::Slack::new(config.bot.slack.expect("a table")).expect("a platform");
    let found = bot::Platform::examine(&slack).await;
    assert!(found.iter().all(|one| one.grade < bot::platform::Grade::Wrong), "{found:?}");
    office.slack.share(CHANNEL).await;
    office.slack.uninstall().await;
    let found = bot::Platform::examine(&slack).await;
    let wrong: Vec<_> = found.iter().filter(|one| one.grade == bot::platform::Grade::Wrong).collect();
    assert!(!wrong.is_empty() && wrong.iter().all(|one| !one.fix.is_empty()), "{found:?}");
    assert!(!format!("{found:?}").contains("test-bot-token"), "no token is repeated (G15)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_told_is_told_later_and_nothing_of_it_twice() {
    let office = Office::open().await;
    office.types("ada", "/access", "orders-prod write 1h because INC-42").await;
    let card = office.card("ada wants WRITE").await;
    // The thread hears the question, and then the way to ada is closed for a moment.
    office.slack.mishap("conversations.open", [Mishap::Error("internal_error"), Mishap::Error("internal_error")]);
    office.press("linus", &card, "Ask…").await;
    let form = office.slack.until_view(&user("linus"), |view| view.title() == "Ask back").await;
    office.slack.submit(&user("linus"), &form, &[("text", "which table?")]).await;
    office.dm("ada", "linus asks back").await;
    let said = office.slack.messages(CHANNEL);
    assert_eq!(said.iter().filter(|message| message.says("linus asks back")).count(), 1);
    // A token that is refused for a moment loses nothing either.
    office.slack.mishap("chat.update", [Mishap::Error("token_revoked")]);
    office.press("linus", &card, "Approve 1h").await;
    office.changed(&card, "Approved by linus").await;
}
