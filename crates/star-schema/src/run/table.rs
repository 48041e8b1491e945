//! One table of a star on its way: its ways, its workers, its units.

use crate::choose::{Chosen, LEAST_STATE, Strategy, column_name, group_bytes};
use crate::engine::dictionary::Dictionary;
use crate::engine::direct::{Direct, DirectError};
use crate::engine::group::{Bucket, Grouping, Groups};
use crate::engine::partition::Dealt;
use crate::engine::rows::{Layout, Texts};
use crate::engine::scan::{Scan, engine_error, source_rows};
use crate::engine::scatter::{self, Scatter, ScatterError};
use crate::engine::sorted::SortedUnit;
use crate::engine::stream::Batches;
use crate::engine::unit::UnitReader;
use crate::observe::{Observer, Progress, Step, Stop, UnitDone, Warning};
use crate::temp::{SpillFolder, TempFolder};
use crate::{Error, Result, Store, Unit};
use lakeseed_budget::{Budget, Bytes, Lease, MIB, Need, Peak};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use super::pace::{Pace, SWAP_WORTH_A_WORD, swapped};
use super::{Settings, Table, TableReport};

/// One table being made.
pub(super) struct TableRun<'a> {
    pub(super) table: &'a Table,
    pub(super) settings: &'a Settings,
    pub(super) budget: &'a Budget,
    pub(super) store: &'a dyn Store,
    pub(super) observer: &'a dyn Observer,
    pub(super) stop: &'a Stop,
    pub(super) peak: Peak,
    pub(super) spilled: Arc<AtomicU64>,
    pub(super) units_done: AtomicUsize,
    pub(super) rows: AtomicU64,
    pub(super) warned: AtomicBool,
    pub(super) swap_warned: AtomicBool,
    pub(super) pace: Pace,
}

