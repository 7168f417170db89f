//! One question to a provider: a token that goes nowhere else, a short time, a bounded answer.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, StatusCode, Url};
use serde::de::DeserializeOwned;
use workflows::clock::Span;
use workflows::target::SecretError;

/// How long one answer may take, to its last byte.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read.
const LONGEST: usize = 1 << 20;
/// How long a provider is left alone that is asked too often and does not say for how long.
const WAIT: Span = Span::seconds(60);
/// The longest that a provider may ask us to wait. Nobody is on call by it meanwhile.
pub(super) const LONGEST_WAIT: Span = Span::minutes(15);

/// Why a provider did not say who is on call. No text of the provider's own is in it.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The token can't be read.
    #[error(transparent)]
    Token(#[from] SecretError),
    /// The token is none that can be sent.
    #[error("the token has characters in it that can't be sent")]
    TokenForm,
    /// TLS has no roots to go by, or the like.
    #[error("no connection can be made from here")]
    Client,
    /// There is no way there.
    #[error("it can't be reached")]
    Unreachable,
    /// It took too long.
    #[error("it took more than {} s", PATIENCE.as_secs())]
    Slow,
    /// The token is not valid.
    #[error("it refuses the token")]
    Refused,
    /// The token is valid, for other things.
    #[error("the token may not read this schedule")]
    Forbidden,
    /// There is no such schedule.
    #[error("it does not know the schedule")]
    Missing,
    /// We ask too often.
    #[error("it asks us to wait for {0}")]
    Busy(Span),
    /// It wants us to ask somebody else.
    #[error("it sends us to another address, and the token stays here")]
    Elsewhere,
    /// It is broken.
    #[error("it is out of order ({0})")]
    Broken(u16),
    /// It answered with something else.
    #[error("it answered with status {0}")]
    Status(u16),
    /// There is too much of the answer.
    #[error("its answer is too long")]
    Long,
    /// The answer does not look as published.
    #[error("its answer can't be understood")]
    Form,
}

/// The way to the providers. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Http {
    outside: Client,
    here: Client,
}

impl Http {
    /// Nothing is sent yet.
    pub(super) fn new() -> Result<Self, AskError> {
        // A redirect could carry the token to another server.
        let client = || {
            Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .timeout(PATIENCE)
                .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
        };
        let outside = client().https_only(true).build().map_err(|_| AskError::Client)?;
        // Without TLS the server is this machine, and a proxy would read the token.
        let here = client().no_proxy().build().map_err(|_| AskError::Client)?;
        Ok(Self { outside, here })
    }

    /// Asks, and reads the answer to its end.
    pub(super) async fn get<T: DeserializeOwned>(&self, url: Url, headers: HeaderMap) -> Result<T, AskError> {
        let client = if url.scheme() == "http" { &self.here } else { &self.outside };
        let mut response = client.get(url).headers(headers).send().await.map_err(|error| unsent(&error))?;
        judge(response.status(), response.headers())?;
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| unsent(&error))? {
            if body.len().saturating_add(part.len()) > LONGEST {
                return Err(AskError::Long);
            }
            body.extend_from_slice(&part);
        }
        serde_json::from_slice(&body).map_err(|_| AskError::Form)
    }
}

/// The error's own words are dropped: they hold the address, and may quote what was received.
fn unsent(error: &reqwest::Error) -> AskError {
    if error.is_timeout() { AskError::Slow } else { AskError::Unreachable }
}

fn judge(status: StatusCode, headers: &HeaderMap) -> Result<(), AskError> {
    match status.as_u16() {
        200 => Ok(()),
        300..=399 => Err(AskError::Elsewhere),
        401 => Err(AskError::Refused),
        403 => Err(AskError::Forbidden),
        404 => Err(AskError::Missing),
        429 => Err(AskError::Busy(wait(headers))),
        broken @ 500..=599 => Err(AskError::Broken(broken)),
        other => Err(AskError::Status(other)),
    }
}

/// How long we are asked to wait: `Retry-After` in seconds, or what PagerDuty and Opsgenie send in its place.
fn wait(headers: &HeaderMap) -> Span {
    let seconds = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
    let names = ["retry-after", "ratelimit-reset", "x-ratelimit-period-in-sec"];
    let asked = names.into_iter().find_map(seconds).map(|seconds| Span::seconds(seconds.into()));
    asked.unwrap_or(WAIT).clamp(Span::seconds(1), LONGEST_WAIT)
}

/// The header with the token, which no log shows.
pub(super) fn authorization(value: String) -> Result<HeaderValue, AskError> {
    let mut value = HeaderValue::try_from(value).map_err(|_| AskError::TokenForm)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Headers with these values.
pub(super) fn headers(pairs: impl IntoIterator<Item = (HeaderName, HeaderValue)>) -> HeaderMap {
    pairs.into_iter().collect()
}

/// An address below the API's: each part is one segment, whatever is in it.
pub(super) fn address(api: &str, parts: &[&str]) -> Result<Url, AskError> {
    let mut url = Url::parse(api).map_err(|_| AskError::Client)?;
    url.path_segments_mut().map_err(|()| AskError::Client)?.pop_if_empty().extend(parts);
    Ok(url)
}
