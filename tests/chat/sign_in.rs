//! Linking a Discord account by signing in there: the browser proves the account, whoever began types what the page shows.

use reqwest::StatusCode;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use url::Url;

use super::guild::Guild;

/// Somebody at a terminal and before a browser.
struct Linking<'a> {
    guild: &'a Guild,
    token: String,
    http: reqwest::Client,
    /// What `countersign link discord` was given.
    id: String,
    url: String,
}

impl<'a> Linking<'a> {
    async fn begin(guild: &'a Guild, name: &str) -> Self {
        let token = guild.world.token(name).await.reveal().clone();
        let http = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().expect("a client");
        let asked = http.post(format!("{}/v1/links", guild.public)).bearer_auth(&token);
        let begun = asked.json(&json!({ "chat": "discord" })).send().await.expect("answered");
        assert_eq!(begun.status(), StatusCode::OK);
        let begun: Value = begun.json().await.expect("a document");
        let word = |key: &str| begun[key].as_str().expect("a text").to_owned();
        Self { guild, token, http, id: word("id"), url: word("url") }
    }

    /// Somebody opens the address, signs in at Discord and agrees, or not. Gives where the browser is sent back to.
    async fn signs_in(&self, name: &str, agrees: bool) -> Url {
        self.guild.discord.visit(Some(self.guild.discord.user(name)), agrees);
        let sent = self.http.get(&self.url).send().await.expect("Discord's page");
        assert_eq!(sent.status(), StatusCode::FOUND, "{}", self.url);
        sent.headers()["location"].to_str().expect("text").parse().expect("an address")
    }

    async fn goes_to(&self, back: &Url) -> (StatusCode, String) {
        let page = self.http.get(back.clone()).send().await.expect("our page");
        (page.status(), page.text().await.expect("a page"))
    }

    /// Types a code into the terminal.
    async fn types(&self, code: &str) -> StatusCode {
        let path = format!("{}/v1/links/{}/finish", self.guild.public, self.id);
        let sent = self.http.post(path).bearer_auth(&self.token).json(&json!({ "code": code })).send();
        sent.await.expect("answered").status()
    }

    async fn accounts(&self) -> usize {
        let asked = self.http.get(format!("{}/v1/accounts", self.guild.public)).bearer_auth(&self.token);
        let list: Value = asked.send().await.expect("answered").json().await.expect("a document");
        list["accounts"].as_array().expect("a list").len()
    }
}

/// The code that a page shows.
fn shown(page: &str) -> String {
    let code = page.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next()).expect("a code");
    assert_eq!(code.replace(' ', "").len(), 8, "{page}");
    code.to_owned()
}

/// The address with another value, or without one.
fn with(back: &Url, key: &str, value: Option<&str>) -> Url {
    let pairs: Vec<(String, String)> = back.query_pairs().into_owned().filter(|(name, _)| name != key).collect();
    let mut other = back.clone();
    other.query_pairs_mut().clear().extend_pairs(pairs).extend_pairs(value.map(|value| (key, value)));
    other
}

