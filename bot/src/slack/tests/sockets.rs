//! Socket Mode against a Slack that is just large enough: an address for each connection, and envelopes by hand.

use std::sync::Arc;
use std::time::Duration;

use axum::routing::post;
use axum::{Json, Router};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_util::sync::CancellationToken;
use workflows::Faults;

use super::{By, World};
use crate::platform::Platform as _;

type Socket = WebSocketStream<TcpStream>;

/// A Slack.
struct Tiny {
    world: Arc<World>,
    sockets: TcpListener,
    told: Arc<Mutex<Vec<Value>>>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Tiny {
    async fn start() -> Self {
        Self::with(Faults::default()).await.unwrap()
    }

    async fn with(faults: Faults) -> Option<Self> {
        let sockets = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/link", sockets.local_addr().unwrap());
        let told: Arc<Mutex<Vec<Value>>> = Arc::default();
        let ticket = move || async move { Json(json!({ "ok": true, "url": url })) };
        let heard = Arc::clone(&told);
        let whispered = move |Json(said): Json<Value>| async move {
            heard.lock().await.push(said);
            Json(json!({ "ok": true, "message_ts": "1.1" }))
        };
        let router = Router::new()
            .route("/api/apps.connections.open", post(ticket))
            .route("/api/chat.postEphemeral", post(whispered));
        let web = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}/api", web.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(web, router).await.unwrap() });
        let world = Arc::new(World::with(&api, By::Socket, faults).await?);
        let stop = CancellationToken::new();
        let (own, token) = (Arc::clone(&world), stop.clone());
        tasks.spawn(async move { own.slack.listen(own.inbox.clone(), token).await });
        Some(Self { world, sockets, told, stop, tasks })
    }

    /// The next connection that is opened.
    async fn accept(&self) -> Socket {
        let (stream, _) =
            timeout(Duration::from_secs(5), self.sockets.accept()).await.expect("a connection").unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let hello = json!({ "type": "hello", "num_connections": 1, "connection_info": { "app_id": "A1" } });
        socket.send(Frame::text(hello.to_string())).await.unwrap();
        socket
    }
}

fn click(at: &str) -> Value {
    let payload = json!({
        "type": "block_actions", "api_app_id": "A1", "user": { "id": "U1", "team_id": "T1" }, "team": null,
        "channel": { "id": "C1" }, "container": { "message_ts": "1.1", "channel_id": "C1" },
        "actions": [{ "action_id": "approve", "value": "crd_1|", "action_ts": at }],
    });
    json!({ "envelope_id": format!("env-{at}"), "type": "interactive", "accepts_response_payload": false, "payload": payload })
}

async fn send(socket: &mut Socket, envelope: &Value) {
    socket.send(Frame::text(envelope.to_string())).await.unwrap();
}

/// The next acknowledgement.
async fn ack(socket: &mut Socket) -> Value {
    loop {
        let frame =
            timeout(Duration::from_secs(3), socket.next()).await.expect("an acknowledgement").unwrap().unwrap();
        if let Frame::Text(text) = frame {
            return serde_json::from_str(text.as_str()).unwrap();
        }
    }
}

#[tokio::test]
async fn what_comes_is_stored_and_acknowledged_on_both_sockets() {
    let mut slack = Tiny::start().await;
    let (mut one, mut two) = (slack.accept().await, slack.accept().await);
    send(&mut one, &click("1.1")).await;
    assert_eq!(ack(&mut one).await, json!({ "envelope_id": "env-1.1" }));
    // Delivered once more, elsewhere.
    let mut again = click("1.1");
    again["envelope_id"] = json!("env-again");
    send(&mut two, &again).await;
    assert_eq!(ack(&mut two).await, json!({ "envelope_id": "env-again" }));
    // Of no interest, and acknowledged all the same.
    send(&mut two, &json!({ "envelope_id": "env-odd", "type": "something_new", "payload": { "type": "odd" } })).await;
    assert_eq!(ack(&mut two).await, json!({ "envelope_id": "env-odd" }));
    assert_eq!(slack.world.letters().await, [click("1.1").to_string()]);
    assert_eq!(slack.world.slack.app_id(), Some("A1"));
    slack.stop.cancel();
    slack.tasks.join_next().await.unwrap().unwrap();
}

#[tokio::test]
async fn a_socket_that_is_to_be_left_is_answered_until_it_closes() {
    let slack = Tiny::start().await;
    let (mut old, _other) = (slack.accept().await, slack.accept().await);
    send(&mut old, &click("1.1")).await;
    send(&mut old, &json!({ "type": "disconnect", "reason": "warning" })).await;
    send(&mut old, &click("1.2")).await;
    let mut new = slack.accept().await;
    let mut acked = vec![ack(&mut old).await["envelope_id"].clone(), ack(&mut old).await["envelope_id"].clone()];
    acked.sort_by_key(Value::to_string);
    assert_eq!(acked, [json!("env-1.1"), json!("env-1.2")]);
    send(&mut new, &click("1.3")).await;
    assert_eq!(ack(&mut new).await["envelope_id"], "env-1.3");
    // Also in the last moment.
    send(&mut old, &click("1.4")).await;
    assert_eq!(ack(&mut old).await["envelope_id"], "env-1.4");
    assert_eq!(slack.world.letters().await.len(), 4);
}

#[tokio::test]
async fn a_connection_that_breaks_is_replaced() {
    let slack = Tiny::start().await;
    let (one, _two) = (slack.accept().await, slack.accept().await);
    drop(one);
    let mut three = slack.accept().await;
    send(&mut three, &click("1.1")).await;
    assert_eq!(ack(&mut three).await["envelope_id"], "env-1.1");
}

#[tokio::test]
async fn what_can_not_be_stored_is_acknowledged_and_told_to_whoever_did_it() {
    for nth in 1..40 {
        let Some(slack) = Tiny::with(Faults::nth_commit(nth, false)).await else { continue };
        let mut socket = slack.accept().await;
        send(&mut socket, &click("1.1")).await;
        assert_eq!(ack(&mut socket).await, json!({ "envelope_id": "env-1.1" }));
        if !slack.world.letters().await.is_empty() {
            continue;
        }
        for _ in 0..100 {
            if let Some(said) = slack.told.lock().await.first() {
                assert_eq!((&said["user"], &said["channel"]), (&json!("U1"), &json!("C1")));
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("nobody was told");
    }
    panic!("no commit failed");
}
