//! The short way: open, write tables, commit.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Instant;

use arrow_array::RecordBatchReader;
use arrow_schema::ArrowError;

use crate::error::{Error, Result};
use crate::format::{FileFormat, FormatKind};
use crate::manifest::{MANIFEST_VERSION, Manifest};
use crate::place::{LocalPlace, PartPath, Place};
use crate::plan::{Layout, Plan, TableSpec, id};
use crate::pump::{DEFAULT_THREADS, Run, Written};
use crate::report::Report;
use crate::source::{BoxedReader, FnSource, Source};

/// Settings of an [`Output`].
#[derive(Debug)]
pub struct OutputBuilder {
    format: FileFormat,
    layout: Layout,
    threads: usize,
    memory: Option<u64>,
    data_id: String,
    target: Target,
}

enum Target {
    Folder(PathBuf),
    Place(Box<dyn Place>),
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(path) => f.debug_tuple("Folder").field(path).finish(),
            Self::Place(_) => f.write_str("Place"),
        }
    }
}

impl OutputBuilder {
    fn new(target: Target) -> Self {
        Self {
            format: FormatKind::Parquet.into(),
            layout: Layout::default(),
            threads: DEFAULT_THREADS,
            memory: None,
            data_id: String::new(),
            target,
        }
    }

    /// Sets the format; Parquet with zstd where none is set.
    pub fn format(mut self, format: impl Into<FileFormat>) -> Self {
        self.format = format.into();
        self
    }

    /// Sets sizes of files and chunks.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Sets how many workers there are at most.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Grants this many bytes of memory to all workers together.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Names the data; it becomes part of file names and of the manifest.
    pub fn data_id(mut self, data_id: impl Into<String>) -> Self {
        self.data_id = data_id.into();
        self
    }

    /// Makes the folder ready.
    ///
    /// # Errors
    /// [`Error::Exists`] when something else is there, [`Error::Io`] when it cannot be looked at.
    pub fn open(self) -> Result<Output> {
        let place = match self.target {
            Target::Folder(path) => Box::new(LocalPlace::create(path)?),
            Target::Place(place) => place,
        };
        Ok(Output {
            format: self.format,
            layout: self.layout,
            threads: self.threads,
            memory: self.memory,
            data_id: self.data_id,
            place,
            plan_ids: Vec::new(),
            paths: Vec::new(),
            written: Written {
                tables: Vec::new(),
                seconds: Vec::new(),
                workers: 0,
            },
            started: Instant::now(),
            is_committed: false,
        })
    }
}

/// A dataset on its way to a folder: whole after [`Self::commit`], nowhere before. Dropped without
/// it, the dataset does not exist.
///
/// # Example
/// ```
/// use std::convert::Infallible;
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchIterator};
/// use lakeseed_sink::{Output, Parquet};
///
/// let rows = |range: std::ops::Range<u64>| {
///     let ids = Int64Array::from_iter_values(range.map(|row| row as i64 + 1));
///     let batch = RecordBatch::try_from_iter([("id", Arc::new(ids) as ArrayRef)]).unwrap();
///     Ok::<_, Infallible>(RecordBatchIterator::new([Ok(batch.clone())], batch.schema()))
/// };
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("demo");
/// let mut out = Output::create(&path).format(Parquet::zstd(1)).threads(2).open()?;
/// out.write("pets", 1_000, rows)?;
/// let report = out.commit()?;
/// assert_eq!(report.rows(), 1_000);
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
pub struct Output {
    format: FileFormat,
    layout: Layout,
    threads: usize,
    memory: Option<u64>,
    data_id: String,
    place: Box<dyn Place>,
    plan_ids: Vec<String>,
    paths: Vec<PartPath>,
    written: Written,
    started: Instant,
    is_committed: bool,
}

impl Output {
    /// Starts the settings of an output in a local folder.
    pub fn create(folder: impl Into<PathBuf>) -> OutputBuilder {
        OutputBuilder::new(Target::Folder(folder.into()))
    }

