//! A table whose statement runs on buckets of all its sources at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use arrow_array::RecordBatch;
use datafusion::common::Result as DfResult;
use lakeseed_budget::{Bytes, Lease, MIB, Need};

use super::table::{Dealing, TableRun};
use crate::choose::LEAST_STATE;
use crate::engine::rows::{Layout, Texts};
use crate::engine::scatter::ScatterError;
use crate::observe::{Step, Warning};
use crate::temp::{SpillFolder, TempFolder};
use crate::together::{Bucketed, Held, Input, Ready, Rows, Together};
use crate::{Result, Unit};

/// What a text that travels as it is takes, where nobody has seen it: twice a long name.
const PLAIN_TEXT: u64 = 64;

/// Such a table being made.
pub(super) struct TogetherRun<'a> {
    pub(super) run: &'a TableRun<'a>,
    pub(super) together: &'a Arc<Together>,
}

/// The sources of a statement whose rows another one reads, until it is dropped.
pub(super) struct Under<'a>(&'a Arc<Rows>);

impl Drop for Under<'_> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

impl<'a> TogetherRun<'a> {
    pub(super) fn units(
        &self,
        units: &[Unit],
        done: Vec<bool>,
        temp: &mut Option<TempFolder>,
    ) -> Result<()> {
        let todo: Vec<usize> = (0..units.len()).filter(|&unit| !done[unit]).collect();
        let mut ready = self.ready(done, temp)?;
        let largest = todo.iter().map(|&unit| ready.rows(unit)).max();
        let beside = Need::new("rows that are read", 4 * MIB);
        let (workers, need, memory) = self.run.group_workers(
            self.together.row_bytes(),
            largest.unwrap_or(0),
            todo.len() as u64,
            beside,
        )?;
        // Half of a lease is for what an aggregate gives out; here that is counted row by row.
        ready.memory = 2 * memory;
        self.run.each(workers, &todo, &need, |number| {
            let start = Instant::now();
            let (batches, pieces) = self.together.unit(&ready, number, &self.run.spilled)?;
            let (unit, rows) = (&units[number], ready.rows(number));
            self.run.split(unit, pieces);
            self.run.commit(unit, batches, rows, None, start)?;
            self.run.after(rows, start);
            Ok(())
        })
    }

    /// Makes the sources of a statement ready whose rows are those of another's source: what one reader
    /// of it holds, and what is to be kept as long as it is read.
    pub(super) fn under(
        run: &'a TableRun<'a>,
        rows: &'a Arc<Rows>,
        temp: &mut Option<TempFolder>,
    ) -> Result<(Bytes, Under<'a>)> {
        let this = Self {
            run,
            together: &rows.together,
        };
        let none_done = vec![false; rows.together.units()];
        let mut ready = this.ready(none_done, temp)?;
        let workers = run.settings.threads.max(1) as u64;
        // The rest is for dealing what is read: codes, rows, buffers.
        let share = Bytes::new(run.budget.free().get() / workers / 3).max(LEAST_STATE);
        ready.memory = share.as_usize();
        rows.set(Some(Arc::new(ready)));
        Ok((share + 4 * MIB, Under(rows)))
    }

    /// Dealing the large sources, and reads the small ones.
    fn ready(&self, done: Vec<bool>, temp: &mut Option<TempFolder>) -> Result<Ready> {
        let temp = self.run.temp(temp)?;
        temp.expect_room(Bytes::new(self.together.spill_bytes()))?;
        let spill = Arc::new(temp.sub(&format!("{}-sources", self.together.table))?);
        let skip = Arc::new(done);
        let (mut held, mut leases) = (Vec::new(), Vec::new());
        for input in &self.together.inputs {
            let (one, its) = if input.is_cut {
                self.cut(input, &skip, &spill)?
            } else {
                self.whole(input)?
            };
            held.push(one);
            leases.extend(its);
        }
        Ok(Ready::new(held, spill, leases))
    }

    fn cut(
        &self,
        input: &Input,
        skip: &Arc<Vec<bool>>,
        spill: &SpillFolder,
    ) -> Result<(Held, Vec<Lease>)> {
        let read_before = input.scan.rows.load(Ordering::Relaxed);
        let mut as_text = Vec::new();
        loop {
            let below = &input.scan.below;
            let layout = Layout::new(Arc::clone(&below.carried), below.keys, &as_text);
            let layout = Arc::new(layout);
            let (dictionaries, mut codes) = self.run.dictionaries(&layout)?;
            input.scan.rows.store(read_before, Ordering::Relaxed);
            let dealing = Dealing {
                layout: &layout,
                dictionaries: &dictionaries,
                deal: self.together.deal,
                by_value: None,
                plain_row: PLAIN_TEXT * layout.arrays as u64,
                skip,
                read_bytes: self.run.read_bytes(&input.scan),
            };
            let rows = match self.run.deal(&input.scan, &dealing, spill) {
                Ok(rows) => rows,
                Err(ScatterError::Overflow { column }) => {
                    let name = &input.name;
                    let column_name = input.column_name(column);
                    let column_name = format!("{column_name} of {name}");
                    self.run.observer.warning(&Warning::DictionaryFull {
                        column: column_name,
                    });
                    as_text.push(column);
                    continue;
                }
                Err(ScatterError::Failed(error)) => return Err(error),
            };
            let texts = Texts::new(&dictionaries);
            let held: usize = dictionaries.iter().map(|one| one.bytes()).sum::<usize>();
            codes.shrink_to(Bytes::from(held + texts.bytes()));
            let holder = format!("index of {}", input.name);
            let index = self
                .run
                .budget
                .try_lease(holder, Bytes::from(rows.index_bytes()))?;
            let bucketed = Bucketed {
                layout,
                dictionaries,
                texts: Arc::new(texts),
                dealt: Arc::new(rows),
            };
            return Ok((Held::Cut(bucketed), vec![codes, index]));
        }
    }

    fn whole(&self, input: &Input) -> Result<(Held, Vec<Lease>)> {
        let holder = format!(
            "all of {}, which {} reads whole",
            input.name, self.together.table
        );
        let expected = Bytes::new(input.bytes());
        let mut lease = self.run.budget.try_lease(&holder, expected)?;
        let mut all: Vec<RecordBatch> = Vec::new();
        for span in 0..input.scan.spans.len() {
            let batches = input.scan.open(span)?.collect::<DfResult<Vec<_>>>();
            all.extend(batches.map_err(|cause| input.scan.failed(cause))?);
            self.run.tick(Step::Read, 0)?;
        }
        let bytes: usize = all.iter().map(RecordBatch::get_array_memory_size).sum();
        let bytes = Bytes::from(bytes);
        if bytes > expected {
            drop(lease);
            lease = self.run.budget.try_lease(&holder, bytes)?;
        } else {
            lease.shrink_to(bytes);
        }
        Ok((Held::Whole(Arc::new(all)), vec![lease]))
    }
}
