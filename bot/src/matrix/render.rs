//! A card as a message of Matrix: HTML and the same in plain words, and a line that says what to type for each button,
//! since there are none.
//!
//! A message carries its buttons in a field of ours, so that a reaction to it, or a code that is typed, finds them again.
//! Nobody believes that field: it is read from messages that the bot itself sent, and holds keys that only the store knows.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use workflows::shown::visible;

use super::offer::{self, Offer};
use super::words::{self, Both};
use crate::card::{Button, Card, Chart, Part, Text, Tone};
use crate::form::{Field, FieldKind, Form};

/// The field of ours in a message's content.
pub(super) const FIELD: &str = "org.countersign";
/// An event may have 65,536 bytes, and an edit holds the beginning of its text twice.
const ROOM: usize = 44_000;
/// A command that is shown on a card in one piece ([`crate::render::CARD_TEXT`]) takes less, whatever is in it.
const QUOTE: usize = 22_000;
/// The share of the buttons and of what is small.
const TAIL: usize = 12_000;
/// A page of a form is cut into pieces of this many characters, none of which takes more than a message has.
const PIECE: usize = 1_300;

/// What one message says.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    both: Both,
    loud: BTreeSet<String>,
    offers: Vec<Offer>,
    /// Whether it is a form: buttons in it are not bound to the message of a card.
    form: bool,
    mark: String,
    /// The whole in a sentence.
    summary: String,
}

impl Said {
    /// The content of a new message.
    pub(super) fn content(&self) -> Value {
        let mut ours = json!({ "buttons": self.offers });
        if let Value::Object(ours) = &mut ours {
            if !self.mark.is_empty() {
                ours.insert("mark".to_owned(), json!(self.mark));
            }
            if self.form {
                ours.insert("form".to_owned(), json!(true));
            }
        }
        json!({
            "msgtype": "m.text",
            "body": self.both.plain,
            "format": "org.matrix.custom.html",
            "formatted_body": self.both.html,
            "m.mentions": mentions(&self.loud),
            FIELD: ours,
        })
    }

    /// The content of an edit. Clients that know no edits show the sentence; nobody is notified again.
    pub(super) fn edit(&self, of: &str) -> Value {
        let sentence: String = words::unlinked(&visible(&self.summary)).chars().take(500).collect();
        json!({
            "msgtype": "m.text",
            "body": format!("* {sentence}"),
            "m.mentions": {},
            "m.new_content": self.content(),
            "m.relates_to": { "rel_type": "m.replace", "event_id": of },
        })
    }

    /// With the mark by which it is found.
    pub(super) fn marked(self, mark: &str) -> Self {
        Self { mark: mark.to_owned(), ..self }
    }
}

fn mentions(loud: &BTreeSet<String>) -> Value {
    if loud.is_empty() { json!({}) } else { json!({ "user_ids": loud }) }
}

/// A sentence that answers within the thread of a message.
pub(super) fn in_thread(mut content: Value, root: &str) -> Value {
    if let Value::Object(fields) = &mut content {
        let relation = json!({
            "rel_type": "m.thread", "event_id": root,
            // Clients without threads show an answer instead.
            "is_falling_back": true, "m.in_reply_to": { "event_id": root },
        });
        fields.insert("m.relates_to".to_owned(), relation);
    }
    content
}

/// A card as one message.
pub(super) fn card(card: &Card) -> Said {
    let buttons: Vec<&Button> = card.all_buttons().collect();
    let (offers, how) = offer::all(&buttons);
    let mut both = head(&card.title, card.tone);
    let mut over = 0;
    let room = ROOM - TAIL;
    for part in &card.parts {
        let piece = match part {
            Part::Quote(name, text) => quote(name, text, QUOTE.min(room.saturating_sub(both.size()))),
            Part::Fact(..)
            | Part::Say(_)
            | Part::Note(_)
            | Part::Table(_)
            | Part::Chart(_)
            | Part::Rule
            | Part::Buttons(_) => small(part),
        };
        if both.size() + piece.size() > room {
            over += 1;
        } else {
            both.push(&piece);
        }
    }
    if over > 0 {
        both.push(&note(&words::plain(&format!("{over} more parts are not shown here: there is no room for them"))));
    }
    push_within(&mut both, how, ROOM);
    Said { both, loud: loud(card), offers, form: false, mark: String::new(), summary: card.summary.clone() }
}

