//! Where finished tables go: the caller's writer, whose record of what is done is the only checkpoint.

use std::fmt;

use arrow_array::RecordBatchReader;

/// One part of one table of the star; what is committed at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Unit {
    /// The table of the model.
    pub table: String,
    /// Which part of the table, from 0.
    pub part: usize,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} part {}", self.table, self.part)
    }
}

/// Takes finished units.
///
/// Units are pure functions of sources, model and plan: the same unit has the same rows in the same
/// order whenever it is made, so a store may keep what an earlier run committed.
pub trait Store: Sync {
    /// Whether this unit stands already, proven.
    fn is_done(&self, unit: &Unit) -> bool;

    /// Writes the rows and commits them; returns when they are durable and recorded.
    ///
    /// # Errors
    /// Whatever the store says. Nothing of the unit counts then.
    fn commit(
        &self,
        unit: &Unit,
        rows: &mut dyn RecordBatchReader,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}
