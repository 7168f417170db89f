//! Functions of the server and its extensions that do more than read, as data.
//!
//! A function is known here by its bare name, whatever schema was written in front: a stricter answer for somebody
//! else's `nextval` costs an approval, a milder one for `ext.dblink_exec` costs the database. Functions that users
//! wrote are not here: their names are in the operation for rules to compare, and the target's read-only
//! transaction is the second lock.

use workflows::operation::Act;

/// What calling a function does beyond reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The call is this act.
    Does(Act),
    /// Changes large objects.
    LargeObject,
    /// Reads large objects; noted as an object, still a read.
    ReadsLargeObject,
    /// Runs the SQL text in the argument of this number.
    RunsText(usize),
    /// Reads the relation whose name is the argument of this number.
    ReadsRelation(usize),
    /// Reads or runs what its arguments name, in a way that no single argument shows.
    Hidden,
    /// `set_config`: judged by the setting that it sets.
    Setting,
}

use Act::{Administer, Define, Execute, Write};

/// Groups of names with one effect.
#[rustfmt::skip]
const TABLE: &[(Effect, &[&str])] = &[
    (Effect::Setting, &["set_config"]),
    // Sequences, and rows that functions write. Restoring statistics writes catalog rows.
    (Effect::Does(Write), &[
        "nextval", "setval", "pg_logical_emit_message", "brin_summarize_new_values", "brin_summarize_range",
        "brin_desummarize_range", "gin_clean_pending_list", "pg_clear_relation_stats", "pg_clear_attribute_stats",
        "pg_restore_relation_stats", "pg_restore_attribute_stats", "pg_truncate_visibility_map",
    ]),
    (Effect::LargeObject, &[
        "lo_create", "lo_creat", "lo_unlink", "lo_from_bytea", "lo_put", "lowrite", "lo_truncate", "lo_truncate64",
        "lo_manage",
    ]),
    // lo_open can open for writing; the server refuses that itself in a read-only transaction.
    (Effect::ReadsLargeObject, &["lo_get", "loread", "lo_open", "lo_lseek", "lo_tell", "lo_close"]),
    // Files and programs of the server, and other machines that are reached from it.
    (Effect::Does(Execute), &[
        "lo_import", "lo_export", "pg_read_file", "pg_read_file_old", "pg_read_binary_file", "pg_stat_file",
        "pg_ls_dir", "pg_ls_logdir", "pg_ls_waldir", "pg_ls_tmpdir", "pg_ls_archive_statusdir", "pg_ls_logicalsnapdir",
        "pg_ls_logicalmapdir", "pg_ls_replslotdir", "pg_ls_summariesdir", "pg_file_read", "pg_file_write",
        "pg_file_sync", "pg_file_rename", "pg_file_unlink", "pg_file_length", "pg_logdir_ls", "pg_logfile_rotate",
        "dblink", "dblink_connect", "dblink_connect_u", "dblink_disconnect", "dblink_exec", "dblink_open",
        "dblink_fetch", "dblink_close", "dblink_send_query", "dblink_get_result", "dblink_cancel_query",
        "dblink_build_sql_insert", "dblink_build_sql_update", "dblink_build_sql_delete", "dblink_get_connections",
        "dblink_error_message", "dblink_is_busy", "dblink_get_notify", "dblink_get_pkey", "dblink_current_query",
        "query_export_to_s3", "table_import_from_s3", "http", "http_get", "http_post", "http_put", "http_delete",
        "http_patch", "http_head", "get_raw_page", "heap_page_items", "pg_get_wal_records_info",
    ]),
    (Effect::Does(Define), &["pg_import_system_collations", "pg_extension_config_dump"]),
    // The server, its sessions, its log, its replication.
    (Effect::Does(Administer), &[
        "pg_terminate_backend", "pg_cancel_backend", "pg_reload_conf", "pg_rotate_logfile", "pg_rotate_logfile_old",
        "pg_promote", "pg_switch_wal", "pg_switch_xlog", "pg_create_restore_point", "pg_start_backup",
        "pg_stop_backup", "pg_backup_start", "pg_backup_stop", "pg_wal_replay_pause", "pg_wal_replay_resume",
        "pg_xlog_replay_pause", "pg_xlog_replay_resume", "pg_log_backend_memory_contexts", "pg_log_standby_snapshot",
        "pg_create_physical_replication_slot", "pg_create_logical_replication_slot", "pg_drop_replication_slot",
        "pg_copy_physical_replication_slot", "pg_copy_logical_replication_slot", "pg_replication_slot_advance",
        "pg_sync_replication_slots", "pg_logical_slot_get_changes", "pg_logical_slot_peek_changes",
        "pg_logical_slot_get_binary_changes", "pg_logical_slot_peek_binary_changes", "pg_stop_making_pinned_objects",
        "pg_nextoid", "heap_force_kill", "heap_force_freeze", "pg_stat_statements_reset", "cron.schedule",
        "cron.schedule_in_database", "cron.unschedule", "cron.alter_job", "pg_prewarm", "pg_buffercache_evict",
        "pg_buffercache_evict_all", "pg_buffercache_evict_relation", "postgres_fdw_disconnect_all",
    ]),
    (Effect::RunsText(0), &[
        "query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "ts_stat", "crosstab2", "crosstab3",
        "crosstab4", "crosstab_hash",
    ]),
    (Effect::ReadsRelation(0), &["table_to_xml", "table_to_xmlschema", "table_to_xml_and_xmlschema"]),
    // Several texts, names glued into SQL, whole schemas, whole databases: no argument tells it all.
    (Effect::Hidden, &[
        "schema_to_xml", "schema_to_xmlschema", "schema_to_xml_and_xmlschema", "database_to_xml",
        "database_to_xmlschema", "database_to_xml_and_xmlschema", "cursor_to_xml", "cursor_to_xmlschema", "connectby",
        "xpath_table", "ts_rewrite", "crosstab", "pg_background_launch", "plpgsql_check_function",
        "plpgsql_check_function_tb",
    ]),
];