/// A form as messages: what stands above the fields, whole, then what can be typed.
pub(super) fn form(form: &Form) -> Vec<Said> {
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
    let (offers, how) = offer::all(&buttons);
    let mut pieces = vec![head(&Text::plain(form.title.clone()), Tone::Asking)];
    for part in &form.parts {
        if let Part::Quote(name, text) = part {
            pieces.extend(whole(name, text));
        } else {
            pieces.push(small(part));
        }
    }
    pieces.extend(form.fields.iter().map(field));
    let empty = || Said { form: true, summary: form.title.clone(), ..Said::default() };
    let mut said = vec![empty()];
    for piece in &pieces {
        if said.last().is_some_and(|last| last.both.size() + piece.size() > ROOM - TAIL) {
            said.push(empty());
        }
        if let Some(last) = said.last_mut() {
            last.both.push(piece);
        }
    }
    if let Some(last) = said.last_mut() {
        push_within(&mut last.both, how, ROOM);
        last.offers = offers;
    }
    said
}

/// Charts of a card, which are posted as pictures below it.
pub(super) fn charts(card: &Card) -> impl Iterator<Item = &Chart> {
    card.parts.iter().filter_map(|part| match part {
        Part::Chart(chart) => Some(chart),
        Part::Fact(..)
        | Part::Say(_)
        | Part::Quote(..)
        | Part::Note(_)
        | Part::Table(_)
        | Part::Rule
        | Part::Buttons(_) => None,
    })
}

/// The lines of the buttons, as far as there is room.
fn push_within(both: &mut Both, lines: Vec<Both>, room: usize) {
    let mut left = 0;
    for line in lines {
        if both.size() + line.size() + 200 <= room {
            both.push(&line);
        } else {
            left += 1;
        }
    }
    if left > 0 {
        both.push(&note(&words::plain(&format!("{left} more can't be shown here"))));
    }
}

fn loud(card: &Card) -> BTreeSet<String> {
    let inside = card.parts.iter().filter_map(|part| match part {
        Part::Fact(_, text) | Part::Say(text) | Part::Note(text) => Some(text),
        Part::Quote(..) | Part::Table(_) | Part::Chart(_) | Part::Rule | Part::Buttons(_) => None,
    });
    let all = inside.chain([&card.title]).flat_map(words::loud);
    all.take(20).map(str::to_owned).collect()
}

/// The headline. The sign before it also keeps a client from taking it for the beginning of a quoted answer.
fn head(title: &Text, tone: Tone) -> Both {
    let sign = match tone {
        Tone::Asking => "❓",
        Tone::Good => "✔️",
        Tone::Bad => "⛔",
        Tone::Over => "▪️",
        Tone::Loud => "🚨",
    };
    let mut title = words::text(title);
    if title.size() > TAIL {
        title = words::plain("Its title is too long to be shown");
    }
    Both::new(format!("<p>{sign} <strong>{}</strong></p>", title.html), format!("{sign} {}\n", title.plain))
}

fn note(inner: &Both) -> Both {
    Both::new(format!("<p><em>{}</em></p>", inner.html), format!("{}\n", inner.plain))
}

