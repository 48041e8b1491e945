//! What a caller may hear of a run, and how it stops one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lakeseed_budget::Bytes;

use crate::Unit;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// The table that is being made.
    pub table: &'a str,
    /// What is being done for it.
    pub step: Step,
    /// Units of the table that are committed, those of earlier runs included.
    pub units_done: usize,
    /// Units of the table.
    pub units: usize,
    /// Rows of the source that were read for this table.
    pub rows_read: u64,
    /// Rows of the source; an estimate where its files do not tell.
    pub source_rows: u64,
    /// Rows that were committed for this table in this run.
    pub rows_written: u64,
    /// Bytes that were written to temporary files for this table.
    pub spilled: Bytes,
    /// Resident anonymous memory of the process now; zero where the system does not tell.
    pub memory: Bytes,
    /// The largest of it that was seen.
    pub memory_peak: Bytes,
}

/// What is being done for a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Rows are read; dealt to buckets or aggregated at once.
    Read,
    /// Units are aggregated and committed.
    Write,
}

/// A unit that was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnitDone<'a> {
    /// Which.
    pub unit: &'a Unit,
    /// The value of the column that the run is cut by, where it is cut by one.
    pub batch: Option<&'a str>,
    /// Rows that went into its aggregate.
    pub rows_in: u64,
    /// Rows that were committed.
    pub rows: u64,
    /// How long it took.
    pub time: Duration,
}

/// What a caller should know before it becomes a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The process holds more than 85 % of its limit.
    NearLimit {
        /// What it holds.
        held: Bytes,
        /// What it may hold.
        limit: Bytes,
    },
    /// Part of the process was swapped out.
    Swapped {
        /// How much.
        swapped: Bytes,
    },
    /// Units take longer and longer, for the same number of rows.
    Slower {
        /// A million rows took so long at first.
        first: Duration,
        /// A million rows take so long now.
        now: Duration,
    },
    /// The texts of a column are too many for a dictionary; its rows are dealt again with the texts as
    /// they are.
    DictionaryFull {
        /// The column of the source, or its expression.
        column: String,
    },
    /// Rows share the columns that should tell them apart, and stay, as the model says.
    Duplicates {
        /// The table.
        table: String,
        /// Rows of this run that share theirs with one before.
        rows: u64,
        /// Some of these values.
        examples: Vec<String>,
    },
    /// Rows point to no row of the table that they should point to, and stay, as the model says.
    Missing {
        /// The table.
        table: String,
        /// Its columns.
        columns: Vec<String>,
        /// The table that they point to.
        parent: String,
        /// How many; `None` where the memory did not carry the keys of that table, so that nobody knows.
        rows: Option<u64>,
        /// Some of these values.
        examples: Vec<String>,
    },
    /// A unit's state was larger than estimated: it was split.
    Split {
        /// Which.
        unit: Unit,
        /// Into how many.
        pieces: usize,
    },
}

/// Hears of a run. Calls come from the workers' threads, and should return soon.
pub trait Observer: Sync {
    /// After each batch of work.
    fn progress(&self, progress: &Progress<'_>) {
        let _ = progress;
    }

    /// After each commit.
    fn unit_done(&self, done: &UnitDone<'_>) {
        let _ = done;
    }

    /// When something may go wrong later.
    fn warning(&self, warning: &Warning) {
        let _ = warning;
    }
}

/// Hears nothing.
impl Observer for () {}

/// Asks a run to stop. Units under way are dropped; what is committed stays.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// A flag that is not raised.
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Asks for the stop.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
