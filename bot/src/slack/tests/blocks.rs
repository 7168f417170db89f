//! Any card fits, and no text in it becomes more than text (G9).

use proptest::prelude::*;
use workflows::clock::Timestamp;
use workflows::identity::{Chat, ChatUser};
use workflows::shown::visible;

use super::super::blocks::blocks;
use super::super::page::{Charts, Look};
use super::super::rich;
use super::rules::{self, Active};
use super::{hostile, long};
use crate::card::{Button, Card, Chart, Part, Piece, Ping, Text, Tone, Verb, Weight};

fn piece() -> impl Strategy<Value = Piece> {
    let person = |ping| {
        move |user: &str| {
            Piece::Person(ChatUser { chat: Chat::Slack, workspace: "T1".to_owned(), user: user.to_owned() }, ping)
        }
    };
    prop_oneof![
        4 => long().prop_map(Piece::Plain),
        2 => hostile().prop_map(Piece::Strong),
        2 => hostile().prop_map(Piece::Code),
        1 => any::<i64>().prop_map(|at| Piece::Moment(Timestamp::from_micros(at))),
        1 => Just("U0ANN").prop_map(person(Ping::Loud)),
        1 => Just("U0ANN").prop_map(person(Ping::Quiet)),
        1 => hostile().prop_map(|words| Piece::Link { words, url: "https://gate.example/requests".to_owned() }),
    ]
}

fn text() -> impl Strategy<Value = Text> {
    prop::collection::vec(piece(), 0..5).prop_map(Text)
}

fn button() -> impl Strategy<Value = Button> {
    let verb = prop::sample::select(Verb::ALL.to_vec());
    let weight = prop::sample::select(vec![Weight::Primary, Weight::Normal, Weight::Danger]);
    let key = prop_oneof![9 => Just("crd_01jd4y6c9e7q2v".to_owned()), 1 => "[a-z]{0,200}"];
    (verb, hostile(), hostile(), weight, key, "[a-z0-9_-]{0,40}", prop::option::of(hostile())).prop_map(
        |(verb, label, spoken, weight, key, choice, confirm)| Button {
            verb,
            label,
            spoken,
            weight,
            key,
            choice,
            confirm,
        },
    )
}

fn chart() -> impl Strategy<Value = Chart> {
    let bars = prop::collection::vec((hostile(), prop::collection::vec(any::<i64>(), 0..4)), 0..25);
    (hostile(), hostile(), bars, prop::collection::vec(hostile(), 0..6))
        .prop_map(|(title, unit, bars, series)| Chart { title, unit, bars, series })
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        4 => text().prop_map(|text| Part::Fact("Why", text)),
        3 => text().prop_map(Part::Say),
        3 => long().prop_map(|text| Part::Quote("Command", text)),
        2 => text().prop_map(Part::Note),
        1 => prop::collection::vec(prop::collection::vec(hostile(), 0..25), 0..8).prop_map(Part::Table),
        1 => chart().prop_map(Part::Chart),
        1 => Just(Part::Rule),
        1 => prop::collection::vec(button(), 0..4).prop_map(Part::Buttons),
    ]
}

pub(super) fn card() -> impl Strategy<Value = Card> {
    let tone = prop::sample::select(vec![Tone::Asking, Tone::Good, Tone::Bad, Tone::Over, Tone::Loud]);
    let buttons = || prop::collection::vec(button(), 0..8);
    (long(), text(), tone, prop::collection::vec(part(), 0..14), buttons(), buttons())
        .prop_map(|(summary, title, tone, parts, buttons, more)| Card { summary, title, tone, parts, buttons, more })
}

/// Everything active that may come out of a card.
fn allowed(card: &Card) -> Active {
    let buttons = card
        .all_buttons()
        .map(|button| (button.verb.as_str().to_owned(), format!("{}|{}", button.key, button.choice)));
    Active { buttons: buttons.collect(), ..Active::default() }
}

