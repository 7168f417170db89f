//! What the product really sent to Slack and to Discord in a story, read by clients of theirs that nobody here wrote.

use serde_json::{Value, json};
use workflows::clock::{Span, Timestamp};
use workflows::target::Access;

use super::guild::Guild;
use super::office::{CHANNEL, Office, user};
use crate::drivers::read_by;

/// A Wednesday.
const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// People use what there is: forms, pages, cards, private answers, the home page, the digest.
async fn story_in_slack() -> Office {
    let manages = "[manages]\n\"edsger\" = [\"ada\"]\n\n[group]\n";
    let (office, hand) = Office::open_at(NOW, vec![("[group]\n".to_owned(), manages.to_owned())]).await;
    office.types("ada", "/access", "").await;
    office.slack.until_view(&user("ada"), |view| view.title() == "Ask for access").await;
    office.types("ada", "/access", "help").await;
    office.told("ada", "What you can type").await;
    office.slack.mention(&user("ada"), CHANNEL, "orders-prod for 30 min please, INC-9").await;
    office.told("ada", "Is this what you want to ask for?").await;
    office.types("ada", "/access", "orders-prod write 2h because INC-42").await;
    let card = office.card("ada wants WRITE").await;
    let own = office.dm("ada", "for 2h").await;
    let forms = [
        ("ada", &own, "Change…", "Ask for something else"),
        ("linus", &card, "Approve less…", "Approve less"),
        ("linus", &card, "Deny…", "Deny"),
    ];
    for (who, card, label, title) in forms {
        office.press(who, card, label).await;
        office.slack.until_view(&user(who), |view| view.title() == title).await;
    }
    office.slack.open_home(&user("linus")).await;
    office.slack.until_home(&user("linus"), |view| view.says("1 waiting for you")).await;
    office.press("linus", &card, "Approve 2h").await;
    office.changed(&card, "Approved by linus").await;
    office.slack.open_home(&user("ada")).await;
    office.slack.until_home(&user("ada"), |view| view.says("access to 1")).await;
    office.slack.open_home(&user("mallory")).await;
    office.slack.until_home(&user("mallory"), |view| view.says("countersign link slack")).await;
    let mut psql = office.world.connect("ada").await;
    psql.ask(&format!("DELETE FROM order_items /* {} */;", "x y ".repeat(3_000)), "held by rule").await;
    let held = office.card("held command").await;
    office.press("linus", &held, "Open the full text").await;
    office.slack.until_view(&user("linus"), |view| view.says("Page 1 of 2")).await;
    hand.advance(Span::hours(24 * 7));
    office.world.grant("ada", Access::Read, Span::hours(3)).await;
    office.world.workflows().sweep_digests().await.expect("swept");
    office.dm("edsger", "Access digest").await;
    office
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slacks_own_models_read_what_was_sent_to_slack() {
    let office = story_in_slack().await;
    let (mut messages, mut views) = (Vec::new(), Vec::new());
    let calls = office.slack.read(|state| state.calls.clone());
    for (at, call) in calls.iter().enumerate() {
        match call.method.as_str() {
            "chat.postMessage" | "chat.update" | "chat.postEphemeral" => {
                messages.push(json!([format!("{} {at}", call.method), call.args]));
            }
            "views.open" | "views.update" | "views.publish" => {
                views.push(json!([format!("{} {at}", call.method), call.args["view"]]));
            }
            _ => {}
        }
    }
    // What went to a `response_url` is no call, and is a message.
    let whispers = office.slack.read(|state| {
        let only = state.messages.iter().filter(|message| message.only_for.is_some() && !message.blocks.is_empty());
        only.map(|one| json!(["a private answer", { "text": one.text, "blocks": plain(&one.blocks) }]))
            .collect::<Vec<_>>()
    });
    assert!(
        messages.len() > 10 && views.len() >= 7 && whispers.len() >= 2,
        "{} {} {}",
        messages.len(),
        views.len(),
        whispers.len()
    );
    messages.extend(whispers);
    let asked = json!({ "messages": messages, "views": views });
    let Some(read) = read_by("read_slack.py", "slack_sdk", &asked).await else { return };
    assert_eq!((&read["messages"], &read["views"]), (&json!(messages.len()), &json!(views.len())));
    for kind in ["header", "rich_text", "context", "actions", "input", "table", "data_visualization"] {
        assert!(read["blocks"][kind].as_u64() > Some(0), "no {kind} was read: {read}");
    }
}

/// Blocks without the ids that Slack adds.
fn plain(blocks: &[Value]) -> Vec<Value> {
    let mut blocks = blocks.to_vec();
    for block in &mut blocks {
        block.as_object_mut().expect("a block").remove("block_id");
    }
    blocks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn discord_py_reads_what_was_sent_to_discord() {
    let guild = Guild::open().await;
    guild.asks("ada", "INC-42").await;
    let card = guild.card("wants WRITE").await;
    let form = guild.press("linus", &card, "Ask…").await.modal().clone();
    guild.discord.submit(guild.discord.user("linus"), &form, &[("text", "which table?")]).await;
    guild.press("linus", &card, "Deny…").await.modal();
    guild.press("linus", &card, "Approve less…").await;
    guild.told("linus", "Approve for how long?").await;
    let channel = guild.discord.channel("general");
    guild.discord.command(guild.discord.user("ada"), channel, "access", &[]).await.modal();
    guild.press("linus", &card, "Approve 1h").await;
    guild.discord.until_edited(&card, |message| guild.says(message, "Approved by linus")).await;
    guild.discord.command(guild.discord.user("ada"), channel, "mine", &[]).await;
    guild.told("ada", "access to 1").await;
    let mut psql = guild.world.connect("ada").await;
    psql.ask(&format!("DELETE FROM order_items /* {} */;", "x y ".repeat(3_000)), "held by rule").await;
    let held = guild.card("held command").await;
    guild.press("linus", &held, "Open the full text").await;
    guild.told("linus", "Page 1 of 2").await;
    let (mut messages, mut modals) = (Vec::new(), Vec::new());
    for request in guild.discord.requests() {
        let (route, body) = (request.route.as_str(), request.body);
        if route.ends_with("/callback") && body["type"] == 9 {
            modals.push(json!([route, body["data"]]));
        } else if route.ends_with("/callback") && body["data"]["content"].is_string() {
            messages.push(json!([route, body["data"]]));
        } else if body["content"].is_string() {
            messages.push(json!([route, body]));
        }
    }
    assert!(messages.len() > 8 && modals.len() >= 3, "{} {}", messages.len(), modals.len());
    let asked = json!({ "messages": messages, "modals": modals });
    let Some(read) = read_by("read_discord.py", "discord", &asked).await else { return };
    assert_eq!((&read["messages"], &read["modals"]), (&json!(messages.len()), &json!(modals.len())));
    assert!(read["parts"]["button"].as_u64() > Some(10) && read["parts"]["text"].as_u64() > Some(3), "{read}");
}