impl TableRun<'_> {
    pub(super) fn run(&self, temp: &mut Option<TempFolder>) -> Result<TableReport> {
        let start = Instant::now();
        let units = self.table.units();
        let done: Vec<bool> = units.iter().map(|unit| self.store.is_done(unit)).collect();
        let before = done.iter().filter(|&&done| done).count();
        self.units_done.store(before, Ordering::Relaxed);
        self.table.scan.rows.store(0, Ordering::Relaxed);
        if before < units.len() {
            match self.table.chosen.choice.strategy {
                Strategy::Sorted => self.sorted(&units, &done, temp)?,
                // Spans that are sorted each by itself would leave their groups in no order.
                Strategy::Direct if !self.table.scan.cut.sorts && self.direct(&units[0])? => {}
                Strategy::Direct | Strategy::Scatter => self.scatter(&units, done, temp)?,
            }
        }
        Ok(TableReport {
            table: self.table.scan.cut.table.clone(),
            units: self.units_done.load(Ordering::Relaxed) - before,
            units_before: before,
            rows_read: self.table.scan.rows.load(Ordering::Relaxed),
            rows: self.rows.load(Ordering::Relaxed),
            spilled: self.spilled(),
            time: start.elapsed(),
        })
    }

    fn spilled(&self) -> Bytes {
        Bytes::new(self.spilled.load(Ordering::Relaxed))
    }

    /// The direct way; false where the states turned out too large.
    fn direct(&self, unit: &Unit) -> Result<bool> {
        let cut = &self.table.scan.cut;
        let layout = Arc::new(Layout::new(Arc::clone(&cut.carried), cut.keys, &[]));
        let spans = self.table.scan.spans.len() as u64;
        let share = Bytes::new(self.budget.free().get() / 8).max(LEAST_STATE);
        let (dictionaries, codes) = self.dictionaries(&layout)?;
        let need = Need::new("state of the aggregate", share)
            .and("what a source's reader holds", self.read_bytes())
            .and("batches and codes", 4 * MIB);
        let workers = self
            .budget
            .workers(self.settings.threads, spans.max(1), &need)?;
        let all = workers as u64 * need.total();
        let lease = self
            .budget
            .lease(format!("aggregate of {}", cut.table), all)?;
        let direct = Direct {
            scan: self.table.scan.clone(),
            layout: Arc::clone(&layout),
            dictionaries: dictionaries.clone(),
            memory: share.as_usize(),
        };
        let start = Instant::now();
        let groups = match direct.run(workers, &|spilled| self.tick(Step::Read, spilled)) {
            Ok(groups) => groups,
            Err(DirectError::Failed(error)) => return Err(error),
            Err(DirectError::TooLarge) => return Ok(false),
        };
        let grouping = Grouping {
            cut: Arc::clone(cut),
            layout,
            texts: Arc::new(Texts::new(&dictionaries)),
            dictionaries,
            spill: None,
            spilled: Arc::clone(&self.spilled),
        };
        let batches = grouping.finish(groups.groups, &groups.packing)?;
        let rows_in = self.table.scan.rows.load(Ordering::Relaxed);
        self.commit(unit, batches, rows_in, start)?;
        drop((lease, codes));
        Ok(true)
    }

    /// What the reader of one piece holds: more than was given where the source says so.
    fn read_bytes(&self) -> Bytes {
        let Scan { cut, source, .. } = &self.table.scan;
        let pieces = 0..source.pieces().len();
        let most = pieces
            .map(|piece| source.held_bytes(piece, &cut.columns))
            .max();
        self.settings.read_bytes.max(Bytes::new(most.unwrap_or(0)))
    }

    /// The run's temporary folder, made when it is needed first.
    fn temp<'t>(&self, temp: &'t mut Option<TempFolder>) -> Result<&'t TempFolder> {
        Ok(match temp {
            Some(temp) => temp,
            None => temp.insert(TempFolder::create(
                &self.settings.temp,
                self.settings.temp_in_memory,
            )?),
        })
    }

    /// A sorted source: each unit by itself.
    fn sorted(&self, units: &[Unit], done: &[bool], temp: &mut Option<TempFolder>) -> Result<()> {
        let Chosen {
            prefix,
            sorted,
            plain_row,
            ..
        } = &self.table.chosen;
        let scan = &self.table.scan;
        let spill = Arc::new(self.temp(temp)?.sub(&scan.cut.table)?);
        let layout = Arc::new(Layout::new(
            Arc::clone(&scan.cut.carried),
            scan.cut.keys,
            &[],
        ));
        let todo: Vec<usize> = (0..units.len()).filter(|&unit| !done[unit]).collect();
        let pieces = scan.source.pieces();
        let largest = sorted
            .iter()
            .map(|unit| source_rows(&pieces[unit.clone()]))
            .max();
        let largest = largest.unwrap_or(0);

        // Lanes, packed keys and arguments: a third of a worker's share, at most.
        let row = 16 * (layout.lanes as u64 + 2) + 2 * plain_row;
        let share = self.budget.free().get() / self.settings.threads.max(1) as u64;
        // An eighth for codes, and as much for arrays of the same texts.
        let codes = Bytes::new(share / 8);
        let most_rows = (share / 3 / row).clamp(1 << 15, (largest + largest / 4).max(1 << 15));
        let beside = Need::new("rows of a unit", most_rows * Bytes::new(row))
            .and("what a source's reader holds", self.read_bytes())
            .and("codes of texts", 2 * codes)
            .and("batches and codes", 4 * MIB);
        let (workers, need, memory) = self.group_workers(largest, todo.len() as u64, beside)?;
        self.each(workers, &todo, &need, |number| {
            let unit = SortedUnit {
                scan,
                layout: &layout,
                prefix,
                units: sorted,
                number,
                spill: &spill,
                spilled: &self.spilled,
                most_rows: most_rows as usize,
                memory,
                codes: codes.as_usize(),
            };
            let start = Instant::now();
            let (groups, rows) = unit.groups()?;
            self.commit_groups(&units[number], groups, rows, start)
        })
    }

    /// A dictionary for each column of texts, and the lease of what they may hold: an eighth of what is
    /// free, and as much for what grows while its old half is there, and for arrays of the same texts
    /// later.
    fn dictionaries(&self, layout: &Layout) -> Result<(Vec<Arc<Dictionary>>, Lease)> {
        let count = layout.dictionaries;
        let share = match count {
            0 => Bytes::ZERO,
            _ => Bytes::new(self.budget.free().get() / 8),
        };
        let name = format!("codes of texts of {}", self.table.scan.cut.table);
        let lease = self.budget.lease(name, 2 * share)?;
        let each = share.as_usize() / count.max(1);
        // Each worker keeps the hashes.
        let dictionary = |_| Arc::new(Dictionary::new(each, self.settings.threads));
        Ok(((0..count).map(dictionary).collect(), lease))
    }

    /// Scatter, then gather.
    fn scatter(
        &self,
        units: &[Unit],
        done: Vec<bool>,
        temp: &mut Option<TempFolder>,
    ) -> Result<()> {
        let temp = self.temp(temp)?;
        temp.expect_room(self.table.chosen.choice.spill)?;
        let cut = &self.table.scan.cut;
        let skip = Arc::new(done);
        let mut as_text = self.table.chosen.as_text.clone();
        loop {
            let spill = Arc::new(temp.sub(&cut.table)?);
            let layout = Arc::new(Layout::new(Arc::clone(&cut.carried), cut.keys, &as_text));
            let (dictionaries, codes) = self.dictionaries(&layout)?;
            self.table.scan.rows.store(0, Ordering::Relaxed);
            match self.deal(&layout, &dictionaries, &skip, &spill) {
                Ok(dealt) => {
                    return self.gather(
                        units,
                        &skip,
                        &layout,
                        (&dictionaries, codes),
                        &Arc::new(dealt),
                        &spill,
                    );
                }
                Err(ScatterError::Overflow { column }) => {
                    self.observer.warning(&Warning::DictionaryFull {
                        column: column_name(cut, column),
                    });
                    as_text.push(column);
                }
                Err(ScatterError::Failed(error)) => return Err(error),
            }
        }
    }

    fn deal(
        &self,
        layout: &Arc<Layout>,
        dictionaries: &[Arc<Dictionary>],
        skip: &Arc<Vec<bool>>,
        spill: &SpillFolder,
    ) -> Result<Dealt, ScatterError> {
        let Chosen {
            deal, plain_row, ..
        } = self.table.chosen;
        let scan = &self.table.scan;
        let threads = self.settings.threads.max(1);
        let read_bytes = self.read_bytes();
        let share = Bytes::new(self.budget.free().get() / threads as u64) - read_bytes;
        let deal_rows = scatter::deal_rows(layout, deal, Bytes::new(share.get() / 2), plain_row);
        let need = scatter::need(layout, deal_rows, plain_row, read_bytes);
        let spans = scan.spans.len().max(1) as u64;
        let workers = self
            .budget
            .workers(threads, spans, &need)
            .map_err(Error::from)?;
        let all = workers as u64 * need.total();
        let name = format!("scatter of {}", scan.cut.table);
        let lease = self.budget.lease(name, all).map_err(Error::from)?;
        let scatter = Scatter {
            scan: scan.clone(),
            layout: Arc::clone(layout),
            dictionaries: dictionaries.to_vec(),
            deal,
            by_value: self.table.chosen.by_value.clone(),
            skip: Arc::clone(skip),
            deal_rows,
        };
        let dealt = scatter.run(workers, spill, &|spilled| self.tick(Step::Read, spilled))?;
        drop(lease);
        Ok(dealt)
    }

    fn gather(
        &self,
        units: &[Unit],
        skip: &[bool],
        layout: &Arc<Layout>,
        (dictionaries, mut codes): (&[Arc<Dictionary>], Lease),
        dealt: &Arc<Dealt>,
        spill: &Arc<SpillFolder>,
    ) -> Result<()> {
        let cut = &self.table.scan.cut;
        let grouping = Arc::new(Grouping {
            cut: Arc::clone(cut),
            layout: Arc::clone(layout),
            dictionaries: dictionaries.to_vec(),
            texts: Arc::new(Texts::new(dictionaries)),
            spill: Some(Arc::clone(spill)),
            spilled: Arc::clone(&self.spilled),
        });
        let held: usize = dictionaries.iter().map(|one| one.bytes()).sum::<usize>();
        codes.shrink_to(Bytes::from(held + grouping.texts.bytes()));
        let name = format!("index of {}", cut.table);
        let index = self.budget.lease(name, Bytes::from(dealt.index_bytes()))?;

        let todo: Vec<usize> = (0..units.len()).filter(|&unit| !skip[unit]).collect();
        let largest = todo.iter().map(|&unit| dealt.rows(unit)).max().unwrap_or(0);
        let (workers, need, memory) = self.group_workers(
            largest,
            todo.len() as u64,
            Need::new("rows that are read", 4 * MIB),
        )?;

        let deal = self.table.chosen.deal;
        self.each(workers, &todo, &need, |number| {
            let start = Instant::now();
            let groups = grouping.groups(&Bucket::new(dealt, number, deal.bits), memory)?;
            self.commit_groups(&units[number], groups, dealt.rows(number), start)
        })?;
        drop((codes, index));
        Ok(())
    }

    /// Does the work for each unit, side by side, each with a lease; the first error ends it.
    fn each(
        &self,
        workers: usize,
        todo: &[usize],
        need: &Need,
        work: impl Fn(usize) -> Result<()> + Sync,
    ) -> Result<()> {
        let next = AtomicUsize::new(0);
        let failed: Mutex<Option<Error>> = Mutex::new(None);
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some(&number) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let lease = self
                            .budget
                            .lease(self.table.unit(number).to_string(), need.total());
                        let result = lease.map_err(Error::from).and_then(|_lease| work(number));
                        if let Err(error) = result {
                            next.store(usize::MAX / 2, Ordering::Relaxed);
                            let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                            failed.get_or_insert(error);
                        }
                    }
                });
            }
        });
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Commits a unit, and tells what was unusual about it.
    fn commit_groups(&self, unit: &Unit, groups: Groups, rows: u64, start: Instant) -> Result<()> {
        if groups.pieces > 1 {
            let pieces = groups.pieces;
            self.observer.warning(&Warning::Split {
                unit: unit.clone(),
                pieces,
            });
        }
        self.commit(unit, groups.batches, rows, start)?;
        if let Some(warning) = self.pace.after(rows, start.elapsed()) {
            self.observer.warning(&warning);
        }
        Ok(())
    }

    /// How many workers aggregate units of so many rows, what each leases, and how much of that its
    /// aggregate may hold.
    fn group_workers(&self, rows: u64, units: u64, beside: Need) -> Result<(usize, Need, usize)> {
        let fixed = beside.and("what the store holds", self.settings.store_bytes);
        let wanted = (rows * Bytes::new(group_bytes(&self.table.scan.cut))).max(LEAST_STATE);
        // Rather fewer workers than units in pieces; one that still has too little splits its units.
        let enough = fixed.clone().and("state of an aggregate", wanted);
        let free = self.budget.free();
        let asked = (self.settings.threads as u64).clamp(1, units.max(1));
        let carried = (free.get() / enough.total().get().max(1)).clamp(1, asked);
        let state = (Bytes::new(free.get() / carried) - fixed.total()).max(LEAST_STATE);
        let need = fixed.and("state of an aggregate", state);
        let workers = self.budget.workers(carried as usize, units, &need)?;
        // Half of it is for what the aggregate gives out while it still holds its state.
        Ok((workers, need, state.as_usize() / 2))
    }

    /// Hands a unit's rows to the store.
    fn commit(&self, unit: &Unit, batches: Batches, rows_in: u64, start: Instant) -> Result<()> {
        let cut = &self.table.scan.cut;
        let mut reader = UnitReader::new(&cut.schema, batches);
        let committed = self.store.commit(unit, &mut reader);
        if let Some(cause) = reader.error {
            return Err(engine_error(&cut.table, cause));
        }
        committed.map_err(|cause| Error::Store {
            unit: unit.to_string(),
            cause,
        })?;
        self.rows.fetch_add(reader.rows, Ordering::Relaxed);
        self.units_done.fetch_add(1, Ordering::Relaxed);
        self.observer.unit_done(&UnitDone {
            unit,
            batch: self
                .table
                .chosen
                .by_value
                .as_ref()
                .map(|by| by.names[unit.part].as_str()),
            rows_in,
            rows: reader.rows,
            time: start.elapsed(),
        });
        self.tick(Step::Write, 0)
    }

    /// Looks at the process, tells the observer, and ends the work when that was asked.
    fn tick(&self, step: Step, spilled: u64) -> Result<()> {
        if self.stop.is_raised() {
            return Err(Error::Stopped);
        }
        self.spilled.fetch_add(spilled, Ordering::Relaxed);
        let memory = self.peak.tick().unwrap_or_default();
        let limit = self.budget.total();
        if let Some(swapped) = swapped().filter(|&swapped| swapped > SWAP_WORTH_A_WORD)
            && !self.swap_warned.swap(true, Ordering::Relaxed)
        {
            self.observer.warning(&Warning::Swapped { swapped });
        }
        if memory.get() > limit.get() / 100 * 85 && !self.warned.swap(true, Ordering::Relaxed) {
            self.observer.warning(&Warning::NearLimit {
                held: memory,
                limit,
            });
        }
        let choice = &self.table.chosen.choice;
        self.observer.progress(&Progress {
            table: &self.table.scan.cut.table,
            step,
            units_done: self.units_done.load(Ordering::Relaxed),
            units: choice.units,
            rows_read: self.table.scan.rows.load(Ordering::Relaxed),
            source_rows: choice.source_rows,
            rows_written: self.rows.load(Ordering::Relaxed),
            spilled: self.spilled(),
            memory,
            memory_peak: self.peak.get(),
        });
        Ok(())
    }
}
