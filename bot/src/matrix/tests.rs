use proptest::prelude::*;
use serde_json::{Value, json};
use workflows::clock::Timestamp;
use workflows::identity::{Chat, ChatUser};

use super::api::{Failed, address, refused};
use super::render::{self, FIELD};
use super::{offer, read};
use crate::card::{Button, Card, Chart, Part, Piece, Ping, Text, Tone, Verb, Weight};
use crate::event::{Action, Event};
use crate::form::{Field, FieldKind, Form, FormName, Need};
use crate::platform::PlatformError;

const ME: &str = "@countersign:example.org";
const KEY: &str = "crd_01JD2Q8ZK5W3T4V6X7Y8Z9ABCD";
const CODE: &str = "Y8Z9ABCD";
/// What an event may have, with what the server adds to it.
const EVENT: usize = 65_536 - 2_048;

fn user(name: &str) -> ChatUser {
    ChatUser { chat: Chat::Matrix, workspace: "example.org".to_owned(), user: name.to_owned() }
}

fn button(verb: Verb, label: &str) -> Button {
    Button {
        verb,
        label: label.to_owned(),
        spoken: label.to_owned(),
        weight: Weight::Normal,
        key: KEY.to_owned(),
        choice: String::new(),
        confirm: None,
    }
}

/// A card with somebody's text wherever one can be.
fn card_with(text: &str) -> Card {
    let pieces = || Text::plain(text).strong(text).code(text).say(" and ").moment(Timestamp::from_micros(0));
    let chart = Chart {
        title: text.to_owned(),
        unit: text.to_owned(),
        bars: vec![(text.to_owned(), vec![1])],
        series: vec![text.to_owned()],
    };
    let confirm = Some(text.chars().take(200).collect());
    Card {
        summary: text.to_owned(),
        title: pieces(),
        tone: Tone::Asking,
        parts: vec![
            Part::Quote("The command, whole", text.to_owned()),
            Part::Fact("Why", pieces()),
            Part::Say(pieces().and(Piece::Person(user("@quiet:example.org"), Ping::Quiet))),
            Part::Note(pieces()),
            Part::Table(vec![vec![text.to_owned(), "b".to_owned()], vec![text.to_owned()]]),
            Part::Chart(chart),
            Part::Rule,
            Part::Buttons(vec![Button { confirm, ..button(Verb::Act, text) }]),
        ],
        buttons: vec![button(Verb::Approve, "Approve 1h"), button(Verb::Deny, "Deny…")],
        more: vec![button(Verb::Claim, text)],
    }
}

/// The tags of a text, and what stands outside of code. Fails where the HTML is not well-formed.
fn tags(html: &str) -> (Vec<String>, String) {
    let (mut tags, mut open, mut outside) = (Vec::new(), Vec::<String>::new(), String::new());
    let mut rest = html;
    while let Some((before, behind)) = rest.split_once('<') {
        if !open.iter().any(|tag| tag == "code") {
            outside.push_str(before);
        }
        assert!(!before.contains('>'), "a bracket of nobody in {before:?}");
        let (tag, behind) = behind.split_once('>').expect("a tag has an end");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop().as_deref(), Some(name), "closed in order"),
            None if matches!(tag, "br" | "hr") => {}
            None => open.push(tag.split(' ').next().unwrap_or_default().to_owned()),
        }
        // Clients look for addresses in each run of text by itself.
        outside.push('\n');
        tags.push(tag.to_owned());
        rest = behind;
    }
    outside.push_str(rest);
    assert!(open.is_empty(), "left open: {open:?}");
    (tags, outside)
}

/// Nothing in it is turned into a link or a mention by a client.
fn assert_dead(text: &str) {
    let pairs: Vec<(char, char)> = text.chars().zip(text.chars().skip(1)).collect();
    let alive = |(c, next): &(char, char)| match c {
        '@' => *next != '\u{200b}',
        ':' => !next.is_whitespace() && !next.is_ascii_digit() && !matches!(*next, ':' | '\u{200b}'),
        '/' => *next == '/',
        '.' => next.is_alphabetic(),
        _ => false,
    };
    assert!(!pairs.iter().any(alive), "{text:?}");
}

