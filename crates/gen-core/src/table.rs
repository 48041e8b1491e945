//! A table: an immutable value that makes any of its rows on request.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use crate::error::{Error, Result};
use crate::rows::Rows;

/// Rows of a batch unless told otherwise: fits the second-level cache for usual tables.
pub const DEFAULT_BATCH_ROWS: usize = 8192;

/// What a kind of table implements: its shape, and any columns at any rows.
///
/// A value depends on the data id, the table's name, the column's name and the row number. On
/// nothing else: not on which other rows or columns are asked for with it.
pub trait Generate: Send + Sync {
    /// The table's name.
    fn name(&self) -> &str;

    /// One line on what a row is.
    fn about(&self) -> &str;

    /// Its columns, with hints in the field metadata (see [`crate::hints`]).
    fn schema(&self) -> &SchemaRef;

    /// The row numbers it has. Event tables count from the first row of the epoch, so that a
    /// window begins at the number of rows before it.
    fn row_range(&self) -> Range<u64>;

    /// Makes the columns with these positions, one array each, at these rows, which are all
    /// inside [`row_range`](Self::row_range). Costs nothing for columns that are not asked for.
    fn make(&self, rows: &Rows<'_>, columns: &[usize]) -> Vec<ArrayRef>;

    /// Cuts the rows by the values of leading time columns: contiguous, in order.
    ///
    /// # Errors
    /// When the table is not in the order of these columns.
    fn partitions(&self, columns: &[&str]) -> Result<Vec<Partition>> {
        Err(Error::BadPartition {
            table: self.name().to_owned(),
            found: columns.join(","),
            reason: "it is not an event table; leave out the partition columns".to_owned(),
        })
    }

    /// Cuts the rows into so many ranges that follow each other: equal shares of the events, and what
    /// hangs on them. Ranges of the same number belong together in all tables of a dataset. Nothing
    /// where the table does not grow with time.
    fn rounds(&self, _rounds: u64) -> Option<Vec<Range<u64>>> {
        None
    }

    /// Faults that stand in the rows on purpose, with their exact counts over all rows.
    fn planted(&self) -> Vec<Planted> {
        Vec::new()
    }

    /// The row that has this primary key, for keys that are row numbers in disguise.
    fn row_of_key(&self, _key: i64) -> Option<u64> {
        None
    }
}

/// A kind of fault that stands in a table on purpose, for what cleans data to be tried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planted {
    /// What is wrong, as one word.
    pub name: &'static str,
    /// In how many of the table's rows.
    pub rows: u64,
}

/// The rows that share the values of the partition columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Column names and values, in the order asked for.
    pub values: Vec<(String, i64)>,
    /// Its rows.
    pub rows: Range<u64>,
}

/// A handle to a table: cheap to clone, safe to share between threads.
///
/// ```
/// use lakeseed_gen_core::{Table, column::{sequence, weighted}};
///
/// let pets = Table::builder("pets", 1_000_000)
///     .column("id", sequence(1))
///     .column("name", weighted([("Rex", 5), ("Mia", 3)]))
///     .build()?;
/// let batch = pets.rows(500_000..500_003).columns(["id"])?.batch()?;
/// assert_eq!(batch.num_rows(), 3);
/// # Ok::<(), lakeseed_gen_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Table(Arc<dyn Generate>);

impl Table {
    /// A table of any kind.
    pub fn new(table: impl Generate + 'static) -> Self {
        Self(Arc::new(table))
    }

