//! The embed of a card. Quotes get their room first; what does not fit below the title goes into fields.

use serde_json::{Value, json};

use super::super::words::{BREAK, Where, block, fixed, headline, line, long, markdown, strong};
use super::{Offered, note, table};
use crate::card::{Card, Part, Text, Tone};

/// Discord's limits of one embed.
const TITLE: usize = 256;
const DESCRIPTION: usize = 4_096;
const TOTAL: usize = 6_000;
const FIELDS: usize = 25;
const VALUE: usize = 1_024;
/// The longest that a paragraph gets.
const LONG: usize = 1_000;
/// What is put aside for the words about what did not fit.
const SPARE: usize = 200;
/// A text that is no longer than this comes first: a card's own texts are not.
const SHORT: usize = 1_500;
/// The files of a message.
const FILES: usize = 10;

/// What is shown.
pub(super) struct Shown {
    pub(super) embed: Value,
    /// Pictures, and the same as words.
    pub(super) pictures: Vec<(Vec<u8>, String)>,
}

/// The sign before a headline, and the colour beside it. The headline says the same in words.
const fn look(tone: Tone) -> (&'static str, u32) {
    match tone {
        Tone::Asking => ("🔔 ", 0x17_54_96),
        Tone::Good => ("✅ ", 0x14_70_52),
        Tone::Bad => ("⛔ ", 0xa8_43_00),
        Tone::Over => ("", 0x6b_6b_6b),
        Tone::Loud => ("🚨 ", 0xc0_1c_28),
    }
}

/// A quote as it is shown.
struct Quoted {
    text: String,
    whole: bool,
}

/// A text under a label, in at most so many characters; nothing where not even its beginning fits.
fn quote(label: &str, text: &str, room: usize) -> Option<Quoted> {
    let head = if label.is_empty() { String::new() } else { format!("{}\n", strong(&line(label, 100))) };
    let text = fixed(text);
    let whole = format!("{head}{}", block(&text));
    if long(&whole) <= room {
        return Some(Quoted { text: whole, whole: true });
    }
    let left = room.checked_sub(long(&head) + 8 + 60).filter(|left| *left > 20)?;
    let shown: String = text.chars().take(left).collect();
    // Whole lines, where there is more than one.
    let shown = shown.rsplit_once('\n').map_or(shown.as_str(), |(lines, _)| lines);
    let rest: String = text.chars().skip(long(shown)).collect();
    let lines = rest.trim().lines().count();
    let text = format!("{head}{}\n-# … {lines} more lines; open the full text", block(shown));
    Some(Quoted { text, whole: false })
}

/// The quotes of a card, one entry for each part: the short ones whole, and what is left for the long ones.
fn quotes(card: &Card, room: usize) -> Vec<Option<Quoted>> {
    let mut all: Vec<Option<Quoted>> = card.parts.iter().map(|_| None).collect();
    let texts = card.parts.iter().enumerate().filter_map(|(at, part)| match part {
        Part::Quote(label, text) => Some((at, *label, text.as_str())),
        Part::Fact(..)
        | Part::Say(_)
        | Part::Note(_)
        | Part::Table(_)
        | Part::Chart(_)
        | Part::Rule
        | Part::Buttons(_) => None,
    });
    let mut texts: Vec<_> = texts.collect();
    texts.sort_by_key(|(at, _, text)| (long(text) > SHORT, *at));
    let (count, mut left) = (texts.len(), room);
    for (done, (at, label, text)) in texts.into_iter().enumerate() {
        let share = if long(text) > SHORT { left / (count - done) } else { left };
        let quoted = quote(label, text, share.saturating_sub(1));
        left = left.saturating_sub(quoted.as_ref().map_or(0, |quoted| long(&quoted.text) + 1));
        if let Some(place) = all.get_mut(at) {
            *place = quoted;
        }
    }
    all
}

/// What may be agreed to below a card.
pub(super) fn offered(card: &Card) -> Offered {
    let all = quotes(card, DESCRIPTION - SPARE);
    let hidden = |(part, quoted): (&Part, &Option<Quoted>)| {
        matches!(part, Part::Quote(..)) && !quoted.as_ref().is_some_and(|quoted| quoted.whole)
    };
    if card.parts.iter().zip(&all).any(hidden) { Offered::NoAgreement } else { Offered::All }
}

