//! The one public error of this crate, cut by what a caller can do about it.

/// What can be wrong with a request for data.
///
/// Making rows itself cannot fail; all of these are found before the first row is made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name that is not there; `known` holds those that are, for a near match.
    #[error("no {kind} named '{found}'{}", within.as_ref().map(|w| format!(" in {w}")).unwrap_or_default())]
    Unknown {
        /// What the name stands for: `dataset`, `table`, `column`, `parameter`.
        kind: &'static str,
        /// Where it was looked for.
        within: Option<String>,
        /// The name that came.
        found: String,
        /// The names that exist there.
        known: Vec<String>,
    },
    /// A value outside what its setting takes.
    #[error("{setting} takes {expected}, not '{found}'")]
    BadValue {
        /// The setting, as its user writes it.
        setting: String,
        /// What it takes.
        expected: String,
        /// What came.
        found: String,
    },
    /// A window for a dataset that has no event tables.
    #[error("{dataset} has no event tables and takes no {setting}, not '{found}'")]
    NoWindow {
        /// The dataset.
        dataset: String,
        /// The setting, as its user writes it.
        setting: &'static str,
        /// What came.
        found: String,
    },
    /// A row range that the table does not have.
    #[error("{table} has rows {first}..{end}, not {found_first}..{found_end}")]
    RowsOutOfRange {
        /// The table asked.
        table: String,
        /// Its first row.
        first: u64,
        /// One past its last row.
        end: u64,
        /// The first row asked for.
        found_first: u64,
        /// One past the last row asked for.
        found_end: u64,
    },
    /// A table that cannot be cut as asked.
    #[error("{table} cannot be partitioned by {found}: {reason}")]
    BadPartition {
        /// The table asked.
        table: String,
        /// The columns that came.
        found: String,
        /// Why not, and what would do.
        reason: String,
    },
    /// Rows of one's own that cannot take the place of a table's.
    #[error(
        "{table}{}{}: expected {expected}, not {found}; {advice}",
        column.as_ref().map(|name| format!(", column {name}")).unwrap_or_default(),
        row.map(|row| format!(", row {row}")).unwrap_or_default()
    )]
    OwnRows {
        /// The table that they were to replace.
        table: &'static str,
        /// The column at fault, where it is one.
        column: Option<String>,
        /// The row at fault, where it is one: the first that was given is 1.
        row: Option<std::num::NonZeroU64>,
        /// What is asked of them.
        expected: String,
        /// What came.
        found: String,
        /// What would do.
        advice: String,
    },
    /// A table definition that contradicts itself.
    #[error("table {table}, column {column}: {reason}")]
    BadDefinition {
        /// The table being built.
        table: String,
        /// The column at fault.
        column: String,
        /// What is wrong, and what would do.
        reason: String,
    },
}

impl Error {
    pub(crate) fn unknown<'a>(
        kind: &'static str,
        within: Option<&str>,
        found: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self::Unknown {
            kind,
            within: within.map(str::to_owned),
            found: found.to_owned(),
            known: known.into_iter().map(str::to_owned).collect(),
        }
    }

    pub(crate) fn bad_value(
        setting: impl Into<String>,
        expected: impl Into<String>,
        found: impl std::fmt::Display,
    ) -> Self {
        Self::BadValue {
            setting: setting.into(),
            expected: expected.into(),
            found: found.to_string(),
        }
    }
}

/// The result of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;
