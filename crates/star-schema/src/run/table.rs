//! One table of a star on its way: its leases, its workers, its units.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use lakeseed_budget::{Budget, Bytes, Lease, Need, Peak};

use super::groups::GroupsRun;
use super::pace::{Pace, SWAP_WORTH_A_WORD, swapped};
use super::together::TogetherRun;
use super::{KeyReport, Settings, Table, TableReport, Way};
use crate::choose::LEAST_STATE;
use crate::engine::dictionary::Dictionary;
use crate::engine::partition::{ByValue, Deal, Dealt};
use crate::engine::rows::Layout;
use crate::engine::scan::{Scan, engine_error};
use crate::engine::scatter::{self, Scatter, ScatterError};
use crate::engine::stream::Batches;
use crate::engine::unit::UnitReader;
use crate::observe::{Observer, Progress, Step, Stop, UnitDone, Warning};
use crate::rules::Watch;
use crate::temp::{SpillFolder, TempFolder};
use crate::{Error, Result, Store, Unit};

/// One table being made.
pub(super) struct TableRun<'a> {
    pub(super) table: &'a Table,
    pub(super) watch: Watch,
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

/// How a source is dealt.
pub(super) struct Dealing<'a> {
    pub(super) layout: &'a Arc<Layout>,
    pub(super) dictionaries: &'a [Arc<Dictionary>],
    pub(super) deal: Deal,
    pub(super) by_value: Option<Arc<ByValue>>,
    /// Bytes of the plain columns of a row.
    pub(super) plain_row: u64,
    /// Buckets that nobody wants.
    pub(super) skip: &'a Arc<Vec<bool>>,
    /// What the reader of a piece holds.
    pub(super) read_bytes: Bytes,
}

impl<'a> TableRun<'a> {
    pub(super) fn run(&'a self, temp: &mut Option<TempFolder>) -> Result<TableReport> {
        let start = Instant::now();
        let units = self.table.units();
        let done: Vec<bool> = units.iter().map(|unit| self.store.is_done(unit)).collect();
        let before = done.iter().filter(|&&done| done).count();
        self.units_done.store(before, Ordering::Relaxed);
        self.table.rows_read().store(0, Ordering::Relaxed);
        self.watch_standing()?;
        // Units that stand are made again where their keys are to be known, or their rows told from
        // others, and not committed.
        let again = self.watch.members.contains_key(&self.table.name) || self.watch.told.is_some();
        let done = if again {
            vec![false; units.len()]
        } else {
            done
        };
        if before < units.len() || (again && !units.is_empty()) {
            match &self.table.way {
                Way::Groups(of) => {
                    // Held until the last unit is there: its source is in temporary files.
                    let (read_bytes, _under) = match &of.under {
                        None => (self.read_bytes(&of.scan), None),
                        Some(rows) => {
                            let (read_bytes, ready) = TogetherRun::under(self, rows, temp)?;
                            (read_bytes, Some(ready))
                        }
                    };
                    let run = GroupsRun {
                        run: self,
                        of,
                        read_bytes,
                    };
                    run.units(&units, done, temp)?;
                }
                Way::Together(together) => {
                    let run = TogetherRun {
                        run: self,
                        together,
                    };
                    run.units(&units, done, temp)?;
                }
            }
        }
        self.is_told_apart()?;
        Ok(TableReport {
            table: self.table.name.clone(),
            fate: self.table.extent.fate.clone(),
            units: self.units_done.load(Ordering::Relaxed) - before,
            units_before: before,
            rows_read: self.table.rows_read().load(Ordering::Relaxed),
            rows: self.rows.load(Ordering::Relaxed),
            spilled: self.spilled(),
            duplicates: self.duplicates(),
            keys: self.keys(),
            time: start.elapsed(),
        })
    }

    /// Takes in the keys of rows that stay.
    fn watch_standing(&self) -> Result<()> {
        let stands = &self.table.extent.stands;
        if stands.is_empty() || !self.watch.collects() {
            return Ok(());
        }
        let _lease = self.lease_reader()?;
        self.watch.add_standing(stands)
    }

