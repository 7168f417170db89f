//! Reads the line off the screen, and says why it may not be all.

use std::time::Duration;

use super::decode::has_disputed_width;
use super::line::{Doubt, Line, Reading, Trust};
use super::open::{Before, Open, Reader};
use super::prompt;
use super::syntax;
use super::time::Clock;
use super::view::{Place, Shown, View};

/// How much of the lines before is kept with a line, in bytes.
const LONGEST: usize = 64 << 10;

/// A line at one moment.
pub(super) struct Look<'a> {
    view: &'a View,
    open: &'a Open,
    text: String,
    before: String,
    /// Reasons that hold whatever the keys say, and those that don't if the keys explain the whole line.
    firm: Vec<Doubt>,
    soft: Vec<Doubt>,
    lost: bool,
    explained: bool,
}

impl<'a> Look<'a> {
    pub(super) fn new(view: &'a View, open: &'a Open) -> Self {
        let mut look = Self {
            view,
            open,
            text: String::new(),
            before: String::new(),
            firm: Vec::new(),
            soft: Vec::new(),
            lost: false,
            explained: false,
        };
        match open.begin(view) {
            Some((begin, redrawn)) => look.after_prompt(begin, redrawn),
            None => look.without_prompt(),
        }
        look
    }

    fn after_prompt(&mut self, begin: Place, redrawn: bool) {
        let Shown { text, before, margin } = self.view.text(begin);
        let typed = &self.open.typed;
        self.explained = typed.explains(&text);
        if redrawn && typed.is_recalled() {
            self.soft.push(Doubt::Redrawn);
        }
        if typed.sought().is_some() {
            self.soft.push(Doubt::Search);
        }
        if margin {
            self.soft.push(Doubt::Margin);
        }
        self.take(text, before);
    }

    /// readline shows its own prompt while it searches; and any other program may have drawn over it.
    fn without_prompt(&mut self) {
        let row = self.view.head(self.view.cursor().row);
        let Shown { text, before, .. } = self.view.text(Place { row, column: 0 });
        let sought = self.open.typed.sought();
        let found = sought.as_ref().and_then(|sought| prompt::found(&text, sought));
        match (found, sought.is_some()) {
            (Some(found), _) => self.take(found.to_owned(), before),
            (None, searching) => {
                self.lost = true;
                self.firm.push(if searching { Doubt::Search } else { Doubt::PromptLost });
                self.take(text, before);
            }
        }
    }

    /// Blanks at the end are nothing to a shell, except after a backslash.
    fn take(&mut self, text: String, before: String) {
        let trimmed = text.trim_end();
        self.text = match text.strip_prefix(trimmed) {
            Some(blanks) if trimmed.ends_with('\\') && !blanks.is_empty() => format!("{trimmed} "),
            Some(_) | None => trimmed.to_owned(),
        };
        self.before = before;
        self.content();
    }

    fn content(&mut self) {
        let Self { view, open, text, .. } = self;
        let rest = open.place == Reader::Rest;
        let firm = [
            (Doubt::Expansion, syntax::expands(text, rest)),
            (Doubt::Quoted, open.typed.is_quoted()),
            (Doubt::Pasted, open.typed.has_newlines() || open.typed.is_pasting()),
            (Doubt::Width, view.printed.joined),
            (Doubt::Unreadable, text.contains(char::REPLACEMENT_CHARACTER)),
            (Doubt::Left, view.printed.switched),
            (Doubt::Flooded, view.flooded),
        ];
        let soft = [
            (Doubt::Lines, text.contains('\n')),
            (Doubt::Caret, syntax::has_carets(text)),
            (Doubt::Width, text.chars().any(has_disputed_width)),
            (Doubt::Unbidden, open.unbidden),
            (Doubt::Resized, open.resized),
            (Doubt::Size, view.cut),
        ];
        let holds = |(doubt, is): (Doubt, bool)| is.then_some(doubt);
        self.firm.extend(firm.into_iter().filter_map(holds));
        self.soft.extend(soft.into_iter().filter_map(holds));
    }

    /// Whether the keys explain all of what is shown.
    pub(super) fn is_explained(&self) -> bool {
        self.explained
    }

    /// Whether what was typed last is shown.
    pub(super) fn is_shown(&self) -> bool {
        let typed = &self.open.typed;
        let searching = typed.sought().is_some() && !self.lost;
        self.explained || searching || typed.has_newlines() || typed.ends(&self.before)
    }

    /// What the judge gets.
    pub(super) fn read(mut self, before: Option<&Before>, clock: &Clock, now: Duration) -> Reading {
        let prompt = self.open.prompt.clone();
        // An editor shows a paste when it ends; and what was erased again has been shown.
        let typed = &self.open.typed;
        let hidden = typed.should_show() && self.text.is_empty() && !self.lost;
        let echoed = !self.view.printed.text.trim().is_empty();
        if hidden && !echoed && !typed.is_pasting() {
            return Reading::Secret { prompt };
        }
        let mut doubts = self.open.doubts.clone();
        if self.explained {
            doubts.retain(|doubt| *doubt != Doubt::Crowded);
        } else {
            doubts.append(&mut self.soft);
            if hidden || typed.is_plain() || !self.is_shown() {
                doubts.push(Doubt::Mismatch);
            }
            doubts.extend(clock.doubt(now));
        }
        doubts.append(&mut self.firm);
        let mut text = self.text;
        if let Some(before) = before.filter(|_| self.open.place == Reader::Rest) {
            doubts.extend(&before.doubts);
            if before.text.len() < LONGEST {
                text = format!("{}\n{text}", before.text);
            } else {
                doubts.push(Doubt::Continuation);
            }
        }
        doubts.sort_unstable();
        doubts.dedup();
        let trust = if doubts.is_empty() { Trust::Whole } else { Trust::Doubtful(doubts) };
        Reading::Line(Line { text, prompt, trust })
    }
}
