//! What Discord documents that it sends, and what becomes of it.

use serde_json::{Value, json};

use super::{First, first, key, read};
use crate::card::Verb;
use crate::event::{Action, Event};
use crate::form::FormName;

const GUILD: &str = "700";
const APP: &str = "900";

fn interaction(kind: u8, data: &Value) -> Value {
    json!({
        "id": "1", "application_id": APP, "type": kind, "token": "tok", "guild_id": GUILD, "context": 0, "channel_id": "50",
        "member": { "user": { "id": "42", "bot": false }, "permissions": "0" }, "data": data,
    })
}

fn press(name: &str) -> Value {
    let mut it = interaction(3, &json!({ "custom_id": name, "component_type": 2 }));
    it["message"] = json!({ "id": "60", "flags": 0 });
    it
}

fn command(name: &str, options: &[(&str, &str)]) -> Value {
    let options: Vec<Value> =
        options.iter().map(|(name, value)| json!({ "name": name, "type": 3, "value": value })).collect();
    interaction(2, &json!({ "name": name, "options": options }))
}

fn event(payload: &Value) -> Option<Event> {
    read(&payload.to_string(), GUILD, APP).unwrap()
}

fn covered(name: &str, inner: &Value) -> Value {
    json!({ "t": name, "d": inner })
}

fn said(payload: &Value) -> Option<String> {
    let Action::Said { text } = event(payload)?.what else { panic!("nobody said anything") };
    Some(text)
}

#[test]
fn every_verb_comes_back_from_a_button_and_from_a_menu() {
    for verb in Verb::ALL {
        let name = format!("{}:7|crd_1|x|y", verb.as_str());
        let what = Action::Pressed { verb, key: "crd_1".to_owned(), choice: "x|y".to_owned() };
        let bare = event(&press(&name)).unwrap();
        assert_eq!(bare.what, what);
        assert_eq!(event(&covered("INTERACTION_CREATE", &press(&name))).unwrap(), bare);
        let mut menu = press("menu");
        menu["data"]["values"] = json!([name]);
        assert_eq!(event(&menu).unwrap().what, what);
    }
}

#[test]
fn the_way_back_from_a_press() {
    let back = event(&press("deny:0|crd_1|")).unwrap().back;
    assert_eq!((back.who.workspace.as_str(), back.who.user.as_str()), (GUILD, "42"));
    assert_eq!(
        (back.id.as_deref(), back.token.as_deref(), back.trigger.as_deref()),
        (Some("1"), Some("tok"), Some("modal"))
    );
    let at = back.message.unwrap();
    assert_eq!((at.place.0.as_str(), at.message.as_str()), ("50", "60"));
    assert_eq!(event(&press("approve:0|crd_1|")).unwrap().back.trigger, None);
    let mut alone = press("approve:0|crd_1|");
    alone["message"]["flags"] = json!(64);
    assert_eq!(event(&alone).unwrap().back.message, None);
}

#[test]
fn only_a_member_in_our_own_guild_is_of_our_workspace() {
    let of = |change: &dyn Fn(&mut Value)| {
        let mut it = press("approve:0|crd_1|");
        change(&mut it);
        event(&it).unwrap().back.who.workspace
    };
    assert_eq!(of(&|_| {}), GUILD);
    assert_eq!(of(&|it| drop(it.as_object_mut().unwrap().remove("context"))), GUILD);
    assert_eq!(of(&|it| it["guild_id"] = json!("701")), "elsewhere");
    assert_eq!(of(&|it| it["context"] = json!(2)), "elsewhere");
    assert_eq!(of(&|it| it["member"]["user"]["bot"] = json!(true)), "elsewhere");
    let owners = "authorizing_integration_owners";
    assert_eq!(of(&|it| it[owners] = json!({ "1": "42" })), "elsewhere", "installed for one person alone");
    assert_eq!(of(&|it| it[owners] = json!({ "0": GUILD, "1": "42" })), GUILD);
    assert_eq!(of(&|it| it[owners] = json!({ "0": GUILD })), GUILD);
    let private = |it: &mut Value, owners: Value| {
        it["user"] = it["member"]["user"].take();
        it["authorizing_integration_owners"] = owners;
        for key in ["member", "guild_id"] {
            it.as_object_mut().unwrap().remove(key);
        }
        it["context"] = json!(1);
    };
    assert_eq!(of(&|it| private(it, json!({ "0": "0" }))), GUILD, "in the conversation with us");
    assert_eq!(of(&|it| private(it, json!({ "1": "42" }))), "elsewhere");
    assert_eq!(
        of(&|it| {
            it["user"] = it["member"]["user"].clone();
            it["member"] = Value::Null;
        }),
        "elsewhere"
    );
}

#[test]
fn commands_become_words() {
    let all = [("reason", "INC-42  it burns"), ("target", "orders-prod"), ("duration", "1h"), ("level", "write")];
    for (name, options, text) in [
        ("access", &all[..], "access orders-prod write 1h because INC-42 it burns"),
        ("access", &all[1..2], "access orders-prod"),
        ("breakglass", &all[..], "breakglass orders-prod write 1h because INC-42 it burns"),
        ("breakglass", &[], "breakglass"),
        ("mine", &[], "mine"),
        ("who", &[("target", "orders-prod")], "who orders-prod"),
        ("done", &[], "done"),
        ("digest", &[], "digest"),
    ] {
        assert_eq!(said(&command(name, options)).unwrap(), text);
    }
    let what = event(&command("access", &[])).unwrap().what;
    assert_eq!(what, Action::Pressed { verb: Verb::Request, key: String::new(), choice: String::new() });
    assert_eq!(event(&command("format", &[])), None);
}

