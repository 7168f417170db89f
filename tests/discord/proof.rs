//! The fake itself is tested: what it must refuse, over its REST API.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::{ATTACH, EMBED, SEND, VIEW};
use super::{FakeDiscord, endpoint};

/// An application that speaks REST, well or badly.
pub struct Bot {
    pub fake: FakeDiscord,
    pub agent: &'static str,
    pub authorization: String,
}

impl Bot {
    pub fn of(fake: &FakeDiscord) -> Self {
        let authorization = format!("Bot {}", fake.bot_token());
        Self { fake: fake.clone(), agent: "DiscordBot (https://example.com, 1)", authorization }
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/api/v10/{path}", self.fake.base());
        let request = endpoint::client().request(method.parse().expect("a method"), url);
        request.header("user-agent", self.agent).header("authorization", &self.authorization)
    }

    pub async fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        told(self.request(method, path).json(body)).await
    }

    /// Posts into a channel; gives the status and the answer.
    pub async fn post(&self, channel: u64, body: &Value) -> (u16, Value) {
        self.ask("POST", &format!("channels/{channel}/messages"), body).await
    }
}

pub async fn told(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.expect("text")).unwrap_or_default())
}

fn row(parts: Value) -> Value {
    json!({ "content": "x", "components": [{ "type": 1, "components": parts }] })
}

fn button(id: &str) -> Value {
    json!({ "type": 2, "style": 1, "label": "Approve", "custom_id": id })
}

fn option(value: &str) -> Value {
    json!({ "label": "30 min", "value": value })
}

fn many<T: Clone>(one: T, count: usize) -> Vec<T> {
    vec![one; count]
}

