//! The app as Slack's manifest describes it, and why it asks for each right.

use serde_json::{Value, json};

/// The shortcut in the menu of each message.
const SHORTCUT: &str = "request_about";

/// What happens in the workspace and is told to us.
const EVENTS: [&str; 14] = [
    "app_home_opened",
    "app_mention",
    "channel_archive",
    "channel_deleted",
    "channel_id_changed",
    "channel_left",
    "channel_shared",
    "channel_unshared",
    "group_archive",
    "group_deleted",
    "group_left",
    "member_left_channel",
    "message.im",
    "user_change",
];

/// The rights of the bot's token, each with what it is for.
pub const fn scopes() -> &'static [(&'static str, &'static str)] {
    &[
        ("app_mentions:read", "hear when somebody writes @countersign"),
        ("channels:history", "find a card again after a crash, so that none is posted twice"),
        ("channels:read", "see whether the channel is archived, or shared with another company"),
        ("chat:write", "post cards, rewrite them, and answer in private"),
        ("commands", "offer /access and /breakglass, and the shortcut on messages"),
        ("files:write", "attach long texts, and charts where Slack draws none itself"),
        ("groups:history", "the same as channels:history, where the channel is private"),
        ("groups:read", "the same as channels:read, where the channel is private"),
        ("im:history", "read what people write to the bot alone"),
        ("im:read", "see whether a conversation with one person is still there"),
        ("im:write", "write to people"),
        (
            "users:read",
            "see whether somebody is a full member at the moment they decide: no guest, no stranger, not deactivated",
        ),
    ]
}

/// The manifest of an app of this name: with Socket Mode, or where browsers reach us (`public`), with addresses.
pub fn manifest(name: &str, public: Option<&str>) -> Value {
    let public = public.map(|public| public.trim_end_matches('/'));
    let address = |path: &str| public.map(|public| format!("{public}{path}"));
    let with = |mut value: Value, key: &str, address: Option<String>| {
        if let (Some(object), Some(address)) = (value.as_object_mut(), address) {
            object.insert(key.to_owned(), json!(address));
        }
        value
    };
    let command = |command: &str, description: &str, hint: &str| {
        // Escaped, so that people who are named come as ids and not as names that anybody may wear.
        let command =
            json!({ "command": command, "description": description, "usage_hint": hint, "should_escape": true });
        with(command, "url", address("/slack/commands"))
    };
    let bot: Vec<&str> = scopes().iter().map(|(scope, _)| *scope).collect();
    let interactivity = with(json!({ "is_enabled": true }), "request_url", address("/slack/interactions"));
    let interactivity = with(interactivity, "message_menu_options_url", address("/slack/interactions"));
    let mut oauth = json!({ "scopes": { "bot": bot, "user": ["openid"] } });
    if let (Some(object), Some(redirect)) = (oauth.as_object_mut(), address("/link/slack")) {
        object.insert("redirect_urls".to_owned(), json!([redirect]));
    }
    json!({
        "_metadata": { "major_version": 2, "minor_version": 1 },
        "display_information": {
            "name": name, "description": "Ask for access, and decide about it",
        },
        "features": {
            "app_home": { "home_tab_enabled": true, "messages_tab_enabled": true, "messages_tab_read_only_enabled": false },
            "bot_user": { "display_name": name, "always_online": true },
            "shortcuts": [{
                "name": "Request access", "type": "message", "callback_id": SHORTCUT,
                "description": "Ask for access because of this message",
            }],
            "slash_commands": [
                command("/access", "Ask for access, or see yours", "orders-prod 1h because INC-42"),
                command("/breakglass", "Emergency access, which everybody is told of", "orders-prod 30m because INC-42"),
            ],
        },
        "oauth_config": oauth,
        "settings": {
            "event_subscriptions": with(json!({ "bot_events": EVENTS }), "request_url", address("/slack/events")),
            "interactivity": interactivity,
            "org_deploy_enabled": false,
            "socket_mode_enabled": public.is_none(),
            "token_rotation_enabled": false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_public_address_everything_comes_by_socket() {
        let manifest = manifest("Countersign", None);
        assert_eq!(manifest.pointer("/settings/socket_mode_enabled"), Some(&json!(true)));
        assert!(!manifest.to_string().contains("http"), "an address has come in");
        let commands = manifest.pointer("/features/slash_commands").and_then(Value::as_array).unwrap();
        assert_eq!(
            commands.iter().map(|one| one["command"].as_str().unwrap()).collect::<Vec<_>>(),
            ["/access", "/breakglass"]
        );
        assert!(commands.iter().all(|one| one["should_escape"] == json!(true)));
    }

    #[test]
    fn with_a_public_address_every_delivery_has_one() {
        let manifest = manifest("Countersign", Some("https://gate.example/"));
        for (at, path) in [
            ("/settings/event_subscriptions/request_url", "/slack/events"),
            ("/settings/interactivity/request_url", "/slack/interactions"),
            ("/settings/interactivity/message_menu_options_url", "/slack/interactions"),
            ("/features/slash_commands/0/url", "/slack/commands"),
            ("/features/slash_commands/1/url", "/slack/commands"),
            ("/oauth_config/redirect_urls/0", "/link/slack"),
        ] {
            assert_eq!(manifest.pointer(at), Some(&json!(format!("https://gate.example{path}"))), "{at}");
        }
        assert_eq!(manifest.pointer("/settings/socket_mode_enabled"), Some(&json!(false)));
    }

    #[test]
    fn every_right_is_there_once_and_explained() {
        let manifest = manifest("Countersign", None);
        let asked: Vec<&str> = manifest["oauth_config"]["scopes"]["bot"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.as_str().unwrap())
            .collect();
        assert!(asked.is_sorted() && asked.iter().zip(asked.iter().skip(1)).all(|(one, next)| one != next));
        assert!(scopes().iter().all(|(scope, why)| asked.contains(scope) && why.len() > 10));
        // Nothing that reads what people say to each other, and nothing that speaks for them.
        assert!(
            asked
                .iter()
                .all(|scope| !["chat:write.public", "chat:write.customize", "users:read.email"].contains(scope))
        );
        assert!(EVENTS.is_sorted());
    }
}
