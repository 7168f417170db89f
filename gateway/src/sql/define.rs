//! Statements that define or administer: schema, roles, rights, the server.

use pg_query::NodeRef;
use pg_query::protobuf::{AlterTableType, CreateFunctionStmt, DropBehavior, ObjectType};
use workflows::operation::{Act, Kind};

use super::children::{children, node, nodes};
use super::names::words;
use super::objects::{definitions, named, option, role, strings};
use super::walk::Walk;

use Act::{Administer, Define, Execute, Write};

/// Languages whose functions cannot leave the database; in any other one they are code on the server.
const TRUSTED: &[&str] = &["sql", "plpgsql", "plperl", "pltcl", "plv8", "plcoffee", "plls", "pllua", "pltsql"];

impl Walk {
    /// Classifies a statement that defines or administers; false if it is none.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is no statement, or unknown")]
    pub(super) fn define(&mut self, statement: NodeRef<'_>) -> bool {
        let (act, verb): (Act, &str) = match statement {
            NodeRef::CreateStmt(_) => (Define, "CREATE TABLE"),
            NodeRef::CreateForeignTableStmt(_) => (Define, "CREATE FOREIGN TABLE"),
            NodeRef::ViewStmt(_) => (Define, "CREATE VIEW"),
            NodeRef::RefreshMatViewStmt(_) => (Define, "REFRESH MATERIALIZED VIEW"),
            NodeRef::IndexStmt(_) => (Define, "CREATE INDEX"),
            NodeRef::CreateStatsStmt(_) => (Define, "CREATE STATISTICS"),
            NodeRef::AlterStatsStmt(_) => (Define, "ALTER STATISTICS"),
            NodeRef::CreateSeqStmt(_) => (Define, "CREATE SEQUENCE"),
            NodeRef::AlterSeqStmt(_) => (Define, "ALTER SEQUENCE"),
            NodeRef::CreateSchemaStmt(_) => (Define, "CREATE SCHEMA"),
            NodeRef::CreateDomainStmt(_) => (Define, "CREATE DOMAIN"),
            NodeRef::AlterDomainStmt(_) => (Define, "ALTER DOMAIN"),
            NodeRef::CompositeTypeStmt(_) | NodeRef::CreateEnumStmt(_) | NodeRef::CreateRangeStmt(_) => {
                (Define, "CREATE TYPE")
            }
            NodeRef::AlterEnumStmt(_) | NodeRef::AlterTypeStmt(_) => (Define, "ALTER TYPE"),
            NodeRef::AlterCollationStmt(_) => (Define, "ALTER COLLATION"),
            NodeRef::CreateConversionStmt(_) => (Define, "CREATE CONVERSION"),
            NodeRef::CreateCastStmt(_) => (Define, "CREATE CAST"),
            NodeRef::CreateTransformStmt(_) => (Define, "CREATE TRANSFORM"),
            NodeRef::CreateOpClassStmt(_) => (Define, "CREATE OPERATOR CLASS"),
            NodeRef::CreateOpFamilyStmt(_) => (Define, "CREATE OPERATOR FAMILY"),
            NodeRef::AlterOpFamilyStmt(_) => (Define, "ALTER OPERATOR FAMILY"),
            NodeRef::AlterOperatorStmt(_) => (Define, "ALTER OPERATOR"),
            NodeRef::AlterTsdictionaryStmt(_) => (Define, "ALTER TEXT SEARCH DICTIONARY"),
            NodeRef::AlterTsconfigurationStmt(_) => (Define, "ALTER TEXT SEARCH CONFIGURATION"),
            NodeRef::RuleStmt(_) => (Define, "CREATE RULE"),
            NodeRef::CreateTrigStmt(_) => (Define, "CREATE TRIGGER"),
            NodeRef::AlterFunctionStmt(_) => (Define, "ALTER FUNCTION"),
            NodeRef::CommentStmt(_) => (Define, "COMMENT"),
            NodeRef::AlterObjectDependsStmt(_) => (Define, "ALTER"),
            NodeRef::ImportForeignSchemaStmt(_) => (Define, "IMPORT FOREIGN SCHEMA"),
            NodeRef::ClusterStmt(_) => (Define, "CLUSTER"),
            NodeRef::ReindexStmt(_) => (Define, "REINDEX"),
            NodeRef::VacuumStmt(vacuum) => (Define, if vacuum.is_vacuumcmd { "VACUUM" } else { "ANALYZE" }),
            NodeRef::TruncateStmt(_) => {
                self.facts.bounded = false;
                (Write, "TRUNCATE")
            }
            NodeRef::DefineStmt(define) => {
                return self.typed(Define, "CREATE", define.kind(), statement, &strings(&define.defnames));
            }
            NodeRef::DropStmt(_)
            | NodeRef::AlterTableStmt(_)
            | NodeRef::RenameStmt(_)
            | NodeRef::AlterObjectSchemaStmt(_)
            | NodeRef::AlterOwnerStmt(_) => return self.alter(statement),
            NodeRef::CreateFunctionStmt(create) => return self.function_body(create),
            NodeRef::LoadStmt(load) => {
                self.facts.touch(Kind::File, std::slice::from_ref(&load.filename), false);
                (Execute, "LOAD")
            }
            other => return self.administer(other),
        };
        self.definition(act, verb, statement);
        true
    }

