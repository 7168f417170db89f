//! A watched shell: each line is read off the terminal when Enter is pressed, and Enter is held back until it was judged.
//!
//! It is a seat belt and says so: whoever may run one program may run one that shows one thing and does another. What can't be
//! read is opaque, whatever the screen shows, so that nothing printed switches the judge off.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;
use workflows::operation::Operation;
use workflows::shown::visible;

use super::screen::{Line, Reading, Screen, Trust};
use crate::seams::Classified;
use crate::shell::{self, Login, Shell};

/// So much is typed ahead at most, in bytes; more has to wait.
const AHEAD: usize = 64 << 10;

/// Programs whose prompt is a shell's.
const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ksh", "fish", "sudo", "su", "doas", "ssh"];

/// What stands for a line that does not show, so that it is never kept.
const SECRET: &str = "(typed without being shown)";
/// What stands for keys in a full screen.
const FULL_SCREEN: &str = "(typed into a full screen)";

/// What is to be done next with what was typed.
#[derive(Debug)]
pub(super) enum Next {
    /// Nothing yet.
    Wait,
    /// This goes to the target.
    Pass(Bytes),
    /// Somebody has to say whether this may be entered: what it does, what it says, and what tells it from others. An answer to a
    /// line that can't be read is good for that one alone.
    Judge(Arc<Classified>, String, String),
}

/// One terminal.
pub(super) struct Watched {
    screen: Screen,
    shell: Shell,
    since: Instant,
    typed: BytesMut,
    /// The key that is held back.
    enter: Option<Bytes>,
    reading: Option<Reading>,
    /// What is entered starts a shell, whose prompt is a prompt.
    starts_shell: bool,
    /// How often Enter was pressed.
    entries: u64,
    due: Option<Instant>,
}

impl Watched {
    /// A terminal of this size. `None` where there is none that could be watched.
    pub(super) fn new(columns: u32, rows: u32, shell: Shell) -> Option<Self> {
        let screen = Screen::new(columns, rows).ok()?;
        let since = Instant::now();
        Some(Self {
            screen,
            shell,
            since,
            typed: BytesMut::new(),
            enter: None,
            reading: None,
            starts_shell: false,
            entries: 0,
            due: None,
        })
    }

    /// The target printed something.
    pub(super) fn printed(&mut self, bytes: &[u8]) {
        self.screen.output(bytes, self.since.elapsed());
    }

    /// The client typed something.
    pub(super) fn typed(&mut self, bytes: &[u8]) {
        self.typed.extend_from_slice(bytes);
    }

    /// The client's window has another size.
    pub(super) fn resize(&mut self, columns: u32, rows: u32) {
        self.screen.resize(columns, rows);
    }

    /// Whether more of what is typed is taken.
    pub(super) fn has_room(&self) -> bool {
        self.typed.len() < AHEAD
    }

    /// Whether nothing that was typed waits.
    pub(super) fn is_drained(&self) -> bool {
        self.typed.is_empty() && self.enter.is_none()
    }

    /// When to look again, though nothing came.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// What is to be done now.
    pub(super) fn next(&mut self) -> Next {
        let now = self.since.elapsed();
        self.due = None;
        if self.reading.is_some() || (self.enter.is_none() && self.typed.is_empty()) {
            return Next::Wait;
        }
        if let Some(wait) = self.screen.wait(now) {
            self.due = Some(Instant::now() + wait);
            return Next::Wait;
        }
        if self.enter.is_some() {
            return self.entered();
        }
        let portion = self.screen.input(&self.typed, now);
        let passes = self.typed.split_to(portion.pass).freeze();
        if let Some(held) = portion.held {
            self.enter = Some(self.typed.split_to(held.length).freeze());
            // The screen has to answer first what passes now.
            self.due = Some(Instant::now());
        }
        if passes.is_empty() { Next::Wait } else { Next::Pass(passes) }
    }

    fn entered(&mut self) -> Next {
        self.entries += 1;
        let reading = self.screen.read(self.since.elapsed());
        if let Reading::Line(Line { text, trust: Trust::Whole, .. }) = &reading
            && text.is_empty()
        {
            return Next::Pass(self.submit(&reading));
        }
        let classified = self.read(&reading);
        let programs = classified.operations.iter().filter_map(|operation| operation.run.as_ref());
        self.starts_shell = programs.into_iter().any(|run| SHELLS.contains(&run.program.as_str()));
        let text = match &reading {
            Reading::Line(line) => visible(&line.text),
            Reading::Secret { .. } => SECRET.to_owned(),
            Reading::FullScreen => FULL_SCREEN.to_owned(),
        };
        let raw = match &reading {
            Reading::Line(_) => text.clone(),
            Reading::Secret { .. } | Reading::FullScreen => format!("{text} {}", self.entries),
        };
        self.reading = Some(reading);
        Next::Judge(classified, text, raw)
    }

    fn read(&self, reading: &Reading) -> Arc<Classified> {
        let line = match reading {
            Reading::Line(line) => line,
            Reading::Secret { .. } => return Arc::new(opaque(SECRET, "it does not show")),
            Reading::FullScreen => {
                return Arc::new(opaque(FULL_SCREEN, "a full screen can't be read"));
            }
        };
        let login = Login { shell: self.shell, terminal: true, interactive: true };
        let classified = shell::classify(line.text.as_bytes(), login);
        let Trust::Doubtful(doubts) = &line.trust else { return classified };
        let why: Vec<&str> = doubts.iter().map(|doubt| doubt.as_str()).collect();
        let mut all =
            Classified { operations: classified.operations.clone(), statements: 1, ..Classified::default() };
        all.operations.push(Operation::opaque(visible(&line.text), why.join("; ")));
        Arc::new(all)
    }

    /// Enter was let through: the key, for the target.
    pub(super) fn passed(&mut self) -> Bytes {
        if std::mem::take(&mut self.starts_shell) {
            self.screen.expect_shell();
        }
        match self.reading.take() {
            Some(reading) => self.submit(&reading),
            None => Bytes::new(),
        }
    }

    fn submit(&mut self, reading: &Reading) -> Bytes {
        self.screen.passed(reading, self.since.elapsed());
        self.enter.take().unwrap_or_default()
    }

    /// Enter was not let through. The line is still there: what a person has to see again, after words of ours.
    pub(super) fn refused(&mut self) -> String {
        self.enter = None;
        self.screen.refused();
        match self.reading.take() {
            Some(Reading::Line(Line { text, prompt, .. })) => format!("{prompt}{text}"),
            Some(Reading::Secret { prompt }) => prompt,
            Some(Reading::FullScreen) | None => String::new(),
        }
    }

    /// Whether Ctrl-C was typed while people are asked.
    pub(super) fn is_given_up(&self) -> bool {
        self.typed.contains(&super::talk::INTERRUPT)
    }

    /// The line is given up, as with Ctrl-C: the key, for the target.
    pub(super) fn interrupt(&mut self) -> Bytes {
        self.typed.clear();
        let key = [super::talk::INTERRUPT];
        let _nothing_is_held = self.screen.input(&key, self.since.elapsed());
        Bytes::copy_from_slice(&key)
    }
}

fn opaque(shown: &str, why: &str) -> Classified {
    Classified { operations: vec![Operation::opaque(shown, why)], statements: 1, ..Classified::default() }
}
