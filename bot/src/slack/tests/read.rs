//! What Slack documents that it sends, and what becomes of it.

use serde_json::{Value, json};

use super::super::read::{event, key, letter};
use super::super::words::{said, without};
use crate::card::Verb;
use crate::event::{Action, Event};

fn click() -> Value {
    json!({
        "type": "block_actions", "api_app_id": "A1", "team": { "id": "T1", "domain": "example" }, "enterprise": null,
        "user": { "id": "U1", "username": "ann", "team_id": "T1" }, "is_enterprise_install": false, "token": "legacy",
        "container": { "type": "message", "message_ts": "1.000100", "channel_id": "C1", "is_ephemeral": false },
        "channel": { "id": "C1", "name": "approvals" }, "trigger_id": "9.9.x", "response_url": "https://hooks.slack.example/1",
        "message": { "ts": "1.000100", "app_id": "A1", "text": "t" }, "state": { "values": {} },
        "actions": [{ "type": "button", "action_id": "approve:2", "block_id": "b", "value": "crd_1|x", "action_ts": "2.000200" }],
    })
}

fn with(mut payload: Value, pointer: &str, value: Value) -> Value {
    *payload.pointer_mut(pointer).unwrap() = value;
    payload
}

fn happened(inner: Value) -> Value {
    json!({
        "type": "event_callback", "api_app_id": "A1", "team_id": "T1", "event_id": "Ev1", "event": inner,
        "authorizations": [{ "team_id": "T1", "user_id": "U0BOT", "is_bot": true }],
    })
}

fn text_of(payload: &Value) -> Option<String> {
    let Action::Said { text } = event(payload, Some("A1"))?.what else { panic!("nobody said anything") };
    Some(text)
}

#[test]
fn a_button_that_was_pressed() {
    let Event { back, what } = event(&click(), Some("A1")).unwrap();
    assert_eq!(what, Action::Pressed { verb: Verb::Approve, key: "crd_1".to_owned(), choice: "x".to_owned() });
    assert_eq!((back.who.workspace.as_str(), back.who.user.as_str()), ("T1", "U1"));
    let at = back.message.unwrap();
    assert_eq!((at.place.0.as_str(), at.message.as_str()), ("C1", "1.000100"));
    assert_eq!(back.trigger.as_deref(), Some("9.9.x"));
    assert_eq!(back.token.as_deref(), Some("https://hooks.slack.example/1"));
    assert_eq!((back.view, back.id), (None, None));
}

#[test]
fn every_verb_comes_back_from_a_button_and_from_a_menu() {
    for verb in Verb::ALL {
        let pressed = with(click(), "/actions/0/action_id", json!(format!("{}:7", verb.as_str())));
        let what = event(&pressed, None).unwrap().what;
        assert_eq!(what, Action::Pressed { verb, key: "crd_1".to_owned(), choice: "x".to_owned() });
        let entry = json!({ "type": "overflow", "action_id": "more", "selected_option": { "value": format!("{}|crd_1|", verb.as_str()) } });
        let what = event(&with(click(), "/actions/0", entry), None).unwrap().what;
        assert_eq!(what, Action::Pressed { verb, key: "crd_1".to_owned(), choice: String::new() });
    }
}

#[test]
fn the_workspace_is_the_one_that_the_person_belongs_to() {
    let of = |payload: &Value| event(payload, None).unwrap().back.who.workspace;
    assert_eq!(of(&with(click(), "/user/team_id", json!("T2"))), "T2", "a stranger in a shared channel");
    assert_eq!(of(&with(click(), "/team", Value::Null)), "T1", "an org-wide install");
    let nothing = with(with(click(), "/team", Value::Null), "/user/team_id", Value::Null);
    assert_eq!(of(&nothing), "", "nobody's");
    let mention = json!({ "type": "app_mention", "user": "U1", "text": "<@U0BOT> mine", "ts": "1.1", "channel": "C1", "team": "T1", "user_team": "T2" });
    assert_eq!(of(&happened(mention)), "T2");
}

#[test]
fn what_is_not_ours_is_dropped() {
    assert_eq!(event(&click(), Some("A2")), None, "another app's payload");
    assert_eq!(event(&with(click(), "/message/app_id", json!("A2")), None), None, "a copy of a card by another app");
    for (pointer, value) in [
        ("/actions", json!([])),
        ("/actions/0/value", json!("nothing to split")),
        ("/actions/0/action_id", json!("format_disk")),
        ("/actions/0/action_id", json!("more")),
        ("/type", json!("view_closed")),
        ("/type", json!("something_new")),
        ("/type", Value::Null),
    ] {
        assert_eq!(event(&with(click(), pointer, value.clone()), None), None, "{pointer} {value}");
    }
    assert_eq!(event(&json!([]), None), None);
    assert_eq!(letter("{\"envelope_id\":\"e\",\"payload\":null}", None), Ok(None));
    let error = letter("<html>secret", None).unwrap_err();
    assert!(!error.to_string().contains("secret"));
}

