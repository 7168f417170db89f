//! Deciding and what goes with it: one verb of the engine each, and its outcome in words.

use std::time::Duration;

use workflows::approval::{Repeat, Terms};
use workflows::clock::Span;
use workflows::engine::{Choice, Filter, Remark, RemarkKind, VoteError};
use workflows::grant::Grant;
use workflows::id::{GrantId, QuestionId, RequestId};
use workflows::identity::Identity;
use workflows::request::{Again, Refused, Request, State, What};
use workflows::shown::visible;

use super::{Answer, Desk, DeskError, Known};
use crate::card::{Card, Tone, utc};

/// What was done, in a sentence.
#[expect(clippy::unnecessary_wraps, reason = "every verb ends with it")]
fn good(words: impl Into<String>) -> Answer {
    Ok(Some(Card::saying(Tone::Good, words)))
}

impl Desk {
    /// The open request that a part of an id means, among those that this person may see.
    pub(super) async fn find_request(&self, known: &Known<'_>, part: &str) -> Result<RequestId, DeskError> {
        if let Ok(id) = part.parse() {
            return Ok(id);
        }
        let all = Filter { open_only: true, limit: 1_000 };
        let rows = self.courier.workflows.requests(&known.who, all).await.map_err(|error| DeskError::of(&error))?;
        one_of(part, rows.into_iter().map(|row| row.id), "an open request")
    }

