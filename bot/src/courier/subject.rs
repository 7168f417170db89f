//! What a card is about, and for whom: from it follow the row that it is kept in and what it says.

use workflows::engine::{CardRow, RemarkKind};
use workflows::id::{DigestId, GrantId, QuestionId, RequestId};
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
            Self::Held(id) | Self::Alarm(id) => id.to_string(),
            Self::Soon(id, end) => format!("{id}:{end}"),
            Self::Digest(id) => id.to_string(),
        }
    }

    /// The role in the card's row.
    pub(super) const fn role(self) -> &'static str {
        match self {
            Self::Asked(_) => roles::ASKED,
            Self::Own(_) | Self::Question(..) => roles::OWN,
            Self::Held(_) => roles::HELD,
            Self::Soon(..) => roles::SOON,
            Self::Alarm(_) => roles::ALARM,
            Self::Digest(_) => roles::DIGEST,
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
            _ => None,
        }
    }
}

impl Courier {
    /// What a card says at this moment; nothing where there is nothing to say it about.
    pub(crate) async fn card(&self, post: &Post, subject: Subject, key: &str) -> Result<Option<Card>, TellError> {
        match subject {
            Subject::Asked(id) => self.request_card(post, id, Reader::Asked, key).await,
            Subject::Own(id) => self.request_card(post, id, Reader::Own, key).await,
            Subject::Question(request, id) => {
                let card = self.question_card(request, id).await?;
                let answer = render::button(Verb::Answer, "Answer…", "Answer the question", key);
                Ok(card.map(|card| Card { buttons: vec![answer], ..card }))
            }
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
