//! A line that shows what is waited for, on a terminal; nothing in a pipe.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use workflows::clock::Span;

use crate::plain;
use crate::screen::Screen;

const TURNS: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const CLEAR: &str = "\r\u{1b}[K";

/// Takes the line away, also when the waiting itself was given up.
struct Line<'a>(&'a Screen);

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.0.say(CLEAR);
    }
}

/// Waits for a future and shows `words` with the time that went by.
pub async fn during<F: Future>(screen: &Screen, since: Instant, words: &str, future: F) -> F::Output {
    if !screen.shows_progress() {
        return future.await;
    }
    let mut future = pin!(future);
    let mut turn = interval(Duration::from_millis(120));
    turn.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let words = plain::line(words);
    let _line = Line(screen);
    for sign in TURNS.iter().cycle() {
        tokio::select! {
            biased;
            done = &mut future => return done,
            _ = turn.tick() => screen.say(&format!("{CLEAR}{sign} {words} ({})", elapsed(since))),
        }
    }
    // The cycle has no end; the loop above returns.
    future.await
}

fn elapsed(since: Instant) -> Span {
    Span::seconds(i64::try_from(since.elapsed().as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use workflows::clock::Timestamp;

    use super::*;
    use crate::screen::Form;

    #[tokio::test]
    async fn waiting_in_a_pipe_shows_nothing_and_gives_the_outcome() {
        let screen = Screen::fixed(Form::People, None, Timestamp::from_micros(0));
        assert_eq!(during(&screen, Instant::now(), "asked grace", async { 7 }).await, 7);
    }
}
