//! What each kind of statement is: queries, the session, transactions, and statements that wrap others.
//!
//! Everything that defines or administers stands in `define.rs`. Between the two every statement of PostgreSQL 18
//! is named; one that is in neither gets no act, and an operation without an act is opaque.

use pg_query::NodeRef;
use pg_query::protobuf::{CopyStmt, CreateTableAsStmt, DiscardMode, ExplainStmt, LockStmt, ObjectType};
use pg_query::protobuf::{TransactionStmt, TransactionStmtKind, VariableSetKind, VariableSetStmt};
use workflows::operation::{Act, Kind};

use super::children::{node, nodes};
use super::depth;
use super::objects::{definitions, option, scalar, truth};
use super::stores;
use super::walk::Walk;

/// The strongest lock that a reader takes: ROW SHARE.
const READERS_LOCK: i32 = 2;

/// How deep SQL inside strings inside SQL is followed.
const DEEPEST_TEXT: u8 = 8;

impl Walk {
    /// Classifies a node if it is a statement; false if it is something else.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is no statement is an expression, or unknown")]
    pub(super) fn statement(&mut self, statement: NodeRef<'_>) -> bool {
        match statement {
            NodeRef::SelectStmt(select) => self.select(select),
            NodeRef::InsertStmt(insert) => self.insert(insert),
            NodeRef::UpdateStmt(update) => self.update(update),
            NodeRef::DeleteStmt(delete) => self.delete(delete),
            NodeRef::MergeStmt(merge) => self.merge(merge),
            // `x := expression` and RETURN in the body of a function.
            NodeRef::PlassignStmt(_) | NodeRef::ReturnStmt(_) => self.plain(Act::Read, "SELECT", statement),
            NodeRef::CopyStmt(copy) => self.copy(copy),
            NodeRef::CreateTableAsStmt(create) => self.create_as(create),
            NodeRef::ExplainStmt(explain) => self.explain(explain),
            NodeRef::PrepareStmt(prepare) => self.wrap("PREPARE", node(prepare.query.as_deref())),
            NodeRef::DeclareCursorStmt(cursor) => self.wrap("DECLARE CURSOR", node(cursor.query.as_deref())),
            NodeRef::ExecuteStmt(execute) => {
                if !self.inert {
                    self.names.executes.push(execute.name.clone());
                }
                self.plain(Act::Session, "EXECUTE", statement);
            }
            NodeRef::DeallocateStmt(deallocate) => {
                self.names.deallocates.push(deallocate.name.clone());
                self.plain(Act::Session, if deallocate.isall { "DEALLOCATE ALL" } else { "DEALLOCATE" }, statement);
            }
            NodeRef::FetchStmt(fetch) => {
                self.plain(Act::Session, if fetch.ismove { "MOVE" } else { "FETCH" }, statement);
            }
            NodeRef::ClosePortalStmt(_) => self.plain(Act::Session, "CLOSE CURSOR", statement),
            NodeRef::ListenStmt(_) => self.plain(Act::Session, "LISTEN", statement),
            NodeRef::NotifyStmt(_) => self.plain(Act::Session, "NOTIFY", statement),
            NodeRef::UnlistenStmt(_) => self.plain(Act::Session, "UNLISTEN", statement),
            NodeRef::ConstraintsSetStmt(_) => self.session("SET CONSTRAINTS"),
            NodeRef::VariableSetStmt(set) => self.variable(set),
            NodeRef::VariableShowStmt(show) => {
                self.facts.touch(Kind::Setting, &[show.name.to_ascii_lowercase()], false);
                self.session("SHOW");
            }
            NodeRef::DiscardStmt(discard) => self.discard(discard.target()),
            NodeRef::TransactionStmt(transaction) => self.transaction(transaction),
            NodeRef::LockStmt(lock) => self.lock(lock),
            NodeRef::CallStmt(_) => {
                // What a procedure does is not in the text, and it may commit while it does it.
                self.facts.bounded = false;
                self.plain(Act::Write, "CALL", statement);
            }
            NodeRef::DoStmt(block) => self.do_block(block),
            other => return self.define(other),
        }
        true
    }

