//! `countersign doctor`, the binary as operators run it: each thing that is wrong is named, with what to do about it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

use super::office::CHANNEL;
use crate::discord::FakeDiscord;
use crate::slack::{Channel, FakeSlack, User};
use crate::world::PATIENCE;

/// A file that names one platform, and the secrets beside it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new(platform: &str, secrets: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let own =
            "[store]\nurl = \"sqlite:store.db\"\n[keys]\npath = \"keys\"\n[recordings]\npath = \"recordings\"\n";
        std::fs::write(folder.path().join("countersign.toml"), format!("{own}{platform}")).expect("a file");
        let place = Self { folder };
        for (name, secret) in secrets {
            place.keep(name, secret);
        }
        place
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("countersign.toml")
    }

    fn keep(&self, name: &str, secret: &str) {
        std::fs::write(self.folder.path().join(name), secret).expect("a secret");
    }

    /// Runs a command on this file. Gives all that it said, and whether it ended well.
    async fn run(&self, args: &[&str]) -> (String, bool) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        let command = command.args(args).arg("--config").arg(self.file()).env("NO_COLOR", "1").stdin(Stdio::null());
        let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("in time").expect("it ran");
        let said = [output.stdout, output.stderr].concat();
        (String::from_utf8_lossy(&said).into_owned(), output.status.success())
    }

    /// Nothing is wrong.
    async fn is_well(&self) {
        let (said, well) = self.run(&["doctor"]).await;
        assert!(well && !said.contains("wrong"), "{said}");
    }

    /// This is wrong, and this is what to do; nothing else is named as wrong, and no secret is repeated (G15).
    async fn is_wrong(&self, words: &[&str], fix: &str) {
        let (said, well) = self.run(&["doctor"]).await;
        assert!(!well, "{said}");
        let wrong: Vec<&str> = said.lines().filter(|line| line.starts_with("wrong")).collect();
        assert_eq!(wrong.len(), words.len(), "{said}");
        for words in words {
            assert!(wrong.iter().any(|line| line.contains(words)), "`{words}` is not in\n{said}");
        }
        assert!(said.lines().any(|line| line.contains("-> ") && line.contains(fix)), "`{fix}` is not in\n{said}");
        for secret in ["bot", "app", "client"] {
            let secret = std::fs::read_to_string(self.folder.path().join(secret)).unwrap_or_default();
            assert!(secret.is_empty() || !said.contains(&secret), "a secret was repeated");
        }
    }

    /// It works, and somebody should look at this.
    async fn warns(&self, words: &str, fix: &str) {
        let (said, well) = self.run(&["doctor"]).await;
        let line = said.lines().find(|line| line.starts_with("warning") && line.contains(words));
        assert!(well && line.is_some() && said.contains(fix), "{said}");
    }
}

