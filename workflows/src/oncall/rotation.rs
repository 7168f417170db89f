//! A rotation of people that hands over on a fixed local hour.
//!
//! Nothing is stored. The shift is counted from a fixed date, so that every node says the same of the same moment.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span as Days, ToSpan};

use crate::clock::Timestamp;

/// Where shifts are counted from when a rotation says nothing: a Monday, long ago.
const FIRST_DAY: Date = jiff::civil::date(1970, 1, 5);

/// When a shift ends and the next begins: `monday 09:00 Europe/Berlin` or `daily 09:00 Europe/Berlin`.
#[derive(Clone, Debug, PartialEq)]
pub struct HandOver {
    /// The day of the week; none means every day.
    weekday: Option<Weekday>,
    at: Time,
    zone: TimeZone,
}

/// Why a text is no hand-over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandOverError {
    /// It is not made of a day, an hour and a zone.
    #[error("`{0}` is not a hand-over; write it like `monday 09:00 Europe/Berlin` or `daily 09:00`")]
    Form(String),
    /// There is no such zone.
    #[error("`{0}` is not a time zone; write a name like `Europe/Berlin`")]
    Zone(String),
}

impl HandOver {
    /// Reads a hand-over; without a zone it happens in `zone`.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, HandOverError> {
        let wrong = || HandOverError::Form(text.to_owned());
        let words: Vec<&str> = text.split_whitespace().collect();
        let (day, at, zone) = match words.as_slice() {
            [day, at] => (*day, *at, zone.clone()),
            [day, at, name] => {
                let zone = TimeZone::get(name).map_err(|_| HandOverError::Zone((*name).to_owned()))?;
                (*day, *at, zone)
            }
            _ => return Err(wrong()),
        };
        let weekday = match day.to_ascii_lowercase().as_str() {
            "daily" => None,
            "monday" => Some(Weekday::Monday),
            "tuesday" => Some(Weekday::Tuesday),
            "wednesday" => Some(Weekday::Wednesday),
            "thursday" => Some(Weekday::Thursday),
            "friday" => Some(Weekday::Friday),
            "saturday" => Some(Weekday::Saturday),
            "sunday" => Some(Weekday::Sunday),
            _ => return Err(wrong()),
        };
        let at = Time::strptime("%H:%M", at).map_err(|_| wrong())?;
        Ok(Self { weekday, at, zone })
    }

    /// The moment of the hand-over on a day. Where the clocks skip that hour it is as much later; where they repeat it,
    /// the first of the two.
    fn on(&self, day: Date) -> Timestamp {
        let zoned = day.to_datetime(self.at).to_zoned(self.zone.clone());
        zoned.map_or(Timestamp::from_micros(i64::MAX), |at| Timestamp::from_micros(at.timestamp().as_microsecond()))
    }

    /// The first day on or after `day` on which there may be a hand-over.
    fn first_from(&self, day: Date) -> Date {
        let Some(weekday) = self.weekday else { return day };
        let ahead = i64::from(day.weekday().until(weekday));
        day.saturating_add(ahead.days())
    }

    /// Days from one hand-over to the next.
    const fn period(&self) -> i64 {
        if self.weekday.is_some() { 7 } else { 1 }
    }
}

/// People who take turns.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    /// In the order of their shifts.
    members: Vec<String>,
    hands_over: HandOver,
    /// The day of the first member's first hand-over.
    first: Date,
    /// Days of one shift.
    shift: i64,
}

impl Rotation {
    /// A rotation whose first member is on call from the first hand-over on or after `starts`. A shift lasts `every`
    /// weeks, or days where the hand-over is daily; 0 counts as 1.
    pub fn new(members: Vec<String>, hands_over: HandOver, starts: Option<Date>, every: u32) -> Self {
        let first = hands_over.first_from(starts.unwrap_or(FIRST_DAY));
        let shift = hands_over.period().saturating_mul(i64::from(every.max(1)));
        Self { members, hands_over, first, shift }
    }

    /// The members, in the order of their shifts.
    pub fn members(&self) -> &[String] {
        &self.members
    }

    /// Who is on call at a moment; nobody where the rotation is empty.
    pub fn on_call(&self, now: Timestamp) -> Option<&str> {
        let count = i64::try_from(self.members.len()).ok().filter(|count| *count > 0)?;
        let turn = usize::try_from(self.turn(now).rem_euclid(count)).ok()?;
        self.members.get(turn).map(String::as_str)
    }

    /// When the next shift begins; always after `now`.
    pub fn next_hand_over(&self, now: Timestamp) -> Timestamp {
        self.hands_over.on(self.begins(self.turn(now).saturating_add(1)))
    }

    /// The day on which a turn begins.
    fn begins(&self, turn: i64) -> Date {
        Days::new()
            .try_days(turn.saturating_mul(self.shift))
            .map_or(Date::MAX, |days| self.first.saturating_add(days))
    }

