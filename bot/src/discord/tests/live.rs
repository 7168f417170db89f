//! The adapter against a small Discord of its own: what is stored, what is answered first, and how a socket goes on.

use std::sync::Once;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_util::sync::CancellationToken;
use workflows::clock::{Clock, Span, Timestamp};
use workflows::policy::Policy;
use workflows::{Config, Faults, Workflows};

use super::*;
use crate::card::Tone;
use crate::platform::Grade;

const PATIENCE: Duration = Duration::from_secs(10);

type Call = (String, Value);

/// What the little API answers with.
async fn answer(
    State((url, calls)): State<(String, mpsc::UnboundedSender<Call>)>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response {
    let path = uri.path().trim_start_matches("/api/v10").to_owned();
    let _told = calls.send((format!("{method} {path}"), serde_json::from_slice(&body).unwrap_or_default()));
    let json = match path.as_str() {
        "/gateway/bot" => json!({ "url": url, "session_start_limit": { "remaining": 500 } }),
        path if path.ends_with("/callback") => return StatusCode::NO_CONTENT.into_response(),
        "/applications/@me" => json!({ "id": "42" }),
        "/applications/42/guilds/7/commands" => register::commands(),
        "/guilds/7" => {
            let role = json!({ "id": "7", "permissions": (!(1_u64 << 15 | 1 << 3)).to_string() });
            json!({ "id": "7", "name": "Ours", "owner_id": "1", "roles": [role] })
        }
        "/guilds/7/members/9" => json!({ "user": { "id": "9" }, "roles": ["8"] }),
        "/channels/5" => {
            let rule = |id: &str, deny: &str| json!({ "id": id, "type": 0, "deny": deny, "allow": "0" });
            json!({ "id": "5", "type": 0, "guild_id": "7", "permission_overwrites": [rule("8", "2048"), rule("6", "1024")] })
        }
        _ => json!({ "id": "9" }),
    };
    json.to_string().into_response()
}

struct World {
    discord: Discord,
    workflows: Workflows,
    inbox: Inbox,
    calls: mpsc::UnboundedReceiver<Call>,
    gateway: TcpListener,
    _folder: tempfile::TempDir,
    tasks: JoinSet<()>,
}

impl World {
    async fn new() -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let folder = tempfile::tempdir().unwrap();
        let (rest, gateway) =
            (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let api = format!("http://{}/api/v10", rest.local_addr().unwrap());
        let url = format!("ws://{}", gateway.local_addr().unwrap());
        let (told, calls) = mpsc::unbounded_channel();
        let router = Router::new().fallback(answer).with_state((url, told));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { drop(axum::serve(rest, router).await) });
        let path = folder.path().join("bot");
        std::fs::write(&path, "token").unwrap();
        let own = config::Discord {
            bot_token: format!("file:{}", path.display()).parse().unwrap(),
            application: "42".to_owned(),
            guild: "7".to_owned(),
            public_key: None,
            channel: Some("5".to_owned()),
            alarms: None,
            client_secret: None,
            api,
        };
        let mut config = Config {
            store: workflows::engine::StoreConfig::default(),
            keys: workflows::engine::KeysConfig::default(),
            recordings: workflows::engine::RecordingsConfig::default(),
            policy: Policy::parse("zone = \"Europe/Berlin\"\n[group]\ndba = [\"grace@example.com\"]\n").unwrap(),
            faults: Faults::default(),
        };
        config.store.url = format!("sqlite:{}", folder.path().join("store.db").display());
        config.keys.path = folder.path().join("keys");
        config.recordings.path = folder.path().join("recordings");
        let (clock, _hand) = Clock::manual(Timestamp::from_micros(1_795_757_654_000_000));
        let workflows = Workflows::start(config, clock).await.unwrap();
        let inbox = Inbox::new(workflows.clone());
        let discord = Discord::new(own).unwrap();
        Self { discord, workflows, inbox, calls, gateway, _folder: folder, tasks }
    }

    async fn call(&mut self) -> Call {
        timeout(PATIENCE, self.calls.recv()).await.unwrap().unwrap()
    }

    async fn letters(&self) -> Vec<String> {
        let claimed = self.workflows.claim_letters(Span::seconds(60), 100).await.unwrap();
        claimed.into_iter().map(|letter| letter.body).collect()
    }

    /// Takes a connection; gives it and what it said first.
    async fn accept(&self) -> (WebSocketStream<TcpStream>, Value) {
        let (stream, _) = timeout(PATIENCE, self.gateway.accept()).await.unwrap().unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        say(&mut socket, &json!({ "op": 10, "d": { "heartbeat_interval": 30_000 } })).await;
        let first = loop {
            let frame = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
            let said: Value = serde_json::from_str(frame.to_text().unwrap()).unwrap();
            if said["op"] != 1 {
                break said;
            }
        };
        (socket, first)
    }
}

