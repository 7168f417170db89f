//! What stands for buttons: a reaction, and a line to type. `CODE` is the end of what the button carries.

use serde::{Deserialize, Serialize};

use super::words::{self, Both};
use crate::card::{Button, Verb};
use crate::render::WITH_SHAPE;

/// So many buttons are told; cards have far fewer.
const MOST: usize = 40;
/// The letters of a code.
const CODE: usize = 8;

/// A button, as a message carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Offer {
    /// [`Verb::as_str`].
    pub(super) verb: String,
    /// What it is about.
    pub(super) key: String,
    /// Which of several.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) choice: String,
    /// What is asked back before it counts: such a button has to be typed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) sure: bool,
}

/// The end of a key.
pub(super) fn code(key: &str) -> &str {
    let at = key.char_indices().rev().nth(CODE - 1).map_or(0, |(at, _)| at);
    key.get(at..).unwrap_or(key)
}

/// Whether a word is the end of a key.
pub(super) fn is_code_of(word: &str, key: &str) -> bool {
    !key.is_empty() && (word.eq_ignore_ascii_case(code(key)) || word.eq_ignore_ascii_case(key))
}

/// Which button a check mark presses: the one that agrees to what the message asks.
pub(super) fn agreed(offers: &[Offer]) -> Option<&Offer> {
    let first = |verb: Verb| offers.iter().find(move |one| one.verb == verb.as_str());
    first(Verb::Approve).or_else(|| first(Verb::Send)).or_else(|| first(Verb::Reviewed))
}

/// The verb as it is typed.
pub(super) fn typed(verb: Verb) -> String {
    verb.as_str().replace('_', "-")
}

/// The verb that a word names.
pub(super) fn verb(word: &str) -> Option<Verb> {
    Verb::parse(&word.to_ascii_lowercase().replace('-', "_"))
}

/// The line that does the same as a button.
fn line(button: &Button, nth: Option<usize>) -> String {
    let code = code(&button.key);
    let verb = typed(button.verb);
    let line = match button.verb {
        Verb::Approve
        | Verb::ApproveForSession
        | Verb::Open
        | Verb::Next
        | Verb::Claim
        | Verb::Escalate
        | Verb::Withdraw
        | Verb::Nudge
        | Verb::Edit
        | Verb::Send
        | Verb::Discard
        | Verb::Done
        | Verb::Connect
        | Verb::Reviewed
        | Verb::Act => format!("!{verb} {code}"),
        Verb::ApproveLess => format!("!approve {code} {}", less(&button.choice)),
        Verb::ApproveAgain => format!("!approve {code} {}", again(&button.choice)),
        Verb::Ask => format!("!ask {code} QUESTION"),
        Verb::Answer => format!("!answer {code} WORDS"),
        Verb::Deny | Verb::Revoke => format!("!{verb} {code} because WHY"),
        Verb::Delegate => format!("!delegate {code} to PERSON"),
        Verb::Extend if button.choice.is_empty() => format!("!extend {code} 30m because WHY"),
        Verb::Extend => format!("!extend {code} {} because WHY", button.choice),
        Verb::Request => "!access TARGET 1h because WHY".to_owned(),
        Verb::Mine | Verb::Link => format!("!{verb}"),
    };
    nth.map_or(line.clone(), |nth| format!("{line} {nth}"))
}

/// A shorter time or a lower level, as it is typed.
fn less(choice: &str) -> &str {
    let rest = choice.get(1..).filter(|rest| !rest.is_empty());
    rest.filter(|_| choice.starts_with(['s', 'l'])).unwrap_or("30m")
}

/// What may pass again, as it is typed.
fn again(choice: &str) -> &'static str {
    if choice == WITH_SHAPE { "exact 10m, or shape 10m in its place" } else { "exact 10m" }
}

/// The buttons as a message carries them, and the lines that say what to do instead.
pub(super) fn all(buttons: &[&Button]) -> (Vec<Offer>, Vec<Both>) {
    let buttons = buttons.get(..MOST).unwrap_or(buttons);
    let offer = |button: &&Button| Offer {
        verb: button.verb.as_str().to_owned(),
        key: button.key.clone(),
        choice: button.choice.clone(),
        sure: button.confirm.is_some(),
    };
    let offers: Vec<Offer> = buttons.iter().map(offer).collect();
    let checked = agreed(&offers).filter(|one| !one.sure);
    let mut lines = Vec::new();
    for (at, (button, offer)) in buttons.iter().zip(&offers).enumerate() {
        let same = |other: &&&Button| other.verb == button.verb && other.key == button.key;
        let counted = buttons.iter().filter(same).count() > 1;
        let before = buttons.get(..at).unwrap_or_default().iter().filter(same).count();
        let line = words::code(&line(button, counted.then_some(before + 1)));
        let label = words::plain(&button.label);
        let react = if checked.is_some_and(|one| std::ptr::eq(one, offer)) { "react with ✅, or " } else { "" };
        let confirm = button.confirm.as_ref().map(|text| words::plain(text)).unwrap_or_default();
        let gap = if confirm.plain.is_empty() { "" } else { " " };
        let html = format!("<br><strong>{}</strong>{gap}{}: {react}type {}", label.html, confirm.html, line.html);
        lines.push(Both::new(html, format!("- {}{gap}{}: {react}type {}\n", label.plain, confirm.plain, line.plain)));
    }
    (offers, lines)
}