    /// Whether the new rows have groups of their own.
    fn is_told_apart(&self) -> Result<()> {
        let Some(told) = &self.watch.told else {
            return Ok(());
        };
        told.are_apart(&self.table.extent.stands)
            .map_err(|columns| Error::Shared {
                table: self.table.name.clone(),
                why: format!("new rows and old ones share values of {columns}"),
            })
    }

    /// Whether all keys of the rows that go are there again: rows of `child`, which stay, may point to each.
    pub(super) fn has_standing_keys(&self, child: &str) -> Result<()> {
        let _lease = self.lease_reader()?;
        if self.watch.has_standing(&self.table.extent.gone)? {
            return Ok(());
        }
        Err(Error::Shared {
            table: child.to_owned(),
            why: format!("{} has lost rows that it may point to", self.table.name),
        })
    }

    fn lease_reader(&self) -> Result<Lease> {
        let name = format!("keys of the {} that stands", self.table.name);
        Ok(self.budget.lease(name, self.settings.read_bytes)?)
    }

    /// Rows that share their grain; tells of them.
    fn duplicates(&self) -> u64 {
        let seen = self
            .watch
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (rows, examples) = seen.duplicates.clone();
        if rows > 0 {
            self.observer.warning(&Warning::Duplicates {
                table: self.table.name.clone(),
                rows,
                examples,
            });
        }
        rows
    }

    /// What was seen of foreign keys; tells of those that point nowhere.
    fn keys(&self) -> Vec<KeyReport> {
        let seen = self
            .watch
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let keys = self.table.rules.keys.iter().enumerate();
        keys.map(|(number, key)| {
            let (rows, examples) = seen.missing[number].clone();
            let missing = (!seen.is_unknown[number]).then_some(rows);
            if missing != Some(0) {
                self.observer.warning(&Warning::Missing {
                    table: self.table.name.clone(),
                    columns: key.names.clone(),
                    parent: key.parent.clone(),
                    rows: missing,
                    examples,
                });
            }
            KeyReport {
                columns: key.names.clone(),
                table: key.parent.clone(),
                missing,
            }
        })
        .collect()
    }

    fn spilled(&self) -> Bytes {
        Bytes::new(self.spilled.load(Ordering::Relaxed))
    }