    /// The own live grant that a part of an id, or a target's name, means; the only one where nothing is said.
    pub(super) async fn find_grant(&self, known: &Known<'_>, what: Option<&str>) -> Result<Grant, DeskError> {
        let open = Filter { open_only: true, limit: 1_000 };
        let rows = self.courier.workflows.grants(&known.who, open).await.map_err(|error| DeskError::of(&error))?;
        let now = self.courier.workflows.clock().now();
        let mine: Vec<Grant> =
            rows.into_iter().filter(|one| one.to == *known.who.identity() && one.is_live(now)).collect();
        let fits = |one: &&Grant| {
            what.is_none_or(|what| one.target.as_str() == what || ends_like(&one.id.to_string(), what))
        };
        let found: Vec<&Grant> = mine.iter().filter(fits).collect();
        match found.as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err(DeskError::told("you have no access that this could mean; `mine` lists yours")),
            several => {
                let names: Vec<String> = several.iter().map(|one| format!("{} ({})", one.target, one.id)).collect();
                Err(DeskError::told(format!("which one? {}", names.join(", "))))
            }
        }
    }

    /// Agrees, perhaps to less.
    pub(super) async fn approve(
        &self,
        known: &Known<'_>,
        id: RequestId,
        terms: Terms,
        note: Option<String>,
    ) -> Answer {
        self.may_agree(known, id).await?;
        let request = self.vote(known, id, Choice::Approve { terms, note }).await?;
        let words = match (&request.state, &request.what) {
            (State::Pending { .. }, _) => "Your approval counts; more people have to agree.".to_owned(),
            (_, What::Operation { .. }) => {
                let most = request.needs.repeat();
                format!("Approved: it runs now, exactly as shown{}.", again_in_words(request.terms().repeat, most))
            }
            (_, What::Review { .. }) => "The review is noted.".to_owned(),
            (_, What::Access { .. }) => format!("Approved: {} was told how to connect.", visible(&request.by.name)),
        };
        good(words)
    }

    /// Votes; where the vote came too late, says what became of the request.
    async fn vote(&self, known: &Known<'_>, id: RequestId, choice: Choice) -> Result<Request, DeskError> {
        let workflows = &self.courier.workflows;
        let denies = matches!(choice, Choice::Deny { .. });
        let error = match workflows.vote(&known.who, id, choice).await {
            Ok(request) => return Ok(request),
            Err(error) => error,
        };
        if let VoteError::Refused(Refused::Settled(_)) = &error
            && let Some(request) = workflows.read_request(id).await?
        {
            if request.replaced.is_some() {
                let who = visible(&request.by.name);
                return Err(DeskError::told(format!(
                    "this request is superseded: {who} asks for something else by now, on a newer card; nothing was done"
                )));
            }
            // It was this very vote, and whoever carried it out did not live to say so.
            if known.again.is_some() && has_voted(&request.state, known.who.identity(), denies) {
                return Ok(request);
            }
        }
        Err(DeskError::of(&error))
    }

    /// Nobody agrees to a held text that was not shown to them in full (G8).
    async fn may_agree(&self, known: &Known<'_>, id: RequestId) -> Result<(), DeskError> {
        let Some(request) = self.courier.workflows.read_request(id).await? else { return Err(DeskError::missing()) };
        for wait in [0, 50, 200] {
            // A click on the last page may overtake the note that the page has arrived.
            tokio::time::sleep(Duration::from_millis(wait)).await;
            if self.has_seen(known, &request).await? {
                return Ok(());
            }
        }
        Err(DeskError::told(
            "the card does not show all of this command; open the full text first, and approve it there",
        ))
    }

    /// `approve ID` as typed: a held text that no card shows in full must have been opened.
    pub(super) async fn approve_typed(
        &self,
        known: &Known<'_>,
        id: &str,
        terms: Terms,
        note: Option<String>,
    ) -> Answer {
        let id = self.find_request(known, id).await?;
        self.approve(known, id, terms, note).await
    }

    pub(super) async fn deny(&self, known: &Known<'_>, id: RequestId, because: &str) -> Answer {
        let request = self.vote(known, id, Choice::Deny { because: because.to_owned() }).await?;
        good(format!("Denied; {} was told why.", visible(&request.by.name)))
    }

    pub(super) async fn withdraw(&self, known: &Known<'_>, id: RequestId) -> Answer {
        self.courier.workflows.withdraw(&known.who, id).await.map_err(|error| DeskError::of(&error))?;
        good("Taken back.")
    }

    pub(super) async fn nudge(&self, known: &Known<'_>, id: RequestId) -> Answer {
        self.courier.workflows.nudge(&known.who, id).await.map_err(|error| DeskError::of(&error))?;
        good("Reminded them.")
    }

    pub(super) async fn escalate(&self, known: &Known<'_>, id: RequestId) -> Answer {
        let request = self.courier.workflows.escalate(&known.who, id).await.map_err(|error| DeskError::of(&error))?;
        let asked: Vec<String> = request.asked().iter().map(ToString::to_string).collect();
        good(format!("Asked now: {}.", asked.join(", ")))
    }

    pub(super) async fn claim(&self, known: &Known<'_>, id: RequestId) -> Answer {
        self.courier.workflows.claim(&known.who, id).await.map_err(|error| DeskError::of(&error))?;
        good("The others see that you are looking at it.")
    }

    pub(super) async fn ask_back(&self, known: &Known<'_>, id: RequestId, words: &str) -> Answer {
        if !self.asked_back_before(known, id, words).await? {
            self.courier.workflows.question(&known.who, id, words).await.map_err(|error| DeskError::of(&error))?;
        }
        good("Asked; the answer comes into the thread.")
    }

    /// Whether the question was put the last time that this was worked on.
    async fn asked_back_before(&self, known: &Known<'_>, id: RequestId, words: &str) -> Result<bool, DeskError> {
        let Some(since) = known.again else { return Ok(false) };
        let remarks = self.courier.workflows.remarks(id).await?;
        let mine = |one: &Remark| one.kind == RemarkKind::Question && one.by == *known.who.identity();
        Ok(remarks.iter().any(|one| mine(one) && one.at >= since && one.words == words))
    }

    /// `answer ID WORDS` as typed: the id is that of the request, and the question is the last one that is open.
    pub(super) async fn answer_typed(&self, known: &Known<'_>, id: &str, words: &str) -> Answer {
        let id = self.find_request(known, id).await?;
        let remarks = self.courier.workflows.remarks(id).await?;
        let open = remarks.iter().rev().find(|one| one.kind == RemarkKind::Question && one.answer.is_none());
        let question = open.ok_or_else(|| DeskError::told("nobody has asked anything about it"))?;
        self.answer_question(known, question.id, words).await
    }

    pub(super) async fn answer_question(&self, known: &Known<'_>, id: QuestionId, words: &str) -> Answer {
        self.courier.workflows.answer(&known.who, id, words).await.map_err(|error| DeskError::of(&error))?;
        good("Answered.")
    }

    pub(super) async fn delegate(&self, known: &Known<'_>, id: RequestId, to: &str) -> Answer {
        self.courier.workflows.delegate(&known.who, id, to).await.map_err(|error| DeskError::of(&error))?;
        good(format!("Asked {}.", visible(to)))
    }

    /// Ends the own access.
    pub(super) async fn done(&self, known: &Known<'_>, what: Option<&str>) -> Answer {
        let grant = self.find_grant(known, what).await?;
        self.end(known, grant.id, "done").await
    }

    pub(super) async fn end(&self, known: &Known<'_>, id: GrantId, because: &str) -> Answer {
        let grant =
            self.courier.workflows.revoke(&known.who, id, because).await.map_err(|error| DeskError::of(&error))?;
        let whose = if grant.to == *known.who.identity() {
            "Your access".to_owned()
        } else {
            format!("The access of {}", visible(&grant.to.name))
        };
        good(format!("{whose} to {} is over, and its sessions are cut.", grant.target))
    }

    pub(super) async fn revoke_typed(&self, known: &Known<'_>, what: &str, because: &str) -> Answer {
        let open = Filter { open_only: true, limit: 1_000 };
        let rows = self.courier.workflows.grants(&known.who, open).await.map_err(|error| DeskError::of(&error))?;
        let id = match what.parse() {
            Ok(id) => id,
            Err(_) => one_of(what, rows.into_iter().map(|row| row.id), "access that you may end")?,
        };
        self.end(known, id, because).await
    }

    pub(super) async fn extend_typed(
        &self,
        known: &Known<'_>,
        what: &str,
        span: Span,
        because: Option<&str>,
    ) -> Answer {
        let grant = self.find_grant(known, Some(what).filter(|what| !what.is_empty())).await?;
        self.extend(known, grant.id, span, because).await
    }

    /// Asks for more time. The sessions go on meanwhile, and not beyond the end that they have.
    pub(super) async fn extend(&self, known: &Known<'_>, id: GrantId, span: Span, because: Option<&str>) -> Answer {
        let why = because.unwrap_or("more time for the same work");
        if let Some(grant) = self.courier.workflows.read_grant(id).await? {
            let (target, access) = (grant.target, grant.access);
            let what = What::Access { target, access, span, extends: Some(id), emergency: false };
            if let Some(asked) = self.asked_before(known, None, &what, why).await? {
                return Ok(Some(self.was_asked(&asked)));
            }
        }
        let asked =
            self.courier.workflows.extend(&known.who, id, span, why).await.map_err(|error| DeskError::of(&error))?;
        Ok(Some(self.was_asked(&asked)))
    }

    /// Whether all of a held text was shown to somebody: on the card itself, or because they opened it.
    pub(super) async fn has_seen(&self, known: &Known<'_>, request: &Request) -> Result<bool, DeskError> {
        let What::Operation { shown, .. } = &request.what else { return Ok(true) };
        if !crate::render::is_long(shown) {
            return Ok(true);
        }
        let remarks = self.courier.workflows.remarks(request.id).await?;
        let read = |one: &Remark| one.kind == RemarkKind::Read && one.by == *known.who.identity();
        Ok(remarks.iter().any(read))
    }

    /// When something ends, for sentences.
    pub(super) fn until(grant: &Grant) -> String {
        utc(grant.until)
    }
}

