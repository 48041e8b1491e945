//! The rows of a part as JSON can hold them: the source's own, with what JSON has no words for as null.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{
    Array, ArrayRef, Float32Array, Float64Array, ListArray, RecordBatch, StructArray,
};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};

use crate::error::Result;
use crate::messages::pieces::failed_rows;
use crate::messages::plan::{MessagePlan, Rows, groups_of_part};
use crate::source::BoxedReader;

impl MessagePlan<'_> {
    /// Gives all rows of a part to `each`, not always in the order of its messages.
    pub(super) fn each_batch(
        &self,
        part: usize,
        each: &mut dyn FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let failed = |source: ArrowError| failed_rows(&self.table, source);
        let mut read = |reader: BoxedReader| {
            for batch in reader {
                each(&as_json_has_it(&batch.map_err(failed)?).map_err(failed)?)?;
            }
            Ok(())
        };
        match &self.rows {
            Rows::Pieces(pieces) => read(pieces.open(part, self.batch_rows)?),
            // Not batches: the caller takes them as texts.
            Rows::Texts(_) => Ok(()),
            Rows::Lanes(lanes) => {
                let step = groups_of_part(self.settings.max_rows);
                let start = part as u64 * step;
                let groups = start..lanes.groups.min(start + step);
                for range in lanes.ranges(&groups) {
                    let reader = lanes.source.open(range, self.batch_rows).map_err(failed)?;
                    read(reader)?;
                }
                Ok(())
            }
        }
    }
}

/// The columns that [`as_json_has_it`] gives.
pub(super) fn schema_of(schema: &Schema) -> SchemaRef {
    let fields: Vec<FieldRef> = schema.fields().iter().map(nullable).collect();
    Arc::new(Schema::new(fields))
}

fn nullable(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(nullable).collect()),
        DataType::List(child) => DataType::List(nullable(child)),
        other => other.clone(),
    };
    let nullable = Field::new(field.name(), data_type, true);
    Arc::new(nullable.with_metadata(field.metadata().clone()))
}

/// The rows with null in place of numbers that are none.
fn as_json_has_it(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = schema_of(batch.schema_ref());
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(array, field)| finite(array, field));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(schema, columns)
}

fn finite(array: &ArrayRef, field: &FieldRef) -> Result<ArrayRef, ArrowError> {
    Ok(match field.data_type() {
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>();
            if values.values().iter().all(|value| value.is_finite()) {
                return Ok(array.clone());
            }
            let finite = values.iter().map(|value| value.filter(|at| at.is_finite()));
            Arc::new(finite.collect::<Float64Array>())
        }
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>();
            if values.values().iter().all(|value| value.is_finite()) {
                return Ok(array.clone());
            }
            let finite = values.iter().map(|value| value.filter(|at| at.is_finite()));
            Arc::new(finite.collect::<Float32Array>())
        }
        DataType::Struct(fields) => {
            let array = array.as_struct();
            let children = array.columns().iter().zip(fields);
            let children = children.map(|(child, field)| finite(child, field));
            let children = children.collect::<Result<Vec<_>, _>>()?;
            let nulls = array.nulls().cloned();
            Arc::new(StructArray::try_new(fields.clone(), children, nulls)?)
        }
        DataType::List(child) => {
            let list = array.as_list::<i32>();
            let values = finite(list.values(), child)?;
            let nulls = list.nulls().cloned();
            Arc::new(ListArray::try_new(
                child.clone(),
                list.offsets().clone(),
                values,
                nulls,
            )?)
        }
        _ => array.clone(),
    })
}
