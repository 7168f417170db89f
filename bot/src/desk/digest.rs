//! What managers do with their digest.

use workflows::digest::{Action, Review, Verb as Does};
use workflows::engine::CardRow;
use workflows::id::DigestId;
use workflows::shown::visible;

use super::{Answer, Desk, DeskError, Known};
use crate::card::{Card, Part, Text, Tone, Verb};
use crate::courier::roles;
use crate::render;

impl Desk {
    /// A digest, as typed: the one of a week, or the last.
    pub(super) async fn digest(&self, known: &Known<'_>, week: Option<&str>) -> Answer {
        let week = match week {
            None => None,
            Some(text) => {
                let week = text.to_uppercase().parse();
                Some(week.map_err(|error: workflows::digest::WeekError| DeskError::told(error.to_string()))?)
            }
        };
        let workflows = &self.courier.workflows;
        let given = workflows.digest(&known.who, None, week).await.map_err(|error| DeskError::of(&error))?;
        let Some(filed) = given.filed else {
            return Ok(Some(Card::saying(Tone::Over, visible(&given.digest.summary))));
        };
        let (at, place) = (known.back.who.chat, &known.back.who.user);
        let row = workflows.plan_card(&filed.id.to_string(), roles::MINE, at, place).await?;
        Ok(Some(render::digest(&given.digest, &filed, &row.id.to_string())))
    }

    pub(super) async fn of_digest(&self, known: &Known<'_>, verb: Verb, row: &CardRow, choice: &str) -> Answer {
        let id: DigestId = row.about.parse().map_err(|_| DeskError::told("this button is not about a digest"))?;
        if verb == Verb::Reviewed {
            let workflows = &self.courier.workflows;
            workflows.review_digest(&known.who, id).await.map_err(|error| DeskError::of(&error))?;
            return Ok(Some(Card::saying(Tone::Good, "Noted: you have reviewed it. The audit log says so.")));
        }
        let given =
            self.courier.workflows.show_digest(&known.who, id).await.map_err(|error| DeskError::of(&error))?;
        if matches!(given.filed.map(|filed| filed.review), Some(Review::Done { .. })) {
            return Err(DeskError::told("it was reviewed already; nothing was done"));
        }
        let action = choice.parse::<usize>().ok().and_then(|at| given.digest.actions.into_iter().nth(at));
        let action = action.ok_or_else(|| DeskError::told("that is not in this digest"))?;
        self.act_on(known, &action).await
    }

    /// One tap. What only people can change, because it stands in the file, becomes words for those who keep the file.
    async fn act_on(&self, known: &Known<'_>, action: &Action) -> Answer {
        match action.verb {
            Does::Revoke => {
                let id = action.about.parse().map_err(|_| DeskError::told("that access is not there any more"))?;
                self.end(known, id, "not used; taken back from the weekly digest").await
            }
            Does::Review => {
                let id = action.about.parse().map_err(|_| DeskError::told("that review is not there any more"))?;
                self.escalate_review(known, id).await
            }
            Does::ProposeRead | Does::ProposeRemoval => {
                let words = format!("Proposed by {} from the weekly digest: {}", known.name(), action.words);
                let card = Card::saying(
                    Tone::Good,
                    "Give this to whoever keeps countersign.toml; a review of the file changes it.",
                );
                Ok(Some(
                    card.with(Part::Quote("Proposal", visible(&words)))
                        .with(Part::Note(Text::plain(visible(&action.about)))),
                ))
            }
        }
    }

    /// Reminds those who owe a review.
    async fn escalate_review(&self, known: &Known<'_>, id: workflows::id::RequestId) -> Answer {
        let workflows = &self.courier.workflows;
        let request = workflows.remind_review(&known.who, id).await.map_err(|error| DeskError::of(&error))?;
        let asked: Vec<String> = request.asked().iter().map(ToString::to_string).collect();
        Ok(Some(Card::saying(Tone::Good, format!("Reminded {}.", asked.join(", ")))))
    }
}
