//! What people send in forms. Their fields were checked for their form; the engine says whether they may.

use workflows::approval::Terms;
use workflows::clock::Span;
use workflows::engine::AccessAsk;
use workflows::identity::ChatUser;
use workflows::request::{Again, AgainError};
use workflows::target::{Access, TargetName};

use super::pressed::{grant_of, note, question_of, request_of};
use super::said::{Glass, Wish};
use super::{Answer, Desk, DeskError, Known};
use crate::form::{FormName, Values};

fn value<'v>(values: &'v Values, name: &str) -> Option<&'v str> {
    values.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn needed<'v>(values: &'v Values, name: &str, words: &str) -> Result<&'v str, DeskError> {
    value(values, name).ok_or_else(|| DeskError::told(words))
}

fn span(values: &Values) -> Result<Span, DeskError> {
    let text = needed(values, "span", "say for how long, like 45m")?;
    text.parse().map_err(|error: workflows::clock::SpanError| DeskError::told(error.to_string()))
}

impl Desk {
    pub(super) async fn submitted(&self, known: &Known<'_>, form: FormName, key: &str, values: &Values) -> Answer {
        match form {
            FormName::Request if key.is_empty() => {
                let wish = self.wish(known, values, Glass::Whole).await?;
                self.send(known, wish).await.map(Some)
            }
            FormName::Request => self.changed(known, key, values).await,
            FormName::Emergency => {
                let wish = self.wish(known, values, Glass::Broken).await?;
                self.send(known, wish).await.map(Some)
            }
            FormName::Less => {
                let id = request_of(&self.card(known, key).await?)?;
                let access = value(values, "level").and_then(|level| level.parse().ok());
                // Where less is typed, one of the two is enough.
                let shorter = value(values, "span").map(|_| span(values)).transpose()?;
                let terms = Terms { span: shorter, access, ..Terms::default() };
                self.approve(known, id, terms, value(values, "note").and_then(note)).await
            }
            FormName::Again => {
                let id = request_of(&self.card(known, key).await?)?;
                let what = needed(values, "what", "say what may run again: exact or shape")?;
                let again: Again = what.parse().map_err(|error: AgainError| DeskError::told(error.to_string()))?;
                // Where it is typed, the time may be left out.
                let within = value(values, "span").map(|_| span(values)).transpose()?;
                let terms = Terms { repeat: again.repeat(within), ..Terms::default() };
                self.approve(known, id, terms, value(values, "note").and_then(note)).await
            }
            FormName::Question => {
                let id = request_of(&self.card(known, key).await?)?;
                self.ask_back(known, id, needed(values, "text", "write something")?).await
            }
            FormName::Answer => {
                let id = question_of(&self.card(known, key).await?)?;
                self.answer_question(known, id, needed(values, "text", "write something")?).await
            }
            FormName::Deny => {
                let id = request_of(&self.card(known, key).await?)?;
                self.deny(known, id, needed(values, "because", "say why; the requester reads it")?).await
            }
            FormName::Revoke => {
                let id = grant_of(&self.card(known, key).await?)?;
                self.end(known, id, needed(values, "because", "say why; its holder reads it")?).await
            }
            FormName::Extend => {
                let id = grant_of(&self.card(known, key).await?)?;
                self.extend(known, id, span(values)?, value(values, "because")).await
            }
            FormName::Delegate => {
                let id = request_of(&self.card(known, key).await?)?;
                let to = self.chosen(known, needed(values, "person", "choose somebody")?).await?;
                self.delegate(known, id, &to).await
            }
            FormName::Read => Ok(None),
        }
    }

    /// Whom a field of the kind "person" means: the platform's id of them, or a name where those are typed.
    async fn chosen(&self, known: &Known<'_>, text: &str) -> Result<String, DeskError> {
        let user = ChatUser { user: text.to_owned(), ..known.back.who.clone() };
        match self.courier.workflows.authenticate_chat(&user).await {
            Ok(who) => Ok(who.identity().name.clone()),
            Err(_) if text.contains('@') || text.contains('.') => self.person(known, text).await,
            Err(_) => Err(DeskError::told("the person whom you chose has not linked their account yet")),
        }
    }

    async fn wish(&self, known: &Known<'_>, values: &Values, glass: Glass) -> Result<Wish, DeskError> {
        let (target, access, why) = asked(values)?;
        let person = match value(values, "person") {
            Some(person) => Some(self.chosen(known, person).await?).filter(|name| name != known.name()),
            None => None,
        };
        Ok(Wish { target, access, span: span(values)?, why, person, glass })
    }

    /// Something else instead of what was asked: a new request, and the old card says so (G7).
    async fn changed(&self, known: &Known<'_>, key: &str, values: &Values) -> Answer {
        let id = request_of(&self.card(known, key).await?)?;
        let (target, access, why) = asked(values)?;
        let ask = AccessAsk { target, access, span: span(values)?, why, emergency: false };
        let asked = self.courier.workflows.edit(&known.who, id, ask).await.map_err(|error| DeskError::of(&error))?;
        Ok(Some(self.was_asked(&asked)))
    }
}

fn asked(values: &Values) -> Result<(TargetName, Access, String), DeskError> {
    let target = needed(values, "target", "say to what")?;
    let target =
        target.parse().map_err(|_| DeskError::told("that is not a target's name; type to search for one"))?;
    let access = match value(values, "level") {
        None => Access::Read,
        Some(level) => {
            level.to_lowercase().parse().map_err(|_| DeskError::told("the level is read, write or admin"))?
        }
    };
    Ok((target, access, needed(values, "because", "say why; those who decide read it")?.to_owned()))
}
