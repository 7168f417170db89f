//! PagerDuty: `GET /oncalls` of its REST API, version 2.
//!
//! It lists only schedules that some escalation policy uses; to it, nobody is on call by any other.

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use workflows::oncall::Source;
use workflows::secret::Secret;

use super::http::{AskError, Http, address, authorization, headers};

/// How many entries one page holds.
const PAGE: usize = 100;
/// How many pages are read: a schedule names a few people, each once for every escalation policy.
const PAGES: usize = 10;

#[derive(Deserialize)]
struct Page {
    oncalls: Vec<OnCall>,
    #[serde(default)]
    more: bool,
}

#[derive(Deserialize)]
struct OnCall {
    user: User,
    /// None for whoever is on call at all times, by no schedule.
    schedule: Option<Schedule>,
}

#[derive(Deserialize)]
struct User {
    email: Option<String>,
}

#[derive(Deserialize)]
struct Schedule {
    id: String,
}

/// The e-mails of those who are on call by the schedule now.
pub(super) async fn who(http: &Http, source: &Source, token: &Secret<String>) -> Result<Vec<String>, AskError> {
    let mut all = Vec::new();
    for page in 0..PAGES {
        let mut url = address(&source.api, &["oncalls"])?;
        // Without a time, now is meant.
        url.query_pairs_mut()
            .append_pair("schedule_ids[]", &source.schedule)
            .append_pair("include[]", "users")
            .append_pair("earliest", "true")
            .append_pair("limit", &PAGE.to_string())
            .append_pair("offset", &page.saturating_mul(PAGE).to_string());
        let headers = headers([
            (AUTHORIZATION, authorization(format!("Token token={}", token.reveal()))?),
            (ACCEPT, HeaderValue::from_static("application/vnd.pagerduty+json;version=2")),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ]);
        let answer: Page = http.get(url, headers).await?;
        for entry in answer.oncalls {
            if entry.schedule.is_some_and(|schedule| schedule.id == source.schedule) {
                // A person without an e-mail can't be told from another: better none than the wrong half.
                all.push(entry.user.email.ok_or(AskError::Form)?);
            }
        }
        if !answer.more {
            return Ok(all);
        }
    }
    Err(AskError::Long)
}
