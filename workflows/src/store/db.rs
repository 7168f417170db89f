//! Two engines behind one small interface: all differences between SQLite and PostgreSQL live here.
//!
//! The portable subset knows TEXT and BIGINT only, so that one `Row` of such cells serves every query.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgPool, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Column, Postgres, Row as _, SqlStr, Sqlite, Transaction, TypeInfo, ValueRef};

use crate::told::{Fault, Told};

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL is neither SQLite nor PostgreSQL, or is broken.
    #[error("`{0}` is not a store; write `sqlite:FILE` or `postgres://USER@HOST/DATABASE`")]
    Url(String),
    /// The database could not be opened.
    #[error("the store could not be opened")]
    Open(#[source] sqlx::Error),
    /// The tables could not be brought up to date.
    #[error("the store's tables could not be brought up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// A statement failed.
    #[error("the store did not answer")]
    Query(#[source] sqlx::Error),
    /// This machine's clock and the store's disagree, so it can't say what is still open (G1, G3).
    #[error("this machine's clock is more than 2 s off, so it lets nobody in; tell the platform team")]
    Clock,
    /// Somebody else changed the same row first.
    #[error("somebody else changed it at the same moment")]
    Raced,
    /// A unique index said no.
    #[error("it exists already")]
    Exists,
    /// A row holds what this version does not know. Never guessed at.
    #[error("the store holds `{value}` as {column}, which this version does not know")]
    Unknown {
        /// Which column.
        column: &'static str,
        /// What it holds.
        value: String,
    },
}

/// What people read when the store does not answer.
const GONE: &str =
    "Countersign can't reach its store at the moment, so nothing new is let through; try again in a minute";

impl Told for StoreError {
    fn told(&self) -> String {
        match self {
            Self::Clock => self.to_string(),
            Self::Url(_)
            | Self::Open(_)
            | Self::Migrate(_)
            | Self::Query(_)
            | Self::Raced
            | Self::Exists
            | Self::Unknown { .. } => GONE.to_owned(),
        }
    }

    fn fault(&self) -> Fault {
        Fault::Ours
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let Some(database) = error.as_database_error() else { return Self::Query(error) };
        if database.is_unique_violation() {
            return Self::Exists;
        }
        // 40001 and 40P01: PostgreSQL gave this transaction up for another. 5: SQLite's writer was busy too long.
        match database.code().as_deref() {
            Some("40001" | "40P01" | "5" | "517") => Self::Raced,
            _ => Self::Query(error),
        }
    }
}

/// A value for a placeholder.
#[derive(Clone, Debug)]
pub(crate) enum Arg {
    Text(Option<String>),
    Int(Option<i64>),
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for Arg {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Arg {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<Option<i64>> for Arg {
    fn from(number: Option<i64>) -> Self {
        Self::Int(number)
    }
}

/// Placeholders' values, in order: `args![id, 3_i64]`.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::db::Arg::from($value)),*] };
}
pub(crate) use args;

/// Names a module's statements and lists them, so that a test can prepare each one on both engines.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {
        $($(#[$doc])* const $name: &str = $text;)*
        #[cfg(test)]
        pub(crate) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}
pub(crate) use statements;

#[derive(Clone, Debug)]
enum Cell {
    Text(String),
    Int(i64),
    Null,
}

/// A row of either engine.
#[derive(Clone, Debug)]
pub(crate) struct Row(Vec<(String, Cell)>);

impl Row {
    fn cell(&self, column: &'static str) -> Result<&Cell, StoreError> {
        let missing = || StoreError::Unknown { column, value: "no such column".to_owned() };
        self.0.iter().find(|(name, _)| name == column).map(|(_, cell)| cell).ok_or_else(missing)
    }

    pub(crate) fn text(&self, column: &'static str) -> Result<&str, StoreError> {
        match self.cell(column)? {
            Cell::Text(text) => Ok(text),
            other @ (Cell::Int(_) | Cell::Null) => Err(StoreError::Unknown { column, value: format!("{other:?}") }),
        }
    }

    pub(crate) fn maybe_text(&self, column: &'static str) -> Result<Option<&str>, StoreError> {
        match self.cell(column)? {
            Cell::Null => Ok(None),
            Cell::Text(_) | Cell::Int(_) => self.text(column).map(Some),
        }
    }

    pub(crate) fn int(&self, column: &'static str) -> Result<i64, StoreError> {
        match self.cell(column)? {
            Cell::Int(number) => Ok(*number),
            other @ (Cell::Text(_) | Cell::Null) => Err(StoreError::Unknown { column, value: format!("{other:?}") }),
        }
    }

    pub(crate) fn maybe_int(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        match self.cell(column)? {
            Cell::Null => Ok(None),
            Cell::Text(_) | Cell::Int(_) => self.int(column).map(Some),
        }
    }

    /// A text column that must be of a type's form.
    pub(crate) fn parsed<T: FromStr>(&self, column: &'static str) -> Result<T, StoreError> {
        let text = self.text(column)?;
        text.parse().map_err(|_| StoreError::Unknown { column, value: text.to_owned() })
    }

    /// A column of JSON text.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        let text = self.text(column)?;
        serde_json::from_str(text).map_err(|_| StoreError::Unknown { column, value: text.to_owned() })
    }
}

fn from_sqlite(row: &SqliteRow) -> Result<Row, sqlx::Error> {
    let cell = |at: usize| -> Result<Cell, sqlx::Error> {
        let raw = row.try_get_raw(at)?;
        if raw.is_null() {
            return Ok(Cell::Null);
        }
        Ok(match raw.type_info().name() {
            "INTEGER" => Cell::Int(row.try_get(at)?),
            _ => Cell::Text(row.try_get(at)?),
        })
    };
    row.columns()
        .iter()
        .enumerate()
        .map(|(at, column)| Ok((column.name().to_owned(), cell(at)?)))
        .collect::<Result<_, _>>()
        .map(Row)
}

fn from_postgres(row: &PgRow) -> Result<Row, sqlx::Error> {
    let cell = |at: usize| -> Result<Cell, sqlx::Error> {
        let raw = row.try_get_raw(at)?;
        if raw.is_null() {
            return Ok(Cell::Null);
        }
        Ok(match raw.type_info().name() {
            "INT8" => Cell::Int(row.try_get(at)?),
            "INT4" => Cell::Int(i64::from(row.try_get::<i32, _>(at)?)),
            _ => Cell::Text(row.try_get(at)?),
        })
    };
    row.columns()
        .iter()
        .enumerate()
        .map(|(at, column)| Ok((column.name().to_owned(), cell(at)?)))
        .collect::<Result<_, _>>()
        .map(Row)
}

/// Runs one statement on something that executes: `run` gives the count of changed rows, `all` the rows.
macro_rules! execute {
    (run $on:expr, $sql:expr, $args:expr) => {{
        let mut query = sqlx::query($sql);
        for arg in $args {
            query = match arg {
                Arg::Text(text) => query.bind(text),
                Arg::Int(number) => query.bind(number),
            };
        }
        query.execute($on).await?.rows_affected()
    }};
    (all $on:expr, $sql:expr, $args:expr, $row:path) => {{
        let mut query = sqlx::query($sql);
        for arg in $args {
            query = match arg {
                Arg::Text(text) => query.bind(text),
                Arg::Int(number) => query.bind(number),
            };
        }
        let rows = query.fetch_all($on).await?;
        rows.iter().map($row).collect::<Result<Vec<Row>, sqlx::Error>>()?
    }};
}

/// The database.
#[derive(Clone, Debug)]
pub(crate) enum Db {
    /// Writers queue for the one connection that writes, and never take the place of a reader.
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
    },
    Postgres(PgPool),
}

/// Every file of `migrations/`, in order. Append-only: an applied one is never edited.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "start", include_str!("../../../migrations/0001_start.sql")),
    (2, "chat", include_str!("../../../migrations/0002_chat.sql")),
    (3, "digest", include_str!("../../../migrations/0003_digest.sql")),
    (4, "ssh keys", include_str!("../../../migrations/0004_ssh_keys.sql")),
];

impl Db {
    /// Opens the store, creates it where there is none, and brings its tables up to date.
    pub(crate) async fn open(url: &str) -> Result<Self, StoreError> {
        let db = if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url)
                .map_err(|_| StoreError::Url(url.to_owned()))?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                // FULL: what was answered survives a loss of power.
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(5));
            let writer = SqlitePoolOptions::new().max_connections(1).acquire_timeout(Duration::from_secs(10));
            let write = writer.connect_with(options.clone()).await.map_err(StoreError::Open)?;
            let readers = SqlitePoolOptions::new().max_connections(4).acquire_timeout(Duration::from_secs(4));
            let options = options.create_if_missing(false).pragma("query_only", "on");
            let read = readers.connect_with(options).await.map_err(StoreError::Open)?;
            Self::Sqlite { write, read }
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let pool = PgPoolOptions::new().max_connections(8).acquire_timeout(Duration::from_secs(4));
            Self::Postgres(pool.connect(url).await.map_err(StoreError::Open)?)
        } else {
            // The text may hold a password, so only its scheme is repeated.
            let scheme = url.split_once(':').map_or(url, |(scheme, _)| scheme);
            return Err(StoreError::Url(scheme.to_owned()));
        };
        db.migrate().await?;
        Ok(db)
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        let one = |&(version, name, sql): &(i64, &'static str, &'static str)| {
            Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, SqlStr::from_static(sql), false)
        };
        let migrator = Migrator { migrations: MIGRATIONS.iter().map(one).collect(), ..Migrator::DEFAULT };
        match self {
            Self::Sqlite { write, .. } => migrator.run(write).await,
            Self::Postgres(pool) => migrator.run(pool).await,
        }
        .map_err(StoreError::Migrate)
    }

    /// Begins a transaction. SQLite takes its one write lock at once, so that it never fails in the middle.
    pub(crate) async fn begin(&self, faults: Faults) -> Result<Tx, StoreError> {
        // Boxed: making a connection takes 14 KiB of a future, and every idle session would carry them.
        let inner = match self {
            Self::Sqlite { write, .. } => Inner::Sqlite(Box::pin(write.begin_with("BEGIN IMMEDIATE")).await?),
            Self::Postgres(pool) => Inner::Postgres(Box::pin(pool.begin()).await?),
        };
        Ok(Tx { inner, faults })
    }

    /// Reads outside a transaction.
    pub(crate) async fn all(&self, sql: &'static str, args: Vec<Arg>) -> Result<Vec<Row>, StoreError> {
        Ok(match self {
            Self::Sqlite { read, .. } => execute!(all read, sql, args, from_sqlite),
            Self::Postgres(pool) => execute!(all pool, sql, args, from_postgres),
        })
    }

    /// The first row of a read.
    pub(crate) async fn first(&self, sql: &'static str, args: Vec<Arg>) -> Result<Option<Row>, StoreError> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    /// The store's own time in microseconds, where the store runs somewhere else.
    pub(crate) async fn time(&self) -> Result<Option<i64>, StoreError> {
        match self {
            Self::Sqlite { .. } => Ok(None),
            Self::Postgres(pool) => {
                let sql = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) AS now";
                let rows = execute!(all pool, sql, Vec::<Arg>::new(), from_postgres);
                rows.first().map(|row| row.int("now")).transpose()
            }
        }
    }

    /// Whether the engine accepts a statement as written.
    #[cfg(test)]
    pub(crate) async fn prepare(&self, sql: &'static str) -> Result<(), sqlx::Error> {
        use sqlx::{Executor, SqlSafeStr};
        match self {
            Self::Sqlite { write, .. } => write.prepare(sql.into_sql_str()).await.map(|_| ()),
            Self::Postgres(pool) => pool.prepare(sql.into_sql_str()).await.map(|_| ()),
        }
    }
}

