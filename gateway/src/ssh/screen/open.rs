//! Where a line begins: at the cursor, when the first key is pressed after the last line was answered.

use avt::Anchor;

use super::keys::Enter;
use super::line::Doubt;
use super::prompt;
use super::syntax;
use super::typed::Typed;
use super::view::{Place, View};

/// How many shells' prompts are remembered.
const KNOWN: usize = 8;

/// A prompt of so many bytes is no proof.
const SHORT: usize = 4;

/// A line that is being typed.
pub(super) struct Open {
    /// The last cell of the prompt: the first one of the line would be lost when the line is cleared.
    mark: Option<Anchor>,
    /// The row above. The prompt's own is lost where an editor draws all of its row anew.
    above: Option<Anchor>,
    pub(super) prompt: String,
    pub(super) place: Reader,
    pub(super) typed: Typed,
    /// What was doubtful from the beginning.
    pub(super) doubts: Vec<Doubt>,
    /// Something was printed while nobody typed.
    pub(super) unbidden: bool,
    /// The size changed.
    pub(super) resized: bool,
}

/// Who reads the line, as far as its prompt tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    Shell,
    /// The shell, and the line goes on with the one before.
    Rest,
    Other,
}

/// The lines of one command so far.
pub(super) struct Before {
    pub(super) text: String,
    pub(super) doubts: Vec<Doubt>,
}

/// What is known of the shell's prompts.
#[derive(Default)]
pub(super) struct Prompts {
    known: Vec<String>,
    recent: Option<String>,
    pub(super) learn: bool,
}

impl Prompts {
    /// The first prompt of a session is its shell's. Later ones count if they are like one that is known.
    fn is_shell(&mut self, prompt: &str) -> bool {
        let known = self.known.iter().any(|known| prompt::resembles(known, prompt));
        let learned =
            !known && (self.known.is_empty() || std::mem::take(&mut self.learn)) && self.known.len() < KNOWN;
        if learned {
            self.known.push(prompt.to_owned());
        }
        if known || learned {
            self.recent = Some(prompt.to_owned());
        }
        known || learned
    }

    /// The shell's last prompt, if it begins a row that goes on.
    fn begins(&self, row: &str) -> Option<&str> {
        self.recent.as_deref().filter(|recent| row.starts_with(recent))
    }

    /// The shell's last prompt, if it was printed whole, behind output that ended without a line break. A short one may be
    /// the end of any other.
    fn ends(&self, row: &str, printed: &str) -> Option<&str> {
        let once =
            |recent: &str| row.matches(recent).count() == 1 && row.ends_with(recent) && printed.ends_with(recent);
        self.recent.as_deref().filter(|recent| recent.len() > SHORT && once(recent))
    }
}

impl Open {
    /// Opens a line at the cursor.
    pub(super) fn at_cursor(
        view: &mut View,
        prompts: &mut Prompts,
        before: Option<&Before>,
        submitted: Option<Enter>,
    ) -> Self {
        let cursor = view.cursor();
        let mut prompt = view.left_of(cursor);
        let mut doubts = Vec::new();
        let mut doubt = |doubt, is: bool| is.then(|| doubts.push(doubt)).is_some();
        let printed = std::mem::take(&mut view.printed);
        doubt(Doubt::Crowded, !view.is_blank_from(cursor));
        if let Some(recent) = prompts.ends(&prompt, &printed.text) {
            recent.clone_into(&mut prompt);
        }
        // A shell prints nothing between the lines of a command.
        let alone = before.is_some() && printed.text.trim_matches(['\n', ' ']) == prompt.trim();
        // Ctrl-O brings the next line of the history, and `histverify` the one that `!…` stands for.
        let verified = alone && before.is_some_and(|before| before.doubts.contains(&Doubt::Expansion));
        doubt(Doubt::Preloaded, submitted == Some(Enter::Next) || verified);
        let wanted = before.is_some_and(|before| syntax::is_open(&before.text));
        let asked = prompt::continues(&prompt);
        let mut column = cursor.column;
        let place = if doubt(Doubt::NoPrompt, prompt.trim().is_empty()) {
            Reader::Other
        } else if alone && (wanted || (asked && !prompts.known.contains(&prompt))) {
            doubt(Doubt::Continuation, wanted != asked);
            Reader::Rest
        } else if prompts.is_shell(&prompt) {
            doubt(Doubt::Continuation, wanted);
            Reader::Shell
        } else if let Some(recent) = prompts.begins(&prompt) {
            recent.clone_into(&mut prompt);
            column = view.find(&prompt, cursor.row..=cursor.row).map_or(column, |end| end.column);
            doubt(Doubt::Preloaded, true);
            Reader::Shell
        } else {
            doubt(Doubt::OtherPrompt, true);
            Reader::Other
        };
        doubt(Doubt::Ahead, submitted.is_some() && !printed.fed && !printed.text.ends_with(&prompt));
        let mark = view.mark(Place { column: column.saturating_sub(1), ..cursor });
        let above = cursor.row.checked_sub(1).and_then(|row| view.mark(Place { row, column: 0 }));
        Self { mark, above, prompt, place, typed: Typed::new(), doubts, unbidden: false, resized: false }
    }

    /// Where the line begins now, and whether that is a prompt that was drawn again.
    pub(super) fn begin(&self, view: &View) -> Option<(Place, bool)> {
        let marked = self.mark.as_ref().and_then(|mark| view.resolve(mark));
        if self.prompt.is_empty() {
            return marked.map(|first| (first, false));
        }
        let first = marked.map(|last| Place { column: last.column + 1, ..last });
        let first = first.filter(|end| view.left_of(*end).ends_with(&self.prompt));
        if self.prompt.trim().is_empty() {
            return first.map(|first| (first, false));
        }
        let above = self.above.as_ref().and_then(|above| view.resolve(above)).map(|above| above.row + 1);
        let row = marked.map(|place| place.row).or(above);
        let first = first.or_else(|| row.and_then(|row| view.find(&self.prompt, row..=row)));
        let from = row.unwrap_or(0);
        let again = view.find(&self.prompt, from..=view.cursor().row.max(from));
        match (first, again) {
            (Some(first), Some(again)) if again.row > first.row => Some((again, true)),
            (Some(first), _) => Some((first, false)),
            (None, again) => again.map(|again| (again, true)),
        }
    }
}
