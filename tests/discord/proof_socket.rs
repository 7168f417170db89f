//! The fake itself is tested: its socket, its interactions, and its signed deliveries, with serenity's models.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use serenity::interactions_endpoint::Verifier;
use serenity::model::application::{Interaction, InteractionContext};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::proof::Bot;
use super::{FakeDiscord, Forgery, PATIENCE, Shown, api, user_installed};

/// A client of the socket that does one step at a time.
struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    closed: Option<u16>,
}

impl Socket {
    async fn open(fake: &FakeDiscord, query: &str) -> Self {
        let url = fake.read(|world| world.socket_url.clone());
        let (stream, _) = tokio_tungstenite::connect_async(format!("{url}/?{query}")).await.expect("a socket");
        Self { stream, closed: None }
    }

    /// The next payload; nothing where the connection ended.
    async fn next(&mut self) -> Option<Value> {
        let next = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("in time");
        match next {
            Some(Ok(Frame::Text(text))) => serde_json::from_str(text.as_str()).ok(),
            Some(Ok(Frame::Close(frame))) => {
                self.closed = frame.map(|frame| u16::from(frame.code));
                None
            }
            Some(Ok(_) | Err(_)) | None => None,
        }
    }

    async fn send(&mut self, payload: Value) {
        self.stream.send(Frame::text(payload.to_string())).await.expect("sent");
    }

    /// Reads on to an event.
    async fn until(&mut self, name: &str) -> Value {
        loop {
            let event = self.next().await.unwrap_or_else(|| panic!("closed by {:?} before {name}", self.closed));
            if event["t"] == name {
                return event;
            }
        }
    }

    /// Connected and ready; gives READY too.
    async fn ready(fake: &FakeDiscord, intents: u64) -> (Self, Value) {
        let mut socket = Self::open(fake, "v=10&encoding=json").await;
        assert_eq!(socket.next().await.expect("HELLO")["op"], 10);
        socket.send(identify(&fake.bot_token(), intents)).await;
        let ready = socket.until("READY").await;
        (socket, ready)
    }

    /// The next interaction, as serenity reads it.
    async fn interaction(&mut self) -> Interaction {
        let event = self.until("INTERACTION_CREATE").await;
        serde_json::from_value(event["d"].clone()).unwrap_or_else(|error| panic!("{error}: {event}"))
    }
}

fn identify(token: &str, intents: u64) -> Value {
    let properties = json!({ "os": "linux", "browser": "test", "device": "test" });
    json!({ "op": 2, "d": { "token": token, "intents": intents, "properties": properties } })
}

async fn answer(fake: &FakeDiscord, interaction: &Interaction, body: Value) -> (u16, Value) {
    let path = format!("interactions/{}/{}/callback", interaction.id(), interaction.token());
    Bot { authorization: String::new(), ..Bot::of(fake) }.ask("POST", &path, &body).await
}

async fn register(fake: &FakeDiscord) {
    let path = format!("applications/{}/guilds/{}/commands", fake.app_id(), fake.guild());
    let target = json!({ "type": 3, "name": "target", "description": "d", "required": true, "autocomplete": true });
    let ask = json!({ "type": 1, "name": "ask", "description": "d", "options": [target] });
    let body = json!([{ "name": "access", "description": "d", "options": [ask] }]);
    assert_eq!(Bot::of(fake).ask("PUT", &path, &body).await.0, 200);
}

#[tokio::test]
async fn bad_connections_are_closed_with_their_codes() {
    let fake = FakeDiscord::start().await;
    let token = fake.bot_token();
    for (query, payload, code) in [
        ("v=9&encoding=json", None, 4012),
        ("v=10&encoding=json", Some(identify("wrong", 0)), 4004),
        ("v=10&encoding=json", Some(identify(&token, 1 << 30)), 4013),
        ("v=10&encoding=json", Some(identify(&token, 1 << 15)), 4014),
        ("v=10&encoding=json", Some(json!({ "op": 99 })), 4001),
        ("v=10&encoding=json", Some(json!({ "op": 3, "d": {} })), 4003),
        ("v=10&encoding=json", Some(json!("words")), 4002),
    ] {
        let mut socket = Socket::open(&fake, query).await;
        if let Some(payload) = payload {
            socket.next().await;
            socket.send(payload).await;
        }
        while socket.next().await.is_some() {}
        assert_eq!(socket.closed, Some(code), "{query}");
    }
}

