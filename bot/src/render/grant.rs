//! A grant as a card: how to use it, that it ends soon, that it is over; and the alarm when the glass was broken.

use workflows::grant::{Ended, Grant};
use workflows::request::Request;
use workflows::shown::visible;

use super::button;
use crate::card::{Button, Card, Part, Text, Tone, Verb, Weight, utc};

/// The card of whoever holds it.
pub fn grant(grant: &Grant, key: &str) -> Card {
    let target = grant.target.to_string();
    let access = grant.access;
    let Some(ended) = &grant.ended else {
        let summary = format!("You have {access} access to {target} until {}.", utc(grant.until));
        let title =
            Text::default().say("You have ").strong(access.as_str().to_uppercase()).say(" on ").code(target.clone());
        let mut card = Card {
            title: title.say(" until ").moment(grant.until),
            tone: Tone::Good,
            ..Card::saying(Tone::Good, summary)
        };
        card.parts
            .push(Part::Fact("Connect with", Text::default().code(format!("countersign connect {target} -- psql"))));
        card.parts.push(Part::Note(Text::plain(grant.id.to_string())));
        if !grant.emergency {
            card.buttons.push(button(Verb::Extend, "Extend…", &format!("Ask for more time on {target}"), key));
        }
        card.buttons.push(button(Verb::Done, "I'm done", &format!("End your access to {target} now"), key));
        return card;
    };
    let (words, because) = match ended {
        Ended::Expired { at } => (format!("Your {access} access to {target} ended at {}.", utc(*at)), None),
        Ended::Revoked { at, by, because } => {
            let by = if by.id == grant.to.id { "you".to_owned() } else { visible(&by.name) };
            (format!("Your {access} access to {target} was ended by {by} at {}.", utc(*at)), Some(because))
        }
    };
    let card = Card::saying(Tone::Over, words);
    match because {
        Some(because) => card.with(Part::Quote("Because", visible(because))),
        None => card,
    }
}

/// That it ends soon. Once it has ended, nothing is left to press.
pub fn reminder(grant: &Grant, key: &str) -> Card {
    if grant.ended.is_some() {
        return self::grant(grant, key);
    }
    let target = grant.target.to_string();
    let summary = format!("Your {} access to {target} ends at {}.", grant.access, utc(grant.until));
    let title = Text::default().say("Your access to ").code(target.clone()).say(" ends ").moment(grant.until);
    let mut card = Card { title, ..Card::saying(Tone::Asking, summary) };
    if !grant.emergency {
        card.buttons.push(button(Verb::Extend, "Extend…", &format!("Ask for more time on {target}"), key));
    }
    card.buttons.push(button(Verb::Done, "I'm done", &format!("End your access to {target} now"), key));
    card
}

/// That somebody broke the glass: loud, and with the way to take it away (G14).
pub fn alarm(grant: &Grant, request: Option<&Request>, key: &str) -> Card {
    let (who, target) = (visible(&grant.to.name), grant.target.to_string());
    let summary = format!("BREAK-GLASS: {who} took {} access to {target}, until {}.", grant.access, utc(grant.until));
    let title = Text::default().strong("BREAK-GLASS").say(": ").strong(who.clone()).say(" took ");
    let title = title.strong(grant.access.as_str().to_uppercase()).say(" on ").code(target.clone());
    let mut card = Card { title: title.say(" until ").moment(grant.until), ..Card::saying(Tone::Loud, summary) };
    if let Some(request) = request {
        card.parts.push(Part::Quote("Why", visible(&request.why)));
    }
    match &grant.ended {
        None => {
            let revoke = button(Verb::Revoke, "Revoke…", &format!("End the break-glass access of {who} now"), key);
            card.buttons.push(Button { weight: Weight::Danger, ..revoke });
            let words = "Nobody agreed to this beforehand. It is recorded strictly, and somebody else owes a review within a day.";
            card.parts.push(Part::Say(Text::plain(words)));
        }
        Some(Ended::Expired { at }) => card.parts.push(Part::Fact("State", Text::plain("Ended ").moment(*at))),
        Some(Ended::Revoked { at, by, .. }) => {
            let words = format!("Revoked by {} ", visible(&by.name));
            card.parts.push(Part::Fact("State", Text::plain(words).moment(*at)));
        }
    }
    card
}
