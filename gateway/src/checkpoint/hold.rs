//! A wait for people: ask, keep the client informed, and take up the answer. Doubt on the way is a refusal.

use std::fmt::Write as _;

use workflows::approval::Votes;
use workflows::clock::{Span, Timestamp};
use workflows::id::RequestId;
use workflows::request::{Request, State};
use workflows::session::Totals;
use workflows::shown::visible_bytes;
use workflows::told::Told as _;
use workflows::verdict::Gate;

use self::again::{Again, Allowed, Prints, pass_again, words};
pub(crate) use self::beside::Beside;
use super::{Decision, Stop, Waiting, again as judge_again, policy_text, release, shown, shut};
use crate::dialect::{Broken, Dialect, Gone, Told, Turn};
use crate::record::{Book, Record};
use crate::seams::{Held, LiveSession, StoreError, Workflows, visible};

mod again;
mod beside;

/// A text longer than this is not put before people: nobody could read it, and so nobody could agree to it.
const MAX_SHOWN: usize = 1 << 20;

/// The holds that a session is waiting on, to be withdrawn if the session ends meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    open: Vec<RequestId>,
    /// What was let through because people agreed, until somebody takes it up.
    pub(crate) released: Option<Released>,
    allowed: Allowed,
}

/// A turn that was let through because people agreed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Released {
    /// The request.
    pub(crate) request: RequestId,
    /// How long it took from the last approval.
    pub(crate) after: Option<Span>,
}

impl Asking {
    /// Takes all questions back that are open.
    pub(crate) async fn abandon_all(&mut self, session: &LiveSession, workflows: &Workflows) {
        for id in self.open.clone() {
            self.abandon(id, session, workflows).await;
        }
    }

    /// Takes the question back, if it is open. The reconciler does it later if the store can't be reached.
    async fn abandon(&mut self, id: RequestId, session: &LiveSession, workflows: &Workflows) {
        if self.close(id)
            && let Err(error) = workflows.withdraw_hold(session, id).await
        {
            tracing::warn!(%error, "the hold `{id}` could not be withdrawn");
        }
    }

    /// The question needs no taking back any more. False where it was not open.
    fn close(&mut self, id: RequestId) -> bool {
        let before = self.open.len();
        self.open.retain(|open| *open != id);
        self.open.len() < before
    }
}

/// A turn that people were asked about.
#[derive(Debug)]
pub(crate) struct Asked<T> {
    waiting: Waiting<T>,
    /// The request.
    id: RequestId,
    /// What its sender reads each minute.
    reminder: Told,
}

/// Whether people had to be asked.
#[derive(Debug)]
pub(crate) enum Begun<T> {
    /// It is decided already.
    Decided(Decision<T>),
    /// They were asked.
    Asked(Asked<T>),
}

/// Asks, waits, and takes up the answer: never `Decision::Hold`. Dropped midway it leaves its question in `asking`.
pub(crate) async fn wait<D: Dialect>(
    dialect: &mut D,
    waiting: Waiting<D::Turn>,
    session: &mut LiveSession,
    (book, asking): (&mut Book, &mut Asking),
    workflows: &Workflows,
) -> Result<Decision<D::Turn>, Stop> {
    let asked = match ask(dialect, waiting, session, (book, asking), workflows).await? {
        Begun::Decided(decision) => return Ok(decision),
        Begun::Asked(asked) => asked,
    };
    let mut record = Record::new(session.tape(), book);
    let settled = tokio::select! {
        settled = workflows.settled(asked.id) => Ok(settled),
        gone = dialect.held(&asked.reminder, &mut record) => Err(gone?),
    };
    match settled {
        Ok(answer) => settle(dialect, asked, answer, session, (book, asking), workflows).await,
        Err(Gone::Left) => {
            give_up(asked, session, (book, asking), workflows).await?;
            Err(Broken::Left.into())
        }
        Err(Gone::Withdrew) => give_up(asked, session, (book, asking), workflows).await,
    }
}

