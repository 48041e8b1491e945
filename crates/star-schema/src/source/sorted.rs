//! Whether row groups, one after the other, are sorted: what each says of itself, and what their
//! statistics prove of their borders.

use std::cmp::Ordering;

use ::parquet::basic::{ConvertedType, LogicalType};
use ::parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData, SortingColumn};
use ::parquet::file::statistics::Statistics;

/// The columns by which all rows are sorted, ascending.
///
/// Inside a row group its own `sorting_columns` count. Across groups the greatest value of the first
/// column must not be above the next group's least one, and the first column must have no nulls. Where
/// the two are equal somewhere, nothing is known of the columns behind the first.
pub(super) fn sorted_by(groups: &[&RowGroupMetaData]) -> Vec<String> {
    let Some(mut keys) = groups.first().map(|group| ascending(group)) else {
        return Vec::new();
    };
    for group in groups {
        let others = ascending(group);
        let same = keys.iter().zip(&others).take_while(|(a, b)| a == b).count();
        keys.truncate(same);
    }
    let Some(first) = keys.first().copied() else {
        return Vec::new();
    };
    let mut ends: Vec<(&Statistics, &ColumnChunkMetaData)> = Vec::with_capacity(groups.len());
    for group in groups.iter().filter(|group| group.num_rows() > 0) {
        let chunk = group.column(first);
        match chunk.statistics() {
            Some(known) if known.null_count_opt() == Some(0) => ends.push((known, chunk)),
            _ => return Vec::new(),
        }
    }
    for pair in ends.windows(2) {
        match border(pair[0], pair[1]) {
            Some(Ordering::Less) => {}
            Some(Ordering::Equal) => keys.truncate(1),
            Some(Ordering::Greater) | None => return Vec::new(),
        }
    }
    let name = |leaf: &usize| {
        let path = groups[0].column(*leaf).column_path();
        // A part of a nested column is none that a model can name.
        (path.parts().len() == 1).then(|| path.string())
    };
    keys.iter().map_while(name).collect()
}

/// The leading sorting columns that ascend.
fn ascending(group: &RowGroupMetaData) -> Vec<usize> {
    let columns = group.sorting_columns().map_or(&[][..], Vec::as_slice);
    let known = |column: &SortingColumn| {
        let leaf = usize::try_from(column.column_idx).ok()?;
        (!column.descending && leaf < group.num_columns()).then_some(leaf)
    };
    columns.iter().map_while(known).collect()
}

/// How the greatest value of one group stands to the least of the next. Bounds may be cut: a greatest
/// value is then above the true one, a least one below, so `Less` and `Equal` still hold.
fn border(
    (before, chunk): (&Statistics, &ColumnChunkMetaData),
    (after, _): (&Statistics, &ColumnChunkMetaData),
) -> Option<Ordering> {
    let column = chunk.column_descr();
    let is_unsigned = matches!(
        column.converted_type(),
        ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::UINT_64
    );
    let is_text = column.converted_type() == ConvertedType::UTF8
        || matches!(column.logical_type_ref(), Some(LogicalType::String));
    if before.is_min_max_deprecated() || after.is_min_max_deprecated() {
        return None;
    }
    match (before, after) {
        (Statistics::Int32(a), Statistics::Int32(b)) if !is_unsigned => {
            Some(a.max_opt()?.cmp(b.min_opt()?))
        }
        (Statistics::Int64(a), Statistics::Int64(b)) if !is_unsigned => {
            Some(a.max_opt()?.cmp(b.min_opt()?))
        }
        (Statistics::ByteArray(a), Statistics::ByteArray(b)) if is_text => {
            Some(a.max_bytes_opt()?.cmp(b.min_bytes_opt()?))
        }
        _ => None,
    }
}
