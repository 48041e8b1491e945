//! Between which values a column lies, piece by piece, as the footers of Parquet files tell it.

use std::sync::Arc;

use ::parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use ::parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use arrow_array::{Array, ArrayRef, UInt64Array};
use arrow_schema::{DataType, Schema};
use datafusion::arrow::compute::{concat, take};

/// Between which values a column lies in each piece of a source.
///
/// Bounds hold, and need not be values that are there: a long text's may be cut.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// No value of the piece is below; null for a piece without any value.
    pub least: ArrayRef,
    /// No value of the piece is above; null for a piece without any value.
    pub greatest: ArrayRef,
    /// Whether some row of the piece may have no value.
    pub has_nulls: Vec<bool>,
}

impl Bounds {
    /// Those of several lists of pieces, one behind the other.
    pub(super) fn joined(all: &[Self]) -> Option<Self> {
        let arrays = |of: &dyn Fn(&Self) -> &ArrayRef| {
            let arrays: Vec<&dyn Array> = all.iter().map(|one| of(one).as_ref()).collect();
            concat(&arrays).ok()
        };
        let nulls = all.iter().flat_map(|one| one.has_nulls.iter().copied());
        Some(Self {
            least: arrays(&|one| &one.least)?,
            greatest: arrays(&|one| &one.greatest)?,
            has_nulls: nulls.collect(),
        })
    }

    /// Those of some of the pieces.
    pub(super) fn of(&self, pieces: &[usize]) -> Self {
        let at = UInt64Array::from_iter_values(pieces.iter().map(|&piece| piece as u64));
        // Every place is there: they are pieces of the same source.
        let taken = |array: &ArrayRef| {
            take(array.as_ref(), &at, None).unwrap_or_else(|_| array.slice(0, 0))
        };
        Self {
            least: taken(&self.least),
            greatest: taken(&self.greatest),
            has_nulls: pieces.iter().map(|&piece| self.has_nulls[piece]).collect(),
        }
    }
}

/// The bounds of a column in each row group of a file; `None` where one does not tell them.
pub(super) fn of_groups(
    footer: &ParquetMetaData,
    schema: &Schema,
    column: usize,
) -> Option<Bounds> {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        // Statistics are of the texts themselves.
        DataType::Dictionary(_, values) => {
            let values = values.as_ref().clone();
            Arc::new(field.as_ref().clone().with_data_type(values))
        }
        _ => Arc::clone(field),
    });
    let plain = Schema::new(fields.collect::<Vec<_>>());
    let field = plain.fields().get(column)?;
    // Numbers with a point have no order that all writers agree on, and lists have none.
    if field.data_type().is_floating() || field.data_type().is_nested() {
        return None;
    }
    let file = footer.file_metadata().schema_descr();
    let converter = StatisticsConverter::try_new(field.name(), &plain, file).ok()?;
    let converter = converter.with_missing_null_counts_as_zero(false);
    let leaf = converter.parquet_column_index()?;
    let groups = footer.row_groups();
    let is_known = |group: &RowGroupMetaData| {
        let known = group.column(leaf).statistics();
        known.is_some_and(|known| !known.is_min_max_deprecated())
    };
    if !groups
        .iter()
        .all(|group| group.num_rows() == 0 || is_known(group))
    {
        return None;
    }
    let least = converter.row_group_mins(groups).ok()?;
    let greatest = converter.row_group_maxes(groups).ok()?;
    let nulls = converter.row_group_null_counts(groups).ok()?;
    let mut has_nulls = Vec::with_capacity(groups.len());
    for (at, group) in groups.iter().enumerate() {
        let rows = group.num_rows().max(0) as u64;
        let count = nulls.is_valid(at).then(|| nulls.value(at));
        let is_empty = rows == 0 || count == Some(rows);
        if !is_empty && (least.is_null(at) || greatest.is_null(at)) {
            return None;
        }
        let may_be_null = field.is_nullable() && count != Some(0);
        has_nulls.push(rows > 0 && may_be_null);
    }
    Some(Bounds {
        least,
        greatest,
        has_nulls,
    })
}
