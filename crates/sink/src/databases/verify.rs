//! What a load has brought into a database, read back and held against rows made again.
//!
//! Each table is read once, while its rows are made once more; their
//! control totals tell whether both hold the same rows. The order of rows does not matter: a database
//! has none.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use lakeseed_budget::{Budget, Bytes};

use super::database::{Database, IsOver};
use super::failure::Failure;
use super::ledger::{Line, RunRecord};
use super::load::{CHUNK_BYTES, CHUNKS, FIXED_BYTES};
use super::part::PartReader;
use super::plan::{LoadPlan, TableToLoad, plain};
use super::standing::WrongColumn;
use super::workers::place;
use crate::error::{Error, Result};
use crate::pump::DEFAULT_THREADS;
use crate::sync::lock;
use crate::totals::{Difference, Differing, Tally, Totals};
use crate::verify::{Finding, FindingKind, Findings};

/// A database's tables beside the plans that were loaded into them: all that the ledger knows, since a
/// table that several runs have added to is compared as a whole.
///
/// **Memory**: for each table that is read, some batches, chunks of the connection and totals, whatever its
/// size ([`Self::need_per_table`]).
#[derive(Clone, Copy)]
pub struct VerifyLoad<'v> {
    plans: &'v [LoadPlan<'v>],
    from: &'v dyn Database,
    threads: usize,
    budget: Option<&'v Budget>,
    stop: Option<&'v AtomicBool>,
}

/// What was found in one table, or in all.
#[derive(Default)]
struct Seen {
    findings: Vec<Finding>,
    parts: u64,
    rows_compared: u64,
    rows_read: u64,
    bytes_read: u64,
}

/// A table as it was read.
struct Read {
    totals: Totals,
    bytes: u64,
}