/// Asks people, if nobody has said already what becomes of it.
pub(crate) async fn ask<D: Dialect>(
    dialect: &mut D,
    waiting: Waiting<D::Turn>,
    session: &mut LiveSession,
    (book, asking): (&mut Book, &mut Asking),
    workflows: &Workflows,
) -> Result<Begun<D::Turn>, Stop> {
    dialect.about(&waiting.turn);
    let Some(text) = shown_text(dialect, &waiting.turn) else {
        let words = "it is too long to be shown to whoever must agree";
        return Ok(Begun::Decided(not_asked(waiting, words, session, book)?));
    };
    if let Some(told) = dialect.mistake(&waiting.turn).await {
        let mut record = Record::new(session.tape(), book);
        record.settled(waiting.first, "refused", "", &told.message)?;
        record.not_held();
        return Ok(Begun::Decided(Decision::Refuse(waiting.turn, told)));
    }
    let prints = Prints::of(dialect, &waiting.turn, session, &policy_text(&waiting.rules, &waiting.needs));
    let waiting = match pass_again(dialect, waiting, &prints, session, (book, asking), workflows).await? {
        Again::Passes(cleared) => return Ok(Begun::Decided(Decision::Clear(cleared))),
        Again::Asks(waiting) => waiting,
    };
    let impact = dialect.preview(&waiting.turn).await;
    // The intent is on the disk before anybody is asked.
    Record::new(session.tape(), book).flush().await?;
    let (why, needs) = (waiting.rules.clone(), waiting.needs.clone());
    let (shape, exact) = (prints.shown(), dialect.exactness(&waiting.turn));
    let held = Held { fingerprint: prints.exact, shown: text, impact: impact.clone(), shape, exact, why, needs };
    let request = match workflows.hold(session, held).await {
        Ok(request) => request,
        Err(error) => {
            tracing::warn!(%error, "nobody could be asked");
            let words = format!("nobody could be asked: {}", error.told());
            return Ok(Begun::Decided(not_asked(waiting, &words, session, book)?));
        }
    };
    let id = request.id;
    asking.open.push(id);
    let (first, reminder) = notices(&request, &waiting.rules, &impact, workflows);
    let mut record = Record::new(session.tape(), book);
    record.hold(waiting.first, &id.to_string(), &waiting.rules)?;
    dialect.tell(&first, &mut record).await?;
    Ok(Begun::Asked(Asked { waiting, id, reminder }))
}

/// Takes up the answer: never `Decision::Hold`.
pub(crate) async fn settle<D: Dialect>(
    dialect: &mut D,
    asked: Asked<D::Turn>,
    answer: Result<Request, StoreError>,
    session: &mut LiveSession,
    (book, asking): (&mut Book, &mut Asking),
    workflows: &Workflows,
) -> Result<Decision<D::Turn>, Stop> {
    let Asked { waiting, id, .. } = asked;
    dialect.about(&waiting.turn);
    match answer {
        Ok(request) => take_up(dialect, waiting, request, session, (book, asking), workflows).await,
        Err(error) => {
            asking.abandon(id, session, workflows).await;
            tracing::warn!(error = &error as &dyn std::error::Error, "the answer to `{id}` could not be read");
            Ok(refuse(waiting, "42501", "the answer could not be read", Some(id)))
        }
    }
}

/// Takes the question back, since nobody waits for its answer any more.
pub(crate) async fn give_up<T>(
    asked: Asked<T>,
    session: &mut LiveSession,
    (book, asking): (&mut Book, &mut Asking),
    workflows: &Workflows,
) -> Result<Decision<T>, Stop> {
    let Asked { waiting, id, .. } = asked;
    asking.abandon(id, session, workflows).await;
    Record::new(session.tape(), book).settled(waiting.first, "withdrawn", "", "")?;
    Ok(refuse(waiting, "57014", "withdrawn at your request", Some(id)))
}