    /// Starts the settings of an output in any place.
    pub fn to_place(place: impl Place + 'static) -> OutputBuilder {
        OutputBuilder::new(Target::Place(Box::new(place)))
    }

    /// Writes a table of `rows` rows. `open` gives a reader of any range of them, each time the
    /// same; it is called from several threads, once a chunk, and for the schema with no rows.
    ///
    /// # Errors
    /// As [`Self::write_table`].
    pub fn write<R, E, F>(&mut self, table: &str, rows: u64, open: F) -> Result<()>
    where
        R: RecordBatchReader + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
        F: Fn(Range<u64>) -> Result<R, E> + Send + Sync,
    {
        let open = |range, _| match open(range) {
            Ok(reader) => Ok(Box::new(reader) as BoxedReader),
            Err(error) => Err(ArrowError::ExternalError(Box::new(error))),
        };
        let schema = open(0..0, 0).map(|reader| reader.schema());
        let schema = schema.map_err(|source| Error::Source {
            table: table.to_owned(),
            source,
        })?;
        self.write_source(table, rows, FnSource::new(schema, open))
    }

    /// Writes the first `rows` rows of a source.
    ///
    /// # Errors
    /// As [`Self::write_table`].
    pub fn write_source(&mut self, table: &str, rows: u64, source: impl Source) -> Result<()> {
        self.write_table(TableSpec::new(table, source, 0..rows))
    }

    /// Writes a table with all its settings.
    ///
    /// # Errors
    /// What planning and writing fail with. The output is then lost: nothing of it will appear.
    pub fn write_table(&mut self, table: TableSpec<'_>) -> Result<()> {
        let done = self.try_write(table);
        if done.is_err() {
            self.place.abandon();
            self.is_committed = true;
        }
        done
    }

    fn try_write(&mut self, table: TableSpec<'_>) -> Result<()> {
        if self.is_committed {
            return Err(Error::Stopped);
        }
        let plan = Plan::builder(self.format)
            .data_id(self.data_id.clone())
            .layout(self.layout)
            .table(table)
            .build()?;
        let name = plan
            .tables()
            .first()
            .map(|table| table.name().to_lowercase());
        if self
            .written
            .tables
            .iter()
            .any(|table| Some(table.name.to_lowercase()) == name)
        {
            return Err(Error::Invalid {
                what: "tables",
                expected: "different names".to_owned(),
                found: format!("`{}` twice", name.unwrap_or_default()),
            });
        }
        self.paths.extend(plan.part_paths());
        self.place.begin(plan.id(), &self.paths)?;
        let mut run = Run::new(&plan, self.place.as_ref()).threads(self.threads);
        if let Some(bytes) = self.memory {
            run = run.memory(bytes);
        }
        let written = run.write()?;
        self.plan_ids.push(plan.id().to_owned());
        self.written.tables.extend(written.tables);
        self.written.seconds.extend(written.seconds);
        self.written.workers = self.written.workers.max(written.workers);
        Ok(())
    }

    /// Publishes all tables: each file gets its name, the manifest comes last.
    ///
    /// # Errors
    /// When a name cannot be given; nothing is published then.
    pub fn commit(mut self) -> Result<Report> {
        if self.is_committed {
            return Err(Error::Stopped);
        }
        let plan_id = id::joined(&self.plan_ids);
        let manifest = Manifest {
            version: MANIFEST_VERSION,
            written_by: concat!("lakeseed ", env!("CARGO_PKG_VERSION")).to_owned(),
            plan_id: plan_id.clone(),
            data_id: self.data_id.clone(),
            format: self.format.kind().to_string(),
            compression: self.format.compression().to_string(),
            tables: self.written.tables.clone(),
        };
        self.place.publish(&manifest)?;
        self.is_committed = true;
        let nothing = Written {
            tables: Vec::new(),
            seconds: Vec::new(),
            workers: 0,
        };
        let written = std::mem::replace(&mut self.written, nothing);
        Ok(written.report(&plan_id, self.started.elapsed()))
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if !self.is_committed {
            self.place.abandon();
        }
    }
}
