//! How fast Discord lets us go: what it says of a route is heeded by everybody who uses it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::time::Instant;

/// So many routes are remembered.
const MOST: usize = 10_000;
/// The key of what holds for all routes.
pub(super) const EVERYTHING: &str = "";

/// Until when nothing is sent, by route.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<HashMap<String, Instant>>);

/// A route as Discord counts: ids other than the first are one and the same.
pub(super) fn route(method: &str, path: &[&str]) -> String {
    let of_token = matches!(path.first(), Some(&("interactions" | "webhooks")));
    let part = |(at, part): (usize, &&str)| {
        let id = part.bytes().all(|byte| byte.is_ascii_digit());
        if at > 1 && id && !of_token { "{}".to_owned() } else { (*part).to_owned() }
    };
    let parts: Vec<String> = path.iter().enumerate().map(part).collect();
    format!("{method} {}", parts.join("/"))
}

impl Pace {
    /// When a route may be used; nothing where that is now.
    pub(super) fn open(&self, route: &str, now: Instant) -> Option<Instant> {
        let closed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = [route, EVERYTHING].into_iter().filter_map(|key| closed.get(key)).max();
        until.copied().filter(|until| *until > now)
    }

    /// Nothing is sent there for so long.
    pub(super) fn close(&self, route: &str, wait: Duration, now: Instant) {
        let mut closed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        closed.retain(|_, until| *until > now);
        if closed.len() < MOST {
            let until = closed.entry(route.to_owned()).or_insert(now);
            *until = (*until).max(now + wait);
        }
    }

    /// Heeds what an answer says of its route.
    pub(super) fn heed(&self, route: &str, headers: &HeaderMap, now: Instant) {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.parse::<f64>().ok();
        if number("x-ratelimit-remaining").is_some_and(|left| left < 1.0)
            && let Some(wait) = number("x-ratelimit-reset-after").and_then(seconds)
        {
            self.close(route, wait, now);
        }
    }
}

/// Seconds that somebody else wrote; never more than an hour.
pub(super) fn seconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number.clamp(0.0, 3_600.0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_that_is_used_up_is_closed_for_as_long_as_discord_says() {
        let (pace, now) = (Pace::default(), Instant::now());
        let one = route("PATCH", &["channels", "1", "messages", "2"]);
        assert_eq!(one, route("PATCH", &["channels", "1", "messages", "3"]));
        assert_ne!(one, route("PATCH", &["channels", "2", "messages", "2"]));
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-remaining", "1".parse().unwrap());
        headers.insert("x-ratelimit-reset-after", "1.5".parse().unwrap());
        pace.heed(&one, &headers, now);
        assert_eq!(pace.open(&one, now), None);
        headers.insert("x-ratelimit-remaining", "0".parse().unwrap());
        pace.heed(&one, &headers, now);
        assert_eq!(pace.open(&one, now), Some(now + Duration::from_millis(1_500)));
        assert_eq!(pace.open("GET guilds/1", now), None);
        pace.close(EVERYTHING, Duration::from_secs(2), now);
        assert_eq!(pace.open("GET guilds/1", now), Some(now + Duration::from_secs(2)));
        assert_eq!(pace.open(&one, now + Duration::from_secs(3)), None);
    }
}
