//! The names that definitions give their own objects, which no common field of the tree holds.

use pg_query::protobuf::{GrantStmt, GrantTargetType, ObjectType};
use pg_query::{Node, NodeRef};
use workflows::operation::Kind;

use super::children::{node, nodes};
use super::objects::{named, strings};
use super::walk::Walk;

impl Walk {
    /// Notes what a definition names beyond relations and roles.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others name relations and roles, which are walked")]
    pub(super) fn own_names(&mut self, statement: NodeRef<'_>) {
        match statement {
            NodeRef::CreateEnumStmt(create) => self.other(&create.type_name),
            NodeRef::CreateRangeStmt(create) => self.other(&create.type_name),
            NodeRef::AlterEnumStmt(alter) => self.other(&alter.type_name),
            NodeRef::AlterTypeStmt(alter) => self.other(&alter.type_name),
            NodeRef::CreateDomainStmt(create) => self.other(&create.domainname),
            NodeRef::AlterDomainStmt(alter) => self.other(&alter.type_name),
            NodeRef::AlterCollationStmt(alter) => self.other(&alter.collname),
            NodeRef::CreateConversionStmt(create) => self.other(&create.conversion_name),
            NodeRef::CreateOpClassStmt(create) => self.other(&create.opclassname),
            NodeRef::CreateOpFamilyStmt(create) => self.other(&create.opfamilyname),
            NodeRef::AlterOpFamilyStmt(alter) => self.other(&alter.opfamilyname),
            NodeRef::AlterTsdictionaryStmt(alter) => self.other(&alter.dictname),
            NodeRef::AlterTsconfigurationStmt(alter) => self.other(&alter.cfgname),
            NodeRef::CreateStatsStmt(create) => self.other(&create.defnames),
            NodeRef::AlterStatsStmt(alter) => self.other(&alter.defnames),
            NodeRef::CreateSchemaStmt(create) => self.word(&create.schemaname),
            NodeRef::ImportForeignSchemaStmt(import) => {
                self.word(&import.remote_schema);
                self.word(&import.local_schema);
                self.word(&import.server_name);
            }
            NodeRef::AlterDatabaseSetStmt(alter) => self.word(&alter.dbname),
            NodeRef::CreateTableSpaceStmt(create) => self.word(&create.tablespacename),
            NodeRef::DropTableSpaceStmt(drop) => self.word(&drop.tablespacename),
            NodeRef::AlterTableSpaceOptionsStmt(alter) => self.word(&alter.tablespacename),
            NodeRef::CreatePolicyStmt(create) => self.word(&create.policy_name),
            NodeRef::AlterPolicyStmt(alter) => self.word(&alter.policy_name),
            NodeRef::CreatePlangStmt(create) => self.word(&create.plname),
            NodeRef::CreateAmStmt(create) => self.word(&create.amname),
            NodeRef::AlterEventTrigStmt(alter) => self.word(&alter.trigname),
            NodeRef::ReindexStmt(reindex) => self.word(&reindex.name),
            NodeRef::CommentStmt(comment) => self.object(comment.objtype(), node(comment.object.as_deref())),
            NodeRef::SecLabelStmt(label) => self.object(label.objtype(), node(label.object.as_deref())),
            NodeRef::GrantStmt(grant) => self.granted(grant),
            NodeRef::GrantRoleStmt(grant) => {
                for role in nodes(&grant.granted_roles) {
                    if let NodeRef::AccessPriv(role) = role {
                        self.facts.touch(Kind::Role, std::slice::from_ref(&role.priv_name), true);
                    }
                }
            }
            // What they will run, though not now.
            NodeRef::CreateTrigStmt(create) => self.facts.touch(Kind::Function, &strings(&create.funcname), false),
            NodeRef::CreateEventTrigStmt(create) => {
                self.word(&create.trigname);
                self.facts.touch(Kind::Function, &strings(&create.funcname), false);
            }
            other => self.names_beyond(other),
        }
    }

    /// The names of other servers and of replication.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others name relations and roles, which are walked")]
    fn names_beyond(&mut self, statement: NodeRef<'_>) {
        match statement {
            NodeRef::CreateFdwStmt(create) => self.word(&create.fdwname),
            NodeRef::AlterFdwStmt(alter) => self.word(&alter.fdwname),
            NodeRef::CreateForeignServerStmt(create) => self.word(&create.servername),
            NodeRef::AlterForeignServerStmt(alter) => self.word(&alter.servername),
            NodeRef::CreateUserMappingStmt(create) => self.word(&create.servername),
            NodeRef::AlterUserMappingStmt(alter) => self.word(&alter.servername),
            NodeRef::DropUserMappingStmt(drop) => self.word(&drop.servername),
            NodeRef::CreatePublicationStmt(create) => self.word(&create.pubname),
            NodeRef::AlterPublicationStmt(alter) => self.word(&alter.pubname),
            NodeRef::CreateSubscriptionStmt(create) => self.word(&create.subname),
            NodeRef::AlterSubscriptionStmt(alter) => self.word(&alter.subname),
            NodeRef::DropSubscriptionStmt(drop) => self.word(&drop.subname),
            _ => {}
        }
    }

    fn other(&mut self, name: &[Node]) {
        self.facts.touch(Kind::Other, &strings(name), true);
    }

    fn word(&mut self, name: &str) {
        if !name.is_empty() {
            self.facts.touch(Kind::Other, &[name.to_owned()], true);
        }
    }