#[test]
fn a_form_that_was_sent() {
    let row = |name: &str, value: &str| json!({ "type": 1, "components": [{ "type": 4, "custom_id": name, "value": value }] });
    let it = interaction(
        5,
        &json!({ "custom_id": "deny|crd_1", "components": [row("reason", " no "), row("more", " ")] }),
    );
    let what = event(&it).unwrap().what;
    let values = [("reason".to_owned(), "no".to_owned())].into();
    assert_eq!(what, Action::Submitted { form: FormName::Deny, key: "crd_1".to_owned(), values });
    assert_eq!(first(&it, GUILD), First::DeferReply);
    let unknown = interaction(5, &json!({ "custom_id": "format|crd_1", "components": [] }));
    assert_eq!((event(&unknown), first(&unknown, GUILD)), (None, First::None));
}

#[test]
fn what_is_answered_first() {
    for (payload, due) in [
        (json!({ "type": 1, "id": "1" }), First::Pong),
        (command("access", &[]), First::Form),
        (command("breakglass", &[]), First::Form),
        (command("access", &[("target", "a")]), First::DeferReply),
        (command("mine", &[]), First::DeferReply),
        (command("format", &[]), First::None),
        (press("approve:0|crd_1|"), First::DeferUpdate),
        (press("deny:0|crd_1|"), First::Form),
        (press("extend:0|crd_1|"), First::Form),
        (press("extend:0|crd_1|1h"), First::DeferUpdate),
        (press("open:0|crd_1|"), First::DeferUpdate),
        (press("nonsense"), First::DeferUpdate),
        (covered("MESSAGE_CREATE", &json!({ "id": "1" })), First::None),
    ] {
        assert_eq!(first(&payload, GUILD), due, "{payload}");
    }
    let mut typing = command("access", &[("target", "ord")]);
    typing["type"] = json!(4);
    typing["data"]["options"][0]["focused"] = json!(true);
    let First::Suggest { who, typed } = first(&typing, GUILD) else { panic!("nothing is offered") };
    assert_eq!((who.user.as_str(), typed.as_str(), event(&typing)), ("42", "ord", None));
}

#[test]
fn what_was_written_to_us() {
    let message = |guild: Option<&str>, text: &str| json!({ "id": "5", "type": 0, "channel_id": "50", "guild_id": guild, "content": text, "author": { "id": "42" } });
    let of = |message: &Value| said(&covered("MESSAGE_CREATE", message));
    assert_eq!(of(&message(Some(GUILD), "<@900>, mine")).as_deref(), Some("mine"));
    assert_eq!(of(&message(Some(GUILD), "<@!900> ask <@43>")).as_deref(), Some("ask <@43>"));
    assert_eq!(of(&message(Some(GUILD), "mine")), None);
    assert_eq!(of(&message(Some("701"), "<@900> mine")), None);
    assert_eq!(of(&message(None, " mine ")).as_deref(), Some("mine"));
    for (path, value) in [("bot", json!(true)), ("id", json!(APP))] {
        let mut program = message(None, "mine");
        program["author"][path] = value;
        assert_eq!(of(&program), None);
    }
    let mut hook = message(None, "mine");
    hook["webhook_id"] = json!("1");
    assert_eq!(of(&hook), None);
    let mut answer = message(Some(GUILD), "<@900> why");
    answer["type"] = json!(19);
    answer["message_reference"] = json!({ "message_id": "4" });
    let back = event(&covered("MESSAGE_CREATE", &answer)).unwrap().back;
    assert_eq!((back.message.unwrap().message.as_str(), back.who.workspace.as_str()), ("4", GUILD));
}

#[test]
fn places_and_people_that_change() {
    let place = covered("CHANNEL_UPDATE", &json!({ "id": "50", "guild_id": GUILD, "name": "a" }));
    assert!(matches!(event(&place).unwrap().what, Action::PlaceChanged { place } if place.0 == "50"));
    let gone = covered("GUILD_MEMBER_REMOVE", &json!({ "guild_id": GUILD, "user": { "id": "42" } }));
    let Event { back, what } = event(&gone).unwrap();
    assert_eq!((back.who.user.as_str(), what), ("42", Action::PersonChanged));
    let other = covered("CHANNEL_DELETE", &json!({ "id": "50", "guild_id": "701" }));
    assert_eq!(event(&other), None);
}

#[test]
fn keys_are_the_same_for_the_same_thing_only() {
    assert_eq!(key(&press("a")).as_deref(), Some("interaction:1"));
    assert_eq!(key(&covered("INTERACTION_CREATE", &press("a"))), key(&press("a")));
    assert_eq!(key(&covered("MESSAGE_CREATE", &json!({ "id": "5" }))).as_deref(), Some("message:5"));
    let update = |name: &str| key(&covered("CHANNEL_UPDATE", &json!({ "id": "50", "name": name }))).unwrap();
    assert!(update("a").starts_with("channel:50:"));
    assert_eq!(update("a"), update("a"));
    assert_ne!(update("a"), update("b"));
    assert_eq!(key(&covered("TYPING_START", &json!({ "id": "5" }))), None);
}

#[test]
fn what_is_no_json_is_told() {
    assert!(read("{", GUILD, APP).is_err());
    for odd in ["null", "[]", "{\"t\":\"X\",\"d\":{}}", "{\"type\":3}", "{\"type\":2,\"data\":[]}"] {
        assert_eq!(read(odd, GUILD, APP), Ok(None));
    }
    let mut other = press("approve:0|crd_1|");
    other["application_id"] = json!("901");
    assert_eq!(event(&other), None);
}
