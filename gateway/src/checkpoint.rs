//! The one place where something becomes allowed. A turn goes in, and a [`Cleared`] turn, a refusal or a wait comes out;
//! a dialect forwards nothing else.
//!
//! Verdicts fold and nobody assigns one, so a denied statement behind an allowed one is denied. A known text under rules
//! that look at nothing but the text costs one look-up here: no await, no allocation.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use workflows::approval::Needs;
use workflows::clock::Timestamp;
use workflows::operation::{Act, Circumstances, Fingerprint};
use workflows::session::Ending;
use workflows::verdict::{Denial, Gate, Mask, Verdict};

use crate::dialect::{Ask, Broken, Dialect, Told, Turn};
use crate::record::{Book, Record};
use crate::seams::{Classified, LiveSession, Scope};

mod hold;

pub(crate) use hold::{Asking, Begun, Beside, ask, give_up, not_asked, settle, wait};

/// How many verdicts a session remembers. A session that sends more different texts than this is judged anew.
const REMEMBERED: usize = 256;
/// A text beyond this is judged anew each time, in bytes.
const LONGEST: usize = 4 << 10;

/// Proof that a turn may pass, once. Only this module makes one.
#[must_use]
#[derive(Debug)]
pub(crate) struct Cleared<T> {
    turn: T,
    mask: Arc<Mask>,
    first: u32,
}

impl<T> Cleared<T> {
    /// Whether it holds something that nobody could read: the session's evidence says so (G17).
    pub(crate) fn is_uninspected(&self) -> bool
    where
        T: Turn,
    {
        let all = |ask: &Ask| {
            ask.inner.iter().chain([&ask.classified]).any(|one| one.operations.iter().any(|op| op.opaque.is_some()))
        };
        self.turn.asks().filter(|ask| ask.runs).any(all)
    }

    /// Uses the proof up: the turn, what must be hidden in its answer, and the number of its first operation.
    pub(crate) fn spend(self) -> (T, Arc<Mask>, u32) {
        (self.turn, self.mask, self.first)
    }
}

/// What the checkpoint says of a turn.
#[derive(Debug)]
pub(crate) enum Decision<T> {
    /// It passes.
    Clear(Cleared<T>),
    /// It does not.
    Refuse(T, Told),
    /// People must agree first.
    Hold(Waiting<T>),
}

/// A turn that people must agree to.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    turn: T,
    needs: Needs,
    rules: String,
    first: u32,
}

impl<T> Waiting<T> {
    /// Whether the conversation goes on while it waits.
    pub(crate) fn goes_on<D: Dialect<Turn = T>>(&self, dialect: &D) -> bool {
        dialect.goes_on(&self.turn)
    }
}

/// Why a session stops.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Its time is over, or somebody ended it.
    Ended(Ending),
    /// It cannot go on.
    Broken(Broken),
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// A verdict and the rules that led to it.
#[derive(Clone, Debug)]
struct Weighed {
    verdict: Verdict,
    rules: Arc<str>,
}

/// A remembered verdict. It keeps the reading alive, so that its address stands for that reading and no other.
#[derive(Debug)]
struct Known {
    _alive: Arc<Classified>,
    weighed: Weighed,
}

/// A session's checkpoint.
#[derive(Debug, Default)]
pub(crate) struct Checkpoint {
    known: HashMap<(usize, bool), Known>,
    generation: u64,
}

impl Checkpoint {
    /// Judges a turn and records what it wants. The session's end is looked at first, whatever the policy says.
    pub(crate) fn clear<D: Dialect>(
        &mut self,
        dialect: &D,
        turn: D::Turn,
        session: &mut LiveSession,
        book: &mut Book,
        now: Timestamp,
    ) -> Result<Decision<D::Turn>, Stop> {
        session.life().still().map_err(Stop::Ended)?;
        if self.generation != session.generation() {
            self.known.clear();
            self.generation = session.generation();
        }
        if session.scope().is_none() {
            // The door is closed, and that somebody knocked is evidence all the same.
            let shut = Weighed { verdict: shut_out(), rules: "access".into() };
            for ask in turn.asks() {
                record_intent(dialect, &turn, ask, &shut, &mut Record::new(session.tape(), book))?;
            }
        }
        let Some(scope) = session.scope() else { return Ok(Decision::Refuse(turn, unknown_target())) };
        let mut all = Verdict { gate: Gate::Open, mask: Arc::clone(scope.mask()) };
        let mut rules: Option<Arc<str>> = None;
        let first = Record::new(session.tape(), book).next_op();
        for ask in turn.asks() {
            let weighed = match session.scope() {
                Some(scope) => self.weigh(dialect, &turn, ask, scope, now),
                None => Weighed { verdict: nothing(), rules: "the policy".into() },
            };
            record_intent(dialect, &turn, ask, &weighed, &mut Record::new(session.tape(), book))?;
            if !matches!(weighed.verdict.gate, Gate::Open) {
                rules = Some(merge(rules, &weighed.rules));
            }
            all = all.strictest(weighed.verdict);
        }
        let rules = rules.map_or_else(String::new, |rules| rules.as_ref().to_owned());
        Ok(match all.gate {
            Gate::Open => Decision::Clear(Cleared { turn, mask: all.mask, first }),
            Gate::Shut(denial) => Decision::Refuse(turn, shut(&denial)),
            Gate::Hold(needs) => Decision::Hold(Waiting { turn, needs, rules, first }),
        })
    }

