//! Drives a plan: workers encode chunks side by side, each file gets its chunks in order.
//!
//! A worker goes on with its file; when no file is left to be opened, workers help with chunks of
//! those still open, so that one large file is made as fast as many small ones. A worker holds at
//! most one encoded chunk. One that is early waits for the chunks before its own; chunks of a file
//! are taken in order, so the worker with the lowest one never waits, and there is no deadlock.

mod digested;
mod heart;
mod workers;

use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use lakeseed_budget::{Budget, Bytes, Lease};

pub(crate) use self::digested::Digested;
pub(crate) use self::heart::Heart;
use self::workers::Pump;
use crate::commit::{
    Begun, Completed, HEARTBEAT, LastRun, Mode, Others, PlanRecord, Session, Shard,
};
use crate::error::{Error, Result};
use crate::manifest::{Manifest, ManifestPart};
use crate::path::PartPath;
use crate::plan::Plan;
use crate::report::{Report, TableReport};
use crate::store::{PartWriter, Store};
use crate::stream::Stream;

/// Workers where nothing else is asked for.
pub const DEFAULT_THREADS: usize = 1;

/// Learns how far a run has come. Called from several threads, often: it should be quick.
pub trait Observer: Sync {
    /// Rows of the table at position `table` of the plan were made.
    fn rows(&self, table: usize, rows: u64) {
        let _ = (table, rows);
    }

    /// An earlier run came to no end, and this one goes on: so much of it is there already, which may
    /// be nothing.
    fn goes_on(&self, parts: usize, rows: u64, last: Option<&LastRun>) {
        let _ = (parts, rows, last);
    }

    /// Bytes of a table were written.
    fn bytes(&self, table: usize, bytes: u64) {
        let _ = (table, bytes);
    }

    /// A file was finished: durable and recorded, whatever happens next.
    fn part_finished(&self, table: usize, part: &ManifestPart) {
        let _ = (table, part);
    }

    /// A setting of the other side weakens what is promised: told before the first message.
    fn warns(&self, line: &str) {
        let _ = line;
    }

    /// A queue has acknowledged all messages of a part, and the ledger says so, where there is one.
    fn part_acknowledged(&self, part: &str, rows: u64, bytes: u64) {
        let _ = (part, rows, bytes);
    }

    /// A database has committed a part of the table at position `table` of the plan.
    fn part_loaded(&self, table: usize, part: &str, rows: u64, bytes: u64) {
        let _ = (table, part, rows, bytes);
    }
}

/// A plan on its way to a store or a stream.
///
/// # Example
/// ```
/// use lakeseed_sink::{BatchSource, Json, MemoryStore, Plan, Run, TableSpec};
/// # use std::sync::Arc;
/// # let ids = Arc::new(arrow_array::Int64Array::from(vec![1, 2, 3])) as arrow_array::ArrayRef;
/// # let batch = arrow_array::RecordBatch::try_from_iter([("id", ids)]).unwrap();
/// let pets = TableSpec::new("pets", BatchSource::new(batch), 0..3);
/// let plan = Plan::builder(Json::plain()).table(pets).build()?;
/// let store = MemoryStore::new();
/// let report = Run::new(&plan, &store).threads(2).commit()?;
/// assert_eq!(report.rows(), 3);
/// let text = store.files().into_values().next().unwrap();
/// assert_eq!(text, b"{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n");
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Run<'r> {
    plan: &'r Plan<'r>,
    target: Target<'r>,
    threads: usize,
    budget: Option<&'r Budget>,
    observer: Option<&'r dyn Observer>,
    stop: Option<&'r AtomicBool>,
    stopped_by: Option<&'r (dyn Fn() -> String + Sync)>,
    mode: Mode,
    shard: Shard,
    heartbeat: Duration,
}

