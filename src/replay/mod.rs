//! Plays a recording: what was asked, what became of it, and what its user saw.

pub mod cast;
mod film;
pub mod find;
mod grid;
mod lines;
pub mod moment;
mod scene;
mod start;
mod story;
mod tape;
mod terminal;
mod text;
mod wire;

use std::time::Duration;

pub use scene::{Input, Scene};
pub use start::{Held, Start, holds};
pub use tape::Tape;

use workflows::evidence::recording::{Event, Record};

use crate::failure::Failure;
use crate::screen::Screen;
use film::Film;
use start::Finder;
use story::{Story, Window};

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

/// How a recording is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Play {
    /// How fast.
    pub pace: Pace,
    /// From where on; what lies before is played at once.
    pub start: Start,
    /// What was typed.
    pub input: Input,
}

/// Plays records on the screen: a terminal's as a film where somebody looks at a terminal, all else as text.
pub async fn play(
    screen: &Screen,
    records: impl Iterator<Item = Result<Record, Failure>>,
    play: Play,
) -> Result<(), Failure> {
    let room = match play.pace {
        Pace::Times(_) => screen.room(),
        Pace::AtOnce => None,
    };
    let stage = Stage {
        scene: Scene::new(screen.zone().clone()).with(play.input),
        film: None,
        story: Story::default(),
        room,
    };
    perform(stage, records, play, &mut |text| screen.print(text)).await
}

/// Plays to the end, or to where it fails: then the terminal is given back before anybody is told.
async fn perform(
    mut stage: Stage,
    records: impl Iterator<Item = Result<Record, Failure>>,
    play: Play,
    print: &mut impl FnMut(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let played = scenes(&mut stage, records, play, print).await;
    if played.is_err() {
        // What went wrong before is what is told.
        let _nothing_left_to_try = print(&stage.leave());
        return played;
    }
    print(&stage.finish())
}

async fn scenes(
    stage: &mut Stage,
    records: impl Iterator<Item = Result<Record, Failure>>,
    play: Play,
    print: &mut impl FnMut(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut finder = Finder::new(play.start);
    let mut before: Option<i64> = None;
    for record in records {
        // What was readable has been shown by then; a damaged end is said, not hidden.
        let record = record?;
        stage.story.begun_us.get_or_insert(record.at_us);
        let reached = finder.reached(&record, stage.story.offset(record.at_us));
        if reached {
            if let (Pace::Times(speed), Some(before)) = (play.pace, before) {
                tokio::time::sleep(pause(record.at_us.saturating_sub(before), speed)).await;
            }
            before = Some(record.at_us);
        }
        let text = stage.step(&record);
        // Where a replay begins later, text from before that is not wanted; a picture is drawn whole anyway.
        if reached {
            print(&(text + &stage.draw()))?;
        }
    }
    finder.missed()
}

/// What is on the screen.
struct Stage {
    scene: Scene,
    film: Option<Film>,
    story: Story,
    room: Option<(usize, usize)>,
}

impl Stage {
    /// What a record adds as text; nothing where there is a film of it.
    fn step(&mut self, record: &Record) -> String {
        let window = self.story.read(record);
        if let (Some(Window::Opens(size)), Some(room)) = (window, self.room) {
            let text = self.scene.show(record);
            self.film = Some(Film::new(size, room));
            return text;
        }
        let Some(film) = &mut self.film else { return self.scene.show(record) };
        if let Some(Window::Resizes(size)) = window {
            film.resize(size);
        }
        match &record.what {
            Event::Output { bytes, .. } => film.feed(bytes),
            Event::Hold { request, rule, .. } => film.tell(&format!("held by rule `{rule}` ({request})")),
            Event::Settled { outcome, by, because, .. } => film.tell(&format!("{outcome} {by} {because}")),
            Event::End { .. } => {
                let last = film.draw() + &film.leave();
                self.film = None;
                return last + &self.scene.show(record);
            }
            Event::Begin { .. }
            | Event::Intent { .. }
            | Event::Outcome { .. }
            | Event::Note { .. }
            | Event::Masked { .. }
            | Event::Typed { .. }
            | Event::File { .. } => {}
        }
        String::new()
    }

    fn draw(&mut self) -> String {
        self.film.as_mut().map_or_else(String::new, Film::draw)
    }

    /// Gives the terminal back, the picture as it is.
    fn leave(&self) -> String {
        self.film.as_ref().map_or_else(String::new, Film::leave)
    }

    fn finish(&mut self) -> String {
        let last = self.draw() + &self.leave();
        last + &self.scene.finish()
    }
}

fn pause(micros: i64, speed: f64) -> Duration {
    let real = Duration::from_micros(u64::try_from(micros).unwrap_or(0)).min(LONGEST_PAUSE);
    Duration::try_from_secs_f64(real.as_secs_f64() / speed).unwrap_or(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests;
