//! What the tables of a target are called, and what its views are made of: the server names the origin of a result's
//! column by numbers only. Asked over the gateway's own connection, kept for a minute, bounded in time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use workflows::target::TargetName;
use workflows::verdict::Mask;

use crate::postgres::extended::Column;
use crate::postgres::side::{Side, SideError, Way};

use self::names::Names;

mod names;

/// How long an answer counts. A table that is renamed may keep its old name for as long.
const FRESH: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 60 });
/// How long a failure counts: long enough that it costs one wait, not one a row.
const FAILED: Duration = Duration::from_secs(5);
/// How long a look-up may take in all.
const WITHIN: Duration = Duration::from_secs(3);
/// How many tables are kept per target.
const MOST: usize = 50_000;
/// How deep views may lie in views.
const DEEP: usize = 16;

const RELATION: &str = "SELECT n.nspname, c.relname, c.relkind FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::pg_catalog.oid";
const ATTRIBUTES: &str = "SELECT attnum, attname, atttypid, attgenerated FROM pg_catalog.pg_attribute \
    WHERE attrelid = $1::pg_catalog.oid AND NOT attisdropped AND attnum > 0 ORDER BY attnum";
const PARENTS: &str = "WITH RECURSIVE up(oid) AS (SELECT inhparent FROM pg_catalog.pg_inherits \
    WHERE inhrelid = $1::pg_catalog.oid UNION SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN up ON i.inhrelid = up.oid) \
    SELECT n.nspname, c.relname FROM up JOIN pg_catalog.pg_class c ON c.oid = up.oid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace";
const READS: &str = "SELECT DISTINCT d.refobjid, d.refobjsubid FROM pg_catalog.pg_rewrite r \
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid \
    WHERE r.ev_class = $1::pg_catalog.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
    AND d.refobjid <> r.ev_class";
const DEFINITION: &str = "SELECT pg_catalog.pg_get_viewdef($1::pg_catalog.oid)";
const FIND: &str = "SELECT pg_catalog.to_regclass($1)::pg_catalog.oid";

/// A column of a table.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) number: u16,
    pub(super) name: Box<str>,
    pub(super) kind: u32,
    /// Computed from others, and so no part of a COPY.
    pub(super) generated: bool,
}

/// A table, a view, or what else rows come from.
#[derive(Debug)]
pub(super) struct Relation {
    schema: String,
    name: String,
    pub(super) columns: Vec<Attribute>,
    /// Tables that it is a partition or a child of: what is masked there is masked here.
    parents: Vec<(String, String)>,
    view: Option<View>,
}

/// What a view is made of.
#[derive(Debug)]
struct View {
    /// Where each of its columns comes from, if the server can tell.
    origins: HashMap<u16, (u32, u16)>,
    /// All that it reads; a column of 0 stands for a whole table.
    reads: Vec<(u32, u16)>,
}

/// What is known of an oid.
#[derive(Clone, Debug)]
pub(super) enum Known {
    /// It is this.
    Relation(Arc<Relation>),
    /// Our own connection cannot see it: it is temporary, not committed yet, or the look-up failed.
    Nothing,
}

#[derive(Debug, Default)]
struct Entries {
    tables: HashMap<u32, (Instant, Known)>,
    /// All views and children; nothing where the look-up failed.
    names: Option<(Instant, Option<Arc<Names>>)>,
}

/// In a list of tables to learn: all views. No table has this oid.
pub(super) const VIEWS_OF_ALL: u32 = 0;

/// The catalogs of all targets. Cheap to clone; a gateway has one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalogs(Arc<Mutex<HashMap<Place, Shared>>>);

/// A name may come to mean another database when the file changes.
type Place = (TargetName, String, String);

type Shared = Arc<Mutex<Entries>>;

impl Catalogs {
    /// The catalog of a target, asked with this login.
    pub(super) fn of(&self, way: Way) -> Catalog {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let target = &way.target;
        let place = (target.name.clone(), target.address.clone(), target.database.clone());
        let entries = Arc::clone(all.entry(place).or_default());
        Catalog { entries, way }
    }
}

/// One target's catalog.
#[derive(Clone, Debug)]
pub(super) struct Catalog {
    entries: Shared,
    way: Way,
}

impl Catalog {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a table.
    pub(super) fn known(&self, oid: u32) -> Option<Known> {
        let entries = self.entries();
        let (at, known) = entries.tables.get(&oid)?;
        let fresh = match known {
            Known::Relation(_) => FRESH,
            Known::Nothing => FAILED,
        };
        (at.elapsed() < fresh).then(|| known.clone())
    }

