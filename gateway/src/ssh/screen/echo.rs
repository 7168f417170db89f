//! What a person types into a terminal, kept only where the terminal has shown it.
//!
//! A terminal does not tell when it shows nothing, so that it has to prove that it does: each character must be the first that is
//! printed after it was typed, and a line whose last characters are still to come must end where they end. One character that
//! is not answered so, and the line is forgotten, as is whatever was typed ahead. Keys that move in a line or
//! bring in another text prove nothing either. So a password is never kept, nor is a part of one, nor how long it is; the price is that
//! some lines are missing that were shown. What is kept stands in the output as well, by what was just said.

use std::collections::VecDeque;

use avt::Parser;
use avt::parser::Function;

use super::decode::Utf8;
use super::keys::{Enter, Key, Keys};

/// The longest line, in characters; so many keys wait for their echo as well.
const LONGEST: usize = 8192;

/// What is waited for, key by key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    /// This character has to be printed next.
    Shown(char),
    /// What follows needs no echo of its own: it changes what has been shown.
    Erase,
    Kill,
    Complete,
    /// The line ends. With `late` its characters were still to come then, and it must end on the screen as well.
    End {
        entered: bool,
        late: bool,
    },
}

/// The keys of one terminal.
pub(in crate::ssh) struct Echo {
    keys: Keys,
    waiting: VecDeque<Want>,
    /// How many of those are characters that have to be printed.
    unshown: usize,
    /// What was shown of the line so far.
    text: Vec<char>,
    /// The rest of the line is nothing to keep.
    skip: bool,
    /// A line has just ended by a carriage return, whose line feed belongs to it.
    returned: bool,
    utf8: Utf8,
    parser: Parser,
    done: Vec<String>,
}

impl Default for Echo {
    fn default() -> Self {
        Self {
            keys: Keys::default(),
            waiting: VecDeque::new(),
            unshown: 0,
            text: Vec::new(),
            skip: false,
            returned: false,
            utf8: Utf8::default(),
            parser: Parser::new(),
            done: Vec::new(),
        }
    }
}

impl Echo {
    /// This went to the target.
    pub(in crate::ssh) fn typed(&mut self, bytes: &[u8]) {
        let mut keys = Vec::new();
        for byte in bytes {
            self.keys.push(*byte, &mut |key| keys.push(key));
            for key in keys.drain(..) {
                self.key(key);
            }
        }
    }

    fn key(&mut self, key: Key) {
        let late = self.unshown > 0;
        let want = match key {
            Key::Text(char) => Want::Shown(char),
            Key::Erase => Want::Erase,
            Key::Kill => Want::Kill,
            Key::Complete => Want::Complete,
            Key::Enter(enter) => Want::End { entered: enter != Enter::EndOfFile, late },
            Key::Break => Want::End { entered: false, late },
            Key::PasteBegins | Key::PasteEnds | Key::Repaint => return,
            Key::Move | Key::Search | Key::Quote | Key::Escape | Key::Other => {
                self.forget();
                self.skip = true;
                return;
            }
        };
        if self.skip {
            self.skip = !matches!(want, Want::End { .. });
            return;
        }
        if self.waiting.len() + self.text.len() >= LONGEST {
            self.forget();
            self.skip = !matches!(want, Want::End { .. });
            return;
        }
        self.unshown += usize::from(matches!(want, Want::Shown(_)));
        self.waiting.push_back(want);
        self.settle();
    }

    /// The target printed this.
    pub(in crate::ssh) fn printed(&mut self, bytes: &[u8]) {
        let mut chars = Vec::new();
        for byte in bytes {
            // Most of what is printed answers no key.
            if self.waiting.is_empty() {
                return;
            }
            self.utf8.push(*byte, &mut |char| chars.push(char));
            for char in chars.drain(..) {
                self.char(char);
            }
        }
    }

    fn char(&mut self, char: char) {
        let Some(function) = self.parser.feed(char) else { return };
        let wanted = self.waiting.front().copied();
        if std::mem::take(&mut self.returned) && matches!(function, Function::Lf) {
            return;
        }
        if let Function::Print(shown) = function {
            if wanted == Some(Want::Shown(shown)) {
                self.waiting.pop_front();
                self.unshown = self.unshown.saturating_sub(1);
                self.text.push(shown);
                self.settle();
            } else {
                self.mismatch();
            }
        } else if matches!(function, Function::Cr | Function::Lf | Function::Nel) {
            match wanted {
                Some(Want::End { entered, .. }) => {
                    self.waiting.pop_front();
                    self.finish(entered);
                    self.returned = matches!(function, Function::Cr);
                    self.settle();
                }
                Some(Want::Shown(_)) => self.mismatch(),
                Some(Want::Erase | Want::Kill | Want::Complete) | None => {}
            }
        }
    }

    /// Takes all that needs no echo.
    fn settle(&mut self) {
        while let Some(want) = self.waiting.front().copied() {
            match want {
                Want::Shown(_) | Want::End { late: true, .. } => return,
                Want::Erase => drop(self.text.pop()),
                Want::Kill => self.wipe(),
                Want::Complete => self.text.push('\t'),
                Want::End { entered, late: false } => self.finish(entered),
            }
            self.waiting.pop_front();
        }
        // What is printed from here on is not read; it may be in the middle of a sequence when it is read again.
        (self.utf8, self.parser) = (Utf8::default(), Parser::new());
    }

    fn finish(&mut self, entered: bool) {
        let mut line: String = self.text.iter().collect();
        self.wipe();
        if !line.trim().is_empty() {
            line.extend(entered.then_some('\r'));
            self.done.push(line);
        }
    }

    /// Something else was printed than what was typed.
    fn mismatch(&mut self) {
        self.skip = !matches!(self.waiting.back(), Some(Want::End { .. }));
        self.forget();
    }

    fn forget(&mut self) {
        self.waiting.iter_mut().for_each(|want| *want = Want::Kill);
        self.waiting.clear();
        self.unshown = 0;
        self.wipe();
    }

    fn wipe(&mut self) {
        self.text.fill('\0');
        self.text.clear();
    }

    /// Whether the count of characters to come is right.
    #[cfg(test)]
    pub(super) fn is_counted(&self) -> bool {
        self.unshown == self.waiting.iter().filter(|want| matches!(want, Want::Shown(_))).count()
    }

    /// The lines that are to be kept since the last time; an entered one ends with a carriage return.
    pub(in crate::ssh) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.done)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.forget();
    }
}
