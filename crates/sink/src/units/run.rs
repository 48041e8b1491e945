//! The units on their way: encoded by whoever calls, recorded one by one.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use super::plan::{BoundTable, UnitPlan};
use crate::commit::{Begun, Completed, HEARTBEAT, LastRun, Mode, Others, Session, Shard};
use crate::error::{Error, Result};
use crate::fail;
use crate::format::{EncodeError, Encoder};
use crate::manifest::ManifestPart;
use crate::pump::{Digested, Heart};
use crate::report::Report;
use crate::store::Store;
use crate::sync::lock;
use crate::totals::{Tally, Totals};

/// A plan of units on its way to a store.
#[derive(Clone, Copy)]
pub struct UnitRun<'r> {
    plan: &'r UnitPlan,
    store: &'r dyn Store,
    mode: Mode,
    stopped_by: Option<&'r (dyn Fn() -> String + Sync)>,
    heartbeat: Duration,
}

impl<'r> UnitRun<'r> {
    /// A run into a store.
    pub fn new(plan: &'r UnitPlan, store: &'r dyn Store) -> Self {
        Self {
            plan,
            store,
            mode: Mode::New,
            stopped_by: None,
            heartbeat: HEARTBEAT,
        }
    }

    /// Starts over where something finished stands, which stays whole until this is. A plan that extends
    /// an output ([`UnitPlanBuilder::onto`](super::UnitPlanBuilder::onto)) keeps of it what it says.
    pub fn overwrite(mut self, is_overwrite: bool) -> Self {
        self.mode = if is_overwrite {
            Mode::Overwrite
        } else {
            Mode::New
        };
        self
    }

    /// Sets who is asked, after [`Error::Stopped`], who stopped the run: the next run tells.
    pub fn stopped_by(mut self, name: &'r (dyn Fn() -> String + Sync)) -> Self {
        self.stopped_by = Some(name);
        self
    }

    /// Has `work` write all units, and publishes them. Where an earlier run of the same plan was
    /// interrupted, its units are done already; where one has finished, `work` is not called.
    ///
    /// # Errors
    /// A refusal, before any work: [`Error::Exists`], [`Error::OtherPlan`], [`Error::InUse`]. On the
    /// way [`Error::Incomplete`] with the error of `work` and what is pending, or, where nothing was
    /// finished yet, that error alone. [`Error::Promise`] where `work` has left units out.
    pub fn run(self, work: impl FnOnce(&UnitWriter<'_>) -> Result<()>) -> Result<Report> {
        let started = Instant::now();
        let begun = Session::begin(
            self.store,
            self.plan.record(self.mode),
            Shard::WHOLE,
            Others::Refuse,
            self.heartbeat,
        )?;
        let session = match begun {
            Begun::Finished(manifest) => {
                return Ok(Report::already_there(self.plan.id(), &manifest));
            }
            Begun::ShardFinished(_) => {
                return Err(Error::Promise {
                    table: String::new(),
                    expected: "a whole output".to_owned(),
                    found: "one of several shards".to_owned(),
                });
            }
            Begun::Open(session) => *session,
        };
        let (found, last_run) = (session.found(), session.last_run().cloned());
        let heart = Heart::new(self.heartbeat);
        let (done, made) = thread::scope(|scope| {
            let writer = UnitWriter::new(self.plan, self.store, &session);
            let lost = Arc::clone(&writer.lost);
            let beating = &session;
            scope.spawn(|| {
                heart.beat_until_stopped(beating, &move |error| {
                    lock(&lost).get_or_insert(error);
                });
            });
            let _stops_heart = heart.stopper();
            let done = work(&writer);
            // Who has lost the plan to another process publishes nothing.
            let lost = lock(&writer.lost).take();
            let done = lost.map_or(done, Err);
            (done, std::mem::take(&mut *lock(&writer.made)))
        });
        if let Err(error) = done {
            let by = self.stopped_by.map(|name| name());
            return Err(session.interrupted(error, by));
        }
        let Completed::Output(manifest) = session.complete()? else {
            return Err(Error::Stopped);
        };
        let mut report = Report::already_there(self.plan.id(), &manifest);
        for (at, rows, bytes) in made {
            report.tables[at].made_rows += rows;
            report.tables[at].made_bytes += bytes;
        }
        report.seconds = started.elapsed().as_secs_f64();
        report.written = true;
        report.parts_found = found;
        report.last_run = last_run;
        Ok(report)
    }
}

/// Takes the units of a run, from any thread, in any order.
pub struct UnitWriter<'w> {
    plan: &'w UnitPlan,
    store: &'w dyn Store,
    session: &'w Session<'w>,
    /// What earlier runs had proven.
    done: HashSet<(usize, usize)>,
    /// Table, rows and bytes of each unit that this run has written.
    made: Mutex<Vec<(usize, u64, u64)>>,
    lost: Arc<Mutex<Option<Error>>>,
}

