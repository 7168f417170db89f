//! The Matrix adapter against a real Synapse: nothing here is a fake of ours.

#![cfg(test)]

mod matrix_world;

use bot::card::{Button, Card, Chart, Part, Piece, Ping, Text, Tone, Verb, Weight};
use bot::event::{Action, Event, MessageRef, Place};
use bot::form::{Form, FormName};
use bot::matrix::Matrix;
use bot::platform::{Fitness, Grade, PlatformError, Standing};
use bot::{Inbox, Platform};
use matrix_world::{Engine, Homeserver, Listening, Person, until};
use serde_json::{Value, json};
use workflows::id::CardId;
use workflows::identity::{Chat, ChatUser};

struct World {
    server: Homeserver,
    engine: Engine,
    account: Person,
    ada: Person,
    linus: Person,
    room: String,
    /// The bot, as the courier and the desk use it.
    bot: Matrix,
}

impl World {
    /// Ada has made a room for the bot and linus.
    async fn start() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let server = Homeserver::start().await;
        let (account, ada, linus) =
            (server.person("countersign").await, server.person("ada").await, server.person("linus").await);
        let room = ada.room(json!({ "preset": "private_chat", "invite": [account.id, linus.id] })).await;
        linus.join(&room).await;
        let bot = server.bot(&account, &room);
        Self { engine: Engine::start().await, server, account, ada, linus, room, bot }
    }

    fn listen(&self) -> Listening {
        Listening::start(self.server.bot(&self.account, &self.room), &self.engine)
    }

    fn place(&self) -> Place {
        Place(self.room.clone())
    }

    /// What came, as the desk reads it.
    async fn comes(&self) -> Event {
        let letters = self.engine.letters().await;
        assert_eq!(letters.len(), 1, "{letters:?}");
        self.bot.read(&letters[0].body).expect("a letter").expect("something")
    }
}

fn button(verb: Verb, label: &str, key: &str) -> Button {
    let (label, spoken) = (label.to_owned(), label.to_owned());
    Button { verb, label, spoken, weight: Weight::Normal, key: key.to_owned(), choice: String::new(), confirm: None }
}

fn card(linus: &Person, key: &str) -> Card {
    let who = ChatUser { chat: Chat::Matrix, workspace: matrix_world::SERVER.to_owned(), user: linus.id.clone() };
    let asked = Text::plain("asked ").and(Piece::Person(who, Ping::Loud));
    let mut card = Card::saying(Tone::Asking, "ada wants WRITE on orders-prod for 1h")
        .with(Part::Quote("Why", "INC-42 <b>@room</b> https://evil.example".to_owned()))
        .with(Part::Fact("State", asked));
    card.buttons = vec![button(Verb::Approve, "Approve 1h", key), button(Verb::Deny, "Deny…", key)];
    card
}

async fn decided_by_a_check_mark(world: &World) -> (MessageRef, String) {
    let key = CardId::new().to_string();
    let asking = card(&world.linus, &key);
    let at = world.bot.post(&world.place(), &asking, &key).await.expect("posted");
    assert_eq!(
        world.bot.post(&world.place(), &asking, &key).await,
        Ok(at.clone()),
        "once, however often it is tried"
    );
    assert_eq!(world.bot.find(&world.place(), &key).await, Ok(Some(at.clone())));
    assert_eq!(world.bot.find(&world.place(), "crd_other").await, Ok(None));
    let seen = world.linus.event(&world.room, &at.message).await;
    assert_eq!(seen["content"]["m.mentions"], json!({ "user_ids": [world.linus.id] }));
    let html = seen["content"]["formatted_body"].as_str().expect("HTML");
    assert!(html.contains("INC-42 &lt;b&gt;@room&lt;/b&gt; https://evil.example</code></pre>"), "{html}");

    world.linus.react(&world.room, &at.message, "✅").await;
    let Event { back, what } = world.comes().await;
    assert_eq!(what, Action::Pressed { verb: Verb::Approve, key: key.clone(), choice: String::new() });
    assert_eq!((back.who.user, back.who.workspace.as_str()), (world.linus.id.clone(), matrix_world::SERVER));
    assert_eq!((back.message, back.place), (Some(at.clone()), Some(world.place())));

    let over = Card::saying(Tone::Good, "Approved by linus");
    world.bot.revise(&at, &over).await.expect("revised");
    let edited = || async {
        let event = world.linus.event(&world.room, &at.message).await;
        let body = event.pointer("/unsigned/m.relations/m.replace/content/m.new_content/body")?.as_str()?.to_owned();
        body.contains("Approved by linus").then_some(())
    };
    until("linus' client sees the edit", edited).await;
    (at, key)
}

