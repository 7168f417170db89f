//! Time: moments, spans, and the only reader of the machine's clock.
//!
//! Rules never read a clock; they are given a [`Timestamp`]. Tests turn a [`Clock::manual`] by hand.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

/// A moment, in microseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since 1970-01-01 UTC.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01 UTC.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This moment plus a span; stops at the end of time instead of overflowing.
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// How long from `earlier` until this moment; zero if it lies behind.
    pub const fn since(self, earlier: Self) -> Span {
        let micros = self.0.saturating_sub(earlier.0);
        Span(if micros < 0 { 0 } else { micros })
    }

    /// As a moment of the `jiff` crate, for zones and words.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::MAX)
    }

    /// Local time of day for a person, "14:32 CET"; with the date where it is not the day of `now`.
    pub fn local(self, now: Self, zone: &jiff::tz::TimeZone) -> String {
        let (at, today) = (self.to_jiff().to_zoned(zone.clone()), now.to_jiff().to_zoned(zone.clone()));
        let pattern = if at.date() == today.date() { "%H:%M %Z" } else { "%Y-%m-%d %H:%M %Z" };
        at.strftime(pattern).to_string()
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, to the second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_jiff().strftime("%Y-%m-%dT%H:%M:%SZ"))
    }
}

/// A length of time in microseconds; never negative. Its text is `90s`, `15m`, `1h30m`, `2d`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span(i64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From whole seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// From whole minutes.
    pub const fn minutes(minutes: i64) -> Self {
        Self::seconds(minutes.saturating_mul(60))
    }

    /// From whole hours.
    pub const fn hours(hours: i64) -> Self {
        Self::minutes(hours.saturating_mul(60))
    }

    /// From microseconds; negative counts as zero.
    pub const fn from_micros(micros: i64) -> Self {
        Self(if micros < 0 { 0 } else { micros })
    }

    /// In microseconds.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// For timers.
    pub const fn to_std(self) -> Duration {
        Duration::from_micros(self.0 as u64)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0 / 1_000_000;
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, seconds) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
            let count = rest / seconds;
            if count > 0 {
                write!(f, "{count}{unit}")?;
                rest -= count * seconds;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a span.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a length of time; write it like `45m`, `1h30m` or `2d`, more than zero and at most 366d")]
pub struct SpanError(pub String);

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let wrong = || SpanError(text.to_owned());
        let mut total: i64 = 0;
        let mut number: Option<i64> = None;
        let mut letters = text.trim().chars().peekable();
        while let Some(letter) = letters.next() {
            if let Some(digit) = letter.to_digit(10) {
                let so_far = number.unwrap_or(0).checked_mul(10).ok_or_else(wrong)?;
                number = Some(so_far.checked_add(i64::from(digit)).ok_or_else(wrong)?);
                continue;
            }
            if letter == ' ' {
                continue;
            }
            let mut unit = String::from(letter.to_ascii_lowercase());
            while let Some(next) = letters.next_if(char::is_ascii_alphabetic) {
                unit.push(next.to_ascii_lowercase());
            }
            let seconds = match unit.as_str() {
                "s" | "sec" | "secs" | "second" | "seconds" => 1,
                "m" | "min" | "mins" | "minute" | "minutes" => 60,
                "h" | "hr" | "hrs" | "hour" | "hours" => 3_600,
                "d" | "day" | "days" => 86_400,
                "w" | "week" | "weeks" => 604_800,
                _ => return Err(wrong()),
            };
            let count = number.take().ok_or_else(wrong)?;
            total = count.checked_mul(seconds).and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
        }
        if number.is_some() || total <= 0 || total > 366 * 86_400 {
            return Err(wrong());
        }
        Ok(Self::seconds(total))
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where time comes from. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that a test turns by hand.
    Manual(ManualClock),
}

impl Clock {
    /// A clock that stands still until it is turned.
    pub fn manual(now: Timestamp) -> (Self, ManualClock) {
        let clock = ManualClock { now: watch::Sender::new(now) };
        (Self::Manual(clock.clone()), clock)
    }