impl<'w> UnitWriter<'w> {
    fn new(plan: &'w UnitPlan, store: &'w dyn Store, session: &'w Session<'w>) -> Self {
        let todo: HashSet<_> = session.todo().into_iter().collect();
        let all = plan.bound().iter().enumerate();
        let all = all.flat_map(|(table, bound)| (0..bound.table.units).map(move |at| (table, at)));
        Self {
            plan,
            store,
            session,
            done: all.filter(|at| !todo.contains(at)).collect(),
            made: Mutex::default(),
            lost: Arc::default(),
        }
    }

    /// Whether an earlier run has finished this unit: it is not to be written again.
    pub fn is_done(&self, table: usize, unit: usize) -> bool {
        self.done.contains(&(table, unit))
    }

    /// How many units an earlier run has finished.
    pub fn found(&self) -> usize {
        self.done.len()
    }

    /// How the run before ended, where there was one.
    pub fn last_run(&self) -> Option<&LastRun> {
        self.session.last_run()
    }

    /// Encodes the rows into the unit's file and records it. When this returns, the unit is durable.
    ///
    /// # Errors
    /// [`Error::Source`] with what the rows fail with, [`Error::Promise`] for rows of another schema
    /// and for a unit that the plan has not or that is done, [`Error::InUse`] when another process
    /// has taken over, and what the store fails with. Nothing of the unit counts then.
    pub fn write(
        &self,
        table: usize,
        unit: usize,
        rows: &mut dyn RecordBatchReader,
    ) -> Result<ManifestPart> {
        let bounds = self.plan.bound();
        let Some((bound, path)) = bounds
            .get(table)
            .and_then(|bound| Some((bound, bound.paths.get(unit)?)))
            .filter(|_| !self.is_done(table, unit))
        else {
            return Err(Error::Promise {
                table: bounds
                    .get(table)
                    .map_or_else(String::new, |bound| bound.table.name.clone()),
                expected: "a unit that is to be made".to_owned(),
                found: format!("unit {unit}"),
            });
        };
        if lock(&self.lost).is_some() {
            return Err(Error::Stopped);
        }
        let part = written(bound, path, self.store, rows)?;
        self.session.record(table, unit, &part)?;
        lock(&self.made).push((table, part.rows, part.bytes));
        Ok(part)
    }
}

/// Writes one part, chunk by chunk.
fn written(
    bound: &BoundTable,
    path: &crate::path::PartPath,
    store: &dyn Store,
    rows: &mut dyn RecordBatchReader,
) -> Result<ManifestPart> {
    let digest = Arc::new(OnceLock::new());
    // Nobody knows how large it will be: the default of a file.
    let out = store.create(path, crate::plan::DEFAULT_FILE_BYTES)?;
    fail::point("part.created");
    let mut file =
        bound
            .format
            .assemble(Box::new(Digested::new(out, Arc::clone(&digest), None)))?;
    let mut encoder = bound.format.encoder()?;
    let mut rows = Rows::try_new(bound, rows)?;
    // No encoder is asked for a chunk of no rows: not all of them have one.
    while rows.has_more()? {
        let chunk = rows.encode(bound.chunk_rows, encoder.as_mut())?;
        file.append(&chunk)?;
        fail::point("part.appended");
        encoder.recycle(chunk);
    }
    let totals = rows.totals();
    let bytes = file.finish()?;
    Ok(ManifestPart {
        path: path.as_str().to_owned(),
        // Known when all parts before it are: the manifest counts.
        first_row: 0,
        rows: rows.seen,
        bytes,
        blake3: digest
            .get()
            .map(|digest: &blake3::Hash| digest.to_hex().to_string())
            .unwrap_or_default(),
        messages: None,
        totals,
    })
}

