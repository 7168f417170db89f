//! Pages, as a browser gets them: raw HTTP, so that each header is the test's own.

use console::Config;
use serde_json::{Value, json};
use workflows::clock::{Clock, Span, Timestamp};

use crate::world::World;

/// Somebody's reason that would like to be markup, a handler, and text from right to left.
const HOSTILE: &str =
    "\"><script>alert(1)</script><img src=x onerror='alert(2)'> \u{202e}evil\u{202c} &lt;b&gt; </main>";
const SHOWN: &str = "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=&#39;alert(2)&#39;&gt; \
                     \\u{202e}evil\\u{202c} &amp;lt;b&amp;gt; &lt;/main&gt;";

fn at(text: &str) -> Timestamp {
    let moment: jiff::Timestamp = text.parse().expect("a moment");
    Timestamp::from_micros(moment.as_microsecond())
}

fn here() -> Config {
    Config { listen: "127.0.0.1:0".parse().expect("an address"), ..Config::default() }
}

/// Week 47, in which linus asked twice, one time in vain, and its digest, which ada owes a review of. It is made while the
/// grant that he does not use is live.
async fn week() -> World {
    let (clock, hand) = Clock::manual(at("2026-11-22T21:30:00Z"));
    let world = World::with(clock, here()).await;
    for (decision, because) in [("deny", HOSTILE), ("approve", "INC-7")] {
        let ask = json!({"target": "orders-prod", "level": "write", "for": "4h", "because": because}).to_string();
        let (status, asked) = world.json_as("linus", "POST", "/v1/requests", &ask).await;
        assert_eq!(status, 201, "{asked}");
        hand.advance(Span::minutes(4));
        let path = format!("/v1/requests/{}/{decision}", asked["request"]["id"].as_str().expect("an id"));
        let body = if decision == "deny" { json!({"because": HOSTILE}) } else { json!({}) };
        let (status, voted) = world.json_as("grace", "POST", &path, &body.to_string()).await;
        assert_eq!(status, 200, "{voted}");
    }
    hand.set(at("2026-11-23T00:30:00Z"));
    world.workflows.sweep_digests().await.expect("digests");
    world
}

async fn filed(world: &World) -> (String, Value) {
    let (status, digest) = world.json_as("ada", "GET", "/v1/digest?week=2026-W47", "").await;
    assert_eq!((status, &digest["filed"]["review"]), (200, &"owed".into()), "{digest}");
    (digest["filed"]["id"].as_str().expect("an id").to_owned(), digest)
}

async fn reviews(world: &World) -> Vec<Value> {
    let (status, page) = world.json_as("audrey", "GET", "/v1/audit?limit=1000", "").await;
    assert_eq!(status, 200, "{page}");
    let entries = page["entries"].as_array().expect("entries").clone();
    entries.into_iter().filter(|entry| entry["verb"] == "review digest").collect()
}

