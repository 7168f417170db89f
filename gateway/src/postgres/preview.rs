//! What a held statement would touch, for whoever decides: the plan, the rows, what cascades and what fires.
//!
//! Nothing is run. The plan is asked for over the gateway's own read-only connection, with plain EXPLAIN in one message of
//! the extended protocol, which takes a single statement: no text can end the EXPLAIN and begin something else.

use std::time::Duration;

use tokio::time::timeout;
use workflows::operation::{Kind, Object, Operation};

use crate::dialect::{Ask, Text, Told};
use crate::postgres::catalog::Catalog;
use crate::postgres::side::{Rows, Side, SideError, Way};
use crate::postgres::wire::Bind;

/// How long a preview may take in all.
const WITHIN: Duration = Duration::from_millis(1500);
/// How many lines are shown at the most.
const LINES: usize = 24;

/// Tables that follow when rows of `$1` go, up to five steps away.
const CASCADES: &str = "WITH RECURSIVE follow AS (\
    SELECT c.conname, c.conrelid, c.confdeltype, 1 AS depth FROM pg_catalog.pg_constraint c \
    WHERE c.contype = 'f' AND c.confrelid = pg_catalog.to_regclass($1) AND c.confdeltype IN ('c', 'n', 'd') \
    UNION ALL SELECT c.conname, c.conrelid, c.confdeltype, f.depth + 1 FROM pg_catalog.pg_constraint c \
    JOIN follow f ON c.confrelid = f.conrelid \
    WHERE c.contype = 'f' AND f.confdeltype = 'c' AND c.confdeltype IN ('c', 'n', 'd') AND f.depth < 5) \
    SELECT DISTINCT f.conname, f.conrelid::pg_catalog.regclass::pg_catalog.text, f.confdeltype, t.reltuples::pg_catalog.int8 \
    FROM follow f JOIN pg_catalog.pg_class t ON t.oid = f.conrelid ORDER BY 2, 1 LIMIT 10";
/// Triggers of `$1` that the event (a bit of tgtype) fires.
const TRIGGERS: &str = "SELECT tgname FROM pg_catalog.pg_trigger WHERE tgrelid = pg_catalog.to_regclass($1) \
    AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & $2::pg_catalog.int2 <> 0 ORDER BY 1 LIMIT 10";
const SIZE: &str =
    "SELECT reltuples::pg_catalog.int8 FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass($1)";

/// `syntax_error`, see <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
const SYNTAX_ERROR: &str = "42601";

/// What the server says against a text that our own parser could not read, if its parser can't either. The text is
/// parsed there and not run; several statements, and those that a newer parser knows, are no mistake.
pub(super) async fn mistake(way: &Way, text: &[u8]) -> Option<Told> {
    let parse = async { way.open(WITHIN).await?.parse(text).await };
    match timeout(WITHIN, parse).await {
        // Without a place in the text it is not its words that are wrong but how many statements there are.
        Ok(Err(SideError::Server(error))) if error.code == SYNTAX_ERROR && error.position.is_some() => {
            Some(Told { code: SYNTAX_ERROR, message: error.message, position: error.position, ..Told::default() })
        }
        _ => None,
    }
}

/// The lines for all that a turn runs.
pub(super) async fn lines(way: &Way, _catalog: &Catalog, asks: Vec<Ask>, raw: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    match timeout(WITHIN, gather(way, &asks, raw, &mut all)).await {
        Ok(Ok(())) => {}
        Ok(Err(SideError::Server(_))) => all.push("no preview: the target refused to plan it".to_owned()),
        Ok(Err(error)) => all.push(format!("no preview: {error}")),
        Err(_) => all.push("no preview: it took too long".to_owned()),
    }
    if all.len() > LINES {
        all.truncate(LINES);
        all.push("…".to_owned());
    }
    all
}

async fn gather(way: &Way, asks: &[Ask], raw: &[u8], all: &mut Vec<String>) -> Result<(), SideError> {
    let mut side = way.open(WITHIN).await?;
    for ask in asks {
        let one =
            ask.classified.operations.first().filter(|_| ask.classified.statements == 1 && ask.inner.is_empty());
        let Some(operation) = one else {
            all.push("no preview: several statements, or one that is not in the text".to_owned());
            continue;
        };
        match operation.verb.as_str() {
            "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "MERGE" => {
                all.push(plan(&mut side, ask, raw, operation).await?);
            }
            "TRUNCATE" | "DROP TABLE" => {}
            verb => {
                all.push(format!("no preview for {verb}"));
                continue;
            }
        }
        follow(&mut side, operation, all).await?;
    }
    Ok(())
}

