//! What was typed since the line began: only a check of what the screen shows, and never told to anybody, because it may be
//! a password that nobody sees.

use super::decode::has_no_width;
use super::keys::Key;

/// How much is remembered, in characters. A longer line is checked by its end.
const KEPT: usize = 8192;

/// Whether the whole line follows from the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follows {
    /// Only text, and Backspace and Ctrl-U at its end.
    Yes,
    /// A key brought in what was not typed, or moved. `text` is what was typed after it.
    No,
    /// Ctrl-R, and `text` is what is looked for.
    Searching,
}

/// The keys of one line.
pub(super) struct Typed {
    follows: Follows,
    text: Vec<char>,
    printable: bool,
    quoted: bool,
    recalled: bool,
    escaped: bool,
    pasting: bool,
    newlines: bool,
}

impl Typed {
    pub(super) fn new() -> Self {
        Self {
            follows: Follows::Yes,
            text: Vec::new(),
            printable: false,
            quoted: false,
            recalled: false,
            escaped: false,
            pasting: false,
            newlines: false,
        }
    }

    /// Another key of the line.
    pub(super) fn push(&mut self, key: Key) {
        match key {
            Key::Text(char) => {
                self.printable = true;
                if self.text.len() == KEPT {
                    self.leave(Follows::No);
                }
                if !has_no_width(char) {
                    self.text.push(char);
                }
            }
            Key::Erase => {
                self.text.pop();
            }
            Key::Kill if self.follows == Follows::Yes => self.wipe(),
            // Shows the same line again.
            Key::Repaint if self.follows == Follows::Yes => {}
            Key::Move | Key::Complete | Key::Kill | Key::Repaint => self.leave(Follows::No),
            Key::Search if self.follows == Follows::Searching => {}
            Key::Search => {
                self.recalled = true;
                self.leave(Follows::Searching);
            }
            Key::Quote => {
                self.quoted = true;
                self.leave(Follows::No);
            }
            Key::PasteBegins => self.pasting = true,
            Key::PasteEnds => self.pasting = false,
            // Inside a paste it may be a line break of the text, or the end of a command.
            Key::Enter(_) => self.newlines |= self.pasting,
            Key::Break | Key::Escape | Key::Other => {
                self.recalled = true;
                self.escaped |= key == Key::Escape;
                self.leave(Follows::No);
            }
        }
    }

    fn leave(&mut self, follows: Follows) {
        self.follows = follows;
        self.wipe();
    }

    fn wipe(&mut self) {
        self.text.fill('\0');
        self.text.clear();
    }

    /// Whether the line is what was typed, without what nobody sees at its end.
    pub(super) fn explains(&self, shown: &str) -> bool {
        self.follows == Follows::Yes && !self.newlines && self.string().trim_end() == shown.trim_end()
    }

    /// Whether what was typed last stands before the cursor. After Escape, some of it may have been vi's commands.
    pub(super) fn ends(&self, before: &str) -> bool {
        let last = self.text.last().is_none_or(|last| before.ends_with(*last));
        self.follows == Follows::No && (before.ends_with(&self.string()) || (self.escaped && last))
    }

    /// What is looked for in the history.
    pub(super) fn sought(&self) -> Option<String> {
        (self.follows == Follows::Searching).then(|| self.string())
    }

    /// Whether a line without text can only be one that isn't shown.
    pub(super) fn should_show(&self) -> bool {
        self.printable && !(self.follows == Follows::Yes && self.string().trim_end().is_empty())
    }

    /// Whether the line should follow from the keys.
    pub(super) fn is_plain(&self) -> bool {
        self.follows == Follows::Yes && !self.newlines
    }

    /// Whether Ctrl-V was pressed.
    pub(super) fn is_quoted(&self) -> bool {
        self.quoted
    }

    /// Whether a key may have brought in a text of more than one line.
    pub(super) fn is_recalled(&self) -> bool {
        self.recalled || self.quoted || self.newlines
    }

    /// Whether an Enter was inside a paste.
    pub(super) fn has_newlines(&self) -> bool {
        self.newlines
    }

    /// Whether a paste has begun and not ended.
    pub(super) fn is_pasting(&self) -> bool {
        self.pasting
    }

    fn string(&self) -> String {
        self.text.iter().collect()
    }
}

impl Drop for Typed {
    fn drop(&mut self) {
        self.wipe();
    }
}
