//! Reads command lines off a terminal ("watched" mode). The line is what the terminal shows when Enter is pressed, not what
//! was typed: history, completion, editing in the middle, pastes and vi's commands are the shell's business, and the screen
//! is where they all end up. Nothing here waits, reads or writes; the caller holds Enter back, and tells the time.
//!
//! It is advisory. Whoever may run one program may run one that shows a screen and does something else. What it has to be
//! is hard to fool by printing, and never sure without a reason. So a line is *whole* in two cases only: the keys were plain
//! text and are exactly what is shown; or the shell changed the line, answered the last key, shows what was typed last,
//! and nothing else moved. All else is doubtful, and says why. There is no state in which a line is not read:
//!
//! | what is printed, or done | what it leads to |
//! |---|---|
//! | the alternate screen, real or printed | [`Reading::FullScreen`], for as long as it is shown |
//! | a prompt like another shell's, or a program's | [`Doubt::OtherPrompt`], and what is shown |
//! | no prompt; output from a running program | [`Doubt::NoPrompt`], and what is shown |
//! | text that is printed into the line, or behind it | [`Doubt::Mismatch`], [`Doubt::Unbidden`], [`Doubt::Crowded`] |
//! | a cleared screen, a prompt that is drawn elsewhere | the prompt is looked for; [`Doubt::Redrawn`], [`Doubt::PromptLost`] |
//! | another alphabet, insert mode, margins, a moved cursor | [`Doubt::Mismatch`]: the emulator does them all |
//! | hidden text (conceal, black on black) | nothing: cells keep their text |
//! | no echo | [`Reading::Secret`], whatever the prompt says |
//! | a file transfer's header, bracketed paste turned on | nothing: no output changes how input is cut |
//! | screens drawn without end | [`Doubt::Flooded`], for the rest of the session |
//!
//! What cannot be seen at all: aliases and functions, what a key is bound to (`bind '"\C-m": …'`), traps, `PROMPT_COMMAND`,
//! a program that draws the shell's own prompt, `stty eol`. Each begins with a line that is judged.

mod cover;
mod decode;
mod echo;
mod keys;
mod line;
mod open;
mod prompt;
mod read;
mod syntax;
mod time;
mod typed;
mod view;

use std::time::Duration;

pub(super) use cover::Cover;
pub(super) use echo::Echo;
pub(super) use keys::Enter;
pub(super) use line::{Line, Reading, Trust};

use keys::{Key, Keys};
use open::{Before, Open, Prompts, Reader};
use read::Look;
use time::Clock;
use view::{Printed, View};

/// How much of what the client sent may pass now. What follows the held key is given to [`Screen::input`] again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Portion {
    /// So many bytes pass at once.
    pub(super) pass: usize,
    /// The key after them is held until the verdict.
    pub(super) held: Option<Held>,
}

/// A key that is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Its bytes.
    pub(super) length: usize,
    /// Which it is.
    pub(super) key: Enter,
}

/// A terminal, and the line that is being typed into it. All times are since the session began.
pub(super) struct Screen {
    view: View,
    keys: Keys,
    clock: Clock,
    prompts: Prompts,
    open: Option<Open>,
    before: Option<Before>,
    held: Option<Enter>,
    submitted: Option<Enter>,
    broken: bool,
}

impl Screen {
    /// A terminal of the size that the client said. The emulator refuses only a size of nothing, which it never gets.
    pub(super) fn new(columns: u32, rows: u32) -> Result<Self, avt::InvalidSize> {
        Ok(Self {
            view: View::new(columns, rows)?,
            keys: Keys::default(),
            clock: Clock::default(),
            prompts: Prompts::default(),
            open: None,
            before: None,
            held: None,
            submitted: None,
            broken: false,
        })
    }

    /// The client's terminal has another size.
    pub(super) fn resize(&mut self, columns: u32, rows: u32) {
        self.view.resize(columns, rows);
        if let Some(open) = &mut self.open {
            open.resized = true;
        }
    }

    /// What the target sent.
    pub(super) fn output(&mut self, bytes: &[u8], now: Duration) {
        self.view.feed(bytes, now);
        let unbidden = self.clock.printed(now);
        if let Some(open) = &mut self.open {
            open.unbidden |= unbidden;
        }
    }

