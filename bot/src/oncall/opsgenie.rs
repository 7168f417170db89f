//! Opsgenie: `GET /v2/schedules/{schedule}/on-calls`.

use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use workflows::oncall::Source;
use workflows::secret::Secret;

use super::http::{AskError, Http, address, authorization, headers};

#[derive(Deserialize)]
struct Answer {
    data: OnCalls,
}

#[derive(Deserialize)]
struct OnCalls {
    #[serde(rename = "_parent")]
    schedule: Schedule,
    /// User names, which are e-mails.
    #[serde(rename = "onCallRecipients")]
    recipients: Vec<String>,
}

#[derive(Deserialize)]
struct Schedule {
    enabled: bool,
}

/// The e-mails of those who are on call by the schedule now; nobody's while it is switched off.
pub(super) async fn who(http: &Http, source: &Source, token: &Secret<String>) -> Result<Vec<String>, AskError> {
    let mut url = address(&source.api, &["v2", "schedules", &source.schedule, "on-calls"])?;
    let kind = if is_id(&source.schedule) { "id" } else { "name" };
    url.query_pairs_mut().append_pair("scheduleIdentifierType", kind).append_pair("flat", "true");
    let headers = headers([(AUTHORIZATION, authorization(format!("GenieKey {}", token.reveal()))?)]);
    let answer: Answer = http.get(url, headers).await?;
    Ok(if answer.data.schedule.enabled { answer.data.recipients } else { Vec::new() })
}

/// Whether a text is one of Opsgenie's ids, which are UUIDs; anything else is a name.
fn is_id(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_told_from_a_name() {
        assert!(is_id("d875a1b4-9b4e-4219-a1b3-0c26936d18de"));
        for name in ["orders", "d875a1b4", "d875a1b4-9b4e-4219-a1b3-0c26936d18dg", "first-line-of-the-shop"] {
            assert!(!is_id(name), "{name}");
        }
    }
}