#[test]
fn a_message_that_only_one_sees_is_none_to_write_anew() {
    let payload = with(click(), "/container/is_ephemeral", json!(true));
    assert_eq!(event(&payload, None).unwrap().back.message, None);
}

#[test]
fn a_button_in_a_form_names_the_form_and_one_on_the_page_does_not() {
    for (kind, view) in [("modal", Some("V1".to_owned())), ("home", None)] {
        let mut payload = with(click(), "/container", json!({ "type": "view", "view_id": "V1" }));
        payload["view"] = json!({ "id": "V1", "type": kind, "private_metadata": "" });
        payload
            .as_object_mut()
            .unwrap()
            .retain(|key, _| !["channel", "message", "response_url"].contains(&key.as_str()));
        let back = event(&payload, None).unwrap().back;
        assert_eq!((back.view, back.message, back.place, back.token), (view, None, None, None));
    }
}

#[test]
fn commands_of_any_name() {
    for (command, text, expected) in [
        ("/access", "orders-prod 1h", "access orders-prod 1h"),
        ("/breakglass", "x", "breakglass x"),
        ("/access", "", "access"),
        ("/access", "orders 1h for &lt;me&gt; &amp; <@U2|bob>", "access orders 1h for <me> & <@U2>"),
    ] {
        let payload = json!({
            "command": command, "text": text, "team_id": "T1", "user_id": "U1", "channel_id": "C1", "api_app_id": "A1",
            "trigger_id": "1.2.3", "response_url": "https://hooks.slack.example/2", "is_enterprise_install": "false",
        });
        assert_eq!(text_of(&payload).as_deref(), Some(expected));
        let back = event(&payload, None).unwrap().back;
        assert_eq!(
            (back.place.unwrap().0.as_str(), back.trigger.as_deref(), back.message),
            ("C1", Some("1.2.3"), None)
        );
    }
}

#[test]
fn words_are_heard_where_they_are_meant_for_us() {
    let message = |change: Value| {
        let mut inner = json!({ "type": "message", "channel_type": "im", "user": "U1", "text": "mine", "ts": "1.1", "channel": "D1", "team": "T1" });
        inner.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        text_of(&happened(inner))
    };
    assert_eq!(message(json!({})).as_deref(), Some("mine"));
    assert_eq!(message(json!({ "text": "<@U0BOT>: mine" })).as_deref(), Some("mine"));
    assert_eq!(message(json!({ "subtype": "file_share" })).as_deref(), Some("mine"));
    for dropped in [
        json!({ "bot_id": "B1" }),
        json!({ "user": "U0BOT" }),
        json!({ "user": "USLACKBOT" }),
        json!({ "user": null }),
        json!({ "subtype": "message_changed" }),
        json!({ "subtype": "message_deleted" }),
        json!({ "subtype": "bot_message" }),
        json!({ "channel_type": "channel", "channel": "C1" }),
        json!({ "channel_type": "channel", "channel": "C1", "text": "<@U2> mine" }),
    ] {
        assert_eq!(message(dropped.clone()), None, "{dropped}");
    }
    let in_thread =
        json!({ "channel_type": "channel", "channel": "C1", "thread_ts": "0.9", "text": "<@U0BOT> approve" });
    assert_eq!(message(in_thread).as_deref(), Some("approve"));
    let mention = json!({ "type": "app_mention", "user": "U1", "text": "please <@U0BOT> approve", "ts": "1.1", "thread_ts": "0.9", "channel": "C1", "team": "T1" });
    let heard = event(&happened(mention), None).unwrap();
    assert_eq!(heard.what, Action::Said { text: "please  approve".to_owned() });
    assert_eq!(heard.back.message.unwrap().message, "0.9");
}

#[test]
fn a_shortcut_on_a_message() {
    let payload = json!({
        "type": "message_action", "callback_id": "request_about", "api_app_id": "A1", "team": { "id": "T1", "domain": "example" },
        "user": { "id": "U1", "team_id": "T1" }, "channel": { "id": "C1" }, "message_ts": "1.000100", "trigger_id": "1.2", "action_ts": "3.3",
        "message": { "type": "message", "user": "U2", "text": "orders &amp; <https://x.example|x.example> are slow", "ts": "1.000100" },
        "response_url": "https://hooks.slack.example/3",
    });
    let Event { back, what } = event(&payload, None).unwrap();
    let link = Some("https://example.slack.com/archives/C1/p1000100".to_owned());
    assert_eq!(what, Action::About { text: "orders & x.example are slow".to_owned(), link });
    assert_eq!(back.message, None);
    let what = event(&with(payload, "/team", Value::Null), None).unwrap().what;
    assert!(matches!(what, Action::About { link: None, .. }));
}

