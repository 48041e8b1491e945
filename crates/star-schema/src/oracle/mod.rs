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
mod rows;
mod sums;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use lakeseed_gen_core::Settings;

use self::rows::Made;
use self::sums::Sums;
use crate::{Error, Result};

/// How many rows that are missing or doubled are named.
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
    tables: Vec<Judged>,
}

/// A table, and what came of it so far.
struct Judged {
    table: Box<dyn Table>,
    expected: Sums,
    found: Mutex<Sums>,
}

/// A table of a star, by arithmetic. A key is a number of its own making.
trait Table: Send + Sync {
    fn name(&self) -> &'static str;

    fn schema(&self) -> &SchemaRef;

    /// The rows of the keys that these rows have, which are of the schema.
    fn like(&self, rows: &RecordBatch) -> Made;

    /// Into how many pieces its keys are cut.
    fn pieces(&self) -> usize;

    /// Gives the keys of a piece, each once in all pieces.
    fn keys(&self, piece: usize, take: &mut dyn FnMut(u128));

    /// A key for people.
    fn describe(&self, key: u128) -> String;
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
            _ => return Ok(None),
        };
        let judged = |table: Box<dyn Table>| {
            let sums_of = |piece| {
                let mut sums = Sums::default();
                table.keys(piece, &mut |key| sums.add(key));
                sums
            };
            let expected = side_by_side(table.pieces(), threads, stop, sums_of)?;
            Ok(Judged {
                expected: expected.into_iter().fold(Sums::default(), Sums::and),
                table,
                found: Mutex::default(),
            })
        };
        let tables = tables.into_iter().map(judged).collect::<Result<_>>()?;
        Ok(Some(Self { tables }))
    }

    /// The name of the dataset that a model's star is known for.
    pub fn dataset(model: &str) -> Option<&'static str> {
        (model == "assessments").then_some("assessments")
    }

    /// The tables that it knows.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().map(|judged| judged.table.name())
    }

    /// The columns of a table, with types that have the same values.
    pub fn schema(&self, table: &str) -> Option<SchemaRef> {
        Some(self.table(table).ok()?.table.schema().clone())
    }

    /// How many rows a table must have.
    pub fn rows(&self, table: &str) -> Option<u64> {
        Some(self.table(table).ok()?.expected.rows())
    }

    /// Compares rows of a table with what they must be, and counts their keys.
    ///
    /// # Errors
    /// [`Error::Oracle`] for a table that it does not know, and for rows of other columns.
    pub fn check(&self, table: &str, rows: &RecordBatch, differs: &mut Differs<'_>) -> Result<()> {
        let judged = self.table(table)?;
        let rows = columns::of_schema(rows, judged.table.schema())
            .map_err(|problem| oracle_error(table, problem))?;
        let made = judged.table.like(&rows);
        {
            let mut found = judged.found.lock().unwrap_or_else(PoisonError::into_inner);
            made.keys.iter().flatten().for_each(|key| found.add(*key));
        }
        columns::compare(&rows, &made, differs).map_err(|problem| oracle_error(table, problem))
    }

    /// The rows that were missing or doubled in all that was checked of a table. Keys are gone through
    /// again only where there are any.
    ///
    /// # Errors
    /// [`Error::Oracle`] for a table that it does not know, [`Error::Stopped`] once the flag is up.
    pub fn strays(&self, table: &str, threads: usize, stop: &AtomicBool) -> Result<Vec<Stray>> {
        let judged = self.table(table)?;
        let found = judged.found.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lost) = judged.expected.beyond(&found) else {
            return Ok(Vec::new());
        };
        let named = side_by_side(judged.table.pieces(), threads, stop, |piece| {
            let mut named = BTreeMap::new();
            judged.table.keys(piece, &mut |key| {
                named.extend(lost.is_missing(key).map(|is_missing| (key, is_missing)));
            });
            named
        })?;
        let named: BTreeMap<u128, bool> = named.into_iter().flatten().collect();
        let stray = |(key, is_missing): (&u128, &bool)| {
            let key = judged.table.describe(*key);
            if *is_missing {
                Stray::Missing(key)
            } else {
                Stray::Surplus(key)
            }
        };
        let mut strays: Vec<Stray> = named.iter().take(NAMED).map(stray).collect();
        if lost.places > strays.len() {
            strays.push(Stray::Count {
                expected: format!("{} rows, each key once", judged.expected.rows()),
                found: format!(
                    "{} rows of such keys; {} keys or more are missing or doubled",
                    found.rows(),
                    lost.places
                ),
            });
        }
        Ok(strays)
    }

    fn table(&self, name: &str) -> Result<&Judged> {
        let mut tables = self.tables.iter();
        let found = tables.find(|judged| judged.table.name() == name);
        found.ok_or_else(|| oracle_error(name, "no such table in the star".to_owned()))
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
