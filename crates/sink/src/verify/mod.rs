//! A finished output read back, and its rows made again.
//!
//! ```text
//! manifest -> part -> is it there, of its size -> its digest -> its rows beside the same rows made again
//!          -> sums, order of rows               store's listing -> what nobody names
//! ```
//! Parts are looked at side by side. What is held does not grow with a file: bytes are read in
//! steps, rows in batches. Files are not trusted: sizes are bounded before room is made for them,
//! and a decoder that fails, in whatever way, has found damage.

mod arrow;
mod bytes;
mod cells;
mod compare;
mod ends;
mod findings;
mod folders;
mod judge;
mod made;
mod parquet;
mod part;
mod tally;
mod text;
mod whole;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use lakeseed_budget::{Budget, Bytes, Lease};

pub use self::findings::{Finding, FindingKind, Findings, Grade};
pub use self::judge::{Differs, Judge, Stray};
use self::made::Anew;
use self::part::{Checked, Context, Table};
use crate::commit::open_finished;
use crate::error::{Error, Result, chain};
use crate::format::{Compression, FileFormat, FormatKind};
use crate::manifest::{Manifest, ManifestPart};
use crate::pump::{DEFAULT_THREADS, Observer};
use crate::rows::Watch;
use crate::source::Source;
use crate::store::Store;
use crate::sync::lock;

/// The most files of a store that are looked at.
const MOST_NAMES: usize = 10_000_000;
/// What a worker holds besides a file's buffers: batches read and made, codecs, a message.
const WORKER_BYTES: u64 = 16 << 20;
/// What a Parquet column holds: a page, unpacked. Few take as much.
const PAGE_BYTES: u64 = 1 << 20;
/// The buffers of a file where no limit is set.
const BUFFER_BYTES: u64 = 64 << 20;
/// The least that a file's buffers are worth.
const LEAST_BUFFER_BYTES: u64 = 4 << 20;

/// Gives the source of a table's rows, where it is known.
type Sources<'v> = &'v (dyn Fn(&str) -> Option<Arc<dyn Source>> + Sync);

/// Gives who judges a table's rows, where somebody does.
type Judges<'v> = &'v (dyn Fn(&str) -> Option<Arc<dyn Judge>> + Sync);

/// A finished output about to be read back.
///
/// # Memory
/// Each worker holds a batch read, the same rows made again, and for Parquet a window and a page
/// for each column. None of it grows with the file.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use lakeseed_sink::{BatchSource, Csv, MemoryStore, Plan, Run, Source, TableSpec, Verify};
/// # let ids = Arc::new(arrow_array::Int64Array::from(vec![1, 2, 3])) as arrow_array::ArrayRef;
/// # let batch = arrow_array::RecordBatch::try_from_iter([("id", ids)]).unwrap();
/// let source: Arc<dyn Source> = Arc::new(BatchSource::new(batch));
/// let pets = TableSpec::new("pets", source.clone(), 0..3);
/// let plan = Plan::builder(Csv::plain()).table(pets).build()?;
/// let store = MemoryStore::new();
/// Run::new(&plan, &store).commit()?;
///
/// let sources = |table: &str| (table == "pets").then(|| source.clone());
/// let found = Verify::new(Arc::new(store)).sources(&sources).run()?;
/// assert!(found.findings.is_empty());
/// assert_eq!(found.rows_compared, 3);
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
#[derive(Clone)]
pub struct Verify<'v> {
    store: Arc<dyn Store>,
    sources: Option<Sources<'v>>,
    judges: Option<Judges<'v>>,
    unmade: Option<&'v str>,
    threads: usize,
    budget: Option<&'v Budget>,
    observer: Option<&'v dyn Observer>,
    stop: Option<&'v AtomicBool>,
    is_quick: bool,
}

