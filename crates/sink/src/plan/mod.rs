//! What will be written, fixed before the first byte: tables, parts, chunks, as row ranges.
//!
//! ```text
//! plan -> table -> part (one file: path, rows, partition) -> chunk (one row group, one block)
//! ```
//! The ranges are worked out once, from an encoded sample of each table's middle. Threads and
//! memory never change them, so the same request gives the same files, byte for byte.

pub(crate) mod id;
mod layout;
mod sample;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};

pub use self::layout::{
    DEFAULT_FILE_BYTES, DEFAULT_ROW_GROUP_BYTES, DEFAULT_ROW_GROUP_ROWS, DEFAULT_TEXT_CHUNK_BYTES,
    Layout, MAX_FILES,
};
use self::sample::Sample;
use crate::error::{Error, Result};
use crate::format::{FileFormat, Format};
use crate::place::PartPath;
use crate::source::Source;

/// A table to be written: its name, its source, the rows.
#[derive(Clone)]
pub struct TableSpec<'a> {
    name: String,
    source: Arc<dyn Source + 'a>,
    rows: Range<u64>,
    partition_columns: Vec<String>,
    partitions: Vec<Partition>,
    leave_out: Vec<String>,
}

/// One value combination of the partition columns, and the contiguous rows that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// A value for each partition column; `None` is null.
    pub values: Vec<Option<String>>,
    /// The rows, counted from the table's first.
    pub rows: Range<u64>,
}

impl<'a> TableSpec<'a> {
    /// The rows `rows` of `source`, as a table called `name`.
    pub fn new(name: impl Into<String>, source: impl Source + 'a, rows: Range<u64>) -> Self {
        Self {
            name: name.into(),
            source: Arc::new(source),
            rows,
            partition_columns: Vec::new(),
            partitions: Vec::new(),
            leave_out: Vec::new(),
        }
    }

    /// Cuts the table into folders by the values of `columns`, which are then not in the files.
    /// The partitions follow one another in row order; those without rows get no file.
    pub fn partitioned_by<S: Into<String>>(
        mut self,
        columns: impl IntoIterator<Item = S>,
        partitions: Vec<Partition>,
    ) -> Self {
        self.partition_columns = columns.into_iter().map(Into::into).collect();
        self.partitions = partitions;
        self
    }

    /// Leaves columns of the source out of the files.
    pub fn leave_out<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.leave_out.extend(columns.into_iter().map(Into::into));
        self
    }
}

impl fmt::Debug for TableSpec<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableSpec")
            .field("name", &self.name)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

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
        (self.rows as f64 * self.sample.file_row_bytes) as u64
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

    fn need(&self) -> u64 {
        let chunk_rows = self
            .parts
            .iter()
            .map(|part| part.chunk_rows)
            .max()
            .unwrap_or(0);
        self.sample.need(chunk_rows, self.batch_rows as u64)
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
    format: FileFormat,
    tables: Vec<TablePlan<'a>>,
}

impl<'a> Plan<'a> {
    /// Starts a plan of files of one format.
    pub fn builder(format: impl Into<FileFormat>) -> PlanBuilder<'a> {
        PlanBuilder {
            format: format.into(),
            data_id: String::new(),
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

    /// The most memory that one worker holds, in bytes: batches, one encoded chunk, codecs.
    pub fn need_per_worker(&self) -> u64 {
        self.tables.iter().map(TablePlan::need).max().unwrap_or(0)
    }

    pub(crate) fn part_paths(&self) -> Vec<PartPath> {
        let parts = self.tables.iter().flat_map(|table| &table.parts);
        parts.map(|part| part.path.clone()).collect()
    }
}

/// Collects what a plan is made of.
#[derive(Debug)]
pub struct PlanBuilder<'a> {
    format: FileFormat,
    data_id: String,
    layout: Layout,
    tables: Vec<TableSpec<'a>>,
}

impl<'a> PlanBuilder<'a> {
    /// Names the data: dataset, version, seed, every parameter. It becomes part of the plan's id.
    pub fn data_id(mut self, data_id: impl Into<String>) -> Self {
        self.data_id = data_id.into();
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
    /// doubled tables or partitions that do not follow one another, and what the sources fail with.
    pub fn build(self) -> Result<Plan<'a>> {
        self.layout.check()?;
        let mut names: Vec<String> = self
            .tables
            .iter()
            .map(|table| table.name.to_lowercase())
            .collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::Invalid {
                what: "tables",
                expected: "different names".to_owned(),
                found: format!("`{}` twice", pair[0]),
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
            format: self.format,
            tables,
        })
    }
}

/// A table whose ranges are fixed, and whose paths wait for the plan's id.
struct Draft<'a> {
    spec: TableSpec<'a>,
    projection: Vec<usize>,
    schema: SchemaRef,
    format: Arc<dyn Format>,
    batch_rows: usize,
    sample: Sample,
    files: Vec<layout::FileRange>,
}

