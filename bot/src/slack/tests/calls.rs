//! What is called, in which order, and what its failures mean.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use workflows::identity::{Chat, ChatUser};

use super::{By, World};
use crate::card::{Card, Chart, Part, Tone};
use crate::event::{Back, MessageRef, Place};
use crate::form::{Form, FormName};
use crate::platform::{Fitness, Platform as _, PlatformError, Standing};

type Answer = fn(&Value) -> (u16, Value);

/// A Slack that gives the same answer each time, and remembers what it was asked.
#[derive(Clone, Default)]
struct Asked {
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Asked {
    fn answers(&self, method: &str, answer: Answer) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(method.to_owned(), answer);
    }

    /// What was asked since the last time.
    fn calls(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn methods(&self) -> Vec<String> {
        self.calls().into_iter().map(|(method, _)| method).collect()
    }
}

async fn called(
    State(asked): State<Asked>,
    Path(method): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    body: Bytes,
) -> Response {
    let said: Value = serde_json::from_slice(&body).unwrap_or_else(|_| json!(query));
    asked.calls.lock().unwrap().push((method.clone(), said.clone()));
    let answer = asked.answers.lock().unwrap().get(&method).copied();
    let (status, answer) = answer.map_or((200, json!({ "ok": true })), |answer| answer(&said));
    let wait = answer["retry"].as_u64().map(|wait| [("retry-after", wait.to_string())]);
    let status = StatusCode::from_u16(status).unwrap();
    match wait {
        Some(wait) => (status, wait, axum::Json(answer)).into_response(),
        None => (status, axum::Json(answer)).into_response(),
    }
}

struct Tiny {
    asked: Asked,
    base: String,
    world: World,
    _tasks: JoinSet<()>,
}

impl Tiny {
    async fn start() -> Self {
        let asked = Asked::default();
        asked.answers("auth.test", |_| (200, json!({ "ok": true, "team_id": "T1", "user_id": "U0BOT" })));
        asked.answers("chat.postMessage", |said| {
            (200, json!({ "ok": true, "channel": said["channel"], "ts": "1.1" }))
        });
        asked.answers("conversations.open", |_| (200, json!({ "ok": true, "channel": { "id": "D1" } })));
        let router = Router::new().route("/{method}", any(called)).with_state(asked.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        let world = World::new(&base, By::Socket).await;
        Self { asked, base, world, _tasks: tasks }
    }

    fn back(&self) -> Back {
        Back {
            who: ChatUser { chat: Chat::Slack, workspace: "T1".to_owned(), user: "U1".to_owned() },
            place: Some(Place("C1".to_owned())),
            message: None,
            trigger: Some("9.9".to_owned()),
            token: Some(format!("{}/hook", self.base)),
            id: None,
            view: None,
        }
    }
}

fn place() -> Place {
    Place("C1".to_owned())
}

fn card() -> Card {
    Card::saying(Tone::Asking, "Somebody waits <!channel>")
}

#[tokio::test]
async fn failures_mean_what_slack_means_by_them() {
    let tiny = Tiny::start().await;
    let post = async |answer: Answer| {
        tiny.asked.answers("chat.postMessage", answer);
        tiny.world.slack.post(&place(), &card(), "crd_1").await.unwrap_err()
    };
    assert_eq!(
        post(|_| (200, json!({ "ok": false, "error": "is_archived" }))).await,
        PlatformError::PlaceGone("C1".to_owned(), "is_archived".to_owned())
    );
    assert_eq!(
        post(|_| (200, json!({ "ok": false, "error": "message_not_found" }))).await,
        PlatformError::MessageGone
    );
    assert_eq!(
        post(|_| (200, json!({ "ok": false, "error": "token_revoked" }))).await,
        PlatformError::Token("token_revoked".to_owned())
    );
    let scope =
        post(|_| (200, json!({ "ok": false, "error": "missing_scope", "needed": "chat:write", "provided": "" })))
            .await;
    assert_eq!(scope, PlatformError::Scope("chat:write".to_owned()));
    let invalid = post(|_| {
        (
            200,
            json!({ "ok": false, "error": "invalid_blocks", "response_metadata": { "messages": ["[ERROR] too long"] } }),
        )
    });
    assert_eq!(invalid.await, PlatformError::Invalid("invalid_blocks: [ERROR] too long".to_owned()));
    assert_eq!(
        post(|_| (200, json!({ "ok": false, "error": "internal_error" }))).await,
        PlatformError::Down("internal_error".to_owned())
    );
    assert_eq!(post(|_| (502, json!("a proxy"))).await, PlatformError::Down("status 502".to_owned()));
    assert_eq!(
        post(|_| (200, json!("surprise"))).await,
        PlatformError::Down("its answer can't be understood".to_owned())
    );
    let limited = post(|_| (429, json!({ "ok": false, "error": "ratelimited", "retry": 60 }))).await;
    assert_eq!(limited, PlatformError::Limited(Duration::from_mins(1)));
    let nowhere = World::new("http://127.0.0.1:1", By::Socket).await;
    let down = nowhere.slack.post(&place(), &card(), "crd_1").await.unwrap_err();
    assert_eq!(down, PlatformError::Down("it can't be reached".to_owned()));
}

#[tokio::test]
async fn a_short_wait_is_waited_for() {
    static TRIES: Mutex<u32> = Mutex::new(0);
    let tiny = Tiny::start().await;
    tiny.asked.answers("chat.postMessage", |_| {
        let mut tries = TRIES.lock().unwrap();
        *tries += 1;
        if *tries == 1 {
            (429, json!({ "ok": false, "retry": 1 }))
        } else {
            (200, json!({ "ok": true, "channel": "C1", "ts": "1.2" }))
        }
    });
    let posted = tiny.world.slack.post(&place(), &card(), "crd_1").await.unwrap();
    assert_eq!(posted, MessageRef { place: place(), message: "1.2".to_owned() });
}

#[tokio::test]
async fn a_card_is_posted_with_its_mark_and_found_by_it() {
    let tiny = Tiny::start().await;
    let posted = tiny.world.slack.post(&place(), &card(), "crd_1").await.unwrap();
    tiny.world.slack.revise(&posted, &card()).await.unwrap();
    tiny.world.slack.follow(&posted, &card(), "").await.unwrap();
    let calls = tiny.asked.calls();
    let (method, said) = &calls[0];
    assert_eq!((method.as_str(), &said["channel"]), ("chat.postMessage", &json!("C1")));
    assert_eq!(said["metadata"], json!({ "event_type": "countersign_card", "event_payload": { "mark": "crd_1" } }));
    assert_eq!(
        (&said["unfurl_links"], &said["unfurl_media"], &said["parse"]),
        (&json!(false), &json!(false), &json!("none"))
    );
    assert_eq!(said["text"], "Somebody waits &lt;!channel&gt;");
    assert_eq!(
        (calls[1].0.as_str(), &calls[1].1["ts"], calls[1].1.get("metadata")),
        ("chat.update", &json!("1.1"), None)
    );
    assert_eq!((calls[2].0.as_str(), &calls[2].1["thread_ts"]), ("chat.postMessage", &json!("1.1")));
    tiny.asked.answers("conversations.history", |said| {
        let message = |user: &str, ts: &str| {
            json!({ "user": user, "ts": ts, "metadata": { "event_type": "countersign_card", "event_payload": { "mark": "crd_1" } } })
        };
        if said["cursor"] == json!("more") {
            return (200, json!({ "ok": true, "messages": [message("U0BOT", "3.3")] }));
        }
        // Somebody else's app puts the same mark on a message.
        let more = json!({ "next_cursor": "more" });
        (200, json!({ "ok": true, "messages": [{ "ts": "5.5" }, message("U0EVE", "4.4")], "response_metadata": more }))
    });
    let found = tiny.world.slack.find(&place(), "crd_1").await.unwrap();
    assert_eq!(found, Some(MessageRef { place: place(), message: "3.3".to_owned() }));
    assert_eq!(tiny.world.slack.find(&place(), "crd_2").await.unwrap(), None);
}

#[tokio::test]
async fn a_chart_that_is_refused_becomes_a_picture_and_that_is_remembered() {
    let tiny = Tiny::start().await;
    tiny.asked.answers("chat.postMessage", |said| {
        if said["blocks"].to_string().contains("data_visualization") {
            return (200, json!({ "ok": false, "error": "invalid_blocks" }));
        }
        (200, json!({ "ok": true, "channel": "C1", "ts": "1.1" }))
    });
    tiny.asked.answers("files.getUploadURLExternal", |_| {
        (200, json!({ "ok": true, "upload_url": "http://127.0.0.1:9/gone", "file_id": "F1" }))
    });
    let bars = vec![("ann".to_owned(), vec![3])];
    let chart = Chart { title: "Hours".to_owned(), unit: "hours".to_owned(), bars, series: vec!["used".to_owned()] };
    let card = card().with(Part::Chart(chart));
    // The upload fails: the numbers are told in words.
    tiny.world.slack.post(&place(), &card, "").await.unwrap();
    let calls = tiny.asked.calls();
    let methods: Vec<&str> = calls.iter().map(|(method, _)| method.as_str()).collect();
    assert_eq!(methods, ["chat.postMessage", "files.getUploadURLExternal", "chat.postMessage"]);
    assert!(calls[2].1.to_string().contains("ann: 3 used"));
    tiny.world.slack.post(&place(), &card, "").await.unwrap();
    assert_eq!(tiny.asked.methods(), ["files.getUploadURLExternal", "chat.postMessage"]);
}

#[tokio::test]
async fn an_answer_finds_its_way() {
    let tiny = Tiny::start().await;
    let slack = &tiny.world.slack;
    slack.whisper(&tiny.back(), &card()).await.unwrap();
    let calls = tiny.asked.calls();
    assert_eq!((calls.len(), calls[0].0.as_str()), (1, "hook"));
    assert_eq!((&calls[0].1["response_type"], &calls[0].1["replace_original"]), (&json!("ephemeral"), &json!(false)));
    // Used up: in the place itself.
    tiny.asked.answers("hook", |_| (404, json!("used_url")));
    slack.whisper(&tiny.back(), &card()).await.unwrap();
    assert_eq!(tiny.asked.methods(), ["hook", "chat.postEphemeral"]);
    // Not there any more: to them alone.
    tiny.asked.answers("chat.postEphemeral", |_| (200, json!({ "ok": false, "error": "user_not_in_channel" })));
    slack.whisper(&tiny.back(), &card()).await.unwrap();
    assert_eq!(tiny.asked.methods(), ["hook", "chat.postEphemeral", "conversations.open", "chat.postMessage"]);
    // An address that is not one of Slack's is not asked.
    let elsewhere = Back { token: Some("http://evil.example/x".to_owned()), place: None, ..tiny.back() };
    slack.whisper(&elsewhere, &card()).await.unwrap();
    assert_eq!(tiny.asked.methods(), ["conversations.open", "chat.postMessage"]);
    // In a conversation with us it stays.
    let alone = Back { token: None, place: Some(Place("D7".to_owned())), ..tiny.back() };
    slack.whisper(&alone, &card()).await.unwrap();
    let calls = tiny.asked.calls();
    assert_eq!((calls.len(), calls[0].0.as_str(), &calls[0].1["channel"]), (1, "chat.postMessage", &json!("D7")));
}

#[tokio::test]
async fn a_form_takes_the_place_of_the_one_before() {
    let tiny = Tiny::start().await;
    let slack = &tiny.world.slack;
    let form = Form {
        name: FormName::Read,
        key: "crd_1".to_owned(),
        title: "The held command".to_owned(),
        submit: None,
        parts: vec![Part::Rule],
        fields: Vec::new(),
        buttons: Vec::new(),
    };
    let inside = Back { view: Some("V1".to_owned()), ..tiny.back() };
    slack.open(&inside, &form).await.unwrap();
    assert_eq!(tiny.asked.methods(), ["views.update"]);
    tiny.asked.answers("views.update", |_| (200, json!({ "ok": false, "error": "not_found" })));
    slack.open(&inside, &form).await.unwrap();
    assert_eq!(tiny.asked.methods(), ["views.update", "views.open"]);
    tiny.asked.answers("views.open", |_| (200, json!({ "ok": false, "error": "expired_trigger_id" })));
    assert_eq!(slack.open(&tiny.back(), &form).await, Err(PlatformError::TooLate));
    assert_eq!(slack.open(&Back { trigger: None, ..tiny.back() }, &form).await, Err(PlatformError::TooLate));
}

#[tokio::test]
async fn a_member_is_remembered_until_something_changes_and_nobody_else_is() {
    let tiny = Tiny::start().await;
    let slack = &tiny.world.slack;
    tiny.asked.answers("users.info", |_| (200, json!({ "ok": true, "user": { "team_id": "T1" } })));
    assert_eq!(slack.standing("U1").await, Ok(Standing::Member));
    assert_eq!(slack.standing("U1").await, Ok(Standing::Member));
    assert_eq!(tiny.asked.methods(), ["auth.test", "users.info"]);
    tiny.asked.answers("users.info", |_| (200, json!({ "ok": true, "user": { "team_id": "T1", "deleted": true } })));
    let change = json!({ "type": "event_callback", "team_id": "T1", "event": { "type": "user_change", "user": { "id": "U1", "deleted": true } } });
    slack.read(&change.to_string()).unwrap().unwrap();
    assert_eq!(slack.standing("U1").await, Ok(Standing::Gone));
    assert_eq!(slack.standing("U1").await, Ok(Standing::Gone));
    assert_eq!(tiny.asked.methods(), ["users.info", "users.info"]);
    tiny.asked.answers("users.info", |_| (503, json!(null)));
    assert_eq!(
        slack.standing("U1").await,
        Err(PlatformError::Down("status 503".to_owned())),
        "nobody passes because of an error"
    );
    tiny.asked.answers("conversations.info", |_| {
        (200, json!({ "ok": true, "channel": { "is_member": true, "is_ext_shared": true } }))
    });
    assert_eq!(slack.fitness(&place()).await, Ok(Fitness::Shared));
    tiny.asked.answers("conversations.info", |_| (200, json!({ "ok": false, "error": "channel_not_found" })));
    assert_eq!(slack.fitness(&place()).await, Ok(Fitness::NotThere));
}

#[tokio::test]
async fn a_file_goes_into_the_thread_with_words_that_stay_words() {
    static BASE: Mutex<String> = Mutex::new(String::new());
    let tiny = Tiny::start().await;
    tiny.base.clone_into(&mut BASE.lock().unwrap());
    tiny.asked.answers("files.getUploadURLExternal", |_| {
        (200, json!({ "ok": true, "upload_url": format!("{}/bytes", BASE.lock().unwrap()), "file_id": "F1" }))
    });
    let at = MessageRef { place: place(), message: "1.1".to_owned() };
    tiny.world.slack.attach(&at, "command.sql", b"SELECT 1".to_vec(), "All of it <!here>").await.unwrap();
    let calls = tiny.asked.calls();
    let methods: Vec<&str> = calls.iter().map(|(method, _)| method.as_str()).collect();
    assert_eq!(methods, ["files.getUploadURLExternal", "bytes", "files.completeUploadExternal"]);
    assert_eq!((&calls[0].1["filename"], &calls[0].1["length"]), (&json!("command.sql"), &json!("8")));
    let expected = json!({
        "files": [{ "id": "F1", "title": "command.sql" }], "channel_id": "C1", "thread_ts": "1.1",
        "initial_comment": "All of it &lt;!here&gt;",
    });
    assert_eq!(calls[2].1, expected);
}
