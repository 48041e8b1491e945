//! What a committed run has done.

/// A committed output.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The plan.
    pub plan_id: String,
    /// The tables, in the plan's order.
    pub tables: Vec<TableReport>,
    /// How many workers there were.
    pub workers: usize,
    /// From the start to the published manifest.
    pub seconds: f64,
}

/// A table of a committed output.
#[derive(Debug, Clone, PartialEq)]
pub struct TableReport {
    /// The name.
    pub name: String,
    /// Rows in all files.
    pub rows: u64,
    /// How many files.
    pub files: usize,
    /// Bytes in all files.
    pub bytes: u64,
    /// From the table's first chunk to its last, while other tables may have been written too.
    pub seconds: f64,
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
}
