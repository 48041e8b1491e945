//! Drives a plan: workers encode chunks side by side, each file gets its chunks in order.
//!
//! A worker goes on with its file; when no file is left to be opened, workers help with chunks of
//! those still open, so that one large file is made as fast as many small ones. A worker holds at
//! most one encoded chunk. One that is early waits for the chunks before its own; chunks of a file
//! are taken in order, so the worker with the lowest one never waits, and there is no deadlock.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use crate::error::{Error, Result};
use crate::format::{Assembler, Chunk, Encoder};
use crate::manifest::{MANIFEST_VERSION, Manifest, ManifestPart, ManifestTable};
use crate::place::Place;
use crate::plan::{Plan, TablePlan};
use crate::report::{Report, TableReport};
use crate::rows::{Checked, Watch};

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

    pub(crate) fn report(self, plan_id: &str, elapsed: std::time::Duration) -> Report {
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

/// A file that has been opened, or is about to be.
struct OpenPart<'p> {
    table: usize,
    number: usize,
    plan: &'p TablePlan<'p>,
    chunks: u64,
    /// The next chunk that nobody has taken.
    next: AtomicU64,
    state: Mutex<PartState>,
    /// Signalled when a chunk was appended, or the run has failed.
    moved: Condvar,
}

struct PartState {
    appended: u64,
    assembler: Option<Box<dyn Assembler>>,
}

struct Pump<'p> {
    run: Run<'p>,
    parts: Vec<OpenPart<'p>>,
    /// The next part that nobody has opened.
    unopened: AtomicU64,
    failed: AtomicBool,
    /// The error that counts: the first.
    error: Mutex<Option<Error>>,
    receipts: Mutex<Vec<(usize, usize, ManifestPart)>>,
    clocks: Mutex<Vec<Option<(Instant, Instant)>>>,
}

