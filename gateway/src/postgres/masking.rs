//! Which columns of a result are hidden. Where the origin of a column is known it decides; where it is not, the name and
//! the text decide; and where nothing is known, the stricter answer wins.

use std::sync::Arc;

use tokio::time::Instant;
use workflows::operation::Kind;
use workflows::verdict::Mask;

use crate::mask::Scanner;
use crate::postgres::catalog::{Catalog, Known, VIEWS_OF_ALL};
use crate::postgres::cells::Hide;
use crate::postgres::copy::CopyColumns;
use crate::postgres::extended::Column;
use crate::postgres::settings::is_safe_encoding;
use crate::postgres::wire::{self, Formats, Malformed};
use crate::seams::{Classified, CopyOut};

/// How many results a session remembers its decision for.
const REMEMBERED: usize = 64;

/// How the columns of a result are treated.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) hide: Box<[Hide]>,
    /// Nothing of it is hidden, so that rows need no look.
    pub(super) idle: bool,
}

impl Columns {
    fn new(hide: Box<[Hide]>) -> Self {
        let idle = hide.iter().all(|hide| *hide == Hide::Pass);
        Self { hide, idle }
    }
}

/// What a decision was made for.
#[derive(Debug)]
struct Decided {
    identity: Arc<Classified>,
    mask: Arc<Mask>,
    columns: Box<[Column]>,
    formats: Box<[u8]>,
    result: Arc<Columns>,
    /// When what it rests on is looked up again.
    until: Option<Instant>,
}

/// A session's masks.
#[derive(Debug, Default)]
pub(super) struct Masking {
    decided: Vec<Decided>,
    /// The detectors in use, with the set that they were made for.
    scanner: Option<(Arc<Mask>, Option<Arc<Scanner>>)>,
}

/// What has to be known before a decision can be made.
#[derive(Debug)]
pub(super) enum Decision {
    /// This is it.
    Columns(Arc<Columns>),
    /// These tables have to be looked up first.
    Ask(Vec<u32>),
}

/// The columns of a RowDescription, kept.
pub(super) fn columns(frame: &[u8]) -> Result<Box<[Column]>, Malformed> {
    let fields = wire::row_description(frame)?;
    Ok(fields
        .into_iter()
        .map(|field| Column {
            name: String::from_utf8_lossy(field.name).into(),
            table: field.table,
            number: field.column,
            kind: field.kind,
            binary: field.binary,
        })
        .collect())
}

impl Masking {
    /// The detectors of a mask.
    pub(super) fn scanner(&mut self, mask: &Arc<Mask>) -> Option<Arc<Scanner>> {
        if let Some((of, scanner)) = &self.scanner
            && (Arc::ptr_eq(of, mask) || of.detect == mask.detect)
        {
            return scanner.clone();
        }
        let scanner = Scanner::named(&mask.detect).map(Arc::new);
        self.scanner = Some((Arc::clone(mask), scanner.clone()));
        scanner
    }

    /// Decides on a result. `formats` are those that a Bind asked for; without one the columns know their own.
    pub(super) fn decide(
        &mut self,
        (mask, classified): (&Arc<Mask>, &Arc<Classified>),
        columns: &[Column],
        formats: Option<Formats<'_>>,
        catalog: &Catalog,
    ) -> Decision {
        let raw = formats.map_or(&[][..], Formats::raw);
        let now = Instant::now();
        self.decided.retain(|known| known.until.is_none_or(|until| now < until));
        let same = |known: &&Decided| {
            Arc::ptr_eq(&known.identity, classified.identity())
                && Arc::ptr_eq(&known.mask, mask)
                && *known.formats == *raw
                && *known.columns == *columns
        };
        if let Some(known) = self.decided.iter().find(same) {
            return Decision::Columns(Arc::clone(&known.result));
        }
        if !mask.columns.is_empty() {
            let known = |table: &u32| match *table {
                VIEWS_OF_ALL => catalog.has_views(),
                table => catalog.has(table),
            };
            let unknown: Vec<u32> = columns.iter().map(|column| column.table).filter(|table| !known(table)).collect();
            if !unknown.is_empty() {
                return Decision::Ask(unknown);
            }
        }
        let hide = columns.iter().enumerate().map(|(at, column)| {
            let masked =
                !mask.columns.is_empty() && is_masked(mask, classified, (at, columns.len()), column, catalog);
            let binary = formats.map_or(column.binary, |formats| formats.binary(at));
            Hide::choose(column.kind, binary, masked, !mask.detect.is_empty())
        });
        let result = Arc::new(Columns::new(hide.collect()));
        // What rests on a look-up that failed is not remembered: the next one may succeed.
        let ends = columns.iter().map(|column| catalog.until(column.table)).collect::<Option<Vec<_>>>();
        let ends = if mask.columns.is_empty() { Some(Vec::new()) } else { ends };
        if let Some(ends) = ends {
            if self.decided.len() >= REMEMBERED {
                self.decided.clear();
            }
            let (identity, mask, result) = (Arc::clone(classified.identity()), Arc::clone(mask), Arc::clone(&result));
            let (columns, formats, until) = (columns.into(), raw.into(), ends.into_iter().min());
            self.decided.push(Decided { identity, mask, columns, formats, result, until });
        }
        Decision::Columns(result)
    }

