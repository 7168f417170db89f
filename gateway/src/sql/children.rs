//! What is below each node of the parser's tree: one line per kind that the grammar of PostgreSQL 18 can produce.
//!
//! The parser's own iterator leaves fields out, and a field that nobody looks at is a place to hide a DELETE in.
//! This table was made from the parser's message definitions: every field that holds nodes is here, and a kind
//! that is not here is unknown, which makes the statement opaque. Kinds that only exist after analysis (`Var`,
//! `Query`, …) never come out of the parser and stay unknown on purpose.

use pg_query::{Node, NodeRef};

/// Makes the match: `Kind { lists of nodes; single nodes; fields of a fixed kind(Kind) }`.
macro_rules! children {
    ($node:expr, $visit:expr; $($kind:ident {
        $($many:ident)*; $($one:ident)*; $($field:ident($as:ident))*
    })*) => {
        match $node {
            $(NodeRef::$kind(_node) => {
                $(each(&_node.$many, $visit);)*
                $(if let Some(node) = &_node.$one { each(std::slice::from_ref(&**node), $visit); })*
                $(if let Some(node) = &_node.$field { $visit(NodeRef::$as(node)); })*
                true
            })*
            _ => false,
        }
    };
}

/// Hands every node directly below `node` to `visit`; false if the kind is unknown.
#[rustfmt::skip]
pub(super) fn children<'a>(node: NodeRef<'a>, visit: &mut dyn FnMut(NodeRef<'a>)) -> bool {
    children! { node, visit;
        Alias { colnames;;}
        RangeVar {;;}
        GroupingFunc { args refs;;}
        NamedArgExpr {; arg;}
        BoolExpr { args;;}
        SubLink { oper_name; testexpr subselect;}
        CaseExpr { args; arg defresult;}
        CaseWhen {; expr result;}
        RowExpr { args colnames;;}
        CoalesceExpr { args;;}
        MinMaxExpr { args;;}
        SqlvalueFunction {;;}
        XmlExpr { named_args arg_names args;;}
        NullTest {; arg;}
        BooleanTest {; arg;}
        SetToDefault {;;}
        CurrentOfExpr {;;}
        JoinExpr { using_clause; larg rarg quals;}
        IntoClause { col_names options;; rel(RangeVar) }
        RawStmt {; stmt;}
        InsertStmt { cols; select_stmt; relation(RangeVar) on_conflict_clause(OnConflictClause)
            returning_clause(ReturningClause) with_clause(WithClause) }
        DeleteStmt { using_clause; where_clause; relation(RangeVar) returning_clause(ReturningClause)
            with_clause(WithClause) }
        UpdateStmt { target_list from_clause; where_clause; relation(RangeVar) returning_clause(ReturningClause)
            with_clause(WithClause) }
        SelectStmt { distinct_clause target_list from_clause group_clause window_clause values_lists sort_clause
            locking_clause; where_clause having_clause limit_offset limit_count; into_clause(IntoClause)
            with_clause(WithClause) larg(SelectStmt) rarg(SelectStmt) }
        AlterTableStmt { cmds;; relation(RangeVar) }
        AlterTableCmd {; def; newowner(RoleSpec) }
        AlterDomainStmt { type_name; def;}
        GrantStmt { objects privileges grantees;; grantor(RoleSpec) }
        GrantRoleStmt { granted_roles grantee_roles opt;; grantor(RoleSpec) }
        AlterDefaultPrivilegesStmt { options;; action(GrantStmt) }
        ClosePortalStmt {;;}
        ClusterStmt { params;; relation(RangeVar) }
        CopyStmt { attlist options; query where_clause; relation(RangeVar) }
        CreateStmt { table_elts inh_relations constraints nnconstraints options;; relation(RangeVar)
            partbound(PartitionBoundSpec) partspec(PartitionSpec) of_typename(TypeName) }
        DefineStmt { defnames args definition;;}
        DropStmt { objects;;}
        TruncateStmt { relations;;}
        CommentStmt {; object;}
        FetchStmt {;;}
        IndexStmt { index_params index_including_params options exclude_op_names; where_clause; relation(RangeVar) }
        CreateFunctionStmt { funcname parameters options; sql_body; return_type(TypeName) }
        AlterFunctionStmt { actions;; func(ObjectWithArgs) }
        DoStmt { args;;}
        RenameStmt {; object; relation(RangeVar) }
        RuleStmt { actions; where_clause; relation(RangeVar) }
        NotifyStmt {;;}
        ListenStmt {;;}
        UnlistenStmt {;;}
        TransactionStmt { options;;}
        ViewStmt { aliases options; query; view(RangeVar) }
        LoadStmt {;;}
        CreateDomainStmt { domainname constraints;; type_name(TypeName) coll_clause(CollateClause) }
        CreatedbStmt { options;;}
        DropdbStmt { options;;}
        VacuumStmt { options rels;;}
        ExplainStmt { options; query;}
        CreateTableAsStmt {; query; into(IntoClause) }
        CreateSeqStmt { options;; sequence(RangeVar) }
        AlterSeqStmt { options;; sequence(RangeVar) }
        VariableSetStmt { args;;}
        VariableShowStmt {;;}
        DiscardStmt {;;}
        CreateTrigStmt { funcname args columns transition_rels; when_clause; relation(RangeVar) constrrel(RangeVar)
            }
        CreatePlangStmt { plhandler plinline plvalidator;;}
        CreateRoleStmt { options;;}
        AlterRoleStmt { options;; role(RoleSpec) }
        DropRoleStmt { roles;;}
        LockStmt { relations;;}
        ConstraintsSetStmt { constraints;;}
        ReindexStmt { params;; relation(RangeVar) }
        CheckPointStmt {;;}
        CreateSchemaStmt { schema_elts;; authrole(RoleSpec) }
        AlterDatabaseStmt { options;;}
        AlterDatabaseSetStmt {;; setstmt(VariableSetStmt) }
        AlterRoleSetStmt {;; role(RoleSpec) setstmt(VariableSetStmt) }
        CreateConversionStmt { conversion_name func_name;;}
        CreateCastStmt {;; sourcetype(TypeName) targettype(TypeName) func(ObjectWithArgs) }
        CreateOpClassStmt { opclassname opfamilyname items;; datatype(TypeName) }
        CreateOpFamilyStmt { opfamilyname;;}
        AlterOpFamilyStmt { opfamilyname items;;}
        PrepareStmt { argtypes; query;}
        ExecuteStmt { params;;}
        DeallocateStmt {;;}
        DeclareCursorStmt {; query;}
        CreateTableSpaceStmt { options;; owner(RoleSpec) }
        DropTableSpaceStmt {;;}
        AlterObjectDependsStmt {; object; relation(RangeVar) }
        AlterObjectSchemaStmt {; object; relation(RangeVar) }
        AlterOwnerStmt {; object; relation(RangeVar) newowner(RoleSpec) }
        AlterOperatorStmt { options;; opername(ObjectWithArgs) }
        AlterTypeStmt { type_name options;;}
        AtalterConstraint {;;}
        DropOwnedStmt { roles;;}
        ReassignOwnedStmt { roles;; newrole(RoleSpec) }
        CompositeTypeStmt { coldeflist;; typevar(RangeVar) }
        CreateEnumStmt { type_name vals;;}
        CreateRangeStmt { type_name params;;}
        AlterEnumStmt { type_name;;}
        AlterTsdictionaryStmt { dictname options;;}
        AlterTsconfigurationStmt { cfgname tokentype dicts;;}
        CreateFdwStmt { func_options options;;}
        AlterFdwStmt { func_options options;;}
        CreateForeignServerStmt { options;;}
        AlterForeignServerStmt { options;;}
        CreateUserMappingStmt { options;; user(RoleSpec) }
        AlterUserMappingStmt { options;; user(RoleSpec) }
        DropUserMappingStmt {;; user(RoleSpec) }
        AlterTableSpaceOptionsStmt { options;;}
        AlterTableMoveAllStmt { roles;;}
        SecLabelStmt {; object;}
        CreateForeignTableStmt { options;; base_stmt(CreateStmt) }
        ImportForeignSchemaStmt { table_list options;;}
        CreateExtensionStmt { options;;}
        AlterExtensionStmt { options;;}
        AlterExtensionContentsStmt {; object;}
        CreateEventTrigStmt { whenclause funcname;;}
        AlterEventTrigStmt {;;}
        RefreshMatViewStmt {;; relation(RangeVar) }
        ReplicaIdentityStmt {;;}
        AlterSystemStmt {;; setstmt(VariableSetStmt) }
        CreatePolicyStmt { roles; qual with_check; table(RangeVar) }
        AlterPolicyStmt { roles; qual with_check; table(RangeVar) }
        CreateTransformStmt {;; type_name(TypeName) fromsql(ObjectWithArgs) tosql(ObjectWithArgs) }
        CreateAmStmt { handler_name;;}
        CreatePublicationStmt { options pubobjects;;}
        AlterPublicationStmt { options pubobjects;;}
        CreateSubscriptionStmt { publication options;;}
        AlterSubscriptionStmt { publication options;;}
        DropSubscriptionStmt {;;}
        CreateStatsStmt { defnames stat_types exprs relations;;}
        AlterCollationStmt { collname;;}
        CallStmt { outargs;; funccall(FuncCall) }
        AlterStatsStmt { defnames; stxstattarget;}
        AExpr { name; lexpr rexpr;}
        ColumnRef { fields;;}
        ParamRef {;;}
        AConst {;;}
        FuncCall { funcname args agg_order; agg_filter; over(WindowDef) }
        AStar {;;}
        AIndices {; lidx uidx;}
        AIndirection { indirection; arg;}
        AArrayExpr { elements;;}
        ResTarget { indirection; val;}
        MultiAssignRef {; source;}
        TypeCast {; arg; type_name(TypeName) }
        CollateClause { collname; arg;}
        SortBy { use_op; node;}
        WindowDef { partition_clause order_clause; start_offset end_offset;}
        RangeSubselect {; subquery;}
        RangeFunction { functions coldeflist;;}
        RangeTableSample { method args; relation repeatable;}
        RangeTableFunc { namespaces columns; docexpr rowexpr;}
        RangeTableFuncCol {; colexpr coldefexpr; type_name(TypeName) }
        TypeName { names typmods array_bounds;;}
        ColumnDef { constraints fdwoptions; raw_default cooked_default; type_name(TypeName)
            identity_sequence(RangeVar) coll_clause(CollateClause) }
        IndexElem { collation opclass opclassopts; expr;}
        Constraint { keys including exclusions options fk_attrs pk_attrs fk_del_set_cols old_conpfeqop; raw_expr
            where_clause; pktable(RangeVar) }
        DefElem {; arg;}
        GroupingSet { content;;}
        ObjectWithArgs { objname objargs objfuncargs;;}
        AccessPriv { cols;;}
        CreateOpClassItem { order_family class_args;; name(ObjectWithArgs) storedtype(TypeName) }
        TableLikeClause {;; relation(RangeVar) }
        FunctionParameter {; defexpr; arg_type(TypeName) }
        LockingClause { locked_rels;;}
        XmlSerialize {; expr; type_name(TypeName) }
        WithClause { ctes;;}
        InferClause { index_elems; where_clause;}
        OnConflictClause { target_list; where_clause; infer(InferClause) }
        CommonTableExpr { aliascolnames ctecolnames ctecoltypes ctecoltypmods ctecolcollations; ctequery;
            search_clause(CtesearchClause) cycle_clause(CtecycleClause) }
        RoleSpec {;;}
        TriggerTransition {;;}
        PartitionElem { collation opclass; expr;}
        PartitionSpec { part_params;;}
        PartitionBoundSpec { listdatums lowerdatums upperdatums;;}
        PartitionRangeDatum {; value;}
        PartitionCmd {;; name(RangeVar) bound(PartitionBoundSpec) }
        VacuumRelation { va_cols;; relation(RangeVar) }
        Integer {;;}
        Float {;;}
        Boolean {;;}
        String {;;}
        BitString {;;}
        List { items;;}
        MergeStmt { merge_when_clauses; source_relation join_condition; relation(RangeVar)
            returning_clause(ReturningClause) with_clause(WithClause) }
        AlterDatabaseRefreshCollStmt {;;}
        ReturnStmt {; returnval;}
        ReturningClause { options exprs;;}
        ReturningOption {;;}
        PlassignStmt { indirection;; val(SelectStmt) }
        StatsElem {; expr;}
        CtesearchClause { search_col_list;;}
        CtecycleClause { cycle_col_list; cycle_mark_value cycle_mark_default;}
        MergeWhenClause { target_list values; condition;}
        PublicationObjSpec {;; pubtable(PublicationTable) }
        PublicationTable { columns; where_clause; relation(RangeVar) }
        JsonFormat {;;}
        JsonReturning {;;}
        JsonValueExpr {; raw_expr formatted_expr;}
        JsonIsPredicate {; expr;}
        JsonOutput {;; type_name(TypeName) }
        JsonKeyValue {; key; value(JsonValueExpr) }
        JsonObjectConstructor { exprs;; output(JsonOutput) }
        JsonArrayConstructor { exprs;; output(JsonOutput) }
        JsonArrayQueryConstructor {; query; output(JsonOutput) }
        JsonAggConstructor { agg_order; agg_filter; output(JsonOutput) over(WindowDef) }
        JsonObjectAgg {;; constructor(JsonAggConstructor) arg(JsonKeyValue) }
        JsonArrayAgg {;; constructor(JsonAggConstructor) arg(JsonValueExpr) }
        MergeSupportFunc {;;}
        JsonBehavior {; expr;}
        JsonArgument {;; val(JsonValueExpr) }
        JsonFuncExpr { passing; pathspec; context_item(JsonValueExpr) output(JsonOutput) on_empty(JsonBehavior)
            on_error(JsonBehavior) }
        JsonTablePathSpec {; string;}
        JsonTable { passing columns;; context_item(JsonValueExpr) pathspec(JsonTablePathSpec) on_error(JsonBehavior)
            }
        JsonTableColumn { columns;; type_name(TypeName) pathspec(JsonTablePathSpec) on_empty(JsonBehavior)
            on_error(JsonBehavior) }
        JsonParseExpr {;; expr(JsonValueExpr) output(JsonOutput) }
        JsonScalarExpr {; expr; output(JsonOutput) }
        JsonSerializeExpr {;; expr(JsonValueExpr) output(JsonOutput) }
    }
}

/// The nodes of a list; an empty place (`a[:]`, a missing argument) holds nothing.
pub(super) fn nodes(list: &[Node]) -> impl Iterator<Item = NodeRef<'_>> {
    list.iter().filter_map(|node| node.node.as_ref()).map(pg_query::NodeEnum::to_ref)
}

/// The node in an optional field.
pub(super) fn node(field: Option<&Node>) -> Option<NodeRef<'_>> {
    field.and_then(|node| node.node.as_ref()).map(pg_query::NodeEnum::to_ref)
}

fn each<'a>(list: &'a [Node], visit: &mut dyn FnMut(NodeRef<'a>)) {
    for node in nodes(list) {
        visit(node);
    }
}
