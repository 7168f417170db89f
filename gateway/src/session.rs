//! The loop that every session runs, whatever its protocol: next turn, checkpoint, then forward, refuse or hold.
//!
//! INVARIANT: everything in it is raced against the end of the grant and the stop, each byte on its way included (G1).

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;
use workflows::clock::{Clock, Span};
use workflows::id::RequestId;
use workflows::session::{Ending, Totals};

use crate::checkpoint::{self, Asking, Begun, Beside, Checkpoint, Decision, Stop};
use crate::dialect::{Broken, Dialect, Told};
use crate::observe::{Observer, Open};
use crate::record::{Book, Record};
use crate::seams::{Life, LiveSession, Workflows};

/// How long before the end the person is reminded.
const REMIND: Span = Span::minutes(5);

/// What a session keeps between turns.
struct State<T> {
    checkpoint: Checkpoint,
    book: Book,
    asking: Asking,
    beside: Beside<T>,
    observer: Arc<dyn Observer>,
}

/// A session from its first turn to its last row: runs it, counts it and books its end.
pub(crate) async fn serve<D: Dialect>(
    mut dialect: D,
    mut session: LiveSession,
    workflows: &Workflows,
    stop: &CancellationToken,
    observer: &Arc<dyn Observer>,
) {
    observer.session_began();
    let keep = workflows.kept_output();
    let (ending, totals) = run(&mut dialect, &mut session, workflows, stop, (keep, observer)).await;
    observer.session_ended(totals.masked);
    match ending {
        Ending::NotRecorded => observer.recording_failed(),
        Ending::Blind => observer.store_failed(),
        Ending::Left
        | Ending::Expired
        | Ending::Revoked
        | Ending::Ended
        | Ending::TargetGone
        | Ending::Broken
        | Ending::Stopped
        | Ending::Abandoned => {}
    }
    drop(dialect);
    tracing::info!(session.id = %session.id(), "session `{}` ended: {}", session.id(), ending.as_str());
    Box::pin(workflows.end(session, ending, totals)).await;
}

/// Runs a session to its end, closes both sides, and says how it ended and what it did.
async fn run<D: Dialect>(
    dialect: &mut D,
    session: &mut LiveSession,
    workflows: &Workflows,
    stop: &CancellationToken,
    (keep, observer): (u64, &Arc<dyn Observer>),
) -> (Ending, Totals) {
    let mut state = State {
        checkpoint: Checkpoint::default(),
        book: Book::new(keep),
        asking: Asking::default(),
        beside: Beside::new(observer),
        observer: Arc::clone(observer),
    };
    let life = session.life().clone();
    let why = {
        // Made once for the whole session, so that a turn registers no timer; and each in a set of its own, which polls it
        // only when it was woken and not with every byte that moves.
        let mut ended = FuturesUnordered::from_iter([ended(&life, stop)]);
        let mut soon = FuturesUnordered::from_iter([soon(&life, workflows.clock())]);
        loop {
            let done = tokio::select! {
                biased;
                Some(ending) = ended.next() => Err(Stop::Ended(ending)),
                done = turn(dialect, session, workflows, &mut state, &mut soon) => done,
            };
            match done {
                Ok(true) => {}
                Ok(false) => break Stop::Broken(Broken::Left),
                Err(why) => break why,
            }
        }
    };
    let (ending, told) = match why {
        Stop::Ended(ending) => {
            let message = life.farewell(&ending);
            (ending, Told { code: "57P01", message, ..Told::default() })
        }
        Stop::Broken(broken) => (broken.ending(), broken.told()),
    };
    Box::pin(dialect.close(&told)).await;
    for line in dialect.left_over() {
        if Record::new(session.tape(), &mut state.book).note(&line).is_err() {
            tracing::error!("what was left over could not be recorded");
        }
    }
    // The store may be away and take its time; the door is shut first.
    Box::pin(state.asking.abandon_all(session, workflows)).await;
    (ending, state.book.totals)
}

/// What comes next.
enum Next<T> {
    /// The client wants something.
    Turn(T),
    /// A turn that waited beside the conversation is decided.
    Decided(Decision<T>),
    /// Nothing that has to be decided.
    Nothing,
    /// The client said goodbye.
    Goodbye,
}

/// One turn of the conversation. False when the client said goodbye.
async fn turn<D: Dialect>(
    dialect: &mut D,
    session: &mut LiveSession,
    workflows: &Workflows,
    state: &mut State<D::Turn>,
    soon: &mut FuturesUnordered<impl Future<Output = Span>>,
) -> Result<bool, Stop> {
    let decision = match next(dialect, session, workflows, state, soon).await? {
        Next::Goodbye => return Ok(false),
        Next::Nothing => return Ok(true),
        Next::Decided(decision) => decision,
        Next::Turn(turn) => match judge(dialect, turn, session, workflows, state).await? {
            Some(decision) => decision,
            None => return Ok(true),
        },
    };
    let State { book, asking, observer, .. } = state;
    if let Decision::Clear(cleared) = &decision
        && cleared.is_uninspected()
    {
        session.mark_uninspected("a statement that could not be read was let through");
    }
    match decision {
        Decision::Clear(cleared) => {
            observer.passed();
            if let Some(released) = asking.released.take() {
                book.watch();
                dialect.forward(cleared, &mut Record::new(session.tape(), book)).await?;
                Box::pin(tell_outcome(released.request, book, workflows)).await;
            } else {
                dialect.forward(cleared, &mut Record::new(session.tape(), book)).await?;
            }
        }
        Decision::Refuse(turn, told) => {
            observer.refused();
            dialect.refuse(turn, &told, &mut Record::new(session.tape(), book)).await?;
        }
        // Whoever waits ends in one of the two above; if they ever did not, nothing passes.
        Decision::Hold(_) => return Err(Stop::Broken(Broken::protocol("a hold of a hold"))),
    }
    Record::new(session.tape(), book).ready().await?;
    Ok(true)
}