    /// The run's temporary folder, made when it is needed first.
    pub(super) fn temp<'t>(&self, temp: &'t mut Option<TempFolder>) -> Result<&'t TempFolder> {
        Ok(match temp {
            Some(temp) => temp,
            None => temp.insert(TempFolder::create(
                &self.settings.temp,
                self.settings.temp_in_memory,
            )?),
        })
    }

    /// What the reader of one piece holds: more than was given where the source says so.
    pub(super) fn read_bytes(&self, scan: &Scan) -> Bytes {
        let pieces = 0..scan.source.pieces().len();
        let held = pieces.map(|piece| scan.source.held_bytes(piece, &scan.below.columns));
        let most = Bytes::new(held.max().unwrap_or(0));
        self.settings.read_bytes.max(most)
    }

    /// A dictionary for each column of texts, and the lease of what they may hold: an eighth of what is
    /// free, and as much for what grows while its old half is there, and for arrays of the same texts
    /// later.
    pub(super) fn dictionaries(&self, layout: &Layout) -> Result<(Vec<Arc<Dictionary>>, Lease)> {
        let count = layout.dictionaries;
        let share = match count {
            0 => Bytes::ZERO,
            _ => Bytes::new(self.budget.free().get() / 8),
        };
        let name = format!("codes of texts of {}", self.table.name);
        let lease = self.budget.lease(name, 2 * share)?;
        let each = share.as_usize() / count.max(1);
        // Each worker keeps the hashes.
        let dictionary = |_| Arc::new(Dictionary::new(each, self.settings.threads));
        Ok(((0..count).map(dictionary).collect(), lease))
    }

    /// Deals a source to buckets in temporary files, with as many workers as the budget carries.
    pub(super) fn deal(
        &self,
        scan: &Scan,
        dealing: &Dealing<'_>,
        spill: &SpillFolder,
    ) -> Result<Dealt, ScatterError> {
        let Dealing {
            layout,
            deal,
            plain_row,
            read_bytes,
            ..
        } = *dealing;
        let threads = self.settings.threads.max(1);
        let share = Bytes::new(self.budget.free().get() / threads as u64) - read_bytes;
        let deal_rows = scatter::deal_rows(layout, deal, Bytes::new(share.get() / 2), plain_row);
        let need = scatter::need(layout, deal_rows, plain_row, read_bytes);
        let spans = scan.spans.len().max(1) as u64;
        let workers = self
            .budget
            .workers(threads, spans, &need)
            .map_err(Error::from)?;
        let all = workers as u64 * need.total();
        let name = format!("scatter of {}", self.table.name);
        let lease = self.budget.lease(name, all).map_err(Error::from)?;
        let scatter = Scatter {
            scan: scan.clone(),
            layout: Arc::clone(layout),
            dictionaries: dealing.dictionaries.to_vec(),
            deal,
            by_value: dealing.by_value.clone(),
            skip: Arc::clone(dealing.skip),
            deal_rows,
        };
        let dealt = scatter.run(workers, spill, &|spilled| self.tick(Step::Read, spilled))?;
        drop(lease);
        Ok(dealt)
    }

    /// Does the work for each unit, side by side, each with a lease; the first error ends it.
    pub(super) fn each(
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

    /// Tells that a unit was made in pieces.
    pub(super) fn split(&self, unit: &Unit, pieces: usize) {
        if pieces > 1 {
            let unit = unit.clone();
            self.observer.warning(&Warning::Split { unit, pieces });
        }
    }

    /// Tells when units take longer and longer.
    pub(super) fn after(&self, rows: u64, start: Instant) {
        if let Some(warning) = self.pace.after(rows, start.elapsed()) {
            self.observer.warning(&warning);
        }
    }

    /// How many workers make units of so many rows, each of which holds so many bytes; what each worker
    /// leases, and how much of that the engine may hold.
    pub(super) fn group_workers(
        &self,
        group: u64,
        rows: u64,
        units: u64,
        beside: Need,
    ) -> Result<(usize, Need, usize)> {
        let fixed = beside.and("what the store holds", self.settings.store_bytes);
        let wanted = (rows * Bytes::new(group)).max(LEAST_STATE);
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
    pub(super) fn commit(
        &self,
        unit: &Unit,
        batches: Batches,
        rows_in: u64,
        batch: Option<&str>,
        start: Instant,
    ) -> Result<()> {
        let batches = self.watch.rows(unit.part, batches);
        let mut reader = UnitReader::new(&self.table.schema, batches);
        if self.store.is_done(unit) {
            return match reader.find_map(Result::err).and(reader.error) {
                Some(cause) => Err(engine_error(&self.table.name, cause)),
                None => self.tick(Step::Write, 0),
            };
        }
        let committed = self.store.commit(unit, &mut reader);
        if let Some(cause) = reader.error {
            return Err(engine_error(&self.table.name, cause));
        }
        committed.map_err(|cause| Error::Store {
            unit: unit.to_string(),
            cause,
        })?;
        self.rows.fetch_add(reader.rows, Ordering::Relaxed);
        self.units_done.fetch_add(1, Ordering::Relaxed);
        self.observer.unit_done(&UnitDone {
            unit,
            batch,
            rows_in,
            rows: reader.rows,
            time: start.elapsed(),
        });
        self.tick(Step::Write, 0)
    }

    /// Looks at the process, tells the observer, and ends the work when that was asked.
    pub(super) fn tick(&self, step: Step, spilled: u64) -> Result<()> {
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
        let choice = &self.table.choice;
        self.observer.progress(&Progress {
            table: &self.table.name,
            step,
            units_done: self.units_done.load(Ordering::Relaxed),
            units: choice.units,
            rows_read: self.table.rows_read().load(Ordering::Relaxed),
            source_rows: choice.source_rows,
            rows_written: self.rows.load(Ordering::Relaxed),
            spilled: self.spilled(),
            memory,
            memory_peak: self.peak.get(),
        });
        Ok(())
    }
}
