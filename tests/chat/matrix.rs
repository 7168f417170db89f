//! The whole story without any fake: a real Synapse, the real `serve()`, real psql and PostgreSQL.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use workflows::clock::{ManualClock, Span};

use super::promises::{ask, hostile, shows_all};
use crate::world::{Start, World, going_clock};
use homeserver::{Homeserver, Person, until};

#[path = "../../bot/tests/matrix_world/homeserver.rs"]
#[allow(dead_code, reason = "the adapter's own tests do more with it")]
mod homeserver;

const BACKENDS: &str = "SELECT count(*) FROM pg_stat_activity WHERE usename IN ('cs_read', 'cs_write')";

/// A message of a room, and what it says now.
struct Seen {
    id: String,
    body: String,
}

impl Seen {
    /// The line that does what a button of this name does elsewhere.
    fn typed(&self, button: &str) -> String {
        let line = self.body.lines().find(|line| line.contains(button) && line.contains("type !"));
        let line = line.unwrap_or_else(|| panic!("no `{button}` in:\n{}", self.body));
        line.rsplit("type ").next().expect("a line to type").trim().to_owned()
    }
}

/// As clients show an event: the newest edit stands where the message stood.
fn shown(event: &Value) -> Option<Seen> {
    let edit = event.pointer("/content/m.relates_to/rel_type").and_then(Value::as_str) == Some("m.replace");
    let newest = event.pointer("/unsigned/m.relations/m.replace/content/m.new_content/body");
    let body = newest.or_else(|| event.pointer("/content/body")).and_then(Value::as_str).filter(|_| !edit)?;
    // Without what keeps clients from making links and mentions of it.
    Some(Seen { id: event["event_id"].as_str()?.to_owned(), body: body.replace('\u{200b}', "") })
}

/// A company on Matrix: a room for cards, and each person's conversation with the bot.
struct Company {
    world: World,
    hand: ManualClock,
    people: BTreeMap<&'static str, (Person, String)>,
    room: String,
    _server: Homeserver,
    _going: JoinSet<()>,
}

