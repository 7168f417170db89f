//! Every route, how to call it, and what somebody else than the owner must be told. One line a route; the coverage
//! tests refuse a route that has no line here.

/// What another signed-in person, who owns nothing and is asked nothing, gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Other {
    /// The route is open to all.
    Open,
    /// The same, and it only sends a browser on.
    SentOn,
    /// The same, and what they bring opens nothing.
    NotSignedIn,
    /// An answer about themselves only: nothing of the owner's in it.
    OwnOnly,
    /// 404: they may not even know that it exists.
    Missing,
    /// 403: it is known to exist, and not for them.
    Refused,
}

impl Other {
    /// Whether somebody who did not sign in may call it.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::SentOn | Self::NotSignedIn)
    }
}

/// How to call a route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// `GET` or `POST`.
    pub(crate) method: &'static str,
    /// As in the inventory; `{id}` stands for an id of the owner's.
    pub(crate) path: &'static str,
    /// What `{id}` begins with; empty where there is none.
    pub(crate) id: &'static str,
    /// The body; empty for none.
    pub(crate) body: &'static str,
    /// What another person gets.
    pub(crate) other: Other,
}

impl Case {
    /// The path to call, with an id of this kind and with what a query must have.
    pub(crate) fn at(&self, id: &str) -> String {
        let query = if self.path.ends_with("/search") { "?text=INC" } else { "" };
        self.path.replace("{id}", id) + query
    }
}

const fn case(method: &'static str, path: &'static str, id: &'static str, body: &'static str, other: Other) -> Case {
    Case { method, path, id, body, other }
}

const WHY: &str = r#"{"because": "INC-42"}"#;

/// One line a route.
pub(crate) const CASES: [Case; 40] = [
    case("GET", "/healthz", "", "", Other::Open),
    case("GET", "/openapi.json", "", "", Other::Open),
    case("GET", "/metrics", "", "", Other::Open),
    case("GET", "/v1/whoami", "", "", Other::OwnOnly),
    case("GET", "/v1/tokens", "", "", Other::OwnOnly),
    case("POST", "/v1/tokens/{id}/revoke", "tok", "", Other::Missing),
    case("GET", "/v1/accounts", "", "", Other::OwnOnly),
    case("POST", "/v1/accounts/{id}/remove", "acc", "", Other::Missing),
    case("POST", "/v1/links", "", r#"{"chat": "slack"}"#, Other::OwnOnly),
    case("POST", "/v1/links/{id}/finish", "lnk", r#"{"code": "ABCD1234"}"#, Other::Missing),
    case("GET", "/v1/targets", "", "", Other::OwnOnly),
    case(
        "POST",
        "/v1/requests",
        "",
        r#"{"target": "orders-prod", "for": "1h", "because": "INC-42"}"#,
        // The same words for a target that does not exist and for one that they may not ask for.
        Other::Missing,
    ),
    case("GET", "/v1/requests", "", "", Other::OwnOnly),
    case("GET", "/v1/requests/{id}", "req", "", Other::Missing),
    case("POST", "/v1/requests/{id}/approve", "req", "{}", Other::Missing),
    case("POST", "/v1/requests/{id}/deny", "req", WHY, Other::Missing),
    case("POST", "/v1/requests/{id}/withdraw", "req", "", Other::Missing),
    case("GET", "/v1/grants", "", "", Other::OwnOnly),
    case("POST", "/v1/grants/{id}/extend", "grt", r#"{"for": "1h", "because": "INC-42"}"#, Other::Missing),
    case("POST", "/v1/grants/{id}/revoke", "grt", WHY, Other::Missing),
    case(
        "POST",
        "/v1/certificates",
        "",
        r#"{"target": "orders-prod", "public_key": "ssh-ed25519 AAAA"}"#,
        Other::Refused,
    ),
    case("GET", "/v1/ssh-keys", "", "", Other::OwnOnly),
    case(
        "POST",
        "/v1/ssh-keys",
        "",
        r#"{"public_key": "ssh-ed25519 AAAA", "signature": "theirs", "for": "90d"}"#,
        Other::OwnOnly,
    ),
    case("POST", "/v1/ssh-keys/{id}/revoke", "key", "", Other::Missing),
    case("GET", "/v1/sessions", "", "", Other::OwnOnly),
    case("GET", "/v1/sessions/search", "", "", Other::OwnOnly),
    case("GET", "/v1/sessions/{id}", "ses", "", Other::Missing),
    case("POST", "/v1/sessions/{id}/end", "ses", WHY, Other::Missing),
    case("GET", "/v1/sessions/{id}/recording", "ses", "", Other::Missing),
    case("GET", "/v1/digests", "", "", Other::OwnOnly),
    case("GET", "/v1/digest", "", "", Other::Missing),
    case("GET", "/v1/digest.csv", "", "", Other::Missing),
    case("POST", "/v1/digests/{id}/review", "dig", "", Other::Missing),
    case("GET", "/digest", "", "", Other::Missing),
    case("POST", "/digest/{id}/review", "dig", "", Other::Missing),
    case("POST", "/digest/sign-in", "", "token=cst_0123456789abcdef", Other::NotSignedIn),
    case("POST", "/digest/sign-out", "", "", Other::SentOn),
    case("GET", "/page.css", "", "", Other::Open),
    case("GET", "/v1/audit", "", "", Other::Refused),
    case(
        "POST",
        "/v1/explain",
        "",
        r#"{"as": "ada@example.com", "target": "orders-prod", "sql": "SELECT 1"}"#,
        Other::Refused,
    ),
];