impl<'v> VerifyLoad<'v> {
    /// Compares what these plans have loaded.
    pub fn new(plans: &'v [LoadPlan<'v>], from: &'v dyn Database) -> Self {
        Self {
            plans,
            from,
            threads: DEFAULT_THREADS,
            budget: None,
            stop: None,
        }
    }

    /// Sets how many threads there are at most. A table takes two: one reads, one makes the rows.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Sets where memory comes from: so many tables are read at a time as it carries.
    pub fn budget(mut self, budget: &'v Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// The most memory that one table on its way holds, in bytes.
    pub fn need_per_table(&self) -> u64 {
        let batches = self.plans.iter().map(LoadPlan::batch_bytes).max();
        2 * batches.unwrap_or(0) + CHUNKS * CHUNK_BYTES as u64 + FIXED_BYTES
    }

    /// Sets the flag that ends the work with [`Error::Stopped`].
    pub fn stop(mut self, flag: &'v AtomicBool) -> Self {
        self.stop = Some(flag);
        self
    }

    /// Reads all tables back and compares.
    ///
    /// # Errors
    /// [`Error::Memory`] where it carries not even one table, [`Error::NoOutput`] without plans,
    /// [`Error::Unfinished`] for a plan that the ledger does not know
    /// as complete, [`Error::Remote`] when the database cannot be read. What is wrong with the rows is a
    /// finding.
    pub fn run(self) -> Result<Findings> {
        let started = Instant::now();
        let is_over = || self.stop.is_some_and(|flag| flag.load(Ordering::Relaxed));
        let address = self.from.address();
        let refused = |failure: Failure| failure.into_error("read", address);
        let mut session = self.from.open(&is_over).map_err(refused)?;
        if self.plans.is_empty() {
            let address = address.to_owned();
            return Err(Error::NoOutput { address });
        }
        let mut runs = Vec::new();
        let mut lines: HashMap<(String, String, u64), Line> = HashMap::new();
        for plan in self.plans {
            let run = session.find_run(plan.id()).map_err(refused)?;
            let Some(run) = run.filter(|run| run.is_complete) else {
                let address = address.to_owned();
                return Err(Error::Unfinished { address });
            };
            runs.push(run);
            for line in session.lines(plan.id()).map_err(refused)? {
                let key = (plan.id().to_owned(), line.table.clone(), line.part);
                lines.insert(key, line);
            }
        }
        drop(session);
        let mut seen = Seen::default();
        for table in self.tables(&names(&runs), &runs, &lines)? {
            seen.findings.extend(table.findings);
            seen.parts += table.parts;
            seen.rows_compared += table.rows_compared;
            seen.rows_read += table.rows_read;
            seen.bytes_read += table.bytes_read;
        }
        let ids: Vec<&str> = self.plans.iter().map(LoadPlan::id).collect();
        Ok(Findings {
            run_id: ids.join(","),
            findings: seen.findings,
            parts: seen.parts,
            rows_compared: seen.rows_compared,
            rows_read: seen.rows_read,
            bytes_read: seen.bytes_read,
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// What is found in each of the tables, in their order; several are read at a time.
    fn tables(
        &self,
        names: &[String],
        runs: &[RunRecord],
        lines: &HashMap<(String, String, u64), Line>,
    ) -> Result<Vec<Seen>> {
        let needed = self.need_per_table();
        let mut workers = (self.threads / 2).clamp(1, names.len().max(1));
        let _lease = match self.budget {
            Some(budget) => {
                let carried = (budget.free().get() / needed).max(1);
                workers = workers.min(usize::try_from(carried).unwrap_or(usize::MAX));
                let all = Bytes::new(needed * workers as u64);
                let granted = budget.total().get();
                let lease = budget.lease("tables that are read", all);
                Some(lease.map_err(|_| Error::Memory { needed, granted })?)
            }
            None => None,
        };
        let (next, has_failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let is_over = || {
            let stop = self.stop.is_some_and(|flag| flag.load(Ordering::Relaxed));
            stop || has_failed.load(Ordering::Relaxed)
        };
        let found: Mutex<Vec<(usize, Result<Seen>)>> = Mutex::default();
        let work = || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(name) = names.get(at) else { return };
                let mut seen = Seen::default();
                let done = self.table(name, runs, lines, &is_over, &mut seen);
                let mut found = lock(&found);
                // Who fails ends the others, whose errors say no more than that: the first one counts.
                if done.is_err() {
                    has_failed.store(true, Ordering::SeqCst);
                }
                found.push((at, done.map(|()| seen)));
                drop(found);
                if is_over() {
                    return;
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..workers {
                scope.spawn(work);
            }
            work();
        });
        let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (mut seen, mut error) = (Vec::new(), None);
        for (at, table) in found {
            match table {
                Ok(table) => seen.push((at, table)),
                Err(failed) => {
                    error.get_or_insert(failed);
                }
            }
        }
        if let Some(error) = error {
            return Err(error);
        }
        if seen.len() < names.len() {
            return Err(Error::Stopped);
        }
        seen.sort_by_key(|(at, _)| *at);
        Ok(seen.into_iter().map(|(_, table)| table).collect())
    }

    /// The tables of that name, of all plans whose rows it still holds.
    fn of_name(
        &self,
        name: &str,
        runs: &[RunRecord],
    ) -> Vec<(&'v LoadPlan<'v>, &'v TableToLoad<'v>, bool)> {
        let plans = self.plans.iter().zip(runs);
        let found = plans.filter_map(|(plan, run)| {
            let kept = run
                .tables
                .iter()
                .find(|table| table.is_kept && table.name == name)?;
            let table = plan.tables().iter().find(|table| table.name() == name)?;
            Some((plan, table, kept.is_made))
        });
        found.collect()
    }

    fn table(
        &self,
        name: &str,
        runs: &[RunRecord],
        lines: &HashMap<(String, String, u64), Line>,
        is_over: &IsOver<'_>,
        seen: &mut Seen,
    ) -> Result<()> {
        let loaded = self.of_name(name, runs);
        let Some((_, table, _)) = loaded.first() else {
            return Ok(());
        };
        if !loaded.iter().any(|(_, _, is_made)| *is_made) {
            let expected = "a table that lakeseed has made";
            let found = "one that was there before, with rows of others perhaps";
            let finding = Finding::new(FindingKind::NoSource, name, expected, found);
            seen.findings.push(finding);
            return Ok(());
        }
        // Two at once: the database reads and sends while the rows are made.
        let (read, made) = thread::scope(|scope| {
            let reader = scope.spawn(|| self.read(table, is_over));
            let made = make(&loaded, lines, is_over, seen);
            let read = reader.join().unwrap_or(Err(Error::Stopped));
            (read, made)
        });
        let (read, made) = (read?, made?);
        let read = match read {
            Ok(read) => read,
            Err(findings) => {
                seen.findings.extend(findings);
                return Ok(());
            }
        };
        seen.rows_read += read.totals.rows;
        seen.rows_compared += made.rows;
        seen.bytes_read += read.bytes;
        seen.findings.extend(differences(name, &made, &read.totals));
        Ok(())
    }

    /// Reads a table; what keeps its rows from being compared is a finding.
    fn read(
        &self,
        table: &TableToLoad<'_>,
        is_over: &IsOver<'_>,
    ) -> Result<Result<Read, Vec<Finding>>> {
        let name = table.name();
        let refused = |failure: Failure| failure.into_error("read", self.from.address());
        let mut session = self.from.open(is_over).map_err(refused)?;
        let Some(wrong) = session.wrong_columns(table).map_err(refused)? else {
            let finding = Finding::new(FindingKind::Missing, name, "the table", "none");
            return Ok(Err(vec![finding]));
        };
        if !wrong.is_empty() {
            let finding = |wrong: &WrongColumn| {
                let expected = match table.schema.field_with_name(&wrong.name) {
                    Ok(field) => field.data_type().to_string(),
                    Err(_) => "no such column".to_owned(),
                };
                let what = FindingKind::Columns;
                Finding::new(what, name, expected, &wrong.found).column(&wrong.name)
            };
            return Ok(Err(wrong.iter().map(finding).collect()));
        }
        let mut tally = Tally::try_new(&plain(&table.schema))?;
        match session.read(table, &mut |batch| tally.add(batch)) {
            Ok(bytes) => Ok(Ok(Read {
                totals: tally.take(),
                bytes,
            })),
            Err(Failure::Whole(Error::Value {
                column,
                expected,
                found,
                ..
            })) => {
                let finding = Finding::new(FindingKind::Value, name, expected, found);
                Ok(Err(vec![finding.column(&column)]))
            }
            Err(failure) => Err(refused(failure)),
        }
    }
}

impl std::fmt::Debug for VerifyLoad<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifyLoad")
            .field("plans", &self.plans)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// The tables that still hold rows of the plans, each once.
fn names(runs: &[RunRecord]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for run in runs {
        for table in run.tables.iter().filter(|table| table.is_kept) {
            if !names.contains(&table.name) {
                names.push(table.name.clone());
            }
        }
    }
    names
}

/// Makes the rows of a table again, and compares each part with its line in the ledger.
fn make(
    loaded: &[(&LoadPlan<'_>, &TableToLoad<'_>, bool)],
    lines: &HashMap<(String, String, u64), Line>,
    is_over: &dyn Fn() -> bool,
    seen: &mut Seen,
) -> Result<Totals> {
    let mut all = Totals::default();
    for (plan, table, _) in loaded {
        let mut tally = Tally::try_new(&table.schema)?;
        for part in 0..table.parts() {
            PartReader::open(table, part)?.for_each(is_over, &mut |batch| tally.add(batch))?;
            let totals = tally.take();
            let expected = Line::of(table.name(), part, &totals);
            let key = (plan.id().to_owned(), table.name().to_owned(), part);
            seen.parts += 1;
            if lines.get(&key) != Some(&expected) {
                let text = |line: &Line| format!("{} rows, hash {}", line.rows, line.row_hash);
                let found = lines.get(&key).map_or_else(|| "no line".to_owned(), text);
                let what = FindingKind::Totals;
                let finding = Finding::new(what, table.name(), text(&expected), found);
                seen.findings.push(finding.part(&place(table, part)));
            }
            all.merge(&totals)?;
        }
    }
    Ok(all)
}

/// What differs between a table as it is made and as it was read.
fn differences(table: &str, made: &Totals, read: &Totals) -> Vec<Finding> {
    let finding = |difference: Difference| {
        let Difference { what, ours, theirs } = difference;
        let kind = match what {
            Differing::Rows if read.rows < made.rows => FindingKind::MissingRows,
            Differing::Rows => FindingKind::SurplusRows,
            Differing::RowHash if read.rows == made.rows => FindingKind::AlteredRows,
            _ => FindingKind::Totals,
        };
        let finding = Finding::new(kind, table, format!("{what} {ours}"), theirs);
        match what.column() {
            Some(column) => finding.column(column),
            None => finding,
        }
    };
    made.differences(read).into_iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_keeps_its_name_whatever_is_in_it() {
        let column = "a: b` against `c";
        let of = |nulls| Totals {
            nulls: [(column.to_owned(), nulls)].into(),
            ..Totals::default()
        };
        let findings = differences("table", &of(1), &of(2));
        let found: Vec<_> = findings.iter().map(|found| &found.column).collect();
        assert_eq!(found, [&Some(column.to_owned())]);
        assert_eq!(
            (findings[0].expected.as_str(), findings[0].found.as_str()),
            (format!("nulls of `{column}` 1").as_str(), "2")
        );
    }
}