    /// How many shifts have begun since the first; negative before it.
    fn turn(&self, now: Timestamp) -> i64 {
        let today = now.to_jiff().to_zoned(self.hands_over.zone.clone()).date();
        let days = self.first.duration_until(today).as_hours().div_euclid(24);
        let turn = days.div_euclid(self.shift);
        // Counting days is right up to one shift: the hour of today's hand-over may lie ahead.
        if self.hands_over.on(self.begins(turn)) <= now { turn } else { turn.saturating_sub(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Span;

    fn at(text: &str) -> Timestamp {
        let moment: jiff::Timestamp = text.parse().expect("a moment");
        Timestamp::from_micros(moment.as_microsecond())
    }

    fn rotation(hands_over: &str, starts: Option<Date>, every: u32) -> Rotation {
        let hands_over = HandOver::parse(hands_over, &TimeZone::UTC).expect("a hand-over");
        Rotation::new(["ada", "grace", "linus"].map(str::to_owned).to_vec(), hands_over, starts, every)
    }

    #[test]
    fn a_week_begins_at_its_hour() {
        let week = rotation("monday 09:00", Some(jiff::civil::date(2026, 1, 5)), 1);
        for (moment, who, next) in [
            ("2026-01-05T09:00:00Z", "ada", "2026-01-12T09:00:00Z"),
            ("2026-01-12T08:59:59Z", "ada", "2026-01-12T09:00:00Z"),
            ("2026-01-12T09:00:00Z", "grace", "2026-01-19T09:00:00Z"),
            ("2026-01-25T23:00:00Z", "linus", "2026-01-26T09:00:00Z"),
            ("2026-01-26T09:00:00Z", "ada", "2026-02-02T09:00:00Z"),
            ("2026-01-05T08:00:00Z", "linus", "2026-01-05T09:00:00Z"),
        ] {
            assert_eq!(week.on_call(at(moment)), Some(who), "{moment}");
            assert_eq!(week.next_hand_over(at(moment)), at(next), "{moment}");
        }
    }

    #[test]
    fn the_hour_is_local_in_spring_and_in_autumn() {
        let week = rotation("monday 09:00 Europe/Berlin", Some(jiff::civil::date(2026, 3, 23)), 1);
        // Summer time begins on 2026-03-29 and ends on 2026-10-25.
        assert_eq!(week.on_call(at("2026-03-30T06:59:59Z")), Some("ada"));
        assert_eq!(week.on_call(at("2026-03-30T07:00:00Z")), Some("grace"));
        assert_eq!(week.next_hand_over(at("2026-10-24T12:00:00Z")), at("2026-10-26T08:00:00Z"));
        let before = week.next_hand_over(at("2026-10-12T08:00:00Z"));
        assert_eq!(week.next_hand_over(before).since(before), Span::hours(7 * 24 + 1));
    }

    #[test]
    fn an_hour_that_is_skipped_or_repeated_hands_over_once() {
        let day = rotation("daily 02:30 Europe/Berlin", Some(jiff::civil::date(2026, 3, 28)), 1);
        assert_eq!(day.next_hand_over(at("2026-03-28T12:00:00Z")), at("2026-03-29T01:30:00Z"));
        assert_eq!(day.on_call(at("2026-03-29T01:29:59Z")), Some("ada"));
        assert_eq!(day.on_call(at("2026-03-29T01:30:00Z")), Some("grace"));
        // 02:30 happens at 00:30 and at 01:30 UTC.
        assert_eq!(day.next_hand_over(at("2026-10-24T12:00:00Z")), at("2026-10-25T00:30:00Z"));
        assert_eq!(day.next_hand_over(at("2026-10-25T00:30:00Z")), at("2026-10-26T01:30:00Z"));
    }

    #[test]
    fn longer_shifts_change_hands_every_so_often() {
        let two = rotation("monday 09:00", Some(jiff::civil::date(2026, 1, 7)), 2);
        assert_eq!(two.on_call(at("2026-01-12T09:00:00Z")), Some("ada"), "the first hand-over after the start");
        assert_eq!(two.on_call(at("2026-01-25T12:00:00Z")), Some("ada"));
        assert_eq!(two.on_call(at("2026-01-26T09:00:00Z")), Some("grace"));
        assert_eq!(two.next_hand_over(at("2026-01-12T09:00:00Z")), at("2026-01-26T09:00:00Z"));
    }

    #[test]
    fn the_next_hand_over_is_always_ahead_and_changes_who_is_on_call() {
        let day = rotation("daily 00:30 America/New_York", None, 1);
        let mut now = at("2026-03-01T00:00:00Z");
        for _ in 0..400 {
            let next = day.next_hand_over(now);
            assert!(next > now && next.since(now) <= Span::hours(25));
            assert_ne!(day.on_call(now), day.on_call(next));
            assert_eq!(day.on_call(now), day.on_call(Timestamp::from_micros(next.micros() - 1)));
            now = next;
        }
    }

    #[test]
    fn what_is_no_hand_over_is_refused() {
        for text in ["", "monday", "moonday 09:00", "monday 25:00", "monday 09:00 Europe/Berlin now"] {
            assert!(matches!(HandOver::parse(text, &TimeZone::UTC), Err(HandOverError::Form(_))), "{text}");
        }
        let zone = HandOver::parse("monday 09:00 Europe/Berln", &TimeZone::UTC);
        assert_eq!(zone, Err(HandOverError::Zone("Europe/Berln".to_owned())));
        let nobody = Rotation::new(Vec::new(), HandOver::parse("daily 09:00", &TimeZone::UTC).unwrap(), None, 1);
        assert_eq!(nobody.on_call(at("2026-01-01T00:00:00Z")), None);
    }
}
