//! A table that is an aggregate over one source: the three ways to its units.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use lakeseed_budget::{Bytes, Lease, MIB, Need};

use super::OfGroups;
use super::table::{Dealing, TableRun};
use crate::choose::{Chosen, LEAST_STATE, Strategy, column_name, group_bytes};
use crate::engine::dictionary::Dictionary;
use crate::engine::direct::{Direct, DirectError};
use crate::engine::group::{Bucket, Grouping, Groups};
use crate::engine::partition::Dealt;
use crate::engine::rows::{Layout, Texts};
use crate::engine::scan::source_rows;
use crate::engine::scatter::ScatterError;
use crate::engine::sorted::SortedUnit;
use crate::engine::stream::Batches;
use crate::observe::{Step, Warning};
use crate::temp::{SpillFolder, TempFolder};
use crate::{Result, Unit};

/// Such a table being made.
pub(super) struct GroupsRun<'a> {
    pub(super) run: &'a TableRun<'a>,
    pub(super) of: &'a OfGroups,
    /// What the reader of a piece holds.
    pub(super) read_bytes: Bytes,
}

impl GroupsRun<'_> {
    pub(super) fn units(
        &self,
        units: &[Unit],
        done: Vec<bool>,
        temp: &mut Option<TempFolder>,
    ) -> Result<()> {
        match self.of.chosen.choice.strategy {
            Strategy::Sorted => self.sorted(units, &done, temp),
            // Spans that are sorted each by itself would leave their groups in no order.
            Strategy::Direct if !self.of.cut.sorts && self.direct(&units[0])? => Ok(()),
            _ => self.scatter(units, done, temp),
        }
    }

    fn commit(&self, unit: &Unit, batches: Batches, rows: u64, start: Instant) -> Result<()> {
        let by_value = self.of.chosen.by_value.as_ref();
        let batch = by_value.map(|by| by.names[unit.part].as_str());
        self.run.commit(unit, batches, rows, batch, start)
    }

    /// The direct way; false where the states turned out too large.
    fn direct(&self, unit: &Unit) -> Result<bool> {
        let cut = &self.of.cut;
        let layout = Arc::new(Layout::new(
            Arc::clone(&cut.below.carried),
            cut.below.keys,
            &[],
        ));
        let spans = self.of.scan.spans.len() as u64;
        let share = Bytes::new(self.run.budget.free().get() / 8).max(LEAST_STATE);
        let (dictionaries, codes) = self.run.dictionaries(&layout)?;
        let need = Need::new("state of the aggregate", share)
            .and("what a source's reader holds", self.read_bytes)
            .and("batches and codes", 4 * MIB);
        let workers = self
            .run
            .budget
            .workers(self.run.settings.threads, spans.max(1), &need)?;
        let all = workers as u64 * need.total();
        let lease = self
            .run
            .budget
            .lease(format!("aggregate of {}", cut.below.table), all)?;
        let direct = Direct {
            cut: Arc::clone(cut),
            scan: self.of.scan.clone(),
            layout: Arc::clone(&layout),
            dictionaries: dictionaries.clone(),
            memory: share.as_usize(),
        };
        let start = Instant::now();
        let groups = match direct.run(workers, &|spilled| self.run.tick(Step::Read, spilled)) {
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
            spilled: Arc::clone(&self.run.spilled),
        };
        let batches = grouping.finish(groups.groups, &groups.packing)?;
        let rows_in = self.of.scan.rows.load(Ordering::Relaxed);
        self.commit(unit, batches, rows_in, start)?;
        drop((lease, codes));
        Ok(true)
    }

    /// A sorted source: each unit by itself.
    fn sorted(&self, units: &[Unit], done: &[bool], temp: &mut Option<TempFolder>) -> Result<()> {
        let Chosen {
            prefix,
            sorted,
            plain_row,
            ..
        } = &self.of.chosen;
        let scan = &self.of.scan;
        let spill = Arc::new(self.run.temp(temp)?.sub(&self.of.cut.below.table)?);
        let layout = Arc::new(Layout::new(
            Arc::clone(&self.of.cut.below.carried),
            self.of.cut.below.keys,
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
        let share = self.run.budget.free().get() / self.run.settings.threads.max(1) as u64;
        // An eighth for codes, and as much for arrays of the same texts.
        let codes = Bytes::new(share / 8);
        let most_rows = (share / 3 / row).clamp(1 << 15, (largest + largest / 4).max(1 << 15));
        let beside = Need::new("rows of a unit", most_rows * Bytes::new(row))
            .and("what a source's reader holds", self.read_bytes)
            .and("codes of texts", 2 * codes)
            .and("batches and codes", 4 * MIB);
        let (workers, need, memory) = self.run.group_workers(
            group_bytes(&self.of.cut),
            largest,
            todo.len() as u64,
            beside,
        )?;
        self.run.each(workers, &todo, &need, |number| {
            let unit = SortedUnit {
                cut: &self.of.cut,
                scan,
                layout: &layout,
                prefix,
                units: sorted,
                number,
                spill: &spill,
                spilled: &self.run.spilled,
                most_rows: most_rows as usize,
                memory,
                codes: codes.as_usize(),
            };
            let start = Instant::now();
            let (groups, rows) = unit.groups()?;
            self.commit_groups(&units[number], groups, rows, start)
        })
    }

    /// Scatter, then gather.
    fn scatter(
        &self,
        units: &[Unit],
        done: Vec<bool>,
        temp: &mut Option<TempFolder>,
    ) -> Result<()> {
        let temp = self.run.temp(temp)?;
        temp.expect_room(self.of.chosen.choice.spill)?;
        let cut = &self.of.cut;
        let skip = Arc::new(done);
        let mut as_text = self.of.chosen.as_text.clone();
        loop {
            let spill = Arc::new(temp.sub(&cut.below.table)?);
            let layout = Arc::new(Layout::new(
                Arc::clone(&cut.below.carried),
                cut.below.keys,
                &as_text,
            ));
            let (dictionaries, codes) = self.run.dictionaries(&layout)?;
            self.of.scan.rows.store(0, Ordering::Relaxed);
            let dealing = Dealing {
                layout: &layout,
                dictionaries: &dictionaries,
                deal: self.of.chosen.deal,
                by_value: self.of.chosen.by_value.clone(),
                plain_row: self.of.chosen.plain_row,
                skip: &skip,
                read_bytes: self.read_bytes,
            };
            match self.run.deal(&self.of.scan, &dealing, &spill) {
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
                    self.run.observer.warning(&Warning::DictionaryFull {
                        column: column_name(cut, column),
                    });
                    as_text.push(column);
                }
                Err(ScatterError::Failed(error)) => return Err(error),
            }
        }
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
        let cut = &self.of.cut;
        let grouping = Arc::new(Grouping {
            cut: Arc::clone(cut),
            layout: Arc::clone(layout),
            dictionaries: dictionaries.to_vec(),
            texts: Arc::new(Texts::new(dictionaries)),
            spill: Some(Arc::clone(spill)),
            spilled: Arc::clone(&self.run.spilled),
        });
        let held: usize = dictionaries.iter().map(|one| one.bytes()).sum::<usize>();
        codes.shrink_to(Bytes::from(held + grouping.texts.bytes()));
        let name = format!("index of {}", cut.below.table);
        let index_bytes = Bytes::from(dealt.index_bytes());
        let index = self.run.budget.lease(name, index_bytes)?;

        let todo: Vec<usize> = (0..units.len()).filter(|&unit| !skip[unit]).collect();
        let largest = todo.iter().map(|&unit| dealt.rows(unit)).max().unwrap_or(0);
        let (workers, need, memory) = self.run.group_workers(
            group_bytes(&self.of.cut),
            largest,
            todo.len() as u64,
            Need::new("rows that are read", 4 * MIB),
        )?;

        let deal = self.of.chosen.deal;
        self.run.each(workers, &todo, &need, |number| {
            let start = Instant::now();
            let groups = grouping.groups(&Bucket::new(dealt, number, deal.bits), memory)?;
            self.commit_groups(&units[number], groups, dealt.rows(number), start)
        })?;
        drop((codes, index));
        Ok(())
    }

    fn commit_groups(&self, unit: &Unit, groups: Groups, rows: u64, start: Instant) -> Result<()> {
        self.run.split(unit, groups.pieces);
        self.commit(unit, groups.batches, rows, start)?;
        self.run.after(rows, start);
        Ok(())
    }
}