/// The plan in one line. A statement that cannot be planned is a line as well: that is worth knowing.
async fn plan(side: &mut Side, ask: &Ask, raw: &[u8], operation: &Operation) -> Result<String, SideError> {
    let statement: &[u8] = match &ask.text {
        Text::Here(range) => raw.get(range.clone()).unwrap_or_default(),
        Text::Kept(text) => text,
        Text::Nothing => &[],
    };
    let text = [b"EXPLAIN (COSTS TRUE, FORMAT TEXT) ", statement].concat();
    let bind = ask.bound.as_deref().and_then(|bind| Bind::read(bind).ok());
    side.rows("BEGIN READ ONLY", &[]).await?;
    side.rows("SET LOCAL statement_timeout = '1s'", &[]).await?;
    let rows = match &bind {
        Some(bind) => side.bound(&text, ask.types.as_deref().unwrap_or_default(), |to| bind.tail(to)).await,
        None => side.rows_raw(&text).await,
    };
    let line = match rows {
        Ok(rows) => planned(&rows, operation),
        // The server's words are not repeated: planning runs functions, and their errors carry data that is masked.
        Err(SideError::Server(_)) => "no plan: the target refused to plan it".to_owned(),
        Err(other) => return Err(other),
    };
    side.rows("ROLLBACK", &[]).await?;
    Ok(line)
}

fn planned(rows: &Rows, operation: &Operation) -> String {
    let lines: Vec<&str> = rows.iter().filter_map(|row| row.first()?.as_deref()).collect();
    // The node of a change itself says 0 rows; the one below it says how many it changes.
    let estimate = |line: &&str| line.split_once("rows=")?.1.split(' ').next()?.parse::<u64>().ok();
    let changes = operation.verb != "SELECT";
    let mut estimates = lines.iter().filter_map(estimate);
    let first = estimates.next();
    let about = if changes { estimates.next().or(first) } else { first }.unwrap_or(0);
    let does = match operation.verb.as_str() {
        "DELETE" => "deletes",
        "UPDATE" => "updates",
        "INSERT" => "inserts",
        "MERGE" => "merges",
        _ => "reads",
    };
    let tables: Vec<String> = tables(operation, changes).map(Object::path).collect();
    let scan =
        lines.iter().find(|line| line.contains("Scan")).map_or("", |line| line.trim_start_matches([' ', '-', '>']));
    let scan = scan.split("  (").next().unwrap_or_default();
    let scan = if scan.is_empty() { String::new() } else { format!(" ({scan})") };
    format!(
        "plan: {does} about {about} rows of {}{scan}",
        if tables.is_empty() { "?".to_owned() } else { tables.join(", ") }
    )
}

fn tables(operation: &Operation, written: bool) -> impl Iterator<Item = &Object> {
    operation.on.iter().filter(move |object| object.kind == Kind::Relation && object.written == written)
}

/// What follows from a change: sizes, cascades, triggers.
async fn follow(side: &mut Side, operation: &Operation, all: &mut Vec<String>) -> Result<(), SideError> {
    // Bits of pg_trigger.tgtype.
    let event = match operation.verb.as_str() {
        "INSERT" => "4",
        "DELETE" => "8",
        "UPDATE" => "16",
        "TRUNCATE" => "32",
        "MERGE" => "28",
        _ => "0",
    };
    let goes = matches!(operation.verb.as_str(), "DELETE" | "MERGE");
    for table in tables(operation, true).take(5) {
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let schema = table.schema.as_deref().map(|schema| format!("{}.", quoted(schema))).unwrap_or_default();
        let name = format!("{schema}{}", quoted(&table.name));
        let cell = |row: &[Option<String>], at: usize| row.get(at).cloned().flatten().unwrap_or_default();
        if matches!(operation.verb.as_str(), "TRUNCATE" | "DROP TABLE") {
            let rows = side.rows(SIZE, &[&name]).await?;
            let size = rows.first().map(|row| cell(row, 0)).filter(|size| size != "-1");
            let size = size.map_or_else(|| "an unknown number of".to_owned(), |size| format!("about {size}"));
            all.push(format!("removes all of {}: {size} rows", table.path()));
        }
        if goes {
            for row in side.rows(CASCADES, &[&name]).await? {
                let (key, to, how, size) = (cell(&row, 0), cell(&row, 1), cell(&row, 2), cell(&row, 3));
                let does = if how == "c" { "cascades to" } else { "clears references in" };
                let size = if size == "-1" { "size unknown".to_owned() } else { format!("about {size} rows in all") };
                all.push(format!("{does} {to} ({key}, {size})"));
            }
        }
        for row in side.rows(TRIGGERS, &[&name, event]).await? {
            all.push(format!("fires trigger {} on {}", cell(&row, 0), table.path()));
        }
    }
    Ok(())
}