fn word(back: &Url, key: &str) -> String {
    back.query_pairs().find(|(name, _)| name == key).map(|(_, value)| value.into_owned()).expect("it is there")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_linked_by_signing_in_at_discord_and_typing_the_code() {
    let guild = Guild::open().await;
    guild.asks("edsger", "INC-42").await;
    guild.told("edsger", "countersign link discord").await;
    let linking = Linking::begin(&guild, "edsger").await;
    assert_eq!(linking.types("00000000").await, StatusCode::CONFLICT, "nobody has signed in yet");
    let back = linking.signs_in("edsger", true).await;
    assert!(back.as_str().starts_with(&format!("{}/link/discord?", guild.public)), "{back}");
    let (status, page) = linking.goes_to(&back).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    // It says whose account is linked to whom, so that who was tricked into it sees it.
    assert!(page.contains(&guild.discord.user("edsger").to_string()) && page.contains("edsger"), "{page}");
    assert_eq!(linking.types("00000000").await, StatusCode::FORBIDDEN);
    assert_eq!(linking.accounts().await, 0, "the page itself links nothing");
    assert_eq!(linking.types(&shown(&page)).await, StatusCode::OK);
    assert_eq!(linking.accounts().await, 1);
    guild.asks("edsger", "INC-43").await;
    guild.told("edsger", "Asked for orders-prod").await;
    // What was used is used: the address, the way back, and the code.
    assert_eq!(linking.goes_to(&back).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(linking.types(&shown(&page)).await, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_back_that_discord_or_we_did_not_give_links_nothing() {
    let guild = Guild::open().await;
    let linking = Linking::begin(&guild, "edsger").await;
    let back = linking.signs_in("edsger", true).await;
    let other = Linking::begin(&guild, "alan").await;
    for wrong in [
        with(&back, "state", Some("a-state-that-nobody-began")),
        with(&back, "state", None),
        with(&back, "code", None),
        with(&back, "code", Some("a-code-that-discord-never-gave")),
    ] {
        let (status, page) = linking.goes_to(&wrong).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}: {page}");
        assert!(page.contains("This did not work"), "{page}");
    }
    let declined = linking.signs_in("edsger", false).await;
    let (status, page) = linking.goes_to(&declined).await;
    assert!(status == StatusCode::BAD_REQUEST && page.contains("access_denied"), "{page}");
    // The secret of the application is not what it was: Discord gives no account for the code.
    let secret = guild.discord.client_secret();
    guild.discord.change(|world| world.app.client_secret = "another".to_owned());
    assert_eq!(linking.goes_to(&back).await.0, StatusCode::BAD_REQUEST);
    guild.discord.change(|world| world.app.client_secret = secret);
    // A code of Discord's is good once, also for another linking.
    let (status, page) = linking.goes_to(&back).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    let again =
        with(&with(&back, "state", None), "state", Some(&word(&other.url.parse().expect("an address"), "state")));
    assert_eq!(other.goes_to(&again).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(other.types(&shown(&page)).await, StatusCode::CONFLICT, "nobody has signed in for this one");
    assert_eq!((linking.accounts().await, other.accounts().await), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_links_with_anothers_code_or_anothers_account() {
    let guild = Guild::open().await;
    let (edsger, alan) = (Linking::begin(&guild, "edsger").await, Linking::begin(&guild, "alan").await);
    let (_, page) = edsger.goes_to(&edsger.signs_in("edsger", true).await).await;
    let edsgers = shown(&page);
    // Mallory has an account, and is not in the guild.
    let (status, page) = alan.goes_to(&alan.signs_in("mallory", true).await).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{page}");
    guild.discord.add_member("alan");
    let (_, page) = alan.goes_to(&alan.signs_in("alan", true).await).await;
    let alans = shown(&page);
    // The code of one linking finishes no other, and only for whoever began it.
    assert_eq!(alan.types(&edsgers).await, StatusCode::FORBIDDEN);
    let thief = Linking { token: alan.token.clone(), id: edsger.id.clone(), ..Linking::begin(&guild, "alan").await };
    assert_eq!(thief.types(&edsgers).await, StatusCode::NOT_FOUND, "it is not there for somebody else");
    assert_eq!((edsger.accounts().await, alan.accounts().await), (0, 0));
    // Ada's account is hers, whoever signs in with it.
    let second = Linking::begin(&guild, "alan").await;
    let (status, page) = second.goes_to(&second.signs_in("ada", true).await).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert_eq!(second.types(&shown(&page)).await, StatusCode::CONFLICT);
    assert_eq!(second.accounts().await, 0);
    assert_eq!(edsger.types(&edsgers).await, StatusCode::OK);
    assert_eq!(alan.types(&alans).await, StatusCode::OK);
}
