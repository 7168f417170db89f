//! What a name in a text may hide: views, the children of tables, and the planner's samples.

use std::collections::HashMap;

use workflows::verdict::Mask;

use super::text;
use crate::postgres::side::{Side, SideError};

/// Every view with every column and table that it is made of, through other views: what a name in a text may hide.
const VIEWS: &str = "WITH RECURSIVE made(view, name, of, number) AS (\
    SELECT v.oid, v.relname, d.refobjid, d.refobjsubid FROM pg_catalog.pg_class v \
    JOIN pg_catalog.pg_rewrite r ON r.ev_class = v.oid \
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid \
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> v.oid \
    WHERE v.relkind IN ('v', 'm') AND v.oid >= 16384 \
    UNION SELECT m.view, m.name, d.refobjid, d.refobjsubid FROM made m \
    JOIN pg_catalog.pg_rewrite r ON r.ev_class = m.of \
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid \
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> m.of) \
    SELECT DISTINCT m.name, n.nspname, c.relname, coalesce(a.attname, '') FROM made m \
    JOIN pg_catalog.pg_class c ON c.oid = m.of JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = m.of AND a.attnum = m.number AND m.number > 0 LIMIT 50001";
/// Every child and partition with the tables above it.
const CHILDREN: &str = "WITH RECURSIVE up(child, above) AS (SELECT inhrelid, inhparent FROM pg_catalog.pg_inherits \
    UNION SELECT up.child, i.inhparent FROM pg_catalog.pg_inherits i JOIN up ON i.inhrelid = up.above) \
    SELECT DISTINCT c.relname, n.nspname, p.relname FROM up JOIN pg_catalog.pg_class c ON c.oid = up.child \
    JOIN pg_catalog.pg_class p ON p.oid = up.above JOIN pg_catalog.pg_namespace n ON n.oid = p.relnamespace \
    WHERE c.relkind NOT IN ('i', 'I') LIMIT 50001";

/// Where the planner keeps samples of what stands in the tables.
const STATISTICS: [&str; 5] =
    ["pg_stats", "pg_statistic", "pg_stats_ext", "pg_stats_ext_exprs", "pg_statistic_ext_data"];

/// Whether a relation of this name holds samples of other tables' values. The schema does not matter: doubt hides.
pub(super) fn is_statistics(name: &str) -> bool {
    STATISTICS.iter().any(|one| one.eq_ignore_ascii_case(name))
}

/// One thing that a view is made of. Without a column: the whole table.
#[derive(Debug)]
struct Made {
    schema: String,
    table: String,
    column: Option<String>,
}

/// Views and children by their names in lower case.
#[derive(Debug)]
pub(super) struct Names {
    views: HashMap<String, Vec<Made>>,
    /// The schema and the name of each table above.
    above: HashMap<String, Vec<(String, String)>>,
}

impl Names {
    /// Asks for them all. `None` if there are more than are kept.
    pub(super) async fn learn(side: &mut Side, most: usize) -> Result<Option<Self>, SideError> {
        let (views, children) = (side.rows(VIEWS, &[]).await?, side.rows(CHILDREN, &[]).await?);
        if views.len() > most || children.len() > most {
            return Ok(None);
        }
        let mut names = Self { views: HashMap::new(), above: HashMap::new() };
        for row in &views {
            let column = Some(text(row, 3)).filter(|column| !column.is_empty());
            let made = Made { schema: text(row, 1), table: text(row, 2), column };
            names.views.entry(text(row, 0).to_lowercase()).or_default().push(made);
        }
        for row in &children {
            names.above.entry(text(row, 0).to_lowercase()).or_default().push((text(row, 1), text(row, 2)));
        }
        Ok(Some(names))
    }

    pub(super) fn is_masked_view(&self, mask: &Mask, name: &str) -> bool {
        let made = self.views.get(&name.to_lowercase());
        is_statistics(name)
            || made.is_some_and(|made| made.iter().any(|made| is_statistics(&made.table) || self.of(mask, made)))
    }

    fn of(&self, mask: &Mask, made: &Made) -> bool {
        let column = made.column.as_deref();
        matches(mask, &made.schema, &made.table, column) || self.is_masked_above(mask, &made.table, column)
    }

    pub(super) fn is_masked_above(&self, mask: &Mask, name: &str, column: Option<&str>) -> bool {
        let mut above = self.above.get(&name.to_lowercase()).into_iter().flatten();
        above.any(|(schema, table)| matches(mask, schema, table, column))
    }
}

/// Whether this column is masked, or, without one, whether the table may have one that is.
fn matches(mask: &Mask, schema: &str, table: &str, column: Option<&str>) -> bool {
    mask.columns.iter().any(|pattern| match column {
        Some(column) => pattern.matches(Some(schema), Some(table), column),
        None => pattern.table.as_ref().is_none_or(|name| *name == table.to_lowercase()),
    })
}
