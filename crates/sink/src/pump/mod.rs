//! Drives a plan: workers encode chunks side by side, each file gets its chunks in order.
//!
//! A worker goes on with its file; when no file is left to be opened, workers help with chunks of
//! those still open, so that one large file is made as fast as many small ones. A worker holds at
//! most one encoded chunk. One that is early waits for the chunks before its own; chunks of a file
//! are taken in order, so the worker with the lowest one never waits, and there is no deadlock.

mod workers;

use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use self::workers::Pump;
use crate::error::{Error, Result};
use crate::manifest::{MANIFEST_VERSION, Manifest, ManifestPart, ManifestTable};
use crate::place::Place;
use crate::plan::Plan;
use crate::report::{Report, TableReport};

/// Workers where nothing else is asked for.
pub const DEFAULT_THREADS: usize = 1;

/// Learns how far a run has come. Called from several threads, often: it should be quick.
pub trait Observer: Sync {
    /// Rows of the table at position `table` of the plan were made.
    fn rows(&self, table: usize, rows: u64) {
        let _ = (table, rows);
    }

    /// Bytes of a table were written.
    fn bytes(&self, table: usize, bytes: u64) {
        let _ = (table, bytes);
    }

    /// A file was finished: durable, without its final name yet.
    fn part_finished(&self, table: usize, part: &ManifestPart) {
        let _ = (table, part);
    }
}

/// A plan on its way to a place.
///
/// # Example
/// ```
/// use lakeseed_sink::{BatchSource, Json, MemoryPlace, Plan, Run, TableSpec};
/// # use std::sync::Arc;
/// # let ids = Arc::new(arrow_array::Int64Array::from(vec![1, 2, 3])) as arrow_array::ArrayRef;
/// # let batch = arrow_array::RecordBatch::try_from_iter([("id", ids)]).unwrap();
/// let pets = TableSpec::new("pets", BatchSource::new(batch), 0..3);
/// let plan = Plan::builder(Json::plain()).table(pets).build()?;
/// let place = MemoryPlace::new();
/// let report = Run::new(&plan, &place).threads(2).commit()?;
/// assert_eq!(report.rows(), 3);
/// let text = place.files().into_values().next().unwrap();
/// assert_eq!(text, b"{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n");
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Run<'r> {
    plan: &'r Plan<'r>,
    place: &'r dyn Place,
    threads: usize,
    memory: Option<u64>,
    observer: Option<&'r dyn Observer>,
    stop: Option<&'r AtomicBool>,
}

impl<'r> Run<'r> {
    /// A run with one worker, without a limit of memory.
    pub fn new(plan: &'r Plan<'r>, place: &'r dyn Place) -> Self {
        Self {
            plan,
            place,
            threads: DEFAULT_THREADS,
            memory: None,
            observer: None,
            stop: None,
        }
    }

    /// Sets how many workers there are at most.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Grants this many bytes to all workers together: there are as many as it carries.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Sets who is told of the progress.
    pub fn observer(mut self, observer: &'r dyn Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Sets the flag that ends the run, between two batches, with [`Error::Stopped`].
    pub fn stop(mut self, flag: &'r AtomicBool) -> Self {
        self.stop = Some(flag);
        self
    }

    /// How many workers there will be: what was asked, what there is to do, what memory carries.
    ///
    /// # Errors
    /// [`Error::Memory`] when it carries not even one.
    pub fn workers(&self) -> Result<usize> {
        let tables = self.plan.tables().iter();
        let work: u64 = tables
            .flat_map(|table| &table.parts)
            .map(|part| part.chunks().max(1))
            .sum();
        let mut workers = self
            .threads
            .min(usize::try_from(work).unwrap_or(usize::MAX))
            .max(1);
        if let Some(granted) = self.memory {
            let needed = self.plan.need_per_worker();
            let carried = granted / needed.max(1);
            if carried == 0 {
                return Err(Error::Memory { needed, granted });
            }
            workers = workers.min(usize::try_from(carried).unwrap_or(usize::MAX));
        }
        Ok(workers)
    }

    /// Writes all files and publishes them.
    ///
    /// # Errors
    /// The first error of any worker. Nothing is published then, and what was written is removed.
    pub fn commit(self) -> Result<Report> {
        let started = Instant::now();
        let done = self
            .place
            .begin(self.plan.id(), &self.plan.part_paths())
            .and_then(|()| {
                let written = self.write()?;
                self.place.publish(&written.manifest(self.plan))?;
                Ok(written)
            });
        match done {
            Ok(written) => Ok(written.report(self.plan.id(), started.elapsed())),
            Err(error) => {
                self.place.abandon();
                Err(error)
            }
        }
    }

    /// Writes all files, without publishing them.
    pub(crate) fn write(&self) -> Result<Written> {
        let workers = self.workers()?;
        let pump = Pump::new(*self);
        thread::scope(|scope| {
            let others: Vec<_> = (1..workers)
                .map(|_| scope.spawn(|| pump.work_guarded()))
                .collect();
            pump.work_guarded();
            for other in others {
                if let Err(panic) = other.join() {
                    std::panic::resume_unwind(panic);
                }
            }
        });
        pump.into_written(workers)
    }
}

/// What a run has written.
pub(crate) struct Written {
    pub(crate) tables: Vec<ManifestTable>,
    pub(crate) seconds: Vec<f64>,
    pub(crate) workers: usize,
}

impl Written {
    pub(crate) fn manifest(&self, plan: &Plan<'_>) -> Manifest {
        Manifest {
            version: MANIFEST_VERSION,
            written_by: concat!("lakeseed ", env!("CARGO_PKG_VERSION")).to_owned(),
            plan_id: plan.id().to_owned(),
            data_id: plan.data_id().to_owned(),
            format: plan.format().kind().to_string(),
            compression: plan.format().compression().to_string(),
            tables: self.tables.clone(),
        }
    }

    pub(crate) fn report(self, plan_id: &str, elapsed: Duration) -> Report {
        let tables = self
            .tables
            .iter()
            .zip(self.seconds)
            .map(|(table, seconds)| TableReport {
                name: table.name.clone(),
                rows: table.rows,
                files: table.parts.len(),
                bytes: table.bytes,
                seconds,
            });
        Report {
            plan_id: plan_id.to_owned(),
            tables: tables.collect(),
            workers: self.workers,
            seconds: elapsed.as_secs_f64(),
        }
    }
}
