//! The vocabulary of columns: pure functions from a row number to a value.
//!
//! A [`Column`] is a description; it becomes values when a table is built, which gives it its
//! stream (keyed by the names of table and column), the table's row count, and the columns before
//! it. Filling a range and gathering scattered rows are the same generic loop.
//!
//! | make it with | Arrow type |
//! |---|---|
//! | [`sequence`], [`integer`], [`uniform`] | Int64 |
//! | [`int32`] | Int32 |
//! | [`float`], [`distribution`] | Float64 |
//! | [`decimal`] | Decimal128 |
//! | [`boolean`] | Boolean |
//! | [`date`], [`timestamp`] | Date32, Timestamp(µs) |
//! | [`text()`] | Utf8 |
//! | [`weighted`], [`category`] | Dictionary(Int32, Utf8), values shared by all batches |
//! | [`foreign_key`], [`foreign_row`], [`parent`] | those of the parent's column |

mod categories;
mod primitives;
mod relations;
mod text;

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, make_array};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field};

pub(crate) use categories::{Categories, category_type};
pub use categories::{category, weighted};
#[cfg(feature = "rand_distr")]
pub use primitives::distribution;
pub use primitives::{boolean, date, decimal, float, int32, integer, sequence, timestamp, uniform};
pub use relations::{ForeignKey, foreign_key, foreign_row, parent};
pub use text::text;
pub(crate) use text::{ascii, utf8};

use crate::error::{Error, Result};
use crate::hints::{self, Hints};
use crate::rows::Rows;
use crate::seed::Stream;
use crate::table::Table;

/// Values of one column of a built table.
pub trait Values: Send + Sync {
    /// The values at these rows, in their order.
    fn take(&self, rows: &Rows<'_>) -> ArrayRef;

    /// For a foreign key: the table it points to, and the parent's row numbers for these rows.
    fn parent_rows(&self, _rows: &Rows<'_>) -> Option<(&Table, Vec<u64>)> {
        None
    }

    /// Whether the values themselves can be null.
    fn nullable(&self) -> bool {
        false
    }

    /// For a foreign key: which of these rows have a parent, where not all do.
    fn with_parent(&self, _rows: &Rows<'_>) -> Option<NullBuffer> {
        None
    }
}

/// What a column knows of the table that it is built into.
pub struct Context<'a> {
    /// The column's own stream.
    pub stream: Stream,
    /// How many rows the table has.
    pub row_count: u64,
    /// The table's name.
    pub table: &'a str,
    /// The column's name.
    pub column: &'a str,
    /// The columns before this one.
    pub(crate) built: &'a [Built],
}

impl Context<'_> {
    pub(crate) fn refuse(&self, reason: impl Into<String>) -> Error {
        Error::BadDefinition {
            table: self.table.to_owned(),
            column: self.column.to_owned(),
            reason: reason.into(),
        }
    }
}

/// A column that has become part of a table.
#[derive(Clone)]
pub(crate) struct Built {
    pub(crate) field: Arc<Field>,
    pub(crate) values: Arc<dyn Values>,
}

type Build = Box<dyn FnOnce(&Context<'_>) -> Result<(DataType, Arc<dyn Values>)> + Send>;
type NullAt = Box<dyn Fn(Stream, u64) -> bool + Send + Sync>;

/// The description of a column, to be given to a [`TableBuilder`](crate::builder::TableBuilder).
pub struct Column {
    build: Build,
    hints: Hints,
    nulls: Option<Nulls>,
}

enum Nulls {
    Share(f64),
    When(NullAt),
}

impl Column {
    /// A column of any kind: its type and values once the table is known.
    pub fn new(
        build: impl FnOnce(&Context<'_>) -> Result<(DataType, Arc<dyn Values>)> + Send + 'static,
    ) -> Self {
        Self {
            build: Box::new(build),
            hints: Hints::default(),
            nulls: None,
        }
    }

    /// One line on what it is.
    #[must_use]
    pub fn doc(self, text: &str) -> Self {
        self.hint(hints::DOC, text)
    }

    /// Part of the primary key.
    #[must_use]
    pub fn key(self) -> Self {
        self.hint(hints::KEY, "primary")
    }

    /// The exact sum of the column is a control total.
    #[must_use]
    pub fn total(self) -> Self {
        self.hint(hints::TOTAL, "sum")
    }

    /// A hint of [`crate::hints`].
    #[must_use]
    pub fn hint(mut self, key: &str, value: &str) -> Self {
        self.hints = self.hints.with(key, value);
        self
    }

    /// Null in that share of the rows, 0 to 1; another share is refused when the table is built.
    #[must_use]
    pub fn nulls(mut self, share: f64) -> Self {
        self.nulls = Some(Nulls::Share(share));
        self
    }

    /// Null where this says so; the stream is one of its own.
    #[must_use]
    pub fn null_when(mut self, null: impl Fn(Stream, u64) -> bool + Send + Sync + 'static) -> Self {
        self.nulls = Some(Nulls::When(Box::new(null)));
        self
    }

    pub(crate) fn build(self, context: &Context<'_>) -> Result<Built> {
        let (data_type, values) = (self.build)(context)?;
        let nullable = self.nulls.is_some() || values.nullable();
        let null: Option<NullAt> = match self.nulls {
            None => None,
            Some(Nulls::When(null)) => Some(null),
            Some(Nulls::Share(share)) if (0.0..=1.0).contains(&share) => {
                Some(Box::new(move |stream, row| stream.unit(row) < share))
            }
            Some(Nulls::Share(share)) => {
                return Err(context.refuse(format!("a share of nulls is 0 to 1, not {share}")));
            }
        };
        let values = match null {
            None => values,
            Some(null) => Arc::new(Nullable {
                values,
                null,
                stream: context.stream.named("null"),
            }),
        };
        let field = Field::new(context.column, data_type, nullable)
            .with_metadata(self.hints.into_metadata());
        Ok(Built {
            field: Arc::new(field),
            values,
        })
    }
}

/// Other values with nulls laid over them.
struct Nullable {
    values: Arc<dyn Values>,
    null: NullAt,
    stream: Stream,
}

impl Nullable {
    fn valid(&self, rows: &Rows<'_>) -> NullBuffer {
        let valid: Vec<bool> = rows.map(|row| !(self.null)(self.stream, row));
        NullBuffer::from(valid)
    }
}

impl Values for Nullable {
    fn take(&self, rows: &Rows<'_>) -> ArrayRef {
        with_nulls(&self.values.take(rows), &self.valid(rows))
    }

    fn parent_rows(&self, rows: &Rows<'_>) -> Option<(&Table, Vec<u64>)> {
        self.values.parent_rows(rows)
    }

    fn nullable(&self) -> bool {
        true
    }

    fn with_parent(&self, rows: &Rows<'_>) -> Option<NullBuffer> {
        Some(self.valid(rows))
    }
}

/// The array with more nulls laid over it.
fn with_nulls(array: &ArrayRef, valid: &NullBuffer) -> ArrayRef {
    let nulls = NullBuffer::union(array.nulls(), Some(valid));
    match array.to_data().into_builder().nulls(nulls).build() {
        Ok(data) => make_array(data),
        Err(error) => unreachable!("a null buffer of the array's own length: {error}"),
    }
}
