//! Cuts what a client sends into turns, and reads what a turn asks for.
//!
//! A turn is one simple query, one function call, or everything up to Sync or Flush. It stays where it was read; a [`Turn`]
//! knows how long it is and what it does. Nothing is consumed here, so that a wait in between may be dropped.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use workflows::operation::{Act, Kind, Object, Operation};

use crate::dialect::{Ask, Broken, Text};
use crate::postgres::extended::{
    Names, Owed, Portal, Statement, Step, bound_statements, find_portal, find_statement, moves_portals,
};
use crate::postgres::wire::{self, Bind, HEAD, Named, Parse};
use crate::seams::{Classified, Classifier};

/// The longest turn.
pub(super) const MAX_TURN: usize = 16 << 20;
/// A statement beyond this is not read, so it is opaque.
const MAX_STATEMENT: usize = 256 << 10;
/// Frames in one turn. Each costs memory of ours beyond its own bytes.
const MAX_FRAMES: usize = 50_000;

/// How a turn ends, which says what its answer looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One `Q`: answers up to ReadyForQuery.
    Query,
    /// One `F`: the same.
    Call,
    /// Up to Sync: the same.
    Synced,
    /// Up to Flush, or to a frame that belongs to no batch: answers come while the client goes on.
    Open,
}

/// A turn: how much of the client's bytes it is, and what it asks for.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) len: usize,
    pub(super) shape: Shape,
    pub(super) steps: Vec<Step>,
    /// The only ask, or the first: most turns have one, and no list is made for it.
    pub(super) first: Option<Ask>,
    pub(super) more: Vec<Ask>,
    /// Statements that get a name when a simple query is done.
    pub(super) prepares: VecDeque<(Box<[u8]>, Arc<Statement>)>,
}

impl crate::dialect::Turn for Turn {
    fn asks(&self) -> impl Iterator<Item = &Ask> {
        self.first.iter().chain(&self.more)
    }
}

impl Turn {
    fn new(len: usize, shape: Shape) -> Self {
        Self { len, shape, steps: Vec::new(), first: None, more: Vec::new(), prepares: VecDeque::new() }
    }

    fn ask(&mut self, ask: Ask) -> u32 {
        if self.first.is_none() {
            self.first = Some(ask);
            return 0;
        }
        self.more.push(ask);
        self.more.len() as u32
    }
}

/// What the front of the client's bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Not a whole turn yet; so many bytes are needed before it is worth another look.
    Need(usize),
    /// A turn.
    Turn(usize, Shape),
    /// So many bytes of COPY data, out of place. The server would ignore them.
    Stray(usize),
    /// Goodbye.
    Goodbye,
}

/// Finds the end of a turn. `scanned` is how far earlier looks came, so that no frame is looked at twice.
pub(super) fn cut(bytes: &[u8], scanned: &mut usize) -> Result<Cut, Broken> {
    loop {
        let rest = bytes.get(*scanned..).unwrap_or_default();
        let Some(head) = wire::frontend(rest).map_err(Broken::protocol)? else {
            return Ok(Cut::Need(*scanned + HEAD));
        };
        let end = *scanned + head.len;
        let alone = match head.tag {
            b'Q' => Some(Cut::Turn(end, Shape::Query)),
            b'F' => Some(Cut::Turn(end, Shape::Call)),
            b'X' => Some(Cut::Goodbye),
            b'd' | b'c' | b'f' => Some(Cut::Stray(head.len)),
            b'P' | b'B' | b'D' | b'E' | b'C' | b'S' | b'H' => None,
            tag => return Err(Broken::protocol(wire::Malformed::Tag(tag))),
        };
        if let Some(alone) = alone {
            // A batch ends where something begins that is none of it.
            let batch = Cut::Turn(*scanned, Shape::Open);
            let stray = matches!(alone, Cut::Stray(_));
            let found = if *scanned > 0 { batch } else { alone };
            if found == alone && !stray && end > bytes.len() {
                return too_long(end).map_or_else(|| Ok(Cut::Need(end)), Err);
            }
            *scanned = 0;
            return Ok(found);
        }
        if let Some(broken) = too_long(end) {
            return Err(broken);
        }
        if end > bytes.len() {
            return Ok(Cut::Need(end));
        }
        *scanned = end;
        let shape = match head.tag {
            b'S' => Shape::Synced,
            b'H' => Shape::Open,
            _ => continue,
        };
        *scanned = 0;
        return Ok(Cut::Turn(end, shape));
    }
}