#[tokio::test]
async fn what_was_missed_is_told_again_after_a_cut() {
    let fake = FakeDiscord::start().await;
    let (mut socket, ready) = Socket::ready(&fake, 1 << 9).await;
    socket.send(json!({ "op": 1, "d": 1 })).await;
    assert_eq!(socket.next().await.expect("an answer")["op"], 11);
    fake.say(fake.user("ada"), fake.channel("general"), "heard");
    let heard = socket.until("MESSAGE_CREATE").await;
    assert_eq!(heard["d"]["content"], "", "the intent for texts was not asked for");
    fake.cut_sockets();
    assert!(socket.next().await.is_none());
    fake.say(fake.user("ada"), fake.channel("general"), &format!("<@{}> missed", fake.app_id()));
    let mut socket = Socket::open(&fake, "v=10&encoding=json").await;
    let session = &ready["d"]["session_id"];
    let resume = json!({ "op": 6, "d": { "token": fake.bot_token(), "session_id": session, "seq": heard["s"] } });
    socket.send(resume.clone()).await;
    let missed = socket.until("MESSAGE_CREATE").await;
    assert_eq!(missed["s"].as_u64(), heard["s"].as_u64().map(|seq| seq + 1));
    assert!(missed["d"]["content"].as_str().expect("text").contains("missed"));
    socket.until("RESUMED").await;
    assert_eq!(fake.sockets(), (1, 1));
    fake.ask_to_reconnect();
    assert_eq!(socket.next().await.expect("op 7")["op"], 7);
    fake.invalidate(false);
    assert_eq!(socket.next().await.expect("op 9"), json!({ "op": 9, "t": null, "s": null, "d": false }));
    socket.send(json!({ "op": 6, "d": { "token": fake.bot_token(), "session_id": session, "seq": 1 } })).await;
    while socket.next().await.is_some() {}
    let mut socket = Socket::open(&fake, "v=10&encoding=json").await;
    socket.next().await;
    socket.send(resume).await;
    assert_eq!(socket.next().await.expect("op 9")["op"], 9);
}

#[tokio::test]
async fn a_silent_client_is_closed() {
    let fake = FakeDiscord::start().await;
    fake.set_heartbeat(Duration::from_millis(100));
    let (mut socket, _) = Socket::ready(&fake, 0).await;
    while socket.next().await.is_some() {}
    assert_eq!(socket.closed, Some(4009));
}

#[tokio::test]
async fn one_first_response_and_no_modal_where_none_may_be() {
    let fake = FakeDiscord::start().await;
    register(&fake).await;
    let (ada, channel) = (fake.user("ada"), fake.channel("general"));
    let (mut socket, _) = Socket::ready(&fake, 0).await;
    let modal = json!({ "type": 9, "data": { "title": "Why", "custom_id": "why", "components": [
        { "type": 1, "components": [{ "type": 4, "custom_id": "reason", "label": "Reason", "style": 2, "min_length": 3 }] },
    ] } });
    let asked = fake.command(ada, channel, "access ask", &[("target", "orders-prod")]);
    let product = async {
        let it = socket.interaction().await;
        let command = it.as_command().expect("a command");
        assert_eq!((command.user.name.as_str(), command.context), ("ada", Some(InteractionContext::Guild)));
        let (status, refused) =
            answer(&fake, &it, json!({ "type": 4, "data": { "content": "x".repeat(2001) } })).await;
        assert_eq!(status, 400);
        assert!(!refused["errors"]["data"]["content"]["_errors"].is_null(), "{refused}");
        for wrong in
            [json!({ "type": 7, "data": {} }), json!({ "type": 8, "data": { "choices": [] } }), json!({ "type": 1 })]
        {
            assert_eq!(answer(&fake, &it, wrong).await.1["code"], json!(50_035));
        }
        let mut empty = modal.clone();
        empty["data"]["components"] = json!([]);
        assert_eq!(answer(&fake, &it, empty).await.1["code"], json!(50_035));
        assert_eq!(answer(&fake, &it, modal.clone()).await.0, 204);
        assert_eq!(answer(&fake, &it, modal.clone()).await.1["code"], json!(40_060));
    };
    let (reply, ()) = tokio::join!(asked, product);
    assert_eq!(reply.modal().fields[0].label, "Reason");
    let open = fake.modal_of(ada).expect("a modal");
    let product = async {
        let it = socket.interaction().await;
        assert!(it.as_modal_submit().is_some());
        assert_eq!(answer(&fake, &it, modal.clone()).await.1["code"], json!(50_035));
        let body = json!({ "type": 4, "data": { "content": "asked", "flags": 64, "attachments": [] } });
        assert_eq!(answer(&fake, &it, body).await.0, 204);
    };
    let (reply, ()) = tokio::join!(fake.submit(ada, &open, &[("reason", "INC-42")]), product);
    assert!(reply.is_private() && fake.modal_of(ada).is_none());
    assert_eq!((fake.messages(channel).len(), fake.ephemerals(ada).len()), (0, 1));
    let bot = Bot::of(&fake);
    let private = format!("channels/{channel}/messages/{}", reply.message().id);
    assert_eq!(bot.ask("PATCH", &private, &json!({ "content": "x" })).await.1["code"], json!(10_008));
    let original = format!("webhooks/{}/{}/messages/@original", fake.app_id(), reply.token);
    assert_eq!(bot.ask("PATCH", &original, &json!({ "content": "changed" })).await.0, 200);
    assert_eq!(fake.ephemerals(ada)[0].content, "changed");
    fake.expire_tokens();
    assert_eq!(bot.ask("PATCH", &original, &json!({ "content": "late" })).await.1["code"], json!(50_027));
}

