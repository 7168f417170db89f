//! Forms: as a modal where there is something to fill in, as messages for one person where there is only something to read.

use serde_json::{Value, json};
use workflows::shown::visible;

use super::components::{Message, Offered, body, rows, table};
use super::words::{NOTHING, Where, block, cut, fixed, line, long, markdown, strong};
use crate::card::{Button, Part, Text};
use crate::form::{Field, FieldKind, Form, Need};

/// The longest line, and the longest text.
const LINE: usize = 100;
const LINES: usize = 1_000;
/// The rows of a modal.
const ROWS: usize = 5;
/// The messages that a text is split over, and what stands in each.
const PAGES: usize = 10;
const PAGE: usize = 1_900;
/// The longest file, in bytes; Discord takes 10 MiB.
const FILE: usize = 8 << 20;

/// A form as a modal. What stands above its fields has no room there; the hints say what to type.
pub(super) fn modal(form: &Form) -> Value {
    let fields: Vec<Value> = form.fields.iter().take(ROWS).map(row).collect();
    let id: String = format!("{}|{}", form.name.as_str(), form.key).chars().take(100).collect();
    json!({ "title": line(&form.title, 45), "custom_id": id, "components": fields })
}

fn row(field: &Field) -> Value {
    let several = matches!(field.kind, FieldKind::Lines);
    let hint = match &field.kind {
        FieldKind::Choice(options) => options.iter().map(|(value, _)| value.as_str()).collect::<Vec<_>>().join(", "),
        FieldKind::Line | FieldKind::Lines | FieldKind::Search | FieldKind::Person => field.hint.clone(),
    };
    let value = field.value.trim();
    // What is proposed is never cut where there is room for it.
    let most = if several { LINES } else { LINE.max(long(value).min(LINES)) };
    let value = match (value.is_empty(), several) {
        (true, _) => String::new(),
        (false, true) => cut(value, most),
        (false, false) => line(value, most),
    };
    let mut input = json!({
        "type": 4, "custom_id": field.name, "label": line(&field.label, 45), "style": if several { 2 } else { 1 },
        "required": field.need == Need::Required, "max_length": most,
    });
    if let Some(input) = input.as_object_mut() {
        if !value.is_empty() {
            input.insert("value".to_owned(), json!(value));
        }
        if !hint.trim().is_empty() {
            input.insert("placeholder".to_owned(), json!(line(&hint, 100)));
        }
    }
    json!({ "type": 1, "components": [input] })
}

/// Pages that are being filled.
struct Pages {
    texts: Vec<String>,
    offered: Offered,
}

impl Pages {
    /// Adds a text of at most [`PAGE`] characters; false where there is no page left for it.
    fn add(&mut self, text: &str) -> bool {
        if text.is_empty() {
            return true;
        }
        if let Some(page) = self.texts.last_mut()
            && long(page) + long(text) < PAGE
        {
            page.push('\n');
            page.push_str(text);
            return true;
        }
        if self.texts.len() >= PAGES {
            return false;
        }
        self.texts.push(text.to_owned());
        true
    }

    fn quote(&mut self, label: &str, text: &str) {
        self.add(&if label.is_empty() { String::new() } else { strong(&line(label, 200)) });
        for piece in pieces(text) {
            if !self.add(&block(&piece)) {
                self.offered = Offered::NoAgreement;
                return;
            }
        }
    }

    fn part(&mut self, part: &Part) {
        let fits = match part {
            Part::Fact(name, text) => {
                let name = strong(&format!("{}:", line(name, 200)));
                let value = markdown(text, Where::Within, PAGE - 20 - long(&name));
                self.add(&format!("{name} {value}"))
            }
            Part::Say(text) => self.add(&markdown(text, Where::Fresh, PAGE - 10)),
            Part::Note(text) => self.add(&super::components::note(text, PAGE - 10)),
            Part::Table(all) => self.add(&table(all, PAGE - 10).0),
            Part::Chart(chart) => self.add(&markdown(&Text::plain(chart.words()), Where::Fresh, PAGE - 10)),
            Part::Quote(label, text) => {
                self.quote(label, text);
                true
            }
            Part::Rule | Part::Buttons(_) => true,
        };
        if !fits {
            self.offered = Offered::NoAgreement;
        }
    }
}

/// A text in pieces that each fit into a block on a page of their own, cut between lines where it can be.
fn pieces(text: &str) -> Vec<String> {
    let room = PAGE - 20;
    let text = fixed(text);
    let mut all = vec![String::new()];
    let mut used = 0;
    for line in text.split_inclusive('\n') {
        let chars: Vec<char> = line.chars().collect();
        for part in chars.chunks(room) {
            if used + part.len() > room {
                all.push(String::new());
                used = 0;
            }
            if let Some(last) = all.last_mut() {
                last.extend(part);
            }
            used += part.len();
        }
    }
    // The break before the end of a block is the block's own.
    all.into_iter().map(|piece| piece.strip_suffix('\n').map_or(piece.clone(), str::to_owned)).collect()
}

/// The texts of a form as a file, for when they are too long for messages; none where a file is too small as well.
fn file(form: &Form) -> Option<(String, Vec<u8>)> {
    let text = |part: &Part| match part {
        Part::Quote(label, text) => Some(format!("{label}\n\n{}\n\n", visible(text))),
        Part::Fact(..)
        | Part::Say(_)
        | Part::Note(_)
        | Part::Table(_)
        | Part::Chart(_)
        | Part::Rule
        | Part::Buttons(_) => None,
    };
    let texts: String = form.parts.iter().filter_map(text).collect();
    (1..=FILE).contains(&texts.len()).then(|| ("text.txt".to_owned(), texts.into_bytes()))
}

/// A form without fields as messages; its buttons are on the last.
pub(super) fn pages(form: &Form) -> Vec<Message> {
    let title = if form.title.trim().is_empty() { NOTHING } else { &form.title };
    let mut pages = Pages { texts: vec![strong(&line(title, 45))], offered: Offered::All };
    for part in &form.parts {
        pages.part(part);
    }
    let file = if pages.offered == Offered::NoAgreement { file(form) } else { None };
    if pages.offered == Offered::NoAgreement
        && let Some(last) = pages.texts.last_mut()
    {
        last.push_str("\n-# Not all of the text fits here, so agreeing is not offered here.");
        last.push_str(if file.is_some() { " The file has the whole text." } else { "" });
    }
    let inside = form.parts.iter().flat_map(|part| match part {
        Part::Buttons(buttons) => buttons.as_slice(),
        Part::Fact(..)
        | Part::Say(_)
        | Part::Quote(..)
        | Part::Note(_)
        | Part::Table(_)
        | Part::Chart(_)
        | Part::Rule => &[],
    });
    let buttons: Vec<&Button> = inside.chain(&form.buttons).collect();
    let (buttons, _) = rows(&buttons, pages.offered);
    let count = pages.texts.len();
    let mut messages = Vec::new();
    for (at, text) in pages.texts.iter().enumerate() {
        let rows = if at + 1 == count { buttons.clone() } else { Vec::new() };
        messages.push(Message { body: body(text, &[], &rows, &[]), files: Vec::new() });
    }
    if let (Some(last), Some((name, bytes))) = (messages.last_mut(), file) {
        if let Some(described) = last.body.get_mut("attachments") {
            *described = json!([{ "id": 0, "filename": name }]);
        }
        last.files.push((name, bytes));
    }
    messages
}
