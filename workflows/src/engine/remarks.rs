//! What people do about a request beside voting: ask back, answer, look at it, hand it on, remind.

use serde_json::json;

use super::requests::is_text;
use super::{Workflows, transact};
use crate::approval::Who;
use crate::clock::{Span, Timestamp};
use crate::grant::Grant;
use crate::id::{GrantId, QuestionId, RequestId};
use crate::identity::{Authenticated, Identity};
use crate::notice::Kind;
use crate::policy::Policy;
use crate::request::{Event, Refused, Request, State, What};
use crate::store::audit::{self, Note};
use crate::store::remarks::{self, Remark, RemarkKind};
use crate::store::requests::Versioned;
use crate::store::{StoreError, Tx, grants, notices, requests};
use crate::told::{Fault, Told};

/// Those who were asked are reminded at most this often.
const NUDGE_EVERY: Span = Span::minutes(5);

/// Why a remark was not made.
#[derive(Debug, thiserror::Error)]
pub enum RemarkError {
    /// There is no such request or question, or they may not know of it.
    #[error("there is no request `{0}`, or it is not for you")]
    Missing(String),
    /// It is settled, or there is nobody else.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// No words, or too many.
    #[error("write 1 to 1,000 characters")]
    Words,
    /// They were reminded a moment ago.
    #[error("they were reminded a moment ago; try again after {0}")]
    TooSoon(String),
    /// The person may not decide on it, so asking them would be no use.
    #[error("`{0}` may not decide on this; choose somebody who was asked")]
    NotEligible(String),
    /// It was answered already.
    #[error("it was answered already")]
    Answered,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Told for RemarkError {
    fn told(&self) -> String {
        match self {
            Self::Store(error) => error.told(),
            Self::Refused(Refused::Settled(state)) => format!("it is too late: the request is {state} already"),
            Self::Missing(_)
            | Self::Refused(_)
            | Self::Words
            | Self::TooSoon(_)
            | Self::NotEligible(_)
            | Self::Answered => self.to_string(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Missing(_) => Fault::Missing,
            Self::Refused(_) | Self::Answered | Self::TooSoon(_) => Fault::Conflict,
            Self::Words => Fault::Asker,
            Self::NotEligible(_) => Fault::Refused,
            Self::Store(_) => Fault::Ours,
        }
    }
}

/// What somebody asked for before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// How often for the same target.
    pub here: usize,
    /// When last, and what became of it.
    pub last: Option<(Timestamp, &'static str)>,
    /// How often within the last 24 hours, for whatever.
    pub today: usize,
    /// How many of those were denied.
    pub denied_today: usize,
}

/// Takes a step that nothing has to be done for, and stores it where it changed something.
async fn move_on(tx: &mut Tx, found: Versioned, event: Event, now: Timestamp) -> Result<Request, RemarkError> {
    let request = found.request.clone().step(event, now)?.request;
    if request != found.request {
        requests::change(tx, &request, found.version).await?;
    }
    Ok(request)
}

/// What a remark does besides being written down.
struct Mark<'a> {
    verb: &'static str,
    kind: RemarkKind,
    words: &'a str,
}

impl Workflows {
    /// Whether somebody may decide on a request now.
    pub fn may_decide(&self, name: &str, request: &Request) -> bool {
        !self.policy().serves(request, name, self.now()).is_empty()
    }

    /// Everything that was said about a request, for whoever may see it.
    pub async fn remarks(&self, id: RequestId) -> Result<Vec<Remark>, StoreError> {
        remarks::of(self.db(), id).await
    }

    /// A request, for whoever may see it: for bots, which write to the people that a notice names.
    pub async fn read_request(&self, id: RequestId) -> Result<Option<Request>, StoreError> {
        requests::find(self.db(), id).await
    }

    /// A grant, for whoever may see it: for bots, as above.
    pub async fn read_grant(&self, id: GrantId) -> Result<Option<Grant>, StoreError> {
        grants::find(self.db(), id).await
    }

    /// What is worth knowing about whoever asks, for those who decide: counted over their latest 500 requests.
    pub async fn history(&self, request: &Request) -> Result<History, StoreError> {
        let latest = requests::of(self.db(), request.by.id, 500).await?;
        let day = Span::hours(24).micros();
        let earlier = latest.iter().filter(|one| one.id != request.id);
        let earlier: Vec<&Request> = earlier.filter(|one| one.at <= request.at).collect();
        let here = |one: &&&Request| one.what.target() == request.what.target();
        let today = earlier.iter().filter(|one| request.at.since(one.at).micros() < day);
        let denied = |one: &&&Request| matches!(one.state, State::Denied { .. });
        Ok(History {
            here: earlier.iter().filter(here).count(),
            last: earlier.iter().filter(here).max_by_key(|one| one.at).map(|one| (one.at, one.state.as_str())),
            today: today.clone().count(),
            denied_today: today.filter(denied).count(),
        })
    }