    /// A statement whose kind says it all; what is below is walked.
    fn plain(&mut self, act: Act, verb: &str, statement: NodeRef<'_>) {
        self.facts.verb(verb);
        self.facts.act(act);
        self.below(statement);
    }

    fn session(&mut self, verb: &str) {
        self.facts.verb(verb);
        self.facts.act(Act::Session);
    }

    /// A statement that holds another one, which is judged as if it ran now.
    fn wrap(&mut self, verb: &str, inner: Option<NodeRef<'_>>) {
        self.facts.verb(verb);
        self.wrapped = true;
        match inner {
            Some(inner) => self.visit(inner),
            None => self.facts.opaque("it holds no statement"),
        }
    }

    fn copy(&mut self, copy: &CopyStmt) {
        if let Some(range) = &copy.relation {
            self.relation(range, copy.is_from);
            self.facts.bounded &= copy.is_from;
        }
        self.facts.verb("COPY");
        self.facts.act(if copy.is_from { Act::Write } else { Act::Read });
        if copy.is_program || !copy.filename.is_empty() {
            self.facts.act(Act::Execute);
            self.facts.touch(Kind::File, std::slice::from_ref(&copy.filename), !copy.is_from || copy.is_program);
        }
        if let Some(query) = node(copy.query.as_deref()) {
            self.wrap("COPY", Some(query));
        }
        if let Some(condition) = node(copy.where_clause.as_deref()) {
            self.visit(condition);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "only these objects are made this way")]
    fn create_as(&mut self, create: &CreateTableAsStmt) {
        self.facts.verb(match create.objtype() {
            ObjectType::ObjectMatview => "CREATE MATERIALIZED VIEW",
            _ if create.is_select_into => "SELECT INTO",
            _ => "CREATE TABLE AS",
        });
        self.facts.act(Act::Define);
        // How much it reads is not what an approver of a new table is asked about.
        self.entered = true;
        if let Some(range) = create.into.as_ref().and_then(|into| into.rel.as_ref()) {
            self.relation(range, true);
        }
        if let Some(query) = node(create.query.as_deref()) {
            if let NodeRef::SelectStmt(select) = query {
                let into = create.into.as_deref();
                let called = into.map_or(&[][..], |into| &into.col_names);
                self.facts.stores.extend(stores::by_query(select, into.and_then(|into| into.rel.as_ref()), called));
            } else {
                self.facts.stores.insert(stores::unseen());
            }
            self.visit(query);
        }
    }

    fn explain(&mut self, explain: &ExplainStmt) {
        // An option that the server would refuse counts as ANALYZE.
        let analyze = definitions(&explain.options)
            .any(|element| element.defname.eq_ignore_ascii_case("analyze") && truth(element) != Some(false));
        let query = node(explain.query.as_deref());
        if analyze {
            self.wrap("EXPLAIN", query);
            return;
        }
        // Planning runs nothing but immutable functions: what is inside is named, not judged.
        let mut inner = Self { inert: true, ..self.inner() };
        if let Some(query) = query {
            inner.visit(query);
        }
        self.facts.verb("EXPLAIN");
        self.facts.act(Act::Read);
        for object in inner.facts.on {
            let name: Vec<String> = object.schema.into_iter().chain([object.name]).collect();
            self.facts.touch(object.kind, &name, false);
        }
        self.facts.functions.extend(inner.facts.functions);
        if inner.facts.act.is_none() {
            self.facts.opaque("it holds a statement of an unknown kind");
        }
    }

