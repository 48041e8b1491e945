//! The rows of one part on their way out of their source: all that were promised, batch by batch.

use arrow_array::{Array, RecordBatch};
use arrow_schema::ArrowError;

use super::plan::TableToLoad;
use super::rows::Rows;
use crate::error::{Error, Result};
use crate::plan::batch_rows;
use crate::source::BoxedReader;

/// A part that is read once, from its first row to its last.
pub(super) struct PartReader<'t, 'p> {
    table: &'t TableToLoad<'p>,
    part: u64,
    /// The first batch, where it was made before its turn.
    first: Option<Result<RecordBatch, ArrowError>>,
    batches: BoxedReader,
}

impl<'t, 'p> PartReader<'t, 'p> {
    /// Begins to read.
    ///
    /// # Errors
    /// [`Error::Source`].
    pub(super) fn open(table: &'t TableToLoad<'p>, part: u64) -> Result<Self> {
        let batches = table
            .rows
            .open(table.name(), part, batch_rows(&table.schema))?;
        Ok(Self {
            table,
            part,
            first: None,
            batches,
        })
    }

    /// Makes the first batch now, while the caller has nothing else to do. What it fails with is
    /// told at its turn.
    pub(super) fn begin(&mut self) {
        if self.first.is_none() {
            self.first = self.batches.next();
        }
    }

    /// Gives the rows to `each`.
    ///
    /// # Errors
    /// [`Error::Source`] and [`Error::Promise`] of the source, [`Error::Stopped`], and what `each`
    /// fails with.
    pub(super) fn for_each(
        self,
        is_over: &dyn Fn() -> bool,
        each: &mut dyn FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let Self {
            table,
            part,
            first,
            batches,
        } = self;
        let expected = table.part_rows(part).rows;
        let mut seen = 0;
        for batch in first.into_iter().chain(batches) {
            if is_over() {
                return Err(Error::Stopped);
            }
            let batch = batch.map_err(|error| Rows::failed(table.name(), error))?;
            seen += batch.num_rows() as u64;
            if expected.is_some_and(|expected| seen > expected) {
                break;
            }
            check_nulls(table, &batch)?;
            each(&batch)?;
        }
        let Some(expected) = expected.filter(|expected| *expected != seen) else {
            return Ok(());
        };
        Err(Error::Promise {
            table: table.name().to_owned(),
            expected: format!("{expected} rows"),
            found: format!("{seen} or more"),
        })
    }
}

/// A null where the schema promises none would be refused by the database, in its own words.
fn check_nulls(table: &TableToLoad<'_>, batch: &RecordBatch) -> Result<()> {
    for (field, array) in table.schema.fields().iter().zip(batch.columns()) {
        if !field.is_nullable() && array.logical_null_count() > 0 {
            return Err(Error::Promise {
                table: table.name().to_owned(),
                expected: format!("values in column `{}`", field.name()),
                found: "nulls".to_owned(),
            });
        }
    }
    Ok(())
}
