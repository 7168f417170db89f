//! From what is in the store to cards. Pure: everything that a card says is handed in.

mod digest;
mod grant;
mod request;

pub use digest::digest;
pub use grant::{alarm, grant, reminder};
pub use request::{Reader, View, request};
pub(crate) use request::{WITH_SHAPE, is_long, run, shape};

use workflows::shown::visible;

use crate::card::{Button, Verb, Weight};

/// So much of a held text is shown on a card; what is longer has to be opened, and only then is Approve offered (G8).
/// Every platform shows this much in one piece.
pub const CARD_TEXT: usize = 1_500;
/// So much of it stands on one page of the form that opens it.
pub const PAGE_TEXT: usize = 9_000;

/// A text of others on one line, made visible; at most `most` characters, and said so where it is cut.
pub(crate) fn brief(text: &str, most: usize) -> String {
    let line = visible(text).split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most {
        return line;
    }
    line.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// A button with the usual look.
pub(crate) fn button(verb: Verb, label: impl Into<String>, spoken: &str, key: &str) -> Button {
    Button {
        verb,
        label: label.into(),
        spoken: brief(spoken, 75),
        weight: Weight::Normal,
        key: key.to_owned(),
        choice: String::new(),
        confirm: None,
    }
}

/// The pages of a long text, each of whole lines where it can be. Together they are the text.
pub fn pages(text: &str) -> Vec<String> {
    let mut pages = vec![String::new()];
    let mut room = PAGE_TEXT;
    for line in text.split_inclusive('\n') {
        let long: Vec<char> = line.chars().collect();
        for piece in long.chunks(PAGE_TEXT) {
            if piece.len() > room {
                pages.push(String::new());
                room = PAGE_TEXT;
            }
            room = room.saturating_sub(piece.len());
            if let Some(page) = pages.last_mut() {
                page.extend(piece);
            }
        }
    }
    pages
}

#[cfg(test)]
pub(crate) mod tests;
