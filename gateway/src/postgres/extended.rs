//! Names and portals of the extended protocol, and the queue of answers that the target owes.
//!
//! A name means something only once the server has said so. Until then it lives in the queue, behind the frame that made
//! it; whoever looks a name up looks there first, newest first, since a failed frame takes all behind it along.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;
use workflows::operation::{Act, Operation};
use workflows::verdict::Mask;

use crate::postgres::copy::CopyColumns;
use crate::postgres::masking::Columns;
use crate::postgres::wire::{Bind, Formats};
use crate::record::Running;
use crate::seams::Classified;

/// How many statements and portals one session may name. What goes beyond is not known, and so opaque.
const MAX_NAMES: usize = 10_000;
/// How many bytes of their texts are kept.
const MAX_TEXTS: usize = 16 << 20;

/// How many bytes of bound values all portals of a session may keep.
const MAX_BINDS: usize = 32 << 20;

/// A column of a result, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: Box<str>,
    pub(super) table: u32,
    /// Its number in that table.
    pub(super) number: u16,
    pub(super) kind: u32,
    pub(super) binary: bool,
}

/// Columns, and when they were told.
type Told = (u64, Arc<[Column]>);

/// A statement that was parsed.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) classified: Arc<Classified>,
    /// Its text, as it was sent.
    pub(super) text: Arc<[u8]>,
    /// The declared parameter types, raw.
    pub(super) types: Arc<[u8]>,
    columns: Mutex<Option<Told>>,
}

impl Statement {
    pub(super) fn new(classified: Arc<Classified>, text: &[u8], types: &[u8]) -> Arc<Self> {
        Arc::new(Self { classified, text: text.into(), types: types.into(), columns: Mutex::default() })
    }

    /// The server told its columns; none where it gives no rows.
    pub(super) fn tell(&self, epoch: u64, columns: Box<[Column]>) {
        *self.columns.lock().unwrap_or_else(PoisonError::into_inner) = Some((epoch, columns.into()));
    }

    /// Whether it only names what runs: a cursor or a prepared statement, which may be another one by then.
    pub(super) fn runs_a_name(&self) -> bool {
        let calls = |one: &Operation| matches!(one.verb.as_str(), "FETCH" | "EXECUTE" | "CALL");
        let Classified { executes, fetches, operations, .. } = &*self.classified;
        !executes.is_empty() || !fetches.is_empty() || operations.iter().any(calls)
    }

    /// Its columns, as far as they were told and nothing has happened since that could give its names another meaning.
    pub(super) fn columns(&self, epoch: u64) -> Option<Arc<[Column]>> {
        let told = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        told.as_ref().filter(|(at, _)| *at == epoch).map(|(_, columns)| Arc::clone(columns))
    }
}

/// A statement with values.
#[derive(Debug)]
pub(super) struct Portal {
    pub(super) statement: Arc<Statement>,
    /// The whole Bind message.
    pub(super) bind: Arc<[u8]>,
    /// Its own columns, if its statement only names what runs.
    columns: Mutex<Option<Told>>,
}

impl Portal {
    pub(super) fn new(statement: Arc<Statement>, bind: &[u8]) -> Arc<Self> {
        Arc::new(Self { statement, bind: bind.into(), columns: Mutex::default() })
    }

    /// The server told its columns; none where it gives no rows.
    pub(super) fn tell(&self, epoch: u64, columns: Box<[Column]>) {
        if self.statement.runs_a_name() {
            *self.columns.lock().unwrap_or_else(PoisonError::into_inner) = Some((epoch, columns.into()));
        } else {
            self.statement.tell(epoch, columns);
        }
    }

    /// Its columns, as far as they are known; see [`Statement::columns`].
    pub(super) fn columns(&self, epoch: u64) -> Option<Arc<[Column]>> {
        if !self.statement.runs_a_name() {
            return self.statement.columns(epoch);
        }
        let told = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        told.as_ref().filter(|(at, _)| *at == epoch).map(|(_, columns)| Arc::clone(columns))
    }

    /// In which formats its results come.
    pub(super) fn formats(&self) -> Formats<'_> {
        Bind::read(&self.bind).map_or(Formats::kept(&[]), |bind| bind.results)
    }
}