    /// Asks the requester something back. Only those who may decide ask.
    pub async fn question(&self, who: &Authenticated, id: RequestId, words: &str) -> Result<QuestionId, RemarkError> {
        if !is_text(words) {
            return Err(RemarkError::Words);
        }
        let mark = Mark { verb: "question", kind: RemarkKind::Question, words };
        self.remark(who.identity(), id, &mark).await
    }

    /// Answers a question about one's own request.
    pub async fn answer(&self, who: &Authenticated, id: QuestionId, words: &str) -> Result<Request, RemarkError> {
        if !is_text(words) {
            return Err(RemarkError::Words);
        }
        let missing = || RemarkError::Missing(id.to_string());
        transact!(self, RemarkError, |tx| {
            let now = self.now();
            let question = remarks::get(tx, id).await?.ok_or_else(missing)?;
            let found = requests::get(tx, question.request).await?.ok_or_else(missing)?;
            if question.kind != RemarkKind::Question || found.request.by != *who.identity() {
                return Err(missing());
            }
            if !remarks::answer(tx, id, words, now).await? {
                return Err(RemarkError::Answered);
            }
            let mut request = found.request.clone();
            if !remarks::of_now(tx, question.request).await?.iter().any(Remark::is_open_question) {
                request = move_on(tx, found, Event::Answered, now).await?;
            }
            let about = Kind::Answered { request: question.request, question: id };
            notices::add(tx, &about, &[Who::Person(question.by.name.clone())], now).await?;
            let changed = Kind::Changed { request: question.request };
            notices::add(tx, &changed, &request.needs.asked(true), now).await?;
            let detail = json!({ "question": id, "words": words });
            let about = question.request.to_string();
            audit::append(tx, Note { actor: &who.identity().name, verb: "answer", about, detail }, now).await?;
            Ok(request)
        })
    }

    /// "I am looking at it": the others see so.
    pub async fn claim(&self, who: &Authenticated, id: RequestId) -> Result<(), RemarkError> {
        let mark = Mark { verb: "claim", kind: RemarkKind::Claim, words: "" };
        self.remark(who.identity(), id, &mark).await.map(drop)
    }

    /// Notes that all of a held text was shown to somebody, so that they may agree to it (G8).
    pub async fn has_read(&self, who: &Authenticated, id: RequestId) -> Result<(), RemarkError> {
        let mark = Mark { verb: "read", kind: RemarkKind::Read, words: "" };
        self.remark(who.identity(), id, &mark).await.map(drop)
    }

    async fn remark(&self, by: &Identity, id: RequestId, mark: &Mark<'_>) -> Result<QuestionId, RemarkError> {
        let policy = self.policy();
        transact!(self, RemarkError, |tx| {
            let now = self.now();
            let found = self.open_for_voter(tx, &policy, by, id).await?;
            let mut request = found.request.clone();
            let remark = remarks::add(tx, id, by, (mark.kind, mark.words), now).await?;
            if mark.kind == RemarkKind::Question {
                // The clock may stop until it is answered.
                request = move_on(tx, found, Event::Question, now).await?;
                let about = Kind::Question { request: id, question: remark };
                notices::add(tx, &about, &[Who::Person(request.by.name.clone())], now).await?;
            }
            if mark.kind != RemarkKind::Read {
                notices::add(tx, &Kind::Changed { request: id }, &request.needs.asked(true), now).await?;
            }
            let mut detail = json!({ "words": mark.words });
            if let (RemarkKind::Question, Some(latest)) = (mark.kind, request.state.stopped())
                && let Some(detail) = detail.as_object_mut()
            {
                detail.insert("stopped until".to_owned(), json!(latest.to_string()));
            }
            let note = Note { actor: &by.name, verb: mark.verb, about: id.to_string(), detail };
            audit::append(tx, note, now).await?;
            Ok(remark)
        })
    }

    /// The pending request, if this person may decide on it now.
    async fn open_for_voter(
        &self,
        tx: &mut Tx,
        policy: &Policy,
        by: &Identity,
        id: RequestId,
    ) -> Result<Versioned, RemarkError> {
        let missing = || RemarkError::Missing(id.to_string());
        let found = requests::get(tx, id).await?.ok_or_else(missing)?;
        let request = &found.request;
        if !self.sees_request(policy, by, request) {
            return Err(missing());
        }
        match &request.state {
            State::Pending { .. } if policy.serves(request, &by.name, self.now()).is_empty() => {
                Err(Refused::NotAsked.into())
            }
            State::Pending { .. } => Ok(found),
            State::Approved { .. }
            | State::Spent { .. }
            | State::Denied { .. }
            | State::Withdrawn { .. }
            | State::Lapsed { .. } => Err(Refused::Settled(request.state.as_str()).into()),
        }
    }

