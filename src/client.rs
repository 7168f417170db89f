//! The way to the API. It knows paths and documents, and decides nothing.

use std::fmt;
use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;

use console::Problem;
use console::documents::{
    AuditPage, BindBody, BoundKey, Certificate, CertificateBody, Grant, GrantList, Request, RequestList,
    SearchResult, Session, SessionList, SshKey, SshKeyList, Target, TargetList, Token, TokenList, WhoAmI,
};
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use workflows::id::{GrantId, KeyId, RequestId, SessionId, TokenId};
use workflows::secret::Secret;
use workflows::target::TargetName;

use crate::credentials::Credentials;
use crate::failure::Failure;
use crate::ids;

/// Longer than the server takes for any call.
const PATIENCE: Duration = Duration::from_secs(70);
/// How much an abbreviated id is looked up in.
const LISTED: &str = "1000";

/// A connection to the API of one server, as one person.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Secret<String>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// Reads an address of the API, and refuses one over which the token would travel in clear.
pub fn address(text: &str) -> Result<Url, Failure> {
    let wrong = |words: &str| {
        Failure::wrong_use(format!("`{text}` {words}")).hint("write it like https://countersign.example.com")
    };
    let url = Url::parse(text).map_err(|_| wrong("is no address of a server"))?;
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let here = bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
    match url.scheme() {
        "https" if !host.is_empty() => {}
        "http" if here => {}
        "http" => return Err(wrong("would send your token over the network in clear")),
        _ => return Err(wrong("is no address of a server")),
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds more than an address"));
    }
    Ok(url)
}

impl Client {
    /// A client with these credentials. Nothing is sent yet.
    pub fn new(credentials: &Credentials) -> Result<Self, Failure> {
        let base = address(&credentials.url)?;
        // A redirect could carry the token to another server.
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")));
        // Without TLS the server is this machine, and a proxy would read the token.
        let http = if base.scheme() == "http" { http.no_proxy() } else { http };
        let http = http.build().map_err(|error| Failure::new(format!("the client cannot be made: {error}")))?;
        Ok(Self { http, base, token: credentials.token.clone() })
    }

    /// The token, for the password of a gateway.
    pub const fn token(&self) -> &Secret<String> {
        &self.token
    }

    /// A certificate for SSH.
    pub async fn certificate(&self, body: &CertificateBody) -> Result<Certificate, Failure> {
        self.post("/v1/certificates", body).await
    }

    /// Binds a public key to the caller.
    pub async fn bind_key(&self, body: &BindBody) -> Result<BoundKey, Failure> {
        self.post("/v1/ssh-keys", body).await
    }

    /// The caller's own public keys.
    pub async fn ssh_keys(&self) -> Result<Vec<SshKey>, Failure> {
        Ok(self.get::<SshKeyList>("/v1/ssh-keys", &[]).await?.keys)
    }

    /// The key that was named, whole or abbreviated.
    pub async fn key_id(&self, given: &str) -> Result<KeyId, Failure> {
        match ids::whole(given) {
            Some(id) => Ok(id),
            None => ids::among(given, KeyId::PREFIX, self.ssh_keys().await?.iter().map(|one| one.id)),
        }
    }

    /// The host of the API.
    pub fn host(&self) -> &str {
        self.base.host_str().unwrap_or("localhost")
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        self.http.request(method, url).bearer_auth(self.token.reveal())
    }