/// Bad messages: what is wrong, where Discord says so, and with which word.
fn bad_messages() -> Vec<(Value, &'static str, &'static str)> {
    let select = |options: Value| row(json!([{ "type": 3, "custom_id": "a", "options": options }]));
    let buttons = |count: usize| (0..count).map(|n| button(&n.to_string())).collect::<Vec<_>>();
    let rows = |count: usize| (0..count).map(|n| json!({ "type": 1, "components": [button(&n.to_string())] }));
    let embed = |embed: Value| json!({ "embeds": [embed] });
    let part = "/components/0/components/0";
    vec![
        (json!({ "content": "x".repeat(2001) }), "/content", "BASE_TYPE_MAX_LENGTH"),
        (json!({ "content": 5 }), "/content", "STRING_TYPE_CONVERT"),
        (json!({ "content": "x", "flags": 64 }), "/flags", "MESSAGE_FLAGS_INVALID"),
        (json!({ "content": "x", "nonce": "n".repeat(26) }), "/nonce", "BASE_TYPE_MAX_LENGTH"),
        (json!({ "embeds": many(json!({ "title": "t" }), 11) }), "/embeds", "BASE_TYPE_MAX_LENGTH"),
        (embed(json!({ "title": "t".repeat(257) })), "/embeds/0/title", "BASE_TYPE_MAX_LENGTH"),
        (embed(json!({ "description": "d".repeat(4097) })), "/embeds/0/description", "BASE_TYPE_MAX_LENGTH"),
        (
            json!({ "embeds": many(json!({ "description": "d".repeat(3001) }), 2) }),
            "/embeds",
            "MAX_EMBED_SIZE_EXCEEDED",
        ),
        (embed(json!({ "footer": { "text": "f".repeat(2049) } })), "/embeds/0/footer/text", "BASE_TYPE_BAD_LENGTH"),
        (
            embed(json!({ "fields": many(json!({ "name": "n", "value": "v" }), 26) })),
            "/embeds/0/fields",
            "BASE_TYPE_MAX_LENGTH",
        ),
        (
            embed(json!({ "fields": [{ "name": " ", "value": "v" }] })),
            "/embeds/0/fields/0/name",
            "BASE_TYPE_REQUIRED",
        ),
        (
            embed(json!({ "fields": [{ "name": "n", "value": "v".repeat(1025) }] })),
            "/embeds/0/fields/0/value",
            "BASE_TYPE_BAD_LENGTH",
        ),
        (embed(json!({ "title": "t", "url": "javascript://x" })), "/embeds/0/url", "URL_TYPE_INVALID_SCHEME"),
        (embed(json!({ "image": { "url": "attachment://no.png" } })), "/embeds/0/image/url", "ATTACHMENT_NOT_FOUND"),
        (json!({ "content": "x", "components": rows(6).collect::<Vec<_>>() }), "/components", "BASE_TYPE_MAX_LENGTH"),
        (json!({ "content": "x", "components": [button("a")] }), "/components/0/type", "UNION_TYPE_CHOICES"),
        (row(json!([])), "/components/0/components", "BASE_TYPE_BAD_LENGTH"),
        (row(json!(buttons(6))), "/components/0/components/5", "COMPONENT_LAYOUT_WIDTH_EXCEEDED"),
        (
            row(json!([button("b"), { "type": 3, "custom_id": "a", "options": [option("1")] }])),
            "/components/0/components/1",
            "COMPONENT_LAYOUT_WIDTH_EXCEEDED",
        ),
        (row(json!([button(&"i".repeat(101))])), "/components/0/components/0/custom_id", "BASE_TYPE_BAD_LENGTH"),
        (
            row(json!([button("a"), button("a")])),
            "/components/0/components/1/custom_id",
            "COMPONENT_CUSTOM_ID_DUPLICATED",
        ),
        (
            row(json!([{ "type": 2, "style": 1, "label": "l".repeat(81), "custom_id": "a" }])),
            "/components/0/components/0/label",
            "BASE_TYPE_MAX_LENGTH",
        ),
        (row(json!([{ "type": 2, "style": 9, "label": "l", "custom_id": "a" }])), part, "BASE_TYPE_CHOICES"),
        (
            row(json!([{ "type": 2, "style": 5, "label": "l", "url": "https://e.com", "custom_id": "a" }])),
            "/components/0/components/0/custom_id",
            "BUTTON_COMPONENT_INVALID_CUSTOM_ID",
        ),
        (row(json!([{ "type": 2, "style": 1, "custom_id": "a" }])), part, "BUTTON_COMPONENT_LABEL_REQUIRED"),
        (row(json!([{ "type": 4, "style": 1, "label": "l", "custom_id": "a" }])), part, "UNION_TYPE_CHOICES"),
        (select(json!([])), "/components/0/components/0/options", "BASE_TYPE_BAD_LENGTH"),
        (
            select(json!((0..26).map(|n| option(&n.to_string())).collect::<Vec<_>>())),
            "/components/0/components/0/options",
            "BASE_TYPE_BAD_LENGTH",
        ),
        (select(json!([option("1"), option("1")])), part, "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED"),
        (select(json!([option(&"v".repeat(101))])), part, "BASE_TYPE_BAD_LENGTH"),
        (
            row(json!([{ "type": 3, "custom_id": "a", "options": [option("1")], "placeholder": "p".repeat(151) }])),
            part,
            "BASE_TYPE_MAX_LENGTH",
        ),
        (
            row(json!([{ "type": 3, "custom_id": "a", "options": [option("1")], "max_values": 2 }])),
            part,
            "BASE_TYPE_BAD_LENGTH",
        ),
        (
            json!({ "content": "x", "allowed_mentions": { "parse": ["users"], "users": ["1"] } }),
            "/allowed_mentions",
            "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
        ),
        (json!({ "content": "x", "attachments": [{ "id": 0 }] }), "/attachments/0/id", "ATTACHMENT_NOT_FOUND"),
    ]
}

#[tokio::test]
async fn messages_that_discord_refuses_are_refused_with_the_place_and_the_word() {
    let fake = FakeDiscord::start().await;
    let (bot, channel) = (Bot::of(&fake), fake.channel("approvals"));
    for (body, place, word) in bad_messages() {
        let (status, answer) = bot.post(channel, &body).await;
        assert_eq!((status, &answer["code"]), (400, &json!(50_035)), "{body} gave {answer}");
        let fault =
            answer["errors"].pointer(place).unwrap_or_else(|| panic!("{body}: nothing at {place} in {answer}"));
        assert!(fault.to_string().contains(word), "{body}: no {word} at {place} in {answer}");
    }
    for empty in
        [json!({}), json!({ "content": "  " }), json!({ "embeds": [{}] }), json!({ "content": "", "components": [] })]
    {
        let (status, answer) = bot.post(channel, &empty).await;
        assert_eq!((status, &answer["code"]), (400, &json!(50_006)), "{empty}");
    }
    assert!(fake.messages(channel).is_empty());
}

