//! Batches in, totals out.

use std::collections::{BTreeMap, HashSet};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::column::Column;
use super::result::Totals;
use super::{hash, values};
use crate::error::{Error, Result};

/// Rows of a block: their states stay in the nearest cache while column after column is added.
const BLOCK_ROWS: usize = 1024;

/// Works out the [`Totals`] of the batches of one table.
///
/// **Memory**: 16 KiB, and 16 to 32 bytes for each value of the dictionary that a column had last,
/// which it also keeps alive. Flat columns allocate nothing a row; nested ones 16 bytes a child a block.
///
/// Sees to the hints `lakeseed:key` = `primary` and `lakeseed:sorted`, which is believed, and
/// `lakeseed:total` for sums of integers.
#[derive(Debug)]
pub struct Tally {
    columns: Vec<Column>,
    /// What every row's state starts with.
    start: u128,
    states: Vec<u128>,
    rows: u64,
    row_hash: u128,
}

impl Tally {
    /// Binds to the columns of a table.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for intervals, unions, list views and run-end encoded columns,
    /// [`Error::Invalid`] for two columns of one name and for a hint outside the vocabulary.
    pub fn try_new(schema: &SchemaRef) -> Result<Self> {
        let mut names = HashSet::new();
        let mut columns = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            if !names.insert(field.name()) {
                return Err(Error::Invalid {
                    what: "schema",
                    expected: "columns of different names".to_owned(),
                    found: format!("two columns `{}`", field.name()),
                });
            }
            if let Some((column, found)) = values::unsupported(field.name(), field.data_type()) {
                return Err(Error::Unsupported {
                    format: "totals",
                    column,
                    found: Box::new(found),
                });
            }
            columns.push(Column::try_new(field)?);
        }
        let add = |sum: u128, column: &Column| sum.wrapping_add(column.start);
        Ok(Self {
            start: columns.iter().fold(0, add),
            columns,
            states: Vec::with_capacity(BLOCK_ROWS),
            rows: 0,
            row_hash: 0,
        })
    }

    /// Adds the rows of a batch.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the columns are not those of the schema, in its order. Nothing has
    /// been added then.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        self.add_each(batch, &mut |_| ())
    }

    /// The same, and gives the hash of each row to `each`.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub(crate) fn add_each(
        &mut self,
        batch: &RecordBatch,
        each: &mut impl FnMut(u128),
    ) -> Result<()> {
        self.check(batch)?;
        for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
            column.begin(array);
        }
        let rows = batch.num_rows();
        for start in (0..rows).step_by(BLOCK_ROWS) {
            let count = BLOCK_ROWS.min(rows - start);
            self.states.clear();
            self.states.resize(count, 0);
            let mut common = self.start;
            for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
                column.add(array, start, &mut self.states, &mut common);
            }
            for state in &self.states {
                let hash = hash::mix(state.wrapping_add(common));
                self.row_hash = self.row_hash.wrapping_add(hash);
                each(hash);
            }
        }
        self.rows += rows as u64;
        Ok(())
    }

    fn check(&self, batch: &RecordBatch) -> Result<()> {
        let invalid = |expected: String, found: String| Error::Invalid {
            what: "batch",
            expected,
            found,
        };
        let (expected, found) = (self.columns.len(), batch.num_columns());
        if expected != found {
            let text = |columns: usize| format!("{columns} columns");
            return Err(invalid(text(expected), text(found)));
        }
        for (column, field) in self.columns.iter().zip(batch.schema_ref().fields()) {
            if column.name != *field.name() || column.data_type != *field.data_type() {
                return Err(invalid(
                    format!("column `{}` of type {}", column.name, column.data_type),
                    format!("column `{}` of type {}", field.name(), field.data_type()),
                ));
            }
        }
        Ok(())
    }

    /// The totals of all rows since the last call; from here on there are none.
    pub fn take(&mut self) -> Totals {
        let mut totals = Totals {
            rows: std::mem::take(&mut self.rows),
            row_hash: std::mem::take(&mut self.row_hash),
            sums: BTreeMap::new(),
            bounds: BTreeMap::new(),
            nulls: BTreeMap::new(),
        };
        for column in &mut self.columns {
            let name = || column.name.clone();
            if let Some(sum) = &mut column.sum {
                totals.sums.insert(name(), sum.take());
            }
            if let Some(track) = &mut column.track {
                totals.bounds.insert(name(), track.take());
            }
            let nulls = std::mem::take(&mut column.nulls);
            if nulls > 0 {
                totals.nulls.insert(name(), nulls);
            }
        }
        totals
    }
}
