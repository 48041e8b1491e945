//! What a run has done.

use serde::Serialize;

use crate::commit::LastRun;
use crate::manifest::{Manifest, ManifestPart};
use crate::plan::Plan;

/// What a run has committed. Rates count rows that this run has made and committed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The plan.
    pub plan_id: String,
    /// The tables, in the plan's order.
    pub tables: Vec<TableReport>,
    /// How many workers there were.
    pub workers: usize,
    /// From the start to the published manifest.
    pub seconds: f64,
    /// False where the same run had finished before: nothing was written.
    pub written: bool,
    /// Parts that an interrupted run before this one had finished.
    pub parts_found: usize,
    /// How that run ended.
    pub last_run: Option<LastRun>,
}

/// A table of a committed output.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableReport {
    /// The name.
    pub name: String,
    /// Rows in all files.
    pub rows: u64,
    /// How many files.
    pub files: usize,
    /// Bytes in all files.
    pub bytes: u64,
    /// Rows of these that this run has made.
    pub made_rows: u64,
    /// Bytes of these that this run has made.
    pub made_bytes: u64,
    /// From the table's first chunk to its last, while other tables may have been written too.
    pub seconds: f64,
}

impl TableReport {
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            rows: 0,
            files: 0,
            bytes: 0,
            made_rows: 0,
            made_bytes: 0,
            seconds: 0.0,
        }
    }

    pub(crate) fn add(&mut self, part: &ManifestPart) {
        self.rows += part.rows;
        self.files += 1;
        self.bytes += part.bytes;
    }
}

impl Report {
    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// Files of all tables.
    pub fn files(&self) -> usize {
        self.tables.iter().map(|table| table.files).sum()
    }

    /// Bytes of all tables.
    pub fn bytes(&self) -> u64 {
        self.tables.iter().map(|table| table.bytes).sum()
    }

    /// Rows of all tables that this run has made.
    pub fn made_rows(&self) -> u64 {
        self.tables.iter().map(|table| table.made_rows).sum()
    }

    /// Of an output that has nothing to be done.
    pub(crate) fn already_there(plan_id: &str, manifest: &Manifest) -> Self {
        let tables = manifest.tables.iter().map(|table| {
            let mut report = TableReport::named(&table.name);
            for part in &table.parts {
                report.add(part);
            }
            report
        });
        Self {
            plan_id: plan_id.to_owned(),
            tables: tables.collect(),
            workers: 0,
            seconds: 0.0,
            written: false,
            parts_found: 0,
            last_run: None,
        }
    }

    /// Of some parts of a plan, by the positions of their tables.
    pub(crate) fn of_parts<'p>(
        plan: &Plan<'_>,
        parts: impl Iterator<Item = (usize, &'p ManifestPart)>,
    ) -> Self {
        let tables = plan.tables().iter();
        let mut tables: Vec<_> = tables
            .map(|table| TableReport::named(table.name()))
            .collect();
        for (table, part) in parts {
            if let Some(table) = tables.get_mut(table) {
                table.add(part);
            }
        }
        Self {
            plan_id: plan.id().to_owned(),
            tables,
            workers: 0,
            seconds: 0.0,
            written: false,
            parts_found: 0,
            last_run: None,
        }
    }
}