impl<'a> Draft<'a> {
    fn new(spec: TableSpec<'a>, file_format: FileFormat, layout: &Layout) -> Result<Self> {
        crate::place::check_name("table", &spec.name)?;
        check_partitions(&spec)?;
        let all = spec.source.schema();
        let projection = projection(&spec, &all)?;
        let schema: SchemaRef = if projection.len() == all.fields().len() {
            all
        } else {
            Arc::new(all.project(&projection).map_err(|source| Error::Source {
                table: spec.name.clone(),
                source,
            })?)
        };
        let format = file_format.bind(&schema)?;
        let batch_rows = layout::batch_rows(&schema);
        let kind = file_format.kind();
        let sample = sample::take(
            &spec,
            &projection,
            &schema,
            format.as_ref(),
            batch_rows,
            kind,
        )?;
        let chunk_rows = layout.chunk_rows(kind, &sample);
        let mut files = Vec::new();
        if spec.partition_columns.is_empty() {
            files.extend(layout.files(None, &spec.rows, chunk_rows, &sample)?);
        } else {
            for (at, partition) in spec.partitions.iter().enumerate() {
                if !partition.rows.is_empty() {
                    files.extend(layout.files(Some(at), &partition.rows, chunk_rows, &sample)?);
                    layout::check_files(files.len() as u64)?;
                }
            }
        }
        Ok(Self {
            spec,
            projection,
            schema,
            format,
            batch_rows,
            sample,
            files,
        })
    }

    fn finish(self, plan_id: &str, file_format: FileFormat) -> Result<TablePlan<'a>> {
        let spec = self.spec;
        let mut parts = Vec::with_capacity(self.files.len());
        for file in self.files {
            let partition: Vec<(String, Option<String>)> = match file.partition {
                Some(at) => {
                    let values = spec.partitions[at].values.iter().cloned();
                    spec.partition_columns.iter().cloned().zip(values).collect()
                }
                None => Vec::new(),
            };
            let path = PartPath::try_new(
                &spec.name,
                &partition,
                file.number,
                plan_id,
                file_format.extension(),
            )?;
            parts.push(Part {
                path,
                rows: file.rows,
                chunk_rows: file.chunk_rows,
            });
        }
        Ok(TablePlan {
            rows: parts
                .iter()
                .map(|part| part.rows.end - part.rows.start)
                .sum(),
            name: spec.name,
            source: spec.source,
            projection: self.projection,
            schema: self.schema,
            format: self.format,
            batch_rows: self.batch_rows,
            partition_columns: spec.partition_columns,
            parts,
            sample: self.sample,
        })
    }
}

fn projection(spec: &TableSpec<'_>, schema: &Schema) -> Result<Vec<usize>> {
    let out: Vec<&String> = spec
        .partition_columns
        .iter()
        .chain(&spec.leave_out)
        .collect();
    for name in &out {
        if schema.index_of(name).is_err() {
            let names: Vec<&str> = schema
                .fields()
                .iter()
                .map(|field| field.name().as_str())
                .collect();
            return Err(Error::Invalid {
                what: "column",
                expected: format!("one of table `{}`: {}", spec.name, names.join(", ")),
                found: format!("`{name}`"),
            });
        }
    }
    let kept: Vec<usize> = schema
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| !out.contains(&field.name()))
        .map(|(at, _)| at)
        .collect();
    if kept.is_empty() {
        return Err(Error::Invalid {
            what: "columns",
            expected: format!("at least one in the files of table `{}`", spec.name),
            found: "none".to_owned(),
        });
    }
    Ok(kept)
}

fn check_partitions(spec: &TableSpec<'_>) -> Result<()> {
    let refused = |expected: String, found: String| {
        Err(Error::Invalid {
            what: "partitions",
            expected,
            found,
        })
    };
    if spec.rows.start > spec.rows.end {
        return Err(Error::Invalid {
            what: "rows",
            expected: format!("a range for table `{}`", spec.name),
            found: format!("{}..{}", spec.rows.start, spec.rows.end),
        });
    }
    if spec.partition_columns.is_empty() {
        return Ok(());
    }
    let mut at = spec.rows.start;
    for partition in &spec.partitions {
        if partition.values.len() != spec.partition_columns.len() {
            return refused(
                format!("{} values", spec.partition_columns.len()),
                format!("{}", partition.values.len()),
            );
        }
        if partition.rows.start != at || partition.rows.end < at {
            return refused(
                format!("rows from {at} on"),
                format!("rows from {}", partition.rows.start),
            );
        }
        at = partition.rows.end;
    }
    if at != spec.rows.end {
        return refused(
            format!("rows up to {}", spec.rows.end),
            format!("rows up to {at}"),
        );
    }
    Ok(())
}