/// The caller's rows, given out in chunks.
struct Rows<'b> {
    bound: &'b BoundTable,
    reader: &'b mut dyn RecordBatchReader,
    tally: Option<Tally>,
    /// What the last chunk left of a batch.
    rest: Option<RecordBatch>,
    /// Rows that the chunk may still take.
    left: usize,
    seen: u64,
    broken: Option<Error>,
}

impl<'b> Rows<'b> {
    fn try_new(bound: &'b BoundTable, reader: &'b mut dyn RecordBatchReader) -> Result<Self> {
        let tally = bound
            .is_counted
            .then(|| Tally::try_new(&bound.table.schema));
        Ok(Self {
            bound,
            reader,
            tally: tally.transpose()?,
            rest: None,
            left: 0,
            seen: 0,
            broken: None,
        })
    }

    fn encode(&mut self, most: u64, encoder: &mut dyn Encoder) -> Result<crate::format::Chunk> {
        self.left = usize::try_from(most).unwrap_or(usize::MAX);
        encoder.encode(self).map_err(|error| match error {
            EncodeError::Format(error) => error,
            EncodeError::Rows(source) => self.failed(source),
        })
    }

    /// What the caller's rows failed with, or what was wrong with them.
    fn failed(&mut self, source: ArrowError) -> Error {
        self.broken.take().unwrap_or_else(|| Error::Source {
            table: self.bound.table.name.clone(),
            source,
        })
    }

    /// Whether there are rows for another chunk.
    fn has_more(&mut self) -> Result<bool> {
        if self.rest.is_none() {
            self.rest = self
                .fresh()
                .transpose()
                .map_err(|error| self.failed(error))?;
        }
        Ok(self.rest.is_some())
    }

    /// The next batch of the caller that has rows.
    fn fresh(&mut self) -> Option<Result<RecordBatch, ArrowError>> {
        loop {
            match self.reader.next()? {
                Ok(batch) if batch.num_rows() == 0 => {}
                Ok(batch) => return Some(self.check(&batch).map(|()| batch)),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    fn totals(&mut self) -> Option<Totals> {
        self.tally.as_mut().map(Tally::take)
    }

    /// Takes a fresh batch of the caller: it has to be what the plan says.
    fn check(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let schema = &self.bound.table.schema;
        let columns = batch.columns().iter().zip(schema.fields());
        let fits = batch.num_columns() == schema.fields().len()
            && columns.into_iter().all(|(array, field)| {
                array.data_type() == field.data_type()
                    && (field.is_nullable() || array.logical_null_count() == 0)
            });
        if !fits {
            self.broken = Some(Error::Promise {
                table: self.bound.table.name.clone(),
                expected: schema.to_string(),
                found: batch.schema().to_string(),
            });
            return Err(ArrowError::ExternalError("other columns".into()));
        }
        self.seen += batch.num_rows() as u64;
        if let Some(Err(error)) = self.tally.as_mut().map(|tally| tally.add(batch)) {
            self.broken = Some(error);
            return Err(ArrowError::ExternalError("the totals failed".into()));
        }
        Ok(())
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let batch = match self.rest.take() {
            Some(rest) => rest,
            None => match self.fresh()? {
                Ok(batch) => batch,
                Err(error) => return Some(Err(error)),
            },
        };
        let taken = batch.num_rows().min(self.left);
        if taken < batch.num_rows() {
            self.rest = Some(batch.slice(taken, batch.num_rows() - taken));
        }
        self.left -= taken;
        Some(Ok(batch.slice(0, taken)))
    }
}

impl RecordBatchReader for Rows<'_> {
    fn schema(&self) -> SchemaRef {
        self.bound.table.schema.clone()
    }
}
