//! What a caller asks to be written.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::source::Source;

/// A table to be written: its name, its source, the rows.
#[derive(Clone)]
pub struct TableSpec<'a> {
    pub(super) name: String,
    pub(super) source: Arc<dyn Source + 'a>,
    pub(super) rows: Range<u64>,
    pub(super) partition_columns: Vec<String>,
    pub(super) partitions: Vec<Partition>,
    pub(super) leave_out: Vec<String>,
}

/// One value combination of the partition columns, and the contiguous rows that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// A value for each partition column; `None` is null.
    pub values: Vec<Option<String>>,
    /// The rows, counted from the table's first.
    pub rows: Range<u64>,
}

impl<'a> TableSpec<'a> {
    /// The rows `rows` of `source`, as a table called `name`.
    pub fn new(name: impl Into<String>, source: impl Source + 'a, rows: Range<u64>) -> Self {
        Self {
            name: name.into(),
            source: Arc::new(source),
            rows,
            partition_columns: Vec::new(),
            partitions: Vec::new(),
            leave_out: Vec::new(),
        }
    }

    /// Cuts the table into folders by the values of `columns`, which are then not in the files.
    /// The partitions follow one another in row order; those without rows get no file.
    pub fn partitioned_by<S: Into<String>>(
        mut self,
        columns: impl IntoIterator<Item = S>,
        partitions: Vec<Partition>,
    ) -> Self {
        self.partition_columns = columns.into_iter().map(Into::into).collect();
        self.partitions = partitions;
        self
    }

    /// Leaves columns of the source out of the files.
    pub fn leave_out<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.leave_out.extend(columns.into_iter().map(Into::into));
        self
    }
}

impl fmt::Debug for TableSpec<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableSpec")
            .field("name", &self.name)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

/// Refuses partitions that leave rows out, or name them twice.
pub(super) fn check_partitions(spec: &TableSpec<'_>) -> Result<()> {
    let refused = |expected: String, found: String| {
        Err(Error::Invalid {
            what: "partitions",
            expected,
            found,
        })
    };
    if spec.rows.start > spec.rows.end {
        return Err(Error::Invalid {
            what: "rows",
            expected: format!("a range for table `{}`", spec.name),
            found: format!("{}..{}", spec.rows.start, spec.rows.end),
        });
    }
    if spec.partition_columns.is_empty() {
        return Ok(());
    }
    let mut at = spec.rows.start;
    for partition in &spec.partitions {
        if partition.values.len() != spec.partition_columns.len() {
            return refused(
                format!("{} values", spec.partition_columns.len()),
                format!("{}", partition.values.len()),
            );
        }
        if partition.rows.start != at || partition.rows.end < at {
            return refused(
                format!("rows from {at} on"),
                format!("rows from {}", partition.rows.start),
            );
        }
        at = partition.rows.end;
    }
    if at != spec.rows.end {
        return refused(
            format!("rows up to {}", spec.rows.end),
            format!("rows up to {at}"),
        );
    }
    Ok(())
}
