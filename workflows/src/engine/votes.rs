//! Deciding, and doing what a decision asks for.

use serde_json::json;
use tracing::info;

use super::requests::{LONGEST_TEXT, is_text, new_grant};
use super::{Workflows, transact};
use crate::approval::{Repeat, Terms, Vote, Who};
use crate::clock::{Span, Timestamp};
use crate::grant;
use crate::id::{GrantId, RequestId};
use crate::identity::{Authenticated, Identity};
use crate::notice::Kind;
use crate::policy::{Ask, Policy, Route};
use crate::request::{Again, Effect, Event, Refused, Request, State, Step, What};
use crate::store::audit::{self, Note};
use crate::store::{StoreError, Tx, grants, notices, people, requests};
use crate::target::Access;
use crate::told::{Fault, Told};

/// What somebody says to a request.
#[derive(Clone, Debug)]
pub enum Choice {
    /// Yes, or yes to less.
    Approve {
        /// To what, where it is less.
        terms: Terms,
        /// Words that the requester sees; at most 1,000 characters.
        note: Option<String>,
    },
    /// No.
    Deny {
        /// Why: 1 to 1,000 characters.
        because: String,
    },
}

/// Why a vote did not count.
#[derive(Debug, thiserror::Error)]
pub enum VoteError {
    /// There is no such request, or the voter may not know of it.
    #[error("there is no request `{0}`, or you may not decide on it")]
    Missing(RequestId),
    /// The state machine says no.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A denial needs a reason, a note has a limit.
    #[error("say why in 1 to {LONGEST_TEXT} characters")]
    Because,
    /// The policy has changed since it was asked, and no longer permits it (G6).
    #[error("the policy no longer permits what was asked; the requester has to ask anew")]
    PolicyChanged,
    /// The approval would give nothing.
    #[error("`{0}` is more than was asked for; approve less, or leave it out")]
    MoreThanAsked(String),
    /// More time is for the level that the grant has: a lower one would change nothing, and look as if it did.
    #[error(
        "more time is for {0} access as it is; approve it for less time, or deny it and the requester asks for less"
    )]
    Level(Access),
    /// Its shape can't be told, so that nobody can say what else would pass.
    #[error(
        "this can't be allowed by its shape: what stays the same in it where its operands change can't be said; approve it \
         once, or exactly this again"
    )]
    NoShape,
    /// Its text does not say what it does, so that the same text may do something else.
    #[error(
        "this can be approved once only: the same words may do something else in another folder, or with other variables"
    )]
    OnlyOnce,
    /// The policy lets nothing pass again for that long.
    #[error("`{0}` is longer than the policy lets anything pass again; that is {1} at most")]
    RepeatTooLong(Span, Span),
    /// Only an operation can pass again.
    #[error("only a held operation can be allowed again; leave that out")]
    NothingAgain,
    /// G14: what may still go on cannot be reviewed yet.
    #[error("the access is still open; revoke it, or review it after {0}")]
    StillOpen(String),
    /// Somebody who is suspended decides nothing, and is given nothing.
    #[error("`{0}` is suspended")]
    Suspended(String),
    /// G3.
    #[error(
        "this machine's clock differs from the store's by more than 2 s, so it issues no grants; tell the platform team"
    )]
    Clock,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Told for VoteError {
    fn told(&self) -> String {
        match self {
            Self::Refused(Refused::Own) => "nobody decides on their own request; somebody else has to".to_owned(),
            Self::Refused(Refused::NotAsked) => {
                "you are not among those who were asked, so your vote doesn't count".to_owned()
            }
            Self::Refused(Refused::Settled(state)) => format!("it is too late: the request is {state} already"),
            Self::Store(error) => error.told(),
            Self::Missing(_)
            | Self::Refused(Refused::NotApproved(_) | Refused::Differs | Refused::NobodyElse)
            | Self::Because
            | Self::PolicyChanged
            | Self::MoreThanAsked(_)
            | Self::Level(_)
            | Self::StillOpen(_)
            | Self::NoShape
            | Self::OnlyOnce
            | Self::RepeatTooLong(..)
            | Self::NothingAgain
            | Self::Suspended(_)
            | Self::Clock => self.to_string(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Missing(_) => Fault::Missing,
            Self::Refused(Refused::Settled(_)) => Fault::Conflict,
            Self::Refused(
                Refused::Own | Refused::NotAsked | Refused::NotApproved(_) | Refused::Differs | Refused::NobodyElse,
            )
            | Self::PolicyChanged
            | Self::Suspended(_) => Fault::Refused,
            Self::StillOpen(_) => Fault::Conflict,
            Self::Because
            | Self::MoreThanAsked(_)
            | Self::Level(_)
            | Self::NoShape
            | Self::OnlyOnce
            | Self::RepeatTooLong(..)
            | Self::NothingAgain => Fault::Asker,
            Self::Clock | Self::Store(_) => Fault::Ours,
        }
    }
}

impl Workflows {
    /// Votes on a request.
    pub async fn vote(&self, who: &Authenticated, id: RequestId, choice: Choice) -> Result<Request, VoteError> {
        let text_is_right = match &choice {
            Choice::Approve { note, .. } => note.as_deref().is_none_or(is_text),
            Choice::Deny { because } => is_text(because),
        };
        if !text_is_right {
            return Err(VoteError::Because);
        }
        let voter = who.identity();
        let request = transact!(self, VoteError, |tx| {
            let (policy, now) = (self.policy(), self.now());
            let found = requests::get(tx, id).await?.ok_or(VoteError::Missing(id))?;
            // G6: earlier voters who have left the group since then, or were suspended, no longer count.
            let suspended = people::suspended(tx).await?;
            let request = found.request.recount(|name, request| {
                if suspended.contains(name) { Vec::new() } else { policy.serves(request, name, now) }
            });
            let serves = policy.serves(&request, &voter.name, now);
            if serves.is_empty() && request.by != *voter {
                return Err(if !self.sees_request(&policy, voter, &request) {
                    VoteError::Missing(id)
                } else if request.state.is_final() {
                    Refused::Settled(request.state.as_str()).into()
                } else {
                    Refused::NotAsked.into()
                });
            }
            if let Some(name) = [&voter.name, &request.by.name].into_iter().find(|name| suspended.contains(*name))
                && !(name == &request.by.name && may_go_on_without(&request, &choice))
            {
                return Err(VoteError::Suspended(name.clone()));
            }
            self.refuse_early_review(tx, &request, now).await?;
            let event = event_of(&request, voter, &choice, serves, now)?;
            let step = step_now(&policy, request, event, now)?;
            requests::change(tx, &step.request, found.version).await?;
            let grant = self.carry_out(tx, &policy, &step.request, step.effects, now).await?;
            notices::add(tx, &Kind::Changed { request: id }, &step.request.needs.asked(true), now).await?;
            audit::append(tx, vote_note(&step.request, voter, &choice, grant, &policy), now).await?;
            Ok(step.request)
        })?;
        info!(request.id = %id, "request `{id}` is {}", request.state.as_str());
        self.refresh_live().await?;
        Ok(request)
    }

    /// G14: a review of access that is still open would not cover what is done next.
    async fn refuse_early_review(&self, tx: &mut Tx, request: &Request, now: Timestamp) -> Result<(), VoteError> {
        let What::Review { grant, .. } = &request.what else { return Ok(()) };
        let found = grants::get(tx, *grant).await?;
        match found.filter(|found| found.grant.is_live(now) && !request.state.is_final()) {
            Some(found) => Err(VoteError::StillOpen(self.local(found.grant.until))),
            None => Ok(()),
        }
    }

    /// Does what a step asks for, in its transaction.
    pub(crate) async fn carry_out(
        &self,
        tx: &mut Tx,
        policy: &Policy,
        request: &Request,
        effects: Vec<Effect>,
        now: Timestamp,
    ) -> Result<Option<GrantId>, VoteError> {
        let mut made = None;
        for effect in effects {
            match effect {
                Effect::Grant { access, span } => {
                    if !self.clock_is_right() {
                        return Err(VoteError::Clock);
                    }
                    made = Some(grant_it(tx, policy, request, access, span, now).await?);
                }
                Effect::Reviewed(grant) => grants::reviewed(tx, grant, now).await?,
                Effect::Ask(more) => {
                    let overdue = match request.what {
                        What::Review { .. } => Kind::ReviewOverdue { request: request.id },
                        What::Access { .. } | What::Operation { .. } => Kind::Escalated { request: request.id },
                    };
                    notices::add(tx, &overdue, &more, now).await?;
                }
            }
        }
        Ok(made)
    }
}

/// Where the policy of now would send what a request for access asks for.
fn route_now(policy: &Policy, request: &Request, now: Timestamp) -> Result<Route, VoteError> {
    let What::Access { target, access, span, .. } = &request.what else { return Err(VoteError::PolicyChanged) };
    let asked = Ask { by: &request.by.name, target, access: *access, span: *span, emergency: false };
    policy.route_again(&asked, now).map_err(|_| VoteError::PolicyChanged)
}

/// Takes the step that a vote asks for.
///
/// INVARIANT (G6): a grant is made only when the same votes are enough by the policy of now as well.
fn step_now(policy: &Policy, request: Request, event: Event, now: Timestamp) -> Result<Step, VoteError> {
    let step = request.clone().step(event.clone(), now)?;
    let (State::Spent { votes, .. }, What::Access { .. }, Event::Approve(vote)) =
        (&step.request.state, &step.request.what, event)
    else {
        return Ok(step);
    };
    let needs = route_now(policy, &request, now)?.needs;
    if votes.recount(|vote| policy.counts_for(&needs, vote, now)).meet(&needs) {
        return Ok(step);
    }
    Ok(request.step(Event::AgreeFurther(vote), now)?)
}

/// Makes the grant, or moves the end of the one that is to be extended.
async fn grant_it(
    tx: &mut Tx,
    policy: &Policy,
    request: &Request,
    access: Access,
    span: Span,
    now: Timestamp,
) -> Result<GrantId, VoteError> {
    let What::Access { target, extends, .. } = &request.what else { return Err(VoteError::PolicyChanged) };
    // G6: the policy now has its say too: whether, and for how long.
    let route = route_now(policy, request, now)?;
    if !policy.permits(&request.by.name, target, access, false, now) {
        return Err(VoteError::PolicyChanged);
    }
    let span = span.min(route.at_most);
    let to = [Who::Person(request.by.name.clone())];
    let id = match extends {
        None => {
            let grant = new_grant(request, access, span, false, now);
            grants::add(tx, &grant).await?;
            grant.id
        }
        Some(id) => {
            let found = grants::get(tx, *id).await?.ok_or(VoteError::PolicyChanged)?;
            if access < found.grant.access {
                return Err(VoteError::Level(found.grant.access));
            }
            let over = |_| VoteError::Refused(Refused::Settled("over with its grant"));
            let grant = found.grant.step(grant::Event::Extend(span), now).map_err(over)?;
            grants::change(tx, &grant, found.version).await?;
            *id
        }
    };
    notices::add(tx, &Kind::Granted { grant: id }, &to, now).await?;
    Ok(id)
}

/// A suspended requester may be refused, and what they did may be reviewed; they are given nothing.
const fn may_go_on_without(request: &Request, choice: &Choice) -> bool {
    matches!((&request.what, choice), (What::Review { .. }, _) | (_, Choice::Deny { .. }))
}

fn event_of(
    request: &Request,
    voter: &Identity,
    choice: &Choice,
    serves: Vec<usize>,
    now: Timestamp,
) -> Result<Event, VoteError> {
    match choice {
        Choice::Deny { because } => Ok(Event::Deny { by: voter.clone(), because: because.clone() }),
        Choice::Approve { terms, note } => {
            may_repeat(request, terms.repeat)?;
            if let What::Access { access, span, extends, .. } = &request.what {
                if let Some(more) = terms.access.filter(|level| level > access) {
                    return Err(VoteError::MoreThanAsked(more.to_string()));
                }
                if extends.is_some() && terms.access.is_some_and(|level| level < *access) {
                    return Err(VoteError::Level(*access));
                }
                if let Some(more) = terms.span.filter(|longer| longer > span) {
                    return Err(VoteError::MoreThanAsked(more.to_string()));
                }
            }
            Ok(Event::Approve(Vote { by: voter.clone(), at: now, terms: *terms, note: note.clone(), serves }))
        }
    }
}

/// Whether what an approver chose can be had for this request at all. Buttons offer nothing else; whoever forges one reads why
/// not.
fn may_repeat(request: &Request, repeat: Repeat) -> Result<(), VoteError> {
    let again = match repeat {
        Repeat::Once => return Ok(()),
        Repeat::Exact { .. } => Again::Exact,
        Repeat::Shape { .. } => Again::Shape,
    };
    match &request.what {
        What::Operation { .. } if request.repeats_as().contains(&again) => {}
        What::Operation { .. } if request.repeats_as().is_empty() => return Err(VoteError::OnlyOnce),
        What::Operation { .. } => return Err(VoteError::NoShape),
        What::Access { .. } | What::Review { .. } => return Err(VoteError::NothingAgain),
    }
    let most = request.needs.repeat();
    match repeat.within() {
        Some(longer) if longer > most => Err(VoteError::RepeatTooLong(longer, most)),
        Some(_) | None => Ok(()),
    }
}

fn vote_note<'a>(
    request: &Request,
    voter: &'a Identity,
    choice: &Choice,
    grant: Option<GrantId>,
    policy: &Policy,
) -> Note<'a> {
    let (verb, said) = match choice {
        Choice::Approve { terms, note } => ("approve", json!({ "terms": terms, "note": note })),
        Choice::Deny { because } => ("deny", json!({ "because": because })),
    };
    let detail = json!({ "said": said, "state": request.state.as_str(), "grant": grant, "policy": policy.hash() });
    Note { actor: &voter.name, verb, about: request.id.to_string(), detail }
}
