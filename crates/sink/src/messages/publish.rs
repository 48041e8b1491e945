//! A plan of messages on its way: what is asked, what stands, what is written down.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;

use lakeseed_budget::{Budget, Bytes, Lease};

use super::folder;
use super::ledger::Ledger;
use super::pace::{Clock, Pace, SystemClock};
use super::plan::MessagePlan;
use super::queue::{Before, Queue};
use super::report::Published;
use super::workers::{self, Work};
use crate::commit::{Begun, Completed, HEARTBEAT, Others, Session, Shard};
use crate::error::{Error, Result};
use crate::pump::{DEFAULT_THREADS, Heart, Observer};
use crate::store::Store;
use crate::sync::lock;

/// A plan of messages on its way.
///
/// # Example
/// ```
/// use lakeseed_sink::messages::{Counting, MessagePlan, Publish};
/// # use lakeseed_sink::BatchSource;
/// # use std::sync::Arc;
/// # let ids = Arc::new(arrow_array::Int64Array::from(vec![1, 2, 3])) as arrow_array::ArrayRef;
/// # let batch = arrow_array::RecordBatch::try_from_iter([("id", ids)]).unwrap();
/// let plan = MessagePlan::builder("pets").source(BatchSource::new(batch), 0..3).build()?;
/// let queue = Counting::new();
/// let done = Publish::to_queue(&plan, &queue).threads(2).run()?;
/// assert_eq!((done.messages, done.rows), (1, 3));
/// assert_eq!(queue.counted().0, 1);
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
#[derive(Clone)]
pub struct Publish<'p> {
    pub(super) plan: &'p MessagePlan<'p>,
    target: Target<'p>,
    threads: usize,
    budget: Option<&'p Budget>,
    pub(super) observer: Option<&'p dyn Observer>,
    pub(super) stop: Option<&'p AtomicBool>,
    stopped_by: Option<&'p (dyn Fn() -> String + Sync)>,
    rate: Option<f64>,
    clock: Option<&'p dyn Clock>,
}

