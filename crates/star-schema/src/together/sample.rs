//! A few rows of a statement, from the first rows of its sources.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::SchemaRef;
use datafusion::common::{DataFusionError, Result as DfResult};

use super::unit::own;
use super::{Held, Rows, Together};
use crate::engine::scan::{Scan, engine_error};
use crate::engine::stream;
use crate::session::{self, LeasePool};
use crate::{BatchReader, Piece, Result, Source};

/// Rows of each source that are read. The sources of one statement often have one order, so that their
/// first rows meet.
const ROWS: u64 = 1 << 16;
/// What the engine may hold for them.
const MEMORY: usize = 64 << 20;

/// Rows in memory, with the columns of the [`Rows`] that they are a sample of.
pub(crate) struct Sample {
    schema: SchemaRef,
    pieces: [Piece; 1],
    batches: Vec<RecordBatch>,
    rows: Arc<Rows>,
}

impl Sample {
    pub(crate) fn take(rows: &Arc<Rows>) -> Result<Arc<Self>> {
        let together = &rows.together;
        let mut held = Vec::new();
        for input in &together.inputs {
            let scan = Scan {
                rows: Arc::new(AtomicU64::new(0)),
                ..input.scan.clone()
            };
            let mut all = Vec::new();
            'read: for span in 0..scan.spans.len() {
                for batch in scan.open(span)? {
                    all.push(batch.map_err(|cause| scan.failed(cause))?);
                    if input.is_cut && scan.rows.load(Ordering::Relaxed) >= ROWS {
                        break 'read;
                    }
                }
            }
            held.push(Held::Whole(Arc::new(all)));
        }
        let failed = |cause| engine_error(&together.table, cause);
        let batches = match together.of(&held) {
            Ok(batches) => batches,
            // Nothing is known then, as if no row had met another.
            Err(error) if session::is_exhausted(&error) => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
        let piece = Piece {
            rows: batches.iter().map(|batch| batch.num_rows() as u64).sum(),
            exact: true,
            bytes: 0,
        };
        Ok(Arc::new(Self {
            schema: rows.schema(),
            pieces: [piece],
            batches,
            rows: Arc::clone(rows),
        }))
    }
}

impl Together {
    /// The statement on whole sources.
    fn of(&self, held: &[Held]) -> DfResult<Vec<RecordBatch>> {
        let give = |leaf: &str, columns: &[usize]| {
            let mut sides = self.inputs.iter().zip(held);
            let side = sides.find(|(input, _)| input.name == leaf);
            let (input, Held::Whole(batches)) = side.ok_or_else(|| missing(leaf))? else {
                return Err(missing(leaf));
            };
            input.whole(batches, columns)
        };
        let context = session::attempt(&LeasePool::new(MEMORY))?;
        stream::run_all(&self.plan, give, context)?.collect()
    }
}

fn missing(leaf: &str) -> DataFusionError {
    DataFusionError::Internal(format!("{leaf} was not read"))
}

impl Source for Sample {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn read(&self, _: usize, columns: &[usize], _: usize) -> Result<BatchReader> {
        let failed =
            |cause: arrow_schema::ArrowError| engine_error(&self.rows.together.table, cause.into());
        let schema = self.schema.project(columns).map(Arc::new).map_err(failed)?;
        let made = self.rows.made(columns);
        let batches = self
            .batches
            .iter()
            .map(|batch| own(&schema, &batch.project(&made)?));
        let batches: Vec<_> = batches.collect();
        Ok(Box::new(RecordBatchIterator::new(batches, schema)))
    }

    fn identity(&self) -> &str {
        self.rows.identity()
    }
}