    async fn send(&self, call: RequestBuilder) -> Result<Response, Failure> {
        let response = call.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let problem: Option<Problem> = response.json().await.ok();
        Err(problem.map_or_else(
            || {
                Failure::new(format!("`{}` answered {status}, and not in Countersign's words", self.base))
                    .hint("is this the address of Countersign's API?")
            },
            Failure::from,
        ))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let innermost = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source()).last();
        let why = innermost.map(ToString::to_string).unwrap_or_default();
        Failure::new(format!("`{}` cannot be reached: {why}", self.base))
            .hint("is `countersign serve` running there? `countersign login URL` changes the address")
            .passing()
    }

    async fn document<T: DeserializeOwned>(&self, call: RequestBuilder) -> Result<T, Failure> {
        let response = self.send(call.timeout(PATIENCE)).await?;
        response.json().await.map_err(|_| {
            Failure::new(format!("`{}` gave an answer that this version cannot read", self.base))
                .hint("client and server should be of the same version")
        })
    }

    /// Reads a document.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, Failure> {
        self.document(self.call(Method::GET, path).query(query)).await
    }

    /// Reads a text that is no document.
    pub async fn text(&self, path: &str, query: &[(&str, &str)]) -> Result<String, Failure> {
        let response = self.send(self.call(Method::GET, path).query(query).timeout(PATIENCE)).await?;
        response.text().await.map_err(|error| self.unreachable(&error))
    }

    /// Sends a document and reads the answer.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.document(self.call(Method::POST, path).json(body)).await
    }

    /// Sends a document where there is nothing to answer.
    pub async fn tell(&self, path: &str, body: &impl Serialize) -> Result<(), Failure> {
        self.send(self.call(Method::POST, path).json(body).timeout(PATIENCE)).await.map(drop)
    }

    /// Who is signed in.
    pub async fn whoami(&self) -> Result<WhoAmI, Failure> {
        self.get("/v1/whoami", &[]).await
    }

    /// What one may ask for and holds.
    pub async fn targets(&self) -> Result<Vec<Target>, Failure> {
        Ok(self.get::<TargetList>("/v1/targets", &[]).await?.targets)
    }

    /// One target, by its whole name.
    pub async fn target(&self, name: &TargetName) -> Result<Target, Failure> {
        let found = self.targets().await?.into_iter().find(|target| target.name == name.as_str());
        found.ok_or_else(|| {
            Failure::new(format!("you may not ask for a target `{name}`")).hint("`countersign targets` lists yours")
        })
    }

    /// Requests: the open ones, or all.
    pub async fn requests(&self, all: bool) -> Result<Vec<Request>, Failure> {
        Ok(self.get::<RequestList>("/v1/requests", &listing(all)).await?.requests)
    }

    /// One request, whole.
    pub async fn request(&self, id: RequestId) -> Result<Request, Failure> {
        self.get(&format!("/v1/requests/{id}"), &[]).await
    }

    /// The request after its next change, or as it is after half a minute.
    pub async fn request_after(&self, request: &Request) -> Result<Request, Failure> {
        let query = [("wait", "30s"), ("seen", request.revision.as_str())];
        self.get(&format!("/v1/requests/{}", request.id), &query).await
    }

    /// Grants: the live ones, or all.
    pub async fn grants(&self, all: bool) -> Result<Vec<Grant>, Failure> {
        Ok(self.get::<GrantList>("/v1/grants", &listing(all)).await?.grants)
    }

    /// Sessions: the live ones, or all.
    pub async fn sessions(&self, all: bool) -> Result<Vec<Session>, Failure> {
        Ok(self.get::<SessionList>("/v1/sessions", &listing(all)).await?.sessions)
    }

    /// One session.
    pub async fn session(&self, id: SessionId) -> Result<Session, Failure> {
        self.get(&format!("/v1/sessions/{id}"), &[]).await
    }

    /// One's own tokens.
    pub async fn tokens(&self) -> Result<Vec<Token>, Failure> {
        Ok(self.get::<TokenList>("/v1/tokens", &[]).await?.tokens)
    }

    /// A part of the audit log.
    pub async fn audit(&self, from: i64, limit: u32) -> Result<AuditPage, Failure> {
        self.get("/v1/audit", &[("from", &from.to_string()), ("limit", &limit.to_string())]).await
    }

    /// Copies a session's recording. How many bytes it has.
    pub async fn recording(&self, id: SessionId, to: &mut impl Write) -> Result<u64, Failure> {
        let mut response = self.send(self.call(Method::GET, &format!("/v1/sessions/{id}/recording"))).await?;
        let promised = response.content_length();
        let mut size = 0;
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            to.write_all(&chunk)?;
            size += chunk.len() as u64;
        }
        if promised.is_some_and(|promised| promised != size) {
            return Err(Failure::new("the recording came only in part").hint("try again"));
        }
        Ok(size)
    }

    /// Lines in recordings, as many as one call finds.
    pub async fn search(&self, query: &[(&str, &str)]) -> Result<SearchResult, Failure> {
        self.get("/v1/sessions/search", query).await
    }

    /// The request that was named, whole or abbreviated.
    pub async fn request_id(&self, given: &str) -> Result<RequestId, Failure> {
        match ids::whole(given) {
            Some(id) => Ok(id),
            None => ids::among(given, RequestId::PREFIX, self.requests(true).await?.iter().map(|one| one.id)),
        }
    }

    /// The grant that was named, whole or abbreviated.
    pub async fn grant_id(&self, given: &str) -> Result<GrantId, Failure> {
        match ids::whole(given) {
            Some(id) => Ok(id),
            None => ids::among(given, GrantId::PREFIX, self.grants(true).await?.iter().map(|one| one.id)),
        }
    }

    /// The session that was named, whole or abbreviated.
    pub async fn session_id(&self, given: &str) -> Result<SessionId, Failure> {
        match ids::whole(given) {
            Some(id) => Ok(id),
            None => ids::among(given, SessionId::PREFIX, self.sessions(true).await?.iter().map(|one| one.id)),
        }
    }

    /// The token that was named, whole or abbreviated.
    pub async fn token_id(&self, given: &str) -> Result<TokenId, Failure> {
        match ids::whole(given) {
            Some(id) => Ok(id),
            None => ids::among(given, TokenId::PREFIX, self.tokens().await?.iter().map(|one| one.id)),
        }
    }
}

fn listing(all: bool) -> [(&'static str, &'static str); 2] {
    [("all", if all { "true" } else { "false" }), ("limit", LISTED)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_never_travels_in_clear() {
        for fine in ["http://127.0.0.1:8420", "http://localhost:1", "http://[::1]:1", "https://cs.example.com/api/"] {
            assert!(address(fine).is_ok(), "{fine}");
        }
        let words = address("http://cs.example.com").expect_err("refused").to_string();
        assert!(words.contains("in clear"), "{words}");
        for wrong in [
            "",
            "cs.example.com",
            "ftp://localhost",
            "https://me:secret@cs.example.com",
            "https://x/?a=b",
            "http://127.0.0.1.example.com",
        ] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
