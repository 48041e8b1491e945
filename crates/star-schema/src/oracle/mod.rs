//! What the stars of our own datasets must be, by arithmetic: a second way beside the statements.
//!
//! ```text
//! rows of a star -> their keys -> the same rows from lakeseed-gen-core -> column beside column
//!                   their keys -> count, sum of hashes  -+
//! all keys, from lakeseed-gen-core -> the same sums     -+-> none is missing, none is there twice
//! ```
//! Nothing here runs a statement. Rows may come in any order, from any number of threads; what is held
//! grows neither with them nor with the dataset.

mod assessments;
mod columns;
mod keyed;
mod retail;
mod rows;
mod sums;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use lakeseed_gen_core::Settings;

use crate::{Error, Result};

/// How many of the things that are wrong with a table as a whole are named.
const NAMED: usize = 5;

/// Hears of a value that is not what it must be: the row of the batch, the column (none where no row of
/// the star has such a key), and a function that gives what was expected and what was found.
pub type Differs<'d> = dyn FnMut(usize, Option<&str>, &dyn Fn() -> (String, String)) + 'd;

/// A row that is not there once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stray {
    /// It is not there. The text is its key.
    Missing(String),
    /// It is there more often.
    Surplus(String),
    /// There are more such rows than are named.
    Count {
        /// What should be.
        expected: String,
        /// What is.
        found: String,
    },
}

/// What the tables of a built-in model's star must be, for one dataset.
///
/// # Memory
/// Some hundred KiB, and per batch the same rows once more.
///
/// # Example
/// ```
/// use std::sync::{Arc, atomic::AtomicBool};
/// use arrow_array::{ArrayRef, RecordBatch, StringArray};
/// use lakeseed_gen_core::Settings;
/// use lakeseed_star_schema::oracle::{Oracle, Stray};
///
/// let settings = Settings::new().rows("pupils", 1000);
/// let oracle = Oracle::new("assessments", &settings, 2, &AtomicBool::new(false))?;
/// let oracle = oracle.expect("it is built in");
///
/// let rows = RecordBatch::try_from_iter([
///     ("MUN_UF", Arc::new(StringArray::from(vec!["ES", "ES"])) as ArrayRef),
///     ("MUN_NOME", Arc::new(StringArray::from(vec!["Vitória", "Campo das Águas"]))),
/// ])?;
/// let mut differs = 0;
/// oracle.check("dim_municipio", &rows, &mut |_, _, _| differs += 1)?;
/// // Vitória is a place, and none of the dataset.
/// assert!(differs > 0);
/// let strays = oracle.strays("dim_municipio", 2, &AtomicBool::new(false))?;
/// assert!(matches!(strays[0], Stray::Missing(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Oracle {
    tables: Vec<Box<dyn Judged>>,
}

/// A table of a star, and what came of it so far.
trait Judged: Send + Sync {
    fn name(&self) -> &'static str;

    /// Its columns, of types that have the same values.
    fn schema(&self) -> &SchemaRef;

    /// How many rows it must have, where that is known.
    fn rows(&self) -> Option<u64>;

    /// Compares rows of the schema with what they must be, and keeps count of them.
    fn check(&self, rows: &RecordBatch, differs: &mut Differs<'_>) -> Result<(), String>;

    /// What is wrong with all rows together.
    fn strays(&self, threads: usize, stop: &AtomicBool) -> Result<Vec<Stray>>;
}

impl Oracle {
    /// Counts what must be there; `None` for a model that no arithmetic is known of.
    ///
    /// # Errors
    /// [`Error::Oracle`] for settings that the model's dataset refuses, [`Error::Stopped`] once the
    /// flag is up.
    pub fn new(
        model: &str,
        settings: &Settings,
        threads: usize,
        stop: &AtomicBool,
    ) -> Result<Option<Self>> {
        let tables = match model {
            "assessments" => assessments::tables(settings, threads, stop)?,
            "retail" => retail::tables(settings, threads, stop)?,
            _ => return Ok(None),
        };
        Ok(Some(Self { tables }))
    }

    /// The name of the dataset that a model's star is known for.
    pub fn dataset(model: &str) -> Option<&'static str> {
        let known = ["assessments", "retail"].into_iter();
        known.into_iter().find(|known| *known == model)
    }

    /// The tables that it knows.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().map(|table| table.name())
    }

    /// The columns of a table, with types that have the same values.
    pub fn schema(&self, table: &str) -> Option<SchemaRef> {
        Some(self.table(table).ok()?.schema().clone())
    }

    /// How many rows a table must have, where that is known: not of sums over days.
    pub fn rows(&self, table: &str) -> Option<u64> {
        self.table(table).ok()?.rows()
    }

    /// Compares rows of a table with what they must be, and counts their keys.
    ///
    /// # Errors
    /// [`Error::Oracle`] for a table that it does not know, and for rows of other columns.
    pub fn check(&self, table: &str, rows: &RecordBatch, differs: &mut Differs<'_>) -> Result<()> {
        let judged = self.table(table)?;
        let rows = columns::of_schema(rows, judged.schema());
        let checked = rows.and_then(|rows| judged.check(&rows, differs));
        checked.map_err(|problem| oracle_error(table, problem))
    }

    /// The rows that were missing or doubled in all that was checked of a table. Keys are gone through
    /// again only where there are any.
    ///
    /// # Errors
    /// [`Error::Oracle`] for a table that it does not know, [`Error::Stopped`] once the flag is up.
    pub fn strays(&self, table: &str, threads: usize, stop: &AtomicBool) -> Result<Vec<Stray>> {
        self.table(table)?.strays(threads, stop)
    }

    fn table(&self, name: &str) -> Result<&dyn Judged> {
        let mut tables = self.tables.iter();
        let found = tables.find(|table| table.name() == name);
        found
            .map(Box::as_ref)
            .ok_or_else(|| oracle_error(name, "no such table in the star".to_owned()))
    }
}

impl fmt::Debug for Oracle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.tables().map(|table| (table, self.rows(table)));
        f.debug_map().entries(tables).finish()
    }
}

fn oracle_error(table: &str, problem: String) -> Error {
    Error::Oracle {
        table: table.to_owned(),
        problem,
    }
}

/// Does the pieces of a work, some at a time, and gives what came of them in any order.
fn side_by_side<T: Send>(
    pieces: usize,
    threads: usize,
    stop: &AtomicBool,
    work: impl Fn(usize) -> T + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<T>> = Mutex::default();
    let work_on = || {
        while !stop.load(Ordering::Relaxed) {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                return;
            }
            let made = work(piece);
            done.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(made);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.clamp(1, pieces.max(1)) {
            scope.spawn(work_on);
        }
        work_on();
    });
    if stop.load(Ordering::Relaxed) {
        return Err(Error::Stopped);
    }
    Ok(done.into_inner().unwrap_or_else(PoisonError::into_inner))
}