/// An operation whose answer is awaited.
#[derive(Debug)]
pub(super) struct Execution {
    pub(super) running: Running,
    pub(super) mask: Arc<Mask>,
    pub(super) classified: Arc<Classified>,
    /// Whether `columns` is settled for the current result.
    pub(super) decided: bool,
    /// How the columns of the current result are treated. `None`: nothing is known, so everything is hidden.
    pub(super) columns: Option<Arc<Columns>>,
    /// The same for COPY.
    pub(super) copy: Option<CopyColumns>,
    /// What its PREPAREs will mean, in order.
    pub(super) prepares: VecDeque<(Box<[u8]>, Arc<Statement>)>,
    /// The portal that runs; none for a simple query.
    pub(super) portal: Option<Arc<Portal>>,
}

impl Execution {
    pub(super) fn new(op: u32, since: Instant, mask: Arc<Mask>, classified: Arc<Classified>) -> Self {
        let running = Running::new(op, since);
        let prepares = VecDeque::new();
        Self { running, mask, classified, decided: false, columns: None, copy: None, prepares, portal: None }
    }

    /// What the client wrote, as far as it is known.
    pub(super) fn texts(&self) -> impl Iterator<Item = &[u8]> {
        let shown = self.classified.operations.iter().map(|one| one.shown.as_bytes());
        shown.chain(self.portal.iter().map(|portal| &*portal.statement.text))
    }
}

/// One frame of a turn, and so one answer that is owed.
#[derive(Debug)]
pub(super) enum Step {
    Parse {
        name: Box<[u8]>,
        statement: Arc<Statement>,
    },
    Bind {
        name: Box<[u8]>,
        portal: Arc<Portal>,
    },
    /// A Bind to a name that nobody knows. The server will refuse it, or knows better than we do.
    BindUnknown {
        name: Box<[u8]>,
    },
    DescribeStatement(Option<Arc<Statement>>),
    DescribePortal(Option<Arc<Portal>>),
    /// An Execute; `at` is where its frame begins in the turn, `ask` its place among the asks.
    Execute {
        at: usize,
        ask: u32,
        portal: Option<Arc<Portal>>,
        prepares: VecDeque<(Box<[u8]>, Arc<Statement>)>,
    },
    /// An Execute on its way.
    Running(Execution),
    Close {
        portal: bool,
        name: Box<[u8]>,
    },
    Sync,
    /// A simple query; only in the queue.
    Query(Execution),
    /// A function call; only in the queue.
    Call(Execution),
}

/// Who gets an answer.
#[derive(Debug, Default)]
pub(super) enum Answer {
    /// The client, who asked.
    #[default]
    Theirs,
    /// Nobody: the frame was ours.
    Ours,
    /// Nobody, but if it is an error then the client reads these words in its place.
    Refusal(Vec<u8>),
}

/// An answer that is owed.
#[derive(Debug)]
pub(super) struct Owed {
    pub(super) step: Step,
    pub(super) answer: Answer,
}

impl Owed {
    pub(super) const fn theirs(step: Step) -> Self {
        Self { step, answer: Answer::Theirs }
    }

    /// What runs on the way to this answer.
    pub(super) fn classified(&self) -> Option<&Arc<Classified>> {
        match &self.step {
            Step::Running(execution) | Step::Query(execution) | Step::Call(execution) => Some(&execution.classified),
            Step::Parse { .. }
            | Step::Bind { .. }
            | Step::BindUnknown { .. }
            | Step::DescribeStatement(_)
            | Step::DescribePortal(_)
            | Step::Execute { .. }
            | Step::Close { .. }
            | Step::Sync => None,
        }
    }

    pub(super) fn execution(&mut self) -> Option<&mut Execution> {
        match &mut self.step {
            Step::Running(execution) | Step::Query(execution) | Step::Call(execution) => Some(execution),
            Step::Parse { .. }
            | Step::Bind { .. }
            | Step::BindUnknown { .. }
            | Step::DescribeStatement(_)
            | Step::DescribePortal(_)
            | Step::Execute { .. }
            | Step::Close { .. }
            | Step::Sync => None,
        }
    }
}

/// The names that the server has confirmed.
#[derive(Debug, Default)]
pub(super) struct Names {
    statements: HashMap<Box<[u8]>, Arc<Statement>>,
    portals: HashMap<Box<[u8]>, Arc<Portal>>,
    texts: usize,
    binds: usize,
}

impl Names {
    pub(super) fn statement(&self, name: &[u8]) -> Option<&Arc<Statement>> {
        self.statements.get(name)
    }