    /// The moment that it is.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                Timestamp(since.map_or(0, |past| i64::try_from(past.as_micros()).unwrap_or(i64::MAX)))
            }
            Self::Manual(clock) => *clock.now.borrow(),
        }
    }

    /// Waits until a moment. A step of the system's clock is noticed within a minute. Cancel-safe.
    pub async fn sleep_until(&self, until: Timestamp) {
        match self {
            Self::System => loop {
                let left = until.since(self.now());
                if left == Span::ZERO {
                    return;
                }
                tokio::time::sleep(left.to_std().min(Duration::from_mins(1))).await;
            },
            Self::Manual(clock) => {
                let mut turned = clock.now.subscribe();
                // The sender lives in `clock`, so waiting ends only when the hand has come round.
                let _closed = turned.wait_for(|now| *now >= until).await;
            }
        }
    }
}

/// Compares a clock with one that only ever goes forward, to find a step backward: what has ended would seem open again.
#[derive(Debug)]
pub(crate) struct Steady {
    wall: Timestamp,
    at: Instant,
}

impl Steady {
    /// A step back by less than this is taken for a correction. Microseconds.
    const LEAST: i64 = 2_000_000;

    pub(crate) const fn new(wall: Timestamp, at: Instant) -> Self {
        Self { wall, at }
    }

    /// How far the clock is behind where it should be, in microseconds; zero while it is right, or ahead. A clock that
    /// was set back stays behind until it has caught up, or until the process is started again.
    pub(crate) fn behind(&mut self, wall: Timestamp, at: Instant) -> i64 {
        let passed = Span::from_micros(i64::try_from(at.duration_since(self.at).as_micros()).unwrap_or(i64::MAX));
        let behind = self.wall.plus(passed).since(wall).micros();
        if behind > Self::LEAST {
            return behind;
        }
        *self = Self { wall, at };
        0
    }
}

/// The hand of a [`Clock::manual`].
#[derive(Clone, Debug)]
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
}

impl ManualClock {
    /// Turns the clock forward.
    pub fn advance(&self, span: Span) {
        self.now.send_modify(|now| *now = now.plus(span));
    }

    /// Sets the clock, backwards too.
    pub fn set(&self, now: Timestamp) {
        self.now.send_replace(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        for (text, seconds) in
            [("90s", 90), ("1h30m", 5_400), ("2 hours", 7_200), ("45 min", 2_700), ("1d", 86_400), ("1w", 604_800)]
        {
            assert_eq!(text.parse(), Ok(Span::seconds(seconds)), "{text}");
        }
        for text in ["", "1", "h", "-1h", "0m", "1x", "1h30", "99999999999999999999h", "400d", "1.5h"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_span_reads_back_what_it_wrote() {
        for seconds in [1, 59, 60, 3_600, 5_400, 86_400, 90_061] {
            let span = Span::seconds(seconds);
            assert_eq!(span.to_string().parse(), Ok(span));
        }
    }

    #[test]
    fn a_clock_that_is_set_back_is_behind_until_it_has_caught_up() {
        let (start, began) = (Timestamp::from_micros(1_800_000_000_000_000), Instant::now());
        let mut steady = Steady::new(start, began);
        let mut look = |wall: i64, passed: u64| {
            steady.behind(start.plus(Span::seconds(wall)), began + Duration::from_secs(passed))
        };
        assert_eq!(look(3, 3), 0);
        assert_eq!(look(5, 6), 0, "a small correction");
        assert_eq!(look(3_600, 9), 0, "the machine slept: ahead is ahead");
        assert_eq!(look(0, 12), 3_603_000_000, "set back");
        assert_eq!(look(3, 15), 3_603_000_000, "and stays behind");
        assert_eq!(look(3_609, 18), 0, "until it is right again");
    }

    #[tokio::test]
    async fn a_manual_clock_wakes_sleepers_when_it_is_turned() {
        let (clock, hand) = Clock::manual(Timestamp::from_micros(0));
        let sleeper = clock.sleep_until(Timestamp::from_micros(0).plus(Span::hours(1)));
        hand.advance(Span::hours(1));
        tokio::time::timeout(Duration::from_secs(5), sleeper).await.expect("the sleeper woke");
    }
}
