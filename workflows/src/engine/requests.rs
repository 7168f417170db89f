//! Asking, and taking back what was asked.

use serde_json::json;
use tracing::info;

use super::{Workflows, transact};
use crate::clock::{Span, Timestamp};
use crate::grant::Grant;
use crate::id::{GrantId, RequestId};
use crate::identity::{Authenticated, Identity};
use crate::notice::Kind;
use crate::policy::{Ask, Policy, Refusal, Route};
use crate::request::{Event, Refused, Request, State, What};
use crate::store::audit::{self, Note};
use crate::store::{StoreError, Tx, grants, notices, people, requests};
use crate::target::{Access, TargetName};
use crate::told::{Fault, Told};

/// What somebody asks for.
#[derive(Clone, Debug)]
pub struct AccessAsk {
    /// To which target.
    pub target: TargetName,
    /// At which level.
    pub access: Access,
    /// For how long.
    pub span: Span,
    /// Why, in their words: 1 to 1,000 characters.
    pub why: String,
    /// Break-glass: now, without asking; reviewed afterwards.
    pub emergency: bool,
}

/// What became of an ask.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The request.
    pub request: Request,
    /// The grant, where nobody had to agree.
    pub grant: Option<Grant>,
    /// Who is asked, by name, at this moment.
    pub people: Vec<String>,
}

/// Longest text that a person may write, in characters.
pub(super) const LONGEST_TEXT: usize = 1_000;

pub(super) fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= LONGEST_TEXT
}