fn escaped(text: &str) -> String {
    [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#39;")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(*from, to))
}

/// Every sentence and name of a document, in its order.
fn texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| texts(one, into)),
        Value::Object(all) => {
            let said = ["words", "title", "summary", "quote", "person", "who"];
            for (key, one) in all {
                into.extend(one.as_str().filter(|_| said.contains(&key.as_str())).map(str::to_owned));
                texts(one, into);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn the_page_says_what_the_api_says() {
    let world = week().await;
    let (id, digest) = filed(&world).await;
    let (status, page) = world.call_as("ada", "GET", "/digest", "").await;
    assert_eq!(status, 200, "{page}");
    let content = &digest["content"];
    let mut all = Vec::new();
    texts(content, &mut all);
    assert!(all.len() >= 20, "{all:?}");
    for text in all {
        assert!(page.contains(&escaped(&text)), "the page lacks {text:?}\n{page}");
    }
    for change in content["changes"].as_array().expect("changes") {
        let (now, before) = (&change["now"]["n"], &change["before"]["n"]);
        assert!(page.contains(&format!("<p class=\"n\">{now}</p>")), "{page}");
        assert!(page.contains(&format!("before: {before}</p>")), "{page}");
    }
    let line = &content["table"][0];
    assert_eq!(line["held_seconds"], 8_520, "{line}");
    for (name, number) in
        [("held", "2.3 h"), ("connected", "-"), ("sessions", "0"), ("operations", "0"), ("rows", "0")]
    {
        assert!(page.contains(&format!("data-of=\"{name}\">{number}</td>")), "the page lacks {name}\n{page}");
    }
    let mut order = vec!["Review owed until", "id=\"decide\"", "id=\"changes\"", "id=\"waits\"", "id=\"access\""];
    let sections: Vec<String> = content["sections"]
        .as_array()
        .expect("sections")
        .iter()
        .map(|section| format!("id=\"{}\"", section["about"].as_str().expect("a name")))
        .collect();
    assert!(sections.len() > 1, "{sections:?}");
    order.extend(sections.iter().map(String::as_str));
    order.push("I have reviewed this");
    let places: Vec<usize> =
        order.iter().map(|part| page.find(part).unwrap_or_else(|| panic!("no {part} in {page}"))).collect();
    assert!(places.is_sorted(), "{order:?} stand at {places:?}");
    assert_eq!(content["actions"][0]["verb"], "revoke", "{content}");
    assert!(page.contains("<code>countersign revoke grt_"), "{page}");
    // The same by its id and by its week; nothing but these is taken.
    for query in ["?week=2026-W47", &format!("?id={id}"), "?manager=ada@example.com&week=2026-W47"] {
        let (status, same) = world.call_as("ada", "GET", &format!("/digest{query}"), "").await;
        assert_eq!((status, same.contains(&id)), (200, true), "{query}\n{same}");
    }
    for (query, words) in [
        ("?everything=1".to_owned(), "unknown field `everything`"),
        ("?week=47".to_owned(), "`47` is not a week"),
        ("?week=2999-W01".to_owned(), "the week 2999-W01 has not begun"),
        (format!("?id={id}&week=2026-W47"), "leave the week and the manager out"),
    ] {
        let (status, answer) = world.call_as("ada", "GET", &format!("/digest{query}"), "").await;
        assert_eq!(status, 400, "{query}\n{answer}");
        assert!(answer.contains(words) && answer.contains("text/html"), "{query}\n{answer}");
        assert!(!answer.contains("deserialize") && !answer.contains("openapi"), "a person reads this: {answer}");
    }
    world.end().await;
}

#[tokio::test]
async fn what_somebody_wrote_is_shown_and_not_obeyed() {
    let world = week().await;
    let (_, page) = world.call_as("ada", "GET", "/digest", "").await;
    assert!(page.contains(SHOWN), "{page}");
    let lower = page.to_lowercase();
    for obeyed in ["<script", "<img", "onerror='", "style=\"", "javascript:", "\u{202e}"] {
        assert!(!lower.contains(obeyed), "the page holds {obeyed:?}\n{page}");
    }
    assert_eq!(page.matches("</main>").count(), 1);
    // The query is somebody's text as well.
    let path = "/digest?manager=%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    for (status, answer) in [world.call_as("ada", "GET", path, "").await, world.call("GET", path, "", "").await] {
        assert!([401, 404].contains(&status), "{answer}");
        assert!(!answer.contains("<script"), "{answer}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_page_forbids_the_browser_all_that_it_does_not_need() {
    let world = week().await;
    for path in ["/digest", "/digest?week=47"] {
        for (who, answer) in [
            ("ada", world.call_as("ada", "GET", path, "").await.1),
            ("nobody", world.call("GET", path, "", "").await.1),
        ] {
            let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
            let head = head.to_lowercase();
            for header in [
                "content-security-policy: default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                 base-uri 'none'; frame-ancestors 'none'",
                "x-frame-options: deny",
                "referrer-policy: no-referrer",
                "cache-control: no-store",
                "x-content-type-options: nosniff",
                "content-type: text/html; charset=utf-8",
            ] {
                assert_eq!(head.matches(header).count(), 1, "{who} {path} lacks {header}\n{head}");
            }
            assert_eq!(head.matches("content-security-policy").count(), 1, "{head}");
            assert!(!head.contains("set-cookie"), "{head}");
            assert!(body.contains("<meta name=\"viewport\""), "{body}");
        }
    }
    let (status, style) = world.call("GET", "/page.css", "", "").await;
    assert!(status == 200 && style.contains("prefers-color-scheme: dark") && style.contains("text/css"), "{style}");
    assert!(!style.contains("url(") && !style.contains("@import"), "nothing is fetched from anywhere");
    world.end().await;
}

#[tokio::test]
async fn only_those_who_may_see_a_digest_get_its_page() {
    let world = week().await;
    let (id, _) = filed(&world).await;
    let paths =
        ["/digest", "/digest?manager=ada@example.com&week=2026-W47", &format!("/digest?id={id}")].map(str::to_owned);
    for who in ["grace", "linus", "mallory"] {
        for path in &paths {
            let (status, answer) = world.call_as(who, "GET", path, "").await;
            assert_eq!(status, 404, "{who} {path}\n{answer}");
            for of_it in ["INC-7", "Granted, never used", "evil", "/review", "2026-W47</a>"] {
                assert!(!answer.contains(of_it), "{who} {path} learns {of_it}\n{answer}");
            }
        }
        let (status, answer) = world.call_as(who, "POST", &format!("/digest/{id}/review"), "").await;
        assert_eq!(status, 404, "{who}\n{answer}");
    }
    // Who oversees all sees it, and is not asked to review it.
    let (status, answer) = world.call_as("audrey", "GET", &paths[2], "").await;
    assert!(status == 200 && answer.contains("Granted, never used") && !answer.contains("/review\""), "{answer}");
    assert!(answer.contains("/digest?week=2026-W46&amp;manager=ada%40example.com\""), "{answer}");
    assert_eq!(reviews(&world).await, Vec::<Value>::new());
    world.end().await;
}

#[tokio::test]
async fn a_review_is_what_a_page_of_ours_sent_and_nothing_else() {
    let world = week().await;
    let (id, _) = filed(&world).await;
    let path = format!("/digest/{id}/review");
    let cookie = format!("Cookie: countersign={}\r\n", world.token("ada"));
    for said in [
        "",
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: http://localhost:1\r\n",
        "Origin: http://localhost\r\nOrigin: https://evil.example\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\nOrigin: http://localhost\r\n",
        "Sec-Fetch-Site: none\r\n",
        "Sec-Fetch-Site: same-origin\r\nOrigin: https://evil.example\r\n",
    ] {
        let (status, answer) = world.call("POST", &path, &format!("{cookie}{said}"), "").await;
        assert_eq!(status, 403, "{said:?}\n{answer}");
        assert!(answer.contains("was not sent from a page of Countersign"), "{answer}");
        // Signing in and out is not for other pages either.
        for (path, body) in
            [("/digest/sign-in", format!("token={}", world.token("ada"))), ("/digest/sign-out", String::new())]
        {
            let (status, answer) = world.call("POST", path, &format!("{cookie}{said}"), &body).await;
            assert_eq!(status, 403, "{path} {said:?}\n{answer}");
            assert!(!answer.to_lowercase().contains("set-cookie"), "{answer}");
        }
    }
    // A program's token is no browser's.
    let bearer = format!("Authorization: Bearer {}\r\nOrigin: http://localhost\r\n", world.token("ada"));
    assert_eq!(world.call("POST", &path, &bearer, "").await.0, 401);
    assert_eq!(filed(&world).await.1["filed"]["reviewed"], Value::Null);
    assert_eq!(reviews(&world).await, Vec::<Value>::new());

    // What browsers send along with our own form: no referrer, and so an origin of `null`.
    let ours = format!("{cookie}Sec-Fetch-Site: same-origin\r\nOrigin: null\r\n");
    let (status, answer) = world.call("POST", &path, &ours, "").await;
    assert_eq!(status, 303, "{answer}");
    assert!(answer.contains(&format!("location: /digest?id={id}#review\r\n")), "{answer}");
    let evidence = reviews(&world).await;
    assert_eq!(evidence.len(), 1, "{evidence:?}");
    assert_eq!((&evidence[0]["actor"], &evidence[0]["about"]), (&"ada@example.com".into(), &id.clone().into()));
    let (_, page) = world.call_as("ada", "GET", "/digest", "").await;
    assert!(page.contains("Reviewed by <bdi>ada@example.com</bdi>") && !page.contains("/review\""), "{page}");
    let (status, again) = world.call_as("ada", "POST", &path, "").await;
    assert_eq!(status, 409, "{again}");
    assert!(again.contains("it was reviewed already, by ada@example.com"), "{again}");
    world.end().await;
}

#[tokio::test]
async fn a_get_changes_nothing() {
    let world = week().await;
    let (id, before) = filed(&world).await;
    let snapshot = world.snapshot().await;
    for path in ["/digest".to_owned(), format!("/digest?id={id}"), "/digest?week=2026-W46".to_owned()] {
        for method in ["GET", "HEAD"] {
            assert_eq!(world.call_as("ada", method, &path, "").await.0, 200, "{method} {path}");
        }
    }
    for path in [format!("/digest/{id}/review"), "/digest/sign-in".to_owned(), "/digest/sign-out".to_owned()] {
        for method in ["GET", "HEAD"] {
            let (status, answer) = world.call_as("ada", method, &path, "").await;
            assert_eq!(status, 405, "{method} {path}\n{answer}");
            assert!(!answer.to_lowercase().contains("set-cookie"), "{answer}");
        }
    }
    assert_eq!(filed(&world).await.1, before);
    assert_eq!(world.snapshot().await, snapshot);
    assert_eq!(reviews(&world).await, Vec::<Value>::new());
    world.end().await;
}

#[tokio::test]
async fn a_browser_signs_in_with_a_token_and_out_again() {
    let world = week().await;
    let token = world.token("ada");
    let (status, form) = world.call("GET", "/digest?week=2026-W47", "", "").await;
    assert_eq!(status, 401);
    assert!(form.contains("<form method=\"post\" action=\"/digest/sign-in?week=2026-W47\">"), "{form}");
    assert!(form.contains("name=\"token\" type=\"password\"") && !form.contains("linus"), "{form}");

    let from_us = "Sec-Fetch-Site: same-origin\r\n";
    for wrong in ["cst_0123456789abcdef", "nonsense", "", "%22%3E%3Cscript%3E"] {
        let (status, answer) = world.call("POST", "/digest/sign-in", from_us, &format!("token={wrong}")).await;
        assert_eq!(status, 401, "{answer}");
        assert!(!answer.to_lowercase().contains("set-cookie") && !answer.contains("cst_0123456789"), "{answer}");
        assert!(answer.contains("role=\"alert\""), "it says that it was wrong\n{answer}");
    }
    for unread in ["", "token", "nonsense=1", "token=a&token=b", "token=a&to=https://evil.example"] {
        let (status, answer) = world.call("POST", "/digest/sign-in", from_us, unread).await;
        assert!([400, 401].contains(&status) && answer.contains("text/html"), "{unread}\n{answer}");
        assert!(!answer.to_lowercase().contains("set-cookie"), "{answer}");
    }
    let (status, answer) =
        world.call("POST", "/digest/sign-in?week=2026-W47", from_us, &format!("token=+{token}%0D%0A")).await;
    assert_eq!(status, 303, "{answer}");
    assert!(answer.contains("location: /digest?week=2026-W47\r\n"), "{answer}");
    let cookie = format!("countersign={token}; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict\r\n");
    assert!(answer.contains(&format!("set-cookie: {cookie}")), "{answer}");

    let signed_in = format!("Cookie: countersign={token}\r\n");
    let (status, page) = world.call("GET", "/digest?week=2026-W47", &signed_in, "").await;
    assert!(status == 200 && page.contains("linus@example.com") && !page.contains(&token), "{page}");
    let (status, answer) = world.call("POST", "/digest/sign-out", &format!("{signed_in}{from_us}"), "").await;
    assert_eq!(status, 303, "{answer}");
    assert!(answer.contains("set-cookie: countersign=; Path=/; Max-Age=0;"), "{answer}");
    world.end().await;
}

#[tokio::test]
async fn over_tls_the_cookie_is_bound_to_the_host_and_to_tls() {
    let config = Config { public: Some("https://countersign.example.com".to_owned()), ..here() };
    let world = World::with(Clock::System, config).await;
    let token = world.token("ada");
    let from_us = "Origin: https://countersign.example.com\r\n";
    let (status, answer) = world.call("POST", "/digest/sign-in", from_us, &format!("token={token}")).await;
    assert_eq!(status, 303, "{answer}");
    let cookie = format!("__Host-countersign={token}; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict; Secure\r\n");
    assert!(answer.contains(&format!("set-cookie: {cookie}")), "{answer}");
    assert_eq!(world.call("POST", "/digest/sign-in", "Origin: http://localhost\r\n", "token=x").await.0, 403);
    for (name, status) in [("__Host-countersign", 200), ("countersign", 401)] {
        let (got, answer) = world.call("GET", "/digest", &format!("Cookie: {name}={token}\r\n"), "").await;
        assert_eq!(got, status, "{name}\n{answer}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_browser_with_a_revoked_or_expired_token_is_asked_to_sign_in() {
    let (clock, hand) = Clock::manual(at("2026-11-18T10:00:00Z"));
    let world = World::with(clock, here()).await;
    assert_eq!(world.call_as("ada", "GET", "/digest", "").await.0, 200);
    assert_eq!(world.call_as("audrey", "GET", "/digest?manager=ada@example.com", "").await.0, 200);
    let path = format!("/v1/tokens/{}/revoke", world.id_of_ada("tok"));
    assert_eq!(world.call_as("ada", "POST", &path, "").await.0, 204);
    let review = format!("/digest/{}/review", world.id_of_ada("dig"));
    hand.advance(Span::hours(15 * 24));
    for (who, method, path) in [
        ("ada", "GET", "/digest"),
        ("ada", "POST", review.as_str()),
        ("audrey", "GET", "/digest?manager=ada@example.com"),
    ] {
        let (status, answer) = world.call_as(who, method, path, "").await;
        assert_eq!(status, 401, "{who} {path}\n{answer}");
        assert!(answer.contains("type=\"password\"") && answer.contains("has expired, or was revoked"), "{answer}");
        assert!(!answer.contains("linus@example.com") && !answer.contains(&world.token(who)), "{answer}");
    }
    let said = format!("token={}", world.token("ada"));
    let (status, answer) = world.call("POST", "/digest/sign-in", "Sec-Fetch-Site: same-origin\r\n", &said).await;
    assert_eq!(status, 401, "{answer}");
    assert!(!answer.to_lowercase().contains("set-cookie"), "{answer}");
    world.end().await;
}

#[tokio::test]
async fn whoever_follows_a_link_from_chat_is_not_asked_for_a_token_twice() {
    let world = World::start().await;
    // The browser keeps the cookie back, since another site's page leads here; loaded by our page, it is sent.
    let (status, answer) = world.call("GET", "/digest?week=2026-W47", "Sec-Fetch-Site: cross-site\r\n", "").await;
    assert_eq!(status, 401);
    let again = "<meta http-equiv=\"refresh\" content=\"0; url=/digest?week=2026-W47\">";
    assert!(answer.contains(again), "{answer}");
    for site in ["", "Sec-Fetch-Site: same-origin\r\n", "Sec-Fetch-Site: none\r\n"] {
        let (_, answer) = world.call("GET", "/digest?week=2026-W47", site, "").await;
        assert!(!answer.contains("http-equiv"), "{answer}");
    }
    world.end().await;
}
