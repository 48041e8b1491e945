//! A plan on its way into a database: what is asked, what stands, what is added.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lakeseed_budget::{Budget, Bytes, Lease};

use super::database::{Database, IsOver, Session};
use super::failure::Failure;
use super::plan::LoadPlan;
use super::report::Loaded;
use super::rounds::{Timed, Wave};
use super::standing::Begun;
use super::workers::{self, Task, Work};
use crate::error::{Error, Result, Trouble};
use crate::pump::{DEFAULT_THREADS, Observer};

/// Bytes of a chunk: large enough that messages cost nothing, small enough for the processor's cache.
pub(super) const CHUNK_BYTES: usize = 512 << 10;
/// What a worker holds besides batches and chunks: a stack, dictionaries, what the allocator keeps.
pub(super) const FIXED_BYTES: u64 = 8 << 20;
/// Chunks of a worker: one is filled, two wait for the line, which keeps a copy of the one that it
/// sends in a buffer that has grown to twice its size.
pub(super) const CHUNKS: u64 = 5;
/// Waits between two tries to go on with a server: they begin short, and double.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Steps behind the last part.
const KEYS: &str = "keys and comments";
const VIEWS: &str = "views";

/// What becomes of tables that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IfExists {
    /// They are refused, unless they are those of this very plan, which is gone on with.
    #[default]
    Fail,
    /// Rows are added to them, where their columns are ours; this very plan is gone on with.
    Append,
    /// They are dropped, and all begins anew.
    Replace,
}

/// A plan on its way into a database.
///
/// The same plan again goes on: parts that stand are left as they are, and a plan that is complete adds
/// nothing. Primary keys, foreign keys and comments of tables that the run makes come when all parts of
/// all tables stand; until then `lakeseed_runs` says that the run is not complete. The plan's views come
/// last, also those of a plan that was complete without them.
///
/// # Example
/// ```no_run
/// use lakeseed_sink::BatchSource;
/// use lakeseed_sink::databases::postgres::{Postgres, PostgresOptions};
/// use lakeseed_sink::databases::{Load, LoadPlan, TableToLoad};
/// # use std::sync::Arc;
/// # let ids = Arc::new(arrow_array::Int64Array::from(vec![1, 2, 3])) as arrow_array::ArrayRef;
/// # let batch = arrow_array::RecordBatch::try_from_iter([("id", ids)]).unwrap();
/// let pets = TableToLoad::new("pets", BatchSource::new(batch), 0..3);
/// let plan = LoadPlan::builder().table(pets).build()?;
/// let shop = Postgres::new("postgres://ana@localhost/shop", &PostgresOptions::default())?;
/// let done = Load::new(&plan, &shop).threads(2).run()?;
/// assert_eq!(done.rows, 3);
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Load<'p> {
    pub(super) plan: &'p LoadPlan<'p>,
    pub(super) to: &'p dyn Database,
    if_exists: IfExists,
    threads: usize,
    budget: Option<&'p Budget>,
    pub(super) observer: Option<&'p dyn Observer>,
    pub(super) stop: Option<&'p AtomicBool>,
}

impl<'p> Load<'p> {
    /// A run with one worker, without a limit of memory, into tables that it makes.
    pub fn new(plan: &'p LoadPlan<'p>, to: &'p dyn Database) -> Self {
        Self {
            plan,
            to,
            if_exists: IfExists::default(),
            threads: DEFAULT_THREADS,
            budget: None,
            observer: None,
            stop: None,
        }
    }

    /// Sets what becomes of tables that are there already.
    pub fn if_exists(mut self, if_exists: IfExists) -> Self {
        self.if_exists = if_exists;
        self
    }

