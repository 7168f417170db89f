//! The exact grammar of an ask, which may be sent as it is:
//!
//! `access TARGET [read|write|admin] DURATION [for PERSON] because REASON`, the parts before `because` in any order.

use workflows::clock::Span;
use workflows::target::{Access, TargetName};

use super::words::person;
use super::{Said, level, name, span};

/// What the grammar found.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) target: Option<TargetName>,
    pub(super) level: Option<Access>,
    pub(super) span: Option<Span>,
    pub(super) person: Option<String>,
}

/// Reads the words before the reason; none unless every one of them is understood.
pub(super) fn strict(said: Said<'_>) -> Option<Parts> {
    let mut parts = Parts::default();
    let mut at = 0;
    while let Some(word) = said.words.get(at) {
        let here = said.after(at);
        let named = name::exact(word, said.names);
        let next_named = said.words.get(at + 1).is_some_and(|next| name::exact(next, said.names).is_some());
        at += if let (Some(name), None) = (named, &parts.target) {
            parts.target = Some(name.clone());
            1
        } else if let (Some((level, used)), None) = (level::read(here.words), parts.level) {
            parts.level = Some(level);
            used
        } else if let (Some(span::Reading::Span(span, used)), None) = (span::read(here.words), parts.span) {
            parts.span = Some(span);
            used
        } else if word.key() == "for" {
            let timed =
                parts.span.is_none() && matches!(span::read(here.after(1).words), Some(span::Reading::Span(..)));
            match said.words.get(at + 1).and_then(person) {
                Some(who) if parts.person.is_none() => {
                    parts.person = Some(who);
                    2
                }
                Some(_) | None if timed => 1,
                Some(_) | None => return None,
            }
        } else if word.name == "to" && parts.target.is_none() && next_named {
            1
        } else {
            return None;
        };
    }
    Some(parts)
}
