//! What will be written, fixed before the first byte: tables, parts, chunks, as row ranges.
//!
//! ```text
//! plan -> table -> part (one file: path, rows, partition) -> chunk (one row group, one block)
//! ```
//! The ranges are worked out once, from an encoded sample of each table's middle. Threads and
//! memory never change them, so the same request gives the same files, byte for byte.

mod draft;
pub(crate) mod id;
mod layout;
mod sample;
mod spec;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow_schema::SchemaRef;

use self::draft::Draft;
pub use self::layout::{
    DEFAULT_FILE_BYTES, DEFAULT_ROW_GROUP_BYTES, DEFAULT_ROW_GROUP_ROWS, DEFAULT_TEXT_CHUNK_BYTES,
    Layout, MAX_FILES,
};
pub(crate) use self::layout::{batch_rows, row_bytes};
use self::sample::Sample;
pub use self::spec::{Partition, TableSpec};
use crate::error::{Error, Result};
use crate::format::{FileFormat, Format};
use crate::path::PartPath;
use crate::source::Source;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it goes.
    pub path: PartPath,
    /// Its rows.
    pub rows: Range<u64>,
    /// Rows of each chunk but the last.
    pub chunk_rows: u64,
}

impl Part {
    /// How many chunks the file has.
    pub fn chunks(&self) -> u64 {
        (self.rows.end - self.rows.start).div_ceil(self.chunk_rows)
    }

    /// The rows of one chunk.
    pub fn chunk(&self, number: u64) -> Range<u64> {
        let start = self.rows.start + number * self.chunk_rows;
        start..self.rows.end.min(start + self.chunk_rows)
    }
}

/// One table of a plan.
pub struct TablePlan<'a> {
    pub(crate) name: String,
    pub(crate) source: Arc<dyn Source + 'a>,
    /// The columns that go into files, as positions in the source's schema.
    pub(crate) projection: Vec<usize>,
    pub(crate) schema: SchemaRef,
    /// The columns whose values count, partition columns included, as positions in the source's
    /// schema; their schema, where control totals can be made of them.
    pub(crate) counted: Vec<usize>,
    pub(crate) counted_schema: Option<SchemaRef>,
    pub(crate) format: Arc<dyn Format>,
    pub(crate) batch_rows: usize,
    pub(crate) partition_columns: Vec<String>,
    pub(crate) parts: Vec<Part>,
    rows: u64,
    sample: Sample,
}

impl TablePlan<'_> {
    /// The table's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its rows, exactly.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Its size in files, estimated from the sample.
    pub fn estimated_bytes(&self) -> u64 {
        let chunks = self
            .parts
            .iter()
            .map(|part| part.chunks().max(1))
            .sum::<u64>();
        (self.rows as f64 * self.sample.in_file) as u64 + chunks * self.sample.around
    }

    /// Its files, in row order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The columns that stand in the path instead of in the files.
    pub fn partition_columns(&self) -> &[String] {
        &self.partition_columns
    }

    /// The schema of the files, hints included.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// About how many bytes some rows take in a file.
    pub(crate) fn expected_bytes(&self, rows: u64) -> u64 {
        (rows as f64 * self.sample.in_file) as u64
    }

    fn need(&self) -> u64 {
        let chunk = self.sample.need(self.chunk_rows(), self.batch_rows as u64);
        chunk + self.kept_bytes()
    }

    /// Rows of the largest chunk.
    fn chunk_rows(&self) -> u64 {
        let parts = self.parts.iter().map(|part| part.chunk_rows);
        parts.max().unwrap_or(0)
    }

    /// The most that an open file keeps of all its chunks until it is finished.
    fn kept_bytes(&self) -> u64 {
        let chunks = self.parts.iter().map(Part::chunks).max().unwrap_or(0);
        chunks * self.format.kept_bytes(self.chunk_rows())
    }

    /// About how large the largest file will be.
    fn largest_file(&self) -> u64 {
        let rows = self
            .parts
            .iter()
            .map(|part| part.rows.end - part.rows.start);
        self.expected_bytes(rows.max().unwrap_or(0))
    }
}

impl fmt::Debug for TablePlan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TablePlan")
            .field("name", &self.name)
            .field("rows", &self.rows)
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

/// A whole output, before it is written.
///
/// # Example
/// ```
/// use lakeseed_sink::{BatchSource, Csv, Plan, TableSpec};
/// # use std::sync::Arc;
/// # let ids = Arc::new(arrow_array::Int64Array::from(vec![1, 2, 3])) as arrow_array::ArrayRef;
/// # let batch = arrow_array::RecordBatch::try_from_iter([("id", ids)]).unwrap();
/// let pets = TableSpec::new("pets", BatchSource::new(batch), 0..3);
/// let plan = Plan::builder(Csv::plain()).data_id("pets v1").table(pets).build()?;
/// assert_eq!(plan.rows(), 3);
/// assert_eq!(plan.tables()[0].parts().len(), 1);
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
#[derive(Debug)]
pub struct Plan<'a> {
    id: String,
    data_id: String,
    data: serde_json::Value,
    format: FileFormat,
    tables: Vec<TablePlan<'a>>,
}

