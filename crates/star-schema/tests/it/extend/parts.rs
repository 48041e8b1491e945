//! Batches in memory that come and go as parts, and tell between which values they lie.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchIterator, UInt32Array, new_null_array};
use arrow_schema::SchemaRef;
use datafusion::arrow::compute::{concat, concat_batches, sort_to_indices, take};
use lakeseed_star_schema::{BatchReader, Bounds, Part, Piece, Result, Source};

/// Each part is one piece.
pub(super) struct InParts {
    schema: SchemaRef,
    parts: Vec<(String, RecordBatch)>,
    pieces: Vec<Piece>,
}

impl InParts {
    pub(super) fn new(schema: SchemaRef, parts: Vec<(String, RecordBatch)>) -> Self {
        let piece = |(_, rows): &(String, RecordBatch)| Piece {
            rows: rows.num_rows() as u64,
            exact: true,
            bytes: 1_000,
        };
        Self {
            pieces: parts.iter().map(piece).collect(),
            schema,
            parts,
        }
    }

    /// Rows that were made.
    pub(super) fn of_rows(schema: SchemaRef, batches: &[RecordBatch]) -> Self {
        let all = concat_batches(&schema, batches).unwrap();
        Self::new(schema, vec![("rows".to_owned(), all)])
    }

    pub(super) fn batches(&self) -> Vec<RecordBatch> {
        self.parts.iter().map(|(_, rows)| rows.clone()).collect()
    }
}

impl Source for InParts {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn read(&self, piece: usize, columns: &[usize], _: usize) -> Result<BatchReader> {
        let rows = self.parts[piece].1.project(columns).unwrap();
        let schema = rows.schema();
        Ok(Box::new(RecordBatchIterator::new([Ok(rows)], schema)))
    }

    fn identity(&self) -> &'static str {
        "parts"
    }

    fn parts(&self) -> Vec<Part> {
        let parts = self.parts.iter().enumerate();
        let part = |(at, (name, _)): (usize, &(String, RecordBatch))| Part {
            identity: name.clone(),
            pieces: at..at + 1,
        };
        parts.map(part).collect()
    }

    fn bounds(&self, column: usize) -> Option<Bounds> {
        let ends = self.parts.iter().map(|(_, rows)| ends(rows.column(column)));
        let (least, greatest): (Vec<ArrayRef>, Vec<ArrayRef>) = ends.unzip();
        let joined = |arrays: &[ArrayRef]| {
            let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
            concat(&arrays).ok()
        };
        let nulls = self
            .parts
            .iter()
            .map(|(_, rows)| rows.column(column).null_count() > 0);
        Some(Bounds {
            least: joined(&least)?,
            greatest: joined(&greatest)?,
            has_nulls: nulls.collect(),
        })
    }
}

/// The least and the greatest value, each as an array of one.
fn ends(values: &ArrayRef) -> (ArrayRef, ArrayRef) {
    let order = sort_to_indices(values, None, None).unwrap();
    let values_of = order.iter().flatten();
    let known: Vec<u32> = values_of
        .filter(|&at| values.is_valid(at as usize))
        .collect();
    let one = |at: Option<&u32>| match at {
        Some(&at) => take(values, &UInt32Array::from(vec![at]), None).unwrap(),
        None => new_null_array(values.data_type(), 1),
    };
    (one(known.first()), one(known.last()))
}
