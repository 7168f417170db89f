//! One message's text, read: from the parser's tree to operations. Runs on the classifier's own threads.

use std::sync::Arc;

use pg_query::NodeRef;
use pg_query::protobuf::ParseResult;
use workflows::operation::{Act, Operation};

use super::children::node;
use super::copy::{self, CopyOut};
use super::depth;
use super::lineage::Lineage;
use super::objects::Facts;
use super::shape::{Pattern, Shape};
use super::show::{slice, visible};
use super::stores;
use super::walk::Walk;

/// The longest text that is parsed. The parser takes about 40 times its text in memory.
pub const MAX_TEXT: usize = 256 * 1024;

/// What one message's text says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classified {
    /// What is judged; never empty. Each statement gives one operation, followed by one for each data change that it
    /// hides (in WITH, in DO, behind EXPLAIN ANALYZE, PREPARE, DECLARE, COPY), so that a rule about DELETE sees them all.
    pub operations: Vec<Operation>,
    /// How many statements the text holds.
    pub statements: usize,
    /// Statements that PREPARE names, each with its own text.
    pub prepares: Vec<(String, String)>,
    /// Prepared statements that run: the caller looks them up and judges them; one that it does not know is opaque.
    /// The operation of EXECUTE itself is only an [`Act::Session`].
    pub executes: Vec<String>,
    /// Names that DEALLOCATE forgets; an empty name means all.
    pub deallocates: Vec<String>,
    /// Cursors that DECLARE opens, with the lineage of their rows.
    pub cursors: Vec<(String, Lineage)>,
    /// Cursors that FETCH reads: their lineage is the one to ask, `lineage` here only says "anything".
    pub fetches: Vec<String>,
    /// Where the columns of the result may come from.
    pub lineage: Arc<Lineage>,
    /// Settings that change, in lower case; `None` where the value is reset or not constant. `all` is RESET ALL.
    pub sets: Vec<(String, Option<String>)>,
    /// Streams that COPY … TO STDOUT sends, in order.
    pub copies: Vec<CopyOut>,
    /// The parser found a mistake in it, and the target would most likely find it too.
    pub mistaken: bool,
    /// The text that stands for this one: it differs in plain values only, at which nobody looks.
    pub alike: Option<Arc<Self>>,
}

impl Classified {
    /// What a verdict or a decision on masks may be remembered by. All texts that differ in plain values only share it,
    /// so it must not stand for anything that looks at the text itself.
    pub fn identity(self: &Arc<Self>) -> &Arc<Self> {
        self.alike.as_ref().unwrap_or(self)
    }

    /// A text that nobody could read.
    pub(crate) fn opaque(text: &str, why: impl Into<String>) -> Self {
        Self {
            operations: vec![Operation::opaque(visible(text), why)],
            statements: 1,
            lineage: Arc::new(Lineage::anything()),
            ..Self::default()
        }
    }

    /// A text without a statement: the server answers it with EmptyQueryResponse.
    fn empty(text: &str) -> Self {
        let mut facts = Facts::default();
        facts.verb("EMPTY");
        facts.act(Act::Session);
        Self { operations: vec![facts.operation(&visible(text))], ..Self::default() }
    }
}

/// What reading a text gave.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) classified: Arc<Classified>,
    /// How to read other texts of the same shape.
    pub(super) pattern: Option<Pattern>,
}

impl From<Classified> for Reading {
    fn from(classified: Classified) -> Self {
        Self { classified: Arc::new(classified), pattern: None }
    }
}

/// Reads a text, of this shape if it has one. Needs a large stack.
pub(super) fn read(text: &str, shape: Option<&Shape>) -> Reading {
    if text.len() > MAX_TEXT {
        return Classified::opaque(text, "longer than 256 KiB").into();
    }
    if depth::too_deep(text) {
        return Classified::opaque(text, "nested too deeply").into();
    }
    let parsed = match pg_query::parse(text, 0) {
        Ok(parsed) => parsed.protobuf,
        Err(pg_query::Error::Parse(why)) => {
            let opaque = Classified::opaque(text, format!("not readable as SQL: {why}"));
            return Classified { mistaken: true, ..opaque }.into();
        }
        Err(_) => return Classified::opaque(text, "not readable as SQL").into(),
    };
    let classified = Arc::new(classify(text, &parsed));
    let only = match parsed.stmts.as_slice() {
        [only] => node(only.stmt.as_deref()),
        _ => None,
    };
    let pattern = shape.zip(only).and_then(|(shape, only)| Pattern::of(shape, text, only, &classified));
    Reading { classified, pattern }
}

fn classify(text: &str, parsed: &ParseResult) -> Classified {
    if parsed.stmts.is_empty() {
        return Classified::empty(text);
    }
    let mut classified = Classified { statements: parsed.stmts.len(), ..Classified::default() };
    // The parser's statement starts behind its comments; a reader is shown these as well.
    let mut start = 0;
    for raw in &parsed.stmts {
        let location = usize::try_from(raw.stmt_location).unwrap_or_default();
        let end = match usize::try_from(raw.stmt_len).unwrap_or_default() {
            0 => text.len(),
            length => location.saturating_add(length),
        };
        let own = slice(text, start, end.saturating_sub(start)).trim_start_matches([';', ' ', '\n', '\t', '\r']);
        start = end;
        match node(raw.stmt.as_deref()) {
            Some(statement) => classified.add(statement, own),
            None => classified.operations.push(Operation::opaque(visible(own), "an empty statement")),
        }
    }
    classified
}

impl Classified {
    fn add(&mut self, statement: NodeRef<'_>, own: &str) {
        let mut walk = Walk::default();
        if matches!(statement, NodeRef::CreateFunctionStmt(_)) {
            own.clone_into(&mut walk.source);
        }
        walk.visit(statement);
        if walk.facts.writes_out {
            walk.facts.stores.extend(stores::by_function(statement));
        }
        self.note(statement, own, &mut walk.facts);
        let shown = visible(own);
        self.operations.push(walk.facts.operation(&shown));
        self.operations.extend(walk.hidden.into_iter().map(|hidden| hidden.operation(&shown)));
        self.executes.extend(walk.names.executes);
        self.deallocates.extend(walk.names.deallocates);
        self.sets.extend(walk.names.sets);
    }

    /// What the gateway must know about a statement beyond judging it.
    #[expect(clippy::wildcard_enum_match_arm, reason = "other statements leave nothing behind and send no stream")]
    fn note(&mut self, statement: NodeRef<'_>, own: &str, facts: &mut Facts) {
        Arc::make_mut(&mut self.lineage).add(statement);
        match statement {
            NodeRef::PrepareStmt(prepare) => match copy::prepared(own) {
                Some(text) => self.prepares.push((prepare.name.clone(), text)),
                None => facts.opaque("the prepared statement could not be found in the text"),
            },
            NodeRef::DeclareCursorStmt(cursor) => {
                let mut rows = Lineage::default();
                if let Some(query) = node(cursor.query.as_deref()) {
                    rows.add(query);
                }
                self.cursors.push((cursor.portalname.clone(), rows));
            }
            NodeRef::FetchStmt(fetch) => self.fetches.push(fetch.portalname.clone()),
            NodeRef::CopyStmt(statement) => {
                let stream = copy::out(statement, own);
                if stream.as_ref().is_some_and(|stream| stream.relation.is_none() && stream.query.is_none()) {
                    facts.opaque("the query of COPY could not be found in the text");
                }
                self.copies.extend(stream);
            }
            _ => {}
        }
    }
}