/// Waits for whatever comes next.
async fn next<D: Dialect>(
    dialect: &mut D,
    session: &mut LiveSession,
    workflows: &Workflows,
    State { book, asking, beside, observer, .. }: &mut State<D::Turn>,
    soon: &mut FuturesUnordered<impl Future<Output = Span>>,
) -> Result<Next<D::Turn>, Stop> {
    if let Some(asked) = beside.take(|turn| dialect.is_given_up(turn)) {
        let decision = Box::pin(checkpoint::give_up(asked, session, (book, asking), workflows)).await?;
        return Ok(Next::Decided(decision));
    }
    let some = !beside.is_empty();
    // Made only where somebody waits: the hot path registers no timer.
    let due = beside.due();
    let remind = async { if some { Box::pin(sleep_until(due)).await } else { std::future::pending().await } };
    let target = Arc::clone(session.target());
    let mut record = Record::new(session.tape(), book);
    let answered = tokio::select! {
        biased;
        answered = beside.answered(), if some => answered,
        turn = dialect.next_turn(&mut record) => return Ok(turn?.map_or(Next::Goodbye, Next::Turn)),
        () = remind, if some => {
            for (turn, told) in beside.reminders() {
                dialect.about(turn);
                dialect.tell(told, &mut record).await?;
            }
            None
        }
        Some(left) = soon.next() => {
            let message = format!("access to {} ends in {}", target.name, left_in_words(left));
            dialect.tell(&Told { code: "00000", message, ..Told::default() }, &mut record).await?;
            None
        }
    };
    let Some((asked, answer)) = answered else { return Ok(Next::Nothing) };
    let settled = checkpoint::settle(dialect, asked, answer, session, (book, asking), workflows);
    let decision = Box::pin(settled).await?;
    if let Some(after) = asking.released.and_then(|released| released.after) {
        observer.released(after.to_std());
    }
    Ok(Next::Decided(decision))
}

/// Judges a turn, and waits for people where it has to wait. `None` where it waits beside the conversation.
async fn judge<D: Dialect>(
    dialect: &mut D,
    turn: D::Turn,
    session: &mut LiveSession,
    workflows: &Workflows,
    State { checkpoint, book, asking, beside, observer }: &mut State<D::Turn>,
) -> Result<Option<Decision<D::Turn>>, Stop> {
    let decision = checkpoint.clear(dialect, turn, session, book, workflows.clock().now())?;
    if session.is_strict() {
        // Break-glass: what is about to run is on the disk before it does.
        Record::new(session.tape(), book).flush().await?;
    }
    let Decision::Hold(waiting) = decision else { return Ok(Some(decision)) };
    let _open = Open::new(observer);
    // Boxed, as is all that a session does once or never: an idle one should carry little.
    let decision = if !waiting.goes_on(dialect) {
        Box::pin(checkpoint::wait(dialect, waiting, session, (book, asking), workflows)).await?
    } else if !beside.has_room() {
        checkpoint::not_asked(waiting, "too many wait for people in this session already", session, book)?
    } else {
        match Box::pin(checkpoint::ask(dialect, waiting, session, (book, asking), workflows)).await? {
            Begun::Decided(decision) => decision,
            Begun::Asked(asked) => {
                beside.add(asked, workflows);
                return Ok(None);
            }
        }
    };
    if let Some(after) = asking.released.and_then(|released| released.after) {
        observer.released(after.to_std());
    }
    Ok(Some(decision))
}

/// Tells those who agreed what became of it. Evidence has it already, so a store that is away only keeps the news back.
async fn tell_outcome(request: RequestId, book: &mut Book, workflows: &Workflows) {
    let Some(outcome) = book.watched() else { return };
    if let Err(error) = workflows.operation_done(request, &outcome).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the outcome of `{request}` could not be told");
    }
}

/// Resolves when the session must end. Cancel-safe.
async fn ended(life: &Life, stop: &CancellationToken) -> Ending {
    tokio::select! {
        biased;
        ending = life.ended() => ending,
        () = stop.cancelled() => Ending::Stopped,
    }
}

/// "5 min", "40 s".
fn left_in_words(left: Span) -> String {
    let seconds = (left.micros() + 999_999) / 1_000_000;
    if seconds > 90 { format!("{} min", (seconds + 59) / 60) } else { format!("{seconds} s") }
}

/// Resolves shortly before the end, with the time that is left. Cancel-safe.
async fn soon(life: &Life, clock: &Clock) -> Span {
    loop {
        let (now, until) = (clock.now(), life.until());
        let left = until.since(now);
        if left <= REMIND {
            // A grant that was short from the beginning needs no reminder, but its holder gains by one all the same.
            return left;
        }
        // An extension moves the end, so it is read again at each try.
        clock.sleep_until(now.plus(Span::from_micros(left.micros() - REMIND.micros()))).await;
    }
}
