//! The same story in Discord: asked by a command, agreed by a button, held, countersigned, done.

use workflows::identity::{Chat, ChatUser};
use workflows::secret::Secret;

use crate::discord::{FakeDiscord, Message};
use crate::world::{Start, World};

struct Guild {
    world: World,
    discord: FakeDiscord,
}

impl Guild {
    async fn open() -> Self {
        let discord = FakeDiscord::start().await;
        let table = format!(
            "[console]\nlisten = \"127.0.0.1:0\"\n[discord]\nbot_token = \"file:@FOLDER@/bot\"\napplication = \"{}\"\n\
             guild = \"{}\"\nchannel = \"{}\"\napi = \"{}/api/v10\"\n",
            discord.app_id(),
            discord.guild(),
            discord.channel("approvals"),
            discord.base(),
        );
        let edits = vec![("[console]\nlisten = \"127.0.0.1:0\"\n".to_owned(), table)];
        let token: &'static str = Box::leak(discord.bot_token().into_boxed_str());
        let world = World::start_with(Start { edits, files: vec![("bot", token)], ..Start::default() }).await;
        discord.until_connected().await;
        // As `countersign discord register` does.
        let config = countersign::config::Config::parse(world.text(), "test.toml").expect("a file");
        let platform = bot::discord::Discord::new(config.bot.discord.expect("a table")).expect("a platform");
        platform.register().await.expect("registered");
        discord.until_commands(Some(discord.guild())).await;
        let guild = Self { world, discord };
        for name in ["ada", "grace", "linus"] {
            guild.link(name).await;
        }
        guild
    }

    async fn link(&self, name: &str) {
        let (who, workflows) = (self.world.person(name).await, self.world.workflows());
        let begun = workflows.begin_link(&who, Chat::Discord).await.expect("begun");
        let (workspace, user) = (self.discord.guild().to_string(), self.discord.user(name).to_string());
        let at = ChatUser { chat: Chat::Discord, workspace, user };
        let code: Secret<String> = workflows.prove_link(begun.state.reveal(), &at).await.expect("proved");
        workflows.finish_link(&who, begun.id, code.reveal()).await.expect("linked");
    }

    fn says(&self, message: &Message, words: &str) -> bool {
        self.discord.seen(message).text.contains(words)
    }

    async fn card(&self, words: &str) -> Message {
        self.discord.until_message(self.discord.channel("approvals"), |message| self.says(message, words)).await
    }

    async fn press(&self, name: &str, card: &Message, label: &str) -> crate::discord::Reply {
        let now = self.discord.now(card).expect("the card is there");
        let button = self.discord.seen(&now).buttons.into_iter().find(|button| button.label == label);
        let button = button.unwrap_or_else(|| panic!("no button `{label}` on {:?}", self.discord.seen(&now)));
        self.discord.click(self.discord.user(name), &now, &button.custom_id).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_agreed_held_countersigned_and_done_in_discord() {
    let guild = Guild::open().await;
    let (ada, channel) = (guild.discord.user("ada"), guild.discord.channel("general"));
    let options =
        [("target", "orders-prod"), ("duration", "1h"), ("level", "write"), ("because", "INC-42 @everyone")];
    let reply = guild.discord.command(ada, channel, "access", &options).await;
    assert!(!reply.failed(), "{reply:?}");
    guild.discord.until_ephemeral(ada, |message| guild.says(message, "Asked for orders-prod")).await;
    let card = guild.card("wants WRITE").await;
    assert!(
        guild.discord.seen(&card).pings.iter().all(|who| !who.contains("everyone")),
        "{:?}",
        guild.discord.seen(&card)
    );
    guild.press("linus", &card, "Approve 1h").await;
    let dm = guild.discord.until_dm(ada, |message| guild.says(message, "countersign connect orders-prod")).await;
    let mut psql = guild.world.connect("ada").await;
    psql.ask("DELETE FROM order_items WHERE true;", "held by rule `bulk write`").await;
    let held = guild.card("held command").await;
    guild.press("linus", &held, "Run once").await;
    psql.has("DELETE 3").await;
    guild.discord.until_edited(&held, |message| guild.says(message, "3 rows")).await;
    psql.ask("DELETE FROM orders WHERE true;", "held by rule `bulk write`").await;
    let held = guild.card("DELETE FROM orders WHERE true").await;
    let reply = guild.press("grace", &held, "Deny…").await;
    let modal = reply.modal().clone();
    guild.discord.submit(guild.discord.user("grace"), &modal, &[("because", "not on a Friday")]).await;
    psql.has("denied by grace: not on a Friday").await;
    guild.press("ada", &dm, "I'm done").await;
    guild.discord.until_edited(&dm, |message| guild.says(message, "was ended by you")).await;
    psql.ask("SELECT 1;", "access to orders-prod was revoked").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_and_the_unlinked_are_told_and_nothing_happens() {
    let guild = Guild::open().await;
    let options = [("target", "orders-prod"), ("duration", "1h"), ("because", "INC-1")];
    let (grace, channel) = (guild.discord.user("grace"), guild.discord.channel("general"));
    guild.discord.command(grace, channel, "access", &options).await;
    let card = guild.card("wants READ").await;
    for (name, words) in [("grace", "nobody decides on their own request"), ("edsger", "countersign link discord")] {
        guild.press(name, &card, "Approve 1h").await;
        let who = guild.discord.user(name);
        guild.discord.until_ephemeral(who, |message| guild.says(message, words)).await;
    }
    assert!(guild.says(&guild.discord.now(&card).expect("there"), "asked group:dba"));
}
