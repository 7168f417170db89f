//! What a card is about, and for whom: from it follow the row that it is kept in and what it says.

use std::borrow::Cow;

use workflows::engine::{CardRow, RemarkKind};
use workflows::id::{DigestId, GrantId, QuestionId, RequestId};
use workflows::request::State;
use workflows::shown::visible;

use super::{Courier, Post, TellError, roles};
use crate::card::{Card, Part, Text, Tone, Verb};
use crate::render::{self, Reader};

/// A card's subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A request, for those who decide.
    Asked(RequestId),
    /// A request, for whoever asked.
    Own(RequestId),
    /// A question about a request, for whoever asked.
    Question(RequestId, QuestionId),
    /// A grant, for its holder.
    Held(GrantId),
    /// That a grant ends soon, at this moment: one that was extended ends soon once more.
    Soon(GrantId, i64),
    /// That the glass was broken.
    Alarm(GrantId),
    /// A digest.
    Digest(DigestId),
}

impl Subject {
    /// The id in the card's row.
    pub(super) fn about(self) -> String {
        match self {
            Self::Asked(id) | Self::Own(id) => id.to_string(),
            Self::Question(_, id) => id.to_string(),
            Self::Held(id) | Self::Alarm(id) | Self::Soon(id, _) => id.to_string(),
            Self::Digest(id) => id.to_string(),
        }
    }

    /// The role in the card's row.
    pub(super) fn role(self) -> Cow<'static, str> {
        match self {
            Self::Asked(_) => Cow::Borrowed(roles::ASKED),
            Self::Own(_) | Self::Question(..) => Cow::Borrowed(roles::OWN),
            Self::Held(_) => Cow::Borrowed(roles::HELD),
            Self::Soon(_, end) => Cow::Owned(format!("{}{end}", roles::SOON)),
            Self::Alarm(_) => Cow::Borrowed(roles::ALARM),
            Self::Digest(_) => Cow::Borrowed(roles::DIGEST),
        }
    }

    /// What a row is about, where it is written anew when that changes.
    pub(super) fn of(row: &CardRow) -> Option<Self> {
        match row.role.as_str() {
            roles::ASKED => row.about.parse().ok().map(Self::Asked),
            roles::OWN => row.about.parse().ok().map(Self::Own),
            roles::HELD => row.about.parse().ok().map(Self::Held),
            roles::ALARM => row.about.parse().ok().map(Self::Alarm),
            roles::DIGEST => row.about.parse().ok().map(Self::Digest),
            other => {
                let end = other.strip_prefix(roles::SOON)?.parse().ok()?;
                row.about.parse().ok().map(|grant| Self::Soon(grant, end))
            }
        }
    }
}

impl Courier {
    /// What a card says at this moment; nothing where there is nothing to say it about.
    pub(crate) async fn card(&self, post: &Post, subject: Subject, key: &str) -> Result<Option<Card>, TellError> {
        match subject {
            Subject::Asked(id) => self.request_card(post, id, Reader::Asked, key).await,
            Subject::Own(id) => self.request_card(post, id, Reader::Own, key).await,
            Subject::Question(request, id) => self.question_to_answer(request, id, key).await,
            Subject::Held(id) => Ok(self.workflows.read_grant(id).await?.map(|grant| render::grant(&grant, key))),
            Subject::Soon(id, _) => {
                Ok(self.workflows.read_grant(id).await?.map(|grant| render::reminder(&grant, key)))
            }
            Subject::Alarm(id) => {
                let Some(grant) = self.workflows.read_grant(id).await? else { return Ok(None) };
                let request = self.workflows.read_request(grant.request).await?;
                Ok(Some(render::alarm(&grant, request.as_ref(), key)))
            }
            Subject::Digest(id) => {
                let found = self.workflows.digest_to_post(id).await?;
                Ok(found.map(|(filed, digest)| render::digest(&digest, &filed, key)))
            }
        }
    }

    /// A question for whoever may answer it, as long as there is something to answer.
    async fn question_to_answer(
        &self,
        request: RequestId,
        id: QuestionId,
        key: &str,
    ) -> Result<Option<Card>, TellError> {
        let Some(mut card) = self.question_card(request, id).await? else { return Ok(None) };
        let remarks = self.workflows.remarks(request).await?;
        let answer = remarks.into_iter().find(|one| one.id == id).and_then(|one| one.answer);
        let asked = self.workflows.read_request(request).await?;
        let open = asked.is_some_and(|request| matches!(request.state, State::Pending { .. }));
        match answer {
            Some((words, _)) => {
                card.tone = Tone::Over;
                card = card.with(Part::Quote("Answer", visible(&words)));
            }
            None if open => card.buttons.push(render::button(Verb::Answer, "Answer…", "Answer the question", key)),
            None => card.tone = Tone::Over,
        }
        Ok(Some(card))
    }

    /// A question, without the way to answer it.
    pub(super) async fn question_card(&self, request: RequestId, id: QuestionId) -> Result<Option<Card>, TellError> {
        let Some(request) = self.workflows.read_request(request).await? else { return Ok(None) };
        let remarks = self.workflows.remarks(request.id).await?;
        let Some(remark) = remarks.iter().find(|one| one.id == id && one.kind == RemarkKind::Question) else {
            return Ok(None);
        };
        let asker = visible(&remark.by.name);
        let whom = visible(&request.by.name);
        let summary = format!("{asker} asks {whom} about the request for {}.", request.what.target());
        let title = Text::default().strong(asker).say(" asks back");
        let card = Card { title, ..Card::saying(Tone::Asking, summary) };
        Ok(Some(card.with(Part::Quote("Question", visible(&remark.words)))))
    }
}