    /// Begins a table of one's own, from the columns of [`crate::column`].
    pub fn builder(name: impl Into<String>, row_count: u64) -> crate::builder::TableBuilder {
        crate::builder::TableBuilder::new(name, row_count)
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// One line on what a row is.
    pub fn about(&self) -> &str {
        self.0.about()
    }

    /// Its columns, with hints in the field metadata.
    pub fn schema(&self) -> &SchemaRef {
        self.0.schema()
    }

    /// Its row numbers.
    pub fn row_range(&self) -> Range<u64> {
        self.0.row_range()
    }

    /// How many rows it has, known before the first is made.
    pub fn row_count(&self) -> u64 {
        let range = self.0.row_range();
        range.end - range.start
    }

    /// The row with this primary key, where keys follow from row numbers.
    pub fn row_of_key(&self, key: i64) -> Option<u64> {
        self.0
            .row_of_key(key)
            .filter(|row| self.0.row_range().contains(row))
    }

    /// Faults that stand in the rows on purpose, with their exact counts over all rows; none but
    /// where a dataset was asked for them.
    pub fn planted(&self) -> Vec<Planted> {
        self.0.planted()
    }

    /// Cuts the rows by the values of leading time columns, `year`, `month`, `day`.
    ///
    /// # Errors
    /// When the table lacks a column or is not in the order of these columns.
    pub fn partitions(&self, columns: &[&str]) -> Result<Vec<Partition>> {
        self.0.partitions(columns)
    }

    /// Cuts the rows into so many ranges that follow each other: equal shares of the events, and what
    /// hangs on them. Ranges of the same number belong together in all tables of a dataset: the items
    /// of a round are those of its invoices. Nothing where the table does not grow with time.
    ///
    /// ```
    /// use lakeseed_gen_core::{Dataset, Settings};
    ///
    /// let retail = Dataset::new("retail", &Settings::new().rows("invoices", 1_000))?;
    /// let rounds = retail.table("invoices")?.rounds(4);
    /// assert_eq!(rounds.unwrap(), [0..250, 250..500, 500..750, 750..1_000]);
    /// assert!(retail.table("customers")?.rounds(4).is_none());
    /// # Ok::<(), lakeseed_gen_core::Error>(())
    /// ```
    pub fn rounds(&self, rounds: u64) -> Option<Vec<Range<u64>>> {
        self.0.rounds(rounds)
    }

    /// The position of a column.
    ///
    /// # Errors
    /// When there is none of that name; the error holds those that exist.
    pub fn column_index(&self, name: &str) -> Result<usize> {
        let schema = self.schema();
        schema.index_of(name).map_err(|_| {
            let known = schema.fields().iter().map(|field| field.name().as_str());
            Error::unknown("column", Some(self.name()), name, known)
        })
    }

    /// These rows: choose columns and batch size, then read.
    pub fn rows(&self, rows: Range<u64>) -> Scan {
        Scan {
            table: self.clone(),
            rows,
            columns: None,
            batch_rows: DEFAULT_BATCH_ROWS,
        }
    }

    /// All rows: choose columns and batch size, then read.
    pub fn all_rows(&self) -> Scan {
        self.rows(self.row_range())
    }

    /// Columns, by their positions, at scattered rows, in the order given.
    ///
    /// # Errors
    /// When a row is outside [`row_range`](Self::row_range), or a column outside the schema.
    pub fn gather(&self, rows: &[u64], columns: &[usize]) -> Result<Vec<ArrayRef>> {
        let range = self.row_range();
        if let Some(&outside) = rows.iter().find(|row| !range.contains(row)) {
            return Err(self.out_of_range(outside..outside.saturating_add(1)));
        }
        let fields = self.schema().fields();
        if let Some(position) = columns.iter().find(|&&at| at >= fields.len()) {
            let known = fields.iter().map(|field| field.name().as_str());
            return Err(Error::unknown(
                "column",
                Some(self.name()),
                &position.to_string(),
                known,
            ));
        }
        Ok(self.0.make(&Rows::List(rows), columns))
    }

    /// Columns at rows that are known to exist.
    pub(crate) fn make(&self, rows: &Rows<'_>, columns: &[usize]) -> Vec<ArrayRef> {
        self.0.make(rows, columns)
    }

    fn out_of_range(&self, found: Range<u64>) -> Error {
        let range = self.row_range();
        Error::RowsOutOfRange {
            table: self.name().to_owned(),
            first: range.start,
            end: range.end,
            found_first: found.start,
            found_end: found.end,
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("name", &self.name())
            .field("rows", &self.row_range())
            .finish_non_exhaustive()
    }
}

/// A request for rows: which rows, which columns, how many at a time.
#[derive(Debug, Clone)]
pub struct Scan {
    table: Table,
    rows: Range<u64>,
    columns: Option<Vec<usize>>,
    batch_rows: usize,
}

impl Scan {
    /// Only these columns, in this order.
    ///
    /// # Errors
    /// When a column does not exist; the error holds those that do.
    pub fn columns<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let positions = names.into_iter().map(|name| self.table.column_index(name));
        self.columns = Some(positions.collect::<Result<_>>()?);
        Ok(self)
    }

    /// At most this many rows a batch. Values do not depend on it.
    #[must_use]
    pub fn batch_rows(mut self, batch_rows: usize) -> Self {
        self.batch_rows = batch_rows.max(1);
        self
    }

    /// Opens a reader over the rows.
    ///
    /// # Errors
    /// When the rows are not all inside the table.
    pub fn reader(self) -> Result<TableReader> {
        let range = self.table.row_range();
        if self.rows.start > self.rows.end
            || self.rows.start < range.start
            || self.rows.end > range.end
        {
            return Err(self.table.out_of_range(self.rows));
        }
        let (schema, columns) = match self.columns {
            None => {
                let schema = self.table.schema().clone();
                let all = (0..schema.fields().len()).collect();
                (schema, all)
            }
            Some(columns) => {
                let fields = self.table.schema().fields();
                let chosen: Vec<_> = columns.iter().map(|&at| fields[at].clone()).collect();
                (Arc::new(arrow_schema::Schema::new(chosen)), columns)
            }
        };
        Ok(TableReader {
            table: self.table,
            schema,
            columns,
            rows: self.rows,
            batch_rows: self.batch_rows as u64,
        })
    }

    /// Makes all the rows as one batch.
    ///
    /// # Errors
    /// When the rows are not all inside the table.
    pub fn batch(self) -> Result<RecordBatch> {
        let reader = self.reader()?;
        Ok(reader.make(reader.rows.clone()))
    }
}

/// Arrow's own batch reader over rows of a table.
#[derive(Debug)]
pub struct TableReader {
    table: Table,
    schema: SchemaRef,
    columns: Vec<usize>,
    rows: Range<u64>,
    batch_rows: u64,
}

impl TableReader {
    fn make(&self, rows: Range<u64>) -> RecordBatch {
        let count = (rows.end - rows.start) as usize;
        let arrays = self.table.0.make(&Rows::Range(rows), &self.columns);
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        match RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options) {
            Ok(batch) => batch,
            // A table that breaks its own schema is a defect of the table, never of the input.
            Err(error) => unreachable!("{}: {error}", self.table.name()),
        }
    }
}

impl Iterator for TableReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.rows.start;
        if start >= self.rows.end {
            return None;
        }
        self.rows.start = self.rows.end.min(start.saturating_add(self.batch_rows));
        Some(Ok(self.make(start..self.rows.start)))
    }
}

impl RecordBatchReader for TableReader {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}
