//! The workers: who takes which chunk, and who waits for whom.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Instant;

use lakeseed_budget::Lease;

use super::digested::Digested;
use super::{Run, Written};
use crate::commit::Session;
use crate::error::{Error, Result};
use crate::fail;
use crate::format::{Assembler, Chunk, Encoder};
use crate::manifest::ManifestPart;
use crate::plan::TablePlan;
use crate::report::TableReport;
use crate::rows::{Checked, Watch};
use crate::sync::lock;
use crate::totals::{Tally, Totals};

/// A file that has been opened, or is about to be.
struct OpenPart<'p> {
    table: usize,
    number: usize,
    plan: &'p TablePlan<'p>,
    chunks: u64,
    /// The next chunk that nobody has taken.
    next: AtomicU64,
    state: Mutex<PartState>,
    /// The digest of its bytes, once all are written.
    digest: Arc<OnceLock<blake3::Hash>>,
    /// Signalled when a chunk was appended, or the run has failed.
    moved: Condvar,
}

struct PartState {
    appended: u64,
    assembler: Option<Box<dyn Assembler>>,
    totals: Totals,
}

/// What a worker keeps from one chunk of a table to the next.
struct Tools {
    table: usize,
    encoder: Box<dyn Encoder>,
    /// `None` where nobody asks for totals, or there are none of the table's types.
    tally: Option<Tally>,
}

/// A run under way.
pub(super) struct Pump<'p, 'w> {
    run: Run<'p>,
    session: Option<&'w Session<'p>>,
    parts: Vec<OpenPart<'p>>,
    /// The next part that nobody has opened.
    unopened: AtomicU64,
    failed: AtomicBool,
    /// The error that counts: the first.
    error: Mutex<Option<Error>>,
    tables: Mutex<Vec<TableReport>>,
    clocks: Mutex<Vec<Option<(Instant, Instant)>>>,
}

/// A chunk that a worker has taken.
struct Task<'t, 'p> {
    part: &'t OpenPart<'p>,
    chunk: u64,
}

impl<'p, 'w> Pump<'p, 'w> {
    pub(super) fn new(
        run: Run<'p>,
        session: Option<&'w Session<'p>>,
        todo: &[(usize, usize)],
    ) -> Self {
        let parts = todo.iter().map(|(table, number)| {
            let plan = &run.plan.tables()[*table];
            OpenPart {
                table: *table,
                number: *number,
                plan,
                chunks: plan.parts[*number].chunks(),
                next: AtomicU64::new(0),
                state: Mutex::new(PartState {
                    appended: 0,
                    assembler: None,
                    totals: Totals::default(),
                }),
                digest: Arc::default(),
                moved: Condvar::new(),
            }
        });
        let tables = run.plan.tables().iter();
        Self {
            run,
            session,
            parts: parts.collect(),
            unopened: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            error: Mutex::new(None),
            tables: Mutex::new(
                tables
                    .map(|table| TableReport::named(table.name()))
                    .collect(),
            ),
            clocks: Mutex::new(vec![None; run.plan.tables().len()]),
        }
    }

    /// Ends all work with an error from outside.
    pub(super) fn end_with(&self, error: Error) {
        lock(&self.error).get_or_insert(error);
        self.fail();
    }