    pub(super) fn portal(&self, name: &[u8]) -> Option<&Arc<Portal>> {
        self.portals.get(name)
    }

    pub(super) fn add_statement(&mut self, name: Box<[u8]>, statement: Arc<Statement>) {
        self.drop_statement(&name);
        self.drop_portals_by_name(&name);
        let texts = self.texts + statement.text.len();
        if self.statements.len() < MAX_NAMES && texts <= MAX_TEXTS {
            self.texts = texts;
            self.statements.insert(name, statement);
        }
    }

    /// A name means something else now, and so may the portals that run what it names.
    fn drop_portals_by_name(&mut self, name: &[u8]) {
        if !name.is_empty() {
            self.portals.retain(|_, portal| !portal.statement.runs_a_name());
        }
    }

    pub(super) fn drop_statement(&mut self, name: &[u8]) {
        if let Some(gone) = self.statements.remove(name) {
            self.texts = self.texts.saturating_sub(gone.text.len());
        }
    }

    pub(super) fn add_portal(&mut self, name: Box<[u8]>, portal: Arc<Portal>) {
        self.drop_portal(&name);
        // A portal keeps its values; what goes beyond is not known, and so opaque.
        let binds = self.binds + portal.bind.len();
        if self.portals.len() < MAX_NAMES && binds <= MAX_BINDS {
            self.binds = binds;
            self.portals.insert(name, portal);
        }
    }

    pub(super) fn drop_portal(&mut self, name: &[u8]) {
        if let Some(gone) = self.portals.remove(name) {
            self.binds = self.binds.saturating_sub(gone.bind.len());
        }
    }

    /// The transaction is over, and its portals with it.
    pub(super) fn drop_portals(&mut self) {
        self.portals.clear();
        self.binds = 0;
    }

    /// DEALLOCATE ALL or DISCARD ALL.
    pub(super) fn drop_statements(&mut self) {
        self.statements.clear();
        self.texts = 0;
    }
}

/// Finds what a name will mean when the server reaches the end of `steps`, which follow what is `owed`.
pub(super) fn find_statement<'a>(
    steps: &'a [Step],
    owed: &'a VecDeque<Owed>,
    names: &'a Names,
    wanted: &[u8],
) -> Option<&'a Arc<Statement>> {
    let made = |step: &'a Step| match step {
        Step::Parse { name, statement } => (name.as_ref() == wanted).then_some(statement),
        Step::Execute { prepares, .. } => {
            prepares.iter().rev().find(|(name, _)| name.as_ref() == wanted).map(|(_, s)| s)
        }
        Step::Running(run) => run.prepares.iter().rev().find(|(name, _)| name.as_ref() == wanted).map(|(_, s)| s),
        Step::Query(run) | Step::Call(run) => {
            run.prepares.iter().rev().find(|(name, _)| name.as_ref() == wanted).map(|(_, s)| s)
        }
        Step::Bind { .. }
        | Step::BindUnknown { .. }
        | Step::DescribeStatement(_)
        | Step::DescribePortal(_)
        | Step::Close { .. }
        | Step::Sync => None,
    };
    steps
        .iter()
        .rev()
        .find_map(made)
        .or_else(|| owed.iter().rev().find_map(|owed| made(&owed.step)))
        .or_else(|| names.statement(wanted))
}

/// What every portal would run that exists, or will when the server reaches the end of `steps`. A FETCH may name any.
pub(super) fn bound_statements(steps: &[Step], owed: &VecDeque<Owed>, names: &Names) -> Vec<Arc<Classified>> {
    let bound = |step: &Step| match step {
        Step::Bind { portal, .. } => Some(Arc::clone(&portal.statement.classified)),
        Step::Parse { .. }
        | Step::BindUnknown { .. }
        | Step::DescribeStatement(_)
        | Step::DescribePortal(_)
        | Step::Execute { .. }
        | Step::Running(_)
        | Step::Close { .. }
        | Step::Sync
        | Step::Query(_)
        | Step::Call(_) => None,
    };
    let known = names.portals.values().map(|portal| Arc::clone(&portal.statement.classified));
    let mut all: Vec<Arc<Classified>> = Vec::new();
    for one in known.chain(steps.iter().filter_map(bound)).chain(owed.iter().filter_map(|owed| bound(&owed.step))) {
        if !all.iter().any(|other| Arc::ptr_eq(other, &one)) {
            all.push(one);
        }
    }
    all
}