async fn say(socket: &mut WebSocketStream<TcpStream>, what: &Value) {
    socket.send(Frame::text(what.to_string())).await.unwrap();
}

fn command(seq: u64, id: &str, name: &str) -> Value {
    let it = json!({
        "id": id, "token": format!("t{id}"), "type": 2, "application_id": "42", "guild_id": "7", "channel_id": "5",
        "context": 0, "data": { "name": name, "options": [] }, "member": { "user": { "id": "11" } },
    });
    json!({ "op": 0, "t": "INTERACTION_CREATE", "s": seq, "d": it })
}

#[tokio::test]
async fn a_socket_stores_answers_once_and_goes_on_where_it_broke_off() {
    let mut world = World::new().await;
    let stop = CancellationToken::new();
    let (discord, inbox, stopping) = (world.discord.clone(), world.inbox.clone(), stop.clone());
    world.tasks.spawn(async move { discord.listen(inbox, stopping).await });
    let (mut socket, identify) = world.accept().await;
    assert_eq!((&identify["op"], &identify["d"]["intents"]), (&json!(2), &json!(4609)));
    assert_eq!(world.call().await.0, "GET /gateway/bot");
    let url = format!("ws://{}/again", world.gateway.local_addr().unwrap());
    let ready = json!({ "session_id": "s1", "resume_gateway_url": url });
    say(&mut socket, &json!({ "op": 0, "t": "READY", "s": 1, "d": ready })).await;

    // Stored, then acknowledged.
    say(&mut socket, &command(2, "100", "mine")).await;
    let (route, body) = world.call().await;
    assert_eq!((route.as_str(), &body["type"]), ("POST /interactions/100/t100/callback", &json!(5)));
    let letters = world.letters().await;
    let event = world.discord.read(&letters[0]).unwrap().unwrap();
    assert_eq!(event.what, Action::Said { text: "mine".to_owned() });
    world.discord.whisper(&event.back, &Card::saying(Tone::Good, "yours")).await.unwrap();
    let (route, body) = world.call().await;
    assert_eq!((route.as_str(), &body["flags"]), ("POST /webhooks/42/t100", &json!(64)));

    // What people write to each other is none of ours.
    let chat =
        json!({ "id": "1", "type": 0, "guild_id": "7", "channel_id": "5", "content": "", "author": { "id": "11" } });
    say(&mut socket, &json!({ "op": 0, "t": "MESSAGE_CREATE", "s": 3, "d": chat })).await;

    // Something that a form may answer waits for it; the first one to answer is alone.
    say(&mut socket, &command(4, "101", "access")).await;
    let event = loop {
        if let Some(letter) = world.letters().await.first() {
            break world.discord.read(letter).unwrap().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(event.back.trigger.as_deref(), Some("modal"));
    world.discord.whisper(&event.back, &Card::saying(Tone::Good, "first")).await.unwrap();
    let (route, body) = world.call().await;
    assert_eq!((route.as_str(), &body["type"]), ("POST /interactions/101/t101/callback", &json!(4)));
    world.discord.whisper(&event.back, &Card::saying(Tone::Good, "second")).await.unwrap();
    assert_eq!(world.call().await.0, "POST /webhooks/42/t101");

    // Discord asks us to come again; what was missed is told there.
    say(&mut socket, &json!({ "op": 7 })).await;
    let (mut socket, resume) = world.accept().await;
    assert_eq!(resume, json!({ "op": 6, "d": { "token": "token", "session_id": "s1", "seq": 4 } }));

    // Nobody answers this one: somebody says so, once, and in time.
    let began = Instant::now();
    say(&mut socket, &command(5, "102", "access")).await;
    let (route, body) = world.call().await;
    assert_eq!((route.as_str(), &body["type"]), ("POST /interactions/102/t102/callback", &json!(4)));
    assert!(began.elapsed() > Duration::from_millis(2_400) && began.elapsed() < Duration::from_millis(2_950));
    assert!(body.to_string().contains("took too long"), "{body}");

    // A session that is over begins anew.
    say(&mut socket, &json!({ "op": 9, "d": false })).await;
    let (_socket, identify) = world.accept().await;
    assert_eq!(identify["op"], 2);
    assert_eq!(world.call().await.0, "GET /gateway/bot");
    stop.cancel();
}

#[tokio::test]
async fn a_connection_that_never_becomes_a_session_is_tried_again_more_slowly() {
    let mut world = World::new().await;
    let stop = CancellationToken::new();
    let (discord, inbox, stopping) = (world.discord.clone(), world.inbox.clone(), stop.clone());
    world.tasks.spawn(async move { discord.listen(inbox, stopping).await });
    let mut began = Instant::now();
    // 1 to 2 s, 2 to 3 s: whatever way it ends, a day has only so many beginnings.
    for (least, end) in
        [(0, json!({ "op": 9, "d": false })), (1_000, json!({ "op": 7 })), (2_000, json!({ "op": 7 }))]
    {
        let (mut socket, identify) = world.accept().await;
        assert_eq!(identify["op"], 2);
        assert!(began.elapsed() >= Duration::from_millis(least), "{:?}", began.elapsed());
        began = Instant::now();
        say(&mut socket, &end).await;
    }
    stop.cancel();
}

#[tokio::test]
async fn the_doctor_names_what_the_bot_may_not_do_and_whether_the_gateway_answers() {
    let world = World::new().await;
    let discord = world.discord.clone();
    let mut examining = JoinSet::new();
    examining.spawn(async move { discord.examine().await });
    let (stream, _) = timeout(PATIENCE, world.gateway.accept()).await.unwrap().unwrap();
    let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
    say(&mut socket, &json!({ "op": 10, "d": { "heartbeat_interval": 30_000 } })).await;
    let next = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
    assert!(next.is_close(), "nobody signs in: {next:?}");
    let found = examining.join_next().await.unwrap().unwrap();
    let wrong: Vec<_> = found.iter().filter(|one| one.grade == Grade::Wrong).map(|one| one.what.as_str()).collect();
    assert_eq!(
        wrong,
        ["`[discord] channel` = `5` can be seen, and the bot lacks permissions there: Send Messages, Attach Files"],
        "{found:?}"
    );
    let has = |words: &str| found.iter().any(|one| one.grade == Grade::Good && one.what == words);
    assert!(has("the gateway lets us in") && has("every command is registered, as it is now"), "{found:?}");
    // Nobody is there any more.
    let World { gateway, discord, .. } = world;
    drop((gateway, socket));
    let found = discord.examine().await;
    let gateway = found.iter().find(|one| one.what.starts_with("the gateway can't be reached")).unwrap();
    assert!(gateway.grade == Grade::Wrong && gateway.fix.contains("gateway.discord.gg"));
}