#[tokio::test]
async fn the_largest_message_passes_and_serenity_reads_it_back() {
    let fake = FakeDiscord::start().await;
    let (bot, channel) = (Bot::of(&fake), fake.channel("approvals"));
    let rows = (0..5).map(|row| {
        let parts = (0..5).map(|n| button(&format!("{row}{n}{}", "i".repeat(98)))).collect::<Vec<_>>();
        json!({ "type": 1, "components": parts })
    });
    let body = json!({
        "content": "€".repeat(2000), "components": rows.collect::<Vec<_>>(), "tts": false, "sticker_ids": [],
        "embeds": [{ "description": "d".repeat(4096), "footer": { "text": "f".repeat(1904) } }],
        "allowed_mentions": { "parse": [] }, "nonce": "n".repeat(25), "enforce_nonce": true, "attachments": [],
    });
    let (status, answer) = bot.post(channel, &body).await;
    assert_eq!(status, 200, "{answer}");
    let read: serenity::model::channel::Message = serde_json::from_value(answer.clone()).expect("serenity reads it");
    assert_eq!(read.components.len(), 5);
    // The same nonce is the same message.
    let (_, again) = bot.post(channel, &body).await;
    assert_eq!((&again["id"], fake.messages(channel).len()), (&answer["id"], 1));
    fake.forget_nonces();
    bot.post(channel, &body).await;
    assert_eq!(fake.messages(channel).len(), 2);
}

#[tokio::test]
async fn who_may_not_is_told_by_the_right_number() {
    let fake = FakeDiscord::start().await;
    let (bot, channel) = (Bot::of(&fake), fake.channel("approvals"));
    let hello = json!({ "content": "hello" });
    let code = |answer: (u16, Value)| (answer.0, answer.1["code"].as_u64().unwrap_or(0));
    let stranger = Bot { authorization: "Bot nonsense".to_owned(), ..Bot::of(&fake) };
    let (status, answer) = stranger.post(channel, &hello).await;
    assert_eq!((status, answer), (401, json!({ "message": "401: Unauthorized", "code": 0 })));
    let nameless = Bot { agent: "curl/8", ..Bot::of(&fake) };
    assert_eq!(code(nameless.post(channel, &hello).await), (403, 40_333));
    assert_eq!(code(bot.post(1, &hello).await), (404, 10_003));
    assert_eq!(code(bot.ask("PATCH", &format!("channels/{channel}/messages/1"), &hello).await), (404, 10_008));
    assert_eq!(code(bot.ask("GET", "guilds/1", &Value::Null).await), (404, 10_004));
    let elsewhere = format!("guilds/{}/members/{}", fake.guild(), fake.user("mallory"));
    assert_eq!(code(bot.ask("GET", &elsewhere, &Value::Null).await), (404, 10_007));
    assert_eq!(code(bot.ask("POST", "interactions/1/x/callback", &json!({ "type": 4 })).await), (404, 10_062));
    let said = fake.say(fake.user("ada"), channel, "mine");
    let theirs = format!("channels/{channel}/messages/{}", said.id);
    assert_eq!(code(bot.ask("PATCH", &theirs, &hello).await), (403, 50_005));
    assert_eq!(code(bot.ask("DELETE", &theirs, &hello).await), (403, 50_013));
    for (without, body, expected) in [
        (SEND, hello.clone(), 50_013),
        (EMBED, json!({ "embeds": [{ "title": "t" }] }), 50_013),
        (VIEW, hello.clone(), 50_001),
    ] {
        fake.change_channel(channel, |channel| channel.bot &= !without);
        assert_eq!(code(bot.post(channel, &body).await), (403, expected));
        fake.change_channel(channel, |channel| channel.bot |= without);
    }
    fake.invite(false);
    assert_eq!(code(bot.post(channel, &hello).await), (403, 50_001));
    fake.invite(true);
    for (name, close) in [("mallory", false), ("grace", true)] {
        let user = fake.user(name);
        fake.change_user(user, |user| user.closed = close);
        let (_, opened) = bot.ask("POST", "users/@me/channels", &json!({ "recipient_id": user.to_string() })).await;
        let private = opened["id"].as_str().expect("a channel").parse().expect("an id");
        assert_eq!(code(bot.post(private, &hello).await), (403, 50_007), "{name}");
    }
    assert_eq!(bot.post(fake.dm_channel(fake.user("linus")), &hello).await.0, 200);
}

