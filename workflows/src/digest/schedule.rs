//! When digests are made: a cron expression, in a zone.

use std::str::FromStr;

use cron::TimeUnitSpec;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::week::{Week, at};
use crate::clock::Timestamp;

/// The expression where the file has none: Monday morning.
pub const MONDAY_MORNING: &str = "0 0 9 * * MON *";

/// `[digest]`: when digests are made, and the zone of their weeks.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: cron::Schedule,
    zone: TimeZone,
}

/// Why a text is not a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// It is no cron expression.
    #[error(
        "`{0}` is not a cron expression; write seconds, minutes, hours, day, month, weekday and year, like \
         `{MONDAY_MORNING}`, or five fields, like `0 9 * * MON`"
    )]
    Form(String),
    /// Cron programs do not agree on which day a number means.
    #[error("weekday `{0}` is Sunday to some and Monday to others; write days by name, like `MON` or `MON-FRI`")]
    Weekday(String),
}

impl Schedule {
    /// Reads an expression of seven or six fields, or of five as in a crontab.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, ScheduleError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let ([_, _, _, _, weekday] | [_, _, _, _, _, weekday] | [_, _, _, _, _, weekday, _]) = fields.as_slice()
        else {
            return Err(ScheduleError::Form(text.to_owned()));
        };
        if weekday.contains(|c: char| c.is_ascii_digit()) {
            return Err(ScheduleError::Weekday((*weekday).to_owned()));
        }
        let full = if fields.len() == 5 { format!("0 {text}") } else { text.to_owned() };
        let cron = cron::Schedule::from_str(full.trim()).map_err(|_| ScheduleError::Form(text.to_owned()))?;
        Ok(Self { cron, zone: zone.clone() })
    }

    /// The zone in which weeks begin and end.
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The week whose digests should be there by now: the one before this, once the first moment of this week that the
    /// expression names has come. A process that was down at that moment finds it due for the rest of the week.
    pub fn due(&self, now: Timestamp) -> Option<Week> {
        let this = Week::at(now, &self.zone);
        let first =
            (0..7).find_map(|day| self.first_on(this.monday().saturating_add(jiff::Span::new().days(day))))?;
        (first <= now).then(|| this.before())
    }

    /// The last week that is over.
    pub fn last_whole(&self, now: Timestamp) -> Week {
        Week::at(now, &self.zone).before()
    }

    /// The first moment of a day that the expression names. The crate's own iterator speaks of another crate's zones,
    /// so the fields are looked at one by one.
    fn first_on(&self, day: Date) -> Option<Timestamp> {
        let cron = &self.cron;
        let named = cron.years().includes(u32::try_from(day.year()).ok()?)
            && cron.months().includes(u32::from(day.month().unsigned_abs()))
            && cron.days_of_month().includes(u32::from(day.day().unsigned_abs()))
            && cron.days_of_week().includes(u32::from(day.weekday().to_sunday_one_offset().unsigned_abs()));
        if !named {
            return None;
        }
        let first = |unit: Option<u32>| unit.and_then(|first| i8::try_from(first).ok());
        let hour = first(cron.hours().iter().next())?;
        let minute = first(cron.minutes().iter().next())?;
        let second = first(cron.seconds().iter().next())?;
        Some(at(day, hour, minute, second, &self.zone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        let moment: jiff::Timestamp = text.parse().expect("a moment");
        Timestamp::from_micros(moment.as_microsecond())
    }

    fn berlin(text: &str) -> Schedule {
        Schedule::parse(text, &TimeZone::get("Europe/Berlin").expect("a zone")).expect("a schedule")
    }

    #[test]
    fn monday_morning_makes_the_week_before_due_until_the_next() {
        for text in [MONDAY_MORNING, "0 9 * * MON", "0 0 9 * * mon", "0 9,17 * * Mon-Fri"] {
            let schedule = berlin(text);
            for (now, due) in [
                ("2026-11-23T07:59:59Z", None),
                ("2026-11-23T08:00:00Z", Some("2026-W47")),
                ("2026-11-29T22:59:59Z", Some("2026-W47")),
                // Monday at midnight: what was not made last week is not made any more.
                ("2026-11-29T23:00:00Z", None),
            ] {
                let week = schedule.due(moment(now)).map(|week| week.to_string());
                assert_eq!(week.as_deref(), due, "{text} at {now}");
            }
        }
    }

    #[test]
    fn the_hour_is_local_in_summer_and_in_winter() {
        let schedule = berlin(MONDAY_MORNING);
        assert_eq!(schedule.due(moment("2026-03-30T06:59:59Z")), None);
        assert!(schedule.due(moment("2026-03-30T07:00:00Z")).is_some());
        // 02:30 does not exist on this Sunday; it is made at 03:30 summer time.
        let night = berlin("0 30 2 29 3 * *");
        assert_eq!(night.due(moment("2026-03-29T01:29:59Z")), None);
        assert_eq!(
            night.due(moment("2026-03-29T01:30:00Z")).map(|week| week.to_string()),
            Some("2026-W12".to_owned())
        );
    }

    #[test]
    fn an_expression_that_others_read_otherwise_is_refused() {
        let zone = TimeZone::UTC;
        for text in ["0 9 * * 1", "0 0 9 * * 2 *", "0 0 9 * * 1-5"] {
            assert!(matches!(Schedule::parse(text, &zone), Err(ScheduleError::Weekday(_))), "{text}");
        }
        for text in
            ["", "monday 09:00", "0 9 * *", "0 0 25 * * MON *", "0 0 9 * * FOO *", "@weekly", "0 0 9 * * MON * *"]
        {
            let error = Schedule::parse(text, &zone).expect_err(text);
            assert!(matches!(error, ScheduleError::Form(_)), "{text}");
            assert!(error.to_string().contains("; write"), "{error}");
        }
    }
}