fn small(part: &Part) -> Both {
    match part {
        Part::Fact(name, text) => {
            let (name, value) = (words::plain(name), words::text(text));
            let plain = format!("{}: {}\n", name.plain, value.plain);
            Both::new(format!("<p><strong>{}:</strong> {}</p>", name.html, value.html), plain)
        }
        Part::Say(text) => paragraph(&words::text(text)),
        Part::Note(text) => note(&words::text(text)),
        Part::Table(rows) => table(rows),
        Part::Chart(chart) => paragraph(&words::plain(&chart.words())),
        Part::Rule => Both::new("<hr>", "\n"),
        // They stand at the end, with the others.
        Part::Buttons(_) => Both::default(),
        Part::Quote(name, text) => quote(name, text, QUOTE),
    }
}

fn paragraph(inner: &Both) -> Both {
    Both::new(format!("<p>{}</p>", inner.html), format!("{}\n", inner.plain))
}

fn named(name: &str, mut text: Both) -> Both {
    if !name.is_empty() {
        let name = words::plain(name);
        text.html = format!("<p><strong>{}:</strong></p>{}", name.html, text.html);
        text.plain = format!("{}:\n{}", name.plain, text.plain);
    }
    text
}

/// Somebody's text within `room`; if there is more of it, that is said.
fn quote(name: &str, text: &str, room: usize) -> Both {
    let all = named(name, words::block(text));
    if all.size() <= room {
        return all;
    }
    // A character takes at most 22 bytes of both forms together: `\u{10ffff}`, written out twice.
    let most = (room / 24).min(PIECE);
    let (shown, rest) = text.char_indices().nth(most).map_or((text, ""), |(at, _)| text.split_at(at));
    let mut both = named(name, words::block(shown));
    let lines = rest.lines().count();
    both.push(&note(&words::plain(&format!("… {lines} more lines; open the full text"))));
    both
}

/// All of somebody's text, in pieces of whole lines where it can be.
fn whole(name: &str, text: &str) -> Vec<Both> {
    let mut pieces = vec![String::new()];
    let mut room = PIECE;
    for line in text.split_inclusive('\n') {
        let letters: Vec<char> = line.chars().collect();
        for part in letters.chunks(PIECE) {
            if part.len() > room {
                pieces.push(String::new());
                room = PIECE;
            }
            room -= part.len();
            if let Some(piece) = pieces.last_mut() {
                piece.extend(part);
            }
        }
    }
    let count = pieces.len();
    let label = |at: usize| if count > 1 { format!("{name}, part {} of {count}", at + 1) } else { name.to_owned() };
    pieces.iter().enumerate().map(|(at, piece)| named(&label(at), words::block(piece))).collect()
}

fn table(rows: &[Vec<String>]) -> Both {
    let mut both = Both::new("<table>", "");
    for (at, row) in rows.iter().enumerate() {
        let tag = if at == 0 { "th" } else { "td" };
        let cells: Vec<Both> = row.iter().map(|cell| words::plain(cell)).collect();
        let html: Vec<String> = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", cell.html)).collect();
        let plain: Vec<&str> = cells.iter().map(|cell| cell.plain.as_str()).collect();
        both.push(&Both::new(format!("<tr>{}</tr>", html.concat()), format!("{}\n", plain.join(" · "))));
    }
    both.push(&Both::new("</table>", ""));
    both
}

/// What a field asks for. It is typed, with the command that the desk names.
fn field(field: &Field) -> Both {
    let mut text = Text::default().strong(field.label.clone());
    if !field.hint.is_empty() {
        text = text.say(format!(" ({})", field.hint));
    }
    if let FieldKind::Choice(options) = &field.kind {
        let options: Vec<&str> = options.iter().map(|(value, _)| value.as_str()).collect();
        text = text.say(format!(": {}", options.join(", ")));
    }
    small(&Part::Say(text))
}

/// A file, with a sentence for those who do not see it.
pub(super) fn file(kind: &str, name: &str, words: &str, url: &str, info: &Value) -> Value {
    let sentence: String = words::unlinked(&visible(words)).chars().take(4_000).collect();
    json!({ "msgtype": kind, "body": sentence, "filename": name, "url": url, "info": info, "m.mentions": {} })
}
