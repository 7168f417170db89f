//! Cards as they are sent, letter by letter.

use serde_json::json;
use workflows::clock::Timestamp;
use workflows::identity::{Chat, ChatUser};

use super::super::blocks::blocks;
use super::super::page::Look;
use crate::card::{Button, Card, Part, Piece, Ping, Text, Tone, Verb, Weight};

fn button(verb: Verb, label: &str, weight: Weight) -> Button {
    Button {
        verb,
        label: label.to_owned(),
        spoken: format!("{label} it"),
        weight,
        key: "crd_1".to_owned(),
        choice: String::new(),
        confirm: None,
    }
}

#[test]
fn a_request() {
    let card = Card {
        summary: "ann@example.com wants WRITE on orders-prod for 1h.".to_owned(),
        title: Text::default()
            .strong("ann@example.com")
            .say(" wants ")
            .strong("WRITE")
            .say(" on ")
            .code("orders-prod")
            .say(" for 1h"),
        tone: Tone::Asking,
        parts: vec![
            Part::Quote("Why", "INC-42 <!channel>".to_owned()),
            Part::Fact("With it they can", Text::plain("change data")),
            Part::Fact(
                "State",
                Text::default().strong("Waits").say(" until ").moment(Timestamp::from_micros(1_795_757_654_000_000)),
            ),
            Part::Note(Text::plain("req_1 · asked 2026-11-27 05:34 UTC")),
        ],
        buttons: vec![
            button(Verb::Approve, "Approve 1h", Weight::Primary),
            Button { confirm: Some("Deny it?".to_owned()), ..button(Verb::Deny, "Deny…", Weight::Danger) },
        ],
        more: vec![
            button(Verb::Delegate, "Delegate…", Weight::Normal),
            Button { choice: "2".to_owned(), ..button(Verb::Claim, "Claim", Weight::Normal) },
        ],
    };
    let plain = |text: &str| json!({ "type": "plain_text", "text": text, "emoji": false });
    let words = |text: &str| json!({ "type": "text", "text": text });
    let bold = |text: &str| json!({ "type": "text", "text": text, "style": { "bold": true } });
    let expected = json!([
        { "type": "header", "text": plain("🔔 ann@example.com wants WRITE on orders-prod for 1h") },
        { "type": "rich_text", "elements": [
            { "type": "rich_text_section", "elements": [bold("Why")] },
            { "type": "rich_text_preformatted", "elements": [words("INC-42 <!channel>")] },
        ] },
        { "type": "rich_text", "elements": [{ "type": "rich_text_section", "elements": [
            bold("With it they can: "), words("change data"), words("\n"), bold("State: "), bold("Waits"), words(" until "),
            { "type": "date", "timestamp": 1_795_757_654, "format": "{date_short_pretty} at {time}", "fallback": "2026-11-27 05:34 UTC" },
        ] }] },
        { "type": "context", "elements": [plain("req_1 · asked 2026-11-27 05:34 UTC")] },
        { "type": "actions", "elements": [
            { "type": "button", "action_id": "approve", "text": plain("Approve 1h"), "value": "crd_1|", "style": "primary",
              "accessibility_label": "Approve 1h it" },
            { "type": "button", "action_id": "deny", "text": plain("Deny…"), "value": "crd_1|", "style": "danger",
              "accessibility_label": "Deny… it",
              "confirm": { "title": plain("Are you sure?"), "text": plain("Deny it?"), "confirm": plain("Deny…"), "deny": plain("Cancel"),
                           "style": "danger" } },
            { "type": "overflow", "action_id": "more", "options": [
                { "text": plain("Delegate…"), "value": "delegate|crd_1|" },
                { "text": plain("Claim"), "value": "claim|crd_1|2" },
            ] },
        ] },
    ]);
    assert_eq!(json!(blocks(&card, Look::MESSAGE)), expected);
}

#[test]
fn a_call_to_somebody_in_a_thread() {
    let who = ChatUser { chat: Chat::Slack, workspace: "T1".to_owned(), user: "U0BOB".to_owned() };
    let title = Text::default().and(Piece::Person(who, Ping::Loud)).say(" reminded: this still waits");
    let card = Card { title, ..Card::saying(Tone::Asking, "reminded") };
    let bold = json!({ "bold": true });
    let expected = json!([{ "type": "rich_text", "elements": [{ "type": "rich_text_section", "elements": [
        { "type": "text", "text": "🔔 ", "style": bold },
        { "type": "user", "user_id": "U0BOB", "style": bold },
        { "type": "text", "text": " reminded: this still waits", "style": bold },
    ] }] }]);
    assert_eq!(json!(blocks(&card, Look::MESSAGE)), expected);
}

#[test]
fn buttons_of_one_verb_have_names_of_their_own() {
    let act = |choice: &str| Button { choice: choice.to_owned(), ..button(Verb::Act, "Revoke", Weight::Normal) };
    let mut card = Card::saying(Tone::Over, "Digest");
    card.parts = vec![Part::Buttons(vec![act("0")]), Part::Rule, Part::Buttons(vec![act("1")])];
    card.buttons = vec![button(Verb::Reviewed, "Reviewed", Weight::Primary)];
    let shown = json!(blocks(&card, Look::MESSAGE));
    let names: Vec<&str> =
        [1, 3, 4].iter().map(|at| shown[at]["elements"][0]["action_id"].as_str().unwrap()).collect();
    assert_eq!(names, ["act", "act:2", "reviewed"]);
}

#[test]
fn a_table_is_slacks_own_once() {
    let rows = vec![vec!["who".to_owned(), "hours".to_owned()], vec!["ann".to_owned()]];
    let card = Card::saying(Tone::Over, "Digest").with(Part::Table(rows.clone())).with(Part::Table(rows));
    let shown = json!(blocks(&card, Look::MESSAGE));
    let cell = |text: &str| json!({ "type": "raw_text", "text": text });
    assert_eq!(
        shown[1],
        json!({ "type": "table", "rows": [[cell("who"), cell("hours")], [cell("ann"), cell("–")]] })
    );
    assert_eq!(shown[2]["elements"][0]["elements"][0]["text"], "who  hours\nann  –");
}