#[tokio::test]
async fn files_come_by_parts_and_stay_through_edits() {
    let fake = FakeDiscord::start().await;
    let (bot, channel) = (Bot::of(&fake), fake.channel("approvals"));
    let meta = json!({
        "attachments": [{ "id": 0, "filename": "chart.png", "description": "14 requests" }],
        "embeds": [{ "image": { "url": "attachment://chart.png" } }],
    });
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"payload_json\"\r\nContent-Type: application/json\r\n\r\n{meta}\r\n\
         --b\r\nContent-Disposition: form-data; name=\"files[0]\"; filename=\"chart.png\"\r\nContent-Type: image/png\r\n\r\n\
         PNG\r\nBYTES\r\n--b--\r\n"
    );
    let path = format!("channels/{channel}/messages");
    let request = bot.request("POST", &path).header("content-type", "multipart/form-data; boundary=b");
    let (status, answer) = told(request.body(body.clone())).await;
    assert_eq!((status, &answer["attachments"][0]["description"]), (200, &json!("14 requests")), "{answer}");
    let message = fake.messages(channel).remove(0);
    assert_eq!(fake.file(&message, "chart.png").as_deref(), Some(b"PNG\r\nBYTES".as_slice()));
    bot.ask("PATCH", &format!("{path}/{}", message.id), &json!({ "content": "now with words" })).await;
    let edited = fake.until_edited(&message, |one| one.content.contains("words")).await;
    assert_eq!(edited.json["attachments"], message.json["attachments"]);
    let gone = json!({ "content": "alone", "attachments": [], "embeds": [] });
    assert_eq!(bot.ask("PATCH", &format!("{path}/{}", message.id), &gone).await.1["attachments"], json!([]));
    assert_eq!(fake.before(&message).len(), 2);
    fake.change_channel(channel, |channel| channel.bot &= !ATTACH);
    let request = bot.request("POST", &path).header("content-type", "multipart/form-data; boundary=b");
    assert_eq!(told(request.body(body)).await.1["code"], json!(50_013));
}

#[tokio::test]
async fn threads_archives_and_deletions_behave_as_there() {
    let fake = FakeDiscord::start().await;
    let (bot, channel) = (Bot::of(&fake), fake.channel("approvals"));
    let (_, card) = bot.post(channel, &json!({ "content": "a card" })).await;
    let id = card["id"].as_str().expect("an id").to_owned();
    let path = format!("channels/{channel}/messages/{id}/threads");
    let (status, thread) = bot.ask("POST", &path, &json!({ "name": "questions" })).await;
    assert_eq!((status, &thread["id"], &thread["type"]), (201, &json!(id), &json!(11)));
    assert_eq!(bot.ask("POST", &path, &json!({ "name": "again" })).await.1["code"], json!(160_004));
    let thread = id.parse().expect("an id");
    let (_, inside) = bot.post(thread, &json!({ "content": "why?" })).await;
    let inside = format!("channels/{thread}/messages/{}", inside["id"].as_str().expect("an id"));
    fake.change_channel(thread, |thread| thread.archived = true);
    assert_eq!(bot.ask("PATCH", &inside, &json!({ "content": "x" })).await.1["code"], json!(50_083));
    assert_eq!(bot.post(thread, &json!({ "content": "wakes it" })).await.0, 200);
    assert_eq!(bot.ask("PATCH", &inside, &json!({ "content": "x" })).await.0, 200);
    fake.delete_message(thread);
    assert_eq!(
        bot.ask("PATCH", &format!("channels/{channel}/messages/{id}"), &json!({})).await.1["code"],
        json!(10_008)
    );
    fake.delete_channel(channel);
    assert_eq!(bot.post(channel, &json!({ "content": "x" })).await.1["code"], json!(10_003));
}