    /// An object by its type: a column or a trigger changes the relation that it belongs to.
    fn object(&mut self, of: ObjectType, object: Option<NodeRef<'_>>) {
        let name = object.map(named).unwrap_or_default();
        match (of, name.split_last()) {
            (
                ObjectType::ObjectColumn
                | ObjectType::ObjectTabconstraint
                | ObjectType::ObjectTrigger
                | ObjectType::ObjectPolicy
                | ObjectType::ObjectRule,
                Some((_, relation)),
            ) => self.facts.touch(Kind::Relation, relation, true),
            _ => self.facts.touch(words(of).0, &name, true),
        }
    }

    fn granted(&mut self, grant: &GrantStmt) {
        for object in nodes(&grant.objects) {
            // Relations and functions are walked; the rest are plain names.
            if let NodeRef::String(_) | NodeRef::List(_) | NodeRef::TypeName(_) = object {
                // ALL TABLES IN SCHEMA names schemas, whatever type the objects in them have.
                let whole_schema = grant.targtype() == GrantTargetType::AclTargetAllInSchema;
                let kind = if whole_schema { Kind::Other } else { words(grant.objtype()).0 };
                self.facts.touch(kind, &named(object), true);
            }
        }
    }
}

/// What kind of thing an object type is, and its words in a command's name.
pub(super) fn words(of: ObjectType) -> (Kind, &'static str) {
    match of {
        ObjectType::ObjectTable => (Kind::Relation, "TABLE"),
        ObjectType::ObjectColumn | ObjectType::ObjectTabconstraint => (Kind::Relation, "TABLE"),
        ObjectType::ObjectIndex => (Kind::Relation, "INDEX"),
        ObjectType::ObjectSequence => (Kind::Relation, "SEQUENCE"),
        ObjectType::ObjectView => (Kind::Relation, "VIEW"),
        ObjectType::ObjectMatview => (Kind::Relation, "MATERIALIZED VIEW"),
        ObjectType::ObjectForeignTable => (Kind::Relation, "FOREIGN TABLE"),
        ObjectType::ObjectFunction => (Kind::Function, "FUNCTION"),
        ObjectType::ObjectProcedure => (Kind::Function, "PROCEDURE"),
        ObjectType::ObjectRoutine => (Kind::Function, "ROUTINE"),
        ObjectType::ObjectAggregate => (Kind::Function, "AGGREGATE"),
        ObjectType::ObjectRole => (Kind::Role, "ROLE"),
        ObjectType::ObjectUserMapping => (Kind::Role, "USER MAPPING"),
        ObjectType::ObjectLargeobject => (Kind::LargeObject, "LARGE OBJECT"),
        ObjectType::ObjectParameterAcl => (Kind::Setting, "PARAMETER"),
        ObjectType::ObjectAccessMethod => (Kind::Other, "ACCESS METHOD"),
        ObjectType::ObjectAttribute | ObjectType::ObjectType => (Kind::Other, "TYPE"),
        ObjectType::ObjectCast => (Kind::Other, "CAST"),
        ObjectType::ObjectCollation => (Kind::Other, "COLLATION"),
        ObjectType::ObjectConversion => (Kind::Other, "CONVERSION"),
        ObjectType::ObjectDatabase => (Kind::Other, "DATABASE"),
        ObjectType::ObjectDomain | ObjectType::ObjectDomconstraint => (Kind::Other, "DOMAIN"),
        ObjectType::ObjectEventTrigger => (Kind::Other, "EVENT TRIGGER"),
        ObjectType::ObjectExtension => (Kind::Other, "EXTENSION"),
        ObjectType::ObjectFdw => (Kind::Other, "FOREIGN DATA WRAPPER"),
        ObjectType::ObjectForeignServer => (Kind::Other, "SERVER"),
        ObjectType::ObjectLanguage => (Kind::Other, "LANGUAGE"),
        ObjectType::ObjectOpclass => (Kind::Other, "OPERATOR CLASS"),
        ObjectType::ObjectOperator | ObjectType::ObjectAmop | ObjectType::ObjectAmproc => (Kind::Other, "OPERATOR"),
        ObjectType::ObjectOpfamily => (Kind::Other, "OPERATOR FAMILY"),
        ObjectType::ObjectPolicy => (Kind::Other, "POLICY"),
        ObjectType::ObjectPublication | ObjectType::ObjectPublicationNamespace | ObjectType::ObjectPublicationRel => {
            (Kind::Other, "PUBLICATION")
        }
        ObjectType::ObjectRule => (Kind::Other, "RULE"),
        ObjectType::ObjectSchema => (Kind::Other, "SCHEMA"),
        ObjectType::ObjectSubscription => (Kind::Other, "SUBSCRIPTION"),
        ObjectType::ObjectStatisticExt => (Kind::Other, "STATISTICS"),
        ObjectType::ObjectTablespace => (Kind::Other, "TABLESPACE"),
        ObjectType::ObjectTransform => (Kind::Other, "TRANSFORM"),
        ObjectType::ObjectTrigger => (Kind::Other, "TRIGGER"),
        ObjectType::ObjectTsconfiguration => (Kind::Other, "TEXT SEARCH CONFIGURATION"),
        ObjectType::ObjectTsdictionary => (Kind::Other, "TEXT SEARCH DICTIONARY"),
        ObjectType::ObjectTsparser => (Kind::Other, "TEXT SEARCH PARSER"),
        ObjectType::ObjectTstemplate => (Kind::Other, "TEXT SEARCH TEMPLATE"),
        ObjectType::ObjectDefault | ObjectType::ObjectDefacl | ObjectType::Undefined => (Kind::Other, "OBJECT"),
    }
}
