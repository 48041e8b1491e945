//! What is loaded, as the database itself says it: a line a run, and a line a part that its own
//! transaction writes. The tables are each system's; what they mean is the same.
//!
//! The line of a part belongs to that of its run: once a run has been taken out of the ledger, nothing
//! that is still on its way can be committed. And its key is the part: of two who load the same part,
//! whatever either knows of the other, one is refused.

use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::plan::LoadPlan;
use crate::error::{Error, Trouble};
use crate::totals::Totals;

/// A run that the ledger knows.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// Its name: the plan's id.
    pub run_id: String,
    /// Whether all parts, keys and comments stand.
    pub is_complete: bool,
    /// Parts that stand.
    pub parts: u64,
    /// The data id, as the plan has it.
    pub data_id: String,
    /// What the rows can be made from again, as the plan has it.
    pub data: serde_json::Value,
    /// Its tables, parents first.
    pub tables: Vec<RunTable>,
}

/// A table of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTable {
    /// Its name.
    pub name: String,
    /// Its first row, by the source's count; none of files.
    pub first_row: Option<u64>,
    /// How many rows are loaded, where somebody had counted them before.
    pub rows: Option<u64>,
    /// Whether the run has made the table, so that nobody else's rows were there before.
    pub is_made: bool,
    /// Whether it still holds the run's rows; if not, it was replaced.
    #[serde(skip)]
    pub is_kept: bool,
}

impl RunRecord {
    /// Of what a system keeps of a run: `names` are the tables that still hold its rows, `kept` is what
    /// [`kept_of`] has written.
    pub(super) fn of(
        run_id: String,
        names: &[String],
        is_complete: bool,
        kept: &str,
        parts: u64,
    ) -> Result<Self, Failure> {
        let kept: Kept = serde_json::from_str(kept).map_err(unknown)?;
        let mut tables = kept.tables;
        for table in &mut tables {
            table.is_kept = names.contains(&table.name);
        }
        Ok(Self {
            run_id,
            is_complete,
            parts,
            data_id: kept.data_id,
            data: kept.data,
            tables,
        })
    }
}

/// A line of `lakeseed_runs` that cannot be understood.
pub(super) fn unknown(error: impl std::fmt::Display) -> Failure {
    let text = format!("lakeseed_runs holds what this lakeseed does not know: {error}");
    Failure::Final(Trouble::Other, text)
}

/// What is kept of a plan.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    lakeseed: String,
    data_id: String,
    data: serde_json::Value,
    tables: Vec<RunTable>,
}

/// What is kept of a plan, as JSON. `is_made` says of each table whether the run makes it.
pub(super) fn kept_of(plan: &LoadPlan<'_>, is_made: &[bool]) -> Result<String, Failure> {
    let tables = plan.tables().iter().zip(is_made);
    let kept = Kept {
        lakeseed: env!("CARGO_PKG_VERSION").to_owned(),
        data_id: plan.data_id().to_owned(),
        data: plan.data().clone(),
        tables: tables
            .map(|(table, is_made)| RunTable {
                name: table.name.clone(),
                first_row: table.rows.first(),
                rows: table.row_count(),
                is_made: *is_made,
                is_kept: true,
            })
            .collect(),
    };
    let text = serde_json::to_string(&kept);
    text.map_err(|error| Failure::Whole(Error::encode("JSON")(error)))
}

/// A part that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub(super) table: String,
    pub(super) part: u64,
    pub(super) rows: u64,
    pub(super) row_hash: String,
}

impl Line {
    /// Of a part whose rows were counted.
    pub(super) fn of(table: &str, part: u64, totals: &Totals) -> Self {
        Self {
            table: table.to_owned(),
            part,
            rows: totals.rows,
            row_hash: format!("{:032x}", totals.row_hash),
        }
    }
}

/// What keeps a part from being written down: its table is not the run's any more.
pub(super) fn was_replaced(table: &str) -> Failure {
    let text = format!("table `{table}` was replaced by another load meanwhile");
    Failure::Final(Trouble::Missing, text)
}

/// What keeps a run from being complete: the ledger does not know it any more.
pub(super) fn was_forgotten() -> Failure {
    let text = "the run was taken out of lakeseed_runs meanwhile";
    Failure::Final(Trouble::Missing, text.to_owned())
}

/// Whether the ledger says that the run is complete.
///
/// # Errors
/// [`Error::Promise`] where it is not, and not all of its parts stand.
pub(super) fn is_complete(known: Option<&RunRecord>, plan: &LoadPlan<'_>) -> Result<bool, Failure> {
    if known.is_some_and(|run| run.is_complete) {
        return Ok(true);
    }
    let (stand, parts) = (known.map_or(0, |run| run.parts), plan.parts());
    if stand == parts {
        return Ok(false);
    }
    Err(Failure::Whole(Error::Promise {
        table: "lakeseed_ledger".to_owned(),
        expected: format!("{parts} parts of plan {}", plan.id()),
        found: stand.to_string(),
    }))
}
