//! What passes again without a question: what people allowed in this session, as exactly as they allowed it, and in time.

use std::collections::HashMap;

use workflows::clock::Timestamp;
use workflows::id::RequestId;
use workflows::operation::Fingerprint;
use workflows::request::{Again as As, Request, Shape};
use workflows::verdict::Gate;

use super::{Asking, agreed, count};
use crate::checkpoint::{Cleared, Stop, Waiting, again, fingerprint, policy_text, release, shape_print};
use crate::dialect::{Dialect, Told};
use crate::record::{Book, Record};
use crate::seams::{LiveSession, Workflows};

/// So many different operations are allowed for a session; beyond that people are asked anew.
const MAX_ALLOWED: usize = 64;

/// What an operation is told apart by.
pub(super) struct Prints {
    /// Its own hash.
    pub(super) exact: Fingerprint,
    /// That of its shape, where it has one, and the shape's words.
    shape: Option<(Fingerprint, String)>,
}

impl Prints {
    pub(super) fn of<D: Dialect>(dialect: &D, turn: &D::Turn, session: &LiveSession, policy: &str) -> Self {
        let shape = dialect.shape(turn);
        let shape = shape.map(|shape| (shape_print(dialect, turn, session, policy, &shape.digest), shape.shown));
        Self { exact: fingerprint(dialect, turn, session, policy), shape }
    }

    /// The shape as those who decide are shown it.
    pub(super) fn shown(&self) -> Option<Shape> {
        self.shape.as_ref().map(|(print, shown)| Shape { fingerprint: print.to_string(), shown: shown.clone() })
    }

    fn of_shape(&self) -> Option<&Fingerprint> {
        self.shape.as_ref().map(|(print, _)| print)
    }
}

/// What may pass again in a session, by its hash, and the request in which people said so. A hint where to look: whether it may is
/// asked of the request each time.
#[derive(Debug, Default)]
pub(super) struct Allowed(HashMap<[u8; 32], RequestId>);

impl Allowed {
    /// Where to look: first what allowed exactly this, then what allowed its shape.
    fn find(&self, prints: &Prints) -> Vec<RequestId> {
        let both = [Some(&prints.exact), prints.of_shape()].into_iter().flatten();
        both.filter_map(|print| self.0.get(print.bytes())).copied().collect()
    }

    /// Notes what a request allows, and says it in words.
    pub(super) fn allow(&mut self, prints: &Prints, request: &Request) -> Option<(As, Timestamp)> {
        let (again, until) = request.repeats_until()?;
        if self.0.len() >= MAX_ALLOWED {
            self.0.clear();
        }
        self.0.insert(*prints.exact.bytes(), request.id);
        if let (As::Shape, Some(shape)) = (again, prints.of_shape()) {
            self.0.insert(*shape.bytes(), request.id);
        }
        Some((again, until))
    }

    fn forget(&mut self, id: RequestId) {
        self.0.retain(|_, request| *request != id);
    }
}

/// What may pass again and until when, for the person; the grant may end before.
pub(super) fn words((again, until): (As, Timestamp), session: &LiveSession, workflows: &Workflows) -> String {
    format!("{} until {}", again.words(), workflows.local(until.min(session.life().until())))
}

/// Whether people must be asked once more.
pub(super) enum Again<T> {
    Passes(Cleared<T>),
    Asks(Waiting<T>),
}

/// Lets pass what people allowed to pass again, if it is that, their time is not over, and they still may. It is judged anew, and
/// passes only where the same rules want the same people. Otherwise people are asked, as the first time.
pub(super) async fn pass_again<D: Dialect>(
    dialect: &mut D,
    waiting: Waiting<D::Turn>,
    prints: &Prints,
    session: &mut LiveSession,
    (book, asking): (&mut Book, &mut Asking),
    workflows: &Workflows,
) -> Result<Again<D::Turn>, Stop> {
    let found = asking.allowed.find(prints);
    if found.is_empty() {
        return Ok(Again::Asks(waiting));
    }
    let Some(scope) = session.scope() else { return Ok(Again::Asks(waiting)) };
    let (verdict, rules) = again(dialect, &waiting.turn, scope, workflows.clock().now());
    let asked = policy_text(&waiting.rules, &waiting.needs);
    let same = matches!(&verdict.gate, Gate::Hold(needs) if policy_text(&rules, needs) == asked);
    let both = (&prints.exact, prints.of_shape());
    let mut spent = None;
    for id in found {
        if same && let Ok(passes) = workflows.spend_again(session, id, both, &verdict.gate).await {
            spent = Some((id, passes));
            break;
        }
        asking.allowed.forget(id);
    }
    let Some((id, (request, again))) = spent else { return Ok(Again::Asks(waiting)) };
    let (by, _, _) = agreed(&request);
    let until = request.repeats_until().map_or(workflows.clock().now(), |(_, until)| until);
    let allowed = words((again, until), session, workflows);
    let note = match (&again, &prints.shape) {
        (As::Shape, Some((_, shown))) => format!("allowed {allowed}: {shown}"),
        (As::Shape, None) | (As::Exact, _) => format!("allowed {allowed}"),
    };
    let mut record = Record::new(session.tape(), book);
    record.hold(waiting.first, &id.to_string(), &waiting.rules)?;
    record.settled(waiting.first, "approved", &by, &note)?;
    count(&waiting.turn, record.totals());
    record.flush().await?;
    let message = format!("allowed by {by}, {allowed} ({id})");
    dialect.tell(&Told { code: "00000", message, ..Told::default() }, &mut record).await?;
    Ok(Again::Passes(release(waiting.turn, verdict.mask, waiting.first)))
}