fn too_long(len: usize) -> Option<Broken> {
    (len > MAX_TURN + HEAD).then(|| {
        Broken::too_large(
            format!("more than {} MiB were sent in one go", MAX_TURN >> 20),
            "send less between two Syncs, or use COPY",
        )
    })
}

/// What is needed to read a turn.
pub(super) struct Reader<'a> {
    pub(super) classifier: &'a Classifier,
    pub(super) names: &'a Names,
    pub(super) owed: &'a VecDeque<Owed>,
    /// How the server reads backslashes, for the parser.
    pub(super) strings: bool,
    /// A statement of this batch, in an earlier turn, may have changed how texts are read.
    pub(super) doubt: bool,
    /// Nothing ran since the target last told its settings.
    pub(super) settled: bool,
    /// Why no text of this session can be read, if so.
    pub(super) unreadable: Option<&'static str>,
}

impl Reader<'_> {
    /// Reads a turn that was cut. Cancel-safe: nothing changes but the classifier's memory.
    pub(super) async fn read(&self, bytes: &[u8], shape: Shape) -> Result<Turn, Broken> {
        let mut turn = Turn::new(bytes.len(), shape);
        match shape {
            Shape::Query => self.read_query(bytes, &mut turn).await?,
            Shape::Call => {
                let oid = wire::function_call(bytes).map_err(Broken::protocol)?;
                let classified = Arc::new(call(oid));
                turn.ask(Ask {
                    classified,
                    inner: Vec::new(),
                    runs: true,
                    text: Text::Nothing,
                    bound: None,
                    types: None,
                });
            }
            Shape::Synced | Shape::Open => self.read_batch(bytes, &mut turn).await?,
        }
        Ok(turn)
    }

    async fn read_query(&self, bytes: &[u8], turn: &mut Turn) -> Result<(), Broken> {
        let text = wire::query(bytes).map_err(Broken::protocol)?;
        let classified = if self.doubt || (!self.settled && depends_on_settings(text)) {
            opaque(&String::from_utf8_lossy(text), UNSETTLED)
        } else {
            self.classify(text).await
        };
        turn.prepares = self.prepares(&classified).await;
        let mut inner = Vec::new();
        for name in &classified.executes {
            // The same text may make the name and use it: both meanings are judged.
            let made = turn.prepares.iter().filter(|(made, _)| made.as_ref() == name.as_bytes());
            inner.extend(made.map(|(_, statement)| Arc::clone(&statement.classified)));
            inner.extend(self.executed(&[], name, !inner.is_empty()));
        }
        // FETCH and MOVE run whatever portal they name, one of the protocol's as well.
        if !classified.fetches.is_empty() {
            inner.extend(bound_statements(&turn.steps, self.owed, self.names));
        }
        let text = Text::Here(HEAD..HEAD + text.len());
        turn.ask(Ask { classified, inner, runs: true, text, bound: None, types: None });
        Ok(())
    }

    async fn read_batch(&self, bytes: &[u8], turn: &mut Turn) -> Result<(), Broken> {
        let mut at = 0;
        while let Some(head) = wire::frontend(bytes.get(at..).unwrap_or_default()).map_err(Broken::protocol)? {
            let frame = bytes.get(at..at + head.len).ok_or_else(|| Broken::protocol("a frame was cut"))?;
            if turn.steps.len() >= MAX_FRAMES {
                return Err(Broken::too_large("too many messages before a Sync", "send Sync more often"));
            }
            match head.tag {
                b'P' => self.parse(frame, at, turn).await?,
                b'B' => self.bind(frame, turn)?,
                b'D' => {
                    let named = Named::read(frame).map_err(Broken::protocol)?;
                    let step = if named.portal {
                        Step::DescribePortal(find_portal(&turn.steps, self.owed, self.names, named.name).cloned())
                    } else {
                        Step::DescribeStatement(
                            find_statement(&turn.steps, self.owed, self.names, named.name).cloned(),
                        )
                    };
                    turn.steps.push(step);
                }
                b'E' => self.execute(frame, at, turn).await?,
                b'C' => {
                    let Named { portal, name } = Named::read(frame).map_err(Broken::protocol)?;
                    turn.steps.push(Step::Close { portal, name: name.into() });
                }
                b'S' => turn.steps.push(Step::Sync),
                _ => {}
            }
            at += head.len;
        }
        Ok(())
    }

    async fn parse(&self, frame: &[u8], at: usize, turn: &mut Turn) -> Result<(), Broken> {
        let Parse { name, text, types } = Parse::read(frame).map_err(Broken::protocol)?;
        let runs = turn.first.iter().chain(&turn.more).filter(|ask| ask.runs).map(|ask| &ask.classified);
        let before = self.owed.iter().filter_map(Owed::classified);
        let ran = !self.settled || turn.first.iter().chain(&turn.more).any(|ask| ask.runs);
        let mut before = runs.chain(before);
        let unsettled = self.doubt || before.any(|classified| changes_reading(classified));
        let classified = if unsettled || (ran && depends_on_settings(text)) {
            opaque(&String::from_utf8_lossy(text), UNSETTLED)
        } else {
            self.classify(text).await
        };
        let begin = at + HEAD + name.len() + 1;
        let range: Range<usize> = begin..begin + text.len();
        turn.ask(Ask {
            classified: Arc::clone(&classified),
            inner: Vec::new(),
            runs: false,
            text: Text::Here(range),
            bound: None,
            types: None,
        });
        turn.steps.push(Step::Parse { name: name.into(), statement: Statement::new(classified, text, types) });
        Ok(())
    }

    fn bind(&self, frame: &[u8], turn: &mut Turn) -> Result<(), Broken> {
        let bind = Bind::read(frame).map_err(Broken::protocol)?;
        let name = bind.portal.into();
        let step = match find_statement(&turn.steps, self.owed, self.names, bind.statement) {
            Some(statement) => Step::Bind { name, portal: Portal::new(Arc::clone(statement), frame) },
            None => Step::BindUnknown { name },
        };
        turn.steps.push(step);
        Ok(())
    }

    async fn execute(&self, frame: &[u8], at: usize, turn: &mut Turn) -> Result<(), Broken> {
        let name = wire::execute(frame).map_err(Broken::protocol)?;
        let portal = find_portal(&turn.steps, self.owed, self.names, name).cloned();
        let mut prepares = VecDeque::new();
        let ask = if let Some(portal) = &portal {
            let classified = Arc::clone(&portal.statement.classified);
            prepares = self.prepares(&classified).await;
            let mut inner: Vec<_> =
                classified.executes.iter().filter_map(|name| self.executed(&turn.steps, name, false)).collect();
            if !classified.fetches.is_empty() {
                inner.extend(bound_statements(&turn.steps, self.owed, self.names));
            }
            let text = Text::Kept(Arc::clone(&portal.statement.text));
            let types = Some(Arc::clone(&portal.statement.types));
            turn.ask(Ask { classified, inner, runs: true, text, bound: Some(Arc::clone(&portal.bind)), types })
        } else {
            let classified = unknown("a portal that Countersign has not seen bound");
            turn.ask(Ask { classified, inner: Vec::new(), runs: true, text: Text::Nothing, bound: None, types: None })
        };
        turn.steps.push(Step::Execute { at, ask, portal, prepares });
        Ok(())
    }

    /// What an SQL-level EXECUTE runs, as far as an earlier turn or frame made it.
    fn executed(&self, steps: &[Step], name: &str, made_here: bool) -> Option<Arc<Classified>> {
        match find_statement(steps, self.owed, self.names, name.as_bytes()) {
            Some(statement) => Some(Arc::clone(&statement.classified)),
            None if made_here => None,
            None => Some(unknown("a prepared statement that Countersign has not seen")),
        }
    }

    async fn prepares(&self, classified: &Classified) -> VecDeque<(Box<[u8]>, Arc<Statement>)> {
        let mut all = VecDeque::new();
        for (name, text) in &classified.prepares {
            let inner = self.classify(text.as_bytes()).await;
            all.push_back((name.as_bytes().into(), Statement::new(inner, text.as_bytes(), &[])));
        }
        all
    }

    /// What a text does. Cancel-safe.
    async fn classify(&self, text: &[u8]) -> Arc<Classified> {
        if let Some(why) = self.unreadable {
            return opaque(&String::from_utf8_lossy(text), why);
        }
        if text.len() > MAX_STATEMENT {
            return opaque(&String::from_utf8_lossy(text), "the text is too long to be read");
        }
        match std::str::from_utf8(text) {
            Ok(text) => self.classifier.classify(text, self.strings).await,
            Err(_) => opaque(&String::from_utf8_lossy(text), "the text is not UTF-8"),
        }
    }
}