    /// The schema may have changed.
    pub(super) fn forget(&mut self) {
        self.decided.clear();
    }
}

/// Whether one column's values are hidden by name.
fn is_masked(
    mask: &Mask,
    classified: &Classified,
    (at, of): (usize, usize),
    column: &Column,
    catalog: &Catalog,
) -> bool {
    if column.table != 0
        && let Some(Known::Relation(_)) = catalog.known(column.table)
    {
        return catalog.is_masked(mask, column.table, column.number);
    }
    // No origin, or one that only this session can see, such as a temporary table. Name and text remain.
    by_name(mask, None, &column.name) || tainted(mask, classified, (at, of), catalog)
}

fn by_name(mask: &Mask, table: Option<&str>, column: &str) -> bool {
    mask.columns.iter().any(|pattern| pattern.matches(None, table, column))
}

fn tainted(mask: &Mask, classified: &Classified, (at, of): (usize, usize), catalog: &Catalog) -> bool {
    let by_pattern = |name: &str| {
        mask.columns.iter().any(|pattern| pattern.table.as_deref().is_none_or(|table| table == name.to_lowercase()))
    };
    let relation = |name: &str| {
        by_pattern(name) || catalog.is_masked_above(mask, name, None) || catalog.is_masked_view(mask, name)
    };
    // A view may give a masked column any name, so behind one every column that is not clean is masked. Behind a child
    // of a table the names are its parent's, in whatever place of the text they stand.
    let relations = || {
        let all = classified.operations.iter().flat_map(|operation| &operation.on);
        all.filter(|object| object.kind == Kind::Relation).map(|object| object.name.as_str())
    };
    let behind_view = relations().any(|name| catalog.is_masked_view(mask, name));
    let masked = |table: Option<&str>, column: &str| {
        let in_child = |table| catalog.is_masked_above(mask, table, Some(column));
        behind_view || by_name(mask, table, column) || table.is_some_and(in_child)
    };
    classified.lineage.taints(at, of, &masked, &relation)
}

/// Whether a name means to our own connection what it means to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sight {
    /// Every name does.
    Same,
    /// Those with a schema do: the session has a search path of its own.
    Schemas,
    /// None does: the session may have made tables that only it sees.
    Own,
}

/// Decides on a COPY to the client. Cancel-safe.
pub(super) async fn copy(mask: &Mask, classified: &Classified, catalog: &Catalog, sight: Sight) -> CopyColumns {
    let [out] = classified.copies.as_slice() else { return CopyColumns::unknown() };
    let qualified = out.relation.as_ref().is_some_and(|table| {
        table.schema.as_ref().is_some_and(|schema| !schema.to_lowercase().starts_with("pg_temp"))
    });
    let settled = sight == Sight::Same || (sight == Sight::Schemas && qualified);
    let readable = out.encoding.as_deref().is_none_or(is_safe_encoding);
    let hide = if !readable {
        None
    } else if mask.columns.is_empty() {
        Some(Vec::new())
    } else if settled {
        copied(mask, classified, out, catalog).await
    } else {
        None
    };
    CopyColumns::new(out, hide.map(Into::into), !mask.detect.is_empty())
}

async fn copied(mask: &Mask, classified: &Classified, out: &CopyOut, catalog: &Catalog) -> Option<Vec<Hide>> {
    let (binary, detect) = (out.format == crate::seams::CopyFormat::Binary, !mask.detect.is_empty());
    if let Some(query) = &out.query {
        let columns = catalog.describe(query).await?;
        let tables: Vec<u32> = columns.iter().map(|column| column.table).collect();
        catalog.learn(&tables).await;
        let of = columns.len();
        return Some(
            columns
                .iter()
                .enumerate()
                .map(|(at, column)| {
                    let masked = is_masked(mask, classified, (at, of), column, catalog);
                    Hide::choose(column.kind, binary, masked, detect)
                })
                .collect(),
        );
    }
    let table = out.relation.as_ref()?;
    let (oid, relation) = catalog.find(table.schema.as_deref(), &table.name).await?;
    let chosen = |name: &str| relation.columns.iter().find(|column| column.name.as_ref() == name);
    let list: Option<Vec<_>> = if table.columns.is_empty() {
        Some(relation.columns.iter().filter(|column| !column.generated).collect())
    } else {
        table.columns.iter().map(|name| chosen(name)).collect()
    };
    let hide = list?
        .into_iter()
        .map(|column| Hide::choose(column.kind, binary, catalog.is_masked(mask, oid, column.number), detect));
    Some(hide.collect())
}
