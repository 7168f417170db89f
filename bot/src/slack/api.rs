//! Calls of the Web API: bounded in time, with errors as [`PlatformError`].
//!
//! The crate carries the call; what is asked and answered are small models of our own. Its models reject whole answers
//! for one unknown value, and an answer that can't be read after a message was posted would post it twice.

use std::future::Future;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use slack_morphism::errors::{SlackClientApiError, SlackClientError};
use slack_morphism::hyper_tokio::{SlackClientHyperConnector, SlackHyperClient};
use slack_morphism::{ClientResult, SlackApiToken, SlackApiTokenValue, SlackClient};
use slack_morphism::{SlackClientApiCallContext, SlackClientHttpConnector as _};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use url::Url;
use workflows::secret::Secret;

use super::rich;
use crate::config::unsafe_address;
use crate::platform::PlatformError;

/// How long one call may take, waiting for its turn included.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long Slack may ask us to wait when it does not say.
const WAIT: Duration = Duration::from_secs(1);

/// For whom a call is made.
#[derive(Clone, Copy, Debug)]
pub(super) enum As {
    /// The bot.
    Bot,
    /// The app: for sockets alone.
    App,
}

/// The way to Slack. Tokens are shown by none of its parts.
#[derive(Debug)]
pub(super) struct Api {
    client: SlackHyperClient,
    bot: SlackApiToken,
    app: Option<SlackApiToken>,
    base: String,
}

/// An answer of which nothing is of interest but that it is one.
#[derive(Debug, Deserialize)]
pub(super) struct Nothing {}

#[derive(Debug, Deserialize)]
struct Upload {
    upload_url: String,
    file_id: String,
}

fn token(secret: &Secret<String>) -> SlackApiToken {
    SlackApiToken::new(SlackApiTokenValue(secret.reveal().clone()))
}

impl Api {
    /// Nothing is sent yet. Fails where the machine has no roots to trust.
    pub(super) fn new(
        base: &str,
        bot: &Secret<String>,
        app: Option<&Secret<String>>,
    ) -> Result<Self, std::io::Error> {
        let base = base.trim_end_matches('/').to_owned();
        let builder = hyper_rustls::HttpsConnectorBuilder::new().with_native_roots()?;
        // Plain http is for this machine alone: the configuration is refused otherwise.
        let https = builder.https_or_http().enable_all_versions().build();
        let client = SlackClient::new(SlackClientHyperConnector::from(https).with_slack_api_url(&base));
        Ok(Self { client, bot: token(bot), app: app.map(token), base })
    }

    /// Where the API is.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// The bot's token, for the one question that is asked without the crate.
    pub(super) fn bot_token(&self) -> &str {
        &self.bot.token_value.0
    }

    /// Whether there is a token for sockets.
    pub(super) const fn has_app_token(&self) -> bool {
        self.app.is_some()
    }

    fn token(&self, who: As) -> Result<&SlackApiToken, PlatformError> {
        match who {
            As::Bot => Ok(&self.bot),
            As::App => self.app.as_ref().ok_or_else(|| PlatformError::Token("there is no app token".to_owned())),
        }
    }

    /// Calls a method that takes JSON. `place` names what an error would be about.
    pub(super) async fn post<T>(&self, method: &str, body: &Value, place: &str) -> Result<T, PlatformError>
    where
        T: for<'de> Deserialize<'de> + Send,
    {
        self.post_as(As::Bot, method, body, place).await
    }

    /// The same, for whom it is said.
    pub(super) async fn post_as<T>(
        &self,
        who: As,
        method: &str,
        body: &Value,
        place: &str,
    ) -> Result<T, PlatformError>
    where
        T: for<'de> Deserialize<'de> + Send,
    {
        let token = self.token(who)?;
        let call = || async {
            let session = self.client.open_session(token);
            session.http_session_api.http_post(method, body, None).await
        };
        in_time(place, call).await
    }

