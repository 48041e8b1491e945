//! Tables whose rows are made again from their keys.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::rows::Made;
use super::sums::Sums;
use super::{Differs, Judged, NAMED, Stray, columns, side_by_side};
use crate::Result;

/// A table by arithmetic. A key is a number of its own making.
pub(super) trait Table: Send + Sync {
    fn name(&self) -> &'static str;

    fn schema(&self) -> &SchemaRef;

    /// The rows of the keys that these rows have, which are of the schema.
    ///
    /// # Errors
    /// Rows that cannot be made.
    fn like(&self, rows: &RecordBatch) -> Result<Made, String>;

    /// Into how many pieces its keys are cut.
    fn pieces(&self) -> usize;

    /// Gives the keys of a piece, each once in all pieces.
    fn keys(&self, piece: usize, take: &mut dyn FnMut(u128));

    /// A key for people.
    fn describe(&self, key: u128) -> String;
}

/// A table, its keys, and those that were found.
pub(super) struct Keyed<T> {
    table: T,
    expected: Sums,
    found: Mutex<Sums>,
}

impl<T: Table> Keyed<T> {
    /// Counts the keys.
    pub(super) fn new(table: T, threads: usize, stop: &AtomicBool) -> Result<Self> {
        let sums_of = |piece| {
            let mut sums = Sums::default();
            table.keys(piece, &mut |key| sums.add(key));
            sums
        };
        let expected = side_by_side(table.pieces(), threads, stop, sums_of)?;
        Ok(Self {
            expected: expected.into_iter().fold(Sums::default(), Sums::and),
            table,
            found: Mutex::default(),
        })
    }

    fn found(&self) -> MutexGuard<'_, Sums> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Table> Judged for Keyed<T> {
    fn name(&self) -> &'static str {
        self.table.name()
    }

    fn schema(&self) -> &SchemaRef {
        self.table.schema()
    }

    fn rows(&self) -> Option<u64> {
        Some(self.expected.rows())
    }

    fn check(&self, rows: &RecordBatch, differs: &mut Differs<'_>) -> Result<(), String> {
        let made = self.table.like(rows)?;
        {
            let mut found = self.found();
            made.keys.iter().flatten().for_each(|key| found.add(*key));
        }
        columns::compare(rows, &made, differs)
    }

    fn strays(&self, threads: usize, stop: &AtomicBool) -> Result<Vec<Stray>> {
        let found = self.found();
        let Some(lost) = self.expected.beyond(&found) else {
            return Ok(Vec::new());
        };
        let named = side_by_side(self.table.pieces(), threads, stop, |piece| {
            let mut named = BTreeMap::new();
            self.table.keys(piece, &mut |key| {
                named.extend(lost.is_missing(key).map(|is_missing| (key, is_missing)));
            });
            named
        })?;
        let named: BTreeMap<u128, bool> = named.into_iter().flatten().collect();
        let stray = |(key, is_missing): (&u128, &bool)| {
            let key = self.table.describe(*key);
            if *is_missing {
                Stray::Missing(key)
            } else {
                Stray::Surplus(key)
            }
        };
        let mut strays: Vec<Stray> = named.iter().take(NAMED).map(stray).collect();
        if lost.places > strays.len() {
            strays.push(Stray::Count {
                expected: format!("{} rows, each key once", self.expected.rows()),
                found: format!(
                    "{} rows of such keys; {} keys or more are missing or doubled",
                    found.rows(),
                    lost.places
                ),
            });
        }
        Ok(strays)
    }
}
