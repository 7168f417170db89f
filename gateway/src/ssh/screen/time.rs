//! How long to wait until the screen shows what was typed. A quiet screen need not be a whole one: what is missing then is
//! found by comparing, or doubted.

use std::time::Duration;

use super::line::Doubt;

/// How long a screen is quiet that shows all that was typed.
const QUIET: Duration = Duration::from_millis(15);
/// The same for a line that can't be compared: twice the longest echo of late, within these bounds.
const EDITED: (Duration, Duration) = (Duration::from_millis(40), Duration::from_millis(500));
/// The same where the answer may not be the last one.
const SEVERAL: (Duration, Duration) = (Duration::from_millis(150), Duration::from_millis(500));
/// How long an answer is waited for: four times the longest echo of late, within these bounds.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(400), Duration::from_secs(1));
/// How long Enter is held for the screen's sake, whatever happens.
const LONGEST: Duration = Duration::from_secs(2);
/// How long the answer to a key may go on.
const ANSWER: Duration = Duration::from_millis(300);

/// When what was typed and printed. All times are since the session began.
#[derive(Debug, Default)]
pub(super) struct Clock {
    key: Duration,
    output: Duration,
    /// The first key that has no answer, and how many there are.
    asked: Option<Duration>,
    pending: u32,
    /// The last answer came when several keys were under way: it may be for the first of them.
    several: bool,
    /// The longest echo of late. It shrinks only by a key that was pressed when all before it had long been answered: where
    /// one is typed after the other, what comes back soon is the answer to an earlier one.
    lag: Duration,
    probe: bool,
    /// When Enter was pressed and held.
    held: Option<Duration>,
    /// When the last line was let through.
    passed: Option<Duration>,
}

impl Clock {
    /// Something went to the target.
    pub(super) fn typed(&mut self, now: Duration) {
        if self.asked.is_none() {
            self.probe = now.saturating_sub(self.key) > ANSWER.max(self.lag * 2);
        }
        self.key = now;
        self.asked.get_or_insert(now);
        self.pending = self.pending.saturating_add(1);
        self.passed = None;
    }

    /// Something came back. Whether nobody asked for it.
    pub(super) fn printed(&mut self, now: Duration) -> bool {
        self.output = now;
        let unbidden = self.asked.is_none() && now.saturating_sub(self.key) > ANSWER.max(self.lag * 4);
        if let Some(asked) = self.asked.take() {
            self.several = std::mem::take(&mut self.pending) > 1;
            let kept = if std::mem::take(&mut self.probe) { self.lag * 3 / 4 } else { self.lag };
            self.lag = now.saturating_sub(asked).min(PATIENCE.1).max(kept);
        }
        unbidden
    }

    pub(super) fn hold(&mut self, now: Duration) {
        self.held.get_or_insert(now);
    }

    pub(super) fn pass(&mut self, now: Duration) {
        self.held = None;
        self.asked = None;
        self.pending = 0;
        self.passed = Some(now);
    }

    pub(super) fn drop_held(&mut self) {
        self.held = None;
    }

    pub(super) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// How much longer to wait for the line that is held.
    pub(super) fn line(&self, explained: bool, shown: bool, now: Duration) -> Option<Duration> {
        let last = self.key.max(self.output);
        let until = match (explained, shown && self.asked.is_none()) {
            (true, _) => self.output + QUIET,
            (false, true) => last + self.edited(),
            (false, false) => last + (self.lag * 4).clamp(PATIENCE.0, PATIENCE.1),
        };
        left(until.min(self.held.unwrap_or(now) + LONGEST), now)
    }

    /// How much longer to wait until what is typed next is an answer to the next prompt.
    pub(super) fn prompt(&self, fed: bool, now: Duration) -> Option<Duration> {
        let passed = self.passed?;
        let until = if fed { self.output + EDITED.0 } else { passed + PATIENCE.0.max(self.lag * 4) };
        left(until.min(passed + LONGEST), now)
    }

    /// What is doubtful by the time, of a line that the keys don't explain.
    pub(super) fn doubt(&self, now: Duration) -> Option<Doubt> {
        if self.asked.is_some() {
            Some(Doubt::Unanswered)
        } else {
            left(self.output + self.edited(), now).map(|_| Doubt::Restless)
        }
    }

    fn edited(&self) -> Duration {
        let (least, most) = if self.several { SEVERAL } else { EDITED };
        (self.lag * 2).clamp(least, most)
    }
}

fn left(until: Duration, now: Duration) -> Option<Duration> {
    until.checked_sub(now).filter(|left| !left.is_zero())
}
