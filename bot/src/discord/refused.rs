//! How Discord says no, and what that means.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::Value;

use super::pace::seconds;
use crate::platform::PlatformError;

/// How long we wait where Discord does not say how long.
const WAIT: Duration = Duration::from_secs(1);

/// What Discord said instead of doing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The status of HTTP.
    pub(super) status: u16,
    /// Discord's own code; 0 where there is none.
    pub(super) code: u64,
    /// Where it was too fast: how long we are to wait.
    pub(super) wait: Option<Duration>,
    /// That holds for every route.
    pub(super) everywhere: bool,
    /// Where in what we sent it found fault. Places and codes alone, never contents.
    words: String,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// Discord said no.
    Said(Refusal),
    /// Anything else.
    Other(PlatformError),
}

impl Failed {
    /// Discord's own code.
    pub(super) const fn code(&self) -> u64 {
        match self {
            Self::Said(refusal) => refusal.code,
            Self::Other(_) => 0,
        }
    }

    /// What it means. `place` names what it would be about.
    pub(super) fn of(self, place: &str) -> PlatformError {
        match self {
            Self::Said(refusal) => refusal.meaning(place),
            Self::Other(error) => error,
        }
    }
}

impl Refusal {
    /// Reads an answer that is none.
    pub(super) fn read(status: u16, headers: &HeaderMap, body: &Value) -> Self {
        let number = |value: &Value| value.as_f64().and_then(seconds);
        let header = || headers.get("retry-after")?.to_str().ok()?.parse().ok().and_then(seconds);
        let asked = body.get("retry_after").and_then(number).or_else(header).unwrap_or(WAIT);
        // A hair more, so that we are not there before its clock is.
        let wait = (status == 429).then(|| asked + Duration::from_millis(10));
        let everywhere = body.get("global").and_then(Value::as_bool) == Some(true);
        let mut found = Vec::new();
        faults(body.get("errors").unwrap_or(&Value::Null), "", &mut found);
        let words: String = found.join("; ").chars().take(400).collect();
        let code = body.get("code").and_then(Value::as_u64).unwrap_or_default();
        Self { status, code, wait, everywhere, words }
    }

    fn meaning(self, place: &str) -> PlatformError {
        if let Some(wait) = self.wait {
            return PlatformError::Limited(wait);
        }
        let gone = |why: &str| PlatformError::PlaceGone(place.to_owned(), why.to_owned());
        let lost = |why: &str| PlatformError::PersonGone(why.to_owned());
        match (self.code, self.status) {
            (10_003, _) => gone("there is no such channel"),
            (10_004, _) => gone("the bot is not in that server"),
            (50_001, _) => gone("the bot may not see it"),
            (50_013, _) => gone("the bot lacks a permission there"),
            (50_083 | 160_005, _) => gone("it is archived or locked"),
            (50_008 | 50_024, _) => gone("it is no channel for messages"),
            (10_007, _) => lost("not a member of the server"),
            (10_013 | 50_033, _) => lost("there is no such account"),
            (50_007 | 50_278, _) => lost("takes no direct messages of us"),
            // Somebody else's message is none of ours.
            (10_008 | 50_005, _) => PlatformError::MessageGone,
            (10_015 | 10_062 | 40_060 | 50_027, _) => PlatformError::TooLate,
            (20_012 | 40_001, _) => PlatformError::Token("it belongs to another application".to_owned()),
            (_, 401) => PlatformError::Token("it is wrong, or was reset".to_owned()),
            (130_000, _) | (_, 500..) => PlatformError::Down(format!("status {}", self.status)),
            (50_035, _) => PlatformError::Invalid(self.words),
            (0, status) => PlatformError::Invalid(format!("status {status}")),
            (code, status) => PlatformError::Invalid(format!("code {code}, status {status}")),
        }
    }
}

/// The places where something is wrong, with the codes.
fn faults(tree: &Value, at: &str, found: &mut Vec<String>) {
    let Some(tree) = tree.as_object() else { return };
    for (key, below) in tree.iter().take(40) {
        match below.as_array() {
            Some(list) if key == "_errors" => {
                let codes = list.iter().filter_map(|one| one.get("code").and_then(Value::as_str));
                found.extend(codes.map(|code| format!("{at}: {code}")));
            }
            _ if at.is_empty() => faults(below, key, found),
            _ => faults(below, &format!("{at}.{key}"), found),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn meaning(status: u16, body: &Value) -> PlatformError {
        Failed::Said(Refusal::read(status, &HeaderMap::new(), body)).of("7")
    }

    #[test]
    fn every_refusal_has_one_meaning() {
        let code = |status: u16, code: u64| meaning(status, &json!({ "message": "x", "code": code }));
        assert!(matches!(code(401, 0), PlatformError::Token(_)));
        for gone in [(404, 10_003), (403, 50_001), (403, 50_013), (404, 10_004), (400, 50_083)] {
            assert!(matches!(code(gone.0, gone.1), PlatformError::PlaceGone(place, _) if place == "7"), "{gone:?}");
        }
        for gone in [(403, 50_007), (404, 10_013), (404, 10_007), (400, 50_033)] {
            assert!(matches!(code(gone.0, gone.1), PlatformError::PersonGone(_)), "{gone:?}");
        }
        assert_eq!(code(404, 10_008), PlatformError::MessageGone);
        for late in [(404, 10_062), (404, 10_015), (401, 50_027), (400, 40_060)] {
            assert_eq!(code(late.0, late.1), PlatformError::TooLate, "{late:?}");
        }
        assert!(matches!(code(503, 0), PlatformError::Down(_)));
        assert!(matches!(meaning(502, &Value::Null), PlatformError::Down(_)));
        assert!(matches!(code(403, 40_333), PlatformError::Invalid(_)));
        assert!(matches!(code(404, 0), PlatformError::Invalid(_)));
        let slow = meaning(429, &json!({ "retry_after": 1.5, "global": true }));
        assert_eq!(slow, PlatformError::Limited(Duration::from_millis(1_510)));
        assert!(matches!(meaning(429, &Value::Null), PlatformError::Limited(_)));
    }

    #[test]
    fn faults_are_told_by_their_places_and_never_by_contents() {
        let fault = json!({ "code": "BASE_TYPE_MAX_LENGTH", "message": "secret" });
        let body = json!({
            "code": 50_035, "message": "Invalid Form Body",
            "errors": { "embeds": { "0": { "description": { "_errors": [fault] } } }, "content": { "_errors": [fault] } },
        });
        let PlatformError::Invalid(words) = meaning(400, &body) else { panic!("another meaning") };
        assert_eq!(words, "content: BASE_TYPE_MAX_LENGTH; embeds.0.description: BASE_TYPE_MAX_LENGTH");
    }
}
