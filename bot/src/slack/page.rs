//! A page of blocks that is filled from top to bottom and never runs over what Slack takes.
//!
//! Slack counts the blocks of a message, and all of their JSON together (undocumented: 13,200 characters, bolt-js issues
//! 2509 and 2867); so does this, after escaping.

use serde_json::{Value, json};

use super::buttons::{Names, actions};
use super::quote::{self, Quoted};
use super::rich;
use super::tables;
use crate::card::{Button, Chart, Text};

/// The characters of one block of text; Slack takes 3,000.
pub(super) const IN_BLOCK: usize = 2_900;
/// The characters of one paragraph.
const PARAGRAPH: usize = 2_000;
/// What Slack adds to each block: an id.
const ADDED: usize = 30;

/// Where blocks stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surface {
    /// A message.
    Message,
    /// A modal, or somebody's home page: neither has tables and charts.
    View,
}

/// How charts are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charts<'a> {
    /// Slack draws them.
    Drawn,
    /// As pictures that were uploaded, one for each chart of the card where there is one.
    Pictures(&'a [Option<String>]),
    /// As words.
    Words,
}

/// How tables are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tables {
    /// As such.
    Drawn,
    /// As text in fixed width.
    Text,
}

/// How a card is to be shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    pub(super) surface: Surface,
    pub(super) tables: Tables,
    pub(super) charts: Charts<'a>,
}

impl Look<'_> {
    /// A message as Slack shows it best.
    pub(super) const MESSAGE: Self = Self { surface: Surface::Message, tables: Tables::Drawn, charts: Charts::Drawn };
    /// A message of which every Slack takes each part.
    pub(super) const SIMPLE: Self = Self { surface: Surface::Message, tables: Tables::Text, charts: Charts::Words };
    /// A modal or a home page.
    pub(super) const VIEW: Self = Self { surface: Surface::View, tables: Tables::Text, charts: Charts::Words };

    /// The most blocks, with some left for what is added at the end.
    pub(super) const fn blocks(&self) -> usize {
        match self.surface {
            Surface::Message => 47,
            Surface::View => 90,
        }
    }

    /// The most JSON, in characters.
    pub(super) const fn room(&self) -> usize {
        match self.surface {
            Surface::Message => 12_400,
            Surface::View => 180_000,
        }
    }
}

/// What a value takes of the room.
pub(super) fn weight(value: &Value) -> usize {
    value.to_string().chars().count() + 1
}

/// A page under way.
#[derive(Debug)]
pub(super) struct Page<'a> {
    look: Look<'a>,
    blocks: Vec<Value>,
    /// How many more blocks there may be beside quotes.
    slots: usize,
    /// What is left for everything but quotes.
    room: usize,
    paragraph: Vec<Value>,
    in_paragraph: usize,
    tables: usize,
    charts: usize,
    omitted: usize,
}

impl<'a> Page<'a> {
    /// An empty page. `slots` for blocks and `room` are what quotes and buttons leave.
    pub(super) const fn new(look: Look<'a>, slots: usize, room: usize) -> Self {
        Self {
            look,
            blocks: Vec::new(),
            slots,
            room,
            paragraph: Vec::new(),
            in_paragraph: 0,
            tables: 0,
            charts: 0,
            omitted: 0,
        }
    }

    /// Ends the paragraph.
    fn flush(&mut self) {
        if !self.paragraph.is_empty() {
            let section = rich::section(&std::mem::take(&mut self.paragraph));
            self.blocks.push(rich::block(&[section]));
            self.in_paragraph = 0;
        }
    }

    /// Whether one more block of this weight fits, and if so, takes the room.
    fn takes(&mut self, weight: usize) -> bool {
        let fits = self.slots > 0 && weight + ADDED <= self.room;
        if fits {
            self.room -= weight + ADDED;
            self.slots -= 1;
        } else {
            self.omitted += 1;
        }
        fits
    }