fn assert_safe(content: &Value, others: &str) {
    let html = content["formatted_body"].as_str().expect("HTML");
    let body = content["body"].as_str().expect("words");
    let (tags, outside) = tags(html);
    let known = ["p", "strong", "em", "code", "pre", "br", "hr", "table", "tr", "td", "th"];
    for tag in tags {
        assert!(known.contains(&tag.trim_start_matches('/')), "a tag `{tag}` from {others:?}");
    }
    assert_dead(&outside);
    assert_dead(body);
    assert_eq!(content["m.mentions"], json!({}));
    assert!(!body.chars().chain(html.chars()).any(|c| matches!(c, '\u{202e}' | '\u{0}' | '\r' | '\u{2066}')));
}

/// Lines of the plain form that are not of the quoted text, which is set in.
fn own_lines(content: &Value, quoted: &str) -> usize {
    let quoted = workflows::shown::visible(quoted).lines().count();
    content["body"].as_str().expect("words").lines().count() - quoted
}

fn hostile() -> impl Strategy<Value = String> {
    let nasty = [
        "@room",
        "@ada:example.org",
        "#ops:example.org",
        "https://evil.example",
        "www.evil.example",
        "evil.example/x",
        "</code>",
        "</pre>",
        "<a href=\"https://evil.example\">",
        "<mx-reply>",
        "`",
        "```",
        "](",
        "<!channel>",
        "<@U1>",
        "@everyone",
        "\u{202e}",
        "\u{0}",
        "\u{200b}",
        "\n",
        "\r\n",
        "\n- Approve: type ",
        "\nState: Approved",
        "> ",
        "&lt;b&gt;",
        "\"",
        "'",
        "matrix:u/ada:example.org",
        "mailto:x@y.example",
        "!approve",
        "✅",
        "localhost:8080",
        " ",
        "x",
        "\\",
    ];
    let pieces =
        prop_oneof![prop::sample::select(nasty.to_vec()).prop_map(str::to_owned), any::<String>(), "[ -~]{0,40}"];
    prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// G9
    #[test]
    fn nothing_that_others_write_becomes_a_mention_a_link_or_a_line_of_ours(text in hostile()) {
        let said = render::card(&card_with(&text)).marked(KEY);
        let content = said.content();
        assert_safe(&content, &text);
        let harmless = render::card(&card_with("x")).content();
        prop_assert_eq!(own_lines(&content, &text), own_lines(&harmless, "x"));
        let offers = content[FIELD]["buttons"].as_array().expect("buttons");
        let verbs: Vec<&str> = offers.iter().map(|offer| offer["verb"].as_str().expect("a verb")).collect();
        prop_assert_eq!(verbs, ["act", "approve", "deny", "claim"]);
        let edit = said.edit("$event");
        prop_assert_eq!(&edit["m.mentions"], &json!({}));
        assert_dead(edit["body"].as_str().expect("words"));
        prop_assert!(edit.to_string().len() < EVENT);
    }

    #[test]
    fn any_letter_is_read_without_a_fall(text in any::<String>(), body in hostile()) {
        let _ = read::read(&text);
        let event = json!({ "type": "m.room.message", "sender": "@ada:example.org", "event_id": "$1",
            "content": { "msgtype": "m.text", "body": body, "formatted_body": text } });
        let read = read::read(&json!({ "room": "!r:example.org", "me": ME, "direct": true, "event": event }).to_string());
        prop_assert!(read.is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 50, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn nothing_is_too_long_for_an_event(text in hostile(), times in 1_usize..2_000) {
        let long: String = text.repeat(times).chars().take(40_000).collect();
        let said = render::card(&card_with(&long)).marked(KEY);
        prop_assert!(said.content().to_string().len() < EVENT);
        prop_assert!(said.edit("$event").to_string().len() < EVENT);
        tags(said.content()["formatted_body"].as_str().expect("HTML"));
        for said in render::form(&form_with(&long)) {
            assert_safe(&said.content(), "a form");
            prop_assert!(said.content().to_string().len() < EVENT);
        }
    }
}

fn form_with(text: &str) -> Form {
    let kind = FieldKind::Choice(vec![("read".to_owned(), text.chars().take(75).collect())]);
    let label = text.chars().take(45).collect();
    Form {
        name: FormName::Read,
        key: KEY.to_owned(),
        title: "The held command".to_owned(),
        submit: None,
        parts: vec![Part::Quote("Command", text.to_owned())],
        fields: vec![Field {
            name: "level",
            label,
            hint: String::new(),
            value: String::new(),
            need: Need::Required,
            kind,
        }],
        buttons: vec![button(Verb::Approve, "Run once"), button(Verb::Next, "Next page")],
    }
}

#[test]
fn a_page_of_a_form_is_shown_whole() {
    let lines: Vec<String> = (0..600).map(|at| format!("SELECT {at}; -- é<>&\n")).collect();
    let page = lines.concat();
    let said = render::form(&form_with(&page));
    let shown: String = said.iter().map(|said| said.content()["body"].as_str().expect("words").to_owned()).collect();
    for at in 0..600 {
        assert!(shown.contains(&format!("SELECT {at};")), "line {at}");
    }
    let buttons = |at: usize| said[at].content()[FIELD]["buttons"].as_array().map_or(0, Vec::len);
    assert_eq!(buttons(said.len() - 1), 2, "the last message has the buttons");
}

#[test]
fn a_command_that_a_card_shows_whole_is_whole_and_a_longer_one_says_how_much_is_missing() {
    let whole: String = "\"🎉\\&".chars().cycle().take(crate::render::CARD_TEXT).collect();
    let html = |text: &str| {
        let content =
            render::card(&Card::saying(Tone::Asking, "x").with(Part::Quote("It", text.to_owned()))).content();
        content["formatted_body"].as_str().expect("HTML").to_owned()
    };
    assert_eq!(html(&whole).matches("🎉").count(), whole.matches('🎉').count());
    assert!(html(&"SELECT 1;\n".repeat(5_000)).contains("more lines; open the full text"));
}

#[test]
fn only_whoever_is_to_be_notified_is_mentioned() {
    let text = Text::default()
        .and(Piece::Person(user("@linus:example.org"), Ping::Loud))
        .and(Piece::Person(user("@grace:example.org"), Ping::Quiet))
        .and(Piece::Person(user("@\"><script>:x"), Ping::Loud));
    let said = render::card(&Card::saying(Tone::Asking, "Look").with(Part::Fact("Asked", text)));
    let content = said.content();
    assert_eq!(content["m.mentions"], json!({ "user_ids": ["@linus:example.org"] }));
    let html = content["formatted_body"].as_str().expect("HTML");
    assert!(html.contains("<a href=\"https://matrix.to/#/%40linus%3Aexample.org\">@linus:example.org</a>"), "{html}");
    assert!(html.contains("<code>@grace:example.org</code>") && !html.contains("<script>"), "{html}");
    assert_eq!(said.edit("$1")["m.mentions"], json!({}), "an edit notifies nobody");
}

#[test]
fn a_link_of_ours_is_a_link_and_no_other_scheme_is() {
    let link = |url: &str| {
        let piece = Piece::Link { words: "the request".to_owned(), url: url.to_owned() };
        let card = Card::saying(Tone::Over, "x").with(Part::Say(Text::default().and(piece)));
        render::card(&card).content()["formatted_body"].as_str().expect("HTML").to_owned()
    };
    let good = link("https://countersign.example/requests?a=1&b=\"2");
    assert!(
        good.contains("<a href=\"https://countersign.example/requests?a=1&amp;b=&quot;2\">the request</a>"),
        "{good}"
    );
    assert!(!link("javascript:alert(1)").contains("<a "));
}

#[test]
fn each_button_says_what_to_type() {
    let mut card = card_with("x");
    card.buttons.push(Button { choice: "s30m".to_owned(), ..button(Verb::ApproveLess, "30m") });
    let content = render::card(&card).content();
    let body = content["body"].as_str().expect("words");
    assert!(body.contains(&format!("- Approve 1h: react with ✅, or type !approve {CODE}\n")), "{body}");
    assert!(body.contains(&format!("- Deny…: type !deny {CODE} because WHY\n")), "{body}");
    assert!(body.contains(&format!("- 30m: type !approve {CODE} 30m\n")), "{body}");
    // What has to be confirmed is not done by a check mark.
    let sure = Button { confirm: Some("Give ada ADMIN?".to_owned()), ..button(Verb::Approve, "Approve") };
    let content = render::card(&Card { buttons: vec![sure], ..Card::saying(Tone::Asking, "x") }).content();
    let body = content["body"].as_str().expect("words");
    assert!(body.contains(&format!("- Approve Give ada ADMIN?: type !approve {CODE}\n")), "{body}");
    for verb in Verb::ALL {
        assert_eq!(offer::verb(&offer::typed(verb)), Some(verb));
    }
}

/// A letter about a message of ours with these buttons.
fn letter(event: &Value, buttons: &[Button], direct: bool) -> String {
    let card = Card { buttons: buttons.to_vec(), ..Card::saying(Tone::Asking, "x") };
    let related = json!({ "type": "m.room.message", "sender": ME, "event_id": "$card",
        "content": render::card(&card).marked(KEY).content() });
    json!({ "room": "!r:example.org", "me": ME, "direct": direct, "event": event, "related": related }).to_string()
}

fn reaction(sign: &str) -> Value {
    json!({ "type": "m.reaction", "sender": "@linus:example.org", "event_id": "$2",
        "content": { "m.relates_to": { "rel_type": "m.annotation", "event_id": "$card", "key": sign } } })
}

fn typed(body: &str) -> Value {
    json!({ "type": "m.room.message", "sender": "@linus:example.org", "event_id": "$2",
        "content": { "msgtype": "m.text", "body": body } })
}

fn what(letter: &str) -> Option<Action> {
    read::read(letter).expect("a letter").map(|event| event.what)
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what was read")]
fn says(text: &str) -> Option<Action> {
    Some(Action::Said { text: text.to_owned() })
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what was read")]
fn pressed(verb: Verb) -> Option<Action> {
    Some(Action::Pressed { verb, key: KEY.to_owned(), choice: String::new() })
}

#[test]
fn a_check_mark_in_any_writing_agrees() {
    let approve = [button(Verb::Claim, "I'm looking"), button(Verb::Approve, "Approve")];
    for sign in ["✅", "✅\u{fe0f}", "👍", "👍🏽", "👍\u{fe0e}"] {
        let Event { back, what } =
            read::read(&letter(&reaction(sign), &approve, false)).expect("read").expect("something");
        assert_eq!(Some(what), pressed(Verb::Approve), "{sign}");
        assert_eq!((back.who, back.id.as_deref()), (user("@linus:example.org"), Some("$2")));
        assert_eq!(
            back.message.map(|at| (at.place.0, at.message)),
            Some(("!r:example.org".to_owned(), "$card".to_owned()))
        );
    }
    for sign in ["❌", "👎", "✅✅", ""] {
        assert_eq!(what(&letter(&reaction(sign), &approve, false)), None, "{sign}");
    }
    // Nothing to agree to, or to be confirmed first.
    assert_eq!(what(&letter(&reaction("✅"), &[button(Verb::Deny, "Deny")], false)), None);
    let sure = Button { confirm: Some("Sure?".to_owned()), ..button(Verb::Approve, "Approve") };
    assert_eq!(what(&letter(&reaction("✅"), &[sure], false)), None);
}

#[test]
fn a_message_that_only_looks_like_ours_carries_no_buttons() {
    let forged = |sender: &str, kind: &str| {
        let mut letter: Value =
            serde_json::from_str(&letter(&reaction("✅"), &[button(Verb::Approve, "x")], false)).unwrap();
        letter["related"]["sender"] = json!(sender);
        letter["related"]["type"] = json!(kind);
        what(&letter.to_string())
    };
    assert_eq!(forged("@mallory:example.org", "m.room.message"), None);
    assert_eq!(forged(ME, "m.sticker"), None);
    assert_eq!(forged(ME, "m.room.message"), pressed(Verb::Approve));
    // An edit by somebody else changes nothing.
    let mut letter: Value =
        serde_json::from_str(&letter(&reaction("✅"), &[button(Verb::Approve, "x")], false)).unwrap();
    letter["related"]["unsigned"] = json!({ "m.relations": { "m.replace": { "sender": "@mallory:example.org",
        "content": { "m.new_content": { FIELD: { "buttons": [{ "verb": "approve", "key": "crd_other" }] } } } } } });
    assert_eq!(what(&letter.to_string()), pressed(Verb::Approve));
    letter["related"]["unsigned"]["m.relations"]["m.replace"]["sender"] = json!(ME);
    let key = "crd_other".to_owned();
    assert_eq!(what(&letter.to_string()), Some(Action::Pressed { verb: Verb::Approve, key, choice: String::new() }));
}

#[test]
fn a_verb_with_a_code_is_the_button_or_the_form_that_it_stands_for() {
    let buttons = [button(Verb::Approve, "Approve"), button(Verb::Deny, "Deny"), button(Verb::Ask, "Ask")];
    let about = |text: &str| what(&letter(&typed(text), &buttons, false));
    let form = |form: FormName, values: &[(&str, &str)]| {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Some(Action::Submitted { form, key: KEY.to_owned(), values })
    };
    assert_eq!(about(&format!("!approve {CODE}")), pressed(Verb::Approve));
    assert_eq!(about(&format!("!Approve {}", CODE.to_lowercase())), pressed(Verb::Approve));
    assert_eq!(about(&format!("!approve-session {KEY}")), pressed(Verb::ApproveForSession));
    assert_eq!(about(&format!("!claim {CODE}")), pressed(Verb::Claim));
    assert_eq!(about(&format!("!open {CODE}")), pressed(Verb::Open));
    assert_eq!(about(&format!("!deny {CODE} because not today")), form(FormName::Deny, &[("because", "not today")]));
    assert_eq!(about(&format!("!ask {CODE} why now?")), form(FormName::Question, &[("text", "why now?")]));
    assert_eq!(about(&format!("!approve {CODE} 45m")), form(FormName::Less, &[("span", "45m")]));
    let less = form(FormName::Less, &[("level", "read"), ("note", "be quick"), ("span", "30m")]);
    assert_eq!(about(&format!("!approve {CODE} 30m read -- be quick")), less);
    assert_eq!(about(&format!("!approve {CODE} exact")), form(FormName::Again, &[("what", "exact")]));
    let shape = form(FormName::Again, &[("note", "these only"), ("span", "10m"), ("what", "shape")]);
    assert_eq!(about(&format!("!approve {CODE} shape 10m -- these only")), shape);
    assert_eq!(about(&format!("!approve-again {CODE} shape for 10m -- these only")), shape);
    let to = form(FormName::Delegate, &[("person", "grace@example.com")]);
    assert_eq!(about(&format!("!delegate {CODE} to grace@example.com")), to);
    let more = form(FormName::Extend, &[("because", "the migration"), ("span", "30m")]);
    assert_eq!(about(&format!("!extend {CODE} 30m because the migration")), more);
    // In an answer to the card, the code may be left out.
    assert_eq!(about("!approve"), pressed(Verb::Approve));
    assert_eq!(about("!deny because not today"), form(FormName::Deny, &[("because", "not today")]));
    // What was not understood is nothing that anybody agreed to.
    let odd = format!("approve {CODE} half of it");
    assert_eq!(about(&format!("!{odd}")), says(&odd));
    assert_eq!(about("!access orders-prod 1h because INC-42"), says("access orders-prod 1h because INC-42"));
}

#[test]
fn of_several_buttons_that_say_the_same_the_number_says_which() {
    let act = |choice: &str| Button { choice: choice.to_owned(), ..button(Verb::Act, "Revoke") };
    let about = |text: &str| what(&letter(&typed(text), &[act("0"), act("4")], true));
    let chosen =
        |choice: &str| Some(Action::Pressed { verb: Verb::Act, key: KEY.to_owned(), choice: choice.to_owned() });
    assert_eq!(about(&format!("act {CODE} 2")), chosen("4"));
    assert_eq!(about(&format!("act {CODE} 1")), chosen("0"));
    for unclear in [format!("act {CODE}"), format!("act {CODE} 3"), format!("act {CODE} 0")] {
        assert_eq!(about(&unclear), says(&unclear));
    }
}

#[test]
fn only_what_is_said_to_us_is_read() {
    let plain = |event: &Value, direct: bool| {
        what(&json!({ "room": "!r:example.org", "me": ME, "direct": direct, "event": event }).to_string())
    };
    let room = |body: &str| plain(&typed(body), false);
    assert_eq!(room("!mine"), says("mine"));
    assert_eq!(room("countersign: mine"), says("mine"));
    assert_eq!(room("@Countersign:example.org !help"), says("help"));
    assert_eq!(room("countersign"), says(""));
    assert_eq!(room("countersigned it"), None);
    assert_eq!(room("let's approve that"), None);
    assert_eq!(room("!roll 1d6"), None, "another program's");
    assert_eq!(plain(&typed("who orders-prod"), true), says("who orders-prod"));
    assert_eq!(plain(&typed("!link 7F3K-Q2WX"), true), says("link 7F3K-Q2WX"));
    // A mention that is called something else.
    let mut event = typed("Access Bot: mine");
    event["content"]["formatted_body"] = json!(format!("<a href=\"https://matrix.to/#/{ME}\">Access Bot</a>: mine"));
    assert_eq!(plain(&event, false), says("mine"));
    // An answer with the quoted text before it, as older clients send it.
    let mut event = typed("> <@ada:example.org> !approve it\n\n!mine");
    event["content"]["m.relates_to"] = json!({ "m.in_reply_to": { "event_id": "$1" } });
    assert_eq!(plain(&event, false), says("mine"));
    for (path, value) in [
        ("sender", json!(ME)),
        ("sender", json!("not an account")),
        ("type", json!("m.room.topic")),
        ("state_key", json!("")),
        ("content", json!({ "msgtype": "m.notice", "body": "!mine" })),
        (
            "content",
            json!({ "msgtype": "m.text", "body": "* !mine", "m.relates_to": { "rel_type": "m.replace", "event_id": "$1" } }),
        ),
        ("content", json!({})),
    ] {
        let mut event = typed("!mine");
        event[path] = value;
        assert_eq!(plain(&event, true), None, "{path}");
    }
    assert!(read::read("{").is_err() && read::read("[]").is_err());
}

#[test]
fn a_button_within_a_form_is_not_bound_to_a_message_of_a_card() {
    let said = render::form(&form_with("SELECT 1"));
    let related =
        json!({ "type": "m.room.message", "sender": ME, "event_id": "$page", "content": said[0].content() });
    let letter = json!({ "room": "!r:example.org", "me": ME, "event": reaction("✅"), "related": related });
    let event = read::read(&letter.to_string()).expect("read").expect("something");
    assert_eq!((event.back.view.as_deref(), Some(event.what)), (Some("$page"), pressed(Verb::Approve)));
}

#[test]
fn a_refusal_says_what_it_means_and_repeats_nothing_but_its_code() {
    let of = |status: u16, body: Value| match refused(status, None, &body) {
        Failed::Other(error) => error,
        other @ (Failed::Missing | Failed::Forbidden) => panic!("{other:?}"),
    };
    let code = |code: &str| json!({ "errcode": code, "error": "syt_secret" });
    assert_eq!(of(401, code("M_UNKNOWN_TOKEN")), PlatformError::Token("M_UNKNOWN_TOKEN".to_owned()));
    let limited = json!({ "errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 2_500 });
    assert_eq!(of(429, limited), PlatformError::Limited(std::time::Duration::from_millis(2_500)));
    let told = refused(429, Some(std::time::Duration::from_secs(7)), &Value::Null);
    assert!(matches!(told, Failed::Other(PlatformError::Limited(wait)) if wait.as_secs() == 7), "{told:?}");
    assert_eq!(of(502, Value::Null), PlatformError::Down("status 502".to_owned()));
    assert_eq!(of(413, code("M_TOO_LARGE")), PlatformError::Invalid("M_TOO_LARGE".to_owned()));
    assert_eq!(of(400, code("<b>syt_secret")), PlatformError::Invalid("status 400".to_owned()));
    assert!(matches!(refused(403, None, &code("M_FORBIDDEN")), Failed::Forbidden));
    assert!(matches!(refused(404, None, &code("M_NOT_FOUND")), Failed::Missing));
}

#[test]
fn an_id_stays_one_segment_of_an_address() {
    let base = url::Url::parse("https://example.org/matrix/").expect("an address");
    let of = |id: &str| address(&base, &["rooms", id, "state"]).map(|url| url.to_string());
    assert_eq!(
        of("!a/../b?c#d:e").expect("an address"),
        "https://example.org/matrix/rooms/!a%2F..%2Fb%3Fc%23d:e/state"
    );
    assert!(of("..").is_err() && of(".").is_err() && of("").is_err());
}
