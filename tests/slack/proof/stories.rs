//! Modals, sockets, response URLs, sign-in and signed requests, from the first step to the last.

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message as Frame;

use super::super::{FakeSlack, Kind, Submitted, wire};
use super::{actions, button, call, call_with, error, fields, modal, option, rich, text, with, workspace};

/// What acknowledges an envelope, and when.
type Ack = fn(&Value) -> Option<Value>;

/// A bare app on a socket.
async fn app(slack: &FakeSlack, tasks: &mut tokio::task::JoinSet<()>, ack: Ack) {
    let url = call(slack, "apps.connections.open", &json!({})).await["url"].as_str().expect("a url").to_owned();
    let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.expect("a socket");
    assert!(tokio_tungstenite::connect_async(&url).await.is_err(), "a ticket is for one socket");
    let before = slack.sockets();
    tasks.spawn(async move {
        while let Some(Ok(frame)) = socket.next().await {
            let Ok(value) = serde_json::from_str::<Value>(frame.to_text().unwrap_or_default()) else { continue };
            if let (Some(id), Some(payload)) = (value["envelope_id"].as_str(), ack(&value)) {
                let mut answer = json!({ "envelope_id": id });
                if !payload.is_null() {
                    answer["payload"] = payload;
                }
                socket.send(Frame::text(answer.to_string())).await.expect("sent");
            }
        }
    });
    slack.until_connected(before.max(1)).await;
}