async fn slack() -> (FakeSlack, Place) {
    let slack = FakeSlack::start().await;
    slack.add_user(User::member("U1", "Ada", "ada@example.com"));
    slack.add_channel(Channel::private(CHANNEL, "approvals", &["U0BOT", "U1"]));
    let table = format!(
        "[slack]\nbot_token = \"file:bot\"\napp_token = \"file:app\"\nchannel = \"{CHANNEL}\"\nclient_id = \"1111.2222\"\n\
         client_secret = \"file:client\"\napi = \"{}\"\n",
        slack.api()
    );
    let secrets = [("bot", "xoxb-test-bot-token"), ("app", "xapp-test-app-token"), ("client", "test-client-secret")];
    (slack, Place::new(&table, &secrets))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_slacks_tokens_is_named() {
    let (slack, place) = slack().await;
    place.is_well().await;
    slack.change(|state| state.app.scopes.remove("files:write"));
    place.is_wrong(&["the token lacks the right `files:write`"], "Add `files:write` to the bot's scopes").await;
    // Two at once, of which the one is also needed to look at the channel.
    slack.change(|state| state.app.scopes.remove("groups:read"));
    let words = [
        "the token lacks the right `files:write`",
        "the token lacks the right `groups:read`",
        "`[slack] channel` = `C0APPROVALS` can't be looked at: the token lacks the right `groups:read`",
    ];
    place.is_wrong(&words, "install the app anew").await;
    slack.change(|state| state.app.scopes.extend(["files:write".to_owned(), "groups:read".to_owned()]));
    slack.change(|state| state.app.app_scopes.clear());
    place.is_wrong(&["the app's token lacks the right `connections:write`"], "Make an app-level token").await;
    slack.change(|state| state.app.app_scopes.insert("connections:write".to_owned()));
    place.keep("app", "xapp-of-another-app");
    place.is_wrong(&["Slack refuses the app's token: invalid_auth"], "begins with `xapp-`").await;
    place.keep("app", "xapp-test-app-token");
    place.is_well().await;
    slack.change(|state| state.app.revoked = true);
    place.is_wrong(&["Slack refuses the bot's token: token_revoked"], "begins with `xoxb-`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_slacks_channel_is_named() {
    let (slack, place) = slack().await;
    slack.change_channel(CHANNEL, |channel| channel.archived = true);
    place.is_wrong(&["`[slack] channel` = `C0APPROVALS` is archived"], "Unarchive it").await;
    let without = Channel::private(CHANNEL, "approvals", &["U1"]);
    // Of a private channel in which it is not the bot is told nothing; of a public one, that it is not in it.
    slack.add_channel(without.clone());
    place.is_wrong(&["is not there, or the bot is not in it"], "`/invite`").await;
    slack.add_channel(Channel { kind: crate::slack::ChannelKind::Public, ..without });
    place.is_wrong(&["is not there, or the bot is not in it"], "`/invite`").await;
    let shared = Channel { is_ext_shared: true, ..Channel::private(CHANNEL, "approvals", &["U0BOT", "U1"]) };
    slack.add_channel(shared);
    place.is_wrong(&["is shared with another company"], "only your own people").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_from_slacks_and_a_slack_that_is_away_are_named() {
    let (slack, place) = slack().await;
    slack.advance(Duration::from_mins(2));
    place.warns("this machine's clock is 1", "timedatectl set-ntp true").await;
    slack.advance(Duration::from_mins(10));
    place.is_wrong(&["what Slack signs is refused"], "timedatectl set-ntp true").await;
    slack.vanish().await;
    place.is_wrong(&["Slack can't be reached: no way there"], "Look whether this machine reaches http://127").await;
}

async fn discord() -> (FakeDiscord, Place) {
    let discord = FakeDiscord::start().await;
    let table = format!(
        "[discord]\nbot_token = \"file:bot\"\nclient_secret = \"file:client\"\napplication = \"{}\"\nguild = \"{}\"\n\
         channel = \"{}\"\napi = \"{}/api/v10\"\n",
        discord.app_id(),
        discord.guild(),
        discord.channel("approvals"),
        discord.base(),
    );
    let secrets = [("bot", discord.bot_token()), ("client", discord.client_secret())];
    let secrets = secrets.each_ref().map(|(name, secret)| (*name, secret.as_str()));
    let place = Place::new(&table, &secrets);
    (discord, place)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_discords_application_is_named() {
    let (discord, place) = discord().await;
    place.is_wrong(&["Discord does not know /access"], "countersign discord register").await;
    let (said, well) = place.run(&["discord", "register"]).await;
    assert!(well, "{said}");
    place.is_well().await;
    discord.change(|world| world.commands.retain(|(_, command)| command["name"] != "mine"));
    place.is_wrong(&["Discord does not know /mine"], "countersign discord register").await;
    place.run(&["discord", "register"]).await;
    discord.change(|world| world.endpoint = Some("https://gate.example/discord/interactions".to_owned()));
    place.is_wrong(&["and we listen at the gateway"], "Clear \"Interactions Endpoint URL\"").await;
    discord.change(|world| world.endpoint = None);
    place.is_well().await;
    place.keep("bot", "test-another-token");
    place.is_wrong(&["Discord refuses the bot's token"], "Reset the token").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_discords_server_and_channel_is_named() {
    use crate::discord::Channel;

    let (discord, place) = discord().await;
    let channel = discord.channel("approvals");
    place.run(&["discord", "register"]).await;
    let usual = discord.read(|world| world.channels[&channel].bot);
    let without = |bits: u64| discord.change_channel(channel, |channel: &mut Channel| channel.bot = usual & !bits);
    // Attach files, and open threads.
    without((1 << 15) | (1 << 35));
    place.is_wrong(&["lacks permissions there: Attach Files, Create Public Threads"], "Allow them to the bot").await;
    // See it at all.
    without(1 << 10);
    place.is_wrong(&["is not there, or the bot may not see it"], "Copy Channel ID").await;
    without(0);
    place.is_well().await;
    discord.change_channel(channel, |channel| {
        channel.kind = 11;
        channel.parent = Some(channel.id);
        channel.archived = true;
    });
    place.is_wrong(&["is archived"], "Open it again").await;
    discord.delete_channel(channel);
    place.is_wrong(&["is not there, or the bot may not see it"], "Copy Channel ID").await;
    discord.invite(false);
    let (said, well) = place.run(&["doctor"]).await;
    assert!(!well && said.contains("the bot is not in the server"), "{said}");
    assert!(said.contains("with the scopes `bot` and `applications.commands`"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_from_discords_and_a_gateway_that_is_away_are_named() {
    let (discord, place) = discord().await;
    place.run(&["discord", "register"]).await;
    discord.set_skew(-120);
    place.warns("this machine's clock is 1", "timedatectl set-ntp true").await;
    discord.set_skew(700);
    place.is_wrong(&["what Discord signs is refused"], "timedatectl set-ntp true").await;
    discord.set_skew(0);
    // The API answers, and the machine behind its other address does not.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
    discord.change(|world| world.socket_url = format!("ws://{gone}"));
    place.is_wrong(&["the gateway can't be reached"], "Let this machine open websockets").await;
    discord.set_down(true);
    place.is_wrong(&["Discord can't be reached"], "Look whether this machine reaches http://127").await;
}