impl<'v> Verify<'v> {
    /// A verification of what a store holds, with one worker, without a limit of memory.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            sources: None,
            judges: None,
            unmade: None,
            threads: DEFAULT_THREADS,
            budget: None,
            observer: None,
            stop: None,
            is_quick: false,
        }
    }

    /// Sets who knows the sources of the tables' rows. Of a table without one, everything but the
    /// rows' values is looked at, and a note says so.
    pub fn sources(mut self, sources: Sources<'v>) -> Self {
        self.sources = Some(sources);
        self
    }

    /// Sets who judges the rows of tables without a source, of formats that keep types: Parquet and
    /// Arrow.
    pub fn judges(mut self, judges: Judges<'v>) -> Self {
        self.judges = Some(judges);
        self
    }

    /// Says why no table's rows are made again: one note instead of one a table.
    pub fn unmade(mut self, why: &'v str) -> Self {
        self.unmade = Some(why);
        self
    }

    /// Sets how many workers there are at most.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Sets where memory comes from: there are as many workers as its free part carries, and their
    /// lease is taken before the first part is read.
    pub fn budget(mut self, budget: &'v Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Sets who is told of the progress: of rows that were read, of parts that were looked at.
    /// Tables are counted as in the manifest.
    pub fn observer(mut self, observer: &'v dyn Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Sets the flag that ends the work with [`Error::Stopped`].
    pub fn stop(mut self, flag: &'v AtomicBool) -> Self {
        self.stop = Some(flag);
        self
    }

    /// Looks only at presence, sizes and the ends of files.
    pub fn quick(mut self, is_quick: bool) -> Self {
        self.is_quick = is_quick;
        self
    }

    /// Reads everything back. Damage is a finding, not an error.
    ///
    /// # Errors
    /// [`Error::Unfinished`] and [`Error::NoOutput`] where there is nothing finished,
    /// [`Error::Invalid`] for a manifest of a format that nobody knows, [`Error::Memory`] when not
    /// one worker can be had, [`Error::Stopped`], and what the store fails with before the first
    /// part.
    pub fn run(self) -> Result<Findings> {
        let started = Instant::now();
        let manifest = open_finished(self.store.as_ref())?;
        let kind: FormatKind = manifest.format.parse()?;
        let compression: Compression = manifest.compression.parse()?;
        let format = FileFormat::new(kind, compression)?;
        let listed = self.store.list("", MOST_NAMES)?;
        let (threads, buffer_bytes, _lease) = self.workers(&manifest, kind)?;
        let mut findings = Vec::new();
        let tables = self.tables(&manifest, kind, &mut findings);
        let failed = AtomicBool::new(false);
        let context = Context {
            store: self.store.clone(),
            format,
            watch: Watch {
                stop: self.stop,
                failed: Some(&failed),
                count: None,
            },
            observer: self.observer,
            is_quick: self.is_quick,
            buffer_bytes,
            bytes: AtomicU64::new(0),
        };
        let sizes = listed
            .iter()
            .map(|found| (found.name.as_str(), found.bytes));
        let sizes: HashMap<&str, u64> = sizes.collect();
        let work: Vec<Work<'_>> = tables
            .iter()
            .flat_map(|table| table.manifest.parts.iter().map(move |part| (table, part)))
            .collect();
        let checked = side_by_side(&work, &sizes, &context, &failed, threads)?;
        let mut whole = Findings {
            run_id: manifest.run_id.clone(),
            findings: Vec::new(),
            parts: checked.len() as u64,
            rows_compared: checked.iter().map(|part| part.rows_compared).sum(),
            rows_read: checked.iter().map(|part| part.rows_read).sum(),
            bytes_read: context.bytes.load(Ordering::Relaxed),
            seconds: 0.0,
        };
        let judged = work.iter().zip(&checked);
        let broken: HashSet<usize> = judged
            .filter(|(_, part)| !part.is_whole)
            .map(|((table, _), _)| table.position)
            .collect();
        findings.extend(checked.into_iter().flat_map(|part| part.findings));
        let unbroken = |table: &&Table<'_>| !broken.contains(&table.position);
        for table in tables.iter().filter(unbroken) {
            findings.extend(judge::strays(table));
            if context.is_over() {
                return Err(Error::Stopped);
            }
        }
        findings.extend(whole::store(&manifest, &listed));
        whole.findings = findings;
        whole.seconds = started.elapsed().as_secs_f64();
        Ok(whole)
    }

    /// Workers, what each may hold of a file, and the lease of all of them.
    fn workers(
        &self,
        manifest: &Manifest,
        kind: FormatKind,
    ) -> Result<(usize, u64, Option<Lease>)> {
        let wanted = self.threads.min(manifest.parts().count().max(1));
        let Some(budget) = self.budget else {
            return Ok((wanted, BUFFER_BYTES, None));
        };
        let granted = budget.free().get();
        let columns = manifest.tables.iter().map(|table| table.columns.len());
        let columns = columns.max().unwrap_or(0) as u64;
        let pages = if kind == FormatKind::Parquet {
            columns * PAGE_BYTES
        } else {
            0
        };
        let fixed = WORKER_BYTES + pages;
        let needed = fixed + LEAST_BUFFER_BYTES;
        if granted < needed {
            return Err(Error::Memory { needed, granted });
        }
        let carried = usize::try_from(granted / needed).unwrap_or(usize::MAX);
        let workers = wanted.min(carried);
        let share = (granted / workers as u64 - fixed).min(BUFFER_BYTES);
        let all = Bytes::new((fixed + share) * workers as u64);
        match budget.lease("verification", all) {
            Ok(lease) => Ok((workers, share, Some(lease))),
            Err(_) => Err(Error::Memory { needed, granted }),
        }
    }

    /// The tables with their sources, and what is wrong with the tables themselves.
    fn tables<'m>(
        &self,
        manifest: &'m Manifest,
        kind: FormatKind,
        findings: &mut Vec<Finding>,
    ) -> Vec<Table<'m>> {
        let has_types = !matches!(kind, FormatKind::Csv | FormatKind::Json);
        let expected = "rows to compare with";
        if let Some(why) = self.unmade.filter(|_| !self.is_quick) {
            findings.push(Finding::new(FindingKind::NoSource, "", expected, why));
        }
        let mut tables = Vec::with_capacity(manifest.tables.len());
        for (position, table) in manifest.tables.iter().enumerate() {
            findings.extend(whole::table(table));
            let source = self.sources.and_then(|sources| sources(&table.name));
            let judge = self.judges.filter(|_| has_types && !self.is_quick);
            let judge = judge.and_then(|judges| judges(&table.name));
            let anew = match source {
                _ if self.is_quick => None,
                None if judge.is_some() || self.unmade.is_some() => None,
                None => {
                    let found = "no source of its rows";
                    let what = FindingKind::NoSource;
                    findings.push(Finding::new(what, &table.name, expected, found));
                    None
                }
                Some(source) => match Anew::try_new(source, table) {
                    Ok(anew) => Some(anew),
                    Err(fail) => {
                        let found = match fail {
                            Fail::NotMade(found) | Fail::Unreadable(found) => found,
                            Fail::Lost(error) => chain(&error),
                        };
                        let expected = "the manifest's columns";
                        let what = FindingKind::NotMade;
                        findings.push(Finding::new(what, &table.name, expected, found));
                        None
                    }
                },
            };
            tables.push(Table {
                position,
                manifest: table,
                anew,
                judge,
            });
        }
        tables
    }
}

