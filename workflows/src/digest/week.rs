//! A calendar week as ISO 8601 counts them, and when it begins and ends in a zone.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// A week, Monday to Sunday. Its text is `2026-W47`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Week {
    year: i16,
    week: i8,
}

/// Why a text is not a week.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a week; write the year and the week's number like `2026-W47`")]
pub struct WeekError(pub String);

impl Week {
    /// The week that a day lies in.
    pub fn of(day: Date) -> Self {
        let iso = day.iso_week_date();
        Self { year: iso.year(), week: iso.week() }
    }

    /// The week that a moment lies in, for somebody in this zone.
    pub fn at(moment: Timestamp, zone: &TimeZone) -> Self {
        Self::of(moment.to_jiff().to_zoned(zone.clone()).date())
    }

    /// Its Monday.
    pub fn monday(self) -> Date {
        // INVARIANT: only weeks that exist are made.
        ISOWeekDate::new(self.year, self.week, Weekday::Monday).map_or(Date::MIN, ISOWeekDate::date)
    }

    /// The week before.
    pub fn before(self) -> Self {
        Self::of(self.monday().saturating_sub(jiff::Span::new().days(7)))
    }

    /// The week after.
    pub fn after(self) -> Self {
        Self::of(self.monday().saturating_add(jiff::Span::new().days(7)))
    }

    /// From which moment until which it lasts in a zone; the second is outside. Where the clocks change in it, it has an
    /// hour less or more than 168.
    pub fn bounds(self, zone: &TimeZone) -> (Timestamp, Timestamp) {
        (midnight(self.monday(), zone), midnight(self.after().monday(), zone))
    }
}

/// The first moment of a day; where the clocks skip midnight, the moment after the gap.
pub(super) fn midnight(day: Date, zone: &TimeZone) -> Timestamp {
    at(day, 0, 0, 0, zone)
}

/// A local time as a moment. Where the clocks skip it, it is as much later; where they repeat it, the first of the two.
pub(super) fn at(day: Date, hour: i8, minute: i8, second: i8, zone: &TimeZone) -> Timestamp {
    let zoned = day.at(hour, minute, second, 0).to_zoned(zone.clone());
    zoned.map_or(Timestamp::from_micros(i64::MAX), |at| Timestamp::from_micros(at.timestamp().as_microsecond()))
}

impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-W{:02}", self.year, self.week)
    }
}

impl FromStr for Week {
    type Err = WeekError;

    fn from_str(text: &str) -> Result<Self, WeekError> {
        let wrong = || WeekError(text.chars().take(40).collect());
        let digits = |part: &str, count: usize| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
        let (year, week) = text.trim().split_once("-W").ok_or_else(wrong)?;
        if !digits(year, 4) || !digits(week, 2) {
            return Err(wrong());
        }
        let (year, week) = (year.parse().map_err(|_| wrong())?, week.parse().map_err(|_| wrong())?);
        // The first and the last years of the calendar have no week before or after.
        let exists = (1970..=9998).contains(&year) && ISOWeekDate::new(year, week, Weekday::Monday).is_ok();
        if exists { Ok(Self { year, week }) } else { Err(wrong()) }
    }
}

impl Serialize for Week {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Week {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Span;

    fn week(text: &str) -> Week {
        text.parse().expect("a week")
    }

    #[test]
    fn weeks_are_counted_as_iso_8601_does() {
        for (day, text) in [
            ("2026-11-16", "2026-W47"),
            ("2026-11-22", "2026-W47"),
            ("2026-12-31", "2026-W53"),
            ("2027-01-03", "2026-W53"),
            ("2027-01-04", "2027-W01"),
            ("2024-12-30", "2025-W01"),
        ] {
            let of = Week::of(day.parse().expect("a day"));
            assert_eq!(of.to_string(), text, "{day}");
            assert_eq!(week(text), of);
        }
        assert_eq!(week("2027-W01").before(), week("2026-W53"));
        assert_eq!(week("2026-W53").after(), week("2027-W01"));
    }

    #[test]
    fn what_is_no_week_is_refused() {
        for text in ["", "2026", "2026-W", "2026-W54", "2025-W53", "2026-W00", "2026-W7", "2026-w47", "+026-W47"] {
            let error = text.parse::<Week>().expect_err(text).to_string();
            assert!(error.contains("like `2026-W47`"), "{error}");
        }
    }

    #[test]
    fn a_week_in_which_the_clocks_change_is_an_hour_shorter_or_longer() {
        let zone = TimeZone::get("Europe/Berlin").expect("a zone");
        for (text, hours) in [("2026-W13", 167), ("2026-W43", 169), ("2026-W47", 168)] {
            let (since, until) = week(text).bounds(&zone);
            assert_eq!(until.since(since), Span::hours(hours), "{text}");
            assert_eq!(week(text).after().bounds(&zone).0, until);
            assert_eq!(Week::at(since, &zone), week(text));
            assert_eq!(Week::at(Timestamp::from_micros(until.micros() - 1), &zone), week(text));
            assert_eq!(Week::at(until, &zone), week(text).after());
        }
        // Sunday 23:30 in Berlin is still Sunday; in UTC the week began an hour later.
        let late = Timestamp::from_micros(week("2026-W47").bounds(&zone).0.micros());
        assert_eq!(Week::at(late, &TimeZone::UTC), week("2026-W46"));
    }
}
