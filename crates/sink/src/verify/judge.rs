//! Rows that say by their keys what they must be: of tables that have no order to be made again in.

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use super::findings::{Finding, FindingKind};
use super::part::Table;
use crate::error::chain;

/// Hears of a value that is not what it should be: the row of the batch, the column (none where it
/// is the row as a whole), and a function that gives what was expected and what was found.
pub type Differs<'d> = dyn FnMut(usize, Option<&str>, &dyn Fn() -> (String, String)) + 'd;

/// Judges the rows of a table, whatever their order: what a [`Source`](crate::Source) cannot make
/// again by row numbers, as a result of a query.
///
/// Parts are read by several threads. Every batch of a file is given once, as it stands there; a
/// batch with a fault is no reason not to be given the next.
pub trait Judge: Send + Sync {
    /// Compares rows of a part with what they must be. `differs` is told row by row, in order.
    ///
    /// # Errors
    /// Rows of which nothing can be said, as those of other columns. The part is not read on.
    fn judge(&self, rows: &RecordBatch, differs: &mut Differs<'_>) -> Result<(), ArrowError>;

    /// What is wrong with all rows together. Asked once, after the last of them, and only where every
    /// part was read to its end.
    ///
    /// # Errors
    /// Where it cannot be told.
    fn end(&self) -> Result<Vec<Stray>, ArrowError>;
}

/// A row that is not where it should be once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stray {
    /// It is not there.
    Missing(String),
    /// It is there more often.
    Surplus(String),
    /// So many rows were expected, and so many found, without a word on which.
    Count {
        /// What should be.
        expected: String,
        /// What is.
        found: String,
    },
}

/// What is wrong with all rows of a table together.
pub(super) fn strays(table: &Table<'_>) -> Vec<Finding> {
    let new = |what, expected: String, found: String| {
        Finding::new(what, &table.manifest.name, expected, found)
    };
    let finding = |stray| match stray {
        Stray::Missing(row) => new(FindingKind::MissingRows, row, "no such row".to_owned()),
        Stray::Surplus(row) => {
            let found = "more than one".to_owned();
            new(FindingKind::SurplusRows, format!("one row of {row}"), found)
        }
        Stray::Count { expected, found } => new(FindingKind::Rows, expected, found),
    };
    match table.judge.as_ref().map(|judge| judge.end()) {
        None => Vec::new(),
        Some(Ok(strays)) => strays.into_iter().map(finding).collect(),
        Some(Err(error)) => {
            let expected = "all rows of the table".to_owned();
            vec![new(FindingKind::NotMade, expected, chain(&error))]
        }
    }
}
