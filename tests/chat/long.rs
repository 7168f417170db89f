//! 100 kB of SQL held: whoever decides in chat reads all of it, page by page, and only then may agree (G8).

use serde_json::Value;
use workflows::request::What;

use super::guild::Guild;
use super::office::{Office, user};
use crate::discord::Message;

/// So many numbers, each of them once, over many lines: what is left out or out of order is seen.
const NUMBERS: usize = 9_000;

fn numbers() -> Vec<String> {
    (0..NUMBERS).map(|at| (100_000_000 + at * 7).to_string()).collect()
}

/// A `DELETE` of 100 kB that deletes everything.
fn long() -> String {
    let lines: Vec<String> = numbers().chunks(10).map(|line| line.join(", ")).collect();
    let sql = format!("DELETE FROM order_items WHERE true OR line IN (\n{}\n) OR false;", lines.join(",\n"));
    assert!(sql.len() > 98_000, "{} bytes", sql.len());
    sql
}

/// The numbers in a text, in their order.
fn found(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_digit()).filter(|word| word.len() == 9);
    words.map(str::to_owned).collect()
}

/// What stands in fixed width in a view of Slack.
fn fixed(content: &Value) -> String {
    let of = |block: &Value| {
        let parts = block["elements"].as_array().into_iter().flatten();
        let fixed = parts.filter(|part| part["type"] == "rich_text_preformatted");
        let pieces = fixed.flat_map(|part| part["elements"].as_array().cloned().unwrap_or_default());
        pieces.map(|piece| piece["text"].as_str().unwrap_or_default().to_owned()).collect::<String>()
    };
    content["blocks"].as_array().expect("blocks").iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_kilobytes_are_read_and_agreed_to_in_slack() {
    let office = Office::open().await;
    let mut psql = office.session().await;
    psql.ask(&long(), "held by rule `bulk write`").await;
    let card = office.card("held command").await;
    let held = office.world.held().await;
    let What::Operation { shown, .. } = &held.what else { panic!("an operation") };
    let labels = |all: &[crate::slack::Button]| all.iter().map(|one| one.label.clone()).collect::<Vec<_>>();
    assert!(!labels(&card.buttons()).contains(&"Run once".to_owned()), "{:?}", card.buttons());
    // Nor does whoever types it agree to what was not shown.
    office.types("linus", "/access", &format!("approve {}", held.id)).await;
    office.told("linus", "open the full text first").await;
    let count = shown.chars().count().div_ceil(9_000);
    assert!(count > 10, "{count} pages");
    office.press("linus", &card, "Open the full text").await;
    let mut read = String::new();
    for page in 1.. {
        let start = format!("Page {page} of ");
        let view = office.slack.until_view(&user("linus"), |view| view.says(&start)).await;
        read.push_str(&fixed(&view.content));
        let buttons = labels(&view.seen().buttons);
        if view.says(&format!("Page {page} of {page} ")) {
            assert!(page >= count, "page {page} of {count}");
            assert_eq!(buttons, ["Run once", "Allow for 1h", "Allow again…", "Deny…"]);
            assert_eq!(found(&read), numbers(), "all of it was shown, in its order");
            assert!(read.contains("WHERE true OR line IN (") && read.contains(") OR false;"));
            // Grace has not read it, and linus has not read it for her.
            office.types("grace", "/access", &format!("approve {}", held.id)).await;
            office.told("grace", "open the full text first").await;
            assert_eq!(office.world.server("SELECT count(*) FROM order_items"), "3", "nothing has run");
            assert!(office.press_in("linus", &view, "Run once").await.is_acked());
            break;
        }
        assert_eq!(buttons, ["Next page"], "page {page}");
        assert!(office.press_in("linus", &view, "Next page").await.is_acked());
    }
    psql.has("DELETE 3").await;
    office.changed(&card, "rows in").await;
    assert_eq!(office.slack.errors().len(), 0, "{:?}", office.slack.errors());
}

/// The messages that one person saw since, oldest first, as far as they are about a held command.
fn pages(guild: &Guild, name: &str) -> Vec<Message> {
    let mut all = guild.discord.ephemerals(guild.discord.user(name));
    all.sort_by_key(|message| message.id);
    all.into_iter().filter(|message| !guild.discord.seen(message).code.is_empty()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_kilobytes_are_read_and_agreed_to_in_discord() {
    let guild = Guild::open().await;
    let linus = guild.discord.user("linus");
    guild.world.grant("ada", workflows::target::Access::Write, workflows::clock::Span::hours(1)).await;
    let mut psql = guild.world.connect("ada").await;
    psql.ask(&long(), "held by rule `bulk write`").await;
    let card = guild.card("held command").await;
    let held = guild.world.held().await;
    let What::Operation { shown, .. } = &held.what else { panic!("an operation") };
    let labels =
        |message: &Message| guild.discord.seen(message).buttons.into_iter().map(|one| one.label).collect::<Vec<_>>();
    assert!(!labels(&card).contains(&"Run once".to_owned()), "{:?}", labels(&card));
    let (bot, approvals) = (guild.discord.app_id(), guild.discord.channel("approvals"));
    guild.discord.say(linus, approvals, &format!("<@{bot}> approve {}", held.id));
    guild.discord.until_dm(linus, |message| guild.says(message, "open the full text first")).await;
    let count = shown.chars().count().div_ceil(9_000);
    assert!(count > 10, "{count} pages");
    guild.press("linus", &card, "Open the full text").await;
    for page in 1.. {
        // A page of ours takes several messages; the buttons are on its last one.
        let next = format!("|{page}");
        let last = guild
            .discord
            .until_ephemeral(linus, |message| {
                let buttons = guild.discord.seen(message).buttons;
                buttons.iter().any(|one| one.custom_id.ends_with(&next) || one.label == "Run once")
            })
            .await;
        if labels(&last).contains(&"Next page".to_owned()) {
            assert_eq!(labels(&last), ["Next page"], "page {page}");
            guild.press("linus", &last, "Next page").await;
            continue;
        }
        assert!(page >= count, "page {page} of {count}");
        assert_eq!(labels(&last), ["Run once", "Allow for 1h", "Allow again…", "Deny…"]);
        let read: String =
            pages(&guild, "linus").iter().map(|one| guild.discord.seen(one).code.join("\n") + "\n").collect();
        assert_eq!(found(&read), numbers(), "all of it was shown, in its order");
        assert!(read.contains("WHERE true OR line IN (") && read.contains(") OR false;"));
        assert_eq!(guild.world.server("SELECT count(*) FROM order_items"), "3", "nothing has run");
        guild.press("linus", &last, "Run once").await;
        break;
    }
    psql.has("DELETE 3").await;
    guild.discord.until_edited(&card, |message| guild.says(message, "3 rows")).await;
    assert!(guild.discord.refused().is_empty(), "{:?}", guild.discord.refused());
}
