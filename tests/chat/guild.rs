//! A company whose chat is Discord: a world, its guild, and people with linked accounts.

use std::net::TcpListener;

use workflows::clock::Clock;
use workflows::identity::{Chat, ChatUser};
use workflows::secret::Secret;

use crate::discord::{FakeDiscord, Message, Reply};
use crate::world::{Start, World};

/// A port for an address that has to be known before anything listens on it, since it stands in the file. Below those that
/// the kernel gives to whoever asks for any: of them, another test could get it meanwhile.
pub fn port() -> u16 {
    loop {
        let mut bytes = [0; 2];
        getrandom::fill(&mut bytes).expect("randomness");
        let port = 20_000 + u16::from_be_bytes(bytes) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub struct Guild {
    pub world: World,
    pub discord: FakeDiscord,
    /// Where browsers reach the console.
    pub public: String,
}

impl Guild {
    /// ada, grace and linus have linked their accounts; edsger has not.
    pub async fn open() -> Self {
        Self::open_at(Clock::System).await
    }

    pub async fn open_at(clock: Clock) -> Self {
        let discord = FakeDiscord::start().await;
        let port = port();
        let public = format!("http://127.0.0.1:{port}");
        discord.register_redirect(&format!("{public}/link/discord"));
        let table = format!(
            "[console]\nlisten = \"127.0.0.1:{port}\"\npublic = \"{public}\"\n[discord]\nbot_token = \"file:@FOLDER@/bot\"\n\
             client_secret = \"file:@FOLDER@/client\"\napplication = \"{}\"\nguild = \"{}\"\nchannel = \"{}\"\n\
             api = \"{}/api/v10\"\n",
            discord.app_id(),
            discord.guild(),
            discord.channel("approvals"),
            discord.base(),
        );
        let edits = vec![("[console]\nlisten = \"127.0.0.1:0\"\n".to_owned(), table)];
        let kept = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
        let files = vec![("bot", kept(discord.bot_token())), ("client", kept(discord.client_secret()))];
        let world = World::start_with(Start { edits, clock, files, ..Start::default() }).await;
        discord.until_connected().await;
        // As `countersign discord register` does.
        let config = countersign::config::Config::parse(world.text(), "test.toml").expect("a file");
        let platform = bot::discord::Discord::new(config.bot.discord.expect("a table")).expect("a platform");
        platform.register().await.expect("registered");
        discord.until_commands(Some(discord.guild())).await;
        let guild = Self { world, discord, public };
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

    pub fn says(&self, message: &Message, words: &str) -> bool {
        self.discord.seen(message).text.contains(words)
    }

    /// Types `/access orders-prod 1h`.
    pub async fn asks(&self, name: &str, because: &str) -> Reply {
        let options = [("target", "orders-prod"), ("duration", "1h"), ("level", "write"), ("because", because)];
        let reply =
            self.discord.command(self.discord.user(name), self.discord.channel("general"), "access", &options).await;
        assert!(!reply.failed(), "{reply:?}");
        reply
    }

    pub async fn card(&self, words: &str) -> Message {
        self.discord.until_message(self.discord.channel("approvals"), |message| self.says(message, words)).await
    }

    pub async fn told(&self, name: &str, words: &str) -> Message {
        self.discord.until_ephemeral(self.discord.user(name), |message| self.says(message, words)).await
    }

    /// Presses the button with these words, on the message as it is now.
    pub async fn press(&self, name: &str, card: &Message, label: &str) -> Reply {
        let now = self.discord.now(card).expect("the card is there");
        let button = self.discord.seen(&now).buttons.into_iter().find(|button| button.label == label);
        let button = button.unwrap_or_else(|| panic!("no button `{label}` on {:?}", self.discord.seen(&now)));
        let reply = self.discord.click(self.discord.user(name), &now, &button.custom_id).await;
        assert!(!reply.failed(), "{reply:?}");
        reply
    }
}