async fn deleted_and_posted_anew(world: &World, at: &MessageRef, key: &str) {
    world.ada.redact(&world.room, &at.message).await;
    let asking = card(&world.linus, key);
    assert_eq!(world.bot.revise(at, &asking).await, Err(PlatformError::MessageGone));
    assert_eq!(world.bot.find(&world.place(), key).await, Ok(None));
    let anew = world.bot.post(&world.place(), &asking, key).await.expect("posted");
    assert_ne!(anew, *at);
    // What is typed with the code is the form of the card.
    world.linus.say(&world.room, "who is on call? not for you").await;
    let (_, code) = key.split_at(key.len() - 8);
    world.linus.say(&world.room, &format!("!deny {code} because not today")).await;
    let Event { back, what } = world.comes().await;
    let values = [("because".to_owned(), "not today".to_owned())].into();
    assert_eq!(what, Action::Submitted { form: FormName::Deny, key: key.to_owned(), values });
    assert_eq!(back.message, Some(anew));
}

async fn talked_to_in_private(world: &World) {
    let wish = json!({ "preset": "trusted_private_chat", "is_direct": true, "invite": [world.account.id] });
    let direct = world.linus.room(wish).await;
    until("the bot comes", || world.linus.is_joined(&direct, &world.account.id)).await;
    // The bot's own note that it is the two of them comes with the same answer as what is said, or before it.
    world.linus.say(&direct, "mine").await;
    let Event { back, what } = world.comes().await;
    assert_eq!(what, Action::Said { text: "mine".to_owned() });
    assert_eq!(back.place, Some(Place(direct.clone())));
    let form = Form {
        name: FormName::Read,
        key: String::new(),
        title: "The held command".to_owned(),
        submit: None,
        parts: vec![Part::Quote("Command", "SELECT 1".to_owned())],
        fields: Vec::new(),
        buttons: vec![button(Verb::Next, "Next page", "crd_1")],
    };
    world.bot.open(&back, &form).await.expect("opened");
    for _again in 0..2 {
        world.bot.whisper(&back, &Card::saying(Tone::Over, "Nothing is yours")).await.expect("said");
    }
    let seen = world.linus.sees(&direct).await;
    let bodies: Vec<&str> = seen.iter().filter_map(|event| event["content"]["body"].as_str()).collect();
    assert!(
        bodies[0].contains("Nothing is yours") && bodies[1].contains("SELECT 1") && bodies[2] == "mine",
        "{bodies:?}"
    );
    // Whoever has no conversation with the bot is invited to one, and to one only.
    let one = world.bot.conversation(&world.ada.id).await.expect("begun");
    assert_eq!(world.bot.conversation(&world.ada.id).await, Ok(one.clone()));
    assert_eq!(world.ada.invitations().await, [one.0]);
}

async fn deaf_in_an_encrypted_room(world: &World) {
    let encryption =
        json!({ "type": "m.room.encryption", "state_key": "", "content": { "algorithm": "m.megolm.v1.aes-sha2" } });
    let wish = json!({ "preset": "trusted_private_chat", "is_direct": true, "invite": [world.account.id], "initial_state": [encryption] });
    let room = world.linus.room(wish).await;
    until("the bot comes", || world.linus.is_joined(&room, &world.account.id)).await;
    let said = || async {
        let events = world.linus.sees(&room).await;
        let deaf =
            |event: &&Value| event["content"]["body"].as_str().is_some_and(|body| body.contains("can't read in it"));
        let count = events.iter().filter(deaf).count();
        (count > 0).then_some(count)
    };
    assert_eq!(until("it says that it is deaf", said).await, 1);
    let sealed = json!({ "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x", "session_id": "x" });
    world.linus.send(&room, "m.room.encrypted", sealed).await;
    assert_eq!(world.bot.fitness(&Place(room.clone())).await, Ok(Fitness::NotThere));
    // The conversation is another room.
    assert_ne!(world.bot.conversation(&world.linus.id).await.expect("a room").0, room);
    world.linus.say(&world.room, "!mine").await;
    assert_eq!(world.comes().await.what, Action::Said { text: "mine".to_owned() });
    assert_eq!(until("it said so", said).await, 1, "and once only");
}

