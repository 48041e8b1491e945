//! Totals: what is known of some rows of a table without the rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bounds::Bounds;
use super::difference::columns;
use super::sum::ExactSum;
use crate::error::{Error, Result};

/// The control totals of some rows of a table.
///
/// They depend on the values alone: not on the order of rows or columns, on batches, parts, formats
/// or the memory layout of a column. Totals of the parts, merged in any order, are those of the
/// whole.
///
/// **JSON**: an object of `rows`, `row_hash` (32 hexadecimal digits), and by column `sums`
/// (`"123.45"`, full scale), `bounds` (see [`Bounds`]) and `nulls` (columns that have some).
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Int64Array, RecordBatch};
/// use lakeseed_sink::{Tally, Totals};
///
/// let ids = |values: Vec<i64>| {
///     let ids = Arc::new(Int64Array::from(values)) as ArrayRef;
///     RecordBatch::try_from_iter([("id", ids)]).unwrap()
/// };
/// let mut tally = Tally::try_new(&ids(vec![]).schema())?;
/// tally.add(&ids(vec![1, 2, 3]))?;
/// let whole = tally.take();
///
/// tally.add(&ids(vec![3]))?;
/// let mut merged = tally.take();
/// tally.add(&ids(vec![2, 1]))?;
/// merged.merge(&tally.take())?;
/// assert_eq!(merged, whole);
/// assert!(merged.difference(&whole).is_empty());
///
/// let json = serde_json::to_string(&whole).unwrap();
/// assert_eq!(serde_json::from_str::<Totals>(&json).unwrap(), whole);
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// How many rows.
    pub rows: u64,
    /// The sum of the rows' hashes modulo 2^128.
    #[serde(with = "hexadecimal")]
    pub row_hash: u128,
    /// Sums of the decimal columns, and of the integer columns that ask for it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sums: BTreeMap<String, ExactSum>,
    /// The least and the greatest value of key columns and times.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bounds: BTreeMap<String, Bounds>,
    /// How many nulls, for the columns that have some.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub nulls: BTreeMap<String, u64>,
}

impl Totals {
    /// Takes in the totals of other rows of the same table.
    ///
    /// Associative and commutative; [`Totals::default`] changes nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the other totals are of other columns, or a count or a sum would run
    /// over. These totals then stay as they were.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if *other == Self::default() {
            return Ok(());
        }
        if *self == Self::default() {
            self.clone_from(other);
            return Ok(());
        }
        let mut merged = self.clone();
        merged.rows = count(self.rows, other.rows)?;
        merged.row_hash = self.row_hash.wrapping_add(other.row_hash);
        same_columns("sums", &self.sums, &other.sums)?;
        for (column, sum) in &mut merged.sums {
            let theirs = other.sums.get(column).copied();
            let both = theirs.and_then(|theirs| sum.checked_add(theirs));
            *sum = both.ok_or_else(|| unlike("sums", column, "another scale, or too much"))?;
        }
        same_columns("bounds", &self.bounds, &other.bounds)?;
        for (column, bounds) in &mut merged.bounds {
            let is_merged = other
                .bounds
                .get(column)
                .is_some_and(|theirs| bounds.merge(theirs));
            if !is_merged {
                return Err(unlike("bounds", column, "bounds of another kind"));
            }
        }
        for (column, nulls) in &other.nulls {
            let ours = merged.nulls.entry(column.clone()).or_insert(0);
            *ours = count(*ours, *nulls)?;
        }
        *self = merged;
        Ok(())
    }
}

fn same_columns<T>(
    what: &'static str,
    ours: &BTreeMap<String, T>,
    theirs: &BTreeMap<String, T>,
) -> Result<()> {
    let is_missing =
        |column: &&String| !(ours.contains_key(*column) && theirs.contains_key(*column));
    match columns(ours, theirs).find(is_missing) {
        Some(column) => Err(unlike(what, column, "them on one side only")),
        None => Ok(()),
    }
}

fn unlike(what: &'static str, column: &str, found: &str) -> Error {
    Error::Invalid {
        what: "totals",
        expected: format!("{what} of the same column `{column}`"),
        found: found.to_owned(),
    }
}

fn count(ours: u64, theirs: u64) -> Result<u64> {
    ours.checked_add(theirs).ok_or_else(|| Error::Invalid {
        what: "totals",
        expected: "counts below 2^64".to_owned(),
        found: format!("{ours} and {theirs}"),
    })
}

/// A 128-bit number as 32 hexadecimal digits: JSON's own numbers do not hold it.
mod hexadecimal {
    use serde::de::{Deserialize, Deserializer, Error as _, Unexpected};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{value:032x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u128, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_digits = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let value = is_digits.then(|| u128::from_str_radix(&text, 16).ok());
        value.flatten().ok_or_else(|| {
            D::Error::invalid_value(Unexpected::Str(&text), &"32 hexadecimal digits")
        })
    }
}
