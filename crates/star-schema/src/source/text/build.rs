//! A batch on its way: values in, arrays of the asked columns out.

use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::filter::filter_record_batch;

use super::columns::{Column, is_value};
use crate::Result;
use crate::source::files::wrong;

/// Columns of a piece.
///
/// All columns of a row are checked, whichever are asked for: whether a row is a good one must not
/// depend on who reads it.
pub(super) struct Build {
    all: SchemaRef,
    schema: SchemaRef,
    /// For each column of the file, which of the built ones take its values.
    takers: Vec<Vec<usize>>,
    built: Vec<Column>,
    /// One entry a row that the columns have; false for those that turned out bad.
    is_good: Vec<bool>,
}

impl Build {
    /// `schema` has the `columns` of `all`.
    pub(super) fn new(all: &SchemaRef, columns: &[usize], schema: SchemaRef) -> Result<Self> {
        let mut takers: Vec<Vec<usize>> = vec![Vec::new(); all.fields().len()];
        let mut built = Vec::with_capacity(columns.len());
        for (at, (column, field)) in columns.iter().zip(schema.fields()).enumerate() {
            takers[*column].push(at);
            let column = Column::new(field.data_type()).ok_or_else(|| {
                let problem = format!("text files have no {}", field.data_type());
                wrong(format!("column {}", field.name()), problem)
            })?;
            built.push(column);
        }
        Ok(Self {
            all: Arc::clone(all),
            schema,
            takers,
            built,
            is_good: Vec::new(),
        })
    }

    /// All columns of the file.
    pub(super) fn all(&self) -> &SchemaRef {
        &self.all
    }

    /// The columns that come out.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Rows since the last batch, bad ones too.
    pub(super) fn rows(&self) -> usize {
        self.is_good.len()
    }

    /// Takes the value of a row in a column of the file; tells whether it is one of the type.
    pub(super) fn push(&mut self, column: usize, value: Option<&[u8]>) -> bool {
        let takers = &self.takers[column];
        let Some(value) = value else {
            for taker in takers {
                self.built[*taker].push_null();
            }
            return true;
        };
        if takers.is_empty() {
            return is_value(self.all.field(column).data_type(), value);
        }
        let mut is_right = true;
        for taker in takers {
            is_right &= self.built[*taker].push(value);
        }
        is_right
    }

    /// Ends a row, all columns of which were given.
    pub(super) fn end_row(&mut self, is_good: bool) {
        self.is_good.push(is_good);
    }

    /// The good rows; the columns are empty again.
    pub(super) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let is_good = std::mem::take(&mut self.is_good);
        let columns = self.built.iter_mut().map(Column::finish);
        let options = RecordBatchOptions::new().with_row_count(Some(is_good.len()));
        let batch = RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns.collect::<Result<Vec<_>, ArrowError>>()?,
            &options,
        )?;
        if is_good.iter().all(|good| *good) {
            return Ok(batch);
        }
        filter_record_batch(&batch, &BooleanArray::from(is_good))
    }
}
