//! The tables `[slack]`, `[discord]` and `[matrix]` of the file.

use serde::Deserialize;
use workflows::target::SecretRef;

/// Where Slack's Web API is.
pub const SLACK_API: &str = "https://slack.com/api";
/// Where Discord's API is.
pub const DISCORD_API: &str = "https://discord.com/api/v10";

/// `[slack]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// The bot's token (`xoxb-…`).
    pub bot_token: SecretRef,
    /// The app's token (`xapp-…`), for Socket Mode: no public address is needed. Either this or `signing_secret`.
    pub app_token: Option<SecretRef>,
    /// The signing secret, where Slack delivers to `/slack/events` instead.
    pub signing_secret: Option<SecretRef>,
    /// The channel for cards, by its id (`C…`). Without one, each person who is asked gets a card of their own.
    pub channel: Option<String>,
    /// Where break-glass and trouble are told, beside the people concerned; `channel` if left out.
    pub alarms: Option<String>,
    /// For linking accounts: the app's client id and secret.
    pub client_id: Option<String>,
    /// See `client_id`.
    pub client_secret: Option<SecretRef>,
    /// Another address of the Web API; https only, but on this machine itself.
    #[serde(default = "slack_api")]
    pub api: String,
}

/// `[discord]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discord {
    /// The bot's token.
    pub bot_token: SecretRef,
    /// The application's id.
    pub application: String,
    /// The guild (server) that it works for; commands of other guilds are refused.
    pub guild: String,
    /// The application's public key, in hex, where Discord delivers to `/discord/interactions` instead of the gateway.
    pub public_key: Option<String>,
    /// The channel for cards, by its id. Without one, each person who is asked gets a card of their own.
    pub channel: Option<String>,
    /// Where break-glass and trouble are told, beside the people concerned; `channel` if left out.
    pub alarms: Option<String>,
    /// For linking accounts: the application's client secret.
    pub client_secret: Option<SecretRef>,
    /// Another address of the API; https only, but on this machine itself.
    #[serde(default = "discord_api")]
    pub api: String,
}

/// `[matrix]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matrix {
    /// The homeserver's address; https only, but on this machine itself.
    pub homeserver: String,
    /// The bot's access token.
    pub token: SecretRef,
    /// The room for cards, by its id (`!…:…`). Without one, each person who is asked gets a card of their own.
    pub channel: Option<String>,
    /// Where break-glass and trouble are told, beside the people concerned; `channel` if left out.
    pub alarms: Option<String>,
}

/// Every platform that the file names.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `[slack]`
    pub slack: Option<Slack>,
    /// `[discord]`
    pub discord: Option<Discord>,
    /// `[matrix]`
    pub matrix: Option<Matrix>,
    /// Where people's browsers reach the console (`[console] public = "https://…"`), for links on cards and for signing
    /// in at a platform.
    pub public: Option<String>,
}

fn slack_api() -> String {
    SLACK_API.to_owned()
}

fn discord_api() -> String {
    DISCORD_API.to_owned()
}

/// What is wrong with the address of an API; nothing if it may be spoken to. A token never crosses a network in clear.
pub fn unsafe_address(key: &str, address: &str) -> Option<String> {
    let url = url::Url::parse(address).ok();
    let local = |url: &url::Url| match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        None => false,
    };
    let good = url.is_some_and(|url| {
        url.username().is_empty()
            && url.password().is_none()
            && (url.scheme() == "https" || (url.scheme() == "http" && local(&url)))
    });
    (!good).then(|| format!("`{key}` = `{address}` would send a token in clear, or is no address; write https://…"))
}

impl Config {
    /// What is wrong, each in a sentence that says what to write. Empty if all is well.
    pub fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some(slack) = &self.slack {
            wrong.extend(unsafe_address("[slack] api", &slack.api));
            match (&slack.app_token, &slack.signing_secret) {
                (None, None) => wrong.push(
                    "`[slack]` has neither `app_token` nor `signing_secret`; add `app_token = \"env:SLACK_APP_TOKEN\"` for \
                     Socket Mode, which needs no public address"
                        .to_owned(),
                ),
                (Some(_), Some(_)) => wrong.push(
                    "`[slack]` has both `app_token` (Socket Mode) and `signing_secret` (webhooks); leave one out".to_owned(),
                ),
                (Some(_), None) | (None, Some(_)) => {}
            }
            if slack.client_id.is_some() != slack.client_secret.is_some() {
                wrong.push(
                    "`[slack]` needs `client_id` and `client_secret` together, for linking accounts".to_owned(),
                );
            }
        }
        if let Some(discord) = &self.discord {
            wrong.extend(unsafe_address("[discord] api", &discord.api));
            for (key, id) in [("application", &discord.application), ("guild", &discord.guild)] {
                if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
                    wrong.push(format!(
                        "`[discord] {key}` = `{id}` is not an id; write the number that Discord shows"
                    ));
                }
            }
            if let Some(key) = &discord.public_key
                && (key.len() != 64 || !key.bytes().all(|byte| byte.is_ascii_hexdigit()))
            {
                wrong.push(
                    "`[discord] public_key` is not 64 hex digits; copy it from the application's page".to_owned(),
                );
            }
        }
        if let Some(matrix) = &self.matrix {
            wrong.extend(unsafe_address("[matrix] homeserver", &matrix.homeserver));
        }
        if let Some(public) = &self.public {
            wrong.extend(unsafe_address("[console] public", public));
        }
        wrong
    }
}