#[tokio::test]
async fn buttons_lists_and_slow_answers() {
    let fake = FakeDiscord::start().await;
    let (ada, channel, bot) = (fake.user("ada"), fake.channel("approvals"), Bot::of(&fake));
    let (mut socket, _) = Socket::ready(&fake, 0).await;
    let button = |id: &str| json!({ "type": 2, "style": 3, "label": id, "custom_id": id });
    let list = json!({ "type": 3, "custom_id": "span", "options": [{ "label": "30 min", "value": "30m" }] });
    let rows = json!([{ "type": 1, "components": [button("approve"), button("deny")] }, { "type": 1, "components": [list] }]);
    bot.post(channel, &json!({ "content": "card", "components": rows })).await;
    let card = fake.messages(channel).remove(0);
    let product = async {
        let it = socket.interaction().await;
        let component = it.as_message_component().expect("a component");
        assert_eq!((component.data.custom_id.as_str(), component.message.id.get()), ("approve", card.id));
        let body = json!({ "type": 7, "data": { "content": "approved", "components": [] } });
        assert_eq!(answer(&fake, &it, body).await.0, 204);
    };
    let approve = card.button("approve");
    let (reply, ()) = tokio::join!(fake.click(ada, &card, &approve), product);
    assert_eq!((reply.message().content.as_str(), reply.message().buttons().len()), ("approved", 0));
    // His picture of the card is old: the button is not there any more.
    assert!(fake.click(ada, &card, "deny").await.failed());
    bot.post(channel, &json!({ "content": "card", "components": rows })).await;
    let card = fake.messages(channel).remove(1);
    let product = async {
        let it = socket.interaction().await;
        assert_eq!(answer(&fake, &it, json!({ "type": 5, "data": { "flags": 64 } })).await.0, 204);
        let follow = format!("webhooks/{}/{}", fake.app_id(), it.token());
        assert_eq!(bot.ask("POST", &follow, &json!({ "content": "thought about it" })).await.0, 200);
        assert_eq!(bot.ask("POST", &follow, &json!({ "content": "for all" })).await.0, 200);
    };
    let (reply, ()) = tokio::join!(fake.select(ada, &card, "span", "30m"), product);
    assert!(matches!(reply.shown, Shown::Thinking));
    let answered = fake.until_answered(&reply).await;
    assert_eq!((answered.content.as_str(), answered.only), ("thought about it", Some(ada)));
    fake.until_message(channel, |one| one.content == "for all").await;
    let (reply, it) = tokio::join!(fake.click(ada, &card, "approve"), socket.interaction());
    assert!(reply.failed());
    let late = answer(&fake, &it, json!({ "type": 6 })).await;
    assert_eq!((late.0, &late.1["code"]), (404, &json!(10_062)));
    assert_eq!(fake.failures().last(), Some(&(ada, "The application did not respond".to_owned())));
}