#[derive(Clone)]
enum Target<'p> {
    Queue(&'p dyn Queue, Option<PathBuf>),
    Store(&'p dyn Store),
}

impl<'p> Publish<'p> {
    /// Messages to a queue, without a ledger: nothing is remembered of it.
    pub fn to_queue(plan: &'p MessagePlan<'p>, queue: &'p dyn Queue) -> Self {
        Self::to(plan, Target::Queue(queue, None))
    }

    /// Messages to a queue, with a ledger in a folder: the same run again sends what is not proven.
    pub fn with_ledger(
        plan: &'p MessagePlan<'p>,
        queue: &'p dyn Queue,
        ledger: impl Into<PathBuf>,
    ) -> Self {
        Self::to(plan, Target::Queue(queue, Some(ledger.into())))
    }

    /// Messages to files, one message a line, a file a part. The manifest comes last; the same run
    /// again goes on.
    pub fn to_files(plan: &'p MessagePlan<'p>, store: &'p dyn Store) -> Self {
        Self::to(plan, Target::Store(store))
    }

    fn to(plan: &'p MessagePlan<'p>, target: Target<'p>) -> Self {
        Self {
            plan,
            target,
            threads: DEFAULT_THREADS,
            budget: None,
            observer: None,
            stop: None,
            stopped_by: None,
            rate: None,
            clock: None,
        }
    }

    /// Sets how many workers there are at most.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Sets where memory comes from: there are as many workers as its free part carries, and each
    /// takes a lease of [`Self::need_per_worker`] before it makes the first row.
    pub fn budget(mut self, budget: &'p Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Sets who is told of the progress: of rows and bytes that are on their way, and of parts that
    /// are proven.
    pub fn observer(mut self, observer: &'p dyn Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Sets the flag that ends the run, between two blocks of messages, with [`Error::Stopped`].
    pub fn stop(mut self, flag: &'p AtomicBool) -> Self {
        self.stop = Some(flag);
        self
    }

    /// Sets who is asked, after the flag ended the run, who raised it: the next run into the same
    /// folder tells.
    pub fn stopped_by(mut self, name: &'p (dyn Fn() -> String + Sync)) -> Self {
        self.stopped_by = Some(name);
        self
    }

    /// Lets at most so many messages a second through, all workers together.
    pub fn rate(mut self, per_second: f64) -> Self {
        self.rate = Some(per_second);
        self
    }

    /// Sets the clock of the rate; the system's steady one where nothing is set.
    pub fn clock(mut self, clock: &'p dyn Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The most memory that one worker holds, in bytes, its sender included.
    pub fn need_per_worker(&self) -> u64 {
        let sender = match &self.target {
            Target::Queue(queue, _) => queue.sender_bytes(),
            Target::Store(store) => store.part_bytes(folder::EXPECTED_BYTES),
        };
        self.plan.need_per_worker() + sender
    }

    /// How many workers there will be: what was asked, what there is to do, what the queue takes,
    /// what memory carries.
    ///
    /// # Errors
    /// [`Error::Memory`] when it carries not even one.
    pub fn workers(&self) -> Result<usize> {
        let most = match &self.target {
            Target::Queue(queue, _) => queue.most_senders().unwrap_or(usize::MAX),
            Target::Store(_) => usize::MAX,
        };
        let parts = self.plan.parts.len();
        let mut workers = self.threads.min(parts).min(most).max(1);
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

    /// Sends all messages that are not proven yet.
    ///
    /// # Errors
    /// A refusal, before any work: [`Error::Exists`], [`Error::OtherPlan`], [`Error::InUse`],
    /// [`Error::Memory`], [`Error::Invalid`], and what [`Queue::prepare`] refuses. On the way
    /// [`Error::Incomplete`] with the first error of any worker and what is pending, or, where nothing
    /// is proven and nothing remembers, that error alone.
    pub fn run(self) -> Result<Published> {
        let started = Instant::now();
        let clock = SystemClock::new();
        let clock = self.clock.unwrap_or(&clock);
        let pace = self.rate.map(|rate| Pace::try_new(rate, clock));
        let pace = pace.transpose()?;
        let target = self.target.clone();
        let mut published = match &target {
            Target::Store(store) => self.run_to_files(*store, pace.as_ref())?,
            Target::Queue(queue, Some(folder)) => {
                self.run_with_ledger(*queue, folder, pace.as_ref())?
            }
            Target::Queue(queue, None) => self.run_to_queue(*queue, pace.as_ref())?,
        };
        published.seconds = started.elapsed().as_secs_f64();
        Ok(published)
    }

    fn run_to_queue(&self, queue: &dyn Queue, pace: Option<&Pace<'_>>) -> Result<Published> {
        let workers = self.workers()?;
        let mut published = Published::new(self.plan, queue.address());
        published.warnings = self.prepare(queue, &[])?;
        let sum = Mutex::new(&mut published);
        let todo: Vec<usize> = (0..self.plan.parts.len()).collect();
        let work = Work::new(self, pace, false);
        workers::work_on(&work, &todo, workers, &|maker, part| {
            let (rendered, receipt) = work.send(queue, maker, part, Before::Nothing)?;
            lock(&sum).made(rendered.rows, receipt.messages, receipt.bytes);
            work.tell(part, rendered.rows, receipt.bytes);
            Ok(())
        })?;
        published.workers = workers;
        Ok(published)
    }

    /// Has the queue prove that it can take the messages, and tells what it warns of; also of parts
    /// that an earlier run has begun, by where the queue stood then.
    fn prepare(&self, queue: &dyn Queue, begun: &[Option<&str>]) -> Result<Vec<String>> {
        let mut warnings = queue.prepare(self.plan)?;
        warnings.extend(queue.warn_of_begun(begun));
        if let Some(observer) = self.observer {
            for warning in &warnings {
                observer.warns(warning);
            }
        }
        Ok(warnings)
    }

    fn run_with_ledger(
        &self,
        queue: &dyn Queue,
        folder: &Path,
        pace: Option<&Pace<'_>>,
    ) -> Result<Published> {
        let mut published = Published::new(self.plan, queue.address());
        let ledger = Ledger::open(folder, self.plan, &queue.address())?;
        published.parts_found = ledger.found();
        for done in ledger.done_parts() {
            published.found(done.rows, done.messages, done.bytes);
        }
        let todo = ledger.todo();
        if todo.is_empty() {
            return Ok(published);
        }
        let workers = self.workers()?;
        if let (true, Some(observer)) = (ledger.was_begun(), self.observer) {
            observer.goes_on(published.parts_found, published.rows, None);
        }
        published.warnings = self.prepare(queue, &ledger.left())?;
        let sum = Mutex::new(&mut published);
        let work = Work::new(self, pace, true);
        let done = workers::work_on(&work, &todo, workers, &|maker, part| {
            let before = ledger.begin(part, queue.position()?)?;
            let (rendered, receipt) = work.send(queue, maker, part, before)?;
            let (messages, bytes, found) = (receipt.messages, receipt.bytes, receipt.found);
            ledger.done(part, rendered.rows, rendered.totals, receipt)?;
            let mut sum = lock(&sum);
            sum.made(rendered.rows, messages, bytes);
            sum.messages_found += found;
            drop(sum);
            work.tell(part, rendered.rows, bytes);
            Ok(())
        });
        if let Err(error) = done {
            let pending = ledger.todo().into_iter();
            return Err(Error::Incomplete {
                proven: self.plan.parts.len() - ledger.todo().len(),
                pending: pending
                    .map(|part| self.plan.parts[part].name.clone())
                    .collect(),
                source: Box::new(error),
            });
        }
        published.workers = workers;
        Ok(published)
    }

    fn run_to_files(&self, store: &dyn Store, pace: Option<&Pace<'_>>) -> Result<Published> {
        let paths = folder::paths(self.plan)?;
        let begun = Session::begin(
            store,
            folder::record(self.plan, &paths),
            Shard::WHOLE,
            Others::Refuse,
            HEARTBEAT,
        )?;
        let mut published = Published::new(self.plan, store.address());
        let session = match begun {
            Begun::Finished(manifest) => {
                published.count_parts(manifest.parts());
                published.parts_found = published.parts;
                return Ok(published);
            }
            Begun::ShardFinished(_) => {
                return Err(Error::Promise {
                    table: self.plan.table.clone(),
                    expected: "a whole output".to_owned(),
                    found: "one of several shards".to_owned(),
                });
            }
            Begun::Open(session) => *session,
        };
        let by = || self.stopped_by.map(|name| name());
        let workers = match self.workers() {
            Ok(workers) => workers,
            Err(error) => return Err(session.interrupted(error, None)),
        };
        published.parts_found = session.found();
        published.last_run = session.last_run().cloned();
        if let Some(observer) = self.observer
            && (session.found() > 0 || session.last_run().is_some())
        {
            observer.goes_on(session.found(), session.found_rows(), session.last_run());
        }
        let todo: Vec<usize> = session.todo().into_iter().map(|(_, part)| part).collect();
        let made = Mutex::new(&mut published);
        let work = Work::new(self, pace, true);
        let heart = Heart::new(HEARTBEAT);
        let done = thread::scope(|scope| {
            scope.spawn(|| heart.beat_until_stopped(&session, &|error| work.end_with(error)));
            let _stops_heart = heart.stopper();
            workers::work_on(&work, &todo, workers, &|maker, part| {
                let receipt = work.write(store, maker, part, &paths[part])?;
                session.record(0, part, &receipt)?;
                lock(&made).made(receipt.rows, receipt.messages.unwrap_or(0), receipt.bytes);
                if let Some(observer) = self.observer {
                    observer.part_finished(0, &receipt);
                }
                Ok(())
            })
        });
        if let Err(error) = done {
            return Err(session.interrupted(error, by()));
        }
        let Completed::Output(manifest) = session.complete()? else {
            return Err(Error::Stopped);
        };
        published.count_parts(manifest.parts());
        published.workers = workers;
        Ok(published)
    }

    /// What one worker is going to hold; waits where others hold it now.
    pub(super) fn lease(&self) -> Result<Option<Lease>> {
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
}

impl std::fmt::Debug for Publish<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publish")
            .field("plan", &self.plan)
            .field("threads", &self.threads)
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}