    fn variable(&mut self, set: &VariableSetStmt) {
        let reset = matches!(set.kind(), VariableSetKind::VarReset | VariableSetKind::VarResetAll);
        self.facts.verb(if reset { "RESET" } else { "SET" });
        self.facts.act(Act::Session);
        match set.kind() {
            VariableSetKind::VarSetValue => {
                let values: Option<Vec<String>> = nodes(&set.args).map(scalar).collect();
                self.set(&set.name, values.map(|values| values.join(", ")));
            }
            VariableSetKind::VarSetMulti => {
                let default = if set.name == "SESSION CHARACTERISTICS" { "default_" } else { "" };
                for element in definitions(&set.args) {
                    self.set(&format!("{default}{}", element.defname), option(element));
                }
            }
            VariableSetKind::VarSetDefault | VariableSetKind::VarReset | VariableSetKind::VarSetCurrent => {
                self.set(&set.name, None);
            }
            // A default that the gateway set with SET, and not at the start of the session, is lost as well.
            VariableSetKind::VarResetAll | VariableSetKind::Undefined => self.reset_all(),
        }
    }

    fn reset_all(&mut self) {
        self.facts.undoes = true;
        if !self.inert {
            self.names.sets.push(("all".to_owned(), None));
        }
    }

    fn discard(&mut self, mode: DiscardMode) {
        self.session(match mode {
            DiscardMode::DiscardPlans => "DISCARD PLANS",
            DiscardMode::DiscardSequences => "DISCARD SEQUENCES",
            DiscardMode::DiscardTemp => "DISCARD TEMP",
            DiscardMode::DiscardAll | DiscardMode::Undefined => "DISCARD ALL",
        });
        if matches!(mode, DiscardMode::DiscardAll | DiscardMode::Undefined) {
            self.reset_all();
            self.names.deallocates.push(String::new());
        }
    }

    fn transaction(&mut self, transaction: &TransactionStmt) {
        let verb = match transaction.kind() {
            TransactionStmtKind::TransStmtBegin => "BEGIN",
            TransactionStmtKind::TransStmtStart => "START TRANSACTION",
            TransactionStmtKind::TransStmtCommit => "COMMIT",
            TransactionStmtKind::TransStmtRollback | TransactionStmtKind::TransStmtRollbackTo => "ROLLBACK",
            TransactionStmtKind::TransStmtSavepoint => "SAVEPOINT",
            TransactionStmtKind::TransStmtRelease => "RELEASE",
            // These outlive the session, and with it the grant.
            TransactionStmtKind::TransStmtPrepare => "PREPARE TRANSACTION",
            TransactionStmtKind::TransStmtCommitPrepared => "COMMIT PREPARED",
            TransactionStmtKind::TransStmtRollbackPrepared => "ROLLBACK PREPARED",
            TransactionStmtKind::Undefined => return,
        };
        self.facts.verb(verb);
        self.facts.act(Act::Transaction);
        if !transaction.gid.is_empty() {
            self.facts.act(Act::Write);
            self.facts.bounded = transaction.kind() == TransactionStmtKind::TransStmtPrepare;
        }
        for element in definitions(&transaction.options).filter(|element| element.defname == "transaction_read_only")
        {
            // Who opens a transaction sets nothing else: `set` would make this a statement about the session.
            let value = option(element);
            self.facts.undoes |= value.as_deref().and_then(super::objects::boolean) != Some(true);
            self.names.sets.push((element.defname.clone(), value));
        }
    }

    fn lock(&mut self, lock: &LockStmt) {
        self.facts.verb("LOCK TABLE");
        self.facts.act(Act::Session);
        if lock.mode > READERS_LOCK {
            // It changes nothing and stops everybody: as good as an unbounded write until it is over.
            self.facts.act(Act::Write);
            self.facts.bounded = false;
        }
        nodes(&lock.relations).for_each(|relation| self.visit(relation));
    }

    /// SQL inside a string that a function runs.
    pub(super) fn text(&mut self, text: &str, runner: &str) {
        if self.nested >= DEEPEST_TEXT || depth::too_deep(text) {
            self.facts.opaque(format!("`{runner}` runs SQL that is nested too deeply"));
            return;
        }
        match pg_query::parse(text, 0) {
            Ok(parsed) => {
                for statement in parsed.protobuf.stmts.iter().filter_map(|raw| node(raw.stmt.as_deref())) {
                    let mut inner = self.inner();
                    inner.visit(statement);
                    self.absorb(inner);
                }
            }
            Err(_) => self.facts.opaque(format!("`{runner}` runs SQL that could not be read")),
        }
    }
}
