//! Clients that nobody here wrote: slack-morphism, which the product uses, and Slack's own for Python.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use slack_morphism::prelude::*;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use super::super::{FakeSlack, Kind, Submitted};
use super::{actions, bad, button, call, fields, good, modal, option, select, workspace};

#[tokio::test]
async fn payloads_are_what_slack_morphism_reads() {
    let slack = workspace().await;
    let blocks = json!([actions(&[button("approve"), select(vec![option(5, 5)])])]);
    call(&slack, "chat.postMessage", &json!({ "channel": "C1", "text": "t", "blocks": blocks })).await;
    let message = slack.messages("C1").pop().expect("one");
    let trigger = slack.slash_payload("U1", "C1", "/access", "")["trigger_id"].clone();
    call(&slack, "views.open", &json!({ "trigger_id": trigger, "view": modal(&fields()) })).await;
    let view = slack.view_of("U1").expect("a modal");
    for payload in [
        slack.click_payload("U2", &message, "approve", None),
        slack.click_payload("U2", &message, "s", Some("vvvvv")),
        slack.submit_payload("U1", &view),
        slack.close_payload("U1", &view, false),
        slack.suggest_payload("U1", &view, "what", "o"),
        slack.shortcut_payload("U1", &message, "about_this"),
    ] {
        let read: Result<SlackInteractionEvent, _> = serde_json::from_value(payload.clone());
        assert!(read.is_ok(), "{read:?}\n{payload:#}");
    }
    let event =
        slack.event_payload(&json!({ "type": "app_home_opened", "user": "U1", "channel": "D1", "tab": "home" }));
    serde_json::from_value::<SlackPushEventCallback>(event).expect("an event");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// Slack's own client and its own models agree with this fake.
#[tokio::test(flavor = "multi_thread")]
async fn slack_sdk_works_against_the_fake_and_refuses_no_block_that_it_takes() {
    let python = root().join("target/drivers/bin/python3");
    let import = Command::new(&python).args(["-c", "import slack_sdk"]).stderr(Stdio::null()).status().await;
    if !import.is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no slack_sdk in target/drivers; see tests/drivers/requirements.txt");
        return;
    }
    let slack = workspace().await;
    slack.deliver_by_http("http://127.0.0.1:1/");
    let signed = slack.signed(Kind::Event, &json!({ "type": "event_callback" }));
    slack.deliver_by_socket();
    let asked = json!({
        "api": format!("{}/", slack.api()), "bot": "xoxb-test-bot-token", "app": "xapp-test-app-token",
        "secret": "test-signing-secret", "signed": [signed.body, signed.timestamp, signed.signature],
        // It has no model of charts yet.
        "good": good().iter().filter(|block| block["type"] != "data_visualization").collect::<Vec<_>>(),
        "bad": bad().iter().map(|(_, block)| block).collect::<Vec<_>>(),
    });
    let mut child = Command::new(&python)
        .arg("-B")
        .arg(root().join("tests/drivers/with_slack_sdk.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("python3");
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(format!("{asked}\n").as_bytes()).await.expect("written");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut line = async || lines.next_line().await.expect("a line").unwrap_or_default();
    assert_eq!(line().await, "models agree", "see its traceback above");
    assert_eq!(line().await, "connected", "see its traceback above");
    let outcome = slack.slash("U1", "C1", "/access", "orders-prod 1h because x").await;
    assert_eq!(outcome.text(), "heard /access orders-prod 1h because x");
    let card = slack.until_message("C1", |message| !message.buttons().is_empty()).await;
    assert!(slack.click("U2", &card, "approve").await.is_acked());
    let done = slack.until_changed(&card, |message| message.buttons().is_empty()).await;
    assert!(done.says("approved by U2"));
    slack.until("upload", |state| state.files.values().any(|file| file.complete).then_some(())).await;
    let view = slack.until_view("U1", |view| view.title() == "Access").await;
    assert_eq!(
        slack.submit("U1", &view, &[("why", "bad")]).await,
        Submitted::Errors([("why".to_owned(), "no".to_owned())].into())
    );
    assert_eq!(slack.submit("U1", &view, &[("why", "good")]).await, Submitted::Closed);
    assert!(slack.open_home("U1").await.is_acked());
    slack.until_home("U1", |view| view.says("Welcome")).await;
    assert_eq!(slack.files()[0].bytes.as_deref(), Some(b"a picture".as_slice()));
    assert_eq!(line().await, "done", "see its traceback above");
    assert!(child.wait().await.expect("an end").success());
    assert_eq!(slack.strays(), Vec::<String>::new());
}

/// The client that the product uses, on plain HTTP.
fn morphism(slack: &FakeSlack) -> SlackHyperClient {
    let roots = rustls::RootCertStore::empty();
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let https =
        hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    SlackClient::new(SlackClientHyperConnector::from(https).with_slack_api_url(&slack.api()))
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("a model")
}

#[tokio::test]
async fn slack_morphism_reads_every_answer() {
    let slack = workspace().await;
    let client = morphism(&slack);
    let token = SlackApiToken::new("xoxb-test-bot-token".into());
    let session = client.open_session(&token);
    assert_eq!(session.auth_test().await.expect("auth.test").user_id.0, "U0BOT");
    let blocks = json!([actions(&[button("approve")])]);
    let post = json!({
        "channel": "C1", "text": "t", "blocks": blocks, "metadata": { "event_type": "e", "event_payload": { "req": "r1" } },
    });
    let posted = session.chat_post_message(&read(post)).await.expect("chat.postMessage");
    let history = json!({ "channel": "C1", "include_all_metadata": true, "limit": 5 });
    let history = session.conversations_history(&read(history)).await.expect("conversations.history");
    let payload = history.messages[0].content.metadata.as_ref().and_then(|found| found.event_payload.clone());
    assert_eq!(payload.expect("a payload")["req"], "r1");
    let update = json!({ "channel": "C1", "ts": posted.ts, "text": "done", "blocks": [] });
    session.chat_update(&read(update)).await.expect("chat.update");
    let replies = json!({ "channel": "C1", "ts": posted.ts });
    assert_eq!(session.conversations_replies(&read(replies)).await.expect("conversations.replies").messages.len(), 1);
    let link = json!({ "channel": "C1", "message_ts": posted.ts });
    session.chat_get_permalink(&read(link)).await.expect("chat.getPermalink");
    let whisper = json!({ "channel": "C1", "user": "U1", "text": "psst" });
    session.chat_post_ephemeral(&read(whisper)).await.expect("chat.postEphemeral");
    session.conversations_open_full(&read(json!({ "users": ["U1"] }))).await.expect("conversations.open");
    let info = session.conversations_info(&read(json!({ "channel": "C1" }))).await.expect("conversations.info");
    assert_eq!(info.channel.name.as_deref(), Some("approvals"));
    session.users_info(&read(json!({ "user": "U1" }))).await.expect("users.info");
    session.users_conversations(&read(json!({}))).await.expect("users.conversations");
    let trigger = slack.slash_payload("U1", "C1", "/access", "")["trigger_id"].clone();
    let open = json!({ "trigger_id": trigger, "view": modal(&fields()) });
    let opened = session.views_open(&read(open)).await.expect("views.open").view.state_params;
    let update = json!({ "view_id": opened.id, "hash": opened.hash, "view": modal(&fields()) });
    session.views_update(&read(update)).await.expect("views.update");
    let home = json!({ "user_id": "U1", "view": { "type": "home", "blocks": [{ "type": "divider" }] } });
    session.views_publish(&read(home)).await.expect("views.publish");
    let file = json!({ "filename": "chart.png", "length": 3, "alt_txt": "a chart" });
    let file = session.get_upload_url_external(&read(file)).await.expect("files.getUploadURLExternal");
    let bytes = SlackApiFilesUploadViaUrlRequest::new(file.upload_url, b"png".to_vec(), "image/png".to_owned());
    session.files_upload_via_url(&bytes).await.expect("the upload");
    let complete = json!({ "files": [{ "id": file.file_id }] });
    session.files_complete_upload_external(&read(complete)).await.expect("files.completeUploadExternal");
    assert_eq!(slack.files()[0].bytes.as_deref(), Some(b"png".as_slice()));
    let refused = session.chat_post_message(&read(json!({ "channel": "C9", "text": "x" }))).await;
    assert!(refused.expect_err("refused").to_string().contains("channel_not_found"));
}
