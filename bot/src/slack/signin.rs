//! Sign in with Slack: the platform itself says whose account it is, and nobody else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use url::Url;
use workflows::clock::{Clock, Timestamp};
use workflows::identity::{Chat, ChatUser};
use workflows::secret::Secret;

use super::api::Api;
use crate::config::SLACK_API;
use crate::platform::PlatformError;

/// Who signs tokens.
const ISSUER: &str = "https://slack.com";
const AUTHORIZE: &str = "https://slack.com/openid/connect/authorize";

/// The app, as Sign in with Slack knows it.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: Secret<String>,
}

#[derive(Debug, Deserialize)]
struct Tokens {
    id_token: String,
}

#[derive(Debug, Deserialize)]
struct Claims {
    #[serde(default)]
    iss: String,
    aud: Audience,
    exp: i64,
    #[serde(default)]
    nonce: String,
    #[serde(rename = "https://slack.com/user_id")]
    user: String,
    #[serde(rename = "https://slack.com/team_id")]
    team: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Whether the token must name Slack as its issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Issuer {
    Slack,
    /// Another address of the API was configured.
    Any,
}

/// The address to which the browser goes.
pub(super) fn address(
    api: &str,
    client: &Client,
    team: Option<&str>,
    redirect: &str,
    state: &str,
    nonce: &str,
) -> Option<String> {
    let mut url = Url::parse(if api == SLACK_API { AUTHORIZE } else { api }).ok()?;
    url.set_path("/openid/connect/authorize");
    let mut query = url.query_pairs_mut();
    query
        .clear()
        .append_pair("response_type", "code")
        .append_pair("scope", "openid")
        .append_pair("client_id", &client.id);
    query.append_pair("state", state).append_pair("nonce", nonce);
    if let Some(team) = team {
        query.append_pair("team", team);
    }
    query.append_pair("redirect_uri", redirect);
    drop(query);
    Some(url.into())
}

/// Exchanges the code that the browser brought, and reads whose it is.
pub(super) async fn exchange(
    api: &Api,
    client: &Client,
    redirect: &str,
    code: &str,
    nonce: &str,
) -> Result<ChatUser, PlatformError> {
    let fields = [
        ("client_id", client.id.as_str()),
        ("client_secret", client.secret.reveal().as_str()),
        ("code", code),
        ("redirect_uri", redirect),
        ("grant_type", "authorization_code"),
    ];
    let tokens: Tokens = api.form("openid.connect.token", &fields).await?;
    let issuer = if api.base() == SLACK_API { Issuer::Slack } else { Issuer::Any };
    whose(&tokens.id_token, &client.id, nonce, issuer, Clock::System.now())
}

/// Whose account a token is about. It comes from Slack itself over TLS, so its signature proves nothing more (OpenID
/// Connect Core 3.1.3.7); for whom it was made, when and for which browser is looked at.
fn whose(token: &str, client: &str, nonce: &str, issuer: Issuer, now: Timestamp) -> Result<ChatUser, PlatformError> {
    let wrong = |what: &str| PlatformError::Invalid(format!("the sign-in's token {what}"));
    let middle = token.split('.').nth(1).unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(middle.trim_end_matches('=')).map_err(|_| wrong("can't be read"))?;
    let claims: Claims = serde_json::from_slice(&bytes).map_err(|_| wrong("can't be read"))?;
    let ours = match &claims.aud {
        Audience::One(one) => one == client,
        Audience::Several(all) => all.len() == 1 && all.iter().any(|one| one == client),
    };
    if !ours {
        return Err(wrong("was made for another app"));
    }
    if issuer == Issuer::Slack && claims.iss != ISSUER {
        return Err(wrong("was made by somebody else"));
    }
    if claims.exp <= now.micros() / 1_000_000 {
        return Err(wrong("is too old"));
    }
    if nonce.is_empty() || claims.nonce != nonce {
        return Err(wrong("was made for another browser"));
    }
    if claims.user.is_empty() || claims.team.is_empty() {
        return Err(wrong("names nobody"));
    }
    Ok(ChatUser { chat: Chat::Slack, workspace: claims.team, user: claims.user })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_757_654_000_000);

    fn claims(change: &Value) -> String {
        let mut claims = json!({
            "iss": ISSUER, "aud": "1111.2222", "exp": 1_795_757_954, "iat": 1_795_757_654, "nonce": "n0", "sub": "U1",
            "https://slack.com/user_id": "U1", "https://slack.com/team_id": "T1", "name": "Ann",
        });
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    #[test]
    fn a_token_says_whose_account_it_is() {
        let user = whose(&claims(&json!({})), "1111.2222", "n0", Issuer::Slack, NOW).unwrap();
        assert_eq!(user, ChatUser { chat: Chat::Slack, workspace: "T1".to_owned(), user: "U1".to_owned() });
        whose(&claims(&json!({ "aud": ["1111.2222"] })), "1111.2222", "n0", Issuer::Slack, NOW).unwrap();
        whose(&claims(&json!({ "iss": "http://127.0.0.1" })), "1111.2222", "n0", Issuer::Any, NOW).unwrap();
    }

    #[test]
    fn a_token_for_others_proves_nothing() {
        for change in [
            json!({ "iss": "https://slack.com.example" }),
            json!({ "aud": "3333.4444" }),
            json!({ "aud": ["1111.2222", "3333.4444"] }),
            json!({ "aud": [] }),
            json!({ "exp": 1_795_757_654 }),
            json!({ "nonce": "n1" }),
            json!({ "nonce": "" }),
            json!({ "https://slack.com/user_id": "" }),
            json!({ "https://slack.com/team_id": null }),
        ] {
            let found = whose(&claims(&change), "1111.2222", "n0", Issuer::Slack, NOW);
            assert!(matches!(found, Err(PlatformError::Invalid(_))), "{change}: {found:?}");
        }
        // Nobody began this.
        assert!(whose(&claims(&json!({ "nonce": "" })), "1111.2222", "", Issuer::Slack, NOW).is_err());
        for token in ["", "a.b", "a.!!!.c", "a.e30.c", "…"] {
            assert!(whose(token, "1111.2222", "n0", Issuer::Slack, NOW).is_err(), "{token}");
        }
    }

    #[test]
    fn the_browser_is_sent_to_slack_or_to_where_the_api_is() {
        let client = Client { id: "1111.2222".to_owned(), secret: Secret::new("s".to_owned()) };
        let go =
            |api: &str, team| address(api, &client, team, "https://gate.example/link/slack", "a&b", "n0").unwrap();
        assert_eq!(
            go(SLACK_API, Some("T1")),
            "https://slack.com/openid/connect/authorize?response_type=code&scope=openid&client_id=1111.2222&state=a%26b&nonce=n0\
             &team=T1&redirect_uri=https%3A%2F%2Fgate.example%2Flink%2Fslack"
        );
        let other = go("http://127.0.0.1:8080/api", None);
        assert!(other.starts_with("http://127.0.0.1:8080/openid/connect/authorize?response_type=code&"), "{other}");
        assert!(!other.contains("team="));
    }
}