    /// Whether an answer, good or bad, is at hand.
    pub(super) fn has(&self, oid: u32) -> bool {
        self.known(oid).is_some()
    }

    /// Until when what is known of a table counts, if anything is.
    pub(super) fn until(&self, oid: u32) -> Option<Instant> {
        let entries = self.entries();
        let since = match oid {
            VIEWS_OF_ALL => entries.names.as_ref().filter(|(_, names)| names.is_some()).map(|(at, _)| *at),
            oid => {
                entries.tables.get(&oid).filter(|(_, known)| matches!(known, Known::Relation(_))).map(|(at, _)| *at)
            }
        };
        since.map(|at| at + FRESH)
    }

    /// Forgets everything: somebody changes the schema.
    pub(super) fn forget(&self) {
        *self.entries() = Entries::default();
    }

    /// Whether an answer about views, good or bad, is at hand.
    pub(super) fn has_views(&self) -> bool {
        let entries = self.entries();
        let fresh =
            |(at, names): &(Instant, Option<Arc<Names>>)| at.elapsed() < if names.is_some() { FRESH } else { FAILED };
        entries.names.as_ref().is_some_and(fresh)
    }

    /// Whether a relation of this name, in whatever schema, shows under names of its own what is masked: a view that is
    /// made of it, or the planner's samples. Where nobody knows the views, every name may be one.
    pub(super) fn is_masked_view(&self, mask: &Mask, name: &str) -> bool {
        self.names().is_none_or(|names| names.is_masked_view(mask, name))
    }

    /// Whether a column of a relation of this name, in whatever schema, is masked by the name of a table above it.
    pub(super) fn is_masked_above(&self, mask: &Mask, name: &str, column: Option<&str>) -> bool {
        self.names().is_none_or(|names| names.is_masked_above(mask, name, column))
    }

    fn names(&self) -> Option<Arc<Names>> {
        self.entries().names.as_ref().and_then(|(_, names)| names.clone())
    }

    async fn learn_names(&self) {
        let work = async { Names::learn(&mut self.way.open(WITHIN).await?, MOST).await };
        let names = timeout(WITHIN, work).await.ok().and_then(Result::ok).flatten();
        self.entries().names = Some((Instant::now(), names.map(Arc::new)));
    }

    /// Looks tables up, views and all that they are made of included. What fails is noted as unknown. Cancel-safe.
    pub(super) async fn learn(&self, oids: &[u32]) {
        if oids.contains(&VIEWS_OF_ALL) && !self.has_views() {
            self.learn_names().await;
        }
        let new = |oid: &u32| *oid != VIEWS_OF_ALL && !self.has(*oid);
        let wanted: Vec<u32> = oids.iter().copied().filter(new).collect();
        if wanted.is_empty() {
            return;
        }
        if !matches!(timeout(WITHIN, self.learn_all(&wanted)).await, Ok(Ok(()))) {
            tracing::warn!(target.name = %self.way.target.name, "the target's catalog could not be read");
        }
        for oid in wanted {
            if !self.has(oid) {
                self.note(oid, Known::Nothing);
            }
        }
    }

    fn note(&self, oid: u32, known: Known) {
        let mut entries = self.entries();
        if entries.tables.len() >= MOST {
            entries.tables.clear();
        }
        entries.tables.insert(oid, (Instant::now(), known));
    }

    async fn learn_all(&self, oids: &[u32]) -> Result<(), SideError> {
        let mut side = self.way.open(WITHIN).await?;
        let mut wanted: Vec<(u32, usize)> = oids.iter().map(|oid| (*oid, 0)).collect();
        while let Some((oid, depth)) = wanted.pop() {
            if depth > DEEP || self.has(oid) {
                continue;
            }
            let known = match relation(&mut side, oid).await? {
                Some(relation) => {
                    let below = relation.view.iter().flat_map(|view| &view.reads);
                    wanted.extend(below.map(|(oid, _)| (*oid, depth + 1)));
                    Known::Relation(Arc::new(relation))
                }
                None => Known::Nothing,
            };
            self.note(oid, known);
        }
        Ok(())
    }

    /// Finds a table by the name that was written, as this login resolves it. Cancel-safe.
    pub(super) async fn find(&self, schema: Option<&str>, name: &str) -> Option<(u32, Arc<Relation>)> {
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let path = schema.map_or_else(|| quoted(name), |schema| format!("{}.{}", quoted(schema), quoted(name)));
        let work = async {
            let mut side = self.way.open(WITHIN).await.ok()?;
            let rows = side.rows(FIND, &[&path]).await.ok()?;
            rows.first()?.first()?.as_ref()?.parse().ok()
        };
        let oid: u32 = timeout(WITHIN, work).await.ok()??;
        self.learn(&[oid]).await;
        match self.known(oid)? {
            Known::Relation(relation) => Some((oid, relation)),
            Known::Nothing => None,
        }
    }

