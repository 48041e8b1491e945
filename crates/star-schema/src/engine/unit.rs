//! The rows of a unit, as a store reads them.

use super::scan::to_arrow;
use super::stream::Batches;
use crate::Result;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use datafusion::common::{DataFusionError, Result as DfResult};
use std::sync::Arc;

/// A unit's rows for the store: of the table's own types, counted, with the first error kept.
pub(crate) struct UnitReader {
    schema: SchemaRef,
    batches: Batches,
    pub(crate) rows: u64,
    pub(crate) error: Option<DataFusionError>,
}

impl UnitReader {
    pub(crate) fn new(schema: &SchemaRef, batches: Batches) -> Self {
        Self {
            schema: Arc::clone(schema),
            batches,
            rows: 0,
            error: None,
        }
    }
}

impl Iterator for UnitReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let own = |batch: RecordBatch| {
            let columns = batch
                .columns()
                .iter()
                .zip(self.schema.fields())
                .map(|(array, field)| {
                    if array.data_type() == field.data_type() {
                        return Ok(Arc::clone(array));
                    }
                    datafusion::arrow::compute::cast(array, field.data_type())
                });
            RecordBatch::try_new(
                Arc::clone(&self.schema),
                columns.collect::<Result<Vec<_>, _>>()?,
            )
        };
        // A batch without rows is no news for a store.
        let is_some =
            |batch: &DfResult<RecordBatch>| !matches!(batch, Ok(batch) if batch.num_rows() == 0);
        match self.batches.find(is_some)? {
            Ok(batch) => {
                self.rows += batch.num_rows() as u64;
                Some(own(batch))
            }
            Err(error) => {
                let told = to_arrow(DataFusionError::Execution(error.strip_backtrace()));
                self.error = Some(error);
                Some(Err(told))
            }
        }
    }
}

impl RecordBatchReader for UnitReader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