async fn files_and_threads(world: &World, at: &MessageRef) {
    let answer = world.bot.follow(at, &Card::saying(Tone::Over, "linus asks: why now?"), "").await.expect("said");
    let seen = world.linus.event(&world.room, &answer.message).await;
    assert_eq!(seen["content"]["m.relates_to"]["rel_type"], "m.thread");
    assert_eq!(seen["content"]["m.relates_to"]["event_id"], json!(at.message));
    let text = b"SELECT 1;\n".repeat(10_000);
    world.bot.attach(at, "command.sql", text, "The command, whole").await.expect("attached");
    let bars = vec![("ada".to_owned(), vec![3])];
    let chart = Chart { title: "Access".to_owned(), unit: "hours".to_owned(), bars, series: vec!["read".to_owned()] };
    let digest = Card::saying(Tone::Asking, "Digest").with(Part::Chart(chart));
    world.bot.post(&world.place(), &digest, &CardId::new().to_string()).await.expect("posted");
    let seen = world.linus.sees(&world.room).await;
    let kinds: Vec<&str> = seen.iter().filter_map(|event| event["content"]["msgtype"].as_str()).collect();
    assert_eq!(kinds[..3], ["m.image", "m.text", "m.file"]);
}

async fn who_may_and_what_is_wrong(world: &World) {
    let standing = async |user: &str| world.bot.standing(user).await.expect("an answer");
    let mallory = world.server.person("mallory").await;
    assert_eq!(standing(&world.linus.id).await, Standing::Member);
    assert_eq!(standing(&mallory.id).await, Standing::Gone);
    assert_eq!(standing(&world.account.id).await, Standing::Bot);
    assert_eq!(standing("@linus:elsewhere.example").await, Standing::Stranger);
    assert_eq!(standing("linus").await, Standing::Stranger);
    assert_eq!(world.bot.workspace().await.as_deref(), Ok(matrix_world::SERVER));
    assert_eq!(world.bot.fitness(&world.place()).await, Ok(Fitness::Fit));
    assert_eq!(world.bot.fitness(&Place(format!("!none:{}", matrix_world::SERVER))).await, Ok(Fitness::NotThere));
    let found = world.bot.examine().await;
    assert!(found.iter().all(|one| one.grade == Grade::Good), "{found:?}");
    let elsewhere = world.bot.conversation("@linus:elsewhere.example").await;
    assert!(matches!(elsewhere, Err(PlatformError::PersonGone(_))), "{elsewhere:?}");
    let unknown =
        world.bot.post(&Place("!none:countersign.test".to_owned()), &Card::saying(Tone::Good, "x"), "crd_x").await;
    assert!(matches!(unknown, Err(PlatformError::PlaceGone(..))), "{unknown:?}");
}

/// After a restart the latest messages are read again, and nothing is taken in twice.
async fn a_restart(world: &World) -> Listening {
    let listening = world.listen();
    world.linus.say(&world.room, "!help").await;
    assert_eq!(world.comes().await.what, Action::Said { text: "help".to_owned() });
    let inbox = Inbox::new(world.engine.workflows.clone());
    let event = world.linus.say(&world.room, "!who orders-prod").await;
    let letters = world.engine.letters().await;
    let again = inbox.receive(Chat::Matrix, &event, &letters[0].body).await;
    assert_eq!((letters.len(), again), (1, Ok(bot::inbox::Received::Known)));
    listening
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_decided_and_talked_about_on_a_real_homeserver() {
    if !matrix_world::is_there().await {
        eprintln!("skipped: there is no Synapse in target/drivers; `.ci/setup drivers` brings it");
        return;
    }
    let world = World::start().await;
    let listening = world.listen();
    until("the bot accepts ada's invitation", || world.ada.is_joined(&world.room, &world.account.id)).await;
    let (at, key) = decided_by_a_check_mark(&world).await;
    deleted_and_posted_anew(&world, &at, &key).await;
    talked_to_in_private(&world).await;
    deaf_in_an_encrypted_room(&world).await;
    let at = world.bot.find(&world.place(), &key).await.expect("found").expect("there");
    files_and_threads(&world, &at).await;
    who_may_and_what_is_wrong(&world).await;
    listening.stop().await;
    a_restart(&world).await.stop().await;
}