/// Makes the n-th commit fail, for crash tests. The default never fails.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    left: Option<Arc<AtomicI64>>,
    after: bool,
}

impl Faults {
    /// The n-th commit from now fails: with `after`, only once it has been made (a crash between the commit and the
    /// answer).
    pub fn nth_commit(n: i64, after: bool) -> Self {
        Self { left: Some(Arc::new(AtomicI64::new(n))), after }
    }

    /// How many commits are to be made until one fails; nothing where none will.
    pub fn left(&self) -> Option<i64> {
        self.left.as_ref().map(|left| left.load(Ordering::Relaxed))
    }

    fn strikes(&self) -> bool {
        self.left.as_ref().is_some_and(|left| left.fetch_sub(1, Ordering::Relaxed) == 1)
    }

    fn error() -> StoreError {
        StoreError::Query(sqlx::Error::PoolClosed)
    }
}

#[derive(Debug)]
enum Inner {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A transaction; dropped without a commit, it is as if it had never been.
#[derive(Debug)]
pub(crate) struct Tx {
    inner: Inner,
    faults: Faults,
}

impl Tx {
    pub(crate) async fn run(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<u64, StoreError> {
        Ok(match &mut self.inner {
            Inner::Sqlite(tx) => execute!(run &mut **tx, sql, args),
            Inner::Postgres(tx) => execute!(run &mut **tx, sql, args),
        })
    }

    /// Runs a statement that must change exactly one row: anything else means that somebody was faster.
    pub(crate) async fn one(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<(), StoreError> {
        if self.run(sql, args).await? == 1 { Ok(()) } else { Err(StoreError::Raced) }
    }

    pub(crate) async fn all(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<Vec<Row>, StoreError> {
        Ok(match &mut self.inner {
            Inner::Sqlite(tx) => execute!(all &mut **tx, sql, args, from_sqlite),
            Inner::Postgres(tx) => execute!(all &mut **tx, sql, args, from_postgres),
        })
    }

    pub(crate) async fn first(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<Option<Row>, StoreError> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    /// Commits. On PostgreSQL the other nodes' bells ring with it.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        if let Inner::Postgres(tx) = &mut self.inner {
            sqlx::query("SELECT pg_notify('countersign', '')").execute(&mut **tx).await?;
        }
        self.commit_quietly().await
    }

    /// Commits what nobody waits for. A bell that rang for bookkeeping would wake those who keep the books.
    pub(crate) async fn commit_quietly(self) -> Result<(), StoreError> {
        let strikes = self.faults.strikes();
        if strikes && !self.faults.after {
            return Err(Faults::error());
        }
        match self.inner {
            Inner::Sqlite(tx) => tx.commit().await?,
            Inner::Postgres(tx) => tx.commit().await?,
        }
        if strikes { Err(Faults::error()) } else { Ok(()) }
    }
}
