//! The rows of one chunk on their way from a source to an encoder: checked against the promise,
//! counted, and ended early when somebody says stop.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use crate::error::{Error, Result};
use crate::format::{Chunk, EncodeError, Encoder};
use crate::source::{BoxedReader, Source};
use crate::totals::Tally;

/// Who may end the work between two batches, and who counts rows.
#[derive(Default)]
pub(crate) struct Watch<'a> {
    /// Raised by the caller.
    pub(crate) stop: Option<&'a AtomicBool>,
    /// Raised by another worker's failure.
    pub(crate) failed: Option<&'a AtomicBool>,
    /// Called with the rows of each batch.
    pub(crate) count: Option<&'a (dyn Fn(u64) + Sync)>,
}

impl Watch<'_> {
    pub(crate) fn is_over(&self) -> bool {
        let raised = |flag: Option<&AtomicBool>| flag.is_some_and(|at| at.load(Ordering::Relaxed));
        raised(self.stop) || raised(self.failed)
    }
}

/// A reader of exactly the rows that were promised.
pub(crate) struct Checked<'a> {
    table: &'a str,
    reader: BoxedReader,
    projection: &'a [usize],
    source_columns: usize,
    schema: &'a SchemaRef,
    expected: u64,
    seen: u64,
    arrow_bytes: u64,
    stopped: bool,
    broken: Option<Error>,
    watch: &'a Watch<'a>,
    tally: Option<(&'a [usize], &'a mut Tally)>,
}

impl<'a> Checked<'a> {
    pub(crate) fn open(
        table: &'a str,
        source: &dyn Source,
        projection: &'a [usize],
        schema: &'a SchemaRef,
        rows: Range<u64>,
        batch_rows: usize,
        watch: &'a Watch<'a>,
    ) -> Result<Self> {
        let expected = rows.end - rows.start;
        let reader = source
            .open(rows, batch_rows)
            .map_err(|source| Error::Source {
                table: table.to_owned(),
                source,
            })?;
        Ok(Self {
            table,
            reader,
            projection,
            source_columns: source.schema().fields().len(),
            schema,
            expected,
            seen: 0,
            arrow_bytes: 0,
            stopped: false,
            broken: None,
            watch,
            tally: None,
        })
    }

    /// Counts the rows that pass, of these columns of the source.
    pub(crate) fn tallied(mut self, columns: &'a [usize], tally: &'a mut Tally) -> Self {
        self.tally = Some((columns, tally));
        self
    }

    /// Encodes the rows into one chunk.
    pub(crate) fn encode(&mut self, encoder: &mut dyn Encoder) -> Result<Chunk> {
        let chunk = match encoder.encode(self) {
            Ok(chunk) => chunk,
            Err(EncodeError::Format(error)) => return Err(error),
            Err(EncodeError::Rows(_)) if self.stopped => return Err(Error::Stopped),
            Err(EncodeError::Rows(source)) => {
                let failed = || Error::Source {
                    table: self.table.to_owned(),
                    source,
                };
                return Err(self.broken.take().unwrap_or_else(failed));
            }
        };
        if self.seen == self.expected {
            Ok(chunk)
        } else {
            Err(self.promise(
                format!("{} rows", self.expected),
                format!("{} rows", self.seen),
            ))
        }
    }

    /// The memory of all batches so far.
    pub(crate) fn arrow_bytes(&self) -> u64 {
        self.arrow_bytes
    }

    fn promise(&self, expected: String, found: String) -> Error {
        Error::Promise {
            table: self.table.to_owned(),
            expected,
            found,
        }
    }

    fn check(&mut self, batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
        self.seen += batch.num_rows() as u64;
        if self.seen > self.expected {
            let found = format!("{} rows or more", self.seen);
            return Err(self.break_off(format!("{} rows", self.expected), found));
        }
        if batch.num_columns() != self.source_columns {
            let found = format!("{} columns", batch.num_columns());
            return Err(self.break_off(format!("{} columns", self.source_columns), found));
        }
        if let Some((columns, tally)) = &mut self.tally {
            let counted = if columns.len() == batch.num_columns() {
                tally.add(&batch)
            } else {
                tally.add(&batch.project(columns)?)
            };
            if let Err(error) = counted {
                self.broken = Some(error);
                return Err(ArrowError::ExternalError("the totals failed".into()));
            }
        }
        let batch = if self.projection.len() == batch.num_columns() {
            batch
        } else {
            batch.project(self.projection)?
        };
        let fits = batch.num_columns() == self.schema.fields().len()
            && batch
                .columns()
                .iter()
                .zip(self.schema.fields())
                .all(|(array, field)| {
                    array.data_type() == field.data_type()
                        && (field.is_nullable() || array.logical_null_count() == 0)
                });
        if !fits {
            let found = batch.schema().to_string();
            return Err(self.break_off(self.schema.to_string(), found));
        }
        for array in batch.columns() {
            self.arrow_bytes += array.to_data().get_slice_memory_size()? as u64;
        }
        if let Some(count) = self.watch.count {
            count(batch.num_rows() as u64);
        }
        Ok(batch)
    }

    fn break_off(&mut self, expected: String, found: String) -> ArrowError {
        self.broken = Some(self.promise(expected, found));
        ArrowError::ExternalError("the source broke its promise".into())
    }
}

impl Iterator for Checked<'_> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.watch.is_over() {
            self.stopped = true;
            return Some(Err(ArrowError::ExternalError("stopped".into())));
        }
        let batch = self.reader.next()?;
        Some(batch.and_then(|batch| self.check(batch)))
    }
}

impl RecordBatchReader for Checked<'_> {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}