impl<'a> Plan<'a> {
    /// Starts a plan of files of one format.
    pub fn builder(format: impl Into<FileFormat>) -> PlanBuilder<'a> {
        PlanBuilder {
            format: format.into(),
            data_id: String::new(),
            data: serde_json::Value::Null,
            layout: Layout::default(),
            tables: Vec::new(),
        }
    }

    /// The plan's name: a digest of everything that decides the bytes of the files.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The data id, as it was given.
    pub fn data_id(&self) -> &str {
        &self.data_id
    }

    /// What the rows are made from, as it was given.
    pub fn data(&self) -> &serde_json::Value {
        &self.data
    }

    /// The format of the files.
    pub fn format(&self) -> FileFormat {
        self.format
    }

    /// The tables, in the order in which they were added.
    pub fn tables(&self) -> &[TablePlan<'a>] {
        &self.tables
    }

    /// Rows of all tables, exactly.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(TablePlan::rows).sum()
    }

    /// Files of all tables, exactly.
    pub fn files(&self) -> usize {
        self.tables.iter().map(|table| table.parts.len()).sum()
    }

    /// Bytes of all files, estimated from samples.
    pub fn estimated_bytes(&self) -> u64 {
        self.tables.iter().map(TablePlan::estimated_bytes).sum()
    }

    /// About how large the largest file of all will be, in bytes: stores hold larger buffers for
    /// very large ones.
    pub fn largest_file(&self) -> u64 {
        let tables = self.tables.iter().map(TablePlan::largest_file);
        tables.max().unwrap_or(0)
    }

    /// The most memory that one worker holds, in bytes: batches, one encoded chunk, codecs, and what
    /// an open file keeps until it is finished.
    pub fn need_per_worker(&self) -> u64 {
        self.tables.iter().map(TablePlan::need).max().unwrap_or(0)
    }
}

/// Collects what a plan is made of.
#[derive(Debug)]
pub struct PlanBuilder<'a> {
    format: FileFormat,
    data_id: String,
    data: serde_json::Value,
    layout: Layout,
    tables: Vec<TableSpec<'a>>,
}

impl<'a> PlanBuilder<'a> {
    /// Names the data: dataset, version, seed, every parameter. It becomes part of the plan's id.
    pub fn data_id(mut self, data_id: impl Into<String>) -> Self {
        self.data_id = data_id.into();
        self
    }

    /// Says what the rows can be made from again, in JSON of the caller's own. It stands in the
    /// manifest, for whoever verifies the output; the plan's id does not depend on it.
    pub fn data(mut self, data: serde_json::Value) -> Self {
        self.data = data;
        self
    }

    /// Sets sizes of files and chunks.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Adds a table.
    pub fn table(mut self, table: TableSpec<'a>) -> Self {
        self.tables.push(table);
        self
    }

    /// Encodes a sample of each table and fixes all ranges.
    ///
    /// # Errors
    /// [`Error::Name`] for names that are none of a file, [`Error::Unsupported`] for columns that
    /// the format cannot hold, [`Error::Invalid`] for sizes of zero, more than [`MAX_FILES`] files,
    /// files of more row groups than Parquet can number, doubled tables or partitions that do not
    /// follow one another, and what the sources fail with.
    pub fn build(self) -> Result<Plan<'a>> {
        self.layout.check()?;
        let mut names: Vec<String> = self
            .tables
            .iter()
            .map(|table| table.name.to_lowercase())
            .collect();
        names.sort_unstable();
        if let Some(name) = names
            .windows(2)
            .find(|pair| pair[0] == pair[1])
            .map(|pair| &pair[0])
        {
            return Err(Error::Invalid {
                what: "tables",
                expected: "different names".to_owned(),
                found: format!("`{name}` twice"),
            });
        }
        let mut drafts = Vec::with_capacity(self.tables.len());
        for table in self.tables {
            drafts.push(Draft::new(table, self.format, &self.layout)?);
        }
        let id = id::plan_id(&self.data_id, self.format, &drafts);
        let mut tables = Vec::with_capacity(drafts.len());
        for draft in drafts {
            tables.push(draft.finish(&id, self.format)?);
        }
        Ok(Plan {
            id,
            data_id: self.data_id,
            data: self.data,
            format: self.format,
            tables,
        })
    }
}