/// An embed that is being filled.
struct Page {
    description: String,
    /// The room below the title that is not put aside for quotes.
    free: usize,
    fields: Vec<Value>,
    /// What is left of the whole.
    total: usize,
    lost: usize,
}

impl Page {
    /// A line below the title; false where there is no room for it.
    fn add(&mut self, text: &str) -> bool {
        let cost = long(text) + 1;
        if !self.fields.is_empty() || cost > self.free || cost > self.total {
            return false;
        }
        self.free -= cost;
        self.total -= cost;
        self.put(text);
        true
    }

    fn put(&mut self, text: &str) {
        if !self.description.is_empty() {
            self.description.push('\n');
        }
        self.description.push_str(text);
    }

    /// A field, where lines have no room any more.
    fn field(&mut self, name: &str, value: &str) {
        let cost = long(name) + long(value);
        if self.fields.len() >= FIELDS || cost > self.total || value.trim().is_empty() {
            self.lost += 1;
            return;
        }
        self.total -= cost;
        self.fields.push(json!({ "name": name, "value": value, "inline": false }));
    }

    fn say(&mut self, text: &str) {
        if !text.trim().is_empty() && !self.add(text) {
            self.field(&BREAK.to_string(), text);
        }
    }

    fn fact(&mut self, name: &str, text: &Text) {
        let value = markdown(text, Where::Within, LONG);
        let name = line(name, 100);
        if !self.add(&format!("{} {value}", strong(&format!("{name}:")))) {
            self.field(&name, &markdown(text, Where::Fresh, LONG));
        }
    }

    fn table(&mut self, rows: &[Vec<String>]) {
        let room = if self.fields.is_empty() { self.free.max(VALUE) } else { VALUE };
        let room = room.min(self.total);
        let (text, left_out) = table(rows, room.saturating_sub(1));
        self.say(&text);
        self.lost += left_out;
    }
}

/// A card's embed. `lost` buttons found no room.
pub(super) fn embed(card: &Card, lost: usize) -> Shown {
    let (sign, colour) = look(card.tone);
    let title = headline(&card.title, sign, TITLE);
    let quotes = quotes(card, DESCRIPTION - SPARE);
    let aside: usize = quotes.iter().flatten().map(|quoted| long(&quoted.text) + 1).sum();
    let mut page = Page {
        description: String::new(),
        free: (DESCRIPTION - SPARE).saturating_sub(aside),
        fields: Vec::new(),
        total: TOTAL.saturating_sub(long(&title) + SPARE + aside),
        lost,
    };
    let mut pictures: Vec<(Vec<u8>, String)> = Vec::new();
    for (part, quoted) in card.parts.iter().zip(quotes) {
        match part {
            Part::Fact(name, text) => page.fact(name, text),
            Part::Say(text) => page.say(&markdown(text, Where::Fresh, LONG)),
            Part::Note(text) => page.say(&note(text, LONG)),
            Part::Table(rows) => page.table(rows),
            Part::Rule => {
                page.add("");
            }
            Part::Chart(chart) => match crate::chart::png(chart) {
                Ok(png) if pictures.len() < FILES => pictures.push((png, chart.words())),
                Ok(_) | Err(_) => page.say(&markdown(&Text::plain(chart.words()), Where::Fresh, LONG)),
            },
            Part::Quote(..) => match quoted {
                Some(quoted) => page.put(&quoted.text),
                None => page.lost += 1,
            },
            Part::Buttons(_) => {}
        }
    }
    let missing = missing(page.lost, offered(card));
    if !missing.is_empty() {
        page.put(&missing);
    }
    let Page { description, fields, .. } = page;
    let mut embed = json!({ "title": title, "fields": fields, "color": colour });
    if let (false, Some(embed)) = (description.is_empty(), embed.as_object_mut()) {
        embed.insert("description".to_owned(), json!(description));
    }
    Shown { embed, pictures }
}

/// What did not fit, in words.
fn missing(count: usize, offered: Offered) -> String {
    let left_out = match count {
        0 => String::new(),
        1 => "-# One more thing does not fit here.".to_owned(),
        count => format!("-# {count} more things do not fit here."),
    };
    match offered {
        Offered::All => left_out,
        Offered::NoAgreement if left_out.is_empty() => {
            "-# Not all of the text fits here, so agreeing is not offered here.".to_owned()
        }
        Offered::NoAgreement => format!("{left_out} Not all of the text fits here, so agreeing is not offered here."),
    }
}
