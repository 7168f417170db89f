//! The digest's chart in Slack: drawn by Slack where it can, a picture of ours where it can't, words in the end.

use serde_json::{Value, json};
use workflows::clock::{ManualClock, Span, Timestamp};
use workflows::target::Access;

use super::office::{Office, user};
use crate::slack::Message;

/// A Wednesday.
const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// Ada has access, and edsger manages her.
async fn office() -> (Office, ManualClock) {
    let manages = "[manages]\n\"edsger\" = [\"ada\"]\n\n[group]\n";
    Office::open_at(NOW, vec![("[group]\n".to_owned(), manages.to_owned())]).await
}

/// A week in which ada had access, and its digest as edsger gets it.
async fn week(office: &Office, hand: &ManualClock) -> Message {
    let edsger = user("edsger");
    let before: Vec<String> = office.slack.dm(&edsger).into_iter().map(|message| message.ts).collect();
    office.world.grant("ada", Access::Write, Span::hours(2)).await;
    hand.advance(Span::hours(24 * 7));
    office.world.workflows().sweep_digests().await.expect("swept");
    office.slack.until_dm(&edsger, |message| message.says("Access digest") && !before.contains(&message.ts)).await
}

fn of_type<'m>(message: &'m Message, kind: &str) -> Vec<&'m Value> {
    message.blocks.iter().filter(|block| block["type"] == kind).collect()
}

/// The numbers stand below it as a table, whatever becomes of the chart.
fn has_its_numbers(message: &Message) {
    let tables = of_type(message, "table");
    assert_eq!(tables.len(), 1, "{:?}", message.blocks);
    assert!(tables[0].to_string().contains("2.0 h"), "{}", tables[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slack_draws_the_chart_itself_where_it_can() {
    let (office, hand) = office().await;
    let card = week(&office, &hand).await;
    let charts = of_type(&card, "data_visualization");
    assert_eq!(charts.len(), 1, "{:?}", card.blocks);
    let series = &charts[0]["chart"]["series"];
    assert_eq!(series[0], json!({ "name": "held", "data": [{ "label": "ada", "value": 2 }] }));
    assert_eq!(series[1], json!({ "name": "used", "data": [{ "label": "ada", "value": 0 }] }));
    has_its_numbers(&card);
    assert!(office.slack.calls("files.getUploadURLExternal").is_empty(), "nothing is uploaded");
    assert_eq!(office.slack.errors().len(), 0, "{:?}", office.slack.errors());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slack_without_charts_gets_a_picture_and_is_not_asked_again() {
    let (office, hand) = office().await;
    office.slack.set_charts(false);
    let first = week(&office, &hand).await;
    assert!(of_type(&first, "data_visualization").is_empty());
    let images = of_type(&first, "image");
    assert_eq!(images.len(), 1, "{:?}", first.blocks);
    let files = office.slack.files();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(
        images[0]["slack_file"],
        json!({ "id": files[0].id }),
        "it is in the workspace, and has no public address"
    );
    let bytes = files[0].bytes.as_deref().expect("its bytes");
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.len() == files[0].length, "{} bytes", bytes.len());
    assert!(bytes.len() > 1_000 && bytes.ends_with(b"IEND\xaeB`\x82"), "{} bytes", bytes.len());
    // Whoever can't see it reads it; the file itself says the same.
    let words = images[0]["alt_text"].as_str().expect("words");
    assert!(words.contains("ada") && words.contains("2 held"), "{words}");
    assert!(files[0].alt.as_deref().is_some_and(|alt| alt.contains("ada")), "{files:?}");
    assert_eq!(files[0].channel, None, "it is posted nowhere by itself");
    has_its_numbers(&first);
    let refused = |office: &Office| {
        let errors = office.slack.errors();
        errors.into_iter().map(|call| call.error.unwrap_or_default()).collect::<Vec<_>>()
    };
    assert_eq!(refused(&office), ["invalid_blocks"], "it was tried once");
    let second = week(&office, &hand).await;
    assert_ne!(second.ts, first.ts);
    assert_eq!(of_type(&second, "image").len(), 1, "{:?}", second.blocks);
    assert_eq!(refused(&office), ["invalid_blocks"], "and not again");
    // Written anew it keeps its chart.
    office.press("edsger", &second, "I have reviewed this").await;
    let reviewed = office.changed(&second, "reviewed by edsger").await;
    assert_eq!(of_type(&reviewed, "image").len(), 1, "{:?}", reviewed.blocks);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_can_be_uploaded_the_chart_is_words() {
    let (office, hand) = office().await;
    office.slack.set_charts(false);
    office.slack.change(|state| state.app.scopes.remove("files:write"));
    let card = week(&office, &hand).await;
    assert!(of_type(&card, "image").is_empty() && of_type(&card, "data_visualization").is_empty());
    assert!(card.says("Access held and used") && card.says("ada: 2 held"), "{:?}", card.seen());
    has_its_numbers(&card);
}
