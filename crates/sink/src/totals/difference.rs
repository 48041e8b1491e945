//! In what two totals differ.

use std::collections::BTreeMap;
use std::fmt;

use super::bounds::Bounds;
use super::result::Totals;

/// One thing that differs between two [`Totals`]; as text one line, ``sum of `price`: 1.50 against
/// 1.49``.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which of the totals.
    pub what: Differing,
    /// What the first ones have.
    pub ours: String,
    /// What the others have.
    pub theirs: String,
}

/// Which of the totals differs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Differing {
    /// The number of rows.
    Rows,
    /// The hash of all rows.
    RowHash,
    /// The exact sum of a column.
    Sum(String),
    /// The least and greatest value of a column.
    Bounds(String),
    /// How many nulls a column has.
    Nulls(String),
}

impl Differing {
    /// The column, where it is one's.
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::Rows | Self::RowHash => None,
            Self::Sum(column) | Self::Bounds(column) | Self::Nulls(column) => Some(column),
        }
    }
}

impl fmt::Display for Differing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows => f.write_str("rows"),
            Self::RowHash => f.write_str("row hash"),
            Self::Sum(column) => write!(f, "sum of `{column}`"),
            Self::Bounds(column) => write!(f, "bounds of `{column}`"),
            Self::Nulls(column) => write!(f, "nulls of `{column}`"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} against {}", self.what, self.ours, self.theirs)
    }
}

impl Totals {
    /// What differs, these totals first: empty when all are the same.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut compare = |what: Differing, ours: Option<String>, theirs: Option<String>| {
            if ours != theirs {
                let none = || "none".to_owned();
                found.push(Difference {
                    what,
                    ours: ours.unwrap_or_else(none),
                    theirs: theirs.unwrap_or_else(none),
                });
            }
        };
        let text = |count: u64| Some(count.to_string());
        compare(Differing::Rows, text(self.rows), text(other.rows));
        let hash = |totals: &Self| Some(format!("{:032x}", totals.row_hash));
        compare(Differing::RowHash, hash(self), hash(other));
        for column in columns(&self.sums, &other.sums) {
            let sum = |totals: &Self| totals.sums.get(column).map(ToString::to_string);
            compare(Differing::Sum(column.clone()), sum(self), sum(other));
        }
        for column in columns(&self.bounds, &other.bounds) {
            let bounds = |totals: &Self| totals.bounds.get(column).map(bounds_text);
            compare(
                Differing::Bounds(column.clone()),
                bounds(self),
                bounds(other),
            );
        }
        for column in columns(&self.nulls, &other.nulls) {
            let nulls = |totals: &Self| text(totals.nulls.get(column).copied().unwrap_or(0));
            compare(Differing::Nulls(column.clone()), nulls(self), nulls(other));
        }
        found
    }

    /// The same as lines, a line each.
    pub fn difference(&self, other: &Self) -> Vec<String> {
        let lines = self.differences(other).into_iter();
        lines.map(|difference| difference.to_string()).collect()
    }
}

fn bounds_text(bounds: &Bounds) -> String {
    let kind = format!("{:?}", bounds.kind()).to_lowercase();
    match (bounds.min(), bounds.max()) {
        (Some(min), Some(max)) => format!("{kind} {min} to {max}"),
        _ if bounds.is_too_long() => format!("{kind} too long to keep"),
        _ => format!("{kind} without a value"),
    }
}

/// The columns of both, each once, in order.
pub(super) fn columns<'t, T>(
    ours: &'t BTreeMap<String, T>,
    theirs: &'t BTreeMap<String, T>,
) -> impl Iterator<Item = &'t String> {
    let mut names: Vec<&String> = ours.keys().chain(theirs.keys()).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter()
}
