//! The fake is proven by a client that we did not write: discord.py, the most used one.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::FakeDiscord;

#[tokio::test(flavor = "multi_thread")]
async fn discord_py_logs_in_posts_buttons_and_answers_clicks() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/drivers/bin/python");
    let import = Command::new(&python).args(["-c", "import discord"]).stderr(Stdio::null()).status().await;
    if !import.is_ok_and(|status| status.success()) {
        eprintln!(
            "skipped: there is no discord.py; `target/drivers/bin/pip install -r tests/drivers/requirements.txt`"
        );
        return;
    }
    let fake = FakeDiscord::start().await;
    let (grace, channel) = (fake.user("grace"), fake.channel("approvals"));
    let mut command = Command::new(python);
    command.arg("-B").arg(root.join("tests/drivers/with_discord_py.py"));
    command.env("DISCORD_BASE", format!("{}/api/v10", fake.base())).env("DISCORD_TOKEN", fake.bot_token());
    command.env("DISCORD_CHANNEL", channel.to_string()).env("DISCORD_GUILD", fake.guild().to_string());
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("python");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut line = async || lines.next_line().await.expect("a line").unwrap_or_default();
    assert_eq!(line().await, "ready", "see its traceback above");

    let card = fake.until_message(channel, |one| !one.buttons().is_empty()).await;
    assert_eq!(fake.seen(&card).text, "ada wants WRITE on orders-prod\nDELETE FROM orders\nsha256 9f3c\ndiff.txt");
    assert_eq!(fake.file(&card, "diff.txt").as_deref(), Some(b"- 3 rows\n".as_slice()));

    let denied = fake.click(grace, &card, &card.button("Deny")).await;
    // A person types. The library knows its dialog only once the answer to its call has come back, and drops what comes before.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sent = fake.submit(grace, denied.modal(), &[("reason", "not on a Friday")]).await;
    assert!(sent.is_private());
    assert_eq!(sent.message().content, "denied: not on a Friday");

    let slow = fake.click(grace, &card, &card.button("Wait")).await;
    assert_eq!(fake.until_answered(&slow).await.content, "it took a while");

    // The wire is cut; the client comes back to its session by itself.
    fake.cut_sockets();
    fake.until("a resumed session", |world| world.sessions.iter().any(|one| one.resumes == 1).then_some(())).await;
    fake.until_connected().await;
    let approved = fake.click(grace, &card, &card.button("Approve")).await;
    assert_eq!((approved.message().content.as_str(), approved.message().buttons().len()), ("approved by grace", 0));

    fake.until_commands(Some(fake.guild())).await;
    let offered = fake.autocomplete(grace, channel, "access ask", "target", "ord").await;
    assert_eq!(offered.first().map(|one| one.value.clone()), Some(json!("orders-prod")));
    let asked = fake.command(grace, channel, "access ask", &[("target", "orders-prod"), ("minutes", "30")]).await;
    assert_eq!(asked.message().content, "orders-prod for 30 minutes");
    fake.say(grace, channel, &format!("<@{}> bye", fake.app_id()));
    assert_eq!(line().await, "done", "see its traceback above");
    assert!(child.wait().await.expect("an end").success());
    assert!(fake.refused().is_empty(), "{:?}", fake.refused());
}