    /// The verdict on one ask, remembered where the rules allow it.
    fn weigh<D: Dialect>(
        &mut self,
        dialect: &D,
        turn: &D::Turn,
        ask: &Ask,
        scope: &Scope,
        now: Timestamp,
    ) -> Weighed {
        if !scope.steady() || !ask.inner.is_empty() {
            return judge(dialect, turn, ask, scope, now);
        }
        let identity = ask.classified.identity();
        if scope.looks_at_text() && !Arc::ptr_eq(identity, &ask.classified) {
            // A condition looks at the text, values and all, so that no other text stands for it.
            return judge(dialect, turn, ask, scope, now);
        }
        let key = (Arc::as_ptr(identity) as usize, ask.runs);
        if let Some(known) = self.known.get(&key) {
            return known.weighed.clone();
        }
        let weighed = judge(dialect, turn, ask, scope, now);
        // Readings that the classifier does not share, or long ones, would only hold memory here.
        if ask.classified.operations.iter().any(|one| one.act == Act::Opaque || one.shown.len() > LONGEST) {
            return weighed;
        }
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(key, Known { _alive: Arc::clone(identity), weighed: weighed.clone() });
        weighed
    }
}

/// What the policy says now of a turn that was held, folded. Nothing remembered is used.
fn again<D: Dialect>(dialect: &D, turn: &D::Turn, scope: &Scope, now: Timestamp) -> (Verdict, String) {
    let mut all = Verdict { gate: Gate::Open, mask: Arc::clone(scope.mask()) };
    let mut rules: Option<Arc<str>> = None;
    for ask in turn.asks() {
        let weighed = judge(dialect, turn, ask, scope, now);
        if !matches!(weighed.verdict.gate, Gate::Open) {
            rules = Some(merge(rules, &weighed.rules));
        }
        all = all.strictest(weighed.verdict);
    }
    (all, rules.map_or_else(String::new, |rules| rules.as_ref().to_owned()))
}

/// Makes the proof for a hold whose approval was spent. Called by `hold.rs`, behind `Workflows::spend`.
fn release<T>(turn: T, mask: Arc<Mask>, first: u32) -> Cleared<T> {
    Cleared { turn, mask, first }
}

fn judge<D: Dialect>(dialect: &D, turn: &D::Turn, ask: &Ask, scope: &Scope, now: Timestamp) -> Weighed {
    let mut params = Vec::new();
    dialect.said(turn, ask, &mut |_, values| {
        params = values.iter().map(|(value, binary)| shown(*value, *binary)).collect();
    });
    let mut verdict = Verdict { gate: Gate::Open, mask: Arc::clone(scope.mask()) };
    let mut names: Vec<String> = Vec::new();
    for classified in std::iter::once(&ask.classified).chain(&ask.inner) {
        let around = Circumstances {
            statements: classified.statements,
            params: params.clone(),
            in_transaction: dialect.in_transaction(),
        };
        for operation in &classified.operations {
            let judgement = scope.judge(operation, &around, now);
            names.extend(judgement.rules.into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>());
            verdict = verdict.strictest(judgement.verdict);
        }
        if classified.operations.is_empty() {
            // INVARIANT: a classifier never gives nothing. If it does all the same, nothing passes.
            let because = "the statement could not be read".to_owned();
            verdict.gate = Gate::Shut(Denial { rule: "doubt".to_owned(), because });
        }
    }
    if !ask.runs && matches!(verdict.gate, Gate::Hold(_)) {
        // Nothing runs yet. Whoever binds and executes it later is held then, with the values in sight.
        verdict.gate = Gate::Open;
    }
    Weighed { verdict, rules: names.join(", ").into() }
}

