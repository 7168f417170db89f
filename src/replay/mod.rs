//! Plays a recording: what was asked, what became of it, and what its user saw.

pub mod cast;
mod grid;
mod scene;
mod tape;
mod wire;

use std::time::Duration;

pub use scene::Scene;
pub use tape::Tape;

use workflows::evidence::recording::Record;

use crate::failure::Failure;
use crate::screen::Screen;

/// A pause in a session is never played longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// How fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// All at once.
    AtOnce,
    /// As many times faster than it was.
    Times(f64),
}

/// Plays records on the screen.
pub async fn play(
    screen: &Screen,
    records: impl Iterator<Item = Result<Record, Failure>>,
    pace: Pace,
) -> Result<(), Failure> {
    let mut scene = Scene::new(screen.zone().clone());
    let mut before: Option<i64> = None;
    for record in records {
        // What was readable has been shown by then; a damaged end is said, not hidden.
        let record = record?;
        if let (Pace::Times(speed), Some(before)) = (pace, before) {
            tokio::time::sleep(pause(record.at_us.saturating_sub(before), speed)).await;
        }
        before = Some(record.at_us);
        let text = scene.show(&record);
        if !text.is_empty() {
            screen.print(&text)?;
        }
    }
    screen.print(&scene.finish())
}

fn pause(micros: i64, speed: f64) -> Duration {
    let real = Duration::from_micros(u64::try_from(micros).unwrap_or(0)).min(LONGEST_PAUSE);
    Duration::try_from_secs_f64(real.as_secs_f64() / speed).unwrap_or(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests;