    /// Adds a block, or counts it as left out.
    pub(super) fn push(&mut self, block: Value) {
        if self.takes(weight(&block)) {
            self.flush();
            self.blocks.push(block);
        }
    }

    /// A paragraph, perhaps with a name before it. Paragraphs that follow each other share a block.
    pub(super) fn say(&mut self, name: Option<&str>, text: &Text) {
        // Escaping may double what there is.
        let most = PARAGRAPH.min(self.room / 2);
        let mut elements = Vec::new();
        if let Some(name) = name {
            elements.push(rich::strong(&format!("{name}: ")));
        }
        elements.extend(rich::inline(text, most));
        if elements.is_empty() {
            return;
        }
        let long = elements.iter().map(rich::long).sum();
        if self.in_paragraph + long > IN_BLOCK {
            self.flush();
        }
        let cost = weight(&json!(elements)) + 100;
        if self.paragraph.is_empty() {
            if self.takes(cost) {
                self.paragraph = elements;
                self.in_paragraph = long;
            }
        } else if cost <= self.room {
            self.room -= cost;
            self.paragraph.push(rich::next_line());
            self.paragraph.extend(elements);
            self.in_paragraph += long;
        } else {
            self.omitted += 1;
        }
    }

    /// Something small.
    pub(super) fn note(&mut self, text: &Text) {
        if rich::is_plain(text) {
            self.push(small(&text.words()));
        } else {
            self.flush();
            self.say(None, text);
            self.flush();
        }
    }

    /// Somebody else's text, whose room was put aside.
    pub(super) fn quote(&mut self, quoted: &Quoted) {
        self.flush();
        self.blocks.extend(quoted.blocks.iter().cloned());
    }

    /// A quote for which no room could be put aside.
    pub(super) const fn omit(&mut self) {
        self.omitted += 1;
    }

    /// A table. One of a message is Slack's own, where it fits.
    pub(super) fn table(&mut self, rows: &[Vec<String>]) {
        if self.look.tables == Tables::Drawn
            && self.tables == 0
            && let Some((table, left_out)) = tables::table(rows, self.room.saturating_sub(200))
        {
            self.tables += 1;
            self.push(table);
            if left_out > 0 {
                self.push(small(&format!("{left_out} more rows do not fit here.")));
            }
            return;
        }
        self.fixed(&tables::text(rows));
    }

    /// Text in fixed width that is ours, cut where it does not fit.
    fn fixed(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match quote::quote("", text, self.room, self.slots) {
            Some(quoted) => {
                self.room = self.room.saturating_sub(quoted.weight);
                self.slots = self.slots.saturating_sub(quoted.blocks.len());
                self.quote(&quoted);
            }
            None => self.omitted += 1,
        }
    }

    /// A chart.
    pub(super) fn chart(&mut self, chart: &Chart) {
        let at = self.charts;
        self.charts += 1;
        let drawn = match self.look.charts {
            // Slack draws two in a message.
            Charts::Drawn if at < 2 => tables::chart(chart),
            Charts::Pictures(files) => {
                files.get(at).and_then(Option::as_ref).map(|file| tables::picture(chart, file))
            }
            Charts::Drawn | Charts::Words => None,
        };
        match drawn {
            Some(block) => self.push(block),
            None => self.say(None, &Text::plain(chart.words())),
        }
    }

    /// A row of buttons.
    pub(super) fn buttons(&mut self, buttons: &[&Button], more: &[&Button], names: &mut Names) {
        let (block, omitted) = actions(buttons, more, self.room.saturating_sub(ADDED), names);
        self.omitted += omitted;
        if let Some(block) = block {
            self.push(block);
        }
    }

    /// The blocks, and how many things did not fit.
    pub(super) fn finish(mut self) -> (Vec<Value>, usize) {
        self.flush();
        (self.blocks, self.omitted)
    }
}

/// A small line of plain text.
pub(super) fn small(text: &str) -> Value {
    json!({ "type": "context", "elements": [rich::plain(text, 1_900)] })
}
