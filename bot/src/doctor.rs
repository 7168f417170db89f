//! What the platforms' doctors have in common: how a finding is said, and whether this machine's clock is right.

use jiff::fmt::rfc2822;
use reqwest::header::HeaderMap;

use crate::platform::{Finding, Grade};

/// A clock that is off by more is told of, in seconds.
const OFF: u64 = 60;
/// A clock that is off by more keeps signed requests from being taken, in seconds.
const FAR_OFF: u64 = 300;

pub(crate) fn good(what: impl Into<String>) -> Finding {
    Finding { grade: Grade::Good, what: what.into(), fix: String::new() }
}

pub(crate) fn warning(what: impl Into<String>, fix: impl Into<String>) -> Finding {
    Finding { grade: Grade::Warning, what: what.into(), fix: fix.into() }
}

pub(crate) fn wrong(what: impl Into<String>, fix: impl Into<String>) -> Finding {
    Finding { grade: Grade::Wrong, what: what.into(), fix: fix.into() }
}

/// This machine's clock against the date of an answer. `title` is the platform's name, `now` is in seconds.
pub(crate) fn clock(title: &str, headers: &HeaderMap, now: i64) -> Finding {
    let date = headers.get("date").and_then(|date| date.to_str().ok()).and_then(|date| rfc2822::parse(date).ok());
    let Some(date) = date else {
        return warning(format!("{title} did not say what time it is"), "Look at this machine's clock yourself.");
    };
    let off = date.timestamp().as_second().abs_diff(now);
    let fix = "Let this machine keep time (`timedatectl set-ntp true`).";
    let what = format!("this machine's clock is {off} s off");
    if off <= OFF {
        good("this machine's clock is right")
    } else if off <= FAR_OFF {
        warning(what, fix)
    } else {
        wrong(format!("{what}; what {title} signs is refused"), fix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_judged_by_how_far_it_is_off() {
        let mut date = HeaderMap::new();
        date.insert("date", "Fri, 27 Nov 2026 05:34:14 GMT".parse().unwrap());
        for (off, grade) in [
            (0, Grade::Good),
            (60, Grade::Good),
            (-61, Grade::Warning),
            (300, Grade::Warning),
            (301, Grade::Wrong),
            (-9_000, Grade::Wrong),
        ] {
            assert_eq!(clock("Slack", &date, 1_795_757_654 + off).grade, grade, "{off} s");
        }
        let silent = clock("Discord", &HeaderMap::new(), 0);
        assert_eq!((silent.grade, silent.what.as_str()), (Grade::Warning, "Discord did not say what time it is"));
    }
}
