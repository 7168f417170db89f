//! The fake itself is tested: who somebody is by OAuth2, and what a human sees of a message.

use serde_json::{Value, json};

use super::proof::{Bot, told};
use super::{FakeDiscord, endpoint};

#[tokio::test]
async fn a_code_is_good_once_for_the_address_and_the_person_it_was_made_for() {
    let fake = FakeDiscord::start().await;
    let (back, ada) = ("http://127.0.0.1:9/link/discord", fake.user("ada"));
    let (id, secret) = (fake.app_id().to_string(), fake.client_secret());
    let page = format!("{}/oauth2/authorize", fake.base());
    let ask = |redirect: &str| {
        let query = [("client_id", id.as_str()), ("response_type", "code"), ("scope", "identify"), ("state", "s&1")];
        endpoint::client().get(&page).query(&query).query(&[("redirect_uri", redirect)])
    };
    fake.visit(Some(ada), true);
    assert_eq!(ask(back).send().await.expect("an answer").status(), 400);
    fake.register_redirect(back);
    assert_eq!(ask("http://127.0.0.1:9/elsewhere").send().await.expect("an answer").status(), 400);
    let sent_to = async || {
        let response = ask(back).send().await.expect("an answer");
        let to = response.headers()["location"].to_str().expect("text").parse::<url::Url>().expect("an address");
        to.query_pairs().into_owned().collect::<std::collections::HashMap<_, _>>()
    };
    let token = |code: &str, redirect: &str, secret: &str| {
        let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect)];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request =
            endpoint::client().post(format!("{}/api/v10/oauth2/token", fake.base())).basic_auth(&id, Some(secret));
        request.header("content-type", "application/x-www-form-urlencoded").body(body)
    };
    let answer = sent_to().await;
    assert_eq!(answer["state"], "s&1");
    let code = answer["code"].as_str();
    assert_eq!(told(token(code, back, "wrong")).await, (401, json!({ "error": "invalid_client" })));
    let (status, got) = told(token(code, back, &secret)).await;
    assert_eq!((status, &got["token_type"]), (200, &json!("Bearer")), "{got}");
    assert_eq!(told(token(code, back, &secret)).await.1["error"], json!("invalid_grant"));
    let bearer = format!("Bearer {}", got["access_token"].as_str().expect("a token"));
    let me = Bot { authorization: bearer, ..Bot::of(&fake) };
    assert_eq!(me.ask("GET", "users/@me", &Value::Null).await.1["id"], json!(ada.to_string()));
    assert_eq!(me.ask("GET", &format!("guilds/{}", fake.guild()), &Value::Null).await.0, 401);
    fake.revoke_access();
    assert_eq!(me.ask("GET", "users/@me", &Value::Null).await.0, 401);
    let code = sent_to().await["code"].clone();
    assert_eq!(told(token(&code, "http://127.0.0.1:9/elsewhere", &secret)).await.1["error"], json!("invalid_grant"));
    fake.visit(Some(ada), false);
    assert_eq!(sent_to().await["error"], "access_denied");
}

#[tokio::test]
async fn what_a_human_sees_and_could_touch_is_told_apart_from_plain_words() {
    let fake = FakeDiscord::start().await;
    let (ada, channel, dba) = (fake.user("ada"), fake.channel("approvals"), fake.add_role("dba", false));
    let seen = |text: &str| fake.seen(&fake.say(ada, channel, text));
    let person = format!("<@{ada}>");
    let plain = seen(&format!("```sql\nDELETE [x](https://e.com) {person} @everyone **b**\n``` and `{person}`"));
    assert_eq!((plain.links.len(), plain.mentions.len(), plain.pings.len()), (0, 0, 0), "{plain:?}");
    assert_eq!(plain.code, [format!("DELETE [x](https://e.com) {person} @everyone **b**\n")]);
    let live = seen(&format!("**{person}** sees [here](https://e.com/a), https://e.com/b. and <@&{dba}>"));
    assert_eq!(live.text, "@Ada sees here, https://e.com/b. and @dba");
    assert_eq!(live.links, ["https://e.com/a", "https://e.com/b"]);
    assert_eq!(live.pings, [person.clone(), format!("<@&{dba}>")]);
    for (escaped, shown) in
        [("\\*\\*no\\*\\*", "**no**"), ("\\[a](no)", "[a](no)"), ("a*b", "a*b"), ("```open", "```open")]
    {
        let seen = seen(escaped);
        assert_eq!((seen.text.as_str(), seen.markup.len()), (shown, 0), "{seen:?}");
    }
    assert_eq!(seen("# big").markup, ["# "]);
    let bot = Bot::of(&fake);
    let body = json!({
        "content": format!("{person} @everyone"), "allowed_mentions": { "parse": [] },
        "embeds": [{ "title": "[a](https://e.com)", "fields": [{ "name": "n", "value": format!("[b](https://f.com) {person}") }] }],
        "components": [{ "type": 1, "components": [{ "type": 2, "style": 5, "label": "Open", "url": "https://g.com" }] }],
    });
    let (_, posted) = bot.post(channel, &body).await;
    assert_eq!((&posted["mentions"], &posted["mention_everyone"]), (&json!([]), &json!(false)));
    let card = fake.until_message(channel, |one| one.author == fake.app_id()).await;
    let seen = fake.seen(&card);
    assert_eq!(seen.text, "@Ada @everyone\n[a](https://e.com)\nn\nb @Ada");
    assert_eq!((seen.pings.len(), seen.mentions.len()), (0, 3));
    assert_eq!(seen.links, ["https://f.com", "https://g.com"]);
    assert_eq!(seen.buttons[0].label, "Open");
}