fn judge(card: &Card, shown: &serde_json::Value) {
    let mut found = Active::default();
    rules::active(shown, &mut found);
    let allowed = allowed(card);
    assert!(found.buttons.iter().all(|button| allowed.buttons.contains(button)), "{:?}", found.buttons);
    assert!(found.links.iter().all(|link| link == "https://gate.example/requests"), "{:?}", found.links);
    assert!(found.people.iter().all(|person| person == "U0ANN"), "{:?}", found.people);
    assert_eq!(found.others, Vec::<String>::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_card_is_taken_by_slack_and_its_texts_stay_texts(card in card()) {
        for look in [Look::MESSAGE, Look::SIMPLE] {
            let shown = blocks(&card, look);
            prop_assert_eq!(rules::of_message(&shown), Vec::<String>::new());
            judge(&card, &serde_json::json!(shown));
        }
        let home = super::super::views::home(&card);
        prop_assert_eq!(rules::of_view(&home), Vec::<String>::new());
        judge(&card, &home);
    }

    #[test]
    fn the_top_level_text_is_inert(text in long()) {
        let summary = rich::summary(&text);
        prop_assert!(rules::is_inert(&summary), "{}", summary);
        prop_assert!(!summary.is_empty() && summary.len() <= 4_000, "{} bytes", summary.len());
    }

    #[test]
    fn agreeing_is_offered_only_below_a_text_that_is_shown_whole(texts in prop::collection::vec(long(), 1..4)) {
        let approve = |verb| Button { verb, label: "Yes".to_owned(), spoken: String::new(), weight: Weight::Primary, key: "crd_1".to_owned(), choice: String::new(), confirm: None };
        let mut card = Card::saying(Tone::Asking, "Somebody waits");
        card.buttons = vec![approve(Verb::Approve), approve(Verb::Deny)];
        card.more = vec![approve(Verb::ApproveForSession)];
        card.parts = texts.iter().map(|text| Part::Quote("Command", text.clone())).collect();
        let shown = blocks(&card, Look::MESSAGE);
        let whole: String = texts.iter().map(|text| if text.trim().is_empty() { "–".to_owned() } else { visible(text) }).collect();
        let mut found = Active::default();
        rules::active(&serde_json::json!(shown), &mut found);
        let offered = found.buttons.iter().any(|(verb, _)| verb.starts_with("approve"));
        prop_assert_eq!(rules::fixed(&shown) == whole, offered);
        prop_assert!(found.buttons.iter().any(|(verb, _)| verb == "deny"));
    }

    #[test]
    fn a_text_as_long_as_cards_have_it_is_always_shown_whole(text in prop::collection::vec(prop::sample::select(vec!['a', '"', '\\', '\n', '<', 'é', '東']), 1..1_500), why in hostile()) {
        let text: String = text.into_iter().collect();
        prop_assume!(!text.trim().is_empty());
        let mut card = Card::saying(Tone::Asking, "Somebody waits");
        let why: String = why.chars().take(200).collect();
        card.parts = vec![Part::Fact("Held by", Text::plain("x".repeat(5_000))), Part::Quote("Why", why), Part::Quote("Command", text.clone())];
        card.parts.extend(vec![Part::Say(Text::plain("y\"".repeat(3_000))); 5]);
        let button = Button { verb: Verb::Approve, label: "Run once".to_owned(), spoken: "s".repeat(75), weight: Weight::Primary, key: "crd_01jd4y6c9e7q2v".to_owned(), choice: String::new(), confirm: Some("c".repeat(200)) };
        card.buttons = vec![button; 5];
        let shown = blocks(&card, Look::MESSAGE);
        prop_assert_eq!(rules::of_message(&shown), Vec::<String>::new());
        prop_assert!(rules::fixed(&shown).ends_with(&text));
    }
}

#[test]
fn the_worst_short_text_is_shown_whole() {
    let mut card = Card::saying(Tone::Asking, "Somebody waits");
    card.parts = vec![Part::Quote("Why", "\"".repeat(1_000)), Part::Quote("Command", "\"".repeat(1_500))];
    let shown = blocks(&card, Look::MESSAGE);
    assert_eq!(rules::fixed(&shown), "\"".repeat(2_500));
}

#[test]
fn what_does_not_fit_is_counted() {
    let mut card = Card::saying(Tone::Over, "Much");
    card.parts = (0..200).map(|_| Part::Fact("Line", Text::plain("z".repeat(500)))).collect();
    let shown = blocks(&card, Look::MESSAGE);
    assert_eq!(rules::of_message(&shown), Vec::<String>::new());
    let last = shown.last().unwrap().to_string();
    assert!(last.contains("more things do not fit here"), "{last}");
}

#[test]
fn a_text_that_is_too_long_says_how_much_is_missing() {
    let mut card = Card::saying(Tone::Asking, "Held");
    card.parts = vec![Part::Quote("Command", "SELECT 1;\n".repeat(5_000))];
    let shown = blocks(&card, Look::MESSAGE);
    assert_eq!(rules::of_message(&shown), Vec::<String>::new());
    assert!(serde_json::json!(shown).to_string().contains("more lines; open the full text."));
}

#[test]
fn a_chart_that_slack_does_not_draw_becomes_a_picture_or_words() {
    let chart = Chart {
        title: "Hours".to_owned(),
        unit: "hours".to_owned(),
        bars: vec![("ann".to_owned(), vec![3])],
        series: vec!["used".to_owned()],
    };
    let card = Card::saying(Tone::Over, "Digest").with(Part::Chart(chart));
    let files = [Some("F1".to_owned())];
    let picture = serde_json::json!(blocks(&card, Look { charts: Charts::Pictures(&files), ..Look::MESSAGE }));
    assert_eq!(picture[1]["slack_file"]["id"], "F1");
    assert_eq!(picture[1]["alt_text"], "Hours (hours). ann: 3 used");
    let words =
        serde_json::json!(blocks(&card, Look { charts: Charts::Pictures(&[None]), ..Look::MESSAGE })).to_string();
    assert!(words.contains("Hours (hours). ann: 3 used"), "{words}");
}