    /// Calls a method that reads: those take no JSON.
    pub(super) async fn get<T>(&self, method: &str, asked: &[(&str, &str)], place: &str) -> Result<T, PlatformError>
    where
        T: for<'de> Deserialize<'de> + Send,
    {
        let asked: Vec<(&str, Option<&str>)> = asked.iter().map(|(key, value)| (*key, Some(*value))).collect();
        let call = || async {
            let session = self.client.open_session(&self.bot);
            session.http_session_api.http_get(method, &asked, None).await
        };
        in_time(place, call).await
    }

    /// Posts JSON to an address that Slack gave. No token goes there.
    pub(super) async fn answer(&self, to: &str, body: &Value) -> Result<(), PlatformError> {
        let url = given(to)?;
        let span = tracing::Span::none();
        let call = || async {
            let context = bare(&span);
            self.client.http_api.connector.http_post_uri(url.clone(), body, context).await
        };
        in_time("", call).await.map(|Nothing {}| ())
    }

    /// Calls a method with a form and without a token.
    pub(super) async fn form<T>(&self, method: &str, fields: &[(&str, &str)]) -> Result<T, PlatformError>
    where
        T: for<'de> Deserialize<'de> + Send,
    {
        let url = Url::parse(&format!("{}/{method}", self.base)).map_err(|_| unusable())?;
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(url, "application/x-www-form-urlencoded", body.as_bytes()).await
    }

    async fn send<T>(&self, url: Url, kind: &str, bytes: &[u8]) -> Result<T, PlatformError>
    where
        T: for<'de> Deserialize<'de> + Send,
    {
        let span = tracing::Span::none();
        let call = || async {
            let (connector, context) = (&self.client.http_api.connector, bare(&span));
            connector.http_post_uri_binary(url.clone(), kind.to_owned(), bytes, context).await
        };
        in_time("", call).await
    }

    /// Uploads a file in three steps, into a thread if one is named, and gives its id.
    pub(super) async fn upload(
        &self,
        name: &str,
        bytes: &[u8],
        words: &str,
        thread: Option<(&str, &str)>,
    ) -> Result<String, PlatformError> {
        let length = bytes.len().to_string();
        let asked = [("filename", name), ("length", length.as_str()), ("alt_txt", words)];
        let place: Upload = self.get("files.getUploadURLExternal", &asked, "").await?;
        let Nothing {} = self.send(given(&place.upload_url)?, "application/octet-stream", bytes).await?;
        let mut body = json!({ "files": [{ "id": place.file_id, "title": name }] });
        if let (Some(object), Some((channel, ts))) = (body.as_object_mut(), thread) {
            object.insert("channel_id".to_owned(), json!(channel));
            object.insert("thread_ts".to_owned(), json!(ts));
            // It goes through Slack's markup like the text of a message.
            object.insert("initial_comment".to_owned(), json!(rich::summary(words)));
        }
        let about = thread.map_or("", |(channel, _)| channel);
        let Nothing {} = self.post("files.completeUploadExternal", &body, about).await?;
        Ok(place.file_id)
    }
}

const fn bare(span: &tracing::Span) -> SlackClientApiCallContext<'_> {
    SlackClientApiCallContext { rate_control_params: None, token: None, tracing_span: span, is_sensitive_url: true }
}

fn unusable() -> PlatformError {
    PlatformError::Down("an address of Slack can't be used".to_owned())
}

/// An address that Slack gave: never one in clear, but on this machine.
pub(super) fn given(url: &str) -> Result<Url, PlatformError> {
    match unsafe_address("url", url) {
        None => Url::parse(url).map_err(|_| unusable()),
        Some(_) => Err(unusable()),
    }
}

/// One call within [`PATIENCE`]. Where Slack asks us to wait, and there is time for that, it is made again.
async fn in_time<T, F, C>(place: &str, call: C) -> Result<T, PlatformError>
where
    C: Fn() -> F,
    F: Future<Output = ClientResult<T>>,
{
    let until = Instant::now() + PATIENCE;
    loop {
        let answered = timeout_at(until, call()).await;
        let failed = match answered {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => failed(&error, place),
            Err(_elapsed) => return Err(PlatformError::Down(format!("no answer within {} s", PATIENCE.as_secs()))),
        };
        let PlatformError::Limited(wait) = failed else { return Err(failed) };
        if Instant::now() + wait >= until {
            return Err(failed);
        }
        sleep(wait).await;
    }
}