    /// Works until nothing is left; an error or a panic here ends the other workers too.
    pub(super) fn work_guarded(&self) {
        struct EndOthers<'g, 'p, 'w>(&'g Pump<'p, 'w>);
        impl Drop for EndOthers<'_, '_, '_> {
            fn drop(&mut self) {
                if thread::panicking() {
                    self.0.fail();
                }
            }
        }
        let guard = EndOthers(self);
        if let Err(error) = self.work() {
            self.end_with(error);
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
        // Before anything is taken: who waits for memory holds up nobody.
        let lease = self.run.lease()?.map(Arc::new);
        let mut current: Option<&OpenPart<'p>> = None;
        let mut kept: Option<Tools> = None;
        while let Some(task) = self.take(&mut current, lease.as_ref())? {
            let table = task.part.table;
            let mut tools = match kept.take() {
                Some(tools) if tools.table == table => tools,
                // The old one's memory goes before the new one's comes.
                other => {
                    drop(other);
                    self.tools(task.part)?
                }
            };
            let started = Instant::now();
            let chunk = self.encode(&task, &mut tools)?;
            let totals = tools.tally.as_mut().map(Tally::take);
            self.append(&task, &chunk, totals, lease.as_ref())?;
            tools.encoder.recycle(chunk);
            self.clock(table, started);
            kept = Some(tools);
        }
        Ok(())
    }

    fn tools(&self, part: &OpenPart<'p>) -> Result<Tools> {
        // A stream has no manifest.
        let counted = self.session.and(part.plan.counted_schema.as_ref());
        Ok(Tools {
            table: part.table,
            encoder: part.plan.format.encoder()?,
            tally: counted.map(Tally::try_new).transpose()?,
        })
    }

    /// The next chunk to encode; `None` when all are taken.
    fn take<'t>(
        &'t self,
        current: &mut Option<&'t OpenPart<'p>>,
        lease: Option<&Arc<Lease>>,
    ) -> Result<Option<Task<'t, 'p>>> {
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
                    let totals = self.tools(part)?.tally.map(|_| Totals::default());
                    self.finish(part, self.open(part, lease)?, totals)?;
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

    fn watch<'s>(&'s self, count: Option<&'s (dyn Fn(u64) + Sync)>) -> Watch<'s> {
        Watch {
            stop: self.run.stop,
            failed: Some(&self.failed),
            count,
        }
    }

    fn encode(&self, task: &Task<'_, 'p>, tools: &mut Tools) -> Result<Chunk> {
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
        if let Some(tally) = &mut tools.tally {
            rows = rows.tallied(&plan.counted, tally);
        }
        rows.encode(tools.encoder.as_mut())
    }

    fn open(&self, part: &OpenPart<'p>, lease: Option<&Arc<Lease>>) -> Result<Box<dyn Assembler>> {
        let planned = &part.plan.parts[part.number];
        let rows = planned.rows.end - planned.rows.start;
        let out = self
            .run
            .create(&planned.path, part.plan.expected_bytes(rows))?;
        fail::point("part.created");
        if self.session.is_none() {
            return part.plan.format.assemble(out);
        }
        let out = Digested::new(out, part.digest.clone(), lease.cloned());
        part.plan.format.assemble(Box::new(out))
    }

    /// Appends a chunk when its turn has come; the last one finishes the file.
    fn append(
        &self,
        task: &Task<'_, 'p>,
        chunk: &Chunk,
        totals: Option<Totals>,
        lease: Option<&Arc<Lease>>,
    ) -> Result<()> {
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
            None => self.open(part, lease)?,
        };
        assembler.append(chunk)?;
        fail::point("part.appended");
        state.appended += 1;
        if let Some(totals) = &totals {
            state.totals.merge(totals)?;
        }
        if let Some(observer) = self.run.observer {
            observer.bytes(part.table, chunk.bytes());
        }
        if state.appended < part.chunks {
            state.assembler = Some(assembler);
            part.moved.notify_all();
            return Ok(());
        }
        let totals = totals.map(|_| std::mem::take(&mut state.totals));
        drop(state);
        self.finish(part, assembler, totals)
    }

    fn finish(
        &self,
        part: &OpenPart<'p>,
        assembler: Box<dyn Assembler>,
        totals: Option<Totals>,
    ) -> Result<()> {
        let bytes = assembler.finish()?;
        let planned = &part.plan.parts[part.number];
        let receipt = ManifestPart {
            path: planned.path.as_str().to_owned(),
            first_row: planned.rows.start,
            rows: planned.rows.end - planned.rows.start,
            bytes,
            blake3: part
                .digest
                .get()
                .map(|digest| digest.to_hex().to_string())
                .unwrap_or_default(),
            messages: None,
            totals,
        };
        if let Some(session) = self.session {
            session.record(part.table, part.number, &receipt)?;
        }
        if let Some(observer) = self.run.observer {
            observer.part_finished(part.table, &receipt);
        }
        let table = &mut lock(&self.tables)[part.table];
        table.add(&receipt);
        table.made_rows += receipt.rows;
        table.made_bytes += receipt.bytes;
        Ok(())
    }

    fn clock(&self, table: usize, started: Instant) {
        let now = Instant::now();
        let mut clocks = lock(&self.clocks);
        let (first, last) = clocks[table].unwrap_or((started, now));
        clocks[table] = Some((first.min(started), last.max(now)));
    }

    pub(super) fn into_written(self, workers: usize) -> Result<Written> {
        if let Some(error) = self
            .error
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
        {
            return Err(error);
        }
        let clocks = self
            .clocks
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let mut tables = self
            .tables
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        for (table, clock) in tables.iter_mut().zip(clocks) {
            table.seconds = clock.map_or(0.0, |(first, last)| (last - first).as_secs_f64());
        }
        Ok(Written { tables, workers })
    }
}
