//! New rows of a table beside those that stand: whether a column tells them apart.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, SchemaRef};

use super::ranges::{Known, Ranges, are_apart};
use crate::Source;
use crate::together::keys::common_type;

/// What is seen of some columns of the rows that are made.
pub(crate) struct Told {
    columns: Vec<Column>,
    seen: Mutex<Vec<Option<Ranges>>>,
}

struct Column {
    name: String,
    at: usize,
    /// The type in which values are compared.
    shared: DataType,
}

impl Told {
    /// Watches these columns, as far as their values have an order.
    pub(crate) fn new(schema: &SchemaRef, names: &[String]) -> Self {
        let column = |name: &String| {
            let (at, field) = schema.column_with_name(name)?;
            let data_type = match field.data_type() {
                DataType::Dictionary(_, values) => values.as_ref(),
                other => other,
            };
            Some(Column {
                name: name.clone(),
                at,
                shared: common_type([data_type])?,
            })
        };
        let columns: Vec<Column> = names.iter().filter_map(column).collect();
        let seen = vec![Some(Ranges::default()); columns.len()];
        Self {
            columns,
            seen: Mutex::new(seen),
        }
    }

    /// Looks at rows on their way.
    pub(crate) fn look(&self, rows: &RecordBatch) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (column, seen) in self.columns.iter().zip(seen.iter_mut()) {
            let values: &ArrayRef = rows.column(column.at);
            let is_seen = seen
                .as_mut()
                .and_then(|ranges| ranges.add_values(values, &column.shared));
            if is_seen.is_none() {
                *seen = None;
            }
        }
    }

    /// Whether every list of standing rows differs from all new ones in some column; the columns that
    /// were tried, otherwise.
    pub(crate) fn are_apart(&self, stands: &[Arc<dyn Source>]) -> Result<(), String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let tells = |rows: &Arc<dyn Source>, column: &Column, new: &Option<Ranges>| {
            let new = new.as_ref()?;
            let at = rows.schema().index_of(&column.name).ok()?;
            let mut old = Ranges::default();
            let known = Known::new(&rows.bounds(at)?, &column.shared)?;
            old.add(&known, 0..rows.pieces().len());
            are_apart(&[old, new.clone()]).then_some(())
        };
        let is_apart = |rows: &Arc<dyn Source>| {
            let mut columns = self.columns.iter().zip(seen.iter());
            columns.any(|(column, new)| tells(rows, column, new).is_some())
        };
        if stands.iter().all(is_apart) {
            return Ok(());
        }
        let names = self.columns.iter().map(|column| column.name.as_str());
        Err(names.collect::<Vec<_>>().join(", "))
    }
}