#[tokio::test]
async fn commands_that_break_the_rules_are_refused() {
    let fake = FakeDiscord::start().await;
    let bot = Bot::of(&fake);
    let path = format!("applications/{}/guilds/{}/commands", fake.app_id(), fake.guild());
    let with = |option: Value| json!([{ "name": "ask", "description": "d", "options": option }]);
    let plain = |name: &str| json!({ "type": 3, "name": name, "description": "d" });
    for (body, place, word) in [
        (json!([{ "name": "Ask", "description": "d" }]), "/0/name", "APPLICATION_COMMAND_INVALID_NAME"),
        (json!([{ "name": "a".repeat(33), "description": "d" }]), "/0/name", "BASE_TYPE_BAD_LENGTH"),
        (json!([{ "name": "ask" }]), "/0/description", "BASE_TYPE_REQUIRED"),
        (json!([{ "name": "ask", "description": "d".repeat(101) }]), "/0/description", "BASE_TYPE_BAD_LENGTH"),
        (
            json!([{ "name": "a", "description": "d" }, { "name": "a", "description": "e" }]),
            "/1/name",
            "DUPLICATE_NAME",
        ),
        (with(json!((0..26).map(|n| plain(&format!("o{n}"))).collect::<Vec<_>>())), "/0/options", "MAX_LENGTH"),
        (with(json!([plain("a"), plain("a")])), "/0/options/1/name", "NAME_ALREADY_EXISTS"),
        (
            with(json!([plain("a"), { "type": 3, "name": "b", "description": "d", "required": true }])),
            "/0/options/1",
            "REQUIRED_INVALID",
        ),
        (with(json!([plain("a"), { "type": 1, "name": "b", "description": "d" }])), "/0/options", "TYPE_INVALID"),
    ] {
        let (status, answer) = bot.ask("PUT", &path, &body).await;
        assert_eq!((status, &answer["code"]), (400, &json!(50_035)), "{body}");
        let fault =
            answer["errors"].pointer(place).unwrap_or_else(|| panic!("{body}: nothing at {place} in {answer}"));
        assert!(fault.to_string().contains(word), "{body}: {answer}");
    }
    let good = json!([{ "name": "ask", "description": "d", "name_localizations": {}, "options": [plain("a")] }]);
    let (_, first) = bot.ask("PUT", &path, &good).await;
    let read: Vec<serenity::model::application::Command> =
        serde_json::from_value(first.clone()).expect("serenity reads it");
    assert_eq!((read.len(), fake.commands(Some(fake.guild())).len()), (1, 1));
    assert_eq!(bot.ask("PUT", &path, &good).await.1[0]["id"], first[0]["id"]);
    let foreign = format!("applications/{}/guilds/1/commands", fake.app_id());
    assert_eq!(bot.ask("PUT", &foreign, &good).await.1["code"], json!(50_001));
}

#[tokio::test]
async fn limits_and_outages_are_told_and_end() {
    let fake = FakeDiscord::start().await;
    let (bot, channel) = (Bot::of(&fake), fake.channel("approvals"));
    let hello = json!({ "content": "hello" });
    fake.limit_route("POST /channels/{id}/messages", Duration::from_millis(300));
    let request = bot.request("POST", &format!("channels/{channel}/messages")).json(&hello);
    let response = request.send().await.expect("an answer");
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (429, &"1".parse().expect("a header"))
    );
    let body: Value = response.json().await.expect("JSON");
    let wait = body["retry_after"].as_f64().expect("seconds");
    assert!(wait > 0.0 && wait <= 0.3 && body["global"] == false, "{body}");
    assert_eq!(bot.ask("GET", "users/@me", &Value::Null).await.0, 200);
    assert_eq!(bot.post(channel, &hello).await.0, 429);
    assert_eq!(fake.limited(), (2, 1));
    tokio::time::sleep(Duration::from_secs_f64(wait)).await;
    assert_eq!(bot.post(channel, &hello).await.0, 200);
    fake.set_rate_limits(true);
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(bot.post(fake.channel("general"), &hello).await.0);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429]);
    fake.set_rate_limits(false);
    fake.limit_all(Duration::from_millis(50));
    let (status, body) = bot.ask("GET", "users/@me", &Value::Null).await;
    assert_eq!((status, &body["global"]), (429, &json!(true)));
    fake.set_down(true);
    assert_eq!(bot.post(channel, &hello).await.0, 503);
    fake.set_down(false);
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(bot.post(channel, &hello).await.0, 200);
}