/// Why a text is opaque whose reading hangs on settings that may have changed a moment ago.
const UNSETTLED: &str = "a statement before it, in the same batch, may have changed how texts are read";

/// Whether encoding or string settings can make another text of these bytes. The target tells of a change only with its
/// next ReadyForQuery, and any function may make one.
fn depends_on_settings(text: &[u8]) -> bool {
    text.iter().any(|byte| *byte >= 0x80 || *byte == b'\\')
}

/// Whether it may change how later texts are read or what later names mean.
pub(super) fn changes_meaning(classified: &Classified) -> bool {
    let calls = |one: &Operation| one.functions.iter().any(|name| name.ends_with("set_config"));
    !classified.sets.is_empty()
        || moves_portals(classified)
        || classified.operations.iter().any(|one| matches!(one.act, Act::Opaque | Act::Define) || calls(one))
}

/// Whether it may change in which schema a name without one is found. A role's own schema stands in the default path.
pub(super) fn moves_names(classified: &Classified) -> bool {
    let paths = ["search_path", "role", "session_authorization", "all"];
    classified.sets.iter().any(|(name, _)| paths.contains(&name.as_str()))
}

/// Whether it may change how later texts are read. The target tells so only at the next ReadyForQuery.
pub(super) fn changes_reading(classified: &Classified) -> bool {
    let reads = ["client_encoding", "names", "standard_conforming_strings", "backslash_quote", "all"];
    let calls = |one: &Operation| one.functions.iter().any(|name| name.ends_with("set_config"));
    classified.sets.iter().any(|(name, _)| reads.contains(&name.as_str()))
        || classified.operations.iter().any(|one| one.act == Act::Opaque || calls(one))
}