/// The request is no longer pending: turns its state into a decision.
async fn take_up<D: Dialect>(
    dialect: &mut D,
    waiting: Waiting<D::Turn>,
    request: Request,
    session: &mut LiveSession,
    (book, asking): (&mut Book, &mut Asking),
    workflows: &Workflows,
) -> Result<Decision<D::Turn>, Stop> {
    let (op, id) = (waiting.first, request.id);
    let refusal = match &request.state {
        State::Approved { .. } => return spend(dialect, waiting, request, session, (book, asking), workflows).await,
        State::Denied { by, because, .. } => {
            Record::new(session.tape(), book).settled(op, "denied", &by.name, because)?;
            ("42501", format!("denied by {}: {}", by.name, visible(because)))
        }
        State::Lapsed { at } => {
            Record::new(session.tape(), book).settled(op, "lapsed", "", "")?;
            ("42501", format!("nobody agreed by {}", workflows.local(*at)))
        }
        State::Withdrawn { .. } => {
            Record::new(session.tape(), book).settled(op, "withdrawn", "", "")?;
            ("57014", "the request was withdrawn".to_owned())
        }
        State::Pending { .. } | State::Spent { .. } => ("42501", "the request cannot be used".to_owned()),
    };
    asking.close(id);
    Ok(refuse(waiting, refusal.0, &refusal.1, Some(id)))
}

/// People agreed. The policy is asked once more, since it may have been changed meanwhile, and the approval is used up.
async fn spend<D: Dialect>(
    dialect: &mut D,
    waiting: Waiting<D::Turn>,
    request: Request,
    session: &mut LiveSession,
    (book, asking): (&mut Book, &mut Asking),
    workflows: &Workflows,
) -> Result<Decision<D::Turn>, Stop> {
    let (id, now) = (request.id, workflows.clock().now());
    session.life().still().map_err(Stop::Ended)?;
    let (verdict, rules) = if let Some(scope) = session.scope() {
        judge_again(dialect, &waiting.turn, scope, now)
    } else {
        asking.abandon(id, session, workflows).await;
        return Ok(refuse(waiting, "42501", "the policy no longer knows this target or this person", Some(id)));
    };
    // Under a rule that is gone the approval still counts; under a changed one it is another question.
    let policy = match &verdict.gate {
        Gate::Open => policy_text(&waiting.rules, &waiting.needs),
        Gate::Hold(needs) => policy_text(&rules, needs),
        Gate::Shut(denial) => {
            asking.abandon(id, session, workflows).await;
            return Ok(Decision::Refuse(waiting.turn, shut(denial)));
        }
    };
    let prints = Prints::of(dialect, &waiting.turn, session, &policy);
    let spent = workflows.spend(session, id, &prints.exact, &verdict.gate).await;
    match spent {
        Ok(request) => {
            asking.close(id);
            let (by, mut note, mut message) = agreed(&request);
            if let Some(allowed) = asking.allowed.allow(&prints, &request) {
                let more = words(allowed, session, workflows);
                note = if note.is_empty() { more.clone() } else { format!("{note}; {more}") };
                message = format!("{message}, {more}");
            }
            let mut record = Record::new(session.tape(), book);
            record.settled(waiting.first, "approved", &by, &note)?;
            count(&waiting.turn, record.totals());
            asking.released = Some(Released { request: id, after: last_vote(&request).map(|at| now.since(at)) });
            record.flush().await?;
            let notice = Told { code: "00000", message, ..Told::default() };
            dialect.tell(&notice, &mut record).await?;
            Ok(Decision::Clear(release(waiting.turn, verdict.mask, waiting.first)))
        }
        Err(error) => {
            asking.abandon(id, session, workflows).await;
            Record::new(session.tape(), book).settled(waiting.first, "refused", "", &error.told())?;
            Ok(refuse(waiting, "42501", &format!("the approval could not be used: {}", error.told()), Some(id)))
        }
    }
}

/// Refuses what nobody was asked about, and records that.
pub(crate) fn not_asked<T>(
    waiting: Waiting<T>,
    words: &str,
    session: &mut LiveSession,
    book: &mut Book,
) -> Result<Decision<T>, Stop> {
    let mut record = Record::new(session.tape(), book);
    record.settled(waiting.first, "refused", "", words)?;
    record.not_held();
    Ok(refuse(waiting, "42501", words, None))
}