    /// The columns that a query would give. Cancel-safe.
    pub(super) async fn describe(&self, query: &str) -> Option<Box<[Column]>> {
        let work = async { self.way.open(WITHIN).await?.describe(query).await };
        timeout(WITHIN, work).await.ok()?.ok()
    }

    /// Whether a column is masked: by its own name, by that of a table above, or by what a view makes it from.
    pub(super) fn is_masked(&self, mask: &Mask, oid: u32, column: u16) -> bool {
        self.masked(mask, oid, column, 0)
    }

    fn masked(&self, mask: &Mask, oid: u32, column: u16, depth: usize) -> bool {
        let Some(Known::Relation(relation)) = self.known(oid).filter(|_| depth <= DEEP) else { return true };
        if names::is_statistics(&relation.name) {
            return true;
        }
        let known = |known: &&Attribute| known.number == column;
        let Some(name) = relation.columns.iter().find(known).map(|known| known.name.as_ref()) else {
            // A whole row has all its columns. System columns tell which row it is, so they go with it. A column that
            // came after our look is masked until the next one.
            return (column != 0 && column < 0x8000) || self.any_of(mask, oid, depth + 1);
        };
        let own = std::iter::once((&relation.schema, &relation.name));
        let mut tables = own.chain(relation.parents.iter().map(|(schema, name)| (schema, name)));
        let by_name = tables.any(|(schema, table)| {
            mask.columns.iter().any(|pattern| pattern.matches(Some(schema), Some(table), name))
        });
        if by_name {
            return true;
        }
        let Some(view) = &relation.view else { return false };
        match view.origins.get(&column) {
            Some((oid, column)) => self.masked(mask, *oid, *column, depth + 1),
            // An expression: clean only if the view reads nothing that is masked.
            None => view.reads.iter().any(|(oid, column)| match column {
                0 => self.any_of(mask, *oid, depth + 1),
                column => self.masked(mask, *oid, *column, depth + 1),
            }),
        }
    }

    fn any_of(&self, mask: &Mask, oid: u32, depth: usize) -> bool {
        match self.known(oid) {
            Some(Known::Relation(relation)) => {
                relation.columns.iter().any(|column| self.masked(mask, oid, column.number, depth))
            }
            Some(Known::Nothing) | None => true,
        }
    }
}

fn number<T: std::str::FromStr>(row: &[Option<String>], at: usize) -> Option<T> {
    row.get(at)?.as_deref()?.parse().ok()
}

fn text(row: &[Option<String>], at: usize) -> String {
    row.get(at).cloned().flatten().unwrap_or_default()
}

/// Reads one table. `None` if there is none that our connection can see.
async fn relation(side: &mut Side, oid: u32) -> Result<Option<Relation>, SideError> {
    let id = oid.to_string();
    let rows = side.rows(RELATION, &[&id]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (schema, name, kind) = (text(row, 0), text(row, 1), text(row, 2));
    let columns = side.rows(ATTRIBUTES, &[&id]).await?;
    let columns = columns.iter().filter_map(|row| {
        let (number, kind, generated) = (number(row, 0)?, number(row, 2)?, !text(row, 3).is_empty());
        Some(Attribute { number, name: text(row, 1).into(), kind, generated })
    });
    let columns = columns.collect();
    let parents = side.rows(PARENTS, &[&id]).await?;
    let parents = parents.iter().map(|row| (text(row, 0), text(row, 1))).collect();
    let view = if kind == "v" || kind == "m" { Some(view(side, &id).await?) } else { None };
    Ok(Some(Relation { schema, name, columns, parents, view }))
}

async fn view(side: &mut Side, id: &str) -> Result<View, SideError> {
    let reads = side.rows(READS, &[id]).await?;
    let reads = reads.iter().filter_map(|row| Some((number(row, 0)?, number(row, 1)?))).collect();
    let definition = side.rows(DEFINITION, &[id]).await?;
    let definition = definition.first().map(|row| text(row, 0)).unwrap_or_default();
    // A definition that cannot be described leaves every column without an origin, which is the stricter case.
    let made = side.describe(definition.trim_end_matches(';')).await.unwrap_or_default();
    let origins = made.iter().zip(1u16..).filter(|(column, _)| column.table != 0 && column.number != 0);
    let origins = origins.map(|(column, number)| (number, (column.table, column.number))).collect();
    Ok(View { origins, reads })
}