/// A reading that says that there is none.
fn opaque(text: &str, why: &str) -> Arc<Classified> {
    let operations = vec![Operation::opaque(text, why)];
    Arc::new(Classified { operations, statements: 1, ..Classified::default() })
}

fn unknown(why: &str) -> Arc<Classified> {
    opaque("(unknown statement)", why)
}

/// A function call by oid, the old way; libpq does so for large objects.
fn call(oid: u32) -> Classified {
    let (name, act, writes) = match oid {
        952 => ("lo_open", Act::Read, false),
        953 => ("lo_close", Act::Session, false),
        954 => ("loread", Act::Read, false),
        955 => ("lowrite", Act::Write, true),
        956 => ("lo_lseek", Act::Read, false),
        957 => ("lo_creat", Act::Write, true),
        958 => ("lo_tell", Act::Read, false),
        964 => ("lo_unlink", Act::Write, true),
        715 => ("lo_create", Act::Write, true),
        1004 => ("lo_truncate", Act::Write, true),
        3170 => ("lo_lseek64", Act::Read, false),
        3171 => ("lo_tell64", Act::Read, false),
        3172 => ("lo_truncate64", Act::Write, true),
        _ => {
            let shown = format!("function call, oid {oid}");
            let operations = vec![Operation::opaque(shown, "a function is called by its oid")];
            return Classified { operations, statements: 1, ..Classified::default() };
        }
    };
    let object = Object { kind: Kind::LargeObject, schema: None, name: name.to_owned(), written: writes };
    let operation = Operation {
        act,
        verb: "FUNCTION CALL".to_owned(),
        on: vec![object],
        functions: vec![name.to_owned()],
        writes,
        bounded: true,
        undoes_read_only: false,
        opaque: None,
        stores: Vec::new(),
        run: None,
        shown: format!("{name}(…)"),
    };
    Classified { operations: vec![operation], statements: 1, ..Classified::default() }
}

#[cfg(test)]
#[path = "turn_tests.rs"]
mod tests;