#[tokio::test]
async fn choices_and_strange_places() {
    let fake = FakeDiscord::start().await;
    register(&fake).await;
    let (ada, channel) = (fake.user("ada"), fake.channel("general"));
    let (mut socket, _) = Socket::ready(&fake, 0).await;
    let choice = |n: usize| json!({ "name": format!("db-{n}"), "value": format!("db-{n}") });
    let product = async {
        let it = socket.interaction().await;
        let typed =
            it.as_autocomplete().expect("autocomplete").data.autocomplete().expect("an option").value.to_owned();
        assert_eq!(typed, "or");
        let many = json!({ "type": 8, "data": { "choices": (0..26).map(choice).collect::<Vec<_>>() } });
        assert_eq!(answer(&fake, &it, many).await.1["code"], json!(50_035));
        assert_eq!(answer(&fake, &it, json!({ "type": 4, "data": { "content": "x" } })).await.0, 400);
        let few = json!({ "type": 8, "data": { "choices": (0..25).map(choice).collect::<Vec<_>>() } });
        assert_eq!(answer(&fake, &it, few).await.0, 204);
    };
    let (choices, ()) = tokio::join!(fake.autocomplete(ada, channel, "access ask", "target", "or"), product);
    assert_eq!(choices.len(), 25);
    let (_, elsewhere) = fake.add_guild("Other", false, &[ada]);
    let group = fake.add_group(&[ada, fake.user("mallory")]);
    for (place, context) in [(elsewhere, 0), (fake.dm_channel(ada), 1), (group, 2)] {
        let asked = fake.command_with(ada, place, "access ask", &[("target", "x")], user_installed);
        let product = async {
            let event = socket.until("INTERACTION_CREATE").await["d"].clone();
            let it: Interaction = serde_json::from_value(event.clone()).expect("serenity reads it");
            assert_eq!(event["context"], json!(context));
            assert_eq!(event["authorizing_integration_owners"], json!({ "1": ada.to_string() }));
            assert_eq!(it.as_command().expect("a command").user.id.get(), ada);
            answer(&fake, &it, json!({ "type": 4, "data": { "content": "no", "flags": 64 } })).await;
        };
        let (reply, ()) = tokio::join!(asked, product);
        assert!(reply.is_private());
    }
}

/// An address as a careful application has it.
async fn serve(key: String) -> (String, tokio::task::JoinSet<()>) {
    async fn take(State(verifier): State<Arc<Verifier>>, head: HeaderMap, body: Bytes) -> Response {
        let get = |name| api::text(&head, name);
        if verifier.verify(&get("x-signature-ed25519"), &get("x-signature-timestamp"), &body).is_err() {
            return api::plain(401, &[], "".into());
        }
        let interaction = serde_json::from_slice::<Interaction>(&body).expect("serenity reads it");
        let answer = if interaction.as_ping().is_some() {
            json!({ "type": 1 })
        } else {
            json!({ "type": 4, "data": { "content": "by HTTP", "flags": 64 } })
        };
        api::plain(200, &[("content-type", "application/json".into())], answer.to_string().into())
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/discord", listener.local_addr().expect("bound"));
    let verifier = Arc::new(Verifier::new(&key));
    let router = axum::Router::new().route("/discord", post(take)).with_state(verifier);
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(async move { drop(axum::serve(listener, router).await) });
    (url, serving)
}

#[tokio::test]
async fn an_address_is_saved_only_if_it_refuses_wrong_signatures() {
    let fake = FakeDiscord::start().await;
    register(&fake).await;
    let (wrong, _serving) = serve(super::endpoint::hex(super::new_key().verifying_key().as_bytes())).await;
    assert!(fake.deliver_by_http(&wrong).await.is_err());
    let (url, _serving) = serve(fake.public_key()).await;
    fake.deliver_by_http(&url).await.expect("a good address");
    let (ada, channel) = (fake.user("ada"), fake.channel("general"));
    let reply = fake.command(ada, channel, "access ask", &[("target", "x")]).await;
    assert_eq!((reply.message().content.as_str(), reply.is_private()), ("by HTTP", true));
    let payload = fake.payload_of_command(ada, channel, "access ask", &[("target", "x")]);
    for (forgery, status) in
        [(Forgery::Tampered, 401), (Forgery::None, 200), (Forgery::Stale(Duration::from_secs(600)), 200)]
    {
        assert_eq!(fake.post(&url, &payload, forgery).await.0, status, "{forgery:?}");
    }
    let first = fake.deliveries().remove(0);
    assert_eq!(fake.replay(&first).await.0, 200, "serenity alone keeps no memory of what it saw");
    fake.deliver_by_socket();
}