#[test]
fn places_and_people_that_change() {
    let place = |inner: Value| match event(&happened(inner), None).map(|event| event.what) {
        Some(Action::PlaceChanged { place }) => Some(place.0),
        None => None,
        other => panic!("{other:?}"),
    };
    for (kind, key) in [
        ("channel_shared", "channel"),
        ("channel_unshared", "channel"),
        ("channel_archive", "channel"),
        ("channel_left", "channel"),
        ("channel_id_changed", "old_channel_id"),
    ] {
        assert_eq!(place(json!({ "type": kind, key: "C1" })).as_deref(), Some("C1"), "{kind}");
    }
    assert_eq!(
        place(json!({ "type": "member_left_channel", "user": "U0BOT", "channel": "C1" })).as_deref(),
        Some("C1")
    );
    assert_eq!(place(json!({ "type": "member_left_channel", "user": "U1", "channel": "C1" })), None);
    let gone = json!({ "type": "user_change", "user": { "id": "U1", "team_id": "T1", "deleted": true } });
    let heard = event(&happened(gone.clone()), None).unwrap();
    assert_eq!((heard.what, heard.back.who.user.as_str()), (Action::PersonChanged, "U1"));
    assert_eq!(event(&happened(with(gone, "/user/deleted", json!(false))), None), None);
    let home = json!({ "type": "app_home_opened", "user": "U1", "tab": "home", "channel": "D1" });
    assert_eq!(event(&happened(home.clone()), None).unwrap().what, Action::Home);
    assert_eq!(event(&happened(with(home, "/tab", json!("messages"))), None), None);
}

#[test]
fn the_same_thing_has_the_same_key_and_nothing_else_has() {
    let again = |payload: &Value| {
        let mut again = payload.clone();
        again["trigger_id"] = json!("other");
        again["response_url"] = json!("other");
        key(&again) == key(payload)
    };
    assert!(again(&click()));
    let keys = [
        key(&click()),
        key(&with(click(), "/actions/0/action_ts", json!("2.000201"))),
        key(&with(click(), "/actions/0/action_id", json!("deny"))),
        key(&with(click(), "/user/id", json!("U2"))),
        key(&with(click(), "/container/message_ts", json!("1.000101"))),
        key(&happened(json!({ "type": "app_mention", "channel": "C1", "ts": "1.1" }))),
        key(&happened(json!({ "type": "app_mention", "channel": "C1", "ts": "1.2" }))),
        key(&happened(json!({ "type": "app_home_opened" }))),
        key(&json!({ "command": "/access", "user_id": "U1", "trigger_id": "1.2" })),
        key(&json!({ "command": "/access", "user_id": "U1", "trigger_id": "1.3" })),
        key(&json!({ "command": "/access", "text": "a" })),
        key(&json!({ "command": "/access", "text": "b" })),
        key(&json!({ "type": "view_submission", "user": { "id": "U1" }, "view": { "id": "V1" } })),
        key(&json!({ "type": "view_submission", "user": { "id": "U1" }, "view": { "id": "V2" } })),
    ];
    let different: std::collections::BTreeSet<&String> = keys.iter().collect();
    assert_eq!(different.len(), keys.len(), "{keys:#?}");
    // A mention may also come as a message of the channel.
    let twice = |kind: &str| key(&happened(json!({ "type": kind, "channel": "C1", "ts": "1.1" })));
    assert_eq!(twice("message"), twice("app_mention"));
}

#[test]
fn markup_is_read_as_it_was_typed() {
    for (sent, typed) in [
        ("access orders for <mailto:ann@example.com|ann@example.com> 1h", "access orders for ann@example.com 1h"),
        ("see <http://example.com|example.com>", "see example.com"),
        ("see <https://evil.example|https://good.example>", "see https://evil.example"),
        ("<#C1|general> <#C2> <!here> <!subteam^S1|@dba>", "#general #C2 @here @dba"),
        ("a < b", "a < b"),
        ("&lt;!channel&gt;", "<!channel>"),
    ] {
        assert_eq!(said(sent), typed);
    }
    assert_eq!(without("<@U9> mine", ""), "mine", "whoever we are, we are named first");
    assert_eq!(without("<@U9> mine", "U1"), "<@U9> mine");
}