    /// Roles, rights, the server, other servers.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is no statement, or unknown")]
    fn administer(&mut self, statement: NodeRef<'_>) -> bool {
        let verb = match statement {
            NodeRef::GrantStmt(grant) => {
                if grant.is_grant {
                    "GRANT"
                } else {
                    "REVOKE"
                }
            }
            NodeRef::GrantRoleStmt(grant) => {
                if grant.is_grant {
                    "GRANT ROLE"
                } else {
                    "REVOKE ROLE"
                }
            }
            NodeRef::AlterDefaultPrivilegesStmt(_) => "ALTER DEFAULT PRIVILEGES",
            NodeRef::CreateRoleStmt(create) => {
                self.facts.touch(Kind::Role, std::slice::from_ref(&create.role), true);
                "CREATE ROLE"
            }
            NodeRef::AlterRoleStmt(_) => "ALTER ROLE",
            NodeRef::DropRoleStmt(_) => "DROP ROLE",
            NodeRef::DropOwnedStmt(_) => "DROP OWNED",
            NodeRef::ReassignOwnedStmt(_) => "REASSIGN OWNED",
            NodeRef::AlterRoleSetStmt(_) | NodeRef::AlterDatabaseSetStmt(_) | NodeRef::AlterSystemStmt(_) => {
                // The setting may be the read-only default of the next session, or the path of our own connections.
                self.facts.undoes = true;
                if !self.inert {
                    self.names.sets.push(("all".to_owned(), None));
                }
                match statement {
                    NodeRef::AlterRoleSetStmt(_) => "ALTER ROLE",
                    NodeRef::AlterDatabaseSetStmt(_) => "ALTER DATABASE",
                    _ => "ALTER SYSTEM",
                }
            }
            NodeRef::CreatedbStmt(create) => self.database("CREATE DATABASE", &create.dbname),
            NodeRef::AlterDatabaseStmt(alter) => self.database("ALTER DATABASE", &alter.dbname),
            NodeRef::AlterDatabaseRefreshCollStmt(alter) => self.database("ALTER DATABASE", &alter.dbname),
            NodeRef::DropdbStmt(drop) => self.database("DROP DATABASE", &drop.dbname),
            NodeRef::CreateTableSpaceStmt(_) => "CREATE TABLESPACE",
            NodeRef::DropTableSpaceStmt(_) => "DROP TABLESPACE",
            NodeRef::AlterTableSpaceOptionsStmt(_) => "ALTER TABLESPACE",
            NodeRef::AlterTableMoveAllStmt(_) => "ALTER TABLE",
            NodeRef::CheckPointStmt(_) => "CHECKPOINT",
            NodeRef::SecLabelStmt(_) => "SECURITY LABEL",
            NodeRef::CreatePolicyStmt(_) => "CREATE POLICY",
            NodeRef::AlterPolicyStmt(_) => "ALTER POLICY",
            NodeRef::CreateExtensionStmt(create) => self.database("CREATE EXTENSION", &create.extname),
            NodeRef::AlterExtensionStmt(alter) => self.database("ALTER EXTENSION", &alter.extname),
            NodeRef::AlterExtensionContentsStmt(alter) => self.database("ALTER EXTENSION", &alter.extname),
            other => match beyond(other) {
                Some(verb) => verb,
                None => return false,
            },
        };
        self.definition(Administer, verb, statement);
        true
    }

