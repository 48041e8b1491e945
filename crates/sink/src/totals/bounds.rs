//! The least and the greatest value of a column, as they stand in totals.

use serde::{Deserialize, Serialize};

use super::time;
use crate::error::{Error, Result};

/// The longest text that bounds hold.
pub(super) const MAX_TEXT_BYTES: usize = 64;

/// What the text of bounds means, and so how two of them compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundKind {
    /// Integers: `-7`.
    Integer,
    /// Days: `2023-01-31`.
    Date,
    /// Wall time: `2023-01-31T12:34:56.123456`, with nine digits where six do not hold it.
    Timestamp,
    /// The same in UTC, ending in `Z`.
    Instant,
    /// Text, by its bytes in UTF-8.
    Text,
}

/// The least and the greatest value of a column.
///
/// A column without any value has neither. One text of more than 64 bytes takes both away: what is
/// kept would depend on which part it stands in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BoundsRecord", into = "BoundsRecord")]
pub struct Bounds {
    kind: BoundKind,
    range: Range,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Range {
    Empty,
    /// Integers, days, or nanoseconds.
    Numbers(i128, i128),
    Texts(String, String),
    TooLong,
}

impl Bounds {
    pub(super) fn empty(kind: BoundKind) -> Self {
        Self {
            kind,
            range: Range::Empty,
        }
    }

    /// What the values are.
    pub fn kind(&self) -> BoundKind {
        self.kind
    }

    /// The least value as text.
    pub fn min(&self) -> Option<String> {
        match &self.range {
            Range::Numbers(min, _) => Some(number_text(self.kind, *min)),
            Range::Texts(min, _) => Some(min.clone()),
            Range::Empty | Range::TooLong => None,
        }
    }

    /// The greatest value as text.
    pub fn max(&self) -> Option<String> {
        match &self.range {
            Range::Numbers(_, max) => Some(number_text(self.kind, *max)),
            Range::Texts(_, max) => Some(max.clone()),
            Range::Empty | Range::TooLong => None,
        }
    }

    /// Whether some text was longer than bounds hold.
    pub fn is_too_long(&self) -> bool {
        self.range == Range::TooLong
    }

    pub(super) fn add_numbers(&mut self, min: i128, max: i128) {
        if let Range::Numbers(least, greatest) = &mut self.range {
            *least = min.min(*least);
            *greatest = max.max(*greatest);
        } else {
            self.range = Range::Numbers(min, max);
        }
    }

    /// Adds the bounds of texts of which none is too long. The memory of earlier ones is kept.
    pub(super) fn add_texts(&mut self, min: &str, max: &str) {
        match &mut self.range {
            Range::Texts(least, greatest) => {
                if min < least.as_str() {
                    min.clone_into(least);
                }
                if max > greatest.as_str() {
                    max.clone_into(greatest);
                }
            }
            Range::TooLong => {}
            _ => self.range = Range::Texts(min.to_owned(), max.to_owned()),
        }
    }

    pub(super) fn add_too_long(&mut self) {
        self.range = Range::TooLong;
    }

    /// Takes in the bounds of other rows of the same column; `false` for another kind.
    pub(super) fn merge(&mut self, other: &Self) -> bool {
        if self.kind != other.kind {
            return false;
        }
        match &other.range {
            Range::Empty => {}
            Range::Numbers(min, max) => self.add_numbers(*min, *max),
            Range::Texts(min, max) => self.add_texts(min, max),
            Range::TooLong => self.add_too_long(),
        }
        true
    }
}

fn number_text(kind: BoundKind, number: i128) -> String {
    match kind {
        BoundKind::Integer | BoundKind::Text => number.to_string(),
        BoundKind::Date => time::date_text(number),
        BoundKind::Timestamp => time::moment_text(number, false),
        BoundKind::Instant => time::moment_text(number, true),
    }
}

fn parse_number(kind: BoundKind, text: &str) -> Option<i128> {
    match kind {
        BoundKind::Integer => text.parse().ok(),
        BoundKind::Date => time::parse_date(text),
        BoundKind::Timestamp => time::parse_moment(text, false),
        BoundKind::Instant => time::parse_moment(text, true),
        BoundKind::Text => None,
    }
}

/// Bounds as they stand in JSON.
#[derive(Serialize, Deserialize)]
struct BoundsRecord {
    kind: BoundKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    too_long: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
fn is_false(value: &bool) -> bool {
    !*value
}

impl From<Bounds> for BoundsRecord {
    fn from(bounds: Bounds) -> Self {
        Self {
            kind: bounds.kind,
            min: bounds.min(),
            max: bounds.max(),
            too_long: bounds.is_too_long(),
        }
    }
}

impl TryFrom<BoundsRecord> for Bounds {
    type Error = Error;

    fn try_from(record: BoundsRecord) -> Result<Self> {
        let kind = record.kind;
        let invalid = |found: String| Error::Invalid {
            what: "bounds",
            expected: format!("a least and a greatest value of kind {kind:?}, or neither"),
            found,
        };
        let number = |text: &str| parse_number(kind, text).ok_or_else(|| invalid(text.to_owned()));
        let range = match (record.min, record.max, record.too_long) {
            (None, None, false) => Range::Empty,
            (None, None, true) if kind == BoundKind::Text => Range::TooLong,
            (Some(min), Some(max), false) if kind == BoundKind::Text => Range::Texts(min, max),
            (Some(min), Some(max), false) => Range::Numbers(number(&min)?, number(&max)?),
            (min, max, _) => return Err(invalid(format!("{min:?} and {max:?}"))),
        };
        Ok(Self { kind, range })
    }
}