#[tokio::test]
async fn a_modal_is_opened_filled_in_refused_and_accepted() {
    let slack = workspace().await;
    let mut tasks = tokio::task::JoinSet::new();
    app(&slack, &mut tasks, |envelope| match envelope["payload"]["type"].as_str() {
        Some("block_suggestion") => Some(json!({ "options": [option(5, 6)] })),
        Some("view_submission")
            if envelope["payload"]["view"]["state"]["values"]["why"]["why"]["value"] == "too vague" =>
        {
            Some(json!({ "response_action": "errors", "errors": { "why": "say more" } }))
        }
        _ => Some(Value::Null),
    })
    .await;
    slack.slash("U1", "C1", "/access", "").await;
    let trigger = slack.envelopes()[0].payload["trigger_id"].clone();
    let mut no_submit = modal(&fields());
    no_submit.as_object_mut().expect("an object").remove("submit");
    let refused = call(&slack, "views.open", &json!({ "trigger_id": trigger, "view": no_submit })).await;
    assert!(refused.to_string().contains("must define submit"), "{refused}");
    let long = with(modal(&fields()), "title", text("plain_text", 25));
    assert_eq!(
        error(&slack, "views.open", json!({ "trigger_id": trigger, "view": long })).await,
        "invalid_arguments"
    );
    let open = json!({ "trigger_id": trigger, "view": modal(&fields()) });
    let opened = call(&slack, "views.open", &open).await;
    assert_eq!(opened["ok"], true, "{opened}");
    assert_eq!(error(&slack, "views.open", open).await, "exchanged_trigger_id");
    let stale = json!({ "view_id": opened["view"]["id"], "hash": "old", "view": modal(&fields()) });
    assert_eq!(error(&slack, "views.update", stale).await, "hash_conflict");

    let view = slack.view_of("U1").expect("a modal");
    let word = "v".repeat(4);
    assert!(matches!(slack.submit("U1", &view, &[("why", "short")]).await, Submitted::Blocked(_)));
    assert!(matches!(slack.submit("U1", &view, &[("why", "long enough")]).await, Submitted::Blocked(_)));
    let offered = slack.suggest("U1", &view, "what", "o").await;
    let all = [("why", "too vague "), ("what", offered[0].1.as_str()), ("level", word.as_str())];
    let mut vague = all;
    vague[0].1 = "too vague";
    assert!(matches!(slack.submit("U1", &view, &vague).await, Submitted::Blocked(_)), "nine are too few");
    let mut enough = all;
    enough[0].1 = "INC-42 stuck job";
    assert_eq!(slack.submit("U1", &view, &enough).await, Submitted::Closed);
    assert!(slack.view_of("U1").is_none());

    slack.slash("U1", "C1", "/access", "").await;
    slack.expire_triggers();
    let trigger = slack.envelopes().last().expect("one").payload["trigger_id"].clone();
    let late = json!({ "trigger_id": trigger, "view": modal(&fields()) });
    assert_eq!(error(&slack, "views.open", late).await, "expired_trigger_id");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_an_acknowledgement_comes_again() {
    let slack = workspace().await;
    let mut tasks = tokio::task::JoinSet::new();
    app(&slack, &mut tasks, |envelope| (envelope["retry_attempt"] == 1).then_some(Value::Null)).await;
    let outcome = slack.mention("U1", "C1", "orders-prod for 1h").await;
    assert!(outcome.is_acked());
    let sent = slack.envelopes();
    assert_eq!((sent.len(), sent[0].error.as_deref(), sent[1].retry_attempt), (2, Some("operation_timeout"), 1));
    slack.disconnect("refresh_requested");
    slack.until("end of the socket", |state| (state.sockets.count() == 0).then_some(())).await;
    let nobody = slack.slash("U1", "C1", "/access", "").await;
    assert_eq!(nobody.error.as_deref(), Some("dispatch_failed"));
    assert!(slack.complaints("U1")[0].contains("/access failed"));
}

#[tokio::test]
async fn a_response_url_works_five_times() {
    let slack = workspace().await;
    let payload = slack.slash_payload("U1", "C1", "/access", "");
    let url = payload["response_url"].as_str().expect("a url");
    for _ in 0..5 {
        let sent = slack.shared.http.post(url).body(json!({ "text": "hm" }).to_string()).send().await.expect("sent");
        assert_eq!(sent.status(), 200);
    }
    assert_eq!(slack.shared.http.post(url).body("{}").send().await.expect("sent").status(), 404);
    assert_eq!(slack.ephemerals("U1").len(), 5);
    assert!(slack.ephemerals("U2").is_empty() && slack.messages("C1").is_empty());
}

#[tokio::test]
async fn what_people_see_tells_active_text_from_dead() {
    let slack = workspace().await;
    let evil = "<https://evil.test|click> <!here> <@U2> www.evil.test <script>";
    let mrkdwn = json!([{ "type": "section", "text": { "type": "mrkdwn", "text": evil } }]);
    let plain = json!([{ "type": "section", "text": { "type": "plain_text", "text": evil } }]);
    let dead = json!([rich("rich_text_preformatted", &json!([{ "type": "text", "text": evil }]))]);
    for (blocks, links, mentions) in [(mrkdwn, 3, 2), (plain, 0, 0), (dead, 0, 0)] {
        call(&slack, "chat.postMessage", &json!({ "channel": "C1", "text": "safe", "blocks": blocks })).await;
        let seen = slack.messages("C1").pop().expect("one").seen();
        assert_eq!((seen.links.len(), seen.mentions.len()), (links, mentions), "{seen:?}");
    }
}

#[tokio::test]
async fn sign_in_with_slack_gives_a_code_once() {
    let slack = workspace().await;
    let back = "http://127.0.0.1:1/done";
    slack.allow_redirect(back);
    slack.sign_in_as(Some("U1"));
    let browser =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().expect("one");
    let query = |redirect: &str| {
        let url =
            format!("{}?response_type=code&scope=openid&client_id=1111.2222&state=s&nonce=n", slack.authorize());
        format!("{url}&redirect_uri={redirect}")
    };
    assert_eq!(browser.get(query("https://evil.test/")).send().await.expect("a page").status(), 400);
    let page = browser.get(query(back)).send().await.expect("a page");
    let location = page.headers()["location"].to_str().expect("text").to_owned();
    let code = location.split("code=").nth(1).and_then(|rest| rest.split('&').next()).expect("a code");
    assert!(location.ends_with("state=s"));
    let form = format!("client_id=1111.2222&client_secret=test-client-secret&code={code}&redirect_uri={back}");
    let exchange = || {
        let request = browser.post(format!("{}/openid.connect.token", slack.api())).body(form.clone());
        request.header("content-type", "application/x-www-form-urlencoded").send()
    };
    let token: Value = exchange().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(token["id_token"].as_str().expect("a token").split('.').count(), 3);
    let again: Value = exchange().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(again["error"], "code_already_used");
    let access = token["access_token"].as_str().expect("a token");
    let info = call_with(&slack, access, "openid.connect.userInfo", &json!({})).await.1;
    assert_eq!(info["https://slack.com/user_id"], "U1");
}

#[tokio::test]
async fn requests_over_http_are_signed_and_their_answers_are_shown() {
    let slack = workspace().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/slack", listener.local_addr().expect("an address"));
    let answer = |headers: HeaderMap, body: String| async move {
        let word =
            |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let right = wire::signature("test-signing-secret", &word("x-slack-request-timestamp"), &body);
        if right != word("x-slack-signature") {
            return (StatusCode::UNAUTHORIZED, String::new());
        }
        let challenge =
            serde_json::from_str::<Value>(&body).ok().and_then(|v| v["challenge"].as_str().map(str::to_owned));
        (StatusCode::OK, challenge.unwrap_or_else(|| "asked".to_owned()))
    };
    let mut tasks = tokio::task::JoinSet::new();
    let app = Router::new().route("/slack", post(answer));
    tasks.spawn(async move { axum::serve(listener, app).await.expect("a server") });
    slack.deliver_by_http(&url);
    assert!(slack.verify_url().await);
    assert_eq!(slack.slash("U1", "C1", "/access", "x").await.text(), "asked");
    assert_eq!(slack.ephemerals("U1")[0].text, "asked");
    let signed = slack.signed(Kind::Slash, &slack.slash_payload("U1", "C1", "/access", "read"));
    assert_eq!(slack.send(&signed.clone().tampered("read", "admin")).await.expect("sent").0, 401);
    assert_eq!(slack.send(&signed.unsigned()).await.expect("sent").0, 401);
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// Opens a socket by hand, and says what it was greeted with.
async fn socket(slack: &FakeSlack) -> (Socket, Value) {
    let url = call(slack, "apps.connections.open", &json!({})).await["url"].as_str().expect("a url").to_owned();
    let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.expect("a socket");
    let hello = next(&mut socket).await.expect("a greeting");
    (socket, hello)
}

async fn next(socket: &mut Socket) -> Option<Value> {
    match socket.next().await {
        Some(Ok(Frame::Text(text))) => serde_json::from_str(text.as_str()).ok(),
        _ => None,
    }
}

#[tokio::test]
async fn ten_sockets_share_the_envelopes_and_an_eleventh_is_sent_away() {
    let slack = workspace().await;
    let mut sockets = Vec::new();
    for count in 1..=10 {
        let (open, hello) = socket(&slack).await;
        assert_eq!((&hello["type"], &hello["num_connections"]), (&json!("hello"), &json!(count)));
        slack.until_connected(count).await;
        sockets.push(open);
    }
    assert_eq!(socket(&slack).await.1["reason"], "too_many_websockets");
    slack.send_next_twice();
    let seen = async {
        let mut ids = Vec::new();
        // Which two of them get it is Slack's affair; all are asked at once.
        let mut waiting: futures_util::stream::FuturesUnordered<_> =
            sockets.iter_mut().map(async |socket| (next(socket).await, socket)).collect();
        while ids.len() < 2 {
            let (envelope, socket) = waiting.next().await.expect("a socket");
            let envelope = envelope.expect("an envelope");
            let id = envelope["envelope_id"].as_str().expect("an id").to_owned();
            socket.send(Frame::text(json!({ "envelope_id": id }).to_string())).await.expect("sent");
            ids.push(id);
        }
        ids
    };
    let (outcome, ids) = tokio::join!(slack.slash("U1", "C1", "/access", ""), seen);
    assert!(outcome.is_acked() && ids[0] == ids[1] && slack.envelopes().len() == 1);
    slack.drop_sockets();
    for socket in &mut sockets {
        assert!(next(socket).await.is_none(), "torn without a word");
    }
}

#[tokio::test]
async fn a_fourth_modal_is_not_pushed_upon_three() {
    let slack = workspace().await;
    let content = modal(&json!([actions(&[button("more")])]));
    let trigger = slack.slash_payload("U1", "C1", "/access", "")["trigger_id"].clone();
    call(&slack, "views.open", &json!({ "trigger_id": trigger, "view": content })).await;
    for wanted in ["none", "none", "push_limit_reached"] {
        let top = slack.view_of("U1").expect("a modal");
        let trigger = slack.click_view_payload("U1", &top, "more", None)["trigger_id"].clone();
        assert_eq!(error(&slack, "views.push", json!({ "trigger_id": trigger, "view": content })).await, wanted);
    }
    let top = slack.view_of("U1").expect("a modal");
    assert!(top.previous.is_some());
    slack.close("U1", &top).await;
    assert_eq!(slack.view_of("U1").map(|view| view.id), top.previous);
}