    fn database(&mut self, verb: &'static str, name: &str) -> &'static str {
        self.facts.touch(Kind::Other, &[name.to_owned()], true);
        verb
    }

    /// Notes a definition and walks it: relations that it names itself are written, and nothing in it runs now.
    fn definition(&mut self, act: Act, verb: &str, statement: NodeRef<'_>) {
        self.facts.verb(verb);
        self.facts.act(act);
        self.own_names(statement);
        let inert = std::mem::replace(&mut self.inert, true);
        self.entered = true;
        let known = children(statement, &mut |child| self.part(child));
        if !known {
            self.facts.opaque("it is a kind of statement that is not known");
        }
        self.inert = inert;
    }

    /// A direct part of a definition.
    #[expect(clippy::wildcard_enum_match_arm, reason = "other parts are walked like everything else")]
    fn part(&mut self, part: NodeRef<'_>) {
        match part {
            NodeRef::RangeVar(range) => self.relation(range, true),
            NodeRef::RoleSpec(spec) => self.facts.touch(Kind::Role, &[role(spec)], true),
            NodeRef::VacuumRelation(_) | NodeRef::PublicationObjSpec(_) | NodeRef::PublicationTable(_) => {
                if !children(part, &mut |child| self.part(child)) {
                    self.facts.opaque("it holds a part that is not known");
                }
            }
            NodeRef::ObjectWithArgs(object) => self.facts.touch(Kind::Function, &strings(&object.objname), true),
            other => self.visit(other),
        }
    }

    /// A definition whose object has a type of its own.
    fn typed(&mut self, act: Act, verb: &str, kind: ObjectType, statement: NodeRef<'_>, name: &[String]) -> bool {
        let (kind, words) = words(kind);
        if !name.is_empty() {
            self.facts.touch(kind, name, true);
        }
        self.definition(act, &format!("{verb} {words}"), statement);
        true
    }

    /// DROP, ALTER, RENAME, SET SCHEMA, OWNER TO.
    #[expect(clippy::wildcard_enum_match_arm, reason = "only these are handed in")]
    fn alter(&mut self, statement: NodeRef<'_>) -> bool {
        let name = |object: Option<NodeRef<'_>>| object.map(named).unwrap_or_default();
        match statement {
            NodeRef::DropStmt(drop) => {
                let (kind, _) = words(drop.remove_type());
                for object in nodes(&drop.objects) {
                    self.facts.touch(kind, &name(Some(object)), true);
                }
                // CASCADE takes along what the text does not name.
                self.facts.bounded &= drop.behavior() != DropBehavior::DropCascade;
                self.typed(Define, "DROP", drop.remove_type(), statement, &[])
            }
            NodeRef::AlterTableStmt(alter) => {
                let owner = nodes(&alter.cmds).any(|command| match command {
                    NodeRef::AlterTableCmd(command) => command.subtype() == AlterTableType::AtChangeOwner,
                    _ => false,
                });
                self.typed(if owner { Administer } else { Define }, "ALTER", alter.objtype(), statement, &[])
            }
            NodeRef::RenameStmt(rename) => {
                let act = if rename.rename_type() == ObjectType::ObjectRole { Administer } else { Define };
                let of = match rename.rename_type() {
                    ObjectType::ObjectColumn | ObjectType::ObjectAttribute => rename.relation_type(),
                    other => other,
                };
                let mut name = name(node(rename.object.as_deref()));
                if name.is_empty() && rename.relation.is_none() {
                    name.push(rename.subname.clone());
                }
                self.typed(act, "ALTER", of, statement, if rename.relation.is_some() { &[] } else { &name })
            }
            NodeRef::AlterObjectSchemaStmt(alter) => {
                let name = name(node(alter.object.as_deref()));
                self.typed(Define, "ALTER", alter.object_type(), statement, &name)
            }
            NodeRef::AlterOwnerStmt(alter) => {
                let name = name(node(alter.object.as_deref()));
                self.typed(Administer, "ALTER", alter.object_type(), statement, &name)
            }
            _ => false,
        }
    }

    /// CREATE FUNCTION and CREATE PROCEDURE: bodies in SQL are walked, those in PL/pgSQL as far as they can be read.
    fn function_body(&mut self, create: &CreateFunctionStmt) -> bool {
        let mut language = if create.sql_body.is_some() { "sql".to_owned() } else { String::new() };
        let mut body = None;
        for element in definitions(&create.options) {
            match element.defname.as_str() {
                "language" => language = option(element).unwrap_or_default().to_ascii_lowercase(),
                "as" => body = node(element.arg.as_deref()).and_then(|list| named(list).into_iter().next()),
                _ => {}
            }
        }
        self.facts.touch(Kind::Function, &strings(&create.funcname), true);
        self.facts.touch(Kind::Other, &[format!("language {language}")], false);
        self.definition(
            Define,
            if create.is_procedure { "CREATE PROCEDURE" } else { "CREATE FUNCTION" },
            NodeRef::CreateFunctionStmt(create),
        );
        if !TRUSTED.contains(&language.as_str()) {
            self.facts.act(Execute);
        }
        let inert = std::mem::replace(&mut self.inert, true);
        match (language.as_str(), body) {
            ("sql", Some(body)) => self.text(&body, "the function"),
            ("plpgsql", Some(_)) => self.plpgsql_function(),
            _ => {}
        }
        self.inert = inert;
        true
    }
}

/// What reaches beyond one database: code, other servers, replication.
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest is no statement, or unknown")]
fn beyond(statement: NodeRef<'_>) -> Option<&'static str> {
    Some(match statement {
        NodeRef::CreatePlangStmt(_) => "CREATE LANGUAGE",
        NodeRef::CreateAmStmt(_) => "CREATE ACCESS METHOD",
        NodeRef::CreateEventTrigStmt(_) => "CREATE EVENT TRIGGER",
        NodeRef::AlterEventTrigStmt(_) => "ALTER EVENT TRIGGER",
        NodeRef::CreateFdwStmt(_) => "CREATE FOREIGN DATA WRAPPER",
        NodeRef::AlterFdwStmt(_) => "ALTER FOREIGN DATA WRAPPER",
        NodeRef::CreateForeignServerStmt(_) => "CREATE SERVER",
        NodeRef::AlterForeignServerStmt(_) => "ALTER SERVER",
        NodeRef::CreateUserMappingStmt(_) => "CREATE USER MAPPING",
        NodeRef::AlterUserMappingStmt(_) => "ALTER USER MAPPING",
        NodeRef::DropUserMappingStmt(_) => "DROP USER MAPPING",
        NodeRef::CreatePublicationStmt(_) => "CREATE PUBLICATION",
        NodeRef::AlterPublicationStmt(_) => "ALTER PUBLICATION",
        NodeRef::CreateSubscriptionStmt(_) => "CREATE SUBSCRIPTION",
        NodeRef::AlterSubscriptionStmt(_) => "ALTER SUBSCRIPTION",
        NodeRef::DropSubscriptionStmt(_) => "DROP SUBSCRIPTION",
        _ => return None,
    })
}