/// What a failed call means. Nothing of what was sent or received is quoted.
fn failed(error: &SlackClientError, place: &str) -> PlatformError {
    match error {
        SlackClientError::ApiError(error) => refused(error, place),
        SlackClientError::RateLimitError(error) => {
            PlatformError::Limited(error.retry_after.unwrap_or(WAIT).max(WAIT))
        }
        SlackClientError::HttpError(error) if error.status_code.is_server_error() => {
            PlatformError::Down(format!("status {}", error.status_code.as_u16()))
        }
        SlackClientError::HttpError(error) => {
            PlatformError::Invalid(format!("status {}", error.status_code.as_u16()))
        }
        SlackClientError::ProtocolError(_) => PlatformError::Down("its answer can't be understood".to_owned()),
        SlackClientError::HttpProtocolError(_)
        | SlackClientError::EndOfStream(_)
        | SlackClientError::SystemError(_)
        | SlackClientError::SocketModeProtocolError(_) => PlatformError::Down("it can't be reached".to_owned()),
    }
}

fn refused(error: &SlackClientApiError, place: &str) -> PlatformError {
    let code = error.code.as_str();
    let named = || code.to_owned();
    match code {
        "ratelimited" | "rate_limited" => PlatformError::Limited(WAIT),
        "missing_scope" => PlatformError::Scope(needed(error)),
        "invalid_auth"
        | "not_authed"
        | "token_revoked"
        | "token_expired"
        | "account_inactive"
        | "two_factor_setup_required"
        | "not_allowed_token_type"
        | "org_login_required"
        | "app_not_installed" => PlatformError::Token(named()),
        "message_not_found" | "cant_update_message" | "thread_not_found" | "edit_window_closed" => {
            PlatformError::MessageGone
        }
        "channel_not_found"
        | "not_in_channel"
        | "is_archived"
        | "channel_is_archived"
        | "is_inactive"
        | "restricted_action"
        | "restricted_action_read_only_channel"
        | "no_permission"
        | "team_not_found" => PlatformError::PlaceGone(place.to_owned(), named()),
        "user_not_found"
        | "user_disabled"
        | "user_not_visible"
        | "users_not_found"
        | "cannot_dm_bot"
        | "user_not_in_channel"
        | "messages_tab_disabled"
        | "invalid_user_combination" => PlatformError::PersonGone(named()),
        // `not_found` is said of a view that somebody has closed.
        "expired_trigger_id"
        | "exchanged_trigger_id"
        | "invalid_trigger_id"
        | "trigger_expired"
        | "trigger_exchanged"
        | "not_found"
        | "expired_url"
        | "used_url" => PlatformError::TooLate,
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" | "team_added_to_org" => {
            PlatformError::Down(named())
        }
        _ => PlatformError::Invalid(explained(error)),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Why {
    needed: Option<String>,
    response_metadata: Option<Messages>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Messages {
    messages: Vec<String>,
}

fn why(error: &SlackClientApiError) -> Why {
    let body = error.http_response_body.as_deref().unwrap_or_default();
    serde_json::from_str(body).unwrap_or_default()
}

fn needed(error: &SlackClientApiError) -> String {
    why(error).needed.unwrap_or_else(|| "unknown".to_owned())
}

/// The code, and where in what we sent Slack found fault; those words name places and never contents.
fn explained(error: &SlackClientApiError) -> String {
    let messages = why(error).response_metadata.unwrap_or_default().messages;
    let first: Vec<&str> = messages.iter().take(3).map(String::as_str).collect();
    let words = if first.is_empty() { error.code.clone() } else { format!("{}: {}", error.code, first.join("; ")) };
    words.chars().take(400).collect()
}

/// Runs a future for at most so long; for what is no call of a method.
pub(super) async fn within<T>(most: Duration, what: impl Future<Output = T>) -> Result<T, PlatformError> {
    timeout(most, what)
        .await
        .map_err(|_elapsed| PlatformError::Down(format!("no answer within {} s", most.as_secs())))
}