/// Families that grow with each release of the server.
const FAMILIES: &[(&str, Effect)] = &[
    ("pg_stat_reset", Effect::Does(Administer)),
    ("pg_replication_origin_", Effect::Does(Administer)),
    ("binary_upgrade_", Effect::Does(Administer)),
    ("pg_ls_", Effect::Does(Execute)),
    ("dblink_", Effect::Does(Execute)),
    ("lo_import", Effect::Does(Execute)),
];

/// Functions whose result carries nothing of what they count over.
pub(super) const COUNTS: &[&str] = &["count"];

/// Aggregates that make one row of many and keep one value.
#[rustfmt::skip]
pub(super) const AGGREGATES: &[&str] = &[
    "count", "sum", "avg", "min", "max", "bool_and", "bool_or", "every", "stddev", "stddev_pop", "stddev_samp",
    "variance", "var_pop", "var_samp", "bit_and", "bit_or", "corr", "covar_pop", "covar_samp",
];

/// What a call of this function does; `None` where it only computes or reads, as far as its name tells.
pub(super) fn effect(name: &[String]) -> Option<Effect> {
    let bare = name.last()?.as_str();
    let path = name.join(".");
    let listed = TABLE.iter().find(|(_, names)| names.iter().any(|known| *known == bare || *known == path));
    listed
        .map(|(effect, _)| *effect)
        .or_else(|| FAMILIES.iter().find(|(prefix, _)| bare.starts_with(prefix)).map(|(_, effect)| *effect))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Option<Effect> {
        effect(&name.split('.').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_schema_in_front_does_not_hide_a_function() {
        assert_eq!(of("pg_catalog.pg_read_file"), Some(Effect::Does(Execute)));
        assert_eq!(of("ext.dblink_exec"), Some(Effect::Does(Execute)));
        assert_eq!(of("pg_stat_reset_slru"), Some(Effect::Does(Administer)));
        assert_eq!(of("cron.schedule"), Some(Effect::Does(Administer)));
    }

    #[test]
    fn names_are_compared_as_the_server_folds_them() {
        assert_eq!(of("PG_READ_FILE"), None);
        assert_eq!(of("schedule"), None);
        assert_eq!(of("count"), None);
    }

    #[test]
    fn no_function_has_two_effects() {
        let mut all: Vec<&str> = TABLE.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let before = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(before, all.len());
    }
}
