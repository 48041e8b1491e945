//! The short way: open, write tables, commit.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Instant;

use arrow_array::RecordBatchReader;
use arrow_schema::ArrowError;
use lakeseed_budget::{Budget, Bytes};

use crate::commit::{
    Begun, HEARTBEAT, Mode, Others, Parked, PlanRecord, Session, Shard, inspect, seal_all,
};
use crate::error::{Error, Result};
use crate::format::{FileFormat, FormatKind};
use crate::plan::{Layout, Plan, TableSpec};
use crate::pump::{DEFAULT_THREADS, Run};
use crate::report::{Report, TableReport};
use crate::source::{BoxedReader, FnSource, Source};
use crate::store::{LocalStore, Store};

/// Settings of an [`Output`].
#[derive(Debug)]
pub struct OutputBuilder {
    format: FileFormat,
    layout: Layout,
    threads: usize,
    budget: Option<Budget>,
    data_id: String,
    store: Box<dyn Store>,
}

impl OutputBuilder {
    fn new(store: Box<dyn Store>) -> Self {
        Self {
            format: FormatKind::Parquet.into(),
            layout: Layout::default(),
            threads: DEFAULT_THREADS,
            budget: None,
            data_id: String::new(),
            store,
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
        self.budget = Some(Budget::new(Bytes::new(bytes)));
        self
    }

    /// Names the data; it becomes part of file names and of the manifest.
    pub fn data_id(mut self, data_id: impl Into<String>) -> Self {
        self.data_id = data_id.into();
        self
    }

    /// Looks what stands there. What an interrupted output left is gone on with where the same
    /// tables are written again, and removed at the commit where they are not.
    ///
    /// # Errors
    /// [`Error::Exists`] when a stranger's files are there, [`Error::OtherPlan`] when a finished
    /// output is, and what the store fails with.
    pub fn open(self) -> Result<Output> {
        let standing = inspect(self.store.as_ref())?;
        let address = self.store.address();
        if let Some(found) = standing.foreign {
            return Err(Error::Exists {
                path: address.into(),
                found,
            });
        }
        if let Some(manifest) = standing.finished {
            return Err(Error::OtherPlan {
                address,
                expected: "nothing".to_owned(),
                found: format!("the finished plan {}", manifest.plan_id()),
            });
        }
        Ok(Output {
            format: self.format,
            layout: self.layout,
            threads: self.threads,
            budget: self.budget,
            data_id: self.data_id,
            store: self.store,
            written: Vec::new(),
            tables: Vec::new(),
            workers: 0,
            started: Instant::now(),
            is_over: false,
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
    budget: Option<Budget>,
    data_id: String,
    store: Box<dyn Store>,
    written: Vec<Parked>,
    tables: Vec<TableReport>,
    workers: usize,
    started: Instant,
    /// Committed, or lost.
    is_over: bool,
}

impl Output {
    /// Starts the settings of an output in a local folder.
    pub fn create(folder: impl Into<PathBuf>) -> OutputBuilder {
        OutputBuilder::new(Box::new(LocalStore::new(folder)))
    }

    /// Starts the settings of an output in any store.
    pub fn to_store(store: impl Store + 'static) -> OutputBuilder {
        OutputBuilder::new(Box::new(store))
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
        if self.is_over {
            return Err(Error::Stopped);
        }
        let done = self.try_write(table);
        if done.is_err() {
            self.withdraw();
        }
        done
    }

    fn try_write(&mut self, table: TableSpec<'_>) -> Result<()> {
        let plan = Plan::builder(self.format)
            .data_id(self.data_id.clone())
            .layout(self.layout)
            .table(table)
            .build()?;
        for table in plan.tables() {
            let name = table.name().to_lowercase();
            if self
                .tables
                .iter()
                .any(|there| there.name.to_lowercase() == name)
            {
                return Err(Error::Invalid {
                    what: "tables",
                    expected: "different names".to_owned(),
                    found: format!("`{name}` twice"),
                });
            }
        }
        let store = self.store.as_ref();
        let begun = Session::begin(
            store,
            PlanRecord::new(&plan, Mode::New, Shard::WHOLE),
            Shard::WHOLE,
            Others::Leave,
            HEARTBEAT,
        )?;
        let Begun::Open(session) = begun else {
            return Err(Error::Unfinished {
                address: store.address(),
            });
        };
        let mut run = Run::new(&plan, store).threads(self.threads);
        if let Some(budget) = &self.budget {
            run = run.budget(budget);
        }
        let written = run.write(Some(&session));
        let parked = session.park();
        match written {
            Ok(written) => {
                self.workers = self.workers.max(written.workers);
                self.tables.extend(written.tables);
                self.written.push(parked);
                Ok(())
            }
            Err(error) => {
                // What cannot be removed stays without a manifest, so nobody takes it for whole.
                let _ = parked.withdraw(store);
                Err(error)
            }
        }
    }

    /// Publishes all tables: each file gets its name, the manifest comes last.
    ///
    /// # Errors
    /// When a name cannot be given; there is no manifest then, and readers of ours refuse the rest.
    pub fn commit(mut self) -> Result<Report> {
        if self.is_over {
            return Err(Error::Stopped);
        }
        let written = std::mem::take(&mut self.written);
        let manifest = match seal_all(self.store.as_ref(), &written) {
            Ok(manifest) => manifest,
            Err(error) => {
                self.written = written;
                return Err(error);
            }
        };
        self.is_over = true;
        let mut report = Report::already_there(&manifest.run_id, &manifest);
        for table in &mut report.tables {
            if let Some(own) = self.tables.iter().find(|own| own.name == table.name) {
                *table = TableReport {
                    rows: table.rows,
                    files: table.files,
                    bytes: table.bytes,
                    ..own.clone()
                };
            }
        }
        report.workers = self.workers;
        report.seconds = self.started.elapsed().as_secs_f64();
        report.written = true;
        Ok(report)
    }

    /// Takes everything back.
    fn withdraw(&mut self) {
        self.is_over = true;
        for parked in std::mem::take(&mut self.written) {
            // What cannot be removed stays without a manifest, so nobody takes it for whole.
            let _ = parked.withdraw(self.store.as_ref());
        }
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
        if !self.is_over {
            self.withdraw();
        }
    }
}