/// What may run again by it, as a part of a sentence; nothing where it runs once.
fn again_in_words(repeat: Repeat, most: Span) -> String {
    let again = match repeat {
        Repeat::Once => return String::new(),
        Repeat::Exact { .. } => Again::Exact,
        Repeat::Shape { .. } => Again::Shape,
    };
    let span = repeat.within().map_or(most, |within| within.min(most));
    format!("; {} in its session, for {span}", again.words())
}

fn has_voted(state: &State, who: &Identity, denies: bool) -> bool {
    match state {
        State::Pending { votes, .. } | State::Approved { votes, .. } | State::Spent { votes, .. } => {
            !denies && votes.list().iter().any(|vote| vote.by == *who)
        }
        State::Denied { by, .. } => denies && by == who,
        State::Withdrawn { .. } | State::Lapsed { .. } => false,
    }
}

/// Whether an id ends with, or begins with, what was typed: six characters at least.
fn ends_like(id: &str, part: &str) -> bool {
    let (id, part) = (id.to_ascii_uppercase(), part.to_ascii_uppercase());
    let digits = id.split_once('_').map_or(id.as_str(), |(_, digits)| digits);
    part.len() >= 6 && (id == part || digits.ends_with(part.as_str()) || digits.starts_with(part.as_str()))
}

fn one_of<I: ToString>(part: &str, ids: impl Iterator<Item = I>, what: &str) -> Result<I, DeskError> {
    let mut fitting = ids.filter(|id| ends_like(&id.to_string(), part));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(DeskError::told(format!("`{}` means several; write more of it", visible(part)))),
        (None, _) => Err(DeskError::told(format!(
            "there is no `{}` that is {what}, or it is not for you; write at least 6 characters of its beginning or end",
            visible(part)
        ))),
    }
}
