//! Any card fits, and no text in it becomes more than text (G9). Read here by rules of our own.

#[path = "forms.rs"]
mod forms;
#[path = "rules.rs"]
mod rules;

use proptest::prelude::*;
use serde_json::json;
use workflows::clock::Timestamp;
use workflows::identity::{Chat, ChatUser};
use workflows::shown::visible;

use self::rules::{OURS, active, faults, harmless, list, plain};
use super::super::words::{BREAK, Where, escape, fixed};
use super::{Message, message, named};
use crate::card::{Button, Card, Chart, Part, Piece, Ping, Text, Tone, Verb, Weight};

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        2 => any::<String>(),
        1 => "[ -~]{0,40}",
        4 => prop::sample::select(vec![
            "<@1>", "<@!1>", "<@&1>", "<#1>", "</ask:1>", "<t:1:R>", "<:a:1>", "<a:b:1>", "@everyone", "@here", "https://evil.example",
            "http:", "//evil.example", "www.evil.example", "discord.gg/x", "[a](https://evil.example)", "[", "](", ")", "```", "``", "`", "**", "*",
            "_", "__", "~~", "||", "# ", "-# ", "> ", ">>> ", "- ", "1. ", "1", ".", ":smile:", "\u{202e}", "\u{200b}", "\u{0}", "\n", "\n\n", "\t",
            "\\", "<", ">", "|", "approve|crd_1|", " ",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn much() -> impl Strategy<Value = String> {
    (hostile(), prop_oneof![4 => Just(1_usize), 1 => 50..400_usize]).prop_map(|(text, times)| text.repeat(times))
}

fn someone(id: &str) -> ChatUser {
    ChatUser { chat: Chat::Discord, workspace: "700".to_owned(), user: id.to_owned() }
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        4 => much().prop_map(Piece::Plain),
        2 => hostile().prop_map(Piece::Strong),
        2 => hostile().prop_map(Piece::Code),
        1 => any::<i64>().prop_map(|at| Piece::Moment(Timestamp::from_micros(at))),
        1 => Just(Piece::Person(someone("42"), Ping::Loud)),
        1 => Just(Piece::Person(someone("42> <@1"), Ping::Loud)),
        1 => Just(Piece::Person(someone("42"), Ping::Quiet)),
        1 => hostile().prop_map(|words| Piece::Link { words, url: OURS.to_owned() }),
        1 => hostile().prop_map(|words| Piece::Link { words, url: "http://127.0.0.1.evil.example".to_owned() }),
    ]
}

fn text() -> impl Strategy<Value = Text> {
    prop::collection::vec(piece(), 0..5).prop_map(Text)
}

fn button() -> impl Strategy<Value = Button> {
    let weight = prop::sample::select(vec![Weight::Primary, Weight::Normal, Weight::Danger]);
    let key = prop_oneof![9 => Just("crd_01jd4y6c9e7q2v".to_owned()), 1 => "[a-z]{0,200}"];
    (prop::sample::select(Verb::ALL.to_vec()), hostile(), hostile(), weight, key, "[a-z0-9_-]{0,40}").prop_map(
        |(verb, label, spoken, weight, key, choice)| Button {
            verb,
            label,
            spoken,
            weight,
            key,
            choice,
            confirm: None,
        },
    )
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        4 => text().prop_map(|text| Part::Fact("Why", text)),
        3 => text().prop_map(Part::Say),
        3 => much().prop_map(|text| Part::Quote("Command", text)),
        2 => text().prop_map(Part::Note),
        1 => prop::collection::vec(prop::collection::vec(hostile(), 0..12), 0..8).prop_map(Part::Table),
        1 => Just(Part::Rule),
        1 => prop::collection::vec(button(), 0..9).prop_map(Part::Buttons),
    ]
}

fn card() -> impl Strategy<Value = Card> {
    let tone = prop::sample::select(vec![Tone::Asking, Tone::Good, Tone::Bad, Tone::Over, Tone::Loud]);
    let buttons = || prop::collection::vec(button(), 0..12);
    (much(), text(), tone, prop::collection::vec(part(), 0..30), buttons(), buttons())
        .prop_map(|(summary, title, tone, parts, buttons, more)| Card { summary, title, tone, parts, buttons, more })
}

fn buttons(message: &Message) -> Vec<(Verb, String, String)> {
    let rows = list(&message.body["components"]).iter().flat_map(|row| list(&row["components"]));
    rows.map(|button| named(button["custom_id"].as_str().unwrap()).unwrap()).collect()
}