fn refuse<T>(waiting: Waiting<T>, code: &'static str, words: &str, id: Option<RequestId>) -> Decision<T> {
    let told = Told {
        code,
        message: format!("not let through: {words}"),
        detail: format!("held by rule `{}`", waiting.rules),
        hint: id
            .map_or_else(String::new, |id| format!("the request was {id}; send the statement again to ask again")),
        position: None,
    };
    Decision::Refuse(waiting.turn, told)
}

/// Who agreed, what they wrote, and the words for the client.
fn agreed(request: &Request) -> (String, String, String) {
    let empty = Votes::default();
    let votes = match &request.state {
        State::Approved { votes, .. } | State::Spent { votes, .. } | State::Pending { votes, .. } => votes,
        State::Denied { .. } | State::Withdrawn { .. } | State::Lapsed { .. } => &empty,
    };
    let names: Vec<&str> = votes.list().iter().map(|vote| vote.by.name.as_str()).collect();
    let notes: Vec<String> = votes.list().iter().filter_map(|vote| vote.note.as_deref()).map(visible).collect();
    let mut words = format!("approved by {}", names.join(", "));
    for note in &notes {
        words = words + ": \"" + note + "\"";
    }
    (names.join(", "), notes.join("; "), words)
}

/// When the last approval came.
fn last_vote(request: &Request) -> Option<Timestamp> {
    match &request.state {
        State::Spent { votes, .. } => votes.list().iter().map(|vote| vote.at).max(),
        State::Pending { .. }
        | State::Approved { .. }
        | State::Denied { .. }
        | State::Withdrawn { .. }
        | State::Lapsed { .. } => None,
    }
}

/// What was held passes now, so it counts like everything that passed.
fn count<T: Turn>(turn: &T, totals: &mut Totals) {
    for ask in turn.asks().filter(|ask| ask.runs) {
        for classified in std::iter::once(&ask.classified).chain(&ask.inner) {
            totals.operations += classified.operations.len() as u64;
            totals.writes += classified.operations.iter().filter(|operation| operation.writes).count() as u64;
        }
    }
}

/// What the client reads at once, and then every minute.
fn notices(request: &Request, rules: &str, impact: &[String], workflows: &Workflows) -> (Told, Told) {
    let asked: Vec<String> = request.asked().iter().map(ToString::to_string).collect();
    let pauses = if request.needs.pause() > Span::ZERO { ", later if they ask back" } else { "" };
    let until =
        request.state.due().map_or_else(String::new, |due| format!(", until {}{pauses}", workflows.local(due)));
    let (asked, id) = (asked.join(", "), request.id);
    let first = Told {
        code: "00000",
        message: format!("held by rule `{rules}`: asked {asked} ({id}){until}. Ctrl-C withdraws it."),
        detail: impact.join("\n"),
        ..Told::default()
    };
    let message = format!("still held: {asked} asked ({id}){until}. Ctrl-C withdraws it.");
    (first, Told { code: "00000", message, ..Told::default() })
}

/// The whole of what would run, values included, for whoever decides. `None` if nobody could read that much.
fn shown_text<D: Dialect>(dialect: &D, turn: &D::Turn) -> Option<String> {
    let mut all = String::new();
    for ask in turn.asks().filter(|ask| ask.runs) {
        dialect.said(turn, ask, &mut |text, values| {
            if !all.is_empty() {
                all.push('\n');
            }
            all.push_str(&visible_bytes(text));
            for (at, (value, binary)) in values.iter().enumerate() {
                let value = shown(*value, *binary).map_or_else(|| "NULL".to_owned(), |value| visible(&value));
                let _infallible = write!(all, "\n${} = {value}", at + 1);
            }
        });
        for inner in &ask.inner {
            for operation in &inner.operations {
                let _infallible = write!(all, "\nruns: {}", visible(&operation.shown));
            }
        }
        if all.len() > MAX_SHOWN {
            return None;
        }
    }
    Some(all)
}
