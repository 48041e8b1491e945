//! Where rows come from: anything that gives the same rows for the same range, every time.

use std::fmt;
use std::ops::Range;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

/// A boxed reader, as a source gives it.
pub type BoxedReader = Box<dyn RecordBatchReader + Send>;

/// A table whose rows can be read from any row on, again and again.
///
/// Opening the same range twice gives the same rows in the same order; that is what lets parts be
/// made side by side, and made again after a failure. Batches may be cut in any way.
pub trait Source: Send + Sync {
    /// The schema of every batch, hints included.
    fn schema(&self) -> SchemaRef;

    /// A reader of exactly the rows in `rows`, in batches of about `batch_rows`.
    ///
    /// # Errors
    /// Whatever keeps the source from making these rows.
    fn open(&self, rows: Range<u64>, batch_rows: usize) -> Result<BoxedReader, ArrowError>;
}

impl<S: Source + ?Sized> Source for &S {
    fn schema(&self) -> SchemaRef {
        (**self).schema()
    }

    fn open(&self, rows: Range<u64>, batch_rows: usize) -> Result<BoxedReader, ArrowError> {
        (**self).open(rows, batch_rows)
    }
}

impl<S: Source + ?Sized> Source for std::sync::Arc<S> {
    fn schema(&self) -> SchemaRef {
        (**self).schema()
    }

    fn open(&self, rows: Range<u64>, batch_rows: usize) -> Result<BoxedReader, ArrowError> {
        (**self).open(rows, batch_rows)
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn schema(&self) -> SchemaRef {
        (**self).schema()
    }

    fn open(&self, rows: Range<u64>, batch_rows: usize) -> Result<BoxedReader, ArrowError> {
        (**self).open(rows, batch_rows)
    }
}

/// A source made of a schema and a closure.
pub struct FnSource<F> {
    schema: SchemaRef,
    open: F,
}

impl<F> FnSource<F>
where
    F: Fn(Range<u64>, usize) -> Result<BoxedReader, ArrowError> + Send + Sync,
{
    /// A source whose readers come from `open(rows, batch_rows)`.
    pub fn new(schema: SchemaRef, open: F) -> Self {
        Self { schema, open }
    }
}

impl<F> fmt::Debug for FnSource<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnSource")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

impl<F> Source for FnSource<F>
where
    F: Fn(Range<u64>, usize) -> Result<BoxedReader, ArrowError> + Send + Sync,
{
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn open(&self, rows: Range<u64>, batch_rows: usize) -> Result<BoxedReader, ArrowError> {
        (self.open)(rows, batch_rows)
    }
}

/// One batch in memory as a source: small tables, examples, tests.
#[derive(Debug, Clone)]
pub struct BatchSource {
    batch: RecordBatch,
}

impl BatchSource {
    /// A source of the rows of `batch`.
    pub fn new(batch: RecordBatch) -> Self {
        Self { batch }
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.batch.num_rows() as u64
    }
}

impl Source for BatchSource {
    fn schema(&self) -> SchemaRef {
        self.batch.schema()
    }

    fn open(&self, rows: Range<u64>, batch_rows: usize) -> Result<BoxedReader, ArrowError> {
        if rows.start > rows.end || rows.end > self.rows() {
            return Err(ArrowError::InvalidArgumentError(format!(
                "rows {}..{} of a table of {}",
                rows.start,
                rows.end,
                self.rows()
            )));
        }
        let (start, end) = (rows.start as usize, rows.end as usize);
        let step = batch_rows.max(1);
        let batch = self.batch.clone();
        let slices = (start..end)
            .step_by(step)
            .map(move |at| Ok(batch.slice(at, step.min(end - at))));
        Ok(Box::new(arrow_array::RecordBatchIterator::new(
            slices,
            self.batch.schema(),
        )))
    }
}