/// The same for a portal. None where it was bound to a name that nobody knows, or where its own name, or one that it
/// runs, may have come to mean something else since.
pub(super) fn find_portal<'a>(
    steps: &'a [Step],
    owed: &'a VecDeque<Owed>,
    names: &'a Names,
    wanted: &[u8],
) -> Option<&'a Arc<Portal>> {
    let mut renamed = false;
    let mut made = |step: &'a Step| match step {
        Step::Bind { name, portal } => (name.as_ref() == wanted).then_some(Some(portal)),
        Step::BindUnknown { name } => (name.as_ref() == wanted).then_some(None),
        Step::Execute { portal: Some(portal), .. } => moves_portals(&portal.statement.classified).then_some(None),
        Step::Running(run) | Step::Query(run) | Step::Call(run) => moves_portals(&run.classified).then_some(None),
        Step::Parse { name, .. } | Step::Close { portal: false, name } => {
            renamed |= !name.is_empty();
            None
        }
        Step::DescribeStatement(_)
        | Step::DescribePortal(_)
        | Step::Execute { portal: None, .. }
        | Step::Close { portal: true, .. }
        | Step::Sync => None,
    };
    let mut found = steps.iter().rev().find_map(&mut made);
    if found.is_none() {
        found = owed.iter().rev().find_map(|owed| made(&owed.step));
    }
    let found = found.unwrap_or_else(|| names.portal(wanted));
    found.filter(|portal| !renamed || !portal.statement.runs_a_name())
}

/// Whether it may give a portal's name to another query. Cursors and portals share their names.
pub(super) fn moves_portals(classified: &Classified) -> bool {
    let moves = |one: &Operation| {
        let verb = one.verb.as_str();
        let named = ["CLOSE", "DECLARE", "ROLLBACK", "PREPARE", "DEALLOCATE", "DISCARD", "DO", "CALL"];
        named.contains(&verb.split(' ').next().unwrap_or_default())
    };
    classified.operations.iter().any(|one| one.act == Act::Opaque || moves(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(text: &str) -> Arc<Statement> {
        Statement::new(Arc::default(), text.as_bytes(), &[])
    }

    #[test]
    fn the_newest_meaning_of_a_name_counts_and_it_is_the_one_not_yet_confirmed() {
        let mut names = Names::default();
        names.add_statement(b"a"[..].into(), statement("old"));
        let mut owed = VecDeque::new();
        let text = |steps: &[Step], owed: &VecDeque<Owed>, names: &Names| {
            find_statement(steps, owed, names, b"a").map(|found| found.text.to_vec())
        };
        assert_eq!(text(&[], &owed, &names), Some(b"old".to_vec()));
        owed.push_back(Owed::theirs(Step::Parse { name: b"a"[..].into(), statement: statement("flying") }));
        assert_eq!(text(&[], &owed, &names), Some(b"flying".to_vec()));
        let steps = ["one", "two"].map(|text| Step::Parse { name: b"a"[..].into(), statement: statement(text) });
        assert_eq!(text(&steps, &owed, &names), Some(b"two".to_vec()));
        assert!(find_statement(&steps, &owed, &names, b"b").is_none());
    }

    #[test]
    fn a_portal_bound_to_an_unknown_name_is_unknown_even_if_an_older_one_was_not() {
        let mut names = Names::default();
        names.add_portal(b""[..].into(), Portal::new(statement("x"), &[]));
        assert!(find_portal(&[], &VecDeque::new(), &names, b"").is_some());
        assert!(find_portal(&[Step::BindUnknown { name: b""[..].into() }], &VecDeque::new(), &names, b"").is_none());
    }

    #[test]
    fn names_are_bounded() {
        let mut names = Names::default();
        for at in 0..=MAX_NAMES {
            names.add_statement(at.to_string().into_bytes().into(), statement("x"));
        }
        assert!(names.statement(b"0").is_some());
        assert!(names.statement(MAX_NAMES.to_string().as_bytes()).is_none());
        names.drop_statements();
        let large = Statement::new(Arc::default(), &vec![b'x'; MAX_TEXTS], &[]);
        names.add_statement(b"a"[..].into(), large);
        names.add_statement(b"b"[..].into(), statement("x"));
        assert!(names.statement(b"b").is_none(), "no room for more text");
        names.drop_statement(b"a");
        names.add_statement(b"b"[..].into(), statement("x"));
        assert!(names.statement(b"b").is_some());
    }
}