#[derive(Clone, Copy)]
enum Target<'r> {
    Store(&'r dyn Store),
    Stream(&'r Stream),
}

impl<'r> Run<'r> {
    /// A run into a store, with one worker, without a limit of memory.
    pub fn new(plan: &'r Plan<'r>, store: &'r dyn Store) -> Self {
        Self::to(plan, Target::Store(store))
    }

    /// A run of a plan of one file into a stream.
    pub fn to_stream(plan: &'r Plan<'r>, stream: &'r Stream) -> Self {
        Self::to(plan, Target::Stream(stream))
    }

    fn to(plan: &'r Plan<'r>, target: Target<'r>) -> Self {
        Self {
            plan,
            target,
            threads: DEFAULT_THREADS,
            budget: None,
            observer: None,
            stop: None,
            stopped_by: None,
            mode: Mode::New,
            shard: Shard::WHOLE,
            heartbeat: HEARTBEAT,
        }
    }

    /// Sets how many workers there are at most.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Sets where memory comes from. There are as many workers as its free part carries, and each
    /// takes a lease of [`Run::need_per_worker`] before it makes the first row; it gives it back when
    /// it ends and the parts that it opened are finished. Runs that share a budget wait for each
    /// other, and never hold more than it has.
    ///
    /// ```
    /// use lakeseed_sink::{BatchSource, Budget, Csv, MIB, MemoryStore, Plan, Run, TableSpec};
    /// # use std::sync::Arc;
    /// # let ids = Arc::new(arrow_array::Int64Array::from(vec![1, 2, 3])) as arrow_array::ArrayRef;
    /// # let batch = arrow_array::RecordBatch::try_from_iter([("id", ids)]).unwrap();
    /// let pets = TableSpec::new("pets", BatchSource::new(batch), 0..3);
    /// let plan = Plan::builder(Csv::plain()).table(pets).build()?;
    /// let (store, budget) = (MemoryStore::new(), Budget::new(64 * MIB));
    /// Run::new(&plan, &store).threads(2).budget(&budget).commit()?;
    /// assert_eq!(budget.free(), budget.total());
    /// # Ok::<(), lakeseed_sink::Error>(())
    /// ```
    pub fn budget(mut self, budget: &'r Budget) -> Self {
        self.budget = Some(budget);
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

    /// Sets who is asked, after the flag ended the run, who raised it: the next run tells.
    pub fn stopped_by(mut self, name: &'r (dyn Fn() -> String + Sync)) -> Self {
        self.stopped_by = Some(name);
        self
    }

    /// Sets how the run meets what stands in the store already.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Makes only the parts of one shard; [`combine`](crate::combine) makes the whole.
    pub fn shard(mut self, shard: Shard) -> Self {
        self.shard = shard;
        self
    }

    /// Sets how often the run shows that it lives, and so how long a claim of another machine is
    /// watched. For tests: processes with different heartbeats take each other for dead.
    #[doc(hidden)]
    pub fn heartbeat(mut self, every: Duration) -> Self {
        self.heartbeat = every;
        self
    }

    /// The most memory that one worker holds, in bytes: its batches, a chunk, an open part.
    pub fn need_per_worker(&self) -> u64 {
        let open_part = match self.target {
            Target::Store(store) => store.part_bytes(self.plan.largest_file()),
            Target::Stream(_) => 0,
        };
        self.plan.need_per_worker() + open_part
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
        if let Some(budget) = self.budget {
            let (needed, granted) = (self.need_per_worker(), budget.total().get());
            if granted < needed {
                return Err(Error::Memory { needed, granted });
            }
            // Where others hold it all now, one waits for them.
            let carried = (budget.free().get() / needed.max(1)).max(1);
            workers = workers.min(usize::try_from(carried).unwrap_or(usize::MAX));
        }
        Ok(workers)
    }

    /// Writes all files and publishes them: the manifest comes last. Where an earlier run of the
    /// same plan was interrupted, it makes what is missing; where one has finished, nothing.
    ///
    /// # Errors
    /// A refusal, before any work: [`Error::Exists`], [`Error::OtherPlan`], [`Error::InUse`],
    /// [`Error::Memory`]. On the way [`Error::Incomplete`] with the first error of any worker and
    /// what is pending, or, where nothing was finished yet, that error alone.
    pub fn commit(self) -> Result<Report> {
        let started = Instant::now();
        let store = match self.target {
            Target::Stream(_) => {
                Stream::check(self.plan.files())?;
                let written = self.write(None)?;
                return Ok(written.report(self.plan, started));
            }
            Target::Store(store) => store,
        };
        let begun = Session::begin(
            store,
            PlanRecord::new(self.plan, self.mode, self.shard),
            self.shard,
            Others::Refuse,
            self.heartbeat,
        )?;
        let session = match begun {
            Begun::Finished(manifest) => {
                return Ok(Report::already_there(self.plan.id(), &manifest));
            }
            Begun::ShardFinished(lines) => {
                let parts = lines.iter().map(|line| (line.table, &line.part));
                return Ok(Report::of_parts(self.plan, parts));
            }
            Begun::Open(session) => *session,
        };
        if let Err(error) = self.workers() {
            return Err(session.interrupted(error, None));
        }
        let (found, last_run) = (session.found(), session.last_run().cloned());
        let by = || self.stopped_by.map(|name| name());
        let written = match self.write(Some(&session)) {
            Ok(written) => written,
            Err(error) => return Err(session.interrupted(error, by())),
        };
        let mut report = match session.complete()? {
            Completed::Output(manifest) => written.report_of(self.plan, started, &manifest),
            Completed::Shard(lines) => {
                let parts = lines.iter().map(|line| (line.table, &line.part));
                let all = Report::of_parts(self.plan, parts);
                written.report_with(self.plan, started, all)
            }
        };
        report.parts_found = found;
        report.last_run = last_run;
        Ok(report)
    }

    /// Writes what is to be written, without publishing it.
    pub(crate) fn write(&self, session: Option<&Session<'r>>) -> Result<Written> {
        let workers = self.workers()?;
        let todo = match session {
            Some(session) => session.todo(),
            None => self.all_parts(),
        };
        if let (Some(session), Some(observer)) = (session, self.observer)
            && (session.found() > 0 || session.last_run().is_some())
        {
            observer.goes_on(session.found(), session.found_rows(), session.last_run());
        }
        let workers = workers.min(self.work_of(&todo)).max(1);
        let pump = Pump::new(*self, session, &todo);
        let heart = Heart::new(self.heartbeat);
        thread::scope(|scope| {
            if let Some(session) = session {
                scope.spawn(|| heart.beat_until_stopped(session, &|error| pump.end_with(error)));
            }
            let others: Vec<_> = (1..workers)
                .map(|_| scope.spawn(|| pump.work_guarded()))
                .collect();
            let stops_heart = heart.stopper();
            pump.work_guarded();
            for other in others {
                if let Err(panic) = other.join() {
                    std::panic::resume_unwind(panic);
                }
            }
            drop(stops_heart);
        });
        pump.into_written(workers)
    }

    fn all_parts(&self) -> Vec<(usize, usize)> {
        let tables = self.plan.tables().iter().enumerate();
        tables
            .flat_map(|(table, plan)| (0..plan.parts.len()).map(move |number| (table, number)))
            .collect()
    }

    /// Chunks of some parts; a part without rows is work too.
    fn work_of(&self, todo: &[(usize, usize)]) -> usize {
        let chunks = todo.iter().map(|(table, number)| {
            let part = &self.plan.tables()[*table].parts[*number];
            part.chunks().max(1)
        });
        usize::try_from(chunks.sum::<u64>()).unwrap_or(usize::MAX)
    }

    /// What one worker is going to hold; waits where others hold it now.
    fn lease(&self) -> Result<Option<Lease>> {
        let Some(budget) = self.budget else {
            return Ok(None);
        };
        let needed = self.need_per_worker();
        match budget.lease("a worker", Bytes::new(needed)) {
            Ok(lease) => Ok(Some(lease)),
            Err(_) => Err(Error::Memory {
                needed,
                granted: budget.total().get(),
            }),
        }
    }

    fn create(&self, path: &PartPath, expected_bytes: u64) -> Result<Box<dyn PartWriter>> {
        match self.target {
            Target::Store(store) => store.create(path, expected_bytes),
            Target::Stream(stream) => stream.create(path),
        }
    }
}

/// What a run has written.
pub(crate) struct Written {
    /// By table: what this run has made.
    pub(crate) tables: Vec<TableReport>,
    pub(crate) workers: usize,
}

impl Written {
    fn report(self, plan: &Plan<'_>, started: Instant) -> Report {
        Report {
            plan_id: plan.id().to_owned(),
            tables: self.tables,
            workers: self.workers,
            seconds: started.elapsed().as_secs_f64(),
            written: true,
            parts_found: 0,
            last_run: None,
        }
    }

    /// The whole output, with what this run did for it.
    pub(crate) fn report_of(
        self,
        plan: &Plan<'_>,
        started: Instant,
        manifest: &Manifest,
    ) -> Report {
        let all = Report::already_there(plan.id(), manifest);
        self.report_with(plan, started, all)
    }

    fn report_with(self, plan: &Plan<'_>, started: Instant, mut all: Report) -> Report {
        let mine = self.report(plan, started);
        for table in &mut all.tables {
            if let Some(own) = mine.tables.iter().find(|own| own.name == table.name) {
                table.made_rows = own.made_rows;
                table.made_bytes = own.made_bytes;
                table.seconds = own.seconds;
            }
        }
        Report {
            tables: all.tables,
            ..mine
        }
    }
}