/// A chunk that a worker has taken.
struct Task<'t, 'p> {
    part: &'t OpenPart<'p>,
    chunk: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'p> Pump<'p> {
    fn new(run: Run<'p>) -> Self {
        let mut parts = Vec::new();
        for (table, plan) in run.plan.tables().iter().enumerate() {
            for (number, part) in plan.parts.iter().enumerate() {
                parts.push(OpenPart {
                    table,
                    number,
                    plan,
                    chunks: part.chunks(),
                    next: AtomicU64::new(0),
                    state: Mutex::new(PartState {
                        appended: 0,
                        assembler: None,
                    }),
                    moved: Condvar::new(),
                });
            }
        }
        Self {
            run,
            parts,
            unopened: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            error: Mutex::new(None),
            receipts: Mutex::new(Vec::new()),
            clocks: Mutex::new(vec![None; run.plan.tables().len()]),
        }
    }

    /// Works until nothing is left; an error or a panic here ends the other workers too.
    fn work_guarded(&self) {
        struct EndOthers<'g, 'p>(&'g Pump<'p>);
        impl Drop for EndOthers<'_, '_> {
            fn drop(&mut self) {
                if thread::panicking() {
                    self.0.fail();
                }
            }
        }
        let guard = EndOthers(self);
        if let Err(error) = self.work() {
            lock(&self.error).get_or_insert(error);
            self.fail();
        }
        drop(guard);
    }

    fn fail(&self) {
        self.failed.store(true, Ordering::SeqCst);
        for part in &self.parts {
            // The lock makes sure that nobody is between looking at the flag and waiting.
            let state = lock(&part.state);
            part.moved.notify_all();
            drop(state);
        }
    }

    fn work(&self) -> Result<()> {
        let mut current: Option<&OpenPart<'p>> = None;
        let mut encoder: Option<(usize, Box<dyn Encoder>)> = None;
        while let Some(task) = self.take(&mut current)? {
            let table = task.part.table;
            let mut own = match encoder.take() {
                Some((of, own)) if of == table => own,
                // The old one's memory goes before the new one's comes.
                other => {
                    drop(other);
                    task.part.plan.format.encoder()?
                }
            };
            let started = Instant::now();
            let chunk = self.encode(&task, own.as_mut())?;
            self.append(&task, &chunk)?;
            own.recycle(chunk);
            self.clock(table, started);
            encoder = Some((table, own));
        }
        Ok(())
    }

    /// The next chunk to encode; `None` when all are taken.
    fn take<'t>(&'t self, current: &mut Option<&'t OpenPart<'p>>) -> Result<Option<Task<'t, 'p>>> {
        loop {
            if self.watch(None).is_over() {
                return Err(Error::Stopped);
            }
            if let Some(part) = *current {
                let chunk = part.next.fetch_add(1, Ordering::Relaxed);
                if chunk < part.chunks {
                    return Ok(Some(Task { part, chunk }));
                }
                *current = None;
            }
            let unopened = self.unopened.fetch_add(1, Ordering::Relaxed) as usize;
            if let Some(part) = self.parts.get(unopened) {
                if part.chunks == 0 {
                    self.finish(part, self.open(part)?)?;
                } else {
                    *current = Some(part);
                }
                continue;
            }
            // Help where most is left.
            let left = |part: &OpenPart<'p>| {
                part.chunks
                    .saturating_sub(part.next.load(Ordering::Relaxed))
            };
            let Some(part) = self.parts.iter().max_by_key(|part| left(part)) else {
                return Ok(None);
            };
            if left(part) == 0 {
                return Ok(None);
            }
            *current = Some(part);
        }
    }

    fn watch<'w>(&'w self, count: Option<&'w (dyn Fn(u64) + Sync)>) -> Watch<'w> {
        Watch {
            stop: self.run.stop,
            failed: Some(&self.failed),
            count,
        }
    }

    fn encode(&self, task: &Task<'_, 'p>, encoder: &mut dyn Encoder) -> Result<Chunk> {
        let plan = task.part.plan;
        let count = |rows| {
            if let Some(observer) = self.run.observer {
                observer.rows(task.part.table, rows);
            }
        };
        let watch = self.watch(Some(&count));
        let mut rows = Checked::open(
            &plan.name,
            plan.source.as_ref(),
            &plan.projection,
            &plan.schema,
            plan.parts[task.part.number].chunk(task.chunk),
            plan.batch_rows,
            &watch,
        )?;
        rows.encode(encoder)
    }

    fn open(&self, part: &OpenPart<'p>) -> Result<Box<dyn Assembler>> {
        let out = self.run.place.create(&part.plan.parts[part.number].path)?;
        part.plan.format.assemble(out)
    }

    /// Appends a chunk when its turn has come; the last one finishes the file.
    fn append(&self, task: &Task<'_, 'p>, chunk: &Chunk) -> Result<()> {
        let part = task.part;
        let mut state = lock(&part.state);
        while state.appended < task.chunk {
            if self.failed.load(Ordering::SeqCst) {
                return Err(Error::Stopped);
            }
            state = part
                .moved
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let mut assembler = match state.assembler.take() {
            Some(assembler) => assembler,
            None => self.open(part)?,
        };
        assembler.append(chunk)?;
        state.appended += 1;
        if let Some(observer) = self.run.observer {
            observer.bytes(part.table, chunk.bytes());
        }
        if state.appended < part.chunks {
            state.assembler = Some(assembler);
            part.moved.notify_all();
            return Ok(());
        }
        drop(state);
        self.finish(part, assembler)
    }

    fn finish(&self, part: &OpenPart<'p>, assembler: Box<dyn Assembler>) -> Result<()> {
        let bytes = assembler.finish()?;
        let planned = &part.plan.parts[part.number];
        let receipt = ManifestPart {
            path: planned.path.as_str().to_owned(),
            first_row: planned.rows.start,
            rows: planned.rows.end - planned.rows.start,
            bytes,
        };
        if let Some(observer) = self.run.observer {
            observer.part_finished(part.table, &receipt);
        }
        lock(&self.receipts).push((part.table, part.number, receipt));
        Ok(())
    }

    fn clock(&self, table: usize, started: Instant) {
        let now = Instant::now();
        let mut clocks = lock(&self.clocks);
        let (first, last) = clocks[table].unwrap_or((started, now));
        clocks[table] = Some((first.min(started), last.max(now)));
    }

    fn into_written(self, workers: usize) -> Result<Written> {
        if let Some(error) = self
            .error
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
        {
            return Err(error);
        }
        let mut receipts = self
            .receipts
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        receipts.sort_by_key(|(table, number, _)| (*table, *number));
        let mut tables: Vec<ManifestTable> = self
            .run
            .plan
            .tables()
            .iter()
            .map(|table| ManifestTable {
                name: table.name.clone(),
                rows: 0,
                bytes: 0,
                partition_columns: table.partition_columns.clone(),
                parts: Vec::with_capacity(table.parts.len()),
            })
            .collect();
        for (table, _, part) in receipts {
            let table = &mut tables[table];
            table.rows += part.rows;
            table.bytes += part.bytes;
            table.parts.push(part);
        }
        let clocks = self
            .clocks
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let seconds = clocks
            .into_iter()
            .map(|clock| clock.map_or(0.0, |(first, last)| (last - first).as_secs_f64()))
            .collect();
        Ok(Written {
            tables,
            seconds,
            workers,
        })
    }
}