fn press(verb: Verb, label: &str, weight: Weight) -> Button {
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

fn quoted(message: &Message) -> String {
    let (_, blocks) = active(message.body["embeds"][0]["description"].as_str().unwrap());
    blocks.iter().map(|block| block.strip_prefix('\n').unwrap().strip_suffix('\n').unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_card_fits_and_its_texts_stay_texts(card in card()) {
        let shown = message(&card);
        prop_assert_eq!(faults(&shown.body), Vec::<String>::new());
        harmless(&shown.body);
        let all: Vec<_> = card.all_buttons().map(|one| (one.verb, one.key.clone(), one.choice.clone())).collect();
        prop_assert!(buttons(&shown).iter().all(|one| all.contains(one)));
    }

    #[test]
    fn a_short_text_is_always_shown_whole(text in prop::collection::vec(prop::sample::select(vec!['a', '`', '\\', '\n', '<', 'é', '*']), 1..1_500)) {
        let text: String = text.into_iter().collect();
        prop_assume!(!text.trim().is_empty());
        let mut card = Card::saying(Tone::Asking, "Somebody waits");
        card.parts = vec![Part::Fact("Why", Text::plain("*".repeat(5_000))); 8];
        card.parts.push(Part::Quote("Command", text.clone()));
        card.buttons = vec![press(Verb::Approve, "Run once", Weight::Primary)];
        let shown = message(&card);
        prop_assert_eq!(faults(&shown.body), Vec::<String>::new());
        prop_assert_eq!(quoted(&shown).replace(BREAK, ""), text);
        prop_assert_eq!(buttons(&shown).len(), 1);
    }

    #[test]
    fn agreeing_is_offered_only_below_a_text_that_is_shown_whole(texts in prop::collection::vec(much(), 1..4)) {
        let mut card = Card::saying(Tone::Asking, "Somebody waits");
        card.buttons = vec![press(Verb::Approve, "Yes", Weight::Primary), press(Verb::Deny, "No", Weight::Danger)];
        card.more = vec![press(Verb::ApproveForSession, "Always", Weight::Normal)];
        card.parts = texts.iter().map(|text| Part::Quote("Command", text.clone())).collect();
        let shown = message(&card);
        let whole: String = texts.iter().map(|text| if text.trim().is_empty() { "–".to_owned() } else { visible(text) }).collect();
        let offered = buttons(&shown).iter().any(|(verb, ..)| *verb != Verb::Deny);
        prop_assert_eq!(quoted(&shown).replace(BREAK, "") == whole, offered);
        prop_assert!(buttons(&shown).iter().any(|(verb, ..)| *verb == Verb::Deny));
    }

    #[test]
    fn a_text_reads_as_it_was_written(text in much()) {
        let read = plain(&escape(&text, Where::Fresh)).map_err(TestCaseError::fail)?;
        prop_assert_eq!(read.replace(BREAK, ""), visible(&text));
    }

    #[test]
    fn nothing_ends_a_block(text in much()) {
        prop_assert!(!fixed(&text).contains("```"));
    }
}

#[test]
fn a_request() {
    let title =
        Text::default().strong("ann@example.com").say(" wants ").strong("WRITE").say(" on ").code("orders-prod");
    let card = Card {
        summary: "ann@example.com wants WRITE on orders-prod for 1h.".to_owned(),
        title,
        tone: Tone::Asking,
        parts: vec![
            Part::Quote("Why", "INC-42 @everyone ```".to_owned()),
            Part::Fact("With it they can", Text::plain("change *data*")),
            Part::Fact(
                "State",
                Text::default().strong("Waits").say(" until ").moment(Timestamp::from_micros(1_795_757_654_000_000)),
            ),
            Part::Say(
                Text::default()
                    .and(Piece::Person(someone("42"), Ping::Loud))
                    .say(" may decide; see ")
                    .and(Piece::Link { words: "all".to_owned(), url: OURS.to_owned() }),
            ),
            Part::Note(Text::plain("req_1 · asked 2026-11-27 05:34 UTC")),
        ],
        buttons: vec![
            press(Verb::Approve, "Approve 1h", Weight::Primary),
            press(Verb::Deny, "Deny…", Weight::Danger),
        ],
        more: vec![press(Verb::Claim, "Claim", Weight::Normal)],
    };
    let button =
        |style: u8, label: &str, id: &str| json!({ "type": 2, "style": style, "label": label, "custom_id": id });
    let description = "**Why**\n```\nINC-42 @everyone ``\u{200b}`\n```\n**With it they can:** change \\*data\\*\n\
        **State:** **Waits** until <t:1795757654:f>\n<@42> may decide; see [all](https://gate.example/requests)\n\
        -# req\\_1 · asked 2026-11-27 05:34 UTC";
    let expected = json!({
        "content": "<@42> ann@example.com wants WRITE on orders-prod for 1h.",
        "embeds": [{ "title": "🔔 ann@example.com wants WRITE on orders-prod", "description": description, "fields": [], "color": 0x17_54_96 }],
        "components": [{ "type": 1, "components": [
            button(1, "Approve 1h", "approve:0|crd_1|"), button(4, "Deny…", "deny:1|crd_1|"), button(2, "Claim", "claim:2|crd_1|"),
        ] }],
        "allowed_mentions": { "parse": [], "users": ["42"] }, "attachments": [],
    });
    assert_eq!(message(&card).body, expected);
}

#[test]
fn a_held_command() {
    let mut card = Card::saying(Tone::Loud, "A command of ann waits");
    card.parts = vec![Part::Quote("Command", "DELETE FROM a;\n".repeat(400))];
    card.buttons = vec![press(Verb::Approve, "Run once", Weight::Primary), press(Verb::Open, "Open", Weight::Normal)];
    let shown = message(&card);
    let lines = |count: usize| vec!["DELETE FROM a;"; count].join("\n");
    let expected = json!({
        "title": "🚨 A command of ann waits", "fields": [], "color": 0xc0_1c_28,
        "description": format!("**Command**\n```\n{}\n```\n-# … 146 more lines; open the full text\n\
            -# Not all of the text fits here, so agreeing is not offered here.", lines(254)),
    });
    assert_eq!(shown.body["embeds"][0], expected);
    assert_eq!(buttons(&shown), [(Verb::Open, "crd_1".to_owned(), String::new())]);
}

#[test]
fn a_denial() {
    let mut card = Card::saying(Tone::Bad, "Denied by grace");
    card.parts = vec![
        Part::Fact("Why", Text::plain("not now")),
        Part::Rule,
        Part::Table(vec![vec!["who".to_owned(), "h".to_owned()], vec!["ann".to_owned()]]),
    ];
    let expected = json!({
        "content": "Denied by grace", "components": [],
        "embeds": [{ "title": "⛔ Denied by grace", "description": "**Why:** not now\n\n```\nwho  h\nann  –\n```", "fields": [], "color": 0xa8_43_00 }],
        "allowed_mentions": { "parse": [], "users": [] }, "attachments": [],
    });
    assert_eq!(message(&card).body, expected);
}

#[test]
fn a_chart_goes_along_as_a_picture_with_its_numbers_in_words() {
    let chart = Chart {
        title: "Hours".to_owned(),
        unit: "hours".to_owned(),
        bars: vec![("ann".to_owned(), vec![3])],
        series: vec!["used".to_owned()],
    };
    let shown = message(&Card::saying(Tone::Over, "Digest").with(Part::Chart(chart)));
    assert_eq!(shown.files[0].0, "chart-1.png");
    assert_eq!(
        shown.body["attachments"],
        json!([{ "id": 0, "filename": "chart-1.png", "description": "Hours (hours). ann: 3 used" }])
    );
}

#[test]
fn more_buttons_than_fit_are_left_out_from_the_end_and_counted() {
    let mut card = Card::saying(Tone::Over, "Much");
    card.buttons = vec![press(Verb::Done, "Done", Weight::Primary)];
    card.parts = vec![Part::Buttons(vec![press(Verb::Act, "Revoke", Weight::Normal); 24])];
    card.more = vec![press(Verb::Claim, "Claim", Weight::Normal); 3];
    let shown = message(&card);
    assert_eq!(buttons(&shown).len(), 25);
    assert_eq!(shown.body["components"][0]["components"][1]["label"], "Revoke it", "its like stand beside it");
    assert!(buttons(&shown).iter().all(|(verb, ..)| *verb != Verb::Claim));
    assert_eq!(shown.body["embeds"][0]["description"], "-# 3 more things do not fit here.");
}

#[test]
fn our_reading_sees_markup_where_there_is_some() {
    for markup in [
        "*a*",
        "a_b_",
        "~~a~~",
        "`a`",
        "||a||",
        "[a](b)",
        "<@1>",
        "# a",
        "a\n- b",
        " 12. a",
        "> a",
        "-# a",
        ":smile:",
        "a :x_1: b",
        "\\a",
    ] {
        assert!(plain(markup).is_err(), "{markup}");
    }
    assert_eq!(plain("1 a: b - c # 2. \\*d\\*\n\\# e").unwrap(), "1 a: b - c # 2. *d*\n# e");
}
