//! Sign in with Discord: the platform itself says whose account it is, and nobody else.

use reqwest::Url;
use workflows::secret::Secret;

use super::api::Api;
use super::people::{odd, word};
use super::words::is_id;
use crate::platform::PlatformError;

/// The address to which the browser goes: where the API is.
pub(super) fn address(api: &Url, application: &str, redirect: &str, state: &str) -> Option<String> {
    let mut url = api.join("/oauth2/authorize").ok()?;
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", application)
        .append_pair("scope", "identify")
        .append_pair("state", state)
        .append_pair("redirect_uri", redirect);
    Some(url.into())
}

/// Exchanges the code that the browser brought, and asks whose it is.
pub(super) async fn exchange(
    api: &Api,
    application: &str,
    secret: &Secret<String>,
    redirect: &str,
    code: &str,
) -> Result<String, PlatformError> {
    let fields = [
        ("client_id", application),
        ("client_secret", secret.reveal().as_str()),
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect),
    ];
    let tokens = api.form(&["oauth2", "token"], &fields).await.map_err(|failed| {
        let error = failed.of("");
        let secret = matches!(error, PlatformError::Token(_));
        if secret { PlatformError::Token("the client secret is wrong".to_owned()) } else { error }
    })?;
    let token = word(&tokens, "/access_token");
    if token.is_empty() || !word(&tokens, "/token_type").eq_ignore_ascii_case("bearer") {
        return Err(odd());
    }
    let who = api.whose(token).await.map_err(|failed| failed.of(""))?;
    match word(&who, "/id") {
        id if is_id(id) => Ok(id.to_owned()),
        _ => Err(odd()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browser_is_sent_to_where_the_api_is() {
        let go = |api: &str| address(&Url::parse(api).unwrap(), "42", "https://gate.example/link/discord", "a&b");
        assert_eq!(
            go("https://discord.com/api/v10").unwrap(),
            "https://discord.com/oauth2/authorize?response_type=code&client_id=42&scope=identify&state=a%26b\
             &redirect_uri=https%3A%2F%2Fgate.example%2Flink%2Fdiscord"
        );
        let other = go("http://127.0.0.1:8080/api/v10").unwrap();
        assert!(other.starts_with("http://127.0.0.1:8080/oauth2/authorize?response_type=code&"), "{other}");
    }
}