impl fmt::Debug for Verify<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verify")
            .field("store", &self.store)
            .field("threads", &self.threads)
            .field("is_quick", &self.is_quick)
            .finish_non_exhaustive()
    }
}

type Work<'w> = (&'w Table<'w>, &'w ManifestPart);

/// Looks at all parts, and returns what was found in their order.
fn side_by_side(
    work: &[Work<'_>],
    sizes: &HashMap<&str, u64>,
    context: &Context<'_>,
    failed: &AtomicBool,
    threads: usize,
) -> Result<Vec<Checked>> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Checked)>> = Mutex::default();
    let error: Mutex<Option<Error>> = Mutex::default();
    let work_on = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((table, part)) = work.get(at) else {
                return;
            };
            if context.is_over() {
                return;
            }
            let size = sizes.get(part.path.as_str()).copied();
            match part::check(table, part, size, context) {
                Ok(checked) => {
                    let mut done = lock(&done);
                    done.push((at, checked));
                }
                Err(other) => {
                    let mut error = lock(&error);
                    error.get_or_insert(other);
                    failed.store(true, Ordering::Relaxed);
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work_on);
        }
        work_on();
    });
    if let Some(error) = error.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    if context.is_over() {
        return Err(Error::Stopped);
    }
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, checked)| checked).collect())
}

/// Why the rows of a part could not be compared to their end.
#[derive(Debug)]
enum Fail {
    /// The file cannot be read on.
    Unreadable(String),
    /// The rows cannot be made again.
    NotMade(String),
    /// The store cannot be asked: no damage, and the end of the run.
    Lost(Error),
}

impl Fail {
    fn unreadable(error: impl std::error::Error + 'static) -> Self {
        Self::Unreadable(chain(&error))
    }

    /// What came of asking the store.
    fn of_store(error: Error) -> Self {
        error
            .lost()
            .map_or_else(|| Self::unreadable(error), Self::Lost)
    }

    fn not_made(error: impl std::error::Error + 'static) -> Self {
        Self::NotMade(chain(&error))
    }
}