/// Why an ask did not become a request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The policy says no.
    #[error(transparent)]
    Policy(#[from] Refusal),
    /// No reason, or too long a one.
    #[error("say why in 1 to {LONGEST_TEXT} characters")]
    Why,
    /// There is a grant for it already.
    #[error(
        "you already have {access} access to `{target}` until {until}; `countersign extend {grant}` asks for more time"
    )]
    Already {
        /// To what.
        target: TargetName,
        /// At which level.
        access: Access,
        /// Until when, in local words.
        until: String,
        /// The grant.
        grant: GrantId,
    },
    /// The same was asked already.
    #[error("you already asked for that: {0} is pending")]
    Pending(RequestId),
    /// G14.
    #[error("your last break-glass access has not been reviewed yet; somebody else has to review it first")]
    ReviewOwed,
    /// G3.
    #[error(
        "this machine's clock differs from the store's by more than 2 s, so it issues no grants; tell the platform team"
    )]
    Clock,
    /// Break-glass is taken by whoever answers for it.
    #[error("break-glass access can't be asked for on behalf of somebody else")]
    NotForOthers,
    /// There is nobody of that name, or they are suspended.
    #[error("`{0}` is not known to Countersign; they need a token or a sign-in first")]
    Nobody(String),
    /// There is no pending request for access of theirs.
    #[error("there is no pending request `{0}` of yours that could be changed")]
    NotYours(RequestId),
    /// The grant to extend is not there, not theirs, or over.
    #[error("there is no live grant `{0}` of yours")]
    NoGrant(GrantId),
    /// Break-glass access has one fixed end.
    #[error("break-glass access can't be extended; ask for access instead")]
    Emergency,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Told for RequestError {
    fn told(&self) -> String {
        match self {
            Self::Policy(refusal) => refusal.told(),
            Self::Store(error) => error.told(),
            Self::Why
            | Self::Already { .. }
            | Self::Pending(_)
            | Self::ReviewOwed
            | Self::Clock
            | Self::NoGrant(_)
            | Self::NotForOthers
            | Self::Nobody(_)
            | Self::NotYours(_)
            | Self::Emergency => self.to_string(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Policy(refusal) => refusal.fault(),
            Self::Why => Fault::Asker,
            Self::Already { .. } | Self::Pending(_) => Fault::Conflict,
            Self::ReviewOwed | Self::Emergency | Self::NotForOthers => Fault::Refused,
            Self::NoGrant(_) | Self::Nobody(_) | Self::NotYours(_) => Fault::Missing,
            Self::Clock | Self::Store(_) => Fault::Ours,
        }
    }
}

/// Why a request was not withdrawn.
#[derive(Debug, thiserror::Error)]
pub enum WithdrawError {
    /// There is none, or it is somebody else's.
    #[error("there is no request `{0}` of yours")]
    Missing(RequestId),
    /// It is settled.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Told for WithdrawError {
    fn told(&self) -> String {
        match self {
            Self::Store(error) => error.told(),
            Self::Missing(_) | Self::Refused(_) => self.to_string(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Missing(_) => Fault::Missing,
            Self::Refused(_) => Fault::Conflict,
            Self::Store(_) => Fault::Ours,
        }
    }
}

/// Why a request is made.
#[derive(Clone, Copy, Debug)]
enum Why<'a> {
    /// Its requester wants it.
    New,
    /// Somebody wants it for them.
    For(&'a Identity),
    /// Its requester wants it instead of this one.
    Instead(RequestId),
}

/// Voids a request because its requester asks for something else.
async fn replace(
    tx: &mut Tx,
    by: &Identity,
    old: RequestId,
    new: RequestId,
    now: Timestamp,
) -> Result<(), RequestError> {
    let not_yours = || RequestError::NotYours(old);
    let found = requests::get(tx, old).await?.filter(|found| found.request.by == *by).ok_or_else(not_yours)?;
    let step = found.request.step(Event::Withdraw, now).map_err(|_| not_yours())?;
    requests::change(tx, &step.request, found.version).await?;
    requests::replaced(tx, old, new).await?;
    notices::add(tx, &Kind::Changed { request: old }, &step.request.needs.asked(true), now).await?;
    let note = Note { actor: &by.name, verb: "edit", about: old.to_string(), detail: json!({ "instead": new }) };
    audit::append(tx, note, now).await?;
    Ok(())
}

impl Workflows {
    /// Asks for access.
    pub async fn request(&self, who: &Authenticated, ask: AccessAsk) -> Result<Asked, RequestError> {
        if !is_text(&ask.why) {
            return Err(RequestError::Why);
        }
        if ask.emergency {
            return self.break_glass(who.identity(), ask).await;
        }
        self.refuse_doubles(who.identity(), &ask).await?;
        let what = What::Access {
            target: ask.target.clone(),
            access: ask.access,
            span: ask.span,
            extends: None,
            emergency: false,
        };
        self.ask(who.identity(), &ask, what, Why::New).await
    }

    /// Asks for access for somebody else. It is their request in every way, but whoever asks may not decide on it either
    /// (G16), and has to be somebody who may ask for the target themselves.
    pub async fn request_for(&self, who: &Authenticated, name: &str, ask: AccessAsk) -> Result<Asked, RequestError> {
        if name == who.identity().name {
            return self.request(who, ask).await;
        }
        if !is_text(&ask.why) {
            return Err(RequestError::Why);
        }
        if ask.emergency {
            return Err(RequestError::NotForOthers);
        }
        let mine = self.policy().may_ask(&who.identity().name, self.now());
        if !mine.iter().any(|one| one.target.name == ask.target) {
            return Err(Refusal::Unknown(ask.target).into());
        }
        let found = self.person_named(name).await?.ok_or_else(|| RequestError::Nobody(name.to_owned()))?;
        self.refuse_doubles(&found, &ask).await?;
        let (target, access, span) = (ask.target.clone(), ask.access, ask.span);
        let what = What::Access { target, access, span, extends: None, emergency: false };
        self.ask(&found, &ask, what, Why::For(who.identity())).await
    }

    async fn person_named(&self, name: &str) -> Result<Option<Identity>, StoreError> {
        let mut tx = self.begin_transaction().await?;
        let found = people::find(&mut tx, name).await?;
        tx.commit_quietly().await?;
        Ok(found.filter(|(_, suspended)| !suspended).map(|(identity, _)| identity))
    }

    /// Asks for something else instead (G7): a new request, and the old one is void with all of its votes.
    pub async fn edit(&self, who: &Authenticated, id: RequestId, ask: AccessAsk) -> Result<Asked, RequestError> {
        if !is_text(&ask.why) {
            return Err(RequestError::Why);
        }
        if ask.emergency {
            return Err(RequestError::Emergency);
        }
        let old = requests::find(self.db(), id).await?.filter(|old| old.by == *who.identity());
        let extends = match old.map(|old| old.what) {
            Some(What::Access { extends, target, emergency: false, .. }) => extends.filter(|_| target == ask.target),
            Some(What::Access { .. } | What::Operation { .. } | What::Review { .. }) | None => {
                return Err(RequestError::NotYours(id));
            }
        };
        let (target, access, span) = (ask.target.clone(), ask.access, ask.span);
        let what = What::Access { target, access, span, extends, emergency: false };
        self.ask(who.identity(), &ask, what, Why::Instead(id)).await
    }

    /// Asks for more time on a live grant; when it is agreed, the grant's end moves and its sessions go on.
    pub async fn extend(
        &self,
        who: &Authenticated,
        id: GrantId,
        span: Span,
        why: &str,
    ) -> Result<Asked, RequestError> {
        if !is_text(why) {
            return Err(RequestError::Why);
        }
        let now = self.now();
        let grant = grants::find(self.db(), id).await?;
        let mine = grant.filter(|grant| grant.to == *who.identity() && grant.is_live(now));
        let grant = mine.ok_or(RequestError::NoGrant(id))?;
        if grant.emergency {
            return Err(RequestError::Emergency);
        }
        let (target, access) = (grant.target, grant.access);
        let what = What::Access { target: target.clone(), access, span, extends: Some(id), emergency: false };
        let ask = AccessAsk { target, access, span, why: why.to_owned(), emergency: false };
        self.ask(who.identity(), &ask, what, Why::New).await
    }

    /// Somebody who has it, or asked for it a moment ago, is told so instead of asking twice.
    async fn refuse_doubles(&self, by: &Identity, ask: &AccessAsk) -> Result<(), RequestError> {
        let now = self.now();
        let held = grants::live_of(self.db(), by.id, &ask.target, now).await?;
        if let Some(grant) = held.into_iter().find(|grant| grant.access >= ask.access && !grant.emergency) {
            return Err(RequestError::Already {
                until: self.local(grant.until),
                target: grant.target,
                access: grant.access,
                grant: grant.id,
            });
        }
        let same = |request: &Request| match &request.what {
            What::Access { target, access, extends: None, .. } => {
                request.by == *by && *target == ask.target && *access == ask.access
            }
            What::Access { .. } | What::Operation { .. } | What::Review { .. } => false,
        };
        let open = requests::latest(self.db(), true, 1_000).await?;
        match open.iter().find(|request| same(request)) {
            Some(request) => Err(RequestError::Pending(request.id)),
            None => Ok(()),
        }
    }

    fn route(policy: &Policy, by: &Identity, ask: &AccessAsk, now: Timestamp) -> Result<Route, RequestError> {
        let asked =
            Ask { by: &by.name, target: &ask.target, access: ask.access, span: ask.span, emergency: ask.emergency };
        Ok(policy.route(&asked, now)?)
    }

    async fn ask(&self, by: &Identity, ask: &AccessAsk, what: What, why: Why<'_>) -> Result<Asked, RequestError> {
        let (policy, now) = (self.policy(), self.now());
        let route = Self::route(&policy, by, ask, now)?;
        let mut request = Request::new(by.clone(), what, ask.why.clone(), route.needs, now);
        if let Why::For(asker) = why {
            request.asked_by = Some(asker.name.clone());
        }
        transact!(self, RequestError, |tx| {
            requests::add(tx, &request).await?;
            if let Why::Instead(old) = why {
                replace(tx, by, old, request.id, now).await?;
            }
            let about = Kind::Asked { request: request.id };
            notices::add(tx, &about, &request.asked(), now).await?;
            audit::append(tx, asked_note(&request, &route.rule, &policy), now).await?;
            Ok(())
        })?;
        info!(request.id = %request.id, "request `{}` was made", request.id);
        let people = people_asked(&policy, &request, now);
        Ok(Asked { request, grant: None, people })
    }

    /// Break-glass (G14): granted at once, everyone told, a review owed by somebody else.
    async fn break_glass(&self, by: &Identity, ask: AccessAsk) -> Result<Asked, RequestError> {
        let (policy, now) = (self.policy(), self.now());
        let route = Self::route(&policy, by, &ask, now)?;
        if !self.clock_is_right() {
            return Err(RequestError::Clock);
        }
        let (target, access) = (ask.target.clone(), ask.access);
        let span = ask.span.min(route.at_most);
        let what = What::Access { target: target.clone(), access, span, extends: None, emergency: true };
        let mut request = Request::new(by.clone(), what, ask.why.clone(), route.needs.clone(), now);
        request.state = State::Spent { at: now, votes: crate::approval::Votes::default() };
        let grant = new_grant(&request, access, span, true, now);
        let why = format!("break-glass: {}", ask.why);
        let review = Request::new(by.clone(), What::Review { target, grant: grant.id }, why, route.needs, now);
        let outcome: Result<(), RequestError> = transact!(self, RequestError, |tx| {
            if grants::owes_review(tx, by.id, self.now()).await? {
                return Err(RequestError::ReviewOwed);
            }
            requests::add(tx, &request).await?;
            grants::add(tx, &grant).await?;
            requests::add(tx, &review).await?;
            let told = [review.asked(), policy.overseers()].concat();
            notices::add(tx, &Kind::Emergency { grant: grant.id }, &told, now).await?;
            notices::add(tx, &Kind::Asked { request: review.id }, &review.asked(), now).await?;
            let mut note = asked_note(&request, &route.rule, &policy);
            note.verb = "break glass";
            if let Some(detail) = note.detail.as_object_mut() {
                detail.insert("grant".to_owned(), json!(grant.id));
                detail.insert("review".to_owned(), json!(review.id));
                detail.insert("until".to_owned(), json!(grant.until.to_string()));
            }
            audit::append(tx, note, now).await?;
            Ok(())
        });
        match outcome {
            Ok(()) => {}
            // Two at the same moment: the unique index let one of them through.
            Err(RequestError::Store(StoreError::Exists)) => return Err(RequestError::ReviewOwed),
            Err(error) => return Err(error),
        }
        info!(grant.id = %grant.id, "break-glass grant `{}` was taken", grant.id);
        self.refresh_live().await?;
        let people = people_asked(&policy, &review, now);
        Ok(Asked { request, grant: Some(grant), people })
    }

    /// Takes back one's own request.
    pub async fn withdraw(&self, who: &Authenticated, id: RequestId) -> Result<Request, WithdrawError> {
        let by = who.identity();
        transact!(self, WithdrawError, |tx| {
            let now = self.now();
            let found = requests::get(tx, id).await?.ok_or(WithdrawError::Missing(id))?;
            if found.request.by != *by {
                return Err(WithdrawError::Missing(id));
            }
            let step = found.request.step(Event::Withdraw, now)?;
            requests::change(tx, &step.request, found.version).await?;
            notices::add(tx, &Kind::Changed { request: id }, &step.request.needs.asked(true), now).await?;
            let note = Note { actor: &by.name, verb: "withdraw", about: id.to_string(), detail: json!({}) };
            audit::append(tx, note, now).await?;
            Ok(step.request)
        })
    }
}

/// Who is asked at this moment, by name, without the requester.
pub(super) fn people_asked(policy: &Policy, request: &Request, now: Timestamp) -> Vec<String> {
    let mut people: Vec<String> = Vec::new();
    for name in request.asked().iter().flat_map(|who| policy.people(who, now)) {
        if name != request.by.name && !people.contains(&name) {
            people.push(name);
        }
    }
    people
}

pub(super) fn new_grant(request: &Request, access: Access, span: Span, emergency: bool, now: Timestamp) -> Grant {
    Grant {
        id: GrantId::new(),
        request: request.id,
        to: request.by.clone(),
        target: request.what.target().clone(),
        access,
        from: now,
        until: now.plus(span),
        emergency,
        reminded: false,
        ended: None,
    }
}

fn asked_note<'a>(request: &'a Request, rule: &str, policy: &Policy) -> Note<'a> {
    let detail = json!({
        "what": request.what,
        "why": request.why,
        "rule": rule,
        "asked_by": request.asked_by,
        "asked": request.needs.asked(true),
        "policy": policy.hash(),
    });
    Note { actor: &request.by.name, verb: "request", about: request.id.to_string(), detail }
}