fn record_intent<D: Dialect>(
    dialect: &D,
    turn: &D::Turn,
    ask: &Ask,
    weighed: &Weighed,
    record: &mut Record<'_>,
) -> Result<(), Broken> {
    let (verdict, rules) = (&weighed.verdict, weighed.rules.as_ref());
    let number = match verdict.gate {
        Gate::Open => 0,
        Gate::Hold(_) => 1,
        Gate::Shut(_) => 2,
    };
    let mut done = Ok(0);
    dialect.said(turn, ask, &mut |text, values| {
        let mut room = [None; 32];
        let many: Vec<Option<&[u8]>>;
        let params = if let Some(room) = room.get_mut(..values.len()) {
            room.iter_mut().zip(values).for_each(|(to, (value, _))| *to = *value);
            &*room
        } else {
            many = values.iter().map(|(value, _)| *value).collect();
            &many
        };
        done = record.intent(text, params, number, rules);
    });
    done?;
    let writes = ask.classified.operations.iter().chain(ask.inner.iter().flat_map(|one| &one.operations));
    let writes = writes.filter(|operation| operation.writes).count() as u64;
    let totals = record.totals();
    match verdict.gate {
        Gate::Open if ask.runs => {
            totals.operations += ask.classified.operations.len() as u64;
            totals.writes += writes;
        }
        Gate::Open => {}
        Gate::Hold(_) => totals.held += 1,
        Gate::Shut(_) => totals.refused += 1,
    }
    Ok(())
}

/// A value as rules and people see it.
fn shown(value: Option<&[u8]>, binary: bool) -> Option<String> {
    let value = value?;
    if let (false, Ok(text)) = (binary, std::str::from_utf8(value)) {
        return Some(text.to_owned());
    }
    let mut hex = String::with_capacity(2 + value.len() * 2);
    hex.push_str("\\x");
    for byte in value {
        // Writing to a String cannot fail.
        let _infallible = write!(hex, "{byte:02x}");
    }
    Some(hex)
}

/// The hash of what would pass and of all that gives it its meaning (G8).
fn fingerprint<D: Dialect>(dialect: &D, turn: &D::Turn, session: &LiveSession, policy: &str) -> Fingerprint {
    let parts = meaning(dialect, turn, session, policy);
    Fingerprint::of(parts.iter().map(Vec::as_slice).chain([dialect.raw(turn)]))
}

/// The same of what stays where operands change.
fn shape_print<D: Dialect>(
    dialect: &D,
    turn: &D::Turn,
    session: &LiveSession,
    policy: &str,
    shape: &Fingerprint,
) -> Fingerprint {
    let parts = meaning(dialect, turn, session, policy);
    let parts = [b"shape".as_slice()].into_iter().chain(parts.iter().map(Vec::as_slice));
    Fingerprint::of(parts.chain([shape.bytes().as_slice()]))
}

fn meaning<D: Dialect>(dialect: &D, turn: &D::Turn, session: &LiveSession, policy: &str) -> Vec<Vec<u8>> {
    let target = session.target();
    let role = target.logins.get(&session.access()).map_or("", |login| login.user.as_str());
    let ids = [session.id().to_string(), session.identity().id.to_string(), session.grant().to_string()];
    let mut parts: Vec<Vec<u8>> =
        [target.protocol.as_str(), target.name.as_str(), &target.database, session.access().as_str(), role, policy]
            .into_iter()
            .chain(ids.iter().map(String::as_str))
            .map(|part| part.as_bytes().to_vec())
            .collect();
    dialect.meaning(turn, &mut |part| parts.push(part.to_vec()));
    parts
}

/// Rules and what they need, as one text: an approval under other rules is another approval.
fn policy_text(rules: &str, needs: &Needs) -> String {
    format!("{rules}\n{:?}", needs.quorums())
}

fn merge(rules: Option<Arc<str>>, more: &Arc<str>) -> Arc<str> {
    match rules {
        None => Arc::clone(more),
        Some(rules) if rules.contains(more.as_ref()) => rules,
        Some(rules) => format!("{rules}, {more}").into(),
    }
}

fn shut(denial: &Denial) -> Told {
    Told {
        code: "42501",
        message: format!("refused by rule `{}`", denial.rule),
        detail: denial.because.clone(),
        ..Told::default()
    }
}

/// The policy went away between two asks.
fn nothing() -> Verdict {
    let because = "the policy no longer knows this target or this person".to_owned();
    Verdict { gate: Gate::Shut(Denial { rule: "the policy".to_owned(), because }), mask: Arc::default() }
}

/// The verdict where the policy no longer permits the session itself.
fn shut_out() -> Verdict {
    let denial =
        Denial { rule: "access".to_owned(), because: "the policy no longer permits this session".to_owned() };
    Verdict { gate: Gate::Shut(denial), mask: Arc::default() }
}

fn unknown_target() -> Told {
    Told {
        code: "42501",
        message: "refused: the policy no longer knows this target or this person".to_owned(),
        hint: "the file was changed while you were connected; ask its owners".to_owned(),
        ..Told::default()
    }
}
