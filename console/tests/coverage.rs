//! Every route, by enumeration: it is documented, it has a line in the table, and it refuses whoever did not sign in.

#[cfg(test)]
mod pages;
#[cfg(test)]
mod table;
#[cfg(test)]
mod world;

use std::collections::BTreeSet;

use console::{Config, Console, Gauges, Guard, document, inventory};
use table::{CASES, Other};
use world::World;

fn named(method: &str, path: &str) -> String {
    format!("{method} {path}")
}

#[test]
fn the_document_describes_every_route_and_no_other() {
    let served: BTreeSet<String> = inventory().iter().map(|route| named(route.method, route.path)).collect();
    let document = serde_json::to_value(document()).expect("JSON");
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("operations").keys() {
            described.insert(named(&method.to_uppercase(), path));
        }
    }
    assert_eq!(served, described);
}

#[test]
fn the_document_says_which_routes_need_a_token() {
    let document = serde_json::to_value(document()).expect("JSON");
    for route in inventory() {
        let operation = &document["paths"][route.path][route.method.to_lowercase()];
        for (scheme, guard) in [("token", Guard::Person), ("cookie", Guard::Page)] {
            let needed = operation["security"][0][scheme].is_array() && operation["responses"]["401"].is_object();
            assert_eq!(needed, route.guard == guard, "{}", route.path);
        }
        assert!(operation["responses"]["default"].is_object(), "{}", route.path);
        assert!(operation["summary"].is_string() || operation["description"].is_string(), "{}", route.path);
    }
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    assert_eq!(document["components"]["securitySchemes"]["cookie"]["in"], "cookie");
}

#[test]
fn every_route_has_its_line_in_the_table() {
    let served: BTreeSet<String> = inventory().iter().map(|route| named(route.method, route.path)).collect();
    let listed: BTreeSet<String> = CASES.iter().map(|case| named(case.method, case.path)).collect();
    assert_eq!(served, listed);
    for (route, case) in inventory().iter().flat_map(|route| CASES.iter().map(move |case| (route, case))) {
        if (route.method, route.path) == (case.method, case.path) {
            assert_eq!(route.guard == Guard::Open, case.other.is_open(), "{}", case.path);
            assert_eq!(case.path.contains("{id}"), !case.id.is_empty(), "{}", case.path);
        }
    }
}

#[test]
fn only_what_shows_nothing_of_anybody_is_open() {
    let open: Vec<&str> =
        inventory().iter().filter(|route| route.guard == Guard::Open).map(|route| route.path).collect();
    let expected = ["/healthz", "/openapi.json", "/metrics", "/digest/sign-in", "/digest/sign-out", "/page.css"];
    assert_eq!(open, expected);
}

