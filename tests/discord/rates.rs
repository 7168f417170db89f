//! Rate limits: the headers that every answer carries, and refusals for those who do not heed them.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::refusal::Refusal;

/// How many requests in which time a bucket takes, as seen on Discord for messages; it publishes no numbers.
const BUCKET: (u32, Duration) = (5, Duration::from_secs(5));
/// Across all routes but interactions'.
const GLOBAL: (u32, Duration) = (50, Duration::from_secs(1));

#[derive(Debug)]
struct Window {
    until: Instant,
    used: u32,
}

/// What is limited now.
#[derive(Debug, Default)]
pub struct Rates {
    /// Buckets are counted, and refuse.
    pub strict: bool,
    buckets: HashMap<String, Window>,
    everything: Option<Window>,
    /// Routes that a test closed; the whole API where the route is empty.
    closed: Vec<(String, Instant, bool)>,
    /// Requests that came although a 429 had said to wait.
    pub impatient: u32,
    /// Every 429 so far.
    pub refused: u32,
}

impl Rates {
    /// Closes a route for a time: `POST /channels/{id}/messages`, or everything where it is empty.
    pub fn close(&mut self, route: &str, wait: Duration) {
        self.closed.push((route.to_owned(), Instant::now() + wait, false));
    }

    /// Lets a request through, with the headers of its answer, or refuses it.
    pub fn pass(&mut self, route: &str, bucket: &str, exempt: bool) -> Result<Vec<(&'static str, String)>, Refusal> {
        let now = Instant::now();
        self.closed.retain(|(_, until, _)| *until > now);
        let mut hit = None;
        for (closed, until, told) in &mut self.closed {
            let global = closed.is_empty();
            if (global && !exempt) || closed.as_str() == route {
                self.impatient += u32::from(*told);
                *told = true;
                hit = Some((*until - now, global));
            }
        }
        if let Some((wait, global)) = hit {
            return Err(self.refuse(wait, global, bucket));
        }
        if !exempt && self.strict {
            let all = self.everything.get_or_insert(Window { until: now + GLOBAL.1, used: 0 });
            if all.until <= now {
                *all = Window { until: now + GLOBAL.1, used: 0 };
            }
            all.used += 1;
            if all.used > GLOBAL.0 {
                let wait = all.until - now;
                return Err(self.refuse(wait, true, bucket));
            }
        }
        let window = self.buckets.entry(bucket.to_owned()).or_insert(Window { until: now + BUCKET.1, used: 0 });
        if window.until <= now {
            *window = Window { until: now + BUCKET.1, used: 0 };
        }
        let left = BUCKET.0.saturating_sub(window.used + 1);
        let wait = window.until - now;
        window.used += 1;
        if self.strict && window.used > BUCKET.0 {
            return Err(self.refuse(wait, false, bucket));
        }
        // While nothing is enforced nobody is to slow down for it.
        Ok(if self.strict { headers(left, wait, bucket) } else { headers(BUCKET.0, wait, bucket) })
    }

    fn refuse(&mut self, wait: Duration, global: bool, bucket: &str) -> Refusal {
        self.refused += 1;
        let seconds = (wait.as_secs_f64() * 1000.0).ceil() / 1000.0;
        let body = json!({ "message": "You are being rate limited.", "retry_after": seconds, "global": global });
        let mut headers = headers(0, wait, bucket);
        // The header counts whole seconds, the body does not.
        headers.push(("retry-after", format!("{}", seconds.ceil())));
        headers.push(("x-ratelimit-scope", if global { "global" } else { "user" }.to_owned()));
        if global {
            headers.push(("x-ratelimit-global", "true".to_owned()));
        }
        Refusal { status: 429, body, headers }
    }
}

fn headers(left: u32, wait: Duration, bucket: &str) -> Vec<(&'static str, String)> {
    let reset = jiff::Timestamp::now().as_millisecond() as f64 / 1000.0 + wait.as_secs_f64();
    // What Discord shows is a hash; a client may compare it, and nothing else.
    let name = bucket.bytes().fold(5381_u64, |hash, byte| hash.wrapping_mul(33) ^ u64::from(byte));
    vec![
        ("x-ratelimit-limit", BUCKET.0.to_string()),
        ("x-ratelimit-remaining", left.to_string()),
        ("x-ratelimit-reset", format!("{reset:.3}")),
        ("x-ratelimit-reset-after", format!("{:.3}", wait.as_secs_f64())),
        ("x-ratelimit-bucket", format!("{name:016x}")),
    ]
}
