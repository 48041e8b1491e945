//! What a load has done.

use serde::Serialize;

use super::plan::LoadPlan;
use super::rounds::Round;

/// What stands in the database. Rates count what this run has added.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Loaded {
    /// The run's name in the ledger: the plan's id.
    pub run_id: String,
    /// Where, without credentials.
    pub address: String,
    /// By table, parents first.
    pub tables: Vec<LoadedTable>,
    /// All rows of the plan that stand.
    pub rows: u64,
    /// Rows of these that this run has added.
    pub made_rows: u64,
    /// Bytes that this run has sent, in the form of COPY.
    pub made_bytes: u64,
    /// Whether an earlier run had begun the plan.
    pub is_continued: bool,
    /// Parts that earlier runs had added, or this one by a commit whose answer was lost.
    pub parts_found: usize,
    /// How many workers there were; none where nothing was left to do.
    pub workers: usize,
    /// Seconds of all workers together in which rows were made and encoded.
    pub making_seconds: f64,
    /// Seconds of all workers together in which the database was waited for.
    pub waiting_seconds: f64,
    /// The rounds, where the plan has some and something was left to do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rounds: Vec<Round>,
    /// Seconds for keys, comments and statistics of the tables.
    pub keys_seconds: f64,
    /// Views that stand over the tables, of those that the plan has.
    pub views: u64,
    /// Views of these that this run has made.
    pub made_views: u64,
    /// From the start to the end.
    pub seconds: f64,
}

/// What stands of one table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadedTable {
    /// Its name.
    pub name: String,
    /// Rows of the plan that stand.
    pub rows: u64,
    /// Parts of the plan that stand.
    pub parts: u64,
    /// Bytes that this run has sent.
    pub made_bytes: u64,
}

impl Loaded {
    pub(super) fn new(plan: &LoadPlan<'_>, address: &str) -> Self {
        let table = |name: &str| LoadedTable {
            name: name.to_owned(),
            rows: 0,
            parts: 0,
            made_bytes: 0,
        };
        Self {
            run_id: plan.id().to_owned(),
            address: address.to_owned(),
            tables: plan.tables().iter().map(|it| table(it.name())).collect(),
            rows: 0,
            made_rows: 0,
            made_bytes: 0,
            is_continued: false,
            parts_found: 0,
            workers: 0,
            making_seconds: 0.0,
            waiting_seconds: 0.0,
            rounds: Vec::new(),
            keys_seconds: 0.0,
            views: 0,
            made_views: 0,
            seconds: 0.0,
        }
    }

    /// Whether this run has done anything.
    pub fn is_written(&self) -> bool {
        self.workers > 0 || self.made_views > 0
    }

    /// Parts that stand, of all tables.
    pub fn parts_standing(&self) -> usize {
        self.tables.iter().map(|table| table.parts).sum::<u64>() as usize
    }

    /// Counts a part that stood already.
    pub(super) fn found(&mut self, table: &str, rows: u64) {
        self.parts_found += 1;
        self.rows += rows;
        if let Some(table) = self.tables.iter_mut().find(|known| known.name == table) {
            table.rows += rows;
            table.parts += 1;
        }
    }

    /// Counts a part that this run has added.
    pub(super) fn made(&mut self, table: usize, rows: u64, bytes: u64) {
        self.rows += rows;
        self.made_rows += rows;
        self.made_bytes += bytes;
        let table = &mut self.tables[table];
        table.rows += rows;
        table.parts += 1;
        table.made_bytes += bytes;
    }
}