    /// What the client sent, up to the first key that may submit a line. That it is inside a paste, or that an editor would
    /// only delete a character with it, is for the judge: both depend on what the target printed, which is not to be relied on.
    pub(super) fn input(&mut self, bytes: &[u8], now: Duration) -> Portion {
        let mut start = 0;
        for (at, byte) in bytes.iter().enumerate() {
            if !self.keys.inside() {
                start = at;
            }
            let mut keys = Vec::new();
            self.keys.push(*byte, &mut |key| keys.push(key));
            for key in keys {
                match key {
                    Key::Enter(enter) => {
                        self.key(None);
                        self.held = Some(enter);
                        self.clock.hold(now);
                        return Portion { pass: start, held: Some(Held { length: at + 1 - start, key: enter }) };
                    }
                    Key::Text(_)
                    | Key::Erase
                    | Key::Kill
                    | Key::Repaint
                    | Key::Move
                    | Key::Complete
                    | Key::Search
                    | Key::Quote
                    | Key::Break
                    | Key::PasteBegins
                    | Key::PasteEnds
                    | Key::Escape
                    | Key::Other => self.key(Some(key)),
                }
            }
            if at == start {
                self.clock.typed(now);
            }
        }
        Portion { pass: bytes.len(), held: None }
    }

    /// A key belongs to the line that is open, or opens one.
    fn key(&mut self, key: Option<Key>) {
        // INVARIANT: Ctrl-C ends a line only if the cursor went to a new row before the next key. A trap that swallows it
        // leaves the line as it is, and a line that would begin behind it would hide it.
        if std::mem::take(&mut self.broken) && self.view.printed.fed {
            self.open = None;
            self.before = None;
        }
        if self.open.is_none() && !self.view.is_alternate() {
            let open = Open::at_cursor(&mut self.view, &mut self.prompts, self.before.as_ref(), self.submitted);
            self.open = Some(open);
        }
        let Some(key) = key else { return };
        if key == Key::Break {
            self.broken = true;
            self.view.printed.fed = false;
        }
        if let Some(open) = &mut self.open {
            open.typed.push(key);
        }
    }

    /// How much longer to wait: while a key is held, until the line can be read; else until the prompt after the last line
    /// has come, and more input may be given. `None` is now.
    pub(super) fn wait(&self, now: Duration) -> Option<Duration> {
        if self.view.is_alternate() {
            return None;
        }
        match &self.open {
            Some(open) if self.clock.is_held() => {
                let look = Look::new(&self.view, open);
                self.clock.line(look.is_explained(), look.is_shown(), now)
            }
            Some(_) => None,
            None => self.clock.prompt(self.view.printed.fed, now),
        }
    }

    /// The line for which a key is held.
    pub(super) fn read(&self, now: Duration) -> Reading {
        match &self.open {
            Some(open) if !self.view.is_alternate() => {
                Look::new(&self.view, open).read(self.before.as_ref(), &self.clock, now)
            }
            Some(_) | None => Reading::FullScreen,
        }
    }

    /// The key that was held went to the target, for what was read.
    pub(super) fn passed(&mut self, reading: &Reading, now: Duration) {
        self.clock.pass(now);
        let Some(enter) = self.held.take() else { return };
        // In a paste, most editors take it as a line break: the line goes on.
        if let Some(open) = self.open.as_mut().filter(|open| open.typed.is_pasting()) {
            open.typed.push(Key::Enter(enter));
            return;
        }
        let reader = self.open.take().map_or(Reader::Other, |open| open.place);
        self.before = match (reader, reading) {
            (Reader::Shell | Reader::Rest, Reading::Line(line)) => Some(Before {
                text: line.text.clone(),
                doubts: match &line.trust {
                    Trust::Whole => Vec::new(),
                    Trust::Doubtful(doubts) => doubts.clone(),
                },
            }),
            (Reader::Other, Reading::Line(_)) | (_, Reading::Secret { .. } | Reading::FullScreen) => None,
        };
        self.submitted = Some(enter);
        self.broken = false;
        self.view.printed = Printed::default();
    }

    /// The key that was held is dropped. The line stays, and can be edited.
    pub(super) fn refused(&mut self) {
        self.held = None;
        self.clock.drop_held();
    }

    /// The line that passes next starts another shell, whose prompt is then one of the shell's.
    pub(super) fn expect_shell(&mut self) {
        self.prompts.learn = true;
    }
}

#[cfg(test)]
mod tests;
