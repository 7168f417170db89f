//! The same in Discord, where nothing is delivered a second time: whoever was not answered does it again.

use workflows::clock::Span;

use super::*;
use crate::discord::{FakeDiscord, Message};

struct Beginning {
    world: World,
    tokens: Vec<(&'static str, Secret<String>)>,
}

struct Life {
    stop: Stop,
    _folder: TempDir,
    discord: FakeDiscord,
    server: Server,
}

impl Beginning {
    async fn make() -> Self {
        let mut world = World::start().await;
        let mut tokens = Vec::new();
        for name in PEOPLE {
            tokens.push((name, world.token(name).await));
        }
        world.close().await;
        Self { world, tokens }
    }
}

impl Life {
    async fn begin(from: &Beginning, stop: Stop) -> Self {
        let discord = FakeDiscord::start().await;
        let folder = tempfile::tempdir().unwrap();
        copy(from.world.folder.path(), folder.path());
        let here = folder.path().display().to_string();
        fs::write(folder.path().join("bot"), discord.bot_token()).unwrap();
        let (app, guild) = (discord.app_id(), discord.guild());
        let table = format!(
            "[console]\nlisten = \"127.0.0.1:0\"\n[discord]\nbot_token = \"file:{here}/bot\"\napplication = \"{app}\"\n\
             guild = \"{guild}\"\nchannel = \"{}\"\napi = \"{}/api/v10\"\n",
            discord.channel("approvals"),
            discord.base(),
        );
        let text = from.world.text().replace(&from.world.folder.path().display().to_string(), &here);
        let text = text.replace("[console]\nlisten = \"127.0.0.1:0\"\n", &table);
        let config = folder.path().join("countersign.toml");
        fs::write(&config, text).unwrap();
        let seen = Arc::new(Seen::default());
        let server = Server::new(config, Arc::clone(&seen));
        let store = server.store(Clock::System).await;
        for (name, token) in &from.tokens {
            let who = store.authenticate(token).await.unwrap();
            let begun = store.begin_link(&who, Chat::Discord).await.unwrap();
            let (workspace, user) = (guild.to_string(), discord.user(name).to_string());
            let at = ChatUser { chat: Chat::Discord, workspace, user };
            let code = store.prove_link(begun.state.reveal(), &at).await.unwrap();
            store.finish_link(&who, begun.id, code.reveal()).await.unwrap();
        }
        let parsed = Config::load(&server.config).unwrap_or_else(|error| panic!("{error}"));
        let platform = bot::discord::Discord::new(parsed.bot.discord.expect("a table")).unwrap();
        platform.register().await.unwrap();
        // The fake outlives this life for a moment, and must not keep its process.
        let witness = Arc::downgrade(&seen);
        discord.witness(move |step| witness.upgrade().is_some_and(|seen| seen.step(step, stop)));
        Self { stop, _folder: folder, discord, server }
    }

    fn told(&self) -> String {
        let all = self.discord.read(|world| world.messages.iter().map(Message::of).collect::<Vec<_>>());
        let line = |one: &Message| format!("{} {:?} {:?}", one.channel, one.only, self.discord.seen(one).text);
        let steps = self.server.seen.steps.lock().unwrap().join(", ");
        format!("stopped at {:?}\n{}\n{steps}", self.stop, all.iter().map(line).collect::<Vec<_>>().join("\n"))
    }

    fn among(&self, all: Vec<Message>, words: &str) -> Vec<Message> {
        all.into_iter().filter(|one| self.discord.seen(one).text.contains(words)).collect()
    }

    fn cards(&self) -> Vec<Message> {
        self.among(self.discord.messages(self.discord.channel("approvals")), "ada wants WRITE")
    }

    fn grants(&self) -> Vec<Message> {
        self.among(self.discord.dm(self.discord.user("ada")), "countersign connect orders-prod")
    }

    /// How often somebody was told to try again.
    fn refusals(&self, name: &str) -> usize {
        self.among(self.discord.ephemerals(self.discord.user(name)), "try again").len()
    }

