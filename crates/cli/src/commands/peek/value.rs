//! The values of one row, for people and for JSON, exactly as files hold them.

use anyhow::Result;
use lakeseed_gen_core::Table;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::report::{Cell, cell};

/// One row: names and values in the order of the columns.
#[derive(Debug, Clone)]
pub(super) struct Row(Vec<(String, Cell)>);

/// The row of a table.
pub(super) fn row(table: &Table, number: u64) -> Result<Row> {
    let end = number.saturating_add(1);
    let batch = table.rows(number..end).batch()?;
    let schema = batch.schema();
    let pairs = schema.fields().iter().zip(batch.columns());
    let cells = pairs.map(|(field, array)| Ok((field.name().clone(), cell(array, 0)?)));
    Ok(Row(cells.collect::<Result<_>>()?))
}

impl Row {
    pub(super) fn cells(&self) -> &[(String, Cell)] {
        &self.0
    }

    /// The value of a column that holds whole numbers.
    pub(super) fn integer(&self, column: &str) -> Option<i64> {
        let (_, cell) = self.0.iter().find(|(name, _)| name == column)?;
        match cell {
            Cell::Bare(text) => text.parse().ok(),
            Cell::Null | Cell::Text(_) => None,
        }
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, cell) in &self.0 {
            map.serialize_entry(name, cell)?;
        }
        map.end()
    }
}