#[tokio::test]
async fn nobody_gets_anything_from_a_guarded_route() {
    let world = World::start().await;
    let wrong = [
        "",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: Bearer nonsense\r\n",
        "Authorization: Basic Y3N0XzAxMjM0NTY3ODk6\r\n",
        "Authorization: cst_0123456789abcdef\r\n",
        "Authorization: Bearer cst_0123456789abcdef\r\nAuthorization: Bearer cst_0123456789abcdee\r\n",
        "Cookie: token=cst_0123456789abcdef\r\n",
        "Cookie: countersign=cst_0123456789abcdef\r\n",
    ];
    for case in CASES.iter().filter(|case| !case.other.is_open()) {
        let kind = if case.path.starts_with("/v1/") { "application/problem+json" } else { "text/html" };
        let path = case.at(&format!("{}_01JD8Z0000000000000000000A", case.id));
        for headers in wrong {
            let (status, answer) = world.call(case.method, &path, headers, case.body).await;
            assert_eq!(status, 401, "{} {path} with {headers:?}\n{answer}", case.method);
            assert!(answer.contains(kind), "{answer}");
            assert_eq!(answer.contains("\"status\":401"), kind == "application/problem+json", "{answer}");
            assert_eq!(answer.contains("type=\"password\""), kind == "text/html", "{answer}");
            assert!(answer.to_lowercase().contains("www-authenticate: bearer"), "{answer}");
            assert!(!answer.contains("cst_0123456789"), "a token is never repeated");
        }
        if case.method == "GET" {
            assert_eq!(world.call("HEAD", &path, "", "").await.0, 401, "HEAD {path}");
        }
        // Nor is anything said about a body before it is known whose it is.
        let (status, _) = world.call(case.method, &path, "", "{\"nonsense\"").await;
        assert_eq!(status, 401, "{} {path}", case.method);
    }
    world.end().await;
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_in_words() {
    let world = World::start().await;
    let (status, answer) = world.call("GET", "/v2/nothing", "", "").await;
    assert_eq!(status, 404);
    assert!(answer.contains("there is nothing at `/v2/nothing`"), "{answer}");
    let (status, answer) = world.call("DELETE", "/metrics", "", "").await;
    assert_eq!(status, 405);
    assert!(answer.contains("`/metrics` does not take DELETE"), "{answer}");
    world.end().await;
}

#[tokio::test]
async fn every_answer_is_marked_as_no_page() {
    let world = World::start().await;
    for path in ["/metrics", "/openapi.json", "/v1/whoami", "/nothing"] {
        let (_, answer) = world.call("GET", path, "Origin: https://example.com\r\n", "").await;
        let answer = answer.to_lowercase();
        for header in ["cache-control: no-store", "x-content-type-options: nosniff", "default-src 'none'"] {
            assert!(answer.contains(header), "{path} lacks {header}\n{answer}");
        }
        assert!(!answer.contains("access-control-allow") && !answer.contains("set-cookie"), "{answer}");
    }
    let (status, page) = world.call("GET", "/metrics", "", "").await;
    assert_eq!(status, 200);
    assert!(page.contains("countersign_sessions_live 0"), "{page}");
    world.end().await;
}

#[tokio::test]
async fn another_person_learns_and_changes_nothing() {
    let world = World::start().await;
    let before = world.snapshot().await;
    for case in CASES {
        let path = case.at(&world.id_of_ada(case.id));
        let (status, answer) = world.call_as("mallory", case.method, &path, case.body).await;
        let expected = match case.other {
            Other::Open | Other::OwnOnly => 200,
            Other::SentOn => 303,
            Other::NotSignedIn => 401,
            Other::Missing => 404,
            Other::Refused => 403,
        };
        assert_eq!(status, expected, "{} {path}\n{answer}", case.method);
        assert!(!answer.contains("ada@example.com") && !answer.contains("INC-1"), "{} {path}\n{answer}", case.method);
    }
    assert_eq!(world.snapshot().await, before, "nothing of the owner's has changed");
    world.end().await;
}

#[tokio::test]
async fn no_answer_carries_a_token_or_a_password() {
    let world = World::start().await;
    for case in CASES.iter().filter(|case| case.method == "GET") {
        let path = case.at(&world.id_of_ada(case.id));
        for who in ["ada", "grace"] {
            let (_, answer) = world.call_as(who, "GET", &path, "").await;
            for secret in ["CANARY", "env:", "10.0.0.5", &world.token("ada"), &world.token("grace")] {
                assert!(!answer.contains(secret), "{who} {path} carries {secret}\n{answer}");
            }
        }
    }
    world.end().await;
}

#[tokio::test]
async fn the_owner_sees_their_own() {
    let world = World::start().await;
    for case in CASES.iter().filter(|case| case.method == "GET" && case.path != "/v1/audit") {
        let path = case.at(&world.id_of_ada(case.id));
        let (status, answer) = world.call_as("ada", "GET", &path, "").await;
        assert_eq!(status, 200, "{path}\n{answer}");
    }
    let (_, targets) = world.call_as("ada", "GET", "/v1/targets", "").await;
    assert!(targets.contains("\"orders-prod\"") && targets.contains("\"level\":\"write\""), "{targets}");
    world.end().await;
}

#[tokio::test]
async fn input_that_does_not_fit_is_refused_in_words() {
    let world = World::start().await;
    let ask = r#"{"target": "orders-prod", "for": "1h", "because": "x", "admin": true}"#;
    let long = format!(r#"{{"target": "orders-prod", "for": "1h", "because": "{}"}}"#, "x".repeat(1024 * 1024));
    for (method, path, body, status, words) in [
        ("POST", "/v1/requests", ask, 400, "unknown field `admin`"),
        ("POST", "/v1/requests", "{", 400, "the body cannot be read"),
        ("POST", "/v1/requests", long.as_str(), 413, "longer than 1 MiB"),
        ("GET", "/v1/requests?everything=1", "", 400, "unknown field `everything`"),
        ("GET", "/v1/digest?week=47", "", 400, "`47` is not a week"),
        ("GET", "/v1/digest?week=2999-W01", "", 400, "the week 2999-W01 has not begun"),
        ("GET", "/v1/requests?limit=-1", "", 400, "the parameters cannot be read"),
        ("GET", "/v1/requests/nonsense", "", 400, "is not an id of the form `req_…`"),
        ("GET", "/v1/requests/grt_01JD8Z0000000000000000000A", "", 400, "is not an id of the form `req_…`"),
        ("GET", "/v1/requests/..%2fgrants", "", 400, "is not an id"),
        ("GET", "/v1/requests/req_01JD8Z0000000000000000000A?wait=soon", "", 400, "not a length of time"),
    ] {
        let (got, answer) = world.call_as("ada", method, path, body).await;
        assert_eq!(got, status, "{method} {path}\n{answer}");
        assert!(answer.contains(words), "{method} {path} lacks {words:?}\n{answer}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_wait_ends_with_the_vote_that_it_waits_for() {
    let world = World::start().await;
    let (status, asked) = world
        .json_as("grace", "POST", "/v1/requests", r#"{"target": "orders-prod", "for": "1h", "because": "INC-2"}"#)
        .await;
    assert_eq!(status, 201, "{asked}");
    let id = asked["request"]["id"].as_str().expect("an id").to_owned();
    let seen = asked["request"]["revision"].as_str().expect("a revision").to_owned();
    let path = format!("/v1/requests/{id}?wait=30s&seen={seen}");
    let approve = format!("/v1/requests/{id}/approve");
    let vote = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        world.json_as("linus", "POST", &approve, r#"{"for": "30m", "note": "fine"}"#).await
    };
    let waited = world.json_as("grace", "GET", &path, "");
    let both = async { tokio::join!(waited, vote) };
    let ((_, settled), (status, voted)) =
        tokio::time::timeout(std::time::Duration::from_secs(10), both).await.expect("the bell rang");
    assert_eq!(status, 200, "{voted}");
    assert_eq!(settled["state"]["is"], "spent", "{settled}");
    assert_eq!(settled["votes"][0]["note"], "fine", "{settled}");
    // Who has an older revision is answered at once.
    let (_, again) = world.json_as("grace", "GET", &path, "").await;
    assert_eq!(again["state"]["is"], "spent");
    world.end().await;
}

#[tokio::test]
async fn nobody_approves_their_own_request_by_way_of_the_api() {
    let world = World::start().await;
    let (_, asked) = world
        .json_as("grace", "POST", "/v1/requests", r#"{"target": "orders-prod", "for": "1h", "because": "x"}"#)
        .await;
    let id = asked["request"]["id"].as_str().expect("an id").to_owned();
    let (status, answer) = world.call_as("grace", "POST", &format!("/v1/requests/{id}/approve"), "{}").await;
    assert_eq!(status, 403, "{answer}");
    world.end().await;
}

#[tokio::test]
async fn a_manager_reads_their_digest_and_says_so() {
    let world = World::start().await;
    let (_, digest) = world.json_as("ada", "GET", "/v1/digest", "").await;
    let id = world.id_of_ada("dig");
    assert_eq!(digest["filed"]["id"], id);
    assert_eq!(digest["content"]["people"][0], "linus@example.com");
    let (status, csv) = world.call_as("ada", "GET", "/v1/digest.csv", "").await;
    assert_eq!(status, 200);
    assert!(csv.to_lowercase().contains("content-type: text/csv"), "{csv}");
    assert!(csv.contains("\r\n\r\nsection,person,target,id,"), "{csv}");
    // Somebody else's is not to be seen, and not to be told from one that there is not.
    for (who, manager) in [("grace", "ada"), ("ada", "mia")] {
        let path = format!("/v1/digest?manager={manager}@example.com");
        let (status, answer) = world.call_as(who, "GET", &path, "").await;
        assert_eq!(status, 404, "{answer}");
    }
    let path = format!("/v1/digests/{id}/review");
    assert_eq!(world.call_as("grace", "POST", &path, "").await.0, 404);
    let (status, filed) = world.json_as("ada", "POST", &path, "").await;
    assert_eq!((status, &filed["review"]), (200, &"done".into()), "{filed}");
    let (status, again) = world.call_as("ada", "POST", &path, "").await;
    assert_eq!(status, 409, "{again}");
    assert!(again.contains("it was reviewed already, by ada@example.com"), "{again}");
    world.end().await;
}

#[tokio::test]
async fn a_revoked_token_opens_nothing() {
    let world = World::start().await;
    let path = format!("/v1/tokens/{}/revoke", world.id_of_ada("tok"));
    let (status, _) = world.call_as("ada", "POST", &path, "").await;
    assert_eq!(status, 204);
    let (status, _) = world.call_as("ada", "GET", "/v1/whoami", "").await;
    assert_eq!(status, 401);
    world.end().await;
}

#[tokio::test]
async fn a_port_in_use_is_said_in_words() {
    let world = World::start().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let listen = taken.local_addr().expect("an address");
    let config = Config { listen, behind_tls_proxy: false, public: None };
    let error = Console::bind(config, world.workflows.clone(), Gauges::new()).await.expect_err("taken");
    assert!(error.to_string().contains("the port is in use; choose another port"), "{error}");
}