    async fn until(&self, what: &str, mut is: impl FnMut() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is() {
            assert!(Instant::now() < until, "no {what}; {}", self.told());
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Presses a button until it was answered and nobody says to try again, and waits for what comes of it.
    async fn press(&self, name: &str, label: &str, done: &str, find: impl Fn() -> Vec<Message>) {
        let (until, who) = (Instant::now() + PATIENCE, self.discord.user(name));
        let (mut heard, mut refused) = (false, self.refusals(name));
        while self.among(find(), done).is_empty() {
            assert!(Instant::now() < until, "no `{done}` after `{label}`; {}", self.told());
            if self.refusals(name) > refused {
                (heard, refused) = (false, self.refusals(name));
            }
            let button = |card: &Message| {
                let all = self.discord.seen(card).buttons;
                all.into_iter().find(|button| button.label == label)
            };
            if let (false, Some((card, button))) =
                (heard, find().iter().find_map(|card| Some((card.clone(), button(card)?))))
            {
                heard = !self.discord.click(who, &card, &button.custom_id).await.failed();
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn story(&self) {
        let options = [("target", "orders-prod"), ("duration", "1h"), ("level", "write"), ("because", "INC-42")];
        let (ada, general) = (self.discord.user("ada"), self.discord.channel("general"));
        while self.cards().is_empty() {
            let refused = self.refusals("ada");
            if self.discord.command(ada, general, "access", &options).await.failed() {
                continue;
            }
            self.until("card or refusal", || !self.cards().is_empty() || self.refusals("ada") > refused).await;
        }
        self.press("linus", "Approve 1h", "Approved by linus", || self.cards()).await;
        self.until("way to connect", || !self.grants().is_empty()).await;
        let mine = || self.among(self.discord.dm(ada), "orders-prod");
        self.press("ada", "I'm done", "was ended by you", mine).await;
    }

    /// Discord and the store tell the same, and each thing once.
    async fn check(&self, from: &Beginning) {
        let (clock, _hand) = Clock::manual(Clock::System.now().plus(Span::minutes(1)));
        let store = self.server.store(clock).await;
        let left = store.claim_letters(Span::seconds(1), 100).await.unwrap();
        assert!(left.is_empty(), "letters that nobody answered: {left:?}; {}", self.told());
        let left = store.claim_notices(Span::seconds(1), 100).await.unwrap();
        assert!(left.is_empty(), "notices that nobody was told: {left:?}; {}", self.told());
        let ada = store.authenticate(&from.tokens[0].1).await.unwrap();
        assert_eq!(store.requests(&ada, ALL).await.unwrap().len(), 1, "{}", self.told());
        let grants = store.grants(&ada, ALL).await.unwrap();
        assert!(grants.len() == 1 && grants[0].ended.is_some(), "{grants:?}; {}", self.told());
        let cards = self.discord.messages(self.discord.channel("approvals"));
        let told = self.among(self.discord.dm(self.discord.user("ada")), "was ended by you");
        assert_eq!((self.cards().len(), told.len()), (1, 1), "{}", self.told());
        for card in cards.iter().chain(&told) {
            assert!(self.discord.seen(card).buttons.is_empty(), "stale: {card:?}; {}", self.told());
        }
        self.server.verify();
    }
}

/// Lives one life: how many steps it had, and whether it was stopped.
async fn live(from: &Beginning, stop: Stop) -> (usize, bool) {
    let life = Life::begin(from, stop).await;
    let seen = &life.server.seen;
    let killed = || *seen.killed.lock().unwrap();
    let told = async {
        life.discord.until_connected().await;
        seen.counts.store(true, Ordering::Relaxed);
        life.story().await;
        // What was claimed by the dead is taken up again, and whatever comes twice has come.
        // Where nobody died, the answer to the last press is still on its way.
        let settled = Instant::now() + Duration::from_secs(5);
        sleep_until(killed().map_or(settled, |at| settled.max(at + TAKEN_UP))).await;
        let store = life.server.store(Clock::System).await;
        let until = Instant::now() + PATIENCE;
        while store.counts().await.unwrap().1 > 0 {
            assert!(Instant::now() < until, "notices stay open; {}", life.told());
            sleep(Duration::from_millis(200)).await;
        }
        life.server.end.cancel();
    };
    let serving = async {
        while !life.server.end.is_cancelled() {
            life.server.process().await;
        }
    };
    tokio::join!(serving, told);
    life.check(from).await;
    let steps = seen.steps.lock().unwrap().len();
    (steps, killed().is_some())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_call_to_discord_nothing_is_lost_and_nothing_comes_twice() {
    let from = Arc::new(Beginning::make().await);
    let (steps, _) = live(&from, Stop::Nowhere).await;
    assert!((10..100).contains(&steps), "{steps}");
    // A start has to be connected in the time that any test waits for.
    let (mut lives, places) = (JoinSet::new(), Arc::new(Semaphore::new(20)));
    for at in 1..=steps {
        let (from, places) = (Arc::clone(&from), Arc::clone(&places));
        lives.spawn(async move {
            let _place = places.acquire_owned().await.unwrap();
            live(&from, Stop::At(at)).await.1
        });
    }
    let mut stopped = 0;
    while let Some(ended) = lives.join_next().await {
        stopped += usize::from(ended.unwrap());
    }
    assert!(stopped * 5 >= steps * 4, "only {stopped} of {steps} were stopped");
}