    /// Sets how many workers there are at most; each has a connection.
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
    /// stand.
    pub fn observer(mut self, observer: &'p dyn Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Sets the flag that ends the run with [`Error::Stopped`]: parts that stand stay.
    pub fn stop(mut self, flag: &'p AtomicBool) -> Self {
        self.stop = Some(flag);
        self
    }

    /// The most memory that one worker holds, in bytes.
    pub fn need_per_worker(&self) -> u64 {
        self.plan.batch_bytes() + CHUNKS * CHUNK_BYTES as u64 + FIXED_BYTES
    }

    /// How many workers there will be: what was asked, what there is to do, what memory carries.
    ///
    /// # Errors
    /// [`Error::Memory`] when it carries not even one.
    pub fn workers(&self) -> Result<usize> {
        let parts = usize::try_from(self.plan.parts()).unwrap_or(usize::MAX);
        let mut workers = self.threads.min(parts).max(1);
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

    /// Loads all parts that do not stand yet, then makes keys and comments, then views.
    ///
    /// # Errors
    /// A refusal, before any work: [`Error::OtherPlan`], [`Error::InUse`], [`Error::Memory`],
    /// [`Error::Invalid`] for a plan that was made for another system. What keeps
    /// the database from being reached or asked, as [`Error::Remote`]. On the way [`Error::Incomplete`]
    /// with the first error of any worker and what is pending: [`Error::Value`] for a value that the
    /// database cannot hold, [`Error::Remote`] with what it has said.
    pub fn run(self) -> Result<Loaded> {
        let started = Instant::now();
        let workers = self.workers()?;
        let is_over = || self.stop.is_some_and(|flag| flag.load(Ordering::Relaxed));
        let address = self.to.address();
        let refused = |failure: Failure| failure.into_error("load into", address);
        // It holds the plan's lock until the end.
        if self.plan.dialect() != self.to.dialect() {
            return Err(Error::Invalid {
                what: "plan",
                expected: format!("one for {}", self.to.dialect().name()),
                found: format!("one for {}", self.plan.dialect().name()),
            });
        }
        let mut session = self.to.open(&is_over).map_err(refused)?;
        let begun = session.begin(self.plan, self.if_exists).map_err(refused)?;
        if let Some(observer) = self.observer {
            begun.warnings.iter().for_each(|line| observer.warns(line));
        }
        let mut loaded = Loaded::new(self.plan, address);
        loaded.is_continued = begun.is_continued;
        for line in &begun.lines {
            loaded.found(&line.table, line.rows);
        }
        let mut at_end = AtEnd {
            load: &self,
            session: Some(session),
            is_over: &is_over,
            step: KEYS,
        };
        let done = if begun.is_complete {
            Ok(())
        } else {
            if let (true, Some(observer)) = (begun.is_continued, self.observer) {
                observer.goes_on(loaded.parts_found, loaded.rows, None);
            }
            loaded.workers = workers;
            self.parts(&begun, workers, &mut loaded).and_then(|()| {
                let keys = Instant::now();
                at_end.work(&mut |open| {
                    self.all_stand(open)?;
                    open.complete(self.plan, &begun.is_made)
                })?;
                loaded.keys_seconds = keys.elapsed().as_secs_f64();
                Ok(())
            })
        };
        let done = done.and_then(|()| {
            at_end.step = VIEWS;
            if !self.plan.views().is_empty() {
                loaded.made_views = at_end.work(&mut |open| open.make_views(self.plan))?;
                loaded.views = self.plan.views().len() as u64;
            }
            Ok(())
        });
        if let Err(error) = done {
            return Err(Error::Incomplete {
                proven: loaded.parts_standing(),
                pending: self.pending(&loaded, at_end.step),
                source: Box::new(error),
            });
        }
        loaded.seconds = started.elapsed().as_secs_f64();
        Ok(loaded)
    }

    /// What a run that ended early has not come to, for people; `step` is the last one.
    fn pending(&self, loaded: &Loaded, step: &str) -> Vec<String> {
        let mut pending = Vec::new();
        for (table, done) in self.plan.tables().iter().zip(&loaded.tables) {
            let left = table.parts() - done.parts;
            pending.extend((0..left).map(|_| format!("a part of {}", table.name())));
        }
        if pending.is_empty() {
            pending.push(step.to_owned());
        }
        pending
    }

    fn parts(&self, begun: &Begun, workers: usize, loaded: &mut Loaded) -> Result<()> {
        let standing: HashSet<(&str, u64)> = begun
            .lines
            .iter()
            .map(|line| (line.table.as_str(), line.part))
            .collect();
        let tables = self.plan.tables();
        let is_todo = |task: Task| !standing.contains(&(tables[task.table].name(), task.part));
        // Tables that were there may have foreign keys, so parents have to stand first.
        let in_order = !begun.is_made.iter().all(|is_made| *is_made);
        for wave in Wave::of(self.plan, &is_todo, in_order) {
            let timed = Timed::begin(loaded);
            for step in &wave.steps {
                workers::work_on(&Work::new(self, loaded), step, workers)?;
            }
            timed.end(&wave, self.plan, loaded);
        }
        Ok(())
    }

    /// Looks into the ledger once more: a server that has started again meanwhile may have lost what it
    /// had confirmed, where its settings let it.
    fn all_stand(&self, session: &mut dyn Session) -> Result<(), Failure> {
        let lines = session.lines(self.plan.id())?;
        let standing: HashSet<(&str, u64)> = lines
            .iter()
            .map(|line| (line.table.as_str(), line.part))
            .collect();
        let tables = self.plan.tables().iter();
        let parts = tables.flat_map(|table| (0..table.parts()).map(|part| (table.name(), part)));
        let lost = parts.filter(|part| !standing.contains(part)).count();
        if lost == 0 {
            return Ok(());
        }
        let text = format!(
            "the server has lost {lost} of the parts that it had confirmed: a crash has taken them, or \
             somebody else; repeat the command, which loads them again"
        );
        Err(Failure::Final(Trouble::Other, text))
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

impl std::fmt::Debug for Load<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Load")
            .field("plan", &self.plan)
            .field("to", &self.to)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// What is done when all parts stand, on the connection that has begun the run.
struct AtEnd<'l, 'p> {
    load: &'l Load<'p>,
    /// The one that holds the plan's lock, as long as it lives.
    session: Option<Box<dyn Session + 'l>>,
    is_over: &'l IsOver<'l>,
    /// For people.
    step: &'static str,
}

impl AtEnd<'_, '_> {
    /// Does a step, which may be done again; tried again where a connection breaks.
    fn work<T>(
        &mut self,
        step: &mut dyn FnMut(&mut dyn Session) -> Result<T, Failure>,
    ) -> Result<T> {
        let to = self.load.to;
        let mut waits = Waits::new(to.patience());
        loop {
            let session = match self.session.take() {
                Some(open) => Ok(open),
                None => to.open(self.is_over),
            };
            let done = session.and_then(|mut open| {
                let done = step(open.as_mut())?;
                self.session = Some(open);
                Ok(done)
            });
            match done {
                Ok(done) => return Ok(done),
                Err(failure) if failure.is_passing() && waits.next(self.is_over) => {}
                Err(failure) => {
                    let failure = failure.at(self.step);
                    return Err(failure.into_error("load into", to.address()));
                }
            }
        }
    }
}

/// Tries that follow a failure, until patience ends.
pub(super) struct Waits {
    until: Instant,
    next: Duration,
}

impl Waits {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            until: Instant::now() + patience,
            next: FIRST_WAIT,
        }
    }

    /// Waits before one more try; false when there shall be none.
    pub(super) fn next(&mut self, is_over: &IsOver<'_>) -> bool {
        let end = Instant::now() + self.next;
        if end >= self.until {
            return false;
        }
        self.next = LONGEST_WAIT.min(self.next * 2);
        while Instant::now() < end {
            if is_over() {
                return false;
            }
            std::thread::sleep(FIRST_WAIT / 2);
        }
        true
    }
}
