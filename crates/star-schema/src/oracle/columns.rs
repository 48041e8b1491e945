//! Columns as they were found beside those that were made.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, SchemaRef, TimeUnit};
use datafusion::arrow::compute::kernels::cmp::distinct;
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::util::display::array_value_to_string;

use super::Differs;
use super::rows::Made;

/// Rows with the columns of a schema, in its order and of its types: another type of the same values
/// will do, as a dictionary of texts.
pub(super) fn of_schema(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, String> {
    let found = rows.schema();
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let Some((at, _)) = found.column_with_name(field.name()) else {
            return Err(format!("no column {}", field.name()));
        };
        let column = rows.column(at);
        let (from, to) = (column.data_type(), field.data_type());
        if kind(from).is_none_or(|from| Some(from) != kind(to)) {
            return Err(format!("column {} of type {from}", field.name()));
        }
        let exact = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        let column = cast_with_options(column, to, &exact);
        columns.push(column.map_err(|error| format!("column {}: {error}", field.name()))?);
    }
    let mut names = found.fields().iter().map(|field| field.name());
    if let Some(other) = names.find(|name| schema.column_with_name(name).is_none()) {
        return Err(format!("a column {other}"));
    }
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(|error| error.to_string())
}

/// What types have in common whose values are the same.
fn kind(data_type: &DataType) -> Option<(&'static str, i8)> {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(("text", 0)),
        DataType::Dictionary(_, values) => kind(values),
        DataType::Decimal128(_, scale) => Some(("decimal", *scale)),
        DataType::Date32 => Some(("date", 0)),
        DataType::Boolean => Some(("boolean", 0)),
        DataType::Timestamp(TimeUnit::Microsecond, None) => Some(("moment", 6)),
        other if other.is_integer() => Some(("whole number", 0)),
        _ => None,
    }
}

/// Tells, row by row, in what rows differ from those that were made for their keys.
pub(super) fn compare(
    rows: &RecordBatch,
    made: &Made,
    differs: &mut Differs<'_>,
) -> Result<(), String> {
    let schema = rows.schema();
    let unknown = made.keys.iter().enumerate();
    let unknown = unknown.filter(|(_, key)| key.is_none());
    let mut cells: Vec<(usize, Option<usize>)> = unknown.map(|(row, _)| (row, None)).collect();
    for (at, (found, made_column)) in rows.columns().iter().zip(&made.columns).enumerate() {
        if found.as_ref() == made_column.as_ref() {
            continue;
        }
        let differing = distinct(found, made_column).map_err(|error| error.to_string())?;
        let differing = differing.values().set_indices();
        let known = differing.filter(|row| made.keys[*row].is_some());
        cells.extend(known.map(|row| (row, Some(at))));
    }
    cells.sort_unstable();
    for (row, column) in cells {
        if let Some(at) = column {
            let texts = || (shown(&made.columns[at], row), shown(rows.column(at), row));
            differs(row, Some(schema.field(at).name()), &texts);
        } else {
            let texts = || ("a key of the star's".to_owned(), whole(rows, row));
            differs(row, None, &texts);
        }
    }
    Ok(())
}

/// A value for people.
fn shown(column: &ArrayRef, row: usize) -> String {
    if column.is_null(row) {
        return "null".to_owned();
    }
    array_value_to_string(column, row).unwrap_or_else(|error| error.to_string())
}

/// A row for people.
fn whole(rows: &RecordBatch, row: usize) -> String {
    let cells = rows.columns().iter().map(|column| shown(column, row));
    cells.collect::<Vec<_>>().join(", ")
}