impl Company {
    async fn open() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let server = Homeserver::start().await;
        let account = server.person("countersign").await;
        let mut names = Vec::new();
        for name in ["ada", "grace", "linus"] {
            names.push((name, server.person(name).await));
        }
        let (_, founder) = &names[0];
        let invited: Vec<&str> =
            names[1..].iter().map(|(_, person)| person.id.as_str()).chain([account.id.as_str()]).collect();
        let room = founder.room(json!({ "preset": "private_chat", "invite": invited })).await;
        for (_, person) in &names[1..] {
            person.join(&room).await;
        }
        let table = format!(
            "[matrix]\nhomeserver = \"{}\"\ntoken = \"file:@FOLDER@/matrix\"\nchannel = \"{room}\"\n\n[[target]]",
            server.base
        );
        let token: &'static str = Box::leak(account.token.clone().into_boxed_str());
        let (clock, hand, going) = going_clock();
        let edits = vec![("[[target]]".to_owned(), table)];
        let world =
            World::start_with(Start { edits, clock, files: vec![("matrix", token)], ..Start::default() }).await;
        until("the bot comes into the room", || names[0].1.is_joined(&room, &account.id)).await;
        let mut people = BTreeMap::new();
        for (name, person) in names {
            let wish = json!({ "preset": "trusted_private_chat", "is_direct": true, "invite": [account.id] });
            let direct = person.room(wish).await;
            until("the bot comes into a conversation", || person.is_joined(&direct, &account.id)).await;
            people.insert(name, (person, direct));
        }
        Self { world, hand, people, room, _server: server, _going: going }
    }

    fn person(&self, name: &str) -> &Person {
        &self.people[name].0
    }

    /// What stands in a room, the newest first.
    async fn all(&self, name: &str, room: &str) -> Vec<Seen> {
        self.person(name).sees(room).await.iter().filter_map(shown).collect()
    }

    async fn find(&self, name: &str, room: &str, words: &str) -> Seen {
        let look = || async { self.all(name, room).await.into_iter().find(|seen| seen.body.contains(words)) };
        until(&format!("`{words}` for {name}"), look).await
    }

    async fn card(&self, words: &str) -> Seen {
        self.find("linus", &self.room, words).await
    }

    /// In the conversation with the bot.
    async fn told(&self, name: &str, words: &str) -> Seen {
        self.find(name, &self.people[name].1, words).await
    }

    async fn changed(&self, card: &Seen, words: &str) -> Seen {
        let look = || async {
            let seen = shown(&self.person("linus").event(&self.room, &card.id).await);
            seen.filter(|seen| seen.body.contains(words))
        };
        until(&format!("the card says `{words}`"), look).await
    }

    async fn says(&self, name: &str, words: &str) {
        self.person(name).say(&self.room, words).await;
    }

    async fn checks(&self, name: &str, card: &Seen) {
        self.person(name).react(&self.room, &card.id, "✅").await;
    }

    /// `countersign link matrix`: one half in a terminal, the other in the conversation with the bot.
    async fn link(&self, name: &str) {
        let token = self.world.token(name).await;
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let at = |path: &str| format!("http://{}/v1/links{path}", self.world.ready.console);
        let begun = http.post(at("")).bearer_auth(token.reveal()).json(&json!({ "chat": "matrix" })).send().await;
        let begun: Value = begun.expect("answered").json().await.expect("a document");
        let (person, direct) = &self.people[name];
        person.say(direct, begun["say"].as_str().expect("what to write")).await;
        let proved = self.told(name, "To finish, type ").await;
        let code =
            proved.body.split("To finish, type ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a code");
        let path = format!("/{}/finish", begun["id"].as_str().expect("an id"));
        let done = http.post(at(&path)).bearer_auth(token.reveal()).json(&json!({ "code": code })).send().await;
        let done = done.expect("answered");
        assert_eq!(done.status(), 200, "{:?}", done.text().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn asked_agreed_held_countersigned_denied_and_ended_in_matrix() {
    if !homeserver::is_there().await {
        eprintln!("skipped: there is no Synapse in target/drivers; `.ci/setup drivers` brings it");
        return;
    }
    let company = Company::open().await;
    // Whoever is not linked asks for nothing.
    company.says("ada", "!access orders-prod write 1h because INC-42").await;
    company.told("ada", "countersign link matrix").await;
    company.link("ada").await;
    company.link("linus").await;
    company.says("ada", "!access orders-prod write 1h because INC-42").await;
    let asked = company.card("ada wants WRITE").await;
    assert!(asked.body.contains("INC-42"), "{}", asked.body);

    // Not her own, and not without a linked account.
    company.checks("ada", &asked).await;
    company.told("ada", "nobody decides on their own request").await;
    company.checks("grace", &asked).await;
    company.told("grace", "countersign link matrix").await;
    company.changed(&asked, "asked group:dba").await;
    company.checks("linus", &asked).await;
    let agreed = company.changed(&asked, "Approved by linus").await;
    assert!(!agreed.body.contains("type !"), "nothing is left to do: {}", agreed.body);
    company.told("ada", "countersign connect orders-prod -- psql").await;

    let mut psql = company.world.connect("ada").await;
    psql.ask("SELECT email FROM customers WHERE id = 1;", "m***").await;
    psql.ask("DELETE FROM order_items WHERE true;", "held by rule `bulk write`").await;
    let held = company.card("DELETE FROM order_items WHERE true;").await;
    assert_eq!(company.world.server("SELECT count(*) FROM order_items"), "3", "nothing runs before somebody agreed");
    company.says("linus", &held.typed("Run once")).await;
    psql.until("approved by linus").await;
    psql.has("DELETE 3").await;
    company.changed(&held, "3 rows in").await;

    // The same psql goes on; what is denied is said there and on the card.
    psql.ask("DELETE FROM orders WHERE true;", "held by rule `bulk write`").await;
    let held = company.card("DELETE FROM orders WHERE true;").await;
    company.says("linus", &held.typed("Deny").replace("WHY", "not on a Friday")).await;
    psql.has("denied by linus: not on a Friday").await;
    company.changed(&held, "not on a Friday").await;
    psql.ask("SELECT 41 + 1 AS answer;", "42").await;
    company.world.until_server(BACKENDS, "1").await;

    company.hand.advance(Span::minutes(56));
    company.told("ada", "Your access to").await;
    company.hand.advance(Span::minutes(4));
    company.world.until_server(BACKENDS, "0").await;
    psql.ask("SELECT 1;", "access to orders-prod ended").await;
    company.told("ada", "access to orders-prod ended at").await;
    let quiet = || async {
        let room = company.all("ada", &company.room).await;
        let own = company.all("ada", &company.people["ada"].1).await;
        room.iter().chain(&own).all(|seen| !seen.body.contains("type !")).then_some(())
    };
    until("nothing is left to be typed", quiet).await;
    let (said, entered) = company.world.run("ada", &["-c", "SELECT 1"]).await;
    assert!(!entered && said.contains("FATAL"), "{said}");
    assert_eq!(company.world.server("SELECT count(*) FROM orders"), "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn g9_hostile_characters_are_shown_and_not_obeyed_in_matrix() {
    if !homeserver::is_there().await {
        eprintln!("skipped: there is no Synapse in target/drivers; `.ci/setup drivers` brings it");
        return;
    }
    let company = Company::open().await;
    let (ada, linus) = (company.person("ada").id.clone(), company.person("linus").id.clone());
    let own = format!("@room {ada} https://matrix.to/#/{ada} <a href=\"https://evil.example\">{ada}</a>");
    ask(&company.world, format!("{} ; {own}", hostile())).await;
    let card = company.card("ada wants WRITE").await;
    shows_all(&card.body);
    let event = company.person("linus").event(&company.room, &card.id).await;
    let content = &event["content"];
    let (body, html) = (content["body"].as_str().expect("a text"), content["formatted_body"].as_str().expect("HTML"));
    // What clients make links and mentions of by themselves is kept apart by what does not show, or stands in a block of code.
    let (before, rest) = html.split_once("<pre><code>").expect("a block of code");
    let (block, after) = rest.split_once("</code></pre>").expect("its end");
    assert!(!block.contains('<'), "{block}");
    for live in ["<a ", "https://", "@room", "@everyone", ada.as_str()] {
        let plain = live == "<a " || !body.contains(live);
        assert!(plain && !before.contains(live) && !after.contains(live), "{live} in {content}");
    }
    let called = content["m.mentions"]["user_ids"].as_array().cloned().unwrap_or_default();
    assert!(!called.contains(&json!(ada)) && called.iter().all(|one| *one == json!(linus)), "{content}");
    assert!(content["m.mentions"].get("room").is_none(), "{content}");
}