    /// Asks the next people now, instead of when the time is over. Those who were asked may, and the requester.
    pub async fn escalate(&self, who: &Authenticated, id: RequestId) -> Result<Request, RemarkError> {
        let (policy, by) = (self.policy(), who.identity());
        let missing = || RemarkError::Missing(id.to_string());
        transact!(self, RemarkError, |tx| {
            let now = self.now();
            let found = requests::get(tx, id).await?.ok_or_else(missing)?;
            if found.request.by != *by && policy.serves(&found.request, &by.name, now).is_empty() {
                return Err(missing());
            }
            let before = found.request.asked();
            let step = found.request.step(Event::Escalate, now)?;
            requests::change(tx, &step.request, found.version).await?;
            let more: Vec<Who> = step.request.asked().into_iter().filter(|who| !before.contains(who)).collect();
            notices::add(tx, &Kind::Escalated { request: id }, &more, now).await?;
            notices::add(tx, &Kind::Changed { request: id }, &step.request.needs.asked(true), now).await?;
            let note =
                Note { actor: &by.name, verb: "escalate", about: id.to_string(), detail: json!({ "asked": more }) };
            audit::append(tx, note, now).await?;
            Ok(step.request)
        })
    }

    /// Asks one of those who may decide in particular. It orders and never widens who may.
    pub async fn delegate(&self, who: &Authenticated, id: RequestId, to: &str) -> Result<Request, RemarkError> {
        let (policy, by) = (self.policy(), who.identity());
        transact!(self, RemarkError, |tx| {
            let now = self.now();
            let request = self.open_for_voter(tx, &policy, by, id).await?.request;
            if policy.serves(&request, to, now).is_empty() {
                return Err(RemarkError::NotEligible(to.to_owned()));
            }
            notices::add(tx, &Kind::Asked { request: id }, &[Who::Person(to.to_owned())], now).await?;
            let note = Note { actor: &by.name, verb: "delegate", about: id.to_string(), detail: json!({ "to": to }) };
            audit::append(tx, note, now).await?;
            Ok(request)
        })
    }

    /// Reminds those who owe a review of what one of somebody's people did. For managers, at most every five minutes.
    pub async fn remind_review(&self, who: &Authenticated, id: RequestId) -> Result<Request, RemarkError> {
        let missing = || RemarkError::Missing(id.to_string());
        let (policy, by) = (self.policy(), who.identity());
        transact!(self, RemarkError, |tx| {
            let now = self.now();
            let request = requests::get(tx, id).await?.ok_or_else(missing)?.request;
            let manages = policy.team(&by.name, now).is_some_and(|team| team.members.contains_key(&request.by.name));
            if !manages || !matches!(request.what, What::Review { .. }) {
                return Err(missing());
            }
            self.remind(tx, &request, by, now).await?;
            Ok(request)
        })
    }

    /// Reminds those who were asked, if that was not done a moment ago.
    async fn remind(&self, tx: &mut Tx, request: &Request, by: &Identity, now: Timestamp) -> Result<(), RemarkError> {
        if request.asked().is_empty() {
            return Err(Refused::Settled(request.state.as_str()).into());
        }
        let said = remarks::of_now(tx, request.id).await?;
        let last = said.iter().filter(|one| one.kind == RemarkKind::Nudge).map(|one| one.at).max();
        let next = last.unwrap_or(request.at).plus(NUDGE_EVERY);
        if now < next {
            return Err(RemarkError::TooSoon(self.local(next)));
        }
        remarks::add(tx, request.id, by, (RemarkKind::Nudge, ""), now).await?;
        notices::add(tx, &Kind::Nudged { request: request.id }, &request.asked(), now).await?;
        let note = Note { actor: &by.name, verb: "nudge", about: request.id.to_string(), detail: json!({}) };
        audit::append(tx, note, now).await?;
        Ok(())
    }

    /// Reminds those who were asked about one's own request, at most every five minutes.
    pub async fn nudge(&self, who: &Authenticated, id: RequestId) -> Result<Request, RemarkError> {
        let missing = || RemarkError::Missing(id.to_string());
        transact!(self, RemarkError, |tx| {
            let now = self.now();
            let request = requests::get(tx, id).await?.ok_or_else(missing)?.request;
            if request.by != *who.identity() {
                return Err(missing());
            }
            self.remind(tx, &request, who.identity(), now).await?;
            Ok(request)
        })
    }
}
