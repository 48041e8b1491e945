//! Rows of one's own in place of a table's generated ones: who buys and who sells is known already,
//! and the sales hang on them.
//!
//! A dataset declares which of its tables can be replaced and what it asks of their columns
//! ([`Replaceable`]). The rows come as one batch ([`Settings::own`](crate::Settings::own)), are checked,
//! put in the order of their key and held. The table then has their columns and nothing else; what others'
//! rows follow from is read once, into small vectors.

mod check;
mod digest;
mod table;
mod types;

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch};

use crate::error::{Error, Result};
use crate::table::Table;

/// A table that rows of one's own can replace, and what is asked of them.
///
/// | what is asked | types that it takes | the table has |
/// |---|---|---|
/// | a key | whole numbers, decimals without places | `Int64`, never null |
/// | one of some words | text | a dictionary of `Utf8`, never null |
/// | an amount | whole numbers, decimals, doubles with two places | `Decimal128(12, 2)`, never null |
/// | any text | text | `Utf8`, nullable |
///
/// Columns that nothing is asked of are carried through: booleans, whole numbers, doubles, decimals of
/// 128 bits, dates, timestamps (to the microsecond) and text, all of them nullable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaceable {
    /// The table.
    pub table: &'static str,
    /// The columns that other rows follow from, the key first.
    pub columns: &'static [Wanted],
}

/// The most rows that a table of one's own has: they are held in memory.
pub const MOST_ROWS: u64 = 10_000_000;

/// A column that a dataset asks of rows of one's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub takes: Takes,
    /// What happens where it is missing; `None` for a column that must be there.
    pub missing: Option<&'static str>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Whole numbers, each of them once.
    Key,
    /// One of these words, as they stand.
    OneOf(&'static [&'static str]),
    /// An amount of money in this range, in cents.
    Amount(i64, i64),
    /// Any text.
    Text,
}

/// Rows of one's own, checked: in the order of their key, in the types that [`Replaceable`] names.
#[derive(Debug)]
pub(crate) struct OwnTable {
    about: &'static str,
    table: &'static str,
    rows: RecordBatch,
    keys: Vec<i64>,
    places: BTreeMap<&'static str, Vec<u8>>,
    amounts: BTreeMap<&'static str, Vec<i64>>,
    digest: String,
}

impl OwnTable {
    /// Checks rows that are to replace a table.
    ///
    /// # Errors
    /// [`Error::OwnRows`] with the column and the row, for what is not as the dataset asks.
    pub(crate) fn new(
        replaceable: &Replaceable,
        about: &'static str,
        rows: &RecordBatch,
    ) -> Result<Self> {
        let checked = check::checked(replaceable, rows)?;
        Ok(Self {
            about,
            table: replaceable.table,
            digest: digest::of(&checked.rows),
            rows: checked.rows,
            keys: checked.keys,
            places: checked.places,
            amounts: checked.amounts,
        })
    }

    /// How many rows there are.
    pub(crate) fn count(&self) -> u64 {
        self.keys.len() as u64
    }

    /// The key of each row, ascending.
    pub(crate) fn keys(&self) -> &[i64] {
        &self.keys
    }

    /// The places of a column's words in their list, where the column is there.
    pub(crate) fn places(&self, column: &str) -> Option<&[u8]> {
        self.places.get(column).map(Vec::as_slice)
    }

    /// A column's amounts in cents, where it is there.
    pub(crate) fn amounts(&self, column: &str) -> Option<&[i64]> {
        self.amounts.get(column).map(Vec::as_slice)
    }

    /// A column's texts, where it is there.
    pub(crate) fn texts(&self, column: &str) -> Option<&arrow_array::StringArray> {
        self.rows.column_by_name(column)?.as_any().downcast_ref()
    }

    /// What names these rows and no others.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// The same as a table.
    pub(crate) fn table(self: &Arc<Self>) -> Table {
        table::table(self)
    }
}

/// What is wrong with rows of one's own.
struct Wrong<'a> {
    table: &'static str,
    column: Option<&'a str>,
    /// From 0.
    row: Option<usize>,
}

impl Wrong<'_> {
    fn error(
        &self,
        expected: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Error {
        Error::OwnRows {
            table: self.table,
            column: self.column.map(str::to_owned),
            row: self.row.and_then(|row| NonZeroU64::new(row as u64 + 1)),
            expected: expected.into(),
            found: found.into(),
            advice: advice.into(),
        }
    }
}
