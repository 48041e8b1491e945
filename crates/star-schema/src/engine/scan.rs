//! Reads a source span by span and gives keys and arguments.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, SchemaRef};
use datafusion::common::DataFusionError;

use super::stream::{self, Batches};
use crate::cut::Below;
use crate::session::{self, BATCH_ROWS, LeasePool};
use crate::{Error, Piece, Result, Source};

/// Rows of a span, at least and at most; a smaller source is cut into [`SPANS`], for all workers.
const SPAN_ROWS: (u64, u64) = (1 << 16, 1 << 20);
const SPANS: u64 = 32;

/// A source under the lower part of a statement.
#[derive(Clone)]
pub(crate) struct Scan {
    pub(crate) below: Arc<Below>,
    pub(crate) source: Arc<dyn Source>,
    /// Pieces, in order, that are read one after the other by one worker.
    pub(crate) spans: Vec<Range<usize>>,
    /// Rows that were read.
    pub(crate) rows: Arc<AtomicU64>,
}

impl Scan {
    pub(crate) fn new(below: &Arc<Below>, source: &Arc<dyn Source>) -> Self {
        Self {
            below: Arc::clone(below),
            source: Arc::clone(source),
            spans: spans(source.pieces()),
            rows: Arc::default(),
        }
    }

    /// The keys and arguments of a span.
    pub(crate) fn open(&self, span: usize) -> Result<Batches> {
        self.open_pieces(self.spans[span].clone())
    }

    /// The keys and arguments of some pieces.
    pub(crate) fn open_pieces(&self, pieces: Range<usize>) -> Result<Batches> {
        let source = Arc::clone(&self.source);
        let columns = self.below.columns.clone();
        let schema = source.schema().project(&columns).map(Arc::new);
        let schema = schema.map_err(|cause| self.failed(cause.into()))?;
        let rows = Arc::clone(&self.rows);
        let batches = pieces.flat_map(move |piece| {
            read_piece(&source, piece, &columns, &schema, BATCH_ROWS, &rows)
        });
        // Nothing below an aggregate keeps rows, so the pool is never asked.
        let context = session::attempt(&LeasePool::new(0)).map_err(|cause| self.failed(cause))?;
        stream::run(&self.below.plan, Box::new(batches), context)
            .map_err(|cause| self.failed(cause))
    }

    /// An error of the engine as ours.
    pub(crate) fn failed(&self, cause: DataFusionError) -> Error {
        engine_error(&self.below.table, cause)
    }
}

/// All rows of a piece; an error at the end if they are not as many as it says.
pub(crate) fn read_piece(
    source: &Arc<dyn Source>,
    piece: usize,
    columns: &[usize],
    schema: &SchemaRef,
    batch_rows: usize,
    rows: &Arc<AtomicU64>,
) -> Batches {
    let expected = source.pieces()[piece];
    let reader = match source.read(piece, columns, batch_rows) {
        Ok(reader) => reader,
        Err(error) => return Box::new(std::iter::once(Err(external(error)))),
    };
    let schema = Arc::clone(schema);
    let rows = Arc::clone(rows);
    let mut reader = Some(reader);
    let mut found = 0;
    Box::new(std::iter::from_fn(move || match reader.as_mut()?.next() {
        Some(Ok(batch)) => {
            let count = batch.num_rows();
            found += count as u64;
            rows.fetch_add(count as u64, Ordering::Relaxed);
            let options = RecordBatchOptions::new().with_row_count(Some(count));
            let columns = batch.columns().to_vec();
            let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options);
            Some(batch.map_err(Into::into))
        }
        Some(Err(error)) => {
            reader = None;
            Some(Err(error.into()))
        }
        None => {
            reader = None;
            (expected.exact && found != expected.rows).then(|| {
                Err(external(Error::Source {
                    place: format!("piece {piece}"),
                    problem: format!("it gave {found} rows, and {} were promised", expected.rows),
                    cause: None,
                }))
            })
        }
    }))
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// An error of the engine as ours: what a source said comes out as it went in.
pub(crate) fn engine_error(table: &str, cause: DataFusionError) -> Error {
    fn ours(cause: DataFusionError) -> Result<Error, DataFusionError> {
        match cause {
            DataFusionError::External(inner) => inner
                .downcast::<Error>()
                .map(|own| *own)
                .map_err(DataFusionError::External),
            DataFusionError::ArrowError(inner, text) => match *inner {
                ArrowError::ExternalError(inner) => inner
                    .downcast::<Error>()
                    .map(|own| *own)
                    .map_err(DataFusionError::External),
                other => Err(DataFusionError::ArrowError(Box::new(other), text)),
            },
            DataFusionError::Context(text, inner) => {
                ours(*inner).map_err(|inner| DataFusionError::Context(text, Box::new(inner)))
            }
            other => Err(other),
        }
    }
    ours(cause).unwrap_or_else(|cause| Error::Engine {
        table: table.to_owned(),
        cause,
    })
}

/// Pieces in spans of about a million rows, which follow from the source alone, whoever reads them.
fn spans(pieces: &[Piece]) -> Vec<Range<usize>> {
    let enough = (source_rows(pieces) / SPANS).clamp(SPAN_ROWS.0, SPAN_ROWS.1);
    let mut spans = Vec::new();
    let (mut start, mut rows) = (0, 0);
    for (number, piece) in pieces.iter().enumerate() {
        rows += piece.rows;
        if rows >= enough || number + 1 == pieces.len() {
            spans.push(start..number + 1);
            (start, rows) = (number + 1, 0);
        }
    }
    spans
}

/// All the rows of a source, as far as it tells.
pub(crate) fn source_rows(pieces: &[Piece]) -> u64 {
    pieces.iter().map(|piece| piece.rows).sum()
}

/// An error for a reader.
pub(crate) fn to_arrow(error: DataFusionError) -> ArrowError {
    match error {
        DataFusionError::ArrowError(inner, _) => *inner,
        other => ArrowError::ExternalError(Box::new(other)),
    }
}
