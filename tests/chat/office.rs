//! A company for a test: a world, its Slack, and people with linked accounts.

use workflows::clock::{Clock, ManualClock, Timestamp};
use workflows::identity::{Chat, ChatUser};
use workflows::secret::Secret;

use crate::slack::{Channel, FakeSlack, Message, Outcome, TEAM, User, View};
use crate::world::{Psql, Start, World};

/// The channel for cards.
pub const CHANNEL: &str = "C0APPROVALS";

/// A company: a world, its Slack, and people with linked accounts.
pub struct Office {
    pub world: World,
    pub slack: FakeSlack,
    /// Where browsers and webhooks reach the console.
    pub public: String,
}

/// The Slack user of a person of the policy.
pub fn user(name: &str) -> String {
    format!("U0{}", name.to_uppercase())
}

impl Office {
    pub async fn open() -> Self {
        Self::open_with(Vec::new()).await
    }

    pub async fn open_with(edits: Vec<(String, String)>) -> Self {
        Self::open_on(None, edits).await
    }

    /// With a store of its own, where several nodes share one.
    pub async fn open_on(store: Option<String>, edits: Vec<(String, String)>) -> Self {
        Self::begin(Start { edits, store, ..Start::default() }).await
    }

    /// With a clock that the test turns. Slack goes by its own.
    pub async fn open_at(now: Timestamp, edits: Vec<(String, String)>) -> (Self, ManualClock) {
        let (clock, hand) = Clock::manual(now);
        (Self::begin(Start { edits, clock, ..Start::default() }).await, hand)
    }

    pub async fn begin(start: Start) -> Self {
        let slack = FakeSlack::start().await;
        let names = ["ada", "alan", "edsger", "grace", "linus", "mallory"];
        for name in names {
            slack.add_user(User::member(&user(name), name, &format!("{name}@example.com")));
        }
        let ids: Vec<String> = names.iter().map(|name| user(name)).collect();
        let mut members: Vec<&str> = ids.iter().map(String::as_str).collect();
        members.push("U0BOT");
        slack.add_channel(Channel::private(CHANNEL, "approvals", &members));
        let port = super::guild::port();
        let public = format!("http://127.0.0.1:{port}");
        slack.allow_redirect(&format!("{public}/link/slack"));
        let table = format!(
            "[console]\nlisten = \"127.0.0.1:{port}\"\npublic = \"{public}\"\n[slack]\nbot_token = \"file:@FOLDER@/bot\"\napp_token = \"file:@FOLDER@/app\"\n\
             channel = \"{CHANNEL}\"\nclient_id = \"1111.2222\"\nclient_secret = \"file:@FOLDER@/client\"\napi = \"{}\"\n",
            slack.api()
        );
        let mut all = vec![("[console]\nlisten = \"127.0.0.1:0\"\n".to_owned(), table)];
        all.extend(start.edits);
        let files = vec![
            ("bot", "xoxb-test-bot-token"),
            ("app", "xapp-test-app-token"),
            ("client", "test-client-secret"),
            ("signing", "test-signing-secret"),
        ];
        let world = World::start_with(Start { edits: all, files, ..start }).await;
        if !world.text().contains("signing_secret") {
            slack.until_connected(1).await;
        }
        let office = Self { world, slack, public };
        for name in ["ada", "edsger", "grace", "linus"] {
            office.link(name).await;
        }
        office
    }

    /// Links an account as the platform's sign-in and the command line do together.
    pub async fn link(&self, name: &str) {
        let (who, workflows) = (self.world.person(name).await, self.world.workflows());
        let begun = workflows.begin_link(&who, Chat::Slack).await.expect("begun");
        let at = ChatUser { chat: Chat::Slack, workspace: TEAM.to_owned(), user: user(name) };
        let code: Secret<String> = workflows.prove_link(begun.state.reveal(), &at).await.expect("proved");
        workflows.finish_link(&who, begun.id, code.reveal()).await.expect("linked");
    }

    pub async fn card(&self, words: &str) -> Message {
        self.slack.until_message(CHANNEL, |message| message.says(words)).await
    }

    pub async fn changed(&self, card: &Message, words: &str) -> Message {
        self.slack.until_changed(card, |message| message.says(words)).await
    }

    /// Ada asks with the short form, linus agrees with one click, ada's psql gets in.
    pub async fn session(&self) -> Psql {
        let asked = self.slack.slash(&user("ada"), CHANNEL, "/access", "orders-prod write 1h because INC-42").await;
        assert!(asked.is_acked(), "{asked:?}");
        let card = self.card("ada wants WRITE").await;
        self.press("linus", &card, "Approve 1h").await;
        self.changed(&card, "Approved by linus").await;
        self.slack.until_dm(&user("ada"), |message| message.says("countersign connect orders-prod")).await;
        self.world.connect("ada").await
    }

    /// Presses the button with these words.
    pub async fn press(&self, name: &str, card: &Message, label: &str) {
        let now = self.slack.current(card).expect("the card is there");
        let button = now.buttons().into_iter().find(|button| button.label == label);
        let button = button.unwrap_or_else(|| panic!("no button `{label}` on {:?}", now.seen()));
        let pressed = self.slack.click(&user(name), &now, &button.action_id).await;
        assert!(pressed.is_acked(), "{pressed:?}");
    }

    /// Presses a button in a form.
    pub async fn press_in(&self, name: &str, view: &View, label: &str) -> Outcome {
        let button = view.seen().buttons.into_iter().find(|button| button.label == label);
        let button = button.unwrap_or_else(|| panic!("no button `{label}` in {:?}", view.seen()));
        self.slack.click_view(&user(name), view, &button.action_id).await
    }

    /// Types a command.
    pub async fn types(&self, name: &str, command: &str, text: &str) -> Outcome {
        self.slack.slash(&user(name), CHANNEL, command, text).await
    }

    /// What somebody is told in private.
    pub async fn told(&self, name: &str, words: &str) -> Message {
        self.slack.until_ephemeral(&user(name), |message| message.says(words)).await
    }

    /// A card in the conversation with somebody.
    pub async fn dm(&self, name: &str, words: &str) -> Message {
        self.slack.until_dm(&user(name), |message| message.says(words)).await
    }
}
